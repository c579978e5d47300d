//! Opens the files that describe guests: plain text of a sensible length only.

use std::fs;
use std::path::Path;

use bootwright::guest::xml::LONGEST;

use crate::XtaskError;

const WANTED: &str =
    "give a file with the text of a domain, a network, a boot server's configuration or a command line";

/// A file's text. Only plain files of a sensible length are opened.
///
/// # Errors
///
/// [`XtaskError`]: it is not there, no plain file, too long, or no text.
pub fn text(path: &Path) -> Result<String, XtaskError> {
    let refuse = |what: String| XtaskError(format!("{}: {what}", path.display()));
    let metadata = fs::metadata(path).map_err(|error| refuse(format!("{error}\n  fix: {WANTED}")))?;
    if !metadata.is_file() {
        let what = if metadata.is_dir() { "a folder" } else { "a device or a pipe" };
        return Err(refuse(format!("this is {what}\n  fix: {WANTED}")));
    }
    if metadata.len() > LONGEST as u64 {
        let what = format!("{} bytes, more than the {LONGEST} that are read", metadata.len());
        return Err(refuse(format!("{what}\n  fix: {WANTED}")));
    }
    let bytes = fs::read(path).map_err(|error| refuse(error.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
        refuse(format!("this is no text: line {line} is not UTF-8\n  fix: {WANTED}"))
    })?;
    if text.trim().is_empty() {
        return Err(refuse(
            "the file is empty\n  fix: give a domain, a network, a boot server's configuration or a command line"
                .to_owned(),
        ));
    }
    Ok(text)
}

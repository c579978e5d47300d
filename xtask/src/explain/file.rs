//! Opens the files that describe guests: plain text of a sensible length only.

use std::fs;
use std::io::Read as _;
use std::path::Path;

use bootwright::guest::xml::LONGEST;

use crate::XtaskError;

const WANTED: &str =
    "give a file with the text of a domain, a network, a boot server's configuration or a command line";

/// The name of a file in what is printed.
pub fn shown(path: &Path) -> String {
    if is_standard_input(path) { "standard input".to_owned() } else { path.display().to_string() }
}

/// Whether a file that a text names by a relative path is there: from the folder of the text, or from where QEMU would be started now.
pub fn is_beside(text: &str, named: &str) -> bool {
    let folder = Path::new(text).parent().unwrap_or(Path::new(""));
    Path::new(named).is_relative() && [folder, Path::new("")].iter().any(|folder| folder.join(named).exists())
}

fn is_standard_input(path: &Path) -> bool {
    ["-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"].iter().any(|name| path == Path::new(name))
}

/// A file's text. Only standard input and plain files of a sensible length are opened.
///
/// # Errors
///
/// [`XtaskError`]: it is not there, no plain file, too long, or no text.
pub fn text(path: &Path) -> Result<String, XtaskError> {
    let refuse = |what: String| XtaskError(format!("{}: {what}", shown(path)));
    let bytes = if is_standard_input(path) {
        // one byte more tells that there is more
        let mut bytes = Vec::new();
        let read = std::io::stdin().lock().take(LONGEST as u64 + 1).read_to_end(&mut bytes);
        read.map_err(|error| refuse(error.to_string()))?;
        bytes
    } else {
        plain(path)?
    };
    if bytes.len() > LONGEST {
        return Err(refuse(format!("more than the {LONGEST} bytes that are read\n  fix: {WANTED}")));
    }
    let text = decoded(bytes)
        .map_err(|line| refuse(format!("this is no text: line {line} is neither UTF-8 nor UTF-16\n  fix: {WANTED}")))?;
    if text.trim().is_empty() {
        return Err(refuse(
            "the file is empty\n  fix: give a domain, a network, a boot server's configuration or a command line"
                .to_owned(),
        ));
    }
    Ok(text)
}

/// The bytes of a plain file.
fn plain(path: &Path) -> Result<Vec<u8>, XtaskError> {
    let refuse = |what: String| XtaskError(format!("{}: {what}", shown(path)));
    let metadata = fs::metadata(path).map_err(|error| refuse(format!("{error}\n  fix: {WANTED}")))?;
    if !metadata.is_file() {
        let what = if metadata.is_dir() { "a folder" } else { "a device or a pipe" };
        return Err(refuse(format!("this is {what}\n  fix: {WANTED}")));
    }
    if metadata.len() > LONGEST as u64 {
        let what = format!("{} bytes, more than the {LONGEST} that are read", metadata.len());
        return Err(refuse(format!("{what}\n  fix: {WANTED}")));
    }
    fs::read(path).map_err(|error| refuse(error.to_string()))
}

/// Text of UTF-8, or of UTF-16 behind a mark of its byte order, as shells of Windows write it; else the line that is none.
fn decoded(bytes: Vec<u8>) -> Result<String, usize> {
    let wide = |order: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes[2..].chunks_exact(2).map(|pair| order([pair[0], pair[1]])).collect();
        String::from_utf16(&units).map_err(|_| 1)
    };
    match bytes.as_slice() {
        [0xff, 0xfe, ..] => wide(u16::from_le_bytes),
        [0xfe, 0xff, ..] => wide(u16::from_be_bytes),
        _ => {
            let text = String::from_utf8(bytes).map_err(|error| {
                let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
                before.iter().filter(|&&byte| byte == b'\n').count() + 1
            })?;
            Ok(text.trim_start_matches('\u{feff}').to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relative_path_is_looked_for_beside_the_text() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("vars.fd"), "x").expect("written");
        let text = folder.path().join("line.txt").display().to_string();
        assert!(is_beside(&text, "vars.fd"));
        assert!(!is_beside(&text, "code.fd"));
        assert!(!is_beside("standard input", "vars.fd"));
        assert!(!is_beside(&text, &folder.path().join("vars.fd").display().to_string()), "that is the platform's");
    }

    #[test]
    fn marks_of_the_byte_order_are_read_and_left_out() {
        assert_eq!(decoded(b"\xef\xbb\xbf<a/>".to_vec()), Ok("<a/>".to_owned()));
        assert_eq!(decoded(b"\xff\xfe<\0a\0".to_vec()), Ok("<a".to_owned()));
        assert_eq!(decoded(b"\xfe\xff\0<\0a".to_vec()), Ok("<a".to_owned()));
        assert_eq!(decoded(b"a\n\xff\xff".to_vec()), Err(2));
        assert_eq!(decoded(b"\xff\xfe\x00\xd8".to_vec()), Err(1));
    }
}

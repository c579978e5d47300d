//! A file of options, `[group "id"]` and `key = "value"`, as `-readconfig` reads it (`qemu_config_foreach` in QEMU's
//! `util/qemu-config.c`).

use super::shell::Word;
use crate::guest::{At, GuestError};

/// Groups that say what a text is.
const NAMES: [&str; 12] = [
    "machine",
    "device",
    "drive",
    "netdev",
    "global",
    "boot-opts",
    "chardev",
    "object",
    "memory",
    "smp-opts",
    "mon",
    "name",
];

/// Whether a text is such a file: it begins with a group.
pub(super) fn is_config(text: &str) -> bool {
    let first = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
    let header = first.and_then(|line| line.strip_prefix('[')?.strip_suffix(']'));
    header.is_some_and(|header| NAMES.contains(&header.split_whitespace().next().unwrap_or_default()))
}

/// The words by which a file is read that was given itself.
pub(super) fn words(file: &str) -> [Word; 2] {
    ["-readconfig", file].map(|text| Word { text: text.to_owned(), at: At { line: 1, column: 1 } })
}

/// A group of the file with its line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Group {
    pub name: String,
    pub pairs: Vec<(String, String)>,
    pub line: u32,
}

/// The groups of a file.
///
/// # Errors
///
/// [`GuestError`] for a line that is none of such a file.
pub(super) fn groups(path: &str, text: &str) -> Result<Vec<Group>, GuestError> {
    let mut groups: Vec<Group> = Vec::new();
    for (line, number) in text.lines().zip(1..) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let header = line.strip_prefix('[').and_then(|line| line.strip_suffix(']'));
        if let Some(header) = header {
            let (name, id) = header.split_once(char::is_whitespace).unwrap_or((header, ""));
            let id = unquoted(id);
            let pairs = if id.is_empty() { Vec::new() } else { vec![("id".to_owned(), id.to_owned())] };
            groups.push(Group { name: name.to_owned(), pairs, line: number });
            continue;
        }
        match (line.split_once('='), groups.last_mut()) {
            (Some((key, value)), Some(group)) => group.pairs.push((key.trim().to_owned(), unquoted(value).to_owned())),
            _ => {
                return Err(GuestError {
                    what: "this is no line of a file for -readconfig".to_owned(),
                    file: path.to_owned(),
                    at: At { line: number, column: 1 },
                    fix: "write [group \"id\"], and key = \"value\" below it".to_owned(),
                });
            }
        }
    }
    Ok(groups)
}

fn unquoted(text: &str) -> &str {
    let text = text.trim();
    text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text)
}

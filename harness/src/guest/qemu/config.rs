//! `-readconfig`: a file of options, `[group "id"]` and `key = "value"` (`qemu_config_foreach` in QEMU's `util/qemu-config.c`).

use super::Reader;
use super::known::{self, base_name};
use super::options::Parts;
use super::words::Word;
use crate::guest::{At, GuestError};

/// Groups of which firmware sees nothing, beside the options of the same name.
const UNSEEN: [&str; 3] = ["memory", "smp-opts", "spice"];
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
pub(super) fn is_file(text: &str) -> bool {
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
struct Group {
    name: String,
    pairs: Vec<(String, String)>,
    line: u32,
}

impl Reader<'_> {
    pub(super) fn read_config(&mut self, value: &Word) -> Result<(), GuestError> {
        let path = value.text.as_str();
        let Some(text) = (self.opened)(path) else {
            // Proxmox' own: bridges, ports and USB controllers, which devices name
            if base_name(path).starts_with("pve-") {
                self.notes
                    .replaced(value.at.line, format!("-readconfig {path}: what it defines is guessed from its names"));
                return Ok(());
            }
            let what =
                format!("-readconfig {path}: the file cannot be read here, and without it the devices are not known");
            return Err(self.error(value, what, "put the file at that path, or beside the text by its name"));
        };
        let is_given = path == self.file;
        if !is_given {
            self.notes.took(value.at.line, format!("-readconfig {path}"));
        }
        for group in groups(path, &text)? {
            let at = if is_given { At { line: group.line, column: 1 } } else { value.at };
            let value = &Word { text: value.text.clone(), at };
            let implied = match group.name.as_str() {
                "device" => "driver",
                "drive" => "file",
                "netdev" | "machine" | "nic" | "net" => "type",
                "boot-opts" => "order",
                "name" => "guest",
                _ => "",
            };
            let parts = Parts::of_pairs(group.pairs, implied);
            match group.name.as_str() {
                "boot-opts" => self.parts("boot", parts, value)?,
                "device" | "drive" | "netdev" | "machine" | "nic" | "net" | "name" => {
                    self.parts(&group.name, parts, value)?
                }
                "global" => {
                    let named = |key| parts.get(key).unwrap_or_default();
                    let text = format!("{}.{}={}", named("driver"), named("property"), named("value"));
                    self.global(&Word { text, at: value.at })?;
                }
                other if known::is_unseen(other) || UNSEEN.contains(&other) => {}
                other => self.notes.ignored(value.at.line, format!("{path} line {}: [{other}]", group.line)),
            }
        }
        Ok(())
    }
}

fn groups(path: &str, text: &str) -> Result<Vec<Group>, GuestError> {
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

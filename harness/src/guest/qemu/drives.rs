//! What is behind a device: `-drive`, `-blockdev`, `-netdev`.

use std::collections::{BTreeMap, BTreeSet};

use super::options::Parts;
use crate::guest::Plug;

/// Block nodes and drives by their names.
#[derive(Default)]
pub(super) struct Drives {
    /// The file of each node that names one.
    files: BTreeMap<String, String>,
    /// The node below each.
    below: BTreeMap<String, String>,
    /// Those of `-drive`.
    drives: BTreeSet<String>,
    /// Those of `-drive` that the board itself has a device for.
    connected: BTreeSet<String>,
    /// Drives that hold optical media.
    optical: BTreeSet<String>,
    /// Nodes that are read only.
    read_only: BTreeSet<String>,
    /// `-drive if=pflash` by unit.
    flash: BTreeMap<usize, Flash>,
    /// Units of those with `if=none`, which QEMU counts too.
    units: BTreeSet<u8>,
}

/// A flash image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Flash {
    pub file: String,
    pub line: u32,
    /// By which word what is written to it is not kept.
    pub lost_by: Option<&'static str>,
}

impl Flash {
    /// One that is written to.
    pub fn plain(file: String, line: u32) -> Flash {
        Flash { file, line, lost_by: None }
    }

    /// That of a `-drive if=pflash`.
    pub fn of(parts: &Parts, file: String, line: u32) -> Flash {
        let words = [("readonly", "readonly=on"), ("read-only", "read-only=on"), ("snapshot", "snapshot=on")];
        let lost_by = words.into_iter().find(|(key, _)| parts.switch(key) == Some(true)).map(|(_, word)| word);
        Flash { file, line, lost_by }
    }
}

impl Drives {
    /// A `-blockdev`, with the nodes that are named inside it.
    pub fn add_node(&mut self, parts: &Parts) {
        let Some(name) = parts.get("node-name") else { return };
        if parts.switch("read-only") == Some(true) {
            self.read_only.insert(name.to_owned());
        }
        let below = parts.get("file").filter(|_| parts.get("filename").is_none());
        match below {
            Some(below) => {
                self.below.insert(name.to_owned(), below.to_owned());
            }
            None => {
                let file = source(parts).unwrap_or_else(|| format!("a {} node", parts.first));
                for (key, inner) in parts.pairs().filter(|(key, _)| key.ends_with(".node-name")) {
                    // what hangs beside the chain is another image
                    if key.trim_end_matches(".node-name").split('.').all(|step| step == "file") {
                        self.files.insert(inner.to_owned(), file.clone());
                    }
                }
                self.files.insert(name.to_owned(), file);
            }
        }
    }

    /// The file that a node or drive ends at.
    pub fn file_of(&self, name: &str) -> Option<String> {
        let mut name = name;
        // a chain cannot be longer than there are nodes
        for _ in 0..=self.below.len() {
            if let Some(file) = self.files.get(name) {
                return Some(file.clone());
            }
            name = self.below.get(name)?;
        }
        None
    }

    /// What QEMU calls the next `-drive if=none` where it has no id (`drive_new` in its `blockdev.c`).
    pub fn name_of_next(&mut self, unit: Option<u8>) -> String {
        let free = || (0..=u8::MAX).find(|unit| !self.units.contains(unit));
        let unit = unit.or_else(free).unwrap_or(u8::MAX);
        self.units.insert(unit);
        format!("none{unit}")
    }

    /// A `-drive if=none`.
    pub fn add_file(&mut self, id: &str, file: String, optical: bool) {
        self.files.insert(id.to_owned(), file);
        self.drives.insert(id.to_owned());
        if optical {
            self.optical.insert(id.to_owned());
        }
    }

    /// A `-drive` without `if=none`: the board connects it.
    pub fn connect(&mut self, id: &str) {
        self.connected.insert(id.to_owned());
    }

    /// Whether the board itself has a device for a drive.
    pub fn is_connected(&self, name: &str) -> bool {
        self.connected.contains(name)
    }

    /// Whether a drive was said to hold optical media, which `-blockdev` has no word for.
    pub fn is_optical(&self, name: &str) -> bool {
        self.optical.contains(name)
    }

    /// Whether a name is of a `-drive`.
    pub fn is_drive(&self, name: &str) -> bool {
        self.drives.contains(name)
    }

    /// Whether a node is read only.
    pub fn is_read_only(&self, name: &str) -> bool {
        self.read_only.contains(name)
    }

    /// A `-drive if=pflash`, of the first unit that is free where none is said; the unit, where another has it.
    pub fn add_flash(&mut self, unit: Option<usize>, flash: Flash) -> Option<usize> {
        let free = || (0..=self.flash.len()).find(|unit| !self.flash.contains_key(unit));
        let unit = unit.or_else(free).unwrap_or_default();
        self.flash.insert(unit, flash).map(|_| unit)
    }

    /// The flash image that a node is.
    pub fn flash_of(&self, node: &str, line: u32) -> Option<Flash> {
        let lost_by = self.read_only.contains(node).then_some("read-only=on");
        Some(Flash { file: self.file_of(node)?, line, lost_by })
    }

    /// The flash image of a unit.
    pub fn flash(&mut self, unit: usize) -> Option<Flash> {
        self.flash.remove(&unit)
    }
}

/// What a drive or node holds: a file, or in words what else a driver of QEMU's reads; `None` for an empty one.
pub(super) fn source(parts: &Parts) -> Option<String> {
    let is_file = |file: &&str| !file.is_empty() && *file != "none";
    let plain = [parts.get("file"), parts.get("filename"), parts.get("url"), parts.get("file.filename")];
    let plain = plain.into_iter().flatten().find(is_file);
    let is_name = |key: &str| ["filename", "url", "path"].contains(&key.rsplit('.').next().unwrap_or_default());
    let nested = || parts.pairs().find(|(key, value)| is_name(key) && is_file(value)).map(|(_, file)| file);
    if let Some(file) = plain.or_else(nested) {
        return Some(file.to_owned());
    }
    // the innermost driver reads it
    let is_driver = |key: &str| key == "driver" || key.ends_with(".driver");
    let is_chain = |key: &str| key.split('.').all(|step| ["file", "driver"].contains(&step));
    let drivers = parts.pairs().filter(|(key, _)| is_driver(key) && is_chain(key));
    let (_, driver) = drivers.max_by_key(|(key, _)| key.len())?;
    let of = |name: &str| parts.pairs().find(|(key, _)| key.rsplit('.').next() == Some(name)).map(|(_, value)| value);
    let named: Vec<&str> = ["pool", "volume", "export", "target", "image"].into_iter().filter_map(of).collect();
    Some(format!("{driver} {}", named.join("/")).trim_end().to_owned())
}

/// What a `-netdev` leads to.
pub(super) fn plug(parts: &Parts) -> Plug {
    match parts.first.as_str() {
        "user" => Plug::User(parts.get("bootfile").map(str::to_owned)),
        "hubport" => Plug::Nothing,
        "bridge" => Plug::Host(format!("bridge {} of the host", parts.get("br").unwrap_or("br0"))),
        "tap" => Plug::Host(format!("tap device {} of the host", parts.get("ifname").unwrap_or("by descriptor"))),
        other => Plug::Host(format!("-netdev {other} of the host")),
    }
}

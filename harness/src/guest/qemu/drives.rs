//! What is behind a device: `-drive`, `-blockdev`, `-netdev`.

use std::collections::BTreeMap;

use super::options::Parts;
use crate::guest::Plug;

/// Block nodes and drives by their names.
#[derive(Default)]
pub(super) struct Drives {
    /// The file of each node that names one.
    files: BTreeMap<String, String>,
    /// The node below each.
    below: BTreeMap<String, String>,
    /// `-drive if=pflash` by unit: path and line.
    flash: BTreeMap<usize, (String, u32)>,
}

impl Drives {
    /// A `-blockdev`.
    pub fn add_node(&mut self, parts: &Parts) {
        let Some(name) = parts.get("node-name") else { return };
        if let Some(file) = ["filename", "file.filename", "url", "file.url"].into_iter().find_map(|key| parts.get(key))
        {
            self.files.insert(name.to_owned(), file.to_owned());
        } else if let Some(below) = parts.get("file") {
            self.below.insert(name.to_owned(), below.to_owned());
        } else {
            self.files.insert(name.to_owned(), format!("a {} node", parts.first));
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

    /// A `-drive if=none`.
    pub fn add_file(&mut self, id: &str, file: String) {
        self.files.insert(id.to_owned(), file);
    }

    /// A `-drive if=pflash`, of the next unit where none is said.
    pub fn add_flash(&mut self, unit: Option<usize>, file: String, line: u32) {
        let unit = unit.unwrap_or(self.flash.len());
        self.flash.insert(unit, (file, line));
    }

    /// The flash image of a unit.
    pub fn flash(&mut self, unit: usize) -> Option<(String, u32)> {
        self.flash.remove(&unit)
    }
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

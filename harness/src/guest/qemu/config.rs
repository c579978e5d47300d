//! `-readconfig`: a file of options, `[group "id"]` and `key = "value"` (`qemu_config_foreach` in QEMU's `util/qemu-config.c`).

use super::Reader;
use super::config_file::groups;
use super::known::{self, base_name};
use super::options::Parts;
use super::words::Word;
use crate::guest::{At, GuestError};

/// Groups of which firmware sees nothing, beside the options of the same name.
const UNSEEN: [&str; 3] = ["memory", "smp-opts", "spice"];

impl Reader<'_> {
    pub(super) fn read_config(&mut self, value: &Word) -> Result<(), GuestError> {
        let path = value.text.as_str();
        let Some(text) = (self.opened)(path) else {
            // Proxmox' own: bridges, ports and USB controllers, which devices name
            if base_name(path).starts_with("pve-") {
                self.is_open = true;
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
                "boot-opts" => {
                    let text: Vec<String> = parts.pairs().map(|(key, value)| format!("{key}={value}")).collect();
                    self.parts("boot", parts, &Word { text: text.join(","), at: value.at })?;
                }
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

//! `-fw_cfg`: entries that firmware reads. edk2 asks for `opt/org.tianocore/` and `opt/ovmf/` (its `OvmfPkg` and `NetworkPkg`),
//! SeaBIOS for `etc/`, `genroms/`, `vgaroms/`, `floppyimg/` and `bootsplash.*`.

use super::Reader;
use super::options::Parts;
use super::words::Word;
use crate::guest::{GuestError, Unapplied};

impl Reader<'_> {
    pub(super) fn fw_cfg(&mut self, value: &Word) -> Result<(), GuestError> {
        let parts = Parts::read(self.file, value, "name")?;
        let (name, line) = (parts.first.as_str(), value.at.line);
        let of_edk2 = ["opt/org.tianocore/", "opt/ovmf/"].iter().any(|prefix| name.starts_with(prefix));
        match parts.get("string").filter(|_| of_edk2) {
            Some(text) => {
                self.fw_cfg.push((name.to_owned(), text.to_owned()));
                self.notes.took(line, format!("-fw_cfg {name}: {text}"));
            }
            None if name.starts_with("opt/") && !of_edk2 => {
                self.notes.ignored(line, format!("-fw_cfg {name}: no firmware reads it"));
            }
            None => {
                self.notes.ignored(line, format!("-fw_cfg {}", value.text));
                let words = format!("-fw_cfg {name} is not taken over, and firmware may read it");
                self.unapplied.push(Unapplied { line, words });
            }
        }
        Ok(())
    }
}

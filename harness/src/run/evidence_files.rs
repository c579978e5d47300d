//! The files of one evidence folder: written before power-on what the machine is, afterwards what was seen.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::json;

use super::damage;
use crate::case::Case;
use crate::evidence::{Recorder, Source, file, nvram};
use crate::machine::{Access, Damage, Machine};
use crate::trace::Trace;
use crate::verdict::stores::{Seen, Stores};
use crate::verdict::views::Views;

/// Where a damaged copy of the OVMF_VARS template is kept.
const DAMAGED_VARS: &str = "media/vars.fd";

/// The template's path in `machine.json`.
pub const TEMPLATE_KEY: &str = "vars_template";

/// One folder.
pub struct EvidenceFiles {
    folder: PathBuf,
    /// The template that the variable store was copied from, and its bytes then.
    template: std::cell::RefCell<Option<(PathBuf, Vec<u8>)>>,
    /// What was done to the first copy of it.
    damage: std::cell::RefCell<Option<Damage>>,
    /// The variable store at the last power-on.
    powered_on: std::cell::RefCell<Vec<u8>>,
    /// The variable store as a guest left it, each time that a story changed something while the machine was off.
    powered_off: std::cell::RefCell<Vec<Seen>>,
    /// How many copies of it were made; each machine that a story migrates to may have one of its own.
    copies: std::cell::Cell<u32>,
}

/// NVRAM before and after, decoded.
#[derive(Default)]
pub struct Written {
    /// Before the first power-on, each time that a story changed something, and at the end: name of the file, content.
    files: Vec<(String, serde_json::Value)>,
    /// The boot options after the run.
    pub boot_options: nvram::BootOptions,
    /// The variable Timeout after the run, seconds.
    pub timeout: Option<u16>,
    /// The stores for expectations.
    pub stores: Option<Stores>,
}

impl EvidenceFiles {
    /// Makes the folder. Old evidence of the same case in it is removed, other files are not touched.
    ///
    /// # Errors
    ///
    /// Which path could not be made, and why.
    pub fn create(folder: &Path) -> Result<EvidenceFiles, String> {
        let media = folder.join("media");
        fs::create_dir_all(&media).map_err(|error| format!("cannot create {}: {error}", media.display()))?;
        // QEMU runs in this folder, so paths must not depend on where the harness was started
        let folder = folder.canonicalize().map_err(|error| format!("cannot resolve {}: {error}", folder.display()))?;
        Ok(EvidenceFiles {
            folder,
            template: std::cell::RefCell::default(),
            damage: std::cell::RefCell::default(),
            powered_on: std::cell::RefCell::default(),
            powered_off: std::cell::RefCell::default(),
            copies: std::cell::Cell::new(1),
        })
    }

    /// The folder, absolute.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where a medium's image goes.
    pub fn medium(&self, name: &str) -> PathBuf {
        self.folder.join("media").join(format!("{name}.img"))
    }

    /// The variable store in use: the last copy that was made.
    pub fn vars(&self) -> PathBuf {
        self.vars_copy(self.copies.get())
    }

    fn vars_copy(&self, copy: u32) -> PathBuf {
        match copy {
            1 => self.folder.join("vars.fd"),
            _ => self.folder.join(format!("vars-{copy}.fd")),
        }
    }

    /// Makes another copy of the template, as untouched as the first one was; it is the variable store from now on.
    ///
    /// # Errors
    ///
    /// The file that could not be written, and why.
    pub fn another_vars(&self) -> Result<(), String> {
        let template = self.template.borrow();
        let Some((_, bytes)) = template.as_ref() else { return Ok(()) };
        self.copies.set(self.copies.get() + 1);
        let copy = self.vars();
        file::write(&copy, bytes).map_err(|error| format!("cannot write {}: {error}", copy.display()))
    }

    /// Makes this machine's own copy of an OVMF_VARS template, damaged if so asked. A damaged one is kept beside the media, for
    /// `command.sh`.
    ///
    /// # Errors
    ///
    /// Which file could not be read, damaged or written, and why.
    pub fn copy_vars(&self, template: &Path, damage: Option<&Damage>) -> Result<PathBuf, String> {
        let bytes = fs::read(template).map_err(|error| format!("cannot read {}: {error}", template.display()))?;
        let copy = self.vars();
        let write = |path: &Path, bytes: &[u8]| {
            file::write(path, bytes).map_err(|error| format!("cannot write {}: {error}", path.display()))
        };
        match damage {
            Some(damage) => {
                let damaged = damage::damaged(&bytes, damage)?;
                write(&self.folder.join(DAMAGED_VARS), &damaged)?;
                write(&copy, &damaged)?;
            }
            None => write(&copy, &bytes)?,
        }
        *self.damage.borrow_mut() = damage.cloned();
        *self.template.borrow_mut() = Some((template.to_path_buf(), bytes));
        Ok(copy)
    }

    /// Damages the variable store in use.
    ///
    /// # Errors
    ///
    /// Why that cannot be done to it, or which file could not be read or written.
    pub fn damage_vars(&self, damage: &Damage) -> Result<(), String> {
        let path = self.vars();
        let bytes = fs::read(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        let damaged = damage::damaged(&bytes, damage)?;
        file::write(&path, &damaged).map_err(|error| format!("cannot write {}: {error}", path.display()))
    }

    /// The machine is powered on: what its variable store holds now is what the guest finds.
    pub fn powered_on(&self) {
        *self.powered_on.borrow_mut() = fs::read(self.vars()).unwrap_or_default();
    }

    /// The machine is off and its story will change something: keeps what the variable store holds now.
    pub fn powered_off(&self) {
        let seen = self.store();
        self.powered_off.borrow_mut().push(seen);
    }

    /// The variable store in use, decoded.
    fn store(&self) -> Seen {
        let bytes = fs::read(self.vars()).map_err(|error| error.to_string())?;
        nvram::decode(&bytes).map_err(|error| error.to_string())
    }

    /// The file from which QEMU offers the boot menu's key to the firmware: its BIOS scan code, one byte.
    ///
    /// # Errors
    ///
    /// The file that could not be written.
    pub fn menu_key(&self, scan_code: u8) -> Result<PathBuf, String> {
        let path = self.folder().join("boot-menu-key.bin");
        file::write(&path, &[scan_code]).map_err(|error| format!("cannot write {}: {error}", path.display()))?;
        Ok(path)
    }

    /// `machine.json`: the machine as data, with what is needed to build its media again.
    ///
    /// # Errors
    ///
    /// The file that could not be written.
    pub fn machine(
        &self,
        case: &Case,
        control: bool,
        machine: &Machine,
        nonces: &BTreeMap<String, String>,
        seed: u64,
    ) -> Result<(), String> {
        let mut value = json!({ "case": case.id, "control": control, "seed": seed, "nonces": nonces, "machine": machine,
            "story": case.story.steps, "expectation": case.expectation });
        if let Some((template, _)) = self.template.borrow().as_ref() {
            value[TEMPLATE_KEY] = json!(template);
        }
        self.json("machine.json", &value)
    }

    /// `command.sh`: the same VM by hand.
    ///
    /// # Errors
    ///
    /// The file that could not be written.
    pub fn command(
        &self,
        case: &Case,
        command: &[OsString],
        env: &[(String, String)],
        argv: &[String],
    ) -> Result<(), String> {
        let mut script = String::from("#!/bin/sh\n");
        script +=
            &format!("# {}: the same machine by hand; serial port and monitor (Ctrl-A c) on this terminal\n", case.id);
        script += "set -eu\ncd \"$(dirname \"$0\")\"\n";
        let source = quote(&Path::new(env!("CARGO_MANIFEST_DIR")).join("..").to_string_lossy());
        script += "if [ ! -d media ]; then # the same bytes again, from machine.json\n    here=$PWD\n";
        script +=
            &format!("    (cd \"${{BOOTWRIGHT_SOURCE:-{source}}}\" && cargo xtask images --again \"$here\")\nfi\n");
        if let Some((template, _)) = self.template.borrow().as_ref() {
            let damaged = self.damage.borrow().is_some();
            let from = if damaged { DAMAGED_VARS.into() } else { template.to_string_lossy() };
            script += &format!("cp {} vars.fd && chmod u+w vars.fd\n", quote(&from));
        }
        for (name, value) in env {
            script += &format!("export {name}={}\n", quote(value));
        }
        let program: Vec<String> = command.iter().map(|word| quote(&word.to_string_lossy())).collect();
        script += &format!("exec {}", program.join(" "));
        for (index, word) in argv.iter().enumerate() {
            // an option begins a line, its value follows it
            let begins = word.starts_with('-') || index == 0;
            script += if begins { " \\\n    " } else { " " };
            script += &quote(word);
        }
        script.push('\n');
        let path = self.folder.join("command.sh");
        self.text("command.sh", &script)?;
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(&path, mode).map_err(|error| format!("cannot make {} executable: {error}", path.display()))
    }

    /// Whether the OVMF_VARS template still holds what was copied from it.
    ///
    /// # Errors
    ///
    /// That it changed while the machine ran, or can no longer be read.
    pub fn template_untouched(&self) -> Result<(), String> {
        let template = self.template.borrow();
        let Some((path, before)) = template.as_ref() else { return Ok(()) };
        let now = fs::read(path).map_err(|error| format!("cannot read {} again: {error}", path.display()))?;
        if now == *before {
            Ok(())
        } else {
            Err(format!("the OVMF_VARS template {} changed while the machine ran: install it again", path.display()))
        }
    }

    /// Decodes the variable store before and after the run and in between, if there is one. A store that cannot be decoded is
    /// evidence too: the guest wrote it, or it was damaged on purpose. `access` is how the machine had it at the end.
    /// A store that is still `overlaid` is not read: its file is older than what the guest sees.
    pub fn nvram(&self, access: Access, overlaid: bool) -> Written {
        let template = self.template.borrow();
        let Some((_, template)) = template.as_ref() else { return Written::default() };
        let before = match self.damage.borrow().as_ref() {
            Some(damage) => damage::damaged(template, damage),
            None => Ok(template.clone()),
        };
        let before: Seen = before.and_then(|bytes| nvram::decode(&bytes).map_err(|error| error.to_string()));
        let after = match access {
            Access::Absent => Err("the machine was powered on without a variable store".to_owned()),
            _ if overlaid => Err("the run ended while an overlay held the variable store".to_owned()),
            Access::ReadOnly | Access::ReadWrite => self.store(),
        };
        let boot_options = after.as_ref().map(nvram::BootOptions::of).unwrap_or_default();
        let timeout = after.as_ref().ok().and_then(nvram::VariableStore::timeout);
        let decoded = |seen: &Seen| match seen {
            Ok(store) => json!(store),
            Err(problem) => json!({ "problem": problem }),
        };
        let powered_off = self.powered_off.borrow().clone();
        let mut files = vec![("nvram-before.json".to_owned(), decoded(&before))];
        let off = powered_off.iter().enumerate();
        files.extend(off.map(|(index, seen)| (format!("nvram-powered-off-{}.json", index + 1), decoded(seen))));
        files.push(("nvram-after.json".to_owned(), decoded(&after)));
        let untouched = fs::read(self.vars()).is_ok_and(|bytes| bytes == *self.powered_on.borrow());
        Written { files, boot_options, timeout, stores: Some(Stores { powered_off, after, untouched }) }
    }

    /// Writes everything seen.
    ///
    /// # Errors
    ///
    /// The file that could not be written, so that a full disk is not taken for a clean run.
    pub fn record(&self, recorder: &Recorder, trace: &Trace, nvram: &Written, views: &Views) -> Result<(), String> {
        let serial = recorder.stream(Source::Serial);
        self.bytes("serial.log", &serial)?;
        self.bytes("debugcon.log", &recorder.stream(Source::DebugConsole))?;
        self.text("qmp.jsonl", &recorder.qmp_jsonl())?;
        self.text("timeline.jsonl", &recorder.timeline_jsonl())?;
        self.json("trace.json", &json!({ "trace": trace, "views": views }))?;
        self.text("screen.txt", &screen(&serial))?;
        nvram.files.iter().try_for_each(|(name, decoded)| self.json(name, decoded))
    }

    /// Removes the media of a case that passed; they can be built again from `machine.json`.
    pub fn drop_media(&self) {
        fs::remove_dir_all(self.folder.join("media")).ok();
        for copy in 1..=self.copies.get() {
            fs::remove_file(self.vars_copy(copy)).ok();
        }
    }

    /// `firmware.json`: what was in the flash at each power-on.
    ///
    /// # Errors
    ///
    /// The file that could not be written.
    pub fn firmware(&self, told: &serde_json::Value) -> Result<(), String> {
        self.json("firmware.json", told)
    }

    fn json(&self, name: &str, value: &impl Serialize) -> Result<(), String> {
        let mut text = serde_json::to_string_pretty(value).map_err(|error| format!("cannot encode {name}: {error}"))?;
        text.push('\n');
        self.text(name, &text)
    }

    fn text(&self, name: &str, text: &str) -> Result<(), String> {
        self.bytes(name, text.as_bytes())
    }

    fn bytes(&self, name: &str, bytes: &[u8]) -> Result<(), String> {
        let path = self.folder.join(name);
        file::write(&path, bytes).map_err(|error| format!("cannot write {}: {error}", path.display()))
    }
}

/// The text screen as the serial console's escape sequences left it.
fn screen(serial: &[u8]) -> String {
    const ROWS: std::num::NonZero<u16> = std::num::NonZero::new(50).expect("not zero");
    const COLUMNS: std::num::NonZero<u16> = std::num::NonZero::new(160).expect("not zero");
    let mut parser = vt100::Parser::new(ROWS, COLUMNS, 0);
    parser.process(serial);
    let mut text = parser.screen().contents();
    text.push('\n');
    text
}

/// A word for `sh`.
fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@+%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_that_changed_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let template = dir.path().join("OVMF_VARS.fd");
        fs::write(&template, b"variables").unwrap();
        let evidence = EvidenceFiles::create(&dir.path().join("case")).unwrap();
        let copy = evidence.copy_vars(&template, None).unwrap();
        fs::write(copy, b"the guest's own").unwrap();
        evidence.template_untouched().unwrap();
        fs::write(&template, b"overwritten").unwrap();
        assert!(evidence.template_untouched().unwrap_err().contains("changed while the machine ran"));
    }

    /// An empty store of 4 KiB in a volume of the same size.
    fn template() -> Vec<u8> {
        let mut bytes = vec![0xff; 4096];
        bytes[..72].fill(0);
        bytes[16..32].copy_from_slice(&[
            0x8d, 0x2b, 0xf1, 0xff, 0x96, 0x76, 0x8b, 0x4c, 0xa9, 0x85, 0x27, 0x47, 0x07, 0x5b, 0x4f, 0x50,
        ]);
        bytes[40..44].copy_from_slice(b"_FVH");
        bytes[48..52].copy_from_slice(&[72, 0, 0x3e, 0x0a]);
        bytes[72..88].copy_from_slice(&[
            0x78, 0x2c, 0xf3, 0xaa, 0x7b, 0x94, 0x9a, 0x43, 0xa1, 0x80, 0x2e, 0x14, 0x4e, 0xc3, 0x77, 0x92,
        ]);
        bytes[88..100].copy_from_slice(&[0, 8, 0, 0, 0x5a, 0xfe, 0, 0, 0, 0, 0, 0]);
        bytes
    }

    #[test]
    fn a_variable_store_is_kept_as_it_was_at_each_moment() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("OVMF_VARS.fd");
        fs::write(&path, template()).unwrap();
        let evidence = EvidenceFiles::create(&dir.path().join("case")).unwrap();
        evidence.copy_vars(&path, Some(&Damage::Full { left: 100 })).unwrap();
        evidence.powered_on();
        assert!(evidence.nvram(Access::ReadWrite, false).stores.unwrap().untouched);
        evidence.powered_off();
        evidence.damage_vars(&Damage::Erased).unwrap();
        let written = evidence.nvram(Access::ReadWrite, false);
        let names: Vec<&str> = written.files.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["nvram-before.json", "nvram-powered-off-1.json", "nvram-after.json"]);
        assert_eq!(written.files[0].1["variables"][0]["name"], "Filler0000", "before is what the guest was given");
        assert_eq!(written.files[0].1, written.files[1].1);
        assert!(written.files[2].1["problem"].as_str().unwrap().contains("not a variable store"));
        assert!(!written.stores.unwrap().untouched);
        let absent = evidence.nvram(Access::Absent, false).stores.unwrap().after.unwrap_err();
        assert_eq!(absent, "the machine was powered on without a variable store");
    }

    #[test]
    fn a_damaged_store_is_what_the_script_copies() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("OVMF_VARS.fd");
        fs::write(&path, template()).unwrap();
        let script = |damage: Option<&Damage>| {
            let evidence = EvidenceFiles::create(&dir.path().join("case")).unwrap();
            evidence.copy_vars(&path, damage).unwrap();
            evidence.command(&Case::new("a::case"), &[], &[], &[]).unwrap();
            fs::read_to_string(evidence.folder().join("command.sh")).unwrap()
        };
        assert!(script(None).contains(&format!("cp {} vars.fd", path.display())));
        assert!(script(Some(&Damage::Erased)).contains("cp media/vars.fd vars.fd"));
        assert_eq!(fs::read(dir.path().join("case").join(DAMAGED_VARS)).unwrap(), [0xff; 4096]);
    }

    #[test]
    fn a_store_that_an_overlay_still_holds_is_not_read_from_the_file_below() {
        let dir = tempfile::tempdir().unwrap();
        let template = dir.path().join("OVMF_VARS.fd");
        fs::write(&template, b"variables").unwrap();
        let evidence = EvidenceFiles::create(&dir.path().join("case")).unwrap();
        evidence.copy_vars(&template, None).unwrap();
        let problem =
            |overlaid| evidence.nvram(Access::ReadWrite, overlaid).files[1].1["problem"].as_str().unwrap().to_owned();
        assert_eq!(problem(true), "the run ended while an overlay held the variable store");
        assert_ne!(problem(false), problem(true));
    }

    #[test]
    fn words_with_spaces_and_quotes_survive_the_shell() {
        for word in ["plain-1.2/x,y=z", "two words", "it's", ""] {
            let out =
                std::process::Command::new("sh").arg("-c").arg(format!("printf %s {}", quote(word))).output().unwrap();
            assert_eq!(String::from_utf8(out.stdout).unwrap(), word);
        }
    }
}

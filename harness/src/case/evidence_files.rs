//! The files of one evidence folder: written before power-on what the machine is, afterwards what was seen.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::json;

use super::Case;
use crate::evidence::{Recorder, Source, nvram};
use crate::machine::Machine;
use crate::trace::Trace;
use crate::verdict::views::Views;

/// One folder.
pub struct EvidenceFiles {
    folder: PathBuf,
    /// The template that the variable store was copied from, and its bytes then.
    template: std::cell::RefCell<Option<(PathBuf, Vec<u8>)>>,
    /// How many copies of it were made; each machine that a story migrates to may have one of its own.
    copies: std::cell::Cell<u32>,
}

/// NVRAM before and after, decoded.
#[derive(Default)]
pub struct Written {
    before: Option<serde_json::Value>,
    after: Option<serde_json::Value>,
    /// The boot options after the run.
    pub boot_options: nvram::BootOptions,
    /// The variable Timeout after the run, seconds.
    pub timeout: Option<u16>,
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
        Ok(EvidenceFiles { folder, template: std::cell::RefCell::new(None), copies: std::cell::Cell::new(1) })
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
        fs::write(&copy, bytes).map_err(|error| format!("cannot write {}: {error}", copy.display()))
    }

    /// Makes this machine's own copy of an OVMF_VARS template.
    ///
    /// # Errors
    ///
    /// Which file could not be read or written, and why.
    pub fn copy_vars(&self, template: &Path) -> Result<PathBuf, String> {
        let bytes = fs::read(template).map_err(|error| format!("cannot read {}: {error}", template.display()))?;
        let copy = self.vars();
        fs::write(&copy, &bytes).map_err(|error| format!("cannot write {}: {error}", copy.display()))?;
        *self.template.borrow_mut() = Some((template.to_path_buf(), bytes));
        Ok(copy)
    }

    /// The file from which QEMU offers the boot menu's key to the firmware: its BIOS scan code, one byte.
    ///
    /// # Errors
    ///
    /// The file that could not be written.
    pub fn menu_key(&self, scan_code: u8) -> Result<PathBuf, String> {
        let path = self.folder().join("boot-menu-key.bin");
        fs::write(&path, [scan_code]).map_err(|error| format!("cannot write {}: {error}", path.display()))?;
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
        let value = json!({ "case": case.id, "control": control, "seed": seed, "nonces": nonces, "machine": machine,
            "story": case.story.steps, "expectation": case.expectation });
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
            script += &format!("cp {} vars.fd && chmod u+w vars.fd\n", quote(&template.to_string_lossy()));
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

    /// Decodes the variable store before and after the run, if there is one. A store that cannot be decoded is evidence
    /// too: the guest wrote it. One that is still `overlaid` is not read: its file is older than what the guest sees.
    pub fn nvram(&self, overlaid: bool) -> Written {
        let template = self.template.borrow();
        let Some((_, before)) = template.as_ref() else { return Written::default() };
        let after = match overlaid {
            true => Err("the run ended while an overlay held the variable store".to_owned()),
            false => fs::read(self.vars()).map_err(|error| error.to_string()),
        };
        let after = after.and_then(|bytes| nvram::decode(&bytes).map_err(|error| error.to_string()));
        let decoded = |store: Result<&nvram::VariableStore, String>| match store {
            Ok(store) => json!(store),
            Err(problem) => json!({ "problem": problem }),
        };
        let boot_options = after.as_ref().map(nvram::BootOptions::of).unwrap_or_default();
        let before = nvram::decode(before).map_err(|error| error.to_string());
        Written {
            before: Some(decoded(before.as_ref().map_err(Clone::clone))),
            after: Some(decoded(after.as_ref().map_err(Clone::clone))),
            boot_options,
            timeout: after.as_ref().ok().and_then(nvram::VariableStore::timeout),
        }
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
        if let Some(before) = &nvram.before {
            self.json("nvram-before.json", before)?;
        }
        if let Some(after) = &nvram.after {
            self.json("nvram-after.json", after)?;
        }
        Ok(())
    }

    /// Removes the media of a case that passed; they can be built again from `machine.json`.
    pub fn drop_media(&self) {
        fs::remove_dir_all(self.folder.join("media")).ok();
        for copy in 1..=self.copies.get() {
            fs::remove_file(self.vars_copy(copy)).ok();
        }
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
        fs::write(&path, bytes).map_err(|error| format!("cannot write {}: {error}", path.display()))
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
        let copy = evidence.copy_vars(&template).unwrap();
        fs::write(copy, b"the guest's own").unwrap();
        evidence.template_untouched().unwrap();
        fs::write(&template, b"overwritten").unwrap();
        assert!(evidence.template_untouched().unwrap_err().contains("changed while the machine ran"));
    }

    #[test]
    fn a_store_that_an_overlay_still_holds_is_not_read_from_the_file_below() {
        let dir = tempfile::tempdir().unwrap();
        let template = dir.path().join("OVMF_VARS.fd");
        fs::write(&template, b"variables").unwrap();
        let evidence = EvidenceFiles::create(&dir.path().join("case")).unwrap();
        evidence.copy_vars(&template).unwrap();
        let problem = |overlaid| evidence.nvram(overlaid).after.unwrap()["problem"].as_str().unwrap().to_owned();
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

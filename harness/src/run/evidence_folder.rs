//! The files of one evidence folder: written before power-on what the machine is, afterwards what was seen.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::{Value, json};

use super::command_script::CommandScript;
use super::error::RunError;
use super::variable_store::DecodedStores;
use crate::evidence::{Recorder, Source, file};
use crate::trace::Trace;
use crate::verdict::views::Views;

/// One folder. It knows its place and nothing of what was written.
pub struct EvidenceFolder {
    path: PathBuf,
}

impl EvidenceFolder {
    /// Makes the folder. Old evidence of the same case in it is removed, other files are not touched.
    ///
    /// # Errors
    ///
    /// Which path could not be made, and why.
    pub fn create(folder: &Path) -> Result<EvidenceFolder, RunError> {
        let media = folder.join("media");
        fs::create_dir_all(&media).map_err(RunError::file("create", &media))?;
        // QEMU runs in this folder, so paths must not depend on where the harness was started
        let path = folder.canonicalize().map_err(RunError::file("resolve", folder))?;
        Ok(EvidenceFolder { path })
    }

    /// The folder, absolute.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where a medium's image goes.
    pub fn medium(&self, name: &str) -> PathBuf {
        self.path.join("media").join(format!("{name}.img"))
    }

    /// The file from which QEMU offers the boot menu's key to the firmware: its BIOS scan code, one byte.
    ///
    /// # Errors
    ///
    /// The file that could not be written.
    pub fn menu_key(&self, scan_code: u8) -> Result<PathBuf, RunError> {
        self.bytes("boot-menu-key.bin", &[scan_code])?;
        Ok(self.path.join("boot-menu-key.bin"))
    }

    /// `command.sh`: the same VM by hand.
    ///
    /// # Errors
    ///
    /// The file that could not be written.
    pub fn command(&self, script: &CommandScript<'_>) -> Result<(), RunError> {
        self.text("command.sh", &script.text())?;
        let path = self.path.join("command.sh");
        let executable = fs::set_permissions(&path, fs::Permissions::from_mode(0o755));
        executable.map_err(RunError::file("make executable", &path))
    }

    /// Writes everything seen.
    ///
    /// # Errors
    ///
    /// The file that could not be written, so that a full disk is not taken for a clean run.
    pub fn record(
        &self,
        recorder: &Recorder,
        trace: &Trace,
        nvram: &DecodedStores,
        views: &Views,
    ) -> Result<(), RunError> {
        let serial = recorder.stream(Source::Serial);
        self.bytes("serial.log", &serial)?;
        self.bytes("debugcon.log", &recorder.stream(Source::DebugConsole))?;
        let vga_text = recorder.stream(Source::Screen);
        if !vga_text.is_empty() {
            self.bytes("vga-text.log", &vga_text)?;
        }
        let measured = trace.payloads.last().and_then(|payload| payload.measured.as_ref());
        if let Some(log) = measured.and_then(|measured| measured.log.as_ref()) {
            self.bytes("event-log.bin", log)?;
        }
        self.text("qmp.jsonl", &recorder.qmp_jsonl())?;
        let timeline = self.path.join("timeline.jsonl");
        let written = file::write_with(&timeline, |out| recorder.write_timeline(out));
        written.map_err(RunError::file("write", &timeline))?;
        self.json("trace.json", &json!({ "trace": trace, "views": views }))?;
        self.text("screen.txt", &screen(&serial))?;
        nvram.files.iter().try_for_each(|(name, decoded)| self.json(name, decoded))
    }

    /// Removes the media; they can be built again from `machine.json`.
    pub fn drop_media(&self) {
        fs::remove_dir_all(self.path.join("media")).ok();
    }

    /// `firmware.json`: what was in the flash at each power-on.
    ///
    /// # Errors
    ///
    /// The file that could not be written.
    pub fn firmware(&self, power_ons: &Value) -> Result<(), RunError> {
        self.json("firmware.json", power_ons)
    }

    pub(super) fn json(&self, name: &str, value: &impl Serialize) -> Result<(), RunError> {
        let cannot = |error| RunError::because(format!("cannot encode {name}"), error);
        let mut text = serde_json::to_string_pretty(value).map_err(cannot)?;
        text.push('\n');
        self.text(name, &text)
    }

    fn text(&self, name: &str, text: &str) -> Result<(), RunError> {
        self.bytes(name, text.as_bytes())
    }

    fn bytes(&self, name: &str, bytes: &[u8]) -> Result<(), RunError> {
        let path = self.path.join(name);
        file::write(&path, bytes).map_err(RunError::file("write", &path))
    }
}

/// The text screen as the serial console's escape sequences left it.
fn screen(serial: &[u8]) -> String {
    const ROWS: std::num::NonZero<u16> = std::num::NonZero::new(50).expect("not zero");
    const COLUMNS: std::num::NonZero<u16> = std::num::NonZero::new(160).expect("not zero");
    // what a flood has scrolled away shows nothing any more
    const SHOWN: usize = 1 << 20;
    let mut parser = vt100::Parser::new(ROWS, COLUMNS, 0);
    parser.process(&serial[serial.len().saturating_sub(SHOWN)..]);
    let mut text = parser.screen().contents();
    text.push('\n');
    text
}

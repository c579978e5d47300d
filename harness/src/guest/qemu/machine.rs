//! What the line says of the machine: board, processor, firmware, boot options.

use super::Reader;
use super::drives::Flash;
use super::known::base_name;
use super::options::Parts;
use super::words::Word;
use crate::guest::boards::{board, cpu_of_host, is_virt};
use crate::guest::firmware::{is_secure_build, is_uefi_file, replaced_bios, replaced_variables, replacement};
use crate::guest::{At, GuestError, Unapplied};
use crate::machine::Board;

/// Firmware that machines here do not have, by parts of the names of its files.
const OTHER_FIRMWARE: [&str; 5] = ["u-boot", "uboot", "coreboot", "qboot", "slimboot"];

impl Reader<'_> {
    /// `-cpu`, which QEMU looks at once it knows the board.
    pub(super) fn cpu(&mut self) {
        let Some((text, line)) = self.asked_cpu.take() else { return };
        let model = text.split(',').next().unwrap_or_default();
        let max = cpu_of_host(self.board).filter(|_| matches!(model, "host" | "max"));
        self.cpu = max.map(str::to_owned);
        let instead = max.map_or("QEMU's default".to_owned(), |max| format!("-cpu {max}"));
        self.notes.replaced(line, format!("-cpu {model}: {instead}"));
    }

    pub(super) fn bios(&mut self, path: &str, line: u32) {
        let name = base_name(path).to_ascii_lowercase();
        if OTHER_FIRMWARE.iter().any(|other| name.contains(other)) {
            let words =
                format!("-bios {path} is by its name other firmware than is booted here, which may try other devices");
            self.unapplied.push(Unapplied { line, words });
        }
        // on RISC-V it runs before UEFI firmware, which lies in flash alone
        let is_before = self.architecture == "riscv64";
        if !is_before && (is_uefi_file(path) || self.architecture == "aarch64" || is_virt(self.board)) {
            self.notes.replaced(line, format!("-bios {path}: {}", replacement(&self.architecture)));
            let uefi = self.uefi.get_or_insert_default();
            (uefi.code, uefi.by_bios) = (Some((path.to_owned(), line)), true);
        } else {
            self.notes.replaced(line, format!("-bios {path}: {}", replaced_bios(&self.architecture)));
        }
    }

    pub(super) fn machine(&mut self, parts: &Parts, word: &Word) -> Result<(), GuestError> {
        let line = word.at.line;
        if !parts.first.is_empty() {
            self.machine_type = parts.first.clone();
            self.board = board(&self.architecture, &parts.first);
            match self.board {
                Some(board) if board.facts().machine_type != parts.first => {
                    let newest = board.facts().machine_type;
                    let instead = format!("machine {}: {newest}, as new as the platform's QEMU", parts.first);
                    self.notes.replaced(line, instead);
                }
                _ => self.notes.took(line, format!("machine {}", parts.first)),
            }
        }
        if parts.switch("graphics") == Some(false) {
            self.serial_console = true;
        }
        self.own_usb |= parts.switch("usb") == Some(true);
        if let Some(smm) = parts.switch("smm").filter(|on| *on) {
            self.uefi.get_or_insert_default().smm = Some(smm);
        }
        for (index, key) in ["pflash0", "pflash1"].into_iter().enumerate() {
            if let Some(node) = parts.get(key) {
                self.pflash[index] = Some((node.to_owned(), line));
            }
        }
        if let Some(text) = self.loadparm(parts, word)? {
            self.boot.loadparm = Some(text.to_owned());
            self.notes.took(line, format!("loadparm={text}"));
        }
        Ok(())
    }

    pub(super) fn boot_options(&mut self, parts: &Parts, word: &Word) -> Result<(), GuestError> {
        self.boot_keys(parts, word)?;
        let number = |key: &str| match parts.get(key) {
            None => Ok(None),
            Some(text) => text
                .parse::<i64>()
                .map(Some)
                .map_err(|_| self.error(word, format!("-boot {key}={text}: a number is wanted"), "give milliseconds")),
        };
        let (timeout, splash) = (number("reboot-timeout")?, number("splash-time")?);
        if timeout.is_some_and(|timeout| !(-1..=65535).contains(&timeout)) {
            let what = format!("-boot reboot-timeout={}: QEMU takes -1 to 65535", timeout.unwrap_or_default());
            return Err(self.error(word, what, "give milliseconds"));
        }
        self.boot.reboot_timeout = timeout.or(self.boot.reboot_timeout);
        self.boot.splash_time = splash.and_then(|time| u32::try_from(time).ok()).or(self.boot.splash_time);
        self.boot.strict = parts.switch("strict").or(self.boot.strict);
        self.boot.menu = parts.switch("menu").or(self.boot.menu);
        if !parts.first.is_empty() {
            self.boot_letters("order", &parts.first, word)?;
            self.boot.order = Some(parts.first.clone());
        }
        if let Some(once) = parts.get("once") {
            self.boot_letters("once", once, word)?;
        }
        self.boot.once = parts.get("once").map(str::to_owned).or(self.boot.once.take());
        self.notes.took(word.at.line, format!("-boot {}", word.text));
        Ok(())
    }

    /// A flash image, of the first unit that is free where none is said.
    ///
    /// # Errors
    ///
    /// [`GuestError`] for a unit that another has.
    pub(super) fn add_flash(&mut self, unit: Option<usize>, flash: Flash, word: &Word) -> Result<(), GuestError> {
        match self.drives.add_flash(unit, flash) {
            None => Ok(()),
            Some(unit) => {
                let what = format!("unit {unit} of flash is given twice (QEMU refuses that)");
                Err(self.error(word, what, "give the code unit=0 and the variables unit=1"))
            }
        }
    }

    /// Takes the flash images for what they are by now: code, then variables.
    ///
    /// # Errors
    ///
    /// [`GuestError`] for variables alone on a PC (`pc_system_firmware_init` in QEMU's `hw/i386/pc_sysfw.c`).
    pub(super) fn flash(&mut self) -> Result<(), GuestError> {
        let is_pc = matches!(self.board, Some(Board::Pc | Board::Q35)) && !self.is_part && !self.is_open;
        let mut has_code = false;
        for index in 0..2 {
            let node = self.pflash[index].take();
            let file = node.and_then(|(node, line)| self.drives.flash_of(&node, line));
            let Some(flash) = file.or_else(|| self.drives.flash(index)) else { continue };
            has_code |= index == 0;
            if is_pc && !has_code {
                return Err(GuestError {
                    what: "unit 1 of flash without unit 0 (QEMU refuses that: \"pflash1 requires pflash0\")".to_owned(),
                    file: self.file.to_owned(),
                    at: At { line: flash.line, column: 1 },
                    fix: "give the code too: -drive if=pflash,unit=0,format=raw,readonly=on,file=OVMF_CODE.fd"
                        .to_owned(),
                });
            }
            let Flash { file: path, line, lost_by } = flash;
            let uefi = self.uefi.get_or_insert_default();
            if index == 0 {
                uefi.line = line;
                if is_secure_build(&path) {
                    uefi.secure_boot = Some(true);
                }
                self.notes.replaced(line, format!("{path}: {}", replacement(&self.architecture)));
                (uefi.code, uefi.by_bios) = (Some((path, line)), false);
            } else {
                self.notes.replaced(line, format!("{path}: {}", replaced_variables(&self.architecture)));
                uefi.variables = Some((path, line));
                uefi.lost_by = lost_by;
            }
        }
        // -machine smm=on alone is no firmware
        if self.uefi.as_ref().is_some_and(|uefi| uefi.code.is_none() && uefi.variables.is_none()) {
            self.uefi = None;
        }
        Ok(())
    }
}

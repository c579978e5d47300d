//! QEMU's command line: as it is typed, as `ps` shows it, as libvirt logs it, as Proxmox and nova make it.
//!
//! What firmware does not see is ignored; an option that is not known is noted, since builds have options of their own.

mod builtin;
mod buses;
mod cards;
mod device;
mod drives;
mod free;
mod options;
mod short;
mod short_drive;
#[cfg(test)]
mod tests;
mod typed;
pub mod words;

use std::collections::BTreeMap;

use super::firmware::{is_secure_build, is_uefi_file, replaced_variables, replacement};
use super::hmp::Command;
use super::libvirt::board_of;
use super::{Guest, GuestDevice, GuestError, GuestFirmware, Notes, Origin, Plug, Uefi};
use crate::machine::{Board, BootOptions, DeviceClass};
use buses::Buses;
use cards::BuiltIn;
use drives::Drives;
use options::Parts;
use short_drive::ShortDrive;
use words::Word;

/// Options without a value.
const FLAGS: [&str; 24] = [
    "S",
    "nodefaults",
    "no-user-config",
    "no-shutdown",
    "no-reboot",
    "no-hpet",
    "no-acpi",
    "nographic",
    "enable-kvm",
    "daemonize",
    "snapshot",
    "usb",
    "s",
    "only-migratable",
    "mem-prealloc",
    "no-fd-bootchk",
    "win2k-hack",
    "full-screen",
    "no-quit",
    "curses",
    "preconfig",
    "no-kvm",
    "enable-dpdk",
    "nodefconfig",
];
/// Options whose values firmware does not see.
const UNSEEN: [&str; 42] = [
    "accel",
    "smp",
    "m",
    "mem-path",
    "uuid",
    "chardev",
    "mon",
    "qmp",
    "monitor",
    "serial",
    "parallel",
    "rtc",
    "object",
    "overcommit",
    "sandbox",
    "msg",
    "display",
    "vnc",
    "spice",
    "k",
    "audiodev",
    "pidfile",
    "realtime",
    "numa",
    "smbios",
    "global",
    "add-fd",
    "watchdog",
    "watchdog-action",
    "trace",
    "D",
    "d",
    "tpmdev",
    "fsdev",
    "virtfs",
    "iscsi",
    "set",
    "runas",
    "L",
    "vga",
    "icount",
    "seed",
];

/// Reads a command line. What stands before the program, as `ps` prints it, is skipped; options alone will do.
///
/// # Errors
///
/// [`GuestError`]: no QEMU on the line, a value that cannot be read, a drive or bus that nothing defines, two devices of
/// one rank.
pub fn read(file: &str, words: &[Word]) -> Result<Guest, GuestError> {
    read_typed(file, words, "", &[])
}

/// Reads a command line and what is typed at the monitor of the guest before it runs; `typed_file` names that text.
///
/// # Errors
///
/// As [`read`], and for a command that cannot be followed.
pub fn read_typed(file: &str, words: &[Word], typed_file: &str, typed: &[Command]) -> Result<Guest, GuestError> {
    let is_qemu = |word: &Word| {
        let name = word.text.rsplit('/').next().unwrap_or_default();
        name.starts_with("qemu-system-") || name == "qemu-kvm" || name == "kvm" || name == "qemu"
    };
    let options_alone = words.first().is_some_and(|word| word.text.starts_with('-'));
    // a log may speak of QEMU before its command line
    let has_options = |&at: &usize| words.get(at + 1).is_some_and(|word| word.text.starts_with('-'));
    let candidates = || words.iter().enumerate().filter(|(_, word)| is_qemu(word)).map(|(at, _)| at);
    let program = candidates().find(has_options).or_else(|| candidates().next());
    let Some(first) = program.map(|start| start + 1).or(options_alone.then_some(0)) else {
        let at = words.first().map(|word| word.at).unwrap_or(super::At { line: 1, column: 1 });
        let what = "no word of the text is a QEMU program".to_owned();
        let fix = "give the whole command line, beginning with qemu-system-x86_64, qemu-kvm or kvm".to_owned();
        return Err(GuestError { what, file: file.to_owned(), at, fix });
    };
    let program = program.map_or("", |start| words[start].text.rsplit('/').next().unwrap_or_default());
    let architecture = program.strip_prefix("qemu-system-").unwrap_or("x86_64").trim_end_matches(".bin").to_owned();
    let mut reader = Reader::new(file, architecture);
    reader.is_part = options_alone;
    let mut rest = words[first..].iter().peekable();
    while let Some(word) = rest.next() {
        let Some(option) = word.text.strip_prefix('-').map(|option| option.strip_prefix('-').unwrap_or(option)) else {
            if word.begins_line && !options_alone {
                let words = format!("\"{}\" and what follows: the command has ended with the line before", word.text);
                reader.notes.ignored(word.at.line, words);
                break;
            }
            reader.stray(word);
            continue;
        };
        if option.is_empty() || FLAGS.contains(&option) {
            reader.flag(option, word);
            continue;
        }
        // a value may begin with a sign only where it is a number
        let is_value = |word: &&&Word| {
            let mut letters = word.text.chars();
            letters.next() != Some('-')
                || !letters.next().is_some_and(|letter| letter.is_ascii_alphabetic() || letter == '-')
        };
        let value = rest.next_if(|word| is_value(&word));
        reader.option(option, word, value)?;
    }
    reader.finish(typed_file, typed)
}

struct Reader<'a> {
    file: &'a str,
    architecture: String,
    name: String,
    machine_type: String,
    board: Option<Board>,
    uefi: Option<Uefi>,
    /// Node names that `-machine pflash0=` and `pflash1=` name.
    pflash: [Option<(String, u32)>; 2],
    cpu: Option<String>,
    rng: bool,
    boot: BootOptions,
    serial_console: bool,
    kernel: Option<(String, u32)>,
    drives: Drives,
    netdevs: BTreeMap<String, Plug>,
    devices: Vec<(Parts, Word)>,
    /// Drives that make a device by themselves.
    short: Vec<ShortDrive>,
    built_in: BuiltIn,
    /// Options alone, without a program: not the whole line, so that nothing follows from what it does not say.
    is_part: bool,
    /// Drivers that `-global` names, which count as devices for what QEMU adds.
    globals: Vec<String>,
    /// Ranks of floppy drives A and B.
    floppies: [Option<i64>; 2],
    notes: Notes,
}

impl<'a> Reader<'a> {
    fn new(file: &'a str, architecture: String) -> Reader<'a> {
        Reader {
            file,
            board: board_of(&architecture, "pc"),
            architecture,
            name: "unnamed".to_owned(),
            machine_type: "pc".to_owned(),
            uefi: None,
            pflash: [None, None],
            cpu: None,
            rng: false,
            boot: BootOptions::default(),
            serial_console: false,
            kernel: None,
            drives: Drives::default(),
            netdevs: BTreeMap::new(),
            devices: Vec::new(),
            short: Vec::new(),
            built_in: BuiltIn::default(),
            is_part: false,
            globals: Vec::new(),
            floppies: [None, None],
            notes: Notes::default(),
        }
    }

    fn error(&self, word: &Word, what: impl Into<String>, fix: impl Into<String>) -> GuestError {
        GuestError { what: what.into(), file: self.file.to_owned(), at: word.at, fix: fix.into() }
    }

    fn flag(&mut self, option: &str, word: &Word) {
        match option {
            "S" => {
                let words = "-S: whoever started it lets it run later; --paused tries what is plugged in meanwhile";
                self.notes.ignored(word.at.line, words);
            }
            "nodefaults" => self.built_in.none = true,
            _ => {}
        }
    }

    fn option(&mut self, option: &str, word: &Word, value: Option<&Word>) -> Result<(), GuestError> {
        let Some(value) = value else {
            self.notes.ignored(word.at.line, format!("{} has no value, or is not known here", word.text));
            return Ok(());
        };
        let line = value.at.line;
        let parts = |implied: &str| Parts::read(self.file, value, implied);
        match option {
            "name" => {
                let parts = parts("guest")?;
                self.name = parts.first;
            }
            "machine" | "M" => self.machine(&parts("type")?, line),
            "cpu" => self.cpu(&value.text, line),
            "bios" => self.bios(&value.text, line),
            "boot" => self.boot_options(&parts("order")?, value)?,
            "drive" => {
                let parts = parts("file")?;
                self.drive(&parts, value)?;
            }
            "blockdev" => {
                let parts = parts("driver")?;
                self.drives.add_node(&parts);
            }
            "netdev" => {
                let parts = parts("type")?;
                let id = parts.get("id").unwrap_or_default().to_owned();
                self.netdevs.insert(id, drives::plug(&parts));
                self.built_in.network = true;
            }
            "device" => {
                let parts = parts("driver")?;
                self.devices.push((parts, value.clone()));
            }
            "nic" => self.built_in.nic(&parts("type")?, line),
            "net" => self.built_in.net(&parts("type")?, line),
            "hda" | "hdb" | "hdc" | "hdd" | "cdrom" | "fda" | "fdb" => self.short_drive(option, value),
            "kernel" => {
                self.notes.ignored(
                    line,
                    format!("-kernel {}: QEMU gives it to the firmware before every device", value.text),
                );
                self.kernel = Some((value.text.clone(), line));
            }
            "initrd" | "append" | "dtb" => {}
            "readconfig" => {
                self.notes
                    .replaced(line, format!("-readconfig {}: what it defines is guessed from its names", value.text));
            }
            "fw_cfg" => self.notes.ignored(line, format!("-fw_cfg {}", value.text)),
            "global" => self.global(&parts("")?, &value.text),
            other if UNSEEN.contains(&other) => {}
            _ => self.notes.ignored(word.at.line, format!("{} is not known here", word.text)),
        }
        Ok(())
    }

    fn cpu(&mut self, text: &str, line: u32) {
        let model = text.split(',').next().unwrap_or_default();
        let max = matches!(model, "host" | "max");
        self.cpu = max.then(|| "max".to_owned());
        let instead = if max { "-cpu max" } else { "QEMU's default" };
        self.notes.replaced(line, format!("-cpu {model}: {instead}"));
    }

    fn bios(&mut self, path: &str, line: u32) {
        if is_uefi_file(path) || self.architecture == "aarch64" {
            self.notes.replaced(line, format!("-bios {path}: {}", replacement(&self.architecture)));
            self.uefi.get_or_insert_default().code = Some((path.to_owned(), line));
        } else {
            self.notes.replaced(line, format!("-bios {path}: the platform's SeaBIOS"));
        }
    }

    fn machine(&mut self, parts: &Parts, line: u32) {
        if !parts.first.is_empty() {
            self.machine_type = parts.first.clone();
            self.board = board_of(&self.architecture, &parts.first);
            match self.board {
                Some(board) if board.name() != parts.first => {
                    let instead = format!("machine {}: {}, as new as the platform's QEMU", parts.first, board.name());
                    self.notes.replaced(line, instead);
                }
                _ => self.notes.took(line, format!("machine {}", parts.first)),
            }
        }
        if parts.switch("graphics") == Some(false) {
            self.serial_console = true;
        }
        if let Some(smm) = parts.switch("smm").filter(|on| *on) {
            self.uefi.get_or_insert_default().smm = Some(smm);
        }
        for (index, key) in ["pflash0", "pflash1"].into_iter().enumerate() {
            if let Some(node) = parts.get(key) {
                self.pflash[index] = Some((node.to_owned(), line));
            }
        }
    }

    fn boot_options(&mut self, parts: &Parts, word: &Word) -> Result<(), GuestError> {
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
            self.boot.order = Some(parts.first.clone());
        }
        self.boot.once = parts.get("once").map(str::to_owned).or(self.boot.once.take());
        self.notes.took(word.at.line, format!("-boot {}", word.text));
        Ok(())
    }

    /// `-global isa-fdc.bootindexA=1`, which carries a floppy's rank.
    fn global(&mut self, parts: &Parts, text: &str) {
        let driver = parts.get("driver").or_else(|| text.split_once('.').map(|(driver, _)| driver));
        self.globals.extend(driver.map(str::to_owned));
        for (index, letter) in ["A", "B"].into_iter().enumerate() {
            let named = parts.get(&format!("isa-fdc.bootindex{letter}"));
            let spelled = (parts.get("driver") == Some("isa-fdc")
                && parts.get("property") == Some(&format!("bootindex{letter}")))
            .then(|| parts.get("value"))
            .flatten();
            if let Some(rank) = named.or(spelled).and_then(|rank| rank.parse().ok()) {
                self.floppies[index] = Some(rank);
            }
        }
    }

    fn finish(mut self, typed_file: &'a str, typed: &[Command]) -> Result<Guest, GuestError> {
        self.flash();
        let buses = Buses::of(&self.devices, self.board);
        let short = self.short_devices();
        let built_in = self.built_in(&short);
        // the board makes its drives and cards first; a drive of if=virtio is a device behind those that are named
        let (late, mut devices): (Vec<_>, Vec<_>) =
            short.into_iter().partition(|device| device.device.class == DeviceClass::VirtioBlk);
        devices.extend(built_in);
        for (parts, word) in std::mem::take(&mut self.devices) {
            devices.extend(self.device(&parts, &word, &buses, &devices)?);
        }
        devices.extend(late);
        let file = std::mem::replace(&mut self.file, typed_file);
        let typed = self.follow(typed, &buses, &mut devices)?;
        self.file = file;
        one_rank_each(self.file, &devices)?;
        let firmware = self.uefi.take().map_or(GuestFirmware::Bios, GuestFirmware::Uefi);
        for device in &devices {
            let rank = device.device.bootindex.filter(|rank| *rank >= 0);
            let rank = rank.map_or("no rank".to_owned(), |rank| format!("bootindex {rank}"));
            self.notes.took(device.line, format!("{}: {}, {rank}", device.name, device.kind));
            let what = match (&device.source, &device.network) {
                (Some(source), _) => format!("{source}: a medium of our own"),
                (None, Some(_)) => "what it is plugged into: a network of our own".to_owned(),
                (None, None) => "an empty drive stays empty".to_owned(),
            };
            self.notes.replaced(device.line, format!("{}: {what}", device.name));
        }
        Ok(Guest {
            file: self.file.to_owned(),
            origin: Origin::Qemu,
            name: self.name,
            architecture: self.architecture,
            machine_type: self.machine_type,
            board: self.board,
            firmware,
            cpu: self.cpu,
            rng: self.rng,
            boot: self.boot,
            serial_console: self.serial_console,
            kernel: self.kernel,
            devices,
            typed,
            line: 1,
            by_class: None,
            notes: self.notes,
        })
    }

    /// Takes the flash images for what they are by now: code, then variables.
    fn flash(&mut self) {
        for index in 0..2 {
            let node = self.pflash[index].take();
            let file = node.and_then(|(node, line)| Some((self.drives.file_of(&node)?, line)));
            let Some((path, line)) = file.or_else(|| self.drives.flash(index)) else { continue };
            let uefi = self.uefi.get_or_insert_default();
            if index == 0 {
                uefi.line = line;
                if is_secure_build(&path) {
                    uefi.secure_boot = Some(true);
                }
                self.notes.replaced(line, format!("{path}: {}", replacement(&self.architecture)));
                uefi.code = Some((path, line));
            } else {
                self.notes.replaced(line, format!("{path}: {}", replaced_variables(&self.architecture)));
                uefi.variables = Some((path, line));
            }
        }
        // -machine smm=on alone is no firmware
        if self.uefi.as_ref().is_some_and(|uefi| uefi.code.is_none() && uefi.variables.is_none()) {
            self.uefi = None;
        }
    }
}

/// QEMU refuses a second device of the same rank.
fn one_rank_each(file: &str, devices: &[GuestDevice]) -> Result<(), GuestError> {
    let mut seen: BTreeMap<i64, &str> = BTreeMap::new();
    for device in devices {
        let Some(rank) = device.device.bootindex.filter(|rank| *rank >= 0) else { continue };
        if let Some(first) = seen.insert(rank, &device.name) {
            return Err(GuestError {
                what: format!(
                    "bootindex {rank} is used by two devices, {first} and {} (QEMU refuses that)",
                    device.name
                ),
                file: file.to_owned(),
                at: super::At { line: device.line, column: 1 },
                fix: "give each device a bootindex of its own".to_owned(),
            });
        }
    }
    Ok(())
}

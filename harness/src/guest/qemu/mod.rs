//! QEMU's command line: as it is typed, as `ps` shows it, as libvirt logs it, as Proxmox and nova make it.
//!
//! What firmware does not see is ignored; an option that is not known is noted, since builds have options of their own.

mod adapters;
mod ata;
mod boot_order;
mod builtin;
#[cfg(test)]
mod bus_tests;
mod buses;
mod cards;
mod channel;
mod commands;
mod config;
mod config_file;
mod controller;
mod device;
mod drives;
mod floppies;
mod free;
mod fw_cfg;
mod known;
mod line;
mod lists;
mod machine;
mod namespaces;
mod options;
mod others;
mod properties;
mod property;
mod proxmox;
mod refused;
mod shell;
mod short;
mod short_drive;
mod slot_order;
mod slots;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod text_tests;
mod twice;
mod typed;
mod usb;
pub mod words;

use std::collections::{BTreeMap, BTreeSet};

use super::boards::{board, default_of_qemu, has_own_firmware, is_ccw, is_pseries, is_virt};
use super::functions;
use super::hmp::Command;
use super::loadparm;
use super::{Guest, GuestDevice, GuestError, GuestFirmware, Notes, Origin, Plug, Uefi, Unapplied, Untried};
use crate::machine::{Board, BootOptions, DeviceClass};
use adapters::Adapters;
use buses::Buses;
use cards::BuiltIn;
use controller::Controller;
use drives::{Drives, Flash};
use line::{CommandLine, Quotes};
use options::Parts;
use property::Global;
use short_drive::ShortDrive;
use slots::Slots;
use words::Word;

/// How a text with a command line is read.
pub struct Reading<'a> {
    /// The line of the command that is meant, where the text has several; the last one without it.
    pub line: Option<u32>,
    /// What is typed at the monitor of the guest before it runs, with the name of that text.
    pub typed: (&'a str, &'a [Command]),
    /// Gives the text of a file that the line names with `-readconfig`.
    pub opened: &'a dyn Fn(&str) -> Option<String>,
}

impl Default for Reading<'_> {
    fn default() -> Self {
        Reading { line: None, typed: ("", &[]), opened: &|_| None }
    }
}

/// Reads the command line in a text: a shell's script, lines of `ps`, a log of libvirt or Packer. Of several the last one is taken,
/// or that on the line that is asked for, which is noted. What stands around it is left out; options alone will do, in a file of
/// `-readconfig` too. A guest's file of Proxmox is read as the line that it makes of it.
///
/// # Errors
///
/// As [`read`], for a text without a command line, and for a file of `-readconfig` that is not there.
pub fn read_text(file: &str, text: &str, reading: &Reading<'_>) -> Result<Guest, GuestError> {
    if config_file::is_config(text) {
        let itself = |path: &str| if path == file { Some(text.to_owned()) } else { (reading.opened)(path) };
        let line = CommandLine { is_part: true, ..CommandLine::of_words(&config_file::words(file)) };
        return Reader::new(file, &itself).guest(line, reading.typed);
    }
    let line = commands::of_text(file, text, reading.line)?;
    Reader::new(file, reading.opened).guest(line, reading.typed)
}

/// Reads a command line that is split into words already. What stands before the program is skipped; options alone will do.
///
/// # Errors
///
/// [`GuestError`]: no QEMU on the line, a value that cannot be read, a drive or bus that nothing defines, two devices of
/// one rank.
pub fn read(file: &str, words: &[Word], reading: &Reading<'_>) -> Result<Guest, GuestError> {
    Reader::new(file, reading.opened).guest(CommandLine::of_words(words), reading.typed)
}

struct Reader<'a> {
    file: &'a str,
    opened: &'a dyn Fn(&str) -> Option<String>,
    architecture: String,
    name: String,
    machine_type: String,
    board: Option<Board>,
    uefi: Option<Uefi>,
    /// Node names that `-machine pflash0=` and `pflash1=` name.
    pflash: [Option<(String, u32)>; 2],
    cpu: Option<String>,
    /// `-cpu` as it is written, with its line.
    asked_cpu: Option<(String, u32)>,
    rng: bool,
    boot: BootOptions,
    /// Each order by classes as the line says it, with its letters.
    boot_classes: Vec<(String, String, Word)>,
    serial_console: bool,
    kernel: Option<(String, u32)>,
    drives: Drives,
    netdevs: BTreeMap<String, Plug>,
    devices: Vec<(Parts, Word)>,
    /// Drives that make a device by themselves.
    short: Vec<ShortDrive>,
    built_in: BuiltIn,
    /// Who has which slot of PCI so far, where the board has any.
    slots: Option<Slots>,
    /// `-vga` as it is written.
    screen: Option<String>,
    /// QEMU adds a screen, or is asked for one.
    has_screen: bool,
    /// The ranks that the floppy controller has for its two drives.
    floppy_ranks: [Option<i64>; 2],
    /// There is a floppy controller of which the board has none by itself.
    has_floppies: bool,
    /// The line of the program.
    line: u32,
    /// The board has USB of its own.
    own_usb: bool,
    /// Devices of `-usbdevice`, which QEMU makes before those of `-device` (`qemu_create_cli_devices` in its `system/vl.c`).
    usb_devices: usize,
    /// What is not known of it, as what a shell puts in, may define buses, drives and networks.
    is_open: bool,
    /// Options alone, without a program: not the whole line, so that nothing follows from what it does not say.
    is_part: bool,
    /// Properties of `-global`; their drivers count as devices for what QEMU adds.
    globals: Vec<Global>,
    /// Ports that drives of the line name on the SATA adapter that machines here have.
    own_ports: BTreeSet<u8>,
    /// NVMe controllers with a rank and without a drive.
    controllers: Vec<Controller>,
    /// Entries of fw_cfg that firmware reads, name and text.
    fw_cfg: Vec<(String, String)>,
    /// Drives of an interface that boards here do not have, as `-drive if=sd`.
    of_no_board: Vec<(String, Word)>,
    untried: Vec<Untried>,
    unapplied: Vec<Unapplied>,
    strangers: Vec<(String, u32)>,
    notes: Notes,
}

impl<'a> Reader<'a> {
    fn new(file: &'a str, opened: &'a dyn Fn(&str) -> Option<String>) -> Reader<'a> {
        let architecture = "x86_64".to_owned();
        Reader {
            file,
            opened,
            board: board(&architecture, "pc"),
            architecture,
            name: "unnamed".to_owned(),
            machine_type: "pc".to_owned(),
            uefi: None,
            pflash: [None, None],
            cpu: None,
            asked_cpu: None,
            rng: false,
            boot: BootOptions::default(),
            boot_classes: Vec::new(),
            serial_console: false,
            kernel: None,
            drives: Drives::default(),
            netdevs: BTreeMap::new(),
            devices: Vec::new(),
            short: Vec::new(),
            built_in: BuiltIn::default(),
            slots: None,
            screen: None,
            has_screen: false,
            floppy_ranks: [None, None],
            has_floppies: false,
            line: 1,
            own_usb: false,
            usb_devices: 0,
            is_open: false,
            is_part: false,
            globals: Vec::new(),
            own_ports: BTreeSet::new(),
            controllers: Vec::new(),
            fw_cfg: Vec::new(),
            of_no_board: Vec::new(),
            untried: Vec::new(),
            unapplied: Vec::new(),
            strangers: Vec::new(),
            notes: Notes::default(),
        }
    }

    fn error(&self, word: &Word, what: impl Into<String>, fix: impl Into<String>) -> GuestError {
        GuestError { what: what.into(), file: self.file.to_owned(), at: word.at, fix: fix.into() }
    }

    /// Follows a command line from its program to its end.
    fn guest(mut self, line: CommandLine, typed: (&'a str, &[Command])) -> Result<Guest, GuestError> {
        if let Some((number, words)) = &line.taken {
            self.notes.took(*number, words.clone());
        }
        self.strangers = line.strangers;
        let program = commands::program(&line.words).filter(|_| !line.is_part);
        let first = match program {
            Some(at) => {
                self.architecture = known::program(&line.words[at].text).unwrap_or_default();
                self.machine_type = default_of_qemu(&self.architecture).to_owned();
                self.board = board(&self.architecture, &self.machine_type);
                self.line = line.words[at].at.line;
                at + 1
            }
            None if line.words.first().is_some_and(|word| word.text.starts_with('-')) => {
                self.is_part = true;
                0
            }
            None => return Err(commands::no_program(self.file)),
        };
        self.options(&line.words[first..], line.quotes)?;
        if let Some((number, words)) = line.left {
            self.notes.ignored(number, words);
        }
        self.finish(typed.0, typed.1)
    }

    fn options(&mut self, words: &[Word], quotes: Quotes) -> Result<(), GuestError> {
        let mut rest = words.iter().peekable();
        while let Some(word) = rest.next() {
            let Some(option) = known::option(&word.text) else {
                self.stray(word, quotes);
                continue;
            };
            if known::is_flag(option) {
                self.flag(option, word);
                continue;
            }
            // a value may begin with a sign only where it is a number
            let is_value = |word: &&&Word| {
                let mut letters = word.text.chars();
                letters.next() != Some('-')
                    || !letters.next().is_some_and(|letter| letter.is_ascii_alphabetic() || letter == '-')
            };
            // what is not known may be without a value
            let is_its = |value: &&&Word| known::is_option(&word.text) || !known::is_image(&value.text);
            let value = rest.next_if(|next| is_value(&next) && is_its(&next));
            self.option(option, word, value)?;
            if option == "append" && quotes != Quotes::Kept {
                let mut more = Vec::new();
                while let Some(word) = rest.next_if(|next| is_value(&next) && !known::is_image(&next.text)) {
                    more.push(word.text.as_str());
                }
                if !more.is_empty() {
                    let words = format!(
                        "-append: \"{}\" is taken for a part of its value, which has lost its quotes",
                        more.join(" ")
                    );
                    self.notes.ignored(word.at.line, words);
                }
            }
        }
        Ok(())
    }

    fn flag(&mut self, option: &str, word: &Word) {
        match option {
            "S" => {
                let words = "-S: whoever started it lets it run later; --paused tries what is plugged in meanwhile";
                self.notes.ignored(word.at.line, words);
            }
            "nodefaults" => self.built_in.none = true,
            "usb" => self.own_usb = true,
            _ => {}
        }
    }

    fn option(&mut self, option: &str, word: &Word, value: Option<&Word>) -> Result<(), GuestError> {
        let Some(value) = value else {
            self.notes.ignored(word.at.line, format!("{} has no value, or is not known here", word.text));
            return Ok(());
        };
        let line = value.at.line;
        let implied = match option {
            "name" => "guest",
            "machine" | "M" | "netdev" | "nic" | "net" => "type",
            "boot" => "order",
            "drive" => "file",
            "blockdev" | "device" => "driver",
            _ => "",
        };
        match option {
            "name" | "machine" | "M" | "boot" | "drive" | "blockdev" | "netdev" | "device" | "nic" | "net" => {
                if value.text.starts_with(['$', '`']) {
                    self.unknown(value);
                    return Ok(());
                }
                let parts = Parts::read(self.file, value, implied)?;
                self.parts(option, parts, value)?;
            }
            "cpu" => self.asked_cpu = Some((value.text.clone(), line)),
            "bios" => self.bios(&value.text, line),
            "pflash" => self.add_flash(None, Flash::plain(value.text.clone(), line), value)?,
            "hda" | "hdb" | "hdc" | "hdd" | "cdrom" | "fda" | "fdb" => self.short_drive(option, value),
            "kernel" => {
                self.notes.ignored(
                    line,
                    format!("-kernel {}: QEMU gives it to the firmware before every device", value.text),
                );
                self.kernel = Some((value.text.clone(), line));
            }
            "initrd" | "append" | "dtb" => {}
            "readconfig" => self.read_config(value)?,
            "fw_cfg" => self.fw_cfg(value)?,
            "sd" | "mtdblock" => self.of_no_board.push((format!("-{option}"), value.clone())),
            "option-rom" => self.notes.ignored(line, format!("-{option} {}", value.text)),
            "global" => self.global(value)?,
            "set" => self.set(value)?,
            "vga" => self.screen = Some(value.text.clone()),
            "virtfs" => self.file_system(value),
            "incoming" | "loadvm" => {
                let words = format!(
                    "-{option} {}: the guest goes on where another stood, and boots at its next reset",
                    value.text
                );
                self.notes.ignored(line, words);
            }
            "usbdevice" => {
                self.usb_device(value)?;
                self.own_usb = true;
                self.usb_devices += 1;
            }
            other if known::is_unseen(other) => {}
            _ => self.notes.ignored(word.at.line, format!("{} {} is not known here", word.text, value.text)),
        }
        Ok(())
    }

    /// A file system of the host: a device at its place on the line.
    fn file_system(&mut self, value: &Word) {
        let driver = vec![("driver".to_owned(), "virtio-9p".to_owned())];
        self.devices.push((Parts::of_pairs(driver, "driver"), value.clone()));
    }

    /// An option whose value has parts.
    fn parts(&mut self, option: &str, parts: Parts, value: &Word) -> Result<(), GuestError> {
        let line = value.at.line;
        match option {
            "name" => self.name = parts.first,
            "machine" | "M" => self.machine(&parts, value)?,
            "boot" => self.boot_options(&parts, value)?,
            "drive" => {
                self.drive_keys(&parts, value)?;
                self.drive(&parts, value)?;
            }
            "blockdev" => self.drives.add_node(&parts),
            "netdev" => {
                let id = parts.get("id").unwrap_or_default().to_owned();
                self.netdevs.insert(id, drives::plug(&parts));
                self.built_in.network = true;
            }
            "device" => self.devices.push((parts, value.clone())),
            "nic" => {
                self.nic_keys(&parts, value)?;
                self.built_in.nic(&parts, line);
            }
            _ => self.built_in.net(&parts, line),
        }
        Ok(())
    }

    fn finish(mut self, typed_file: &'a str, typed: &[Command]) -> Result<Guest, GuestError> {
        self.flash()?;
        self.cpu();
        self.tell_globals();
        self.refuse()?;
        // QEMU makes those in JSON behind the others (`qemu_create_cli_devices` in its `softmmu/vl.c`)
        self.devices.sort_by_key(|(parts, _)| parts.is_json);
        self.has_screen = self.adds_a_screen();
        let mut short = self.short_devices()?;
        self.give_slots(&mut short)?;
        let mut buses = Buses::of(&self.devices, self.board, self.adapters());
        self.own_ports = self.named_ports();
        self.has_floppies = self.has_floppy_controller(&short);
        let built_in = self.built_in(&short);
        // the board makes its drives and cards first; a drive of if=virtio is a device behind those that are named
        let (late, mut devices): (Vec<_>, Vec<_>) =
            short.into_iter().partition(|device| device.device.class == DeviceClass::VirtioBlk);
        devices.extend(built_in);
        for (parts, word) in std::mem::take(&mut self.devices) {
            let parts = self.with_globals(parts);
            buses.comes(&parts).map_err(|(what, fix)| self.error(&word, what, fix))?;
            devices.extend(self.device(&parts, &word, &buses, &devices)?);
        }
        devices.extend(late);
        self.rank_namespaces(&mut devices);
        let file = std::mem::replace(&mut self.file, typed_file);
        let typed = self.follow(typed, &mut buses, &mut devices)?;
        self.file = file;
        let unseen = self.slots.as_ref().map(Slots::unseen).unwrap_or_default();
        functions::settle(&mut devices, self.board, &unseen);
        if is_ccw(self.board) {
            self.unapplied.extend(loadparm::settle((&mut self.boot, self.line), &mut devices, &mut self.notes));
        }
        self.one_rank_each(&devices)?;
        let firmware = self.uefi.take().map_or(GuestFirmware::Bios, GuestFirmware::Uefi);
        devices.iter().for_each(|device| self.tell(device));
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
            line: self.line,
            unreached: Vec::new(),
            fw_cfg: self.fw_cfg,
            untried: self.untried,
            unapplied: self.unapplied,
            strangers: self.strangers,
            notes: self.notes,
        })
    }

    /// The adapters of the board before the first device of the line.
    fn adapters(&self) -> Adapters {
        // pseries with a screen has USB of its own, a keyboard and a mouse on it (`spapr_machine_init` in QEMU's `hw/ppc/spapr.c`)
        let by_itself = is_pseries(self.board) && !self.built_in.none;
        let taken = self.usb_devices + if by_itself { 2 } else { 0 };
        let own_usb = (self.own_usb || by_itself).then_some(taken);
        Adapters::new(self.board, own_usb, self.is_part || self.is_open)
    }

    /// Whether the line gives the board a floppy controller: by name, or by a drive that wants one.
    fn has_floppy_controller(&self, short: &[GuestDevice]) -> bool {
        let is_floppy = |device: &GuestDevice| matches!(device.device.class, DeviceClass::Floppy { .. });
        self.devices.iter().any(|(parts, _)| parts.first == "isa-fdc") || short.iter().any(is_floppy)
    }

    /// Refuses what QEMU refuses of the line as a whole.
    fn refuse(&mut self) -> Result<(), GuestError> {
        self.boot_classes_of_a_pc()?;
        self.boots_once()?;
        self.on_channel()?;
        if let Some(uefi) = self.uefi.as_ref().filter(|_| has_own_firmware(self.board)) {
            let line = uefi.code.as_ref().or(uefi.variables.as_ref()).map_or(self.line, |(_, line)| *line);
            return Err(GuestError {
                what: format!(
                    "UEFI firmware on machine {}, which has no flash for it (QEMU refuses that)",
                    self.machine_type
                ),
                file: self.file.to_owned(),
                at: super::At { line, column: 1 },
                fix: "leave it out: the machine brings its firmware".to_owned(),
            });
        }
        self.drives_of_the_board()?;
        self.each_port_once()?;
        self.each_once()?;
        self.floppies()
    }

    /// Notes what became of a device.
    fn tell(&mut self, device: &GuestDevice) {
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

    /// QEMU refuses `-boot once=` where a board has no order by classes of devices, as `virt` and `s390-ccw-virtio` have none (`qemu_boot_set` in its
    /// `system/bootdevice.c`).
    fn boots_once(&self) -> Result<(), GuestError> {
        let Some(once) = self.boot.once.as_ref().filter(|_| is_virt(self.board) || is_ccw(self.board)) else {
            return Ok(());
        };
        Err(GuestError {
            what: format!(
                "-boot once={once}: machine {} has no order by classes of devices (QEMU refuses that)",
                self.machine_type
            ),
            file: self.file.to_owned(),
            at: super::At { line: self.line, column: 1 },
            fix: "leave it out, and give the device that is meant bootindex=0".to_owned(),
        })
    }

    /// QEMU refuses a second device of the same rank, and rank 0 beside the loader of `-kernel`, which has it on x86
    /// (`x86_load_linux` in QEMU's `hw/i386/x86.c`).
    fn one_rank_each(&self, devices: &[GuestDevice]) -> Result<(), GuestError> {
        let mut seen: BTreeMap<i64, &str> = BTreeMap::new();
        let loader = self.kernel.as_ref().filter(|_| matches!(self.board, Some(Board::Pc | Board::Q35)));
        let ranked = devices.iter().map(|device| (device.device.bootindex, device.name.as_str(), device.line));
        let untried = self.untried.iter().map(|device| (device.rank, device.name.as_str(), device.line));
        for (rank, name, line) in ranked.chain(untried) {
            let Some(rank) = rank.filter(|rank| *rank >= 0) else { continue };
            let refuse = |what: String, fix: &str| GuestError {
                what,
                file: self.file.to_owned(),
                at: super::At { line, column: 1 },
                fix: fix.to_owned(),
            };
            if rank == 0 && loader.is_some() {
                let what = format!("bootindex 0 is used by {name}, and by the loader of -kernel (QEMU refuses that)");
                return Err(refuse(what, "give it a bootindex from 1"));
            }
            if let Some(first) = seen.insert(rank, name) {
                let what = format!("bootindex {rank} is used by two devices, {first} and {name} (QEMU refuses that)");
                return Err(refuse(what, "give each device a bootindex of its own"));
            }
        }
        Ok(())
    }
}

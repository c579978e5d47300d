//! What is known to go wrong with guests like this one, told from its description alone.
//!
//! Each warning has a word of its own, a line, and what to do. What firmware does is shown by booting; these say why.

mod drives;
mod files;

use std::fmt;

use super::boards::{is_pseries, is_virt};
use super::network::{Answered, GuestNetwork, file_of, is_bios_program};
use super::{Guest, GuestFirmware, Origin, Uefi, Unreached};
use crate::boot_server::arch::{self, Processor};
use crate::case::story::Step;
use crate::lan::BootAnswer;
use crate::machine::{Board, DeviceClass, OptionRom, UefiDriver};

/// Seconds after which iPXE's DHCP client gives up (`docs/firmware-behaviour.md`).
const IPXE_PATIENCE: u32 = 15;

/// A warning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// Its word, stable.
    pub word: &'static str,
    /// The file and line; 0 where it is about the whole file.
    pub place: (String, u32),
    /// What is wrong, and what to do.
    pub words: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (file, line) = &self.place;
        let line = if *line == 0 { String::new() } else { format!(":{line}") };
        write!(out, "{file}{line}: {} [{}]", self.words, self.word)
    }
}

/// What a guest's description gives reason to warn of.
pub fn of_guest(guest: &Guest) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let mut warn =
        |word, line, words: String| warnings.push(Warning { word, place: (guest.file.clone(), line), words });
    drives::all(guest, &mut warn);
    first_of_class(guest, &mut warn);
    stale_order(guest, &mut warn);
    without_rom(guest, &mut warn);
    not_tried(guest, &mut warn);
    namespaces(guest, &mut warn);
    if let Some((path, line)) = &guest.kernel {
        warn("direct-kernel", *line, format!("{path} runs before every device: none of them is tried while it loads"));
    }
    not_read(guest, &mut warn);
    match &guest.firmware {
        GuestFirmware::Bios => without_uefi(guest, &mut warn),
        GuestFirmware::Uefi(uefi) => {
            secure_boot(guest, uefi, &mut warn);
            files::variables(guest, uefi, &mut warn);
            let has_nic = guest.devices.iter().any(|device| device.device.is_nic());
            if has_nic && !guest.rng {
                let words = match guest.board {
                    Some(Board::Virt) => {
                        "no virtio-rng: edk2 since 202405 has no network entry on processors without RNDR; -cpu max has it"
                    }
                    Some(Board::VirtRiscv64 | Board::VirtLoongarch64) => {
                        "no virtio-rng: edk2 on this board has no network entry without one, whatever the processor; give the guest one"
                    }
                    _ if guest.origin == Origin::Qemu => {
                        "no virtio-rng: edk2 since 202405 has no network entry on processors without RDRAND; add -device virtio-rng-pci \
                         (Proxmox: rng0: source=/dev/urandom)"
                    }
                    _ => {
                        "no virtio-rng: edk2 since 202405 has no network entry on processors without RDRAND; add \
                         <rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>"
                    }
                };
                warn("no-rng", guest.line, words.to_owned());
            }
        }
    }
    warnings
}

/// A guest that has no UEFI firmware: SeaBIOS, or on `virt` nothing.
fn without_uefi(guest: &Guest, warn: &mut impl FnMut(&'static str, u32, String)) {
    if is_virt(guest.board) && guest.kernel.is_none() {
        let words = match (guest.origin, guest.board) {
            (Origin::Qemu, Some(Board::VirtRiscv64)) => "-drive if=pflash,unit=0,file=FILE",
            (Origin::Qemu, _) => "-bios FILE or -drive if=pflash,unit=0,file=FILE",
            _ => "<os firmware='efi'>",
        };
        let words = format!(
            "no UEFI firmware: machine {} brings none, and this guest boots nothing; {words} gives it one. What is booted here \
             has the platform's {}",
            guest.machine_type,
            guest.firmware_name()
        );
        warn("no-firmware", guest.line, words);
    }
    // s390-ccw and SLOF have none, and read no word for one
    let is_seabios = matches!(guest.architecture.as_str(), "x86_64" | "i386" | "i686");
    if is_seabios && guest.boot.reboot_timeout.is_none_or(|timeout| timeout < 0) {
        let words = "no reboot timeout: once everything has failed the guest stays at \"No bootable device.\" for \
                     ever; <bios rebootTimeout='5000'/> (-boot reboot-timeout=5000) makes it try again";
        warn("reboot-timeout", guest.line, words.to_owned());
    }
}

/// Boot options that the guest's firmware does not read: SeaBIOS alone has a reboot timeout, and neither UEFI nor s390-ccw an order
/// by classes.
fn not_read(guest: &Guest, warn: &mut impl FnMut(&'static str, u32, String)) {
    if guest.is_bios() || (is_virt(guest.board) && guest.firmware.uefi().is_none()) {
        return;
    }
    let kind = guest.firmware_kind();
    if guest.boot.reboot_timeout.is_some() {
        let words = format!("a reboot timeout is read by SeaBIOS only: under {kind} it does nothing");
        warn("reboot-timeout", guest.line, words);
    }
    if is_pseries(guest.board) {
        return; // SLOF reads both
    }
    for (key, letters) in [("order", &guest.boot.order), ("once", &guest.boot.once)] {
        if let Some(letters) = letters {
            let words = format!(
                "{kind} does not read -boot {key}={letters}: it does nothing here; give the device that is meant bootindex=1"
            );
            warn("order-by-class", guest.line, words);
        }
    }
}

/// QEMU writes the firmware's boot order at a reset, and none follows what is plugged in before the first `cont`.
fn stale_order(guest: &Guest, warn: &mut impl FnMut(&'static str, u32, String)) {
    let until_cont = guest.typed.iter().take_while(|step| **step != Step::Cont);
    let after_reset = until_cont.fold(None, |plugged, step| match step {
        Step::Plug { device, .. } => plugged.or(Some(device)),
        Step::Reset => None,
        _ => plugged,
    });
    let Some(name) = after_reset.filter(|_| guest.typed.contains(&Step::Cont)) else { return };
    let line = guest.devices.iter().find(|device| device.name == *name).map_or(guest.line, |device| device.line);
    let words = format!(
        "{name} is plugged in before the guest runs, with no reset behind it: the firmware reads the boot order of before (bootorder in \
         fw_cfg); type system_reset before cont"
    );
    warn("stale-boot-order", line, words);
}

/// A card that is selected and that no program boots from.
fn without_rom(guest: &Guest, warn: &mut impl FnMut(&'static str, u32, String)) {
    let is_uefi = guest.firmware.uefi().is_some();
    if !is_uefi && !guest.is_bios() {
        return; // those of a board's own firmware have no option ROM
    }
    if matches!(guest.board, Some(Board::VirtRiscv64 | Board::VirtLoongarch64)) {
        return without_option(guest, warn);
    }
    if is_virt(guest.board) {
        return; // which cards that firmware drives has not been measured
    }
    for (index, device) in guest.devices.iter().enumerate().filter(|(index, _)| guest.is_selected(*index)) {
        let DeviceClass::Nic(nic) = &guest.devices[index].device.class else { continue };
        if device.own_rom {
            continue; // what that holds is not known
        }
        let is_off = nic.rom != OptionRom::Default;
        let (name, model) = (&device.name, nic.model.name());
        let why = match nic.model.uefi_driver() {
            Some(UefiDriver::Firmware) if is_uefi => continue,
            None if is_uefi => format!("neither OVMF nor an option ROM of QEMU drives {model} under UEFI"),
            _ if is_off => "its option ROM is switched off, and nothing else boots from it".to_owned(),
            _ if !nic.model.has_ipxe_rom() => format!("QEMU brings no option ROM for {model}"),
            _ => continue,
        };
        warn("no-rom", device.line, format!("{name} is selected, but {why}: it is never tried"));
    }
}

/// A card that is selected where edk2 makes boot options before it has drivers for networks (`docs/firmware-behaviour.md`).
fn without_option(guest: &Guest, warn: &mut impl FnMut(&'static str, u32, String)) {
    for (_, device) in guest.devices.iter().enumerate().filter(|(index, _)| guest.is_selected(*index)) {
        if device.device.is_nic() {
            let words = format!(
                "{} is selected, but edk2 on this board makes no boot option for a network card where any device has a rank: it is never \
                 tried, unless its variables have an option of before; where no device has a rank the card is tried behind the disks",
                device.name
            );
            warn("no-network-option", device.line, words);
        }
    }
}

/// What the boots here leave out of the guest's order.
fn not_tried(guest: &Guest, warn: &mut impl FnMut(&'static str, u32, String)) {
    for device in &guest.untried {
        let place = device.rank.map_or("without a rank".to_owned(), |rank| format!("of rank {rank}"));
        let words = format!(
            "{} {place} ({}) cannot be had here: the boots leave it out of the order, and what it does in its place is not shown",
            device.name, device.kind
        );
        warn("not-tried-here", device.line, words);
    }
    for (name, line) in &guest.strangers {
        let words = format!(
            "the order names {name}, and the guest has no such device: it is passed over without a word{}",
            if guest.order().iter().any(|&index| guest.is_selected(index)) {
                ""
            } else {
                ", and nothing else is in the order"
            }
        );
        warn("no-such-device", *line, words);
    }
    for part in &guest.unapplied {
        warn(
            "not-applied",
            part.line,
            format!("{}: the guest's own machine may differ from the one that is booted", part.words),
        );
    }
}

/// QEMU writes a line for a namespace with a rank that names none (`nvme_ns_instance_init` in its `hw/nvme/ns.c`).
fn namespaces(guest: &Guest, warn: &mut impl FnMut(&'static str, u32, String)) {
    for (index, device) in guest.devices.iter().enumerate().filter(|(index, _)| guest.is_selected(*index)) {
        if !matches!(guest.devices[index].device.class, DeviceClass::NvmeNamespace { .. }) {
            continue;
        }
        let what = match guest.firmware.uefi() {
            Some(_) => format!("{} cannot read QEMU's line for it and drops the whole order", guest.firmware_name()),
            None => "QEMU's line names the controller alone, and SeaBIOS boots the lowest namespace of it".to_owned(),
        };
        let words = format!(
            "{} is a namespace with a rank: {what}; a controller with drive= of its own has a line that names it",
            device.name
        );
        warn("nvme-namespace", device.line, words);
    }
}

fn first_of_class(guest: &Guest, warn: &mut impl FnMut(&'static str, u32, String)) {
    // what is passed past libvirt may give a device a rank nevertheless
    let has_rank = |name: &str| {
        (0..guest.devices.len()).any(|index| guest.devices[index].name == name && guest.is_selected(index))
    };
    for Unreached { name, line, class, first } in guest.unreached.iter().filter(|device| !has_rank(&device.name)) {
        let words = format!(
            "<boot dev='{class}'> reaches {first} only: {name} has no rank; give each device a <boot order=...>"
        );
        warn("first-of-class", *line, words);
    }
}

fn secure_boot(guest: &Guest, uefi: &Uefi, warn: &mut impl FnMut(&'static str, u32, String)) {
    let chosen = guest.chooses_firmware() && uefi.secure_boot.is_none() && uefi.enrolled_keys.is_none();
    if chosen && guest.board == Some(Board::Q35) {
        let words = "libvirt 9 to 11 choose the Secure Boot build with Microsoft's keys here: unsigned media are refused; \
                     <firmware><feature enabled='no' name='enrolled-keys'/></firmware> asks for the one without keys";
        warn("secure-boot-by-default", uefi.line, words.to_owned());
    } else if uefi.secure_boot == Some(true) && uefi.enrolled_keys != Some(false) {
        let words = "the Secure Boot build is asked for: with keys enrolled it refuses unsigned media, which boots here do not show";
        warn("secure-boot", uefi.line, words.to_owned());
    }
}

/// What several guests have in common that each should have alone.
pub fn of_guests(guests: &[Guest]) -> Vec<Warning> {
    let mut warnings = Vec::new();
    for (index, guest) in guests.iter().enumerate() {
        let own = guest.firmware.uefi().and_then(|uefi| uefi.variables.as_ref());
        let Some((path, line)) = own else { continue };
        for other in &guests[..index] {
            let theirs = other.firmware.uefi().and_then(|uefi| uefi.variables.as_ref());
            if theirs.is_some_and(|(other, _)| other == path) {
                let words = format!(
                    "{path} is the variable store of {} too ({}): the boot order of one guest is the other's; give each a copy",
                    other.name, other.file
                );
                warnings.push(Warning { word: "shared-variables", place: (guest.file.clone(), *line), words });
            }
        }
    }
    warnings
}

/// Firmware files that a platform does not have; `has` tells whether it has one.
pub fn of_files(guest: &Guest, platform: &str, has: impl Fn(&str) -> bool) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let mut warn =
        |word, line, words: String| warnings.push(Warning { word, place: (guest.file.clone(), line), words });
    files::missing(guest, platform, has, &mut warn);
    warnings
}

/// What a network's description gives reason to warn of.
pub fn of_network(network: &GuestNetwork) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let mut warn =
        |word, line, words: String| warnings.push(Warning { word, place: (network.file.clone(), line), words });
    let silent = network.silent_seconds();
    if silent >= IPXE_PATIENCE {
        let delay = network.server.bridge.forward_delay;
        let words = format!(
            "the bridge forwards nothing for {silent} s after a guest was plugged in (listening and learning, {delay} s each), and iPXE gives \
             up after {IPXE_PATIENCE} s; delay='0' or stp='off' makes it answer at once"
        );
        warn("bridge-delay", network.bridge_line, words);
    }
    for architecture in network.architectures() {
        let Some(answer) = network.offered(architecture) else { continue };
        let class = answer.vendor_class.clone();
        let file = file_of(answer, architecture).unwrap_or_default();
        let (is_efi, is_bios) = (file.to_ascii_lowercase().ends_with(".efi"), is_bios_program(&file));
        let line = network.server.files.iter().find(|known| known.given == file).map_or(0, |known| known.line as u32);
        let who = arch::named(architecture);
        let processor = Processor::named(&file).filter(|processor| *processor != Processor::of(architecture));
        if architecture == 0 && is_efi {
            warn("wrong-program", line, format!("clients of architecture {who} are given {file}, a program for UEFI"));
        } else if architecture != 0 && is_bios {
            warn("wrong-program", line, format!("clients of architecture {who} are given {file}, a program for BIOS"));
        } else if processor.is_some() {
            let words =
                format!("clients of architecture {who} are given {file}, by its name a program for another processor");
            warn("wrong-program", line, words);
        } else if arch::is_http(architecture) && class.as_deref() != Some("HTTPClient") && !file.is_empty() {
            let words = format!(
                "clients of architecture {who} are given {file} without HTTPClient in option 60, and take no such answer"
            );
            warn("no-http-class", line, words);
        }
    }
    loops(network, &mut warn);
    // what others answer is nothing that was left out of what was given
    if let (Err(note), Answered::ByItself) = (&network.server.lan, &network.answered) {
        let words = format!(
            "{}: the boots here do not show what this server does, since every kind of client is given a file of ours; cargo xtask boot \
             --dhcp FILE runs it on the real daemon",
            note.what
        );
        warn("not-applied", note.line as u32, words);
    }
    for note in &network.server.warnings {
        warn("boot-server", note.line as u32, note.what.clone());
    }
    warnings
}

/// Programs that are given to themselves again: they load themselves for ever.
fn loops(network: &GuestNetwork, warn: &mut impl FnMut(&'static str, u32, String)) {
    const PROGRAMS: [&str; 6] = [".efi", ".kpxe", ".kkpxe", ".kkkpxe", ".pxe", ".lkrn"];
    for user_class in network.user_classes() {
        for architecture in network.architectures() {
            let file = |answer: Option<BootAnswer>| answer.and_then(|answer| file_of(answer, architecture));
            let again = file(network.offered_to(architecture, Some(&user_class)));
            let Some(again) = again.filter(|again| file(network.offered(architecture)).as_ref() == Some(again)) else {
                continue;
            };
            let is_program = PROGRAMS.iter().any(|end| again.to_ascii_lowercase().ends_with(end));
            if !is_program {
                continue;
            }
            let line =
                network.server.files.iter().find(|known| known.given == again).map_or(0, |known| known.line as u32);
            let words = format!(
                "clients of architecture {} that say {user_class} in option 77 are given {again}, as those that do not: where that is the \
                 program that says so, it loads itself for ever",
                arch::named(architecture)
            );
            warn("loads-itself", line, words);
        }
    }
}

#[cfg(test)]
mod tests;

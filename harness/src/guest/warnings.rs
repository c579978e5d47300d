//! What is known to go wrong with guests like this one, told from its description alone.
//!
//! Each warning has a word of its own, a line, and what to do. What firmware does is shown by booting; these say why.

mod drives;

use std::fmt;

use super::network::GuestNetwork;
use super::{Guest, GuestFirmware, Origin, Uefi};
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
        GuestFirmware::Bios => {
            // s390-ccw and SLOF have none, and read no word for one
            let is_seabios = matches!(guest.architecture.as_str(), "x86_64" | "i386" | "i686");
            if is_seabios && guest.boot.reboot_timeout.is_none_or(|timeout| timeout < 0) {
                let words = "no reboot timeout: once everything has failed the guest stays at \"No bootable device.\" for \
                             ever; <bios rebootTimeout='5000'/> (-boot reboot-timeout=5000) makes it try again";
                warn("reboot-timeout", guest.line, words.to_owned());
            }
        }
        GuestFirmware::Uefi(uefi) => {
            secure_boot(guest, uefi, &mut warn);
            let has_nic = guest.devices.iter().any(|device| device.device.is_nic());
            if has_nic && !guest.rng {
                let words = match guest.board {
                    Some(Board::Virt) => {
                        "no virtio-rng: edk2 since 202405 has no network entry on processors without RNDR; -cpu max has it"
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

/// Boot options that the guest's firmware does not read: SeaBIOS alone has a reboot timeout, and UEFI has no order by classes.
fn not_read(guest: &Guest, warn: &mut impl FnMut(&'static str, u32, String)) {
    if guest.firmware.uefi().is_none() {
        return;
    }
    if guest.boot.reboot_timeout.is_some() {
        let words = "a reboot timeout is read by SeaBIOS only: under UEFI it does nothing".to_owned();
        warn("reboot-timeout", guest.line, words);
    }
    for (key, letters) in [("order", &guest.boot.order), ("once", &guest.boot.once)] {
        if let Some(letters) = letters {
            let words = format!(
                "-boot {key}={letters} is read by SeaBIOS only: under UEFI it does nothing; give the device that is meant bootindex=1"
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
    if guest.board == Some(Board::Virt) {
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
            Some(_) => "OVMF cannot read QEMU's line for it and drops the whole order",
            None => "QEMU's line names the controller alone, and SeaBIOS boots the lowest namespace of it",
        };
        let words = format!(
            "{} is a namespace with a rank: {what}; a controller with drive= of its own has a line that names it",
            device.name
        );
        warn("nvme-namespace", device.line, words);
    }
}

fn first_of_class(guest: &Guest, warn: &mut impl FnMut(&'static str, u32, String)) {
    let Some(line) = guest.by_class else { return };
    let class = |index: usize| {
        let device = &guest.devices[index].device;
        match &device.class {
            DeviceClass::Nic(_) => "network",
            DeviceClass::Floppy { .. } => "fd",
            _ if device.optical => "cdrom",
            _ => "hd",
        }
    };
    for index in (0..guest.devices.len()).filter(|&index| !guest.is_selected(index)) {
        let first = (0..guest.devices.len()).find(|&other| guest.is_selected(other) && class(other) == class(index));
        if let Some(first) = first {
            let (word, first, name) = (class(index), &guest.devices[first].name, &guest.devices[index].name);
            let words = format!(
                "<boot dev='{word}'> reaches {first} only: {name} has no rank; give each device a <boot order=...>"
            );
            warn("first-of-class", line, words);
        }
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
    let is_template = |path: &str| uefi.template.as_deref() == Some(path) || is_installed(path);
    let own = uefi.variables.as_ref().filter(|(path, _)| !is_template(path));
    if let (Some((variables, line)), Some(word)) = (&uefi.variables, uefi.lost_by) {
        let words = format!(
            "{variables} is given with {word}: what the guest writes of its boot order is not kept{}; leave {word} out",
            if word == "snapshot=on" {
                ""
            } else {
                ", and edk2 since 202308 takes flash that cannot be written for no store at all"
            }
        );
        warn("variables-not-kept", *line, words);
        return;
    }
    if let (Some((variables, line)), None, Origin::Qemu) = (own, &uefi.template, guest.origin) {
        let words = format!(
            "{variables} holds the boot order that this guest's firmware keeps: nothing here says which template it is copied from, \
             and it has to move with the guest's disks"
        );
        warn("variables-of-one-guest", *line, words);
    }
    if let Some((variables, line)) = uefi.variables.as_ref().filter(|(path, _)| is_template(path)) {
        let words = format!(
            "{variables} is the template itself: every guest writes its boot order into it, and it must stay as it was installed; \
             give this guest a copy"
        );
        warn("variables-are-the-template", *line, words);
    }
    if let (None, Origin::Qemu) = (&uefi.variables, guest.origin) {
        let words = "there is no file of UEFI variables: what the guest writes of its boot order is gone once it is off, and an installed \
                     system is then found by \\EFI\\BOOT\\BOOTX64.EFI alone; add -drive if=pflash,unit=1,format=raw,file= with a copy of \
                     OVMF_VARS";
        let line = uefi.code.as_ref().map_or(uefi.line, |(_, line)| *line);
        warn("no-variables", line, words.to_owned());
    }
}

/// Whether a path is one of a package's files, which are not there to be written.
fn is_installed(path: &str) -> bool {
    ["/usr/share/", "/usr/lib/", "/nix/store/", "/opt/homebrew/share/", "/opt/homebrew/Cellar/"]
        .iter()
        .any(|folder| path.starts_with(folder))
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
    let Some(uefi) = guest.firmware.uefi() else { return Vec::new() };
    let code = uefi.code.as_ref().map(|(path, line)| (path.as_str(), *line));
    let store = uefi.variables.as_ref().filter(|_| guest.origin == Origin::Qemu && uefi.template.is_none());
    let store = store.map(|(path, line)| (path.as_str(), *line));
    let template =
        uefi.template.as_deref().map(|path| (path, uefi.variables.as_ref().map_or(uefi.line, |(_, line)| *line)));
    let missing = code.into_iter().chain(template).chain(store).filter(|(path, _)| !has(path));
    let warning = |(path, line): (&str, u32)| {
        let words = match store {
            Some((store, _)) if store == path => {
                format!("{path} is not there on {platform}, and nothing makes it: QEMU does not start without it")
            }
            _ => format!(
                "{path} is not there on {platform}: a path of firmware is its distribution's; <os firmware='efi'> finds it"
            ),
        };
        Warning { word: "missing-firmware", place: (guest.file.clone(), line), words }
    };
    let mut warnings: Vec<Warning> = missing.map(warning).collect();
    if let Some((path, line)) = code.filter(|(path, _)| has(path)) {
        let words = format!(
            "{path} is a path of one distribution's release: elsewhere the guest does not start; <os firmware='efi'> finds it"
        );
        warnings.push(Warning { word: "fixed-firmware-path", place: (guest.file.clone(), line), words });
    }
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
        let file = answer.file_field.or(answer.option_67).unwrap_or_default();
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
        } else if arch::is_http(architecture)
            && answer.vendor_class.as_deref() != Some("HTTPClient")
            && !file.is_empty()
        {
            let words = format!(
                "clients of architecture {who} are given {file} without HTTPClient in option 60, and take no such answer"
            );
            warn("no-http-class", line, words);
        }
    }
    loops(network, &mut warn);
    if let Err(note) = &network.server.lan {
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
    let file = |answer: Option<BootAnswer>| answer.and_then(|answer| answer.file_field.or(answer.option_67));
    for user_class in network.user_classes() {
        for architecture in network.architectures() {
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

/// Whether a file is a BIOS program by its name, as boot servers name them.
fn is_bios_program(file: &str) -> bool {
    [".0", ".kpxe", ".kkpxe", ".pxe", ".lkrn", ".bios"].iter().any(|end| file.to_ascii_lowercase().ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guest::{libvirt, network};

    fn data(name: &str) -> String {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/libvirt").join(name);
        std::fs::read_to_string(path).unwrap()
    }

    fn guest(name: &str) -> Guest {
        libvirt::read(name, &data(name), &[]).unwrap()
    }

    fn words(warnings: &[Warning]) -> Vec<&str> {
        warnings.iter().map(|warning| warning.word).collect()
    }

    #[test]
    fn a_guest_by_classes_with_an_unselected_disk_behind_its_network_is_warned_of_both() {
        let warnings = of_guest(&guest("d1.xml"));
        assert_eq!(words(&warnings), ["unselected-disk", "first-of-class", "first-of-class"]);
        assert!(
            warnings[0].to_string().starts_with("d1.xml:10: fda is not selected behind network boot: strict=on keeps")
        );
    }

    #[test]
    fn a_guest_with_nothing_to_say_against_it_is_not_warned_of() {
        let xml = "<domain><os><type machine='pc'>hvm</type><bios rebootTimeout='0'/></os><devices>\
            <disk><source file='a'/><target dev='vda' bus='virtio'/><boot order='1'/></disk></devices></domain>";
        assert!(of_guest(&libvirt::read("a", xml, &[]).unwrap()).is_empty());
        assert!(
            of_network(&network::read("n2", &data("n2.xml")).unwrap())
                .iter()
                .all(|warning| warning.word != "bridge-delay")
        );
    }

    #[test]
    fn a_secure_boot_build_is_named_where_libvirt_chooses_it_and_where_it_is_asked_for() {
        assert!(words(&of_guest(&guest("d5q35.xml"))).contains(&"secure-boot-by-default"));
        assert!(!words(&of_guest(&guest("d5pc.xml"))).iter().any(|word| word.starts_with("secure-boot")));
        assert!(words(&of_guest(&guest("d2.xml"))).contains(&"secure-boot"));
        assert!(!words(&of_guest(&guest("d3.xml"))).iter().any(|word| word.starts_with("secure-boot")));
    }

    #[test]
    fn two_guests_with_one_variable_store_and_a_path_that_is_not_there_are_named() {
        let one = guest("d2.xml");
        let other = Guest { name: "twin".to_owned(), file: "twin.xml".to_owned(), ..one.clone() };
        let shared = of_guests(&[one.clone(), other, guest("d3.xml")]);
        assert_eq!(words(&shared), ["shared-variables"]);
        assert_eq!(shared[0].place, ("twin.xml".to_owned(), 3));
        let files = of_files(&one, "debian:trixie", |path| path.ends_with("VARS_4M.fd"));
        assert_eq!(words(&files), ["missing-firmware"]);
        assert_eq!(words(&of_files(&one, "host", |_| true)), ["fixed-firmware-path"]);
    }

    #[test]
    fn a_variable_store_that_nothing_makes_is_named_where_no_libvirt_makes_it() {
        use crate::guest::qemu;
        let line = "qemu-kvm -drive if=pflash,unit=0,file=/usr/share/OVMF/OVMF_CODE.fd -drive if=pflash,unit=1,file=/nvram/a_VARS.fd";
        let guest = qemu::read_text("line", line, &qemu::Reading::default()).unwrap();
        assert!(words(&of_guest(&guest)).contains(&"variables-of-one-guest"));
        let files = of_files(&guest, "host", |_| false);
        assert_eq!(words(&files), ["missing-firmware", "missing-firmware"]);
        assert!(files[1].words.contains("QEMU does not start without it"), "{}", files[1]);
        assert!(!words(&of_guest(&self::guest("d2.xml"))).contains(&"variables-of-one-guest"));
    }

    #[rstest::rstest]
    #[case::a_drive("unit=1,readonly=on", "", Some("readonly=on"))]
    #[case::for_this_start("unit=1,snapshot=on", "", Some("snapshot=on"))]
    #[case::a_node(
        "",
        "-blockdev driver=file,filename=/v.fd,node-name=n,read-only=on -M q35,pflash1=n",
        Some("read-only=on")
    )]
    #[case::one_that_is_written("unit=1,readonly=off", "", None)]
    fn variables_that_are_not_kept_are_named(#[case] drive: &str, #[case] more: &str, #[case] wanted: Option<&str>) {
        use crate::guest::qemu;
        let drive = if drive.is_empty() { String::new() } else { format!("-drive if=pflash,file=/v.fd,{drive}") };
        let line = format!("kvm -nodefaults -drive if=pflash,unit=0,file=OVMF_CODE.fd,readonly=on {drive} {more}");
        let warnings = of_guest(&qemu::read_text("line", &line, &qemu::Reading::default()).unwrap());
        let found = warnings.iter().find(|warning| warning.word == "variables-not-kept");
        assert_eq!(found.is_some(), wanted.is_some(), "{warnings:?}");
        assert!(found.is_none_or(|warning| warning.words.contains(wanted.unwrap_or_default())));
        assert_eq!(words(&warnings).contains(&"variables-of-one-guest"), wanted.is_none());
    }

    #[test]
    fn what_the_firmware_of_a_guest_does_not_read_is_named_and_what_it_does_not_have_is_not_missed() {
        use crate::guest::qemu;
        let read = |line: &str| of_guest(&qemu::read_text("line", line, &qemu::Reading::default()).unwrap());
        let uefi = read("kvm -nodefaults -bios OVMF.fd -boot order=d,once=n,reboot-timeout=5");
        assert_eq!(words(&uefi)[..3], ["reboot-timeout", "order-by-class", "order-by-class"], "{uefi:?}");
        assert_eq!(words(&read("kvm -nodefaults -boot order=d,once=n,reboot-timeout=5")), [""; 0]);
        assert_eq!(words(&read("qemu-system-s390x -nodefaults")), [""; 0], "s390-ccw has no reboot timeout");
        let arm = "qemu-system-aarch64 -M virt -nodefaults -drive if=none,id=d,file=a -device ahci,id=s -device ide-hd,bus=s.0,drive=d";
        assert!(words(&read(arm)).contains(&"unseen-place"));
    }

    #[test]
    fn a_bridge_that_outlasts_the_client_and_a_program_for_other_firmware_are_named() {
        let warnings = of_network(&network::read("n1.xml", &data("n1.xml")).unwrap());
        assert_eq!(words(&warnings)[..3], ["bridge-delay", "wrong-program", "wrong-program"]);
        assert!(warnings[0].words.contains("for 30 s"), "{}", warnings[0]);
    }

    #[rstest::rstest]
    #[case::itself_again("dhcp-boot=tag:!ipxe,tag:efi,ipxe.efi", "dhcp-boot=tag:ipxe,tag:bios,menu.ipxe", 1)]
    #[case::a_script_for_both("dhcp-boot=tag:!ipxe,tag:efi,ipxe.efi", "dhcp-boot=tag:ipxe,menu.ipxe", 0)]
    fn a_program_that_is_given_to_itself_is_named(#[case] first: &str, #[case] then: &str, #[case] wanted: usize) {
        let rules = format!(
            "dhcp-range=10.0.0.5,10.0.0.9,255.255.255.0\ndhcp-match=set:efi,option:client-arch,7\ndhcp-match=set:bios,option:client-arch,0\n\
             dhcp-userclass=set:ipxe,iPXE\n{first}\n{then}\ndhcp-boot=tag:ipxe,tag:efi,{}\n",
            if wanted == 1 { "ipxe.efi" } else { "menu.ipxe" }
        );
        let warnings = of_network(&network::of_server("a", &rules).unwrap());
        let named: Vec<&Warning> = warnings.iter().filter(|warning| warning.word == "loads-itself").collect();
        assert_eq!(named.len(), wanted, "{warnings:?}");
        assert!(named.iter().all(|warning| warning.words.contains("architecture 7 (UEFI x64 by PXE) that say iPXE")));
    }

    #[test]
    fn a_server_that_our_network_cannot_do_is_told() {
        let network = network::of_server("a", "dhcp-range=192.168.0.0,proxy\npxe-service=x86PC,a,b.0\n").unwrap();
        assert!(words(&of_network(&network)).contains(&"not-applied"));
    }

    #[test]
    fn variables_that_a_package_brings_and_those_that_are_nowhere_are_named() {
        use crate::guest::qemu;
        let warned = |variables: &str| {
            let line = format!("qemu-kvm -drive if=pflash,unit=0,file=/usr/share/OVMF/OVMF_CODE.fd {variables}");
            of_guest(&qemu::read_text("line", &line, &qemu::Reading::default()).unwrap())
        };
        assert!(words(&warned("")).contains(&"no-variables"));
        let template = warned("-drive if=pflash,unit=1,file=/usr/share/OVMF/OVMF_VARS.fd");
        assert!(
            words(&template).contains(&"variables-are-the-template")
                && !words(&template).contains(&"variables-of-one-guest")
        );
        let own = warned("-drive if=pflash,unit=1,file=/nvram/a.fd");
        assert!(
            !words(&own).iter().any(|word| ["no-variables", "variables-are-the-template"].contains(word)),
            "{own:?}"
        );
        let xml = "<domain><os><type machine='q35'>hvm</type><loader type='pflash'>/x</loader>\
                   <nvram>/usr/share/edk2/ovmf/OVMF_VARS.fd</nvram></os><devices/></domain>";
        assert!(words(&of_guest(&libvirt::read("a", xml, &[]).unwrap())).contains(&"variables-are-the-template"));
    }

    #[test]
    fn a_name_in_the_order_that_no_device_has_is_told() {
        use crate::guest::qemu;
        let text = "bios: ovmf\nboot: order=ide0\nsata0: local:1\nefidisk0: local:2\n";
        let warnings = of_guest(&qemu::read_text("100.conf", text, &qemu::Reading::default()).unwrap());
        let found = warnings.iter().find(|warning| warning.word == "no-such-device").unwrap();
        assert!(found.place.1 == 2 && found.words.contains("nothing else is in the order"), "{found}");
    }

    #[test]
    fn a_program_for_another_processor_is_named_for_each_architecture_that_is_given_it() {
        let rule = |arch: u16, file: &str| {
            format!(
                "<o:option value='dhcp-match=set:a{arch},option:client-arch,{arch}'/><o:option value='dhcp-boot=tag:a{arch},{file}'/>"
            )
        };
        let network = |rules: String| {
            let xml = format!(
                "<network xmlns:o='http://libvirt.org/schemas/network/dnsmasq/1.0'><ip address='192.168.122.1' netmask='255.255.255.0'>\
                 <dhcp><range start='192.168.122.2' end='192.168.122.9'/></dhcp></ip><o:options>{rules}</o:options></network>"
            );
            of_network(&network::read("n", &xml).unwrap())
        };
        let swapped = network(rule(7, "grubaa64.efi") + &rule(11, "grubx64.efi"));
        assert_eq!(words(&swapped), ["wrong-program", "wrong-program"]);
        assert!(swapped.iter().all(|warning| warning.words.ends_with("for another processor")), "{swapped:?}");
        assert!(network(rule(7, "grubx64.efi") + &rule(11, "grubaa64.efi")).is_empty());
        // HTTP clients of Arm want HTTPClient as those of x64 do
        let without = network(rule(19, "http://192.168.122.1/boot.efi"));
        assert_eq!(words(&without).first(), Some(&"no-http-class"));
    }

    #[test]
    fn a_disk_that_is_plugged_in_before_cont_without_a_reset_is_named() {
        use crate::guest::{hmp, qemu};
        let plug = "drive_add 0 file=a,if=none,id=d\ndevice_add virtio-blk-pci,drive=d,id=a,bootindex=1\n";
        let typed = |end: &str| {
            let commands = hmp::read("typed", &format!("{plug}{end}")).unwrap();
            let reading = qemu::Reading { typed: ("typed", &commands), ..qemu::Reading::default() };
            of_guest(&qemu::read_text("line", "qemu-kvm -S -boot reboot-timeout=0", &reading).unwrap())
        };
        assert_eq!(words(&typed("cont\n")), ["stale-boot-order"]);
        assert!(typed("system_reset\ncont\n").is_empty());
    }

    #[rstest::rstest]
    #[case::bios_without_rom("", "virtio", "<rom enabled='no'/>", Some("its option ROM is switched off"))]
    #[case::bios_without_bar("", "virtio", "<rom bar='off'/>", Some("its option ROM is switched off"))]
    #[case::uefi_drives_virtio_itself(" firmware='efi'", "virtio", "<rom enabled='no'/>", None)]
    #[case::uefi_needs_the_rom(
        " firmware='efi'",
        "e1000e",
        "<rom enabled='no'/>",
        Some("its option ROM is switched off")
    )]
    #[case::no_rom_at_all("", "igb", "", Some("QEMU brings no option ROM for igb"))]
    #[case::nothing_drives_it(" firmware='efi'", "i82551", "", Some("drives i82551 under UEFI"))]
    #[case::with_a_rom_of_its_own("", "igb", "<rom file='/x.rom'/>", None)]
    #[case::with_its_rom("", "e1000", "", None)]
    fn a_selected_card_that_nothing_boots_from_is_named(
        #[case] firmware: &str,
        #[case] model: &str,
        #[case] rom: &str,
        #[case] wanted: Option<&str>,
    ) {
        let xml = format!(
            "<domain><os{firmware}><type machine='q35'>hvm</type></os><devices><interface type='user'>\
             <model type='{model}'/><boot order='1'/>{rom}</interface></devices></domain>"
        );
        let warnings = of_guest(&libvirt::read("a", &xml, &[]).unwrap());
        let found = warnings.iter().find(|warning| warning.word == "no-rom");
        assert_eq!(found.is_some(), wanted.is_some(), "{warnings:?}");
        assert!(found.is_none_or(|found| found.words.contains(wanted.unwrap_or_default())), "{found:?}");
    }

    #[test]
    fn a_namespace_with_a_rank_is_named_and_one_without_is_not() {
        use crate::guest::qemu;
        let warned = |rank: &str| {
            let line = format!(
                "kvm -nodefaults -drive if=none,id=d,file=a -device nvme,serial=x -device nvme-ns,drive=d{rank}"
            );
            let guest = qemu::read_text("line", &line, &qemu::Reading::default()).unwrap();
            words(&of_guest(&guest)).contains(&"nvme-namespace")
        };
        assert!(warned(",bootindex=1") && !warned(""));
    }
}

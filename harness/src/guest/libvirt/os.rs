//! `<os>`: firmware, board, boot options, and the order by classes.

use super::super::boards::{board, default_of_libvirt, has_own_firmware, is_virt};
use super::super::firmware::{is_secure_build, is_uefi_file, replaced_bios, replaced_variables, replacement};
use super::super::xml::Element;
use super::super::{GuestError, GuestFirmware, Notes, Uefi};
use crate::machine::{Board, BootOptions};

/// A class of devices in `<boot dev=...>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    Disk,
    Cdrom,
    Floppy,
    Network,
}

impl Class {
    /// As it is written.
    pub fn word(self) -> &'static str {
        match self {
            Class::Disk => "hd",
            Class::Cdrom => "cdrom",
            Class::Floppy => "fd",
            Class::Network => "network",
        }
    }
}

/// How many `<boot dev=...>` libvirt reads (`VIR_DOMAIN_BOOT_LAST`).
pub(super) const MOST_CLASSES: i64 = 4;

pub(super) struct Os {
    pub architecture: String,
    pub machine_type: String,
    pub board: Option<Board>,
    pub firmware: GuestFirmware,
    pub boot: BootOptions,
    pub serial_console: bool,
    pub kernel: Option<(String, u32)>,
    /// Line of `<os>`.
    pub line: u32,
    /// `<boot dev=...>`, the first one first, with the line of each.
    pub classes: Vec<(Class, u32)>,
    /// The error of the first of them, where it stands beside orders of devices.
    pub boot_element: Option<GuestError>,
}

const KNOWN: [&str; 18] = [
    "type", "firmware", "loader", "nvram", "varstore", "boot", "bootmenu", "smbios", "bios", "kernel", "initrd",
    "cmdline", "dtb", "shim", "acpi", "init", "initarg", "initenv",
];

pub(super) fn read(os: Element<'_, '_>, notes: &mut Notes) -> Result<Os, GuestError> {
    os.knows(&KNOWN)?;
    let kind =
        os.child("type").ok_or_else(|| os.error("<os> has no <type>", "write <type machine='q35'>hvm</type>"))?;
    if kind.text() != "hvm" {
        return Err(kind
            .error(format!("a guest of type '{}' has no firmware", kind.text()), "only hvm guests boot by firmware"));
    }
    let architecture = kind.attribute("arch").unwrap_or("x86_64").to_owned();
    let machine_type = kind.attribute("machine").unwrap_or(default_of_libvirt(&architecture)).to_owned();
    let board = board(&architecture, &machine_type);
    if let Some(board) = board {
        let newest = board.facts().machine_type;
        if newest == machine_type {
            notes.took(kind.line(), format!("machine {machine_type}"));
        } else {
            notes.replaced(kind.line(), format!("machine {machine_type}: {newest}, as new as the platform's QEMU"));
        }
    }
    let firmware = firmware(os, &architecture, board, notes)?;
    let mut boot = BootOptions { strict: Some(true), ..BootOptions::default() };
    notes.took(os.line(), "-boot strict=on: libvirt always sets it");
    let mut serial_console = false;
    if let Some(menu) = os.child("bootmenu") {
        boot.menu = menu.switch("enable")?;
        // libvirt tells QEMU of a timeout beside a menu that is on alone
        boot.splash_time = menu.number("timeout")?.filter(|_| boot.menu == Some(true));
        notes.took(menu.line(), format!("-boot menu={}", if boot.menu == Some(true) { "on" } else { "off" }));
    }
    if let Some(bios) = os.child("bios") {
        serial_console = bios.switch("useserial")? == Some(true);
        boot.reboot_timeout = bios.number("rebootTimeout")?;
        if let Some(timeout) = boot.reboot_timeout {
            if !(-1..=65535).contains(&timeout) {
                let value = bios.attribute("rebootTimeout").unwrap_or_default();
                return Err(bios.attribute_error("rebootTimeout", value, "milliseconds from -1 to 65535"));
            }
            notes.took(bios.line(), format!("-boot reboot-timeout={timeout}"));
        }
    }
    let kernel = os.child("kernel").map(|kernel| (kernel.text().to_owned(), kernel.line()));
    if let Some((path, line)) = &kernel {
        notes.ignored(*line, format!("<kernel> {path}: QEMU gives it to the firmware before every device"));
    }
    let (classes, boot_element) = classes(os, notes)?;
    Ok(Os {
        architecture,
        machine_type,
        board,
        firmware,
        boot,
        serial_console,
        kernel,
        line: os.line(),
        classes,
        boot_element,
    })
}

/// Classes with their lines, and the error of the first.
type Classes = (Vec<(Class, u32)>, Option<GuestError>);

fn classes(os: Element<'_, '_>, notes: &mut Notes) -> Result<Classes, GuestError> {
    let (mut classes, mut first) = (Vec::new(), None);
    for element in os.children().filter(|child| child.name() == "boot") {
        let class = match element.attribute("dev") {
            Some("hd") => Class::Disk,
            Some("cdrom") => Class::Cdrom,
            Some("fd") => Class::Floppy,
            Some("network") => Class::Network,
            Some(other) => return Err(element.attribute_error("dev", other, "hd, cdrom, fd or network")),
            None => return Err(element.error("<boot> has no dev", "write <boot dev='hd'/>")),
        };
        first.get_or_insert_with(|| element.error("", ""));
        classes.push((class, element.line()));
        notes.took(element.line(), format!("<boot dev='{}'>", element.attribute("dev").unwrap_or_default()));
    }
    Ok((classes, first))
}

fn firmware(
    os: Element<'_, '_>,
    architecture: &str,
    board: Option<Board>,
    notes: &mut Notes,
) -> Result<GuestFirmware, GuestError> {
    let chosen = os.attribute("firmware");
    let loader = os.child("loader");
    match chosen {
        None | Some("efi" | "bios") => {}
        Some(other) => return Err(os.attribute_error("firmware", other, "efi or bios")),
    }
    let path = loader.map(|loader| loader.text()).filter(|path| !path.is_empty());
    let pflash = loader.is_some_and(|loader| loader.attribute("type") == Some("pflash"));
    let instead = replacement(architecture);
    // a program of RISC-V's is what runs before UEFI firmware, which lies in flash alone
    let runs_before = architecture == "riscv64" && path.is_some();
    let has_no_bios = (architecture == "aarch64" || is_virt(board)) && path.is_some() && !runs_before;
    let is_uefi = chosen == Some("efi") || pflash || path.is_some_and(is_uefi_file) || has_no_bios;
    if is_uefi && has_own_firmware(board) {
        let what = "UEFI firmware on a machine that has none (libvirt refuses that)";
        return Err(loader
            .unwrap_or(os)
            .error(what, "take firmware='efi', <loader> and <nvram> out: the machine brings its firmware"));
    }
    if !is_uefi || chosen == Some("bios") {
        if let (Some(loader), Some(path)) = (loader, path) {
            notes.replaced(loader.line(), format!("{path}: {}", replaced_bios(architecture)));
        }
        return Ok(GuestFirmware::Bios);
    }
    let line = loader.map_or(os.line(), |loader| loader.line());
    let mut uefi = Uefi { line, ..Uefi::default() };
    if let Some(loader) = loader {
        uefi.code = path.map(|path| (path.to_owned(), loader.line()));
        uefi.secure_boot = loader.switch("secure")?;
    }
    if let Some(path) = path.filter(|path| is_secure_build(path)) {
        uefi.secure_boot.get_or_insert(true);
        notes.replaced(line, format!("{path}: {instead}"));
    } else {
        let what = path.unwrap_or("firmware that libvirt chooses");
        notes.replaced(line, format!("{what}: {instead}"));
    }
    if let Some(nvram) = os.child("nvram") {
        uefi.template = nvram.attribute("template").map(str::to_owned);
        let source = nvram.child("source");
        let source =
            source.and_then(|source| source.attribute("file").or(source.attribute("dev")).or(source.attribute("name")));
        let path = source.unwrap_or(nvram.text());
        if !path.is_empty() {
            uefi.variables = Some((path.to_owned(), nvram.line()));
            notes.replaced(nvram.line(), format!("{path}: {}", replaced_variables(architecture)));
        }
    }
    features(os, &mut uefi)?;
    Ok(GuestFirmware::Uefi(uefi))
}

/// What `<firmware>` demands of the build.
fn features(os: Element<'_, '_>, uefi: &mut Uefi) -> Result<(), GuestError> {
    for feature in os.child("firmware").into_iter().flat_map(|firmware| firmware.children().collect::<Vec<_>>()) {
        let enabled = feature.switch("enabled")?;
        match feature.attribute("name") {
            Some("secure-boot") => uefi.secure_boot = enabled,
            Some("enrolled-keys") => uefi.enrolled_keys = enabled,
            Some(other) => return Err(feature.attribute_error("name", other, "secure-boot or enrolled-keys")),
            None => {
                return Err(feature.error("<feature> has no name", "write name='secure-boot' or name='enrolled-keys'"));
            }
        }
    }
    Ok(())
}

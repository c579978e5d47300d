//! What a domain passes to QEMU past libvirt: `<qemu:commandline>` and `<qemu:override>`.

use super::super::xml::Element;
use super::super::{GuestDevice, Notes, Unapplied};
use crate::machine::{DeviceClass, OptionRom};

/// Options that change what firmware sees.
const SEEN: [&str; 23] = [
    "boot",
    "drive",
    "blockdev",
    "device",
    "bios",
    "pflash",
    "machine",
    "M",
    "kernel",
    "readconfig",
    "global",
    "set",
    "nic",
    "net",
    "hda",
    "hdb",
    "hdc",
    "hdd",
    "cdrom",
    "fda",
    "fdb",
    "option-rom",
    "fw_cfg",
];
/// Beginnings of drivers that firmware does not boot from.
const NEVER_BOOTED: [&str; 16] = [
    "isa-applesmc",
    "ivshmem",
    "usb-tablet",
    "usb-kbd",
    "usb-mouse",
    "usb-audio",
    "virtio-serial",
    "virtserialport",
    "VGA",
    "qxl",
    "virtio-gpu",
    "virtio-vga",
    "intel-hda",
    "hda-",
    "vhost-vsock",
    "tpm-",
];

/// A property of the device with this alias.
struct Property<'a> {
    alias: &'a str,
    name: &'a str,
    value: &'a str,
    line: u32,
    /// As it is written.
    words: String,
}

/// Gives the devices what is passed past libvirt, by their aliases, and keeps what they are not given.
pub(super) fn apply(
    root: Element<'_, '_>,
    devices: &mut [GuestDevice],
    aliases: &[String],
    notes: &mut Notes,
) -> Vec<Unapplied> {
    let mut left = Vec::new();
    let mut properties = overridden(root);
    for (option, value, line) in options(root) {
        let words = format!("{option} {value}");
        let bare = option.trim_start_matches('-');
        let never = bare == "device" && NEVER_BOOTED.iter().any(|driver| value.starts_with(driver));
        match (bare, property(value)) {
            ("set", Some((alias, name, given))) => {
                properties.push(Property { alias, name, value: given, line, words: words.clone() });
                let words = format!(
                    "{words}: libvirt of today writes devices in JSON, which QEMU's -set does not reach, so that the guest does not start; \
                     <qemu:override> does"
                );
                left.push(Unapplied { line, words });
            }
            _ if SEEN.contains(&bare) && !never => left.push(Unapplied { line, words }),
            _ => notes.ignored(line, words),
        }
    }
    for property in properties.iter().filter(|property| ["bootindex", "romfile", "rombar"].contains(&property.name)) {
        let device = aliases.iter().position(|alias| alias == property.alias).and_then(|index| devices.get_mut(index));
        match device.is_some_and(|device| give(device, property)) {
            true => notes.took(property.line, property.words.clone()),
            false => left.push(Unapplied { line: property.line, words: property.words.clone() }),
        }
    }
    left
}

/// Gives a device a property; whether it takes it.
fn give(device: &mut GuestDevice, property: &Property<'_>) -> bool {
    match (property.name, &mut device.device.class) {
        ("bootindex", _) => {
            let rank = property.value.parse::<i32>().ok();
            device.device.bootindex = rank.map(i64::from).or(device.device.bootindex);
            rank.is_some()
        }
        ("romfile", DeviceClass::Nic(nic)) => {
            nic.rom = if property.value.is_empty() { OptionRom::Empty } else { OptionRom::Default };
            device.own_rom = !property.value.is_empty();
            true
        }
        ("rombar", DeviceClass::Nic(nic)) => {
            nic.rom = if matches!(property.value, "0" | "off") { OptionRom::NoBar } else { nic.rom.clone() };
            true
        }
        _ => false,
    }
}

/// `device.ALIAS.NAME=VALUE`.
fn property(text: &str) -> Option<(&str, &str, &str)> {
    let (name, value) = text.strip_prefix("device.")?.split_once('=')?;
    let (alias, name) = name.rsplit_once('.')?;
    Some((alias, name, value))
}

/// Options of `<qemu:commandline>` with their values.
fn options<'d>(root: Element<'d, '_>) -> Vec<(&'d str, &'d str, u32)> {
    let elements = root.children().filter(|child| child.namespace().is_some() && child.name() == "commandline");
    let args = elements.flat_map(|element| element.children().collect::<Vec<_>>());
    let args = args.filter(|arg| arg.name() == "arg").filter_map(|arg| Some((arg.attribute("value")?, arg.line())));
    let mut options: Vec<(&str, &str, u32)> = Vec::new();
    for (text, line) in args {
        match options.last_mut() {
            Some((_, value, _)) if value.is_empty() && !text.starts_with('-') => *value = text,
            _ => options.push((text, "", line)),
        }
    }
    options
}

/// Properties of `<qemu:override>`.
fn overridden<'d>(root: Element<'d, '_>) -> Vec<Property<'d>> {
    let mut found = Vec::new();
    let elements = root.children().filter(|child| child.namespace().is_some() && child.name() == "override");
    for device in elements.flat_map(|element| element.children().collect::<Vec<_>>()) {
        let Some(alias) = device.attribute("alias") else { continue };
        let properties = device.child("frontend").into_iter().flat_map(|front| front.children().collect::<Vec<_>>());
        for property in properties {
            let (Some(name), Some(value)) = (property.attribute("name"), property.attribute("value")) else { continue };
            let words = format!("<qemu:override> {alias}: {name}={value}");
            found.push(Property { alias, name, value, line: property.line(), words });
        }
    }
    found
}

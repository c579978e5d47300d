//! `<interface>`: the card, its option ROM, and what it is plugged into.

use super::super::boards::is_virt;
use super::super::xml::Element;
use super::super::{GuestError, Notes, Plug};
use super::address::{Address, alias, boot_order};
use crate::machine::{Board, NicModel, OptionRom};

/// A network interface of the domain.
#[derive(Clone, Debug)]
pub(super) struct Interface {
    /// Its model, where it is one on PCI that is known.
    pub model: Option<NicModel>,
    pub rom: OptionRom,
    /// Its ROM is a file of its owner's.
    pub own_rom: bool,
    pub boot: Option<u32>,
    pub address: Option<Address>,
    pub plug: Plug,
    /// It is a function of the host's, whatever model it names.
    pub is_hostdev: bool,
    /// What libvirt calls it, where that is written.
    pub alias: Option<String>,
    /// The model as it is written.
    pub word: String,
    pub line: u32,
}

const KNOWN: [&str; 31] = [
    "actual",
    "mac",
    "source",
    "target",
    "guest",
    "backenddomain",
    "model",
    "driver",
    "backend",
    "filterref",
    "link",
    "boot",
    "tune",
    "rom",
    "virtualport",
    "bandwidth",
    "coalesce",
    "vlan",
    "trustGuestRxFilters",
    "port",
    "script",
    "downscript",
    "ip",
    "route",
    "mtu",
    "alias",
    "address",
    "teaming",
    "acpi",
    "portForward",
    "local",
];

pub(super) fn read(element: Element<'_, '_>, board: Option<Board>, notes: &mut Notes) -> Result<Interface, GuestError> {
    element.knows(&KNOWN)?;
    // a running domain's XML says what became of a network that hands out functions of the host
    let actual = element.child("actual").and_then(|actual| actual.attribute("type"));
    let is_hostdev = actual.or(element.attribute("type")) == Some("hostdev");
    let default = default_model(element.attribute("type"), board);
    let word = element.child("model").and_then(|model| model.attribute("type")).unwrap_or(default);
    let model = match word {
        _ if is_hostdev => None,
        "virtio" => Some(NicModel::VirtioNet),
        "virtio-transitional" => Some(NicModel::VirtioNetTransitional),
        "virtio-non-transitional" => Some(NicModel::VirtioNetNonTransitional),
        other => other.parse().ok(),
    };
    if model.is_none() && !is_hostdev {
        notes.ignored(
            element.line(),
            format!("an interface of model '{word}', which has no place on PCI that is known"),
        );
    }
    let source = element.child("source");
    let named = |name: &str| source.and_then(|source| source.attribute(name)).unwrap_or("?").to_owned();
    let down = element.child("link").is_some_and(|link| link.attribute("state") == Some("down"));
    let plug = match element.attribute("type") {
        _ if down => Plug::Nothing,
        Some("network") => Plug::Network(named("network")),
        None | Some("user") => Plug::User(None),
        Some("bridge") => Plug::Host(format!("bridge {} of the host", named("bridge"))),
        Some("direct") => Plug::Host(format!("{} of the host", named("dev"))),
        Some("null") => Plug::Nothing,
        Some(
            kind @ ("ethernet" | "vhostuser" | "udp" | "mcast" | "client" | "server" | "internal" | "hostdev" | "vdpa"
            | "vds"),
        ) => Plug::Host(format!("what the host has behind its type '{kind}'")),
        Some(other) => {
            return Err(element.attribute_error(
                "type",
                other,
                "network, bridge, user, direct or another of libvirt's",
            ));
        }
    };
    let rom = rom(element, notes)?;
    let file = element.child("rom").and_then(|rom| rom.attribute("file")).is_some_and(|file| !file.is_empty());
    Ok(Interface {
        model,
        own_rom: file && rom == OptionRom::Default,
        rom,
        boot: boot_order(element)?,
        address: Address::of(element)?,
        plug,
        is_hostdev,
        alias: alias(element),
        word: word.to_owned(),
        line: element.line(),
    })
}

/// The model of an interface that names none: what vDPA and vhost-user give is virtio on every board, libvirt sets that itself
/// (`qemuDomainDeviceNetDefPostParse` in its `src/qemu/qemu_postparse.c`, before `qemuDomainDefaultNetModel`).
fn default_model(kind: Option<&str>, board: Option<Board>) -> &'static str {
    match kind {
        Some("vdpa" | "vhostuser") => "virtio",
        _ if is_virt(board) => "virtio",
        _ => "rtl8139",
    }
}

fn rom(element: Element<'_, '_>, notes: &mut Notes) -> Result<OptionRom, GuestError> {
    let Some(rom) = element.child("rom") else { return Ok(OptionRom::Default) };
    if rom.switch("enabled")? == Some(false) {
        notes.took(rom.line(), "no option ROM");
        return Ok(OptionRom::Empty);
    }
    if rom.switch("bar")? == Some(false) {
        notes.took(rom.line(), "the option ROM's BAR is off");
        return Ok(OptionRom::NoBar);
    }
    match rom.attribute("file") {
        Some("") => Ok(OptionRom::Empty),
        Some(file) => {
            notes.replaced(rom.line(), format!("{file}: the ROM that the platform's QEMU brings"));
            Ok(OptionRom::Default)
        }
        None => Ok(OptionRom::Default),
    }
}

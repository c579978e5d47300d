//! `<interface>`: the card, its option ROM, and what it is plugged into.

use super::super::boards::{is_ccw, is_virt, virtio_net};
use super::super::xml::Element;
use super::super::{GuestError, Notes, Plug};
use super::address::{Address, alias, boot_order, loadparm};
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
    /// `loadparm` of `<boot>`.
    pub loadparm: Option<String>,
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
    let address = Address::of(element)?;
    let on_pci = is_ccw(board) && matches!(address, Some(Address::Pci { .. }));
    let default = default_model(element.attribute("type"), board);
    let word = element.child("model").and_then(|model| model.attribute("type")).unwrap_or(default);
    // in whatever case a model that libvirt knows is written
    let lower = word.to_ascii_lowercase();
    let word = if model(&lower, board).is_some() { lower.as_str() } else { word };
    let model = model(word, board).filter(|_| !is_hostdev && !on_pci);
    if model.is_none() && !is_hostdev {
        let pci = if on_pci { " on PCI" } else { "" };
        let words = match is_ccw(board) {
            true => format!("an interface of model '{word}'{pci}, over which s390-ccw does not load"),
            false => format!("an interface of model '{word}', which has no place on PCI that is known"),
        };
        notes.ignored(element.line(), words);
    }
    let plug = plug(element)?;
    let has_no_rom = (is_ccw(board) && !on_pci) || model == Some(NicModel::SpaprVlan);
    if let Some(rom) = element.child("rom").filter(|_| has_no_rom && !is_hostdev) {
        let what = "rombar and romfile are only supported for PCI devices (libvirt)";
        return Err(rom.error(what, "take <rom> out: firmware of this machine needs no option ROM"));
    }
    let rom = rom(element, notes)?;
    let file = element.child("rom").and_then(|rom| rom.attribute("file")).is_some_and(|file| !file.is_empty());
    Ok(Interface {
        model,
        own_rom: file && rom == OptionRom::Default,
        rom,
        boot: boot_order(element)?,
        loadparm: loadparm(element)?,
        address,
        plug,
        is_hostdev,
        alias: alias(element),
        word: word.to_owned(),
        line: element.line(),
    })
}

/// The card that a model is, where the board has it: of a channel subsystem there is one that firmware loads over.
fn model(word: &str, board: Option<Board>) -> Option<NicModel> {
    let model = match word {
        "virtio" => Some(virtio_net(board)),
        "virtio-transitional" => Some(NicModel::VirtioNetTransitional),
        "virtio-non-transitional" => Some(NicModel::VirtioNetNonTransitional),
        other => other.parse().ok(),
    };
    model.filter(|model| !is_ccw(board) || *model == virtio_net(board))
}

/// What it is plugged into.
fn plug(element: Element<'_, '_>) -> Result<Plug, GuestError> {
    let source = element.child("source");
    let named = |name: &str| source.and_then(|source| source.attribute(name)).unwrap_or("?").to_owned();
    let down = element.child("link").is_some_and(|link| link.attribute("state") == Some("down"));
    Ok(match element.attribute("type") {
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
    })
}

/// The model of an interface that names none: what vDPA and vhost-user give is virtio on every board, libvirt sets that itself
/// (`qemuDomainDeviceNetDefPostParse` in its `src/qemu/qemu_postparse.c`, before `qemuDomainDefaultNetModel`).
fn default_model(kind: Option<&str>, board: Option<Board>) -> &'static str {
    match kind {
        Some("vdpa" | "vhostuser") => "virtio",
        _ if is_virt(board) || is_ccw(board) => "virtio",
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

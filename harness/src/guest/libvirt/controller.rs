//! `<controller>`: what disks and PCI devices hang off.

use std::collections::BTreeSet;

use super::super::GuestError;
use super::super::boards::{is_ccw, is_pseries};
use super::super::xml::Element;
use super::address::Address;
use crate::machine::{Board, ScsiAdapter, UsbController};

/// A controller of the domain.
#[derive(Clone, Debug)]
pub(super) struct Controller {
    pub kind: Kind,
    /// Its number among those of its kind.
    pub index: u8,
    pub address: Option<Address>,
    /// Its model as it is written, where it has one.
    pub model: Option<String>,
}

/// What a controller is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// What PCI devices sit on.
    Pci(PciModel),
    Scsi(ScsiModel),
    Usb(UsbModel),
    /// AHCI.
    Sata,
    Nvme,
    /// `virtio-serial`.
    Serial,
    /// Takes no PCI slot that is free to choose.
    Elsewhere,
}

/// Models of PCI controllers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PciModel {
    /// `pci-root`.
    Root,
    /// `pcie-root`.
    ExpressRoot,
    /// `pcie-root-port`.
    RootPort,
    /// `pcie-switch-upstream-port`.
    UpstreamPort,
    /// `pcie-switch-downstream-port`.
    DownstreamPort,
    /// `pci-bridge`.
    Bridge,
    /// `pcie-to-pci-bridge`.
    ExpressToPciBridge,
    /// `dmi-to-pci-bridge`.
    DmiToPciBridge,
    /// `pci-expander-bus`.
    Expander,
    /// `pcie-expander-bus`.
    ExpressExpander,
    /// One that is not known here.
    Unknown,
}

/// Models of SCSI adapters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ScsiModel {
    Virtio,
    Other(ScsiAdapter),
    Unknown,
}

/// Models of USB host controllers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UsbModel {
    Known(UsbController),
    /// One of the group that ICH9 has in one slot, with its function.
    Ich9(u8),
    /// One that cannot be had here.
    Unknown,
    None,
}

const KNOWN: [&str; 9] = ["model", "driver", "address", "alias", "target", "master", "pcihole64", "acpi", "serial"];

/// The indices of controllers by their types, as written.
pub(super) type Indices = BTreeSet<(String, u8)>;

/// The indices that controllers among the elements name.
pub(super) fn indices<'d>(elements: impl Iterator<Item = Element<'d, 'd>>) -> Result<Indices, GuestError> {
    let mut named = Indices::new();
    for element in elements.filter(|element| element.name() == "controller") {
        if let (Some(word), Some(index)) = (element.attribute("type"), element.number("index")?) {
            named.insert((word.to_owned(), index));
        }
    }
    Ok(named)
}

/// Reads a controller. One without an index gets the lowest that no other of its type has, and a further part of ICH9's USB group
/// that of the part `before` it (`virDomainAssignControllerIndexes` in libvirt's `src/conf/domain_postparse.c`).
pub(super) fn read(
    element: Element<'_, '_>,
    before: &[Controller],
    indices: &mut Indices,
    board: Option<Board>,
) -> Result<Controller, GuestError> {
    element.knows(&KNOWN)?;
    let word =
        element.attribute("type").ok_or_else(|| element.error("<controller> has no type", "write type='scsi'"))?;
    let model = element.attribute("model");
    let kind = match word {
        "pci" => Kind::Pci(pci_model(model, board)),
        "scsi" => Kind::Scsi(scsi_model(model, board)),
        "usb" => Kind::Usb(usb_model(model, board)),
        "sata" => Kind::Sata,
        "nvme" => Kind::Nvme,
        "virtio-serial" => Kind::Serial,
        "ide" | "fdc" | "ccid" | "xenbus" | "isa" => Kind::Elsewhere,
        other => {
            return Err(element.attribute_error(
                "type",
                other,
                "pci, scsi, usb, sata, nvme, ide, fdc or another of libvirt's",
            ));
        }
    };
    let mut of_usb = before.iter().rev().filter(|other| matches!(other.kind, Kind::Usb(_)));
    let group = of_usb.next().filter(|last| {
        let alike = |other: &&Controller| other.index == last.index && other.kind == kind;
        let parts = |kind| matches!(kind, Kind::Usb(UsbModel::Ich9(_)));
        parts(kind) && parts(last.kind) && !before.iter().any(|other| alike(&other))
    });
    let index = match (element.number("index")?, group) {
        (Some(index), _) => index,
        (None, Some(last)) => last.index,
        (None, None) => {
            let first = u8::from(word == "pci" && !matches!(kind, Kind::Pci(PciModel::Root | PciModel::ExpressRoot)));
            let free = (first..=u8::MAX).find(|index| !indices.contains(&(word.to_owned(), *index)));
            free.ok_or_else(|| element.error(format!("no index is left for a controller of type '{word}'"), ""))?
        }
    };
    indices.insert((word.to_owned(), index));
    let address = Address::of(element)?;
    let on_pci = is_ccw(board) && matches!(address, Some(Address::Pci { .. }));
    let kind = match kind {
        Kind::Scsi(_) if on_pci => Kind::Scsi(ScsiModel::Unknown),
        kind => kind,
    };
    let model = model.map(|model| if on_pci { format!("{model} on PCI") } else { model.to_owned() });
    Ok(Controller { kind, index, address, model })
}

/// The model of a PCI controller; a pseries has further `pci-root`s, which are buses like others.
fn pci_model(model: Option<&str>, board: Option<Board>) -> PciModel {
    match model {
        Some("pci-root") => PciModel::Root,
        Some("pcie-root") => PciModel::ExpressRoot,
        Some("pcie-root-port") => PciModel::RootPort,
        Some("pcie-switch-upstream-port") => PciModel::UpstreamPort,
        Some("pcie-switch-downstream-port") => PciModel::DownstreamPort,
        Some("pci-bridge") => PciModel::Bridge,
        Some("pcie-to-pci-bridge") => PciModel::ExpressToPciBridge,
        Some("dmi-to-pci-bridge") => PciModel::DmiToPciBridge,
        Some("pci-expander-bus") => PciModel::Expander,
        Some("pcie-expander-bus") => PciModel::ExpressExpander,
        None if is_pseries(board) => PciModel::Root,
        _ => PciModel::Unknown,
    }
}

/// The adapter of a model; where none is named that of the hypervisor on pseries, virtio-scsi on channel subsystems and LoongArch, and
/// LSI's elsewhere (`qemuDomainGetSCSIControllerModel` in libvirt's `src/qemu/qemu_domain.c`, with a QEMU that has them all).
pub(super) fn scsi_model(model: Option<&str>, board: Option<Board>) -> ScsiModel {
    match model {
        None | Some("auto") if is_pseries(board) => ScsiModel::Other(ScsiAdapter::SpaprVscsi),
        None | Some("auto") if is_ccw(board) || board == Some(Board::VirtLoongarch64) => ScsiModel::Virtio,
        Some("virtio-scsi" | "virtio-transitional" | "virtio-non-transitional") => ScsiModel::Virtio,
        None | Some("auto" | "lsilogic") => ScsiModel::Other(ScsiAdapter::Lsi53c895a),
        Some("am53c974" | "dc390") => ScsiModel::Other(ScsiAdapter::Am53c974),
        Some("lsisas1078") => ScsiModel::Other(ScsiAdapter::Megasas),
        Some("lsisas1068") => ScsiModel::Other(ScsiAdapter::Mptsas1068),
        Some("ibmvscsi") => ScsiModel::Other(ScsiAdapter::SpaprVscsi),
        Some("vmpvscsi") => ScsiModel::Other(ScsiAdapter::Pvscsi),
        Some(_) => ScsiModel::Unknown,
    }
}

/// The USB host controller that libvirt adds to a domain without one (`qemuDomainDefAddDefaultDevices` in its
/// `src/qemu/qemu_postparse.c`).
pub(super) fn added_usb(board: Option<Board>) -> UsbModel {
    if board == Some(Board::Q35) { UsbModel::Known(UsbController::Xhci) } else { usb_model(None, board) }
}

/// The host controller of a model; where none is named xHCI on AArch64, LoongArch and pseries, and PIIX3's elsewhere
/// (`qemuDomainControllerDefPostParse` in libvirt's `src/qemu/qemu_postparse.c`).
pub(super) fn usb_model(model: Option<&str>, board: Option<Board>) -> UsbModel {
    match model {
        Some("qemu-xhci" | "nec-xhci") => UsbModel::Known(UsbController::Xhci),
        Some("ehci") => UsbModel::Known(UsbController::Ehci),
        Some("ich9-ehci1") => UsbModel::Ich9(7),
        Some("ich9-uhci1") => UsbModel::Ich9(0),
        Some("ich9-uhci2") => UsbModel::Ich9(1),
        Some("ich9-uhci3") => UsbModel::Ich9(2),
        Some("none") => UsbModel::None,
        Some("piix3-uhci" | "piix4-uhci") => UsbModel::Known(UsbController::Uhci),
        Some(_) => UsbModel::Unknown,
        None if matches!(board, Some(Board::Virt | Board::VirtLoongarch64)) || is_pseries(board) => {
            UsbModel::Known(UsbController::Xhci)
        }
        None => UsbModel::Known(UsbController::Uhci),
    }
}

impl Controller {
    /// Whether PCI devices hang off it.
    pub fn is_pci(&self) -> bool {
        matches!(self.kind, Kind::Pci(_))
    }
}

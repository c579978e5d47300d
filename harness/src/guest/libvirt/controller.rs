//! `<controller>`: what disks and PCI devices hang off.

use super::super::GuestError;
use super::super::boards::{is_ccw, is_pseries, is_virt};
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
    /// The root bus of the board.
    PciRoot,
    /// A `pcie-root-port`.
    RootPort,
    /// A conventional bridge, or one from PCI Express to it.
    Bridge,
    /// Another PCI controller.
    OtherPci,
    Scsi(ScsiModel),
    Usb(UsbModel),
    /// AHCI.
    Sata,
    Nvme,
    /// Takes a PCI slot, and nothing boots from it.
    OtherOnPci,
    /// Takes none.
    Elsewhere,
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

pub(super) fn read(
    element: Element<'_, '_>,
    before: &[Controller],
    board: Option<Board>,
) -> Result<Controller, GuestError> {
    element.knows(&KNOWN)?;
    let word =
        element.attribute("type").ok_or_else(|| element.error("<controller> has no type", "write type='scsi'"))?;
    let model = element.attribute("model");
    let kind = match word {
        "pci" => match model {
            Some("pci-root" | "pcie-root") => Kind::PciRoot,
            Some("pcie-root-port") => Kind::RootPort,
            Some("pci-bridge" | "pcie-to-pci-bridge" | "dmi-to-pci-bridge") => Kind::Bridge,
            _ => Kind::OtherPci,
        },
        "scsi" => Kind::Scsi(scsi_model(model, board)),
        "usb" => Kind::Usb(usb_model(model, board)),
        "sata" => Kind::Sata,
        "nvme" => Kind::Nvme,
        "virtio-serial" => Kind::OtherOnPci,
        "ide" | "fdc" | "ccid" | "xenbus" | "isa" => Kind::Elsewhere,
        other => {
            return Err(element.attribute_error(
                "type",
                other,
                "pci, scsi, usb, sata, nvme, ide, fdc or another of libvirt's",
            ));
        }
    };
    let alike = before.iter().filter(|other| std::mem::discriminant(&other.kind) == std::mem::discriminant(&kind));
    let index = match element.number("index")? {
        Some(index) => index,
        None if matches!(kind, Kind::RootPort | Kind::Bridge | Kind::OtherPci) => {
            let pci = before.iter().filter(|other| other.is_pci());
            pci.map(|other| other.index).max().unwrap_or(0).saturating_add(1)
        }
        None => u8::try_from(alike.count()).unwrap_or(u8::MAX),
    };
    let address = Address::of(element)?;
    let on_pci = is_ccw(board) && matches!(address, Some(Address::Pci { .. }));
    let kind = match kind {
        Kind::Scsi(_) if on_pci => Kind::Scsi(ScsiModel::Unknown),
        kind => kind,
    };
    let model = model.map(|model| if on_pci { format!("{model} on PCI") } else { model.to_owned() });
    Ok(Controller { kind, index, address, model })
}

/// The adapter of a model; libvirt's own choice on x86 is the LSI one, which QEMU for Arm is built without; on `virt` and channel subsystems it is virtio-scsi, on pseries that of the
/// hypervisor
/// (`qemuDomainDefaultSCSIControllerModel` in libvirt's `src/qemu/qemu_domain.c`).
pub(super) fn scsi_model(model: Option<&str>, board: Option<Board>) -> ScsiModel {
    match model {
        None | Some("auto") if is_pseries(board) => ScsiModel::Other(ScsiAdapter::SpaprVscsi),
        None | Some("auto") if is_virt(board) || is_ccw(board) => ScsiModel::Virtio,
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

/// The host controller of a model; where none is named PIIX3's on pc and xHCI on q35, `virt` and pseries.
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
        None if board == Some(Board::Q35) || is_virt(board) || is_pseries(board) => {
            UsbModel::Known(UsbController::Xhci)
        }
        None => UsbModel::Known(UsbController::Uhci),
    }
}

impl Controller {
    /// Whether PCI devices hang off it.
    pub fn is_pci(&self) -> bool {
        matches!(self.kind, Kind::PciRoot | Kind::RootPort | Kind::Bridge | Kind::OtherPci)
    }
}

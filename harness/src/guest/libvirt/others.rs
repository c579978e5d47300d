//! Devices that no firmware boots from and that take a PCI slot before or beside those it does
//! (`qemuDomainDeviceCalculatePCIConnectFlags` in libvirt's `src/qemu/qemu_domain_address.c`).

use super::super::GuestError;
use super::super::boards::is_virt;
use super::super::xml::Element;
use super::address::{Address, Group};
use super::buses::Needs;
use crate::machine::Board;

/// A PCI device that is not tried here.
#[derive(Clone, Copy, Debug)]
pub(super) struct Other {
    pub group: Group,
    pub needs: Needs,
    pub address: Option<Address>,
    /// One of virtio's, which the board may have on other buses too.
    pub is_virtio: bool,
    /// The chipset has a slot for the first of its kind.
    pub of_chipset: bool,
}

/// The slot of a virtio device with this model.
pub(super) fn virtio(model: Option<&str>) -> Needs {
    if model == Some("virtio-transitional") { Needs::Conventional } else { Needs::Express }
}

impl Other {
    /// A device without an address.
    pub fn new(group: Group, needs: Needs) -> Other {
        Other { group, needs, address: None, is_virtio: false, of_chipset: false }
    }

    /// The display of a guest that names no model (`qemuDomainDefaultVideoDevice` in libvirt's `src/qemu/qemu_domain.c`).
    pub fn display(board: Option<Board>) -> Other {
        Other::new(Group::Videos, if is_virt(board) { Needs::Express } else { Needs::Conventional })
    }

    /// What an element of `<devices>` puts on PCI, if anything.
    pub fn of(element: Element<'_, '_>, board: Option<Board>) -> Result<Option<Other>, GuestError> {
        let own = element.attribute("model");
        let of_child = |child: &str, name: &str| element.child(child).and_then(|child| child.attribute(name));
        let on_virtio = |group, model| Some(Other { is_virtio: true, ..Other::new(group, virtio(model)) });
        let conventional = |group| Some(Other::new(group, Needs::Conventional));
        let is_virtio = own.is_none_or(|model| model.starts_with("virtio"));
        let other = match element.name() {
            "filesystem" => match of_child("driver", "type") {
                None | Some("path" | "handle" | "virtiofs") => on_virtio(Group::Filesystems, own),
                _ => None,
            },
            "sound" => match own {
                Some("virtio") => on_virtio(Group::Sounds, own),
                Some("es1370" | "ac97" | "ich6") => conventional(Group::Sounds),
                Some("ich9") => Some(Other { of_chipset: true, ..Other::new(Group::Sounds, Needs::Conventional) }),
                _ => None,
            },
            "hostdev" => match (element.attribute("type"), own) {
                (Some("pci"), _) | (Some("mdev"), Some("vfio-pci")) => {
                    Some(Other::new(Group::HostDevices, Needs::Express))
                }
                (Some("scsi_host"), _) => on_virtio(Group::HostDevices, own),
                _ => None,
            },
            "memballoon" if is_virtio => on_virtio(Group::Balloons, own),
            "rng" if is_virtio => on_virtio(Group::Rngs, own),
            "watchdog" if own == Some("i6300esb") => conventional(Group::Watchdogs),
            "video" => match of_child("model", "type") {
                Some("none" | "ramfb") => None,
                None => Some(Other::display(board)),
                Some("virtio" | "bochs") => Some(Other::new(Group::Videos, Needs::Express)),
                Some(_) => Some(Other::new(Group::Videos, Needs::Conventional)),
            },
            "shmem" => conventional(Group::SharedMemory),
            "input" if element.attribute("bus") == Some("virtio") => on_virtio(Group::Inputs, own),
            "serial" if of_child("target", "type") == Some("pci-serial") => conventional(Group::Serials),
            "iommu" if own == Some("virtio") => Some(Other::new(Group::Iommus, Needs::Integrated)),
            "vsock" if is_virtio => on_virtio(Group::Vsocks, own),
            "memory" if matches!(own, Some("virtio-mem" | "virtio-pmem")) => on_virtio(Group::Memory, None),
            "crypto" => conventional(Group::Cryptos),
            "panic" if own == Some("pvpanic") => Some(Other::new(Group::Panics, Needs::Integrated)),
            "pstore" => conventional(Group::Pstores),
            _ => None,
        };
        let address = Address::of(element)?;
        let on_pci = matches!(address, None | Some(Address::Pci { .. }));
        Ok(other.filter(|_| on_pci).map(|other| Other { address, ..other }))
    }
}

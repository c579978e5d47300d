//! Boards by the names that libvirt and QEMU have for them, and what readers ask of a board.

use crate::machine::{Board, DeviceClass, NicModel, Root};

/// The board that a machine type is, by QEMU's names; Proxmox' own `+pveN` behind them says which of its versions made the line.
pub(super) fn board(architecture: &str, machine_type: &str) -> Option<Board> {
    let machine_type = machine_type.split_once("+pve").map_or(machine_type, |(qemu, _)| qemu);
    let is = |name: &str| {
        let version = machine_type.strip_prefix(name);
        version.is_some_and(|version| version.is_empty() || version.starts_with('-'))
    };
    match architecture {
        // QEMU's name, and libvirt's, of the same board for 32 bits
        "x86_64" | "i386" | "i686" => {}
        "aarch64" => return is("virt").then_some(Board::Virt),
        // QEMU's name, and libvirt's
        "arm" | "armv7l" => return is("virt").then_some(Board::VirtArm),
        "riscv64" => return is("virt").then_some(Board::VirtRiscv64),
        "loongarch64" => return is("virt").then_some(Board::VirtLoongarch64),
        "s390x" => return is("s390-ccw-virtio").then_some(Board::S390CcwVirtio),
        // libvirt's two names of one board
        "ppc64" | "ppc64le" => return is("pseries").then_some(Board::Pseries),
        _ => return None,
    }
    match machine_type {
        "pc" => Some(Board::Pc),
        "q35" => Some(Board::Q35),
        other if other.starts_with("pc-i440fx-") || other.starts_with("pc-1.") || other.starts_with("pc-0.") => {
            Some(Board::Pc)
        }
        other if other.starts_with("pc-q35-") => Some(Board::Q35),
        _ => None,
    }
}

/// The machine type that QEMU takes where none is named (`is_default` of its machine classes); Arm's has none.
pub(super) fn default_of_qemu(architecture: &str) -> &'static str {
    match architecture {
        "x86_64" | "i386" => "pc",
        "loongarch64" => "virt",
        "riscv64" => "spike",
        "s390x" => "s390-ccw-virtio",
        "ppc64" | "ppc64le" => "pseries",
        _ => "none",
    }
}

/// The machine type that libvirt takes where none is named (`virQEMUCapsGetPreferredMachine` in its `src/qemu/qemu_capabilities.c`).
pub(super) fn default_of_libvirt(architecture: &str) -> &'static str {
    match architecture {
        "aarch64" | "riscv64" | "loongarch64" => "virt",
        "s390x" => "s390-ccw-virtio",
        "ppc64" | "ppc64le" => "pseries",
        _ => "pc",
    }
}

/// Whether a board is a `virt`: PCI Express without ISA, and no firmware that QEMU brings but for OpenSBI on RISC-V.
pub(super) fn is_virt(board: Option<Board>) -> bool {
    matches!(board, Some(Board::Virt | Board::VirtArm | Board::VirtRiscv64 | Board::VirtLoongarch64))
}

/// Whether a board's devices sit on a channel subsystem.
pub(super) fn is_ccw(board: Option<Board>) -> bool {
    board.is_some_and(|board| board.facts().root == Root::Ccw)
}

/// Whether a board brings firmware that is neither SeaBIOS nor UEFI, and takes none of those.
pub(super) fn has_own_firmware(board: Option<Board>) -> bool {
    is_ccw(board) || is_pseries(board)
}

/// Whether a board has the hypervisor's own bus, `spapr-vscsi` and `spapr-vlan` on it.
pub(super) fn is_pseries(board: Option<Board>) -> bool {
    board.is_some_and(|board| board.facts().vio)
}

/// The card that is called `virtio` alone, or `virtio-net`.
pub(super) fn virtio_net(board: Option<Board>) -> NicModel {
    if is_ccw(board) { NicModel::VirtioNetCcw } else { NicModel::VirtioNet }
}

/// What a device is that a board's firmware does not boot from and that cannot be had on it, in words.
pub(super) fn lacks(board: Option<Board>, class: &DeviceClass) -> Option<String> {
    let firmware = match board? {
        board if board.facts().root == Root::Ccw => "s390-ccw",
        board if board.facts().vio => "SLOF",
        _ => return None,
    };
    let what = match class {
        DeviceClass::VirtioBlk | DeviceClass::VirtioScsi { .. } => return None,
        DeviceClass::Nic(nic) if is_ccw(board) == (nic.model == NicModel::VirtioNetCcw) => return None,
        // of what hangs off PCI its firmware says itself what it does not know
        DeviceClass::Scsi { .. } | DeviceClass::Ahci { .. } | DeviceClass::Nvme if !is_ccw(board) => return None,
        DeviceClass::NvmeNamespace { .. } | DeviceClass::UsbStorage { .. } if !is_ccw(board) => return None,
        DeviceClass::UsbBehindHub { .. } if !is_ccw(board) => return None,
        DeviceClass::Nic(nic) => format!("a card of model {}", nic.model.name()),
        DeviceClass::Scsi { adapter, .. } => format!("a drive on {}", adapter.device()),
        DeviceClass::Ide { .. } => "an IDE drive".to_owned(),
        DeviceClass::Ahci { .. } => "a SATA drive".to_owned(),
        DeviceClass::Nvme | DeviceClass::NvmeNamespace { .. } => "an NVMe disk".to_owned(),
        DeviceClass::UsbStorage { .. } | DeviceClass::UsbBehindHub { .. } => "a USB disk".to_owned(),
        DeviceClass::Floppy { .. } => "a floppy drive".to_owned(),
    };
    Some(format!("{what} ({firmware} boots from none)"))
}

/// `-cpu` for the processor of a host, where QEMU's translator has one that is near to any.
pub(super) fn cpu_of_host(board: Option<Board>) -> Option<&'static str> {
    matches!(board, None | Some(Board::Pc | Board::Q35 | Board::Virt)).then_some("max")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("x86_64", "pc-q35-9.2+pve1", Some(Board::Q35))]
    #[case("i686", "pc-i440fx-9.2", Some(Board::Pc))]
    #[case("aarch64", "virt-9.2", Some(Board::Virt))]
    #[case("riscv64", "virt", Some(Board::VirtRiscv64))]
    #[case("loongarch64", "virt", Some(Board::VirtLoongarch64))]
    #[case("s390x", "s390-ccw-virtio-9.2", Some(Board::S390CcwVirtio))]
    #[case("ppc64le", "pseries-9.2", Some(Board::Pseries))]
    #[case("ppc64", "powernv", None)]
    #[case::another_board("riscv64", "spike", None)]
    #[case::a_longer_name("riscv64", "virtual", None)]
    #[case::of_another_processor("riscv64", "q35", None)]
    #[case::another_processor("sparc64", "sun4u", None)]
    fn a_board_has_its_names(#[case] architecture: &str, #[case] machine_type: &str, #[case] wanted: Option<Board>) {
        assert_eq!(board(architecture, machine_type), wanted);
        let is = machine_type.starts_with("virt") && wanted.is_some();
        assert_eq!((is_virt(wanted), is_ccw(wanted)), (is, architecture == "s390x"));
        assert_eq!(is_pseries(wanted), wanted == Some(Board::Pseries));
    }
}

//! Boards by the names that libvirt and QEMU have for them, and what readers ask of a board.

use crate::machine::Board;

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
        "riscv64" => return is("virt").then_some(Board::VirtRiscv64),
        "loongarch64" => return is("virt").then_some(Board::VirtLoongarch64),
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
        _ => "none",
    }
}

/// The machine type that libvirt takes where none is named (`virQEMUCapsGetPreferredMachine` in its `src/qemu/qemu_capabilities.c`).
pub(super) fn default_of_libvirt(architecture: &str) -> &'static str {
    match architecture {
        "aarch64" | "riscv64" | "loongarch64" => "virt",
        _ => "pc",
    }
}

/// Whether a board is a `virt`: PCI Express without ISA, and no firmware that QEMU brings but for OpenSBI on RISC-V.
pub(super) fn is_virt(board: Option<Board>) -> bool {
    matches!(board, Some(Board::Virt | Board::VirtArm | Board::VirtRiscv64 | Board::VirtLoongarch64))
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
    #[case::another_board("riscv64", "spike", None)]
    #[case::a_longer_name("riscv64", "virtual", None)]
    #[case::of_another_processor("riscv64", "q35", None)]
    #[case::another_processor("sparc64", "sun4u", None)]
    fn a_board_has_its_names(#[case] architecture: &str, #[case] machine_type: &str, #[case] wanted: Option<Board>) {
        assert_eq!(board(architecture, machine_type), wanted);
        let is = machine_type.starts_with("virt") && wanted.is_some();
        assert_eq!(is_virt(wanted), is);
    }
}

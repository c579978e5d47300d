//! What the menus of both firmwares have in common.

use bootwright::machine::{Board, DeviceClass};

/// The longest offer that QEMU takes, in milliseconds.
pub(super) const LONGEST: u32 = 65_535;

pub(super) fn optical(board: Board) -> DeviceClass {
    match board {
        Board::Pc => DeviceClass::Ide { channel: 1, unit: 0 },
        Board::Q35
        | Board::Q35Ia32
        | Board::Virt
        | Board::VirtArm
        | Board::VirtRiscv64
        | Board::VirtLoongarch64
        | Board::S390CcwVirtio
        | Board::Pseries => DeviceClass::Ahci { port: 2 },
    }
}

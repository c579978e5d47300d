//! The classes of drive that matrices run over on each board.

use bootwright::machine::{Board, DiskClass, Firmware, Hotplug, UsbController};
use bootwright::platform::Architecture;

/// Every board and firmware of the default suite.
pub const COMBINATIONS: [(Firmware, Board); 4] = [
    (Firmware::SeaBios, Board::Pc),
    (Firmware::SeaBios, Board::Q35),
    (Firmware::Ovmf, Board::Pc),
    (Firmware::Ovmf, Board::Q35),
];

/// Disk classes of a board.
pub fn disks(board: Board) -> Vec<DiskClass> {
    let mut classes = vec![
        DiskClass::VirtioBlk,
        DiskClass::VirtioScsi,
        DiskClass::Ahci,
        DiskClass::Nvme,
        DiskClass::Usb(UsbController::Xhci),
    ];
    classes.retain(|class| *class != DiskClass::Ahci || drives_ahci(board));
    if board.facts().ide.is_some() {
        classes.push(DiskClass::Ide);
    }
    classes
}

/// Whether all firmware of the board drives AHCI. QEMU plugs a controller into any board; AAVMF does not drive it (`drives` has the case),
/// and on LoongArch newer builds do (`loongarch64` has the cases).
fn drives_ahci(board: Board) -> bool {
    let architecture = board.facts().architecture;
    architecture.is_x86() || architecture == Architecture::Riscv64
}

/// Disk classes of a board that QEMU plugs into it while it is powered on.
pub fn pluggable(board: Board) -> Vec<DiskClass> {
    disks(board).into_iter().filter(|class| class.hotplug(board) != Hotplug::Refused).collect()
}

/// Optical classes of a board.
pub fn opticals(board: Board) -> Vec<DiskClass> {
    let mut classes = vec![DiskClass::AhciCd, DiskClass::ScsiCd];
    classes.retain(|class| *class != DiskClass::AhciCd || drives_ahci(board));
    if board.facts().ide.is_some() {
        classes.push(DiskClass::IdeCd);
    }
    classes
}

/// USB host controllers besides xHCI: every disk class boots alone on them, too.
pub fn older_usb() -> [DiskClass; 2] {
    [DiskClass::Usb(UsbController::Ehci), DiskClass::Usb(UsbController::Uhci)]
}

/// The optical drive that a board has without further adapters, or where it has none, one that its firmware drives.
pub fn native_optical(board: Board) -> DiskClass {
    match board {
        Board::Pc => DiskClass::IdeCd,
        Board::Q35 | Board::Q35Ia32 => DiskClass::AhciCd,
        Board::Virt
        | Board::VirtArm
        | Board::VirtRiscv64
        | Board::VirtLoongarch64
        | Board::S390CcwVirtio
        | Board::Pseries => DiskClass::ScsiCd,
    }
}

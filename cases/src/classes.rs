//! The classes of drive that matrices run over on each board.

use bootwright::machine::{Board, DiskClass, Firmware, Hotplug, UsbController};

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
    if board.facts().ide.is_some() {
        classes.push(DiskClass::Ide);
    }
    classes
}

/// Disk classes of a board that QEMU plugs into it while it is powered on.
pub fn pluggable(board: Board) -> Vec<DiskClass> {
    disks(board).into_iter().filter(|class| class.hotplug(board) != Hotplug::Refused).collect()
}

/// Optical classes of a board.
pub fn opticals(board: Board) -> Vec<DiskClass> {
    let mut classes = vec![DiskClass::AhciCd, DiskClass::ScsiCd];
    if board.facts().ide.is_some() {
        classes.push(DiskClass::IdeCd);
    }
    classes
}

/// USB host controllers besides xHCI: every disk class boots alone on them, too.
pub fn older_usb() -> [DiskClass; 2] {
    [DiskClass::Usb(UsbController::Ehci), DiskClass::Usb(UsbController::Uhci)]
}

/// The optical drive that a board has without further adapters.
pub fn native_optical(board: Board) -> DiskClass {
    if board.facts().ide.is_some() { DiskClass::IdeCd } else { DiskClass::AhciCd }
}

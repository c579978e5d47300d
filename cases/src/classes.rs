//! The disk and optical classes that matrices run over, and how each is put into a machine.

use bootwright::machine::{Board, DeviceClass, Firmware, Machine, Medium, UsbController};

/// Every board and firmware of the default suite.
pub const COMBINATIONS: [(Firmware, Board); 4] = [
    (Firmware::SeaBios, Board::Pc),
    (Firmware::SeaBios, Board::Q35),
    (Firmware::Ovmf, Board::Pc),
    (Firmware::Ovmf, Board::Q35),
];

/// A class of drive, disk or optical, by the name it has in case ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Class {
    /// Name in ids and axes.
    pub name: &'static str,
    /// Optical rather than disk.
    pub optical: bool,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    VirtioBlk,
    VirtioScsi,
    Ide,
    Ahci,
    Nvme,
    Usb(UsbController),
}

const fn class(name: &'static str, optical: bool, kind: Kind) -> Class {
    Class { name, optical, kind }
}

/// Disk classes of a board.
pub fn disks(board: Board) -> Vec<Class> {
    let mut classes = vec![
        class("virtio-blk", false, Kind::VirtioBlk),
        class("virtio-scsi", false, Kind::VirtioScsi),
        class("ahci", false, Kind::Ahci),
        class("nvme", false, Kind::Nvme),
        class("usb-xhci", false, Kind::Usb(UsbController::Xhci)),
    ];
    if board == Board::Pc {
        classes.push(class("ide", false, Kind::Ide));
    }
    classes
}

/// Optical classes of a board.
pub fn opticals(board: Board) -> Vec<Class> {
    let mut classes = vec![class("ahci-cd", true, Kind::Ahci), class("scsi-cd", true, Kind::VirtioScsi)];
    if board == Board::Pc {
        classes.push(class("ide-cd", true, Kind::Ide));
    }
    classes
}

/// USB host controllers besides xHCI: every disk class boots alone on them, too.
pub fn older_usb() -> [Class; 2] {
    [class("usb-ehci", false, Kind::Usb(UsbController::Ehci)), class("usb-uhci", false, Kind::Usb(UsbController::Uhci))]
}

/// The optical drive that a board has without further adapters.
pub fn native_optical(board: Board) -> Class {
    match board {
        Board::Pc => class("ide-cd", true, Kind::Ide),
        Board::Q35 => class("ahci-cd", true, Kind::Ahci),
    }
}

impl Class {
    /// Adds a drive of this class with a medium. `rank` 0 is the place that is cheapest to reach (lowest slot, port, unit or
    /// LUN), 1 the next and so on.
    pub fn add(self, machine: Machine, rank: u8, medium: Medium) -> Machine {
        let slot = 4 + 2 * rank;
        let class = match self.kind {
            Kind::VirtioBlk => DeviceClass::VirtioBlk,
            Kind::VirtioScsi => DeviceClass::VirtioScsi { hba: 0, target: 0, lun: u16::from(rank) + 1 },
            Kind::Ide => DeviceClass::Ide { channel: rank / 2, unit: rank % 2 },
            Kind::Ahci => DeviceClass::Ahci { port: rank },
            Kind::Nvme => DeviceClass::Nvme,
            Kind::Usb(controller) => DeviceClass::UsbStorage { controller, port: rank + 1 },
        };
        let machine = machine.device(class, Some(medium), self.optical);
        let has_own_slot = match self.kind {
            Kind::VirtioBlk | Kind::VirtioScsi | Kind::Nvme | Kind::Usb(_) => true,
            Kind::Ahci => machine.board == Board::Pc,
            Kind::Ide => false,
        };
        if has_own_slot { machine.slot(slot) } else { machine }
    }
}

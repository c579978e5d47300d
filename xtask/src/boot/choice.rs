//! The firmware, boards and buses that can be chosen.

use bootwright::machine::{Board, DeviceClass, UsbController};

/// `--firmware`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum FirmwareChoice {
    /// SeaBIOS
    Bios,
    /// OVMF without Secure Boot
    Uefi,
    /// OVMF that enforces Secure Boot with the vendors' keys
    UefiSecure,
}

impl FirmwareChoice {
    /// The word in ids and tables.
    pub fn word(self) -> &'static str {
        match self {
            FirmwareChoice::Bios => "bios",
            FirmwareChoice::Uefi => "uefi",
            FirmwareChoice::UefiSecure => "uefi-secure",
        }
    }
}

/// `--machine`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum BoardChoice {
    /// i440FX
    Pc,
    /// Q35
    Q35,
}

impl BoardChoice {
    /// The word in ids and tables.
    pub fn word(self) -> &'static str {
        match self {
            BoardChoice::Pc => "pc",
            BoardChoice::Q35 => "q35",
        }
    }

    pub fn board(self) -> Board {
        match self {
            BoardChoice::Pc => Board::Pc,
            BoardChoice::Q35 => Board::Q35,
        }
    }
}

/// `--bus`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Bus {
    /// virtio-blk
    Virtio,
    /// virtio-scsi
    Scsi,
    /// AHCI
    Sata,
    /// PIIX3's IDE, on pc
    Ide,
    /// NVMe
    Nvme,
    /// A stick on xHCI
    Usb,
    /// The floppy controller
    Floppy,
    /// A virtio network card
    VirtioNet,
    /// An Intel network card
    E1000,
    /// None: QEMU hands the kernel over
    None,
}

impl Bus {
    /// The word in ids and tables.
    pub fn word(self) -> &'static str {
        match self {
            Bus::Virtio => "virtio",
            Bus::Scsi => "scsi",
            Bus::Sata => "sata",
            Bus::Ide => "ide",
            Bus::Nvme => "nvme",
            Bus::Usb => "usb",
            Bus::Floppy => "floppy",
            Bus::VirtioNet => "virtio-net",
            Bus::E1000 => "e1000",
            Bus::None => "none",
        }
    }

    pub fn class(self) -> Option<DeviceClass> {
        Some(match self {
            Bus::Virtio => DeviceClass::VirtioBlk,
            Bus::Scsi => DeviceClass::VirtioScsi { hba: 0, target: 0, lun: 0 },
            Bus::Sata => DeviceClass::Ahci { port: 0 },
            Bus::Ide => DeviceClass::Ide { channel: 0, unit: 0 },
            Bus::Nvme => DeviceClass::Nvme,
            Bus::Usb => DeviceClass::UsbStorage { controller: UsbController::Xhci, port: 1 },
            Bus::Floppy => DeviceClass::Floppy { unit: 0 },
            Bus::VirtioNet | Bus::E1000 | Bus::None => return None,
        })
    }

    /// QEMU's network card.
    pub fn nic(self) -> Option<&'static str> {
        match self {
            Bus::VirtioNet => Some("virtio-net-pci"),
            Bus::E1000 => Some("e1000"),
            _ => None,
        }
    }
}

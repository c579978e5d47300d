//! Why a machine cannot be laid out.

use crate::machine::{Board, Firmware, Machine, Tpm, UnknownNic};

/// A machine that cannot be laid out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LayoutError {
    /// Firmware that is for other boards.
    #[error("firmware {} does not run on board {}: wanted {}", firmware.name(), board.name(), firmware_of(*board))]
    NoFirmware {
        /// The board.
        board: Board,
        /// The firmware.
        firmware: Firmware,
    },
    /// Two functions want the same address.
    #[error("slot {slot:#04x} function {function} of bus \"{bus}\" is taken: give device {device} another slot")]
    Taken {
        /// Bus name as QEMU spells it.
        bus: String,
        /// PCI slot.
        slot: u8,
        /// PCI function.
        function: u8,
        /// Index of the device that came too late.
        device: usize,
    },
    /// Firmware that enforces Secure Boot on a board without SMM, on which it hangs without a word.
    #[error("the build of OVMF that enforces Secure Boot needs SMM, which {board} does not have: use q35")]
    NoSmm {
        /// The board's name.
        board: &'static str,
    },
    /// A TPM by a way that the board does not have.
    #[error("{} has no TPM by {}: wanted {}", board.name(), tpm.word(), ways(*board))]
    NoTpm {
        /// The board.
        board: Board,
        /// The way.
        tpm: Tpm,
    },
    /// A database of Secure Boot names the program of a medium that is in no drive.
    #[error("the keys of Secure Boot name the program of \"{0}\", and no drive of the machine has that medium")]
    NoSuchProgram(String),
    /// No slot is left.
    #[error("bus \"{bus}\" has no free slot for device {device}")]
    Full {
        /// Bus name as QEMU spells it.
        bus: String,
        /// Index of the device that found no place.
        device: usize,
    },
    /// The board does not have the place or controller that a device needs.
    #[error("device {device}: {wanted} does not exist on {board}")]
    NotOnBoard {
        /// Index of the device.
        device: usize,
        /// What was wanted.
        wanted: String,
        /// The board's name.
        board: &'static str,
    },
    /// Two drives want the same place on a bus that is not PCI.
    #[error("device {device} wants the same place as device {first}: {place}")]
    PlaceTaken {
        /// Index of the device that came too late.
        device: usize,
        /// Index of the device that has the place.
        first: usize,
        /// The place, by its bus and unit, target, LUN or port.
        place: String,
    },
    /// A network card that the harness does not know.
    #[error("device {device}: {unknown}")]
    UnknownNic {
        /// Index of the device.
        device: usize,
        /// The model that was wanted.
        unknown: UnknownNic,
    },
    /// No image has the sectors that a drive asks for.
    #[error(
        "device {device}: no image has sectors of {logical} bytes for it: disks have 512 or 4096, optical drives 2048, floppies 512"
    )]
    NoImage {
        /// Index of the device.
        device: usize,
        /// Its logical block size in bytes.
        logical: u32,
    },
    /// A place that does not exist on any machine.
    #[error("device {device}: {what} {wanted} does not exist: wanted {least} to {most}")]
    NoSuchPlace {
        /// Index of the device.
        device: usize,
        /// What was counted.
        what: &'static str,
        /// What was wanted.
        wanted: u32,
        /// The lowest that there is.
        least: u32,
        /// The highest that there is.
        most: u32,
    },
    /// Properties for an adapter of a device that sits on none.
    #[error("device {device} sits on no adapter that could have a property: give it one of its own with .property()")]
    NoAdapter {
        /// Index of the device.
        device: usize,
    },
    /// A medium is called as a device without a medium is.
    #[error("medium \"{0}\" has the name of a device of the machine: give it another one")]
    NameOfDevice(String),
    /// Two media have the same name, so a verdict could not tell them apart.
    #[error("medium \"{0}\" is in the machine twice: give every medium its own name")]
    MediumTwice(String),
    /// A NIC is plugged into a network that the machine does not have.
    #[error("device {device} is plugged into network {lan}, but the machine has {networks}: add it with .network()")]
    NoSuchNetwork {
        /// Index of the NIC.
        device: usize,
        /// The network that it wants.
        lan: usize,
        /// Number of networks.
        networks: usize,
    },
}

impl Machine {
    /// Whether its firmware is for its board.
    ///
    /// # Errors
    ///
    /// [`LayoutError::NoFirmware`] where it is for others.
    pub fn runs_its_firmware(&self) -> Result<(), LayoutError> {
        let (board, firmware) = (self.board, self.firmware);
        if board.facts().firmware.contains(&firmware) {
            Ok(())
        } else {
            Err(LayoutError::NoFirmware { board, firmware })
        }
    }
}

/// The firmware that a board has.
fn firmware_of(board: Board) -> String {
    let names: Vec<&str> = board.facts().firmware.iter().map(|firmware| firmware.name()).collect();
    names.join(" or ")
}

/// The ways to a TPM that a board has.
fn ways(board: Board) -> String {
    let ways: Vec<&str> = board.facts().tpm.iter().map(|(tpm, _)| tpm.word()).collect();
    if ways.is_empty() { "none".to_owned() } else { ways.join(" or ") }
}

impl LayoutError {
    /// Index of the device that the layout stumbled over; `named` gives the last device that has a medium of this name.
    pub fn device(&self, named: impl FnOnce(&str) -> Option<usize>) -> Option<usize> {
        match self {
            LayoutError::Taken { device, .. }
            | LayoutError::Full { device, .. }
            | LayoutError::NotOnBoard { device, .. }
            | LayoutError::PlaceTaken { device, .. }
            | LayoutError::UnknownNic { device, .. }
            | LayoutError::NoImage { device, .. }
            | LayoutError::NoSuchPlace { device, .. }
            | LayoutError::NoAdapter { device }
            | LayoutError::NoSuchNetwork { device, .. } => Some(*device),
            LayoutError::NameOfDevice(name) | LayoutError::MediumTwice(name) => named(name),
            LayoutError::NoFirmware { .. }
            | LayoutError::NoSmm { .. }
            | LayoutError::NoTpm { .. }
            | LayoutError::NoSuchProgram(_) => None,
        }
    }
}

//! Other programs' descriptions of a guest, read into a machine: libvirt domains and networks, QEMU's command line, lines
//! typed at QEMU's monitor.
//!
//! A reader is pure: text in, a [`Guest`] with its notes out, or one [`GuestError`] with its place. [`variants`] makes
//! ordinary cases of a guest. Never opens a file, never starts anything.
//!
//! ```
//! let xml = "<domain type='qemu'><name>one</name><os><type machine='pc'>hvm</type></os><devices>\
//!     <disk><source file='a.img'/><target dev='vda' bus='virtio'/></disk></devices></domain>";
//! let guest = bootwright::guest::libvirt::read("one.xml", xml, &[])?;
//! assert_eq!(guest.devices[0].device.bootindex, Some(1), "libvirt boots from the first disk where nothing is said");
//! # Ok::<(), bootwright::guest::GuestError>(())
//! ```

mod boards;
pub mod compare;
pub mod document;
mod error;
mod firmware;
mod functions;
pub mod hmp;
pub mod libvirt;
mod loadparm;
mod machine;
pub mod network;
mod note;
#[cfg(test)]
mod own_line_tests;
mod plain;
#[cfg(test)]
mod pseries_tests;
pub mod qemu;
#[cfg(test)]
mod read_tests;
#[cfg(test)]
mod s390x_tests;
mod sectors;
mod usb_spot;
pub mod variants;
#[cfg(test)]
mod virt_tests;
pub mod warnings;
pub mod xml;

pub use error::{At, GuestError};
pub use firmware::{GuestFirmware, Uefi};
pub use note::{Fate, Note, Notes};

use crate::case::story::Step;
use crate::machine::{Board, BootOptions, Device};

/// Who wrote a description.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// libvirt, which looks after firmware files by itself.
    Libvirt,
    /// QEMU's own command line.
    Qemu,
}

/// A guest as somebody else describes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Guest {
    /// The file that describes it, as it was named.
    pub file: String,
    /// Who wrote that.
    pub origin: Origin,
    /// Its name there.
    pub name: String,
    /// Processor architecture, as libvirt and QEMU spell it.
    pub architecture: String,
    /// QEMU's machine type as it is written.
    pub machine_type: String,
    /// The board, where it is one that can be powered on here.
    pub board: Option<Board>,
    /// Its firmware.
    pub firmware: GuestFirmware,
    /// `-cpu`, where one is asked for.
    pub cpu: Option<String>,
    /// It has a `virtio-rng-pci`, without which newer OVMF has no network on most processors.
    pub rng: bool,
    /// Boot options, as QEMU is given them.
    pub boot: BootOptions,
    /// Firmware's text goes to the first serial port.
    pub serial_console: bool,
    /// A kernel that QEMU loads by itself, and its line.
    pub kernel: Option<(String, u32)>,
    /// Devices that firmware may boot from, in the order in which QEMU is given them.
    pub devices: Vec<GuestDevice>,
    /// What is typed at its monitor before it runs, as steps of a story.
    pub typed: Vec<Step>,
    /// The line on which its kind is written.
    pub line: u32,
    /// Devices that an order by classes does not reach.
    pub unreached: Vec<Unreached>,
    /// Entries of fw_cfg that its owner gives to the firmware, name and text.
    pub fw_cfg: Vec<(String, String)>,
    /// Devices that firmware may boot from and that cannot be had here.
    pub untried: Vec<Untried>,
    /// What changes the machine and is not taken over.
    pub unapplied: Vec<Unapplied>,
    /// Names in its boot order of devices that it has not, with their line.
    pub strangers: Vec<(String, u32)>,
    /// What became of everything else.
    pub notes: Notes,
}

/// A device that firmware may boot from and that cannot be had here, such as one of the host's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Untried {
    /// What the guest's owner calls it.
    pub name: String,
    /// Its line.
    pub line: u32,
    /// What it is, for people.
    pub kind: String,
    /// Its rank, as QEMU's bootindex; `None` where it has none.
    pub rank: Option<i64>,
}

/// A device that `<boot dev=...>` does not reach: it is not the first of its class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreached {
    /// What the guest's owner calls it.
    pub name: String,
    /// The first line of `<boot dev=...>`.
    pub line: u32,
    /// The class, as it is written.
    pub class: &'static str,
    /// The device that is reached.
    pub first: String,
}

/// A part of a description that changes what firmware sees and is not taken over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unapplied {
    /// Its line.
    pub line: u32,
    /// What it is, for people.
    pub words: String,
}

/// One device that firmware may boot from.
#[derive(Clone, Debug, PartialEq)]
pub struct GuestDevice {
    /// What the guest's owner calls it: a target such as `vda`, or `nic0`.
    pub name: String,
    /// Its line.
    pub line: u32,
    /// Class, place and rank; what is in it is not said here.
    pub device: Device,
    /// What it is, for people: `virtio disk`.
    pub kind: String,
    /// What is in a drive: a path or URL; `None` for an empty drive and a NIC.
    pub source: Option<String>,
    /// What a NIC is plugged into.
    pub network: Option<Plug>,
    /// Its owner gave it an option ROM in place of QEMU's.
    pub own_rom: bool,
}

/// What a NIC is plugged into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plug {
    /// A libvirt network.
    Network(String),
    /// QEMU's user network, with the boot file that it offers.
    User(Option<String>),
    /// Something of the host's, in words.
    Host(String),
    /// Nothing: the link is down.
    Nothing,
}

impl Guest {
    /// The devices with a rank, the first to be tried first, then those without, each by its place in [`Guest::devices`].
    pub fn order(&self) -> Vec<usize> {
        let rank = |index: &usize| {
            let rank = self.devices[*index].device.bootindex.filter(|rank| *rank >= 0);
            (rank.is_none(), rank.unwrap_or_default(), *index)
        };
        let mut order: Vec<usize> = (0..self.devices.len()).collect();
        order.sort_by_key(rank);
        order
    }

    /// Whether a device was given a rank.
    pub fn is_selected(&self, index: usize) -> bool {
        self.devices.get(index).is_some_and(|device| device.device.bootindex.is_some_and(|rank| rank >= 0))
    }
}

//! A drive that makes a device by itself, as the line has it.

/// What a drive is plugged into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Interface {
    /// Whatever the board has for a drive of which nothing is said: IDE on pc, AHCI on q35, virtio on virt and s390-ccw-virtio, SCSI on pseries.
    Board,
    Ide,
    Virtio,
    Floppy,
    /// The `spapr-vscsi` that pseries makes.
    Scsi,
}

/// A drive, before the board is known.
pub(super) struct ShortDrive {
    pub interface: Interface,
    pub bus: Option<u8>,
    pub unit: Option<u8>,
    pub index: Option<u8>,
    /// `-hda`, for one that has such a name.
    pub name: Option<String>,
    pub optical: bool,
    /// What is in it; `None` for an empty drive.
    pub file: Option<String>,
    pub line: u32,
}

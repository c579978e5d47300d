//! Why bytes are no variable store, boot option or device path.

use super::guid::Guid;

/// Why bytes are not what they should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NvramError {
    /// No firmware volume with a variable store begins here.
    #[error("not a variable store: {found}, wanted an edk2 NV data volume at offset 0; is this an OVMF_VARS file?")]
    NotAVolume {
        /// What is there instead.
        found: String,
    },
    /// The volume is one, but no variable store begins in it.
    #[error("variable store at offset {offset:#x}: signature is {signature}, wanted that of a variable store")]
    NoStore {
        /// Offset in the file, bytes.
        offset: usize,
        /// The GUID that stands where the store's belongs.
        signature: Guid,
    },
    /// The volume is one, but its variable store header is damaged.
    #[error("variable store at offset {offset:#x}: {found}")]
    BadStore {
        /// Offset in the file, bytes.
        offset: usize,
        /// What is wrong with it.
        found: String,
    },
    /// A device path ends in the middle of a node, or has no end node.
    #[error("device path: {found} at byte {offset} of {length}")]
    BadDevicePath {
        /// Offset in the device path, bytes.
        offset: usize,
        /// Length of the device path, bytes.
        length: usize,
        /// What is wrong there.
        found: &'static str,
    },
    /// A boot option is shorter than its own fields say.
    #[error("boot option of {length} bytes: {found}")]
    BadLoadOption {
        /// Length of the variable's data, bytes.
        length: usize,
        /// What is wrong with it.
        found: &'static str,
    },
    /// A device path's text has a node that cannot be written.
    #[error("device path node {node:?}: wanted one of a drive, a partition or a file, such as Pci(0x4,0x0)")]
    UnknownNode {
        /// The node as given.
        node: String,
    },
    /// Variables do not fit into what is free of a store.
    #[error("the variables take {needed} bytes and {free} of the store are free")]
    NoRoom {
        /// What they take with their headers, bytes.
        needed: usize,
        /// What is free, bytes.
        free: usize,
    },
}

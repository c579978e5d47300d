//! What is read of a boot server.

use super::arch::Processor;
use super::kind::Kind;
use super::note::Note;
use crate::lan::LanSpec;
use crate::machine::Bridge;

/// A file that a guest is told to boot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootFile {
    /// The line that names it, from 1.
    pub line: usize,
    /// As the server gives it, in the lab's addresses: a name or a URL.
    pub given: String,
    /// Its name on the lab's server, without a leading slash.
    pub name: String,
    /// For UEFI guests, as far as name and rule tell; else for BIOS guests.
    pub efi: bool,
    /// Whose program it is, as far as its name and the architecture of its rule tell; else x86's.
    pub processor: Processor,
}

/// What was read.
#[derive(Clone, Debug, PartialEq)]
pub struct BootServer {
    /// What it is.
    pub kind: Kind,
    /// The real daemons of the bridge lab, with what they read.
    pub bridge: Bridge,
    /// The same for the lan, or with its line why the lan cannot do it.
    pub lan: Result<LanSpec, Note>,
    /// The files that guests are told to boot, in the order of the file; each once.
    pub files: Vec<BootFile>,
    /// What is wrong, in the order of the file.
    pub warnings: Vec<Note>,
    /// What was put in place of something else: addresses, host names, folders, interfaces.
    pub replaced: Vec<Note>,
    /// What was left out.
    pub ignored: Vec<Note>,
}

//! Ways into parsers of files that a program meets only on its host, for the fuzz targets.

use std::path::Path;

use super::descriptor::Descriptors;

/// Reads the firmware descriptors of a directory and chooses among them.
pub fn descriptors(dir: &Path) {
    let Ok(found) = Descriptors::read(&[dir.to_owned()], super::Architecture::X86_64) else { return };
    let qemu = super::QemuVersion { major: 7, minor: 2, micro: 0 };
    let _ = (found.plain(qemu), found.secure_boot(qemu));
}

/// Reads a lock file.
pub fn lock(file: &Path) {
    super::release::read_lock(file);
}

//! The first serial port: two pipes with names (`serial-0.in`, `serial-0.out`), QEMU's `pipe` character device.
//!
//! A socket would lose output. QEMU writes a UART's output byte by byte and without waiting, a Unix socket counts a buffer
//! of most of a KiB for every write, so that some 300 bytes fill it; and firmware gives a byte up that the UART has not taken
//! within a second of guest time (`SerialWrite` in edk2's `PciSioSerialDxe`), which under the virtual clock is a few
//! milliseconds of the host's. A pipe packs the bytes, and holds [`CAPACITY`] of them for a reader that comes late.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use crate::evidence::file::remove_if_there;

/// Bytes that wait for a reader; the kernel's own 64 KiB where it does not grant that.
const CAPACITY: i32 = 1 << 18;

/// The name of a port's pipes without `.in` and `.out`: no two in a process are the same, since two QEMUs share a folder
/// while a machine migrates.
pub fn name() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("serial-{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

/// The near ends of one port.
pub struct Near {
    /// What QEMU writes.
    pub output: File,
    /// Keeps the output from ending before QEMU has opened it.
    pub held_open: File,
    /// What QEMU reads.
    pub input: File,
}

/// The names of one port's pipes, removed when this is dropped: QEMU must have opened them by then.
pub struct Names([PathBuf; 2]);

/// Makes the pipes of a port in a folder.
///
/// # Errors
///
/// The file system's.
pub fn create(folder: &Path, name: &str) -> io::Result<(Names, Near)> {
    let names = Names(["in", "out"].map(|end| folder.join(format!("{name}.{end}"))));
    for path in &names.0 {
        remove_if_there(path)?;
        mkfifo(path, Mode::S_IRUSR | Mode::S_IWUSR)?;
    }
    let [input, output] = &names.0;
    // opening one end of a pipe waits for the other, unless it is told not to
    let reading = OpenOptions::new().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(output)?;
    let held_open = OpenOptions::new().write(true).open(output)?;
    fcntl(&reading, FcntlArg::F_SETFL(OFlag::empty()))?;
    fcntl(&reading, FcntlArg::F_SETPIPE_SZ(CAPACITY)).ok();
    let input = OpenOptions::new().read(true).write(true).open(input)?;
    Ok((names, Near { output: reading, held_open, input }))
}

impl Drop for Names {
    fn drop(&mut self) {
        for path in &self.0 {
            std::fs::remove_file(path).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};

    #[test]
    fn a_port_holds_what_a_late_reader_has_not_read_however_small_the_pieces() {
        let folder = tempfile::tempdir().unwrap();
        let name = name();
        let (_names, mut near) = create(folder.path(), &name).unwrap();
        let far = folder.path().join(format!("{name}.out"));
        let mut far = OpenOptions::new().write(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(far).unwrap();
        for _ in 0..50_000 {
            assert_eq!(far.write(b"x").unwrap(), 1);
        }
        let mut read = vec![0; 50_000];
        near.output.read_exact(&mut read).unwrap();
        assert!(read.iter().all(|&byte| byte == b'x'));
    }

    #[test]
    fn the_names_are_gone_when_the_port_is() {
        let folder = tempfile::tempdir().unwrap();
        let (names, _near) = create(folder.path(), "serial-x").unwrap();
        assert_eq!(folder.path().read_dir().unwrap().count(), 2);
        drop(names);
        assert_eq!(folder.path().read_dir().unwrap().count(), 0);
        assert_ne!(name(), name());
    }
}

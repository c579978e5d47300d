//! What QEMU writes on the serial port and the debug console, on its way into the timeline.
//!
//! Two threads read, and a third one reads the monitor: what was first can be told nevertheless. QEMU writes a byte of a
//! port when the guest's instruction is executed (`serial_xmit` in `hw/char/serial.c`), and an event's line when it comes to
//! it (`qapi_event_emit` in `monitor/monitor.c`), both straight into the kernel. So whatever a guest printed before an event
//! is in the timeline or waits in the kernel once the event's line is there.

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, TryLockError};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, poll};

use crate::evidence::{Recorder, Source};

/// How often a reader that has nothing to read looks whether anybody still wants it, ms.
pub(super) const LOOK_UP_MS: u16 = 200;

/// Bytes that are still taken when nobody wants the port any more: more than the kernel holds of one.
const LEFTOVERS: u64 = 1 << 20;

/// The near end of one port.
pub struct Port {
    output: OwnedFd,
    /// How many bytes are in the timeline; held while some are neither there nor in the kernel.
    taken: Mutex<u64>,
}

impl Port {
    /// A port that nobody has read.
    pub fn new(output: OwnedFd) -> Port {
        Port { output, taken: Mutex::new(0) }
    }

    /// How many bytes QEMU has written so far.
    pub fn written(&self) -> u64 {
        let taken = self.lock();
        *taken + self.waiting().unwrap_or_default()
    }

    /// Whether so many bytes are in the timeline.
    pub fn has_taken(&self, written: u64) -> bool {
        *self.lock() >= written
    }

    /// Whether everything that was written is in the timeline; never once the port has broken.
    pub fn is_drained(&self) -> bool {
        match self.taken.try_lock() {
            Err(TryLockError::WouldBlock) => false,
            Ok(_) | Err(TryLockError::Poisoned(_)) => self.waiting() == Some(0),
        }
    }

    /// Bytes that wait in the kernel.
    fn waiting(&self) -> Option<u64> {
        let mut waiting = 0;
        // SAFETY: the request stores an int, and `waiting` is one that lives until the call has returned
        let asked = unsafe { fionread(self.output.as_raw_fd(), &mut waiting) };
        asked.ok().and_then(|_| u64::try_from(waiting).ok())
    }

    /// Reads the port into the timeline until it ends or nobody wants it; what is there by then is taken nevertheless.
    pub fn carry(&self, source: Source, recorder: &Recorder, unwanted: &AtomicBool) {
        let Ok(mut stream) = self.output.try_clone().map(File::from) else { return };
        let mut buffer = [0; 16 << 10];
        let mut left_over = 0;
        // waits without holding anything, then reads what it knows to be there
        while left_over < LEFTOVERS {
            let patience = if unwanted.load(Ordering::Relaxed) { 0 } else { LOOK_UP_MS };
            match poll(&mut [PollFd::new(stream.as_fd(), PollFlags::POLLIN)], patience) {
                Ok(0) if patience == 0 => break,
                Ok(0) | Err(Errno::EINTR) => continue,
                Ok(_) => {}
                Err(_) => break,
            }
            let mut taken = self.lock();
            let Ok(count @ 1..) = stream.read(&mut buffer) else { break };
            recorder.bytes(source, &buffer[..count]);
            *taken += count as u64;
            if patience == 0 {
                left_over += count as u64;
            }
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, u64> {
        match self.taken.lock() {
            Ok(guard) => guard,
            Err(poisoned) => poisoned.into_inner(),
        }
    }
}

nix::ioctl_read_bad!(
    /// Bytes that wait in a pipe or socket (Linux `ioctl_tty(2)`, `unix(7)`, `pipe(7)`).
    fionread,
    nix::libc::FIONREAD,
    nix::libc::c_int
);

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn what_was_written_is_counted_before_and_after_somebody_reads_it() {
        let (read, write) = nix::unistd::pipe().unwrap();
        let port = Port::new(read);
        File::from(write).write_all(b"printed before").unwrap();
        assert_eq!(port.written(), 14);
        assert!(!port.has_taken(14) && port.has_taken(0) && !port.is_drained());
        let recorder = Recorder::new();
        port.carry(Source::Serial, &recorder, &AtomicBool::new(false));
        assert!(port.written() == 14 && port.has_taken(14) && port.is_drained());
        assert_eq!(recorder.stream(Source::Serial), b"printed before");
    }

    #[test]
    fn what_waits_when_nobody_wants_the_port_any_more_is_taken_nevertheless() {
        let (read, write) = nix::unistd::pipe().unwrap();
        let mut write = File::from(write);
        write.write_all(&[b'x'; 60_000]).unwrap();
        let recorder = Recorder::new();
        Port::new(read).carry(Source::Serial, &recorder, &AtomicBool::new(true));
        assert_eq!(recorder.stream_len(Source::Serial), 60_000, "a reader that comes late loses nothing");
        drop(write);
    }

    #[test]
    fn a_port_that_is_written_to_for_ever_is_not_read_for_ever() {
        let (read, write) = nix::unistd::pipe().unwrap();
        let writer = std::thread::spawn(move || {
            let mut write = File::from(write);
            while write.write_all(&[b'x'; 1 << 16]).is_ok() {}
        });
        let port = Port::new(read);
        port.carry(Source::Serial, &Recorder::new(), &AtomicBool::new(true));
        drop(port);
        writer.join().unwrap();
    }
}

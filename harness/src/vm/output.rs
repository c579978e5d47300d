//! QEMU's own output, through a pipe that never fills the disk.
//!
//! `qemu.log` holds the first [`HEAD`] bytes and the last [`TAIL`], with a line between them that says how much is left out:
//! what went wrong first, and the last words.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, poll};

use super::port::LOOK_UP_MS;

/// Bytes kept of the beginning.
pub const HEAD: usize = 1 << 20;

/// Bytes kept of the end.
pub const TAIL: usize = 64 << 10;

/// Carries the output into the log until it ends or nobody wants it any more. A disk that is full loses the log, never the
/// reader: QEMU would wait for it.
pub(super) fn keep(mut pipe: File, mut log: File, unwanted: &AtomicBool) {
    let (mut head, mut tail, mut left_out) = (0, VecDeque::with_capacity(TAIL), 0_u64);
    let mut buffer = vec![0; 64 << 10];
    loop {
        // what is in the pipe when nobody wants it any more is taken nevertheless
        let patience = if unwanted.load(Ordering::Relaxed) { 0 } else { LOOK_UP_MS };
        match poll(&mut [PollFd::new(pipe.as_fd(), PollFlags::POLLIN)], patience) {
            Ok(0) if patience == 0 => break,
            Ok(0) | Err(Errno::EINTR) => continue,
            Ok(_) => {}
            Err(_) => break,
        }
        let Ok(count @ 1..) = pipe.read(&mut buffer) else { break };
        let (first, rest) = buffer[..count].split_at(count.min(HEAD - head));
        log.write_all(first).ok();
        head += first.len();
        let over = (tail.len() + rest.len()).saturating_sub(TAIL);
        tail.drain(..over.min(tail.len()));
        tail.extend(&rest[rest.len().saturating_sub(TAIL)..]);
        left_out += over as u64;
        // one that floods for ever is read no longer than it is wanted
        if patience == 0 && left_out > 0 {
            break;
        }
    }
    if left_out > 0 {
        log.write_all(format!("\n[{left_out} bytes are left out here]\n").as_bytes()).ok();
    }
    log.write_all(tail.make_contiguous()).ok();
}

#[cfg(test)]
mod tests {
    use std::io::Seek;

    use super::*;

    fn kept(pieces: impl IntoIterator<Item = Vec<u8>> + Send + 'static) -> Vec<u8> {
        let (read, write) = nix::unistd::pipe().unwrap();
        let writer = std::thread::spawn(move || {
            let mut write = File::from(write);
            pieces.into_iter().for_each(|piece| write.write_all(&piece).unwrap());
        });
        let mut log = tempfile::tempfile().unwrap();
        keep(File::from(read), log.try_clone().unwrap(), &AtomicBool::new(false));
        writer.join().unwrap();
        let mut text = Vec::new();
        log.rewind().unwrap();
        log.read_to_end(&mut text).unwrap();
        text
    }

    #[test]
    fn an_ordinary_output_is_kept_whole() {
        assert_eq!(kept([b"one\n".to_vec(), b"two\n".to_vec()]), b"one\ntwo\n");
        let long = vec![b'x'; HEAD + TAIL];
        assert_eq!(kept([long.clone()]), long);
    }

    #[test]
    fn of_a_flood_beginning_and_end_are_kept_and_the_rest_is_counted() {
        let count = 20 << 20;
        let flood = (0..20).map(|_| vec![b'x'; 1 << 20]);
        let pieces: Vec<Vec<u8>> =
            [b"first words ".to_vec()].into_iter().chain(flood).chain([b" last words".to_vec()]).collect();
        let text = kept(pieces);
        let left_out = 12 + count + 11 - HEAD - TAIL;
        assert!(text.starts_with(b"first words x") && text.ends_with(b"x last words"));
        let note = format!("x\n[{left_out} bytes are left out here]\nx");
        assert!(text.windows(note.len()).any(|part| part == note.as_bytes()), "{left_out}");
        assert_eq!(text.len(), HEAD + TAIL + note.len() - 2);
    }

    #[test]
    fn a_process_that_holds_the_pipe_open_is_not_waited_for() {
        let (read, _write) = nix::unistd::pipe().unwrap();
        keep(File::from(read), tempfile::tempfile().unwrap(), &AtomicBool::new(true));
    }
}

//! A network of real parts, watched from outside: the frames that pass a tap device and the lines that the parts log
//! become the events and the capture that a lan has.
//!
//! It only listens: nothing is sent, and whatever it cannot read it passes over. Memory is bounded by [`LanLog`]'s limits
//! and those of its readers.

mod frames;
mod lines;
mod pcap;

use std::io::{BufRead, BufReader, Read};
use std::thread::JoinHandle;
use std::time::Instant;

use super::event::Direction;
use super::log::LanLog;
use super::wire::MacAddr;
use frames::Listener;

/// Longest line that is read; the rest of it begins another.
const LINE_LIMIT: u64 = 64 << 10;

/// Listens to the frames of one NIC until `stream` ends: a pcap stream such as QEMU's `filter-dump` writes. Frames and
/// events get `port` as their NIC and the host time at which they arrived here.
///
/// # Errors
/// The host's where it has no threads left.
pub fn listen(
    stream: impl Read + Send + 'static,
    mac: MacAddr,
    port: usize,
    log: LanLog,
) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new().spawn(move || {
        let Ok(mut frames) = pcap::Reader::new(BufReader::new(stream)) else { return };
        let mut listener = Listener::default();
        while let Ok(Some(frame)) = frames.next_frame() {
            let now = Instant::now();
            let from_guest = frame.get(6..12) == Some(&mac.0[..]);
            let direction = if from_guest { Direction::FromGuest } else { Direction::ToGuest };
            log.record(now, port, direction, &frame, Vec::new(), false);
            for kind in listener.take(direction, &frame) {
                log.event(now, Some(port), kind);
            }
        }
    })
}

/// Reads the log lines of the parts until `stream` ends. `taps` are the names of the tap devices, by port.
///
/// # Errors
/// The host's where it has no threads left.
pub fn read_lines(
    stream: impl Read + Send + 'static,
    taps: Vec<String>,
    log: LanLog,
) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new().spawn(move || {
        let mut stream = BufReader::new(stream);
        let mut reader = lines::Reader::new(taps);
        let mut line = Vec::new();
        while let Ok(1..) = stream.by_ref().take(LINE_LIMIT).read_until(b'\n', &mut line) {
            let text = String::from_utf8_lossy(&line);
            if let Some((port, kind)) = reader.take(text.trim_end()) {
                log.event(Instant::now(), port, kind);
            }
            line.clear();
        }
    })
}

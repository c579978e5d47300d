//! The lan's thread: frames between QEMU's stream sockets and the [`Engine`].
//!
//! QEMU's stream netdev puts a 32-bit big-endian length before each frame (`net/stream.c`).

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::time::TimeSpec;

use super::engine::Engine;
use super::event::LanEventKind;
use super::log::LanLog;
use super::spec::LanSpec;

/// Longest frame that QEMU sends (`NET_BUFSIZE`).
const MAX_FRAME: usize = 4096 + 65536;
/// Most bytes that wait for a guest that does not read; further frames are dropped, as a switch does.
const MAX_QUEUE: usize = 8 << 20;
/// Frames taken from one port before the others and the timers have their turn.
const BATCH: usize = 256;

/// One NIC's connection.
struct Port {
    stream: UnixStream,
    input: Vec<u8>,
    output: VecDeque<u8>,
    open: bool,
}

/// Runs until every port is closed or `asleep` becomes readable.
pub(super) fn run(spec: &LanSpec, streams: Vec<UnixStream>, asleep: &UnixStream, log: &LanLog) {
    let mut ports: Vec<Port> = streams
        .into_iter()
        .map(|stream| Port { stream, input: Vec::new(), output: VecDeque::new(), open: true })
        .collect();
    let mut engine = Engine::new(spec, ports.len(), log.clone());
    while ports.iter().any(|port| port.open) {
        let ready = match wait(&ports, asleep, engine.deadline(Instant::now())) {
            Ok(Some(ready)) => ready,
            Ok(None) => return finish(&mut ports, &mut engine),
            Err(error) => {
                log.event(Instant::now(), None, LanEventKind::PortClosed { reason: format!("poll: {error}") });
                return;
            }
        };
        for (nic, port) in ports.iter_mut().enumerate().filter(|(nic, port)| port.open && ready[*nic]) {
            let filled = port.fill();
            // What came before the end of the stream still counts.
            while let Some(frame) = port.take_frame() {
                engine.receive(nic, &frame, Instant::now());
            }
            engine.arrived_together();
            if let Err(error) = filled {
                port.open = false;
                log.event(Instant::now(), Some(nic), LanEventKind::PortClosed { reason: error.to_string() });
            }
        }
        engine.poll(Instant::now());
        while let Some((nic, frame)) = engine.take() {
            if let Some(port) = ports.get_mut(nic).filter(|port| port.open) {
                port.queue(&frame);
            }
        }
        for (nic, port) in ports.iter_mut().enumerate().filter(|(_, port)| port.open) {
            if let Err(error) = port.flush() {
                port.open = false;
                log.event(Instant::now(), Some(nic), LanEventKind::PortClosed { reason: error.to_string() });
            }
        }
    }
}

/// Takes in what the guest had sent before the lan was told to end, so that the record is whole.
fn finish(ports: &mut [Port], engine: &mut Engine) {
    for (nic, port) in ports.iter_mut().enumerate().filter(|(_, port)| port.open) {
        // a port that fails now is closed anyway
        port.fill().ok();
        while let Some(frame) = port.take_frame() {
            engine.receive(nic, &frame, Instant::now());
        }
    }
}

/// Waits for a port or the deadline; `None` when the lan is to end.
fn wait(ports: &[Port], asleep: &UnixStream, deadline: Option<Instant>) -> io::Result<Option<Vec<bool>>> {
    let timeout =
        deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()).min(Duration::from_secs(60)));
    let mut fds = vec![PollFd::new(asleep.as_fd(), PollFlags::POLLIN)];
    for port in ports {
        // A closed port stays in the list so that places fit, and asks for nothing.
        let flags = match (port.open, port.output.is_empty()) {
            (false, _) => PollFlags::empty(),
            (true, true) => PollFlags::POLLIN,
            (true, false) => PollFlags::POLLIN | PollFlags::POLLOUT,
        };
        fds.push(PollFd::new(port.stream.as_fd(), flags));
    }
    match ppoll(&mut fds, timeout.map(TimeSpec::from), None) {
        Ok(_) => {}
        Err(Errno::EINTR) => return Ok(Some(vec![false; ports.len()])),
        Err(error) => return Err(error.into()),
    }
    // a flag that nix does not know counts as something that happened
    let seen = |fd: &PollFd<'_>| fd.revents().unwrap_or(PollFlags::all());
    if !seen(&fds[0]).is_empty() {
        return Ok(None);
    }
    let readable = PollFlags::POLLIN | PollFlags::POLLHUP | PollFlags::POLLERR;
    Ok(Some(fds[1..].iter().map(|fd| seen(fd).intersects(readable)).collect()))
}

impl Port {
    /// Reads what is there, a batch at most.
    fn fill(&mut self) -> io::Result<()> {
        let mut chunk = [0; 16384];
        for _ in 0..BATCH {
            match self.stream.read(&mut chunk) {
                Ok(0) => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "closed by QEMU")),
                Ok(count) => {
                    self.input.extend_from_slice(&chunk[..count]);
                    if self.input.len() > 4 * MAX_FRAME {
                        return self.check_length();
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return self.check_length(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.check_length()
    }

    fn next_length(&self) -> Option<usize> {
        let prefix: [u8; 4] = self.input.get(..4)?.try_into().ok()?;
        Some(u32::from_be_bytes(prefix) as usize)
    }

    fn check_length(&self) -> io::Result<()> {
        match self.next_length() {
            Some(length) if length > MAX_FRAME => {
                let reason = format!("frame length {length} is above {MAX_FRAME}");
                Err(io::Error::new(io::ErrorKind::InvalidData, reason))
            }
            _ => Ok(()),
        }
    }

    fn take_frame(&mut self) -> Option<Vec<u8>> {
        let length = self.next_length().filter(|length| *length <= MAX_FRAME)?;
        let frame = self.input.get(4..4 + length)?.to_vec();
        self.input.drain(..4 + length);
        Some(frame)
    }

    fn queue(&mut self, frame: &[u8]) {
        if self.output.len() + frame.len() <= MAX_QUEUE {
            self.output.extend((frame.len() as u32).to_be_bytes());
            self.output.extend(frame);
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        while !self.output.is_empty() {
            match self.stream.write(self.output.as_slices().0) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => drop(self.output.drain(..count)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port() -> (UnixStream, Port) {
        let (guest, stream) = UnixStream::pair().unwrap();
        stream.set_nonblocking(true).unwrap();
        (guest, Port { stream, input: Vec::new(), output: VecDeque::new(), open: true })
    }

    #[test]
    fn frames_are_taken_one_by_one_however_they_were_cut() {
        let (mut guest, mut port) = port();
        guest.write_all(&[0, 0, 0, 2, 7]).unwrap();
        port.fill().unwrap();
        assert_eq!(port.take_frame(), None);
        guest.write_all(&[8, 0, 0, 0, 0, 0, 0, 0, 1, 9]).unwrap();
        port.fill().unwrap();
        assert_eq!(
            [port.take_frame(), port.take_frame(), port.take_frame()],
            [Some(vec![7, 8]), Some(vec![]), Some(vec![9])]
        );
    }

    #[test]
    fn an_impossible_length_closes_the_port() {
        let (mut guest, mut port) = port();
        guest.write_all(&[0xff; 8]).unwrap();
        assert_eq!(port.fill().unwrap_err().kind(), io::ErrorKind::InvalidData);
        assert_eq!(port.take_frame(), None);
    }

    #[test]
    fn a_guest_that_does_not_read_cannot_fill_memory() {
        let (_guest, mut port) = port();
        for _ in 0..10_000 {
            port.queue(&[0; 1500]);
            port.flush().unwrap();
        }
        assert!(port.output.len() <= MAX_QUEUE);
    }
}

//! TFTP server (RFC 1350; options RFC 2347, block size RFC 2348, timeout and size RFC 2349, window RFC 7440).
//!
//! It offers the files of the spec and has no way to reach any other. A guest's repeated acknowledgment is answered
//! with the window that follows it, because under a virtual clock the guest's timeout comes long before the server's;
//! each such repetition is owed one more acknowledgment for each block in it, which is then ignored, so that no block is
//! doubled for ever (RFC 1123 section 4.2.3.1).

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Datagram;
use crate::event::{FaultOrigin, LanEventKind, Struck};
use crate::spec::{LanSpec, TftpFaultKind};
use crate::wire::MacAddr;
use crate::wire::summary::TFTP_TRANSFER_PORTS;
use crate::wire::tftp::{Repr, Request, error_code};

/// Most transfers at a time; the oldest gives way.
const MAX_TRANSFERS: usize = 64;
/// Repetitions of a window by the server's own clock.
const MAX_REPEATS: u32 = 5;

/// The transfers of a lan.
#[derive(Debug)]
pub(crate) struct Server {
    transfers: Vec<Transfer>,
    next_port: u16,
}

#[derive(Debug)]
struct Transfer {
    name: String,
    file: Arc<[u8]>,
    server: (MacAddr, SocketAddr),
    client: (MacAddr, SocketAddr),
    request: Request,
    fault: Option<TftpFaultKind>,
    blksize: usize,
    window: u64,
    wrap_to: u16,
    /// The option acknowledgment, as long as it has not been acknowledged itself.
    option_ack: Option<Vec<(String, String)>>,
    /// Last block that the client has.
    acked: u64,
    /// Last block that was sent.
    sent: u64,
    /// Acknowledgments that are still to come from blocks sent twice.
    owed: u64,
    again: Again,
    retransmit: Duration,
    repeats: u32,
    deadline: Instant,
    quarter: u64,
    /// Its fault has struck.
    struck: bool,
}

/// Blocks that the client acknowledges more often than it was sent them.
#[derive(Debug, Default)]
struct Again {
    /// How often the window behind the last acknowledged block was sent.
    sent: u64,
    /// Acknowledgments of that block which its repetitions explain.
    explained: u64,
    /// That block is counted.
    counted: bool,
    /// So many blocks.
    blocks: u64,
}

impl Again {
    /// A block is acknowledged for the first time: each repetition of its window brings an acknowledgment for each block.
    fn advanced(&mut self, window: u64) {
        let explained = self.sent.saturating_sub(1) * window;
        *self = Again { explained, blocks: self.blocks, ..Again::default() };
    }

    /// It is acknowledged again.
    fn repeated(&mut self) {
        match self.explained.checked_sub(1) {
            Some(left) => self.explained = left,
            None => self.blocks += u64::from(!std::mem::replace(&mut self.counted, true)),
        }
    }
}

/// What a step gives: datagrams and events.
#[derive(Debug, Default)]
pub(crate) struct Output {
    pub datagrams: Vec<Datagram>,
    pub events: Vec<LanEventKind>,
}

impl Server {
    pub(crate) fn new() -> Self {
        Self { transfers: Vec::new(), next_port: *TFTP_TRANSFER_PORTS.start() }
    }

    /// Takes a datagram that was sent to port 69.
    pub(crate) fn request(&mut self, spec: &LanSpec, datagram: &Datagram, now: Instant, out: &mut Output) {
        let refusal = match Repr::parse(&datagram.payload) {
            Ok(Repr::ReadRequest(request)) => return self.read_request(spec, datagram, request, now, out),
            Ok(Repr::WriteRequest(request)) => {
                (request.name, error_code::ACCESS_VIOLATION, "writing is not offered".to_owned())
            }
            // An error is never answered with an error.
            Ok(Repr::Error { .. }) => return,
            Ok(_) => (String::new(), error_code::UNKNOWN_TRANSFER, "no such transfer".to_owned()),
            Err(error) => (String::new(), error_code::ILLEGAL_OPERATION, error.to_string()),
        };
        refuse(datagram, refusal, out);
    }

    fn read_request(&mut self, spec: &LanSpec, datagram: &Datagram, request: Request, now: Instant, out: &mut Output) {
        // A repeated request gets the same answer again, not a second transfer.
        if let Some(known) = self
            .transfers
            .iter_mut()
            .find(|known| known.client.1 == datagram.src && known.request == request && known.acked == 0)
        {
            known.send_window(now, out);
            return;
        }
        self.transfers.retain(|known| known.client.1 != datagram.src);
        let found = spec.offered(&request.name);
        out.events.push(LanEventKind::TftpRequest {
            name: request.name.clone(),
            options: request.options.clone(),
            found: found.is_some(),
        });
        let faulty =
            |file: &Option<String>| file.as_ref().is_none_or(|name| *name == request.name.trim_start_matches('/'));
        let fault = spec.tftp.faults.iter().find(|fault| faulty(&fault.file)).map(|fault| fault.kind.clone());
        match (&fault, found) {
            (Some(TftpFaultKind::Silent), _) => {
                let note = format!("tftp: no answer to {}", request.name);
                out.events.push(LanEventKind::Fault(Struck { fault: FaultOrigin::Tftp(request.name), note }));
            }
            (Some(TftpFaultKind::Refuse { code, message }), _) => {
                refuse(datagram, (request.name, *code, message.clone()), out);
            }
            (_, None) => refuse(datagram, (request.name, error_code::FILE_NOT_FOUND, "file not found".into()), out),
            (_, Some(_)) if request.mode != "octet" => {
                refuse(
                    datagram,
                    (request.name, error_code::ILLEGAL_OPERATION, "only octet mode is offered".into()),
                    out,
                );
            }
            (_, Some(file)) => {
                let file = Arc::clone(file);
                self.begin(spec, datagram, request, (file, fault), now, out);
            }
        }
    }

    fn begin(
        &mut self,
        spec: &LanSpec,
        datagram: &Datagram,
        request: Request,
        (file, fault): (Arc<[u8]>, Option<TftpFaultKind>),
        now: Instant,
        out: &mut Output,
    ) {
        if self.transfers.len() == MAX_TRANSFERS {
            self.transfers.remove(0);
        }
        let port = self.next_port;
        self.next_port = if port == *TFTP_TRANSFER_PORTS.end() { *TFTP_TRANSFER_PORTS.start() } else { port + 1 };
        let file = match fault {
            Some(TftpFaultKind::Truncate { bytes }) => file[..file.len().min(bytes as usize)].into(),
            _ => file,
        };
        let mut transfer = Transfer {
            name: request.name.clone(),
            file,
            server: (datagram.dst_mac, SocketAddr::new(datagram.dst.ip(), port)),
            client: (datagram.src_mac, datagram.src),
            request,
            fault,
            blksize: 512,
            window: 1,
            wrap_to: spec.tftp.wrap_to.min(1),
            option_ack: None,
            acked: 0,
            sent: 0,
            owed: 0,
            again: Again::default(),
            retransmit: spec.tftp.retransmit,
            repeats: 0,
            deadline: now,
            quarter: 0,
            struck: false,
        };
        if spec.tftp.options {
            transfer.negotiate(spec);
        }
        transfer.send_window(now, out);
        self.transfers.push(transfer);
    }

    /// Takes a datagram that was sent to a transfer's port.
    pub(crate) fn transfer(&mut self, datagram: &Datagram, now: Instant, out: &mut Output) {
        let place = self
            .transfers
            .iter()
            .position(|known| known.client.1 == datagram.src && known.server.1.port() == datagram.dst.port());
        let message = Repr::parse(&datagram.payload);
        let Some(place) = place else {
            // The last acknowledgment may come twice; an error ends what has already ended.
            if !matches!(message, Ok(Repr::Ack { .. } | Repr::Error { .. })) {
                refuse(datagram, (String::new(), error_code::UNKNOWN_TRANSFER, "no such transfer".into()), out);
            }
            return;
        };
        let transfer = &mut self.transfers[place];
        let over = match message {
            Ok(Repr::Ack { block }) => transfer.acknowledged(block, now, out),
            Ok(Repr::Error { code, message }) => {
                let name = transfer.name.clone();
                out.events.push(LanEventKind::TftpError { name, code, message, from_guest: true });
                true
            }
            Ok(_) | Err(_) => {
                let reason = "not an acknowledgment".to_owned();
                refuse(datagram, (transfer.name.clone(), error_code::ILLEGAL_OPERATION, reason), out);
                true
            }
        };
        if over {
            self.transfers.remove(place);
        }
    }

    /// Sends again what has waited too long by the host's clock; gives up on what has waited too often.
    pub(crate) fn poll(&mut self, now: Instant, out: &mut Output) {
        self.transfers.retain_mut(|transfer| {
            if transfer.deadline > now {
                return true;
            }
            if transfer.repeats >= MAX_REPEATS {
                return false;
            }
            transfer.repeats += 1;
            transfer.repeat_window(now, out);
            true
        });
    }

    /// When [`Server::poll`] has something to do.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.transfers.iter().map(|transfer| transfer.deadline).min()
    }
}

fn refuse(datagram: &Datagram, (name, code, message): (String, u16, String), out: &mut Output) {
    let error = Repr::Error { code, message: message.clone() };
    out.datagrams.push(datagram.reply(error.emit()));
    out.events.push(LanEventKind::TftpError { name, code, message, from_guest: false });
}

impl Transfer {
    fn negotiate(&mut self, spec: &LanSpec) {
        let mut taken = Vec::new();
        for (name, value) in &self.request.options {
            let Ok(number) = value.parse::<u64>() else { continue };
            let agreed = match name.as_str() {
                "blksize" if (8..=65464).contains(&number) => {
                    self.blksize = number.min(u64::from(spec.tftp.max_blksize.max(8))) as usize;
                    self.blksize as u64
                }
                "tsize" => match self.fault {
                    Some(TftpFaultKind::ClaimSize { bytes }) => bytes,
                    _ => self.file.len() as u64,
                },
                "windowsize" if (1..=65535).contains(&number) => {
                    self.window = number.min(u64::from(spec.tftp.max_windowsize.max(1)));
                    self.window
                }
                "timeout" if (1..=255).contains(&number) => {
                    self.retransmit = Duration::from_secs(number);
                    number
                }
                _ => continue,
            };
            taken.push((name.clone(), agreed.to_string()));
        }
        self.option_ack = (!taken.is_empty()).then_some(taken);
    }

    /// Number of the last block, which is shorter than a block; an exact multiple ends with an empty one.
    fn last_block(&self) -> u64 {
        (self.file.len() / self.blksize) as u64 + 1
    }

    /// A block's number on the wire.
    fn number(&self, block: u64) -> u16 {
        if block <= 0xffff || self.wrap_to == 0 { block as u16 } else { ((block - 1) % 0xffff + 1) as u16 }
    }

    /// Takes an acknowledgment; true when the transfer is over.
    fn acknowledged(&mut self, number: u16, now: Instant, out: &mut Output) -> bool {
        if self.option_ack.is_some() {
            if number == 0 {
                self.option_ack = None;
                self.again.advanced(1);
                self.send_window(now, out);
            }
            return false;
        }
        let window = self.acked..=self.sent;
        let Some(block) = window.rev().find(|block| self.number(*block) == number) else { return false };
        if block == self.acked {
            self.again.repeated();
            if self.owed > 0 {
                self.owed -= 1;
                return false;
            }
            self.repeat_window(now, out);
            return false;
        } else {
            self.repeats = 0;
            self.acked = block;
            self.again.advanced(self.window);
            self.progress(out);
        }
        if self.acked == self.last_block() {
            let bytes = self.file.len() as u64;
            let (blocks, of) = (self.again.blocks, self.last_block());
            if blocks > 0 {
                out.events.push(LanEventKind::TftpAcknowledgedAgain { name: self.name.clone(), blocks, of });
            }
            out.events.push(LanEventKind::TftpComplete { name: self.name.clone(), bytes });
            return true;
        }
        self.send_window(now, out);
        false
    }

    fn progress(&mut self, out: &mut Output) {
        let total = self.file.len() as u64;
        let bytes = (self.acked * self.blksize as u64).min(total);
        let quarter = (bytes * 4).checked_div(total).unwrap_or(4);
        if quarter > self.quarter && quarter < 4 {
            self.quarter = quarter;
            out.events.push(LanEventKind::TftpProgress { name: self.name.clone(), bytes, total });
        }
    }

    /// Sends the window once more, and owes no answer to the acknowledgments that the client may send for every block that it
    /// gets twice: answering those with windows of their own would go on for ever (RFC 1123 section 4.2.3.1).
    fn repeat_window(&mut self, now: Instant, out: &mut Output) {
        self.owed = (self.owed + self.window).min(2 * self.window);
        self.send_window(now, out);
    }

    /// Sends the option acknowledgment, or the window after the last acknowledged block.
    fn send_window(&mut self, now: Instant, out: &mut Output) {
        self.deadline = now + self.retransmit;
        self.again.sent += 1;
        if let Some(options) = &self.option_ack {
            let options = options.clone();
            self.send(Repr::OptionAck { options }, out);
            return;
        }
        let last = self.last_block().min(self.acked + self.window);
        for block in self.acked + 1..=last {
            let start = (block - 1) * self.blksize as u64;
            match &self.fault {
                Some(TftpFaultKind::StallAfter { bytes }) if start >= *bytes => {
                    if !self.struck {
                        self.struck = true;
                        let note = format!("tftp: {} stalls after {start} bytes", self.name);
                        let fault = FaultOrigin::Tftp(self.name.clone());
                        out.events.push(LanEventKind::Fault(Struck { fault, note }));
                    }
                    return;
                }
                Some(TftpFaultKind::ErrorAtBlock { block: wanted, code, message }) if block == *wanted => {
                    let (code, message) = (*code, message.clone());
                    let name = self.name.clone();
                    out.events.push(LanEventKind::TftpError {
                        name,
                        code,
                        message: message.clone(),
                        from_guest: false,
                    });
                    self.send(Repr::Error { code, message }, out);
                    return;
                }
                _ => {}
            }
            let start = start as usize;
            let data = self.file[start..self.file.len().min(start + self.blksize)].to_vec();
            if self.fault == Some(TftpFaultKind::Strangers) {
                self.send_from_another_port(block, &data, out);
            }
            self.send(Repr::Data { block: self.number(block), data }, out);
            self.sent = self.sent.max(block);
        }
    }

    /// A block of the same number and length with other bytes.
    fn send_from_another_port(&mut self, block: u64, data: &[u8], out: &mut Output) {
        if !std::mem::replace(&mut self.struck, true) {
            let note = format!("tftp: blocks of {} from another port", self.name);
            out.events.push(LanEventKind::Fault(Struck { fault: FaultOrigin::Tftp(self.name.clone()), note }));
        }
        let other = SocketAddr::new(self.server.1.ip(), *TFTP_TRANSFER_PORTS.end() + 1);
        let data = data.iter().map(|byte| !byte).collect();
        self.send_from(other, Repr::Data { block: self.number(block), data }, out);
    }

    fn send(&self, message: Repr, out: &mut Output) {
        self.send_from(self.server.1, message, out);
    }

    fn send_from(&self, src: SocketAddr, message: Repr, out: &mut Output) {
        out.datagrams.push(Datagram {
            src_mac: self.server.0,
            dst_mac: self.client.0,
            src,
            dst: self.client.1,
            payload: message.emit(),
            note: None,
        });
    }
}

#[cfg(test)]
#[path = "tftp_tests.rs"]
mod tests;

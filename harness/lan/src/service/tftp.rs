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
    retransmit: Duration,
    repeats: u32,
    deadline: Instant,
    quarter: u64,
    stalled: bool,
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
            retransmit: spec.tftp.retransmit,
            repeats: 0,
            deadline: now,
            quarter: 0,
            stalled: false,
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
                self.send_window(now, out);
            }
            return false;
        }
        let window = self.acked..=self.sent;
        let Some(block) = window.rev().find(|block| self.number(*block) == number) else { return false };
        if block == self.acked {
            if self.owed > 0 {
                self.owed -= 1;
                return false;
            }
            self.repeat_window(now, out);
            return false;
        } else {
            self.repeats = 0;
            self.acked = block;
            self.progress(out);
        }
        if self.acked == self.last_block() {
            let bytes = self.file.len() as u64;
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
                    if !self.stalled {
                        self.stalled = true;
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
            self.send(Repr::Data { block: self.number(block), data }, out);
            self.sent = self.sent.max(block);
        }
    }

    fn send(&self, message: Repr, out: &mut Output) {
        out.datagrams.push(Datagram {
            src_mac: self.server.0,
            dst_mac: self.client.0,
            src: self.server.1,
            dst: self.client.1,
            payload: message.emit(),
            note: None,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::TftpFault;
    use rstest::rstest;

    /// A client that acknowledges every window and keeps what it got.
    struct Client {
        server: Server,
        spec: LanSpec,
        file: Vec<u8>,
        events: Vec<LanEventKind>,
        port: u16,
        refused: Option<u16>,
    }

    impl Client {
        fn new(spec: LanSpec) -> Self {
            Self { server: Server::new(), spec, file: Vec::new(), events: Vec::new(), port: 69, refused: None }
        }

        fn say(&mut self, message: &Repr) -> Vec<Repr> {
            let datagram = Datagram {
                src_mac: MacAddr([2; 6]),
                dst_mac: MacAddr([4; 6]),
                src: SocketAddr::from(([10, 77, 0, 100], 2000)),
                dst: SocketAddr::from(([10, 77, 0, 1], self.port)),
                payload: message.emit(),
                note: None,
            };
            let mut out = Output::default();
            if self.port == 69 {
                self.server.request(&self.spec, &datagram, Instant::now(), &mut out);
            } else {
                self.server.transfer(&datagram, Instant::now(), &mut out);
            }
            if let Some(first) = out.datagrams.first() {
                self.port = first.src.port();
            }
            self.events.extend(out.events);
            out.datagrams.iter().map(|datagram| Repr::parse(&datagram.payload).unwrap()).collect()
        }

        fn fetch(&mut self, name: &str, options: &[(&str, &str)]) -> &[u8] {
            let options: Vec<_> = options.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
            let request = Request { name: name.into(), mode: "octet".into(), options };
            let mut replies = self.say(&Repr::ReadRequest(request));
            let mut expected = 1u16;
            while let Some(last) = replies.last().cloned() {
                for reply in &replies {
                    if let Repr::Data { block, data } = reply {
                        assert_eq!(*block, expected);
                        expected = if *block == 0xffff { self.spec.tftp.wrap_to } else { *block + 1 };
                        self.file.extend_from_slice(data);
                    }
                }
                replies = match last {
                    Repr::OptionAck { .. } => self.say(&Repr::Ack { block: 0 }),
                    Repr::Data { block, .. } => self.say(&Repr::Ack { block }),
                    Repr::Error { code, .. } => {
                        self.refused = Some(code);
                        break;
                    }
                    other => panic!("{other:?}"),
                };
            }
            &self.file
        }
    }

    fn bytes(count: usize) -> Vec<u8> {
        (0..count).map(|at| (at * 7 / 3) as u8).collect()
    }

    #[rstest]
    #[case::empty(0, &[])]
    #[case::one_block(511, &[])]
    #[case::exact_multiple(1024, &[])]
    #[case::block_size(5000, &[("blksize", "1432"), ("tsize", "0")])]
    #[case::window(100_000, &[("blksize", "1000"), ("windowsize", "7")])]
    #[case::block_number_wraps(70_000 * 8, &[("blksize", "8"), ("windowsize", "64")])]
    fn a_file_arrives_whole(#[case] size: usize, #[case] options: &[(&str, &str)], #[values(0, 1)] wrap_to: u16) {
        let mut spec = LanSpec::new().file("f", bytes(size));
        spec.tftp.wrap_to = wrap_to;
        let mut client = Client::new(spec);
        assert!(client.fetch("f", options) == bytes(size));
        assert_eq!(client.events.last(), Some(&LanEventKind::TftpComplete { name: "f".into(), bytes: size as u64 }));
    }

    #[rstest]
    #[case("../f")]
    #[case("/etc/passwd")]
    #[case("//f")]
    #[case("F")]
    #[case("")]
    #[case("./f")]
    fn a_name_that_is_not_offered_is_not_found(#[case] name: &str) {
        let mut client = Client::new(LanSpec::new().file("f", bytes(10)));
        assert_eq!(client.fetch(name, &[]), b"");
        assert_eq!(client.refused, Some(error_code::FILE_NOT_FOUND));
    }

    #[test]
    fn a_leading_slash_is_part_of_the_path() {
        let mut client = Client::new(LanSpec::new().file("f", bytes(10)));
        assert_eq!(client.fetch("/f", &[]), bytes(10));
    }

    #[test]
    fn writing_is_refused() {
        let mut client = Client::new(LanSpec::new().file("f", bytes(10)));
        let request = Request { name: "f".into(), mode: "octet".into(), options: vec![] };
        let replies = client.say(&Repr::WriteRequest(request));
        assert!(matches!(&replies[..], [Repr::Error { code: error_code::ACCESS_VIOLATION, .. }]));
    }

    #[test]
    fn a_stall_stops_at_the_given_byte_and_an_error_at_the_given_block() {
        let faulty = |kind| {
            let mut spec = LanSpec::new().file("f", bytes(4096));
            spec.tftp.faults.push(TftpFault { file: Some("f".into()), kind });
            let mut client = Client::new(spec);
            let got = client.fetch("f", &[]).len();
            (got, client.refused)
        };
        assert_eq!(faulty(TftpFaultKind::StallAfter { bytes: 1024 }), (1024, None));
        let error = TftpFaultKind::ErrorAtBlock { block: 4, code: 3, message: "disk full".into() };
        assert_eq!(faulty(error), (1536, Some(3)));
        assert_eq!(faulty(TftpFaultKind::Truncate { bytes: 700 }), (700, None));
        assert_eq!(faulty(TftpFaultKind::Silent), (0, None));
    }

    #[test]
    fn a_repeated_acknowledgment_is_answered_once_for_each_block_sent_twice() {
        let mut client = Client::new(LanSpec::new().file("f", bytes(4096)));
        let request = Request { name: "f".into(), mode: "octet".into(), options: vec![] };
        client.say(&Repr::ReadRequest(request));
        assert_eq!(client.say(&Repr::Ack { block: 1 }).len(), 1);
        // The guest lost block 2 and says so; it gets it again.
        assert!(matches!(client.say(&Repr::Ack { block: 1 })[..], [Repr::Data { block: 2, .. }]));
        // Both copies arrive and are acknowledged: the second acknowledgment must not double block 3.
        assert!(matches!(client.say(&Repr::Ack { block: 2 })[..], [Repr::Data { block: 3, .. }]));
        assert_eq!(client.say(&Repr::Ack { block: 2 }), []);
    }

    /// OVMF acknowledges every block that it has already; when the host was slow and the guest's time ran ahead, it has asked
    /// several times before the first answer reaches it.
    #[test]
    fn an_impatient_client_that_acknowledges_every_stale_block_is_not_flooded() {
        const BLOCKS: usize = 40;
        let mut client = Client::new(LanSpec::new().file("f", bytes(BLOCKS * 1000 - 1)));
        let options = [("blksize", "1000"), ("windowsize", "4")];
        let options = options.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        client.say(&Repr::ReadRequest(Request { name: "f".into(), mode: "octet".into(), options }));
        let mut coming = std::collections::VecDeque::from(client.say(&Repr::Ack { block: 0 }));
        let (mut have, mut seen) = (0, 0);
        while let Some(reply) = coming.pop_front() {
            let Repr::Data { block, .. } = reply else { panic!("{reply:?}") };
            seen += 1;
            assert!(seen < 3 * BLOCKS, "{seen} blocks sent, {have} of {BLOCKS} taken");
            let stale = block != have + 1;
            have = if stale { have } else { block };
            let times = if stale || have as usize == BLOCKS { 1 } else { 3 };
            if stale || have % 4 == 0 {
                coming.extend((0..times).flat_map(|_| client.say(&Repr::Ack { block: have })).collect::<Vec<_>>());
            }
        }
        assert_eq!(have as usize, BLOCKS);
    }

    #[test]
    fn a_repeated_request_gets_the_same_transfer() {
        let mut client = Client::new(LanSpec::new().file("f", bytes(4096)));
        let request = Repr::ReadRequest(Request { name: "f".into(), mode: "octet".into(), options: vec![] });
        client.say(&request);
        let port = client.port;
        client.port = 69;
        client.say(&request);
        assert_eq!(client.port, port);
    }

    #[test]
    fn what_is_not_acknowledged_is_sent_again_and_given_up_in_the_end() {
        let mut client = Client::new(LanSpec::new().file("f", bytes(4096)));
        let request = Request { name: "f".into(), mode: "octet".into(), options: vec![] };
        client.say(&Repr::ReadRequest(request));
        let mut now = Instant::now();
        let mut sent = 0;
        while client.server.deadline().is_some() {
            now += Duration::from_secs(2);
            let mut out = Output::default();
            client.server.poll(now, &mut out);
            sent += out.datagrams.len();
        }
        assert_eq!(sent, 5);
    }
}

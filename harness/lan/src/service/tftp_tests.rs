//! A client of the server, and what it must be given.

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
fn a_stranger_sends_a_block_of_each_number_from_another_port_and_it_is_a_fault_once() {
    let mut spec = LanSpec::new().file("f", bytes(700));
    spec.tftp.faults.push(TftpFault { file: None, kind: TftpFaultKind::Strangers });
    let mut client = Client::new(spec);
    let request = Request { name: "f".into(), mode: "octet".into(), options: vec![] };
    let [Repr::Data { block: 1, data: strange }, Repr::Data { block: 1, data }] =
        &client.say(&Repr::ReadRequest(request))[..]
    else {
        panic!("two blocks of one number");
    };
    assert_eq!((strange[0], strange.len()), (!data[0], 512));
    assert_eq!(client.port, TFTP_TRANSFER_PORTS.end() + 1, "the first one's");
    client.port = *TFTP_TRANSFER_PORTS.start();
    assert_eq!(client.say(&Repr::Ack { block: 1 }).len(), 2);
    assert_eq!(client.events.iter().filter(|event| matches!(event, LanEventKind::Fault(_))).count(), 1);
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

/// How many blocks of how many a client acknowledges that says each acknowledgment so often, and answers all that comes.
fn acknowledged_again(size: usize, options: &[(&str, &str)], times: usize, asks_first: bool) -> Option<(u64, u64)> {
    let mut client = Client::new(LanSpec::new().file("f", bytes(size)));
    let options: Vec<_> = options.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
    let request = Repr::ReadRequest(Request { name: "f".into(), mode: "octet".into(), options });
    let mut coming = std::collections::VecDeque::from(client.say(&request));
    if asks_first {
        client.port = 69;
        coming.extend(client.say(&request));
    }
    while let Some(reply) = coming.pop_front() {
        let ack = match reply {
            Repr::OptionAck { .. } => Repr::Ack { block: 0 },
            Repr::Data { block, .. } => Repr::Ack { block },
            other => panic!("{other:?}"),
        };
        let times = if ack == (Repr::Ack { block: 0 }) { 1 } else { times };
        coming.extend((0..times).flat_map(|_| client.say(&ack)).collect::<Vec<_>>());
    }
    client.events.iter().find_map(|event| match event {
        LanEventKind::TftpAcknowledgedAgain { blocks, of, .. } => Some((*blocks, *of)),
        _ => None,
    })
}

#[test]
fn a_block_that_is_acknowledged_more_often_than_it_was_sent_is_counted_once() {
    for options in [&[][..], &[("blksize", "512")]] {
        assert_eq!(acknowledged_again(5000, options, 1, false), None);
        assert_eq!(acknowledged_again(5000, options, 1, true), None, "what is sent twice is acknowledged twice");
        assert_eq!(acknowledged_again(5000, options, 2, false), Some((9, 10)));
        assert_eq!(acknowledged_again(5000, options, 3, false), Some((9, 10)));
    }
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

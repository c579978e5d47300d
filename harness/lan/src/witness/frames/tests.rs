use std::net::Ipv4Addr;

use super::*;
use crate::wire::MacAddr;

const GUEST: Ipv4Addr = Ipv4Addr::new(192, 168, 122, 40);
const HOST: Ipv4Addr = Ipv4Addr::new(192, 168, 122, 1);

fn frame(from_guest: bool, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let (src, dst) = if from_guest { (GUEST, HOST) } else { (HOST, GUEST) };
    let header = ipv4::Repr { src, dst, protocol, identification: 1, hop_limit: 64 };
    let link = ethernet::Repr { dst: MacAddr::default(), src: MacAddr::default(), ethertype: ethernet::IPV4 };
    link.emit(&header.emit(payload))
}

fn way(from_guest: bool) -> Direction {
    if from_guest { Direction::FromGuest } else { Direction::ToGuest }
}

fn datagram(listener: &mut Listener, from_guest: bool, ports: (u16, u16), message: &tftp::Repr) -> Vec<LanEventKind> {
    let (src, dst) = if from_guest { (GUEST, HOST) } else { (HOST, GUEST) };
    let header = udp::Repr { src_port: ports.0, dst_port: ports.1 };
    let payload = header.emit(src.into(), dst.into(), &message.emit());
    listener.take(way(from_guest), &frame(from_guest, ipv4::UDP, &payload))
}

fn segment(listener: &mut Listener, from_guest: bool, sequence: u32, syn: bool, data: &[u8]) -> Vec<LanEventKind> {
    let ports: [u16; 2] = if from_guest { [5000, 80] } else { [80, 5000] };
    let mut bytes: Vec<u8> = ports.iter().flat_map(|port| port.to_be_bytes()).collect();
    bytes.extend_from_slice(&sequence.to_be_bytes());
    bytes.extend_from_slice(&[0, 0, 0, 0, 5 << 4, if syn { 2 } else { 16 }, 0, 0, 0, 0, 0, 0]);
    bytes.extend_from_slice(data);
    listener.take(way(from_guest), &frame(from_guest, ipv4::TCP, &bytes))
}

fn request(name: &str) -> tftp::Repr {
    tftp::Repr::ReadRequest(tftp::Request {
        name: name.into(),
        mode: "octet".into(),
        options: vec![("blksize".into(), "1432".into())],
    })
}

#[test]
fn a_file_is_complete_when_its_last_block_is_acknowledged() {
    let listener = &mut Listener::default();
    let asked = datagram(listener, true, (2070, 69), &request("boot.0"));
    assert!(matches!(&asked[..], [LanEventKind::TftpRequest { name, .. }] if name == "boot.0"));
    assert!(datagram(listener, true, (2070, 69), &request("boot.0")).is_empty(), "a repeated request");
    let options = vec![("blksize".into(), "1432".into())];
    datagram(listener, false, (3000, 2070), &tftp::Repr::OptionAck { options });
    for (block, len) in [(1, 1432), (1, 1432), (2, 10)] {
        datagram(listener, false, (3000, 2070), &tftp::Repr::Data { block, data: vec![0; len] });
    }
    assert!(datagram(listener, true, (2070, 3000), &tftp::Repr::Ack { block: 1 }).is_empty());
    let done = datagram(listener, true, (2070, 3000), &tftp::Repr::Ack { block: 2 });
    assert_eq!(done, [LanEventKind::TftpComplete { name: "boot.0".into(), bytes: 1442 }]);
}

#[test]
fn an_error_ends_a_transfer_and_says_whose_it_was() {
    let listener = &mut Listener::default();
    datagram(listener, true, (2070, 69), &request("missing"));
    let error = tftp::Repr::Error { code: 1, message: "file not found".into() };
    let seen = datagram(listener, false, (3000, 2070), &error);
    assert!(matches!(&seen[..], [LanEventKind::TftpError { code: 1, from_guest: false, .. }]));
}

#[test]
fn http_on_one_connection_is_told_request_by_request() {
    let listener = &mut Listener::default();
    segment(listener, true, 99, true, b"");
    segment(listener, false, 499, true, b"");
    assert!(segment(listener, true, 100, false, b"HEAD /boot.efi HTTP/1.1\r\nHo").is_empty());
    segment(listener, true, 127, false, b"st: 192.168.122.1\r\n\r\n");
    let head = segment(listener, false, 500, false, b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n");
    let [LanEventKind::HttpRequest { method, path, host, status, .. }] = &head[..] else { panic!("{head:?}") };
    assert_eq!(
        (method.as_str(), path.as_str(), host.as_deref(), *status),
        ("HEAD", "/boot.efi", Some("192.168.122.1"), Some(200))
    );

    segment(listener, true, 148, false, b"GET /boot.efi HTTP/1.1\r\n\r\n");
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc";
    assert_eq!(segment(listener, false, 538, false, head).len(), 1);
    assert!(segment(listener, false, 538, false, head).is_empty(), "a repetition");
    let sent = segment(listener, false, 579, false, b"def");
    assert_eq!(sent, [LanEventKind::HttpSent { path: "/boot.efi".into(), bytes: 6 }]);
}

#[test]
fn noise_says_nothing_and_is_not_kept() {
    let listener = &mut Listener::default();
    for length in 0..80 {
        assert!(listener.take(Direction::FromGuest, &vec![0x45; length]).is_empty());
        listener.take(Direction::FromGuest, &frame(true, ipv4::TCP, &vec![0xff; length]));
        listener.take(Direction::FromGuest, &frame(true, ipv4::UDP, &vec![0; length]));
    }
    segment(listener, true, 0, true, b"");
    for round in 0..100_u32 {
        segment(listener, true, 1 + round * 1400, false, &[b'x'; 1400]);
    }
    assert!(listener.connections[&5000].guest.head.len() <= MAX_HEAD);
}

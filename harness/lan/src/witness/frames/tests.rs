use std::net::{Ipv4Addr, Ipv6Addr};

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
    assert!(listener.connections[&(false, 5000)].guest.head.len() <= MAX_HEAD);
}

const GUEST6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0x40);
const HOST6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);

fn frame6(from_guest: bool, next_header: u8, ports: (u16, u16), payload: &[u8]) -> Vec<u8> {
    let (src, dst) = if from_guest { (GUEST6, HOST6) } else { (HOST6, GUEST6) };
    let payload = match next_header {
        ipv4::UDP => udp::Repr { src_port: ports.0, dst_port: ports.1 }.emit(src.into(), dst.into(), payload),
        _ => payload.to_vec(),
    };
    let link = ethernet::Repr { dst: MacAddr::default(), src: MacAddr::default(), ethertype: ethernet::IPV6 };
    link.emit(&ipv6::Repr { src, dst, next_header, hop_limit: 64 }.emit(&payload))
}

#[test]
fn a_boot_by_dhcpv6_is_heard_from_solicit_to_the_last_block() {
    use crate::wire::dhcpv6::{MessageType, Repr, option};
    let listener = &mut Listener::default();
    let options = vec![(option::CLIENT_ARCH, vec![0, 7])];
    let solicit = Repr { message: MessageType::Solicit, xid: 7, options }.emit();
    let seen = listener.take(way(true), &frame6(true, ipv4::UDP, (546, 547), &solicit));
    let [LanEventKind::Dhcpv6(said)] = &seen[..] else { panic!("{seen:?}") };
    assert_eq!((said.message, &said.server, said.arch), (MessageType::Solicit, &None, Some(7)));

    let options = vec![(option::BOOT_FILE_URL, b"tftp://[fe80::1]/boot.efi".to_vec())];
    let reply = Repr { message: MessageType::Reply, xid: 7, options }.emit();
    let seen = listener.take(way(false), &frame6(false, ipv4::UDP, (547, 546), &reply));
    let [LanEventKind::Dhcpv6(said)] = &seen[..] else { panic!("{seen:?}") };
    assert_eq!((said.server.as_deref(), said.message), (Some("fe80::1"), MessageType::Reply));
    assert_eq!(said.boot_file_url.as_deref(), Some("tftp://[fe80::1]/boot.efi"));

    let asked = listener.take(way(true), &frame6(true, ipv4::UDP, (2070, 69), &request("boot.efi").emit()));
    assert!(matches!(&asked[..], [LanEventKind::TftpRequest { name, .. }] if name == "boot.efi"));
    let data = tftp::Repr::Data { block: 1, data: vec![0; 10] };
    listener.take(way(false), &frame6(false, ipv4::UDP, (3000, 2070), &data.emit()));
    let ack = tftp::Repr::Ack { block: 1 };
    let done = listener.take(way(true), &frame6(true, ipv4::UDP, (2070, 3000), &ack.emit()));
    assert_eq!(done, [LanEventKind::TftpComplete { name: "boot.efi".into(), bytes: 10 }]);
}

#[test]
fn port_4011_is_heard_in_both_directions() {
    let listener = &mut Listener::default();
    let mut bytes = vec![0; 240];
    bytes[..3].copy_from_slice(&[1, 1, 6]);
    bytes[236..240].copy_from_slice(&[99, 130, 83, 99]);
    bytes.extend([53, 1, 3, 255]);
    for (from_guest, ports, server) in [(true, (68, 4011), None), (false, (4011, 68), Some("192.168.122.1"))] {
        let (src, dst) = if from_guest { (GUEST, HOST) } else { (HOST, GUEST) };
        let header = udp::Repr { src_port: ports.0, dst_port: ports.1 };
        let seen =
            listener.take(way(from_guest), &frame(from_guest, ipv4::UDP, &header.emit(src.into(), dst.into(), &bytes)));
        let [LanEventKind::Dhcp(said)] = &seen[..] else { panic!("{seen:?}") };
        assert_eq!(said.server.as_deref(), server);
    }
}

#[test]
fn http_over_ipv6_is_heard() {
    let listener = &mut Listener::default();
    let say = |listener: &mut Listener, from_guest: bool, sequence: u32, flags: u8, data: &[u8]| {
        let ports: [u16; 2] = if from_guest { [5000, 80] } else { [80, 5000] };
        let mut bytes: Vec<u8> = ports.iter().flat_map(|port| port.to_be_bytes()).collect();
        bytes.extend_from_slice(&sequence.to_be_bytes());
        bytes.extend_from_slice(&[0, 0, 0, 0, 5 << 4, flags, 0, 0, 0, 0, 0, 0]);
        bytes.extend_from_slice(data);
        listener.take(way(from_guest), &frame6(from_guest, ipv4::TCP, (0, 0), &bytes))
    };
    say(listener, true, 99, 2, b"");
    say(listener, false, 499, 2, b"");
    say(listener, true, 100, 16, b"GET /boot.efi HTTP/1.1\r\n\r\n");
    let seen = say(listener, false, 500, 16, b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc");
    assert_eq!(seen.len(), 2, "{seen:?}");
    assert_eq!(seen[1], LanEventKind::HttpSent { path: "/boot.efi".into(), bytes: 3 });
}

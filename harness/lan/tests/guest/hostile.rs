//! A hostile guest's means, for tests and for the fuzz targets: a lan with everything switched on, good frames of every kind
//! to be spoilt, and every parser at once.

use std::net::Ipv4Addr;

use bootwright_lan::routes::Http;
use bootwright_lan::wire::dhcpv4::MessageType;
use bootwright_lan::wire::summary::Summary;
use bootwright_lan::wire::{
    MacAddr, arp, checksum, dhcpv4, dhcpv6, dns, ethernet, icmpv4, icmpv6, ipv4, ipv6, tftp, udp,
};
use bootwright_lan::{BootAnswer, DhcpServer, Dhcpv6Server, Fault, Ipv6, LanSpec, Match, faults};

use super::guest::{MAC, dhcp_frame, dhcp_message, udp_frame};

/// Stands in the one file that is offered to nobody but who asks for it by its right name.
pub const SECRET: &[u8] = b"only-for-who-asks-by-name";

/// Every service, and faults that hold frames back and cut them.
pub fn spec() -> LanSpec {
    let v6 = Dhcpv6Server::new("v6").boot_url(Some(7), "tftp://[fd77::1]/offered").http_url(16, "http://[fd77::1]/x");
    LanSpec::new()
        .file("offered", vec![0x55; 100_000])
        .file("secret-name-that-nobody-sends", SECRET)
        .dhcp(DhcpServer::new("main").rule(Match::Arch(0), BootAnswer::file("offered")))
        .dhcp(DhcpServer::proxy("proxy").boot_file("offered"))
        .dhcp(DhcpServer::rogue("rogue"))
        .ipv6(Ipv6::with_dhcp(v6))
        .http(Http::default())
        .name("boot.test", Ipv4Addr::new(10, 77, 0, 1))
        .fault(Fault::new("late", faults::FrameMatch::any(), faults::Action::Behind { frames: 3 }).skip(50).times(5000))
        .fault(Fault::new("cut", faults::FrameMatch::from_guest(), faults::Action::Truncate { len: 61 }).times(500))
}

/// Good frames of every kind, to be spoilt.
pub fn seeds() -> Vec<Vec<u8>> {
    let server = spec().server_mac();
    let (client, main) = (Ipv4Addr::new(10, 77, 0, 100), Ipv4Addr::new(10, 77, 0, 1));
    let (client6, main6) = ("fe80::5054:ff:fe12:3456".parse().unwrap(), Ipv6::LINK_LOCAL);
    let request = tftp::Repr::ReadRequest(tftp::Request {
        name: "offered".into(),
        mode: "octet".into(),
        options: vec![("blksize".into(), "1432".into()), ("windowsize".into(), "64".into())],
    });
    let in_ethernet = |ethertype, dst, payload: &[u8]| ethernet::Repr { dst, src: MAC, ethertype }.emit(payload);
    let v4 = |protocol, payload: &[u8]| {
        let header = ipv4::Repr { src: client, dst: main, protocol, identification: 1, hop_limit: 64 };
        in_ethernet(ethernet::IPV4, server, &header.emit(payload))
    };
    let v6 = |next_header, dst: std::net::Ipv6Addr, payload: &[u8]| {
        let header = ipv6::Repr { src: client6, dst, next_header, hop_limit: 255 };
        in_ethernet(ethernet::IPV6, MacAddr::of_ipv6_multicast(dst), &header.emit(payload))
    };
    let solicit = dhcpv6::Repr {
        message: dhcpv6::MessageType::Solicit,
        xid: 1,
        options: vec![(1, vec![0, 3, 0, 1, 2, 2, 2, 2, 2, 2]), (3, vec![0; 12]), (61, vec![0, 7])],
    };
    let mut syn = vec![0x30, 0x39, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 0xff, 0xff, 0, 0, 0, 0];
    let sum = checksum::with_pseudo_header(client.into(), main.into(), ipv4::TCP, &syn);
    syn[16..18].copy_from_slice(&sum.to_be_bytes());
    let arp = arp::Repr {
        operation: arp::Operation::Request,
        sender_mac: MAC,
        sender_ip: client,
        target_mac: MacAddr::default(),
        target_ip: main,
    };
    let neighbour = icmpv6::Repr::NeighborSolicit { target: main6, source_mac: Some(MAC) };
    let solicit =
        udp::Repr { src_port: 546, dst_port: 547 }.emit(client6.into(), dhcpv6::ALL_SERVERS.into(), &solicit.emit());
    vec![
        dhcp_frame(&dhcp_message(MessageType::Discover, 0, 0)),
        dhcp_frame(&dhcp_message(MessageType::Request, 7, 0)),
        udp_frame(
            server,
            (client, 68),
            (Ipv4Addr::new(10, 77, 0, 2), 4011),
            &dhcp_message(MessageType::Request, 7, 0).emit(),
        ),
        udp_frame(server, (client, 2000), (main, 69), &request.emit()),
        udp_frame(server, (client, 2000), (main, 50_000), &tftp::Repr::Ack { block: 0 }.emit()),
        udp_frame(server, (client, 2001), (main, 53), &dns::Query::new(1, "boot.test", 1).emit()),
        v4(ipv4::ICMP, &icmpv4::Echo { reply: false, identifier: 1, sequence: 1, data: vec![1; 32] }.emit()),
        v4(ipv4::TCP, &syn),
        in_ethernet(ethernet::ARP, MacAddr::BROADCAST, &arp.emit()),
        v6(ipv6::ICMPV6, ipv6::ALL_ROUTERS, &icmpv6::Repr::RouterSolicit.emit(client6, ipv6::ALL_ROUTERS)),
        v6(ipv6::ICMPV6, ipv6::solicited_node(main6), &neighbour.emit(client6, ipv6::solicited_node(main6))),
        v6(ipv4::UDP, dhcpv6::ALL_SERVERS, &solicit),
    ]
}

/// Makes the checksums of a spoilt frame right, so that it gets past them.
pub fn repair(frame: &mut [u8]) {
    if frame.len() < 34 || frame[12..14] != [8, 0] || frame[14] != 0x45 {
        return;
    }
    frame[24..26].fill(0);
    let sum = checksum::plain(&frame[14..34]);
    frame[24..26].copy_from_slice(&sum.to_be_bytes());
    if frame[23] == ipv4::UDP && frame.len() >= 42 {
        frame[40..42].fill(0);
    }
}

/// Every parser on the same bytes; what they say does not matter.
pub fn parse_everything(bytes: &[u8]) {
    let _ = Summary::of(bytes);
    let _ = ethernet::Packet::new(bytes).map(|packet| packet.repr());
    let _ = arp::Repr::parse(bytes);
    let _ = ipv4::Packet::new(bytes).map(|packet| (packet.repr(), packet.payload().len(), packet.is_fragment()));
    let _ = ipv6::Packet::new(bytes).map(|packet| (packet.repr(), packet.payload().len()));
    let _ = udp::Packet::new(bytes).map(|packet| (packet.repr(), packet.payload().len()));
    let _ = icmpv4::Echo::parse(bytes);
    let unspecified = std::net::Ipv6Addr::UNSPECIFIED;
    let _ = icmpv6::Repr::parse(unspecified, unspecified, bytes);
    let _ = dhcpv4::Repr::parse(bytes).map(|message| (message.client_arch(), message.client_uuid(), message.emit()));
    let _ = dhcpv6::Repr::parse(bytes).map(|message| (message.vendor_class(), message.given_address(), message.emit()));
    let _ = tftp::Repr::parse(bytes).map(|message| message.emit());
    let _ = dns::Query::parse(bytes).map(|query| query.answer(None));
}

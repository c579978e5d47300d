//! A scripted guest: frames that a client would send, over the engine or over a socket pair.

use std::net::{IpAddr, Ipv4Addr};

use bootwright_lan::wire::dhcpv4::{self, MessageType, option};
use bootwright_lan::wire::{MacAddr, ethernet, ipv4, udp};

/// The guest's hardware address.
pub const MAC: MacAddr = MacAddr([0x52, 0x54, 0, 0x12, 0x34, 0x56]);

/// A UDP datagram in IPv4 in Ethernet.
pub fn udp_frame(dst_mac: MacAddr, src: (Ipv4Addr, u16), dst: (Ipv4Addr, u16), payload: &[u8]) -> Vec<u8> {
    let datagram = udp::Repr { src_port: src.1, dst_port: dst.1 }.emit(src.0.into(), dst.0.into(), payload);
    let packet = ipv4::Repr { src: src.0, dst: dst.0, protocol: ipv4::UDP, identification: 1, hop_limit: 64 };
    ethernet::Repr { dst: dst_mac, src: MAC, ethertype: ethernet::IPV4 }.emit(&packet.emit(&datagram))
}

/// A DHCP message of a PXE client.
pub fn dhcp_message(kind: MessageType, arch: u16, secs: u16) -> dhcpv4::Repr {
    let class = format!("{}Client:Arch:{arch:05}:UNDI:003001", if arch == 16 { "HTTP" } else { "PXE" });
    dhcpv4::Repr {
        reply: false,
        xid: 0x1234_5678,
        secs,
        broadcast: true,
        client_ip: Ipv4Addr::UNSPECIFIED,
        your_ip: Ipv4Addr::UNSPECIFIED,
        next_server: Ipv4Addr::UNSPECIFIED,
        relay_ip: Ipv4Addr::UNSPECIFIED,
        client_mac: MAC,
        server_name: Vec::new(),
        boot_file: Vec::new(),
        options: vec![
            (option::MESSAGE_TYPE, vec![kind.number()]),
            (option::CLIENT_ARCH, arch.to_be_bytes().to_vec()),
            (option::VENDOR_CLASS, class.into_bytes()),
            (option::CLIENT_UUID, (0..17).map(|byte| if byte == 0 { 0 } else { byte }).collect()),
        ],
    }
}

/// A DHCP message to everyone.
pub fn dhcp_frame(message: &dhcpv4::Repr) -> Vec<u8> {
    let (client, server) = ((Ipv4Addr::UNSPECIFIED, 68), (Ipv4Addr::BROADCAST, 67));
    udp_frame(MacAddr::BROADCAST, client, server, &message.emit())
}

/// The DHCP message in a frame, if its checksums are right.
pub fn dhcp_of(frame: &[u8]) -> Option<dhcpv4::Repr> {
    let (header, payload) = udp_of(frame)?;
    (header.dst_port == 68).then(|| dhcpv4::Repr::parse(payload).ok())?
}

/// The UDP datagram in a frame, if its checksums are right.
pub fn udp_of(frame: &[u8]) -> Option<(udp::Repr, &[u8])> {
    let link = ethernet::Packet::new(frame).ok().filter(|link| link.repr().ethertype == ethernet::IPV4)?;
    let packet = ipv4::Packet::new(link.payload()).ok().filter(|packet| packet.repr().protocol == ipv4::UDP)?;
    let datagram = udp::Packet::new(packet.payload()).ok()?;
    let header = packet.repr();
    let whole = datagram.checksum_ok(IpAddr::V4(header.src), IpAddr::V4(header.dst));
    whole.then(|| (datagram.repr(), datagram.payload()))
}

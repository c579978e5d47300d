//! The servers of a lan: state machines that take a datagram and give datagrams, without I/O and without a clock of
//! their own.

pub(super) mod dhcp;
pub(super) mod dhcpv6;
pub(super) mod http;
pub(super) mod tftp;

use std::net::SocketAddr;

use super::event::Struck;
use super::route::Route;
use super::wire::{MacAddr, WireError, udp};

/// A UDP datagram on its way, with the hardware addresses it travels under.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Datagram {
    pub src_mac: MacAddr,
    pub dst_mac: MacAddr,
    pub src: SocketAddr,
    pub dst: SocketAddr,
    pub payload: Vec<u8>,
    /// How it breaks its standard on purpose; becomes the packet's comment in the capture.
    pub note: Option<Struck>,
}

impl Datagram {
    /// The datagram in an IP packet.
    ///
    /// # Errors
    /// [`WireError`] if it is short or its checksum is wrong.
    pub(super) fn received(route: &Route, segment: &[u8]) -> Result<Self, WireError> {
        let packet = udp::Packet::new(segment)?;
        if !packet.checksum_ok(route.src, route.dst) {
            return Err(WireError::Checksum { layer: "UDP" });
        }
        let ports = packet.repr();
        Ok(Self {
            src_mac: route.link.src,
            dst_mac: route.link.dst,
            src: SocketAddr::new(route.src, ports.src_port),
            dst: SocketAddr::new(route.dst, ports.dst_port),
            payload: packet.payload().to_vec(),
            note: None,
        })
    }

    /// The answer to this datagram, from the address it was sent to.
    pub(super) fn reply(&self, payload: Vec<u8>) -> Self {
        Self { src_mac: self.dst_mac, dst_mac: self.src_mac, src: self.dst, dst: self.src, payload, note: None }
    }
}

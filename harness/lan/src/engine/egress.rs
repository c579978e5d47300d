//! The way out: datagrams become packets, packets frames, and frames go past the faults to the NIC behind which their
//! receiver is.

use std::net::IpAddr;
use std::time::Instant;

use super::{Engine, Frame, Held, MAX_HELD, MAX_HELD_BYTES, MAX_OUT, MAX_OUT_BYTES};
use crate::event::{Direction, LanEventKind, Struck};
use crate::faults::{Outcome, Release};
use crate::service::{Datagram, tftp};
use crate::wire::{MacAddr, ethernet, ipv4, ipv6, udp};

/// An IP packet that a server sends.
#[derive(Debug)]
pub(super) struct Packet {
    pub src_mac: MacAddr,
    pub dst_mac: MacAddr,
    pub src: IpAddr,
    pub dst: IpAddr,
    pub protocol: u8,
    pub payload: Vec<u8>,
    /// How it breaks its standard on purpose.
    pub note: Option<Struck>,
}

impl Engine {
    /// Records events and sends datagrams of the TFTP server.
    pub(super) fn send_output(&mut self, nic: Option<usize>, out: tftp::Output, now: Instant) {
        for event in out.events {
            self.log.event(now, nic, event);
        }
        for datagram in out.datagrams {
            self.send_datagram(datagram, now);
        }
    }

    pub(super) fn send_datagram(&mut self, datagram: Datagram, now: Instant) {
        let header = udp::Repr { src_port: datagram.src.port(), dst_port: datagram.dst.port() };
        let (src, dst) = (datagram.src.ip(), datagram.dst.ip());
        let payload = header.emit(src, dst, &datagram.payload);
        let Datagram { src_mac, dst_mac, note, .. } = datagram;
        self.send_packet(Packet { src_mac, dst_mac, src, dst, protocol: ipv4::UDP, payload, note }, now);
    }

    pub(super) fn send_packet(&mut self, packet: Packet, now: Instant) {
        let Packet { src_mac, dst_mac, protocol, payload, note, .. } = packet;
        let (ethertype, bytes) = match (packet.src, packet.dst) {
            (IpAddr::V4(src), IpAddr::V4(dst)) => {
                self.identification = self.identification.wrapping_add(1);
                let header = ipv4::Repr { src, dst, protocol, identification: self.identification, hop_limit: 64 };
                (ethernet::IPV4, header.emit(&payload))
            }
            (IpAddr::V6(src), IpAddr::V6(dst)) => {
                // Neighbour discovery is refused by receivers unless it cannot have passed a router (RFC 4861).
                let hop_limit = if protocol == ipv6::ICMPV6 { 255 } else { 64 };
                (ethernet::IPV6, ipv6::Repr { src, dst, next_header: protocol, hop_limit }.emit(&payload))
            }
            _ => return,
        };
        let link = ethernet::Repr { dst: dst_mac, src: src_mac, ethertype };
        self.send_frame(link.emit(&bytes), note.as_ref(), now);
    }

    /// Sends a frame of a server, with the network's tag.
    pub(super) fn send_frame(&mut self, bytes: Vec<u8>, note: Option<&Struck>, now: Instant) {
        let bytes = match self.spec.vlan {
            Some(vlan) => ethernet::with_tag(&bytes, vlan),
            None => bytes,
        };
        self.transmit(&Frame::read(bytes), note, None, now);
    }

    /// Sends a frame to the NIC behind which its receiver is, or to all but the one it came from.
    pub(super) fn transmit(&mut self, frame: &Frame, note: Option<&Struck>, from: Option<usize>, now: Instant) {
        let known = self.stations.get(&frame.summary.dst_mac).copied();
        for nic in 0..self.nics.len() {
            if from == Some(nic) || known.is_some_and(|known| known != nic) {
                continue;
            }
            let state = self.nic_state(nic, now);
            let mut outcome = self.faults.pass(Direction::ToGuest, nic, state, frame.clone());
            outcome.notes.splice(0..0, note.cloned());
            self.record(nic, Direction::ToGuest, &outcome, now);
            self.pass_on(nic, Direction::ToGuest, outcome, now);
        }
    }

    pub(super) fn record(&mut self, nic: usize, direction: Direction, outcome: &Outcome, now: Instant) {
        for note in &outcome.notes {
            self.log.event(now, Some(nic), LanEventKind::Fault(note.clone()));
        }
        let notes: Vec<String> = outcome.notes.iter().map(Struck::to_string).collect();
        if let Some(before) = &outcome.before {
            self.log.record(now, nic, direction, &before.bytes, notes.clone(), outcome.dropped);
        }
        self.log.record(now, nic, direction, &outcome.frame.bytes, notes, outcome.dropped);
    }

    /// Lets the copies of a frame go on, now or later, and those that it was to overtake.
    pub(super) fn pass_on(&mut self, nic: usize, direction: Direction, outcome: Outcome, now: Instant) {
        let copies = if outcome.dropped { 0 } else { outcome.copies };
        if let Some(before) = outcome.before.filter(|_| copies > 0) {
            self.arrive(nic, direction, before, now);
        }
        for _ in 0..copies {
            match outcome.release {
                Release::Now | Release::AfterFrames(0) => self.arrive(nic, direction, outcome.frame.clone(), now),
                release if self.can_hold() => {
                    let frame = outcome.frame.clone();
                    self.held.push(Held { nic, direction, frame, release, since: now });
                }
                _ => {}
            }
        }
        if copies > 0 && outcome.release == Release::Now {
            self.count_down(nic, direction, now);
        }
    }

    fn can_hold(&self) -> bool {
        let bytes: usize = self.held.iter().map(|held| held.frame.bytes.len()).sum();
        self.held.len() < MAX_HELD && bytes < MAX_HELD_BYTES
    }

    /// A frame has gone by: those behind it come nearer.
    fn count_down(&mut self, nic: usize, direction: Direction, now: Instant) {
        let mut freed = Vec::new();
        let mut kept = Vec::with_capacity(self.held.len());
        for mut held in std::mem::take(&mut self.held) {
            match &mut held.release {
                Release::AfterFrames(left) if held.nic == nic && held.direction == direction => {
                    *left = left.saturating_sub(1);
                    if *left == 0 { freed.push(held.frame) } else { kept.push(held) }
                }
                _ => kept.push(held),
            }
        }
        self.held = kept;
        for frame in freed {
            self.arrive(nic, direction, frame, now);
        }
    }

    /// A frame has got past the faults.
    pub(super) fn arrive(&mut self, nic: usize, direction: Direction, frame: Frame, now: Instant) {
        match direction {
            Direction::FromGuest => self.switch(nic, &frame, now),
            Direction::ToGuest if self.out.len() < MAX_OUT && self.out_bytes < MAX_OUT_BYTES => {
                self.out_bytes += frame.bytes.len();
                self.out.push_back((nic, frame.bytes));
            }
            Direction::ToGuest => {}
        }
    }
}

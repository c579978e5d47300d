//! Bytes on a TCP connection to the HTTP server: no panic, nothing that was not offered.
//!
//! Input: the bytes of the stream; a zero byte ends a segment.
#![no_main]

#[path = "../../harness/lan/tests/guest/mod.rs"]
#[expect(dead_code, reason = "the tests use the rest")]
mod guest;
#[path = "../../harness/lan/tests/guest/hostile.rs"]
#[expect(dead_code, reason = "the other targets use the rest")]
mod hostile;

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use bootwright_lan::engine::Engine;
use bootwright_lan::wire::{MacAddr, arp, checksum, ethernet, ipv4};
use bootwright_lan::{LanLog, LanSpec};

const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 100);
const SERVER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);

const SYN: u8 = 2;
const PUSH_ACK: u8 = 0x18;

/// The smallest client that a TCP stack talks to: it answers ARP, numbers what it sends and acknowledges what comes.
struct Client {
    engine: Engine,
    server: MacAddr,
    now: Instant,
    sent: u32,
    heard: u32,
}

impl Client {
    fn segment(&mut self, flags: u8, data: &[u8]) {
        let mut tcp = vec![0x30, 0x39, 0, 80];
        tcp.extend(self.sent.to_be_bytes());
        tcp.extend(self.heard.to_be_bytes());
        tcp.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
        tcp.extend(data);
        let sum = checksum::with_pseudo_header(CLIENT.into(), SERVER.into(), ipv4::TCP, &tcp);
        tcp[16..18].copy_from_slice(&sum.to_be_bytes());
        self.sent = self.sent.wrapping_add(data.len() as u32 + u32::from(flags == SYN));
        let packet = ipv4::Repr { src: CLIENT, dst: SERVER, protocol: ipv4::TCP, identification: 1, hop_limit: 64 };
        self.send(ethernet::IPV4, &packet.emit(&tcp));
    }

    fn send(&mut self, ethertype: u16, payload: &[u8]) {
        let frame = ethernet::Repr { dst: self.server, src: guest::MAC, ethertype }.emit(payload);
        self.engine.receive(0, &frame, self.now);
    }

    /// Lets the lan act, and takes in what it sends.
    fn listen(&mut self) {
        self.now += Duration::from_millis(10);
        self.engine.poll(self.now);
        while let Some((_, frame)) = self.engine.take() {
            assert!(!frame.windows(hostile::SECRET.len()).any(|bytes| bytes == hostile::SECRET));
            let Ok(link) = ethernet::Packet::new(&frame) else { continue };
            if let Some(asked) =
                arp::Repr::parse(link.payload()).ok().filter(|_| link.repr().ethertype == ethernet::ARP)
            {
                let answer = arp::Repr {
                    operation: arp::Operation::Reply,
                    sender_mac: guest::MAC,
                    sender_ip: CLIENT,
                    target_mac: asked.sender_mac,
                    target_ip: asked.sender_ip,
                };
                self.send(ethernet::ARP, &answer.emit());
            } else if let Ok(packet) = ipv4::Packet::new(link.payload())
                && packet.repr().protocol == ipv4::TCP
                && let Some(header) = packet.payload().get(..20)
            {
                let length = packet.payload().len() - usize::from(header[12] >> 4) * 4;
                let number = u32::from_be_bytes([header[4], header[5], header[6], header[7]]);
                let flags = header[13];
                self.heard = number.wrapping_add(length as u32 + u32::from(flags & 3 != 0));
                if length > 0 || flags & 3 != 0 {
                    self.segment(0x10, &[]);
                }
            }
        }
    }
}

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let spec: LanSpec = hostile::spec();
    // faults would only stand in the way of the stream
    let spec = LanSpec { faults: Vec::new(), ..spec };
    let server = spec.server_mac();
    let engine = Engine::new(&spec, 1, LanLog::new(1 << 16));
    let mut client = Client { engine, server, now: Instant::now(), sent: 1, heard: 0 };
    client.segment(SYN, &[]);
    for _ in 0..4 {
        client.listen();
    }
    for piece in input.split(|&byte| byte == 0).flat_map(|piece| piece.chunks(1400)) {
        client.segment(PUSH_ACK, piece);
        client.listen();
    }
    for _ in 0..8 {
        client.listen();
    }
});

//! UDP payloads to the ports that are served: no panic, nothing that was not offered.
//!
//! Input: steps of a byte that chooses the port, two bytes of length (little-endian), and the payload.
#![no_main]

#[path = "../../harness/lan/tests/guest/mod.rs"]
#[expect(dead_code, reason = "the tests use the rest")]
mod guest;
#[path = "../../harness/lan/tests/guest/hostile.rs"]
#[expect(dead_code, reason = "the other targets use the rest")]
mod hostile;

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use bootwright_lan::LanLog;
use bootwright_lan::engine::Engine;

const PORTS: [u16; 5] = [67, 69, 53, 4011, 50_000];

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let spec = hostile::spec();
    let mut engine = Engine::new(&spec, 1, LanLog::new(1 << 16));
    let (mut rest, mut now) = (input, Instant::now());
    while let [port, low, high, more @ ..] = rest {
        let length = usize::from(u16::from_le_bytes([*low, *high])).min(1472).min(more.len());
        let (payload, more) = more.split_at(length);
        rest = more;
        let (client, main) = (Ipv4Addr::new(10, 77, 0, 100), Ipv4Addr::new(10, 77, 0, 1));
        let to = (main, PORTS[usize::from(*port) % PORTS.len()]);
        engine.receive(0, &guest::udp_frame(spec.server_mac(), (client, 2000), to, payload), now);
        now += Duration::from_millis(50);
        engine.poll(now);
        while let Some((_, frame)) = engine.take() {
            assert!(!frame.windows(hostile::SECRET.len()).any(|bytes| bytes == hostile::SECRET));
        }
    }
});

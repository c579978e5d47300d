//! Spoilt frames of every kind to a lan with every service: no panic, nothing that was not offered, bounded memory.
//!
//! Input: steps of a byte that chooses a good frame, a byte with the number of changes, and for each change two bytes of
//! position (little-endian) and one of value. The high bit of the first byte leaves checksums wrong.
#![no_main]

#[path = "../../harness/lan/tests/guest/mod.rs"]
#[expect(dead_code, reason = "the tests use the rest")]
mod guest;
#[path = "../../harness/lan/tests/guest/hostile.rs"]
#[expect(dead_code, reason = "the other targets use the rest")]
mod hostile;

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use bootwright_lan::LanLog;
use bootwright_lan::engine::Engine;

static SEEDS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(hostile::seeds);

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let log = LanLog::new(1 << 16);
    let mut engine = Engine::new(&hostile::spec(), 1, log.clone());
    let (mut bytes, mut now) = (input.iter().copied(), Instant::now());
    while let Some(choice) = bytes.next() {
        let mut frame = SEEDS[usize::from(choice & 0x7f) % SEEDS.len()].clone();
        for _ in 0..bytes.next().unwrap_or(0) & 7 {
            let (Some(low), Some(high), Some(value)) = (bytes.next(), bytes.next(), bytes.next()) else { break };
            match usize::from(u16::from_le_bytes([low, high])) {
                // beyond the frame: cut it
                at if at >= frame.len() => frame.truncate(at % (frame.len() + 1)),
                at => frame[at] = value,
            }
        }
        if choice < 0x80 {
            hostile::repair(&mut frame);
        }
        engine.receive(0, &frame, now);
        now += Duration::from_millis(50);
        engine.poll(now);
        while let Some((_, frame)) = engine.take() {
            assert!(!frame.windows(hostile::SECRET.len()).any(|bytes| bytes == hostile::SECRET));
        }
    }
    let kept: usize = log.records().iter().map(|record| record.frame.len()).sum();
    assert!(kept < (1 << 16) + input.len() * 96 * 8 + 4096, "{kept} bytes kept");
});

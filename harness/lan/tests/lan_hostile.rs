//! A guest that sends whatever it likes: no panic, no file that is not offered, bounded memory.
//!
//! Frames are seeded: mutated good ones, good headers round random bodies, and noise. `LAN_HOSTILE_FRAMES` sets their
//! number, `LAN_HOSTILE_SEED` the seed.

#![expect(clippy::unwrap_used, reason = "a test that fails here has failed")]

#[expect(dead_code, reason = "the other test files use the rest")]
mod guest;
#[path = "guest/hostile.rs"]
mod hostile;

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use bootwright_lan::LanLog;
use bootwright_lan::engine::Engine;
use fastrand::Rng;
use guest::udp_frame;
use hostile::{SECRET, parse_everything, repair, seeds, spec};

fn setting(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

fn random_frame(random: &mut Rng, seeds: &[Vec<u8>]) -> Vec<u8> {
    let mut frame = seeds[random.usize(..seeds.len())].clone();
    match random.u8(0..10) {
        // Noise of any length, also none.
        0 => (0..random.usize(0..200)).map(|_| random.u8(..)).collect(),
        // A good frame.
        1 | 2 => frame,
        // A good frame, cut or lengthened.
        3 => {
            frame.resize(random.usize(0..frame.len() + 64), random.u8(..));
            repair(&mut frame);
            frame
        }
        // Noise in a good UDP datagram to a port that is served.
        4 | 5 => {
            let noise: Vec<u8> = (0..random.usize(0..600)).map(|_| random.u8(..)).collect();
            let port = [67, 69, 53, 4011, 50_000, 547][random.usize(..6)];
            let (client, main) = (Ipv4Addr::new(10, 77, 0, 100), Ipv4Addr::new(10, 77, 0, 1));
            udp_frame(spec().server_mac(), (client, 2000), (main, port), &noise)
        }
        // A good frame with bytes changed, checksums repaired or not.
        kind => {
            for _ in 0..random.usize(1..8) {
                let at = random.usize(14..frame.len());
                frame[at] = if random.bool() { random.u8(..) } else { [0, 1, 0x7f, 0x80, 0xff][random.usize(..5)] };
            }
            if kind < 9 {
                repair(&mut frame);
            }
            frame
        }
    }
}

#[test]
fn a_hostile_guest_gets_no_panic_no_secret_and_no_unbounded_memory() {
    let (count, seed) = (setting("LAN_HOSTILE_FRAMES", 100_000), setting("LAN_HOSTILE_SEED", 3));
    let mut random = Rng::with_seed(seed);
    let log = LanLog::new(1 << 20);
    let mut engine = Engine::new(&spec(), 2, log.clone());
    let seeds = seeds();
    let mut now = Instant::now();
    for number in 0..count {
        let frame = random_frame(&mut random, &seeds);
        engine.receive(random.usize(0..3), &frame, now);
        if number % 7 == 0 {
            now += Duration::from_millis(random.u64(0..400));
            engine.poll(now);
        }
        while let Some((nic, frame)) = engine.take() {
            assert!(nic < 2 && frame.len() <= 1514 + 65_536, "seed {seed}, frame {number}");
            let leaked = frame.windows(SECRET.len()).any(|bytes| bytes == SECRET);
            assert!(!leaked, "seed {seed}, frame {number}");
        }
    }
    let kept: usize = log.records().iter().map(|record| record.frame.len()).sum();
    assert!(kept < (1 << 20) + 500_000 * 96, "{kept} bytes kept");
    assert!(log.events().len() <= 100_000);
}

#[test]
fn every_parser_takes_every_prefix_and_every_changed_byte_of_good_packets() {
    let mut random = Rng::with_seed(setting("LAN_HOSTILE_SEED", 3));
    for frame in seeds() {
        for end in 0..=frame.len() {
            parse_everything(&frame[..end]);
        }
        for at in 0..frame.len() {
            let mut changed = frame.clone();
            changed[at] = random.u8(..);
            parse_everything(&changed);
            for start in [0, 14, 34, 42, 54, 62] {
                parse_everything(changed.get(start..).unwrap_or_default());
            }
        }
    }
}

#[test]
fn names_that_reach_for_other_files_are_not_found() {
    for name in
        ["../offered", "..\\offered", "/etc/passwd", "offered/../secret", "%2e%2e/offered", "offered\n", "OFFERED"]
    {
        assert!(spec().offered(name).is_none(), "{name}");
    }
    assert!(spec().offered(&"a/".repeat(100_000)).is_none());
    assert!(spec().offered("/offered").is_some());
}

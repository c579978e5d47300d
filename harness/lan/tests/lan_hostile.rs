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
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bootwright_lan::engine::Engine;
use bootwright_lan::wire::dhcpv4::{MessageType, option};
use bootwright_lan::{LanEventKind, LanLog, LanSpec};
use fastrand::Rng;
use guest::{dhcp_frame, dhcp_message, udp_frame};
use hostile::{SECRET, parse_everything, repair, seeds, spec};
use rstest::rstest;

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
    assert!(log.held_bytes() <= (1 << 20) + 1024, "{} bytes held", log.held_bytes());
}

#[rstest]
#[case::ethernet(20_000, 1200)]
#[case::jumbo(500, 60_000)]
fn discovers_with_long_options_are_kept_within_the_budget(#[case] count: u32, #[case] id: usize) {
    let budget = LanSpec::new().record_budget;
    let log = LanLog::new(budget);
    let seen = Arc::new(AtomicUsize::new(0));
    let told = Arc::clone(&seen);
    log.observe(move |event| _ = told.fetch_add(format!("{event:?}").len(), Ordering::Relaxed));
    let mut engine = Engine::new(&spec(), 1, log.clone());
    let mut discover = dhcp_message(MessageType::Discover, 0, 0);
    let chunks = vec![7; id];
    discover.options.extend(chunks.chunks(255).map(|chunk| (option::CLIENT_ID, chunk.to_vec())));
    for number in 0..count {
        discover.xid = number;
        engine.receive(0, &dhcp_frame(&discover), Instant::now());
        while engine.take().is_some() {}
    }
    assert!(log.held_bytes() <= budget + 1024, "{} bytes held", log.held_bytes());
    let told = seen.load(Ordering::Relaxed);
    let events = log.events();
    let long = events.iter().find_map(|event| match &event.kind {
        LanEventKind::Dhcp(said) if said.server.is_none() => Some((said.client_id.clone(), said.cut)),
        _ => None,
    });
    let (id, cut) = long.unwrap();
    assert_eq!((id.map(|id| id.len()), cut), (Some(133), true));
    assert!(told / events.len() < 1500, "an event told of {} bytes", told / events.len());
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

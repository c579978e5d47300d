//! What a guest writes to mislead, and what it writes without end.

use std::time::{Duration, Instant};

use super::*;

#[rstest]
#[case::foreign_nonce("0123456789abcdef0123456789abcdef", "first")]
#[case::nonce_of_another_medium(OTHER_NONCE, "first")]
fn a_stale_payload_belongs_to_no_medium_and_ends_no_attempt(#[case] nonce: &str, #[case] medium: &str) {
    let log = format!("Booting from Hard Disk...\nBooting from 0000:7c00\n{}", payload_line(nonce, medium));
    let trace = read_with(SeaBios, names(""), log.as_bytes());
    assert_eq!(trace.payloads[0].medium_of_nonce, None);
    assert_eq!((trace.attempts[0].outcome, trace.booted()), (None, None));
}

#[rstest]
#[case::cut("BOOTWRIGHT/1 nonce=00112233445566778899aabbccddeeff medium=first via=bios dl=80\n")]
#[case::short_nonce("BOOTWRIGHT/1 nonce=0011 medium=first via=bios end\n")]
#[case::no_medium("BOOTWRIGHT/1 nonce=00112233445566778899aabbccddeeff medium=- via=bios end\n")]
#[case::another_version("BOOTWRIGHT/2 nonce=00112233445566778899aabbccddeeff medium=first via=bios end\n")]
fn half_a_payload_line_is_none(#[case] line: &str) {
    assert_eq!(read(SeaBios, &format!("Booting from Hard Disk...\n{line}")).payloads, []);
}

#[rstest]
#[case(SeaBios)]
#[case(Ovmf)]
fn random_bytes_are_survived(#[case] firmware: Firmware) {
    let mut random = fastrand::Rng::with_seed(7);
    let words: [&[u8]; 8] = [
        b"Booting from ",
        b"BdsDxe: failed to load ",
        b"BOOTWRIGHT/1 nonce=",
        b" from ",
        b": ",
        b"\n",
        b"\x1b[",
        b"boot order:\n1: ",
    ];
    let mut reader = Reader::new(firmware, names(""));
    for _ in 0..5_000 {
        let noise: Vec<u8> = (0..random.usize(0..24)).map(|_| random.u8(..)).collect();
        reader.push(source(firmware), &noise);
        reader.push(source(firmware), words[random.usize(..words.len())]);
    }
    assert_eq!(reader.trace().booted(), None);
}

#[rstest]
#[case(SeaBios)]
#[case(Ovmf)]
fn a_line_of_a_mebibyte_is_cut_and_the_next_one_is_read(#[case] firmware: Firmware) {
    let mut log = vec![b'x'; 1 << 20];
    log.push(b'\n');
    log.extend(payload_line(NONCE, "first").bytes());
    assert_eq!(read_with(firmware, names(""), &log).payloads.len(), 1);
}

#[test]
fn an_endless_line_in_single_bytes_costs_little() {
    let mut reader = Reader::new(Ovmf, names(""));
    let begun = Instant::now();
    for _ in 0..60_000 {
        reader.push(Source::Serial, b"x");
    }
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?} for 60,000 bytes", begun.elapsed());
}

#[test]
fn a_long_boot_order_that_is_searched_again_and_again_costs_seconds_and_is_a_hole() {
    let names = Names { bios: bios_names(), ..Names::default() };
    let order: String = (1..=256).map(|number| format!("{number}: /{}\n", "a".repeat(507))).collect();
    let lap = "BUILD: x\nboot order:\n".to_owned() + &order;
    let search = "Searching bootorder for: /*\n";
    let few = lap.clone() + &search.repeat(20);
    let one_lap = lap.clone() + &search.repeat((2 << 20) / search.len());
    let many_laps = (lap + &search.repeat(1000)).repeat(50);
    for (text, holes) in [(few, 0), (one_lap, 1), (many_laps, 1)] {
        let begun = Instant::now();
        let mut reader = Reader::new(Firmware::SeaBios, names.clone());
        text.as_bytes().chunks(16 << 10).for_each(|piece| reader.push(Source::DebugConsole, piece));
        let found = reader.trace().holes.iter().filter(|hole| hole.contains("searches its boot order again and again"));
        assert_eq!(found.count(), holes);
        // each mebibyte of it took half a minute
        assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    }
}

#[test]
fn a_mebibyte_of_a_hostile_guest_is_read_in_no_time() {
    let order = "boot order:\n".to_owned() + &"1: x\n".repeat(180_000);
    let names = Names { bios: bios_names(), ..Names::default() };
    let again = |text: &str| order.clone() + &text.repeat((1 << 20) / text.len());
    for (firmware, source, text) in [
        (Firmware::SeaBios, Source::DebugConsole, again("Booting from ROM...\n")),
        (Firmware::SeaBios, Source::DebugConsole, again("Booting from DVD/CD...\n")),
        (Firmware::SeaBios, Source::DebugConsole, again("\n")),
        (Firmware::SeaBios, Source::DebugConsole, again("x")),
        (Firmware::Ovmf, Source::Serial, again("BdsDxe: loading Boot0001 \"x\" from PciRoot(0x0)\r\n")),
        (Firmware::Ovmf, Source::Serial, again("BdsDxe: ")),
    ] {
        let begun = Instant::now();
        let mut reader = Reader::new(firmware, names.clone());
        text.as_bytes().chunks(16 << 10).for_each(|piece| reader.push(source, piece));
        let trace = reader.trace();
        assert!(trace.attempts.len() <= ATTEMPT_LIMIT && trace.boot_order.len() <= BOOT_ORDER_LIMIT.0);
        if firmware == Firmware::SeaBios {
            assert_eq!(trace.cut[0], "boot order: the first 256 lines are kept");
        }
        // a tenth of it took 25 s; built for tests, this takes a fraction of one
        assert!(begun.elapsed() < Duration::from_secs(20), "{:?} {:?}", &text[text.len() - 9..], begun.elapsed());
    }
}

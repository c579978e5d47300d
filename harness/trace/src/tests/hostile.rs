//! What a guest writes to mislead, and what it writes without end.

use super::*;
use crate::effort;
use crate::entries::SEARCH_LIMIT;
use crate::trace::{ATTEMPT_LIMIT, BOOT_ORDER_LIMIT};

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

/// What a reader looks at in this text, which comes in pieces of so many bytes, and the trace.
fn looked_at(firmware: Firmware, names: &Names, text: &str, piece: usize) -> (usize, Trace) {
    let mut reader = Reader::new(firmware, names.clone());
    let pieces = text.as_bytes().chunks(piece);
    let effort = effort::of(|| pieces.for_each(|piece| reader.push(source(firmware), piece)));
    (effort, reader.trace().clone())
}

/// Twice the text may cost twice as much, and a byte of it so much at most.
fn assert_linear(of: &str, text: impl Fn(usize) -> String, per_byte: usize, cost: impl Fn(&str) -> usize) {
    let (once, twice) = (text(1), text(2));
    let (cost_once, cost_twice) = (cost(&once), cost(&twice));
    assert!(cost_twice <= cost_once * 21 / 10, "{of:?}: {cost_once}, and {cost_twice} for twice as much");
    assert!(cost_once >= once.len(), "{of:?}: {cost_once} for {} bytes is not all that was looked at", once.len());
    assert!(cost_once <= once.len() * per_byte, "{of:?}: {cost_once} for {} bytes", once.len());
}

#[test]
fn an_endless_line_in_single_bytes_costs_little() {
    for firmware in [Firmware::SeaBios, Firmware::Ovmf] {
        let cost = |text: &str| looked_at(firmware, &names(""), text, 1).0;
        assert_linear("x", |times| "x".repeat(2_000 * times), 300, cost);
    }
}

#[test]
fn a_long_boot_order_that_is_searched_again_and_again_is_given_up_and_is_a_hole() {
    let names = Names { bios: bios_names(), ..Names::default() };
    let order: String = (1..=256).map(|number| format!("{number}: /{}\n", "a".repeat(507))).collect();
    let lap = "BUILD: x\nboot order:\n".to_owned() + &order;
    let searches = |times: usize| lap.clone() + &"Searching bootorder for: /b\n".repeat(times);
    for (text, holes) in [(searches(20), 0), (searches(2_000), 1), (searches(300).repeat(3), 1)] {
        let (cost, trace) = looked_at(Firmware::SeaBios, &names, &text, 16 << 10);
        let found = trace.holes.iter().filter(|hole| hole.contains("searches its boot order again and again"));
        assert_eq!(found.count(), holes);
        assert!(cost <= SEARCH_LIMIT + 4 * text.len(), "{cost} for {} bytes", text.len());
    }
}

#[rstest]
#[case::rom(Firmware::SeaBios, "Booting from ROM...\n", 20)]
#[case::optical(Firmware::SeaBios, "Booting from DVD/CD...\n", 20)]
#[case::empty_lines(Firmware::SeaBios, "\n", 20)]
#[case::no_line(Firmware::SeaBios, "x", 20)]
#[case::searches(Firmware::SeaBios, "Searching bootorder for: /*\n", 600)]
#[case::option(Firmware::Ovmf, "BdsDxe: loading Boot0001 \"x\" from PciRoot(0x0)\r\n", 20)]
#[case::prompt(Firmware::Ovmf, "BdsDxe: ", 20)]
#[case::wiped_screen(Firmware::Ovmf, "\x1b[2J\x1b[2;1H x", 1_000)]
fn what_a_hostile_guest_writes_costs_as_much_as_it_is_long(
    #[case] firmware: Firmware,
    #[case] text: &str,
    #[case] per_byte: usize,
) {
    let names = Names { bios: bios_names(), ..Names::default() };
    let again = |times: usize| {
        let order = "boot order:\n".to_owned() + &"1: x\n".repeat(4_000 * times);
        order + &text.repeat(times * (32 << 10) / text.len())
    };
    let cost = |text: &str| {
        let (cost, trace) = looked_at(firmware, &names, text, 1 << 10);
        assert!(trace.attempts.len() <= ATTEMPT_LIMIT && trace.boot_order.len() <= BOOT_ORDER_LIMIT.0);
        if firmware == Firmware::SeaBios {
            assert_eq!(trace.cut[0], "boot order: the first 256 lines are kept");
        }
        cost
    };
    assert_linear(text, again, per_byte, cost);
}

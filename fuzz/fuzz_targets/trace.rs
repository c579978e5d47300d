//! What a guest prints, cut and doubled as a bad link would: no panic, bounded state, and SeaBIOS' log reads the same in
//! whatever pieces it comes.
//!
//! Input: a byte for firmware and faults, a byte for the cuts, then what is printed.
#![no_main]

use std::sync::LazyLock;

use bootwright::evidence::Source;
use bootwright::machine::layout::Layout;
use bootwright::machine::{Firmware, Machine, Medium};
use bootwright::trace::{Names, Reader, Trace};

const NONCE: &str = "00112233445566778899aabbccddeeff";

static NAMES: LazyLock<Names> = LazyLock::new(|| {
    let machine = Machine::pc(Firmware::SeaBios)
        .virtio_blk(Medium::bootable("first"))
        .bootindex(2)
        .virtio_blk(Medium::bootable("second"))
        .bootindex(1)
        .ide(0, 0, Medium::blank("third"))
        .nic("e1000", None);
    let layout = Layout::of(&machine).expect("the machine can be laid out");
    let nonces = [(String::from("first"), NONCE.to_owned())].into();
    let sectors = [("first".to_owned(), 32768), ("second".to_owned(), 32768), ("third".to_owned(), 4096)].into();
    Names::of(&machine, &layout, &nonces, &sectors)
});

/// Pieces of 0 to 63 bytes, drawn from a seed; with faults one in eight is lost and one in eight comes twice.
fn pieces(text: &[u8], seed: u8, faults: bool) -> Vec<&[u8]> {
    let (mut rest, mut state, mut pieces) = (text, u32::from(seed) | 1, Vec::new());
    while !rest.is_empty() {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let (piece, more) = rest.split_at(((state >> 8) as usize % 64 + 1).min(rest.len()));
        rest = more;
        match state >> 29 {
            0 if faults => {}
            1 if faults => pieces.extend([piece, piece]),
            _ => pieces.push(piece),
        }
    }
    pieces
}

fn read<'a>(firmware: Firmware, resets: bool, pieces: impl IntoIterator<Item = &'a [u8]>) -> Trace {
    let source = if firmware == Firmware::SeaBios { Source::DebugConsole } else { Source::Serial };
    let mut reader = Reader::new(firmware, NAMES.clone());
    let (mut serial, mut snapshot) = (Vec::new(), None);
    for (place, piece) in pieces.into_iter().enumerate() {
        reader.push(source, piece);
        serial.extend_from_slice(piece);
        match place % 16 {
            3 if resets => reader.reset_by_guest(),
            7 if resets => reader.reset_from_outside(),
            9 if resets => snapshot = Some(reader.snapshot()),
            13 => snapshot.iter().for_each(|snapshot| reader.put_back(snapshot)),
            _ => {}
        }
    }
    reader.network(&[], &serial);
    reader.finish(resets);
    let trace = reader.trace().clone();
    assert!(trace.attempts.len() <= 1000 && trace.payloads.len() <= 1000 && trace.boot_order.len() <= 256);
    assert!(trace.holes.len() <= 20 && trace.cut.len() <= 20, "{:?} {:?}", trace.holes, trace.cut);
    trace
}

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let [flags, seed, text @ ..] = input else { return };
    let firmware = if flags & 1 == 0 { Firmware::SeaBios } else { Firmware::Ovmf };
    let (faults, resets) = (flags & 2 != 0, flags & 4 != 0);
    let trace = read(firmware, resets, pieces(text, *seed, faults));
    serde_json::to_string(&trace).expect("a trace is JSON");
    if firmware == Firmware::SeaBios && !faults && !resets {
        assert_eq!(trace, read(firmware, false, [text]), "pieces must not matter");
    }
});

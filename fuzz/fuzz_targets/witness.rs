//! What the bridge lab's witness reads: a capture with frames of any kind, and lines of the lab's parts. No panic.
//!
//! Input: a byte for the kind, then the stream; a header of a capture is put before it where the byte is even.
#![no_main]

use std::io::Cursor;

use bootwright_lan::LanLog;
use bootwright_lan::wire::MacAddr;
use bootwright_lan::witness::{listen, read_lines};

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let [kind, stream @ ..] = input else { return };
    let log = LanLog::new(1 << 16);
    let reader = if kind % 4 == 3 {
        read_lines(Cursor::new(stream.to_vec()), vec!["tap0".to_owned(), "tap1".to_owned()], log.clone())
    } else {
        let mut bytes = Vec::new();
        if kind % 2 == 0 {
            bytes.extend(0xa1b2_c3d4_u32.to_ne_bytes());
            bytes.extend([0; 20]);
        }
        bytes.extend(stream);
        listen(Cursor::new(bytes), MacAddr([0x52, 0x54, 0, 0x12, 0x34, 0x56]), 0, log.clone())
    };
    reader.expect("a thread").join().expect("it does not panic");
    let _ = log.events();
});

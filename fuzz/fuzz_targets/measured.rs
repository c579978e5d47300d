//! What a guest says that a TPM was told: an event log and a TPM's answer. No panic.
//!
//! Input: a byte for the algorithms that the log declares, then its events; the same bytes are read as a whole log and as an
//! answer, too.
#![no_main]

use bootwright::evidence::measured::{events, registers, replayed};

/// `TCG_EfiSpecIdEvent` with SHA-256 alone, or with SHA-1 before it.
fn log(algorithms: u8, behind: &[u8]) -> Vec<u8> {
    let declared: &[[u16; 2]] = if algorithms & 1 == 0 { &[[0x0b, 32]] } else { &[[4, 20], [0x0b, 32]] };
    let mut data = b"Spec ID Event03\0\0\0\0\0\0\x02\0\x02".to_vec();
    data.extend((declared.len() as u32).to_le_bytes());
    declared.iter().flatten().for_each(|word| data.extend(word.to_le_bytes()));
    data.push(0);
    let mut log = vec![0; 28];
    log[4] = 3;
    log.extend((data.len() as u32).to_le_bytes());
    log.extend(data);
    log.extend(behind);
    log
}

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let _ = (events(input), registers(input));
    let [algorithms, behind @ ..] = input else { return };
    let Ok(events) = events(&log(*algorithms, behind)) else { return };
    let _ = replayed(&events);
    for event in events {
        let _ = (event.variable(), event.application());
    }
});

//! Cases from files: no panic; a machine that was read is laid out or refused, and its command line is made.
//!
//! Input: a byte for the format, then the text.
#![no_main]

use bootwright::case::file::{Format, read};
use bootwright::machine::layout::Layout;
use bootwright::machine::paths;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let [format, text @ ..] = input else { return };
    let format = if format & 1 == 0 { Format::Toml } else { Format::Json };
    let Ok(case) = read(&String::from_utf8_lossy(text), format, "case") else { return };
    // what can be read can be written and read again
    let json = serde_json::to_string(&case).expect("a case is JSON");
    let again = read(&json, Format::Json, "case").expect("what was written is read");
    assert_eq!(again.machine, case.machine);
    for step in &case.story.steps {
        let _ = step.to_string();
    }
    let Ok(layout) = Layout::of(&case.machine) else { return };
    for device in 0..case.machine.devices.len() {
        let _ = (paths::bootorder_line(&case.machine, &layout, device), case.machine.name_of(device));
    }
});

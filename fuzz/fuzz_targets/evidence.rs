//! Every reader of what a guest left, and of files that come from elsewhere, on the same bytes: no panic, and no reader of the boot that
//! takes long, however its input is cut or doubled.
#![no_main]

use bootwright::evidence::Source;
use bootwright::evidence::nvram::{self, LoadOption, device_path_text};
use bootwright::machine::Firmware;
use bootwright::platform::PlatformName;
use bootwright::trace::payload::Payload;
use bootwright::trace::{Names, Reader};
use bootwright::verdict::known_issues::KnownIssues;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(store) = nvram::decode(bytes) {
        store.boot_option_numbers().into_iter().for_each(|number| drop(store.boot_option(number)));
        (store.boot_order(), store.boot_next(), store.timeout());
    }
    (device_path_text(bytes).ok(), LoadOption::decode(bytes).ok());
    let text = String::from_utf8_lossy(bytes);
    KnownIssues::parse(&text, "known-issues.toml").ok();
    text.parse::<PlatformName>().ok();
    text.lines().for_each(|line| drop(Payload::parse(line)));
    for firmware in [Firmware::SeaBios, Firmware::Ovmf] {
        for source in [Source::Serial, Source::DebugConsole] {
            boot(firmware, source, bytes);
        }
    }
});

/// Reads a boot in one piece, then another one cut into pieces of which some come twice.
fn boot(firmware: Firmware, source: Source, bytes: &[u8]) {
    let mut reader = Reader::new(firmware, Names::default());
    reader.push(source, bytes);
    reader.reset();
    let length = bytes.first().map_or(1, |byte| usize::from(byte % 61) + 1);
    for (place, piece) in bytes.chunks(length).enumerate() {
        reader.push(source, piece);
        if place % 5 == 4 {
            reader.push(source, piece);
        }
    }
    reader.network(&[], bytes);
    reader.trace().progress();
}

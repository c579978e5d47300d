//! Every parser of the lan on the same bytes: no panic.
#![no_main]

#[path = "../../harness/lan/tests/guest/mod.rs"]
#[expect(dead_code, reason = "the tests use the rest")]
mod guest;
#[path = "../../harness/lan/tests/guest/hostile.rs"]
#[expect(dead_code, reason = "the other targets use the rest")]
mod hostile;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hostile::parse_everything(bytes));

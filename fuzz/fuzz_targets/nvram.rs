//! A variable store that a guest wrote, its load options and device paths: no panic.
//!
//! Input: a byte for the format, then what is behind the headers of volume and store; the same bytes are read as a load
//! option, as a device path and as a whole file, too.
#![no_main]

use bootwright::evidence::nvram::{LoadOption, decode, device_path_text};

/// `gEfiSystemNvDataFvGuid`.
const VOLUME: [u8; 16] =
    [0x8d, 0x2b, 0xf1, 0xff, 0x96, 0x76, 0x8b, 0x4c, 0xa9, 0x85, 0x27, 0x47, 0x07, 0x5b, 0x4f, 0x50];
/// `gEfiAuthenticatedVariableGuid` and `gEfiVariableGuid`.
const STORES: [[u8; 16]; 2] = [
    [0x78, 0x2c, 0xf3, 0xaa, 0x7b, 0x94, 0x9a, 0x43, 0xa1, 0x80, 0x2e, 0x14, 0x4e, 0xc3, 0x77, 0x92],
    [0x16, 0x36, 0xcf, 0xdd, 0x75, 0x32, 0x64, 0x41, 0x98, 0xb6, 0xfe, 0x85, 0x70, 0x7f, 0xfe, 0x7d],
];

fn store(format: u8, variables: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; 72];
    bytes[16..32].copy_from_slice(&VOLUME);
    bytes[40..44].copy_from_slice(b"_FVH");
    bytes[48] = 72;
    bytes.extend(STORES[usize::from(format & 1)]);
    bytes.extend((28 + variables.len() as u32).to_le_bytes());
    bytes.extend([0x5a, 0xfe, 0, 0, 0, 0, 0, 0]);
    bytes.extend(variables);
    bytes
}

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let _ = decode(input);
    let _ = device_path_text(input);
    let _ = LoadOption::decode(input);
    let [format, variables @ ..] = input else { return };
    let Ok(store) = decode(&store(*format, variables)) else { return };
    let _ = (store.boot_order(), store.boot_next(), store.timeout());
    for number in store.boot_option_numbers() {
        let _ = store.boot_option(number);
    }
    for variable in &store.variables {
        let _ = LoadOption::decode(&variable.data);
    }
});

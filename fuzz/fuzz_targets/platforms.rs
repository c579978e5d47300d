//! Files that say what a platform is: manifests, QEMU's firmware descriptors, locks, names. No panic, and an error of one
//! line says what is wrong.
//!
//! Input: a byte for the kind of file, then its text.
#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use bootwright::platform::{Options, Platform, PlatformName, fuzzing};

static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let memory = PathBuf::from("/dev/shm");
    let base = if memory.is_dir() { memory } else { std::env::temp_dir() };
    let folder = base.join(format!("bootwright-fuzz-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder for one file");
    folder
});

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let [kind, text @ ..] = input else { return };
    let name = if kind % 4 == 1 { "60-edk2.json" } else { "file.toml" };
    let file = FOLDER.join(name);
    std::fs::write(&file, text).expect("the folder takes a file");
    match kind % 4 {
        0 => {
            // checks the manifest; there is no place to keep it in, so an error follows in any case
            let mut options = Options::default();
            options.surroundings.config_home = None;
            let error = Platform::add("fuzzed", &file, &options).expect_err("nothing is kept");
            assert!(!error.to_string().is_empty());
        }
        1 => fuzzing::descriptors(&FOLDER),
        2 => fuzzing::lock(&file),
        _ => drop(String::from_utf8_lossy(text).parse::<PlatformName>()),
    }
    std::fs::remove_file(&file).expect("it was written");
});

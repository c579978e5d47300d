//! What tests of the boards read guests with.

use std::path::PathBuf;

use super::qemu::{self, Reading};
use super::{Guest, libvirt, warnings};

/// A file of `testdata/libvirt`.
pub fn data(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("testdata/libvirt").join(name);
    std::fs::read_to_string(path).unwrap()
}

/// The guest of a command line.
pub fn line(text: &str) -> Guest {
    qemu::read_text("line", text, &Reading::default()).unwrap()
}

/// A domain with these attributes of `<type>` and these devices.
pub fn domain(kind: &str, devices: &str) -> Result<Guest, String> {
    let os = format!("<os><type {kind}>hvm</type></os>");
    let xml = format!("<domain type='kvm'>{os}<devices>{devices}</devices></domain>");
    libvirt::read("a.xml", &xml, &[]).map_err(|error| error.to_string())
}

/// The words of a guest's warnings.
pub fn warned(guest: &Guest) -> Vec<&'static str> {
    warnings::of_guest(guest).into_iter().map(|warning| warning.word).collect()
}

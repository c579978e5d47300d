//! Traces of logs that real firmware wrote (`fixtures/`, named by firmware, version and case), and of logs made to mislead.

use std::collections::BTreeMap;

use rstest::rstest;

use super::payload::summed;
use super::*;
use bootwright_machine::evidence::Source;
use bootwright_machine::machine::Firmware;

macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/fixtures/", $name, ".log"))
    };
}

/// The line of a payload with this nonce.
fn payload_line(nonce: &str, medium: &str) -> String {
    summed(&format!(
        "BOOTWRIGHT/1 nonce={nonce} medium={medium} via=bios dl=80 bootorder=- bios-geometry=- tsc=10 end\n"
    ))
}

const NONCE: &str = "00112233445566778899aabbccddeeff";
const OTHER_NONCE: &str = "ffeeddccbbaa99887766554433221100";

/// Two disks, `first` and `second`, by the sizes and places that the logged machines had; `second` is in an optical drive
/// too, where the log has one.
fn names(log: &str) -> Names {
    let mut nonces = BTreeMap::new();
    for payload in log.lines().filter_map(Payload::parse) {
        nonces.insert(payload.nonce, payload.medium);
    }
    nonces.extend([(NONCE.to_owned(), "first".to_owned()), (OTHER_NONCE.to_owned(), "second".to_owned())]);
    let own = |text: &str, medium: &str| (text.to_owned(), medium.to_owned());
    Names {
        nonces,
        bios: bios_names(),
        letters: ["cad".to_owned(), "cad".to_owned()],
        empty: Vec::new(),
        menu: Vec::new(),
        ipl: Default::default(),
        openfirmware: Vec::new(),
        nics: Vec::new(),
        fixed: false,
        reporting: Vec::new(),
        systems: Vec::new(),
        given: None,
        uefi: vec![
            own("PciRoot(0x0)/Pci(0x3,0x0)", "first"),
            own("PciRoot(0x0)/Pci(0x4,0x0)", "second"),
            own("PciRoot(0x0)/Pci(0x1F,0x2)/Sata(0x0,0xFFFF,0x0)", "second"),
        ],
    }
}

/// The logged machines had their disks in other slots and on other controllers; by their sizes they are told apart.
fn bios_names() -> Vec<super::bios_names::BiosName> {
    use bootwright_machine::machine::layout::Layout;
    use bootwright_machine::machine::{DeviceClass, Machine, Medium};
    let machine = Machine::pc(SeaBios).cdrom(DeviceClass::Ide { channel: 0, unit: 0 }, Medium::bootable("second"));
    let layout = Layout::of(&machine).unwrap();
    let optical = super::bios_names::BiosName::of(&machine, &layout, 0, 0);
    let mut names = super::bios_names::disks(&[("first", 3, 32768), ("second", 4, 34816)]);
    names.extend(optical);
    names
}

fn source(firmware: Firmware) -> Source {
    match firmware {
        Firmware::SeaBios => Source::DebugConsole,
        Firmware::Ovmf
        | Firmware::Aavmf
        | Firmware::RiscVVirt
        | Firmware::LoongArchVirt
        | Firmware::S390Ccw
        | Firmware::Slof => Source::Serial,
    }
}

fn read_with(firmware: Firmware, names: Names, log: &[u8]) -> Trace {
    let mut reader = Reader::new(firmware, names);
    reader.push(source(firmware), log);
    reader.trace().clone()
}

/// What a log says.
fn read(firmware: Firmware, log: &str) -> Trace {
    read_with(firmware, names(log), log.as_bytes())
}

/// Attempts as `target "medium" outcome (reason)`.
fn attempts(trace: &Trace) -> Vec<String> {
    let text = |attempt: &Attempt| {
        let medium = attempt.medium.as_ref().map(|medium| format!(" \"{medium}\"")).unwrap_or_default();
        let outcome = attempt.outcome.map_or("under way", Outcome::word);
        format!("{}{medium} {outcome} ({})", attempt.target, attempt.reason)
    };
    trace.attempts.iter().map(text).collect()
}

mod hostile;
mod loongarchvirt;
mod ovmf;
mod riscvvirt;
mod s390_ccw;
mod seabios;
mod slof;

use Firmware::{Ovmf, SeaBios};

#[rstest]
#[case(SeaBios, fixture!("seabios-1.16.2-blank-before-optical"))]
#[case(SeaBios, fixture!("seabios-1.17.0-returning"))]
#[case(Ovmf, fixture!("ovmf-2022.11-returning"))]
#[case(Ovmf, fixture!("ovmf-2026.08-no-drive"))]
fn a_log_in_single_bytes_gives_the_same_trace(#[case] firmware: Firmware, #[case] log: &str) {
    let mut reader = Reader::new(firmware, names(log));
    for byte in log.as_bytes() {
        reader.push(source(firmware), std::slice::from_ref(byte));
    }
    assert_eq!(reader.trace(), &read(firmware, log));
}

#[rstest]
#[case::kept_by_the_kernel("linux arch=x64", "?", Some((None, true)))]
#[case::not_there("linux arch=x64", "-", Some((None, false)))]
#[case::nobody_keeps_it_from_firmware("bios dl=80", "?", Some((Some(b"?".to_vec()), false)))]
#[case::not_whole("linux arch=x64", "%4", None)]
fn a_file_of_fw_cfg_is_there_or_not_or_withheld(
    #[case] via: &str,
    #[case] file: &str,
    #[case] read: Option<(Option<Vec<u8>>, bool)>,
) {
    let line = format!("BOOTWRIGHT/1 nonce={NONCE} medium=first via={via} bootorder={file} bios-geometry=- tsc=10 end");
    assert_eq!(Payload::parse(&summed(&line)).map(|payload| (payload.bootorder, payload.withheld)), read);
}

#[rstest]
#[case("ppc64", true)]
#[case("x64", false)]
#[case("aa64", false)]
fn only_where_there_is_no_fw_cfg_a_line_may_lack_its_files(#[case] arch: &str, #[case] whole: bool) {
    let line = format!("BOOTWRIGHT/1 nonce={NONCE} medium=first via=linux arch={arch} tsc=10 end");
    assert_eq!(Payload::parse(&summed(&line)).is_some(), whole);
}

#[rstest]
#[case(SeaBios, Source::Serial)]
#[case(Ovmf, Source::DebugConsole)]
fn the_other_stream_is_not_read(#[case] firmware: Firmware, #[case] other: Source) {
    let mut reader = Reader::new(firmware, names(""));
    reader.push(other, payload_line(NONCE, "first").as_bytes());
    assert!(reader.trace().payloads.is_empty());
}

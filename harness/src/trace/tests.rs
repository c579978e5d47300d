//! Traces of logs that real firmware wrote (`fixtures/`, named by firmware, version and case), and of logs made to mislead.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rstest::rstest;

use super::*;
use crate::machine::DeviceName;

/// The line of a payload with this nonce.
fn payload_line(nonce: &str, medium: &str) -> String {
    format!("BOOTWRIGHT/1 nonce={nonce} medium={medium} via=bios dl=80 bootorder=- bios-geometry=- tsc=10 end\n")
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
        menu: Vec::new(),
        nics: Vec::new(),
        uefi: vec![
            own("PciRoot(0x0)/Pci(0x3,0x0)", "first"),
            own("PciRoot(0x0)/Pci(0x4,0x0)", "second"),
            own("PciRoot(0x0)/Pci(0x1F,0x2)/Sata(0x0,0xFFFF,0x0)", "second"),
        ],
    }
}

/// The logged machines had their disks in other slots and on other controllers; by their sizes they are told apart.
fn bios_names() -> Vec<super::bios_names::BiosName> {
    use crate::machine::layout::Layout;
    use crate::machine::{DeviceClass, Machine, Medium};
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
        Firmware::Ovmf => Source::Serial,
    }
}

fn read_with(firmware: Firmware, names: Names, log: &[u8]) -> Trace {
    let mut reader = Reader::new(firmware, names);
    reader.push(source(firmware), log);
    reader.trace().clone()
}

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

macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!("fixtures/", $name, ".log"))
    };
}

use Firmware::{Ovmf, SeaBios};

#[rstest]
#[case::v1_16_2(fixture!("seabios-1.16.2-blank-virtio-blk"), "1.16.2")]
#[case::v1_16_3(fixture!("seabios-1.16.3-blank-virtio-blk"), "1.16.3")]
#[case::v1_17_0(fixture!("seabios-1.17.0-blank-virtio-blk"), "1.17.0")]
fn seabios_stops_after_a_blank_disk_although_a_good_one_follows(#[case] log: &str, #[case] version: &str) {
    let trace = read(SeaBios, log);
    assert_eq!(attempts(&trace), ["Hard Disk \"first\" failed (not a bootable disk)"]);
    assert_eq!(trace.terminal, Some(Terminal::NoBootableDevice));
    assert_eq!(trace.boot_order, ["/pci@i0cf8/scsi@4/disk@0,0", "/pci@i0cf8/scsi@6/disk@0,0", "HALT"]);
    assert!(trace.banner.unwrap().starts_with(&format!("SeaBIOS (version {version}")));
    assert_eq!((trace.laps, trace.contradictions.len(), trace.payloads.len()), (1, 0, 0));
}

#[test]
fn seabios_lists_its_boot_menu_with_a_key_for_each_entry() {
    let log = fixture!("seabios-1.16.2-boot-menu");
    let own = |text: &str, device: &str| (text.to_owned(), DeviceName::from(device));
    let menu = vec![
        own("Virtio disk PCI:00:03.0", "first"),
        own("DVD/CD [ata1-0: QEMU DVD-ROM ATAPI-4 DVD/CD]", "disc"),
        own("virtio-scsi Drive QEMU QEMU HARDDISK 2.5+", "one of two"),
        own("virtio-scsi Drive QEMU QEMU HARDDISK 2.5+", "the other"),
        own("Floppy [drive A]", "floppy"),
        own("iPXE (PCI 00:05.0)", "nic0"),
    ];
    let trace = read_with(SeaBios, Names { menu, ..names(log) }, log.as_bytes());
    assert_eq!(trace.menus.len(), 1);
    assert_eq!((trace.menus[0].lap, trace.menus[0].offer.as_str()), (1, "Press ESC for boot menu."));
    let entries: Vec<(Option<char>, &str, Option<&str>)> = trace.menus[0]
        .entries
        .iter()
        .map(|entry| (entry.key, entry.name.as_str(), entry.device.as_ref().map(DeviceName::as_str)))
        .collect();
    let expected = [
        (Some('1'), "Virtio disk PCI:00:03.0", Some("first")),
        (Some('2'), "DVD/CD [ata1-0: QEMU DVD-ROM ATAPI-4 DVD/CD] (BOOTWRIGHT)", Some("disc")),
        (Some('3'), "virtio-scsi Drive QEMU QEMU HARDDISK 2.5+", None),
        (Some('4'), "Legacy option rom", None),
        (Some('5'), "Floppy [drive A]", Some("floppy")),
        (Some('6'), "iPXE (PCI 00:05.0)", Some("nic0")),
    ];
    assert_eq!(entries, expected);
    assert_eq!(trace.booted(), Some("disc"));
}

#[test]
fn seabios_goes_on_from_a_blank_disk_to_an_optical_drive() {
    let trace = read(SeaBios, fixture!("seabios-1.16.2-blank-before-optical"));
    let expected = ["Hard Disk \"first\" failed (not a bootable disk)", "DVD/CD \"second\" booted (payload ran)"];
    assert_eq!(attempts(&trace), expected);
    assert_eq!((trace.booted(), &trace.terminal), (Some("second"), &None));
}

#[test]
fn seabios_goes_on_from_an_empty_optical_drive_to_a_disk() {
    let log = fixture!("seabios-1.16.2-empty-optical-drive");
    let mut names = names(log);
    names.bios.retain(|name| name.kind == super::bios_names::Kind::Disk);
    let trace = read_with(SeaBios, names, log.as_bytes());
    let expected =
        ["DVD/CD failed (Could not read from CDROM (code 0003))", "Hard Disk \"second\" booted (payload ran)"];
    assert_eq!(attempts(&trace), expected);
}

#[test]
fn seabios_without_any_drive_asks_a_disk_and_a_floppy_that_are_not_there() {
    let trace = read(SeaBios, fixture!("seabios-1.16.2-no-drive"));
    let expected = ["Hard Disk failed (could not read the boot disk)", "Floppy failed (could not read the boot disk)"];
    assert_eq!(attempts(&trace), expected);
    assert_eq!(trace.terminal, Some(Terminal::NoBootableDevice));
}

#[rstest]
#[case::v1_16_2(fixture!("seabios-1.16.2-returning"))]
#[case::v1_16_3(fixture!("seabios-1.16.3-returning"))]
#[case::v1_17_0(fixture!("seabios-1.17.0-returning"))]
fn seabios_has_no_second_disk_entry_for_code_that_returns(#[case] log: &str) {
    let trace = read(SeaBios, log);
    assert_eq!(attempts(&trace), ["Hard Disk \"first\" failed (ran, then returned to the BIOS (int 18h))"]);
    assert_eq!((trace.booted(), trace.payloads.len()), (None, 1));
    assert_eq!(trace.terminal, Some(Terminal::NoBootableDevice));
}

#[test]
fn every_reset_under_seabios_begins_a_lap() {
    let trace = read(SeaBios, fixture!("seabios-1.16.2-rebooting-port-cf9"));
    let laps: Vec<(u32, Option<Outcome>)> =
        trace.attempts.iter().map(|attempt| (attempt.lap, attempt.outcome)).collect();
    assert_eq!(laps, [(1, Some(Outcome::Booted)), (2, Some(Outcome::Booted))]);
    assert_eq!((trace.laps, trace.payloads.len()), (3, 2));
}

#[test]
fn seabios_announces_each_retry() {
    let post = "SeaBIOS (version 1.17.0)\nBUILD: gcc\nenter handle_19:\n  NULL\n";
    let lap = "Booting from Hard Disk...\nBoot failed: not a bootable disk\n\nenter handle_18:\n  NULL\n";
    let log = format!("{post}{lap}No bootable device.  Retrying in 5 seconds.\n{post}{lap}No bootable device.\n");
    let trace = read(SeaBios, &log);
    assert_eq!((trace.retries.as_slice(), trace.laps), ([5].as_slice(), 2));
    assert_eq!(trace.attempts.iter().map(|attempt| attempt.lap).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(trace.terminal, Some(Terminal::NoBootableDevice), "the second time it does not retry");
    let waiting = read(SeaBios, &format!("{post}{lap}No bootable device.  Retrying in 60 seconds.\n"));
    assert_eq!(waiting.terminal, None, "a wait before a retry is not the end");
}

#[test]
fn a_boot_sector_that_asks_the_bios_to_boot_again_has_not_booted() {
    let entered = "Booting from Hard Disk...\nBooting from 0000:7c00\n";
    let log = format!("{entered}{}enter handle_19:\n  NULL\nBooting from Floppy...\n", payload_line(NONCE, "first"));
    let trace = read(SeaBios, &log);
    assert_eq!(attempts(&trace)[0], "Hard Disk \"first\" failed (ran, then asked the BIOS to boot again)");
    assert_eq!(trace.booted(), None);
}

#[rstest]
#[case::v2022_11(fixture!("ovmf-2022.11-blank-virtio-blk"), "Boot0001", "Boot0002")]
#[case::v2025_02(fixture!("ovmf-2025.02-blank-virtio-blk"), "Boot0001", "Boot0002")]
#[case::v2026_08(fixture!("ovmf-2026.08-blank-virtio-blk"), "Boot0002", "Boot0003")]
fn ovmf_falls_through_from_a_blank_disk(#[case] log: &str, #[case] first: &str, #[case] second: &str) {
    let own = |text: &str, medium: &str| (text.to_owned(), medium.to_owned());
    let uefi = vec![own("PciRoot(0x0)/Pci(0x4,0x0)", "first"), own("PciRoot(0x0)/Pci(0x6,0x0)", "second")];
    let trace = read_with(Ovmf, Names { uefi, ..names(log) }, log.as_bytes());
    let expected = [
        format!("{first} \"UEFI Misc Device\" \"first\" failed (failed to load (Not Found))"),
        format!("{second} \"UEFI Misc Device 2\" \"second\" booted (payload ran)"),
    ];
    assert_eq!(attempts(&trace), expected);
    assert_eq!((trace.booted(), trace.contradictions.len()), (Some("second"), 0));
    let payload = &trace.payloads[0];
    assert_eq!((payload.via.as_str(), payload.boot_order.as_ref().unwrap().len() >= 3), ("uefi", true));
    assert_eq!(format!("Boot{:04X}", payload.boot_current.unwrap()), second);
}

#[test]
fn ovmf_names_the_optical_drive_by_its_port() {
    let trace = read(Ovmf, fixture!("ovmf-2022.11-blank-before-optical"));
    assert_eq!(trace.attempts[1].medium.as_deref(), Some("second"));
    assert!(trace.attempts[1].target.contains("DVD-ROM"), "{}", trace.attempts[1].target);
    assert_eq!(trace.booted(), Some("second"));
}

#[test]
fn ovmf_names_an_empty_optical_drive_that_it_fails_to_load_from() {
    let trace = read(Ovmf, fixture!("ovmf-2022.11-empty-optical-drive"));
    assert!(trace.attempts[0].target.contains("DVD-ROM"));
    assert_eq!(trace.attempts[0].outcome, Some(Outcome::Failed));
    assert_eq!(trace.attempts.len(), 2);
}

#[rstest]
#[case::v2022_11(fixture!("ovmf-2022.11-returning"))]
#[case::v2025_02(fixture!("ovmf-2025.02-returning"))]
#[case::v2026_08(fixture!("ovmf-2026.08-returning"))]
fn ovmf_goes_on_after_code_that_returns_an_error(#[case] log: &str) {
    let trace = read(Ovmf, log);
    let list = attempts(&trace);
    assert!(list[0].ends_with("\"first\" failed (ran, then returned Not Found)"), "{list:?}");
    assert!(list[1].ends_with("\"second\" booted (payload ran)"), "{list:?}");
    assert_eq!((list.len(), trace.payloads.len()), (2, 2));
}

#[test]
fn an_option_that_booted_and_fails_after_a_reset_under_the_same_number_failed_there() {
    let mut reader = Reader::new(Ovmf, Names::default());
    let option = "Boot0001 \"UEFI Misc Device\" from PciRoot(0x0)/Pci(0x6,0x0)";
    reader.push(Source::Serial, format!("BdsDxe: starting {option}\r\n").as_bytes());
    reader.reset();
    reader.push(Source::Serial, format!("BdsDxe: failed to load {option}: Not Found\r\n").as_bytes());
    let laps: Vec<(u32, Option<Outcome>)> =
        reader.trace().attempts.iter().map(|attempt| (attempt.lap, attempt.outcome)).collect();
    assert_eq!(laps, [(1, Some(Outcome::Booted)), (2, Some(Outcome::Failed))]);
}

#[rstest]
#[case::v2022_11(fixture!("ovmf-2022.11-rebooting-port-cf9"))]
#[case::v2026_08(fixture!("ovmf-2026.08-rebooting-port-cf9"))]
fn a_reset_under_ovmf_begins_a_lap_where_qmp_says_so(#[case] log: &str) {
    let mut reader = Reader::new(Ovmf, names(log));
    let second = log.rfind("BdsDxe: loading").unwrap();
    reader.push(Source::Serial, &log.as_bytes()[..second]);
    reader.reset();
    reader.push(Source::Serial, &log.as_bytes()[second..]);
    let trace = reader.trace();
    let laps: Vec<(u32, Option<Outcome>)> =
        trace.attempts.iter().map(|attempt| (attempt.lap, attempt.outcome)).collect();
    assert_eq!(laps, [(1, Some(Outcome::Booted)), (2, Some(Outcome::Booted))]);
}

#[rstest]
#[case::v2022_11(fixture!("ovmf-2022.11-no-drive"))]
#[case::v2025_02(fixture!("ovmf-2025.02-no-drive"))]
fn with_nothing_to_boot_older_ovmf_starts_its_shell(#[case] log: &str) {
    let trace = read(Ovmf, log);
    assert_eq!((trace.terminal, trace.attempts.len()), (Some(Terminal::UefiShell), 0));
}

#[test]
fn with_nothing_to_boot_newer_ovmf_says_so() {
    let log = fixture!("ovmf-2026.08-no-drive");
    let trace = read(Ovmf, log);
    assert_eq!((trace.terminal, trace.attempts.len()), (Some(Terminal::NoBootableOption), 0));
    let cut = log.find("was found").unwrap() + "was found".len();
    let unfinished = read(Ovmf, &log[..cut]);
    assert_eq!(unfinished.terminal, Some(Terminal::NoBootableOption), "the line need not be complete");
}

/// One attempt on the disk in slot 3, as edk2 words it (`BmBoot.c`), ended with `rest`.
fn bds(rest: &str) -> String {
    let option = "Boot0001 \"UEFI Misc Device\" from PciRoot(0x0)/Pci(0x3,0x0)";
    rest.replace("OPTION", option)
}

#[rstest]
#[case::secure_boot(
    "BdsDxe: failed to load OPTION: Access Denied\r\n",
    Outcome::Refused,
    "failed to load (Access Denied)"
)]
#[case::violation(
    "BdsDxe: failed to load OPTION: Security Violation\r\n",
    Outcome::Refused,
    "failed to load (Security Violation)"
)]
#[case::not_found("BdsDxe: failed to load OPTION: Not Found\r\n", Outcome::Failed, "failed to load (Not Found)")]
#[case::network("BdsDxe: failed to load OPTION: Time out\r\n", Outcome::TimedOut, "failed to load (Time out)")]
#[case::start(
    "BdsDxe: loading OPTION\r\nBdsDxe: failed to start OPTION: Unsupported\r\n",
    Outcome::Failed,
    "failed to start (Unsupported)"
)]
fn ovmf_says_why_an_option_failed(#[case] log: &str, #[case] outcome: Outcome, #[case] reason: &str) {
    let trace = read(Ovmf, &bds(log));
    let attempt = &trace.attempts[0];
    assert_eq!((attempt.outcome, attempt.reason.as_str()), (Some(outcome), reason));
    assert_eq!((attempt.medium.as_deref(), trace.attempts.len()), (Some("first"), 1));
}

#[test]
fn code_that_returns_success_has_not_booted_either() {
    let log = bds("BdsDxe: loading OPTION\r\nBdsDxe: starting OPTION\r\n")
        + &payload_line(NONCE, "first")
        + "BdsDxe: loading Boot0000 \"UiApp\" from Fv(1)/FvFile(2)\r\n";
    let trace = read(Ovmf, &log);
    assert!(attempts(&trace)[0].ends_with("\"first\" failed (ran, then returned to the boot manager)"));
    assert_eq!(trace.booted(), None);
}

#[test]
fn a_reset_before_anything_was_started_is_no_boot() {
    let mut reader = Reader::new(Ovmf, names(""));
    reader.push(Source::Serial, bds("BdsDxe: loading OPTION\r\n").as_bytes());
    reader.reset();
    assert_eq!(reader.trace().attempts[0].outcome, Some(Outcome::Failed));
    reader.push(Source::Serial, bds("BdsDxe: loading OPTION\r\nBdsDxe: starting OPTION\r\n").as_bytes());
    reader.reset();
    assert_eq!(reader.trace().attempts[1].outcome, Some(Outcome::Booted));
    assert_eq!(reader.trace().laps, 3);
}

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
#[case(SeaBios, Source::Serial)]
#[case(Ovmf, Source::DebugConsole)]
fn the_other_stream_is_not_read(#[case] firmware: Firmware, #[case] other: Source) {
    let mut reader = Reader::new(firmware, names(""));
    reader.push(other, payload_line(NONCE, "first").as_bytes());
    assert!(reader.trace().payloads.is_empty());
}

#[rstest]
#[case::foreign_nonce("0123456789abcdef0123456789abcdef", "first")]
#[case::nonce_of_another_medium(OTHER_NONCE, "first")]
fn a_stale_payload_belongs_to_no_medium_and_ends_no_attempt(#[case] nonce: &str, #[case] medium: &str) {
    let log = format!("Booting from Hard Disk...\nBooting from 0000:7c00\n{}", payload_line(nonce, medium));
    let trace = read_with(SeaBios, names(""), log.as_bytes());
    assert_eq!(trace.payloads[0].medium_of_nonce, None);
    assert_eq!((trace.attempts[0].outcome, trace.booted()), (None, None));
}

#[rstest]
#[case::cut("BOOTWRIGHT/1 nonce=00112233445566778899aabbccddeeff medium=first via=bios dl=80\n")]
#[case::short_nonce("BOOTWRIGHT/1 nonce=0011 medium=first via=bios end\n")]
#[case::no_medium("BOOTWRIGHT/1 nonce=00112233445566778899aabbccddeeff medium=- via=bios end\n")]
#[case::another_version("BOOTWRIGHT/2 nonce=00112233445566778899aabbccddeeff medium=first via=bios end\n")]
fn half_a_payload_line_is_none(#[case] line: &str) {
    assert_eq!(read(SeaBios, &format!("Booting from Hard Disk...\n{line}")).payloads, []);
}

#[test]
fn a_payload_from_another_disk_than_the_log_names_is_a_contradiction() {
    let log = "drive 0x000e8bd0: PCHS=32/16/63 translation=none LCHS=32/16/63 s=32768\n\
               Booting from Hard Disk...\nBooting from 0000:7c00\n";
    let trace = read(SeaBios, &format!("{log}{}", payload_line(OTHER_NONCE, "second")));
    assert_eq!(trace.contradictions, ["the log says that Hard Disk is \"first\", the payload that ran is \"second\""]);
    assert_eq!(trace.booted(), Some("second"));
}

#[rstest]
#[case(SeaBios)]
#[case(Ovmf)]
fn random_bytes_are_survived(#[case] firmware: Firmware) {
    let mut random = fastrand::Rng::with_seed(7);
    let words: [&[u8]; 8] = [
        b"Booting from ",
        b"BdsDxe: failed to load ",
        b"BOOTWRIGHT/1 nonce=",
        b" from ",
        b": ",
        b"\n",
        b"\x1b[",
        b"boot order:\n1: ",
    ];
    let mut reader = Reader::new(firmware, names(""));
    for _ in 0..5_000 {
        let noise: Vec<u8> = (0..random.usize(0..24)).map(|_| random.u8(..)).collect();
        reader.push(source(firmware), &noise);
        reader.push(source(firmware), words[random.usize(..words.len())]);
    }
    assert_eq!(reader.trace().booted(), None);
}

#[rstest]
#[case(SeaBios)]
#[case(Ovmf)]
fn a_line_of_a_mebibyte_is_cut_and_the_next_one_is_read(#[case] firmware: Firmware) {
    let mut log = vec![b'x'; 1 << 20];
    log.push(b'\n');
    log.extend(payload_line(NONCE, "first").bytes());
    assert_eq!(read_with(firmware, names(""), &log).payloads.len(), 1);
}

#[test]
fn an_endless_line_in_single_bytes_costs_little() {
    let mut reader = Reader::new(Ovmf, names(""));
    let begun = Instant::now();
    for _ in 0..60_000 {
        reader.push(Source::Serial, b"x");
    }
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?} for 60,000 bytes", begun.elapsed());
}

#[test]
fn escape_sequences_inside_a_line_do_not_hide_it() {
    let log = "\x1b[2J\x1b[001;001H\x1b[=3h\x1b[8;056;240tBdsDxe: \x1b[1mfailed to load Boot0001 \"x\" from \
               PciRoot(0x0)/Pci(0x3,0x0)\x1b[0m: Not Found\r\n";
    assert_eq!(attempts(&read(Ovmf, log)), ["Boot0001 \"x\" \"first\" failed (failed to load (Not Found))"]);
}

#[test]
fn a_guest_that_retries_for_ever_fills_no_memory() {
    let lap = "SeaBIOS (version 1)\nBUILD: x\nBooting from Hard Disk...\nBoot failed: no\n";
    let trace = read(SeaBios, &lap.repeat(3_000));
    assert_eq!((trace.attempts.len(), trace.laps), (ATTEMPT_LIMIT, 3_000));
}

#[test]
fn a_crash_of_the_firmware_is_no_end_of_the_search() {
    let crash = "!!!! X64 Exception Type - 0D(#GP - General Protection)  CPU Apic ID - 00000000 !!!!\r\n\
        ExceptionData - 0000000000000000\r\nRIP  - 000000000766AB1B, CS  - 0000000000000038\r\n";
    let trace = read(Ovmf, crash);
    assert_eq!((trace.terminal.clone(), trace.attempts.len()), (Some(Terminal::CpuException), 0));
    assert!(trace.shows_life());
    let trace = read(Ovmf, &(bds("BdsDxe: loading OPTION\r\n") + crash));
    assert_eq!(trace.attempts[0].reason, "processor exception 0D(#GP - General Protection)");
    assert_eq!(read(Ovmf, "X64 Exception Type - 0D\r\n").terminal, None);
}

#[test]
fn a_payload_that_ovmf_ran_without_a_boot_option_is_an_attempt() {
    let line = |via: &str, current: &str| {
        format!(
            "BOOTWRIGHT/1 nonce={NONCE} medium=first via={via} arch=x64 boot-current={current} boot-order=- tsc=10 end\r\n"
        )
    };
    let trace = read(Ovmf, &line("uefi", "-"));
    assert_eq!(attempts(&trace), ["no boot option \"first\" booted (payload ran)"]);
    assert_eq!(read(Ovmf, &line("linux", "-")).attempts, []);
    let unnamed = read(Ovmf, &line("uefi", "0001"));
    assert_eq!(attempts(&unnamed), ["Boot0001 \"first\" booted (payload ran)"]);
    assert_eq!(unnamed.holes.len(), 1, "the option has a name that was not printed: {:?}", unnamed.holes);
}

#[test]
fn setup_that_was_opened_is_an_end_until_something_boots_from_it() {
    let names = names("");
    let log = bds("BdsDxe: loading OPTION\r\nBdsDxe: starting OPTION\r\n")
        + "BdsDxe: loading Boot0000 \"UiApp\" from Fv(1)/FvFile(462CAA21-7614-4503-836E-8AB6F4662331)\r\n\
           BdsDxe: starting Boot0000 \"UiApp\" from Fv(1)/FvFile(462CAA21-7614-4503-836E-8AB6F4662331)\r\n";
    let trace = read_with(Ovmf, names.clone(), log.as_bytes());
    assert_eq!(attempts(&trace), ["Boot0001 \"UEFI Misc Device\" \"first\" failed (returned to the boot manager)"]);
    assert_eq!((trace.terminal, trace.holes), (Some(Terminal::Setup), Vec::new()));
    let menu_of_2026 = log.replace("462CAA21-7614-4503-836E-8AB6F4662331", "EEC25BDC-67F2-4D95-B1D5-F81B2039D11D");
    assert_eq!(read_with(Ovmf, names.clone(), menu_of_2026.as_bytes()).terminal, Some(Terminal::Setup));
    let chosen = log + &uefi_line("first", "0001");
    let trace = read_with(Ovmf, names, chosen.as_bytes());
    assert_eq!((trace.terminal.clone(), trace.booted()), (None, Some("first")));
}

/// A payload's line under UEFI.
fn uefi_line(medium: &str, current: &str) -> String {
    let nonce = if medium == "first" { NONCE } else { OTHER_NONCE };
    format!(
        "BOOTWRIGHT/1 nonce={nonce} medium={medium} via=uefi arch=x64 boot-current={current} boot-order=0001 tsc=10 end\r\n"
    )
}

#[test]
fn a_payload_that_runs_while_boot_current_names_a_failed_option_was_run_to_recover_the_platform() {
    let failed = bds("BdsDxe: failed to load OPTION: Not Found\r\n");
    let trace = read(Ovmf, &(failed.clone() + &uefi_line("second", "0001")));
    let expected = [
        "Boot0001 \"UEFI Misc Device\" \"first\" failed (failed to load (Not Found))",
        "platform recovery \"second\" booted (payload ran)",
    ];
    assert_eq!((attempts(&trace), trace.holes.len()), (expected.map(str::to_owned).to_vec(), 0));
    let trace = read(Ovmf, &(failed + &uefi_line("second", "0002")));
    assert_eq!(
        trace.holes,
        ["the payload of \"second\" ran by Boot0002 without an attempt"],
        "its sentences are missing"
    );
}

#[rstest]
#[case::lost_line_end("BdsDxe: failed to load OPTION: Not FoundBdsDxe: failed to load OPTION: Not Found\r\n", 0)]
#[case::lost_middle("BdsDxe: failed to load Boot0001 \"UEFI MiscBdsDxe: failed to load OPTION: Not Found\r\n", 1)]
#[case::half_a_status("BdsDxe: failed to load OPTION: Not Fou\r\nBdsDxe: failed to load OPTION: Not Found\r\n", 1)]
#[case::no_result("BdsDxe: loading OPTION\r\nBdsDxe: failed to load Boot0002 \"x\" from Pci(0x1): Not Found\r\n", 1)]
fn a_sentence_of_which_something_is_missing_is_a_hole(#[case] log: &str, #[case] holes: usize) {
    let trace = read(Ovmf, &bds(log));
    assert_eq!(trace.holes.len(), holes, "{:?}", trace.holes);
}

#[test]
fn a_sentence_that_a_reset_cut_is_no_hole() {
    let mut reader = Reader::new(Ovmf, names(""));
    reader.push(Source::Serial, b"BdsDxe: failed to load Boot0001 \"UEFI Mi\r\n");
    reader.reset();
    reader.push(Source::Serial, bds("BdsDxe: failed to load OPTION: Not Found\r\n").as_bytes());
    assert_eq!(reader.trace().holes, Vec::<String>::new());
}

#[rstest]
#[case::whole(
    "enter handle_19:\nBooting from Hard Disk...\nBoot failed: not a bootable disk\nenter handle_18:\nNo bootable device.\n",
    0
)]
#[case::no_attempt("enter handle_19:\nenter handle_18:\nNo bootable device.\n", 1)]
#[case::no_end("enter handle_19:\nBooting from Hard Disk...\nenter handle_18:\nNo bootable device.\n", 1)]
#[case::no_reason(
    "enter handle_19:\nBooting from Hard Disk...\nBoot failed: not a bootable disk\nBooting from Floppy...\n",
    1
)]
#[case::no_beginning("enter handle_19:\nBoot failed: not a bootable disk\nenter handle_18:\n", 2)]
#[case::payload(
    "enter handle_19:\nBOOTWRIGHT/1 nonce=00112233445566778899aabbccddeeff medium=first via=bios dl=80 end\n",
    1
)]
#[case::half_a_payload(
    "enter handle_19:\nBooting from Hard Disk...\nBooting from 0000:7c00\nBOOTWRIGHT/1 nonce=001122334\n",
    1
)]
fn a_step_that_seabios_never_leaves_out_and_that_is_missing_is_a_hole(#[case] log: &str, #[case] holes: usize) {
    let trace = read(SeaBios, log);
    assert_eq!(trace.holes.len(), holes, "{:?}", trace.holes);
}

#[test]
fn what_a_nics_ipxe_runs_in_a_drive_is_by_the_nics_entry() {
    let mut names = names("");
    let machine = crate::machine::Machine::pc(SeaBios).nic("e1000", None).slot(5);
    let layout = crate::machine::layout::Layout::of(&machine).unwrap();
    names.bios.extend(super::bios_names::BiosName::of(&machine, &layout, 0, 0));
    let log =
        "Searching bootorder for: /pci@i0cf8/*@5\nenter handle_19:\nBooting from ROM...\nBooting from c000:0385\n";
    let trace = read_with(SeaBios, names, (log.to_owned() + &payload_line(NONCE, "first")).as_bytes());
    let attempt = &trace.attempts[0];
    assert_eq!((attempt.medium.as_deref(), attempt.handed_over), (Some("first"), true));
    assert!(attempt.entry.as_ref().is_some_and(|entry| *entry == "nic0"));
    assert!(crate::verdict::judge(&crate::verdict::Expectation::boots("first"), &trace).is_err());
    let by_nic = [crate::verdict::booted("first").by_entry_of("nic0")];
    assert_eq!(crate::verdict::judge(&crate::verdict::Expectation::attempts(by_nic), &trace), Ok(()));
}

#[test]
fn eight_mebibytes_of_a_hostile_guest_are_read_in_seconds() {
    let order = "boot order:\n".to_owned() + &"1: x\n".repeat(180_000);
    let names = Names { bios: bios_names(), ..Names::default() };
    let again = |text: &str| order.clone() + &text.repeat((8 << 20) / text.len());
    for (firmware, source, text) in [
        (Firmware::SeaBios, Source::DebugConsole, again("Booting from ROM...\n")),
        (Firmware::SeaBios, Source::DebugConsole, again("Booting from DVD/CD...\n")),
        (Firmware::SeaBios, Source::DebugConsole, again("\n")),
        (Firmware::SeaBios, Source::DebugConsole, again("x")),
        (Firmware::Ovmf, Source::Serial, again("BdsDxe: loading Boot0001 \"x\" from PciRoot(0x0)\r\n")),
        (Firmware::Ovmf, Source::Serial, again("BdsDxe: ")),
    ] {
        let begun = std::time::Instant::now();
        let mut reader = Reader::new(firmware, names.clone());
        text.as_bytes().chunks(16 << 10).for_each(|piece| reader.push(source, piece));
        let trace = reader.trace();
        assert!(trace.attempts.len() <= ATTEMPT_LIMIT && trace.boot_order.len() <= BOOT_ORDER_LIMIT.0);
        if firmware == Firmware::SeaBios {
            assert_eq!(trace.cut[0], "boot order: the first 256 lines are kept");
        }
        // a hundredth of it took 25 s; built for tests, beside others, this takes one or two
        assert!(
            begun.elapsed() < std::time::Duration::from_secs(20),
            "{:?} {:?}",
            &text[text.len() - 9..],
            begun.elapsed()
        );
    }
}

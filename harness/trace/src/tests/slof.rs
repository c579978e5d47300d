//! SLOF's log.

use bootwright_machine::machine::DeviceName;
use rstest::rstest;

use super::{NONCE, OTHER_NONCE, attempts, names, summed};
use crate::{Names, Reader, Terminal, Trace};
use bootwright_machine::evidence::Source;
use bootwright_machine::machine::Firmware;

const BANNER: &str = " FW Version = release 20220719\r\n Press \"s\" to enter Open Firmware.\r\r\n";
const FIRST: &str = "/pci@800000020000000/scsi@3";
const SECOND: &str = "/pci@800000020000000/scsi@4/disk@102000100000000";
const NIC: &str = "/pci@800000020000000/ethernet@5";

fn two_disks_and_a_nic() -> Names {
    let own = |path: &str, name: DeviceName, medium: Option<&str>| (path.to_owned(), name, medium.map(str::to_owned));
    let nic = crate::names::NicName { device: 2, name: DeviceName::nic(0), path: String::new(), served: Vec::new() };
    Names {
        openfirmware: vec![
            own(FIRST, DeviceName::medium("first"), Some("first")),
            own(SECOND, DeviceName::medium("second"), Some("second")),
            own(NIC, DeviceName::nic(0), None),
        ],
        nics: vec![nic],
        ..names("")
    }
}

fn reader(log: &str) -> Reader {
    let mut reader = Reader::new(Firmware::Slof, two_disks_and_a_nic());
    reader.push(Source::Serial, log.as_bytes());
    reader
}

fn read(log: &str) -> Trace {
    reader(log).trace().clone()
}

#[rstest]
#[case::it_was_given("first", 1, 0)]
#[case::another_was("second", 0, 1)]
fn a_kernel_that_qemu_hands_over_is_an_attempt_of_its_own(
    #[case] given: &str,
    #[case] attempts: usize,
    #[case] holes: usize,
) {
    let known = Names { given: Some(given.to_owned()), ..names(&in_user_space("first")) };
    let mut reader = Reader::new(Firmware::Slof, known);
    reader.push(
        Source::Serial,
        [BANNER, "Detected RAM kernel at 400000 (2890000 bytes)\r\n", &in_user_space("first")].concat().as_bytes(),
    );
    let trace = reader.trace();
    assert_eq!((trace.attempts.len(), trace.holes.len()), (attempts, holes), "{:?}", trace.holes);
    if attempts == 1 {
        assert_eq!(trace.attempts[0].medium.as_deref(), Some("first"));
    }
}

/// What a program in user space says there, where there is no fw_cfg.
fn in_user_space(medium: &str) -> String {
    summed(&format!("BOOTWRIGHT/1 nonce={NONCE} medium={medium} via=linux arch=ppc64 tsc=10 end\n"))
}

fn trying(path: &str) -> String {
    format!("Trying to load:  from: {path} ... \r\n")
}

fn payload(nonce: &str, medium: &str, path: &str) -> String {
    summed(&format!("BOOTWRIGHT/1 nonce={nonce} medium={medium} via=openfirmware arch=ppc64 bootpath={path} end\r\n"))
}

const NOT_BOOTABLE: &str = "E3404: Not a bootable device!\r\n";

#[test]
fn the_path_names_the_device_of_each_attempt() {
    let log = [BANNER, &trying(FIRST), NOT_BOOTABLE, &trying(SECOND), &payload(OTHER_NONCE, "second", SECOND)].concat();
    let trace = read(&log);
    let wanted = [
        format!("{FIRST} \"first\" failed (E3404: Not a bootable device!)"),
        format!("{SECOND} \"second\" booted (payload ran)"),
    ];
    assert_eq!(attempts(&trace), wanted);
    assert_eq!(trace.attempts[1].entry, Some(DeviceName::medium("second")));
    assert_eq!(trace.banner.as_deref(), Some("FW Version = release 20220719"));
    assert_eq!(trace.payloads[0].bootpath.as_deref(), Some(SECOND));
    assert!(trace.holes.is_empty() && trace.contradictions.is_empty() && trace.terminal.is_none());
}

#[test]
fn what_a_driver_says_of_each_read_is_kept_once() {
    let read_error = "virtioblk_transfer: Access beyond end of device!\r\n".repeat(20);
    let trace = read(&[BANNER, &trying(FIRST), &read_error, NOT_BOOTABLE, &trying(SECOND)].concat());
    let reason = &trace.attempts[0].reason;
    assert!(reason.has_printed("E3404") && reason.has_printed("Access beyond"), "{reason}");
}

#[test]
fn a_log_in_single_bytes_gives_the_same_trace() {
    let log = [BANNER, &trying(FIRST), NOT_BOOTABLE, "E3407: Load failed\r\n\r\nReady! \r\n0 > "].concat();
    let mut reader = reader("");
    log.bytes().for_each(|byte| reader.push(Source::Serial, &[byte]));
    assert_eq!(reader.trace(), &read(&log));
}

#[test]
fn the_prompt_is_the_end_and_a_number_in_a_line_is_none() {
    let fails = [BANNER, &trying(FIRST), NOT_BOOTABLE, "E3407: Load failed\r\n"].concat();
    let trace = read(&[&fails, "\r\nReady! \r\n0 > "].concat());
    assert_eq!(trace.terminal, Some(Terminal::OpenFirmwarePrompt));
    assert_eq!(attempts(&trace), [format!("{FIRST} \"first\" failed (E3404: Not a bootable device!)")]);
    for no_prompt in ["10 > ", "0 >", "0 > x"] {
        assert_eq!(read(&[&fails, no_prompt].concat()).terminal, None, "{no_prompt}");
    }
    assert_eq!(read("0 > ").terminal, None, "before the firmware has named itself");
}

#[rstest]
#[case::not_found("E3009 (net) file not found: gone.fs", "failed")]
#[case::nobody_answers("Giving up after 10 DHCP requests\r\n\n\rE3001 (net) Could not get IP address", "timed out")]
fn a_network_fails_for_the_reason_that_is_printed(#[case] said: &str, #[case] outcome: &str) {
    let begins = " Initializing NIC\r\r\n  Requesting information via DHCP:     \x08\x08\x08010\r\n";
    let trace = read(&[BANNER, &trying(NIC), begins, said, "\n\r", &trying(FIRST)].concat());
    let first = &attempts(&trace)[0];
    assert!(first.starts_with(&format!("{NIC} {outcome} (")), "{first}");
    assert!(trace.attempts[0].reason.has_printed(said.rsplit(['\r', '\n']).next().unwrap()), "{first}");
    assert_eq!(trace.attempts[0].nic, Some(DeviceName::nic(0)));
    assert_eq!(trace.attempts[1].nic, None);
}

#[test]
fn what_the_firmware_says_of_a_path_that_no_device_has_names_none() {
    let trace = read(&[BANNER, &trying("/pci@800000020000000/scsi@33"), NOT_BOOTABLE].concat());
    assert_eq!((trace.attempts[0].entry.clone(), trace.attempts[0].medium.clone()), (None, None));
    assert_eq!(read(&[BANNER, &trying("cdrom")].concat()).attempts, [], "an alias without a device");
}

#[test]
fn half_a_line_and_a_program_that_nothing_announced_are_holes() {
    assert_eq!(read(&[BANNER, "Trying to load:  from: /pci@8\r\n"].concat()).holes.len(), 1);
    assert_eq!(read(&[BANNER, &payload(NONCE, "first", FIRST)].concat()).holes.len(), 1);
    let mut cut = reader(&[BANNER, "Trying to load:  fr"].concat());
    cut.finish(false);
    assert_eq!(cut.trace().holes.len(), 1);
    let mut reset = reader(BANNER);
    reset.reset_by_guest();
    assert_eq!(reset.trace().holes.len(), 1);
}

#[test]
fn a_program_that_returns_has_failed_when_the_firmware_goes_on() {
    let ran = [BANNER, &trying(FIRST), &payload(NONCE, "first", FIRST)].concat();
    assert_eq!(read(&ran).booted(), Some("first"));
    for next in [trying(SECOND), "0 > ".to_owned()] {
        let trace = read(&[ran.as_str(), &next].concat());
        assert_eq!(trace.attempts[0].outcome, Some(crate::Outcome::Failed), "{next}");
    }
}

#[test]
fn a_program_of_another_disk_than_the_log_names_is_a_contradiction() {
    let log = [BANNER, &trying(FIRST), &payload(OTHER_NONCE, "second", SECOND)].concat();
    assert_eq!(read(&log).contradictions.len(), 1);
}

#[test]
fn a_lap_begins_with_the_banner_or_the_monitor_whichever_is_first() {
    let lap = [BANNER, &trying(FIRST), &payload(NONCE, "first", FIRST)].concat();
    let mut late = reader(&lap);
    late.push(Source::Serial, lap.as_bytes());
    late.reset_by_guest();
    let mut early = reader(&lap);
    early.reset_by_guest();
    early.push(Source::Serial, lap.as_bytes());
    for reader in [late, early] {
        let trace = reader.trace();
        assert_eq!((trace.laps, trace.attempts.len(), trace.holes.len()), (2, 2, 0));
        assert_eq!(trace.attempts[1].lap, 2);
    }
}

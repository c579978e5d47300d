//! Logs of `s390-ccw.img`, as QEMU 7.2.22, 10.0.13 and 11.1.3 print them.

use super::*;
use bootwright_machine::machine::layout::Layout;
use bootwright_machine::machine::{Board, DeviceName, Machine, Medium};
use std::collections::BTreeMap;

const BLANK: &str = "LOADPARM=[        ]\n\r\nUsing virtio-blk.\r\nUsing guessed DASD geometry.\r\nUsing ECKD scheme (block size  4096), \
                     CDL\r\nNo zIPL section in IPL2 record.\r\nzIPL load failed!\r\n";
const NO_TABLE: &str = "LOADPARM=[        ]\n\r\nUsing virtio-blk.\r\nUsing SCSI scheme.\r\nNo zIPL magic in Program Table\r\nFailed to \
                        IPL from this SCSI device!\r\n";
const GOOD: &str = "LOADPARM=[        ]\n\r\nUsing virtio-blk.\r\nUsing SCSI scheme.\r\n.\n\r\n";
const HALTS: &str = "ERROR: No suitable device for IPL. Halting...\n ";
const NO_FILE: &str = "LOADPARM=[        ]\n\r\nNetwork boot device detected\r\nNetwork boot starting...\r\n  Using MAC address: \
                       52:54:00:12:34:10\n  Requesting information via DHCP:     \x08\x08\x08010\x08\x08\x08\x08done\n  Using IPv4 \
                       address: 10.77.0.100\n  Using TFTP server: 10.77.0.1\n  Bootfile name: 'gone.bin'\n  Receiving data:  0 \
                       KBytes\n  TFTP error: file not found: gone.bin\nTrying pxelinux.cfg files...\r\n  Receiving data:  0 \
                       KBytes\r                           \r  Receiving data:  0 KBytes\r                           \rFailed to load \
                       OS from network.\r\nFailed to IPL from this network!\r\n";
const NO_SERVER: &str = "LOADPARM=[        ]\r\nNetwork boot device detected\r\n\r\nNetwork boot starting...\r\n  Using MAC address: \
                         52:54:00:12:34:10\n  Requesting information via DHCP:     \x08\x08\x08010\x08\x08\x08000\nGiving up after 10 \
                         DHCP requests\nCould not get IP address\nNetwork initialization failed. Halting.\r\n";

fn machine() -> Machine {
    Machine::new(Firmware::S390Ccw, Board::S390CcwVirtio)
}

fn disks() -> Machine {
    machine().virtio_blk(Medium::bootable("second")).bootindex(2).virtio_blk(Medium::blank("first")).bootindex(1)
}

fn reader(machine: &Machine) -> Reader {
    let nonces =
        BTreeMap::from([("first".to_owned(), NONCE.to_owned()), ("second".to_owned(), OTHER_NONCE.to_owned())]);
    let names = Names::of(machine, &Layout::of(machine).unwrap(), &nonces, &BTreeMap::new());
    Reader::new(Firmware::S390Ccw, names)
}

fn reads(machine: &Machine, log: &str) -> Reader {
    let mut reader = reader(machine);
    reader.push(Source::Serial, log.as_bytes());
    reader
}

fn payload(nonce: &str, medium: &str) -> String {
    let line = format!("BOOTWRIGHT/1 nonce={nonce} medium={medium} via=ipl arch=s390x subchannel=00010000 end\r\n");
    summed(&line)
}

#[test]
fn a_blank_disk_fails_and_the_next_one_of_the_order_boots() {
    let reader = reads(&disks(), &[BLANK, GOOD, &payload(OTHER_NONCE, "second")].concat());
    let trace = reader.trace();
    let failed = "virtio-blk \"first\" failed (No zIPL section in IPL2 record.; zIPL load failed!)";
    assert_eq!(attempts(trace), [failed, "virtio-blk \"second\" booted (payload ran)"]);
    assert_eq!((&trace.holes, &trace.contradictions, &trace.terminal), (&Vec::new(), &Vec::new(), &None));
    assert_eq!(trace.payloads[0].subchannel, Some(0x10000));
}

#[test]
fn a_payload_of_another_disk_than_the_order_has_there_is_a_contradiction() {
    let reader = reads(&disks(), &[GOOD, &payload(OTHER_NONCE, "second")].concat());
    assert_eq!(reader.trace().contradictions.len(), 1);
}

#[test]
fn the_end_is_the_processor_that_stops_whatever_was_printed_before() {
    let mut ends = reads(&disks(), &[BLANK, NO_TABLE, HALTS].concat());
    assert_eq!(ends.trace().terminal, None, "the monitor has not told yet");
    ends.guest_panicked();
    assert_eq!(ends.trace().terminal, Some(Terminal::DisabledWait));
    assert_eq!(
        attempts(ends.trace())[1],
        "virtio-blk \"second\" failed (No zIPL magic in Program Table; Failed to IPL from this SCSI device!)"
    );
    // QEMU 7.2 stops behind the first one
    let log = "LOADPARM=[        ]\r\nUsing virtio-blk.\r\nUsing SCSI scheme.\r\n.I/O Error";
    let mut ends = reads(&disks(), log);
    ends.guest_panicked();
    assert_eq!(attempts(ends.trace()), ["virtio-blk \"first\" failed (I/O Error)"]);
}

#[test]
fn a_panic_tells_nothing_of_other_firmware() {
    let mut reader = Reader::new(SeaBios, Names::default());
    reader.guest_panicked();
    assert_eq!(reader.trace().terminal, None);
}

#[test]
fn a_network_attempt_is_the_nics_whose_mac_it_prints() {
    let machine =
        machine().nic("virtio-net-ccw", None).bootindex(1).virtio_blk(Medium::bootable("second")).bootindex(2);
    let reader = reads(&machine, &[NO_FILE, GOOD, &payload(OTHER_NONCE, "second")].concat());
    let trace = reader.trace();
    assert_eq!(trace.attempts[0].nic, Some(DeviceName::nic(0)));
    let reason =
        "TFTP error: file not found: gone.bin; Failed to load OS from network.; Failed to IPL from this network!";
    assert_eq!(attempts(trace), [&format!("network failed ({reason})"), "virtio-blk \"second\" booted (payload ran)"]);
    let mut none = reads(&machine, NO_SERVER);
    none.guest_panicked();
    assert_eq!(none.trace().attempts[0].outcome, Some(Outcome::TimedOut));
    let unordered = reads(&machine.clone().virtio_blk(Medium::blank("first")).absent(), NO_FILE);
    assert_eq!(unordered.trace().attempts[0].nic, Some(DeviceName::nic(0)), "by its MAC, whatever the order is by now");
}

#[test]
fn a_machine_that_may_change_has_no_order_to_name_disks_by() {
    let trace = reads(&disks().virtio_blk(Medium::blank("third")).absent(), BLANK).trace().clone();
    assert_eq!((trace.attempts[0].medium.clone(), trace.attempts[0].entry.clone()), (None, None));
}

#[test]
fn a_reset_begins_a_lap_with_the_order_from_its_beginning() {
    let mut reader = reads(&disks(), &[BLANK, GOOD, &payload(OTHER_NONCE, "second")].concat());
    reader.reset_by_guest();
    reader.push(Source::Serial, [BLANK, GOOD].concat().as_bytes());
    assert_eq!(reader.trace().laps, 2);
    assert_eq!(attempts(reader.trace())[2..].len(), 2);
    assert!(attempts(reader.trace())[2].starts_with("virtio-blk \"first\" failed"));
    reader.reset_from_outside();
    let cut = "virtio-blk \"second\" failed (the machine was reset before it ran)";
    assert_eq!(attempts(reader.trace())[3], cut);
}

#[test]
fn a_lap_begins_once_whether_log_or_monitor_tells_it_first() {
    let lap = [BLANK, GOOD, &payload(OTHER_NONCE, "second")].concat();
    let mut late = reads(&disks(), &[&lap, BLANK].concat());
    assert_eq!(late.trace().laps, 2, "nothing comes back to the firmware");
    late.reset_by_guest();
    late.push(Source::Serial, [GOOD, &payload(OTHER_NONCE, "second")].concat().as_bytes());
    late.reset_by_guest();
    late.push(Source::Serial, lap.as_bytes());
    let trace = late.trace();
    assert_eq!((trace.laps, &trace.holes, &trace.contradictions), (3, &Vec::new(), &Vec::new()));
    assert_eq!(trace.attempts.iter().map(|attempt| attempt.lap).collect::<Vec<_>>(), [1, 1, 2, 2, 3, 3]);
}

#[test]
fn a_reset_from_outside_that_the_log_tells_first_cuts_the_attempt_and_not_the_lap_after_it() {
    let silent = "LOADPARM=[        ]\n\r\nUsing virtio-blk.\r\nUsing SCSI scheme.\r\n";
    let cut = "virtio-blk \"first\" failed (the machine was reset before it ran)";
    let booted = "virtio-blk \"first\" booted (payload ran)";
    for (begun, of_next, attempted) in [
        // in an attempt, before one
        (silent, "LOADPARM=[        ]\n\r\nUsing virtio-blk.\r\n", true),
        (silent, "LOADPARM=[        ]\n\r\n", true),
        ("LOADPARM=[        ]\n\r\n", "LOADPARM=[        ]\n\r\n", false),
    ] {
        let mut reader = reads(&disks(), begun);
        // the next lap's line is read before the monitor's event
        reader.push(Source::Serial, of_next.as_bytes());
        reader.reset_from_outside();
        let rest = if of_next.contains("Using") { ".\n\r\n" } else { "Using virtio-blk.\r\n.\n\r\n" };
        reader.push(Source::Serial, [rest, &payload(NONCE, "first")].concat().as_bytes());
        let wanted: Vec<&str> = attempted.then_some(cut).into_iter().chain([booted]).collect();
        assert_eq!(attempts(reader.trace()), wanted, "{begun:?}");
        reader.finish(true);
        assert_eq!(reader.trace().holes, Vec::<String>::new(), "{begun:?}");
    }
    let mut unasked = reads(&disks(), &[silent, GOOD, &payload(NONCE, "first")].concat());
    unasked.finish(true);
    assert_eq!(unasked.trace().holes.len(), 1, "the monitor told of no reset");
    let spoke = "LOADPARM=[        ]\n\r\nUnsupported IPLB\r\n";
    let trace = reads(&disks(), &[spoke, GOOD, &payload(OTHER_NONCE, "second")].concat());
    assert_eq!((trace.trace().laps, trace.trace().holes.len()), (1, 0), "a device of which nothing but that is said");
}

#[test]
fn what_is_missing_from_a_log_is_a_hole() {
    let holes = |log: &str| reads(&disks(), log).trace().holes.len();
    assert_eq!(holes("Using virtio-blk.\r\n"), 1, "the line before it");
    assert_eq!(holes("LOADPARM=[    ]\r\nUsing virtio-blk.\r\n"), 1, "half of it");
    assert_eq!(holes(&[GOOD, &payload(NONCE, "first")[9..]].concat()), 1, "half a payload's line");
    assert_eq!(holes(&payload(OTHER_NONCE, "second")), 1, "a payload that nothing announced");
    let mut cut = reads(&disks(), "LOADPARM=[        ]\r\nUsing virtio-blk.\r\nNo zIPL sec");
    cut.finish(false);
    assert_eq!(cut.trace().holes.len(), 1);
    let mut reset = reader(&disks());
    reset.reset_by_guest();
    assert_eq!(reset.trace().holes.len(), 1);
}

#[test]
fn a_line_of_a_payload_is_whole_only_with_its_subchannel_and_its_sum() {
    let line = payload(NONCE, "first");
    assert!(Payload::parse(&line).is_some());
    assert!(Payload::parse(&line.replace("00010000", "0001000")).is_none());
    let without = format!("BOOTWRIGHT/1 nonce={NONCE} medium=first via=ipl arch=s390x end\n");
    assert!(Payload::parse(&summed(&without)).is_none());
}

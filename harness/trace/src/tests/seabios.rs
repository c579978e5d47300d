//! What SeaBIOS logs.

use super::*;
use crate::trace::ATTEMPT_LIMIT;
use bootwright_machine::machine::DeviceName;

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
    names.bios.retain(|name| name.kind == crate::bios_names::Kind::Disk);
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
fn a_reset_from_outside_may_cut_a_payloads_line_and_no_other_may() {
    let post = "SeaBIOS (version 1.16.2)\nBUILD: gcc\nenter handle_19:\n  NULL\n";
    let line = payload_line(NONCE, "first");
    let part = &line[..line.len() / 2];
    let boot = "Booting from Hard Disk...\nBooting from 0000:7c00\n";
    let cut = |from_outside: bool, behind: &str| {
        let mut reader = Reader::new(SeaBios, names(""));
        reader.push(Source::DebugConsole, format!("{post}{boot}{part}").as_bytes());
        match from_outside {
            true => reader.reset_from_outside(),
            false => reader.reset_by_guest(),
        }
        reader.push(Source::DebugConsole, format!("{behind}\n{post}{boot}{line}").as_bytes());
        reader.finish(true);
        let trace = reader.trace();
        (trace.laps, trace.booted().map(str::to_owned), trace.holes.clone())
    };
    let resume = "In resume (status=0)";
    let (laps, booted, holes) = cut(true, resume);
    assert_eq!((laps, booted.as_deref(), &holes[..]), (2, Some("first"), &[][..]));
    assert!(!cut(false, resume).2.is_empty(), "the guest resets behind its line");
    assert!(!cut(true, "ATA controller 1").2.is_empty(), "nothing says that the reset came here");
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

#[test]
fn a_payload_from_another_disk_than_the_log_names_is_a_contradiction() {
    let log = "drive 0x000e8bd0: PCHS=32/16/63 translation=none LCHS=32/16/63 s=32768\n\
               Booting from Hard Disk...\nBooting from 0000:7c00\n";
    let trace = read(SeaBios, &format!("{log}{}", payload_line(OTHER_NONCE, "second")));
    assert_eq!(trace.contradictions, ["the log says that Hard Disk is \"first\", the payload that ran is \"second\""]);
    assert_eq!(trace.booted(), Some("second"));
}

#[test]
fn a_program_tells_the_size_of_its_drive_or_that_it_was_told_none() {
    let edd = |field: &str| {
        let line = format!(
            "BOOTWRIGHT/1 nonce={NONCE} medium=first via=bios dl=80{field} bootorder=- bios-geometry=- tsc=10 end"
        );
        Payload::parse(&summed(&line)).map(|payload| payload.edd)
    };
    assert_eq!(edd(" edd=0000000100000002/512"), Some(Some((0x1_0000_0002, 512))));
    assert_eq!(edd(" edd=-"), Some(Some((0, 0))));
    let drives = |field: &str| edd(field).is_some();
    assert!(drives(" drives=02") && !drives(" drives=2"), "a digit was lost");
    assert_eq!(edd(""), Some(None), "an older program");
    assert_eq!(edd(" edd=000000010000000/512"), None, "a digit was lost");
}

#[test]
fn seabios_says_what_went_wrong_within_it_and_only_some_of_it_is_kept() {
    let warnings =
        "WARNING - Timeout at nvme_wait:146!\nWARNING - internal error detected at nvme_admin_identify:204!\n";
    let others = "WARNING - Unable to allocate resource at deploy_romfile:169!\nAll threads complete.\n";
    let trace = read(SeaBios, &format!("SeaBIOS (version 1)\nBUILD: x\n{warnings}{others}"));
    assert_eq!((trace.device_timed_out, trace.warnings), (true, warnings.lines().map(str::to_owned).collect()));
    let (_, of_firmware_alone) = warnings.split_once('\n').unwrap();
    let trace = read(SeaBios, &format!("SeaBIOS (version 1)\nBUILD: x\n{of_firmware_alone}{others}"));
    assert_eq!((trace.device_timed_out, trace.warnings.len()), (false, 1));
    let trace = read(SeaBios, &format!("SeaBIOS (version 1)\nBUILD: x\n{}", warnings.repeat(3_000)));
    assert_eq!(trace.warnings.len(), 20);
}

#[test]
fn a_guest_that_retries_for_ever_fills_no_memory() {
    let lap = "SeaBIOS (version 1)\nBUILD: x\nBooting from Hard Disk...\nBoot failed: no\n";
    let trace = read(SeaBios, &lap.repeat(3_000));
    assert_eq!((trace.attempts.len(), trace.laps), (ATTEMPT_LIMIT, 3_000));
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
    "enter handle_19:\nBOOTWRIGHT/1 nonce=00112233445566778899aabbccddeeff medium=first via=bios dl=80 bootorder=- bios-geometry=- tsc=1 sum=2484 end\n",
    1
)]
#[case::never_asked_to_boot("enter handle_18:\nNo bootable device.\n", 1)]
#[case::payload_that_lost_a_byte(
    "enter handle_19:\nBooting from Hard Disk...\nBooting from 0000:7c00\nBOOTWRIGHT/1 nonce=00112233445566778899aabbccddeeff medium=first via=bios dl=80 bootorder=/pci@i0cf8/scsi@4/disk@0, bios-geometry=- tsc=1 sum=2c97 end\n",
    1
)]
#[case::half_a_payload(
    "enter handle_19:\nBooting from Hard Disk...\nBooting from 0000:7c00\nBOOTWRIGHT/1 nonce=001122334\n",
    1
)]
fn a_step_that_seabios_never_leaves_out_and_that_is_missing_is_a_hole(#[case] log: &str, #[case] holes: usize) {
    let trace = read(SeaBios, &format!("SeaBIOS (version 1.16.2)\n{log}"));
    assert_eq!(trace.holes.len(), holes, "{:?}", trace.holes);
}

#[test]
fn a_bios_that_reboots_the_machine_and_never_begins_anew_is_a_hole() {
    let log = "SeaBIOS (version 1)\nBUILD: x\nenter handle_19:\nBooting from Hard Disk...\nBooting from 0000:7c00\n\
               In resume (status=0)\nIn 32bit resume\n";
    let holes = |log: &str| {
        let mut reader = Reader::new(SeaBios, names(""));
        reader.push(Source::DebugConsole, log.as_bytes());
        reader.finish(false);
        reader.trace().holes.len()
    };
    assert_eq!((holes(log), holes(&format!("{log}SeaBIOS (version 1)\nBUILD: x\n"))), (1, 0));
}

#[test]
fn a_drive_of_a_size_that_no_disk_has_is_a_hole_where_disks_stay() {
    let names = |fixed| Names { fixed, ..names(fixture!("seabios-1.16.2-blank-before-optical")) };
    let holes = |names: Names, sectors: u32| {
        let line = format!("drive 0x000e8bd0: PCHS=1/1/1 translation=none LCHS=1/1/1 s={sectors}\n");
        read_with(SeaBios, names, format!("SeaBIOS (version 1)\n{line}").as_bytes()).holes.len()
    };
    let size = names(true).bios[0].sectors as u32;
    assert_eq!([holes(names(true), size), holes(names(true), size / 10), holes(names(false), size / 10)], [0, 1, 0]);
}

#[test]
fn what_a_nics_ipxe_runs_in_a_drive_is_by_the_nics_entry() {
    let mut names = names("");
    let machine = bootwright_machine::machine::Machine::pc(SeaBios).nic("e1000", None).slot(5);
    let layout = bootwright_machine::machine::layout::Layout::of(&machine).unwrap();
    names.bios.extend(crate::bios_names::BiosName::of(&machine, &layout, 0, 0));
    let log =
        "Searching bootorder for: /pci@i0cf8/*@5\nenter handle_19:\nBooting from ROM...\nBooting from c000:0385\n";
    let trace = read_with(SeaBios, names, (log.to_owned() + &payload_line(NONCE, "first")).as_bytes());
    let attempt = &trace.attempts[0];
    assert_eq!((attempt.medium.as_deref(), attempt.handed_over), (Some("first"), true));
    assert!(attempt.entry.as_ref().is_some_and(|entry| *entry == "nic0"));
}

#[test]
fn a_program_that_was_read_wrongly_says_so_before_it_gives_up() {
    let log = |said: &str| {
        format!(
            "SeaBIOS (version 1.16.2)\nBUILD: gcc: a binutils: b\nSeaBIOS (version 1.16.2)\nenter handle_19:\n  NULL\n\
             Booting from Hard Disk...\nBooting from 0000:7c00\n{said}enter handle_18:\n  NULL\nNo bootable device.\n"
        )
    };
    let reason = |said: &str| read(SeaBios, &log(said)).attempts[0].reason.to_string();
    let damaged = reason("\r\nbootwright: stage 2 damaged\r\n");
    assert_eq!(damaged, "its program was read wrongly or in part; returned to the BIOS (int 18h)");
    assert_eq!(reason(""), "returned to the BIOS (int 18h)");
}

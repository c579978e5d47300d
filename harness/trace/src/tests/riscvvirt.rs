//! What edk2 on RISC-V logs: failures alone, in lines that its console ends at 80 columns.

use super::*;
use Firmware::RiscVVirt;

/// What stands before the boot manager's first sentence.
const BEFORE: &str = "Boot HART MHPM Info         : 16 (0x0007fff8)\r\nBoot HART Base ISA          : rv64imafdch\r\n\
                      RISC-V EDK2 firmware version 2025.02-8+deb13u1\r\nPress ESCAPE within 5 seconds for boot options ";

/// A failure on the disk in slot 3, as QEMU 10.0 with edk2 2025.02 has it.
const WRAPPED: &str =
    "BdsDxe: failed to load Boot0001 \"\r\nUEFI Misc Device\" from PciRoot(0x0)/Pci(0x3,0x0): Not Found\r\n";

fn payload(nonce: &str, medium: &str, current: &str) -> String {
    summed(&format!(
        "BOOTWRIGHT/1 nonce={nonce} medium={medium} via=uefi arch=riscv64 boot-current={current} boot-order=0001,0002 \
         boot-next=- secure-boot=- device-path=- file-path=- bootorder=- bios-geometry=- tsc=10 end\n"
    ))
}

fn read_disks(log: &str) -> Trace {
    let uefi = vec![
        ("PciRoot(0x0)/Pci(0x3,0x0)".to_owned(), "first".to_owned()),
        ("PciRoot(0x0)/Pci(0x4,0x0)".to_owned(), "second".to_owned()),
    ];
    read_with(RiscVVirt, Names { uefi, ..names(log) }, log.as_bytes())
}

#[test]
fn a_sentence_that_goes_on_in_the_next_line_is_one_and_a_program_needs_no_announcement() {
    let trace = read_disks(&format!("{BEFORE}{WRAPPED}{}", payload(OTHER_NONCE, "second", "0002")));
    let expected = [
        "Boot0001 \"UEFI Misc Device\" \"first\" failed (failed to load (Not Found))",
        "Boot0002 \"second\" booted (payload ran)",
    ];
    assert_eq!(attempts(&trace), expected);
    assert_eq!((trace.holes.len(), trace.booted()), (0, Some("second")));
}

#[test]
fn a_sentence_that_does_not_go_on_is_a_hole() {
    let (half, _) = WRAPPED.split_once("UEFI").unwrap();
    let trace = read_disks(&format!("{BEFORE}{half}Something else\r\n{WRAPPED}"));
    assert_eq!((trace.holes.len(), trace.attempts.len()), (1, 1), "{:?}", trace.holes);
    let ended = format!("{BEFORE}{half}{}", payload(OTHER_NONCE, "second", "0002"));
    assert_eq!(read_disks(&ended).holes.len(), 1, "the payload's line is no part of it");
}

#[test]
fn the_shell_ends_the_search_by_its_own_words_and_elsewhere_they_mean_nothing() {
    let log = format!("{BEFORE}{WRAPPED}UEFI Interactive Shell v2.2\r\n");
    let trace = read_disks(&log);
    assert_eq!((trace.terminal, trace.attempts.len(), trace.holes.len()), (Some(Terminal::UefiShell), 1, 0));
    assert_eq!(read(Ovmf, "UEFI Interactive Shell v2.2\r\n").terminal, None);
}

#[test]
fn setup_is_open_once_its_front_page_is_there_and_elsewhere_its_words_mean_nothing() {
    let log = format!("{BEFORE}\x1b[2J\x1b[001;001H\x1b[008;002HSelect Language\x1b[020;001H\r\n");
    let trace = read_disks(&log);
    assert_eq!((trace.terminal, trace.attempts.len(), trace.holes.len()), (Some(Terminal::Setup), 0, 0));
    assert_eq!(trace.menus.len(), 1);
    assert_eq!(read(Ovmf, "Select Language\r\n").terminal, None);
    let no_page = format!("{BEFORE}\x1b[2J\x1b[008;002HSelect\r\n");
    assert_eq!(read_disks(&no_page).terminal, None);
}

#[test]
fn a_program_that_returned_is_no_second_attempt_on_its_option() {
    let returned =
        "BdsDxe: failed to start Boot0001 \"UEFI Misc Device\" from PciRoot(0x0)/Pci(0x3,0x0): Not Found\r\n";
    let trace = read_disks(&format!("{BEFORE}\r\n{}{returned}", payload(NONCE, "first", "0001")));
    assert_eq!((trace.attempts.len(), trace.booted()), (1, None), "{:?}", attempts(&trace));
    let another = returned.replace("0001", "0002");
    let trace = read_disks(&format!("{BEFORE}\r\n{}{another}", payload(NONCE, "first", "0001")));
    assert_eq!(trace.attempts.len(), 2, "another option's failure is its own");
}

#[test]
fn firmware_that_announces_has_a_hole_where_a_program_ran_unannounced() {
    let log = payload(OTHER_NONCE, "second", "0002");
    assert_eq!((read_disks(&log).holes.len(), read(Ovmf, &log).holes.len()), (0, 1));
}

//! What edk2 on LoongArch logs: OVMF's sentences between status codes, in 2026.08 in lines of 80 columns.

use super::*;
use Firmware::LoongArchVirt;

/// A start on the disk in slot 4, as edk2 2026.08 has it; its payload's line follows.
const NARROW: &str = "PROGRESS CODE: V03058000 I0\r\n\
                      BdsDxe: loading Boot0001 \"UEFI Non-Block Boot Device\" from PciRoot(0x0)/Pci(0x4,\r\n0x0)\r\n\
                      PROGRESS CODE: V03058001 I0\r\n\
                      BdsDxe: starting Boot0001 \"UEFI Non-Block Boot Device\" from PciRoot(0x0)/Pci(0x4\r\n,0x0)\r\n\r\n";

fn payload(medium: &str, nonce: &str) -> String {
    summed(&format!(
        "BOOTWRIGHT/1 nonce={nonce} medium={medium} via=uefi arch=loongarch64 boot-current=0001 boot-order=0001,0002 \
         boot-next=- secure-boot=- device-path=- file-path=- bootorder=- bios-geometry=- tsc=10 end\n"
    ))
}

fn read_disks(log: &str) -> Trace {
    let uefi = vec![
        ("PciRoot(0x0)/Pci(0x4,0x0)".to_owned(), "first".to_owned()),
        ("PciRoot(0x0)/Pci(0x5,0x0)".to_owned(), "second".to_owned()),
    ];
    read_with(LoongArchVirt, Names { uefi, ..names(log) }, log.as_bytes())
}

#[test]
fn a_sentence_that_goes_on_behind_the_eightieth_column_is_one() {
    let trace = read_disks(&format!("{NARROW}{}", payload("first", NONCE)));
    assert_eq!(attempts(&trace), ["Boot0001 \"UEFI Non-Block Boot Device\" \"first\" booted (payload ran)"]);
    assert_eq!((trace.holes.len(), trace.booted()), (0, Some("first")), "{:?}", trace.holes);
    let failed = "BdsDxe: failed to load Boot0001 \"UEFI Non-Block Boot Device\" from PciRoot(0x0)/\r\nPci(0x4,0x0): Not Found\r\n";
    let trace = read_disks(failed);
    assert_eq!(attempts(&trace).len(), 1);
    assert!(attempts(&trace)[0].contains("\"first\" failed (failed to load (Not Found))"), "{:?}", attempts(&trace));
}

#[test]
fn a_line_may_end_anywhere_since_status_codes_move_the_edge() {
    let log = "100%PROGRESS CODE: V03058000 I0\r\nBdsDxe: loading Boot0001 \"HTTPv4\" from PciRoot(0x0)/Pci(0x4,\r\n0x0)\r\n\
               PROGRESS CODE: V03058001 I0\r\nBdsDxe: starting Boot0001 \"HTTPv4\" from PciRoot(0x0)\r\n/Pci(0x4,0x0)\r\n\r\n";
    let trace = read_disks(&format!("{log}{}", payload("first", NONCE)));
    assert_eq!((trace.holes.len(), trace.attempts.len(), trace.booted()), (0, 1, Some("first")), "{:?}", trace.holes);
}

#[test]
fn a_sentence_that_is_whole_takes_nothing_of_the_next_line() {
    let shell = "BdsDxe: loading Boot0001 \"EFI Internal Shell\" from Fv(7CB8BDC9-F8EB-4F34-AAEA-3EE4AF6516A1)/FvFile(7C04A583-9E3E-4F1C-AD65-E05268D0B4D1)\r\nPROGRESS CODE: V03058001 I0\r\n\
                 BdsDxe: starting Boot0001 \"EFI Internal Shell\" from Fv(7CB8BDC9-F8EB-4F34-AAEA-3EE4AF6516A1)/FvFile(7C04A583-9E3E-4F1C-AD65-E05268D0B4D1)\r\nUEFI Interactive Shell v2.2\r\n";
    let trace = read_disks(shell);
    assert_eq!((trace.holes.len(), trace.terminal), (0, Some(Terminal::UefiShell)), "{:?}", trace.holes);
}

#[test]
fn other_firmware_has_lines_without_an_edge() {
    let trace = read(Ovmf, NARROW);
    assert!(!trace.holes.is_empty() || trace.attempts.iter().all(|attempt| attempt.medium.is_none()));
}

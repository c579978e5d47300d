//! The log of a boot of OVMF, held against traces that it fits and traces that it does not.

use super::*;
use crate::images::Signer;
use crate::machine::layout::Layout;
use crate::machine::{Firmware, Medium, Tpm, VariableStore};

const RECORDED: &str = include_str!("../../../../machine/src/evidence/measured/ovmf-2022.11.txt");

fn digits(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// What the program that ran read.
fn recorded() -> Measured {
    let lines: Vec<&str> = RECORDED.lines().filter(|line| !line.starts_with('#')).collect();
    Measured { registers: Some(digits(lines[0])), log: Some(digits(&lines[1..].concat())) }
}

/// A program that comes back, then one that runs.
fn machine() -> Machine {
    Machine::q35(Firmware::Ovmf)
        .virtio_blk(Medium::bootable("back"))
        .slot(1)
        .bootindex(1)
        .virtio_blk(Medium::bootable("right"))
        .slot(2)
        .bootindex(2)
        .tpm(Tpm::Crb)
}

fn attempt(medium: &str, outcome: Outcome) -> Attempt {
    Attempt {
        medium: Some(medium.to_owned()),
        outcome: Some(outcome),
        lap: 1,
        ..Attempt::on(&format!("option {medium}"))
    }
}

fn payload(medium: &str, measured: Option<Measured>) -> Payload {
    Payload {
        via: "uefi".to_owned(),
        medium: medium.to_owned(),
        medium_of_nonce: Some(medium.to_owned()),
        boot_order: Some(vec![1, 2, 0, 3]),
        measured,
        ..Payload::default()
    }
}

fn trace() -> Trace {
    Trace {
        attempts: vec![attempt("back", Outcome::Failed), attempt("right", Outcome::Booted)],
        payloads: vec![payload("back", None), payload("right", Some(recorded()))],
        laps: 1,
        ..Trace::default()
    }
}

fn digests() -> BTreeMap<String, Register> {
    let events = measured::events(&recorded().log.unwrap()).unwrap();
    let of = |at: usize| events.iter().filter(|event| event.kind == kind::APPLICATION).nth(at).unwrap().sha256;
    BTreeMap::from([("back".to_owned(), of(0)), ("right".to_owned(), of(1))])
}

fn held(machine: &Machine, trace: &Trace, programs: &BTreeMap<String, Register>) -> Result<(), Fault> {
    let names = Names::of(machine, &Layout::of(machine).unwrap(), &BTreeMap::new(), &BTreeMap::new());
    check(machine, &names, trace, programs)
}

fn differs(machine: &Machine, trace: &Trace, programs: &BTreeMap<String, Register>) -> String {
    match held(machine, trace, programs) {
        Err(Fault::Differs(what)) => what,
        other => panic!("wanted a difference, got {other:?}"),
    }
}

fn hole(trace: &Trace) -> String {
    match held(&machine(), trace, &digests()) {
        Err(Fault::Hole(what)) => what,
        other => panic!("wanted a hole, got {other:?}"),
    }
}

fn with(measured: Measured) -> Trace {
    let mut trace = trace();
    trace.payloads[1].measured = Some(measured);
    trace
}

#[test]
fn what_was_measured_fits_what_happened() {
    assert_eq!(held(&machine(), &trace(), &digests()), Ok(()));
}

#[test]
fn a_machine_without_a_tpm_and_a_boot_without_a_program_have_no_such_view() {
    let mut without = machine();
    without.tpm = None;
    let silent = Trace { payloads: vec![payload("right", None)], ..trace() };
    assert_eq!(held(&without, &silent, &digests()), Ok(()));
    assert_eq!(held(&machine(), &Trace { payloads: Vec::new(), ..trace() }, &digests()), Ok(()));
}

#[test]
fn what_the_firmware_s_own_log_lost_is_a_hole() {
    let mut silent = trace();
    silent.payloads[1].measured = None;
    assert_eq!(hole(&silent), "the program of \"right\" read nothing of the TPM");
    let mut fewer = trace();
    fewer.attempts.remove(0);
    assert_eq!(hole(&fewer), "the firmware's log lacks an attempt: 2 options were measured, and 1 are in the log");
}

#[test]
fn an_attempt_that_the_tpm_was_not_told_of_is_a_difference() {
    let mut more = trace();
    more.attempts.insert(0, attempt("left", Outcome::Failed));
    let said = differs(&machine(), &more, &digests());
    assert_eq!(said, "the TPM was told of fewer options than were tried: 3 were tried, and 2 were measured");
}

#[test]
fn of_several_options_of_one_medium_some_lead_to_nothing() {
    let mut twice = trace();
    twice.attempts[0].medium = Some("right".to_owned());
    let said = differs(&machine(), &twice, &digests());
    assert_eq!(said, "option back ran the program of \"right\", and the TPM was told of \"back\"");
    // without what was measured for it, but with the rest
    let names = Names::default();
    let nothing = Called::default();
    assert_eq!(option(&names, &twice, &digests(), &twice.attempts[0], &nothing), Ok(()));
    let said = option(&names, &twice, &digests(), &twice.attempts[1], &nothing).unwrap_err();
    assert_eq!(said, "option right ran the program of \"right\", and the TPM was told of no program");
}

#[test]
fn a_program_may_be_loaded_twice_and_another_one_beside_it_may_not() {
    let events = measured::events(&recorded().log.unwrap()).unwrap();
    let of: Vec<&Event> = events.iter().filter(|event| event.kind == kind::APPLICATION).collect();
    let machine = machine();
    let names = Names::of(&machine, &Layout::of(&machine).unwrap(), &BTreeMap::new(), &BTreeMap::new());
    let (trace, digests) = (trace(), digests());
    let held = |programs| option(&names, &trace, &digests, &trace.attempts[1], &Called { programs });
    assert_eq!(held(vec![of[1], of[1]]), Ok(()));
    let said = held(vec![of[0], of[1]]).unwrap_err();
    assert_eq!(said, "option right ran the program of \"right\", and the TPM was told of \"back\", \"right\"");
}

#[test]
fn what_recovery_starts_may_be_measured_or_not() {
    let recovered = Attempt { start: Start::Recovery, ..attempt("left", Outcome::Failed) };
    let mut silent = trace();
    silent.attempts.insert(1, recovered);
    assert_eq!(held(&machine(), &silent, &digests()), Ok(()));
    let mut told = trace();
    told.attempts[0].start = Start::Recovery;
    assert_eq!(held(&machine(), &told, &digests()), Ok(()));
    told.attempts[0].medium = Some("right".to_owned());
    assert!(differs(&machine(), &told, &digests()).contains("was told of"));
}

#[test]
fn the_log_of_another_boot_does_not_give_the_registers() {
    let Measured { registers, log } = recorded();
    let log = log.unwrap();
    // without its last event
    let events = measured::events(&log).unwrap();
    let last = 4 + 4 + 4 + (2 + 20) + (2 + 32) + (2 + 48) + (2 + 64) + 4 + events.last().unwrap().data.len();
    let shorter = Measured { registers: registers.clone(), log: Some(log[..log.len() - last].to_vec()) };
    let said = differs(&machine(), &with(shorter), &digests());
    assert!(said.starts_with("the event log gives ") && said.contains(" for register 4, and the TPM has "), "{said}");
    let mut changed = log;
    let at = changed.len() - last + 4 + 4 + 4 + 22 + 2;
    changed[at] ^= 1;
    let said = differs(&machine(), &with(Measured { registers, log: Some(changed) }), &digests());
    assert!(said.contains(" for register 4, and the TPM has "), "{said}");
}

#[test]
fn a_firmware_that_tells_no_more_than_that_it_has_a_tpm_is_a_difference() {
    let Measured { registers, log } = recorded();
    let none = differs(&machine(), &with(Measured { registers: registers.clone(), log: None }), &digests());
    assert_eq!(none, "firmware has EFI_TCG2_PROTOCOL, and no event log");
    let none = differs(&machine(), &with(Measured { registers: None, log: log.clone() }), &digests());
    assert_eq!(none, "firmware has EFI_TCG2_PROTOCOL, and no way to the TPM's registers");
    let cut = Measured { registers, log: log.map(|log| log[..log.len() - 1].to_vec()) };
    assert!(differs(&machine(), &with(cut), &digests()).contains("ends in the middle of the event"));
}

#[test]
fn another_program_than_the_one_that_ran_is_a_difference() {
    let digests = digests();
    let exchanged = BTreeMap::from([("back".to_owned(), digests["right"]), ("right".to_owned(), digests["back"])]);
    let said = differs(&machine(), &trace(), &exchanged);
    assert_eq!(said, "option back ran the program of \"back\", and the TPM was told of \"right\"");
    let unknown = BTreeMap::from([("back".to_owned(), digests["back"]), ("right".to_owned(), [7; 32])]);
    let said = differs(&machine(), &trace(), &unknown);
    assert!(said.starts_with("option right ran the program of \"right\", and the TPM was told of digest "), "{said}");
}

#[test]
fn a_program_that_was_measured_and_did_not_run_is_a_difference() {
    let mut silent = trace();
    silent.payloads.remove(0);
    let said = differs(&machine(), &silent, &digests());
    assert_eq!(said, "the TPM was told of the program of \"back\" at option back, and it did not run");
}

#[test]
fn a_program_from_another_place_is_a_difference() {
    let mut moved = machine();
    (moved.devices[0].slot, moved.devices[1].slot) = (Some(5), Some(2));
    let said = differs(&moved, &trace(), &digests());
    assert!(said.starts_with("the program of \"back\" was measured as one from PciRoot(0x0)/Pci(0x1,0x0)"), "{said}");
}

#[test]
fn another_boot_order_than_the_program_read_is_a_difference() {
    let mut other = trace();
    other.payloads[1].boot_order = Some(vec![2, 1, 0, 3]);
    let said = differs(&machine(), &other, &digests());
    let wanted = "the TPM was told of a BootOrder of [0001, 0002, 0000, 0003], and the program of \"right\" read \
                  [0002, 0001, 0000, 0003]";
    assert_eq!(said, wanted);
}

#[test]
fn under_secure_boot_a_key_must_have_let_the_program_through() {
    let with_keys = |keys| machine().secure_boot().variable_store(VariableStore::with_keys(keys));
    let own = SecureBootKeys::of(Signer::Own);
    assert_eq!(
        differs(&with_keys(own.clone()), &trace(), &digests()),
        "no key was measured that let the program through"
    );
    assert_eq!(held(&with_keys(own.disabled()), &trace(), &digests()), Ok(()));
}

#[test]
fn only_an_entry_of_db_lets_a_program_through() {
    let machine = machine().secure_boot().variable_store(VariableStore::with_keys(SecureBootKeys::of(Signer::Own)));
    let event = |certificate: &[u8]| {
        let name: Vec<u8> = "db".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let mut data = vec![0; 16];
        data.extend(2_u64.to_le_bytes());
        data.extend((16 + certificate.len() as u64).to_le_bytes());
        data.extend(name);
        data.extend([0; 16]);
        data.extend(certificate);
        Event { register: 7, kind: kind::VARIABLE_AUTHORITY, sha256: Register::default(), data }
    };
    assert_eq!(authority(&machine, &digests(), &[event(Signer::Own.certificate())]), Ok(()));
    let said = authority(&machine, &digests(), &[event(Signer::Other.certificate())]).unwrap_err();
    assert!(
        said.starts_with("a program was let through by ") && said.ends_with(" the machine does not have"),
        "{said}"
    );
    let keys = SecureBootKeys::of(Signer::Own).allowing(Signature::Program("right".to_owned()));
    let machine = machine.variable_store(VariableStore::with_keys(keys));
    assert_eq!(authority(&machine, &digests(), &[event(&digests()["right"])]), Ok(()));
    assert!(authority(&machine, &digests(), &[event(&digests()["back"])]).is_err());
}

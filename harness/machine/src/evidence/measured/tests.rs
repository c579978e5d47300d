//! A log that OVMF made, and logs that try to break the decoder.

use super::*;

/// The TPM's answer and the log.
fn recorded() -> (Vec<u8>, Vec<u8>) {
    let lines = include_str!("ovmf-2022.11.txt").lines().filter(|line| !line.starts_with('#'));
    let digits = |text: &str| -> Vec<u8> {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    };
    let lines: Vec<&str> = lines.collect();
    (digits(lines[0]), digits(&lines[1..].concat()))
}

#[test]
fn the_log_of_a_boot_gives_the_registers_of_its_tpm() {
    let (answer, log) = recorded();
    let events = events(&log).unwrap();
    assert_eq!(replayed(&events), registers(&answer).unwrap());
    let called = events.iter().filter(|event| event.is_action(CALLING)).count();
    let returned = events.iter().filter(|event| event.is_action(RETURNING)).count();
    assert_eq!((called, returned), (2, 1));
    let programs: Vec<String> = events.iter().filter_map(|event| event.application().map(Result::unwrap)).collect();
    let wanted = ["PciRoot(0x0)/Pci(0x1,0x0)", "PciRoot(0x0)/Pci(0x2,0x0)"];
    assert!(
        programs.len() == 2 && programs.iter().zip(wanted).all(|(is, begin)| is.starts_with(begin)),
        "{programs:?}"
    );
    let order = events.iter().filter_map(Event::variable).find(|variable| variable.name == "BootOrder").unwrap();
    assert_eq!(order.value, [1, 0, 2, 0, 0, 0, 3, 0]);
}

#[test]
fn a_processor_of_32_bits_writes_lengths_as_wide_as_itself() {
    let (_, log) = recorded();
    let events = events(&log).unwrap();
    let wide = events.iter().find(|event| event.kind == kind::APPLICATION).unwrap();
    let path = &wide.data[32..];
    let length = u32::try_from(path.len()).unwrap().to_le_bytes();
    let mut narrow = Event { data: [&wide.data[..8], &[0; 8], &length, path].concat(), ..wide.clone() };
    assert_eq!(narrow.application().unwrap().unwrap(), wide.application().unwrap().unwrap());
    narrow.data[16] ^= 1;
    assert_ne!(narrow.application().unwrap().ok(), wide.application().unwrap().ok());
}

#[test]
fn an_event_that_is_changed_left_out_or_moved_gives_other_registers() {
    let (answer, log) = recorded();
    let whole = events(&log).unwrap();
    let registers = registers(&answer).unwrap();
    let measured = |event: &Event| event.kind != kind::NO_ACTION;
    for at in (0..whole.len()).filter(|&at| measured(&whole[at])) {
        let mut changed = whole.clone();
        changed[at].sha256[0] ^= 1;
        assert_ne!(replayed(&changed), registers, "event {at} changed");
        let mut fewer = whole.clone();
        fewer.remove(at);
        assert_ne!(replayed(&fewer), registers, "without event {at}");
    }
    let mut swapped = whole;
    let last = swapped.len() - 1;
    swapped.swap(last, last - 1);
    assert_ne!(replayed(&swapped), registers);
}

#[test]
fn a_log_that_is_cut_or_damaged_is_an_error_or_another_log() {
    let (_, log) = recorded();
    let whole = events(&log).unwrap();
    for end in 0..log.len() {
        match events(&log[..end]) {
            Ok(fewer) => assert!(fewer.len() < whole.len(), "{end} bytes"),
            Err(error) => assert!(matches!(error, EventLogError::Short { .. }), "{end} bytes: {error}"),
        }
    }
    let mut random = fastrand::Rng::with_seed(11);
    for _ in 0..20_000 {
        let mut log = log.clone();
        for _ in 0..random.usize(1..4) {
            let at = random.usize(..log.len());
            log[at] = random.u8(..);
        }
        if let Ok(events) = events(&log) {
            replayed(&events);
            events.iter().for_each(|event| drop((event.variable(), event.application())));
        }
    }
}

#[test]
fn what_is_no_log_is_named() {
    let (_, log) = recorded();
    let text = |log: &[u8]| events(log).unwrap_err().to_string();
    assert_eq!(text(&[]), "the event log of 0 bytes ends in the middle of the event at byte 0");
    let mut other = log.clone();
    other[32..36].copy_from_slice(b"Nope");
    assert_eq!(text(&other), "the event log begins with \"Nope ID Event03\\0\", wanted \"Spec ID Event03\"");
    let first = 32 + 45;
    let mut unknown = log;
    unknown[first + 12] = 0x99;
    assert!(text(&unknown).contains("has a digest of algorithm 0x0099"), "{}", text(&unknown));
}

#[test]
fn an_answer_without_registers_is_named() {
    let (answer, _) = recorded();
    let text = |answer: &[u8]| registers(answer).unwrap_err().to_string();
    assert_eq!(text(&answer[..9]), "the TPM's answer of 9 bytes is not whole");
    let mut refused = answer.clone();
    refused[6..10].copy_from_slice(&[0, 0, 1, 0]);
    assert_eq!(text(&refused), "the TPM refused to read its registers: response code 0x100");
    let mut fewer = answer.clone();
    fewer[21] = 0x7f;
    assert!(text(&fewer).starts_with("the TPM gave 7 of 8 registers"), "{}", text(&fewer));
    for end in 0..answer.len() {
        assert!(registers(&answer[..end]).is_err(), "{end} bytes");
    }
}

#[test]
fn the_first_value_of_register_0_is_the_locality_of_the_start() {
    let mut data = STARTUP_LOCALITY.to_vec();
    data.push(3);
    let event = Event { register: 0, kind: kind::NO_ACTION, sha256: Register::default(), data };
    let registers = replayed(&[event]);
    assert_eq!((registers[0][31], registers[1]), (3, Register::default()));
}

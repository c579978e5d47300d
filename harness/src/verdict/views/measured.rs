//! The TPM as a view of its own: what firmware measured while it tried its options, against what the trace says of them.
//!
//! The event log must give the registers that the TPM has. Each option that was tried stands in it as `Calling EFI Application from
//! Boot Option`, each program that was loaded with its digest and its device path (`MdeModulePkg` and `SecurityPkg` of edk2:
//! `Tcg2Dxe`, `DxeTpm2MeasureBootLib`; TCG PC Client Platform Firmware Profile, section 3.3.4).

use std::collections::BTreeMap;

use crate::digest::hex;
use crate::evidence::measured::{self, CALLING, Event, RETURNING, Register, kind};
use crate::machine::{Machine, SecureBootKeys, Signature};
use crate::trace::{Attempt, Measured, Names, Outcome, Payload, Start, Trace};

/// The register that boot options and their programs are measured into.
const OF_PROGRAMS: u32 = 4;

/// What is wrong with a view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The firmware's own log must have lost something.
    Hole(String),
    /// The views differ.
    Differs(String),
}

/// What was measured for one option.
#[derive(Default)]
struct Called<'a> {
    programs: Vec<&'a Event>,
}

/// Holds what the program that ran last read of the TPM against the trace; `programs` has the digest of each medium's program.
///
/// # Errors
///
/// The first thing that is wrong.
pub fn check(
    machine: &Machine,
    names: &Names,
    trace: &Trace,
    programs: &BTreeMap<String, Register>,
) -> Result<(), Fault> {
    let of_this_lap = trace.booted().is_some() && trace.last_of_lap().is_some();
    let ours = |payload: &&Payload| payload.via == "uefi" && payload.medium_of_nonce.is_some();
    let Some(payload) = trace.payloads.last().filter(ours).filter(|_| of_this_lap && machine.tpm.is_some()) else {
        return Ok(());
    };
    let Some(measured) = &payload.measured else {
        return Err(Fault::Hole(format!("the program of \"{}\" read nothing of the TPM", payload.medium)));
    };
    let events = events(measured)?;
    let called = called(&events)?;
    attempts(names, trace, programs, &called)?;
    order(&events, payload).map_err(Fault::Differs)?;
    authority(machine, programs, &events).map_err(Fault::Differs)
}

/// Whether the options that were measured are those that were tried.
fn attempts(
    names: &Names,
    trace: &Trace,
    programs: &BTreeMap<String, Register>,
    called: &[Called<'_>],
) -> Result<(), Fault> {
    let attempts: Vec<&Attempt> = trace.attempts.iter().filter(|attempt| attempt.lap == trace.laps).collect();
    let (tried, measured) = (attempts.len(), called.len());
    // before 2024.02 platform recovery does not announce what it starts (`recovery-signals-ready-to-boot`)
    let recovered = attempts.iter().filter(|attempt| attempt.start == Start::Recovery).count();
    if measured > tried {
        let counts = format!("{measured} options were measured, and {tried} are in the log");
        return Err(Fault::Hole(format!("the firmware's log lacks an attempt: {counts}")));
    }
    if measured < tried - recovered {
        let counts = format!("{tried} were tried, and {measured} were measured");
        return Err(Fault::Differs(format!("the TPM was told of fewer options than were tried: {counts}")));
    }
    if measured < tried {
        return Ok(());
    }
    let mut pairs = attempts.iter().zip(called);
    pairs.try_for_each(|(attempt, called)| option(names, trace, programs, attempt, called)).map_err(Fault::Differs)
}

/// The log's events, which must give the TPM's registers.
fn events(measured: &Measured) -> Result<Vec<Event>, Fault> {
    let differs = |what: String| Fault::Differs(what);
    let (Some(answer), Some(log)) = (&measured.registers, &measured.log) else {
        let what = if measured.log.is_none() { "event log" } else { "way to the TPM's registers" };
        return Err(differs(format!("firmware has EFI_TCG2_PROTOCOL, and no {what}")));
    };
    let registers = measured::registers(answer).map_err(|error| differs(error.to_string()))?;
    let events = measured::events(log).map_err(|error| differs(error.to_string()))?;
    let replayed = measured::replayed(&events);
    for (number, (is, told)) in registers.iter().zip(&replayed).enumerate() {
        if is != told {
            let (is, told) = (hex(is), hex(told));
            return Err(differs(format!("the event log gives {told} for register {number}, and the TPM has {is}")));
        }
    }
    Ok(events)
}

/// What was measured, option by option: `Calling`, then what it loaded, then `Returning` before the next one.
fn called(events: &[Event]) -> Result<Vec<Called<'_>>, Fault> {
    let mut called: Vec<Called> = Vec::new();
    let mut is_under_way = false;
    for event in events.iter().filter(|event| event.register == OF_PROGRAMS) {
        if event.is_action(CALLING) || event.is_action(RETURNING) {
            let calls = event.is_action(CALLING);
            if calls == is_under_way {
                let twice =
                    if calls { "two options were called in a row" } else { "an option returned that was not called" };
                return Err(Fault::Differs(format!("by the event log {twice}")));
            }
            is_under_way = calls;
            if calls {
                called.push(Called::default());
            }
        } else if event.kind == kind::APPLICATION
            && let Some(last) = called.last_mut()
        {
            last.programs.push(event);
        }
    }
    Ok(called)
}

/// Whether what was measured for an option is what the trace says of it.
fn option(
    names: &Names,
    trace: &Trace,
    programs: &BTreeMap<String, Register>,
    attempt: &Attempt,
    called: &Called<'_>,
) -> Result<(), String> {
    let of_digest = |event: &Event| programs.iter().find(|(_, digest)| **digest == event.sha256).map(|(name, _)| name);
    let measured: Vec<String> = called
        .programs
        .iter()
        .map(|event| {
            of_digest(event).map_or_else(|| format!("digest {}", hex(&event.sha256)), |name| format!("\"{name}\""))
        })
        .collect();
    let ran = |medium: &String| trace.payloads.iter().any(|payload| payload.medium_of_nonce.as_ref() == Some(medium));
    let target = &attempt.target;
    // of several options of one medium some may lead to nothing
    let tried = trace.attempts.iter().filter(|other| other.lap == trace.laps && other.medium == attempt.medium).count();
    let must = attempt.outcome == Some(Outcome::Booted) || tried == 1 || !measured.is_empty();
    match attempt.medium.as_ref().filter(|medium| must && programs.contains_key(*medium) && ran(medium)) {
        // iPXE has an image loaded twice, the first time to see whether it is one (`efi_image_probe` of `src/image/efi_image.c`)
        Some(medium) if measured.is_empty() || measured.iter().any(|program| *program != format!("\"{medium}\"")) => {
            let found = if measured.is_empty() { "no program".to_owned() } else { measured.join(", ") };
            Err(format!("{target} ran the program of \"{medium}\", and the TPM was told of {found}"))
        }
        Some(medium) => placed(names, medium, &called.programs),
        None => match called.programs.iter().find_map(|event| of_digest(event)) {
            Some(other) if !ran(other) => {
                Err(format!("the TPM was told of the program of \"{other}\" at {target}, and it did not run"))
            }
            _ => Ok(()),
        },
    }
}

/// Whether a program was loaded from where its medium is, the last time.
fn placed(names: &Names, medium: &String, programs: &[&Event]) -> Result<(), String> {
    let Some(path) = programs.last().and_then(|event| event.application()) else { return Ok(()) };
    let path = path.map_err(|error| format!("the event of the program of \"{medium}\": {error}"))?;
    let over_nic = names.nic_at(&path).is_some_and(|nic| nic.served.contains(medium));
    if names.medium_at(&path) == Some(medium) || over_nic {
        return Ok(());
    }
    Err(format!("the program of \"{medium}\" was measured as one from {path}"))
}

/// Whether the BootOrder that was measured is the one that the program read.
fn order(events: &[Event], payload: &Payload) -> Result<(), String> {
    let variables = events.iter().filter_map(Event::variable);
    let Some(measured) = variables.rev().find(|variable| variable.name == "BootOrder") else {
        return Err("no BootOrder was measured".to_owned());
    };
    let measured = measured.value.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    let (measured, read) = (numbers(measured), numbers(payload.boot_order.iter().flatten().copied()));
    let medium = &payload.medium;
    (measured == read).then_some(()).ok_or_else(|| {
        format!("the TPM was told of a BootOrder of [{measured}], and the program of \"{medium}\" read [{read}]")
    })
}

fn numbers(options: impl Iterator<Item = u16>) -> String {
    options.map(|number| format!("{number:04X}")).collect::<Vec<_>>().join(", ")
}

/// Whether Secure Boot let the programs through by a key or digest that the machine has, and by one at all.
fn authority(machine: &Machine, programs: &BTreeMap<String, Register>, events: &[Event]) -> Result<(), String> {
    let Some(keys) = machine.variable_store.keys.as_ref().filter(|_| machine.secure_boot) else { return Ok(()) };
    let variables = events.iter().filter(|event| event.kind == kind::VARIABLE_AUTHORITY);
    let authorities: Vec<Vec<u8>> = variables.filter_map(Event::variable).map(|variable| variable.value).collect();
    if !SecureBootKeys::are_in_force(keys) {
        return if authorities.is_empty() {
            Ok(())
        } else {
            Err("a key let a program through that is not in force".to_owned())
        };
    }
    let known = |authority: &Vec<u8>| {
        keys.allowed.iter().any(|entry| match entry {
            // a signature database's entry: its owner's GUID, then the certificate
            Signature::Certificate(signer) => authority.get(16..) == Some(signer.certificate()),
            Signature::Program(medium) => authority.get(16..) == programs.get(medium).map(|digest| &digest[..]),
        })
    };
    match authorities.iter().find(|authority| !known(authority)) {
        Some(unknown) => {
            Err(format!("a program was let through by {} bytes of db that the machine does not have", unknown.len()))
        }
        None if authorities.is_empty() => Err("no key was measured that let the program through".to_owned()),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;

//! Holds a trace against what was expected.

use super::describe::describe;
use super::difference::Difference;
use super::ending::Ending;
use super::expectation::Expectation;
use super::expected::Expected;
use super::{cut, exchange, menu};
use crate::trace::{Attempt, Terminal, Trace};

/// Compares a finished trace with what was expected.
///
/// # Errors
///
/// The first difference, as one line for a report.
pub fn judge(expected: &Expectation, trace: &Trace) -> Result<(), String> {
    compare(expected, trace).map_err(Difference::words)
}

/// Compares a finished trace with what was expected, and says whether the evidence is enough to compare it.
///
/// # Errors
///
/// The first difference, or what is not known.
pub fn compare(expected: &Expectation, trace: &Trace) -> Result<(), Difference> {
    if let Some(reach) = expected.reach() {
        reach.judge(trace)?;
        return Ok(exchange::judge(&expected.network, &trace.network)?);
    }
    if let Some(hole) = trace.holes.first() {
        return Err(Difference::Undecided(format!("the {} log has a hole: {hole}", log_of(trace))));
    }
    if let Some(contradiction) = trace.contradictions.first() {
        return Err(format!("the evidence contradicts itself: {contradiction}").into());
    }
    if let Some(payload) = trace.payloads.iter().find(|payload| payload.medium_of_nonce.is_none()) {
        let (medium, nonce) = (&payload.medium, &payload.nonce);
        return Err(format!(
            "a payload named \"{medium}\" ran whose nonce {nonce} is not of this run: a stale or foreign image"
        )
        .into());
    }
    never(expected, trace)?;
    attempts(expected, trace)?;
    let unknown =
        |name: &&String| trace.attempts.iter().any(|attempt| attempt.could_be.iter().any(|one| *one == name.as_str()));
    if let Some(name) = expected.never.iter().find(unknown) {
        let words = format!("whether \"{name}\" was tried is not known: an attempt was on one of several devices");
        return Err(Difference::Undecided(words));
    }
    let fits = match expected.ending {
        Ending::Boots => trace.terminal.is_none() && trace.booted().is_some(),
        Ending::NothingBootable => {
            trace.terminal.as_ref().is_some_and(|end| !matches!(end, Terminal::CpuException | Terminal::Setup))
        }
        Ending::OpensSetup => trace.terminal == Some(Terminal::Setup),
        Ending::Crashes => trace.terminal == Some(Terminal::CpuException),
        Ending::Hangs => trace.terminal.is_none() && trace.standstill.is_some(),
        Ending::Laps(laps) => trace.laps >= laps,
        Ending::Refused(_) | Ending::Reaches(_) => false,
        Ending::Settles { .. } => is_over(expected, trace),
    };
    if !fits {
        return Err(format!("expected {}, saw {}", expected.ending.words(), ended(trace)).into());
    }
    let offered = trace.menus.iter().filter(|menu| match expected.ending {
        Ending::Laps(laps) => menu.lap < laps,
        _ => true,
    });
    if !matches!(expected.ending, Ending::OpensSetup | Ending::Settles { .. }) {
        menu::judge(&expected.menus, &offered.cloned().collect::<Vec<_>>())?;
    }
    exchange::judge(&expected.network, &trace.network)?;
    Ok(exchange::check(&trace.network)?)
}

/// Whether what must never be tried was. Where something went otherwise before that, it comes first: it is what changed.
fn never(expected: &Expectation, trace: &Trace) -> Result<(), String> {
    let forbidden = |attempt: &Attempt| expected.never.iter().find(|name| is_on(attempt, name));
    let mut tried = trace.attempts.iter().enumerate();
    if let Some((place, attempt, name)) = tried.find_map(|(place, one)| Some((place, one, forbidden(one)?))) {
        let tried = describe(attempt);
        return Err(match otherwise_before(expected, &trace.attempts[..place]) {
            Some(before) => format!("{before}; then \"{name}\", which must never be tried: {tried}"),
            None => format!("\"{name}\" must never be tried, but was: {tried}"),
        });
    }
    let ran = |name: &&String| trace.payloads.iter().any(|payload| payload.medium_of_nonce.as_ref() == Some(*name));
    match expected.never.iter().find(ran) {
        Some(name) => Err(format!("\"{name}\" must never be tried, but its payload ran")),
        None => Ok(()),
    }
}

/// The first of these attempts that is another one than expected; nothing where a reset of the story cuts laps.
fn otherwise_before(expected: &Expectation, seen: &[Attempt]) -> Option<String> {
    let mut pairs = expected.attempts.iter().zip(seen).enumerate().filter(|_| expected.cut_laps == 0);
    let differs = |wanted: &Expected, attempt: &Attempt| !wanted.matches(attempt) && !wanted.may_match(attempt);
    let (position, (wanted, attempt)) = pairs.find(|(_, (wanted, attempt))| differs(wanted, attempt))?;
    Some(otherwise(position, wanted, attempt))
}

/// An attempt that is another one than expected, in words.
fn otherwise(position: usize, wanted: &Expected, attempt: &Attempt) -> String {
    format!("attempt {}: expected {wanted}, saw {}", position + 1, describe(attempt))
}

/// Compares the list of attempts.
fn attempts(expected: &Expectation, trace: &Trace) -> Result<(), Difference> {
    let seen: Vec<&Attempt> = match expected.ending {
        // the lap that ends the run has begun and does not count
        Ending::Laps(laps) => whole(expected, trace).filter(|attempt| attempt.lap < laps).collect(),
        _ => whole(expected, trace).collect(),
    };
    cut::judge(expected, trace)?;
    if matches!(expected.ending, Ending::Settles { .. }) {
        return Ok(());
    }
    for (position, wanted) in expected.attempts.iter().enumerate() {
        let number = position + 1;
        match seen.get(position) {
            Some(attempt) if wanted.matches(attempt) => {}
            Some(attempt) => {
                let words = otherwise(position, wanted, attempt);
                return Err(match wanted.may_match(attempt) {
                    true => Difference::Undecided(words),
                    false => Difference::Otherwise(words),
                });
            }
            None => return Err(format!("attempt {number}: expected {wanted}, saw {}", ended(trace)).into()),
        }
    }
    if let Some(extra) = seen.get(expected.attempts.len()) {
        let number = expected.attempts.len() + 1;
        return Err(format!("attempt {number}: expected no further attempt, saw {}", describe(extra)).into());
    }
    Ok(())
}

/// Whether the trace has reached the point at which the expectation's run is over. A payload that ran before its turn does
/// not end the run: it may come back to the firmware.
pub(crate) fn is_over(expected: &Expectation, trace: &Trace) -> bool {
    if let Some(reach) = expected.reach() {
        return reach.is_over(trace);
    }
    // where a story uses setup, opening it is no end
    let used = trace.terminal == Some(Terminal::Setup) && !expected.menus.is_empty();
    let stopped = trace.terminal.is_some() && !used;
    match expected.ending {
        Ending::Laps(laps) => stopped || trace.laps >= laps,
        Ending::Boots => {
            stopped || (trace.booted().is_some() && whole(expected, trace).count() >= expected.attempts.len())
        }
        Ending::NothingBootable | Ending::Crashes | Ending::OpensSetup => stopped,
        Ending::Hangs => stopped || trace.standstill.is_some(),
        Ending::Refused(_) | Ending::Reaches(_) => stopped || trace.booted().is_some(),
        Ending::Settles { laps } => stopped || trace.booted().is_some() || trace.laps >= laps,
    }
}

/// Whether what has been seen contradicts the expectation whatever comes later: a trace that was given up at a deadline
/// refutes nothing by what it lacks.
pub(crate) fn already_refuted(expected: &Expectation, trace: &Trace) -> bool {
    if expected.reach().is_some() {
        return false;
    }
    let never = |attempt: &Attempt| expected.never.iter().any(|name| is_on(attempt, name));
    let differs = |(position, attempt): (usize, &Attempt)| match expected.attempts.get(position) {
        Some(wanted) => attempt.outcome.is_some() && !wanted.matches(attempt),
        None => !matches!(expected.ending, Ending::Laps(_) | Ending::Settles { .. }),
    };
    trace.attempts.iter().any(never) || whole(expected, trace).enumerate().any(differs)
}

/// Whether a boot that is still under way has gone another way than expected, by what cannot be explained otherwise later:
/// how an attempt over a network ended is known in full only at the end.
pub(crate) fn strays(expected: &Expectation, trace: &Trace) -> bool {
    let never = |attempt: &Attempt| expected.never.iter().any(|name| is_on(attempt, name));
    let differs = |(position, attempt): (usize, &Attempt)| {
        let wanted = expected.attempts.get(position);
        attempt.medium.is_some() && attempt.outcome.is_some() && wanted.is_some_and(|wanted| !wanted.matches(attempt))
    };
    trace.attempts.iter().any(never) || whole(expected, trace).enumerate().any(differs)
}

/// Attempts on laps that no reset of the story cuts short: where it cuts any, those of the lap after them all.
fn whole<'a>(expected: &Expectation, trace: &'a Trace) -> impl Iterator<Item = &'a Attempt> {
    let (cut_laps, last) = (expected.cut_laps, trace.laps);
    trace.attempts.iter().filter(move |attempt| cut_laps == 0 || (attempt.lap == last && last > cut_laps))
}

/// Whether an attempt ran this medium, or was by the entry of this device.
fn is_on(attempt: &Attempt, name: &str) -> bool {
    attempt.medium.as_deref() == Some(name) || attempt.entry.as_ref().is_some_and(|entry| entry == name)
}

/// SeaBIOS speaks on the debug console, OVMF on the serial port; OVMF has no banner.
pub(super) fn log_of(trace: &Trace) -> &'static str {
    if trace.banner.is_some() { "debug console's" } else { "serial" }
}

/// How the run ended, in words.
fn ended(trace: &Trace) -> String {
    match (&trace.terminal, trace.attempts.last(), &trace.banner) {
        (Some(terminal), ..) => terminal.words().to_owned(),
        (None, Some(last), _) => format!("nothing after {}", describe(last)),
        (None, None, Some(banner)) => format!("no attempt to boot anything after \"{banner}\""),
        (None, None, None) => "no sign of life from the firmware".to_owned(),
    }
}

//! Expectation against trace.
//!
//! An [`Expectation`] is a value: the whole ordered list of attempts, the winner or firmware's terminal state, and what
//! must never be tried. [`judge`] compares it with a trace and gives the first difference in one sentence.
//!
//! ```
//! use bootwright::trace::Trace;
//! use bootwright::verdict::{Expectation, judge};
//!
//! let expected = Expectation::boots("right").without_trying("wrong");
//! assert!(judge(&expected, &Trace::default()).is_err());
//! ```

pub mod behaviour;
pub(crate) mod cause;
pub(crate) mod conclude;
mod cut;
pub(crate) mod ending;
pub mod exchange;
pub mod known_issues;
mod menu;
pub(crate) mod reach;
pub mod stores;
pub(crate) mod views;
mod written;

use serde::{Deserialize, Serialize};

use crate::machine::DeviceName;
use crate::trace::{Attempt, Outcome, Start, Terminal, Trace};
use crate::wording;
pub use cause::{Cause, Transfer, http, https, tftp};
pub use ending::Ending;
pub use exchange::OnLan;
pub use reach::{Answer, Reach};
pub use stores::OnStore;

/// What an expected attempt is on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
pub enum Target {
    /// A medium of the machine.
    Medium(String),
    /// A medium of the machine, by OVMF's platform recovery and not by a boot option.
    Recovered(String),
    /// A word in the firmware's own name for it, for entries that no medium stands behind (`Floppy`, `ROM`).
    Named(String),
}

/// One attempt that must be seen at its place in the list.
#[must_use = "an expected attempt is for a list of them"]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "written::Expected", into = "written::Expected")]
pub struct Expected {
    /// On what.
    pub target: Target,
    /// How it must end.
    pub outcome: Outcome,
    /// Words that the firmware must have printed about it; empty for any.
    pub printed: String,
    /// What else must be known of its end.
    pub because_of: Vec<Cause>,
    /// The NIC that it must have gone over; any or none, where `None`.
    pub over: Option<DeviceName>,
    /// The device whose entry it must be; the medium's own, or the NIC's that serves it, where `None`.
    pub entry: Option<String>,
}

/// What a case expects.
#[must_use = "words about an expectation give a new one back"]
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Expectation {
    /// The whole ordered list of attempts, over all laps.
    pub attempts: Vec<Expected>,
    /// Laps before those of the list that a reset cuts short: on each the attempts must be a beginning of the list, and the
    /// last of them may have come to any end.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cut_laps: u32,
    /// How the run ends.
    #[serde(default = "boots")]
    pub ending: Ending,
    /// Media that must not be tried at all. Implied by the list, and said for the reader.
    #[serde(default)]
    pub never: Vec<String>,
    /// Compare the views of the boot order (see [`views`]).
    #[serde(default = "yes")]
    pub views: bool,
    /// What must be seen on the network.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub network: Vec<OnLan>,
    /// The boot menus that are offered, in order: the devices that each lists (an entry that is no device by the firmware's
    /// name for it), none where nobody opens it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub menus: Vec<Vec<String>>,
    /// What must be so of the variable store at the end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub store: Vec<OnStore>,
    /// Shortest and longest guest time, in seconds.
    #[serde(default)]
    pub guest_seconds: Option<(u64, u64)>,
}

impl Expectation {
    fn of(attempts: Vec<Expected>, ending: Ending) -> Expectation {
        Expectation {
            attempts,
            cut_laps: 0,
            ending,
            never: Vec::new(),
            views: true,
            network: Vec::new(),
            menus: Vec::new(),
            store: Vec::new(),
            guest_seconds: None,
        }
    }

    /// The medium boots at the first attempt.
    pub fn boots(medium: &str) -> Expectation {
        Expectation::of(vec![booted(medium)], Ending::Boots)
    }

    /// These attempts, the last of which boots.
    pub fn attempts(attempts: impl IntoIterator<Item = Expected>) -> Expectation {
        Expectation::of(attempts.into_iter().collect(), Ending::Boots)
    }

    /// These attempts, after which firmware stops by itself.
    pub fn nothing_boots(attempts: impl IntoIterator<Item = Expected>) -> Expectation {
        Expectation::of(attempts.into_iter().collect(), Ending::NothingBootable)
    }

    /// These attempts, after which firmware opens its setup and stays there: what a program that returns success leads to.
    pub fn opens_setup(attempts: impl IntoIterator<Item = Expected>) -> Expectation {
        Expectation::of(attempts.into_iter().collect(), Ending::OpensSetup)
    }

    /// These attempts, after which firmware crashes.
    pub fn crashes(attempts: impl IntoIterator<Item = Expected>) -> Expectation {
        Expectation::of(attempts.into_iter().collect(), Ending::Crashes)
    }

    /// These attempts repeated on every lap, until lap number `laps` begins.
    pub fn laps(laps: u32, each: impl IntoIterator<Item = Expected>) -> Expectation {
        let each: Vec<Expected> = each.into_iter().collect();
        let count = each.len() * laps.saturating_sub(1) as usize;
        Expectation::of(each.into_iter().cycle().take(count).collect(), Ending::Laps(laps))
    }

    /// The run comes to an end by itself, whichever: see [`Ending::Settles`].
    pub(crate) fn settles(laps: u32) -> Expectation {
        Expectation::of(Vec::new(), Ending::Settles { laps })
    }

    /// QEMU refuses the machine with these words, and no guest runs.
    pub fn qemu_refuses(words: &str) -> Expectation {
        Expectation::of(Vec::new(), Ending::Refused(words.to_owned()))
    }

    /// Demands that the run takes from `least` to `most` seconds of guest time.
    pub fn lasting(mut self, least: u64, most: u64) -> Expectation {
        self.guest_seconds = Some((least, most));
        self
    }

    /// Compares guest time with what was demanded.
    ///
    /// # Errors
    ///
    /// That it was shorter or longer, or could not be read.
    pub(crate) fn check_guest_time(&self, guest: Option<std::time::Duration>) -> Result<(), String> {
        let Some((least, most)) = self.guest_seconds else { return Ok(()) };
        let Some(guest) = guest else {
            return Err(format!("guest time could not be read; expected {least} to {most} s of it"));
        };
        let seconds = guest.as_secs_f64();
        if seconds >= least as f64 && seconds <= most as f64 {
            return Ok(());
        }
        Err(format!("the run took {seconds:.1} s of guest time, expected {least} to {most} s"))
    }

    /// Puts a failed attempt on a medium before the others.
    pub fn after_failing(mut self, medium: &str) -> Expectation {
        self.attempts.insert(0, failed(medium));
        self
    }

    /// Says that so many laps are cut short by resets before the list begins.
    pub fn after_cut_laps(mut self, laps: u32) -> Expectation {
        self.cut_laps = laps;
        self
    }

    /// Says that a medium must never be tried.
    pub fn without_trying(mut self, medium: &str) -> Expectation {
        self.never.push(medium.to_owned());
        self
    }

    /// Demands that the firmware offers its boot menu once more than said so far, and lists exactly these devices when it is
    /// opened, in this order; none where nobody opens it.
    pub fn menu(mut self, devices: &[&str]) -> Expectation {
        self.menus.push(devices.iter().map(|&device| device.to_owned()).collect());
        self
    }

    /// Demands something of the exchange on the network.
    pub fn on_lan(mut self, wanted: OnLan) -> Expectation {
        self.network.push(wanted);
        self
    }

    /// Demands something of the variable store.
    pub fn on_store(mut self, wanted: OnStore) -> Expectation {
        self.store.push(wanted);
        self
    }

    /// Holds the variable store against what was demanded of it.
    ///
    /// # Errors
    ///
    /// The first thing that is otherwise.
    pub(crate) fn check_store(&self, stores: Option<&stores::Stores>) -> Result<(), String> {
        let nothing = || "the machine has no variable store to look at".to_owned();
        self.store.iter().try_for_each(|wanted| wanted.check(stores.ok_or_else(nothing)?))
    }

    /// Does not compare the views of the boot order; for cases in which they must differ.
    pub fn without_views(mut self) -> Expectation {
        self.views = false;
        self
    }
}

/// The medium's payload runs.
pub fn booted(medium: &str) -> Expected {
    Expected::on(Target::Medium(medium.to_owned()), Outcome::Booted)
}

/// The medium's payload runs by platform recovery: no boot option led to it.
pub fn recovered(medium: &str) -> Expected {
    Expected::on(Target::Recovered(medium.to_owned()), Outcome::Booted)
}

/// The attempt on the medium fails.
pub fn failed(medium: &str) -> Expected {
    Expected::on(Target::Medium(medium.to_owned()), Outcome::Failed)
}

/// The attempt on a firmware entry that no medium stands behind gets no answer in time.
pub fn timed_out_entry(name: &str) -> Expected {
    Expected { outcome: Outcome::TimedOut, ..failed_entry(name) }
}

/// The attempt on a firmware entry that no medium stands behind fails.
pub fn failed_entry(name: &str) -> Expected {
    Expected::on(Target::Named(name.to_owned()), Outcome::Failed)
}

impl Expected {
    fn on(target: Target, outcome: Outcome) -> Expected {
        Expected { target, outcome, printed: String::new(), because_of: Vec::new(), over: None, entry: None }
    }

    /// Demands that the firmware printed these words about it. What the harness saw itself is demanded by
    /// [`because_of`](Self::because_of): its sentences are for people, and no verdict depends on them.
    pub fn because(mut self, printed: &str) -> Expected {
        self.printed = printed.to_owned();
        self
    }

    /// Demands that this is known of its end, beside what was demanded before.
    pub fn because_of(mut self, cause: impl Into<Cause>) -> Expected {
        self.because_of.push(cause.into());
        self
    }

    /// Demands that it went over this NIC, counted from 0 over the machine's NICs in device order.
    pub fn over_nic(mut self, number: usize) -> Expected {
        self.over = Some(DeviceName::nic(number));
        self
    }

    /// Says that another device's entry runs the medium: `booted("disk").by_entry_of("nic0")` for a NIC whose iPXE boots the
    /// disk.
    pub fn by_entry_of(mut self, device: &str) -> Expected {
        self.entry = Some(device.to_owned());
        self
    }

    fn matches(&self, attempt: &Attempt) -> bool {
        let target = match &self.target {
            Target::Medium(medium) => attempt.medium.as_deref() == Some(medium),
            Target::Recovered(medium) => attempt.medium.as_deref() == Some(medium) && attempt.start == Start::Recovery,
            Target::Named(word) => attempt.medium.is_none() && attempt.could_be.is_empty() && attempt.is_called(word),
        };
        let entry = match &self.entry {
            Some(wanted) => attempt.entry.as_ref().is_some_and(|entry| entry == wanted.as_str()),
            None => !attempt.handed_over,
        };
        let printed = self.printed.is_empty() || attempt.reason.has_printed(&self.printed);
        let known = self.because_of.iter().all(|cause| cause.holds(&attempt.reason));
        let over = self.over.is_none() || self.over == attempt.nic;
        target && entry && attempt.outcome == Some(self.outcome) && printed && known && over
    }
}

impl Expected {
    /// Whether it would match, were the attempt on one of the devices that it may have been on.
    fn may_match(&self, attempt: &Attempt) -> bool {
        attempt.could_be.iter().any(|device| {
            let medium = Some(device.as_str().to_owned());
            self.matches(&Attempt { medium, could_be: Vec::new(), ..attempt.clone() })
        })
    }
}

impl std::fmt::Display for Expected {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.target {
            Target::Medium(medium) => write!(out, "\"{medium}\" {}", self.outcome.word())?,
            Target::Recovered(medium) => {
                write!(out, "\"{medium}\" {} by {}", self.outcome.word(), Start::Recovery.words())?
            }
            Target::Named(word) => write!(out, "{word} {}", self.outcome.word())?,
        }
        if let Some(entry) = &self.entry {
            write!(out, " by the entry of {entry}")?;
        }
        let over = self.over.iter().map(|nic| format!("over {nic}"));
        let known = over.chain(self.because_of.iter().map(Cause::to_string));
        let reasons = known.chain(Some(self.printed.clone()).filter(|printed| !printed.is_empty())).collect::<Vec<_>>();
        if reasons.is_empty() { Ok(()) } else { write!(out, " ({})", reasons.join("; ")) }
    }
}

/// An attempt in the words of a report: `Hard Disk "wrong" failed (not a bootable disk)`.
pub fn describe(attempt: &Attempt) -> String {
    wording::reworded!();
    let medium = attempt.medium.as_ref().map(|medium| format!(" \"{medium}\"")).unwrap_or_default();
    let unknown = if attempt.could_be.is_empty() { String::new() } else { format!(" on {}", one_of(attempt)) };
    let outcome = attempt.outcome.map_or("under way", Outcome::word);
    let entry = attempt.entry.as_ref().filter(|_| attempt.handed_over);
    let entry = entry.map(|entry| format!(" by the entry of {entry}")).unwrap_or_default();
    let reason = if attempt.reason.is_empty() { String::new() } else { format!(" ({})", attempt.reason) };
    format!("{}{medium}{unknown} {outcome}{entry}{reason}", attempt.target)
}

/// The devices that an attempt may have been on.
pub(crate) fn one_of(attempt: &Attempt) -> String {
    let devices: Vec<String> = attempt.could_be.iter().map(|device| format!("\"{device}\"")).collect();
    format!("one of {}, which the evidence does not tell apart", devices.join(", "))
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
        Ending::Refused(_) | Ending::Reaches(_) => stopped || trace.booted().is_some(),
        Ending::Settles { laps } => stopped || trace.booted().is_some() || trace.laps >= laps,
    }
}

/// Attempts on laps that no reset of the story cuts short: where it cuts any, those of the lap after them all.
fn whole<'a>(expected: &Expectation, trace: &'a Trace) -> impl Iterator<Item = &'a Attempt> {
    let (cut_laps, last) = (expected.cut_laps, trace.laps);
    trace.attempts.iter().filter(move |attempt| cut_laps == 0 || (attempt.lap == last && last > cut_laps))
}

/// A payload runs where nobody says otherwise.
fn boots() -> Ending {
    Ending::Boots
}

/// Views are compared where nobody says otherwise.
fn yes() -> bool {
    true
}

fn is_zero(number: &u32) -> bool {
    *number == 0
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

/// Whether an attempt ran this medium, or was by the entry of this device.
fn is_on(attempt: &Attempt, name: &str) -> bool {
    attempt.medium.as_deref() == Some(name) || attempt.entry.as_ref().is_some_and(|entry| entry == name)
}

/// Why a trace does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// It is otherwise than expected.
    Otherwise(String),
    /// The evidence does not say whether it is as expected.
    Undecided(String),
}

impl Difference {
    /// As one line for a report.
    pub fn words(self) -> String {
        match self {
            Difference::Otherwise(words) | Difference::Undecided(words) => words,
        }
    }
}

impl From<String> for Difference {
    fn from(words: String) -> Difference {
        Difference::Otherwise(words)
    }
}

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
    for name in &expected.never {
        if let Some(attempt) = trace.attempts.iter().find(|attempt| is_on(attempt, name)) {
            return Err(format!("\"{name}\" must never be tried, but was: {}", describe(attempt)).into());
        }
        if trace.payloads.iter().any(|payload| payload.medium_of_nonce.as_ref() == Some(name)) {
            return Err(format!("\"{name}\" must never be tried, but its payload ran").into());
        }
    }
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
    Ok(exchange::judge(&expected.network, &trace.network)?)
}

/// SeaBIOS speaks on the debug console, OVMF on the serial port; OVMF has no banner.
fn log_of(trace: &Trace) -> &'static str {
    if trace.banner.is_some() { "debug console's" } else { "serial" }
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
                let words = format!("attempt {number}: expected {wanted}, saw {}", describe(attempt));
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

/// How the run ended, in words.
fn ended(trace: &Trace) -> String {
    match (&trace.terminal, trace.attempts.last(), &trace.banner) {
        (Some(terminal), ..) => terminal.words().to_owned(),
        (None, Some(last), _) => format!("nothing after {}", describe(last)),
        (None, None, Some(banner)) => format!("no attempt to boot anything after \"{banner}\""),
        (None, None, None) => "no sign of life from the firmware".to_owned(),
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod wording_tests;

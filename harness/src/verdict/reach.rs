//! How far a medium that somebody else made must come: it has no nonce, so what its programs print decides.

use serde::{Deserialize, Serialize};

use super::{Difference, describe};
use crate::trace::{Attempt, Stage, Terminal, Trace};

/// What must become of such a boot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Reach {
    /// How far it must come; `None`: firmware must find nothing to boot and stop by itself.
    pub stage: Option<Stage>,
    /// Patterns that the guest must print.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expect: Vec<String>,
    /// Patterns that it must not print.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reject: Vec<String>,
    /// What is typed once something was printed, in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub answers: Vec<Answer>,
    /// Where nothing is to boot: firmware may enter the medium, whose first sector has the signature and no code, as BIOS does.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub without_code: bool,
    /// Watch on once it has come so far, as long as something new is printed, to say how far it comes.
    #[serde(default)]
    pub go_on: bool,
    /// Longest host time, seconds.
    pub seconds: u32,
}

/// Something that is typed on the serial port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Answer {
    /// The pattern that must be printed first; `None`: a boot loader must be recognised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// What is typed.
    pub text: String,
}

impl Reach {
    /// Every pattern that somebody waits for.
    pub fn patterns(&self) -> Vec<String> {
        let answers = self.answers.iter().filter_map(|answer| answer.after.clone());
        self.expect.iter().chain(&self.reject).cloned().chain(answers).collect()
    }

    /// Whether everything that was wanted was seen.
    pub(crate) fn is_met(&self, trace: &Trace) -> bool {
        self.judge(trace).is_ok()
    }

    /// Whether the run is over.
    pub(crate) fn is_over(&self, trace: &Trace) -> bool {
        let found = |pattern: &String| trace.guest.found.iter().any(|(one, _)| one == pattern);
        if self.reject.iter().any(found) || trace.terminal.is_some() {
            return true;
        }
        match self.stage {
            None => trace.stage() >= self.furthest_of_nothing(),
            Some(_) => {
                let met = self.is_met(trace);
                (met && (!self.go_on || trace.stage() == Stage::Userspace)) || (trace.guest.stopped.is_some() && !met)
            }
        }
    }

    /// Compares.
    ///
    /// # Errors
    ///
    /// How far it came instead, and what stopped it.
    pub fn judge(&self, trace: &Trace) -> Result<(), Difference> {
        let line = |pattern: &String| trace.guest.found.iter().find(|(one, _)| one == pattern).map(|(_, line)| line);
        for pattern in &self.reject {
            if let Some(line) = line(pattern) {
                return Err(format!("the guest printed what --reject {pattern} forbids: {line}").into());
            }
        }
        let stage = trace.stage();
        let Some(wanted) = self.stage else { return self.nothing_boots(trace) };
        if stage < wanted {
            return Err(format!("wanted {}, came to {}", wanted.word(), came_to(trace)).into());
        }
        match self.expect.iter().find(|pattern| line(pattern).is_none()) {
            Some(pattern) => {
                Err(format!("the guest never printed --expect {pattern}; it came to {}", came_to(trace)).into())
            }
            None => Ok(()),
        }
    }

    /// The first stage to which a boot of nothing never comes.
    fn furthest_of_nothing(&self) -> Stage {
        if self.without_code { Stage::Loader } else { Stage::Started }
    }

    fn nothing_boots(&self, trace: &Trace) -> Result<(), Difference> {
        if trace.stage() >= self.furthest_of_nothing() {
            return Err(format!("nothing was to boot here, but it came to {}", came_to(trace)).into());
        }
        // a processor that was sent into an empty sector does not come back
        let entered = trace.stage() == Stage::Started;
        match &trace.terminal {
            Some(Terminal::CpuException) | None if !entered => {
                Err(format!("firmware did not stop by itself: {}", came_to(trace)).into())
            }
            _ => Ok(()),
        }
    }
}

/// How far a boot came and what stopped it, in words: `kernel (Linux version 6.1.0); stopped: Kernel panic - not syncing: ...`.
pub fn came_to(trace: &Trace) -> String {
    let mut words = trace.stage().word().to_owned();
    if let Some(sighting) = trace.guest.furthest() {
        words += &format!(" ({}: {})", sighting.program, sighting.text);
    }
    match why_not_further(trace) {
        Some(why) => format!("{words}; {why}"),
        None => words,
    }
}

/// What stopped a boot, where something said so.
pub fn why_not_further(trace: &Trace) -> Option<String> {
    if let Some(stopped) = &trace.guest.stopped {
        return Some(format!("{} stopped: {}", stopped.program, stopped.text));
    }
    let told = |attempt: &&Attempt| attempt.outcome.is_some() && !attempt.reason.is_empty();
    let failed = || trace.attempts.iter().rev().filter(told);
    // firmware tries drives too that are not there, and what counts is why it did not boot what it was given
    let given = |attempt: &&Attempt| attempt.medium.is_some() || attempt.nic.is_some();
    let failed = failed().find(given).or_else(|| failed().next());
    let failed = failed.filter(|_| trace.stage() <= Stage::Started).map(describe);
    match (&trace.terminal, failed) {
        (Some(terminal), Some(failed)) => Some(format!("{failed}; {}", terminal.words())),
        (Some(terminal), None) => Some(terminal.words().to_owned()),
        (None, failed) => failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::DeviceName;
    use crate::trace::{GuestText, Outcome, Reason, Sighting};

    fn reach(stage: Option<Stage>) -> Reach {
        let (expect, reject, answers) = (Vec::new(), Vec::new(), Vec::new());
        Reach { stage, expect, reject, answers, without_code: false, go_on: false, seconds: 60 }
    }

    fn trace(stage: Stage) -> Trace {
        let sighting = Sighting { stage, program: "GRUB".to_owned(), text: "GNU GRUB  version 2".to_owned() };
        let guest = GuestText { sightings: vec![sighting], ..GuestText::default() };
        Trace { banner: Some("SeaBIOS".to_owned()), guest, ..Trace::default() }
    }

    #[test]
    fn a_stage_that_was_not_reached_is_told_with_the_one_that_was() {
        let error = reach(Some(Stage::Kernel)).judge(&trace(Stage::Loader)).unwrap_err();
        assert_eq!(error.words(), "wanted kernel, came to loader (GRUB: GNU GRUB  version 2)");
        assert!(reach(Some(Stage::Loader)).is_met(&trace(Stage::Loader)));
        assert!(!reach(Some(Stage::Started)).is_met(&Trace::default()));
    }

    #[test]
    fn why_it_did_not_boot_is_told_of_what_it_was_given() {
        let failed = |target: &str, nic, reason: &str| Attempt {
            nic,
            outcome: Some(Outcome::Failed),
            reason: Reason::printed(reason),
            ..Attempt::on(target)
        };
        let rom = failed("ROM", Some(DeviceName::nic(0)), "iPXE 2e008001; nothing to boot");
        let floppy = failed("Floppy", None, "could not read the boot disk");
        let stopped = |attempts| Trace { attempts, terminal: Some(Terminal::NoBootableDevice), ..Trace::default() };
        let both = stopped(vec![rom, floppy.clone()]);
        assert!(why_not_further(&both).unwrap().starts_with("ROM failed (iPXE 2e008001; nothing to boot); "));
        let drives = stopped(vec![floppy]);
        assert!(why_not_further(&drives).unwrap().starts_with("Floppy failed (could not read the boot disk); "));
    }

    #[test]
    fn nothing_boots_only_where_firmware_says_so_and_nothing_was_entered() {
        let nothing = reach(None);
        assert!(nothing.judge(&Trace::default()).is_err(), "silence proves nothing");
        let stopped = Trace { terminal: Some(Terminal::UefiShell), ..Trace::default() };
        assert!(nothing.is_met(&stopped) && nothing.is_over(&stopped));
        let booted = Trace { terminal: Some(Terminal::UefiShell), ..trace(Stage::Started) };
        assert!(!nothing.is_met(&booted));
    }

    #[test]
    fn an_empty_sector_may_be_entered_and_nothing_may_come_of_it() {
        let nothing = Reach { without_code: true, ..reach(None) };
        assert!(nothing.judge(&Trace::default()).is_err(), "silence proves nothing");
        assert!(nothing.is_met(&trace(Stage::Started)) && !nothing.is_over(&trace(Stage::Started)));
        assert!(nothing.judge(&trace(Stage::Loader)).is_err() && nothing.is_over(&trace(Stage::Loader)));
        assert!(reach(None).judge(&trace(Stage::Started)).is_err(), "a sector with code");
    }

    #[test]
    fn what_is_forbidden_fails_though_the_rest_was_seen() {
        let mut forbidding = reach(Some(Stage::Loader));
        forbidding.reject.push("GRUB".to_owned());
        let mut trace = trace(Stage::Loader);
        assert!(forbidding.is_met(&trace));
        trace.guest.found.push(("GRUB".to_owned(), "GNU GRUB".to_owned()));
        assert!(forbidding.judge(&trace).unwrap_err().words().contains("forbids: GNU GRUB"));
        let mut expecting = reach(Some(Stage::Loader));
        expecting.expect.push("login".to_owned());
        assert!(expecting.judge(&trace).unwrap_err().words().starts_with("the guest never printed --expect login"));
    }
}

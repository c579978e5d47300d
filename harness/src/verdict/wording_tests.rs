//! No verdict depends on how anything is worded for people: all of it is concluded twice, the second time with every sentence
//! replaced by another one.

use std::time::Duration;

use super::cause::tests::{demands, findings};
use super::conclude::{Awaited, Conclusion, Observed, RunEnd, StepFault, conclude, conclude_boot, conclude_control};
use super::known_issues::{AttemptFact, FailureFacts, KnownIssues, Outcome as Case, Versions};
use super::stores::Stores;
use super::views::{Lines, Views};
use super::*;
use crate::evidence::{HarnessEvent, Source};
use crate::machine::layout::Layout;
use crate::machine::{DeviceName, Firmware, Machine, Medium};
use crate::process::Exit;
use crate::trace::{Attempt, Finding, Names, Outcome, Payload, Reader, Reason, Standstill, Terminal, Trace};
use crate::wording::{OTHER_WORDS, in_other_words};

const ISSUES: &str = r#"
[[issue]]
id = "stale"
title = "an order is stale"
link = "https://example.org/stale"
cases = ["any"]
review = 2027-03-01
affected = { qemu = "*" }
fails = { stale-bootorder = { lines = 1, first = "^b", asked-first = "^a" } }

[[issue]]
id = "stops"
title = "it stops"
link = "https://example.org/stops"
cases = ["any"]
review = 2027-03-01
affected = { qemu = "*" }
fails = { booted = false, terminal = "no-bootable-device" }
"#;

/// Logs that real firmware wrote, named by firmware, version and case.
const LOGS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/trace/src/fixtures");

/// What the logs of real firmware say of a machine that has two disks in slots 3 and 4, `first` and `second`.
fn traces_of_logs() -> Vec<Trace> {
    let files = std::fs::read_dir(LOGS).unwrap().map(|entry| entry.unwrap().path());
    let logs: Vec<_> = files.filter(|path| path.extension().is_some_and(|extension| extension == "log")).collect();
    assert!(logs.len() > 20, "{} logs in {LOGS}", logs.len());
    let read = |path: &std::path::PathBuf| {
        let is_bios = path.file_name().unwrap().to_string_lossy().starts_with("seabios");
        let (firmware, source) =
            if is_bios { (Firmware::SeaBios, Source::DebugConsole) } else { (Firmware::Ovmf, Source::Serial) };
        let log = std::fs::read_to_string(path).unwrap();
        let machine = Machine::pc(firmware).virtio_blk(Medium::bootable("first")).slot(3);
        let machine = machine.virtio_blk(Medium::bootable("second")).slot(4);
        let nonces = log.lines().filter_map(Payload::parse).map(|payload| (payload.nonce, payload.medium)).collect();
        let sectors = [("first".to_owned(), 32768), ("second".to_owned(), 34816)].into();
        let mut reader = Reader::new(firmware, Names::of(&machine, &Layout::of(&machine).unwrap(), &nonces, &sectors));
        reader.push(source, log.as_bytes());
        reader.trace().clone()
    };
    logs.iter().map(read).collect()
}

/// What the logs say, and one trace for each finding.
fn traces() -> Vec<Trace> {
    let of_logs = traces_of_logs();
    let of_finding = |finding: Finding| {
        let (outcome, reason, nic) = (Some(Outcome::Failed), Reason::from(finding), Some(DeviceName::nic(0)));
        let rom = Attempt { outcome, reason, nic, ..Attempt::on("ROM") };
        let next =
            Attempt { medium: Some("next".to_owned()), outcome: Some(Outcome::Booted), ..Attempt::on("Hard Disk") };
        Trace { attempts: vec![rom, next], laps: 1, ..Trace::default() }
    };
    of_logs.into_iter().chain(findings().into_iter().map(of_finding)).collect()
}

fn expectations() -> Vec<Expectation> {
    let after = |rom: Expected| Expectation::attempts([rom, booted("next")]);
    let mut all: Vec<_> = demands().into_iter().map(|cause| after(failed_entry("ROM").because_of(cause))).collect();
    all.extend(["not a bootable disk", "Not Found"].map(|words| Expectation::boots("second").first_failing(words)));
    all.extend([
        after(failed_entry("ROM").over_nic(0)),
        after(failed_entry("ROM").over_nic(1)),
        Expectation::boots("first"),
        Expectation::attempts([failed("first").because_of(Cause::Returned), booted("second")]),
        Expectation::attempts([failed("first"), recovered("second")]),
        Expectation::nothing_boots([failed("first"), failed_entry("Floppy")]),
        Expectation::nothing_boots([]).without_trying("second"),
        Expectation::laps(2, [booted("first")]),
        Expectation::qemu_refuses("no bus"),
        Expectation::crashes([]),
        Expectation::hangs([]),
        Expectation::hangs([hung("first")]),
    ]);
    all
}

impl Expectation {
    fn first_failing(mut self, words: &str) -> Expectation {
        self.attempts.insert(0, failed("first").because(words));
        self
    }
}

fn ends() -> Vec<RunEnd> {
    let step = |fault| RunEnd::StepFailed { fault, reason: "step 1 of 1, cont: why".to_owned() };
    let exit = |code, signal| Exit { code, signal };
    let ended = |exit, announced| RunEnd::QemuEnded { exit, announced };
    let faults = [StepFault::NotRefused, StepFault::Deadline, StepFault::Other, StepFault::Host];
    let mut ends: Vec<RunEnd> = faults.into_iter().map(step).collect();
    ends.extend([
        RunEnd::Over,
        RunEnd::GaveUp { waited: Duration::from_secs(2), awaited: Awaited::NextStep },
        RunEnd::GaveUp { waited: Duration::from_secs(2), awaited: Awaited::SignOfLife },
        ended(exit(Some(0), None), false),
        ended(exit(Some(3), None), true),
        ended(exit(None, Some(9)), false),
        ended(exit(None, Some(11)), false),
        RunEnd::QemuStopped,
        RunEnd::Starved { waited: Duration::from_secs(2), starved: Duration::from_secs(1) },
        RunEnd::ResetLoop { resets: 9 },
        RunEnd::StandsStill(Standstill::Halted { at: 1 }),
        RunEnd::Refused { exit: exit(Some(1), None), said: "no bus".to_owned() },
        RunEnd::Broken { reason: "why".to_owned() },
    ]);
    ends
}

/// What a conclusion is, without its words.
fn kind(conclusion: &Conclusion) -> char {
    match conclusion {
        Conclusion::Holds => 'h',
        Conclusion::Fails(_) => 'f',
        Conclusion::Broken(_) => 'b',
    }
}

/// Everything that is decided about these traces.
fn decisions() -> String {
    let issues = KnownIssues::parse(ISSUES, "known-issues.toml").unwrap();
    let list = |line: &str| Some([line].into_iter().collect::<Lines>());
    let stale = Views { asked: list("a"), fw_cfg: list("b"), ran: Some("second".to_owned()), ..Views::default() };
    let none = Views::default();
    let mut decisions = String::new();
    for (trace, expected) in
        traces().iter().flat_map(|trace| expectations().into_iter().map(move |one| (trace.clone(), one)))
    {
        let flags = [is_over(&expected, &trace), already_refuted(&expected, &trace), strays(&expected, &trace)];
        decisions.extend(flags.map(|flag| if flag { '1' } else { '0' }));
        for (end, views) in ends().iter().flat_map(|end| [(end.clone(), &stale), (end.clone(), &none)]) {
            let stores: Option<&Stores> = None;
            let observed =
                Observed { trace: &trace, end: &end, guest_state: "running", guest_time: None, stores, views };
            let conclusion = conclude(&expected, &observed);
            decisions.push(kind(&conclusion));
            let boot = conclude_boot(&expected, &trace, &end, "running");
            decisions.push(kind(&conclude_control(&expected, &trace, &end, boot)));
            let Conclusion::Fails(reason) = conclusion else { continue };
            let fact = |attempt: &Attempt| AttemptFact {
                target: "any",
                medium: None,
                outcome: attempt.outcome.unwrap_or(Outcome::TimedOut),
            };
            let attempts: Vec<AttemptFact<'_>> = trace.attempts.iter().map(fact).collect();
            let (booted, terminal) = (trace.booted(), trace.terminal.as_ref().map(Terminal::name));
            let facts = FailureFacts {
                booted,
                terminal,
                attempts: &attempts,
                stale: &views.stale(),
                qemu_signal: None,
                reason: &reason,
            };
            let versions = Versions { qemu: "7.2.0", firmware: &[] };
            decisions.push(match issues.classify("any", &versions, Case::Failed(facts)) {
                known_issues::Classification::ExpectedFailure { issue } if issue.id == "stale" => 's',
                known_issues::Classification::ExpectedFailure { .. } => 't',
                _ => 'u',
            });
        }
    }
    decisions
}

#[test]
fn rewording_everything_changes_no_verdict() {
    let decisions_now = decisions();
    for kind in "hfbstu01".chars() {
        assert!(decisions_now.contains(kind), "nothing here comes to {kind}");
    }
    assert!(decisions_now == in_other_words(decisions), "a decision depends on a sentence");
}

#[test]
fn what_is_reworded_are_the_sentences_for_people() {
    let said: Vec<String> = in_other_words(|| {
        let findings = findings().into_iter().filter(|finding| !matches!(finding, Finding::OnLan { .. }));
        let ends = ends().into_iter().map(|end| end.to_string());
        let demands = demands().into_iter().filter(|cause| !matches!(cause, Cause::Transfer(_)));
        let event = HarnessEvent::PoweredOff.to_string();
        let words =
            findings.map(|finding| finding.to_string()).chain(ends).chain(demands.map(|cause| cause.to_string()));
        words.chain([event, Terminal::Setup.words().to_owned(), Ending::Boots.words()]).collect()
    });
    assert!(said.len() > 30 && said.iter().all(|words| words == OTHER_WORDS), "{said:?}");
}

//! Files of known issues and profiles of qualification: no panic, and what was read can be asked.
//!
//! Input: a byte for the kind of file, then its text.
#![no_main]

use bootwright::report::qualify::Profile;
use bootwright::verdict::known_issues::{AttemptFact, CaseGlob, FailureFacts, KnownIssues, Outcome, Version, Versions};

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let [kind, text @ ..] = input else { return };
    let text = String::from_utf8_lossy(text);
    match kind % 3 {
        0 => {
            let Ok(issues) = KnownIssues::parse(&text, "known-issues.toml") else { return };
            let attempts =
                [AttemptFact { target: "Hard Disk", medium: Some("a"), outcome: bootwright::trace::Outcome::Failed }];
            let facts = FailureFacts {
                booted: None,
                terminal: Some("uefi-shell"),
                attempts: &attempts,
                stale: &[],
                qemu_signal: Some(11),
                reason: "why",
            };
            let versions = Versions { qemu: "7.2.22", firmware: &[("seabios", "1.16.2-debian-1.16.2-1")] };
            for id in ["prelaunch::seabios::pc::unplug", "a"] {
                let _ = issues.classify(id, &versions, Outcome::Passed);
                let _ = issues.classify(id, &versions, Outcome::Failed(facts.clone()));
            }
        }
        1 => drop(Profile::parse(&text)),
        _ => {
            if let Ok(glob) = CaseGlob::parse(&text) {
                glob.matches("prelaunch::seabios::pc::unplug");
            }
            Version::parse(&text);
        }
    }
});

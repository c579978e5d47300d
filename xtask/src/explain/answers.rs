//! Answers out of what was seen: which devices were tried, when, and what followed when one failed.

use bootwright::guest::Guest;
use bootwright::guest::variants::{REBOOT, Variant};
use bootwright::report::{CaseResult, Verdict};
use bootwright::trace::{Attempt, LanFinding, Outcome, Trace};

/// What was seen of a variant.
pub struct Seen<'a> {
    /// The variant.
    pub variant: &'a Variant,
    /// Its result.
    pub result: &'a CaseResult,
    /// What happened.
    pub trace: Trace,
}

/// What is said of a device of which no boot was had.
pub const NOT_BOOTED: &str = "not booted";

impl Seen<'_> {
    /// Whether a machine ran: the platform may lack a device of it, and QEMU may not have come to run it.
    pub fn was_booted(&self) -> bool {
        let trace = &self.trace;
        let saw_nothing = trace.attempts.is_empty() && trace.terminal.is_none() && trace.banner.is_none();
        match self.result.verdict {
            Verdict::Skipped => false,
            Verdict::Broken => !saw_nothing,
            _ => true,
        }
    }
}

/// Why questions were not put, each reason once.
pub fn reasons(seen: &[Seen<'_>]) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for seen in seen.iter().filter(|seen| !seen.was_booted()) {
        let reason = seen.result.reason.as_deref().unwrap_or("no reason");
        let words = format!("{}: {reason}", seen.result.verdict.word());
        if !found.contains(&words) {
            found.push(words);
        }
    }
    found
}

/// An empty drive is called by its place in a trace, and by its owner's name here.
pub fn call_by_the_owners_names(guest: &Guest, variant: &Variant, trace: &mut Trace) {
    for (index, device) in guest.devices.iter().enumerate() {
        let Some(name) = variant.case.machine.name_of(index).filter(|name| *name != device.name.as_str()) else {
            continue;
        };
        for entry in trace.attempts.iter_mut().filter_map(|attempt| attempt.entry.as_mut()) {
            if *entry == name {
                *entry = device.name.as_str().into();
            }
        }
    }
}

/// The device of an attempt, by the name that the guest's owner gave it; what firmware called it where it is none.
pub fn device(attempt: &Attempt) -> String {
    if let Some(entry) = &attempt.entry {
        return entry.to_string();
    }
    if !attempt.could_be.is_empty() && !attempt.unmapped {
        return attempt.could_be.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ");
    }
    match &attempt.nic {
        Some(nic) => nic.to_string(),
        None => attempt.medium.clone().unwrap_or_else(|| attempt.target.clone()),
    }
}

/// Whether the machine of a variant is told what the guest's own is, apart from what has nothing to boot.
fn is_as_it_is(variant: &Variant) -> bool {
    !matches!(variant.key.as_str(), "strict" | "not-strict" | "reboot-disk" | "paused" | "paused-reset")
}

/// When a device is tried, in words.
pub fn tried(guest: &Guest, index: usize, seen: &[Seen<'_>]) -> String {
    let name = &guest.devices[index].name;
    let in_it = |seen: &&Seen<'_>| seen.trace.attempts.iter().any(|attempt| device(attempt) == *name);
    let as_it_is: Vec<&Seen<'_>> = seen.iter().filter(|seen| is_as_it_is(seen.variant)).collect();
    if as_it_is.iter().any(in_it) {
        let others_are = (0..guest.devices.len()).any(|other| guest.is_selected(other));
        return if others_are && !guest.is_selected(index) { "yes, though not selected" } else { "yes" }.to_owned();
    }
    let other = seen.iter().filter(in_it).map(|seen| seen.variant.key.as_str()).next();
    match other {
        Some("not-strict") => "only without strict=on".to_owned(),
        Some("strict") => "only with strict=on".to_owned(),
        Some(_) => "only when plugged in late".to_owned(),
        None if !as_it_is.iter().any(|seen| seen.was_booted()) => NOT_BOOTED.to_owned(),
        None if !as_it_is.iter().all(|seen| seen.was_booted()) => "not in what was booted".to_owned(),
        None => "never".to_owned(),
    }
}

/// What followed each time a device failed, in words.
pub fn when_it_fails(guest: &Guest, index: usize, seen: &[Seen<'_>]) -> String {
    let name = &guest.devices[index].name;
    let mut found: Vec<String> = Vec::new();
    for seen in seen.iter().filter(|seen| is_as_it_is(seen.variant)) {
        let attempts = &seen.trace.attempts;
        let is_last_failure = |(position, attempt): (usize, &Attempt)| {
            let next = attempts.get(position + 1);
            let goes_on = next.is_some_and(|next| next.lap == attempt.lap && device(next) == *name);
            device(attempt) == *name && attempt.outcome != Some(Outcome::Booted) && !goes_on
        };
        let Some(position) = attempts
            .iter()
            .enumerate()
            .find(|(position, attempt)| is_last_failure((*position, attempt)))
            .map(|(position, _)| position)
        else {
            continue;
        };
        let next = attempts.get(position + 1).filter(|next| next.lap == attempts[position].lap);
        let words = match next {
            Some(next) => format!("{} is tried", device(next)),
            None => end(seen),
        };
        if !found.contains(&words) {
            found.push(words);
        }
    }
    if found.is_empty() { "was not seen".to_owned() } else { found.join(", or ") }
}

/// How a device failed each time, in the firmware's words or what was seen.
pub fn fails_with(guest: &Guest, index: usize, seen: &[Seen<'_>]) -> String {
    let name = &guest.devices[index].name;
    let mut found: Vec<String> = Vec::new();
    for attempt in seen.iter().filter(|seen| is_as_it_is(seen.variant)).flat_map(|seen| &seen.trace.attempts) {
        let failed =
            matches!(attempt.outcome, Some(Outcome::Failed | Outcome::TimedOut | Outcome::Refused | Outcome::Hung));
        let words = attempt.reason.to_string();
        let reason = words.split(['\n', ';']).next().unwrap_or_default();
        let reason = reason.trim_start_matches(&format!("{name}: ")).to_owned();
        if failed && device(attempt) == *name && !reason.is_empty() && !found.contains(&reason) {
            found.push(reason);
        }
    }
    if found.is_empty() { "-".to_owned() } else { found.join("; ") }
}

/// The devices that were tried on the first lap, in order: `nic0 > hda`.
pub fn attempts(seen: &Seen<'_>) -> String {
    if !seen.was_booted() {
        return NOT_BOOTED.to_owned();
    }
    let first = seen.trace.attempts.first().map_or(1, |attempt| attempt.lap);
    let mut told: Vec<String> = seen.trace.attempts.iter().filter(|attempt| attempt.lap == first).map(device).collect();
    // OVMF has several entries for one card
    told.dedup();
    if told.is_empty() { "nothing".to_owned() } else { told.join(" > ") }
}

/// Whether a BIOS guest has run a program for UEFI that its network gave it: whatever follows is that program's doing.
pub fn went_astray(trace: &Trace) -> bool {
    let fetched = |finding: &LanFinding| matches!(finding, LanFinding::Transfer { name, .. } if name.contains(".efi"));
    let given = trace.attempts.last().is_some_and(|last| last.nic.is_some() && last.reason.on_lan().any(fetched));
    // OVMF has no banner
    given && trace.banner.is_some()
}

/// How a variant ended, in words.
pub fn end(seen: &Seen<'_>) -> String {
    if !seen.was_booted() {
        return "-".to_owned(); // the reason stands below the table
    }
    if !matches!(seen.result.verdict, Verdict::Passed) {
        if went_astray(&seen.trace) {
            return "a program for UEFI ran on BIOS and went astray".to_owned();
        }
        return format!("{}: {}", seen.result.verdict.word(), seen.result.reason.as_deref().unwrap_or("no reason"));
    }
    if let Some(terminal) = &seen.trace.terminal {
        return terminal.words().to_owned();
    }
    if seen.trace.booted() == Some(REBOOT) {
        return format!("{REBOOT} resets the guest, and it starts over");
    }
    if let Some(booted) = seen.trace.booted() {
        let by = seen.trace.attempts.last().map(device).filter(|device| device != booted);
        return by.map_or_else(|| format!("{booted} runs"), |by| format!("{booted} runs, by {by}"));
    }
    match seen.trace.retries.first() {
        Some(seconds) => format!("it starts over after {seconds} s"),
        None => "it starts over".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_was_not_booted_was_not_never_tried_and_the_reason_is_said_once() {
        let line = "kvm -nodefaults -device igb -hda a";
        let guest = bootwright::guest::qemu::read_text("l", line, &Default::default()).expect("a guest");
        let variants = bootwright::guest::variants::of(&guest, &[], Default::default()).expect("questions");
        let result = |verdict| {
            let key = bootwright::report::CaseKey::new("a", "host");
            let mut result = CaseResult::new(&key, verdict);
            result.reason = (verdict == Verdict::Skipped).then(|| "this QEMU has no device igb".to_owned());
            result
        };
        let (skipped, passed) = (result(Verdict::Skipped), result(Verdict::Passed));
        let seen = |results: [&'static str; 2]| -> Vec<Seen<'_>> {
            let result = |word: &str| if word == "skipped" { &skipped } else { &passed };
            let both = variants.iter().zip(results);
            both.map(|(variant, word)| Seen { variant, result: result(word), trace: Trace::default() }).collect()
        };
        let none = seen(["skipped", "skipped"]);
        assert_eq!(tried(&guest, 0, &none), NOT_BOOTED);
        assert_eq!((attempts(&none[0]).as_str(), end(&none[0]).as_str()), (NOT_BOOTED, "-"));
        assert_eq!(reasons(&none), ["skipped: this QEMU has no device igb"]);
        assert_eq!(tried(&guest, 0, &seen(["passed", "skipped"])), "not in what was booted");
        let all = seen(["passed", "passed"]);
        assert_eq!(tried(&guest, 0, &all), "never");
        assert!(reasons(&all).is_empty());
    }

    /// A BIOS guest to which its network gave a file of this name, and how the transfer ended.
    fn given(name: &str, end: &serde_json::Value) -> Trace {
        let transfer = json!({ "transfer": { "protocol": "tftp", "name": name, "end": end, "times": 1 } });
        let attempt = json!({
            "target": "ROM", "medium": null, "entry": "nic0", "nic": "nic0", "outcome": null, "reason": "", "lap": 1,
            "why": [{ "on-lan": { "nic": "nic0", "seen": transfer } }],
        });
        let attempt: Attempt = serde_json::from_value(attempt).expect("an attempt");
        Trace { attempts: vec![attempt], banner: Some("SeaBIOS (version 1.16.2)".to_owned()), ..Trace::default() }
    }

    #[test]
    fn a_program_for_uefi_that_bios_was_given_went_astray_and_no_other_did() {
        let whole = json!({ "whole": { "bytes": 6656 } });
        assert!(went_astray(&given("/arch-aarch64/grubaa64.efi", &whole)));
        assert!(!went_astray(&given("pxelinux.0", &whole)));
        let ovmf = Trace { banner: None, ..given("grubx64.efi", &whole) };
        assert!(!went_astray(&ovmf));
        assert!(!went_astray(&Trace::default()));
    }
}

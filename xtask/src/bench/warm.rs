//! Warm over cold start: what it saves, and whether it is the same boot.
//!
//! The same machines with the same seed, so with the same media and nonces, start in both ways by turns. What firmware
//! printed, what it left in its variable store, what it tried and how the case ended must be equal.

use std::fmt;
use std::path::Path;

use bootwright::report::{CaseResult, FirmwareKind, Report, Start};
use serde::Serialize;

use super::picture::Bar;
use super::scratch::{Measured, Scratch};
use crate::XtaskError;

/// Which machines: those of the default suite with OVMF that are not cold on purpose.
const GROUPS: [&str; 5] = ["order::ovmf", "strict::ovmf", "first_entry::ovmf", "places::ovmf", "drives::ovmf"];

/// What warm over cold is held against, by the beginning of OVMF's version; later ones read the boot order before BDS.
const LIMITS: [(&str, f64); 2] = [("2022.11", 0.25), ("2025.02", 0.40)];

/// Machines that start in one way before it is the other way's turn.
const TURN: usize = 4;

/// What was measured and compared.
#[derive(Debug, Serialize)]
pub struct WarmFigures {
    /// The platform.
    platform: String,
    /// Version of its OVMF.
    ovmf: String,
    /// Machines that started warm, and so were compared.
    compared: usize,
    /// Machines that did not, with the reason.
    cold: Vec<String>,
    /// Median of user and system time of QEMU, warm over cold.
    ratio: Option<f64>,
    /// Middle half of the ratios.
    middle_half: Option<[f64; 2]>,
    /// Sums over the machines compared, seconds.
    warm_seconds: f64,
    /// Likewise.
    cold_seconds: f64,
    /// What was not equal, one line each.
    pub differences: Vec<String>,
}

/// Runs `machines` machines of the suite both ways.
///
/// # Errors
///
/// Where the cases cannot be listed or run.
pub fn measure(scratch: &Scratch, machines: u32, platform: Option<&str>) -> Result<WarmFigures, XtaskError> {
    let ids = spread(scratch.list(&GROUPS)?, machines as usize);
    let platform: Vec<&str> = platform.into_iter().flat_map(|name| ["--platform", name]).collect();
    let run = |start: &str, ids: &[String], name: String| {
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        scratch.test_whatever(&[&["--exact", start, "--keep", "--seed", "7"], &platform[..], &ids].concat(), &name)
    };
    let (mut pairs, mut figures) = (Vec::new(), WarmFigures::none());
    // the base is made where that costs nobody's turn
    run("--warm", &ids[..1], "warm-base".to_owned())?;
    for (number, turn) in ids.chunks(TURN).enumerate() {
        let cold = run("--cold", turn, format!("cold-{number}"))?;
        let warm = run("--warm", turn, format!("warm-{number}"))?;
        if let Some(platform) = warm.report.platforms.first() {
            figures.platform = platform.name.clone();
            let ovmf = platform.firmware.iter().find(|file| file.kind == FirmwareKind::Ovmf);
            figures.ovmf = ovmf.map(|file| file.version.clone()).unwrap_or_default();
        }
        for id in turn {
            figures.compare(&cold, &warm, id, &mut pairs)?;
        }
    }
    let mut ratios: Vec<f64> = pairs.iter().map(|(warm, cold)| warm / cold).collect();
    ratios.sort_by(f64::total_cmp);
    let quantile = |part: usize| ratios.get((ratios.len() * part / 4).min(ratios.len().saturating_sub(1))).copied();
    figures.ratio = quantile(2);
    figures.middle_half = quantile(1).zip(quantile(3)).map(|(low, high)| [low, high]);
    figures.warm_seconds = pairs.iter().map(|(warm, _)| warm).sum();
    figures.cold_seconds = pairs.iter().map(|(_, cold)| cold).sum();
    figures.compared = pairs.len();
    Ok(figures)
}

/// So many of them, from all over the list.
fn spread(ids: Vec<String>, machines: usize) -> Vec<String> {
    let count = ids.len();
    let wanted = machines.min(count).max(1);
    (0..wanted).filter_map(|number| ids.get(number * count / wanted).cloned()).collect()
}

impl WarmFigures {
    /// The ratio beside the limit that docs/performance.md has for the platform's OVMF, where it has one.
    pub fn bar(&self) -> Option<Bar> {
        let (_, limit) = LIMITS.into_iter().find(|(ovmf, _)| self.ovmf.starts_with(ovmf))?;
        let name = format!("warm over cold start, OVMF {}", self.ovmf);
        self.ratio.map(|value| Bar { name, value, limit })
    }

    fn none() -> WarmFigures {
        WarmFigures {
            platform: String::new(),
            ovmf: String::new(),
            compared: 0,
            cold: Vec::new(),
            ratio: None,
            middle_half: None,
            warm_seconds: 0.0,
            cold_seconds: 0.0,
            differences: Vec::new(),
        }
    }

    /// Compares a machine's two boots; their times, warm and cold, where they are one of each.
    fn compare(
        &mut self,
        cold: &Measured,
        warm: &Measured,
        id: &str,
        pairs: &mut Vec<(f64, f64)>,
    ) -> Result<(), XtaskError> {
        let (cold_case, warm_case) = (case(&cold.report, id)?, case(&warm.report, id)?);
        if warm_case.start != Some(Start::Warm) && warm_case.verdict == cold_case.verdict {
            let why = warm_case.cold_because.as_deref().unwrap_or("no machine ran");
            self.cold.push(format!("{id}: {why}"));
            return Ok(());
        }
        let folders = [cold.out.join(&cold_case.evidence), warm.out.join(&warm_case.evidence)];
        let serial = [without_tsc(&folders[0].join("serial.log"))?, without_tsc(&folders[1].join("serial.log"))?];
        let parts = [
            ("verdict", cold_case.verdict == warm_case.verdict && cold_case.reason == warm_case.reason),
            ("attempts", cold_case.attempts == warm_case.attempts && cold_case.booted == warm_case.booted),
            ("serial port", said_the_same(&serial[0], &serial[1], cold_case.booted.is_some())),
            ("debug console", bytes(&folders[0].join("debugcon.log"))? == bytes(&folders[1].join("debugcon.log"))?),
            ("variable store", bytes(&folders[0].join("vars.fd"))? == bytes(&folders[1].join("vars.fd"))?),
        ];
        for (part, equal) in parts {
            if !equal {
                self.differences.push(format!("{id}: {part}"));
            }
        }
        pairs.extend(warm_case.processor_seconds.zip(cold_case.processor_seconds));
        Ok(())
    }
}

fn case<'a>(report: &'a Report, id: &str) -> Result<&'a CaseResult, XtaskError> {
    let found = report.cases.iter().find(|case| case.id == id);
    found.ok_or_else(|| XtaskError(format!("{id} is not in the report of its own run")))
}

fn bytes(path: &Path) -> Result<Vec<u8>, XtaskError> {
    std::fs::read(path).map_err(|error| XtaskError(format!("{}: {error}", path.display())))
}

/// Whether two starts printed the same. A payload ends its machine itself; where none ran, the run ends the machine some time
/// after firmware has stopped, and what a shell prints until then is the host's chance: one log then begins with the other.
fn said_the_same(cold: &str, warm: &str, payload_ran: bool) -> bool {
    cold == warm || (!payload_ran && (cold.starts_with(warm) || warm.starts_with(cold)))
}

/// A log without the values of the time stamp counter, which no two boots agree in.
fn without_tsc(path: &Path) -> Result<String, XtaskError> {
    let log = String::from_utf8_lossy(&bytes(path)?).into_owned();
    fn digits(text: &str) -> &str {
        text.trim_start_matches(|c: char| c.is_ascii_hexdigit())
    }
    let behind = |part| digits(part).strip_prefix(" sum=").map_or_else(|| digits(part), digits);
    let mut parts = log.split(" tsc=");
    let first = parts.next().unwrap_or_default().to_owned();
    Ok(parts.fold(first, |text, part| text + " tsc=" + behind(part)))
}

impl fmt::Display for WarmFigures {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.ratio, self.middle_half) {
            (Some(ratio), Some([low, high])) => {
                writeln!(
                    out,
                    "{ratio:6.3}  warm over cold start of OVMF on {}: processor time of QEMU",
                    self.platform
                )?;
                writeln!(
                    out,
                    "        middle half {low:.3} to {high:.3} of {} machines; {:.1} s warm, {:.1} s cold",
                    self.compared, self.warm_seconds, self.cold_seconds
                )?;
            }
            _ => writeln!(out, "        no machine started warm on {}", self.platform)?,
        }
        let equal = if self.differences.is_empty() { "all equal" } else { "NOT EQUAL" };
        writeln!(out, "        {equal}: verdict, attempts, serial port, debug console, bytes of the variable store")?;
        for difference in &self.differences {
            writeln!(out, "        differs: {difference}")?;
        }
        for cold in &self.cold {
            writeln!(out, "        cold: {cold}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines_are_taken_from_all_over_the_list() {
        let ids: Vec<String> = (0..10).map(|number| number.to_string()).collect();
        assert_eq!(spread(ids.clone(), 5), ["0", "2", "4", "6", "8"]);
        assert_eq!(spread(ids.clone(), 100), ids);
        assert_eq!(spread(Vec::new(), 3), Vec::<String>::new());
    }

    #[test]
    fn only_a_log_that_the_run_cut_off_may_be_longer() {
        assert!(said_the_same("Shell\nMapping", "Shell\n", false));
        assert!(!said_the_same("Shell\nMapping", "Shell\n", true));
        assert!(!said_the_same("Shell\nMapping", "Shell\nBLK0", false));
    }

    #[test]
    fn a_counter_makes_no_difference_and_another_word_does() {
        let dir = std::env::temp_dir().join(format!("bench-warm-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let log = |text: &str| {
            let path = dir.join("serial.log");
            std::fs::write(&path, text).unwrap();
            without_tsc(&path).unwrap()
        };
        assert_eq!(log("a tsc=1f sum=0a0b end"), log("a tsc=2 sum=0c0d end"));
        assert_ne!(log("a tsc=1f end"), log("a tsc=1f END"));
        std::fs::remove_dir_all(&dir).unwrap();
    }
}

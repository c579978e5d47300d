//! Warm over cold start: what it saves, and whether it is the same boot.
//!
//! The same machines with the same seed, so with the same media and nonces, start in both ways by turns. What firmware
//! printed, what it left in its variable store, what it tried and how the case ended must be equal. They also start with a
//! reset on QEMU's plain CPU model, which is what a boot cost before machines had pages of 1 GiB (docs/adr/0010-ovmf-cpu.md).

use std::fmt;
use std::path::{Path, PathBuf};

use bootwright::case::file::Format;
use bootwright::report::{CaseResult, FirmwareKind, Report, Start, folder_name};
use serde::Serialize;
use serde_json::Value;

use super::picture::Bar;
use super::scratch::{Measured, Scratch};
use crate::XtaskError;
use crate::test::boot_binary::BootBinary;
use crate::test::source::Source;

/// Which machines: those of the default suite with OVMF that are not cold on purpose.
const GROUPS: [&str; 5] = ["order::ovmf", "strict::ovmf", "first_entry::ovmf", "places::ovmf", "drives::ovmf"];

/// What warm over a cold boot of the plain CPU model is held against, by the beginning of OVMF's version; later ones read the boot
/// order before BDS.
const LIMITS: [(&str, f64); 2] = [("2022.11", 0.25), ("2025.02", 0.40)];

/// Machines that start in one way before it is the other way's turn.
const TURN: usize = 4;

/// QEMU's CPU model of PC boards where nothing is said.
const PLAIN_CPU: &str = "qemu64";

/// User and system time of QEMU in each of a machine's boots, seconds.
struct Times {
    warm: f64,
    cold: f64,
    /// Cold, on the plain CPU model.
    plain: f64,
}

/// How ratios are spread.
#[derive(Debug, Serialize)]
struct Quartiles {
    median: f64,
    /// Between the first and the third quarter.
    middle_half: [f64; 2],
}

impl Quartiles {
    fn of(mut ratios: Vec<f64>) -> Option<Quartiles> {
        ratios.sort_by(f64::total_cmp);
        let at = |part: usize| ratios.get((ratios.len() * part / 4).min(ratios.len().saturating_sub(1))).copied();
        at(2).zip(at(1).zip(at(3))).map(|(median, (low, high))| Quartiles { median, middle_half: [low, high] })
    }
}

/// What was measured and compared.
#[derive(Debug, Default, Serialize)]
pub struct WarmFigures {
    /// The platform.
    platform: String,
    /// Version of its OVMF.
    ovmf: String,
    /// Machines that started warm, and so were compared.
    compared: usize,
    /// Machines that did not, with the reason.
    cold: Vec<String>,
    /// User and system time of QEMU, warm over cold.
    over_cold: Option<Quartiles>,
    /// The same over a cold boot on the plain CPU model.
    over_plain: Option<Quartiles>,
    /// Sums over the machines compared, seconds.
    warm_seconds: f64,
    /// Likewise.
    cold_seconds: f64,
    /// Likewise.
    plain_seconds: f64,
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
    let run = |start: &str, which: &[&str], name: String| {
        scratch.test_whatever(&[&[start, "--keep", "--seed", "7"], &platform[..], which].concat(), &name)
    };
    let exactly = |ids: &[String]| [&["--exact".to_owned()][..], ids].concat();
    let plain = PlainCpu::new(scratch)?;
    let (mut times, mut figures) = (Vec::new(), WarmFigures::default());
    // the base is made where that costs nobody's turn
    run("--warm", &words(&exactly(&ids[..1])), "warm-base".to_owned())?;
    for (number, turn) in ids.chunks(TURN).enumerate() {
        let these = exactly(turn);
        let cold = run("--cold", &words(&these), format!("cold-{number}"))?;
        let warm = run("--warm", &words(&these), format!("warm-{number}"))?;
        let plain = run("--cold", &words(&plain.files(turn)?), format!("plain-{number}"))?;
        if let Some(platform) = warm.report.platforms.first() {
            figures.platform = platform.name.clone();
            let ovmf = platform.firmware.iter().find(|file| file.kind == FirmwareKind::Ovmf);
            figures.ovmf = ovmf.map(|file| file.version.clone()).unwrap_or_default();
        }
        for id in turn {
            let Some([warm, cold]) = figures.compare(&cold, &warm, id)? else { continue };
            let plain = processor_seconds(case(&plain.report, id)?)?;
            times.push(Times { warm, cold, plain });
        }
    }
    figures.compared = times.len();
    figures.over_cold = Quartiles::of(times.iter().map(|times| times.warm / times.cold).collect());
    figures.over_plain = Quartiles::of(times.iter().map(|times| times.warm / times.plain).collect());
    figures.warm_seconds = times.iter().map(|times| times.warm).sum();
    figures.cold_seconds = times.iter().map(|times| times.cold).sum();
    figures.plain_seconds = times.iter().map(|times| times.plain).sum();
    Ok(figures)
}

fn words(words: &[String]) -> Vec<&str> {
    words.iter().map(String::as_str).collect()
}

/// Cases as files whose machines have QEMU's plain CPU model.
struct PlainCpu {
    program: BootBinary,
    folder: PathBuf,
}

impl PlainCpu {
    fn new(scratch: &Scratch) -> Result<PlainCpu, XtaskError> {
        Ok(PlainCpu { program: BootBinary::build(&Source::own())?, folder: scratch.folder("plain-cpu")? })
    }

    /// Arguments of `cargo xtask test` that run these.
    fn files(&self, ids: &[String]) -> Result<Vec<String>, XtaskError> {
        let mut arguments = Vec::new();
        for id in ids {
            let path = self.folder.join(format!("{}.json", folder_name(id)));
            let text = on_plain_cpu(&self.program.case(id, Format::Json)?)?;
            std::fs::write(&path, text).map_err(|error| XtaskError(format!("{}: {error}", path.display())))?;
            arguments.extend(["--case-file".to_owned(), path.display().to_string()]);
        }
        Ok(arguments)
    }
}

/// The same case, its machine on the plain CPU model.
fn on_plain_cpu(case: &str) -> Result<String, XtaskError> {
    let mut case: Value = serde_json::from_str(case).map_err(XtaskError::from)?;
    case["machine"]["cpu"] = PLAIN_CPU.into();
    Ok(case.to_string())
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
        let name = format!("warm over cold start on the plain CPU model, OVMF {}", self.ovmf);
        self.over_plain.as_ref().map(|over| Bar { name, value: over.median, limit })
    }

    /// Compares a machine's two boots; their times, warm and cold, where they are one of each.
    fn compare(&mut self, cold: &Measured, warm: &Measured, id: &str) -> Result<Option<[f64; 2]>, XtaskError> {
        let (cold_case, warm_case) = (case(&cold.report, id)?, case(&warm.report, id)?);
        if warm_case.start != Some(Start::Warm) && warm_case.verdict == cold_case.verdict {
            let why = warm_case.cold_because.as_deref().unwrap_or("no machine ran");
            self.cold.push(format!("{id}: {why}"));
            return Ok(None);
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
        Ok(Some([processor_seconds(warm_case)?, processor_seconds(cold_case)?]))
    }
}

fn case<'a>(report: &'a Report, id: &str) -> Result<&'a CaseResult, XtaskError> {
    let found = report.cases.iter().find(|case| case.id == id);
    found.ok_or_else(|| XtaskError(format!("{id} is not in the report of its own run")))
}

fn processor_seconds(case: &CaseResult) -> Result<f64, XtaskError> {
    let seconds = case.processor_seconds.filter(|seconds| *seconds > 0.0);
    seconds.ok_or_else(|| XtaskError(format!("{}: no processor time of QEMU is in the report of its own run", case.id)))
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
        let spread = [
            (&self.over_cold, "cold start", self.cold_seconds),
            (&self.over_plain, "cold start on the plain CPU model", self.plain_seconds),
        ];
        for (over, what, seconds) in spread {
            let Some(Quartiles { median, middle_half: [low, high] }) = over else { continue };
            writeln!(out, "{median:6.3}  warm over {what} of OVMF on {}: processor time of QEMU", self.platform)?;
            writeln!(
                out,
                "        middle half {low:.3} to {high:.3} of {} machines; {:.1} s warm, {seconds:.1} s cold",
                self.compared, self.warm_seconds
            )?;
        }
        if self.compared == 0 {
            writeln!(out, "        no machine started warm on {}", self.platform)?;
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
    fn a_case_on_the_plain_cpu_model_is_the_same_but_for_that() {
        let plain = on_plain_cpu(r#"{"id":"a","machine":{"board":"pc","cpu":"max"}}"#).unwrap();
        assert_eq!(plain, r#"{"id":"a","machine":{"board":"pc","cpu":"qemu64"}}"#);
    }

    #[test]
    fn a_median_has_a_quarter_of_the_ratios_on_each_side_of_its_middle_half() {
        let Quartiles { median, middle_half } = Quartiles::of(vec![0.4, 0.1, 0.3, 0.2]).unwrap();
        assert_eq!((median, middle_half), (0.3, [0.2, 0.4]));
        assert!(Quartiles::of(Vec::new()).is_none());
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

//! `cargo xtask case minimize F`: runs smaller and smaller cases in this process.

use std::path::{Path, PathBuf};

use bootwright::case::file::{Format, read_file, write};
use bootwright::case::minimize::{Failure, Minimized, Seen, minimize};
use bootwright::case::{Case, SourceLine};
use bootwright::platform::{self, Platform, PlatformName};
use bootwright::run::{self, Ended, Options};
use bootwright::suite;

use crate::XtaskError;
use crate::interrupt;
use crate::output::{note, print};
use crate::platform::ProgressLine;
use crate::test::out_dir;

/// Options of `cargo xtask case minimize`.
#[derive(clap::Args)]
pub struct Args {
    /// The case file, which stays as it is
    #[arg(value_name = "F")]
    file: PathBuf,
    /// Where the case fails [default: host, or apt if the host has no QEMU]
    #[arg(long, value_name = "NAME")]
    platform: Option<PlatformName>,
    /// Run at most so many smaller cases
    #[arg(long, value_name = "N", default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..))]
    trials: u32,
    /// Seed of everything random
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

/// Prints the smallest case that fails as the given one does.
///
/// # Errors
///
/// [`XtaskError`] for a case that does not fail, or not twice in the same way.
pub fn run(args: &Args) -> Result<(), XtaskError> {
    let case = read_file(&args.file).map_err(XtaskError::from)?;
    let name = args.platform.clone().unwrap_or_else(suite::default_platform);
    let mut line = ProgressLine::default();
    let platform = Platform::resolve(&name, &platform::Options::default(), &mut |step| line.show(step));
    let platform = platform.map_err(XtaskError::from)?;
    let scratch = Scratch(out_dir::runs().join(format!("minimize-{}", std::process::id())));
    interrupt::remove_at_signal(&scratch.0);
    interrupt::end_machines_at_first();
    let runner = Runner { platform: &platform, seed: args.seed, folder: &scratch.0 };
    let failure = runner.failure_of(&case, &args.file);
    interrupt::interrupted()?;
    let failure = failure?;
    note(&format!("fails on {name}: {failure}"));
    let mut count = 0;
    let smaller = minimize(&case, args.trials as usize, &mut |smaller, without| {
        if interrupt::is_noted() {
            return Seen::Otherwise;
        }
        count += 1;
        let seen = runner.run(smaller);
        let same = seen.as_ref().ok() == Some(&failure);
        let words = if same { "not needed" } else { "needed" };
        note(&format!("[{count:>3}] {words:<10}  {without}"));
        if same { Seen::Same } else { Seen::Otherwise }
    });
    interrupt::interrupted()?;
    // by chance or not: media have other nonces under another seed
    let again = Runner { seed: args.seed.wrapping_add(1), ..runner };
    if !smaller.dropped.is_empty() && again.run(&smaller.case) != Ok(failure.clone()) {
        let hint = "the failure depends on chance; try another --seed";
        return Err(XtaskError(format!("the smaller case does not fail in the same way under another seed: {hint}")));
    }
    report(&smaller, &failure);
    // it is written where it will lie
    let file = smaller.case.clone().written_at(SourceLine::default());
    let text = write(&file, Format::of(&args.file)).map_err(XtaskError::from)?;
    print(&text)
}

fn report(smaller: &Minimized, failure: &Failure) {
    note(&outcome(smaller, failure));
    if !smaller.finished {
        note("the trials were used up before everything was tried: --trials N allows more");
    }
}

/// What has come of the trials, in one line.
fn outcome(smaller: &Minimized, failure: &Failure) -> String {
    let Minimized { case, dropped, trials, finished } = smaller;
    let of_trials = format!("{trials} smaller case{}", if *trials == 1 { "" } else { "s" });
    if dropped.is_empty() {
        let so_far = if *finished { "nothing can go" } else { "nothing has gone so far" };
        return format!("{so_far}: of {of_trials} each holds, fails in another way or cannot run");
    }
    let (devices, steps) = (case.machine.devices.len(), case.story.steps.len());
    let [device, step] = [(devices, "device"), (steps, "step")]
        .map(|(count, word)| format!("{count} {word}{}", if count == 1 { "" } else { "s" }));
    format!("{device} and {step} are left after {of_trials}; it still fails: {failure}")
}

/// What runs one case after another.
struct Runner<'a> {
    platform: &'a Platform,
    seed: u64,
    folder: &'a Path,
}

impl Runner<'_> {
    /// How a case fails, or in words what it does instead.
    fn run(&self, case: &Case) -> Result<Failure, String> {
        run::clear(self.folder).map_err(|error| format!("{}: {error}", self.folder.display()))?;
        let finished = run::run(case, self.platform, &Options::new(self.folder, self.seed));
        finished.failure().ok_or_else(|| match finished.ended {
            Ended::Broken(reason) => format!("it is broken: {reason}"),
            Ended::Skipped(reason) => format!("it is skipped: {reason}"),
            _ => "it holds".to_owned(),
        })
    }

    /// How the case to make smaller fails.
    fn failure_of(&self, case: &Case, file: &Path) -> Result<Failure, XtaskError> {
        let nothing = |instead| {
            let platform = &self.platform.name;
            XtaskError(format!(
                "{} does not fail on {platform}, so that nothing can be made smaller: {instead}",
                file.display()
            ))
        };
        let first = self.run(case).map_err(nothing)?;
        let second = self.run(case).map_err(nothing)?;
        if first != second {
            let words = format!("{} fails in another way each time: {first}; then {second}", file.display());
            return Err(XtaskError(words));
        }
        Ok(first)
    }
}

/// A folder that goes with this value.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    #[test]
    fn no_trials_at_all_are_refused() {
        let line =
            |trials| Line::try_parse_from(["minimize", "a.toml", "--trials", trials]).map(|line| line.args.trials);
        assert_eq!(line("1").unwrap(), 1);
        assert!(line("0").unwrap_err().to_string().contains("0 is not in 1.."));
    }

    #[test]
    fn that_nothing_can_go_is_said_only_where_everything_was_tried() {
        let failure = Failure { words: "nothing booted".to_owned(), booted: None, terminal: None };
        let words = |finished| {
            let smaller = Minimized { case: Case::new("a::b"), dropped: Vec::new(), trials: 1, finished };
            outcome(&smaller, &failure)
        };
        assert_eq!(words(true), "nothing can go: of 1 smaller case each holds, fails in another way or cannot run");
        assert!(words(false).starts_with("nothing has gone so far: "), "{}", words(false));
    }
}

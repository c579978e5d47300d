//! What a test binary is told through its environment, so that `cargo test`, `cargo nextest` and `cargo xtask test` run the
//! same cases in the same way.

use std::fmt::{self, Display};
use std::path::PathBuf;
use std::str::FromStr;

use crate::case::Suite;
use crate::machine::{Accelerator, Clock};
use crate::report::Shard;

/// Everything that can be set. Each field is one variable; [`Settings::read`] and [`Settings::to_env`] are each other's inverse.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// `BOOTWRIGHT_OUT`: the run's output directory; default `bootwright/cargo-test` in the target directory of the binary.
    pub out: PathBuf,
    /// `BOOTWRIGHT_PLATFORM`: name of the platform; default: the host's QEMU, else packages of its release.
    pub platform: Option<String>,
    /// `BOOTWRIGHT_MIRROR`: where packages come from.
    pub mirror: Option<String>,
    /// `BOOTWRIGHT_SEVERAL_PLATFORMS`: the platform's name is part of evidence paths.
    pub several_platforms: bool,
    /// `BOOTWRIGHT_SUITE`: `smoke` (default), `default` or `full`.
    pub suite: Suite,
    /// `BOOTWRIGHT_SEED`: default is a new one for each process.
    pub seed: u64,
    /// `BOOTWRIGHT_ACCEL`: `tcg` (default), `kvm` or `auto`.
    pub accelerator: AcceleratorChoice,
    /// `BOOTWRIGHT_CLOCK`: `virtual` or `real`; default by machine.
    pub clock: Option<Clock>,
    /// `BOOTWRIGHT_KEEP`: keep media of passing cases.
    pub keep: bool,
    /// `BOOTWRIGHT_STRICT`: a skip is a failure.
    pub strict: bool,
    /// `BOOTWRIGHT_PAUSE_ON_FAILURE`.
    pub pause_on_failure: bool,
    /// `BOOTWRIGHT_PRELAUNCH_DOUBLE`: imitate a QEMU without the prelaunch bug (`docs/stories.md`). `cargo xtask test` passes it
    /// on; it has no option because it is no way to test a QEMU.
    pub prelaunch_double: bool,
    /// `BOOTWRIGHT_SHARD`: `K/N`, K from 1.
    pub shard: Option<Shard>,
    /// `BOOTWRIGHT_REPEAT`: how often each case runs; 1 is not a repetition.
    pub repeat: u32,
    /// `BOOTWRIGHT_SELECTION`: a file with the names of the tests to run, one a line; only these are listed.
    pub selection: Option<PathBuf>,
    /// `BOOTWRIGHT_CASE_FILES`: files of cases, or folders of them, that run in place of the binary's own; a JSON list of paths.
    pub case_files: Vec<PathBuf>,
    /// `BOOTWRIGHT_KNOWN_ISSUES`: another file than the crate's own.
    pub known_issues: Option<PathBuf>,
    /// `BOOTWRIGHT_MAX_FAIL`: no further case begins after so many that are not as expected.
    pub max_fail: Option<u32>,
    /// `BOOTWRIGHT_ALL_HANGS`: cases of a firmware whose guests hang are run however long that takes.
    pub all_hangs: bool,
    /// `BOOTWRIGHT_WARM`: `never` (default), `worth` or `always`: whether machines with OVMF may start from a proven state.
    pub warm: WarmChoice,
}

/// A variable that does not say what it should.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{variable}=\"{found}\": {reason}")]
pub struct SettingsError {
    /// The variable.
    pub variable: &'static str,
    /// Its value.
    pub found: String,
    /// What it may be.
    pub reason: String,
}

/// A word that is none of those that are known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("wanted {0}")]
pub struct Wanted(&'static str);

impl Settings {
    /// The values that hold where nothing is set, with a new seed.
    pub fn new(out: PathBuf) -> Settings {
        Settings {
            out,
            platform: None,
            mirror: None,
            several_platforms: false,
            suite: Suite::Smoke,
            seed: fresh_seed(),
            accelerator: AcceleratorChoice::Tcg,
            clock: None,
            keep: false,
            strict: false,
            pause_on_failure: false,
            prelaunch_double: false,
            shard: None,
            repeat: 1,
            selection: None,
            case_files: Vec::new(),
            known_issues: None,
            max_fail: None,
            all_hangs: false,
            warm: WarmChoice::Never,
        }
    }

    /// Reads the environment through `get`.
    ///
    /// # Errors
    ///
    /// [`SettingsError`] names the first variable that makes no sense.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Result<Settings, SettingsError> {
        let get = |variable: &'static str| get(variable).filter(|value| !value.is_empty());
        let flag = |variable| get(variable).is_some_and(|value| value != "0");
        let path = |variable| get(variable).map(PathBuf::from);
        let unset = Settings::new(path(OUT).unwrap_or_else(default_out));
        Ok(Settings {
            platform: get(PLATFORM),
            mirror: get(MIRROR),
            several_platforms: flag(SEVERAL_PLATFORMS),
            suite: parse(SUITE, get(SUITE))?.unwrap_or(unset.suite),
            seed: parse::<Seed>(SEED, get(SEED))?.map_or(unset.seed, |seed| seed.0),
            accelerator: parse(ACCEL, get(ACCEL))?.unwrap_or(unset.accelerator),
            clock: parse(CLOCK, get(CLOCK))?,
            keep: flag(KEEP),
            strict: flag(STRICT),
            pause_on_failure: flag(PAUSE_ON_FAILURE),
            prelaunch_double: flag(PRELAUNCH_DOUBLE),
            shard: parse(SHARD, get(SHARD))?,
            repeat: parse::<Repeat>(REPEAT, get(REPEAT))?.map_or(unset.repeat, |repeat| repeat.0),
            selection: path(SELECTION),
            case_files: parse::<Paths>(CASE_FILES, get(CASE_FILES))?.map(|paths| paths.0).unwrap_or_default(),
            known_issues: path(KNOWN_ISSUES),
            max_fail: parse::<Count>(MAX_FAIL, get(MAX_FAIL))?.map(|count| count.0),
            all_hangs: flag(ALL_HANGS),
            warm: parse(WARM, get(WARM))?.unwrap_or(unset.warm),
            ..unset
        })
    }

    /// Every variable with its value; empty where nothing is set, so that no older value of the environment shines through.
    pub fn to_env(&self) -> Vec<(&'static str, String)> {
        let word = |value: Option<&dyn Display>| value.map(ToString::to_string).unwrap_or_default();
        let flag = |on: bool| if on { "1".to_owned() } else { String::new() };
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string()).unwrap_or_default();
        vec![
            (OUT, self.out.display().to_string()),
            (PLATFORM, self.platform.clone().unwrap_or_default()),
            (MIRROR, self.mirror.clone().unwrap_or_default()),
            (SEVERAL_PLATFORMS, flag(self.several_platforms)),
            (SUITE, self.suite.to_string()),
            (SEED, self.seed.to_string()),
            (ACCEL, self.accelerator.to_string()),
            (CLOCK, word(self.clock.as_ref().map(|clock| clock as &dyn Display))),
            (KEEP, flag(self.keep)),
            (STRICT, flag(self.strict)),
            (PAUSE_ON_FAILURE, flag(self.pause_on_failure)),
            (PRELAUNCH_DOUBLE, flag(self.prelaunch_double)),
            (SHARD, word(self.shard.as_ref().map(|shard| shard as &dyn Display))),
            (REPEAT, self.repeat.to_string()),
            (SELECTION, path(&self.selection)),
            (CASE_FILES, as_list(&self.case_files)),
            (KNOWN_ISSUES, path(&self.known_issues)),
            (ALL_HANGS, flag(self.all_hangs)),
            (WARM, self.warm.to_string()),
            (MAX_FAIL, word(self.max_fail.as_ref().map(|count| count as &dyn Display))),
        ]
    }
}

const OUT: &str = "BOOTWRIGHT_OUT";
const PLATFORM: &str = "BOOTWRIGHT_PLATFORM";
const MIRROR: &str = "BOOTWRIGHT_MIRROR";
const SEVERAL_PLATFORMS: &str = "BOOTWRIGHT_SEVERAL_PLATFORMS";
const SUITE: &str = "BOOTWRIGHT_SUITE";
const SEED: &str = "BOOTWRIGHT_SEED";
const ACCEL: &str = "BOOTWRIGHT_ACCEL";
const CLOCK: &str = "BOOTWRIGHT_CLOCK";
const KEEP: &str = "BOOTWRIGHT_KEEP";
const STRICT: &str = "BOOTWRIGHT_STRICT";
const PAUSE_ON_FAILURE: &str = "BOOTWRIGHT_PAUSE_ON_FAILURE";
const PRELAUNCH_DOUBLE: &str = "BOOTWRIGHT_PRELAUNCH_DOUBLE";
const SHARD: &str = "BOOTWRIGHT_SHARD";
const REPEAT: &str = "BOOTWRIGHT_REPEAT";
const SELECTION: &str = "BOOTWRIGHT_SELECTION";
const CASE_FILES: &str = "BOOTWRIGHT_CASE_FILES";
const KNOWN_ISSUES: &str = "BOOTWRIGHT_KNOWN_ISSUES";
const WARM: &str = "BOOTWRIGHT_WARM";
const ALL_HANGS: &str = "BOOTWRIGHT_ALL_HANGS";
const MAX_FAIL: &str = "BOOTWRIGHT_MAX_FAIL";

fn parse<T>(variable: &'static str, found: Option<String>) -> Result<Option<T>, SettingsError>
where
    T: FromStr<Err: Display>,
{
    let parsed = found.as_ref().map(|text| text.parse::<T>()).transpose();
    parsed.map_err(|wanted| SettingsError { variable, found: found.unwrap_or_default(), reason: wanted.to_string() })
}

impl FromStr for Suite {
    type Err = Wanted;

    fn from_str(text: &str) -> Result<Suite, Wanted> {
        let all = [Suite::Smoke, Suite::Default, Suite::Full];
        all.into_iter().find(|suite| suite.to_string() == text).ok_or(Wanted("smoke, default or full"))
    }
}

impl Display for Suite {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(match self {
            Suite::Smoke => "smoke",
            Suite::Default => "default",
            Suite::Full => "full",
        })
    }
}

/// Whether machines with OVMF may start from a proven state instead of a reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WarmChoice {
    /// Every machine starts with a reset.
    Never,
    /// They may where enough machines are to run; a state that is not in the cache is made once one of them has booted.
    Worth,
    /// They may; a state that is not in the cache is made for a single machine too.
    Always,
}

impl FromStr for WarmChoice {
    type Err = Wanted;

    fn from_str(text: &str) -> Result<WarmChoice, Wanted> {
        let all = [WarmChoice::Never, WarmChoice::Worth, WarmChoice::Always];
        all.into_iter().find(|choice| choice.to_string() == text).ok_or(Wanted("never, worth or always"))
    }
}

impl Display for WarmChoice {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(match self {
            WarmChoice::Never => "never",
            WarmChoice::Worth => "worth",
            WarmChoice::Always => "always",
        })
    }
}

/// What is to execute the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AcceleratorChoice {
    /// QEMU's own translator, which runs everywhere.
    Tcg,
    /// The host's `/dev/kvm`.
    Kvm,
    /// `/dev/kvm` for each firmware that boots a payload under it, else QEMU's translator.
    Auto,
}

impl AcceleratorChoice {
    /// The accelerator; `None` where it is to be found out.
    pub fn fixed(self) -> Option<Accelerator> {
        match self {
            AcceleratorChoice::Tcg => Some(Accelerator::Tcg),
            AcceleratorChoice::Kvm => Some(Accelerator::Kvm),
            AcceleratorChoice::Auto => None,
        }
    }
}

impl FromStr for AcceleratorChoice {
    type Err = Wanted;

    fn from_str(text: &str) -> Result<AcceleratorChoice, Wanted> {
        let all = [AcceleratorChoice::Tcg, AcceleratorChoice::Kvm, AcceleratorChoice::Auto];
        all.into_iter().find(|choice| choice.to_string() == text).ok_or(Wanted("tcg, kvm or auto"))
    }
}

impl Display for AcceleratorChoice {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(self.fixed().map_or("auto", Accelerator::name))
    }
}

struct Seed(u64);

impl FromStr for Seed {
    type Err = Wanted;

    fn from_str(text: &str) -> Result<Seed, Wanted> {
        text.parse().map(Seed).map_err(|_| Wanted("a whole number"))
    }
}

struct Paths(Vec<PathBuf>);

impl FromStr for Paths {
    type Err = Wanted;

    fn from_str(text: &str) -> Result<Paths, Wanted> {
        serde_json::from_str(text).map(Paths).map_err(|_| Wanted("a JSON list of paths"))
    }
}

/// A list that [`Paths`] reads; empty where there is none.
fn as_list(paths: &[PathBuf]) -> String {
    let paths: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    if paths.is_empty() { String::new() } else { serde_json::json!(paths).to_string() }
}

struct Count(u32);

impl FromStr for Count {
    type Err = Wanted;

    fn from_str(text: &str) -> Result<Count, Wanted> {
        let count = text.parse().ok().filter(|count| *count > 0);
        count.map(Count).ok_or(Wanted("a number from 1"))
    }
}

struct Repeat(u32);

impl FromStr for Repeat {
    type Err = Wanted;

    fn from_str(text: &str) -> Result<Repeat, Wanted> {
        let count = text.parse().ok().filter(|count| (1..=10_000).contains(count));
        count.map(Repeat).ok_or(Wanted("a number from 1 to 10000"))
    }
}

/// Whether the environment asks for the imitation of a QEMU without the prelaunch bug.
pub fn imitates_fixed_prelaunch(get: impl Fn(&str) -> Option<String>) -> bool {
    get(PRELAUNCH_DOUBLE).is_some_and(|value| !value.is_empty() && value != "0")
}

/// A seed that no earlier run had, so that no medium left behind by one can carry a nonce of this run. At most 2^53, since
/// reports are JSON.
fn fresh_seed() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    (now.as_nanos() as u64 ^ u64::from(std::process::id()) << 32) & ((1 << 53) - 1)
}

/// In the target directory that this binary was built into (`target/PROFILE/deps/boot-HASH`), else below the current one.
fn default_out() -> PathBuf {
    let binary = std::env::current_exe().unwrap_or_default();
    let deps = binary.ancestors().find(|folder| folder.file_name().is_some_and(|name| name == "deps"));
    let target = deps.and_then(|deps| deps.ancestors().nth(2)).map(PathBuf::from);
    target.unwrap_or_else(|| PathBuf::from("target")).join("bootwright/cargo-test")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_set_is_the_smoke_suite_under_tcg() {
        let settings = Settings::read(|_| None).unwrap();
        let seen = (settings.suite, settings.accelerator, settings.repeat);
        assert_eq!(seen, (Suite::Smoke, AcceleratorChoice::Tcg, 1));
        assert!(settings.out.ends_with("target/bootwright/cargo-test"), "{}", settings.out.display());
    }

    #[test]
    fn what_is_written_to_an_environment_is_read_from_it() {
        let plain = Settings::new("out".into());
        let full = Settings {
            out: "elsewhere".into(),
            platform: Some("debian:sid".to_owned()),
            mirror: Some("http://example.org/debian".to_owned()),
            several_platforms: true,
            suite: Suite::Full,
            seed: 7,
            accelerator: AcceleratorChoice::Auto,
            clock: Some(Clock::VIRTUAL),
            keep: true,
            strict: true,
            pause_on_failure: true,
            prelaunch_double: true,
            shard: Shard::new(2, 3),
            repeat: 4,
            selection: Some("selection.txt".into()),
            case_files: vec!["a.toml".into(), "b:c, d".into()],
            known_issues: Some("issues.toml".into()),
            max_fail: Some(3),
            all_hangs: true,
            warm: WarmChoice::Always,
        };
        let real = Settings { clock: Some(Clock::Real), suite: Suite::Default, ..plain.clone() };
        for settings in [plain, full, real] {
            let environment = settings.to_env();
            let get = |name: &str| environment.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone());
            assert_eq!(Settings::read(get), Ok(settings));
        }
    }

    #[rstest::rstest]
    #[case::a_shard_beyond_the_last(SHARD, "3/2", "K/N with K from 1 to N")]
    #[case::an_unknown_suite(SUITE, "everything", "smoke, default or full")]
    #[case::an_unknown_accelerator(ACCEL, "hvf", "tcg, kvm or auto")]
    #[case::an_unknown_clock(CLOCK, "slow", "virtual or real")]
    #[case::a_seed_in_words(SEED, "one", "a whole number")]
    #[case::an_unknown_start(WARM, "1", "never, worth or always")]
    #[case::no_list(CASE_FILES, "a.toml", "a JSON list of paths")]
    #[case::no_failure(MAX_FAIL, "0", "a number from 1")]
    #[case::no_repetition(REPEAT, "0", "a number from 1 to 10000")]
    fn a_value_that_makes_no_sense_is_refused(
        #[case] variable: &'static str,
        #[case] found: &str,
        #[case] wanted: &str,
    ) {
        let error = Settings::read(|name| (name == variable).then(|| found.to_owned())).unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with(&format!("{variable}=\"{found}\": ")), "{text}");
        assert!(text.ends_with(&format!("wanted {wanted}")), "{text}");
    }
}

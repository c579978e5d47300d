//! What the `boot` binary is told through its environment, so that `cargo test`, `cargo nextest` and `cargo xtask test`
//! run the same cases in the same way.

use std::path::PathBuf;

use bootwright::case::Suite;
use bootwright::machine::{Accelerator, Clock};

/// Everything that can be set.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// `BOOTWRIGHT_OUT`: the run's output directory; default `target/bootwright/cargo-test` beside the workspace.
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
    /// `BOOTWRIGHT_ACCEL`: `tcg` (default), `kvm`, or `auto`, which is `None`: each firmware is probed by a boot.
    pub accelerator: Option<Accelerator>,
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
    pub shard: Option<(u32, u32)>,
    /// `BOOTWRIGHT_REPEAT`: how often each case runs; 1 is not a repetition.
    pub repeat: u32,
    /// `BOOTWRIGHT_SELECTION`: a file with the names of the tests to run, one a line; only these are listed.
    pub selection: Option<PathBuf>,
    /// `BOOTWRIGHT_KNOWN_ISSUES`: another file than the project's own.
    pub known_issues: Option<PathBuf>,
}

/// A variable that does not say what it should.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{variable}=\"{found}\": wanted {wanted}")]
pub struct SettingsError {
    /// The variable.
    pub variable: &'static str,
    /// Its value.
    pub found: String,
    /// What it may be.
    pub wanted: &'static str,
}

impl Settings {
    /// Reads the environment through `get`.
    ///
    /// # Errors
    ///
    /// [`SettingsError`] names the first variable that makes no sense.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Result<Settings, SettingsError> {
        let word = |variable: &'static str| get(variable).filter(|value| !value.is_empty());
        let parse = |variable, wanted, parsed: fn(&str) -> Option<u64>| match word(variable) {
            None => Ok(None),
            Some(found) => match parsed(&found) {
                Some(value) => Ok(Some(value)),
                None => Err(SettingsError { variable, found, wanted }),
            },
        };
        let flag = |variable| word(variable).is_some_and(|value| value != "0");
        let number = |text: &str| text.parse().ok();
        let suite = parse("BOOTWRIGHT_SUITE", "smoke, default or full", |text| {
            ["smoke", "default", "full"].iter().position(|known| *known == text).map(|place| place as u64)
        })?;
        let accelerator = parse("BOOTWRIGHT_ACCEL", "tcg, kvm or auto", |text| {
            ["tcg", "kvm", "auto"].iter().position(|known| *known == text).map(|place| place as u64)
        })?;
        let clock = parse("BOOTWRIGHT_CLOCK", "virtual or real", |text| {
            ["virtual", "real"].iter().position(|known| *known == text).map(|place| place as u64)
        })?;
        let shard = parse("BOOTWRIGHT_SHARD", "K/N with K from 1 to N", |text| {
            let (k, n) = text.split_once('/')?;
            let (k, n): (u32, u32) = (k.parse().ok()?, n.parse().ok()?);
            (1 <= k && k <= n).then_some(u64::from(k) << 32 | u64::from(n))
        })?;
        Ok(Settings {
            out: word("BOOTWRIGHT_OUT").map_or_else(default_out, PathBuf::from),
            platform: word("BOOTWRIGHT_PLATFORM"),
            mirror: word("BOOTWRIGHT_MIRROR"),
            several_platforms: flag("BOOTWRIGHT_SEVERAL_PLATFORMS"),
            suite: match suite {
                None | Some(0) => Suite::Smoke,
                Some(1) => Suite::Default,
                Some(_) => Suite::Full,
            },
            seed: parse("BOOTWRIGHT_SEED", "a whole number", number)?.unwrap_or_else(fresh_seed),
            accelerator: match accelerator {
                None | Some(0) => Some(Accelerator::Tcg),
                Some(1) => Some(Accelerator::Kvm),
                Some(_) => None,
            },
            clock: clock.map(|place| if place == 0 { Clock::Virtual { shift: 7 } } else { Clock::Real }),
            keep: flag("BOOTWRIGHT_KEEP"),
            strict: flag("BOOTWRIGHT_STRICT"),
            pause_on_failure: flag("BOOTWRIGHT_PAUSE_ON_FAILURE"),
            prelaunch_double: flag("BOOTWRIGHT_PRELAUNCH_DOUBLE"),
            shard: shard.map(|pair| ((pair >> 32) as u32, pair as u32)),
            repeat: parse("BOOTWRIGHT_REPEAT", "a number from 1 to 10000", |text| {
                text.parse().ok().filter(|count| (1..=10_000).contains(count))
            })?
            .unwrap_or(1) as u32,
            selection: word("BOOTWRIGHT_SELECTION").map(PathBuf::from),
            known_issues: word("BOOTWRIGHT_KNOWN_ISSUES").map(PathBuf::from),
        })
    }
}

/// A seed that no earlier run had, so that no medium left behind by one can carry a nonce of this run. At most 2^53, since
/// reports are JSON.
pub fn fresh_seed() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    (now.as_nanos() as u64 ^ u64::from(std::process::id()) << 32) & ((1 << 53) - 1)
}

fn default_out() -> PathBuf {
    let workspace = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    workspace.canonicalize().unwrap_or(workspace).join("target/bootwright/cargo-test")
}

/// Whether a case belongs to shard `k` of `n`: a stable hash of its id, FNV-1a with 32 bits.
pub fn in_shard(id: &str, (k, n): (u32, u32)) -> bool {
    let hash = id.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    hash % n == k - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_set_is_the_smoke_suite_under_tcg() {
        let settings = Settings::read(|_| None).unwrap();
        assert_eq!((settings.suite, settings.accelerator, settings.repeat), (Suite::Smoke, Some(Accelerator::Tcg), 1));
    }

    #[test]
    fn a_shard_beyond_the_last_one_is_refused() {
        let error = Settings::read(|name| (name == "BOOTWRIGHT_SHARD").then(|| "3/2".to_owned())).unwrap_err();
        assert_eq!(error.to_string(), "BOOTWRIGHT_SHARD=\"3/2\": wanted K/N with K from 1 to N");
    }

    #[test]
    fn shards_are_disjoint_and_complete() {
        for id in crate::all().into_iter().map(|case| case.id) {
            let shards: Vec<u32> = (1..=3).filter(|&k| in_shard(&id, (k, 3))).collect();
            assert_eq!(shards.len(), 1, "{id}");
        }
    }
}

//! What can go wrong while a platform is resolved, each in a text that names where to look and what to do.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::process::{CommandError, Finished};

/// Why a platform cannot be had.
///
/// The text is one statement, followed by indented `in:` and `fix:` lines where they help.
#[derive(Debug, thiserror::Error)]
pub enum PlatformError {
    /// The name given is none of the six forms, or no manifest is kept under it.
    #[error(
        "no platform is called {given:?}: wanted host, apt, debian:SUITE, file:MANIFEST.toml, dir:QEMU_BUILD_TREE or a name that platform add has kept\
         {}",
        fix_line(hint)
    )]
    UnknownName {
        /// The name as given.
        given: String,
        /// What the user may have meant; may be empty.
        hint: String,
    },
    /// The host has no QEMU and none was asked for elsewhere.
    #[error("{program} is not on PATH{}", fix_line(fix))]
    NoQemu {
        /// The emulator that was looked for.
        program: &'static str,
        /// The command that installs it on this distribution.
        fix: String,
    },
    /// A manifest names a QEMU for x86-64, and another one was wanted.
    #[error(
        "platform {platform:?} has no {program}: its manifest names a QEMU for x86-64\
         {}",
        fix_line(
            "take qemu from a platform that has both, such as debian:SUITE, or run these cases on another platform"
        )
    )]
    X86Only {
        /// The platform's name.
        platform: String,
        /// The emulator that was wanted.
        program: &'static str,
    },
    /// A manifest says something that cannot be used.
    #[error("{problem}\n  in: {}{}{}", manifest.display(), at_line(*line), fix_line(fix))]
    Manifest {
        /// What was found and what was wanted.
        problem: String,
        /// The manifest.
        manifest: PathBuf,
        /// Line in the manifest, counted from 1.
        line: Option<usize>,
        /// What to do.
        fix: String,
    },
    /// A directory given as a QEMU build tree holds no build.
    #[error("{} is no QEMU build tree: {problem}{}", path.display(), fix_line(fix))]
    BuildTree {
        /// The directory given.
        path: PathBuf,
        /// What was looked for.
        problem: String,
        /// What to do.
        fix: String,
    },
    /// A file of the platform cannot be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A file is larger than any of its kind.
    #[error("{} is {bytes} bytes, wanted at most {limit}: it is not what it was taken for", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
        /// The largest that is read.
        limit: u64,
    },
    /// A program that should describe itself did not.
    #[error("{program} gave no answer that can be used: {problem}{}", said(stderr))]
    Probe {
        /// The command line.
        program: String,
        /// What was awaited and what came.
        problem: String,
        /// The end of what it wrote to its standard error.
        stderr: String,
    },
    /// A program could not be run at all.
    #[error("cannot run {program}{}", fix_line(fix))]
    NotStarted {
        /// The command line.
        program: String,
        /// What the operating system said.
        source: std::io::Error,
        /// What to do; may be empty.
        fix: String,
    },
    /// A program did not end in time and was killed.
    #[error("{program} did not end within {} s and was killed{}", after.as_secs(), said(stderr))]
    TimedOut {
        /// The command line.
        program: String,
        /// How long it had.
        after: Duration,
        /// The end of what it wrote to its standard error.
        stderr: String,
    },
    /// A release could not be fetched, verified or unpacked.
    #[error("cannot fetch platform {platform:?}: {problem}{}{}", said(stderr), fix_line(fix))]
    Fetch {
        /// The platform's name.
        platform: String,
        /// What was attempted and what came of it.
        problem: String,
        /// The end of what the package tool wrote to its standard error.
        stderr: String,
        /// What to do.
        fix: String,
    },
    /// A file in the cache is not what was unpacked, or nobody wrote down what that was.
    #[error("platform {platform:?} is not what was fetched: {problem}\n  fix: cargo xtask platform fetch {platform}")]
    Changed {
        /// The platform's name.
        platform: String,
        /// Which file, and what is otherwise.
        problem: String,
    },
    /// A lock file cannot be used.
    #[error("lock file {}: {problem}{}", path.display(), fix_line(fix))]
    Lock {
        /// The lock file.
        path: PathBuf,
        /// What was found and what was wanted.
        problem: String,
        /// What to do.
        fix: String,
    },
    /// The cache directory cannot be written.
    #[error("cannot {action} {}{}", path.display(), fix_line("set XDG_CACHE_HOME to a directory that can be written, with 1 GiB free"))]
    Cache {
        /// What was attempted, as a verb.
        action: &'static str,
        /// On which path.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The environment names no directory for a cache.
    #[error(
        "no directory to {action}: neither HOME nor XDG_CACHE_HOME is set to an absolute path{}",
        fix_line("set XDG_CACHE_HOME to a directory that can be written, with 1 GiB free")
    )]
    NoCache {
        /// What it was wanted for, as a verb.
        action: &'static str,
    },
}

impl PlatformError {
    /// A step of the package tools that failed, with their words.
    pub(super) fn of_tool(platform: &str, step: &str, done: &Finished, fix: &str) -> PlatformError {
        PlatformError::Fetch {
            platform: platform.to_owned(),
            problem: format!("{step} ended with {}", done.exit),
            stderr: done.stderr.clone(),
            fix: fix.to_owned(),
        }
    }

    /// Whether nothing is wrong with what was asked for but that it has no QEMU for this architecture.
    pub fn is_absence(&self) -> bool {
        matches!(self, PlatformError::NoQemu { .. } | PlatformError::X86Only { .. })
    }

    /// Wraps an error of the operating system about reading `path`.
    pub(super) fn unreadable(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Unreadable { path, source }
    }

    /// Wraps an error of the operating system about changing `path` in the cache.
    pub(super) fn cache(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Cache { action, path, source }
    }
}

impl From<CommandError> for PlatformError {
    fn from(error: CommandError) -> PlatformError {
        match error {
            CommandError::NotStarted { program, source } => Self::NotStarted { program, source, fix: String::new() },
            CommandError::TimedOut { program, after, stderr } => Self::TimedOut { program, after, stderr },
        }
    }
}

fn at_line(line: Option<usize>) -> String {
    line.map(|line| format!(" line {line}")).unwrap_or_default()
}

fn fix_line(fix: &str) -> String {
    if fix.is_empty() { String::new() } else { format!("\n  fix: {fix}") }
}

/// The last lines of a program's standard error, indented; empty where it said nothing.
fn said(stderr: &str) -> String {
    let lines: Vec<&str> = stderr.lines().filter(|line| !line.trim().is_empty()).collect();
    lines.iter().skip(lines.len().saturating_sub(6)).map(|line| format!("\n  it said: {}", line.trim())).collect()
}

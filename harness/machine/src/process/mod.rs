//! The only place that starts a process.
//!
//! A [`Command`] is data: a program, its arguments, what is added to its environment, where it runs. It is run in one of two
//! ways. [`Command::spawn`] starts a program that runs beside the harness, as QEMU does; [`Command::read`] runs a short one
//! to its end, with a deadline and a limit for what it says. Either way the kernel ends the process when the harness
//! ends, `kill -9` included, and no process inherits a standard stream of the harness.
//!
//! ```
//! use std::time::Duration;
//! use bootwright_machine::process::Command;
//!
//! let mut command = Command::new("sh");
//! command.args(["-c", "echo $GREETING"]).env("GREETING", "hello");
//! assert_eq!(command.to_string(), "sh -c \"echo $GREETING\"");
//! let done = command.read(b"", Duration::from_secs(10))?;
//! assert_eq!((done.exit.code, done.stdout.as_slice()), (Some(0), &b"hello\n"[..]));
//! # Ok::<(), bootwright_machine::process::CommandError>(())
//! ```

mod child;
mod forker;
mod frozen;
mod output;
mod share;
mod strays;

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::process::Stdio;

pub use child::{Child, Exit};
pub use forker::spawn;
pub use frozen::frozen;
pub use output::{CommandError, Finished};
pub use share::Share;
pub use strays::{adopt_strays, end_all, end_by, end_strays, is_ending, on_end_signals};

/// What is to be run, as data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// A path, or a name that is looked up in PATH.
    pub program: OsString,
    /// What follows it.
    pub args: Vec<OsString>,
    /// Added to the environment of the harness.
    pub env: Vec<(OsString, OsString)>,
    /// Where it runs; where the harness runs if `None`.
    pub directory: Option<PathBuf>,
    /// It is a shell around the program that counts, and ends as that did: with 128 + N where signal N ended the program
    /// (POSIX `sh`, 2.8.2).
    pub in_shell: bool,
}

impl Command {
    /// A program without arguments.
    pub fn new(program: impl AsRef<OsStr>) -> Command {
        let program = program.as_ref().to_owned();
        Command { program, args: Vec::new(), env: Vec::new(), directory: None, in_shell: false }
    }

    /// Adds an argument.
    pub fn arg(&mut self, word: impl AsRef<OsStr>) -> &mut Command {
        self.args.push(word.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    pub fn args(&mut self, words: impl IntoIterator<Item = impl AsRef<OsStr>>) -> &mut Command {
        self.args.extend(words.into_iter().map(|word| word.as_ref().to_owned()));
        self
    }

    /// Sets a variable of its environment.
    pub fn env(&mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> &mut Command {
        self.env.push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Sets variables of its environment.
    pub fn envs(&mut self, all: impl IntoIterator<Item = (impl AsRef<OsStr>, impl AsRef<OsStr>)>) -> &mut Command {
        self.env.extend(all.into_iter().map(|(name, value)| (name.as_ref().to_owned(), value.as_ref().to_owned())));
        self
    }

    /// Runs it in a directory.
    pub fn directory(&mut self, path: impl AsRef<Path>) -> &mut Command {
        self.directory = Some(path.as_ref().to_owned());
        self
    }

    /// Starts it beside the harness, without standard input. The descriptors in `inherited` stay open in it under the same
    /// numbers; no other does.
    ///
    /// # Errors
    ///
    /// The error of fork or exec, for example that the program does not exist.
    pub fn spawn(&self, stdout: Stdio, stderr: Stdio, inherited: &[BorrowedFd<'_>]) -> io::Result<Child> {
        let mut command = self.prepared();
        command.stdin(Stdio::null()).stdout(stdout).stderr(stderr);
        // they are borrowed until the child has been started
        let numbers = inherited.iter().map(AsRawFd::as_raw_fd).collect();
        forker::spawn(command, numbers).map(Child::new)
    }

    fn prepared(&self) -> std::process::Command {
        let mut command = std::process::Command::new(&self.program);
        command.args(&self.args).envs(self.env.iter().map(|(name, value)| (name, value)));
        if let Some(directory) = &self.directory {
            command.current_dir(directory);
        }
        command
    }
}

/// `text` as one word of a POSIX shell, quoted where it must be.
pub fn shell_word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:@%+=,~".contains(c);
    if !text.is_empty() && !text.starts_with('~') && text.chars().all(plain) {
        text.into()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

/// The command line for people: program and arguments, with quotes where a blank needs them. A list of directories as
/// long as a loader's library path is cut short.
impl fmt::Display for Command {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, word) in std::iter::once(&self.program).chain(&self.args).enumerate() {
            let word = word.to_string_lossy();
            out.write_str(if place == 0 { "" } else { " " })?;
            if word.contains(':') && word.chars().count() > 160 {
                write!(out, "{}...", word.chars().take(40).collect::<String>())?;
            } else if word.is_empty() || word.contains([' ', '\'', '"']) {
                write!(out, "{word:?}")?;
            } else {
                out.write_str(&word)?;
            }
        }
        Ok(())
    }
}

//! Input that a subcommand must refuse: one clear error, exit status 2, nothing written.

use std::path::Path;
use std::process::{Command, Output};

/// What is said on the command line, and a part of the error.
pub type Refused = (&'static [&'static str], &'static str);

/// Runs a subcommand in a folder; results would go into `out`.
pub fn run(subcommand: &str, folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.current_dir(folder).arg(subcommand).args(arguments).args(["--out", "out"]);
    command.output().expect("xtask runs")
}

/// Each of them is refused, and `out` does not come into being.
pub fn each(subcommand: &str, folder: &Path, refused: &[Refused]) {
    for (arguments, wanted) in refused {
        let output = run(subcommand, folder, arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains(wanted), "{arguments:?}: {said}");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert_eq!(said.matches("error: ").count(), 1, "{arguments:?}: {said}");
        assert!(!folder.join("out").exists(), "{arguments:?}");
    }
}

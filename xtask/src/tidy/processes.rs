//! Who may start a process.

use super::finding::Finding;
use super::functions::test_files;
use super::source::{Source, line_of};

/// Where `std::process::Command` may stand besides tests, build scripts and examples: the harness' own way to start a
/// process, which forks away from its threads and ends what it started; this tool; and the lan's program, which knows no
/// harness and whose only child is the QEMU that it was given.
const ALLOWED: [&str; 3] = ["harness/machine/src/process/", "xtask/", "harness/lan/src/bin/"];

/// Everything else starts its processes by `bootwright::process`.
pub fn started_elsewhere(sources: &[Source]) -> Vec<Finding> {
    let tests = test_files(sources);
    let held = |source: &&Source| {
        let parts = || source.path.split('/');
        let is_build = source.path.ends_with("build.rs") || parts().any(|part| part == "build");
        let is_free = is_build || parts().any(|part| part == "examples") || tests.contains(source.path.as_str());
        source.is_rust() && !is_free && !ALLOWED.iter().any(|folder| source.path.starts_with(folder))
    };
    let mut findings = Vec::new();
    for source in sources.iter().filter(held) {
        for (at, module) in source.code.match_indices("process::") {
            if is_std(&source.code, at)
                && names_command(&source.code[at + module.len()..])
                && !source.in_test_module(at)
            {
                findings.push(Finding {
                    path: source.path.clone(),
                    line: line_of(&source.code, at),
                    what: "a process is started by `std::process::Command`".to_owned(),
                    fix: "use `Command` of harness/machine/src/process, which ends what it starts",
                });
            }
        }
    }
    findings
}

/// Whether the `process` at this place is the standard library's: by its path, by the `use` that it stands in, or by one of
/// the file.
fn is_std(code: &str, at: usize) -> bool {
    let before = &code[..at];
    if before.ends_with(|c: char| c.is_alphanumeric() || c == '_') {
        return false;
    }
    if before.ends_with("::") {
        return before.ends_with("std::");
    }
    let statement = before.rsplit(';').next().unwrap_or_default();
    match statement.rfind("use ") {
        Some(begin) if !statement[begin..].contains('}') => statement[begin..].starts_with("use std::{"),
        _ => ["use std::process;", "use std::process::{self"].iter().any(|import| code.contains(import)),
    }
}

/// Whether the path goes on with `Command` or with a list that holds it.
fn names_command(rest: &str) -> bool {
    let list = rest.strip_prefix('{').and_then(|list| list.split('}').next());
    let names = list.map_or_else(|| vec![rest], |list| list.split(',').collect());
    names.iter().any(|name| {
        let end = name.trim().strip_prefix("Command");
        end.is_some_and(|end| !end.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
    })
}

#[cfg(test)]
mod tests {
    use super::super::finding::expected::{NONE, assert_one, found};
    use super::*;

    fn of(path: &str, text: &str) -> Vec<String> {
        found(started_elsewhere, &[(path, text)])
    }

    #[test]
    fn a_process_that_is_started_past_the_harness_is_found_however_it_is_imported() {
        for text in [
            "use std::process::Command;",
            "use std::process::{ExitStatus, Command as Start};",
            "use std::{fs, process::Command};",
            "fn f() { std::process::Command::new(\"ls\"); }",
            "use std::process; fn f() { process::Command::new(\"ls\"); }",
        ] {
            assert_one(&of("cases/src/x.rs", text), "cases/src/x.rs:1: a process is started");
        }
        assert_one(&of("harness/src/run/x.rs", "\n\nuse std::process::Command;"), "harness/src/run/x.rs:3:");
    }

    #[test]
    fn tests_build_scripts_examples_and_the_harness_own_way_may_start_one() {
        let text = "use std::process::Command;";
        for path in [
            "harness/machine/src/process/mod.rs",
            "xtask/src/main.rs",
            "images/build.rs",
            "images/build/main.rs",
            "examples/src/a.rs",
            "harness/tests/a.rs",
            "cases/src/a_tests.rs",
        ] {
            assert_eq!(of(path, text), NONE, "{path}");
        }
        assert_eq!(of("cases/src/a.rs", "#[cfg(test)]\nmod tests {\n    use std::process::Command;\n}\n"), NONE);
    }

    #[test]
    fn other_names_are_no_process() {
        for text in [
            "use crate::process::Command;",
            "use std::process::{ExitStatus, Stdio};",
            "use std::os::unix::process::CommandExt;",
            "use crate::process; fn f() { process::Command::new(\"ls\"); }",
            "use std::{fs, io}; use crate::process::Command;",
            "// std::process::Command\nconst TEXT: &str = \"std::process::Command\";",
        ] {
            assert_eq!(of("cases/src/x.rs", text), NONE, "{text}");
        }
    }
}

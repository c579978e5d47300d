//! What decides must not read what people read.

use std::collections::BTreeMap;

use super::finding::Finding;
use super::functions::test_files;
use super::source::{Source, line_of};

/// Folders in which verdicts are made.
const HELD: [&str; 4] = ["harness/src/run/", "harness/src/suite/", "harness/trace/src/", "harness/src/verdict/"];

/// How a text is looked into or compared.
const LOOKS: [&str; 17] = [
    ".contains(",
    ".starts_with(",
    ".ends_with(",
    ".strip_prefix(",
    ".strip_suffix(",
    ".split_once(",
    ".rsplit_once(",
    ".split(",
    ".find(",
    ".rfind(",
    ".matches(",
    ".trim_start_matches(",
    ".trim_end_matches(",
    ".eq(",
    "== ",
    "!= ",
    "== Some(",
];

/// Readers of what firmware and the guest's programs print: all of their phrases are those programs' own.
const READERS: [&str; 16] = [
    "harness/trace/src/boot_manager.rs",
    "harness/trace/src/seabios.rs",
    "harness/trace/src/damage.rs",
    "harness/trace/src/ovmf.rs",
    "harness/trace/src/efi_status.rs",
    "harness/trace/src/drives.rs",
    "harness/trace/src/entries.rs",
    "harness/trace/src/guest_text.rs",
    "harness/trace/src/ipxe.rs",
    "harness/trace/src/ipl_names.rs",
    "harness/trace/src/s390_ccw.rs",
    "harness/trace/src/bios_menu.rs",
    "harness/trace/src/bios_names.rs",
    "harness/trace/src/names.rs",
    "harness/trace/src/payload.rs",
    "harness/trace/src/slof.rs",
];

/// What QEMU says elsewhere, in its own words.
const WORDS_OF_QEMU: [&str; 4] = ["has already been used", "in use", "o /h 0x510 0x", "= 0x"];

/// A sentence that is looked for where verdicts are made, and is neither firmware's nor QEMU's.
pub fn compared(sources: &[Source]) -> Vec<Finding> {
    let tests = test_files(sources);
    let held = |source: &&Source| {
        let path = source.path.as_str();
        let is_held = HELD.iter().any(|folder| path.starts_with(folder)) && !READERS.contains(&path);
        is_held && source.is_rust() && !tests.contains(path)
    };
    let named = constants(sources);
    let mut findings = Vec::new();
    for source in sources.iter().filter(held) {
        let looked_for = looks(source, &named).chain(arms(source));
        for (at, words) in looked_for.filter(|(at, _)| !source.in_test_module(*at)) {
            if words.trim().contains(' ') && !WORDS_OF_QEMU.contains(&words) {
                findings.push(Finding {
                    path: source.path.clone(),
                    line: line_of(&source.code, at),
                    what: format!("\"{words}\" is looked for where verdicts are made"),
                    fix: "decide by a value; what firmware or QEMU say belongs to the lists in xtask/src/tidy/sentences.rs",
                });
            }
        }
    }
    findings
}

/// Offset and text of what is looked for, whether it is written there or has a name.
fn looks<'a>(
    source: &'a Source,
    named: &'a BTreeMap<&'a str, &'a str>,
) -> impl Iterator<Item = (usize, &'a str)> + use<'a> {
    // in the code, strings and comments are blank
    let looks = LOOKS.iter().flat_map(|look| source.code.match_indices(look).map(|(at, look)| (at, at + look.len())));
    looks.filter_map(|(at, end)| {
        let argument = source.text.get(end..)?.trim_start_matches('&');
        let words = match argument.strip_prefix('"') {
            Some(text) => text.split('"').next()?,
            None => {
                let path = argument.split(|c: char| !c.is_alphanumeric() && c != '_' && c != ':').next()?;
                named.get(path.rsplit("::").next()?).copied()?
            }
        };
        Some((at, words))
    })
}

/// Offset and text of what an arm of a `match` wants.
fn arms(source: &Source) -> impl Iterator<Item = (usize, &str)> {
    let arms = source.code.match_indices("=>").map(|(at, _)| at);
    arms.filter_map(|at| {
        let pattern = source.text.get(..at)?.trim_end().strip_suffix(')').unwrap_or(source.text.get(..at)?.trim_end());
        let (before, words) = pattern.strip_suffix('"')?.rsplit_once('"')?;
        let is_pattern = before.ends_with(|c: char| c.is_whitespace() || c == '(');
        Some((at, words)).filter(|_| is_pattern)
    })
}

/// The texts of the harness that have a name, but for those of firmware and guests.
fn constants(sources: &[Source]) -> BTreeMap<&str, &str> {
    let ours = |source: &&Source| {
        source.path.starts_with("harness/") && source.is_rust() && !READERS.contains(&source.path.as_str())
    };
    let mut named = BTreeMap::new();
    for source in sources.iter().filter(ours) {
        for (at, word) in source.text.match_indices("const ") {
            let Some((name, value)) = source.text[at + word.len()..].split_once(": &str = \"") else { continue };
            let is_name = name.chars().all(|c| c.is_alphanumeric() || c == '_');
            if let Some(words) = value.split('"').next().filter(|_| is_name) {
                named.insert(name, words);
            }
        }
    }
    named
}

#[cfg(test)]
mod tests {
    use super::super::finding::expected::{NONE, assert_one, found};
    use super::*;

    fn of(path: &str, text: &str) -> Vec<String> {
        found(compared, &[(path, text)])
    }

    #[test]
    fn a_sentence_that_decides_is_found() {
        for text in ["if reason.contains(\"no offer\") {}", "if end == \"no offer\" {}", "a.strip_prefix(\"no offer\")"]
        {
            let text = format!("fn f() {{}}\n{text}");
            assert_one(&of("harness/src/verdict/mod.rs", &text), "mod.rs:2: \"no offer\" is looked for");
        }
    }

    #[test]
    fn a_sentence_with_a_name_and_one_in_an_arm_are_found() {
        let error = ("harness/src/run/error.rs", "pub const NOT_REFUSED: &str = \"QEMU did not refuse\";");
        for text in ["if reason.contains(error::NOT_REFUSED) {}", "if reason == NOT_REFUSED {}"] {
            let findings = found(compared, &[error, ("harness/src/run/mod.rs", text)]);
            assert_one(&findings, "run/mod.rs:1: \"QEMU did not refuse\" is looked for");
        }
        for text in ["match text {\n    \"no offer\" => 1,\n}", "match text {\n    Some(\"no offer\") => 1,\n}"] {
            assert_one(&of("harness/src/verdict/mod.rs", text), "mod.rs:2: \"no offer\" is looked for");
        }
    }

    #[test]
    fn what_an_arm_makes_of_a_value_is_no_look() {
        assert_eq!(
            of("harness/src/verdict/mod.rs", "match end {\n    End::Lost => \"no offer\",\n    _ => \"\",\n}"),
            NONE
        );
    }

    #[test]
    fn words_of_firmware_tests_names_and_what_only_people_read_are_left_alone() {
        let sentence = "if line.contains(\"no offer\") {}";
        assert_eq!(of("harness/trace/src/seabios.rs", sentence), NONE);
        assert_eq!(of("harness/src/report/text.rs", sentence), NONE);
        assert_eq!(of("harness/src/run/hotplug.rs", "words.contains(\"in use\")"), NONE);
        assert_eq!(of("harness/src/run/steps.rs", "name == \"ROM\""), NONE);
        let in_tests = format!("#[cfg(test)]\nmod tests {{\n    fn f() {{ {sentence} }}\n}}");
        assert_eq!(of("harness/src/run/steps.rs", &in_tests), NONE);
    }
}

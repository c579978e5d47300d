//! What decides must not read what people read.

use super::finding::Finding;
use super::functions::test_files;
use super::source::{Source, line_of};

/// Folders in which verdicts are made.
const HELD: [&str; 4] = ["harness/src/run/", "harness/src/suite/", "harness/src/trace/", "harness/src/verdict/"];

/// How a text is looked into or compared.
const LOOKS: [&str; 11] = [
    ".contains(\"",
    ".starts_with(\"",
    ".ends_with(\"",
    ".strip_prefix(\"",
    ".strip_suffix(\"",
    ".split_once(\"",
    ".find(\"",
    ".eq(\"",
    "== \"",
    "!= \"",
    "== Some(\"",
];

/// Readers of what firmware and the guest's programs print: all of their phrases are those programs' own.
const READERS: [&str; 9] = [
    "harness/src/trace/seabios.rs",
    "harness/src/trace/damage.rs",
    "harness/src/trace/ovmf.rs",
    "harness/src/trace/entries.rs",
    "harness/src/trace/guest_text.rs",
    "harness/src/trace/ipxe.rs",
    "harness/src/trace/menu.rs",
    "harness/src/trace/names.rs",
    "harness/src/trace/payload.rs",
];

/// What QEMU says elsewhere, in its own words.
const WORDS_OF_QEMU: [&str; 3] = ["has already been used", "in use", "o /h 0x510 0x"];

/// A sentence that is looked for where verdicts are made, and is neither firmware's nor QEMU's.
pub fn compared(sources: &[Source]) -> Vec<Finding> {
    let tests = test_files(sources);
    let held = |source: &&Source| {
        let path = source.path.as_str();
        let is_held = HELD.iter().any(|folder| path.starts_with(folder)) && !READERS.contains(&path);
        is_held && source.is_rust() && !tests.contains(path)
    };
    let mut findings = Vec::new();
    for source in sources.iter().filter(held) {
        let looks = LOOKS.iter().flat_map(|look| source.text.match_indices(look));
        // in the code, strings and comments are blank
        let is_code = |at: usize| source.code.as_bytes().get(at) == source.text.as_bytes().get(at);
        for (at, look) in looks.filter(|(at, _)| is_code(*at) && !source.in_test_module(*at)) {
            let words = source.text[at + look.len()..].split('"').next().unwrap_or_default();
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
    fn words_of_firmware_tests_names_and_what_only_people_read_are_left_alone() {
        let sentence = "if line.contains(\"no offer\") {}";
        assert_eq!(of("harness/src/trace/seabios.rs", sentence), NONE);
        assert_eq!(of("harness/src/report/text.rs", sentence), NONE);
        assert_eq!(of("harness/src/run/hotplug.rs", "words.contains(\"in use\")"), NONE);
        assert_eq!(of("harness/src/run/steps.rs", "name == \"ROM\""), NONE);
        let in_tests = format!("#[cfg(test)]\nmod tests {{\n    fn f() {{ {sentence} }}\n}}");
        assert_eq!(of("harness/src/run/steps.rs", &in_tests), NONE);
    }
}

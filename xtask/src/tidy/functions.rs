//! Functions that do not fit on a screen.

use std::collections::BTreeSet;

use super::finding::Finding;
use super::source::{Source, block_end, line_of};

/// Longest function in [`WHERE`], lines from `fn` to its closing brace.
const LONGEST: usize = 60;
/// Where the rule holds.
const WHERE: [&str; 6] =
    ["harness/src/", "harness/lan/src/", "harness/machine/src/", "harness/trace/src/", "cases/src/", "xtask/src/"];

/// Longer ones that are known, by file and name; one that has become shorter leaves the list.
const KNOWN: [(&str, &str); 9] = [
    ("harness/machine/src/machine/argv.rs", "device_properties"),
    ("harness/machine/src/machine/layout.rs", "place"),
    ("harness/machine/src/platform/distribution.rs", "packages"),
    ("harness/machine/src/platform/manifest/check.rs", "check"),
    ("harness/machine/src/platform/manifest.rs", "resolve"),
    ("harness/machine/src/platform/release/mod.rs", "sources_for"),
    ("harness/src/suite/runner.rs", "classify"),
    ("harness/trace/src/exchange.rs", "take"),
    ("harness/src/verdict/known_issues/file.rs", "issue"),
];

/// No function is longer than [`LONGEST`] lines. Tests are let be: a table of what is expected may be long.
pub fn length(sources: &[Source]) -> Vec<Finding> {
    let tests = test_files(sources);
    let held = |source: &&Source| source.is_rust() && WHERE.iter().any(|folder| source.path.starts_with(folder));
    let mut findings = Vec::new();
    for source in sources.iter().filter(held).filter(|source| !tests.contains(source.path.as_str())) {
        let mut known: Vec<&str> =
            KNOWN.iter().filter(|(path, _)| *path == source.path).map(|(_, name)| *name).collect();
        for (name, start, end) in functions(&source.code) {
            let (first, last) = (line_of(&source.code, start), line_of(&source.code, end));
            let lines = last - first + 1;
            if lines <= LONGEST || source.in_test_module(start) {
                continue;
            }
            match known.iter().position(|other| *other == name) {
                Some(place) => drop(known.remove(place)),
                None => findings.push(Finding {
                    path: source.path.clone(),
                    line: first,
                    what: format!("`{name}` has {lines} lines, wanted at most {LONGEST}"),
                    fix: "give its parts names",
                }),
            }
        }
        findings.extend(known.into_iter().map(|name| Finding {
            path: source.path.clone(),
            line: 1,
            what: format!("`{name}` is no longer too long"),
            fix: "take it from KNOWN in xtask/src/tidy/functions.rs",
        }));
    }
    findings
}

/// Files that hold tests alone, by their name or because they are declared so.
pub fn test_files(sources: &[Source]) -> BTreeSet<&str> {
    let declared = sources.iter().filter(|source| source.is_rust()).flat_map(Source::modules_for_tests);
    let declared: Vec<String> = declared.collect();
    let is_test = |source: &&Source| {
        let path = source.path.trim_end_matches(".rs").trim_end_matches("/mod");
        source.is_test() || declared.iter().any(|module| path == module || path.starts_with(&format!("{module}/")))
    };
    sources.iter().filter(is_test).map(|source| source.path.as_str()).collect()
}

/// Name, beginning and end of every function with a body, as byte offsets.
fn functions(code: &str) -> Vec<(&str, usize, usize)> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("fn ") {
        let begins_a_word = !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let rest = &code[at + 3..];
        let length = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        // `fn(` is a type; a declaration without a body ends in a semicolon
        let Some(body) = rest.find(['{', ';']).map(|place| at + 3 + place) else { continue };
        if begins_a_word && length > 0 && code[body..].starts_with('{') {
            found.push((&rest[..length], at, block_end(code, body)));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::finding::expected::{NONE, assert_one, found};
    use super::*;

    #[test]
    fn a_function_over_the_limit_is_found_and_a_test_is_not() {
        let lines = "    step();\n".repeat(59);
        let long = format!("fn short() {{}}\n\npub fn long() {{\n{lines}}}\n");
        assert_one(&found(length, &[("harness/src/run/x.rs", &long)]), "x.rs:3: `long` has 61 lines");
        let shorter = format!("fn long() {{\n{}}}\n", "    step();\n".repeat(58));
        assert_eq!(found(length, &[("harness/src/run/x.rs", &shorter)]), NONE);
        let test = format!("#[cfg(test)]\nmod tests {{\n{long}}}\n");
        assert_eq!(found(length, &[("harness/src/run/x.rs", &test), ("harness/src/x/tests.rs", &long)]), NONE);
        let declared = ("harness/src/vm/mod.rs", "#[cfg(test)]\npub(crate) mod fake;\n");
        assert_eq!(found(length, &[declared, ("harness/src/vm/fake.rs", &long)]), NONE);
    }

    #[test]
    fn a_known_one_that_has_become_short_leaves_the_list() {
        let (path, name) = KNOWN[0];
        let short = format!("fn {name}() {{}}\n");
        assert_one(&found(length, &[(path, &short)]), "is no longer too long");
        let long = format!("fn {name}() {{\n{}}}\n", "    step();\n".repeat(60));
        assert_eq!(found(length, &[(path, &long)]), NONE);
    }
}

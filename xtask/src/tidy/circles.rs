//! Files that import each other.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::finding::Finding;
use super::modules::Crate;
use super::source::{Source, line_of};

/// Where a file is used: the offset of one use, and the path of the file that uses.
type Uses<'a> = BTreeMap<&'a str, BTreeMap<&'a str, (&'a Source, usize)>>;

/// No two files of a crate use each other, by way of others neither.
pub fn circles(sources: &[Source]) -> Vec<Finding> {
    // a crate's root has one of these names wherever it lies: programs of media and build scripts are not below `src`
    let roots = sources.iter().filter(|source| source.is_rust() && ["lib", "main"].contains(&source.stem()));
    let mut findings = Vec::new();
    for one in roots.filter_map(|root| Crate::read(&root.path, sources)) {
        findings.extend(circles_of(one.edges()));
    }
    findings
}

fn circles_of<'a>(edges: Vec<(&'a Source, usize, &'a Source)>) -> Vec<Finding> {
    let mut uses = Uses::new();
    for (source, offset, target) in edges {
        uses.entry(&source.path).or_default().entry(&target.path).or_insert((source, offset));
    }
    let mut told = BTreeSet::new();
    let mut findings = Vec::new();
    for start in uses.keys() {
        let Some(circle) = shortest(start, &uses).filter(|circle| !circle.iter().any(|file| told.contains(file)))
        else {
            continue;
        };
        let next = circle.get(1).unwrap_or(start);
        if let Some((source, offset)) = uses.get(start).and_then(|used| used.get(next)) {
            findings.push(Finding {
                path: source.path.clone(),
                line: line_of(&source.code, *offset),
                what: format!("files use each other: {} -> {start}", circle.join(" -> ")),
                fix: "move what both need into a file of its own",
            });
        }
        told.extend(circle);
    }
    findings
}

/// The shortest way from a file back to itself.
fn shortest<'a>(start: &&'a str, uses: &Uses<'a>) -> Option<Vec<&'a str>> {
    let mut reached: BTreeMap<&str, &str> = BTreeMap::new();
    let mut waiting = VecDeque::from([*start]);
    while let Some(file) = waiting.pop_front() {
        for next in uses.get(file).into_iter().flat_map(BTreeMap::keys) {
            if next == start {
                let mut way = vec![file];
                while let Some(before) = way.last().filter(|last| *last != start).and_then(|last| reached.get(last)) {
                    way.push(before);
                }
                way.reverse();
                return Some(way);
            }
            if !reached.contains_key(next) {
                reached.insert(next, file);
                waiting.push_back(next);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::finding::expected::{NONE, assert_one, found};
    use super::*;

    fn of(files: &[(&str, &str)]) -> Vec<String> {
        let files: Vec<_> = files.iter().map(|(name, text)| (format!("a/src/{name}"), *text)).collect();
        let files: Vec<_> = files.iter().map(|(name, text)| (name.as_str(), *text)).collect();
        found(circles, &files)
    }

    #[test]
    fn two_files_that_use_each_other_are_found() {
        let one = ("one.rs", "use crate::{two::Two};\npub struct One;");
        let two = ("two.rs", "pub struct Two;\nfn f() -> crate::one::One { }");
        assert_one(
            &of(&[("lib.rs", "mod one;\nmod two;"), one, two]),
            "a/src/one.rs:1: files use each other: a/src/one.rs -> a/src/two.rs -> a/src/one.rs",
        );
    }

    #[test]
    fn a_circle_over_three_files_is_found_once() {
        let files = [
            ("lib.rs", "mod one; \nmod two; \nmod three;"),
            ("one.rs", "use super::two;\nfn f() { two::g() }"),
            ("two/mod.rs", "use crate::three::{self as other};\nfn g() { other::h() }"),
            ("three.rs", "fn h() { crate::one::f() }"),
        ];
        assert_one(&of(&files), "a/src/one.rs -> a/src/two/mod.rs -> a/src/three.rs -> a/src/one.rs");
    }

    #[test]
    fn a_parent_that_uses_a_child_which_uses_it_is_found() {
        let lib = ("lib.rs", "mod part;\nuse part::Part;\npub struct Whole(Part);");
        assert_one(&of(&[lib, ("part.rs", "use super::Whole;\npub struct Part;")]), "a/src/lib.rs:2:");
    }

    #[test]
    fn a_circle_in_a_crate_that_has_no_src_is_found() {
        let files = [
            ("a/payload/main.rs", "mod one;\nmod two;"),
            ("a/payload/one.rs", "use crate::two::Two;\npub struct One;"),
            ("a/payload/two.rs", "use crate::one::One;\npub struct Two;"),
        ];
        assert_one(&found(circles, &files), "a/payload/one.rs -> a/payload/two.rs -> a/payload/one.rs");
    }

    #[test]
    fn a_module_that_its_part_takes_from_is_found_however_deep_the_part_lies() {
        let whole = ("whole/mod.rs", "mod part;\nuse part::Part;\npub struct Whole(Part);");
        let part = ("whole/part/mod.rs", "mod deep;\nuse deep::Deep;\npub struct Part(Deep);");
        let deep = ("whole/part/deep.rs", "use crate::whole::Whole;\npub struct Deep;");
        let files = [("lib.rs", "mod whole;"), whole, part, deep];
        assert_one(&of(&files), "a/src/whole/mod.rs -> a/src/whole/part/mod.rs -> a/src/whole/part/deep.rs");
    }

    #[test]
    fn a_re_export_leads_to_the_file_behind_it() {
        let lib = ("lib.rs", "mod one;\nmod two;\npub use one::One;\npub use two::Two as Other;");
        let one = ("one.rs", "pub struct One(super::Other);");
        assert_eq!(of(&[lib, one, ("two.rs", "pub struct Two;")]), NONE);
        let two = ("two.rs", "use crate::One;\npub struct Two;");
        assert_one(&of(&[lib, one, two]), "a/src/one.rs -> a/src/two.rs -> a/src/one.rs");
    }

    #[test]
    fn tests_comments_and_names_of_other_crates_are_no_use() {
        let files = [
            ("lib.rs", "mod one;\nmod two;\nuse serde::Value;"),
            ("one.rs", "use crate::two::Two;\npub struct One;"),
            (
                "two.rs",
                "// crate::one::One\nuse super::Value;\n#[cfg(test)]\nmod tests {\n    use crate::one::One;\n}\n",
            ),
        ];
        assert_eq!(of(&files), NONE);
    }
}

//! What one command of cargo has compiled does for the next: every crate has one set of features.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

/// Each crate that a command builds, with its version, and the sets of features that it has there.
type Sets = BTreeMap<String, BTreeSet<String>>;

fn sets(arguments: &[&str]) -> Sets {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut command = Command::new(env!("CARGO"));
    command.args(["tree", "--offline", "--prefix", "none", "--no-dedupe", "--format", "{p}|{f}"]).args(arguments);
    let output = command.current_dir(root).output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut sets = Sets::new();
    // an empty line is between what was asked for
    for line in String::from_utf8_lossy(&output.stdout).lines().filter(|line| !line.is_empty()) {
        let (name, set) = line.split_once('|').expect("a crate and its features");
        sets.entry(name.to_owned()).or_default().insert(set.to_owned());
    }
    sets
}

/// What `part` would compile again after `whole`.
fn otherwise(part: &Sets, whole: &Sets) -> Vec<String> {
    let differs = |(name, sets): (&String, &BTreeSet<String>)| {
        let known = whole.get(name).cloned().unwrap_or_default();
        let more: Vec<&String> = sets.difference(&known).collect();
        (!more.is_empty()).then(|| format!("{name}: {more:?} beside {known:?}"))
    };
    part.iter().filter_map(differs).collect()
}

#[test]
fn xtask_the_cases_and_the_tests_of_all_share_what_they_compile() {
    let whole = sets(&["--workspace", "--edges", "normal,build,dev"]);
    for (what, arguments) in [
        ("cargo xtask", ["--package", "xtask", "--edges", "normal,build"]),
        ("the cases", ["--package", "bootwright-cases", "--edges", "normal,build,dev"]),
    ] {
        let twice = otherwise(&sets(&arguments), &whole);
        let fix = "ask for the same features in features/Cargo.toml";
        assert!(twice.is_empty(), "{what} and cargo test --workspace compile it twice; {fix}:\n{}", twice.join("\n"));
    }
}

#[test]
fn another_set_of_features_is_named() {
    let of = |set: &str| Sets::from([("a v1".to_owned(), BTreeSet::from([set.to_owned()]))]);
    assert_eq!(otherwise(&of("std"), &of("std")), [] as [&str; 0]);
    assert_eq!(otherwise(&of("std"), &of("default,std")), [r#"a v1: ["std"] beside {"default,std"}"#]);
    assert_eq!(otherwise(&of("std"), &Sets::new()), [r#"a v1: ["std"] beside {}"#]);
}

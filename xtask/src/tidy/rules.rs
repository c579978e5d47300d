//! The rules, one function each.

use std::collections::BTreeSet;

use super::finding::{Finding, Rule};
use super::source::{Source, line_of, normal};
use super::{circles, dependencies, functions, pages, processes, sentences};

/// The one direction of data within the crates of the harness that have more than one room: a module uses itself and what stands
/// before it. Between crates cargo sees to it.
pub const ORDER: [(&str, &[&str]); 2] = [
    ("harness/machine/src/", &["digest", "error", "wording", "process", "platform", "evidence", "foreign", "machine"]),
    ("harness/src/", &["boot_server", "vm", "verdict", "case", "guest", "run", "warm", "report", "suite", "prelude"]),
];
/// Longest Rust file, lines.
const LONGEST_FILE: usize = 800;
/// Longest Rust file of the harness' crates, lines.
const LONGEST_IN_HARNESS: usize = 600;
/// Names that say nothing about what is in a module.
const EMPTY_NAMES: [&str; 10] =
    ["util", "utils", "common", "helper", "helpers", "manager", "managers", "misc", "stuff", "shared"];
/// Folders of one person's machine; spelled so that this file does not find itself.
const MACHINE_PATHS: [&str; 3] = [concat!("/ho", "me/"), concat!("/ro", "ot/"), concat!("/wo", "rk/")];
/// Hosts that serve packages.
const MIRRORS: [&str; 9] = [
    concat!("deb.", "debian.org"),
    concat!("security.", "debian.org"),
    concat!("snapshot.", "debian.org"),
    concat!("archive.", "ubuntu.com"),
    concat!("static.", "crates.io"),
    concat!("index.", "crates.io"),
    concat!("files.", "pythonhosted.org"),
    concat!("pypi.", "org"),
    concat!("registry.", "npmjs.org"),
];

/// Every rule.
pub const ALL: [Rule; 15] = [
    direction,
    circles::circles,
    reachable,
    size,
    functions::length,
    names,
    documented,
    reasons,
    dependencies::unused,
    pages::dead_links,
    pages::unlinked,
    no_machine_paths,
    strict_shell,
    processes::started_elsewhere,
    sentences::compared,
];

/// A module of the harness uses only itself and what stands to its left in [`ORDER`].
fn direction(sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources.iter().filter(|source| source.is_rust()) {
        let within = |(folder, order)| Some((source.path.strip_prefix(folder)?, order));
        let Some((inside, order)) = ORDER.into_iter().find_map(within) else { continue };
        let module = inside.split('/').next().unwrap_or_default().trim_end_matches(".rs");
        if module == "lib" {
            continue;
        }
        let place = |name: &str| order.iter().position(|other| *other == name);
        let Some(own) = place(module) else {
            findings.push(Finding {
                path: source.path.clone(),
                line: 1,
                what: format!("module `{module}` has no place in the direction of data"),
                fix: "name it in ORDER in xtask/src/tidy/rules.rs, and in ARCHITECTURE.md",
            });
            continue;
        };
        for (line, used) in crate_uses(&source.code) {
            if place(&used).is_some_and(|other| other > own) {
                findings.push(Finding {
                    path: source.path.clone(),
                    line,
                    what: format!("`{module}` uses `crate::{used}`, which stands to its right"),
                    fix: "move the type to the left, or the code to the right",
                });
            }
        }
    }
    findings
}

/// First names behind `crate::`, those in braces too, with their lines.
fn crate_uses(code: &str) -> Vec<(usize, String)> {
    let name_at = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut uses = Vec::new();
    for (offset, _) in code.match_indices("crate::") {
        let start = offset + "crate::".len();
        let rest = &code[start..];
        if !rest.starts_with('{') {
            uses.push((line_of(code, offset), name_at(rest)));
            continue;
        }
        let (mut depth, mut expects_name) = (0, false);
        for (place, c) in rest.char_indices() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                break;
            }
            if expects_name && !c.is_whitespace() {
                uses.push((line_of(code, start + place), name_at(&rest[place..])));
                expects_name = false;
            }
            expects_name |= depth == 1 && matches!(c, '{' | ',');
        }
    }
    uses
}

/// Every Rust file is reached from a crate's root.
fn reachable(sources: &[Source]) -> Vec<Finding> {
    let mut reached: BTreeSet<String> = BTreeSet::new();
    let mut waiting: Vec<(String, bool)> = Vec::new();
    for manifest in sources.iter().filter(|source| source.path.rsplit('/').next() == Some("Cargo.toml")) {
        waiting.extend(roots(manifest, sources).into_iter().map(|path| (path, true)));
    }
    while let Some((path, is_root)) = waiting.pop() {
        let Some(source) = sources.iter().find(|source| source.path == path) else { continue };
        if reached.insert(path) {
            waiting.extend(modules(source, is_root).into_iter().map(|path| (path, false)));
        }
    }
    let lost = sources.iter().filter(|source| source.is_rust() && !reached.contains(&source.path));
    lost.map(|source| Finding {
        path: source.path.clone(),
        line: 1,
        what: "no crate reaches this file".into(),
        fix: "declare it with `mod`, or delete it",
    })
    .collect()
}

/// Files that cargo, the manifest or a build script starts from.
pub fn roots(manifest: &Source, sources: &[Source]) -> Vec<String> {
    let folder = manifest.folder();
    let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
    // `build = "build/main.rs"` names another build script than the usual one
    let named = manifest.text.lines().find_map(|line| line.strip_prefix("build = \"")?.strip_suffix('"'));
    let script = named.unwrap_or("build.rs");
    let build = sources.iter().find(|source| source.path == format!("{prefix}{script}"));
    let is_root = |source: &&Source| {
        let Some(inside) = source.path.strip_prefix(&prefix) else { return false };
        let by_place = match inside.rsplit_once('/') {
            _ if inside == script => true,
            None => false,
            Some(("src", file)) => matches!(file, "lib.rs" | "main.rs"),
            Some((dir, file)) => {
                let targets = ["src/bin", "tests", "examples", "benches", "fuzz_targets"];
                targets.contains(&dir)
                    || file == "main.rs" && dir.rsplit_once('/').is_some_and(|(dir, _)| targets.contains(&dir))
            }
        };
        // a manifest names targets by path; a build script compiles what it names
        by_place
            || manifest.text.contains(&format!("path = \"{inside}\""))
            || build.is_some_and(|build| build.text.contains(&format!("\"{inside}\"")))
    };
    sources.iter().filter(|source| source.is_rust()).filter(is_root).map(|source| source.path.clone()).collect()
}

/// Every path at which a module or an included file of `source` may lie.
fn modules(source: &Source, is_root: bool) -> Vec<String> {
    let folder = source.folder();
    let own = match source.stem() {
        _ if is_root => folder.to_string(),
        "mod" => folder.to_string(),
        stem => format!("{folder}/{stem}"),
    };
    let mut paths = Vec::new();
    let mut by_path = None;
    // inline modules that hold modules in files are rare enough not to be followed
    for (code, text) in source.code.lines().zip(source.text.lines()) {
        let quoted = || text.split('"').nth(1).map(|name| normal(&format!("{folder}/{name}")));
        if code.contains("#[path") {
            by_path = quoted();
        }
        if code.contains("include!(") {
            paths.extend(quoted());
        }
        let words: Vec<&str> = code.trim().trim_end_matches(';').split_whitespace().collect();
        if let (true, Some(at)) = (code.trim().ends_with(';'), words.iter().position(|word| *word == "mod")) {
            let name = words.get(at + 1).copied().unwrap_or_default();
            match by_path.take() {
                Some(path) => paths.push(path),
                None => paths.extend([format!("{own}/{name}.rs"), format!("{own}/{name}/mod.rs")]),
            }
        }
    }
    paths
}

/// No Rust file is longer than [`LONGEST_FILE`] lines, none of the harness than [`LONGEST_IN_HARNESS`].
fn size(sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources.iter().filter(|source| source.is_rust()) {
        let harness = source.path.starts_with("harness/");
        let (lines, most) = (source.text.lines().count(), if harness { LONGEST_IN_HARNESS } else { LONGEST_FILE });
        if lines > most {
            findings.push(Finding {
                path: source.path.clone(),
                line: most + 1,
                what: format!("{lines} lines, wanted at most {most}"),
                fix: "split it where a second noun appears",
            });
        }
    }
    findings
}

/// No module is called by a name that fits everything.
fn names(sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources.iter().filter(|source| source.is_rust()) {
        let mut found = |line, name: &str| {
            findings.push(Finding {
                path: source.path.clone(),
                line,
                what: format!("module name `{name}` says nothing"),
                fix: "name it after what it holds",
            });
        };
        let parts = source.path.trim_end_matches(".rs").split('/');
        parts.filter(|part| EMPTY_NAMES.contains(part)).for_each(|part| found(1, part));
        for (index, line) in source.code.lines().enumerate() {
            let mut words = line.split(|c: char| !c.is_alphanumeric() && c != '_').skip_while(|word| *word != "mod");
            if let Some(name) = words.nth(1).filter(|name| EMPTY_NAMES.contains(name) && line.contains('{')) {
                found(index + 1, name);
            }
        }
    }
    findings
}

/// rustc refuses undocumented public items in every crate.
fn documented(sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let fix = "deny missing_docs in [workspace.lints.rust] and inherit it by `[lints] workspace = true`";
    for manifest in sources.iter().filter(|source| source.path.ends_with("Cargo.toml")) {
        let compact: String = manifest.text.chars().filter(|c| !c.is_whitespace() || *c == '\n').collect();
        let what = if manifest.path == "Cargo.toml" {
            (!compact.contains("\nmissing_docs=\"deny\"")).then_some("the workspace does not deny missing_docs")
        } else {
            let own_workspace = compact.contains("[workspace]");
            let inherits = compact.contains("[lints]\nworkspace=true");
            (!inherits && !own_workspace).then_some("the crate does not inherit the workspace's lints")
        };
        findings.extend(what.map(|what| Finding { path: manifest.path.clone(), line: 1, what: what.into(), fix }));
    }
    findings
}

/// Each dependency of the workspace says why it is there.
fn reasons(sources: &[Source]) -> Vec<Finding> {
    let Some(manifest) = sources.iter().find(|source| source.path == "Cargo.toml") else { return Vec::new() };
    let mut section = "";
    let mut findings = Vec::new();
    for (index, line) in manifest.text.lines().enumerate() {
        if line.starts_with('[') {
            section = line.trim();
        } else if section == "[workspace.dependencies]" && line.contains('=') && !line.trim_start().starts_with('#') {
            let ours = line.contains("path =");
            if !ours && line.rsplit_once("# ").is_none_or(|(_, reason)| reason.trim().len() < 8) {
                findings.push(Finding {
                    path: manifest.path.clone(),
                    line: index + 1,
                    what: format!("dependency `{}` has no reason", line.split('=').next().unwrap_or_default().trim()),
                    fix: "say in a comment at the end of its line what it is for",
                });
            }
        }
    }
    findings
}

/// No path of one person's machine and no package host stands in a file.
fn no_machine_paths(sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources {
        for (index, line) in source.text.lines().enumerate() {
            let starts_a_path = |at: usize| {
                let before = line[..at].chars().next_back();
                before.is_none_or(|c| !c.is_alphanumeric() && !matches!(c, '.' | '_' | '-' | '}' | '/' | '>' | '~'))
            };
            let path = MACHINE_PATHS.iter().find(|path| line.match_indices(*path).any(|(at, _)| starts_a_path(at)));
            let mut found = |what, fix| {
                findings.push(Finding { path: source.path.clone(), line: index + 1, what, fix });
            };
            if let Some(path) = path {
                found(format!("`{path}` is a path of one machine"), "take it from an argument or the environment");
            }
            if let Some(host) = MIRRORS.iter().find(|host| line.contains(*host)) {
                found(format!("`{host}` is a package host"), "use what the host's package manager is configured with");
            }
        }
    }
    findings
}

/// Shell scripts in `ci/` end at the first command that fails.
fn strict_shell(sources: &[Source]) -> Vec<Finding> {
    let is_shell = |source: &&Source| {
        let shebang = source.text.lines().next().unwrap_or_default();
        source.path.ends_with(".sh") || shebang.starts_with("#!") && shebang.trim_end().ends_with("sh")
    };
    let ours = |source: &&Source| source.path.starts_with("ci/") || source.path.starts_with(".ci/");
    let mut findings = Vec::new();
    for source in sources.iter().filter(ours).filter(is_shell) {
        let first = source.text.lines().enumerate().find(|(_, line)| {
            let line = line.trim();
            !line.is_empty() && !line.starts_with('#')
        });
        if first.is_none_or(|(_, line)| !line.starts_with("set -eu")) {
            findings.push(Finding {
                path: source.path.clone(),
                line: first.map_or(1, |(index, _)| index + 1),
                what: "the script does not begin with `set -eu`".into(),
                fix: "make `set -eu` its first command",
            });
        }
    }
    findings
}

#[cfg(test)]
#[path = "rules_tests.rs"]
mod tests;

//! Dependencies that nothing uses.

use super::finding::Finding;
use super::source::Source;

/// Every dependency of a manifest is named by code of its crate, and everything that the workspace offers is taken by a crate.
///
/// A crate's code is all Rust below its folder that is not below another manifest's; for `[build-dependencies]` the files that
/// begin with `build`, for `[dependencies]` all but tests, examples and benches.
pub fn unused(sources: &[Source]) -> Vec<Finding> {
    let manifests: Vec<&Source> = sources.iter().filter(|source| is_manifest(source)).collect();
    let mut findings = Vec::new();
    for manifest in &manifests {
        for (section, line, name) in entries(manifest) {
            let used = match section {
                "workspace.dependencies" => manifests.iter().any(|other| inherits(other, &name)),
                _ => code_of(manifest, &manifests, sources).any(|source| serves(section, manifest, source, &name)),
            };
            if !used {
                findings.push(Finding {
                    path: manifest.path.clone(),
                    line,
                    what: format!("nothing uses `{name}` of [{section}]"),
                    fix: "remove it, or move it to the section of the code that uses it",
                });
            }
        }
    }
    findings
}

fn is_manifest(source: &Source) -> bool {
    source.path.rsplit('/').next() == Some("Cargo.toml")
}

/// Section, line and name of every dependency.
fn entries(manifest: &Source) -> Vec<(&str, usize, String)> {
    let mut section = "";
    let mut found = Vec::new();
    for (index, line) in manifest.text.lines().enumerate() {
        if let Some(name) = line.trim().strip_prefix('[') {
            section = name.trim_end_matches(']');
        } else if section.ends_with("dependencies")
            && let Some((name, _)) = line.split_once('=')
            && !line.trim_start().starts_with('#')
        {
            let name = name.trim().split('.').next().unwrap_or_default();
            found.push((section, index + 1, name.to_owned()));
        }
    }
    found
}

fn inherits(manifest: &Source, wanted: &str) -> bool {
    entries(manifest).iter().any(|(section, _, name)| *section != "workspace.dependencies" && name == wanted)
}

fn prefix(manifest: &Source) -> String {
    if manifest.folder().is_empty() { String::new() } else { format!("{}/", manifest.folder()) }
}

/// Rust below a manifest's folder and below no manifest farther in.
fn code_of<'a>(
    manifest: &'a Source,
    manifests: &'a [&'a Source],
    sources: &'a [Source],
) -> impl Iterator<Item = &'a Source> {
    let own = prefix(manifest);
    let inner: Vec<String> =
        manifests.iter().map(|other| prefix(other)).filter(|other| other.len() > own.len()).collect();
    sources.iter().filter(move |source| {
        source.is_rust() && source.path.starts_with(&own) && !inner.iter().any(|inner| source.path.starts_with(inner))
    })
}

/// Whether a file names the dependency, at a place where its section counts.
fn serves(section: &str, manifest: &Source, source: &Source, name: &str) -> bool {
    let inside = &source.path[prefix(manifest).len()..];
    let first = inside.split('/').next().unwrap_or_default();
    let counts = match section {
        "build-dependencies" => first.starts_with("build"),
        "dependencies" => !["tests", "examples", "benches"].contains(&first) && !source.is_test(),
        _ => true,
    };
    counts && names(&source.code, &name.replace('-', "_"))
}

fn names(code: &str, wanted: &str) -> bool {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(wanted)
        .any(|(at, _)| !code[..at].ends_with(is_name) && !code[at + wanted.len()..].starts_with(is_name))
}

#[cfg(test)]
mod tests {
    use super::super::finding::expected::{NONE, assert_one, found};
    use super::*;

    const WORKSPACE: (&str, &str) = ("Cargo.toml", "[workspace.dependencies]\nserde-json = \"1\" # reports\n");

    #[test]
    fn a_dependency_that_no_code_names_is_found() {
        let manifest = ("a/Cargo.toml", "[dependencies]\nserde-json.workspace = true\n");
        assert_eq!(found(unused, &[WORKSPACE, manifest, ("a/src/lib.rs", "use serde_json::Value;")]), NONE);
        let comment = ("a/src/lib.rs", "// serde_json\nuse my_serde_json_x::Y;");
        assert_one(&found(unused, &[WORKSPACE, manifest, comment]), "a/Cargo.toml:2: nothing uses `serde-json`");
        let elsewhere = ("b/src/lib.rs", "use serde_json::Value;");
        assert_one(&found(unused, &[WORKSPACE, manifest, elsewhere]), "[dependencies]");
    }

    #[test]
    fn a_dependency_of_tests_alone_belongs_to_another_section() {
        let test = ("a/tests/x.rs", "use serde_json::Value;");
        let manifest = ("a/Cargo.toml", "[dependencies]\nserde-json.workspace = true\n");
        assert_one(&found(unused, &[WORKSPACE, manifest, test]), "nothing uses `serde-json`");
        let manifest = ("a/Cargo.toml", "[dev-dependencies]\nserde-json.workspace = true\n");
        assert_eq!(found(unused, &[WORKSPACE, manifest, test]), NONE);
    }

    #[test]
    fn what_no_crate_takes_from_the_workspace_is_found() {
        assert_one(&found(unused, &[WORKSPACE]), "Cargo.toml:2: nothing uses `serde-json` of [workspace.dependencies]");
    }
}

//! Links between pages of documentation.

use std::collections::BTreeSet;

use super::finding::Finding;
use super::source::{Source, normal};

/// Every relative link of a page leads to a file or folder of the repository.
pub fn dead_links(sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for page in pages(sources) {
        for (line, target) in links(page) {
            if !leads_somewhere(&target, sources) {
                findings.push(Finding {
                    path: page.path.clone(),
                    line,
                    what: format!("the link leads to `{target}`, which is not there"),
                    fix: "name the file by its place relative to this one",
                });
            }
        }
    }
    findings
}

/// Every page below `docs/` is linked by another page, or its folder is.
pub fn unlinked(sources: &[Source]) -> Vec<Finding> {
    let mut linked = BTreeSet::new();
    for page in pages(sources) {
        linked.extend(links(page).into_iter().map(|(_, target)| target).filter(|target| *target != page.path));
    }
    let lost = |page: &&Source| {
        let by_folder = page.folder() != "docs" && linked.contains(page.folder());
        page.path.starts_with("docs/") && !linked.contains(&page.path) && !by_folder
    };
    let found = pages(sources).filter(lost).map(|page| Finding {
        path: page.path.clone(),
        line: 1,
        what: "no page links to this one".into(),
        fix: "link it where its reader comes from, or delete it",
    });
    found.collect()
}

fn pages(sources: &[Source]) -> impl Iterator<Item = &Source> {
    sources.iter().filter(|source| source.path.ends_with(".md"))
}

/// Line and target, from the repository's root, of every relative link; links in code are none.
fn links(page: &Source) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut in_code = false;
    for (index, line) in page.text.lines().enumerate() {
        in_code ^= line.trim_start().starts_with("```");
        if in_code || line.starts_with("    ") {
            continue;
        }
        for (at, _) in line.match_indices("](") {
            let rest = &line[at + 2..];
            let target = rest.split([')', ' ', '#']).next().unwrap_or_default();
            let outside = target.is_empty() || target.contains(':');
            if !outside && line[..at].matches('`').count() % 2 == 0 {
                found.push((index + 1, normal(&format!("{}/{target}", page.folder()))));
            }
        }
    }
    found
}

fn leads_somewhere(target: &str, sources: &[Source]) -> bool {
    let below = format!("{target}/");
    target.is_empty() || sources.iter().any(|source| source.path == target || source.path.starts_with(&below))
}

#[cfg(test)]
mod tests {
    use super::super::finding::expected::{NONE, assert_one, found};
    use super::*;

    #[test]
    fn a_link_to_nothing_is_found() {
        let there = ("docs/a.md", "");
        let good = "[a](a.md#part) [b](../docs) [c](https://x/y) [d](#part) `[e](none.md)`\n\n    [f](none.md)\n";
        assert_eq!(found(dead_links, &[there, ("docs/b.md", good)]), NONE);
        assert_one(
            &found(dead_links, &[there, ("docs/b.md", "\n[a](docs/a.md)")]),
            "b.md:2: the link leads to `docs/docs/a.md`",
        );
    }

    #[test]
    fn a_page_that_nobody_links_is_found() {
        let page = ("docs/a.md", "[itself](a.md)");
        assert_one(&found(unlinked, &[page, ("README.md", "docs/a.md")]), "docs/a.md:1: no page links to this one");
        assert_eq!(found(unlinked, &[page, ("README.md", "[a](docs/a.md)")]), NONE);
        let decision = ("docs/adr/1.md", "");
        assert_eq!(found(unlinked, &[decision, ("README.md", "[decisions](docs/adr/)")]), NONE);
        assert_one(&found(unlinked, &[decision, ("README.md", "[pages](docs/)")]), "docs/adr/1.md");
    }
}

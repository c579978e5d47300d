//! The host's apt sources, read for one question: where do the packages of this distribution come from?
//!
//! Both formats of sources.list(5): one line per source (`*.list`) and deb822 stanzas (`*.sources`). Sources of third
//! parties are read past and never used.

use std::path::{Path, PathBuf};

use super::super::surroundings::{Surroundings, inside};

/// One repository of binary packages: a URI with one suite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Source {
    /// Where the archive begins, for example `http://mirror.example/debian`.
    pub uri: String,
    /// Suite or codename, for example `bookworm-updates`.
    pub suite: String,
    /// Components, for example `main`.
    pub components: Vec<String>,
    /// The keyring file that the source is bound to, where it names one by path.
    pub keyring: Option<PathBuf>,
}

/// Every enabled source of binary packages, in the order in which apt reads them.
pub(super) fn read(host: &Surroundings) -> Vec<Source> {
    let text = |path: &Path| inside(&host.root, path).and_then(|path| std::fs::read_to_string(path).ok());
    let mut sources = text(Path::new("/etc/apt/sources.list")).map(|text| from_lines(&text)).unwrap_or_default();
    let parts = inside(&host.root, Path::new("/etc/apt/sources.list.d"));
    let entries = parts.and_then(|dir| std::fs::read_dir(dir).ok()).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    files.sort();
    for file in files {
        let Ok(text) = std::fs::read_to_string(&file) else { continue };
        match file.extension().and_then(|end| end.to_str()) {
            Some("list") => sources.extend(from_lines(&text)),
            Some("sources") => sources.extend(from_stanzas(&text)),
            _ => {}
        }
    }
    sources
}

/// The one-line format: `deb [option=value ...] URI SUITE COMPONENT...`, `#` begins a comment.
fn from_lines(text: &str) -> Vec<Source> {
    text.lines()
        .filter_map(|line| {
            let line = line.split('#').next().unwrap_or_default().trim();
            let rest = line.strip_prefix("deb")?.strip_prefix(char::is_whitespace)?.trim_start();
            let (options, rest) = match rest.strip_prefix('[') {
                Some(rest) => rest.split_once(']')?,
                None => ("", rest),
            };
            let mut words = rest.split_whitespace().map(str::to_owned);
            let (uri, suite) = (words.next()?, words.next()?);
            let signed_by = options.split_whitespace().find_map(|option| option.strip_prefix("signed-by="));
            source(uri, suite, words.collect(), signed_by)
        })
        .collect()
}

/// The deb822 format: stanzas of `Field: value`, continued by indented lines, `#` begins a comment line.
fn from_stanzas(text: &str) -> Vec<Source> {
    let mut sources = Vec::new();
    let text: String =
        text.lines().filter(|line| !line.starts_with('#')).map(|line| format!("{}\n", line.trim_end())).collect();
    for stanza in text.split("\n\n") {
        let mut fields: Vec<(String, String)> = Vec::new();
        for line in stanza.lines() {
            if line.starts_with([' ', '\t']) {
                if let Some((_, value)) = fields.last_mut() {
                    *value += &format!("\n{}", line.trim());
                }
            } else if let Some((name, value)) = line.split_once(':') {
                fields.push((name.to_ascii_lowercase(), value.trim().to_owned()));
            }
        }
        let value = |name: &str| fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str());
        let words = |name: &str| -> Vec<String> {
            value(name).unwrap_or_default().split_whitespace().map(str::to_owned).collect()
        };
        let off = value("enabled").is_some_and(|text| {
            ["no", "false", "0", "off", "without", "disable"].contains(&text.to_ascii_lowercase().as_str())
        });
        if off || !words("types").iter().any(|kind| kind == "deb") {
            continue;
        }
        for uri in words("uris") {
            for suite in words("suites") {
                sources.extend(source(uri.clone(), suite, words("components"), value("signed-by")));
            }
        }
    }
    sources
}

fn source(uri: String, suite: String, components: Vec<String>, signed_by: Option<&str>) -> Option<Source> {
    // apt takes a path, a fingerprint or a key in place; only a path can be handed on as it is
    let keyring = signed_by.and_then(|text| text.split([',', ' ', '\n']).next()).filter(|first| first.starts_with('/'));
    let usable = !uri.starts_with("cdrom:") && uri.contains(':');
    usable.then(|| Source { uri, suite, components, keyring: keyring.map(PathBuf::from) })
}

/// The sources that carry the distribution's own release `codename`: the release, its updates and its security fixes,
/// each in the component `main`. Where the codename has none (a rolling release), the release by its suite name.
pub(super) fn of_release(sources: &[Source], codename: &str) -> Vec<Source> {
    let carries = |source: &&Source, suites: &[String]| {
        suites.contains(&source.suite) && source.components.iter().any(|component| component == "main")
    };
    let pick = |suites: &[String]| -> Vec<Source> {
        sources.iter().filter(|source| carries(source, suites)).cloned().collect()
    };
    let named = ["", "-updates", "-security"].map(|suffix| format!("{codename}{suffix}"));
    let chosen = if codename.is_empty() { Vec::new() } else { pick(&named) };
    if chosen.is_empty() { pick(&["sid", "unstable", "testing", "stable"].map(str::to_owned)) } else { chosen }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(sources: &[Source]) -> Vec<String> {
        let line = |source: &Source| {
            let keyring = source.keyring.as_ref().map(|path| format!(" {}", path.display())).unwrap_or_default();
            format!("{} {} {}{keyring}", source.uri, source.suite, source.components.join(","))
        };
        sources.iter().map(line).collect()
    }

    #[test]
    fn one_line_sources_are_read_with_options_and_comments() {
        let text = "# deb http://old/ a main\n\
                    deb http://mirror.example/debian bookworm main contrib # the mirror\n\
                    deb-src http://mirror.example/debian bookworm main\n\
                    deb [ arch=amd64 signed-by=/usr/share/keyrings/x.gpg ] https://third.example/apt bookworm stable\n\
                    deb cdrom:[Debian]/ bookworm main\n\
                    deb [broken http://x y\n\
                    deb\n";
        assert_eq!(
            shown(&from_lines(text)),
            [
                "http://mirror.example/debian bookworm main,contrib",
                "https://third.example/apt bookworm stable /usr/share/keyrings/x.gpg",
            ]
        );
    }

    #[test]
    fn stanzas_are_read_with_continuations_comments_and_inline_keys() {
        let text = "# a comment\nTypes: deb deb-src\nURIs: http://a.example/debian http://b.example/debian\n\
                    Suites: trixie\n# in between\n trixie-updates\nComponents: main\n\
                    Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n\n\
                    Types: deb\nURIs: http://off.example/\nSuites: trixie\nComponents: main\nEnabled: no\n\n\
                    types: deb\nuris: http://key.example/\nsuites: x\ncomponents: main\nSigned-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n";
        let key = "/usr/share/keyrings/debian-archive-keyring.gpg";
        assert_eq!(
            shown(&from_stanzas(text)),
            [
                format!("http://a.example/debian trixie main {key}"),
                format!("http://a.example/debian trixie-updates main {key}"),
                format!("http://b.example/debian trixie main {key}"),
                format!("http://b.example/debian trixie-updates main {key}"),
                "http://key.example/ x main".to_owned(),
            ]
        );
    }

    #[test]
    fn a_host_is_read_in_apts_order_and_third_parties_are_left_out() {
        let root = tempfile::tempdir().unwrap();
        let put = |path: &str, text: &str| {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        put("etc/apt/sources.list", "deb http://mirror.example/debian bookworm main\n");
        put("etc/apt/sources.list.d/docker.list", "deb https://third.example/linux/debian bookworm stable\n");
        put("etc/apt/sources.list.d/db.list", "deb https://db.example/apt bookworm-pgdg main\n");
        put(
            "etc/apt/sources.list.d/security.sources",
            "Types: deb\nURIs: http://mirror.example/security\nSuites: bookworm-security\nComponents: main\n",
        );
        put("etc/apt/sources.list.d/off.list.disabled", "deb http://off.example/ bookworm main\n");
        let host = Surroundings { root: root.path().into(), path: "".into(), config_home: None, cache: None };
        let sources = read(&host);
        assert_eq!(sources.len(), 4);
        assert_eq!(
            shown(&of_release(&sources, "bookworm")),
            ["http://mirror.example/debian bookworm main", "http://mirror.example/security bookworm-security main",]
        );
        assert!(of_release(&sources, "trixie").is_empty());
    }

    #[test]
    fn a_rolling_host_is_found_by_its_suite() {
        let sources = from_lines("deb http://mirror.example/debian unstable main\n");
        assert_eq!(of_release(&sources, "forky").len(), 1);
        assert_eq!(of_release(&sources, "").len(), 1);
    }
}

//! Lock files: the exact package files that releases were unpacked from, to be fetched again.
//!
//! ```toml
//! schema = "bootwright.lock/1"
//!
//! [[platform]]
//! name = "debian:sid"
//! suites = ["sid"]
//!
//! [[platform.package]]
//! name = "seabios"
//! version = "1.17.0-1"
//! file = "seabios_1.17.0-1_all.deb"
//! bytes = 162000
//! sha256 = "..."
//! ```

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::super::error::PlatformError;
use super::package::Package;

/// The only format there is.
const SCHEMA: &str = "bootwright.lock/1";

/// A lock of three releases has 60 kB; nothing much larger is read.
const LIMIT_BYTES: u64 = 8 << 20;

/// One package file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Archive {
    /// Package name.
    pub name: String,
    /// Package version with its epoch.
    pub version: String,
    /// File name as apt gives it.
    pub file: String,
    /// Size of the file.
    pub bytes: u64,
    /// SHA-256 of the file, lower-case hexadecimal.
    pub sha256: String,
}

impl Archive {
    /// The same as apt knows it.
    pub fn package(&self) -> Package {
        Package { name: self.name.clone(), version: self.version.clone(), file: self.file.clone(), bytes: self.bytes }
    }
}

/// One release with its package files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Locked {
    /// `apt` or `debian:SUITE`.
    pub name: String,
    /// The suites that it was fetched from.
    pub suites: Vec<String>,
    /// Its package files.
    #[serde(rename = "package")]
    pub packages: Vec<Archive>,
}

/// A lock file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Lock {
    schema: String,
    #[serde(default, rename = "platform")]
    platforms: Vec<Locked>,
}

impl Lock {
    /// Reads a lock file; an empty lock where there is none yet.
    pub fn read(path: &Path) -> Result<Lock, PlatformError> {
        let wrong =
            |problem: String, fix: &str| PlatformError::Lock { path: path.to_owned(), problem, fix: fix.to_owned() };
        let meta = match path.metadata() {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Lock { schema: SCHEMA.to_owned(), platforms: Vec::new() });
            }
            Err(error) => return Err(wrong(error.to_string(), "give a file that can be read")),
            Ok(meta) => meta,
        };
        if !meta.is_file() || meta.len() > LIMIT_BYTES {
            return Err(wrong(
                format!("is no file of at most {LIMIT_BYTES} bytes"),
                "give a file that platform fetch wrote",
            ));
        }
        let text = std::fs::read_to_string(path)
            .map_err(|error| wrong(error.to_string(), "give a file that platform fetch wrote"))?;
        let lock: Lock = toml::from_str(&text)
            .map_err(|error| wrong(error.message().to_owned(), "give a file that platform fetch wrote"))?;
        if lock.schema != SCHEMA {
            return Err(wrong(format!("its schema is {:?}, wanted {SCHEMA:?}", lock.schema), "write it anew"));
        }
        Ok(lock)
    }

    /// The package files of this release; `None` where the lock does not name it.
    pub fn of(&self, name: &str) -> Option<&[Archive]> {
        self.platforms.iter().find(|locked| locked.name == name).map(|locked| locked.packages.as_slice())
    }

    /// Adds a release.
    pub fn add(&mut self, locked: Locked) {
        self.platforms.retain(|other| other.name != locked.name);
        self.platforms.push(locked);
        self.platforms.sort_by(|one, other| one.name.cmp(&other.name));
    }

    /// Writes the lock file in one step.
    pub fn write(&self, path: &Path) -> Result<(), PlatformError> {
        let wrong = |problem: String| PlatformError::Lock {
            path: path.to_owned(),
            problem,
            fix: "give a file that can be written".to_owned(),
        };
        let text = toml::to_string(self).map_err(|error| wrong(error.to_string()))?;
        let fresh = path.with_extension(format!("{}.new", std::process::id()));
        std::fs::write(&fresh, text)
            .and_then(|()| std::fs::rename(&fresh, path))
            .map_err(|error| wrong(error.to_string()))
    }
}

/// What of `wanted` is not among `offered`, as name and version, one line each.
pub(super) fn gone(wanted: &[Archive], offered: &[(String, String)]) -> Vec<String> {
    let has =
        |archive: &&Archive| offered.iter().any(|(name, version)| *name == archive.name && *version == archive.version);
    let instead = |name: &str| {
        let others: Vec<&str> =
            offered.iter().filter(|(other, _)| other == name).map(|(_, version)| version.as_str()).collect();
        if others.is_empty() { "none".to_owned() } else { others.join(", ") }
    };
    let missing = wanted.iter().filter(|archive| !has(archive));
    missing
        .map(|archive| format!("{} {} (there is {})", archive.name, archive.version, instead(&archive.name)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(name: &str, version: &str) -> Archive {
        Archive {
            name: name.into(),
            version: version.into(),
            file: format!("{name}_{version}_all.deb"),
            bytes: 7,
            sha256: "00".into(),
        }
    }

    #[test]
    fn a_lock_survives_a_round_trip() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("platforms.lock");
        let mut lock = Lock::read(&path).unwrap();
        assert_eq!(lock.of("debian:sid"), None);
        let packages = vec![archive("seabios", "1:1.17.0-1")];
        lock.add(Locked { name: "debian:sid".into(), suites: vec!["sid".into()], packages: packages.clone() });
        lock.write(&path).unwrap();
        assert_eq!(Lock::read(&path).unwrap().of("debian:sid"), Some(packages.as_slice()));
    }

    #[test]
    fn text_that_is_no_lock_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("platforms.lock");
        for (text, words) in [
            ("schema = \"other/1\"\n", "its schema is \"other/1\""),
            ("schema = \"bootwright.lock/1\"\nplatfrom = 1\n", "unknown field"),
            ("[[", "lock file"),
        ] {
            std::fs::write(&path, text).unwrap();
            let error = Lock::read(&path).unwrap_err().to_string();
            assert!(error.contains(words) && error.contains("platforms.lock"), "{error}");
        }
    }

    #[test]
    fn what_cannot_be_had_any_more_is_named_with_what_there_is() {
        let wanted = [archive("seabios", "1.16"), archive("ovmf", "2025.02"), archive("ipxe-qemu", "1")];
        let offered =
            [("seabios", "1.17"), ("ipxe-qemu", "1")].map(|(name, version)| (name.to_owned(), version.to_owned()));
        assert_eq!(gone(&wanted, &offered), ["seabios 1.16 (there is 1.17)", "ovmf 2025.02 (there is none)"]);
    }
}

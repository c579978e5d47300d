//! The names by which a platform is chosen.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use super::Architecture;
use super::error::PlatformError;
use super::surroundings::Surroundings;

/// Where a platform comes from. [`FromStr`] and [`Display`](fmt::Display) are each other's inverse.
///
/// ```
/// use bootwright_machine::platform::PlatformName;
///
/// let name: PlatformName = "debian:trixie".parse()?;
/// assert_eq!(name.to_string(), "debian:trixie");
/// assert!("debian:Trixie!".parse::<PlatformName>().is_err());
/// # Ok::<(), bootwright_machine::platform::PlatformError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PlatformName {
    /// QEMU on PATH and the firmware installed beside it.
    Host,
    /// Packages of the host's own Debian-like release, unpacked under the user's cache.
    Apt,
    /// Packages of the named Debian suite (`bookworm`, `trixie`, `sid`, ...), unpacked under the user's cache.
    Debian(String),
    /// A manifest that gives every path.
    File(PathBuf),
    /// A QEMU build tree.
    Dir(PathBuf),
    /// A manifest that was kept under this name.
    Kept(String),
}

impl PlatformName {
    /// The platform for somebody who named none: `host` if it has QEMU, else `apt` if it has apt and dpkg, else `host`,
    /// whose error then says how to install QEMU.
    pub fn default_on(host: &Surroundings) -> Self {
        let has = |program: &str| host.program(program).is_some();
        if host.qemu(Architecture::X86_64).is_none() && has("apt-get") && has("dpkg-deb") {
            Self::Apt
        } else {
            Self::Host
        }
    }
}

impl FromStr for PlatformName {
    type Err = PlatformError;

    /// # Errors
    ///
    /// [`PlatformError::UnknownName`] for anything but the six forms; whether a manifest is kept under a name is not looked at.
    fn from_str(given: &str) -> Result<Self, PlatformError> {
        let refuse = |hint: &str| Err(PlatformError::UnknownName { given: given.to_owned(), hint: hint.to_owned() });
        match given.split_once(':') {
            None if given == "host" => Ok(Self::Host),
            None if given == "apt" => Ok(Self::Apt),
            None if given.ends_with(".toml") => refuse(&format!("for a manifest say file:{given}")),
            None if is_kept_name(given) => Ok(Self::Kept(given.to_owned())),
            None => refuse(""),
            Some(("debian", suite)) if is_suite(suite) => Ok(Self::Debian(suite.to_owned())),
            Some(("debian", _)) => refuse("say debian:bookworm, debian:trixie or debian:sid"),
            Some((kind @ ("file" | "dir"), "")) => refuse(&format!("give a path after {kind}:")),
            Some(("file", path)) => Ok(Self::File(path.into())),
            Some(("dir", path)) => Ok(Self::Dir(path.into())),
            Some(_) => refuse(""),
        }
    }
}

impl fmt::Display for PlatformName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host => out.write_str("host"),
            Self::Apt => out.write_str("apt"),
            Self::Debian(suite) => write!(out, "debian:{suite}"),
            Self::File(path) => write!(out, "file:{}", path.display()),
            Self::Dir(path) => write!(out, "dir:{}", path.display()),
            Self::Kept(name) => out.write_str(name),
        }
    }
}

/// A kept name becomes a file name.
fn is_kept_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase() || first.is_ascii_digit())
        && name.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || "-_.".contains(letter))
}

/// A suite becomes part of a path and of an apt source line, so only plain names pass.
fn is_suite(suite: &str) -> bool {
    suite.starts_with(|first: char| first.is_ascii_lowercase())
        && suite.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-')
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("host")]
    #[case("apt")]
    #[case("debian:bookworm")]
    #[case("debian:sid")]
    #[case("file:vendor/acme.toml")]
    #[case("file:odd:name.toml")]
    #[case("dir:/src/qemu/build")]
    #[case("acme-7.2")]
    fn a_name_survives_a_round_trip(#[case] given: &str) {
        assert_eq!(given.parse::<PlatformName>().unwrap().to_string(), given);
    }

    #[rstest]
    #[case("", "no platform is called \"\"")]
    #[case("Host", "no platform is called \"Host\"")]
    #[case("acme.toml", "fix: for a manifest say file:acme.toml")]
    #[case("debian:", "fix: say debian:bookworm")]
    #[case("debian:../../etc", "fix: say debian:bookworm")]
    #[case("debian:sid\ndeb", "fix: say debian:bookworm")]
    #[case("file:", "fix: give a path after file:")]
    #[case("ubuntu:noble", "no platform is called \"ubuntu:noble\"")]
    fn any_other_name_is_refused(#[case] given: &str, #[case] text: &str) {
        let error = given.parse::<PlatformName>().unwrap_err().to_string();
        assert!(error.contains(text), "{error}");
    }
}

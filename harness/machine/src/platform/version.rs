//! Digests of files, and their versions: from the file's own banner, else from the package that owns it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::error::PlatformError;
use super::surroundings::Surroundings;
use crate::digest;
use crate::process::Command;

/// What stands for a version where neither the file nor a package says one.
pub(super) const UNKNOWN: &str = "unknown";

/// A package database answers at once or not at all.
const PACKAGE_LIMIT: Duration = Duration::from_secs(20);

/// SHA-256 of a file, lower-case hexadecimal.
pub(super) fn sha256(path: &Path) -> Result<String, PlatformError> {
    let mut file = File::open(path).map_err(PlatformError::unreadable(path))?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 256 << 10];
    loop {
        match file.read(&mut buffer).map_err(PlatformError::unreadable(path))? {
            0 => return Ok(digest::hex(&hasher.finalize())),
            length => hasher.update(&buffer[..length]),
        }
    }
}

/// SHA-256 of bytes, lower-case hexadecimal.
pub(super) fn sha256_of(bytes: &[u8]) -> String {
    digest::sha256(bytes)
}

/// What SLOF says of its release, for example `20220719` of `FW Version = release 20220719` (`board-qemu/slof/Makefile`, `version.S`).
pub(super) fn slof_release(image: &[u8]) -> Option<String> {
    let before = b"release ";
    let mut places = image.windows(before.len()).enumerate().filter(|(_, window)| window == before);
    places.find_map(|(at, _)| {
        let digits = image.get(at + before.len()..at + before.len() + 8)?;
        let text = std::str::from_utf8(digits).ok()?;
        text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.to_owned())
    })
}

/// SeaBIOS' version as its build put it into the image, for example `1.16.2-debian-1.16.2-1` or
/// `rel-1.16.3-0-ga6ed6b701f0a-prebuilt.qemu.org`.
///
/// The image holds the format `SeaBIOS (version %s)` and, elsewhere, the version as a string of its own
/// (`src/output.c` and `src/post.c`). `None` for an image without the format, so for another BIOS.
pub(super) fn seabios_banner(image: &[u8]) -> Option<String> {
    let banner = b"SeaBIOS (version ";
    let at = image.windows(banner.len()).position(|window| window == banner)?;
    let rest = &image[at + banner.len()..];
    if !rest.starts_with(b"%s") {
        let end = rest.iter().position(|&byte| byte == b')')?;
        return std::str::from_utf8(&rest[..end]).ok().filter(|text| is_version(text)).map(str::to_owned);
    }
    // the compiler pads with whatever it likes between strings, so a string begins after the last byte that is no text
    let text = |string: &[u8]| -> Option<String> {
        let begin = string.iter().rposition(|byte| !(byte.is_ascii_graphic() || *byte == b' ')).map_or(0, |at| at + 1);
        String::from_utf8(string[begin..].to_vec()).ok()
    };
    image.split(|&byte| byte == 0).filter_map(text).find(|text| is_version(text))
}

/// `1.16.2...` or `rel-1.16.2...`: at least two numbers with a dot, printable, no blanks.
fn is_version(text: &str) -> bool {
    let number = text.strip_prefix("rel-").unwrap_or(text);
    let mut fields = number.split(['.', '-']);
    let numeric =
        |field: Option<&str>| field.is_some_and(|field| !field.is_empty() && field.bytes().all(|b| b.is_ascii_digit()));
    text.len() < 128
        && number.contains('.')
        && numeric(fields.next())
        && numeric(fields.next())
        && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The versions of the packages that own `files`, by file; files that no package owns are missing.
///
/// Asks whichever of dpkg, rpm, pacman and apk the host has. A package database that fails answers nothing: a version
/// is worth having, not worth failing for.
pub(super) fn packaged(host: &Surroundings, files: &[PathBuf]) -> BTreeMap<PathBuf, String> {
    if files.is_empty() {
        BTreeMap::new()
    } else if let Some(dpkg) = host.program("dpkg-query") {
        by_dpkg(&dpkg, files)
    } else if let Some(rpm) = host.program("rpm") {
        let query =
            |file: &PathBuf| output(Command::new(&rpm).args(["-qf", "--qf", "%{VERSION}-%{RELEASE}\\n"]).arg(file));
        one_by_one(files, query, |text| text.lines().next().map(str::to_owned))
    } else if let Some(pacman) = host.program("pacman") {
        let query = |file: &PathBuf| output(Command::new(&pacman).arg("-Qo").arg(file));
        one_by_one(files, query, |text| text.split_whitespace().last().map(str::to_owned))
    } else if let Some(apk) = host.program("apk") {
        let query = |file: &PathBuf| output(Command::new(&apk).args(["info", "--who-owns"]).arg(file));
        one_by_one(files, query, |text| text.split_whitespace().last().map(str::to_owned))
    } else {
        BTreeMap::new()
    }
}

fn by_dpkg(dpkg: &Path, files: &[PathBuf]) -> BTreeMap<PathBuf, String> {
    let owners = output(Command::new(dpkg).arg("-S").args(files)).unwrap_or_default();
    // "package: /path" or "package:arch: /path"; several packages are joined by ", "
    let owner_of: BTreeMap<PathBuf, String> = owners
        .lines()
        .filter_map(|line| line.split_once(": /"))
        .filter(|(packages, _)| !packages.contains(' '))
        .map(|(package, path)| (Path::new("/").join(path), package.to_owned()))
        .collect();
    let mut packages: Vec<&String> = owner_of.values().collect();
    packages.sort();
    packages.dedup();
    if packages.is_empty() {
        return BTreeMap::new();
    }
    let mut show = Command::new(dpkg);
    show.args(["-W", "-f", "${binary:Package} ${Version}\\n${Package} ${Version}\\n"]).args(packages);
    let text = output(&mut show).unwrap_or_default();
    let versions: BTreeMap<&str, &str> = text.lines().filter_map(|line| line.split_once(' ')).collect();
    let version_of = |package: &String| versions.get(package.as_str()).map(|version| (*version).to_owned());
    owner_of.into_iter().filter_map(|(path, package)| Some((path, version_of(&package)?))).collect()
}

fn one_by_one(
    files: &[PathBuf],
    query: impl Fn(&PathBuf) -> Option<String>,
    read: impl Fn(&str) -> Option<String>,
) -> BTreeMap<PathBuf, String> {
    files.iter().filter_map(|file| Some((file.clone(), read(&query(file)?)?))).collect()
}

/// Standard output, also of a program that found only some of what it was asked for.
fn output(command: &mut Command) -> Option<String> {
    command.env("LC_ALL", "C");
    let done = command.read(b"", PACKAGE_LIMIT).ok()?;
    (done.exit.success() || !done.stdout.is_empty()).then(|| String::from_utf8_lossy(&done.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(b"..SeaBIOS (version %s)\n\0..\x001.16.2-debian-1.16.2-1\0", Some("1.16.2-debian-1.16.2-1"))]
    #[case(b"SeaBIOS (version %s)\n\0GCC 14.2.0\0\x901.16.3-debian-1.16.3-2\0", Some("1.16.3-debian-1.16.3-2"))]
    #[case(b"rel-1.17.0-2-gabc\0..\0SeaBIOS (version %s)\n\0", Some("rel-1.17.0-2-gabc"))]
    #[case(b"SeaBIOS (version 1.7.4-20140219_1)\n\0", Some("1.7.4-20140219_1"))]
    #[case(b"SeaBIOS (version %s)\n\0no version here\x001.2.3 with blanks\0", None)]
    #[case(b"OTHERBIOS\x001.2.3\0", None)]
    #[case(b"SeaBIOS (version ", None)]
    #[case(b"", None)]
    fn seabios_version_is_the_builds_own_string(#[case] image: &[u8], #[case] version: Option<&str>) {
        assert_eq!(seabios_banner(image).as_deref(), version);
    }

    #[test]
    fn digest_is_that_of_the_standard() {
        // FIPS 180-4 example: SHA-256("abc")
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "abc").unwrap();
        assert_eq!(sha256(file.path()).unwrap(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn a_missing_file_has_no_digest() {
        let error = sha256(Path::new("/nonexistent/bios.bin")).unwrap_err();
        assert_eq!(error.to_string(), "cannot read /nonexistent/bios.bin");
    }

    #[test]
    fn without_a_package_database_nothing_is_known() {
        let host = Surroundings { root: "/".into(), path: "/nonexistent".into(), config_home: None, cache: None };
        assert!(packaged(&host, &["/bin/sh".into()]).is_empty());
    }
}

//! apt-get with a state, a cache, sources and keys of its own, as an unprivileged user.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::super::error::PlatformError;
use super::super::surroundings::Surroundings;
use super::super::{Options, Progress, version};
use super::lock::Archive;
use super::package::Package;
use super::sources::Source;
use crate::process::Command;

/// Longest that one step of apt may take; a slow line needs minutes for 60 MB.
const STEP_LIMIT: Duration = Duration::from_secs(1800);

/// Settings of the host's apt that say how to reach a mirror, or what its administrator decided about time stamps.
/// Everything else, hooks and third-party sources above all, stays behind.
const INHERITED: [&str; 6] = [
    "acquire::http::",
    "acquire::https::",
    "acquire::retries",
    "acquire::forceipv",
    "acquire::check-valid-until",
    "acquire::check-date",
];

/// A private apt configuration in a directory of its own.
pub(super) struct PrivateApt {
    platform: String,
    dir: PathBuf,
    apt_get: PathBuf,
    apt_cache: PathBuf,
    /// Packages of another architecture, without what they depend on.
    alone: bool,
}

impl PrivateApt {
    /// Lays out state, cache and configuration in `dir`. With the name of an architecture, its packages are meant, which are taken
    /// without what they depend on.
    pub(super) fn create(
        (platform, foreign): (&str, Option<&str>),
        dir: &Path,
        sources: &[Source],
        options: &Options,
    ) -> Result<Self, PlatformError> {
        let host = &options.surroundings;
        let make = |path: PathBuf| std::fs::create_dir_all(&path).map_err(PlatformError::cache("create", &path));
        for name in ["lists/partial", "cache/archives/partial", "etc/none.d"] {
            make(dir.join(name))?;
        }
        let architecture = match foreign {
            Some(architecture) => architecture.to_owned(),
            None => output(Command::new(tool(host, "dpkg")).arg("--print-architecture"))?.trim().to_owned(),
        };
        let mut inherited = String::new();
        if let Some(config) = host.program("apt-config") {
            inherited = inherit(&output(Command::new(config).arg("dump"))?);
        }
        if options.accept_expired {
            inherited += "Acquire::Check-Valid-Until \"false\";\n";
        }
        let write = |name: &str, text: &str| {
            let path = dir.join(name);
            std::fs::write(&path, text).map_err(PlatformError::cache("write", &path))
        };
        write("status", "")?;
        write("etc/sources.list", &source_lines(sources, &architecture))?;
        write("etc/apt.conf", &configuration(dir, &architecture, &inherited))?;
        let (apt_get, apt_cache) = (tool(host, "apt-get"), tool(host, "apt-cache"));
        let alone = foreign.is_some();
        Ok(Self { platform: platform.to_owned(), dir: dir.to_owned(), apt_get, apt_cache, alone })
    }

    /// Where downloaded package files lie.
    pub(super) fn archives(&self) -> PathBuf {
        self.dir.join("cache/archives")
    }

    /// Fetches the package lists and verifies their signatures.
    pub(super) fn update(&self) -> Result<(), PlatformError> {
        let done = self.command().args(["update", "-q", "--error-on=any"]).read(b"", STEP_LIMIT)?;
        if done.exit.success() {
            return Ok(());
        }
        let all = format!("{}{}", String::from_utf8_lossy(&done.stdout), done.stderr);
        let (problem, fix) = why_no_lists(&all);
        let stderr = done.stderr.clone();
        Err(PlatformError::Fetch {
            platform: self.platform.clone(),
            problem: problem.to_owned(),
            stderr,
            fix: fix.to_owned(),
        })
    }

    /// The versions of these packages that the verified lists offer, as name and version.
    pub(super) fn offered(&self, wanted: &[Archive]) -> Result<Vec<(String, String)>, PlatformError> {
        let mut command = Command::new(&self.apt_cache);
        command.env("APT_CONFIG", self.dir.join("etc/apt.conf")).env("LC_ALL", "C").arg("madison");
        command.args(wanted.iter().map(|archive| &archive.name));
        let done = command.read(b"", STEP_LIMIT)?;
        if !done.exit.success() {
            return Err(PlatformError::of_tool(&self.platform, "asking for the versions on offer", &done, "try again"));
        }
        Ok(String::from_utf8_lossy(&done.stdout).lines().filter_map(offer).collect())
    }

    /// What a package depends on directly, by name.
    pub(super) fn depends(&self, package: &str) -> Result<Vec<String>, PlatformError> {
        let mut command = Command::new(&self.apt_cache);
        command.env("APT_CONFIG", self.dir.join("etc/apt.conf")).env("LC_ALL", "C").args(["depends", package]);
        let done = command.read(b"", STEP_LIMIT)?;
        let named: Vec<String> =
            String::from_utf8_lossy(&done.stdout).lines().filter_map(dependency).map(str::to_owned).collect();
        if !done.exit.success() || named.is_empty() {
            let what = format!("asking what {package} depends on");
            return Err(PlatformError::of_tool(
                &self.platform,
                &what,
                &done,
                "the release may lack it: try another suite",
            ));
        }
        Ok(named)
    }

    /// The packages `wanted` and everything that they depend on, none of it assumed to be installed.
    pub(super) fn resolve(&self, wanted: &[String]) -> Result<Vec<Package>, PlatformError> {
        let done = self.install(wanted).arg("--print-uris").read(b"", STEP_LIMIT)?;
        let mut packages: Vec<Package> = String::from_utf8_lossy(&done.stdout).lines().filter_map(package).collect();
        packages.sort();
        if !done.exit.success() || packages.is_empty() {
            let fix = "the release may lack one of the packages, or be in transition: try again later or another suite";
            return Err(PlatformError::of_tool(
                &self.platform,
                &format!("resolving {}", wanted.join(", ")),
                &done,
                fix,
            ));
        }
        Ok(packages)
    }

    /// Downloads what [`Self::resolve`] named; apt checks every file against the verified lists.
    pub(super) fn download(
        &self,
        wanted: &[String],
        total_bytes: u64,
        progress: &mut dyn FnMut(&Progress),
    ) -> Result<(), PlatformError> {
        let mut lines = Lines::default();
        let mut watch = |piece: &[u8]| {
            for percent in lines.take(piece).iter().filter_map(|line| download_percent(line)) {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "a share of a size, for display"
                )]
                let done_bytes = (total_bytes as f64 * percent / 100.0) as u64;
                progress(&Progress::Download { platform: self.platform.clone(), done_bytes, total_bytes });
            }
        };
        let mut command = self.install(wanted);
        if !self.alone {
            command.args(["--download-only", "-o", "APT::Status-Fd=1"]);
        }
        let done = command.read_watched(b"", STEP_LIMIT, &mut watch)?;
        if done.exit.success() {
            return Ok(());
        }
        Err(PlatformError::of_tool(
            &self.platform,
            "downloading the packages",
            &done,
            "check the network and the space left, then try again",
        ))
    }

    fn install(&self, wanted: &[String]) -> Command {
        let mut command = self.command();
        match self.alone {
            // leaves them in the folder that it runs in
            true => command.directory(self.archives()).args(["download", "-qq"]),
            false => command.args(["install", "-qq", "--yes", "--no-install-recommends"]),
        };
        command.args(wanted);
        command
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.apt_get);
        command.env("APT_CONFIG", self.dir.join("etc/apt.conf")).env("LC_ALL", "C");
        command
    }
}

fn tool(host: &Surroundings, name: &str) -> PathBuf {
    host.program(name).unwrap_or_else(|| PathBuf::from(name))
}

fn output(command: &mut Command) -> Result<String, PlatformError> {
    let program = command.to_string();
    let done = command.env("LC_ALL", "C").read(b"", Duration::from_secs(30))?;
    if !done.exit.success() {
        return Err(PlatformError::Probe { program, problem: done.exit.to_string(), stderr: done.stderr });
    }
    Ok(String::from_utf8_lossy(&done.stdout).into_owned())
}

/// The lines of `apt-config dump` that are kept; see [`INHERITED`].
fn inherit(dump: &str) -> String {
    let keep = |line: &&str| INHERITED.iter().any(|key| line.to_ascii_lowercase().starts_with(key));
    dump.lines().filter(keep).map(|line| format!("{line}\n")).collect()
}

fn source_lines(sources: &[Source], architecture: &str) -> String {
    let line = |source: &Source| {
        let keyring = source.keyring.as_ref().map(|path| format!(" signed-by={}", path.display())).unwrap_or_default();
        format!("deb [arch={architecture}{keyring}] {} {} {}\n", source.uri, source.suite, source.components.join(" "))
    };
    sources.iter().map(line).collect()
}

/// A configuration that replaces the host's: apt.conf(5). Verification keeps apt's strict defaults.
fn configuration(dir: &Path, architecture: &str, inherited: &str) -> String {
    let at = |name: &str| dir.join(name).display().to_string();
    let none = at("etc/none");
    let none_d = at("etc/none.d");
    format!(
        "{inherited}\
         Dir::State \"{}\";\nDir::State::lists \"lists\";\nDir::State::status \"{}\";\nDir::Cache \"{}\";\n\
         Dir::Etc \"{}\";\nDir::Etc::sourcelist \"{}\";\nDir::Etc::sourceparts \"{none_d}\";\n\
         Dir::Etc::main \"{none}\";\nDir::Etc::parts \"{none_d}\";\n\
         Dir::Etc::preferences \"{none}\";\nDir::Etc::preferencesparts \"{none_d}\";\n\
         Dir::Etc::trusted \"{none}\";\nDir::Etc::trustedparts \"{none_d}\";\n\
         APT::Architecture \"{architecture}\";\nAPT::Architectures {{ \"{architecture}\"; }};\n\
         APT::Sandbox::User \"\";\nAPT::Get::AllowUnauthenticated \"false\";\n\
         Acquire::AllowInsecureRepositories \"false\";\nAcquire::AllowWeakRepositories \"false\";\n\
         Acquire::Languages \"none\";\nAcquire::PDiffs \"false\";\nDebug::NoLocking \"true\";\n",
        dir.display(),
        at("status"),
        at("cache"),
        at("etc"),
        at("etc/sources.list"),
    )
}

/// In one sentence why the lists could not be had, and what to do.
fn why_no_lists(said: &str) -> (&'static str, &'static str) {
    let has = |words: &[&str]| words.iter().any(|words| said.contains(words));
    // gpgv says NO_PUBKEY, sqv (apt since 2.9) says Missing key
    if has(&["NO_PUBKEY", "public key is not available", "Missing key"]) {
        (
            "the archive is signed with a key that this host does not have",
            "the host's archive keyring lacks the key that signs this release: apt-get install --only-upgrade \
             debian-archive-keyring (as root), or use a release that the host's keyring knows",
        )
    // apt calls a repository with a bad signature unsigned as well
    } else if has(&["BADSIG", "were invalid", "Bad signature"]) {
        ("the archive's signature is wrong, so nothing of it can be trusted", "give another mirror by --mirror URL")
    } else if has(&["is not signed"]) {
        ("the archive is not signed, so nothing of it can be trusted", "give a signed mirror by --mirror URL")
    } else if has(&["404  Not Found", "404 Not Found", "does not have a Release file"]) {
        ("the mirror has no such suite", "correct the name, or give another mirror by --mirror URL")
    } else if has(&["not valid yet"]) {
        ("the archive's lists are of the future", "correct the host's clock")
    } else if has(&["expired"]) {
        (
            "the archive has expired: its lists are older than they say they may be",
            "give a mirror that is kept up to date by --mirror URL, or take the old state by --accept-expired",
        )
    } else {
        (
            "the package lists could not be fetched and verified",
            "check the network, or give another mirror by --mirror URL",
        )
    }
}

/// One line of `apt-cache madison`: `NAME | VERSION | SOURCE`.
fn offer(line: &str) -> Option<(String, String)> {
    let mut fields = line.split(" | ").map(str::trim);
    let (name, version) = (fields.next()?, fields.next()?);
    fields.next().map(|_| (name.to_owned(), version.to_owned()))
}

/// One line of `apt-cache depends`: `  Depends: NAME`.
fn dependency(line: &str) -> Option<&str> {
    line.trim_start().strip_prefix("Depends: ").map(str::trim)
}

/// One line of `apt-get install --print-uris`: `'URI' FILE BYTES HASH`; the file is `NAME_VERSION_ARCH.deb`.
fn package(line: &str) -> Option<Package> {
    let rest = line.strip_prefix('\'')?.split_once("' ")?.1;
    let mut words = rest.split_whitespace();
    let (file, bytes) = (words.next()?, words.next()?.parse().ok()?);
    let mut parts = file.strip_suffix(".deb")?.split('_');
    let (name, version) = (parts.next()?, parts.next()?);
    let version = version.replace("%3a", ":");
    Some(Package { name: name.to_owned(), version, file: file.to_owned(), bytes })
}

/// The share of a `dlstatus:N:PERCENT:TEXT` line, as apt writes them to its status descriptor.
fn download_percent(line: &str) -> Option<f64> {
    line.strip_prefix("dlstatus:")?.split(':').nth(1)?.parse().ok().filter(|percent| (0.0..=100.0).contains(percent))
}

/// Cuts pieces of output into lines.
#[derive(Default)]
struct Lines {
    rest: Vec<u8>,
}

impl Lines {
    fn take(&mut self, piece: &[u8]) -> Vec<String> {
        self.rest.extend_from_slice(piece);
        let Some(end) = self.rest.iter().rposition(|&byte| byte == b'\n') else { return Vec::new() };
        let complete: Vec<u8> = self.rest.drain(..=end).collect();
        String::from_utf8_lossy(&complete).lines().map(str::to_owned).collect()
    }
}

/// A short name for a set of packages: any other name, version or size gives another.
pub(super) fn digest(packages: &[Package]) -> String {
    let text: String = packages.iter().map(|package| format!("{} {}\n", package.file, package.bytes)).collect();
    version::sha256_of(text.as_bytes())[..16].to_owned()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn a_resolved_package_is_read_with_its_epoch() {
        let line = "'http://m.example/debian/pool/q_7.2%2bdfsg_amd64.deb' qemu-system-x86_1%3a7.2+dfsg-7_amd64.deb 9281168 MD5Sum:0";
        let package = package(line).unwrap();
        assert_eq!(
            (package.name.as_str(), package.version.as_str(), package.bytes),
            ("qemu-system-x86", "1:7.2+dfsg-7", 9_281_168)
        );
    }

    #[test]
    fn a_dependency_is_read_and_nothing_else() {
        assert_eq!(dependency("  Depends: linux-image-6.1.0-50-cloud-arm64"), Some("linux-image-6.1.0-50-cloud-arm64"));
        assert_eq!(dependency("  Recommends: apparmor"), None);
        assert_eq!(dependency("linux-image-cloud-arm64"), None);
    }

    #[rstest]
    #[case("")]
    #[case("Reading package lists...")]
    #[case("'http://m.example/x.deb' x.deb many MD5Sum:0")]
    #[case("'http://m.example/x.tar' x_1_all.tar 5 MD5Sum:0")]
    fn other_lines_are_no_package(#[case] line: &str) {
        assert_eq!(package(line), None);
    }

    #[test]
    fn hooks_and_trust_settings_of_the_host_are_left_behind() {
        let dump = "Acquire::http::Proxy \"http://proxy.example:3128\";\nAPT::Update::Post-Invoke:: \"rm -rf /\";\n\
                    Acquire::AllowInsecureRepositories \"1\";\nAcquire::Check-Valid-Until \"false\";\nDir::State \"x\";\n";
        assert_eq!(
            inherit(dump),
            "Acquire::http::Proxy \"http://proxy.example:3128\";\nAcquire::Check-Valid-Until \"false\";\n"
        );
    }

    #[test]
    fn every_source_is_bound_to_its_keyring() {
        let source = Source {
            uri: "http://m.example/debian".into(),
            suite: "sid".into(),
            components: vec!["main".into()],
            keyring: Some("/usr/share/keyrings/debian-archive-keyring.gpg".into()),
        };
        assert_eq!(
            source_lines(&[source], "amd64"),
            "deb [arch=amd64 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://m.example/debian sid main\n"
        );
    }

    #[rstest]
    #[case(
        "The following signatures couldn't be verified because the public key is not available: NO_PUBKEY 1",
        "does not have"
    )]
    #[case("E: The repository 'x' is not signed.", "is not signed")]
    #[case("The following signatures were invalid: BADSIG 0123", "signature is wrong")]
    #[case("E: The repository 'x' does not have a Release file.", "no such suite")]
    #[case("Release file is not valid yet (invalid for another 3h)", "of the future")]
    #[case(
        "E: Release file for x is expired (invalid since 18d 3h). Updates for this repository will not be applied.",
        "has expired"
    )]
    #[case("Could not resolve 'm.example'", "could not be fetched")]
    fn each_way_to_fail_is_one_sentence(#[case] said: &str, #[case] sentence: &str) {
        assert!(why_no_lists(said).0.contains(sentence));
    }

    #[test]
    fn an_expired_archive_can_be_accepted_by_a_flag_and_the_fix_names_it() {
        assert!(why_no_lists("Release file for x is expired").1.contains("--accept-expired"));
    }

    #[test]
    fn an_offer_is_read_from_madison() {
        let line = " seabios | 1.16.3-2 | http://m.example/debian trixie/main amd64 Packages";
        assert_eq!(offer(line), Some(("seabios".into(), "1.16.3-2".into())));
        assert_eq!(offer("N: Unable to locate package x"), None);
    }

    #[test]
    fn progress_survives_any_cut_of_the_output() {
        let text = b"dlstatus:1:12.5:Retrieving file 1 of 3\nnoise\ndlstatus:3:100:done\ndlstatus:x:900:?\n";
        for cut in 0..text.len() {
            let mut lines = Lines::default();
            let mut all = lines.take(&text[..cut]);
            all.extend(lines.take(&text[cut..]));
            let percents: Vec<f64> = all.iter().filter_map(|line| download_percent(line)).collect();
            assert_eq!(percents, [12.5, 100.0]);
        }
    }

    #[test]
    fn another_version_is_another_set() {
        let one = Package { name: "a".into(), version: "1".into(), file: "a_1_all.deb".into(), bytes: 5 };
        let other = Package { version: "2".into(), file: "a_2_all.deb".into(), ..one.clone() };
        assert_ne!(digest(std::slice::from_ref(&one)), digest(&[other]));
        assert_eq!(digest(std::slice::from_ref(&one)).len(), 16);
    }
}

//! Which mirror, which keys and which directory a release gets on hosts of several kinds, without a network.

use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::process::Command;

/// A host with stand-ins for the package tools that refuse to run, and the given files.
fn host(files: &[(&str, &str)]) -> (tempfile::TempDir, Options) {
    let dir = tempfile::tempdir().unwrap();
    let put = |path: &str, text: &str| {
        let path = dir.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    };
    for tool in ["apt-get", "dpkg-deb", "dpkg"] {
        let path = put(&format!("bin/{tool}"), "#!/bin/sh\nexit 99\n");
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    for (path, text) in files {
        put(path, text);
    }
    let surroundings = Surroundings {
        root: dir.path().to_owned(),
        path: dir.path().join("bin").into(),
        config_home: None,
        cache: Some(dir.path().join("cache")),
    };
    (dir, Options { surroundings, ..Options::default() })
}

const DEBIAN: (&str, &str) = ("etc/os-release", "ID=debian\nVERSION_CODENAME=bookworm\n");
const UBUNTU: (&str, &str) = ("etc/os-release", "ID=ubuntu\nID_LIKE=debian\nVERSION_CODENAME=noble\n");
const KEYS: (&str, &str) = ("usr/share/keyrings/debian-archive-keyring.gpg", "");
const MIRROR: (&str, &str) = (
    "etc/apt/sources.list",
    "deb http://mirror.example/debian bookworm main\ndeb http://mirror.example/security bookworm-security main\n\
     deb [signed-by=/third.gpg] http://third.example/debian bookworm stable\n",
);

fn debian(suite: &str) -> PlatformName {
    PlatformName::Debian(suite.to_owned())
}

fn lines(name: &PlatformName, options: &Options) -> Vec<String> {
    let sources = sources_for(name, options).unwrap();
    sources.iter().map(|source| format!("{} {} {}", source.uri, source.suite, source.components.join(" "))).collect()
}

#[test]
fn another_suite_comes_from_the_mirror_of_the_hosts_own_release() {
    let (_dir, options) = host(&[DEBIAN, KEYS, MIRROR]);
    assert_eq!(lines(&debian("sid"), &options), ["http://mirror.example/debian sid main"]);
}

#[test]
fn apt_uses_the_release_with_its_security_fixes() {
    let (_dir, options) = host(&[DEBIAN, KEYS, MIRROR]);
    assert_eq!(
        lines(&PlatformName::Apt, &options),
        ["http://mirror.example/debian bookworm main", "http://mirror.example/security bookworm-security main",]
    );
}

#[test]
fn a_mirror_given_goes_before_the_configured_one() {
    let (_dir, mut options) = host(&[DEBIAN, KEYS, MIRROR]);
    options.mirror = Some("file:/srv/mirror".to_owned());
    assert_eq!(lines(&debian("trixie"), &options), ["file:/srv/mirror trixie main"]);
}

#[test]
fn a_mirror_that_is_none_is_refused() {
    let (_dir, mut options) = host(&[DEBIAN, KEYS, MIRROR]);
    for mirror in ["mirror.example/debian", "http://m.example/ sid main\ndeb http://evil.example", ""] {
        options.mirror = Some(mirror.to_owned());
        assert!(sources_for(&debian("sid"), &options).unwrap_err().to_string().contains("is no mirror"));
    }
}

#[test]
fn a_host_of_another_distribution_needs_a_mirror_and_the_keys() {
    let (_dir, mut options) =
        host(&[UBUNTU, ("etc/apt/sources.list", "deb http://mirror.example/ubuntu noble main\n")]);
    let text = sources_for(&debian("sid"), &options).unwrap_err().to_string();
    assert!(text.contains("no mirror of debian") && text.contains("--mirror URL"), "{text}");
    options.mirror = Some("http://mirror.example/debian".to_owned());
    let text = sources_for(&debian("sid"), &options).unwrap_err().to_string();
    assert!(text.contains("nothing can be verified"), "{text}");
    assert!(text.contains("fix: apt-get install debian-archive-keyring (as root)"), "{text}");
}

#[test]
fn a_host_without_apt_is_told_its_own_install_command() {
    let (_dir, mut options) = host(&[("etc/os-release", "ID=fedora\n")]);
    options.surroundings.path = "/nonexistent".into();
    let text = sources_for(&debian("sid"), &options).unwrap_err().to_string();
    assert!(text.contains("apt-get is not on PATH") && text.contains("dnf install qemu-system-x86-core"), "{text}");
}

#[test]
fn an_unfinished_tree_is_not_taken_for_a_release() {
    let (_dir, options) = host(&[DEBIAN, KEYS, MIRROR]);
    let release = Release::of(&debian("sid"), &options).unwrap();
    assert_eq!(release.fetched(), None);
    std::fs::create_dir_all(release.home.join("trees/abc/root/usr/bin")).unwrap();
    std::fs::create_dir_all(release.home.join("work-1/tree")).unwrap();
    std::os::unix::fs::symlink("trees/abc", release.home.join("current")).unwrap();
    assert_eq!(release.fetched(), None, "the record is missing");
    release.remove_leftovers();
    assert!(!release.home.join("work-1").exists());
}

#[test]
fn switching_keeps_the_tree_that_was_current_and_removes_older_ones() {
    let (_dir, options) = host(&[DEBIAN, KEYS, MIRROR]);
    let release = Release::of(&debian("sid"), &options).unwrap();
    for id in ["one", "two", "three"] {
        let tree = release.home.join("trees").join(id);
        std::fs::create_dir_all(&tree).unwrap();
        std::fs::write(tree.join(tree::RECORD), "{}").unwrap();
        release.switch_to(id).unwrap();
        assert!(release.fetched().unwrap().ends_with(id));
    }
    let mut left: Vec<_> =
        std::fs::read_dir(release.home.join("trees")).unwrap().map(|e| e.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["three", "two"]);
}

#[test]
fn a_fetch_that_fails_leaves_nothing_and_says_what_the_tool_said() {
    let (dir, options) = host(&[DEBIAN, KEYS, MIRROR]);
    let dpkg = dir.path().join("bin/dpkg");
    std::fs::write(&dpkg, "#!/bin/sh\necho amd64\n").unwrap();
    let apt = dir.path().join("bin/apt-get");
    std::fs::write(&apt, "#!/bin/sh\necho 'E: The repository is not signed: NO_PUBKEY 0123' >&2\nexit 100\n").unwrap();
    let text = resolve(&debian("sid"), &options, false, None, &mut |_| {}).unwrap_err().to_string();
    assert!(text.contains("cannot fetch platform \"debian:sid\""), "{text}");
    assert!(text.contains("it said: E: The repository is not signed: NO_PUBKEY 0123"), "{text}");
    assert!(text.contains("fix: the host's archive keyring lacks the key"), "{text}");
    let home = dir.path().join("cache/releases/debian-sid");
    let left: Vec<_> = std::fs::read_dir(home).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| name == "lock" || name == "trees"), "{left:?}");
}

/// An archive in a directory, with one empty list of packages, signed by a key of its own, that was good until 2020. `None`
/// where this host has no gpg.
fn expired_archive(dir: &Path) -> Option<Options> {
    let home = dir.join("gnupg");
    std::fs::create_dir_all(&home).unwrap();
    std::fs::set_permissions(&home, std::fs::Permissions::from_mode(0o700)).unwrap();
    let gpg = |words: &[&str]| {
        let mut command = Command::new("gpg");
        command.args(["--batch", "--quiet", "--homedir"]).arg(&home).args(["--passphrase", ""]).args(words);
        command.read(b"", std::time::Duration::from_secs(120))
    };
    let made = gpg(&["--quick-generate-key", "archive@example.org", "ed25519", "sign", "never"]);
    if made.is_err() {
        assert!(std::env::var_os("CI").is_none(), "CI must have gpg: install gnupg");
        return None;
    }
    let lists = dir.join("mirror/dists/sid/main/binary-amd64");
    std::fs::create_dir_all(&lists).unwrap();
    std::fs::write(lists.join("Packages"), "").unwrap();
    let release = dir.join("mirror/dists/sid/Release");
    let text = format!(
        "Origin: Test\nSuite: sid\nCodename: sid\nArchitectures: amd64\nComponents: main\n\
         Date: Wed, 01 Jan 2020 00:00:00 UTC\nValid-Until: Wed, 08 Jan 2020 00:00:00 UTC\n\
         SHA256:\n {} 0 main/binary-amd64/Packages\n",
        crate::digest::sha256(b"")
    );
    std::fs::write(&release, text).unwrap();
    let signed = release.with_file_name("InRelease");
    let (from, to) = (release.to_str().unwrap(), signed.to_str().unwrap());
    assert!(gpg(&["--clearsign", "--output", to, from]).unwrap().exit.success());
    let keys = dir.join("usr/share/keyrings");
    std::fs::create_dir_all(&keys).unwrap();
    let ring = keys.join("debian-archive-keyring.gpg");
    assert!(gpg(&["--export", "--output", ring.to_str().unwrap()]).unwrap().exit.success());
    // the agent that gpg started would outlive the test
    let mut end = Command::new("gpgconf");
    end.arg("--homedir").arg(&home).args(["--kill", "all"]).read(b"", std::time::Duration::from_secs(60)).ok();
    std::fs::remove_file(&release).unwrap();
    std::fs::create_dir_all(dir.join("etc")).unwrap();
    std::fs::write(dir.join("etc/os-release"), DEBIAN.1).unwrap();
    // an administrator may have turned the check off for the whole host
    let bin = dir.join("bin");
    std::fs::create_dir_all(&bin).unwrap();
    std::fs::write(bin.join("apt-config"), "#!/bin/sh\n").unwrap();
    std::fs::set_permissions(bin.join("apt-config"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let real = Surroundings::of_this_process();
    let path = std::env::join_paths([bin].into_iter().chain(std::env::split_paths(&real.path))).unwrap();
    let surroundings = Surroundings { root: dir.to_owned(), path, config_home: None, cache: Some(dir.join("cache")) };
    let mirror = Some(format!("file:{}", dir.join("mirror").display()));
    Some(Options { surroundings, mirror, ..Options::default() })
}

#[test]
fn an_expired_archive_is_taken_where_that_is_asked_for_and_its_signature_is_verified_all_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let Some(mut options) = expired_archive(dir.path()) else { return };
    if options.surroundings.program("apt-get").is_none() {
        assert!(std::env::var_os("CI").is_none(), "CI must have apt-get");
        return;
    }
    let said = |options: &Options| resolve(&debian("sid"), options, false, None, &mut |_| {}).unwrap_err().to_string();
    let refused = said(&options);
    assert!(refused.contains("the archive has expired") && refused.contains("--accept-expired"), "{refused}");
    options.accept_expired = true;
    let taken = said(&options);
    assert!(!taken.contains("expired") && taken.contains("resolving "), "its lists, which are empty: {taken}");
    let signed = dir.path().join("mirror/dists/sid/InRelease");
    let text = std::fs::read_to_string(&signed).unwrap();
    std::fs::write(&signed, text.replace("Origin: Test", "Origin: Evil")).unwrap();
    let forged = said(&options);
    assert!(forged.contains("signature is wrong"), "{forged}");
    std::fs::remove_file(dir.path().join("usr/share/keyrings/debian-archive-keyring.gpg")).unwrap();
    assert!(said(&options).contains("nothing can be verified"));
}

#[test]
#[ignore = "downloads 60 MB from the mirror that the host's apt is configured with"]
fn three_releases_run_side_by_side() {
    let dir = tempfile::tempdir().unwrap();
    let mut surroundings = Surroundings::of_this_process();
    surroundings.cache = Some(dir.path().to_owned());
    let options = Options { surroundings, ..Options::default() };
    for suite in ["bookworm", "trixie", "sid"] {
        let platform = resolve(&debian(suite), &options, false, None, &mut |_| {}).unwrap();
        assert!(platform.seabios.is_some() && platform.ovmf.is_some() && !platform.option_roms.is_empty(), "{suite}");
        assert!(platform.qemu.path.starts_with(dir.path()));
        let seabios = platform.seabios.unwrap().version;
        assert!(seabios.contains("-debian-"), "{seabios} is the package's version, wanted the banner's");
        // every device was listed, so every module loaded; a module of the host's QEMU would have ended it there
        let can = platform.qemu.capabilities;
        assert!(can.devices.contains("virtio-blk-pci") && can.machines.contains("q35"), "{suite}: {can:?}");
    }
}

#[test]
fn the_ovmf_of_a_release_is_read_from_its_tree_without_starting_anything() {
    let root = "cache/releases/debian-sid/trees/one/root/usr/share";
    let images = [("code", format!("{root}/OVMF/CODE.fd")), ("vars", format!("{root}/OVMF/VARS.fd"))];
    let descriptor = r#"{"interface-types": ["uefi"], "features": [],
        "mapping": {"device": "flash", "executable": {"filename": "/usr/share/OVMF/CODE.fd", "format": "raw"},
            "nvram-template": {"filename": "/usr/share/OVMF/VARS.fd", "format": "raw"}},
        "targets": [{"architecture": "x86_64", "machines": ["pc-i440fx-*", "pc-q35-*"]}]}"#;
    let record = r#"{"platform": "debian:sid", "suites": ["sid"], "packages": {"ovmf": "2026.08"},
        "firmware": {"/usr/share/OVMF/CODE.fd": "2026.08", "/usr/share/OVMF/VARS.fd": "2026.08"}}"#;
    let (dir, options) = host(&[
        (&images[0].1, "the code"),
        (&images[1].1, "the variables"),
        (&format!("{root}/qemu/firmware/60-edk2.json"), descriptor),
        ("cache/releases/debian-sid/trees/one/release.json", record),
    ]);
    let qemu = QemuVersion { major: 7, minor: 2, micro: 22 };
    let asked = |name: &PlatformName| Platform::ovmf_of_release(name, qemu, &options);
    let not_fetched = asked(&debian("sid")).unwrap_err().to_string();
    assert!(not_fetched.contains("fix: cargo xtask platform fetch debian:sid"), "{not_fetched}");
    let home = dir.path().join("cache/releases/debian-sid");
    std::os::unix::fs::symlink("trees/one", home.join("current")).unwrap();
    let without_digests = asked(&debian("sid")).unwrap_err().to_string();
    assert!(without_digests.contains("has no digests of its files"), "{without_digests}");
    digests::record(&home.join("trees/one")).unwrap();
    let ovmf = asked(&debian("sid")).unwrap().unwrap();
    assert_eq!(ovmf.code.version, "2026.08");
    assert_eq!(std::fs::read(&ovmf.code.path).unwrap(), b"the code");
    assert_eq!(std::fs::read(&ovmf.vars.path).unwrap(), b"the variables");
    std::fs::write(&ovmf.code.path, b"tHe code").unwrap();
    let changed = asked(&debian("sid")).unwrap_err().to_string();
    assert!(changed.contains("CODE.fd is sha256:") && changed.contains("fetch debian:sid"), "{changed}");
    assert!(asked(&PlatformName::Host).unwrap_err().to_string().contains("is no release that is fetched"));
}

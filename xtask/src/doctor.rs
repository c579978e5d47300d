//! `cargo xtask doctor`: what this host has, what is missing, and the command that gets it.
//!
//! Looks, and leaves nothing changed; starts QEMU only to ask for its version.

mod directory;

use std::path::Path;
use std::process::ExitCode;

use bootwright::machine::{Grub, Loader};
use bootwright::platform::{
    Architecture, Family, Options, Part, Platform, PlatformError, PlatformName, Surroundings, family,
};
use bootwright::run::{lab, loaders, no_stream};
use bootwright_images::{EfiMachine, Target};

use crate::XtaskError;
use crate::output::print;
use crate::test::out_dir;

/// Arguments of `cargo xtask doctor`.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// How one thing stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// There.
    Good,
    /// Missing or limited; some cases are skipped.
    Note,
    /// Missing, and nothing boots without it.
    Bad,
}

/// One line of the examination.
#[derive(Debug)]
struct Finding {
    state: State,
    subject: &'static str,
    text: String,
    /// What would install it.
    missing: Vec<Part>,
}

impl Finding {
    fn good(subject: &'static str, text: impl Into<String>) -> Self {
        Self { state: State::Good, subject, text: text.into(), missing: Vec::new() }
    }

    fn note(subject: &'static str, text: impl Into<String>, missing: &[Part]) -> Self {
        Self { state: State::Note, subject, text: text.into(), missing: missing.to_vec() }
    }

    fn bad(subject: &'static str, text: impl Into<String>, missing: &[Part]) -> Self {
        Self { state: State::Bad, subject, text: text.into(), missing: missing.to_vec() }
    }
}

/// Programs that are used where they exist: the name, what it is for, the part that brings it.
const PROGRAMS: [(&str, &str, Part); 14] = [
    ("fsck.fat", "second opinion on FAT images, in this project's tests", Part::Dosfstools),
    ("mdir", "second opinion on FAT images, in this project's tests", Part::Mtools),
    ("xorriso", "second opinion on ISO images, in this project's tests", Part::Xorriso),
    ("sfdisk", "second opinion on partition tables, in this project's tests", Part::Sfdisk),
    ("sgdisk", "second opinion on partition tables, in this project's tests", Part::Sgdisk),
    ("tshark", "second opinion on captures, in this project's tests", Part::Tshark),
    ("ip", "bridge lab", Part::Iproute),
    ("bridge", "bridge lab", Part::Iproute),
    ("nft", "bridge lab", Part::Nftables),
    ("dnsmasq", "bridge lab", Part::Dnsmasq),
    ("dhcpd", "bridge lab", Part::Dhcpd),
    ("lighttpd", "bridge lab", Part::Lighttpd),
    ("swtpm", "machines with a TPM", Part::Swtpm),
    ("grub-mkimage", "network boot by GRUB", Part::GrubTools),
];

/// Runs `cargo xtask doctor`: exit status 0 if boots are possible here, 2 if not.
///
/// # Errors
///
/// [`XtaskError`] where it cannot be printed.
pub fn run(Args {}: Args) -> Result<ExitCode, XtaskError> {
    let options = Options::default();
    let findings = examine(&options);
    print(&printed(&findings, family(&options.surroundings)))?;
    let fit = findings.iter().all(|finding| finding.state != State::Bad);
    Ok(if fit { ExitCode::SUCCESS } else { ExitCode::from(2) })
}

fn examine(options: &Options) -> Vec<Finding> {
    let host = &options.surroundings;
    let mut findings = platform(options);
    findings.push(kvm(Path::new("/dev/kvm")));
    findings.push(bridge_lab(lab::probe()));
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    findings.push(Finding::good("cores", format!("{cores}, the default of --jobs")));
    findings.push(output(&out_dir::runs()));
    let fetches = PlatformName::default_on(host) == PlatformName::Apt;
    let is_wanted = fetches && !Platform::is_present(&PlatformName::Apt, options);
    findings.push(cache(host.cache.as_deref(), is_wanted));
    findings.extend(host.config_home.as_deref().and_then(configuration));
    for (program, purpose, part) in PROGRAMS {
        findings.push(match spellings(program).iter().find_map(|name| find_program(host, name)) {
            Some(path) => Finding::good(program, path.display().to_string()),
            None => Finding::note(program, format!("not found ({purpose})"), &[part]),
        });
    }
    findings.extend(network_loaders(|loader| loaders::found(loader, Target::Efi(EfiMachine::X64))));
    findings.extend(of_32_bits(options));
    findings
}

/// The names of a program, of which a distribution has one.
fn spellings(program: &str) -> Vec<&str> {
    if loaders::GRUB_TOOLS.contains(&program) { loaders::GRUB_TOOLS.to_vec() } else { vec![program] }
}

/// Where results go where nobody says.
fn output(runs: &Path) -> Finding {
    match directory::tried(runs) {
        Ok(room) if room.is_enough() => Finding::good("output", room.to_string()),
        Ok(room) => Finding::note("output", format!("{room}; a run may need 2 GiB"), &[]),
        Err(error) => Finding::bad("output", format!("{error}\ngive another place for results: --out DIR"), &[]),
    }
}

/// Where releases, answers and bases are kept; `is_wanted` where nothing boots without it.
fn cache(cache: Option<&Path>, is_wanted: bool) -> Finding {
    const FIX: &str = "set XDG_CACHE_HOME to a directory that can be written";
    let lacking = |text: String| {
        let text = format!("{text}\nno release can be fetched and no answer kept: {FIX}");
        if is_wanted { Finding::bad("cache", text, &[]) } else { Finding::note("cache", text, &[]) }
    };
    match cache.map(directory::tried) {
        None => lacking("neither HOME nor XDG_CACHE_HOME is set to an absolute path".to_owned()),
        Some(Err(error)) => lacking(error),
        Some(Ok(room)) if room.is_enough() => Finding::good("cache", room.to_string()),
        Some(Ok(room)) => Finding::note("cache", format!("{room}; a release needs 1 GiB"), &[]),
    }
}

/// A user's own firmware descriptors where they cannot be read: then they do not count.
fn configuration(home: &Path) -> Option<Finding> {
    let dir = home.join("qemu/firmware");
    let error = std::fs::read_dir(&dir).err().filter(|error| error.kind() != std::io::ErrorKind::NotFound)?;
    let text = format!("{}: {error}; firmware descriptors there do not count", dir.display());
    Some(Finding::note("configuration", text, &[]))
}

/// Boot programs of packages; a case whose program is missing is skipped.
fn network_loaders(found: impl Fn(&Loader) -> Option<std::path::PathBuf>) -> Vec<Finding> {
    let grub = |efi| Loader::Grub(Grub::network(efi, ""));
    let all = [
        ("PXELINUX", Loader::Pxelinux, Part::Pxelinux),
        ("Syslinux", Loader::SyslinuxModule("ldlinux.c32".to_owned()), Part::Syslinux),
        ("iPXE BIOS", Loader::UndiOnly, Part::Ipxe),
        ("iPXE UEFI", Loader::SnpOnly, Part::Ipxe),
        ("GRUB BIOS", grub(false), Part::GrubPc),
        ("GRUB UEFI", grub(true), Part::GrubEfi),
        ("kernel", Loader::Kernel, Part::NetbootKernel),
    ];
    let finding = |(subject, loader, part)| match found(&loader) {
        Some(path) => Finding::good(subject, path.display().to_string()),
        None => Finding::note(subject, "not found; network boot by it is skipped", &[part]),
    };
    all.into_iter().map(finding).collect()
}

/// QEMU and UEFI firmware for processors of 32 bits; a case whose firmware is missing is skipped.
fn of_32_bits(options: &Options) -> [Finding; 2] {
    let each = [
        (Architecture::I386, "IA32", [Part::QemuI386, Part::OvmfIa32]),
        (Architecture::Arm, "32-bit Arm", [Part::QemuArm, Part::AavmfArm]),
    ];
    each.map(|(architecture, subject, parts)| {
        let options = Options { architecture, ..options.clone() };
        let platform = Platform::resolve(&PlatformName::Host, &options, &mut |_| {}).ok();
        match platform.and_then(|platform| platform.ovmf.or(platform.aavmf)) {
            Some(build) => Finding::good(subject, format!("{} at {}", build.code.version, build.code.path.display())),
            None => Finding::note(subject, "no QEMU with UEFI firmware for it; its cases are skipped", &parts),
        }
    })
}

/// Daemons lie in `sbin` directories, which a user's PATH often lacks.
fn find_program(host: &Surroundings, name: &str) -> Option<std::path::PathBuf> {
    let mut wider = host.clone();
    let extra = ["/usr/local/sbin", "/usr/sbin", "/sbin"].map(std::path::PathBuf::from);
    wider.path =
        std::env::join_paths(std::env::split_paths(&host.path).chain(extra)).unwrap_or_else(|_| host.path.clone());
    wider.program(name)
}

/// QEMU and its firmware, or what is used in their place.
fn platform(options: &Options) -> Vec<Finding> {
    let name = PlatformName::default_on(&options.surroundings);
    if name == PlatformName::Apt {
        let state =
            if Platform::is_present(&name, options) { "is in the cache" } else { "will be fetched (about 60 MB)" };
        let text = format!("not on PATH; platform apt is used instead and {state}, without root");
        let parts = [Part::Qemu, Part::Ovmf, Part::SeaBios, Part::OptionRoms];
        return vec![Finding::note("QEMU", text, &parts)];
    }
    let platform = match Platform::resolve(&name, options, &mut |_| {}) {
        Ok(platform) => platform,
        Err(PlatformError::NoQemu { .. }) => {
            let parts = [Part::Qemu, Part::Ovmf, Part::SeaBios, Part::OptionRoms];
            return vec![Finding::bad(
                "QEMU",
                "qemu-system-x86_64 is not on PATH, and there is no apt to fetch it with",
                &parts,
            )];
        }
        // it is there, so that installing it is no way out
        Err(error) => return vec![Finding::bad("QEMU", bootwright::error::chain(&error), &[])],
    };
    let qemu = &platform.qemu;
    let whose = match host_has_it_on_path(options) {
        true => "",
        false => ": RHEL's own, off PATH, with fewer boards and devices",
    };
    let mut findings = vec![Finding::good("QEMU", format!("{} at {}{whose}", qemu.version, qemu.path.display()))];
    findings.extend(no_stream(&qemu.version).map(|reason| {
        let newer = "--platform apt or debian:SUITE may have a newer one";
        Finding::note("networks", format!("{reason}; cases on our own network are skipped; {newer}"), &[])
    }));
    let nothing_boots = platform.seabios.is_none() && platform.ovmf.is_none();
    let absent = |subject, text: &str, part| {
        if nothing_boots { Finding::bad(subject, text, &[part]) } else { Finding::note(subject, text, &[part]) }
    };
    findings.push(match &platform.seabios {
        Some(file) => Finding::good("SeaBIOS", format!("{} at {}", file.version, file.path.display())),
        None => absent("SeaBIOS", "QEMU finds no bios-256k.bin; BIOS cases are skipped", Part::SeaBios),
    });
    findings.push(match &platform.ovmf {
        Some(ovmf) => Finding::good("OVMF", format!("{} at {}", ovmf.code.version, ovmf.code.path.display())),
        None => absent("OVMF", "no firmware descriptor for plain x86_64 UEFI; UEFI cases are skipped", Part::Ovmf),
    });
    findings.push(match &platform.ovmf_secure_boot {
        Some(ovmf) => Finding::good("Secure Boot", format!("{} at {}", ovmf.code.version, ovmf.code.path.display())),
        None => Finding::note("Secure Boot", "no firmware descriptor for it; its cases are skipped", &[Part::Ovmf]),
    });
    findings.push(match platform.option_roms.first() {
        Some(rom) => Finding::good("option ROMs", format!("{}, iPXE {}", platform.option_roms.len(), rom.version)),
        None => Finding::note("option ROMs", "none; network boot by them is skipped", &[Part::OptionRoms]),
    });
    findings
}

fn host_has_it_on_path(options: &Options) -> bool {
    options.surroundings.program(options.architecture.qemu()).is_some()
}

fn kvm(device: &Path) -> Finding {
    if !device.exists() {
        return Finding::note("KVM", "no /dev/kvm; boots run under TCG, which is the default anyway", &[]);
    }
    match std::fs::OpenOptions::new().read(true).write(true).open(device) {
        Ok(_) => Finding::good(
            "KVM",
            "/dev/kvm can be opened; that is no proof, --accel auto probes each firmware by booting",
        ),
        Err(error) => Finding::note("KVM", format!("/dev/kvm cannot be opened ({error}); boots run under TCG"), &[]),
    }
}

/// The lab was tried by making its namespaces, a bridge and a tap device: settings alone do not tell (AppArmor, seccomp and
/// limits may refuse too).
fn bridge_lab(probed: &Result<lab::Can, String>) -> Finding {
    match probed {
        Ok(lab::Can { lacks_ipv6: None }) => {
            Finding::good("bridge lab", "namespaces, a bridge and a tap device can be made without root")
        }
        Ok(lab::Can { lacks_ipv6: Some(reason) }) => {
            Finding::note("bridge lab", format!("its cases with IPv6 are skipped: {reason}"), &[])
        }
        Err(reason) => Finding::note("bridge lab", format!("its cases are skipped: {reason}"), &[]),
    }
}

fn printed(findings: &[Finding], family: Option<Family>) -> String {
    let mut text = String::new();
    for finding in findings {
        let mark = match finding.state {
            State::Good => "ok     ",
            State::Note => "note   ",
            State::Bad => "missing",
        };
        let body = finding.text.replace('\n', "\n                      ");
        text += &format!("{mark} {:<13} {body}\n", finding.subject);
    }
    let parts: Vec<Part> = findings.iter().flat_map(|finding| finding.missing.iter().copied()).collect();
    if !parts.is_empty() {
        text += &match family {
            Some(family) => format!(
                "\nto get what is missing, as root:\n    {}\n",
                family.install_command_on(&Surroundings::of_this_process(), &parts)
            ),
            None => "\ninstall what is missing by your package manager\n".to_owned(),
        };
    }
    let fit = findings.iter().all(|finding| finding.state != State::Bad);
    text + if fit { "\nboots are possible here\n" } else { "\nnothing can boot here yet\n" }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A host whose PATH holds nothing.
    fn bare(os_release: &str) -> (tempfile::TempDir, Options) {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("etc")).unwrap();
        std::fs::write(root.path().join("etc/os-release"), os_release).unwrap();
        let surroundings = Surroundings {
            root: root.path().to_owned(),
            path: root.path().join("bin").into(),
            config_home: None,
            cache: Some(root.path().join("cache")),
        };
        (root, Options { surroundings, ..Options::default() })
    }

    #[test]
    fn a_host_without_qemu_and_apt_is_told_the_command_and_that_nothing_boots() {
        let (_root, options) = bare("ID=fedora\n");
        let findings = platform(&options);
        assert_eq!(findings[0].state, State::Bad);
        let text = printed(&findings, family(&options.surroundings));
        assert!(text.contains("dnf install qemu-system-x86-core edk2-ovmf seabios-bin ipxe-roms-qemu"), "{text}");
        assert!(text.ends_with("nothing can boot here yet\n"), "{text}");
    }

    #[test]
    fn a_host_without_qemu_but_with_apt_can_boot() {
        use std::os::unix::fs::PermissionsExt;

        let (root, options) = bare("ID=debian\nVERSION_CODENAME=bookworm\n");
        std::fs::create_dir(root.path().join("bin")).unwrap();
        for tool in ["apt-get", "dpkg-deb"] {
            let path = root.path().join("bin").join(tool);
            std::fs::write(&path, "#!/bin/sh\nexit 99\n").unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        let findings = platform(&options);
        assert_eq!(findings[0].state, State::Note);
        let text = printed(&findings, family(&options.surroundings));
        assert!(text.contains("will be fetched (about 60 MB), without root"), "{text}");
        assert!(text.ends_with("boots are possible here\n"), "{text}");
    }

    #[test]
    fn a_kvm_device_is_never_called_proof() {
        assert!(kvm(Path::new("/dev/null")).text.contains("no proof"));
        assert_eq!(kvm(Path::new("/nonexistent/kvm")).state, State::Note);
    }

    #[test]
    fn a_host_that_refuses_the_lab_or_lacks_a_loader_is_told_what_is_skipped() {
        let refused = bridge_lab(&Err("unshare failed: Operation not permitted".to_owned()));
        assert_eq!(refused.state, State::Note);
        assert!(refused.text.contains("skipped: unshare failed"));
        let text = printed(&network_loaders(|_| None), Some(Family::Debian));
        assert!(
            text.contains("apt-get install pxelinux syslinux-common ipxe grub-pc-bin grub-efi-amd64-bin"),
            "{text}"
        );
    }

    #[test]
    fn a_qemu_that_does_not_answer_is_not_to_be_installed_again() {
        use std::os::unix::fs::PermissionsExt;

        let (root, options) = bare("ID=fedora\n");
        let path = root.path().join("bin/qemu-system-x86_64");
        std::fs::create_dir(root.path().join("bin")).unwrap();
        std::fs::write(&path, "#!/nonexistent/interpreter\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        let findings = platform(&options);
        assert_eq!((findings[0].state, findings[0].missing.len()), (State::Bad, 0));
        assert!(findings[0].text.contains("os error"), "{}", findings[0].text);
        assert!(!printed(&findings, Some(Family::Fedora)).contains("install"));
    }

    #[test]
    fn directories_that_cannot_be_written_are_told_with_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        let bad = output(&file.join("runs"));
        assert!(bad.state == State::Bad && bad.text.contains("--out DIR"), "{}", bad.text);
        assert_ne!(output(&dir.path().join("runs")).state, State::Bad);
        assert_eq!(cache(Some(&file), false).state, State::Note);
        for absent in [cache(None, true), cache(Some(&file), true)] {
            assert!(absent.state == State::Bad && absent.text.contains("set XDG_CACHE_HOME"), "{}", absent.text);
        }
        assert!(configuration(&file).unwrap().text.contains("do not count"));
        assert!(configuration(dir.path()).is_none());
    }

    #[test]
    fn a_lab_without_ipv6_is_a_lab() {
        let found = bridge_lab(&Ok(lab::Can { lacks_ipv6: Some("the host has no IPv6".to_owned()) }));
        assert!(found.state == State::Note && found.text.contains("with IPv6 are skipped"), "{}", found.text);
    }
}

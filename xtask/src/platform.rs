//! `cargo xtask platform`: which QEMU and firmware there are, where they come from, and fetching a Debian release.

mod probe;

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use bootwright::platform::{
    Architecture, Capabilities, FirmwareFile, LoaderTree, Options, Ovmf, Platform, PlatformName, Progress,
};
use serde_json::{Value, json};

use crate::XtaskError;
use crate::output::print;

/// Arguments of `cargo xtask platform`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// List the platforms that can be named here, and which of them need no download.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show everything about a platform: QEMU, firmware, option ROMs, versions, SHA-256.
    Show {
        /// host, apt, debian:SUITE, file:MANIFEST.toml, dir:QEMU_BUILD_TREE or a kept name [default: host, or apt without QEMU].
        name: Option<PlatformName>,
        /// Print JSON, with the fields that report.json has.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        fetching: Fetching,
    },
    /// Fetch releases into the cache, or replace them by the mirror's newer state.
    Fetch {
        /// apt or debian:SUITE.
        #[arg(required = true)]
        names: Vec<PlatformName>,
        /// Fetch exactly the packages that this file names; a release that it does not name is added to it.
        #[arg(long, value_name = "FILE", conflicts_with = "loaders")]
        lock: Option<PathBuf>,
        /// Fetch boot programs and a kernel for the architecture in place of its QEMU and firmware: GRUB, shim, systemd-boot, Linux.
        #[arg(long)]
        loaders: bool,
        #[command(flatten)]
        fetching: Fetching,
    },
    /// Boot small payloads and print what the platform's firmware can do; kept in the cache by the digests of the files.
    Probe {
        /// As for show.
        name: Option<PlatformName>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
        /// Boot again although the answers are in the cache.
        #[arg(long)]
        again: bool,
        #[command(flatten)]
        fetching: Fetching,
    },
    /// Keep a manifest under a name, which is a platform from then on.
    Add {
        /// Lower-case letters, digits, '-', '_' and '.'.
        name: String,
        /// The manifest.
        file: PathBuf,
    },
}

#[derive(Debug, clap::Args)]
struct Fetching {
    /// Mirror to fetch from, as it would stand in a sources.list [default: the one that apt is configured with].
    #[arg(long, value_name = "URL")]
    mirror: Option<String>,
    /// Take package lists that have expired; signatures are verified all the same.
    #[arg(long)]
    accept_expired: bool,
    /// Whose QEMU and firmware [default: x86_64].
    #[arg(long, value_name = "NAME", value_parser = architecture)]
    architecture: Option<Architecture>,
}

/// An architecture by QEMU's name for it.
fn architecture(given: &str) -> Result<Architecture, String> {
    let known = Architecture::ALL.into_iter().find(|architecture| architecture.name() == given);
    known.ok_or_else(|| format!("wanted {}", Architecture::ALL.map(Architecture::name).join(" or ")))
}

impl Fetching {
    fn options(self) -> Options {
        Options {
            mirror: self.mirror,
            accept_expired: self.accept_expired,
            architecture: self.architecture.unwrap_or_default(),
            ..Options::default()
        }
    }
}

/// Runs `cargo xtask platform`. Results go to standard output, progress to standard error.
///
/// # Errors
///
/// [`XtaskError`]: a platform that cannot be had, or what cannot be printed.
pub fn run(args: Args) -> Result<ExitCode, XtaskError> {
    let mut progress = ProgressLine::default();
    let mut show_progress = |step: &Progress| progress.show(step);
    match args.action {
        Action::List { json } => print(&list(&Options::default(), json))?,
        Action::Show { name, json, fetching } => {
            let options = fetching.options();
            let platform = match name {
                Some(name) => Platform::resolve(&name, &options, &mut show_progress)?,
                None => Platform::resolve_default(&options, &mut show_progress)?,
            };
            if json {
                print(&format!("{:#}\n", as_json(&platform, &platform.qemu.capabilities)))?;
            } else {
                print(&as_text(&platform, &platform.qemu.capabilities))?;
            }
        }
        Action::Fetch { names, lock, loaders, fetching } => {
            let options = fetching.options();
            for name in names {
                if loaders {
                    let tree = LoaderTree::fetch(&name, &options, &mut show_progress)?;
                    let packages: Vec<_> =
                        tree.packages.iter().map(|(name, version)| format!("{name} {version}")).collect();
                    print(&format!("{name}: {}\n", packages.join(", ")))?;
                    continue;
                }
                let platform = match &lock {
                    None => Platform::fetch(&name, &options, &mut show_progress)?,
                    Some(lock) => Platform::fetch_locked(&name, &options, lock, &mut show_progress)?,
                };
                print(&format!("{}\n", summary(&platform)))?;
            }
        }
        Action::Probe { name, json, again, fetching } => {
            let options = fetching.options();
            let platform = match name {
                Some(name) => Platform::resolve(&name, &options, &mut show_progress)?,
                None => Platform::resolve_default(&options, &mut show_progress)?,
            };
            return probe::run(&platform, &options, again, json);
        }
        Action::Add { name, file } => {
            let options = Options::default();
            let kept = Platform::add(&name, &file, &options)?;
            let platform = Platform::resolve(&name.parse()?, &options, &mut show_progress)?;
            print(&format!("{}\nkept at {}\n", summary(&platform), kept.display()))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Shows progress: one line that is rewritten on a terminal, and only the steps worth a line elsewhere.
#[derive(Default)]
pub struct ProgressLine {
    open: bool,
}

impl ProgressLine {
    /// Shows one step on standard error.
    pub fn show(&mut self, step: &Progress) {
        let mut out = std::io::stderr().lock();
        let passing = matches!(step, Progress::Download { .. } | Progress::Unpack { .. });
        // standard error may be closed; progress is not worth failing for
        let _ = match (out.is_terminal(), passing) {
            (true, true) => write!(out, "\r\x1b[K{step}").and_then(|()| out.flush()),
            (true, false) if self.open => writeln!(out, "\r\x1b[K{step}"),
            (_, false) => writeln!(out, "{step}"),
            (false, true) => Ok(()),
        };
        self.open = passing;
    }
}

fn list(options: &Options, json: bool) -> String {
    let named = [
        (PlatformName::Host, "QEMU on PATH and the firmware installed beside it"),
        (PlatformName::Apt, "packages of the host's own release, unpacked without root"),
        (PlatformName::Debian("bookworm".to_owned()), "packages of Debian 12, unpacked without root"),
        (PlatformName::Debian("trixie".to_owned()), "packages of Debian 13, unpacked without root"),
        (PlatformName::Debian("sid".to_owned()), "packages of Debian unstable, unpacked without root"),
    ];
    let default = PlatformName::default_on(&options.surroundings);
    if json {
        let kept = Platform::kept(options).into_iter().map(PlatformName::Kept);
        let kept = kept.map(|name| (name, "a manifest that platform add has kept"));
        let entries = named.iter().cloned().chain(kept).map(|(name, what)| {
            json!({ "name": name.to_string(), "present": Platform::is_present(&name, options),
                    "default": name == default, "description": what })
        });
        return format!("{:#}\n", Value::from(entries.collect::<Vec<_>>()));
    }
    let mut text = String::new();
    for (name, what) in &named {
        let state = match (Platform::is_present(name, options), name) {
            (true, _) => "present",
            (false, PlatformName::Host) => "missing",
            (false, _) => "to fetch",
        };
        let mark = if *name == default { "*" } else { " " };
        text += &format!("{mark} {:<18}{state:<10}{what}\n", name.to_string());
    }
    for name in Platform::kept(options) {
        text += &format!("  {name:<18}{:<10}a manifest that platform add has kept\n", "kept");
    }
    text += "  file:MANIFEST.toml           every path given, for a vendor's build\n";
    text += "  dir:QEMU_BUILD_TREE          a QEMU build, run in place\n";
    text + "* is used when no platform is named\n"
}

/// One line: what the platform is.
fn summary(platform: &Platform) -> String {
    let version = |file: &FirmwareFile| file.version.clone();
    let or_none = |version: Option<String>| version.unwrap_or_else(|| "none".to_owned());
    if platform.architecture != Architecture::X86_64 {
        let (name, qemu, architecture) = (&platform.name, platform.qemu.version, platform.architecture);
        let own = firmware(platform).into_iter().find(|(kind, ..)| *kind != "ipxe");
        let own = own.map_or("no firmware".to_owned(), |(kind, _, file)| format!("{} {}", title(kind), file.version));
        return format!("{name}: QEMU {qemu} for {architecture}, {own}");
    }
    format!(
        "{}: QEMU {}, SeaBIOS {}, OVMF {}, {} option ROMs ({})",
        platform.name,
        platform.qemu.version,
        or_none(platform.seabios.as_ref().map(version)),
        or_none(platform.ovmf.as_ref().map(|ovmf| version(&ovmf.code))),
        platform.option_roms.len(),
        platform.option_roms.first().map(version).unwrap_or_default(),
    )
}

/// Each firmware file with the kind under which report.json lists it.
fn firmware(platform: &Platform) -> Vec<(&'static str, &'static str, &FirmwareFile)> {
    fn images<'a>(
        kind: &'static str,
        built: Option<&'a Ovmf>,
        roles: [&'static str; 2],
    ) -> Vec<(&'static str, &'static str, &'a FirmwareFile)> {
        built.into_iter().flat_map(|built| [(kind, roles[0], &built.code), (kind, roles[1], &built.vars)]).collect()
    }
    let (plain, secure_boot) = (["code", "vars"], ["secure boot code", "secure boot vars"]);
    let mut files: Vec<_> = platform.seabios.iter().map(|file| ("seabios", "bios", file)).collect();
    files.extend(images("ovmf", platform.ovmf.as_ref(), plain));
    files.extend(images("ovmf", platform.ovmf_secure_boot.as_ref(), secure_boot));
    files.extend(images("aavmf", platform.aavmf.as_ref(), plain));
    files.extend(images("aavmf", platform.aavmf_secure_boot.as_ref(), secure_boot));
    files.extend(images("riscvvirt", platform.riscvvirt.as_ref(), plain));
    files.extend(images("loongarchvirt", platform.loongarchvirt.as_ref(), plain));
    files.extend(platform.s390_ccw.iter().map(|file| ("s390-ccw", "program load", file)));
    files.extend(platform.s390_netboot.iter().map(|file| ("s390-ccw", "network", file)));
    files.extend(platform.slof.iter().map(|file| ("slof", "firmware", file)));
    files.extend(platform.option_roms.iter().map(|file| ("ipxe", "option rom", file)));
    files
}

/// What people call a kind of firmware.
fn title(kind: &str) -> &str {
    match kind {
        "seabios" => "SeaBIOS",
        "ovmf" => "OVMF",
        "aavmf" => "AAVMF",
        "riscvvirt" | "loongarchvirt" => "edk2",
        "slof" => "SLOF",
        "ipxe" => "iPXE",
        other => other,
    }
}

/// A line for each firmware that a platform of this architecture could have and this one has not.
fn lacking(platform: &Platform) -> Vec<&'static str> {
    let parts = match platform.architecture {
        Architecture::X86_64 => vec![
            (platform.seabios.is_none(), "SeaBIOS    none"),
            (platform.ovmf.is_none(), "OVMF       none"),
            (platform.ovmf_secure_boot.is_none(), "OVMF       no Secure Boot build"),
            (platform.option_roms.is_empty(), "iPXE       no option ROMs"),
        ],
        Architecture::Aarch64 => vec![
            (platform.aavmf.is_none(), "AAVMF      none"),
            (platform.aavmf_secure_boot.is_none(), "AAVMF      no Secure Boot build"),
        ],
        _ => vec![(firmware(platform).is_empty(), "firmware   none")],
    };
    parts.into_iter().filter_map(|(lacks, line)| lacks.then_some(line)).collect()
}

fn as_json(platform: &Platform, can: &Capabilities) -> Value {
    let qemu = &platform.qemu;
    let files: Vec<Value> = firmware(platform)
        .into_iter()
        .map(|(kind, role, file)| {
            json!({ "kind": kind, "role": role, "version": file.version, "file": file.path.display().to_string(),
                    "sha256": file.sha256 })
        })
        .collect();
    let secure_boot = platform
        .ovmf_secure_boot
        .as_ref()
        .map(|ovmf| json!({ "requires_smm": ovmf.requires_smm, "enrolled_keys": ovmf.enrolled_keys }));
    json!({
        "name": platform.name,
        "qemu": {
            "version": qemu.version.to_string(),
            "package": qemu.package,
            "path": qemu.path.display().to_string(),
            "sha256": qemu.sha256,
            "command": qemu.command.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>(),
            "data_dirs": qemu.data_dirs.iter().map(|dir| dir.display().to_string()).collect::<Vec<_>>(),
            "env": qemu.env.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>(),
            "accelerators": can.accelerators,
            "sandbox": qemu.sandbox,
            "machines": can.machines,
            "devices": can.devices,
        },
        "secure_boot": secure_boot,
        "firmware": files,
    })
}

fn as_text(platform: &Platform, can: &Capabilities) -> String {
    let qemu = &platform.qemu;
    let mut text = format!("platform   {}\n", platform.name);
    let package = if qemu.package.is_empty() { String::new() } else { format!(" ({})", qemu.package) };
    text += &format!("QEMU       {}{package}\n", qemu.version);
    text += &format!("           {}\n           sha256 {}\n", qemu.path.display(), qemu.sha256);
    if qemu.command.len() > 1 {
        text += &format!("           through {}\n", qemu.command[0].display());
    }
    for dir in &qemu.data_dirs {
        text += &format!("           -L {}\n", dir.display());
    }
    for (key, value) in &qemu.env {
        text += &format!("           {key}={value}\n");
    }
    let accelerators: Vec<&str> = can.accelerators.iter().map(String::as_str).collect();
    let (machines, devices) = (can.machines.len(), can.devices.len());
    text += &format!(
        "           accelerators built in: {}; {machines} machine types, {devices} devices",
        accelerators.join(", ")
    );
    text += if qemu.sandbox { ", sandbox\n" } else { ", no sandbox\n" };
    for line in lacking(platform) {
        text += &format!("{line}\n");
    }
    let mut before = "";
    for (kind, role, file) in firmware(platform) {
        let title = title(kind);
        let title = if title == before { "" } else { title };
        before = if title.is_empty() { before } else { title };
        text += &format!("{title:<11}{} ({role})\n           {}\n", file.version, file.path.display());
        text += &format!("           sha256 {}\n", file.sha256);
    }
    if let Some(ovmf) = &platform.ovmf_secure_boot {
        let keys = if ovmf.enrolled_keys { "keys enrolled" } else { "setup mode" };
        let smm = if ovmf.requires_smm { "needs SMM" } else { "no SMM" };
        text += &format!("           the Secure Boot build: {keys}, {smm}\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use bootwright::platform::{Qemu, QemuVersion};

    use super::*;

    fn file(path: &str) -> FirmwareFile {
        FirmwareFile { path: path.into(), version: "1.2".into(), sha256: "00".into() }
    }

    fn platform() -> Platform {
        Platform {
            name: "host".into(),
            architecture: bootwright::platform::Architecture::X86_64,
            qemu: Qemu {
                command: vec!["/usr/bin/qemu-system-x86_64".into()],
                path: "/usr/bin/qemu-system-x86_64".into(),
                version: QemuVersion { major: 10, minor: 0, micro: 2 },
                package: String::new(),
                sandbox: true,
                capabilities: Capabilities::default(),
                sha256: "11".into(),
                data_dirs: Vec::new(),
                env: Vec::new(),
            },
            seabios: Some(file("/bios-256k.bin")),
            ovmf: Some(Ovmf {
                code: file("/code.fd"),
                vars: file("/vars.fd"),
                requires_smm: false,
                enrolled_keys: false,
            }),
            ovmf_secure_boot: None,
            aavmf: None,
            aavmf_secure_boot: None,
            riscvvirt: None,
            loongarchvirt: None,
            s390_ccw: None,
            s390_netboot: None,
            slof: None,
            option_roms: vec![file("/efi-virtio.rom")],
        }
    }

    #[test]
    fn json_has_the_fields_of_the_report() {
        let value = as_json(&platform(), &Capabilities::default());
        for pointer in ["/name", "/qemu/version", "/qemu/path", "/qemu/sha256"] {
            assert!(value.pointer(pointer).is_some_and(Value::is_string), "{pointer}");
        }
        let kinds: Vec<_> =
            value["firmware"].as_array().unwrap().iter().map(|file| file["kind"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["seabios", "ovmf", "ovmf", "ipxe"]);
        for key in ["version", "file", "sha256"] {
            assert!(value["firmware"][0][key].is_string(), "{key}");
        }
    }

    #[test]
    fn text_names_every_file_and_what_is_missing() {
        let text = as_text(&platform(), &Capabilities::default());
        for wanted in
            ["QEMU       10.0.2\n", "/bios-256k.bin", "/code.fd", "/vars.fd", "/efi-virtio.rom", "no Secure Boot build"]
        {
            assert!(text.contains(wanted), "{wanted} in\n{text}");
        }
    }

    /// A platform of another architecture, which has nothing of x86's.
    fn other(architecture: Architecture) -> Platform {
        Platform { name: "apt".into(), architecture, seabios: None, ovmf: None, option_roms: Vec::new(), ..platform() }
    }

    #[test]
    fn a_platform_of_another_architecture_has_its_own_firmware() {
        let slof = Platform { slof: Some(file("/slof.bin")), ..other(Architecture::Ppc64) };
        assert_eq!(summary(&slof), "apt: QEMU 10.0.2 for ppc64, SLOF 1.2");
        let ccw = Some(file("/s390-ccw.img"));
        let ccw = Platform { s390_ccw: ccw, s390_netboot: Some(file("/net.img")), ..other(Architecture::S390x) };
        assert_eq!(summary(&ccw), "apt: QEMU 10.0.2 for s390x, s390-ccw 1.2");
        let text = as_text(&ccw, &Capabilities::default());
        assert!(text.contains("s390-ccw   1.2 (program load)\n           /s390-ccw.img\n"), "{text}");
        assert!(text.contains("           1.2 (network)\n           /net.img\n"), "{text}");
        assert!(!text.contains("none") && !text.contains("SeaBIOS"), "{text}");
    }

    #[test]
    fn a_platform_without_the_firmware_of_its_architecture_says_so() {
        let nothing = other(Architecture::Ppc64);
        assert_eq!(summary(&nothing), "apt: QEMU 10.0.2 for ppc64, no firmware");
        assert_eq!(lacking(&nothing), ["firmware   none"]);
        let roms = Platform { option_roms: vec![file("/efi-virtio.rom")], ..other(Architecture::Aarch64) };
        assert_eq!(summary(&roms), "apt: QEMU 10.0.2 for aarch64, no firmware");
        assert_eq!(lacking(&roms), ["AAVMF      none", "AAVMF      no Secure Boot build"]);
    }

    #[test]
    fn summary_is_one_line() {
        assert_eq!(summary(&platform()), "host: QEMU 10.0.2, SeaBIOS 1.2, OVMF 1.2, 1 option ROMs (1.2)");
    }
}

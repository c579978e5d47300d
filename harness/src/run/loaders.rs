//! Finds the boot programs that others wrote on this host, or for aarch64 in the cache, reads them, and has GRUB's tool make the one
//! that is made.
//!
//! Only what a machine names is looked for; nothing is installed.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::Duration;

use bootwright_images::{EfiMachine, Target};
use serde_json::{Value, json};

use super::error::RunError;
use crate::digest;
use crate::machine::{Grub, Loader, Machine, SystemFiles};
use crate::platform::{Architecture, LoaderTree, Options};
use crate::process::Command;

/// How long GRUB's tool may take.
const TOOL_LIMIT: Duration = Duration::from_secs(60);

/// Names of the tool that makes an image of GRUB.
pub const GRUB_TOOLS: [&str; 2] = ["grub-mkimage", "grub2-mkimage"];

/// What is fetched into the cache for aarch64, as it is when this process first asks.
static FETCHED: LazyLock<Vec<LoaderTree>> =
    LazyLock::new(|| LoaderTree::all(Architecture::Aarch64, &Options::default()));

/// Where distributions put them: Debian's place first.
fn places(loader: &Loader, target: Target) -> Vec<PathBuf> {
    match target {
        Target::Efi(EfiMachine::X64) => places_x64(loader),
        Target::Efi(EfiMachine::Aa64) => places_aa64(loader, FETCHED.iter().map(|tree| tree.root.as_path())),
        Target::Ppc64 if *loader == Loader::Kernel => installers("ppc64el", "vmlinux").collect(),
        Target::Efi(_) | Target::Ppc64 | Target::S390x => Vec::new(),
    }
}

/// On this host, where packages of another architecture were installed, then in the cache.
fn places_aa64<'a>(loader: &Loader, fetched: impl Iterator<Item = &'a Path> + Clone) -> Vec<PathBuf> {
    let name = match loader {
        Loader::Grub(Grub { efi: true, .. }) => "usr/lib/grub/arm64-efi/moddep.lst",
        Loader::SystemdBoot => "usr/lib/systemd/boot/efi/systemd-bootaa64.efi",
        Loader::UnifiedStub => "usr/lib/systemd/boot/efi/linuxaa64.efi.stub",
        Loader::Shim => "usr/lib/shim/shimaa64.efi.signed",
        Loader::SignedGrub => "usr/lib/grub/arm64-efi-signed/grubaa64.efi.signed",
        Loader::Kernel => {
            return installers("arm64", "linux")
                .chain(fetched.flat_map(|root| installed_kernels(&root.join("boot"))))
                .collect();
        }
        _ => return Vec::new(),
    };
    [Path::new("/")].into_iter().chain(fetched).map(|root| root.join(name)).collect()
}

fn places_x64(loader: &Loader) -> Vec<PathBuf> {
    // Debian's name of a program, and those of Fedora, openSUSE and Arch
    let ipxe = |names: &[&str]| {
        let dirs = ["/usr/lib/ipxe", "/usr/share/ipxe", "/usr/share/ipxe/x86_64"];
        names.iter().flat_map(|name| dirs.map(|dir| format!("{dir}/{name}"))).collect::<Vec<_>>()
    };
    let syslinux = |name: &str| {
        vec![
            format!("/usr/lib/syslinux/modules/bios/{name}"),
            format!("/usr/lib/syslinux/bios/{name}"),
            format!("/usr/share/syslinux/{name}"),
            format!("/tftpboot/{name}"),
        ]
    };
    let isolinux = |name: &str| [vec![format!("/usr/lib/ISOLINUX/{name}")], syslinux(name)].concat();
    let list = match loader {
        Loader::Pxelinux => [vec!["/usr/lib/PXELINUX/pxelinux.0".to_owned()], syslinux("pxelinux.0")].concat(),
        Loader::SyslinuxModule(name) => syslinux(name),
        Loader::UndiOnly => ipxe(&["undionly.kpxe"]),
        Loader::IpxeKernel => ipxe(&["ipxe.lkrn"]),
        Loader::SnpOnly => ipxe(&["snponly.efi", "ipxe-snponly-x86_64.efi", "snponly-x86_64.efi"]),
        Loader::IpxeEfi => ipxe(&["ipxe.efi", "ipxe-x86_64.efi"]),
        Loader::Grub(grub) => {
            let platform = Grub::platform(grub.efi, EfiMachine::X64);
            grub_files(&format!("{platform}/moddep.lst"))
        }
        Loader::GrubBootSector => grub_files("i386-pc/boot.img"),
        Loader::Isolinux => isolinux("isolinux.bin"),
        Loader::IsohybridBootSector => isolinux("isohdpfx.bin"),
        Loader::SystemdBoot => vec!["/usr/lib/systemd/boot/efi/systemd-bootx64.efi".to_owned()],
        Loader::UnifiedStub => vec!["/usr/lib/systemd/boot/efi/linuxx64.efi.stub".to_owned()],
        Loader::Shim => vec!["/usr/lib/shim/shimx64.efi.signed".to_owned()],
        Loader::SignedGrub => vec!["/usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed".to_owned()],
        Loader::Kernel => return kernels(),
    };
    list.into_iter().map(PathBuf::from).collect()
}

/// Debian and Fedora have GRUB's modules in one place, openSUSE in another.
fn grub_files(name: &str) -> Vec<String> {
    ["/usr/lib/grub", "/usr/share/grub2", "/usr/lib/grub2"].map(|dir| format!("{dir}/{name}")).to_vec()
}

/// GRUB's tool on this host, by the name that it has here: Fedora, RHEL and openSUSE call it by its version.
fn mkimage() -> Option<&'static str> {
    GRUB_TOOLS.into_iter().find(|tool| run(tool, &["--version"]).is_ok())
}

/// Kernels of Debian's installer, newest release first, then those that are installed to be run.
fn kernels() -> Vec<PathBuf> {
    installers("amd64", "linux").chain(installed_kernels(Path::new("/boot"))).collect()
}

/// Debian's installers' kernels for this of its architectures, newest release first.
fn installers(architecture: &str, kernel: &str) -> impl Iterator<Item = PathBuf> + use<> {
    let inside = format!("{architecture}/text/debian-installer/{architecture}/{kernel}");
    children(Path::new(INSTALLER)).into_iter().map(move |release| release.join(&inside))
}

/// Where Debian's installers are, one release beside the other.
const INSTALLER: &str = "/usr/lib/debian-installer/images";

fn installed_kernels(boot: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let is_kernel = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("vmlinuz"));
    children(boot).into_iter().filter(is_kernel)
}

/// A directory's entries, the last name first; none where it cannot be read.
fn children(directory: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths.reverse();
    paths
}

fn find(loader: &Loader, target: Target) -> Option<PathBuf> {
    places(loader, target).into_iter().find(|path| fs::File::open(path).is_ok())
}

/// The programs of others that a machine's networks and media have, and the kernel that it is given; some several times.
pub(super) fn wanted(machine: &Machine) -> Vec<Loader> {
    let systems = machine.devices.iter().filter_map(|device| device.medium.as_ref()?.system.as_ref());
    let served = machine.networks.iter().flat_map(|network| &network.loaders).map(|(_, loader)| loader.clone());
    let made = machine.networks.iter().flat_map(|network| &network.systems).flat_map(|one| one.content.loaders());
    let given = machine.system.iter().map(|_| Loader::Kernel);
    served.chain(made).chain(given).chain(systems.flat_map(SystemFiles::loaders)).collect()
}

/// What this host lacks for a machine's networks and media, with the command that installs it; `None` where it lacks nothing.
pub fn missing(machine: &Machine) -> Option<String> {
    let wanted = wanted(machine);
    let target = machine.board.facts().target;
    let mut packages: Vec<&str> =
        wanted.iter().filter(|loader| find(loader, target).is_none()).map(|loader| loader.package(target)).collect();
    if wanted.iter().any(|loader| matches!(loader, Loader::Grub(_))) && mkimage().is_none() {
        packages.push("grub-common");
    }
    packages.sort_unstable();
    packages.dedup();
    let list = packages.join(" ");
    let way = match target {
        // but for GRUB's tool they are of another architecture than the host's packages
        Target::Efi(EfiMachine::Aa64) if packages != ["grub-common"] => {
            "cargo xtask platform fetch debian:trixie --architecture aarch64 --loaders".to_owned()
        }
        _ => format!("Debian: apt-get install {list}"),
    };
    (!packages.is_empty()).then(|| format!("the host has no {list} ({way})"))
}

/// Where this host has a loader; `None` where it has not.
pub fn found(loader: &Loader, target: Target) -> Option<PathBuf> {
    find(loader, target)
}

/// The release's version of the package that a file in the cache is from; `None` for a file of the host.
fn version(path: &Path, package: &str) -> Option<&'static str> {
    FETCHED.iter().find(|tree| path.starts_with(&tree.root))?.version(package)
}

/// A loader's bytes, and what is said of them in the evidence. A program that is made is made in `folder`.
///
/// # Errors
///
/// The file that could not be read, or what GRUB's tool said.
pub fn read(loader: &Loader, target: Target, folder: &Path) -> Result<(Vec<u8>, Value), RunError> {
    let package = loader.package(target);
    let path =
        find(loader, target).ok_or_else(|| RunError::new(format!("no {loader:?} on this host: install {package}")))?;
    let made = match loader {
        Loader::Grub(grub) => Some(made(grub, grub.format(target.efi().unwrap_or_default()), &path, folder)?),
        _ => None,
    };
    let path = fs::canonicalize(&path).unwrap_or(path);
    let source = made.as_ref().unwrap_or(&path);
    let bytes = fs::read(source).map_err(RunError::file("read", source))?;
    // what was made can be made again; a file left behind would only fill the evidence
    made.map_or(Ok(()), fs::remove_file)
        .map_err(|error| RunError::because("cannot remove what GRUB's tool made", error))?;
    let digest = digest::sha256(&bytes);
    let mut told = json!({ "path": path, "package": package, "bytes": bytes.len(), "sha256": digest });
    if let Some(version) = version(&path, package) {
        told["version"] = version.into();
    }
    Ok((bytes, told))
}

/// GRUB's program of this format out of the modules beside `list`.
fn made(grub: &Grub, format: &str, list: &Path, folder: &Path) -> Result<PathBuf, RunError> {
    let out = folder.join(format!("grub-{format}"));
    let name = out.to_string_lossy().into_owned();
    let modules = list.parent().unwrap_or(list).to_string_lossy();
    let arguments = ["-d", &modules, "-O", format, "-p", &grub.prefix, "-o", &name];
    let tool = mkimage().ok_or_else(|| RunError::new(format!("no {} on this host", GRUB_TOOLS.join(" or "))))?;
    run(tool, &[&arguments[..], &grub.modules()].concat())?;
    Ok(out)
}

fn run(program: &str, arguments: &[&str]) -> Result<(), RunError> {
    let done = Command::new(program).args(arguments).read(b"", TOOL_LIMIT);
    let done = done.map_err(|error| RunError::because(program, error))?;
    if done.exit.success() {
        return Ok(());
    }
    let said = done.stderr.trim().replace('\n', " / ");
    Err(RunError::new(format!("{program}: {}: {said}", done.exit)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lan::LanSpec;
    use crate::machine::{Firmware, Medium, Network};

    #[test]
    fn each_distribution_has_its_own_places_and_names() {
        let grub = |efi| Loader::Grub(Grub::network(efi, ""));
        for (loader, place) in [
            (Loader::Pxelinux, "/tftpboot/pxelinux.0"),
            (Loader::SyslinuxModule("ldlinux.c32".to_owned()), "/tftpboot/ldlinux.c32"),
            (Loader::SnpOnly, "/usr/share/ipxe/ipxe-snponly-x86_64.efi"),
            (Loader::SnpOnly, "/usr/share/ipxe/x86_64/snponly.efi"),
            (Loader::IpxeEfi, "/usr/share/ipxe/ipxe-x86_64.efi"),
            (grub(true), "/usr/share/grub2/x86_64-efi/moddep.lst"),
            (grub(false), "/usr/share/grub2/i386-pc/moddep.lst"),
            (Loader::GrubBootSector, "/usr/share/grub2/i386-pc/boot.img"),
        ] {
            assert!(places(&loader, Target::Efi(EfiMachine::X64)).contains(&PathBuf::from(place)), "{place}");
        }
    }

    #[test]
    fn for_aarch64_the_cache_follows_the_host_and_what_is_for_bios_is_nowhere() {
        let tree = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(tree.path().join("boot")).unwrap();
        std::fs::write(tree.path().join("boot/vmlinuz-6.1.0-1-cloud-arm64"), "").unwrap();
        let of = |loader: &Loader| places_aa64(loader, [tree.path()].into_iter());
        let name = "usr/lib/systemd/boot/efi/systemd-bootaa64.efi";
        assert_eq!(of(&Loader::SystemdBoot), [Path::new("/").join(name), tree.path().join(name)]);
        assert!(of(&Loader::Kernel).contains(&tree.path().join("boot/vmlinuz-6.1.0-1-cloud-arm64")));
        assert_eq!(of(&Loader::Pxelinux), Vec::<PathBuf>::new());
        assert_eq!(of(&Loader::Grub(Grub::network(false, ""))), Vec::<PathBuf>::new());
    }

    #[test]
    fn what_aarch64_lacks_is_fetched() {
        let network = Network::new(LanSpec::new()).loader("x.c32", Loader::Pxelinux);
        let machine = Machine::new(Firmware::Aavmf, crate::machine::Board::Virt).network(network);
        let missing = missing(&machine).unwrap();
        assert!(missing.contains("platform fetch debian:trixie --architecture aarch64 --loaders"), "{missing}");
    }

    #[test]
    fn what_is_not_there_is_named_with_its_package() {
        let loader = Loader::SyslinuxModule("no-such-module.c32".to_owned());
        let network = Network::new(LanSpec::new()).loader("x.c32", loader.clone());
        let machine = Machine::pc(Firmware::SeaBios).network(network);
        assert!(missing(&machine).unwrap().contains("apt-get install syslinux-common"));
        assert!(
            read(&loader, Target::Efi(EfiMachine::X64), Path::new("/nonexistent"))
                .unwrap_err()
                .to_string()
                .contains("syslinux-common")
        );
    }

    #[test]
    fn what_the_media_of_a_machine_hold_is_looked_for_too() {
        let system = SystemFiles::new().loader("x.c32", Loader::SyslinuxModule("no-such-module.c32".to_owned()));
        let machine = Machine::pc(Firmware::SeaBios).virtio_blk(Medium::system("disk", system));
        assert!(missing(&machine).unwrap().contains("apt-get install syslinux-common"));
    }

    #[test]
    fn a_machine_without_loaders_lacks_none() {
        assert_eq!(missing(&Machine::pc(Firmware::SeaBios).network(Network::new(LanSpec::new()))), None);
    }
}

//! Finds the boot programs that others wrote on this host, reads them, and has GRUB's tool make the one that is made.
//!
//! Only what a machine names is looked for; nothing is installed.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use super::error::RunError;
use crate::digest;
use crate::machine::{Grub, Loader, Machine, SystemFiles};
use crate::process::Command;

/// How long GRUB's tool may take.
const TOOL_LIMIT: Duration = Duration::from_secs(60);

/// Where distributions put them: Debian's place first.
fn places(loader: &Loader) -> Vec<PathBuf> {
    let ipxe = |name: &str| vec![format!("/usr/lib/ipxe/{name}"), format!("/usr/share/ipxe/{name}")];
    let syslinux = |name: &str| {
        vec![
            format!("/usr/lib/syslinux/modules/bios/{name}"),
            format!("/usr/lib/syslinux/bios/{name}"),
            format!("/usr/share/syslinux/{name}"),
        ]
    };
    let isolinux = |name: &str| [vec![format!("/usr/lib/ISOLINUX/{name}")], syslinux(name)].concat();
    let list = match loader {
        Loader::Pxelinux => [vec!["/usr/lib/PXELINUX/pxelinux.0".to_owned()], syslinux("pxelinux.0")].concat(),
        Loader::SyslinuxModule(name) => syslinux(name),
        Loader::UndiOnly => ipxe("undionly.kpxe"),
        Loader::IpxeKernel => ipxe("ipxe.lkrn"),
        Loader::SnpOnly => ipxe("snponly.efi"),
        Loader::IpxeEfi => ipxe("ipxe.efi"),
        Loader::Grub(grub) => {
            let platform = if grub.efi { "x86_64-efi" } else { "i386-pc" };
            vec![format!("/usr/lib/grub/{platform}/moddep.lst")]
        }
        Loader::GrubBootSector => vec!["/usr/lib/grub/i386-pc/boot.img".to_owned()],
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

/// Kernels of Debian's installer, newest release first, then those that are installed to be run.
fn kernels() -> Vec<PathBuf> {
    let installer = Path::new("/usr/lib/debian-installer/images");
    let inside = |release: PathBuf| release.join("amd64/text/debian-installer/amd64/linux");
    let installed = children(Path::new("/boot"));
    let installed = installed
        .into_iter()
        .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("vmlinuz")));
    children(installer).into_iter().map(inside).chain(installed).collect()
}

/// A directory's entries, the last name first; none where it cannot be read.
fn children(directory: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths.reverse();
    paths
}

fn find(loader: &Loader) -> Option<PathBuf> {
    places(loader).into_iter().find(|path| fs::File::open(path).is_ok())
}

/// What this host lacks for a machine's networks and media, with the command that installs it; `None` where it lacks nothing.
pub fn missing(machine: &Machine) -> Option<String> {
    let systems = machine.devices.iter().filter_map(|device| device.medium.as_ref()?.system.as_ref());
    let served = machine.networks.iter().flat_map(|network| &network.loaders).map(|(_, loader)| loader.clone());
    let made = machine.networks.iter().flat_map(|network| &network.systems).flat_map(|one| one.content.loaders());
    let given = machine.system.iter().map(|_| Loader::Kernel);
    let wanted: Vec<Loader> = served.chain(made).chain(given).chain(systems.flat_map(SystemFiles::loaders)).collect();
    let mut packages: Vec<&str> =
        wanted.iter().filter(|loader| find(loader).is_none()).map(|loader| loader.package()).collect();
    if wanted.iter().any(|loader| matches!(loader, Loader::Grub(_))) && run("grub-mkimage", &["--version"]).is_err() {
        packages.push("grub-common");
    }
    packages.sort_unstable();
    packages.dedup();
    let list = packages.join(" ");
    (!packages.is_empty()).then(|| format!("the host has no {list} (Debian: apt-get install {list})"))
}

/// Where this host has a loader; `None` where it has not.
pub fn found(loader: &Loader) -> Option<PathBuf> {
    find(loader)
}

/// A loader's bytes, and what is said of them in the evidence. A program that is made is made in `folder`.
///
/// # Errors
///
/// The file that could not be read, or what GRUB's tool said.
pub fn read(loader: &Loader, folder: &Path) -> Result<(Vec<u8>, Value), RunError> {
    let path = find(loader)
        .ok_or_else(|| RunError::new(format!("no {loader:?} on this host: install {}", loader.package())))?;
    let made = match loader {
        Loader::Grub(grub) => Some(made(grub, folder)?),
        _ => None,
    };
    let path = fs::canonicalize(&path).unwrap_or(path);
    let source = made.as_ref().unwrap_or(&path);
    let bytes = fs::read(source).map_err(RunError::file("read", source))?;
    // what was made can be made again; a file left behind would only fill the evidence
    made.map_or(Ok(()), fs::remove_file)
        .map_err(|error| RunError::because("cannot remove what grub-mkimage made", error))?;
    let digest = digest::sha256(&bytes);
    let told = json!({ "path": path, "package": loader.package(), "bytes": bytes.len(), "sha256": digest });
    Ok((bytes, told))
}

fn made(grub: &Grub, folder: &Path) -> Result<PathBuf, RunError> {
    let out = folder.join(format!("grub-{}", grub.format()));
    let name = out.to_string_lossy().into_owned();
    let arguments = ["-O", grub.format(), "-p", &grub.prefix, "-o", &name];
    run("grub-mkimage", &[&arguments[..], &grub.modules()].concat())?;
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
    fn what_is_not_there_is_named_with_its_package() {
        let loader = Loader::SyslinuxModule("no-such-module.c32".to_owned());
        let network = Network::new(LanSpec::new()).loader("x.c32", loader.clone());
        let machine = Machine::pc(Firmware::SeaBios).network(network);
        assert!(missing(&machine).unwrap().contains("apt-get install syslinux-common"));
        assert!(read(&loader, Path::new("/nonexistent")).unwrap_err().to_string().contains("syslinux-common"));
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

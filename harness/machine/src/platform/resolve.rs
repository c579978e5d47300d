//! Puts a platform together out of a QEMU and the files around it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::descriptor::{self, Descriptor, Descriptors};
use super::error::PlatformError;
use super::surroundings::{Surroundings, inside, tidy};
use super::version::{self, UNKNOWN};
use super::{Architecture, Capabilities, FirmwareFile, Ovmf, Platform, Qemu, QemuVersion, distribution, probe};

/// A flash image is 4 MiB, an option ROM less; nothing much larger is read.
pub(super) const IMAGE_LIMIT_BYTES: u64 = 64 << 20;

/// The name under which QEMU looks for its BIOS for `pc` and `q35`.
pub(super) const BIOS_IMAGE: &str = "bios-256k.bin";

/// The names under which QEMU looks for the firmware of `s390-ccw-virtio` (`ccw_init` in its `hw/s390x/s390-virtio-ccw.c`).
pub(super) const S390_IMAGES: [&str; 2] = ["s390-ccw.img", "s390-netboot.img"];

/// `host`: QEMU on PATH or where RHEL has it, firmware as QEMU and its descriptors name it.
pub(super) fn host(host: &Surroundings, architecture: Architecture) -> Result<Platform, PlatformError> {
    let Some(path) = host.qemu(architecture) else {
        let fix = distribution::install_hint(host, architecture);
        return Err(PlatformError::NoQemu { program: architecture.qemu(), fix });
    };
    let qemu = describe(vec![path.clone().into()], path, Vec::new(), Vec::new())?;
    let search_dirs: Vec<PathBuf> = qemu.search_dirs()?.iter().map(|dir| tidy(dir)).collect();
    let dirs = descriptor::directories(&host.root, &search_dirs, host.config_home.as_deref());
    let descriptors = Descriptors::read(&dirs, architecture)?;
    let found = found(&descriptors, qemu.version, &search_dirs, &|entry| locate(&host.root, entry));
    assemble("host".to_owned(), architecture, qemu, found, &|files| version::packaged(host, files))
}

/// Starts QEMU once to learn its version, and digests it.
pub(super) fn describe(
    command: Vec<OsString>,
    path: PathBuf,
    data_dirs: Vec<PathBuf>,
    env: Vec<(String, String)>,
) -> Result<Qemu, PlatformError> {
    let sha256 = version::sha256(&path)?;
    let version = QemuVersion { major: 0, minor: 0, micro: 0 };
    let capabilities = Capabilities::default();
    let package = String::new();
    let qemu = Qemu { command, path, version, package, sandbox: false, capabilities, sha256, data_dirs, env };
    let probe::Build { version, package, sandbox, capabilities } = probe::build(qemu.to_command())?;
    Ok(Qemu { version, package, sandbox, capabilities, ..qemu })
}

/// The name under which QEMU looks for the firmware of `pseries` (`FW_FILE_NAME` in its `hw/ppc/spapr.c`).
pub(super) const SLOF_IMAGE: &str = "slof.bin";

/// What of the descriptors' images and in QEMU's data directories serves their architecture.
pub(super) fn found(
    descriptors: &Descriptors,
    qemu: QemuVersion,
    search_dirs: &[PathBuf],
    locate: &dyn Fn(&Descriptor) -> Option<OvmfFiles>,
) -> Found {
    let option_roms = option_roms(search_dirs);
    match descriptors.architecture {
        Architecture::X86_64 => Found {
            seabios: first_file(search_dirs, BIOS_IMAGE),
            ovmf: descriptors.plain(qemu).and_then(locate),
            ovmf_secure_boot: descriptors.secure_boot(qemu).and_then(locate),
            option_roms,
            ..Found::default()
        },
        Architecture::Aarch64 => Found {
            aavmf: descriptors.plain(qemu).and_then(locate),
            aavmf_secure_boot: descriptors.secure_boot(qemu).and_then(locate),
            option_roms,
            ..Found::default()
        },
        // the one build of some releases enforces Secure Boot once keys are enrolled, and starts without any too
        Architecture::I386 => Found {
            ovmf: descriptors.secure_boot(qemu).or_else(|| descriptors.plain(qemu)).and_then(locate),
            ovmf_secure_boot: descriptors.secure_boot(qemu).and_then(locate),
            option_roms,
            ..Found::default()
        },
        Architecture::Arm => Found { aavmf: descriptors.plain(qemu).and_then(locate), option_roms, ..Found::default() },
        Architecture::Riscv64 => {
            Found { riscvvirt: descriptors.plain(qemu).and_then(locate), option_roms, ..Found::default() }
        }
        Architecture::Loongarch64 => {
            Found { loongarchvirt: descriptors.plain(qemu).and_then(locate), option_roms, ..Found::default() }
        }
        Architecture::S390x => {
            let [s390_ccw, s390_netboot] = S390_IMAGES.map(|name| first_file(search_dirs, name));
            Found { s390_ccw, s390_netboot, ..Found::default() }
        }
        Architecture::Ppc64 => Found { slof: first_file(search_dirs, SLOF_IMAGE), ..Found::default() },
    }
}

/// The files of a platform before their versions are known.
#[derive(Default)]
pub(super) struct Found {
    pub seabios: Option<PathBuf>,
    pub ovmf: Option<OvmfFiles>,
    pub ovmf_secure_boot: Option<OvmfFiles>,
    pub aavmf: Option<OvmfFiles>,
    pub aavmf_secure_boot: Option<OvmfFiles>,
    pub riscvvirt: Option<OvmfFiles>,
    pub loongarchvirt: Option<OvmfFiles>,
    pub s390_ccw: Option<PathBuf>,
    pub s390_netboot: Option<PathBuf>,
    pub slof: Option<PathBuf>,
    pub option_roms: Vec<PathBuf>,
}

/// The two images of an OVMF build.
pub(super) struct OvmfFiles {
    pub code: PathBuf,
    pub vars: PathBuf,
    pub requires_smm: bool,
    pub enrolled_keys: bool,
}

impl OvmfFiles {
    pub(super) fn paths(&self) -> [&PathBuf; 2] {
        [&self.code, &self.vars]
    }
}

/// The two images that a descriptor names, seen from `root`; `None` where one is missing.
pub(super) fn locate(root: &Path, entry: &Descriptor) -> Option<OvmfFiles> {
    let file = |path: &Path| inside(root, path).filter(|path| path.is_file());
    Some(OvmfFiles {
        code: file(&entry.code)?,
        vars: file(&entry.vars)?,
        requires_smm: entry.has("requires-smm"),
        enrolled_keys: entry.has("enrolled-keys"),
    })
}

/// The file that QEMU opens when it is asked for `name`.
pub(super) fn first_file(search_dirs: &[PathBuf], name: &str) -> Option<PathBuf> {
    search_dirs.iter().map(|dir| dir.join(name)).find(|path| path.is_file())
}

/// Network boot ROMs by name, each from the first directory that has it.
pub(super) fn option_roms(search_dirs: &[PathBuf]) -> Vec<PathBuf> {
    let mut roms: BTreeMap<OsString, PathBuf> = BTreeMap::new();
    for entry in search_dirs.iter().filter_map(|dir| std::fs::read_dir(dir).ok()).flatten().flatten() {
        let name = entry.file_name();
        let is_rom = name
            .to_str()
            .is_some_and(|name| name.ends_with(".rom") && (name.starts_with("pxe-") || name.starts_with("efi-")));
        if is_rom && entry.path().is_file() {
            roms.entry(name).or_insert_with(|| entry.path());
        }
    }
    roms.into_values().collect()
}

/// The path again, if it is a file of a size that an image has.
fn within_limit(path: &Path) -> Result<&Path, PlatformError> {
    let bytes = path.metadata().map_err(PlatformError::unreadable(path))?.len();
    if bytes > IMAGE_LIMIT_BYTES {
        return Err(PlatformError::TooLarge { path: path.to_owned(), bytes, limit: IMAGE_LIMIT_BYTES });
    }
    Ok(path)
}

/// A file with its digest, and its version if its package is known.
pub(super) fn described(path: &Path, packaged: &BTreeMap<PathBuf, String>) -> Result<FirmwareFile, PlatformError> {
    let version = packaged.get(path).cloned().unwrap_or_else(|| UNKNOWN.to_owned());
    Ok(FirmwareFile { path: path.to_owned(), version, sha256: version::sha256(within_limit(path)?)? })
}

/// The two images of an OVMF build with versions and digests.
pub(super) fn ovmf_of(files: OvmfFiles, packaged: &BTreeMap<PathBuf, String>) -> Result<Ovmf, PlatformError> {
    let (code, vars) = (described(&files.code, packaged)?, described(&files.vars, packaged)?);
    Ok(Ovmf { code, vars, requires_smm: files.requires_smm, enrolled_keys: files.enrolled_keys })
}

/// SLOF with the release that it says of itself.
fn slof(
    path: &Path,
    file: &dyn Fn(&Path) -> Result<FirmwareFile, PlatformError>,
) -> Result<FirmwareFile, PlatformError> {
    let image = std::fs::read(within_limit(path)?).map_err(PlatformError::unreadable(path))?;
    let plain = file(path)?;
    Ok(FirmwareFile { version: version::slof_release(&image).unwrap_or(plain.version.clone()), ..plain })
}

/// Adds versions and digests. `packages` says which package version a file comes from.
pub(super) fn assemble(
    name: String,
    architecture: Architecture,
    qemu: Qemu,
    found: Found,
    packages: &dyn Fn(&[PathBuf]) -> BTreeMap<PathBuf, String>,
) -> Result<Platform, PlatformError> {
    let arm = [&found.aavmf, &found.aavmf_secure_boot];
    let builds =
        [&found.ovmf, &found.ovmf_secure_boot].into_iter().chain(arm).chain([&found.riscvvirt, &found.loongarchvirt]);
    let ovmf_files = builds.flatten().flat_map(OvmfFiles::paths);
    let singles = [&found.seabios, &found.s390_ccw, &found.s390_netboot, &found.slof].into_iter().flatten();
    let files: Vec<PathBuf> = found.option_roms.iter().chain(ovmf_files).chain(singles).cloned().collect();
    let packaged = packages(&files);
    let file = |path: &Path| described(path, &packaged);
    let ovmf = |files: Option<OvmfFiles>| files.map(|files| ovmf_of(files, &packaged)).transpose();
    let seabios = match &found.seabios {
        None => None,
        Some(path) => {
            let image = std::fs::read(within_limit(path)?).map_err(PlatformError::unreadable(path))?;
            let banner = version::seabios_banner(&image);
            let plain = file(path)?;
            Some(FirmwareFile { version: banner.unwrap_or(plain.version.clone()), ..plain })
        }
    };
    // it is built with QEMU, whose version it has where no package says it; an epoch is the package's alone
    let of_qemu = |file: FirmwareFile| {
        let own = file.version.split_once(':').map_or(file.version.as_str(), |(_, version)| version);
        let version = if own == UNKNOWN { qemu.version.to_string() } else { own.to_owned() };
        FirmwareFile { version, ..file }
    };
    let single = |path: &Option<PathBuf>| path.as_deref().map(|path| file(path).map(of_qemu)).transpose();
    let slof = found.slof.as_deref().map(|path| slof(path, &file)).transpose()?;
    let (s390_ccw, s390_netboot) = (single(&found.s390_ccw)?, single(&found.s390_netboot)?);
    let option_roms = found.option_roms.iter().map(|path| file(path)).collect::<Result<_, _>>()?;
    Ok(Platform {
        name,
        architecture,
        qemu,
        seabios,
        ovmf: ovmf(found.ovmf)?,
        ovmf_secure_boot: ovmf(found.ovmf_secure_boot)?,
        aavmf: ovmf(found.aavmf)?,
        aavmf_secure_boot: ovmf(found.aavmf_secure_boot)?,
        riscvvirt: ovmf(found.riscvvirt)?,
        loongarchvirt: ovmf(found.loongarchvirt)?,
        s390_ccw,
        s390_netboot,
        slof,
        option_roms,
    })
}

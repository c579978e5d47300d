//! What is to be booted: one medium, one folder or one kernel, looked at before anything is started.

use std::path::{Path, PathBuf};

use bootwright::foreign::{self, ForeignError, Kind, Looked};
use bootwright::machine::KernelFiles;

use super::Args;
use crate::XtaskError;

/// What is to be booted.
#[derive(Clone, Debug)]
pub enum Subject {
    /// A medium in a drive.
    Medium(Looked, Drive),
    /// Files on a network.
    Served(Served),
    /// A kernel that QEMU hands over.
    Kernel(KernelFiles, Claims),
    /// A boot server's configuration alone: its files are programs of ours.
    Configuration,
}

/// Which drive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drive {
    /// A hard disk.
    Disk,
    /// An optical drive.
    Cdrom,
    /// A USB stick.
    Usb,
    /// A floppy drive.
    Floppy,
}

/// Whether each firmware has something to boot, and why.
#[derive(Clone, Debug)]
pub struct Claims {
    /// BIOS.
    pub bios: (bool, String),
    /// UEFI.
    pub uefi: (bool, String),
    /// The EFI program is signed.
    pub signed: bool,
    /// BIOS enters a first sector in which there is no code.
    pub empty: bool,
}

/// Files on a network.
#[derive(Clone, Debug)]
pub struct Served {
    /// The folder, absolute.
    pub folder: PathBuf,
    /// By HTTP; by TFTP else.
    pub http: bool,
    /// The boot file for BIOS.
    pub bios: Option<String>,
    /// The boot file for UEFI.
    pub uefi: Option<String>,
}

/// Names under which boot files go, the usual one first.
const BIOS_FILES: [&str; 5] = ["pxelinux.0", "lpxelinux.0", "undionly.kpxe", "ipxe.lkrn", "grub/i386-pc/core.0"];
const UEFI_FILES: [&str; 7] =
    ["bootnetx64.efi", "bootx64.efi", "shimx64.efi", "grubx64.efi", "grubnetx64.efi", "snponly.efi", "ipxe.efi"];

impl Subject {
    /// What the options name.
    ///
    /// # Errors
    ///
    /// Why it cannot be booted.
    pub fn of(args: &Args) -> Result<Subject, XtaskError> {
        if !args.file.is_empty() && args.pxe.is_none() && args.http.is_none() {
            return Err(XtaskError("--file goes with --pxe DIR or --http DIR".to_owned()));
        }
        let given = [
            (&args.medium, None),
            (&args.disk, Some((Kind::Disk, Drive::Disk))),
            (&args.cdrom, Some((Kind::Optical, Drive::Cdrom))),
            (&args.usb, Some((Kind::Disk, Drive::Usb))),
            (&args.floppy, Some((Kind::Floppy, Drive::Floppy))),
        ];
        for (path, wanted) in given {
            let Some(path) = path else { continue };
            let looked = foreign::look(path, wanted.map(|(kind, _)| kind)).map_err(XtaskError::from)?;
            let drive = wanted.map_or(drive_of(looked.kind), |(_, drive)| drive);
            return Ok(Subject::Medium(looked, drive));
        }
        match (&args.pxe, &args.http, &args.kernel) {
            (Some(folder), ..) => served(folder, false, &args.file),
            (_, Some(folder), _) => served(folder, true, &args.file),
            (.., Some(kernel)) => kernel_of(kernel, args),
            _ if args.dhcp.is_some() => Ok(Subject::Configuration),
            _ => Err(XtaskError(
                "nothing to boot: give a medium (cargo xtask boot my.iso), or one of --disk, --cdrom, --usb, --floppy, --pxe, \
                 --http, --kernel, --dhcp"
                    .to_owned(),
            )),
        }
    }

    /// The name of it in ids: lower case, digits and dots.
    pub fn name(&self, args: &Args) -> String {
        let path = match self {
            Subject::Medium(looked, _) => looked.path.clone(),
            Subject::Served(served) => served.folder.clone(),
            Subject::Kernel(files, _) => files.kernel.clone(),
            Subject::Configuration => args.dhcp.clone().unwrap_or_default(),
        };
        let name = path.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
        let plain = |c: char| if c.is_ascii_alphanumeric() || c == '.' || c == '-' { c } else { '-' };
        let name: String = name.chars().map(plain).take(40).collect();
        if name.trim_matches(['.', '-']).is_empty() { "medium".to_owned() } else { name }
    }

    /// What was found, line by line.
    pub fn found(&self) -> Vec<String> {
        let both = |head: String, claims: &Claims| {
            vec![head, format!("  BIOS: {}", claims.bios.1), format!("  UEFI: {}", claims.uefi.1)]
        };
        match self {
            Subject::Medium(looked, _) => {
                let format = if looked.format == foreign::Format::Qcow2 { " in qcow2" } else { "" };
                let name = looked.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                let head = format!("{name}: {}{format}, {} bytes", looked.kind.words(), looked.bytes);
                both(head, &self.claims())
            }
            Subject::Served(served) => both(format!("{}: a folder to serve", served.folder.display()), &self.claims()),
            Subject::Kernel(files, claims) => both(format!("{}: a Linux kernel", files.kernel.display()), claims),
            Subject::Configuration => Vec::new(),
        }
    }

    /// Whether each firmware has something to boot.
    pub fn claims(&self) -> Claims {
        match self {
            Subject::Medium(looked, drive) => {
                let bios = (looked.bios.boots, looked.bios.why.clone());
                let uefi = match drive {
                    Drive::Floppy => (false, "UEFI on this board boots no floppy".to_owned()),
                    _ => (looked.uefi.boots, looked.uefi.why.clone()),
                };
                Claims { bios, signed: uefi.0 && looked.uefi.signed, uefi, empty: looked.bios.empty }
            }
            Subject::Served(served) => {
                let file = |file: &Option<String>, firmware: &str| match file {
                    Some(file) => (true, format!("boot file {file}")),
                    None => (false, format!("no boot file for {firmware}")),
                };
                let (bios, uefi) = (file(&served.bios, "BIOS"), file(&served.uefi, "UEFI"));
                Claims { bios, uefi, signed: false, empty: false }
            }
            Subject::Kernel(_, claims) => claims.clone(),
            Subject::Configuration => {
                let given = (true, "what the configuration gives".to_owned());
                Claims { bios: given.clone(), uefi: given, signed: false, empty: false }
            }
        }
    }
}

fn drive_of(kind: Kind) -> Drive {
    match kind {
        Kind::Disk => Drive::Disk,
        Kind::Optical | Kind::Hybrid => Drive::Cdrom,
        Kind::Floppy => Drive::Floppy,
    }
}

/// Looks for the boot files of a folder; `path` may be one of them.
fn served(path: &Path, http: bool, named: &[String]) -> Result<Subject, XtaskError> {
    let (folder, named) = match path.file_name().filter(|_| path.is_file()) {
        Some(name) if named.is_empty() => {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            (folder.unwrap_or(Path::new(".")), vec![name.to_string_lossy().into_owned()])
        }
        _ => (path, named.to_vec()),
    };
    let files = foreign::folder::files(folder).map_err(XtaskError::from)?;
    let folder = folder.canonicalize().map_err(XtaskError::from)?;
    let place = |name: &str| files.iter().find(|(file, _)| file == name.trim_start_matches('/')).map(|(_, path)| path);
    let (mut bios, mut uefi) = (None, None);
    for name in &named {
        let found = place(name).ok_or_else(|| {
            let error = ForeignError::new(
                &folder.join(name),
                "there is no such file in the folder",
                "--file names one of its files",
            );
            XtaskError::from(error)
        })?;
        let slot = if is_efi(found) { &mut uefi } else { &mut bios };
        if let Some(other) = slot.replace(name.clone()) {
            return Err(XtaskError(format!(
                "--file {other} and --file {name} are for the same firmware; give one for each"
            )));
        }
    }
    if named.is_empty() {
        let first = |names: &[&str]| names.iter().find(|name| place(name).is_some()).map(|name| (*name).to_owned());
        let below = |ends: &str| files.iter().find(|(name, _)| name.ends_with(ends)).map(|(name, _)| name.clone());
        bios = first(&BIOS_FILES);
        uefi = first(&UEFI_FILES).or_else(|| below("/bootnetx64.efi")).or_else(|| below("/grubx64.efi"));
    }
    if bios.is_none() && uefi.is_none() {
        let fix = "say which file is to be booted: --file NAME";
        let problem = format!("none of {} files has a well-known name such as pxelinux.0 or bootx64.efi", files.len());
        return Err(XtaskError::from(ForeignError::new(&folder, problem, fix)));
    }
    Ok(Subject::Served(Served { folder, http, bios, uefi }))
}

fn is_efi(path: &Path) -> bool {
    // a kernel with an EFI stub is for both; by a network it is UEFI that takes it
    std::fs::File::open(path).is_ok_and(|mut file| {
        let mut head = [0; 2];
        std::io::Read::read_exact(&mut file, &mut head).is_ok() && head == *b"MZ"
    })
}

fn kernel_of(kernel: &Path, args: &Args) -> Result<Subject, XtaskError> {
    let regular = |path: &Path, wanted| foreign::regular(path, wanted).map_err(XtaskError::from);
    let path = regular(kernel, "a Linux kernel (bzImage)")?;
    let mut head = vec![0; 0x210];
    let read = std::fs::File::open(&path).and_then(|mut file| std::io::Read::read_exact(&mut file, &mut head));
    if read.is_err() || head[0x202..0x206] != *b"HdrS" {
        let error = ForeignError::new(&path, "no Linux kernel for x86", "wanted a bzImage, such as /boot/vmlinuz");
        return Err(XtaskError::from(error));
    }
    let initrd = args.initrd.as_deref().map(|path| regular(path, "an initial RAM disk")).transpose()?;
    let uefi = match head.starts_with(b"MZ") {
        true => (true, "its EFI stub".to_owned()),
        false => (false, "no EFI loader: the kernel has no EFI stub".to_owned()),
    };
    let bios = (true, "QEMU's loader of Linux kernels".to_owned());
    let claims = Claims { bios, uefi, signed: false, empty: false };
    Ok(Subject::Kernel(KernelFiles { kernel: path, initrd, append: args.append.clone() }, claims))
}

//! A system on a medium or a server, as part of a machine's data: which loader, kernel and configuration, and the initramfs that
//! reports from user space.
//!
//! ```
//! use bootwright_machine::machine::{Loader, Medium, SystemFiles};
//!
//! let system = SystemFiles::new()
//!     .loader("EFI/BOOT/BOOTX64.EFI", Loader::SystemdBoot)
//!     .text("loader/entries/one.conf", "linux /vmlinuz\ninitrd /initrd.img\n")
//!     .loader("vmlinuz", Loader::Kernel)
//!     .initramfs("initrd.img");
//! assert_eq!(Medium::system("disk", system).reports(), true);
//! ```

use bootwright_images::Signer;
use serde::{Deserialize, Serialize};

use super::{Grub, Loader};

/// What is in a file of a system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum FileContent {
    /// A text, such as a loader's configuration.
    Text(String),
    /// A program that others wrote.
    Loader(Loader),
    /// The initramfs of the medium: its init reports from user space and ends the machine.
    Initramfs,
    /// A unified kernel image: systemd's stub, a kernel, this command line, and the initramfs of the medium.
    UnifiedKernel {
        /// The kernel's command line.
        command_line: String,
    },
    /// A program of the project for UEFI, which reports as the medium and ends the machine.
    Program(OwnProgram),
    /// A signer's X.509 certificate, DER, as setup enrols it from a file.
    Certificate(Signer),
}

/// A program of the project's own among the files of a system.
#[must_use = "words about a program give a new one back"]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct OwnProgram {
    /// The text of each of its sections `.sbat`; shim wants one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sbat: Vec<String>,
    /// Whose key signs it; left out, nobody's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed_by: Option<Signer>,
}

impl OwnProgram {
    /// One without a signature and without a section `.sbat`.
    pub fn new() -> OwnProgram {
        OwnProgram::default()
    }

    /// The same with a section `.sbat` of this text more.
    pub fn sbat(mut self, text: &str) -> OwnProgram {
        self.sbat.push(text.to_owned());
        self
    }

    /// The same with this signature.
    pub fn signed_by(self, signer: Signer) -> OwnProgram {
        OwnProgram { signed_by: Some(signer), ..self }
    }
}

impl FileContent {
    /// The programs of others that it is made of.
    pub fn loaders(&self) -> Vec<Loader> {
        match self {
            FileContent::Loader(loader) => vec![loader.clone()],
            FileContent::UnifiedKernel { .. } => vec![Loader::UnifiedStub, Loader::Kernel],
            FileContent::Text(_) | FileContent::Initramfs | FileContent::Program(_) | FileContent::Certificate(_) => {
                Vec::new()
            }
        }
    }

    /// Whether it has the initramfs, alone or with its kernel.
    pub fn has_initramfs(&self) -> bool {
        matches!(self, FileContent::Initramfs | FileContent::UnifiedKernel { .. })
    }

    /// Whether something in it reports as the medium.
    pub fn reports(&self) -> bool {
        self.has_initramfs() || matches!(self, FileContent::Program(_))
    }
}

/// What a BIOS starts of a medium that holds a system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum SystemBootCode {
    /// GRUB: its boot sector and its program behind it on a hard disk, its program alone on an optical medium.
    Grub(Grub),
    /// ISOLINUX, on an optical medium and on a hard disk that has the same image.
    Isolinux,
}

impl SystemBootCode {
    /// The programs of others that it is made of.
    pub fn loaders(&self) -> Vec<Loader> {
        match self {
            SystemBootCode::Grub(grub) => vec![Loader::Grub(grub.clone()), Loader::GrubBootSector],
            SystemBootCode::Isolinux => vec![Loader::Isolinux, Loader::IsohybridBootSector],
        }
    }
}

/// The files of a system. On a hard disk they lie in one EFI system partition, on an optical medium in its ISO 9660 volume by names
/// in upper case, and where one is below `EFI/BOOT` in a FAT volume for UEFI too.
#[must_use = "words about a system give a new one back"]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct SystemFiles {
    /// Path, with `/` between names, and content of each file.
    #[serde(default)]
    pub files: Vec<(String, FileContent)>,
    /// What a BIOS starts; `None`: nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot_code: Option<SystemBootCode>,
}

impl SystemFiles {
    /// No file yet, and nothing for a BIOS.
    pub fn new() -> SystemFiles {
        SystemFiles::default()
    }

    /// With a file more.
    pub fn file(mut self, path: &str, content: FileContent) -> SystemFiles {
        self.files.push((path.to_owned(), content));
        self
    }

    /// With a text.
    pub fn text(self, path: &str, text: &str) -> SystemFiles {
        self.file(path, FileContent::Text(text.to_owned()))
    }

    /// With a program that others wrote.
    pub fn loader(self, path: &str, loader: Loader) -> SystemFiles {
        self.file(path, FileContent::Loader(loader))
    }

    /// With the initramfs that reports as the medium.
    pub fn initramfs(self, path: &str) -> SystemFiles {
        self.file(path, FileContent::Initramfs)
    }

    /// With a unified kernel image whose initramfs reports as the medium.
    pub fn unified_kernel(self, path: &str, command_line: &str) -> SystemFiles {
        self.file(path, FileContent::UnifiedKernel { command_line: command_line.to_owned() })
    }

    /// With a program of the project's own.
    pub fn program(self, path: &str, program: OwnProgram) -> SystemFiles {
        self.file(path, FileContent::Program(program))
    }

    /// With a signer's certificate.
    pub fn certificate(self, path: &str, signer: Signer) -> SystemFiles {
        self.file(path, FileContent::Certificate(signer))
    }

    /// With what a BIOS starts.
    pub fn boot_code(mut self, boot_code: SystemBootCode) -> SystemFiles {
        self.boot_code = Some(boot_code);
        self
    }

    /// The same without a file.
    pub fn without(mut self, path: &str) -> SystemFiles {
        self.files.retain(|(known, _)| known != path);
        self
    }

    /// The programs of others that it is made of.
    pub fn loaders(&self) -> impl Iterator<Item = Loader> {
        let files = self.files.iter().flat_map(|(_, content)| content.loaders());
        files.chain(self.boot_code.iter().flat_map(SystemBootCode::loaders))
    }
}

/// A kernel and an initramfs that QEMU hands to the firmware: `-kernel`, `-initrd`, `-append`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct GivenSystem {
    /// The name by which its initramfs reports.
    pub medium: String,
    /// The kernel's command line.
    pub command_line: String,
}

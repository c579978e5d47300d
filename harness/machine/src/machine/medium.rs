//! What is put into a drive, by the words that cases use.

use std::path::PathBuf;

use bootwright_images::{
    After, BadLoader, BootMapLayout, Boots, Content, EfiMachine, Emulation, FatType, Image, ImageError, MediumKind,
    MediumSpec, Nonce, PartitionTable, Reads, Signer, Target, prep, zipl,
};
use serde::{Deserialize, Serialize};

use super::SystemFiles;
use crate::foreign::Format;

/// A named medium to build for one machine. Names are unique within a machine.
#[must_use = "words about a medium give a new one back"]
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Medium {
    /// Its name, in the payload line and in every report.
    pub name: String,
    /// What it holds.
    pub content: Content,
    /// Size in 512-byte sectors, hard disks only; `None` lets the machine choose a size no other disk of it has.
    pub sectors: Option<u64>,
    /// An image that somebody else made, in place of [`Medium::content`]. It is only read: what a guest writes goes into an
    /// overlay in the evidence folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<ImageFile>,
    /// A loader, a kernel and an initramfs that reports from user space, in place of [`Medium::content`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<SystemFiles>,
    /// Whose key signs its EFI application, for Secure Boot; `None`: nobody's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_by: Option<Signer>,
}

/// A Linux kernel and what QEMU gives it: `-kernel`, `-initrd`, `-append`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct KernelFiles {
    /// The kernel, absolute.
    pub kernel: PathBuf,
    /// The initial RAM disk, absolute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initrd: Option<PathBuf>,
    /// The kernel's command line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub append: Option<String>,
}

/// An image file that somebody else made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ImageFile {
    /// Where it is, absolute.
    pub path: PathBuf,
    /// How its bytes lie.
    pub format: Format,
}

impl Medium {
    fn new(name: &str, content: Content) -> Medium {
        Medium { name: name.to_owned(), content, sectors: None, file: None, system: None, signed_by: None }
    }

    /// Bootable by BIOS and UEFI; the payload reports and ends the machine.
    pub fn bootable(name: &str) -> Medium {
        Medium::then(name, After::Exit)
    }

    /// Bootable, and does `after` once its line is printed.
    pub fn then(name: &str, after: After) -> Medium {
        Medium::new(name, Content::bootable_then(after))
    }

    /// A valid boot sector that reports and then hangs.
    pub fn hanging(name: &str) -> Medium {
        Medium::then(name, After::Hang)
    }

    /// An image that somebody else made, of so many bytes.
    pub fn image_file(name: &str, path: impl Into<PathBuf>, format: Format, bytes: u64) -> Medium {
        let file = Some(ImageFile { path: path.into(), format });
        Medium { sectors: Some(bytes.div_ceil(512)), file, ..Medium::new(name, Content::Blank) }
    }

    /// A system that somebody else's loader starts.
    pub fn system(name: &str, system: SystemFiles) -> Medium {
        Medium { system: Some(system), ..Medium::new(name, Content::Blank) }
    }

    /// An ISO image, bootable by BIOS and UEFI, whose El Torito entry for BIOS asks for so many sectors of 512 bytes, 1 to 64.
    /// Its program is as long as that, unless it needs more and reads the rest itself, and adds up all of itself before it
    /// reports.
    pub fn loading(name: &str, load_sectors: u16) -> Medium {
        let (boots, fat, after) = (Boots::Both, FatType::Fat12, After::Exit);
        Medium::new(name, Content::ElTorito { boots, fat, after, load_sectors, decoys: 0 })
    }

    /// An installed system on a GPT disk: its loader is at this path, such as `\EFI\debian\grubx64.efi`, and nothing is at the
    /// removable media path.
    pub fn installed(name: &str, loader: &str) -> Medium {
        Medium::new(name, Content::installed(loader, false))
    }

    /// The same installed system with its program at the removable media path too.
    pub fn with_fallback(mut self) -> Medium {
        if let Content::Installed { fallback, .. } = &mut self.content {
            *fallback = true;
        }
        self
    }

    /// What UEFI firmware cannot run in place of its program at the removable media path.
    pub fn with_bad_loader(name: &str, bad: BadLoader) -> Medium {
        Medium::new(name, Content::BadLoader(bad))
    }

    /// A disk that lacks its boot signature until the program of an installer ([`After::Install`]) has written it.
    pub fn uninstalled(name: &str) -> Medium {
        Medium::new(name, Content::Uninstalled { fat: FatType::Fat16, after: After::Exit })
    }

    /// An ISO image that is a hard disk's image too.
    pub fn isohybrid(name: &str) -> Medium {
        Medium::new(name, Content::Isohybrid { fat: FatType::Fat16, after: After::Exit })
    }

    /// An ISO image whose EFI application no El Torito entry leads to; a BIOS has its own.
    pub fn iso9660_loader(name: &str) -> Medium {
        Medium::new(name, Content::Iso9660Loader { after: After::Exit })
    }

    /// A BIOS program of 30 KiB far from the beginning of its hard disk or floppy, which it reads so.
    pub fn distant(name: &str, reads: Reads) -> Medium {
        Medium::new(name, Content::Distant { reads })
    }

    /// An ISO image whose boot catalogue has a BIOS show its program's image as a floppy or a hard disk.
    pub fn emulated(name: &str, emulation: Emulation) -> Medium {
        Medium::new(name, Content::Emulated { emulation })
    }

    /// As what a BIOS shows it by its boot catalogue; `None` where it does not.
    pub fn emulation(&self) -> Option<Emulation> {
        match self.content {
            Content::Emulated { emulation } if self.file.is_none() && self.system.is_none() => Some(emulation),
            _ => None,
        }
    }

    /// A disk for z/Architecture whose program is this entry of its boot map: see [`Content::BootMap`].
    pub fn boot_map(name: &str, layout: BootMapLayout, entry: u8) -> Medium {
        Medium::new(name, Content::BootMap { layout, entry, after: After::Exit })
    }

    /// All zero.
    pub fn blank(name: &str) -> Medium {
        Medium::new(name, Content::Blank)
    }

    /// Boot code without the 0x55 0xaa signature; for UEFI an ESP without a loader.
    pub fn without_signature(name: &str) -> Medium {
        Medium::new(name, Content::NoSignature)
    }

    /// The KVM vendor article's reboot disk, byte for byte.
    pub fn vendor_reboot(name: &str) -> Medium {
        Medium::new(name, Content::VendorReboot)
    }

    /// What its program does once its line is printed; `None` where it holds no program of ours.
    pub fn after(&self) -> Option<After> {
        match &self.content {
            Content::Bootable { after, .. }
            | Content::ElTorito { after, .. }
            | Content::BootMap { after, .. }
            | Content::Installed { after, .. }
            | Content::Uninstalled { after, .. }
            | Content::Isohybrid { after, .. }
            | Content::Iso9660Loader { after } => Some(*after),
            Content::Distant { .. } | Content::Emulated { .. } => Some(After::Exit),
            _ => None,
        }
    }

    /// Whether it holds a program of ours, or an initramfs, that reports.
    pub fn reports(&self) -> bool {
        self.after().is_some()
            || self.system.iter().any(|system| system.files.iter().any(|(_, content)| content.reports()))
    }

    /// Whether this file is on its EFI system partition, by its path with `\` before each name; `None` where somebody else made
    /// the image.
    pub fn has_efi_file(&self, efi: EfiMachine, path: &str) -> Option<bool> {
        if self.file.is_some() {
            return None;
        }
        let is = |known: &str| {
            known
                .trim_start_matches('\\')
                .replace('\\', "/")
                .eq_ignore_ascii_case(&path.trim_start_matches('\\').replace('\\', "/"))
        };
        if let Some(system) = &self.system {
            return Some(system.files.iter().any(|(known, _)| is(known)));
        }
        let removable = is(efi.removable_media_path());
        Some(match &self.content {
            Content::Bootable { boots, .. } => removable && *boots != Boots::BiosOnly,
            Content::Uninstalled { .. } | Content::Isohybrid { .. } => removable,
            Content::Installed { loader, fallback, .. } => is(loader) || (removable && *fallback),
            Content::BadLoader(_) => removable,
            _ => false,
        })
    }

    /// The same medium with an EFI application that has this signature.
    pub fn signed_by(mut self, signer: Signer) -> Medium {
        self.signed_by = Some(signer);
        self
    }

    /// The same medium with another partition table (hard disks).
    pub fn table(mut self, wanted: PartitionTable) -> Medium {
        if let Content::Bootable { table, .. } | Content::Installed { table, .. } = &mut self.content {
            *table = wanted;
        }
        self
    }

    /// The same medium with another FAT variant.
    pub fn fat(mut self, wanted: FatType) -> Medium {
        if let Content::Bootable { fat, .. }
        | Content::Installed { fat, .. }
        | Content::Uninstalled { fat, .. }
        | Content::Isohybrid { fat, .. } = &mut self.content
        {
            *fat = wanted;
        }
        self
    }

    /// The same medium, bootable for one kind of firmware only.
    pub fn boots(mut self, wanted: Boots) -> Medium {
        if let Content::Bootable { boots, .. } = &mut self.content {
            *boots = wanted;
        }
        self
    }

    /// The image for a machine of this kind, with `sectors` where the medium leaves its size open.
    ///
    /// # Errors
    ///
    /// What of the medium cannot be built, and what to ask for instead.
    pub fn image(
        &self,
        kind: MediumKind,
        sectors: Option<u64>,
        target: Target,
        nonce: Nonce,
    ) -> Result<Image, ImageError> {
        match target {
            Target::Efi(efi) => bootwright_images::build(&self.spec(kind, sectors, efi), nonce),
            Target::S390x => zipl::build(&self.spec(kind, sectors, EfiMachine::default()), nonce),
            Target::Ppc64 => prep::build(&self.spec(kind, sectors, EfiMachine::default()), nonce),
        }
    }

    /// The spec that the image builder takes for a machine of this processor, with `sectors` where the medium leaves its size
    /// open.
    pub fn spec(&self, kind: MediumKind, sectors: Option<u64>, efi: EfiMachine) -> MediumSpec {
        MediumSpec {
            name: self.name.clone(),
            kind,
            content: self.content.clone(),
            sectors: self.sectors.or(sectors),
            efi,
            signed_by: self.signed_by,
        }
    }
}

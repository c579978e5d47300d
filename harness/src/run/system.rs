//! Makes the files of a system: programs of others as this host has them, configurations, and the initramfs with its nonce.

use std::path::Path;

use bootwright_images::system::{self, BootCode, SystemFile};
use bootwright_images::{After, Image, ImageError, MediumKind, Nonce, Target, authenticode, payload, sbat, unified};
use serde_json::Value;

use super::error::RunError;
use super::loaders;
use crate::evidence::file;
use crate::machine::{FileContent, Grub, GrubSource, Loader, OwnProgram, SystemBootCode, SystemFiles};

/// Reads and makes files, and remembers which programs of others went into them.
pub struct Maker<'a> {
    folder: &'a Path,
    /// What it is made for.
    target: Target,
    /// What is said in the evidence of each program, by the path or file name under which it is offered.
    said: serde_json::Map<String, Value>,
}

impl<'a> Maker<'a> {
    /// GRUB's tool works in `folder`.
    pub fn new(folder: &'a Path, target: Target) -> Maker<'a> {
        Maker { folder, target, said: serde_json::Map::new() }
    }

    /// Says in the evidence which programs of others there are; nothing where there are none.
    ///
    /// # Errors
    ///
    /// The file that could not be written.
    pub fn write(self, name: &str) -> Result<(), RunError> {
        if self.said.is_empty() {
            return Ok(());
        }
        let path = self.folder.join(name);
        let text = format!("{:#}\n", Value::Object(self.said));
        file::write(&path, text.as_bytes()).map_err(RunError::file("write", &path))
    }

    /// The bytes of a program, which is offered by this name.
    ///
    /// # Errors
    ///
    /// The file that could not be read, or what GRUB's tool said.
    pub fn loader(&mut self, name: &str, loader: &Loader) -> Result<Vec<u8>, RunError> {
        let (bytes, what) = loaders::read(loader, self.target, self.folder)?;
        self.said.insert(name.to_owned(), what);
        Ok(bytes)
    }

    /// The bytes of a file of a medium with this nonce.
    ///
    /// # Errors
    ///
    /// As [`Maker::loader`], and a name that the initramfs cannot have.
    pub fn content(&mut self, path: &str, content: &FileContent, of: (&str, Nonce)) -> Result<Vec<u8>, RunError> {
        let cannot = |error| RunError::because(format!("file {path} of medium \"{}\"", of.0), error);
        match content {
            FileContent::Text(text) => Ok(text.clone().into_bytes()),
            FileContent::Loader(loader) => self.loader(path, loader),
            FileContent::Initramfs => payload::initramfs_for(self.target, of.0, of.1, After::Exit).map_err(cannot),
            FileContent::UnifiedKernel { command_line } => {
                let stub = self.loader(&format!("{path}: stub"), &Loader::UnifiedStub)?;
                let kernel = self.loader(&format!("{path}: kernel"), &Loader::Kernel)?;
                let initramfs = payload::initramfs_for(self.target, of.0, of.1, After::Exit).map_err(cannot)?;
                unified::kernel_image(&stub, &kernel, command_line, &initramfs).map_err(cannot)
            }
            FileContent::Program(program) => own_program(program, of).map_err(cannot),
            FileContent::Certificate(signer) => Ok(signer.certificate().to_vec()),
            _ => Err(RunError::new(format!("file {path}: nobody here knows how to make {content:?}"))),
        }
    }

    /// The image of a medium.
    ///
    /// # Errors
    ///
    /// As [`Maker::content`], and files that cannot be on such a medium.
    pub fn image(
        &mut self,
        files: &SystemFiles,
        kind: MediumKind,
        sectors: Option<u64>,
        of: (&str, Nonce),
    ) -> Result<Image, RunError> {
        let mut made = Vec::new();
        for (path, content) in &files.files {
            made.push(SystemFile { path: path.clone(), bytes: self.content(path, content, of)? });
        }
        let boot_code = match &files.boot_code {
            Some(code) => Some(self.boot_code(code, kind)?),
            None => None,
        };
        let image = system::build(kind, &made, boot_code.as_ref(), sectors.unwrap_or_default(), of.1);
        image.map_err(|error| RunError::because(format!("medium \"{}\"", of.0), error))
    }

    fn boot_code(&mut self, code: &SystemBootCode, kind: MediumKind) -> Result<BootCode, RunError> {
        let is_disk = kind == MediumKind::Disk;
        match code {
            SystemBootCode::Isolinux => {
                let program = self.loader("boot program", &Loader::Isolinux)?;
                if !is_disk {
                    return Ok(BootCode::ElTorito(program));
                }
                Ok(BootCode::Isohybrid { first: self.loader("boot sector", &Loader::IsohybridBootSector)?, program })
            }
            SystemBootCode::Grub(grub) if is_disk => {
                let first = self.loader("boot sector", &Loader::GrubBootSector)?;
                let grub = Grub { from: GrubSource::Disk, ..grub.clone() };
                Ok(BootCode::Sectors { first, following: self.loader("boot program", &Loader::Grub(grub))? })
            }
            SystemBootCode::Grub(grub) => {
                let grub = Grub { from: GrubSource::Optical, ..grub.clone() };
                Ok(BootCode::ElTorito(self.loader("boot program", &Loader::Grub(grub))?))
            }
            _ => Err(RunError::new(format!("nobody here knows how to make {code:?}"))),
        }
    }
}

/// A program that reports as a medium with this nonce.
///
/// # Errors
///
/// What cannot be made of it.
pub fn own_program(program: &OwnProgram, of: (&str, Nonce)) -> Result<Vec<u8>, ImageError> {
    let bare = payload::efi_application(of.0, of.1, After::Exit)?;
    let bare = sbat::with_sections(&bare, &program.sbat)?;
    match program.signed_by {
        Some(signer) => authenticode::signed(&bare, signer),
        None => Ok(bare),
    }
}

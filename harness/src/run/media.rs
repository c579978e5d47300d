//! Builds the images of a machine's drives.

use std::collections::BTreeMap;
use std::path::PathBuf;

use bootwright_images::{EspPlace, Image, MediumKind, Nonce, Target};

use super::error::RunError;
use super::evidence_folder::EvidenceFolder;
use super::loaders;
use super::seed::nonce;
use super::system::Maker;
use crate::case::story::Story;
use crate::evidence::file;
use crate::foreign;
use crate::machine::layout::Layout;
use crate::machine::{FileContent, GivenSystem, ImageFile, KernelFiles, Loader, Machine, SystemFiles, paths};
use crate::trace::Names;

/// What was built for the drives of a machine.
#[derive(Default)]
pub struct Media {
    /// Image of each device, in device order.
    pub files: Vec<Option<PathBuf>>,
    /// Nonce of each medium, by name.
    pub nonces: BTreeMap<String, String>,
    /// Size of each medium in sectors, by name.
    pub sectors: BTreeMap<String, u64>,
    /// The EFI system partition of each medium that has one, by name.
    pub esps: BTreeMap<String, EspPlace>,
    /// What QEMU hands to the firmware of a system that it is given.
    pub kernel: Option<KernelFiles>,
}

impl Media {
    /// What firmware will call these media, in this machine and through this story.
    pub fn names(&self, machine: &Machine, layout: &Layout, story: &Story) -> Names {
        let partitions = self.esps.iter().map(|(medium, esp)| (paths::partition_node(esp), medium.clone()));
        Names::of(machine, layout, &self.nonces, &self.sectors)
            .with_partitions(partitions)
            .changed_by(story.changes_machine())
    }
}

/// Builds them into an evidence folder.
///
/// # Errors
///
/// The medium that cannot be built, or the file that could not be written.
pub fn build(
    machine: &Machine,
    layout: &Layout,
    case: &str,
    seed: u64,
    folder: &EvidenceFolder,
) -> Result<Media, RunError> {
    let mut media = Media::default();
    let target = machine.board.facts().target;
    for (device, placed) in machine.devices.iter().zip(&layout.devices) {
        let (Some(medium), Some(kind)) = (&device.medium, placed.kind) else {
            media.files.push(None);
            continue;
        };
        if let Some(file) = &medium.file {
            let below = attached(folder, device.optical, &medium.name, file, medium.sectors)?;
            media.sectors.insert(medium.name.clone(), medium.sectors.unwrap_or_default());
            media.files.push(Some(below));
            continue;
        }
        let nonce = nonce(seed, case, &medium.name);
        let image = match &medium.system {
            Some(files) => system(files, (kind, target), placed.sectors, (&medium.name, nonce), folder)?,
            None => {
                let built = medium.image(kind, placed.sectors, target, nonce);
                built.map_err(|error| RunError::because("medium", error))?
            }
        };
        let path = folder.medium(&medium.name);
        let cannot = |error| RunError::because(format!("cannot write medium {}", path.display()), error);
        image.write_to(&path).map_err(cannot)?;
        media.nonces.insert(medium.name.clone(), nonce.to_string());
        media.sectors.insert(medium.name.clone(), image.length() / 512);
        media.esps.extend(image.esp(kind).map(|esp| (medium.name.clone(), esp)));
        media.files.push(Some(path));
    }
    if let Some(given) = &machine.system {
        let nonce = nonce(seed, case, &given.medium);
        let path = folder.medium(&given.medium);
        media.kernel = Some(kernel(given, target, nonce, path, folder)?);
        media.nonces.insert(given.medium.clone(), nonce.to_string());
    }
    Ok(media)
}

/// The kernel as this host has it, and the initramfs at `path`.
fn kernel(
    given: &GivenSystem,
    target: Target,
    nonce: Nonce,
    path: PathBuf,
    folder: &EvidenceFolder,
) -> Result<KernelFiles, RunError> {
    let mut maker = Maker::new(folder.path(), target);
    let initramfs = maker.content("initrd", &FileContent::Initramfs, (&given.medium, nonce))?;
    file::write(&path, &initramfs).map_err(RunError::file("write", &path))?;
    maker.loader("kernel", &Loader::Kernel)?;
    maker.write(&format!("loaders-{}.json", given.medium))?;
    let kernel = loaders::found(&Loader::Kernel, target).ok_or_else(|| RunError::new("no kernel on this host"))?;
    Ok(KernelFiles { kernel, initrd: Some(path), append: Some(given.command_line.clone()) })
}

/// The image of a medium that holds a system; which programs of others it is made of goes into the evidence.
fn system(
    files: &SystemFiles,
    (kind, target): (MediumKind, Target),
    sectors: Option<u64>,
    of: (&str, Nonce),
    folder: &EvidenceFolder,
) -> Result<Image, RunError> {
    let mut maker = Maker::new(folder.path(), target);
    let image = maker.image(files, kind, sectors, of)?;
    maker.write(&format!("loaders-{}.json", of.0))?;
    Ok(image)
}

/// What QEMU opens of an image that somebody else made: the image itself in an optical drive, which is read-only, an overlay of
/// it anywhere else.
fn attached(
    folder: &EvidenceFolder,
    optical: bool,
    name: &str,
    image: &ImageFile,
    sectors: Option<u64>,
) -> Result<PathBuf, RunError> {
    foreign::regular(&image.path, "the image that the medium names")
        .map_err(|error| RunError::because("medium", error))?;
    if optical {
        return Ok(image.path.clone());
    }
    let path = folder.medium(name);
    let bytes = foreign::overlay::empty(sectors.unwrap_or_default().saturating_mul(512));
    file::write(&path, &bytes).map_err(RunError::file("write", &path))?;
    Ok(path)
}

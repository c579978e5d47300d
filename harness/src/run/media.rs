//! Builds the images of a machine's drives.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::error::RunError;
use super::evidence_folder::EvidenceFolder;
use super::seed::nonce;
use crate::machine::Machine;
use crate::machine::layout::Layout;

/// What was built for the drives of a machine.
pub struct Media {
    /// Image of each device, in device order.
    pub files: Vec<Option<PathBuf>>,
    /// Nonce of each medium, by name.
    pub nonces: BTreeMap<String, String>,
    /// Size of each medium in sectors, by name.
    pub sectors: BTreeMap<String, u64>,
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
    let mut media = Media { files: Vec::new(), nonces: BTreeMap::new(), sectors: BTreeMap::new() };
    for (device, placed) in machine.devices.iter().zip(&layout.devices) {
        let (Some(medium), Some(kind)) = (&device.medium, placed.kind) else {
            media.files.push(None);
            continue;
        };
        let nonce = nonce(seed, case, &medium.name);
        let spec = medium.spec(kind, placed.sectors);
        let image = bootwright_images::build(&spec, nonce).map_err(|error| RunError::because("medium", error))?;
        let path = folder.medium(&medium.name);
        let cannot = |error| RunError::because(format!("cannot write medium {}", path.display()), error);
        image.write_to(&path).map_err(cannot)?;
        media.nonces.insert(medium.name.clone(), nonce.to_string());
        media.sectors.insert(medium.name.clone(), image.length() / 512);
        media.files.push(Some(path));
    }
    Ok(media)
}

//! `machine.json`: what a machine was, as data from which its media can be built again without any list of cases.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::boot_variables::Places;
use super::error::RunError;
use super::evidence_folder::EvidenceFolder;
use super::media;
use super::variable_store::{Given, VariableStoreFile};
use crate::case::story::Story;
use crate::machine::Machine;
use crate::machine::layout::Layout;
use crate::verdict::Expectation;

/// Its name in an evidence folder.
pub const NAME: &str = "machine.json";

/// What `machine.json` holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct MachineFile {
    /// The case's id.
    pub case: String,
    /// The machine is its negative control's.
    pub control: bool,
    /// What everything random derives from.
    pub seed: u64,
    /// Nonce of each medium, by name.
    pub nonces: BTreeMap<String, String>,
    /// The machine.
    pub machine: Machine,
    /// What happened to it.
    pub story: Story,
    /// What was to be seen.
    pub expectation: Expectation,
    /// The OVMF_VARS that the variable store is a copy of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vars_template: Option<PathBuf>,
}

impl MachineFile {
    /// Reads that of an evidence folder.
    ///
    /// # Errors
    ///
    /// That there is none, or with line and column why it cannot be read.
    pub fn read(folder: &Path) -> Result<MachineFile, RunError> {
        let path = folder.join(NAME);
        let wanted = || format!("{}: wanted the evidence folder of a case that ran", path.display());
        let text = fs::read_to_string(&path).map_err(|error| RunError::because(wanted(), error))?;
        serde_json::from_str(&text).map_err(|error| RunError::because(path.display().to_string(), error))
    }

    /// The names of the story's steps in an evidence folder of any version, in order; `None` where there is no such file.
    pub fn steps(folder: &Path) -> Option<Vec<String>> {
        #[derive(Deserialize)]
        struct Told {
            story: Vec<serde_json::Value>,
        }
        let told: Told = serde_json::from_slice(&fs::read(folder.join(NAME)).ok()?).ok()?;
        // a step without settings is its name, one with some a map from its name to them
        let name = |step: &serde_json::Value| match step {
            serde_json::Value::Object(map) => map.keys().next().cloned(),
            other => other.as_str().map(str::to_owned),
        };
        told.story.iter().map(name).collect()
    }

    fn build_media(&self, folder: &Path) -> Result<(), RunError> {
        let folder = EvidenceFolder::create(folder)?;
        let laid_out = Layout::of(&self.machine);
        let layout = laid_out.map_err(|error| RunError::because("the machine cannot be laid out", error))?;
        let media = media::build(&self.machine, &layout, &self.case, self.seed, &folder)?;
        let store = &self.machine.variable_store;
        if let Some(template) = self.vars_template.as_ref().filter(|_| store.is_prepared()) {
            let origin = (self.seed, self.case.as_str());
            let places = Places { machine: &self.machine, layout: &layout, esps: &media.esps, origin };
            let given = Given { variables: places.variables()?, damage: store.damage.clone() };
            VariableStoreFile::copy_of(template, &given, folder.path())?;
        }
        Ok(())
    }
}

/// Builds the media of an evidence folder again, the same bytes as in its run; a variable store that was damaged or given
/// boot variables, too, out of the
/// OVMF_VARS template that it was a copy of.
///
/// # Errors
///
/// What is wrong with the folder or could not be written.
pub fn build_media_again(folder: &Path) -> Result<(), RunError> {
    MachineFile::read(folder)?.build_media(folder)
}

impl EvidenceFolder {
    /// `machine.json`: the machine as data, with what is needed to build its media again.
    ///
    /// # Errors
    ///
    /// The file that could not be written.
    pub fn machine(&self, what: &MachineFile) -> Result<(), RunError> {
        self.json(NAME, what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::chain;
    use crate::machine::{Firmware, Medium};

    fn file() -> MachineFile {
        let machine =
            Machine::pc(Firmware::SeaBios).virtio_blk(Medium::bootable("disk")).virtio_blk(Medium::blank("b"));
        MachineFile {
            case: "a::case".to_owned(),
            control: false,
            seed: 7,
            nonces: BTreeMap::from([("disk".to_owned(), "00ff".to_owned())]),
            machine,
            story: Story::new().reset().cont(),
            expectation: Expectation::boots("disk"),
            vars_template: None,
        }
    }

    #[test]
    fn the_steps_of_a_story_have_names_in_each_version() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(MachineFile::steps(folder.path()), None);
        EvidenceFolder::create(folder.path()).unwrap().machine(&file()).unwrap();
        assert_eq!(MachineFile::steps(folder.path()).unwrap(), ["reset", "cont"]);
        let path = folder.path().join(NAME);
        fs::write(&path, r#"{"story": ["reset", {"power-cycle-with": {"fresh_store": true}}], "then": 1}"#).unwrap();
        assert_eq!(MachineFile::steps(folder.path()).unwrap(), ["reset", "power-cycle-with"]);
        fs::write(&path, r#"{"story": [7]}"#).unwrap();
        assert_eq!(MachineFile::steps(folder.path()), None);
    }

    #[test]
    fn media_are_built_again_from_the_file_alone() {
        let folder = tempfile::tempdir().unwrap();
        EvidenceFolder::create(folder.path()).unwrap().machine(&file()).unwrap();
        assert_eq!(MachineFile::read(folder.path()).unwrap(), file());
        build_media_again(folder.path()).unwrap();
        let disk = fs::read(folder.path().join("media/disk.img")).unwrap();
        assert_eq!(disk.len(), 32_768 * 512);
        fs::remove_dir_all(folder.path().join("media")).unwrap();
        build_media_again(folder.path()).unwrap();
        assert!(fs::read(folder.path().join("media/disk.img")).unwrap() == disk, "other bytes");
    }

    #[test]
    fn a_folder_without_the_file_or_with_another_one_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let error = chain(&build_media_again(folder.path()).unwrap_err());
        assert!(error.contains("machine.json: wanted the evidence folder of a case that ran"), "{error}");
        fs::write(folder.path().join(NAME), "{\"case\": \"a\",\n\"seeds\": 1}").unwrap();
        let error = chain(&build_media_again(folder.path()).unwrap_err());
        assert!(error.contains("unknown field `seeds`") && error.contains("line 2"), "{error}");
    }
}

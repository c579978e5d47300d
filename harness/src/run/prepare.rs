//! Everything that is made before power-on: layout, media, networks, firmware, the first files of the evidence.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::boot_variables::Places;
use super::command_script::{BY_HAND_TPM, BY_HAND_VARS, CommandScript};
use super::error::RunError;
use super::evidence_folder::EvidenceFolder;
use super::flash::Flash;
use super::machine_file::MachineFile;
use super::network::Networks;
use super::options::Options;
use super::seed::nonce;
use super::variable_store::{Given, PREPARED_VARS, VariableStoreFile};
use super::{lab, media, programs, secure_boot};
use crate::case::Case;
use crate::machine::argv::{self, Files, Wiring};
use crate::machine::layout::Layout;
use crate::machine::{Firmware, Machine};
use crate::platform::Platform;
use crate::trace::Names;

/// A machine that is ready to be powered on.
pub struct Prepared {
    /// The machine.
    pub machine: Machine,
    /// Where its devices sit.
    pub layout: Layout,
    /// The files that QEMU opens.
    pub files: Files,
    /// How firmware calls its devices.
    pub names: Names,
    /// Where evidence goes.
    pub folder: EvidenceFolder,
    /// Its networks.
    pub networks: Networks,
    /// What is in its flash, if it is UEFI firmware's.
    pub flash: Option<Flash>,
    /// Its variable store, likewise.
    pub store: Option<VariableStoreFile>,
    /// What its TPM is told of each program, by medium.
    pub programs: BTreeMap<String, [u8; 32]>,
}

impl Prepared {
    /// Makes a machine ready; `control` says that it is the negative control's.
    ///
    /// # Errors
    ///
    /// What could not be made.
    pub fn of(
        case: &Case,
        control: bool,
        machine: Machine,
        platform: &Platform,
        options: &Options,
    ) -> Result<Prepared, RunError> {
        let layout =
            Layout::of(&machine).map_err(|error| RunError::because("the machine cannot be laid out", error))?;
        let folder = EvidenceFolder::create(&options.folder)?;
        let mut files = Files { data_dirs: platform.qemu.data_dirs.clone(), ..Files::default() };
        let mut media = media::build(&machine, &layout, &case.id, options.seed, &folder)?;
        files.media = std::mem::take(&mut media.files);
        let networks = Networks::of(&machine, folder.path(), |medium| nonce(options.seed, &case.id, medium))?;
        media.nonces.extend(networks.nonces.clone());
        files.fw_cfg.extend(networks.fw_cfg.clone());
        if let Some(key) = machine.boot.menu_key {
            files.fw_cfg.push(("etc/boot-menu-key".to_owned(), folder.menu_key(key)?));
        }
        let (mut flash, mut store) = (None, None);
        match machine.firmware {
            Firmware::SeaBios => files.bios = platform.seabios.as_ref().map(|file| file.path.clone()),
            Firmware::S390Ccw | Firmware::Slof => files.bios = single_image(platform),
            Firmware::Ovmf | Firmware::Aavmf | Firmware::RiscVVirt | Firmware::LoongArchVirt => {
                let build = Flash::build(&machine, platform)?;
                files.code = Some(build.code.path.clone());
                let origin = (options.seed, case.id.as_str());
                let places = Places { machine: &machine, layout: &layout, esps: &media.esps, origin };
                let mut variables = places.variables()?;
                variables.extend(secure_boot::variables(&machine, |medium| nonce(options.seed, &case.id, medium))?);
                let given = Given { variables, damage: machine.variable_store.damage.clone() };
                let template = Flash::template(&machine, platform)?;
                let copy = VariableStoreFile::copy_of(&template.path, &given, folder.path())?;
                files.vars = Some(copy.path());
                store = Some(copy);
                flash = Some(Flash::of(&case.story, &machine, platform)?);
            }
        }
        let programs = programs::digests(&machine, |medium| nonce(options.seed, &case.id, medium))?;
        let names = media.names(&machine, &layout, &case.story);
        folder.machine(&MachineFile {
            case: case.id.clone(),
            control,
            seed: options.seed,
            nonces: media.nonces.clone(),
            machine: machine.clone(),
            story: case.story.clone(),
            expectation: case.expectation.clone(),
            vars_template: store.as_ref().map(|store| store.template().to_owned()),
        })?;
        // data says which system it is; these are its files in this folder
        let mut machine = machine;
        machine.kernel = media.kernel.take().or(machine.kernel);
        let prepared = Prepared { machine, layout, files, names, folder, networks, flash, store, programs };
        prepared.write_command(case, platform)?;
        Ok(prepared)
    }

    /// The machine and its files as `command.sh` names them, which runs in the case's folder, wherever that has got to.
    fn by_hand(&self) -> (Machine, Files) {
        let (mut machine, mut files) = (self.machine.clone(), self.files.clone());
        files.vars = files.vars.map(|_| BY_HAND_VARS.into());
        let media = files.media.iter_mut().flatten();
        let given = files.fw_cfg.iter_mut().map(|(_, file)| file);
        let kernel = machine.kernel.iter_mut().flat_map(|kernel| [Some(&mut kernel.kernel), kernel.initrd.as_mut()]);
        for path in media.chain(given).chain(kernel.flatten()) {
            if let Ok(below) = path.strip_prefix(self.folder.path()) {
                *path = below.to_owned();
            }
        }
        (machine, files)
    }

    fn write_command(&self, case: &Case, platform: &Platform) -> Result<(), RunError> {
        let tpm = self.machine.tpm.map(|_| PathBuf::from(BY_HAND_TPM).join("socket"));
        let wiring = Wiring::ByHand { debugcon: "by-hand-debugcon.log".into(), tpm };
        let (machine, files) = self.by_hand();
        let argv = argv::argv(&machine, &self.layout, &files, &wiring);
        let qemu = &platform.qemu;
        let wrapped = self.machine.bridge().map(|_| lab::wrapped(&qemu.command));
        let vars = self.store.as_ref().map(|store| match self.machine.variable_store.is_prepared() {
            true => PREPARED_VARS.into(),
            false => store.template().to_owned(),
        });
        let command = wrapped.as_deref().unwrap_or(&qemu.command);
        self.folder.command(&CommandScript {
            case: &case.id,
            vars,
            tpm: self.machine.tpm.is_some(),
            command,
            env: &qemu.env,
            argv: &argv,
        })
    }
}

/// The image of firmware that is one file; a platform is of one architecture and has one.
fn single_image(platform: &Platform) -> Option<PathBuf> {
    platform.s390_ccw.as_ref().or(platform.slof.as_ref()).map(|file| file.path.clone())
}

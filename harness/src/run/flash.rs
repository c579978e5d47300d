//! The OVMF_CODE that a machine has in its flash: the platform's own, or that of a release which a story installs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::error::RunError;
use crate::case::story::{Code, Story};
use crate::digest;
use crate::error::chain;
use crate::evidence::HarnessEvent;
use crate::machine::{Access, Firmware, Machine};
use crate::platform::{FirmwareFile, Options, Ovmf, Platform, PlatformError, PlatformName};

/// What is in the flash, and what was at each power-on.
pub struct Flash {
    own: Installed,
    releases: BTreeMap<String, FirmwareFile>,
    now: Installed,
    power_ons: Vec<Value>,
}

/// An OVMF_CODE and the platform that it comes from.
#[derive(Clone, Debug, PartialEq)]
struct Installed {
    of: String,
    file: FirmwareFile,
}

impl Flash {
    /// The platform's own OVMF, and what a story installs over it.
    ///
    /// # Errors
    ///
    /// What is missing, and the command that fetches it.
    pub fn of(story: &Story, machine: &Machine, platform: &Platform) -> Result<Flash, RunError> {
        let releases = releases(story, platform)?;
        let ovmf = Flash::build(machine, platform)?;
        let own = Installed { of: platform.name.clone(), file: ovmf.code.clone() };
        Ok(Flash { now: own.clone(), own, releases, power_ons: Vec::new() })
    }

    /// The platform's build of UEFI firmware that a machine wants.
    ///
    /// # Errors
    ///
    /// That the platform has none.
    pub fn build<'a>(machine: &Machine, platform: &'a Platform) -> Result<&'a Ovmf, RunError> {
        let (build, what) = match (machine.firmware, machine.secure_boot) {
            (Firmware::Aavmf, true) => (&platform.aavmf_secure_boot, "the platform has no AAVMF with Secure Boot"),
            // elsewhere the plain build knows a TPM too
            (Firmware::Aavmf, false) if machine.tpm.is_some() && platform.aavmf_secure_boot.is_some() => {
                (&platform.aavmf_secure_boot, "the platform has no AAVMF with a TPM")
            }
            (Firmware::Aavmf, false) => (&platform.aavmf, "the platform has no AAVMF"),
            (Firmware::RiscVVirt, true) => {
                (&None, "edk2 for RISC-V has no Secure Boot here: the machine is impossible")
            }
            (Firmware::RiscVVirt, false) => (&platform.riscvvirt, "the platform has no edk2 for RISC-V"),
            (Firmware::LoongArchVirt, true) => {
                (&None, "edk2 for LoongArch has no Secure Boot here: the machine is impossible")
            }
            (Firmware::LoongArchVirt, false) => (&platform.loongarchvirt, "the platform has no edk2 for LoongArch"),
            (Firmware::SeaBios | Firmware::S390Ccw | Firmware::Slof, _) => (&None, "the firmware is none of UEFI"),
            (_, true) => (&platform.ovmf_secure_boot, "the platform has no OVMF with Secure Boot"),
            (_, false) => (&platform.ovmf, "the platform has no OVMF"),
        };
        build.as_ref().ok_or_else(|| RunError::new(what))
    }

    /// The OVMF_VARS template of a machine: one without keys of Secure Boot where the machine brings its own.
    ///
    /// # Errors
    ///
    /// That the platform has none.
    pub fn template<'a>(machine: &Machine, platform: &'a Platform) -> Result<&'a FirmwareFile, RunError> {
        let mut without_keys = machine.clone();
        without_keys.secure_boot &= machine.variable_store.keys.is_none();
        if !without_keys.secure_boot {
            // the build that knows a TPM may come with a template that has keys
            without_keys.tpm = None;
        }
        Ok(&Flash::build(&without_keys, platform)?.vars)
    }

    /// Installs another OVMF_CODE, which stays until the next one.
    ///
    /// # Errors
    ///
    /// That the story had not announced that release.
    pub fn install(&mut self, code: &Code) -> Result<(), RunError> {
        self.now = match code {
            Code::Own => self.own.clone(),
            Code::Release(name) => {
                let missing = || RunError::new(format!("{name} was not looked for"));
                let file = self.releases.get(name).ok_or_else(missing)?;
                Installed { of: name.clone(), file: file.clone() }
            }
        };
        Ok(())
    }

    /// The file that QEMU is given.
    pub fn code(&self) -> PathBuf {
        self.now.file.path.clone()
    }

    /// Notes a power-on with what is in the flash now; the event for the timeline.
    pub fn powered_on(&mut self, access: Access, vars: &Path) -> HarnessEvent {
        let Installed { of, file: FirmwareFile { path, version, sha256 } } = &self.now;
        let vars = (access != Access::Absent).then(|| std::fs::read(vars).map(|bytes| digest::sha256(&bytes)).ok());
        let power_on = self.power_ons.len() + 1;
        self.power_ons.push(json!({ "power_on": power_on, "of": of, "version": version, "code": path,
            "sha256": sha256, "store": access.name(), "store_sha256": vars.flatten() }));
        HarnessEvent::Flash { power_on, version: version.clone(), platform: of.clone(), store: access.name() }
    }

    /// What was in the flash at each power-on, as `firmware.json` has it.
    pub fn to_json(&self) -> Value {
        Value::Array(self.power_ons.clone())
    }
}

/// What the cache or the releases in it lack for a story, in words; `None` where they lack nothing.
pub fn missing(story: &Story, platform: &Platform) -> Option<String> {
    releases(story, platform).err().map(|error| chain(&error))
}

fn releases(story: &Story, platform: &Platform) -> Result<BTreeMap<String, FirmwareFile>, RunError> {
    let mut found = BTreeMap::new();
    for name in story.releases() {
        let own = platform.ovmf.as_ref().ok_or_else(|| RunError::new("the platform has no OVMF"))?;
        found.insert(name.to_owned(), release(name, own, platform)?);
    }
    Ok(found)
}

/// The OVMF_CODE of a release, which must differ from the platform's own and have a variable store of the same size.
fn release(name: &str, own: &Ovmf, platform: &Platform) -> Result<FirmwareFile, RunError> {
    let in_words = |error: PlatformError| RunError::new(chain(&error).replace('\n', ";"));
    let release: PlatformName = name.parse().map_err(in_words)?;
    let options = Options::default();
    if !Platform::is_present(&release, &options) {
        return Err(RunError::new(format!("{name} is not in the cache: cargo xtask platform fetch {name}")));
    }
    let ovmf = Platform::ovmf_of_release(&release, platform.qemu.version, &options).map_err(in_words)?;
    let ovmf = ovmf.ok_or_else(|| RunError::new(format!("{name} has no OVMF")))?;
    if ovmf.code.sha256 == own.code.sha256 {
        return Err(RunError::new(format!("{name} has the platform's own OVMF {}", own.code.version)));
    }
    let bytes = |file: &FirmwareFile| std::fs::metadata(&file.path).map(|meta| meta.len()).unwrap_or_default();
    let (theirs, ours) = (bytes(&ovmf.vars), bytes(&own.vars));
    if theirs != ours {
        let what = format!("the variable store of {name} has {theirs} bytes, the platform's {ours}");
        return Err(RunError::new(what));
    }
    Ok(ovmf.code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::story::WhileOff;
    use crate::images::Signer;
    use crate::machine::{SecureBootKeys, Tpm, VariableStore};
    use crate::platform::sample;

    fn platform() -> Platform {
        let file = |name: &str| sample::file(&format!("/fw/{name}"), "2022.11", "ab");
        Platform { ovmf: Some(sample::ovmf(file("CODE"), file("VARS"))), ..sample::platform(7, 2) }
    }

    fn machine() -> Machine {
        Machine::q35(crate::machine::Firmware::Ovmf)
    }

    #[test]
    fn secure_boot_wants_the_build_that_has_it() {
        let error = Flash::build(&machine().secure_boot(), &platform()).unwrap_err();
        assert_eq!(error.to_string(), "the platform has no OVMF with Secure Boot");
    }

    #[test]
    fn aavmf_with_a_tpm_or_with_keys_of_a_case_has_a_template_without_any() {
        let build = |name: &str| {
            let file = |end: &str| sample::file(&format!("/fw/{name}{end}"), "2026.08", "ab");
            Some(sample::ovmf(file("CODE"), file("VARS")))
        };
        let platform =
            Platform { aavmf: build("plain"), aavmf_secure_boot: build("enrolled"), ..sample::platform(11, 1) };
        let bare = Machine::new(Firmware::Aavmf, crate::machine::Board::Virt);
        let keys = VariableStore::with_keys(SecureBootKeys::of(Signer::Own));
        for (machine, code, vars) in [
            (bare.clone(), "/fw/plainCODE", "/fw/plainVARS"),
            (bare.clone().tpm(Tpm::Tis), "/fw/enrolledCODE", "/fw/plainVARS"),
            (bare.clone().secure_boot(), "/fw/enrolledCODE", "/fw/enrolledVARS"),
            (bare.clone().secure_boot().variable_store(keys), "/fw/enrolledCODE", "/fw/plainVARS"),
        ] {
            assert_eq!(Flash::build(&machine, &platform).unwrap().code.path, Path::new(code));
            assert_eq!(Flash::template(&machine, &platform).unwrap().path, Path::new(vars));
        }
        let none = Platform { aavmf_secure_boot: None, ..platform };
        let error = Flash::build(&bare.secure_boot(), &none).unwrap_err();
        assert_eq!(error.to_string(), "the platform has no AAVMF with Secure Boot");
    }

    #[test]
    fn a_release_that_is_not_in_the_cache_is_named_with_the_command_that_fetches_it() {
        let story = Story::new().power_cycle_with(WhileOff::new().code_of("debian:no-such-suite"));
        let missing = missing(&story, &platform()).unwrap();
        let words = "debian:no-such-suite is not in the cache: cargo xtask platform fetch debian:no-such-suite";
        assert_eq!(missing, words);
        assert!(Flash::of(&story, &machine(), &platform()).is_err());
    }

    #[test]
    fn a_name_that_is_no_release_is_refused() {
        let story = Story::new().power_cycle_with(WhileOff::new().code_of("debian:../etc"));
        assert!(missing(&story, &platform()).unwrap().contains("no platform is called"));
    }

    #[test]
    fn each_power_on_is_told_with_what_is_in_the_flash() {
        let mut flash = Flash::of(&Story::new(), &machine(), &platform()).unwrap();
        let event = flash.powered_on(Access::Absent, Path::new("/nonexistent"));
        assert_eq!(event.to_string(), "power-on 1 with OVMF_CODE 2022.11 of host, variable store absent");
        assert!(flash.install(&Code::Release("debian:sid".into())).unwrap_err().to_string().contains("not looked for"));
        flash.install(&Code::Own).unwrap();
        flash.powered_on(Access::ReadWrite, Path::new("/nonexistent"));
        let told = flash.to_json();
        assert_eq!((&told[0]["store"], &told[1]["power_on"]), (&json!("absent"), &json!(2)));
        assert_eq!((&told[1]["sha256"], &told[1]["store_sha256"]), (&json!("ab"), &Value::Null));
    }
}

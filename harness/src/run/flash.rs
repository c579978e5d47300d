//! The OVMF_CODE that a machine has in its flash: the platform's own, or that of a release which a story installs.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::evidence_files::EvidenceFiles;
use crate::case::story::{Code, Story, WhileOff};
use crate::machine::Access;
use crate::platform::{FirmwareFile, Options, Platform, PlatformError, PlatformName};

/// What is in the flash, and what was at each power-on.
pub struct Flash {
    own: Installed,
    releases: BTreeMap<String, FirmwareFile>,
    now: RefCell<Installed>,
    power_ons: RefCell<Vec<Value>>,
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
    pub fn of(story: &Story, platform: &Platform) -> Result<Flash, String> {
        let releases = releases(story, platform)?;
        let ovmf = platform.ovmf.as_ref().ok_or("the platform has no OVMF")?;
        let own = Installed { of: platform.name.clone(), file: ovmf.code.clone() };
        Ok(Flash { now: RefCell::new(own.clone()), own, releases, power_ons: RefCell::default() })
    }

    /// Installs another OVMF_CODE, which stays until the next one.
    ///
    /// # Errors
    ///
    /// That the story had not announced that release.
    pub fn install(&self, code: &Code) -> Result<(), String> {
        *self.now.borrow_mut() = match code {
            Code::Own => self.own.clone(),
            Code::Release(name) => {
                let file = self.releases.get(name).ok_or_else(|| format!("{name} was not looked for"))?;
                Installed { of: name.clone(), file: file.clone() }
            }
        };
        Ok(())
    }

    /// The file that QEMU is given.
    pub fn code(&self) -> PathBuf {
        self.now.borrow().file.path.clone()
    }

    /// Notes a power-on with what is in the flash now; says so in words for the timeline.
    pub fn powered_on(&self, access: Access, vars: &Path) -> String {
        let now = self.now.borrow();
        let FirmwareFile { path, version, sha256 } = &now.file;
        let vars =
            (access != Access::Absent).then(|| std::fs::read(vars).map(|bytes| hex(&Sha256::digest(bytes))).ok());
        let mut power_ons = self.power_ons.borrow_mut();
        let number = power_ons.len() + 1;
        power_ons.push(json!({ "power_on": number, "of": now.of, "version": version, "code": path, "sha256": sha256,
            "store": access.name(), "store_sha256": vars.flatten() }));
        format!("power-on {number} with OVMF_CODE {version} of {}, variable store {}", now.of, access.name())
    }

    /// What was in the flash at each power-on.
    pub fn told(&self) -> Value {
        Value::Array(self.power_ons.borrow().clone())
    }
}

/// Does what a story says to the files of a machine that is powered off.
///
/// # Errors
///
/// That the machine has no flash, or what could not be done to which file.
pub fn while_off(flash: Option<&Flash>, evidence: &EvidenceFiles, done: &WhileOff) -> Result<(), String> {
    let flash = flash.ok_or("this firmware has no flash and no variable store")?;
    evidence.powered_off();
    if done.fresh_store {
        evidence.another_vars()?;
    }
    done.damage.as_ref().map_or(Ok(()), |damage| evidence.damage_vars(damage))?;
    done.code.as_ref().map_or(Ok(()), |code| flash.install(code))
}

/// What the cache or the releases in it lack for a story, in words; `None` where they lack nothing.
pub fn missing(story: &Story, platform: &Platform) -> Option<String> {
    releases(story, platform).err()
}

fn releases(story: &Story, platform: &Platform) -> Result<BTreeMap<String, FirmwareFile>, String> {
    let mut found = BTreeMap::new();
    for name in story.releases() {
        let own = platform.ovmf.as_ref().ok_or("the platform has no OVMF")?;
        let release: PlatformName = name.parse().map_err(|error: PlatformError| super::words(&error))?;
        let options = Options::default();
        if !Platform::is_present(&release, &options) {
            return Err(format!("{name} is not in the cache: cargo xtask platform fetch {name}"));
        }
        let ovmf = Platform::ovmf_of_release(&release, platform.qemu.version, &options);
        let ovmf = ovmf.map_err(|error| error.to_string().replace('\n', ";"))?;
        let ovmf = ovmf.ok_or_else(|| format!("{name} has no OVMF"))?;
        if ovmf.code.sha256 == own.code.sha256 {
            return Err(format!("{name} has the platform's own OVMF {}", own.code.version));
        }
        let bytes = |file: &FirmwareFile| std::fs::metadata(&file.path).map(|meta| meta.len()).unwrap_or_default();
        let (theirs, ours) = (bytes(&ovmf.vars), bytes(&own.vars));
        if theirs != ours {
            return Err(format!("the variable store of {name} has {theirs} bytes, the platform's {ours}"));
        }
        found.insert(name.to_owned(), ovmf.code);
    }
    Ok(found)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::story::WhileOff;
    use crate::platform::{Ovmf, Qemu, QemuVersion};

    fn file(name: &str) -> FirmwareFile {
        FirmwareFile { path: format!("/fw/{name}").into(), version: "2022.11".to_owned(), sha256: "ab".to_owned() }
    }

    fn platform() -> Platform {
        Platform {
            name: "host".to_owned(),
            qemu: Qemu {
                command: vec!["qemu".into()],
                path: "/bin/sh".into(),
                version: QemuVersion { major: 7, minor: 2, micro: 22 },
                package: String::new(),
                sandbox: true,
                sha256: String::new(),
                data_dirs: Vec::new(),
                env: Vec::new(),
            },
            seabios: None,
            ovmf: Some(Ovmf { code: file("CODE"), vars: file("VARS"), requires_smm: false, enrolled_keys: false }),
            ovmf_secure_boot: None,
            option_roms: Vec::new(),
        }
    }

    #[test]
    fn a_release_that_is_not_in_the_cache_is_named_with_the_command_that_fetches_it() {
        let story = Story::new().power_cycle_with(WhileOff::new().code_of("debian:no-such-suite"));
        let missing = missing(&story, &platform()).unwrap();
        let words = "debian:no-such-suite is not in the cache: cargo xtask platform fetch debian:no-such-suite";
        assert_eq!(missing, words);
        assert!(Flash::of(&story, &platform()).is_err());
    }

    #[test]
    fn a_name_that_is_no_release_is_refused() {
        let story = Story::new().power_cycle_with(WhileOff::new().code_of("debian:../etc"));
        assert!(missing(&story, &platform()).unwrap().contains("no platform is called"));
    }

    #[test]
    fn each_power_on_is_told_with_what_is_in_the_flash() {
        let flash = Flash::of(&Story::new(), &platform()).unwrap();
        let said = flash.powered_on(Access::Absent, Path::new("/nonexistent"));
        assert_eq!(said, "power-on 1 with OVMF_CODE 2022.11 of host, variable store absent");
        assert!(flash.install(&Code::Release("debian:sid".into())).unwrap_err().contains("was not looked for"));
        flash.install(&Code::Own).unwrap();
        flash.powered_on(Access::ReadWrite, Path::new("/nonexistent"));
        let told = flash.told();
        assert_eq!((&told[0]["store"], &told[1]["power_on"]), (&json!("absent"), &json!(2)));
        assert_eq!((&told[1]["sha256"], &told[1]["store_sha256"]), (&json!("ab"), &Value::Null));
    }
}

//! Answers of a probe, and how they are kept: under the digests of the files that gave them.

use std::path::PathBuf;

use bootwright::platform::{FirmwareFile, Options, Ovmf, Platform, PlatformError};
use bootwright::verdict::behaviour::{Behaviour, Behaviours};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Changes whenever a question does.
const VERSION: u32 = 2;

/// One answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// The question's name.
    pub name: String,
    /// What was asked.
    pub asks: String,
    /// What was found.
    pub value: String,
    /// Host time of the boot.
    pub seconds: Option<f64>,
    /// It was seen, and no deadline cut it short.
    pub sure: bool,
}

impl Answer {
    /// As in the output for programs.
    pub fn as_json(&self) -> Value {
        json!({ "name": self.name, "asks": self.asks, "value": self.value, "seconds": self.seconds, "sure": self.sure })
    }
}

/// Where the answers of one set of files are kept.
pub struct Kept {
    path: Option<PathBuf>,
    digests: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct File {
    version: u32,
    digests: Vec<String>,
    answers: Vec<Answer>,
}

impl Kept {
    /// The place for this platform's answers; nowhere without a cache.
    pub fn of(platform: &Platform, options: &Options) -> Kept {
        let images = |ovmf: &Option<Ovmf>| -> Vec<FirmwareFile> {
            ovmf.iter().flat_map(|ovmf| [ovmf.code.clone(), ovmf.vars.clone()]).collect()
        };
        let mut files: Vec<FirmwareFile> = platform.seabios.iter().cloned().collect();
        files.extend(images(&platform.ovmf));
        files.extend(images(&platform.ovmf_secure_boot));
        files.extend(platform.option_roms.iter().cloned());
        let mut digests = vec![platform.qemu.sha256.clone()];
        digests.extend(files.into_iter().map(|file| file.sha256));
        let short = |digest: &String| digest.chars().take(8).collect::<String>();
        // the file holds the digests in full; its name only has to be unlikely to be another's
        let name: Vec<String> = digests.iter().take(5).map(short).collect();
        let path = options
            .surroundings
            .cache
            .as_ref()
            .map(|cache| cache.join("probes").join(format!("{}.json", name.join("-"))));
        Kept { path, digests }
    }

    /// The answers, if these very files gave them.
    pub fn read(&self) -> Option<Vec<Answer>> {
        let file: File = serde_json::from_slice(&std::fs::read(self.path.as_ref()?).ok()?).ok()?;
        (file.version == VERSION && file.digests == self.digests).then_some(file.answers)
    }

    /// Keeps the answers.
    pub fn write(&self, answers: &[Answer]) -> Result<(), PlatformError> {
        let Some(path) = &self.path else { return Ok(()) };
        let failed = |source: std::io::Error| PlatformError::Cache { action: "write", path: path.clone(), source };
        let file = File { version: VERSION, digests: self.digests.clone(), answers: answers.to_vec() };
        let text = serde_json::to_vec_pretty(&file).map_err(|error| failed(error.into()))?;
        let fresh = path.with_extension(format!("{}.new", std::process::id()));
        let written = path.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(&fresh, text));
        written.and_then(|()| std::fs::rename(&fresh, path)).map_err(failed)
    }
}

/// Where a boot contradicts the table of behaviours.
pub fn against_the_table(table: &Behaviours, answers: &[Answer]) -> Vec<String> {
    let checks: [(Behaviour, &str, &str); 2] = [
        (Behaviour::RecoversUnlistedDisks, "ovmf.unlisted", "runs by platform recovery"),
        (Behaviour::EfiRomIsDriverOnly, "ovmf.rom", "OVMF's own stack; the ROM only drives the NIC"),
    ];
    let differs = |(behaviour, name, yes): &(Behaviour, &str, &str)| {
        let answer = answers.iter().find(|answer| answer.name == *name && answer.sure)?;
        let (seen, said) = (answer.value == *yes, table.has(*behaviour));
        (seen != said).then(|| format!("{name}: {}, which versions do not say", answer.value))
    };
    checks.iter().filter_map(differs).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(name: &str, value: &str) -> Answer {
        Answer { name: name.into(), asks: String::new(), value: value.into(), seconds: None, sure: true }
    }

    #[test]
    fn answers_are_those_of_the_very_files() {
        let dir = tempfile::tempdir().unwrap();
        let kept =
            |digest: &str| Kept { path: Some(dir.path().join("probes/a.json")), digests: vec![digest.to_owned()] };
        kept("one").write(&[answer("ovmf.end", "uefi-shell")]).unwrap();
        assert_eq!(kept("one").read(), Some(vec![answer("ovmf.end", "uefi-shell")]));
        assert_eq!(kept("two").read(), None);
    }

    #[test]
    fn a_boot_that_contradicts_the_table_is_told() {
        let sid = Behaviours::of_versions(&[("ovmf", "2026.08"), ("ipxe", "2.0.0")]);
        let never = [answer("ovmf.unlisted", "never runs")];
        assert_eq!(against_the_table(&sid, &never).len(), 1);
        assert!(against_the_table(&Behaviours::default(), &never).is_empty());
    }
}

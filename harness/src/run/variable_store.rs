//! The variable store's file over the life of a machine: a copy of the platform's template, damaged where that is asked, seen
//! at each power-off.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::damage;
use super::error::RunError;
use super::flash_file::FlashFile;
use crate::evidence::nvram::{self, NewVariable, NvramError};
use crate::machine::{Access, Damage};
use crate::verdict::stores::{Seen, Stores, Unknown};
use crate::verdict::views::BootStore;

/// Where a copy of the OVMF_VARS template that was damaged or given boot variables is kept, below the evidence folder.
pub const PREPARED_VARS: &str = "media/vars.fd";

/// The variable store of one machine.
pub struct VariableStoreFile {
    folder: PathBuf,
    /// The template that it was copied from.
    template: PathBuf,
    /// What was in it then.
    image: FlashFile,
    /// What the first copy of it held before the first power-on.
    given: FlashFile,
    /// What the store held at the last power-on.
    powered_on: Option<FlashFile>,
    /// The store as a guest left it, each time that a story changed something while the machine was off.
    powered_off: Vec<Seen>,
    /// Why its file could not be read at one of these moments: then nothing is known of what the guest did to it.
    unread: Option<String>,
    /// How many copies were made; each machine that a story migrates to may have one of its own.
    copies: u32,
}

/// What is done to the first copy of a template.
#[derive(Default)]
pub struct Given {
    /// Variables that are written into it.
    pub variables: Vec<NewVariable>,
    /// How it is damaged then.
    pub damage: Option<Damage>,
}

impl Given {
    fn to(&self, image: &FlashFile) -> Result<FlashFile, RunError> {
        let written = |error| RunError::because("the variables cannot be written", error);
        // AAVMF formats a template without a store at the first power-on; something is to be in it before
        let formatted = nvram::formatted();
        let has_room = image.length() >= formatted.len() as u64;
        let store = if nvram::is_blank(image.bytes()) && has_room { formatted } else { image.bytes().to_vec() };
        let mut bytes = match self.variables.as_slice() {
            [] => store,
            variables => nvram::with_variables(&store, variables).map_err(written)?,
        };
        if let Some(damage) = &self.damage {
            bytes = damage::damaged(&bytes, damage)?;
        }
        Ok(image.with_bytes(bytes))
    }

    fn is_nothing(&self) -> bool {
        self.variables.is_empty() && self.damage.is_none()
    }
}

/// The store before and after, decoded.
#[derive(Default)]
pub struct DecodedStores {
    /// Before the first power-on, each time that a story changed something, and at the end: name of the file, content.
    pub files: Vec<(String, Value)>,
    /// The boot variables at the first power-on, and after the run.
    pub boot: [BootStore; 2],
    /// The variable Timeout after the run, seconds.
    pub timeout: Option<u16>,
    /// The stores for expectations.
    pub stores: Option<Stores>,
    /// That the file could not be read, which is the host's fault.
    pub unread: Option<RunError>,
}

impl VariableStoreFile {
    /// Makes this machine's own copy of an OVMF_VARS template, with what is done to it. Another one than the template is kept
    /// beside the media, for `command.sh`.
    ///
    /// # Errors
    ///
    /// Which file could not be read, damaged or written, and why.
    pub fn copy_of(template: &Path, given: &Given, folder: &Path) -> Result<VariableStoreFile, RunError> {
        let image = FlashFile::read(template).map_err(RunError::file("read", template))?;
        let store = VariableStoreFile {
            folder: folder.to_owned(),
            template: template.to_owned(),
            given: if given.is_nothing() { image.clone() } else { given.to(&image)? },
            image,
            powered_on: None,
            powered_off: Vec::new(),
            unread: None,
            copies: 1,
        };
        if !given.is_nothing() {
            write(&folder.join(PREPARED_VARS), &store.given)?;
        }
        write(&store.path(), &store.given)?;
        Ok(store)
    }

    /// The template that it was copied from.
    pub fn template(&self) -> &Path {
        &self.template
    }

    /// The file in use: the last copy that was made.
    pub fn path(&self) -> PathBuf {
        self.copy(self.copies)
    }

    fn copy(&self, number: u32) -> PathBuf {
        match number {
            1 => self.folder.join("vars.fd"),
            _ => self.folder.join(format!("vars-{number}.fd")),
        }
    }

    /// Makes another copy of the template, as untouched as the first one was; it is the variable store from now on.
    ///
    /// # Errors
    ///
    /// The file that could not be written, and why.
    pub fn make_another(&mut self) -> Result<(), RunError> {
        self.copies += 1;
        write(&self.path(), &self.image)
    }

    /// Damages the variable store in use.
    ///
    /// # Errors
    ///
    /// Why that cannot be done to it, or which file could not be read or written.
    pub fn damage(&self, damage: &Damage) -> Result<(), RunError> {
        let path = self.path();
        let image = FlashFile::read(&path).map_err(RunError::file("read", &path))?;
        write(&path, &image.with_bytes(damage::damaged(image.bytes(), damage)?))
    }

    /// The machine is powered on: what its variable store holds now is what the guest finds.
    pub fn powered_on(&mut self) {
        match FlashFile::read(&self.path()) {
            Ok(image) => self.powered_on = Some(image),
            Err(error) => self.unread = Some(error.to_string()),
        }
    }

    /// The machine is off and its story will change something: keeps what the variable store holds now.
    pub fn powered_off(&mut self) {
        let seen = self.decoded();
        if let Err(Unknown::NotRead(problem)) = &seen {
            self.unread = Some(problem.clone());
        }
        self.powered_off.push(seen);
    }

    /// The variable store in use, decoded.
    fn decoded(&self) -> Seen {
        let image = FlashFile::read(&self.path()).map_err(|error| Unknown::NotRead(error.to_string()))?;
        Ok(nvram::decode(image.bytes())?)
    }

    /// Whether the OVMF_VARS template still holds what was copied from it.
    ///
    /// # Errors
    ///
    /// That it changed while the machine ran, or can no longer be read.
    pub fn template_untouched(&self) -> Result<(), RunError> {
        let path = &self.template;
        let cannot = |error| RunError::because(format!("cannot read {} again", path.display()), error);
        if FlashFile::read(path).map_err(cannot)? == self.image {
            return Ok(());
        }
        let path = path.display();
        Err(RunError::new(format!("the OVMF_VARS template {path} changed while the machine ran: install it again")))
    }

    /// Decodes the store before and after the run and in between. A store that cannot be decoded is evidence too: the guest
    /// wrote it, or it was damaged on purpose. `access` is how the machine had it at the end. A store that is still
    /// `overlaid` is not read: its file is older than what the guest sees.
    pub fn over_its_life(&self, access: Access, overlaid: bool) -> DecodedStores {
        let before: Seen = nvram::decode(self.given.bytes()).map_err(Unknown::from);
        let not_read = |why: &str| Unknown::NotRead(why.to_owned());
        let after = match access {
            Access::Absent => Err(not_read("the machine was powered on without a variable store")),
            _ if overlaid => Err(not_read("the run ended while an overlay held the variable store")),
            Access::ReadOnly | Access::ReadWrite => self.decoded(),
        };
        let boot_store = |seen: &Seen| BootStore {
            options: seen.as_ref().map(nvram::BootOptions::of).unwrap_or_default(),
            next: seen.as_ref().ok().and_then(nvram::VariableStore::boot_next),
        };
        let boot = [&before, &after].map(boot_store);
        let timeout = after.as_ref().ok().and_then(nvram::VariableStore::timeout);
        let to_json = |seen: &Seen| match seen {
            Ok(store) => json!(store),
            Err(problem) => json!({ "problem": problem.to_string() }),
        };
        let mut files = vec![("nvram-before.json".to_owned(), to_json(&before))];
        let off = self.powered_off.iter().enumerate();
        files.extend(off.map(|(index, seen)| (format!("nvram-powered-off-{}.json", index + 1), to_json(seen))));
        files.push(("nvram-after.json".to_owned(), to_json(&after)));
        let read = FlashFile::read(&self.path());
        let unread = self.unread.clone().or_else(|| read.as_ref().err().map(ToString::to_string));
        let cannot = |problem| RunError::new(format!("cannot read {}: {problem}", self.path().display()));
        let unread = unread.filter(|_| access != Access::Absent).map(cannot);
        let image = read.ok();
        let erased = match (&after, image.as_ref().zip(self.powered_on.as_ref())) {
            (Err(Unknown::Undecodable(NvramError::NoStore { offset, .. })), Some((now, then))) => {
                !now.has_left_of(then, *offset)
            }
            _ => false,
        };
        let untouched = image.is_some() && image == self.powered_on;
        let written_anew = image.as_ref().zip(self.powered_on.as_ref()).is_some_and(|(now, then)| {
            now.length() == then.length() && nvram::is_written_anew(then.bytes(), now.bytes())
        });
        let stores = Some(Stores { powered_off: self.powered_off.clone(), after, untouched, written_anew, erased });
        DecodedStores { files, boot, timeout, stores, unread }
    }

    /// Removes its files; the template is what they can be made of again.
    pub fn remove(&self) {
        for number in 1..=self.copies {
            fs::remove_file(self.copy(number)).ok();
        }
    }
}

fn write(path: &Path, image: &FlashFile) -> Result<(), RunError> {
    image.write(path).map_err(RunError::file("write", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("media")).unwrap();
        dir
    }

    #[test]
    fn a_template_that_changed_is_noticed() {
        let dir = folder();
        let template = dir.path().join("OVMF_VARS.fd");
        fs::write(&template, b"variables").unwrap();
        let store = VariableStoreFile::copy_of(&template, &Given::default(), dir.path()).unwrap();
        fs::write(store.path(), b"the guest's own").unwrap();
        store.template_untouched().unwrap();
        fs::write(&template, b"overwritten").unwrap();
        assert!(store.template_untouched().unwrap_err().to_string().contains("changed while the machine ran"));
    }

    /// An empty store of 4 KiB in a volume of the same size.
    fn template() -> Vec<u8> {
        let mut bytes = vec![0xff; 4096];
        bytes[..72].fill(0);
        bytes[16..32].copy_from_slice(&[
            0x8d, 0x2b, 0xf1, 0xff, 0x96, 0x76, 0x8b, 0x4c, 0xa9, 0x85, 0x27, 0x47, 0x07, 0x5b, 0x4f, 0x50,
        ]);
        bytes[40..44].copy_from_slice(b"_FVH");
        bytes[48..52].copy_from_slice(&[72, 0, 0x3e, 0x0a]);
        bytes[72..88].copy_from_slice(&[
            0x78, 0x2c, 0xf3, 0xaa, 0x7b, 0x94, 0x9a, 0x43, 0xa1, 0x80, 0x2e, 0x14, 0x4e, 0xc3, 0x77, 0x92,
        ]);
        bytes[88..100].copy_from_slice(&[0, 8, 0, 0, 0x5a, 0xfe, 0, 0, 0, 0, 0, 0]);
        bytes
    }

    #[test]
    fn a_variable_store_is_kept_as_it_was_at_each_moment() {
        let dir = folder();
        let path = dir.path().join("OVMF_VARS.fd");
        fs::write(&path, template()).unwrap();
        let given = Given { damage: Some(Damage::Full { left: 100 }), ..Given::default() };
        let mut store = VariableStoreFile::copy_of(&path, &given, dir.path()).unwrap();
        store.powered_on();
        assert!(store.over_its_life(Access::ReadWrite, false).stores.unwrap().untouched);
        store.powered_off();
        store.damage(&Damage::Erased).unwrap();
        let decoded = store.over_its_life(Access::ReadWrite, false);
        let names: Vec<&str> = decoded.files.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["nvram-before.json", "nvram-powered-off-1.json", "nvram-after.json"]);
        assert_eq!(decoded.files[0].1["variables"][0]["name"], "Filler0000", "before is what the guest was given");
        assert_eq!(decoded.files[0].1, decoded.files[1].1);
        assert!(decoded.files[2].1["problem"].as_str().unwrap().contains("not a variable store"));
        assert!(!decoded.stores.unwrap().untouched);
        let absent = store.over_its_life(Access::Absent, false).stores.unwrap().after.unwrap_err();
        assert_eq!(absent.to_string(), "the machine was powered on without a variable store");
    }

    #[test]
    fn a_template_of_zeros_is_formatted_where_something_is_to_be_in_it_and_no_other() {
        let dir = folder();
        let template = dir.path().join("AAVMF_VARS.fd");
        let full = || Given { damage: Some(Damage::Full { left: 0 }), ..Given::default() };
        fs::write(&template, [0; 1 << 20]).unwrap();
        let store = VariableStoreFile::copy_of(&template, &full(), dir.path()).unwrap();
        assert!(!store.decoded().unwrap().variables.is_empty());
        assert_eq!(fs::metadata(store.path()).unwrap().len(), 1 << 20);
        let store = VariableStoreFile::copy_of(&template, &Given::default(), dir.path()).unwrap();
        assert!(store.decoded().is_err(), "what nothing is done to stays blank");
        // the zeros have the size of OVMF's store, which is never blank
        for wrong in [b"variables".to_vec(), vec![0; 540_672], Vec::new()] {
            fs::write(&template, wrong).unwrap();
            let refused = VariableStoreFile::copy_of(&template, &full(), dir.path()).err().unwrap();
            assert!(refused.to_string().contains("cannot be damaged"), "{refused}");
        }
    }

    #[test]
    fn a_store_that_an_overlay_still_holds_is_not_read_from_the_file_below() {
        let dir = folder();
        let template = dir.path().join("OVMF_VARS.fd");
        fs::write(&template, b"variables").unwrap();
        let store = VariableStoreFile::copy_of(&template, &Given::default(), dir.path()).unwrap();
        let problem = |overlaid| {
            let decoded = store.over_its_life(Access::ReadWrite, overlaid);
            decoded.files[1].1["problem"].as_str().unwrap().to_owned()
        };
        assert_eq!(problem(true), "the run ended while an overlay held the variable store");
        assert_ne!(problem(false), problem(true));
    }

    #[test]
    fn a_store_that_the_host_cannot_read_is_the_hosts_fault_at_any_moment() {
        let dir = folder();
        let path = dir.path().join("OVMF_VARS.fd");
        fs::write(&path, template()).unwrap();
        let store = || VariableStoreFile::copy_of(&path, &Given::default(), dir.path()).unwrap();
        let unread = |store: &VariableStoreFile| store.over_its_life(Access::ReadWrite, false).unread;
        let mut at_the_end = store();
        at_the_end.powered_on();
        assert!(unread(&at_the_end).is_none());
        fs::remove_file(at_the_end.path()).unwrap();
        assert!(unread(&at_the_end).unwrap().to_string().contains("No such file or directory"));
        assert!(at_the_end.over_its_life(Access::Absent, false).unread.is_none());
        for moment in [VariableStoreFile::powered_on, VariableStoreFile::powered_off] {
            let mut before = store();
            fs::remove_file(before.path()).unwrap();
            moment(&mut before);
            fs::write(before.path(), template()).unwrap();
            assert!(unread(&before).is_some());
        }
    }

    #[test]
    fn every_copy_goes_when_the_files_are_removed() {
        let dir = folder();
        let template = dir.path().join("OVMF_VARS.fd");
        fs::write(&template, b"variables").unwrap();
        let mut store = VariableStoreFile::copy_of(&template, &Given::default(), dir.path()).unwrap();
        store.make_another().unwrap();
        let files = [dir.path().join("vars.fd"), dir.path().join("vars-2.fd")];
        assert!(files.iter().all(|file| file.exists()) && store.path() == files[1]);
        store.remove();
        assert!(!files.iter().any(|file| file.exists()) && template.exists());
    }
}

//! Where bases are kept: a folder for each, named by its key, made beside and renamed. What is in it is checked whenever a
//! process begins to use it; what is not as it was made is removed.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::key::Key;
use crate::digest;
use crate::evidence::file;
use crate::run::{Base, RunError};

/// How many bases are kept; those that were used least recently go first. Each has some 40 MiB.
const MOST_BASES: usize = 40;

const RECORD: &str = "base.json";
const STATE: &str = "state";
const SERIAL: &str = "serial.log";
const DEBUG_CONSOLE: &str = "debugcon.log";

/// A folder of bases.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
}

/// What a store has for a key.
#[derive(Debug, PartialEq)]
pub enum Found {
    /// A proven base.
    Base(Base),
    /// No point is proven: why.
    Unproven(String),
    /// Nothing that could be used.
    Nothing,
}

/// Why a point was not taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The point.
    pub point: String,
    /// What was seen.
    pub why: String,
}

/// What is written beside a state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// What it belongs to.
    key: Key,
    /// The point that was proven.
    point: Option<String>,
    /// Digests of the state and of the two logs.
    sha256: Option<[String; 3]>,
    /// Later points that were not.
    refused: Vec<Refusal>,
}

impl Record {
    /// Of a proven base.
    pub fn proven(key: &Key, base: &Base, refused: Vec<Refusal>) -> Record {
        let digests = [base.sha256.clone(), digest::sha256(&base.serial), digest::sha256(&base.debug_console)];
        Record { key: key.clone(), point: Some(base.point.clone()), sha256: Some(digests), refused }
    }

    /// Of a firmware that cannot start warm.
    pub fn unproven(key: &Key, refused: Vec<Refusal>) -> Record {
        Record { key: key.clone(), point: None, sha256: None, refused }
    }
}

impl Store {
    /// The store in a folder, which need not exist.
    pub fn new(folder: PathBuf) -> Store {
        Store { folder }
    }

    fn of(&self, key: &Key) -> PathBuf {
        self.folder.join(key.digest())
    }

    fn beside(&self, key: &Key) -> PathBuf {
        self.folder.join(format!("{}.new", key.digest()))
    }

    /// What is there for a key, checked against the digests that were written when it was made.
    pub fn find(&self, key: &Key) -> Found {
        let folder = self.of(key);
        let Ok(text) = fs::read(folder.join(RECORD)) else { return Found::Nothing };
        let found = read(&folder, key, &text);
        match &found {
            // stale, truncated or foreign: whoever makes it again finds the place free
            Found::Nothing => drop(fs::remove_dir_all(&folder)),
            // a note of when it was used last; losing it loses a place in a queue
            _ => drop(File::open(folder.join(RECORD)).and_then(|file| file.set_modified(SystemTime::now()))),
        }
        found
    }

    /// Waits until no other process makes the base of this key; nobody does while the file is open.
    ///
    /// # Errors
    ///
    /// The file that could not be made or locked.
    pub fn lock(&self, key: &Key) -> Result<File, RunError> {
        fs::create_dir_all(&self.folder).map_err(RunError::file("create", &self.folder))?;
        let path = self.folder.join(format!("{}.lock", key.digest()));
        let file = File::options().create(true).truncate(false).write(true).open(&path);
        let file = file.map_err(RunError::file("create", &path))?;
        file.lock().map_err(RunError::file("lock", &path))?;
        Ok(file)
    }

    /// An empty folder to make a base in; what an earlier process left there is gone.
    ///
    /// # Errors
    ///
    /// The folder that could not be made.
    pub fn begin(&self, key: &Key) -> Result<PathBuf, RunError> {
        let beside = self.beside(key);
        crate::run::clear(&beside).map_err(RunError::file("remove", &beside))?;
        let work = beside.join("work");
        fs::create_dir_all(&work).map_err(RunError::file("create", &work))?;
        work.canonicalize().map_err(RunError::file("resolve", &work))
    }

    /// Keeps what was made in that folder: the record, and the state and logs of a proven base.
    ///
    /// # Errors
    ///
    /// The file that could not be written.
    pub fn keep(&self, key: &Key, record: &Record, base: Option<&Base>) -> Result<(), RunError> {
        let beside = self.beside(key);
        if let Some(base) = base {
            let state = beside.join(STATE);
            fs::rename(&base.state, &state).map_err(RunError::file("write", &state))?;
            write(&beside.join(SERIAL), &base.serial)?;
            write(&beside.join(DEBUG_CONSOLE), &base.debug_console)?;
        }
        fs::remove_dir_all(beside.join("work")).ok();
        let text = serde_json::to_vec_pretty(record);
        write(&beside.join(RECORD), &text.map_err(|error| RunError::because("cannot encode a record", error))?)?;
        let folder = self.of(key);
        crate::run::clear(&folder).map_err(RunError::file("remove", &folder))?;
        fs::rename(&beside, &folder).map_err(RunError::file("write", &folder))?;
        self.make_room(&folder);
        Ok(())
    }

    /// Removes bases beyond [`MOST_BASES`], but not this one. A QEMU that is just about to load one starts cold.
    fn make_room(&self, kept: &Path) {
        let used = |folder: &Path| fs::metadata(folder.join(RECORD)).and_then(|meta| meta.modified()).ok();
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let folders = entries.map(|entry| entry.path()).filter(|folder| folder != kept);
        let mut bases: Vec<_> = folders.filter_map(|folder| Some((used(&folder)?, folder))).collect();
        bases.sort_by(|(one, _), (other, _)| other.cmp(one));
        for (_, folder) in bases.iter().skip(MOST_BASES - 1) {
            fs::remove_dir_all(folder).ok();
        }
    }
}

fn read(folder: &Path, key: &Key, text: &[u8]) -> Found {
    let Ok(record) = serde_json::from_slice::<Record>(text) else { return Found::Nothing };
    if record.key != *key {
        return Found::Nothing;
    }
    let (Some(point), Some(digests)) = (&record.point, &record.sha256) else {
        let record = folder.join(RECORD);
        return Found::Unproven(format!("no point of this firmware is proven, see {}", record.display()));
    };
    let files = [STATE, SERIAL, DEBUG_CONSOLE].map(|name| fs::read(folder.join(name)).unwrap_or_default());
    if files.each_ref().map(|bytes| digest::sha256(bytes)) != *digests {
        return Found::Nothing;
    }
    let [_, serial, debug_console] = files;
    Found::Base(Base {
        key: key.digest(),
        point: point.clone(),
        state: folder.join(STATE),
        sha256: digests[0].clone(),
        vars_sha256: key.vars_sha256.clone(),
        serial,
        debug_console,
    })
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), RunError> {
    file::write(path, bytes).map_err(RunError::file("write", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(argv: &str) -> Key {
        Key {
            format: 1,
            qemu: "10.0.0".to_owned(),
            qemu_sha256: "aa".to_owned(),
            code_sha256: "bb".to_owned(),
            vars_sha256: "cc".to_owned(),
            argv: vec![argv.to_owned()],
        }
    }

    /// A store with a base of this key.
    fn kept(key: &Key) -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::new(dir.path().join("warm"));
        keep(&store, key);
        (dir, store)
    }

    fn keep(store: &Store, key: &Key) {
        let state = store.begin(key).unwrap().join("state");
        fs::write(&state, b"a machine").unwrap();
        let base = Base {
            key: key.digest(),
            point: "BDS entry".to_owned(),
            state,
            sha256: digest::sha256(b"a machine"),
            vars_sha256: "cc".to_owned(),
            serial: b"serial".to_vec(),
            debug_console: Vec::new(),
        };
        store.keep(key, &Record::proven(key, &base, Vec::new()), Some(&base)).unwrap();
    }

    #[test]
    fn a_base_is_found_as_it_was_kept() {
        let key = key("a");
        let (_dir, store) = kept(&key);
        let Found::Base(base) = store.find(&key) else { panic!("not found") };
        assert_eq!((base.point.as_str(), base.serial.as_slice()), ("BDS entry", b"serial".as_slice()));
        assert_eq!(fs::read(base.state).unwrap(), b"a machine");
        assert!(!store.beside(&key).exists());
    }

    #[test]
    fn a_base_that_is_truncated_or_changed_or_of_another_machine_is_removed() {
        for spoil in [
            &|folder: &Path| fs::write(folder.join(STATE), b"a machin").unwrap() as (),
            &|folder: &Path| fs::write(folder.join(STATE), b"A machine").unwrap(),
            &|folder: &Path| fs::remove_file(folder.join(STATE)).unwrap(),
            &|folder: &Path| fs::write(folder.join(SERIAL), b"other").unwrap(),
            &|folder: &Path| fs::write(folder.join(RECORD), b"{").unwrap(),
            &|folder: &Path| {
                let record = Record::unproven(&key("another"), Vec::new());
                fs::write(folder.join(RECORD), serde_json::to_vec(&record).unwrap()).unwrap();
            },
        ] as [&dyn Fn(&Path); 6]
        {
            let key = key("a");
            let (_dir, store) = kept(&key);
            spoil(&store.of(&key));
            assert_eq!(store.find(&key), Found::Nothing);
            assert!(!store.of(&key).exists());
            keep(&store, &key);
            assert!(matches!(store.find(&key), Found::Base(_)));
        }
    }

    #[test]
    fn that_nothing_is_proven_is_kept_with_what_was_seen() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::new(dir.path().to_owned());
        let key = key("a");
        store.begin(&key).unwrap();
        let refusal = Refusal { point: "BDS entry".to_owned(), why: "another order".to_owned() };
        store.keep(&key, &Record::unproven(&key, vec![refusal]), None).unwrap();
        let Found::Unproven(why) = store.find(&key) else { panic!("not kept") };
        assert!(why.starts_with("no point of this firmware is proven, see ") && why.ends_with("/base.json"), "{why}");
        assert!(fs::read_to_string(store.of(&key).join(RECORD)).unwrap().contains("another order"));
    }

    #[test]
    fn only_so_many_bases_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::new(dir.path().to_owned());
        for number in 0..MOST_BASES + 3 {
            keep(&store, &key(&number.to_string()));
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), MOST_BASES);
        assert!(matches!(store.find(&key(&(MOST_BASES + 2).to_string())), Found::Base(_)));
    }

    #[test]
    fn a_key_that_is_held_is_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::new(dir.path().to_owned());
        let held = store.lock(&key("a")).unwrap();
        let path = dir.path().join(format!("{}.lock", key("a").digest()));
        assert!(File::open(&path).unwrap().try_lock().is_err());
        store.lock(&key("b")).unwrap();
        drop(held);
        assert!(File::open(&path).unwrap().try_lock().is_ok());
    }
}

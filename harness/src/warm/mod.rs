//! Bases for warm starts: the state of a machine without devices, stopped on its way through OVMF, kept in the cache and
//! taken only where it was proven to be a beginning as good as a reset (`docs/adr/0011-warm-start.md`).
//!
//! [`WarmBases`] finds a base for a machine, or makes one: it looks in the guest's memory for the points at which a machine
//! could be stopped, saves one machine at each, the latest first, and takes the first from which probe machines do
//! everything that they do after a reset. Where none is proven, that is kept too, and machines start cold. Which machines
//! may start warm at all is `run`'s decision.
//!
//! ```no_run
//! use std::sync::Arc;
//! use bootwright::run::{Bases, Options};
//! use bootwright::warm::WarmBases;
//!
//! let bases = WarmBases::new("cache/warm", true);
//! let options = Options::new("target/bootwright/by-hand", 1).bases(Some(Arc::new(bases)));
//! ```

mod capture;
mod key;
mod point;
mod proof;
mod store;
mod stream;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::error::chain;
use crate::machine::Machine;
use crate::platform::{Platform, Surroundings};
use crate::run::{Base, Bases, RunError, base_machine};
use capture::Capture;
use key::Key;
use proof::Proof;
use store::{Found, Record, Refusal, Store};

type Known = Arc<OnceLock<Result<Arc<Base>, String>>>;

/// The bases of a cache. Each is looked for, checked and, where that is allowed, made once; whoever wants it meanwhile waits.
#[derive(Debug)]
pub struct WarmBases {
    store: Store,
    make: bool,
    known: Mutex<BTreeMap<String, Known>>,
}

impl WarmBases {
    /// Bases in a folder, which need not exist. `make` says whether those that are missing are made, which costs as much as
    /// about ten boots.
    pub fn new(folder: impl Into<PathBuf>, make: bool) -> WarmBases {
        WarmBases { store: Store::new(folder.into()), make, known: Mutex::default() }
    }

    /// Bases in the user's cache directory; `None` where there is none.
    pub(crate) fn of_this_user(make: bool) -> Option<WarmBases> {
        let cache = Surroundings::of_this_process().cache?;
        Some(WarmBases::new(cache.join("warm"), make))
    }

    fn find_or_make(&self, machine: &Machine, platform: &Platform, key: &Key) -> Result<Arc<Base>, String> {
        let found = self.store.find(key);
        if let Some(answer) = answer(found) {
            return answer;
        }
        if !self.make {
            return Err("no base was made for it yet, and this run has too few machines to make one".to_owned());
        }
        let making = self.store.lock(key).map_err(|error| chain(&error))?;
        // whoever held the lock may have made it
        if let Some(answer) = answer(self.store.find(key)) {
            return answer;
        }
        let made =
            self.make(machine, platform, key).map_err(|error| format!("no base could be made: {}", chain(&error)));
        drop(making);
        made?;
        answer(self.store.find(key)).unwrap_or_else(|| Err("the base that was made is not there".to_owned()))
    }

    /// Makes the base and leaves it, or what speaks against each point, in the store.
    fn make(&self, machine: &Machine, platform: &Platform, key: &Key) -> Result<(), RunError> {
        let work = self.store.begin(key)?;
        let capture = Capture { machine, platform, folder: work.clone() };
        let proof = Proof::begin(machine, platform, work.join("probes"))?;
        let mut refusals = Vec::new();
        for point in capture.points()? {
            let candidate = match capture.stopped_at(&point, key) {
                Ok(candidate) => Arc::new(candidate),
                Err(error) => {
                    refusals.push(Refusal { point: point.name.to_owned(), why: chain(&error) });
                    continue;
                }
            };
            match proof.differs(&candidate)? {
                None => return self.store.keep(key, &Record::proven(key, &candidate, refusals), Some(&candidate)),
                Some(why) => refusals.push(Refusal { point: point.name.to_owned(), why }),
            }
        }
        self.store.keep(key, &Record::unproven(key, refusals), None)
    }
}

impl Bases for WarmBases {
    fn base_of(&self, machine: &Machine, platform: &Platform) -> Result<Arc<Base>, String> {
        let machine = base_machine(machine);
        let key = Key::of(&machine, platform).map_err(|error| chain(&error))?;
        let known = {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            known.entry(key.digest()).or_default().clone()
        };
        known.get_or_init(|| self.find_or_make(&machine, platform, &key)).clone()
    }
}

/// What the store knows; `None` where it knows nothing.
fn answer(found: Found) -> Option<Result<Arc<Base>, String>> {
    match found {
        Found::Base(base) => Some(Ok(Arc::new(base))),
        Found::Unproven(why) => Some(Err(why)),
        Found::Nothing => None,
    }
}

#[cfg(test)]
mod tests;

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
//! use bootwright::warm::{Making, WarmBases};
//!
//! let bases = WarmBases::new("cache/warm", Making::AtOnce);
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
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::error::chain;
use crate::machine::Machine;
use crate::platform::{Platform, Surroundings};
use crate::run::{Base, Bases, RunError, base_machine};
use capture::Capture;
use key::Key;
use proof::Proof;
use store::{Found, Record, Refusal, Store};

/// When a base that the cache lacks is made, which costs as much as about ten boots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Making {
    /// At its first machine. Whoever wants it meanwhile waits.
    AtOnce,
    /// At the third machine that could start from it, once one with OVMF has come to a program in this run: firmware that does not
    /// come up costs no deadline here, and what two machines save is less than a base costs. Whoever wants it meanwhile starts cold.
    AfterABoot,
}

/// From how many machines on a base pays.
const PAYS_FROM: usize = 3;

/// What is known of one base.
#[derive(Debug, Default)]
struct Slot {
    answer: OnceLock<Result<Arc<Base>, String>>,
    /// How many machines of this run could have started from it while there was none.
    asked: AtomicUsize,
    /// Somebody is looking for it or making it.
    taken: AtomicBool,
}

/// The bases of a cache. Each is looked for, checked and made once.
#[derive(Debug)]
pub struct WarmBases {
    store: Store,
    making: Making,
    /// A machine has come to a program.
    booted: AtomicBool,
    known: Mutex<BTreeMap<String, Arc<Slot>>>,
}

impl WarmBases {
    /// Bases in a folder, which need not exist.
    pub fn new(folder: impl Into<PathBuf>, making: Making) -> WarmBases {
        WarmBases { store: Store::new(folder.into()), making, booted: AtomicBool::new(false), known: Mutex::default() }
    }

    /// Bases in the user's cache directory; `None` where there is none.
    pub(crate) fn of_this_user(making: Making) -> Option<WarmBases> {
        let cache = Surroundings::of_this_process().cache?;
        Some(WarmBases::new(cache.join("warm"), making))
    }

    /// Why nobody is to look for this base or to make it now.
    fn not_now(&self, slot: &Slot, key: &Key) -> Option<String> {
        if self.making == Making::AtOnce {
            return None;
        }
        if matches!(self.store.find(key), Found::Nothing) {
            let before = slot.asked.fetch_add(1, Ordering::SeqCst);
            if !self.booted.load(Ordering::SeqCst) {
                return Some("its base was not made yet: no machine of this run had come to a program".to_owned());
            }
            if before + 1 < PAYS_FROM {
                return Some("its base was not made yet: that pays from the third machine on".to_owned());
            }
        }
        slot.taken.swap(true, Ordering::SeqCst).then(|| "its base was being made".to_owned())
    }

    fn find_or_make(&self, machine: &Machine, platform: &Platform, key: &Key) -> Result<Arc<Base>, String> {
        let found = self.store.find(key);
        if let Some(answer) = answer(found) {
            return answer;
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
        let slot = {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            known.entry(key.digest()).or_default().clone()
        };
        if let Some(answer) = slot.answer.get() {
            return answer.clone();
        }
        if let Some(reason) = self.not_now(&slot, &key) {
            return Err(reason);
        }
        slot.answer.get_or_init(|| self.find_or_make(&machine, platform, &key)).clone()
    }

    fn saw_a_boot(&self) {
        self.booted.store(true, Ordering::SeqCst);
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

//! What a case expects of a boot.

use serde::{Deserialize, Serialize};

use super::ending::Ending;
use super::exchange::OnLan;
use super::expected::{Expected, booted, failed};
use super::reach::Reach;
use super::stores::{self, OnStore};
use crate::trace::{Payload, Trace};

/// What a case expects.
#[must_use = "words about an expectation give a new one back"]
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Expectation {
    /// The whole ordered list of attempts, over all laps.
    pub attempts: Vec<Expected>,
    /// Laps before those of the list that a reset cuts short: on each the attempts must be a beginning of the list, and the
    /// last of them may have come to any end.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cut_laps: u32,
    /// How the run ends.
    #[serde(default = "boots")]
    pub ending: Ending,
    /// Media that must not be tried at all. Implied by the list, and said for the reader.
    #[serde(default)]
    pub never: Vec<String>,
    /// Compare the views of the boot order: what QEMU, the monitor, the guest and the variable store say of it.
    #[serde(default = "yes")]
    pub views: bool,
    /// What must be seen on the network.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub network: Vec<OnLan>,
    /// The boot menus that are offered, in order: the devices that each lists (an entry that is no device by the firmware's
    /// name for it), none where nobody opens it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub menus: Vec<Vec<String>>,
    /// What must be so of the variable store at the end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub store: Vec<OnStore>,
    /// Shortest and longest guest time, in seconds.
    #[serde(default)]
    pub guest_seconds: Option<(u64, u64)>,
    /// By how many seconds of guest time, to within half a second, the first program that reports does so later after its own power-on
    /// than the last one after its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait: Option<u64>,
}

impl Expectation {
    fn of(attempts: Vec<Expected>, ending: Ending) -> Expectation {
        Expectation {
            attempts,
            cut_laps: 0,
            ending,
            never: Vec::new(),
            views: true,
            network: Vec::new(),
            menus: Vec::new(),
            store: Vec::new(),
            guest_seconds: None,
            wait: None,
        }
    }

    /// The medium boots at the first attempt.
    pub fn boots(medium: &str) -> Expectation {
        Expectation::of(vec![booted(medium)], Ending::Boots)
    }

    /// These attempts, the last of which boots.
    pub fn attempts(attempts: impl IntoIterator<Item = Expected>) -> Expectation {
        Expectation::of(attempts.into_iter().collect(), Ending::Boots)
    }

    /// These attempts, after which firmware stops by itself.
    pub fn nothing_boots(attempts: impl IntoIterator<Item = Expected>) -> Expectation {
        Expectation::of(attempts.into_iter().collect(), Ending::NothingBootable)
    }

    /// These attempts, after which firmware opens its setup and stays there: what a program that returns success leads to.
    pub fn opens_setup(attempts: impl IntoIterator<Item = Expected>) -> Expectation {
        Expectation::of(attempts.into_iter().collect(), Ending::OpensSetup)
    }

    /// These attempts, after which firmware crashes.
    pub fn crashes(attempts: impl IntoIterator<Item = Expected>) -> Expectation {
        Expectation::of(attempts.into_iter().collect(), Ending::Crashes)
    }

    /// These attempts, after which the guest hangs: by what the last of them ran, or in its middle ([`hung`](super::hung)).
    pub fn hangs(attempts: impl IntoIterator<Item = Expected>) -> Expectation {
        Expectation::of(attempts.into_iter().collect(), Ending::Hangs)
    }

    /// These attempts repeated on every lap, until lap number `laps` begins.
    pub fn laps(laps: u32, each: impl IntoIterator<Item = Expected>) -> Expectation {
        let each: Vec<Expected> = each.into_iter().collect();
        let count = each.len() * laps.saturating_sub(1) as usize;
        Expectation::of(each.into_iter().cycle().take(count).collect(), Ending::Laps(laps))
    }

    /// The run comes to an end by itself, whichever: see [`Ending::Settles`].
    pub(crate) fn settles(laps: u32) -> Expectation {
        Expectation::of(Vec::new(), Ending::Settles { laps })
    }

    /// QEMU refuses the machine with these words, and no guest runs.
    pub fn qemu_refuses(words: &str) -> Expectation {
        Expectation::of(Vec::new(), Ending::Refused(words.to_owned()))
    }

    /// Demands that the run takes from `least` to `most` seconds of guest time.
    pub fn lasting(mut self, least: u64, most: u64) -> Expectation {
        self.guest_seconds = Some((least, most));
        self
    }

    /// Compares guest time with what was demanded.
    ///
    /// # Errors
    ///
    /// That it was shorter or longer, or could not be read.
    pub(crate) fn check_guest_time(&self, guest: Option<std::time::Duration>) -> Result<(), String> {
        let Some((least, most)) = self.guest_seconds else { return Ok(()) };
        let Some(guest) = guest else {
            return Err(format!("guest time could not be read; expected {least} to {most} s of it"));
        };
        let seconds = guest.as_secs_f64();
        if seconds >= least as f64 && seconds <= most as f64 {
            return Ok(());
        }
        Err(format!("the run took {seconds:.1} s of guest time, expected {least} to {most} s"))
    }

    /// Demands that the first program reports so many seconds of guest time later, counted from its power-on, than the last one: what a
    /// firmware that waits takes longer than the same firmware that does not, whatever its own work takes. Half a second more or
    /// less is the same.
    pub fn waiting(mut self, seconds: u64) -> Expectation {
        self.wait = Some(seconds);
        self
    }

    /// Compares the times that programs tell with what was demanded.
    ///
    /// # Errors
    ///
    /// That the wait was shorter or longer, or that there are not two programs that tell their time.
    pub(crate) fn check_wait(&self, trace: &Trace) -> Result<(), String> {
        let Some(wanted) = self.wait else { return Ok(()) };
        let time = |payload: Option<&Payload>| payload.and_then(|payload| payload.tsc).map(|tsc| tsc as f64 / 1e9);
        let (Some(first), Some(last)) =
            (time(trace.payloads.first()), time(trace.payloads.get(1..).and_then(<[_]>::last)))
        else {
            return Err(format!("no two programs told their time; expected a wait of {wanted} s before the first"));
        };
        let waited = first - last;
        if (waited - wanted as f64).abs() < 0.5 {
            return Ok(());
        }
        Err(format!("the firmware waited {waited:.1} s of guest time, expected {wanted} s"))
    }

    /// Puts a failed attempt on a medium before the others.
    pub fn after_failing(mut self, medium: &str) -> Expectation {
        self.attempts.insert(0, failed(medium));
        self
    }

    /// Says that so many laps are cut short by resets before the list begins.
    pub fn after_cut_laps(mut self, laps: u32) -> Expectation {
        self.cut_laps = laps;
        self
    }

    /// Says that a medium must never be tried.
    pub fn without_trying(mut self, medium: &str) -> Expectation {
        self.never.push(medium.to_owned());
        self
    }

    /// Demands that the firmware offers its boot menu once more than said so far, and lists exactly these devices when it is
    /// opened, in this order; none where nobody opens it.
    pub fn menu(mut self, devices: &[&str]) -> Expectation {
        self.menus.push(devices.iter().map(|&device| device.to_owned()).collect());
        self
    }

    /// Demands something of the exchange on the network.
    pub fn on_lan(mut self, wanted: OnLan) -> Expectation {
        self.network.push(wanted);
        self
    }

    /// Demands something of the variable store.
    pub fn on_store(mut self, wanted: OnStore) -> Expectation {
        self.store.push(wanted);
        self
    }

    /// Holds the variable store against what was demanded of it.
    ///
    /// # Errors
    ///
    /// The first thing that is otherwise.
    pub(crate) fn check_store(&self, stores: Option<&stores::Stores>) -> Result<(), String> {
        let nothing = || "the machine has no variable store to look at".to_owned();
        self.store.iter().try_for_each(|wanted| wanted.check(stores.ok_or_else(nothing)?))
    }

    /// Does not compare the views of the boot order; for cases in which they must differ.
    pub fn without_views(mut self) -> Expectation {
        self.views = false;
        self
    }

    /// A medium that somebody else made comes so far, or nothing boots. Neither attempts nor views are compared: such a medium
    /// has no nonce.
    pub fn reaches(reach: Reach) -> Expectation {
        Expectation::of(Vec::new(), Ending::Reaches(Box::new(reach))).without_views()
    }

    /// How far a medium that somebody else made must come.
    pub fn reach(&self) -> Option<&Reach> {
        match &self.ending {
            Ending::Reaches(reach) => Some(reach),
            _ => None,
        }
    }
}

/// A payload runs where nobody says otherwise.
fn boots() -> Ending {
    Ending::Boots
}

/// Views are compared where nobody says otherwise.
fn yes() -> bool {
    true
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

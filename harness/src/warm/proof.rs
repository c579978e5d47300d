//! Holds a base against a reset: probe machines that differ in slots, classes and bootindex do everything alike, or the base
//! is refused.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::case::Case;
use crate::digest;
use crate::lan::LanSpec;
use crate::machine::{Board, Clock, DeviceClass, Machine, Medium, Network};
use crate::platform::Platform;
use crate::run::{Base, Options, RunError, Start, run, run_from_base};
use crate::verdict::Expectation;

/// How long a probe machine is offered the setup of its firmware, ms: the least that OVMF takes for a wait. It leaves the seconds in
/// the variable `Timeout`.
const SPLASH_TIME: u32 = 1000;

/// Dots in a row that say no more than that somebody waits.
const DOTS: usize = 3;

/// Everything that a probe machine is compared by.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    /// The serial port's log, but for what no two boots of any kind agree in.
    serial: String,
    /// The debug console's.
    debug_console: Vec<u8>,
    /// SHA-256 of the flash with the variables.
    store: String,
    /// How the machine ended.
    end: String,
}

/// Probe machines that were started by a reset.
pub struct Proof<'a> {
    platform: &'a Platform,
    folder: PathBuf,
    cold: Vec<(Case, Seen)>,
}

impl<'a> Proof<'a> {
    /// Starts the probe machines of a base with a reset.
    ///
    /// # Errors
    ///
    /// That one of them does not boot: whatever it does, nothing could be concluded from it.
    pub fn begin(base: &Machine, platform: &'a Platform, folder: PathBuf) -> Result<Proof<'a>, RunError> {
        let mut cold = Vec::new();
        for (number, (machine, expectation)) in machines(base).into_iter().enumerate() {
            let case = Case::new(format!("warm::probe::{number}")).machine(machine).expect(expectation);
            let folder = folder.join(format!("cold-{number}"));
            let finished = run(&case, platform, &Options::new(&folder, 1).keep(true));
            if finished.trace.payloads.is_empty() {
                let what = format!("probe machine {number} did not boot after a reset: {:?}", finished.ended);
                return Err(RunError::new(what));
            }
            let seen = Seen::of(&folder, finished.guest_state)?;
            cold.push((case, seen));
        }
        Ok(Proof { platform, folder, cold })
    }

    /// In what the probe machines differ when they start from a base; `None` where they do not.
    ///
    /// # Errors
    ///
    /// What could not be read.
    pub fn differs(&self, base: &Arc<Base>) -> Result<Option<String>, RunError> {
        for (number, (case, cold)) in self.cold.iter().enumerate() {
            let folder = self.folder.join(format!("warm-{number}"));
            crate::run::clear(&folder).map_err(RunError::file("remove", &folder))?;
            let options = Options::new(&folder, 1).keep(true);
            let finished = run_from_base(case, self.platform, &options, base.clone());
            if let Start::Cold(why) = finished.start {
                let why = why.unwrap_or_default();
                return Ok(Some(format!("probe machine {number} could not be started from it: {why}")));
            }
            let warm = Seen::of(&folder, finished.guest_state)?;
            if let Some(difference) = warm.differs_from(cold) {
                return Ok(Some(format!("probe machine {number}: {difference}")));
            }
        }
        Ok(None)
    }
}

impl Seen {
    fn of(folder: &Path, end: String) -> Result<Seen, RunError> {
        let read = |name: &str| {
            let path = folder.join(name);
            std::fs::read(&path).map_err(RunError::file("read", &path))
        };
        Ok(Seen {
            serial: without_time(&String::from_utf8_lossy(&read("serial.log")?)),
            debug_console: read("debugcon.log")?,
            store: digest::sha256(&read("vars.fd")?),
            end,
        })
    }

    fn differs_from(&self, cold: &Seen) -> Option<String> {
        let (warm_lines, cold_lines) = (self.serial.lines(), cold.serial.lines());
        if let Some((warm, cold)) = warm_lines.zip(cold_lines).find(|(warm, cold)| warm != cold) {
            return Some(format!("the serial port says {warm:?}, after a reset {cold:?}"));
        }
        let parts = [
            (self.serial == cold.serial, "the length of the serial port's log"),
            (self.debug_console == cold.debug_console, "the debug console's log"),
            (self.store == cold.store, "the bytes of the variable store"),
            (self.end == cold.end, "how the machine ended"),
        ];
        parts.into_iter().find(|(same, _)| !same).map(|(_, what)| format!("{what} is another one than after a reset"))
    }
}

/// A log without what tells of time alone: the values of `tsc=` with the sum behind it, and how many dots iPXE has printed while
/// it waited for an answer.
fn without_time(log: &str) -> String {
    let mut dots = 0;
    let few_dots = |letter: &char| {
        dots = if *letter == '.' { dots + 1 } else { 0 };
        dots <= DOTS
    };
    without_tsc(log).chars().filter(few_dots).collect()
}

fn without_tsc(log: &str) -> String {
    fn digits(text: &str) -> &str {
        text.trim_start_matches(|c: char| c.is_ascii_hexdigit())
    }
    let behind = |part| digits(part).strip_prefix(" sum=").map_or_else(|| digits(part), digits);
    let mut parts = log.split(" tsc=");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + " tsc=" + behind(part))
}

/// The probe machines of a base, and what each is to do. The candidate that must not boot is always the cheaper one.
fn machines(base: &Machine) -> Vec<(Machine, Expectation)> {
    let optical =
        if base.board == Board::Q35 { DeviceClass::Ahci { port: 2 } } else { DeviceClass::Ide { channel: 1, unit: 0 } };
    let slots = base.clone().virtio_blk(Medium::bootable("low")).slot(5);
    let slots = slots.virtio_blk(Medium::bootable("high")).slot(9).bootindex(1);
    let classes = base
        .clone()
        .usb_storage(1, Medium::bootable("stick"))
        .bootindex(7)
        .virtio_scsi(3, 2, Medium::blank("empty"))
        .bootindex(1)
        .cdrom(optical, Medium::bootable("cd"))
        .bootindex(2)
        .boot_menu(Some(SPLASH_TIME))
        .strict(true);
    let mut machines =
        vec![(slots, Expectation::boots("high")), (classes, Expectation::boots("cd").after_failing("empty"))];
    if matches!(base.clock(), Clock::Virtual { .. }) {
        let network = base.clone().network(Network::new(LanSpec::new())).nic("virtio-net-pci", Some(0)).bootindex(1);
        let network = network.virtio_blk(Medium::bootable("disk")).bootindex(2);
        machines.push((network, Expectation::boots("disk")));
    }
    // as a machine would be whose clock was chosen for it
    machines.iter_mut().for_each(|(machine, _)| machine.clock = base.clock);
    machines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(serial: &str) -> Seen {
        Seen { serial: without_time(serial), debug_console: Vec::new(), store: "ab".to_owned(), end: "85".to_owned() }
    }

    #[test]
    fn the_time_stamp_counter_makes_no_difference_and_all_else_does() {
        let cold = seen("a tsc=12ab sum=0123 end\nb\n");
        assert_eq!(seen("a tsc=0 sum=0f0f end\nb\n").differs_from(&cold), None);
        let others = [
            seen("a tsc=0 sum=0f0f end\nc\n"),
            seen("a tsc=0 sum=0f0f end\nb\nc\n"),
            seen(""),
            Seen { debug_console: vec![1], ..cold.clone() },
            Seen { store: "cd".to_owned(), ..cold.clone() },
            Seen { end: "no".to_owned(), ..cold.clone() },
        ];
        for other in others {
            assert!(other.differs_from(&cold).is_some(), "{other:?}");
        }
    }

    #[test]
    fn how_long_ipxe_waited_makes_no_difference_and_whether_it_did_does() {
        let cold = seen("Configuring (net0).................. ok\n");
        assert_eq!(seen("Configuring (net0)................. ok\n").differs_from(&cold), None);
        assert!(seen("Configuring (net0).. ok\n").differs_from(&cold).is_some());
        assert!(seen("Configuring (net0)................. no\n").differs_from(&cold).is_some());
    }

    #[test]
    fn probe_machines_may_start_warm_and_differ_in_what_is_plugged_in() {
        use crate::machine::Firmware;
        use crate::run::base_machine;
        for (clock, count) in [(Clock::Real, 2), (Clock::Virtual { shift: 9 }, 3)] {
            let mut base = Machine::pc(Firmware::Ovmf);
            base.clock = Some(clock);
            let machines = machines(&base);
            assert_eq!(machines.len(), count);
            for (machine, _) in &machines {
                assert_eq!(base_machine(machine), base);
                assert!(crate::machine::layout::Layout::of(machine).is_ok());
            }
        }
    }
}

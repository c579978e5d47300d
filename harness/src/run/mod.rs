//! Powers a case's machine on, watches it until its run is over, and leaves the evidence.
//!
//! ```no_run
//! use bootwright::case::Case;
//! use bootwright::platform::{self, Platform, PlatformName};
//! use bootwright::run::{Ended, Options, run};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let platform = Platform::resolve(&PlatformName::Host, &platform::Options::default(), &mut |_| ())?;
//! # let case = Case::new("an::example");
//! let finished = run(&case, &platform, &Options::new("target/bootwright/by-hand", 1));
//! assert_eq!(finished.ended, Ended::Passed);
//! # Ok(())
//! # }
//! ```

mod base;
pub(crate) mod boot_variables;
mod busy_host;
mod command_script;
pub(crate) mod damage;
mod device_state;
mod error;
mod evidence_folder;
mod finished;
mod flash;
mod flash_file;
mod fw_cfg;
mod hotplug;
pub mod lab;
mod last_look;
pub mod loaders;
mod lookout;
mod machine_file;
mod media;
mod menu_names;
mod migrate;
mod milestone;
pub(crate) mod network;
mod options;
mod overlays;
mod pace;
mod power_cycle;
mod prepare;
mod processors;
mod programs;
mod read_again;
pub(crate) mod requirements;
mod second_look;
mod secure_boot;
mod seed;
mod session;
mod snapshot;
mod standstill;
mod steps;
mod system;
mod text_watch;
mod tpm;
mod variable_store;
mod warm_start;
mod watch;
mod why_cold;

use std::path::Path;
use std::sync::Arc;

pub use base::{Base, Bases, Start, base_machine};
pub use error::{FailedStep, RunError, StepError};
pub use finished::{Ended, Finished};
pub use machine_file::{MachineFile, build_media_again};
pub use options::{Options, Patience};
pub use read_again::read_again;
pub use requirements::no_stream;
pub use standstill::KnownLoops;

use crate::case::{Case, contradiction};
use crate::error::{chain, panic_message};
use crate::machine::{Accelerator, Clock, Device, DeviceClass, Firmware, Machine};
use crate::platform::Platform;
use crate::verdict::behaviour::Behaviours;
use crate::verdict::conclude::{Conclusion, conclude_control};
use prepare::Prepared;
use session::Session;

/// Runs a case and leaves its evidence. Never panics, never leaves QEMU running (unless `pause_on_failure` asks for it).
pub fn run(case: &Case, platform: &Platform, options: &Options) -> Finished {
    let case = &case.on(&Behaviours::of(platform));
    if let Err(error) = case.machine.runs_its_firmware() {
        return Finished::without_guest(case, Ended::Broken(error.to_string()));
    }
    if let Err(wrong) = contradiction::check(case) {
        return Finished::without_guest(case, Ended::Broken(wrong.problem));
    }
    let Some((machine, expectation)) = &case.beside else {
        return run_machine(case, false, &case.machine, platform, options);
    };
    let other = Case {
        id: format!("{}::beside", case.id),
        machine: machine.clone(),
        expectation: expectation.clone(),
        beside: None,
        ..case.clone()
    };
    let folder = Options { folder: options.folder.join("beside"), ..options.clone() };
    let (mut first, second) = std::thread::scope(|scope| {
        let second = std::thread::Builder::new()
            .spawn_scoped(scope, || run_machine(&other, false, &other.machine, platform, &folder).ended);
        let first = run_machine(case, false, &case.machine, platform, options);
        let second = match second.map(|thread| thread.join()) {
            Ok(Ok(ended)) => ended,
            Ok(Err(panic)) => Ended::Broken(format!("its thread panicked: {}", panic_message(panic.as_ref()))),
            Err(error) => Ended::Broken(format!("cannot make its thread: {error}")),
        };
        (first, second)
    });
    first.ended = match (first.ended, second) {
        (Ended::Passed, Ended::Passed) => Ended::Passed,
        (Ended::Passed, Ended::Failed(reason)) => Ended::Failed(format!("the machine beside it: {reason}")),
        (Ended::Passed, Ended::Broken(reason)) => Ended::Broken(format!("the machine beside it: {reason}")),
        (Ended::Passed, skipped @ Ended::Skipped(_)) => skipped,
        (ended, _) => ended,
    };
    first
}

/// A panic of the harness is the harness' own fault, whatever the guest did.
fn shielded(case: &Case, work: impl FnOnce() -> Finished) -> Finished {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let reason = format!("the harness panicked: {}", panic_message(panic.as_ref()));
        Finished::without_guest(case, Ended::Broken(reason))
    })
}

/// Runs a case's negative control: passes exactly when the expectation does not hold for the control machine.
pub(crate) fn run_control(case: &Case, platform: &Platform, options: &Options) -> Finished {
    let case = &case.on(&Behaviours::of(platform));
    match &case.control {
        Some(control) => run_machine(case, true, control, platform, options),
        None => {
            let vacuous = "the case has no negative control: it is vacuous".to_owned();
            Finished::without_guest(case, Ended::Failed(vacuous))
        }
    }
}

fn run_machine(case: &Case, control: bool, machine: &Machine, platform: &Platform, options: &Options) -> Finished {
    if let Some(missing) = requirements::missing(case, platform) {
        return Finished::without_guest(case, Ended::Skipped(missing));
    }
    let machine = with_choices(machine, options);
    let once = |why| run_from(case, control, &machine, platform, options, Origin::Reset { why });
    let cold = |why: Option<String>| {
        let first = once(why.clone());
        if options.pause_on_failure {
            return first;
        }
        let first = match control {
            true => first,
            false => second_look::look_again(first, &options.folder, || once(why.clone())),
        };
        busy_host::look_again(first, control, &options.folder, || once(why))
    };
    let Some(bases) = &options.bases else { return cold(None) };
    let cold = |why| {
        let finished = cold(why);
        if machine.firmware == Firmware::Ovmf && !finished.trace.payloads.is_empty() {
            bases.saw_a_boot();
        }
        finished
    };
    let base = match why_cold::why_cold(case, &machine, platform, options) {
        Some(reason) => Err(reason),
        None => bases.base_of(&machine, platform),
    };
    match base {
        Ok(base) => {
            warm_then_cold(run_from(case, control, &machine, platform, options, Origin::Base(base)), options, cold)
        }
        Err(reason) => cold(Some(reason)),
    }
}

/// The machine with what the run chooses for it.
fn with_choices(machine: &Machine, options: &Options) -> Machine {
    let mut machine = machine.clone();
    machine.accelerator = options.accelerator;
    machine.clock = machine.clock.or(options.clock);
    if machine.clock.is_none() && waits_for_nvme(&machine) {
        machine.clock = Some(PATIENT);
    }
    if machine.accelerator == Accelerator::Kvm {
        machine.clock = Some(Clock::Real);
    }
    machine
}

/// The clock of a machine with a NIC that also has an NVMe disk: one by which five seconds are some 160 million instructions.
const PATIENT: Clock = Clock::Virtual { shift: 5 };

/// Whether edk2's NVMe driver and its network are in one machine: the driver gives a command five seconds (`NVME_GENERIC_TIMEOUT`), which
/// by the clock of other machines with a NIC are a tenth of a second of a host, and a good disk is `Not Found` where that is busy.
fn waits_for_nvme(machine: &Machine) -> bool {
    let is_nvme = |device: &Device| matches!(device.class, DeviceClass::Nvme | DeviceClass::NvmeNamespace { .. });
    let is_edk2 = matches!(machine.firmware, Firmware::Ovmf | Firmware::Aavmf);
    is_edk2 && machine.has_nic() && machine.devices.iter().any(is_nvme)
}

/// Runs a case from this base and nothing else, whatever comes of it: for whoever holds a base against a reset.
pub(crate) fn run_from_base(case: &Case, platform: &Platform, options: &Options, base: Arc<Base>) -> Finished {
    let machine = with_choices(&case.machine, options);
    run_from(case, false, &machine, platform, options, Origin::Base(base))
}

/// What a machine's first power-on begins with.
enum Origin {
    /// A reset; why that, where it was a choice.
    Reset { why: Option<String> },
    /// A proven state.
    Base(Arc<Base>),
}

/// A warm start blames nobody: what fails is started again cold, and only what fails then is the firmware's fault. A state
/// that QEMU did not load is as if there were none.
fn warm_then_cold(warm: Finished, options: &Options, cold: impl FnOnce(Option<String>) -> Finished) -> Finished {
    let refused = match (&warm.ended, &warm.start) {
        (_, Start::Cold(Some(refused))) => Some(refused.clone()),
        (Ended::Failed(_), _) => None,
        _ => return warm,
    };
    if let Err(error) = warm_start::set_aside(&options.folder, warm_start::ASIDE) {
        let ended = Ended::Broken(format!("cannot set the evidence of the warm start aside: {error}"));
        return Finished { ended, ..warm };
    }
    let Ended::Failed(reason) = &warm.ended else { return cold(refused) };
    let again = cold(Some("it failed when it was started warm".to_owned()));
    match again.ended {
        Ended::Passed => {
            let what = "started warm it fails, started cold it passes: the base is not as good as a reset, or the case is a \
                        flake; see warm/ in its evidence, and run it with --cold";
            Finished { ended: Ended::Broken(format!("{what}; warm: {reason}")), ..again }
        }
        _ => again,
    }
}

fn run_from(
    case: &Case,
    control: bool,
    machine: &Machine,
    platform: &Platform,
    options: &Options,
    origin: Origin,
) -> Finished {
    shielded(case, || match Prepared::of(case, control, machine.clone(), platform, options) {
        Ok(prepared) => run_prepared(case, control, platform, options, prepared, origin),
        Err(error) => Finished::without_guest(case, Ended::Broken(chain(&error))),
    })
}

fn run_prepared(
    case: &Case,
    control: bool,
    platform: &Platform,
    options: &Options,
    prepared: Prepared,
    origin: Origin,
) -> Finished {
    let (base, mut start) = match origin {
        Origin::Reset { why } => (None, Start::Cold(why)),
        Origin::Base(base) => {
            let start = Start::Warm { base: base.key.clone(), point: base.point.clone() };
            (Some(base), start)
        }
    };
    let mut session = Session::new(case, platform, options, prepared).starting_from(base);
    let told = session.start().and_then(|()| session.run_steps().map_err(Into::into));
    let end = told.map_or_else(|end| end, |()| session.watch());
    let look = session.stop(&end);
    let seen = session.observe(look);
    let mut conclusion = session.conclude(&end, &seen);
    if control {
        conclusion = conclude_control(&case.expectation, &seen.trace, &end, conclusion);
    }
    if conclusion == Conclusion::Holds && !options.keep {
        session.drop_media();
    }
    if let Some(refused) = session.refused.take() {
        start = Start::Cold(Some(refused));
    }
    let hole = seen.trace.holes.first().or(seen.views.hole.as_ref());
    Finished {
        lacks: hole.filter(|_| !end.is_hosts() && !session.lost_by_host() && session.unkept(&seen).is_none()).cloned(),
        failed_if_whole: hole.and_then(|_| session.fails_if_whole(&end, &seen)),
        ended: conclusion.into(),
        trace: seen.trace,
        wall: seen.wall,
        guest: seen.guest_time,
        clock: session.clock(),
        guest_state: seen.guest_state,
        qemu_signal: seen.qemu_signal,
        views: seen.views,
        end: end.name(),
        gave_up: end.gave_up(),
        processor: session.processor(),
        network_late: session.network_late(),
        main_loop_silent: session.main_loop_silent(),
        run_again: None,
        start,
    }
}

/// Removes a folder of evidence; it need not exist.
///
/// # Errors
///
/// The file system's.
pub fn clear(folder: &Path) -> std::io::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod memory_tests;
#[cfg(test)]
mod recording;
#[cfg(test)]
mod tests;

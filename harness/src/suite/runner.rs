//! Runs selected cases on one platform and leaves a result file for each.

use std::collections::HashMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use serde_json::json;

use crate::case::Case;
use crate::machine::argv::device_option;
use crate::machine::layout::Layout;
use crate::machine::{Accelerator, Board, Firmware, Machine, Medium, Nic, OptionRom};
use crate::platform::{self, Architecture, Platform, PlatformError, PlatformName};
use crate::process::is_ending;
use crate::report::{self, CaseFolder, CaseKey, CaseResult, Verdict};
use crate::run::{Bases, Ended, Finished, KnownLoops, Options, Patience, Start, run, run_control};
use crate::trace::Trace;
use crate::verdict::known_issues::{self, Classification, FailureFacts, KnownIssues, Versions};
use crate::verdict::{Expectation, reach};
use crate::warm::{Making, WarmBases};

use super::hangs::Hangs;
use super::jobs::Job;
use super::room::{Needs, Room};
use super::settings::{Settings, WarmChoice};

/// So many jobs with OVMF are worth starting warm: fewer are the real thing. Making and proving a base costs about ten boots.
const WORTH_A_BASE: usize = 12;

/// Why there is no platform for an architecture.
enum NoPlatform {
    /// It has no QEMU for it: cases are skipped.
    Absent(String),
    /// It cannot be resolved.
    Broken(String),
}

/// How many jobs there are to run.
#[derive(Clone, Copy, Debug)]
pub struct Amount {
    /// In all.
    pub all: usize,
    /// With OVMF.
    pub uefi: usize,
}

/// Runs jobs on the platform of the settings, which is resolved at the first job of an architecture.
pub struct Runner {
    settings: Settings,
    known_issues: KnownIssues,
    /// One for each of [`Architecture::ALL`].
    platforms: [OnceLock<Result<Platform, NoPlatform>>; Architecture::ALL.len()],
    /// Accelerators by firmware and architecture, once probed.
    probed: Mutex<HashMap<(Firmware, Architecture), Accelerator>>,
    room: Room,
    /// Cases that were not as expected so far.
    unexpected: AtomicU32,
    /// Where its guests are known to hang.
    known_loops: KnownLoops,
    /// What those cost that hung.
    hangs: Hangs,
    /// What machines may start from instead of a reset.
    bases: Option<Arc<dyn Bases>>,
}

impl Runner {
    /// A runner that has not looked at the host yet, for so many jobs: a few start cold.
    pub fn new(settings: Settings, known_issues: KnownIssues, jobs: Amount) -> Runner {
        let bases = match settings.warm {
            WarmChoice::Never => None,
            WarmChoice::Worth if jobs.uefi < WORTH_A_BASE => None,
            WarmChoice::Worth => WarmBases::of_this_user(Making::AfterABoot),
            WarmChoice::Always => WarmBases::of_this_user(Making::AtOnce),
        };
        let bases = bases.map(|bases| Arc::new(bases) as Arc<dyn Bases>);
        Runner {
            bases,
            hangs: Hangs::new(settings.all_hangs, jobs.all),
            settings,
            known_issues,
            platforms: Default::default(),
            probed: Default::default(),
            room: Room::default(),
            unexpected: AtomicU32::new(0),
            known_loops: KnownLoops::default(),
        }
    }

    /// Runs one job, leaves its evidence and result, and says whether it went as expected.
    ///
    /// # Errors
    ///
    /// The failure text for a person, when the verdict is not as expected.
    pub fn run(&self, job: &Job) -> Result<(), String> {
        let machines = 1 + u64::from(job.case.beside.is_some());
        let _place = self.room.enter(Needs::of(u64::from(job.case.machine.ram_mib_or_default()) * machines));
        if is_ending() {
            return Err("not run: the run was interrupted".to_owned());
        }
        if self.settings.max_fail.is_some_and(|most| self.unexpected.load(Ordering::SeqCst) >= most) {
            return Err("not run: enough cases before it were not as expected".to_owned());
        }
        let name = self.settings.platform.clone().unwrap_or_else(|| default_platform().to_string());
        let key = CaseKey {
            id: job.id(),
            platform: name.clone(),
            axes: job.case.axes.clone(),
            round: job.round,
            several_platforms: self.settings.several_platforms,
        };
        let folder = CaseFolder::new(&self.settings.out, &key);
        crate::run::clear(folder.path()).map_err(|error| format!("{}: {error}", folder.path().display()))?;
        folder.start(&key).map_err(|error| crate::error::chain(&error))?;
        self.event(&json!({ "event": "started", "id": job.name(), "platform": name }));
        let mut result = self.result(job, &key, &folder);
        if is_ending() {
            // its machine was ended with this process
            return Err("interrupted before its verdict".to_owned());
        }
        result.about = job.case.about.clone();
        result.source = Some(job.case.source.to_string());
        leave(&folder, &result).map_err(|error| crate::error::chain(&error))?;
        self.event(&json!({ "event": "finished", "id": job.name(), "platform": name, "verdict": result.verdict,
            "seconds": result.wall_seconds, "reason": result.reason, "evidence": result.evidence }));
        let out = self.settings.out.display().to_string();
        let run = self.settings.out.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let fine = result.verdict.is_fine(self.settings.strict);
        if !fine {
            self.unexpected.fetch_add(1, Ordering::SeqCst);
        }
        if fine { Ok(()) } else { Err(report::text::failure(&result, &run, &out)) }
    }

    fn result(&self, job: &Job, key: &CaseKey, folder: &CaseFolder) -> CaseResult {
        let (architecture, firmware) = (job.case.machine.board.facts().architecture, job.case.machine.firmware);
        let platform = self.platforms[architecture as usize].get_or_init(|| resolve(&self.settings, architecture));
        let not_run = |verdict, reason: &str| {
            let mut result = CaseResult::new(key, verdict);
            result.reason = Some(reason.to_owned());
            result
        };
        let platform = match platform {
            Ok(platform) => platform,
            Err(NoPlatform::Absent(reason)) => return not_run(Verdict::Skipped, reason),
            Err(NoPlatform::Broken(reason)) => return not_run(Verdict::Broken, reason),
        };
        if self.settings.accelerator.fixed() == Some(Accelerator::Kvm) && architecture.name() != std::env::consts::ARCH
        {
            let reason = format!("KVM runs no {architecture} guest on this host: take --accel tcg or auto");
            return not_run(Verdict::Skipped, &reason);
        }
        if let Some(reason) = self.hangs.enough_of(firmware) {
            return not_run(Verdict::Skipped, &reason);
        }
        let options = Options {
            folder: folder.path().to_path_buf(),
            seed: self.settings.seed.wrapping_add(u64::from(job.round.unwrap_or(0)) << 32),
            accelerator: self.accelerator(firmware, platform),
            clock: self.settings.clock,
            keep: self.settings.keep,
            prelaunch_double: self.settings.prelaunch_double,
            pause_on_failure: self.settings.pause_on_failure,
            patience: Patience::default(),
            bases: self.bases.clone(),
            known_loops: self.known_loops.clone(),
        };
        let finished = match job.control {
            true => run_control(&job.case, platform, &options),
            false => run(&job.case, platform, &options),
        };
        let mut result = self.classify(job, key, platform, &finished);
        if !matches!(result.verdict, Verdict::Passed | Verdict::Skipped) {
            result.devices = devices(&job.case.machine);
        }
        if result.verdict == Verdict::Failed {
            self.hangs.note(&result.id, firmware, &finished);
        }
        result.accel = Some(options.accelerator);
        result.seed = Some(options.seed);
        result
    }

    /// The accelerator of the settings; where it is to be found out, KVM if a payload boots under it with this firmware.
    /// That `/dev/kvm` exists proves nothing.
    fn accelerator(&self, firmware: Firmware, platform: &Platform) -> Accelerator {
        if let Some(accelerator) = self.settings.accelerator.fixed() {
            return accelerator;
        }
        // one probe at a time, and one for each build of firmware
        let mut probed = self.probed.lock().unwrap_or_else(PoisonError::into_inner);
        *probed.entry((firmware, platform.architecture)).or_insert_with(|| {
            let probe = Case::new(format!("probe::{}::kvm", firmware.name()))
                .machine(
                    Machine::new(firmware, any_board(firmware, platform.architecture))
                        .virtio_blk(Medium::bootable("probe"))
                        .bootindex(1),
                )
                .expect(Expectation::boots("probe"));
            let options = Options {
                folder: self.settings.out.join("probe").join(firmware.name()),
                seed: self.settings.seed,
                accelerator: Accelerator::Kvm,
                clock: None,
                keep: false,
                pause_on_failure: false,
                prelaunch_double: false,
                patience: Patience::default(),
                bases: None,
                known_loops: KnownLoops::default(),
            };
            let kvm = Path::new("/dev/kvm").exists() && run(&probe, platform, &options).ended == Ended::Passed;
            if kvm { Accelerator::Kvm } else { Accelerator::Tcg }
        })
    }

    fn classify(&self, job: &Job, key: &CaseKey, platform: &Platform, finished: &Finished) -> CaseResult {
        let mut result = CaseResult::new(key, Verdict::Passed);
        fill(&mut result, finished);
        result.reached = job.case.expectation.reach().map(|_| reached(&finished.trace));
        result.negative_of = job.control.then(|| job.case.id.clone());
        let qemu = platform.qemu.version.to_string();
        let firmware = firmware_versions(platform, &job.case.machine);
        let firmware: Vec<(&str, &str)> = firmware.iter().map(|(kind, version)| (*kind, version.as_str())).collect();
        let versions = Versions { qemu: &qemu, firmware: &firmware };
        let attempts: Vec<_> = result.attempts.iter().map(fact).collect();
        let stale = finished.views.stale();
        let outcome = match &finished.ended {
            Ended::Skipped(reason) => {
                result.verdict = Verdict::Skipped;
                result.reason = Some(reason.clone());
                return result;
            }
            Ended::Broken(reason) => {
                result.verdict = Verdict::Broken;
                result.reason = Some(reason.clone());
                return result;
            }
            Ended::Passed => known_issues::Outcome::Passed,
            Ended::Failed(reason) => known_issues::Outcome::Failed(FailureFacts {
                booted: finished.trace.booted(),
                terminal: finished.trace.terminal.as_ref().map(|terminal| terminal.name()),
                attempts: &attempts,
                stale: &stale,
                qemu_signal: finished.qemu_signal,
                reason,
            }),
        };
        let reason = match &finished.ended {
            Ended::Failed(reason) => Some(reason.clone()),
            _ => None,
        };
        // a control is about our own expectation, which no issue of QEMU excuses
        let classified = match job.control {
            true if reason.is_some() => Classification::Failed { otherwise: Vec::new() },
            true => Classification::Passed,
            false => self.known_issues.classify(&job.case.id, &versions, outcome),
        };
        match classified {
            Classification::Passed => {}
            Classification::Failed { otherwise } => {
                result.verdict = Verdict::Failed;
                let other = otherwise.iter().map(|other| {
                    format!("; known issue {} fails in another way: {}", other.issue.id, other.differences.join(", "))
                });
                result.reason = reason.map(|reason| reason + &other.collect::<String>());
            }
            Classification::ExpectedFailure { issue } => {
                result.verdict = Verdict::ExpectedFailure;
                result.known_issue = Some(issue.id.clone());
                result.reason = reason.map(|reason| format!("{reason} [{}: {}]", issue.id, issue.link));
            }
            Classification::UnexpectedPass { issues } => {
                let issue = issues.first().map(|issue| issue.id.clone()).unwrap_or_default();
                result.verdict = Verdict::UnexpectedPass;
                result.reason =
                    Some(format!("passes although known issue {issue} covers QEMU {qemu}: narrow its range"));
                result.known_issue = Some(issue);
            }
        }
        result
    }

    /// Appends to the run's event file, which `cargo xtask test` follows; losing one loses a line of progress only.
    fn event(&self, event: &serde_json::Value) {
        let path = self.settings.out.join("events.jsonl");
        if let Ok(mut file) = OpenOptions::new().create(true).append(true).open(path) {
            file.write_all(format!("{event}\n").as_bytes()).ok();
        }
    }
}

/// Leaves the result; where there is no room for it, that of the media, which can be built again.
fn leave(folder: &CaseFolder, result: &CaseResult) -> Result<(), report::ReportError> {
    folder.finish(result).or_else(|error| {
        std::fs::remove_dir_all(folder.path().join("media")).map_err(|_| error)?;
        folder.finish(result)
    })
}

/// The platform that is used when none is named: the host's own QEMU if there is one, else its release's packages.
pub fn default_platform() -> PlatformName {
    PlatformName::default_on(&platform::Surroundings::of_this_process())
}

/// A board that a firmware runs on, built for this architecture.
fn any_board(firmware: Firmware, architecture: Architecture) -> Board {
    match (firmware, architecture) {
        (Firmware::Ovmf, Architecture::I386) => Board::Q35Ia32,
        (Firmware::SeaBios | Firmware::Ovmf, _) => Board::Pc,
        (Firmware::Aavmf, Architecture::Arm) => Board::VirtArm,
        (Firmware::Aavmf, _) => Board::Virt,
        (Firmware::RiscVVirt, _) => Board::VirtRiscv64,
        (Firmware::LoongArchVirt, _) => Board::VirtLoongarch64,
        (Firmware::S390Ccw, _) => Board::S390CcwVirtio,
        (Firmware::Slof, _) => Board::Pseries,
    }
}

/// The platform of the settings. What it needs for x86-64 is fetched here if need be; for another architecture `cargo xtask`
/// fetches it, so that whoever runs the default suite by other means downloads no more than they did.
fn resolve(settings: &Settings, architecture: Architecture) -> Result<Platform, NoPlatform> {
    let name = settings.platform.clone().unwrap_or_else(|| default_platform().to_string());
    let name: PlatformName = name.parse().map_err(|error: PlatformError| NoPlatform::Broken(error.to_string()))?;
    let options = platform::Options { mirror: settings.mirror.clone(), architecture, ..platform::Options::default() };
    let is_release = matches!(name, PlatformName::Apt | PlatformName::Debian(_));
    if is_release && architecture != Architecture::X86_64 && !Platform::is_present(&name, &options) {
        let fix = format!("cargo xtask platform fetch {name} --architecture {architecture}");
        let program = architecture.qemu();
        return Err(NoPlatform::Absent(format!("{program} of {name} is not in the cache: {fix}")));
    }
    Platform::resolve(&name, &options, &mut |progress| drop(writeln!(std::io::stderr(), "{progress}"))).map_err(
        |error| {
            let text = crate::error::chain(&error);
            let absent = architecture != Architecture::X86_64 && error.is_absence();
            if absent { NoPlatform::Absent(text.replace("\n  ", "; ")) } else { NoPlatform::Broken(text) }
        },
    )
}

/// Kind and version of what can take part in booting a machine: its firmware, and iPXE where a card has its ROM.
fn firmware_versions(platform: &Platform, machine: &Machine) -> Vec<(&'static str, String)> {
    let file = match machine.firmware {
        Firmware::SeaBios => platform.seabios.as_ref(),
        Firmware::Ovmf => platform.ovmf.as_ref().map(|ovmf| &ovmf.code),
        Firmware::Aavmf => platform.aavmf.as_ref().map(|aavmf| &aavmf.code),
        Firmware::RiscVVirt => platform.riscvvirt.as_ref().map(|riscvvirt| &riscvvirt.code),
        Firmware::LoongArchVirt => platform.loongarchvirt.as_ref().map(|loongarchvirt| &loongarchvirt.code),
        Firmware::S390Ccw => platform.s390_ccw.as_ref(),
        Firmware::Slof => platform.slof.as_ref(),
    };
    let has_rom = |nic: &Nic| nic.rom == OptionRom::Default && nic.model.has_ipxe_rom();
    let rom = platform.option_roms.first().filter(|_| machine.plugged_nics().any(|(_, nic)| has_rom(nic)));
    let named = file.map(|file| (machine.firmware.name(), file)).into_iter().chain(rom.map(|rom| ("ipxe", rom)));
    named.map(|(kind, file)| (kind, file.version.clone())).collect()
}

fn fact(attempt: &report::Attempt) -> known_issues::AttemptFact<'_> {
    known_issues::AttemptFact { target: &attempt.target, medium: attempt.medium.as_deref(), outcome: attempt.outcome }
}

fn reached(trace: &Trace) -> report::Reached {
    let furthest = trace.guest.furthest();
    report::Reached {
        stage: trace.stage().word().to_owned(),
        program: furthest.map(|sighting| sighting.program.clone()),
        text: furthest.map(|sighting| sighting.text.clone()),
        stopped: reach::why_not_further(trace),
    }
}

/// The devices of a machine by their names, each with the words that QEMU has for it.
fn devices(machine: &Machine) -> Vec<String> {
    let Ok(layout) = Layout::of(machine) else { return Vec::new() };
    let each = machine.devices.iter().zip(&layout.devices).enumerate();
    each.filter_map(|(index, (device, placed))| {
        let name = machine.name_of(index).map_or_else(|| placed.id.clone(), |name| name.to_string());
        Some(format!("{name}: {}", device_option(device, placed, index)?))
    })
    .collect()
}

fn fill(result: &mut CaseResult, finished: &Finished) {
    result.clock = Some(finished.clock.kind());
    result.wall_seconds = finished.wall.as_secs_f64();
    match &finished.start {
        Start::Warm { base, point } => {
            result.start = Some(report::Start::Warm);
            result.base = Some(format!("{base} at {point}"));
        }
        Start::Cold(why) => {
            result.start = Some(report::Start::Cold);
            result.cold_because = why.clone();
        }
    }
    result.run_again = finished.run_again.clone();
    result.processor_seconds = finished.processor.map(|used| used.as_secs_f64());
    result.guest_seconds = finished.guest.map(|guest| guest.as_secs_f64());
    result.booted = finished.trace.booted().map(str::to_owned);
    result.guest = Some(finished.guest_state.clone());
    let terminal = finished.trace.terminal.as_ref().map(|terminal| terminal.name());
    let standstill = finished.trace.standstill.as_ref().map(|standstill| standstill.name());
    result.end = terminal.or(standstill).or(finished.end).map(str::to_owned);
    result.attempts = report::Attempt::all_of(&finished.trace);
}

#[cfg(test)]
mod tests;

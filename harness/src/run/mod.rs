//! Powers a case's machine on, watches it until its run is over, and holds the trace against the expectation.

pub mod damage;
pub mod evidence_files;
mod flash;
mod fw_cfg;
pub mod lab;
mod ledger;
pub mod loaders;
mod migrate;
pub mod network;
mod plug;
mod power_cycle;
pub mod requirements;
mod snapshot;
mod tell;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bootwright_images::Nonce;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::case::Case;
use crate::evidence::{Entry, Observed, Recorder, Source};
use crate::machine::argv::{self, Files, Wiring};
use crate::machine::layout::{Layout, medium_kind};
use crate::machine::{Accelerator, Clock, Firmware, Machine};
use crate::platform::Platform;
use crate::process;
use crate::trace::{Names, Reader, Snapshot, Trace};
use crate::verdict::behaviour::Behaviours;
use crate::verdict::stores::Stores;
use crate::verdict::views::Views;
use crate::verdict::{Ending, Expectation, already_refuted, describe, is_over, judge, strays};
use crate::vm::{Exit, Ports, REPLY_TIMEOUT, Vm, VmError};
use evidence_files::{EvidenceFiles, Written};
use flash::Flash;
use ledger::Ledger;
use tell::{Begin, NOT_REFUSED, POWERED_OFF, Stage, Untold};

/// How long a lab may take to end after QEMU.
const LAB_ENDS: Duration = Duration::from_secs(10);

/// Choices of a run that are not the case's own.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where evidence goes; created if it does not exist.
    pub folder: PathBuf,
    /// Everything random derives from it and the case's id.
    pub seed: u64,
    /// Who executes the guest.
    pub accelerator: Accelerator,
    /// Guest time of cases that do not choose their own; `None` takes each machine's default.
    pub clock: Option<Clock>,
    /// Keep media of passing cases.
    pub keep: bool,
    /// Test double of a QEMU that updates fw_cfg on the way from prelaunch to running: `system_reset` before that `cont`
    /// (`docs/stories.md`). For tests of known issues only.
    pub prelaunch_double: bool,
    /// Leave the machine paused when the case fails, until it is ended from outside.
    pub pause_on_failure: bool,
    /// How long QEMU and the guest may take.
    pub patience: Patience,
}

/// Deadlines in host time: a safety net, never a verdict's proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// For QEMU's greeting and each of its replies.
    pub reply: Duration,
    /// For the first sign of life from firmware.
    pub first_sign: Duration,
    /// For the next step of the boot.
    pub progress: Duration,
    /// For the next step of a boot that has already gone another way than expected: it may still come back.
    pub refuted: Duration,
    /// For a whole run.
    pub run: Duration,
}

impl Default for Patience {
    /// Generous, since a loaded host swaps and pages: with five times as many busy tasks as cores OVMF took over 60 s to
    /// its first line.
    fn default() -> Patience {
        Patience {
            reply: REPLY_TIMEOUT,
            first_sign: Duration::from_secs(120),
            progress: Duration::from_secs(120),
            refuted: Duration::from_secs(10),
            run: Duration::from_secs(300),
        }
    }
}

/// How a case ended, before known issues are looked at.
#[derive(Clone, Debug, PartialEq)]
pub enum Ended {
    /// The expectation held.
    Passed,
    /// It did not: what was seen instead.
    Failed(String),
    /// The harness or the host failed: what, and what to do.
    Broken(String),
    /// The platform lacks something: what.
    Skipped(String),
}

/// A finished case.
#[derive(Clone, Debug)]
pub struct Finished {
    /// The verdict.
    pub ended: Ended,
    /// What was seen.
    pub trace: Trace,
    /// Host time from power-on to the end.
    pub wall: Duration,
    /// Guest time at the end, where it could be read.
    pub guest: Option<Duration>,
    /// How guest time passed.
    pub clock: Clock,
    /// State of the guest when the harness looked last.
    pub guest_state: String,
    /// The views of the boot order.
    pub views: Views,
    /// The run ended at a deadline of [`Patience`] and not by what the machine did.
    pub gave_up: bool,
}

/// Runs a case and leaves its evidence. Never panics, never leaves QEMU running (unless `pause_on_failure` asks for it).
pub fn run(case: &Case, platform: &Platform, options: &Options) -> Finished {
    let case = &case.on(&Behaviours::of(platform));
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
        let second = scope.spawn(|| run_machine(&other, false, &other.machine, platform, &folder));
        (run_machine(case, false, &case.machine, platform, options), second.join())
    });
    first.ended = match (first.ended, second.map(|second| second.ended)) {
        (Ended::Passed, Ok(Ended::Passed)) => Ended::Passed,
        (Ended::Passed, Ok(Ended::Failed(reason))) => Ended::Failed(format!("the machine beside it: {reason}")),
        (Ended::Passed, Ok(Ended::Broken(reason))) => Ended::Broken(format!("the machine beside it: {reason}")),
        (Ended::Passed, Ok(skipped @ Ended::Skipped(_))) => skipped,
        (Ended::Passed, Err(_)) => Ended::Broken("the thread of the machine beside it panicked".to_owned()),
        (ended, _) => ended,
    };
    first
}

/// Runs a case's negative control: passes exactly when the expectation does not hold for the control machine.
pub fn run_control(case: &Case, platform: &Platform, options: &Options) -> Finished {
    let case = &case.on(&Behaviours::of(platform));
    let Some(control) = &case.control else {
        return Finished::without_guest(
            case,
            Ended::Failed("the case has no negative control: it is vacuous".to_owned()),
        );
    };
    let mut finished = run_machine(case, true, control, platform, options);
    finished.ended = match finished.ended {
        Ended::Passed => {
            Ended::Failed("the expectation holds although its cause was removed: it is vacuous".to_owned())
        }
        Ended::Failed(reason) if !finished.trace.shows_life() && !reason.contains(NOT_REFUSED) => {
            Ended::Broken(format!("the control machine showed no sign of life, which refutes nothing: {reason}"))
        }
        Ended::Failed(reason) if finished.gave_up && !already_refuted(&case.expectation, &finished.trace) => {
            Ended::Broken(format!("the control only ran into a deadline, which refutes nothing: {reason}"))
        }
        Ended::Failed(_) => Ended::Passed,
        other => other,
    };
    if finished.ended == Ended::Passed
        && !options.keep
        && let Ok(evidence) = EvidenceFiles::create(&options.folder)
    {
        evidence.drop_media();
    }
    finished
}

fn run_machine(case: &Case, control: bool, machine: &Machine, platform: &Platform, options: &Options) -> Finished {
    if let Some(missing) = requirements::missing(case, platform) {
        return Finished::without_guest(case, Ended::Skipped(missing));
    }
    let mut machine = machine.clone();
    machine.accelerator = options.accelerator;
    machine.clock = machine.clock.or(options.clock);
    if machine.accelerator == Accelerator::Kvm {
        machine.clock = Some(Clock::Real);
    }
    match Bench::prepare(case, control, machine, platform, options) {
        Ok(bench) => bench.run(case, platform, options),
        Err(reason) => Finished::without_guest(case, Ended::Broken(reason)),
    }
}

impl Finished {
    fn without_guest(case: &Case, ended: Ended) -> Finished {
        Finished {
            ended,
            trace: Trace::default(),
            wall: Duration::ZERO,
            guest: None,
            clock: case.machine.clock(),
            guest_state: "never powered on".to_owned(),
            views: Views::default(),
            gave_up: false,
        }
    }
}

/// Everything that is ready before power-on.
struct Bench {
    machine: Machine,
    layout: Layout,
    files: Files,
    names: Names,
    evidence: EvidenceFiles,
    networks: network::Prepared,
    /// Of machines with UEFI firmware.
    flash: Option<Flash>,
}

impl Bench {
    fn prepare(
        case: &Case,
        control: bool,
        machine: Machine,
        platform: &Platform,
        options: &Options,
    ) -> Result<Bench, String> {
        let layout = Layout::of(&machine).map_err(|error| format!("the machine cannot be laid out: {error}"))?;
        let evidence = EvidenceFiles::create(&options.folder)?;
        let mut files = Files { data_dirs: platform.qemu.data_dirs.clone(), ..Files::default() };
        let mut media = media(&machine, &layout, &case.id, options.seed, &evidence)?;
        files.media = media.files;
        let nonce_of = |medium: &str| nonce(options.seed, &case.id, medium);
        let networks = network::Prepared::of(&machine, evidence.folder(), nonce_of)?;
        media.nonces.extend(networks.nonces.clone());
        files.fw_cfg.extend(networks.fw_cfg.clone());
        if let Some(key) = machine.boot.menu_key {
            files.fw_cfg.push(("etc/boot-menu-key".to_owned(), evidence.menu_key(key)?));
        }
        let mut flash = None;
        match machine.firmware {
            Firmware::SeaBios => files.bios = platform.seabios.as_ref().map(|file| file.path.clone()),
            Firmware::Ovmf => {
                let ovmf = platform.ovmf.as_ref().ok_or("the platform has no OVMF")?;
                files.code = Some(ovmf.code.path.clone());
                files.vars = Some(evidence.copy_vars(&ovmf.vars.path, machine.variable_store.damage.as_ref())?);
                flash = Some(Flash::of(&case.story, platform)?);
            }
        }
        let names = Names::of(&machine, &layout, &media.nonces, &media.sectors);
        evidence.machine(case, control, &machine, &media.nonces, options.seed)?;
        let by_hand =
            argv::argv(&machine, &layout, &files, &Wiring::ByHand { debugcon: "by-hand-debugcon.log".into() });
        let command = match machine.bridge() {
            Some(_) => lab::wrapped(&platform.qemu.command),
            None => platform.qemu.command.clone(),
        };
        evidence.command(case, &command, &platform.qemu.env, &by_hand)?;
        Ok(Bench { machine, layout, files, names, evidence, networks, flash })
    }

    fn run(self, case: &Case, platform: &Platform, options: &Options) -> Finished {
        let recorder = Recorder::new();
        let begun = Instant::now();
        let mut watch = Watch {
            expected: case.expectation.clone(),
            reader: Reader::new(self.machine.firmware, self.names.clone()),
            cursor: 0,
            lan: Vec::new(),
            resets: 0,
            resets_by_story: case.story.resets(),
            snapshots: BTreeMap::new(),
            exit: None,
            ends_to_ignore: 0,
            last_progress: begun,
            last_shape: (0, 0, 0, false),
            gave_up: false,
            patience: options.patience,
        };
        let mut ledger = Ledger::new(&self.machine);
        let (mut host_reads, mut held) = (None, snapshot::Held::default());
        let mut on_lan = network::Seen::default();
        let lans = std::cell::RefCell::new(None);
        // a second power-on begins with networks of its own
        let power_on = |machine: &Machine, begin: Begin| {
            let (vm, running) = self.power_on(machine, begin, platform, &recorder, options.patience.reply)?;
            *lans.borrow_mut() = Some(running);
            Ok(vm)
        };
        let (ended, state, guest) = match power_on(&self.machine, Begin::Cold) {
            Ok(mut vm) => {
                let told = tell::tell(
                    &case.story,
                    &mut Stage {
                        vm: &mut vm,
                        ledger: &mut ledger,
                        layout: &self.layout,
                        files: &self.files,
                        watch: &mut watch,
                        recorder: &recorder,
                        power_on: &power_on,
                        held: &mut held,
                        while_off: &|done| flash::while_off(self.flash.as_ref(), &self.evidence, done),
                        draw: &|number| draw(options.seed, &case.id, number),
                        double: options.prelaunch_double,
                    },
                );
                let reason = told.is_ok().then(|| watch.until_over(&recorder, begun)).flatten();
                watch.drain(&recorder);
                let facts = LastLook::at(&vm);
                if let Some(running) = lans.borrow_mut().take() {
                    // the parts of a lab write down how they end once QEMU has
                    let ended = running.has_lab() && !options.pause_on_failure && vm.quit(LAB_ENDS).is_some();
                    on_lan = running.power_off(ended);
                    watch.reader.network(&on_lan.events(), &recorder.stream(Source::Serial));
                }
                let ended = match told {
                    Ok(()) => self.verdict(case, &watch, reason.as_deref(), &facts),
                    Err(Untold::Failed(reason)) => Ended::Failed(reason),
                    Err(Untold::Broken(reason)) => Ended::Broken(reason),
                };
                if !case.story.is_empty() && watch.reader.trace().payloads.is_empty() {
                    host_reads = fw_cfg::read(&vm).ok();
                }
                if options.pause_on_failure && matches!(ended, Ended::Failed(_)) && vm.exit(Duration::ZERO).is_none() {
                    pause(&vm, options);
                }
                vm.power_off();
                (ended, facts.state, facts.guest)
            }
            Err(VmError::EndedEarly { status, said }) => {
                let said = said.replace('\n', " / ");
                let ended = match &case.expectation.ending {
                    Ending::Refused(words) if said.contains(words) => Ended::Passed,
                    Ending::Refused(words) => {
                        Ended::Failed(format!("QEMU refuses with \"{said}\", expected \"{words}\""))
                    }
                    _ => Ended::Broken(format!("QEMU ended before the guest ran ({status}): {said}")),
                };
                (ended, "never ran".to_owned(), None)
            }
            Err(error) => (Ended::Broken(words(&error)), "never ran".to_owned(), None),
        };
        let wall = begun.elapsed();
        let trace = watch.reader.trace().clone();
        let tsc = trace.payloads.last().and_then(|payload| payload.tsc).map(Duration::from_nanos);
        let guest = match self.machine.clock() {
            Clock::Virtual { .. } => tsc.or(guest),
            Clock::Real => Some(wall),
        };
        let (written, views, stores) =
            self.record(&recorder, &trace, ledger.effective(), host_reads, held.store_overlaid());
        let written = written.and_then(|()| on_lan.write(self.evidence.folder()));
        let mut ended = ended;
        if let (Ended::Passed, Err(reason)) = (&ended, case.expectation.check_guest_time(guest)) {
            ended = Ended::Failed(reason);
        }
        if ended == Ended::Passed {
            ended = case.expectation.check_store(stores.as_ref()).map_or_else(Ended::Failed, |()| Ended::Passed);
        }
        if ended == Ended::Passed && case.expectation.views {
            ended = views.check().map_or_else(Ended::Failed, |()| Ended::Passed);
        }
        if let (Ended::Failed(reason), Some(stale)) = (&mut ended, views.stale()) {
            *reason += &format!("; {stale}");
        }
        if let Err(reason) = written {
            ended = Ended::Broken(reason);
        }
        if let Err(reason) = self.evidence.template_untouched() {
            ended = Ended::Broken(reason);
        }
        if ended == Ended::Passed && !options.keep {
            self.evidence.drop_media();
        }
        Finished {
            ended,
            trace,
            wall,
            guest,
            clock: self.machine.clock(),
            guest_state: state,
            views,
            gave_up: watch.gave_up,
        }
    }

    fn power_on(
        &self,
        machine: &Machine,
        begin: Begin,
        platform: &Platform,
        recorder: &Recorder,
        patience: Duration,
    ) -> Result<(Vm, network::Running), VmError> {
        if begin == (Begin::Incoming { own_nvram: true }) {
            let prepare = |reason| VmError::Prepare {
                what: "a variable store".to_owned(),
                source: std::io::Error::other(reason),
            };
            self.evidence.another_vars().map_err(prepare)?;
        }
        let vars = self.files.vars.is_some().then(|| self.evidence.vars());
        let code = self.flash.as_ref().map(Flash::code);
        if let (Some(flash), Some(vars)) = (&self.flash, &vars) {
            self.evidence.powered_on();
            recorder.note(Observed::Harness(flash.powered_on(machine.variable_store.access, vars)));
        }
        let files = Files { code, vars, ..self.files.clone() };
        let (lans, far) = self.networks.power_on(recorder)?;
        let (others, env): (Vec<_>, Vec<_>) = far.lab.into_iter().unzip();
        let ports = Ports::new(far.nics, others)?;
        let (qmp, debugcon, nics) = ports.numbers();
        let serial = ports.serial().to_owned();
        let wiring = Wiring::Harness {
            qmp,
            serial,
            debugcon,
            nics,
            sandbox: platform.qemu.sandbox,
            incoming: begin != Begin::Cold,
        };
        let argv = argv::argv(machine, &self.layout, &files, &wiring);
        let qemu = &platform.qemu;
        let folder = self.evidence.folder();
        let wrapped = machine.bridge().map(|_| lab::wrapped(&qemu.command));
        let command = wrapped.as_deref().unwrap_or(&qemu.command);
        let env = [qemu.env.clone(), env].concat();
        let mut qemu = process::Command::new(command.first().cloned().unwrap_or_default());
        qemu.args(command.iter().skip(1)).args(&argv).envs(env).directory(folder);
        let vm = Vm::power_on(&qemu, ports, recorder.clone(), patience)?;
        Ok((vm, lans))
    }

    fn verdict(&self, case: &Case, watch: &Watch, gave_up: Option<&str>, facts: &LastLook) -> Ended {
        let trace = watch.reader.trace();
        match (judge(&case.expectation, trace), gave_up) {
            (Ok(()), None) => Ended::Passed,
            (Ok(()), Some(reason)) => Ended::Failed(reason.to_owned()),
            (Err(difference), None) => Ended::Failed(difference),
            (Err(difference), Some(reason)) => {
                let last = trace.attempts.last().map(describe).unwrap_or_else(|| "no attempt".to_owned());
                Ended::Failed(format!("{difference}; {reason}; last seen: {last}; guest: {}", facts.state))
            }
        }
    }

    /// `asked` is the machine as the story has left it; `overlaid` says that an overlay still holds its variable store.
    fn record(
        &self,
        recorder: &Recorder,
        trace: &Trace,
        asked: &Machine,
        host: Option<fw_cfg::Lists>,
        overlaid: bool,
    ) -> (Result<(), String>, Views, Option<Stores>) {
        let nvram: Written = self.evidence.nvram(asked.variable_store.access, overlaid);
        let views = Views::of(asked, &self.layout, &self.names, trace, &nvram.boot_options);
        let views = views.with_timeout(nvram.timeout);
        let views = match host {
            Some(lists) => views.with_host(lists.bootorder.as_deref(), lists.bios_geometry.as_deref()),
            None => views,
        };
        let written = self.evidence.record(recorder, trace, &nvram, &views);
        let flash = || self.flash.as_ref().map_or(Ok(()), |flash| self.evidence.firmware(&flash.told()));
        (written.and_then(|()| flash()), views, nvram.stores)
    }
}

/// Events of lans that stories can wait for; a hostile guest makes new ones for ever.
const LAN_LIMIT: usize = 10_000;

/// Reads evidence into the trace until the run is over.
pub struct Watch {
    reader: Reader,
    expected: Expectation,
    cursor: usize,
    /// Events of the lans, the first [`LAN_LIMIT`] of them.
    lan: Vec<Value>,
    resets: u32,
    resets_by_story: u32,
    /// What was known when each snapshot was taken.
    snapshots: BTreeMap<String, Snapshot>,
    exit: Option<String>,
    /// Ends of QEMU that are part of the story and not the machine's own.
    ends_to_ignore: u32,
    last_progress: Instant,
    /// Attempts, payloads, laps and whether there is a banner: what counts as progress.
    last_shape: (usize, usize, u32, bool),
    /// A deadline passed.
    gave_up: bool,
    patience: Patience,
}

impl Watch {
    /// Waits until the trace is as a step wants it.
    ///
    /// # Errors
    ///
    /// What the machine did instead.
    pub(super) fn until(
        &mut self,
        recorder: &Recorder,
        reached: impl Fn(&Trace, &[Value]) -> bool,
    ) -> Result<(), String> {
        self.last_progress = Instant::now();
        loop {
            let patience = self.patience_now();
            let deadline = self.last_progress + patience;
            let (entries, cursor) = recorder.since(self.cursor, deadline);
            self.cursor = cursor;
            self.take(entries);
            let trace = self.reader.trace();
            if reached(trace, &self.lan) {
                return Ok(());
            }
            let last = trace.attempts.last().map(describe).unwrap_or_else(|| "no attempt".to_owned());
            if let Some(exit) = &self.exit {
                return Err(format!("QEMU ended by itself: {exit}; last seen: {last}"));
            }
            if Instant::now() >= deadline {
                self.gave_up = true;
                return Err(format!("not reached in {} s of host time; last seen: {last}", patience.as_secs()));
            }
        }
    }

    /// Host time for the next step, once what was seen may already contradict the expectation.
    fn patience_now(&self) -> Duration {
        let refuted = strays(&self.expected, self.reader.trace());
        if refuted { self.patience.refuted.min(self.patience.progress) } else { self.patience.progress }
    }

    /// Host time for the next step of a boot.
    pub(super) fn patience(&self) -> Duration {
        self.patience.progress
    }

    /// Payloads that have reported so far.
    pub(super) fn payloads(&self) -> usize {
        self.reader.trace().payloads.len()
    }

    /// The machine is about to be powered off by its story.
    pub(super) fn ignore_end(&mut self) {
        match self.exit.take() {
            Some(_) => {}
            None => self.ends_to_ignore += 1,
        }
    }

    /// `None` when the run ended as runs end; else why it was given up.
    fn until_over(&mut self, recorder: &Recorder, begun: Instant) -> Option<String> {
        let expected = self.expected.clone();
        loop {
            let now = Instant::now();
            let alive = self.last_shape != (0, 0, 0, false) && self.last_shape != (0, 0, 1, false);
            let patience = if alive { self.patience_now() } else { self.patience.first_sign };
            let deadline = (self.last_progress + patience).min(begun + self.patience.run);
            if now >= deadline {
                self.gave_up = true;
                let waited = begun.elapsed().as_secs_f64();
                let awaited = if alive { "the next step of the boot" } else { "a sign of life from the firmware" };
                return Some(format!("gave up after {waited:.1} s of host time waiting for {awaited}"));
            }
            let (entries, cursor) = recorder.since(self.cursor, deadline);
            self.cursor = cursor;
            self.take(entries);
            if is_over(&expected, self.reader.trace()) {
                return None;
            }
            if let Some(exit) = &self.exit {
                return Some(format!("QEMU ended by itself: {exit}"));
            }
            let allowed = match expected.ending {
                Ending::Laps(laps) => laps,
                _ => 0,
            };
            if self.resets > allowed + self.resets_by_story + 20 {
                return Some(format!("the machine was reset {} times: it reboots in a loop", self.resets));
            }
        }
    }

    /// Takes what is still under way: a payload ends QEMU right after its line.
    fn drain(&mut self, recorder: &Recorder) {
        let settled = Instant::now() + Duration::from_millis(5);
        let (entries, cursor) = recorder.since(self.cursor, settled);
        self.cursor = cursor;
        self.take(entries);
    }

    fn take(&mut self, entries: Vec<(Entry, Vec<u8>)>) {
        for (entry, bytes) in entries {
            match entry.what {
                Observed::Bytes { source: source @ (Source::Serial | Source::DebugConsole), .. } => {
                    self.reader.push(source, &bytes);
                }
                Observed::QmpReceived(message) => {
                    let guest_reset = message.get("event").and_then(Value::as_str) == Some("RESET");
                    if guest_reset {
                        self.resets += 1;
                        self.reader.reset();
                    }
                }
                Observed::Network(event) if self.lan.len() < LAN_LIMIT => self.lan.push(event),
                Observed::Harness(text) => {
                    if text == POWERED_OFF {
                        self.reader.reset();
                    }
                    if let Some(name) = text.strip_prefix(snapshot::TAKEN) {
                        self.snapshots.insert(name.to_owned(), self.reader.snapshot());
                    }
                    if let Some(snapshot) =
                        text.strip_prefix(snapshot::RESTORED).and_then(|name| self.snapshots.get(name))
                    {
                        self.reader.put_back(snapshot);
                    }
                    if let Some(exit) = text.strip_prefix("QEMU ended: ") {
                        match self.ends_to_ignore.checked_sub(1) {
                            Some(left) => self.ends_to_ignore = left,
                            None => self.exit = Some(exit.to_owned()),
                        }
                    }
                }
                _ => {}
            }
        }
        let trace = self.reader.trace();
        let shape = (trace.attempts.len(), trace.payloads.len(), trace.laps, trace.banner.is_some());
        if shape != self.last_shape {
            self.last_shape = shape;
            self.last_progress = Instant::now();
        }
    }
}

/// What can be asked of a guest only while QEMU runs.
struct LastLook {
    state: String,
    guest: Option<Duration>,
}

impl LastLook {
    fn at(vm: &Vm) -> LastLook {
        // a payload that ends the machine needs a moment to do so
        if let Some(exit) = vm.exit(Duration::from_millis(20)) {
            return LastLook { state: format!("QEMU ended: {}", payload_exit(exit)), guest: None };
        }
        let status = vm.execute("query-status", Value::Null);
        let state = match &status {
            Ok(status) => status.get("status").and_then(Value::as_str).unwrap_or("unknown").to_owned(),
            Err(_) => match vm.exit(Duration::from_secs(1)) {
                Some(exit) => format!("QEMU ended: {}", payload_exit(exit)),
                None => "QEMU does not answer".to_owned(),
            },
        };
        LastLook { state, guest: status.ok().and_then(|_| rtc(vm)) }
    }
}

/// `isa-debug-exit` turns the payload's 0x2a into exit code 85.
fn payload_exit(exit: Exit) -> String {
    if exit.code == Some(85) { "ended by the payload".to_owned() } else { exit.to_string() }
}

/// Guest time by the machine's clock, whole seconds since its fixed base.
fn rtc(vm: &Vm) -> Option<Duration> {
    let path = serde_json::json!({ "path": "/machine", "property": "rtc-time" });
    let time = vm.execute("qom-get", path).ok()?;
    let part = |name: &str| time.get(name).and_then(Value::as_i64);
    let day = part("tm_yday").or_else(|| Some(part("tm_mday")? - 1))?;
    let seconds = ((day * 24 + part("tm_hour")?) * 60 + part("tm_min")?) * 60 + part("tm_sec")?;
    u64::try_from(seconds).ok().map(Duration::from_secs)
}

fn pause(vm: &Vm, options: &Options) {
    vm.execute("stop", Value::Null).ok();
    eprintln!("paused; evidence so far: {}; end with Ctrl-C", options.folder.display());
    while vm.exit(Duration::from_secs(3600)).is_none() {}
}

/// Nonces differ from run to run by the seed, from case to case by its id.
fn nonce(seed: u64, case: &str, medium: &str) -> Nonce {
    let mut hash = Sha256::new();
    hash.update(seed.to_le_bytes());
    hash.update(case.as_bytes());
    hash.update([0]);
    hash.update(medium.as_bytes());
    let digest = hash.finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    Nonce(bytes)
}

/// A number for the n-th random decision of a case: the same for the same seed and id.
fn draw(seed: u64, case: &str, number: u32) -> u64 {
    let mut hash = Sha256::new();
    hash.update(seed.to_le_bytes());
    hash.update(case.as_bytes());
    hash.update(number.to_le_bytes());
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&hash.finalize()[..8]);
    u64::from_le_bytes(bytes)
}

/// An error and its causes on one line.
fn words(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text += &format!(": {cause}");
        source = cause.source();
    }
    text
}

/// Builds the media of an evidence folder again, the same bytes as in its run, unless they are still there; a damaged variable
/// store, too, out of the OVMF_VARS `template` that it was a copy of.
///
/// # Errors
///
/// What is wrong with the folder or could not be written.
pub fn build_media_again(
    machine: &Machine,
    case: &str,
    seed: u64,
    template: Option<&Path>,
    folder: &Path,
) -> Result<(), String> {
    let evidence = EvidenceFiles::create(folder)?;
    if let (Some(damage), Some(template)) = (&machine.variable_store.damage, template) {
        evidence.copy_vars(template, Some(damage))?;
    }
    let layout = Layout::of(machine).map_err(|error| format!("the machine cannot be laid out: {error}"))?;
    media(machine, &layout, case, seed, &evidence).map(|_| ())
}

/// What was built for the drives of a machine.
struct Media {
    /// Image of each device, in device order.
    files: Vec<Option<PathBuf>>,
    /// Nonce of each medium, by name.
    nonces: BTreeMap<String, String>,
    /// Size of each medium in sectors, by name.
    sectors: BTreeMap<String, u64>,
}

fn media(machine: &Machine, layout: &Layout, case: &str, seed: u64, evidence: &EvidenceFiles) -> Result<Media, String> {
    let mut media = Media { files: Vec::new(), nonces: BTreeMap::new(), sectors: BTreeMap::new() };
    for (device, placed) in machine.devices.iter().zip(&layout.devices) {
        let Some(medium) = &device.medium else {
            media.files.push(None);
            continue;
        };
        let nonce = nonce(seed, case, &medium.name);
        let spec = medium.spec(medium_kind(device), placed.sectors);
        let image = bootwright_images::build(&spec, nonce).map_err(|error| format!("medium: {error}"))?;
        let path = evidence.medium(&medium.name);
        let write = image.write_to(&path);
        write.map_err(|error| format!("cannot write medium {}: {error}", path.display()))?;
        media.nonces.insert(medium.name.clone(), nonce.to_string());
        media.sectors.insert(medium.name.clone(), image.length() / 512);
        media.files.push(Some(path));
    }
    Ok(media)
}

/// Removes a folder of evidence; it need not exist.
///
/// # Errors
///
/// The file system's.
pub fn clear(folder: &Path) -> std::io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;

//! One run of one machine: who owns what, from power-on to the last file of the evidence.
//!
//! A [`Session`] owns the virtual machine, its networks, the watch, what the steps have made of the devices, the snapshots,
//! the variable store, the flash and the recorder. `run_steps`, which executes the story, is in `steps`; what the steps do is
//! in the files beside it.

use std::collections::BTreeSet;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::Duration;

use super::base::Base;
use super::device_state::DeviceState;
use super::error::{RunError, StepError};
use super::flash::Flash;
use super::last_look::LastLook;
use super::lookout::Lookout;
use super::network::{NetworkRecord, RunningNetworks};
use super::options::Options;
use super::overlays::Snapshots;
use super::pace::Pace;
use super::prepare::Prepared;
use super::standstill::Limits;
use super::tpm::RunningTpm;
use super::variable_store::{DecodedStores, VariableStoreFile};
use super::watch::Watch;
use super::{fw_cfg, lab, menu_names, seed};
use crate::case::Case;
use crate::error::chain;
use crate::evidence::{HarnessEvent, Recorder};
use crate::lan::Lateness;
use crate::machine::argv::{self, Files, Wiring};
use crate::machine::{Clock, Machine};
use crate::platform::Platform;
use crate::process::Command;
use crate::trace::guest_text::Watcher;
use crate::trace::{Reader, Trace};
use crate::verdict::Expectation;
use crate::verdict::conclude::{Conclusion, Observed, RunEnd, conclude, conclude_as_whole, conclude_boot};
use crate::verdict::stores::Stores;
use crate::verdict::views::Views;
use crate::vm::{Ports, Vm, VmError};

/// How long a lab may take to end after QEMU.
const LAB_ENDS: Duration = Duration::from_secs(10);

/// How a QEMU begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartMode {
    /// With a reset of its machine.
    Cold,
    /// With the state of another one.
    Incoming {
        /// Its variable store is a fresh copy of the template.
        own_nvram: bool,
    },
}

/// One run of one machine.
pub struct Session<'a> {
    pub(super) case: &'a Case,
    pub(super) platform: &'a Platform,
    pub(super) options: &'a Options,
    pub(super) prepared: Prepared,
    pub(super) recorder: Recorder,
    pub(super) watch: Watch,
    /// What the steps have made of the machine's devices.
    pub(super) devices: DeviceState,
    pub(super) snapshots: Snapshots,
    /// Devices whose medium has its block node.
    pub(super) nodes: BTreeSet<usize>,
    /// A drive has another medium than at power-on.
    pub(super) has_exchanged: bool,
    /// `None` until the first power-on.
    vm: Option<Vm>,
    /// What plays its TPM, where it has one, since the last power-on.
    tpm: Option<RunningTpm>,
    /// The networks that are on, of the last power-on and, while the machine moves, of the one before.
    networks: Vec<RunningNetworks>,
    network_record: NetworkRecord,
    /// fw_cfg as the host read it, for a guest that could not tell.
    host_reads: Option<fw_cfg::Lists>,
    /// What its first power-on begins with instead of a reset.
    base: Option<Arc<Base>>,
    /// User and system time of the QEMUs that have ended.
    processor: Option<Duration>,
    /// How long the guest computed at most while QEMU's main loop served nobody, of the QEMUs that have ended.
    main_loop_silent: Duration,
    /// Why the base's state could not be loaded.
    pub(super) refused: Option<String>,
}

/// Everything that is known once the machine is off.
pub struct Seen {
    /// What happened.
    pub trace: Trace,
    /// Host time from power-on to the end.
    pub wall: Duration,
    /// Guest time at the end, where it could be read.
    pub guest_time: Option<Duration>,
    /// State of the guest when the harness looked last.
    pub guest_state: String,
    /// The signal that had ended QEMU by then.
    pub qemu_signal: Option<i32>,
    /// The views of the boot order.
    pub views: Views,
    stores: Option<Stores>,
    /// Whether all of it could be written down.
    written: Result<(), RunError>,
}

/// The reader, and what it looks for in the words of a guest that somebody else made.
pub(super) fn watching_for(reader: Reader, machine: &Machine, expected: &Expectation) -> Reader {
    let Some(reach) = expected.reach() else { return reader };
    let rom = !machine.firmware.is_uefi() && machine.has_nic();
    reader.watching(Watcher::new(&reach.patterns(), rom))
}

impl<'a> Session<'a> {
    /// A machine that is ready and off.
    pub fn new(case: &'a Case, platform: &'a Platform, options: &'a Options, prepared: Prepared) -> Session<'a> {
        let recorder = Recorder::new();
        let reader = Reader::new(prepared.machine.firmware, prepared.names.clone());
        let reader = watching_for(reader, &prepared.machine, &case.expectation);
        let pace = Pace::new(prepared.store.as_ref().map(VariableStoreFile::path));
        let watch = Watch::new(&recorder, reader, &case.expectation, case.story.resets(), options.patience, pace);
        Session {
            case,
            platform,
            options,
            devices: DeviceState::new(&prepared.machine),
            snapshots: Snapshots::of(&case.story),
            nodes: BTreeSet::new(),
            has_exchanged: false,
            prepared,
            recorder,
            watch,
            vm: None,
            tpm: None,
            networks: Vec::new(),
            network_record: NetworkRecord::default(),
            host_reads: None,
            base: None,
            processor: None,
            main_loop_silent: Duration::ZERO,
            refused: None,
        }
    }

    /// The first power-on begins with this state instead of a reset.
    pub fn starting_from(self, base: Option<Arc<Base>>) -> Session<'a> {
        Session { base, ..self }
    }

    /// Powers the machine on for the first time.
    ///
    /// # Errors
    ///
    /// How the run ended thereby.
    pub fn start(&mut self) -> Result<(), RunEnd> {
        if let Some(base) = self.base.clone() {
            return self.start_warm(&base);
        }
        let machine = self.prepared.machine.clone();
        match self.power_on(&machine, StartMode::Cold) {
            Ok(vm) => {
                self.replace_vm(vm);
                Ok(())
            }
            Err(VmError::EndedEarly { exit, said }) => Err(RunEnd::Refused { exit, said }),
            Err(error) => Err(RunEnd::Broken { reason: chain(&error) }),
        }
    }

    /// Watches the machine until the expectation's run is over, or cannot be any more.
    pub fn watch(&mut self) -> RunEnd {
        match self.case.expectation.reach() {
            Some(reach) => self.watch_text(reach),
            None => self.watch.until_over(),
        }
    }

    /// Takes what is still under way, looks at the guest a last time and powers machine and networks off.
    pub fn stop(&mut self, end: &RunEnd) -> LastLook {
        let Some(vm) = &self.vm else { return LastLook::never("never ran") };
        self.watch.drain();
        self.picture();
        let look = LastLook::at(vm);
        for networks in std::mem::take(&mut self.networks) {
            // the parts of a lab write down how they end once QEMU has
            let ended = networks.has_lab() && !self.options.pause_on_failure && vm.quit(LAB_ENDS).is_some();
            self.network_record.add(networks.power_off(ended, &self.recorder));
        }
        self.watch.network(self.network_record.events());
        self.watch.finish(end.was_seen());
        if !self.case.story.is_empty() && self.watch.trace().payloads.is_empty() {
            self.host_reads = fw_cfg::read(vm).ok();
        }
        let boot = conclude_boot(&self.case.expectation, self.watch.trace(), end, &look.state);
        if self.options.pause_on_failure && matches!(boot, Conclusion::Fails(_)) && vm.exit(Duration::ZERO).is_none() {
            pause(vm, self.options);
        }
        vm.power_off();
        self.count_processor();
        self.end_tpm();
        look
    }

    /// A TPM that ended before its QEMU, or not well, proves nothing.
    fn end_tpm(&mut self) {
        if let Some(exit) = self.tpm.take().and_then(RunningTpm::power_off) {
            self.recorder.fail(&format!("the program that plays the TPM has ended: {exit}; see tpm.log"));
        }
    }

    /// How late its networks answered.
    pub fn network_late(&self) -> Lateness {
        self.network_record.lateness()
    }

    /// User and system time of all its QEMUs; `None` where none has ended.
    pub fn processor(&self) -> Option<Duration> {
        self.processor
    }

    /// How long its guest computed at most while QEMU's main loop served nobody; zero by the host's clock, which waits with it.
    pub fn main_loop_silent(&self) -> Duration {
        self.main_loop_silent
    }

    fn count_processor(&mut self) {
        let silent = self.vm.as_ref().map(Vm::main_loop_silent).unwrap_or_default();
        self.main_loop_silent = self.main_loop_silent.max(silent);
        let used = self.vm.as_ref().and_then(Vm::processor);
        self.processor = used.map(|used| self.processor.unwrap_or_default() + used).or(self.processor);
    }

    /// Reads the variable store, collects the views and writes the evidence.
    pub fn observe(&mut self, look: LastLook) -> Seen {
        let wall = self.watch.elapsed();
        let mut trace = self.watch.trace().clone();
        let tsc = trace.payloads.last().and_then(|payload| payload.tsc).map(Duration::from_nanos);
        let guest_time = match self.prepared.machine.clock() {
            Clock::Virtual { .. } => tsc.or(look.guest_time),
            Clock::Real => Some(wall),
        };
        let asked = self.devices.effective();
        let mut nvram = match &self.prepared.store {
            Some(store) => store.over_its_life(asked.variable_store.access, self.snapshots.store_overlaid()),
            None => DecodedStores::default(),
        };
        let names = self.watch.names();
        menu_names::find(&mut trace.menus, names, &nvram.boot[1].options);
        let views = Views::of(asked, &self.prepared.layout, names, &trace, &nvram.boot[1].options);
        let views = views.with_timeout(nvram.timeout);
        let [before, after] = &nvram.boot;
        let views = views.with_measured(asked, names, &trace, &self.prepared.programs);
        let views = views.with_given(asked, names, &trace, before, after);
        let views = match &self.host_reads {
            Some(lists) => views.with_host(lists.bootorder.as_deref(), lists.bios_geometry.as_deref()),
            None => views,
        };
        let unread = nvram.unread.take().map_or(Ok(()), Err);
        let written = unread.and(self.write_evidence(&trace, &nvram, &views));
        Seen {
            trace,
            wall,
            guest_time,
            guest_state: look.state,
            qemu_signal: look.signal,
            views,
            stores: nvram.stores,
            written,
        }
    }

    fn write_evidence(&self, trace: &Trace, nvram: &DecodedStores, views: &Views) -> Result<(), RunError> {
        let Prepared { folder, flash, .. } = &self.prepared;
        folder.record(&self.recorder, trace, nvram, views)?;
        flash.as_ref().map_or(Ok(()), |flash| folder.firmware(&flash.to_json()))?;
        self.network_record.write(folder.path())
    }

    /// Evidence that could not be written or kept, or a template that was written to: the host's fault whatever the guest did.
    pub fn unkept(&self, seen: &Seen) -> Option<String> {
        let template = self.prepared.store.as_ref().map_or(Ok(()), VariableStoreFile::template_untouched);
        let template = template.err().map(|error| chain(&error));
        template.or_else(|| seen.written.as_ref().err().map(|error| chain(error))).or_else(|| self.recorder.failure())
    }

    /// Whether the host, by being slow, lost something of what was printed.
    pub fn lost_by_host(&self) -> bool {
        self.watch.lost_by_host()
    }

    /// What follows from it for the case.
    pub fn conclude(&self, end: &RunEnd, seen: &Seen) -> Conclusion {
        match self.unkept(seen) {
            Some(unkept) => Conclusion::Broken(unkept),
            None => conclude(&self.case.expectation, &Self::observed(end, seen)),
        }
    }

    /// How it fails if the log has no hole; `None` where it does not.
    pub fn fails_if_whole(&self, end: &RunEnd, seen: &Seen) -> Option<String> {
        match conclude_as_whole(&self.case.expectation, &Self::observed(end, seen)) {
            Conclusion::Fails(reason) => Some(reason),
            _ => None,
        }
    }

    fn observed<'s>(end: &'s RunEnd, seen: &'s Seen) -> Observed<'s> {
        Observed {
            trace: &seen.trace,
            end,
            guest_state: &seen.guest_state,
            guest_time: seen.guest_time,
            stores: seen.stores.as_ref(),
            views: &seen.views,
        }
    }

    /// Removes what can be made again.
    pub fn drop_media(&self) {
        self.prepared.folder.drop_media();
        self.prepared.store.iter().for_each(VariableStoreFile::remove);
    }

    /// The machine's clock.
    pub fn clock(&self) -> Clock {
        self.prepared.machine.clock()
    }

    /// The QEMU of the last power-on.
    pub(super) fn vm(&self) -> Result<&Vm, StepError> {
        self.vm.as_ref().ok_or_else(|| StepError::impossible("the machine was never powered on"))
    }

    /// The machine is another QEMU's from now on; the one before ends.
    pub(super) fn replace_vm(&mut self, vm: Vm) {
        self.count_processor();
        self.watch.looks_by(self.lookout(&vm));
        self.vm = Some(vm);
        let earlier = self.networks.len().saturating_sub(1);
        for networks in self.networks.drain(..earlier) {
            self.network_record.add(networks.power_off(false, &self.recorder));
        }
        // media that were on the command line have their block nodes
        let devices = &self.devices.present().devices;
        self.nodes = (0..devices.len()).filter(|&at| !devices[at].absent).collect();
    }

    /// Who looks at the guest while it is silent. A story that takes programs of others further may let them wait.
    fn lookout(&self, vm: &Vm) -> Lookout {
        let machine = &self.prepared.machine;
        let limits = match self.case.expectation.reach() {
            Some(_) => Limits::foreign(),
            None => Limits::known(machine),
        };
        Lookout::at(vm, machine, limits, self.options.known_loops.clone())
    }

    /// A number for the n-th random decision.
    pub(super) fn draw(&self, number: u32) -> u64 {
        seed::draw(self.options.seed, &self.case.id, number)
    }

    pub(super) fn note(&self, event: HarnessEvent) {
        self.recorder.harness(event);
    }

    pub(super) fn flash_and_store(&mut self) -> Result<(&mut Flash, &mut VariableStoreFile), RunError> {
        let both = self.prepared.flash.as_mut().zip(self.prepared.store.as_mut());
        both.ok_or_else(|| RunError::new("this firmware has no flash and no variable store"))
    }

    /// Powers on a machine with the same files and networks of its own.
    pub(super) fn power_on(&mut self, machine: &Machine, mode: StartMode) -> Result<Vm, VmError> {
        let mut files = self.prepared.files.clone();
        if let Some(store) = &mut self.prepared.store {
            if mode == (StartMode::Incoming { own_nvram: true }) {
                let source = |error| std::io::Error::other(chain(&error));
                let prepare = |error| VmError::Prepare { what: "a variable store".to_owned(), source: source(error) };
                store.make_another().map_err(prepare)?;
            }
            store.powered_on();
            files.vars = Some(store.path());
        }
        if let (Some(flash), Some(vars)) = (&mut self.prepared.flash, &files.vars) {
            self.recorder.harness(flash.powered_on(machine.variable_store.access, vars));
            files.code = Some(flash.code());
        }
        self.spawn(machine, &files, mode)
    }

    fn spawn(&mut self, machine: &Machine, files: &Files, mode: StartMode) -> Result<Vm, VmError> {
        let (networks, far) = self.prepared.networks.power_on(&self.recorder)?;
        let (mut others, env): (Vec<_>, Vec<_>) = far.lab.into_iter().unzip();
        self.end_tpm();
        let tpm = machine.tpm.map(|_| RunningTpm::power_on(self.prepared.folder.path())).transpose()?;
        let (tpm, socket) = tpm.unzip();
        let wired = socket.as_ref().map(AsRawFd::as_raw_fd);
        (self.tpm, others) = (tpm, others.into_iter().chain(socket).collect());
        let ports = Ports::new(far.nics, others)?;
        let (qmp, debugcon, nics) = ports.numbers();
        let serial = ports.serial().to_owned();
        let qemu = &self.platform.qemu;
        let incoming = mode != StartMode::Cold;
        let wiring = Wiring::Harness { qmp, serial, debugcon, nics, sandbox: qemu.sandbox, incoming, tpm: wired };
        let argv = argv::argv(machine, &self.prepared.layout, files, &wiring);
        let folder = self.prepared.folder.path();
        let wrapped = machine.bridge().map(|_| lab::wrapped(&qemu.command));
        let command = wrapped.as_deref().unwrap_or(&qemu.command);
        let env = [qemu.env.clone(), env].concat();
        let reply = self.options.patience.reply;
        let mut start = Command::new(command.first().cloned().unwrap_or_default());
        start.args(command.iter().skip(1)).args(&argv).envs(env).directory(folder);
        start.in_shell = wrapped.is_some();
        let vm = Vm::power_on(&start, ports, self.recorder.clone(), reply)?;
        if argv::is_held(machine, &wiring) {
            vm.execute("cont", serde_json::Value::Null)?;
        }
        if matches!(machine.clock(), Clock::Virtual { .. }) {
            vm.listen_to_main_loop();
        }
        self.networks.push(networks);
        Ok(vm)
    }
}

fn pause(vm: &Vm, options: &Options) {
    vm.execute("stop", serde_json::Value::Null).ok();
    let folder = options.folder.display();
    writeln!(std::io::stderr(), "paused; evidence so far: {folder}; end with Ctrl-C").ok();
    while vm.exit(Duration::from_secs(3600)).is_none() {}
}

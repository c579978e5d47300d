//! Executes the steps of a story, one after another, and says which one failed.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::ledger::Ledger;
use super::snapshot::Held;
use super::{Watch, fw_cfg, plug};
use crate::case::story::{LanMoment, Milestone, Monitor, Step, Story, Unplugged, WhileOff};
use crate::evidence::{Observed, Recorder, Source};
use crate::machine::argv::Files;
use crate::machine::layout::Layout;
use crate::machine::{Firmware, Machine, paths};
use crate::trace::{Terminal, Trace};
use crate::vm::qmp::QmpError;
use crate::vm::{REPLY_TIMEOUT, Vm, VmError};

/// Host time in which `DEVICE_DELETED` comes where it comes at once.
const UNPLUG_PATIENCE: Duration = Duration::from_secs(10);

/// Host time for a payload to end QEMU.
const END_PATIENCE: Duration = Duration::from_secs(60);

/// What stands in the timeline between two power-ons: a new lap begins, although nobody reset the machine.
pub const POWERED_OFF: &str = "powered off by the story";

/// What the steps act on.
pub struct Stage<'a> {
    /// The running or paused machine.
    pub vm: &'a mut Vm,
    /// What the steps have made of it.
    pub ledger: &'a mut Ledger,
    /// Where its devices sit.
    pub layout: &'a Layout,
    /// The files of its media.
    pub files: &'a Files,
    /// What it has shown.
    pub watch: &'a mut Watch,
    /// Where steps are noted.
    pub recorder: &'a Recorder,
    /// Powers on a machine with the same files.
    pub power_on: &'a dyn Fn(&Machine, Begin) -> Result<Vm, VmError>,
    /// Its snapshots.
    pub held: &'a mut Held,
    /// Does something to the files of the machine while it is off; why it could not.
    pub while_off: &'a dyn Fn(&WhileOff) -> Result<(), String>,
    /// A number drawn from the run's seed for the n-th decision.
    pub draw: &'a dyn Fn(u32) -> u64,
    /// Resets before leaving prelaunch, to imitate a QEMU that updates fw_cfg then.
    pub double: bool,
}

/// How a QEMU begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// With a reset of its machine.
    Cold,
    /// With the state of another one.
    Incoming {
        /// Its variable store is a fresh copy of the template.
        own_nvram: bool,
    },
}

/// Why a story could not be told to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Untold {
    /// A step did not go as it must: QEMU's or the firmware's fault.
    Failed(String),
    /// The monitor or the host failed.
    Broken(String),
}

/// What is wrong with a step that demands a refusal; QEMU itself said so, whether or not the guest ran.
pub const NOT_REFUSED: &str = "QEMU did not refuse";

/// Executes a story.
///
/// # Errors
///
/// [`Untold`] with the number and name of the step that failed.
pub fn tell(story: &Story, stage: &mut Stage<'_>) -> Result<(), Untold> {
    // media that were on the command line have their block nodes
    let machine = stage.ledger.present();
    let mut nodes: BTreeSet<usize> = (0..machine.devices.len()).filter(|&at| !machine.devices[at].absent).collect();
    stage.held.expect(story);
    let count = story.steps.len();
    for (position, step) in story.steps.iter().enumerate() {
        let named = format!("step {} of {count}, {step}", position + 1);
        stage.recorder.note(Observed::Harness(named.clone()));
        stage.step(step, &mut nodes).map_err(|untold| match untold {
            Untold::Failed(reason) => Untold::Failed(format!("{named}: {reason}")),
            Untold::Broken(reason) => Untold::Broken(format!("{named}: {reason}")),
        })?;
    }
    Ok(())
}

impl From<QmpError> for Untold {
    fn from(error: QmpError) -> Untold {
        match error {
            QmpError::Refused { .. } => Untold::Failed(error.to_string()),
            _ => Untold::Broken(error.to_string()),
        }
    }
}

impl Stage<'_> {
    fn step(&mut self, step: &Step, nodes: &mut BTreeSet<usize>) -> Result<(), Untold> {
        match step {
            Step::Plug { device, by } => {
                let index = self.device(device)?;
                match by {
                    Monitor::Qmp => self.plug(index, nodes)?,
                    Monitor::Human => self.plug_by_hand(index)?,
                }
                self.ledger.plugged(index);
            }
            Step::PlugReleased { device } => {
                let index = self.device(device)?;
                self.plug_released(index, nodes)?;
                self.ledger.plugged(index);
            }
            Step::PlugRefused { device, words } => {
                let index = self.device(device)?;
                let refused = self.plug(index, nodes);
                demand_refusal(refused, words)?;
            }
            Step::Unplug { device, unplugged } => self.unplug(device, *unplugged)?,
            Step::Released { device } => self.released(device, nodes)?,
            Step::SetBootindex { device, bootindex } => {
                let index = self.device(device)?;
                self.set_bootindex(index, *bootindex)?;
                self.ledger.bootindex(index, *bootindex);
            }
            Step::SetBootindexRefused { device, bootindex, words } => {
                let index = self.device(device)?;
                let refused = self.set_bootindex(index, *bootindex);
                demand_refusal(refused, words)?;
            }
            Step::Type { line, plugs } => {
                let plugs = plugs.as_deref().map(|device| self.device(device)).transpose()?;
                self.type_line(&self.with_files(line))?;
                if let Some(index) = plugs {
                    self.ledger.plugged(index);
                }
            }
            Step::Press { keys, confirmed_by } => self.answered(confirmed_by, |stage| stage.press(keys))?,
            Step::Enter { text, confirmed_by } => self.answered(confirmed_by, |stage| {
                let typed = stage.vm.type_on_serial(text.as_bytes());
                typed.map_err(|error| Untold::Broken(format!("cannot type on the serial port: {error}")))
            })?,
            Step::Cont => self.cont()?,
            Step::Reset => {
                self.reset()?;
                self.ledger.reset();
            }
            Step::RandomResets { count, within } => self.random_resets(*count, *within)?,
            Step::Wait(milestone) => self.wait(milestone)?,
            Step::HostReads(devices) => self.host_reads(devices)?,
            Step::PowerCycle { .. } | Step::PowerCycleWith(_) | Step::Migrate(_) if self.held.overlays() => {
                return Err(Untold::Broken("overlays of snapshots do not go along to another QEMU".to_owned()));
            }
            Step::PowerCycle { without } => self.power_cycle(without, nodes)?,
            Step::PowerCycleWith(done) => self.power_cycle_with(done, nodes)?,
            Step::Migrate(destination) => self.migrate(destination, nodes)?,
            Step::Snapshot { name, drives } => self.snapshot(name, *drives)?,
            Step::SnapshotRefused { drives, words } => {
                let refused = self.snapshot("refused", *drives);
                demand_refusal(refused, words)?;
                self.held.finished()?;
            }
            Step::Restore { name } => self.restore(name)?,
            Step::RestoreRefused { name, words } => {
                let refused = self.restore(name);
                let said = |text: &&String| matches!(&refused, Err(Untold::Failed(said)) if said.contains(*text));
                let words = words.iter().find(said).or(words.first()).cloned().unwrap_or_default();
                demand_refusal(refused, &words)?;
                self.held.finished()?;
            }
        }
        Ok(())
    }

    fn device(&self, name: &str) -> Result<usize, Untold> {
        let found = self.ledger.present().device_named(name);
        found.ok_or_else(|| Untold::Broken(format!("the machine has no device \"{name}\"")))
    }

    fn plug(&self, index: usize, nodes: &mut BTreeSet<usize>) -> Result<(), Untold> {
        let machine = self.ledger.present();
        let device = &machine.devices[index];
        if let Some(Some(file)) = self.files.media.get(index)
            && nodes.insert(index)
        {
            self.vm.execute("blockdev-add", plug::blockdev_add(device, index, file))?;
        }
        let arguments = self.layout.devices.get(index).and_then(|placed| plug::device_add(machine, placed, index));
        let arguments = arguments.ok_or_else(|| Untold::Broken("this class cannot be plugged in".to_owned()))?;
        self.vm.execute("device_add", arguments)?;
        Ok(())
    }

    /// Until a device is released its bootindex and its netdev are taken, and QEMU has no event for that moment (RCU).
    fn plug_released(&self, index: usize, nodes: &mut BTreeSet<usize>) -> Result<(), Untold> {
        let deadline = Instant::now() + UNPLUG_PATIENCE;
        loop {
            match self.plug(index, nodes) {
                Err(Untold::Failed(said)) if is_taken(&said) && Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                outcome => return outcome,
            }
        }
    }

    fn plug_by_hand(&self, index: usize) -> Result<(), Untold> {
        let file = self.files.media.get(index).and_then(Option::as_ref);
        let placed = self.layout.devices.get(index);
        let lines =
            file.zip(placed).and_then(|(file, placed)| plug::monitor_lines(self.ledger.present(), placed, index, file));
        let lines = lines.ok_or_else(|| Untold::Broken("this class cannot be plugged in by hand".to_owned()))?;
        lines.iter().try_for_each(|line| self.type_line(line))
    }

    /// The human monitor reports errors as text; success is silent, or `OK` for `drive_add`.
    fn type_line(&self, line: &str) -> Result<(), Untold> {
        let answer = self.vm.execute("human-monitor-command", json!({ "command-line": line }))?;
        match answer.as_str().unwrap_or_default().trim() {
            "" | "OK" => Ok(()),
            words => Err(Untold::Failed(format!("QEMU answered: {words}"))),
        }
    }

    fn with_files(&self, line: &str) -> String {
        let mut line = line.to_owned();
        for (device, file) in self.ledger.present().devices.iter().zip(&self.files.media) {
            if let (Some(name), Some(file)) = (device.medium_name(), file) {
                line = line.replace(&format!("{{{name}}}"), &file.display().to_string());
            }
        }
        line
    }

    fn unplug(&mut self, name: &str, unplugged: Unplugged) -> Result<(), Untold> {
        let index = self.device(name)?;
        let id = self.id(index);
        let cursor = self.vm.qmp.event_cursor();
        self.vm.execute("device_del", json!({ "id": id }))?;
        if unplugged == Unplugged::AtOnce {
            let ours = |data: &Value| data.get("device").and_then(Value::as_str) == Some(id.as_str());
            let event = self.vm.qmp.wait_event(cursor, "DEVICE_DELETED", ours, UNPLUG_PATIENCE);
            event.map_err(|error| match error {
                QmpError::Timeout { .. } => Untold::Failed(error.to_string()),
                other => Untold::from(other),
            })?;
        }
        self.ledger.unplugged(index, unplugged);
        Ok(())
    }

    /// QEMU releases a device some time after it has gone (RCU) and has no event for that, so the only way is to ask again.
    fn released(&self, name: &str, nodes: &mut BTreeSet<usize>) -> Result<(), Untold> {
        let index = self.device(name)?;
        let node = json!({ "node-name": format!("medium{index}") });
        let deadline = Instant::now() + UNPLUG_PATIENCE;
        loop {
            match self.vm.execute("blockdev-del", node.clone()) {
                Ok(_) => break,
                Err(QmpError::Refused { .. }) if Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                Err(error) => return Err(error.into()),
            }
        }
        nodes.remove(&index);
        Ok(())
    }

    fn set_bootindex(&self, index: usize, bootindex: i64) -> Result<(), Untold> {
        let path = format!("/machine/peripheral/{}", self.id(index));
        let arguments = json!({ "path": path, "property": "bootindex", "value": bootindex });
        self.vm.execute("qom-set", arguments)?;
        Ok(())
    }

    fn id(&self, index: usize) -> String {
        self.layout.devices.get(index).map(|placed| placed.id.clone()).unwrap_or_default()
    }

    /// QEMU answers `system_reset` before it resets; the next step must not overtake it.
    fn reset(&self) -> Result<(), Untold> {
        let cursor = self.vm.qmp.event_cursor();
        self.vm.execute("system_reset", Value::Null)?;
        self.vm.qmp.wait_event(cursor, "RESET", |_| true, REPLY_TIMEOUT)?;
        Ok(())
    }

    /// Moments are counted in bytes of log and not in time, so that the same seed resets at the same places of POST.
    fn random_resets(&mut self, count: u32, within: u32) -> Result<(), Untold> {
        let recorder = self.recorder;
        let (source, begin) = match self.ledger.present().firmware {
            Firmware::SeaBios => (Source::DebugConsole, "BUILD: "),
            Firmware::Ovmf => (Source::Serial, ""),
        };
        for number in 0..count {
            let cursor = if number == 0 { 0 } else { recorder.stream(source).len() };
            let drawn = ((self.draw)(number) % u64::from(within.max(1))) as usize;
            let payloads = self.watch.payloads();
            recorder.note(Observed::Harness(format!(
                "reset {} of {count}: after {drawn} bytes of this lap's log",
                number + 1
            )));
            let due = |trace: &Trace, _: &[Value]| {
                let stream = recorder.stream(source);
                let lap = String::from_utf8_lossy(stream.get(cursor..).unwrap_or_default()).into_owned();
                let behind = lap.find(begin).and_then(|at| lap.get(at..));
                trace.payloads.len() > payloads || behind.is_some_and(|log| log.len() > drawn && log.contains('\n'))
            };
            self.watch.until(recorder, due).map_err(Untold::Failed)?;
            self.reset()?;
            self.ledger.reset();
        }
        Ok(())
    }

    fn cont(&mut self) -> Result<(), Untold> {
        // the double's reset has side effects that the real fix has not: it completes unplugs and uses up once=
        let faithful = !self.ledger.unplug_outstanding() && self.ledger.present().boot.once.is_none();
        if self.double && self.ledger.in_prelaunch() && faithful {
            self.recorder.note(Observed::Harness("double of a fixed QEMU: system_reset before cont".to_owned()));
            self.reset()?;
        }
        self.vm.execute("cont", Value::Null)?;
        self.ledger.continued();
        Ok(())
    }

    /// Does something to which the firmware answers with this text.
    fn answered(
        &mut self,
        confirmed_by: &str,
        act: impl FnOnce(&mut Self) -> Result<(), Untold>,
    ) -> Result<(), Untold> {
        let recorder = self.recorder;
        let printed = |cursors: [usize; 2]| {
            let tail = |(source, cursor)| recorder.stream(source).get(cursor..).map(<[u8]>::to_vec).unwrap_or_default();
            [Source::DebugConsole, Source::Serial].into_iter().zip(cursors).map(tail).collect::<Vec<_>>()
        };
        let cursors = [Source::DebugConsole, Source::Serial].map(|source| recorder.stream(source).len());
        act(self)?;
        let confirmed = |_: &Trace, _: &[Value]| printed(cursors).iter().any(|tail| contains(tail, confirmed_by));
        self.watch.until(recorder, confirmed).map_err(Untold::Failed)
    }

    fn press(&self, keys: &[String]) -> Result<(), Untold> {
        for key in keys {
            let event = |down: bool| json!({ "type": "key", "data": { "down": down, "key": { "type": "qcode", "data": key } } });
            self.vm.execute("input-send-event", json!({ "events": [event(true), event(false)] }))?;
        }
        Ok(())
    }

    fn wait(&mut self, milestone: &Milestone) -> Result<(), Untold> {
        if *milestone == Milestone::Ended {
            let ended = self.vm.exit(END_PATIENCE);
            return match ended {
                Some(_) => Ok(()),
                None => Err(Untold::Failed(format!("QEMU still runs after {} s", END_PATIENCE.as_secs()))),
            };
        }
        let recorder = self.recorder;
        let reached = |trace: &Trace, lan: &[Value]| reached(milestone, trace, lan, recorder);
        self.watch.until(recorder, reached).map_err(Untold::Failed)
    }

    fn host_reads(&mut self, devices: &[String]) -> Result<(), Untold> {
        let indices: Vec<usize> = devices.iter().map(|name| self.device(name)).collect::<Result<_, _>>()?;
        let machine = self.ledger.present();
        let line = |&index: &usize| paths::bootorder_line(machine, self.layout, index);
        let wanted: Vec<String> = indices.iter().filter_map(line).collect();
        let lists = fw_cfg::read(self.vm)?;
        let text = String::from_utf8_lossy(&lists.bootorder.unwrap_or_default()).into_owned();
        self.recorder.note(Observed::Harness(format!("the host reads bootorder {text:?}")));
        let seen: Vec<&str> = text.trim_end_matches('\0').lines().filter(|line| *line != "HALT").collect();
        if seen == wanted {
            return Ok(());
        }
        let (wanted, seen) = (wanted.join(" | "), seen.join(" | "));
        Err(Untold::Failed(format!("bootorder is [{seen}], wanted [{wanted}]")))
    }

    fn power_cycle(&mut self, without: &[String], nodes: &mut BTreeSet<usize>) -> Result<(), Untold> {
        let without: BTreeSet<usize> = without.iter().map(|name| self.device(name)).collect::<Result<_, _>>()?;
        self.power_off();
        self.power_on_again(&without, nodes)
    }

    pub(super) fn power_off(&mut self) {
        self.watch.ignore_end();
        self.vm.power_off();
        self.recorder.note(Observed::Harness(POWERED_OFF.to_owned()));
    }

    pub(super) fn power_on_again(
        &mut self,
        without: &BTreeSet<usize>,
        nodes: &mut BTreeSet<usize>,
    ) -> Result<(), Untold> {
        self.ledger.power_cycled(without);
        let vm = (self.power_on)(self.ledger.present(), Begin::Cold);
        *self.vm = vm.map_err(|error| Untold::Broken(super::words(&error)))?;
        let devices = &self.ledger.present().devices;
        *nodes = (0..devices.len()).filter(|&at| !devices[at].absent).collect();
        Ok(())
    }
}

/// Turns QEMU's refusal into success and everything else into the step's failure.
fn demand_refusal(outcome: Result<(), Untold>, words: &str) -> Result<(), Untold> {
    match outcome {
        Ok(()) => Err(Untold::Failed(NOT_REFUSED.to_owned())),
        Err(Untold::Failed(said)) if said.contains(words) => Ok(()),
        Err(other) => Err(other),
    }
}

/// Words by which QEMU refuses what a device that is going still has.
fn is_taken(said: &str) -> bool {
    said.contains("has already been used") || said.contains("in use")
}

fn contains(stream: &[u8], text: &str) -> bool {
    String::from_utf8_lossy(stream).contains(text)
}

fn reached(milestone: &Milestone, trace: &Trace, lan: &[Value], recorder: &Recorder) -> bool {
    match milestone {
        Milestone::Lap(lap) => trace.laps >= *lap,
        Milestone::Payload { medium, times } => {
            let ran = |payload: &&crate::trace::Payload| payload.medium_of_nonce.as_ref() == Some(medium);
            trace.payloads.iter().filter(ran).count() >= *times as usize
        }
        Milestone::NothingBootable => {
            trace.terminal.as_ref().is_some_and(|terminal| *terminal != Terminal::CpuException)
        }
        Milestone::Crashed => trace.terminal == Some(Terminal::CpuException),
        Milestone::Says { text, times } => {
            let count = |source| String::from_utf8_lossy(&recorder.stream(source)).matches(text.as_str()).count();
            count(Source::DebugConsole).max(count(Source::Serial)) >= *times as usize
        }
        Milestone::OnLan { moment, times } => {
            lan.iter().filter(|event| is_moment(*moment, event)).count() >= *times as usize
        }
        Milestone::Ended => false,
    }
}

/// Whether an event of a lan, as the timeline has it, is that moment.
fn is_moment(moment: LanMoment, event: &Value) -> bool {
    let text = |key: &str| event.pointer(key).and_then(Value::as_str);
    let what = text("/event/what");
    match moment {
        LanMoment::Discover => what == Some("dhcp") && text("/event/message") == Some("discover"),
        LanMoment::Ack => what == Some("dhcp") && text("/event/message") == Some("ack"),
        LanMoment::TftpRequest => what == Some("tftp-request"),
        LanMoment::TftpQuarter => what == Some("tftp-progress"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_that_was_demanded_passes_only_with_its_words() {
        let refusal =
            || Err(Untold::Failed("QEMU refused device_add: Bus 'ide.1' does not support hotplugging".into()));
        assert_eq!(demand_refusal(refusal(), "does not support hotplugging"), Ok(()));
        assert_eq!(demand_refusal(refusal(), "no such bus"), refusal());
        assert_eq!(demand_refusal(Ok(()), "any"), Err(Untold::Failed(NOT_REFUSED.into())));
    }

    #[test]
    fn a_moment_on_the_network_is_its_own_event_and_counted() {
        let event = |event: Value| json!({ "nic": "nic0", "event": event });
        let discover = event(json!({ "what": "dhcp", "message": "discover" }));
        let lan = [discover.clone(), event(json!({ "what": "dhcp", "message": "offer" })), discover];
        let is =
            |moment, times| reached(&Milestone::OnLan { moment, times }, &Trace::default(), &lan, &Recorder::new());
        assert!(is(LanMoment::Discover, 2) && !is(LanMoment::Discover, 3));
        assert!(!is(LanMoment::Ack, 1) && !is(LanMoment::TftpRequest, 1) && !is(LanMoment::TftpQuarter, 1));
    }

    #[test]
    fn a_milestone_counts_laps_and_text() {
        let recorder = Recorder::new();
        recorder.bytes(Source::DebugConsole, b"SeaBIOS (version 1)\nSeaBIOS (version 1)\n");
        let trace = Trace { laps: 2, ..Trace::default() };
        let says = |times| Milestone::Says { text: "SeaBIOS (version".into(), times };
        assert!(reached(&says(2), &trace, &[], &recorder) && !reached(&says(3), &trace, &[], &recorder));
        assert!(
            reached(&Milestone::Lap(2), &trace, &[], &recorder) && !reached(&Milestone::Lap(3), &trace, &[], &recorder)
        );
    }
}

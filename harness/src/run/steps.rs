//! Executes the steps of a story, one after another, and says which one failed.

use serde_json::{Value, json};

use super::error::{FailedStep, RunError, StepError};
use super::fw_cfg;
use super::milestone::{LapLog, Occurrences, reached};
use super::session::Session;
use crate::case::story::{Milestone, Monitor, Step};
use crate::evidence::{HarnessEvent, Source};
use crate::machine::{Firmware, paths};
use crate::vm::REPLY_TIMEOUT;
use crate::vm::qmp::QmpError;

/// Host time for a payload to end QEMU.
const END_PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);

/// How long a QEMU whose monitor ended may take to end.
const LAST_BREATH: std::time::Duration = std::time::Duration::from_secs(2);

/// How often a firmware that does not listen yet is woken, and how long it may take each time.
const WAKES: usize = 50;
const WAKE_EVERY: std::time::Duration = std::time::Duration::from_millis(100);

impl Session<'_> {
    /// Executes the story of the case.
    ///
    /// # Errors
    ///
    /// The step that failed, and why.
    pub fn run_steps(&mut self) -> Result<(), FailedStep> {
        let case = self.case;
        let of = case.story.steps.len();
        for (position, step) in case.story.steps.iter().enumerate() {
            let (number, named) = (position + 1, step.to_string());
            self.note(HarnessEvent::Step { number, of, step: named.clone() });
            self.watch.begin_step();
            let outcome = self.step(step).map_err(|error| self.explained(error));
            outcome.map_err(|source| FailedStep { number, of, step: named, source })?;
        }
        Ok(())
    }

    /// The cause behind an error, where it is one that the step could not see: how QEMU ended, or what the host did to it.
    fn explained(&self, error: StepError) -> StepError {
        let exit = || self.vm().ok().and_then(|vm| vm.exit(LAST_BREATH));
        match &error {
            StepError::QemuEnded { exit: None, .. } | StepError::Host(RunError::Qmp(QmpError::Ended(_))) => {
                match exit() {
                    // an exit code may be a payload's, which a story must not cross
                    Some(exit) if exit.signal.is_some() => {
                        StepError::QemuEnded { exit: Some(exit), what: format!("{error}; QEMU was {exit}") }
                    }
                    _ => error,
                }
            }
            StepError::Timeout(_) => match self.watch.fault_of_host() {
                Some(end) => StepError::impossible(format!("{error}; {end}")),
                None => error,
            },
            _ => error,
        }
    }

    fn step(&mut self, step: &Step) -> Result<(), StepError> {
        match step {
            Step::Plug { device, by: Monitor::Qmp } => self.plug(device),
            Step::Plug { device, by: Monitor::Human } => self.plug_by_hand(device),
            Step::PlugReleased { device } => self.plug_released(device),
            Step::Unplug { device, unplugged } => self.unplug(device, *unplugged),
            Step::Released { device } => self.released(device),
            Step::Eject { device } => self.eject(device),
            Step::Insert { device, medium } => self.insert(device, medium),
            Step::SetBootindex { device, bootindex } => self.set_bootindex(device, *bootindex),
            Step::Type { line, plugs, answer } => self.type_words(line, plugs.as_deref(), answer.as_deref()),
            Step::Press { keys, confirmed_by } => {
                self.watch.awaits_answer(true);
                let outcome = self.answered(confirmed_by, |session| session.press(keys));
                self.watch.awaits_answer(false);
                outcome
            }
            Step::Enter { text, confirmed_by, wake: None } => {
                self.answered(confirmed_by, |session| session.enter(text))
            }
            Step::Enter { text, confirmed_by, wake: Some(wake) } => self.woken(text, wake, confirmed_by),
            Step::Cont => self.cont(),
            Step::Reset => self.reset(),
            Step::RandomResets { count, within } => self.random_resets(*count, *within),
            Step::Wait(milestone) => self.wait(milestone),
            Step::HostReads(devices) => self.host_reads(devices),
            Step::PowerCycle { .. } | Step::PowerCycleWith(_) | Step::Migrate(_) if self.snapshots.overlays() => {
                Err(StepError::impossible("overlays of snapshots do not go along to another QEMU"))
            }
            Step::Migrate(_) | Step::Snapshot { .. } | Step::Restore { .. } if self.has_exchanged => {
                Err(StepError::impossible("a medium that was put into a drive does not go along"))
            }
            Step::PowerCycle { without } => self.power_cycle(without),
            Step::PowerCycleWith(done) => self.power_cycle_with(done),
            Step::Migrate(destination) => self.migrate(destination),
            Step::Snapshot { name, drives } => self.snapshot(name, *drives),
            Step::Restore { name } => self.restore(name),
            Step::Refused { step, words } => {
                demand_refusal(self.step(step), words)?;
                self.snapshots.went_on()
            }
        }
    }

    pub(super) fn device(&self, name: &str) -> Result<usize, StepError> {
        let found = self.devices.present().device_named(name);
        found.ok_or_else(|| StepError::impossible(format!("the machine has no device \"{name}\"")))
    }

    /// Types a line at the human monitor in which `{name}` stands for the file of that medium.
    fn type_words(&mut self, line: &str, plugs: Option<&str>, answer: Option<&str>) -> Result<(), StepError> {
        let plugs = plugs.map(|device| self.device(device)).transpose()?;
        let mut line = line.to_owned();
        for (device, file) in self.prepared.machine.devices.iter().zip(&self.prepared.files.media) {
            if let (Some(name), Some(file)) = (device.medium_name(), file) {
                line = line.replace(&format!("{{{name}}}"), &file.display().to_string());
            }
        }
        self.type_line(&line, answer)?;
        if let Some(index) = plugs {
            self.devices.plugged(index);
        }
        Ok(())
    }

    /// The human monitor reports errors as text; success is silent, or `OK` for `drive_add`, but where this answer is wanted.
    pub(super) fn type_line(&self, line: &str, wanted: Option<&str>) -> Result<(), StepError> {
        let answer = self.vm()?.execute("human-monitor-command", json!({ "command-line": line }))?;
        match answer.as_str().unwrap_or_default().trim() {
            words if wanted.is_some_and(|wanted| words.contains(wanted)) => Ok(()),
            "" | "OK" if wanted.is_none() => Ok(()),
            words => Err(StepError::Answered { words: words.to_owned() }),
        }
    }

    fn set_bootindex(&mut self, device: &str, bootindex: i64) -> Result<(), StepError> {
        let index = self.device(device)?;
        let path = format!("/machine/peripheral/{}", self.qemu_id(index));
        let arguments = json!({ "path": path, "property": "bootindex", "value": bootindex });
        self.vm()?.execute("qom-set", arguments)?;
        self.devices.bootindex(index, bootindex);
        Ok(())
    }

    fn reset(&mut self) -> Result<(), StepError> {
        self.system_reset()?;
        self.devices.reset();
        Ok(())
    }

    /// QEMU answers `system_reset` before it resets; the next step must not overtake it.
    fn system_reset(&self) -> Result<(), StepError> {
        let vm = self.vm()?;
        let cursor = vm.qmp.event_cursor();
        vm.execute("system_reset", Value::Null)?;
        vm.qmp.wait_event(cursor, "RESET", |_| true, REPLY_TIMEOUT)?;
        Ok(())
    }

    /// Moments are counted in bytes of log and not in time, so that the same seed resets at the same places of POST.
    fn random_resets(&mut self, count: u32, within: u32) -> Result<(), StepError> {
        let recorder = self.recorder.clone();
        for number in 0..count {
            let (source, begin) = lap_begins(self.devices.present().firmware, number == 0);
            let cursor = if number == 0 { 0 } else { recorder.stream_len(source) };
            let bytes = (self.draw(number) % u64::from(within.max(1))) as usize;
            // a program that reported before the last reset is none of this lap, however late its line is read
            self.watch.drain();
            let payloads = self.watch.trace().payloads.len();
            self.note(HarnessEvent::DrawnReset { number: number + 1, of: count, bytes });
            let mut lap = LapLog::from(source, cursor, begin);
            self.watch.until(|trace, _| trace.payloads.len() > payloads || lap.is_beyond(bytes, &recorder))?;
            self.reset()?;
        }
        Ok(())
    }

    fn cont(&mut self) -> Result<(), StepError> {
        // the imitation's reset has side effects that the real fix has not: it completes unplugs and uses up once=
        let faithful = !self.devices.unplug_outstanding() && self.devices.present().boot.once.is_none();
        if self.options.prelaunch_double && self.devices.in_prelaunch() && faithful {
            self.note(HarnessEvent::Note("double of a fixed QEMU: system_reset before cont".to_owned()));
            self.system_reset()?;
        }
        self.vm()?.execute("cont", Value::Null)?;
        self.devices.continued();
        Ok(())
    }

    /// Does something to which the firmware answers with this text.
    fn answered(
        &mut self,
        confirmed_by: &str,
        act: impl FnOnce(&mut Self) -> Result<(), StepError>,
    ) -> Result<(), StepError> {
        let recorder = self.recorder.clone();
        let mut answers = [Source::DebugConsole, Source::Serial]
            .map(|source| Occurrences::from(source, recorder.stream_len(source), confirmed_by));
        self.watch.answers();
        act(self)?;
        self.watch.until(|_, _| answers.iter_mut().any(|answer| answer.count(&recorder) > 0))
    }

    /// Types the text once, and then the other key until the firmware answers.
    fn woken(&mut self, text: &str, wake: &str, confirmed_by: &str) -> Result<(), StepError> {
        let recorder = self.recorder.clone();
        let mut answer = Occurrences::from(Source::Serial, recorder.stream_len(Source::Serial), confirmed_by);
        self.watch.answers();
        self.enter(text)?;
        for _ in 0..WAKES {
            self.watch.look(WAKE_EVERY, self.watch.patience());
            if answer.count(&recorder) > 0 {
                return Ok(());
            }
            self.enter(wake)?;
        }
        self.watch.until(|_, _| answer.count(&recorder) > 0)
    }

    fn press(&self, keys: &[String]) -> Result<(), StepError> {
        for key in keys {
            let event = |down: bool| json!({ "type": "key", "data": { "down": down, "key": { "type": "qcode", "data": key } } });
            self.vm()?.execute("input-send-event", json!({ "events": [event(true), event(false)] }))?;
        }
        Ok(())
    }

    fn enter(&self, text: &str) -> Result<(), StepError> {
        let typed = self.vm()?.type_on_serial(text.as_bytes());
        typed.map_err(|error| RunError::because("cannot type on the serial port", error).into())
    }

    fn wait(&mut self, milestone: &Milestone) -> Result<(), StepError> {
        if *milestone == Milestone::Ended {
            self.watch.until_ended(END_PATIENCE)?;
            // the timeline knows it first
            self.vm()?.exit(END_PATIENCE);
            return Ok(());
        }
        let recorder = self.recorder.clone();
        let mut says = match milestone {
            Milestone::Says { text, .. } => {
                [Source::DebugConsole, Source::Serial].map(|source| Occurrences::from(source, 0, text)).to_vec()
            }
            _ => Vec::new(),
        };
        self.watch.until(|trace, lan| {
            let said = says.iter_mut().map(|text| text.count(&recorder)).max().unwrap_or_default();
            reached(milestone, trace, lan, said)
        })
    }

    fn host_reads(&mut self, devices: &[String]) -> Result<(), StepError> {
        let indices: Vec<usize> = devices.iter().map(|name| self.device(name)).collect::<Result<_, _>>()?;
        let machine = self.devices.present();
        let line = |&index: &usize| paths::bootorder_line(machine, &self.prepared.layout, index);
        let wanted: Vec<String> = indices.iter().filter_map(line).collect();
        let lists = fw_cfg::read(self.vm()?)?;
        let text = String::from_utf8_lossy(&lists.bootorder.unwrap_or_default()).into_owned();
        self.note(HarnessEvent::Note(format!("the host reads bootorder {text:?}")));
        let seen: Vec<&str> = text.trim_end_matches('\0').lines().filter(|line| *line != "HALT").collect();
        if seen == wanted {
            return Ok(());
        }
        let (wanted, seen) = (wanted.join(" | "), seen.join(" | "));
        Err(StepError::Differs(format!("bootorder is [{seen}], wanted [{wanted}]")))
    }
}

/// Turns QEMU's refusal with one of these texts into success and everything else into the step's failure.
fn demand_refusal(outcome: Result<(), StepError>, texts: &[String]) -> Result<(), StepError> {
    let Err(error) = outcome else { return Err(StepError::NotRefused) };
    let demanded = |said: &str| texts.iter().any(|text| said.contains(text.as_str()));
    if error.words_of_qemu().is_some_and(demanded) { Ok(()) } else { Err(error) }
}

/// Where the firmware says how far it is, and the text at which a lap of its own begins. SeaBIOS' first lap begins when the
/// copy of its code to RAM is complete (shadow.c, `make_bios_writable`, ahead of `qemu_preinit`): QEMU keeps the PAM registers
/// over a reset, so that one amid the copy ends in a processor that runs zeros.
fn lap_begins(firmware: Firmware, first: bool) -> (Source, &'static str) {
    match firmware {
        Firmware::SeaBios if first => (Source::DebugConsole, "Running on QEMU"),
        Firmware::SeaBios => (Source::DebugConsole, "BUILD: "),
        Firmware::Ovmf
        | Firmware::Aavmf
        | Firmware::RiscVVirt
        | Firmware::LoongArchVirt
        | Firmware::S390Ccw
        | Firmware::Slof => (Source::Serial, ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_that_was_demanded_passes_only_with_its_words() {
        let refusal = || {
            let words = "Bus 'ide.1' does not support hotplugging".to_owned();
            Err(StepError::Refused { command: "device_add".to_owned(), class: "GenericError".to_owned(), words })
        };
        let demanded = |outcome, text: &str| demand_refusal(outcome, &["another".to_owned(), text.to_owned()]);
        assert!(demanded(refusal(), "does not support hotplugging").is_ok());
        assert!(matches!(demanded(refusal(), "no such bus"), Err(StepError::Refused { .. })));
        assert!(matches!(demanded(Ok(()), "any"), Err(StepError::NotRefused)));
    }

    #[test]
    fn our_own_words_are_no_refusal_of_qemus() {
        let ours = StepError::Timeout("does not support hotplugging".to_owned());
        assert!(demand_refusal(Err(ours), &["does not support hotplugging".to_owned()]).is_err());
        let ours = StepError::impossible("does not support hotplugging");
        assert!(demand_refusal(Err(ours), &["does not support hotplugging".to_owned()]).is_err());
    }
}

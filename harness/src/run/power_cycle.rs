//! Powers a machine off, changes what its story says, and powers it on again.

use std::collections::BTreeSet;
use std::time::Duration;

use super::error::{RunError, StepError};
use super::session::{Session, StartMode};
use crate::case::story::WhileOff;
use crate::evidence::HarnessEvent;

impl Session<'_> {
    pub(super) fn power_cycle(&mut self, without: &[String]) -> Result<(), StepError> {
        let without: BTreeSet<usize> = without.iter().map(|name| self.device(name)).collect::<Result<_, _>>()?;
        self.power_off()?;
        self.power_on_again(&without)
    }

    pub(super) fn power_cycle_with(&mut self, done: &WhileOff) -> Result<(), StepError> {
        self.power_off()?;
        self.change_while_off(done)?;
        if let Some(access) = done.access {
            self.devices.store_access(access);
        }
        if done.menu_off {
            self.devices.menu_off();
        }
        self.power_on_again(&BTreeSet::new())
    }

    fn power_off(&mut self) -> Result<(), StepError> {
        self.is_no_crash()?;
        self.watch.ignore_end();
        self.vm()?.power_off();
        self.note(HarnessEvent::PoweredOff);
        self.has_exchanged = false;
        Ok(())
    }

    /// That QEMU, if it has ended already, was not ended by a signal: the end that a story makes must not hide another one.
    pub(super) fn is_no_crash(&self) -> Result<(), StepError> {
        match self.vm()?.exit(Duration::ZERO).filter(|exit| exit.signal.is_some()) {
            Some(exit) => Err(StepError::QemuEnded { exit: Some(exit), what: format!("QEMU was {exit}") }),
            None => Ok(()),
        }
    }

    fn change_while_off(&mut self, done: &WhileOff) -> Result<(), RunError> {
        let (flash, store) = self.flash_and_store()?;
        store.powered_off();
        if done.fresh_store {
            store.make_another()?;
        }
        done.damage.as_ref().map_or(Ok(()), |damage| store.damage(damage))?;
        done.code.as_ref().map_or(Ok(()), |code| flash.install(code))
    }

    fn power_on_again(&mut self, without: &BTreeSet<usize>) -> Result<(), StepError> {
        self.devices.power_cycled(without);
        let machine = self.devices.present().clone();
        let vm = self.power_on(&machine, StartMode::Cold).map_err(RunError::from)?;
        self.replace_vm(vm);
        Ok(())
    }
}

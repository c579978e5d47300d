//! Powers a machine off, changes what its story says, and powers it on again.

use std::collections::BTreeSet;

use super::tell::{Stage, Untold};
use crate::case::story::WhileOff;

impl Stage<'_> {
    pub(super) fn power_cycle_with(&mut self, done: &WhileOff, nodes: &mut BTreeSet<usize>) -> Result<(), Untold> {
        self.power_off();
        (self.while_off)(done).map_err(Untold::Broken)?;
        if let Some(access) = done.access {
            self.ledger.store_access(access);
        }
        self.power_on_again(&BTreeSet::new(), nodes)
    }
}

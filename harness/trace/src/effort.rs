//! What reading costs, counted in bytes and entries that are looked at, so that tests can hold it to be linear in what a guest
//! sends.

use std::cell::Cell;

thread_local! {
    static SPENT: Cell<usize> = const { Cell::new(0) };
}

/// So much is looked at.
pub(crate) fn spend(looked_at: usize) {
    SPENT.set(SPENT.get().wrapping_add(looked_at));
}

/// What this thread looks at while it does something, in bytes and entries.
pub fn of(work: impl FnOnce()) -> usize {
    let before = SPENT.get();
    work();
    SPENT.get().wrapping_sub(before)
}

//! What reading costs, counted in bytes and entries that are looked at, so that tests can hold it to be linear in what a guest
//! sends. Outside of tests nothing is counted.

/// So much is looked at.
#[cfg(not(test))]
pub fn spend(_looked_at: usize) {}

/// So much is looked at.
#[cfg(test)]
pub fn spend(looked_at: usize) {
    SPENT.set(SPENT.get() + looked_at);
}

#[cfg(test)]
thread_local! {
    static SPENT: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// What this thread looks at while it does something.
#[cfg(test)]
pub fn of(work: impl FnOnce()) -> usize {
    let before = SPENT.get();
    work();
    SPENT.get() - before
}

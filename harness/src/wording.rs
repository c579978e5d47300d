//! Sentences for people, of which no decision may depend.
//!
//! Everything that is decided is decided by values; a `Display` of one of them is for reports alone. Tests have each such
//! `Display` say something else and see that all verdicts stay.

/// Stands first in the `Display` of a value that verdicts are made of, or in whatever else gives its words.
macro_rules! reworded {
    () => {
        #[cfg(test)]
        if crate::wording::hook::is_on() {
            return crate::wording::hook::WORDS.into();
        }
    };
    ($out:expr) => {
        #[cfg(test)]
        if crate::wording::hook::is_on() {
            return $out.write_str(crate::wording::hook::WORDS);
        }
    };
}

pub(crate) use reworded;

#[cfg(test)]
pub(crate) mod hook {
    use std::cell::Cell;

    /// What everything says then.
    pub(crate) const WORDS: &str = "said in other words";

    thread_local! {
        static ON: Cell<bool> = const { Cell::new(false) };
    }

    /// Whether this thread says everything in other words.
    pub(crate) fn is_on() -> bool {
        ON.get()
    }

    /// What comes of some work when everything is said in other words.
    pub(crate) fn in_other_words<T>(work: impl FnOnce() -> T) -> T {
        ON.set(true);
        let done = work();
        ON.set(false);
        done
    }
}

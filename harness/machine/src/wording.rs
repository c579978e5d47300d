//! Sentences for people, of which no decision may depend.
//!
//! Everything that is decided is decided by values; a `Display` of one of them is for reports alone. Tests have each such
//! `Display` say something else and see that all verdicts stay.

use std::cell::Cell;

/// What everything says [`in_other_words`].
pub const OTHER_WORDS: &str = "said in other words";

thread_local! {
    static REWORDED: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread says everything in other words.
pub fn is_reworded() -> bool {
    REWORDED.get()
}

/// What comes of some work when everything is said in other words. It is for tests: what they compare must not change.
pub fn in_other_words<T>(work: impl FnOnce() -> T) -> T {
    REWORDED.set(true);
    let done = work();
    REWORDED.set(false);
    done
}

/// Stands first in the `Display` of a value that verdicts are made of, or in whatever else gives its words.
#[macro_export]
macro_rules! reworded {
    () => {
        if $crate::wording::is_reworded() {
            return $crate::wording::OTHER_WORDS.into();
        }
    };
    ($out:expr) => {
        if $crate::wording::is_reworded() {
            return $out.write_str($crate::wording::OTHER_WORDS);
        }
    };
}

pub use reworded;

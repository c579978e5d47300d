//! Expectation against trace.
//!
//! An [`Expectation`] is a value: the whole ordered list of attempts, the winner or firmware's terminal state, and what
//! must never be tried. [`judge`] compares it with a trace and gives the first difference in one sentence.
//!
//! ```
//! use bootwright::trace::Trace;
//! use bootwright::verdict::{Expectation, judge};
//!
//! let expected = Expectation::boots("right").without_trying("wrong");
//! assert!(judge(&expected, &Trace::default()).is_err());
//! ```

pub mod behaviour;
pub(crate) mod cause;
pub(crate) mod conclude;
mod cut;
mod describe;
mod difference;
pub(crate) mod ending;
pub mod exchange;
mod expectation;
mod expected;
mod judge;
pub mod known_issues;
mod menu;
pub(crate) mod reach;
pub mod stores;
pub(crate) mod views;
mod written;

pub use cause::{Cause, Transfer, http, https, tftp};
pub use describe::describe;
pub(crate) use describe::{one_of, unmapped};
pub use difference::Difference;
pub use ending::Ending;
pub use exchange::OnLan;
pub use expectation::Expectation;
pub use expected::{
    Expected, Target, booted, failed, failed_entry, hung, hung_entry, recovered, refused, refused_entry,
    timed_out_entry,
};
pub(crate) use judge::{already_refuted, is_over, strays};
pub use judge::{compare, judge};
pub use reach::{Answer, Reach};
pub use stores::OnStore;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod wording_tests;

//! A way to a smaller case.

use crate::case::Case;

/// One way to a smaller case, and what it leaves out.
pub(super) struct Smaller {
    pub case: Case,
    pub without: String,
}

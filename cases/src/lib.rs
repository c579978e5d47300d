//! What bootwright asserts, one case after another.
#![deny(missing_docs)]

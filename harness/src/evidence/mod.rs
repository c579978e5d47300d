//! Everything observed, raw first, in one merged timeline.

pub mod nvram;

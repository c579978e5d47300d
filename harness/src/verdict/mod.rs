//! Expectation against trace.

pub mod known_issues;

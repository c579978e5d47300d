//! Expectation against trace.

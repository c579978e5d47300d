//! The machine as plain data, and its argv as a pure function.

//! One boot case: a machine, its media, an expectation and a negative control.

pub mod permute;

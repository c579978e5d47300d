//! Firmware of 64 bits beside guests of 32: it refuses their programs, and is served its own by the server that serves them.

use bootwright::case::Case;

use crate::narrow::Guest;
use crate::{arm32, ia32};

pub fn cases() -> Vec<Case> {
    let cases = [ia32::guest(), arm32::guest()].into_iter().flat_map(Guest::of_wide);
    cases.map(|case| case.long("the groups of 32 bits show the other half of it in the full suite")).collect()
}

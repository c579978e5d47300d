//! Floppies as lines for QEMU before 6.0 have them: properties of the controller, not devices of their own.

use super::Reader;
use super::options::{Parts, rank};
use super::words::Word;
use crate::guest::{At, GuestError};

impl Reader<'_> {
    /// Refuses a rank of a floppy drive of its own, notes those that the controller has for its drives, and makes a floppy of each `driveA` and `driveB` of the controller, from its `-device` or a `-global`.
    pub(super) fn floppies(&mut self) -> Result<(), GuestError> {
        let has_rank = |parts: &Parts| parts.first == "floppy" && parts.get("bootindex").is_some();
        if let Some((_, word)) = self.devices.iter().find(|(parts, _)| has_rank(parts)) {
            let what = "floppy has no bootindex (QEMU refuses that): it is a property of its controller";
            return Err(self.error(word, what, "write -global isa-fdc.bootindexA=1, or bootindexB for unit=1"));
        }
        let mut found = Vec::new();
        for (parts, word) in self.devices.iter().filter(|(parts, _)| parts.first == "isa-fdc") {
            self.floppy_ranks = ["bootindexA", "bootindexB"].map(|name| parts.get(name).and_then(rank));
            for (unit, letter) in [("0", 'A'), ("1", 'B')] {
                if let Some(drive) = parts.get(&format!("drive{letter}")) {
                    let rank = parts.get(&format!("bootindex{letter}"));
                    found.push((floppy(unit, drive, rank), word.clone()));
                }
            }
        }
        for (unit, name) in [("0", "driveA"), ("1", "driveB")] {
            let global = self.globals.iter().rev().find(|global| global.driver == "isa-fdc" && global.name == name);
            if let Some(global) = global {
                let text = format!("isa-fdc.{name}={}", global.value);
                let word = Word { text, at: At { line: global.line, column: 1 } };
                found.push((floppy(unit, &global.value, None), word));
            }
        }
        self.devices.extend(found);
        Ok(())
    }
}

fn floppy(unit: &str, drive: &str, rank: Option<&str>) -> Parts {
    let given = [("driver", Some("floppy")), ("unit", Some(unit)), ("drive", Some(drive)), ("bootindex", rank)];
    let pairs = given.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?.to_owned())));
    Parts::of_pairs(pairs.collect(), "driver")
}

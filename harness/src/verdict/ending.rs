//! How a run must end.

use serde::{Deserialize, Serialize};

use super::reach::Reach;
use crate::wording;

/// How a run must end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Ending {
    /// The payload of the last attempt's medium ran.
    Boots,
    /// Firmware stopped by itself; each firmware and version has its own word for it.
    NothingBootable,
    /// Firmware opened its setup and stays there.
    OpensSetup,
    /// Firmware crashed: it printed a processor exception.
    Crashes,
    /// The guest stands still: nothing that it could do by itself is left, which is seen from outside.
    Hangs,
    /// The machine was reset until this many laps had begun; the run is stopped there.
    Laps(u32),
    /// QEMU refuses the machine before its guest runs, with these words.
    Refused(String),
    /// The run comes to any end of these by itself: a payload runs, firmware stops, or so many laps have begun. Nothing is
    /// said of the attempts before it: for a run that answers a question and asserts nothing. A machine that hangs, evidence
    /// with a hole or a contradiction and views that differ still fail it.
    Settles {
        /// So many laps are an end.
        laps: u32,
    },
    /// A medium that somebody else made comes so far, whatever is tried before.
    Reaches(Box<Reach>),
}

impl Ending {
    pub(super) fn words(&self) -> String {
        wording::reworded!();
        match self {
            Ending::Boots => "a payload to run".to_owned(),
            Ending::NothingBootable => "firmware to stop with nothing bootable".to_owned(),
            Ending::OpensSetup => "firmware to open its setup".to_owned(),
            Ending::Crashes => "firmware to crash".to_owned(),
            Ending::Hangs => "the guest to hang".to_owned(),
            Ending::Laps(laps) => format!("the machine to begin lap {laps}"),
            Ending::Reaches(reach) => match reach.stage {
                Some(stage) => format!("the medium to come to {}", stage.word()),
                None => "firmware to find nothing to boot".to_owned(),
            },
            Ending::Refused(words) => format!("QEMU to refuse the machine with \"{words}\""),
            Ending::Settles { .. } => "a payload to run or firmware to stop".to_owned(),
        }
    }
}

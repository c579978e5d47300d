//! Why an attempt ended as it did, as values. What a firmware printed is kept as it printed it, for that is evidence; what
//! the harness saw is an enum, so that no verdict depends on how a sentence for people is worded.
//!
//! ```
//! use bootwright_trace::{Finding, Reason};
//!
//! let reason = Reason::printed("not a bootable disk");
//! assert_eq!((reason.to_string().as_str(), reason.has_printed("bootable")), ("not a bootable disk", true));
//! let silent = Reason::from(Finding::NoReason);
//! assert_eq!((silent.to_string().as_str(), silent.has_printed("no reason")), ("gave no reason", false));
//! ```

use std::fmt;

use serde::{Deserialize, Serialize};

use super::lan_finding::LanFinding;
use super::standstill::Standstill;
use bootwright_machine::machine::DeviceName;
use bootwright_machine::wording;

/// One thing that is known about the end of an attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case")]
#[non_exhaustive]
pub enum Finding {
    /// The firmware's own words.
    Printed(String),
    /// iPXE's error code: the eight hexadecimal digits behind `ipxe.org/`.
    IpxeError(String),
    /// A processor exception, in OVMF's words.
    Exception(String),
    /// The firmware went on without a word about it.
    NoReason,
    /// The BIOS found nothing that could be run.
    NothingToBoot,
    /// Its payload reported.
    PayloadRan,
    /// Its program found that it was not loaded as it was written: what the firmware read for it is short or another sector's.
    Damaged,
    /// Its code gave control back.
    Returned {
        /// To whom.
        to: Caller,
        /// A payload had reported before.
        reported: bool,
    },
    /// Something outside ended the lap in the middle of it.
    Interrupted {
        /// What.
        by: Interruption,
        /// How far the attempt had come.
        at: Moment,
    },
    /// The guest stood still in the middle of it.
    Hangs(Standstill),
    /// What the lan saw of it.
    OnLan {
        /// The NIC that it went over.
        nic: DeviceName,
        /// What.
        seen: LanFinding,
    },
}

/// To whom code that ran gave control back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Caller {
    /// The BIOS, by int 18h.
    Bios,
    /// The BIOS, which it asked to boot again (int 19h).
    BiosAgain,
    /// iPXE.
    Ipxe,
    /// Open Firmware.
    OpenFirmware,
    /// OVMF's boot manager, with success.
    BootManager,
    /// OVMF's boot manager, with this status in OVMF's words.
    BootManagerWith(String),
}

/// What ends a lap from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Interruption {
    /// A reset.
    Reset,
    /// The return to a snapshot.
    PutBack,
}

/// How far an attempt had come when its lap was ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Moment {
    /// The BIOS had entered nothing.
    UnderBios,
    /// Its boot sector had been entered.
    InBootSector,
    /// OVMF had not started it.
    BeforeStart,
    /// OVMF had started it.
    AfterStart,
}

/// Everything that is known about the end of one attempt, in the order in which it is told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "InFile", from = "InFile")]
pub struct Reason(Vec<Finding>);

/// A reason in `trace.json`: for people, and as values.
#[derive(Serialize, Deserialize)]
struct InFile {
    #[serde(default)]
    reason: String,
    why: Vec<Finding>,
}

impl From<Reason> for InFile {
    fn from(reason: Reason) -> InFile {
        InFile { reason: reason.to_string(), why: reason.0 }
    }
}

impl From<InFile> for Reason {
    fn from(file: InFile) -> Reason {
        Reason(file.why)
    }
}

impl From<Finding> for Reason {
    fn from(finding: Finding) -> Reason {
        Reason(vec![finding])
    }
}

impl Reason {
    /// The firmware said so and nothing else is known.
    pub fn printed(words: &str) -> Reason {
        Finding::Printed(words.to_owned()).into()
    }

    /// What is known, in order.
    pub fn findings(&self) -> &[Finding] {
        &self.0
    }

    /// Nothing is known.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|finding| matches!(finding, Finding::Printed(words) if words.is_empty()))
    }

    /// Whether the firmware printed these words about it.
    pub fn has_printed(&self, words: &str) -> bool {
        self.0.iter().filter_map(Finding::printed).any(|printed| printed.contains(words))
    }

    /// What the lan saw of it.
    pub fn on_lan(&self) -> impl Iterator<Item = &LanFinding> {
        self.0.iter().filter_map(|finding| match finding {
            Finding::OnLan { seen, .. } => Some(seen),
            _ => None,
        })
    }

    /// The same behind what else was found.
    pub(super) fn behind(self, found: impl IntoIterator<Item = Finding>) -> Reason {
        Reason(found.into_iter().chain(self.0).collect())
    }
}

impl Finding {
    /// The firmware's own words in it.
    fn printed(&self) -> Option<&str> {
        match self {
            Finding::Printed(words) | Finding::IpxeError(words) | Finding::Exception(words) => Some(words),
            Finding::Returned { to: Caller::BootManagerWith(status), .. } => Some(status),
            _ => None,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut over: Option<&DeviceName> = None;
        for (place, finding) in self.0.iter().enumerate() {
            if place > 0 {
                out.write_str("; ")?;
            }
            // several findings of one NIC name it once
            if let Finding::OnLan { nic, .. } = finding
                && over.replace(nic) != Some(nic)
            {
                write!(out, "{nic}: ")?;
            }
            finding.fmt(out)?;
        }
        Ok(())
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        wording::reworded!(out);
        match self {
            Finding::Printed(words) => out.write_str(words),
            Finding::IpxeError(code) => write!(out, "iPXE {code}"),
            Finding::Exception(what) => write!(out, "processor exception {what}"),
            Finding::NoReason => out.write_str("gave no reason"),
            Finding::NothingToBoot => out.write_str("nothing to boot"),
            Finding::PayloadRan => out.write_str("payload ran"),
            Finding::Damaged => out.write_str("its program was read wrongly or in part"),
            Finding::Returned { to, reported: true } => write!(out, "ran, then {to}"),
            Finding::Returned { to, reported: false } => to.fmt(out),
            Finding::Interrupted { by, at: Moment::UnderBios } => by.fmt(out),
            Finding::Interrupted { by, at: Moment::InBootSector } => write!(out, "its boot sector ran, then {by}"),
            Finding::Interrupted { by, at: Moment::BeforeStart } => write!(out, "{by} before it ran"),
            Finding::Interrupted { by, at: Moment::AfterStart } => write!(out, "{by} while it ran"),
            Finding::Hangs(standstill) => standstill.fmt(out),
            Finding::OnLan { seen, .. } => seen.fmt(out),
        }
    }
}

impl fmt::Display for Caller {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        wording::reworded!(out);
        match self {
            Caller::Bios => out.write_str("returned to the BIOS (int 18h)"),
            Caller::BiosAgain => out.write_str("asked the BIOS to boot again"),
            Caller::Ipxe => out.write_str("returned to iPXE"),
            Caller::OpenFirmware => out.write_str("returned to Open Firmware"),
            Caller::BootManager => out.write_str("returned to the boot manager"),
            Caller::BootManagerWith(status) => write!(out, "returned {status}"),
        }
    }
}

impl fmt::Display for Interruption {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        wording::reworded!(out);
        out.write_str(match self {
            Interruption::Reset => "the machine was reset",
            Interruption::PutBack => "the machine was put back to a snapshot",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_stands_in_a_file_for_people_and_as_values() {
        let nic = DeviceName::nic(0);
        let seen = LanFinding::NoOffer { ipv6: false, discovers: 4 };
        let reason = Reason::printed("int 18h").behind([
            Finding::OnLan { nic: nic.clone(), seen },
            Finding::OnLan { nic, seen: LanFinding::NothingSent },
            Finding::IpxeError("4c126035".to_owned()),
        ]);
        let text = serde_json::to_string(&reason).unwrap();
        let words = "nic0: no DHCP offer: 4 discovers unanswered; nothing was sent; iPXE 4c126035; int 18h";
        assert!(text.starts_with(&format!("{{\"reason\":\"{words}\",\"why\":[")), "{text}");
        assert_eq!(serde_json::from_str::<Reason>(&text).unwrap(), reason);
    }

    #[test]
    fn only_what_the_firmware_printed_is_looked_for() {
        let returned = |to| Reason::from(Finding::Returned { to, reported: true });
        assert!(returned(Caller::BootManagerWith("Not Found".to_owned())).has_printed("Not Found"));
        assert!(!returned(Caller::BootManager).has_printed("returned"));
        assert!(!Reason::default().has_printed("") && Reason::printed("x").has_printed(""));
    }
}

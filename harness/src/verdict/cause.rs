//! Why an attempt must have ended, as values: what a case demands beside words that the firmware itself printed.
//!
//! ```
//! use bootwright::trace::{Finding, Reason, finding::Caller};
//! use bootwright::verdict::{Cause, tftp};
//!
//! let reason = Reason::from(Finding::Returned { to: Caller::Bios, reported: true });
//! assert!(Cause::Returned.holds(&reason));
//! assert!(!Cause::NoOffer.holds(&reason) && !Cause::from(tftp("boot.0")).holds(&reason));
//! ```

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::lan::FaultOrigin;
use crate::lan::routes::BodyFault;
use crate::trace::lan_finding::{LanFinding, Nobody, Protocol, TransferEnd, TransferError};
use crate::trace::{Finding, Reason, finding::Caller};
use crate::wording;

/// One thing that must be known of the end of an attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Cause {
    /// Its code ran and returned to the firmware.
    Returned,
    /// The NIC sent nothing.
    NothingSent,
    /// No DHCP server offered an address.
    NoOffer,
    /// No DHCP server offered an address, and there were this many discovers.
    NoOfferAfter(u32),
    /// No DHCPv6 server advertised an address.
    NoAdvertisement,
    /// The guest took no DHCP offer.
    OfferNotTaken,
    /// The guest took none of this many DHCP offers, after as many discovers.
    OffersNotTaken(u32),
    /// No DHCP server acknowledged a request.
    NotAcknowledged,
    /// No DHCP answer named a boot file.
    NoBootFile,
    /// This boot file was named and never asked for.
    NeverAskedFor(String),
    /// A TLS handshake failed.
    TlsRefused,
    /// What became of the file that was asked for last.
    Transfer(Transfer),
    /// The guest asked where nobody answers.
    Nobody(Nobody),
    /// The first discover that a real bridge's port did not pass found it in this state, in the bridge's own word.
    PortWas(String),
    /// A real firewall dropped a packet.
    DroppedBy {
        /// In this family, table and chain.
        chain: String,
        /// By a rule that begins so, in nft's own words.
        rule: String,
    },
}

/// A file that was asked for, and what became of it. Made by [`tftp`], [`http`] and [`https`].
#[must_use = "a transfer is for `because_of`"]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Transfer {
    /// By which protocol.
    pub protocol: Protocol,
    /// Its name, without the slash before a path.
    pub file: String,
    /// What became of it; anything, where `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<End>,
}

/// What became of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum End {
    /// All of it was sent.
    Whole,
    /// The HTTP answer had this status.
    Status(u16),
    /// The HTTP request was left unanswered.
    Unanswered,
    /// The TFTP server sent an error.
    Error {
        /// With this code (RFC 1350).
        code: u16,
        /// And this message, where one is demanded: of a server that was told what to say.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<String>,
    },
    /// Nobody serves files at this address.
    NobodyAt(IpAddr),
    /// A fault of the body ended it.
    Fault(BodyFault),
    /// It stopped in the middle.
    Stalled,
    /// It stopped when the guest had this many bytes.
    StalledAfter(u64),
}

/// A file that was asked for by TFTP.
pub fn tftp(file: &str) -> Transfer {
    Transfer { protocol: Protocol::Tftp, file: file.to_owned(), end: None }
}

/// A file that was asked for by HTTP.
pub fn http(file: &str) -> Transfer {
    Transfer { protocol: Protocol::Http, ..tftp(file) }
}

/// A file that was asked for by HTTPS.
pub fn https(file: &str) -> Transfer {
    Transfer { protocol: Protocol::Https, ..tftp(file) }
}

impl Transfer {
    fn ended(self, end: End) -> Transfer {
        Transfer { end: Some(end), ..self }
    }

    /// All of it was sent.
    pub fn whole(self) -> Transfer {
        self.ended(End::Whole)
    }

    /// The answer had this HTTP status.
    pub fn status(self, status: u16) -> Transfer {
        self.ended(End::Status(status))
    }

    /// The HTTP request was left unanswered.
    pub fn unanswered(self) -> Transfer {
        self.ended(End::Unanswered)
    }

    /// The TFTP server sent an error with this code (RFC 1350) and message, as its spec has it.
    pub fn error(self, code: u16, message: &str) -> Transfer {
        self.ended(End::Error { code, message: Some(message.to_owned()) })
    }

    /// The TFTP server said that there is no such file (code 1 of RFC 1350), in whatever words.
    pub fn not_found(self) -> Transfer {
        self.ended(End::Error { code: 1, message: None })
    }

    /// Nobody serves files at this address.
    pub fn nobody_at(self, address: impl Into<IpAddr>) -> Transfer {
        self.ended(End::NobodyAt(address.into()))
    }

    /// A fault of the body ended it.
    pub fn fault(self, fault: BodyFault) -> Transfer {
        self.ended(End::Fault(fault))
    }

    /// It stopped in the middle.
    pub fn stalled(self) -> Transfer {
        self.ended(End::Stalled)
    }

    /// It stopped when the guest had this many bytes.
    pub fn stalled_after(self, bytes: u64) -> Transfer {
        self.ended(End::StalledAfter(bytes))
    }

    fn holds(&self, protocol: Protocol, name: &str, end: &TransferEnd) -> bool {
        let file = name.strip_prefix('/').unwrap_or(name);
        (self.protocol, self.file.as_str()) == (protocol, file) && self.end.as_ref().is_none_or(|wanted| wanted.is(end))
    }
}

impl From<Transfer> for Cause {
    fn from(transfer: Transfer) -> Cause {
        Cause::Transfer(transfer)
    }
}

impl End {
    fn is(&self, seen: &TransferEnd) -> bool {
        match (self, seen) {
            (End::Whole, TransferEnd::Whole { .. })
            | (End::Unanswered, TransferEnd::Unanswered(_))
            | (End::Stalled, TransferEnd::Stalled { .. }) => true,
            (End::Status(wanted), TransferEnd::Status(status)) => wanted == status,
            (End::StalledAfter(wanted), TransferEnd::Stalled { bytes }) => wanted == bytes,
            (End::Fault(wanted), TransferEnd::Error(TransferError::Body(fault))) => wanted == fault,
            (End::NobodyAt(wanted), TransferEnd::Error(TransferError::Nobody(Nobody::Serves { at, .. }))) => {
                wanted == at
            }
            (
                End::Error { code: wanted, message },
                TransferEnd::Error(TransferError::Tftp { code, message: said, from_guest }),
            ) => wanted == code && message.as_ref().is_none_or(|message| message == said) && !from_guest,
            _ => false,
        }
    }
}

impl Cause {
    /// Whether it is among what is known.
    pub fn holds(&self, reason: &Reason) -> bool {
        match self {
            Cause::Returned => reason.findings().iter().any(|finding| match finding {
                Finding::Returned { to, .. } => *to != Caller::BiosAgain,
                _ => false,
            }),
            of_lan => reason.on_lan().any(|seen| of_lan.is(seen)),
        }
    }

    fn is(&self, seen: &LanFinding) -> bool {
        match (self, seen) {
            (Cause::NothingSent, LanFinding::NothingSent)
            | (Cause::NoOffer, LanFinding::NoOffer { ipv6: false, .. })
            | (Cause::NoAdvertisement, LanFinding::NoOffer { ipv6: true, .. })
            | (Cause::OfferNotTaken, LanFinding::OfferNotTaken { ipv6: false, .. })
            | (Cause::NotAcknowledged, LanFinding::NotAcknowledged { ipv6: false, .. })
            | (Cause::NoBootFile, LanFinding::NoBootFile { ipv6: false })
            | (Cause::TlsRefused, LanFinding::TlsRefused(_)) => true,
            (Cause::NoOfferAfter(wanted), LanFinding::NoOffer { ipv6: false, discovers }) => wanted == discovers,
            (Cause::OffersNotTaken(wanted), LanFinding::OfferNotTaken { ipv6: false, discovers, offers }) => {
                wanted == discovers && *wanted as usize == *offers
            }
            (Cause::NeverAskedFor(wanted), LanFinding::NeverAskedFor(file)) => wanted == file,
            (Cause::Transfer(wanted), LanFinding::Transfer { protocol, name, end, .. }) => {
                wanted.holds(*protocol, name, end)
            }
            (Cause::Nobody(wanted), LanFinding::Nobody(nobody)) => wanted == nobody,
            (Cause::PortWas(wanted), LanFinding::PortBlocked(port)) => port.first_blocked() == Some(wanted),
            (Cause::DroppedBy { chain: wanted, rule: begins }, LanFinding::Fault(struck)) => match &struck.fault {
                FaultOrigin::Firewall { chain, rule } => wanted == chain && rule.starts_with(begins),
                _ => false,
            },
            _ => false,
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        wording::reworded!(out);
        match self {
            Cause::Returned => out.write_str("returned"),
            Cause::NothingSent => out.write_str("nothing was sent"),
            Cause::NoOffer => out.write_str("no DHCP offer"),
            Cause::NoOfferAfter(discovers) => write!(out, "no DHCP offer after {discovers} discovers"),
            Cause::NoAdvertisement => out.write_str("no DHCPv6 advertisement"),
            Cause::OfferNotTaken => out.write_str("no DHCP offer was taken"),
            Cause::OffersNotTaken(offers) => write!(out, "none of {offers} DHCP offers was taken"),
            Cause::NotAcknowledged => out.write_str("no DHCP acknowledgment"),
            Cause::NoBootFile => out.write_str("no boot file in the DHCP offer"),
            Cause::NeverAskedFor(file) => write!(out, "{file} was never asked for"),
            Cause::TlsRefused => out.write_str("TLS refused"),
            Cause::Transfer(transfer) => transfer.fmt(out),
            Cause::Nobody(nobody) => nobody.fmt(out),
            Cause::PortWas(state) => write!(out, "bridge port was {state}"),
            Cause::DroppedBy { chain, rule } => write!(out, "dropped by nftables {chain}: {rule}..."),
        }
    }
}

impl fmt::Display for Transfer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {}", self.protocol, self.file)?;
        match &self.end {
            None => Ok(()),
            Some(End::Whole) => out.write_str(": all sent"),
            Some(End::Status(status)) => write!(out, ": status {status}"),
            Some(End::Unanswered) => out.write_str(": left unanswered"),
            Some(End::Error { code, message: None }) => write!(out, ": error {code}"),
            Some(End::Error { code, message: Some(message) }) => write!(out, ": error {code} \"{message}\""),
            Some(End::NobodyAt(address)) => write!(out, ": nobody serves it at {address}"),
            Some(End::Fault(fault)) => write!(out, ": {fault}"),
            Some(End::Stalled) => out.write_str(": nothing more"),
            Some(End::StalledAfter(bytes)) => write!(out, ": nothing more after {bytes} bytes"),
        }
    }
}

#[cfg(test)]
#[path = "cause_tests.rs"]
pub(super) mod tests;

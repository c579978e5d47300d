//! What must be seen of the exchange between the guest's NICs and the lan, as values.
//!
//! ```
//! use bootwright::machine::DeviceName;
//! use bootwright::trace::exchange::Conversation;
//! use bootwright::verdict::{OnLan, exchange};
//!
//! let conversations = [Conversation { arch: Some(7), discovers: 1, ..Conversation::of(DeviceName::nic(0)) }];
//! assert!(exchange::judge(&[OnLan::Arch(7)], &conversations).is_ok());
//! assert!(exchange::judge(&[OnLan::Fetched("boot.efi".into())], &conversations).is_err());
//! ```

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::lan::FaultOrigin;
use crate::machine::DeviceName;
use crate::trace::Protocol;
use crate::trace::bridge_port::BridgePort;
use crate::trace::exchange::{Again, Asked, Conversation};
use crate::wording;

/// Blocks of the shortest transfer whose acknowledgments are counted.
const FEW_BLOCKS: u64 = 8;

/// So many tenths of its blocks are nearly all.
const NEARLY_ALL: u64 = 9;

/// One thing that must hold for all conversations of a run together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum OnLan {
    /// Some client named itself by this architecture (option 93, decimal).
    Arch(u16),
    /// Some client's option 60 begins with this.
    VendorClass(String),
    /// Some client's option 77 is this.
    UserClass(String),
    /// No client sent option 77.
    NoUserClass,
    /// The first conversation has so many discovers or solicits, from and to.
    Discovers(u32, u32),
    /// This NIC sent no discover and no solicit.
    Silent(DeviceName),
    /// This NIC sent at least one.
    Heard(DeviceName),
    /// A server of this name acknowledged.
    AcknowledgedBy(String),
    /// No server acknowledged.
    NeverAcknowledged,
    /// So many requests were refused, at least.
    Naks(u32),
    /// The boot file of the last answer is this.
    BootFile(String),
    /// No answer had a boot file.
    NoBootFile,
    /// A file was asked for by this protocol.
    AskedBy(Protocol, String),
    /// A file was asked for.
    Asked(String),
    /// A file was never asked for.
    NeverAsked(String),
    /// These files were asked for in this order, all conversations together; others may stand between them.
    AskedInOrder(Vec<String>),
    /// A file was sent whole.
    Fetched(String),
    /// A file was asked for so often, at least.
    AskedTimes(String, usize),
    /// The fault of the wire with this name in the lan's spec struck.
    Struck(String),
    /// A rule of a real firewall with this in it, in nft's own words, dropped a packet.
    RuleStruck(String),
    /// A TLS handshake failed.
    TlsRefused,
    /// A discover found its real bridge port in this state (`listening`, `learning`, `forwarding`).
    DiscoverWhile(String),
    /// No discover did.
    NoDiscoverWhile(String),
    /// The first offer passed a real bridge port in this state.
    OfferedWhile(String),
}

/// Holds conversations against what is wanted of them.
///
/// # Errors
///
/// The first thing that does not hold and what was seen instead, as one line.
pub fn judge(wanted: &[OnLan], seen: &[Conversation]) -> Result<(), String> {
    match wanted.iter().find(|wanted| !wanted.holds(seen)) {
        Some(wanted) => Err(format!("on the network: expected {wanted}, saw {}", words(seen))),
        None => Ok(()),
    }
}

/// What holds of the exchange of each machine: where no fault has struck, a client acknowledges a block as often as it gets it
/// (RFC 1350; what it repeats because its time ran ahead are some blocks, not nearly all).
///
/// # Errors
///
/// The first transfer of which that is not so, as one line.
pub(super) fn check(seen: &[Conversation]) -> Result<(), String> {
    let untroubled = seen.iter().filter(|one| one.faults.is_empty());
    let transfers = untroubled.flat_map(|one| one.asked.iter().map(|asked| (&one.nic, asked)));
    let again = transfers.filter_map(|(nic, asked)| asked.again.map(|again| (nic, asked, again)));
    let mut too_often =
        again.filter(|(_, _, again)| again.of >= FEW_BLOCKS && again.blocks * 10 >= again.of * NEARLY_ALL);
    match too_often.next() {
        Some((nic, asked, Again { blocks, of })) => {
            let (protocol, name) = (asked.protocol, &asked.name);
            Err(format!(
                "on the network: {nic} acknowledged {blocks} of {of} blocks of {name} more often than it was sent them ({protocol})"
            ))
        }
        None => Ok(()),
    }
}

impl OnLan {
    fn holds(&self, seen: &[Conversation]) -> bool {
        let any = |fits: &dyn Fn(&Conversation) -> bool| seen.iter().any(fits);
        let asked = |file: &str| seen.iter().flat_map(|one| &one.asked).filter(|asked| asked.file() == file).count();
        let ports = || seen.iter().filter_map(|one| one.bridge_port.as_ref());
        let some = |fits: &dyn Fn(&Asked) -> bool| any(&|one| one.asked.iter().any(fits));
        let struck = |fits: &dyn Fn(&FaultOrigin) -> bool| any(&|one| one.faults.iter().any(|seen| fits(&seen.fault)));
        match self {
            OnLan::Arch(arch) => any(&|one| one.arch == Some(*arch)),
            OnLan::VendorClass(class) => {
                any(&|one| one.vendor_class.as_ref().is_some_and(|seen| seen.starts_with(class)))
            }
            OnLan::UserClass(class) => any(&|one| one.user_class.as_ref() == Some(class)),
            OnLan::NoUserClass => !any(&|one| one.user_class.is_some()),
            OnLan::Discovers(from, to) => seen.first().is_some_and(|one| (*from..=*to).contains(&one.discovers)),
            OnLan::Silent(nic) => !any(&|one| one.nic == *nic),
            OnLan::Heard(nic) => any(&|one| one.nic == *nic),
            OnLan::AcknowledgedBy(server) => any(&|one| one.acknowledged_by.as_ref() == Some(server)),
            OnLan::NeverAcknowledged => !any(&|one| one.acknowledged_by.is_some()),
            OnLan::Naks(count) => seen.iter().map(|one| one.naks).sum::<u32>() >= *count,
            OnLan::BootFile(file) => any(&|one| one.boot_file.as_ref() == Some(file)),
            OnLan::NoBootFile => !any(&|one| one.boot_file.is_some()),
            OnLan::AskedBy(protocol, file) => some(&|asked| asked.protocol == *protocol && asked.file() == file),
            OnLan::Asked(file) => asked(file) > 0,
            OnLan::NeverAsked(file) => asked(file) == 0,
            OnLan::AskedInOrder(files) => {
                let mut asked = seen.iter().flat_map(|one| &one.asked);
                files.iter().all(|file| asked.any(|asked| asked.file() == file))
            }
            OnLan::Fetched(file) => some(&|asked| asked.file() == file && asked.complete),
            OnLan::AskedTimes(file, count) => asked(file) >= *count,
            OnLan::Struck(name) => struck(&|fault| matches!(fault, FaultOrigin::Wire(seen) if seen == name)),
            OnLan::RuleStruck(words) => {
                struck(&|fault| matches!(fault, FaultOrigin::Firewall { rule, .. } if rule.contains(words)))
            }
            OnLan::TlsRefused => any(&|one| !one.tls_refused.is_empty()),
            OnLan::DiscoverWhile(state) => ports().any(|port| port.discovers.contains(state)),
            OnLan::NoDiscoverWhile(state) => ports().count() > 0 && !ports().any(|port| port.discovers.contains(state)),
            OnLan::OfferedWhile(state) => ports().any(|port| port.first_offer.as_ref() == Some(state)),
        }
    }
}

impl fmt::Display for OnLan {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        wording::reworded!(out);
        match self {
            OnLan::Arch(arch) => match architecture(*arch) {
                Some(name) => write!(out, "a client of architecture {arch} ({name})"),
                None => write!(out, "a client of architecture {arch}"),
            },
            OnLan::VendorClass(class) => write!(out, "a client whose vendor class begins with \"{class}\""),
            OnLan::UserClass(class) => write!(out, "a client of user class \"{class}\""),
            OnLan::NoUserClass => out.write_str("no client with a user class"),
            OnLan::Discovers(from, to) => write!(out, "{from} to {to} discovers in the first conversation"),
            OnLan::Silent(nic) => write!(out, "{nic} to be silent"),
            OnLan::Heard(nic) => write!(out, "a discover of {nic}"),
            OnLan::AcknowledgedBy(server) => write!(out, "an acknowledgment by {server}"),
            OnLan::NeverAcknowledged => out.write_str("no acknowledgment"),
            OnLan::Naks(count) => write!(out, "{count} or more refused requests (DHCPNAK)"),
            OnLan::BootFile(file) => write!(out, "an answer with boot file {file}"),
            OnLan::NoBootFile => out.write_str("no answer with a boot file"),
            OnLan::AskedBy(protocol, file) => write!(out, "a request for {file} by {protocol}"),
            OnLan::Asked(file) => write!(out, "a request for {file}"),
            OnLan::NeverAsked(file) => write!(out, "no request for {file}"),
            OnLan::AskedInOrder(files) => write!(out, "requests in this order: {}", files.join(", ")),
            OnLan::Fetched(file) => write!(out, "{file} to be sent whole"),
            OnLan::AskedTimes(file, count) => write!(out, "{count} or more requests for {file}"),
            OnLan::Struck(fault) => write!(out, "the fault \"{fault}\" to strike"),
            OnLan::RuleStruck(words) => write!(out, "a rule with \"{words}\" to drop a packet"),
            OnLan::TlsRefused => out.write_str("a TLS handshake to fail"),
            OnLan::DiscoverWhile(state) => write!(out, "a discover while the bridge port is {state}"),
            OnLan::NoDiscoverWhile(state) => write!(out, "no discover while the bridge port is {state}"),
            OnLan::OfferedWhile(state) => write!(out, "the first offer while the bridge port is {state}"),
        }
    }
}

/// What a number of option 93 stands for (IANA, Processor Architecture Types).
fn architecture(number: u16) -> Option<&'static str> {
    Some(match number {
        0 => "BIOS",
        6 => "EFI IA32",
        7 => "EFI x64",
        9 => "EFI EBC",
        10 => "EFI ARM",
        11 => "EFI ARM64",
        15 => "EFI HTTP IA32",
        16 => "EFI HTTP x64",
        18 => "EFI HTTP ARM",
        19 => "EFI HTTP ARM64",
        27 => "EFI RISC-V 64",
        28 => "EFI HTTP RISC-V 64",
        31 => "s390",
        39 => "EFI LoongArch64",
        40 => "EFI HTTP LoongArch64",
        _ => return None,
    })
}

/// The conversations in one line: who asked, who answered, which files went over.
fn words(seen: &[Conversation]) -> String {
    if seen.is_empty() {
        return "no discover of any NIC".to_owned();
    }
    let one = |one: &Conversation| {
        let arch = one.arch.map_or("?".to_owned(), |arch| arch.to_string());
        let asked = one.asked.iter().map(|asked| {
            let end = if asked.complete { "whole" } else { "not whole" };
            format!(", {} {} {end}", asked.protocol.scheme(), asked.name)
        });
        format!(
            "{} (arch {arch}): {} discovers, {} offers, acknowledged by {}{}",
            one.nic,
            one.discovers,
            one.offers.len(),
            one.acknowledged_by.as_deref().unwrap_or("nobody"),
            asked.collect::<String>()
        ) + &one.bridge_port.as_ref().and_then(BridgePort::why).map(|why| format!("; {why}")).unwrap_or_default()
    };
    seen.iter().take(5).map(one).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lan::Struck;
    use rstest::rstest;

    fn seen() -> Vec<Conversation> {
        let asked = |name: &str, complete| Asked { found: complete, complete, ..Asked::of(Protocol::Tftp, name) };
        // the words are for people: none of them decides
        let struck = |fault| Struck { fault, note: "firewall: udp sport 68".into() };
        vec![Conversation {
            arch: Some(0),
            vendor_class: Some("PXEClient:Arch:00000".into()),
            discovers: 4,
            acknowledged_by: Some("main".into()),
            boot_file: Some("boot.0".into()),
            asked: vec![asked("missing", false), asked("boot.0", true)],
            faults: vec![
                struck(FaultOrigin::Wire("firewall".into())),
                struck(FaultOrigin::Firewall { chain: "inet x output".into(), rule: "udp sport 67 drop".into() }),
            ],
            bridge_port: Some(BridgePort {
                discovers: vec!["listening".into(), "forwarding".into()],
                first_offer: Some("forwarding".into()),
                ..BridgePort::default()
            }),
            ..Conversation::of(DeviceName::nic(1))
        }]
    }

    #[rstest]
    #[case(OnLan::Arch(0), true)]
    #[case(OnLan::Arch(7), false)]
    #[case(OnLan::VendorClass("PXEClient".into()), true)]
    #[case(OnLan::VendorClass("HTTPClient".into()), false)]
    #[case(OnLan::UserClass("iPXE".into()), false)]
    #[case(OnLan::Discovers(4, 4), true)]
    #[case(OnLan::Discovers(5, 9), false)]
    #[case(OnLan::Silent(DeviceName::nic(0)), true)]
    #[case(OnLan::Silent(DeviceName::nic(1)), false)]
    #[case(OnLan::Heard(DeviceName::nic(0)), false)]
    #[case(OnLan::AcknowledgedBy("rogue".into()), false)]
    #[case(OnLan::NeverAcknowledged, false)]
    #[case(OnLan::Naks(1), false)]
    #[case(OnLan::BootFile("other".into()), false)]
    #[case(OnLan::NoBootFile, false)]
    #[case(OnLan::AskedBy(Protocol::Http, "boot.0".into()), false)]
    #[case(OnLan::Asked("missing".into()), true)]
    #[case(OnLan::NeverAsked("missing".into()), false)]
    #[case(OnLan::AskedInOrder(vec!["missing".into(), "boot.0".into()]), true)]
    #[case(OnLan::AskedInOrder(vec!["boot.0".into(), "missing".into()]), false)]
    #[case(OnLan::Fetched("missing".into()), false)]
    #[case(OnLan::Fetched("boot.0".into()), true)]
    #[case(OnLan::AskedTimes("boot.0".into(), 2), false)]
    #[case(OnLan::Struck("firewall".into()), true)]
    #[case(OnLan::Struck("firewall: dropped".into()), false)]
    #[case(OnLan::Struck("udp sport 67".into()), false)]
    #[case(OnLan::RuleStruck("udp sport 67".into()), true)]
    #[case(OnLan::RuleStruck("udp sport 68".into()), false)]
    #[case(OnLan::RuleStruck("firewall".into()), false)]
    #[case(OnLan::TlsRefused, false)]
    #[case(OnLan::DiscoverWhile("listening".into()), true)]
    #[case(OnLan::DiscoverWhile("learning".into()), false)]
    #[case(OnLan::NoDiscoverWhile("listening".into()), false)]
    #[case(OnLan::NoDiscoverWhile("learning".into()), true)]
    #[case(OnLan::OfferedWhile("forwarding".into()), true)]
    #[case(OnLan::OfferedWhile("listening".into()), false)]
    fn each_demand_can_say_no(#[case] wanted: OnLan, #[case] holds: bool) {
        assert_eq!(judge(&[wanted], &seen()).is_ok(), holds);
    }

    #[test]
    fn a_user_class_that_nobody_should_send_is_noticed() {
        assert!(judge(&[OnLan::NoUserClass], &seen()).is_ok());
        let mut with_class = seen();
        with_class[0].user_class = Some("iPXE".into());
        assert!(judge(&[OnLan::NoUserClass], &with_class).is_err());
    }

    #[test]
    fn a_transfer_of_which_nearly_each_block_is_acknowledged_again_is_noticed_unless_a_fault_has_struck() {
        let transfer = |again, faults: &[Struck]| {
            let asked = Asked { again, complete: true, ..Asked::of(Protocol::Tftp, "boot.0") };
            check(&[Conversation { asked: vec![asked], faults: faults.to_vec(), ..seen()[0].clone() }])
        };
        let again = |blocks, of| Some(Again { blocks, of });
        let words =
            "on the network: nic1 acknowledged 20 of 21 blocks of boot.0 more often than it was sent them (TFTP)";
        assert_eq!(transfer(again(20, 21), &[]), Err(words.to_owned()));
        for fine in [None, again(18, 21), again(6, 7)] {
            assert_eq!(transfer(fine, &[]), Ok(()), "{fine:?}");
        }
        assert_eq!(transfer(again(20, 21), &seen()[0].faults), Ok(()));
    }

    #[test]
    fn the_difference_says_what_was_seen() {
        let error = judge(&[OnLan::Arch(7)], &seen()).unwrap_err();
        let wanted = "on the network: expected a client of architecture 7 (EFI x64), saw nic1 (arch 0): 4 discovers";
        assert!(error.starts_with(wanted), "{error}");
        let error = judge(&[OnLan::Silent(DeviceName::nic(1))], &seen()).unwrap_err();
        assert!(error.starts_with("on the network: expected nic1 to be silent, saw nic1 "), "{error}");
        assert_eq!(OnLan::Arch(16).to_string(), "a client of architecture 16 (EFI HTTP x64)");
        assert_eq!(OnLan::Arch(99).to_string(), "a client of architecture 99");
    }
}

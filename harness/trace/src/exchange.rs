//! What a guest and the lan said to each other, conversation by conversation, and what that says about an attempt.
//!
//! The firmware's log says which entry it tries; the lan's events say why it came to nothing. [`conversations`] groups the
//! events, [`explain`] puts the reason into the attempts that went over a NIC. The two meet by NIC and by count, never by
//! time, since the host decides when a line and a frame are seen.

use std::borrow::Borrow;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::bridge_port::{BridgePort, Follower};
use super::lan_finding::{LanFinding, Nobody, Protocol, Service, TransferEnd, TransferError};
use super::{Attempt, Finding, Outcome};
use bootwright_lan::routes::BodyFault;
use bootwright_lan::wire::dhcpv4::MessageType as V4;
use bootwright_lan::wire::dhcpv6::MessageType as V6;
use bootwright_lan::{FaultOrigin, LanEvent, LanEventKind, Request, Struck};
use bootwright_machine::machine::DeviceName;

/// Conversations kept; a guest that asks for ever begins new ones for ever.
const CONVERSATION_LIMIT: usize = 1000;
/// Entries kept in each list of a conversation.
const LIST_LIMIT: usize = 200;

/// A file that the guest asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// By which protocol.
    pub protocol: Protocol,
    /// HTTP method; empty for TFTP.
    pub method: String,
    /// The name or path as the guest wrote it.
    pub name: String,
    /// HTTP status of the answer.
    pub status: Option<u16>,
    /// It is offered.
    pub found: bool,
    /// Bytes that the guest is known to have.
    pub bytes: u64,
    /// All of it was sent.
    pub complete: bool,
    /// The error that ended it.
    pub error: Option<TransferError>,
    /// Blocks that the guest acknowledged more often than it was sent them (TFTP).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<Again>,
}

/// Blocks of a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Again {
    /// So many.
    pub blocks: u64,
    /// Of so many.
    pub of: u64,
}

/// What a NIC's client asked for from its first discover to the next client's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conversation {
    /// The NIC.
    pub nic: DeviceName,
    /// DHCPv6 rather than DHCP.
    pub ipv6: bool,
    /// Option 93 (option 61 of DHCPv6), first entry.
    pub arch: Option<u16>,
    /// Option 60 (option 16 of DHCPv6).
    pub vendor_class: Option<String>,
    /// Option 77 (option 15 of DHCPv6).
    pub user_class: Option<String>,
    /// Discovers or solicits, lost ones included.
    pub discovers: u32,
    /// Servers that offered or advertised, by name, one entry per offer.
    pub offers: Vec<String>,
    /// Requests.
    pub requests: u32,
    /// Refusals of a request.
    pub naks: u32,
    /// The server that acknowledged last.
    pub acknowledged_by: Option<String>,
    /// Boot file in the last offer or acknowledgment that had one.
    pub boot_file: Option<String>,
    /// Files asked for, in order.
    pub asked: Vec<Asked>,
    /// What faults did, each once.
    pub faults: Vec<Struck>,
    /// What the guest asked for where nobody answers, each once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unserved: Vec<Nobody>,
    /// TLS handshakes that failed.
    pub tls_refused: Vec<String>,
    /// The port that the NIC is plugged into, on a real bridge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bridge_port: Option<BridgePort>,
}

impl Conversation {
    /// A conversation of this NIC in which nothing was said yet.
    pub fn of(nic: DeviceName) -> Conversation {
        Conversation {
            nic,
            ipv6: false,
            arch: None,
            vendor_class: None,
            user_class: None,
            discovers: 0,
            offers: Vec::new(),
            requests: 0,
            naks: 0,
            acknowledged_by: None,
            boot_file: None,
            asked: Vec::new(),
            faults: Vec::new(),
            unserved: Vec::new(),
            tls_refused: Vec::new(),
            bridge_port: None,
        }
    }

    fn is_http(&self) -> bool {
        self.vendor_class.as_deref().is_some_and(|class| class.starts_with("HTTPClient"))
    }

    /// What a real bridge and its firewall did to the exchange.
    fn real_parts(&self) -> impl Iterator<Item = LanFinding> {
        let port = self.bridge_port.clone();
        let faults = port.iter().flat_map(|_| self.faults.iter().cloned().map(LanFinding::Fault)).collect::<Vec<_>>();
        port.filter(|port| port.first_blocked().is_some()).map(LanFinding::PortBlocked).into_iter().chain(faults)
    }

    /// Why nothing booted, as far as the lan can tell: the outcome, and what was seen.
    pub fn why(&self) -> (Outcome, Vec<LanFinding>) {
        let ipv6 = self.ipv6;
        if self.offers.is_empty() {
            let first = LanFinding::NoOffer { ipv6, discovers: self.discovers };
            return (Outcome::TimedOut, [first].into_iter().chain(self.real_parts()).collect());
        }
        if self.requests == 0 && self.acknowledged_by.is_none() && self.asked.is_empty() {
            let first = LanFinding::OfferNotTaken { ipv6, discovers: self.discovers, offers: self.offers.len() };
            return (Outcome::TimedOut, [first].into_iter().chain(self.real_parts()).collect());
        }
        if self.acknowledged_by.is_none() && self.asked.is_empty() {
            let first = LanFinding::NotAcknowledged { ipv6, requests: self.requests, naks: self.naks };
            return (Outcome::TimedOut, vec![first]);
        }
        if let (Some(refused), false) = (self.tls_refused.last(), self.asked.iter().any(|asked| asked.complete)) {
            return (Outcome::Refused, vec![LanFinding::TlsRefused(refused.clone())]);
        }
        match (self.asked.last(), &self.boot_file) {
            (Some(asked), _) => {
                let (outcome, end) = asked.why();
                let times = self.asked.iter().filter(|one| one.complete && one.name == asked.name).count();
                let (protocol, name) = (asked.protocol, asked.name.clone());
                (outcome, vec![LanFinding::Transfer { protocol, name, end, times }])
            }
            (None, Some(file)) => {
                let first = LanFinding::NeverAskedFor(file.clone());
                let nobody = self.unserved.iter().cloned().map(LanFinding::Nobody);
                (Outcome::Failed, [first].into_iter().chain(nobody).collect())
            }
            (None, None) => (Outcome::Failed, vec![LanFinding::NoBootFile { ipv6 }]),
        }
    }
}

impl Asked {
    /// A file that was asked for, of which nothing is known yet.
    pub fn of(protocol: Protocol, name: &str) -> Asked {
        Asked {
            protocol,
            method: String::new(),
            name: name.to_owned(),
            status: None,
            found: false,
            bytes: 0,
            complete: false,
            error: None,
            again: None,
        }
    }

    fn why(&self) -> (Outcome, TransferEnd) {
        match self {
            Asked { error: Some(error), .. } => (Outcome::Failed, TransferEnd::Error(error.clone())),
            Asked { complete: true, bytes, .. } => (Outcome::Failed, TransferEnd::Whole { bytes: *bytes }),
            Asked { status: Some(status), .. } if !(200..300).contains(status) => {
                (Outcome::Failed, TransferEnd::Status(*status))
            }
            Asked { status: None, method, .. } if !method.is_empty() => {
                (Outcome::Failed, TransferEnd::Unanswered(method.clone()))
            }
            Asked { found: false, .. } => (Outcome::Failed, TransferEnd::NotFound),
            Asked { bytes, .. } => (Outcome::TimedOut, TransferEnd::Stalled { bytes: *bytes }),
        }
    }

    /// The file that was asked for, without the slash before a path.
    pub fn file(&self) -> &str {
        self.name.strip_prefix('/').unwrap_or(&self.name)
    }
}

/// Groups a lan's events; each event's port must already be the device index of its NIC, whose name `nic_of` says.
///
/// A conversation begins with a discover (solicit) whose transaction is another one than the last, or whose own count of
/// seconds went back.
pub fn conversations(
    events: impl IntoIterator<Item = impl Borrow<LanEvent>>,
    nic_of: impl Fn(usize) -> Option<DeviceName>,
) -> Vec<Conversation> {
    let mut list: Vec<Conversation> = Vec::new();
    // (nic, family) to transaction and seconds of its last discover
    let mut last: Vec<((DeviceName, bool), (u32, u16))> = Vec::new();
    let mut ports: Vec<Follower> = Vec::new();
    for event in events {
        let event = event.borrow();
        let Some(nic) = event.port.and_then(&nic_of) else { continue };
        if let LanEventKind::PortState { name, state, stp, forward_delay_cs } = &event.kind {
            let place = ports.iter().position(|port| port.nic == nic).unwrap_or_else(|| {
                ports.push(Follower::new(nic.clone()));
                ports.len() - 1
            });
            ports[place].state(name, state, (*stp, *forward_delay_cs), event.at);
            if let Some(port) = current(&mut list, &nic, None).and_then(|now| now.bridge_port.as_mut()) {
                port.states.clone_from(&ports[place].port.states);
            }
            continue;
        }
        let begins = match &event.kind {
            LanEventKind::Dhcp(said) if said.message == V4::Discover => Some((false, said.xid, said.secs)),
            LanEventKind::Dhcpv6(said) if said.message == V6::Solicit => Some((true, said.xid, 0)),
            _ => None,
        };
        if let Some((ipv6, xid, secs)) = begins {
            let key = (nic.clone(), ipv6);
            let known = last.iter_mut().find(|(known, _)| *known == key);
            let new = known.as_ref().is_none_or(|(_, (old, at))| *old != xid || secs < *at);
            match known {
                Some((_, value)) => *value = (xid, secs),
                None => last.push((key, (xid, secs))),
            }
            if new && list.len() < CONVERSATION_LIMIT {
                let bridge_port = ports.iter().find(|port| port.nic == nic).map(|port| port.port.clone());
                list.push(Conversation { ipv6, bridge_port, ..Conversation::of(nic.clone()) });
            }
        }
        take(&mut list, &nic, &event.kind);
    }
    list
}

/// The conversation of a NIC that began last, of one family where that is known.
fn current<'a>(list: &'a mut [Conversation], nic: &DeviceName, ipv6: Option<bool>) -> Option<&'a mut Conversation> {
    list.iter_mut().rev().find(|one| one.nic == *nic && ipv6.is_none_or(|ipv6| one.ipv6 == ipv6))
}

fn take(list: &mut [Conversation], nic: &DeviceName, kind: &LanEventKind) {
    let family = match kind {
        LanEventKind::Dhcp(_) => Some(false),
        LanEventKind::Dhcpv6(_) => Some(true),
        _ => None,
    };
    let Some(now) = current(list, nic, family) else { return };
    if let Some(port) = &mut now.bridge_port {
        let state = port.state().to_owned();
        match kind {
            LanEventKind::Dhcp(said) if said.message == V4::Discover => push(&mut port.discovers, state),
            LanEventKind::Dhcp(said) if said.message == V4::Offer => {
                port.first_offer.get_or_insert(state);
            }
            _ => {}
        }
    }
    match kind {
        LanEventKind::Dhcp(said) => {
            if said.server.is_none() {
                now.arch = said.arch.or(now.arch);
                now.vendor_class = said.vendor_class.clone().or(now.vendor_class.take());
                now.user_class = said.user_class.clone().or(now.user_class.take());
            } else {
                now.boot_file = said.boot_file.clone().or(now.boot_file.take());
            }
            match (said.message, &said.server) {
                (V4::Discover, _) => now.discovers += 1,
                (V4::Request, None) => now.requests += 1,
                (V4::Nak, _) => now.naks += 1,
                (V4::Offer, Some(server)) => push(&mut now.offers, server.clone()),
                (V4::Ack, Some(server)) => now.acknowledged_by = Some(server.clone()),
                _ => {}
            }
        }
        LanEventKind::Dhcpv6(said) => {
            if said.server.is_none() {
                now.arch = said.arch.or(now.arch);
                now.vendor_class = said.vendor_class.clone().or(now.vendor_class.take());
                now.user_class = said.user_class.clone().or(now.user_class.take());
            } else {
                now.boot_file = said.boot_file_url.clone().or(now.boot_file.take());
            }
            match (said.message, &said.server) {
                (V6::Solicit, _) => now.discovers += 1,
                (V6::Request, None) => now.requests += 1,
                (V6::Advertise, Some(server)) => push(&mut now.offers, server.clone()),
                (V6::Reply, Some(server)) => now.acknowledged_by = Some(server.clone()),
                _ => {}
            }
        }
        LanEventKind::TftpRequest { name, found, .. } => {
            push(&mut now.asked, Asked { found: *found, ..Asked::of(Protocol::Tftp, name) });
        }
        LanEventKind::TftpProgress { name, bytes, .. } => on(now, name, |asked| asked.bytes = *bytes),
        LanEventKind::TftpComplete { name, bytes } => on(now, name, |asked| {
            (asked.bytes, asked.complete) = (*bytes, true);
        }),
        LanEventKind::TftpAcknowledgedAgain { name, blocks, of } => on(now, name, |asked| {
            asked.again = Some(Again { blocks: *blocks, of: *of });
        }),
        LanEventKind::TftpError { name, code, message, from_guest } => on(now, name, |asked| {
            let (code, message, from_guest) = (*code, message.clone(), *from_guest);
            asked.error = Some(TransferError::Tftp { code, message, from_guest });
        }),
        LanEventKind::HttpRequest { method, path, status, secure, .. } => push(
            &mut now.asked,
            Asked {
                method: method.clone(),
                status: *status,
                found: status.is_some_and(|status| (200..400).contains(&status)),
                ..Asked::of(if *secure { Protocol::Https } else { Protocol::Http }, path)
            },
        ),
        LanEventKind::HttpSent { path, bytes } | LanEventKind::HttpComplete { path, bytes } => {
            on(now, path, |asked| (asked.bytes, asked.complete) = (*bytes, true));
        }
        LanEventKind::TlsRefused { reason } => push(&mut now.tls_refused, reason.clone()),
        LanEventKind::HttpBodyFault { path, fault, .. } => {
            if matches!(fault, BodyFault::ResetAfter(_) | BodyFault::CloseAfter(_)) {
                let unfinished = |asked: &&mut Asked| !asked.complete && asked.method == "GET" && asked.name == *path;
                let unfinished = now.asked.iter_mut().rev().find(unfinished);
                unfinished.into_iter().for_each(|asked| asked.error = Some(TransferError::Body(*fault)));
            }
            let note = format!("http: {path}: {fault}");
            push(&mut now.faults, Struck { fault: FaultOrigin::Http(path.clone()), note });
        }
        LanEventKind::Unserved { request, to } => unserved(now, request, to),
        LanEventKind::Arp { sender, target, answered: false } if sender != target && !sender.is_unspecified() => {
            add(&mut now.unserved, Nobody::HasAddress(*target));
        }
        LanEventKind::Dns { name, found: false, .. } => add(&mut now.unserved, Nobody::HasName(name.clone())),
        LanEventKind::Fault(struck) => add(&mut now.faults, struck.clone()),
        _ => {}
    }
}

/// A request that nobody answered: a file by TFTP was asked for, whoever was asked.
fn unserved(now: &mut Conversation, request: &Request, to: &SocketAddr) {
    let nobody = Nobody::Serves { service: Service::of(request, to), at: to.ip() };
    if let Request::Tftp { name } = request {
        let error = Some(TransferError::Nobody(nobody.clone()));
        let asked = Asked { error, ..Asked::of(Protocol::Tftp, name) };
        if now.asked.last() != Some(&asked) {
            push(&mut now.asked, asked);
        }
    }
    add(&mut now.unserved, nobody);
}

fn add<T: PartialEq>(list: &mut Vec<T>, item: T) {
    if !list.contains(&item) {
        push(list, item);
    }
}

fn push<T>(list: &mut Vec<T>, item: T) {
    if list.len() < LIST_LIMIT {
        list.push(item);
    }
}

fn on(conversation: &mut Conversation, name: &str, change: impl FnOnce(&mut Asked)) {
    if let Some(asked) = conversation.asked.iter_mut().rev().find(|asked| asked.name == name) {
        change(asked);
    }
}

/// Says in each failed attempt over a NIC what the lan saw. `codes` are iPXE's own error codes, one entry for each start of
/// iPXE.
pub fn explain(attempts: &mut [Attempt], conversations: &[Conversation], codes: &[Option<String>]) {
    let mut taken = vec![false; conversations.len()];
    let mut starts = codes.iter();
    for place in 0..attempts.len() {
        let Some(nic) = attempts[place].nic.clone() else { continue };
        let same = key(&attempts[place]);
        let code = if attempts[place].target == "ROM" { starts.next().cloned().flatten() } else { None };
        let is_last = !attempts[place + 1..].iter().any(|later| later.nic.as_ref() == Some(&nic) && key(later) == same);
        let fits = |place: &usize| {
            let one = &conversations[*place];
            one.nic == nic && (one.ipv6, one.is_http()) == same && !taken[*place]
        };
        let mut fitting = (0..conversations.len()).filter(fits);
        let found = if is_last { fitting.next_back() } else { fitting.next() };
        let attempt = &mut attempts[place];
        let own = match attempt.outcome {
            // under way at the end, too, has its reason
            Some(Outcome::Failed | Outcome::TimedOut | Outcome::Refused | Outcome::Hung) | None => {
                std::mem::take(&mut attempt.reason)
            }
            Some(Outcome::Booted) => {
                found.into_iter().for_each(|found| taken[found] = true);
                continue;
            }
        };
        let (outcome, seen) = match found {
            Some(found) => {
                taken[found] = true;
                conversations[found].why()
            }
            None => (Outcome::Failed, vec![LanFinding::NothingSent]),
        };
        // of the outcome the firmware has the word, where it says more than that it failed
        if attempt.outcome == Some(Outcome::Failed) {
            attempt.outcome = Some(outcome);
        }
        let seen = seen.into_iter().map(|seen| Finding::OnLan { nic: nic.clone(), seen });
        attempt.reason = own.behind(seen.chain(code.map(Finding::IpxeError)));
    }
}

/// Family and protocol that the firmware's name for an entry stands for. SeaBIOS and iPXE say neither.
fn key(attempt: &Attempt) -> (bool, bool) {
    (attempt.target.contains("PXEv6") || attempt.target.contains("HTTPv6"), attempt.target.contains("HTTPv"))
}

#[cfg(test)]
mod tests {
    use super::super::Reason;
    use super::*;
    use bootwright_lan::DhcpEvent;
    use bootwright_lan::wire::MacAddr;
    use std::net::Ipv4Addr;
    use std::time::Instant;

    fn dhcp(message: V4, server: Option<&str>, xid: u32, secs: u16) -> LanEvent {
        let said = DhcpEvent {
            message,
            server: server.map(str::to_owned),
            xid,
            secs,
            mac: MacAddr::default(),
            arch: Some(0),
            vendor_class: None,
            user_class: None,
            uuid: None,
            client_id: None,
            your_ip: Ipv4Addr::UNSPECIFIED,
            server_id: None,
            next_server: Ipv4Addr::UNSPECIFIED,
            boot_file: server.map(|_| "boot.0".to_owned()),
            cut: false,
        };
        event(LanEventKind::Dhcp(Box::new(said)))
    }

    fn event(kind: LanEventKind) -> LanEvent {
        LanEvent { at: Instant::now(), port: Some(0), kind }
    }

    fn attempt() -> Attempt {
        let (nic, outcome) = (Some(DeviceName::nic(0)), Some(Outcome::Failed));
        Attempt { nic, outcome, reason: Reason::printed("int 18h"), ..Attempt::on("ROM") }
    }

    /// What a lan saw, as people read it.
    fn why(conversation: &Conversation) -> (Outcome, String) {
        let (outcome, seen) = conversation.why();
        (outcome, seen.iter().map(LanFinding::to_string).collect::<Vec<_>>().join("; "))
    }

    #[test]
    fn unanswered_discovers_are_counted_for_each_attempt() {
        let events: Vec<_> = [4, 8, 12, 16, 4, 8].map(|secs| dhcp(V4::Discover, None, 7, secs)).to_vec();
        let conversations = conversations(&events, |device| Some(DeviceName::nic(device)));
        let mut attempts = [attempt(), attempt()];
        explain(&mut attempts, &conversations, &[Some("4c126035".into())]);
        assert_eq!(
            attempts[0].reason.to_string(),
            "nic0: no DHCP offer: 4 discovers unanswered; iPXE 4c126035; int 18h"
        );
        assert_eq!(attempts[1].reason.to_string(), "nic0: no DHCP offer: 2 discovers unanswered; int 18h");
        assert_eq!(attempts[0].outcome, Some(Outcome::TimedOut));
    }

    #[test]
    fn a_missing_file_is_named() {
        let mut events = vec![dhcp(V4::Discover, None, 7, 4), dhcp(V4::Offer, Some("main"), 7, 0)];
        events.extend([dhcp(V4::Request, None, 7, 4), dhcp(V4::Ack, Some("main"), 7, 0)]);
        let request = LanEventKind::TftpRequest { name: "boot.0".into(), options: Vec::new(), found: false };
        events.push(event(request));
        let (outcome, reason) = why(&conversations(&events, |device| Some(DeviceName::nic(device)))[0]);
        assert_eq!((outcome, reason.as_str()), (Outcome::Failed, "TFTP boot.0: file not found"));
    }

    #[test]
    fn a_file_that_nobody_serves_was_asked_for_and_says_where() {
        let mut events = vec![dhcp(V4::Discover, None, 7, 4), dhcp(V4::Offer, Some("main"), 7, 0)];
        let to = "10.77.0.2:69".parse().unwrap();
        let request = Request::Tftp { name: "boot.0".into() };
        events.extend([0; 6].map(|_| event(LanEventKind::Unserved { request: request.clone(), to })));
        let conversation = &conversations(&events, |device| Some(DeviceName::nic(device)))[0];
        let reason = "TFTP boot.0: nobody serves TFTP at 10.77.0.2";
        assert_eq!(why(conversation), (Outcome::Failed, reason.to_owned()));
        assert_eq!(conversation.asked.len(), 1);
    }

    #[test]
    fn a_file_that_was_never_asked_for_says_what_was_in_the_way() {
        let mut events = vec![dhcp(V4::Discover, None, 7, 4), dhcp(V4::Offer, Some("main"), 7, 0)];
        events.push(dhcp(V4::Request, None, 7, 4));
        let to = "10.77.0.1:4011".parse().unwrap();
        events.push(event(LanEventKind::Unserved { request: Request::BootServer, to }));
        let (sender, target) = (Ipv4Addr::new(10, 77, 0, 100), Ipv4Addr::new(10, 77, 0, 9));
        events.push(event(LanEventKind::Arp { sender, target, answered: false }));
        events.push(dhcp(V4::Ack, Some("main"), 7, 0));
        let nobody = "nobody serves port 4011 at 10.77.0.1; no host has address 10.77.0.9";
        let reason = format!("boot.0 was never asked for; {nobody}");
        assert_eq!(why(&conversations(&events, |device| Some(DeviceName::nic(device)))[0]), (Outcome::Failed, reason));
    }

    #[test]
    fn an_attempt_that_booted_keeps_its_reason() {
        let mut attempts = [Attempt { outcome: Some(Outcome::Booted), ..attempt() }];
        explain(
            &mut attempts,
            &conversations(&[dhcp(V4::Discover, None, 7, 4)], |device| Some(DeviceName::nic(device))),
            &[],
        );
        assert_eq!(attempts[0].reason.to_string(), "int 18h");
    }

    #[test]
    fn an_attempt_that_is_under_way_at_the_end_has_its_reason_and_no_outcome() {
        let mut attempts = [Attempt { outcome: None, reason: Reason::default(), ..attempt() }];
        let seen = conversations(&[dhcp(V4::Discover, None, 7, 4)], |device| Some(DeviceName::nic(device)));
        explain(&mut attempts, &seen, &[]);
        assert_eq!(attempts[0].reason.to_string(), "nic0: no DHCP offer: 1 discover unanswered");
        assert_eq!(attempts[0].outcome, None);
    }

    #[test]
    fn the_firmware_decides_how_an_attempt_ended_and_the_lan_why() {
        let mut attempts = [Attempt { outcome: Some(Outcome::Refused), ..attempt() }];
        let seen = conversations(&[dhcp(V4::Discover, None, 7, 4)], |device| Some(DeviceName::nic(device)));
        explain(&mut attempts, &seen, &[]);
        assert_eq!(attempts[0].reason.to_string(), "nic0: no DHCP offer: 1 discover unanswered; int 18h");
        assert_eq!(attempts[0].outcome, Some(Outcome::Refused));
    }

    #[test]
    fn silence_of_the_guest_is_said() {
        let mut attempts = [attempt()];
        explain(&mut attempts, &[], &[]);
        assert_eq!(attempts[0].reason.to_string(), "nic0: nothing was sent; int 18h");
    }
}

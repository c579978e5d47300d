//! What goes wrong on the wire, as data: which frames, how often, and what happens to them.
//!
//! A fault sees a frame on its way between a NIC and the servers. Faults of a server (NAK, malformed option, stalled
//! transfer) belong to that server's spec. Whatever a fault does is noted on the frame in the capture.
//!
//! ```
//! use bootwright_lan::faults::{Action, Fault, FrameMatch, Until};
//! use bootwright_lan::{Direction, wire::{dhcpv4::MessageType, summary::Message}};
//!
//! // A firewall that drops the first two offers.
//! let firewall = Fault::new("firewall", FrameMatch::message(Message::Dhcp(MessageType::Offer)), Action::Drop).times(2);
//! // A bridge port in its forward delay: nothing passes until the guest has waited for 7 s of its own time.
//! let bridge = Fault::new("forward delay", FrameMatch::any(), Action::Drop).until(Until::Discovers(3));
//! assert_ne!(firewall, bridge);
//! ```

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::engine::Frame;
use super::event::{Direction, FaultOrigin, Struck};
use super::text_form;
use super::wire::summary::{Message, Summary};
use super::wire::{checksum, ethernet, ipv4, ipv6};

/// Something that goes wrong on the wire.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Fault {
    /// Name in notes.
    pub name: String,
    /// The frames that it may happen to.
    pub when: FrameMatch,
    /// So many matching frames pass unharmed first.
    #[serde(default)]
    pub skip: u32,
    /// So many matching frames are hit; `None`: all that follow.
    pub times: Option<u32>,
    /// When it ends, whatever the count.
    pub until: Option<Until>,
    /// What happens.
    pub action: Action,
}

impl Fault {
    /// A fault that hits every matching frame for ever.
    pub fn new(name: impl Into<String>, when: FrameMatch, action: Action) -> Self {
        Self { name: name.into(), when, skip: 0, times: None, until: None, action }
    }

    /// Lets the first `count` matching frames pass.
    #[must_use]
    pub fn skip(mut self, count: u32) -> Self {
        self.skip = count;
        self
    }

    /// Hits `count` matching frames at most.
    #[must_use]
    pub fn times(mut self, count: u32) -> Self {
        self.times = Some(count);
        self
    }

    /// Ends then.
    #[must_use]
    pub fn until(mut self, until: Until) -> Self {
        self.until = Some(until);
        self
    }

    /// A cable that is not there: nothing passes in either direction, ever.
    pub fn dead_network() -> Self {
        Self::new("dead network", FrameMatch::any(), Action::Drop)
    }

    /// A bridge port that forwards nothing until `until`.
    pub fn forward_delay(until: Until) -> Self {
        Self::new("forward delay", FrameMatch::any(), Action::Drop).until(until)
    }
}

/// When a fault ends, for each NIC on its own. Once ended it does not come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Until {
    /// When the guest has sent so many DHCP discovers (or DHCPv6 solicits), which are lost too. The next one passes.
    ///
    /// This is how a delay in guest time is said: iPXE discovers at 0, 1, 3 and 7 s, so that with 3 it is heard at 7 s,
    /// as behind a bridge port with a forward delay between 3 and 7 s, and with 4 never.
    Discovers(u32),
    /// When a DHCP message of the guest has this in its `secs` field. The message that says so already passes.
    ///
    /// edk2 counts seconds in it; iPXE writes 4, 8, 12 and 16 into its four discovers, whatever the time.
    ClientSecs(u16),
    /// When so many frames of the guest have come.
    GuestFrames(u32),
    /// After so much host time from the first frame. Meaningful with a real clock only.
    HostTime(
        #[serde(with = "text_form::duration")]
        #[schemars(with = "text_form::DurationText")]
        Duration,
    ),
}

/// Which frames a fault may happen to; every field that is given must fit.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct FrameMatch {
    /// Which way.
    pub direction: Option<Direction>,
    /// NIC, by its place in the ports.
    pub nic: Option<usize>,
    /// EtherType.
    pub ethertype: Option<u16>,
    /// IP protocol number.
    pub protocol: Option<u8>,
    /// Source or destination port.
    pub port: Option<u16>,
    /// One of these messages; empty: any.
    pub messages: Vec<Message>,
    /// At least so many bytes of TCP or UDP payload.
    pub min_payload: usize,
}

impl FrameMatch {
    /// Every frame.
    pub fn any() -> Self {
        Self::default()
    }

    /// Every frame to the guest.
    pub fn to_guest() -> Self {
        Self { direction: Some(Direction::ToGuest), ..Self::default() }
    }

    /// Every frame from the guest.
    pub fn from_guest() -> Self {
        Self { direction: Some(Direction::FromGuest), ..Self::default() }
    }

    /// Frames with that message.
    pub fn message(message: Message) -> Self {
        Self { messages: vec![message], ..Self::default() }
    }

    /// UDP with that source or destination port.
    pub fn udp_port(port: u16) -> Self {
        Self { protocol: Some(ipv4::UDP), port: Some(port), ..Self::default() }
    }

    /// TCP with that source or destination port.
    pub fn tcp_port(port: u16) -> Self {
        Self { protocol: Some(ipv4::TCP), port: Some(port), ..Self::default() }
    }

    /// Narrowed to one direction.
    #[must_use]
    pub fn going(mut self, direction: Direction) -> Self {
        self.direction = Some(direction);
        self
    }

    fn fits(&self, direction: Direction, nic: usize, summary: &Summary) -> bool {
        self.direction.is_none_or(|wanted| wanted == direction)
            && self.nic.is_none_or(|wanted| wanted == nic)
            && self.ethertype.is_none_or(|wanted| wanted == summary.ethertype)
            && self.protocol.is_none_or(|wanted| summary.ip.is_some_and(|(seen, ..)| seen == wanted))
            && self.port.is_none_or(|wanted| summary.ports.is_some_and(|(src, dst)| src == wanted || dst == wanted))
            && (self.messages.is_empty() || summary.message.is_some_and(|seen| self.messages.contains(&seen)))
            && summary.payload_len >= self.min_payload
    }
}

/// What happens to a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Action {
    /// It is lost.
    Drop,
    /// It is lost with this chance, in thousandths, by the lan's seed.
    Lose {
        /// Chance in thousandths.
        per_mille: u16,
    },
    /// Its UDP checksum is wrong.
    UdpChecksum(UdpChecksum),
    /// It comes `copies` times more.
    Duplicate {
        /// Additional copies.
        copies: u8,
    },
    /// It comes after so many later frames of the same direction; that is how frames get out of order.
    Behind {
        /// Frames that overtake it.
        frames: u8,
    },
    /// It comes so much host time later.
    Delay(
        #[serde(with = "text_form::duration")]
        #[schemars(with = "text_form::DurationText")]
        Duration,
    ),
    /// It ends after so many bytes.
    Truncate {
        /// Bytes that are left, Ethernet header included.
        len: usize,
    },
    /// One bit of it flips; the checksums stay as they were.
    FlipBit {
        /// Byte in the frame.
        offset: usize,
        /// Bit in the byte, 0 to 7.
        bit: u8,
    },
    /// The first half of its TCP payload comes before it in a segment of its own, as where a sender cuts its data otherwise when it sends
    /// it again: the receiver has a part of what it brings (RFC 9293 section 3.10.7.4). Other frames pass.
    HalfBefore,
}

impl Action {
    fn changes_bytes(self) -> bool {
        matches!(self, Self::UdpChecksum(_) | Self::Truncate { .. } | Self::FlipBit { .. })
    }
}

/// A way to get a UDP checksum wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum UdpChecksum {
    /// The field is off by some bits.
    Wrong,
    /// Only the sum over the pseudo header: what a network card that was to finish it would have found. This is what a
    /// guest saw behind vhost without the `CHECKSUM` rule.
    Partial,
    /// Zero: not computed, which IPv4 allows and IPv6 does not.
    Zero,
}

/// What is known of a NIC when a frame passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) struct NicState {
    /// Host time since its first frame.
    pub since_link_up: Duration,
    /// Largest `secs` of its DHCP messages so far.
    pub client_secs: u16,
    /// Frames it sent so far.
    pub guest_frames: u32,
    /// DHCP discovers and DHCPv6 solicits it sent so far.
    pub discovers: u32,
}

/// When a surviving copy goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Release {
    Now,
    AfterFrames(u8),
    AfterTime(Duration),
}

/// What became of a frame.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Outcome {
    pub frame: Frame,
    pub copies: u8,
    pub release: Release,
    /// A frame that comes before it.
    pub before: Option<Frame>,
    pub notes: Vec<Struck>,
    pub dropped: bool,
}

/// The faults of a lan with their counts.
#[derive(Debug)]
pub(super) struct FaultInjector {
    faults: Vec<Armed>,
    random: fastrand::Rng,
}

#[derive(Debug)]
struct Armed {
    fault: Fault,
    seen: u32,
    hit: u32,
}

impl FaultInjector {
    pub(super) fn new(faults: &[Fault], seed: u64) -> Self {
        let faults = faults.iter().map(|fault| Armed { fault: fault.clone(), seen: 0, hit: 0 }).collect();
        Self { faults, random: fastrand::Rng::with_seed(seed) }
    }

    /// Applies every fault that fits, in order, until one drops the frame.
    pub(super) fn pass(&mut self, direction: Direction, nic: usize, state: NicState, frame: Frame) -> Outcome {
        // Faults see the frame as it was sent, whatever others do to it.
        let summary = frame.summary;
        let (copies, release, before) = (1, Release::Now, None);
        let mut outcome = Outcome { frame, copies, release, before, notes: Vec::new(), dropped: false };
        let mut changed = false;
        for armed in &mut self.faults {
            if !armed.applies(direction, nic, state, &summary) {
                continue;
            }
            if let Some(done) = apply(armed.fault.action, &mut outcome, &mut self.random) {
                armed.hit += 1;
                changed |= armed.fault.action.changes_bytes();
                let name = &armed.fault.name;
                let note = format!("{name}: {done}");
                outcome.notes.push(Struck { fault: FaultOrigin::Wire(name.clone()), note });
            }
            if outcome.dropped {
                break;
            }
        }
        if changed {
            outcome.frame = Frame::read(std::mem::take(&mut outcome.frame.bytes));
        }
        outcome
    }
}

impl Armed {
    fn applies(&mut self, direction: Direction, nic: usize, state: NicState, summary: &Summary) -> bool {
        let over = match self.fault.until {
            Some(Until::ClientSecs(secs)) => state.client_secs >= secs,
            Some(Until::Discovers(count)) => state.discovers > count,
            Some(Until::GuestFrames(frames)) => state.guest_frames > frames,
            Some(Until::HostTime(time)) => state.since_link_up >= time,
            None => false,
        };
        if over || !self.fault.when.fits(direction, nic, summary) {
            return false;
        }
        self.seen = self.seen.saturating_add(1);
        self.seen > self.fault.skip && self.fault.times.is_none_or(|times| self.hit < times)
    }
}

/// Does it, and says what was done; `None` if nothing was.
fn apply(action: Action, outcome: &mut Outcome, random: &mut fastrand::Rng) -> Option<String> {
    match action {
        Action::Drop => {
            outcome.dropped = true;
            Some("dropped".to_owned())
        }
        Action::Lose { per_mille } => (random.u16(0..1000) < per_mille).then(|| {
            outcome.dropped = true;
            "lost".to_owned()
        }),
        Action::UdpChecksum(kind) => corrupt_udp_checksum(&mut outcome.frame, kind)
            .then(|| format!("UDP checksum made {}", format!("{kind:?}").to_lowercase())),
        Action::Duplicate { copies } => {
            outcome.copies = outcome.copies.saturating_add(copies);
            Some(format!("sent {} times", outcome.copies))
        }
        Action::Behind { frames } => {
            outcome.release = Release::AfterFrames(frames);
            Some(format!("held behind {frames} frames"))
        }
        Action::Delay(time) => {
            outcome.release = Release::AfterTime(time);
            Some(format!("held for {time:?}"))
        }
        Action::Truncate { len } => (outcome.frame.bytes.len() > len).then(|| {
            outcome.frame.bytes.truncate(len);
            format!("cut to {len} bytes")
        }),
        Action::FlipBit { offset, bit } => outcome.frame.bytes.get_mut(offset).map(|byte| {
            *byte ^= 1 << (bit & 7);
            format!("bit {} of byte {offset} flipped", bit & 7)
        }),
        Action::HalfBefore => half_of_tcp(&outcome.frame.bytes).map(|half| {
            outcome.before = Some(Frame::read(half));
            "sent behind its first half".to_owned()
        }),
    }
}

/// Flags of TCP (RFC 9293 section 3.1) that end what is sent: FIN and PSH.
const FIN_AND_PUSH: u8 = 0b1001;

/// A segment with the first half of the payload of a TCP segment over IPv4 or IPv6; `None` for other frames, those of a VLAN, and a
/// payload of less than two bytes.
fn half_of_tcp(frame: &[u8]) -> Option<Vec<u8>> {
    let packet = ethernet::Packet::new(frame).ok()?;
    let half = |src: IpAddr, dst: IpAddr, segment: &[u8]| {
        let header = usize::from(*segment.get(12)? >> 4) * 4;
        let payload = segment.len().checked_sub(header).filter(|payload| *payload > 1)?;
        let mut half = segment[..header + payload / 2].to_vec();
        half[13] &= !FIN_AND_PUSH;
        half[16..18].fill(0);
        let sum = checksum::with_pseudo_header(src, dst, ipv4::TCP, &half);
        half[16..18].copy_from_slice(&sum.to_be_bytes());
        Some(half)
    };
    let ip = match packet.repr().ethertype {
        ethernet::IPV4 => {
            let ip = ipv4::Packet::new(packet.payload()).ok().filter(|ip| !ip.is_fragment())?;
            let header = ip.repr();
            let segment = (header.protocol == ipv4::TCP).then(|| ip.payload())?;
            header.emit(&half(header.src.into(), header.dst.into(), segment)?)
        }
        ethernet::IPV6 => {
            let ip = ipv6::Packet::new(packet.payload()).ok()?;
            let header = ip.repr();
            let segment = (header.next_header == ipv4::TCP).then(|| ip.payload())?;
            header.emit(&half(header.src.into(), header.dst.into(), segment)?)
        }
        _ => return None,
    };
    Some(packet.repr().emit(&ip))
}

/// Corrupts the checksum of an unfragmented UDP datagram over IPv4 or IPv6; false if the frame is none.
fn corrupt_udp_checksum(frame: &mut Frame, kind: UdpChecksum) -> bool {
    let (summary, frame) = (frame.summary, &mut frame.bytes);
    let (Some((ipv4::UDP, src, dst)), Some(_)) = (summary.ip, summary.ports) else { return false };
    let link = ethernet::HEADER_LEN + summary.vlan.map_or(0, |_| ethernet::TAG_LEN);
    let header = match src {
        IpAddr::V4(_) => usize::from(frame.get(link).copied().unwrap_or(0) & 15) * 4,
        IpAddr::V6(_) => 40,
    };
    let at = link + header;
    let length = super::wire::be16(frame, at + 4);
    let Some(field) = frame.get_mut(at + 6..at + 8) else { return false };
    let right = u16::from_be_bytes([field[0], field[1]]);
    let spoilt = match kind {
        UdpChecksum::Wrong => match right ^ 0x5a5a {
            0 => 0x1234,
            spoilt => spoilt,
        },
        // The pseudo header alone, not complemented: length and protocol as they would stand in the segment.
        UdpChecksum::Partial => !checksum::pseudo_header_only(src, dst, ipv4::UDP, length),
        UdpChecksum::Zero => 0,
    };
    field.copy_from_slice(&spoilt.to_be_bytes());
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{MacAddr, udp};
    use std::net::Ipv4Addr;

    fn datagram(src_port: u16) -> Frame {
        let (src, dst) = (Ipv4Addr::new(10, 77, 0, 1), Ipv4Addr::new(10, 77, 0, 100));
        let udp = udp::Repr { src_port, dst_port: 2000 }.emit(src.into(), dst.into(), b"payload");
        let ip = ipv4::Repr { src, dst, protocol: ipv4::UDP, identification: 1, hop_limit: 64 }.emit(&udp);
        let link = ethernet::Repr { dst: MacAddr::default(), src: MacAddr::default(), ethertype: ethernet::IPV4 };
        Frame::read(link.emit(&ip))
    }

    fn injector(fault: Fault) -> FaultInjector {
        FaultInjector::new(&[fault], 1)
    }

    #[test]
    fn skip_and_times_count_matching_frames_only() {
        let mut injector = injector(Fault::new("f", FrameMatch::udp_port(69), Action::Drop).skip(1).times(1));
        let mut dropped = |port| injector.pass(Direction::ToGuest, 0, NicState::default(), datagram(port)).dropped;
        assert_eq!([dropped(69), dropped(70), dropped(69), dropped(69)], [false, false, true, false]);
    }

    #[test]
    fn a_forward_delay_ends_by_the_guests_own_seconds() {
        let mut injector = injector(Fault::forward_delay(Until::ClientSecs(4)));
        let mut dropped = |client_secs| {
            let state = NicState { client_secs, ..NicState::default() };
            injector.pass(Direction::FromGuest, 0, state, datagram(1)).dropped
        };
        assert_eq!([dropped(0), dropped(3), dropped(4), dropped(7)], [true, true, false, false]);
    }

    #[test]
    fn every_spoilt_checksum_is_refused_by_a_receiver_but_zero() {
        for (kind, accepted) in [(UdpChecksum::Wrong, false), (UdpChecksum::Partial, false), (UdpChecksum::Zero, true)]
        {
            let fault = Fault::new("f", FrameMatch::any(), Action::UdpChecksum(kind));
            let outcome = injector(fault).pass(Direction::ToGuest, 0, NicState::default(), datagram(69));
            let ip = ipv4::Packet::new(&outcome.frame.bytes[14..]).unwrap();
            let header = ip.repr();
            let packet = udp::Packet::new(ip.payload()).unwrap();
            assert_eq!(packet.checksum_ok(header.src.into(), header.dst.into()), accepted, "{kind:?}");
            assert_eq!(outcome.notes.len(), 1);
        }
    }

    fn segment(src: IpAddr, dst: IpAddr, payload: &[u8]) -> Vec<u8> {
        let mut bytes = [&[0, 80, 4, 0, 0, 0, 0, 7, 0, 0, 0, 9, 0x50, 0x19, 0x10, 0, 0, 0, 0, 0], payload].concat();
        let sum = checksum::with_pseudo_header(src, dst, ipv4::TCP, &bytes);
        bytes[16..18].copy_from_slice(&sum.to_be_bytes());
        bytes
    }

    #[test]
    fn half_of_a_segment_is_one_that_a_receiver_takes() {
        let link = |ethertype| ethernet::Repr { dst: MacAddr::default(), src: MacAddr::default(), ethertype };
        let (src, dst) = (Ipv4Addr::new(10, 77, 0, 1), Ipv4Addr::new(10, 77, 0, 100));
        let header = ipv4::Repr { src, dst, protocol: ipv4::TCP, identification: 1, hop_limit: 64 };
        let frame = link(ethernet::IPV4).emit(&header.emit(&segment(src.into(), dst.into(), &[7; 101])));
        let fault = Fault::new("f", FrameMatch::any(), Action::HalfBefore);
        let outcome =
            injector(fault.clone()).pass(Direction::ToGuest, 0, NicState::default(), Frame::read(frame.clone()));
        assert_eq!(outcome.frame.bytes, frame, "the segment itself is as it was");
        let before = outcome.before.unwrap().bytes;
        let half = ipv4::Packet::new(&before[14..]).unwrap().payload();
        assert_eq!((half.len(), half[13]), (20 + 50, 0x10));
        assert_eq!(checksum::with_pseudo_header(src.into(), dst.into(), ipv4::TCP, half), 0);
        let (src, dst) = (std::net::Ipv6Addr::LOCALHOST, std::net::Ipv6Addr::UNSPECIFIED);
        let header = ipv6::Repr { src, dst, next_header: ipv4::TCP, hop_limit: 64 };
        let frame = link(ethernet::IPV6).emit(&header.emit(&segment(src.into(), dst.into(), &[7; 2])));
        assert_eq!(half_of_tcp(&frame).unwrap().len(), ethernet::MIN_FRAME_LEN.max(14 + 40 + 21));
        for other in [datagram(80).bytes, link(ethernet::IPV4).emit(&[]), vec![0; 3]] {
            assert_eq!(half_of_tcp(&other), None);
        }
        let short = header.emit(&segment(src.into(), dst.into(), &[7]));
        assert_eq!(half_of_tcp(&link(ethernet::IPV6).emit(&short)), None);
    }

    #[test]
    fn loss_depends_on_the_seed_alone() {
        let lost = |seed| {
            let fault = Fault::new("f", FrameMatch::any(), Action::Lose { per_mille: 300 });
            let mut injector = FaultInjector::new(&[fault], seed);
            (0..200)
                .map(|_| injector.pass(Direction::ToGuest, 0, NicState::default(), datagram(1)).dropped)
                .collect::<Vec<_>>()
        };
        assert_eq!(lost(7), lost(7));
        assert_ne!(lost(7), lost(8));
        let count = lost(7).iter().filter(|dropped| **dropped).count();
        assert!((30..90).contains(&count), "{count} of 200 lost at 30 %");
    }

    #[test]
    fn a_fault_that_does_not_fit_leaves_the_frame_alone() {
        let fault = Fault::new("f", FrameMatch::tcp_port(80), Action::Drop);
        let outcome = injector(fault).pass(Direction::ToGuest, 0, NicState::default(), datagram(69));
        assert_eq!((outcome.dropped, outcome.notes.len(), outcome.frame), (false, 0, datagram(69)));
    }
}

//! What the wire does to a BIOS guest: firewalls, bridges, checksums, loss.

use bootwright::case::Case;
use bootwright::lan::Direction::ToGuest;
use bootwright::lan::faults::{Action, FrameMatch, UdpChecksum, Until};
use bootwright::lan::wire::dhcpv4::MessageType;
use bootwright::lan::wire::summary::Message;
use bootwright::lan::{Fault, LanSpec};
use bootwright::machine::{Board, Network};
use bootwright::verdict::{Cause, OnLan, tftp};

use crate::networks::{BIOS_FILE, Story, serves, times_out, with};

pub fn cases() -> Vec<Case> {
    let stories = firewalls().into_iter().chain(bridges()).chain(checksums()).chain(noise());
    stories.map(|story| story.case("pxe", Board::Pc)).collect()
}

fn faulty(fault: Fault) -> Network {
    with(|lan| lan.fault(fault))
}

fn dhcp(kind: MessageType) -> FrameMatch {
    FrameMatch::message(Message::Dhcp(kind)).going(ToGuest)
}

/// Rules that another program put before those that let the guest's traffic pass.
fn firewalls() -> Vec<Story> {
    let dropping = |when: FrameMatch| Fault::new("firewall", when, Action::Drop);
    let untaken = Cause::OffersNotTaken(4);
    vec![
        serves("firewall-drops-1-offer", faulty(dropping(dhcp(MessageType::Offer)).times(1)))
            .on_lan(OnLan::Struck("firewall".into())),
        serves("firewall-drops-3-offers", faulty(dropping(dhcp(MessageType::Offer)).times(3)))
            .on_lan(OnLan::Struck("firewall".into())),
        times_out("firewall-drops-offers", faulty(dropping(dhcp(MessageType::Offer))), untaken.clone()),
        serves("firewall-drops-1-ack", faulty(dropping(dhcp(MessageType::Ack)).times(1)))
            .on_lan(OnLan::Struck("firewall".into())),
        times_out("firewall-drops-dhcp-replies", faulty(dropping(FrameMatch::udp_port(68).going(ToGuest))), untaken),
        times_out(
            "firewall-drops-tftp",
            faulty(dropping(FrameMatch { protocol: Some(17), min_payload: 0, ..FrameMatch::to_guest() }).skip(3)),
            tftp(BIOS_FILE).stalled_after(0),
        ),
    ]
}

/// A bridge port in its forward delay: shorter than the client's patience it is only late, longer it fails.
fn bridges() -> Vec<Story> {
    let delay = |discovers| faulty(Fault::forward_delay(Until::Discovers(discovers)));
    vec![
        serves("forward-delay-1-discover", delay(1)).on_lan(OnLan::Discovers(2, 3)),
        serves("forward-delay-2-discovers", delay(2)).on_lan(OnLan::Discovers(3, 4)),
        serves("forward-delay-3-discovers", delay(3)).on_lan(OnLan::Discovers(4, 5)),
        times_out("forward-delay-4-discovers", delay(4), Cause::NoOfferAfter(4)).control(delay(3)),
        // a trunk port that has no native VLAN: frames without a tag go nowhere
        times_out("behind-a-trunk-port", with(|lan| lan.vlan(5)), Cause::NoOfferAfter(4)),
        times_out("dead-network", faulty(Fault::dead_network()), Cause::NoOfferAfter(4))
            .on_lan(OnLan::Struck("dead network".into())),
    ]
}

/// UDP checksums that nobody finished: what a guest sees behind vhost without the CHECKSUM rule.
fn checksums() -> Vec<Story> {
    let spoilt = |kind, when| Fault::new("checksum", when, Action::UdpChecksum(kind));
    let replies = || FrameMatch::udp_port(68).going(ToGuest);
    vec![
        times_out("checksum-wrong", faulty(spoilt(UdpChecksum::Wrong, replies())), Cause::OffersNotTaken(4)),
        times_out("checksum-partial", faulty(spoilt(UdpChecksum::Partial, replies())), Cause::OffersNotTaken(4)),
        serves("checksum-zero", faulty(spoilt(UdpChecksum::Zero, replies()))),
        serves("checksum-wrong-once", faulty(spoilt(UdpChecksum::Wrong, replies()).times(1)))
            .on_lan(OnLan::Struck("checksum".into())),
    ]
}

/// Frames that come twice, late, cut or damaged.
fn noise() -> Vec<Story> {
    let offers = || dhcp(MessageType::Offer);
    let everything = |action| Fault::new("noise", FrameMatch::to_guest(), action);
    let struck = || OnLan::Struck("noise".into());
    let quiet_loss =
        |lan: LanSpec| lan.fault(Fault::new("noise", FrameMatch::udp_port(67), Action::Lose { per_mille: 300 }));
    vec![
        serves("every-frame-twice", faulty(everything(Action::Duplicate { copies: 1 }))).on_lan(struck()),
        serves("first-offer-cut", faulty(Fault::new("noise", offers(), Action::Truncate { len: 200 }).times(1)))
            .on_lan(struck()),
        serves(
            "first-offer-damaged",
            faulty(Fault::new("noise", offers(), Action::FlipBit { offset: 60, bit: 3 }).times(1)),
        )
        .on_lan(struck()),
        serves(
            "first-offer-behind-the-next-frame",
            faulty(Fault::new("noise", offers(), Action::Behind { frames: 1 }).times(1)),
        )
        .on_lan(struck()),
        serves(
            "first-arp-reply-lost",
            faulty(Fault::new("noise", FrameMatch::message(Message::ArpReply), Action::Drop).times(1)),
        )
        .on_lan(struck()),
        serves("dhcp-loss-30-percent", with(|lan| LanSpec { seed: 3, ..quiet_loss(lan) })),
    ]
}

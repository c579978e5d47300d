//! Network boot over real parts: a Linux bridge with STP, nftables, dnsmasq, ISC dhcpd and lighttpd, configured as a libvirt
//! user would. These run in real time; docs/network.md says what a host needs for them.

mod dnsmasq;
mod firewall;
mod ipv6;
mod rules;
mod table;

use bootwright::case::Case;
use bootwright::machine::Bridge;
use bootwright::verdict::{Cause, OnLan};

use crate::networks::BIOS_FILE;
use dnsmasq::{case, machine, served, serving, times_out};

/// All cases of this group.
pub fn cases() -> Vec<Case> {
    let mut cases = vec![no_stp(), no_delay(), short_delay(), long_delay()];
    cases.extend(firewall::cases());
    cases.extend(rules::cases());
    cases.extend(ipv6::cases());
    cases.extend(table::cases());
    cases.into_iter().map(|case| case.long("real parts take real time")).collect()
}

/// Without STP the port forwards before the guest's first discover.
fn no_stp() -> Case {
    case("without-stp")
        .machine(machine(serving(Bridge::new())))
        .expect(served().on_lan(OnLan::NoDiscoverWhile("listening".into())).on_lan(OnLan::Discovers(1, 2)))
        .control(machine(serving(Bridge::new()).without_program(BIOS_FILE)))
}

/// libvirt's `stp='on' delay='0'`: Linux makes that 2 s (`br_stp_start` in `net/bridge/br_stp_if.c`), which is over, or nearly, when
/// iPXE begins to ask.
fn no_delay() -> Case {
    case("forward-delay-0")
        .machine(machine(serving(Bridge::new().stp(0))))
        .expect(served().on_lan(OnLan::OfferedWhile("forwarding".into())))
        .control(machine(serving(Bridge::new().stp(15))))
}

/// 4 s of listening and 4 s of learning are shorter than iPXE's patience: it boots, late. Its first discover is sent 2.4 s after power-on by
/// iPXE of Debian 12 and 3.8 s after by later ones, so that the port may be learning already; that it listened at first is for [`long_delay`] to say.
fn short_delay() -> Case {
    let late = served()
        .on_lan(OnLan::DiscoverWhile("learning".into()))
        .on_lan(OnLan::OfferedWhile("forwarding".into()))
        .on_lan(OnLan::Discovers(3, 5));
    case("forward-delay-4-s")
        .machine(machine(serving(Bridge::new().stp(4))))
        .expect(late)
        .control(machine(serving(Bridge::new())))
}

/// 15 s of listening and 15 s of learning, Linux' default, are longer: no discover passes, and the disk runs.
fn long_delay() -> Case {
    let why = [Cause::NoOfferAfter(4), Cause::PortWas("listening".to_owned())];
    case("forward-delay-15-s")
        .machine(machine(serving(Bridge::new().stp(15))))
        .expect(times_out(why).on_lan(OnLan::NeverAcknowledged))
        .control(machine(serving(Bridge::new().stp(4))))
}

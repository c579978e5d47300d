//! Real firewall rules that another program put in the way of libvirt's, and a checksum that is left wrong.

use bootwright::case::Case;
use bootwright::machine::Bridge;
use bootwright::verdict::{Cause, OnLan};

use super::dnsmasq::{case, machine, served, serving, times_out};

pub fn cases() -> Vec<Case> {
    vec![replies_dropped(), requests_dropped(), restored_in_time(), wrong_checksum()]
}

/// A table in which `rule` stands at a hook of the host's own traffic.
fn rules(hook: &str, rule: &str) -> String {
    format!(
        "table inet firewall {{\n  chain {hook} {{\n    type filter hook {hook} priority 0; policy accept;\n    {rule}\n  }}\n}}\n"
    )
}

/// A rule of that table that begins so dropped a packet at this hook.
fn dropped(hook: &str, rule: &str) -> Cause {
    Cause::DroppedBy { chain: format!("inet firewall {hook}"), rule: rule.to_owned() }
}

const DROP_REPLIES: &str = "oifname br0 udp sport 67 meta nftrace set 1 drop";

/// dnsmasq's replies are dropped: it hears every discover, the guest hears nothing.
fn replies_dropped() -> Case {
    case("firewall-drops-replies")
        .machine(machine(serving(Bridge::new().rules(rules("output", DROP_REPLIES)))))
        .expect(times_out([dropped("output", "oifname")]).on_lan(OnLan::RuleStruck("udp sport 67".into())))
        .control(machine(serving(Bridge::new())))
}

/// What libvirt's own rule accepts is dropped by another table: dnsmasq hears nothing.
fn requests_dropped() -> Case {
    let rule = "iifname br0 udp dport 67 meta nftrace set 1 drop";
    case("firewall-drops-requests")
        .machine(machine(serving(Bridge::new().rules(rules("input", rule)))))
        .expect(times_out([dropped("input", "iifname")]).on_lan(OnLan::NeverAcknowledged))
        .control(machine(serving(Bridge::new())))
}

/// The rules are put right after two dropped replies, as by a restart of libvirtd: the third discover is answered.
fn restored_in_time() -> Case {
    case("firewall-restored-in-time")
        .machine(machine(serving(Bridge::new().rules(rules("output", DROP_REPLIES)).restore_after(2))))
        .expect(served().on_lan(OnLan::RuleStruck("udp sport 67".into())).on_lan(OnLan::Discovers(3, 4)))
        .control(machine(serving(Bridge::new().rules(rules("output", DROP_REPLIES)))))
}

/// Replies arrive with a wrong UDP checksum, as on a path that leaves it uncomputed: the guest takes none.
fn wrong_checksum() -> Case {
    let rule = "oifname br0 udp sport 67 udp checksum set 0x1234";
    case("wrong-udp-checksum")
        .machine(machine(serving(Bridge::new().rules(rules("output", rule)))))
        .expect(times_out([Cause::OffersNotTaken(4)]).on_lan(OnLan::NeverAcknowledged))
        .control(machine(serving(Bridge::new())))
}

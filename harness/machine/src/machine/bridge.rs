//! A network of real parts, as part of a machine's data: a Linux bridge with STP, tap devices, nftables, dnsmasq, ISC dhcpd
//! and lighttpd, in a user and network namespace of their own.
//!
//! Configuration is the text that the program itself reads; nothing here is started. Files are served from `/srv/tftp`,
//! which the namespace alone has.
//!
//! ```
//! use bootwright_machine::machine::Bridge;
//!
//! let bridge = Bridge::new().stp(15).dnsmasq("interface=br0\ndhcp-range=192.168.122.10,192.168.122.99\n");
//! assert_eq!(bridge.programs(), ["ip", "bridge", "unshare", "dnsmasq"]);
//! assert!(bridge.script(&[0]).contains("forward_delay=1500"));
//! ```

use serde::{Deserialize, Serialize};

/// The part of `lab.sh` that is the same for every bridge.
const SCRIPT: &str = include_str!("lab.sh");

/// A bridge at 192.168.122.1/24 and the servers on it.
#[must_use = "words about a bridge give a new one back"]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Bridge {
    /// The spanning tree protocol is on.
    pub stp: bool,
    /// How long a port listens and then how long it learns, in seconds (IEEE 802.1D forward delay). Linux takes no less
    /// than 2 s while STP is on.
    pub forward_delay: u8,
    /// dnsmasq's configuration, where it runs.
    pub dnsmasq: Option<String>,
    /// ISC dhcpd's configuration, where it runs.
    pub dhcpd: Option<String>,
    /// lighttpd's configuration, where it runs.
    pub lighttpd: Option<String>,
    /// nftables rules. Packets with `meta nftrace set 1` become evidence.
    pub rules: Option<String>,
    /// So many packets that rules dropped, after which all rules are removed.
    pub restore_after: Option<u32>,
}

impl Default for Bridge {
    fn default() -> Bridge {
        Bridge::new()
    }
}

impl Bridge {
    /// A bridge without STP, on which nobody answers.
    pub fn new() -> Bridge {
        Bridge {
            stp: false,
            forward_delay: 0,
            dnsmasq: None,
            dhcpd: None,
            lighttpd: None,
            rules: None,
            restore_after: None,
        }
    }

    /// With STP and this forward delay in seconds.
    pub fn stp(mut self, forward_delay: u8) -> Bridge {
        (self.stp, self.forward_delay) = (true, forward_delay);
        self
    }

    /// Runs dnsmasq with this configuration.
    pub fn dnsmasq(mut self, configuration: impl Into<String>) -> Bridge {
        self.dnsmasq = Some(configuration.into());
        self
    }

    /// Runs ISC dhcpd with this configuration.
    pub fn dhcpd(mut self, configuration: impl Into<String>) -> Bridge {
        self.dhcpd = Some(configuration.into());
        self
    }

    /// Runs lighttpd with this configuration.
    pub fn lighttpd(mut self, configuration: impl Into<String>) -> Bridge {
        self.lighttpd = Some(configuration.into());
        self
    }

    /// Loads these nftables rules.
    pub fn rules(mut self, rules: impl Into<String>) -> Bridge {
        self.rules = Some(rules.into());
        self
    }

    /// Removes all rules once they have dropped so many packets.
    pub fn restore_after(mut self, dropped: u32) -> Bridge {
        self.restore_after = Some(dropped);
        self
    }

    /// Files that the servers read: name in `/srv` and text.
    pub fn configuration(&self) -> Vec<(&'static str, &str)> {
        let all = [
            ("dnsmasq.conf", &self.dnsmasq),
            ("dhcpd.conf", &self.dhcpd),
            ("lighttpd.conf", &self.lighttpd),
            ("rules.nft", &self.rules),
        ];
        all.into_iter().filter_map(|(name, text)| Some((name, text.as_deref()?))).collect()
    }

    /// Programs that must be on the host.
    pub fn programs(&self) -> Vec<&'static str> {
        let optional = [
            ("dnsmasq", self.dnsmasq.is_some()),
            ("dhcpd", self.dhcpd.is_some()),
            ("lighttpd", self.lighttpd.is_some()),
            ("nft", self.rules.is_some()),
        ];
        let wanted = optional.into_iter().filter(|(_, wanted)| *wanted).map(|(name, _)| name);
        ["ip", "bridge", "unshare"].into_iter().chain(wanted).collect()
    }

    /// Whether the configuration names an IPv6 address, so that the host must have IPv6.
    pub fn needs_ipv6(&self) -> bool {
        let is_address = |word: &str| word.contains("::") && word.parse::<std::net::Ipv6Addr>().is_ok();
        let between = |c: char| !(c.is_ascii_hexdigit() || c == ':' || c == '.');
        self.configuration().iter().any(|(_, text)| text.split(between).any(is_address))
    }

    /// `lab.sh`: makes the bridge with a tap device for each NIC (by device index), starts the servers, then runs the
    /// command that it is given.
    pub fn script(&self, nics: &[usize]) -> String {
        let taps: Vec<_> = nics.iter().map(|&nic| tap(nic)).collect();
        let mut script = String::from("#!/bin/sh\n");
        script += "# A network of real parts around one command; ends with it. Run it by command.sh, which gives it a user,\n";
        script += "# network, mount and process namespace of its own.\n";
        script += &format!("taps=\"{}\"\n", taps.join(" "));
        script += &format!("stp={} # spanning tree protocol: 1 on\n", u8::from(self.stp));
        script += &format!("forward_delay={} # hundredths of a second\n", u32::from(self.forward_delay) * 100);
        script += &format!("restore_after={} # dropped packets; 0 never\n", self.restore_after.unwrap_or(0));
        script + SCRIPT
    }
}

/// The tap device of a NIC, by its place among the machine's devices.
pub fn tap(nic: usize) -> String {
    format!("tap{nic}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_runs_is_wanted_of_the_host() {
        assert_eq!(Bridge::new().programs(), ["ip", "bridge", "unshare"]);
        let all = Bridge::new().dnsmasq("a").dhcpd("b").lighttpd("c").rules("d");
        assert_eq!(all.programs().len(), 7);
        assert_eq!(all.configuration()[3], ("rules.nft", "d"));
    }

    #[test]
    fn an_ipv6_address_in_a_configuration_needs_ipv6() {
        for six in
            ["dhcp-range=fd77:122::,ra-only", "dhcp-option=option6:59,tftp://[fd77:122::1]/a", "server.bind = \"::\""]
        {
            assert!(Bridge::new().dnsmasq(six).needs_ipv6(), "{six}");
        }
        for four in [
            "dhcp-range=192.168.122.10,192.168.122.99",
            "dhcp-host=52:54:00:12:34:10,set:a",
            "dhcp-match=set:x,option:client-arch,7",
        ] {
            assert!(!Bridge::new().dnsmasq(four).needs_ipv6(), "{four}");
        }
    }

    #[test]
    fn the_script_names_a_tap_for_each_nic() {
        let script = Bridge::new().stp(4).restore_after(2).script(&[0, 3]);
        for line in ["taps=\"tap0 tap3\"\n", "stp=1 ", "forward_delay=400 ", "restore_after=2 "] {
            assert!(script.contains(line), "{line}");
        }
    }
}

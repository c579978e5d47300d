//! DHCPv6 server (RFC 8415, boot options RFC 5970).

use std::collections::BTreeMap;
use std::net::Ipv6Addr;

use crate::event::{Dhcpv6Event, LanEventKind};
use crate::spec::Dhcpv6Server;
use crate::wire::dhcpv6::{MessageType, Repr, association, option};
use crate::wire::{MacAddr, be16, be32};

/// Most clients that the server remembers.
const MAX_CLIENTS: usize = 256;
/// Longest DUID (RFC 8415 section 11.1).
const MAX_DUID: usize = 130;
/// Enterprise number of Intel, which PXE clients use.
const INTEL: u32 = 343;
/// Status code NoAddrsAvail.
const NO_ADDRESSES: u16 = 2;

/// The server with what it remembers of its clients.
#[derive(Debug)]
pub(crate) struct Server {
    spec: Dhcpv6Server,
    duid: Vec<u8>,
    /// By DUID: place in the pool and solicits seen.
    clients: BTreeMap<Vec<u8>, (u16, u32)>,
}

impl Server {
    pub(crate) fn new(spec: &Dhcpv6Server, mac: MacAddr) -> Self {
        // DUID-LL: type 3, hardware type Ethernet.
        Self { spec: spec.clone(), duid: [&[0, 3, 0, 1][..], &mac.0].concat(), clients: BTreeMap::new() }
    }

    /// Takes a client's message; gives the reply, if any, and the events that belong to it.
    pub(crate) fn handle(&mut self, message: &Repr, events: &mut Vec<LanEventKind>) -> Option<Repr> {
        match self.answer(message) {
            Ok(reply) => {
                events.push(event_of(&reply, message.client_arch(), Some(self.spec.name.clone())));
                Some(reply)
            }
            Err(reason) => {
                let server = self.spec.name.clone();
                events.push(LanEventKind::DhcpIgnored { server, xid: message.xid, reason });
                None
            }
        }
    }

    fn answer(&mut self, message: &Repr) -> Result<Repr, &'static str> {
        use MessageType::*;
        let rapid = message.option(option::RAPID_COMMIT).is_some();
        let kind = match message.message {
            Solicit if !rapid => Advertise,
            Solicit | Request | Confirm | Renew | Rebind | Release | Decline | InformationRequest => Reply,
            Advertise | Reply | Reconfigure => return Err("message is a server's"),
        };
        if message.option(option::SERVER_ID).is_some_and(|duid| duid != self.duid) {
            return Err("client chose another server");
        }
        let duid = message.option(option::CLIENT_ID).map(<[u8]>::to_vec);
        let mut reply = Repr { message: kind, xid: message.xid, options: Vec::new() };
        reply.options.push((option::SERVER_ID, self.duid.clone()));
        if let Some(duid) = duid.filter(|duid| duid.len() <= MAX_DUID) {
            let index = self.remember(&duid, message.message == Solicit)?;
            reply.options.push((option::CLIENT_ID, duid));
            self.give_addresses(message, index, &mut reply);
        } else if message.message != InformationRequest {
            return Err("message without a client identifier");
        }
        self.give_configuration(message, &mut reply);
        if rapid && message.message == Solicit {
            reply.options.push((option::RAPID_COMMIT, Vec::new()));
        }
        Ok(reply)
    }

    fn remember(&mut self, duid: &[u8], solicits: bool) -> Result<u16, &'static str> {
        let next = self.clients.len();
        if !self.clients.contains_key(duid) && next >= MAX_CLIENTS {
            return Err("too many clients");
        }
        let (index, seen) = self.clients.entry(duid.to_vec()).or_insert((next as u16, 0));
        if solicits {
            *seen = seen.saturating_add(1);
            if *seen <= self.spec.ignored_solicits {
                return Err("not answering yet");
            }
        }
        Ok(*index)
    }

    fn give_addresses(&self, message: &Repr, index: u16, reply: &mut Repr) {
        let seconds = self.spec.lifetime.as_secs().min(u64::from(u32::MAX)) as u32;
        for iaid in message.wanted_addresses().into_iter().take(4) {
            if self.spec.no_addresses {
                let mut value = iaid.to_be_bytes().to_vec();
                value.extend_from_slice(&[0; 8]);
                value.extend_from_slice(&option::STATUS_CODE.to_be_bytes());
                value.extend_from_slice(&2_u16.to_be_bytes());
                value.extend_from_slice(&NO_ADDRESSES.to_be_bytes());
                reply.options.push((option::IA_NA, value));
            } else {
                let address = Ipv6Addr::from(u128::from(self.spec.pool_start).wrapping_add(u128::from(index)));
                reply.options.push((option::IA_NA, association(iaid, address, seconds)));
            }
        }
    }

    fn give_configuration(&self, message: &Repr, reply: &mut Repr) {
        if let Some(preference) = self.spec.preference {
            reply.options.push((option::PREFERENCE, vec![preference]));
        }
        if let Some(dns) = self.spec.dns {
            reply.options.push((option::DNS, dns.octets().to_vec()));
        }
        let class = message.vendor_class().unwrap_or_default();
        let rule = self.spec.rules.iter().find(|rule| {
            rule.arch.is_none_or(|arch| message.client_arch() == Some(arch))
                && rule.vendor_class.as_ref().is_none_or(|wanted| class.starts_with(wanted))
        });
        let Some(rule) = rule else { return };
        reply.options.push((option::BOOT_FILE_URL, rule.url.clone().into_bytes()));
        if let Some(class) = &rule.reply_vendor_class {
            let enterprise = message.option(option::VENDOR_CLASS).map_or(INTEL, |value| be32(value, 0));
            let mut value = enterprise.to_be_bytes().to_vec();
            value.extend_from_slice(&(class.len() as u16).to_be_bytes());
            value.extend_from_slice(class.as_bytes());
            reply.options.push((option::VENDOR_CLASS, value));
        }
    }
}

/// The event for a message.
pub(crate) fn event_of(message: &Repr, arch: Option<u16>, server: Option<String>) -> LanEventKind {
    LanEventKind::Dhcpv6(Box::new(Dhcpv6Event {
        message: message.message,
        server,
        xid: message.xid,
        elapsed: message.option(option::ELAPSED_TIME).map(|value| be16(value, 0)),
        arch,
        vendor_class: message.vendor_class(),
        user_class: message.user_class(),
        address: message.given_address(),
        boot_file_url: message.option(option::BOOT_FILE_URL).map(|url| String::from_utf8_lossy(url).into_owned()),
        cut: false,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn solicit(arch: u16) -> Repr {
        Repr {
            message: MessageType::Solicit,
            xid: 7,
            options: vec![
                (option::CLIENT_ID, vec![0, 4, 9]),
                (option::IA_NA, association(3, Ipv6Addr::UNSPECIFIED, 0)),
                (option::CLIENT_ARCH, arch.to_be_bytes().to_vec()),
            ],
        }
    }

    fn server(spec: Dhcpv6Server) -> Server {
        Server::new(&spec, MacAddr([2, 0, 0, 0, 0, 1]))
    }

    #[rstest]
    #[case(7, Some("tftp://[fd77::1]/boot.efi"), None)]
    #[case(16, Some("http://[fd77::1]/boot.efi"), Some("HTTPClient"))]
    #[case(11, None, None)]
    fn the_first_rule_for_an_architecture_gives_url_and_class(
        #[case] arch: u16,
        #[case] url: Option<&str>,
        #[case] class: Option<&str>,
    ) {
        let spec = Dhcpv6Server::new("v6")
            .boot_url(Some(7), "tftp://[fd77::1]/boot.efi")
            .http_url(16, "http://[fd77::1]/boot.efi");
        let reply = server(spec).handle(&solicit(arch), &mut Vec::new()).unwrap();
        assert_eq!(reply.message, MessageType::Advertise);
        assert_eq!(reply.option(option::BOOT_FILE_URL), url.map(str::as_bytes));
        assert_eq!(reply.vendor_class().as_deref(), class);
        assert_eq!(reply.given_address(), Some(Dhcpv6Server::new("").pool_start));
    }

    #[test]
    fn a_request_for_another_server_and_ignored_solicits_get_nothing_and_say_why() {
        let mut server = server(Dhcpv6Server { ignored_solicits: 1, ..Dhcpv6Server::new("v6") });
        let mut events = Vec::new();
        assert_eq!(server.handle(&solicit(7), &mut events), None);
        assert!(server.handle(&solicit(7), &mut Vec::new()).is_some());
        let mut other = solicit(7);
        other.message = MessageType::Request;
        other.options.push((option::SERVER_ID, vec![1]));
        assert_eq!(server.handle(&other, &mut events), None);
        assert_eq!(events.len(), 2);
    }

    #[test]
    fn without_addresses_the_association_carries_status_2() {
        let mut server = server(Dhcpv6Server { no_addresses: true, ..Dhcpv6Server::new("v6") });
        let reply = server.handle(&solicit(7), &mut Vec::new()).unwrap();
        assert_eq!(reply.option(option::IA_NA).unwrap()[12..], [0, 13, 0, 2, 0, 2]);
    }
}

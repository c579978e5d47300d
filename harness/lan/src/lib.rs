//! The guest's user-mode network: in process, without privileges, without host sockets.
//!
//! A [`Lan`] is a switch with one port per NIC and, behind it, servers that exist only as code: ARP, ICMP echo, DHCP,
//! proxyDHCP, DHCPv6, DNS, TFTP, HTTP and HTTPS. QEMU connects each NIC by `-netdev stream` over a socket pair; nothing is
//! bound to a host address and no privilege is needed. What the network offers is plain data ([`LanSpec`]), what goes
//! wrong is plain data ([`faults`]), and what happened is a [`LanLog`] of typed events and of every frame, which
//! [`pcapng::write`] turns into a capture.
//!
//! The guest is not trusted: whatever it sends, the lan does not panic, keeps every queue bounded, and gives no file
//! that the spec does not offer. It never opens a file, never opens a host socket and never waits for host time unless
//! a fault asks for it.
//!
//! ```
//! use std::io::Write;
//! use std::os::unix::net::UnixStream;
//! use bootwright_lan::{DhcpServer, Lan, LanEventKind, LanSpec};
//!
//! let spec = LanSpec::new().file("boot.0", vec![0; 512]).dhcp(DhcpServer::new("main").boot_file("boot.0"));
//! let (mut guest, port) = UnixStream::pair()?; // the guest's end goes to QEMU
//! let lan = Lan::start(spec, vec![port])?;
//! guest.write_all(&60_u32.to_be_bytes())?;
//! guest.write_all(&[0xff; 60])?;
//! drop(guest);
//! let log = lan.join();
//! assert_eq!(log.events()[0].kind, LanEventKind::LinkUp);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod engine;
mod event;
mod event_size;
pub mod faults;
mod log;
pub mod pcapng;
mod port;
mod route;
mod service;
mod spec;
mod tcp;
mod text_form;
pub mod tls;
pub mod wire;
pub mod witness;

use std::io;
use std::net::Ipv4Addr;
use std::os::unix::net::UnixStream;
use std::panic::AssertUnwindSafe;
use std::thread::JoinHandle;

pub use event::{
    DhcpEvent, Dhcpv6Event, Direction, FaultOrigin, LanEvent, LanEventKind, LanRecord, Overflow, Request, Struck,
};
pub use faults::Fault;
pub use log::{LanLog, Lateness, Lost};
pub use spec::dhcp_rules::{BootAnswer, Compare, DhcpRule, Match, Overload};
pub use spec::{
    AnswerAfter, DhcpRole, DhcpServer, Dhcpv6Rule, Dhcpv6Server, Ipv6, LanSpec, Malformed, Prefix, RouterAdvertisement,
    Tftp, TftpFault, TftpFaultKind,
};
pub use spec::{dhcp_rules, http as routes};

/// Why a lan could not be brought up.
#[derive(Debug, thiserror::Error)]
pub enum LanError {
    /// The prefix leaves no room for servers and clients.
    #[error("lan prefix length {seen} is not between 8 and 29")]
    Prefix {
        /// The value in the spec.
        seen: u8,
    },
    /// A host's address is outside the network.
    #[error("{host} has address {address}, which is not in {network}/{prefix_len}")]
    OutsideNetwork {
        /// Which host.
        host: String,
        /// Its address.
        address: Ipv4Addr,
        /// The main server's address.
        network: Ipv4Addr,
        /// The network's prefix length.
        prefix_len: u8,
    },
    /// More hosts than there are hardware addresses for.
    #[error("lan has {seen} dhcp servers or further hosts, more than {most}")]
    TooManyHosts {
        /// Number of either that there may be.
        most: usize,
        /// Number in the spec.
        seen: usize,
    },
    /// A VLAN identifier that a tag cannot hold.
    #[error("lan is vlan {seen}, wanted 0 to 4094")]
    Vlan {
        /// The value in the spec.
        seen: u16,
    },
    /// HTTPS has no usable certificate.
    #[error("lan cannot serve https")]
    Tls {
        /// What is wrong with it.
        source: tls::TlsError,
    },
    /// The host refused a socket or a thread.
    #[error("lan could not {step}")]
    Host {
        /// What was attempted.
        step: &'static str,
        /// The host's reason.
        source: io::Error,
    },
}

/// A running network. Dropping it ends its thread and closes its ports.
#[derive(Debug)]
pub struct Lan {
    log: LanLog,
    nics: usize,
    /// Closed to tell the thread to end.
    wake: Option<UnixStream>,
    thread: Option<JoinHandle<()>>,
}

impl Lan {
    /// Powers the network on, with one port per NIC: the lan's end of a socket pair whose other end QEMU has.
    ///
    /// The thread ends when every port is closed, on [`Lan::stop`], or on drop.
    ///
    /// # Errors
    /// [`LanError`] if the spec contradicts itself or the host refuses a thread.
    pub fn start(spec: LanSpec, ports: Vec<UnixStream>) -> Result<Self, LanError> {
        let log = LanLog::new(spec.record_budget);
        Self::start_into(spec, ports, log)
    }

    /// [`Lan::start`] with a record of the caller's making, which somebody may already observe.
    ///
    /// # Errors
    /// As for [`Lan::start`].
    pub fn start_into(spec: LanSpec, ports: Vec<UnixStream>, log: LanLog) -> Result<Self, LanError> {
        check(&spec)?;
        let host = |step| move |source| LanError::Host { step, source };
        let (wake, asleep) = UnixStream::pair().map_err(host("make a socket pair"))?;
        for stream in ports.iter().chain([&asleep]) {
            stream.set_nonblocking(true).map_err(host("make a port non-blocking"))?;
        }
        let (nics, thread_log) = (ports.len(), log.clone());
        let thread = std::thread::Builder::new()
            .name("lan".to_owned())
            .spawn(move || {
                let run = AssertUnwindSafe(|| port::run(&spec, ports, &asleep, &thread_log));
                if let Err(panic) = std::panic::catch_unwind(run) {
                    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
                    let message = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
                    thread_log.event(std::time::Instant::now(), None, LanEventKind::Panicked { message });
                }
                thread_log.ends();
            })
            .map_err(host("create its thread"))?;
        Ok(Self { log, nics, wake: Some(wake), thread: Some(thread) })
    }

    /// The record, which goes on being written while the lan runs.
    pub fn log(&self) -> LanLog {
        self.log.clone()
    }

    /// Number of NICs, for [`pcapng::write`].
    pub fn nics(&self) -> usize {
        self.nics
    }

    /// Powers the network off and gives its record. What the guest had sent by then is received first.
    pub fn stop(mut self) -> LanLog {
        self.end();
        self.log.clone()
    }

    /// Waits until QEMU has closed every port and gives the record.
    pub fn join(mut self) -> LanLog {
        if let Some(thread) = self.thread.take() {
            // A panic of the lan's thread has been printed by the panic hook; its record is whole up to there.
            let _ = thread.join();
        }
        self.log.clone()
    }

    fn end(&mut self) {
        drop(self.wake.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Lan {
    fn drop(&mut self) {
        self.end();
    }
}

fn check(spec: &LanSpec) -> Result<(), LanError> {
    if !(8..=29).contains(&spec.prefix_len) {
        return Err(LanError::Prefix { seen: spec.prefix_len });
    }
    for (seen, most) in [(spec.dhcp.len(), 200), (spec.more_addresses.len(), 16)] {
        if seen > most {
            return Err(LanError::TooManyHosts { most, seen });
        }
    }
    if let Some(seen) = spec.vlan.filter(|vlan| *vlan > 4094) {
        return Err(LanError::Vlan { seen });
    }
    let network = |address: Ipv4Addr| u32::from(address) & u32::from(spec.netmask());
    if let Some(https) = &spec.http.tls {
        tls::acceptor(&https.identity).map_err(|source| LanError::Tls { source })?;
    }
    let outside = |address: &Ipv4Addr| network(*address) != network(spec.address);
    let dhcp = spec.dhcp.iter().map(|server| (format!("dhcp server \"{}\"", server.name), server.address));
    let more = spec.more_addresses.iter().map(|address| ("another host".to_owned(), *address));
    match dhcp.chain(more).find(|(_, address)| outside(address)) {
        Some((host, address)) => {
            Err(LanError::OutsideNetwork { host, address, network: spec.address, prefix_len: spec.prefix_len })
        }
        None => Ok(()),
    }
}

/// The example in the README compiles and runs.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_of_the_lans_thread_is_an_event_with_its_message() {
        let (mut near, far) = UnixStream::pair().unwrap();
        let log = LanLog::new(1000);
        let mut first = true;
        log.observe(move |_| assert!(!std::mem::take(&mut first), "no room"));
        let lan = Lan::start_into(LanSpec::new(), vec![far], log).unwrap();
        let frame = [&60_u32.to_be_bytes()[..], &[0xff; 60]].concat();
        std::io::Write::write_all(&mut near, &frame).unwrap();
        let events = lan.join().events();
        let last = events.last().map(|event| event.kind.clone());
        assert_eq!(last, Some(LanEventKind::Panicked { message: "no room".to_owned() }));
    }

    #[test]
    fn a_server_outside_the_network_is_refused_by_name() {
        let mut server = DhcpServer::new("stray");
        server.address = Ipv4Addr::new(192, 0, 2, 1);
        let error = Lan::start(LanSpec::new().dhcp(server), Vec::new()).unwrap_err();
        assert_eq!(error.to_string(), "dhcp server \"stray\" has address 192.0.2.1, which is not in 10.77.0.1/24");
    }

    #[test]
    fn a_lan_without_ports_ends_by_itself_and_a_stopped_one_at_once() {
        assert!(Lan::start(LanSpec::new(), Vec::new()).unwrap().join().events().is_empty());
        let (_guest, port) = UnixStream::pair().unwrap();
        assert!(Lan::start(LanSpec::new(), vec![port]).unwrap().stop().events().is_empty());
    }
}

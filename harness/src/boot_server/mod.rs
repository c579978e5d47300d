//! Reads the configuration of somebody's boot server: a dnsmasq file, a libvirt network XML or an ISC dhcpd file.
//!
//! What is read becomes a [`BootServer`]: the text that the real daemon gets in the bridge lab, the same rules for the lan as
//! far as the lan knows them, the boot files that it names, and what is wrong in it. Everything that is taken over, replaced
//! or left out is told with its line. It starts nothing and opens no file.
//!
//! ```
//! use bootwright::boot_server::{self, Kind};
//!
//! let text = "dhcp-range=192.168.2.10,192.168.2.99\ndhcp-match=set:arm,option:client-arch,b\ndhcp-boot=tag:arm,/arm.efi\n";
//! let server = boot_server::read(text, "dnsmasq.conf").unwrap();
//! assert_eq!(server.kind, Kind::Dnsmasq);
//! assert!(server.warnings[0].to_string().starts_with("dnsmasq.conf:2: client-arch,b "));
//! ```

mod addresses;
pub mod arch;
mod dhcpd;
mod dhcpd_conditions;
mod dhcpd_rules;
mod dhcpd_words;
mod dnsmasq;
mod dnsmasq_lines;
mod dnsmasq_rules;
mod kind;
mod libvirt_network;
mod note;
mod server;

use crate::machine::Bridge;
use note::File;

pub use kind::Kind;
pub(crate) use kind::kind_of;
pub use note::{BootServerError, Note};
pub use server::{BootFile, BootServer};

/// Longest file that is read, bytes.
pub const LONGEST: usize = 1 << 20;

/// Reads a file's text; `name` is how notes and errors call it.
///
/// # Errors
///
/// [`BootServerError`] with the line: it is none of the three, it is broken, or it asks for what must not be done (running
/// programs, reading other files).
pub fn read(text: &str, name: &str) -> Result<BootServer, BootServerError> {
    let file = File(name);
    if text.len() > LONGEST {
        return Err(file.error(None, format!("{} bytes", text.len()), "wanted a configuration of at most 1 MiB"));
    }
    if text.trim().is_empty() {
        return Err(file.error(None, "the file is empty", WANTED));
    }
    if let Some(at) = text.bytes().position(|byte| byte == 0) {
        let line = text[..at].matches('\n').count() + 1;
        return Err(file.error(line, "a zero byte", WANTED));
    }
    match kind_of(text) {
        Some(Kind::LibvirtNetwork) => libvirt_network::read(text, file),
        Some(Kind::Dhcpd) => dhcpd::read(text, file),
        Some(Kind::Dnsmasq) => dnsmasq::read(&dnsmasq_lines::lines_of(text), Kind::Dnsmasq, Bridge::new(), file),
        None => Err(file.error(None, "neither dnsmasq's nor dhcpd's configuration nor a libvirt network", WANTED)),
    }
}

/// A libvirt network without `<dhcp>`: a bridge on which nobody answers.
///
/// # Errors
///
/// [`BootServerError`] for XML that is broken.
pub(crate) fn silent_network(text: &str, name: &str) -> Result<BootServer, BootServerError> {
    libvirt_network::silent(text, File(name))
}

const WANTED: &str =
    "wanted a dnsmasq file (lines such as dhcp-range=...), a libvirt <network> or an ISC dhcpd file (subnet ... { })";

#[cfg(test)]
mod tests;

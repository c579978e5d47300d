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
mod dhcpd_rules;
mod dhcpd_words;
mod dnsmasq;
mod dnsmasq_lines;
mod dnsmasq_rules;
mod libvirt_network;

use std::fmt;

use crate::lan::LanSpec;
use crate::machine::Bridge;
use arch::Processor;

/// Longest file that is read, bytes.
pub const LONGEST: usize = 1 << 20;

/// What a file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A configuration file of dnsmasq.
    Dnsmasq,
    /// A network of libvirt, which runs dnsmasq.
    LibvirtNetwork,
    /// A configuration file of ISC dhcpd.
    Dhcpd,
}

impl Kind {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Kind::Dnsmasq => "a dnsmasq configuration",
            Kind::LibvirtNetwork => "a libvirt network",
            Kind::Dhcpd => "an ISC dhcpd configuration",
        }
    }
}

/// Something about one line of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The file, as it was given.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// What, in one sentence.
    pub what: String,
}

impl fmt::Display for Note {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}: {}", self.file, self.line, self.what)
    }
}

/// A file that a guest is told to boot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootFile {
    /// The line that names it, from 1.
    pub line: usize,
    /// As the server gives it, in the lab's addresses: a name or a URL.
    pub given: String,
    /// Its name on the lab's server, without a leading slash.
    pub name: String,
    /// For UEFI guests, as far as name and rule tell; else for BIOS guests.
    pub efi: bool,
    /// Whose program it is, as far as its name and the architecture of its rule tell; else x86's.
    pub processor: Processor,
}

/// What was read.
#[derive(Clone, Debug, PartialEq)]
pub struct BootServer {
    /// What it is.
    pub kind: Kind,
    /// The real daemons of the bridge lab, with what they read.
    pub bridge: Bridge,
    /// The same for the lan, or with its line why the lan cannot do it.
    pub lan: Result<LanSpec, Note>,
    /// The files that guests are told to boot, in the order of the file; each once.
    pub files: Vec<BootFile>,
    /// What is wrong, in the order of the file.
    pub warnings: Vec<Note>,
    /// What was put in place of something else: addresses, host names, folders, interfaces.
    pub replaced: Vec<Note>,
    /// What was left out.
    pub ignored: Vec<Note>,
}

/// A file that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}{}: {problem}; {fix}", place(*line))]
pub struct BootServerError {
    /// The file, as it was given.
    pub file: String,
    /// The line, from 1; `None` where it is about the whole file.
    pub line: Option<usize>,
    /// What is wrong.
    pub problem: String,
    /// What was wanted, or what to do.
    pub fix: String,
}

fn place(line: Option<usize>) -> String {
    line.map(|line| format!(":{line}")).unwrap_or_default()
}

/// What readers of a file share: its name.
#[derive(Clone, Copy)]
struct File<'a>(&'a str);

impl File<'_> {
    fn note(self, line: usize, what: impl Into<String>) -> Note {
        Note { file: self.0.to_owned(), line, what: what.into() }
    }

    fn error(self, line: impl Into<Option<usize>>, problem: impl Into<String>, fix: &str) -> BootServerError {
        BootServerError { file: self.0.to_owned(), line: line.into(), problem: problem.into(), fix: fix.to_owned() }
    }
}

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

const WANTED: &str =
    "wanted a dnsmasq file (lines such as dhcp-range=...), a libvirt <network> or an ISC dhcpd file (subnet ... { })";

/// Which of the three a text is, by its first words; `None` where by none.
pub(crate) fn kind_of(text: &str) -> Option<Kind> {
    if text.trim_start().starts_with('<') {
        return Some(Kind::LibvirtNetwork);
    }
    let lines = || text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let is_dhcpd = |line: &str| {
        let word = line.split_whitespace().next().unwrap_or_default();
        let statement = ["subnet", "option", "shared-network", "class", "group", "host", "if", "ddns-update-style"];
        let value = ["default-lease-time", "max-lease-time", "authoritative", "next-server", "filename", "allow"];
        statement.contains(&word) || value.contains(&word.trim_end_matches(';'))
    };
    if lines().any(is_dhcpd) && lines().any(|line| line.contains(['{', ';'])) {
        return Some(Kind::Dhcpd);
    }
    let is_dnsmasq = |line: &str| {
        let word = line.split('=').next().unwrap_or_default().trim();
        word.starts_with("dhcp-") || word.starts_with("tftp-") || word == "enable-tftp" || word.starts_with("pxe-")
    };
    lines().any(is_dnsmasq).then_some(Kind::Dnsmasq)
}

#[cfg(test)]
mod tests;

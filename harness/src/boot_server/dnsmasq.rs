//! A dnsmasq file: which of its lines the lab's dnsmasq gets, which are put otherwise, which are left out.

use super::addresses::{self, SERVER, Subnet};
use super::arch::Processor;
use super::dnsmasq_lines::{Line, is_tag};
use super::dnsmasq_rules::{Rules, bootfile_name};
use super::{BootFile, BootServer, BootServerError, File, Kind};
use crate::machine::Bridge;

/// Options that are handed on as they are. dnsmasq itself says what is wrong with their values.
const KEPT: [&str; 28] = [
    "tag-if",
    "strict-order",
    "dhcp-no-override",
    "dhcp-authoritative",
    "dhcp-lease-max",
    "enable-tftp",
    "tftp-no-fail",
    "tftp-secure",
    "tftp-no-blocksize",
    "tftp-lowercase",
    "tftp-max",
    "tftp-mtu",
    "dhcp-match",
    "dhcp-vendorclass",
    "dhcp-userclass",
    "dhcp-mac",
    "dhcp-ignore",
    "dhcp-sequential-ip",
    "log-dhcp",
    "dhcp-rapid-commit",
    "dhcp-broadcast",
    "dhcp-name-match",
    "dhcp-circuitid",
    "dhcp-remoteid",
    "dhcp-ignore-names",
    "bootp-dynamic",
    "dhcp-reply-delay",
    "no-ping",
];

/// Options whose addresses, files or folders are put otherwise.
const CHANGED: [&str; 7] =
    ["dhcp-range", "dhcp-boot", "dhcp-option", "dhcp-option-force", "dhcp-host", "tftp-root", "pxe-service"];

/// Options that run programs or read other files.
const REFUSED: [&str; 5] = ["dhcp-script", "dhcp-luascript", "conf-script", "conf-file", "conf-dir"];

/// Document root and TFTP root are the same folder.
pub const LIGHTTPD: &str = "server.document-root = \"/srv/tftp\"\nserver.bind = \"192.168.122.1\"\nserver.port = 80\n";

/// Reads lines, which may be those that libvirt writes for a network.
///
/// # Errors
///
/// As [`super::read`].
pub fn read(lines: &[Line], kind: Kind, bridge: Bridge, file: File<'_>) -> Result<BootServer, BootServerError> {
    if let Some(line) = lines.iter().find(|line| REFUSED.contains(&line.option.as_str())) {
        let problem = format!("{} runs programs or reads other files, which a lab does not do", line.option);
        return Err(file.error(line.number, problem, "take the line out"));
    }
    let subnet = subnet(lines, file)?;
    let mut reader =
        Reader { file, subnet, conf: String::new(), replaced: Vec::new(), ignored: Vec::new(), files: Vec::new() };
    for line in lines {
        reader.line(line);
    }
    let rules = Rules::of(lines);
    let bridge = bridge.dnsmasq(format!("{FIXED}{}", reader.conf)).lighttpd(LIGHTTPD);
    let mut files = reader.files;
    files.dedup_by(|a, b| a.given == b.given);
    rules.mark_efi(&mut files);
    Ok(BootServer {
        kind,
        bridge,
        lan: rules.lan(lines, subnet, file),
        files,
        warnings: rules.warnings(file),
        replaced: reader.replaced,
        ignored: reader.ignored,
    })
}

/// What a lab's dnsmasq always has. Without `no-ping` it looks for 3 s whether somebody has the address it is about to offer.
const FIXED: &str = "interface=br0\nbind-dynamic\nport=0\ndhcp-leasefile=/srv/dnsmasq.leases\nno-ping\nenable-ra\n\
    dhcp-range=fd77:122::,ra-only\nenable-tftp\ntftp-root=/srv/tftp\n";

/// The network that the addresses of `dhcp-range` are in.
fn subnet(lines: &[Line], file: File<'_>) -> Result<Subnet, BootServerError> {
    let ranges = || lines.iter().filter(|line| line.option == "dhcp-range");
    for line in ranges() {
        if let Some(address) = line.value.split(',').find_map(addresses::address) {
            return Ok(Subnet::of(address));
        }
    }
    let line = ranges().next().map(|line| line.number);
    Err(file.error(line, "no dhcp-range with IPv4 addresses: nobody would get one", "add dhcp-range=FIRST,LAST"))
}

struct Reader<'a> {
    file: File<'a>,
    subnet: Subnet,
    conf: String,
    replaced: Vec<super::Note>,
    ignored: Vec<super::Note>,
    files: Vec<BootFile>,
}

impl Reader<'_> {
    fn line(&mut self, line: &Line) {
        let name = line.option.as_str();
        let whole = |value: &str| if value.is_empty() { format!("{name}\n") } else { format!("{name}={value}\n") };
        if KEPT.contains(&name) {
            self.conf += &whole(&line.value);
        } else if CHANGED.contains(&name) {
            let Some(value) = self.changed(line) else { return };
            if value != line.value {
                self.replaced.push(self.file.note(line.number, format!("{name}={} -> {value}", line.value)));
            }
            self.conf += &whole(&value);
        } else {
            self.ignored.push(self.file.note(line.number, whole(&line.value).trim_end().to_owned()));
        }
    }

    /// The value in the lab; `None` where the line has no place there.
    fn changed(&mut self, line: &Line) -> Option<String> {
        match line.option.as_str() {
            "tftp-root" => {
                self.replaced.push(self.file.note(line.number, format!("tftp-root={} -> /srv/tftp", line.value)));
                None
            }
            "dhcp-range" if line.value.contains(':') && !line.value.contains('.') => {
                self.ignored
                    .push(self.file.note(line.number, format!("dhcp-range={} (the lab has its own)", line.value)));
                None
            }
            "dhcp-boot" => Some(self.boot(line)),
            "dhcp-option" | "dhcp-option-force" => Some(self.option(line)),
            _ => Some(self.with_addresses(&line.value)),
        }
    }

    /// `[tag:...,]FILE[,SERVERNAME[,ADDRESS]]`
    fn boot(&mut self, line: &Line) -> String {
        let mut words: Vec<String> = line.value.split(',').map(|word| word.trim().to_owned()).collect();
        let tags = words.iter().take_while(|word| is_tag(word)).count();
        if let Some(word) = words.get_mut(tags) {
            *word = self.file_named(line, word);
        }
        if let Some(name) = words.get_mut(tags + 1) {
            name.clear();
        }
        if let Some(server) = words.get_mut(tags + 2).filter(|server| !server.is_empty()) {
            *server = SERVER.to_string();
        }
        words.join(",")
    }

    /// `[tag:...,]OPTION,VALUE`; the file of option 67 is a boot file as that of `dhcp-boot` is.
    fn option(&mut self, line: &Line) -> String {
        let words: Vec<&str> = line.value.split(',').collect();
        let Some(at) = bootfile_name(&words) else { return self.with_addresses(&line.value) };
        let (before, text) = (words[..at].join(","), words[at..].join(","));
        let plain = text.trim().trim_matches('"');
        if plain.is_empty() {
            return line.value.clone(); // no file
        }
        let given = self.file_named(line, plain);
        // quotes that dnsmasq needs stay
        format!("{before},{}", text.trim().replace(plain, &given))
    }

    /// Notes a boot file; what the lab gives in its place.
    fn file_named(&mut self, line: &Line, word: &str) -> String {
        let (given, name) = addresses::boot_file(word);
        let efi = addresses::is_efi(&name);
        let processor = Processor::named(&name).unwrap_or(Processor::X86);
        self.files.push(BootFile { line: line.number, given: given.clone(), name, efi, processor });
        given
    }

    fn with_addresses(&self, value: &str) -> String {
        let word = |word: &str| match addresses::address(word) {
            Some(mask) if mask.octets()[0] == 255 => "255.255.255.0".to_owned(),
            Some(zero) if zero.is_unspecified() => zero.to_string(),
            Some(address) => self.subnet.in_lab(address).to_string(),
            None if word.starts_with("http://") || word.starts_with("https://") => addresses::boot_file(word).0,
            None => word.to_owned(),
        };
        value.split(',').map(|one| word(one.trim())).collect::<Vec<_>>().join(",")
    }
}

//! An ISC dhcpd file: its words, and the text that the lab's dhcpd gets.

use super::addresses::{self, SERVER, Subnet};
use super::arch::Processor;
use super::dhcpd_rules::Rules;
use super::dhcpd_words::{Token, balanced, tokens};
use super::dnsmasq::LIGHTTPD;
use super::{BootFile, BootServer, BootServerError, File, Kind};
use crate::machine::Bridge;

/// dnsmasq's part beside dhcpd: TFTP.
const TFTP_ONLY: &str = "port=0\ninterface=br0\nbind-dynamic\nenable-tftp\ntftp-root=/srv/tftp\n";

/// Statements that run programs or read other files.
const REFUSED: [&str; 2] = ["include", "execute"];

/// Reads a file.
///
/// # Errors
///
/// As [`super::read`].
pub fn read(text: &str, file: File<'_>) -> Result<BootServer, BootServerError> {
    let tokens = tokens(text, file)?;
    if let Some(token) = tokens.iter().find(|token| REFUSED.contains(&token.text)) {
        let problem = format!("{} runs programs or reads other files, which a lab does not do", token.text);
        return Err(file.error(token.line, problem, "take the statement out"));
    }
    balanced(&tokens, file)?;
    let subnet = subnet(&tokens, file)?;
    let mut rewriter =
        Rewriter { file, subnet, conf: String::new(), copied: 0, replaced: Vec::new(), files: Vec::new() };
    for (at, token) in tokens.iter().enumerate() {
        let text_at = |at: Option<usize>| at.and_then(|at| tokens.get(at)).map(|token| token.text).unwrap_or_default();
        // `filename = "a";` sets it, and in a condition it is compared
        let sets = text_at(at.checked_sub(1)) == "=" && text_at(Some(at + 1)) == ";";
        let before = text_at(at.checked_sub(if sets { 2 } else { 1 }));
        rewriter.token(token, before, text);
    }
    rewriter.conf += &text[rewriter.copied..];
    let rules = Rules::of(&tokens, file);
    let mut files = rewriter.files;
    files.dedup_by(|a, b| a.given == b.given);
    Ok(BootServer {
        kind: Kind::Dhcpd,
        bridge: Bridge::new().dnsmasq(TFTP_ONLY).dhcpd(rewriter.conf).lighttpd(LIGHTTPD),
        lan: rules.lan(&tokens, subnet),
        files,
        warnings: rules.warnings(file),
        replaced: rewriter.replaced,
        ignored: Vec::new(),
    })
}

fn subnet(tokens: &[Token<'_>], file: File<'_>) -> Result<Subnet, BootServerError> {
    let at = tokens.iter().position(|token| token.text == "subnet");
    let fix = "wanted subnet ADDRESS netmask 255.255.255.0 { range FIRST LAST; ... }";
    let at = at.ok_or_else(|| file.error(None, "no subnet", fix))?;
    let word = |number: usize| tokens.get(at + number).map(|token| token.text).unwrap_or_default();
    let line = tokens[at].line;
    let address = addresses::address(word(1)).ok_or_else(|| file.error(line, format!("subnet {}", word(1)), fix))?;
    if word(3) != "255.255.255.0" {
        let fix = "the lab's network is a /24: wanted netmask 255.255.255.0";
        return Err(file.error(line, format!("the subnet's mask is {}", word(3)), fix));
    }
    Ok(Subnet::of(address))
}

struct Rewriter<'a> {
    file: File<'a>,
    subnet: Subnet,
    conf: String,
    /// How much of the text is in `conf`.
    copied: usize,
    replaced: Vec<super::Note>,
    files: Vec<BootFile>,
}

impl Rewriter<'_> {
    fn token(&mut self, token: &Token<'_>, before: &str, text: &str) {
        let Some(new) = self.new_text(token, before) else { return };
        if new == token.text {
            return;
        }
        let old = if before == "next-server" { format!("next-server {}", token.text) } else { token.text.to_owned() };
        self.replaced.push(self.file.note(token.line, format!("{old} -> {new}")));
        self.conf += &text[self.copied..token.at];
        self.conf += &new;
        self.copied = token.at + token.text.len();
    }

    fn new_text(&mut self, token: &Token<'_>, before: &str) -> Option<String> {
        if ["filename", "bootfile-name"].contains(&before) {
            let (given, name) = addresses::boot_file(token.string()?);
            let efi = addresses::is_efi(&name);
            let processor = Processor::named(&name).unwrap_or(Processor::X86);
            self.files.push(BootFile { line: token.line, given: given.clone(), name, efi, processor });
            return Some(format!("\"{given}\""));
        }
        if before == "next-server" {
            return Some(SERVER.to_string());
        }
        let address = addresses::address(token.text)?;
        let network = address.octets()[3] == 0 && self.subnet.holds(address);
        match address.octets()[0] {
            255 => None,
            _ if network => Some("192.168.122.0".to_owned()),
            _ => Some(self.subnet.in_lab(address).to_string()),
        }
    }
}

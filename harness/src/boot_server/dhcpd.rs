//! An ISC dhcpd file: its words, and the text that the lab's dhcpd gets.

use super::addresses::{self, SERVER, Subnet};
use super::dhcpd_rules::Rules;
use super::dnsmasq::LIGHTTPD;
use super::{BootFile, BootServer, BootServerError, File, Kind};
use crate::machine::Bridge;

/// dnsmasq's part beside dhcpd: TFTP.
const TFTP_ONLY: &str = "port=0\ninterface=br0\nbind-dynamic\nenable-tftp\ntftp-root=/srv/tftp\n";

/// Statements that run programs or read other files.
const REFUSED: [&str; 2] = ["include", "execute"];

/// A word, a string (with its quotes) or a mark of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token<'a> {
    /// From 1.
    pub line: usize,
    /// As it stands there.
    pub text: &'a str,
    at: usize,
}

impl<'a> Token<'a> {
    /// A string without its quotes; `None` for anything else.
    pub fn string(&self) -> Option<&'a str> {
        self.text.strip_prefix('"')?.strip_suffix('"')
    }
}

/// Splits a file as dhcpd does (`common/conflex.c`).
///
/// # Errors
///
/// A string without an end.
fn tokens<'a>(text: &'a str, file: File<'_>) -> Result<Vec<Token<'a>>, BootServerError> {
    let mut tokens = Vec::new();
    let (mut at, mut line) = (0, 1);
    while let Some(c) = text[at..].chars().next() {
        let rest = &text[at..];
        let length = match c {
            '#' => rest.find('\n').unwrap_or(rest.len()),
            '"' => {
                let end = rest[1..].find('"').map(|end| end + 2);
                end.ok_or_else(|| file.error(line, "a string without an end", "close it with \""))?
            }
            c if c.is_whitespace() || "{};(),=".contains(c) => c.len_utf8(),
            _ => rest.find(|c: char| c.is_whitespace() || "{};(),=\"#".contains(c)).unwrap_or(rest.len()),
        };
        let word = &rest[..length];
        if c != '#' && !c.is_whitespace() {
            tokens.push(Token { line, text: word, at });
        }
        line += word.matches('\n').count();
        at += length;
    }
    Ok(tokens)
}

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
        let before = at.checked_sub(1).map(|before| tokens[before].text).unwrap_or_default();
        rewriter.token(token, before, text);
    }
    rewriter.conf += &text[rewriter.copied..];
    let rules = Rules::of(&tokens, file);
    let mut files = rewriter.files;
    files.dedup_by(|a, b| a.name == b.name);
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

fn balanced(tokens: &[Token<'_>], file: File<'_>) -> Result<(), BootServerError> {
    let mut open: Vec<usize> = Vec::new();
    for token in tokens {
        match token.text {
            "{" => open.push(token.line),
            "}" if open.pop().is_none() => return Err(file.error(token.line, "a } without its {", "take it out")),
            _ => {}
        }
    }
    open.pop().map_or(Ok(()), |line| Err(file.error(line, "a { without its }", "close the block")))
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
        if before == "filename" {
            let (given, name) = addresses::boot_file(token.string()?);
            let efi = addresses::is_efi(&name);
            self.files.push(BootFile { line: token.line, given: given.clone(), name, efi });
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

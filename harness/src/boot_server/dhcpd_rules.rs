//! Which client gets which boot file by an ISC dhcpd file: its chain of `if` on the architecture, for the lan, and for what is
//! wrong in it.

use std::net::Ipv4Addr;

use super::addresses::{self, SERVER, Subnet};
use super::dhcpd_words::Token;
use super::{File, Note, arch};
use crate::lan::{BootAnswer, DhcpRule, DhcpServer, LanSpec, Match};

/// What a statement inside a branch gives.
#[derive(Clone, Debug, Default)]
struct Given<'a> {
    file: Option<(usize, &'a str)>,
    next_server: bool,
    vendor_class: Option<&'a str>,
}

/// One branch.
struct Branch<'a> {
    line: usize,
    /// The bytes that option 93 is compared with, as written; `None` for the last `else` or for no condition at all.
    arch: Option<&'a str>,
    when: Match,
    given: Given<'a>,
}

/// The rules of a file.
pub struct Rules<'a> {
    branches: Vec<Branch<'a>>,
    unknown: Option<Note>,
}

impl<'a> Rules<'a> {
    /// Those of these words.
    pub fn of(tokens: &'a [Token<'a>], file: File<'_>) -> Rules<'a> {
        let mut rules = Rules { branches: Vec::new(), unknown: None };
        let mut plain = Given::default();
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            match token.text {
                "if" => at = rules.chain(tokens, at, file),
                "class" | "pool" | "host" | "group" | "shared-network" | "switch" => {
                    rules.does_not_know(file, token);
                    at += 1;
                }
                _ => {
                    give(tokens, at, &mut plain);
                    at += 1;
                }
            }
        }
        let (when, line) = (Match::Any, plain.file.map_or(1, |(line, _)| line));
        rules.branches.push(Branch { line, arch: None, when, given: plain });
        rules
    }

    /// `if (CONDITION) { } elsif (CONDITION) { } else { }`; gives where it ends.
    fn chain(&mut self, tokens: &'a [Token<'a>], start: usize, file: File<'_>) -> usize {
        let mut at = start;
        loop {
            let Some(open) = (at..tokens.len()).find(|place| tokens[*place].text == "{") else { return tokens.len() };
            let (line, condition) = (tokens[at].line, &tokens[at..open]);
            let bare: Vec<&Token> =
                condition.iter().filter(|token| !["if", "else", "elsif", "(", ")"].contains(&token.text)).collect();
            let texts: Vec<&str> = bare.iter().map(|token| token.text).collect();
            let (arch, when) = match texts[..] {
                [] => (None, Match::Any),
                ["option", name, "=", value] if is_arch(tokens, name) => (Some(value), Match::isc_arch(value)),
                ["substring", "option", "vendor-class-identifier", ",", "0", ",", _, "=", _] => {
                    let prefix = bare[8].string().unwrap_or_default();
                    (None, Match::VendorClassPrefix(prefix.to_owned()))
                }
                _ => {
                    self.does_not_know(file, &tokens[at]);
                    (None, Match::AnyOf(Vec::new()))
                }
            };
            let close = end_of_block(tokens, open);
            let mut given = Given::default();
            for place in open + 1..close {
                if tokens[place].text == "if" {
                    self.does_not_know(file, &tokens[place]);
                }
                give(tokens, place, &mut given);
            }
            self.branches.push(Branch { line, arch, when, given });
            match tokens.get(close + 1).map(|token| token.text) {
                Some("else" | "elsif") => at = close + 1,
                _ => return close + 1,
            }
        }
    }

    fn does_not_know(&mut self, file: File<'_>, token: &Token<'_>) {
        let what = format!("the lan has no word for this {}", token.text);
        self.unknown.get_or_insert_with(|| file.note(token.line, what));
    }

    /// The same rules on a lan.
    ///
    /// # Errors
    ///
    /// The first statement that the lan has no word for.
    pub fn lan(&self, tokens: &[Token<'_>], subnet: Subnet) -> Result<LanSpec, Note> {
        if let Some(note) = &self.unknown {
            return Err(note.clone());
        }
        let mut server = DhcpServer { address: SERVER, router: None, dns: None, ..DhcpServer::new("dhcpd") };
        let at = tokens.iter().position(|token| token.text == "range");
        let ends: Vec<Ipv4Addr> = at
            .into_iter()
            .flat_map(|at| tokens[at..].iter().skip(1).take(2))
            .filter_map(|token| addresses::address(token.text))
            .collect();
        if let Some(first) = ends.first() {
            server.pool_start = subnet.in_lab(*first);
            let last = ends.get(1).unwrap_or(first).octets()[3];
            server.pool_len = last.saturating_sub(first.octets()[3]).saturating_add(1);
        } else {
            server.pool_len = 0;
        }
        for branch in &self.branches {
            let mut answer = branch
                .given
                .file
                .map_or_else(BootAnswer::none, |(_, file)| BootAnswer::file(addresses::boot_file(file).0));
            answer.next_server = branch.given.next_server.then_some(SERVER);
            answer.vendor_class = branch.given.vendor_class.map(str::to_owned);
            server.rules.push(DhcpRule { when: branch.when.clone(), answer });
        }
        Ok(LanSpec { address: SERVER, ..LanSpec::new().dhcp(server) })
    }

    /// What is wrong.
    pub fn warnings(&self, file: File<'_>) -> Vec<Note> {
        let mut notes = Vec::new();
        for branch in &self.branches {
            let bytes = branch
                .arch
                .map(|value| value.split(':').map(|byte| u8::from_str_radix(byte, 16)).collect::<Result<Vec<u8>, _>>());
            let number = match &bytes {
                Some(Ok(bytes)) if bytes.len() == 2 => Some(u16::from_be_bytes([bytes[0], bytes[1]])),
                _ => None,
            };
            let value = branch.arch.unwrap_or_default();
            if branch.arch.is_some() && number.is_none() {
                notes.push(file.note(branch.line, format!(
                    "arch = {value} is not two bytes in hexadecimal, which is how option 93 comes; wanted such as 00:07"
                )));
            }
            let url = branch.given.file.is_some_and(|(_, file)| file.starts_with("http"));
            let meant = number.and_then(arch::digits_taken_for_hex);
            if let (Some(number), Some(meant)) = (number, meant.filter(|meant| arch::is_http(*meant) == url)) {
                let (words, bytes) = (arch::words(meant).unwrap_or_default(), meant.to_be_bytes());
                notes.push(file.note(
                    branch.line,
                    format!(
                        "arch = {value} is hexadecimal: architecture {}; {words} is {meant}: write {:02x}:{:02x}",
                        arch::named(number),
                        bytes[0],
                        bytes[1]
                    ),
                ));
            }
            let http = number.is_some_and(|number| arch::is_http(number) || meant.is_some_and(arch::is_http));
            if let Some((line, _)) =
                branch.given.file.filter(|_| http && url && branch.given.vendor_class != Some("HTTPClient"))
            {
                notes.push(file.note(line,
                    "the answer has no option 60 HTTPClient, without which UEFI ignores it; add option vendor-class-identifier \"HTTPClient\";"));
            }
        }
        notes.sort_by_key(|note| note.line);
        notes
    }
}

/// Whether an option of this name is declared with code 93.
fn is_arch(tokens: &[Token<'_>], name: &str) -> bool {
    let texts = |at: usize| (0..4).map(move |more| tokens.get(at + more).map(|token| token.text).unwrap_or_default());
    (0..tokens.len()).any(|at| texts(at).eq(["option", name, "code", "93"]))
}

fn end_of_block(tokens: &[Token<'_>], open: usize) -> usize {
    let mut depth = 0;
    for (place, token) in tokens.iter().enumerate().skip(open) {
        match token.text {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return place;
        }
    }
    tokens.len() - 1
}

fn give<'a>(tokens: &'a [Token<'a>], at: usize, given: &mut Given<'a>) {
    let next = |more: usize| tokens.get(at + more);
    match tokens[at].text {
        "filename" => given.file = next(1).and_then(|token| Some((token.line, token.string()?))),
        "next-server" => given.next_server = true,
        "option" if next(1).is_some_and(|token| token.text == "vendor-class-identifier") => {
            given.vendor_class = next(2).and_then(Token::string);
        }
        _ => {}
    }
}

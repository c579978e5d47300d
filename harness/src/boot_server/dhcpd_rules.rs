//! Which client gets which boot file by an ISC dhcpd file: its chain of `if` on the architecture, for the lan, and for what is
//! wrong in it.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use super::addresses::{self, SERVER, Subnet};
use super::dhcpd_conditions as conditions;
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
    /// What option 93 is compared with, as written.
    archs: Vec<&'a str>,
    when: Match,
    given: Given<'a>,
}

/// The rules of a file.
pub struct Rules<'a> {
    branches: Vec<Branch<'a>>,
    /// Options that the file declares.
    declared: BTreeMap<&'a str, u8>,
    unknown: Option<Note>,
}

/// A part of the file: its words from here to there, whom it is for, and what stands around it.
struct Scope<'a> {
    words: std::ops::Range<usize>,
    when: Vec<Match>,
    given: Given<'a>,
}

impl<'a> Rules<'a> {
    /// Those of these words. A client gets what the most special place says: a class before the subnet, a branch before what
    /// stands around it, a later `if` before an earlier one.
    pub fn of(tokens: &'a [Token<'a>], file: File<'_>) -> Rules<'a> {
        let mut rules = Rules { branches: Vec::new(), declared: conditions::declared(tokens), unknown: None };
        let whole = Scope { words: 0..tokens.len(), when: Vec::new(), given: Given::default() };
        let given = rules.scope(tokens, whole, file);
        let line = given.file.map_or(1, |(line, _)| line);
        rules.branches.push(Branch { line, archs: Vec::new(), when: Match::Any, given });
        rules
    }

    /// The branches inside a part; gives what it says for everybody whom no branch takes.
    fn scope(&mut self, tokens: &'a [Token<'a>], scope: Scope<'a>, file: File<'_>) -> Given<'a> {
        let (mut own, mut chains, mut classes) = (scope.given, Vec::new(), Vec::new());
        let mut at = scope.words.start;
        while at < scope.words.end {
            match tokens[at].text {
                "if" => {
                    chains.push(at);
                    at = end_of_chain(tokens, at);
                }
                "class" => {
                    classes.push(at);
                    at = end_of_class(tokens, at);
                }
                "subclass" | "pool" | "host" | "group" | "shared-network" | "switch" => {
                    self.does_not_know(file, &tokens[at]);
                    at += 1;
                }
                _ => {
                    give(tokens, at, &mut own);
                    at += 1;
                }
            }
        }
        for start in classes {
            self.class(tokens, start, &own, file);
        }
        for start in chains.into_iter().rev() {
            self.chain(tokens, start, &scope.when, &own, file);
        }
        own
    }

    /// `class "NAME" { match if CONDITION; ... }`.
    fn class(&mut self, tokens: &'a [Token<'a>], start: usize, around: &Given<'a>, file: File<'_>) {
        let close = end_of_class(tokens, start).saturating_sub(1);
        let text = |at: usize| tokens.get(at).filter(|_| at < close).map(|token| token.text).unwrap_or_default();
        let found = (start..close).find(|&at| text(at) == "match" && text(at + 1) == "if");
        let condition = found.and_then(|at| {
            let end = (at..close).find(|&at| text(at) == ";")?;
            Some((conditions::read(&tokens[at + 2..end], &self.declared)?, end))
        });
        let Some((condition, end)) = condition else {
            return self.does_not_know(file, &tokens[start]);
        };
        let plain = Given { file: None, ..around.clone() };
        let scope = Scope { words: end + 1..close, when: vec![condition.when.clone()], given: plain };
        let given = self.scope(tokens, scope, file);
        // a class that names no file leaves that to what stands around it
        if let Some((line, _)) = given.file {
            self.branches.push(Branch { line, archs: condition.archs, when: condition.when, given });
        }
    }

    /// `if (CONDITION) { } elsif (CONDITION) { } else { }`.
    fn chain(&mut self, tokens: &'a [Token<'a>], start: usize, around: &[Match], outer: &Given<'a>, file: File<'_>) {
        let mut at = start;
        while let Some(open) = (at..tokens.len()).find(|place| tokens[*place].text == "{") {
            let line = tokens[at].line;
            let words = (at..open).find(|&place| !["if", "else", "elsif"].contains(&tokens[place].text));
            let condition =
                conditions::read(&tokens[words.unwrap_or(open)..open], &self.declared).unwrap_or_else(|| {
                    self.does_not_know(file, &tokens[at]);
                    conditions::Condition { when: Match::AnyOf(Vec::new()), archs: Vec::new() }
                });
            let when: Vec<Match> =
                around.iter().chain([&condition.when]).filter(|when| **when != Match::Any).cloned().collect();
            let close = end_of_block(tokens, open);
            let scope = Scope { words: open + 1..close, when: when.clone(), given: outer.clone() };
            let given = self.scope(tokens, scope, file);
            self.branches.push(Branch { line, archs: condition.archs, when: all(when), given });
            match tokens.get(close + 1).map(|token| token.text) {
                Some("else" | "elsif") => at = close + 1,
                _ => return,
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
            let numbers: Vec<Option<u16>> = branch.archs.iter().map(|value| number_of(value)).collect();
            let url = branch.given.file.is_some_and(|(_, file)| file.starts_with("http"));
            let meant = |number: u16| arch::digits_taken_for_hex(number).filter(|meant| arch::is_http(*meant) == url);
            for (value, number) in branch.archs.iter().zip(&numbers) {
                let Some(number) = *number else {
                    notes.push(file.note(branch.line, format!(
                        "arch = {value} is not two bytes in hexadecimal, which is how option 93 comes; wanted such as 00:07"
                    )));
                    continue;
                };
                let Some(meant) = meant(number) else { continue };
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
            let is_http = |number: u16| arch::is_http(number) || meant(number).is_some_and(arch::is_http);
            let http = numbers.into_iter().flatten().any(is_http);
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

/// The architecture that two bytes in hexadecimal are.
fn number_of(value: &str) -> Option<u16> {
    let bytes: Vec<u8> = value.split(':').map(|byte| u8::from_str_radix(byte, 16).ok()).collect::<Option<_>>()?;
    <[u8; 2]>::try_from(bytes).ok().map(u16::from_be_bytes)
}

/// One rule that takes whom all of these take.
fn all(mut rules: Vec<Match>) -> Match {
    match rules.len() {
        0 => Match::Any,
        1 => rules.remove(0),
        _ => Match::All(rules),
    }
}

/// Behind the last block of a chain of `if`.
fn end_of_chain(tokens: &[Token<'_>], start: usize) -> usize {
    let mut at = start;
    while let Some(open) = (at..tokens.len()).find(|place| tokens[*place].text == "{") {
        at = end_of_block(tokens, open) + 1;
        if !matches!(tokens.get(at).map(|token| token.text), Some("else" | "elsif")) {
            return at;
        }
    }
    tokens.len()
}

/// Behind the block of a class.
fn end_of_class(tokens: &[Token<'_>], start: usize) -> usize {
    let open = (start..tokens.len()).find(|place| tokens[*place].text == "{");
    open.map_or(tokens.len(), |open| end_of_block(tokens, open) + 1)
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

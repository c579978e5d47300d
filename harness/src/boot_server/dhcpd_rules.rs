//! Which client gets which boot file by an ISC dhcpd file, for the lan, and what is wrong in it.
//!
//! dhcpd executes the statements of the file, then those of the subnet, then those of the client's classes, the first of them
//! last; each in its order, and what is said later counts (`execute_statements_in_scope` in `common/execute.c`,
//! `server/dhcp.c`). So do these rules: a list of whom takes what is changed by one statement after another.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::ops::Range;

use super::addresses::{self, SERVER, Subnet};
use super::dhcpd_conditions::{self as conditions, Condition};
use super::dhcpd_words::Token;
use super::{File, Note, arch};
use crate::lan::{BootAnswer, DhcpRule, DhcpServer, LanSpec, Match};

/// Most rules that a file may come to on the lan.
const MOST_RULES: usize = 512;

/// Statements that hold others and that the lan does not know, or that turn clients away.
const UNKNOWN: [&str; 11] = [
    "subclass",
    "pool",
    "host",
    "group",
    "shared-network",
    "switch",
    "on",
    "deny",
    "ignore",
    "vendor-option-space",
    "unset",
];

/// Options that choose a boot file or a server in another way than `filename` and `next-server`.
const OTHER_OPTIONS: [&str; 2] = ["tftp-server-name", "vendor-encapsulated-options"];

/// What a client is given.
#[derive(Clone, Debug, Default, PartialEq)]
struct Given<'a> {
    /// `filename`, which fills the file field.
    file: Option<&'a str>,
    /// `option bootfile-name`, option 67.
    option: Option<&'a str>,
    next_server: bool,
    vendor_class: Option<&'a str>,
}

/// Whom takes what: the first that fits. The last one takes everybody.
type Answers<'a> = Vec<(Match, Given<'a>)>;

/// A branch of an `if`, for what may be wrong with it.
struct Branch<'a> {
    line: usize,
    /// What option 93 is compared with, as written.
    archs: Vec<&'a str>,
    /// What stands in it, with the line of its file.
    given: Given<'a>,
    file_line: usize,
}

/// The rules of a file.
pub struct Rules<'a> {
    answers: Answers<'a>,
    branches: Vec<Branch<'a>>,
    /// Options that the file declares.
    declared: BTreeMap<&'a str, u8>,
    unknown: Option<Note>,
}

/// The parts of a file that hold statements.
#[derive(Default)]
struct Parts {
    /// The subnet's block.
    subnet: Option<Range<usize>>,
    /// Where each class begins.
    classes: Vec<usize>,
}

impl<'a> Rules<'a> {
    /// Those of these words.
    pub fn of(tokens: &'a [Token<'a>], file: File<'_>) -> Rules<'a> {
        let declared = conditions::declared(tokens);
        let mut rules = Rules { answers: Vec::new(), branches: Vec::new(), declared, unknown: None };
        let mut parts = Parts::default();
        let nobody_said = vec![(Match::Any, Given::default())];
        let mut answers = rules.executed(tokens, 0..tokens.len(), nobody_said, Some(&mut parts), file);
        if let Some(subnet) = parts.subnet.take() {
            answers = rules.executed(tokens, subnet, answers, Some(&mut parts), file);
        }
        for start in parts.classes.into_iter().rev() {
            answers = rules.class(tokens, start, answers, file);
        }
        rules.answers = answers;
        rules
    }

    /// What the statements of a part make of the answers. `parts` takes the blocks that are executed by themselves, where such
    /// may be.
    fn executed(
        &mut self,
        tokens: &'a [Token<'a>],
        part: Range<usize>,
        mut answers: Answers<'a>,
        mut parts: Option<&mut Parts>,
        file: File<'_>,
    ) -> Answers<'a> {
        let mut at = part.start;
        while at < part.end {
            let end = end_of_statement(tokens, at, part.end);
            match (tokens[at].text, &mut parts) {
                ("if", _) => {
                    let end = end_of_chain(tokens, at);
                    answers = self.chain(tokens, at, answers, file);
                    at = end;
                    continue;
                }
                ("class", Some(parts)) => parts.classes.push(at),
                // what it says is for its subnets, of which one is known here
                ("shared-network", Some(parts)) if parts.subnet.is_none() => {
                    let open = (at..end).find(|&place| tokens[place].text == "{").unwrap_or(end);
                    answers = self.executed(tokens, open + 1..end.saturating_sub(1), answers, Some(&mut **parts), file);
                }
                ("subnet", Some(parts)) if parts.subnet.is_none() => {
                    let open = (at..end).find(|&place| tokens[place].text == "{").unwrap_or(end);
                    parts.subnet = Some(open + 1..end.saturating_sub(1));
                }
                _ => self.set(&tokens[at..end], &mut answers, file),
            }
            at = end;
        }
        if answers.len() > MOST_RULES {
            self.does_not_know(file, &tokens[part.start], "file: it comes to too many rules");
            answers.drain(..answers.len() - 1);
        }
        answers
    }

    /// One statement that is for whoever comes to it.
    fn set(&mut self, statement: &[Token<'a>], answers: &mut Answers<'a>, file: File<'_>) {
        let Some(first) = statement.first() else { return };
        let texts: Vec<&str> = statement.iter().map(|token| token.text).filter(|text| *text != ";").collect();
        let string = |at: usize| statement.get(at).and_then(Token::string);
        match texts[..] {
            ["filename", _] if string(1).is_some() => {
                answers.iter_mut().for_each(|(_, given)| given.file = string(1));
            }
            ["filename", "=", _] if string(2).is_some() => {
                answers.iter_mut().for_each(|(_, given)| given.file = string(2));
            }
            ["option", "bootfile-name", _] if string(2).is_some() => {
                answers.iter_mut().for_each(|(_, given)| given.option = string(2));
            }
            ["option", "bootfile-name", "=", _] if string(3).is_some() => {
                answers.iter_mut().for_each(|(_, given)| given.option = string(3));
            }
            ["next-server", _] => answers.iter_mut().for_each(|(_, given)| given.next_server = true),
            ["option", "vendor-class-identifier", _] if string(2).is_some() => {
                answers.iter_mut().for_each(|(_, given)| given.vendor_class = string(2));
            }
            ["filename" | "next-server", ..] | ["option", "vendor-class-identifier" | "bootfile-name", ..] => {
                self.does_not_know(file, first, first.text);
            }
            ["option", name, ..] if OTHER_OPTIONS.contains(&name) => self.does_not_know(file, first, name),
            // a second subnet, a class inside of something, a block of something else
            ["subnet" | "class", ..] => self.does_not_know(file, first, first.text),
            [word, ..] if word.starts_with('[') => self.does_not_know(file, first, "part that is left out"),
            [word, ..] if UNKNOWN.contains(&word) || texts.contains(&"{") => self.does_not_know(file, first, word),
            _ => {}
        }
    }

    /// `class "NAME" { match if CONDITION; ... }`.
    fn class(&mut self, tokens: &'a [Token<'a>], start: usize, answers: Answers<'a>, file: File<'_>) -> Answers<'a> {
        let end = end_of_statement(tokens, start, tokens.len());
        let (open, close) = ((start..end).find(|&at| tokens[at].text == "{"), end.saturating_sub(1));
        let text = |at: usize| tokens.get(at).filter(|_| at < close).map(|token| token.text).unwrap_or_default();
        let found = (start..close).find(|&at| text(at) == "match" && text(at + 1) == "if");
        let condition = found.and_then(|at| {
            let end = (at..close).find(|&at| text(at) == ";")?;
            Some((open?, at, end, conditions::read(&tokens[at + 2..end], &self.declared)?))
        });
        let Some((open, at, end, Condition { when, archs })) = condition else {
            self.does_not_know(file, &tokens[start], "class");
            return answers;
        };
        let before = self.executed(tokens, open + 1..at, answers.clone(), None, file);
        let inside = self.executed(tokens, end + 1..close, before, None, file);
        self.branch(tokens, tokens[start].line, archs, end + 1..close);
        guarded(&when, inside).chain(answers).collect()
    }

    /// `if (CONDITION) { } elsif (CONDITION) { } else { }`.
    fn chain(&mut self, tokens: &'a [Token<'a>], start: usize, answers: Answers<'a>, file: File<'_>) -> Answers<'a> {
        let (mut at, mut all) = (start, Vec::new());
        while let Some(open) = (at..tokens.len()).find(|place| tokens[*place].text == "{") {
            let line = tokens[at].line;
            let words = (at..open).find(|&place| !["if", "else", "elsif"].contains(&tokens[place].text));
            let words = &tokens[words.unwrap_or(open)..open];
            let condition = conditions::read(words, &self.declared);
            if condition.is_none() {
                self.does_not_know(file, &tokens[at], "if");
            }
            // what stands in the branches behind it may be wrong all the same
            let nobody = || Condition { when: Match::AnyOf(Vec::new()), archs: Vec::new() };
            let Condition { when, archs } = condition.unwrap_or_else(nobody);
            let close = end_of_block(tokens, open);
            let inside = self.executed(tokens, open + 1..close, answers.clone(), None, file);
            self.branch(tokens, line, archs, open + 1..close);
            all.extend(guarded(&when, inside));
            if when == Match::Any {
                return all;
            }
            match tokens.get(close + 1).map(|token| token.text) {
                Some("else" | "elsif") if all.len() <= MOST_RULES => at = close + 1,
                _ => break,
            }
        }
        all.extend(answers);
        all
    }

    /// Notes a branch for the warnings: what stands in it itself.
    fn branch(&mut self, tokens: &'a [Token<'a>], line: usize, archs: Vec<&'a str>, part: Range<usize>) {
        let mut branch = Branch { line, archs, given: Given::default(), file_line: line };
        let mut at = part.start;
        while at < part.end {
            let end = end_of_statement(tokens, at, part.end);
            let string = |place: usize| tokens.get(place).filter(|_| place < end).and_then(Token::string);
            match tokens[at].text {
                "filename" => {
                    (branch.given.file, branch.file_line) = (string(at + 1).or(string(at + 2)), tokens[at].line);
                }
                "option" => match tokens.get(at + 1).map(|token| token.text) {
                    Some("vendor-class-identifier") => branch.given.vendor_class = string(at + 2),
                    Some("bootfile-name") => {
                        (branch.given.option, branch.file_line) = (string(at + 2).or(string(at + 3)), tokens[at].line);
                    }
                    _ => {}
                },
                _ => {}
            }
            at = end;
        }
        self.branches.push(branch);
    }

    fn does_not_know(&mut self, file: File<'_>, token: &Token<'_>, what: &str) {
        self.unknown.get_or_insert_with(|| file.note(token.line, format!("the lan has no word for this {what}")));
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
            .flat_map(|at| tokens[at..].iter().skip(1).take(3)) // `dynamic-bootp` may stand before them
            .filter_map(|token| addresses::address(token.text))
            .collect();
        if let Some(first) = ends.first() {
            server.pool_start = subnet.in_lab(*first);
            let last = ends.get(1).unwrap_or(first).octets()[3];
            server.pool_len = last.saturating_sub(first.octets()[3]).saturating_add(1);
        } else {
            server.pool_len = 0;
        }
        for (when, given) in &self.answers {
            let file = |file: Option<&str>| file.map(|file| addresses::boot_file(file).0);
            // `filename` is in both where nothing else is in option 67
            let option_67 = file(given.option.or(given.file));
            let mut answer = BootAnswer { file_field: file(given.file), option_67, ..BootAnswer::none() };
            answer.next_server = given.next_server.then_some(SERVER);
            answer.vendor_class = given.vendor_class.map(str::to_owned);
            server.rules.push(DhcpRule { when: when.clone(), answer });
        }
        Ok(LanSpec { address: SERVER, ..LanSpec::new().dhcp(server) })
    }

    /// What is wrong.
    pub fn warnings(&self, file: File<'_>) -> Vec<Note> {
        let mut notes = Vec::new();
        for branch in &self.branches {
            let numbers: Vec<Option<u16>> = branch.archs.iter().map(|value| number_of(value)).collect();
            let url = branch.given.option.or(branch.given.file).is_some_and(|file| file.starts_with("http"));
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
            if http && url && branch.given.vendor_class != Some("HTTPClient") {
                notes.push(file.note(branch.file_line,
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

/// The same answers for those only whom a condition takes.
fn guarded<'a>(when: &Match, answers: Answers<'a>) -> impl Iterator<Item = (Match, Given<'a>)> {
    answers.into_iter().map(move |(other, given)| {
        let both = match (when, other) {
            (Match::Any, other) => other,
            (when, Match::Any) => when.clone(),
            (when, Match::All(others)) => Match::All([when.clone()].into_iter().chain(others).collect()),
            (when, other) => Match::All(vec![when.clone(), other]),
        };
        (both, given)
    })
}

/// Behind a statement: its semicolon, or the block that it has. `[ ... ]`, by which an article leaves something out, is one.
fn end_of_statement(tokens: &[Token<'_>], start: usize, most: usize) -> usize {
    if tokens[start].text.starts_with('[') {
        let end = (start..most).find(|&at| tokens[at].text.ends_with(']'));
        return end.unwrap_or(start) + 1;
    }
    let end = (start..most).find(|&at| [";", "{"].contains(&tokens[at].text));
    let end = end.map_or(most, |at| if tokens[at].text == "{" { end_of_block(tokens, at) } else { at } + 1);
    end.clamp(start + 1, most.max(start + 1))
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

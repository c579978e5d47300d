//! The condition of an ISC dhcpd `if` or `match if` as a rule of the lan (dhcp-eval(5)).

use std::collections::BTreeMap;

use super::dhcpd_words::{DEEPEST, Token};
use crate::lan::wire::dhcpv4::option;
use crate::lan::{Compare, Match};

/// Option names of dhcpd's own (dhcp-options(5)) that boot servers look at, with their codes.
const NAMED: [(&str, u8); 6] = [
    ("vendor-class-identifier", option::VENDOR_CLASS),
    ("user-class", option::USER_CLASS),
    ("pxe-system-type", option::CLIENT_ARCH),
    ("pxe-client-id", 97),
    ("host-name", 12),
    ("dhcp-client-identifier", 61),
];

/// A condition that the lan has words for.
pub struct Condition<'a> {
    /// Whom it takes.
    pub when: Match,
    /// What option 93 is compared with, as it is written.
    pub archs: Vec<&'a str>,
}

/// The options that a file declares, with their codes.
pub fn declared<'a>(file: &[Token<'a>]) -> BTreeMap<&'a str, u8> {
    let four = file.windows(4).map(|words| [words[0].text, words[1].text, words[2].text, words[3].text]);
    let code = |words: [&'a str; 4]| match words {
        ["option", name, "code", code] => Some((name, code.parse().ok()?)),
        _ => None,
    };
    four.filter_map(code).collect()
}

/// Reads the words between `if` and the brace; `declared` are the options that the file names itself. `None` for what the lan
/// has no word for. No words at all take everybody.
pub fn read<'a>(words: &[Token<'a>], declared: &BTreeMap<&str, u8>) -> Option<Condition<'a>> {
    if words.is_empty() {
        return Some(Condition { when: Match::Any, archs: Vec::new() });
    }
    let mut reader = Reader { words, at: 0, depth: 0, declared, archs: Vec::new() };
    let when = reader.joined()?;
    (reader.at == words.len()).then_some(Condition { when, archs: reader.archs })
}

struct Reader<'a, 'b> {
    words: &'b [Token<'a>],
    at: usize,
    /// Parentheses and `not`s around what is read.
    depth: usize,
    declared: &'b BTreeMap<&'b str, u8>,
    archs: Vec<&'a str>,
}

impl<'a> Reader<'a, '_> {
    fn peek(&self) -> &'a str {
        self.words.get(self.at).map(|word| word.text).unwrap_or_default()
    }

    fn take(&mut self) -> &'a str {
        let word = self.peek();
        self.at += 1;
        word
    }

    /// Takes a word if it is this one.
    fn wants(&mut self, word: &str) -> Option<()> {
        (self.take() == word).then_some(())
    }

    /// Conditions that `and`s or `or`s join. dhcpd binds both alike, and to the right behind a comparison (`op_val` in
    /// `common/tree.c`, `parse_non_binary` in `common/parse.c`): what mixes them without parentheses means something else than it
    /// looks like, and is left to dhcpd.
    fn joined(&mut self) -> Option<Match> {
        let mut all = vec![self.one()?];
        let word = self.peek();
        while ["and", "or"].contains(&self.peek()) {
            if self.take() != word {
                return None;
            }
            all.push(self.one()?);
        }
        Some(match (all.len(), word) {
            (1, _) => all.remove(0),
            (_, "and") => Match::All(all),
            _ => Match::AnyOf(all),
        })
    }

    fn one(&mut self) -> Option<Match> {
        match self.peek() {
            // of a bare comparison dhcpd says that a boolean expression is expected
            "not" => {
                let inside = self.inside(|reader| match reader.peek() {
                    "(" | "exists" | "not" => reader.one(),
                    _ => None,
                })?;
                Some(Match::Not(Box::new(inside)))
            }
            "(" => {
                let inside = self.inside(Self::joined)?;
                self.wants(")")?;
                Some(inside)
            }
            "exists" => {
                self.take();
                let code = self.code()?;
                // every value begins with nothing
                Some(Match::OptionBytes { code, bytes: Vec::new(), how: Compare::Prefix })
            }
            "option" => {
                self.take();
                let code = self.code()?;
                let differs = self.comparison()?;
                let equal = self.equal(code)?;
                Some(if differs { Match::Not(Box::new(equal)) } else { equal })
            }
            "substring" => self.substring(),
            _ => None,
        }
    }

    /// Takes a word and what stands inside it, where that is not too deep.
    fn inside(&mut self, read: impl FnOnce(&mut Self) -> Option<Match>) -> Option<Match> {
        self.take();
        self.depth += 1;
        let inside = (self.depth <= DEEPEST).then(|| read(self)).flatten();
        self.depth -= 1;
        inside
    }

    /// `=` or `!=`; whether the latter.
    fn comparison(&mut self) -> Option<bool> {
        match self.take() {
            "=" => Some(false),
            "!" => self.wants("=").map(|()| true),
            _ => None,
        }
    }

    fn equal(&mut self, code: u8) -> Option<Match> {
        let word = self.words.get(self.at)?;
        self.at += 1;
        if code == option::CLIENT_ARCH && word.string().is_none() {
            self.archs.push(word.text);
            return Some(Match::isc_arch(word.text));
        }
        let bytes = bytes(word)?;
        Some(Match::OptionBytes { code, bytes, how: Compare::Equal })
    }

    /// `substring(option NAME, 0, LENGTH) = VALUE`, or [`Reader::file_field`].
    fn substring(&mut self) -> Option<Match> {
        self.take();
        self.wants("(")?;
        if self.peek() == "filename" {
            return self.file_field();
        }
        self.wants("option")?;
        let code = self.code()?;
        self.wants(",")?;
        self.wants("0")?;
        self.wants(",")?;
        let length: usize = self.take().parse().ok()?;
        self.wants(")")?;
        let differs = self.comparison()?;
        let word = self.words.get(self.at)?;
        self.at += 1;
        let value = bytes(word)?;
        let taken = match (value.len() == length, word.string()) {
            (true, Some(text)) if code == option::VENDOR_CLASS => Match::VendorClassPrefix(text.to_owned()),
            (true, _) => Match::OptionBytes { code, bytes: value, how: Compare::Prefix },
            // the first bytes of a shorter option are all of it, and more bytes than are taken are never equal
            (false, _) if value.len() < length => Match::OptionBytes { code, bytes: value, how: Compare::Equal },
            (false, _) => Match::AnyOf(Vec::new()),
        };
        Some(if differs { Match::Not(Box::new(taken)) } else { taken })
    }

    /// `substring(filename, 0, LENGTH) = null`: the file that a client asks for by name in its `file` field, which no client here does.
    fn file_field(&mut self) -> Option<Match> {
        self.take();
        self.wants(",")?;
        self.wants("0")?;
        self.wants(",")?;
        self.take().parse::<usize>().ok()?;
        self.wants(")")?;
        let differs = self.comparison()?;
        self.wants("null")?;
        Some(if differs { Match::AnyOf(Vec::new()) } else { Match::Any })
    }

    /// The code of the option whose name comes next: dhcpd's own, or one that the file declares.
    fn code(&mut self) -> Option<u8> {
        let name = self.take();
        let named = NAMED.iter().find(|(known, _)| *known == name).map(|(_, code)| *code);
        named.or_else(|| self.declared.get(name).copied())
    }
}

/// A string's bytes, or those that are written in hexadecimal with colons.
fn bytes(word: &Token<'_>) -> Option<Vec<u8>> {
    match word.string() {
        Some(text) => Some(text.as_bytes().to_vec()),
        None => word.text.split(':').map(|byte| u8::from_str_radix(byte, 16).ok()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::File;
    use super::super::dhcpd_words::tokens;
    use super::*;

    fn condition(text: &str) -> Option<Match> {
        let file = tokens("option arch code 93 = unsigned integer 16;", File("f")).unwrap();
        read(&tokens(text, File("f")).unwrap(), &declared(&file)).map(|condition| condition.when)
    }

    fn pxe() -> Match {
        Match::VendorClassPrefix("PXEClient".into())
    }

    fn equal(code: u8, bytes: &[u8]) -> Match {
        Match::OptionBytes { code, bytes: bytes.to_vec(), how: Compare::Equal }
    }

    #[rstest]
    #[case::an_architecture("(option arch = 00:07)", equal(93, &[0, 7]))]
    #[case::dhcpds_own_name("option pxe-system-type = 00:07", equal(93, &[0, 7]))]
    #[case::a_class("substring (option vendor-class-identifier, 0, 9) = \"PXEClient\"", pxe())]
    #[case::more_than_it_has("substring (option host-name, 0, 5) = \"ab\"", equal(12, b"ab"))]
    #[case::less_than_it_has("substring (option host-name, 0, 1) = \"ab\"", Match::AnyOf(vec![]))]
    #[case::not_this("option user-class != \"iPXE\"", Match::Not(Box::new(equal(77, b"iPXE"))))]
    #[case::nothing("", Match::Any)]
    fn what_the_lan_has_words_for_is_read(#[case] text: &str, #[case] wanted: Match) {
        assert_eq!(condition(text), Some(wanted));
    }

    #[test]
    fn conditions_are_joined_by_one_word_and_by_parentheses() {
        let exists = Match::OptionBytes { code: 77, bytes: vec![], how: Compare::Prefix };
        let ipxe = "exists user-class and option user-class = \"iPXE\"";
        let both = Match::All(vec![exists.clone(), equal(77, b"iPXE")]);
        assert_eq!(condition(ipxe), Some(both.clone()));
        let old = Match::AnyOf(vec![equal(93, &[0, 0]), equal(93, &[0, 6])]);
        let or = "not (option arch = 00:00 or option arch = 00:06)";
        let wanted = Match::AnyOf(vec![both, Match::Not(Box::new(old))]);
        assert_eq!(condition(&format!("({ipxe}) or {or}")), Some(wanted));
        assert_eq!(condition(&format!("{ipxe} or {or}")), None, "dhcpd takes the two behind `and` together");
    }

    #[rstest]
    #[case::no_such_option("option platform = 00:07")]
    #[case::another_function("lcase(option user-class) = \"ipxe\"")]
    #[case::from_the_middle("substring(option user-class, 1, 2) = \"ab\"")]
    #[case::not_of_a_comparison("not option user-class = \"a\"")]
    #[case::no_end("(option arch = 00:07")]
    #[case::more_behind("option arch = 00:07 option arch = 00:08")]
    #[case::no_value("option arch =")]
    #[case::no_number("option user-class = ipxe")]
    #[case::too_many_parentheses(&"(".repeat(100_000))]
    #[case::too_many_nots(&"not ".repeat(100_000))]
    fn what_it_has_none_for_is_not(#[case] text: &str) {
        assert_eq!(condition(text), None);
    }
}

//! QEMU's two spellings of an option's parts: `driver,key=value` with doubled commas, and JSON.

use serde_json::Value as Json;

use super::words::Word;
use crate::guest::GuestError;

/// An option's value: what stands first without a key, then keys and values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Parts {
    pub first: String,
    /// It is spelled in JSON.
    pub is_json: bool,
    pairs: Vec<(String, String)>,
}

impl Parts {
    /// Reads a value; `implied` is the key that stands for what has none, or that JSON spells out.
    pub fn read(file: &str, word: &Word, implied: &str) -> Result<Parts, GuestError> {
        let text = word.text.as_str();
        if !text.trim_start().starts_with('{') {
            return Ok(Parts::of_list(text, implied));
        }
        let json: Json = serde_json::from_str(text).map_err(|error| GuestError {
            what: format!("this is no JSON: {error}"),
            file: file.to_owned(),
            at: word.at,
            fix: "quote the value as the shell wants it: -device '{\"driver\": ...}'".to_owned(),
        })?;
        let mut parts = Parts { is_json: true, ..Parts::default() };
        flatten("", &json, &mut parts.pairs);
        parts.first = parts.get(implied).unwrap_or_default().to_owned();
        Ok(parts)
    }

    fn of_list(text: &str, implied: &str) -> Parts {
        let mut parts = Parts::default();
        for (index, piece) in pieces(text).into_iter().enumerate() {
            if piece.is_empty() && index > 0 {
                continue; // a comma at the end
            }
            match piece.split_once('=') {
                Some((key, value)) => parts.pairs.push((key.to_owned(), value.to_owned())),
                None if index == 0 => parts.first = piece,
                // a flag, as in `readonly`
                None => match piece.strip_prefix("no") {
                    Some(flag) => parts.pairs.push((flag.to_owned(), "off".to_owned())),
                    None => parts.pairs.push((piece, "on".to_owned())),
                },
            }
        }
        if parts.first.is_empty() {
            parts.first = parts.get(implied).unwrap_or_default().to_owned();
        }
        parts
    }

    /// What a file of options has.
    pub fn of_pairs(pairs: Vec<(String, String)>, implied: &str) -> Parts {
        let mut parts = Parts { pairs, ..Parts::default() };
        parts.first = parts.get(implied).unwrap_or_default().to_owned();
        parts
    }

    /// Adds a key, which counts more than one of the same name before it.
    pub fn push(&mut self, key: &str, value: &str) {
        self.pairs.push((key.to_owned(), value.to_owned()));
    }

    /// Every key with its value.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// The last value of a key: QEMU takes that.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.pairs.iter().rev().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// Whether a key is switched on or off.
    pub fn switch(&self, key: &str) -> Option<bool> {
        self.get(key).map(|value| matches!(value, "on" | "true" | "yes" | "1"))
    }
}

/// A number of a place; one that is too large is a place that no machine has.
pub(super) fn small(text: &str) -> Option<u8> {
    text.parse::<u64>().ok().map(|number| u8::try_from(number).unwrap_or(u8::MAX))
}

/// A rank as QEMU reads one: 32 bits, decimal, octal behind `0`, hexadecimal behind `0x`.
pub(super) fn rank(text: &str) -> Option<i64> {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    let number = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(digits) => i64::from_str_radix(digits, 16),
        None if digits.len() > 1 && digits.starts_with('0') => i64::from_str_radix(digits, 8),
        None => digits.parse(),
    };
    let number = number.ok().filter(|_| digits.starts_with(|digit: char| digit.is_ascii_digit()))?;
    let number = number.checked_mul(sign)?;
    i32::try_from(number).is_ok().then_some(number)
}

/// The pieces between commas; two commas are one that belongs to the piece.
fn pieces(text: &str) -> Vec<String> {
    let (mut pieces, mut piece) = (Vec::new(), String::new());
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            ',' if letters.peek() == Some(&',') => {
                letters.next();
                piece.push(',');
            }
            ',' => pieces.push(std::mem::take(&mut piece)),
            other => piece.push(other),
        }
    }
    pieces.push(piece);
    pieces
}

/// Nested objects become keys with dots, as QEMU's own flat spelling has them.
fn flatten(prefix: &str, json: &Json, into: &mut Vec<(String, String)>) {
    let value = match json {
        Json::Object(map) => {
            for (key, value) in map {
                let key = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
                flatten(&key, value, into);
            }
            return;
        }
        Json::Array(_) | Json::Null => return,
        Json::String(text) => text.clone(),
        Json::Bool(on) => if *on { "on" } else { "off" }.to_owned(),
        Json::Number(number) => number.to_string(),
    };
    into.push((prefix.to_owned(), value));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guest::At;

    fn parts(text: &str, implied: &str) -> Parts {
        Parts::read("a", &Word { text: text.to_owned(), at: At { line: 1, column: 1 } }, implied).unwrap()
    }

    #[test]
    fn both_spellings_say_the_same() {
        let list = parts("ide-hd,bus=ide.0,unit=0,serial=a,,b,bootindex=3,readonly", "driver");
        let json = r#"{"driver":"ide-hd","bus":"ide.0","unit":0,"serial":"a,b","bootindex":3,"readonly":true}"#;
        let json = parts(json, "driver");
        for parts in [&list, &json] {
            assert_eq!(parts.first, "ide-hd");
            assert_eq!(
                [parts.get("unit"), parts.get("serial"), parts.get("bootindex")],
                [Some("0"), Some("a,b"), Some("3")]
            );
            assert_eq!(parts.switch("readonly"), Some(true));
        }
    }

    #[test]
    fn nested_json_is_flat_and_broken_json_has_a_place() {
        assert_eq!(parts(r#"{"driver":"raw","file":{"filename":"x"}}"#, "driver").get("file.filename"), Some("x"));
        let word = Word { text: "{\"driver\":".to_owned(), at: At { line: 3, column: 9 } };
        assert_eq!(Parts::read("a", &word, "driver").unwrap_err().at, word.at);
    }

    #[rstest::rstest]
    #[case("0", Some(0))]
    #[case("-1", Some(-1))]
    #[case("01", Some(1))]
    #[case("0x10", Some(16))]
    #[case("2147483647", Some(2_147_483_647))]
    #[case("2147483648", None)]
    #[case("9223372036854775807", None)]
    #[case("-9223372036854775808", None)]
    #[case("99999999999999999999", None)]
    #[case("", None)]
    #[case("+1", None)]
    #[case("first", None)]
    fn a_rank_is_read_as_qemu_reads_it(#[case] text: &str, #[case] wanted: Option<i64>) {
        assert_eq!(rank(text), wanted);
    }
}

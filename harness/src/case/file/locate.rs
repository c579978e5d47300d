//! Where in a file a value stands.

use std::collections::HashMap;

use serde_json::value::RawValue;
use toml::de::{DeTable, DeValue};

use super::Format;

/// A step on the way to a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    /// The value of this key.
    Name(String),
    /// An element of a list, from 0.
    Index(usize),
}

impl From<&str> for Key {
    fn from(name: &str) -> Key {
        Key::Name(name.to_owned())
    }
}

impl From<usize> for Key {
    fn from(index: usize) -> Key {
        Key::Index(index)
    }
}

/// Line and column of the value at the end of a way, or of the last one on it that the text has.
pub fn place(text: &str, format: Format, way: &[Key]) -> (usize, usize) {
    let at = match format {
        Format::Toml => in_toml(text, way),
        Format::Json => in_json(text, way),
    };
    line_and_column(text, at)
}

/// Line and column of a byte, from 1.
pub fn line_and_column(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.rsplit('\n').next().unwrap_or_default();
    (before.matches('\n').count() + 1, line.chars().count() + 1)
}

fn in_toml(text: &str, way: &[Key]) -> usize {
    let Ok(document) = DeTable::parse(text) else { return 0 };
    let mut at = 0;
    let Some((Key::Name(first), rest)) = way.split_first() else { return at };
    let Some(mut value) = document.get_ref().get(first.as_str()) else { return at };
    at = value.span().start;
    for key in rest {
        let next = match (key, value.get_ref()) {
            (Key::Name(name), DeValue::Table(table)) => table.get(name.as_str()),
            (Key::Index(index), DeValue::Array(list)) => list.get(*index),
            _ => None,
        };
        let Some(next) = next else { break };
        value = next;
        at = value.span().start;
    }
    at
}

fn in_json(text: &str, way: &[Key]) -> usize {
    let Ok(mut value) = serde_json::from_str::<&RawValue>(text) else { return 0 };
    for key in way {
        let next = match key {
            Key::Name(name) => {
                let table = serde_json::from_str::<HashMap<String, &RawValue>>(value.get());
                table.ok().and_then(|table| table.get(name).copied())
            }
            Key::Index(index) => {
                let list = serde_json::from_str::<Vec<&RawValue>>(value.get());
                list.ok().and_then(|list| list.get(*index).copied())
            }
        };
        let Some(next) = next else { break };
        value = next;
    }
    // a borrowed value is a part of the text
    (value.get().as_ptr() as usize).saturating_sub(text.as_ptr() as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_found_in_both_formats_and_what_is_missing_at_what_it_is_missing_from() {
        let way = [Key::from("machine"), Key::from("devices"), Key::from(1), Key::from("medium")];
        let toml =
            "id = \"a\"\n[[machine.devices]]\nclass = \"nvme\"\n[[machine.devices]]\nmedium = { name = \"b\" }\n";
        assert_eq!(place(toml, Format::Toml, &way), (5, 10));
        assert_eq!(place(toml, Format::Toml, &way[..3]), (4, 1));
        let json = "{\n \"machine\": {\"devices\": [{},\n  {\"medium\": 3}]}}";
        assert_eq!(place(json, Format::Json, &way), (3, 14));
        assert_eq!(place(json, Format::Json, &[Key::from("machine"), Key::from("board")]), (2, 13));
        assert_eq!(place(json, Format::Json, &[]), (1, 1));
    }
}

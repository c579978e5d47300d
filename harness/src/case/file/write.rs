//! Writes a case as short as it can be read back.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{Case, Format};
use crate::machine::Machine;

/// A case that a file cannot hold.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// A value that the format does not have.
    #[error("the case cannot be written: {0}")]
    Unwritable(String),
    /// What was written would be read as another case.
    #[error("the case cannot be written as TOML without a loss; write JSON")]
    Lossy,
}

/// Writes a case: every key whose absence changes it, and no other.
///
/// # Errors
///
/// [`WriteError`] for a case that the format cannot hold.
pub fn write(case: &Case, format: Format) -> Result<String, WriteError> {
    let unwritable = |error: &dyn std::fmt::Display| WriteError::Unwritable(error.to_string());
    let mut value = serde_json::to_value(case).map_err(|error| unwritable(&error))?;
    shorten(&mut value, case);
    match format {
        Format::Json => {
            serde_json::to_string_pretty(&value).map(|text| text + "\n").map_err(|error| unwritable(&error))
        }
        Format::Toml => {
            let text = toml(&value);
            match toml::from_str::<Case>(&text) {
                Ok(read) if read == *case => Ok(text),
                _ => Err(WriteError::Lossy),
            }
        }
    }
}

/// Takes away every key that makes no difference. Parts are held against parts, since a part is quicker to read than the whole.
fn shorten(value: &mut Value, case: &Case) {
    machine(value.pointer_mut("/machine"), &case.machine);
    part(value.pointer_mut("/expectation"), &case.expectation);
    if let Some(control) = &case.control {
        machine(value.pointer_mut("/control/machine"), control);
    }
    for (index, (_, expectation)) in case.otherwise.iter().enumerate() {
        part(value.pointer_mut(&format!("/otherwise/{index}/expectation")), expectation);
    }
    if let Some((other, expectation)) = &case.beside {
        machine(value.pointer_mut("/beside/machine"), other);
        part(value.pointer_mut("/beside/expectation"), expectation);
    }
    part(value.pointer_mut("/story"), &case.story);
    table(value, case, "");
}

fn machine(value: Option<&mut Value>, machine: &Machine) {
    let Some(value) = value else { return };
    for (index, network) in machine.networks.iter().enumerate() {
        part(value.pointer_mut(&format!("/networks/{index}")), network);
    }
    table(value, machine, "");
    for index in 0..machine.devices.len() {
        below(value, machine, format!("/devices/{index}"));
    }
    below(value, machine, "/boot".to_owned());
}

/// Shortens a part of a case, and all that is in it.
fn part<T: DeserializeOwned + PartialEq>(value: Option<&mut Value>, whole: &T) {
    if let Some(value) = value {
        below(value, whole, String::new());
    }
}

/// Shortens what stands at the end of a way and below.
fn below<T: DeserializeOwned + PartialEq>(value: &mut Value, whole: &T, way: String) {
    let mut ways = vec![way];
    while let Some(way) = ways.pop() {
        table(value, whole, &way);
        match value.pointer(&way) {
            Some(Value::Object(left)) => {
                let escaped = |key: &String| key.replace('~', "~0").replace('/', "~1");
                ways.extend(left.keys().map(|key| format!("{way}/{}", escaped(key))));
            }
            Some(Value::Array(list)) => ways.extend((0..list.len()).map(|index| format!("{way}/{index}"))),
            _ => {}
        }
    }
}

/// Shortens one table: at once by all that is nothing, then key by key.
fn table<T: DeserializeOwned + PartialEq>(value: &mut Value, whole: &T, way: &str) {
    let Some(Value::Object(all)) = value.pointer(way).cloned() else { return };
    let nothing = |value: &Value| match value {
        Value::Null | Value::Bool(false) => true,
        Value::Array(list) => list.is_empty(),
        _ => false,
    };
    let mut kept = all.clone();
    kept.retain(|_, value| !nothing(value));
    if kept.len() == all.len() || !reads_as(value, whole, way, &kept) {
        kept = all;
    }
    for key in kept.keys().cloned().collect::<Vec<_>>() {
        let mut fewer = kept.clone();
        fewer.shift_remove(&key);
        if reads_as(value, whole, way, &fewer) {
            kept = fewer;
        }
    }
    if let Some(place) = value.pointer_mut(way) {
        *place = Value::Object(kept);
    }
}

/// Whether the value with this table in place is still the whole. The table stays in place.
fn reads_as<T: DeserializeOwned + PartialEq>(
    value: &mut Value,
    whole: &T,
    way: &str,
    table: &Map<String, Value>,
) -> bool {
    if let Some(place) = value.pointer_mut(way) {
        *place = Value::Object(table.clone());
    }
    T::deserialize(&*value).is_ok_and(|read| read == *whole)
}

/// Longest line of what stands in one.
const WIDTH: usize = 110;

/// A case as a person would write it: machine, devices and expectation as tables of their own, what is short on one line.
fn toml(value: &Value) -> String {
    let mut out = String::new();
    if let Value::Object(case) = value {
        tables(&mut out, "", case);
    }
    out
}

fn tables(out: &mut String, path: &str, all: &Map<String, Value>) {
    let is_table = |name: &str, value: &Value| match value {
        Value::Object(_) => matches!(name, "machine" | "expectation") || inline(value).len() > WIDTH,
        Value::Array(list) if list.is_empty() || !list.iter().all(Value::is_object) => false,
        Value::Array(list) => name == "devices" || list.iter().any(|value| inline(value).len() > WIDTH),
        _ => false,
    };
    let (later, now): (Vec<_>, Vec<_>) = all.iter().partition(|(name, value)| is_table(name, value));
    for (name, value) in now {
        let line = inline(value);
        *out += &match value {
            Value::Array(list) if line.len() > WIDTH => {
                let lines: String = list.iter().map(|value| format!("    {},\n", inline(value))).collect();
                format!("{} = [\n{lines}]\n", key(name))
            }
            _ => format!("{} = {line}\n", key(name)),
        };
    }
    for (name, value) in later {
        let path = if path.is_empty() { key(name) } else { format!("{path}.{}", key(name)) };
        match value {
            Value::Object(table) => {
                *out += &format!("\n[{path}]\n");
                tables(out, &path, table);
            }
            Value::Array(list) => {
                for table in list.iter().filter_map(Value::as_object) {
                    *out += &format!("\n[[{path}]]\n");
                    tables(out, &path, table);
                }
            }
            _ => {}
        }
    }
}

/// A value on one line.
fn inline(value: &Value) -> String {
    match value {
        // JSON's escapes are TOML's, but that TOML wants one for DEL
        Value::String(text) => Value::String(text.clone()).to_string().replace('\u{7f}', "\\u007f"),
        Value::Array(list) => format!("[{}]", list.iter().map(inline).collect::<Vec<_>>().join(", ")),
        Value::Object(table) if table.is_empty() => "{}".to_owned(),
        Value::Object(table) => {
            let pairs: Vec<_> =
                table.iter().map(|(name, value)| format!("{} = {}", key(name), inline(value))).collect();
            format!("{{ {} }}", pairs.join(", "))
        }
        plain => plain.to_string(),
    }
}

/// A key, in quotes where it is more than one word.
fn key(name: &str) -> String {
    let bare = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
    match !name.is_empty() && name.chars().all(bare) {
        true => name.to_owned(),
        false => inline(&Value::from(name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::{Firmware, Machine, Medium};
    use crate::verdict::Expectation;

    #[test]
    fn what_goes_without_saying_is_not_written() {
        let case = Case::new("a::b")
            .machine(Machine::pc(Firmware::SeaBios).virtio_blk(Medium::bootable("disk")).bootindex(1))
            .expect(Expectation::boots("disk"))
            .control_without_bootindex();
        let text = write(&case, Format::Toml).unwrap();
        let keys = |word: &str| text.matches(word).count();
        assert_eq!((keys("ram-mib"), keys("optical"), keys("axes"), keys("views")), (0, 0, 0, 0), "{text}");
        assert!(text.contains("control = \"without-bootindex\"") && text.contains("bootindex = 1"), "{text}");
    }
}

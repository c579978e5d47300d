//! A property's value in QEMU's own type. The command line spells each as text; since QEMU 9.2 `device_add` over QMP takes
//! each in its own JSON type.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The value of a device's or block node's property.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(untagged)]
pub enum Value {
    /// `on` or `off`.
    Bool(bool),
    /// A whole number.
    Number(i64),
    /// Text, which may look like a number: a serial, a USB port.
    Text(String),
}

impl fmt::Display for Value {
    /// As the command line has it, but for the commas.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Bool(on) => out.write_str(if *on { "on" } else { "off" }),
            Value::Number(number) => number.fmt(out),
            Value::Text(text) => out.write_str(text),
        }
    }
}

impl From<bool> for Value {
    fn from(on: bool) -> Value {
        Value::Bool(on)
    }
}

impl From<String> for Value {
    fn from(text: String) -> Value {
        match text.as_str() {
            "on" => Value::Bool(true),
            "off" => Value::Bool(false),
            _ => Value::Text(text),
        }
    }
}

impl From<&str> for Value {
    /// `on` and `off` are booleans, all else is text.
    fn from(text: &str) -> Value {
        Value::from(text.to_owned())
    }
}

macro_rules! numbers {
    ($($number:ty),*) => {
        $(impl From<$number> for Value {
            fn from(number: $number) -> Value {
                Value::Number(i64::from(number))
            }
        })*
    };
}

numbers!(u8, u16, u32, i32, i64);

impl From<&Value> for serde_json::Value {
    fn from(value: &Value) -> serde_json::Value {
        match value {
            Value::Bool(on) => (*on).into(),
            Value::Number(number) => (*number).into(),
            Value::Text(text) => text.as_str().into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_spelt_for_the_command_line_and_typed_for_qmp() {
        let values = [Value::from(true), Value::from("off"), Value::from(7_u8), Value::from("7")];
        assert_eq!(values.each_ref().map(ToString::to_string), ["on", "off", "7", "7"]);
        let json = values.each_ref().map(serde_json::Value::from);
        assert_eq!(serde_json::json!(json), serde_json::json!([true, false, 7, "7"]));
    }

    #[test]
    fn a_value_reads_back_with_its_type() {
        for value in [Value::from(true), Value::from(-1_i64), Value::from("7"), Value::from("")] {
            let text = serde_json::to_string(&value).unwrap();
            assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
        }
    }
}

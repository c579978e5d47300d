//! How values of a spec are written where people read and write them: durations with their unit, bytes as text or hexadecimal.
//!
//! A duration is a whole number and a unit (`"3s"`, `"1500ms"`, `"20us"`, `"7ns"`). Bytes are `{"text": "..."}` where every
//! one of them is printable ASCII, a tab or an end of line, and `{"hex": "00ff"}` otherwise; either is read for any bytes.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Bytes as text or hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bytes(Vec<u8>);

#[derive(Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Form {
    /// The bytes of this text in UTF-8.
    Text(String),
    /// Two hexadecimal digits for each byte.
    Hex(String),
}

impl schemars::JsonSchema for Bytes {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Bytes".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        Form::json_schema(generator)
    }
}

/// A duration as it is written, for schemas.
pub(crate) struct DurationText;

impl schemars::JsonSchema for DurationText {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "A whole number and a unit, such as \"3s\".", "type": "string", "pattern": "^[0-9]+(ns|us|ms|s)$"
        })
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        form_of(&self.0).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Form::deserialize(deserializer)? {
            Form::Text(text) => Ok(Self(text.into_bytes())),
            Form::Hex(digits) => of_hex(&digits).map(Self).map_err(serde::de::Error::custom),
        }
    }
}

fn form_of(bytes: &[u8]) -> Form {
    let readable = |byte: &u8| matches!(byte, b' '..=b'~' | b'\t' | b'\n' | b'\r');
    match std::str::from_utf8(bytes) {
        Ok(text) if bytes.iter().all(readable) => Form::Text(text.to_owned()),
        _ => Form::Hex(to_hex(bytes)),
    }
}

fn to_hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut digits, byte| {
        // Writing to a String cannot fail.
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}

fn of_hex(digits: &str) -> Result<Vec<u8>, String> {
    let value = |digit: u8| (digit as char).to_digit(16).map(|value| value as u8);
    digits
        .as_bytes()
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => Some(value(*high)? << 4 | value(*low)?),
            _ => None,
        })
        .collect::<Option<Vec<u8>>>()
        .ok_or_else(|| {
            let seen: String = digits.chars().take(32).collect();
            format!("wanted an even number of hexadecimal digits, seen \"{seen}\"")
        })
}

/// For one value of bytes, whatever holds them.
pub(crate) mod bytes {
    use super::{Bytes, Deserialize, Deserializer, Serialize, Serializer, form_of};

    pub(crate) fn serialize<S: Serializer>(bytes: &impl AsRef<[u8]>, serializer: S) -> Result<S::Ok, S::Error> {
        form_of(bytes.as_ref()).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>, T: TryFrom<Vec<u8>>>(deserializer: D) -> Result<T, D::Error> {
        let bytes = Bytes::deserialize(deserializer)?.0;
        let seen = bytes.len();
        T::try_from(bytes)
            .map_err(|_| serde::de::Error::custom(format!("{seen} bytes are not the length of this field")))
    }
}

/// For bytes that may be left out.
pub(crate) mod optional_bytes {
    use super::{Bytes, Deserialize, Deserializer, Serialize, Serializer, form_of};

    pub(crate) fn serialize<S: Serializer>(bytes: &Option<impl AsRef<[u8]>>, serializer: S) -> Result<S::Ok, S::Error> {
        bytes.as_ref().map(|bytes| form_of(bytes.as_ref())).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<u8>>, D::Error> {
        Ok(Option::<Bytes>::deserialize(deserializer)?.map(|bytes| bytes.0))
    }
}

/// For files by name.
pub(crate) mod files {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use super::{Bytes, Deserialize, Deserializer, Serializer, form_of};

    type Files = BTreeMap<String, Arc<[u8]>>;

    pub(crate) fn serialize<S: Serializer>(files: &Files, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(files.iter().map(|(name, bytes)| (name, form_of(bytes))))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Files, D::Error> {
        let files = BTreeMap::<String, Bytes>::deserialize(deserializer)?;
        Ok(files.into_iter().map(|(name, bytes)| (name, bytes.0.into())).collect())
    }
}

/// For DHCP options with their codes, in order.
pub(crate) mod options {
    use super::{Bytes, Deserialize, Deserializer, Serializer, form_of};

    pub(crate) fn serialize<S: Serializer>(options: &[(u8, Vec<u8>)], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(options.iter().map(|(code, bytes)| (code, form_of(bytes))))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<(u8, Vec<u8>)>, D::Error> {
        let options = Vec::<(u8, Bytes)>::deserialize(deserializer)?;
        Ok(options.into_iter().map(|(code, bytes)| (code, bytes.0)).collect())
    }
}

/// For durations.
pub(crate) mod duration {
    use std::time::Duration;

    use super::{Deserialize, Deserializer, Serializer};

    const UNITS: [(&str, u128); 4] = [("ns", 1), ("us", 1_000), ("ms", 1_000_000), ("s", 1_000_000_000)];

    pub(crate) fn serialize<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        let nanos = time.as_nanos();
        let whole = UNITS.iter().rev().find(|(_, unit)| nanos.is_multiple_of(*unit));
        let (word, unit) = whole.copied().unwrap_or(UNITS[0]);
        serializer.collect_str(&format_args!("{}{word}", nanos / unit))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse(&text).ok_or_else(|| {
            serde::de::Error::custom(format!(
                "wanted a whole number with ns, us, ms or s, such as \"3s\", seen \"{text}\""
            ))
        })
    }

    fn parse(text: &str) -> Option<Duration> {
        let unit_at = text.find(|letter: char| !letter.is_ascii_digit())?;
        let (number, word) = text.split_at(unit_at);
        let unit = UNITS.iter().find(|(name, _)| *name == word)?.1;
        let nanos = number.parse::<u64>().ok()?.checked_mul(u64::try_from(unit).ok()?);
        match nanos {
            Some(nanos) => Some(Duration::from_nanos(nanos)),
            None if word == "s" => Some(Duration::from_secs(number.parse().ok()?)),
            None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rstest::rstest;

    use super::*;

    #[derive(Serialize, Deserialize)]
    struct Time(#[serde(with = "duration")] Duration);

    #[rstest]
    #[case::seconds(Duration::from_secs(3), "3s")]
    #[case::milliseconds(Duration::from_millis(1500), "1500ms")]
    #[case::nothing(Duration::ZERO, "0s")]
    #[case::odd(Duration::from_nanos(1_000_001), "1000001ns")]
    #[case::longest(Duration::from_secs(u64::MAX), "18446744073709551615s")]
    fn a_duration_reads_back(#[case] time: Duration, #[case] text: &str) {
        assert_eq!(serde_json::to_string(&Time(time)).unwrap(), format!("\"{text}\""));
        assert_eq!(serde_json::from_str::<Time>(&format!("\"{text}\"")).unwrap().0, time);
    }

    #[rstest]
    #[case::no_unit("3")]
    #[case::no_number("s")]
    #[case::fraction("1.5s")]
    #[case::unknown_unit("3h")]
    #[case::too_large("99999999999999999999s")]
    #[case::empty("")]
    fn what_is_no_duration_is_refused_with_an_example(#[case] text: &str) {
        let error = serde_json::from_str::<Time>(&format!("\"{text}\"")).err().unwrap().to_string();
        assert!(error.contains("such as \"3s\"") && error.contains(&format!("seen \"{text}\"")), "{error}");
    }

    #[rstest]
    #[case::text(b"default menu\n", r#"{"text":"default menu\n"}"#)]
    #[case::binary(&[0, 0xff], r#"{"hex":"00ff"}"#)]
    #[case::not_ascii("\u{e9}".as_bytes(), r#"{"hex":"c3a9"}"#)]
    #[case::nothing(b"", r#"{"text":""}"#)]
    fn bytes_read_back(#[case] bytes: &[u8], #[case] json: &str) {
        assert_eq!(serde_json::to_string(&Bytes(bytes.to_vec())).unwrap(), json);
        assert_eq!(serde_json::from_str::<Bytes>(json).unwrap().0, bytes);
    }

    #[rstest]
    #[case::odd(r#"{"hex":"123"}"#)]
    #[case::no_digit(r#"{"hex":"0g"}"#)]
    #[case::other_form(r#"{"base64":"AA=="}"#)]
    #[case::bare("\"text\"")]
    fn what_is_no_bytes_is_refused(#[case] json: &str) {
        assert!(serde_json::from_str::<Bytes>(json).is_err());
    }
}

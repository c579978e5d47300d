//! How bytes that a guest reported stand in `trace.json`: file contents as text, binary structures in hexadecimal.

/// Text with `%XX` for whatever is not printable ASCII, and for `%`: as a payload's line has it.
pub(super) mod text {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes bytes as text.
    ///
    /// # Errors
    ///
    /// The serializer's.
    pub fn serialize<S: Serializer>(bytes: &Option<Vec<u8>>, out: S) -> Result<S::Ok, S::Error> {
        let text = bytes.as_ref().map(|bytes| {
            let plain = |byte: u8| (byte.is_ascii_graphic() || byte == b' ') && byte != b'%';
            let shown = |&byte: &u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02x}") };
            bytes.iter().map(shown).collect::<String>()
        });
        match text {
            Some(text) => out.serialize_some(&text),
            None => out.serialize_none(),
        }
    }

    /// Reads what [`serialize`] wrote.
    ///
    /// # Errors
    ///
    /// Where the text has a `%` without two hexadecimal digits.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<u8>>, D::Error> {
        let text = Option::<String>::deserialize(from)?;
        let bytes = text.map(|text| {
            let decoded = crate::digits::percent_decoded(&text);
            decoded.ok_or_else(|| D::Error::custom(format!("{text:?}: wanted %XX for bytes that are no text")))
        });
        bytes.transpose()
    }
}

/// Two digits a byte.
pub(super) mod hex {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes bytes in hexadecimal.
    ///
    /// # Errors
    ///
    /// The serializer's.
    pub fn serialize<S: Serializer>(bytes: &Option<Vec<u8>>, out: S) -> Result<S::Ok, S::Error> {
        match bytes {
            Some(bytes) => out.serialize_some(&bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>()),
            None => out.serialize_none(),
        }
    }

    /// Reads what [`serialize`] wrote.
    ///
    /// # Errors
    ///
    /// Where the text is not pairs of hexadecimal digits.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<u8>>, D::Error> {
        let text = Option::<String>::deserialize(from)?;
        let bytes = text.map(|text| {
            let decoded = crate::digits::hex(&text);
            decoded.ok_or_else(|| D::Error::custom(format!("{text:?}: wanted pairs of hexadecimal digits")))
        });
        bytes.transpose()
    }
}

#[cfg(test)]
mod tests {
    use crate::payload::Payload;

    #[test]
    fn bytes_are_readable_and_read_back() {
        let payload = Payload {
            bootorder: Some(b"/pci@i0cf8/disk@0,0\nHALT%\0\xff".to_vec()),
            bios_geometry: None,
            device_path: Some(vec![2, 1, 12, 0, 0xd0]),
            ..Payload::default()
        };
        let json = serde_json::to_value(&payload).unwrap();
        assert_eq!(json["bootorder"], "/pci@i0cf8/disk@0,0%0aHALT%25%00%ff");
        assert_eq!(json["bios_geometry"], serde_json::Value::Null);
        assert_eq!(json["device_path"], "02010c00d0");
        assert_eq!(serde_json::from_value::<Payload>(json).unwrap(), payload);
    }

    #[test]
    fn what_is_neither_is_refused() {
        for (field, text) in [("bootorder", "%zz"), ("device_path", "2"), ("device_path", "xy")] {
            let mut json = serde_json::to_value(Payload::default()).unwrap();
            json[field] = text.into();
            assert!(serde_json::from_value::<Payload>(json).is_err(), "{field} {text}");
        }
    }
}

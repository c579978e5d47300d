//! `EFI_LOAD_OPTION`: the value of a `Boot####` variable (UEFI specification, section 3.1.3).

use serde::Serialize;

use super::device_path::device_path_text;
use super::error::NvramError;
use super::path_bytes::wide;
use super::utf16::utf16;
use crate::digest::hex;

/// One boot option.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LoadOption {
    /// Attribute bits: 1 active, 2 force reconnect, 8 hidden, 0x100 application.
    pub attributes: u32,
    /// The name that a menu shows; guest-controlled text.
    pub description: String,
    /// First device path of the list, as edk2 prints it; guest-controlled text.
    pub device_path: String,
    /// The same in its binary form, end node included.
    #[serde(serialize_with = "as_hex")]
    pub device_path_bytes: Vec<u8>,
    /// What is passed to the image; edk2 marks the options that it made itself here.
    #[serde(serialize_with = "as_hex")]
    pub optional_data: Vec<u8>,
}

impl LoadOption {
    /// Whether the firmware tries this option by itself.
    pub fn is_active(&self) -> bool {
        self.attributes & 1 != 0
    }

    /// The value of its `Boot####` variable. Its text is not looked at: the device path is written as its bytes are.
    pub fn encode(&self) -> Vec<u8> {
        let path_length = u16::try_from(self.device_path_bytes.len()).unwrap_or(u16::MAX);
        let mut data = self.attributes.to_le_bytes().to_vec();
        data.extend(path_length.to_le_bytes());
        data.extend(wide(&self.description));
        data.extend(&self.device_path_bytes);
        data.extend(&self.optional_data);
        data
    }

    /// Decodes the value of a `Boot####` variable.
    ///
    /// # Errors
    /// [`NvramError::BadLoadOption`] if it is shorter than its fields say, [`NvramError::BadDevicePath`] if its device
    /// path is damaged.
    pub fn decode(data: &[u8]) -> Result<Self, NvramError> {
        let bad = |found| NvramError::BadLoadOption { length: data.len(), found };
        let (head, rest) = data.split_first_chunk::<6>().ok_or(bad("shorter than its 6-byte header"))?;
        let attributes = u32::from_le_bytes([head[0], head[1], head[2], head[3]]);
        let path_length = usize::from(u16::from_le_bytes([head[4], head[5]]));
        let end = rest.chunks_exact(2).position(|unit| unit == [0, 0]).ok_or(bad("description without an end"))?;
        let lists = &rest[end * 2 + 2..];
        let paths = lists.get(..path_length).ok_or(bad("device path longer than what is left"))?;
        Ok(Self {
            attributes,
            description: utf16(rest),
            device_path: device_path_text(paths)?,
            device_path_bytes: paths.to_vec(),
            optional_data: lists[path_length..].to_vec(),
        })
    }
}

fn as_hex<S: serde::Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&hex(bytes))
}

#[cfg(test)]
mod tests {
    use super::super::device_path_bytes;
    use super::*;

    #[test]
    fn an_option_that_was_written_reads_back() {
        let device_path = "PciRoot(0x0)/Pci(0x4,0x0)".to_owned();
        let device_path_bytes = device_path_bytes(&device_path).unwrap();
        let (description, optional_data) = ("debian".to_owned(), vec![1, 2, 3]);
        let option = LoadOption { attributes: 1, description, device_path, device_path_bytes, optional_data };
        assert_eq!(LoadOption::decode(&option.encode()), Ok(option));
    }
}

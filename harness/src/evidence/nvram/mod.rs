//! The UEFI variables in an OVMF_VARS file, and the boot options among them.
//!
//! Owns the decoding of edk2's variable store (`MdeModulePkg/Include/Guid/VariableFormat.h`), of `EFI_LOAD_OPTION`
//! (UEFI specification, section 3.1.3) and of device paths as edk2 prints them. It reads bytes and returns values: it
//! opens no file and never changes a store. The bytes come from a guest, so nothing in them is trusted: whatever they
//! hold, decoding ends, stays within their size, and says what it found wrong.
//!
//! BootCurrent is volatile and so never in a file; the payload line has it.
//!
//! ```
//! use bootwright::evidence::nvram::{NvramError, decode};
//!
//! assert!(matches!(decode(&[0xff; 4096]), Err(NvramError::NotAVolume { .. })));
//! ```

mod device_path;
mod load_option;
mod store;

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::{Serialize, Serializer};

use crate::digest::hex;

pub use device_path::device_path_text;
pub use load_option::LoadOption;
pub use store::{STORE_HEADER, decode};

/// `EFI_GLOBAL_VARIABLE`, the vendor of BootOrder, BootNext and `Boot####`.
pub const GLOBAL_VARIABLE: Guid =
    Guid([0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11, 0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c]);

/// Why bytes are not what they should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NvramError {
    /// No firmware volume with a variable store begins here.
    #[error("not a variable store: {found}, wanted an edk2 NV data volume at offset 0; is this an OVMF_VARS file?")]
    NotAVolume {
        /// What is there instead.
        found: String,
    },
    /// The volume is one, but no variable store begins in it.
    #[error("variable store at offset {offset:#x}: signature is {signature}, wanted that of a variable store")]
    NoStore {
        /// Offset in the file, bytes.
        offset: usize,
        /// The GUID that stands where the store's belongs.
        signature: Guid,
    },
    /// The volume is one, but its variable store header is damaged.
    #[error("variable store at offset {offset:#x}: {found}")]
    BadStore {
        /// Offset in the file, bytes.
        offset: usize,
        /// What is wrong with it.
        found: String,
    },
    /// A device path ends in the middle of a node, or has no end node.
    #[error("device path: {found} at byte {offset} of {length}")]
    BadDevicePath {
        /// Offset in the device path, bytes.
        offset: usize,
        /// Length of the device path, bytes.
        length: usize,
        /// What is wrong there.
        found: &'static str,
    },
    /// A boot option is shorter than its own fields say.
    #[error("boot option of {length} bytes: {found}")]
    BadLoadOption {
        /// Length of the variable's data, bytes.
        length: usize,
        /// What is wrong with it.
        found: &'static str,
    },
}

/// A GUID, its first three fields little-endian as they lie in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Guid(pub [u8; 16]);

impl std::fmt::Display for Guid {
    /// Upper case, as edk2 prints it.
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, place) in [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15].into_iter().enumerate() {
            if matches!(index, 4 | 6 | 8 | 10) {
                out.write_char('-')?;
            }
            write!(out, "{:02X}", self.0[place])?;
        }
        Ok(())
    }
}

impl Serialize for Guid {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

/// How the headers of variables are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StoreFormat {
    /// With time stamps and counters (`gEfiAuthenticatedVariableGuid`), as OVMF has it.
    Authenticated,
    /// Without (`gEfiVariableGuid`), as old or small builds have it.
    Plain,
}

/// One live variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// Name, decoded from UTF-16; guest-controlled text.
    pub name: String,
    /// Vendor GUID.
    pub vendor: Guid,
    /// Attribute bits (UEFI specification, section 8.2): 1 non-volatile, 2 boot services, 4 run time, 0x20 time-based
    /// authenticated.
    pub attributes: u32,
    /// Value.
    pub data: Vec<u8>,
    /// Where its header begins in the file, bytes.
    pub offset: usize,
}

impl Serialize for Variable {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct View<'a> {
            name: &'a str,
            vendor: Guid,
            attributes: String,
            data: String,
        }
        let Self { name, vendor, attributes, data, offset: _ } = self;
        View { name, vendor: *vendor, attributes: attribute_words(*attributes), data: hex(data) }.serialize(to)
    }
}

/// The live variables of a store, in the order in which they lie in it.
///
/// Serialised, it is what `nvram-before.json` and `nvram-after.json` hold: BootOrder and BootNext as four-digit hex,
/// the decoded boot options, every variable with its data as hex, and what was found wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VariableStore {
    /// Layout of the variable headers.
    pub format: StoreFormat,
    /// Where the store's header begins in the file, bytes.
    pub offset: usize,
    /// Size of the store with its header, bytes.
    pub size: usize,
    /// How much of it is written, deleted variables included, bytes.
    pub used: usize,
    /// Live variables; of several copies of one variable the valid one.
    pub variables: Vec<Variable>,
    /// What is wrong with the store, one line each; a sound store has none.
    pub problems: Vec<String>,
}

impl VariableStore {
    /// The variable `name` of `vendor`.
    pub fn get(&self, vendor: Guid, name: &str) -> Option<&Variable> {
        self.variables.iter().find(|variable| variable.vendor == vendor && variable.name == name)
    }

    /// BootOrder; `None` where there is no such variable.
    pub fn boot_order(&self) -> Option<Vec<u16>> {
        self.get(GLOBAL_VARIABLE, "BootOrder").map(|variable| words(&variable.data))
    }

    /// BootNext; `None` where there is none, which is so after every boot since the firmware takes it away.
    pub fn boot_next(&self) -> Option<u16> {
        self.get(GLOBAL_VARIABLE, "BootNext").and_then(|variable| words(&variable.data).first().copied())
    }

    /// Timeout, the seconds that the boot manager waits for a key (UEFI specification, section 3.1.1).
    pub fn timeout(&self) -> Option<u16> {
        self.get(GLOBAL_VARIABLE, "Timeout").and_then(|variable| words(&variable.data).first().copied())
    }

    /// The boot option `number`; `None` where there is no such variable.
    ///
    /// # Errors
    /// In the result: [`NvramError::BadLoadOption`] or [`NvramError::BadDevicePath`].
    pub fn boot_option(&self, number: u16) -> Option<Result<LoadOption, NvramError>> {
        let variable = self.get(GLOBAL_VARIABLE, &format!("Boot{number:04X}"))?;
        Some(LoadOption::decode(&variable.data))
    }

    /// Numbers of the boot options that exist, in or out of BootOrder, ascending.
    pub fn boot_option_numbers(&self) -> Vec<u16> {
        let globals = self.variables.iter().filter(|variable| variable.vendor == GLOBAL_VARIABLE);
        let mut numbers: Vec<u16> = globals.filter_map(|variable| boot_number(&variable.name)).collect();
        numbers.sort_unstable();
        numbers
    }
}

impl Serialize for VariableStore {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct BootOption {
            number: String,
            #[serde(flatten)]
            option: Option<LoadOption>,
            #[serde(skip_serializing_if = "Option::is_none")]
            problem: Option<String>,
        }
        #[derive(Serialize)]
        struct View<'a> {
            format: StoreFormat,
            size: usize,
            used: usize,
            boot_order: Option<Vec<String>>,
            boot_next: Option<String>,
            boot_options: Vec<BootOption>,
            variables: &'a [Variable],
            problems: &'a [String],
        }
        let four = |number: u16| format!("{number:04X}");
        let boot_options = self.boot_option_numbers().into_iter().filter_map(|number| {
            let (option, problem) = match self.boot_option(number)? {
                Ok(option) => (Some(option), None),
                Err(error) => (None, Some(error.to_string())),
            };
            Some(BootOption { number: four(number), option, problem })
        });
        let view = View {
            format: self.format,
            size: self.size,
            used: self.used,
            boot_order: self.boot_order().map(|order| order.into_iter().map(four).collect()),
            boot_next: self.boot_next().map(four),
            boot_options: boot_options.collect(),
            variables: &self.variables,
            problems: &self.problems,
        };
        view.serialize(to)
    }
}

/// The boot options of a store, without what else is in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BootOptions {
    /// BootOrder; `None` where there is no such variable.
    pub order: Option<Vec<u16>>,
    /// The options that decode, in or out of BootOrder, by number.
    pub by_number: BTreeMap<u16, LoadOption>,
}

impl BootOptions {
    /// The boot options of a store.
    pub fn of(store: &VariableStore) -> BootOptions {
        let numbers = store.boot_option_numbers().into_iter();
        let decoded = numbers.filter_map(|number| Some((number, store.boot_option(number)?.ok()?)));
        BootOptions { order: store.boot_order(), by_number: decoded.collect() }
    }
}

/// The number in `Boot` and four upper-case hex digits.
pub(crate) fn boot_number(name: &str) -> Option<u16> {
    let digits = name.strip_prefix("Boot")?;
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'A'..=b'F').contains(&byte);
    (digits.len() == 4 && digits.bytes().all(is_digit)).then(|| u16::from_str_radix(digits, 16).ok())?
}

fn attribute_words(attributes: u32) -> String {
    let names = ["NV", "BS", "RT", "HW", "AW", "AT", "APPEND", "ENHANCED"];
    let mut words: Vec<String> =
        (0..8).filter(|bit| attributes & (1 << bit) != 0).map(|bit| names[bit].to_string()).collect();
    if attributes >> 8 != 0 {
        words.push(format!("{:#x}", attributes & !0xff));
    }
    words.join("+")
}

/// Little-endian 16-bit words; an odd byte at the end is dropped.
fn words(bytes: &[u8]) -> Vec<u16> {
    bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect()
}

/// UTF-16 little-endian up to its first NUL; what is not UTF-16 becomes U+FFFD.
fn utf16(bytes: &[u8]) -> String {
    let units: Vec<u16> = words(bytes).into_iter().take_while(|&unit| unit != 0).collect();
    String::from_utf16_lossy(&units)
}

#[cfg(test)]
mod tests;

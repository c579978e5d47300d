//! The UEFI variables in an OVMF_VARS file, and the boot options among them.
//!
//! Owns edk2's variable store (`MdeModulePkg/Include/Guid/VariableFormat.h`), `EFI_LOAD_OPTION` (UEFI specification,
//! section 3.1.3) and device paths as edk2 prints them, decoded and written. Bytes in, values or bytes out: it opens no
//! file. The bytes come from a guest, so nothing in them is trusted: whatever they
//! hold, decoding ends, stays within their size, and says what it found wrong.
//!
//! BootCurrent is volatile and so never in a file; the payload line has it.
//!
//! ```
//! use bootwright_machine::evidence::nvram::{NvramError, decode};
//!
//! assert!(matches!(decode(&[0xff; 4096]), Err(NvramError::NotAVolume { .. })));
//! ```

mod device_path;
mod error;
mod formatted;
mod guid;
mod load_option;
mod path_bytes;
mod shim;
mod signature_list;
mod store;
mod utf16;
mod working_block;
mod write;

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use crate::digest::hex;
use utf16::words;

pub use device_path::device_path_text;
pub use error::NvramError;
pub use formatted::{formatted, is_blank};
pub use guid::{GLOBAL_VARIABLE, Guid};
pub use load_option::LoadOption;
pub use path_bytes::device_path_bytes;
pub use shim::shim_variables;
pub use signature_list::{DatabaseEntry, secure_boot_variables};
pub use store::{STORE_HEADER, decode};
pub use working_block::is_written_anew;
pub use write::{NewVariable, with_variables};

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
pub fn boot_number(name: &str) -> Option<u16> {
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

#[cfg(test)]
mod tests;

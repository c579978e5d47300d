//! What a TPM 2.0 was told of a boot: the firmware's event log and the TPM's own registers (TCG PC Client Platform Firmware
//! Profile, section 10; Trusted Platform Module Library part 3, section 22.4).
//!
//! The log is what firmware says that it measured, the registers are what the TPM was really told: replaying the log must give
//! them.

mod answer;

use sha2::{Digest, Sha256};

use super::nvram::{NvramError, device_path_text};
pub use answer::{AnswerError, registers};

/// How many registers a boot is measured into.
pub const REGISTERS: usize = 8;

/// A register's value in the bank of SHA-256.
pub type Register = [u8; 32];

/// Events as a log has them (`EV_...`, section 10.4.1 of the profile).
pub mod kind {
    /// Says something and is not measured.
    pub const NO_ACTION: u32 = 3;
    /// Before the first boot option.
    pub const SEPARATOR: u32 = 4;
    /// A variable that decides how the machine is configured: those of Secure Boot.
    pub const VARIABLE_DRIVER_CONFIG: u32 = 0x8000_0001;
    /// `BootOrder` or a `Boot####`.
    pub const VARIABLE_BOOT: u32 = 0x8000_0002;
    /// An application that was loaded.
    pub const APPLICATION: u32 = 0x8000_0003;
    /// A step of firmware, in words.
    pub const ACTION: u32 = 0x8000_0007;
    /// `BootOrder` or a `Boot####`, its value alone.
    pub const VARIABLE_BOOT2: u32 = 0x8000_000c;
    /// The entry of `db` that let a program through.
    pub const VARIABLE_AUTHORITY: u32 = 0x8000_00e0;
}

/// Before each boot option that is no application of firmware's own.
pub const CALLING: &[u8] = b"Calling EFI Application from Boot Option";

/// Before the next one.
pub const RETURNING: &[u8] = b"Returning from EFI Application from Boot Option";

/// Of `TPM_ALG_ID`.
const SHA256: u16 = 0x000b;

/// What the event begins with that says from which locality the TPM was started.
const STARTUP_LOCALITY: &[u8] = b"StartupLocality\0";

/// Why bytes are no event log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EventLogError {
    /// It ends in the middle of an event.
    #[error("the event log of {length} bytes ends in the middle of the event at byte {offset}")]
    Short {
        /// Where the event begins, bytes.
        offset: usize,
        /// Length of the log, bytes.
        length: usize,
    },
    /// Its first event is not the one that says what its digests are.
    #[error("the event log begins with {found}, wanted \"Spec ID Event03\"")]
    NoHeader {
        /// What it begins with.
        found: String,
    },
    /// A digest is of an algorithm that the first event does not have.
    #[error("the event at byte {offset} has a digest of algorithm {algorithm:#06x}, which the log does not declare")]
    UnknownAlgorithm {
        /// Where the event begins, bytes.
        offset: usize,
        /// `TPM_ALG_ID`.
        algorithm: u16,
    },
    /// An event has no SHA-256 digest.
    #[error("the event at byte {offset} has no SHA-256 digest")]
    NoSha256 {
        /// Where the event begins, bytes.
        offset: usize,
    },
}

/// One thing that was measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The register.
    pub register: u32,
    /// What it is, one of [`kind`].
    pub kind: u32,
    /// What the register was extended by.
    pub sha256: Register,
    /// What was measured, or what it says of that; guest-controlled.
    pub data: Vec<u8>,
}

/// A variable as an event has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeasuredVariable {
    /// Its name; guest-controlled text.
    pub name: String,
    /// Its value.
    pub value: Vec<u8>,
}

impl Event {
    /// Whether it is this step of firmware.
    pub fn is_action(&self, words: &[u8]) -> bool {
        self.kind == kind::ACTION && self.data.strip_suffix(b"\0").unwrap_or(&self.data) == words
    }

    /// The variable that was measured (`UEFI_VARIABLE_DATA`), where it is one.
    pub fn variable(&self) -> Option<MeasuredVariable> {
        let of_variable =
            [kind::VARIABLE_DRIVER_CONFIG, kind::VARIABLE_BOOT, kind::VARIABLE_BOOT2, kind::VARIABLE_AUTHORITY];
        if !of_variable.contains(&self.kind) {
            return None;
        }
        let mut rest = Bytes { all: &self.data, at: 16 };
        let (name, value) = (rest.u64()?, rest.u64()?);
        let name = rest.take(usize::try_from(name).ok()?.checked_mul(2)?)?;
        let name: Vec<u16> = name.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
        let value = rest.take(usize::try_from(value).ok()?)?.to_vec();
        Some(MeasuredVariable { name: String::from_utf16_lossy(&name), value })
    }

    /// The device path of the application that was loaded (`UEFI_IMAGE_LOAD_EVENT`), where it is one.
    pub fn application(&self) -> Option<Result<String, NvramError>> {
        if self.kind != kind::APPLICATION {
            return None;
        }
        // where it lies, its length, the address that it was linked for, and the length of its path: edk2 writes the last three as wide as
        // its processor is (`EFI_IMAGE_LOAD_EVENT` in `MdePkg/Include/IndustryStandard/UefiTcgPlatform.h`)
        let narrow = self.data.get(16..20).is_some_and(|length| {
            usize::try_from(u32::from_le_bytes(length.try_into().unwrap_or_default())).ok()
                == self.data.len().checked_sub(20)
        });
        let path = self.data.get(if narrow { 20 } else { 32 }..).unwrap_or_default();
        Some(device_path_text(path))
    }
}

/// Decodes a log in the crypto agile format.
///
/// # Errors
///
/// [`EventLogError`].
pub fn events(log: &[u8]) -> Result<Vec<Event>, EventLogError> {
    let mut rest = Bytes { all: log, at: 0 };
    let short = |offset| EventLogError::Short { offset, length: log.len() };
    let algorithms = header(&mut rest).ok_or(short(0))??;
    let mut events = Vec::new();
    while rest.at < log.len() {
        let offset = rest.at;
        events.push(event(&mut rest, &algorithms).ok_or(short(offset))??);
    }
    Ok(events)
}

/// What the registers are after all of these.
pub fn replayed(events: &[Event]) -> [Register; REGISTERS] {
    let mut registers = [Register::default(); REGISTERS];
    for event in events {
        let Some(register) = registers.get_mut(event.register as usize) else { continue };
        match event.kind {
            // section 10.4.5.3: the locality is the first value of register 0
            kind::NO_ACTION => {
                let locality = event.data.strip_prefix(STARTUP_LOCALITY).and_then(|rest| rest.first());
                register[31] = locality.copied().unwrap_or(register[31]);
            }
            _ => *register = Sha256::digest([*register, event.sha256].concat()).into(),
        }
    }
    registers
}

/// `TCG_PCR_EVENT` with `TCG_EfiSpecIdEvent`: the algorithms of the log's digests with their lengths.
fn header(rest: &mut Bytes<'_>) -> Option<Result<Vec<(u16, usize)>, EventLogError>> {
    // register, type and a SHA-1 digest that is nought
    rest.take(28)?;
    let length = rest.u32()?;
    let mut data = Bytes { all: rest.take(length as usize)?, at: 0 };
    let signature = data.take(16)?;
    if signature != b"Spec ID Event03\0" {
        let found = format!("{:?}", String::from_utf8_lossy(signature));
        return Some(Err(EventLogError::NoHeader { found }));
    }
    // class of platform, version, errata and size of a word
    data.take(8)?;
    let count = data.u32()?;
    let mut algorithms = Vec::new();
    for _ in 0..count {
        algorithms.push((data.u16()?, usize::from(data.u16()?)));
    }
    Some(Ok(algorithms))
}

/// `TCG_PCR_EVENT2`.
fn event(rest: &mut Bytes<'_>, algorithms: &[(u16, usize)]) -> Option<Result<Event, EventLogError>> {
    let offset = rest.at;
    let (register, kind) = (rest.u32()?, rest.u32()?);
    let mut sha256 = None;
    for _ in 0..rest.u32()? {
        let algorithm = rest.u16()?;
        let Some((_, length)) = algorithms.iter().find(|(known, _)| *known == algorithm) else {
            return Some(Err(EventLogError::UnknownAlgorithm { offset, algorithm }));
        };
        let digest = rest.take(*length)?;
        if algorithm == SHA256 {
            sha256 = digest.try_into().ok();
        }
    }
    let length = rest.u32()?;
    let data = rest.take(length as usize)?.to_vec();
    let Some(sha256) = sha256 else { return Some(Err(EventLogError::NoSha256 { offset })) };
    Some(Ok(Event { register, kind, sha256, data }))
}

/// Little-endian numbers, one after the other; `None` behind the end.
struct Bytes<'a> {
    all: &'a [u8],
    at: usize,
}

impl<'a> Bytes<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let taken = self.all.get(self.at..self.at.checked_add(count)?)?;
        self.at += count;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.first_chunk().copied()
    }

    fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }
}

#[cfg(test)]
mod tests;

//! edk2's variable store: a firmware volume header, a store header, and variables one behind the other.
//!
//! Layouts: `EFI_FIRMWARE_VOLUME_HEADER` in the PI specification, volume 3, section 3.2.1; `VARIABLE_STORE_HEADER`,
//! `AUTHENTICATED_VARIABLE_HEADER` and `VARIABLE_HEADER` in `MdeModulePkg/Include/Guid/VariableFormat.h`. All numbers
//! are little-endian.

use std::collections::HashMap;

use super::utf16::utf16;
use super::{Guid, NvramError, StoreFormat, Variable, VariableStore};

/// `gEfiSystemNvDataFvGuid`.
pub(super) const NV_DATA_VOLUME: [u8; 16] =
    [0x8d, 0x2b, 0xf1, 0xff, 0x96, 0x76, 0x8b, 0x4c, 0xa9, 0x85, 0x27, 0x47, 0x07, 0x5b, 0x4f, 0x50];
/// `gEfiAuthenticatedVariableGuid`.
pub(super) const AUTHENTICATED: [u8; 16] =
    [0x78, 0x2c, 0xf3, 0xaa, 0x7b, 0x94, 0x9a, 0x43, 0xa1, 0x80, 0x2e, 0x14, 0x4e, 0xc3, 0x77, 0x92];
/// `gEfiVariableGuid`.
const PLAIN: [u8; 16] =
    [0x16, 0x36, 0xcf, 0xdd, 0x75, 0x32, 0x64, 0x41, 0x98, 0xb6, 0xfe, 0x85, 0x70, 0x7f, 0xfe, 0x7d];

/// Size of `VARIABLE_STORE_HEADER`, bytes.
pub const STORE_HEADER: usize = 28;
/// First word of every variable header.
const VARIABLE_START: u16 = 0x55aa;
/// Variable state: written completely and live. States only ever lose bits.
const ADDED: u8 = 0x3f;
/// Variable state: live, but a newer copy is being written.
const IN_DELETED_TRANSITION: u8 = ADDED & 0xfe;
/// Most problems that are listed.
const MOST_PROBLEMS: usize = 20;

/// Decodes an OVMF_VARS file.
///
/// A store that ends early or holds garbage gives what could be read, with [`VariableStore::problems`].
///
/// # Errors
/// [`NvramError::NotAVolume`], [`NvramError::NoStore`] and [`NvramError::BadStore`] if there is no store to read.
pub fn decode(bytes: &[u8]) -> Result<VariableStore, NvramError> {
    let mut problems = Vec::new();
    let start = volume_header(bytes, &mut problems)?;
    let bad = |found: String| NvramError::BadStore { offset: start, found };
    let header = bytes.get(start..start + STORE_HEADER).ok_or_else(|| bad("the file ends before its header".into()))?;
    let format = match header[..16] {
        ref guid if guid == AUTHENTICATED => StoreFormat::Authenticated,
        ref guid if guid == PLAIN => StoreFormat::Plain,
        _ => {
            let mut guid = [0; 16];
            guid.copy_from_slice(&header[..16]);
            return Err(NvramError::NoStore { offset: start, signature: Guid(guid) });
        }
    };
    if (header[20], header[21]) != (0x5a, 0xfe) {
        let (formatted, healthy) = (header[20], header[21]);
        problems.push(format!("store is marked {formatted:#04x}/{healthy:#04x}, wanted 0x5a/0xfe"));
    }
    let mut size = u32_at(header, 16) as usize;
    if size < STORE_HEADER || size > bytes.len() - start {
        problems.push(format!("store says that it has {size} bytes, but the file has {}", bytes.len() - start));
        size = bytes.len() - start;
    }
    // the walk aligns by the offset in the volume, as the firmware does
    let (variables, end) = walk(&bytes[..start + size], start + STORE_HEADER, format, &mut problems);
    if problems.len() > MOST_PROBLEMS {
        let more = problems.len() - MOST_PROBLEMS;
        problems.truncate(MOST_PROBLEMS);
        problems.push(format!("and {more} more"));
    }
    Ok(VariableStore { format, offset: start, size, used: end - start, variables, problems })
}

/// Checks the firmware volume header and returns its length.
fn volume_header(bytes: &[u8], problems: &mut Vec<String>) -> Result<usize, NvramError> {
    let not = |found: String| NvramError::NotAVolume { found };
    let header = bytes.get(..56).ok_or_else(|| not(format!("{} bytes", bytes.len())))?;
    if &header[40..44] != b"_FVH" {
        return Err(not("no \"_FVH\" at offset 0x28".into()));
    }
    if header[16..32] != NV_DATA_VOLUME {
        return Err(not("a firmware volume of another kind (OVMF_CODE?)".into()));
    }
    let length = usize::from(u16_at(header, 48));
    let whole = bytes.get(..length).filter(|_| length >= 56 && length.is_multiple_of(2));
    let whole = whole.ok_or_else(|| not(format!("a volume header of {length} bytes")))?;
    let sum = whole.chunks_exact(2).fold(0u16, |sum, pair| sum.wrapping_add(u16_at(pair, 0)));
    if sum != 0 {
        problems.push(format!("checksum of the volume header is off by {sum:#06x}"));
    }
    Ok(length)
}

/// Reads variables from `start` to the end of `store`; returns the live ones and where the last one ends.
fn walk(store: &[u8], start: usize, format: StoreFormat, problems: &mut Vec<String>) -> (Vec<Variable>, usize) {
    // places of name size, data size and vendor in the header, and its length
    let (name_size_at, data_size_at, vendor_at, header_size) = match format {
        StoreFormat::Authenticated => (36, 40, 44, 60),
        StoreFormat::Plain => (8, 12, 16, 32),
    };
    let mut live: Vec<(u8, Variable)> = Vec::new();
    let mut places: HashMap<(Guid, String), usize> = HashMap::new();
    let mut at = start.next_multiple_of(4);
    let mut end = start;
    while let Some(header) = store.get(at..).filter(|rest| rest.len() >= 4) {
        if u16_at(header, 0) != VARIABLE_START {
            if header[..4] != [0xff; 4] {
                problems.push(format!("{:02x?} at offset {at:#x} is neither a variable nor free space", &header[..4]));
            }
            break;
        }
        if header.len() < header_size {
            problems.push(format!("variable at offset {at:#x} ends behind the store"));
            break;
        }
        let name_size = u32_at(header, name_size_at) as usize;
        let data_size = u32_at(header, data_size_at) as usize;
        let state = header[2];
        // an interrupted write leaves a header without valid sizes, or with all ones: nothing can follow it
        let sizes = name_size.checked_add(data_size).and_then(|size| size.checked_add(header_size));
        let Some(size) = sizes.filter(|&size| size <= header.len() && name_size != 0xffff_ffff) else {
            problems
                .push(format!("variable at offset {at:#x} has a name of {name_size} and data of {data_size} bytes"));
            break;
        };
        if matches!(state, ADDED | IN_DELETED_TRANSITION) {
            let mut vendor = [0; 16];
            vendor.copy_from_slice(&header[vendor_at..vendor_at + 16]);
            let variable = Variable {
                name: utf16(&header[header_size..header_size + name_size]),
                vendor: Guid(vendor),
                attributes: u32_at(header, 4),
                data: header[header_size + name_size..size].to_vec(),
                offset: at,
            };
            keep_best(&mut live, &mut places, state, variable, problems);
        }
        end = at + size;
        at = end.next_multiple_of(4);
    }
    (live.into_iter().map(|(_, variable)| variable).collect(), end)
}

/// Of several copies of one variable, the one that is not in transition counts.
fn keep_best(
    live: &mut Vec<(u8, Variable)>,
    places: &mut HashMap<(Guid, String), usize>,
    state: u8,
    variable: Variable,
    problems: &mut Vec<String>,
) {
    let key = (variable.vendor, variable.name.clone());
    match places.get(&key).map(|&place| &mut live[place]) {
        None => {
            places.insert(key, live.len());
            live.push((state, variable));
        }
        Some(kept) if kept.0 == IN_DELETED_TRANSITION && state == ADDED => *kept = (state, variable),
        Some(kept) if kept.0 == ADDED && state == ADDED => {
            problems.push(format!("variable {:?} is there twice", variable.name));
        }
        Some(_) => {}
    }
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

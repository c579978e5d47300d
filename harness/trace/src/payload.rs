//! The line that a payload prints (format: `bootwright_images`).

use serde::{Deserialize, Serialize};

use super::digits::{hex, percent_decoded, sum_of};
use super::drives::geometry;
use super::{Measured, Names};

/// How every payload line begins.
const MAGIC: &str = "BOOTWRIGHT/1 ";

/// What the line of a UEFI program has behind the medium's name.
const OF_UEFI: [&str; 11] = [
    "arch",
    "boot-current",
    "boot-order",
    "boot-next",
    "secure-boot",
    "device-path",
    "file-path",
    "bootorder",
    "bios-geometry",
    "tsc",
    "sum",
];

/// One payload line. Fields that this version does not know are ignored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payload {
    /// 32 hex digits.
    pub nonce: String,
    /// The medium's name as the payload knows it.
    pub medium: String,
    /// The medium of this run that carries this nonce and name; `None` for a stale or foreign image.
    pub medium_of_nonce: Option<String>,
    /// `bios`, `uefi`, `linux`, `ipl` or `openfirmware`.
    pub via: String,
    /// BIOS drive number.
    pub dl: Option<u8>,
    /// The code segment in which the firmware entered it (BIOS).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cs: Option<u16>,
    /// `bootpath` of `/chosen`: the device that it was loaded from (Open Firmware).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bootpath: Option<String>,
    /// int 13h AH=08h of that drive: cylinders, heads, sectors per track.
    pub geometry: Option<(u32, u32, u32)>,
    /// How many drives of that kind int 13h AH=08h tells (BIOS); `None` where it tells no geometry, or the program does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drives: Option<u8>,
    /// int 13h AH=48h of that drive: sectors, and the bytes of each (BIOS); zero of both where it tells none, `None` where the
    /// program does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edd: Option<(u64, u16)>,
    /// The specification packet of El Torito, 19 bytes, as int 13h AX=4B01h gave it (BIOS, a program on an emulated drive); `None` where it
    /// gave none, or the program does not ask.
    #[serde(default, with = "super::readable::hex", skip_serializing_if = "Option::is_none")]
    pub el_torito: Option<Vec<u8>>,
    /// BL of int 13h AH=08h, the type of a floppy drive (BIOS, a program on an emulated drive).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drive_type: Option<u8>,
    /// fw_cfg `bootorder`; `None` where the file does not exist, or is withheld.
    #[serde(with = "super::readable::text")]
    pub bootorder: Option<Vec<u8>>,
    /// fw_cfg `bios-geometry`; `None` where the file does not exist, or is withheld.
    #[serde(with = "super::readable::text")]
    pub bios_geometry: Option<Vec<u8>>,
    /// A kernel that is locked down keeps fw_cfg from the program: whether its files exist is not known.
    #[serde(default)]
    pub withheld: bool,
    /// UEFI BootCurrent.
    pub boot_current: Option<u16>,
    /// UEFI BootOrder.
    pub boot_order: Option<Vec<u16>>,
    /// UEFI BootNext.
    pub boot_next: Option<u16>,
    /// UEFI SecureBoot.
    pub secure_boot: Option<u8>,
    /// The subsystem identification that firmware left at 184 (initial program load).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subchannel: Option<u32>,
    /// The loaded image's device path, binary.
    #[serde(with = "super::readable::hex")]
    pub device_path: Option<Vec<u8>>,
    /// The loaded image's file path, binary.
    #[serde(with = "super::readable::hex")]
    pub file_path: Option<Vec<u8>>,
    /// What it was given as `LoadOptions` (UEFI), empty where that is nothing; `None` where it does not say.
    #[serde(default, with = "super::readable::hex", skip_serializing_if = "Option::is_none")]
    pub load_options: Option<Vec<u8>>,
    /// Time stamp counter when the line was printed; nanoseconds of guest time under the virtual clock.
    pub tsc: Option<u64>,
    /// What it read of its machine's TPM; `None` where firmware knows of none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured: Option<Measured>,
}

impl Payload {
    /// Reads a payload line out of a line of text; `None` if there is none or it is not whole.
    pub fn parse(line: &str) -> Option<Payload> {
        let fields = line.split_once(MAGIC)?.1.trim_end().strip_suffix(" end")?;
        let mut payload = Payload::default();
        let (mut seen, mut arch) = (Vec::new(), None);
        for field in fields.split(' ') {
            let (key, value) = field.split_once('=')?;
            seen.push(key);
            let withheld = value == "?" && payload.via == "linux" && ["bootorder", "bios-geometry"].contains(&key);
            payload.withheld |= withheld;
            let value = Some(value).filter(|&value| value != "-" && !withheld);
            match key {
                "nonce" => payload.nonce = value?.to_owned(),
                "medium" => payload.medium = value?.to_owned(),
                "via" => payload.via = value?.to_owned(),
                "arch" => arch = value,
                "dl" => payload.dl = read(value, byte)?,
                "cs" => payload.cs = read(value, number)?,
                "geometry" => payload.geometry = read(value, geometry)?,
                "drives" => payload.drives = read(value, byte)?,
                "edd" => payload.edd = Some(read(value, edd)?.unwrap_or_default()),
                "el-torito" => payload.el_torito = read(value, hex)?,
                "drive-type" => payload.drive_type = read(value, byte)?,
                "bootorder" => payload.bootorder = read(value, percent_decoded)?,
                "bios-geometry" => payload.bios_geometry = read(value, percent_decoded)?,
                "boot-current" => payload.boot_current = read(value, number)?,
                "boot-order" => payload.boot_order = read(value, |list| list.split(',').map(number).collect())?,
                "boot-next" => payload.boot_next = read(value, number)?,
                "secure-boot" => payload.secure_boot = read(value, |value| value.parse().ok())?,
                "bootpath" => payload.bootpath = value.map(str::to_owned),
                "subchannel" => payload.subchannel = read(value, word)?,
                "device-path" => payload.device_path = read(value, hex)?,
                "file-path" => payload.file_path = read(value, hex)?,
                "load-options" => payload.load_options = Some(read(value, hex)?.unwrap_or_default()),
                "tsc" => payload.tsc = read(value, |value| u64::from_str_radix(value, 16).ok())?,
                "sum" if value != sum(line).as_deref() => return None,
                _ => {}
            }
        }
        let has_all = match payload.via.as_str() {
            "bios" => ["dl", "bootorder", "bios-geometry", "tsc", "sum"].iter().all(|key| seen.contains(key)),
            "uefi" => OF_UEFI.iter().all(|key| seen.contains(key)),
            // that board has no fw_cfg
            "linux" if arch == Some("ppc64") => ["tsc", "sum"].iter().all(|key| seen.contains(key)),
            "linux" => ["bootorder", "bios-geometry", "tsc", "sum"].iter().all(|key| seen.contains(key)),
            "openfirmware" => ["arch", "bootpath", "sum"].iter().all(|key| seen.contains(key)),
            "ipl" => ["arch", "subchannel", "sum"].iter().all(|key| seen.contains(key)),
            other => {
                other.bytes().all(|byte| byte.is_ascii_alphanumeric())
                    && !["bios", "uefi", "linux", "ipl", "openfirmware"]
                        .iter()
                        .any(|known| super::damage::is_left_of(other, known))
            }
        };
        let whole = payload.nonce.len() == 32 && !payload.medium.is_empty() && has_all;
        whole.then_some(payload)
    }

    /// Whether a line that is no payload line was one: it has a beginning or an end of one, or some of its fields.
    pub(crate) fn is_part(line: &str) -> bool {
        let fields =
            [" medium=", " via=", " subchannel=", " bootpath=", " bootorder=", " bios-geometry=", " tsc=", " sum="];
        let has_some = fields.iter().filter(|field| line.contains(**field)).count() > 1;
        let has_end = line.trim_end().ends_with(" end") && fields.iter().any(|field| line.contains(field));
        line.contains("BOOTWRIGHT/1") || has_some || has_end
    }

    /// Whether its nonce is of this run, and its name is what is left of that medium's.
    pub fn is_damaged(&self, names: &Names) -> bool {
        let known = names.nonces.get(&self.nonce);
        known.is_some_and(|medium| *medium != self.medium && super::damage::is_left_of(&self.medium, medium))
    }

    /// Names the medium of this run that the payload belongs to.
    pub(crate) fn identify(mut self, names: &Names) -> Payload {
        self.medium_of_nonce = names.nonces.get(&self.nonce).filter(|medium| **medium == self.medium).cloned();
        self
    }
}

/// The sum of a line's bytes from its beginning to the last field but `end`, as it is printed.
pub(super) fn sum(line: &str) -> Option<String> {
    sum_of(line, MAGIC)
}

/// The same line with its sum, for tests.
#[cfg(test)]
pub(super) fn summed(line: &str) -> String {
    let (fields, end) = line.rsplit_once(" end").unwrap();
    let sum = sum(&format!("{fields} sum=")).unwrap();
    format!("{fields} sum={sum} end{end}")
}

/// What a field holds, if it has a value; `None` where the value is not whole.
fn read<T>(value: Option<&str>, reads: impl Fn(&str) -> Option<T>) -> Option<Option<T>> {
    match value {
        Some(value) => reads(value).map(Some),
        None => Some(None),
    }
}

/// Four digits.
fn number(text: &str) -> Option<u16> {
    u16::from_str_radix(text, 16).ok().filter(|_| text.len() == 4)
}

/// Eight digits.
fn word(text: &str) -> Option<u32> {
    u32::from_str_radix(text, 16).ok().filter(|_| text.len() == 8)
}

/// Two digits.
fn byte(text: &str) -> Option<u8> {
    u8::from_str_radix(text, 16).ok().filter(|_| text.len() == 2)
}

/// Sixteen digits, a slash and a decimal number.
fn edd(text: &str) -> Option<(u64, u16)> {
    let (sectors, bytes) = text.split_once('/')?;
    let sectors = u64::from_str_radix(sectors, 16).ok().filter(|_| sectors.len() == 16)?;
    Some((sectors, bytes.parse().ok()?))
}

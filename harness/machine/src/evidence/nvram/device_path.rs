//! Device paths as edk2 prints them.
//!
//! The form is that of `ConvertDevicePathToText` with `DisplayOnly` and `AllowShortcuts` false
//! (`MdePkg/Library/UefiDevicePathLib/DevicePathToText.c`), which is what OVMF writes behind `from` on its console; node
//! layouts are those of the UEFI specification, section 10.3. A node that is unknown, or shorter than its kind asks
//! for, is shown by its bytes, in edk2's way for unknown nodes.

use std::fmt::Write;

use super::error::NvramError;
use super::guid::Guid;
use super::utf16::utf16;
use crate::digest::hex;

/// Text of the first device path in `bytes`; instances of a multi-instance path are joined by commas.
///
/// ```
/// use bootwright_machine::evidence::nvram::device_path_text;
///
/// let path = [2, 1, 12, 0, 0xd0, 0x41, 0x03, 0x0a, 0, 0, 0, 0, 1, 1, 6, 0, 2, 0x1f, 0x7f, 0xff, 4, 0];
/// assert_eq!(device_path_text(&path).as_deref(), Ok("PciRoot(0x0)/Pci(0x1F,0x2)"));
/// ```
///
/// # Errors
/// [`NvramError::BadDevicePath`] if a node is cut off or shorter than its header, or the end node is missing.
pub fn device_path_text(bytes: &[u8]) -> Result<String, NvramError> {
    let mut text = String::new();
    let mut offset = 0;
    loop {
        let bad = |found| NvramError::BadDevicePath { offset, length: bytes.len(), found };
        let rest = &bytes[offset..];
        let &[kind, subtype, low, high, ..] = rest else { return Err(bad("no end node")) };
        let length = usize::from(u16::from_le_bytes([low, high]));
        if length < 4 {
            return Err(bad("node shorter than its header"));
        }
        let node = rest.get(..length).ok_or(bad("node longer than the path"))?;
        match (kind, subtype) {
            (0x7f, 0xff) => return Ok(text),
            (0x7f, 0x01) => text.push(','),
            _ => {
                if !text.is_empty() && !text.ends_with(',') {
                    text.push('/');
                }
                text += &node_text(Node(node)).unwrap_or_else(|| unknown(Node(node)));
            }
        }
        offset += length;
    }
}

/// One node with its header; offsets count from the start of the header. Every accessor says `None` behind the end.
#[derive(Clone, Copy)]
struct Node<'a>(&'a [u8]);

impl<'a> Node<'a> {
    fn array<const N: usize>(self, at: usize) -> Option<[u8; N]> {
        self.0.get(at..)?.first_chunk().copied()
    }

    fn u8(self, at: usize) -> Option<u8> {
        self.0.get(at).copied()
    }

    fn u16(self, at: usize) -> Option<u16> {
        self.array(at).map(u16::from_le_bytes)
    }

    fn u32(self, at: usize) -> Option<u32> {
        self.array(at).map(u32::from_le_bytes)
    }

    fn u64(self, at: usize) -> Option<u64> {
        self.array(at).map(u64::from_le_bytes)
    }

    fn guid(self, at: usize) -> Option<Guid> {
        self.array(at).map(Guid)
    }

    fn rest(self, at: usize) -> Option<&'a [u8]> {
        self.0.get(at..)
    }

    /// Bytes to the first NUL or the end, as text.
    fn ascii(self, at: usize) -> Option<String> {
        let bytes = self.rest(at)?.split(|&byte| byte == 0).next()?;
        Some(bytes.iter().map(|&byte| char::from(byte)).collect())
    }
}

fn node_text(node: Node) -> Option<String> {
    match node.u8(0)? {
        1 => hardware(node),
        2 => acpi(node),
        3 => messaging(node),
        4 => media(node),
        5 if node.u8(1)? == 1 => bbs(node),
        _ => None,
    }
}

fn unknown(node: Node) -> String {
    let [kind, subtype] = [node.0[0], node.0[1]];
    let mut text = match kind {
        1 => format!("HardwarePath({subtype}"),
        2 => format!("AcpiPath({subtype}"),
        3 => format!("Msg({subtype}"),
        4 => format!("MediaPath({subtype}"),
        5 => format!("BbsPath({subtype}"),
        _ => format!("Path({kind},{subtype}"),
    };
    if node.0.len() > 4 {
        text += &format!(",{}", hex_upper(&node.0[4..]));
    }
    text + ")"
}

fn hardware(node: Node) -> Option<String> {
    Some(match node.u8(1)? {
        1 => format!("Pci(0x{:X},0x{:X})", node.u8(5)?, node.u8(4)?),
        2 => format!("PcCard(0x{:X})", node.u8(4)?),
        3 => format!("MemoryMapped(0x{:X},0x{:X},0x{:X})", node.u32(4)?, node.u64(8)?, node.u64(16)?),
        4 => vendor("VenHw", node)?,
        5 => format!("Ctrl(0x{:X})", node.u32(4)?),
        6 => format!("BMC(0x{:X},0x{:X})", node.u8(4)?, node.u64(5)?),
        _ => return None,
    })
}

fn acpi(node: Node) -> Option<String> {
    Some(match node.u8(1)? {
        1 => {
            let (hid, uid) = (node.u32(4)?, node.u32(8)?);
            let pnp = (hid & 0xffff == 0x41d0).then_some(hid >> 16);
            match pnp {
                Some(0x0a03) => format!("PciRoot(0x{uid:X})"),
                Some(0x0a08) => format!("PcieRoot(0x{uid:X})"),
                Some(0x0604) => format!("Floppy(0x{uid:X})"),
                Some(0x0301) => format!("Keyboard(0x{uid:X})"),
                Some(0x0501) => format!("Serial(0x{uid:X})"),
                Some(0x0401) => format!("ParallelPort(0x{uid:X})"),
                Some(other) => format!("Acpi(PNP{other:04X},0x{uid:X})"),
                None => format!("Acpi(0x{hid:08X},0x{uid:X})"),
            }
        }
        3 => {
            let (first, _) = node.rest(4)?.split_at_checked(4)?;
            let mut text = format!("AcpiAdr(0x{:X}", Node(first).u32(0)?);
            for more in node.rest(8)?.chunks_exact(4) {
                write!(text, ",0x{:X}", Node(more).u32(0)?).ok();
            }
            text + ")"
        }
        _ => return None,
    })
}

fn messaging(node: Node) -> Option<String> {
    Some(match node.u8(1)? {
        1 => {
            let channel = if node.u8(4)? == 1 { "Secondary" } else { "Primary" };
            let drive = if node.u8(5)? == 1 { "Slave" } else { "Master" };
            format!("Ata({channel},{drive},0x{:X})", node.u16(6)?)
        }
        2 => format!("Scsi(0x{:X},0x{:X})", node.u16(4)?, node.u16(6)?),
        3 => format!("Fibre(0x{:X},0x{:X})", node.u64(8)?, node.u64(16)?),
        5 => format!("USB(0x{:X},0x{:X})", node.u8(4)?, node.u8(5)?),
        10 => messaging_vendor(node)?,
        11 => {
            let kind = node.u8(36)?;
            let length = if kind <= 1 { 6 } else { 32 };
            format!("MAC({},0x{kind:X})", hex_upper(&node.rest(4)?[..length]))
        }
        12 => ipv4(node)?,
        13 => ipv6(node)?,
        14 => uart(node)?,
        15 => usb_class(node)?,
        16 => {
            let serial: String = utf16(node.rest(10)?);
            format!("UsbWwid(0x{:X},0x{:X},0x{:X},\"{serial}\")", node.u16(6)?, node.u16(8)?, node.u16(4)?)
        }
        17 => format!("Unit(0x{:X})", node.u8(4)?),
        18 => format!("Sata(0x{:X},0x{:X},0x{:X})", node.u16(4)?, node.u16(6)?, node.u16(8)?),
        19 => iscsi(node)?,
        20 => format!("Vlan({})", node.u16(4)?),
        23 => {
            let mut eui: [u8; 8] = node.array(8)?;
            eui.reverse();
            let eui: Vec<String> = eui.iter().map(|byte| format!("{byte:02X}")).collect();
            format!("NVMe(0x{:X},{})", node.u32(4)?, eui.join("-"))
        }
        24 => format!("Uri({})", node.ascii(4)?),
        25 => format!("UFS(0x{:X},0x{:X})", node.u8(4)?, node.u8(5)?),
        26 => format!("SD(0x{:X})", node.u8(4)?),
        27 => format!("Bluetooth({})", hex_upper(&node.array::<6>(4)?)),
        28 => format!("Wi-Fi({})", node.ascii(4)?),
        29 => format!("eMMC(0x{:X})", node.u8(4)?),
        31 => {
            let is_ipv6 = node.u8(4)? == 1;
            let address = |chunk: &[u8]| if is_ipv6 { ipv6_text(chunk) } else { dotted(&chunk[..4]) };
            let addresses: Vec<String> = node.rest(5)?.chunks_exact(16).map(address).collect();
            format!("Dns({})", addresses.join(","))
        }
        _ => return None,
    })
}

fn media(node: Node) -> Option<String> {
    Some(match node.u8(1)? {
        1 => {
            let (number, start, size) = (node.u32(4)?, node.u64(8)?, node.u64(16)?);
            match node.u8(41)? {
                1 => format!("HD({number},MBR,0x{:08X},0x{start:X},0x{size:X})", node.u32(24)?),
                2 => format!("HD({number},GPT,{},0x{start:X},0x{size:X})", node.guid(24)?),
                other => format!("HD({number},{other},0,0x{start:X},0x{size:X})"),
            }
        }
        2 => format!("CDROM(0x{:X},0x{:X},0x{:X})", node.u32(4)?, node.u64(8)?, node.u64(16)?),
        3 => vendor("VenMedia", node)?,
        4 => utf16(node.rest(4)?),
        5 => format!("Media({})", node.guid(4)?),
        6 => format!("FvFile({})", node.guid(4)?),
        7 => format!("Fv({})", node.guid(4)?),
        8 => format!("Offset(0x{:X},0x{:X})", node.u64(8)?, node.u64(16)?),
        9 => {
            let (start, end, instance) = (node.u64(4)?, node.u64(12)?, node.u16(36)?);
            match node.guid(20)?.to_string().as_str() {
                "77AB535A-45FC-624B-5560-F7B281D1F96E" => format!("VirtualDisk(0x{start:X},0x{end:X},{instance})"),
                "3D5ABD30-4175-87CE-6D64-D2ADE523C4BB" => format!("VirtualCD(0x{start:X},0x{end:X},{instance})"),
                other => format!("RamDisk(0x{start:X},0x{end:X},{instance},{other})"),
            }
        }
        _ => return None,
    })
}

fn bbs(node: Node) -> Option<String> {
    let kind = node.u16(4)?;
    let kind = match kind {
        1 => "Floppy".into(),
        2 => "Harddrive".into(),
        3 => "CDROM".into(),
        4 => "PCMCIA".into(),
        5 => "Usb".into(),
        6 => "Network".into(),
        other => format!("0x{other:X}"),
    };
    Some(format!("BBS({kind},{},0x{:X})", node.ascii(8)?, node.u16(6)?))
}

fn vendor(word: &str, node: Node) -> Option<String> {
    let data = node.rest(20)?;
    let separator = if data.is_empty() { "" } else { "," };
    Some(format!("{word}({}{separator}{})", node.guid(4)?, hex_upper(data)))
}

fn messaging_vendor(node: Node) -> Option<String> {
    Some(match node.guid(4)?.to_string().as_str() {
        "E0C14753-F9BE-11D2-9A0C-0090273FC14D" => "VenPcAnsi()".into(),
        "DFA66065-B419-11D3-9A2D-0090273FC14D" => "VenVt100()".into(),
        "7BAEC70B-57E0-4C76-8E87-2F9E28088343" => "VenVt100Plus()".into(),
        "AD15A0D6-8BEC-4ACF-A073-D01DE77E2D88" => "VenUtf8()".into(),
        "EBA4E8D2-3858-41EC-A281-2647BA9660D0" => "DebugPort()".into(),
        "37499A9D-542F-4C89-A026-35DA142094E4" => {
            let control = ["None", "Hardware", "XonXoff"].get(node.u32(20)? as usize)?;
            format!("UartFlowCtrl({control})")
        }
        _ => vendor("VenMsg", node)?,
    })
}

fn ipv4(node: Node) -> Option<String> {
    let origin = if node.u8(18)? != 0 { "Static" } else { "DHCP" };
    let remote = dotted(&node.array::<4>(8)?);
    let local = dotted(&node.array::<4>(4)?);
    let mut text = format!("IPv4({remote},{},{origin},{local}", protocol(node.u16(16)?));
    if node.0.len() == 27 {
        write!(text, ",{},{}", dotted(&node.array::<4>(19)?), dotted(&node.array::<4>(23)?)).ok();
    }
    Some(text + ")")
}

fn ipv6(node: Node) -> Option<String> {
    let origin = match node.u8(42)? {
        0 => "Static",
        1 => "StatelessAutoConfigure",
        _ => "StatefulAutoConfigure",
    };
    let remote = ipv6_text(&node.array::<16>(20)?);
    let local = ipv6_text(&node.array::<16>(4)?);
    let mut text = format!("IPv6({remote},{},{origin},{local}", protocol(node.u16(40)?));
    if node.0.len() == 60 {
        write!(text, ",0x{:X},{}", node.u8(43)?, ipv6_text(&node.array::<16>(44)?)).ok();
    }
    Some(text + ")")
}

fn protocol(number: u16) -> String {
    match number {
        6 => "TCP".into(),
        17 => "UDP".into(),
        other => format!("0x{other:X}"),
    }
}

fn uart(node: Node) -> Option<String> {
    let or_default = |value: u64| if value == 0 { "DEFAULT".into() } else { value.to_string() };
    let parity = ["D", "N", "E", "O", "M", "S"].get(usize::from(node.u8(17)?)).unwrap_or(&"x");
    let stop = ["D", "1", "1.5", "2"].get(usize::from(node.u8(18)?)).unwrap_or(&"x");
    Some(format!("Uart({},{},{parity},{stop})", or_default(node.u64(8)?), or_default(node.u8(16)?.into())))
}

fn usb_class(node: Node) -> Option<String> {
    let (vendor, product) = (node.u16(4)?, node.u16(6)?);
    let (class, subclass, protocol) = (node.u8(8)?, node.u8(9)?, node.u8(10)?);
    let name = match (class, subclass) {
        (1, _) => "UsbAudio",
        (2, _) => "UsbCDCControl",
        (3, _) => "UsbHID",
        (6, _) => "UsbImage",
        (7, _) => "UsbPrinter",
        (8, _) => "UsbMassStorage",
        (9, _) => "UsbHub",
        (10, _) => "UsbCDCData",
        (11, _) => "UsbSmartCard",
        (14, _) => "UsbVideo",
        (220, _) => "UsbDiagnostic",
        (224, _) => "UsbWireless",
        (254, 1) => return Some(format!("UsbDeviceFirmwareUpdate(0x{vendor:X},0x{product:X},0x{protocol:X})")),
        (254, 2) => return Some(format!("UsbIrdaBridge(0x{vendor:X},0x{product:X},0x{protocol:X})")),
        (254, 3) => return Some(format!("UsbTestAndMeasurement(0x{vendor:X},0x{product:X},0x{protocol:X})")),
        _ => {
            let numbers = format!("0x{vendor:X},0x{product:X},0x{class:X},0x{subclass:X},0x{protocol:X}");
            return Some(format!("UsbClass({numbers})"));
        }
    };
    Some(format!("{name}(0x{vendor:X},0x{product:X},0x{subclass:X},0x{protocol:X})"))
}

fn iscsi(node: Node) -> Option<String> {
    let options = node.u16(6)?;
    let digest = |bit: u16| if options & (1 << bit) != 0 { "CRC32C" } else { "None" };
    let authentication = match (options & (1 << 11) != 0, options & (1 << 12) != 0) {
        (true, _) => "None",
        (false, true) => "CHAP_UNI",
        (false, false) => "CHAP_BI",
    };
    let transport = if node.u16(4)? == 0 { "TCP" } else { "reserved" };
    let (name, group, lun) = (node.ascii(18)?, node.u16(16)?, hex_upper(&node.array::<8>(8)?));
    Some(format!("iSCSI({name},0x{group:X},0x{lun},{},{},{authentication},{transport})", digest(1), digest(3)))
}

fn dotted(bytes: &[u8]) -> String {
    let parts: Vec<String> = bytes.iter().map(u8::to_string).collect();
    parts.join(".")
}

fn ipv6_text(bytes: &[u8]) -> String {
    let groups: Vec<String> = bytes.chunks_exact(2).map(hex_upper).collect();
    groups.join(":")
}

fn hex_upper(bytes: &[u8]) -> String {
    hex(bytes).to_uppercase()
}

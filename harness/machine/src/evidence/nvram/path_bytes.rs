//! Device paths in their binary form, out of the text that [`device_path_text`](super::device_path_text) makes of them: the nodes
//! that name a drive, a partition, a file and a NIC's boot over IPv4 or IPv6 (UEFI specification, section 10.3).

use super::error::NvramError;

/// `PNP0A03` as an EISA id, what `PciRoot` is.
const PCI_ROOT: u32 = 0x0a03_41d0;
/// The end of a device path.
const END: [u8; 4] = [0x7f, 0xff, 4, 0];

/// The device path that reads so, with its end node.
///
/// ```
/// use bootwright_machine::evidence::nvram::{device_path_bytes, device_path_text};
///
/// let text = r"PciRoot(0x0)/Pci(0x1F,0x2)/Sata(0x0,0xFFFF,0x0)/HD(1,MBR,0x01020304,0x800,0x36C1)/\EFI\a.efi";
/// assert_eq!(device_path_text(&device_path_bytes(text)?).as_deref(), Ok(text));
/// # Ok::<(), bootwright_machine::evidence::nvram::NvramError>(())
/// ```
///
/// # Errors
/// [`NvramError::UnknownNode`] for the first node that is none of these or has other values in its parentheses.
pub fn device_path_bytes(text: &str) -> Result<Vec<u8>, NvramError> {
    let mut bytes = Vec::new();
    for node in text.split('/').filter(|node| !node.is_empty()) {
        bytes.extend(encoded(node).ok_or_else(|| NvramError::UnknownNode { node: node.to_owned() })?);
    }
    bytes.extend(END);
    Ok(bytes)
}

fn encoded(text: &str) -> Option<Vec<u8>> {
    if text.starts_with('\\') {
        return Some(node(4, 4, &[&wide(text)]));
    }
    let (word, values) = text.strip_suffix(')')?.split_once('(')?;
    let values: Vec<&str> = values.split(',').collect();
    Some(match (word, values.as_slice()) {
        ("PciRoot", [uid]) => node(2, 1, &[&PCI_ROOT.to_le_bytes(), &number::<u32>(uid)?.to_le_bytes()]),
        ("Pci", [device, function]) => node(1, 1, &[&[number(function)?, number(device)?]]),
        ("Ata", [channel, unit, lun]) => {
            let channel = one_of(channel, ["Primary", "Secondary"])?;
            node(3, 1, &[&[channel, one_of(unit, ["Master", "Slave"])?], &number::<u16>(lun)?.to_le_bytes()])
        }
        ("Scsi", [target, lun]) => {
            node(3, 2, &[&number::<u16>(target)?.to_le_bytes(), &number::<u16>(lun)?.to_le_bytes()])
        }
        ("USB", [port, interface]) => node(3, 5, &[&[number(port)?, number(interface)?]]),
        ("Sata", [port, multiplier, lun]) => {
            let words = [number::<u16>(port)?, number(multiplier)?, number(lun)?].map(u16::to_le_bytes);
            node(3, 18, &[words.as_flattened()])
        }
        ("NVMe", [namespace, eui]) => {
            let mut eui = eui.split('-').map(|byte| u8::from_str_radix(byte, 16).ok()).collect::<Option<Vec<u8>>>()?;
            eui.reverse();
            let eui: [u8; 8] = eui.try_into().ok()?;
            node(3, 23, &[&number::<u32>(namespace)?.to_le_bytes(), &eui])
        }
        ("MAC", [address, kind]) => {
            let mut field = [0; 32];
            let address = u64::from_str_radix(address, 16).ok().filter(|_| address.len() == 12)?;
            field[..6].copy_from_slice(&address.to_be_bytes()[2..]);
            node(3, 11, &[&field, &[number(kind)?]])
        }
        ("IPv4", [remote, protocol, "DHCP", local, gateway, mask]) => {
            let [local, remote, gateway, mask] = dotted([local, remote, gateway, mask])?;
            // both ports are 0
            node(3, 12, &[&local, &remote, &[0; 4], &number::<u16>(protocol)?.to_le_bytes(), &[0], &gateway, &mask])
        }
        ("IPv6", [remote, protocol, "Static", local, prefix, gateway]) => {
            let [local, remote, gateway] = grouped([local, remote, gateway])?;
            // both ports are 0, and so is the origin of the address
            let lengths = [&number::<u16>(protocol)?.to_le_bytes()[..], &[0, number(prefix)?]].concat();
            node(3, 13, &[&local, &remote, &[0; 4], &lengths, &gateway])
        }
        // one that has something in it may have a slash
        ("Uri", [""]) => node(3, 24, &[]),
        ("HD", [index, format, signature, start, count]) => hard_drive([index, format, signature, start, count])?,
        _ => return None,
    })
}

fn dotted(addresses: [&str; 4]) -> Option<[[u8; 4]; 4]> {
    let mut all = [[0; 4]; 4];
    for (place, address) in all.iter_mut().zip(addresses) {
        *place = address.parse::<std::net::Ipv4Addr>().ok()?.octets();
    }
    Some(all)
}

/// Addresses of IPv6 in eight groups of digits.
fn grouped(addresses: [&str; 3]) -> Option<[[u8; 16]; 3]> {
    let mut all = [[0; 16]; 3];
    for (place, address) in all.iter_mut().zip(addresses) {
        *place = address.parse::<std::net::Ipv6Addr>().ok()?.octets();
    }
    Some(all)
}

fn hard_drive([index, format, signature, start, count]: [&str; 5]) -> Option<Vec<u8>> {
    let mut field = [0; 16];
    let kind = match format {
        "MBR" => {
            field[..4].copy_from_slice(&number::<u32>(signature)?.to_le_bytes());
            1
        }
        "GPT" => {
            field = guid(signature)?;
            2
        }
        _ => return None,
    };
    let [start, count] = [number::<u64>(start)?, number(count)?].map(u64::to_le_bytes);
    Some(node(4, 1, &[&index.parse::<u32>().ok()?.to_le_bytes(), &start, &count, &field, &[kind, kind]]))
}

/// A GUID as it lies in memory: its first three fields are little-endian.
fn guid(text: &str) -> Option<[u8; 16]> {
    let digits: String = text.split('-').collect();
    let whole = text.len() == 36 && digits.len() == 32 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    let bytes = u128::from_str_radix(&digits, 16).ok().filter(|_| whole)?.to_be_bytes();
    Some([3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15].map(|place| bytes[place]))
}

/// A node with its header. Nodes here are short but for a file, which is as long as its path.
fn node(kind: u8, subtype: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length = 4 + parts.iter().map(|part| part.len()).sum::<usize>();
    let mut bytes = vec![kind, subtype];
    bytes.extend(u16::try_from(length).unwrap_or(u16::MAX).to_le_bytes());
    parts.iter().for_each(|part| bytes.extend(*part));
    bytes
}

/// UTF-16 little-endian with a NUL behind it.
pub(super) fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect()
}

/// `0x` and hexadecimal digits.
fn number<T: TryFrom<u64>>(text: &str) -> Option<T> {
    u64::from_str_radix(text.strip_prefix("0x")?, 16).ok()?.try_into().ok()
}

fn one_of(text: &str, words: [&str; 2]) -> Option<u8> {
    words.iter().position(|word| *word == text)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::super::device_path_text;
    use super::*;

    #[test]
    fn every_drive_of_the_measured_table_reads_back_as_it_was() {
        let table = include_str!("../../machine/golden/firmware-paths.tsv");
        let paths: Vec<&str> = table.lines().skip(1).filter_map(|line| line.split('\t').nth(5)).collect();
        let drives: Vec<&&str> =
            paths.iter().filter(|path| path.starts_with("PciRoot") && !path.contains("MAC(")).collect();
        assert!(drives.len() > 100, "{}", drives.len());
        for path in drives {
            let back = device_path_text(&device_path_bytes(path).unwrap()).unwrap();
            assert!(back.eq_ignore_ascii_case(path), "{path}: {back}");
        }
    }

    #[test]
    fn a_partition_and_a_file_have_the_layout_of_the_specification() {
        let bytes = device_path_bytes(r"HD(1,GPT,01020304-0506-0708-090A-0B0C0D0E0F10,0x800,0x1000)/\a").unwrap();
        assert_eq!(bytes[..8], [4, 1, 42, 0, 1, 0, 0, 0]);
        assert_eq!(bytes[24..42], [4, 3, 2, 1, 6, 5, 8, 7, 9, 10, 11, 12, 13, 14, 15, 16, 2, 2]);
        assert_eq!(bytes[42..], [4, 4, 10, 0, b'\\', 0, b'a', 0, 0, 0, 0x7f, 0xff, 4, 0]);
    }

    #[test]
    fn a_boot_over_ipv4_reads_back_as_it_was_and_has_the_layout_of_the_specification() {
        let pxe = "PciRoot(0x0)/Pci(0x4,0x0)/MAC(525400123410,0x1)/IPv4(10.0.0.1,0x0,DHCP,10.0.0.2,10.0.0.3,255.0.0.0)";
        for path in [pxe.to_owned(), format!("{pxe}/Uri()")] {
            assert_eq!(device_path_text(&device_path_bytes(&path).unwrap()), Ok(path));
        }
        let bytes = device_path_bytes("MAC(525400123410,0x1)/IPv4(1.2.3.4,0x0,DHCP,5.6.7.8,0.0.0.0,0.0.0.0)").unwrap();
        assert_eq!(bytes[..10], [3, 11, 37, 0, 0x52, 0x54, 0, 0x12, 0x34, 0x10]);
        assert_eq!(bytes[36..49], [1, 3, 12, 27, 0, 5, 6, 7, 8, 1, 2, 3, 4]);
    }

    #[test]
    fn a_boot_over_ipv6_reads_back_as_it_was_and_has_the_layout_of_the_specification() {
        let none = "0000:0000:0000:0000:0000:0000:0000:0000";
        let pxe = format!("PciRoot(0x0)/Pci(0x4,0x0)/MAC(525400123410,0x1)/IPv6({none},0x0,Static,{none},0x40,{none})");
        for path in [pxe.clone(), format!("{pxe}/Uri()")] {
            assert_eq!(device_path_text(&device_path_bytes(&path).unwrap()), Ok(path));
        }
        let bytes = device_path_bytes("IPv6(FD77::1,0x6,Static,FD77::2,0x40,FD77::3)").unwrap();
        assert_eq!(bytes[..6], [3, 13, 60, 0, 0xfd, 0x77]);
        assert_eq!([bytes[19], bytes[35], bytes[59]], [2, 1, 3], "local, remote, gateway");
        assert_eq!(bytes[36..44], [0, 0, 0, 0, 6, 0, 0, 0x40]);
    }

    #[test]
    fn a_node_that_cannot_be_written_is_named() {
        for (path, node) in [
            ("PciRoot(0x0)/Floppy(0x0)", "Floppy(0x0)"),
            ("PciRoot(0x0)/Pci(0x1)", "Pci(0x1)"),
            ("Pci(0x100,0x0)", "Pci(0x100,0x0)"),
            ("NVMe(0x1,00-00)", "NVMe(0x1,00-00)"),
            ("HD(1,GPT,0x01020304,0x800,0x36C1)", "HD(1,GPT,0x01020304,0x800,0x36C1)"),
            ("Pci", "Pci"),
            ("MAC(52540012341,0x1)", "MAC(52540012341,0x1)"),
            ("IPv4(0.0.0.0,0x0,Static,0.0.0.0,0.0.0.0,0.0.0.0)", "IPv4(0.0.0.0,0x0,Static,0.0.0.0,0.0.0.0,0.0.0.0)"),
            ("IPv6(::,0x0,StatefulAutoConfigure,::,0x40,::)", "IPv6(::,0x0,StatefulAutoConfigure,::,0x40,::)"),
            ("IPv6(0.0.0.0,0x0,Static,::,0x40,::)", "IPv6(0.0.0.0,0x0,Static,::,0x40,::)"),
            ("Uri(x)", "Uri(x)"),
        ] {
            assert_eq!(device_path_bytes(path), Err(NvramError::UnknownNode { node: node.to_owned() }), "{path}");
        }
    }
}

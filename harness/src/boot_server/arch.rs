//! Client system architectures: DHCP option 93 and its values (IANA, "Processor Architecture Types", RFC 5970 section 3.3).

use std::net::Ipv4Addr;

use crate::lan::wire::MacAddr;
use crate::lan::wire::dhcpv4::{Repr, option};

/// HTTP clients among them, which take a reply only with option 60 `HTTPClient` in it (UEFI specification, 24.7.3).
const BY_HTTP: [u16; 13] = [15, 16, 17, 18, 19, 20, 23, 24, 26, 28, 30, 38, 40];

/// Whose program a boot file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Processor {
    /// x86, 32 or 64 bits.
    X86,
    /// 64-bit Arm.
    Aarch64,
    /// RISC-V with 64 bits.
    Riscv64,
    /// 64-bit LoongArch.
    Loongarch64,
    /// z/Architecture.
    S390x,
    /// 64-bit PowerPC with Open Firmware.
    Ppc64,
    /// Another one.
    Other,
}

impl Processor {
    /// The processor of a client of this architecture.
    pub fn of(arch: u16) -> Processor {
        match arch {
            0 | 6 | 7 | 9 | 15 | 16 | 17 | 20 => Processor::X86,
            11 | 19 | 22 | 24 => Processor::Aarch64,
            12 => Processor::Ppc64,
            27 | 28 => Processor::Riscv64,
            31 | 32 => Processor::S390x,
            39 | 40 => Processor::Loongarch64,
            _ => Processor::Other,
        }
    }

    /// The processor that a file's name speaks of; `None` where it speaks of none.
    pub fn named(file: &str) -> Option<Processor> {
        let name = file.to_ascii_lowercase();
        let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
        if has(&["aa64", "aarch64", "arm64"]) {
            Some(Processor::Aarch64)
        } else if has(&["arm", "riscv32", "riscv128", "loongarch32"]) {
            Some(Processor::Other)
        } else {
            let words: [(&[&str], Processor); 5] = [
                (&["riscv"], Processor::Riscv64),
                (&["loongarch"], Processor::Loongarch64),
                (&["s390"], Processor::S390x),
                (&["ppc64", "powerpc"], Processor::Ppc64),
                (&["x64", "x86_64", "x86-64", "amd64", "ia32", "i386"], Processor::X86),
            ];
            words.into_iter().find(|(words, _)| has(words)).map(|(_, processor)| processor)
        }
    }
}

/// What an architecture is, in words; `None` where nobody had registered it by 2026.
pub fn words(arch: u16) -> Option<&'static str> {
    Some(match arch {
        0 => "BIOS by PXE",
        1 => "NEC PC-98, deprecated",
        2 => "Itanium",
        3 => "DEC Alpha, deprecated",
        4 => "Arc x86, deprecated",
        5 => "Intel Lean Client, deprecated",
        6 => "UEFI IA32 by PXE",
        7 => "UEFI x64 by PXE",
        8 => "EFI Xscale, deprecated",
        9 => "UEFI byte code by PXE",
        10 => "UEFI ARM by PXE",
        11 => "UEFI AArch64 by PXE",
        12 => "PowerPC Open Firmware",
        13 => "PowerPC ePAPR",
        14 => "POWER OPAL",
        15 => "UEFI IA32 by HTTP",
        16 => "UEFI x64 by HTTP",
        17 => "UEFI byte code by HTTP",
        18 => "UEFI ARM by HTTP",
        19 => "UEFI AArch64 by HTTP",
        20 => "BIOS by HTTP",
        21 => "U-Boot ARM by PXE",
        22 => "U-Boot AArch64 by PXE",
        23 => "U-Boot ARM by HTTP",
        24 => "U-Boot AArch64 by HTTP",
        25 => "UEFI RISC-V 32 by PXE",
        26 => "UEFI RISC-V 32 by HTTP",
        27 => "UEFI RISC-V 64 by PXE",
        28 => "UEFI RISC-V 64 by HTTP",
        29 => "UEFI RISC-V 128 by PXE",
        30 => "UEFI RISC-V 128 by HTTP",
        31 => "s390 basic",
        32 => "s390 extended",
        33 => "UEFI MIPS 32 by PXE",
        34 => "UEFI MIPS 64 by PXE",
        35 => "UEFI Sunway 32 by PXE",
        36 => "UEFI Sunway 64 by PXE",
        37 => "UEFI LoongArch 32 by PXE",
        38 => "UEFI LoongArch 32 by HTTP",
        39 => "UEFI LoongArch 64 by PXE",
        40 => "UEFI LoongArch 64 by HTTP",
        41 => "Raspberry Pi boot",
        _ => return None,
    })
}

/// Whether such a client speaks HTTP.
pub(crate) fn is_http(arch: u16) -> bool {
    BY_HTTP.contains(&arch)
}

/// An architecture whose decimal number was written where a hexadecimal one is read, if that is what `arch` looks like: 0x16
/// is 22, and 16 was meant.
pub(crate) fn digits_taken_for_hex(arch: u16) -> Option<u16> {
    let meant = format!("{arch:x}").parse::<u16>().ok()?;
    (arch > 16 && matches!(meant, 10 | 11 | 15 | 16 | 18 | 19)).then_some(meant)
}

/// `16 (UEFI x64 by HTTP)`.
pub fn named(arch: u16) -> String {
    words(arch).map_or_else(|| format!("{arch} (registered for nothing)"), |words| format!("{arch} ({words})"))
}

/// A DHCPDISCOVER of a client of this class (`PXEClient`, `HTTPClient`) and architecture, as options 60 and 93 have them.
pub fn discover(class: &str, architecture: u16) -> Repr {
    let none = Ipv4Addr::UNSPECIFIED;
    Repr {
        reply: false,
        xid: 1,
        secs: 0,
        broadcast: true,
        client_ip: none,
        your_ip: none,
        next_server: none,
        relay_ip: none,
        client_mac: MacAddr([0x52, 0x54, 0, 0x12, 0x34, 0x10]),
        server_name: Vec::new(),
        boot_file: Vec::new(),
        options: vec![
            (option::CLIENT_ARCH, architecture.to_be_bytes().to_vec()),
            (option::VENDOR_CLASS, format!("{class}:Arch:{architecture:05}:UNDI:003001").into_bytes()),
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_was_meant_decimal_is_seen_in_its_hexadecimal_digits() {
        assert_eq!([0x16, 0x18, 0x19, 0x10, 7].map(digits_taken_for_hex), [Some(16), Some(18), Some(19), None, None]);
        assert!(is_http(16) && !is_http(7) && !is_http(22));
        assert!(is_http(40) && !is_http(39));
        assert_eq!(named(0x4000), "16384 (registered for nothing)");
        assert_eq!([0, 11, 18].map(Processor::of), [Processor::X86, Processor::Aarch64, Processor::Other]);
    }

    #[test]
    fn the_processor_of_a_file_is_in_its_name_or_not_told() {
        let names = ["arch-aarch64/grub.efi", "grubx64.efi", "grubriscv64.efi", "pxelinux.0"];
        let processors = [Some(Processor::Aarch64), Some(Processor::X86), Some(Processor::Riscv64), None];
        assert_eq!(names.map(Processor::named), processors);
    }
}

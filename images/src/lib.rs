//! Boot media and the payloads in them.
//!
//! The bytes of a medium depend on its [`MediumSpec`] and [`Nonce`] only: no clock, no host path, no randomness. (Another
//! compiler gives other payloads, which are built with this crate.)
//!
//! This crate owns bytes: boot sectors, partition tables, file systems, boot catalogues and the programs in them, one
//! on-disk format per file. It never starts anything, reads nothing but its own sources, and writes only where
//! [`Image::write_to`] is told to. Whether firmware boots a medium is for those who boot it to say.
//!
//! ```
//! use bootwright_images::{Content, MediumKind, MediumSpec, Nonce, build};
//!
//! let spec = MediumSpec::new("right", MediumKind::Disk, Content::bootable());
//! let image = build(&spec, Nonce([7; 16]))?;
//! assert_eq!(image.to_bytes()?[510..512], [0x55, 0xaa]);
//! # Ok::<(), bootwright_images::ImageError>(())
//! ```
//!
//! # The payload line
//!
//! A bootable medium carries a payload that prints one line on the first serial port (0x3f8, 115200 8N1) and then does
//! what [`After`] says. The line, ASCII, ends in CR LF and has single spaces between fields; a CR LF before it ends
//! whatever the firmware's console left on the line:
//!
//! ```text
//! BOOTWRIGHT/1 nonce=<32 hex> medium=<name> via=bios dl=80 cs=0000 geometry=<c>/<h>/<s> drives=<2 hex> edd=<16 hex>/<bytes> bootorder=<file> bios-geometry=<file> tsc=<16 hex> sum=<4 hex> end
//! BOOTWRIGHT/1 nonce=<32 hex> medium=<name> via=uefi arch=x64 boot-current=0001 boot-order=0001,0002 boot-next=- secure-boot=0 device-path=<hex> file-path=<hex> load-options=<hex> bootorder=<file> bios-geometry=<file> tsc=<16 hex> sum=<4 hex> end
//! BOOTWRIGHT/1 nonce=<32 hex> medium=<name> via=linux arch=x64 bootorder=<file> bios-geometry=<file> tsc=<16 hex> sum=<4 hex> end
//! BOOTWRIGHT/1 nonce=<32 hex> medium=<name> via=ipl arch=s390x subchannel=<8 hex> sum=<4 hex> end
//! BOOTWRIGHT/1 nonce=<32 hex> medium=<name> via=openfirmware arch=ppc64 bootpath=<path> sum=<4 hex> end
//! ```
//!
//! `<file>` is a fw_cfg file with every byte outside 0x21..=0x7e, and `%`, written as `%` and two lower-case hex
//! digits; `-` stands for a file, variable or value that does not exist, `?` for a file that the program may not read: a Linux
//! kernel that is locked down, as it is under Secure Boot, keeps fw_cfg's ports to itself. `cs` is the code segment in which the firmware entered it, `geometry` is int 13h AH=08h of `dl`: cylinder count,
//! head count, sectors per track, decimal, and `drives`, which is not there where it fails, how many drives of that kind it tells. `boot-current`, `boot-order` and `boot-next` are upper-case hex, four digits each.
//! `device-path` is the device path of the device that the application came from, `file-path` what the firmware added to
//! it, both with their end nodes; `load-options` is `LoadOptions` of its Loaded Image protocol. `arch` is UEFI's short name, `x64`, `aa64`, `riscv64` or `loongarch64`. `tsc` is the processor's
//! time stamp counter: nanoseconds of guest time where QEMU counts instructions, and always on aarch64. The BIOS payload and the one in user space print
//! their line on the debug console (port 0x402) too, where SeaBIOS logs. `sum` is the sum of the line's bytes before ` sum=`,
//! modulo 2^16: a line that lost bytes on its way adds up to less.
//!
//! Where UEFI firmware knows a TPM 2.0 (`EFI_TCG2_PROTOCOL`) the program prints lines like these before its own, each with the same
//! nonce and a sum of its own: the TPM's answer to `TPM2_PCR_Read` of registers 0 to 7 in the bank of SHA-256, and the firmware's event log in the
//! crypto agile format, as many lines as it takes, the offset in bytes first:
//!
//! ```text
//! BOOTWRIGHT-TCG/1 nonce=<32 hex> registers=<hex> log-bytes=<8 hex> sum=<4 hex> end
//! BOOTWRIGHT-TCG/1 nonce=<32 hex> at=<8 hex> data=<hex> sum=<4 hex> end
//! ```
//!
//! Behind `geometry` the BIOS payload has `edd`, what int 13h AH=48h tells: 16 hex digits of sectors, a slash, the bytes of each; `-` where it fails.
//!
//! On an emulated drive ([`Emulation`]) the line of the BIOS payload has two fields more: `el-torito`, the 19 bytes of the specification
//! packet that int 13h AX=4B01h gives (El Torito 1.0 section 6), in hex, `-` where it fails; and behind a packet `drive-type`, two hex digits, BL of int 13h AH=08h.
//!
//! A BIOS program adds itself up first, so that sectors in another order give another sum; a long one ([`Content::Distant`], [`Content::Emulated`])
//! reads its end once more then, in requests of other lengths, and compares every byte. One that arrived short or damaged prints `bootwright: stage 2 damaged` instead
//! and ends by int 18h.

#![deny(missing_docs)]

mod application;
pub mod authenticode;
mod catalogue;
mod cpio;
mod disk;
mod eckd;
mod efi_loongarch64;
mod emulated_drive;
mod emulation;
mod error;
mod esp;
mod fat;
mod file;
mod floppy;
mod forth;
mod gpt;
mod image;
mod ipl;
mod iso;
mod loongarch64;
mod mbr;
pub mod payload;
mod pe_header;
pub mod prep;
mod reboot_disk;
mod s390x;
pub mod sbat;
mod spec;
pub mod system;
mod target;
pub mod unified;
pub mod zipl;

pub use authenticode::Signer;
pub use catalogue::{Example, catalogue};
pub use emulation::Emulation;
pub use error::ImageError;
pub use esp::{EspPlace, PartitionSignature};
pub use image::{Extent, Image};
pub use spec::{
    After, BadLoader, BootMapLayout, Boots, Content, EfiMachine, FatType, MediumKind, MediumSpec, Nonce,
    PartitionTable, Reads,
};
pub use target::Target;

/// Builds the medium that `spec` describes for BIOS and UEFI, tied to one run by `nonce`.
///
/// # Errors
///
/// [`ImageError`] names the part of the spec that cannot be built and what to ask for instead.
pub fn build(spec: &MediumSpec, nonce: Nonce) -> Result<Image, ImageError> {
    spec.check_name()?;
    match (&spec.content, spec.kind) {
        (Content::VendorReboot, MediumKind::Disk) => Ok(reboot_disk::build()),
        (Content::VendorReboot, kind) => Err(ImageError::impossible(
            format!("the vendor's reboot disk as {kind:?}"),
            "it is 524288 bytes of hard disk",
            "use MediumKind::Disk",
        )),
        (Content::Isohybrid { .. }, MediumKind::Disk) => iso::build(spec, nonce),
        (_, MediumKind::Disk | MediumKind::Disk4Kn) => disk::build(spec, nonce),
        (_, MediumKind::Cdrom) => iso::build(spec, nonce),
        (_, MediumKind::Floppy) => floppy::build(spec, nonce),
    }
}

//! Drives that nobody selected, and drives that firmware does not see or does not boot from.

use super::super::boards::{is_ccw, is_pseries};
use super::super::functions;
use super::super::{Guest, GuestDevice};
use crate::machine::{Board, DeviceClass};

/// Highest target and LUN of virtio-scsi that OVMF looks at (`PcdVirtioScsiMaxTargetLimit`, `PcdVirtioScsiMaxLunLimit`).
const LAST_OF_OVMF: (u8, u16) = (31, 7);
/// Highest LUN of virtio-scsi that SeaBIOS finds in the boot order (`docs/firmware-paths.md`).
const LAST_RANKED_LUN: u16 = 255;

/// Every warning about drives.
pub(super) fn all(guest: &Guest, warn: &mut impl FnMut(&'static str, u32, String)) {
    unselected(guest, warn);
    one_hard_disk(guest, warn);
    large_sectors(guest, warn);
    unseen(guest, warn);
    without_function_zero(guest, warn);
}

fn is_hard_disk(device: &GuestDevice) -> bool {
    let device = &device.device;
    !device.is_nic() && !device.optical && !matches!(device.class, DeviceClass::Floppy { .. })
}

fn unselected(guest: &Guest, warn: &mut impl FnMut(&'static str, u32, String)) {
    let is_selected = |index: usize| guest.is_selected(index);
    let any_selected = (0..guest.devices.len()).any(is_selected);
    // SeaBIOS has one entry for hard disks, and a selected one takes it
    let is_bios = guest.is_bios();
    let taken =
        is_bios && (0..guest.devices.len()).any(|index| is_selected(index) && is_hard_disk(&guest.devices[index]));
    let nic_first = guest.order().first().is_some_and(|&index| guest.devices[index].device.is_nic());
    for (index, device) in guest.devices.iter().enumerate() {
        let is_drive = !device.device.is_nic() && device.source.is_some();
        let never = taken && is_hard_disk(device);
        if !any_selected || !is_drive || never || is_selected(index) {
            continue;
        }
        let behind = if nic_first { " behind network boot" } else { "" };
        let (name, firmware) = (&device.name, guest.firmware_name());
        let words = match (guest.firmware.uefi().is_some(), guest.boot.strict == Some(true)) {
            _ if is_ccw(guest.board) => {
                format!("{name} is not selected{behind}, while other devices are: {firmware} never tries it")
            }
            (false, true) if is_pseries(guest.board) => format!(
                "{name} is not selected{behind}: strict=on keeps SLOF from it; a QEMU without strict=on has it tried behind the others"
            ),
            (false, false) if is_pseries(guest.board) => format!(
                "{name} is not selected{behind}, and SLOF tries it all the same once the selected devices have failed"
            ),
            (false, true) => format!(
                "{name} is not selected{behind}: strict=on keeps SeaBIOS from it{}; a QEMU without strict=on runs it once everything \
                 else has failed",
                hidden(device)
            ),
            (false, false) => {
                format!(
                    "{name} is not selected{behind}, and SeaBIOS runs it all the same once everything else has failed"
                )
            }
            (true, _) => format!(
                "{name} is not selected{behind}, while other devices are: at each start {firmware} takes its boot options out of BootOrder and \
                 deletes them, those of a system that is installed there too; {firmware} does not read strict=on, and from 2025.05 on runs \
                 any disk with a loader once all options have failed"
            ),
        };
        warn("unselected-disk", device.line, words);
    }
}

/// What else SeaBIOS does to a drive that is not in a strict order (`is_bootprio_strict` in its `src/hw`).
fn hidden(device: &GuestDevice) -> &'static str {
    match device.device.class {
        DeviceClass::VirtioBlk | DeviceClass::VirtioScsi { .. } | DeviceClass::Nvme => {
            ", which does not even set it up, so that an installer that asks the BIOS finds no disk to boot from"
        }
        _ => "",
    }
}

/// Firmware looks at the other functions of a slot where it finds one at 0 (SeaBIOS' `src/hw/pci.c`, edk2's `PciBusDxe`).
fn without_function_zero(guest: &Guest, warn: &mut impl FnMut(&'static str, u32, String)) {
    for device in &guest.devices {
        let Some(slot) = functions::without_zero(guest, device) else { continue };
        let function = device.device.function;
        let words = format!(
            "{} is at function {function} of PCI slot {slot:#x}, which has none at 0: firmware looks at no other there and does not find it; \
             write addr={slot:#x}",
            device.name
        );
        warn("unseen-place", device.line, words);
    }
}

/// SeaBIOS tries one hard disk.
fn one_hard_disk(guest: &Guest, warn: &mut impl FnMut(&'static str, u32, String)) {
    if !guest.is_bios() {
        return;
    }
    let order = guest.order();
    let is_seen = |device: &GuestDevice| is_hard_disk(device) && functions::without_zero(guest, device).is_none();
    let disks: Vec<usize> = order.into_iter().filter(|&index| is_seen(&guest.devices[index])).collect();
    let (selected, others): (Vec<usize>, Vec<usize>) = disks.into_iter().partition(|&index| guest.is_selected(index));
    if let Some(&first) = selected.first() {
        for &index in selected.iter().skip(1) {
            let (first, device) = (&guest.devices[first], &guest.devices[index]);
            let words = format!(
                "{} is selected behind {}: SeaBIOS tries one hard disk only, and this one never",
                device.name, first.name
            );
            warn("one-hard-disk", device.line, words);
        }
    } else if let [first, _, ..] = others[..]
        && !(guest.boot.strict == Some(true) && (0..guest.devices.len()).any(|index| guest.is_selected(index)))
    {
        let names: Vec<&str> = others.iter().map(|&index| guest.devices[index].name.as_str()).collect();
        let words = format!(
            "none of {} has a bootindex: SeaBIOS tries one of them, the one that it comes to first by its place and not by the order or \
             index= of -drive, and where that does not boot, no other; give the one that is meant bootindex=1",
            names.join(", ")
        );
        warn("one-hard-disk", guest.devices[first].line, words);
    }
}

/// SeaBIOS leaves out disks with sectors of another size than 512 bytes (`init_virtio_blk` and `scsi_drive_setup` in its `src/hw`), but
/// for those of NVMe, whose programs read blocks of a size that they do not expect.
fn large_sectors(guest: &Guest, warn: &mut impl FnMut(&'static str, u32, String)) {
    if !guest.is_bios() {
        return;
    }
    for device in &guest.devices {
        let Some(sizes) = device.device.block_size.filter(|sizes| sizes.logical != 512) else { continue };
        let what = match device.device.class {
            DeviceClass::Nvme | DeviceClass::NvmeNamespace { .. } => {
                "SeaBIOS reads its boot sector, whose program wants sectors of 512"
            }
            _ => "SeaBIOS leaves out a disk whose sectors are not of 512",
        };
        let words = format!(
            "{} has sectors of {} bytes: {what}; give it logical_block_size 512 (physical_block_size may stay) and an image that was made \
             for that, or boot by UEFI",
            device.name, sizes.logical
        );
        warn("sector-size", device.line, words);
    }
}

/// Drives at places, or on adapters, that firmware does not look at.
fn unseen(guest: &Guest, warn: &mut impl FnMut(&'static str, u32, String)) {
    let is_uefi = guest.firmware.uefi().is_some();
    for (index, device) in guest.devices.iter().enumerate().filter(|(_, device)| device.source.is_some()) {
        let name = &device.name;
        let words = match &device.device.class {
            DeviceClass::VirtioScsi { target, lun, .. }
                if is_uefi && (*target > LAST_OF_OVMF.0 || *lun > LAST_OF_OVMF.1) =>
            {
                format!(
                    "{name} is at target {target}, LUN {lun}: {} looks at targets up to {} and LUNs up to {}, and does not find it",
                    guest.firmware_name(),
                    LAST_OF_OVMF.0,
                    LAST_OF_OVMF.1
                )
            }
            DeviceClass::VirtioScsi { lun, .. }
                if guest.is_bios() && guest.is_selected(index) && *lun > LAST_RANKED_LUN =>
            {
                format!(
                    "{name} is at LUN {lun}: SeaBIOS does not find LUNs from {} on in the boot order, so that its rank counts for nothing",
                    LAST_RANKED_LUN + 1
                )
            }
            DeviceClass::Ahci { .. } if guest.board == Some(Board::Virt) => format!(
                "{name} hangs off AHCI, for which AAVMF as Debian builds it has no driver: it is never tried; \
                 use virtio"
            ),
            DeviceClass::UsbBehindHub { .. } if is_uefi && guest.is_selected(index) => format!(
                "{name} is behind a USB hub: its line puts every disk of that controller first in {}, and behind qemu-xhci it is not \
                 always a boot option; put it at a port of the controller",
                guest.firmware_name()
            ),
            DeviceClass::Scsi { adapter, .. } if is_uefi => format!(
                "{name} hangs off {}, for which {} as distributions build it has no driver: it is never tried; use virtio-scsi",
                adapter.device(),
                guest.firmware_name()
            ),
            _ => continue,
        };
        warn("unseen-place", device.line, words);
    }
}

#[cfg(test)]
mod tests {
    use super::super::of_guest;
    use crate::guest::{libvirt, qemu};

    fn warned(line: &str, word: &str) -> Option<String> {
        let line = format!("kvm -nodefaults -boot reboot-timeout=1 {line}");
        let guest = qemu::read_text("line", &line, &qemu::Reading::default()).unwrap();
        of_guest(&guest).into_iter().find(|warning| warning.word == word).map(|warning| warning.words)
    }

    #[test]
    fn a_second_selected_disk_is_never_tried_by_seabios() {
        let disk = |name: &str, order: u8| {
            format!("<disk><source file='a'/><target dev='{name}'/><boot order='{order}'/></disk>")
        };
        let disks = disk("vda", 1) + &disk("vdb", 2);
        let xml = format!("<domain><os><type>hvm</type></os><devices>{disks}</devices></domain>");
        let warnings = of_guest(&libvirt::read("a", &xml, &[]).unwrap());
        let words: Vec<&str> = warnings.iter().map(|warning| warning.word).collect();
        assert_eq!(words, ["one-hard-disk", "reboot-timeout"]);
    }

    #[test]
    fn of_several_disks_without_a_rank_seabios_tries_one_and_ovmf_all() {
        let two = "-drive index=1,file=a.img,if=virtio -drive index=0,file=b.img,if=virtio";
        let words = warned(two, "one-hard-disk").unwrap();
        assert!(words.starts_with("none of virtio-1, virtio-0 has a bootindex"), "{words}");
        assert_eq!(warned(&format!("{two} -bios OVMF.fd"), "one-hard-disk"), None);
        assert_eq!(warned("-drive file=a.img,if=virtio -cdrom b.iso", "one-hard-disk"), None);
    }

    #[rstest::rstest]
    #[case::virtio("virtio-blk-pci,drive=d,logical_block_size=4096,physical_block_size=4096", "", Some("leaves out"))]
    #[case::by_a_global(
        "virtio-blk-pci,drive=d,physical_block_size=4096 -global virtio-blk-pci.logical_block_size=4096",
        "",
        Some("leaves out")
    )]
    #[case::nvme(
        "nvme,serial=a,drive=d,logical_block_size=4096,physical_block_size=4096",
        "",
        Some("wants sectors of 512")
    )]
    #[case::of_512e("virtio-blk-pci,drive=d,physical_block_size=4096", "", None)]
    #[case::by_uefi("virtio-blk-pci,drive=d,logical_block_size=4096,physical_block_size=4096", "-bios OVMF.fd", None)]
    fn sectors_that_seabios_does_not_boot_from_are_named(
        #[case] device: &str,
        #[case] more: &str,
        #[case] wanted: Option<&str>,
    ) {
        let words = warned(&format!("-drive if=none,id=d,file=a -device {device} {more}"), "sector-size");
        assert_eq!(words.is_some(), wanted.is_some(), "{words:?}");
        assert!(words.is_none_or(|words| words.contains(wanted.unwrap_or_default())));
    }

    #[rstest::rstest]
    #[case::lsi("-device lsi,id=s", "scsi-id=1", "-bios OVMF.fd", Some("no driver"))]
    #[case::lsi_of_bios("-device lsi,id=s", "scsi-id=1", "", None)]
    #[case::a_lun_of_ovmf("-device virtio-scsi-pci,id=s", "scsi-id=0,lun=8", "-bios OVMF.fd", Some("LUNs up to 7"))]
    #[case::the_last_one("-device virtio-scsi-pci,id=s", "scsi-id=31,lun=7", "-bios OVMF.fd", None)]
    #[case::a_lun_of_bios(
        "-device virtio-scsi-pci,id=s",
        "scsi-id=0,lun=256,bootindex=1",
        "",
        Some("counts for nothing")
    )]
    #[case::one_without_a_rank("-device virtio-scsi-pci,id=s", "scsi-id=0,lun=256", "", None)]
    fn places_that_firmware_does_not_look_at_are_named(
        #[case] adapter: &str,
        #[case] place: &str,
        #[case] more: &str,
        #[case] wanted: Option<&str>,
    ) {
        let line = format!("-drive if=none,id=d,file=a {adapter} -device scsi-hd,bus=s.0,drive=d,{place} {more}");
        let words = warned(&line, "unseen-place");
        assert_eq!(words.is_some(), wanted.is_some(), "{words:?}");
        assert!(words.is_none_or(|words| words.contains(wanted.unwrap_or_default())));
    }

    #[test]
    fn what_ovmf_does_to_a_disk_behind_a_hub_is_told() {
        let line =
            "-drive if=none,id=d,file=a -device qemu-xhci -device usb-hub,port=1 -device usb-storage,drive=d,port=1.1";
        let uefi = format!("{line},bootindex=1 -bios OVMF.fd");
        assert!(warned(&uefi, "unseen-place").unwrap().contains("not always a boot option"));
        assert_eq!(warned(&format!("{line} -bios OVMF.fd"), "unseen-place"), None);
        assert_eq!(warned(&format!("{line},bootindex=1"), "unseen-place"), None);
    }

    #[test]
    fn what_strict_and_ovmf_do_to_a_disk_without_a_rank_is_told() {
        let two = "-drive if=none,id=a,file=a -device ide-cd,drive=a,bootindex=1 -drive if=none,id=b,file=b -device virtio-blk-pci,drive=b";
        assert!(warned(&format!("{two} -boot strict=on"), "unselected-disk").unwrap().contains("finds no disk"));
        assert!(!warned(two, "unselected-disk").unwrap().contains("finds no disk"));
        assert!(warned(&format!("{two} -bios OVMF.fd"), "unselected-disk").unwrap().contains("deletes them"));
    }
}

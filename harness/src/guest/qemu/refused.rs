//! What QEMU refuses to start with: names that it does not know, drives without an image, places that a bus has not.
//!
//! Only what is certain by the line alone; a property that some build of QEMU may have is left to it.

use super::Reader;
use super::buses::Buses;
use super::options::Parts;
use super::words::Word;
use crate::guest::GuestError;
use crate::machine::Board;

/// Keys of `-boot` (`bootopts` in QEMU's `softmmu/vl.c`), and the letters that stand first.
const BOOT_KEYS: [&str; 7] = ["order", "once", "menu", "splash", "splash-time", "reboot-timeout", "strict"];
/// Properties of devices that begin with `boot`; that of vhost-scsi has nothing to do with it.
const OF_BOOT: [&str; 4] = ["bootindex", "bootindexA", "bootindexB", "boot_tpgt"];
/// Drivers that QEMU does not make without `drive=`.
const WANT_A_DRIVE: [&str; 13] = [
    "virtio-blk-pci",
    "virtio-blk",
    "virtio-blk-pci-transitional",
    "virtio-blk-pci-non-transitional",
    "virtio-blk-device",
    "ide-hd",
    "ide-drive",
    "scsi-hd",
    "scsi-disk",
    "scsi-block",
    "scsi-generic",
    "usb-storage",
    "nvme-ns",
];

impl Reader<'_> {
    /// Refuses a key of `-boot` that there is not.
    pub(super) fn boot_keys(&self, parts: &Parts, word: &Word) -> Result<(), GuestError> {
        match parts.pairs().find(|(key, _)| !BOOT_KEYS.contains(key)) {
            Some((key, _)) if !is_open(word) => {
                let what = format!("-boot {}: there is no \"{key}\" (QEMU refuses that)", word.text);
                Err(self.error(word, what, format!("write one of {}", BOOT_KEYS.join(", "))))
            }
            _ => Ok(()),
        }
    }

    /// Refuses the rank of a device where a drive is described.
    pub(super) fn drive_keys(&self, parts: &Parts, word: &Word) -> Result<(), GuestError> {
        match parts.get("bootindex") {
            None => Ok(()),
            Some(rank) => {
                let fix = format!("write -drive if=none,id=a,... and -device virtio-blk-pci,drive=a,bootindex={rank}");
                Err(self.error(word, "-drive has no bootindex (QEMU refuses that): it is a property of a device", fix))
            }
        }
    }

    /// Refuses a misspelled rank.
    pub(super) fn rank_is_spelled(&self, parts: &Parts, word: &Word) -> Result<(), GuestError> {
        let almost = |key: &str| key.starts_with("boot") && !OF_BOOT.contains(&key);
        match parts.pairs().find(|(key, _)| almost(key)) {
            Some((key, _)) if !is_open(word) => {
                let what = format!("{} has no property \"{key}\" (QEMU refuses that)", parts.first);
                Err(self.error(word, what, "write bootindex=1: the lowest is tried first"))
            }
            _ => Ok(()),
        }
    }

    /// Refuses a device that QEMU does not make.
    pub(super) fn device_is_made(&self, parts: &Parts, word: &Word, buses: &Buses) -> Result<(), GuestError> {
        let driver = parts.first.as_str();
        if is_open(word) {
            return Ok(());
        }
        if WANT_A_DRIVE.contains(&driver) && parts.get("drive").is_none() {
            let what = format!("{driver} has no drive= (QEMU refuses that)");
            return Err(self.error(word, what, "write drive=ID, with -drive if=none,id=ID,file=..."));
        }
        let unit = parts.get("unit").and_then(|unit| unit.parse::<u64>().ok()).unwrap_or_default();
        let bus = parts.get("bus").unwrap_or_default();
        let of_ahci = buses.ahci(bus).is_some() || (self.board == Some(Board::Q35) && bus.starts_with("ide."));
        if driver.starts_with("ide-") && unit > 0 && of_ahci {
            let what = format!("{driver} is unit {unit} of {bus}, and a port of AHCI has one (QEMU refuses that)");
            return Err(self.error(word, what, "name a port of its own: bus=ide.1"));
        }
        Ok(())
    }
}

/// Whether a shell puts something into a value that is not known.
fn is_open(word: &Word) -> bool {
    word.text.contains(['$', '`'])
}

#[cfg(test)]
mod tests {
    use crate::guest::qemu::{Reading, read_text};

    #[rstest::rstest]
    #[case::a_key_of_boot("-boot strct=on", "there is no \"strct\"")]
    #[case::behind_the_letters("-boot cd,ordr=n", "there is no \"ordr\"")]
    #[case::a_rank_of_a_drive("-drive file=a,if=virtio,bootindex=1", "-drive has no bootindex")]
    #[case::almost_a_rank(
        "-drive if=none,id=a,file=a -device virtio-blk-pci,drive=a,bootidx=1",
        "no property \"bootidx\""
    )]
    #[case::of_a_card("-device virtio-net-pci,bootidx=1", "no property \"bootidx\"")]
    #[case::in_json(
        "-drive if=none,id=a,file=a -device '{\"driver\":\"ide-hd\",\"drive\":\"a\",\"bootorder\":1}'",
        "no property \"bootorder\""
    )]
    #[case::no_image("-device virtio-blk-pci,bootindex=1", "virtio-blk-pci has no drive=")]
    #[case::no_image_of_scsi("-device virtio-scsi-pci -device scsi-hd,bootindex=1", "scsi-hd has no drive=")]
    #[case::a_second_unit(
        "-M q35 -drive if=none,id=a,file=a -device ide-hd,bus=ide.0,unit=1,drive=a",
        "a port of AHCI has one"
    )]
    #[case::of_an_adapter(
        "-device ahci,id=s -drive if=none,id=a,file=a -device ide-hd,bus=s.0,unit=1,drive=a",
        "a port of AHCI has one"
    )]
    #[case::no_controller("-drive if=none,id=a,file=a -device usb-storage,drive=a", "no USB controller")]
    #[case::of_a_host("-device usb-host,hostbus=1", "no USB controller")]
    fn what_qemu_refuses_is_refused(#[case] line: &str, #[case] what: &str) {
        let error = read_text("line", &format!("kvm -nodefaults {line}"), &Reading::default()).unwrap_err();
        assert!(error.what.contains(what) && error.what.contains("QEMU refuses"), "{error}");
    }

    #[rstest::rstest]
    #[case("-boot order=c,once=d,menu=on,splash=a.bmp,splash-time=1,reboot-timeout=1,strict=on")]
    #[case("-boot n -boot strict=on")]
    #[case("-boot menu=on,order=dc")]
    #[case("-device ide-cd -device floppy -device virtio-scsi-pci -device scsi-cd")]
    #[case("-drive if=none,id=a,file=a -device ide-hd,bus=ide.0,unit=1,drive=a")]
    #[case("-usb -drive if=none,id=a,file=a -device usb-storage,drive=a")]
    #[case("-M pc,usb=on -drive if=none,id=a,file=a -device usb-storage,drive=a")]
    #[case("-device nec-usb-xhci -device usb-tablet")]
    #[case("-device ich9-usb-uhci1 -device usb-tablet")]
    #[case("$OPTS -device usb-tablet")]
    #[case("-device $CTRL -device usb-kbd")]
    #[case("-device virtio-blk-pci,${DISK}")]
    #[case("-boot d,$MORE")]
    #[case("-boot menu=on,")]
    #[case("-device vhost-scsi-pci,wwpn=naa.1,boot_tpgt=1,bootindex=1")]
    #[case("-usbdevice tablet -device usb-kbd")]
    #[case("-device ich9-usb-ehci1,id=u -device ich9-usb-uhci1,masterbus=u.0 -device usb-kbd")]
    #[case("-device nvme,serial=a,id=n -drive if=none,id=a,file=a -device nvme-ns,drive=a,bus=n")]
    fn what_qemu_takes_is_taken(#[case] line: &str) {
        read_text("line", &format!("kvm -nodefaults {line}"), &Reading::default()).unwrap();
    }
}

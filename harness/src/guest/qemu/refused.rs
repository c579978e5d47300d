//! What QEMU refuses to start with: names that it does not know, drives without an image, places that a bus has not.
//!
//! Only what is certain by the line alone; a property that some build of QEMU may have is left to it.

use std::collections::BTreeMap;

use super::Reader;
use super::adapters::Adapter;
use super::buses::Buses;
use super::options::{Parts, rank};
use super::words::Word;
use crate::guest::{GuestError, Untried, sectors};
use crate::machine::Board;

/// Keys of `-boot` (`bootopts` in QEMU's `softmmu/vl.c`), and the letters that stand first.
const BOOT_KEYS: [&str; 7] = ["order", "once", "menu", "splash", "splash-time", "reboot-timeout", "strict"];
/// Properties of devices that begin with `boot`; that of vhost-scsi has nothing to do with it.
const OF_BOOT: [&str; 4] = ["bootindex", "bootindexA", "bootindexB", "boot_tpgt"];
/// Devices that keep QEMU from a screen of its own.
const SCREENS: [&str; 10] = [
    "VGA",
    "isa-vga",
    "cirrus-vga",
    "isa-cirrus-vga",
    "vmware-svga",
    "qxl-vga",
    "virtio-vga",
    "virtio-vga-gl",
    "ati-vga",
    "vhost-user-vga",
];
/// Drivers that QEMU does not make without `drive=`.
const WANT_A_DRIVE: [&str; 14] = [
    "virtio-blk-pci",
    "virtio-blk",
    "virtio-blk-pci-transitional",
    "virtio-blk-pci-non-transitional",
    "virtio-blk-device",
    "virtio-blk-ccw",
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

    /// Refuses an address of `-nic`, which `-net nic` alone has (`net_param_nic` in QEMU's `net/net.c`).
    pub(super) fn nic_keys(&self, parts: &Parts, word: &Word) -> Result<(), GuestError> {
        match parts.get("addr") {
            None => Ok(()),
            Some(address) => {
                let what = format!("-nic {}: -nic has no addr (QEMU refuses that)", word.text);
                Err(self.error(word, what, format!("write -netdev and -device e1000,netdev=ID,addr={address}")))
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

    /// Refuses a drive of an interface that the board does not have; on a board that is not known it keeps its row.
    pub(super) fn drives_of_the_board(&mut self) -> Result<(), GuestError> {
        for (number, (said, word)) in std::mem::take(&mut self.of_no_board).into_iter().enumerate() {
            let Some(board) = self.board.filter(|_| !self.is_part && !is_open(&word)) else {
                let interface = said.trim_start_matches("-drive if=").trim_start_matches('-');
                let (line, kind) = (word.at.line, format!("a drive of {said}"));
                self.notes.ignored(line, format!("{said} cannot be had here"));
                self.untried.push(Untried { name: format!("{interface}-{number}"), line, kind, rank: None });
                continue;
            };
            let what = format!("{said}: machine {} has no such (QEMU refuses that)", self.machine_type);
            let fix = match (said.as_str(), board) {
                ("-drive if=scsi", _) => {
                    "write -device virtio-scsi-pci, -drive if=none,id=a,... and -device scsi-hd,drive=a"
                }
                (_, Board::Pc) => "write -drive if=virtio, ide or none",
                _ => "write -drive if=virtio or none",
            };
            return Err(self.error(&word, what, fix));
        }
        Ok(())
    }

    /// Refuses a device of `-usbdevice` that QEMU makes no more; those that it makes are none to boot from.
    pub(super) fn usb_device(&self, value: &Word) -> Result<(), GuestError> {
        let (kind, fix) = match value.text.split(':').next() {
            Some("disk") => ("disk", "write -drive if=none,id=stick,file=... and -device usb-storage,drive=stick"),
            Some("host") => ("device of the host", "write -device usb-host,vendorid=0x...,productid=0x..."),
            _ => return Ok(()),
        };
        let what = format!("-usbdevice {}: there is no {kind} by -usbdevice (QEMU refuses that)", value.text);
        Err(self.error(value, what, fix))
    }

    /// Refuses two ports of PCI Express of one chassis and slot (`pcie_chassis_add_slot` in QEMU's `hw/pci/pcie_port.c`).
    pub(super) fn each_port_once(&self) -> Result<(), GuestError> {
        let mut seen = BTreeMap::new();
        let ports = ["pcie-root-port", "ioh3420", "xio3130-downstream"];
        for (parts, word) in self.devices.iter().filter(|(parts, _)| ports.contains(&parts.first.as_str())) {
            let parts = self.with_globals(parts.clone());
            let number = |key: &str| parts.get(key).map_or(Some(0), rank);
            let Some(place) = number("chassis").zip(number("slot")).filter(|_| !is_open(word)) else { continue };
            if let Some(line) = seen.insert(place, word.at.line) {
                let what = format!(
                    "{}: chassis={} and slot={} are those of a port on line {line} (QEMU refuses that: \"Can't add chassis slot\")",
                    parts.first, place.0, place.1
                );
                return Err(self.error(word, what, "give each port a chassis= of its own"));
            }
        }
        Ok(())
    }

    /// Refuses a card on a back end that is not there.
    pub(super) fn netdev_is_there(&self, parts: &Parts, word: &Word) -> Result<(), GuestError> {
        let missing = parts.get("netdev").filter(|id| !self.netdevs.contains_key(*id));
        match missing.filter(|_| !self.is_part && !self.is_open && !is_open(word)) {
            None => Ok(()),
            Some(id) => {
                let what = format!("no -netdev is called \"{id}\" (QEMU refuses that)");
                Err(self.error(word, what, format!("define it: -netdev user,id={id}")))
            }
        }
    }

    /// Refuses a device on a bus of PCI that is not there.
    pub(super) fn bus_is_there(&self, parts: &Parts, word: &Word, buses: &Buses) -> Result<(), GuestError> {
        let is_known = !self.is_part && !self.is_open && matches!(self.board, Some(Board::Pc | Board::Q35));
        match buses.missing_pci(parts).filter(|_| is_known && !is_open(word)) {
            None => Ok(()),
            Some(bus) => {
                let what = format!("nothing before it on the line is the PCI bus \"{bus}\" (QEMU refuses that)");
                let root = self.board.and_then(|board| board.facts().pci()).map_or("pci.0", |root| root.id);
                let fix = format!("leave bus= out, or write bus={root}, which machine {} has", self.machine_type);
                Err(self.error(word, what, fix))
            }
        }
    }

    /// Whether QEMU adds a screen, which is the first device on the root bus (`default_list` in its `system/vl.c`).
    pub(super) fn adds_a_screen(&self) -> bool {
        let has_own = self.devices.iter().any(|(parts, _)| SCREENS.contains(&parts.first.as_str()));
        match self.screen.as_deref() {
            Some(screen) => screen != "none",
            None => !self.built_in.none && !has_own && !self.is_open,
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
        if driver == "floppy" && self.board == Some(Board::Q35) && !self.has_floppies && !self.is_part && !self.is_open
        {
            let what = format!("floppy: machine {} has no floppy controller (QEMU refuses that)", self.machine_type);
            return Err(self.error(word, what, "write -device isa-fdc before it"));
        }
        if driver == "nvme" && parts.get("serial").is_none() {
            let what = "nvme has no serial= (QEMU refuses that)";
            return Err(self.error(word, what, "write serial= with any text"));
        }
        if let Some(rank) = parts.get("bootindex").filter(|_| is_rankless(driver)) {
            let what = format!("{driver} has no bootindex (QEMU refuses that): a rank is one of the disks");
            return Err(self.error(word, what, format!("give bootindex={rank} to the disk that hangs off it")));
        }
        let (logical, physical) = (parts.get("logical_block_size"), parts.get("physical_block_size"));
        let file = parts.get("drive").and_then(|drive| self.drives.file_of(drive)).unwrap_or_default();
        // QEMU may ask a disk of the host for the size that is not given, and IDE takes no such sectors at all
        let is_other = (physical.is_none() && file.starts_with("/dev/")) || driver.starts_with("ide-");
        if sectors::exceed(logical, physical) && !is_other {
            let what = format!(
                "{driver}: logical_block_size={} is larger than physical_block_size, {} (QEMU refuses that)",
                logical.unwrap_or_default(),
                physical.unwrap_or("which is 512 where it is not given")
            );
            return Err(self.error(word, what, "give physical_block_size the same"));
        }
        let unit = parts.get("unit").and_then(|unit| unit.parse::<u64>().ok()).unwrap_or_default();
        let bus = parts.get("bus").unwrap_or_default();
        let of_board = self.board == Some(Board::Q35) && bus.starts_with("ide.");
        let of_ahci = buses.ide(bus).map_or(of_board, |placed| placed.adapter == Adapter::Ahci);
        if driver.starts_with("ide-") && unit > 0 && of_ahci {
            let what = format!("{driver} is unit {unit} of {bus}, and a port of AHCI has one (QEMU refuses that)");
            return Err(self.error(word, what, "name a port of its own: bus=ide.1"));
        }
        Ok(())
    }
}

/// Whether a driver is one that disks hang off and that has no rank itself.
fn is_rankless(driver: &str) -> bool {
    match Adapter::of(driver) {
        Some(Adapter::Nvme) => false,
        // what another build calls one may have what it likes
        Some(Adapter::UnknownScsi(driver)) => driver.starts_with("lsi53c") || driver == "usb-uas",
        Some(_) => true,
        None => matches!(driver, "usb-bot" | "usb-hub" | "isa-fdc"),
    }
}

/// Whether a shell puts something into a value that is not known.
pub(super) fn is_open(word: &Word) -> bool {
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
    #[case::no_serial("-device nvme,id=n", "nvme has no serial=")]
    #[case::no_serial_with_a_drive(
        "-drive if=none,id=a,file=a -device nvme,drive=a,bootindex=1",
        "nvme has no serial="
    )]
    #[case::no_back_end("-device virtio-net-pci,netdev=nn", "no -netdev is called \"nn\"")]
    #[case::another_root("-M q35 -drive if=none,id=a,file=a -device virtio-blk-pci,drive=a,bus=pci.0", "bus \"pci.0\"")]
    #[case::of_a_card("-device e1000,bus=pcie.0", "bus \"pcie.0\"")]
    #[case::of_an_adapter("-M q35 -device virtio-scsi-pci,bus=pci.0", "bus \"pci.0\"")]
    #[case::no_port("-M q35 -device e1000,bus=rp1", "bus \"rp1\"")]
    #[case::a_port_behind_it("-M q35 -device e1000,bus=rp1 -device pcie-root-port,id=rp1", "bus \"rp1\"")]
    #[case::of_a_bridge("-M q35 -device pcie-pci-bridge,id=b,bus=r -device pcie-root-port,id=r", "bus \"r\"")]
    #[case::of_a_screen("-M q35 -device VGA,bus=pci.0", "bus \"pci.0\"")]
    #[case::a_floppy("-device floppy,bootindex=1", "floppy has no bootindex")]
    #[case::large_sectors(
        "-drive if=none,id=a,file=a -device virtio-blk-pci,drive=a,logical_block_size=4096,physical_block_size=512",
        "larger than physical_block_size, 512"
    )]
    #[case::large_sectors_alone(
        "-drive if=none,id=a,file=a -device nvme,serial=a,drive=a,logical_block_size=4096",
        "which is 512 where it is not given"
    )]
    #[case::if_scsi("-drive if=scsi,file=a", "-drive if=scsi: machine pc has no such")]
    #[case::a_card("-sd a", "-sd: machine pc has no such")]
    #[case::flash_of_a_board("-mtdblock a -M q35", "-mtdblock: machine q35 has no such")]
    #[case::a_disk_on_usb("-usb -usbdevice disk:format=raw:a", "no disk by -usbdevice")]
    #[case::a_device_of_the_host("-usb -usbdevice host:1234:5678", "no device of the host by -usbdevice")]
    #[case::two_ports(
        "-M q35 -device pcie-root-port,id=a -device pcie-root-port,id=b",
        "chassis=0 and slot=0 are those"
    )]
    #[case::a_port_of_a_switch(
        "-M q35 -device ioh3420,id=a,chassis=3,slot=0x1 -device x3130-upstream,id=b,bus=a -device xio3130-downstream,bus=b,chassis=3,slot=1",
        "chassis=3 and slot=1 are those"
    )]
    #[case::a_floppy_without_a_controller(
        "-M q35 -drive if=none,id=a,file=a -device floppy,drive=a",
        "no floppy controller"
    )]
    #[case::an_empty_disk("-drive if=ide,index=1", "a disk without an image")]
    #[case::an_empty_disk_of_virtio("-drive if=virtio,media=cdrom", "a disk without an image")]
    #[case::a_device_with_an_empty_disk("-drive if=none,id=a -device ide-hd,drive=a", "a disk without an image")]
    #[case::an_empty_nvme("-drive if=none,id=a -device nvme,serial=x,drive=a", "a disk without an image")]
    #[case::flash_twice(
        "-drive if=pflash,unit=0,file=OVMF_CODE.fd -drive if=pflash,unit=0,file=b",
        "unit 0 of flash is given twice"
    )]
    #[case::variables_alone(
        "-bios OVMF.fd -drive if=pflash,unit=1,file=OVMF_VARS.fd",
        "unit 1 of flash without unit 0"
    )]
    #[case::slot_of_the_board("-device e1000,addr=1", "slot 0x1 is the board's")]
    #[case::slot_of_the_board_q35("-M q35 -device e1000,addr=1f.2", "slot 0x1f function 2 is the board's")]
    #[case::an_address_of_nic("-nic user,model=e1000,addr=5", "-nic has no addr")]
    #[case::if_sd("-drive if=sd,file=a -M q35", "-drive if=sd: machine q35 has no such")]
    #[case::a_rank_of_virtio_scsi("-device virtio-scsi-pci,bootindex=3", "virtio-scsi-pci has no bootindex")]
    #[case::a_rank_of_lsi("-device lsi53c810,bootindex=3", "lsi53c810 has no bootindex")]
    #[case::a_rank_of_xhci("-device qemu-xhci,bootindex=3", "qemu-xhci has no bootindex")]
    #[case::a_rank_of_ohci("-device pci-ohci,bootindex=3", "pci-ohci has no bootindex")]
    #[case::a_rank_of_ahci("-device ahci,bootindex=3", "ahci has no bootindex")]
    #[case::a_rank_of_usb_bot("-usb -device usb-bot,bootindex=3", "usb-bot has no bootindex")]
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
    #[case("-device nvme -global nvme.serial=a")]
    #[case("-device nvme,$MORE -device virtio-scsi-pci,bootindex=3,$MORE")]
    #[case("-device nvme,serial=a,bootindex=3")]
    #[case("-device new-scsi,bootindex=3 -device vhost-scsi-pci,wwpn=naa.1,bootindex=4")]
    #[case("-device virtio-net-pci,netdev=n -netdev user,id=n")]
    #[case("$NET -device virtio-net-pci,netdev=n")]
    #[case("-device virtio-net-pci,netdev=$N")]
    #[case("-readconfig pve-q35.cfg -M q35 -device virtio-net-pci,netdev=n,bus=pci.0")]
    #[case("-M q35 -device pcie-pci-bridge,id=pci.0 -device e1000,bus=pci.0")]
    #[case("-M q35 $BRIDGES -device e1000,bus=pci.0")]
    #[case("-device pci-bridge,chassis_nr=1 -device e1000,bus=pci.1")]
    #[case("-device e1000,bus=pci.0")]
    #[case("-device virtio-serial,id=s -device virtserialport,bus=s.0 -device isa-serial,bus=isa.0")]
    #[case("-device floppy -global isa-fdc.bootindexA=1")]
    #[case(
        "-drive if=none,id=a,file=a -device virtio-blk-pci,drive=a,logical_block_size=4096,physical_block_size=4096"
    )]
    #[case("-drive if=none,id=a,file=/dev/sdb -device virtio-blk-pci,drive=a,logical_block_size=4096")]
    #[case("-M sun4m -drive if=scsi,file=a")]
    #[case("-M raspi3b -sd a -mtdblock b")]
    #[case(
        "-M q35 -device pcie-root-port,id=a,chassis=1 -device pcie-root-port,id=b,slot=1 -device ioh3420,chassis=$C"
    )]
    #[case("-M q35 -drive if=none,id=a,file=a -device isa-fdc -device floppy,drive=a")]
    #[case("-M q35 -fda b -device floppy,unit=1")]
    #[case("-drive if=ide,index=1,$MORE -drive if=none,id=a,$IMAGE -device ide-hd,drive=a")]
    #[case("-drive if=none,id=a -device ide-cd,drive=a -cdrom ''")]
    #[case("-pflash OVMF_CODE.fd -pflash b")]
    #[case("$FLASH -drive if=pflash,unit=1,file=b")]
    #[case("-device e1000,addr=1.5")]
    #[case("-M q35 -device e1000,addr=1f.4")]
    #[case("-usb -usbdevice wacom-tablet")]
    fn what_qemu_takes_is_taken(#[case] line: &str) {
        read_text("line", &format!("kvm -nodefaults {line}"), &Reading::default()).unwrap();
    }

    #[rstest::rstest]
    #[case("-device virtio-net-pci,netdev=n,bus=pcie.0")]
    #[case("-drive if=scsi,file=a")]
    fn what_the_rest_of_a_line_may_define_is_taken(#[case] part: &str) {
        read_text("line", part, &Reading::default()).unwrap();
    }
}

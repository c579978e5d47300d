//! Slots of PCI as QEMU gives them: to a device without `addr=` the first slot of its bus whose function 0 is free, device after
//! device (`do_pci_register_device` in QEMU's `hw/pci/pci.c`).

use std::collections::{BTreeMap, BTreeSet};

use super::buses::address;
use super::options::Parts;
use crate::guest::boards::is_virt;
use crate::machine::Board;

/// Slots of a bus, and functions of a slot.
const SLOTS: u8 = 32;
const FUNCTIONS: u8 = 8;

/// Drivers of PCI whose names do not say so: those of QEMU 7.2 to 11.1 for the boards here, with their other names.
const DRIVERS: [&str; 64] = [
    "AC97",
    "AMDVI-PCI",
    "ES1370",
    "VGA",
    "ac97",
    "acpi-erst",
    "ahci",
    "am53c974",
    "amd-iommu",
    "ati-vga",
    "bochs-display",
    "cirrus-vga",
    "cmd646-ide",
    "ctucan_pci",
    "dc390",
    "edu",
    "es1370",
    "i6300esb",
    "ich9-ahci",
    "ich9-intel-hda",
    "igb",
    "intel-hda",
    "ivshmem-doorbell",
    "ivshmem-plain",
    "kvaser_pci",
    "lsi",
    "lsi53c810",
    "lsi53c895a",
    "megasas",
    "megasas-gen2",
    "mioe3680_pci",
    "mptsas1068",
    "ne2k_pci",
    "nec-usb-xhci",
    "nvme",
    "pci-ipmi-bt",
    "pci-ipmi-kcs",
    "pci-ohci",
    "pci-serial",
    "pci-serial-2x",
    "pci-serial-4x",
    "pci-testdev",
    "pcm3680_pci",
    "pcnet",
    "piix3-ide",
    "piix3-usb-uhci",
    "piix4-ide",
    "piix4-usb-uhci",
    "pvrdma",
    "pvscsi",
    "qemu-xhci",
    "qxl",
    "qxl-vga",
    "rocker",
    "rtl8139",
    "secondary-vga",
    "tpci200",
    "tulip",
    "ufs",
    "usb-ehci",
    "vfio-pci-nohotplug",
    "vhost-user-vga",
    "vmware-svga",
    "vmxnet3",
];
/// Drivers of bridges, ports and further root buses: the bus behind one has its id for a name.
const BRIDGES: [&str; 14] = [
    "cxl-downstream",
    "cxl-rp",
    "cxl-upstream",
    "i82801b11-bridge",
    "ioh3420",
    "pci-bridge",
    "pci-bridge-seat",
    "pcie-pci-bridge",
    "pcie-root-port",
    "pxb",
    "pxb-cxl",
    "pxb-pcie",
    "x3130-upstream",
    "xio3130-downstream",
];

/// Whether a driver is one of a function of PCI.
fn is_pci(driver: &str) -> bool {
    // a name without its bus is the one of PCI on these boards
    let is_virtio = driver.starts_with("virtio-") && !driver.ends_with("-device") && !driver.ends_with("-ccw");
    let is_long = ["-pci", "-pci-transitional", "-pci-non-transitional"].iter().any(|end| driver.ends_with(end));
    // cards of Intel have many names
    let is_card = driver.starts_with("e1000") || driver.starts_with("i825") || driver == "i82801";
    DRIVERS.contains(&driver)
        || BRIDGES.contains(&driver)
        || is_card
        || driver.starts_with("ich9-usb-")
        || is_virtio
        || is_long
}

/// A slot and a function.
pub(super) type Function = (u8, u8);

/// What is wrong with a device's place, and what to do.
pub(super) type Refused = (String, &'static str);

const ANOTHER_SLOT: &str = "leave addr= out, or write another slot";
const SHARED_SLOT: &str = "write multifunction=on into the device at function 0 of the slot";

/// Who has a function.
#[derive(Clone, Debug)]
struct Holder {
    /// In words behind "is".
    whose: String,
    multifunction: bool,
}

/// The functions of every bus of a line that have a device.
#[derive(Clone, Debug)]
pub(super) struct Slots {
    root: &'static str,
    /// By the name of the bus.
    buses: BTreeMap<String, BTreeMap<Function, Holder>>,
    /// QEMU finds the bus of a device that names none on the root bus that was made last (`qbus_find_recursive` in its
    /// `softmmu/qdev-monitor.c`).
    last_root: String,
    /// Bridges without an id, whose buses have a number of their kind.
    nameless: usize,
    /// Slots are given out: all that is on the line is known.
    gives: bool,
}

impl Slots {
    /// A root bus with nothing on it. Where not all of a line is known, `gives` is false: then only the addresses that it writes are looked
    /// at.
    pub fn new(root: &'static str, gives: bool) -> Slots {
        Slots {
            root,
            buses: BTreeMap::from([(root.to_owned(), BTreeMap::new())]),
            last_root: root.to_owned(),
            nameless: usize::from(root == "pci.0"),
            gives,
        }
    }

    /// Adds what a board has on its root bus by itself, with its USB or without.
    pub fn with_board(mut self, board: Board, has_usb: bool) -> Slots {
        let own: &[(Function, bool)] = match board {
            // host bridge, PIIX3 with IDE and power management
            Board::Pc => &[((0, 0), false), ((1, 0), true), ((1, 1), false), ((1, 3), false)],
            // host bridge, ICH9 with SATA and SMBus
            Board::Q35 => &[((0, 0), false), ((0x1f, 0), true), ((0x1f, 2), true), ((0x1f, 3), false)],
            // the host bridge of PCI Express
            _ if is_virt(Some(board)) => &[((0, 0), false)],
            _ => &[],
        };
        let usb: &[(Function, bool)] = match board {
            Board::Pc if has_usb => &[((1, 2), false)],
            Board::Q35 if has_usb => &[((0x1d, 0), true), ((0x1d, 1), true), ((0x1d, 2), true), ((0x1d, 7), true)],
            _ => &[],
        };
        let bus = self.buses.entry(self.root.to_owned()).or_default();
        for &(function, multifunction) in own.iter().chain(usb) {
            bus.insert(function, Holder { whose: "the board's".to_owned(), multifunction });
        }
        self
    }

    /// A device of the board's comes onto the root bus, at an address or in the first slot that is free; its slot.
    ///
    /// # Errors
    ///
    /// [`Refused`], where QEMU has no place for it.
    pub fn board_device(&mut self, name: &str, whose: &str, at: Option<Function>) -> Result<Option<Function>, Refused> {
        if !self.gives {
            return Ok(None);
        }
        let holder = Holder { whose: whose.to_owned(), multifunction: false };
        self.place(self.root, name, holder, at).map(Some)
    }

    /// A device of the line comes: its address, where QEMU chooses that.
    ///
    /// # Errors
    ///
    /// [`Refused`], where QEMU has no place for it.
    pub fn comes(&mut self, parts: &Parts) -> Result<Option<Function>, Refused> {
        let driver = parts.first.as_str();
        if !is_pci(driver) {
            return Ok(None);
        }
        let is_bridge = BRIDGES.contains(&driver);
        let (id, wanted) = (parts.get("id").filter(|id| !id.is_empty()), parts.get("bus"));
        let bus = wanted.map_or_else(|| self.last_root.clone(), str::to_owned);
        if wanted.is_none() && bus != self.root && !is_bridge {
            let what = format!(
                "{driver}: QEMU puts what names no bus onto the root bus that was made last, and takes nothing but bridges and ports \
                 there (QEMU refuses that)"
            );
            return Err((
                what,
                "name the bus: bus=pci.0 on pc, bus=pcie.0 elsewhere, or a bridge or port behind the expander",
            ));
        }
        let at = parts.get("addr").and_then(address);
        let is_given = at.is_some() || self.gives;
        let is_known = self.buses.contains_key(&bus) && parts.get("addr").is_none_or(|text| address(text).is_some());
        let mut found = None;
        if is_known && is_given {
            let whose = id.map_or_else(|| format!("that of {driver}"), |id| format!("that of {id}"));
            let multifunction = parts.switch("multifunction") == Some(true);
            let function = self.place(&bus, driver, Holder { whose, multifunction }, at)?;
            found = at.is_none().then_some(function);
        }
        if is_bridge {
            self.bridge(driver, id);
        }
        Ok(found)
    }

    /// The bus that comes with a bridge.
    fn bridge(&mut self, driver: &str, id: Option<&str>) {
        let is_express =
            !["pci-bridge", "pci-bridge-seat", "i82801b11-bridge", "pcie-pci-bridge", "pxb"].contains(&driver);
        let name = match id {
            Some(id) => id.to_owned(),
            // of what is one of PCI Express the first has the name of the root bus
            None if is_express => return,
            None => {
                self.nameless += 1;
                format!("pci.{}", self.nameless - 1)
            }
        };
        if driver.starts_with("pxb") {
            self.last_root = name.clone();
            // a bridge of its own is in its slot 0, and has the id; what names no bus comes beside it
            if driver == "pxb" {
                self.last_root = format!("{name} (its root bus)");
                let inner = Holder { whose: "that of its own bridge".to_owned(), multifunction: false };
                self.buses.insert(self.last_root.clone(), BTreeMap::from([((0, 0), inner)]));
            }
        }
        self.buses.entry(name).or_default();
    }

    /// Takes an address, or the first slot that is free.
    fn place(&mut self, bus: &str, name: &str, holder: Holder, at: Option<Function>) -> Result<Function, Refused> {
        let taken = self.buses.entry(bus.to_owned()).or_default();
        let free = || (0..SLOTS).map(|slot| (slot, 0)).find(|function| !taken.contains_key(function));
        let Some((slot, function)) = at.or_else(free) else {
            let what = format!("{name}: every slot of bus \"{bus}\" is taken (QEMU refuses that)");
            return Err((what, "put it behind a bridge or a port"));
        };
        if let Some(other) = taken.get(&(slot, function)) {
            let of = if function > 0 { format!(" function {function}") } else { String::new() };
            return Err((format!("{name}: slot {slot:#x}{of} is {} (QEMU refuses that)", other.whose), ANOTHER_SLOT));
        }
        let is_single = |holder: &Holder| !holder.multifunction;
        if function > 0 && taken.get(&(slot, 0)).is_some_and(is_single) {
            let what = format!(
                "PCI: single function device can't be populated in function {slot:x}.{function:x} (QEMU refuses that)"
            );
            return Err((what, SHARED_SLOT));
        }
        let beside = (1..FUNCTIONS).find(|function| taken.contains_key(&(slot, *function)));
        if let Some(beside) = beside.filter(|_| function == 0 && is_single(&holder)) {
            let what = format!(
                "PCI: {slot:x}.0 indicates single function, but {slot:x}.{beside:x} is already populated (QEMU refuses that)"
            );
            return Err((what, SHARED_SLOT));
        }
        taken.insert((slot, function), holder);
        Ok((slot, function))
    }

    /// Slots of the root bus whose function 0 nobody has while others have some: firmware does not look at those.
    pub fn unseen(&self) -> BTreeSet<u8> {
        let root = self.buses.get(self.root).filter(|_| self.gives);
        let taken = root.into_iter().flat_map(BTreeMap::keys);
        let is_zero = |slot: u8| root.is_some_and(|root| root.contains_key(&(slot, 0)));
        taken.map(|(slot, _)| *slot).filter(|slot| !is_zero(*slot)).collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::guest::qemu::{Reading, read_text};

    fn read(line: &str) -> Result<String, String> {
        let guest = read_text("line", line, &Reading::default()).map_err(|error| error.what)?;
        let at = guest.devices.iter().filter_map(|device| {
            Some(format!("{}={:x}.{:x}", device.name, device.device.slot?, device.device.function))
        });
        Ok(at.collect::<Vec<_>>().join(" "))
    }

    // as QEMU 7.2 says by `info qtree`
    #[rstest::rstest]
    #[case::behind_screen_and_card("kvm -drive if=virtio,file=a -device e1000,id=e", "nic0=3.0 nic1=4.0 virtio-0=5.0")]
    #[case::of_q35("kvm -M q35 -device e1000", "nic0=2.0 nic1=3.0")]
    #[case::what_nothing_boots_from(
        "kvm -nodefaults -device virtio-balloon -device pci-serial -device e1000 -device ich9-intel-hda -device rtl8139",
        "nic0=4.0 nic1=6.0"
    )]
    #[case::around_what_is_written(
        "kvm -nodefaults -device e1000,addr=3 -device e1000 -device e1000",
        "nic0=3.0 nic1=2.0 nic2=4.0"
    )]
    #[case::cards_of_nic_first(
        "kvm -nodefaults -net nic,model=e1000 -net nic,model=e1000,addr=8 -nic user,model=rtl8139 -net user",
        "nic0=2.0 nic1=3.0 nic2=8.0"
    )]
    #[case::json_comes_last(
        "kvm -nodefaults -device '{\"driver\":\"e1000\"}' -drive if=virtio,file=a -device rtl8139",
        "nic0=2.0 nic1=4.0 virtio-0=3.0"
    )]
    #[case::a_file_system(
        "kvm -nodefaults -virtfs local,path=/,mount_tag=t,security_model=none -device e1000",
        "nic0=3.0"
    )]
    #[case::what_is_no_pci(
        "kvm -nodefaults -device isa-serial -device virtio-scsi -device virtserialport -device e1000",
        "nic0=3.0"
    )]
    #[case::an_iommu_that_is_a_function("kvm -M q35 -nodefaults -device amd-iommu -device e1000", "nic0=2.0")]
    #[case::behind_a_bridge(
        "kvm -nodefaults -device pci-bridge,id=b,chassis_nr=1 -device e1000,bus=b -device e1000",
        "nic0=1.0 nic1=3.0"
    )]
    #[case::on_virt(
        "qemu-system-aarch64 -M virt -nodefaults -device virtio-balloon-pci -device virtio-net-pci",
        "nic0=2.0"
    )]
    #[case::of_a_global("kvm -nodefaults -global e1000.addr=7 -device e1000", "nic0=7.0")]
    #[case::not_where_a_shell_puts_in_words("kvm -nodefaults $MORE -device e1000", "")]
    #[case::not_of_a_part("-device e1000", "")]
    fn a_device_without_an_address_has_the_one_that_qemu_gives_it(#[case] line: &str, #[case] wanted: &str) {
        assert_eq!(read(line).as_deref(), Ok(wanted));
    }

    #[rstest::rstest]
    #[case::of_another("-device e1000,addr=5,id=a -device rtl8139,addr=5", "rtl8139: slot 0x5 is that of a ")]
    #[case::of_one_without_an_id(
        "-device virtio-balloon,addr=5 -device e1000,addr=5",
        "slot 0x5 is that of virtio-balloon "
    )]
    #[case::that_was_given_out("-device virtio-balloon -device e1000,addr=2", "slot 0x2 is that of virtio-balloon ")]
    #[case::behind_a_bridge(
        "-device pci-bridge,id=b,chassis_nr=1 -device e1000,bus=b,id=a -device e1000,bus=b,addr=0",
        "slot 0x0 is that of a "
    )]
    #[case::a_function(
        "-device e1000,addr=5,multifunction=on -device e1000,addr=5.1 -device e1000,addr=5.1",
        "slot 0x5 function 1 is that of e1000 "
    )]
    #[case::of_a_card("-nic user -device e1000,addr=2", "slot 0x2 is that of a card of the board's ")]
    #[case::of_two_cards("-net nic,addr=5 -net nic,addr=5", "slot 0x5 is that of a card of the board's ")]
    #[case::the_first_free_one_has_a_function(
        "-device e1000,addr=2.1 -device e1000",
        "2.0 indicates single function, but 2.1 is already populated"
    )]
    #[case::so_for_a_drive(
        "-device e1000,addr=2.1 -drive if=virtio,file=a",
        "2.0 indicates single function, but 2.1 is already populated"
    )]
    #[case::behind_an_expander("-device pxb,id=p,bus_nr=9 -device e1000", "takes nothing but bridges and ports")]
    #[case::usb_of_the_board("-usb -device e1000,addr=1.2", "slot 0x1 function 2 is the board's ")]
    fn a_place_that_qemu_has_not_is_refused(#[case] line: &str, #[case] what: &str) {
        let error = read(&format!("kvm -nodefaults {line}")).unwrap_err();
        assert!(error.contains(what) && error.ends_with("(QEMU refuses that)"), "{error}");
    }

    #[test]
    fn a_full_bus_takes_no_more() {
        let line = |count: usize| format!("kvm -nodefaults {}", "-device virtio-balloon ".repeat(count));
        assert_eq!(read(&line(30)), Ok(String::new()));
        assert!(read(&line(31)).unwrap_err().contains("every slot of bus \"pci.0\" is taken"));
    }

    #[test]
    fn a_device_that_is_plugged_in_comes_behind_those_of_the_line() {
        let typed =
            crate::guest::hmp::read("typed", "drive_add 0 if=none,id=a,file=a\ndevice_add virtio-blk-pci,drive=a\n")
                .unwrap();
        let reading = Reading { typed: ("typed", &typed), ..Reading::default() };
        let guest = read_text("line", "kvm -nodefaults -S -device virtio-balloon", &reading).unwrap();
        assert_eq!(guest.devices[0].device.slot, Some(3));
    }
}

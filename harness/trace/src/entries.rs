//! Which device is behind an attempt that SeaBIOS calls `Hard Disk`, `DVD/CD`, `Floppy` or `ROM`.
//!
//! Two witnesses in its log say that. `Searching bootorder for:` stands where a device is registered, and from the order of
//! these lines and SeaBIOS' own sorting follows what it tries first. `drive 0x000e8bd0: ... s=32768` stands where a hard disk
//! is mapped, in the order of drive numbers from 0x80: its size names it where no other has that size, and its pointer does
//! where one has, since a driver takes memory for one drive after the other, each below the last (`malloc_fseg` and
//! `malloc_low`). Where sizes are equal both must agree. What they leave open stays open.

use super::Names;
use super::bios_names::{BiosName, Function, Kind, rest_behind};
use super::effort::spend;

/// What a device is by default where nothing lists it, by QEMU's `-boot order=` letters (`boot_init` in `src/boot.c`).
const LAST: u32 = 9999;

/// Entries kept; SeaBIOS has room for fewer.
const LIMIT: usize = 256;

/// Bytes of boot order that are compared with what SeaBIOS says that it searches: a lap of twenty devices takes some 10 KiB.
pub(super) const SEARCH_LIMIT: usize = 64 << 20;

/// Registered and mapped so far on this lap.
#[derive(Clone, Default)]
pub struct Entries {
    /// In the order of their lines.
    registered: Vec<Registered>,
    mapped: Vec<Mapped>,
    /// How many the line before registered.
    just_registered: usize,
    /// Optical drives, floppies and ROMs that were tried.
    tried: [usize; 4],
    /// Bytes that were compared, on all laps.
    compared: usize,
    /// Disks that SeaBIOS has found unfit.
    unfit: Vec<usize>,
    /// It has found one unfit whose place only firmware knows.
    unfit_unknown: bool,
}

#[derive(Clone)]
struct Registered {
    /// Place in [`Names::bios`]; `None` for a ROM of QEMU's own.
    device: Option<usize>,
    /// Place in the boot order, from 1.
    priority: Option<u32>,
}

#[derive(Clone)]
struct Mapped {
    pointer: u64,
    sectors: u32,
}

/// What is known of the device behind an attempt.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Which {
    /// It is this one.
    pub device: Option<usize>,
    /// It is one of these.
    pub could_be: Vec<usize>,
}

impl Which {
    fn known(device: usize) -> Which {
        Which { device: Some(device), could_be: Vec::new() }
    }

    fn one_of(devices: Vec<usize>) -> Which {
        match devices.as_slice() {
            [] => Which::default(),
            [one] => Which::known(*one),
            _ => Which { device: None, could_be: devices },
        }
    }
}

impl Entries {
    /// Nothing is registered or mapped yet on another lap.
    pub fn next_lap(&self) -> Entries {
        Entries { compared: self.compared, ..Entries::default() }
    }

    /// Whether devices are no longer looked for: the log makes that take too long.
    pub fn has_given_up(&self) -> bool {
        self.compared > SEARCH_LIMIT
    }

    /// Takes a line of the log.
    pub fn line(&mut self, line: &str, names: &Names, boot_order: &[String]) {
        let just_registered = std::mem::take(&mut self.just_registered);
        if let Some(pattern) = line.strip_prefix("Searching bootorder for: ") {
            self.searched(pattern, names, boot_order);
        } else if line.starts_with("skipping init of a non-bootable") {
            self.registered.truncate(self.registered.len().saturating_sub(just_registered));
        } else if line.contains(": unsupported block size ") || line.starts_with("scsi_is_ready returned ") {
            // of a SCSI disk it is known only behind the search whether it can be one
            let scsi = |registered: &Registered| {
                let name = registered.device.and_then(|device| names.bios.get(device));
                name.is_some_and(|name| {
                    name.kind == Kind::Disk && (0x60..0x90).contains(&name.driver.0) && name.driver.0 != 0x61
                })
            };
            self.found_unfit(scsi);
        } else if line.contains(" block size ") && line.ends_with(" is unsupported") {
            // said before it is registered, but for a strict order, which is searched before its driver begins
            let address = line.split(' ').nth(1);
            match names.bios.iter().position(|name| name.address.as_deref().is_some_and(|at| Some(at) == address)) {
                Some(device) => {
                    self.registered.retain(|known| known.device != Some(device));
                    self.unfit.push(device);
                }
                None => self.unfit_unknown = true,
            }
        } else if let Some(mapped) = mapped(line).filter(|_| self.mapped.len() < LIMIT) {
            self.mapped.push(mapped);
        }
    }

    /// The last that was registered of some is no drive.
    fn found_unfit(&mut self, is_one: impl Fn(&Registered) -> bool) {
        if let Some(place) = self.registered.iter().rposition(is_one) {
            self.unfit.extend(self.registered.remove(place).device);
        }
    }

    fn searched(&mut self, pattern: &str, names: &Names, boot_order: &[String]) {
        let lines = names.bios.iter().map(|name| &name.line).chain(boot_order);
        let compared = lines.map(|line| line.len() + pattern.len()).sum::<usize>();
        self.compared += compared;
        if self.has_given_up() {
            return;
        }
        spend(compared);
        // the namespaces of one NVMe controller are searched as that
        let devices = (0..names.bios.len()).filter(|&device| names.bios[device].is_searched_as(pattern));
        let mut devices: Vec<Option<usize>> = devices.map(Some).collect();
        // QEMU's own ROMs boot a kernel; the one of the local APIC boots nothing
        if devices.is_empty()
            && self.registered.len() < LIMIT
            && pattern.starts_with("/rom@genroms/")
            && !pattern.contains("vapic")
        {
            devices.push(None);
        }
        let place = boot_order.iter().position(|line| rest_behind(pattern, line).is_some());
        let priority = place.and_then(|place| u32::try_from(place + 1).ok());
        // with a strict order it is searched before its driver begins, too
        self.registered.retain(|known| known.device.is_none() || !devices.contains(&known.device));
        self.just_registered = devices.len();
        self.registered.extend(devices.into_iter().map(|device| Registered { device, priority }));
    }

    /// The device that is tried now. `letters` are those of `-boot order=` that hold on this lap; `chosen` says that
    /// somebody opened the boot menu, whose choice comes before all.
    pub fn next(&mut self, kind: Kind, names: &Names, boot_order: &[String], letters: &str, chosen: bool) -> Which {
        spend(names.bios.len() * (self.registered.len() + boot_order.len()));
        let turn = self.tried[kind as usize];
        self.tried[kind as usize] += 1;
        if self.lacks_one(kind, names, boot_order) {
            let all = (0..names.bios.len()).filter(|&device| is_medium_of(&names.bios[device], kind));
            return Which::one_of(all.collect());
        }
        match kind {
            Kind::Disk => self.first_disk(names, letters, chosen),
            // drive 0x00 is the one that is mapped first, however often it is tried
            Kind::Floppy => self.turn(0, kind, names, letters, chosen),
            Kind::Optical | Kind::Rom => self.turn(turn, kind, names, letters, chosen),
        }
    }

    /// Whether no disk is mapped of those that the machine has.
    pub fn maps_none(&self, names: &Names) -> bool {
        self.mapped.is_empty() && names.bios.iter().any(|name| is_medium_of(name, Kind::Disk))
    }

    /// Whether a device is not registered although nothing explains that: the line that registers it is missing, and who
    /// comes first cannot be told.
    fn lacks_one(&self, kind: Kind, names: &Names, boot_order: &[String]) -> bool {
        let strict = boot_order.last().is_some_and(|last| last == "HALT");
        let left_out = |name: &BiosName| strict && !boot_order.contains(&name.line);
        let registered = |device: usize| self.registered.iter().any(|known| known.device == Some(device));
        let lacks = |(device, name): (usize, &BiosName)| {
            is_medium_of(name, kind) && !left_out(name) && !registered(device) && !self.unfit.contains(&device)
        };
        names.fixed && !self.unfit_unknown && names.bios.iter().enumerate().any(lacks)
    }

    fn turn(&self, turn: usize, kind: Kind, names: &Names, letters: &str, chosen: bool) -> Which {
        let sorted = self.sorted(kind, names, letters);
        if chosen && sorted.len() > 1 {
            return Which { device: None, could_be: sorted.into_iter().flatten().collect() };
        }
        match sorted.get(turn) {
            Some(Some(device)) => Which::known(*device),
            _ => Which::default(),
        }
    }

    /// The registered devices of a kind in SeaBIOS' order.
    fn sorted(&self, kind: Kind, names: &Names, letters: &str) -> Vec<Option<usize>> {
        type Key<'a> = (u32, (u8, u32), Option<&'a Function>);
        let mut default = default_priority(kind, letters);
        let mut entries: Vec<(Key<'_>, Option<usize>)> = Vec::new();
        for registered in &self.registered {
            let name: Option<&BiosName> = registered.device.and_then(|device| names.bios.get(device));
            if name.map_or(Kind::Rom, |name| name.kind) != kind {
                continue;
            }
            let priority = registered.priority.unwrap_or(default);
            if kind == Kind::Rom {
                default = LAST; // of ROMs only the first has it (`boot_add_bev`)
            }
            let driver = name.map_or((0, 0), |name| name.driver);
            entries.push(((priority, driver, name.and_then(|name| name.function.as_ref())), registered.device));
        }
        entries.sort_by_key(|(rank, _)| *rank);
        entries.into_iter().map(|(_, device)| device).collect()
    }

    /// Drive 0x80.
    fn first_disk(&self, names: &Names, letters: &str, chosen: bool) -> Which {
        let is_disk = |device: &usize| is_medium_of(&names.bios[*device], Kind::Disk);
        let all = (0..names.bios.len()).filter(is_disk);
        let registered = self.registered.iter().filter_map(|registered| registered.device).filter(is_disk).count();
        let Some(first) = self.mapped.first() else {
            let lost = names.fixed && !self.unfit_unknown && registered > 0;
            return if lost { Which::one_of(all.collect()) } else { Which::default() };
        };
        if registered > 0 && registered != self.mapped.len() {
            // a line of either kind is missing, perhaps the first
            return Which::one_of(all.collect());
        }
        let fitting: Vec<usize> = all.filter(|&device| names.bios[device].has_size(first.sectors)).collect();
        if fitting.len() < 2 {
            return Which::one_of(fitting);
        }
        let sorted: Vec<usize> = self.sorted(Kind::Disk, names, letters).into_iter().flatten().collect();
        let paired = self.paired(names);
        let known =
            paired.filter(|device| fitting.contains(device) && self.may_be_first(*device, &sorted, names, chosen));
        known.map_or(Which::one_of(fitting), Which::known)
    }

    /// Whether SeaBIOS' sorting puts this disk first, and the sizes that it mapped are those of the disks so sorted.
    fn may_be_first(&self, device: usize, sorted: &[usize], names: &Names, chosen: bool) -> bool {
        let mut order = sorted.to_vec();
        if chosen {
            order.retain(|other| *other != device);
            order.insert(0, device);
        }
        let sizes = |(device, mapped): (&usize, &Mapped)| names.bios[*device].has_size(mapped.sectors);
        order.first() == Some(&device) && order.len() == self.mapped.len() && order.iter().zip(&self.mapped).all(sizes)
    }

    /// The disk that was mapped first by its pointer: from the top of each kind of memory down in the order in which disks were
    /// registered.
    fn paired(&self, names: &Names) -> Option<usize> {
        let first = self.mapped.first()?;
        let low = |mapped: &&Mapped| mapped.pointer < 0xf0000;
        let is_low = low(&first);
        let mut pointers: Vec<u64> =
            self.mapped.iter().filter(|mapped| low(mapped) == is_low).map(|mapped| mapped.pointer).collect();
        pointers.sort_unstable_by(|one, other| other.cmp(one));
        let disks = self.registered.iter().filter_map(|registered| registered.device);
        let of_memory = |device: &usize| {
            let name = &names.bios[*device];
            // of all drivers, only virtio's take low memory
            name.kind == Kind::Disk && matches!(name.driver.0, 0x60 | 0x61) == is_low
        };
        let disks: Vec<usize> = disks.filter(of_memory).collect();
        let place = pointers.iter().position(|pointer| *pointer == first.pointer)?;
        disks.get(place).copied().filter(|_| disks.len() == pointers.len())
    }
}

fn is_medium_of(name: &BiosName, kind: Kind) -> bool {
    name.kind == kind && name.medium.is_some()
}

/// SeaBIOS reads three letters out of CMOS memory: the first one's kind has priority 101, the next 102, 103; a kind that is
/// not among them comes behind all.
fn default_priority(kind: Kind, letters: &str) -> u32 {
    let letter = match kind {
        Kind::Floppy => 'a',
        Kind::Disk => 'c',
        Kind::Optical => 'd',
        Kind::Rom => 'n',
    };
    (101..).zip(letters.chars().take(3)).find(|(_, own)| *own == letter).map_or(LAST, |(priority, _)| priority)
}

/// Whether a line maps a drive of a size that no disk of the machine has, where all their sizes are known.
pub fn is_of_no_disk(line: &str, names: &Names) -> bool {
    let Some(mapped) = mapped(line) else { return false };
    let disks: Vec<&BiosName> = names.bios.iter().filter(|name| is_medium_of(name, Kind::Disk)).collect();
    // of an NVMe namespace blocks are counted, which may have 4096 bytes (`src/hw/nvme.c`)
    let blocks = |disk: &BiosName| (disk.sectors / 8) as u32 == mapped.sectors;
    !disks.is_empty() && !disks.iter().any(|disk| disk.has_size(mapped.sectors) || disk.has_size(0) || blocks(disk))
}

/// `drive 0x000f5960: PCHS=4/16/63 translation=none LCHS=4/16/63 s=4096`.
fn mapped(line: &str) -> Option<Mapped> {
    let (pointer, rest) = line.strip_prefix("drive 0x")?.split_once(": ")?;
    let sectors = rest.strip_prefix("PCHS=")?.rsplit_once(" s=")?.1.parse().ok()?;
    Some(Mapped { pointer: u64::from_str_radix(pointer, 16).ok()?, sectors })
}

#[cfg(test)]
mod tests {
    use super::*;
    use bootwright_machine::machine::layout::Layout;
    use bootwright_machine::machine::{DeviceClass, Firmware, Machine, Medium, UsbController};

    fn names(machine: &Machine, sectors: &[u64]) -> Names {
        let layout = Layout::of(machine).unwrap();
        let sizes = sectors.iter().copied().chain(std::iter::repeat(0));
        let all = (0..machine.devices.len()).zip(sizes);
        Names {
            bios: all.filter_map(|(index, size)| BiosName::of(machine, &layout, index, size)).collect(),
            ..Names::default()
        }
    }

    fn entries(names: &Names, boot_order: &[&str], log: &[&str]) -> Entries {
        let boot_order: Vec<String> = boot_order.iter().map(|&line| line.to_owned()).collect();
        let mut entries = Entries::default();
        log.iter().for_each(|line| entries.line(line, names, &boot_order));
        entries
    }

    const ORDER: [&str; 2] = ["/pci@i0cf8/scsi@4/disk@0,0", "/pci@i0cf8/scsi@3/disk@0,0"];
    const FIRST: &str = "Searching bootorder for: /pci@i0cf8/*@3";
    const SECOND: &str = "Searching bootorder for: /pci@i0cf8/*@4";

    fn two_disks() -> Machine {
        Machine::pc(Firmware::SeaBios).virtio_blk(Medium::blank("a")).virtio_blk(Medium::blank("b"))
    }

    #[test]
    fn of_two_disks_of_one_size_order_and_pointer_name_the_first() {
        let names = names(&two_disks(), &[40_960, (1 << 32) + 40_960]);
        let mapped = ["drive 0x000e8b60: PCHS=40/16/63 s=40960", "drive 0x000e8bd0: PCHS=40/16/63 s=40960"];
        let log = [&[FIRST, SECOND], &mapped[..]].concat();
        assert_eq!(entries(&names, &ORDER, &log).next(Kind::Disk, &names, &[], "cad", false), Which::known(1));
        let swapped = [FIRST, SECOND, mapped[1], mapped[0]];
        let open = Which { device: None, could_be: vec![0, 1] };
        assert_eq!(
            entries(&names, &ORDER, &swapped).next(Kind::Disk, &names, &[], "cad", false),
            open,
            "witnesses disagree"
        );
        assert_eq!(
            entries(&names, &ORDER, &log[1..]).next(Kind::Disk, &names, &[], "cad", false),
            open,
            "a line is missing"
        );
        assert_eq!(
            entries(&names, &ORDER, &swapped).next(Kind::Disk, &names, &[], "cad", true),
            Which::known(0),
            "a choice"
        );
    }

    #[test]
    fn no_disk_is_mapped_where_the_machine_has_some_and_the_log_maps_none() {
        let names = names(&two_disks(), &[100, 200]);
        let log = [FIRST, SECOND, "drive 0x000e8bd0: PCHS=1/1/1 s=100"];
        assert!(!entries(&names, &ORDER, &log).maps_none(&names));
        assert!(entries(&names, &ORDER, &log[..2]).maps_none(&names));
        let no_disks = self::names(&Machine::pc(Firmware::SeaBios).nic("e1000", None), &[]);
        assert!(!entries(&no_disks, &[], &[]).maps_none(&no_disks));
    }

    #[test]
    fn a_size_that_no_other_has_names_a_disk_whatever_the_order_should_be() {
        let names = names(&two_disks(), &[100, 200]);
        let log = [FIRST, SECOND, "drive 0x000e8bd0: PCHS=1/1/1 s=100", "drive 0x000e8b60: PCHS=1/1/1 s=200"];
        assert_eq!(entries(&names, &ORDER, &log).next(Kind::Disk, &names, &[], "cad", false), Which::known(0));
        let foreign = [FIRST, SECOND, "drive 0x000e8bd0: PCHS=1/1/1 s=300", "drive 0x000e8b60: PCHS=1/1/1 s=200"];
        assert_eq!(entries(&names, &ORDER, &foreign).next(Kind::Disk, &names, &[], "cad", false), Which::default());
    }

    #[test]
    fn optical_drives_that_nothing_lists_are_tried_by_driver_and_not_by_place_among_the_devices() {
        let machine = Machine::pc(Firmware::SeaBios)
            .cdrom(DeviceClass::VirtioScsi { hba: 0, target: 0, lun: 0 }, Medium::bootable("installer"))
            .slot(3)
            .cdrom(DeviceClass::Ide { channel: 1, unit: 0 }, Medium::blank("drivers"));
        let names = names(&machine, &[]);
        let log = [
            "Searching bootorder for: /pci@i0cf8/*@3/*@0/*@0,0",
            "Searching bootorder for: /pci@i0cf8/*@1,1/drive@1/disk@0",
        ];
        let mut entries = entries(&names, &[], &log);
        let tried: Vec<Which> = (0..3).map(|_| entries.next(Kind::Optical, &names, &[], "d", false)).collect();
        assert_eq!(tried, [Which::known(1), Which::known(0), Which::default()]);
    }

    #[test]
    fn the_floppy_that_is_listed_first_is_drive_0() {
        let machine = Machine::pc(Firmware::SeaBios)
            .floppy(Medium::bootable("a"))
            .disk(DeviceClass::Floppy { unit: 1 }, Medium::blank("b"));
        let names = names(&machine, &[]);
        let log = [
            "Searching bootorder for: /pci@i0cf8/isa@1/fdc@03f0/floppy@0",
            "Searching bootorder for: /pci@i0cf8/isa@1/fdc@03f0/floppy@1",
        ];
        let order = ["/pci@i0cf8/isa@1/fdc@03f0/floppy@1", "/pci@i0cf8/isa@1/fdc@03f0/floppy@0"];
        assert_eq!(entries(&names, &order, &log).next(Kind::Floppy, &names, &[], "cad", false), Which::known(1));
        assert_eq!(entries(&names, &[], &log).next(Kind::Floppy, &names, &[], "cad", false), Which::known(0));
        let open = entries(&names, &[], &log).next(Kind::Floppy, &names, &[], "cad", true);
        assert_eq!(open, Which { device: None, could_be: vec![0, 1] });
    }

    #[test]
    fn nics_that_nothing_lists_are_tried_in_the_order_of_their_roms() {
        let machine = Machine::pc(Firmware::SeaBios).nic("tulip", None).slot(3).nic("e1000", None).slot(9);
        let machine = machine.nic("e1000", None).slot(4);
        let names = names(&machine, &[]);
        let log =
            [SECOND, "Searching bootorder for: /pci@i0cf8/*@9", "Searching bootorder for: /rom@genroms/kvmvapic.bin"];
        let mut entries = entries(&names, &[], &log);
        let tried: Vec<Which> = (0..3).map(|_| entries.next(Kind::Rom, &names, &[], "n", false)).collect();
        assert_eq!(tried, [Which::known(2), Which::known(1), Which::default()]);
    }

    #[test]
    fn a_device_that_a_strict_order_leaves_out_is_not_registered() {
        let machine = two_disks()
            .disk(DeviceClass::UsbStorage { controller: UsbController::Xhci, port: 1 }, Medium::blank("usb"));
        let names = names(&machine, &[7, 7, 7]);
        let log = [
            FIRST,
            "skipping init of a non-bootable virtio-blk at 00:03.0",
            SECOND,
            SECOND,
            "drive 0x000e8bd0: PCHS=1/1/1 s=7",
        ];
        assert_eq!(entries(&names, &ORDER[..1], &log).next(Kind::Disk, &names, &[], "cad", false), Which::known(1));
    }
}

//! libvirt's domain XML, by libvirt's own rules: which bus a target is on, where a device without an address goes, which
//! devices `<boot dev=...>` reaches, and what QEMU is told.
//!
//! The rules are those of libvirt's `src/conf/domain_conf.c` and `src/qemu/qemu_domain_address.c`; tests hold them against
//! command lines that libvirt 9.0 and 11.3 made.

mod address;
mod buses;
mod by_class;
mod controller;
mod device;
mod disk;
mod domain;
mod interface;
#[cfg(test)]
mod order_tests;
mod os;
mod others;
mod passed;
mod pci;
#[cfg(test)]
mod pci_tests;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use super::boards::{cpu_of_host, is_ccw, is_pseries};
use super::functions;
use super::loadparm;
use super::xml::{Element, Xml};
use super::{Guest, GuestDevice, GuestError, GuestFirmware, Notes, Origin, Plug, Unapplied, Untried};
use crate::machine::Board;

use address::{Address, alias, boot_order};
use by_class::ByClass;
use disk::{Bus, Disk, Kind};
use domain::Domain;
use interface::Interface;
use others::Other;
use pci::{Owner, Places};

/// Elements of `<domain>` that firmware does not see.
const UNSEEN: [&str; 38] = [
    "uuid",
    "genid",
    "hwuuid",
    "title",
    "description",
    "metadata",
    "memory",
    "maxMemory",
    "currentMemory",
    "memoryBacking",
    "memtune",
    "blkiotune",
    "numatune",
    "vcpu",
    "vcpus",
    "iothreads",
    "iothreadids",
    "defaultiothread",
    "cputune",
    "features",
    "clock",
    "on_poweroff",
    "on_reboot",
    "on_crash",
    "on_lockfailure",
    "pm",
    "perf",
    "sysinfo",
    "resource",
    "seclabel",
    "idmap",
    "keywrap",
    "launchSecurity",
    "throttlegroups",
    "bootloader",
    "bootloader_args",
    "id",
    "fibrechannel",
];
/// Those that it sees.
const SEEN: [&str; 4] = ["name", "os", "cpu", "devices"];
/// Elements of `<devices>` that no firmware boots from.
const NEVER_BOOTED: [&str; 28] = [
    "emulator",
    "lease",
    "filesystem",
    "smartcard",
    "serial",
    "parallel",
    "console",
    "channel",
    "input",
    "tpm",
    "graphics",
    "sound",
    "audio",
    "video",
    "redirfilter",
    "hub",
    "watchdog",
    "memballoon",
    "shmem",
    "memory",
    "panic",
    "iommu",
    "vsock",
    "nvram",
    "crypto",
    "pstore",
    "rng",
    "acpiTable",
];
/// Those that it may boot from.
const BOOTED: [&str; 5] = ["disk", "interface", "controller", "hostdev", "redirdev"];

/// Reads a domain. `attached` are further texts, each one device as `virsh attach-device` takes it, with their names.
///
/// # Errors
///
/// [`GuestError`]: no XML, no domain, an element that libvirt does not know, or what libvirt itself would refuse.
pub fn read(file: &str, text: &str, attached: &[(&str, &str)]) -> Result<Guest, GuestError> {
    let xml = Xml::parse(file, text)?;
    let root = xml.root();
    if root.name() != "domain" {
        let what = format!("<{}> is no domain", root.name());
        return Err(root.error(what, "give the <domain> that virsh dumpxml prints, or a <network>"));
    }
    match root.attribute("type") {
        None | Some("kvm" | "qemu" | "hvf") => {}
        Some(other) => return Err(root.attribute_error("type", other, "kvm or qemu (QEMU runs no other domain)")),
    }
    root.knows(&[&UNSEEN[..], &SEEN[..]].concat())?;
    let parsed: Vec<Xml<'_>> = attached.iter().map(|(file, text)| Xml::parse(file, text)).collect::<Result<_, _>>()?;
    let parts: Vec<Element<'_, '_>> = parsed.iter().map(Xml::root).collect();
    Reader::default().domain(file, root, &parts)
}

/// What is being read.
#[derive(Default)]
struct Reader {
    notes: Notes,
    domain: Domain,
    rng: bool,
    untried: Vec<Untried>,
    unapplied: Vec<Unapplied>,
    /// How many devices of the host there are, by the word that libvirt calls them by.
    hosts: BTreeMap<&'static str, usize>,
    /// Ranks of `<boot order=...>`, with the line of each.
    orders: BTreeMap<u32, u32>,
    /// Addresses on a channel subsystem or the hypervisor's bus, with the line of each.
    numbers: BTreeMap<Address, u32>,
    /// Indices of the controllers.
    indices: controller::Indices,
}

impl Reader {
    fn domain(mut self, file: &str, root: Element<'_, '_>, attached: &[Element<'_, '_>]) -> Result<Guest, GuestError> {
        let name = root.child("name").map_or("unnamed", |name| name.text()).to_owned();
        let os = root
            .child("os")
            .ok_or_else(|| root.error("the domain has no <os>", "name its type: <os><type>hvm</type></os>"))?;
        let os = os::read(os, &mut self.notes)?;
        self.note_unseen(root);
        if let Some(devices) = root.child("devices") {
            devices.knows(&[&BOOTED[..], &NEVER_BOOTED[..]].concat())?;
            self.indices = controller::indices(devices.children())?;
            for element in devices.children() {
                self.device(element, os.board)?;
            }
        }
        for element in attached {
            if !BOOTED.contains(&element.name()) {
                let what = format!("<{}> is no device that a guest boots from", element.name());
                return Err(element.error(what, "give a <disk> or an <interface>, as virsh attach-device takes it"));
            }
            self.device(*element, os.board)?;
        }
        self.domain.settle_transports();
        self.domain.settle_units();
        self.check_order(&os)?;
        let mut by_class = ByClass::of(&os, !self.orders.is_empty(), &mut self.notes);
        let (mut devices, aliases) = self.devices(&os, &mut by_class)?;
        let left = passed::apply(root, &mut devices, &aliases, &mut self.notes);
        self.unapplied.extend(left);
        let mut boot = os.boot;
        if is_ccw(os.board) {
            self.unapplied.extend(loadparm::settle((&mut boot, os.line), &mut devices, &mut self.notes));
        }
        self.tell(&devices);
        let cpu = cpu(root, os.board, &mut self.notes);
        Ok(Guest {
            fw_cfg: Vec::new(),
            file: file.to_owned(),
            origin: Origin::Libvirt,
            name,
            architecture: os.architecture,
            machine_type: os.machine_type,
            board: os.board,
            firmware: os.firmware,
            cpu,
            rng: self.rng,
            boot,
            serial_console: os.serial_console,
            kernel: os.kernel,
            devices,
            typed: Vec::new(),
            line: os.line,
            unreached: by_class.unreached,
            untried: self.untried,
            unapplied: self.unapplied,
            strangers: Vec::new(),
            notes: self.notes,
        })
    }

    fn note_unseen(&mut self, root: Element<'_, '_>) {
        let passed = |child: &Element<'_, '_>| ["commandline", "override"].contains(&child.name());
        for element in root.children().filter(|child| child.namespace().is_some() && !passed(child)) {
            let words = format!("<{}> of another namespace: QEMU may be told more than is known here", element.name());
            self.notes.ignored(element.line(), words);
        }
        for (name, instead) in [("memory", "the firmware gets what it needs"), ("vcpu", "one processor")] {
            if let Some(element) = root.child(name) {
                let unit = element.attribute("unit").map(|unit| format!(" {unit}")).unwrap_or_default();
                self.notes.replaced(element.line(), format!("<{name}> {}{unit}: {instead}", element.text()));
            }
        }
    }

    fn device(&mut self, element: Element<'_, '_>, board: Option<Board>) -> Result<(), GuestError> {
        self.numbered(element, board)?;
        self.domain.has_transports |= Address::of(element)? == Some(Address::VirtioMmio);
        match element.name() {
            "disk" => {
                let Some(disk) = disk::read(element, &mut self.notes)? else {
                    let target = element.child("target");
                    let named = |name| target.and_then(|target| target.attribute(name)).unwrap_or("?");
                    return self.untried(element, named("dev").to_owned(), format!("a disk on bus '{}'", named("bus")));
                };
                self.rank(element, disk.boot)?;
                if let Some(twin) = self.domain.disks.iter().find(|other| other.name == disk.name) {
                    let what = format!("target '{}' is given twice, first on line {}", disk.name, twin.line);
                    return Err(element.error(what, "give each disk a target dev of its own"));
                }
                self.domain.insert(disk);
            }
            "interface" => {
                let interface = interface::read(element, board, &mut self.notes)?;
                self.rank(element, interface.boot)?;
                self.domain.interfaces.push(interface);
            }
            "controller" => {
                let read = controller::read(element, &self.domain.controllers, &mut self.indices, board)?;
                self.domain.controllers.push(read);
            }
            "hostdev" | "redirdev" => {
                if element.attribute("type") == Some("scsi") {
                    return self.scsi_of_host(element);
                }
                let rank = boot_order(element)?.map(|order| format!(" with boot order {order}")).unwrap_or_default();
                let words = format!("<{}>{rank}: a device of the host cannot be had here", element.name());
                self.notes.ignored(element.line(), words);
                let (word, what) = match (element.name(), element.attribute("type")) {
                    ("redirdev", _) => ("redir", "a USB device of a viewer"),
                    (_, Some("pci")) => ("hostdev", "vfio-pci, a PCI device of the host"),
                    (_, Some("usb")) => ("hostdev", "usb-host, a USB device of the host"),
                    _ => ("hostdev", "a device of the host"),
                };
                let count = self.hosts.entry(word).or_default();
                let name = alias(element).unwrap_or_else(|| format!("{word}{count}"));
                *count += 1;
                self.untried(element, name, what.to_owned())?;
                self.domain.others.extend(Other::of(element, board)?);
            }
            "rng" if element.attribute("model").is_none_or(|model| model.starts_with("virtio")) => {
                self.rng = true;
                let driver = if is_ccw(board) { "virtio-rng-ccw" } else { "virtio-rng-pci" };
                self.notes.took(element.line(), format!("<rng>: {driver}"));
                self.domain.others.extend(Other::of(element, board)?);
            }
            name => self.never_booted(name, element, board)?,
        }
        Ok(())
    }

    /// A SCSI device of the host: firmware sees a disk on an adapter of the guest's.
    fn scsi_of_host(&mut self, element: Element<'_, '_>) -> Result<(), GuestError> {
        let count = self.hosts.entry("hostdev").or_default();
        let name = alias(element).unwrap_or_else(|| format!("hostdev{count}"));
        *count += 1;
        let disk = Disk::of_host(element, name)?;
        self.rank(element, disk.boot)?;
        self.domain.of_host.push(disk);
        Ok(())
    }

    /// Refuses what libvirt refuses of an address on a channel subsystem or the hypervisor's bus: on another board, or where another device has it.
    fn numbered(&mut self, element: Element<'_, '_>, board: Option<Board>) -> Result<(), GuestError> {
        let own = |at: &Address| matches!(at, Address::Ccw { .. } | Address::Vio { .. });
        if let Some(boot) = element.child("boot").filter(|boot| boot.attribute("loadparm").is_some() && !is_ccw(board))
        {
            self.notes.ignored(boot.line(), "loadparm: only firmware of s390x reads it");
        }
        // a console of the XML may be its serial port once more
        let at = Address::of(element)?.filter(own).filter(|_| element.name() != "console");
        let Some(at) = at else { return Ok(()) };
        let address = element.child("address").unwrap_or(element);
        let (has_it, bus, words) = match at {
            Address::Ccw { image, set, number } => {
                (is_ccw(board), "a channel subsystem", format!("device number {image:x}.{set:x}.{number:04x}"))
            }
            Address::Vio { reg } => (is_pseries(board), "the bus of a pseries' hypervisor", format!("reg {reg:#x}")),
            _ => return Ok(()),
        };
        if board.is_some() && !has_it {
            let kind = address.attribute("type").unwrap_or_default();
            let what = format!("an address of type '{kind}' on a machine without {bus} (libvirt refuses that)");
            return Err(address.error(what, "take <address> out: libvirt gives the device one"));
        }
        if let Some(line) = self.numbers.insert(at, address.line()) {
            let what = format!("{words} is in use already, first on line {line} (libvirt refuses that)");
            return Err(address.error(what, "give each device an address of its own, or none"));
        }
        if ["disk", "interface"].contains(&element.name()) || element.attribute("type") == Some("scsi") {
            self.notes.replaced(address.line(), format!("{words}: one of our own"));
        }
        Ok(())
    }

    /// Keeps the row of a device with a rank that cannot be had here.
    fn untried(&mut self, element: Element<'_, '_>, name: String, kind: String) -> Result<(), GuestError> {
        let order = boot_order(element)?;
        self.rank(element, order)?;
        if let Some(order) = order {
            self.untried.push(Untried { name, line: element.line(), kind, rank: Some(i64::from(order)) });
        }
        Ok(())
    }

    fn never_booted(&mut self, name: &str, element: Element<'_, '_>, board: Option<Board>) -> Result<(), GuestError> {
        self.domain.others.extend(Other::of(element, board)?);
        let target = element.child("target");
        match name {
            "filesystem" if boot_order(element)?.is_some() => {
                let order = boot_order(element)?.unwrap_or_default();
                self.notes.ignored(
                    element.line(),
                    format!("<filesystem> with boot order {order}: no firmware boots from one"),
                );
                let target = target.and_then(|target| target.attribute("dir")).unwrap_or("filesystem");
                self.untried(element, target.to_owned(), "a file system of the host".to_owned())?;
            }
            "video" => self.domain.has_video = true,
            "graphics" => self.domain.has_graphics = true,
            "memballoon" => self.domain.has_balloon = true,
            "channel" | "console" if target.and_then(|target| target.attribute("type")) == Some("virtio") => {
                let address = element.child("address").filter(|at| at.attribute("type") == Some("virtio-serial"));
                let controller = address.map(|address| address.number("controller")).transpose()?.flatten();
                self.domain.serials.insert(controller.unwrap_or_default());
            }
            "hub" => self.domain.hubs.push(Address::of(element)?),
            "tpm" => {
                self.notes.ignored(element.line(), "<tpm>: firmware measures what it boots, and chooses nothing by it")
            }
            _ => {}
        }
        Ok(())
    }

    /// Notes a rank, which no other device may have.
    fn rank(&mut self, element: Element<'_, '_>, order: Option<u32>) -> Result<(), GuestError> {
        let Some(order) = order else { return Ok(()) };
        let boot = element.child("boot").unwrap_or(element);
        match self.orders.insert(order, boot.line()) {
            None => Ok(()),
            Some(line) => {
                let what = format!("boot order '{order}' is used for more than one device, first on line {line}");
                Err(boot.error(what, "give each device that may boot an order of its own"))
            }
        }
    }

    fn check_order(&self, os: &os::Os) -> Result<(), GuestError> {
        let per_device = self.domain.disks.iter().find(|disk| disk.boot.is_some()).map(|disk| disk.line);
        let per_device =
            per_device.or_else(|| self.domain.interfaces.iter().find(|nic| nic.boot.is_some()).map(|nic| nic.line));
        match (&os.boot_element, per_device.or_else(|| self.orders.values().next().copied())) {
            (Some(error), Some(line)) => {
                let mut error = error.clone();
                error.what = format!(
                    "per-device boot elements cannot be used together with os/boot elements (libvirt): <boot dev=...> here, \
                     <boot order=...> in the device on line {line}"
                );
                error.fix =
                    "keep one kind: remove <boot dev=...> and give every device that may boot a <boot order=...>"
                        .to_owned();
                Err(error)
            }
            _ => Ok(()),
        }
    }

    /// The devices, and what libvirt calls each.
    fn devices(&mut self, os: &os::Os, by_class: &mut ByClass) -> Result<(Vec<GuestDevice>, Vec<String>), GuestError> {
        let places = Places::of(&self.domain, os.board);
        let (mut devices, mut aliases) = (Vec::new(), Vec::new());
        let disks = self.domain.disks.iter().map(|disk| (disk, true));
        let disks: Vec<(Disk, bool)> = disks
            .chain(self.domain.of_host.iter().map(|disk| (disk, false)))
            .map(|(disk, own)| (disk.clone(), own))
            .collect();
        for (disk, has_class) in &disks {
            let by_class = || by_class.rank(disk.kind.class(), &disk.name);
            let rank = disk.boot.map(i64::from).or_else(|| has_class.then(by_class).flatten());
            if !self.is_tried(disk, rank, os.board) {
                continue;
            }
            if disk.bus == Bus::Virtio && places.lacks(&Owner::Disk(disk.name.clone())) {
                self.without_place(&disk.name, disk.line, rank, "a virtio disk");
                continue;
            }
            devices.push(device::of_disk(disk, rank, &self.domain, &places, os.board)?);
            aliases.push(device::alias_of_disk(disk));
            self.tell_bridge(&disk.name, disk.line, disk.address);
        }
        let mut nics = 0;
        for (index, interface) in self.domain.interfaces.clone().iter().enumerate() {
            let name =
                interface.model.as_ref().map_or_else(|| untried_name(interface, index), |_| format!("nic{nics}"));
            let rank = interface.boot.map(i64::from).or_else(|| by_class.rank(os::Class::Network, &name));
            let Some(device) = device::of_interface(interface, index, nics, rank, &places) else {
                self.untried_interface(interface, index, rank);
                continue;
            };
            if places.lacks(&Owner::Nic(index)) {
                self.without_place(&device.name, interface.line, rank, &device.kind);
                continue;
            }
            self.tell_bridge(&device.name, interface.line, interface.address);
            nics += 1;
            devices.push(device);
            aliases.push(interface.alias.clone().unwrap_or_else(|| format!("net{index}")));
        }
        functions::settle(&mut devices, os.board, &places.unseen);
        Ok((devices, aliases))
    }

    /// Whether a disk can be had here. A CD drive on USB is a usb-storage of libvirt's and so a hard disk to firmware, or a CD drive
    /// where libvirt makes it of usb-bot (`qemuDomainDeviceDiskDefPostParse` in its `src/qemu/qemu_postparse.c`).
    fn is_tried(&mut self, disk: &Disk, rank: Option<i64>, board: Option<Board>) -> bool {
        if let Some(kind) = device::elsewhere(disk, &self.domain, board) {
            let (name, line) = (disk.name.clone(), disk.line);
            self.notes.ignored(line, format!("{name}: {kind}, cannot be had here"));
            self.untried.push(Untried { name, line, kind, rank });
            return false;
        }
        if disk.bus != Bus::Usb || disk.kind != Kind::Cdrom {
            return true;
        }
        let (name, line) = (disk.name.clone(), disk.line);
        match disk.model.as_deref() {
            Some("usb-bot") => {
                let kind = "usb-bot, a CD drive on USB".to_owned();
                self.notes.ignored(line, format!("{name}: {kind}, cannot be had here"));
                self.untried.push(Untried { name, line, kind, rank });
                return false;
            }
            Some(_) => {
                self.notes.took(line, format!("{name}: usb-storage, which makes a hard disk of the CD for firmware"))
            }
            None => {
                let words = format!(
                    "{name}: a CD drive on USB is taken for usb-storage, which makes a hard disk of the CD for firmware; a libvirt that \
                     knows model='usb-bot' makes a CD drive of it, which cannot be had here"
                );
                self.notes.replaced(line, words.clone());
                self.unapplied.push(Unapplied { line, words });
            }
        }
        true
    }

    /// Keeps the row of a device that is behind a PCI bridge, where ours have no slot left.
    fn without_place(&mut self, name: &str, line: u32, rank: Option<i64>, kind: &str) {
        let kind = format!("{kind} behind a further PCI bridge");
        self.notes.ignored(line, format!("{name}: {kind}, cannot be had here"));
        self.untried.push(Untried { name: name.to_owned(), line, kind, rank });
    }

    /// Keeps the row of an interface that cannot be had here.
    fn untried_interface(&mut self, interface: &Interface, index: usize, rank: Option<i64>) {
        let line = interface.line;
        let kind = if interface.is_hostdev {
            let rank = rank.map(|rank| format!(" with bootindex {rank}")).unwrap_or_default();
            let words = format!("<interface type='hostdev'>{rank}: vfio-pci, a device of the host cannot be had here");
            self.notes.ignored(line, words);
            "vfio-pci, a network card of the host".to_owned()
        } else {
            format!("a card of model '{}'", interface.word)
        };
        let name = untried_name(interface, index);
        if rank.is_some() {
            self.untried.push(Untried { name, line, kind, rank });
        }
    }

    fn tell_bridge(&mut self, name: &str, line: u32, address: Option<Address>) {
        if let Some(bridge) = device::replaced_bridge(address, &self.domain) {
            self.notes.replaced(line, format!("{name}: behind {bridge}: a place of its own on the root bus"));
        }
    }

    fn tell(&mut self, devices: &[GuestDevice]) {
        for device in devices {
            let what = match (&device.source, &device.network) {
                (Some(source), _) => format!("{source}: a medium of our own"),
                (None, Some(Plug::Network(name))) => format!("network '{name}': a network of our own"),
                (None, Some(Plug::User(_))) => "QEMU's user network: a network of our own".to_owned(),
                (None, Some(Plug::Host(what))) => format!("{what}: a network of our own"),
                (None, Some(Plug::Nothing)) => "the link is down: it stays without a network".to_owned(),
                (None, None) => "an empty drive stays empty".to_owned(),
            };
            let rank = device.device.bootindex.map_or("no rank".to_owned(), |rank| format!("bootindex {rank}"));
            self.notes.took(device.line, format!("{}: {}, {rank}", device.name, device.kind));
            self.notes.replaced(device.line, format!("{}: {what}", device.name));
        }
    }
}

/// What an interface that cannot be had here is called.
fn untried_name(interface: &Interface, index: usize) -> String {
    let word = if interface.is_hostdev { "hostnic" } else { "net" };
    interface.alias.clone().unwrap_or_else(|| format!("{word}{index}"))
}

/// `-cpu`. QEMU's translator has no processor of the host.
fn cpu(root: Element<'_, '_>, board: Option<Board>, notes: &mut Notes) -> Option<String> {
    let element = root.child("cpu")?;
    let model = element.child("model").map(|model| model.text()).filter(|model| !model.is_empty());
    match (element.attribute("mode"), model) {
        (None | Some("custom"), Some(model)) => {
            notes.replaced(element.line(), format!("<cpu> {model}: QEMU's default"));
            None
        }
        (Some(mode @ ("host-passthrough" | "host-model" | "maximum")), _) => {
            let max = cpu_of_host(board);
            let instead = max.map_or("QEMU's default".to_owned(), |max| format!("-cpu {max}"));
            notes.replaced(element.line(), format!("<cpu mode='{mode}'>: {instead}"));
            max.map(str::to_owned)
        }
        _ => None,
    }
}

impl Guest {
    /// Whether libvirt would choose the firmware file itself.
    pub(crate) fn chooses_firmware(&self) -> bool {
        matches!(&self.firmware, GuestFirmware::Uefi(uefi) if uefi.code.is_none())
    }
}

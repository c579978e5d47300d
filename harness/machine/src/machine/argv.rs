//! QEMU's command line as a pure function of the machine, its layout and the files of one run.

use std::path::PathBuf;

use super::board::FirmwareStore;
use super::bridge::tap;
use super::layout::{ChannelPlace, Layout, Placed, RNG_CHANNEL, rng_slot};
use super::{Access, Clock, Device, DeviceClass, Firmware, Machine, OptionRom, Root, Value};

/// The files of one run that the command line names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files {
    /// SeaBIOS image for `-bios`.
    pub bios: Option<PathBuf>,
    /// OVMF_CODE, mapped read-only.
    pub code: Option<PathBuf>,
    /// This machine's own copy of OVMF_VARS.
    pub vars: Option<PathBuf>,
    /// The medium of each device, in device order.
    pub media: Vec<Option<PathBuf>>,
    /// fw_cfg entries whose content is a file, name and file.
    pub fw_cfg: Vec<(String, PathBuf)>,
    /// Data directories for `-L`, in search order.
    pub data_dirs: Vec<PathBuf>,
}

/// What the machine's ports are connected to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wiring {
    /// Socket pairs whose near ends the harness holds, as inherited descriptor numbers, and the serial port's pipes.
    Harness {
        /// QMP.
        qmp: i32,
        /// First serial port: the name of its pipes without `.in` and `.out`.
        serial: String,
        /// Debug console at port 0x402.
        debugcon: i32,
        /// One for each NIC that has a network, in device order: a socket to its lan, or on a real bridge a pipe for the
        /// frames that pass its tap device.
        nics: Vec<i32>,
        /// The build has `-sandbox`.
        sandbox: bool,
        /// The machine's state comes from another QEMU (`-incoming defer`).
        incoming: bool,
        /// The socket to the TPM, where it has one.
        tpm: Option<i32>,
    },
    /// A person at a terminal: serial port on standard output, debug console in a file, networks without a peer.
    ByHand {
        /// File for the debug console.
        debugcon: PathBuf,
        /// The socket of the TPM, where it has one.
        tpm: Option<PathBuf>,
    },
}

/// QEMU's arguments, without the program.
///
/// Pure: the same input gives the same list, and nothing is read or created.
pub fn argv(machine: &Machine, layout: &Layout, files: &Files, wiring: &Wiring) -> Vec<String> {
    let mut argv = Argv::default();
    argv.one("-no-user-config").one("-nodefaults").two("-display", "none");
    for dir in &files.data_dirs {
        argv.two("-L", &dir.display().to_string());
    }
    board(&mut argv, machine);
    clock(&mut argv, machine);
    firmware(&mut argv, machine, files);
    secure_boot(&mut argv, machine);
    kernel(&mut argv, machine);
    for (name, file) in &files.fw_cfg {
        argv.two("-fw_cfg", &join(&[("name", text(name)), ("file", text(file.display()))]));
    }
    boot(&mut argv, machine);
    if machine.paused || is_held(machine, wiring) {
        argv.one("-S");
    }
    ports(&mut argv, machine, wiring);
    for controller in &layout.controllers {
        let mut words = vec![("id", text(&controller.id))];
        words.extend(controller.properties.iter().map(|(name, value)| (name.as_str(), value.clone())));
        words.push(("bus", text(&controller.at.bus)));
        words.push(("addr", text(controller.at.address)));
        if controller.multifunction {
            words.push(("multifunction", true.into()));
        }
        argv.two("-device", &option(controller.driver, &words));
    }
    for adapter in &layout.channel_adapters {
        let mut words = vec![("id", text(&adapter.id))];
        words.extend(adapter.properties.iter().map(|(name, value)| (name.as_str(), value.clone())));
        words.push(("devno", text(adapter.at)));
        argv.two("-device", &option(adapter.driver, &words));
    }
    for adapter in &layout.vio_adapters {
        let mut words = vec![("id", text(&adapter.id)), ("reg", adapter.at.into())];
        words.extend(adapter.properties.iter().map(|(name, value)| (name.as_str(), value.clone())));
        argv.two("-device", &option(adapter.driver, &words));
    }
    for hub in &layout.hubs {
        let words = [("id", text(&hub.id)), ("bus", text(&hub.bus)), ("port", text(hub.port))];
        argv.two("-device", &option("usb-hub", &words));
    }
    devices(&mut argv, machine, layout, files, wiring);
    tpm(&mut argv, machine, wiring);
    argv.0
}

/// The `-device` option of one device (`driver,key=value,...`); stories plug devices in with the same words.
pub fn device_option(device: &Device, placed: &Placed, index: usize) -> Option<String> {
    let (driver, words) = device_properties(device, placed, index)?;
    Some(option(driver, &words))
}

/// The same device as name and properties, for `device_add`.
pub fn device_properties<'a>(
    device: &'a Device,
    placed: &Placed,
    index: usize,
) -> Option<(&'a str, Vec<(&'a str, Value)>)> {
    let mut words = vec![("id", text(&placed.id))];
    let driver = match &device.class {
        DeviceClass::VirtioBlk if placed.channel.is_some() => "virtio-blk-ccw",
        DeviceClass::VirtioBlk if placed.mmio.is_some() => "virtio-blk-device",
        DeviceClass::VirtioBlk => "virtio-blk-pci",
        DeviceClass::VirtioScsi { target, lun, .. } => {
            words.push(("scsi-id", (*target).into()));
            words.push(("lun", (*lun).into()));
            if device.optical { "scsi-cd" } else { "scsi-hd" }
        }
        DeviceClass::Scsi { target, lun, .. } => {
            words.push(("scsi-id", (*target).into()));
            words.push(("lun", (*lun).into()));
            if device.optical { "scsi-cd" } else { "scsi-hd" }
        }
        DeviceClass::NvmeNamespace { nsid, .. } => {
            words.push(("nsid", (*nsid).into()));
            "nvme-ns"
        }
        DeviceClass::UsbBehindHub { hub, port, .. } => {
            words.push(("port", text(format!("{hub}.{port}"))));
            "usb-storage"
        }
        DeviceClass::Ide { unit, .. } => {
            words.push(("unit", (*unit).into()));
            if device.optical { "ide-cd" } else { "ide-hd" }
        }
        DeviceClass::Ahci { .. } => {
            if device.optical {
                "ide-cd"
            } else {
                "ide-hd"
            }
        }
        DeviceClass::Nvme => {
            words.push(("serial", text(format!("nvme{index}"))));
            "nvme"
        }
        DeviceClass::UsbStorage { port, .. } => {
            words.push(("port", text(port))); // text to QEMU: a port behind a hub is 1.2
            "usb-storage"
        }
        DeviceClass::Floppy { .. } => return None,
        DeviceClass::Nic(nic) => {
            words.push(("mac", text(mac(index))));
            match nic.rom {
                // what is on no PCI bus has no ROM
                _ if placed.mmio.is_some() => {}
                OptionRom::Default => {}
                OptionRom::Empty => words.push(("romfile", text(""))),
                OptionRom::EmptyFile => words.push(("romfile", text("/dev/null"))),
                OptionRom::NoBar => words.push(("rombar", 0_u8.into())),
            }
            if nic.lan.is_some() {
                words.push(("netdev", text(format!("net{index}"))));
            }
            let driver = if placed.mmio.is_some() { "virtio-net-device" } else { nic.model.name() };
            return Some((driver, finish(words, device, placed)));
        }
    };
    if device.medium.is_some() {
        words.push(("drive", text(format!("medium{index}"))));
    }
    if let Some((cylinders, heads, sectors)) = device.logical_geometry {
        words.extend([("lcyls", cylinders.into()), ("lheads", heads.into()), ("lsecs", sectors.into())]);
    }
    if let Some(size) = device.block_size {
        words.extend([("logical_block_size", size.logical.into()), ("physical_block_size", size.physical.into())]);
    }
    Some((driver, finish(words, device, placed)))
}

/// The MAC address of a NIC: QEMU's own prefix, the device's index last.
pub fn mac(index: usize) -> String {
    format!("52:54:00:12:34:{:02x}", 0x10 + index)
}

/// The `-blockdev` description of a medium as key and value; stories add media with the same words.
pub fn blockdev_properties(device: &Device, index: usize, file: &std::path::Path) -> Vec<(&'static str, Value)> {
    let foreign = device.medium.as_ref().and_then(|medium| medium.file.as_ref());
    let driver = match foreign {
        Some(image) if device.optical => image.format.driver(),
        Some(_) => "qcow2",
        None => "raw",
    };
    let mut words = vec![
        ("driver", text(driver)),
        ("node-name", text(format!("medium{index}"))),
        ("file.driver", text("file")),
        ("file.filename", text(file.display())),
    ];
    // the overlay names nothing below it, so that nobody else can
    if let Some(image) = foreign.filter(|_| !device.optical) {
        words.extend([
            ("backing.driver", text(image.format.driver())),
            ("backing.read-only", true.into()),
            ("backing.file.driver", text("file")),
            ("backing.file.filename", text(image.path.display())),
        ]);
    }
    if device.optical {
        words.push(("read-only", true.into()));
    } else {
        words.push(("cache.no-flush", true.into()));
    }
    words
}

fn finish<'a>(mut words: Vec<(&'a str, Value)>, device: &'a Device, placed: &Placed) -> Vec<(&'a str, Value)> {
    match (placed.channel, placed.vio) {
        (Some(at), _) if placed.bus.is_empty() => words.push(("devno", text(at))),
        (_, Some(at)) if placed.bus.is_empty() => words.push(("reg", at.into())),
        // QEMU finds one
        _ if placed.bus.is_empty() => {}
        _ => words.push(("bus", text(&placed.bus))),
    }
    if let Some(at) = placed.address {
        words.push(("addr", text(at)));
        if device.multifunction {
            words.push(("multifunction", true.into()));
        }
    }
    if let Some(bootindex) = device.bootindex {
        words.push(("bootindex", bootindex.into()));
    }
    words.extend(device.properties.iter().map(|(name, value)| (name.as_str(), value.clone())));
    words
}

fn board(argv: &mut Argv, machine: &Machine) {
    let mut words = vec![("accel", text(machine.accelerator.name()))];
    // iPXE names its error codes on the text console only
    let ipxe = machine.firmware == Firmware::SeaBios && machine.plugged_nics().next().is_some();
    if machine.serial_console || ipxe {
        words.push(("graphics", false.into()));
    }
    if machine.needs_smm() {
        words.push(("smm", true.into()));
    }
    let facts = machine.board.facts();
    if let Some(loadparm) = &machine.boot.loadparm {
        words.push(("loadparm", text(loadparm)));
    }
    if !facts.acpi {
        words.push(("acpi", false.into()));
    }
    argv.two("-machine", &option(facts.machine_type, &words));
    argv.two("-m", &machine.ram_mib_or_default().to_string());
    if let Some(cpu) = machine.cpu_or_default() {
        // not an option list: QEMU splits model and features at single commas itself (`parse_cpu_option`)
        argv.two("-cpu", cpu);
    }
    if machine.vga {
        argv.two("-vga", "std");
    }
}

fn clock(argv: &mut Argv, machine: &Machine) {
    if let Clock::Virtual { shift } = machine.clock() {
        argv.two("-icount", &format!("shift={shift},sleep=off"));
    }
    argv.two("-rtc", "base=2026-01-01T00:00:00,clock=vm");
    argv.two("-uuid", "b0071216-4757-4b5a-8000-000000000001");
    argv.two("-seed", "1");
}

fn firmware(argv: &mut Argv, machine: &Machine, files: &Files) {
    if let Some(bios) = &files.bios {
        argv.two("-bios", &bios.display().to_string());
    }
    let access = machine.variable_store.access;
    let vars = files.vars.as_ref().filter(|_| access != Access::Absent);
    let FirmwareStore::Pflash { code, variables } = machine.board.facts().store else { return };
    let images = [(code, files.code.as_ref(), true), (variables, vars, access == Access::ReadOnly)];
    for (unit, image, read_only) in images {
        if let Some(image) = image {
            let mut words = vec![
                ("if", text("pflash")),
                ("unit", unit.into()),
                ("format", text("raw")),
                ("readonly", read_only.into()),
            ];
            // the host's disk need not have it when QEMU ends, as it need not have a medium
            if !read_only {
                words.push(("cache.no-flush", true.into()));
            }
            words.push(("file", text(image.display())));
            argv.two("-drive", &join(&words));
        }
    }
}

/// The build that enforces Secure Boot keeps its variables out of reach of the operating system, which a sleep could undo.
fn secure_boot(argv: &mut Argv, machine: &Machine) {
    if machine.needs_smm() {
        argv.two("-global", "driver=cfi.pflash01,property=secure,value=on");
        argv.two("-global", "ICH9-LPC.disable_s3=1");
    }
}

/// The kernel that QEMU hands over.
fn kernel(argv: &mut Argv, machine: &Machine) {
    let Some(kernel) = &machine.kernel else { return };
    argv.two("-kernel", &kernel.kernel.display().to_string());
    if let Some(initrd) = &kernel.initrd {
        argv.two("-initrd", &initrd.display().to_string());
    }
    if let Some(append) = &kernel.append {
        argv.two("-append", append);
    }
}

fn boot(argv: &mut Argv, machine: &Machine) {
    let boot = &machine.boot;
    let mut words = Vec::new();
    words.extend(boot.order.as_ref().map(|letters| ("order", text(letters))));
    words.extend(boot.once.as_ref().map(|letters| ("once", text(letters))));
    words.extend(boot.menu.map(|menu| ("menu", menu.into())));
    words.extend(boot.splash_time.map(|time| ("splash-time", time.into())));
    words.extend(boot.reboot_timeout.map(|time| ("reboot-timeout", time.into())));
    words.extend(boot.strict.map(|strict| ("strict", strict.into())));
    if !words.is_empty() {
        argv.two("-boot", &join(&words));
    }
    for (name, value) in &machine.fw_cfg {
        argv.two("-fw_cfg", &join(&[("name", text(name)), ("string", text(value))]));
    }
}

/// Whether a machine is powered on paused although it is to run: whoever powers it on says `cont` once the monitor answers.
pub fn is_held(machine: &Machine, wiring: &Wiring) -> bool {
    let starts = matches!(wiring, Wiring::Harness { incoming: false, .. });
    starts && !machine.paused && machine.board.facts().held_for_monitor
}

fn ports(argv: &mut Argv, machine: &Machine, wiring: &Wiring) {
    let board = machine.board.facts();
    if let Some(exit) = board.exit {
        argv.two("-device", exit);
    }
    match wiring {
        Wiring::Harness { qmp, serial, debugcon, sandbox, incoming, .. } => {
            argv.two("-chardev", &format!("socket,id=qmp,fd={qmp}")).two("-mon", "chardev=qmp,mode=control");
            argv.two("-chardev", &format!("pipe,id=serial,path={serial}")).two("-serial", "chardev:serial");
            argv.two("-chardev", &format!("socket,id=debugcon,fd={debugcon}"));
            if *sandbox {
                argv.two("-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny");
            }
            if *incoming {
                argv.two("-incoming", "defer");
            }
        }
        Wiring::ByHand { debugcon, .. } => {
            argv.two("-serial", "mon:stdio");
            argv.two("-chardev", &join(&[("file,id", text("debugcon")), ("path", text(debugcon.display()))]));
        }
    }
    if let Some(console) = board.debug_console {
        argv.two("-device", &format!("{console},chardev=debugcon"));
    }
    for _ in 0..machine.extra_serial_ports {
        argv.two("-serial", "null");
    }
    if machine.rng {
        match &board.root {
            Root::Pci(root) => {
                argv.two("-device", &format!("virtio-rng-pci,bus={},addr={:#x}", root.id, rng_slot(machine)))
            }
            Root::Ccw => argv.two("-device", &format!("virtio-rng-ccw,devno={}", ChannelPlace::numbered(RNG_CHANNEL))),
        };
    }
}

fn devices(argv: &mut Argv, machine: &Machine, layout: &Layout, files: &Files, wiring: &Wiring) {
    let mut nics = match wiring {
        Wiring::Harness { nics, .. } => nics.iter(),
        Wiring::ByHand { .. } => [].iter(),
    };
    let controller = machine.board.facts().floppy.as_ref().and_then(|controller| controller.added);
    if let Some(controller) = controller.filter(|_| machine.devices.iter().any(is_floppy)) {
        argv.two("-device", controller);
    }
    for (index, (device, placed)) in machine.devices.iter().zip(&layout.devices).enumerate() {
        // a story that plugs the device in brings its medium too
        if let Some(Some(file)) = files.media.get(index).filter(|_| !device.absent) {
            argv.two("-blockdev", &join(&blockdev_properties(device, index, file)));
        }
        if let DeviceClass::Nic(nic) = &device.class
            && nic.lan.is_some()
        {
            let real =
                nic.lan.and_then(|lan| machine.networks.get(lan)).is_some_and(|network| network.bridge.is_some());
            match (nics.next(), real) {
                (Some(fd), false) => {
                    argv.two("-netdev", &format!("stream,id=net{index},server=off,addr.type=fd,addr.str={fd}"));
                }
                (None, false) => {
                    argv.two("-netdev", &format!("hubport,id=net{index},hubid={index}"));
                }
                (fd, true) => {
                    let file = fd.map_or(format!("by-hand-{index}.pcap"), |fd| format!("/dev/fd/{fd}"));
                    let words = "script=no,downscript=no,vnet_hdr=off";
                    argv.two("-netdev", &format!("tap,id=net{index},ifname={},{words}", tap(index)));
                    argv.two("-object", &format!("filter-dump,id=dump{index},netdev=net{index},file={file}"));
                }
            }
        }
        if device.absent {
            continue;
        }
        if let DeviceClass::Floppy { unit } = device.class {
            floppy(argv, device, unit, index);
        } else if let Some(words) = device_option(device, placed, index) {
            argv.two("-device", &words);
        }
    }
}

/// The TPM, which another process plays.
fn tpm(argv: &mut Argv, machine: &Machine, wiring: &Wiring) {
    let facts = machine.board.facts();
    let device = machine.tpm.and_then(|tpm| facts.tpm.iter().find(|(way, _)| *way == tpm));
    let socket = match wiring {
        Wiring::Harness { tpm, .. } => tpm.map(|fd| ("fd", text(fd))),
        Wiring::ByHand { tpm, .. } => tpm.as_ref().map(|path| ("path", text(path.display()))),
    };
    if let (Some((_, device)), Some(socket)) = (device, socket) {
        argv.two("-chardev", &option("socket", &[("id", text("tpm")), socket]));
        argv.two("-tpmdev", "emulator,id=tpm0,chardev=tpm").two("-device", &format!("{device},tpmdev=tpm0"));
    }
}

fn is_floppy(device: &Device) -> bool {
    matches!(device.class, DeviceClass::Floppy { .. })
}

/// The floppy controller, not the drive, carries the bootindex.
fn floppy(argv: &mut Argv, device: &Device, unit: u8, index: usize) {
    if let Some(bootindex) = device.bootindex {
        let letter = if unit == 0 { 'A' } else { 'B' };
        argv.two("-global", &format!("isa-fdc.bootindex{letter}={bootindex}"));
    }
    let mut words = vec![("unit", unit.into())];
    if device.medium.is_some() {
        words.push(("drive", text(format!("medium{index}"))));
    }
    argv.two("-device", &option("floppy", &words));
}

fn text(words: impl ToString) -> Value {
    Value::Text(words.to_string())
}

fn option(first: &str, words: &[(&str, Value)]) -> String {
    let rest = join(words);
    if rest.is_empty() { first.to_owned() } else { format!("{first},{rest}") }
}

fn join(words: &[(&str, Value)]) -> String {
    words.iter().map(|(name, value)| format!("{name}={}", escape(&value.to_string()))).collect::<Vec<_>>().join(",")
}

/// QEMU's option syntax doubles a comma that belongs to a value.
fn escape(value: &str) -> String {
    value.replace(',', ",,")
}

#[derive(Default)]
struct Argv(Vec<String>);

impl Argv {
    fn one(&mut self, word: &str) -> &mut Argv {
        self.0.push(word.to_owned());
        self
    }

    fn two(&mut self, option: &str, value: &str) -> &mut Argv {
        self.one(option).one(value)
    }
}

#[cfg(test)]
mod tests;

//! QEMU's command line as a pure function of the machine, its layout and the files of one run.

use std::path::PathBuf;

use super::bridge::tap;
use super::layout::{Layout, Placed, RNG_SLOT};
use super::{Access, Board, Clock, Device, DeviceClass, Firmware, Machine, OptionRom};

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
    },
    /// A person at a terminal: serial port on standard output, debug console in a file, networks without a peer.
    ByHand {
        /// File for the debug console.
        debugcon: PathBuf,
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
    for (name, file) in &files.fw_cfg {
        argv.two("-fw_cfg", &join(&[("name", name.clone()), ("file", file.display().to_string())]));
    }
    boot(&mut argv, machine);
    ports(&mut argv, machine, wiring);
    for controller in &layout.controllers {
        let mut words = vec![("id", controller.id.clone())];
        words.extend(controller.properties.iter().map(|(name, value)| (name.as_str(), value.clone())));
        words.push(("bus", controller.bus.clone()));
        words.push(("addr", address(controller.address)));
        if controller.multifunction {
            words.push(("multifunction", "on".to_owned()));
        }
        argv.two("-device", &option(controller.driver, &words));
    }
    devices(&mut argv, machine, layout, files, wiring);
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
) -> Option<(&'static str, Vec<(&'a str, String)>)> {
    let mut words = vec![("id", placed.id.clone())];
    let driver = match &device.class {
        DeviceClass::VirtioBlk => "virtio-blk-pci",
        DeviceClass::VirtioScsi { target, lun, .. } => {
            words.push(("scsi-id", target.to_string()));
            words.push(("lun", lun.to_string()));
            if device.optical { "scsi-cd" } else { "scsi-hd" }
        }
        DeviceClass::Ide { unit, .. } => {
            words.push(("unit", unit.to_string()));
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
            words.push(("serial", format!("nvme{index}")));
            "nvme"
        }
        DeviceClass::UsbStorage { port, .. } => {
            words.push(("port", port.to_string()));
            "usb-storage"
        }
        DeviceClass::Floppy { .. } => return None,
        DeviceClass::Nic(nic) => {
            words.push(("mac", mac(index)));
            match nic.rom {
                OptionRom::Default => {}
                OptionRom::Empty => words.push(("romfile", String::new())),
                OptionRom::EmptyFile => words.push(("romfile", "/dev/null".to_owned())),
                OptionRom::NoBar => words.push(("rombar", "0".to_owned())),
            }
            if nic.lan.is_some() {
                words.push(("netdev", format!("net{index}")));
            }
            return Some((nic.driver()?, finish(words, device, placed)));
        }
    };
    if device.medium.is_some() {
        words.push(("drive", format!("medium{index}")));
    }
    if let Some((cylinders, heads, sectors)) = device.logical_geometry {
        words.extend([("lcyls", cylinders.to_string()), ("lheads", heads.to_string()), ("lsecs", sectors.to_string())]);
    }
    if let Some(bytes) = device.block_size {
        words.extend([("logical_block_size", bytes.to_string()), ("physical_block_size", bytes.to_string())]);
    }
    Some((driver, finish(words, device, placed)))
}

/// The MAC address of a NIC: QEMU's own prefix, the device's index last.
pub fn mac(index: usize) -> String {
    format!("52:54:00:12:34:{:02x}", 0x10 + index)
}

/// The `-blockdev` description of a medium as key and value; stories add media with the same words.
pub fn blockdev_properties(device: &Device, index: usize, file: &std::path::Path) -> Vec<(&'static str, String)> {
    let mut words = vec![
        ("driver", "raw".to_owned()),
        ("node-name", format!("medium{index}")),
        ("file.driver", "file".to_owned()),
        ("file.filename", file.display().to_string()),
    ];
    if device.optical {
        words.push(("read-only", "on".to_owned()));
    } else {
        words.push(("cache.no-flush", "on".to_owned()));
    }
    words
}

fn finish<'a>(mut words: Vec<(&'a str, String)>, device: &'a Device, placed: &Placed) -> Vec<(&'a str, String)> {
    words.push(("bus", placed.bus.clone()));
    if let Some(at) = placed.address {
        words.push(("addr", address(at)));
        if device.multifunction {
            words.push(("multifunction", "on".to_owned()));
        }
    }
    if let Some(bootindex) = device.bootindex {
        words.push(("bootindex", bootindex.to_string()));
    }
    words.extend(device.properties.iter().map(|(name, value)| (name.as_str(), value.clone())));
    words
}

fn board(argv: &mut Argv, machine: &Machine) {
    let mut words = vec![("accel", machine.accelerator.name().to_owned())];
    // iPXE names its error codes on the text console only
    let ipxe = machine.firmware == Firmware::SeaBios && machine.plugged_nics().next().is_some();
    if machine.serial_console || ipxe {
        words.push(("graphics", "off".to_owned()));
    }
    argv.two("-machine", &option(machine.board.name(), &words));
    argv.two("-m", &machine.ram_mib.to_string());
    if let Some(cpu) = &machine.cpu {
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
    let images = [(0, files.code.as_ref(), true), (1, vars, access == Access::ReadOnly)];
    for (unit, image, read_only) in images {
        if let Some(image) = image {
            let words = [
                ("if", "pflash".to_owned()),
                ("unit", unit.to_string()),
                ("format", "raw".to_owned()),
                ("readonly", if read_only { "on" } else { "off" }.to_owned()),
                ("file", image.display().to_string()),
            ];
            argv.two("-drive", &join(&words));
        }
    }
}

fn boot(argv: &mut Argv, machine: &Machine) {
    let boot = &machine.boot;
    let on_off = |on: bool| if on { "on" } else { "off" }.to_owned();
    let mut words = Vec::new();
    words.extend(boot.order.as_ref().map(|letters| ("order", letters.clone())));
    words.extend(boot.once.as_ref().map(|letters| ("once", letters.clone())));
    words.extend(boot.menu.map(|menu| ("menu", on_off(menu))));
    words.extend(boot.splash_time.map(|time| ("splash-time", time.to_string())));
    words.extend(boot.reboot_timeout.map(|time| ("reboot-timeout", time.to_string())));
    words.extend(boot.strict.map(|strict| ("strict", on_off(strict))));
    if !words.is_empty() {
        argv.two("-boot", &join(&words));
    }
    for (name, value) in &machine.fw_cfg {
        argv.two("-fw_cfg", &join(&[("name", name.clone()), ("string", value.clone())]));
    }
    if machine.paused {
        argv.one("-S");
    }
}

fn ports(argv: &mut Argv, machine: &Machine, wiring: &Wiring) {
    argv.two("-device", "isa-debug-exit,iobase=0xf4,iosize=4");
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
        Wiring::ByHand { debugcon } => {
            argv.two("-serial", "mon:stdio");
            argv.two(
                "-chardev",
                &join(&[("file,id", "debugcon".to_owned()), ("path", debugcon.display().to_string())]),
            );
        }
    }
    argv.two("-device", "isa-debugcon,iobase=0x402,chardev=debugcon");
    for _ in 0..machine.extra_serial_ports {
        argv.two("-serial", "null");
    }
    if machine.rng {
        let bus = if machine.board == Board::Pc { "pci.0" } else { "pcie.0" };
        argv.two("-device", &format!("virtio-rng-pci,bus={bus},addr={RNG_SLOT:#x}"));
    }
}

fn devices(argv: &mut Argv, machine: &Machine, layout: &Layout, files: &Files, wiring: &Wiring) {
    let mut nics = match wiring {
        Wiring::Harness { nics, .. } => nics.iter(),
        Wiring::ByHand { .. } => [].iter(),
    };
    if machine.board == Board::Q35 && machine.devices.iter().any(is_floppy) {
        argv.two("-device", "isa-fdc,id=fdc0");
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

fn is_floppy(device: &Device) -> bool {
    matches!(device.class, DeviceClass::Floppy { .. })
}

/// The floppy controller, not the drive, carries the bootindex.
fn floppy(argv: &mut Argv, device: &Device, unit: u8, index: usize) {
    if let Some(bootindex) = device.bootindex {
        let letter = if unit == 0 { 'A' } else { 'B' };
        argv.two("-global", &format!("isa-fdc.bootindex{letter}={bootindex}"));
    }
    let mut words = vec![("unit", unit.to_string())];
    if device.medium.is_some() {
        words.push(("drive", format!("medium{index}")));
    }
    argv.two("-device", &option("floppy", &words));
}

fn address((slot, function): (u8, u8)) -> String {
    format!("{slot:#x}.{function:#x}")
}

fn option(first: &str, words: &[(&str, String)]) -> String {
    let rest = join(words);
    if rest.is_empty() { first.to_owned() } else { format!("{first},{rest}") }
}

fn join(words: &[(&str, String)]) -> String {
    words.iter().map(|(name, value)| format!("{name}={}", escape(value))).collect::<Vec<_>>().join(",")
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

/// Whether a machine needs files of UEFI firmware rather than a BIOS image.
pub fn needs_pflash(machine: &Machine) -> bool {
    machine.firmware == Firmware::Ovmf
}

#[cfg(test)]
mod tests;

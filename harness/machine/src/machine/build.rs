//! The words with which cases put a machine together. Words about a device apply to the one added last.
//!
//! ```
//! use bootwright_machine::machine::{Firmware, Machine, Medium};
//!
//! let machine = Machine::pc(Firmware::SeaBios)
//!     .virtio_blk(Medium::bootable("wrong"))
//!     .virtio_blk(Medium::bootable("right"))
//!     .bootindex(1);
//! assert_eq!(machine.devices.len(), 2);
//! assert_eq!((machine.devices[0].bootindex, machine.devices[1].bootindex), (None, Some(1)));
//! ```

use super::{
    Accelerator, BlockSize, Board, BootOptions, Clock, Device, DeviceClass, Firmware, GivenSystem, KernelFiles,
    Machine, Medium, Network, Nic, NicModel, OptionRom, Place, ScsiAdapter, Tpm, UsbController, Value, VariableStore,
};

impl Machine {
    /// A machine with QEMU's `pc` board.
    pub fn pc(firmware: Firmware) -> Machine {
        Machine::new(firmware, Board::Pc)
    }

    /// A machine with QEMU's `q35` board.
    pub fn q35(firmware: Firmware) -> Machine {
        Machine::new(firmware, Board::Q35)
    }

    /// A machine without devices.
    pub fn new(firmware: Firmware, board: Board) -> Machine {
        Machine {
            firmware,
            board,
            ram_mib: None,
            cpu: None,
            accelerator: Accelerator::Tcg,
            clock: None,
            rng: false,
            extra_serial_ports: 0,
            vga: false,
            serial_console: false,
            paused: false,
            boot: BootOptions::default(),
            devices: Vec::new(),
            fw_cfg: Vec::new(),
            networks: Vec::new(),
            kernel: None,
            system: None,
            secure_boot: false,
            tpm: None,
            variable_store: VariableStore::default(),
        }
    }

    /// Adds a device of any class.
    pub fn device(mut self, class: DeviceClass, medium: Option<Medium>, optical: bool) -> Machine {
        self.devices.push(Device {
            class,
            medium,
            optical,
            place: Place::Root,
            slot: None,
            function: 0,
            multifunction: false,
            bootindex: None,
            logical_geometry: None,
            block_size: None,
            properties: Vec::new(),
            adapter_properties: Vec::new(),
            absent: false,
        });
        self
    }

    /// Adds a hard disk of any class.
    pub fn disk(self, class: DeviceClass, medium: Medium) -> Machine {
        self.device(class, Some(medium), false)
    }

    /// Adds an optical drive of any class.
    pub fn cdrom(self, class: DeviceClass, medium: Medium) -> Machine {
        self.device(class, Some(medium), true)
    }

    /// Adds a `virtio-blk-pci` disk.
    pub fn virtio_blk(self, medium: Medium) -> Machine {
        self.disk(DeviceClass::VirtioBlk, medium)
    }

    /// Adds a `scsi-hd` on the first virtio-scsi adapter.
    pub fn virtio_scsi(self, target: u8, lun: u16, medium: Medium) -> Machine {
        self.disk(DeviceClass::VirtioScsi { hba: 0, target, lun }, medium)
    }

    /// Adds a `scsi-hd` on the first adapter of another kind.
    pub fn scsi(self, adapter: ScsiAdapter, target: u8, lun: u16, medium: Medium) -> Machine {
        self.disk(DeviceClass::Scsi { adapter, hba: 0, target, lun }, medium)
    }

    /// Adds an `ide-hd` on the PIIX3 controller of pc.
    pub fn ide(self, channel: u8, unit: u8, medium: Medium) -> Machine {
        self.disk(DeviceClass::Ide { channel, unit }, medium)
    }

    /// Adds an `ide-hd` on an AHCI port.
    pub fn ahci(self, port: u8, medium: Medium) -> Machine {
        self.disk(DeviceClass::Ahci { port }, medium)
    }

    /// Adds an `nvme` controller with one namespace.
    pub fn nvme(self, medium: Medium) -> Machine {
        self.disk(DeviceClass::Nvme, medium)
    }

    /// Adds a `usb-storage` disk on xHCI.
    pub fn usb_storage(self, port: u8, medium: Medium) -> Machine {
        self.disk(DeviceClass::UsbStorage { controller: UsbController::Xhci, port }, medium)
    }

    /// Adds a floppy in drive A:.
    pub fn floppy(self, medium: Medium) -> Machine {
        self.disk(DeviceClass::Floppy { unit: 0 }, medium)
    }

    /// Adds a NIC with its default option ROM; `lan` is the index of the network it is plugged into.
    pub fn nic(self, model: impl Into<NicModel>, lan: Option<usize>) -> Machine {
        self.device(DeviceClass::Nic(Nic { model: model.into(), rom: OptionRom::Default, lan }), None, false)
    }

    /// Adds a network; the first one is lan 0.
    pub fn network(mut self, network: Network) -> Machine {
        self.networks.push(network);
        self
    }

    /// The same machine with a network changed; nothing happens where it has no such network.
    pub fn with_network(mut self, index: usize, change: impl FnOnce(Network) -> Network) -> Machine {
        if let Some(network) = self.networks.get_mut(index) {
            *network = change(network.clone());
        }
        self
    }

    /// Adds a fw_cfg string.
    pub fn fw_cfg(mut self, name: &str, value: &str) -> Machine {
        self.fw_cfg.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Puts the last device into a PCI slot.
    pub fn slot(self, slot: u8) -> Machine {
        self.on_last(|device| device.slot = Some(slot))
    }

    /// Makes the last device a PCI function of a slot that others share.
    pub fn function(self, slot: u8, function: u8) -> Machine {
        self.on_last(|device| {
            device.slot = Some(slot);
            device.function = function;
            device.multifunction = true;
        })
    }

    /// Puts the last device behind a bridge.
    pub fn place(self, place: Place) -> Machine {
        self.on_last(|device| device.place = place)
    }

    /// Gives the last device a bootindex.
    pub fn bootindex(self, bootindex: i64) -> Machine {
        self.on_last(|device| device.bootindex = Some(bootindex))
    }

    /// Overrides the last device's logical geometry: cylinders, heads, sectors per track.
    pub fn logical_geometry(self, cylinders: u32, heads: u32, sectors: u32) -> Machine {
        self.on_last(|device| device.logical_geometry = Some((cylinders, heads, sectors)))
    }

    /// Sets the last device's logical and physical block size in bytes.
    pub fn block_size(self, bytes: u32) -> Machine {
        self.block_sizes(bytes, bytes)
    }

    /// Sets the last device's logical and its physical block size in bytes: 512 and 4096 make a 512e disk.
    pub fn block_sizes(self, logical: u32, physical: u32) -> Machine {
        self.on_last(|device| device.block_size = Some(BlockSize { logical, physical }))
    }

    /// Sets the last NIC's option ROM.
    pub fn rom(self, rom: OptionRom) -> Machine {
        self.on_last(|device| {
            if let DeviceClass::Nic(nic) = &mut device.class {
                nic.rom = rom.clone();
            }
        })
    }

    /// Adds a property to the last device, as QEMU spells it.
    pub fn property(self, name: &str, value: impl Into<Value>) -> Machine {
        self.on_last(|device| device.properties.push((name.to_owned(), value.into())))
    }

    /// Adds a property to the adapter that the last device sits on, as QEMU spells it.
    pub fn adapter_property(self, name: &str, value: impl Into<Value>) -> Machine {
        self.on_last(|device| device.adapter_properties.push((name.to_owned(), value.into())))
    }

    /// Leaves the last device unplugged at power-on; a story plugs it in.
    pub fn absent(self) -> Machine {
        self.on_last(|device| device.absent = true)
    }

    /// `-boot strict=`.
    pub fn strict(mut self, strict: bool) -> Machine {
        self.boot.strict = Some(strict);
        self
    }

    /// `-boot reboot-timeout=` in milliseconds.
    pub fn reboot_timeout(mut self, milliseconds: i64) -> Machine {
        self.boot.reboot_timeout = Some(milliseconds);
        self
    }

    /// `-boot order=`.
    pub fn boot_order(mut self, letters: &str) -> Machine {
        self.boot.order = Some(letters.to_owned());
        self
    }

    /// `-boot once=`.
    pub fn boot_once(mut self, letters: &str) -> Machine {
        self.boot.once = Some(letters.to_owned());
        self
    }

    /// `-boot menu=on`, offered for so many milliseconds; `None` leaves that to the firmware.
    pub fn boot_menu(mut self, splash_time: Option<u32>) -> Machine {
        self.boot.menu = Some(true);
        self.boot.splash_time = splash_time;
        self
    }

    /// The key that opens the boot menu, as a BIOS scan code: 0x01 is ESC, 0x86 F12.
    pub fn menu_key(mut self, scan_code: u8) -> Machine {
        self.boot.menu_key = Some(scan_code);
        self
    }

    /// The machine's `loadparm`: see [`BootOptions::loadparm`].
    pub fn loadparm(mut self, loadparm: &str) -> Machine {
        self.boot.loadparm = Some(loadparm.to_owned());
        self
    }

    /// Adds a `virtio-rng-pci`.
    pub fn rng(mut self) -> Machine {
        self.rng = true;
        self
    }

    /// Adds a standard VGA adapter.
    pub fn vga(mut self) -> Machine {
        self.vga = true;
        self
    }

    /// Has QEMU hand a distribution's kernel to the firmware, with an initramfs that reports as `medium` from user space.
    pub fn given_system(mut self, medium: &str, command_line: &str) -> Machine {
        self.system = Some(GivenSystem { medium: medium.to_owned(), command_line: command_line.to_owned() });
        self
    }

    /// Has QEMU hand a kernel to the firmware.
    pub fn kernel(mut self, kernel: KernelFiles) -> Machine {
        self.kernel = Some(kernel);
        self
    }

    /// Enforces Secure Boot.
    pub fn secure_boot(mut self) -> Machine {
        self.secure_boot = true;
        self
    }

    /// Has a TPM 2.0.
    pub fn tpm(mut self, tpm: Tpm) -> Machine {
        self.tpm = Some(tpm);
        self
    }

    /// Chooses a CPU model.
    pub fn cpu(mut self, model: &str) -> Machine {
        self.cpu = Some(model.to_owned());
        self
    }

    /// Sets RAM in MiB.
    pub fn ram_mib(mut self, ram_mib: u32) -> Machine {
        self.ram_mib = Some(ram_mib);
        self
    }

    /// Adds serial ports beyond the first.
    pub fn extra_serial_ports(mut self, count: u8) -> Machine {
        self.extra_serial_ports = count;
        self
    }

    /// Chooses how guest time passes.
    pub fn with_clock(mut self, clock: Clock) -> Machine {
        self.clock = Some(clock);
        self
    }

    /// The same machine with this option ROM on each NIC.
    pub fn rom_of_each_nic(mut self, rom: &OptionRom) -> Machine {
        for device in &mut self.devices {
            if let DeviceClass::Nic(nic) = &mut device.class {
                nic.rom = rom.clone();
            }
        }
        self
    }

    /// OVMF boots nothing by PXE over IPv4 (fw_cfg `opt/org.tianocore/IPv4PXESupport`, edk2's `NetworkPkg`).
    pub fn without_ipv4_pxe(self) -> Machine {
        self.fw_cfg("opt/org.tianocore/IPv4PXESupport", "n")
    }

    /// OVMF boots nothing by PXE, so that HTTP comes first.
    pub fn without_pxe(self) -> Machine {
        self.without_ipv4_pxe().fw_cfg("opt/org.tianocore/IPv6PXESupport", "n")
    }

    /// OVMF has no IPv6 (fw_cfg `opt/org.tianocore/IPv6Support`).
    pub fn without_ipv6(self) -> Machine {
        self.fw_cfg("opt/org.tianocore/IPv6Support", "n")
    }

    /// Sends firmware's text console to the first serial port.
    pub fn serial_console(mut self) -> Machine {
        self.serial_console = true;
        self
    }

    /// Powers on paused, in run state prelaunch.
    pub fn paused(mut self) -> Machine {
        self.paused = true;
        self
    }

    /// The same machine with one medium replaced by a blank one of the same name.
    pub fn with_blank(self, name: &str) -> Machine {
        self.with_medium(Medium::blank(name))
    }

    /// The same machine with a medium in place of the one that has its name; nothing happens where there is none.
    pub fn with_medium(mut self, medium: Medium) -> Machine {
        if let Some(index) = self.device_with_medium(&medium.name) {
            self.devices[index].medium = Some(medium);
        }
        self
    }

    /// The same machine with an empty drive where this medium was.
    pub fn without_medium(mut self, name: &str) -> Machine {
        if let Some(index) = self.device_with_medium(name) {
            self.devices[index].medium = None;
        }
        self
    }

    fn on_last(mut self, change: impl FnOnce(&mut Device)) -> Machine {
        if let Some(device) = self.devices.last_mut() {
            change(device);
        }
        self
    }
}

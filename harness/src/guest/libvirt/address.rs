//! `<address>` and `<boot>` of a device.

use super::super::xml::Element;
use super::super::{GuestError, loadparm, usb_spot};

/// Ports that an address on USB may have (`VIR_DOMAIN_DEVICE_USB_MAX_PORT_DEPTH` in libvirt).
const HUBS: usize = 4;

/// The channel subsystem image that QEMU's devices are in.
const VIRTUAL_IMAGE: u8 = 0xfe;

/// Where a device sits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Address {
    /// A PCI function.
    Pci {
        /// Index of the PCI controller.
        bus: u8,
        slot: u8,
        function: u8,
    },
    /// A unit of a disk controller.
    Drive { controller: u8, bus: u8, target: u8, unit: u16 },
    /// A USB port of a controller: its own port, then those of the hubs, 0 behind the last.
    Usb { bus: u8, port: [u8; HUBS] },
    /// A device number of a channel subsystem.
    Ccw { image: u8, set: u8, number: u16 },
    /// A number on the hypervisor's bus of a pseries.
    Vio { reg: u64 },
    /// One of the board's own transports for virtio.
    VirtioMmio,
    /// On a bus that is none of these.
    Elsewhere,
}

/// Kinds of devices in the order in which libvirt gives them PCI addresses (`qemuDomainAssignDevicePCISlots`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Group {
    /// PCI controllers.
    Buses,
    Filesystems,
    Interfaces,
    Sounds,
    Controllers,
    Disks,
    HostDevices,
    Balloons,
    Rngs,
    Watchdogs,
    Videos,
    SharedMemory,
    Inputs,
    Serials,
    Iommus,
    Vsocks,
    Memory,
    Cryptos,
    Panics,
    Pstores,
}

/// The rank in a device's `<boot>`.
pub(super) fn boot_order(element: Element<'_, '_>) -> Result<Option<u32>, GuestError> {
    let Some(boot) = element.child("boot") else { return Ok(None) };
    match boot.number::<u32>("order")? {
        Some(0) => Err(boot.attribute_error("order", "0", "a number from 1")),
        None => Err(boot.error("<boot> in a device has no order", "write <boot order='1'/>")),
        // QEMU's bootindex has 32 bits
        Some(order) if i32::try_from(order).is_err() => {
            Err(boot.attribute_error("order", &order.to_string(), "a number from 1 to 2147483647"))
        }
        order => Ok(order),
    }
}

/// The `loadparm` in a device's `<boot>`.
pub(super) fn loadparm(element: Element<'_, '_>) -> Result<Option<String>, GuestError> {
    let Some(boot) = element.child("boot") else { return Ok(None) };
    match boot.attribute("loadparm") {
        // libvirt's pattern for it, which is QEMU's too
        Some(text) if !loadparm::is_valid(text) => {
            Err(boot.attribute_error("loadparm", text, "up to eight letters, digits, dots and blanks"))
        }
        text => Ok(text.map(str::to_owned)),
    }
}

/// What libvirt calls a device, where that is written.
pub(super) fn alias(element: Element<'_, '_>) -> Option<String> {
    element.child("alias").and_then(|alias| alias.attribute("name")).map(str::to_owned)
}

impl Address {
    /// The address in a device, where it has one of these kinds.
    pub fn of(element: Element<'_, '_>) -> Result<Option<Address>, GuestError> {
        let Some(address) = element.child("address") else { return Ok(None) };
        Ok(match address.attribute("type") {
            Some("pci") => {
                let slot: u8 = address.number("slot")?.unwrap_or_default();
                let function: u8 = address.number("function")?.unwrap_or_default();
                if slot > 31 || function > 7 {
                    let what = format!("no PCI function is at slot {slot}, function {function}");
                    return Err(address.error(what, "slots go to 0x1f, functions to 0x7"));
                }
                let bus = address.number("bus")?.unwrap_or_default();
                // none: libvirt takes the host bridge's for an address that is still to be given
                Some(Address::Pci { bus, slot, function }).filter(|_| (bus, slot, function) != (0, 0, 0))
            }
            Some("drive") => Some(Address::Drive {
                controller: address.number("controller")?.unwrap_or_default(),
                bus: address.number("bus")?.unwrap_or_default(),
                target: address.number("target")?.unwrap_or_default(),
                unit: address.number("unit")?.unwrap_or_default(),
            }),
            Some("usb") => {
                let port = address.attribute("port").unwrap_or("1");
                let given = usb_spot::port(port).filter(|given| given.len() <= HUBS);
                let given = given.ok_or_else(|| address.attribute_error("port", port, "a port such as 1, or 1.2"))?;
                let mut port = [0; HUBS];
                port[..given.len()].copy_from_slice(&given);
                Some(Address::Usb { bus: address.number("bus")?.unwrap_or_default(), port })
            }
            Some("ccw") => Some(Address::Ccw {
                image: address.number("cssid")?.unwrap_or(VIRTUAL_IMAGE),
                set: address.number("ssid")?.unwrap_or_default(),
                number: address.number("devno")?.unwrap_or_default(),
            }),
            Some("spapr-vio") => address.number::<i64>("reg")?.map(|reg| Address::Vio { reg: reg.unsigned_abs() }),
            None => {
                return Err(
                    address.error("<address> has no type", "write type='pci', 'drive', 'usb' or another of libvirt's")
                );
            }
            Some("virtio-mmio") => Some(Address::VirtioMmio),
            Some(_) => Some(Address::Elsewhere),
        })
    }
}

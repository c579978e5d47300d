//! `s390-ccw-virtio`: QEMU's board for z/Architecture, with a channel subsystem and no PCI bus that firmware boots from.
//!
//! Its SCLP console is the first `-serial` (`s390_init_ipl_dev` and `ccw_init` in QEMU's `hw/s390x/s390-virtio-ccw.c`). A program ends the
//! machine by SIGP STOP of its only processor; firmware that has nothing to load leaves it in a disabled wait, which QEMU takes for a
//! panic (`s390_handle_wait` in its `target/s390x/helper.c`).

use bootwright_images::Target;

use super::{BoardFacts, Expander, FirmwareStore, Root, SecureBoot};
use crate::machine::Firmware;
use crate::platform::Architecture;

pub(super) const FACTS: BoardFacts = BoardFacts {
    name: "s390-ccw-virtio",
    firmware: &[Firmware::S390Ccw],
    machine_type: "s390-ccw-virtio",
    acpi: true,
    smm: false,
    architecture: Architecture::S390x,
    target: Target::S390x,
    root: Root::Ccw,
    fw_cfg: false,
    vio: false,
    ide: None,
    ahci: None,
    floppy: None,
    root_port: None,
    expander: Expander::None,
    virtio_mmio: None,
    exit: None,
    debug_console: None,
    kernel_rom: None,
    tpm: &[],
    secure_boot: SecureBoot::None,
    held_for_monitor: true,
    unplug_announced: 11,
    store: FirmwareStore::None,
};

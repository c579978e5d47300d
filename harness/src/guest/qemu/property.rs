//! Properties that a line gives to devices beside `-device`: `-global DRIVER.NAME=VALUE`.

/// A property of every device of a driver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Global {
    pub driver: String,
    pub name: String,
    pub value: String,
    pub line: u32,
}

impl Global {
    /// Whether it is for devices of this driver, by its own name or another of QEMU's.
    pub fn is_for(&self, driver: &str) -> bool {
        let is_pci =
            |driver: &str| !["ide-", "scsi-", "usb-", "floppy", "isa-"].iter().any(|other| driver.starts_with(other));
        canonical(&self.driver) == canonical(driver) || (self.driver == "pci-device" && is_pci(driver))
    }
}

/// The name of a driver that has several (`qdev_alias_table` in QEMU's `softmmu/qdev-monitor.c`).
fn canonical(driver: &str) -> &str {
    match driver {
        "virtio-blk" => "virtio-blk-pci",
        "virtio-net" => "virtio-net-pci",
        "virtio-scsi" => "virtio-scsi-pci",
        "e1000-82540em" => "e1000",
        "lsi" => "lsi53c895a",
        "ahci" => "ich9-ahci",
        other => other,
    }
}

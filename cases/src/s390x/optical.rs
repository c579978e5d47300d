//! Optical media that cannot be loaded, in a `scsi-cd` before a disk.

use bootwright::case::Case;
use bootwright::machine::{DiskClass, Medium};
use bootwright::verdict::{booted, failed};
use bootwright_images::BadLoader;

use super::words::{case, goes_on, machine};

/// A first medium that cannot be loaded: not an ISO 9660 volume, a boot catalogue without its key, a boot image that is no kernel for this
/// machine.
pub fn cases() -> [Case; 3] {
    let media = [
        ("blank", Medium::blank("first")),
        ("no-signature", Medium::without_signature("first")),
        ("other-machine", Medium::with_bad_loader("first", BadLoader::OtherMachine)),
    ];
    media.map(|(name, medium)| {
        let machine = machine().drive(DiskClass::ScsiCd, 0, medium).bootindex(1);
        let machine = machine.virtio_blk(Medium::bootable("second")).bootindex(2);
        let case = case("first_entry", &format!("{name}-scsi-cd"))
            .axis("first", format!("{name}-scsi-cd"))
            .control(machine.clone().with_medium(Medium::bootable("first")))
            .machine(machine);
        goes_on(case, || failed("first"), [booted("second")])
    })
}

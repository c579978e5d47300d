//! Optical drives: one on the hypervisor's own SCSI adapter, and media before a disk that cannot be loaded. A disc's program is the file that
//! `\ppc\bootinfo.txt` names.

use bootwright::case::Case;
use bootwright::machine::{DeviceClass, DiskClass, Medium, ScsiAdapter};
use bootwright::verdict::{Expectation, booted, failed};
use bootwright_images::BadLoader;

use super::pseries::{case, machine};

pub fn cases() -> Vec<Case> {
    unbootable().into_iter().chain([on_vscsi()]).collect()
}

fn on_vscsi() -> Case {
    let drive = DeviceClass::Scsi { adapter: ScsiAdapter::SpaprVscsi, hba: 0, target: 1, lun: 2 };
    case("alone", "spapr-vscsi-cd")
        .axis("class", "spapr-vscsi-cd")
        .machine(machine().cdrom(drive, Medium::bootable("only")).bootindex(1))
        .expect(Expectation::boots("only"))
        .control_blank("only")
}

/// A first medium that cannot be loaded: not an ISO 9660 volume, one that names no program, one whose program is a text or for another
/// machine.
fn unbootable() -> [Case; 4] {
    let media = [
        ("blank", Medium::blank("first"), "E3404"),
        ("no-signature", Medium::without_signature("first"), "E3404"),
        ("text", Medium::with_bad_loader("first", BadLoader::Text), "E3403"),
        ("other-machine", Medium::with_bad_loader("first", BadLoader::OtherMachine), "E3403"),
    ];
    media.map(|(name, medium, code)| {
        let machine = machine().drive(DiskClass::ScsiCd, 0, medium).bootindex(1);
        let machine = machine.virtio_blk(Medium::bootable("second")).bootindex(2);
        case("first_entry", &format!("{name}-scsi-cd"))
            .axis("first", format!("{name}-scsi-cd"))
            .control(machine.clone().with_medium(Medium::bootable("first")))
            .machine(machine)
            .expect(Expectation::attempts([failed("first").because(code), booted("second")]))
    })
}

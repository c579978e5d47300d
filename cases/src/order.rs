//! bootindex decides between two drives, whichever is cheaper to reach.

use bootwright::case::Case;
use bootwright::machine::{Board, DiskClass, Firmware, Machine, Medium};
use bootwright::verdict::Expectation;

use crate::classes::{self, COMBINATIONS};
use crate::quick_or_long;

pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (firmware, board) in COMBINATIONS {
        cases.extend(on(firmware, board));
    }
    cases
}

/// Target and LUN are hexadecimal in a line of bootorder (`scsibus_get_fw_dev_path` in QEMU's `hw/scsi/scsi-bus.c`): both have two
/// digits or one that is a letter, and the disk with decimal ones is there too.
fn hexadecimal_places(firmware: Firmware, board: Board) -> Vec<Case> {
    // OVMF looks for LUNs 0 to 7; SeaBIOS for 256 targets (`init_virtio_scsi` in its `src/hw/virtio-scsi.c`)
    let places: &[(u8, u16)] = if firmware.is_uefi() { &[(31, 7)] } else { &[(31, 10), (255, 255)] };
    places.iter().map(|&(target, lun)| hexadecimal_place(firmware, board, target, lun)).collect()
}

fn hexadecimal_place(firmware: Firmware, board: Board, target: u8, lun: u16) -> Case {
    let machine = Machine::new(firmware, board).virtio_scsi(1, 1, Medium::bootable("wrong")).bootindex(2);
    let machine = machine.virtio_scsi(target, lun, Medium::bootable("right")).bootindex(1);
    Case::new(format!("order::{}::{}::scsi-target-{target}-lun-{lun}", firmware.name(), board.name()))
        .axis("right", DiskClass::VirtioScsi.name())
        .axis("wrong", DiskClass::VirtioScsi.name())
        .control(machine.clone().swapping_bootindex("right", "wrong"))
        .machine(machine)
        .expect(Expectation::boots("right").without_trying("wrong"))
}

/// Those of one firmware on one board.
pub fn on(firmware: Firmware, board: Board) -> Vec<Case> {
    let mut cases = hexadecimal_places(firmware, board);
    let mut classes = classes::disks(board);
    classes.push(classes::native_optical(board));
    for (position, &first) in classes.iter().enumerate() {
        for &second in &classes[position..] {
            if first == second && first.is_optical() {
                continue;
            }
            let case = pair(firmware, board, first, second);
            // of OVMF's slow ones, one order on one board
            cases.push(if board == Board::Pc { case } else { quick_or_long(case) });
            if first != second {
                cases.push(quick_or_long(pair(firmware, board, second, first)));
            }
        }
    }
    cases
}

/// `right` boots although `wrong` sits at the place that is cheaper to reach and is bootable too.
///
/// A regression here runs the installer medium again after every install, or somebody else's disk.
fn pair(firmware: Firmware, board: Board, right: DiskClass, wrong: DiskClass) -> Case {
    let machine = Machine::new(firmware, board).drive(wrong, 0, Medium::bootable("wrong")).bootindex(2);
    let machine = machine.drive(right, 1, Medium::bootable("right")).bootindex(1);
    let control = machine.clone().swapping_bootindex("right", "wrong");
    let id = format!("order::{}::{}::{}-before-{}", firmware.name(), board.name(), right.name(), wrong.name());
    Case::new(id)
        .axis("right", right.name())
        .axis("wrong", wrong.name())
        .machine(machine)
        .expect(Expectation::boots("right").without_trying("wrong"))
        .control(control)
        .smoke_if(firmware == Firmware::SeaBios && right == DiskClass::VirtioBlk && !wrong.is_optical())
}

//! bootindex decides between two drives, whichever is cheaper to reach.

use bootwright::case::Case;
use bootwright::machine::{Board, Firmware, Machine, Medium};
use bootwright::verdict::Expectation;

use crate::classes::{self, COMBINATIONS, Class};

pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (firmware, board) in COMBINATIONS {
        let mut classes = classes::disks(board);
        classes.push(classes::native_optical(board));
        for (position, &first) in classes.iter().enumerate() {
            for &second in &classes[position..] {
                if first == second && first.optical {
                    continue;
                }
                // an OVMF boot costs thirty times SeaBIOS': one order on one board, the others in the full suite
                let long = |home: Board| firmware == Firmware::Ovmf && board != home;
                let case = pair(firmware, board, first, second);
                cases.push(if long(Board::Pc) { case.long() } else { case });
                if first != second {
                    let case = pair(firmware, board, second, first);
                    cases.push(if firmware == Firmware::Ovmf { case.long() } else { case });
                }
            }
        }
    }
    cases
}

/// `right` boots although `wrong` sits at the place that is cheaper to reach and is bootable too.
///
/// A regression here runs the installer medium again after every install, or somebody else's disk.
fn pair(firmware: Firmware, board: Board, right: Class, wrong: Class) -> Case {
    let machine = wrong.add(Machine::new(firmware, board), 0, Medium::bootable("wrong")).bootindex(2);
    let machine = right.add(machine, 1, Medium::bootable("right")).bootindex(1);
    let control = swapped(machine.clone());
    let id = format!("order::{}::{}::{}-before-{}", firmware.name(), board.name(), right.name, wrong.name);
    let case = Case::new(id)
        .axis("right", right.name)
        .axis("wrong", wrong.name)
        .machine(machine)
        .expect(Expectation::boots("right").without_trying("wrong"))
        .control(control);
    let smoke = firmware == Firmware::SeaBios && right.name == "virtio-blk" && !wrong.optical;
    if smoke { case.smoke() } else { case }
}

/// The same machine with the two bootindex values exchanged.
fn swapped(mut machine: Machine) -> Machine {
    for device in &mut machine.devices {
        device.bootindex = device.bootindex.map(|rank| 3 - rank);
    }
    machine
}

//! Three bootable media of three classes, in every order of their bootindex.

use bootwright::case::Case;
use bootwright::machine::{Board, Firmware, Machine, Medium};
use bootwright::verdict::Expectation;

use crate::SLOW_OVMF;
use crate::classes::{self, Class};

/// The classes that meet in one machine: paravirtual, controllers of the board, and across buses.
fn triples(board: Board) -> Vec<[&'static str; 3]> {
    let mut triples = vec![["virtio-blk", "virtio-scsi", "nvme"], ["ahci", "usb-xhci", "virtio-blk"]];
    match board {
        Board::Pc => triples.push(["ide", "ide-cd", "virtio-scsi"]),
        Board::Q35 => triples.push(["ahci", "scsi-cd", "nvme"]),
    }
    triples
}

const PERMUTATIONS: [[i64; 3]; 6] = [[1, 2, 3], [1, 3, 2], [2, 1, 3], [2, 3, 1], [3, 1, 2], [3, 2, 1]];

pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (firmware, board) in classes::COMBINATIONS {
        let mut known = classes::disks(board);
        known.extend(classes::opticals(board));
        for names in triples(board) {
            let triple = names.map(|name| known.iter().find(|class| class.name == name).copied());
            let [Some(a), Some(b), Some(c)] = triple else { continue };
            cases.extend(PERMUTATIONS.map(|ranks| permutation(firmware, board, [a, b, c], ranks)));
        }
    }
    cases
}

/// The medium with the lowest bootindex boots, wherever it sits; without that bootindex the next one does.
fn permutation(firmware: Firmware, board: Board, triple: [Class; 3], ranks: [i64; 3]) -> Case {
    let media = ["one", "two", "three"];
    let mut machine = Machine::new(firmware, board);
    for (place, class) in triple.into_iter().enumerate() {
        machine = class.add(machine, place as u8, Medium::bootable(media[place])).bootindex(ranks[place]);
    }
    let mut control = machine.clone();
    let mut expectation = Expectation::boots("");
    for (place, rank) in ranks.into_iter().enumerate() {
        if rank == 1 {
            control.devices[place].bootindex = None;
            expectation = Expectation { never: expectation.never, ..Expectation::boots(media[place]) };
        } else {
            expectation = expectation.without_trying(media[place]);
        }
    }
    let classes = triple.map(|class| class.name).join("+");
    let order = ranks.map(|rank| rank.to_string()).join("-");
    Case::new(format!("triples::{}::{}::{classes}::{order}", firmware.name(), board.name()))
        .axis("triple", classes)
        .axis("bootindex", order)
        .machine(machine)
        .expect(expectation)
        .control(control)
        .long_if(firmware == Firmware::Ovmf, SLOW_OVMF)
}

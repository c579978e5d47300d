//! Three bootable media of three classes, in every order of their bootindex.

use bootwright::case::Case;
use bootwright::machine::{Board, DiskClass, Firmware, Machine, Medium, UsbController};
use bootwright::verdict::Expectation;

use crate::classes;
use crate::quick_or_long;

/// The classes that meet in one machine: paravirtual, controllers of the board, and across buses.
fn triples(board: Board) -> Vec<[DiskClass; 3]> {
    use DiskClass::{Ahci, Ide, IdeCd, Nvme, ScsiCd, Usb, VirtioBlk, VirtioScsi};
    if !board.facts().architecture.is_x86() {
        return vec![[VirtioBlk, VirtioScsi, Nvme], [Usb(UsbController::Xhci), ScsiCd, VirtioBlk]];
    }
    let of_the_board = if board.facts().ide.is_some() { [Ide, IdeCd, VirtioScsi] } else { [Ahci, ScsiCd, Nvme] };
    vec![[VirtioBlk, VirtioScsi, Nvme], [Ahci, Usb(UsbController::Xhci), VirtioBlk], of_the_board]
}

const PERMUTATIONS: [[i64; 3]; 6] = [[1, 2, 3], [1, 3, 2], [2, 1, 3], [2, 3, 1], [3, 1, 2], [3, 2, 1]];

pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (firmware, board) in classes::COMBINATIONS {
        cases.extend(on(firmware, board));
    }
    cases
}

/// Those of one firmware on one board.
pub fn on(firmware: Firmware, board: Board) -> Vec<Case> {
    let all = |triple| PERMUTATIONS.map(|ranks| permutation(firmware, board, triple, ranks));
    triples(board).into_iter().flat_map(all).collect()
}

/// The medium with the lowest bootindex boots, wherever it sits; without that bootindex the next one does.
fn permutation(firmware: Firmware, board: Board, triple: [DiskClass; 3], ranks: [i64; 3]) -> Case {
    let media = ["one", "two", "three"];
    let mut machine = Machine::new(firmware, board);
    for (place, class) in triple.into_iter().enumerate() {
        machine = machine.drive(class, place as u8, Medium::bootable(media[place])).bootindex(ranks[place]);
    }
    let first = media[ranks.iter().position(|&rank| rank == 1).unwrap_or_default()];
    let others = media.into_iter().filter(|&medium| medium != first);
    let expectation = others.fold(Expectation::boots(first), Expectation::without_trying);
    let classes = triple.map(|class| class.name()).join("+");
    let order = ranks.map(|rank| rank.to_string()).join("-");
    let case = Case::new(format!("triples::{}::{}::{classes}::{order}", firmware.name(), board.name()))
        .axis("triple", classes)
        .axis("bootindex", order)
        .control(machine.clone().without_bootindex_of(first))
        .machine(machine)
        .expect(expectation);
    quick_or_long(case)
}

//! Disks at every place of the PCI hierarchy: the name in `bootorder` leads the firmware there.

use bootwright::case::Case;
use bootwright::machine::{Board, DeviceClass, DiskClass, Firmware, Machine, Medium, Place};
use bootwright::verdict::Expectation;

use crate::classes::COMBINATIONS;
use crate::quick_or_long;

/// Where both disks of a case sit.
#[derive(Clone, Copy)]
enum Seat {
    /// Two functions of one slot.
    Functions,
    /// Behind a bridge, port or expander.
    Behind(Place),
}

pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (firmware, board) in COMBINATIONS {
        // the names are made alike on both boards, and an OVMF boot is slow
        if (firmware, board) == (Firmware::Ovmf, Board::Pc) {
            continue;
        }
        cases.extend(on(firmware, board));
    }
    cases
}

/// Those of one firmware on one board.
pub fn on(firmware: Firmware, board: Board) -> Vec<Case> {
    let mut cases = Vec::new();
    let mut seats = vec![
        ("function", Seat::Functions),
        ("pci-bridge", Seat::Behind(Place::PciBridge)),
        ("nested-bridge", Seat::Behind(Place::NestedBridge)),
        ("expander", Seat::Behind(Place::Expander)),
    ];
    if board.facts().root_port.is_some() {
        seats.push(("root-port", Seat::Behind(Place::RootPort)));
        seats.push(("switch", Seat::Behind(Place::SwitchPort)));
    }
    for (name, seat) in seats {
        for class in [DiskClass::VirtioBlk, DiskClass::VirtioScsi, DiskClass::Nvme] {
            cases.push(place(firmware, board, (name, seat), class));
        }
    }
    cases
}

/// Of OVMF's slow ones, those in the default suite.
fn is_everyday(place: &str, class: DiskClass) -> bool {
    match place {
        "nested-bridge" => class == DiskClass::VirtioBlk,
        place => matches!(place, "pci-bridge" | "root-port"),
    }
}

/// Of two disks at the same kind of place, the one that is further away has the lower bootindex.
fn place(firmware: Firmware, board: Board, (place, seat): (&str, Seat), class: DiskClass) -> Case {
    let add = |machine: Machine, rank: u8, medium: &str| {
        let device = match class {
            // an adapter each: it is the adapter that sits at the place
            DiskClass::VirtioScsi => DeviceClass::VirtioScsi { hba: rank, target: rank, lun: 0 },
            class => class.at_rank(rank),
        };
        let machine = machine.disk(device, Medium::bootable(medium));
        match seat {
            Seat::Functions => machine.function(6, rank),
            Seat::Behind(place) => machine.place(place),
        }
    };
    let machine = add(Machine::new(firmware, board), 0, "wrong").bootindex(2);
    let machine = add(machine, 1, "right").bootindex(1);
    let control = machine.clone().without_bootindex_of("right");
    let case = Case::new(format!("places::{}::{}::{place}::{class}", firmware.name(), board.name()))
        .axis("place", place)
        .axis("class", class.name())
        .machine(machine)
        .expect(Expectation::boots("right").without_trying("wrong"))
        .control(control);
    if is_everyday(place, class) { case } else { quick_or_long(case) }
}

//! NICs that come, go and change rank in prelaunch: the same defect, seen by network boot.
//!
//! The NIC boots a program over its network; the disk that must not be tried comes first where nobody says otherwise.

use bootwright::case::Case;
use bootwright::case::story::Story;
use bootwright::machine::{Board, Firmware, Machine, Medium, NicModel, OptionRom, Place};
use bootwright::verdict::Expectation;

use super::act::{Act, Leaving, NOT_EVERYDAY};
use crate::networks::{self, BIOS_FILE, EFI_FILE, Uefi, on_x86};
use crate::{SLOW_OVMF, UNSETTLED};

/// One cell of the product.
#[derive(Clone, Copy)]
struct Cell {
    board: Board,
    /// Who starts the machine, where it is not SeaBIOS.
    uefi: Option<Uefi>,
    model: &'static NicModel,
    act: Act,
    other_bootable: bool,
    strict: bool,
    leaving: Leaving,
}

pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let board = Board::Pc;
    // OVMF drives virtio-net by itself, other models by their ROM, which is iPXE again
    let models = [(None, &NicModel::VirtioNet), (None, &NicModel::E1000), (Some(on_x86(board)), &NicModel::VirtioNet)];
    for (uefi, model) in models {
        for act in Act::ALL {
            for &other_bootable in act.others() {
                for strict in [false, true] {
                    for leaving in [Leaving::Cont, Leaving::Reset] {
                        cases.push(Cell { board, uefi, model, act, other_bootable, strict, leaving }.case());
                    }
                }
            }
        }
    }
    cases
}

/// A NIC that comes to a UEFI machine whose PCI functions are plugged in behind root ports.
pub fn on(uefi: Uefi) -> Vec<Case> {
    let mut cases = Vec::new();
    for act in [Act::First, Act::Last, Act::Alone, Act::Beside, Act::Reindexed] {
        for leaving in [Leaving::Cont, Leaving::Reset] {
            let cell = Cell {
                board: uefi.board,
                uefi: Some(uefi),
                model: &NicModel::VirtioNet,
                act,
                other_bootable: true,
                strict: false,
                leaving,
            };
            cases.push(cell.case());
        }
    }
    cases
}

impl Cell {
    fn firmware(self) -> Firmware {
        self.uefi.map_or(Firmware::SeaBios, |uefi| uefi.firmware)
    }

    fn machine(self) -> Machine {
        let network = self.uefi.map_or_else(networks::healthy, networks::healthy_for);
        let other = if self.other_bootable { Medium::bootable("wrong") } else { Medium::blank("wrong") };
        let machine = Machine::new(self.firmware(), self.board).strict(self.strict).paused().network(network);
        // where the root bus takes nothing while the machine runs, each has a root port
        let sits = |machine: Machine, slot: u8| {
            if self.board.facts().pci().is_some_and(|root| root.hotplug) {
                machine.slot(slot)
            } else {
                machine.place(Place::RootPort)
            }
        };
        let disk = |machine: Machine| sits(machine.virtio_blk(other.clone()), 4);
        let nic = |machine: Machine| {
            let machine = sits(machine.nic(self.model, Some(0)), 6);
            if self.uefi.is_some() { machine.rom(OptionRom::Empty) } else { machine }
        };
        let machine = match self.act {
            Act::First | Act::Last => nic(disk(machine).absent()).bootindex(1).absent(),
            Act::Alone => nic(machine).bootindex(1).absent(),
            Act::Beside | Act::Readded => nic(disk(machine).bootindex(2)).bootindex(1).absent(),
            Act::Removed => nic(disk(machine).bootindex(2)).bootindex(1),
            Act::Reindexed => nic(disk(machine).bootindex(1)).bootindex(2),
        };
        match self.uefi {
            Some(uefi) => uefi.with_random_source(machine),
            None => machine,
        }
    }

    fn story(self) -> Story {
        let story = Story::new();
        let story = match self.act {
            Act::First => story.plug("nic0").plug("wrong"),
            Act::Last => story.plug("wrong").plug("nic0"),
            Act::Alone | Act::Beside => story.plug("nic0"),
            Act::Removed => story.unplug_at_reset("nic0"),
            Act::Readded => story.plug("nic0").unplug_at_reset("nic0").reset().plug_released("nic0"),
            Act::Reindexed => story.set_bootindex("nic0", 0),
        };
        self.leaving.end(story)
    }

    /// A NIC that was asked to go goes with the reset; until then nobody has answered, and it boots.
    fn expectation(self) -> Expectation {
        match (self.act, self.leaving) {
            (Act::Removed, Leaving::Cont) => Expectation::boots("served").without_trying("wrong"),
            (Act::Removed, _) => Expectation::boots("wrong").without_trying("served"),
            (Act::Alone, _) => Expectation::boots("served"),
            _ => Expectation::boots("served").without_trying("wrong"),
        }
    }

    /// The program is not to be had, or the disk that is left is blank.
    fn control(self) -> Machine {
        let machine = self.machine();
        match (self.act, self.leaving) {
            (Act::Removed, Leaving::Reset) => machine.with_blank("wrong"),
            _ => machine.with_network(0, |network| network.without_program(BIOS_FILE).without_program(EFI_FILE)),
        }
    }

    fn case(self) -> Case {
        let on_off = |on: bool| if on { "on" } else { "off" };
        let other = if self.other_bootable { "bootable" } else { "blank" };
        let id = format!(
            "prelaunch::{}::{}::{}::{}::other-{other}::strict-{}::{}",
            self.firmware().name(),
            self.board.name(),
            self.model,
            self.act.name().replace("boot-disk", "nic"),
            on_off(self.strict),
            self.leaving.name()
        );
        let core = *self.model == NicModel::VirtioNet && self.other_bootable && !self.strict;
        Case::new(id)
            .axis("nic", self.model.name())
            .axis("act", self.act.name())
            .axis("other", other)
            .axis("strict", on_off(self.strict))
            .axis("leaving", self.leaving.name())
            .machine(self.machine())
            .story(self.story())
            .expect(self.expectation())
            .control(self.control())
            .long_if(self.uefi.is_some(), SLOW_OVMF)
            .long_if(!core, NOT_EVERYDAY)
            .long_if(self.act == Act::Removed, UNSETTLED)
    }
}

//! An installer's CD and the system's disk: one that makes the disk bootable and resets; one that comes before a system that is
//! there already, and runs again where it is left in, or makes room where it is ejected.

use bootwright::case::Case;
use bootwright::case::story::Story;
use bootwright::machine::{Board, Firmware, Machine, Medium};
use bootwright::verdict::behaviour::Behaviour;
use bootwright::verdict::{Expectation, booted, failed};
use bootwright_images::After;

use crate::classes::{self, COMBINATIONS};

pub fn cases() -> Vec<Case> {
    COMBINATIONS.into_iter().flat_map(|(firmware, board)| on(firmware, board)).collect()
}

/// Those of one firmware on one board.
pub fn on(firmware: Firmware, board: Board) -> [Case; 5] {
    [ejected, left_in, installs, installs_before_the_system, second_disc].map(|case| case(firmware, board))
}

#[track_caller]
fn case(firmware: Firmware, board: Board, what: &str) -> Case {
    Case::new(format!("installer::{}::{}::{what}", firmware.name(), board.name())).axis("installer", what)
}

/// The medium's program does `after`; the order is that of the medium and of the system's disk.
fn machine(firmware: Firmware, board: Board, after: After, system: Medium, order: [i64; 2]) -> Machine {
    Machine::new(firmware, board)
        .drive(classes::native_optical(board), 0, Medium::then("installer", after))
        .bootindex(order[0])
        .virtio_blk(system)
        .bootindex(order[1])
}

/// "Remove the installation medium and press ENTER": the drive is tried empty, or is no option any more, and the system runs.
fn ejected(firmware: Firmware, board: Board) -> Case {
    let rest = || Expectation::attempts([booted("installer"), booted("system")]);
    let case = case(firmware, board, "ejected")
        .machine(machine(firmware, board, After::Hang, Medium::bootable("system"), [1, 2]))
        .story(Story::new().wait_for("installer").eject("installer").reset())
        .expect(Expectation::attempts([booted("installer"), failed("installer"), booted("system")]))
        .control_blank("system");
    match firmware {
        Firmware::Ovmf | Firmware::Aavmf | Firmware::RiscVVirt | Firmware::LoongArchVirt => {
            case.expect_where(Behaviour::EmptyDriveIsNoOption, rest())
        }
        _ => case,
    }
}

/// An installer that resets the machine with its CD in the drive begins anew, however often.
fn left_in(firmware: Firmware, board: Board) -> Case {
    let machine = |order| machine(firmware, board, After::ResetSystem, Medium::bootable("system"), order);
    case(firmware, board, "left-in")
        .machine(machine([1, 2]))
        .expect(Expectation::laps(3, [booted("installer")]).without_trying("system"))
        .control(machine([2, 1]))
}

/// The disk comes first and is not bootable yet: the installer runs once, and what it has written is there after its reset.
fn installs(firmware: Firmware, board: Board) -> Case {
    let machine = |after| machine(firmware, board, after, Medium::uninstalled("system"), [2, 1]);
    case(firmware, board, "installs")
        .machine(machine(After::Install))
        .expect(Expectation::attempts([failed("system"), booted("installer"), booted("system")]))
        .control(machine(After::Exit))
}

/// The CD comes first and is left in: the installer runs again after its reset, and finds nothing to install.
fn installs_before_the_system(firmware: Firmware, board: Board) -> Case {
    let machine = |order| machine(firmware, board, After::Install, Medium::uninstalled("system"), order);
    case(firmware, board, "installs-left-in")
        .machine(machine([1, 2]))
        .expect(Expectation::attempts([booted("installer"), booted("installer")]).without_trying("system"))
        .control(machine([2, 1]))
}

/// "Insert disc 2": after the reset the drive has another medium, whose program is the one that runs.
fn second_disc(firmware: Firmware, board: Board) -> Case {
    let optical = classes::native_optical(board);
    let machine = |second: Medium| {
        let machine = Machine::new(firmware, board).drive(optical, 0, Medium::hanging("disc-1")).bootindex(1);
        machine.virtio_blk(Medium::bootable("system")).bootindex(2).drive(optical, 1, second).absent()
    };
    case(firmware, board, "second-disc")
        .machine(machine(Medium::bootable("disc-2")))
        .story(Story::new().wait_for("disc-1").insert("disc-1", "disc-2").reset())
        .expect(Expectation::attempts([booted("disc-1"), booted("disc-2")]).without_trying("system"))
        .control(machine(Medium::blank("disc-2")))
}

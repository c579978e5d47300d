//! Devices without a bootindex, with `-boot strict` on and off.

use bootwright::case::Case;
use bootwright::machine::{Board, DiskClass, Firmware, Machine, Medium};
use bootwright::verdict::behaviour::Behaviour;
use bootwright::verdict::{Expectation, failed, recovered};

use crate::classes::{self, COMBINATIONS};
use crate::quick_or_long;

pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (firmware, board) in COMBINATIONS {
        cases.extend(on(firmware, board));
    }
    cases
}

/// Those of one firmware on one board.
pub fn on(firmware: Firmware, board: Board) -> Vec<Case> {
    let mut cases = Vec::new();
    for class in classes::disks(board) {
        cases.push(unlisted_disk(firmware, board, class, true));
        cases.push(unlisted_disk(firmware, board, class, false));
    }
    cases.push(strict_without_any_bootindex(firmware, board));
    cases
}

/// A listed blank optical medium, and a bootable disk without a bootindex behind it.
///
/// SeaBIOS runs the unlisted disk unless strict is on. OVMF is always strict once one line of the order matches; where
/// everything listed has failed, newer ones run it by platform recovery.
fn unlisted_disk(firmware: Firmware, board: Board, class: DiskClass, strict: bool) -> Case {
    let optical = classes::native_optical(board);
    let machine = Machine::new(firmware, board).drive(optical, 2, Medium::blank("listed")).bootindex(1);
    let machine = machine.drive(class, 0, Medium::bootable("unlisted")).strict(strict);
    let runs = firmware == Firmware::SeaBios && !strict;
    let expectation = if runs {
        Expectation::boots("unlisted").after_failing("listed")
    } else {
        Expectation::nothing_boots([failed("listed")]).without_trying("unlisted")
    };
    let control = machine.clone();
    let control = if runs { control.strict(true) } else { control.with_bootindex_of("unlisted", 2) };
    let on_off = if strict { "on" } else { "off" };
    let id = format!("strict::{}::{}::{on_off}-{}", firmware.name(), board.name(), class.name());
    let home = if strict { Board::Pc } else { Board::Q35 };
    let case = Case::new(id)
        .axis("strict", on_off)
        .axis("class", class.name())
        .machine(machine)
        .expect(expectation)
        .control(control);
    let case = if board == home { case } else { quick_or_long(case) };
    match firmware {
        Firmware::SeaBios | Firmware::S390Ccw | Firmware::Slof => case,
        Firmware::Ovmf | Firmware::Aavmf | Firmware::RiscVVirt | Firmware::LoongArchVirt => {
            case.expect_where(Behaviour::RecoversUnlistedDisks, by_recovery())
        }
    }
}

/// The unlisted disk runs, but by recovery and not by a boot option: BootCurrent still names the option that failed, so that
/// view must differ.
fn by_recovery() -> Expectation {
    Expectation::attempts([failed("listed"), recovered("unlisted")]).without_views()
}

/// strict without any bootindex does nothing: QEMU appends HALT to a list that is not empty only.
fn strict_without_any_bootindex(firmware: Firmware, board: Board) -> Case {
    let machine = Machine::new(firmware, board).virtio_blk(Medium::bootable("unlisted")).strict(true);
    let control = machine.clone().with_blank("unlisted");
    Case::new(format!("strict::{}::{}::on-without-bootindex", firmware.name(), board.name()))
        .axis("strict", "on")
        .machine(machine)
        .expect(Expectation::boots("unlisted"))
        .control(control)
}

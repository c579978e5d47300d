//! What becomes of the boot order when a machine is put back to a snapshot within the same QEMU.
//!
//! A snapshot is taken at one of two moments: before the guest has run, so that a machine that is put back boots again without
//! any reset, or while the first medium hangs, which needs a reset to be seen.

use bootwright::case::Case;
use bootwright::case::story::{Drives, Milestone, Story};
use bootwright::machine::{Board, Clock, DiskClass, Firmware, Machine, Medium};
use bootwright::verdict::{Expectation, booted};
use bootwright_images::After;

use crate::SLOW_OVMF;
use crate::classes::{COMBINATIONS, disks, opticals};

pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (firmware, board) in COMBINATIONS {
        cases.extend(on(firmware, board));
    }
    for board in [Board::Pc, Board::Q35] {
        cases.extend(classes(board));
        cases.push(in_the_menu(board));
    }
    cases.extend(nvram(Firmware::Ovmf, Board::Q35));
    let long = |case: Case| {
        let slow = case.machine.firmware == Firmware::Ovmf;
        case.long_if(slow, SLOW_OVMF)
    };
    cases.into_iter().map(long).collect()
}

/// What every firmware does alike.
pub(crate) fn on(firmware: Firmware, board: Board) -> Vec<Case> {
    let mut cases = before_the_guest_ran(firmware, board);
    cases.extend(while_it_hangs(firmware, board));
    cases.extend([list_made_anew(firmware, board), raw(firmware, board), unplugged(firmware, board)]);
    cases
}

#[track_caller]
fn case(firmware: Firmware, board: Board, rest: &str) -> Case {
    Case::new(format!("snapshot::{}::{}::{rest}", firmware.name(), board.name()))
}

/// Two disks on one adapter, the second in the lower place.
fn two(firmware: Firmware, board: Board, second: Medium) -> Machine {
    let machine = Machine::new(firmware, board).virtio_scsi(0, 2, Medium::hanging("first")).bootindex(1);
    machine.virtio_scsi(0, 1, second).bootindex(2)
}

/// The second disk is a PCI function that is not there yet; q35's root bus takes none while the machine runs.
fn with_pci_disk(firmware: Firmware, second: Medium) -> Machine {
    let machine = Machine::pc(firmware).virtio_scsi(0, 2, Medium::hanging("first")).bootindex(1);
    machine.virtio_blk(second).bootindex(0).absent()
}

fn again(medium: &str, times: u32) -> Milestone {
    Milestone::Payload { medium: medium.to_owned(), times }
}

#[track_caller]
fn changing(firmware: Firmware, board: Board, moment: &str, change: &str, machine: Machine, laps: &[&str]) -> Case {
    let control = match change {
        // the other disk boots, and ends the machine, on the first lap
        "unchanged" => machine.clone().with_bootindex_of("second", 0),
        _ => machine.clone().with_blank("second"),
    };
    case(firmware, board, &format!("{moment}::{change}"))
        .axis("moment", moment)
        .axis("change", change)
        .machine(machine)
        .expect(Expectation::attempts(laps.iter().copied().map(booted)))
        .control(control)
}

/// The restored machine boots from its reset vector and finds the order as it stands at the host: a bootindex that was set
/// since and a disk that was plugged in since are in force.
fn before_the_guest_ran(firmware: Firmware, board: Board) -> Vec<Case> {
    let case = |change: &str, machine: Machine, story: Story, laps: &[&str]| {
        let machine = machine.paused();
        changing(firmware, board, "prelaunch", change, machine, laps).story(story.restore("made"))
    };
    let made = || Story::new().snapshot("made").cont().wait_for("first");
    let plain = || two(firmware, board, Medium::bootable("second"));
    let mut cases = vec![
        case("unchanged", plain(), made(), &["first", "first"]),
        case("changed", plain(), made().set_bootindex("second", 0), &["first", "second"]),
        case("plugged", plain().bootindex(0).absent(), made().plug("second"), &["first", "second"]),
    ];
    if board == Board::Pc {
        let machine = with_pci_disk(firmware, Medium::bootable("second"));
        cases.push(case("plugged-pci", machine, made().plug("second"), &["first", "second"]));
    }
    cases
}

/// The machine is reset after the snapshot and boots; put back, it is where the first medium hangs, and is reset again.
fn while_it_hangs(firmware: Firmware, board: Board) -> Vec<Case> {
    let case = |change: &str, machine: Machine, story: Story, laps: [&str; 3]| {
        let times = if laps[0] == laps[1] { 2 } else { 1 };
        let story = story.reset().wait(again(laps[1], times)).restore("hung").reset();
        changing(firmware, board, "running", change, machine, &laps).story(story)
    };
    let hung = || Story::new().wait_for("first").snapshot("hung");
    let plain = || two(firmware, board, Medium::hanging("second"));
    let mut cases = vec![
        case("unchanged", two(firmware, board, Medium::bootable("second")), hung(), ["first", "first", "first"]),
        // qom-set is the host's, and no part of the state
        case("changed", plain(), hung().set_bootindex("second", 0), ["first", "second", "second"]),
        case("plugged", plain().bootindex(0).absent(), hung().plug("second"), ["first", "second", "second"]),
    ];
    if board == Board::Pc {
        let machine = with_pci_disk(firmware, Medium::hanging("second"));
        cases.push(case("plugged-pci", machine, hung().plug("second"), ["first", "second", "second"]));
    }
    cases
}

/// QEMU resets a machine before it loads a state, and fw_cfg's files are no part of the state. So a list that was out of date
/// in prelaunch is a true one after a snapshot and its restoring.
fn list_made_anew(firmware: Firmware, board: Board) -> Case {
    let machine = Machine::new(firmware, board).paused().virtio_scsi(0, 1, Medium::bootable("right")).bootindex(1);
    let machine = machine.absent().virtio_scsi(0, 2, Medium::blank("wrong")).absent();
    case(firmware, board, "prelaunch::both-plugged-before")
        .machine(machine)
        .story(Story::new().plug("right").plug("wrong").snapshot("made").restore("made").cont())
        .expect(Expectation::boots("right").without_trying("wrong"))
        .control_blank("right")
}

/// A snapshot of drives that are raw is refused, in QEMU's own words, and the machine goes on.
fn raw(firmware: Firmware, board: Board) -> Case {
    let machine = two(firmware, board, Medium::bootable("second"));
    let words = "is writable but does not support snapshots";
    case(firmware, board, "refused::raw")
        .axis("refused", "raw")
        .control(machine.clone().with_bootindex_of("second", 0))
        .machine(machine)
        .story(Story::new().wait_for("first").snapshot_refused(Drives::Raw, words).reset())
        .expect(Expectation::attempts(["first"; 2].map(booted)))
}

/// What QEMU says of a state that has more devices than the machine: up to 10.0, and since.
const GONE: [&str; 2] = ["Error -22 while loading VM state", "Unknown section or instance"];

/// A machine whose disk has gone cannot be put back, and QEMU leaves it stopped. A reset gets it going again.
fn unplugged(firmware: Firmware, board: Board) -> Case {
    let story = Story::new().wait_for("first").snapshot("hung").unplug("second");
    let machine = two(firmware, board, Medium::bootable("second"));
    case(firmware, board, "refused::unplugged")
        .axis("refused", "unplugged")
        .control(machine.clone().with_bootindex_of("second", 0))
        .machine(machine)
        .story(story.restore_refused("hung", &GONE).reset().cont())
        .expect(Expectation::attempts(["first"; 2].map(booted)))
}

/// A drive of every class works on when its machine has been put back. Optical drives are read-only and no part of the snapshot;
/// the disk beside is.
fn classes(board: Board) -> Vec<Case> {
    let drives = disks(board).into_iter().chain(opticals(board)).filter(|&class| class != DiskClass::Nvme);
    let case = |class: DiskClass| {
        let machine = Machine::new(Firmware::SeaBios, board).paused().drive(class, 0, Medium::hanging("first"));
        let machine = machine.bootindex(1).virtio_blk(Medium::bootable("beside")).slot(20).bootindex(2);
        case(Firmware::SeaBios, board, &format!("class::{}", class.name()))
            .axis("class", class.name())
            .control(machine.clone().with_bootindex_of("beside", 0))
            .machine(machine)
            .story(Story::new().snapshot("made").cont().wait_for("first").restore("made"))
            .expect(Expectation::attempts(["first"; 2].map(booted)))
    };
    drives.map(case).collect()
}

/// The boot menu is open again, and the other entry can be chosen.
fn in_the_menu(board: Board) -> Case {
    const LISTED: [&str; 3] = ["first", "second", "Legacy option rom"];
    let machine = Machine::new(Firmware::SeaBios, board).virtio_blk(Medium::hanging("first")).bootindex(1);
    let machine = machine.virtio_scsi(0, 1, Medium::bootable("second")).bootindex(2);
    let machine = machine.boot_menu(Some(65_535)).with_clock(Clock::Real);
    let story = Story::new().wait_for_text("for boot menu").press(&["esc"], "Select boot device:").snapshot("open");
    let story = story.press(&["1"], "Booting from").wait_for("first").restore("open").press(&["2"], "Booting from");
    case(Firmware::SeaBios, board, "menu::open")
        .control(machine.clone().with_blank("second"))
        .machine(machine)
        .story(story)
        .expect(Expectation::attempts(["first", "second"].map(booted)).menu(&LISTED).menu(&LISTED))
}

/// What the guest wrote to the variable store. With a bootindex UEFI firmware would write BootOrder anew at each boot, which is
/// the control.
pub(crate) fn nvram(firmware: Firmware, board: Board) -> Vec<Case> {
    let machine = || {
        let first = Medium::then("first", After::WriteBootOrder);
        let machine = Machine::new(firmware, board).virtio_blk(first).slot(4);
        machine.virtio_blk(Medium::hanging("second")).slot(6)
    };
    let case = |what: &str, machine: Machine, story: Story, laps: &[&str]| {
        case(firmware, board, &format!("nvram::{what}"))
            .axis("written", what)
            .control(machine.clone().with_bootindex_of("first", 1))
            .machine(machine)
            .story(story)
            .expect(Expectation::attempts(laps.iter().copied().map(booted)))
    };
    let undone = ["first", "second", "first", "second"];
    let after = |made: Story| made.cont().wait_for("second").restore("made");
    let before = Story::new().wait_for("second").snapshot("hung").reset().wait(again("second", 2));
    vec![
        case("written-after", machine().paused(), after(Story::new().snapshot("made")), &undone),
        // the flash travels with the memory, and QEMU writes it back to a file that is no part of the snapshot
        case("written-after-raw", machine().paused(), after(Story::new().snapshot_without_store("made")), &undone),
        case("written-before", machine(), before.restore("hung").reset(), &["first", "second", "second", "second"]),
    ]
}

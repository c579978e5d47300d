//! What a reset makes of the boot order, and what only a reset makes of it.
//!
//! The first medium hangs once it has reported, so that the story can act on a machine that runs and then reset it; what
//! boots on the last lap ends the machine or hangs there.

mod id;
mod moments;

use bootwright::case::Case;
use bootwright::case::story::{Milestone, Story};
use bootwright::machine::{Board, Clock, DiskClass, Firmware, Hotplug, Machine, Medium};
use bootwright::platform::Architecture;
use bootwright::verdict::{Expectation, booted, failed};

use crate::classes;
use crate::networks::{self, Uefi};
use crate::{SLOW_OVMF, UNSETTLED, quick_or_long};
use id::{id, on_board};
pub use moments::twenty;

pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for class in classes::pluggable(Board::Pc) {
        for firmware in [Firmware::SeaBios, Firmware::Ovmf] {
            cases.extend(while_running(firmware, Board::Pc, class).map(quick_or_long));
        }
        cases.push(bootindex_taken(class));
    }
    cases.push(twenty_resets());
    cases.extend([1, 2].map(reset_in_menu));
    cases.extend(moments::cases().into_iter().map(by_firmware));
    cases.extend(order_and_once());
    cases.push(boot_set());
    cases.extend(reboot_timeouts());
    cases.extend(refused_at_power_on());
    cases
}

/// Those of a UEFI guest.
pub fn on(guest: Uefi) -> Vec<Case> {
    with_network(guest, guest.machine(networks::healthy_for(guest)))
}

/// The same with this machine for what is cut short in a network boot.
pub fn with_network(guest: Uefi, machine: Machine) -> Vec<Case> {
    let classes = classes::pluggable(guest.board).into_iter();
    let mut cases: Vec<Case> = classes.flat_map(|class| while_running(guest.firmware, guest.board, class)).collect();
    cases.extend(moments::on(guest, &machine));
    cases
}

/// A disk comes, goes and changes rank while the machine runs, and then it is reset.
pub fn while_running(firmware: Firmware, board: Board, class: DiskClass) -> [Case; 4] {
    let act_on = [plugged_while_running, unplugged_while_running, bootindex_while_running, withdrawn_while_running];
    act_on.map(|case| case(firmware, board, class))
}

/// What is cut short by a reset is in the default suite with SeaBIOS alone.
fn by_firmware(case: Case) -> Case {
    let uefi = case.machine.firmware.is_uefi();
    case.long_if(uefi, SLOW_OVMF)
}

/// A disk that comes while the machine runs is first after the next reset.
fn plugged_while_running(firmware: Firmware, board: Board, class: DiskClass) -> Case {
    let machine = Machine::new(firmware, board).drive(class, 0, Medium::hanging("first")).bootindex(2);
    let machine = machine.drive(class, 1, Medium::bootable("right")).bootindex(1).absent();
    Case::new(on_board(firmware, board, &format!("{}::plugged-while-running", class.name())))
        .axis("class", class.name())
        .control(machine.clone().without_bootindex_of("right"))
        .machine(machine)
        .story(Story::new().wait_for("first").plug("right").reset())
        .expect(Expectation::attempts([booted("first"), booted("right")]))
}

/// A disk that goes while the machine runs is out of the order after the next reset.
///
/// A PCI function goes in that reset, and its boot entry some time after: whether the reset still writes it is a race, so the
/// list is looked at after one more.
fn unplugged_while_running(firmware: Firmware, board: Board, class: DiskClass) -> Case {
    let at_once = class.hotplug(board) == Hotplug::AtOnce;
    let right = if at_once { Medium::bootable("right") } else { Medium::hanging("right") };
    let machine = Machine::new(firmware, board).drive(class, 0, Medium::hanging("first")).bootindex(1);
    let machine = machine.drive(class, 1, right).bootindex(2);
    let story = Story::new().wait_for("first");
    let (story, laps) = match at_once {
        true => (story.unplug("first").reset(), vec!["first", "right"]),
        false => {
            let story = story.unplug_at_reset("first").reset().wait_for("right").released("first").reset();
            (story, vec!["first", "right", "right"])
        }
    };
    Case::new(on_board(firmware, board, &format!("{}::unplugged-while-running", class.name())))
        .axis("class", class.name())
        .machine(machine)
        .story(story)
        .expect(Expectation::attempts(laps.into_iter().map(booted)))
        .control_blank("right")
        .long(UNSETTLED)
}

/// `qom-set bootindex` while the machine runs leaves fw_cfg alone until the next reset, and is in force after it.
fn bootindex_while_running(firmware: Firmware, board: Board, class: DiskClass) -> Case {
    let machine = Machine::new(firmware, board).drive(class, 0, Medium::hanging("first")).bootindex(1);
    let machine = machine.drive(class, 1, Medium::bootable("right")).bootindex(2);
    let story = Story::new().wait_for("first").set_bootindex("right", 0);
    // the host reads fw_cfg by a PC's ports
    let story =
        if board.facts().architecture == Architecture::X86_64 { story.host_reads(&["first", "right"]) } else { story };
    let story = story.reset();
    Case::new(on_board(firmware, board, &format!("{}::bootindex-while-running", class.name())))
        .axis("class", class.name())
        .machine(machine)
        .story(story)
        .expect(Expectation::attempts([booted("first"), booted("right")]))
        .control_blank("right")
}

/// A bootindex that is taken away while the machine runs is out of the order after the next reset.
fn withdrawn_while_running(firmware: Firmware, board: Board, class: DiskClass) -> Case {
    let machine = Machine::new(firmware, board).drive(class, 0, Medium::hanging("first")).bootindex(1);
    let machine = machine.drive(class, 1, Medium::bootable("right")).bootindex(2);
    let story = Story::new().wait_for("first").set_bootindex("first", -1).reset();
    Case::new(on_board(firmware, board, &format!("{}::bootindex-withdrawn-while-running", class.name())))
        .axis("class", class.name())
        .machine(machine)
        .story(story)
        .expect(Expectation::attempts([booted("first"), booted("right")]))
        .control_blank("right")
}

/// A bootindex that another device has is refused, and the order stays what it was.
fn bootindex_taken(class: DiskClass) -> Case {
    let machine = Machine::pc(Firmware::SeaBios).drive(class, 0, Medium::bootable("wrong")).bootindex(2);
    let machine = machine.drive(class, 1, Medium::bootable("right")).bootindex(1).paused();
    Case::new(id(Firmware::SeaBios, &format!("{}::bootindex-taken", class.name())))
        .axis("class", class.name())
        .control(machine.clone().without_bootindex_of("right"))
        .machine(machine)
        .story(Story::new().set_bootindex_refused("wrong", 1, "already been used").cont())
        .expect(Expectation::boots("right").without_trying("wrong"))
}

/// Twenty resets, each after a boot: the order is the same on every lap.
fn twenty_resets() -> Case {
    let machine = Machine::pc(Firmware::SeaBios).virtio_scsi(0, 2, Medium::hanging("wrong")).bootindex(2);
    let machine = machine.virtio_scsi(0, 1, Medium::hanging("right")).bootindex(1);
    let story = (1..=20).fold(Story::new(), |story, times| {
        story.wait(Milestone::Payload { medium: "right".to_owned(), times }).reset()
    });
    Case::new(id(Firmware::SeaBios, "twenty-resets"))
        .machine(machine)
        .story(story)
        .expect(Expectation::attempts(std::iter::repeat_n(booted("right"), 21)))
        .control_blank("right")
}

/// A reset in POST, while the firmware offers its menu: the boot that follows is an ordinary one.
fn reset_in_menu(resets: u32) -> Case {
    let mut machine = Machine::pc(Firmware::SeaBios).virtio_blk(Medium::bootable("wrong")).bootindex(2);
    machine = machine.virtio_blk(Medium::bootable("right")).bootindex(1).with_clock(Clock::Real);
    machine.boot.menu = Some(true);
    machine.boot.splash_time = Some(1000);
    let story = (1..=resets).fold(Story::new(), |story, times| {
        story.wait(Milestone::Says { text: "for boot menu.\n".to_owned(), times }).reset()
    });
    let expected = Expectation::boots("right").without_trying("wrong");
    Case::new(id(Firmware::SeaBios, &format!("reset-in-post-{resets}")))
        .axis("resets", resets.to_string())
        .control(machine.clone().without_bootindex_of("right"))
        .machine(machine)
        .story(story)
        .expect((0..=resets).fold(expected, |expected, _| expected.menu(&[])))
}

/// `-boot order=` holds on every lap, `once=` on the first one only.
fn order_and_once() -> Vec<Case> {
    let machine = |order: Option<&str>, once: Option<&str>| {
        let mut machine = Machine::pc(Firmware::SeaBios).ide(0, 0, Medium::hanging("disk"));
        machine = machine.drive(classes::native_optical(Board::Pc), 2, Medium::hanging("disc"));
        machine.boot.order = order.map(str::to_owned);
        machine.boot.once = once.map(str::to_owned);
        machine
    };
    let case = |name: &str, order, once, laps: [&str; 3], control| {
        let story = Story::new().wait_for(laps[0]).reset();
        let again = laps.iter().take(2).filter(|&&medium| medium == laps[1]).count() as u32;
        let story = story.wait(Milestone::Payload { medium: laps[1].to_owned(), times: again }).reset();
        Case::new(id(Firmware::SeaBios, &format!("boot-option::{name}")))
            .axis("boot", name)
            .machine(machine(order, once))
            .story(story)
            .expect(Expectation::attempts(laps.map(booted)))
            .control(control)
    };
    let other = |order: &str| machine(Some(order), None);
    vec![
        case("default", None, None, ["disk", "disk", "disk"], other("d")),
        case("order-c", Some("c"), None, ["disk", "disk", "disk"], other("d")),
        case("order-d", Some("d"), None, ["disc", "disc", "disc"], other("c")),
        case("order-dc", Some("dc"), None, ["disc", "disc", "disc"], other("cd")),
        case("once-d", None, Some("d"), ["disc", "disk", "disk"], other("d")),
        case("order-c-once-d", Some("c"), Some("d"), ["disc", "disk", "disk"], other("d")),
        case("order-d-once-c", Some("d"), Some("c"), ["disk", "disc", "disc"], other("d")),
    ]
}

/// `boot_set` at the human monitor changes the order of a machine that runs, from the next reset on.
fn boot_set() -> Case {
    let machine = Machine::pc(Firmware::SeaBios).ide(0, 0, Medium::hanging("disk"));
    let machine = machine.drive(classes::native_optical(Board::Pc), 2, Medium::hanging("disc"));
    let story = Story::new()
        .wait_for("disk")
        .type_line_answered("boot_set d", "boot device list now set to d")
        .reset()
        .wait_for("disc")
        .reset();
    Case::new(id(Firmware::SeaBios, "boot-option::boot-set-d"))
        .axis("boot", "boot-set-d")
        .control(machine.clone().boot_order("d"))
        .machine(machine)
        .story(story)
        .expect(Expectation::attempts(["disk", "disc", "disc"].map(booted)))
}

/// `reboot-timeout` in milliseconds: -1 waits for ever, anything else waits so long on every lap, in guest time.
fn reboot_timeouts() -> Vec<Case> {
    let machine = |timeout: i64, medium: Medium| {
        Machine::pc(Firmware::SeaBios).virtio_blk(medium).bootindex(1).strict(true).reboot_timeout(timeout)
    };
    let never = Case::new(id(Firmware::SeaBios, "reboot-timeout::-1"))
        .axis("reboot-timeout", "-1")
        .machine(machine(-1, Medium::blank("disk")))
        .expect(Expectation::nothing_boots([failed("disk")]))
        .control(machine(1000, Medium::blank("disk")));
    let mut cases = vec![never];
    for timeout in [0, 1000, 60_000, 65_535] {
        // two waits lie before the third lap; POST takes guest time, too
        let waits = 2 * timeout as u64 / 1000;
        let case = Case::new(id(Firmware::SeaBios, &format!("reboot-timeout::{timeout}")))
            .axis("reboot-timeout", timeout.to_string())
            .machine(machine(timeout, Medium::blank("disk")))
            .expect(Expectation::laps(3, [failed("disk")]).lasting(waits, waits + 20))
            .control(machine(-1, Medium::blank("disk")));
        cases.push(case);
    }
    cases
}

/// Values that QEMU refuses, in its own words.
fn refused_at_power_on() -> Vec<Case> {
    let plain = || Machine::pc(Firmware::SeaBios).virtio_blk(Medium::bootable("disk"));
    let taken = plain().bootindex(1).virtio_scsi(0, 1, Medium::bootable("other")).bootindex(1);
    let refused = [
        ("reboot-timeout-65536", plain().reboot_timeout(65_536), "between -1 and 65535"),
        ("reboot-timeout-minus-2", plain().reboot_timeout(-2), "between -1 and 65535"),
        ("order-twice", plain().boot_order("cc"), "Boot device 'c' was given twice"),
        ("order-unknown", plain().boot_order("z"), "Invalid boot device"),
        ("order-of-no-pc-device", plain().boot_order("e"), "Invalid boot device for PC"),
        ("order-of-four", plain().boot_order("cadn"), "Too many boot devices for PC"),
        ("bootindex-twice", taken, "has already been used"),
        ("bootindex-2147483648", plain().bootindex(2_147_483_648), "'bootindex' expects int32_t"),
    ];
    let case = |(name, machine, words): (&str, Machine, &str)| {
        Case::new(id(Firmware::SeaBios, &format!("refused::{name}")))
            .axis("refused", name)
            .machine(machine)
            .expect(Expectation::qemu_refuses(words))
            .control(plain())
    };
    refused.into_iter().map(case).collect()
}

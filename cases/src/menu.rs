//! SeaBIOS' boot menu: what it lists, what each key does, and how long it is offered. OVMF's is in [`ovmf`].
//!
//! Cases that press a key run by the real clock, since an idle guest's virtual time would pass before the key arrives; the
//! offer lasts 65.5 s there, and the key ends it at once. Cases without keys run by the virtual clock.

mod offer;
mod ovmf;

use bootwright::case::Case;
use bootwright::case::story::Story;
use bootwright::machine::{Board, Clock, DeviceClass, DiskClass, Firmware, Machine, Medium};
use bootwright::verdict::{Expectation, failed};

use crate::classes;
use crate::networks::{BIOS_FILE, healthy};
use offer::{LONGEST, optical};

/// Prompt of an offered menu, whichever key it names.
const OFFER: &str = "for boot menu";

/// What the menu begins with.
const LISTING: &str = "Select boot device:";

/// Devices of [`candidates`] as the menu lists them: those with a bootindex, then disks, floppies, optical drives and NICs.
/// QEMU adds an option ROM for its APIC, which SeaBIOS counts among the disks.
const LISTED: [&str; 6] = ["first", "disc", "disk", "Legacy option rom", "floppy", "nic0"];

pub use ovmf::{on_arm, on_x86};

pub fn cases() -> Vec<Case> {
    let mut cases = vec![everything_listed(Board::Pc), everything_listed(Board::Q35), strict("disc"), strict("floppy")];
    for board in [Board::Pc, Board::Q35] {
        let others = classes::disks(board).into_iter().filter(|&class| class != DiskClass::VirtioBlk);
        cases.extend(others.map(|class| strict_and_unlisted(board, class)));
        cases.extend((0..LISTED.len()).filter(|&at| at != 3).map(|at| choice(board, at)));
        cases.push(choice_by_letter(board));
    }
    cases.extend([
        invalid_keys(),
        other_key_at_the_offer(),
        another_menu_key(),
        escape_with_another_key(),
        escape_twice(),
    ]);
    cases.push(disc_exchanged());
    cases.extend([0, 1000, 5000, LONGEST].map(offered_for));
    cases.extend([offered_for_default(), off(), splash_time_alone(), refused(), every_lap()]);
    cases.extend(ovmf::cases());
    cases
}

#[track_caller]
fn case(board: Board, rest: &str) -> Case {
    Case::new(format!("menu::seabios::{}::{rest}", board.name()))
}

/// A device of every kind, two of them with a bootindex.
fn candidates(board: Board) -> Machine {
    let machine = Machine::new(Firmware::SeaBios, board)
        .network(healthy())
        .virtio_blk(Medium::bootable("first"))
        .bootindex(1)
        .virtio_scsi(0, 1, Medium::bootable("disk"))
        .cdrom(optical(board), Medium::bootable("disc"))
        .bootindex(2)
        .floppy(Medium::bootable("floppy"))
        .nic("virtio-net-pci", Some(0));
    machine.boot_menu(Some(LONGEST)).with_clock(Clock::Real)
}

/// Opens the menu.
fn opened() -> Story {
    Story::new().wait_for_text(OFFER).press(&["esc"], LISTING)
}

/// Every disk class, optical drive and NIC under its own name: those with a bootindex in its order, the others behind them.
fn everything_listed(board: Board) -> Case {
    let (machine, listed) = one_of_each(board);
    case(board, "everything-listed")
        .control(machine.clone().without_bootindex())
        .machine(machine)
        .story(opened().press(&["1"], "Booting from"))
        .expect(Expectation::boots("nvme").menu(&listed))
}

/// Entries behind the ninth are chosen by letters.
fn choice_by_letter(board: Board) -> Case {
    let (machine, listed) = one_of_each(board);
    let behind_nine = listed.iter().skip(9).position(|name| *name == "scsi-cd").unwrap_or_default();
    let key = if behind_nine == 0 { "a" } else { "b" };
    case(board, &format!("choice-{key}-scsi-cd"))
        .axis("choice", "scsi-cd")
        .control(machine.clone().with_blank("scsi-cd"))
        .machine(machine)
        .story(opened().press(&[key], "Booting from"))
        .expect(Expectation::boots("scsi-cd").without_trying("nvme").menu(&listed))
}

/// A device of every kind, and how the menu lists them.
fn one_of_each(board: Board) -> (Machine, Vec<&'static str>) {
    let mut machine = Machine::new(Firmware::SeaBios, board)
        .virtio_blk(Medium::bootable("virtio-blk"))
        .bootindex(3)
        .virtio_scsi(0, 1, Medium::bootable("scsi"))
        .cdrom(DeviceClass::VirtioScsi { hba: 0, target: 0, lun: 2 }, Medium::bootable("scsi-cd"))
        .nvme(Medium::bootable("nvme"))
        .bootindex(1)
        .usb_storage(1, Medium::bootable("usb"))
        .bootindex(4)
        .ahci(0, Medium::bootable("ahci"))
        .cdrom(optical(board), Medium::bootable("disc"))
        .bootindex(2)
        .floppy(Medium::bootable("floppy"))
        .nic("e1000", None)
        .nic("virtio-net-pci", None)
        .bootindex(5)
        .boot_menu(Some(LONGEST))
        .with_clock(Clock::Real);
    let mut listed = vec!["nvme", "disc", "virtio-blk", "usb", "nic1"];
    if board == Board::Pc {
        machine = machine.ide(0, 0, Medium::bootable("ide"));
        listed.push("ide");
    }
    listed.extend(["ahci", "scsi", "Legacy option rom", "floppy", "scsi-cd", "nic0"]);
    (machine, listed)
}

/// With strict=on the menu lacks the disk without a bootindex, which SeaBIOS does not initialise then, but neither the floppy
/// nor the NIC: what strict keeps from being tried can still be chosen.
fn strict(chosen: &str) -> Case {
    const LISTED: [&str; 5] = ["first", "disc", "Legacy option rom", "floppy", "nic0"];
    let machine = candidates(Board::Pc).strict(true);
    let key = if chosen == "floppy" { "4" } else { "2" };
    case(Board::Pc, &format!("strict-choice-{key}-{chosen}"))
        .axis("strict", "on")
        .axis("choice", chosen)
        .control(machine.clone().strict(false))
        .machine(machine)
        .story(opened().press(&[key], "Booting from"))
        .expect(Expectation::boots(chosen).without_trying("first").menu(&LISTED))
}

/// With strict=on SeaBIOS' drivers for virtio, SCSI and NVMe initialise no disk that is not listed (`skip_nonbootable`), so that the menu
/// has none; those for ATA, AHCI and USB do, and it can be chosen.
fn strict_and_unlisted(board: Board, class: DiskClass) -> Case {
    let chosen_all_the_same = matches!(class, DiskClass::Ide | DiskClass::Ahci | DiskClass::Usb(_));
    let machine = Machine::new(Firmware::SeaBios, board).virtio_blk(Medium::bootable("first")).bootindex(1);
    let machine =
        machine.drive(class, 1, Medium::bootable("unlisted")).boot_menu(Some(LONGEST)).with_clock(Clock::Real);
    let strict = machine.clone().strict(true);
    let (key, ran, listed, control) = match chosen_all_the_same {
        true => {
            ("2", "unlisted", &["first", "unlisted", "Legacy option rom"][..], strict.clone().with_blank("unlisted"))
        }
        false => ("1", "first", &["first", "Legacy option rom"][..], machine),
    };
    case(board, &format!("strict-and-unlisted-{}", class.name()))
        .axis("strict", "on")
        .axis("class", class.name())
        .machine(strict)
        .story(opened().press(&[key], "Booting from"))
        .expect(Expectation::boots(ran).menu(listed))
        .control(control)
}

/// The entry that was chosen boots, and nothing else is tried, although another one has bootindex 1.
fn choice(board: Board, at: usize) -> Case {
    let (chosen, key) = (LISTED[at], (at + 1).to_string());
    let machine = candidates(board);
    let (medium, control) = match chosen {
        "nic0" => ("served", machine.clone().with_network(0, |network| network.without_program(BIOS_FILE))),
        _ => (chosen, machine.clone().with_blank(chosen)),
    };
    let expected = Expectation::boots(medium).menu(&LISTED);
    let expected = if at == 0 { expected } else { expected.without_trying("first") };
    case(board, &format!("choice-{key}-{chosen}"))
        .axis("choice", chosen)
        .machine(machine)
        .story(opened().press(&[key.as_str()], "Booting from"))
        .expect(expected)
        .control(control)
        .long_if(chosen == "nic0", "iPXE waits for several seconds of real time")
}

/// Keys that stand for no entry do nothing; the next one that does is taken.
fn invalid_keys() -> Case {
    case(Board::Pc, "invalid-keys")
        .axis("choice", "disc")
        .machine(candidates(Board::Pc))
        .story(opened().press(&["9", "0", "x", "ret", "spc", "2"], "Booting from"))
        .expect(Expectation::boots("disc").without_trying("first").menu(&LISTED))
        .control(candidates(Board::Pc).with_blank("disc"))
}

/// Any other key ends the offer at once and opens nothing.
fn other_key_at_the_offer() -> Case {
    case(Board::Pc, "other-key-at-the-offer")
        .machine(candidates(Board::Pc))
        .story(Story::new().wait_for_text(OFFER).press(&["spc"], "Booting from"))
        .expect(Expectation::boots("first").menu(&[]).lasting(0, 60))
        .control(candidates(Board::Pc).with_blank("first"))
}

/// Somebody exchanges the disc while the menu is open: the drive says so to the first command, and SeaBIOS asks again (`scsi_is_ready` in
/// its `src/hw/blockcmd.c`).
fn disc_exchanged() -> Case {
    let machine = |second: Medium| {
        let machine = Machine::pc(Firmware::SeaBios).virtio_blk(Medium::bootable("first")).bootindex(1);
        let machine = machine.drive(DiskClass::IdeCd, 0, Medium::blank("disc-1"));
        let machine = machine.drive(DiskClass::IdeCd, 1, second).absent();
        machine.boot_menu(Some(LONGEST)).with_clock(Clock::Real)
    };
    case(Board::Pc, "disc-exchanged")
        .machine(machine(Medium::bootable("disc-2")))
        .story(opened().insert("disc-1", "disc-2").press(&["3"], "Booting from"))
        .expect(Expectation::boots("disc-2").without_trying("first").menu(&["first", "Legacy option rom", "disc-1"]))
        .control(machine(Medium::blank("disc-2")))
}

/// The key that opens the menu is the host's to choose: F12, scan code 0x86.
fn another_menu_key() -> Case {
    case(Board::Pc, "key-f12")
        .axis("menu-key", "f12")
        .machine(candidates(Board::Pc).menu_key(0x86))
        .story(Story::new().wait_for_text(OFFER).press(&["f12"], LISTING).press(&["2"], "Booting from"))
        .expect(Expectation::boots("disc").without_trying("first").menu(&LISTED))
        .control(candidates(Board::Pc))
}

/// Where another key opens the menu, ESC leaves it at once and the first entry boots. (Where ESC opens it, ESC is ignored
/// for 1.5 s.)
fn escape_with_another_key() -> Case {
    case(Board::Pc, "key-f12-then-esc")
        .axis("menu-key", "f12")
        .machine(candidates(Board::Pc).menu_key(0x86))
        .story(Story::new().wait_for_text(OFFER).press(&["f12"], LISTING).press(&["esc"], "Booting from"))
        .expect(Expectation::boots("first").menu(&LISTED))
        .control(candidates(Board::Pc).menu_key(0x86).with_blank("first"))
}

/// Where ESC opens the menu, ESC at once after it is ignored, so that who presses it several times still sees the menu.
fn escape_twice() -> Case {
    case(Board::Pc, "esc-twice")
        .axis("choice", "disc")
        .machine(candidates(Board::Pc))
        .story(opened().press(&["esc", "2"], "Booting from"))
        .expect(Expectation::boots("disc").without_trying("first").menu(&LISTED))
        .control(candidates(Board::Pc).with_blank("disc"))
}

fn two_disks() -> Machine {
    let machine = Machine::pc(Firmware::SeaBios).virtio_blk(Medium::bootable("wrong")).bootindex(2);
    machine.virtio_blk(Medium::bootable("right")).bootindex(1)
}

/// Without a key the menu is offered for `splash-time` milliseconds of guest time, then the first entry boots.
fn offered_for(milliseconds: u32) -> Case {
    let seconds = u64::from(milliseconds / 1000);
    case(Board::Pc, &format!("splash-time-{milliseconds}"))
        .axis("splash-time", milliseconds.to_string())
        .machine(two_disks().boot_menu(Some(milliseconds)))
        .expect(Expectation::boots("right").without_trying("wrong").menu(&[]).lasting(seconds, seconds + 2))
        .control(two_disks())
}

/// Where nobody says how long, SeaBIOS waits 2.5 s.
fn offered_for_default() -> Case {
    case(Board::Pc, "splash-time-default")
        .axis("splash-time", "default")
        .machine(two_disks().boot_menu(None))
        .expect(Expectation::boots("right").without_trying("wrong").menu(&[]).lasting(2, 4))
        .control(two_disks().boot_menu(Some(LONGEST)))
}

/// QEMU's default is no menu, and `menu=off` says so.
fn off() -> Case {
    let mut machine = two_disks();
    machine.boot.menu = Some(false);
    case(Board::Pc, "off")
        .machine(machine)
        .expect(Expectation::boots("right").without_trying("wrong").lasting(0, 2))
        .control(two_disks().boot_menu(Some(5000)))
}

/// A splash time alone offers nothing and waits for nothing.
fn splash_time_alone() -> Case {
    let mut machine = two_disks();
    machine.boot.splash_time = Some(LONGEST);
    case(Board::Pc, "splash-time-without-menu")
        .machine(machine)
        .expect(Expectation::boots("right").without_trying("wrong").lasting(0, 2))
        .control(two_disks().boot_menu(Some(LONGEST)))
}

/// A splash time that QEMU refuses, in its own words.
fn refused() -> Case {
    case(Board::Pc, "refused::splash-time-65536")
        .axis("refused", "splash-time-65536")
        .machine(two_disks().boot_menu(Some(65_536)))
        .expect(Expectation::qemu_refuses("it should be a value between 0 and 65535"))
        .control(two_disks())
}

/// The menu is offered again on every lap that `reboot-timeout` makes, and both waits count.
fn every_lap() -> Case {
    let machine = || Machine::pc(Firmware::SeaBios).virtio_blk(Medium::blank("disk")).bootindex(1).strict(true);
    let machine = || machine().reboot_timeout(3000);
    case(Board::Pc, "every-lap-with-reboot-timeout")
        .axis("reboot-timeout", "3000")
        .machine(machine().boot_menu(Some(4000)))
        .expect(Expectation::laps(4, [failed("disk")]).menu(&[]).menu(&[]).menu(&[]).lasting(21, 60))
        .control(machine())
}

//! Devices that come, go and change rank while the machine is paused before its first instruction (`-S`).
//!
//! QEMU fills fw_cfg `bootorder` and `bios-geometry` in a reset handler only, so that `cont` out of prelaunch starts a guest
//! with the lists of power-on. Every case says what the user asked for; where this QEMU fails it, `known-issues.toml` says in
//! which way. Its twin with `system_reset` before `cont` passes. What was measured stands in `docs/stories.md`.

mod act;
mod nics;

use bootwright::case::Case;
use bootwright::case::story::Story;
use bootwright::machine::{Board, DiskClass, Firmware, Hotplug, Machine, Medium, Place};
use bootwright::verdict::Expectation;

use crate::classes;
use crate::networks::Uefi;
use crate::{SLOW_OVMF, UNSETTLED};
use act::{Act, Leaving, NOT_EVERYDAY};

/// One cell of the product.
#[derive(Clone, Copy, Debug)]
struct Cell {
    firmware: Firmware,
    board: Board,
    place: Place,
    class: DiskClass,
    act: Act,
    other_bootable: bool,
    strict: bool,
    geometry: bool,
    leaving: Leaving,
}

pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for firmware in [Firmware::SeaBios, Firmware::Ovmf] {
        for class in classes::pluggable(Board::Pc) {
            for geometry in [false, true] {
                // a logical geometry goes the way of the rank: into fw_cfg `bios-geometry`, at reset only
                if geometry && !(class.has_geometry() && firmware == Firmware::SeaBios) {
                    continue;
                }
                let cells = product(Cell { firmware, geometry, ..Cell::seabios(class) });
                cases.extend(cells.into_iter().map(|cell| {
                    let reason = if firmware == Firmware::Ovmf { SLOW_OVMF } else { NOT_EVERYDAY };
                    cell.case().long_if(!cell.is_everyday(), reason)
                }));
            }
        }
    }
    cases.extend(behind_bridges());
    cases.extend(nics::cases());
    cases.extend(refusals());
    cases.extend(once());
    cases.extend(reports_example());
    cases.push(host_view());
    cases
}

/// Those of UEFI firmware on a board whose root bus takes no device while the machine runs: disks, and a NIC that it boots from.
pub fn on(uefi: Uefi) -> Vec<Case> {
    let mut cases = disks_on(uefi.firmware, uefi.board);
    cases.extend(nics::on(uefi));
    cases
}

/// Those of disks, on adapters, and as PCI functions behind root ports.
pub fn disks_on(firmware: Firmware, board: Board) -> Vec<Case> {
    let adapters = classes::pluggable(board).into_iter();
    let cells = adapters.flat_map(|class| product(Cell { firmware, board, ..Cell::seabios(class) }));
    let mut cases: Vec<Case> = cells.map(Cell::case).collect();
    for class in [DiskClass::VirtioBlk, DiskClass::Nvme] {
        for act in [Act::First, Act::Beside, Act::Alone] {
            for leaving in [Leaving::Cont, Leaving::Reset] {
                let place = Place::RootPort;
                cases.push(Cell { firmware, board, place, act, leaving, ..Cell::seabios(class) }.case());
            }
        }
    }
    cases
}

/// The boot disk comes, alone or beside another one, and changes rank: on machines whose order is not in fw_cfg.
pub fn with_another_bootable(firmware: Firmware, board: Board, class: DiskClass) -> impl Iterator<Item = Case> {
    let acts = [Act::Alone, Act::Beside, Act::Readded, Act::Reindexed].into_iter();
    let cells = acts.flat_map(move |act| {
        [Leaving::Cont, Leaving::Reset].map(|leaving| Cell { firmware, board, act, leaving, ..Cell::seabios(class) })
    });
    cells.map(Cell::case)
}

/// A part of the product for UEFI firmware that shares all else with others: adapters, each act that a boot disk can be the subject of.
pub fn adapters_on(firmware: Firmware, board: Board) -> Vec<Case> {
    let acts = [Act::First, Act::Alone, Act::Beside, Act::Removed, Act::Reindexed];
    let cell = |class, act, leaving| Cell { firmware, board, act, leaving, ..Cell::seabios(class) };
    let leavings = |class, act| [Leaving::Cont, Leaving::Reset].map(move |leaving| cell(class, act, leaving).case());
    let of_class = |class| acts.into_iter().flat_map(move |act| leavings(class, act));
    classes::pluggable(board).into_iter().flat_map(of_class).collect()
}

/// Every act, other disk, strictness and way out of prelaunch for one firmware and class.
fn product(cell: Cell) -> Vec<Cell> {
    let mut cells = Vec::new();
    for act in Act::ALL {
        for &other_bootable in act.others() {
            for strict in [false, true] {
                let leavings = leavings(cell.class, act).iter();
                cells.extend(leavings.map(|&leaving| Cell { act, other_bootable, strict, leaving, ..cell }));
            }
        }
    }
    cells
}

/// A PCI function that is asked to go stays until a reset; a SCSI or USB disk goes at once.
fn goes_at_once(class: DiskClass) -> bool {
    class.hotplug(Board::Pc) == Hotplug::AtOnce
}

fn leavings(class: DiskClass, act: Act) -> &'static [Leaving] {
    match act {
        Act::Removed if !goes_at_once(class) => &[Leaving::Cont, Leaving::Reset, Leaving::ResetTwice],
        _ => &[Leaving::Cont, Leaving::Reset],
    }
}

impl Cell {
    fn seabios(class: DiskClass) -> Cell {
        Cell {
            firmware: Firmware::SeaBios,
            board: Board::Pc,
            place: Place::Root,
            class,
            act: Act::Alone,
            other_bootable: true,
            strict: false,
            geometry: false,
            leaving: Leaving::Cont,
        }
    }

    /// Whether it is in the default suite: an OVMF boot is slow, and a geometry's way does not depend on much.
    fn is_everyday(self) -> bool {
        let plain = self.other_bootable && !self.strict;
        match (self.firmware, self.geometry, self.class) {
            (Firmware::SeaBios, false, _) => true,
            (Firmware::SeaBios, true, class) => {
                let goes = self.act == Act::Removed && class == DiskClass::VirtioScsi;
                plain && (goes || matches!(self.act, Act::First | Act::Alone))
            }
            (Firmware::Ovmf, _, DiskClass::VirtioScsi) => plain || (self.other_bootable && self.act == Act::First),
            (Firmware::Ovmf, _, DiskClass::Usb(_)) => plain && self.act == Act::Removed,
            (
                Firmware::Ovmf
                | Firmware::Aavmf
                | Firmware::RiscVVirt
                | Firmware::LoongArchVirt
                | Firmware::S390Ccw
                | Firmware::Slof,
                ..,
            ) => plain && matches!(self.act, Act::First | Act::Removed),
        }
    }

    fn id(self) -> String {
        let other = if self.other_bootable { "other-bootable" } else { "other-blank" };
        let strict = if self.strict { "strict-on" } else { "strict-off" };
        let place = match self.place {
            Place::Root => "",
            Place::PciBridge => "-behind-bridge",
            Place::NestedBridge => "-behind-nested-bridge",
            Place::SwitchPort => "-behind-switch",
            Place::RootPort | Place::Port { .. } => "-behind-root-port",
            Place::Expander => "-behind-expander",
            Place::Zpci => "-on-zpci",
            Place::VirtioMmio { .. } => "-on-virtio-mmio",
        };
        let geometry = if self.geometry { "-with-lchs" } else { "" };
        format!(
            "prelaunch::{}::{}::{}{place}::{}{geometry}::{other}::{strict}::{}",
            self.firmware.name(),
            self.board.name(),
            self.class.name(),
            self.act.name(),
            self.leaving.name()
        )
    }

    fn machine(self) -> Machine {
        let paused = Machine::new(self.firmware, self.board).strict(self.strict).paused();
        let other = if self.other_bootable { Medium::bootable("wrong") } else { Medium::blank("wrong") };
        // the geometry belongs to the disk that comes or goes
        let with_geometry = |machine: Machine, moves: bool| {
            if self.geometry && moves { machine.logical_geometry(65, 16, 32) } else { machine }
        };
        let wrong = |machine: Machine| {
            let machine = machine.drive(self.class, 0, other).place(self.place);
            with_geometry(machine, self.act == Act::Removed)
        };
        let right = |machine: Machine| {
            let machine = machine.drive(self.class, 1, Medium::bootable("right")).place(self.place);
            with_geometry(machine, self.act != Act::Removed)
        };
        match self.act {
            Act::First | Act::Last => right(wrong(paused).absent()).bootindex(1).absent(),
            Act::Alone => right(paused).bootindex(1).absent(),
            Act::Beside | Act::Readded => right(wrong(paused).bootindex(2)).bootindex(1).absent(),
            Act::Removed | Act::Reindexed => right(wrong(paused).bootindex(1)).bootindex(2),
        }
    }

    fn story(self) -> Story {
        let story = Story::new();
        let story = match self.act {
            Act::First => story.plug("right").plug("wrong"),
            Act::Last => story.plug("wrong").plug("right"),
            Act::Alone | Act::Beside => story.plug("right"),
            Act::Removed if goes_at_once(self.class) => story.unplug("wrong"),
            Act::Removed => story.unplug_at_reset("wrong"),
            Act::Readded if goes_at_once(self.class) => story.plug("right").unplug("right").plug("right"),
            Act::Readded => story.plug("right").unplug_at_reset("right").reset().released("right").plug("right"),
            Act::Reindexed => story.set_bootindex("right", 0),
        };
        self.leaving.end(story)
    }

    /// A PCI device that nobody answered for is still there, still listed, and boots.
    fn stays(self) -> bool {
        self.act == Act::Removed && !goes_at_once(self.class) && self.leaving == Leaving::Cont
    }

    fn expectation(self) -> Expectation {
        match (self.stays(), self.act) {
            (true, _) => Expectation::boots("wrong").without_trying("right"),
            (false, Act::Alone) => Expectation::boots("right"),
            (false, _) => Expectation::boots("right").without_trying("wrong"),
        }
    }

    /// The boot disk without its bootindex, where that lets the other disk win.
    fn control(self) -> Machine {
        let machine = self.machine();
        let wins_anyway = match self.class {
            // QEMU reports the LUN that came last first, so an unlisted one needs no bootindex to win
            DiskClass::VirtioScsi => self.act == Act::Last,
            // of two NVMe controllers without a bootindex SeaBIOS takes the one that is ready first
            DiskClass::Nvme => matches!(self.act, Act::First | Act::Last),
            _ => false,
        };
        match self.act {
            _ if self.stays() => machine.with_blank("wrong"),
            Act::Alone | Act::Removed | Act::Reindexed => machine.with_blank("right"),
            _ if wins_anyway => machine.with_blank("right"),
            _ => machine.without_bootindex_of("right"),
        }
    }

    fn case(self) -> Case {
        let on_off = |on: bool| if on { "on" } else { "off" };
        let smoke = self.firmware == Firmware::SeaBios && self.class == DiskClass::VirtioScsi;
        let unsettled = match self.act {
            Act::Removed => !self.geometry,
            Act::Readded => self.class == DiskClass::Nvme,
            _ => false,
        };
        Case::new(self.id())
            .axis("class", self.class.name())
            .axis("act", self.act.name())
            .axis("other", if self.other_bootable { "bootable" } else { "blank" })
            .axis("strict", on_off(self.strict))
            .axis("lchs", on_off(self.geometry))
            .axis("leaving", self.leaving.name())
            .machine(self.machine())
            .story(self.story())
            .expect(self.expectation())
            .control(self.control())
            .smoke_if(smoke && self.act == Act::First && !self.other_bootable && !self.strict && !self.geometry)
            .long_if(unsettled, UNSETTLED)
    }
}

/// Behind a bridge or port, where q35 can plug PCI functions at all.
fn behind_bridges() -> Vec<Case> {
    let mut cases = Vec::new();
    for class in [DiskClass::VirtioBlk, DiskClass::Nvme] {
        for (board, place) in
            [(Board::Pc, Place::PciBridge), (Board::Q35, Place::PciBridge), (Board::Q35, Place::RootPort)]
        {
            for act in [Act::First, Act::Beside] {
                for leaving in [Leaving::Cont, Leaving::Reset] {
                    cases.push(Cell { board, place, act, leaving, ..Cell::seabios(class) }.case());
                }
            }
        }
    }
    cases
}

/// Classes that QEMU does not plug in, whether paused or running: the words are QEMU's own.
fn refusals() -> Vec<Case> {
    let mut cases = Vec::new();
    for board in [Board::Pc, Board::Q35] {
        for class in classes::disks(board) {
            if class.hotplug(board) != Hotplug::Refused {
                continue;
            }
            let machine = Machine::new(Firmware::SeaBios, board).paused().usb_storage(1, Medium::bootable("present"));
            let machine = machine.bootindex(2);
            let machine = machine.drive(class, 2, Medium::bootable("refused")).bootindex(1).absent();
            for leaving in [Leaving::Cont, Leaving::Reset] {
                let story = Story::new().plug_refused("refused", "does not support hotplugging");
                let id = format!("prelaunch::seabios::{}::{}::refused::{}", board.name(), class.name(), leaving.name());
                let case = Case::new(id)
                    .axis("class", class.name())
                    .axis("act", "refused")
                    .axis("leaving", leaving.name())
                    .machine(machine.clone())
                    .story(leaving.end(story))
                    .expect(Expectation::boots("present").without_trying("refused"))
                    .control_blank("present");
                cases.push(case);
            }
        }
    }
    cases
}

/// `-boot once=` is for the first boot; the reset that helps against a stale list is already the second.
fn once() -> Vec<Case> {
    let machine = |order: &str, once: Option<&str>| {
        let machine = Machine::pc(Firmware::SeaBios).paused().boot_order(order);
        let machine = match once {
            Some(letters) => machine.boot_once(letters),
            None => machine,
        };
        let machine = machine.drive(classes::native_optical(Board::Pc), 2, Medium::bootable("disc"));
        machine.virtio_scsi(0, 1, Medium::bootable("disk")).absent()
    };
    let cells = [
        (Leaving::Cont, "disc", "disk", machine("c", None)),
        (Leaving::Reset, "disk", "disc", machine("d", Some("d"))),
    ];
    let case = |(leaving, first, never, control): (Leaving, &str, &str, Machine)| {
        Case::new(format!("prelaunch::seabios::pc::once::disk-added::{}", leaving.name()))
            .axis("once", "d")
            .axis("leaving", leaving.name())
            .machine(machine("c", Some("d")))
            .story(leaving.end(Story::new().plug("disk")))
            .expect(Expectation::boots(first).without_trying(never))
            .control(control)
    };
    cells.into_iter().map(case).collect()
}

/// The example of the report, step by step, over QMP and as the lines that it prints for the human monitor.
///
/// A regression here leaves a machine without a boot disk although its boot disk was plugged in first and with bootindex 1.
fn reports_example() -> Vec<Case> {
    let machine = Machine::pc(Firmware::SeaBios)
        .paused()
        .virtio_scsi(0, 1, Medium::bootable("boot"))
        .bootindex(1)
        .absent()
        .virtio_scsi(0, 2, Medium::blank("secondary"))
        .bootindex(-1)
        .absent();
    let by_qmp = Story::new().plug("boot").plug("secondary");
    let by_hand = Story::new().plug_by_hand("boot").plug_by_hand("secondary");
    let as_printed = Story::new()
        .type_line("drive_add 0 file={boot},if=none,id=drive0")
        .type_line_that_plugs(
            "boot",
            "device_add scsi-hd,drive=drive0,bus=scsi0.0,channel=0,scsi-id=0,lun=1,bootindex=1",
        )
        .type_line("drive_add 0 file={secondary},if=none,id=drive1")
        .type_line_that_plugs(
            "secondary",
            "device_add scsi-hd,drive=drive1,bus=scsi0.0,channel=0,scsi-id=0,lun=2,bootindex=-1",
        );
    let mut cases = Vec::new();
    for (name, story) in [("qmp", by_qmp), ("hmp", by_hand), ("as-printed", as_printed)] {
        for leaving in [Leaving::Cont, Leaving::Reset] {
            let case = Case::new(format!("prelaunch::seabios::pc::reports-example::{name}::{}", leaving.name()))
                .axis("class", "virtio-scsi")
                .axis("monitor", name)
                .axis("leaving", leaving.name())
                .machine(machine.clone())
                .story(leaving.end(story.clone()))
                .expect(Expectation::boots("boot").without_trying("secondary"))
                .control_blank("boot");
            cases.push(case);
        }
    }
    cases
}

/// What the host reads in fw_cfg while the machine is paused: the list of the last reset.
fn host_view() -> Case {
    let class = DiskClass::VirtioScsi;
    let machine = Machine::pc(Firmware::SeaBios).paused().drive(class, 0, Medium::bootable("wrong")).bootindex(2);
    let machine = machine.drive(class, 1, Medium::bootable("right")).bootindex(1).absent();
    let story = Story::new()
        .host_reads(&["wrong"])
        .plug("right")
        .reset()
        .host_reads(&["right", "wrong"])
        .unplug("right")
        .reset()
        .host_reads(&["wrong"])
        .plug("right")
        .reset()
        .cont();
    Case::new("prelaunch::seabios::pc::virtio-scsi::host-view::reset-then-cont")
        .axis("class", "virtio-scsi")
        .machine(machine.clone())
        .story(story)
        .expect(Expectation::boots("right").without_trying("wrong"))
        .control(machine.with_blank("right"))
}

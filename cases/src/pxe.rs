//! Network boot by DHCP and TFTP: what is served, what is broken on purpose, and which device runs next.

#[cfg(test)]
mod capture_tests;
mod dhcp;
mod link;
mod transfer;
pub mod uefi;
mod wire;

use bootwright::case::Case;
use bootwright::lan::{Fault, LanSpec};
use bootwright::machine::{Board, DeviceName, Firmware, Machine, Medium, Network, NicModel, OptionRom};
use bootwright::verdict::{Cause, Expectation, OnLan, booted, failed, timed_out_entry};

use crate::first_entry::nobody_there;
use crate::networks::{BIOS_FILE, healthy, nic_then_disk, with};

/// All cases of this group.
pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for board in [Board::Pc, Board::Q35] {
        cases.extend(NicModel::one_for_each_rom().into_iter().map(|model| by_model(board, model)));
        cases.extend([(OptionRom::Empty, "empty"), (OptionRom::NoBar, "no-bar")].map(|rom| without_rom(board, rom)));
        cases.extend([two_nics(board, true), two_nics(board, false), same_lan(board)]);
        cases.push(empty_rom_file(board));
        cases.extend([unlisted(board), strict_unlisted(board), order_letter(board), nothing_else(board)]);
        cases.push(order_letter_for_one_nic(board));
    }
    cases.push(six_nics());
    cases.extend(dhcp::cases());
    cases.extend(wire::cases());
    cases.extend(transfer::cases());
    cases.push(vendor_article());
    cases.extend(link::cases());
    cases.extend(uefi::cases());
    cases
}

#[track_caller]
fn case(board: Board, rest: &str) -> Case {
    Case::new(format!("pxe::seabios::{}::{rest}", board.name()))
}

/// Every NIC with a ROM boots a program that names itself; the disk behind it is not tried.
fn by_model(board: Board, model: NicModel) -> Case {
    let machine = nic_then_disk(board, &model, healthy());
    let control = machine.clone().with_network(0, |network| network.without_program(BIOS_FILE));
    let expectation = Expectation::boots("served")
        .without_trying("next")
        .on_lan(OnLan::Arch(0))
        .on_lan(OnLan::VendorClass("PXEClient:Arch:00000".into()))
        .on_lan(OnLan::Fetched(BIOS_FILE.into()));
    let case = case(board, &format!("model-{model}")).axis("nic", model.name()).axis("by", "tftp");
    case.machine(machine).expect(expectation).control(control).smoke_if(model == NicModel::VirtioNet)
}

/// A NIC whose ROM the BIOS cannot see is no boot device, and says nothing on the network.
fn without_rom(board: Board, (rom, name): (OptionRom, &str)) -> Case {
    let machine = nic_then_disk(board, "virtio-net-pci", healthy());
    let off = machine.clone().rom_of_each_nic(&rom);
    case(board, &format!("rom-{name}"))
        .axis("rom", name)
        .machine(off)
        .expect(Expectation::boots("next").on_lan(OnLan::Silent(DeviceName::nic(0))))
        .control(machine)
}

/// QEMU itself refuses a ROM file without a byte.
fn empty_rom_file(board: Board) -> Case {
    let machine = nic_then_disk(board, "virtio-net-pci", healthy());
    case(board, "rom-empty-file")
        .axis("rom", "empty-file")
        .machine(machine.clone().rom_of_each_nic(&OptionRom::EmptyFile))
        .expect(Expectation::qemu_refuses("romfile \"/dev/null\" is empty"))
        .control(machine)
}

/// Two NICs on two networks, one of which has a server: the other is tried only where it comes first.
fn two_nics(board: Board, dead_first: bool) -> Case {
    let (dead, alive) = if dead_first { (1, 2) } else { (2, 1) };
    let machine = |dead: i64, alive: i64| {
        Machine::new(Firmware::SeaBios, board)
            .network(Network::new(LanSpec::new().fault(Fault::dead_network())))
            .network(healthy())
            .nic("e1000", Some(0))
            .bootindex(dead)
            .nic("virtio-net-pci", Some(1))
            .bootindex(alive)
    };
    let served = Expectation::attempts([booted("served")]).on_lan(OnLan::Silent(DeviceName::nic(0)));
    let late = Expectation::attempts([timed_out_entry("ROM").over_nic(0).because_of(Cause::NoOffer), booted("served")])
        .on_lan(OnLan::Heard(DeviceName::nic(0)))
        .on_lan(OnLan::Heard(DeviceName::nic(1)));
    case(board, if dead_first { "two-nics-dead-one-first" } else { "two-nics-live-one-first" })
        .axis("nics", "2")
        .machine(machine(dead, alive))
        .expect(if dead_first { late } else { served })
        .control(machine(alive, dead))
}

/// Two NICs on one network: the one with the lower bootindex asks, the other is silent.
fn same_lan(board: Board) -> Case {
    let machine = |first: i64, second: i64| {
        Machine::new(Firmware::SeaBios, board)
            .network(healthy())
            .nic("virtio-net-pci", Some(0))
            .bootindex(first)
            .nic("virtio-net-pci", Some(0))
            .bootindex(second)
    };
    case(board, "two-nics-one-network")
        .axis("nics", "2")
        .machine(machine(2, 1))
        .expect(
            Expectation::boots("served")
                .on_lan(OnLan::Silent(DeviceName::nic(0)))
                .on_lan(OnLan::Heard(DeviceName::nic(1))),
        )
        .control(machine(1, 2))
}

/// Of six NICs the last has the file: there is room for the ROM of each, since each gives back what it needs no more
/// (`init_optionrom` in SeaBIOS' `src/optionroms.c`).
fn six_nics() -> Case {
    const NICS: i64 = 6;
    let machine = |served: i64| {
        let dead = || Network::new(LanSpec::new().fault(Fault::dead_network()));
        let machine = Machine::new(Firmware::SeaBios, Board::Pc).network(dead()).network(healthy());
        (1..=NICS).fold(machine, |machine, nic| {
            let machine = machine.nic("virtio-net-pci", Some(usize::from(nic == served)));
            if nic == NICS { machine.bootindex(1) } else { machine }
        })
    };
    case(Board::Pc, "six-nics")
        .machine(machine(NICS))
        .expect(Expectation::boots("served").on_lan(OnLan::Silent(DeviceName::nic(0))))
        .control(machine(1))
}

/// The vendor article's observation: a NIC that nobody selected is tried once the selected disk has failed.
fn unlisted(board: Board) -> Case {
    let machine = unlisted_machine(board);
    let control = machine.clone().strict(true);
    case(board, "unlisted-nic-after-blank-disk")
        .machine(machine)
        .expect(Expectation::attempts([failed("blank").because("not a bootable disk"), booted("served")]))
        .control(control)
}

/// With strict=on it is not.
fn strict_unlisted(board: Board) -> Case {
    let machine = unlisted_machine(board);
    case(board, "unlisted-nic-strict")
        .machine(machine.clone().strict(true))
        .expect(Expectation::nothing_boots([failed("blank")]).on_lan(OnLan::Silent(DeviceName::nic(0))))
        .control(machine)
}

fn unlisted_machine(board: Board) -> Machine {
    Machine::new(Firmware::SeaBios, board)
        .network(healthy())
        .virtio_blk(Medium::blank("blank"))
        .bootindex(1)
        .nic("virtio-net-pci", Some(0))
}

/// `-boot order=n` puts the NIC before the disk.
fn order_letter(board: Board) -> Case {
    let machine = Machine::new(Firmware::SeaBios, board)
        .network(healthy())
        .virtio_blk(Medium::bootable("disk"))
        .nic("virtio-net-pci", Some(0));
    case(board, "order-n")
        .machine(machine.clone().boot_order("n"))
        .expect(Expectation::boots("served").without_trying("disk"))
        .control(machine)
}

/// The letter `n` is the place of the first NIC alone: the second one that nobody listed comes behind the disk.
fn order_letter_for_one_nic(board: Board) -> Case {
    let machine = |first: Network, second: Network| {
        Machine::new(Firmware::SeaBios, board)
            .network(first)
            .network(second)
            .nic("virtio-net-pci", Some(0))
            .nic("virtio-net-pci", Some(1))
            .virtio_blk(Medium::bootable("disk"))
            .boot_order("nc")
    };
    let dead = || Network::new(LanSpec::new().fault(Fault::dead_network()));
    case(board, "order-nc-for-one-nic")
        .axis("nics", "2")
        .machine(machine(dead(), healthy()))
        .expect(
            Expectation::attempts([timed_out_entry("ROM").over_nic(0).because_of(Cause::NoOffer), booted("disk")])
                .on_lan(OnLan::Silent(DeviceName::nic(1))),
        )
        .control(machine(healthy(), dead()))
}

/// A dead network and no other device: SeaBIOS still asks a disk and a floppy that are not there, then stops.
fn nothing_else(board: Board) -> Case {
    let machine =
        |network| Machine::new(Firmware::SeaBios, board).network(network).nic("virtio-net-pci", Some(0)).bootindex(1);
    let rom = timed_out_entry("ROM").because_of(Cause::NoOfferAfter(4));
    case(board, "dead-network-and-nothing-else")
        .machine(machine(with(|lan| lan.fault(Fault::dead_network()))))
        .expect(Expectation::nothing_boots([rom].into_iter().chain(nobody_there())))
        .control(machine(healthy()))
}

/// The vendor article's way out: a disk that reboots behind the NIC, so that the NIC is tried on every lap and the disk
/// that nobody selected never runs.
fn vendor_article() -> Case {
    let machine = Machine::pc(Firmware::SeaBios)
        .network(with(|lan| lan.fault(Fault::dead_network())))
        .nic("virtio-net-pci", Some(0))
        .bootindex(1)
        .ide(0, 1, Medium::vendor_reboot("reboot"))
        .bootindex(2)
        .virtio_blk(Medium::bootable("unselected"));
    let lap = [timed_out_entry("ROM").because_of(Cause::NoOfferAfter(4)), booted("reboot")];
    case(Board::Pc, "vendor-reboot-disk-behind-dead-nic")
        .machine(machine)
        .expect(Expectation::laps(4, lap).without_trying("unselected"))
        .control_blank("reboot")
}

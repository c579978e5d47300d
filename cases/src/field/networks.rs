//! Several NICs, NICs without a ROM, and names that are none.

use bootwright::case::Case;
use bootwright::lan::{DhcpServer, Fault, LanSpec};
use bootwright::machine::{Board, DeviceClass, DeviceName, Firmware, Machine, Medium, Network, OptionRom};
use bootwright::verdict::{Cause, Expectation, OnLan, booted, failed, failed_entry, tftp, timed_out_entry};

use super::id::{BOARDS, case};
use crate::classes;
use crate::networks::{healthy, network};

pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for board in BOARDS {
        cases.extend([second_serves(board), both_dead(board), none_listed(board), reversed_slots(board)]);
        cases.extend([model_without_rom(board), alone_without_rom(board), falls_through_to_the_floppy(board)]);
        cases.push(control_characters(board));
    }
    cases.push(nvme_beside_a_nic());
    cases
}

/// An NVMe disk in a machine with a NIC, which runs by the virtual clock: edk2's driver waits five seconds for a command.
///
/// <https://github.com/tianocore/edk2/issues/18>
fn nvme_beside_a_nic() -> Case {
    let machine = |disk: Medium| {
        let machine = Machine::pc(Firmware::Ovmf).network(dead()).nic("e1000", Some(0));
        machine.drive(classes::native_optical(Board::Pc), 0, Medium::blank("cd")).bootindex(1).nvme(disk).bootindex(2)
    };
    case(Firmware::Ovmf, Board::Pc, "nvme-beside-a-nic")
        .machine(machine(Medium::bootable("disk")))
        .expect(Expectation::boots("disk").after_failing("cd"))
        .control(machine(Medium::blank("disk")))
}

fn dead() -> Network {
    Network::new(LanSpec::new().fault(Fault::dead_network()))
}

fn nics_then_disk(board: Board, first: Network, second: Network) -> Machine {
    Machine::new(Firmware::SeaBios, board)
        .network(first)
        .network(second)
        .nic("virtio-net-pci", Some(0))
        .bootindex(1)
        .nic("e1000", Some(1))
        .bootindex(2)
        .virtio_blk(Medium::bootable("disk"))
        .bootindex(3)
}

/// The first NIC's network is dead, the second one's has a server.
///
/// <https://github.com/vagrant-libvirt/vagrant-libvirt/pull/425>
fn second_serves(board: Board) -> Case {
    case(Firmware::SeaBios, board, "two-nics-then-disk-second-serves")
        .machine(nics_then_disk(board, dead(), healthy()))
        .expect(
            Expectation::attempts([timed_out_entry("ROM").over_nic(0).because_of(Cause::NoOffer), booted("served")])
                .without_trying("disk"),
        )
        .control(nics_then_disk(board, healthy(), dead()))
}

/// Both are dead: the disk runs.
///
/// <https://github.com/vagrant-libvirt/vagrant-libvirt/pull/425>
fn both_dead(board: Board) -> Case {
    let attempts = [
        timed_out_entry("ROM").over_nic(0).because_of(Cause::NoOffer),
        timed_out_entry("ROM").over_nic(1).because_of(Cause::NoOffer),
        booted("disk"),
    ];
    case(Firmware::SeaBios, board, "two-nics-then-disk-both-dead")
        .machine(nics_then_disk(board, dead(), dead()))
        .expect(Expectation::attempts(attempts))
        .control(nics_then_disk(board, dead(), healthy()))
}

/// Nothing has a bootindex: the disk comes before any NIC, and no NIC says a word.
///
/// <https://github.com/vagrant-libvirt/vagrant-libvirt/issues/627>
/// <https://github.com/vagrant-libvirt/vagrant-libvirt/issues/1002>
fn none_listed(board: Board) -> Case {
    let machine = nics_then_disk(board, healthy(), healthy_too());
    case(Firmware::SeaBios, board, "two-nics-and-disk-none-listed")
        .control(machine.clone())
        .machine(machine.without_bootindex())
        .expect(
            Expectation::boots("disk")
                .on_lan(OnLan::Silent(DeviceName::nic(0)))
                .on_lan(OnLan::Silent(DeviceName::nic(1))),
        )
}

fn healthy_too() -> Network {
    network(DhcpServer::new("too").boot_file("boot.0"))
}

/// NICs that nothing lists are tried in the order of their PCI slots, whatever the order on the command line: the first named
/// sits in the higher slot.
///
/// <https://github.com/vagrant-libvirt/vagrant-libvirt/issues/1173>
fn reversed_slots(board: Board) -> Case {
    let machine = |first: Network, second: Network| {
        Machine::new(Firmware::SeaBios, board)
            .network(first)
            .network(second)
            .nic("virtio-net-pci", Some(0))
            .slot(9)
            .nic("virtio-net-pci", Some(1))
            .slot(4)
            .boot_order("n")
    };
    case(Firmware::SeaBios, board, "two-nics-none-listed-in-reversed-slots")
        .machine(machine(healthy(), dead()))
        .expect(Expectation::attempts([
            timed_out_entry("ROM").over_nic(1).because_of(Cause::NoOffer),
            booted("served"),
        ]))
        .control(machine(dead(), healthy()))
}

/// QEMU has no ROM for a tulip: it is no boot device whatever its bootindex.
///
/// <https://github.com/vagrant-libvirt/vagrant-libvirt/issues/1002>
fn model_without_rom(board: Board) -> Case {
    let machine = |network: Network| {
        Machine::new(Firmware::SeaBios, board)
            .network(network)
            .nic("tulip", None)
            .bootindex(1)
            .nic("virtio-net-pci", Some(0))
            .bootindex(2)
            .virtio_blk(Medium::bootable("disk"))
            .bootindex(3)
    };
    case(Firmware::SeaBios, board, "nic-without-rom-then-dead-nic")
        .machine(machine(dead()))
        .expect(Expectation::attempts([timed_out_entry("ROM").over_nic(1).because_of(Cause::NoOffer), booted("disk")]))
        .control(machine(healthy()))
}

/// A NIC alone whose ROM the BIOS cannot see: there is nothing to boot from.
///
/// <https://github.com/kubevirt/kubevirt/pull/3837>
fn alone_without_rom(board: Board) -> Case {
    let machine = Machine::new(Firmware::SeaBios, board).network(healthy()).nic("virtio-net-pci", Some(0));
    case(Firmware::SeaBios, board, "nic-alone-without-rom-bar")
        .control(machine.clone())
        .machine(machine.rom(OptionRom::NoBar))
        .expect(
            Expectation::nothing_boots([failed_entry("Hard Disk"), failed_entry("Floppy")])
                .on_lan(OnLan::Silent(DeviceName::nic(0))),
        )
}

/// Disk, NIC, optical drive and floppy, in this order: only the last boots.
///
/// <https://github.com/ganeti/ganeti/pull/1573>
fn falls_through_to_the_floppy(board: Board) -> Case {
    let machine = |network: Network| {
        let optical = match board {
            Board::Pc => DeviceClass::Ide { channel: 1, unit: 0 },
            Board::Q35
            | Board::Q35Ia32
            | Board::Virt
            | Board::VirtArm
            | Board::VirtRiscv64
            | Board::VirtLoongarch64
            | Board::S390CcwVirtio
            | Board::Pseries => DeviceClass::Ahci { port: 2 },
        };
        Machine::new(Firmware::SeaBios, board)
            .network(network)
            .virtio_blk(Medium::blank("disk"))
            .bootindex(1)
            .nic("virtio-net-pci", Some(0))
            .bootindex(2)
            .cdrom(optical, Medium::blank("optical"))
            .bootindex(3)
            .floppy(Medium::bootable("floppy"))
            .bootindex(4)
    };
    let attempts = [
        failed("disk").because("not a bootable disk"),
        timed_out_entry("ROM").over_nic(0).because_of(Cause::NoOffer),
        failed("optical").because("Could not read from CDROM"),
        booted("floppy"),
    ];
    case(Firmware::SeaBios, board, "disk-nic-optical-floppy")
        .machine(machine(dead()))
        .expect(Expectation::attempts(attempts))
        .control(machine(healthy()))
}

/// A boot file's name with control characters and markup in it is not found, and stays readable everywhere.
///
/// <https://github.com/netbootxyz/netboot.xyz/issues/1198>
fn control_characters(board: Board) -> Case {
    const NAME: &str = "\u{1b}[31mbo<o>t\u{7}&\u{1}.0";
    let machine = |name: &str| {
        crate::networks::nic_then_disk(board, "virtio-net-pci", network(DhcpServer::new("main").boot_file(name)))
    };
    case(Firmware::SeaBios, board, "boot-file-with-control-characters")
        .machine(machine(NAME))
        .expect(Expectation::attempts([failed_entry("ROM").because_of(tftp(NAME).not_found()), booted("next")]))
        .control(machine("boot.0"))
}

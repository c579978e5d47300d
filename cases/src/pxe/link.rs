//! A NIC whose link is down: QEMU's `set_link`, before the guest runs and while it waits.

use bootwright::case::Case;
use bootwright::case::story::Story;
use bootwright::machine::{Board, Clock, DeviceName, Firmware, Machine};
use bootwright::verdict::{Expectation, OnLan, booted, failed_entry};

use crate::networks::{BIOS_FILE, healthy, nic_then_disk};

pub fn cases() -> Vec<Case> {
    vec![down(), back_up()]
}

fn machine() -> Machine {
    nic_then_disk(Board::Pc, "virtio-net-pci", healthy()).paused()
}

/// The same machine with an idle NIC as its first device, which is then the one whose link goes down.
fn another_link() -> Machine {
    let mut machine = machine().network(healthy());
    let idle = Machine::pc(Firmware::SeaBios).nic("e1000", Some(1)).devices.remove(0);
    machine.devices.insert(0, idle);
    machine
}

fn unplugged() -> Story {
    Story::new().type_line("set_link net0 off").cont()
}

/// Nothing of what iPXE says gets out, and the disk runs. (Its virtio driver of 2019 calls such a link up.)
fn down() -> Case {
    Case::new("pxe::seabios::pc::link-down")
        .axis("story", "link-down")
        .machine(machine())
        .story(unplugged())
        .expect(Expectation::attempts([failed_entry("ROM"), booted("next")]).on_lan(OnLan::Silent(DeviceName::nic(0))))
        .control(another_link())
}

/// The link comes up while iPXE asks for an address. By the host's clock, since a virtual one would have run through iPXE's
/// patience before the host had put the link up.
fn back_up() -> Case {
    let machine = machine().with_clock(Clock::Real);
    Case::new("pxe::seabios::pc::link-comes-up-late")
        .axis("story", "link-comes-up-late")
        .control(machine.clone().with_network(0, |network| network.without_program(BIOS_FILE)))
        .machine(machine)
        .story(unplugged().wait_for_text("Configuring (net0").type_line("set_link net0 on"))
        .expect(Expectation::boots("served").without_trying("next"))
        .long("iPXE asks in real time while the link is down")
}

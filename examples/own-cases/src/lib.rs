//! Boot cases of our own machines.

use bootwright::prelude::*;

/// Every case, in the order of the listing.
pub fn cases() -> Vec<Case> {
    vec![system_disk_before_data_disk(), disk_behind_a_dead_network(), disk_plugged_before_the_start()]
}

fn system_disk_before_data_disk() -> Case {
    let machine = Machine::q35(Firmware::SeaBios).virtio_blk(Medium::bootable("data")).slot(3);
    Case::new("own::seabios::system-disk-before-data-disk")
        .about("the system disk boots, although a data disk in a lower slot is bootable too")
        .machine(machine.virtio_blk(Medium::bootable("system")).slot(9).bootindex(1))
        .expect(Expectation::boots("system").without_trying("data"))
        .control_without_bootindex()
        .smoke()
}

fn disk_behind_a_dead_network() -> Case {
    let machine = |network: Network| {
        let machine = Machine::pc(Firmware::SeaBios).network(network).nic("virtio-net-pci", Some(0)).bootindex(1);
        machine.virtio_blk(Medium::bootable("system")).bootindex(2)
    };
    let lan = LanSpec::new().dhcp(DhcpServer::new("main").boot_file("boot.0"));
    let healthy = Network::new(lan).bios_program("boot.0", "served");
    let dead = healthy.clone().with_lan(|lan| lan.fault(Fault::dead_network()));
    Case::new("own::seabios::disk-behind-a-dead-network")
        .about("where nobody answers the network, the disk behind it boots")
        .machine(machine(dead))
        .expect(Expectation::attempts([timed_out_entry("ROM").because_of(Cause::NoOffer), booted("system")]))
        .control(machine(healthy))
}

fn disk_plugged_before_the_start() -> Case {
    let machine = Machine::pc(Firmware::SeaBios).paused().virtio_scsi(0, 1, Medium::bootable("data")).bootindex(2);
    Case::new("own::seabios::disk-plugged-before-the-start")
        .about("a system disk that is plugged in before the guest runs is first; QEMU has a bug here")
        .machine(machine.virtio_scsi(0, 2, Medium::bootable("system")).bootindex(1).absent())
        .story(Story::new().plug("system").cont())
        .expect(Expectation::boots("system").without_trying("data"))
        .control_blank("system")
}

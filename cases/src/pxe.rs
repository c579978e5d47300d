//! Network boot by DHCP and TFTP.

use bootwright::case::Case;
use bootwright::lan::{DhcpServer, LanSpec};
use bootwright::machine::{Firmware, Machine, Network};
use bootwright::verdict::{Expectation, OnLan};

/// All cases of this group.
pub fn cases() -> Vec<Case> {
    let lan = LanSpec::new().dhcp(DhcpServer::new("main").boot_file("boot.0"));
    let machine = Machine::pc(Firmware::SeaBios)
        .network(Network::new(lan).bios_program("boot.0", "served"))
        .nic("virtio-net-pci", Some(0))
        .bootindex(1);
    let control = machine.clone().with_network(0, |network| network.without_program("boot.0"));
    vec![
        Case::new("pxe::seabios::pc::virtio-net-pci-tftp")
            .machine(machine)
            .expect(Expectation::boots("served").on_lan(OnLan::Arch(0)).on_lan(OnLan::Fetched("boot.0".into())))
            .control(control),
    ]
}

use rstest::rstest;

use super::*;
use crate::machine::{Board, Firmware, Medium, ScsiAdapter, Signature, UsbController, VariableStore};
use bootwright_images::{FatType, Signer};

fn pc() -> Machine {
    Machine::pc(Firmware::SeaBios)
}

fn q35() -> Machine {
    Machine::q35(Firmware::SeaBios)
}

fn disk(name: &str) -> Medium {
    Medium::bootable(name)
}

#[test]
fn free_slots_are_given_out_in_device_order_around_the_explicit_ones() {
    let machine =
        pc().virtio_blk(disk("a")).virtio_blk(disk("b")).slot(3).virtio_blk(disk("c")).slot(5).nvme(disk("d"));
    let layout = Layout::of(&machine).unwrap();
    let slots: Vec<u8> = layout.devices.iter().map(|placed| placed.address.unwrap().slot).collect();
    assert_eq!(slots, [4, 3, 5, 6]);
}

#[test]
fn a_slot_asked_for_behind_a_bridge_stays_free_on_the_root_bus() {
    let machine = pc().virtio_blk(disk("a")).place(Place::PciBridge).slot(4).virtio_blk(disk("b"));
    let layout = Layout::of(&machine).unwrap();
    assert_eq!(layout.controllers[0].at.address, PciAddress::slot(3));
    assert_eq!(layout.devices[0].address, Some(PciAddress::slot(4)));
    assert_eq!(layout.devices[1].address, Some(PciAddress::slot(4)));
    assert_eq!((layout.devices[0].bus.as_str(), layout.devices[1].bus.as_str()), ("bridge0", "pci.0"));
}

#[test]
fn a_later_explicit_slot_behind_a_bridge_is_kept_free() {
    let behind = |machine: Machine, name| machine.virtio_blk(disk(name)).place(Place::PciBridge);
    let layout = Layout::of(&behind(behind(pc(), "a"), "b").slot(1)).unwrap();
    assert_eq!(
        (layout.devices[0].address, layout.devices[1].address),
        (Some(PciAddress::slot(2)), Some(PciAddress::slot(1)))
    );
}

#[test]
fn two_disks_share_a_nested_bridge_or_a_switch() {
    let both = |place| q35().virtio_blk(disk("a")).place(place).virtio_blk(disk("b")).place(place);
    let hops = |place| {
        let layout = Layout::of(&both(place)).unwrap();
        let drivers: Vec<&str> = layout.controllers.iter().map(|controller| controller.driver).collect();
        let hops = layout.devices.iter().map(|placed| {
            let path = placed.pci.as_ref().unwrap();
            path.hops.iter().map(|hop| hop.slot).collect::<Vec<u8>>()
        });
        (drivers.join(" "), hops.collect::<Vec<_>>())
    };
    assert_eq!(hops(Place::NestedBridge), ("pci-bridge pci-bridge".into(), vec![vec![3, 1, 1], vec![3, 1, 2]]));
    let switch = "pcie-root-port x3130-upstream xio3130-downstream xio3130-downstream";
    assert_eq!(hops(Place::SwitchPort), (switch.into(), vec![vec![3, 0, 1, 0], vec![3, 0, 2, 0]]));
    assert!(Layout::of(&pc().virtio_blk(disk("a")).place(Place::SwitchPort)).is_err());
}

#[test]
fn the_random_source_leaves_a_slot_to_the_device_that_asks_for_it() {
    let machine = q35().virtio_blk(disk("a")).slot(0x1e).disk(DeviceClass::Nvme, disk("b")).rng();
    let behind_a_port = machine.clone().place(Place::Port { slot: 0x1d, function: 0 });
    assert_eq!((rng_slot(&machine), rng_slot(&behind_a_port), rng_slot(&q35().rng())), (0x1d, 0x1c, 0x1e));
    assert!(Layout::of(&behind_a_port).is_ok());
}

#[rstest]
#[case::two_in_a_slot(
    pc().virtio_blk(disk("a")).slot(7).nvme(disk("b")).slot(7),
    "slot 0x07 function 0 of bus \"pci.0\" is taken: give device 1 another slot"
)]
#[case::behind_a_bridge(
    pc().virtio_blk(disk("a")).place(Place::PciBridge).slot(2).nvme(disk("b")).place(Place::PciBridge).slot(2),
    "slot 0x02 function 0 of bus \"bridge0\" is taken: give device 1 another slot"
)]
#[case::scsi_address(
    pc().virtio_scsi(1, 2, disk("a")).virtio_scsi(1, 2, disk("b")),
    "device 1 wants the same place as device 0: bus \"scsi0.0\" target 1 LUN 2"
)]
#[case::ide_unit(
    pc().ide(1, 0, disk("a")).ide(1, 0, disk("b")),
    "device 1 wants the same place as device 0: bus \"ide.1\" unit 0"
)]
#[case::ahci_port(
    q35().ahci(2, disk("a")).cdrom(DeviceClass::Ahci { port: 2 }, disk("b")),
    "device 1 wants the same place as device 0: bus \"ide.2\""
)]
#[case::usb_port(
    q35().usb_storage(1, disk("a")).usb_storage(1, disk("b")),
    "device 1 wants the same place as device 0: bus \"xhci.0\" port 1"
)]
#[case::floppy_drive(
    pc().floppy(disk("a")).floppy(disk("b")),
    "device 1 wants the same place as device 0: floppy drive 0"
)]
#[case::ide_on_q35(q35().ide(0, 0, disk("a")), "device 0: a PIIX3 IDE controller does not exist on q35")]
#[case::root_port_on_pc(
    pc().nvme(disk("a")).place(Place::RootPort),
    "device 0: a pcie-root-port does not exist on pc"
)]
#[case::same_name(
    pc().virtio_blk(disk("a")).nvme(disk("b")).virtio_blk(disk("a")),
    "medium \"a\" is in the machine twice: give every medium its own name"
)]
#[case::scsi_target(
    pc().scsi(ScsiAdapter::Lsi53c895a, 8, 0, disk("a")),
    "device 0: SCSI target 8 does not exist: wanted 0 to 7"
)]
#[case::ahci_port_that_is_none(q35().ahci(6, disk("a")), "device 0: AHCI port 6 does not exist: wanted 0 to 5")]
#[case::ide_unit_that_is_none(pc().ide(0, 2, disk("a")), "device 0: IDE unit 2 does not exist: wanted 0 to 1")]
#[case::usb_port_that_is_none(pc().usb_storage(0, disk("a")), "device 0: USB port 0 does not exist: wanted 1 to 4")]
#[case::pci_slot(pc().nvme(disk("a")).slot(32), "device 0: PCI slot 32 does not exist: wanted 0 to 31")]
#[case::pci_function(pc().nvme(disk("a")).function(4, 8), "device 0: PCI function 8 does not exist: wanted 0 to 7")]
#[case::hub_on_ehci(
    pc().disk(DeviceClass::UsbBehindHub { controller: UsbController::Ehci, hub: 1, port: 1 }, disk("a")),
    "device 0: a USB 1.1 hub on EHCI does not exist on any board"
)]
#[case::sectors_that_no_image_has(
    pc().virtio_blk(disk("a")).block_size(2048),
    "device 0: no image has sectors of 2048 bytes for it: disks have 512 or 4096, optical drives 2048, floppies 512"
)]
#[case::an_adapters_property_without_adapter(
    pc().nvme(disk("a")).adapter_property("num_queues", 4),
    "device 0 sits on no adapter that could have a property: give it one of its own with .property()"
)]
#[case::a_medium_called_as_a_nic_is(
    pc().nic("e1000", None).nvme(disk("nic0")),
    "medium \"nic0\" has the name of a device of the machine: give it another one"
)]
#[case::unknown_nic(
    pc().nic("e1000,romfile=/etc/passwd", None),
    "device 0: no network card that the harness knows is called \"e1000,romfile=/etc/passwd\": known are virtio-net-pci, \
     virtio-net-pci-transitional, virtio-net-pci-non-transitional, e1000, e1000e, rtl8139, vmxnet3, pcnet, ne2k_pci, i82550, \
     i82551, i82557a, i82559er, i82801, igb, tulip, virtio-net-ccw, spapr-vlan; for another one write NicModel::other (in a file { \"other\": \"NAME\" }), \
     whose name has letters, digits, '-', '_' and '.' only"
)]
fn what_cannot_be_laid_out_is_refused_with_the_reason(#[case] machine: Machine, #[case] reason: &str) {
    assert_eq!(Layout::of(&machine).unwrap_err().to_string(), reason);
}

#[test]
fn a_device_that_is_plugged_in_later_may_want_the_place_of_another() {
    assert!(Layout::of(&pc().virtio_scsi(0, 1, disk("a")).virtio_scsi(0, 1, disk("b")).absent()).is_ok());
}

#[test]
fn functions_share_a_slot() {
    let layout = Layout::of(&pc().nvme(disk("a")).function(5, 0).nvme(disk("b")).function(5, 7)).unwrap();
    assert_eq!(
        (layout.devices[0].address, layout.devices[1].address),
        (Some(PciAddress::slot(5)), Some(PciAddress { slot: 5, function: 7 }))
    );
}

#[test]
fn a_full_bus_is_refused_at_the_device_that_finds_no_slot() {
    let mut machine = pc();
    for number in 0..28 {
        machine = machine.virtio_blk(disk(&format!("disk{number}")));
    }
    assert!(Layout::of(&machine).is_ok());
    let error = Layout::of(&machine.clone().virtio_blk(disk("one-more"))).unwrap_err();
    assert_eq!(error, LayoutError::Full { bus: "pci.0".to_owned(), device: 28 });
    // the random source takes the last slot
    let error = Layout::of(&machine.rng()).unwrap_err();
    assert_eq!(error.to_string(), "bus \"pci.0\" has no free slot for device 27");
}

#[test]
fn devices_share_their_adapter_and_other_adapters_are_their_own() {
    let scsi = |hba, target| DeviceClass::VirtioScsi { hba, target, lun: 0 };
    let machine = pc().disk(scsi(0, 0), disk("a")).disk(scsi(1, 0), disk("b")).disk(scsi(0, 1), disk("c"));
    let layout = Layout::of(&machine).unwrap();
    let ids: Vec<&str> = layout.controllers.iter().map(|controller| controller.id.as_str()).collect();
    assert_eq!(ids, ["scsi0", "scsi1"]);
    assert_eq!(layout.devices[0].pci, layout.devices[2].pci);
    assert_ne!(layout.devices[0].pci, layout.devices[1].pci);
}

#[test]
fn every_hard_disk_has_a_size_that_no_other_has() {
    let fat32 = disk("fat32").fat(FatType::Fat32);
    let machine = pc().virtio_blk(disk("a")).nvme(Medium::blank("b")).ide(0, 0, fat32).virtio_scsi(0, 0, disk("c"));
    let machine = machine.cdrom(DeviceClass::Ide { channel: 1, unit: 0 }, disk("cd")).floppy(disk("floppy"));
    let layout = Layout::of(&machine).unwrap();
    let sizes: Vec<Option<u64>> = layout.devices.iter().map(|placed| placed.sectors).collect();
    assert_eq!(sizes[4..], [None, None], "optical media and floppies have sizes of their own");
    let distinct: BTreeSet<u64> = sizes.iter().flatten().copied().collect();
    assert_eq!(distinct.len(), 4, "{sizes:?}");
}

#[test]
fn the_kind_of_image_follows_the_size_of_sectors() {
    let kind = |machine: Machine| Layout::of(&machine).unwrap().devices[0].kind;
    assert_eq!(kind(pc().nvme(disk("a"))), Some(MediumKind::Disk));
    assert_eq!(kind(pc().nvme(disk("a")).block_sizes(512, 4096)), Some(MediumKind::Disk));
    assert_eq!(kind(pc().nvme(disk("a")).block_size(4096)), Some(MediumKind::Disk4Kn));
    assert_eq!(kind(pc().cdrom(DeviceClass::Ide { channel: 0, unit: 0 }, disk("a"))), Some(MediumKind::Cdrom));
    assert_eq!(kind(pc().nic("e1000", None)), None);
}

#[test]
fn two_disks_may_have_one_size() {
    let of_size = |name| Medium { sectors: Some(40_960), ..disk(name) };
    let layout = Layout::of(&pc().virtio_blk(of_size("a")).virtio_blk(of_size("b"))).unwrap();
    assert_eq!(layout.devices[0].sectors, layout.devices[1].sectors);
}

#[test]
fn a_size_that_a_medium_brings_along_is_kept() {
    let mut medium = disk("a");
    medium.sectors = Some(123_456);
    let layout = Layout::of(&pc().virtio_blk(medium)).unwrap();
    assert_eq!(layout.devices[0].sectors, Some(123_456));
}

#[test]
fn ports_that_share_a_slot_have_one_at_function_0() {
    let port = |function| Place::Port { slot: 1, function };
    let two = Machine::q35(Firmware::SeaBios).virtio_blk(Medium::bootable("a")).place(port(0));
    let two = two.virtio_blk(Medium::bootable("b")).place(port(3));
    let layout = Layout::of(&two).unwrap();
    let at: Vec<_> = layout
        .controllers
        .iter()
        .map(|port| (port.id.as_str(), port.at.address.to_string(), port.multifunction))
        .collect();
    assert_eq!(at, [("port0", "0x1.0x0".to_owned(), true), ("port1", "0x1.0x3".to_owned(), true)]);
    let alone = Machine::q35(Firmware::SeaBios).virtio_blk(Medium::bootable("b")).place(port(3));
    let layout = Layout::of(&alone).unwrap();
    assert_eq!(layout.controllers.iter().map(|port| port.id.as_str()).collect::<Vec<_>>(), ["idle-port1", "port0"]);
    let none = Machine::pc(Firmware::SeaBios).virtio_blk(Medium::bootable("a")).place(port(0));
    assert!(matches!(Layout::of(&none), Err(LayoutError::NotOnBoard { .. })));
    let twice = two.virtio_blk(Medium::bootable("c")).place(port(3));
    assert!(matches!(Layout::of(&twice), Err(LayoutError::Taken { .. })));
}

#[test]
fn a_virtio_mmio_transport_holds_one_virtio_device_of_a_board_that_has_it() {
    let at = |transport| Place::VirtioMmio { transport };
    let arm = || Machine::new(Firmware::Aavmf, Board::Virt);
    let two = |one, other| {
        let machine = arm().virtio_blk(Medium::bootable("a")).place(at(one));
        Layout::of(&machine.virtio_blk(Medium::bootable("b")).place(at(other)))
    };
    assert_eq!(two(0, 31).unwrap().devices[1].bus, "virtio-mmio-bus.31");
    assert!(matches!(two(5, 5), Err(LayoutError::PlaceTaken { .. })));
    assert!(matches!(two(0, 32), Err(LayoutError::NoSuchPlace { .. })));
    let pc = Machine::pc(Firmware::SeaBios).virtio_blk(Medium::bootable("a")).place(at(0));
    assert!(matches!(Layout::of(&pc), Err(LayoutError::NotOnBoard { .. })));
    let nvme = arm().nvme(Medium::bootable("a")).place(at(0));
    assert!(matches!(Layout::of(&nvme), Err(LayoutError::NotOnBoard { .. })));
}

#[test]
fn secure_boot_needs_smm_and_programs_that_are_there() {
    let disk = || Medium::bootable("disk");
    let with = |program: &str| {
        let keys = SecureBootKeys::of(Signer::Own).allowing(Signature::Program(program.to_owned()));
        let machine = Machine::q35(Firmware::Ovmf).secure_boot().virtio_blk(disk());
        Layout::of(&machine.variable_store(VariableStore::with_keys(keys)))
    };
    assert!(with("disk").is_ok());
    assert_eq!(with("disc").unwrap_err(), LayoutError::NoSuchProgram("disc".to_owned()));
    let without = Layout::of(&Machine::pc(Firmware::Ovmf).secure_boot().virtio_blk(disk())).unwrap_err();
    assert_eq!(
        without.to_string(),
        "the build of OVMF that enforces Secure Boot needs SMM, which pc does not have: use q35"
    );
    let arm = Machine::new(Firmware::Aavmf, Board::Virt).secure_boot().virtio_blk(disk());
    assert!(Layout::of(&arm).is_ok(), "AAVMF wants none");
}

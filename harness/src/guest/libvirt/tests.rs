use std::path::PathBuf;

use super::*;
use crate::guest::compare::differences;
use crate::guest::qemu;
use crate::machine::argv::{Files, Wiring, argv};
use crate::machine::layout::Layout;
use crate::machine::{Board, Firmware, ScsiAdapter};
use rstest::rstest;

fn data(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("testdata/libvirt").join(name);
    std::fs::read_to_string(&path).unwrap()
}

fn domain(name: &str) -> Guest {
    read(name, &data(name), &[]).unwrap()
}

fn line(name: &str, text: &str) -> Guest {
    qemu::read_text(name, text, &qemu::Reading::default()).unwrap()
}

/// What libvirt 9.0 and 11.3 made of the same XML, and what is known to differ: a native line turns every NIC into a tap and
/// loses its order and its ROM, which a start keeps.
#[rstest]
#[case("d1.xml", "bookworm-d1.argv.txt", &["virtio-net-pci at 0x4.0: no rank, ROM NoBar here, no rank, ROM Default there"])]
#[case("d2.xml", "bookworm-d2.argv.txt", &["virtio-net-pci behind the port at 0x1.0: rank 1, ROM Default here, no rank, ROM Default there"])]
#[case("d2.xml", "trixie-d2.argv.txt", &["virtio-net-pci behind the port at 0x1.0: rank 1, ROM Default here, no rank, ROM Default there"])]
#[case("d2.xml", "bookworm-d2.start.txt", &[])]
#[case("d3.xml", "bookworm-d3.argv.txt", &[])]
#[case("d3.xml", "trixie-d3.argv.txt", &[])]
fn the_machine_is_libvirts_in_all_that_matters_to_a_boot(
    #[case] xml: &str,
    #[case] recorded: &str,
    #[case] known: &[&str],
) {
    assert_eq!(differences(&domain(xml), &line(recorded, &data(recorded))), known);
}

#[test]
fn a_disk_has_the_sectors_that_its_blockio_gives_it_and_a_cd_its_own() {
    let disk = |kind: &str, target: &str| {
        format!(
            "<disk device='{kind}'><source file='a'/><target dev='{target}'/>\
             <blockio logical_block_size='4096' physical_block_size='4096'/></disk>"
        )
    };
    let devices = disk("disk", "vda") + &disk("cdrom", "sda");
    let guest =
        read("a", &format!("<domain><os><type>hvm</type></os><devices>{devices}</devices></domain>"), &[]).unwrap();
    let sizes: Vec<_> = guest.devices.iter().map(|device| device.device.block_size.map(|size| size.logical)).collect();
    assert_eq!(sizes, [Some(4096), None]);
    assert!(guest.devices[0].kind.ends_with("with sectors of 4096 bytes"), "{}", guest.devices[0].kind);
    Layout::of(&guest.machine().unwrap()).unwrap();
}

/// Our own command line, read back, is the guest's: nothing is lost on the way into a machine.
#[rstest]
#[case("d1.xml")]
#[case("d2.xml")]
#[case("d3.xml")]
#[case("d5pc.xml")]
#[case("d5q35.xml")]
#[case("d7.xml")]
#[case("d8.xml")]
#[case("simple.xml")]
fn our_own_command_line_says_the_same(#[case] xml: &str) {
    let guest = domain(xml);
    let machine = guest.machine().unwrap();
    let layout = Layout::of(&machine).unwrap();
    let media = layout.devices.iter().map(|placed| placed.kind.map(|_| PathBuf::from("medium"))).collect();
    let flash = guest.firmware.uefi().map(|_| PathBuf::from("OVMF.fd"));
    let files = Files { media, code: flash.clone(), vars: flash, ..Files::default() };
    let text = argv(&machine, &layout, &files, &Wiring::ByHand { debugcon: "log".into(), tpm: None });
    let quoted: Vec<String> = text.iter().map(|word| format!("'{word}'")).collect();
    let own = line("own", &format!("qemu-system-x86_64 {}", quoted.join(" ")));
    let found = differences(&guest, &own);
    // iPXE names its errors on a console that only this machine has on its serial port; devices of the host are not there
    let is_known =
        |line: &str| line.starts_with("text on the serial port") || line.starts_with("ranks of devices that cannot");
    let found: Vec<_> = found.iter().filter(|line| !is_known(line)).collect();
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn boot_dev_reaches_the_first_device_of_each_class_only() {
    let guest = domain("d1.xml");
    let ranks: Vec<_> = guest.devices.iter().map(|device| (device.name.as_str(), device.device.bootindex)).collect();
    let expected =
        [("hda", Some(3)), ("hdc", Some(2)), ("vdb", None), ("fda", None), ("nic0", Some(1)), ("nic1", None)];
    assert_eq!(ranks, expected);
}

#[test]
fn a_domain_of_another_architecture_has_its_board_or_none() {
    let guest = domain("d4.xml");
    assert_eq!((guest.board, guest.architecture.as_str()), (Some(Board::Virt), "aarch64"));
    let machine = guest.machine().unwrap();
    assert_eq!(machine.firmware, Firmware::Aavmf);
    assert!(Layout::of(&machine).is_ok());
    let xml = data("d4.xml").replace("arch='aarch64' machine='virt'", "arch='sparc64' machine='sun4u'");
    let guest = read("sparc64.xml", &xml, &[]).unwrap();
    assert_eq!(guest.board, None);
    assert!(guest.machine().unwrap_err().what.contains("sparc64"));
}

#[test]
fn an_arm_guest_without_a_word_of_firmware_has_none() {
    let xml = data("d4.xml").replace(" firmware='efi'", "");
    let guest = read("a.xml", &xml, &[]).unwrap();
    assert_eq!(guest.firmware_kind(), "no firmware");
    assert!(crate::guest::warnings::of_guest(&guest).iter().any(|warning| warning.word == "no-firmware"));
    let loader = xml.replace("</type>", "</type><loader type='rom'>/srv/own.fd</loader>");
    assert_eq!(read("a.xml", &loader, &[]).unwrap().firmware_kind(), "UEFI");
    let x86 = data("d1.xml");
    assert!(read("b.xml", &x86, &[]).unwrap().firmware.uefi().is_none());
}

#[test]
fn explicit_addresses_behind_ports_lead_to_those_ports() {
    let xml = "<domain type='kvm'><os><type machine='q35'>hvm</type></os><devices>
        <controller type='pci' index='0' model='pcie-root'/>
        <controller type='pci' index='1' model='pcie-root-port'><address type='pci' bus='0x00' slot='0x02' function='0x0'/></controller>
        <controller type='pci' index='5' model='pcie-root-port'><address type='pci' bus='0x00' slot='0x02' function='0x4'/></controller>
        <disk><target dev='vda' bus='virtio'/><address type='pci' bus='0x05' slot='0x00' function='0x0'/></disk>
        <disk><target dev='vdb' bus='virtio'/></disk><video/></devices></domain>";
    let guest = read("a", xml, &[]).unwrap();
    let places: Vec<_> = guest.devices.iter().map(|device| device.device.place).collect();
    use crate::machine::Place::Port;
    // libvirt adds ports for the indices between: its USB controller takes that with index 1, and the disk the next one
    assert_eq!(places, [Port { slot: 2, function: 4 }, Port { slot: 2, function: 1 }]);
    let layout = Layout::of(&guest.machine().unwrap()).unwrap();
    assert!(layout.controllers.iter().any(|port| port.id == "idle-port2"), "function 4 needs a function 0 to be seen");
}

#[test]
fn disks_stand_in_the_order_of_their_targets_within_a_bus() {
    let disk = |target: &str, bus: &str| format!("<disk><target dev='{target}' bus='{bus}'/></disk>");
    let disks = disk("vdb", "virtio") + &disk("hda", "ide") + &disk("vda", "virtio");
    let xml = format!("<domain><os><type>hvm</type><boot dev='hd'/></os><devices>{disks}</devices></domain>");
    let guest = read("a", &xml, &[]).unwrap();
    let ranks: Vec<_> = guest.devices.iter().map(|device| (device.name.as_str(), device.device.bootindex)).collect();
    assert_eq!(ranks, [("vda", Some(1)), ("vdb", None), ("hda", None)]);
}

#[test]
fn an_attached_device_counts_as_the_domains_own() {
    let xml = "<domain><os><type>hvm</type></os><devices><interface type='user'><boot order='1'/></interface></devices></domain>";
    let disk = "<disk type='file' device='disk'><source file='/reboot.img'/><target dev='hdb' bus='ide'/>\
                <address type='drive' controller='0' bus='0' target='0' unit='1'/><boot order='2'/></disk>";
    let guest = read("a", xml, &[("reboot.xml", disk)]).unwrap();
    assert_eq!(guest.devices[0].device.bootindex, Some(2));
    let twice = read("a", xml, &[("reboot.xml", &disk.replace("order='2'", "order='1'"))]).unwrap_err();
    assert!(twice.to_string().starts_with("boot order '1' is used for more than one device"), "{twice}");
    assert_eq!(twice.file, "reboot.xml");
}

fn with_disk(inside: &str) -> String {
    format!("<domain type='kvm'>\n<os><type machine='pc'>hvm</type></os>\n<devices>\n{inside}\n</devices></domain>")
}

#[test]
fn namespaces_hang_off_the_nvme_controller_that_their_target_names() {
    let disk = |name: &str| format!("<disk><source file='a'/><target dev='{name}' bus='nvme'/></disk>");
    let devices = ["nvme0n1", "nvme0n2", "nvme1n1"].map(disk).concat();
    let controller = "<controller type='nvme' index='1'><address type='pci' slot='0x9'/></controller>";
    let guest = read("n.xml", &with_disk(&(controller.to_owned() + &devices)), &[]).unwrap();
    let classes = guest.devices.iter().map(|device| device.device.class.clone());
    let namespace = |controller, nsid| crate::machine::DeviceClass::NvmeNamespace { controller, nsid };
    assert!(classes.eq([namespace(0, 1), namespace(0, 2), namespace(1, 1)]), "{:?}", guest.devices);
    assert_eq!(guest.devices[2].device.slot, Some(9));
    assert_eq!((guest.devices[0].device.bootindex, &*guest.devices[0].kind), (Some(1), "NVMe disk"));
    crate::machine::layout::Layout::of(&guest.machine().unwrap()).unwrap();
    let letters = read("n.xml", &with_disk(&disk("nvmea")), &[]).unwrap_err();
    assert!(letters.to_string().contains("dev='nvmea'"), "{letters}");
}

#[rstest]
#[case::lsi("lsilogic", ScsiAdapter::Lsi53c895a)]
#[case::esp("am53c974", ScsiAdapter::Am53c974)]
#[case::esp_with_a_rom("dc390", ScsiAdapter::Am53c974)]
fn the_unit_is_the_target_on_an_adapter_for_one_lun_a_target(#[case] model: &str, #[case] adapter: ScsiAdapter) {
    let controller = format!("<controller type='scsi' index='0' model='{model}'/>");
    let disk = "<disk><source file='a'/><target dev='sdc' bus='scsi'/></disk>";
    let guest = read("s.xml", &with_disk(&(controller + disk)), &[]).unwrap();
    let class = &guest.devices[0].device.class;
    assert_eq!(*class, crate::machine::DeviceClass::Scsi { adapter, hba: 0, target: 2, lun: 0 });
}

#[rstest]
#[case::nothing("", "this is no well-formed XML", 1, 1)]
#[case::an_open_tag("<domain>\n<os>", "this is no well-formed XML", 2, 5)]
#[case::another_end("<domain>\n <os></so>\n</domain>", "this is no well-formed XML", 2, 6)]
#[case::a_network("<network/>", "<network> is no domain", 1, 1)]
#[case::another_hypervisor("<domain type='xen'/>", "type='xen'", 1, 9)]
#[case::no_os("<domain/>", "the domain has no <os>", 1, 1)]
#[case::a_container("<domain><os><type>exe</type></os></domain>", "type 'exe' has no firmware", 1, 13)]
#[case::an_unknown_element("<domain>\n<os><type>hvm</type></os>\n<device/></domain>", "no <device> in <domain>", 3, 1)]
#[case::an_unknown_device(&with_disk("<disc/>"), "no <disc> in <devices>", 4, 1)]
#[case::no_target(&with_disk("<disk/>"), "<disk> has no <target>", 4, 1)]
#[case::a_strange_target(&with_disk("<disk><target dev='disk0'/></disk>"), "dev='disk0'", 4, 15)]
#[case::a_strange_bus(&with_disk("<disk><target dev='vda' bus='virtoi'/></disk>"), "bus='virtoi'", 4, 25)]
#[case::a_target_twice(&with_disk("<disk><target dev='vda'/></disk>\n<disk><target dev='vda'/></disk>"), "given twice, first on line 4", 5, 1)]
#[case::order_zero(&with_disk("<disk><target dev='vda'/><boot order='0'/></disk>"), "order='0'", 4, 32)]
#[case::order_in_words(&with_disk("<disk><target dev='vda'/><boot order='one'/></disk>"), "order='one'", 4, 32)]
#[case::a_strange_boot_dev("<domain><os><type>hvm</type>\n<boot dev='disk'/></os></domain>", "dev='disk'", 2, 7)]
#[case::a_floppy_on_ide(&with_disk("<disk device='floppy'><target dev='fda' bus='ide'/></disk>"), "cannot be on bus 'ide'", 4, 1)]
#[case::a_slot_too_far(&with_disk("<disk><target dev='vda'/><address type='pci' slot='0x20'/></disk>"), "no PCI function is at slot 32", 4, 26)]
#[case::an_address_of_another_bus(
    &with_disk("<disk><target dev='hdc' bus='virtio'/><address type='drive' controller='0' bus='0' target='0' unit='2'/></disk>"),
    "hdc: an address of type 'drive' for a disk on bus 'virtio'",
    4,
    1
)]
#[case::large_sectors_alone(
    &with_disk("<disk><blockio logical_block_size='4096'/><target dev='vda'/></disk>"),
    "logical_block_size is larger than physical_block_size",
    4,
    1
)]
#[case::large_sectors_on_sata(
    &with_disk("<disk><blockio logical_block_size='4096'/><target dev='sda' bus='sata'/></disk>"),
    "a disk of IDE or SATA has sectors of 512 bytes",
    4,
    1
)]
#[case::a_timeout_too_long(
    "<domain><os><type>hvm</type><bios rebootTimeout='65536'/></os></domain>",
    "rebootTimeout='65536'",
    1,
    35
)]
#[case::ide_on_q35(
    "<domain><os><type machine='q35'>hvm</type></os><devices><disk><target dev='hda' bus='ide'/></disk></devices></domain>",
    "IDE controllers are unsupported for this machine type",
    1,
    57
)]
fn a_domain_that_libvirt_would_refuse_is_refused(
    #[case] xml: &str,
    #[case] wanted: &str,
    #[case] at_line: u32,
    #[case] column: u32,
) {
    let error = read("a.xml", xml, &[]).unwrap_err();
    assert!(error.to_string().contains(wanted), "{error}");
    assert_eq!((error.at.line, error.at.column), (at_line, column), "{error}");
    assert!(error.to_string().contains(&format!("\n  in: a.xml line {at_line} column {column}")), "{error}");
}

#[test]
fn both_kinds_of_boot_elements_together_are_refused_with_both_lines() {
    let error = read("d6.xml", &data("d6.xml"), &[]).unwrap_err();
    assert!(
        error.what.starts_with("per-device boot elements cannot be used together with os/boot elements"),
        "{error}"
    );
    assert!(error.what.ends_with("in the device on line 6"), "{error}");
    assert_eq!(error.at.line, 3);
}

#[test]
fn a_billion_laughs_are_not_laughed() {
    let mut text = String::from("<?xml version='1.0'?>\n<!DOCTYPE lolz [\n <!ENTITY l0 \"lol\">\n");
    for level in 1..10 {
        let refs = format!("&l{};", level - 1).repeat(10);
        text += &format!(" <!ENTITY l{level} \"{refs}\">\n");
    }
    text += "]>\n<domain><name>&l9;</name></domain>";
    let error = read("laughs.xml", &text, &[]).unwrap_err();
    assert!(error.what.contains("document type declaration"), "{error}");
    // it is refused where the declaration begins: nothing of it was expanded
    assert_eq!((error.at.line, error.at.column), (2, 1));
}

#[test]
fn an_entity_that_nothing_defines_a_deep_and_a_huge_file_are_refused() {
    let undefined = read("a", "<domain><name>&xxe;</name></domain>", &[]).unwrap_err();
    assert!(undefined.what.contains("no well-formed XML"), "{undefined}");
    let deep = "<a>".repeat(100_000) + &"</a>".repeat(100_000);
    assert!(read("a", &deep, &[]).unwrap_err().what.contains("deep"));
    let wide = format!("<domain>{}</domain>", "<name/>".repeat(200_000));
    assert!(read("a", &wide, &[]).unwrap_err().what.contains("more than 100000 nodes"));
    let long = " ".repeat(super::super::xml::LONGEST + 1);
    assert!(read("a", &long, &[]).unwrap_err().what.contains("bytes long"));
}

#[test]
fn firmware_is_read_with_what_it_demands() {
    let d2 = domain("d2.xml");
    let uefi = d2.firmware.uefi().unwrap();
    assert_eq!((uefi.secure_boot, uefi.variables.as_ref().unwrap().1), (Some(true), 3));
    let d3 = domain("d3.xml");
    let uefi = d3.firmware.uefi().unwrap();
    assert_eq!((uefi.secure_boot, uefi.enrolled_keys, d3.chooses_firmware()), (Some(true), Some(false), true));
    assert_eq!(domain("d1.xml").firmware, GuestFirmware::Bios);
}

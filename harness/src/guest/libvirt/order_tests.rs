//! What takes part in the order and is easily lost: devices of the host, classes, properties that are passed past libvirt.

use super::*;
use crate::guest::warnings::of_guest;
use crate::machine::layout::Layout;
use crate::machine::{DeviceClass, NicModel, OptionRom, UsbController};
use rstest::rstest;

fn guest(machine: &str, os: &str, devices: &str, after: &str) -> Guest {
    let xml = format!(
        "<domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'><os><type {machine}>hvm</type>{os}</os>\
         <devices>{devices}</devices>{after}</domain>"
    );
    let guest = read("a.xml", &xml, &[]).unwrap();
    Layout::of(&guest.machine().unwrap()).unwrap();
    guest
}

fn ranks(guest: &Guest) -> Vec<(&str, Option<i64>)> {
    let tried = guest.devices.iter().map(|device| (device.name.as_str(), device.device.bootindex));
    tried.chain(guest.untried.iter().map(|device| (device.name.as_str(), device.rank))).collect()
}

fn is_warned_of(guest: &Guest, word: &str) -> bool {
    of_guest(guest).iter().any(|warning| warning.word == word)
}

const Q35: &str = "machine='q35'";
const DISK: &str = "<disk><source file='a'/><target dev='vda' bus='virtio'/><boot order='2'/></disk>";

#[rstest]
#[case::a_function_of_the_host("<hostdev mode='subsystem' type='pci'><source/><boot order='1'/></hostdev>", "hostdev0")]
#[case::by_its_alias("<hostdev type='pci'><alias name='ua-gpu'/><boot order='1'/></hostdev>", "ua-gpu")]
#[case::usb_of_the_host("<hostdev type='usb'><boot order='1'/></hostdev>", "hostdev0")]
#[case::of_a_viewer("<redirdev bus='usb' type='spicevmc'><boot order='1'/></redirdev>", "redir0")]
#[case::a_card_of_the_host("<interface type='hostdev'><boot order='1'/></interface>", "hostnic0")]
#[case::whatever_its_model("<interface type='hostdev'><model type='virtio'/><boot order='1'/></interface>", "hostnic0")]
#[case::out_of_a_network(
    "<interface type='network'><source network='n'/><actual type='hostdev'/><alias name='hostdev7'/><boot order='1'/></interface>",
    "hostdev7"
)]
#[case::a_card_that_is_not_known("<interface type='user'><model type='lance'/><boot order='1'/></interface>", "net0")]
#[case::a_disk_that_is_not_known("<disk><target dev='sda' bus='sd'/><boot order='1'/></disk>", "sda")]
#[case::a_cd_on_usb_bot(
    "<disk device='cdrom' model='usb-bot'><source file='b'/><target dev='sda' bus='usb'/><boot order='1'/></disk>",
    "sda"
)]
#[case::a_disk_on_an_adapter_that_is_not_known(
    "<controller type='scsi' index='0' model='ncr53c90'/><disk><target dev='sda' bus='scsi'/><boot order='1'/></disk>",
    "sda"
)]
fn a_device_with_a_rank_that_cannot_be_had_keeps_its_row(#[case] device: &str, #[case] name: &str) {
    let guest = guest(Q35, "", &format!("{DISK}{device}"), "");
    assert_eq!(ranks(&guest), [("vda", Some(2)), (name, Some(1))]);
    assert!(is_warned_of(&guest, "not-tried-here"));
    assert!(!is_warned_of(&self::guest(Q35, "", DISK, ""), "not-tried-here"));
    let twice = device.replace("order='1'", "order='2'");
    let xml = format!("<domain><os><type>hvm</type></os><devices>{DISK}{twice}</devices></domain>");
    assert!(read("a", &xml, &[]).unwrap_err().what.contains("boot order '2' is used for more than one device"));
}

#[test]
fn the_class_of_networks_reaches_the_first_interface_also_where_it_is_the_hosts() {
    let devices = "<interface type='hostdev'/><interface type='user'><model type='virtio'/></interface>";
    let guest = guest(Q35, "<boot dev='network'/>", devices, "");
    assert_eq!(ranks(&guest), [("nic0", None), ("hostnic0", Some(1))]);
}

#[test]
fn a_class_is_what_the_element_says_whatever_firmware_takes_the_device_for() {
    let disk = "<disk><source file='a'/><target dev='vda' bus='virtio'/></disk>";
    let cd = |name: &str| format!("<disk device='cdrom'><source file='b'/><target dev='{name}' bus='usb'/></disk>");
    let warned = |os: &str, devices: &str| -> Vec<String> {
        let guest = guest(Q35, os, devices, "");
        let all = of_guest(&guest).into_iter().filter(|warning| warning.word == "first-of-class");
        all.map(|warning| warning.words.split(';').next().unwrap_or_default().to_owned()).collect()
    };
    // `hd` never reaches a CD drive, also where firmware has a hard disk in it
    assert!(warned("<boot dev='hd'/>", &format!("{disk}{}", cd("sda"))).is_empty());
    let two = format!("{disk}{}{}", cd("sda"), cd("sdb"));
    let reached = "<boot dev='cdrom'> reaches sda only: sdb has no rank".to_owned();
    assert_eq!(warned("<boot dev='hd'/><boot dev='cdrom'/>", &two), [reached]);
    let hosts = "<interface type='hostdev'/><interface type='user'/>";
    let reached = "<boot dev='network'> reaches hostnic0 only: nic0 has no rank".to_owned();
    assert_eq!(warned("<boot dev='network'/>", hosts), [reached]);
}

#[test]
fn of_a_class_that_is_named_twice_the_last_place_counts_and_four_are_read() {
    let devices = "<disk><source file='a'/><target dev='hda'/></disk><disk device='cdrom'><target dev='hdc'/></disk>";
    let boot = |classes: &[&str]| classes.iter().map(|class| format!("<boot dev='{class}'/>")).collect::<String>();
    let twice = guest("", &boot(&["hd", "cdrom", "hd"]), devices, "");
    assert_eq!(ranks(&twice), [("hda", Some(3)), ("hdc", Some(2))]);
    let five = guest("", &boot(&["fd", "cdrom", "network", "fd", "hd"]), devices, "");
    assert_eq!(ranks(&five), [("hda", None), ("hdc", Some(2))]);
}

#[test]
fn a_card_and_an_adapter_of_which_no_model_is_named_are_libvirts_choice_for_the_board() {
    let devices = "<disk><source file='a'/><target dev='sda' bus='scsi'/></disk><interface type='user'/>";
    let arm = guest("arch='aarch64' machine='virt'", "", devices, "");
    let loongarch = guest("arch='loongarch64' machine='virt'", "", devices, "");
    let is_card = |guest: &Guest, model: &NicModel| matches!(&guest.devices[1].device.class, DeviceClass::Nic(nic) if nic.model == *model);
    assert!(matches!(arm.devices[0].device.class, DeviceClass::Scsi { .. }) && is_card(&arm, &NicModel::VirtioNet));
    assert!(matches!(loongarch.devices[0].device.class, DeviceClass::VirtioScsi { .. }));
    assert!(is_card(&loongarch, &NicModel::VirtioNet));
    let x86 = guest("", "", devices, "");
    assert!(matches!(x86.devices[0].device.class, DeviceClass::Scsi { .. }) && is_card(&x86, &NicModel::Rtl8139));
}

#[rstest]
#[case::vdpa("<interface type='vdpa'><source dev='/dev/vhost-vdpa-0'/></interface>", NicModel::VirtioNet)]
#[case::vhost_user(
    "<interface type='vhostuser'><source type='unix' path='/s' mode='client'/></interface>",
    NicModel::VirtioNet
)]
#[case::a_model_that_is_named("<interface type='vhostuser'><model type='e1000'/></interface>", NicModel::E1000)]
#[case::of_the_host("<interface type='ethernet'/>", NicModel::Rtl8139)]
fn a_card_behind_vdpa_or_vhost_user_is_virtio_where_no_model_is_named(#[case] card: &str, #[case] wanted: NicModel) {
    let guest = guest(Q35, "", card, "");
    assert!(
        matches!(&guest.devices[0].device.class, DeviceClass::Nic(nic) if nic.model == wanted),
        "{:?}",
        guest.devices[0].kind
    );
}

#[test]
fn functions_of_one_slot_are_kept() {
    let at = |function: u8| format!("<address type='pci' slot='0x05' function='0x{function}'/>");
    let disk = |name: &str, function| {
        format!("<disk><source file='a'/><target dev='{name}' bus='virtio'/>{}</disk>", at(function))
    };
    let devices = disk("vda", 0) + &disk("vdb", 1) + &format!("<interface type='user'>{}</interface>", at(7));
    let guest = guest("", "", &devices, "");
    let places: Vec<_> =
        guest.devices.iter().map(|device| (device.device.function, device.device.multifunction)).collect();
    assert_eq!(places, [(0, true), (1, false), (7, false)]);
}

#[test]
fn an_nvme_controller_may_have_a_serial_number() {
    let controller = "<controller type='nvme' index='0'><serial>abc</serial></controller>";
    let disk = "<disk><source file='a'/><target dev='nvme0n1' bus='nvme'/></disk>";
    assert_eq!(ranks(&guest(Q35, "", &format!("{controller}{disk}"), "")), [("nvme0n1", Some(1))]);
}

#[test]
fn a_usb_drive_is_on_the_controller_that_its_address_names() {
    let controllers =
        "<controller type='usb' index='0' model='piix3-uhci'/><controller type='usb' index='1' model='qemu-xhci'/>";
    let cd = "<disk device='cdrom'><source file='a'/><target dev='sda' bus='usb'/><address type='usb' bus='1' port='2'/></disk>";
    let guest = guest("machine='pc'", "", &format!("{controllers}{cd}"), "");
    let class = DeviceClass::UsbStorage { controller: UsbController::Xhci, port: 2 };
    assert_eq!((&guest.devices[0].device.class, guest.devices[0].device.optical), (&class, false));
    assert!(is_warned_of(&guest, "not-applied"), "which of two drives libvirt makes of it is not said");
    let named = cd.replace("<disk ", "<disk model='usb-storage' ");
    assert!(!is_warned_of(&self::guest("machine='pc'", "", &format!("{controllers}{named}"), ""), "not-applied"));
    let ich9 =
        "<controller type='usb' index='0' model='ich9-uhci1'/><controller type='usb' index='0' model='ich9-ehci1'/>";
    let stick = "<disk><source file='a'/><target dev='sda' bus='usb'/></disk>";
    let class = DeviceClass::UsbStorage { controller: UsbController::Ehci, port: 1 };
    assert_eq!(self::guest(Q35, "", &format!("{ich9}{stick}"), "").devices[0].device.class, class);
}

/// A disk on USB, at a port of a controller where one is named.
fn stick(name: &str, order: u8, place: Option<(u8, &str)>) -> String {
    let address = place.map(|(bus, port)| format!("<address type='usb' bus='{bus}' port='{port}'/>"));
    let address = address.unwrap_or_default();
    format!("<disk><source file='a'/><target dev='{name}' bus='usb'/><boot order='{order}'/>{address}</disk>")
}

#[test]
fn two_usb_disks_behind_one_hub_are_at_its_ports() {
    let devices = "<controller type='usb' index='0' model='qemu-xhci'/><hub type='usb'><address type='usb' bus='0' port='1'/></hub>";
    let disks = stick("sda", 1, Some((0, "1.2"))) + &stick("sdb", 2, Some((0, "1.1"))) + &stick("sdc", 3, None);
    let guest = guest("machine='pc'", "", &format!("{devices}{disks}"), "");
    let behind = |port| DeviceClass::UsbBehindHub { controller: UsbController::Xhci, hub: 1, port };
    let classes: Vec<_> = guest.devices.iter().map(|device| device.device.class.clone()).collect();
    let beside = DeviceClass::UsbStorage { controller: UsbController::Xhci, port: 2 };
    assert_eq!(classes, [behind(2), behind(1), beside]);
    assert_eq!(guest.devices[0].kind, "USB (xhci, behind a hub) disk");
    crate::machine::layout::Layout::of(&guest.machine().unwrap()).unwrap();
}

#[rstest::rstest]
#[case::two_hubs("qemu-xhci", "1.2.1", "a disk behind several USB hubs")]
#[case::of_ehci("ehci", "1.2", "a disk behind a hub of USB (ehci)")]
#[case::ohci("pci-ohci", "2", "a disk on pci-ohci, a USB controller that is not known here")]
#[case::of_via("vt82c686b-uhci", "1", "a disk on vt82c686b-uhci")]
#[case::of_xen("qusb1", "1", "a disk on qusb1")]
#[case::a_higher_port("qemu-xhci", "7", "a disk at port 7 of USB (xhci)")]
fn a_usb_disk_that_cannot_be_had_keeps_its_row(#[case] model: &str, #[case] port: &str, #[case] what: &str) {
    let controller = format!("<controller type='usb' index='0' model='{model}'/>");
    let devices = controller + &stick("sda", 2, Some((0, port))) + "<disk><source file='a'/><target dev='vda'/></disk>";
    let guest = guest("machine='pc'", "", &devices, "");
    assert_eq!(guest.devices.len(), 1);
    assert_eq!((guest.untried[0].name.as_str(), guest.untried[0].rank), ("sda", Some(2)));
    assert!(guest.untried[0].kind.contains(what), "{}", guest.untried[0].kind);
}

#[test]
fn a_usb_disk_on_a_second_controller_of_a_kind_keeps_its_row() {
    let controllers =
        "<controller type='usb' index='0' model='qemu-xhci'/><controller type='usb' index='1' model='nec-xhci'/>";
    let disks = stick("sda", 1, Some((0, "1"))) + &stick("sdb", 2, Some((1, "1")));
    let guest = guest(Q35, "", &format!("{controllers}{disks}"), "");
    assert_eq!((guest.devices.len(), guest.untried[0].name.as_str()), (1, "sdb"));
    assert!(guest.untried[0].kind.contains("a further USB (xhci) controller"), "{:?}", guest.untried);
}

fn passed(args: &[&str]) -> String {
    let args: String = args.iter().map(|arg| format!("<qemu:arg value='{arg}'/>")).collect();
    format!("<qemu:commandline>{args}</qemu:commandline>")
}

#[test]
fn what_is_passed_past_libvirt_counts_or_is_warned_of() {
    let devices = "<disk><source file='a'/><target dev='vda'/><boot order='2'/><alias name='ua-root'/></disk>\
                   <disk><source file='b'/><target dev='vdb'/></disk><interface type='user'><model type='virtio'/></interface>";
    let with = |after: &str| guest(Q35, "", devices, after);
    let set = with(&passed(&["-set", "device.ua-root.bootindex=5", "-set", "device.virtio-disk1.bootindex=1"]));
    assert_eq!(ranks(&set), [("vda", Some(5)), ("vdb", Some(1)), ("nic0", None)]);
    assert!(is_warned_of(&set, "not-applied"), "QEMU of today does not start");
    let property = |alias: &str, name: &str, value: &str| {
        format!(
            "<qemu:override><qemu:device alias='{alias}'><qemu:frontend><qemu:property name='{name}' type='string' value='{value}'/>\
             </qemu:frontend></qemu:device></qemu:override>"
        )
    };
    let override_ = with(&property("net0", "romfile", ""));
    assert!(matches!(&override_.devices[2].device.class, DeviceClass::Nic(nic) if nic.rom == OptionRom::Empty));
    assert!(!is_warned_of(&override_, "not-applied"));
    assert!(is_warned_of(&with(&property("nobody", "bootindex", "1")), "not-applied"));
    for seen in
        [["-device", "virtio-blk-pci,drive=x,bootindex=1"], ["-boot", "once=d"], ["-global", "e1000.bootindex=1"]]
    {
        assert!(is_warned_of(&with(&passed(&seen)), "not-applied"), "{seen:?}");
    }
    for unseen in [["-smbios", "type=1"], ["-device", "isa-applesmc,osk=x"], ["-cpu", "host"]] {
        assert!(!is_warned_of(&with(&passed(&unseen)), "not-applied"), "{unseen:?}");
    }
}

#[test]
fn variables_in_a_source_have_a_path() {
    let os = "<loader type='pflash'>/usr/share/OVMF/OVMF_CODE.fd</loader><nvram type='file'><source file='/nvram/x.fd'/></nvram>";
    let guest = guest(Q35, os, "", "");
    assert_eq!(guest.firmware.uefi().unwrap().variables.as_ref().unwrap().0, "/nvram/x.fd");
}

#[test]
fn a_device_behind_what_cannot_be_had_is_told_to_be_replaced() {
    let at = |bus: u8| format!("<address type='pci' bus='0x0{bus}' slot='0x00' function='0x0'/>");
    let controllers = format!(
        "<controller type='pci' index='1' model='pcie-expander-bus'/><controller type='pci' index='2' model='pcie-root-port'>{}</controller>\
         <controller type='pci' index='3' model='pcie-switch-upstream-port'/><controller type='pci' index='4' model='pcie-switch-downstream-port'/>",
        at(1)
    );
    let disk = |name: &str, bus| format!("<disk><source file='a'/><target dev='{name}'/>{}</disk>", at(bus));
    let guest = guest(Q35, "", &format!("{controllers}{}{}", disk("vda", 4), disk("vdb", 2)), "");
    let told = |words: &str| guest.notes.0.iter().any(|note| note.words.contains(words));
    assert!(told("vda: behind pcie-switch-downstream-port") && told("vdb: behind a port that is not on the root bus"));
}

/// Numbers at the edges of what the reader holds: an answer or an error, and no panic.
#[rstest]
#[case("<controller type='pci' index='255' model='pcie-root-port'/>", "")]
#[case("<controller type='pci' index='255' model='pcie-root-port'/><controller type='pci' model='pci-bridge'/>", "")]
#[case("", "<address type='pci' bus='0xff' slot='0x00'/>")]
#[case("", "<address type='drive' controller='255' bus='255' target='255' unit='65535'/>")]
#[case("", "<address type='usb' bus='255' port='255'/>")]
#[case("", "<boot order='2147483647'/>")]
#[case("", "<boot order='4294967295'/>")]
fn numbers_at_the_edges_are_an_answer_or_an_error(#[case] controller: &str, #[case] address: &str) {
    for (target, bus) in [
        ("vda", "virtio"),
        ("sdzzz", "scsi"),
        ("sdzzz", "sata"),
        ("sda", "usb"),
        ("nvme255n256", "nvme"),
        ("hdzz", "ide"),
    ] {
        for board in ["pc", "q35"] {
            let nic = "<interface type='user'><model type='virtio'/></interface>";
            let xml = format!(
                "<domain><os><type machine='{board}'>hvm</type></os><devices>{controller}{nic}\
                 <disk><source file='a'/><target dev='{target}' bus='{bus}'/>{address}</disk></devices></domain>"
            );
            let Ok(guest) = read("a", &xml, &[]) else { continue };
            crate::guest::variants::of(&guest, &[], crate::guest::variants::Questions::default()).ok();
            crate::guest::variants::reboot_disk(&guest);
        }
    }
}

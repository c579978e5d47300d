//! Places of devices without an address, as libvirt gives them.

use super::read;
use crate::guest::{Guest, GuestError};
use crate::machine::layout::Layout;
use crate::machine::{DeviceClass, Place, ScsiAdapter, UsbController};
use rstest::rstest;

const VDA: &str = "<disk><source file='a'/><target dev='vda' bus='virtio'/></disk>";
const SDA: &str = "<disk><source file='a'/><target dev='sda' bus='scsi'/></disk>";
const CARD: &str = "<interface type='user'><model type='virtio'/></interface>";
const BARE: &str = "<memballoon model='none'/>";

fn tried(machine: &str, devices: &str) -> Result<Guest, GuestError> {
    let xml = format!("<domain><os><type machine='{machine}'>hvm</type></os><devices>{devices}</devices></domain>");
    read("a.xml", &xml, &[])
}

fn guest(machine: &str, devices: &str) -> Guest {
    let guest = tried(machine, devices).unwrap();
    Layout::of(&guest.machine().unwrap()).unwrap();
    guest
}

fn on_root(slot: u8) -> (Place, Option<u8>) {
    (Place::Root, Some(slot))
}

fn port(slot: u8, function: u8) -> (Place, Option<u8>) {
    (Place::Port { slot, function }, None)
}

/// The slots that libvirt 9.0 and 11.3 give on pc and q35 to the last device of each list.
#[rstest]
#[case::nothing_else("pc", VDA, on_root(2))]
#[case::behind_a_display("pc", "<video/>$VDA", on_root(3))]
#[case::behind_graphics_alone("pc", "<graphics type='vnc'/>$VDA", on_root(3))]
#[case::without_a_display("pc", "<graphics type='vnc'/><video><model type='none'/></video>$VDA", on_root(2))]
#[case::behind_a_card("pc", "$VDA$CARD$VDB", on_root(4))]
#[case::behind_a_channel("pc", "<channel type='unix'><target type='virtio'/></channel>$VDA", on_root(3))]
#[case::behind_a_console("pc", "<console type='pty'><target type='virtio'/></console>$VDA", on_root(3))]
#[case::beside_one_of_isa("pc", "<console type='pty'><target type='serial'/></console>$VDA", on_root(2))]
#[case::behind_sound("pc", "<sound model='ich6'/>$VDA", on_root(3))]
#[case::beside_sound_of_isa("pc", "<sound model='sb16'/>$VDA", on_root(2))]
#[case::before_a_watchdog("pc", "<watchdog model='i6300esb'/>$VDA", on_root(2))]
#[case::behind_a_usb_group(
    "pc",
    "<controller type='usb' model='ich9-uhci1'/><controller type='usb' model='ich9-ehci1'/>$VDA",
    on_root(3)
)]
#[case::an_address_to_be_given("pc", "<disk><target dev='vda'/><address type='pci'/></disk>", on_root(2))]
#[case::a_file_system("q35", "<filesystem><source dir='/a'/><target dir='b'/></filesystem>$VDA", port(1, 2))]
#[case::the_only_one("q35", VDA, port(1, 1))]
#[case::beside_a_display("q35", "<video/>$VDA", port(2, 1))]
#[case::without_usb("q35", "<controller type='usb' model='none'/>$VDA", port(1, 0))]
#[case::a_display_of_its_own_slot(
    "q35",
    "<video><model type='virtio'/><address type='pci' slot='0x1'/></video>$VDA",
    port(2, 1)
)]
#[case::sound_at_its_own_slot("q35", "<sound model='ich9'/>$VDA", port(1, 1))]
#[case::behind_a_bridge("q35", "<disk model='virtio-transitional'><target dev='vda'/></disk>", (Place::PciBridge, Some(1)))]
#[case::the_port_of_a_bridge_is_taken("q35", "<sound model='ich6'/>$VDA", port(1, 2))]
fn a_disk_has_the_slot_that_libvirt_gives_it(
    #[case] machine: &str,
    #[case] devices: &str,
    #[case] wanted: (Place, Option<u8>),
) {
    let vdb = VDA.replace("vda", "vdb");
    let devices = devices.replace("$VDA", VDA).replace("$VDB", &vdb).replace("$CARD", CARD);
    let guest = guest(machine, &format!("{BARE}{devices}"));
    let last = guest.devices.iter().rev().find(|device| !device.device.is_nic()).unwrap();
    assert_eq!((last.device.place, last.device.slot), wanted);
}

/// A slot is kept for one device more, so that a bridge is added for the one that would take the last, in the first free slot.
#[test]
fn more_devices_than_slots_are_behind_a_bridge_in_the_first_of_them() {
    let disk = |index: u8| VDA.replace("vda", &format!("vd{}", letters(index)));
    let disks = |count: u8| format!("{BARE}<video/>{}", (0..count).map(disk).collect::<String>());
    let fits = guest("pc", &disks(28));
    assert_eq!((fits.devices[0].device.slot, fits.devices[27].device.slot), (Some(3), Some(30)));
    let over = guest("pc", &disks(29));
    assert_eq!((over.devices[0].device.slot, over.devices[27].device.slot), (Some(4), Some(31)));
    assert_eq!((over.devices[28].device.place, over.devices[28].device.slot), (Place::PciBridge, Some(1)));
    // ours have one bridge: those behind a second one sit beside the others where there is room, and else are told of
    let second =
        "<controller type='pci' index='1' model='pci-bridge'/><controller type='pci' index='2' model='pci-bridge'/>";
    let on =
        |disk: String, bus: u8| disk.replace("</disk>", &format!("<address type='pci' bus='{bus}' slot='1'/></disk>"));
    let two = guest("pc", &format!("{second}{}{}", on(disk(0), 1), on(disk(1), 2)));
    let places = two.devices.iter().map(|device| (device.device.place, device.device.slot));
    assert!(places.eq([(Place::PciBridge, Some(1)), (Place::PciBridge, None)]));
    let many = guest("pc", &disks(80));
    assert_eq!(many.devices.len() + many.untried.len(), 80);
    assert!(many.untried.iter().all(|row| row.kind == "a virtio disk behind a further PCI bridge"));
    assert!(!many.untried.is_empty());
}

fn letters(index: u8) -> String {
    let letter = |index: u8| char::from(b'a' + index % 26);
    let first = (index / 26).checked_sub(1).map(letter);
    first.into_iter().chain([letter(index)]).collect()
}

#[test]
fn a_controller_without_an_index_has_the_first_that_is_free() {
    let usb = "<controller type='usb'/><controller type='usb' model='qemu-xhci' index='0'/>";
    let disk = "<disk><source file='a'/><target dev='sda' bus='usb'/><address type='usb' bus='1' port='1'/></disk>";
    let guest = guest("pc", &format!("{usb}{disk}"));
    let uhci = DeviceClass::UsbStorage { controller: UsbController::Uhci, port: 1 };
    assert_eq!(guest.devices[0].device.class, uhci);
}

#[rstest]
#[case::pc("pc", "", UsbController::Uhci)]
#[case::added_to_q35("q35", "", UsbController::Xhci)]
#[case::named_on_q35("q35", "<controller type='usb'/>", UsbController::Uhci)]
fn a_usb_controller_of_no_model_is_piix3s_but_where_libvirt_adds_it(
    #[case] machine: &str,
    #[case] controller: &str,
    #[case] wanted: UsbController,
) {
    let disk = "<disk><source file='a'/><target dev='sda' bus='usb'/></disk>";
    let guest = guest(machine, &format!("{controller}{disk}"));
    assert_eq!(guest.devices[0].device.class, DeviceClass::UsbStorage { controller: wanted, port: 1 });
}

#[test]
fn a_target_on_scsi_is_one_of_seven_units_of_its_adapter() {
    let virtio = "<controller type='scsi' model='virtio-scsi'/><controller type='scsi' model='virtio-scsi'/>";
    let classes =
        |name: &str| guest("pc", &format!("{virtio}{}", SDA.replace("sda", name))).devices[0].device.class.clone();
    assert_eq!(classes("sdg"), DeviceClass::VirtioScsi { hba: 0, target: 0, lun: 6 });
    assert_eq!(classes("sdh"), DeviceClass::VirtioScsi { hba: 1, target: 0, lun: 0 });
    // another adapter is another number among those of its kind
    let mixed = "<controller type='scsi' model='virtio-scsi'/><controller type='scsi' model='lsilogic'/>";
    let guest = guest("pc", &format!("{mixed}{}", SDA.replace("sda", "sdi")));
    let lsi = DeviceClass::Scsi { adapter: ScsiAdapter::Lsi53c895a, hba: 0, target: 1, lun: 0 };
    assert_eq!(guest.devices[0].device.class, lsi);
}

#[test]
fn a_further_controller_of_sata_is_told_of_and_one_of_ide_refused() {
    let disk = |name: &str, bus: &str| format!("<disk><source file='a'/><target dev='{name}' bus='{bus}'/></disk>");
    let sata = guest("q35", &(disk("sda", "sata") + &disk("sdg", "sata")));
    assert_eq!((sata.devices.len(), sata.untried[0].kind.as_str()), (1, "a disk on a further SATA controller"));
    let error = tried("pc", &disk("hde", "ide")).unwrap_err();
    assert!(error.what.contains("only a single IDE controller"), "{error}");
}

#[test]
fn a_scsi_device_of_the_host_is_a_disk_that_no_class_reaches() {
    let of_host = "<hostdev mode='subsystem' type='scsi'><source><adapter name='scsi_host0'/><address bus='0' target='0' unit='0'/></source>";
    let plain = format!("{of_host}</hostdev>");
    let ranked =
        format!("{of_host}<boot order='2'/><address type='drive' controller='0' target='3' unit='4'/></hostdev>");
    let adapter = "<controller type='scsi' model='virtio-scsi'/>";
    let guest = guest("pc", &format!("{adapter}{SDA}{plain}{plain}{ranked}"));
    let seen =
        guest.devices.iter().map(|device| (device.name.as_str(), device.device.class.clone(), device.device.bootindex));
    let at = |target, lun| DeviceClass::VirtioScsi { hba: 0, target, lun };
    let wanted = [
        ("sda", at(0, 0), None),
        ("hostdev0", at(0, 1), None),
        ("hostdev1", at(0, 2), None),
        ("hostdev2", at(3, 4), Some(2)),
    ];
    assert!(seen.eq(wanted), "{:#?}", guest.devices);
    // without an order of devices the class of disks reaches the disk alone
    let by_class = tried("pc", &format!("{adapter}{plain}{SDA}")).unwrap();
    let ranks: Vec<_> = by_class.devices.iter().map(|device| (device.name.as_str(), device.device.bootindex)).collect();
    assert_eq!(ranks, [("sda", Some(1)), ("hostdev0", None)]);
}

#[test]
fn a_virtio_device_on_a_transport_of_the_board_takes_the_others_along() {
    let disk = VDA.replace("</disk>", "<address type='virtio-mmio'/></disk>");
    let domain = |devices: &str| {
        let os = "<os firmware='efi'><type arch='aarch64' machine='virt'>hvm</type></os>";
        read("a.xml", &format!("<domain>{os}<devices>{devices}</devices></domain>"), &[]).unwrap()
    };
    let guest = domain(&format!("{disk}{CARD}"));
    assert!(guest.devices.is_empty());
    let row = &guest.untried[0];
    assert_eq!((row.name.as_str(), row.rank), ("vda", Some(1)));
    assert!(guest.notes.0.iter().any(|note| note.words.contains("virtio-blk-device")));
    assert_eq!(domain(&format!("{VDA}{CARD}")).devices.len(), 2);
    let rng = "<rng model='virtio'><address type='virtio-mmio'/></rng>";
    assert!(domain(&format!("{rng}{VDA}{CARD}")).devices.is_empty());
}

#[test]
fn a_file_system_with_a_rank_keeps_its_row() {
    let guest = guest("q35", "<filesystem><source dir='/a'/><target dir='tag'/><boot order='1'/></filesystem>");
    assert_eq!((guest.untried[0].name.as_str(), guest.untried[0].rank), ("tag", Some(1)));
}

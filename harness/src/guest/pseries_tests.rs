//! Guests on `pseries`.

use super::compare::differences;
use super::qemu::{self, Reading};
use super::read_tests::{self, data, line};
use super::{Guest, libvirt, warnings};
use crate::machine::layout::Layout;
use crate::machine::{Board, DeviceClass, Firmware, NicModel, Program, ScsiAdapter, UsbController};

/// A domain with these devices.
fn domain(devices: &str) -> Result<Guest, String> {
    read_tests::domain("arch='ppc64' machine='pseries'", devices)
}

fn vscsi(hba: u8, target: u8, lun: u16) -> DeviceClass {
    DeviceClass::Scsi { adapter: ScsiAdapter::SpaprVscsi, hba, target, lun }
}

const QEMU: &str = "qemu-system-ppc64 -nodefaults";

/// The line is written by hand in libvirt's form.
#[test]
fn a_domain_is_the_machine_of_the_line_that_is_written_for_it() {
    let guest = libvirt::read("ppc64.xml", &data("ppc64.xml"), &[]).unwrap();
    assert_eq!(differences(&guest, &line(&data("ppc64.argv.txt"))), [""; 0]);
    let devices: Vec<_> = guest.devices.iter().map(|device| (device.name.as_str(), device.device.bootindex)).collect();
    assert_eq!(devices, [("vda", Some(2)), ("sda", None), ("sdb", Some(1)), ("nic0", Some(3)), ("nic1", None)]);
    assert_eq!(guest.devices[2].device.class, vscsi(0, 0, 1));
    assert_eq!((guest.devices[0].device.slot, guest.devices[3].device.slot), (Some(4), Some(1)));
    assert!(matches!(&guest.devices[4].device.class, DeviceClass::Nic(nic) if nic.model == NicModel::SpaprVlan));
    let machine = guest.machine().unwrap();
    assert_eq!((machine.board, machine.firmware, machine.cpu.as_deref()), (Board::Pseries, Firmware::Slof, None));
    Layout::of(&machine).unwrap();
    let words: Vec<_> = warnings::of_guest(&guest).into_iter().map(|warning| (warning.word, warning.words)).collect();
    assert_eq!(words.len(), 1, "{words:?}");
    assert!(words[0].0 == "unselected-disk" && words[0].1.contains("strict=on keeps SLOF from it"), "{words:?}");
}

#[test]
fn what_a_domain_does_not_say_is_as_libvirt_has_it() {
    let guest = domain(
        "<disk><source file='a'/><target dev='sda' bus='scsi'/></disk><disk><source file='a'/><target dev='vda'/></disk>\
         <disk><source file='a'/><target dev='sdb' bus='usb'/></disk><interface type='user'/>",
    )
    .unwrap();
    let places: Vec<_> = guest.devices.iter().map(|device| (device.kind.as_str(), device.device.slot)).collect();
    // the adapter of the hypervisor takes no slot, the USB controller that libvirt adds the second
    let wanted = [
        ("SCSI (spapr-vscsi) disk", None),
        ("virtio disk", Some(3)),
        ("USB (xhci) disk", Some(2)),
        ("rtl8139 NIC", Some(1)),
    ];
    assert_eq!(places, wanted);
    Layout::of(&guest.machine().unwrap()).unwrap();
}

#[test]
fn a_line_without_a_word_of_places_is_what_qemu_makes_of_it() {
    let guest = line("qemu-system-ppc64 -hda a.img -cdrom b.iso");
    let devices: Vec<_> =
        guest.devices.iter().map(|device| (device.device.class.clone(), device.device.optical)).collect();
    assert_eq!(devices[..2], [(vscsi(0, 0, 0), false), (vscsi(0, 2, 0), true)]);
    assert_eq!((guest.devices[2].kind.as_str(), guest.devices.len()), ("spapr-vlan NIC", 3));
    Layout::of(&guest.machine().unwrap()).unwrap();
    // the board's own drive is empty, and the eighth drive is on a second adapter
    let bare = line("qemu-system-ppc64 -M pseries-9.2 -nic none -drive if=scsi,index=8,file=a");
    let classes: Vec<_> = bare.devices.iter().map(|device| device.device.class.clone()).collect();
    assert_eq!(classes, [vscsi(1, 1, 0), vscsi(0, 2, 0)]);
    assert_eq!(bare.devices[1].source, None);
    let usb = line("qemu-system-ppc64 -nodefaults -usb -drive if=none,id=a,file=a -device usb-storage,drive=a");
    assert_eq!(usb.devices[0].device.class, DeviceClass::UsbStorage { controller: UsbController::Xhci, port: 1 });
    assert!(line("qemu-system-ppc64 -M powernv -hda a.img").board.is_none());
    let ordered = line("qemu-system-ppc64 -nodefaults -boot order=d,once=n");
    assert_eq!((ordered.boot.once.as_deref(), warnings::of_guest(&ordered)), (Some("n"), vec![]));
}

#[test]
fn an_unselected_disk_is_tried_unless_the_order_is_strict() {
    let disks = "-drive if=none,id=a,file=a -drive if=none,id=b,file=b -device virtio-blk-pci,drive=a,bootindex=1 -device virtio-blk-pci,drive=b";
    let words = |more: &str| {
        let guest = line(&format!("{QEMU} {disks} {more}"));
        let all = warnings::of_guest(&guest);
        assert_eq!(all.len(), 1, "{all:?}");
        all[0].words.clone()
    };
    assert!(words("").contains("SLOF tries it all the same"));
    assert!(words("-boot strict=on").contains("strict=on keeps SLOF from it"));
}

#[rstest::rstest]
#[case::two_of_a_rank("-device spapr-vlan,bootindex=1 -device spapr-vlan,bootindex=1", "used by two devices")]
#[case::a_rank_of_an_adapter("-device spapr-vscsi,bootindex=1", "has no bootindex")]
#[case::flash("-drive if=pflash,file=OVMF.fd", "UEFI firmware on machine pseries")]
#[case::of_a_channel("-device virtio-net-ccw", "has no channel subsystem")]
#[case::no_usb("-drive if=none,id=a,file=a -device usb-storage,drive=a", "has no USB controller")]
fn what_qemu_refuses_is_refused(#[case] more: &str, #[case] wanted: &str) {
    let error = qemu::read_text("line", &format!("{QEMU} {more}"), &Reading::default()).unwrap_err();
    assert!(error.what.contains(wanted) && !error.fix.is_empty(), "{error}");
}

#[rstest::rstest]
#[case::a_number_twice(
    "<controller type='scsi' model='ibmvscsi'><address type='spapr-vio' reg='0x2000'/></controller>\
     <interface><model type='spapr-vlan'/><address type='spapr-vio' reg='0x2000'/></interface>",
    "reg 0x2000 is in use already"
)]
#[case::a_channel("<disk><target dev='vda'/><address type='ccw' devno='0x1'/></disk>", "without a channel subsystem")]
#[case::ide("<disk><source file='a'/><target dev='hda'/></disk>", "IDE controllers are unsupported")]
#[case::a_rom("<interface><model type='spapr-vlan'/><rom bar='off'/></interface>", "only supported for PCI devices")]
fn what_libvirt_refuses_is_refused(#[case] devices: &str, #[case] wanted: &str) {
    let error = domain(devices).unwrap_err();
    assert!(error.contains(wanted), "{error}");
}

#[test]
fn an_address_of_the_hypervisors_bus_is_refused_on_another_board() {
    let card = "<interface><address type='spapr-vio' reg='0x1000'/></interface>";
    let xml = format!("<domain><os><type>hvm</type></os><devices>{card}</devices></domain>");
    assert!(libvirt::read("a", &xml, &[]).unwrap_err().what.contains("without the bus of a pseries' hypervisor"));
}

#[test]
fn a_network_has_a_script_that_slof_runs() {
    let machine = line(&format!("{QEMU} -device spapr-vlan,netdev=n -netdev tap,id=n")).machine().unwrap();
    let files: Vec<_> = machine.networks[0].served.iter().map(|served| served.program).collect();
    assert_eq!(files, [Program::Forth]);
}

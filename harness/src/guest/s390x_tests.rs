//! Guests on `s390-ccw-virtio`.

use bootwright_images::{BootMapLayout, Content};

use super::compare::differences;
use super::qemu::{self, Reading};
use super::read_tests::{self, data, line, warned};
use super::{Guest, libvirt, variants, warnings};
use crate::machine::layout::Layout;
use crate::machine::{Board, DeviceClass, Firmware, NicModel, Place};

/// A domain with these devices.
fn domain(devices: &str) -> Result<Guest, String> {
    read_tests::domain("arch='s390x' machine='s390-ccw-virtio'", devices)
}

const QEMU: &str = "qemu-system-s390x -nodefaults";
const DRIVES: &str = "-drive if=none,id=a,file=a.img -drive if=none,id=b,file=b.img";

/// The line is written by hand in libvirt's form.
#[test]
fn a_domain_is_the_machine_of_the_line_that_is_written_for_it() {
    let guest = libvirt::read("s390x.xml", &data("s390x.xml"), &[]).unwrap();
    assert_eq!(differences(&guest, &line(&data("s390x.argv.txt"))), [""; 0]);
    let devices: Vec<_> = guest.devices.iter().map(|device| (device.name.as_str(), device.device.bootindex)).collect();
    assert_eq!(devices, [("vda", Some(2)), ("vdb", None), ("sda", Some(1)), ("nic0", Some(3))]);
    assert_eq!((guest.board, guest.cpu.as_deref(), guest.rng), (Some(Board::S390CcwVirtio), None, true));
    let machine = guest.machine().unwrap();
    assert_eq!((machine.firmware, guest.firmware_kind()), (Firmware::S390Ccw, "s390-ccw"));
    Layout::of(&machine).unwrap();
    assert!(matches!(&guest.devices[3].device.class, DeviceClass::Nic(nic) if nic.model == NicModel::VirtioNetCcw));
    // what is told of SeaBIOS is not told of it, and strict=on does not reach it
    assert_eq!(warned(&guest), ["unselected-disk"]);
    assert!(warnings::of_guest(&guest)[0].words.contains("s390-ccw never tries it"));
    let asked = variants::of(&guest, &[], variants::Questions::default()).unwrap();
    assert!(asked.iter().all(|variant| variant.key != "not-strict"));
}

#[test]
fn a_line_without_a_word_of_places_is_what_qemu_makes_of_it() {
    let guest = line(
        "qemu-system-s390x -hda a.img -cdrom b.iso -device virtio-scsi -device scsi-hd,drive=d -drive if=none,id=d,file=d",
    );
    let kinds: Vec<_> = guest.devices.iter().map(|device| device.kind.as_str()).collect();
    assert_eq!(kinds, ["virtio-net-ccw NIC", "virtio-scsi disk", "virtio disk", "virtio disk"]);
    assert_eq!((guest.machine_type.as_str(), guest.board), ("s390-ccw-virtio", Some(Board::S390CcwVirtio)));
    Layout::of(&guest.machine().unwrap()).unwrap();
    let short = line(&format!("{QEMU} -device virtio-net,netdev=n -netdev user,id=n -nic user,model=virtio"));
    assert!(short.devices.iter().all(|device| device.kind == "virtio-net-ccw NIC"), "{:?}", short.devices);
    assert!(line("qemu-system-s390x -M none -hda a.img").board.is_none());
}

#[test]
fn a_disk_on_pci_has_a_function_of_its_own() {
    let guest = line(&format!(
        "{QEMU} {DRIVES} -device zpci,target=p -device virtio-blk-pci,drive=a,id=p -device virtio-blk-ccw,drive=b"
    ));
    let places: Vec<_> = guest.devices.iter().map(|device| device.device.place).collect();
    assert_eq!(places, [Place::Zpci, Place::Root]);
    let disk = "<disk><source file='a'/><target dev='vda' bus='virtio'/><address type='pci' slot='0x01'><zpci uid='0x0001' fid='0x00000000'/></address></disk>";
    let guest = domain(disk).unwrap();
    assert_eq!(guest.devices[0].device.place, Place::Zpci);
    Layout::of(&guest.machine().unwrap()).unwrap();
}

#[test]
fn what_the_firmware_does_not_boot_from_keeps_its_row() {
    let untried = |guest: &Guest| guest.untried.iter().map(|device| device.kind.clone()).collect::<Vec<_>>();
    let usb = line(&format!(
        "{QEMU} {DRIVES} -device qemu-xhci -device usb-storage,drive=a,bootindex=1 -device virtio-blk-ccw,drive=b"
    ));
    assert_eq!(untried(&usb), ["usb-storage, a USB disk (s390-ccw boots from none)"]);
    let card = line(&format!("{QEMU} -device virtio-net-pci,bootindex=2 -device virtio-net-pci"));
    assert_eq!((card.devices.len(), untried(&card).len()), (0, 1));
    let scsi = line(&format!("{QEMU} {DRIVES} -device virtio-scsi-pci,id=s -device scsi-hd,drive=a,bus=s.0"));
    assert!(untried(&scsi)[0].contains("virtio-scsi-pci, a SCSI adapter that is not known"), "{:?}", scsi.untried);
    let of_libvirt = "<disk><source file='a'/><target dev='sda' bus='usb'/><boot order='2'/></disk>\
        <controller type='usb' model='qemu-xhci'/>\
        <interface type='user'><model type='virtio'/><boot order='1'/><address type='pci' slot='0x01'/></interface>";
    assert_eq!(domain(of_libvirt).unwrap().untried.len(), 2);
    for guest in [usb, card, scsi] {
        assert!(warned(&guest).contains(&"not-tried-here"));
        Layout::of(&guest.machine().unwrap()).unwrap();
    }
}

#[test]
fn loadparm_names_an_entry_that_the_medium_has() {
    let content = |guest: &Guest, index: usize| {
        let machine = guest.machine().unwrap();
        machine.devices[index].medium.clone().unwrap().content
    };
    let is_entry = |content: &Content, wanted: u8| matches!(content, Content::BootMap { layout: BootMapLayout::Scsi, entry, .. } if *entry == wanted);
    let guest = line(&format!(
        "{QEMU} -machine s390-ccw-virtio,loadparm=3 {DRIVES} -device virtio-blk-ccw,drive=a,bootindex=1 \
         -device virtio-blk-ccw,drive=b,bootindex=2,loadparm=2"
    ));
    assert_eq!(guest.boot.loadparm.as_deref(), Some("3"));
    assert!(is_entry(&content(&guest, 0), 3) && is_entry(&content(&guest, 1), 2));
    assert!(warned(&guest).is_empty());
    let disk = |loadparm: &str| {
        format!(
            "<disk><source file='a'/><target dev='vda' bus='virtio'/><boot order='1' loadparm='{loadparm}'/></disk>"
        )
    };
    assert!(is_entry(&content(&domain(&disk("2")).unwrap(), 0), 2));
    // a menu waits for a person, and nobody is there
    for guest in [
        domain(&disk("PROMPT")).unwrap(),
        domain(&disk("99")).unwrap(),
        line(&format!("{QEMU} {DRIVES} -device virtio-blk-ccw,drive=a,loadparm=PROMPT")),
        line(&format!("{QEMU} {DRIVES} -boot menu=on -device virtio-blk-ccw,drive=a")),
        line(&format!("{QEMU} {DRIVES} -M s390-ccw-virtio,loadparm=PROMPT -device virtio-blk-ccw,drive=a")),
    ] {
        assert!(warned(&guest).contains(&"not-applied"), "{guest:?}");
        assert!(matches!(content(&guest, 0), Content::Bootable { .. }));
        assert!(guest.boot.loadparm.is_none() && guest.boot.menu.is_none());
    }
    let waits = line(&format!("{QEMU} {DRIVES} -boot menu=on,splash-time=1000 -device virtio-blk-ccw,drive=a"));
    assert_eq!((waits.boot.menu, warned(&waits)), (Some(true), vec![]));
}

#[rstest::rstest]
#[case::behind("-device virtio-blk-ccw,drive=a -device virtio-scsi-ccw -device scsi-hd,drive=b", true)]
#[case::before("-device virtio-scsi-ccw -device virtio-blk-ccw,drive=a -device scsi-hd,drive=b", false)]
#[case::with_a_rank(
    "-device virtio-blk-ccw,drive=a,bootindex=1 -device virtio-scsi-ccw -device scsi-hd,drive=b",
    false
)]
fn an_adapter_behind_a_disk_changes_the_order_where_there_is_no_rank(#[case] devices: &str, #[case] wanted: bool) {
    let guest = line(&format!("{QEMU} {DRIVES} {devices}"));
    assert_eq!(warned(&guest).contains(&"not-applied"), wanted);
}

#[rstest::rstest]
#[case::a_number_twice(
    "-device virtio-blk-ccw,drive=a,devno=fe.0.0001 -device virtio-blk-ccw,drive=b,devno=fe.0.1",
    "used by two devices"
)]
#[case::no_number("-device virtio-blk-ccw,drive=a,devno=1", "devno=1 is no device number")]
#[case::no_loadparm("-device virtio-blk-ccw,drive=a,loadparm=a-b", "loadparm=a-b is refused")]
#[case::of_the_machine("-M s390-ccw-virtio,loadparm=123456789", "eight at most")]
#[case::no_drive("-device virtio-blk-ccw,bootindex=1", "has no drive=")]
#[case::a_rank_of_an_adapter("-device virtio-scsi-ccw,bootindex=1", "has no bootindex")]
#[case::once("-boot once=d", "no order by classes")]
#[case::flash("-drive if=pflash,file=OVMF.fd", "UEFI firmware on machine s390-ccw-virtio")]
#[case::two_of_a_rank(
    "-device virtio-blk-ccw,drive=a,bootindex=1 -device virtio-blk-ccw,drive=b,bootindex=1",
    "used by two devices"
)]
fn what_qemu_refuses_is_refused(#[case] more: &str, #[case] wanted: &str) {
    let error = qemu::read_text("line", &format!("{QEMU} {DRIVES} {more}"), &Reading::default()).unwrap_err();
    assert!(error.what.contains(wanted) && !error.fix.is_empty(), "{error}");
}

#[test]
fn a_channel_device_on_another_board_is_refused() {
    let error = |line: &str| qemu::read_text("line", line, &Reading::default()).unwrap_err().to_string();
    let on_pc = error(&format!("kvm {DRIVES} -device virtio-blk-ccw,drive=a"));
    assert!(on_pc.contains("machine pc has no channel subsystem") && on_pc.contains("virtio-blk-pci"), "{on_pc}");
    let disk = "<disk><source file='a'/><target dev='vda'/><address type='ccw' cssid='0xfe' ssid='0x0' devno='0x0001'/></disk>";
    let xml = format!("<domain><os><type>hvm</type></os><devices>{disk}</devices></domain>");
    assert!(libvirt::read("a", &xml, &[]).unwrap_err().what.contains("without a channel subsystem"));
}

#[rstest::rstest]
#[case::a_number_twice(
    "<disk><target dev='vda'/><address type='ccw' devno='0x0001'/></disk><interface><address type='ccw' devno='0x1'/></interface>",
    "fe.0.0001 is in use already, first on line 1"
)]
#[case::no_loadparm("<disk><target dev='vda'/><boot order='1' loadparm='a-b'/></disk>", "loadparm='a-b'")]
#[case::ide("<disk><source file='a'/><target dev='hda'/></disk>", "IDE controllers are unsupported")]
#[case::a_rom("<interface><rom enabled='no'/></interface>", "only supported for PCI devices")]
#[case::an_address_of_a_scsi_disk(
    "<disk><target dev='sda' bus='scsi'/><address type='ccw' devno='0x1'/></disk>",
    "type 'ccw'"
)]
fn what_libvirt_refuses_is_refused(#[case] devices: &str, #[case] wanted: &str) {
    let error = domain(devices).unwrap_err();
    assert!(error.contains(wanted), "{error}");
}

#[test]
fn uefi_firmware_is_refused_and_what_is_read_by_seabios_alone_is_told() {
    let xml = "<domain><os firmware='efi'><type arch='s390x'>hvm</type></os></domain>";
    assert!(libvirt::read("a", xml, &[]).unwrap_err().what.contains("on a machine that has none"));
    assert!(libvirt::read("a", &xml.replace(" firmware='efi'", ""), &[]).is_ok());
    let guest = line(&format!("{QEMU} -boot order=d,reboot-timeout=5"));
    assert_eq!(warned(&guest), ["reboot-timeout", "order-by-class"]);
}

#[test]
fn a_network_has_a_program_that_this_firmware_runs() {
    let card = "<interface type='network'><source network='n'/><boot order='1'/></interface>";
    let machine = domain(card).unwrap().machine().unwrap();
    assert_eq!(machine.networks[0].media().collect::<Vec<_>>(), ["boot-server"]);
    let files: Vec<_> = machine.networks[0].served.iter().map(|served| served.program).collect();
    assert_eq!(files, [crate::machine::Program::Ipl]);
}

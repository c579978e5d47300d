//! What a disk hangs off where the line names its bus as QEMU does, or not at all.

use rstest::rstest;

use super::*;
use crate::machine::layout::Layout;
use crate::machine::{ScsiAdapter, UsbController};

/// A guest with drives `a` to `f`, which can be powered on.
fn guest(line: &str) -> Guest {
    let drives: String = ('a'..='f').map(|id| format!(" -drive if=none,id={id},file={id}")).collect();
    let guest = read_text("line", &format!("kvm -nodefaults {line} {drives}"), &Reading::default()).unwrap();
    Layout::of(&guest.machine().unwrap()).unwrap();
    guest
}

fn refusal(line: &str) -> GuestError {
    let line = format!("kvm -nodefaults -drive if=none,id=a,file=a {line}");
    read_text("line", &line, &Reading::default()).unwrap_err()
}

fn class(guest: &Guest, name: &str) -> DeviceClass {
    guest.devices.iter().find(|device| device.name == name).unwrap().device.class.clone()
}

const fn root(controller: UsbController, port: u8) -> DeviceClass {
    DeviceClass::UsbStorage { controller, port }
}

const fn behind(controller: UsbController, hub: u8, port: u8) -> DeviceClass {
    DeviceClass::UsbBehindHub { controller, hub, port }
}

#[test]
fn disks_behind_one_hub_are_at_its_ports_and_one_beside_it_at_the_controller() {
    use UsbController::{Uhci, Xhci};
    let storage = "-device usb-storage,drive=a,port=1.1,bootindex=1 -device usb-storage,drive=b,port=1.2 \
                   -device usb-storage,drive=c";
    for (controller, kind) in [("-device qemu-xhci,id=x", Xhci), ("-usb", Uhci), ("-device nec-usb-xhci", Xhci)] {
        let guest = guest(&format!("{controller} -device usb-hub,port=1 {storage}"));
        let wanted = [behind(kind, 1, 1), behind(kind, 1, 2), root(kind, 2)];
        assert_eq!(["a", "b", "c"].map(|name| class(&guest, name)), wanted);
    }
    assert_eq!(
        self::guest(&format!("-usb -device usb-hub {storage}")).devices[0].kind,
        "USB (uhci, behind a hub) disk"
    );
}

#[test]
fn the_last_port_of_a_controller_gets_a_hub_as_qemu_makes_one() {
    use UsbController::{Ehci, Uhci, Xhci};
    let storage = "-device usb-storage,drive=a -device usb-storage,drive=b -device usb-storage,drive=c \
                   -device usb-storage,drive=d -device usb-storage,drive=e";
    let classes = |guest: &Guest| guest.devices.iter().map(|device| device.device.class.clone()).collect::<Vec<_>>();
    let of_xhci = [root(Xhci, 1), root(Xhci, 2), root(Xhci, 3), behind(Xhci, 4, 1), behind(Xhci, 4, 2)];
    assert_eq!(classes(&guest(&format!("-device qemu-xhci {storage}"))), of_xhci);
    let of_uhci = [root(Uhci, 1), behind(Uhci, 2, 1), behind(Uhci, 2, 2), behind(Uhci, 2, 3), behind(Uhci, 2, 4)];
    assert_eq!(classes(&guest(&format!("-usb {storage}"))), of_uhci);
    // the tablet is there first
    assert_eq!(classes(&guest(&format!("-usbdevice tablet {storage}")))[..2], [behind(Uhci, 2, 1), behind(Uhci, 2, 2)]);
    let of_ich9: Vec<DeviceClass> = (1..=5).map(|port| root(Ehci, port)).collect();
    assert_eq!(classes(&guest(&format!("-M q35,usb=on {storage}"))), of_ich9);
}

#[rstest]
#[case::two_hubs(
    "-device qemu-xhci -device usb-hub,port=1 -device usb-hub,port=1.3",
    "port=1.3.2",
    "a disk behind several USB hubs"
)]
#[case::of_ehci(
    "-device ich9-usb-ehci1,id=e -device ich9-usb-uhci1,masterbus=e.0 -device usb-hub,port=1",
    "port=1.2",
    "a disk behind a hub of USB (ehci)"
)]
#[case::of_a_larger_controller("-device qemu-xhci,p2=15,p3=15", "port=9", "a disk at port 9 of USB (xhci)")]
#[case::ohci("-device pci-ohci,id=o", "bus=o.0,port=3", "a disk on pci-ohci, a USB controller that is not known")]
#[case::without_a_bus("-usb -device pci-ohci", "serial=x", "a disk on pci-ohci")]
#[case::by_qemus_name("-device pci-ohci", "bus=usb-bus.0", "a disk on pci-ohci")]
#[case::of_via("-device vt82c686b-usb-uhci", "serial=x", "a disk on vt82c686b-usb-uhci")]
fn a_disk_on_usb_that_cannot_be_had_keeps_its_row(#[case] more: &str, #[case] place: &str, #[case] what: &str) {
    let line = format!("{more} -device usb-storage,drive=a,id=s,{place},bootindex=1 -device virtio-blk-pci,drive=b");
    let guest = guest(&line);
    let [disk] = &guest.untried[..] else { panic!("{:?}", guest.untried) };
    assert_eq!((disk.name.as_str(), disk.rank, guest.devices.len()), ("s", Some(1), 1));
    assert!(disk.kind.contains(what), "{}", disk.kind);
    let without_rank = line.replace(",bootindex=1", "");
    assert_eq!(self::guest(&without_rank).untried[0].rank, None);
}

#[test]
fn a_disk_on_a_second_controller_of_a_kind_keeps_its_row() {
    let guest = guest(
        "-device qemu-xhci,id=x -device qemu-xhci,id=y -device usb-ehci,id=e -device usb-storage,drive=a,bus=x.0 \
         -device usb-storage,drive=b,bus=y.0 -device usb-storage,drive=c,bus=e.0 -device usb-storage,drive=d,bus=x.0",
    );
    assert_eq!(guest.devices.len(), 3);
    assert!(guest.untried[0].kind.contains("a further USB (xhci) controller"), "{:?}", guest.untried);
    // one that nothing hangs off is none
    assert!(self::guest("-device qemu-xhci,id=x -device qemu-xhci -device usb-storage,drive=a").untried.is_empty());
}

#[rstest]
#[case::of_ich9("-device ich9-usb-uhci1", UsbController::Uhci)]
#[case::a_later_one("-device ich9-usb-uhci6", UsbController::Uhci)]
#[case::ehci("-device ich9-usb-ehci2", UsbController::Ehci)]
#[case::companions("-device ich9-usb-ehci1,id=e -device ich9-usb-uhci1,masterbus=e.0", UsbController::Ehci)]
#[case::the_last_one("-usb -device usb-ehci,id=z -device qemu-xhci,id=b", UsbController::Xhci)]
#[case::the_last_one_by_another_id("-device qemu-xhci,id=z -device usb-ehci,id=b", UsbController::Ehci)]
#[case::by_its_variable("-device $CTRL", UsbController::Uhci)]
fn a_disk_without_a_bus_is_on_the_controller_that_came_last(#[case] line: &str, #[case] wanted: UsbController) {
    let guest = guest(&format!("{line} -device usb-storage,drive=a,bootindex=1"));
    assert_eq!(class(&guest, "a"), root(wanted, 1));
}

#[rstest]
#[case::no_hub("-usb -device usb-storage,drive=a,port=1.1", "no port 1.1")]
#[case::behind_the_hub("-usb -device usb-hub,port=1 -device usb-storage,drive=a,port=1.9", "no port 1.9")]
#[case::too_few("-device qemu-xhci,p2=2,p3=2 -device usb-storage,drive=a,port=3", "no port 3")]
#[case::of_another("-usb -device usb-storage,drive=a,bus=x.0", "the USB bus \"x.0\"")]
#[case::by_its_id("-device qemu-xhci,id=x -device usb-storage,drive=a,bus=usb-bus.0", "the USB bus \"usb-bus.0\"")]
#[case::a_companion(
    "-device usb-ehci,id=e -device ich9-usb-uhci1,masterbus=e.0,id=u -device usb-storage,drive=a,bus=u.0",
    "the USB bus \"u.0\""
)]
#[case::behind_it("-device usb-storage,drive=a -device qemu-xhci", "no USB controller")]
#[case::scsi_behind_it("-device scsi-hd,drive=a -device virtio-scsi-pci", "no SCSI adapter stands before it")]
fn a_place_on_a_bus_that_qemu_does_not_find_is_refused(#[case] line: &str, #[case] what: &str) {
    let error = refusal(line);
    assert!(error.what.contains(what), "{error}");
    // what is not known may define it
    let open = format!("kvm -nodefaults -drive if=none,id=a,file=a $MORE {line}");
    assert_eq!(read_text("line", &open, &Reading::default()).is_ok(), !line.contains("scsi"));
}

#[test]
fn adapters_without_an_id_have_the_names_that_qemu_counts() {
    let scsi = |hba| DeviceClass::VirtioScsi { hba, target: 0, lun: 0 };
    let two = guest(
        "-device virtio-scsi-pci -device virtio-scsi-pci,id=named -device virtio-scsi-pci -device scsi-hd,drive=a,bus=scsi.1 \
         -device scsi-hd,drive=b,bus=scsi.0 -device scsi-hd,drive=c,bus=named.0",
    );
    assert_eq!(["a", "b", "c"].map(|name| class(&two, name)), [scsi(2), scsi(0), scsi(1)]);
    // a usb-storage has a bus of SCSI for itself
    let behind = guest(
        "-usb -device usb-storage,drive=b -device lsi -device qemu-xhci -device scsi-hd,drive=a,bus=scsi.1,scsi-id=2 \
         -device usb-storage,drive=c,bus=usb-bus.1 -device usb-storage,drive=d,bus=usb-bus.0,port=2",
    );
    let lsi = DeviceClass::Scsi { adapter: ScsiAdapter::Lsi53c895a, hba: 0, target: 2, lun: 0 };
    assert_eq!((class(&behind, "a"), class(&behind, "c")), (lsi, root(UsbController::Xhci, 1)));
    let ahci = guest("-device ahci,addr=9 -device ide-hd,drive=a,bus=ide.4 -device ide-hd,drive=b,bus=ide.1");
    let wanted = (DeviceClass::Ahci { port: 2 }, DeviceClass::Ide { channel: 1, unit: 0 });
    assert_eq!(((class(&ahci, "a"), class(&ahci, "b")), ahci.devices[0].device.slot), (wanted, Some(9)));
    let nvme = guest("-device nvme,serial=x -device nvme-ns,drive=a,bus=nvme-bus.0");
    assert_eq!(class(&nvme, "a"), DeviceClass::NvmeNamespace { controller: 0, nsid: 1 });
}

#[rstest]
#[case::by_the_alphabet("-device virtio-scsi-pci,id=aa,addr=4 -device virtio-scsi-pci,id=zz,addr=7", 1, Some(7))]
#[case::against_it("-device virtio-scsi-pci,id=zz,addr=4 -device virtio-scsi-pci,id=aa,addr=7", 1, Some(7))]
#[case::one_comes_later("-device virtio-scsi-pci,id=a,addr=4 %s -device virtio-scsi-pci,id=b,addr=7", 0, Some(4))]
#[case::behind_bridges(
    "-device pci-bridge,id=b1,chassis_nr=1 -device pci-bridge,id=b2,chassis_nr=2 -device virtio-scsi-pci,bus=b2,addr=5 \
     -device virtio-scsi-pci,bus=b1,addr=3",
    0,
    Some(5)
)]
#[case::json_comes_last(
    "-device '{\"driver\":\"virtio-scsi-pci\",\"id\":\"j\",\"addr\":\"4\"}' -device virtio-scsi-pci,addr=7",
    0,
    Some(7)
)]
fn a_disk_without_a_bus_is_on_the_scsi_adapter_that_came_last(
    #[case] adapters: &str,
    #[case] wanted: u8,
    #[case] slot: Option<u8>,
) {
    let disk = "-device scsi-hd,drive=a,bootindex=1";
    let line = match adapters.contains("%s") {
        true => adapters.replace("%s", disk),
        false => format!("{adapters} {disk}"),
    };
    let guest = guest(&line);
    assert_eq!(class(&guest, "a"), DeviceClass::VirtioScsi { hba: wanted, target: 0, lun: 0 });
    assert_eq!(guest.devices[0].device.slot, slot);
}

#[test]
fn the_53c810_is_no_53c895a() {
    let guest = guest("-device lsi53c810,id=s -device scsi-hd,drive=a,bus=s.0,scsi-id=1,bootindex=1");
    assert!(guest.devices.is_empty());
    assert!(guest.untried[0].kind.contains("a drive on lsi53c810, a SCSI adapter that is not known"));
}

use rstest::rstest;

use super::*;
use crate::machine::{DeviceClass, OptionRom, Place};

fn guest(line: &str) -> Guest {
    read_text("line", line, &Reading::default()).unwrap()
}

fn refusal(line: &str) -> GuestError {
    read_text("line", line, &Reading::default()).unwrap_err()
}

fn order(guest: &Guest) -> Vec<(&str, Option<i64>)> {
    guest
        .order()
        .into_iter()
        .map(|index| (guest.devices[index].name.as_str(), guest.devices[index].device.bootindex))
        .collect()
}

/// The line of Proxmox' `qm showcmd` for a guest with a virtio-scsi disk, a CD and a card, by its default board.
const PROXMOX: &str = "/usr/bin/kvm -id 100 -name 'web,debug-threads=on' -no-shutdown \
  -chardev 'socket,id=qmp,path=/var/run/qemu-server/100.qmp,server=on,wait=off' -mon 'chardev=qmp,mode=control' \
  -pidfile /var/run/qemu-server/100.pid -daemonize -smbios 'type=1,uuid=5f0c' -smp '2,sockets=1,cores=2,maxcpus=2' \
  -nodefaults -boot 'menu=on,strict=on,reboot-timeout=1000,splash=/usr/share/qemu-server/bootsplash.jpg' \
  -vnc 'unix:/var/run/qemu-server/100.vnc,password=on' -cpu kvm64,enforce,+kvm_pv_eoi -m 2048 \
  -device 'pci-bridge,id=pci.1,chassis_nr=1,bus=pci.0,addr=0x1e' -device 'pci-bridge,id=pci.2,chassis_nr=2,bus=pci.0,addr=0x1f' \
  -device 'piix3-usb-uhci,id=uhci,bus=pci.0,addr=0x1.0x2' -device 'usb-tablet,id=tablet,bus=uhci.0,port=1' \
  -device 'VGA,id=vga,bus=pci.0,addr=0x2' -device 'virtio-balloon-pci,id=balloon0,bus=pci.0,addr=0x3' \
  -iscsi 'initiator-name=iqn.1993-08.org.debian:01:a' \
  -drive 'if=none,id=drive-ide2,media=cdrom,aio=io_uring' -device 'ide-cd,bus=ide.1,unit=0,drive=drive-ide2,id=ide2,bootindex=101' \
  -device 'virtio-scsi-pci,id=scsihw0,bus=pci.0,addr=0x5' \
  -drive 'file=/dev/pve/vm-100-disk-0,if=none,id=drive-scsi0,format=raw,cache=none' \
  -device 'scsi-hd,bus=scsihw0.0,channel=0,scsi-id=0,lun=0,drive=drive-scsi0,id=scsi0,bootindex=100' \
  -netdev 'type=tap,id=net0,ifname=tap100i0,script=/var/lib/qemu-server/pve-bridge,vhost=on' \
  -device 'virtio-net-pci,mac=BC:24:11:00:00:01,netdev=net0,bus=pci.0,addr=0x12,id=net0,bootindex=102' \
  -machine 'type=pc+pve0'";

#[rstest]
#[case("pc+pve0")]
#[case("pc-i440fx-8.1+pve0")]
fn a_line_of_proxmox_keeps_places_ranks_and_its_empty_drive(#[case] machine: &str) {
    let guest = guest(&PROXMOX.replace("pc+pve0", machine));
    assert_eq!(order(&guest), [("scsi0", Some(100)), ("ide2", Some(101)), ("nic0", Some(102))]);
    assert_eq!((guest.board, guest.boot.strict, guest.boot.reboot_timeout), (Some(Board::Pc), Some(true), Some(1000)));
    let by_name = |name: &str| guest.devices.iter().find(|device| device.name == name).unwrap();
    assert_eq!(by_name("scsi0").device.slot, Some(5));
    assert_eq!(by_name("ide2").source, None);
    assert_eq!(by_name("nic0").device.slot, Some(0x12));
    assert_eq!(by_name("nic0").network, Some(Plug::Host("tap device tap100i0 of the host".to_owned())));
}

#[test]
fn uefi_is_seen_behind_drives_block_nodes_and_bios() {
    let drive = "qemu-kvm -drive file=/usr/share/OVMF/OVMF_CODE.fd,if=pflash,format=raw,unit=0,readonly=on \
                 -drive file=/nvram/a_VARS.fd,if=pflash,format=raw,unit=1";
    let node = "qemu-kvm -blockdev '{\"driver\":\"file\",\"filename\":\"/usr/share/OVMF/OVMF_CODE.fd\",\"node-name\":\"s0\"}' \
                -blockdev '{\"node-name\":\"f0\",\"driver\":\"raw\",\"file\":\"s0\"}' \
                -blockdev driver=file,filename=/nvram/a_VARS.fd,node-name=f1 -machine q35,pflash0=f0,pflash1=f1,smm=on";
    for line in [drive, node] {
        let guest = guest(line);
        let uefi = guest.firmware.uefi().unwrap();
        assert_eq!(uefi.code.as_ref().unwrap().0, "/usr/share/OVMF/OVMF_CODE.fd");
        assert_eq!(uefi.variables.as_ref().unwrap().0, "/nvram/a_VARS.fd");
    }
    assert!(guest("qemu-kvm -bios /usr/share/ovmf/OVMF.fd").firmware.uefi().is_some());
    assert!(guest("qemu-kvm -bios bios.bin -machine q35,smm=on").firmware.uefi().is_none());
}

#[test]
fn what_ps_prints_before_the_program_is_skipped_and_options_of_a_vendors_build_are_noted() {
    let line = "root 1 0 ? 00:01 /usr/libexec/qemu-kvm -c 0x1 -n 4 --proc-type=secondary -- -nodefaults -name guest=one,debug-threads=on \
                -vnc -k en-us -device virtio-net-pci,rombar=0";
    let guest = guest(line);
    assert_eq!(guest.name, "one");
    assert!(matches!(&guest.devices[0].device.class, DeviceClass::Nic(nic) if nic.rom == OptionRom::NoBar));
    assert!(guest.notes.0.iter().any(|note| note.words == "-c 0x1 is not known here"));
}

#[test]
fn short_options_and_floppy_ranks_are_understood() {
    let guest = guest(
        "qemu-system-x86_64 -nic none -hda a.img -cdrom b.iso -global isa-fdc.bootindexA=2 -device floppy,unit=0",
    );
    assert_eq!(guest.devices[0].device.class, DeviceClass::Ide { channel: 0, unit: 0 });
    assert!(guest.devices[1].device.optical);
    assert_eq!(guest.devices[2].device.bootindex, Some(2));
    assert_eq!(guest.boot.strict, None);
}

/// Name and kind of each device.
fn kinds(guest: &Guest) -> Vec<(&str, &str)> {
    guest.devices.iter().map(|device| (device.name.as_str(), device.kind.as_str())).collect()
}

#[test]
fn what_qemu_adds_by_itself_is_there_and_goes_with_nodefaults_or_with_a_device_in_its_place() {
    let bare = guest("qemu-system-x86_64 disk.img");
    let wanted = [("hda", "IDE disk"), ("floppy", "floppy"), ("cdrom", "IDE CD"), ("nic0", "e1000 NIC")];
    assert_eq!(kinds(&bare), wanted);
    assert_eq!(bare.devices[0].source.as_deref(), Some("disk.img"));
    assert_eq!((&bare.devices[2].source, &bare.devices[3].network), (&None, &Some(Plug::User(None))));
    assert_eq!(kinds(&guest("qemu-system-x86_64 -M q35")), [("cdrom", "SATA CD"), ("nic0", "e1000e NIC")]);
    assert_eq!(kinds(&guest("kvm -M pc-q35-2.11"))[1], ("nic0", "e1000 NIC"), "e1000e came later");
    assert_eq!(kinds(&guest("kvm -M pc-q35-2.12"))[1], ("nic0", "e1000e NIC"));
    assert_eq!(kinds(&guest("kvm -M pc-q35-10.0"))[1], ("nic0", "e1000e NIC"));
    assert_eq!(kinds(&guest("qemu-system-x86_64 -nodefaults -hda a")), [("hda", "IDE disk")]);
    let replaced = guest(
        "qemu-system-x86_64 -nic none -device floppy -device ide-cd,id=a -drive if=none,id=d,file=b -device ide-hd,id=b,drive=d",
    );
    assert_eq!(kinds(&replaced), [("disk0", "floppy"), ("a", "IDE CD"), ("b", "IDE disk")]);
    assert_eq!(kinds(&guest("-boot n")), [], "options alone are a part of a line");
}

#[test]
fn cards_of_nic_and_net_are_plugged_in_where_the_line_says() {
    let short = guest("kvm -nodefaults -nic user,model=virtio-net-pci,bootfile=a.efi -nic tap,ifname=t0 -nic none");
    assert_eq!(kinds(&short), [("nic0", "virtio-net NIC"), ("nic1", "e1000 NIC")]);
    assert_eq!(short.devices[0].network, Some(Plug::User(Some("a.efi".to_owned()))));
    let old = guest(
        "kvm -nodefaults -net nic,model=rtl8139 -net user,bootfile=/p.0 -net nic,model=virtio,netdev=n -netdev bridge,id=n",
    );
    assert_eq!(kinds(&old), [("nic0", "rtl8139 NIC"), ("nic1", "virtio-net NIC")]);
    assert_eq!(old.devices[0].network, Some(Plug::User(Some("/p.0".to_owned()))));
    assert_eq!(old.devices[1].network, Some(Plug::Host("bridge br0 of the host".to_owned())));
    let alone = guest("kvm -nodefaults -net nic");
    assert_eq!(alone.devices[0].network, Some(Plug::Nothing));
    let unknown = guest("kvm -nodefaults -nic user,model=lance");
    assert!(unknown.devices.is_empty());
    assert!(unknown.notes.0.iter().any(|note| note.words == "a card of model lance: cannot be had here"));
}

#[test]
fn a_card_of_another_chip_of_its_family_is_one() {
    let guest = guest("kvm -nodefaults -netdev user,id=n -device e1000-82545em,netdev=n,bootindex=1");
    assert_eq!(kinds(&guest), [("nic0", "e1000-82545em NIC")]);
    assert!(guest.machine().is_ok());
    let usb = self::guest("kvm -nodefaults -usb -netdev user,id=n -device usb-net,netdev=n");
    assert_eq!((usb.devices.len(), usb.untried.len()), (0, 0));
}

#[test]
fn a_board_that_is_not_known_has_drives_of_its_own_kind_and_firmware_of_its_own() {
    let pi = guest("qemu-system-aarch64 -M raspi3b -sd a -drive file=b");
    assert_eq!(kinds(&pi), [("ide-0", "disk of the board's own kind")]);
    assert_eq!((pi.untried[0].name.as_str(), pi.untried[0].kind.as_str()), ("sd-0", "a drive of -sd"));
    assert_eq!((pi.firmware_kind(), pi.is_bios()), ("firmware of its own", false));
    let isa = guest("kvm -M isapc");
    assert_eq!(isa.firmware_kind(), "BIOS");
    assert!(isa.notes.0.iter().any(|note| note.words.ends_with("what QEMU adds to machine isapc is not known here")));
}

#[test]
fn firmware_that_is_not_booted_here_and_a_guest_that_goes_on_are_told() {
    let other = guest("qemu-system-aarch64 -M virt -bios out/u-boot.bin -incoming defer");
    assert!(other.unapplied[0].words.contains("out/u-boot.bin is by its name other firmware"));
    assert!(other.notes.0.iter().any(|note| note.words.starts_with("-incoming defer: the guest goes on")));
    assert_eq!(guest("kvm -bios /src/seabios/out/bios.bin").unapplied, []);
}

#[rstest]
#[case::of_pc("kvm -device e1000,addr=2", true)]
#[case::of_q35("kvm -M q35 -device e1000,addr=0x1.0x0", true)]
#[case::that_is_asked_for("kvm -nodefaults -vga std -device e1000,addr=2", true)]
#[case::without_one("kvm -vga none -net none -device e1000,addr=2", false)]
#[case::in_its_place("kvm -net none -device VGA,addr=3 -device e1000,addr=2", false)]
#[case::behind_a_bridge("kvm -device pci-bridge,id=b,chassis_nr=1 -device e1000,bus=b,addr=2", false)]
fn the_slot_of_the_screen_that_qemu_adds_is_taken(#[case] line: &str, #[case] is_refused: bool) {
    let read = read_text("line", line, &Reading::default());
    assert_eq!(read.err().map(|error| error.what.contains("the screen that QEMU adds")), is_refused.then_some(true));
}

#[test]
fn places_that_the_line_leaves_open_are_the_first_that_are_free() {
    let drives: String = "abduvfgh".chars().map(|id| format!(" -drive if=none,id=of-{id},file=a")).collect();
    let line = "-device virtio-scsi-pci,id=s -device scsi-hd,drive=of-a,id=a -device scsi-hd,drive=of-b,id=b,lun=1 \
                -device scsi-cd,id=c -device scsi-hd,drive=of-d,id=d,scsi-id=1 -device usb-ehci \
                -device usb-storage,drive=of-u,id=u -device usb-storage,drive=of-v,id=v -drive file=e \
                -device ide-hd,drive=of-f,id=f -device ide-hd,drive=of-g,id=g,bus=ide.1 -device ide-hd,drive=of-h,id=h,bus=ide.0";
    let guest = guest(&format!("kvm -nodefaults {line} {drives}"));
    let class = |name: &str| guest.devices.iter().find(|device| device.name == name).unwrap().device.class.clone();
    let scsi = |target, lun| DeviceClass::VirtioScsi { hba: 0, target, lun };
    assert_eq!(["a", "b", "c", "d"].map(class), [scsi(0, 0), scsi(0, 1), scsi(1, 0), scsi(1, 1)]);
    let usb = |port| DeviceClass::UsbStorage { controller: crate::machine::UsbController::Ehci, port };
    assert_eq!(["u", "v"].map(class), [usb(1), usb(2)]);
    let ide = |channel, unit| DeviceClass::Ide { channel, unit };
    assert_eq!(["ide-0", "f", "g", "h"].map(class), [ide(0, 0), ide(1, 0), ide(1, 1), ide(0, 1)]);
    crate::machine::layout::Layout::of(&guest.machine().unwrap()).unwrap();
}

#[rstest]
#[case::pc("pc", &["IDE disk", "IDE CD", "IDE disk"])]
#[case::q35("q35", &["SATA disk", "SATA CD", "SATA disk"])]
fn a_drive_of_which_nothing_is_said_is_as_the_board_has_it_wherever_the_board_is_named(
    #[case] board: &str,
    #[case] kinds_wanted: &[&str],
) {
    let guest = guest(&format!("kvm -nodefaults -hda a -cdrom b -drive file=c -M {board}"));
    assert_eq!(guest.devices.iter().map(|device| device.kind.as_str()).collect::<Vec<_>>(), kinds_wanted);
    crate::machine::layout::Layout::of(&guest.machine().unwrap()).unwrap();
}

#[test]
fn virt_has_virtio_drives_and_a_global_property_counts_as_a_device() {
    let arm = guest("qemu-system-aarch64 -M virt -nic none -drive file=a disk.img");
    assert_eq!(kinds(&arm), [("virtio-0", "virtio disk"), ("hda", "virtio disk")]);
    let floppy = guest("kvm -nic none -fda a -global isa-fdc.bootindexA=3 -device ide-cd");
    assert_eq!((kinds(&floppy)[0], floppy.devices[0].device.bootindex), (("fda", "floppy"), Some(3)));
    let two = guest("kvm -nodefaults -device floppy -device floppy");
    assert_eq!(two.devices[1].device.class, DeviceClass::Floppy { unit: 1 });
}

#[rstest]
#[case::by_a_global("-drive if=none,id=f,file=a -global isa-fdc.driveA=f -global isa-fdc.bootindexA=1")]
#[case::by_its_controller("-M q35 -drive if=none,id=f,file=a -device isa-fdc,driveA=f,bootindexA=1")]
#[case::by_a_drive_of_its_own(
    "-M q35 -drive if=none,id=f,file=a -global isa-fdc.bootindexA=7 -device isa-fdc,bootindexA=1 -device floppy,drive=f"
)]
fn the_rank_of_a_floppy_is_a_property_of_the_controller(#[case] line: &str) {
    let disk = "-drive if=none,id=d,file=b -device virtio-blk-pci,drive=d,bootindex=2";
    let guest = guest(&format!("kvm -nodefaults {line} {disk}"));
    assert_eq!(order(&guest), [("f", Some(1)), ("d", Some(2))]);
    let floppy = guest.devices.iter().find(|device| device.name == "f").unwrap();
    assert_eq!((floppy.kind.as_str(), floppy.source.as_deref()), ("floppy", Some("a")));
    crate::machine::layout::Layout::of(&guest.machine().unwrap()).unwrap();
}

#[test]
fn a_disk_that_another_process_serves_has_something_in_it() {
    let guest = guest("kvm -nodefaults -chardev socket,id=c,path=s -device vhost-user-blk-pci,chardev=c,bootindex=1");
    assert_eq!(order(&guest), [("disk0", Some(1))]);
    assert!(guest.machine().unwrap().devices[0].medium.is_some());
}

#[test]
fn a_drive_without_an_id_has_the_name_that_qemu_counts() {
    let drives = "-drive if=none,id=x,file=a -drive if=none,file=b -drive if=none,file=c,index=4 -drive if=none,file=d";
    let disk = |name: &str| guest(&format!("kvm -nodefaults {drives} -device virtio-blk-pci,drive={name}"));
    let file = |name: &str| disk(name).devices[0].source.clone().unwrap();
    assert_eq!(["x", "none1", "none4", "none2"].map(file), ["a", "b", "c", "d"]);
    assert!(guest("kvm -nodefaults -drive if=none,file=a").devices.is_empty());
}

#[rstest]
#[case::sd_card("-device sdhci-pci -device sd-card,drive=a", "sd-card")]
#[case::mmio("-M microvm -device virtio-blk-device,drive=a", "virtio-blk-device")]
#[case::a_card("-device newest-net,netdev=n", "newest-net")]
fn a_drive_or_card_of_a_kind_that_is_not_known_keeps_its_row(#[case] device: &str, #[case] name: &str) {
    let guest = guest(&format!("kvm -nodefaults -netdev user,id=n -drive if=none,id=a,file=a {device}"));
    assert_eq!(
        guest.untried.iter().map(|device| (device.name.as_str(), device.rank)).collect::<Vec<_>>(),
        [(name, None)]
    );
}

#[test]
fn the_rank_of_a_controller_is_that_of_its_lowest_namespace_for_seabios() {
    let line = "kvm -nodefaults -device nvme,id=n,serial=x,bootindex=1 -drive if=none,id=a,file=a -drive if=none,id=b,file=b \
                -device nvme-ns,drive=b,nsid=3 -device nvme-ns,drive=a,nsid=2";
    assert_eq!(order(&guest(line)), [("a", Some(1)), ("b", None)]);
    let uefi = guest(&format!("{line} -bios OVMF.fd"));
    assert_eq!(order(&uefi), [("b", None), ("a", None)]);
    assert_eq!(uefi.untried[0].rank, Some(1), "OVMF reads another line of it than of a namespace");
}

#[test]
fn the_rank_of_a_controller_is_that_of_its_namespace_1_for_ovmf_and_cannot_be_had() {
    let line = "kvm -nodefaults -bios OVMF.fd -device nvme,id=n,serial=x,bootindex=1 -drive if=none,id=a,file=a \
                -drive if=none,id=b,file=b -drive if=none,id=c,file=c -device nvme-ns,drive=b,nsid=2 -device nvme-ns,drive=a,nsid=1 \
                -device virtio-blk-pci,drive=c,bootindex=2";
    let guest = guest(line);
    assert_eq!(order(&guest), [("c", Some(2)), ("b", None)]);
    assert_eq!(guest.untried.iter().map(|it| (it.name.as_str(), it.rank)).collect::<Vec<_>>(), [("a", Some(1))]);
    let warnings = crate::guest::warnings::of_guest(&guest);
    let warned = warnings.iter().filter(|warning| warning.word == "unselected-disk").collect::<Vec<_>>();
    assert!(warned.iter().all(|warning| warning.words.starts_with("b is not selected")), "{warned:?}");
    assert_eq!(self::guest(&line.replace("-bios OVMF.fd", "")).untried, []);
}

#[test]
fn switches_of_edk2_are_taken_and_what_else_firmware_reads_is_told() {
    let line = "kvm -nodefaults -bios OVMF.fd -fw_cfg name=opt/org.tianocore/IPv4PXESupport,string=no -fw_cfg opt/com.coreos/config,file=a.ign";
    let guest = guest(line);
    let wanted = [("opt/org.tianocore/IPv4PXESupport".to_owned(), "no".to_owned())];
    assert_eq!((guest.machine().unwrap().fw_cfg.as_slice(), guest.unapplied.len()), (wanted.as_slice(), 0));
    let others = self::guest("kvm -fw_cfg name=etc/sercon-port,string=2 -fw_cfg name=opt/ovmf/X-PciMmio64Mb,file=a");
    assert_eq!((others.fw_cfg.len(), others.unapplied.len()), (0, 2));
}

#[test]
fn what_stands_around_a_command_is_no_disk() {
    let log = "2026-01-01 10:00:00: starting up libvirt version: 10.0.0, qemu version: 8.2.2, kernel: 6.8\n\
               LC_ALL=C \\\n/usr/bin/qemu-system-x86_64 \\\n-nodefaults \\\n-device e1000\n\
               char device redirected to /dev/pts/1 (label charserial0)\n";
    assert_eq!(kinds(&guest(log)), [("nic0", "e1000 NIC")]);
    let script = "exec qemu-system-x86_64 -nodefaults -hda a.img \"$@\" > log 2>&1 &\n";
    assert_eq!(kinds(&guest(script)), [("hda", "IDE disk")]);
    let many = format!("kvm -nodefaults {}", "-drive file=a ".repeat(300));
    assert_eq!(guest(&many).devices.len(), 300);
}

#[test]
fn a_device_behind_a_port_and_one_behind_a_bridge_are_told_apart() {
    let line = "qemu-system-x86_64 -nodefaults -machine q35 -device pcie-root-port,id=p1,addr=0x1c.0x2,bus=pcie.0 \
                -device virtio-blk-pci,bus=p1,drive=d -drive if=none,id=d,file=a -device pcie-pci-bridge,id=pci.0 \
                -device e1000,bus=pci.0,addr=0x12";
    let guest = guest(line);
    assert_eq!(guest.devices[0].device.place, Place::Port { slot: 0x1c, function: 2 });
    assert_eq!(guest.devices[1].device.place, Place::PciBridge);
}

#[rstest::rstest]
#[case::no_qemu("ls l", "no word of the text is a QEMU program")]
#[case::a_drive_that_is_not_there("kvm -device virtio-blk-pci,drive=d0", "no -drive and no -blockdev is called \"d0\"")]
#[case::a_drive_that_the_board_has("kvm -drive file=a,id=d0 -device virtio-blk-pci,drive=d0", "for want of if=none")]
#[case::a_drive_of_virtio("kvm -drive file=a,id=d0,if=virtio -device virtio-blk-pci,drive=d0", "for want of if=none")]
#[case::no_usb_on_virt(
    "qemu-system-aarch64 -M virt -usb -drive file=a,id=a,if=none -device usb-storage,drive=a",
    "no USB controller"
)]
#[case::a_bus_that_is_not_there("kvm -drive if=none,id=a,file=b -device scsi-hd,drive=a,bus=s.0", "SCSI bus \"s.0\"")]
#[case::a_rank_twice(
    "kvm -nodefaults -device e1000,bootindex=1 -device virtio-net-pci,bootindex=1",
    "bootindex 1 is used by two devices, nic0 and nic1"
)]
#[case::a_rank_in_words("kvm -device e1000,bootindex=first", "bootindex=first: a number is wanted")]
#[case::broken_json("kvm -device '{\"driver\":'", "this is no JSON")]
#[case::an_open_quote("kvm -name 'one", "the quote ' has no end")]
#[case::an_unknown_interface("kvm -drive if=ipx,file=a", "QEMU knows no drive of if=ipx")]
#[case::a_timeout_out_of_range("kvm -boot reboot-timeout=70000", "QEMU takes -1 to 65535")]
fn a_line_that_makes_no_sense_is_refused(#[case] line: &str, #[case] wanted: &str) {
    let error = refusal(line);
    assert!(error.to_string().contains(wanted), "{error}");
    assert!(error.at.line == 1 && error.at.column >= 1);
}

#[rstest]
#[case::uas("-device usb-uas,id=uas -device scsi-hd,drive=d,bus=uas.0,bootindex=1", "usb-uas", Some(1))]
#[case::another_card(
    "-device new-scsi,id=e -device scsi-hd,drive=d,bus=e.0,scsi-id=6,bootindex=1",
    "new-scsi",
    Some(1)
)]
#[case::by_qemus_name("-device new-scsi -device scsi-cd,drive=d,bus=scsi.0", "new-scsi", None)]
#[case::without_a_bus("-device newer-scsi -device scsi-hd,drive=d", "newer-scsi", None)]
fn a_drive_on_an_adapter_that_is_not_known_keeps_its_row_and_the_rest_is_read(
    #[case] devices: &str,
    #[case] adapter: &str,
    #[case] rank: Option<i64>,
) {
    let line = format!("kvm -nodefaults -usb -drive if=none,id=d,file=a {devices} -device e1000,bootindex=2");
    let guest = guest(&line);
    assert_eq!(order(&guest), [("nic0", Some(2))]);
    let [drive] = &guest.untried[..] else { panic!("{:?}", guest.untried) };
    assert_eq!((drive.name.as_str(), drive.rank), ("d", rank));
    assert!(drive.kind.contains(&format!("a drive on {adapter}, a SCSI adapter that is not known")), "{}", drive.kind);
    // one that is no SCSI adapter is refused, and so is what is not there
    assert!(
        refusal(&line.replace(devices, "-device ahci,id=s -device scsi-hd,drive=d,bus=s.0")).what.contains("\"s.0\"")
    );
}

#[test]
fn options_alone_and_what_is_typed_make_a_story() {
    use crate::guest::hmp;
    let line = "-device virtio-scsi-pci,id=scsi0,num_queues=4 \\\n-S \\\n";
    let typed = "(qemu) drive_add 0 file=boot.qcow2,if=none,id=drive0\n(qemu) device_add\nscsi-hd,drive=drive0,bus=scsi0.0,\
                 channel=0,scsi-id=0,lun=1,bootindex=1\n(qemu) drive_add 0 file=second.qcow2,if=none,id=drive1\n\
                 (qemu) device_add scsi-hd,drive=drive1,bus=scsi0.0,channel=0,scsi-id=0,lun=2,bootindex=-1\n";
    let read = |typed: &str| {
        let commands = hmp::read("typed", typed).unwrap();
        read_text("line", line, &Reading { typed: ("typed", &commands), ..Reading::default() })
    };
    let guest = read(typed).unwrap();
    assert_eq!(order(&guest), [("drive0", Some(1)), ("drive1", Some(-1))]);
    let steps: Vec<String> = guest.typed.iter().map(ToString::to_string).collect();
    assert_eq!(steps, ["plug \"drive0\" by the human monitor", "plug \"drive1\" by the human monitor", "cont"]);
    assert!(guest.devices.iter().all(|device| device.device.absent) && !guest.is_selected(1));
    let error = read("device_del nobody").unwrap_err();
    assert_eq!((error.file.as_str(), error.what.as_str()), ("typed", "no device is called \"nobody\""));
}

//! Whole texts as people give them: what became of each part.

use rstest::rstest;

use super::*;
use crate::machine::layout::Layout;
use crate::machine::{DeviceClass, OptionRom, UsbController};

fn guest(text: &str) -> Guest {
    let guest = read_text("line", text, &Reading::default()).unwrap();
    Layout::of(&guest.machine().unwrap()).unwrap();
    guest
}

fn refusal(text: &str) -> String {
    read_text("line", text, &Reading::default()).unwrap_err().to_string()
}

/// Name and rank of each device in the order of the line, those that are not tried last.
fn ranks(guest: &Guest) -> Vec<(&str, Option<i64>)> {
    let tried = guest.devices.iter().map(|device| (device.name.as_str(), device.device.bootindex));
    tried.chain(guest.untried.iter().map(|device| (device.name.as_str(), device.rank))).collect()
}

fn has_note(guest: &Guest, words: &str) -> bool {
    guest.notes.0.iter().any(|note| note.words.contains(words))
}

#[rstest]
#[case::vfio("vfio-pci,host=03:00.0,id=hostdev0,bootindex=0", "hostdev0", Some(0))]
#[case::without_a_name("vfio-pci,host=03:00.0,bootindex=0", "vfio-pci", Some(0))]
#[case::usb_host("usb-host,id=stick,bootindex=0", "stick", Some(0))]
#[case::of_a_viewer("usb-redir,id=redir0,chardev=c,bootindex=0", "redir0", Some(0))]
#[case::what_is_not_known("vhost-scsi-pci,id=v,wwpn=naa.1,bootindex=0", "v", Some(0))]
fn a_device_of_the_host_keeps_its_row_and_its_rank(
    #[case] device: &str,
    #[case] name: &str,
    #[case] rank: Option<i64>,
) {
    let guest = guest(&format!("kvm -nodefaults -usb -device e1000,bootindex=1 -device {device}"));
    assert_eq!(ranks(&guest), [("nic0", Some(1)), (name, rank)]);
    let twice = format!("kvm -nodefaults -usb -device e1000,bootindex=0 -device {device}");
    assert!(refusal(&twice).contains("bootindex 0 is used by two devices"));
}

#[test]
fn a_device_of_the_host_without_a_rank_has_no_row() {
    assert!(guest("kvm -nodefaults -device vfio-pci,host=03:00.0 -device VGA").untried.is_empty());
}

#[test]
fn set_reaches_the_device_that_it_names() {
    let guest =
        guest("kvm -nodefaults -device e1000,id=a,bootindex=1 -set device.a.bootindex=5 -set device.a.romfile=");
    assert_eq!(ranks(&guest), [("nic0", Some(5))]);
    assert!(matches!(&guest.devices[0].device.class, DeviceClass::Nic(nic) if nic.rom == OptionRom::Empty));
    assert!(
        refusal("kvm -S -set device.a.bootindex=1 -device e1000,id=a").contains("there is no device \"a\" defined")
    );
    let json = "kvm -device '{\"driver\":\"e1000\",\"id\":\"a\"}' -set device.a.bootindex=1";
    assert!(refusal(json).contains("other than in JSON"));
    assert!(refusal("kvm -S -set nonsense").contains("no GROUP.ID.NAME=VALUE"));
    let drive = super::read_text("l", "kvm -hda a -set drive.x.file=b", &Reading::default()).unwrap();
    assert_eq!(drive.unapplied.len(), 1);
}

#[test]
fn global_reaches_every_device_of_its_driver_that_does_not_say_otherwise() {
    let line = "kvm -nodefaults -global virtio-net-pci.romfile= -global e1000.bootindex=3 -global driver=ide-hd,property=bootindex,value=7 \
                -device virtio-net -device e1000,bootindex=1 -hda a -nic user";
    let guest = guest(line);
    let twice = "the card of -nic has the rank of the global";
    assert_eq!(ranks(&guest), [("hda", Some(7)), ("nic0", Some(3)), ("nic1", None), ("nic2", Some(1))], "{twice}");
    assert!(matches!(&guest.devices[2].device.class, DeviceClass::Nic(nic) if nic.rom == OptionRom::Empty));
    assert!(refusal("kvm -S -global e1000.bootindex=x").contains("bootindex=x: a number is wanted"));
}

#[rstest]
#[case::rbd("file.driver=rbd,file.pool=vms,file.image=disk0,if=none,id=d", "rbd vms/disk0")]
#[case::file("file.driver=file,file.filename=/b.iso,if=none,id=d", "/b.iso")]
#[case::nested("driver=qcow2,file.driver=raw,file.file.driver=file,file.file.filename=/c,if=none,id=d", "/c")]
#[case::nbd("driver=raw,file.driver=nbd,file.export=x,if=none,id=d", "nbd x")]
fn a_drive_that_names_its_image_by_parts_is_not_empty(#[case] drive: &str, #[case] source: &str) {
    let guest = guest(&format!("kvm -nodefaults -drive {drive} -device virtio-blk-pci,drive=d"));
    assert_eq!(guest.devices[0].source.as_deref(), Some(source));
}

#[test]
fn a_drive_without_an_image_is_empty() {
    let guest = guest(
        "kvm -nodefaults -drive if=ide,media=cdrom -drive if=none,id=d,media=cdrom,format=raw -device ide-cd,drive=d,bus=ide.1",
    );
    assert!(guest.devices.iter().all(|device| device.source.is_none()), "{:?}", guest.devices);
}

#[test]
fn nodes_inside_a_node_have_its_image() {
    let line = "kvm -nodefaults -blockdev '{\"driver\":\"throttle\",\"node-name\":\"d\",\"file\":{\"driver\":\"raw\",\"node-name\":\"e\",\
                \"file\":{\"driver\":\"host_device\",\"filename\":\"/dev/a\"}}}' -device virtio-blk-pci,drive=e -device virtio-scsi-pci \
                -device scsi-hd,drive=d";
    assert!(guest(line).devices.iter().all(|device| device.source.as_deref() == Some("/dev/a")));
}

#[test]
fn namespaces_are_disks_of_the_controller_that_they_name() {
    let line = "kvm -nodefaults -M q35 -drive if=none,id=a,file=a -drive if=none,id=b,file=b -device nvme,id=n,serial=x,addr=5 \
                -device nvme-ns,drive=a,bootindex=1 -device nvme-ns,drive=b,bus=n,nsid=7";
    let guest = guest(line);
    let class = |nsid| DeviceClass::NvmeNamespace { controller: 0, nsid };
    let classes: Vec<_> = guest.devices.iter().map(|device| device.device.class.clone()).collect();
    assert_eq!(classes, [class(1), class(7)]);
    assert_eq!((guest.devices[0].device.slot, guest.devices[0].source.as_deref()), (Some(5), Some("a")));
    let both = "kvm -nodefaults -M q35 -drive if=none,id=a,file=a -drive if=none,id=b,file=b -device nvme,id=n,serial=x,drive=a \
                -device nvme-ns,drive=b";
    assert_eq!(self::guest(both).devices[1].device.class, class(2));
    assert!(refusal("kvm -device nvme-ns,drive=a").contains("NVMe bus"));
}

#[test]
fn a_disk_on_usb_bot_is_a_disk_on_usb_and_a_cd_there_cannot_be_had() {
    let line = |drive: &str| {
        format!(
            "kvm -nodefaults -device qemu-xhci,id=u -device usb-bot,id=b,bus=u.0,port=2 -drive if=none,id=d,file=a \
             -device {drive},bus=b.0,scsi-id=0,lun=0,drive=d,id=x,bootindex=1"
        )
    };
    let disk = guest(&line("scsi-hd"));
    assert_eq!(disk.devices[0].device.class, DeviceClass::UsbStorage { controller: UsbController::Xhci, port: 2 });
    let cd = guest(&line("scsi-cd"));
    assert_eq!((cd.devices.len(), ranks(&cd)), (0, vec![("x", Some(1))]));
    let storage = "kvm -nodefaults -usb -drive if=none,id=d,file=a,media=cdrom -device usb-storage,drive=d,id=y";
    assert_eq!(ranks(&guest(storage)), [("y", None)], "QEMU makes a scsi-cd of it");
}

#[test]
fn a_file_of_options_is_read_and_one_that_is_not_there_leaves_no_answer() {
    let config = "# made by -writeconfig\n[drive \"d\"]\n  if = \"none\"\n  file = \"/a.img\"\n\n[device \"v\"]\n  driver = \"virtio-blk-pci\"\n  \
                  drive = \"d\"\n  bootindex = \"1\"\n[machine]\n  type = \"q35\"\n[boot-opts]\n  strict = \"on\"\n[global]\n  driver = \"e1000\"\n  \
                  property = \"bootindex\"\n  value = \"2\"\n[memory]\n  size = \"1G\"\n";
    let opened = |path: &str| (path == "/etc/vm.cfg").then(|| config.to_owned());
    let reading = Reading { opened: &opened, ..Reading::default() };
    let line = "kvm -nodefaults -readconfig /etc/vm.cfg -device e1000";
    let guest = read_text("l", line, &reading).unwrap();
    assert_eq!(ranks(&guest), [("v", Some(1)), ("nic0", Some(2))]);
    assert_eq!((guest.board, guest.boot.strict), (Some(Board::Q35), Some(true)));
    assert!(refusal(line).contains("without it the devices are not known"));
    assert!(self::guest("kvm -nodefaults -readconfig /usr/share/qemu-server/pve-q35-4.0.cfg").devices.is_empty());
    let broken = |_: &str| Some("[drive \"d\"]\nnonsense\n".to_owned());
    let error = read_text("l", line, &Reading { opened: &broken, ..Reading::default() }).unwrap_err();
    assert_eq!((error.file.as_str(), error.at.line), ("/etc/vm.cfg", 2));
}

#[test]
fn a_kernel_has_rank_0_on_x86() {
    let line = "kvm -nodefaults -kernel k -drive if=none,id=a,file=a -device virtio-blk-pci,drive=a,bootindex=0";
    assert!(refusal(line).contains("by the loader of -kernel"));
    assert!(guest(&line.replace("bootindex=0", "bootindex=1")).kernel.is_some());
    let arm = "qemu-system-aarch64 -M virt -nodefaults -kernel k -device virtio-net-pci,bootindex=0";
    assert!(read_text("l", arm, &Reading::default()).is_ok());
}

#[test]
fn words_that_lost_their_quotes_are_no_disks() {
    let ps = "root 4242 1.0 Sl 10:00 0:01 kvm -nodefaults -kernel /k -append root=/dev/vda1 console=ttyS0 quiet -name my vm \
              -drive file=a.img,if=virtio /b.img";
    let guest = guest(ps);
    assert_eq!(ranks(&guest), [("hda", None), ("virtio-0", None)]);
    assert!(has_note(&guest, "\"console=ttyS0 quiet\"") && has_note(&guest, "\"vm\": neither an option"));
    assert!(has_note(&guest, "/b.img: an image without an option is the first disk"));
    // of a process the words are known
    let process = words::of_process(b"kvm\0-nodefaults\0-append\0a b\0disk");
    assert_eq!(ranks(&read("p", &process, &Reading::default()).unwrap()), [("hda", None)]);
}

#[rstest]
#[case::an_old_flag("-localtime disk.img", "hda")]
#[case::what_is_not_known_before_an_image("-frobnicate disk.qcow2", "hda")]
fn a_flag_swallows_no_disk(#[case] words: &str, #[case] name: &str) {
    assert_eq!(ranks(&guest(&format!("kvm -nodefaults {words} -boot c"))), [(name, None)]);
}

#[test]
fn what_a_shell_puts_in_is_told_to_be_missing() {
    let guest = guest("args=(\n -machine q35\n)\nexec kvm \"${args[@]}\" -m 4G -nodefaults");
    assert_eq!(guest.unapplied.len(), 1);
    assert!(guest.devices.is_empty());
    assert_eq!(
        self::guest("kvm -nodefaults -device $CARD -hda $DISK").unapplied.len(),
        1,
        "a path is what it is called"
    );
}

#[rstest]
#[case::i386("qemu-system-i386 -hda freedos.img -boot c")]
#[case::windows("\"C:\\Program Files\\qemu\\qemu-system-x86_64.exe\" -hda disk.qcow2")]
#[case::spice("/usr/bin/kvm-spice -machine pc-i440fx-bionic -hda a")]
#[case::red_hat("/usr/libexec/qemu-kvm -hda a")]
fn a_program_of_any_name_is_powered_on(#[case] line: &str) {
    assert_eq!(guest(line).devices[0].name, "hda");
}

#[test]
fn ports_that_cannot_be_had_are_told_to_be_replaced() {
    let line = "kvm -M q35 -nodefaults -device pcie-root-port,id=r,addr=2 -device x3130-upstream,id=u,bus=r,multifunction=on \
                -device xio3130-downstream,id=d,bus=u,chassis=1 -device e1000e,bus=d -device e1000e,bus=r,addr=0.1";
    let guest = guest(line);
    assert!(has_note(&guest, "e1000e: behind xio3130-downstream: a place of its own"));
    assert!(has_note(&guest, "e1000e: behind function 1 of the port r"));
}

#[test]
fn what_is_behind_several_bridges_keeps_its_order_on_one() {
    let slots = |line: &str| {
        let guest = guest(&format!("kvm -nodefaults {line}"));
        crate::guest::variants::can_be_laid_out(&guest).unwrap();
        guest.devices.iter().map(|device| device.device.slot.unwrap()).collect::<Vec<_>>()
    };
    let two = "-device pci-bridge,id=a,chassis_nr=1,addr=0x1f -device pci-bridge,id=b,chassis_nr=2,addr=0x1e";
    let cards = |a: u8, b: u8| format!("{two} -device e1000,bus=a,addr={a} -device e1000,bus=b,addr={b}");
    assert_eq!(slots(&cards(5, 5)), [2, 1], "b is in front of a");
    assert_eq!(slots(&cards(3, 4)), [2, 1]);
    assert_eq!(slots(&cards(4, 3)), [4, 3]);
    let one = "-device pci-bridge,id=a,chassis_nr=1 -device e1000,bus=a,addr=0 -device e1000,bus=a,addr=1";
    assert_eq!(slots(one), [1, 2], "slot 0 is not one of the bridges here");
    let functions =
        "-device e1000,bus=b,addr=5.1 -device e1000,bus=b,addr=5.0,multifunction=on -device e1000,bus=a,addr=5";
    assert_eq!(slots(&format!("{two} {functions}")), [1, 1, 2]);
}

#[test]
fn a_place_on_one_bridge_instead_of_several_is_told() {
    let bridges = "-device pci-bridge,id=a,chassis_nr=1 -device pci-bridge,id=b,chassis_nr=2,bus=a,addr=7";
    let guest = guest(&format!("kvm -nodefaults {bridges} -device e1000,bus=a,addr=5 -device e1000,bus=b,addr=5"));
    assert!(has_note(&guest, "e1000: behind the bridge b: slot 0x2 of the one bridge here"));
    let nested = self::guest(&format!("kvm -nodefaults {bridges} -device e1000,bus=b"));
    assert!(has_note(&nested, "e1000: behind the bridge b, which is behind another: on the one bridge here"));
}

#[test]
fn a_port_without_a_place_on_an_expander_is_told_to_be_replaced() {
    let line =
        "kvm -M q35 -nodefaults -device pxb-pcie,id=x,bus_nr=9 -device pcie-root-port,id=r,bus=x -device e1000e,bus=r";
    assert!(has_note(&guest(line), "e1000e: behind a port that is not on the root bus: a place of its own"));
}

/// Numbers at the edges of what the readers hold: an answer or an error, and no panic.
#[rstest]
#[case("-device e1000,bootindex=9223372036854775807 -hda a.img")]
#[case("-device e1000,bootindex=-9223372036854775808")]
#[case("-drive file=a,index=255 -drive file=b -drive file=c,bus=200,unit=9 -fda x -drive if=floppy,index=77,file=z")]
#[case("-drive if=none,id=n,file=q -device usb-storage,drive=n,port=999 -device ide-hd,bus=ide.99,unit=88,drive=n")]
#[case("-device nvme,id=n -device nvme-ns,nsid=4294967295,bus=n -device nvme-ns,nsid=99999999999,bus=n")]
#[case("-device virtio-scsi-pci,id=s -device scsi-hd,lun=65535,bus=s.0 -device scsi-hd,lun=65536,scsi-id=256,bus=s.0")]
#[case(
    "-boot order= -boot , -boot once=, -boot menu -device , -drive , -netdev , -machine , -name , -cpu , -global x -global ."
)]
#[case("-boot splash-time=99999999999 -boot reboot-timeout=-9223372036854775808")]
#[case("-set device.. -set . -global = -readconfig")]
fn numbers_at_the_edges_are_an_answer_or_an_error(#[case] words: &str) {
    for board in ["pc", "q35"] {
        let Ok(guest) = read_text("l", &format!("kvm -M {board} {words}"), &Reading::default()) else { continue };
        let machine = guest.machine().unwrap();
        Layout::of(&machine).ok();
        crate::guest::variants::of(&guest, &[], crate::guest::variants::Questions::default()).ok();
        crate::guest::variants::reboot_disk(&guest);
    }
}

#[test]
fn a_file_of_readconfig_alone_is_a_guest_by_itself() {
    let text = "# Machine\n[machine]\ntype = \"q35\"\n\n[device \"qemu_scsi\"]\ndriver = \"virtio-scsi-pci\"\n\n\
                [drive \"root\"]\nfile = \"/dev/zvol/v\"\nif = \"none\"\n\n[device \"dev-root\"]\ndriver = \"scsi-hd\"\n\
                bus = \"qemu_scsi.0\"\ndrive = \"root\"\nbootindex = \"1\"\n\n[chardev \"c\"]\nbackend = \"socket\"\n";
    let guest = guest(text);
    assert_eq!(ranks(&guest), [("dev-root", Some(1))]);
    assert_eq!((guest.board, guest.devices[0].line), (Some(Board::Q35), 12));
    assert!(!has_note(&guest, "[chardev]"), "{:?}", guest.notes);
    assert!(has_note(&self::guest(&format!("{text}[boot-opts]\nstrict = \"on\"\n")), "-boot strict=on"));
}

#[test]
fn once_is_refused_where_the_board_has_no_order_by_classes() {
    let line = "qemu-system-aarch64 -machine virt -bios QEMU_EFI.fd -nodefaults";
    assert!(refusal(&format!("{line} -boot once=d")).contains("-boot once=d: machine virt has no order"));
    assert_eq!(guest(&format!("{line} -boot order=d")).boot.order.as_deref(), Some("d"));
}

#[test]
fn packers_log_is_read_to_the_list_that_it_starts_qemu_with() {
    let log = "Executing /usr/bin/qemu-img: []string{\"create\", \"-f\", \"qcow2\", \"a\"}\n\
               ui: Executing /usr/libexec/qemu-kvm: []string{\"-boot\", \"once=d\", \"-drive\", \"file=a,if=virtio\", \"-netdev\", \
               \"user,id=u\", \"-device\", \"virtio-net,netdev=u,bootindex=3\"}\n";
    let guest = guest(log);
    assert_eq!(guest.devices.iter().filter(|device| device.device.bootindex.is_some()).count(), 1);
    assert_eq!(guest.line, 2);
}

#[test]
fn sectors_of_a_line_are_taken_over() {
    let of = |device: &str| guest(&format!("kvm -nodefaults -drive if=none,id=d,file=a -device {device}"));
    let size = |guest: &Guest| guest.devices[0].device.block_size.map(|size| (size.logical, size.physical));
    assert_eq!(
        size(&of("virtio-blk-pci,drive=d,logical_block_size=4096,physical_block_size=4096")),
        Some((4096, 4096))
    );
    assert_eq!(size(&of("virtio-blk-pci,drive=d,physical_block_size=4k")), Some((512, 4096)));
    assert_eq!(size(&of("virtio-blk-pci,drive=d")), None);
    let line = "kvm -nodefaults -drive if=none,id=d,file=a -device ide-hd,drive=d,logical_block_size=4096";
    assert!(refusal(line).contains("QEMU refuses that"));
}

#[test]
fn a_guests_file_of_proxmox_is_a_machine() {
    let guest = guest(
        "bios: ovmf\nboot: order=scsi0;ide2;net0\ncpu: x86-64-v2-AES\nefidisk0: local-lvm:vm-107-disk-0,efitype=4m,size=4M\n\
         ide2: none,media=cdrom\nmachine: q35\nname: haos-test\nnet0: virtio=BC:24:11:30:8A:77,bridge=vmbr0,firewall=1\n\
         scsi0: local-lvm:vm-107-disk-1,iothread=1,size=32G\nscsihw: virtio-scsi-single\nusb0: host=1370:0321\n",
    );
    let mut found = ranks(&guest);
    found.sort_by_key(|(_, rank)| *rank);
    assert_eq!(found, [("scsi0", Some(100)), ("ide2", Some(101)), ("nic0", Some(102))]);
    assert_eq!((guest.name.as_str(), guest.devices[0].source.is_some()), ("haos-test", false));
    assert!(has_note(&guest, "a guest's file of Proxmox"));
}

//! Golden command lines. `INSTA_UPDATE=always cargo test -p bootwright argv` writes them anew; read the difference.

use super::*;
use crate::machine::Firmware;
use crate::machine::{Board, Medium, Network, NicModel, Place, ScsiAdapter, Tpm, UsbController, VariableStore};
use bootwright_lan::LanSpec;

/// One line for each option, with the value that follows it.
fn text(argv: &[String]) -> String {
    let mut text = String::new();
    for word in argv {
        let is_option = word.starts_with('-') && !word.starts_with("-1");
        text += if text.is_empty() { "" } else { if is_option { "\n" } else { " " } };
        text += word;
    }
    text
}

fn harness(nics: &[i32]) -> Wiring {
    let serial = "serial-0".to_owned();
    Wiring::Harness { qmp: 10, serial, debugcon: 12, nics: nics.to_vec(), sandbox: true, incoming: false, tpm: None }
}

/// A file for each device that has a medium.
fn media(machine: &Machine) -> Vec<Option<PathBuf>> {
    let file = |device: &Device| device.medium_name().map(|name| PathBuf::from(format!("/run/media/{name}.img")));
    machine.devices.iter().map(file).collect()
}

fn golden(name: &str, machine: &Machine, files: &Files, wiring: &Wiring) {
    let layout = Layout::of(machine).unwrap();
    let argv = argv(machine, &layout, files, wiring);
    insta::with_settings!({ snapshot_path => "../golden", prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!(name, text(&argv));
    });
}

#[test]
fn a_seabios_pc() {
    let machine = Machine::pc(Firmware::SeaBios)
        .virtio_blk(Medium::bootable("wrong"))
        .slot(3)
        .virtio_blk(Medium::bootable("right"))
        .slot(9)
        .bootindex(1)
        .strict(true)
        .reboot_timeout(5000);
    let files = Files { bios: Some("/fw/bios-256k.bin".into()), media: media(&machine), ..Files::default() };
    golden("seabios-pc", &machine, &files, &harness(&[]));
}

#[test]
fn an_ovmf_q35() {
    let machine = Machine::q35(Firmware::Ovmf)
        .cdrom(DeviceClass::Ahci { port: 2 }, Medium::bootable("cd"))
        .bootindex(2)
        .virtio_scsi(5, 3, Medium::bootable("disk"))
        .bootindex(1)
        .rng();
    let files = Files {
        code: Some("/fw/OVMF_CODE_4M.fd".into()),
        vars: Some("/run/vars.fd".into()),
        media: media(&machine),
        ..Files::default()
    };
    golden("ovmf-q35", &machine, &files, &harness(&[]));
}

#[test]
fn further_adapters_a_hub_namespaces_and_block_sizes() {
    let scsi = |adapter, target| DeviceClass::Scsi { adapter, hba: 0, target, lun: 0 };
    let hub = |port| DeviceClass::UsbBehindHub { controller: UsbController::Xhci, hub: 2, port };
    let machine = Machine::q35(Firmware::SeaBios)
        .scsi(ScsiAdapter::Lsi53c895a, 3, 0, Medium::bootable("lsi"))
        .disk(scsi(ScsiAdapter::Megasas, 1), Medium::bootable("megasas"))
        .cdrom(scsi(ScsiAdapter::Mptsas1068, 2), Medium::bootable("mptsas-cd"))
        .disk(scsi(ScsiAdapter::Pvscsi, 0), Medium::bootable("pvscsi"))
        .virtio_scsi(0, 0, Medium::bootable("queues"))
        .adapter_property("num_queues", 4)
        .disk(hub(1), Medium::bootable("hub-1"))
        .disk(hub(8), Medium::bootable("hub-8"))
        .disk(DeviceClass::NvmeNamespace { controller: 0, nsid: 1 }, Medium::bootable("ns-1"))
        .disk(DeviceClass::NvmeNamespace { controller: 0, nsid: 7 }, Medium::bootable("ns-7"))
        .virtio_blk(Medium::bootable("emulating-512"))
        .block_sizes(512, 4096);
    let files = Files { media: media(&machine), ..Files::default() };
    golden("further-adapters-q35", &machine, &files, &harness(&[]));
}

/// Every device class, place and option of the specification that one pc can have.
fn everything_on_pc() -> Machine {
    let usb = |controller| DeviceClass::UsbStorage { controller, port: 1 };
    let machine = Machine::pc(Firmware::SeaBios)
        .virtio_blk(Medium::bootable("virtio-blk"))
        .logical_geometry(1024, 16, 63)
        .block_size(4096)
        .property("write-cache", "off")
        .virtio_scsi(1, 2, Medium::bootable("scsi-hd"))
        .cdrom(DeviceClass::VirtioScsi { hba: 1, target: 0, lun: 0 }, Medium::bootable("scsi-cd"))
        .ide(0, 0, Medium::bootable("ide-hd"))
        .cdrom(DeviceClass::Ide { channel: 1, unit: 1 }, Medium::bootable("ide-cd"))
        .ahci(3, Medium::bootable("ahci"))
        .nvme(Medium::bootable("nvme"))
        .function(8, 0)
        .nvme(Medium::bootable("nvme-function"))
        .function(8, 1)
        .disk(usb(UsbController::Xhci), Medium::bootable("xhci"))
        .disk(usb(UsbController::Ehci), Medium::bootable("ehci"))
        .disk(usb(UsbController::Uhci), Medium::bootable("uhci"))
        .floppy(Medium::bootable("floppy"))
        .bootindex(4)
        .device(DeviceClass::Floppy { unit: 1 }, None, false)
        .virtio_blk(Medium::bootable("behind-bridge"))
        .place(Place::PciBridge)
        .virtio_blk(Medium::bootable("behind-expander"))
        .place(Place::Expander)
        .virtio_blk(Medium::bootable("later"))
        .absent()
        .nic("e1000", Some(0))
        .bootindex(-1)
        .nic("virtio-net-pci", None)
        .rom(OptionRom::Empty)
        .nic("rtl8139", Some(1))
        .rom(OptionRom::NoBar);
    let mut machine = machine.cpu("max,+rdrand").vga().serial_console().paused().extra_serial_ports(1).rng();
    machine.boot = super::super::BootOptions {
        strict: Some(false),
        reboot_timeout: Some(-1),
        order: Some("nc".to_owned()),
        once: Some("d".to_owned()),
        menu: Some(true),
        splash_time: Some(1500),
        menu_key: None,
        loadparm: None,
    };
    machine.networks = vec![Network::new(LanSpec::default()); 2];
    machine.fw_cfg.push(("opt/org.tianocore/IPv4PXESupport".to_owned(), "n".to_owned()));
    machine
}

#[test]
fn every_device_class_on_pc() {
    let machine = everything_on_pc();
    let files = Files {
        bios: Some("/fw/bios-256k.bin".into()),
        media: media(&machine),
        data_dirs: vec!["/data/one".into(), "/data/two".into()],
        ..Files::default()
    };
    golden("every-class-pc", &machine, &files, &harness(&[20, 21]));
}

#[test]
fn every_device_class_on_pc_by_hand() {
    let machine = everything_on_pc();
    let files = Files { media: media(&machine), ..Files::default() };
    golden("every-class-pc-by-hand", &machine, &files, &Wiring::ByHand { debugcon: "debugcon.log".into(), tpm: None });
}

#[test]
fn ports_expanders_and_a_floppy_controller_on_q35() {
    let machine = Machine::q35(Firmware::SeaBios)
        .nvme(Medium::bootable("root-port"))
        .place(Place::RootPort)
        .virtio_blk(Medium::bootable("expander"))
        .place(Place::Expander)
        .virtio_blk(Medium::bootable("expander-too"))
        .place(Place::Expander)
        .ahci(0, Medium::bootable("ahci"))
        .floppy(Medium::bootable("floppy"))
        .bootindex(1);
    let files = Files { media: media(&machine), ..Files::default() };
    golden("places-q35", &machine, &files, &harness(&[]));
}

#[test]
fn commas_are_doubled_where_qemu_splits_at_them_and_nowhere_else() {
    let machine = Machine::q35(Firmware::Ovmf).virtio_blk(Medium::bootable("only"));
    let files = Files {
        bios: Some("/a, b/bios,1.bin".into()),
        code: Some("/a, b/code,1.fd".into()),
        vars: Some("/a, b/vars=1.fd".into()),
        media: vec![Some("/a, b/only,readonly=on.img".into())],
        fw_cfg: Vec::new(),
        data_dirs: vec!["/a, b".into()],
    };
    golden("awkward-paths", &machine, &files, &harness(&[]));
}

#[test]
fn the_same_machine_gives_the_same_command_line() {
    let machine = everything_on_pc();
    let layout = Layout::of(&machine).unwrap();
    let files = Files::default();
    let once = argv(&machine, &layout, &files, &harness(&[]));
    assert_eq!(once, argv(&machine, &layout, &files, &harness(&[])));
}

#[test]
fn an_absent_device_is_left_to_the_story_with_its_medium() {
    let machine = everything_on_pc();
    let layout = Layout::of(&machine).unwrap();
    let files = Files { media: media(&machine), ..Files::default() };
    let text = text(&argv(&machine, &layout, &files, &harness(&[])));
    let index = machine.device_with_medium("later").unwrap();
    assert!(!text.contains(&format!("node-name=medium{index},")), "{text}");
    assert!(!text.contains(&format!("id=dev{index},")), "{text}");
}

#[test]
fn a_variable_store_is_written_read_or_not_there() {
    let drives = |access: Access| {
        let machine = Machine::q35(Firmware::Ovmf).variable_store(VariableStore::with_access(access));
        let files = Files { code: Some("/fw/CODE.fd".into()), vars: Some("/run/vars.fd".into()), ..Files::default() };
        let argv = argv(&machine, &Layout::of(&machine).unwrap(), &files, &harness(&[]));
        argv.into_iter().filter(|word| word.starts_with("if=pflash")).collect::<Vec<_>>()
    };
    let code = "if=pflash,unit=0,format=raw,readonly=on,file=/fw/CODE.fd";
    let vars = |access: &str| format!("if=pflash,unit=1,format=raw,readonly={access},file=/run/vars.fd");
    assert_eq!(drives(Access::ReadWrite), [code, &vars("off,cache.no-flush=on")]);
    assert_eq!(drives(Access::ReadOnly), [code, &vars("on")]);
    assert_eq!(drives(Access::Absent), [code]);
}

#[test]
fn two_boards_that_qemu_calls_virt_differ_by_acpi() {
    let words = |firmware, board| {
        let machine = Machine::new(firmware, board);
        argv(&machine, &Layout::of(&machine).unwrap(), &Files::default(), &harness(&[])).join(" ")
    };
    let riscv = words(Firmware::RiscVVirt, crate::machine::Board::VirtRiscv64);
    assert!(riscv.contains("-machine virt,accel=tcg,acpi=off -m 512 -icount shift=3,sleep=off"), "{riscv}");
    assert!(!words(Firmware::Aavmf, crate::machine::Board::Virt).contains("acpi"));
}

#[test]
fn a_drive_of_nvme_makes_aavmf_count_its_seconds_slowly() {
    let shift = |machine: Machine| match machine.clock() {
        Clock::Virtual { shift } => shift,
        Clock::Real => panic!("AAVMF runs by the virtual clock"),
    };
    let plain = || Machine::new(Firmware::Aavmf, Board::Virt).virtio_blk(Medium::bootable("virtio"));
    assert_eq!(shift(plain()), 7);
    assert_eq!(shift(plain().nvme(Medium::bootable("nvme"))), 3);
    let namespace = DeviceClass::NvmeNamespace { controller: 0, nsid: 1 };
    assert_eq!(shift(plain().disk(namespace, Medium::bootable("namespace"))), 3);
    // a network is waited for by the same clock, which is then the network's
    assert_eq!(shift(plain().nvme(Medium::bootable("nvme")).nic(NicModel::VirtioNet, None)), 9);
}

#[test]
fn a_virt_has_two_flashes_a_processor_of_64_bits_and_no_port_of_a_pc() {
    let machine = Machine::new(Firmware::Aavmf, crate::machine::Board::Virt).virtio_blk(Medium::bootable("only"));
    let machine = machine.ahci(0, Medium::bootable("sata")).bootindex(1);
    let layout = Layout::of(&machine).unwrap();
    let files = Files { code: Some("/c.fd".into()), vars: Some("/v.fd".into()), ..Files::default() };
    let words = argv(&machine, &layout, &files, &harness(&[])).join(" ");
    for wanted in [
        "-machine virt,accel=tcg -m 256 -cpu cortex-a57 -icount shift=7,sleep=off",
        "-drive if=pflash,unit=0,format=raw,readonly=on,file=/c.fd -drive if=pflash,unit=1,format=raw,readonly=off,cache.no-flush=on,file=/v.fd",
        "-device virtio-blk-pci,id=dev0,drive=medium0,bus=pcie.0,addr=0x3.0x0",
        "-device ich9-ahci,id=",
    ] {
        assert!(words.contains(wanted), "{wanted} in {words}");
    }
    assert!(!words.contains("isa-"), "{words}");
    let lines = (0..2).filter_map(|index| crate::machine::paths::bootorder_line(&machine, &layout, index));
    let wanted = ["/pci@ffffffffffffffff/scsi@3/disk@0,0", "/pci@ffffffffffffffff/pci8086,2922@4/drive@0/disk@0"];
    assert_eq!(lines.collect::<Vec<_>>(), wanted);
}

/// The one build for IA32 that both releases have keeps its variables by SMM, whether or not it refuses anything.
#[test]
fn boards_of_32_bits_have_their_qemus_own_processor_and_smm_where_the_firmware_wants_it() {
    let words = |machine: &Machine| {
        let layout = Layout::of(machine).unwrap();
        argv(machine, &layout, &Files::default(), &harness(&[])).join(" ")
    };
    let ia32 = words(&Machine::new(Firmware::Ovmf, Board::Q35Ia32));
    let secure = "-global driver=cfi.pflash01,property=secure,value=on -global ICH9-LPC.disable_s3=1";
    assert!(ia32.contains("-machine q35,accel=tcg,smm=on"), "{ia32}");
    assert!(ia32.contains(secure) && !ia32.contains("-cpu"), "{ia32}");
    let arm = words(&Machine::new(Firmware::Aavmf, Board::VirtArm));
    assert!(arm.contains("-machine virt,accel=tcg") && !arm.contains("-cpu") && !arm.contains("smm"), "{arm}");
    assert!(!words(&Machine::q35(Firmware::Ovmf)).contains("smm"));
}

#[test]
fn devices_of_a_channel_subsystem_have_device_numbers_and_no_pci_bus() {
    let machine =
        Machine::new(Firmware::S390Ccw, Board::S390CcwVirtio).virtio_blk(Medium::bootable("disk")).bootindex(2);
    let machine = machine.virtio_scsi(0, 3, Medium::bootable("lun")).adapter_property("iothread", "io0").bootindex(1);
    let machine = machine.nic("virtio-net-ccw", None).rng();
    let layout = Layout::of(&machine).unwrap();
    let files = Files { bios: Some("/s390-ccw.img".into()), media: media(&machine), ..Files::default() };
    let words = argv(&machine, &layout, &files, &harness(&[])).join(" ");
    for wanted in [
        "-machine s390-ccw-virtio,accel=tcg -m 128 -icount shift=7,sleep=off",
        "-bios /s390-ccw.img",
        "-device virtio-rng-ccw,devno=fe.0.1000 -device virtio-scsi-ccw,id=scsi0,iothread=io0,devno=fe.0.1001 -blockdev",
        "-device virtio-blk-ccw,id=dev0,drive=medium0,devno=fe.0.1002,bootindex=2",
        "-device scsi-hd,id=dev1,scsi-id=0,lun=3,drive=medium1,bus=scsi0.0,bootindex=1",
        "-device virtio-net-ccw,id=dev2,mac=52:54:00:12:34:12,devno=fe.0.1003",
    ] {
        assert!(words.contains(wanted), "{wanted} in {words}");
    }
    assert!(!words.contains("pci") && !words.contains("addr="), "{words}");
    assert_eq!(crate::machine::paths::bootorder_file(&machine, &layout), "", "it has no fw_cfg");
}

#[test]
fn loadparm_is_the_machines_and_a_function_of_pci_is_left_to_qemu() {
    let machine = Machine::new(Firmware::S390Ccw, Board::S390CcwVirtio).loadparm("2");
    let machine = machine.virtio_blk(Medium::bootable("pci")).place(Place::Zpci).bootindex(1);
    let layout = Layout::of(&machine).unwrap();
    let files = Files { media: media(&machine), ..Files::default() };
    let words = argv(&machine, &layout, &files, &harness(&[])).join(" ");
    assert!(words.contains("-machine s390-ccw-virtio,accel=tcg,loadparm=2 "), "{words}");
    assert!(words.contains("-device virtio-blk-pci,id=dev0,drive=medium0,bootindex=1"), "{words}");
}

#[test]
fn devices_of_the_hypervisors_bus_have_a_number_and_no_bus() {
    let machine = Machine::new(Firmware::Slof, Board::Pseries).nic("spapr-vlan", None).bootindex(1);
    let machine = machine.scsi(ScsiAdapter::SpaprVscsi, 1, 2, Medium::bootable("lun")).bootindex(2);
    let layout = Layout::of(&machine).unwrap();
    let files = Files { media: media(&machine), ..Files::default() };
    let words = argv(&machine, &layout, &files, &harness(&[])).join(" ");
    for wanted in [
        "-device spapr-vscsi,id=spapr-vscsi-0,reg=1895825412 ",
        "-device spapr-vlan,id=dev0,mac=52:54:00:12:34:10,reg=1895825411,bootindex=1",
        "-device scsi-hd,id=dev1,scsi-id=1,lun=2,drive=medium1,bus=spapr-vscsi-0.0,bootindex=2",
    ] {
        assert!(words.contains(wanted), "{wanted} in {words}");
    }
}

#[test]
fn a_tpm_is_played_at_the_other_end_of_a_socket() {
    let argv = |machine: Machine, wiring: &Wiring| {
        let layout = Layout::of(&machine).unwrap();
        let argv = argv(&machine, &layout, &Files::default(), wiring);
        argv[argv.len().saturating_sub(6)..].join(" ")
    };
    let wired = |tpm| match harness(&[]) {
        Wiring::Harness { qmp, serial, debugcon, nics, sandbox, incoming, .. } => {
            Wiring::Harness { qmp, serial, debugcon, nics, sandbox, incoming, tpm }
        }
        other => other,
    };
    let q35 = Machine::q35(Firmware::Ovmf).tpm(Tpm::Crb);
    let wanted = "-chardev socket,id=tpm,fd=14 -tpmdev emulator,id=tpm0,chardev=tpm -device tpm-crb,tpmdev=tpm0";
    assert_eq!(argv(q35, &wired(Some(14))), wanted);
    let by_hand = Wiring::ByHand { debugcon: "log".into(), tpm: Some("by-hand-tpm/socket".into()) };
    let wanted = "-chardev socket,id=tpm,path=by-hand-tpm/socket -tpmdev emulator,id=tpm0,chardev=tpm \
                  -device tpm-tis-device,tpmdev=tpm0";
    assert_eq!(argv(Machine::new(Firmware::Aavmf, Board::Virt).tpm(Tpm::Tis), &by_hand), wanted);
    assert!(!argv(Machine::q35(Firmware::Ovmf), &wired(None)).contains("tpm"));
}

#[test]
fn a_machine_that_may_be_over_at_once_waits_for_its_monitor() {
    let line = |machine: &Machine, wiring: &Wiring| {
        let layout = Layout::of(machine).unwrap();
        argv(machine, &layout, &Files::default(), wiring)
    };
    let wired = |incoming| Wiring::Harness {
        qmp: 3,
        serial: "serial".to_owned(),
        debugcon: 4,
        nics: Vec::new(),
        sandbox: false,
        incoming,
        tpm: None,
    };
    let has = |line: Vec<String>| line.iter().any(|word| word == "-S");
    let ccw = Machine::new(Firmware::S390Ccw, Board::S390CcwVirtio);
    assert!(has(line(&ccw, &wired(false))) && is_held(&ccw, &wired(false)));
    let by_hand = Wiring::ByHand { debugcon: PathBuf::from("log"), tpm: None };
    assert!(!has(line(&ccw, &by_hand)), "a person has no monitor to say cont in");
    assert!(!has(line(&ccw, &wired(true))), "it waits for a state already");
    assert!(!has(line(&Machine::pc(Firmware::SeaBios), &wired(false))));
    let paused = ccw.paused();
    assert!(has(line(&paused, &wired(false))) && !is_held(&paused, &wired(false)), "the story says cont");
}

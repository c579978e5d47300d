//! A board that QEMU does not have. Layout, argv and paths follow its facts, which shows that they ask for no board by name.

use bootwright_images::{EfiMachine, Target};

use super::{BoardFacts, Expander, FirmwareStore, Root, RootBus, SecureBoot};
use crate::machine::Firmware;
use crate::machine::pci_address::PciAddress;
use crate::platform::Architecture;

pub(super) const FACTS: BoardFacts = BoardFacts {
    name: "imaginary",
    firmware: &[Firmware::SeaBios, Firmware::Ovmf],
    machine_type: "imaginary",
    acpi: true,
    smm: false,
    architecture: Architecture::X86_64,
    target: Target::Efi(EfiMachine::X64),
    root: Root::Pci(RootBus {
        id: "root.9",
        free_slots: (7, 9),
        hotplug: false,
        openfirmware: "/pcie@10000000",
        uefi: "AcpiRoot",
    }),
    fw_cfg: true,
    vio: false,
    ide: None,
    ahci: Some(PciAddress { slot: 5, function: 6 }),
    floppy: None,
    root_port: Some("imaginary-port"),
    expander: Expander::Ports("imaginary-expander"),
    virtio_mmio: None,
    exit: Some("imaginary-exit"),
    debug_console: Some("imaginary-console"),
    kernel_rom: None,
    tpm: &[],
    secure_boot: SecureBoot::None,
    held_for_monitor: false,
    unplug_announced: 0,
    store: FirmwareStore::Pflash { code: 3, variables: 4 },
};

mod tests {
    use std::path::PathBuf;

    use crate::machine::argv::{Files, Wiring, argv};
    use crate::machine::layout::Layout;
    use crate::machine::{Board, DiskClass, Firmware, Hotplug, Machine, Medium, Place, paths};

    fn machine() -> Machine {
        let machine = Machine::new(Firmware::Ovmf, Board::Imaginary);
        let machine = machine.virtio_blk(Medium::bootable("disk")).ahci(2, Medium::bootable("sata"));
        machine.nvme(Medium::bootable("behind")).place(Place::RootPort).rng()
    }

    #[test]
    fn slots_controllers_and_refusals_follow_a_boards_facts() {
        let layout = Layout::of(&machine()).unwrap();
        assert_eq!((layout.devices[0].bus.as_str(), layout.devices[0].address.unwrap().slot), ("root.9", 7));
        let sata = layout.devices[1].pci.as_ref().unwrap();
        assert_eq!((sata.hops[0].slot, sata.hops[0].function), (5, 6));
        assert_eq!(layout.controllers[0].driver, "imaginary-port");
        let floppy = Machine::new(Firmware::SeaBios, Board::Imaginary).floppy(Medium::bootable("floppy"));
        let refused = Layout::of(&floppy).unwrap_err().to_string();
        assert_eq!(refused, "device 0: a floppy controller does not exist on imaginary");
        assert_eq!(DiskClass::Nvme.hotplug(Board::Imaginary), Hotplug::Refused);
    }

    #[test]
    fn the_command_line_follows_a_boards_facts() {
        let machine = machine();
        let files = Files { code: Some(PathBuf::from("/code")), vars: Some("/vars".into()), ..Files::default() };
        let wiring = Wiring::ByHand { debugcon: PathBuf::from("debugcon.log"), tpm: None };
        let line = argv(&machine, &Layout::of(&machine).unwrap(), &files, &wiring).join(" ");
        for words in [
            "-machine imaginary,accel=tcg",
            "-drive if=pflash,unit=3,format=raw,readonly=on,file=/code",
            "-drive if=pflash,unit=4,format=raw,readonly=off,cache.no-flush=on,file=/vars",
            "-device imaginary-exit ",
            "-device imaginary-console,chardev=debugcon",
            "-device virtio-rng-pci,bus=root.9,addr=0x1e",
            "-device imaginary-port,id=port2,chassis=3,bus=root.9,addr=0x8.0x0",
        ] {
            assert!(line.contains(words), "{words} in {line}");
        }
    }

    #[test]
    fn paths_begin_with_a_boards_root() {
        let machine = machine();
        let layout = Layout::of(&machine).unwrap();
        let lines: Vec<_> = (0..3).filter_map(|index| paths::bootorder_line(&machine, &layout, index)).collect();
        let expected = [
            "/pcie@10000000/scsi@7/disk@0,0",
            "/pcie@10000000/pci8086,2922@5,6/drive@2/disk@0",
            "/pcie@10000000/pci-bridge@8/pci1b36,0010@0/namespace@1,0",
        ];
        assert_eq!(lines, expected);
        assert_eq!(paths::uefi_path(&machine, &layout, 0).unwrap(), "AcpiRoot(0x0)/Pci(0x7,0x0)");
    }
}

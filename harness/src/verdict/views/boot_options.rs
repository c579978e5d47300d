//! BootOrder in the words of the machine.

use super::lines::Lines;
use crate::evidence::nvram::BootOptions;
use crate::machine::layout::Layout;
use crate::machine::{DeviceName, Machine, paths};
use crate::trace::Names;

/// The devices that have a bootindex, in its order.
pub fn asked(machine: &Machine) -> Vec<String> {
    let ranked = paths::ranked(machine).into_iter();
    ranked.filter_map(|index| machine.name_of(index)).map(|name| name.to_string()).collect()
}

/// Device path text and name of each drive without a medium.
pub fn empty_drives(machine: &Machine, layout: &Layout) -> Vec<(String, DeviceName)> {
    let devices = machine.devices.iter().enumerate();
    let drives = devices.filter(|(_, device)| device.optical && device.medium.is_none());
    drives.filter_map(|(index, _)| Some((paths::uefi_path(machine, layout, index)?, machine.name_of(index)?))).collect()
}

/// An order of options: the device of each, or its description in quotes. A NIC has an option for each protocol; several options
/// of one device in a row are one.
pub fn in_words(names: &Names, empty: &[(String, DeviceName)], options: &BootOptions, order: &[u16]) -> Lines {
    let mut words: Vec<String> = order.iter().map(|&number| word(names, empty, options, number)).collect();
    words.dedup();
    words.into_iter().collect()
}

fn word(names: &Names, empty: &[(String, DeviceName)], options: &BootOptions, number: u16) -> String {
    let Some(option) = options.by_number.get(&number) else { return format!("Boot{number:04X}") };
    let path = &option.device_path;
    let without_medium = || empty.iter().find(|(at, _)| at == path).map(|(_, name)| name.clone());
    let known = names.device_at(path).or_else(without_medium);
    known.map_or_else(|| format!("{:?}", option.description), |name| name.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::nvram::LoadOption;
    use crate::machine::{Firmware, Medium};

    fn option(description: &str, device_path: &str) -> LoadOption {
        LoadOption {
            attributes: 1,
            description: description.to_owned(),
            device_path: device_path.to_owned(),
            device_path_bytes: Vec::new(),
            optional_data: Vec::new(),
        }
    }

    #[test]
    fn devices_are_asked_for_by_rising_bootindex() {
        let machine = Machine::q35(Firmware::Ovmf).virtio_blk(Medium::bootable("second")).bootindex(7);
        let machine = machine.virtio_blk(Medium::bootable("unlisted"));
        assert_eq!(asked(&machine.virtio_blk(Medium::bootable("first")).bootindex(0)), ["first", "second"]);
    }

    #[test]
    fn an_option_is_called_by_its_device_or_else_by_its_description() {
        let names =
            Names { uefi: vec![("PciRoot(0x0)/Pci(0x3,0x0)".to_owned(), "disk".to_owned())], ..Names::default() };
        let mut options = BootOptions::default();
        options.by_number.insert(0, option("UiApp", "Fv(7CB8BDC9)/FvFile(462CAA21)"));
        options.by_number.insert(1, option("UEFI Misc Device", "PciRoot(0x0)/Pci(0x3,0x0)"));
        options.by_number.insert(2, option("again", "PciRoot(0x0)/Pci(0x3,0x0)/HD(1,MBR,0x0,0x0,0x0)"));
        options.by_number.insert(3, option("DVD-ROM", "PciRoot(0x0)/Pci(0x1F,0x2)/Sata(0x0,0xFFFF,0x0)"));
        let mut machine = Machine::q35(Firmware::Ovmf).ahci(0, Medium::bootable("gone")).bootindex(1);
        machine.devices[0].medium = None;
        machine.devices[0].optical = true;
        let empty = empty_drives(&machine, &Layout::of(&machine).unwrap());
        let words = in_words(&names, &empty, &options, &[3, 1, 2, 0, 9]);
        assert_eq!(words.to_string(), "ahci-0 | disk | \"UiApp\" | Boot0009");
        assert_eq!(asked(&machine), ["ahci-0"]);
    }
}

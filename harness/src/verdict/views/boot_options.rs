//! BootOrder in the words of the machine.

use crate::evidence::nvram::BootOptions;
use crate::machine::{DeviceClass, Machine, paths};
use crate::trace::Names;

/// Between the devices of an order.
const BAR: &str = " | ";

/// The devices that have a bootindex, in its order: by the names of their media, NICs as `nic0`, `nic1` in device order. A drive
/// without a medium has no name.
pub fn asked(machine: &Machine) -> Vec<String> {
    let is_nic = |index: usize| matches!(machine.devices[index].class, DeviceClass::Nic(_));
    let name = |index: usize| match is_nic(index) {
        true => Some(nic((0..index).filter(|&before| is_nic(before)).count())),
        false => machine.devices[index].name().map(str::to_owned),
    };
    paths::ranked(machine).into_iter().filter_map(name).collect()
}

/// An order of options: the device of each, or its description in quotes. A NIC has an option for each protocol; several options
/// of one device in a row are one.
pub fn in_words(names: &Names, options: &BootOptions, order: &[u16]) -> String {
    let mut words: Vec<String> = order.iter().map(|&number| word(names, options, number)).collect();
    words.dedup();
    words.join(BAR)
}

fn word(names: &Names, options: &BootOptions, number: u16) -> String {
    let Some(option) = options.by_number.get(&number) else { return format!("Boot{number:04X}") };
    let path = &option.device_path;
    let over_nic = || {
        let device = names.nic_at(path)?.device;
        names.nics.iter().position(|known| known.device == device).map(nic)
    };
    names.medium_at(path).map(str::to_owned).or_else(over_nic).unwrap_or_else(|| format!("{:?}", option.description))
}

fn nic(number: usize) -> String {
    format!("nic{number}")
}

/// Whether an order begins with the devices that were asked for. Those that firmware made no option for do not count.
pub fn begins_with(order: &str, asked: &str) -> bool {
    let order: Vec<&str> = order.split(BAR).collect();
    let due: Vec<&str> = asked.split(BAR).filter(|device| order.contains(device)).collect();
    order.starts_with(&due)
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
        assert_eq!(in_words(&names, &options, &[1, 2, 0, 9]), "disk | \"UiApp\" | Boot0009");
    }

    #[test]
    fn an_order_must_begin_with_what_was_asked_for() {
        assert!(begins_with("a | b | \"UiApp\"", "a | b"));
        assert!(begins_with("b | \"UiApp\"", "a | b"), "no option for a");
        assert!(begins_with("\"UiApp\" | a", ""));
        assert!(!begins_with("b | a", "a | b"));
        assert!(!begins_with("\"UiApp\" | a", "a"));
    }
}

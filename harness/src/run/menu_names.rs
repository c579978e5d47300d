//! Where the entries of a boot menu lead that shows descriptions alone.

use crate::evidence::nvram::BootOptions;
use crate::trace::Names;
use crate::trace::menu::Menu;

/// Gives the device to each entry that says none, by the one boot option of the store that is called so.
pub fn find(menus: &mut [Menu], names: &Names, options: &BootOptions) {
    for entry in menus.iter_mut().flat_map(|menu| &mut menu.entries).filter(|entry| entry.device.is_none()) {
        let mut called = options.by_number.values().filter(|option| option.description.trim() == entry.name);
        if let (Some(option), None) = (called.next(), called.next()) {
            entry.device = names.device_at(&option.device_path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::nvram::LoadOption;
    use crate::machine::DeviceName;
    use crate::trace::menu::MenuEntry;

    #[test]
    fn an_entry_leads_where_the_only_option_of_its_name_does() {
        let option = |description: &str, path: &str| LoadOption {
            attributes: 1,
            description: description.to_owned(),
            device_path: path.to_owned(),
            device_path_bytes: Vec::new(),
            optional_data: Vec::new(),
        };
        let all = [
            option("UEFI Disk ", "PciRoot(0x0)/Pci(0x4,0x0)"),
            option("Twice", "a"),
            option("Twice", "b"),
            option("Shell", "Fv(1)"),
        ];
        let options = BootOptions { order: None, by_number: (1..).zip(all).collect() };
        let names =
            Names { uefi: vec![("PciRoot(0x0)/Pci(0x4,0x0)".to_owned(), "disk".to_owned())], ..Names::default() };
        let entry = |name: &str, device| MenuEntry { key: None, name: name.to_owned(), device };
        let known = Some(DeviceName::medium("known"));
        let entries = vec![
            entry("UEFI Disk", None),
            entry("Twice", None),
            entry("Shell", None),
            entry("UEFI Disk", known.clone()),
        ];
        let mut menus = [Menu { lap: 1, offer: String::new(), entries }];
        find(&mut menus, &names, &options);
        let devices: Vec<_> = menus[0].entries.iter().map(|entry| entry.device.clone()).collect();
        assert_eq!(devices, [Some(DeviceName::medium("disk")), None, None, known]);
    }
}

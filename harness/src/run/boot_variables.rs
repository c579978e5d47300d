//! The boot variables of a machine as values: device paths are of its layout and of the partitions in its images as built.

use std::collections::BTreeMap;

use bootwright_images::{Content, EspPlace, MediumKind, MediumSpec, build};

use super::error::RunError;
use super::seed::nonce;
use crate::evidence::nvram::{LoadOption, NewVariable, device_path_bytes};
use crate::machine::argv::mac;
use crate::machine::layout::Layout;
use crate::machine::{BootOption, Machine, OptionTarget, paths};

/// `LOAD_OPTION_ACTIVE` (UEFI specification, section 3.1.3).
const ACTIVE: u32 = 1;

/// `LOAD_OPTION_HIDDEN`.
const HIDDEN: u32 = 8;

/// How edk2's options name a protocol whose addresses are not known yet (`PxeBcCreateIp4Children` and `PxeBcCreateIp6Children` in
/// `NetworkPkg/UefiPxeBcDxe/PxeBcDriver.c`, `HttpBootDxe.c` beside it).
const IPV4: &str = "IPv4(0.0.0.0,0x0,DHCP,0.0.0.0,0.0.0.0,0.0.0.0)";
const IPV6: &str = "IPv6(::,0x0,Static,::,0x40,::)";

/// What a disk that the machine does not have boots.
const ELSEWHERE: &str = r"\EFI\OTHER\A.EFI";

/// What the device paths of a machine's options are made of.
pub struct Places<'a> {
    /// The machine.
    pub machine: &'a Machine,
    /// Where its devices sit.
    pub layout: &'a Layout,
    /// The EFI system partition of each medium that has one, by name.
    pub esps: &'a BTreeMap<String, EspPlace>,
    /// Seed of the run and id of the case, for the partitions of media that the machine does not have.
    pub origin: (u64, &'a str),
}

impl Places<'_> {
    /// Name and value of each variable that the machine finds in its store.
    ///
    /// # Errors
    ///
    /// The option whose target has no device path, and why.
    pub fn variables(&self) -> Result<Vec<NewVariable>, RunError> {
        let boot = &self.machine.variable_store.boot;
        let mut variables = Vec::new();
        for option in &boot.options {
            let name = format!("Boot{:04X}", option.number);
            let value = self.load_option(option).map_err(|error| RunError::because(name.clone(), error))?;
            variables.push(NewVariable::global(name, value.encode()));
        }
        let words = |numbers: &[u16]| numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<u8>>();
        variables.extend(boot.order.as_deref().map(|order| NewVariable::global("BootOrder", words(order))));
        variables.extend(boot.next.map(|next| NewVariable::global("BootNext", words(&[next]))));
        Ok(variables)
    }

    fn load_option(&self, option: &BootOption) -> Result<LoadOption, RunError> {
        let written = |text: &str| {
            device_path_bytes(text).map_err(|error| RunError::because("its device path cannot be written", error))
        };
        let device_path_bytes = match &option.target {
            OptionTarget::File { medium, path } => written(&format!("{}/{path}", self.partition(medium)?))?,
            OptionTarget::FullPath { medium, path } => {
                written(&format!("{}/{}/{path}", self.device(medium)?, self.partition(medium)?))?
            }
            OptionTarget::Device(name) => written(&self.device(name)?)?,
            OptionTarget::Pxe(nic) => written(&self.over(nic, IPV4)?)?,
            OptionTarget::Http(nic) => written(&format!("{}/Uri()", self.over(nic, IPV4)?))?,
            OptionTarget::PxeIpv6(nic) => written(&self.over(nic, IPV6)?)?,
            OptionTarget::HttpIpv6(nic) => written(&format!("{}/Uri()", self.over(nic, IPV6)?))?,
            OptionTarget::Raw(digits) => bytes(digits)?,
        };
        Ok(LoadOption {
            attributes: if option.active { ACTIVE } else { 0 } | if option.hidden { HIDDEN } else { 0 },
            description: option.description.clone(),
            device_path: String::new(),
            device_path_bytes,
            optional_data: bytes(&option.optional_data)?,
        })
    }

    fn device(&self, name: &str) -> Result<String, RunError> {
        let index = self.machine.device_named(name);
        let path = index.and_then(|index| paths::uefi_path(self.machine, self.layout, index));
        path.ok_or_else(|| RunError::new(format!("this firmware has no device path for \"{name}\"")))
    }

    /// What edk2's PXE has of a NIC: its address, then the protocol.
    fn over(&self, name: &str, protocol: &str) -> Result<String, RunError> {
        let wrong = || RunError::new(format!("\"{name}\" is no NIC: wanted one to boot over"));
        let nic = self.machine.nic_named(name).ok_or_else(wrong)?;
        let address = mac(nic).replace(':', "");
        Ok(format!("{}/MAC({address},0x1)/{protocol}", self.device(name)?))
    }

    /// The partition of a medium: of the machine's own, or of a disk that it does not have.
    fn partition(&self, medium: &str) -> Result<String, RunError> {
        let foreign = || {
            // which file is on it changes nothing of its partition
            let spec = MediumSpec::new(medium, MediumKind::Disk, Content::installed(ELSEWHERE, false));
            let image = build(&spec, nonce(self.origin.0, self.origin.1, medium));
            image.map_err(|error| RunError::because("the disk elsewhere", error))
        };
        let place = match self.machine.device_with_medium(medium) {
            Some(_) => self.esps.get(medium).copied(),
            None => foreign()?.esp(MediumKind::Disk),
        };
        let place = place.ok_or_else(|| RunError::new(format!("medium \"{medium}\" has no EFI system partition")))?;
        Ok(paths::partition_node(&place))
    }
}

/// What hexadecimal digits stand for.
fn bytes(digits: &str) -> Result<Vec<u8>, RunError> {
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let all: Option<Vec<u8>> = digits.as_bytes().chunks(2).map(byte).collect();
    let whole = all.filter(|_| digits.len().is_multiple_of(2) && digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
    whole.ok_or_else(|| RunError::new(format!("{digits:?}: wanted pairs of hexadecimal digits")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::{BootVariables, Firmware, Medium, VariableStore};

    const LOADER: &str = r"\EFI\debian\grubx64.efi";

    fn options(boot: BootVariables) -> Result<Vec<(String, String)>, RunError> {
        let machine = Machine::q35(Firmware::Ovmf).virtio_blk(Medium::installed("root", LOADER)).slot(4);
        let machine = machine.virtio_blk(Medium::blank("data")).nic("virtio-net-pci", None).slot(6);
        let machine = machine.variable_store(VariableStore::holding(boot));
        let layout = Layout::of(&machine).unwrap();
        let spec = machine.devices[0].medium.as_ref().unwrap().spec(MediumKind::Disk, None, Default::default());
        let esp = build(&spec, nonce(1, "a::b", "root")).unwrap().esp(MediumKind::Disk).unwrap();
        let esps = BTreeMap::from([("root".to_owned(), esp)]);
        let places = Places { machine: &machine, layout: &layout, esps: &esps, origin: (1, "a::b") };
        let decoded = |NewVariable { name, data, .. }: NewVariable| match LoadOption::decode(&data) {
            Ok(option) if name != "BootOrder" => (name, option.device_path),
            _ => (name, format!("{data:?}")),
        };
        Ok(places.variables()?.into_iter().map(decoded).collect())
    }

    #[test]
    fn a_file_is_named_by_its_partition_and_a_device_by_its_place() {
        let boot = BootVariables::new()
            .option(1, "short", OptionTarget::file("root", LOADER))
            .option(2, "whole", OptionTarget::full_path("root", LOADER))
            .option(3, "device", OptionTarget::device("data"))
            .option(4, "raw", OptionTarget::Raw("7fff0400".to_owned()))
            .order(&[2, 1]);
        let written = options(boot).unwrap();
        let short = written[0].1.clone();
        assert!(
            short.starts_with("HD(1,GPT,") && short.ends_with(r",0x800,0x36C1)/\EFI\debian\grubx64.efi"),
            "{short}"
        );
        assert_eq!(written[1].1, format!("PciRoot(0x0)/Pci(0x4,0x0)/{short}"));
        assert_eq!(written[2].1, "PciRoot(0x0)/Pci(0x3,0x0)");
        assert_eq!((written[3].1.as_str(), written[4].1.as_str()), ("", "[2, 0, 1, 0]"));
    }

    #[test]
    fn a_nic_is_named_by_its_address_and_the_protocol() {
        let boot = BootVariables::new().option(1, "pxe", OptionTarget::pxe("nic0")).option(
            2,
            "http",
            OptionTarget::http("nic0"),
        );
        let pxe = "PciRoot(0x0)/Pci(0x6,0x0)/MAC(525400123412,0x1)/IPv4(0.0.0.0,0x0,DHCP,0.0.0.0,0.0.0.0,0.0.0.0)";
        let paths: Vec<String> = options(boot).unwrap().into_iter().map(|(_, path)| path).collect();
        assert_eq!(paths, [pxe.to_owned(), format!("{pxe}/Uri()")]);
    }

    #[test]
    fn the_partition_of_a_disk_that_is_not_there_is_another_one() {
        let one =
            |medium: &str| options(BootVariables::new().option(1, "a", OptionTarget::file(medium, LOADER))).unwrap();
        assert_ne!(one("elsewhere"), one("root"));
        assert_eq!(one("elsewhere"), one("elsewhere"));
        let long =
            options(BootVariables::new().option(1, "a", OptionTarget::file("elsewhere", r"\EFI\a long name.efi")));
        assert!(long.unwrap()[0].1.ends_with(r"/\EFI\a long name.efi"));
    }

    #[test]
    fn an_option_without_a_device_path_is_named() {
        let refused = |target: OptionTarget| {
            crate::error::chain(&options(BootVariables::new().option(0xab, "a", target)).unwrap_err())
        };
        assert!(
            refused(OptionTarget::device("gone"))
                .starts_with("Boot00AB: this firmware has no device path for \"gone\"")
        );
        assert!(refused(OptionTarget::file("data", r"\a.efi")).contains("\"data\" has no EFI system partition"));
        assert!(refused(OptionTarget::pxe("data")).contains("\"data\" is no NIC: wanted one to boot over"));
        assert!(refused(OptionTarget::Raw("7ff".to_owned())).contains("wanted pairs of hexadecimal digits"));
    }
}

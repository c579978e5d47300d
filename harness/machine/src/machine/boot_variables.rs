//! The boot variables that a machine finds in its store at power-on, as data: what an installer, or a firmware before this one,
//! has left there (UEFI specification, sections 3.1 and 3.3).
//!
//! ```
//! use bootwright_machine::machine::{BootVariables, OptionTarget};
//!
//! let debian = OptionTarget::file("root", r"\EFI\debian\grubx64.efi");
//! let boot = BootVariables::new().option(0x1, "debian", debian).order(&[0x1]).next(0x1);
//! assert_eq!(boot.options[0].number, 1);
//! ```

use serde::{Deserialize, Serialize};

/// What a boot option names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
pub enum OptionTarget {
    /// A file on the EFI system partition of a medium, by the short form that installers write: `HD(...)` and the file.
    File {
        /// The medium, in a disk of the machine or not: the partition of a medium that the machine does not have is one that it
        /// does not find.
        medium: String,
        /// The file, such as `\EFI\debian\grubx64.efi`, whether or not it is there.
        path: String,
    },
    /// The same by the whole device path, from `PciRoot(0x0)` on.
    FullPath {
        /// The medium, in a disk of the machine.
        medium: String,
        /// The file.
        path: String,
    },
    /// A whole device, as OVMF's own options are: firmware looks for the removable media path.
    Device(String),
    /// PXE over IPv4 from a NIC of the machine.
    Pxe(String),
    /// UEFI HTTP boot over IPv4 from a NIC of the machine, whose URL comes by DHCP.
    Http(String),
    /// PXE over IPv6 from a NIC of the machine.
    PxeIpv6(String),
    /// UEFI HTTP boot over IPv6 from a NIC of the machine, whose URL comes by DHCPv6.
    HttpIpv6(String),
    /// A device path as its bytes, in hexadecimal digits, its end node included.
    Raw(String),
}

impl OptionTarget {
    /// A file on the EFI system partition of a medium, by the short form that installers write.
    pub fn file(medium: &str, path: &str) -> OptionTarget {
        OptionTarget::File { medium: medium.to_owned(), path: path.to_owned() }
    }

    /// A file on the EFI system partition of a medium, by its whole device path.
    pub fn full_path(medium: &str, path: &str) -> OptionTarget {
        OptionTarget::FullPath { medium: medium.to_owned(), path: path.to_owned() }
    }

    /// A whole device.
    pub fn device(name: &str) -> OptionTarget {
        OptionTarget::Device(name.to_owned())
    }

    /// PXE over IPv4 from a NIC.
    pub fn pxe(nic: &str) -> OptionTarget {
        OptionTarget::Pxe(nic.to_owned())
    }

    /// UEFI HTTP boot over IPv4 from a NIC.
    pub fn http(nic: &str) -> OptionTarget {
        OptionTarget::Http(nic.to_owned())
    }

    /// PXE over IPv6 from a NIC.
    pub fn pxe_ipv6(nic: &str) -> OptionTarget {
        OptionTarget::PxeIpv6(nic.to_owned())
    }

    /// UEFI HTTP boot over IPv6 from a NIC.
    pub fn http_ipv6(nic: &str) -> OptionTarget {
        OptionTarget::HttpIpv6(nic.to_owned())
    }

    /// The NIC that it boots over, where it boots over one.
    pub fn nic(&self) -> Option<&str> {
        match self {
            OptionTarget::Pxe(nic)
            | OptionTarget::Http(nic)
            | OptionTarget::PxeIpv6(nic)
            | OptionTarget::HttpIpv6(nic) => Some(nic),
            OptionTarget::File { .. }
            | OptionTarget::FullPath { .. }
            | OptionTarget::Device(_)
            | OptionTarget::Raw(_) => None,
        }
    }
}

/// A `Boot####` variable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct BootOption {
    /// Its number.
    pub number: u16,
    /// What a menu calls it.
    pub description: String,
    /// What it names.
    pub target: OptionTarget,
    /// Whether firmware tries it by itself (`LOAD_OPTION_ACTIVE`).
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub active: bool,
    /// Whether menus leave it out (`LOAD_OPTION_HIDDEN`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hidden: bool,
    /// What the program is given, in hexadecimal digits.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub optional_data: String,
}

fn is_yes(active: &bool) -> bool {
    *active
}

fn yes() -> bool {
    true
}

/// `Boot####`, BootOrder and BootNext at power-on.
#[must_use = "words about boot variables give new ones back"]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct BootVariables {
    /// Boot options, in or out of the order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<BootOption>,
    /// BootOrder, by numbers of options that there are or are not; left out, there is no such variable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<Vec<u16>>,
    /// BootNext.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<u16>,
}

impl BootVariables {
    /// None.
    pub fn new() -> BootVariables {
        BootVariables::default()
    }

    /// Adds an active option.
    pub fn option(mut self, number: u16, description: &str, target: OptionTarget) -> BootVariables {
        let (description, optional_data) = (description.to_owned(), String::new());
        self.options.push(BootOption { number, description, target, active: true, hidden: false, optional_data });
        self
    }

    /// The option added last gives its program this text: UCS-2 and a NUL, as `efibootmgr --unicode` writes it.
    pub fn arguments(mut self, text: &str) -> BootVariables {
        let bytes = text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes);
        let digits: String = bytes.map(|byte| format!("{byte:02x}")).collect();
        self.options.iter_mut().last().into_iter().for_each(|option| option.optional_data.clone_from(&digits));
        self
    }

    /// The option added last is not active.
    pub fn inactive(mut self) -> BootVariables {
        self.options.iter_mut().last().into_iter().for_each(|option| option.active = false);
        self
    }

    /// The option added last is hidden.
    pub fn hidden(mut self) -> BootVariables {
        self.options.iter_mut().last().into_iter().for_each(|option| option.hidden = true);
        self
    }

    /// Says BootOrder.
    pub fn order(mut self, numbers: &[u16]) -> BootVariables {
        self.order = Some(numbers.to_vec());
        self
    }

    /// Says BootNext.
    pub fn next(mut self, number: u16) -> BootVariables {
        self.next = Some(number);
        self
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        *self == BootVariables::default()
    }

    /// The devices or media that must be in the machine, by name, and the place of the option that names each.
    pub fn names(&self) -> impl Iterator<Item = (usize, &str)> {
        self.options.iter().enumerate().filter_map(|(index, option)| match &option.target {
            OptionTarget::FullPath { medium, .. } => Some((index, medium.as_str())),
            OptionTarget::Device(name) => Some((index, name.as_str())),
            target => target.nic().map(|nic| (index, nic)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_is_written_without_what_is_usual() {
        let boot = BootVariables::new().option(1, "a", OptionTarget::device("disk")).inactive().order(&[1]);
        let text = serde_json::to_string(&boot).unwrap();
        let wanted =
            r#"{"options":[{"number":1,"description":"a","target":{"device":"disk"},"active":false}],"order":[1]}"#;
        assert_eq!(text, wanted);
        assert_eq!(serde_json::from_str::<BootVariables>(&text).unwrap(), boot);
        let active = text.replace(",\"active\":false", "");
        assert!(serde_json::from_str::<BootVariables>(&active).unwrap().options[0].active);
    }

    #[test]
    fn only_options_that_need_a_device_of_the_machine_name_one() {
        let boot = BootVariables::new()
            .option(1, "a", OptionTarget::file("elsewhere", r"\a.efi"))
            .option(2, "b", OptionTarget::full_path("root", r"\a.efi"))
            .option(3, "c", OptionTarget::device("nic0"))
            .option(4, "d", OptionTarget::http("nic1"));
        assert_eq!(boot.names().collect::<Vec<_>>(), [(1, "root"), (2, "nic0"), (3, "nic1")]);
        assert!(!boot.is_empty() && BootVariables::new().is_empty());
    }
}

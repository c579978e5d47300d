//! Models of network interface cards: QEMU's device names, and what firmware finds on each.

use std::fmt;
use std::str::FromStr;

use serde::de::{self, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A model of network interface card.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NicModel {
    /// `virtio-net-pci`.
    VirtioNet,
    /// `virtio-net-pci-transitional`.
    VirtioNetTransitional,
    /// `virtio-net-pci-non-transitional`.
    VirtioNetNonTransitional,
    /// `virtio-net-ccw`, on a channel subsystem.
    VirtioNetCcw,
    /// `spapr-vlan`, on the hypervisor's bus of a `pseries`.
    SpaprVlan,
    /// `e1000`.
    E1000,
    /// `e1000e`.
    E1000e,
    /// `rtl8139`.
    Rtl8139,
    /// `vmxnet3`.
    Vmxnet3,
    /// `pcnet`.
    Pcnet,
    /// `ne2k_pci`.
    Ne2kPci,
    /// `i82550`.
    I82550,
    /// `i82551`.
    I82551,
    /// `i82557a`.
    I82557a,
    /// `i82559er`.
    I82559er,
    /// `i82801`.
    I82801,
    /// `igb`, since QEMU 8.0.
    Igb,
    /// `tulip`.
    Tulip,
    /// A model that the harness knows nothing of, made by [`NicModel::other`].
    Other(OtherNic),
    /// A word that is no known model, and was not said to be one on purpose; a layout refuses it.
    Unknown(String),
}

/// The name of a model that the harness knows nothing of: letters, digits, `-`, `_` and `.` only.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OtherNic(String);

/// What drives a NIC under OVMF.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum UefiDriver {
    /// OVMF itself.
    Firmware,
    /// The EFI part of the option ROM that QEMU brings.
    OptionRom,
}

/// A word that is no model's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "no network card that the harness knows is called \"{name}\": known are {}; for another one write \
     NicModel::other (in a file {{ \"other\": \"NAME\" }}), whose name has letters, digits, '-', '_' and '.' only",
    NicModel::KNOWN.map(|model| model.name().to_owned()).join(", ")
)]
pub struct UnknownNic {
    /// What was wanted.
    pub name: String,
}

impl NicModel {
    /// Every model that the harness knows.
    pub const KNOWN: [NicModel; 18] = [
        NicModel::VirtioNet,
        NicModel::VirtioNetTransitional,
        NicModel::VirtioNetNonTransitional,
        NicModel::E1000,
        NicModel::E1000e,
        NicModel::Rtl8139,
        NicModel::Vmxnet3,
        NicModel::Pcnet,
        NicModel::Ne2kPci,
        NicModel::I82550,
        NicModel::I82551,
        NicModel::I82557a,
        NicModel::I82559er,
        NicModel::I82801,
        NicModel::Igb,
        NicModel::Tulip,
        NicModel::VirtioNetCcw,
        NicModel::SpaprVlan,
    ];

    /// A model that the harness knows nothing of. It counts as one with an option ROM for BIOS and UEFI.
    ///
    /// # Errors
    ///
    /// [`UnknownNic`] for a name that could smuggle options into the command line.
    pub fn other(name: &str) -> Result<NicModel, UnknownNic> {
        let fits = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.');
        if name.is_empty() || !name.chars().all(fits) {
            return Err(UnknownNic { name: name.to_owned() });
        }
        Ok(name.parse().unwrap_or_else(|_| NicModel::Other(OtherNic(name.to_owned()))))
    }

    /// QEMU's device name.
    pub fn name(&self) -> &str {
        match self {
            NicModel::VirtioNet => "virtio-net-pci",
            NicModel::VirtioNetTransitional => "virtio-net-pci-transitional",
            NicModel::VirtioNetNonTransitional => "virtio-net-pci-non-transitional",
            NicModel::VirtioNetCcw => "virtio-net-ccw",
            NicModel::SpaprVlan => "spapr-vlan",
            NicModel::E1000 => "e1000",
            NicModel::E1000e => "e1000e",
            NicModel::Rtl8139 => "rtl8139",
            NicModel::Vmxnet3 => "vmxnet3",
            NicModel::Pcnet => "pcnet",
            NicModel::Ne2kPci => "ne2k_pci",
            NicModel::I82550 => "i82550",
            NicModel::I82551 => "i82551",
            NicModel::I82557a => "i82557a",
            NicModel::I82559er => "i82559er",
            NicModel::I82801 => "i82801",
            NicModel::Igb => "igb",
            NicModel::Tulip => "tulip",
            NicModel::Other(OtherNic(name)) | NicModel::Unknown(name) => name,
        }
    }

    /// The file of the iPXE option ROM that QEMU brings for it (`romfile` in the model's class in QEMU's `hw/net`); `None` for
    /// a model that has none or that the harness knows nothing of.
    pub fn rom_file(&self) -> Option<&'static str> {
        use NicModel as Model;
        match self {
            Model::VirtioNet | Model::VirtioNetTransitional | Model::VirtioNetNonTransitional => Some("efi-virtio.rom"),
            Model::E1000 => Some("efi-e1000.rom"),
            Model::E1000e => Some("efi-e1000e.rom"),
            Model::Rtl8139 => Some("efi-rtl8139.rom"),
            Model::Vmxnet3 => Some("efi-vmxnet3.rom"),
            Model::Pcnet => Some("efi-pcnet.rom"),
            Model::Ne2kPci => Some("efi-ne2k_pci.rom"),
            Model::I82550 | Model::I82551 | Model::I82557a | Model::I82559er | Model::I82801 => {
                Some("pxe-eepro100.rom")
            }
            Model::VirtioNetCcw | Model::SpaprVlan | Model::Igb | Model::Tulip => None,
            Model::Other(_) | Model::Unknown(_) => None,
        }
    }

    /// The models that share no ROM file: the first one of each of QEMU's iPXE ROMs.
    pub fn one_for_each_rom() -> Vec<NicModel> {
        let mut models: Vec<NicModel> = Vec::new();
        for model in NicModel::KNOWN {
            if model.rom_file().is_some() && models.iter().all(|other| other.rom_file() != model.rom_file()) {
                models.push(model);
            }
        }
        models
    }

    /// Whether QEMU brings an iPXE option ROM for it, as far as is known: igb and tulip have none.
    pub fn has_ipxe_rom(&self) -> bool {
        self.rom_file().is_some() || matches!(self, NicModel::Other(_) | NicModel::Unknown(_))
    }

    /// What drives it under OVMF; `None` where nothing does: the eepro100 family has a ROM for BIOS only.
    pub fn uefi_driver(&self) -> Option<UefiDriver> {
        use NicModel as Model;
        match self {
            Model::VirtioNet | Model::VirtioNetTransitional | Model::VirtioNetNonTransitional => {
                Some(UefiDriver::Firmware)
            }
            Model::E1000 | Model::E1000e | Model::Rtl8139 | Model::Vmxnet3 | Model::Pcnet | Model::Ne2kPci => {
                Some(UefiDriver::OptionRom)
            }
            Model::Other(_) | Model::Unknown(_) => Some(UefiDriver::OptionRom),
            Model::I82550 | Model::I82551 | Model::I82557a | Model::I82559er | Model::I82801 => None,
            Model::VirtioNetCcw | Model::SpaprVlan | Model::Igb | Model::Tulip => None,
        }
    }
}

impl fmt::Display for NicModel {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

impl FromStr for NicModel {
    type Err = UnknownNic;

    fn from_str(name: &str) -> Result<NicModel, UnknownNic> {
        let known = NicModel::KNOWN.into_iter().find(|model| model.name() == name);
        known.ok_or_else(|| UnknownNic { name: name.to_owned() })
    }
}

impl From<&NicModel> for NicModel {
    fn from(model: &NicModel) -> NicModel {
        model.clone()
    }
}

impl From<&str> for NicModel {
    /// A model by its name; a name that is none is refused when the machine is laid out.
    fn from(name: &str) -> NicModel {
        name.parse().unwrap_or_else(|_| NicModel::Unknown(name.to_owned()))
    }
}

/// A known model as its name, another one as `{ "other": NAME }`.
impl Serialize for NicModel {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            NicModel::Other(OtherNic(name)) => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry("other", name)?;
                map.end()
            }
            known => serializer.serialize_str(known.name()),
        }
    }
}

impl<'de> Deserialize<'de> for NicModel {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<NicModel, D::Error> {
        deserializer.deserialize_any(ModelVisitor)
    }
}

impl schemars::JsonSchema for NicModel {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "NicModel".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let known = NicModel::KNOWN.map(|model| model.name().to_owned());
        schemars::json_schema!({
            "description": "A model of network card, by QEMU's name; another one than these as { \"other\": NAME }.",
            "anyOf": [
                { "type": "string", "enum": known },
                {
                    "type": "object",
                    "properties": { "other": { "type": "string", "pattern": "^[A-Za-z0-9._-]+$" } },
                    "required": ["other"],
                    "additionalProperties": false
                }
            ]
        })
    }
}

struct ModelVisitor;

impl<'de> Visitor<'de> for ModelVisitor {
    type Value = NicModel;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("the name of a network card, or { \"other\": NAME }")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<NicModel, E> {
        name.parse().map_err(E::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<NicModel, A::Error> {
        let Some((key, name)) = map.next_entry::<String, String>()? else {
            return Err(de::Error::missing_field("other"));
        };
        match (key.as_str(), map.next_key::<String>()?) {
            ("other", None) => NicModel::other(&name).map_err(de::Error::custom),
            ("other", Some(more)) => Err(de::Error::unknown_field(&more, &["other"])),
            _ => Err(de::Error::unknown_field(&key, &["other"])),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_model_is_read_by_its_name_and_another_one_only_where_it_is_said_to_be_one() {
        for model in NicModel::KNOWN {
            assert_eq!(NicModel::from(model.name()), model);
            assert_eq!(NicModel::other(model.name()), Ok(model));
        }
        assert_eq!(NicModel::other("usb-net").unwrap().name(), "usb-net");
        assert_eq!(NicModel::from("usb-net"), NicModel::Unknown("usb-net".to_owned()));
    }

    #[test]
    fn a_name_that_smuggles_options_is_no_model() {
        for name in ["", "e1000,romfile=/etc/passwd", "e1000 -S", "a=b"] {
            assert!(NicModel::other(name).is_err(), "{name}");
        }
    }

    #[test]
    fn models_read_back_from_json_and_a_misspelt_one_does_not() {
        for model in [NicModel::E1000e, NicModel::other("usb-net").unwrap()] {
            let text = serde_json::to_string(&model).unwrap();
            assert_eq!(serde_json::from_str::<NicModel>(&text).unwrap(), model);
        }
        for text in ["\"e1001\"", "{\"other\":\"a,b\"}", "{\"another\":\"x\"}", "{}", "{\"other\":\"x\",\"y\":\"z\"}"] {
            assert!(serde_json::from_str::<NicModel>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn one_model_stands_for_each_rom() {
        let names: Vec<String> = NicModel::one_for_each_rom().iter().map(NicModel::to_string).collect();
        let wanted = ["virtio-net-pci", "e1000", "e1000e", "rtl8139", "vmxnet3", "pcnet", "ne2k_pci", "i82550"];
        assert_eq!(names, wanted);
        let without = NicModel::KNOWN.into_iter().filter(|model| !model.has_ipxe_rom());
        assert_eq!(
            without.collect::<Vec<_>>(),
            [NicModel::Igb, NicModel::Tulip, NicModel::VirtioNetCcw, NicModel::SpaprVlan]
        );
    }

    #[test]
    fn a_model_that_nothing_drives_has_no_driver() {
        let without = NicModel::KNOWN.into_iter().filter(|model| model.uefi_driver().is_none());
        let names: Vec<String> = without.map(|model| model.to_string()).collect();
        let wanted =
            ["i82550", "i82551", "i82557a", "i82559er", "i82801", "igb", "tulip", "virtio-net-ccw", "spapr-vlan"];
        assert_eq!(names, wanted);
    }
}

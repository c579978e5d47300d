//! Devices and media as people write them in a file: a class by its word, a medium by its name in `cargo xtask images --list`.
//!
//! What a short form leaves out is filled in here and nowhere else; a device that says everything is read as it stands.

use std::fmt;

use bootwright_images::{Content, Example, MediumKind, Signer, catalogue};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};

use super::{BlockSize, Device, DeviceClass, DiskClass, ImageFile, Medium, Place, SystemFiles, Value};

/// The word for a drive on the floppy controller, which no matrix of drives has.
const FLOPPY: &str = "floppy";

/// A device of a file.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Fields {
    /// What it is: the word of a class of drive, which then takes the next free place of its bus, or a class with its place.
    class: WrittenClass,
    /// What is in it; left out for an empty drive or a NIC.
    medium: Option<WrittenMedium>,
    /// Optical drive rather than disk, where the class can be both.
    optical: Option<bool>,
    /// Where its PCI function (or its adapter's) sits.
    #[serde(default)]
    place: Place,
    /// Requested PCI slot on its bus.
    slot: Option<u8>,
    /// Requested PCI function; anything but 0 needs a slot that another device shares.
    #[serde(default)]
    function: u8,
    /// The slot is multifunction (set on function 0).
    #[serde(default)]
    multifunction: bool,
    /// QEMU's `bootindex` property, passed through as given so that refused values can be tested.
    bootindex: Option<i64>,
    /// Logical geometry override `[lcyls, lheads, lsecs]` (fw_cfg `bios-geometry`).
    logical_geometry: Option<(u32, u32, u32)>,
    /// Block size where both are not 512.
    block_size: Option<BlockSize>,
    /// Additional properties as QEMU spells them.
    #[serde(default)]
    properties: Vec<(String, Value)>,
    /// Additional properties of the adapter or controller that it shares with others.
    #[serde(default)]
    adapter_properties: Vec<(String, Value)>,
    /// Defined, with its backing file, but not plugged in when the machine powers on.
    #[serde(default)]
    absent: bool,
}

/// A named medium.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[schemars(rename = "Medium")]
struct WrittenMedium {
    /// Its name, in the payload line and in every report.
    name: String,
    /// What it holds, by its name in `cargo xtask images --list`.
    image: Option<Image>,
    /// What it holds, in full; bootable where neither is said.
    content: Option<Content>,
    /// Size in 512-byte sectors, hard disks only; left out, the machine chooses one that no other disk of it has.
    sectors: Option<u64>,
    /// An image that somebody else made, in place of what is built; it is only read.
    file: Option<ImageFile>,
    /// A loader, a kernel and an initramfs that reports from user space, in place of what is built.
    system: Option<SystemFiles>,
    /// Whose key signs its EFI application; left out, nobody's.
    signed_by: Option<Signer>,
}

/// An image by its name.
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Image(Example);

impl TryFrom<String> for Image {
    type Error = String;

    fn try_from(name: String) -> Result<Image, String> {
        let known = catalogue().into_iter().find(|example| example.name == name);
        known.map(Image).ok_or_else(|| format!("no image is called \"{name}\"; there are {}", names().join(", ")))
    }
}

impl JsonSchema for Image {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Image".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({ "type": "string", "enum": names() })
    }
}

/// The names of the images that there are.
fn names() -> Vec<&'static str> {
    catalogue().into_iter().map(|example| example.name).collect()
}

/// A class as it is written.
enum WrittenClass {
    /// By its word.
    Word(DiskClass),
    /// A drive on the floppy controller.
    Floppy,
    /// With its place.
    Given(DeviceClass),
}

impl<'de> Deserialize<'de> for WrittenClass {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<WrittenClass, D::Error> {
        deserializer.deserialize_any(ClassVisitor)
    }
}

struct ClassVisitor;

impl<'de> Visitor<'de> for ClassVisitor {
    type Value = WrittenClass;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a class of drive such as \"ahci\", or a class with its place such as { ahci = { port = 1 } }")
    }

    fn visit_str<E: de::Error>(self, word: &str) -> Result<WrittenClass, E> {
        if word == FLOPPY {
            return Ok(WrittenClass::Floppy);
        }
        word.parse().map(WrittenClass::Word).map_err(|error| {
            E::custom(format!("{error}, {FLOPPY}; a network card is {{ nic = {{ model = \"e1000\", lan = 0 }} }}"))
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<WrittenClass, A::Error> {
        DeviceClass::deserialize(MapAccessDeserializer::new(map)).map(WrittenClass::Given)
    }
}

impl JsonSchema for WrittenClass {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Class".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let words: Vec<&str> = DiskClass::ALL.iter().map(|class| class.name()).chain([FLOPPY]).collect();
        let given = generator.subschema_for::<DeviceClass>();
        schemars::json_schema!({ "anyOf": [{ "type": "string", "enum": words }, given] })
    }
}

/// A device whose medium fits into it.
#[derive(Deserialize)]
#[serde(try_from = "Fields")]
pub(super) struct WrittenDevice {
    fields: Fields,
    medium: Option<Medium>,
    /// What the image asks of the drive.
    kind: Option<MediumKind>,
}

impl JsonSchema for WrittenDevice {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Device".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Fields::json_schema(generator)
    }
}

impl TryFrom<Fields> for WrittenDevice {
    type Error = String;

    fn try_from(mut fields: Fields) -> Result<WrittenDevice, String> {
        let Some(written) = fields.medium.take() else { return Ok(WrittenDevice { fields, medium: None, kind: None }) };
        if matches!(fields.class, WrittenClass::Given(DeviceClass::Nic(_))) {
            return Err(format!(
                "medium \"{}\" in a network card: a card takes none, give it to a drive",
                written.name
            ));
        }
        let example = written.image.map(|image| image.0);
        let kind = example.as_ref().map(|example| example.spec.kind);
        if let Some(example) = &example {
            fits(example, &fields).map_err(|wanted| {
                let (name, image) = (&written.name, example.name);
                format!("medium \"{name}\": image \"{image}\" does not go in there: it is for {wanted}")
            })?;
        }
        if let (Some(example), Some(file)) = (&example, &written.file) {
            let (name, image, path) = (&written.name, example.name, file.path.display());
            return Err(format!(
                "medium \"{name}\" has an image (\"{image}\") and a file ({path}): wanted one of them"
            ));
        }
        // what a system stands in place of is written out as blank
        let other_content = written.content.as_ref().is_some_and(|content| *content != Content::Blank);
        let others =
            [("an image", example.is_some()), ("a file", written.file.is_some()), ("a content", other_content)];
        if let (Some(_), Some((other, _))) = (&written.system, others.iter().find(|(_, given)| *given)) {
            let name = &written.name;
            return Err(format!("medium \"{name}\" has a system and {other}: wanted one of them"));
        }
        let content = match (&example, written.content) {
            (None, None) if written.system.is_some() => Content::Blank,
            (Some(example), Some(_)) => {
                let (name, image) = (&written.name, example.name);
                return Err(format!("medium \"{name}\" has an image (\"{image}\") and a content: wanted one of them"));
            }
            (Some(example), None) => example.spec.content.clone(),
            (None, content) => content.unwrap_or_else(Content::bootable),
        };
        let sectors = written.sectors.or_else(|| example.and_then(|example| example.spec.sectors));
        Ok(WrittenDevice {
            fields,
            medium: Some(Medium {
                name: written.name,
                content,
                sectors,
                file: written.file,
                system: written.system,
                signed_by: written.signed_by,
            }),
            kind,
        })
    }
}

/// Whether an image goes into a drive, or else what it is for. Of drives that can be several things the image decides.
fn fits(example: &Example, fields: &Fields) -> Result<(), &'static str> {
    let floppy = matches!(fields.class, WrittenClass::Floppy | WrittenClass::Given(DeviceClass::Floppy { .. }));
    let word_says_optical = matches!(fields.class, WrittenClass::Word(class) if class.is_optical());
    let optical = fields.optical.or(word_says_optical.then_some(true));
    let logical = fields.block_size.map(|size| size.logical);
    let (fit, wanted) = match example.spec.kind {
        MediumKind::Floppy => (floppy, "a floppy drive"),
        MediumKind::Cdrom => (
            !floppy && optical != Some(false) && can_be_optical(&fields.class),
            "an optical drive on IDE, AHCI or SCSI",
        ),
        MediumKind::Disk => (!floppy && optical != Some(true) && logical.is_none_or(|bytes| bytes == 512), "a disk"),
        MediumKind::Disk4Kn => {
            let right_size = logical.is_none_or(|bytes| bytes == 4096);
            (!floppy && optical != Some(true) && right_size, "a disk of 4096-byte sectors")
        }
        // a kind that no word of this file names yet
        _ => (false, "another drive"),
    };
    if fit { Ok(()) } else { Err(wanted) }
}

fn can_be_optical(class: &WrittenClass) -> bool {
    match class {
        WrittenClass::Floppy => false,
        WrittenClass::Word(class) => {
            class.is_optical()
                || matches!(class, DiskClass::VirtioScsi | DiskClass::Ahci | DiskClass::Ide | DiskClass::Scsi(_))
        }
        WrittenClass::Given(class) => matches!(
            class,
            DeviceClass::VirtioScsi { .. }
                | DeviceClass::Scsi { .. }
                | DeviceClass::Ide { .. }
                | DeviceClass::Ahci { .. }
        ),
    }
}

impl WrittenDevice {
    /// The device, with these before it.
    fn after(self, earlier: &[Device]) -> Device {
        let taken = |class: &DeviceClass| earlier.iter().any(|device| device.class == *class);
        let (class, word_says_optical) = match self.fields.class {
            WrittenClass::Given(class) => (class, false),
            WrittenClass::Floppy => {
                (DeviceClass::Floppy { unit: u8::from(taken(&DeviceClass::Floppy { unit: 0 })) }, false)
            }
            WrittenClass::Word(word) => {
                let free = (0..=u8::MAX).map(|rank| word.at_rank(rank)).find(|class| !taken(class));
                // a PCI function has no place on a bus of its own, and any number of them may be alike
                (free.unwrap_or_else(|| word.at_rank(0)), word.is_optical())
            }
        };
        let of_image = self.kind == Some(MediumKind::Cdrom);
        let block_size =
            (self.kind == Some(MediumKind::Disk4Kn)).then_some(BlockSize { logical: 4096, physical: 4096 });
        Device {
            class,
            medium: self.medium,
            optical: self.fields.optical.unwrap_or(word_says_optical || of_image),
            place: self.fields.place,
            slot: self.fields.slot,
            function: self.fields.function,
            multifunction: self.fields.multifunction,
            bootindex: self.fields.bootindex,
            logical_geometry: self.fields.logical_geometry,
            block_size: self.fields.block_size.or(block_size),
            properties: self.fields.properties,
            adapter_properties: self.fields.adapter_properties,
            absent: self.fields.absent,
        }
    }
}

/// Reads devices one after another, each word of a class at the next place that none before it has.
pub(super) fn devices<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Device>, D::Error> {
    deserializer.deserialize_seq(DevicesVisitor)
}

struct DevicesVisitor;

impl<'de> Visitor<'de> for DevicesVisitor {
    type Value = Vec<Device>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a list of devices")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut written: A) -> Result<Vec<Device>, A::Error> {
        let mut devices = Vec::new();
        while let Some(device) = written.next_element::<WrittenDevice>()? {
            let device = device.after(&devices);
            devices.push(device);
        }
        Ok(devices)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::{Firmware, Machine, SystemBootCode};

    fn read(devices: &str) -> Result<Vec<Device>, String> {
        let text = format!("firmware = \"seabios\"\nboard = \"pc\"\n{devices}");
        toml::from_str::<Machine>(&text).map(|machine| machine.devices).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn words_take_the_next_free_place_of_their_bus() {
        let text = r#"devices = [
            { class = "ahci" }, { class = { ahci = { port = 1 } } }, { class = "ahci-cd" }, { class = "virtio-blk" },
            { class = "virtio-blk" }, { class = "floppy" }, { class = "floppy" }, { class = "usb-xhci" }, { class = "usb-xhci" }]"#;
        let devices = read(text).unwrap();
        let class = |index: usize| devices[index].class.clone();
        assert_eq!((class(0), class(2)), (DeviceClass::Ahci { port: 0 }, DeviceClass::Ahci { port: 2 }));
        assert_eq!((devices[2].optical, devices[0].optical), (true, false));
        assert_eq!((class(3), class(4)), (DeviceClass::VirtioBlk, DeviceClass::VirtioBlk));
        assert_eq!((class(5), class(6)), (DeviceClass::Floppy { unit: 0 }, DeviceClass::Floppy { unit: 1 }));
        assert_ne!(class(7), class(8));
    }

    #[test]
    fn an_image_by_name_says_content_size_and_what_the_drive_must_be() {
        let text = r#"devices = [
            { class = "ahci", medium = { name = "cd", image = "cdrom-uefi" } },
            { class = "virtio-blk", medium = { name = "large", image = "disk-4kn" } },
            { class = "nvme", medium = { name = "huge", image = "disk-3tb" } },
            { class = "nvme", medium = { name = "plain" } }]"#;
        let devices = read(text).unwrap();
        assert_eq!((devices[0].optical, devices[1].block_size.unwrap().logical), (true, 4096));
        assert_eq!(devices[2].medium.as_ref().unwrap().sectors, Some(6_000_000_000));
        assert_eq!(devices[3].medium, Some(Medium::bootable("plain")));
    }

    #[test]
    fn a_system_reads_back_as_it_was_written() {
        let system = SystemFiles::new()
            .unified_kernel("EFI/BOOT/BOOTX64.EFI", "quiet")
            .boot_code(SystemBootCode::Isolinux)
            .text("a.cfg", "exit");
        let machine =
            Machine::pc(Firmware::SeaBios).virtio_blk(Medium::system("disk", system)).given_system("given", "quiet");
        let text = serde_json::to_string(&machine).unwrap();
        assert_eq!(serde_json::from_str::<Machine>(&text).unwrap(), machine);
    }

    #[rstest::rstest]
    #[case::system_and_image(
        r#"{ class = "nvme", medium = { name = "a", image = "disk", system = {} } }"#,
        "has a system and an image"
    )]
    #[case::system_and_content(
        r#"{ class = "nvme", medium = { name = "a", content = "no-signature", system = {} } }"#,
        "has a system and a content"
    )]
    #[case::cd_in_a_disk(r#"{ class = "nvme", medium = { name = "a", image = "cdrom" } }"#, "for an optical drive")]
    #[case::disk_in_a_floppy(r#"{ class = "floppy", medium = { name = "a", image = "disk" } }"#, "it is for a disk")]
    #[case::sectors(
        r#"{ class = "nvme", block-size = { logical = 512, physical = 512 }, medium = { name = "a", image = "disk-4kn" } }"#,
        "4096-byte sectors"
    )]
    #[case::unknown(
        r#"{ class = "nvme", medium = { name = "a", image = "dvd" } }"#,
        "no image is called \"dvd\"; there are disk,"
    )]
    #[case::both(
        r#"{ class = "nvme", medium = { name = "a", image = "disk", content = "blank" } }"#,
        "wanted one of them"
    )]
    #[case::class(r#"{ class = "virtio-blc" }"#, "no class of drive is called \"virtio-blc\"; there are virtio-blk,")]
    #[case::nic(r#"{ class = { nic = { model = "e1000" } }, medium = { name = "a" } }"#, "a card takes none")]
    fn what_does_not_fit_is_refused_by_name(#[case] device: &str, #[case] words: &str) {
        let error = read(&format!("devices = [{device}]")).unwrap_err();
        assert!(error.contains(words), "{error}");
    }
}

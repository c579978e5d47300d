//! The questions that are put to a guest, as cases: what is tried when everything works, when the first ones fail, when the
//! networks are silent, when nothing works, and what is different without `strict`.

use std::collections::BTreeSet;

use super::boards::is_ccw;
use super::network::GuestNetwork;
use super::{At, Guest, GuestDevice, GuestError, Origin};
use crate::case::Case;
use crate::case::story::Story;
use crate::machine::layout::{Layout, LayoutError};
use crate::machine::{Board, Device, DeviceClass, DiskClass, Hotplug, Machine, Medium, Place};
use crate::verdict::Expectation;

/// Laps after which a guest that resets itself has answered.
const LAPS: u32 = 3;
/// The name of the disk that resets the guest.
pub const REBOOT: &str = "reboot";

/// One question.
#[derive(Clone, Debug, PartialEq)]
pub struct Variant {
    /// Last part of the case's id.
    pub key: String,
    /// What is different, for people.
    pub words: String,
    /// The devices that have nothing to boot, by their places in [`Guest::devices`].
    pub dead: BTreeSet<usize>,
    /// The case.
    pub case: Case,
}

/// What to ask besides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Questions {
    /// The guest is started paused and its disks are plugged in before it runs.
    pub paused: bool,
}

/// The questions for a guest.
///
/// # Errors
///
/// [`GuestError`] where it is none that can be powered on here.
pub fn of(guest: &Guest, networks: &[GuestNetwork], questions: Questions) -> Result<Vec<Variant>, GuestError> {
    can_be_laid_out(guest)?;
    let asker = Asker { guest, networks, order: guest.order() };
    if !guest.typed.is_empty() {
        return asker.typed();
    }
    let mut variants = asker.failing()?;
    variants.extend(asker.silent_networks()?);
    variants.extend(asker.strictness()?);
    variants.extend(asker.reboot_disk()?);
    if questions.paused {
        variants.extend(asker.paused()?);
    }
    // the same machine asked twice answers twice the same
    let mut seen: Vec<(Machine, Story)> = Vec::new();
    variants.retain(|variant| {
        let question = (variant.case.machine.clone(), variant.case.story.clone());
        let is_new = !seen.contains(&question);
        seen.push(question);
        is_new
    });
    Ok(variants)
}

/// Refuses a guest with two devices at one place, or with one where none can be; one without a board here has no places.
///
/// # Errors
///
/// [`GuestError`] with the device and its line.
pub fn can_be_laid_out(guest: &Guest) -> Result<(), GuestError> {
    if guest.board.is_none() {
        return Ok(());
    }
    let error = match Layout::of(&guest.machine()?) {
        Ok(_) => return Ok(()),
        Err(error) => error,
    };
    let named = |name: &str| guest.devices.iter().rposition(|device| device.name == name);
    let device = error.device(named).and_then(|index| guest.devices.get(index));
    Err(GuestError {
        what: device.map_or_else(|| error.to_string(), |device| without_numbers(guest, device, &error)),
        file: guest.file.clone(),
        at: At { line: device.map_or(guest.line, |device| device.line).max(1), column: 1 },
        fix: match error {
            LayoutError::NotOnBoard { .. } | LayoutError::NoSuchPlace { .. } => {
                "put it where the machine has a place for it"
            }
            _ => "give each device a place of its own, or none",
        }
        .to_owned(),
    })
}

/// What is wrong with a device, by the names that the guest's owner gave.
fn without_numbers(guest: &Guest, device: &GuestDevice, error: &LayoutError) -> String {
    let name = &device.name;
    match error {
        LayoutError::PlaceTaken { first, place, .. } => {
            let first = guest.devices.get(*first).map_or("another", |first| first.name.as_str());
            format!("{name} wants the same place as {first}: {place}")
        }
        LayoutError::Taken { bus, slot, function, .. } => {
            format!("{name}: slot {slot:#04x} function {function} of bus \"{bus}\" is taken")
        }
        LayoutError::Full { bus, .. } => format!("{name}: bus \"{bus}\" has no free slot for it"),
        error => {
            let words = error.to_string();
            let behind = words.strip_prefix("device ").and_then(|words| words.split_once(": "));
            let numbered = behind.filter(|(number, _)| number.bytes().all(|byte| byte.is_ascii_digit()));
            format!("{name}: {}", numbered.map_or(words.as_str(), |(_, words)| words))
        }
    }
}

struct Asker<'a> {
    guest: &'a Guest,
    networks: &'a [GuestNetwork],
    order: Vec<usize>,
}

impl Asker<'_> {
    fn selected(&self) -> Vec<usize> {
        self.order.iter().copied().filter(|&index| self.guest.is_selected(index)).collect()
    }

    fn unselected(&self) -> Vec<usize> {
        self.order.iter().copied().filter(|&index| !self.guest.is_selected(index)).collect()
    }

    fn names(&self, devices: &[usize]) -> String {
        let names: Vec<&str> = devices.iter().map(|&index| self.guest.devices[index].name.as_str()).collect();
        names.join(", ")
    }

    fn ask(&self, key: &str, words: &str, dead: &[usize]) -> Result<Variant, GuestError> {
        let dead: BTreeSet<usize> = dead.iter().copied().collect();
        let machine = self.guest.machine_with(self.networks, &dead)?;
        Ok(self.asked(key, words, dead, machine, Story::new()))
    }

    fn asked(&self, key: &str, words: &str, dead: BTreeSet<usize>, machine: Machine, story: Story) -> Variant {
        let plain = |letter: char| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '-' };
        let name: String = self.guest.name.chars().map(plain).take(60).collect();
        let mut expectation = Expectation::settles(LAPS);
        let is_namespace = |device: &Device| matches!(device.class, DeviceClass::NvmeNamespace { .. });
        let ranked = machine.devices.iter().filter(|device| device.bootindex.is_some_and(|rank| rank >= 0));
        // what QEMU was told and what the firmware reads differ in a story, which is the question there; and QEMU's line for a
        // namespace is undefined (docs/firmware-paths.md)
        if !story.is_empty() || ranked.into_iter().any(is_namespace) {
            expectation = expectation.without_views();
        }
        let case =
            Case::new(format!("explain::{name}::{key}")).machine(machine).story(story).expect(expectation).about(words);
        Variant { key: key.to_owned(), words: words.to_owned(), dead, case }
    }

    /// Everything works; then one selected device after another fails; then all.
    fn failing(&self) -> Result<Vec<Variant>, GuestError> {
        let selected = self.selected();
        let mut variants = vec![self.ask("all-work", "everything works", &[])?];
        for count in 1..=selected.len() {
            let dead = &selected[..count];
            let all = if count == selected.len() && count > 1 { "every selected device fails: " } else { "" };
            let verb = if count == 1 {
                " fails"
            } else if all.is_empty() {
                " fail"
            } else {
                ""
            };
            variants.push(self.ask(&format!("fail-{count}"), &format!("{all}{}{verb}", self.names(dead)), dead)?);
        }
        let mut all: Vec<usize> = (0..self.guest.devices.len()).collect();
        if selected.is_empty() {
            // an empty drive never works
            let could_work = |index: &&usize| {
                let device = &self.guest.devices[**index];
                device.source.is_some() || device.device.is_nic()
            };
            for &index in self.order.iter().filter(could_work) {
                let dead: Vec<usize> = all.iter().copied().filter(|other| *other != index).collect();
                let name = &self.guest.devices[index].name;
                variants.push(self.ask(&format!("only-{name}"), &format!("only {name} works"), &dead)?);
            }
        }
        all.sort_unstable();
        variants.push(self.ask("nothing-works", "nothing works", &all)?);
        Ok(variants)
    }

    fn silent_networks(&self) -> Result<Option<Variant>, GuestError> {
        let nics: Vec<usize> =
            self.order.iter().copied().filter(|&index| self.guest.devices[index].device.is_nic()).collect();
        // a card that is not selected where others are is behind all of those
        if !nics.iter().any(|&index| self.guest.is_selected(index)) && (nics.is_empty() || !self.selected().is_empty())
        {
            return Ok(None);
        }
        self.ask("silent-network", "no network answers", &nics).map(Some)
    }

    /// Every selected device fails, with the other strictness: what QEMU does without libvirt, and the other way round.
    fn strictness(&self) -> Result<Option<Variant>, GuestError> {
        let (selected, unselected) = (self.selected(), self.unselected());
        // s390-ccw is not told of strict=on
        if selected.is_empty() || unselected.is_empty() || is_ccw(self.guest.board) {
            return Ok(None);
        }
        let strict = self.guest.boot.strict != Some(true);
        let (key, word) =
            if strict { ("strict", "with -boot strict=on") } else { ("not-strict", "without -boot strict=on") };
        let dead: BTreeSet<usize> = selected.iter().copied().collect();
        let machine = self.guest.machine_with(self.networks, &dead)?.strict(strict);
        let words = format!("every selected device fails, {word}");
        Ok(Some(self.asked(key, &words, dead, machine, Story::new())))
    }

    /// The way around an unselected disk: a disk behind the selected devices that resets the guest. Asked where an unselected
    /// disk would run, so without `strict`.
    fn reboot_disk(&self) -> Result<Option<Variant>, GuestError> {
        let Some((class, rank)) = reboot_place(self.guest) else { return Ok(None) };
        let dead: BTreeSet<usize> = self.selected().into_iter().collect();
        let machine = self.guest.machine_with(self.networks, &dead)?.strict(false);
        let machine = machine.disk(class, Medium::vendor_reboot(REBOOT)).bootindex(rank);
        let words = "every selected device fails, without -boot strict=on, with the disk that resets the guest";
        Ok(Some(self.asked("reboot-disk", words, dead, machine, Story::new())))
    }

    /// Started paused, with the selected disks plugged in before it runs.
    fn paused(&self) -> Result<Vec<Variant>, GuestError> {
        let mut machine = self.guest.machine_with(self.networks, &BTreeSet::new())?.paused();
        let mut plugged = Vec::new();
        for index in self.order.iter().copied() {
            let device = &mut machine.devices[index];
            if device.medium.is_some() && can_be_plugged(machine.board, device) {
                device.absent = true;
                plugged.push(self.guest.devices[index].name.clone());
            }
        }
        if plugged.is_empty() {
            return Ok(Vec::new());
        }
        let names = plugged.join(", ");
        let plugs = || plugged.iter().fold(Story::new(), |story, name| story.plug(name));
        let ask = |key: &str, words: String, story| self.asked(key, &words, BTreeSet::new(), machine.clone(), story);
        Ok(vec![
            ask("paused", format!("started paused, {names} plugged in, then cont"), plugs().cont()),
            ask(
                "paused-reset",
                format!("started paused, {names} plugged in, then system_reset and cont"),
                plugs().reset().cont(),
            ),
        ])
    }

    /// What was typed at the monitor, as it was and with a reset before `cont`.
    fn typed(&self) -> Result<Vec<Variant>, GuestError> {
        let machine = |dead: &BTreeSet<usize>| -> Result<Machine, GuestError> {
            let mut machine = self.guest.machine_with(self.networks, dead)?.paused();
            for (device, guest_device) in machine.devices.iter_mut().zip(&self.guest.devices) {
                device.absent = guest_device.device.absent;
            }
            Ok(machine)
        };
        let typed = &self.guest.typed;
        let with_reset = typed.iter().fold(Story::new(), |story, step| {
            let story = if *step == crate::case::story::Step::Cont { story.reset() } else { story };
            story.step(step.clone())
        });
        let as_typed = Story { steps: typed.clone() };
        let none = BTreeSet::new();
        let mut variants =
            vec![self.asked("typed", "as typed, everything works", none.clone(), machine(&none)?, as_typed.clone())];
        variants.push(self.asked(
            "typed-reset",
            "as typed, with system_reset before cont",
            none.clone(),
            machine(&none)?,
            with_reset,
        ));
        let unselected: BTreeSet<usize> = self.unselected().into_iter().collect();
        if !unselected.is_empty() && !self.selected().is_empty() {
            let names = self.names(&self.unselected());
            let words = format!("as typed, with nothing to boot in {names}");
            variants.push(self.asked("typed-blank", &words, unselected.clone(), machine(&unselected)?, as_typed));
        }
        Ok(variants)
    }
}

/// Class and rank of the disk that resets the guest, where it is of use: behind a selected network card, before a disk that
/// is not selected, under SeaBIOS.
pub(crate) fn reboot_place(guest: &Guest) -> Option<(DeviceClass, i64)> {
    let selected = |index: &usize| guest.is_selected(*index);
    let all: Vec<usize> = (0..guest.devices.len()).collect();
    let has_nic = all.iter().any(|index| selected(index) && guest.devices[*index].device.is_nic());
    let has_disk = all.iter().any(|index| {
        let device = &guest.devices[*index].device;
        !selected(index) && !device.is_nic() && !device.optical && !matches!(device.class, DeviceClass::Floppy { .. })
    });
    // one disk entry of the firmware, and a selected disk in it, leave none for an unselected one
    let selected_disk = all.iter().any(|index| {
        selected(index) && !guest.devices[*index].device.is_nic() && !guest.devices[*index].device.optical
    });
    if !guest.is_bios() || !has_nic || !has_disk || selected_disk {
        return None;
    }
    let untried = guest.untried.iter().filter_map(|device| device.rank);
    let ranks = guest.devices.iter().filter_map(|device| device.device.bootindex).chain(untried);
    // QEMU's property has 32 bits: behind the last of them there is no place
    let rank = ranks.max()?.checked_add(1).filter(|rank| i32::try_from(*rank).is_ok())?;
    let is_free = |class: &DeviceClass| guest.devices.iter().all(|device| device.device.class != *class);
    let class = match guest.board? {
        Board::Pc => (0..4).map(|unit| DeviceClass::Ide { channel: unit / 2, unit: unit % 2 }).find(is_free),
        _ => (0..6).map(|port| DeviceClass::Ahci { port }).find(is_free),
    };
    Some((class?, rank))
}

/// That disk as its owner adds it: the XML that `virsh attach-device` takes, or options for QEMU's command line.
pub fn reboot_disk(guest: &Guest) -> Option<String> {
    let (class, rank) = reboot_place(guest)?;
    if guest.origin == Origin::Qemu {
        let bus = match class {
            DeviceClass::Ide { channel, unit } => format!("ide.{channel},unit={unit}"),
            DeviceClass::Ahci { port } => format!("ide.{port}"),
            _ => return None,
        };
        return Some(format!(
            "-drive if=none,id={REBOOT},file=reboot.img,format=raw -device ide-hd,drive={REBOOT},bus={bus},bootindex={rank}\n"
        ));
    }
    let (target, bus, address) = match class {
        DeviceClass::Ide { channel, unit } => {
            let letter = char::from(b'a' + 2 * channel + unit);
            (format!("hd{letter}"), "ide", format!("bus='{channel}' target='0' unit='{unit}'"))
        }
        DeviceClass::Ahci { port } => {
            (format!("sd{}", char::from(b'a' + port)), "sata", format!("bus='0' target='0' unit='{port}'"))
        }
        _ => return None,
    };
    Some(format!(
        "<disk type='file' device='disk'>\n  <driver name='qemu' type='raw'/>\n  <source file='/var/lib/libvirt/images/reboot.img'/>\n  \
         <target dev='{target}' bus='{bus}'/>\n  <address type='drive' controller='0' {address}/>\n  <boot order='{rank}'/>\n</disk>\n"
    ))
}

/// Whether QEMU takes such a drive while the guest is paused.
fn can_be_plugged(board: Board, device: &Device) -> bool {
    let class = match &device.class {
        DeviceClass::VirtioBlk => DiskClass::VirtioBlk,
        DeviceClass::VirtioScsi { .. } => DiskClass::VirtioScsi,
        DeviceClass::Scsi { adapter, .. } => DiskClass::Scsi(*adapter),
        DeviceClass::UsbStorage { controller, .. } => DiskClass::Usb(*controller),
        DeviceClass::Nvme => DiskClass::Nvme,
        _ => return false,
    };
    let behind_port = matches!(device.place, Place::Port { .. } | Place::RootPort | Place::PciBridge);
    class.hotplug(board) != Hotplug::Refused || (behind_port && class.is_pci_function())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guest::libvirt;

    fn guest(inside: &str, boot: &str) -> Guest {
        let xml = format!(
            "<domain type='kvm'><name>A b</name><os><type machine='pc'>hvm</type>{boot}</os><devices>{inside}</devices></domain>"
        );
        libvirt::read("a.xml", &xml, &[]).unwrap()
    }

    fn keys(guest: &Guest, questions: Questions) -> Vec<String> {
        of(guest, &[], questions).unwrap().into_iter().map(|variant| variant.key).collect()
    }

    const NIC_FIRST: &str = "<interface type='network'><source network='pxe'/><boot order='1'/></interface>\
        <disk><source file='a'/><target dev='vda' bus='virtio'/></disk>";

    #[test]
    fn a_card_before_an_unselected_disk_is_asked_for_that_disk_and_for_the_way_around_it() {
        let guest = guest(NIC_FIRST, "");
        let all = ["all-work", "fail-1", "nothing-works", "not-strict", "reboot-disk"];
        assert_eq!(keys(&guest, Questions::default()), all);
        let xml = reboot_disk(&guest).unwrap();
        assert!(xml.contains("<target dev='hda' bus='ide'/>") && xml.contains("<boot order='2'/>"), "{xml}");
        // what is offered is taken by our own reader, behind the card
        let attached = format!("<domain><os><type>hvm</type></os><devices>{NIC_FIRST}{xml}</devices></domain>");
        let with = libvirt::read("a.xml", &attached, &[]).unwrap();
        assert_eq!(
            with.order().into_iter().map(|index| with.devices[index].name.clone()).collect::<Vec<_>>(),
            ["nic0", "hda", "vda"]
        );
    }

    #[test]
    fn the_way_around_a_disk_of_a_command_line_is_options_which_our_own_reader_takes() {
        let line =
            "kvm -nodefaults -device e1000,bootindex=1 -drive if=none,id=d,file=a -device virtio-blk-pci,drive=d";
        let read = |line: &str| crate::guest::qemu::read_text("l", line, &crate::guest::qemu::Reading::default());
        let options = reboot_disk(&read(line).unwrap()).unwrap();
        assert!(!options.contains('<'), "{options}");
        let with = read(&format!("{line} {options}")).unwrap();
        let rank = |name: &str| with.devices.iter().find(|device| device.name == name).unwrap().device.bootindex;
        assert_eq!((rank("reboot"), rank("d")), (Some(2), None));
    }

    #[test]
    fn of_a_namespace_with_a_rank_no_line_of_the_order_is_demanded() {
        let line = |rank: &str| {
            let line = format!(
                "kvm -nodefaults -drive if=none,id=d,file=a -device nvme,serial=x -device nvme-ns,drive=d{rank}"
            );
            let guest = crate::guest::qemu::read_text("l", &line, &crate::guest::qemu::Reading::default()).unwrap();
            of(&guest, &[], Questions::default()).unwrap()[0].case.expectation.clone()
        };
        assert_eq!(line(",bootindex=1"), Expectation::settles(LAPS).without_views());
        assert_eq!(line(""), Expectation::settles(LAPS));
    }

    #[test]
    fn behind_the_last_rank_there_is_no_place_for_another_disk() {
        let line = format!("kvm -nodefaults -device e1000,bootindex={} -hda a", i32::MAX);
        let guest = crate::guest::qemu::read_text("l", &line, &crate::guest::qemu::Reading::default()).unwrap();
        assert!(reboot_disk(&guest).is_none());
        assert!(!keys(&guest, Questions::default()).contains(&"reboot-disk".to_owned()));
    }

    #[test]
    fn where_nothing_is_selected_each_device_that_could_work_is_asked_for_alone() {
        let line = "kvm -nodefaults -hda a -device floppy -nic user";
        let guest = crate::guest::qemu::read_text("l", line, &crate::guest::qemu::Reading::default()).unwrap();
        // where no network answers, the disk alone works
        assert_eq!(keys(&guest, Questions::default()), ["all-work", "only-hda", "only-nic0", "nothing-works"]);
    }

    #[test]
    fn where_nothing_is_unselected_nobody_asks_about_strictness() {
        let guest = guest("<disk><source file='a'/><target dev='vda' bus='virtio'/></disk>", "");
        assert_eq!(keys(&guest, Questions::default()), ["all-work", "fail-1"]);
        assert_eq!(keys(&guest, Questions { paused: true })[2..], ["paused", "paused-reset"]);
        assert!(reboot_disk(&guest).is_none());
    }

    #[test]
    fn two_devices_at_one_place_are_refused_with_the_line_of_the_second() {
        let disk = |name: &str| {
            format!("\n<disk><source file='a'/><target dev='{name}'/><address type='pci' slot='0x09'/></disk>")
        };
        let twice = guest(&(disk("vda") + &disk("vdb")), "");
        let error = of(&twice, &[], Questions::default()).unwrap_err();
        assert_eq!(error.at.line, 3);
        assert!(error.what.starts_with("vdb: "), "{error}");
    }

    #[test]
    fn a_case_is_named_after_the_guest_and_its_machine_differs_by_what_is_dead() {
        let variants = of(&guest(NIC_FIRST, ""), &[], Questions::default()).unwrap();
        assert_eq!(variants[1].case.id, "explain::a-b::fail-1");
        assert_eq!(variants[1].dead, BTreeSet::from([1]));
        assert!(variants[1].case.machine.networks[0].lan.dhcp.is_empty());
        assert!(!variants[0].case.machine.networks[0].lan.dhcp.is_empty());
        assert_eq!(variants[3].case.machine.boot.strict, Some(false));
    }
}

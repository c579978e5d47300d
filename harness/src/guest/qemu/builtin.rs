//! Devices that no `-device` names: cards of `-nic` and `-net`, and what QEMU adds of its own where `-nodefaults` is not said
//! (QEMU's `system/vl.c`, `default_list`; the models are the boards' `default_nic`).

use super::Reader;
use super::cards::{Card, Wire};
use super::known;
use super::line::Quotes;
use super::short::{short, vscsi};
use super::words::Word;
use crate::guest::boards::{is_pseries, lacks, virtio_net};
use crate::guest::plain::plain_device;
use crate::guest::{GuestDevice, Plug, Unapplied};
use crate::machine::{Board, DeviceClass, Nic, NicModel, OptionRom};

/// Drivers that keep QEMU from a CD drive of its own.
const KEEPS_FROM_CD: [&str; 4] = ["ide-cd", "ide-hd", "scsi-cd", "scsi-hd"];
/// Drivers that keep QEMU from a floppy drive of its own.
const KEEPS_FROM_FLOPPY: [&str; 2] = ["isa-fdc", "floppy"];

impl Reader<'_> {
    /// The cards that the board makes, and the drives that QEMU adds.
    pub(super) fn built_in(&mut self, short: &[GuestDevice]) -> Vec<GuestDevice> {
        let built_in = std::mem::take(&mut self.built_in);
        let mut devices = Vec::new();
        let Some(board) = self.board else {
            if !built_in.none && !self.is_part {
                let words =
                    format!("no -nodefaults: what QEMU adds to machine {} is not known here", self.machine_type);
                self.notes.ignored(self.line, words);
            }
            return devices;
        };
        if !built_in.none && !self.is_part {
            devices.extend(self.own_drives(board, short));
            if !built_in.network && board != Board::VirtRiscv64 {
                let user = Wire::Plug(Plug::User(None));
                let at = built_in.own_slot.map(|slot| (slot, 0));
                let card = Card { model: None, wire: user, at, by_net: false, line: self.line };
                devices.extend(self.card(board, card, 0));
                let words = "no -netdev, -nic or -net: QEMU adds a card on its user network (-nic none does not)";
                self.notes.took(self.line, words);
            }
        }
        let hub = built_in.hub.unwrap_or(Plug::Nothing);
        for mut card in built_in.cards {
            if board == Board::VirtRiscv64 {
                let words =
                    "machine virt of RISC-V makes no card of -nic and -net: write -device virtio-net-pci,netdev=ID";
                self.notes.ignored(card.line, words);
                continue;
            }
            if matches!(card.wire, Wire::Hub) {
                card.wire = Wire::Plug(hub.clone());
            }
            let number = devices.iter().filter(|device| device.device.is_nic()).count();
            devices.extend(self.card(board, card, number));
        }
        devices
    }

    /// Empty drives that QEMU adds where the line has neither `-nodefaults` nor a drive in their place.
    fn own_drives(&mut self, board: Board, short_drives: &[GuestDevice]) -> Vec<GuestDevice> {
        let named = |drivers: &[&str]| {
            let devices = self.devices.iter().map(|(parts, _)| parts.first.as_str());
            devices
                .chain(self.globals.iter().map(|global| global.driver.as_str()))
                .any(|driver| drivers.contains(&driver))
        };
        let taken = |class: &DeviceClass| short_drives.iter().any(|device| device.device.class == *class);
        let facts = board.facts();
        let cd = match (facts.ide, facts.ahci) {
            (Some(_), _) => Some(DeviceClass::Ide { channel: 1, unit: 0 }),
            (None, Some(_)) => Some(DeviceClass::Ahci { port: 2 }),
            (None, None) => None,
        };
        // as `-cdrom` has it
        let cd = cd.or_else(|| is_pseries(Some(board)).then(|| vscsi(2)));
        let cd = cd.filter(|class| !named(&KEEPS_FROM_CD) && !taken(class));
        let floppy = (board == Board::Pc).then_some(DeviceClass::Floppy { unit: 0 });
        let floppy = floppy.filter(|class| !named(&KEEPS_FROM_FLOPPY) && !taken(class));
        let mut drives = Vec::new();
        for (name, class, optical) in [("floppy", floppy, false), ("cdrom", cd, true)] {
            let Some(class) = class else { continue };
            let mut drive = short(name.to_owned(), class, optical, None, self.line);
            self.give_globals(&mut drive);
            drives.push(drive);
            self.notes.took(self.line, format!("no -nodefaults: QEMU adds an empty {name} drive"));
        }
        drives
    }

    /// A card of the board; `None` for a model that cannot be had here.
    fn card(&mut self, board: Board, card: Card, number: usize) -> Option<GuestDevice> {
        let Card { model, wire, at, line, .. } = card;
        let model = match model.as_deref() {
            None => board_model(board, &self.machine_type),
            Some("virtio") => virtio_net(Some(board)),
            Some("ibmveth") if is_pseries(Some(board)) => NicModel::SpaprVlan,
            Some(name) => match super::device::nic_model(name, Some(board)) {
                Some(model) => model,
                None => {
                    self.notes.ignored(line, format!("a card of model {name}: cannot be had here"));
                    return None;
                }
            },
        };
        let plug = match wire {
            Wire::Plug(plug) => plug,
            Wire::Netdev(id) => self.netdevs.get(&id).cloned().unwrap_or(Plug::Nothing),
            Wire::Hub => Plug::Nothing,
        };
        let kind = super::device::nic_kind(&model);
        let class = DeviceClass::Nic(Nic { model, rom: OptionRom::Default, lan: None });
        if let Some(what) = lacks(Some(board), &class) {
            self.notes.ignored(line, what);
            return None;
        }
        let mut device = plain_device(class, false, None);
        if let Some((slot, function)) = at {
            (device.slot, device.function) = (Some(slot), function);
        }
        let name = format!("nic{number}");
        let network = Some(plug);
        let mut card = GuestDevice { name, line, device, kind, source: None, network, own_rom: false };
        self.give_globals(&mut card);
        Some(card)
    }

    /// A word that a shell replaces by others.
    pub(super) fn unknown(&mut self, word: &Word) {
        self.is_open = true;
        let words = format!("{}: what a shell puts in its place is not known", word.text);
        self.notes.ignored(word.at.line, words.clone());
        self.unapplied.push(Unapplied { line: word.at.line, words });
    }

    /// A word that belongs to no option: QEMU takes it for an image of the first disk. One that a shell would replace is none, and
    /// one without a sign of a file where the quotes are lost belongs to a value.
    pub(super) fn stray(&mut self, word: &Word, quotes: Quotes) {
        let (line, text) = (word.at.line, &word.text);
        let is_file = known::is_image(text) || (text.contains(['/', '.']) && !text.contains('='));
        if text.starts_with(['$', '`']) {
            self.unknown(word);
        } else if quotes == Quotes::Lost && !is_file {
            self.notes.ignored(
                line,
                format!(
                    "\"{text}\": neither an option nor by its name an image; ps prints values without their quotes"
                ),
            );
        } else {
            self.notes.took(line, format!("{text}: an image without an option is the first disk"));
            self.short_drive("hda", word);
        }
    }
}

/// What a board makes of a card whose model nobody names.
fn board_model(board: Board, machine_type: &str) -> NicModel {
    let version = machine_type.strip_prefix("pc-q35-").and_then(|version| version.split_once('.'));
    let number = |text: &str| text.parse::<u8>().ok();
    let version = version.and_then(|(major, minor)| Some((number(major)?, number(minor)?)));
    // `pc_q35_2_11_machine_options` in QEMU's `hw/i386/pc_q35.c`
    let is_old = version.is_some_and(|version| version <= (2, 11));
    match board {
        Board::Pc => NicModel::E1000,
        Board::Q35 if is_old => NicModel::E1000,
        Board::Q35 => NicModel::E1000e,
        Board::S390CcwVirtio => NicModel::VirtioNetCcw,
        Board::Pseries => NicModel::SpaprVlan,
        _ => NicModel::VirtioNet,
    }
}

//! Drives of IDE and SATA, on the board's own adapter or on one that the line adds.

use std::collections::BTreeSet;

use super::Reader;
use super::adapters::{Adapter, At, Placed};
use super::buses::Buses;
use super::device::Driver;
use super::free;
use super::options::{Parts, small};
use super::words::Word;
use crate::guest::{GuestDevice, Unapplied};
use crate::machine::{Board, DeviceClass, Place};

/// Ports of an AHCI adapter.
const PORTS: u8 = 6;

impl Reader<'_> {
    /// What an `ide-hd` or `ide-cd` is.
    pub(super) fn ata_class(&self, parts: &Parts, buses: &Buses, before: &[GuestDevice], optical: bool) -> Driver {
        let bus = parts.get("bus").unwrap_or_default();
        let at: At = (Place::Root, None, 0);
        let port = bus.rsplit('.').next().and_then(small);
        let what = if optical { "CD" } else { "disk" };
        let sata = format!("SATA {what}");
        Driver::Drive(match buses.ide(bus) {
            Some(Placed { adapter: Adapter::OtherIde(driver), .. }) => {
                return Driver::Untried(Some(format!("a drive on {driver}, an IDE controller beside the board's")));
            }
            Some(placed) => {
                let port = port.map_or(PORTS - 1, |port| port.saturating_sub(placed.first_bus));
                match self.is_other_ahci(placed) {
                    false => (free::ahci(Some(port)), optical, sata, placed.at),
                    true => match self.port_of_other(port, before) {
                        Some(port) => (free::ahci(Some(port)), optical, sata, at),
                        None => {
                            return Driver::Untried(Some("a SATA drive on a further adapter".to_owned()));
                        }
                    },
                }
            }
            None if self.board == Some(Board::Pc) => {
                let unit = parts.get("unit").and_then(small);
                (free::ide(before, port, unit), optical, format!("IDE {what}"), at)
            }
            None => (free::ahci(port), optical, sata, at),
        })
    }

    /// Whether an AHCI adapter is one that machines here do not have: they have the board's own, or one on a board without.
    fn is_other_ahci(&self, placed: &Placed) -> bool {
        let has_own = self.board.is_some_and(|board| board.facts().ahci.is_some());
        placed.adapter == Adapter::Ahci && self.board.is_some() && (has_own || placed.index > 0)
    }

    /// The port for a drive of a further adapter: its own number, or the first that nobody has and nobody names.
    fn port_of_other(&self, port: u8, before: &[GuestDevice]) -> Option<u8> {
        let is_free = |port: &u8| {
            let has = |device: &GuestDevice| device.device.class == DeviceClass::Ahci { port: *port };
            !self.own_ports.contains(port) && !before.iter().any(has)
        };
        Some(port).filter(is_free).or_else(|| (0..PORTS).find(is_free))
    }

    /// The ports of the adapter that machines here have which the line names.
    pub(super) fn named_ports(&self) -> BTreeSet<u8> {
        let named = self.devices.iter().filter(|(parts, _)| parts.first.starts_with("ide-"));
        let of_board = |bus: &str| bus.strip_prefix("ide.").and_then(small);
        match self.board.is_some_and(|board| board.facts().ahci.is_some()) {
            true => named.filter_map(|(parts, _)| of_board(parts.get("bus")?)).collect(),
            false => {
                let first =
                    self.devices.iter().find(|(parts, _)| ["ahci", "ich9-ahci"].contains(&parts.first.as_str()));
                let id = first.and_then(|(parts, _)| parts.get("id"));
                let of_first = |bus: &str| small(bus.strip_prefix(id?)?.strip_prefix('.')?);
                named.filter_map(|(parts, _)| of_first(parts.get("bus")?)).collect()
            }
        }
    }

    /// Tells of a drive on a further AHCI adapter that it is on the one that machines here have.
    pub(super) fn tell_other_ahci(
        &mut self,
        parts: &Parts,
        word: &Word,
        buses: &Buses,
        (class, rank): (&DeviceClass, Option<i64>),
    ) {
        let DeviceClass::Ahci { port } = class else { return };
        if !parts.first.starts_with("ide-") {
            return;
        }
        let other = buses.ide(parts.get("bus").unwrap_or_default());
        if !other.is_some_and(|placed| self.is_other_ahci(placed)) {
            return;
        }
        let line = word.at.line;
        let name = parts.get("drive").or(parts.get("id")).unwrap_or(&parts.first).to_owned();
        let instead = match self.board.is_some_and(|board| board.facts().ahci.is_some()) {
            true => "the board's own",
            false => "the first one",
        };
        self.notes.replaced(line, format!("{name}: on a further SATA adapter: port {port} of {instead}"));
        let bus = parts.get("bus").and_then(|bus| bus.rsplit_once('.'));
        let adapter = bus.map_or(String::new(), |(id, _)| format!(" \"{id}\""));
        let words = format!(
            "the drives of the SATA adapter{adapter} are on {instead} here, and without a rank firmware goes by the place of the \
             adapter; give the drive that is meant a bootindex"
        );
        if rank.is_none() && self.unapplied.iter().all(|told| told.words != words) {
            self.unapplied.push(Unapplied { line, words });
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::guest::Guest;
    use crate::guest::qemu::{Reading, read_text};
    use crate::guest::variants::can_be_laid_out;
    use crate::machine::DeviceClass;

    fn guest(line: &str) -> Guest {
        let drives: String = "abcdefg".chars().map(|id| format!(" -drive if=none,id={id},file={id}.img")).collect();
        let guest = read_text("line", &format!("kvm -nodefaults {line} {drives}"), &Reading::default()).unwrap();
        can_be_laid_out(&guest).unwrap();
        guest
    }

    fn ports(guest: &Guest) -> Vec<(&str, &DeviceClass)> {
        guest.devices.iter().map(|device| (device.name.as_str(), &device.device.class)).collect()
    }

    #[rstest::rstest]
    #[case::by_its_id("-device piix4-ide,id=i -device ide-hd,drive=a,bus=i.1", "piix4-ide")]
    #[case::by_the_name_of_the_boards(
        "-M q35 -device piix3-ide,id=ide -device ide-hd,drive=a,bus=ide.0,unit=1",
        "piix3-ide"
    )]
    #[case::counted("-M q35 -device piix3-ide -device ide-hd,drive=a,bus=ide.7", "piix3-ide")]
    #[case::behind_an_ahci("-device ahci -device isa-ide -device ide-hd,drive=a,bus=ide.8", "isa-ide")]
    #[case::the_last_one("-device ahci -device isa-ide,bus=isa.0 -device ide-hd,drive=a", "isa-ide")]
    fn a_drive_on_an_ide_controller_beside_the_boards_keeps_its_row(#[case] line: &str, #[case] controller: &str) {
        let guest = guest(line);
        assert_eq!(guest.devices, []);
        assert!(guest.untried[0].kind.contains(&format!("a drive on {controller}, an IDE controller")), "{guest:?}");
    }

    #[test]
    fn the_buses_behind_another_ide_controller_are_counted_on() {
        let guest = guest("-device piix3-ide -device ahci -device ide-hd,drive=a,bus=ide.5");
        assert_eq!(ports(&guest), [("a", &DeviceClass::Ahci { port: 1 })]);
    }

    #[test]
    fn a_drive_on_a_further_sata_adapter_is_on_the_boards_and_told() {
        let line = "-M q35 -device ahci,id=s -device ide-hd,drive=a,bus=s.2,bootindex=1 -device ide-hd,drive=b,bus=s.3 \
                    -device ide-cd,drive=c,bus=s.4";
        let one = guest(line);
        let wanted = [2, 3, 4].map(|port| DeviceClass::Ahci { port });
        assert_eq!(one.devices.iter().map(|device| device.device.class.clone()).collect::<Vec<_>>(), wanted);
        assert!(one.notes.0.iter().any(|note| note.words == "a: on a further SATA adapter: port 2 of the board's own"));
        assert_eq!(one.unapplied.len(), 1, "once for the adapter: {:?}", one.unapplied);
        assert!(one.unapplied[0].words.starts_with("the drives of the SATA adapter \"s\" are on the board's own"));
        assert_eq!(guest("-M q35 -device ahci,id=s -device ide-hd,drive=a,bus=s.2,bootindex=1").unapplied, []);
    }

    #[test]
    fn ports_of_two_sata_adapters_do_not_meet() {
        let own_first =
            guest("-M q35 -hda x -device ahci,id=s -device ide-hd,drive=a,bus=s.0 -device ide-hd,drive=b,bus=ide.1");
        let wanted = [0, 2, 1].map(|port| DeviceClass::Ahci { port });
        assert_eq!(own_first.devices.iter().map(|device| device.device.class.clone()).collect::<Vec<_>>(), wanted);
        let two =
            guest("-device ahci,id=s -device ahci,id=t -device ide-hd,drive=b,bus=t.0 -device ide-hd,drive=a,bus=s.0");
        assert_eq!(ports(&two), [("b", &DeviceClass::Ahci { port: 1 }), ("a", &DeviceClass::Ahci { port: 0 })]);
        let disks: String = "abcdef"
            .chars()
            .enumerate()
            .map(|(port, id)| format!(" -device ide-hd,drive={id},bus=ide.{port}"))
            .collect();
        let full = guest(&format!("-M q35 {disks} -device ahci,id=s -device ide-hd,drive=g,bus=s.0"));
        assert_eq!((full.devices.len(), full.untried[0].name.as_str()), (6, "g"));
    }
}

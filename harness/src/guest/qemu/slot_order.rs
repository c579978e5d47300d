//! The order in which QEMU makes what has a slot of PCI: the board's screen, its cards, the devices of the line, the drives of
//! `if=virtio`, and devices in JSON (`qemu_create_cli_devices` in its `softmmu/vl.c`).

use super::Reader;
use super::options::Parts;
use super::slots::{Refused, Slots};
use super::words::Word;
use crate::guest::boards::is_pseries;
use crate::guest::{At, GuestDevice, GuestError};
use crate::machine::{Board, DeviceClass};

impl Reader<'_> {
    /// Gives each device without an address the one that QEMU gives it.
    ///
    /// # Errors
    ///
    /// [`GuestError`] for a device for which its bus has no place.
    pub(super) fn give_slots(&mut self, short: &mut [GuestDevice]) -> Result<(), GuestError> {
        let Some((board, root)) = self.board.and_then(|board| Some((board, board.facts().pci()?.id))) else {
            return Ok(());
        };
        // what pseries has on PCI by itself is not known here
        let gives = !self.is_part && !self.is_open && !is_pseries(self.board);
        let slots = Slots::new(root, gives);
        let mut slots = if self.is_part { slots } else { slots.with_board(board, self.own_usb) };
        if self.has_screen && matches!(board, Board::Pc | Board::Q35) {
            let taken = slots.board_device("the screen", "that of the screen that QEMU adds", None);
            taken.map_err(|what| self.no_slot(self.line_start(), what))?;
        }
        self.slots_of_cards(board, &mut slots)?;
        self.slots = Some(slots);
        let mut devices = std::mem::take(&mut self.devices);
        let first_in_json = devices.iter().position(|(parts, _)| parts.is_json).unwrap_or(devices.len());
        for (parts, word) in &mut devices[..first_in_json] {
            self.give_slot(parts, word)?;
        }
        for drive in short.iter_mut().filter(|drive| drive.device.class == DeviceClass::VirtioBlk) {
            let parts = Parts::of_pairs(vec![("driver".to_owned(), "virtio-blk-pci".to_owned())], "driver");
            let found = self.slots.as_mut().map(|slots| slots.comes(&parts)).transpose();
            let found = found.map_err(|what| self.no_slot(At { line: drive.line, column: 1 }, what))?;
            drive.device.slot = found.flatten().map(|(slot, _)| slot);
        }
        for (parts, word) in &mut devices[first_in_json..] {
            self.give_slot(parts, word)?;
        }
        self.devices = devices;
        Ok(())
    }

    /// Gives a device its address, if it is one of PCI without one.
    ///
    /// # Errors
    ///
    /// As [`Reader::give_slots`].
    pub(super) fn give_slot(&mut self, parts: &mut Parts, word: &Word) -> Result<(), GuestError> {
        // what a shell puts there may be an address
        if word.text.contains(['$', '`']) {
            return Ok(());
        }
        let given = self.with_globals(parts.clone());
        let found = self.slots.as_mut().map(|slots| slots.comes(&given)).transpose();
        if let Some((slot, function)) = found.map_err(|what| self.no_slot(word.at, what))?.flatten() {
            parts.push("addr", &format!("{slot:x}.{function:x}"));
        }
        Ok(())
    }

    /// The cards that the board makes, those of `-nic` before those of `-net`.
    fn slots_of_cards(&mut self, board: Board, slots: &mut Slots) -> Result<(), GuestError> {
        // it makes none
        if board == Board::VirtRiscv64 {
            return Ok(());
        }
        let whose = "that of a card of the board's";
        if !self.built_in.none && !self.built_in.network && !self.is_part {
            let found = slots.board_device("the card that QEMU adds", whose, None);
            self.built_in.own_slot = found.map_err(|what| self.no_slot(self.line_start(), what))?.map(|(slot, _)| slot);
        }
        self.built_in.cards.sort_by_key(|card| card.by_net);
        let mut cards = std::mem::take(&mut self.built_in.cards);
        for card in cards.iter_mut().filter(|card| card.model.as_deref() != Some("ne2k_isa")) {
            if card.at.is_some() {
                let words =
                    "-net nic,addr=: as QEMU 7.2 reads it; QEMU 10.0 gives the card the first slot that is free";
                self.notes.took(card.line, words);
            }
            let name = card.model.as_deref().unwrap_or("a card of the board's");
            let found = slots.board_device(name, whose, card.at);
            card.at = found.map_err(|what| self.no_slot(At { line: card.line, column: 1 }, what))?;
        }
        self.built_in.cards = cards;
        Ok(())
    }

    fn line_start(&self) -> At {
        At { line: self.line, column: 1 }
    }

    fn no_slot(&self, at: At, (what, fix): Refused) -> GuestError {
        GuestError { what, file: self.file.to_owned(), at, fix: fix.to_owned() }
    }
}

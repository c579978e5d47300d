//! Cards that the board makes: `-nic` and `-net`.

use super::buses::address;
use super::drives::plug;
use super::options::Parts;
use super::slots::Function;
use crate::guest::Plug;

/// What the line says of the devices that QEMU makes by itself.
#[derive(Default)]
pub(super) struct BuiltIn {
    /// `-nodefaults`.
    pub none: bool,
    /// Cards of `-nic` and `-net nic`.
    pub cards: Vec<Card>,
    /// The slot of the card that QEMU adds by itself.
    pub own_slot: Option<u8>,
    /// What the hub of `-net` leads to.
    pub hub: Option<Plug>,
    /// Any option about networks: no card is made then but those that are asked for.
    pub network: bool,
}

/// A card of the board.
pub(super) struct Card {
    /// As it is written; `None` for the board's own.
    pub model: Option<String>,
    pub wire: Wire,
    /// Slot and function on the root bus.
    pub at: Option<Function>,
    /// It is of `-net`; QEMU makes those of `-nic` before (`net_init_clients` in its `net/net.c`).
    pub by_net: bool,
    pub line: u32,
}

impl Card {
    fn of(parts: &Parts, wire: Wire, by_net: bool, line: u32) -> Card {
        // `-nic` has none; domain and bus may stand before it
        let at = parts.get("addr").and_then(|text| address(text.rsplit(':').next()?));
        Card { model: parts.get("model").map(str::to_owned), wire, at, by_net, line }
    }
}

/// What a card of the board is plugged into.
pub(super) enum Wire {
    Plug(Plug),
    /// The back end of this id.
    Netdev(String),
    /// Whatever `-net` names besides cards.
    Hub,
}

impl BuiltIn {
    /// `-nic TYPE,model=M`.
    pub fn nic(&mut self, parts: &Parts, line: u32) {
        self.network = true;
        if parts.first != "none" {
            self.cards.push(Card::of(parts, Wire::Plug(plug(parts)), false, line));
        }
    }

    /// `-net nic,model=M`, or a back end that `-net` connects with all such cards.
    pub fn net(&mut self, parts: &Parts, line: u32) {
        self.network = true;
        match parts.first.as_str() {
            "none" => {}
            "nic" => {
                let wire = parts.get("netdev").map_or(Wire::Hub, |id| Wire::Netdev(id.to_owned()));
                self.cards.push(Card::of(parts, wire, true, line));
            }
            _ => self.hub = Some(plug(parts)),
        }
    }
}

//! Cards that the board makes: `-nic` and `-net`.

use super::drives::plug;
use super::options::Parts;
use crate::guest::Plug;

/// What the line says of the devices that QEMU makes by itself.
#[derive(Default)]
pub(super) struct BuiltIn {
    /// `-nodefaults`.
    pub none: bool,
    /// Cards of `-nic` and `-net nic`: model, what it is plugged into, line.
    pub cards: Vec<(Option<String>, Wire, u32)>,
    /// What the hub of `-net` leads to.
    pub hub: Option<Plug>,
    /// Any option about networks: no card is made then but those that are asked for.
    pub network: bool,
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
            self.cards.push((parts.get("model").map(str::to_owned), Wire::Plug(plug(parts)), line));
        }
    }

    /// `-net nic,model=M`, or a back end that `-net` connects with all such cards.
    pub fn net(&mut self, parts: &Parts, line: u32) {
        self.network = true;
        match parts.first.as_str() {
            "none" => {}
            "nic" => {
                let wire = parts.get("netdev").map_or(Wire::Hub, |id| Wire::Netdev(id.to_owned()));
                self.cards.push((parts.get("model").map(str::to_owned), wire, line));
            }
            _ => self.hub = Some(plug(parts)),
        }
    }
}

//! One cell: a firmware, a board, a bus and a network, as a case.

use bootwright::case::Case;
use bootwright::machine::Machine;
use bootwright::verdict::{Expectation, Reach};

/// What is booted, and what is said of it.
#[derive(Clone, Debug)]
pub struct Cell {
    /// `bios`, `uefi` or `uefi-secure`.
    pub firmware: String,
    /// The board.
    pub board: String,
    /// The bus.
    pub bus: String,
    /// Why something, or nothing, can be expected.
    pub why: String,
    /// Something must boot.
    pub boots: bool,
    /// The case.
    pub case: Case,
}

/// What the options want of every boot.
#[derive(Clone, Debug)]
pub struct Demand {
    /// For cells in which something must boot.
    pub reach: Reach,
    /// Beginning of every id.
    pub name: String,
}

impl Cell {
    /// A cell of this machine; `control` is the same machine without what it boots, or with something that boots where nothing
    /// is to.
    pub fn new(
        words: [&str; 3],
        claim: (bool, &str),
        machine: Machine,
        control: Option<Machine>,
        demand: &Demand,
    ) -> Cell {
        let [firmware, board, bus] = words;
        let (boots, why) = claim;
        let without_code = demand.reach.without_code && firmware == "bios" && !boots;
        let wanted = Reach { without_code, ..demand.reach.clone() };
        let nothing = |wanted| Reach { stage: None, expect: Vec::new(), answers: Vec::new(), go_on: false, ..wanted };
        let reach = if boots { wanted } else { nothing(wanted) };
        let about = if boots { why.to_owned() } else { format!("must not boot: {why}") };
        let case = Case::new(format!("boot::{}::{firmware}::{board}::{bus}", demand.name))
            .machine(machine)
            .axis("firmware", firmware)
            .axis("bus", bus)
            .about(about)
            .expect(Expectation::reaches(reach));
        let case = match control {
            Some(control) => case.control(control),
            None => case,
        };
        Cell {
            firmware: firmware.to_owned(),
            board: board.to_owned(),
            bus: bus.to_owned(),
            why: why.to_owned(),
            boots,
            case,
        }
    }
}

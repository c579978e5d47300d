//! The PCI buses of a domain and what sits on them, by libvirt's rules: which bus takes which device, in which slot the next one goes,
//! and which bus is added where none has room (`virDomainPCIAddressGetNextAddr` and `virDomainPCIAddressSetGrow` in libvirt's
//! `src/conf/domain_addr.c`).

use std::collections::{BTreeMap, BTreeSet};

use super::controller::PciModel;

/// Slots of a bus.
const SLOTS: usize = 32;

/// What a device needs of a bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Needs {
    /// Conventional PCI.
    Conventional,
    /// PCI Express, or conventional PCI where the board's root bus is that.
    Express,
    /// The root bus itself, whatever that is.
    Integrated,
    /// What takes this PCI controller.
    Controller(PciModel),
}

/// Index of a bus, slot and function.
pub(super) type Spot = (u8, u8, u8);

#[derive(Clone, Debug)]
struct Bus {
    model: PciModel,
    /// Functions that are taken, a bit each.
    slots: [u8; SLOTS],
    /// Slots whose functions may be root ports, a bit each.
    shared: u32,
    /// A port that was added for a bridge, and takes nothing else.
    for_a_bridge: bool,
}

/// The PCI buses of a domain, in the order of their indices.
#[derive(Clone, Debug)]
pub(super) struct Buses {
    all: Vec<Bus>,
    /// Whether a bus may be added.
    pub grows: bool,
}

impl Bus {
    fn new(model: PciModel) -> Bus {
        Bus { model, slots: [0; SLOTS], shared: 0, for_a_bridge: false }
    }

    /// First and last slot.
    fn range(&self) -> (u8, u8) {
        use PciModel as M;
        match self.model {
            M::Root | M::ExpressRoot | M::Bridge | M::ExpressToPciBridge => (1, 31),
            M::RootPort | M::DownstreamPort => (0, 0),
            M::DmiToPciBridge | M::UpstreamPort | M::Expander | M::ExpressExpander | M::Unknown => (0, 31),
        }
    }

    /// Whether it takes a device without an address (`virDomainPCIAddressBusSetModel`).
    fn takes(&self, needs: Needs, is_root: bool) -> bool {
        use PciModel as M;
        let for_bridges = matches!(self.model, M::Root | M::Bridge | M::Expander | M::ExpressToPciBridge);
        match needs {
            Needs::Integrated => is_root,
            Needs::Conventional => for_bridges,
            Needs::Express => matches!(self.model, M::RootPort | M::DownstreamPort) && !self.for_a_bridge,
            Needs::Controller(controller) => match controller {
                M::Bridge => for_bridges || self.model == M::DmiToPciBridge,
                M::RootPort | M::DmiToPciBridge => matches!(self.model, M::ExpressRoot | M::ExpressExpander),
                M::ExpressExpander => self.model == M::ExpressRoot,
                M::Expander => self.model == M::Root,
                M::ExpressToPciBridge => matches!(self.model, M::RootPort | M::DownstreamPort),
                M::UpstreamPort => matches!(self.model, M::RootPort | M::DownstreamPort) && !self.for_a_bridge,
                M::DownstreamPort => self.model == M::UpstreamPort,
                M::Root | M::ExpressRoot | M::Unknown => false,
            },
        }
    }
}

impl Buses {
    /// Those that the domain names, by their indices, and a bus of the usual model at each index between them. `root` is the board's.
    pub fn new(root: PciModel, named: &BTreeMap<u8, PciModel>) -> Buses {
        let usual = if root == PciModel::ExpressRoot { PciModel::RootPort } else { PciModel::Bridge };
        let last = named.keys().max().copied().unwrap_or_default();
        let model = |index| if index == 0 { root } else { named.get(&index).copied().unwrap_or(usual) };
        Buses { all: (0..=last).map(|index| Bus::new(model(index))).collect(), grows: true }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.all.len()
    }

    /// The model of a bus.
    pub fn model(&self, index: u8) -> Option<PciModel> {
        Some(self.all.get(usize::from(index))?.model)
    }

    /// Whether a slot has a device.
    pub fn is_used(&self, bus: u8, slot: u8) -> bool {
        self.all.get(usize::from(bus)).is_some_and(|bus| bus.slots[usize::from(slot)] != 0)
    }

    /// Slots of the root bus that have functions and none at 0.
    pub fn without_zero(&self) -> BTreeSet<u8> {
        let slots = self.all.first().map(|root| root.slots).unwrap_or_default();
        slots.into_iter().zip(0..).filter(|(taken, _)| *taken != 0 && taken & 1 == 0).map(|(_, slot)| slot).collect()
    }

    /// Notes a function that the XML or the board takes; on a bus that is not there yet where one may be added.
    pub fn take(&mut self, (bus, slot, function): Spot, needs: Needs) {
        // a port has slot 0 alone
        let bus_for = if slot > 0 && needs == Needs::Express { Needs::Conventional } else { needs };
        while self.grows && usize::from(bus) >= self.all.len() && self.grow(bus_for).is_some() {}
        if let Some(bus) = self.all.get_mut(usize::from(bus)) {
            let taken = &mut bus.slots[usize::from(slot)];
            if *taken == 0 && needs == Needs::Controller(PciModel::RootPort) {
                bus.shared |= 1 << slot;
            }
            *taken |= 1 << function;
        }
    }

    /// The next place for a device: a slot that nothing is in, or for a root port a function beside other ports. `function` is that in
    /// its slot.
    pub fn next(&mut self, needs: Needs, function: u8) -> Option<Spot> {
        let spot = self.free(needs, function).or_else(|| {
            let bus = if self.grows { self.grow(needs)? } else { return None };
            Some((bus, self.all[usize::from(bus)].range().0, function))
        })?;
        self.take(spot, needs);
        Some(spot)
    }

    fn free(&self, needs: Needs, function: u8) -> Option<Spot> {
        let is_port = needs == Needs::Controller(PciModel::RootPort);
        for (index, bus) in self.all.iter().enumerate().filter(|(index, bus)| bus.takes(needs, *index == 0)) {
            let (first, last) = bus.range();
            for slot in first..=last {
                let taken = bus.slots[usize::from(slot)];
                let beside = (0..8).find(|function| taken & (1 << function) == 0);
                match beside.filter(|_| is_port && bus.shared & (1 << slot) != 0) {
                    _ if taken == 0 => return Some((index as u8, slot, function)),
                    Some(function) => return Some((index as u8, slot, function)),
                    None => {}
                }
            }
        }
        None
    }

    /// Adds a bus that takes the device, with the port that it needs itself; its index.
    fn grow(&mut self, needs: Needs) -> Option<u8> {
        if self.all.len() + 2 > usize::from(u8::MAX) {
            return None;
        }
        let has_room_for_a_bridge =
            self.all.iter().enumerate().any(|(at, bus)| bus.takes(Needs::Controller(PciModel::Bridge), at == 0));
        match needs {
            Needs::Conventional if has_room_for_a_bridge => self.all.push(Bus::new(PciModel::Bridge)),
            Needs::Conventional => {
                self.all.push(Bus { for_a_bridge: true, ..Bus::new(PciModel::RootPort) });
                self.all.push(Bus::new(PciModel::ExpressToPciBridge));
            }
            Needs::Express | Needs::Controller(PciModel::UpstreamPort) => self.all.push(Bus::new(PciModel::RootPort)),
            Needs::Integrated | Needs::Controller(_) => return None,
        }
        u8::try_from(self.all.len() - 1).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PORT: Needs = Needs::Controller(PciModel::RootPort);

    fn express() -> Buses {
        Buses::new(PciModel::ExpressRoot, &BTreeMap::new())
    }

    #[test]
    fn root_ports_share_a_slot_and_other_devices_do_not() {
        let mut buses = express();
        buses.take((0, 1, 0), Needs::Conventional);
        let ports: Vec<_> = (0..9).filter_map(|_| buses.next(PORT, 0)).collect();
        assert_eq!((ports[0], ports[7], ports[8]), ((0, 2, 0), (0, 2, 7), (0, 3, 0)));
        let mut conventional = Buses::new(PciModel::Root, &BTreeMap::new());
        assert_eq!(conventional.next(Needs::Conventional, 0), Some((0, 1, 0)));
        assert_eq!(conventional.next(Needs::Conventional, 7), Some((0, 2, 7)));
        assert_eq!(conventional.next(Needs::Conventional, 0), Some((0, 3, 0)));
    }

    #[test]
    fn a_device_of_pci_express_gets_a_port_and_a_conventional_one_a_bridge_behind_one() {
        let mut buses = express();
        assert_eq!(buses.next(Needs::Express, 0), Some((1, 0, 0)));
        assert_eq!(buses.next(Needs::Conventional, 0), Some((3, 1, 0)));
        // the port for the bridge is not for the next device
        assert_eq!(buses.next(Needs::Express, 0), Some((4, 0, 0)));
        assert_eq!(buses.next(Needs::Controller(PciModel::ExpressToPciBridge), 0), Some((2, 0, 0)));
        assert_eq!(buses.next(Needs::Conventional, 0), Some((3, 2, 0)));
        assert_eq!(buses.next(Needs::Integrated, 0), Some((0, 1, 0)));
    }

    #[test]
    fn a_full_bus_makes_another_unless_none_may_be_added() {
        let mut buses = Buses::new(PciModel::Root, &BTreeMap::new());
        let last = (0..32).filter_map(|_| buses.next(Needs::Conventional, 0)).last();
        assert_eq!((last, buses.model(1)), (Some((1, 1, 0)), Some(PciModel::Bridge)));
        buses.grows = false;
        let rest = (0..40).filter_map(|_| buses.next(Needs::Conventional, 0)).count();
        assert_eq!((rest, buses.count()), (30, 2));
        assert_eq!(buses.next(Needs::Controller(PciModel::DownstreamPort), 0), None);
    }
}

//! Ports of USB as QEMU gives them out: a device without `port=` gets the first that is free, and the last free one of a controller
//! gets a hub for it and for those that follow (`usb_claim_port` in QEMU's `hw/usb/bus.c`).

use super::options::{Parts, small};
use crate::guest::usb_spot::OF_HUB;
use crate::machine::UsbController;

/// How many ports of one controller are told apart: a bus of USB has 127 devices.
const MOST: usize = 1000;

/// The ports of a controller.
#[derive(Clone, Debug)]
pub(super) struct Ports {
    all: Vec<Vec<u8>>,
    free: Vec<Vec<u8>>,
}

impl Ports {
    /// Those of a controller that has so many.
    pub fn new(count: u8) -> Ports {
        let all: Vec<Vec<u8>> = (1..=count).map(|port| vec![port]).collect();
        Ports { free: all.clone(), all }
    }

    /// Those of a controller with these properties; xHCI's are for two kinds of USB, and a connector has one of each.
    pub fn of(controller: UsbController, parts: &Parts) -> Ports {
        let of_kind = |key| parts.get(key).and_then(small).unwrap_or(4);
        Ports::new(match controller {
            UsbController::Xhci => of_kind("p2").max(of_kind("p3")).min(15),
            UsbController::Ehci => 6,
            _ => 2,
        })
    }

    /// The port that a device gets; `None` where there is no such port, or another device has it.
    pub fn claim(&mut self, wanted: Option<&[u8]>, is_hub: bool) -> Option<Vec<u8>> {
        if self.free.len() == 1 && !is_hub && wanted.is_none() {
            let last = self.free.remove(0);
            self.add_hub(&last);
        }
        let port = match wanted {
            Some(wanted) => self.free.iter().find(|port| port.as_slice() == wanted)?.clone(),
            None => self.free.first()?.clone(),
        };
        self.free.retain(|free| *free != port);
        if is_hub {
            self.add_hub(&port);
        }
        Some(port)
    }

    fn add_hub(&mut self, at: &[u8]) {
        if self.all.len() >= MOST {
            return;
        }
        let ports = (1..=OF_HUB).map(|port| [at, &[port]].concat());
        self.all.extend(ports.clone());
        self.free.extend(ports);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_free_port_of_a_controller_gets_a_hub() {
        let mut ports = Ports::new(2);
        let given: Vec<Option<Vec<u8>>> = (0..3).map(|_| ports.claim(None, false)).collect();
        assert_eq!(given, [Some(vec![1]), Some(vec![2, 1]), Some(vec![2, 2])]);
    }

    #[test]
    fn a_port_is_given_once() {
        let mut ports = Ports::new(2);
        assert_eq!(ports.claim(Some(&[1]), false), Some(vec![1]));
        assert_eq!(ports.claim(Some(&[1]), false), None, "QEMU: not found (in use?)");
    }

    #[test]
    fn a_hub_has_eight_ports_behind_those_of_the_controller() {
        let mut ports = Ports::new(2);
        assert_eq!(ports.claim(Some(&[1, 1]), false), None, "no hub is there yet");
        assert_eq!(ports.claim(None, true), Some(vec![1]));
        assert_eq!(ports.claim(None, false), Some(vec![2]));
        assert_eq!(ports.claim(Some(&[1, 8]), false), Some(vec![1, 8]));
        assert_eq!(ports.claim(Some(&[1, 9]), false), None);
        assert_eq!(ports.claim(None, false), Some(vec![1, 1]));
    }
}

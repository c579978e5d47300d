//! Where on USB a disk is: at a port of its controller, behind one hub, or where no machine here has one.

use crate::machine::UsbController;

/// Ports of QEMU's hub.
pub(super) const OF_HUB: u8 = 8;

/// Where on USB a device is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Spot {
    Root {
        controller: UsbController,
        port: u8,
    },
    Hub {
        controller: UsbController,
        hub: u8,
        port: u8,
    },
    /// What a disk there is, in words: it cannot be had here.
    Elsewhere(String),
}

impl Spot {
    /// The spot of a port of a controller, as the machines here have it.
    pub fn of(controller: UsbController, port: &[u8]) -> Spot {
        let last = match controller {
            UsbController::Xhci => 4,
            UsbController::Ehci => 6,
            _ => 2,
        };
        let word = controller.word();
        match *port {
            [port, ..] if !(1..=last).contains(&port) => {
                Spot::Elsewhere(format!("a disk at port {port} of USB ({word}), which has {last} here"))
            }
            [port] => Spot::Root { controller, port },
            [_, _] if controller == UsbController::Ehci => {
                Spot::Elsewhere(format!("a disk behind a hub of USB ({word})"))
            }
            [hub, port] if (1..=OF_HUB).contains(&port) => Spot::Hub { controller, hub, port },
            _ => Spot::Elsewhere("a disk behind several USB hubs".to_owned()),
        }
    }
}

/// A port as QEMU and libvirt spell it: `1`, behind a hub `1.2`.
pub(super) fn port(text: &str) -> Option<Vec<u8>> {
    text.split('.').map(|port| port.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spot_that_no_machine_here_has_is_said_in_words() {
        let words = |controller, port: &[u8]| match Spot::of(controller, port) {
            Spot::Elsewhere(words) => words,
            other => format!("{other:?}"),
        };
        assert_eq!(
            Spot::of(UsbController::Uhci, &[2, 8]),
            Spot::Hub { controller: UsbController::Uhci, hub: 2, port: 8 }
        );
        assert!(words(UsbController::Xhci, &[1, 2, 3]).contains("several USB hubs"));
        assert!(words(UsbController::Ehci, &[1, 2]).contains("behind a hub of USB (ehci)"));
        assert!(words(UsbController::Xhci, &[5]).contains("port 5 of USB (xhci), which has 4 here"));
    }
}

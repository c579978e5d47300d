//! The port of a real bridge while a guest used it: its states one after another, and what each discover found.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use bootwright_machine::machine::DeviceName;

/// States kept of one port.
const STATE_LIMIT: usize = 50;

/// A bridge port as the bridge itself reported it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BridgePort {
    /// The tap device.
    pub name: String,
    /// The bridge's spanning tree protocol is on.
    pub stp: bool,
    /// The bridge's forward delay in hundredths of a second.
    pub forward_delay_cs: u32,
    /// States since the link came up, and when each began, in milliseconds after that.
    pub states: Vec<(String, u64)>,
    /// The state in which each discover found it.
    pub discovers: Vec<String>,
    /// The state in which the first offer passed it.
    pub first_offer: Option<String>,
}

impl BridgePort {
    /// The state that began last.
    pub fn state(&self) -> &str {
        self.states.last().map_or("disabled", |(state, _)| state)
    }

    /// The state in which the first discover found it that it did not pass.
    pub fn first_blocked(&self) -> Option<&String> {
        self.discovers.iter().find(|state| *state != "forwarding")
    }

    /// Why frames did not pass, where that was so: at least one discover found the port in a state that passes none.
    pub fn why(&self) -> Option<String> {
        let mut blocked: Vec<&str> =
            self.discovers.iter().map(String::as_str).filter(|state| *state != "forwarding").collect();
        let lost = blocked.len();
        blocked.dedup();
        if blocked.is_empty() {
            return None;
        }
        let seconds = |ms: u64| format!("{}.{} s", ms / 1000, ms % 1000 / 100);
        let forwarding = self.states.iter().find(|(state, _)| state == "forwarding");
        let until = match (forwarding, self.states.last()) {
            (Some((_, at)), _) => format!("forwarding only {} after link-up", seconds(*at)),
            (None, Some((state, at))) => {
                format!("never forwarding while the machine ran, {state} from {} after link-up", seconds(*at))
            }
            (None, None) => "never forwarding".to_owned(),
        };
        let delay = self.forward_delay_cs;
        let stp = if self.stp { "STP" } else { "no STP" };
        let hundredths = if delay.is_multiple_of(100) { String::new() } else { format!(".{:02}", delay % 100) };
        let was = blocked.join(", then ");
        Some(format!(
            "bridge port {} was {was} for {lost} of {} discovers, {until} ({stp}, forward delay {}{hundredths} s)",
            self.name,
            self.discovers.len(),
            delay / 100,
        ))
    }
}

/// Follows a port from event to event.
#[derive(Clone, Debug)]
pub(super) struct Follower {
    pub nic: DeviceName,
    pub port: BridgePort,
    link_up: Option<Instant>,
}

impl Follower {
    pub fn new(nic: DeviceName) -> Follower {
        Follower { nic, port: BridgePort::default(), link_up: None }
    }

    /// The port went into a state. That it is disabled in the end, when QEMU lets its tap device go, is no news.
    pub fn state(&mut self, name: &str, state: &str, settings: (bool, u32), at: Instant) {
        let port = &mut self.port;
        (port.name, port.stp, port.forward_delay_cs) = (name.to_owned(), settings.0, settings.1);
        if state == "disabled" {
            self.link_up = None;
            return;
        }
        let link_up = match self.link_up {
            Some(link_up) => link_up,
            None => {
                port.states.clear();
                *self.link_up.insert(at)
            }
        };
        if port.states.len() < STATE_LIMIT {
            let after = at.saturating_duration_since(link_up).max(Duration::ZERO);
            port.states.push((state.to_owned(), u64::try_from(after.as_millis()).unwrap_or(u64::MAX)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(delay: u16, found: &[&str], until: u64) -> BridgePort {
        let begun = Instant::now();
        let mut follower = Follower::new(DeviceName::nic(0));
        let delay_ms = u64::from(delay) * 1000;
        for (state, at) in
            [("disabled", 0), ("listening", 5), ("learning", 5 + delay_ms), ("forwarding", 5 + 2 * delay_ms)]
        {
            if at <= until {
                let at = begun + Duration::from_millis(at);
                follower.state("tap0", state, (true, u32::from(delay) * 100), at);
            }
        }
        follower.state("tap0", "disabled", (true, u32::from(delay) * 100), begun + Duration::from_secs(60));
        BridgePort { discovers: found.iter().map(|&state| state.to_owned()).collect(), ..follower.port }
    }

    #[test]
    fn a_port_that_never_forwarded_says_so_with_the_bridges_settings() {
        let why = port(15, &["listening", "listening", "listening", "learning"], 17_000).why().unwrap();
        assert_eq!(
            why,
            "bridge port tap0 was listening, then learning for 4 of 4 discovers, never forwarding while the machine ran, \
             learning from 15.0 s after link-up (STP, forward delay 15 s)"
        );
    }

    #[test]
    fn a_late_port_says_when() {
        let why = port(4, &["listening", "learning", "forwarding"], 60_000).why().unwrap();
        assert!(why.contains("2 of 3 discovers, forwarding only 8.0 s after link-up"), "{why}");
    }

    #[test]
    fn a_port_that_forwarded_from_the_first_discover_is_not_blamed() {
        assert_eq!(port(0, &["forwarding"], 60_000).why(), None);
        assert_eq!(BridgePort::default().why(), None);
    }
}

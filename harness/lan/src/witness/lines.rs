//! What the real parts of a network log, line by line, as `lab.sh` passes it on: the part's name, a space, its words.

use crate::event::{FaultOrigin, LanEventKind, Struck};

/// Reads the lines of one lab.
#[derive(Debug)]
pub struct Reader {
    taps: Vec<String>,
    /// STP and forward delay in hundredths of a second, as the bridge itself says.
    settings: (bool, u32),
    /// The state of each port that was seen last.
    states: Vec<String>,
}

impl Reader {
    /// A reader for a bridge with these tap devices, by port.
    pub fn new(taps: Vec<String>) -> Reader {
        let states = vec![String::new(); taps.len()];
        Reader { taps, settings: (false, 0), states }
    }

    /// What a line says, and about which port.
    pub fn take(&mut self, line: &str) -> Option<(Option<usize>, LanEventKind)> {
        let (part, words) = line.split_once(' ')?;
        match part {
            "settings" => self.settings(words),
            "bridge" => self.port_state(words),
            "nft" => Some(self.dropped(words).unwrap_or_else(|| said(part, words))),
            _ => Some(said(part, words)),
        }
    }

    /// `ip -details link show`: `bridge forward_delay 1500 hello_time 200 ... stp_state 1 ...`
    fn settings(&mut self, words: &str) -> Option<(Option<usize>, LanEventKind)> {
        let delay = after(words, "forward_delay").and_then(|delay| delay.parse().ok())?;
        self.settings = (after(words, "stp_state") == Some("1"), delay);
        Some(said("settings", words))
    }

    /// `bridge monitor link`: `3: tap0: <...> mtu 1500 master br0 state learning priority 32 cost 2`. It repeats itself.
    fn port_state(&mut self, words: &str) -> Option<(Option<usize>, LanEventKind)> {
        let name = words.split(": ").nth(1)?;
        let port = self.taps.iter().position(|tap| tap == name)?;
        let state = after(words, "state")?;
        if self.states[port] == state {
            return None;
        }
        self.states[port] = state.to_owned();
        let (stp, forward_delay_cs) = self.settings;
        let kind = LanEventKind::PortState { name: name.to_owned(), state: state.to_owned(), stp, forward_delay_cs };
        Some((Some(port), kind))
    }

    /// `nft monitor trace`: `trace id 8db4ac59 inet firewall output rule udp sport 67 ... drop (verdict drop)`. With one
    /// port only it is plain whose packet that was.
    fn dropped(&self, words: &str) -> Option<(Option<usize>, LanEventKind)> {
        let rule = words.strip_suffix(" (verdict drop)")?;
        let (chain, rule) = rule.split_once(" rule ")?;
        let chain = chain.split_whitespace().skip(3).collect::<Vec<_>>().join(" ");
        let note = format!("nftables {chain}: {rule}");
        let fault = FaultOrigin::Firewall { chain, rule: rule.to_owned() };
        Some(((self.taps.len() == 1).then_some(0), LanEventKind::Fault(Struck { fault, note })))
    }
}

fn said(part: &str, words: &str) -> (Option<usize>, LanEventKind) {
    (None, LanEventKind::Said { part: part.to_owned(), line: words.to_owned() })
}

/// The word that follows a word.
fn after<'a>(words: &'a str, word: &str) -> Option<&'a str> {
    let mut rest = words.split_whitespace();
    rest.find(|&seen| seen == word)?;
    rest.next()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEARNING: &str =
        "bridge 3: tap0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 master br0 state learning priority 32 cost 2 ";

    #[test]
    fn a_port_state_comes_with_what_the_bridge_says_of_itself_and_once() {
        let mut reader = Reader::new(vec!["tap0".into()]);
        reader
            .take("settings     bridge forward_delay 1500 hello_time 200 ageing_time 30000 stp_state 1 priority 32768");
        let kind = LanEventKind::PortState {
            name: "tap0".into(),
            state: "learning".into(),
            stp: true,
            forward_delay_cs: 1500,
        };
        assert_eq!(reader.take(LEARNING), Some((Some(0), kind)));
        assert_eq!(reader.take(LEARNING), None);
    }

    #[test]
    fn lines_about_other_ports_or_without_a_state_say_nothing() {
        let mut reader = Reader::new(vec!["tap7".into()]);
        assert_eq!(reader.take(LEARNING), None);
        assert_eq!(reader.take("bridge Timestamp: Tue Nov 24 08:48:49 2026 632805 usec"), None);
        assert_eq!(reader.take("bridge 4: tap7: <NO-CARRIER,UP> mtu 1500 master br0"), None);
        assert_eq!(reader.take(""), None);
    }

    #[test]
    fn a_dropped_packet_is_a_fault_that_names_the_rule() {
        let mut reader = Reader::new(vec!["tap0".into()]);
        let line = "nft trace id 8db4ac59 inet firewall output rule udp sport 67 counter packets 0 bytes 0 drop (verdict drop)";
        let note = "nftables inet firewall output: udp sport 67 counter packets 0 bytes 0 drop".to_owned();
        let rule = "udp sport 67 counter packets 0 bytes 0 drop".to_owned();
        let fault = FaultOrigin::Firewall { chain: "inet firewall output".to_owned(), rule };
        assert_eq!(reader.take(line), Some((Some(0), LanEventKind::Fault(Struck { fault, note }))));
        let accepted = reader.take("nft trace id 1 inet firewall output rule accept (verdict accept)");
        assert!(matches!(accepted, Some((None, LanEventKind::Said { .. }))));
    }

    #[test]
    fn what_a_server_logs_is_kept() {
        let said = LanEventKind::Said { part: "dnsmasq".into(), line: "dnsmasq: started".into() };
        assert_eq!(Reader::new(Vec::new()).take("dnsmasq dnsmasq: started"), Some((None, said)));
    }
}

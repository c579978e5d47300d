//! Whether a milestone of a story is reached.

use crate::case::story::{LanMoment, Milestone};
use crate::evidence::{NetworkEvent, Recorder, Source};
use crate::lan::LanEventKind;
use crate::lan::wire::dhcpv4::MessageType;
use crate::trace::{Payload, Terminal, Trace};

/// Whether trace and networks are where the milestone wants them; `said` is how often its text was said, if it has one.
pub fn reached(milestone: &Milestone, trace: &Trace, lan: &[NetworkEvent], said: usize) -> bool {
    match milestone {
        Milestone::Lap(lap) => trace.laps >= *lap,
        Milestone::Payload { medium, times } => {
            let ran = |payload: &&Payload| payload.medium_of_nonce.as_ref() == Some(medium);
            trace.payloads.iter().filter(ran).count() >= *times as usize
        }
        Milestone::NothingBootable => {
            trace.terminal.as_ref().is_some_and(|terminal| *terminal != Terminal::CpuException)
        }
        Milestone::Crashed => trace.terminal == Some(Terminal::CpuException),
        Milestone::Says { times, .. } => said >= *times as usize,
        Milestone::OnLan { moment, times } => {
            lan.iter().filter(|event| is_moment(*moment, &event.event)).count() >= *times as usize
        }
        Milestone::Ended => false,
    }
}

fn is_moment(moment: LanMoment, event: &LanEventKind) -> bool {
    match (moment, event) {
        (LanMoment::Discover, LanEventKind::Dhcp(dhcp)) => dhcp.message == MessageType::Discover,
        (LanMoment::Ack, LanEventKind::Dhcp(dhcp)) => dhcp.message == MessageType::Ack,
        (LanMoment::TftpRequest, LanEventKind::TftpRequest { .. }) => true,
        (LanMoment::TftpQuarter, LanEventKind::TftpProgress { .. }) => true,
        _ => false,
    }
}

/// Counts a text in a stream that grows, and reads each byte of it about once.
#[derive(Clone, Debug)]
pub struct Occurrences {
    source: Source,
    text: Vec<u8>,
    /// Where the next one can begin.
    next: usize,
    count: usize,
}

impl Occurrences {
    /// Counts from this byte of the stream on.
    pub fn from(source: Source, offset: usize, text: &str) -> Occurrences {
        Occurrences { source, text: text.as_bytes().to_vec(), next: offset, count: 0 }
    }

    /// Where the text is for the first time; reads on where it has stopped without one.
    fn first(&mut self, recorder: &Recorder) -> Option<usize> {
        let new = recorder.stream_from(self.source, self.next);
        let length = self.text.len();
        let found = if length == 0 { Some(0) } else { new.windows(length).position(|window| window == self.text) };
        let at = found.map(|found| self.next + found);
        self.next += (new.len() + 1).saturating_sub(length.max(1));
        at
    }

    /// How often the text is there by now; an occurrence never overlaps the one before.
    pub fn count(&mut self, recorder: &Recorder) -> usize {
        let new = recorder.stream_from(self.source, self.next);
        let length = self.text.len().max(1);
        let mut at = 0;
        while let Some(found) = new[at..].windows(length).position(|window| window == self.text) {
            self.count += 1;
            at += found + length;
        }
        // the end may be the beginning of another one
        self.next += at.max((new.len() + 1).saturating_sub(length));
        self.count
    }
}

/// How far the log of a lap has come, in bytes behind the text with which it begins; reads each byte about once.
#[derive(Clone, Debug)]
pub struct LapLog {
    source: Source,
    begin: Occurrences,
    /// Where the lap begins, and its line feeds.
    begun: Option<(usize, Occurrences)>,
}

impl LapLog {
    /// The lap that begins with the first `begin` at or behind this byte of the stream; at this byte where that is empty.
    pub fn from(source: Source, offset: usize, begin: &str) -> LapLog {
        LapLog { source, begin: Occurrences::from(source, offset, begin), begun: None }
    }

    /// Whether more than so many bytes are there, and a line feed among them.
    pub fn is_beyond(&mut self, bytes: usize, recorder: &Recorder) -> bool {
        if self.begun.is_none() {
            let begin = self.begin.first(recorder);
            self.begun = begin.map(|at| (at, Occurrences::from(self.source, at, "\n")));
        }
        match &mut self.begun {
            Some((at, line_feeds)) => {
                recorder.stream_len(self.source).saturating_sub(*at) > bytes && line_feeds.count(recorder) > 0
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lan::wire::MacAddr;
    use crate::lan::{DhcpEvent, LanEventKind};

    fn dhcp(message: MessageType) -> NetworkEvent {
        let unspecified = std::net::Ipv4Addr::UNSPECIFIED;
        let event = LanEventKind::Dhcp(Box::new(DhcpEvent {
            message,
            server: None,
            xid: 1,
            secs: 0,
            mac: MacAddr([0; 6]),
            arch: None,
            vendor_class: None,
            user_class: None,
            uuid: None,
            client_id: None,
            your_ip: unspecified,
            server_id: None,
            next_server: unspecified,
            boot_file: None,
            cut: false,
        }));
        NetworkEvent { event, nic: Some("nic0".to_owned()) }
    }

    #[test]
    fn a_moment_on_the_network_is_its_own_event_and_counted() {
        let lan = [dhcp(MessageType::Discover), dhcp(MessageType::Offer), dhcp(MessageType::Discover)];
        let is = |moment, times| reached(&Milestone::OnLan { moment, times }, &Trace::default(), &lan, 0);
        assert!(is(LanMoment::Discover, 2) && !is(LanMoment::Discover, 3));
        assert!(!is(LanMoment::Ack, 1) && !is(LanMoment::TftpRequest, 1) && !is(LanMoment::TftpQuarter, 1));
    }

    #[test]
    fn a_network_event_stands_in_the_timeline_as_it_always_did() {
        let recorder = Recorder::new();
        let event = LanEventKind::TftpProgress { name: "a".to_owned(), bytes: 1, total: 4 };
        recorder.note(crate::evidence::Observed::Network(NetworkEvent { event, nic: Some("nic0".to_owned()) }));
        let line = recorder.timeline_jsonl();
        let wanted = r#""event":{"nic":"nic0","event":{"what":"tftp-progress","name":"a","bytes":1,"total":4}}}"#;
        assert!(line.contains(wanted), "{line}");
    }

    #[test]
    fn a_milestone_counts_laps_and_text() {
        let trace = Trace { laps: 2, ..Trace::default() };
        let says = |times| Milestone::Says { text: "SeaBIOS".into(), times };
        assert!(reached(&says(2), &trace, &[], 2) && !reached(&says(3), &trace, &[], 2));
        assert!(reached(&Milestone::Lap(2), &trace, &[], 0) && !reached(&Milestone::Lap(3), &trace, &[], 0));
    }

    #[test]
    fn a_lap_is_counted_from_its_beginning_whatever_the_pieces() {
        let recorder = Recorder::new();
        let mut lap = LapLog::from(Source::DebugConsole, 4, "BUILD: ");
        recorder.bytes(Source::DebugConsole, b"BUILD: old\nBUI");
        assert!(!lap.is_beyond(0, &recorder), "it is another lap's");
        recorder.bytes(Source::DebugConsole, b"LD: 1.16");
        assert!(!lap.is_beyond(0, &recorder), "no whole line");
        recorder.bytes(Source::DebugConsole, b"\n");
        assert!(lap.is_beyond(11, &recorder) && !lap.is_beyond(12, &recorder));
        let mut at_once = LapLog::from(Source::DebugConsole, 4, "");
        assert!(at_once.is_beyond(18, &recorder) && !at_once.is_beyond(19, &recorder));
    }

    #[test]
    fn a_text_that_comes_in_pieces_is_counted_once() {
        let recorder = Recorder::new();
        let mut says = Occurrences::from(Source::Serial, 2, "abab");
        recorder.bytes(Source::Serial, b"ababa");
        assert_eq!(says.count(&recorder), 0, "the first two bytes were there before");
        recorder.bytes(Source::Serial, b"b");
        assert_eq!(says.count(&recorder), 1);
        recorder.bytes(Source::Serial, b"ab");
        assert_eq!(says.count(&recorder), 1, "it does not overlap the one before");
        recorder.bytes(Source::Serial, b"abx");
        assert_eq!((says.count(&recorder), says.count(&recorder)), (2, 2));
    }
}

//! How much of the guest's words an event keeps, and what an event weighs.

use crate::event::{FaultOrigin, LanEvent, LanEventKind, LanRecord, Request};

/// Longest text in an event, bytes.
pub(crate) const MAX_TEXT: usize = 512;
/// Longest identifier in an event, bytes: a DUID with its type, as option 61 may hold it (RFC 4361).
pub(crate) const MAX_IDENTIFIER: usize = 133;
/// Most options of a request in an event.
const MAX_OPTIONS: usize = 16;

/// Cuts what is longer than an event keeps. A text that was cut says how long it was, and a DHCP event that something was.
pub(crate) fn shorten(kind: &mut LanEventKind) {
    if let LanEventKind::TftpRequest { options, .. } = kind {
        options.truncate(MAX_OPTIONS);
        options.shrink_to_fit();
    }
    let mut cut = false;
    if let LanEventKind::Dhcp(said) = kind
        && let Some(id) = said.client_id.as_mut().filter(|id| id.len() > MAX_IDENTIFIER)
    {
        cut = true;
        id.truncate(MAX_IDENTIFIER);
        id.shrink_to_fit();
    }
    texts(kind, &mut |text| {
        if text.len() > MAX_TEXT {
            cut = true;
            let mut end = MAX_TEXT;
            while !text.is_char_boundary(end) {
                end -= 1;
            }
            *text = format!("{}... ({} bytes)", &text[..end], text.len());
        }
    });
    match kind {
        LanEventKind::Dhcp(said) => said.cut = cut,
        LanEventKind::Dhcpv6(said) => said.cut = cut,
        _ => {}
    }
}

/// Bytes that an event takes in memory.
pub(crate) fn weight(kind: &mut LanEventKind) -> usize {
    let mut bytes = size_of::<LanEvent>();
    match kind {
        LanEventKind::Dhcp(said) => {
            bytes += size_of_val(&**said) + said.client_id.as_ref().map_or(0, Vec::capacity);
        }
        LanEventKind::Dhcpv6(said) => bytes += size_of_val(&**said),
        LanEventKind::TftpRequest { options, .. } => bytes += options.capacity() * size_of::<(String, String)>(),
        _ => {}
    }
    texts(kind, &mut |text| bytes += text.capacity());
    bytes
}

/// Bytes that a record takes in memory.
pub(crate) fn weight_of_record(frame: usize, notes: &[String]) -> usize {
    let notes: usize = notes.iter().map(|note| size_of::<String>() + note.capacity()).sum();
    size_of::<LanRecord>() + frame + notes
}

/// Every text of an event.
fn texts(kind: &mut LanEventKind, each: &mut dyn FnMut(&mut String)) {
    match kind {
        LanEventKind::Dhcp(said) => {
            let said = &mut **said;
            [&mut said.server, &mut said.vendor_class, &mut said.user_class, &mut said.boot_file]
                .into_iter()
                .flatten()
                .for_each(&mut *each);
        }
        LanEventKind::Dhcpv6(said) => {
            let said = &mut **said;
            [&mut said.server, &mut said.vendor_class, &mut said.user_class, &mut said.boot_file_url]
                .into_iter()
                .flatten()
                .for_each(&mut *each);
        }
        LanEventKind::HttpRequest { method, path, host, user_agent, range, .. } => {
            [host, user_agent, range].into_iter().flatten().for_each(&mut *each);
            [method, path].into_iter().for_each(each);
        }
        LanEventKind::TftpRequest { name, options, .. } => {
            each(name);
            options.iter_mut().for_each(|(name, value)| [name, value].into_iter().for_each(&mut *each));
        }
        LanEventKind::TftpError { name: one, message: other, .. }
        | LanEventKind::PortState { name: one, state: other, .. }
        | LanEventKind::Said { part: one, line: other } => [one, other].into_iter().for_each(each),
        LanEventKind::Unserved { request: Request::Tftp { name } | Request::Dns { name }, .. }
        | LanEventKind::TftpProgress { name, .. }
        | LanEventKind::TftpComplete { name, .. }
        | LanEventKind::TftpAcknowledgedAgain { name, .. }
        | LanEventKind::Dns { name, .. } => each(name),
        LanEventKind::HttpSent { path, .. }
        | LanEventKind::HttpComplete { path, .. }
        | LanEventKind::HttpBodyFault { path, .. } => each(path),
        LanEventKind::PortClosed { reason }
        | LanEventKind::HttpBroken { reason }
        | LanEventKind::TlsRefused { reason }
        | LanEventKind::Refused { reason } => each(reason),
        LanEventKind::DhcpIgnored { server, .. } => each(server),
        LanEventKind::Fault(struck) => {
            each(&mut struck.note);
            match &mut struck.fault {
                FaultOrigin::Wire(name)
                | FaultOrigin::Dhcp(name)
                | FaultOrigin::Tftp(name)
                | FaultOrigin::Http(name) => each(name),
                FaultOrigin::Firewall { chain, rule } => [chain, rule].into_iter().for_each(each),
            }
        }
        LanEventKind::Panicked { message } => each(message),
        LanEventKind::LinkUp
        | LanEventKind::Arp { .. }
        | LanEventKind::Echo { .. }
        | LanEventKind::RouterSolicit { .. }
        | LanEventKind::BudgetReached { .. }
        | LanEventKind::Unserved { .. } => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_at_a_character_and_says_how_long_it_was() {
        let mut kind = LanEventKind::Dns { name: "\u{e9}".repeat(400), record_type: 1, found: false };
        shorten(&mut kind);
        let LanEventKind::Dns { name, .. } = &kind else { panic!("{kind:?}") };
        assert_eq!(*name, format!("{}... (800 bytes)", "\u{e9}".repeat(256)));
    }

    #[test]
    fn a_request_keeps_sixteen_options_and_an_event_weighs_its_texts() {
        let options = vec![("blksize".to_owned(), "x".repeat(10_000)); 1000];
        let mut kind = LanEventKind::TftpRequest { name: "n".repeat(600), options, found: true };
        shorten(&mut kind);
        let LanEventKind::TftpRequest { options, .. } = &kind else { panic!("{kind:?}") };
        assert_eq!(options.len(), 16);
        assert!(options[0].1.len() < 540);
        assert!((16 * 512..200_000).contains(&weight(&mut kind)));
    }
}

//! Which description a text holds: XML of libvirt's, which may stand behind a log's words, or something else.

/// XML of a text, at the lines and columns that it has there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// The text with blanks in place of what stands before the XML.
    pub text: String,
    /// What to say of the choice, with its line, where there was one.
    pub taken: Option<(u32, String)>,
}

/// Elements that have a domain in them and are none.
const AROUND: [&str; 5] =
    ["<domainsnapshot", "<domstatus", "<domainbackup", "<domaincheckpoint", "<domainCapabilities"];

/// The XML in a text, or `None` for one without. Of several domains the last is taken.
pub fn xml(text: &str) -> Option<Document> {
    let text = text.trim_start_matches('\u{feff}');
    let begins = text.trim_start().starts_with('<');
    let domains = elements(text, "domain");
    let is_around = AROUND.iter().any(|element| text.contains(element));
    let found = if domains.is_empty() { elements(text, "network") } else { domains };
    let (first, last) = (found.first().copied(), found.last().copied());
    let whole = begins && (found.len() < 2 || is_around);
    let (Some((start, _)), false) = (last, whole) else {
        // what a terminal shows behind the last element is no XML
        let end = last.map_or(text.len(), |(_, end)| end);
        let end = if text[end..].contains('<') { text.len() } else { end };
        return begins.then(|| Document { text: text[..end].to_owned(), taken: None });
    };
    let (_, end) = last?;
    let blank = |letter: char| if letter == '\n' { '\n' } else { ' ' };
    let blanked: String = text[..start].chars().map(blank).chain(text[start..end].chars()).collect();
    let line = line_of(text, start);
    let taken = (found.len() > 1).then(|| {
        let before = first.map_or(1, |(start, _)| line_of(text, start));
        (
            line,
            format!("{} descriptions, the first on line {before}: that of line {line} is taken, the last", found.len()),
        )
    });
    Some(Document { text: blanked, taken })
}

/// Where each element of a name begins and ends.
fn elements(text: &str, name: &str) -> Vec<(usize, usize)> {
    let (open, close) = (format!("<{name}"), format!("</{name}>"));
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(start) = text[from..].find(&open).map(|at| from + at) {
        from = start + open.len();
        if !text[from..].starts_with(|letter: char| letter.is_whitespace() || letter == '>') {
            continue;
        }
        if let Some(end) = text[from..].find(&close).map(|at| from + at + close.len()) {
            found.push((start, end));
            from = end;
        }
    }
    found
}

fn line_of(text: &str, byte: usize) -> u32 {
    let lines = text[..byte].bytes().filter(|&byte| byte == b'\n').count();
    u32::try_from(lines).unwrap_or(u32::MAX).saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guest::libvirt;

    const DOMAIN: &str = "<domain type=\"kvm\">\n<name>a</name><os><type>hvm</type></os></domain>";

    #[test]
    fn a_domain_behind_a_logs_words_keeps_its_lines() {
        let log = format!("begins\n2024 DEBUG nova [é] xml={DOMAIN} _get_guest_xml /usr/lib/driver.py:1\nmore");
        let document = xml(&log).unwrap();
        let guest = libvirt::read("a", &document.text, &[]).unwrap();
        assert_eq!((guest.line, document.taken), (3, None));
    }

    #[test]
    fn of_several_domains_the_last_is_taken_and_said() {
        for between in ["\n", "\n2024 INFO xml="] {
            let text = format!("{DOMAIN}{between}{}", DOMAIN.replace("<name>a", "<name>b"));
            let document = xml(&text).unwrap();
            assert_eq!(libvirt::read("a", &document.text, &[]).unwrap().name, "b");
            assert_eq!(
                document.taken.unwrap().1,
                "2 descriptions, the first on line 1: that of line 3 is taken, the last"
            );
        }
    }

    #[test]
    fn a_mark_of_the_byte_order_and_a_prompt_behind_the_xml_are_no_part_of_it() {
        let marked = xml(&format!("\u{feff}{DOMAIN}\nvirsh # ")).unwrap();
        assert_eq!(libvirt::read("a", &marked.text, &[]).unwrap().name, "a");
    }

    #[test]
    fn a_command_line_is_no_xml_and_xml_that_ends_too_early_still_is() {
        assert_eq!(xml("qemu-system-x86_64 -hda <domain>"), None);
        assert_eq!(xml("<domain><os>").unwrap().text, "<domain><os>");
        assert_eq!(xml("<pool type='dir'/>").unwrap().text, "<pool type='dir'/>");
    }
}

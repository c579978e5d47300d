//! The lines of a dnsmasq file, split as dnsmasq does.

/// One line: its number in the file, option and value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// From 1.
    pub number: usize,
    /// Before the equals sign.
    pub option: String,
    /// Behind it; empty where there is none.
    pub value: String,
}

/// The lines of a file that are not empty and no comment.
pub fn lines_of(text: &str) -> Vec<Line> {
    let lines = text.lines().enumerate().map(|(at, line)| (at + 1, line));
    lines.filter_map(|(number, line)| line_of(number, line)).collect()
}

/// One line as dnsmasq splits it; `None` for a comment.
pub fn line_of(number: usize, text: &str) -> Option<Line> {
    let text = text.split(" #").next().unwrap_or_default().trim();
    if text.is_empty() || text.starts_with('#') {
        return None;
    }
    let (option, value) = text.split_once('=').unwrap_or((text, ""));
    Some(Line { number, option: option.trim().to_owned(), value: unquoted(value.trim()) })
}

/// A value without the quotation marks that dnsmasq takes away (`read_file` in its `src/option.c`). Where they keep a comma, a
/// space or a comment's mark from being read as one they stay, as in a value with escapes, and dnsmasq itself reads them.
fn unquoted(value: &str) -> String {
    if value.contains('\\') {
        return value.to_owned();
    }
    let mut rest = value;
    let mut plain = String::with_capacity(value.len());
    while let Some((before, behind)) = rest.split_once('"') {
        let Some((quoted, after)) = behind.split_once('"') else { break };
        let needed = quoted.contains(|c: char| c.is_whitespace() || matches!(c, ',' | '#'));
        let mark = if needed { "\"" } else { "" };
        plain += &format!("{before}{mark}{quoted}{mark}");
        rest = after;
    }
    plain + rest
}

/// Whether a word of a value is a condition: `tag:x`, or `net:x` in older files.
pub fn is_tag(word: &str) -> bool {
    let word = word.trim();
    word.starts_with("tag:") || word.starts_with("net:")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotation_marks_are_no_part_of_a_value_unless_they_keep_something_together() {
        for (text, value) in [
            (r#"dhcp-boot=tag:http,"http://192.168.122.1/a.efi""#, "tag:http,http://192.168.122.1/a.efi"),
            (r#"dhcp-boot="a.efi",server,"192.168.122.1""#, "a.efi,server,192.168.122.1"),
            (r#"dhcp-option=67,"a,b""#, r#"67,"a,b""#),
            (r#"dhcp-option=67,"a\"b"c""#, r#"67,"a\"b"c""#),
            (r#"dhcp-option=67,"never closed"#, r#"67,"never closed"#),
            ("dhcp-boot=a.efi # the usual one", "a.efi"),
        ] {
            assert_eq!(line_of(1, text).unwrap().value, value, "{text}");
        }
    }
}

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
    Some(Line { number, option: option.trim().to_owned(), value: value.trim().to_owned() })
}

/// Whether a word of a value is a condition: `tag:x`, or `net:x` in older files.
pub fn is_tag(word: &str) -> bool {
    let word = word.trim();
    word.starts_with("tag:") || word.starts_with("net:") || word.starts_with('#')
}

//! Cuts a byte stream from an untrusted guest into lines of printable text.

use super::effort::spend;

/// Longest line kept, in bytes; the rest of it is dropped.
const LINE_LIMIT: usize = 64 << 10;

/// Bytes of an incomplete line that are looked at.
const REST_LIMIT: usize = 256;

/// ECMA-48 ED: the whole screen is wiped, and with it a line that was not complete.
const WIPE: &[u8] = b"\x1b[2J";

/// Collects bytes into lines. Escape sequences (ECMA-48 CSI) and control characters are removed, invalid UTF-8 is
/// replaced. A wiped screen takes an incomplete line with it: OVMF's setup draws pages without any line feed.
#[derive(Clone, Default)]
pub struct Splitter {
    pending: Vec<u8>,
    /// Bytes of [`WIPE`] that have just been seen.
    wiping: usize,
}

impl Splitter {
    /// Takes bytes and gives the lines that they complete.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<String> {
        spend(bytes.len());
        let mut lines = Vec::new();
        for &byte in bytes {
            // a serial port that is read too late loses a line feed; the carriage return before it stays
            let lost = byte != b'\n' && self.pending.last() == Some(&b'\r');
            if byte == b'\n' || lost {
                lines.push(plain(&self.pending));
                self.pending.clear();
            }
            if byte != b'\n' && self.pending.len() < LINE_LIMIT {
                self.pending.push(byte);
            }
            self.wiping =
                if WIPE.get(self.wiping) == Some(&byte) { self.wiping + 1 } else { usize::from(byte == WIPE[0]) };
            if self.wiping == WIPE.len() {
                (self.pending, self.wiping) = (Vec::new(), 0);
            }
        }
        lines
    }

    /// The line of which nothing is missing but its line feed, where there is one: what follows is none of it.
    pub fn cut(&mut self) -> Option<String> {
        let is_whole = self.pending.last() == Some(&b'\r');
        is_whole.then(|| plain(&std::mem::take(&mut self.pending)))
    }

    /// The end of the line that is not complete yet: enough for a prompt, and cheap however long the line is.
    pub fn rest(&self) -> String {
        plain(&self.pending[self.pending.len().saturating_sub(REST_LIMIT)..])
    }

    /// All of the line that is not complete yet: what a program draws without a line end.
    pub fn whole_rest(&self) -> String {
        plain(&self.pending)
    }
}

/// Text without escape sequences and control characters.
pub fn plain(bytes: &[u8]) -> String {
    spend(bytes.len());
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte == 0x1b {
            rest = skip_escape(rest);
        } else if byte >= 0x20 && byte != 0x7f {
            out.push(byte);
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// What is quoted of a line.
pub fn beginning(line: &str) -> String {
    const QUOTED: usize = 80;
    if line.chars().count() <= QUOTED { line.to_owned() } else { line.chars().take(QUOTED).collect::<String>() + "..." }
}

/// Behind ESC: `[`, parameters 0x30-0x3f, intermediates 0x20-0x2f, one final byte 0x40-0x7e; or a single byte.
fn skip_escape(bytes: &[u8]) -> &[u8] {
    match bytes.split_first() {
        Some((b'[', tail)) => {
            let end = tail.iter().position(|byte| (0x40..=0x7e).contains(byte));
            end.map_or(&[], |end| &tail[end + 1..])
        }
        Some((_, tail)) => tail,
        None => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_and_carriage_returns_vanish() {
        assert_eq!(plain(b"\x1b[2J\x1b[01;01H\x1b[=3hBdsDxe: loading\r"), "BdsDxe: loading");
    }

    #[test]
    fn a_line_may_come_in_pieces() {
        let mut splitter = Splitter::default();
        assert!(splitter.push(b"Booting from ").is_empty());
        assert_eq!(splitter.push(b"Hard Disk...\nBoot"), ["Booting from Hard Disk..."]);
        assert_eq!(splitter.rest(), "Boot");
    }

    #[test]
    fn a_carriage_return_ends_a_line_that_lost_its_line_feed() {
        let mut splitter = Splitter::default();
        assert_eq!(splitter.push(b"failed\rloading\r\n"), ["failed", "loading"]);
    }

    #[test]
    fn a_line_that_is_cut_behind_its_carriage_return_is_whole() {
        let mut splitter = Splitter::default();
        splitter.push(b"loading\r");
        assert_eq!(splitter.cut().as_deref(), Some("loading"));
        splitter.push(b"starting");
        assert_eq!(splitter.cut(), None);
        assert_eq!(splitter.push(b"\r\n"), ["starting"]);
    }

    #[test]
    fn a_wiped_screen_takes_an_incomplete_line_with_it() {
        let mut splitter = Splitter::default();
        splitter.push(&vec![b'x'; LINE_LIMIT + 1]);
        splitter.push(b"\x1b[2\x1b[2J");
        assert_eq!(splitter.push(b"BdsDxe: loading\r\n"), ["BdsDxe: loading"]);
        splitter.push(b"kept\x1b[1J");
        assert_eq!(splitter.push(b"\n"), ["kept"]);
    }

    #[test]
    fn an_endless_line_is_cut() {
        let mut splitter = Splitter::default();
        splitter.push(&vec![b'x'; 1 << 20]);
        assert_eq!(splitter.push(b"\n")[0].len(), LINE_LIMIT);
    }
}

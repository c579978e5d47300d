//! Lists that are compared, and the one way in which they are written.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::wording;

/// Between the lines of a list that is written on one.
const BAR: &str = " | ";
/// The last line of a strict order, in QEMU's word.
const HALT: &str = "HALT";

/// A list: of a fw_cfg file, or of devices. Written on one line with bars between.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lines(Vec<String>);

impl Lines {
    /// The lines of a fw_cfg file; the final NUL and line ends are QEMU's framing.
    pub(crate) fn of_file(file: &[u8]) -> Lines {
        let text = String::from_utf8_lossy(file);
        let text = text.trim_end_matches(['\0', '\n']);
        if text.is_empty() { Lines::default() } else { text.split('\n').collect() }
    }

    /// The same, sorted.
    pub fn sorted(mut self) -> Lines {
        self.0.sort_unstable();
        self
    }

    /// The first line.
    pub fn first(&self) -> Option<&str> {
        self.0.first().map(String::as_str)
    }

    /// How many lines there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The devices of a fw_cfg order: all lines but the one that says that nothing else may be tried.
    pub fn devices(&self) -> &[String] {
        match self.0.split_last() {
            Some((last, devices)) if last == HALT => devices,
            _ => &self.0,
        }
    }

    /// Whether the list begins with the devices that were asked for. Those that it does not have do not count: firmware made
    /// no option for them.
    pub(crate) fn begins_with(&self, asked: &Lines) -> bool {
        let due: Vec<&String> = asked.0.iter().filter(|device| self.0.contains(device)).collect();
        due.len() <= self.0.len() && due.iter().zip(&self.0).all(|(due, seen)| *due == seen)
    }
}

impl<T: Into<String>> FromIterator<T> for Lines {
    fn from_iter<I: IntoIterator<Item = T>>(lines: I) -> Lines {
        Lines(lines.into_iter().map(Into::into).collect())
    }
}

impl fmt::Display for Lines {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        wording::reworded!(out);
        out.write_str(&self.0.join(BAR))
    }
}

impl Serialize for Lines {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A list that QEMU gives to firmware through fw_cfg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FwCfgList {
    /// `bootorder`.
    Bootorder,
    /// `bios-geometry`.
    BiosGeometry,
}

/// A list in fw_cfg that does not hold what the machine asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stale {
    /// Which.
    pub list: FwCfgList,
    /// What it holds.
    pub seen: Lines,
    /// What the machine asks for.
    pub asked: Lines,
}

impl fmt::Display for FwCfgList {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            FwCfgList::Bootorder => "bootorder",
            FwCfgList::BiosGeometry => "bios-geometry",
        })
    }
}

impl fmt::Display for Stale {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        wording::reworded!(out);
        write!(out, "fw_cfg {} is stale: [{}], the machine asks for [{}]", self.list, self.seen, self.asked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Lines {
        Lines::of_file(text.replace(BAR, "\n").as_bytes())
    }

    #[test]
    fn an_order_must_begin_with_what_was_asked_for() {
        let begins_with = |order: &str, asked: &str| lines(order).begins_with(&lines(asked));
        assert!(begins_with("a | b | \"UiApp\"", "a | b"));
        assert!(begins_with("b | \"UiApp\"", "a | b"), "no option for a");
        assert!(begins_with("\"UiApp\" | a", ""));
        assert!(!begins_with("b | a", "a | b"));
        assert!(!begins_with("\"UiApp\" | a", "a"));
    }

    #[test]
    fn the_framing_of_a_file_is_no_line() {
        assert_eq!((lines("").count(), lines("\0").count(), lines("a | b | HALT\n\0").count()), (0, 0, 3));
        assert_eq!(lines("a | HALT").devices(), ["a"]);
        assert_eq!((lines("HALT").devices().len(), lines("a").devices()), (0, &["a".to_owned()][..]));
        assert_eq!(lines("a | b").to_string(), "a | b");
    }
}

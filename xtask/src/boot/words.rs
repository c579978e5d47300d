//! Values of options that are more than a word.

use std::str::FromStr;

use bootwright::trace::{Stage, guest_text};
use bootwright::verdict::Answer;

/// A pattern that compiles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(pub String);

impl FromStr for Pattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Pattern, String> {
        if text.is_empty() {
            return Err("an empty pattern is in every line; wanted what the guest prints".to_owned());
        }
        match guest_text::pattern(text) {
            Ok(_) => Ok(Pattern(text.to_owned())),
            Err(error) => {
                let told = error.to_string();
                let last = told.lines().last().unwrap_or_default();
                Err(last.trim_start_matches("error: ").to_owned())
            }
        }
    }
}

/// `--send`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Send(pub Answer);

impl FromStr for Send {
    type Err = String;

    fn from_str(text: &str) -> Result<Send, String> {
        let (after, keys) = match text.split_once("=>") {
            Some((after, keys)) => (Some(after.parse::<Pattern>()?.0), keys),
            None => (None, text),
        };
        let text = keys_of(keys)?;
        if text.is_empty() {
            return Err("nothing to type".to_owned());
        }
        Ok(Send(Answer { after, text }))
    }
}

/// Enter is a carriage return on a serial port.
fn keys_of(text: &str) -> Result<String, String> {
    let mut keys = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            keys.push(c);
            continue;
        }
        keys.push(match chars.next() {
            Some('n' | 'r') => '\r',
            Some('t') => '\t',
            Some('e') => '\u{1b}',
            Some('\\') => '\\',
            Some('x') => {
                let digits: String = chars.by_ref().take(2).collect();
                let byte = u8::from_str_radix(&digits, 16).ok().filter(u8::is_ascii);
                char::from(byte.ok_or_else(|| format!("\\x{digits}: wanted two hexadecimal digits from 00 to 7f"))?)
            }
            other => {
                let other = other.map(String::from).unwrap_or_default();
                return Err(format!("\\{other}: wanted \\n, \\t, \\e, \\xNN or \\\\"));
            }
        });
    }
    Ok(keys)
}

/// `--milestone`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Milestone {
    /// Firmware entered code of the medium
    Started,
    /// A boot loader printed its name
    Loader,
    /// A kernel printed its name
    Kernel,
    /// A program in user space printed
    Userspace,
}

impl From<Milestone> for Stage {
    fn from(milestone: Milestone) -> Stage {
        match milestone {
            Milestone::Started => Stage::Started,
            Milestone::Loader => Stage::Loader,
            Milestone::Kernel => Stage::Kernel,
            Milestone::Userspace => Stage::Userspace,
        }
    }
}

/// The last part of a file's name as a medium's: at most 24 lower-case letters, digits and dashes.
pub fn medium_name(file: &str) -> String {
    let last = file.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
    let plain = last.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' });
    plain.take(24).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_typed_once_a_pattern_was_printed_or_a_loader_seen() {
        let send: Send = "boot: $=>\\tinstall\\x20a\\n".parse().unwrap();
        assert_eq!(send.0, Answer { after: Some("boot: $".to_owned()), text: "\tinstall a\r".to_owned() });
        assert_eq!("\\e".parse::<Send>().unwrap().0.after, None);
        for wrong in ["", "(=>a", "\\q", "\\xzz", "\\xff", "a=>"] {
            assert!(wrong.parse::<Send>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_mediums_name_is_made_of_a_files() {
        assert_eq!(medium_name("a/Debian_12.iso"), "debian-12-iso");
        assert_eq!(medium_name(&"x".repeat(99)).len(), 24);
    }

    #[test]
    fn a_pattern_that_does_not_compile_is_told_in_one_line() {
        assert_eq!("(".parse::<Pattern>().unwrap_err(), "unclosed group");
        assert!("".parse::<Pattern>().is_err());
    }
}

//! A command line that was taken out of a text.

use super::shell::Word;

/// Whether the quotes that keep a value together are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quotes {
    /// The words are those that QEMU has.
    Kept,
    /// A person wrote them.
    Written,
    /// `ps` printed the words without any.
    Lost,
}

/// A command line that was taken out of a text.
#[derive(Clone, Debug)]
pub(super) struct CommandLine {
    pub words: Vec<Word>,
    /// Options alone: not the whole line.
    pub is_part: bool,
    pub quotes: Quotes,
    /// What to say of the choice, with its line.
    pub taken: Option<(u32, String)>,
    /// What follows and is left out, with its line.
    pub left: Option<(u32, String)>,
    /// Names in the order of devices that there are not, with their line.
    pub strangers: Vec<(String, u32)>,
}

impl CommandLine {
    /// Words that are split already.
    pub fn of_words(words: &[Word]) -> CommandLine {
        CommandLine {
            words: words.to_vec(),
            is_part: false,
            quotes: Quotes::Kept,
            taken: None,
            left: None,
            strangers: Vec::new(),
        }
    }
}

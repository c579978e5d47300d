//! What became of each part of a description that was read: taken, replaced or ignored.

use std::fmt;

/// What became of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// The machine has it.
    Took,
    /// The machine has something in its place.
    Replaced,
    /// The machine does not have it.
    Ignored,
}

/// A line about a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// What became of it.
    pub fate: Fate,
    /// Line of the text, from 1; 0 where there is none.
    pub line: u32,
    /// What it is and what stands in its place.
    pub words: String,
}

/// Notes in the order of reading.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notes(pub Vec<Note>);

impl Notes {
    /// A part that the machine has.
    pub fn took(&mut self, line: u32, words: impl Into<String>) {
        self.add(Fate::Took, line, words.into());
    }

    /// A part in whose place the machine has something.
    pub fn replaced(&mut self, line: u32, words: impl Into<String>) {
        self.add(Fate::Replaced, line, words.into());
    }

    /// A part that the machine does not have.
    pub fn ignored(&mut self, line: u32, words: impl Into<String>) {
        self.add(Fate::Ignored, line, words.into());
    }

    fn add(&mut self, fate: Fate, line: u32, words: String) {
        self.0.push(Note { fate, line, words });
    }

    /// Those of one fate.
    pub fn of(&self, fate: Fate) -> impl Iterator<Item = &Note> {
        self.0.iter().filter(move |note| note.fate == fate)
    }
}

impl fmt::Display for Note {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line == 0 { out.write_str(&self.words) } else { write!(out, "line {}: {}", self.line, self.words) }
    }
}

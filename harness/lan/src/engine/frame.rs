//! A frame and what was read of it, once.

use crate::wire::summary::{self, Content, Summary};

/// A frame's bytes with what they say.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Frame {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Addresses and message.
    pub summary: Summary,
    /// The message itself, where the lan looks into it.
    pub content: Content,
}

impl Frame {
    /// Reads a frame; what cannot be read is left out.
    pub(crate) fn read(bytes: Vec<u8>) -> Self {
        let (summary, content) = summary::read(&bytes);
        Self { bytes, summary, content }
    }
}

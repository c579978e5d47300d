//! Whether what edk2's terminal driver has drawn is whole: `MdeModulePkg/Universal/Console/TerminalDxe/TerminalConOut.c` writes few
//! control sequences, each in one form only, so that a log which lost a piece shows it where the piece began or ended.

/// Bytes of the longest sequence between `[` and its last letter: `12;34`, and `012;034` on a screen of more than 99 columns.
const LONGEST: usize = 7;

/// Where the reader is.
#[derive(Clone, Copy, Default)]
enum State {
    #[default]
    Text,
    Escape,
    Sequence {
        bytes: [u8; LONGEST],
        length: usize,
    },
}

/// Reads control sequences and nothing else.
#[derive(Clone, Default)]
pub struct Drawn {
    state: State,
    /// Colours are set by three sequences in a row, brightness, foreground, background: the first digit of the next one.
    next_colour: Option<u8>,
}

impl Drawn {
    /// Takes one byte; whether something is missing before it.
    pub fn lacks(&mut self, byte: u8) -> bool {
        let (state, whole) = match (self.state, byte) {
            (State::Text, 0x1b) => (State::Escape, true),
            (State::Text, _) => (State::Text, self.next_colour.take().is_none()),
            (State::Escape, b'[') => (State::Sequence { bytes: [0; LONGEST], length: 0 }, true),
            (State::Sequence { mut bytes, length }, 0x30..=0x3f) => match bytes.get_mut(length) {
                Some(place) => {
                    *place = byte;
                    (State::Sequence { bytes, length: length + 1 }, true)
                }
                None => (State::Text, false),
            },
            (State::Sequence { bytes, length }, b'A'..=b'z') => {
                (State::Text, self.ends(bytes.get(..length).unwrap_or_default(), byte))
            }
            (_, 0x1b) => (State::Escape, false),
            _ => (State::Text, false),
        };
        self.state = state;
        if !whole {
            self.next_colour = None;
        }
        !whole
    }

    /// A sequence has come to its last letter: whether the driver writes it so, and here.
    fn ends(&mut self, bytes: &[u8], letter: u8) -> bool {
        let colour = self.next_colour.take();
        match (bytes, letter, colour) {
            ([b'0' | b'1'], b'm', None) => self.next_colour = Some(b'3'),
            ([b'3', _], b'm', Some(b'3')) => self.next_colour = Some(b'4'),
            ([b'4', _], b'm', Some(b'4')) => {}
            ([_, _, b';', _, _] | [_, _, _, b';', _, _, _], b'H', None) => {}
            ([_, _] | [_, _, _], b'C' | b'D', None) | ([b'2'], b'J', None) | ([b'=', ..], b'h', None) => {}
            _ => return false,
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    /// A page of OVMF 2022.11.
    const PAGE: &[u8] = include_bytes!("fixtures/ovmf-2022.11-boot-manager.bin");

    fn lacking(bytes: &[u8]) -> usize {
        let mut drawn = Drawn::default();
        bytes.iter().filter(|byte| drawn.lacks(**byte)).count()
    }

    #[test]
    fn what_a_firmware_drew_lacks_nothing() {
        assert_eq!(lacking(PAGE), 0);
    }

    #[rstest]
    #[case::whole(b"\x1b[0m\x1b[30m\x1b[47m\x1b[01;02Ha\x1b[2J\x1b[=3h\x1b[03C", 0)]
    #[case::a_wide_screen(b"\x1b[0m\x1b[30m\x1b[47m\x1b[023;103Ha\x1b[2J\x1b[103C", 0)]
    #[case::a_digit_of_a_wide_screen(b"\x1b[23;103Ha\x1b[023;13Ha", 2)]
    #[case::half_a_triple(b"\x1b[0m\x1b[30m\x1b[01;02Ha", 1)]
    #[case::text_in_a_triple(b"\x1b[0mtext", 1)]
    #[case::a_digit(b"\x1b[1;02Ha", 1)]
    #[case::an_escape(b"\x1b[01;0\x1b[01;02Ha", 1)]
    #[case::a_bracket(b"\x1b01;02Ha", 1)]
    #[case::another_letter(b"\x1b[01;02Ka", 1)]
    #[case::too_long(b"\x1b[01;02;030Ha", 1)]
    fn a_sequence_that_is_not_whole_is_seen(#[case] bytes: &[u8], #[case] times: usize) {
        assert_eq!(lacking(bytes), times);
    }
}

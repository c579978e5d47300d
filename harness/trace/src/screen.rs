//! The text screen that edk2 draws on a serial terminal (`MdeModulePkg/Universal/Console/TerminalDxe/TerminalConOut.c`): as
//! much of ECMA-48 as that driver writes, which is CUP, CUF, CUB, ED and SGR.
//!
//! Whatever a hostile guest writes, a screen has the same size, and a byte costs the same but for the first of each wipe. It
//! does not scroll: edk2's pages never do, and each begins with a wipe.
//!
//! It stands beside the crate vt100, which draws `screen.txt` of an evidence folder once, after the end, and scrolls as a shell needs
//! it. A menu is read from here while the machine runs: it needs the colours of single cells, since the marked line differs from the others
//! in nothing else, a cost per byte that no guest can raise, and no sequence but those that edk2 writes.

use super::effort::spend;

/// Rows; edk2's largest terminal mode has 56.
pub const ROWS: usize = 56;

/// Columns of the same mode.
pub const COLUMNS: usize = 240;

/// Parameters kept of one control sequence; SGR has the most, three.
const PARAMETERS: usize = 4;

/// A character and the colours it is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    /// ASCII; `?` stands for everything else.
    pub character: u8,
    /// Bright, foreground and background as SGR has them: 0 or 1, 30 to 37, 40 to 47.
    pub colours: (u8, u8, u8),
}

const EMPTY: Cell = Cell { character: b' ', colours: (0, 37, 40) };

/// Where the reader is within a control sequence.
#[derive(Clone, Copy)]
enum State {
    Text,
    Escape,
    Sequence { parameters: [u16; PARAMETERS], count: usize },
}

/// The screen as the bytes so far have left it.
#[derive(Clone)]
pub struct Screen {
    cells: Vec<[Cell; COLUMNS]>,
    row: usize,
    column: usize,
    colours: (u8, u8, u8),
    state: State,
    /// Bytes so far of a character that may be UTF-8's.
    wide: usize,
    /// Rows in which something was written since the last wipe.
    written: [bool; ROWS],
}

impl Default for Screen {
    fn default() -> Screen {
        Screen {
            cells: vec![[EMPTY; COLUMNS]; ROWS],
            row: 0,
            column: 0,
            colours: EMPTY.colours,
            state: State::Text,
            wide: 0,
            written: [false; ROWS],
        }
    }
}

impl Screen {
    /// Takes one byte; whether it put the cursor somewhere, so that what was being written there is complete.
    pub fn push(&mut self, byte: u8) -> bool {
        spend(1);
        match (self.state, byte) {
            (_, 0x1b) => {
                self.ends_character();
                self.state = State::Escape;
            }
            (State::Text, _) => self.text(byte),
            (State::Escape, b'[') => self.state = State::Sequence { parameters: [0; PARAMETERS], count: 0 },
            (State::Escape, _) => self.state = State::Text,
            (State::Sequence { parameters, count }, 0x20..=0x3f) => {
                self.state = parameter(parameters, count, byte);
            }
            (State::Sequence { parameters, count }, _) => {
                self.state = State::Text;
                return self.control(byte, parameters, count);
            }
        }
        false
    }

    /// Row and column of the cursor, from 0.
    pub fn cursor(&self) -> (usize, usize) {
        (self.row, self.column)
    }

    /// The cells of a row; none beyond the last one.
    pub fn row(&self, row: usize) -> &[Cell] {
        self.cells.get(row).map_or(&[], |cells| cells.as_slice())
    }

    fn text(&mut self, byte: u8) {
        match byte {
            b'\r' => self.column = 0,
            b'\n' => self.row = (self.row + 1).min(ROWS - 1),
            0x08 => self.column = self.column.saturating_sub(1),
            0x00..=0x1f | 0x7f => {}
            _ if self.is_in_a_wide_character(byte) => {}
            _ => self.put(if byte.is_ascii() { byte } else { b'?' }),
        }
    }

    /// Writes a character into the cell at the cursor, and moves on.
    fn put(&mut self, character: u8) {
        let cell = self.cells.get_mut(self.row).and_then(|row| row.get_mut(self.column));
        if let Some(cell) = cell {
            *cell = Cell { character, colours: self.colours };
            self.written[self.row] = true;
        }
        self.column = (self.column + 1).min(COLUMNS);
    }

    /// A control sequence begins: a character of which one byte is missing is none.
    fn ends_character(&mut self) {
        if std::mem::take(&mut self.wide) == 2 {
            self.put(b'?');
        }
    }

    /// Whether a byte belongs to a character that has its cell. On a terminal of UTF-8, which newer builds have, frames and arrows are
    /// U+2190 to U+25ff: 0xe2 and two bytes of 0x80 to 0xbf. On one of code page 437 each byte has a cell of its own.
    fn is_in_a_wide_character(&mut self, byte: u8) -> bool {
        const LEAD: u8 = 0xe2;
        let follows = matches!(byte, 0x80..=0xbf);
        match (self.wide, follows) {
            (1, true) => self.wide = 2,
            (2, true) => self.wide = 0,
            (2, false) => {
                // it was none, so that its second byte has a cell too
                self.wide = 0;
                self.put(b'?');
                self.wide = usize::from(byte == LEAD);
                return false;
            }
            _ => {
                self.wide = usize::from(byte == LEAD);
                return false;
            }
        }
        true
    }

    fn control(&mut self, last: u8, parameters: [u16; PARAMETERS], count: usize) -> bool {
        let number = |at: usize| usize::from(parameters[at]).max(1);
        match last {
            b'H' => (self.row, self.column) = ((number(0) - 1).min(ROWS - 1), (number(1) - 1).min(COLUMNS - 1)),
            b'C' => self.column = (self.column + number(0)).min(COLUMNS - 1),
            b'D' => self.column = self.column.saturating_sub(number(0)),
            b'J' if parameters[0] == 2 => {
                for (row, written) in self.cells.iter_mut().zip(&mut self.written) {
                    if std::mem::take(written) {
                        spend(COLUMNS);
                        row.fill(EMPTY);
                    }
                }
                spend(ROWS);
            }
            b'm' => parameters[..(count + 1).min(PARAMETERS)].iter().for_each(|&parameter| self.colour(parameter)),
            _ => {}
        }
        matches!(last, b'H' | b'C' | b'D')
    }

    fn colour(&mut self, parameter: u16) {
        let (bright, foreground, background) = &mut self.colours;
        match parameter {
            0 => self.colours = EMPTY.colours,
            1 => *bright = 1,
            30..=37 => *foreground = parameter as u8,
            40..=47 => *background = parameter as u8,
            _ => {}
        }
    }
}

/// One more byte of a control sequence's parameters.
fn parameter(mut parameters: [u16; PARAMETERS], mut count: usize, byte: u8) -> State {
    match byte {
        b'0'..=b'9' => {
            if let Some(parameter) = parameters.get_mut(count) {
                *parameter = parameter.saturating_mul(10).saturating_add(u16::from(byte - b'0'));
            }
        }
        b';' => count = (count + 1).min(PARAMETERS),
        _ => {}
    }
    State::Sequence { parameters, count }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn screen(bytes: &[u8]) -> Screen {
        let mut screen = Screen::default();
        for &byte in bytes {
            screen.push(byte);
        }
        screen
    }

    fn row(screen: &Screen, row: usize) -> String {
        let text: String = screen.row(row).iter().map(|cell| char::from(cell.character)).collect();
        text.trim_end().to_owned()
    }

    #[test]
    fn text_stands_where_the_cursor_was_put_in_the_colours_that_were_set() {
        let screen =
            screen(b"\x1b[2J\x1b[01;01Hgone\x1b[2J\x1b[0m\x1b[30m\x1b[47m\x1b[03;05Hone\x1b[02Ctwo\x1b[08D\r\nX\x08Y");
        assert_eq!((row(&screen, 0).as_str(), row(&screen, 2).as_str()), ("", "    one  two"));
        assert_eq!(screen.row(2)[4], Cell { character: b'o', colours: (0, 30, 47) });
        assert_eq!((row(&screen, 3).as_str(), screen.cursor()), ("Y", (3, 1)));
    }

    #[test]
    fn a_frame_has_a_cell_for_each_character_on_terminals_of_either_kind() {
        let utf_8 = screen("\x1b[1;1H\u{2502}Boot\u{2502}\x1b[2;1H\u{2191}\u{2193}=Move\u{2518}.".as_bytes());
        let code_page = screen(b"\x1b[1;1H\xb3Boot\xb3\x1b[2;1H\x18\x19\xe2\xc4=Move\xd9.");
        for screen in [&utf_8, &code_page] {
            assert_eq!((row(screen, 0).as_str(), row(screen, 1).as_str()), ("?Boot?", "??=Move?."));
        }
        // what only begins like one
        assert_eq!(row(&screen(b"\xe2\x94x\xe2\xe2\x94\x80y\xe2\x94\x1b[0mz"), 0), "??x??y??z");
    }

    #[test]
    fn a_move_of_the_cursor_is_told_and_nothing_else() {
        let mut screen = Screen::default();
        let moves: Vec<bool> = b"a\x1b[1m\x1b[2;2H\x1b[K\x1b[5C".iter().map(|&byte| screen.push(byte)).collect();
        let told: Vec<usize> = (0..moves.len()).filter(|&at| moves[at]).collect();
        assert_eq!(told, [10, 17]);
    }

    #[test]
    fn what_a_hostile_guest_writes_stays_on_the_screen() {
        let mut bytes = b"\x1b[65535;99999999H\xff\x1b[;;;;;;;9H\x1b[99999C\x1b[0D\x1b[=3hx\x1b\x1b[[\n".to_vec();
        let mut state = 1_u32;
        for _ in 0..200_000 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            bytes.push(b"\x1b[;0189HCDJm\n\r\x08A\xc4"[(state >> 24) as usize % 17]);
        }
        let screen = screen(&bytes);
        assert!(screen.cursor().0 < ROWS && screen.cursor().1 <= COLUMNS);
        assert_eq!((screen.row(ROWS - 1).len(), screen.row(ROWS).len()), (COLUMNS, 0));
    }
}

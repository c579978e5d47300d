//! OVMF's setup, and AAVMF's, as a terminal on the first serial port shows it: what opens it, and when it waits for a key.
//!
//! The key that opens setup is typed on the serial port, which keeps it until the terminal driver reads it. One on the PS/2
//! keyboard is lost unless it comes in the wait itself, of which OVMF says nothing. AAVMF's board has no keyboard: all keys come there.

use bootwright::case::story::{Milestone, Story};
use bootwright::machine::Board;
use bootwright::verdict::behaviour::Behaviour;

/// Each console that is connected wipes its screen twice: output, then errors. Keys are connected between them.
const WIPE: &str = "\x1b[2J";

/// Where setup puts the cursor when a page waits for a key.
pub const READY: &str = "\x1b[44;80H";

/// The same where the terminal is taken for one of 240 columns and 56 lines, as by builds with [`LISTS`].
pub const READY_WIDE: &str = "\x1b[050;240H";

/// How the boot manager menu marks an entry: white on black, which it does each time that another one is chosen.
pub const MARKED: &str = "\x1b[1m\x1b[37m\x1b[40m";

/// Keys as a PC ANSI terminal sends them. A lone ESC counts after two seconds.
pub const ESC: &str = "\x1b";
pub const F2: &str = "\x1b[N";
pub const ENTER: &str = "\r";

/// Where a key opens the boot manager menu in place of setup.
pub const LISTS: Behaviour = Behaviour::KeyOpensBootManagerMenu;

/// Setup among what the boot manager menu lists.
pub const SETUP: &str = "EFI Firmware Setup";

/// Whether the board has a keyboard; keys for one without come by its serial port.
pub fn has_keyboard(board: Board) -> bool {
    board.facts().architecture.is_x86()
}

/// A key of the keyboard, or on a board without one what a terminal sends for it.
pub fn key(story: Story, board: Board, (name, sent): (&str, &str), answer: &str) -> Story {
    if has_keyboard(board) { story.press(&[name], answer) } else { story.enter(sent, answer) }
}

pub const DOWN: (&str, &str) = ("down", "\x1b[B");
pub const UP: (&str, &str) = ("up", "\x1b[A");
pub const RETURN: (&str, &str) = ("ret", ENTER);

/// Types a key as soon as the console is there.
pub fn typed(key: &str, answer: &str) -> Story {
    Story::new().wait(Milestone::Says { text: WIPE.to_owned(), times: 4 }).enter(key, answer)
}

/// Moves the highlight down, so many times.
pub fn down(story: Story, board: Board, times: usize) -> Story {
    down_until(story, board, times, READY)
}

pub fn down_until(story: Story, board: Board, times: usize, answer: &str) -> Story {
    (0..times).fold(story, |story, _| key(story, board, DOWN, answer))
}

/// Opens the boot manager menu and marks the entry behind so many others.
pub fn marked(board: Board, opens: &str, others: usize) -> Story {
    down_until(typed(opens, MARKED), board, others, MARKED)
}

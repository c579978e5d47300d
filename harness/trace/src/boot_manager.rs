//! Reads the Boot Manager page of OVMF's setup (`MdeModulePkg/Library/BootManagerUiLib`, drawn by
//! `MdeModulePkg/Universal/DisplayEngineDxe`) off the screen that it draws on the serial port.
//!
//! The page lists the boot options by their descriptions, which several devices may share. Its right-hand side says the
//! device path of the option that is highlighted: an entry becomes a device once the highlight has been on it.
//!
//! The page is read when it is complete: before it waits for a key the display engine puts the cursor into the last column
//! of the page's last row, where nothing is ever written. A page of more entries than fit is read as far as it is shown.

use super::damage::is_left_of;
use super::drawn::Drawn;
use super::effort::spend;
use super::menu::{ENTRY_LIMIT, MENU_LIMIT, Menu, MenuEntry};
use super::screen::{COLUMNS, Cell, ROWS, Screen};
use super::{Names, Trace};

/// What setup is: its file in the firmware volume, whatever a version calls the boot option (`UiApp.inf`).
const SETUP: &str = "FvFile(462CAA21-7614-4503-836E-8AB6F4662331)";

/// The boot manager menu (`BootManagerMenuApp.inf`), where firmware ends that has no other setup.
const BOOT_MENU: &str = "FvFile(EEC25BDC-67F2-4D95-B1D5-F81B2039D11D)";

/// Title of the page, in the row below the upper border.
const TITLE: &str = "Boot Manager";

/// Title of the boot manager menu, in a row of its frame (`BootManagerMenuStrings.uni`).
const MENU_TITLE: &str = "Please select boot device:";

/// First row that an entry can be in: below the frame of the title and a row for the scroll mark.
const FIRST_ROW: usize = 4;

/// Foreground and background of an entry (`PcdBrowserFieldTextColor` on `FIELD_BACKGROUND`), subtitles have another one.
const FIELD: (u8, u8) = (30, 47);

/// The same of the highlighted entry (`PcdBrowserFieldTextHighlightColor`, `PcdBrowserFieldBackgroundHighlightColor`).
const HIGHLIGHT: (u8, u8) = (37, 40);

/// What stands before the device path of the highlighted option, blanks apart.
const HELP: &str = "DevicePath:";

/// Times that the page is read: once for each key, and a hostile guest draws it for ever.
const READ_LIMIT: u32 = 10_000;

/// Where the reader is.
#[derive(Clone, Default)]
pub struct Parser {
    screen: Screen,
    /// Control sequences since setup was started; `None` where it is not on the screen.
    drawn: Option<Drawn>,
    reads: u32,
    /// Something was written since the page was read.
    written: bool,
    /// The page as it was read last.
    lines: Vec<Line>,
}

/// A row of the page that belongs to an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Line {
    row: usize,
    text: String,
    /// The entry's highlighted rows show that it began in a row above.
    continues: bool,
    /// Device path of the entry, once known.
    path: Option<String>,
}

/// Whether a boot option's device path is setup's.
pub fn is_setup(path: &str) -> bool {
    path.ends_with(SETUP) || path.ends_with(BOOT_MENU)
}

impl Parser {
    /// Setup is started: a menu is offered, which lists nothing unless its Boot Manager page is opened.
    pub fn begin(&mut self, target: &str, trace: &mut Trace) {
        self.lines.clear();
        self.drawn = Some(Drawn::default());
        if trace.menus.len() < MENU_LIMIT {
            trace.menus.push(Menu { lap: trace.laps.max(1), offer: target.to_owned(), entries: Vec::new() });
        }
    }

    /// The boot manager speaks again, and draws no pages.
    pub fn end(&mut self) {
        self.drawn = None;
    }

    /// Reads the boot manager menu, if that is on the screen: a frame of title, entries and help, with a row of the frame between them.
    /// It says what options are called, and not where they lead.
    fn read_menu(&self, trace: &mut Trace) {
        if trace.menus.last().is_none_or(|menu| !menu.entries.is_empty()) {
            return;
        }
        spend(ROWS * COLUMNS);
        let rows: Vec<String> = (0..ROWS).map(|row| text(self.screen.row(row)).trim().to_owned()).collect();
        let Some(title) = rows.iter().position(|row| frameless(row) == MENU_TITLE) else { return };
        let Some(names) = entries_in_frame(&rows, title) else {
            trace.hole("the boot manager menu is not whole");
            return;
        };
        let entry = |name: &str| MenuEntry { key: None, name: name.to_owned(), device: None };
        if let Some(menu) = trace.menus.last_mut() {
            menu.entries = names.into_iter().take(ENTRY_LIMIT).map(entry).collect();
        }
    }

    /// A program runs that was chosen on the page.
    pub fn chosen(&mut self, trace: &mut Trace) {
        if self.drawn.take().is_some() && trace.menus.last().is_some_and(|menu| menu.entries.is_empty()) {
            trace.hole("setup has booted an option, and the page that lists it is missing");
        }
    }

    /// Takes bytes of the serial port.
    pub fn push(&mut self, bytes: &[u8], names: &Names, trace: &mut Trace) {
        for &byte in bytes {
            if self.drawn.as_mut().is_some_and(|drawn| drawn.lacks(byte)) {
                trace.hole("a page of setup is not whole");
                self.drawn = None;
            }
            // it is read before it is wiped away, whatever was done with it
            if byte == b'J' && self.drawn.is_some() && self.reads < READ_LIMIT {
                self.reads += 1;
                self.read_menu(trace);
            }
            if !self.screen.push(byte) {
                self.written = true;
            } else if self.written && self.reads < READ_LIMIT && self.is_complete(trace) {
                self.written = false;
                self.reads += 1;
                self.read(names, trace);
            }
        }
    }

    /// Width of the page: the title's frame ends in its last column.
    fn width(&self) -> usize {
        self.screen.row(1).iter().rposition(|cell| cell.character != b' ').map_or(0, |last| last + 1)
    }

    /// Whether the Boot Manager page is there and waits for a key.
    fn is_complete(&self, trace: &mut Trace) -> bool {
        spend(2 * COLUMNS);
        let (row, column) = self.screen.cursor();
        // the frames above and below have their border there
        let inside = self.screen.row(row).first().is_some_and(|cell| cell.character == b' ');
        if row < FIRST_ROW || !inside || column + 1 != self.width() {
            return false;
        }
        let title = text(self.screen.row(1));
        let title = frameless(&title);
        if self.drawn.is_some() && title.len() >= TITLE.len() / 2 && title != TITLE && is_left_of(title, TITLE) {
            trace.hole(format!("the title of a page of setup is not whole: {title}"));
        }
        title == TITLE
    }

    fn read(&mut self, names: &Names, trace: &mut Trace) {
        if trace.menus.is_empty() {
            return;
        }
        spend(ROWS * COLUMNS);
        let (last, width) = (self.screen.cursor().0, self.width());
        // a third of the page, without the option column's gap (`gHelpBlockWidth` in FormDisplay.c)
        let help = width.saturating_sub((width / 3).saturating_sub(3));
        let before = std::mem::take(&mut self.lines);
        let mut highlighted = false;
        for row in FIRST_ROW..=last {
            let prompt = self.screen.row(row).get(..help).unwrap_or_default();
            let Some(first) = prompt.iter().find(|cell| cell.character != b' ') else { continue };
            let (_, foreground, background) = first.colours;
            let is_highlighted = (foreground, background) == HIGHLIGHT;
            if !is_highlighted && (foreground, background) != FIELD {
                continue;
            }
            let text = text(prompt).trim().to_owned();
            let known = before.iter().find(|line| line.row == row && line.text == text);
            let mut line = known.cloned().unwrap_or(Line { row, text, continues: false, path: None });
            if is_highlighted {
                // the highlight begins on the first option
                if before.is_empty() && !highlighted && !self.lines.is_empty() && self.drawn.is_some() {
                    trace.hole("an option of setup's page is highlighted, and the way to it is missing");
                }
                line.continues = std::mem::replace(&mut highlighted, true);
                line.path = self.path(help, width, last);
                let lacks = |path: &String| {
                    let less = |known: &str| path.len() < known.len() && is_left_of(path, known);
                    // paths end in a node
                    !path.ends_with(')') || names.uefi.iter().any(|(known, _)| less(known))
                };
                if self.drawn.is_some() && line.path.as_ref().is_none_or(lacks) {
                    trace.hole(format!("the device path of a boot option is not whole on setup's page: {}", line.text));
                }
            }
            self.lines.push(line);
        }
        if self.drawn.is_some() && !self.lines.is_empty() && !highlighted {
            trace.hole("no option is highlighted on setup's page");
        }
        if let Some(menu) = trace.menus.last_mut() {
            menu.entries = entries(&self.lines, names);
        }
    }

    /// The device path that the right-hand side says.
    fn path(&self, help: usize, width: usize, last: usize) -> Option<String> {
        let cells = (FIRST_ROW..=last).filter_map(|row| self.screen.row(row).get(help..width));
        let said: String = cells.map(text).collect();
        let said = said.replace(' ', "");
        said.strip_prefix(HELP).map(str::to_owned)
    }
}

/// Characters that borders are drawn with: what the screen does not know, or on a terminal that has no others (`TtyTerm`), those of ASCII.
const BORDER: [char; 5] = ['?', '|', '-', '/', '\\'];

/// What stands between the second and the third row of a frame that begins above the title, each row of which is as wide as the
/// first and has its border on both sides; `None` where something is missing.
fn entries_in_frame(rows: &[String], title: usize) -> Option<Vec<&str>> {
    let is_frame = |row: &str| row.len() > 2 && row.chars().all(|letter| BORDER.contains(&letter));
    let top = rows.get(title.checked_sub(1)?).filter(|row| is_frame(row))?;
    let is_bordered = |row: &&String| row.len() == top.len() && row.starts_with(BORDER) && row.ends_with(BORDER);
    let within: Vec<&String> = rows.iter().skip(title - 1).take_while(is_bordered).collect();
    let frames: Vec<usize> = (0..within.len()).filter(|&row| is_frame(within[row])).collect();
    let &[_, above, below, _] = &frames[..] else { return None };
    let names: Vec<&str> = within[above + 1..below].iter().map(|row| frameless(row)).collect();
    (!names.is_empty() && !names.contains(&"")).then_some(names)
}

fn entries(lines: &[Line], names: &Names) -> Vec<MenuEntry> {
    let mut entries: Vec<MenuEntry> = Vec::new();
    for line in lines {
        if line.continues
            && let Some(entry) = entries.last_mut()
        {
            entry.name += &format!(" {}", line.text);
        } else if entries.len() < ENTRY_LIMIT {
            let device = line.path.as_ref().and_then(|path| names.device_at(path));
            entries.push(MenuEntry { key: None, name: line.text.clone(), device });
        }
    }
    entries
}

fn text(cells: &[Cell]) -> String {
    cells.iter().map(|cell| char::from(cell.character)).collect()
}

/// A title without the frame around it, whose characters the screen does not know.
fn frameless(title: &str) -> &str {
    title.trim_matches(['?', '|', ' '])
}

#[cfg(test)]
mod tests {
    use super::super::Reader;
    use super::*;
    use bootwright_machine::evidence::Source;
    use bootwright_machine::machine::{DeviceName, Firmware};

    /// OVMF 2022.11 with two virtio-blk disks and a USB disk without a bootindex: setup is opened, the highlight goes down the
    /// Boot Manager page, and the second option is chosen. The front page is cut out.
    const LOG: &[u8] = include_bytes!("fixtures/ovmf-2022.11-boot-manager.bin");

    fn names() -> Names {
        let own = |text: &str, medium: &str| (text.to_owned(), medium.to_owned());
        Names {
            nonces: [own("00000000000000000000000000000000", "disk")].into(),
            uefi: vec![
                own("PciRoot(0x0)/Pci(0x6,0x0)", "first"),
                own("PciRoot(0x0)/Pci(0x4,0x0)", "disk"),
                own("PciRoot(0x0)/Pci(0x1,0x0)/USB(0x0,0x0)", "usb"),
            ],
            ..Names::default()
        }
    }

    fn read(log: &[u8], piece: usize) -> Trace {
        let mut reader = Reader::new(Firmware::Ovmf, names());
        log.chunks(piece).for_each(|piece| reader.push(Source::Serial, piece));
        reader.trace().clone()
    }

    fn listed(trace: &Trace) -> Vec<(&str, Option<&str>)> {
        trace.menus[0]
            .entries
            .iter()
            .map(|entry| (entry.name.as_str(), entry.device.as_ref().map(DeviceName::as_str)))
            .collect()
    }

    const LISTED: [(&str, Option<&str>); 4] = [
        ("UEFI Misc Device", Some("first")),
        ("UEFI Misc Device 2", Some("disk")),
        ("EFI Internal Shell", None),
        ("UEFI QEMU QEMU USB HARDDRIVE 1-0000:00:01.0-1", Some("usb")),
    ];

    #[test]
    fn the_page_lists_each_option_with_its_device_and_setup_is_no_attempt() {
        for piece in [1, 7, 4096, LOG.len()] {
            let trace = read(LOG, piece);
            assert_eq!((trace.menus.len(), trace.menus[0].offer.as_str()), (1, "Boot0000 \"UiApp\""));
            assert_eq!(listed(&trace), LISTED, "in pieces of {piece}");
            let attempts: Vec<Option<&str>> = trace.attempts.iter().map(|attempt| attempt.medium.as_deref()).collect();
            assert_eq!((attempts, trace.booted()), (vec![Some("disk")], Some("disk")));
        }
    }

    /// The same on a terminal of UTF-8, which has three bytes for a border and for an arrow.
    #[test]
    fn the_page_is_the_same_on_a_terminal_of_utf_8() {
        let mut log = Vec::new();
        for &byte in LOG {
            let border = match byte {
                0xda => "\u{250c}",
                0xbf => "\u{2510}",
                0xc0 => "\u{2514}",
                0xd9 => "\u{2518}",
                0xc4 => "\u{2500}",
                0xb3 => "\u{2502}",
                _ => "",
            };
            log.extend_from_slice(if border.is_empty() { std::slice::from_ref(&byte) } else { border.as_bytes() });
        }
        assert_ne!(log.len(), LOG.len());
        for piece in [1, 4096] {
            let trace = read(&log, piece);
            assert_eq!((listed(&trace), trace.holes.len()), (LISTED.to_vec(), 0), "in pieces of {piece}");
        }
    }

    /// The boot manager menu of OVMF 2026.08: a frame in the middle of 240 columns, each border put in its place, then what stands
    /// in it.
    fn popup(rows: &[&str]) -> Vec<u8> {
        popup_drawn_with(rows, ["\u{2502}"; 4])
    }

    /// The same with other upper corners, sides, rows and lower corners.
    fn popup_drawn_with(rows: &[&str], [left, right, side, across]: [&str; 4]) -> Vec<u8> {
        let mut log =
            format!("BdsDxe: starting Boot0000 \"BootManagerMenuApp\" from Fv(7CB8BDC9-F8EB-4F34-AAEA-3EE4AF6516A1)/{BOOT_MENU}\r\n\x1b[2J").into_bytes();
        let mut put = |row: usize, column: usize, text: &str| {
            log.extend_from_slice(format!("\x1b[{row:03};{column:03}H{text}").as_bytes());
        };
        let frame = |row: usize| row == 0 || row == 2 || row == rows.len() + 3 || row == rows.len() + 7;
        for row in 0..rows.len() + 8 {
            (0..35).filter(|&column| frame(row) || column == 0 || column == 34).for_each(|column| {
                let border = match (row, column) {
                    (0, 0) => left,
                    (0, 34) => right,
                    (last, 0) if last == rows.len() + 7 => right,
                    (last, 34) if last == rows.len() + 7 => left,
                    (_, 0 | 34) => side,
                    _ => across,
                };
                put(23 + row, 103 + column, border);
            });
        }
        put(24, 107, MENU_TITLE);
        rows.iter().enumerate().for_each(|(row, text)| put(26 + row, 104, text));
        ["\u{2191} and \u{2193} to move selection", "ENTER to select boot device", "ESC to exit"]
            .iter()
            .enumerate()
            .for_each(|(row, text)| put(27 + rows.len() + row, 108, text));
        log
    }

    const POPUP: [&str; 3] = ["UEFI Misc Device", "EFI Firmware Setup", "EFI Internal Shell"];

    #[test]
    fn the_boot_manager_menu_is_read_before_it_is_wiped_away() {
        let log = popup(&POPUP);
        assert_eq!(read(&log, 4096).menus[0].entries, []);
        let trace = read(&[&log[..], b"\x1b[2J\x1b[001;001H"].concat(), 7);
        assert_eq!((listed(&trace), trace.holes.len()), (POPUP.map(|name| (name, None)).to_vec(), 0));
    }

    /// AAVMF 2026.08: its terminal has ASCII alone.
    #[test]
    fn the_boot_manager_menu_may_have_a_frame_of_ascii() {
        let log = popup_drawn_with(&POPUP, ["/", "\\", "|", "-"]);
        let trace = read(&[&log[..], b"\x1b[2J\x1b[001;001H"].concat(), 7);
        assert_eq!((listed(&trace), trace.holes.len()), (POPUP.map(|name| (name, None)).to_vec(), 0));
        let side = String::from_utf8(log).unwrap().replace("\x1b[028;137H|", "");
        let trace = read(&[side.as_bytes(), b"\x1b[2J\x1b[001;001H"].concat(), 4096);
        assert_eq!((trace.menus[0].entries.len(), trace.holes.len()), (0, 1), "{:?}", trace.holes);
    }

    #[test]
    fn a_boot_manager_menu_that_lacks_a_border_or_an_entry_is_not_whole() {
        let wiped = |log: &[u8]| read(&[log, b"\x1b[2J\x1b[001;001H"].concat(), 4096);
        for lost in ["\u{2502}\x1b[025;104H", "\x1b[028;137H\u{2502}", "\x1b[027;104HEFI Firmware Setup"] {
            let log = String::from_utf8(popup(&POPUP)).unwrap();
            assert!(log.contains(lost), "{lost:?}");
            let trace = wiped(log.replace(lost, "").as_bytes());
            assert_eq!((trace.menus[0].entries.len(), trace.holes.len()), (0, 1), "{lost:?}: {:?}", trace.holes);
        }
    }

    #[test]
    fn an_option_that_was_never_highlighted_is_no_device() {
        let second = LOG.windows(9).position(|bytes| bytes == b"Pci(0x4,0").unwrap();
        let trace = read(&LOG[..second], 4096);
        let devices: Vec<Option<&str>> = listed(&trace).iter().map(|(_, device)| *device).collect();
        assert_eq!(devices, [Some("first"), None, None, None]);
    }

    #[test]
    fn another_page_lists_nothing() {
        let mut other = LOG.to_vec();
        for at in 0..LOG.len() - TITLE.len() {
            if LOG[at..].starts_with(TITLE.as_bytes()) {
                other[at..at + TITLE.len()].copy_from_slice(b"Boot Sampler");
            }
        }
        assert_eq!(read(&other, 4096).menus[0].entries, []);
    }

    #[test]
    fn a_page_without_setup_is_no_menu() {
        let page = LOG.windows(4).position(|bytes| bytes == b"\x1b[0m").unwrap();
        assert_eq!(read(&LOG[page..], 4096).menus, []);
    }

    #[test]
    fn a_hostile_guest_lists_no_more_than_the_limits() {
        let mut log = Vec::new();
        for number in 0..MENU_LIMIT + 10 {
            log.extend_from_slice(b"\x1b[2JBdsDxe: starting Boot0000 \"UiApp\" from ");
            log.extend_from_slice(SETUP.as_bytes());
            log.extend_from_slice(b"\r\n\x1b[2;1H|Boot Manager\x1b[2;50H|");
            let row = number % 60;
            log.extend_from_slice(format!("\x1b[{row};3H\x1b[37m\x1b[40mDevice Path : {number}\x1b[45;50H").as_bytes());
            log.push((number % 256) as u8);
        }
        for row in 5..=45 {
            log.extend_from_slice(format!("\x1b[{row};3H\x1b[30m\x1b[47m{row}\x1b[49;50H").as_bytes());
        }
        let trace = read(&log, 4096);
        assert_eq!(trace.menus.len(), MENU_LIMIT);
        assert!(trace.menus.iter().all(|menu| menu.entries.len() <= ENTRY_LIMIT));
        assert_eq!(trace.menus.last().unwrap().entries.len(), ENTRY_LIMIT);
    }
}

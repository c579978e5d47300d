//! Watches a medium that somebody else made: its text on the serial port and on the VGA text screen, answers to its menus, a
//! picture of the screen at the end.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;

use super::session::Session;
use crate::evidence::Source;
use crate::foreign;
use crate::machine::Firmware;
use crate::trace::picture::Font;
use crate::trace::{Stage, picture};
use crate::verdict::Reach;
use crate::verdict::conclude::RunEnd;

/// How often the screen is looked at.
const LOOK: Duration = Duration::from_millis(500);

/// How long nothing new is printed before a boot that has come far enough is taken for having come to rest.
const RESTS: Duration = Duration::from_secs(10);

/// How long a boot that has come far enough is watched on at most: a menu counts down, a kernel takes its time.
const GOES_ON: Duration = Duration::from_secs(15);
const KERNEL_GOES_ON: Duration = Duration::from_secs(90);

/// How often a medium may reset the machine.
const RESETS: u32 = 5;

/// The VGA text screen of 25 rows of 80 columns: where it is in physical memory, its bytes.
const VGA_TEXT: (u64, usize) = (0xb8000, 80 * 25 * 2);

/// Where QEMU writes it, in the evidence folder, and a picture of the screen that is read for its text.
const VGA_FILE: &str = "vga-text.bin";
const PICTURE_FILE: &str = "vga-text.ppm";

/// How often a picture is taken: drawing and reading it takes the host a tenth of a second.
const PICTURE: Duration = Duration::from_secs(4);

/// Most bytes typed at a look. SeaBIOS keeps what comes by the serial port in the BIOS' keyboard buffer, which holds 15 keys (IBM PC
/// BIOS data area, 0x41e), and drops what a program that is busy drawing its menu has not taken.
const KEYS: usize = 8;

/// Where a font is looked for on a medium, bytes.
const FONT_WITHIN: u64 = 32 << 20;

/// How many font files of a served folder are looked at.
const FONT_FILES: usize = 4;

/// Largest picture that is read, bytes.
const LARGEST_PICTURE: u64 = 32 << 20;

/// What is known of the screen.
#[derive(Default)]
struct Screen {
    rows: Vec<String>,
    fonts: Option<Vec<Font>>,
    looked: Option<Instant>,
}

impl Session<'_> {
    /// Watches until the boot has come where it was to come and rests there, or cannot come there any more.
    pub(super) fn watch_text(&mut self, reach: &Reach) -> RunEnd {
        let (mut answers, mut untyped) = (reach.answers.iter().peekable(), [].as_slice());
        let limit = Duration::from_secs(u64::from(reach.seconds));
        let (mut met, mut printed, mut screen) = (None::<Instant>, 0, Screen::default());
        loop {
            let end = self.watch.look(LOOK, limit);
            self.look_at_screen(&mut screen);
            let trace = self.watch.trace();
            if reach.is_over(trace) {
                return RunEnd::Over;
            }
            if met.is_none() && reach.is_met(trace) {
                met = Some(Instant::now());
            }
            if let Some(begun) = met {
                let goes_on = if trace.stage() >= Stage::Kernel { KERNEL_GOES_ON } else { GOES_ON };
                let stands_still = self.watch.standstill().is_some();
                let rests = stands_still || self.watch.silent() >= RESTS || begun.elapsed() >= goes_on || end.is_some();
                if rests || self.watch.end_of_qemu().is_some() {
                    return RunEnd::Over;
                }
            }
            if let Some(end) = end.or_else(|| self.watch.end_of_qemu()) {
                return end;
            }
            if let Some(standstill) = self.watch.standstill() {
                return RunEnd::StandsStill(standstill);
            }
            if self.watch.resets() > RESETS {
                return RunEnd::ResetLoop { resets: self.watch.resets() };
            }
            let wanted = answers.peek().filter(|answer| match &answer.after {
                Some(pattern) => self.watch.trace().guest.found.iter().any(|(found, _)| found == pattern),
                None => self.watch.trace().stage() >= Stage::Loader,
            });
            if let Some(answer) = wanted.filter(|_| untyped.is_empty()) {
                untyped = answer.text.as_bytes();
                answers.next();
            }
            let (now, later) = untyped.split_at(at_once(untyped));
            if let Err(reason) = self.type_bytes(now) {
                return RunEnd::Broken { reason: format!("cannot type on the serial port: {reason}") };
            }
            untyped = later;
            let streams = [Source::Serial, Source::DebugConsole, Source::Screen];
            let now: usize = streams.map(|source| self.recorder.stream_len(source)).iter().sum();
            if now != printed {
                printed = now;
                self.watch.begin_step();
            }
        }
    }

    fn type_bytes(&self, bytes: &[u8]) -> Result<(), String> {
        if bytes.is_empty() {
            return Ok(());
        }
        let vm = self.vm().map_err(|error| error.to_string())?;
        vm.type_on_serial(bytes).map_err(|error| error.to_string())
    }

    /// Notes the rows of the screen that have changed. A BIOS guest has a text screen; a UEFI guest draws, and where it draws in
    /// the VGA font the picture is read.
    fn look_at_screen(&mut self, screen: &mut Screen) {
        let rows = match self.prepared.machine.firmware {
            _ if !self.prepared.machine.vga => return,
            Firmware::SeaBios => self.text_screen(),
            Firmware::S390Ccw | Firmware::Slof => return,
            // firmware's own picture says nothing
            Firmware::Ovmf | Firmware::Aavmf | Firmware::RiscVVirt | Firmware::LoongArchVirt
                if self.watch.trace().stage() < Stage::Started =>
            {
                return;
            }
            Firmware::Ovmf | Firmware::Aavmf | Firmware::RiscVVirt | Firmware::LoongArchVirt
                if screen.looked.is_some_and(|looked| looked.elapsed() < PICTURE) =>
            {
                return;
            }
            Firmware::Ovmf | Firmware::Aavmf | Firmware::RiscVVirt | Firmware::LoongArchVirt => {
                screen.looked = Some(Instant::now());
                let fonts = screen.fonts.get_or_insert_with(|| self.fonts());
                self.drawn_text(fonts)
            }
        };
        // a QEMU that has ended has no screen
        let Some(rows) = rows else { return };
        let before = screen.rows.iter().map(Some).chain(std::iter::repeat(None));
        let changed = rows.iter().zip(before).filter(|(row, before)| Some(*row) != *before && !row.is_empty());
        let changed: Vec<&str> = changed.map(|(row, _)| row.as_str()).collect();
        if !changed.is_empty() {
            self.recorder.bytes(Source::Screen, format!("{}\n", changed.join("\n")).as_bytes());
        }
        screen.rows = rows;
    }

    fn text_screen(&self) -> Option<Vec<String>> {
        let (from, length) = VGA_TEXT;
        let words = json!({ "val": from, "size": length, "filename": VGA_FILE });
        self.vm().ok()?.execute("pmemsave", words).ok()?;
        std::fs::read(self.prepared.folder.path().join(VGA_FILE)).ok().map(|bytes| text_rows(&bytes))
    }

    fn drawn_text(&self, fonts: &[Font]) -> Option<Vec<String>> {
        self.vm().ok()?.execute("screendump", json!({ "filename": PICTURE_FILE })).ok()?;
        let path = self.prepared.folder.path().join(PICTURE_FILE);
        let small = std::fs::metadata(&path).is_ok_and(|metadata| metadata.len() <= LARGEST_PICTURE);
        std::fs::read(&path).ok().filter(|_| small).map(|ppm| picture::rows(&ppm, fonts))
    }

    /// The fonts that programs on a medium or in a served folder bring, and that of the platform's own VGA BIOS, which lies beside
    /// its SeaBIOS.
    fn fonts(&self) -> Vec<Font> {
        let machine = &self.prepared.machine;
        let images = machine.devices.iter().filter_map(|device| device.medium.as_ref()?.file.as_ref());
        let folders = machine.networks.iter().filter_map(|network| network.folder.as_ref());
        let served = folders.filter_map(|folder| foreign::folder::files(folder).ok()).flatten();
        let served = served.filter(|(name, _)| name.ends_with(".pf2")).map(|(_, path)| path).take(FONT_FILES);
        let seabios = self.platform.seabios.as_ref().and_then(|seabios| seabios.path.parent());
        let own = seabios.map(|folder| folder.join("vgabios-stdvga.bin"));
        let all = images.map(|image| image.path.clone()).chain(served).chain(own);
        all.filter_map(|path| beginning(&path)).flat_map(|bytes| Font::within(&bytes)).collect()
    }

    /// Leaves a picture of the screen in the evidence, where the machine has one.
    pub(super) fn picture(&self) {
        let folder = self.prepared.folder.path();
        for file in [VGA_FILE, PICTURE_FILE] {
            std::fs::remove_file(folder.join(file)).ok();
        }
        let Ok(vm) = self.vm() else { return };
        if !self.prepared.machine.vga || vm.exit(Duration::ZERO).is_some() {
            return;
        }
        // a QEMU before 7.1, or one that was built without libpng, has no `format`
        if vm.execute("screendump", json!({ "filename": "screen.png", "format": "png" })).is_err() {
            std::fs::remove_file(folder.join("screen.png")).ok();
            vm.execute("screendump", json!({ "filename": "screen.ppm" })).ok();
        }
    }
}

/// The first bytes of a file in which a font is looked for.
fn beginning(path: &Path) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(FONT_WITHIN).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// How much of a text is typed at once: no key's sequence is cut.
fn at_once(text: &[u8]) -> usize {
    const ESC: u8 = 0x1b;
    let whole = text.len().min(KEYS);
    // the longest sequence of a key is ESC [ 2 4 ~
    let last = (whole.saturating_sub(4)..whole).rev().find(|&at| text[at] == ESC);
    match last {
        Some(at) if at > 0 && whole < text.len() => at,
        _ => whole,
    }
}

/// The rows of a VGA text screen (character and attribute, row by row); none where that is no text but a picture.
fn text_rows(bytes: &[u8]) -> Vec<String> {
    let characters = bytes.iter().step_by(2);
    let strange = characters.clone().filter(|byte| matches!(byte, 1..=31 | 0x7f)).count();
    if strange > 100 {
        return Vec::new();
    }
    let text: Vec<char> =
        characters.map(|&byte| if (32..127).contains(&byte) { char::from(byte) } else { ' ' }).collect();
    text.chunks(80).map(|row| row.iter().collect::<String>().trim_end().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_answer_is_typed_in_pieces_and_no_key_is_cut() {
        let pieces = |text: &str| {
            let (mut text, mut pieces) = (text.as_bytes(), Vec::new());
            while !text.is_empty() {
                let (now, later) = text.split_at(at_once(text));
                pieces.push(String::from_utf8(now.to_vec()).unwrap());
                text = later;
            }
            pieces
        };
        assert_eq!(pieces("install a=b\r"), ["install ", "a=b\r"]);
        assert_eq!(pieces("12345\x1b[24~6"), ["12345", "\x1b[24~6"]);
        assert_eq!(pieces("\x1b[24~\x1b[24~"), ["\x1b[24~", "\x1b[24~"]);
        assert_eq!(pieces("\x1b"), ["\x1b"]);
        assert_eq!((pieces(""), at_once(b"")), (vec![], 0));
    }

    #[test]
    fn a_text_screen_is_read_by_rows_and_a_picture_is_none() {
        let mut screen = vec![0; VGA_TEXT.1];
        for (at, byte) in b"Memtest86+ v6.10".iter().enumerate() {
            (screen[at * 2], screen[at * 2 + 1]) = (*byte, 0x1f);
        }
        let rows = text_rows(&screen);
        assert_eq!((rows.len(), rows[0].as_str(), rows[1].as_str()), (25, "Memtest86+ v6.10", ""));
        assert_eq!(text_rows(&[3; VGA_TEXT.1]), Vec::<String>::new());
    }
}

//! Reads the text in a picture of the screen whose programs draw it cell by cell in a font that is known: Memtest86+ on a UEFI frame
//! buffer does in a VGA font, GRUB's graphical terminal in a font of its own. It is no more than that: other fonts give nothing.

use super::grub_font;

/// Columns and rows of pixels in a cell.
const WIDE: usize = 8;
const HIGH: usize = 16;

/// Pixels in which a glyph may differ: programs' fonts differ from the ROM's in a few characters.
const DIFFERENT: u32 = 8;

/// How far from the edges GRUB's terminal begins (`DEFAULT_BORDER_WIDTH` in its `grub-core/term/gfxterm.c`), pixels.
const GRUB_BORDER: usize = 10;

/// The colours in which GRUB writes over a picture: light grey and white.
const INKS: [[u8; 3]; 2] = [[0xa8; 3], [0xfe; 3]];

/// The printable glyphs of a font.
#[derive(Clone)]
pub struct Font {
    glyphs: Vec<(u8, [u8; HIGH])>,
    /// Drawn by GRUB.
    of_grub: bool,
}

impl Font {
    /// Those that are in a program, a VGA BIOS, a font file or a medium.
    pub fn within(bytes: &[u8]) -> Vec<Font> {
        let of_grub = Some(Font { glyphs: grub_font::glyphs(bytes), of_grub: true });
        let all = Font::vga(bytes).into_iter().chain(of_grub);
        all.filter(|font| !font.glyphs.is_empty()).collect()
    }

    /// A VGA font is found by its letter A.
    fn vga(bytes: &[u8]) -> Option<Font> {
        const LETTER_A: [u8; HIGH] = [0, 0, 0x10, 0x38, 0x6c, 0xc6, 0xc6, 0xfe, 0xc6, 0xc6, 0xc6, 0xc6, 0, 0, 0, 0];
        let found = bytes.windows(HIGH).position(|glyph| glyph[2] == LETTER_A[2] && glyph == LETTER_A)?;
        let at = found.checked_sub(usize::from(b'A') * HIGH)?;
        let glyphs = bytes.get(at..at + 128 * HIGH)?.chunks_exact(HIGH);
        let all = (0..128).zip(glyphs).filter_map(|(code, glyph)| Some((code, glyph.try_into().ok()?)));
        Some(Font { glyphs: all.filter(|(code, _)| (33..127).contains(code)).collect(), of_grub: false })
    }

    /// The printable character that looks most like this; `None` where none does.
    fn character(&self, cell: &[u8; HIGH]) -> Option<char> {
        if cell.iter().all(|row| *row == 0) {
            return Some(' ');
        }
        let differs = |glyph: &[u8; HIGH]| glyph.iter().zip(cell).map(|(a, b)| (a ^ b).count_ones()).sum::<u32>();
        let best = self.glyphs.iter().map(|(code, glyph)| (differs(glyph), *code)).min();
        best.filter(|(pixels, _)| *pixels <= DIFFERENT).map(|(_, code)| char::from(code))
    }
}

/// The rows of text in a picture in QEMU's PPM (`P6`, 255), in the font in which most of it can be read; none where it is no text
/// in one of these fonts. A screen of 80 by 25 cells may lie in the middle.
pub fn rows(ppm: &[u8], fonts: &[Font]) -> Vec<String> {
    let Some((width, height, pixels)) = parts(ppm) else { return Vec::new() };
    let picture = Picture { width, height, pixels };
    let middle = |length: usize, cells: usize| length.saturating_sub(cells) / 2;
    let places = |font: &Font| match font.of_grub {
        true => vec![(GRUB_BORDER, GRUB_BORDER)],
        false => vec![(0, 0), (middle(width, 80 * WIDE), middle(height, 25 * HIGH))],
    };
    let letters =
        |rows: &Vec<String>| rows.iter().flat_map(|row| row.chars()).filter(char::is_ascii_alphanumeric).count();
    let read = fonts.iter().flat_map(|font| places(font).into_iter().map(|place| read(&picture, place, font)));
    let best = read.max_by_key(letters);
    // a picture has a cell that looks like a letter here and there
    best.filter(|best| letters(best) >= 12).unwrap_or_default()
}

struct Picture<'a> {
    width: usize,
    height: usize,
    pixels: &'a [u8],
}

fn parts(ppm: &[u8]) -> Option<(usize, usize, &[u8])> {
    let mut words = ppm.get(..64)?.split(|byte| byte.is_ascii_whitespace());
    let head = [words.next()?, words.next()?, words.next()?, words.next()?];
    let number = |word: &[u8]| std::str::from_utf8(word).ok()?.parse::<usize>().ok();
    let (width, height) = (number(head[1])?, number(head[2])?);
    let begins: usize = head.iter().map(|word| word.len() + 1).sum();
    let pixels = ppm.get(begins..)?;
    let fits = head[0] == b"P6" && head[3] == b"255" && width.checked_mul(height)?.checked_mul(3)? <= pixels.len();
    fits.then_some((width, height, pixels))
}

fn read(picture: &Picture<'_>, (left, top): (usize, usize), font: &Font) -> Vec<String> {
    let (columns, rows) = (picture.width.saturating_sub(left) / WIDE, picture.height.saturating_sub(top) / HIGH);
    let inks = INKS.iter().filter(|_| font.of_grub);
    let character = |x: usize, y: usize| {
        let on_one_colour = font.character(&cell(picture, x, y, None));
        on_one_colour.or_else(|| inks.clone().find_map(|ink| font.character(&cell(picture, x, y, Some(*ink)))))
    };
    let row = |row: usize| -> String {
        let cells = (0..columns).map(|column| character(left + column * WIDE, top + row * HIGH));
        cells.map(|character| character.unwrap_or(' ')).collect()
    };
    (0..rows).map(|at| row(at).trim_end().to_owned()).collect()
}

/// A cell as a glyph: what is of this colour, or what differs from its first pixel, which a glyph of the font never has.
fn cell(picture: &Picture<'_>, left: usize, top: usize, ink: Option<[u8; 3]>) -> [u8; HIGH] {
    let pixel = |x: usize, y: usize| picture.pixels.get((y * picture.width + x) * 3..(y * picture.width + x) * 3 + 3);
    let ground = pixel(left, top);
    let is_set = |pixel: Option<&[u8]>| match &ink {
        Some(ink) => pixel == Some(ink.as_slice()),
        None => pixel != ground,
    };
    std::array::from_fn(|y| (0..WIDE).fold(0, |row, x| row << 1 | u8::from(is_set(pixel(left + x, top + y)))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn glyph(code: u8) -> [u8; HIGH] {
        std::array::from_fn(|row| if row < 2 { 0 } else { code.rotate_left(row as u32) })
    }

    /// A font in which each letter is its own code in every row but the first two.
    fn font(of_grub: bool) -> Font {
        Font { glyphs: (33..127).map(|code| (code, glyph(code))).collect(), of_grub }
    }

    fn drawn(text: &str, width: usize, height: usize, left: usize, top: usize) -> Vec<u8> {
        over(vec![0x20; width * height * 3], 0xff, text, (width, height), (left, top))
    }

    /// Writes over the pixels of a picture.
    fn over(mut pixels: Vec<u8>, ink: u8, text: &str, size: (usize, usize), place: (usize, usize)) -> Vec<u8> {
        let ((width, height), (left, top)) = (size, place);
        for (at, code) in text.bytes().enumerate() {
            for (y, row) in glyph(code).iter().enumerate().filter(|_| code != b' ') {
                for x in (0..WIDE).filter(|x| row & (0x80 >> x) != 0) {
                    let place = ((top + y) * width + left + at * WIDE + x) * 3;
                    pixels[place..place + 3].fill(ink);
                }
            }
        }
        [format!("P6\n{width} {height}\n255\n").into_bytes(), pixels].concat()
    }

    #[test]
    fn text_is_read_in_the_corner_and_in_the_middle() {
        let corner = rows(&drawn("Linux version 6.1", 640, 400, 0, 0), &[font(false)]);
        assert_eq!(corner[0], "Linux version 6.1");
        let middle = rows(&drawn("Memtest86+ v6.10", 800, 600, 80, 100), &[font(false)]);
        assert_eq!(middle[0], "Memtest86+ v6.10");
    }

    #[test]
    fn grubs_terminal_is_read_over_a_picture_and_nowhere_else() {
        let (size, text) = ((800, 600), "GNU GRUB  version 2.06");
        let picture: Vec<u8> = (0..size.0 * size.1 * 3).map(|at| (at % 151) as u8).collect();
        let fonts = [font(false), font(true)];
        let menu = over(picture.clone(), INKS[0][0], text, size, (GRUB_BORDER, GRUB_BORDER));
        assert_eq!(rows(&menu, &fonts)[0], text);
        assert_eq!(rows(&menu, &fonts[..1]), Vec::<String>::new());
        let elsewhere = over(picture, INKS[0][0], text, size, (GRUB_BORDER + 3, GRUB_BORDER));
        assert_eq!(rows(&elsewhere, &fonts), Vec::<String>::new());
    }

    #[test]
    fn what_is_no_picture_or_no_text_gives_nothing() {
        for ppm in [&b""[..], b"P6\n9999999 9999999\n255\n", &[b'P'; 100], &drawn("", 640, 400, 0, 0)] {
            assert_eq!(rows(ppm, &[font(false)]), Vec::<String>::new());
        }
        assert!(Font::within(&[0; 9000]).is_empty());
    }
}

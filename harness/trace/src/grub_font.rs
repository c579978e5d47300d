//! Fonts in GRUB's own format, PFF2 (`grub-core/font/font.c` of GRUB 2.06), in which its graphical terminal writes: `unicode.pf2`
//! and what is made of it for an installer's menu.

/// Rows and columns of pixels in a cell of the terminal.
const HIGH: usize = 16;
const WIDE: usize = 8;

/// What a file begins with: the section `FILE`, four bytes long.
const MAGIC: &[u8; 12] = b"FILE\0\0\0\x04PFF2";

/// Most sections before the glyphs.
const SECTIONS: usize = 32;

/// Places of the magic that are looked at.
const STARTS: usize = 16;

/// Bytes of an entry of the index: code point, storage, place in the file.
const ENTRY: usize = 9;

/// The printable ASCII glyphs of the first font in these bytes, each a cell of 8 by 16 pixels, a row a byte; none where no such
/// font is in them.
pub fn glyphs(bytes: &[u8]) -> Vec<(u8, [u8; HIGH])> {
    let begins = |at: &usize| bytes[*at] == MAGIC[0] && bytes[*at..].starts_with(MAGIC);
    let mut fonts = (0..bytes.len()).filter(begins).take(STARTS).filter_map(|at| font(&bytes[at..]));
    fonts.find(|glyphs| !glyphs.is_empty()).unwrap_or_default()
}

fn font(file: &[u8]) -> Option<Vec<(u8, [u8; HIGH])>> {
    let (mut at, mut ascent) = (0_usize, None);
    for _ in 0..SECTIONS {
        let name = file.get(at..at.checked_add(4)?)?;
        let length = usize::try_from(u32::from_be_bytes(array(file, at + 4)?)).ok()?;
        let section = file.get(at + 8..)?.get(..length)?;
        match name {
            b"ASCE" => ascent = Some(i16::from_be_bytes(array(section, 0)?)),
            b"CHIX" => {
                return Some(ascii(section).filter_map(|entry| glyph(file, ascent?, entry)).collect());
            }
            _ => {}
        }
        at = at.checked_add(8)?.checked_add(length)?;
    }
    None
}

/// The entries of an index up to the last of ASCII; its code points ascend, or GRUB refuses the file.
fn ascii(index: &[u8]) -> impl Iterator<Item = &[u8]> {
    let code = |entry: &[u8]| array(entry, 0).map(u32::from_be_bytes);
    let entries = index.chunks_exact(ENTRY).scan(None, move |last, entry| {
        let code = code(entry)?;
        let ascends = last.is_none_or(|last| code > last);
        *last = Some(code);
        ascends.then_some((code, entry))
    });
    entries.take_while(|(code, _)| *code < 127).map(|(_, entry)| entry)
}

/// A glyph: width, height, what lies left of it and between it and the base line, how far the next one is; then its pixels without
/// a gap.
fn glyph(file: &[u8], ascent: i16, entry: &[u8]) -> Option<(u8, [u8; HIGH])> {
    let code = u8::try_from(u32::from_be_bytes(array(entry, 0)?)).ok().filter(|code| (33..127).contains(code))?;
    let at = usize::try_from(u32::from_be_bytes(array(entry, 5)?)).ok()?;
    let number = |place: usize| Some(i16::from_be_bytes(array(file, at.checked_add(2 * place)?)?));
    let [width, height, left, below, advance] = [number(0)?, number(1)?, number(2)?, number(3)?, number(4)?];
    let pixels = file.get(at.checked_add(10)?..)?;
    let top = ascent.checked_sub(below)?.checked_sub(height)?;
    let [columns, rows, left, top] = [width, height, left, top].map(|number| usize::try_from(number).ok());
    let (columns, rows, left, top) = (columns?, rows?, left?, top?);
    if usize::try_from(advance) != Ok(WIDE) || left + columns > WIDE || top + rows > HIGH {
        return None;
    }
    let mut cell = [0; HIGH];
    for (bit, (row, column)) in (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column))).enumerate() {
        if pixels.get(bit / 8)? & (0x80 >> (bit % 8)) != 0 {
            cell[top + row] |= 0x80 >> (left + column);
        }
    }
    Some((code, cell))
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A font of one glyph, which is one column of pixels and `height` rows, standing on the base line.
    fn of_one_glyph(code: u32, height: u8, advance: u8) -> Vec<u8> {
        let section = |name: &[u8], data: &[u8]| [name, &(data.len() as u32).to_be_bytes(), data].concat();
        let head = [section(b"FILE", b"PFF2"), section(b"ASCE", &[0, 14])].concat();
        let at = (head.len() + 8 + ENTRY + 8) as u32;
        let index = section(b"CHIX", &[&code.to_be_bytes()[..], &[0], &at.to_be_bytes()].concat());
        let glyph = [0, 1, 0, height, 0, 3, 0, 0, 0, advance, 0xff, 0xff];
        [head, index, b"DATA\xff\xff\xff\xff".to_vec(), glyph.to_vec()].concat()
    }

    #[test]
    fn a_glyph_stands_in_its_cell_where_grub_draws_it() {
        let file = of_one_glyph(u32::from(b'l'), 10, 8);
        let mut cell = [0; HIGH];
        cell[4..14].fill(0x10);
        assert_eq!(glyphs(&[b"FILE of an image".to_vec(), file].concat()), [(b'l', cell)]);
    }

    #[test]
    fn other_sizes_other_characters_and_broken_files_give_nothing() {
        for file in [of_one_glyph(0x416, 10, 8), of_one_glyph(108, 10, 16), of_one_glyph(108, 15, 8)] {
            assert_eq!(glyphs(&file), []);
        }
        let whole = of_one_glyph(108, 10, 8);
        for length in 0..whole.len() - 1 {
            assert_eq!(glyphs(&whole[..length]), [], "{length} bytes");
        }
        let repeated = |entry: &[u8]| {
            let index = ascii(entry).count();
            assert!(index <= 1, "{index}");
        };
        repeated(&[0, 0, 0, 108, 0, 0, 0, 0, 9].repeat(100_000));
        repeated(&[0, 0, 4, 22, 0, 0, 0, 0, 9].repeat(100_000));
        let starts = [MAGIC.repeat(STARTS), whole.clone()].concat();
        assert_eq!(glyphs(&starts), [], "sixteen beginnings are enough");
        let mut endless = whole.clone();
        endless[16..20].fill(0xff);
        assert_eq!(glyphs(&endless), []);
    }
}

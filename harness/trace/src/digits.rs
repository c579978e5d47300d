//! Bytes as the lines of programs have them, and the sums of these lines (format: `bootwright_images`).

/// The sum of a line's bytes from where it begins with `magic` to the last field but `end`, as it is printed.
pub(super) fn sum_of(line: &str, magic: &str) -> Option<String> {
    let begin = line.find(magic)?;
    let (summed, _) = line.get(begin..)?.rsplit_once(" sum=")?;
    let sum = summed.bytes().fold(0_u16, |sum, byte| sum.wrapping_add(byte.into()));
    Some(format!("{sum:04x}"))
}

/// Two digits for each byte.
pub(super) fn hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text.chars().map(|c| Some(c.to_digit(16)? as u8)).collect();
    let digits = digits?;
    (digits.len() % 2 == 0).then(|| digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

/// Text with `%XX` for what is not printable.
pub(super) fn percent_decoded(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte == b'%' {
            let code = std::str::from_utf8(rest.get(..2)?).ok()?;
            out.push(u8::from_str_radix(code, 16).ok()?);
            rest = &rest[2..];
        } else {
            out.push(byte);
        }
    }
    Some(out)
}

//! The 16-bit words of variables, and the text in them.

/// Little-endian 16-bit words; an odd byte at the end is dropped.
pub(super) fn words(bytes: &[u8]) -> Vec<u16> {
    bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect()
}

/// UTF-16 little-endian up to its first NUL; what is not UTF-16 becomes U+FFFD.
pub(super) fn utf16(bytes: &[u8]) -> String {
    let units: Vec<u16> = words(bytes).into_iter().take_while(|&unit| unit != 0).collect();
    String::from_utf16_lossy(&units)
}

//! A file as the rules see it.

/// One text file of the repository.
pub struct Source {
    /// Path from the repository's root, with `/`.
    pub path: String,
    /// All of it.
    pub text: String,
    /// For Rust files: the text with comments and the insides of string literals blanked, line for line.
    pub code: String,
}

impl Source {
    /// A file with its code separated from comments and strings.
    pub fn new(path: &str, text: &str) -> Self {
        let code = if path.ends_with(".rs") { blanked(text) } else { String::new() };
        Self { path: path.into(), text: text.into(), code }
    }

    /// Whether it is a Rust file.
    pub fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// The folder that it lies in; empty for the root.
    pub fn folder(&self) -> &str {
        self.path.rsplit_once('/').map_or("", |(folder, _)| folder)
    }

    /// File name without its ending.
    pub fn stem(&self) -> &str {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        name.rsplit_once('.').map_or(name, |(stem, _)| stem)
    }
}

impl Source {
    /// Whether it holds tests alone, by its name or place.
    pub fn is_test(&self) -> bool {
        let tests_of = |name: &str| name == "tests" || name.ends_with("_tests");
        tests_of(self.stem()) || self.path.split('/').any(|part| part == "tests")
    }

    /// Modules in files that it declares for tests only, as paths without ending.
    pub fn modules_for_tests(&self) -> Vec<String> {
        let folder = match self.stem() {
            "mod" | "lib" | "main" => self.folder().to_owned(),
            stem => format!("{}/{stem}", self.folder()),
        };
        let declared = self.code.match_indices("#[cfg(test)]").filter_map(|(at, mark)| {
            let rest = self.code[at + mark.len()..].split_once(';')?.0;
            let name = rest.split_whitespace().last().filter(|_| !rest.contains('{') && rest.contains("mod "))?;
            Some(format!("{folder}/{name}"))
        });
        declared.collect()
    }

    /// Whether a byte offset of its code lies in a module that is compiled for tests only.
    pub fn in_test_module(&self, offset: usize) -> bool {
        let begins = self.code.match_indices("#[cfg(test)]").map(|(at, _)| at).filter(|at| *at < offset);
        begins.into_iter().any(|at| {
            let body = self.code[at..].find(['{', ';']).map_or(at, |place| at + place);
            self.code[body..].starts_with('{') && block_end(&self.code, body) > offset
        })
    }
}

/// `a/b/../c` as `a/c`.
pub fn normal(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            ".." => drop(parts.pop()),
            "." | "" => {}
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// Where the block that opens at `start` closes.
pub fn block_end(code: &str, start: usize) -> usize {
    let mut depth = 0usize;
    for (place, byte) in code.bytes().enumerate().skip(start) {
        match byte {
            b'{' => depth += 1,
            b'}' => depth = depth.saturating_sub(1),
            _ => continue,
        }
        if depth == 0 {
            return place;
        }
    }
    code.len()
}

/// The line, from 1, of a byte offset.
pub fn line_of(text: &str, offset: usize) -> usize {
    text.as_bytes()[..offset].iter().filter(|&&byte| byte == b'\n').count() + 1
}

/// Rust with comments and the insides of strings replaced by spaces, byte for byte, line feeds kept.
fn blanked(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = match bytes[at] {
            b'/' if bytes[at..].starts_with(b"//") => find(bytes, at, b"\n").unwrap_or(bytes.len()),
            b'/' if bytes[at..].starts_with(b"/*") => block_comment_end(bytes, at),
            b'"' => string_end(bytes, at),
            b'r' if !is_name(bytes, at) => raw_string_end(bytes, at).unwrap_or(at),
            b'\'' => char_end(bytes, at),
            _ => at,
        };
        if end > at {
            out[at..end].iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b' ');
        }
        at = end.max(at + 1);
    }
    // whole characters were replaced byte for byte, so this is still UTF-8
    String::from_utf8(out).unwrap_or_default()
}

fn find(bytes: &[u8], from: usize, wanted: &[u8]) -> Option<usize> {
    bytes[from..].windows(wanted.len()).position(|window| window == wanted).map(|place| from + place)
}

/// Whether the byte before `at` belongs to a name, so that the `r` there begins no raw string.
fn is_name(bytes: &[u8], at: usize) -> bool {
    at > 0 && (bytes[at - 1].is_ascii_alphanumeric() && bytes[at - 1] != b'b' || bytes[at - 1] == b'_')
}

fn block_comment_end(bytes: &[u8], start: usize) -> usize {
    let mut depth = 0usize;
    let mut at = start;
    while at < bytes.len() {
        if bytes[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if bytes[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    bytes.len()
}

fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

fn raw_string_end(bytes: &[u8], start: usize) -> Option<usize> {
    let hashes = bytes[start + 1..].iter().take_while(|&&byte| byte == b'#').count();
    if bytes.get(start + 1 + hashes) != Some(&b'"') {
        return None;
    }
    let mut closing = vec![b'"'];
    closing.resize(hashes + 1, b'#');
    find(bytes, start + 2 + hashes, &closing).map(|place| place + closing.len())
}

/// A character literal, or nothing for a lifetime.
fn char_end(bytes: &[u8], start: usize) -> usize {
    let rest = &bytes[start + 1..];
    match rest.first() {
        Some(b'\\') => find(bytes, (start + 3).min(bytes.len()), b"'").map_or(start, |place| place + 1),
        // at most four bytes of one character, then the quote
        Some(first) if *first != b'\'' => {
            let width = match first {
                0..=0x7f => 1,
                0xc0..=0xdf => 2,
                0xe0..=0xef => 3,
                _ => 4,
            };
            if rest.get(width) == Some(&b'\'') { start + width + 2 } else { start }
        }
        _ => start,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_strings_are_no_code() {
        let text = "a; // crate::x\nb(\"crate::x \\\" y\", 'c', '\"', r#\"crate::\"x\"#, &'a /* crate /* x */ */ z); é";
        let code = blanked(text);
        assert!(!code.contains("crate") && code.contains("&'a") && code.ends_with("z); é"), "{code}");
        assert_eq!((code.len(), code.lines().count()), (text.len(), 2));
    }
}

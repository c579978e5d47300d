//! The words of an ISC dhcpd file.

use super::{BootServerError, File};

/// A word, a string (with its quotes) or a mark of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token<'a> {
    /// From 1.
    pub line: usize,
    /// As it stands there.
    pub text: &'a str,
    /// Its first byte in the file.
    pub at: usize,
}

impl<'a> Token<'a> {
    /// A string without its quotes; `None` for anything else.
    pub fn string(&self) -> Option<&'a str> {
        self.text.strip_prefix('"')?.strip_suffix('"')
    }
}

/// Splits a file as dhcpd does (`common/conflex.c`).
///
/// # Errors
///
/// A string without an end.
pub fn tokens<'a>(text: &'a str, file: File<'_>) -> Result<Vec<Token<'a>>, BootServerError> {
    let mut tokens = Vec::new();
    let (mut at, mut line) = (0, 1);
    while let Some(c) = text[at..].chars().next() {
        let rest = &text[at..];
        let length = match c {
            '#' => rest.find('\n').unwrap_or(rest.len()),
            '"' => {
                let end = rest[1..].find('"').map(|end| end + 2);
                end.ok_or_else(|| file.error(line, "a string without an end", "close it with \""))?
            }
            c if c.is_whitespace() || "{};(),=".contains(c) => c.len_utf8(),
            _ => rest.find(|c: char| c.is_whitespace() || "{};(),=\"#".contains(c)).unwrap_or(rest.len()),
        };
        let word = &rest[..length];
        if c != '#' && !c.is_whitespace() {
            tokens.push(Token { line, text: word, at });
        }
        line += word.matches('\n').count();
        at += length;
    }
    Ok(tokens)
}

/// Blocks inside each other, and parentheses and `not`s of a condition; nobody writes more.
pub const DEEPEST: usize = 32;

/// That each block has its end, and that they are not nested deeper than [`DEEPEST`].
///
/// # Errors
///
/// The line of the one that has not, or is.
pub fn balanced(tokens: &[Token<'_>], file: File<'_>) -> Result<(), BootServerError> {
    let mut open: Vec<usize> = Vec::new();
    for token in tokens {
        match token.text {
            "{" if open.len() >= DEEPEST => {
                let problem = format!("blocks are nested more than {DEEPEST} deep");
                return Err(file.error(token.line, problem, "put them behind each other"));
            }
            "{" => open.push(token.line),
            "}" if open.pop().is_none() => return Err(file.error(token.line, "a } without its {", "take it out")),
            _ => {}
        }
    }
    open.pop().map_or(Ok(()), |line| Err(file.error(line, "a { without its }", "close the block")))
}

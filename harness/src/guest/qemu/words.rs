//! A command line as words with their places: as a shell splits it, or as the kernel keeps it.

use crate::guest::{At, GuestError};

/// A word of a command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// The word, without its quotes.
    pub text: String,
    /// Where it begins.
    pub at: At,
    /// It is the first on its line, and the line before did not go on.
    pub begins_line: bool,
}

/// Splits a text as a POSIX shell does: quotes, backslashes, a backslash before the end of a line, and comments. Expands
/// nothing.
///
/// # Errors
///
/// [`GuestError`] for a quote without an end.
pub fn split(file: &str, text: &str) -> Result<Vec<Word>, GuestError> {
    let mut words = Vec::new();
    let mut reader = Reader { rest: text.chars().peekable(), at: At { line: 1, column: 1 }, begins_line: true };
    while let Some(&next) = reader.rest.peek() {
        if next.is_whitespace() {
            reader.begins_line |= next == '\n';
            reader.take();
        } else if "|&;<>".contains(next) || reader.is_redirection() {
            // the rest of the line is another command, or where the output goes
            while reader.rest.peek().is_some_and(|&c| c != '\n') {
                reader.take();
            }
        } else if next == '#' {
            while reader.rest.peek().is_some_and(|&c| c != '\n') {
                reader.take();
            }
        } else if let Some(word) = reader.word(file)? {
            words.push(word);
        }
    }
    Ok(words)
}

/// The words of `/proc/PID/cmdline`: each ends with NUL. A word's place is its number, as a column of line 1.
pub fn of_process(bytes: &[u8]) -> Vec<Word> {
    let text = bytes.strip_suffix(b"\0").unwrap_or(bytes);
    let words = text.split(|&byte| byte == 0).enumerate();
    words
        .map(|(index, word)| Word {
            text: String::from_utf8_lossy(word).into_owned(),
            at: At { line: 1, column: index as u32 + 1 },
            begins_line: index == 0,
        })
        .collect()
}

struct Reader<'a> {
    rest: std::iter::Peekable<std::str::Chars<'a>>,
    at: At,
    begins_line: bool,
}

impl Reader<'_> {
    /// `2>` at the beginning of a word.
    fn is_redirection(&self) -> bool {
        let mut ahead = self.rest.clone();
        ahead.next().is_some_and(|c| c.is_ascii_digit()) && ahead.next().is_some_and(|c| "<>".contains(c))
    }

    fn take(&mut self) -> Option<char> {
        let taken = self.rest.next()?;
        self.at = match taken {
            '\n' => At { line: self.at.line + 1, column: 1 },
            _ => At { column: self.at.column + 1, ..self.at },
        };
        Some(taken)
    }

    /// The rest of a JSON object whose brace is taken, as it stands.
    fn json(&mut self, text: &mut String) {
        let (mut depth, mut in_string, mut escaped) = (1, false, false);
        while depth > 0 {
            let Some(letter) = self.take() else { return };
            text.push(letter);
            match letter {
                _ if escaped => escaped = false,
                '\\' => escaped = in_string,
                '"' => in_string = !in_string,
                '{' | '[' if !in_string => depth += 1,
                '}' | ']' if !in_string => depth -= 1,
                _ => {}
            }
        }
    }

    /// The next word; `None` for a line that goes on.
    fn word(&mut self, file: &str) -> Result<Option<Word>, GuestError> {
        let (at, mut text, mut quoted) = (self.at, String::new(), false);
        while let Some(&next) = self.rest.peek() {
            if next.is_whitespace() {
                break;
            }
            let open = self.at;
            self.take();
            match next {
                // no shell leaves such a word: `ps` prints JSON without the quotes that kept it together
                '{' if text.is_empty() && !quoted && self.rest.peek() == Some(&'"') => {
                    text.push('{');
                    self.json(&mut text);
                }
                '\\' => match self.take() {
                    Some('\n') | None => {}
                    Some(escaped) => text.push(escaped),
                },
                '\'' | '"' => {
                    quoted = true;
                    loop {
                        match self.take() {
                            None => {
                                let what = format!("the quote {next} has no end");
                                let fix = "close it where the word ends".to_owned();
                                return Err(GuestError { what, file: file.to_owned(), at: open, fix });
                            }
                            Some(end) if end == next => break,
                            Some('\\') if next == '"' => text.extend(self.take().filter(|&c| c != '\n')),
                            Some(inside) => text.push(inside),
                        }
                    }
                }
                plain => text.push(plain),
            }
        }
        if text.is_empty() && !quoted {
            return Ok(None);
        }
        let begins_line = std::mem::replace(&mut self.begins_line, false);
        Ok(Some(Word { text, at, begins_line }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(words: &[Word]) -> Vec<&str> {
        words.iter().map(|word| word.text.as_str()).collect()
    }

    #[test]
    fn quotes_escapes_continued_lines_and_comments_are_a_shells() {
        let words = split("a", "qemu \\\n -drive 'a b',c=\"d \\\" e\" x\\ y # no\n -S ''").unwrap();
        assert_eq!(texts(&words), ["qemu", "-drive", "a b,c=d \" e", "x y", "-S", ""]);
        assert_eq!((words[1].at.line, words[1].at.column), (2, 2));
    }

    #[test]
    fn a_command_ends_at_an_operator_of_the_shell_and_lines_are_told_apart() {
        let words = split("a", "qemu -S 2>&1 | tee log\nnext \\\n on 'a|b' x&y > z\n").unwrap();
        assert_eq!(texts(&words), ["qemu", "-S", "next", "on", "a|b", "x&y"]);
        let begins: Vec<&str> = words.iter().filter(|word| word.begins_line).map(|word| word.text.as_str()).collect();
        assert_eq!(begins, ["qemu", "next"]);
    }

    #[test]
    fn json_that_lost_its_quotes_is_a_word() {
        let words = split("a", "qemu -object {\"id\":\"a b\",\"x\":{\"y\":[1,2]}} -S {\"z\":\"\\\"}\"} {a}").unwrap();
        let json = "{\"id\":\"a b\",\"x\":{\"y\":[1,2]}}";
        assert_eq!(texts(&words), ["qemu", "-object", json, "-S", "{\"z\":\"\\\"}\"}", "{a}"]);
    }

    #[test]
    fn a_quote_without_an_end_is_refused_where_it_opens() {
        let error = split("a", "qemu\n -name 'one\n").unwrap_err();
        assert_eq!((error.at.line, error.at.column), (2, 8));
    }

    #[test]
    fn a_process_tells_its_words_as_they_are() {
        assert_eq!(texts(&of_process(b"qemu\0-name\0a b\0\0-S\0")), ["qemu", "-name", "a b", "", "-S"]);
    }
}

//! A command line as words with their places: as a shell splits it, or as the kernel keeps it.

pub use super::shell::Word;
use super::shell::{Rules, commands};
use crate::guest::{At, GuestError};

/// Splits a text as a POSIX shell does: quotes, backslashes, a backslash before the end of a line, and comments. What follows
/// an operator on its line is left out. Expands nothing.
///
/// # Errors
///
/// [`GuestError`] for a quote without an end.
pub fn split(file: &str, text: &str) -> Result<Vec<Word>, GuestError> {
    let (mut words, mut behind_operator) = (Vec::new(), false);
    for simple in commands(file, text, Rules { comments: true, strict: true }) {
        if let Some(error) = simple.failed {
            return Err(error);
        }
        if !behind_operator {
            words.extend(simple.words);
        }
        behind_operator = simple.ended.is_some();
    }
    Ok(words)
}

/// The words of `/proc/PID/cmdline`: each ends with NUL. A word's place is its number, as a column of line 1.
pub fn of_process(bytes: &[u8]) -> Vec<Word> {
    let text = bytes.strip_suffix(b"\0").unwrap_or(bytes);
    let words = text.split(|&byte| byte == 0).zip(1..);
    words
        .map(|(word, column)| Word { text: String::from_utf8_lossy(word).into_owned(), at: At { line: 1, column } })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(words: &[Word]) -> Vec<&str> {
        words.iter().map(|word| word.text.as_str()).collect()
    }

    #[test]
    fn what_follows_an_operator_is_left_out_to_the_end_of_its_line() {
        let words = split("a", "qemu -S 2>&1 | tee log\nnext \\\n on 'a|b' x&y > z\n").unwrap();
        assert_eq!(texts(&words), ["qemu", "-S", "next", "on", "a|b", "x&y"]);
        assert_eq!((words[3].at.line, words[3].at.column), (3, 2));
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

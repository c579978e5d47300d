//! Command lines that programs print as lists of strings: Packer's log (`Executing qemu-kvm: []string{"-m", "1G"}`), Python's and
//! JSON's (`['qemu-kvm', '-m', '1G']`).

use super::known;
use super::shell::Word;
use crate::guest::At;

/// The words of a list, its program first.
pub(super) struct List {
    pub words: Vec<Word>,
    pub last_line: u32,
}

/// Every list of a text with a QEMU in it or before it, in order.
pub(super) fn of_text(text: &str) -> Vec<List> {
    let mut found = Vec::new();
    let mut cursor = Cursor { text, byte: 0, at: At { line: 1, column: 1 } };
    while let Some(letter) = cursor.peek() {
        let begins = cursor;
        if let Some(list) =
            ['[', '{'].contains(&letter).then(|| cursor.list()).flatten().and_then(|list| whole(list, begins))
        {
            found.push(list);
        } else {
            cursor = begins;
            cursor.take();
        }
    }
    found
}

/// The list with its program, which may stand before it.
fn whole(mut list: List, begins: Cursor<'_>) -> Option<List> {
    let texts = |words: &[Word]| known::is_command(words.iter().map(|word| word.text.as_str()));
    if texts(&list.words) {
        return Some(list);
    }
    let before = begins.text[..begins.byte].trim_end().trim_end_matches("[]string").trim_end();
    let program = before.trim_end_matches(':').rsplit(char::is_whitespace).next()?;
    known::program(program)?;
    list.words.insert(0, Word { text: program.to_owned(), at: begins.at });
    texts(&list.words).then_some(list)
}

/// A place in a text.
#[derive(Clone, Copy)]
struct Cursor<'a> {
    text: &'a str,
    byte: usize,
    at: At,
}

impl Cursor<'_> {
    fn peek(&self) -> Option<char> {
        self.text[self.byte..].chars().next()
    }

    fn take(&mut self) -> Option<char> {
        let letter = self.peek()?;
        self.byte += letter.len_utf8();
        self.at = match letter {
            '\n' => At { line: self.at.line.saturating_add(1), column: 1 },
            _ => At { column: self.at.column.saturating_add(1), ..self.at },
        };
        Some(letter)
    }

    fn skip_blanks(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.take();
        }
    }

    /// A list from its bracket on: strings, with commas or blanks between them.
    fn list(&mut self) -> Option<List> {
        let close = if self.take()? == '[' { ']' } else { '}' };
        let mut words = Vec::new();
        loop {
            self.skip_blanks();
            if self.peek()? == close {
                self.take();
                return (words.len() > 1).then_some(List { words, last_line: self.at.line });
            }
            words.push(self.string()?);
            self.skip_blanks();
            if self.peek()? == ',' {
                self.take();
            }
        }
    }

    /// A string in quotes, as Go, Python and JSON write it.
    fn string(&mut self) -> Option<Word> {
        let at = self.at;
        if matches!(self.peek()?, 'u' | 'b') {
            self.take();
        }
        let quote = self.take().filter(|letter| matches!(letter, '"' | '\''))?;
        let mut text = String::new();
        loop {
            match self.take()? {
                letter if letter == quote => return Some(Word { text, at }),
                '\n' => return None,
                '\\' => text.push(self.escaped()?),
                letter => text.push(letter),
            }
        }
    }

    fn escaped(&mut self) -> Option<char> {
        let digits = match self.take()? {
            'n' => return Some('\n'),
            't' => return Some('\t'),
            'r' => return Some('\r'),
            'x' => 2,
            'u' => 4,
            letter => return Some(letter),
        };
        let number = (0..digits).try_fold(0, |number, _| Some(number * 16 + self.take()?.to_digit(16)?))?;
        char::from_u32(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case::packer(
        "2024 plugin: Executing /usr/libexec/qemu-kvm: []string{\"-m\", \"1G\", \"-name\", \"a b\"}",
        "/usr/libexec/qemu-kvm -m 1G -name a b"
    )]
    #[case::python("Popen(['kvm', '-m', '1G'], shell=False)", "kvm -m 1G")]
    #[case::older_python("args=[u'sudo', u'kvm', u'-S']", "sudo kvm -S")]
    #[case::json(
        "{\"argv\": [\n  \"kvm\",\n  \"-device\", \"{\\\"driver\\\":\\\"nvme\\\"}\"\n]}",
        "kvm -device {\"driver\":\"nvme\"}"
    )]
    #[case::go_by_q("run [\"kvm\" \"-S\"]", "kvm -S")]
    fn a_list_of_strings_is_a_command_line(#[case] text: &str, #[case] wanted: &str) {
        let lists = of_text(text);
        assert_eq!(lists.len(), 1);
        let words: Vec<&str> = lists[0].words.iter().map(|word| word.text.as_str()).collect();
        assert_eq!(words.join(" "), wanted);
    }

    #[rstest::rstest]
    #[case::another_program("Executing /usr/bin/qemu-img: []string{\"create\", \"-f\", \"qcow2\"}")]
    #[case::a_test_of_the_shell("[ \"$KVM\" = \"kvm\" ] && kvm -S")]
    #[case::json_of_an_option("kvm -device '{\"driver\":\"nvme\"}'")]
    #[case::without_an_end("['kvm', '-S'")]
    #[case::one_word("['kvm']")]
    fn what_is_no_list_of_a_qemu_is_none(#[case] text: &str) {
        assert!(of_text(text).is_empty());
    }

    #[test]
    fn words_keep_their_lines() {
        let lists = of_text("a\n['kvm',\n '-S']\n");
        assert_eq!((lists[0].words[1].at, lists[0].last_line), (At { line: 3, column: 2 }, 3));
    }
}

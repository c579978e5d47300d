//! A text as commands of a shell: words, the operators between them, and where each command ends. Expands nothing.
//!
//! What is no command of QEMU may be anything, a log above all: a quote in it that its line does not close is a letter.

use super::known;
use crate::guest::{At, GuestError};

/// A word of a command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// The word, without its quotes.
    pub text: String,
    /// Where it begins.
    pub at: At,
}

/// Words up to an operator or the end of a line that does not go on.
#[derive(Clone, Debug, Default)]
pub(super) struct Simple {
    pub words: Vec<Word>,
    /// The line that it ends on.
    pub last_line: u32,
    /// One of its lines goes on by a sign of the shell.
    pub continued: bool,
    /// The operator that ends it; `None` for the end of a line.
    pub ended: Option<char>,
    /// A quote in it has no end.
    pub failed: Option<GuestError>,
    /// As the kernel has the words and `ps` prints them: without the quotes that kept them together.
    pub is_plain: bool,
}

/// What a text is taken for.
#[derive(Clone, Copy)]
pub(super) struct Rules {
    /// `#` begins a comment.
    pub comments: bool,
    /// A quote without an end is an error wherever it stands.
    pub strict: bool,
}

/// The commands of a text, empty ones left out.
pub(super) fn commands(file: &str, text: &str, rules: Rules) -> Vec<Simple> {
    let text = text.replace("\r\n", "\n");
    let mut reader = Reader {
        file,
        rules,
        rest: text.chars().peekable(),
        at: At { line: 1, column: 1 },
        depth: 0,
        windows: false,
        begins_line: true,
    };
    let mut commands = Vec::new();
    while reader.rest.peek().is_some() {
        let simple = reader.simple();
        if !simple.words.is_empty() || simple.failed.is_some() || simple.ended.is_some() {
            commands.push(simple);
        }
    }
    commands
}

#[derive(Clone)]
struct Reader<'a> {
    file: &'a str,
    rules: Rules,
    rest: std::iter::Peekable<std::str::Chars<'a>>,
    at: At,
    /// Open `(`.
    depth: u32,
    /// The command is one of Windows, where a backslash is a letter.
    windows: bool,
    begins_line: bool,
}

impl Reader<'_> {
    fn peek(&mut self) -> Option<char> {
        self.rest.peek().copied()
    }

    fn take(&mut self) -> Option<char> {
        let taken = self.rest.next()?;
        self.begins_line = taken == '\n';
        self.at = match taken {
            '\n' => At { line: self.at.line.saturating_add(1), column: 1 },
            _ => At { column: self.at.column.saturating_add(1), ..self.at },
        };
        Some(taken)
    }

    /// Whether what comes begins with a letter of these.
    fn comes(&self, skipped: usize, letters: &str) -> bool {
        self.rest.clone().nth(skipped).is_some_and(|letter| letters.contains(letter))
    }

    /// Whether nothing but blanks stands between the next letter and the end of the line.
    fn ends_line(&self) -> bool {
        let mut ahead = self.rest.clone().skip(1).skip_while(|letter| matches!(letter, ' ' | '\t'));
        matches!(ahead.next(), None | Some('\n'))
    }

    fn skip_line(&mut self) {
        while self.peek().is_some_and(|letter| letter != '\n') {
            self.take();
        }
    }

    fn simple(&mut self) -> Simple {
        let mut simple = Simple { last_line: self.at.line, ..Simple::default() };
        self.windows = self.begins_line && self.skip_prompt_of_windows();
        if self.begins_line && self.is_of_ps() {
            self.plain(&mut simple);
            return simple;
        }
        while let Some(next) = self.peek() {
            simple.last_line = self.at.line;
            if next == '\n' {
                self.take();
                break;
            }
            if next.is_whitespace() {
                self.take();
            } else if next == '#' && self.rules.comments {
                self.skip_line();
            } else if self.is_redirection() {
                self.redirection(&mut simple);
            } else if let Some(operator) = self.operator() {
                simple.ended = Some(operator);
                break;
            } else {
                match self.word(&mut simple) {
                    Ok(word) => simple.words.extend(word),
                    Err(error) => {
                        simple.failed = Some(error);
                        self.skip_line();
                    }
                }
            }
        }
        simple
    }

    /// Leaves out the prompt of `cmd` or PowerShell that a line begins with, `C:\Program Files>` or `PS C:\>`: nothing need stand
    /// between it and the command, and its `>` redirects nothing. Whether there is one.
    fn skip_prompt_of_windows(&mut self) -> bool {
        let line: String = self.rest.clone().take_while(|letter| *letter != '\n').collect();
        let bare = line.trim_start();
        let path = bare.strip_prefix("PS ").unwrap_or(bare);
        let Some((folder, command)) = path.split_once('>') else { return false };
        let mut letters = folder.chars();
        let on_drive = letters.next().is_some_and(|letter| letter.is_ascii_alphabetic())
            && (letters.next(), letters.next()) == (Some(':'), Some('\\'));
        // a command whose output goes to a file begins with a drive too
        let is_command =
            folder.split(' ').any(|word| word.starts_with('-') || word.to_ascii_lowercase().contains("qemu-system-"));
        // no folder of Windows has these in its name
        if !on_drive || is_command || letters.any(|letter| "<|\"?*:/".contains(letter)) || command.starts_with('>') {
            return false;
        }
        for _ in 0..line[..line.len() - command.len()].chars().count() {
            self.take();
        }
        true
    }

    /// `2>`, `>` and `&>` at the beginning of a word; not `<name>`, as a manual has it.
    fn is_redirection(&self) -> bool {
        let mut ahead = self.rest.clone().skip_while(char::is_ascii_digit).peekable();
        match (ahead.next(), ahead.peek().copied()) {
            (Some('&'), Some('>')) | (Some('>'), _) => true,
            (Some('<'), Some(letter)) if letter.is_alphabetic() => {
                ahead.find(|letter| letter.is_whitespace() || *letter == '>') != Some('>')
            }
            (Some('<'), _) => true,
            _ => false,
        }
    }

    /// Leaves out where the output goes.
    fn redirection(&mut self, simple: &mut Simple) {
        while self.peek().is_some_and(|letter| letter.is_ascii_digit()) {
            self.take();
        }
        let mut last = None;
        while self.peek().is_some_and(|letter| "<>&|".contains(letter)) {
            last = self.take();
        }
        // `>&1`: a descriptor, which follows at once
        if last == Some('&') && self.comes(0, "0123456789-") {
            while self.peek().is_some_and(|letter| letter.is_ascii_digit() || letter == '-') {
                self.take();
            }
            return;
        }
        while self.peek().is_some_and(|letter| letter == ' ' || letter == '\t') {
            self.take();
        }
        if self.peek().is_some_and(|letter| !";|&()\n".contains(letter)) {
            self.word(simple).ok();
        }
    }

    fn operator(&mut self) -> Option<char> {
        let next = self.peek()?;
        match next {
            ';' | '|' | '&' => {
                while self.peek() == Some(next) {
                    self.take();
                }
            }
            '(' => {
                self.depth = self.depth.saturating_add(1);
                self.take();
            }
            ')' => {
                self.depth = self.depth.saturating_sub(1);
                self.take();
            }
            '{' | '}' if self.ends_word(1) => {
                self.take();
            }
            _ => return None,
        }
        Some(next)
    }

    /// Whether a word ends behind so many letters.
    fn ends_word(&self, letters: usize) -> bool {
        self.rest.clone().nth(letters).is_none_or(|letter| letter.is_whitespace() || letter == ';')
    }

    /// The next word; `None` for a line that goes on.
    fn word(&mut self, simple: &mut Simple) -> Result<Option<Word>, GuestError> {
        let (mut at, mut text, mut quoted) = (self.at, String::new(), false);
        while let Some(next) = self.peek() {
            let ends = next.is_whitespace() || ";|".contains(next) || (next == ')' && self.depth > 0);
            let ends = ends || (next == '&' && (self.ends_word(1) || self.comes(1, "&>")));
            let ends = ends || (next == '>' && !text.contains('<'));
            if ends || (next == '(' && text.ends_with('=')) {
                break;
            }
            match next {
                // no shell leaves such a word: `ps` prints JSON without the quotes that kept it together
                '{' if text.is_empty() && !quoted && self.opens_json(simple) => {
                    self.json(&mut text);
                }
                '\\' | '^' | '`' if self.ends_line() => {
                    self.skip_line();
                    self.take();
                    simple.continued = true;
                    if text.is_empty() && !quoted {
                        at = self.at;
                    }
                }
                '\\' if self.windows || is_drive(&text) => text.extend(self.take()),
                '\\' => {
                    self.take();
                    text.extend(self.take());
                }
                '$' if self.comes(1, "({") => self.expansion(&mut text),
                '`' => self.substitution(&mut text),
                '\'' | '"' if self.opens(next, simple)? => {
                    quoted = true;
                    self.quoted(next, &mut text);
                }
                _ => text.extend(self.take()),
            }
        }
        if text.is_empty() && !quoted {
            return Ok(None);
        }
        self.windows |= text.to_ascii_lowercase().ends_with(".exe") && known::program(&text).is_some();
        Ok(Some(Word { text, at }))
    }

    /// Whether a quote opens a quoted piece; an error where it must and nothing closes it.
    fn opens(&mut self, quote: char, simple: &Simple) -> Result<bool, GuestError> {
        let mut ahead = self.clone();
        ahead.take();
        let first = ahead.at.line;
        let closes = ahead.quoted_to(quote, None);
        let is_command = self.rules.strict || known::is_command(simple.words.iter().map(|word| word.text.as_str()));
        if closes && (is_command || ahead.at.line == first) {
            return Ok(true);
        }
        // the end of what a line before opened
        if !is_command || self.ends_line() {
            return Ok(false);
        }
        let (what, fix) = (format!("the quote {quote} has no end"), "close it where the word ends".to_owned());
        Err(GuestError { what, file: self.file.to_owned(), at: self.at, fix })
    }

    fn quoted(&mut self, quote: char, text: &mut String) {
        self.take();
        self.quoted_to(quote, Some(text));
    }

    /// Reads up to the closing quote, which there may be or not. Between `"` a backslash takes the sense of some signs only.
    fn quoted_to(&mut self, quote: char, mut text: Option<&mut String>) -> bool {
        while let Some(letter) = self.take() {
            if letter == quote {
                return true;
            }
            let escapes = letter == '\\' && quote == '"' && !self.windows;
            let letter = if escapes && self.comes(0, "$`\"\\\n") { self.take() } else { Some(letter) };
            if let (Some(text), Some(letter)) = (text.as_deref_mut(), letter.filter(|c| !escapes || *c != '\n')) {
                text.push(letter);
            }
        }
        false
    }

    /// `$(...)` or `${...}`, as it stands.
    fn expansion(&mut self, text: &mut String) {
        text.extend(self.take());
        let mut depth = 0_u32;
        while let Some(letter) = self.peek().filter(|letter| *letter != '\n') {
            match letter {
                '(' | '{' => depth = depth.saturating_add(1),
                ')' | '}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            text.extend(self.take());
            if depth == 0 {
                break;
            }
        }
    }

    /// What stands between two backquotes, as it stands.
    fn substitution(&mut self, text: &mut String) {
        text.extend(self.take());
        if !self.rest.clone().take_while(|letter| *letter != '\n').any(|letter| letter == '`') {
            return;
        }
        loop {
            let letter = self.take();
            text.extend(letter);
            if matches!(letter, None | Some('`')) {
                break;
            }
        }
    }

    /// Whether a JSON object begins that ends: on its line, or in a command on a later one.
    fn opens_json(&self, simple: &Simple) -> bool {
        let mut ahead = self.clone();
        self.comes(1, "\"")
            && ahead.json(&mut String::new())
            && (ahead.at.line == self.at.line || known::is_command(simple.words.iter().map(|word| word.text.as_str())))
    }

    /// A JSON object, as it stands; whether it ends.
    fn json(&mut self, text: &mut String) -> bool {
        let (mut depth, mut in_string, mut escaped) = (0_u32, false, false);
        while let Some(letter) = self.take() {
            text.push(letter);
            match letter {
                _ if escaped => escaped = false,
                '\\' => escaped = in_string,
                '"' => in_string = !in_string,
                '{' | '[' if !in_string => depth = depth.saturating_add(1),
                '}' | ']' if !in_string => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth == 0 {
                return true;
            }
        }
        false
    }

    /// Whether the line is one of `ps` or `pgrep`: columns with a process' number or its time before the program, and no word
    /// in quotes.
    fn is_of_ps(&self) -> bool {
        let line: String = self.rest.clone().take_while(|letter| *letter != '\n').collect();
        let words: Vec<&str> = line.split_whitespace().collect();
        let Some(program) = words.iter().position(|word| known::program(word).is_some() && word.contains(['-', 'k']))
        else {
            return false;
        };
        let is_number = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
        let is_time = |word: &&str| word.contains(':') && word.split([':', '-']).all(is_number);
        let columns = &words[..program];
        // systemd draws a tree before the number
        let number = columns.first().map(|word| word.trim_start_matches(|letter: char| !letter.is_alphanumeric()));
        let is_listed = number.is_some_and(is_number) || columns.iter().any(is_time);
        let is_quoted = |word: &&str| word.starts_with(['\'', '"']) || word.contains("='") || word.contains("=\"");
        is_listed && !words.iter().any(is_quoted) && !line.trim_end().ends_with('\\')
    }

    fn plain(&mut self, simple: &mut Simple) {
        simple.is_plain = true;
        while let Some(next) = self.peek() {
            simple.last_line = self.at.line;
            if next.is_whitespace() {
                self.take();
                if next == '\n' {
                    break;
                }
                continue;
            }
            let (at, mut text) = (self.at, String::new());
            while let Some(letter) = self.peek().filter(|letter| !letter.is_whitespace()) {
                if letter == '{' && text.is_empty() && self.opens_json(simple) {
                    self.json(&mut text);
                } else {
                    text.extend(self.take());
                }
            }
            simple.words.push(Word { text, at });
        }
    }
}

/// Whether a word so far ends in a drive of Windows: `C:`, also behind `file=`.
fn is_drive(text: &str) -> bool {
    let mut letters = text.chars().rev().skip_while(|letter| *letter != ':');
    letters.next();
    letters.next().is_some_and(|letter| letter.is_ascii_alphabetic())
        && letters.next().is_none_or(|letter| letter == '=' || letter == ',')
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHELL: Rules = Rules { comments: true, strict: false };

    fn texts(text: &str) -> Vec<Vec<String>> {
        let commands = commands("a", text, SHELL).into_iter().filter(|simple| !simple.words.is_empty());
        commands.map(|simple| simple.words.into_iter().map(|word| word.text).collect()).collect()
    }

    #[rstest::rstest]
    #[case::and("cd x && qemu -S", "cd x / qemu -S")]
    #[case::semicolon_at_a_word("qemu -hda a.img; stty sane", "qemu -hda a.img / stty sane")]
    #[case::background_at_a_word("qemu -hda a.img&", "qemu -hda a.img")]
    #[case::subshell("(cd x; qemu -m 1G)", "cd x / qemu -m 1G")]
    #[case::braces("{ qemu -S; }", "qemu -S")]
    #[case::pipe("a|qemu -S|tee log", "a / qemu -S / tee log")]
    #[case::redirections("qemu >log 2>&1 -S </dev/null &> x", "qemu -S")]
    #[case::a_place_to_fill_in("qemu -hda <image> -S", "qemu -hda <image> -S")]
    #[case::an_address_with_an_ampersand("qemu -cdrom http://h/a?x=1&y=2", "qemu -cdrom http://h/a?x=1&y=2")]
    #[case::substitution("qemu -smp $(nproc --all) -m `free -g` -S", "qemu -smp $(nproc_--all) -m `free_-g` -S")]
    #[case::windows(
        "qemu-system-x86_64.exe ^\r\n -hda C:\\vm\\a.img ^\r\n -cdrom \"D:\\b c.iso\"\r\n",
        "qemu-system-x86_64.exe -hda C:\\vm\\a.img -cdrom D:\\b_c.iso"
    )]
    #[case::power_shell("qemu `\n -m 1G `\n -S", "qemu -m 1G -S")]
    #[case::blanks_behind_the_backslash("qemu \\  \n -S", "qemu -S")]
    fn a_command_ends_where_a_shell_ends_it(#[case] text: &str, #[case] wanted: &str) {
        // a blank within a word is shown by `_`
        let shown = texts(text)
            .into_iter()
            .map(|words| words.into_iter().map(|word| word.replace(' ', "_")).collect::<Vec<_>>().join(" "));
        assert_eq!(shown.collect::<Vec<_>>().join(" / "), wanted);
    }

    #[test]
    fn quotes_escapes_continued_lines_and_comments_are_a_shells() {
        let words = texts("qemu \\\n -drive 'a b',c=\"d \\\" \\e\" x\\ y # no\n -S ''");
        assert_eq!(words, [vec!["qemu", "-drive", "a b,c=d \" \\e", "x y"], vec!["-S", ""]]);
    }

    #[test]
    fn a_quote_in_a_text_that_is_no_command_is_a_letter() {
        let log = "the host doesn't do that\nqemu-system-x86_64 -S \\\n-name 'a b'\nqemu: it won't\nthat isn't 'x y'\n";
        let words = texts(log);
        assert_eq!(words[1], ["qemu-system-x86_64", "-S", "-name", "a b"]);
        let at = commands("a", log, SHELL)[1].words[2].at;
        assert_eq!((at.line, at.column), (3, 1), "a word is where it begins, not where the line before went on");
        assert_eq!(words[2], ["qemu:", "it", "won't"]);
    }

    #[test]
    fn a_line_of_ps_has_no_quotes_and_no_operators() {
        let line =
            "root 7 0.0 Sl 10:00 0:01 qemu-system-x86_64 -name it's -drive file=rbd:a:mon_host=1;2 -hda /a (1).img\n";
        let commands = commands("a", line, SHELL);
        assert!(commands[0].is_plain);
        assert_eq!(commands[0].words.len(), 14);
        assert!(!super::commands("a", "501 kvm -name 'a b'", SHELL)[0].is_plain, "a history has numbers too");
    }

    #[test]
    fn json_that_does_not_end_swallows_nothing() {
        assert_eq!(texts("got {\"a\": [1\nqemu -S\n}"), [vec!["got", "{a:", "[1"], vec!["qemu", "-S"]]);
    }

    #[test]
    fn json_that_lost_its_quotes_is_a_word() {
        let words = texts("qemu -object {\"id\":\"a b\",\"x\":{\"y\":[1,2]}} -S {\"z\":\"\\\"}\"} {a}");
        let json = "{\"id\":\"a b\",\"x\":{\"y\":[1,2]}}";
        assert_eq!(words, [["qemu", "-object", json, "-S", "{\"z\":\"\\\"}\"}", "{a}"]]);
    }
}

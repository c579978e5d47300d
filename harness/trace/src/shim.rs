//! What shim says of a program that it does not start (shim 16.1, `pe.c` and `lib/console.c`; its status texts are gnu-efi's).

/// How it begins, in a box that waits for a key, or in a line where shim is verbose.
const REFUSED: &str = "Verification failed: ";
/// What it says of a section `.sbat` that it cannot read, before that.
const UNREADABLE: &str = "Could not parse .sbat section data: ";
/// What it says where it does not go on itself, before it powers the machine off.
const GAVE_UP: &str = "Something has gone seriously wrong: ";
/// The box' one button.
const BUTTON: &str = " OK ";

/// What shim refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// What it was to start, in its words.
    Started(String),
    /// Itself, in its words.
    Itself(String),
}

/// What is refused in a line that is whole, or in a box.
pub fn refusal(text: &str) -> Option<Refusal> {
    if let Some(words) = words_behind(text, GAVE_UP) {
        return Some(Refusal::Itself(words));
    }
    let words = words_behind(text, REFUSED)?;
    Some(Refusal::Started(format!("{REFUSED}{words}")))
}

/// What shim says of a section that it cannot read.
pub fn unreadable(line: &str) -> Option<String> {
    words_behind(line, UNREADABLE).map(|words| format!("{UNREADABLE}{words}"))
}

/// Whether the end of a text may be that of a box, which is drawn with its button last.
pub fn may_be_box(end: &str) -> bool {
    end.contains(BUTTON)
}

/// The box has no line end: what follows the words is blanks and a border, which are drawn in single bytes or in UTF-8.
fn words_behind(text: &str, mark: &str) -> Option<String> {
    let (_, rest) = text.split_once(mark)?;
    let words = rest.split("  ").next().unwrap_or_default();
    let words = words.split(|letter: char| !letter.is_ascii()).next().unwrap_or_default().trim();
    (!words.is_empty()).then(|| words.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_and_a_line_say_what_was_refused_and_nothing_else_does() {
        let words = "Verification failed: (0x1A) Security Violation";
        for after in ["", " │      │", "      │ OK │", " \u{fffd}\u{fffd}"] {
            assert_eq!(refusal(&format!("│  ERROR  │ {words}{after}")), Some(Refusal::Started(words.to_owned())));
        }
        let died = "Something has gone seriously wrong: SBAT self-check failed: Security Policy Violation";
        assert_eq!(
            refusal(died),
            Some(Refusal::Itself("SBAT self-check failed: Security Policy Violation".to_owned()))
        );
        for other in ["Verification failed: ", "Failed to load image: Security Policy Violation", "│ OK │", ""] {
            assert_eq!(refusal(other), None, "{other}");
        }
    }

    #[test]
    fn a_section_that_cannot_be_read_is_told_in_its_words() {
        let line = "Could not parse .sbat section data: Invalid Parameter";
        assert_eq!(unreadable(line).as_deref(), Some(line));
        assert_eq!(unreadable("No .sbat section data"), None);
        assert!(may_be_box("│ OK │") && !may_be_box("OK"));
    }
}

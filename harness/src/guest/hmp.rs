//! Lines typed at QEMU's human monitor while a guest is paused: `drive_add`, `device_add`, `device_del`, `system_reset`,
//! `cont`.
//!
//! Text around the lines is skipped where they have the prompt `(qemu)`, so that a report can be given as it stands.

use super::qemu::words::{Word, split};
use super::{At, GuestError};

/// A command with its words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// `device_add` and its like.
    pub name: String,
    /// What follows.
    pub words: Vec<Word>,
    /// Where it is.
    pub at: At,
}

/// The commands of a text.
///
/// # Errors
///
/// [`GuestError`]: no command, one that is not known here, or one without its argument.
pub fn read(file: &str, text: &str) -> Result<Vec<Command>, GuestError> {
    let prompted = text.lines().any(|line| line.trim_start().starts_with("(qemu)"));
    let mut commands: Vec<Command> = Vec::new();
    let mut open = false;
    for (number, line) in text.lines().enumerate() {
        let (indent, line) = (line.len() - line.trim_start().len(), line.trim());
        let typed = line.strip_prefix("(qemu)").map(str::trim);
        let at = At { line: number as u32 + 1, column: indent as u32 + 1 };
        let words = |text: &str| -> Result<Vec<Word>, GuestError> {
            let split = split(file, text)?;
            Ok(split.into_iter().map(|word| Word { at, ..word }).collect())
        };
        match (typed, prompted) {
            (Some(typed), _) if !typed.is_empty() => commands.extend(command(file, words(typed)?, at)?),
            (None, false) if !line.is_empty() && !line.starts_with('#') => {
                commands.extend(command(file, words(line)?, at)?)
            }
            // a line that an article broke
            (None, true) if open && !line.is_empty() => {
                if let Some(last) = commands.last_mut() {
                    last.words.extend(words(line)?);
                }
            }
            _ => continue,
        }
        open = commands.last().is_some_and(|command| needs(&command.name) > command.words.len());
    }
    let refuse = |what: String, at: At, fix: &str| GuestError { what, file: file.to_owned(), at, fix: fix.to_owned() };
    if commands.is_empty() {
        let what = "no line is a command of QEMU's monitor".to_owned();
        return Err(refuse(
            what,
            At { line: 1, column: 1 },
            "give lines such as: device_add scsi-hd,drive=drive0,bootindex=1",
        ));
    }
    if let Some(short) = commands.iter().find(|command| needs(&command.name) > command.words.len()) {
        return Err(refuse(format!("{} has no argument", short.name), short.at, "give the whole command"));
    }
    Ok(commands)
}

/// How many words a command needs.
fn needs(name: &str) -> usize {
    match name {
        "drive_add" => 2,
        "device_add" | "device_del" => 1,
        _ => 0,
    }
}

fn command(file: &str, words: Vec<Word>, at: At) -> Result<Option<Command>, GuestError> {
    let mut words = words.into_iter();
    let Some(name) = words.next() else { return Ok(None) };
    let name = match name.text.as_str() {
        "c" => "cont".to_owned(),
        "drive_add" | "device_add" | "device_del" | "cont" | "system_reset" => name.text,
        "info" => return Ok(None),
        other => {
            return Err(GuestError {
                what: format!("{other} is no command that is known here"),
                file: file.to_owned(),
                at,
                fix: "known are drive_add, device_add, device_del, system_reset and cont".to_owned(),
            });
        }
    };
    Ok(Some(Command { name, words: words.collect(), at }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<String> {
        read("a", text).unwrap().into_iter().map(|command| command.name).collect()
    }

    #[test]
    fn an_article_with_a_broken_line_is_read_as_it_stands() {
        let text = "2. First, attach the disk.\n\n(qemu) drive_add 0 file=a,if=none,id=drive0\n(qemu) device_add \n\
                    scsi-hd,drive=drive0,bus=scsi0.0,bootindex=1\n\n3. Start the VM. Because of that it stops.\n";
        let commands = read("a", text).unwrap();
        assert_eq!(commands.len(), 2);
        assert_eq!(commands[1].words[0].text, "scsi-hd,drive=drive0,bus=scsi0.0,bootindex=1");
        assert_eq!(commands[1].words[0].at.line, 5);
    }

    #[test]
    fn a_plain_list_of_commands_needs_no_prompt() {
        assert_eq!(names("# two\ndevice_del a\nsystem_reset\nc\n"), ["device_del", "system_reset", "cont"]);
    }

    #[test]
    fn what_is_no_command_and_half_a_command_are_refused_with_their_lines() {
        assert!(read("a", "").unwrap_err().what.contains("no line is a command"));
        assert_eq!(read("a", "cont\nquit\n").unwrap_err().at.line, 2);
        let half = read("a", "(qemu) cont\n(qemu) device_add\n").unwrap_err();
        assert_eq!((half.what.as_str(), half.at.line), ("device_add has no argument", 2));
    }
}

//! The command lines of QEMU in a text: a shell's script, what `ps` prints, a log of libvirt with all starts of a guest.

use super::line::{CommandLine, Quotes};
use super::others::{other, refuse_others};
use super::shell::{Rules, Simple, Word, commands};
use super::words::split;
use super::{known, lists, proxmox};
use crate::guest::{At, GuestError};

/// How many lines are named where there are more.
const NAMED: usize = 8;

/// The error of a text without a QEMU in it.
pub(super) fn no_program(file: &str) -> GuestError {
    GuestError {
        what: "no word of the text is a QEMU program".to_owned(),
        file: file.to_owned(),
        at: At { line: 1, column: 1 },
        fix: "give the whole command line, beginning with qemu-system-x86_64, qemu-kvm or kvm".to_owned(),
    }
}

/// A command that may be one of QEMU.
struct Candidate {
    simple: Simple,
    /// One of QEMU's options follows the program.
    is_sure: bool,
    /// The line of the program.
    line: u32,
    left: Option<(u32, String)>,
}

impl Candidate {
    fn of_list(list: lists::List) -> Candidate {
        let line = list.words.first().map_or(1, |word| word.at.line);
        let simple = Simple { words: list.words, last_line: list.last_line, ..Simple::default() };
        Candidate { simple, is_sure: true, line, left: None }
    }
}

/// The command line of a text: the last of several, or that on the line that is asked for.
///
/// # Errors
///
/// [`GuestError`]: none, none on that line, one with a quote that has no end, or a description that another program reads.
pub(super) fn of_text(file: &str, text: &str, line: Option<u32>) -> Result<CommandLine, GuestError> {
    if let Some(line) = proxmox::command(file, text) {
        return line;
    }
    let sure = |comments| {
        let found = candidates(file, text, Rules { comments, strict: false });
        found.into_iter().filter(|candidate| candidate.is_sure).collect::<Vec<_>>()
    };
    let mut found = sure(true);
    found.extend(lists::of_text(text).into_iter().map(Candidate::of_list));
    found.sort_by_key(|candidate| candidate.line);
    if found.is_empty() {
        // `# qemu-system-x86_64 ...`: what the superuser typed
        found = sure(false);
    }
    if found.is_empty() && text.trim_start().starts_with('-') {
        let words = split(file, text)?;
        return Ok(CommandLine { is_part: true, quotes: Quotes::Written, ..CommandLine::of_words(&words) });
    }
    if found.is_empty() {
        refuse_others(file, text)?;
        let mut weak = candidates(file, text, Rules { comments: true, strict: false }).into_iter();
        found.extend(weak.rfind(|candidate| begins(&candidate.simple.words)));
    }
    choose(file, found, line)
}

/// Whether a program without options is what a command starts, and no word in a sentence.
fn begins(words: &[Word]) -> bool {
    const BEFORE: [&str; 10] = ["sudo", "exec", "nohup", "env", "time", "setsid", "command", "then", "do", "$"];
    let before = program(words).and_then(|at| at.checked_sub(1)).and_then(|at| words.get(at));
    before.is_none_or(|word| BEFORE.contains(&word.text.as_str()) || word.text.contains('='))
}

fn choose(file: &str, found: Vec<Candidate>, line: Option<u32>) -> Result<CommandLine, GuestError> {
    let refuse = |what: String, line: u32, fix: String| GuestError {
        what,
        file: file.to_owned(),
        at: At { line, column: 1 },
        fix,
    };
    let lines: Vec<String> = found.iter().map(|candidate| candidate.line.to_string()).collect();
    let (count, named) = (lines.len(), lines[lines.len().saturating_sub(NAMED)..].join(", "));
    let named = if count > NAMED { format!("{named} and before") } else { named };
    let chosen = match line {
        None => found.into_iter().next_back(),
        Some(line) => {
            let on_it = |candidate: &Candidate| {
                let first = candidate.simple.words.first().map_or(candidate.line, |word| word.at.line);
                (first..=candidate.simple.last_line.max(candidate.line)).contains(&line)
            };
            let exact = found.iter().rposition(|candidate| candidate.line == line);
            let at = exact.or_else(|| found.iter().rposition(on_it));
            let chosen = at.and_then(|at| found.into_iter().nth(at));
            if chosen.is_none() && count > 0 {
                let what = format!("no command line of QEMU is on line {line}");
                return Err(refuse(what, line, format!("give --line with one of these: {named}")));
            }
            chosen
        }
    };
    let Some(chosen) = chosen else { return Err(no_program(file)) };
    if let Some(error) = chosen.simple.failed {
        return Err(error);
    }
    let taken = (count > 1).then(|| {
        let which = if line.is_none() { ", the last" } else { "" };
        let words = format!(
            "{count} command lines of QEMU, on lines {named}: that of line {} is taken{which}; --line N takes another",
            chosen.line
        );
        (chosen.line, words)
    });
    let Simple { words, is_plain, .. } = chosen.simple;
    let quotes = if is_plain { Quotes::Lost } else { Quotes::Written };
    Ok(CommandLine { words, is_part: false, quotes, taken, left: chosen.left, strangers: Vec::new() })
}

/// Every command with a QEMU in it, in order.
fn candidates(file: &str, text: &str, rules: Rules) -> Vec<Candidate> {
    let mut found: Vec<Candidate> = Vec::new();
    let simples = joined(commands(file, text, rules));
    for (index, simple) in simples.iter().enumerate() {
        if other(&simple.words).is_some() {
            continue;
        }
        let next = simples.get(index + 1).filter(|_| simple.ended.is_some());
        let next = next.and_then(|next| next.words.first()).filter(|word| word.at.line == simple.last_line);
        let left = next.zip(simple.ended).map(|(word, operator)| {
            (word.at.line, format!("\"{}\" and what follows: the command ends at \"{operator}\"", word.text))
        });
        match program(&simple.words) {
            Some(at) => {
                let texts = simple.words[at..].iter().map(|word| word.text.as_str());
                let (line, is_sure) = (simple.words[at].at.line, known::is_command(texts));
                found.push(Candidate { simple: simple.clone(), is_sure, line, left });
            }
            // `sh -c 'qemu-system-x86_64 ...'`
            None => {
                let whole = simple.words.iter().filter(|word| word.text.contains(char::is_whitespace));
                for word in whole.filter(|_| !simple.is_plain) {
                    let inside =
                        commands(file, &word.text, rules).into_iter().filter(|inner| program(&inner.words).is_some());
                    for mut inner in inside {
                        inner.words.iter_mut().for_each(|inner| inner.at = word.at);
                        inner.last_line = word.at.line;
                        let is_sure = known::is_command(inner.words.iter().map(|word| word.text.as_str()));
                        found.push(Candidate { simple: inner, is_sure, line: word.at.line, left: None });
                    }
                }
            }
        }
    }
    found
}

/// Lines that begin with an option belong to the command before, where no sign of the shell says how its lines go on: a terminal
/// or an article broke it.
fn joined(simples: Vec<Simple>) -> Vec<Simple> {
    let mut joined: Vec<Simple> = Vec::new();
    for simple in simples {
        let next = simple.words.first();
        let before = joined.last_mut().filter(|before| {
            let goes_on = !before.continued && before.ended.is_none() && before.failed.is_none();
            let follows = next.is_some_and(|word| word.at.line == before.last_line + 1 && known::is_option(&word.text));
            goes_on && follows && program(&before.words).is_some()
        });
        match before {
            Some(before) => {
                before.words.extend(simple.words);
                (before.last_line, before.ended, before.failed) = (simple.last_line, simple.ended, simple.failed);
            }
            None => joined.push(simple),
        }
    }
    joined
}

/// Where the program stands among words: what precedes it, as a user's name does, may be called like one.
pub(super) fn program(words: &[Word]) -> Option<usize> {
    let is_sign = |at: usize| words.get(at).is_some_and(|word| word.text.starts_with('-'));
    // `QEMU=/usr/bin/kvm` starts nothing, `COMMAND=/usr/bin/kvm -S` is what a log has
    let is_program = |at: usize| {
        let text = &words[at].text;
        known::program(text).is_some() && (!text.contains('=') || is_sign(at + 1))
    };
    let places = || (0..words.len()).filter(|&at| is_program(at));
    let is_value = |at: usize| at.checked_sub(1).is_some_and(is_sign);
    let has_options = |at: usize| words[at + 1..].iter().any(|word| known::is_option(&word.text));
    let ranked: [&dyn Fn(usize) -> bool; 3] =
        [&|at| is_sign(at + 1) && !is_value(at), &|at| has_options(at) && !is_value(at), &|at| is_sign(at + 1)];
    let found = ranked.iter().find_map(|fits| places().find(|&at| fits(at)));
    found.or_else(|| places().next_back())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(text: &str) -> CommandLine {
        of_text("a", text, None).unwrap()
    }

    fn texts(line: &CommandLine) -> String {
        line.words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ")
    }

    const LOG: &str = "2024-05-02 08:00:01.123+0000: starting up libvirt version: 9.0.0, qemu version: 7.2.9\n\
        LC_ALL=C \\\n/usr/bin/qemu-system-x86_64 \\\n-name guest=a \\\n-object '{\"qom-type\":\"secret\"}' \\\n-hda old.img\n\
        char device redirected to /dev/pts/1 (label charserial0)\n\
        2024-05-02T08:00:02.000000Z qemu-system-x86_64: warning: host doesn't support requested feature: CPUID.svm [bit 2]\n";

    #[test]
    fn a_log_is_read_to_the_end_of_its_command_and_the_last_start_is_taken() {
        let one = taken(LOG);
        assert!(texts(&one).ends_with("-hda old.img") && one.taken.is_none(), "{one:?}");
        let two = format!("{LOG}{}", LOG.replace("old.img", "new.img"));
        let last = taken(&two);
        assert!(texts(&last).ends_with("-hda new.img"));
        let (line, words) = last.taken.unwrap();
        assert_eq!(line, 11);
        assert!(
            words.starts_with("2 command lines of QEMU, on lines 3, 11: that of line 11 is taken, the last"),
            "{words}"
        );
        let first = of_text("a", &two, Some(5)).unwrap();
        assert!(texts(&first).ends_with("-hda old.img"));
        let none = of_text("a", &two, Some(1)).unwrap_err();
        assert_eq!((none.at.line, none.fix.as_str()), (1, "give --line with one of these: 3, 11"));
    }

    #[rstest::rstest]
    #[case::of_two_lines("cd /srv && kvm -hda a -m 1G")]
    #[case::a_subshell("(kvm -hda a -m 1G)")]
    #[case::a_list("kvm -hda a -m 1G; stty sane")]
    #[case::in_the_background("kvm -hda a -m 1G&")]
    #[case::in_a_shell("su - vm -c 'kvm -hda a -m 1G'")]
    #[case::by_another_user("sudo -u qemu env X=1 nice -n 5 kvm -hda a -m 1G")]
    #[case::a_users_name("qemu 12 0.0 ? Sl 10:00 0:01 kvm -hda a -m 1G")]
    #[case::what_the_superuser_typed("# kvm -hda a -m 1G")]
    #[case::broken_by_a_terminal("kvm -hda a\n  -m 1G\nand text")]
    #[case::by_the_log_of_sudo("Nov 27 10:00:01 h sudo: u : PWD=/ ; COMMAND=/usr/bin/kvm -hda a -m 1G")]
    #[case::behind_one_that_installs("apt install qemu-kvm -y\nkvm -hda a -m 1G\n")]
    fn the_command_is_found_whatever_stands_around_it(#[case] text: &str) {
        let line = taken(text);
        assert!(texts(&line).ends_with("kvm -hda a -m 1G"), "{line:?}");
        assert!(line.taken.is_none());
    }

    #[rstest::rstest]
    #[case::of_cmd(r"C:\>qemu-system-x86_64.exe -hda C:\vm\a.img")]
    #[case::with_a_space(r"C:\> qemu-system-x86_64.exe -hda C:\vm\a.img")]
    #[case::in_a_folder(r"D:\my vms\new>qemu-system-x86_64 -hda C:\vm\a.img")]
    #[case::of_power_shell(r"PS C:\Users\me> qemu-system-x86_64.exe -hda C:\vm\a.img")]
    #[case::a_call(r"PS C:\Users\me> & qemu-system-x86_64.exe -hda C:\vm\a.img")]
    #[case::behind_another("C:\\>cd vm\r\nC:\\vm>qemu-system-x86_64.exe -hda C:\\vm\\a.img\r\nC:\\vm>")]
    #[case::with_its_output_in_a_file("C:\\qemu\\qemu-system-x86_64.exe -hda C:\\vm\\a.img > log.txt")]
    #[case::in_quotes(
        "C:\\Program Files\\qemu>\"C:\\Program Files\\qemu\\qemu-system-x86_64.exe\" ^\n  -hda C:\\vm\\a.img"
    )]
    fn a_prompt_of_windows_is_no_part_of_the_command(#[case] text: &str) {
        let line = taken(text);
        let at = program(&line.words).unwrap();
        assert_eq!(texts(&CommandLine { words: line.words[at + 1..].to_vec(), ..line }), r"-hda C:\vm\a.img");
    }

    #[test]
    fn a_redirection_is_none() {
        assert_eq!(texts(&taken("kvm -hda a 2>C:/log>b -S")), "kvm -hda a -S");
        assert!(of_text("a", r"C:\a?b>kvm -hda a", None).is_err());
    }

    #[test]
    fn a_variable_that_holds_the_program_is_one() {
        let text = "QEMU=/usr/bin/qemu-system-x86_64\n$QEMU -hda a\n";
        assert_eq!(texts(&taken(text)), "$QEMU -hda a");
        assert_eq!(texts(&taken("qemu-system-x86_64 ${QEMU_ARGS[@]} -S")), "qemu-system-x86_64 ${QEMU_ARGS[@]} -S");
    }

    #[test]
    fn what_follows_behind_an_operator_is_told() {
        assert_eq!(
            taken("kvm -S; sync").left,
            Some((1, "\"sync\" and what follows: the command ends at \";\"".to_owned()))
        );
    }

    #[rstest::rstest]
    #[case::virt_install("virt-install --virt-type kvm --name demo --disk size=10", "virt-install", "--print-xml")]
    #[case::by_sudo("sudo virt-install \\\n --name kvm \\\n --pxe", "virt-install", "--print-xml")]
    #[case::kubevirt("apiVersion: kubevirt.io/v1\nkind: VirtualMachine\n", "manifest of KubeVirt", "virsh dumpxml")]
    #[case::nova("| OS-EXT-SRV-ATTR:instance_name | instance-00000012 |\n", "nova", "virsh dumpxml")]
    #[case::a_vagrantfile("Vagrant.configure(\"2\") do |config|\nend\n", "Vagrantfile", "virsh dumpxml")]
    #[case::terraform("resource \"libvirt_domain\" \"a\" {\n}\n", "Terraform", "virsh dumpxml")]
    #[case::packer("source \"qemu\" \"a\" {\n}\n", "template of Packer", "PACKER_LOG=1")]
    #[case::qm("qm start 100", "a command of qm", "qm showcmd")]
    #[case::virsh("virsh start qemu", "a command of virsh", "virsh dumpxml")]
    #[case::a_sentence(
        "2026-01-01: starting up libvirt, qemu version: 8.2.2\n",
        "no word of the text",
        "give the whole command line"
    )]
    #[case::no_qemu("ls l", "no word of the text is a QEMU program", "give the whole command line")]
    fn what_another_program_reads_is_refused_with_what_to_give(
        #[case] text: &str,
        #[case] what: &str,
        #[case] fix: &str,
    ) {
        let error = of_text("a", text, None).unwrap_err();
        assert!(error.what.contains(what) && error.fix.contains(fix), "{error}");
    }

    #[test]
    fn a_quote_that_nothing_closes_is_an_error_in_the_command_alone() {
        assert!(of_text("a", "kvm -S -name 'one", None).unwrap_err().what.contains("the quote ' has no end"));
        assert!(of_text("a", "it isn't so\nkvm -S\n", None).is_ok());
    }
}

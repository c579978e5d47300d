//! `command.sh`: the same machine by hand.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::process::shell_word;

/// Folder of the TPM that the script starts.
pub const BY_HAND_TPM: &str = "by-hand-tpm";

/// The variable store that the script copies: that of the case is evidence.
pub const BY_HAND_VARS: &str = "by-hand-vars.fd";

/// What the script is made of.
pub struct CommandScript<'a> {
    /// The case's id.
    pub case: &'a str,
    /// What the variable store is a copy of, where there is one.
    pub vars: Option<PathBuf>,
    /// The machine has a TPM.
    pub tpm: bool,
    /// QEMU and its leading arguments, or what it is wrapped in.
    pub command: &'a [OsString],
    /// Its environment.
    pub env: &'a [(String, String)],
    /// Its arguments.
    pub argv: &'a [String],
}

impl CommandScript<'_> {
    /// The script.
    pub fn text(&self) -> String {
        let mut script = String::from("#!/bin/sh\n");
        script += &format!(
            "# {}: the same machine by hand; serial port and monitor (Ctrl-A c) on this terminal\n",
            self.case.replace(char::is_control, " ")
        );
        script += "set -eu\ncd \"$(dirname \"$0\")\"\n";
        let source = shell_word(&Path::new(env!("CARGO_MANIFEST_DIR")).join("..").to_string_lossy());
        script += "if [ ! -d media ]; then # the same bytes again, from machine.json\n    here=$PWD\n";
        script +=
            &format!("    (cd \"${{BOOTWRIGHT_SOURCE:-{source}}}\" && cargo xtask images --again \"$here\")\nfi\n");
        if let Some(vars) = &self.vars {
            let vars = shell_word(&vars.to_string_lossy());
            script += &format!("cp {vars} {BY_HAND_VARS} && chmod u+w {BY_HAND_VARS}\n");
        }
        if self.tpm {
            // in the background it works in another folder
            let tpm = format!("socket --tpm2 --terminate --daemon --tpmstate \"dir=$PWD/{BY_HAND_TPM}\"");
            script += &format!("mkdir -p {BY_HAND_TPM} && swtpm {tpm} --ctrl type=unixio,path={BY_HAND_TPM}/socket\n");
        }
        for (name, value) in self.env {
            // a name that is none is refused by the shell, whatever it holds
            script += &format!("export {}\n", shell_word(&format!("{name}={value}")));
        }
        let program: Vec<String> = self.command.iter().map(|word| shell_word(&word.to_string_lossy())).collect();
        script += &format!("exec {}", program.join(" "));
        for (index, word) in self.argv.iter().enumerate() {
            // an option begins a line, its value follows it
            let begins = word.starts_with('-') || index == 0;
            script += if begins { " \\\n    " } else { " " };
            script += &shell_word(word);
        }
        script.push('\n');
        script
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_begins_a_line_and_its_value_follows_it() {
        let argv = ["-M", "pc", "-name", "it's"].map(str::to_owned);
        let script = CommandScript {
            case: "a::case",
            vars: Some("/fw/VARS 4M.fd".into()),
            tpm: false,
            command: &["qemu".into()],
            env: &[("A".to_owned(), "x y".to_owned())],
            argv: &argv,
        };
        let text = script.text();
        let copies = "cp '/fw/VARS 4M.fd' by-hand-vars.fd && chmod u+w by-hand-vars.fd\nexport 'A=x y'\n";
        assert!(text.contains(copies), "{text}");
        assert!(text.ends_with("exec qemu \\\n    -M pc \\\n    -name 'it'\\''s'\n"), "{text}");
    }

    #[test]
    fn a_tpm_is_started_before_its_machine() {
        let command = ["qemu".into()];
        let script = |tpm| CommandScript { case: "a", vars: None, tpm, command: &command, env: &[], argv: &[] };
        let text = script(true).text();
        let begins =
            "mkdir -p by-hand-tpm && swtpm socket --tpm2 --terminate --daemon --tpmstate \"dir=$PWD/by-hand-tpm\"";
        assert!(text.contains(begins) && text.ends_with("path=by-hand-tpm/socket\nexec qemu\n"), "{text}");
        assert!(!script(false).text().contains("tpm"));
    }

    #[test]
    fn neither_a_name_nor_an_id_runs_as_a_command() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("media")).unwrap();
        let env = [("A;touch pwned;B".to_owned(), "x; touch pwned".to_owned())];
        for env in [&env[..], &[]] {
            let command = ["true".into()];
            let script =
                CommandScript { case: "a\ntouch pwned", vars: None, tpm: false, command: &command, env, argv: &[] };
            let path = folder.path().join("command.sh");
            std::fs::write(&path, script.text()).unwrap();
            let ended = std::process::Command::new("sh").arg(&path).output().unwrap();
            assert_eq!(ended.status.success(), env.is_empty());
            assert!(!folder.path().join("pwned").exists(), "{}", script.text());
        }
    }

    #[test]
    fn words_with_spaces_and_quotes_survive_the_shell() {
        for word in ["plain-1.2/x,y=z", "two words", "it's", "~", "a~b", ""] {
            let command = format!("printf %s {}", shell_word(word));
            let out = std::process::Command::new("sh").arg("-c").arg(command).output().unwrap();
            assert_eq!(String::from_utf8(out.stdout).unwrap(), word);
        }
    }
}

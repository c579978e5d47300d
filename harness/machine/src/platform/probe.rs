//! Asks a QEMU binary about itself over QMP: version, machine types, devices, accelerators.
//!
//! The binary is started with `-machine none`, so no guest exists, and told to quit. Answers are matched by id; events,
//! fields and enum values that this code does not know are passed over.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use super::error::PlatformError;
use super::{Capabilities, Qemu, QemuVersion};
use crate::process::Command;

/// How long QEMU may take to describe itself. A healthy one needs 0.1 s; a cold disk or a loaded host a few seconds.
const DESCRIBE_LIMIT: Duration = Duration::from_secs(30);

impl Qemu {
    /// The command that starts this QEMU, with its leading arguments, environment and `-L` directories.
    pub(crate) fn to_command(&self) -> Command {
        let mut words = self.command.iter();
        let mut command = Command::new(words.next().map_or(self.path.as_os_str(), |word| word.as_os_str()));
        command.args(words).envs(self.env.iter().map(|(key, value)| (key, value)));
        for dir in &self.data_dirs {
            command.arg("-L").arg(dir);
        }
        command
    }

    /// The directories in which this QEMU looks for data files, in search order: those of `-L`, then its built-in ones.
    ///
    /// # Errors
    ///
    /// [`PlatformError::NotStarted`], [`PlatformError::TimedOut`] or [`PlatformError::Probe`] with what it wrote.
    pub(crate) fn search_dirs(&self) -> Result<Vec<PathBuf>, PlatformError> {
        let mut command = self.to_command();
        command.args(["-L", "help"]);
        let program = command.to_string();
        let done = command.read(b"", DESCRIBE_LIMIT)?;
        if !done.exit.success() {
            let problem = format!("wanted its data directories, but it ended with {}", done.exit);
            return Err(PlatformError::Probe { program, problem, stderr: done.stderr });
        }
        Ok(String::from_utf8_lossy(&done.stdout)
            .lines()
            .filter(|line| line.starts_with('/'))
            .map(PathBuf::from)
            .collect())
    }
}

/// What QEMU says of its own build.
pub(super) struct Build {
    pub version: QemuVersion,
    /// Package suffix of the version.
    pub package: String,
    /// It takes `-sandbox on`.
    pub sandbox: bool,
    /// What was compiled in.
    pub capabilities: Capabilities,
}

/// Version and package as QMP's `query-version` gives them; whether there is a sandbox by the options that it lists, since
/// one built without seccomp calls the option unknown.
pub(super) fn build(command: Command) -> Result<Build, PlatformError> {
    let program = command.to_string();
    let answers = ask(
        command,
        &[
            ("version", json!({"execute": "query-version"})),
            ("options", json!({"execute": "query-command-line-options"})),
            ("machines", json!({"execute": "query-machines"})),
            ("devices", json!({"execute": "qom-list-types", "arguments": {"implements": "device", "abstract": false}})),
            ("accelerators", json!({"execute": "qom-list-types", "arguments": {"implements": "accel"}})),
        ],
    )?;
    let mut options = answers.get("options").and_then(Value::as_array).into_iter().flatten();
    let sandbox = options.any(|option| option.get("option").and_then(Value::as_str) == Some("sandbox"));
    let answer = answers.get("version").cloned().unwrap_or_default();
    let number = |key: &str| answer.get("qemu")?.get(key)?.as_u64().and_then(|number| u32::try_from(number).ok());
    let (Some(major), Some(minor), Some(micro)) = (number("major"), number("minor"), number("micro")) else {
        let problem = format!("wanted a version from query-version, got {answer}");
        return Err(PlatformError::Probe { program, problem, stderr: String::new() });
    };
    let package = answer.get("package").and_then(Value::as_str).unwrap_or_default().trim().to_owned();
    let capabilities = capabilities(&answers);
    Ok(Build { version: QemuVersion { major, minor, micro }, package, sandbox, capabilities })
}

/// What the answers to the questions of [`build`] say.
fn capabilities(answers: &BTreeMap<String, Value>) -> Capabilities {
    let names = |id: &str, keys: &[&str]| -> BTreeSet<String> {
        let list = answers.get(id).and_then(Value::as_array).into_iter().flatten();
        list.flat_map(|entry| keys.iter().filter_map(|key| entry.get(key)?.as_str()).map(str::to_owned)).collect()
    };
    Capabilities {
        machines: names("machines", &["name", "alias"]),
        devices: names("devices", &["name"]),
        accelerators: names("accelerators", &["name"])
            .iter()
            .filter_map(|name| name.strip_suffix("-accel").map(str::to_owned))
            .collect(),
    }
}

/// Starts `command` without a machine, sends `questions` and returns the `return` value of each by its id.
fn ask(mut command: Command, questions: &[(&str, Value)]) -> Result<BTreeMap<String, Value>, PlatformError> {
    command.args(["-machine", "none", "-S", "-nodefaults", "-no-user-config", "-display", "none", "-qmp", "stdio"]);
    let mut input = json!({"execute": "qmp_capabilities"}).to_string();
    for (id, question) in questions {
        let mut question = question.clone();
        question["id"] = json!(id);
        input += &format!("\n{question}");
    }
    input += "\n{\"execute\": \"quit\"}\n";
    let program = command.to_string();
    let done = command.read(input.as_bytes(), DESCRIBE_LIMIT)?;

    let mut answers = BTreeMap::new();
    let mut greeted = false;
    let mut refusal = None;
    for line in String::from_utf8_lossy(&done.stdout).lines() {
        let Ok(mut message) = serde_json::from_str::<Value>(line) else { continue };
        greeted |= message.get("QMP").is_some();
        let Some(id) = message.get("id").and_then(Value::as_str).map(str::to_owned) else { continue };
        match message.get_mut("return") {
            Some(answer) => drop(answers.insert(id, answer.take())),
            None => refusal = Some(format!("it refused {id}: {message}")),
        }
    }
    let problem = if !greeted {
        format!("wanted a QMP greeting on its standard output, but it ended with {}", done.exit)
    } else if let Some(refusal) = refusal {
        refusal
    } else if let Some((id, _)) = questions.iter().find(|(id, _)| !answers.contains_key(*id)) {
        format!("it ended with {} before it answered {id}", done.exit)
    } else {
        return Ok(answers);
    };
    Err(PlatformError::Probe { program, problem, stderr: done.stderr })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A stand-in for QEMU that runs `script`.
    fn fake(script: &str) -> (tempfile::TempDir, Command) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("qemu-system-x86_64");
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        let mut command = Command::new("sh");
        command.arg(&path);
        (dir, command)
    }

    #[test]
    fn version_and_package_are_read_past_unknown_events_and_fields() {
        let (_dir, command) = fake(
            r#"cat >/dev/null
            echo '{"QMP": {"version": {}, "capabilities": ["oob", "new"]}, "novel": 1}'
            echo '{"event": "SOMETHING_NEW", "data": {}}'
            echo 'not json at all'
            echo '{"return": {}}'
            echo '{"return": {"qemu": {"major": 11, "minor": 1, "micro": 3, "nano": 9}, "package": " (x) "}, "id": "version"}'
            echo '{"return": [{"option": "novel"}, {"option": "sandbox", "parameters": []}], "id": "options"}'
            echo '{"return": [{"name": "pc-i440fx-7.2", "alias": "pc"}], "id": "machines"}'
            echo '{"return": [{"name": "nvme"}], "id": "devices"}'
            echo '{"return": [{"name": "tcg-accel"}], "id": "accelerators"}'"#,
        );
        let build = build(command).unwrap();
        assert_eq!((build.version.to_string().as_str(), build.package.as_str()), ("11.1.3", "(x)"));
        assert!(build.sandbox);
        assert!(build.capabilities.machines.contains("pc") && build.capabilities.accelerators.contains("tcg"));
    }

    #[test]
    fn a_build_without_seccomp_has_no_sandbox() {
        let (_dir, command) = fake(
            r#"cat >/dev/null
            echo '{"QMP": {}}'
            echo '{"return": {"qemu": {"major": 7, "minor": 2, "micro": 0}}, "id": "version"}'
            echo '{"return": [{"option": "smp-opts", "parameters": []}], "id": "options"}'
            echo '{"return": [{"name": "pc-i440fx-7.2", "alias": "pc"}], "id": "machines"}'
            echo '{"return": [{"name": "nvme"}], "id": "devices"}'
            echo '{"return": [{"name": "tcg-accel"}], "id": "accelerators"}'"#,
        );
        assert!(!build(command).unwrap().sandbox);
    }

    #[test]
    fn a_program_that_is_no_qemu_is_reported_with_what_it_said() {
        let (_dir, command) = fake("echo 'unknown option -machine' >&2; exit 64");
        let error = build(command).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains("wanted a QMP greeting"), "{error}");
        assert!(error.contains("exit code 64"), "{error}");
        assert!(error.contains("it said: unknown option -machine"), "{error}");
    }

    #[test]
    fn a_qemu_that_dies_before_it_answers_is_no_version() {
        let (_dir, command) = fake("echo '{\"QMP\": {}}'; exit 1");
        assert!(build(command).map(|_| ()).unwrap_err().to_string().contains("before it answered version"));
    }

    #[test]
    fn a_version_without_numbers_is_refused() {
        let (_dir, command) = fake(
            r#"cat >/dev/null; echo '{"QMP":{}}'; echo '{"return": {"qemu": "7"}, "id": "version"}'
            echo '{"return": [], "id": "options"}'
            echo '{"return": [{"name": "pc-i440fx-7.2", "alias": "pc"}], "id": "machines"}'
            echo '{"return": [{"name": "nvme"}], "id": "devices"}'
            echo '{"return": [{"name": "tcg-accel"}], "id": "accelerators"}'"#,
        );
        assert!(build(command).map(|_| ()).unwrap_err().to_string().contains("wanted a version from query-version"));
    }
}

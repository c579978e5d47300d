//! Runs the boot binary and shows its events as they come.

use std::fs::File;
use std::io::{BufRead, BufReader, Seek, SeekFrom};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use bootwright::process;
use bootwright::report::alike::Told;
use bootwright::report::progress::{Event, Progress};
use bootwright::report::{CaseResult, RESULT_FILE, Report, text};
use bootwright::suite::Settings;

use super::out_dir::{OutDir, shown};
use crate::XtaskError;
use crate::interrupt;
use crate::output::tell;

/// Shows progress over all platforms of a run.
pub struct Follower {
    out: PathBuf,
    run: String,
    /// Bytes of the event file already shown.
    seen: u64,
    /// Cases that were not fine.
    unexpected: u32,
    /// A skipped one is not.
    strict: bool,
    /// An id alone says not which case it is.
    several_platforms: bool,
    /// Failures that were told whole.
    told: Told,
    progress: Progress,
}

impl Follower {
    /// Begins with nothing seen. A signal that asks for the end is noted from now on, so that what has finished is still
    /// reported; a second one ends the process at once.
    pub fn new(out: &OutDir, total: u64, settings: &Settings) -> Follower {
        interrupt::note_first(|| {});
        interrupt::machines_run();
        let mut progress = Progress::detect();
        progress.handle(Event::Total(total));
        let (out, run) = (out.dir.clone(), out.run.clone());
        let (strict, several_platforms) = (settings.strict, settings.several_platforms);
        Follower { out, run, seen: 0, unexpected: 0, strict, several_platforms, told: Told::default(), progress }
    }

    /// Runs the binary to its end, or ends it when a signal asks for that; true then.
    ///
    /// # Errors
    ///
    /// [`XtaskError`] where it cannot be started or waited for.
    pub fn run(&mut self, mut command: Command, platform: &str) -> Result<bool, XtaskError> {
        let word = platform.replace(|c: char| !c.is_ascii_alphanumeric(), "_");
        let log_path = self.out.join(format!("boot-{word}.log"));
        let problem = |what: &str, error: std::io::Error| XtaskError(format!("{what}: {error}"));
        let log = File::create(&log_path).map_err(|error| problem("cannot write the boot log", error))?;
        let copy = log.try_clone().map_err(|error| problem("cannot write the boot log", error))?;
        command.stdin(Stdio::null()).stdout(copy).stderr(log);
        let child = process::spawn(command, Vec::new());
        let mut child = child.map_err(|error| problem("cannot start the boot binary", error))?;
        let ended = self.watch(&mut child);
        if !matches!(ended, Ok(Some(_))) {
            child.kill().ok();
            child.wait().ok();
        }
        // what it could not end itself: what wrappers of QEMU have started
        process::end_strays();
        self.show();
        match ended.map_err(|error| problem("cannot wait for the boot binary", error))? {
            // 0 and 101 are libtest's own; anything else means that it did not get to its end
            Some(Some(0 | 101)) => Ok(false),
            Some(code) => {
                let code = code.map_or("a signal".to_owned(), |code| format!("exit code {code}"));
                let note = format!("the boot binary ended with {code}: see {}", shown(&log_path));
                self.progress.handle(Event::Note(note));
                Ok(false)
            }
            None => Ok(true),
        }
    }

    /// The exit code, `None` inside where a signal ended the binary; `None` outside where a signal asks us to stop.
    fn watch(&mut self, child: &mut Child) -> std::io::Result<Option<Option<i32>>> {
        loop {
            let ended = child.try_wait()?;
            self.show();
            // Ctrl-C reaches the binary too, which may have ended of it already
            if interrupt::is_noted() {
                return Ok(None);
            }
            if let Some(status) = ended {
                return Ok(Some(status.code()));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn show(&mut self) {
        let Ok(file) = File::open(self.out.join("events.jsonl")) else { return };
        let mut reader = BufReader::new(file);
        if reader.seek(SeekFrom::Start(self.seen)).is_err() {
            return;
        }
        let mut line = String::new();
        while reader.read_line(&mut line).is_ok_and(|count| count > 0) && line.ends_with('\n') {
            self.seen += line.len() as u64;
            if let Ok(event) = serde_json::from_str::<serde_json::Value>(&line) {
                self.event(&event);
            }
            line.clear();
        }
    }

    fn event(&mut self, event: &serde_json::Value) {
        let word = |key: &str| event.get(key).and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
        let id = match self.several_platforms {
            true => text::on_platform(&word("id"), &word("platform")),
            false => word("id"),
        };
        match word("event").as_str() {
            "started" => self.progress.handle(Event::Started { id }),
            "finished" => {
                let file = self.out.join(word("evidence")).join(RESULT_FILE);
                let result = std::fs::read(file).ok();
                let result = result.and_then(|bytes| serde_json::from_slice::<CaseResult>(&bytes).ok());
                let Some(result) = result else { return };
                self.unexpected += u32::from(!result.verdict.is_fine(self.strict));
                let mut finished = Event::finished(&result, &self.run, &shown(&self.out));
                if let Event::Finished { id: name, failure, .. } = &mut finished {
                    *name = id;
                    let first = failure.as_ref().and_then(|_| self.told.note(&result));
                    *failure = first.map(|first| format!("like {}", text::printable(first))).or(failure.take());
                }
                self.progress.handle(finished);
            }
            _ => {}
        }
    }

    /// Cases that were not fine so far.
    pub fn unexpected(&self) -> u32 {
        self.unexpected
    }

    /// Takes the bar away and prints the closing lines, and where the report is if it could be written.
    pub fn finish(self, report: &Report, written: Option<&OutDir>) {
        self.progress.finish();
        let page = written.map(|out| format!("\nreport: {}", shown(&out.dir.join("index.html")))).unwrap_or_default();
        tell(&format!("{}{page}\n", text::closing(report)));
    }
}

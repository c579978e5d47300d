//! Runs the boot binary and shows its events as they come.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bootwright::report::Report;
use bootwright::vm::process;

use crate::XtaskError;

/// Shows progress over all platforms of a run.
pub struct Follower {
    events: PathBuf,
    seen: u64,
    done: usize,
    total: usize,
    signalled: Arc<AtomicBool>,
}

impl Follower {
    /// Begins with nothing seen; Ctrl-C and SIGTERM are noted from now on instead of ending the process.
    pub fn new(out: &Path, total: usize) -> Follower {
        let signalled = Arc::new(AtomicBool::new(false));
        for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
            // a second Ctrl-C ends the process at once
            signal_hook::flag::register_conditional_shutdown(signal, 130, signalled.clone()).ok();
            signal_hook::flag::register(signal, signalled.clone()).ok();
        }
        Follower { events: out.join("events.jsonl"), seen: 0, done: 0, total, signalled }
    }

    /// Runs the binary to its end, or ends it when a signal asks for that; true then.
    ///
    /// # Errors
    ///
    /// [`XtaskError`] where it cannot be started or waited for.
    pub fn run(&mut self, mut command: Command, out: &Path, platform: &str) -> Result<bool, XtaskError> {
        let log_path = out.join(format!("boot-{}.log", platform.replace(|c: char| !c.is_ascii_alphanumeric(), "_")));
        let problem = |what: &str, error: std::io::Error| XtaskError(format!("{what}: {error}"));
        let log = File::create(&log_path).map_err(|error| problem("cannot write the boot log", error))?;
        let copy = log.try_clone().map_err(|error| problem("cannot write the boot log", error))?;
        command.stdin(Stdio::null()).stdout(copy).stderr(log);
        let child = process::spawn(command, Vec::new());
        let mut child = child.map_err(|error| problem("cannot start the boot binary", error))?;
        loop {
            let ended = child.try_wait().map_err(|error| problem("cannot wait for the boot binary", error))?;
            self.show();
            if self.signalled.load(Ordering::Relaxed) {
                child.kill().ok();
                child.wait().ok();
                return Ok(true);
            }
            if let Some(status) = ended {
                // 0 and 101 are libtest's own; anything else means that it did not get to its end
                if !matches!(status.code(), Some(0 | 101)) {
                    eprintln!("the boot binary ended with {status}: see {}", log_path.display());
                }
                return Ok(false);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn show(&mut self) {
        let Ok(file) = File::open(&self.events) else { return };
        let mut reader = BufReader::new(file);
        if std::io::Seek::seek(&mut reader, std::io::SeekFrom::Start(self.seen)).is_err() {
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
        let text = |key: &str| event.get(key).and_then(serde_json::Value::as_str).unwrap_or("").to_owned();
        if text("event") == "finished" {
            self.done += 1;
            let seconds = event.get("seconds").and_then(serde_json::Value::as_f64).unwrap_or(0.0);
            println!(
                "{:>4}/{} {:<17} {:>6.2}s {} {}",
                self.done,
                self.total,
                text("verdict"),
                seconds,
                text("id"),
                text("reason")
            );
        }
    }

    /// The closing lines.
    pub fn finish(&self, report: &Report, out: &Path) {
        println!("{:?} in {:.1} s; {}", report.totals, report.wall_seconds, out.join("index.html").display());
    }
}

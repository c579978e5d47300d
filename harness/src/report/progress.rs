//! Live progress: a bar with the cases now running on a terminal, one plain line per finished case elsewhere.
//!
//! [`Progress`] is fed [`Event`]s and knows nothing of processes or files. On a terminal the bar is drawn on standard
//! error, cut to the terminal's width at every drawing, so that a resize cannot garble it; finished lines scroll above
//! it. Without a terminal, nothing but plain lines is written, and a reader that goes away (a closed pipe) is no error.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{CaseResult, Totals, Verdict, text};

/// What a run tells of itself.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// How many cases will run; may be corrected later.
    Total(u64),
    /// A case begins.
    Started {
        /// Its id, with the platform's name where that is needed to tell it apart.
        id: String,
    },
    /// A case has ended.
    Finished {
        /// The same id as at its start.
        id: String,
        /// How.
        verdict: Verdict,
        /// Seconds on the host.
        seconds: f64,
        /// One line.
        reason: Option<String>,
        /// A whole failure text ([`text::failure`]), printed below the case's line.
        failure: Option<String>,
    },
    /// Something to say that belongs to no case.
    Note(String),
}

impl Event {
    /// The end of the case that `result` is of, with a failure text if it is not as expected.
    pub fn finished(result: &CaseResult, run: &str, out_dir: &str) -> Self {
        let failure = (!result.verdict.is_as_expected()).then(|| text::failure(result, run, out_dir));
        Self::Finished {
            id: match result.key().several_platforms {
                true => text::on_platform(&result.id, &result.platform),
                false => result.id.clone(),
            },
            verdict: result.verdict,
            seconds: result.wall_seconds,
            reason: result.reason.clone(),
            failure,
        }
    }
}

enum Output {
    Bar(ProgressBar),
    Plain(Box<dyn Write + Send>),
}

/// Shows a run while it goes on.
///
/// ```
/// use bootwright::report::progress::{Event, Progress};
/// use bootwright::report::Verdict;
///
/// let mut progress = Progress::plain(std::io::sink());
/// progress.handle(Event::Total(1));
/// progress.handle(Event::Started { id: "a::b".into() });
/// let end = Event::Finished { id: "a::b".into(), verdict: Verdict::Passed, seconds: 0.2, reason: None, failure: None };
/// progress.handle(end);
/// assert_eq!(progress.totals().passed, 1);
/// ```
pub struct Progress {
    output: Output,
    total: u64,
    totals: Totals,
    /// Oldest first.
    running: Vec<String>,
}

impl Progress {
    /// A bar if standard output and standard error are terminals that can move the cursor, else plain lines on
    /// standard output.
    pub fn detect() -> Self {
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb" || term.is_empty());
        if dumb || !std::io::stdout().is_terminal() || !std::io::stderr().is_terminal() {
            return Self::plain(std::io::stdout());
        }
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr_with_hz(8));
        let template = "{bar:24} {pos}/{len} {prefix} {elapsed} {wide_msg}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("━╸─"));
        }
        bar.enable_steady_tick(Duration::from_millis(250));
        Self::to(Output::Bar(bar))
    }

    /// Plain lines on `out`, whatever it is; what cannot be written is dropped.
    pub fn plain(out: impl Write + Send + 'static) -> Self {
        Self::to(Output::Plain(Box::new(out)))
    }

    fn to(output: Output) -> Self {
        Self { output, total: 0, totals: Totals::default(), running: Vec::new() }
    }

    /// How the cases that ended so far came out.
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// Shows one event.
    pub fn handle(&mut self, event: Event) {
        match event {
            Event::Total(total) => {
                self.total = total;
                if let Output::Bar(bar) = &self.output {
                    bar.set_length(total);
                }
            }
            Event::Started { id } => self.running.push(id),
            Event::Finished { id, verdict, seconds, reason, failure } => {
                if let Some(place) = self.running.iter().position(|running| *running == id) {
                    self.running.remove(place);
                }
                self.totals.add(verdict);
                // on a terminal the bar counts what passed; the lines are for what did not
                let mut lines = String::new();
                if matches!(self.output, Output::Plain(_)) || verdict != Verdict::Passed {
                    lines = finished_line(self.totals.all(), self.total, &id, verdict, seconds, reason.as_deref());
                }
                for line in failure.iter().flat_map(|text| text.lines()) {
                    lines += &format!("\n    {line}");
                }
                self.print(&lines);
            }
            Event::Note(note) => self.print(&note.lines().map(text::printable).collect::<Vec<_>>().join("\n")),
        }
        self.redraw();
    }

    /// Takes the bar away; what was printed stays.
    pub fn finish(self) {
        match self.output {
            Output::Bar(bar) => bar.finish_and_clear(),
            Output::Plain(mut out) => drop(out.flush()),
        }
    }

    /// Prints whole lines at once, so that nothing comes between the lines of one failure.
    fn print(&mut self, lines: &str) {
        match &mut self.output {
            _ if lines.is_empty() => {}
            Output::Bar(bar) => bar.println(lines),
            Output::Plain(out) => drop(out.write_all(format!("{lines}\n").as_bytes()).and_then(|()| out.flush())),
        }
    }

    fn redraw(&self) {
        let Output::Bar(bar) = &self.output else { return };
        let mut attention = self.totals;
        attention.passed = 0;
        bar.set_prefix(if attention.all() == 0 { String::new() } else { text::counts(&attention) });
        let names: Vec<String> = self.running.iter().map(|id| text::printable(id)).collect();
        bar.set_message(names.join(", "));
        bar.set_position(self.totals.all());
    }
}

fn finished_line(done: u64, total: u64, id: &str, verdict: Verdict, seconds: f64, reason: Option<&str>) -> String {
    let width = total.to_string().len();
    let mut line = format!("[{done:>width$}/{total}] {verdict:<16} {seconds:>7.2} s  {}", text::printable(id));
    if let Some(reason) = reason.filter(|_| verdict.is_as_expected() && verdict != Verdict::Passed) {
        line += &format!(": {}", text::reason(reason));
    }
    line
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::report::sample;

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    struct ClosedPipe;

    impl Write for ClosedPipe {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }
    }

    fn feed(progress: &mut Progress, count: usize) {
        let report = sample::report(count);
        progress.handle(Event::Total(count as u64));
        for case in &report.cases {
            progress.handle(Event::Started { id: case.id.clone() });
            progress.handle(Event::finished(case, "0007", "out"));
        }
    }

    #[test]
    fn elsewhere_than_on_a_terminal_there_are_plain_lines_only() {
        let page = Page::default();
        let mut progress = Progress::plain(page.clone());
        feed(&mut progress, 12);
        progress.finish();
        let text = String::from_utf8(page.0.lock().unwrap().clone()).unwrap();
        assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
        assert!(text.contains("[ 2/12] passed "), "{text}");
        assert_eq!(text.lines().filter(|line| line.starts_with('[')).count(), 12, "{text}");
        let columns: Vec<_> = text.lines().filter(|line| line.starts_with('[')).map(|line| line.find(" s  ")).collect();
        assert!(columns.iter().all(|column| *column == columns[0]), "{text}");
        assert!(text.contains("\n      attempts: 1 Booting from Hard Disk... \"wrong\" -> failed"), "{text}");
    }

    #[test]
    fn of_several_platforms_a_line_says_which() {
        let report = sample::on_platforms(1, &["host", "apt"]);
        let ids = report.cases.iter().map(|case| match Event::finished(case, "0007", "out") {
            Event::Finished { id, .. } => id,
            other => panic!("{other:?}"),
        });
        let wanted = report.cases.iter().map(|case| format!("{} @{}", case.id, case.platform));
        assert_eq!(ids.collect::<Vec<_>>(), wanted.collect::<Vec<_>>());
    }

    #[test]
    fn a_reader_that_went_away_does_not_stop_the_run() {
        let mut progress = Progress::plain(ClosedPipe);
        feed(&mut progress, 12);
        assert_eq!(progress.totals().all(), 12);
        progress.finish();
    }

    #[test]
    fn a_case_that_ends_without_a_start_is_counted_all_the_same() {
        let mut progress = Progress::plain(std::io::sink());
        let verdict = Verdict::Broken;
        progress.handle(Event::Finished { id: "x".into(), verdict, seconds: 0.0, reason: None, failure: None });
        assert_eq!(progress.totals().broken, 1);
    }
}

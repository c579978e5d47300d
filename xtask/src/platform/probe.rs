//! `cargo xtask platform probe`: what the firmware of a platform can do, found out by booting small payloads.
//!
//! Each [`Question`] is a machine whose outcome is not known beforehand, and a reading of what was seen. The answers are kept in
//! the cache under the digests of the files, so that a second call boots nothing.

mod answers;
mod questions;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::Duration;

use bootwright::case::Case;
use bootwright::machine::Accelerator;
use bootwright::platform::{Options, Platform};
use bootwright::run::{self, Ended, Finished, Patience};
use bootwright::verdict::Expectation;
use bootwright::verdict::behaviour::Behaviours;
use serde_json::json;

use crate::XtaskError;
use crate::interrupt;
use crate::output::{note, print};
use answers::{Answer, Kept};
use questions::Question;

/// Machines at once; a probe is short, and times are worth more where machines do not wait for each other.
const AT_ONCE: usize = 2;

/// Host time for the next sign of a machine; a firmware that hangs costs this much.
const PATIENCE: Duration = Duration::from_secs(90);

/// Prints what the platform can do.
///
/// # Errors
///
/// [`XtaskError`]: the answers cannot be printed, or kept in the cache.
pub fn run(platform: &Platform, options: &Options, again: bool, as_json: bool) -> Result<ExitCode, XtaskError> {
    let kept = Kept::of(platform, options);
    let known = kept.read().filter(|_| !again);
    let is_new = known.is_none();
    let answers = known.unwrap_or_else(|| ask(platform));
    interrupt::interrupted()?;
    if as_json {
        let behaviours: Vec<&str> = Behaviours::of(platform).rows().map(|row| row.name).collect();
        let answers: Vec<_> = answers.iter().map(Answer::as_json).collect();
        print(&format!("{:#}\n", json!({ "name": platform.name, "behaviours": behaviours, "answers": answers })))?;
    } else {
        print(&text(platform, &answers))?;
    }
    // an answer that a deadline cut short is worth asking for again
    if is_new && answers.iter().all(|answer| answer.sure) {
        kept.write(&answers)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Boots every question's machine.
fn ask(platform: &Platform) -> Vec<Answer> {
    let questions = questions::of(platform);
    let folder = std::env::temp_dir().join(format!("bootwright-probe-{}", std::process::id()));
    interrupt::remove_at_signal(&folder);
    interrupt::end_machines_at_first();
    let next = Mutex::new(0..questions.len());
    let found: Mutex<Vec<(usize, Answer)>> = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(index) = next.lock().ok().and_then(|mut next| next.next()) {
                    let answer = answer(&questions[index], platform, &folder);
                    if interrupt::is_noted() {
                        return;
                    }
                    note(&format!("{}: {}", answer.name, answer.value));
                    if let Ok(mut found) = found.lock() {
                        found.push((index, answer));
                    }
                }
            });
        }
    });
    std::fs::remove_dir_all(&folder).ok();
    let mut found = found.into_inner().unwrap_or_default();
    found.sort_by_key(|(index, _)| *index);
    found.into_iter().map(|(_, answer)| answer).collect()
}

fn answer(question: &Question, platform: &Platform, folder: &Path) -> Answer {
    let evidence = folder.join(question.name);
    let answered = |value: String, seconds: Option<f64>, sure| Answer {
        name: question.name.to_owned(),
        asks: question.asks.to_owned(),
        value,
        seconds,
        sure,
    };
    if question.accelerator == Accelerator::Kvm && !Path::new("/dev/kvm").exists() {
        return answered("no: there is no /dev/kvm".to_owned(), None, true);
    }
    let mut platform = platform.clone();
    if question.secure_boot_build {
        platform.ovmf = platform.ovmf_secure_boot.take();
    }
    // the run is over when the payload has run or firmware has stopped
    let case = Case::new(format!("probe::{}", question.name))
        .machine(question.machine.clone())
        .story(question.story.clone())
        .expect(Expectation::boots(question.ends_with).without_views());
    let patience = Patience { first_sign: PATIENCE, progress: PATIENCE, ..Patience::default() };
    let options = run::Options::new(&evidence, 1).accelerator(question.accelerator).patience(patience);
    let finished: Finished = run::run(&case, &platform, &options);
    let seconds = Some(finished.wall.as_secs_f64());
    match &finished.ended {
        Ended::Broken(reason) => {
            answered(format!("not known: {reason}"), None, question.accelerator == Accelerator::Kvm)
        }
        Ended::Skipped(reason) => answered(format!("not asked: {reason}"), None, true),
        _ if finished.gave_up || finished.trace.standstill.is_some() => {
            let (value, sure) = match question.silence {
                Some(words) => (words.to_owned(), true),
                None => match &finished.trace.standstill {
                    Some(standstill) => (format!("not known: {standstill}"), false),
                    None => (format!("not known: nothing further in {} s", PATIENCE.as_secs()), false),
                },
            };
            answered(value, seconds, sure)
        }
        _ => answered((question.read)(&finished, &evidence), seconds, true),
    }
}

fn text(platform: &Platform, answers: &[Answer]) -> String {
    let mut text = format!("platform {}: QEMU {}\n", platform.name, platform.qemu.version);
    for answer in answers {
        let seconds = answer.seconds.map(|seconds| format!(" ({seconds:.1} s)")).unwrap_or_default();
        text += &format!("{:<26} {}{seconds}\n", answer.name, answer.value);
    }
    let by_version: Vec<&str> = Behaviours::of(platform).rows().map(|row| row.name).collect();
    text += &format!(
        "behaviours by version      {}\n",
        if by_version.is_empty() { "none".to_owned() } else { by_version.join(", ") }
    );
    for difference in answers::against_the_table(&Behaviours::of(platform), answers) {
        text += &format!("differs from the table     {difference}\n");
    }
    text
}

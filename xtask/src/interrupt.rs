//! Signals that ask for the end (SIGINT, SIGTERM, SIGHUP), and what must not be left behind then: machines, with what wrappers of
//! QEMU have started, and folders of ours in other places.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bootwright::process::{adopt_strays, end_all, end_strays, on_end_signals};

use crate::XtaskError;

/// A signal came.
static NOTED: AtomicBool = AtomicBool::new(false);

/// This process is ending by a signal: nothing else is to be said.
static ENDING: AtomicBool = AtomicBool::new(false);

/// Machines may run: what they leave behind is ours.
static MACHINES: AtomicBool = AtomicBool::new(false);

/// What a subcommand that still has something to say does at the first signal.
static AT_FIRST: Mutex<Option<fn()>> = Mutex::new(None);

/// Folders that go with this process.
static FOLDERS: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// From now on a signal ends this process in order. To be called before anything else.
pub fn handle() {
    on_end_signals(|signal| {
        let at_first = AT_FIRST.lock().ok().and_then(|mut first| first.take());
        NOTED.store(true, Ordering::SeqCst);
        match at_first {
            Some(act) => act(),
            None => leave(128 + signal),
        }
    });
}

/// The first signal is only noted, after `act`; a second one ends this process at once.
pub fn note_first(act: fn()) {
    if let Ok(mut first) = AT_FIRST.lock() {
        *first = Some(act);
    }
}

/// Until another act is given a signal ends this process at once, which says that nothing has come of the run.
pub fn end_before_any_case() {
    note_first(|| end_saying("error: interrupted before any case ran"));
}

/// A signal ends this process at once, which says that nothing is merged.
pub fn end_before_it_is_merged() {
    note_first(|| end_saying("error: interrupted, and nothing is merged"));
}

/// Does the step behind which everything is done, and after which a signal ends this process without a word. Where a signal came
/// before it, which does what [`note_first`] was given, this does not return; where one comes meanwhile, it waits.
pub fn last_step<T>(step: impl FnOnce() -> T) -> T {
    if let Ok(mut first) = AT_FIRST.lock()
        && first.is_some()
    {
        let done = step();
        *first = None;
        return done;
    }
    loop {
        std::thread::park();
    }
}

fn end_saying(words: &str) {
    ENDING.store(true, Ordering::SeqCst);
    crate::output::note(words);
    leave(2)
}

/// What a program that failed has to say is of no use where the signal that ended it ends this process too, a moment later perhaps:
/// this does not return then.
pub fn after_a_failed_child() {
    const MOMENT: Duration = Duration::from_millis(10);
    for _ in 0..20 {
        while_ending();
        std::thread::sleep(MOMENT);
    }
}

/// Does not return where a signal ends this process.
pub fn while_ending() {
    while ENDING.load(Ordering::SeqCst) {
        std::thread::park_timeout(Duration::from_secs(1));
    }
}

/// At the first signal machines end, and none begins; whoever waits for them goes on and comes to its own end.
pub fn end_machines_at_first() {
    note_first(|| {
        end_all();
    });
    machines_run();
}

/// The error of what a signal has cut short.
pub fn interrupted() -> Result<(), XtaskError> {
    if is_noted() { Err(XtaskError("interrupted; the machines were ended".to_owned())) } else { Ok(()) }
}

/// Whether a signal was noted.
pub fn is_noted() -> bool {
    NOTED.load(Ordering::SeqCst)
}

/// Machines are about to run: whatever they start ends with this process.
pub fn machines_run() {
    MACHINES.store(true, Ordering::SeqCst);
    adopt_strays();
}

/// At the regular end: nothing of the machines is left.
pub fn at_end() {
    if MACHINES.load(Ordering::SeqCst) {
        end_strays();
    }
}

/// A folder that is removed where a signal ends this process.
pub fn remove_at_signal(folder: &Path) {
    if let Ok(mut folders) = FOLDERS.lock() {
        folders.push(folder.to_owned());
    }
}

fn leave(status: i32) -> ! {
    ENDING.store(true, Ordering::SeqCst);
    // before the machines: who waits for one of them writes into its folder at its end
    remove_folders();
    end_all();
    remove_folders();
    std::process::exit(status);
}

/// Until they are gone: another thread may still write into them, and comes to its end by what is missing there.
fn remove_folders() {
    const MOMENT: Duration = Duration::from_millis(2);
    for folder in FOLDERS.lock().iter().flat_map(|folders| folders.iter()) {
        for _ in 0..100 {
            std::fs::remove_dir_all(folder).ok();
            std::thread::sleep(MOMENT);
            if !folder.exists() {
                break;
            }
        }
    }
}

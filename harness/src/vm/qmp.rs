//! QEMU Machine Protocol client.
//!
//! It knows the protocol's frame (greeting, `qmp_capabilities`, commands with ids, replies, events) and nothing about any
//! particular event, field, enum value or error class, so that a newer QEMU cannot break it. Everything in both
//! directions goes to the [`Recorder`]. When the link ends, every waiter gets the reason.

use std::collections::{HashMap, HashSet};
use std::io::{IoSlice, Read, Write};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
use serde_json::{Value, json};

use crate::evidence::{Observed, Recorder};
use crate::process;

/// Longest message that is accepted, in bytes: a full `query-qmp-schema` is under 1 MiB.
const MESSAGE_LIMIT: usize = 2 << 20;

/// Events kept for [`Qmp::wait_event`], and bytes of them; a guest that resets in a loop makes new ones for ever.
const EVENT_LIMIT: (usize, usize) = (10_000, 4 << 20);

/// Messages that nobody asked for, and bytes of them, after which QEMU is called broken: no case sees a hundredth of it.
const UNASKED_LIMIT: (usize, usize) = (100_000, 32 << 20);

/// A failure of the link or of a command.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum QmpError {
    /// QEMU did not answer in time.
    #[error("no {awaited} from QEMU within {seconds:.1} s; last message: {last}")]
    Timeout {
        /// What was awaited.
        awaited: String,
        /// How long, in seconds.
        seconds: f64,
        /// The last message received, shortened.
        last: String,
    },
    /// QEMU refused the command.
    #[error("QEMU refused {command}: {class}: {desc}")]
    Refused {
        /// The command.
        command: String,
        /// Error class as QEMU spells it.
        class: String,
        /// QEMU's own words.
        desc: String,
    },
    /// The link ended.
    #[error("the QMP link ended: {0}")]
    Ended(String),
}

/// Why the link ended.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
enum LinkEnd {
    #[error("QEMU closed it")]
    Closed,
    /// The beginning of a message that has no end.
    #[error("it broke off in the middle of a message: {0}")]
    BrokeOff(String),
    #[error("{0}")]
    Unreadable(String),
    #[error("QEMU sent something that is not JSON: {0}")]
    NotJson(String),
    /// The beginning of a message of more than [`MESSAGE_LIMIT`].
    #[error("QEMU floods QMP: a message is longer than {MESSAGE_LIMIT} bytes: {0}")]
    LongMessage(String),
    /// More messages than [`UNASKED_LIMIT`].
    #[error("QEMU floods QMP: {count} messages of {bytes} bytes that nobody asked for; the last: {last}")]
    Unasked { count: usize, bytes: usize, last: String },
    #[error("its reader panicked")]
    ReaderPanicked,
}

impl LinkEnd {
    /// QEMU sent so much that it is broken.
    fn is_flood(&self) -> bool {
        matches!(self, LinkEnd::LongMessage(_) | LinkEnd::Unasked { .. })
    }
}

/// An asynchronous message.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Name, for example `RESET`.
    pub name: String,
    /// Data object, `null` where the event has none.
    pub data: Value,
}

#[derive(Default)]
struct State {
    greeting: Option<Value>,
    /// Commands that somebody waits for, with the reply once it is there.
    replies: HashMap<u64, Option<Reply>>,
    /// Commands whose replies are not evidence.
    unrecorded: HashSet<u64>,
    events: Vec<Event>,
    /// Bytes of the messages in `events`.
    event_bytes: usize,
    /// Messages that nobody asked for so far, and their bytes.
    unasked: (usize, usize),
    ended: Option<LinkEnd>,
    last: String,
    /// The beginning of a message that is not complete yet.
    unfinished: String,
}

/// What goes with a command.
struct Sent<'a> {
    /// A descriptor of which QEMU gets a copy.
    descriptor: Option<BorrowedFd<'a>>,
    /// Command and reply are evidence.
    recorded: bool,
}

/// What a command returned, or error class and description.
type Reply = Result<Value, (String, String)>;

type Shared = Arc<(Mutex<State>, Condvar)>;

/// A connected client. Commands may be sent from any thread.
pub struct Qmp {
    writer: Mutex<(UnixStream, u64)>,
    shared: Shared,
    recorder: Recorder,
}

impl Qmp {
    /// Takes over one end of the monitor's socket; before anything is asked of it, [`Qmp::negotiate`]. `settle` is called before
    /// each event is noted, so that what QEMU did before it can be noted before it, too.
    ///
    /// # Errors
    ///
    /// [`QmpError::Ended`] where the host has no descriptor or thread left.
    pub fn open(stream: UnixStream, recorder: Recorder, settle: impl Fn() + Send + 'static) -> Result<Qmp, QmpError> {
        let reader = stream.try_clone().map_err(|error| QmpError::Ended(error.to_string()))?;
        let shared = Shared::default();
        let (state, record) = (shared.clone(), recorder.clone());
        let read = move || {
            let mut reason = LinkEnd::ReaderPanicked;
            record.guarded("the reader of QMP", || reason = read_messages(reader, &state, &record, &settle));
            if reason.is_flood() {
                // often nobody waits for a message, and the run must not go on
                record.fail(&reason.to_string());
            }
            lock(&state).ended = Some(reason);
            state.1.notify_all();
        };
        let spawned = std::thread::Builder::new().spawn(read);
        spawned.map_err(|error| QmpError::Ended(format!("cannot make a thread that reads it: {error}")))?;
        Ok(Qmp { writer: Mutex::new((stream, 0)), shared, recorder })
    }

    /// Waits for the greeting and negotiates capabilities.
    ///
    /// # Errors
    ///
    /// [`QmpError`] where QEMU does not greet within `timeout`, sends something else, or hangs up.
    pub fn negotiate(&self, timeout: Duration) -> Result<(), QmpError> {
        self.wait("greeting", timeout, |state| state.greeting.clone())?;
        self.execute("qmp_capabilities", Value::Null, timeout)?;
        Ok(())
    }

    /// Runs a command and gives its return value. `arguments` may be null.
    ///
    /// # Errors
    ///
    /// [`QmpError::Refused`] with QEMU's own words, [`QmpError::Timeout`], or [`QmpError::Ended`].
    pub fn execute(&self, command: &str, arguments: Value, timeout: Duration) -> Result<Value, QmpError> {
        self.send(command, arguments, Sent { descriptor: None, recorded: true }, timeout)
    }

    /// The same for a command that only reads and is given again and again: neither it nor its reply is noted in the evidence.
    ///
    /// # Errors
    ///
    /// As [`Qmp::execute`].
    pub(crate) fn look(&self, command: &str, arguments: Value, timeout: Duration) -> Result<Value, QmpError> {
        self.send(command, arguments, Sent { descriptor: None, recorded: false }, timeout)
    }

    /// Gives QEMU a copy of a descriptor, which its commands then know as `fd:NAME` (`getfd`; the descriptor travels
    /// beside the command as `SCM_RIGHTS`).
    ///
    /// # Errors
    ///
    /// As [`Qmp::execute`].
    pub fn give(&self, name: &str, descriptor: BorrowedFd<'_>, timeout: Duration) -> Result<(), QmpError> {
        let sent = Sent { descriptor: Some(descriptor), recorded: true };
        self.send("getfd", json!({ "fdname": name }), sent, timeout).map(|_| ())
    }

    fn send(&self, command: &str, arguments: Value, sent: Sent<'_>, timeout: Duration) -> Result<Value, QmpError> {
        let id = {
            let mut writer = match self.writer.lock() {
                Ok(guard) => guard,
                Err(poisoned) => poisoned.into_inner(),
            };
            writer.1 += 1;
            let id = writer.1;
            let mut message = json!({ "execute": command, "id": id });
            if !arguments.is_null() {
                message["arguments"] = arguments;
            }
            lock(&self.shared).replies.insert(id, None);
            if sent.recorded {
                self.recorder.note(Observed::QmpSent(message.clone()));
            } else {
                lock(&self.shared).unrecorded.insert(id);
            }
            let mut line = message.to_string();
            line.push('\n');
            if let Err(error) = write(&mut writer.0, line.as_bytes(), sent.descriptor) {
                let cause = lock(&self.shared).ended.clone();
                return Err(QmpError::Ended(cause.map_or_else(|| error.to_string(), |cause| cause.to_string())));
            }
            id
        };
        let reply = self.wait(&format!("reply to {command}"), timeout, |state| state.replies.get_mut(&id)?.take());
        lock(&self.shared).replies.remove(&id);
        reply?.map_err(|(class, desc)| QmpError::Refused { command: command.to_owned(), class, desc })
    }

    /// Whether a command was sent that has no reply yet.
    pub(super) fn is_asked(&self) -> bool {
        lock(&self.shared).replies.values().any(Option::is_none)
    }

    /// Number of events received so far: a cursor for [`Qmp::wait_event`].
    pub(crate) fn event_cursor(&self) -> usize {
        lock(&self.shared).events.len()
    }

    /// The first event with this name at or after `cursor` that `accept` takes, and the cursor behind it.
    ///
    /// # Errors
    ///
    /// [`QmpError::Timeout`] or [`QmpError::Ended`].
    pub fn wait_event(
        &self,
        cursor: usize,
        name: &str,
        accept: impl Fn(&Value) -> bool,
        timeout: Duration,
    ) -> Result<(Event, usize), QmpError> {
        self.wait(&format!("event {name}"), timeout, |state| {
            let found = state.events.iter().enumerate().skip(cursor);
            let mut found = found.filter(|(_, event)| event.name == name && accept(&event.data));
            found.next().map(|(position, event)| (event.clone(), position + 1))
        })
    }

    fn wait<T>(
        &self,
        awaited: &str,
        timeout: Duration,
        mut ready: impl FnMut(&mut State) -> Option<T>,
    ) -> Result<T, QmpError> {
        let mut deadline = Instant::now() + timeout;
        let mut frozen = process::frozen();
        let mut state = lock(&self.shared);
        loop {
            if let Some(value) = ready(&mut state) {
                return Ok(value);
            }
            if let Some(reason) = &state.ended {
                return Err(QmpError::Ended(format!("{reason} (waiting for {awaited})")));
            }
            // QEMU gets the time again in which the harness itself did not run
            let before = std::mem::replace(&mut frozen, process::frozen());
            deadline += frozen.saturating_sub(before);
            let now = Instant::now();
            if now >= deadline {
                let mut last = if state.last.is_empty() { "none".to_owned() } else { state.last.clone() };
                if !state.unfinished.is_empty() {
                    last += &format!("; an unfinished one: {}", state.unfinished);
                }
                return Err(QmpError::Timeout { awaited: awaited.to_owned(), seconds: timeout.as_secs_f64(), last });
            }
            state = match self.shared.1.wait_timeout(state, deadline - now) {
                Ok((guard, _)) => guard,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
    }
}

impl Drop for Qmp {
    fn drop(&mut self) {
        let writer = match self.writer.lock() {
            Ok(guard) => guard,
            Err(poisoned) => poisoned.into_inner(),
        };
        writer.0.shutdown(std::net::Shutdown::Both).ok();
    }
}

/// Writes a message, and a descriptor beside its first bytes.
fn write(stream: &mut UnixStream, line: &[u8], descriptor: Option<BorrowedFd<'_>>) -> std::io::Result<()> {
    let Some(descriptor) = descriptor else { return stream.write_all(line) };
    let descriptors = [descriptor.as_raw_fd()];
    let beside = [ControlMessage::ScmRights(&descriptors)];
    let sent = sendmsg::<()>(stream.as_raw_fd(), &[IoSlice::new(line)], &beside, MsgFlags::MSG_NOSIGNAL, None)?;
    stream.write_all(line.get(sent..).unwrap_or_default())
}

fn lock(shared: &Shared) -> MutexGuard<'_, State> {
    match shared.0.lock() {
        Ok(guard) => guard,
        Err(poisoned) => poisoned.into_inner(),
    }
}

/// Reads until the link ends and says why it did.
fn read_messages(mut stream: UnixStream, shared: &Shared, recorder: &Recorder, settle: &dyn Fn()) -> LinkEnd {
    let mut line = Vec::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        let count = match stream.read(&mut buffer) {
            Ok(0) if line.is_empty() => return LinkEnd::Closed,
            Ok(0) => return LinkEnd::BrokeOff(shorten(&line)),
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return LinkEnd::Unreadable(error.to_string()),
        };
        for piece in buffer[..count].split_inclusive(|&byte| byte == b'\n') {
            line.extend_from_slice(piece);
            if line.len() > MESSAGE_LIMIT {
                return LinkEnd::LongMessage(shorten(&line));
            }
            if line.last() == Some(&b'\n') {
                if let Err(reason) = take(&line, shared, recorder, settle) {
                    return reason;
                }
                line = Vec::new();
            }
        }
        lock(shared).unfinished = shorten(&line);
    }
}

/// Takes one message.
fn take(line: &[u8], shared: &Shared, recorder: &Recorder, settle: &dyn Fn()) -> Result<(), LinkEnd> {
    if line.iter().all(u8::is_ascii_whitespace) {
        return Ok(());
    }
    let text = shorten(line);
    let Ok(message) = serde_json::from_slice::<Value>(line) else {
        return Err(LinkEnd::NotJson(text));
    };
    if message.get("event").is_some() {
        settle();
    }
    let mut state = lock(shared);
    let id = message.get("id").and_then(Value::as_u64);
    if !id.is_some_and(|id| state.unrecorded.remove(&id)) {
        drop(state);
        recorder.note(Observed::QmpReceived(message.clone()));
        state = lock(shared);
    }
    state.last = text;
    if !sort(&mut state, message, line.len()) {
        state.unasked = (state.unasked.0 + 1, state.unasked.1 + line.len());
    }
    let (count, bytes) = state.unasked;
    if count > UNASKED_LIMIT.0 || bytes > UNASKED_LIMIT.1 {
        return Err(LinkEnd::Unasked { count, bytes, last: state.last.clone() });
    }
    drop(state);
    shared.1.notify_all();
    Ok(())
}

/// Puts a message where its waiter looks for it; one of an unknown shape, or to a command that nobody gave, is evidence
/// only. Whether it was asked for.
fn sort(state: &mut State, message: Value, bytes: usize) -> bool {
    if let Some(greeting) = message.get("QMP") {
        return state.greeting.replace(greeting.clone()).is_none();
    }
    if let Some(name) = message.get("event").and_then(Value::as_str) {
        if state.events.len() < EVENT_LIMIT.0 && state.event_bytes + bytes <= EVENT_LIMIT.1 {
            state.event_bytes += bytes;
            let data = message.get("data").cloned().unwrap_or(Value::Null);
            state.events.push(Event { name: name.to_owned(), data });
        }
        return false;
    }
    let awaited = message.get("id").and_then(Value::as_u64).and_then(|id| state.replies.get_mut(&id));
    let Some(slot) = awaited.filter(|slot| slot.is_none()) else { return false };
    *slot = Some(match (message.get("return"), message.get("error")) {
        (Some(value), _) => Ok(value.clone()),
        (None, Some(error)) => {
            let text = |key: &str| error.get(key).and_then(Value::as_str).unwrap_or("unnamed").to_owned();
            Err((text("class"), text("desc")))
        }
        (None, None) => Err(("unknown".to_owned(), format!("reply without return and error: {message}"))),
    });
    true
}

/// The beginning of a message, for people.
fn shorten(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(&line[..line.len().min(1000)]);
    let text = text.trim_end();
    let short: String = text.chars().take(200).collect();
    if short.len() < text.len() { short + "..." } else { short }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};

    use super::*;

    /// A peer that plays the other end from a script: `Some(line)` is sent, `None` awaits one line from the client.
    fn peer(script: Vec<Option<&'static str>>, hold: bool) -> UnixStream {
        let (ours, theirs) = UnixStream::pair().unwrap();
        std::thread::spawn(move || {
            let mut reader = BufReader::new(theirs.try_clone().unwrap());
            let mut writer = theirs;
            for step in script {
                match step {
                    Some(line) => writer.write_all(line.as_bytes()).unwrap(),
                    None => {
                        reader.read_line(&mut String::new()).unwrap();
                    }
                }
            }
            if hold {
                reader.read_line(&mut String::new()).ok();
                std::thread::sleep(Duration::from_secs(5));
            }
        });
        ours
    }

    const HELLO: Option<&str> = Some("{\"QMP\": {\"version\": {}, \"capabilities\": [\"news\"]}}\n");
    const OK1: Option<&str> = Some("{\"return\": {}, \"id\": 1}\n");
    const SHORT: Duration = Duration::from_millis(100);
    const LONG: Duration = Duration::from_secs(5);

    fn connect(script: Vec<Option<&'static str>>, hold: bool, timeout: Duration) -> Result<Qmp, QmpError> {
        let qmp = Qmp::open(peer(script, hold), Recorder::new(), || ())?;
        qmp.negotiate(timeout).map(|()| qmp)
    }

    #[test]
    fn unknown_events_fields_and_error_classes_are_taken_as_they_come() {
        let news = Some("{\"event\": \"BRAND_NEW\", \"data\": {\"x\": [1]}, \"more\": 1}\n");
        let error = Some("{\"id\": 2, \"error\": {\"class\": \"NovelClass\", \"desc\": \"no\", \"extra\": 0}}\n");
        let qmp = connect(vec![HELLO, None, OK1, news, None, error], true, LONG).unwrap();
        let (event, _) = qmp.wait_event(0, "BRAND_NEW", |_| true, LONG).unwrap();
        assert_eq!(event.data, json!({ "x": [1] }));
        let refused = qmp.execute("stop", Value::Null, LONG).unwrap_err();
        assert_eq!(refused.to_string(), "QEMU refused stop: NovelClass: no");
    }

    #[test]
    fn silence_instead_of_a_greeting_is_a_timeout_that_says_what_was_awaited() {
        let error = connect(Vec::new(), true, SHORT).err().unwrap();
        assert_eq!(error.to_string(), "no greeting from QEMU within 0.1 s; last message: none");
    }

    #[test]
    fn garbage_is_named() {
        let error = connect(vec![Some("qemu: bad\n")], true, LONG).err().unwrap();
        let text = "the QMP link ended: QEMU sent something that is not JSON: qemu: bad (waiting for greeting)";
        assert_eq!(error.to_string(), text);
    }

    #[test]
    fn only_a_flood_makes_the_run_broken_whatever_the_words() {
        let words = || "QEMU floods QMP".to_owned();
        let floods =
            [LinkEnd::LongMessage(String::new()), LinkEnd::Unasked { count: 1, bytes: 1, last: String::new() }];
        assert!(floods.iter().all(LinkEnd::is_flood));
        let others =
            [LinkEnd::Closed, LinkEnd::BrokeOff(words()), LinkEnd::Unreadable(words()), LinkEnd::NotJson(words())];
        assert!(!others.iter().any(LinkEnd::is_flood) && !LinkEnd::ReaderPanicked.is_flood());
    }

    #[test]
    fn half_a_line_is_named() {
        let error = connect(vec![HELLO, None, Some("{\"ret")], false, LONG).err().unwrap();
        assert!(error.to_string().contains("broke off in the middle of a message: {\"ret"), "{error}");
    }

    #[test]
    fn a_listener_gets_an_error_when_the_link_dies() {
        let qmp = connect(vec![HELLO, None, OK1], false, LONG).unwrap();
        let error = qmp.wait_event(0, "SHUTDOWN", |_| true, LONG).unwrap_err();
        assert_eq!(error, QmpError::Ended("QEMU closed it (waiting for event SHUTDOWN)".to_owned()));
    }

    #[test]
    fn a_reply_goes_to_the_command_with_its_id() {
        let stray = Some("{\"id\": 77, \"return\": \"stray\"}\n");
        let own = Some("{\"id\": 2, \"return\": \"own\"}\n");
        let qmp = connect(vec![HELLO, None, OK1, None, stray, own], true, LONG).unwrap();
        assert_eq!(qmp.execute("query-status", Value::Null, LONG).unwrap(), json!("own"));
    }

    #[test]
    fn what_is_only_looked_at_is_no_evidence() {
        let (own, next) = (Some("{\"id\": 2, \"return\": \"own\"}\n"), Some("{\"id\": 3, \"return\": \"next\"}\n"));
        let qmp = connect(vec![HELLO, None, OK1, None, own, None, next], true, LONG).unwrap();
        let before = qmp.recorder.cursor();
        assert_eq!(qmp.look("query-status", Value::Null, LONG).unwrap(), json!("own"));
        assert_eq!((qmp.recorder.cursor(), qmp.is_asked()), (before, false));
        assert_eq!(qmp.execute("query-status", Value::Null, LONG).unwrap(), json!("next"));
        assert_eq!(qmp.recorder.cursor(), before + 2, "a command and its reply");
    }

    #[test]
    fn half_a_line_that_stays_open_is_shown_at_the_timeout() {
        let error = connect(vec![HELLO, None, Some("{\"return\": {}, \"i")], true, SHORT).err().unwrap();
        let text = error.to_string();
        assert!(text.ends_with("; an unfinished one: {\"return\": {}, \"i"), "{text}");
    }

    /// Floods with one message again and again; what the harness then holds, and the reason it gives.
    fn flood(message: String) -> (Recorder, String) {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let flooding = std::thread::spawn(move || {
            theirs.write_all(HELLO.unwrap().as_bytes()).unwrap();
            BufReader::new(theirs.try_clone().unwrap()).read_line(&mut String::new()).unwrap();
            theirs.write_all(OK1.unwrap().as_bytes()).unwrap();
            while theirs.write_all(message.as_bytes()).is_ok() {}
        });
        let recorder = Recorder::new();
        let qmp = Qmp::open(ours, recorder.clone(), || ()).unwrap();
        qmp.negotiate(LONG).unwrap();
        let error = qmp.wait_event(0, "NEVER", |_| true, LONG * 12).unwrap_err();
        let state = lock(&qmp.shared);
        assert!(state.replies.is_empty() && state.event_bytes <= EVENT_LIMIT.1);
        drop(state);
        drop(qmp);
        flooding.join().unwrap();
        (recorder, error.to_string())
    }

    #[test]
    fn a_flood_of_any_kind_ends_the_link_with_its_name_and_little_is_held() {
        let event = |data: usize| format!("{{\"event\": \"X\", \"data\": \"{}\"}}\n", "x".repeat(data));
        for (message, wanted) in [
            (event(15 << 20), "a message is longer than 2097152 bytes: {\"event\""),
            (event(1 << 20), "bytes that nobody asked for"),
            (event(1), "100001 messages of "),
            ("{\"id\": 1234567, \"return\": {}}\n".to_owned(), "100001 messages of "),
            (format!("{{\"event\": \"X\", \"data\": [{}1]}}\n", "1,".repeat(1 << 19)), "bytes that nobody asked for"),
        ] {
            let (recorder, error) = flood(message);
            assert!(error.starts_with("the QMP link ended: QEMU floods QMP: ") && error.contains(wanted), "{error}");
            assert!(recorder.failure().unwrap().starts_with("QEMU floods QMP: "));
            assert!(recorder.bytes_held() < 24 << 20, "{} bytes", recorder.bytes_held());
        }
    }
}

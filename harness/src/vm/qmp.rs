//! QEMU Machine Protocol client.
//!
//! It knows the protocol's frame (greeting, `qmp_capabilities`, commands with ids, replies, events) and nothing about any
//! particular event, field, enum value or error class, so that a newer QEMU cannot break it. Everything in both
//! directions goes to the [`Recorder`]. When the link ends, every waiter gets the reason.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, IoSlice, Read, Write};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
use serde_json::{Value, json};

use crate::evidence::{Observed, Recorder};

/// Longest message that is accepted, in bytes: a full `query-qmp-schema` is about 1 MiB.
const MESSAGE_LIMIT: u64 = 16 << 20;

/// Events kept for [`Qmp::wait_event`]; a guest that resets in a loop makes new ones for ever.
const EVENT_LIMIT: usize = 10_000;

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
    replies: HashMap<u64, Result<Value, (String, String)>>,
    events: Vec<Event>,
    ended: Option<String>,
    last: String,
}

type Shared = Arc<(Mutex<State>, Condvar)>;

/// A connected client. Commands may be sent from any thread.
pub struct Qmp {
    writer: Mutex<(UnixStream, u64)>,
    shared: Shared,
    recorder: Recorder,
}

impl Qmp {
    /// Takes over one end of the monitor's socket and negotiates capabilities.
    ///
    /// # Errors
    ///
    /// [`QmpError`] where QEMU does not greet within `timeout`, sends something else, or hangs up.
    pub fn connect(stream: UnixStream, recorder: Recorder, timeout: Duration) -> Result<Qmp, QmpError> {
        let reader = stream.try_clone().map_err(|error| QmpError::Ended(error.to_string()))?;
        let shared = Shared::default();
        let (state, record) = (shared.clone(), recorder.clone());
        std::thread::spawn(move || {
            let reason = read_messages(reader, &state, &record);
            lock(&state).ended = Some(reason);
            state.1.notify_all();
        });
        let qmp = Qmp { writer: Mutex::new((stream, 0)), shared, recorder };
        qmp.wait("greeting", timeout, |state| state.greeting.clone())?;
        qmp.execute("qmp_capabilities", Value::Null, timeout)?;
        Ok(qmp)
    }

    /// Runs a command and gives its return value. `arguments` may be null.
    ///
    /// # Errors
    ///
    /// [`QmpError::Refused`] with QEMU's own words, [`QmpError::Timeout`], or [`QmpError::Ended`].
    pub fn execute(&self, command: &str, arguments: Value, timeout: Duration) -> Result<Value, QmpError> {
        self.send(command, arguments, None, timeout)
    }

    /// Gives QEMU a copy of a descriptor, which its commands then know as `fd:NAME` (`getfd`; the descriptor travels
    /// beside the command as `SCM_RIGHTS`).
    ///
    /// # Errors
    ///
    /// As [`Qmp::execute`].
    pub fn give(&self, name: &str, descriptor: BorrowedFd<'_>, timeout: Duration) -> Result<(), QmpError> {
        self.send("getfd", json!({ "fdname": name }), Some(descriptor), timeout).map(|_| ())
    }

    fn send(
        &self,
        command: &str,
        arguments: Value,
        descriptor: Option<BorrowedFd<'_>>,
        timeout: Duration,
    ) -> Result<Value, QmpError> {
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
            self.recorder.note(Observed::QmpSent(message.clone()));
            let mut line = message.to_string();
            line.push('\n');
            if let Err(error) = write(&mut writer.0, line.as_bytes(), descriptor) {
                let cause = lock(&self.shared).ended.clone();
                return Err(QmpError::Ended(cause.unwrap_or_else(|| error.to_string())));
            }
            id
        };
        let reply = self.wait(&format!("reply to {command}"), timeout, |state| state.replies.remove(&id))?;
        reply.map_err(|(class, desc)| QmpError::Refused { command: command.to_owned(), class, desc })
    }

    /// Number of events received so far: a cursor for [`Qmp::wait_event`].
    pub fn event_cursor(&self) -> usize {
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
        let deadline = Instant::now() + timeout;
        let mut state = lock(&self.shared);
        loop {
            if let Some(value) = ready(&mut state) {
                return Ok(value);
            }
            if let Some(reason) = &state.ended {
                return Err(QmpError::Ended(format!("{reason} (waiting for {awaited})")));
            }
            let now = Instant::now();
            if now >= deadline {
                let last = if state.last.is_empty() { "none".to_owned() } else { state.last.clone() };
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
fn read_messages(stream: UnixStream, shared: &Shared, recorder: &Recorder) -> String {
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = Vec::new();
        match reader.by_ref().take(MESSAGE_LIMIT).read_until(b'\n', &mut line) {
            Ok(0) => return "QEMU closed it".to_owned(),
            Ok(_) => {}
            Err(error) => return error.to_string(),
        }
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let text = shorten(&String::from_utf8_lossy(&line));
        if line.last() != Some(&b'\n') {
            return format!("it broke off in the middle of a message: {text}");
        }
        let Ok(message) = serde_json::from_slice::<Value>(&line) else {
            return format!("QEMU sent something that is not JSON: {text}");
        };
        recorder.note(Observed::QmpReceived(message.clone()));
        let mut state = lock(shared);
        state.last = text;
        sort(&mut state, message);
        drop(state);
        shared.1.notify_all();
    }
}

/// Puts a message where its waiter looks for it; one of an unknown shape is evidence only.
fn sort(state: &mut State, message: Value) {
    if let Some(greeting) = message.get("QMP") {
        state.greeting = Some(greeting.clone());
    } else if let Some(name) = message.get("event").and_then(Value::as_str) {
        if state.events.len() < EVENT_LIMIT {
            let data = message.get("data").cloned().unwrap_or(Value::Null);
            state.events.push(Event { name: name.to_owned(), data });
        }
    } else if let Some(id) = message.get("id").and_then(Value::as_u64) {
        let reply = match (message.get("return"), message.get("error")) {
            (Some(value), _) => Ok(value.clone()),
            (None, Some(error)) => {
                let text = |key: &str| error.get(key).and_then(Value::as_str).unwrap_or("unnamed").to_owned();
                Err((text("class"), text("desc")))
            }
            (None, None) => Err(("unknown".to_owned(), format!("reply without return and error: {message}"))),
        };
        state.replies.insert(id, reply);
    }
}

fn shorten(text: &str) -> String {
    let text = text.trim_end();
    let short: String = text.chars().take(200).collect();
    if short.len() < text.len() { short + "..." } else { short }
}

#[cfg(test)]
mod tests {
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
        Qmp::connect(peer(script, hold), Recorder::new(), timeout)
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
}

//! What can be asked of a guest only while QEMU runs.

use std::time::Duration;

use serde_json::{Value, json};

use crate::process::Exit;
use crate::verdict::conclude::PAYLOAD_EXIT;
use crate::vm::Vm;

/// Time for a payload that ends the machine to do so.
const PAYLOAD_ENDS: Duration = Duration::from_millis(20);

/// The guest as the harness saw it last.
#[derive(Clone, Debug)]
pub struct LastLook {
    /// Its state, for people.
    pub state: String,
    /// Guest time, where it could be read.
    pub guest_time: Option<Duration>,
    /// The signal that had ended QEMU by then.
    pub signal: Option<i32>,
}

impl LastLook {
    /// A machine that never ran.
    pub fn never(state: &str) -> LastLook {
        LastLook { state: state.to_owned(), guest_time: None, signal: None }
    }

    /// One whose QEMU had ended.
    fn ended(exit: Exit) -> LastLook {
        LastLook { signal: exit.signal, ..LastLook::never(&format!("QEMU ended: {}", payload_exit(exit))) }
    }

    /// Looks.
    pub fn at(vm: &Vm) -> LastLook {
        if let Some(exit) = vm.exit(PAYLOAD_ENDS) {
            return LastLook::ended(exit);
        }
        let status = vm.execute("query-status", Value::Null);
        let state = match &status {
            Ok(status) => status.get("status").and_then(Value::as_str).unwrap_or("unknown").to_owned(),
            Err(_) => match vm.exit(Duration::from_secs(1)) {
                Some(exit) => return LastLook::ended(exit),
                None => "QEMU does not answer".to_owned(),
            },
        };
        let ask = |command: &str, arguments| vm.execute(command, arguments).ok();
        LastLook { state, guest_time: status.ok().and_then(|_| rtc(ask)), signal: None }
    }
}

fn payload_exit(exit: Exit) -> String {
    if exit.code == Some(PAYLOAD_EXIT) { "ended by the payload".to_owned() } else { exit.to_string() }
}

/// Guest time by the machine's clock, whole seconds since its fixed base; `ask` runs a QMP command.
pub(super) fn rtc(ask: impl Fn(&str, Value) -> Option<Value>) -> Option<Duration> {
    let path = json!({ "path": "/machine", "property": "rtc-time" });
    let time = ask("qom-get", path)?;
    let part = |name: &str| time.get(name).and_then(Value::as_i64);
    let day = part("tm_yday").or_else(|| Some(part("tm_mday")? - 1))?;
    let seconds = ((day * 24 + part("tm_hour")?) * 60 + part("tm_min")?) * 60 + part("tm_sec")?;
    u64::try_from(seconds).ok().map(Duration::from_secs)
}

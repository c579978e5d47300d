//! What a QEMU says on its monitor: no panic, no wait without an end.
//!
//! Input: what it sends, whatever it is asked; the greeting and the first reply are put before it where the first byte is odd.
#![no_main]

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use bootwright::evidence::Recorder;
use bootwright::vm::qmp::Qmp;

const BEGIN: &[u8] = b"{\"QMP\": {\"version\": {}, \"capabilities\": []}}\n{\"return\": {}, \"id\": 1}\n";
const SHORT: Duration = Duration::from_millis(200);

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let [flags, said @ ..] = input else { return };
    let (near, mut far) = UnixStream::pair().expect("a socket pair");
    if flags & 1 == 1 {
        far.write_all(BEGIN).expect("there is room");
    }
    far.write_all(said).expect("there is room");
    far.shutdown(std::net::Shutdown::Write).expect("it is open");
    let recorder = Recorder::new();
    if let Some(qmp) = Qmp::open(near, recorder.clone(), || ()).ok().filter(|qmp| qmp.negotiate(SHORT).is_ok()) {
        let _ = qmp.execute("query-status", serde_json::Value::Null, SHORT);
        let _ = qmp.wait_event(0, "RESET", |_| true, SHORT);
    }
    recorder.write_timeline(&mut Vec::new()).expect("a vector takes everything");
    recorder.qmp_jsonl();
});

//! A scripted QEMU: this very test program, started again, that misbehaves on request.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::{FromRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// Says which way the fake behaves; not set in an ordinary test run.
const BEHAVIOUR: &str = "BOOTWRIGHT_FAKE_QEMU";
/// Holds the command line that it was given, words separated by spaces.
const ARGV: &str = "BOOTWRIGHT_FAKE_ARGV";

/// What the fake does with its monitor and ports. All ways but the first are wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Behaviour {
    /// Greets, answers every command with an empty object, ends on `quit`.
    Proper,
    /// Holds its sockets open and says nothing.
    Silent,
    /// Closes its monitor and runs on.
    HangsUp,
    /// Sends a line that is not JSON.
    Garbage,
    /// Closes its monitor in the middle of the greeting and runs on.
    HalfLine,
    /// Prints a message and exits with status 1.
    ExitsEarly,
    /// Greets and answers nothing.
    GreetsOnly,
    /// Answers commands, `quit` too, and runs on; ignores the signals that can be ignored.
    IgnoresQuit,
    /// Answers commands and writes to the serial port without end.
    FloodsSerial,
    /// Answers the negotiation, ends without an answer to the next command.
    DiesInTheMiddle,
    /// Proper, but leaves a child behind that holds its sockets for a while.
    LeavesChild,
    /// Proper, with a banner of SeaBIOS on the debug console and nothing after it.
    BannerOnly,
    /// Greets, and writes a boot order of 180,000 lines and attempts without end to the debug console.
    FloodsDebugConsole,
    /// Proper, with a banner, and writes to its standard error without end.
    FloodsStderr,
    /// Negotiates, then sends events without end.
    FloodsMonitor,
    /// Proper, but every migration fails at both ends.
    FailsMigration,
    /// Proper, with a drive, and every job ends well.
    TakesSnapshots,
    /// The same, but every snapshot is refused at the end of its job.
    FailsSnapshot,
    /// Proper until a state is to come in: then it says why it cannot take it and ends.
    RefusesState,
    /// Answers the negotiation and is killed by SIGKILL.
    IsKilled,
    /// Answers the negotiation and crashes with SIGSEGV.
    Crashes,
    /// Answers the negotiation and is stopped by SIGSTOP.
    IsStopped,
    /// Answers the negotiation and exits with code 0.
    ExitsAtOnce,
    /// Prints a banner of SeaBIOS and exits with code 3 before it greets.
    RunsAtOnce,
    /// Answers the negotiation and ends as QEMU does after SIGTERM: it announces the signal and exits with code 0.
    IsTerminated,
}

use Behaviour::*;
const ALL: [Behaviour; 25] = [
    Proper,
    Silent,
    HangsUp,
    Garbage,
    HalfLine,
    ExitsEarly,
    GreetsOnly,
    IgnoresQuit,
    FloodsSerial,
    DiesInTheMiddle,
    LeavesChild,
    BannerOnly,
    FloodsDebugConsole,
    FloodsStderr,
    FloodsMonitor,
    FailsMigration,
    TakesSnapshots,
    FailsSnapshot,
    RefusesState,
    IsKilled,
    Crashes,
    IsStopped,
    ExitsAtOnce,
    RunsAtOnce,
    IsTerminated,
];

/// The command that starts the fake; QEMU's arguments may follow it.
pub(crate) fn command() -> Vec<OsString> {
    let script = format!("{ARGV}=\"$*\" exec \"$0\" --exact vm::fake::plays_qemu --nocapture >/dev/null");
    let program = std::env::current_exe().unwrap();
    vec!["/bin/sh".into(), "-c".into(), script.into(), program.into()]
}

/// The environment that makes it behave so.
pub(crate) fn env(behaviour: Behaviour) -> Vec<(String, String)> {
    vec![(BEHAVIOUR.to_owned(), format!("{behaviour:?}"))]
}

/// The fake's `main`: returns at once where nobody asked for a fake.
#[test]
fn plays_qemu() {
    let Ok(name) = std::env::var(BEHAVIOUR) else { return };
    let behaviour = ALL.into_iter().find(|known| format!("{known:?}") == name).unwrap();
    let argv = std::env::var(ARGV).unwrap();
    if [BannerOnly, RunsAtOnce].contains(&behaviour) {
        port(&argv, "debugcon").write_all(b"SeaBIOS (version 1.16.2-debian-1.16.2-1)\n").unwrap();
    }
    if behaviour == RunsAtOnce {
        std::process::exit(3);
    }
    if behaviour == FloodsDebugConsole {
        let mut console = port(&argv, "debugcon");
        std::thread::spawn(move || {
            console.write_all(("boot order:\n".to_owned() + &"1: x\n".repeat(180_000)).as_bytes()).ok();
            while console.write_all("Booting from ROM...\n".repeat(1000).as_bytes()).is_ok() {}
        });
    }
    if behaviour == FloodsStderr {
        std::thread::spawn(|| while std::io::stderr().write_all(&[b'x'; 1 << 16]).is_ok() {});
    }
    play(behaviour, port(&argv, "qmp"), serial(&argv));
}

/// The far end of a port, by the number that the command line names.
fn port(argv: &str, id: &str) -> UnixStream {
    let word = argv.split_once(&format!("socket,id={id},fd=")).unwrap().1;
    let number: RawFd = word.split(' ').next().unwrap().parse().unwrap();
    // SAFETY: the descriptor was inherited for this purpose and nothing else here owns it
    unsafe { UnixStream::from_raw_fd(number) }
}

/// The far end of the serial port's output, by the name that the command line has.
fn serial(argv: &str) -> std::fs::File {
    let word = argv.split_once("pipe,id=serial,path=").unwrap().1;
    let name = word.split(' ').next().unwrap();
    std::fs::OpenOptions::new().write(true).open(format!("{name}.out")).unwrap()
}

#[expect(clippy::zombie_processes, reason = "leaving a child behind is one of the ways to misbehave")]
fn play(behaviour: Behaviour, mut qmp: UnixStream, mut serial: std::fs::File) {
    const GREETING: &[u8] = b"{\"QMP\": {\"version\": {\"qemu\": {\"major\": 99}}, \"capabilities\": []}}\n";
    match behaviour {
        Silent => linger(),
        HangsUp => {
            drop(qmp);
            linger()
        }
        Garbage => {
            qmp.write_all(b"(qemu) \x1b[K not a monitor in control mode\n").unwrap();
            linger()
        }
        HalfLine => {
            qmp.write_all(&GREETING[..20]).unwrap();
            drop(qmp);
            linger()
        }
        ExitsEarly => {
            eprintln!("qemu-system-x86_64: -device nonsense: 'nonsense' is not a valid device model name");
            std::process::exit(1)
        }
        GreetsOnly => {
            qmp.write_all(GREETING).unwrap();
            linger()
        }
        _ => qmp.write_all(GREETING).unwrap(),
    }
    if behaviour == LeavesChild {
        let left = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        serial.write_all(left.id().to_string().as_bytes()).unwrap();
    }
    let mut job = serde_json::Value::Null;
    for (count, line) in BufReader::new(qmp.try_clone().unwrap()).lines().enumerate() {
        let command: serde_json::Value = serde_json::from_str(&line.unwrap()).unwrap();
        if behaviour == DiesInTheMiddle && count == 1 {
            serial.write_all(b"last words").unwrap();
            std::process::abort();
        }
        let execute = command["execute"].as_str().unwrap();
        if behaviour == RefusesState && execute == "migrate-incoming" {
            eprintln!("qemu-system-x86_64: Unknown savevm section or instance '0000:00:09.0/virtio-blk' 0");
            std::process::exit(1);
        }
        if let Some(id) = command.pointer("/arguments/job-id") {
            job = serde_json::json!({ "id": id, "status": "concluded" });
            if behaviour == FailsSnapshot && execute.starts_with("snapshot") {
                job["error"] = "Error while writing VM state: Input/output error".into();
            }
        }
        let value = match execute {
            "query-block" => serde_json::json!([{ "device": "", "inserted": { "node-name": "medium0" } }]),
            "query-named-block-nodes" => serde_json::json!([{ "node-name": "medium0" }, { "node-name": "overlay0" }]),
            "query-jobs" => serde_json::json!([job]),
            "query-migrate" => serde_json::json!({ "status": "failed", "error-desc": "Unable to write to socket" }),
            _ => serde_json::json!({}),
        };
        let reply = serde_json::json!({ "return": value, "id": command["id"] });
        qmp.write_all(format!("{reply}\n").as_bytes()).unwrap();
        if behaviour == FailsMigration && execute.starts_with("migrate") {
            let event = serde_json::json!({ "event": "MIGRATION", "data": { "status": "failed" } });
            qmp.write_all(format!("{event}\n").as_bytes()).unwrap();
        }
        if matches!(behaviour, TakesSnapshots | FailsSnapshot) && command.pointer("/arguments/job-id").is_some() {
            let event = serde_json::json!({ "event": "JOB_STATUS_CHANGE", "data": job });
            qmp.write_all(format!("{event}\n").as_bytes()).unwrap();
        }
        match behaviour {
            IsKilled => nix::sys::signal::raise(nix::sys::signal::SIGKILL).unwrap(),
            Crashes => {
                // the test harness' own handler would tell of a stack overflow
                let default = nix::sys::signal::SigHandler::SigDfl;
                // SAFETY: the default action takes the place of a handler
                unsafe { nix::sys::signal::signal(nix::sys::signal::SIGSEGV, default) }.unwrap();
                nix::sys::signal::raise(nix::sys::signal::SIGSEGV).unwrap();
            }
            IsStopped => nix::sys::signal::raise(nix::sys::signal::SIGSTOP).unwrap(),
            ExitsAtOnce => std::process::exit(0),
            IsTerminated => {
                let event = r#"{"event": "SHUTDOWN", "data": {"guest": false, "reason": "host-signal"}}"#;
                writeln!(qmp, "{event}").unwrap();
                std::process::exit(0);
            }
            FloodsMonitor => {
                while qmp.write_all("{\"event\": \"RTC_CHANGE\", \"data\": {}}\n".repeat(1000).as_bytes()).is_ok() {}
            }
            _ => {}
        }
        if behaviour == FloodsSerial {
            std::thread::spawn({
                let mut serial = serial.try_clone().unwrap();
                move || while serial.write_all(&[b'x'; 1 << 16]).is_ok() {}
            });
        }
        if command["execute"] == "quit" && behaviour != IgnoresQuit {
            std::process::exit(0);
        }
    }
    if behaviour == IgnoresQuit {
        linger();
    }
}

/// Runs on until it is killed; not for ever, so that a failing test leaves nothing behind for long.
fn linger() -> ! {
    std::thread::sleep(Duration::from_secs(60));
    std::process::exit(3)
}

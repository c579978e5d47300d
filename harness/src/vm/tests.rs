//! `Vm` against a scripted QEMU, one test per way to misbehave.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::fake::{self, Behaviour};
use super::*;
use crate::evidence::{Observed, STREAM_LIMIT};

const SHORT: Duration = Duration::from_millis(300);
const MEDIUM: Duration = Duration::from_secs(5);
const LONG: Duration = Duration::from_secs(20);

struct Bench {
    folder: tempfile::TempDir,
    recorder: Recorder,
}

impl Bench {
    fn new() -> Bench {
        Bench { folder: tempfile::tempdir().unwrap(), recorder: Recorder::new() }
    }

    fn power_on(&self, behaviour: Behaviour, patience: Duration) -> Result<Vm, VmError> {
        self.power_on_in(&[], behaviour, patience)
    }

    /// Powers on in a shell where words for one are given.
    fn power_on_in(&self, shell: &[&str], behaviour: Behaviour, patience: Duration) -> Result<Vm, VmError> {
        let ports = Ports::new(Vec::new(), Vec::new()).unwrap();
        let (qmp, debug_console, _) = ports.numbers();
        let sockets = [("qmp", qmp), ("debugcon", debug_console)];
        let serial = format!("pipe,id=serial,path={}", ports.serial());
        let argv = sockets.map(|(id, number)| format!("socket,id={id},fd={number}")).into_iter().chain([serial]);
        let argv: Vec<String> = argv.collect();
        let env = fake::env(behaviour);
        let words: Vec<_> = shell.iter().map(std::ffi::OsString::from).chain(fake::command()).collect();
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).directory(self.folder.path()).args(argv).envs(env);
        command.in_shell = !shell.is_empty();
        Vm::power_on(&command, ports, self.recorder.clone(), patience)
    }

    fn refused(&self, behaviour: Behaviour, patience: Duration) -> String {
        let text =
            self.power_on(behaviour, patience).err().expect("a fake that misbehaves must not power on").to_string();
        self.assert_gone();
        text
    }

    /// The number of the process, as the timeline has it.
    fn process(&self) -> u32 {
        let (entries, _) = self.recorder.since(0, Instant::now());
        let number = entries.iter().find_map(|(entry, _)| match &entry.what {
            Observed::Harness(HarnessEvent::PoweredOn { process }) => Some(*process),
            _ => None,
        });
        number.expect("the timeline must name the process")
    }

    fn assert_gone(&self) {
        let process = self.process();
        assert!(!Path::new(&format!("/proc/{process}")).exists(), "process {process} is still there");
    }
}

#[test]
fn a_proper_qemu_answers_and_ends_when_told_to() {
    let bench = Bench::new();
    let vm = bench.power_on(Behaviour::Proper, LONG).unwrap();
    assert_eq!(vm.execute("query-status", Value::Null).unwrap(), serde_json::json!({}));
    vm.execute("quit", Value::Null).unwrap();
    assert_eq!(vm.exit(LONG), Some(Exit { code: Some(0), signal: None }));
    bench.assert_gone();
}

#[test]
fn a_guest_that_ends_qemu_before_the_monitor_greets_has_run() {
    let bench = Bench::new();
    let vm = bench.power_on(Behaviour::RunsAtOnce, LONG).unwrap();
    assert_eq!(vm.exit(LONG), Some(Exit { code: Some(3), signal: None }));
    assert!(bench.recorder.stream(crate::evidence::Source::DebugConsole).starts_with(b"SeaBIOS"));
    bench.assert_gone();
}

#[test]
fn silence_is_a_timeout_that_names_the_greeting() {
    let text = Bench::new().refused(Behaviour::Silent, SHORT);
    assert_eq!(text, "no greeting from QEMU within 0.3 s; last message: none");
}

#[test]
fn a_monitor_that_hangs_up_without_a_greeting_is_named() {
    let text = Bench::new().refused(Behaviour::HangsUp, MEDIUM);
    assert_eq!(text, "the QMP link ended: QEMU closed it (waiting for greeting)");
}

#[test]
fn garbage_instead_of_a_greeting_is_quoted() {
    let text = Bench::new().refused(Behaviour::Garbage, MEDIUM);
    assert!(text.contains("not JSON: (qemu)") && text.ends_with("(waiting for greeting)"), "{text}");
}

#[test]
fn half_a_greeting_is_quoted() {
    let text = Bench::new().refused(Behaviour::HalfLine, MEDIUM);
    assert!(text.contains("broke off in the middle of a message: {\"QMP\": {\"version\""), "{text}");
}

#[test]
fn a_greeting_without_an_answer_names_the_command_that_got_none() {
    let text = Bench::new().refused(Behaviour::GreetsOnly, SHORT * 6);
    assert!(text.starts_with("no reply to qmp_capabilities from QEMU within 1.8 s; last message: {\"QMP\""), "{text}");
}

#[test]
fn an_exit_before_the_guest_runs_gives_status_and_message() {
    let text = Bench::new().refused(Behaviour::ExitsEarly, LONG);
    assert_eq!(
        text,
        "QEMU ended before the guest ran: exit code 1; it said: qemu-system-x86_64: -device nonsense: 'nonsense' is not \
         a valid device model name"
    );
}

#[test]
fn a_program_that_does_not_exist_is_named() {
    let bench = Bench::new();
    let ports = Ports::new(Vec::new(), Vec::new()).unwrap();
    let mut command = Command::new("/nonexistent/qemu");
    let error = Vm::power_on(command.directory(bench.folder.path()), ports, bench.recorder.clone(), SHORT);
    assert_eq!(error.err().unwrap().to_string(), "cannot start /nonexistent/qemu");
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let bench = Bench::new();
    let ports = Ports::new(Vec::new(), Vec::new()).unwrap();
    let folder = bench.folder.path().join("missing");
    let mut command = Command::new("sh");
    let error = Vm::power_on(command.directory(&folder), ports, bench.recorder.clone(), SHORT).err().unwrap();
    assert_eq!(error.to_string(), format!("cannot prepare {}", folder.join("qemu.log").display()));
}

#[test]
fn a_qemu_that_ignores_quit_is_killed_on_drop() {
    let bench = Bench::new();
    let vm = bench.power_on(Behaviour::IgnoresQuit, LONG).unwrap();
    vm.execute("quit", Value::Null).unwrap();
    assert_eq!(vm.exit(Duration::from_millis(100)), None);
    assert!(Path::new(&format!("/proc/{}", bench.process())).exists());
    drop(vm);
    bench.assert_gone();
}

#[test]
fn a_flood_on_the_serial_port_is_cut_and_does_not_stop_the_monitor() {
    let bench = Bench::new();
    let vm = bench.power_on(Behaviour::FloodsSerial, LONG).unwrap();
    let deadline = Instant::now() + LONG;
    while bench.recorder.stream(Source::Serial).len() < STREAM_LIMIT {
        assert!(Instant::now() < deadline, "the flood never reached the limit");
        std::thread::sleep(Duration::from_millis(20));
    }
    vm.execute("query-status", Value::Null).unwrap();
    assert_eq!(vm.power_off(), Some(Exit { code: None, signal: Some(9) }));
    assert_eq!(bench.recorder.stream(Source::Serial).len(), STREAM_LIMIT);
    bench.assert_gone();
}

#[test]
fn a_qemu_that_dies_ends_every_waiter_and_leaves_its_last_words() {
    let bench = Bench::new();
    let vm = bench.power_on(Behaviour::DiesInTheMiddle, LONG).unwrap();
    let error = vm.execute("query-status", Value::Null).unwrap_err();
    assert!(matches!(error, QmpError::Ended(_)), "{error}");
    assert!(error.to_string().ends_with("(waiting for reply to query-status)"), "{error}");
    let exit = vm.exit(LONG).unwrap();
    assert_eq!(exit.to_string(), "killed by signal 6");
    assert_eq!(bench.recorder.stream(Source::Serial), b"last words");
    let last = "\"text\":\"QEMU ended: killed by signal 6\",\"mark\":{\"ended\":null}}\n";
    assert!(bench.recorder.timeline_jsonl().ends_with(last));
    bench.assert_gone();
}

#[test]
fn a_qemu_that_is_killed_inside_a_wrapper_was_killed_and_did_not_exit() {
    let bench = Bench::new();
    let shell = ["sh", "-c", "status=0; \"$@\" || status=$?; exit $status", "lab.sh"];
    let vm = bench.power_on_in(&shell, Behaviour::IsKilled, LONG).unwrap();
    assert_eq!(vm.exit(LONG), Some(Exit { code: None, signal: Some(9) }));
    assert!(bench.recorder.timeline_jsonl().contains("QEMU ended: killed by signal 9"));
}

#[test]
fn a_child_that_holds_the_sockets_does_not_hide_that_qemu_ended() {
    let bench = Bench::new();
    let vm = bench.power_on(Behaviour::LeavesChild, LONG).unwrap();
    vm.execute("quit", Value::Null).ok();
    assert_eq!(vm.exit(LONG), Some(Exit { code: Some(0), signal: None }));
    let child = String::from_utf8(bench.recorder.stream(Source::Serial)).unwrap();
    let child = Pid::from_raw(child.parse().unwrap());
    kill(child, Signal::SIGKILL).expect("the child is still there: nobody waited for it");
    bench.assert_gone();
}

#[test]
fn a_machine_is_drained_when_all_that_it_printed_is_in_the_timeline() {
    let bench = Bench::new();
    let vm = bench.power_on(Behaviour::BannerOnly, LONG).unwrap();
    assert!(vm.wait_until_drained(LONG));
    assert_eq!(bench.recorder.stream(Source::DebugConsole), b"SeaBIOS (version 1.16.2-debian-1.16.2-1)\n");
    let in_transit = vm.ports[0].lock();
    assert!(!vm.wait_until_drained(SHORT), "a reader is on its way to the timeline");
    drop(in_transit);
    assert!(vm.wait_until_drained(LONG));
}

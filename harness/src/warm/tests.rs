//! The whole way, with the host's own QEMU and OVMF: a base is made, proven, found again; a point that is no beginning as good
//! as a reset is refused. Nothing is shown where the host has neither.

use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::*;
use crate::evidence::Source;
use crate::machine::{Board, Clock, Firmware};
use crate::platform::{self, PlatformName, Qemu, sample};
use crate::vm::gdb::Gdb;

/// The host's platform; `None` where it has no QEMU or no OVMF, which in CI is an error.
fn host() -> Option<Platform> {
    let found = Platform::resolve(&PlatformName::Host, &platform::Options::default(), &mut |_| ());
    let found = found.ok().filter(|platform| platform.ovmf.is_some());
    assert!(found.is_some() || std::env::var_os("CI").is_none(), "the host has no QEMU with OVMF");
    found
}

fn by(clock: Clock, mut machine: Machine) -> Machine {
    machine.clock = Some(clock);
    base_machine(&machine)
}

fn machine(board: Board) -> Machine {
    by(Clock::Real, Machine::new(Firmware::Ovmf, board))
}

#[test]
fn whatever_the_guest_could_read_is_in_the_key() {
    let file = |sha256: &str| sample::file("/fw", "1", sha256);
    let platform = |code: &str, vars: &str, qemu: &str| {
        let bare = sample::platform(10, 0);
        let qemu = Qemu { sha256: qemu.to_owned(), ..bare.qemu };
        Platform { qemu, ovmf: Some(sample::ovmf(file(code), file(vars))), ..bare }
    };
    let plain = machine(Board::Pc);
    let key = |machine: &Machine, platform: &Platform| Key::of(machine, platform).unwrap().digest();
    let own = key(&plain, &platform("a", "b", "c"));
    assert_eq!(own, key(&plain, &platform("a", "b", "c")));
    let others = [
        key(&plain, &platform("x", "b", "c")),
        key(&plain, &platform("a", "x", "c")),
        key(&plain, &platform("a", "b", "x")),
        key(&machine(Board::Q35), &platform("a", "b", "c")),
        key(&plain.clone().cpu("max"), &platform("a", "b", "c")),
        // a base has what its machine has
        key(&base_machine(&plain.clone().fw_cfg("opt/a", "b")), &platform("a", "b", "c")),
        key(&plain.clone().ram_mib(256), &platform("a", "b", "c")),
        key(&by(Clock::Virtual { shift: 9 }, plain), &platform("a", "b", "c")),
    ];
    assert!(others.iter().all(|other| *other != own), "{others:?}");
}

#[test]
fn no_base_is_made_before_a_machine_has_come_to_a_program_and_nobody_waits_for_one() {
    let dir = tempfile::tempdir().unwrap();
    let files = sample::ovmf(sample::file("/fw", "1", "a"), sample::file("/fw", "1", "b"));
    let platform = Platform { ovmf: Some(files), ..sample::platform(10, 0) };
    let machine = machine(Board::Pc);
    let bases = WarmBases::new(dir.path(), Making::AfterABoot);
    let why = bases.base_of(&machine, &platform).unwrap_err();
    assert!(why.contains("no machine of this run had come to a program"), "{why}");
    bases.saw_a_boot();
    let why = bases.base_of(&machine, &platform).unwrap_err();
    assert!(why.contains("pays from the third machine on"), "{why}");
    let slot = bases.known.lock().unwrap().values().next().unwrap().clone();
    slot.taken.store(true, Ordering::SeqCst);
    let why = bases.base_of(&machine, &platform).unwrap_err();
    assert_eq!(why, "its base was being made");
    slot.taken.store(false, Ordering::SeqCst);
    // the sample's QEMU is not there
    let why = bases.base_of(&machine, &platform).unwrap_err();
    assert!(why.starts_with("no base could be made"), "{why}");
    assert_eq!(bases.base_of(&machine, &platform).unwrap_err(), why);
}

/// A machine without devices that has gone on until its boot manager has printed something has read its boot order: it has
/// none. A base of it boots machines in the wrong order or not at all, and nothing but the probe machines tells.
#[test]
fn a_point_behind_the_reading_of_the_boot_order_is_refused() {
    let Some(platform) = host() else { return };
    let dir = tempfile::tempdir().unwrap();
    let machine = machine(Board::Pc);
    let key = Key::of(&machine, &platform).unwrap();
    let capture = Capture { machine: &machine, platform: &platform, folder: dir.path().canonicalize().unwrap() };
    let (near, far) = UnixStream::pair().unwrap();
    let (vm, recorder) = capture.power_on(Some(far.into())).unwrap();
    let mut gdb = Gdb::new(near);
    gdb.run_on().unwrap();
    let deadline = Instant::now() + Duration::from_secs(120);
    while recorder.stream_len(Source::Serial) == 0 {
        assert!(Instant::now() < deadline, "no word on the serial port");
        std::thread::sleep(Duration::from_millis(20));
    }
    gdb.interrupt(Duration::from_secs(60)).unwrap();
    let planted = Arc::new(capture.saved(&vm, &recorder, "a planted point", &key).unwrap());
    vm.execute("query-status", Value::Null).unwrap();
    drop(vm);
    let proof = Proof::begin(&machine, &platform, dir.path().join("probes")).unwrap();
    let why = proof.differs(&planted).unwrap().expect("the planted point was taken");
    assert!(why.starts_with("probe machine 0: "), "{why}");
}

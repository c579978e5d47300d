//! Runs that never get as far as firmware, and guests that say nothing: against a scripted QEMU.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use super::*;
use crate::case::story::{Destination, Drives, Story, WhileOff};
use crate::machine::{Board, Firmware, Medium};
use crate::platform::{FirmwareFile, Ovmf, Qemu, sample};
use crate::verdict::Expectation;
use crate::vm::fake::{self, Behaviour};

fn file(path: &Path) -> FirmwareFile {
    sample::file(&path.display().to_string(), "1", "")
}

pub(super) fn platform(behaviour: Behaviour) -> Platform {
    let bare = sample::platform(99, 0);
    let qemu = Qemu { command: fake::command(), env: fake::env(behaviour), ..bare.qemu };
    Platform { name: "fake".to_owned(), qemu, seabios: Some(file(Path::new("/fw/bios.bin"))), ..bare }
}

pub(super) fn case(firmware: Firmware) -> Case {
    let machine = Machine::pc(firmware).virtio_blk(Medium::bootable("only")).bootindex(1);
    Case::new("synthetic::case").machine(machine).expect(Expectation::boots("only")).control_blank("only")
}

const SHORT: Duration = Duration::from_millis(300);
const LONG: Duration = Duration::from_secs(20);

fn options(folder: &Path, reply: Duration) -> Options {
    let patience = Patience { reply, first_sign: SHORT, progress: SHORT, refuted: SHORT, run: LONG };
    Options::new(folder, 1).patience(patience)
}

/// Runs the case and says what happened.
fn run_on(platform: &Platform, reply: Duration) -> (Finished, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let finished = run(&case(Firmware::SeaBios), platform, &options(folder.path(), reply));
    (finished, folder)
}

#[test]
fn a_platform_without_the_firmware_skips_the_case_and_says_which() {
    let folder = tempfile::tempdir().unwrap();
    let options = options(folder.path(), SHORT);
    let platform = Platform { seabios: None, ..platform(Behaviour::Proper) };
    let skipped = |firmware| run(&case(firmware), &platform, &options).ended;
    assert_eq!(skipped(Firmware::SeaBios), Ended::Skipped("the platform has no SeaBIOS".to_owned()));
    assert_eq!(skipped(Firmware::Ovmf), Ended::Skipped("the platform has no OVMF".to_owned()));
    let control = run_control(&case(Firmware::Ovmf), &platform, &options).ended;
    assert_eq!(control, Ended::Skipped("the platform has no OVMF".to_owned()));
}

#[test]
fn a_folder_that_cannot_be_made_is_broken_with_its_path() {
    let folder = tempfile::tempdir().unwrap();
    let occupied = folder.path().join("occupied");
    fs::write(&occupied, "a file where a folder is wanted").unwrap();
    let finished = run(&case(Firmware::SeaBios), &platform(Behaviour::Proper), &options(&occupied, SHORT));
    let Ended::Broken(reason) = &finished.ended else { panic!("{:?}", finished.ended) };
    assert!(reason.starts_with(&format!("cannot create {}", occupied.join("media").display())), "{reason}");
    assert_eq!(finished.guest_state, "never powered on");
}

#[test]
fn a_folder_without_write_permission_is_broken_with_its_path() {
    let folder = tempfile::tempdir().unwrap();
    let locked = folder.path().join("locked");
    fs::create_dir_all(locked.join("media")).unwrap();
    fs::set_permissions(locked.join("media"), fs::Permissions::from_mode(0o555)).unwrap();
    if fs::write(locked.join("media/probe"), "").is_ok() {
        return; // root writes anywhere
    }
    let finished = run(&case(Firmware::SeaBios), &platform(Behaviour::Proper), &options(&locked, SHORT));
    let Ended::Broken(reason) = &finished.ended else { panic!("{:?}", finished.ended) };
    assert!(reason.starts_with("cannot write medium"), "{reason}");
}

#[test]
fn a_machine_that_cannot_be_laid_out_is_broken_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let machine = Machine::q35(Firmware::SeaBios).ide(0, 0, Medium::bootable("only"));
    let case = case(Firmware::SeaBios).machine(machine);
    let finished = run(&case, &platform(Behaviour::Proper), &options(folder.path(), SHORT));
    let reason = "the machine cannot be laid out: device 0: a PIIX3 IDE controller does not exist on q35";
    assert_eq!(finished.ended, Ended::Broken(reason.to_owned()));
}

#[test]
fn firmware_on_a_board_of_other_firmware_is_broken_and_not_skipped() {
    let folder = tempfile::tempdir().unwrap();
    let case = case(Firmware::SeaBios).machine(Machine::new(Firmware::Aavmf, Board::Pc));
    let finished = run(&case, &platform(Behaviour::Proper), &options(folder.path(), SHORT));
    let reason = "firmware aavmf does not run on board pc: wanted seabios or ovmf";
    assert_eq!(finished.ended, Ended::Broken(reason.to_owned()));
}

#[test]
fn a_paused_machine_that_nobody_continues_is_broken_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let case = case(Firmware::SeaBios);
    let case = case.clone().machine(case.machine.paused());
    let finished = run(&case, &platform(Behaviour::Proper), &options(folder.path(), LONG));
    let Ended::Broken(reason) = &finished.ended else { panic!("{:?}", finished.ended) };
    assert!(reason.starts_with("the machine is powered on paused and no cont follows"), "{reason}");
    assert_eq!(finished.guest_state, "never powered on");
}

#[test]
fn a_qemu_that_never_greets_is_broken_and_ends_in_time() {
    let (finished, _folder) = run_on(&platform(Behaviour::Silent), SHORT);
    let reason = "no greeting from QEMU within 0.3 s; last message: none";
    assert_eq!(finished.ended, Ended::Broken(reason.to_owned()));
}

#[test]
fn a_qemu_that_refuses_its_command_line_is_broken_with_its_words() {
    let (finished, folder) = run_on(&platform(Behaviour::ExitsEarly), LONG);
    let Ended::Broken(reason) = &finished.ended else { panic!("{:?}", finished.ended) };
    assert!(reason.starts_with("QEMU ended before the guest ran (exit code 1): "), "{reason}");
    assert!(reason.ends_with("'nonsense' is not a valid device model name"), "{reason}");
    assert!(folder.path().join("command.sh").exists(), "the command line is evidence");
}

#[test]
fn a_guest_that_ended_before_the_monitor_was_answered_is_judged_by_what_it_printed() {
    let (finished, _folder) = run_on(&platform(Behaviour::RunsAtOnce), LONG);
    let Ended::Failed(reason) = &finished.ended else { panic!("{:?}", finished.ended) };
    assert!(reason.starts_with("attempt 1: expected \"only\" booted, saw "), "{reason}");
}

#[test]
fn a_guest_that_shows_no_sign_of_life_fails_and_the_reason_says_what_was_awaited() {
    // who waits for the reply to quit, or for the end, waits for an hour
    let (finished, folder) = run_on(&platform(Behaviour::IgnoresQuit), Duration::from_secs(3600));
    let Ended::Failed(reason) = &finished.ended else { panic!("{:?}", finished.ended) };
    assert!(
        reason.starts_with("attempt 1: expected \"only\" booted, saw no sign of life from the firmware; "),
        "{reason}"
    );
    assert!(reason.contains("waiting for a sign of life from the firmware; last seen: no attempt"), "{reason}");
    for name in ["serial.log", "debugcon.log", "qmp.jsonl", "timeline.jsonl", "trace.json", "machine.json", "media"] {
        assert!(folder.path().join(name).exists(), "{name} is missing");
    }
}

#[test]
fn a_control_that_shows_no_sign_of_life_refutes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let options = options(folder.path(), LONG);
    let finished = run_control(&case(Firmware::SeaBios), &platform(Behaviour::IgnoresQuit), &options);
    let Ended::Broken(reason) = &finished.ended else { panic!("{:?}", finished.ended) };
    assert!(reason.starts_with("the control machine showed no sign of life, which refutes nothing: "), "{reason}");
}

#[test]
fn a_control_that_only_ran_into_a_deadline_refutes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let options = options(folder.path(), LONG);
    let finished = run_control(&case(Firmware::SeaBios), &platform(Behaviour::BannerOnly), &options);
    let Ended::Broken(reason) = &finished.ended else { panic!("{:?}", finished.ended) };
    assert!(reason.starts_with("the control only ran into a deadline, which refutes nothing: "), "{reason}");
}

#[test]
fn a_case_without_a_control_is_vacuous() {
    let folder = tempfile::tempdir().unwrap();
    let case = Case { control: None, ..case(Firmware::SeaBios) };
    let finished = run_control(&case, &platform(Behaviour::Proper), &options(folder.path(), SHORT));
    assert_eq!(finished.ended, Ended::Failed("the case has no negative control: it is vacuous".to_owned()));
}

/// Why a case failed whose only step moves the machine.
fn moving(behaviour: Behaviour, destination: Destination) -> String {
    telling(behaviour, Story::new().migrate(destination))
}

/// Why a case with this story failed, and every QEMU of it has ended.
fn telling(behaviour: Behaviour, story: Story) -> String {
    let folder = tempfile::tempdir().unwrap();
    let case = case(Firmware::SeaBios).story(story);
    let finished = run(&case, &platform(behaviour), &options(folder.path(), LONG));
    let timeline = fs::read_to_string(folder.path().join("timeline.jsonl")).unwrap();
    let count = |text: &str| timeline.lines().filter(|line| line.contains(text)).count();
    assert_eq!(count("powered on, process"), count("QEMU ended: "), "{timeline}");
    let Ended::Failed(reason) = finished.ended else { panic!("{:?}", finished.ended) };
    reason
}

#[test]
fn a_migration_that_does_not_end_fails_the_step_by_its_name() {
    let reason = moving(Behaviour::Proper, Destination::new());
    let wanted = "step 1 of 1, migrate: migration not completed at the destination in 0.3 s of host time; \
        status of the source: failed";
    assert_eq!(reason, wanted);
    let reason = moving(Behaviour::Proper, Destination::new().saved());
    assert!(reason.contains("save the state and restore it: migration not completed at the source"), "{reason}");
}

#[test]
fn a_migration_that_fails_gives_qemus_reason() {
    let reason = moving(Behaviour::FailsMigration, Destination::new());
    assert!(
        reason.starts_with("step 1 of 1, migrate: migration failed at the destination: Unable to write"),
        "{reason}"
    );
}

#[test]
fn a_destination_that_cannot_take_the_state_is_quoted() {
    let reason = moving(Behaviour::RefusesState, Destination::new());
    let words = "the destination ended: exit code 1; it said: qemu-system-x86_64: Unknown savevm section or instance";
    assert!(reason.contains(words), "{reason}");
}

#[test]
fn a_snapshot_whose_job_fails_fails_the_step_with_the_words_of_the_job() {
    let reason = telling(Behaviour::FailsSnapshot, Story::new().snapshot("a"));
    let wanted = "step 1 of 1, snapshot \"a\" of every writable drive: snapshot-save failed: Error while writing VM state: \
        Input/output error";
    assert_eq!(reason, wanted);
}

#[test]
fn a_snapshot_whose_job_does_not_end_fails_the_step_by_its_name() {
    let reason = telling(Behaviour::Proper, Story::new().snapshot("a"));
    let wanted =
        "step 1 of 1, snapshot \"a\" of every writable drive: snapshot-save is not over after 0.3 s of host time";
    assert_eq!(reason, wanted);
}

#[test]
fn a_snapshot_that_must_be_refused_is_refused_with_these_words_only() {
    let refused = |words| telling(Behaviour::FailsSnapshot, Story::new().snapshot_refused(Drives::Raw, words));
    assert!(refused("Input/output error").starts_with("attempt 1: "), "the story was told to its end");
    assert!(refused("does not support snapshots").starts_with("step 1 of 1, snapshot of raw drives, refused with"));
}

#[test]
fn a_machine_cannot_be_put_back_to_what_was_never_taken() {
    let folder = tempfile::tempdir().unwrap();
    let case = case(Firmware::SeaBios).story(Story::new().restore("a"));
    let ended = run(&case, &platform(Behaviour::Proper), &options(folder.path(), LONG)).ended;
    assert_eq!(ended, Ended::Broken("step 1 of 1, restore \"a\": no snapshot \"a\" was taken".to_owned()));
}

#[test]
fn firmware_without_a_variable_store_cannot_have_it_changed() {
    let folder = tempfile::tempdir().unwrap();
    let case = case(Firmware::SeaBios).story(Story::new().power_cycle_with(WhileOff::new().fresh_store()));
    let finished = run(&case, &platform(Behaviour::Proper), &options(folder.path(), LONG));
    let reason = "step 1 of 1, power cycle with fresh variable store: this firmware has no flash and no variable store";
    assert_eq!(finished.ended, Ended::Broken(reason.to_owned()));
}

#[test]
fn a_release_that_was_never_fetched_skips_the_case_and_says_how_to_fetch_it() {
    let folder = tempfile::tempdir().unwrap();
    let ovmf = Ovmf {
        code: file(Path::new("/fw/CODE.fd")),
        vars: file(Path::new("/fw/VARS.fd")),
        requires_smm: false,
        enrolled_keys: false,
    };
    let platform = Platform { ovmf: Some(ovmf), ..platform(Behaviour::Proper) };
    let story = Story::new().power_cycle_with(WhileOff::new().code_of("debian:no-such-suite"));
    let finished = run(&case(Firmware::Ovmf).story(story), &platform, &options(folder.path(), LONG));
    let reason = "debian:no-such-suite is not in the cache: cargo xtask platform fetch debian:no-such-suite";
    assert_eq!(finished.ended, Ended::Skipped(reason.to_owned()));
}

#[test]
fn a_snapshot_that_qemu_takes_although_it_must_refuse_fails_the_step() {
    let reason = telling(Behaviour::TakesSnapshots, Story::new().snapshot_refused(Drives::Raw, "no"));
    assert_eq!(reason, "step 1 of 1, snapshot of raw drives, refused with \"no\": QEMU did not refuse");
    let reason = telling(Behaviour::TakesSnapshots, Story::new().snapshot("a").restore_refused("a", &["no", "never"]));
    assert_eq!(reason, "step 2 of 2, restore \"a\", refused with \"no\" or \"never\": QEMU did not refuse");
}

#[test]
fn a_machine_with_overlays_is_not_powered_off_by_its_story() {
    let ended = |story: Story| {
        let folder = tempfile::tempdir().unwrap();
        let case = case(Firmware::SeaBios).story(story);
        run(&case, &platform(Behaviour::TakesSnapshots), &options(folder.path(), LONG)).ended
    };
    let words = "step 2 of 3, power cycle: overlays of snapshots do not go along to another QEMU";
    assert_eq!(ended(Story::new().snapshot("a").power_cycle(&[]).restore("a")), Ended::Broken(words.to_owned()));
    // once they are committed it may be
    let Ended::Failed(reason) = ended(Story::new().snapshot("a").restore("a").power_cycle(&[])) else {
        panic!("the story must be told to its end");
    };
    assert!(reason.starts_with("attempt 1: "), "{reason}");
}

/// A run with two seconds for each step and for all, of a QEMU whose flood has no end: who waits for that waits for ever.
fn flooded(behaviour: Behaviour) -> (Finished, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let seconds = Duration::from_secs(2);
    let patience = Patience { reply: LONG, first_sign: seconds, progress: seconds, refuted: seconds, run: seconds };
    let options = Options::new(folder.path(), 1).patience(patience);
    let finished = run(&case(Firmware::SeaBios), &platform(behaviour), &options);
    (finished, folder)
}

#[test]
fn a_guest_that_floods_its_console_ends_in_time_and_its_evidence_is_missing() {
    let (finished, folder) = flooded(Behaviour::FloodsDebugConsole);
    let Ended::Broken(reason) = &finished.ended else { panic!("{:?}", finished.ended) };
    assert!(
        reason.starts_with("evidence is missing, ") && reason.ends_with(" bytes of debugcon were not kept"),
        "{reason}"
    );
    let timeline = fs::read_to_string(folder.path().join("timeline.jsonl")).unwrap();
    assert!(timeline.contains("no more bytes of debugcon are kept from here on"));
    assert!(finished.trace.attempts.len() <= 1000 && finished.trace.boot_order.len() <= 256);
}

#[test]
fn a_qemu_that_floods_its_monitor_is_broken_and_named() {
    let (finished, _folder) = flooded(Behaviour::FloodsMonitor);
    let Ended::Broken(reason) = &finished.ended else { panic!("{:?}", finished.ended) };
    assert!(reason.starts_with("QEMU floods QMP: "), "{reason}");
}

#[test]
fn a_qemu_that_floods_its_own_output_leaves_a_small_log() {
    let (_finished, folder) = flooded(Behaviour::FloodsStderr);
    let log = fs::read(folder.path().join("qemu.log")).unwrap();
    assert!(log.len() < 2 << 20, "{} bytes", log.len());
    assert!(String::from_utf8_lossy(&log).contains(" bytes are left out here]"), "{} bytes", log.len());
}

/// How a case ends whose QEMU meets this once it has negotiated.
fn ended_by(behaviour: Behaviour) -> Ended {
    let folder = tempfile::tempdir().unwrap();
    let patience = Patience { reply: LONG / 10, first_sign: SHORT, progress: SHORT, refuted: SHORT, run: LONG };
    run(&case(Firmware::SeaBios), &platform(behaviour), &Options::new(folder.path(), 1).patience(patience)).ended
}

#[test]
fn a_qemu_that_is_killed_from_outside_is_broken_with_the_cause() {
    let Ended::Broken(reason) = ended_by(Behaviour::IsKilled) else { panic!("{:?}", ended_by(Behaviour::IsKilled)) };
    assert_eq!(reason, "QEMU was killed by signal 9: somebody ended it, or the host's memory ran out");
}

#[test]
fn a_qemu_that_somebody_terminated_is_broken_although_it_ends_with_success() {
    let Ended::Broken(reason) = ended_by(Behaviour::IsTerminated) else {
        panic!("{:?}", ended_by(Behaviour::IsTerminated))
    };
    assert_eq!(reason, "somebody ended QEMU by a signal");
}

#[test]
fn a_qemu_that_crashes_is_failed() {
    let Ended::Failed(reason) = ended_by(Behaviour::Crashes) else { panic!("{:?}", ended_by(Behaviour::Crashes)) };
    assert!(reason.contains("QEMU ended by itself: killed by signal 11"), "{reason}");
}

#[test]
fn a_qemu_that_a_signal_has_stopped_is_broken_with_the_cause() {
    let Ended::Broken(reason) = ended_by(Behaviour::IsStopped) else { panic!("{:?}", ended_by(Behaviour::IsStopped)) };
    assert_eq!(reason, "a signal has stopped QEMU, which does not run on (SIGSTOP)");
}

#[test]
fn a_qemu_that_exits_with_success_before_anything_happened_is_broken() {
    let Ended::Broken(reason) = ended_by(Behaviour::ExitsAtOnce) else {
        panic!("{:?}", ended_by(Behaviour::ExitsAtOnce))
    };
    let wanted = "QEMU ended by itself: exit code 0: without a sign of life, and nobody had asked it to";
    assert_eq!(reason, wanted);
}

#[test]
fn a_qemu_that_is_killed_during_a_step_is_broken_and_one_that_crashes_is_failed() {
    let during = |behaviour| {
        let folder = tempfile::tempdir().unwrap();
        let case = case(Firmware::SeaBios).story(Story::new().wait_for("only").cont());
        run(&case, &platform(behaviour), &options(folder.path(), LONG)).ended
    };
    let killed = during(Behaviour::IsKilled);
    let wanted = "step 1 of 2, wait for the payload of \"only\": QEMU was killed by signal 9; last seen: no attempt";
    assert_eq!(killed, Ended::Broken(wanted.to_owned()));
    assert!(matches!(during(Behaviour::Crashes), Ended::Failed(_)));
}

#[test]
fn a_panic_of_the_harness_is_broken_with_its_message() {
    let case = case(Firmware::SeaBios);
    let ended = shielded(&case, || panic!("index {} out of range", 7)).ended;
    assert_eq!(ended, Ended::Broken("the harness panicked: index 7 out of range".to_owned()));
}

#[test]
fn a_folder_that_was_moved_still_runs_by_hand() {
    let (_, folder) = run_on(&platform(Behaviour::Proper), SHORT);
    let script = fs::read_to_string(folder.path().join("command.sh")).unwrap();
    assert!(script.contains("file.filename=media/only.img"), "{script}");
    let place = folder.path().canonicalize().unwrap();
    let arguments = script.split("exec ").last().unwrap();
    assert!(!arguments.contains(&*place.to_string_lossy()), "{arguments}");
}

#[test]
fn an_nvme_disk_beside_a_nic_has_a_clock_that_its_driver_can_wait_by() {
    let options = || Options::new("out", 1);
    let clock = |machine: Machine, options: &Options| with_choices(&machine, options).clock;
    let both = |firmware| Machine::q35(firmware).nvme(Medium::bootable("a")).nic("virtio-net-pci", None);
    assert_eq!(clock(both(Firmware::Ovmf), &options()), Some(PATIENT));
    assert_eq!(clock(both(Firmware::Ovmf), &options().clock(Some(Clock::Real))), Some(Clock::Real));
    assert_eq!(clock(both(Firmware::SeaBios), &options()), None);
    assert_eq!(clock(Machine::q35(Firmware::Ovmf).nvme(Medium::bootable("a")), &options()), None);
    assert_eq!(
        clock(Machine::q35(Firmware::Ovmf).virtio_blk(Medium::bootable("a")).nic("e1000", None), &options()),
        None
    );
}

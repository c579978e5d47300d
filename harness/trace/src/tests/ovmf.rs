//! What OVMF logs.

use bootwright_machine::machine::DeviceName;

use super::*;

/// One attempt on the disk in slot 3, as edk2 words it (`BmBoot.c`), ended with `rest`.
fn bds(rest: &str) -> String {
    let option = "Boot0001 \"UEFI Misc Device\" from PciRoot(0x0)/Pci(0x3,0x0)";
    rest.replace("OPTION", option)
}

#[rstest]
#[case::v2022_11(fixture!("ovmf-2022.11-blank-virtio-blk"), "Boot0001", "Boot0002")]
#[case::v2025_02(fixture!("ovmf-2025.02-blank-virtio-blk"), "Boot0001", "Boot0002")]
#[case::v2026_08(fixture!("ovmf-2026.08-blank-virtio-blk"), "Boot0002", "Boot0003")]
fn ovmf_falls_through_from_a_blank_disk(#[case] log: &str, #[case] first: &str, #[case] second: &str) {
    let own = |text: &str, medium: &str| (text.to_owned(), medium.to_owned());
    let uefi = vec![own("PciRoot(0x0)/Pci(0x4,0x0)", "first"), own("PciRoot(0x0)/Pci(0x6,0x0)", "second")];
    let trace = read_with(Ovmf, Names { uefi, ..names(log) }, log.as_bytes());
    let expected = [
        format!("{first} \"UEFI Misc Device\" \"first\" failed (failed to load (Not Found))"),
        format!("{second} \"UEFI Misc Device 2\" \"second\" booted (payload ran)"),
    ];
    assert_eq!(attempts(&trace), expected);
    assert_eq!((trace.booted(), trace.contradictions.len()), (Some("second"), 0));
    let payload = &trace.payloads[0];
    assert_eq!((payload.via.as_str(), payload.boot_order.as_ref().unwrap().len() >= 3), ("uefi", true));
    assert_eq!(format!("Boot{:04X}", payload.boot_current.unwrap()), second);
}

#[test]
fn ovmf_names_the_optical_drive_by_its_port() {
    let trace = read(Ovmf, fixture!("ovmf-2022.11-blank-before-optical"));
    assert_eq!(trace.attempts[1].medium.as_deref(), Some("second"));
    assert!(trace.attempts[1].target.contains("DVD-ROM"), "{}", trace.attempts[1].target);
    assert_eq!(trace.booted(), Some("second"));
}

#[test]
fn an_option_of_an_empty_drive_is_that_drives_and_no_other() {
    let path = "PciRoot(0x0)/Pci(0x1F,0x2)/Sata(0x1,0xFFFF,0x0)";
    let log = format!("BdsDxe: failed to load Boot0001 \"UEFI QEMU DVD-ROM QM00003 \" from {path}: Not Found\r\n");
    let of = |path: &str| {
        let empty = vec![(path.to_owned(), DeviceName::nic(7))];
        let trace = read_with(Ovmf, Names { empty, ..names(&log) }, log.as_bytes());
        (trace.attempts[0].entry.clone(), trace.attempts[0].medium.clone())
    };
    assert_eq!(of(path), (Some(DeviceName::nic(7)), None));
    assert_eq!(of("PciRoot(0x0)/Pci(0x1F,0x2)/Sata(0x2,0xFFFF,0x0)"), (None, None));
}

#[test]
fn ovmf_names_an_empty_optical_drive_that_it_fails_to_load_from() {
    let trace = read(Ovmf, fixture!("ovmf-2022.11-empty-optical-drive"));
    assert!(trace.attempts[0].target.contains("DVD-ROM"));
    assert_eq!(trace.attempts[0].outcome, Some(Outcome::Failed));
    assert_eq!(trace.attempts.len(), 2);
}

#[rstest]
#[case::v2022_11(fixture!("ovmf-2022.11-returning"))]
#[case::v2025_02(fixture!("ovmf-2025.02-returning"))]
#[case::v2026_08(fixture!("ovmf-2026.08-returning"))]
fn ovmf_goes_on_after_code_that_returns_an_error(#[case] log: &str) {
    let trace = read(Ovmf, log);
    let list = attempts(&trace);
    assert!(list[0].ends_with("\"first\" failed (ran, then returned Not Found)"), "{list:?}");
    assert!(list[1].ends_with("\"second\" booted (payload ran)"), "{list:?}");
    assert_eq!((list.len(), trace.payloads.len()), (2, 2));
}

#[test]
fn an_option_that_booted_and_fails_after_a_reset_under_the_same_number_failed_there() {
    let mut reader = Reader::new(Ovmf, Names::default());
    let option = "Boot0001 \"UEFI Misc Device\" from PciRoot(0x0)/Pci(0x6,0x0)";
    reader.push(Source::Serial, format!("BdsDxe: starting {option}\r\n").as_bytes());
    reader.reset();
    reader.push(Source::Serial, format!("BdsDxe: failed to load {option}: Not Found\r\n").as_bytes());
    let laps: Vec<(u32, Option<Outcome>)> =
        reader.trace().attempts.iter().map(|attempt| (attempt.lap, attempt.outcome)).collect();
    assert_eq!(laps, [(1, Some(Outcome::Booted)), (2, Some(Outcome::Failed))]);
}

#[rstest]
#[case::v2022_11(fixture!("ovmf-2022.11-rebooting-port-cf9"))]
#[case::v2026_08(fixture!("ovmf-2026.08-rebooting-port-cf9"))]
fn a_reset_under_ovmf_begins_a_lap_where_qmp_says_so(#[case] log: &str) {
    let mut reader = Reader::new(Ovmf, names(log));
    let second = log.rfind("BdsDxe: loading").unwrap();
    reader.push(Source::Serial, &log.as_bytes()[..second]);
    reader.reset();
    reader.push(Source::Serial, &log.as_bytes()[second..]);
    let trace = reader.trace();
    let laps: Vec<(u32, Option<Outcome>)> =
        trace.attempts.iter().map(|attempt| (attempt.lap, attempt.outcome)).collect();
    assert_eq!(laps, [(1, Some(Outcome::Booted)), (2, Some(Outcome::Booted))]);
}

#[rstest]
#[case::v2022_11(fixture!("ovmf-2022.11-no-drive"))]
#[case::v2025_02(fixture!("ovmf-2025.02-no-drive"))]
fn with_nothing_to_boot_older_ovmf_starts_its_shell(#[case] log: &str) {
    let trace = read(Ovmf, log);
    assert_eq!((trace.terminal, trace.attempts.len()), (Some(Terminal::UefiShell), 0));
}

#[test]
fn with_nothing_to_boot_newer_ovmf_says_so() {
    let log = fixture!("ovmf-2026.08-no-drive");
    let trace = read(Ovmf, log);
    assert_eq!((trace.terminal, trace.attempts.len()), (Some(Terminal::NoBootableOption), 0));
    let cut = log.find("was found").unwrap() + "was found".len();
    let unfinished = read(Ovmf, &log[..cut]);
    assert_eq!(unfinished.terminal, Some(Terminal::NoBootableOption), "the line need not be complete");
}

#[rstest]
#[case::secure_boot(
    "BdsDxe: failed to load OPTION: Access Denied\r\n",
    Outcome::Refused,
    "failed to load (Access Denied)"
)]
#[case::violation(
    "BdsDxe: failed to load OPTION: Security Violation\r\n",
    Outcome::Refused,
    "failed to load (Security Violation)"
)]
#[case::not_found("BdsDxe: failed to load OPTION: Not Found\r\n", Outcome::Failed, "failed to load (Not Found)")]
#[case::network("BdsDxe: failed to load OPTION: Time out\r\n", Outcome::TimedOut, "failed to load (Time out)")]
#[case::start(
    "BdsDxe: loading OPTION\r\nBdsDxe: failed to start OPTION: Unsupported\r\n",
    Outcome::Failed,
    "failed to start (Unsupported)"
)]
fn ovmf_says_why_an_option_failed(#[case] log: &str, #[case] outcome: Outcome, #[case] reason: &str) {
    let trace = read(Ovmf, &bds(log));
    let attempt = &trace.attempts[0];
    assert_eq!((attempt.outcome, attempt.reason.to_string().as_str()), (Some(outcome), reason));
    assert_eq!((attempt.medium.as_deref(), trace.attempts.len()), (Some("first"), 1));
}

#[test]
fn code_that_returns_success_has_not_booted_either() {
    let log = bds("BdsDxe: loading OPTION\r\nBdsDxe: starting OPTION\r\n")
        + &payload_line(NONCE, "first")
        + "BdsDxe: loading Boot0000 \"UiApp\" from Fv(7CB8BDC9-F8EB-4F34-AAEA-3EE4AF6516A1)/\
           FvFile(00000000-F8EB-4F34-AAEA-3EE4AF6516A1)\r\n";
    let trace = read(Ovmf, &log);
    assert!(attempts(&trace)[0].ends_with("\"first\" failed (ran, then returned to the boot manager)"));
    assert_eq!(trace.booted(), None);
}

#[test]
fn a_reset_before_anything_was_started_is_no_boot() {
    let mut reader = Reader::new(Ovmf, names(""));
    reader.push(Source::Serial, bds("BdsDxe: loading OPTION\r\n").as_bytes());
    reader.reset();
    assert_eq!(reader.trace().attempts[0].outcome, Some(Outcome::Failed));
    reader.push(Source::Serial, bds("BdsDxe: loading OPTION\r\nBdsDxe: starting OPTION\r\n").as_bytes());
    reader.reset();
    assert_eq!(reader.trace().attempts[1].outcome, Some(Outcome::Booted));
    assert_eq!(reader.trace().laps, 3);
}

/// The boot manager does not speak of a kernel that QEMU hands over (`TryRunningQemuKernel` of `QemuKernel.c`).
#[test]
fn a_system_that_qemu_hands_over_is_an_attempt_of_its_own() {
    let given = |medium: &str| {
        let mut known = names("");
        known.nonces = [("00000000000000000000000000000001".to_owned(), "system".to_owned())].into();
        known.given = Some(medium.to_owned());
        let mut reader = Reader::new(Ovmf, known);
        let line = "BOOTWRIGHT/1 nonce=00000000000000000000000000000001 medium=system via=linux arch=x64 bootorder=- bios-geometry=- tsc=0000000000000001";
        let sum = line.bytes().fold(0_u16, |sum, byte| sum.wrapping_add(byte.into()));
        reader.push(Source::Serial, format!("{line} sum={sum:04x} end\r\n").as_bytes());
        reader.trace().clone()
    };
    let trace = given("system");
    let seen = trace.attempts.first().map(|attempt| (attempt.start, attempt.outcome, attempt.medium.as_deref()));
    assert_eq!(seen, Some((Start::HandedOver, Some(Outcome::Booted), Some("system"))));
    assert_eq!(given("another").attempts.len(), 0);
}

/// A loader that others wrote has no line of its own: only that of user space says that its system booted.
#[test]
fn a_system_whose_machine_is_reset_before_its_line_has_failed() {
    let mut known = names("");
    known.systems = vec!["first".to_owned()];
    let mut reader = Reader::new(Ovmf, known);
    let log = bds("BdsDxe: loading OPTION\r\nBdsDxe: starting OPTION\r\n");
    reader.push(Source::Serial, log.as_bytes());
    let medium = reader.trace().attempts[0].medium.clone();
    assert_eq!(medium.as_deref(), Some("first"));
    reader.reset();
    assert_eq!(reader.trace().attempts[0].outcome, Some(Outcome::Failed));
}

#[test]
fn escape_sequences_inside_a_line_do_not_hide_it() {
    let log = "\x1b[2J\x1b[001;001H\x1b[=3h\x1b[8;056;240tBdsDxe: \x1b[1mfailed to load Boot0001 \"x\" from \
               PciRoot(0x0)/Pci(0x3,0x0)\x1b[0m: Not Found\r\n";
    assert_eq!(attempts(&read(Ovmf, log)), ["Boot0001 \"x\" \"first\" failed (failed to load (Not Found))"]);
}

#[test]
fn what_follows_the_last_prompt_is_a_whole_sentence() {
    let prompt = "BdsDxe: No bootable option or device was found.\r\n";
    let whole = read(Ovmf, &format!("{prompt}BdsDxe: Press any key to enter the Boot Manager Menu.\r\n\r\n"));
    assert_eq!((whole.terminal.clone(), whole.holes), (Some(Terminal::NoBootableOption), Vec::new()));
    let cut = read(Ovmf, &format!("{prompt}BdsDxe: Press any key to er the Boot Manager Menu.\r\nBdsDxe: loading\r\n"));
    assert!(!cut.holes.is_empty());
}

#[test]
fn a_crash_of_the_firmware_is_no_end_of_the_search() {
    let crash = "!!!! X64 Exception Type - 0D(#GP - General Protection)  CPU Apic ID - 00000000 !!!!\r\n\
        ExceptionData - 0000000000000000\r\nRIP  - 000000000766AB1B, CS  - 0000000000000038\r\n\
        !!!! Find image based on IP(0x766AB1B) (No PDB)  (ImageBase=0000000007665000, EntryPoint=00000000076A49AF) !!!!\r\n";
    let trace = read(Ovmf, crash);
    assert_eq!(trace.holes, Vec::<String>::new(), "its addresses are no device paths");
    let alone = crash.lines().last().unwrap().to_owned() + "\r\n";
    assert_eq!(read(Ovmf, &alone).holes.len(), 1, "without the exception before it something is missing");
    assert_eq!((trace.terminal.clone(), trace.attempts.len()), (Some(Terminal::CpuException), 0));
    assert!(trace.shows_life());
    let trace = read(Ovmf, &(bds("BdsDxe: loading OPTION\r\n") + crash));
    assert_eq!(trace.attempts[0].reason.to_string(), "processor exception 0D(#GP - General Protection)");
    assert_eq!(read(Ovmf, "X64 Exception Type - 0D\r\n").terminal, None);
    assert_eq!(read(Ovmf, "!!!! VAX Exception Type - 0D\r\n").terminal, None);
}

#[test]
fn a_payload_that_ovmf_ran_without_a_boot_option_is_an_attempt() {
    let line = |via: &str, current: &str| {
        summed(&format!(
            "BOOTWRIGHT/1 nonce={NONCE} medium=first via={via} arch=x64 boot-current={current} boot-order=- boot-next=- \
             secure-boot=0 device-path=- file-path=- bootorder=- bios-geometry=- tsc=10 end\r\n"
        ))
    };
    let trace = read(Ovmf, &line("uefi", "-"));
    assert_eq!(attempts(&trace), ["no boot option \"first\" booted (payload ran)"]);
    assert_eq!(read(Ovmf, &line("linux", "-")).attempts, []);
    let unnamed = read(Ovmf, &line("uefi", "0001"));
    assert_eq!(attempts(&unnamed), ["Boot0001 \"first\" booted (payload ran)"]);
    assert_eq!(unnamed.holes.len(), 1, "the option has a name that was not printed: {:?}", unnamed.holes);
}

#[test]
fn setup_that_was_opened_is_an_end_until_something_boots_from_it() {
    let names = names("");
    let log = bds("BdsDxe: loading OPTION\r\nBdsDxe: starting OPTION\r\n")
        + "BdsDxe: loading Boot0000 \"UiApp\" from Fv(7CB8BDC9-F8EB-4F34-AAEA-3EE4AF6516A1)/FvFile(462CAA21-7614-4503-836E-8AB6F4662331)\r\n\
           BdsDxe: starting Boot0000 \"UiApp\" from Fv(7CB8BDC9-F8EB-4F34-AAEA-3EE4AF6516A1)/FvFile(462CAA21-7614-4503-836E-8AB6F4662331)\r\n";
    let trace = read_with(Ovmf, names.clone(), log.as_bytes());
    assert_eq!(attempts(&trace), ["Boot0001 \"UEFI Misc Device\" \"first\" failed (returned to the boot manager)"]);
    assert_eq!((trace.terminal, trace.holes), (Some(Terminal::Setup), Vec::new()));
    let menu_of_2026 = log.replace("462CAA21-7614-4503-836E-8AB6F4662331", "EEC25BDC-67F2-4D95-B1D5-F81B2039D11D");
    assert_eq!(read_with(Ovmf, names.clone(), menu_of_2026.as_bytes()).terminal, Some(Terminal::Setup));
    let chosen = log + &uefi_line("first", "0001");
    let trace = read_with(Ovmf, names, chosen.as_bytes());
    assert_eq!((trace.terminal.clone(), trace.booted()), (None, Some("first")));
}

/// A payload's line under UEFI.
fn uefi_line(medium: &str, current: &str) -> String {
    let nonce = if medium == "first" { NONCE } else { OTHER_NONCE };
    summed(&format!(
        "BOOTWRIGHT/1 nonce={nonce} medium={medium} via=uefi arch=x64 boot-current={current} boot-order=0001 \
         boot-next=- secure-boot=0 device-path=- file-path=- bootorder=- bios-geometry=- tsc=10 end\r\n"
    ))
}

#[test]
fn a_payload_that_runs_while_boot_current_names_a_failed_option_was_run_to_recover_the_platform() {
    let failed = bds("BdsDxe: failed to load OPTION: Not Found\r\n");
    let trace = read(Ovmf, &(failed.clone() + &uefi_line("second", "0001")));
    let expected = [
        "Boot0001 \"UEFI Misc Device\" \"first\" failed (failed to load (Not Found))",
        "platform recovery \"second\" booted (payload ran)",
    ];
    assert_eq!((attempts(&trace), trace.holes.len()), (expected.map(str::to_owned).to_vec(), 0));
    let trace = read(Ovmf, &(failed + &uefi_line("second", "0002")));
    assert_eq!(
        trace.holes,
        ["the payload of \"second\" ran by Boot0002 without an attempt"],
        "its sentences are missing"
    );
}

#[rstest]
#[case::lost_line_end("BdsDxe: failed to load OPTION: Not FoundBdsDxe: failed to load OPTION: Not Found\r\n", 0)]
#[case::lost_middle("BdsDxe: failed to load Boot0001 \"UEFI MiscBdsDxe: failed to load OPTION: Not Found\r\n", 1)]
#[case::half_a_status("BdsDxe: failed to load OPTION: Not Fou\r\nBdsDxe: failed to load OPTION: Not Found\r\n", 1)]
#[case::no_result("BdsDxe: loading OPTION\r\nBdsDxe: failed to load Boot0002 \"x\" from Pci(0x1): Not Found\r\n", 1)]
fn a_sentence_of_which_something_is_missing_is_a_hole(#[case] log: &str, #[case] holes: usize) {
    let trace = read(Ovmf, &bds(log));
    assert_eq!(trace.holes.len(), holes, "{:?}", trace.holes);
}

#[test]
fn a_sentence_that_a_reset_cut_is_no_hole() {
    let mut reader = Reader::new(Ovmf, names(""));
    reader.push(Source::Serial, b"BdsDxe: failed to load Boot0001 \"UEFI Mi\r\n");
    reader.reset();
    reader.push(Source::Serial, bds("BdsDxe: failed to load OPTION: Not Found\r\n").as_bytes());
    assert_eq!(reader.trace().holes, Vec::<String>::new());
}

#[rstest]
#[case::behind_the_carriage_return("\r", &[1, 2])]
#[case::before_it("", &[1, 2])]
fn a_payloads_line_is_of_the_lap_whose_reset_came_before_its_line_feed(#[case] end: &str, #[case] laps: &[u32]) {
    let mut reader = Reader::new(Ovmf, names(""));
    let boot = bds("BdsDxe: loading OPTION\r\nBdsDxe: starting OPTION\r\n");
    let line = uefi_line("first", "0001");
    reader.push(Source::Serial, [&boot, line.trim_end(), end].concat().as_bytes());
    reader.reset_from_outside();
    reader.push(Source::Serial, ["\x1b[2J\x1b[01;01H", &boot, &line].concat().as_bytes());
    reader.finish(true);
    let trace = reader.trace();
    let booted = trace.attempts.iter().filter(|attempt| attempt.outcome == Some(Outcome::Booted));
    assert_eq!((booted.map(|one| one.lap).collect(), trace.holes.clone()), (laps.to_vec(), Vec::new()));
}

#[rstest]
#[case::in_setup(false, 1)]
#[case::after_a_reset(true, 0)]
fn what_a_console_is_told_at_power_on_is_no_page_of_setup(#[case] reset: bool, #[case] holes: usize) {
    let app = "\"UiApp\" from Fv(7CB8BDC9-F8EB-4F34-AAEA-3EE4AF6516A1)/FvFile(462CAA21-7614-4503-836E-8AB6F4662331)";
    let opened = ["loading", "starting"].map(|verb| format!("BdsDxe: {verb} Boot0000 {app}\r\n")).concat();
    let mut reader = Reader::new(Ovmf, names(""));
    reader.push(Source::Serial, opened.as_bytes());
    if reset {
        reader.reset_from_outside();
    }
    reader.push(Source::Serial, b"\x1b[8;056;240t");
    assert_eq!(reader.trace().holes.len(), holes, "{:?}", reader.trace().holes);
}

#[test]
fn a_crash_of_aavmf_is_one_and_a_program_that_speaks_of_exceptions_has_none() {
    let crash = [AAVMF_BEGINS, "\r\n\r\nSynchronous Exception at 0x0000000047743270\r\nPC 0x000047743270\r\n"].concat();
    let trace = read(Firmware::Aavmf, &crash);
    assert_eq!((trace.terminal.clone(), trace.holes.len()), (Some(Terminal::CpuException), 0));
    for (said, what) in [
        (
            "!!!! IA32 Exception Type - 06(#UD - Invalid Opcode)  CPU Apic ID - 00000000 !!!!",
            "06(#UD - Invalid Opcode)",
        ),
        (
            "!!!! RISCV64 Exception Type - 0000000000000005(EXCEPT_RISCV_LOAD_ACCESS_FAULT) !!!!",
            "0000000000000005(EXCEPT_RISCV_LOAD_ACCESS_FAULT)",
        ),
        ("!!!! LoongArch64 Exception Type - 08(ADE) !!!!", "08(ADE)"),
        ("Data Abort Exception PC at 0x47743270  CPSR 0x60000113 nZCveaifTsvc", "Data Abort at 0x47743270"),
    ] {
        let begun =
            "BdsDxe: loading Boot0001 \"a\" from PciRoot(0x0)\r\nBdsDxe: starting Boot0001 \"a\" from PciRoot(0x0)\r\n";
        let trace = read(Ovmf, &[begun, said, "\r\n"].concat());
        assert_eq!(trace.terminal, Some(Terminal::CpuException), "{said}");
        assert_eq!(trace.attempts[0].reason.to_string(), format!("processor exception {what}"), "{said}");
    }
    for said in [
        "Data Abort Exception PC at 0x47",
        "A Exception PC at 0x47743270  CPSR 0x0",
        "An Exception at 0x0000000047743270",
        "Synchronous Exception at 0x47",
        "IRQ Exception at 0xno",
    ] {
        assert_eq!(read(Firmware::Aavmf, &format!("{said}\r\n")).terminal, None, "{said}");
    }
}

const AAVMF_BEGINS: &str =
    "UEFI firmware (version 2025.02-8+deb13u1 built at 18:06:17 on Nov  8 2025)\r\n\x1b[2J\x1b[01;01H";

/// Laps of the attempts of an AAVMF that says `cut` and is reset there, then boots the first disk; and the holes.
fn aavmf_cut(cut: &str, from_outside: bool) -> (Vec<u32>, Vec<String>) {
    let mut reader = Reader::new(Firmware::Aavmf, names(""));
    let says = |reader: &mut Reader, text: &str| reader.push(Source::Serial, text.as_bytes());
    says(&mut reader, &[AAVMF_BEGINS, &bds(cut)].concat());
    match from_outside {
        true => reader.reset_from_outside(),
        false => reader.reset(),
    }
    let whole = bds("BdsDxe: loading OPTION\r\nBdsDxe: starting OPTION\r\n");
    says(&mut reader, &[AAVMF_BEGINS, &whole, &payload_line(NONCE, "first")].concat());
    reader.finish(true);
    (reader.trace().attempts.iter().map(|attempt| attempt.lap).collect(), reader.trace().holes.clone())
}

#[rstest]
#[case::in_the_path("BdsDxe: loading Boot0001 \"UEFI Misc Device\" from PciRoot(0x", &[2])]
#[case::in_the_verb("BdsDxe: lo", &[2])]
#[case::in_the_prompt("Bds", &[2])]
#[case::in_the_payloads_line(&["BdsDxe: loading OPTION\r\nBdsDxe: starting OPTION\r\nBOOTWRIGHT/1 nonce=", NONCE].concat(), &[1, 2])]
fn a_line_that_a_reset_cut_ends_where_aavmf_begins_anew(#[case] cut: &str, #[case] laps: &[u32]) {
    assert_eq!(aavmf_cut(cut, true), (laps.to_vec(), Vec::new()));
}

#[rstest]
#[case("BdsDxe: loading Boot0001 \"UEFI Misc Device\" from PciRoot(0x")]
#[case("BOOTWRIGHT/1 nonce=0011")]
fn a_line_that_is_not_whole_where_aavmf_begins_anew_by_itself_is_a_hole(#[case] cut: &str) {
    let holes = ["a line is not whole, and nobody but the guest reset the machine"];
    assert_eq!(aavmf_cut(cut, false).1, holes);
}

#[test]
fn a_reset_from_outside_excuses_no_line_that_the_guests_own_reset_cut() {
    let mut reader = Reader::new(Firmware::Aavmf, names(""));
    let says = |reader: &mut Reader, text: &str| reader.push(Source::Serial, text.as_bytes());
    let whole = bds("BdsDxe: loading OPTION\r\nBdsDxe: starting OPTION\r\n");
    says(&mut reader, &[AAVMF_BEGINS, &whole, "BOOTWRIGHT/1 nonce=0011"].concat());
    reader.reset_by_guest();
    says(&mut reader, AAVMF_BEGINS);
    reader.reset_from_outside();
    says(&mut reader, AAVMF_BEGINS);
    reader.finish(true);
    assert_eq!(reader.trace().holes, ["a line is not whole, and nobody but the guest reset the machine"]);
}

/// The monitor's event is another channel's, and may be read behind the banner.
#[rstest]
#[case::of_the_first_lap(false, true, 0)]
#[case::behind_a_reset_of_the_guests(true, true, 0)]
#[case::by_the_guest(false, false, 1)]
fn a_reset_that_is_told_behind_the_banner_excuses_the_line_that_it_cut(
    #[case] guest_before: bool,
    #[case] from_outside: bool,
    #[case] holes: usize,
) {
    let mut reader = Reader::new(Firmware::Aavmf, names(""));
    let says = |reader: &mut Reader, text: &str| reader.push(Source::Serial, text.as_bytes());
    let whole = bds("BdsDxe: loading OPTION\r\nBdsDxe: starting OPTION\r\n");
    if guest_before {
        says(&mut reader, &[AAVMF_BEGINS, &whole, &payload_line(NONCE, "first")].concat());
        reader.reset_by_guest();
    }
    says(&mut reader, &[AAVMF_BEGINS, &whole, "BOOTWRIGHT/1 nonce=0011", AAVMF_BEGINS].concat());
    match from_outside {
        true => reader.reset_from_outside(),
        false => reader.reset_by_guest(),
    }
    says(&mut reader, &[whole.as_str(), &payload_line(NONCE, "first")].concat());
    reader.finish(true);
    assert_eq!(reader.trace().holes, vec!["a line is not whole, and nobody but the guest reset the machine"; holes]);
}

#[rstest]
#[case::in_the_shell(true, 0)]
#[case::in_the_boot_manager(false, 1)]
fn a_device_path_that_the_shell_prints_is_no_half_sentence(#[case] in_shell: bool, #[case] holes: usize) {
    let shell = "Fv(7CB8BDC9-F8EB-4F34-AAEA-3EE4AF6516A1)/FvFile(7C04A583-9E3E-4F1C-AD65-E05268D0B4D1)";
    let verbs =
        ["loading", "starting"].map(|verb| format!("BdsDxe: {verb} Boot0002 \"EFI Internal Shell\" from {shell}\r\n"));
    let verbs = if in_shell { verbs.concat() } else { String::new() };
    let trace = read(Ovmf, &format!("{verbs}          PciRoot(0x0)/Pci(0x1F,0x2)/Sata(0x2,0xFFFF,0x0)\r\n"));
    assert_eq!(trace.holes.len(), holes, "{:?}", trace.holes);
}

#[test]
fn a_medium_that_was_put_into_a_drive_is_what_runs_there_until_the_power_goes() {
    let mut reader = Reader::new(Ovmf, names(""));
    let boot =
        [&bds("BdsDxe: loading OPTION\r\nBdsDxe: starting OPTION\r\n"), &payload_line(OTHER_NONCE, "second")[..]];
    let boot = boot.concat();
    let media = |reader: &Reader| -> Vec<Option<String>> {
        reader.trace().attempts.iter().map(|attempt| attempt.medium.clone()).collect()
    };
    reader.medium_changed("first", "second");
    reader.reset_from_outside();
    reader.push(Source::Serial, boot.as_bytes());
    assert_eq!((media(&reader), reader.trace().contradictions.len()), (vec![Some("second".to_owned())], 0));
    reader.reset_from_outside();
    reader.media_as_at_power_on();
    reader.push(Source::Serial, boot.as_bytes());
    assert_eq!(reader.trace().contradictions.len(), 1);
}

/// What iPXE's EFI ROM returns where a script of its ends with 1.
#[rstest]
#[case::whole("0000007F", 0)]
#[case::cut("0000007", 1)]
#[case::no_number("0000007G", 1)]
fn an_error_without_a_text_is_a_number_of_eight_digits(#[case] status: &str, #[case] holes: usize) {
    let start = "BdsDxe: loading OPTION\r\nBdsDxe: starting OPTION\r\nBdsDxe: failed to start OPTION: ";
    let next = bds("BdsDxe: loading OPTION\r\n").replace("0001", "0002");
    let trace = read(Ovmf, &format!("{}{status}\r\n{next}", bds(start)));
    assert_eq!(trace.holes.len(), holes, "{:?}", trace.holes);
    if holes == 0 {
        assert_eq!(trace.attempts[0].outcome, Some(Outcome::Failed));
    }
}

/// shim's box as shim 16.1 draws it on a terminal of UTF-8, without its blank rows; it ends with its button, and with no line feed.
fn box_of_shim() -> String {
    let start = bds("BdsDxe: loading OPTION\r\nBdsDxe: starting OPTION\r\n");
    let words = "\x1b[002;002H\u{2502}   Verification failed: (0x1A) Security Violation   \u{2502}";
    format!("{start}{words}{}\x1b[028;119H\u{2502} OK \u{2502}\x1b[029;119H\u{2514}\u{2500}\u{2518}", " ".repeat(9000))
}

#[test]
fn what_shim_does_not_start_is_refused_and_shim_waits_for_a_key() {
    let trace = read(Ovmf, &box_of_shim());
    assert_eq!(trace.terminal, Some(Terminal::ShimWaits));
    let list = attempts(&trace);
    assert!(list[0].ends_with("refused (shim: Verification failed: (0x1A) Security Violation)"), "{list:?}");
    let without_words = box_of_shim().replace("Verification", "Ratification");
    let trace = read(Ovmf, &without_words);
    assert_eq!((trace.terminal, trace.attempts[0].outcome), (None, None));
}

#[test]
fn after_the_key_firmware_goes_on_and_the_refusal_is_told_once() {
    let after = "\x1b[003;001HFailed to load image: Security Policy Violation\r\nstart_image() returned Not Found\r\n\
                 BdsDxe: failed to start OPTION: Not Found\r\n";
    let second = bds("BdsDxe: loading OPTION\r\nBdsDxe: starting OPTION\r\n").replace("0001", "0002");
    let log = format!("{}{}{second}{}", box_of_shim(), bds(after), payload_line(OTHER_NONCE, "second"));
    let trace = read(Ovmf, &log);
    assert_eq!((trace.attempts.len(), &trace.terminal, trace.holes.len()), (2, &None, 0), "{:?}", trace.holes);
    assert_eq!(
        [&trace.attempts[0], &trace.attempts[1]].map(|one| one.outcome),
        [Some(Outcome::Refused), Some(Outcome::Booted)]
    );
}

#[test]
fn shim_that_refuses_itself_powers_the_machine_off() {
    let start = bds("BdsDxe: loading OPTION\r\nBdsDxe: starting OPTION\r\n");
    let said = "Verifying shim SBAT data failed: Security Policy Violation\r\n\
                Something has gone seriously wrong: SBAT self-check failed: Security Policy Violation\r\n";
    let trace = read(Ovmf, &format!("{start}{said}"));
    assert_eq!((trace.terminal, trace.attempts[0].outcome), (Some(Terminal::ShimPowersOff), Some(Outcome::Refused)));
    // the same words of a program that the boot manager has not started say nothing
    assert_eq!(read(Ovmf, said).terminal, None);
}

//! What shim lets through: the distribution's shim, which the vendors' keys of the platform's own template let run, starts a program of
//! ours or the distribution's GRUB. The machine's owner has enrolled our key (MokList), and SbatLevel says how old a program may be.
//!
//! A refusal by shim waits for a key in a box; after the key shim returns, and firmware goes on with the next entry.

use bootwright::case::Case;
use bootwright::case::story::Story;
use bootwright::images::Signer;
use bootwright::machine::{
    Board, Firmware, Loader, Machine, Medium, OwnProgram, SecureBootKeys, ShimVariables, Signature, SystemFiles,
    VariableStore,
};
use bootwright::verdict::stores::OnStore;
use bootwright::verdict::{Expectation, booted, refused};

use crate::networks::on_x86;

/// Why they are in the full suite.
const PACKAGES: &str = "it needs packages of loaders that others wrote";

/// Where firmware looks, and what shim starts beside itself.
const SHIM: &str = "EFI/BOOT/BOOTX64.EFI";
const SECOND_STAGE: &str = "EFI/BOOT/grubx64.efi";

/// The first entry of a section `.sbat`, and one of ours in its first generation (shim, `SBAT.md`).
const FORMAT: &str = "sbat,1,SBAT Version,sbat,1,https://github.com/rhboot/shim/blob/main/SBAT.md\n";
const FIRST: &str = "bootwright,1,bootwright,program,1,https://example.org/\n";
const SECOND: &str = "bootwright,2,bootwright,program,2,https://example.org/\n";

/// A date that no shim knows yet, so that the level of the store is kept.
const LATER: &str = "sbat,1,3000010100\n";
/// One before every shim's.
const EARLIER: &str = "sbat,1,1999010100\nbootwright,1\n";
/// What shim sets where Secure Boot is off (`SBAT_VAR_ORIGINAL` in its `include/sbat_var_defs.h`).
const NO_LEVEL: &str = "sbat,1,2021030218\n";

/// All cases of this part.
pub fn cases() -> Vec<Case> {
    let groups = [keys(), sections(), levels(), policies()];
    groups.into_iter().flatten().map(|case| case.long(PACKAGES)).collect()
}

#[track_caller]
fn case(name: &str) -> Case {
    Case::new(format!("secure_boot::{}::shim::{name}", on_x86(Board::Q35).id())).axis("secure-boot", "shim")
}

fn trusting_own() -> ShimVariables {
    ShimVariables::trusting(Signature::Certificate(Signer::Own))
}

/// The level of the far future with these lines behind its first.
fn level(lines: &str) -> ShimVariables {
    trusting_own().sbat_level(&format!("{LATER}{lines}"))
}

/// A program signed by the key that the owner enrolled, with this section.
fn program(sbat: &str) -> OwnProgram {
    OwnProgram::new().sbat(&format!("{FORMAT}{sbat}")).signed_by(Signer::Own)
}

/// A disk with shim and what it starts.
fn disk(name: &str, program: OwnProgram) -> Medium {
    Medium::system(name, SystemFiles::new().loader(SHIM, Loader::Shim).program(SECOND_STAGE, program))
}

fn bare(shim: ShimVariables) -> Machine {
    Machine::new(Firmware::Ovmf, Board::Q35).secure_boot().variable_store(VariableStore::with_shim(shim))
}

/// The disk alone.
fn alone(shim: ShimVariables, program: OwnProgram) -> Machine {
    bare(shim).virtio_blk(disk("first", program)).bootindex(1)
}

/// The same before another that shim lets through whatever the level.
fn before_another(shim: ShimVariables, program: OwnProgram) -> Machine {
    let second = OwnProgram::new().sbat(FORMAT).signed_by(Signer::Own);
    alone(shim, program).virtio_blk(disk("second", second)).bootindex(2)
}

/// A key is pressed once shim has said what it refuses.
fn confirmed() -> Story {
    Story::new().wait_for_text("Verification failed").enter("\r", "start_image() returned")
}

/// What shim takes for a parameter that is not valid it tries a second time, as its default loader (`start_image` in its `shim.c`).
fn confirmed_twice() -> Story {
    Story::new()
        .wait_for_text("Verification failed")
        .enter("\r", "Verification failed")
        .enter("\r", "start_image() returned")
}

/// The first is let through. In the control something else is there.
fn runs(name: &str, machine: Machine, control: Machine) -> Case {
    case(name).machine(machine).expect(Expectation::boots("first")).control(control)
}

/// shim refuses the first, and the second runs.
fn is_refused(name: &str, machine: Machine, control: Machine) -> Case {
    case(name)
        .machine(machine)
        .story(confirmed().wait_for("second"))
        .expect(Expectation::attempts([refused("first"), booted("second")]))
        .control(control)
}

/// MokList and MokListX by certificate and by digest, and validation that is switched off.
fn keys() -> Vec<Case> {
    let digest = || Signature::Program("first".to_owned());
    let certificate = || Signature::Certificate(Signer::Own);
    let unsigned = || OwnProgram::new().sbat(FORMAT);
    let by_other = || unsigned().signed_by(Signer::Other);
    let both = || {
        let trusted = vec![certificate(), Signature::Certificate(Signer::Other)];
        ShimVariables { trusted, ..ShimVariables::new() }
    };
    vec![
        runs("mok", alone(trusting_own(), program(FIRST)), alone(ShimVariables::new(), program(FIRST))),
        runs("mok-digest", alone(ShimVariables::trusting(digest()), unsigned()), alone(trusting_own(), unsigned())),
        runs("validation-off", alone(trusting_own().insecure(), unsigned()), alone(trusting_own(), unsigned())),
        is_refused(
            "unsigned",
            before_another(trusting_own(), unsigned()),
            before_another(trusting_own(), program(FIRST)),
        ),
        is_refused("other-key", before_another(trusting_own(), by_other()), before_another(both(), by_other())),
        is_refused(
            "mok-forbidden-digest",
            before_another(trusting_own().forbidding(digest()), program(FIRST)),
            before_another(trusting_own(), program(FIRST)),
        ),
        is_refused(
            "mok-forbidden-certificate",
            before_another(both().forbidding(Signature::Certificate(Signer::Other)), by_other()),
            before_another(both(), by_other()),
        ),
        case("waits-for-a-key")
            .machine(alone(trusting_own(), unsigned()))
            .expect(Expectation::nothing_boots([refused("first")]))
            .control(alone(trusting_own(), program(FIRST))),
    ]
}

/// The section `.sbat` of a program that is signed: missing, twice there, not to be read; and its generations against the level.
fn sections() -> Vec<Case> {
    let signed = || OwnProgram::new().signed_by(Signer::Own);
    let good = || before_another(trusting_own(), program(FIRST));
    let unlike = |name: &str, program: OwnProgram| is_refused(name, before_another(trusting_own(), program), good());
    let unreadable =
        |name: &str, sbat: &str| unlike(name, signed().sbat(sbat)).story(confirmed_twice().wait_for("second"));
    let below = |name: &str, lines: &str, old: &str, new: &str| {
        is_refused(name, before_another(level(lines), program(old)), before_another(level(lines), program(new)))
    };
    let above = |name: &str, sbat: &str, lines: &str, more: &str| {
        runs(name, alone(level(lines), program(sbat)), alone(level(more), program(sbat)))
    };
    vec![
        unlike("sbat::missing", signed()),
        unlike("sbat::twice", signed().sbat(FORMAT).sbat(FORMAT)),
        unreadable("sbat::too-few-columns", "sbat,1,SBAT Version\nbootwright\n"),
        unreadable("sbat::empty-column", &format!("{FORMAT}bootwright,1,,program,1,https://example.org/\n")),
        below("sbat::below-the-level", "bootwright,2\n", FIRST, SECOND),
        below(
            "sbat::not-a-number",
            "bootwright,1\n",
            "bootwright,x,bootwright,program,1,https://example.org/\n",
            FIRST,
        ),
        below("sbat::second-component-below", "other,1\nbootwright,2\n", &format!("other,1,a,b,1,c\n{FIRST}"), SECOND),
        above("sbat::at-the-level", SECOND, "bootwright,2\n", "bootwright,3\n"),
        above("sbat::above-the-level", SECOND, "bootwright,1\n", "bootwright,3\n"),
        above("sbat::component-that-the-level-lacks", FIRST, "grub,9\n", "grub,9\nbootwright,2\n"),
        above("sbat::longer-name", "bootwright.debian,1,a,b,1,c\n", "bootwright,9\n", "bootwright.debian,9\n"),
    ]
}

/// The distribution's GRUB, and shim itself, against a level that is newer.
fn levels() -> Vec<Case> {
    let grub = |lines: &str| {
        let config = format!("chainloader /{OURS}\nboot\n");
        let files = SystemFiles::new().loader(SHIM, Loader::Shim).loader(SECOND_STAGE, Loader::SignedGrub);
        // shim's protocol, by which GRUB asks, wants no section of a program
        let files = files.text("EFI/debian/grub.cfg", &config).program(OURS, OwnProgram::new().signed_by(Signer::Own));
        // with less it has no memory beside newer OVMF
        bare(level(lines)).ram_mib(256).virtio_blk(Medium::system("first", files)).bootindex(1)
    };
    let next = |machine: Machine| {
        let second = OwnProgram::new().sbat(FORMAT).signed_by(Signer::Own);
        machine.virtio_blk(disk("second", second)).bootindex(2)
    };
    vec![
        runs("grub", grub("grub,1\n"), grub("grub,99\n")),
        is_refused("level::newer-than-grub", next(grub("grub,99\n")), next(grub("grub,1\n"))),
        is_refused(
            "level::newer-than-the-distributions-grub",
            next(grub("grub.debian,99\n")),
            next(grub("grub.debian,1\n")),
        ),
        case("level::newer-than-shim")
            .machine(alone(level("shim,99\n"), program(FIRST)))
            .expect(Expectation::nothing_boots([refused("first")]))
            .control(alone(level("shim,1\n"), program(FIRST))),
    ]
}

/// The program that GRUB chains.
const OURS: &str = "EFI/bw/ours.efi";

/// What shim has made of SbatLevel and SbatPolicy when the program runs.
fn policies() -> Vec<Case> {
    let begins = |text: &str| OnStore::Begins { name: "SbatLevel".to_owned(), text: text.to_owned() };
    let kept = format!("{LATER}bootwright,1\n");
    let on = |shim: ShimVariables| alone(shim, program(FIRST));
    let read = |name: &str, shim: ShimVariables, text: &str, control: ShimVariables| {
        case(name).machine(on(shim)).expect(Expectation::boots("first").on_store(begins(text))).control(on(control))
    };
    let earlier = || trusting_own().sbat_level(EARLIER);
    let own_level = "sbat,1,20";
    let taken = |case: Case| {
        let expectation = case.expectation.clone().on_store(OnStore::Lacks("SbatPolicy".to_owned()));
        case.expect(expectation)
    };
    let off = |policy: Option<u8>| {
        let shim = ShimVariables { sbat_policy: policy, ..trusting_own().sbat_level(&kept) };
        let store = VariableStore { shim: Some(shim), ..VariableStore::with_keys(SecureBootKeys::setup_mode()) };
        on(ShimVariables::new()).variable_store(store)
    };
    let reset = |name: &str, policy: Option<u8>| {
        let machine = off(policy);
        case(name)
            .machine(machine)
            .expect(Expectation::boots("first").on_store(begins(NO_LEVEL)))
            .control(on(trusting_own().sbat_level(&kept)))
    };
    vec![
        read("level::written-where-none-is", trusting_own(), own_level, level("bootwright,1\n")),
        read("level::newer-is-kept", level("bootwright,1\n"), &kept, earlier()),
        read("level::older-is-replaced", earlier(), own_level, level("bootwright,1\n")),
        taken(read("policy::latest", earlier().sbat_policy(1), own_level, level("bootwright,1\n"))),
        taken(read("policy::automatic", earlier().sbat_policy(2), own_level, level("bootwright,1\n"))),
        taken(read("policy::no-reset-under-secure-boot", level("bootwright,1\n").sbat_policy(3), &kept, earlier())),
        reset("level::none-without-secure-boot", None),
        taken(reset("policy::reset-without-secure-boot", Some(3))),
    ]
}

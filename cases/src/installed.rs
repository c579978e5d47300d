//! Installed systems under OVMF: a loader at a path of its own, and the boot variables that lead to it.
//!
//! Who owns what: `nvram` says what OVMF keeps of what it and its guest wrote, `vars` what it does with stores that are unsound.

use bootwright::case::Case;
use bootwright::machine::{Board, BootVariables, Firmware, Machine, Medium, OptionTarget, VariableStore};
use bootwright::verdict::{Expectation, Expected, booted, failed, failed_entry};
use bootwright_images::After;

use crate::SLOW_OVMF;

/// Where Debian's installer puts GRUB.
const LOADER: &str = r"\EFI\debian\grubx64.efi";
/// Where it puts shim, which is on no medium here.
const SHIM: &str = r"\EFI\debian\shimx64.efi";

/// Those of the default suite that have a variable store of their own, on q35.
const DEFAULT: [&str; 5] = ["own-option", "own-option-with-arguments", "foreign-store", "other-listed", "boot-next"];

pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for board in [Board::Pc, Board::Q35] {
        cases.extend(on(Firmware::Ovmf, board));
    }
    let short = |case: &Case| {
        case.machine.variable_store.is_default()
            || DEFAULT.iter().any(|name| case.id == format!("installed::ovmf::q35::{name}"))
    };
    cases.into_iter().map(|case| if short(&case) { case } else { case.long(SLOW_OVMF) }).collect()
}

/// Those of UEFI firmware on one board.
pub fn on(firmware: Firmware, board: Board) -> Vec<Case> {
    let machine = &Machine::new(firmware, board);
    [one_disk(machine), two_disks(machine), boot_next(machine)].concat()
}

#[track_caller]
fn case(machine: &Machine, rest: &str) -> Case {
    let (firmware, board) = (machine.firmware, machine.board);
    Case::new(format!("installed::{}::{}::{rest}", firmware.name(), board.name())).axis("system", rest)
}

fn root() -> Medium {
    Medium::installed("root", LOADER)
}

fn holding(machine: &Machine, boot: BootVariables) -> Machine {
    machine.clone().variable_store(VariableStore::holding(boot))
}

/// What an installer leaves: one option, to a file on that medium.
fn debian(medium: &str) -> BootVariables {
    debian_at(OptionTarget::file(medium, LOADER))
}

fn debian_at(target: OptionTarget) -> BootVariables {
    BootVariables::new().option(1, "debian", target).order(&[1])
}

fn one_disk(bare: &Machine) -> Vec<Case> {
    let disk = bare.clone().virtio_blk(root());
    let listed = disk.clone().bootindex(1);
    let fallback = bare.clone().virtio_blk(root().with_fallback());
    let (own, shim) = (|| debian("root"), || debian_at(OptionTarget::file("root", SHIM)));
    let whole = debian_at(OptionTarget::full_path("root", LOADER));
    let nothing = |attempts: &[Expected]| Expectation::nothing_boots(attempts.iter().cloned());
    vec![
        case(bare, "own-option")
            .machine(holding(&disk, own()))
            .expect(Expectation::boots("root"))
            .control(disk.clone()),
        // what the program is given is a view of every boot: see `harness/src/verdict/views/load_options.rs`
        case(bare, "own-option-with-arguments")
            .machine(holding(&disk, own().arguments("root=/dev/vda2 ro quiet")))
            .expect(Expectation::boots("root"))
            .control(disk.clone()),
        case(bare, "own-option-listed")
            .machine(holding(&listed, own()))
            .expect(Expectation::boots("root"))
            .control(listed.clone()),
        case(bare, "full-path").machine(holding(&disk, whole)).expect(Expectation::boots("root")).control(disk.clone()),
        // a store that was lost: OVMF's own option of the disk finds no removable media path
        case(bare, "lost-store")
            .machine(listed.clone())
            .expect(nothing(&[failed("root")]))
            .control(holding(&listed, own())),
        case(bare, "lost-store-fallback")
            .machine(fallback.clone())
            .expect(Expectation::boots("root"))
            .control(disk.clone()),
        // a store of another machine: its option names a partition that is not there
        case(bare, "foreign-store")
            .machine(holding(&disk, debian("elsewhere")))
            .expect(nothing(&[failed_entry("debian"), failed("root")]))
            .control(holding(&disk, own())),
        case(bare, "foreign-store-listed")
            .machine(holding(&listed, debian("elsewhere")))
            .expect(nothing(&[failed("root")]))
            .control(holding(&listed, own())),
        case(bare, "foreign-store-fallback")
            .machine(holding(&fallback, debian("elsewhere")))
            .expect(Expectation::attempts([failed_entry("debian"), booted("root")]))
            .control(holding(&disk, debian("elsewhere"))),
        // a file that was removed: the short form matches no line of the order then
        case(bare, "missing-file")
            .machine(holding(&disk, shim()))
            .expect(nothing(&[failed("root").because("Not Found"), failed("root")]))
            .control(holding(&disk, own())),
        case(bare, "missing-file-listed")
            .machine(holding(&listed, shim()))
            .expect(nothing(&[failed("root")]))
            .control(holding(&listed, own())),
    ]
}

/// An installed system in the nearer slot, and a disk that boots by itself.
fn both(bare: &Machine, root_index: Option<i64>, other_index: Option<i64>) -> Machine {
    both_with(bare, root_index, other_index, Medium::bootable("other"))
}

fn both_with(bare: &Machine, root_index: Option<i64>, other_index: Option<i64>, other: Medium) -> Machine {
    let ranked = |machine: Machine, rank: Option<i64>| match rank {
        Some(rank) => machine.bootindex(rank),
        None => machine,
    };
    let machine = ranked(bare.clone().virtio_blk(root()), root_index);
    ranked(machine.virtio_blk(other), other_index)
}

/// An option to the system's file and one to the other disk.
fn options() -> BootVariables {
    debian("root").option(2, "other", OptionTarget::device("other"))
}

fn two_disks(bare: &Machine) -> Vec<Case> {
    let unlisted = both(bare, None, None);
    let past_root = || Expectation::attempts([failed("root"), booted("other")]);
    let twice = |order: &[u16]| {
        let options = BootVariables::new().option(1, "disk", OptionTarget::device("root"));
        options.option(2, "debian", OptionTarget::file("root", LOADER)).order(order)
    };
    let without_order = BootVariables { order: None, ..options() };
    vec![
        case(bare, "two-disks")
            .machine(holding(&unlisted, debian("root")))
            .expect(Expectation::boots("root"))
            .control(unlisted.clone()),
        // the bootindex of another disk takes the option away; whose own one has it is there still
        case(bare, "other-listed")
            .machine(holding(&both(bare, None, Some(1)), debian("root")))
            .expect(Expectation::boots("other").without_trying("root"))
            .control(holding(&unlisted, debian("root"))),
        case(bare, "other-listed-first")
            .machine(holding(&both(bare, Some(2), Some(1)), options().order(&[1, 2])))
            .expect(Expectation::boots("other"))
            .control(holding(&both(bare, Some(1), Some(2)), options().order(&[1, 2]))),
        case(bare, "system-listed-first")
            .machine(holding(&both(bare, Some(1), Some(2)), options().order(&[2, 1])))
            .expect(Expectation::boots("root"))
            .control(holding(&unlisted, options().order(&[2, 1]))),
        // two options to one disk, the device and the file, each in its turn
        case(bare, "device-then-file")
            .machine(holding(&unlisted, twice(&[1, 2])))
            .expect(Expectation::attempts([failed("root"), booted("root")]))
            .control(holding(&unlisted, twice(&[2, 1]))),
        case(bare, "device-then-file-listed")
            .machine(holding(&both(bare, Some(1), Some(2)), twice(&[1, 2])))
            .expect(Expectation::attempts([failed("root"), booted("root")]))
            .control(holding(&both(bare, Some(1), Some(2)), twice(&[2, 1]))),
        case(bare, "missing-option")
            .machine(holding(&unlisted, options().order(&[7, 2, 1])))
            .expect(Expectation::boots("other").without_trying("root"))
            .control(holding(&unlisted, options().order(&[7, 1, 2]))),
        // OVMF gives the numbers of options out of the order to those that it makes
        case(bare, "out-of-order")
            .machine(holding(&unlisted, without_order))
            .expect(past_root())
            .control(holding(&unlisted, options().order(&[1, 2]))),
        case(bare, "inactive")
            .machine(holding(&unlisted, debian("root").inactive()))
            .expect(past_root())
            .control(holding(&unlisted, debian("root"))),
        // menus leave a hidden option out, and the boot manager tries it, unless it is not active either
        case(bare, "hidden-inactive")
            .machine(holding(&unlisted, debian("root").hidden().inactive()))
            .expect(past_root())
            .control(holding(&unlisted, debian("root").hidden())),
    ]
}

/// BootNext to the other disk, which resets the machine.
fn boot_next(bare: &Machine) -> Vec<Case> {
    let order = || options().order(&[1, 2]);
    let machine = |root_index, other_index, boot| {
        let other = Medium::then("other", After::ResetSystem);
        holding(&both_with(bare, root_index, other_index, other), boot)
    };
    let once = || Expectation::attempts([booted("other"), booted("root")]);
    vec![
        case(bare, "boot-next").machine(machine(None, None, order().next(2))).expect(once()).control(machine(
            None,
            None,
            order(),
        )),
        case(bare, "boot-next-listed")
            .machine(machine(Some(1), Some(2), order().next(2)))
            .expect(once())
            .control(machine(Some(1), Some(2), order())),
        // the option that BootNext names is taken away before it is followed
        case(bare, "boot-next-unlisted")
            .machine(machine(Some(1), None, order().next(2)))
            .expect(Expectation::boots("root").without_trying("other"))
            .control(machine(None, None, order().next(2))),
        case(bare, "boot-next-missing")
            .machine(machine(None, None, order().next(7)))
            .expect(Expectation::boots("root").without_trying("other"))
            .control(machine(None, None, order().next(2))),
    ]
}

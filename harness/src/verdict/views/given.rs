//! What becomes of the boot variables that a machine found in its store at power-on.
//!
//! OVMF takes away options of its own making only (`EfiBootManagerRefreshAllBootOption` in edk2's `UefiBootManagerLib`), unless a
//! line of fw_cfg `bootorder` matches an option: then it writes BootOrder anew and takes away every active option of a disk or PCI
//! device that no line matches (`SetBootOrderFromQemu`, `BootOrderComplete` and `PruneBootVariables` in `QemuBootOrderLib`). The
//! short form of a file matches by the partition on which the file is, and only while it is there.

use crate::evidence::nvram::{BootOptions, LoadOption};
use crate::machine::{Access, Machine};
use crate::trace::{Names, Trace};

use super::boot_options::asked;

/// What edk2 puts behind an option of its own making: `mBmAutoCreateBootOptionGuid` in its `BmBoot.c`.
pub(super) const OWN_MAKING: [u8; 16] =
    [0x4e, 0xac, 0x08, 0x81, 0x11, 0x9f, 0x59, 0x4d, 0x85, 0x0e, 0xe2, 0x1a, 0x52, 0x2c, 0x59, 0xb2];

/// Boot options and BootNext of a store at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BootStore {
    /// Boot options and their order.
    pub options: BootOptions,
    /// BootNext.
    pub next: Option<u16>,
}

/// The first variable that is not what firmware had to make of it, in words.
pub fn difference(
    machine: &Machine,
    names: &Names,
    trace: &Trace,
    before: &BootStore,
    after: &BootStore,
) -> Option<String> {
    let store = &machine.variable_store;
    let judged = names.fixed && store.access == Access::ReadWrite && store.damage.is_none() && !store.boot.is_empty();
    if !judged || trace.attempts.is_empty() {
        return None;
    }
    let fate = Fate::of(machine, names, &after.options);
    next(trace, before, after)
        .or_else(|| fate.options(&before.options, &after.options))
        .or_else(|| fate.order(&before.options, &after.options))
}

/// Firmware takes BootNext away before it follows it.
fn next(trace: &Trace, before: &BootStore, after: &BootStore) -> Option<String> {
    let next = before.next?;
    let read = trace.payloads.last().is_some_and(|payload| payload.boot_next.is_some());
    (read || after.next.is_some()).then(|| format!("BootNext, Boot{next:04X} at power-on, is still there"))
}

/// By what firmware decides about an option.
struct Fate<'a> {
    machine: &'a Machine,
    names: &'a Names,
    /// The devices that are asked for, where a line matched an option.
    selected: Option<Vec<String>>,
}

/// What must become of an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    /// It is there as it was, in the order where it was in it.
    Stays,
    /// It is there as it was, and not in the order.
    LeavesOrder,
    /// It is gone.
    Goes,
    /// Nobody can say.
    Unknown,
}

impl<'a> Fate<'a> {
    fn of(machine: &'a Machine, names: &'a Names, after: &BootOptions) -> Fate<'a> {
        let asked = asked(machine);
        let options = after.order.iter().flatten().filter_map(|number| after.by_number.get(number));
        let mut devices = options.filter_map(|option| names.device_at(&option.device_path));
        let matched = devices.any(|device| asked.iter().any(|name| device == name.as_str()));
        Fate { machine, names, selected: matched.then_some(asked) }
    }

    /// The place among the devices that are asked for of the one that an option names.
    fn rank(&self, option: &LoadOption) -> Option<usize> {
        let device = self.names.device_at(&option.device_path)?;
        self.selected.as_ref()?.iter().position(|name| device == name.as_str())
    }

    fn due(&self, option: &LoadOption) -> Due {
        let path = option.device_path.as_str();
        // firmware's own, and files of a firmware volume that may not be this one's (`RemoveStaleFvFileOptions`)
        if option.optional_data == OWN_MAKING || path.starts_with("Fv(") || path.starts_with("MemoryMapped(") {
            return Due::Unknown;
        }
        if self.selected.is_none() {
            return Due::Stays;
        }
        if !option.is_active() {
            return Due::LeavesOrder;
        }
        let found = match path.strip_prefix("HD(") {
            Some(short) => self.is_there(path, short),
            None => Some(true),
        };
        match (self.rank(option), found) {
            (Some(_), None) => Due::Unknown,
            (Some(_), Some(true)) => Due::Stays,
            _ if path.starts_with("HD(") || path.starts_with("PciRoot(") => Due::Goes,
            _ => Due::Stays,
        }
    }

    /// Whether the file that a short form names is on its partition.
    fn is_there(&self, path: &str, short: &str) -> Option<bool> {
        let Some(medium) = self.names.medium_at(path) else { return Some(false) };
        let device = &self.machine.devices[self.machine.device_with_medium(medium)?];
        let (_, file) = short.split_once('/')?;
        device.medium.as_ref()?.has_efi_file(self.machine.board.facts().efi()?, file)
    }

    fn options(&self, before: &BootOptions, after: &BootOptions) -> Option<String> {
        // an option out of the order is in the way of those that firmware makes
        before.order.iter().flatten().find_map(|number| {
            let option = before.by_number.get(number)?;
            let what = match (self.due(option), after.by_number.get(number)) {
                (Due::Stays | Due::LeavesOrder, Some(kept)) if kept == option => return None,
                (Due::Stays | Due::LeavesOrder, Some(_)) => "has another value",
                (Due::Stays | Due::LeavesOrder, None) => "is gone",
                (Due::Goes, Some(kept)) if kept == option => {
                    "is still there, although the order that was asked for leaves it out"
                }
                (Due::Goes | Due::Unknown, _) => return None,
            };
            Some(format!("Boot{number:04X} {:?}, in the store at power-on, {what}", option.description))
        })
    }

    fn order(&self, before: &BootOptions, after: &BootOptions) -> Option<String> {
        let (old, new) = (before.order.as_ref()?, after.order.as_ref()?);
        let known = |number: &&u16| before.by_number.get(number).is_some_and(|option| self.due(option) != Due::Unknown);
        let (wanted, seen): (Vec<u16>, Vec<u16>) = match &self.selected {
            None => {
                // firmware drops the number of an option that there is not (`EfiBootManagerGetLoadOptions`)
                let old: Vec<u16> = old.iter().filter(known).copied().collect();
                let not_known = |number: &&u16| before.by_number.contains_key(*number) && !known(number);
                let seen = new.iter().filter(|number| !not_known(number)).copied().take(old.len()).collect();
                (old, seen)
            }
            Some(asked) => {
                let due =
                    |number: &&u16| before.by_number.get(number).is_some_and(|option| self.due(option) == Due::Stays);
                let rank = |number: &&u16| before.by_number.get(number).and_then(|option| self.rank(option));
                let mut wanted: Vec<&u16> = old.iter().filter(due).collect();
                wanted.sort_by_key(|number| rank(number).unwrap_or(asked.len()));
                let unchanged = |number: &&u16| before.by_number.get(number) == after.by_number.get(number);
                let seen = new.iter().filter(known).filter(unchanged);
                (wanted.into_iter().copied().collect(), seen.copied().collect())
            }
        };
        let words =
            |numbers: &[u16]| numbers.iter().map(|number| format!("{number:04X}")).collect::<Vec<_>>().join(", ");
        (wanted != seen).then(|| {
            format!(
                "of the options in the store at power-on BootOrder has [{}], wanted [{}]",
                words(&seen),
                words(&wanted)
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::{BootVariables, Firmware, Medium, OptionTarget, VariableStore};
    use crate::trace::{Attempt, Payload};

    const LOADER: &str = r"\EFI\debian\grubx64.efi";
    const ROOT: &str = "PciRoot(0x0)/Pci(0x2,0x0)";
    const OTHER: &str = "PciRoot(0x0)/Pci(0x3,0x0)";

    fn machine(listed: bool) -> Machine {
        let machine = Machine::q35(Firmware::Ovmf).virtio_blk(Medium::installed("root", LOADER));
        let machine = machine.virtio_blk(Medium::bootable("other"));
        let machine = if listed { machine.bootindex(1) } else { machine };
        let boot = BootVariables::new().option(1, "debian", OptionTarget::file("root", LOADER)).order(&[1]).next(1);
        machine.variable_store(VariableStore::holding(boot))
    }

    fn store(order: &[u16], options: &[(u16, &str)]) -> BootStore {
        let option = |path: &str| LoadOption {
            attributes: u32::from(!path.is_empty()),
            description: "an option".to_owned(),
            device_path: path.to_owned(),
            device_path_bytes: Vec::new(),
            optional_data: Vec::new(),
        };
        let by_number = options.iter().map(|(number, path)| (*number, option(path))).collect();
        BootStore { options: BootOptions { order: Some(order.to_vec()), by_number }, next: None }
    }

    fn found(listed: bool, before: &BootStore, after: &BootStore) -> Option<String> {
        let uefi = [(ROOT, "root"), ("HD(1,GPT,AA,0x800,0x36C1)", "root"), (OTHER, "other")];
        let uefi = uefi.map(|(path, medium)| (path.to_owned(), medium.to_owned())).to_vec();
        let names = Names { uefi, fixed: true, ..Names::default() };
        let trace = Trace { attempts: vec![Attempt::on("Boot0001")], ..Trace::default() };
        difference(&machine(listed), &names, &trace, before, after)
    }

    const FILE: &str = r"HD(1,GPT,AA,0x800,0x36C1)/\EFI\debian\grubx64.efi";
    const NO_FILE: &str = r"HD(1,GPT,AA,0x800,0x36C1)/\EFI\debian\gone.efi";
    const ELSEWHERE: &str = r"HD(1,GPT,BB,0x800,0x36C1)/\EFI\debian\grubx64.efi";

    #[test]
    fn without_an_order_that_matches_every_option_stays_in_its_place() {
        let before = store(&[9, 2, 1], &[(1, FILE), (2, ELSEWHERE)]);
        let after = store(&[2, 1, 0, 3], &[(1, FILE), (2, ELSEWHERE), (0, "Fv(A)"), (3, ROOT)]);
        assert_eq!(found(false, &before, &after), None);
        assert_eq!(found(true, &before, &after), None, "no option of the device that was asked for");
        let gone = store(&[2, 3], &[(2, ELSEWHERE), (3, ROOT)]);
        let words = "Boot0001 \"an option\", in the store at power-on, is gone";
        assert_eq!(found(false, &before, &gone).as_deref(), Some(words));
        let moved =
            BootStore { options: BootOptions { order: Some(vec![3, 2, 1]), ..after.options.clone() }, next: None };
        let words = "of the options in the store at power-on BootOrder has [0003, 0002], wanted [0002, 0001]";
        assert_eq!(found(false, &before, &moved).as_deref(), Some(words));
        let other = store(&[2, 1], &[(1, NO_FILE), (2, ELSEWHERE)]);
        assert!(found(false, &before, &other).unwrap().ends_with("has another value"));
    }

    #[test]
    fn an_option_of_firmwares_own_may_go_and_is_in_nobodys_way() {
        let before = store(&[4, 1], &[(1, FILE), (4, "Fv(OTHER)/FvFile(SHELL)")]);
        let gone = store(&[1, 0], &[(1, FILE), (0, "Fv(A)")]);
        let kept = store(&[4, 1, 0], &[(1, FILE), (4, "Fv(OTHER)/FvFile(SHELL)"), (0, "Fv(A)")]);
        for after in [gone, kept] {
            assert_eq!(found(false, &before, &after), None);
        }
        let behind = store(&[0, 1], &[(1, FILE), (0, "Fv(A)")]);
        assert!(found(false, &before, &behind).unwrap().ends_with("BootOrder has [0000], wanted [0001]"));
    }

    #[test]
    fn an_order_that_matches_takes_away_what_it_leaves_out_and_nothing_else() {
        let before = store(&[1, 2, 3, 4, 5], &[(1, FILE), (2, ELSEWHERE), (3, "Uri(a)"), (4, OTHER), (5, "")]);
        let after = store(&[4, 3], &[(3, "Uri(a)"), (4, OTHER), (5, "")]);
        assert_eq!(found(true, &before, &after), None);
        for (number, path) in [(1, FILE), (2, ELSEWHERE)] {
            let mut kept = after.clone();
            kept.options.by_number.extend(store(&[], &[(number, path)]).options.by_number);
            assert!(found(true, &before, &kept).unwrap().contains("is still there"), "{path}");
        }
        let swapped = store(&[3, 4], &[(3, "Uri(a)"), (4, OTHER), (5, "")]);
        assert!(found(true, &before, &swapped).unwrap().ends_with("BootOrder has [0003, 0004], wanted [0004, 0003]"));
        let inactive = store(&[4, 3, 5], &[(3, "Uri(a)"), (4, OTHER), (5, "")]);
        assert!(found(true, &before, &inactive).unwrap().ends_with("has [0004, 0003, 0005], wanted [0004, 0003]"));
    }

    #[test]
    fn the_short_form_of_a_file_matches_while_the_file_is_there() {
        let names =
            Names { uefi: vec![("HD(1,GPT,AA,0x800,0x36C1)".to_owned(), "root".to_owned())], ..Names::default() };
        let machine = machine(false);
        let fate = Fate { machine: &machine, names: &names, selected: Some(vec!["root".to_owned()]) };
        let due = |path: &str| fate.due(&store(&[1], &[(1, path)]).options.by_number[&1]);
        assert_eq!([FILE, NO_FILE, ELSEWHERE].map(due), [Due::Stays, Due::Goes, Due::Goes]);
        let own = LoadOption {
            optional_data: OWN_MAKING.to_vec(),
            ..store(&[1], &[(1, FILE)]).options.by_number[&1].clone()
        };
        assert_eq!(fate.due(&own), Due::Unknown);
    }

    #[test]
    fn boot_next_that_is_still_there_is_told() {
        let before = BootStore { next: Some(1), ..store(&[1], &[(1, FILE)]) };
        let gone = BootStore { next: None, ..before.clone() };
        assert_eq!(found(false, &before, &gone), None);
        let words = "BootNext, Boot0001 at power-on, is still there";
        assert_eq!(found(false, &before, &before).as_deref(), Some(words));
        let trace = Trace { payloads: vec![Payload { boot_next: Some(1), ..Payload::default() }], ..Trace::default() };
        assert_eq!(next(&trace, &before, &gone).as_deref(), Some(words));
    }
}

//! Which pairs of axis values the cases cover, which cannot exist, and which are left out on purpose.
//!
//! Cases of one group with the same axes are accounted together. A pair that is neither covered nor explained here fails a
//! test, so that a hole in a matrix is seen on the day it is made.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use bootwright::case::Case;
use bootwright::case::axes::{Axes, AxesError, AxisValue, Combination, Coverage, PairCoverage};
use serde::Serialize;

/// Two axes and the values that do not meet; no value stands for every value.
type Pair = [(&'static str, &'static [&'static str]); 2];

/// Pairs that no machine can have.
const IMPOSSIBLE: [(Pair, &str); 6] = [
    ([("machine", &["q35"]), ("class", &["ide", "ide-cd"])], "q35 has no PIIX3 IDE controller"),
    ([("machine", &["q35"]), ("right", &["ide", "ide-cd"])], "q35 has no PIIX3 IDE controller"),
    ([("machine", &["q35"]), ("wrong", &["ide", "ide-cd"])], "q35 has no PIIX3 IDE controller"),
    ([("machine", &["q35"]), ("triple", &["ide+ide-cd+virtio-scsi"])], "q35 has no PIIX3 IDE controller"),
    ([("firmware", &["ovmf"]), ("class", &["floppy"])], "OVMF has no floppy driver"),
    ([("machine", &["pc"]), ("place", &["root-port", "switch"])], "pc has no PCI Express root ports"),
];

const AHCI_CD_ONCE: &str = "a drive on AHCI is held against one class, and disks on AHCI against the others";

const NO_VARIABLE_YET: &str = "the template has no variable that could be damaged";

const MADE_ANEW: &str = "a store that cannot be read is made anew, whatever order there was";

const SAME_LOADER: &str = "a loader does the same on either board, but for Secure Boot, which q35 alone has";

/// Groups that have the matrices of others over again on one board.
const ARCHITECTURES: [&str; 5] = ["aarch64", "arm32", "ia32", "loongarch64", "riscv64"];

/// Pairs that none of these groups has.
const LEFT_OUT_OF_EACH: &[(Pair, &str)] = &[
    ([("right", &["scsi-cd"]), ("wrong", &["scsi-cd"])], ONE_OPTICAL),
    ([("right", &["ahci-cd"]), ("wrong", &["ahci-cd"])], ONE_OPTICAL),
    ([("damage", &["bad-variable"]), ("when", &["at-first", "at-first-bootindex"])], NO_VARIABLE_YET),
    ([("damage", &[]), ("when", &["later-bootindex", "at-first-bootindex"])], MADE_ANEW),
    (
        [("class", &["virtio-blk", "nvme"]), ("act", &[])],
        "PCI functions come behind root ports, in the acts that differ by the firmware",
    ),
    ([("class", &["virtio-blk", "nvme"]), ("other", &["blank"])], PRELAUNCH_ONCE),
    ([("class", &["virtio-blk", "nvme"]), ("strict", &["on"])], PRELAUNCH_ONCE),
    ([("other", &["blank"]), ("act", &[])], PRELAUNCH_ONCE),
    ([("access", &["absent"]), ("order", &["no-store"])], "without flash there is no store in it either"),
    ([("arch", &[]), ("firmware", &[])], "an architecture is one firmware's"),
    ([("arch", &[]), ("machine", &[])], "an architecture is one firmware's"),
];

/// Pairs that a machine could have and no case does: group, pair, why.
const LEFT_OUT: &[(&str, Pair, &str)] = &[
    ("aarch64", [("firmware", &[]), ("machine", &[])], "guests of one network, each on a board of its own"),
    ("ia32", [("damage", &[]), ("when", &[])], "a crash takes half a minute: one stands for all"),
    ("width", [("firmware", &[]), ("machine", &[])], "AAVMF is for virt, OVMF for q35"),
    ("width", [("arch", &[]), ("firmware", &[])], "an architecture is one firmware's"),
    ("width", [("arch", &[]), ("machine", &[])], "an architecture is one firmware's"),
    (
        "loongarch64",
        [("right", &["ahci", "ahci-cd"]), ("wrong", &["ahci", "ahci-cd", "scsi-cd"])],
        "a build without a driver for AHCI boots neither",
    ),
    ("loongarch64", [("right", &["scsi-cd"]), ("wrong", &["ahci", "ahci-cd"])], ONE_OPTICAL),
    ("loongarch64", [("right", &["ahci-cd"]), ("wrong", &[])], AHCI_CD_ONCE),
    ("loongarch64", [("right", &[]), ("wrong", &["ahci-cd"])], AHCI_CD_ONCE),
    ("tpm", [("firmware", &["aavmf"]), ("tpm", &["crb"])], "virt has a TPM by TIS alone"),
    ("tpm", [("machine", &["virt", "virt-arm"]), ("tpm", &["crb"])], "virt has a TPM by TIS alone"),
    (
        "tpm",
        [("machine", &["q35-ia32"]), ("tpm", &["tis"])],
        "either interface is driven by the same driver, which x86-64 shows",
    ),
    ("tpm", [("firmware", &[]), ("machine", &[])], "AAVMF is for virt, OVMF for the others"),
    (
        "drives",
        [("class", &["floppy"]), ("reads", &["lba", "lba48", "unaligned"])],
        "int 13h has no extensions for a floppy drive",
    ),
    (
        "drives",
        [("class", &["usb-ehci", "usb-uhci"]), ("reads", &["chs", "lba", "lba48"])],
        "of a disk SeaBIOS drives the controller alone in another way than on xHCI",
    ),
    ("drives", [("class", &["usb-ehci", "usb-uhci"]), ("machine", &["q35"])], SAME_DRIVER),
    ("drives", [("machine", &["q35"]), ("reads", &["unaligned"])], SAME_DRIVER),
    (
        "drives",
        [("class", &["am53c974", "lsi53c895a", "megasas", "mptsas1068", "pvscsi"]), ("reads", &["lba48"])],
        "every SCSI command of SeaBIOS has 32 bits for an LBA, and virtio-scsi has its case",
    ),
    ("alone", [("fat", &["fat12", "fat32"]), ("firmware", &["seabios"])], SEABIOS_READS_NO_FAT),
    ("alone", [("firmware", &[]), ("made-for", &[])], "a medium for one firmware is no boot entry of the other"),
    (
        "drives",
        [("class", &["am53c974", "lsi53c895a", "megasas", "mptsas1068", "pvscsi"]), ("firmware", &["ovmf"])],
        "OVMF as Debian builds it has no driver for them",
    ),
    (
        "drives",
        [("class", &["usb-hub"]), ("firmware", &["ovmf"])],
        "OVMF finds a disk behind a hub in some boots only, as soon as its boot manager is quicker than the hub",
    ),
    (
        "drives",
        [("class", &["virtio-blk", "virtio-scsi", "ahci", "ide"]), ("firmware", &["ovmf"])],
        "a logical geometry is for SeaBIOS",
    ),
    ("drives", [("machine", &["pc"]), ("firmware", &["ovmf"])], "the adapters are the same on both boards"),
    (
        "field",
        [("firmware", &[]), ("machine", &[])],
        "each case is one report, on the board and firmware that it names",
    ),
    ("order", [("right", &["ahci-cd"]), ("machine", &["pc"])], NATIVE_OPTICAL),
    ("order", [("wrong", &["ahci-cd"]), ("machine", &["pc"])], NATIVE_OPTICAL),
    ("order", [("right", &["ahci-cd", "ide-cd"]), ("wrong", &["ahci-cd", "ide-cd"])], ONE_OPTICAL),
    ("order", [("right", &["ahci-cd"]), ("wrong", &["ide"])], NATIVE_OPTICAL),
    ("order", [("right", &["ide"]), ("wrong", &["ahci-cd"])], NATIVE_OPTICAL),
    ("first_entry", [("first", &["rebooting"]), ("firmware", &["ovmf"])], REBOOTS_APART),
    ("first_entry", [("first", &["rebooting"]), ("machine", &["q35"])], REBOOTS_APART),
    (
        "first_entry",
        [("first", &["returning-success"]), ("firmware", &["seabios"])],
        "a BIOS knows no success: a program that returns has failed",
    ),
    ("first_entry", [("first", &["idling"]), ("firmware", &["seabios"])], "a BIOS has no watchdog"),
    (
        "system",
        [
            ("firmware", &["seabios"]),
            (
                "system",
                &[
                    "systemd-boot-disk",
                    "systemd-boot-cd",
                    "unified-kernel-disk",
                    "unified-kernel-cd",
                    "grub-unified-kernel-disk",
                    "systemd-boot-unified-kernel-disk",
                    "shim-disk",
                    "shim-cd",
                ],
            ),
        ],
        "programs for UEFI",
    ),
    ("system", [("firmware", &["ovmf"]), ("system", &["isolinux-cd", "isolinux-disk"])], "programs for BIOS"),
    ("system", [("machine", &["q35"]), ("system", &[])], SAME_LOADER),
    ("system", [("machine", &["q35"]), ("firmware", &["seabios"])], SAME_LOADER),
    (
        "triples",
        [("triple", &["ahci+scsi-cd+nvme"]), ("machine", &["pc"])],
        "each board has a triple of its own controllers",
    ),
    (
        "places",
        [("firmware", &["ovmf"]), ("machine", &["pc"])],
        "the table of paths is the same, and root ports are q35's",
    ),
    ("prelaunch", [("machine", &["pc", "q35"]), ("class", &[])], PRELAUNCH_BOARD),
    ("prelaunch", [("machine", &["q35"]), ("act", &[])], PRELAUNCH_BOARD),
    ("prelaunch", [("machine", &["q35"]), ("firmware", &["ovmf"])], PRELAUNCH_BOARD),
    ("prelaunch", [("machine", &["q35"]), ("strict", &["on"])], PRELAUNCH_BOARD),
    ("prelaunch", [("machine", &["q35"]), ("other", &["blank"])], PRELAUNCH_BOARD),
    ("prelaunch", [("machine", &["q35"]), ("leaving", &["two-resets-then-cont"])], PRELAUNCH_BOARD),
    ("prelaunch", [("machine", &["q35"]), ("lchs", &["on"])], PRELAUNCH_BOARD),
    ("prelaunch", [("leaving", &["two-resets-then-cont"]), ("other", &["blank"])], PRELAUNCH_ONCE),
    ("prelaunch", [("leaving", &["two-resets-then-cont"]), ("act", &[])], PRELAUNCH_ONCE),
    ("prelaunch", [("leaving", &["two-resets-then-cont"]), ("class", &[])], PRELAUNCH_ONCE),
    ("prelaunch", [("other", &["blank"]), ("act", &[])], PRELAUNCH_ONCE),
    ("pxe", [("bridge", &[]), ("firmware", &[])], "a real network is slow: each story with one firmware"),
    (
        "resets",
        [
            ("moment", &["menu", "post-pci-probing", "post-drives-found", "post-threads-complete", "post-int-19h"]),
            ("firmware", &["ovmf"]),
        ],
        "OVMF says nothing before its boot manager",
    ),
    (
        "prelaunch",
        [("nic", &["e1000"]), ("firmware", &["ovmf"])],
        "without its ROM OVMF drives virtio-net only, and with the ROM it is iPXE that boots",
    ),
    ("prelaunch", [("lchs", &["on"]), ("firmware", &["ovmf"])], "bios-geometry is for SeaBIOS"),
    (
        "prelaunch",
        [("lchs", &["on"]), ("class", &["nvme", "usb-xhci"])],
        "QEMU takes lcyls, lheads and lsecs of disks on virtio, IDE and SCSI",
    ),
    (
        "pxe",
        [("machine", &[]), ("story", &[])],
        "the same ROM meets the same network on both boards; the NIC models run on both",
    ),
    ("pxe", [("firmware", &[]), ("loader", &[])], "a loader's image is for one firmware"),
    (
        "pxe",
        [("firmware", &[]), ("bridge", &[])],
        "bridge and firewall are the same for both firmwares, and an architecture is one firmware's",
    ),
    (
        "snapshot",
        [("change", &["plugged-pci"]), ("machine", &["q35"])],
        "q35's root bus takes no device while the machine runs",
    ),
    ("http", [("firmware", &[]), ("loader", &[])], "a loader's image is for one firmware"),
    (
        "vars",
        [("damage", &["bad-variable"]), ("when", &["at-first", "at-first-bootindex", "rescued"])],
        "the template has no variable that could be damaged",
    ),
    ("vars", [("damage", &["full"]), ("when", &["rescued"])], "a full store boots"),
    (
        "vars",
        [
            ("damage", &["erased-volume-header", "erased-store-header", "garbage", "erased"]),
            ("when", &["later-bootindex", "at-first-bootindex"]),
        ],
        "OVMF crashes before it reads an order",
    ),
];

const SAME_DRIVER: &str = "what a driver makes of an address is the same on both boards";
const SEABIOS_READS_NO_FAT: &str = "SeaBIOS runs the boot sector and reads no file system";
const NATIVE_OPTICAL: &str = "pairs are made with the optical drive that the board has by itself";
const ONE_OPTICAL: &str = "pairs are of disks, with one optical drive among them";
const REBOOTS_APART: &str = "rebooting first entries have cases of their own, by the way they reboot";
const PRELAUNCH_BOARD: &str = "fw_cfg is the same on both boards, which one act shows";
const PRELAUNCH_ONCE: &str = "one act shows it";

/// The account of the cases of one group that have the same axes.
#[derive(Debug, Serialize)]
pub struct GroupCoverage {
    /// First part of the ids.
    pub group: String,
    /// Values of each axis, in the order of the listing.
    pub axes: BTreeMap<String, Vec<String>>,
    /// Covered, excluded and missing pairs.
    pub coverage: Coverage,
    /// The missing pairs that are left out on purpose, by reason.
    pub left_out: BTreeMap<&'static str, Vec<PairCoverage>>,
    /// The missing pairs that nothing explains.
    pub unexplained: Vec<PairCoverage>,
}

/// Group and names of axes.
type Key<'a> = (&'a str, Vec<&'a str>);

/// Accounts for cases, group by group in the order of their first case.
///
/// # Errors
///
/// What is wrong with an axis' name or value.
pub fn of(cases: &[Case]) -> Result<Vec<GroupCoverage>, AxesError> {
    let mut groups: Vec<(Key<'_>, Vec<&Case>)> = Vec::new();
    for case in cases {
        let group = case.id.split("::").next().unwrap_or_default();
        let key = (group, case.axes.keys().map(String::as_str).collect());
        match groups.iter_mut().find(|(known, _)| *known == key) {
            Some((_, members)) => members.push(case),
            None => groups.push((key, vec![case])),
        }
    }
    groups.into_iter().map(|((group, _), members)| account(group, &members)).collect()
}

fn account(group: &str, cases: &[&Case]) -> Result<GroupCoverage, AxesError> {
    let mut values: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (axis, value) in cases.iter().flat_map(|case| &case.axes) {
        let known = values.entry(axis.clone()).or_default();
        if !known.contains(value) {
            known.push(value.clone());
        }
    }
    let builder = values
        .iter()
        .fold(Axes::builder(), |builder, (axis, values)| builder.axis(axis, values.iter().map(String::as_str)));
    let axes = IMPOSSIBLE.iter().fold(builder, |builder, (pair, reason)| match narrowed(pair, &values) {
        Some([(first, left), (second, right)]) => builder
            .exclude(&[first, second], reason, move |at| at.is_one_of(first, &left) && at.is_one_of(second, &right)),
        None => builder,
    });
    let mut seen = BTreeSet::new();
    let combinations = cases.iter().filter(|case| seen.insert(&case.axes)).map(|case| combination(case));
    let coverage = axes.build()?.coverage(&combinations.collect::<Vec<_>>())?;
    let mut left_out: BTreeMap<&str, Vec<PairCoverage>> = BTreeMap::new();
    let mut unexplained = Vec::new();
    for pair in coverage.missing() {
        match why_left_out(group, pair) {
            Some(reason) => left_out.entry(reason).or_default().push(pair.clone()),
            None => unexplained.push(pair.clone()),
        }
    }
    Ok(GroupCoverage { group: group.to_owned(), axes: values, coverage, left_out, unexplained })
}

fn why_left_out(group: &str, pair: &PairCoverage) -> Option<&'static str> {
    let own = LEFT_OUT.iter().filter(|(of, ..)| *of == group).map(|(_, values, reason)| (values, *reason));
    let of_each = LEFT_OUT_OF_EACH.iter().filter(|_| ARCHITECTURES.contains(&group));
    let mut rows = own.chain(of_each.map(|(values, reason)| (values, *reason)));
    rows.find(|(values, _)| meets(values, pair)).map(|(_, reason)| reason)
}

/// Two axes with those of their values that occur.
type Narrowed = [(&'static str, Vec<&'static str>); 2];

/// The pair with those of its values that the axes have; `None` where an axis has none.
fn narrowed(pair: &Pair, known: &BTreeMap<String, Vec<String>>) -> Option<Narrowed> {
    let of = |(axis, values): &(&'static str, &'static [&'static str])| {
        let known = known.get(*axis)?;
        let values: Vec<&str> =
            values.iter().copied().filter(|value| known.iter().any(|known| known == value)).collect();
        if values.is_empty() { None } else { Some((*axis, values)) }
    };
    Some([of(&pair[0])?, of(&pair[1])?])
}

fn combination(case: &Case) -> Combination {
    Combination::new(case.axes.iter().map(|(axis, value)| (axis.as_str(), value.as_str())))
}

/// Whether a pair of values is one of those, in either order.
fn meets(of: &Pair, pair: &PairCoverage) -> bool {
    let fits = |(axis, values): &(&str, &[&str]), value: &AxisValue| {
        *axis == value.axis && (values.is_empty() || values.contains(&value.value.as_str()))
    };
    let (first, second) = (&pair.first, &pair.second);
    (fits(&of[0], first) && fits(&of[1], second)) || (fits(&of[0], second) && fits(&of[1], first))
}

impl fmt::Display for GroupCoverage {
    /// The axes, a summary, and every pair that no case has with the reason.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{} ({} combinations)", self.group, self.coverage.combinations)?;
        for (axis, values) in &self.axes {
            writeln!(out, "  axis {axis}: {}", values.join(", "))?;
        }
        let excluded = self.coverage.excluded();
        let left_out: usize = self.left_out.values().map(Vec::len).sum();
        let impossible: usize = excluded.values().map(Vec::len).sum();
        let covered = self.coverage.pairs.len() - impossible - left_out - self.unexplained.len();
        writeln!(
            out,
            "  {} pairs: {covered} covered, {impossible} impossible, {left_out} left out, {} missing",
            self.coverage.pairs.len(),
            self.unexplained.len()
        )?;
        for (reason, pairs) in &excluded {
            writeln!(out, "  impossible, since {reason}:")?;
            pairs.iter().try_for_each(|pair| writeln!(out, "    {pair}"))?;
        }
        for (reason, pairs) in &self.left_out {
            writeln!(out, "  left out, since {reason}:")?;
            pairs.iter().try_for_each(|pair| writeln!(out, "    {pair}"))?;
        }
        self.unexplained.iter().try_for_each(|pair| writeln!(out, "  missing: {pair}"))
    }
}

#[cfg(test)]
mod tests {
    use bootwright::machine::{Board, Firmware, Machine, Medium};
    use bootwright::verdict::Expectation;

    use super::*;

    fn case(board: Board, class: &str) -> Case {
        let machine = Machine::new(Firmware::SeaBios, board).virtio_blk(Medium::bootable("only")).bootindex(1);
        Case::new(format!("synthetic::{}::{class}", board.name()))
            .axis("class", class)
            .machine(machine)
            .expect(Expectation::boots("only"))
    }

    #[test]
    fn no_pair_of_values_is_missing_without_a_reason() {
        let groups = of(&crate::all()).unwrap();
        let has_holes =
            |group: &&GroupCoverage| !(group.unexplained.is_empty() && group.coverage.violations.is_empty());
        let holes: String = groups.iter().filter(has_holes).map(ToString::to_string).collect();
        assert_eq!(holes, "");
    }

    #[test]
    fn a_hole_in_a_matrix_is_missing() {
        let cases = [case(Board::Pc, "nvme"), case(Board::Pc, "ahci"), case(Board::Q35, "nvme")];
        let groups = of(&cases).unwrap();
        let missing: Vec<String> = groups[0].unexplained.iter().map(ToString::to_string).collect();
        assert_eq!(missing, ["class=ahci with machine=q35"]);
        assert!(groups[0].to_string().contains("  missing: class=ahci with machine=q35\n"));
    }

    #[test]
    fn what_cannot_exist_is_not_missing_and_shows_if_a_case_has_it() {
        let cases = [case(Board::Pc, "ide"), case(Board::Q35, "nvme"), case(Board::Pc, "nvme")];
        let groups = of(&cases).unwrap();
        assert!(groups[0].unexplained.is_empty());
        assert!(groups[0].to_string().contains("  impossible, since q35 has no PIIX3 IDE controller:\n"));
        let groups = of(&[case(Board::Q35, "ide"), case(Board::Pc, "nvme")]).unwrap();
        assert_eq!(groups[0].coverage.violations.len(), 1);
    }
}

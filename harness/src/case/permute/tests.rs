use rstest::rstest;

use super::*;

fn small() -> AxesBuilder {
    Axes::builder()
        .axis("firmware", ["seabios", "ovmf"])
        .axis("machine", ["pc", "q35"])
        .axis("disk", ["virtio_blk", "ide", "ahci", "floppy"])
}

fn constrained() -> Axes {
    small()
        .noise("ram_mib", ["256", "512", "1024"])
        .noise("rng", ["none", "virtio"])
        .exclude(&["firmware", "disk"], "OVMF has no floppy driver", |at| {
            at.is("firmware", "ovmf") && at.is("disk", "floppy")
        })
        .exclude(&["machine", "disk"], "q35 has no IDE", |at| at.is("machine", "q35") && at.is("disk", "ide"))
        .exclude(&["machine", "disk"], "pc has no AHCI", |at| at.is("machine", "pc") && at.is("disk", "ahci"))
        .exclude(&["disk", "rng"], "kept apart", |at| at.is("disk", "ahci") && at.is("rng", "virtio"))
        .build()
        .unwrap()
}

fn ids(combinations: &[Combination]) -> Vec<String> {
    combinations.iter().map(Combination::id).collect()
}

#[test]
fn a_full_product_is_every_combination_in_order() {
    let product = small().build().unwrap().full_product().unwrap();
    assert_eq!(product.len(), 16);
    assert_eq!(product[1].id(), "seabios::pc::ide");
    assert_eq!(product[15].id(), "ovmf::q35::floppy");
}

#[test]
fn a_full_product_leaves_out_what_is_excluded() {
    let product = ids(&constrained().full_product().unwrap());
    assert_eq!(product.len(), 16 - 2 - 2 - 2);
    assert!(!product.iter().any(|id| id.starts_with("ovmf") && id.ends_with("floppy")));
}

#[test]
fn a_pairwise_core_covers_every_feasible_pair_and_value() {
    let axes = constrained();
    let core = axes.pairwise().unwrap();
    let coverage = axes.coverage(&core).unwrap();
    assert_eq!(coverage.missing().count(), 0, "{coverage}");
    assert_eq!(coverage.unused().filter(|value| !value.noise).count(), 0, "{coverage}");
    assert_eq!(coverage.violations, []);
    assert!(core.len() < axes.full_product().unwrap().len());
}

#[test]
fn a_missing_pair_is_reported() {
    let axes = constrained();
    let mut core = axes.pairwise().unwrap();
    core.retain(|combination| {
        !(combination.get("disk") == Some("ahci") && combination.get("firmware") == Some("ovmf"))
    });
    let coverage = axes.coverage(&core).unwrap();
    let missing: Vec<String> = coverage.missing().map(ToString::to_string).collect();
    assert_eq!(missing, ["firmware=ovmf with disk=ahci"]);
    assert!(coverage.to_string().contains("missing: firmware=ovmf with disk=ahci\n"), "{coverage}");
}

#[test]
fn an_unused_value_is_reported() {
    let axes = constrained();
    let core: Vec<_> = axes.pairwise().unwrap().into_iter().filter(|row| row.get("disk") != Some("floppy")).collect();
    let coverage = axes.coverage(&core).unwrap();
    assert!(coverage.to_string().contains("unused: disk=floppy\n"), "{coverage}");
}

#[test]
fn a_combination_that_breaks_an_exclusion_is_reported() {
    let rows = small().noise("ram_mib", ["256", "512", "1024"]).noise("rng", ["none", "virtio"]).build().unwrap();
    let coverage = constrained().coverage(&rows.full_product().unwrap()).unwrap();
    let broken = ("ovmf::pc::floppy".to_owned(), "OVMF has no floppy driver".to_owned());
    assert!(coverage.violations.contains(&broken), "{coverage}");
}

#[test]
fn excluded_pairs_carry_their_reasons() {
    let axes = constrained();
    let coverage = axes.coverage(&axes.pairwise().unwrap()).unwrap();
    let text = coverage.to_string();
    assert!(text.contains("excluded: q35 has no IDE\n  machine=q35 with disk=ide\n"), "{text}");
    let json = serde_json::to_value(&coverage).unwrap();
    let pair = json["pairs"]
        .as_array()
        .unwrap()
        .iter()
        .find(|pair| pair["second"]["value"] == "floppy" && pair["first"]["value"] == "ovmf");
    assert_eq!(pair.unwrap()["state"], "excluded");
    assert_eq!(pair.unwrap()["reasons"][0], "OVMF has no floppy driver");
}

#[test]
fn a_pair_that_exclusions_forbid_only_together_names_them_all() {
    let axes = Axes::builder()
        .axis("a", ["1", "2"])
        .axis("b", ["1", "2"])
        .axis("c", ["1", "2"])
        .exclude(&["a", "c"], "a1 wants c2", |at| at.is("a", "1") && at.is("c", "1"))
        .exclude(&["b", "c"], "b1 wants c1", |at| at.is("b", "1") && at.is("c", "2"))
        .build()
        .unwrap();
    let coverage = axes.coverage(&axes.pairwise().unwrap()).unwrap();
    let pair = coverage.pairs.iter().find(|pair| pair.first.to_string() == "a=1" && pair.second.to_string() == "b=1");
    let reasons = vec!["a1 wants c2".to_owned(), "b1 wants c1".to_owned()];
    assert_eq!(pair.unwrap().state, PairState::Excluded { reasons });
    assert_eq!(coverage.missing().count(), 0);
}

#[test]
fn the_same_axes_give_the_same_rows() {
    assert_eq!(constrained().pairwise().unwrap(), constrained().pairwise().unwrap());
    let golden = [
        "seabios::pc::virtio_blk",
        "seabios::q35::ahci",
        "seabios::pc::ide",
        "seabios::q35::floppy",
        "ovmf::pc::virtio_blk",
        "ovmf::q35::ahci",
        "ovmf::pc::ide",
        "seabios::pc::floppy",
        "ovmf::q35::virtio_blk",
    ];
    assert_eq!(ids(&constrained().pairwise().unwrap()), golden);
}

#[test]
fn noise_depends_on_the_id_alone_and_obeys_exclusions() {
    let axes = constrained();
    let product = axes.full_product().unwrap();
    for combination in axes.pairwise().unwrap() {
        let twin = product.iter().find(|other| other.id() == combination.id()).unwrap();
        assert_eq!(combination.noise, twin.noise);
    }
    assert!(product.iter().all(|row| row.get("disk") != Some("ahci") || row.get("rng") == Some("none")));
    let used = |value| product.iter().filter(|row| row.get("ram_mib") == Some(value)).count();
    assert!(["256", "512", "1024"].iter().all(|value| used(value) > 0));
}

#[test]
fn a_single_axis_gives_each_value_once() {
    let axes = Axes::builder().axis("disk", ["ide", "nvme", "scsi"]).build().unwrap();
    assert_eq!(ids(&axes.pairwise().unwrap()), ["ide", "nvme", "scsi"]);
}

#[test]
fn no_axes_give_no_pairs() {
    let axes = Axes::builder().build().unwrap();
    assert!(axes.pairwise().unwrap().is_empty());
    assert!(axes.coverage(&[]).unwrap().pairs.is_empty());
}

#[test]
fn a_core_of_many_axes_is_small() {
    let ten = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
    let axes = Axes::builder().axis("a", ten).axis("b", ten).axis("c", ten).axis("d", ten).build().unwrap();
    let core = axes.pairwise().unwrap();
    assert!(core.len() >= 100 && core.len() < 180, "{} rows for 100 pairs of two axes", core.len());
    assert_eq!(axes.coverage(&core).unwrap().missing().count(), 0);
}

#[rstest]
#[case::axis_twice(small().axis("disk", ["nvme"]), "axis \"disk\" is named twice")]
#[case::value_twice(Axes::builder().axis("disk", ["a", "a"]), "value of axis \"disk\" \"a\" is named twice")]
#[case::bad_value(Axes::builder().axis("disk", ["a::b"]), "cannot stand in a case id")]
#[case::empty_name(Axes::builder().axis("", ["a"]), "cannot stand in a case id")]
#[case::no_values(Axes::builder().axis("disk", []), "has no values")]
#[case::unknown_axis(small().exclude(&["disc"], "r", |_| false), "asks for axis \"disc\"")]
#[case::undeclared_axis(small().exclude(&["disk"], "r", |at| at.is("machine", "pc")), "asks for axis \"machine\"")]
#[case::unknown_value(small().exclude(&["disk"], "r", |at| at.is("disk", "virtio")), "asks for value \"virtio\"")]
#[case::unknown_value_behind_a_match(
    small().exclude(&["disk"], "r", |at| at.is_one_of("disk", &["ide", "sata"])), "asks for value \"sata\"")]
#[case::no_reason(small().exclude(&["disk"], " ", |_| false), "gives no reason")]
fn bad_axes_are_refused_with_their_reason(#[case] builder: AxesBuilder, #[case] reason: &str) {
    let error = builder.build().unwrap_err().to_string();
    assert!(error.contains(reason), "{error}");
}

#[test]
fn a_combination_without_any_noise_left_is_dropped_from_the_core_and_named_in_the_product() {
    let axes = small()
        .noise("rng", ["none"])
        .exclude(&["disk", "rng"], "never", |at| at.is("disk", "ide") && at.is("rng", "none"))
        .build()
        .unwrap();
    assert!(!ids(&axes.pairwise().unwrap()).iter().any(|id| id.ends_with("ide")));
    let error = axes.full_product().unwrap_err().to_string();
    assert_eq!(error, "the exclusions leave no choice of noise for seabios::pc::ide: never");
}

#[test]
fn a_combination_of_other_axes_is_refused() {
    let other = Axes::builder().axis("disk", ["ide"]).build().unwrap().full_product().unwrap();
    assert_eq!(constrained().coverage(&other), Err(PermuteError::Foreign { id: "ide".into() }));
}

/// Random axes and random exclusions; the seed is printed by the assertion that fails.
#[rstest]
fn random_axes_are_covered_without_violations(#[values(1, 2, 3, 4, 5, 6, 7, 8)] round: u64) {
    const NAMES: [&str; 6] = ["a", "b", "c", "d", "e", "f"];
    const VALUES: [&str; 6] = ["u", "v", "w", "x", "y", "z"];
    for seed in round * 1000..round * 1000 + 25 {
        let mut random = fastrand::Rng::with_seed(seed);
        let count = random.usize(2..=NAMES.len());
        let mut builder = Axes::builder();
        for name in NAMES.iter().take(count) {
            builder = builder.axis(name, VALUES.into_iter().take(random.usize(1..=VALUES.len())));
        }
        let bare = builder.build().unwrap();
        let mut builder = Axes::builder();
        for axis in bare.core() {
            builder = builder.axis(&axis.name, axis.values.iter().map(String::as_str));
        }
        for _ in 0..random.usize(0..6) {
            let width = random.usize(2..=3.min(count));
            let chosen: Vec<String> =
                random.choose_multiple(bare.core().iter(), width).iter().map(|axis| axis.name.clone()).collect();
            let pick: Vec<(String, String)> = chosen
                .iter()
                .filter_map(|name| bare.core().iter().find(|axis| axis.name == *name))
                .map(|axis| (axis.name.clone(), axis.values[random.usize(..axis.values.len())].clone()))
                .collect();
            let names: Vec<&str> = chosen.iter().map(String::as_str).collect();
            builder = builder.exclude(&names, "random", move |at| pick.iter().all(|(axis, value)| at.is(axis, value)));
        }
        let axes = builder.build().unwrap();
        let coverage = axes.coverage(&axes.pairwise().unwrap()).unwrap();
        let product = axes.full_product().unwrap();
        let reachable = axes.coverage(&product).unwrap();
        assert_eq!(coverage.missing().count(), 0, "seed {seed}: {coverage}");
        assert_eq!(coverage.violations, [], "seed {seed}");
        let covered = |coverage: &Coverage| {
            coverage.pairs.iter().filter(|pair| matches!(pair.state, PairState::Covered { .. })).count()
        };
        assert_eq!(covered(&coverage), covered(&reachable), "seed {seed}: the core and the product disagree");
        assert!(coverage.combinations <= product.len(), "seed {seed}");
    }
}

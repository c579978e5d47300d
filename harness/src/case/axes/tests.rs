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
        .exclude(&["firmware", "disk"], "OVMF has no floppy driver", |at| {
            at.is("firmware", "ovmf") && at.is("disk", "floppy")
        })
        .exclude(&["machine", "disk"], "q35 has no IDE", |at| at.is("machine", "q35") && at.is("disk", "ide"))
        .exclude(&["machine", "disk"], "pc has no AHCI", |at| at.is("machine", "pc") && at.is("disk", "ahci"))
        .build()
        .unwrap()
}

/// Every combination there is, forbidden ones too, the last axis fastest.
fn product(axes: &Axes) -> Vec<Combination> {
    let longer = |rows: Vec<Combination>, axis: &Axis| {
        let with = |row: &Combination, value: &String| {
            let value = AxisValue { axis: axis.name.clone(), value: value.clone() };
            Combination { values: [row.values.clone(), vec![value]].concat() }
        };
        rows.iter().flat_map(|row| axis.values.iter().map(move |value| with(row, value))).collect()
    };
    axes.axes.iter().fold(vec![Combination { values: Vec::new() }], longer)
}

/// Those that no exclusion forbids.
fn allowed(axes: &Axes) -> Vec<Combination> {
    let forbidden: Vec<String> =
        axes.coverage(&product(axes)).unwrap().violations.into_iter().map(|(id, _)| id).collect();
    product(axes).into_iter().filter(|row| !forbidden.contains(&row.id())).collect()
}

fn has(row: &Combination, value: &str) -> bool {
    row.values.iter().any(|given| given.value == value)
}

#[test]
fn all_that_is_allowed_covers_every_pair_and_value() {
    let axes = constrained();
    let rows = allowed(&axes);
    assert_eq!(rows.len(), 16 - 2 - 2 - 2);
    assert_eq!((rows[0].id().as_str(), rows[9].id().as_str()), ("seabios::pc::virtio_blk", "ovmf::q35::ahci"));
    let coverage = axes.coverage(&rows).unwrap();
    assert_eq!(coverage.missing().count(), 0, "{coverage}");
    assert_eq!(coverage.unused().count(), 0, "{coverage}");
    assert_eq!(coverage.violations, []);
}

#[test]
fn a_missing_pair_is_reported() {
    let axes = constrained();
    let mut rows = allowed(&axes);
    rows.retain(|row| !(has(row, "ahci") && has(row, "ovmf")));
    let coverage = axes.coverage(&rows).unwrap();
    let missing: Vec<String> = coverage.missing().map(ToString::to_string).collect();
    assert_eq!(missing, ["firmware=ovmf with disk=ahci"]);
    assert!(coverage.to_string().contains("missing: firmware=ovmf with disk=ahci\n"), "{coverage}");
}

#[test]
fn an_unused_value_is_reported() {
    let axes = constrained();
    let rows: Vec<_> = allowed(&axes).into_iter().filter(|row| !has(row, "floppy")).collect();
    let coverage = axes.coverage(&rows).unwrap();
    assert!(coverage.to_string().contains("unused: disk=floppy\n"), "{coverage}");
}

#[test]
fn a_combination_that_breaks_an_exclusion_is_reported() {
    let axes = constrained();
    let coverage = axes.coverage(&product(&axes)).unwrap();
    let broken = ("ovmf::pc::floppy".to_owned(), "OVMF has no floppy driver".to_owned());
    assert!(coverage.violations.contains(&broken), "{coverage}");
}

#[test]
fn excluded_pairs_carry_their_reasons() {
    let axes = constrained();
    let coverage = axes.coverage(&allowed(&axes)).unwrap();
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
    let coverage = axes.coverage(&allowed(&axes)).unwrap();
    let pair = coverage.pairs.iter().find(|pair| pair.first.to_string() == "a=1" && pair.second.to_string() == "b=1");
    let reasons = vec!["a1 wants c2".to_owned(), "b1 wants c1".to_owned()];
    assert_eq!(pair.unwrap().state, PairState::Excluded { reasons });
    assert_eq!(coverage.missing().count(), 0);
}

#[test]
fn no_axes_give_no_pairs() {
    assert!(Axes::builder().build().unwrap().coverage(&[]).unwrap().pairs.is_empty());
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
fn a_combination_of_other_axes_is_refused() {
    let other = [Combination::new([("disk", "ide")])];
    assert_eq!(constrained().coverage(&other), Err(AxesError::Foreign { id: "ide".into() }));
}

/// Random axes and random exclusions; the seed is printed by the assertion that fails.
#[rstest]
fn a_pair_is_excluded_where_no_allowed_combination_has_it(#[values(1, 2, 3, 4, 5, 6, 7, 8)] round: u64) {
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
        for axis in &bare.axes {
            builder = builder.axis(&axis.name, axis.values.iter().map(String::as_str));
        }
        for _ in 0..random.usize(0..6) {
            let width = random.usize(2..=3.min(count));
            let chosen: Vec<String> =
                random.choose_multiple(bare.axes.iter(), width).iter().map(|axis| axis.name.clone()).collect();
            let pick: Vec<(String, String)> = chosen
                .iter()
                .filter_map(|name| bare.axes.iter().find(|axis| axis.name == *name))
                .map(|axis| (axis.name.clone(), axis.values[random.usize(..axis.values.len())].clone()))
                .collect();
            let names: Vec<&str> = chosen.iter().map(String::as_str).collect();
            builder = builder.exclude(&names, "random", move |at| pick.iter().all(|(axis, value)| at.is(axis, value)));
        }
        let axes = builder.build().unwrap();
        // what no allowed combination covers, the search must call excluded, and nothing else
        let coverage = axes.coverage(&[]).unwrap();
        let reachable = axes.coverage(&allowed(&axes)).unwrap();
        assert_eq!(reachable.missing().count(), 0, "seed {seed}: {reachable}");
        for (searched, met) in coverage.pairs.iter().zip(&reachable.pairs) {
            let is_excluded = |pair: &PairCoverage| matches!(pair.state, PairState::Excluded { .. });
            assert_eq!(is_excluded(searched), is_excluded(met), "seed {seed}: {searched}");
        }
    }
}

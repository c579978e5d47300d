use std::collections::BTreeSet;

use super::*;

#[test]
fn ids_are_unique_and_ordered_the_same_every_time() {
    let ids: Vec<String> = all().into_iter().map(|case| case.id).collect();
    let unique: BTreeSet<&String> = ids.iter().collect();
    assert_eq!(unique.len(), ids.len());
    assert_eq!(ids, all().into_iter().map(|case| case.id).collect::<Vec<_>>());
}

#[test]
fn every_case_has_a_negative_control_that_differs_from_it() {
    for case in all() {
        let control = case.control.unwrap_or_else(|| panic!("{} is vacuous", case.id));
        assert_ne!(control, case.machine, "{}", case.id);
    }
}

#[test]
fn every_machine_and_control_can_be_laid_out() {
    use bootwright::machine::layout::Layout;
    for case in all() {
        for machine in [Some(case.machine), case.control].into_iter().flatten() {
            Layout::of(&machine).unwrap_or_else(|error| panic!("{}: {error}", case.id));
        }
    }
}

#[test]
fn every_case_written_as_a_file_and_read_back_is_equal_and_could_run() {
    let cases = all();
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for part in cases.chunks(cases.len().div_ceil(threads)) {
            scope.spawn(|| part.iter().enumerate().for_each(|(index, case)| is_equal_once_read_back(index, case)));
        }
    });
}

/// In TOML, which people write; every fourth in JSON too, which has the same fields.
fn is_equal_once_read_back(index: usize, case: &Case) {
    use bootwright::case::file::{self, Format};
    let formats: &[Format] = if index.is_multiple_of(4) { &[Format::Toml, Format::Json] } else { &[Format::Toml] };
    for &format in formats {
        let text = file::write(case, format).unwrap_or_else(|error| panic!("{}: {error}", case.id));
        let back = file::read(&text, format, "a.toml").unwrap_or_else(|error| panic!("{}: {error}\n{text}", case.id));
        assert_eq!(back, *case, "{text}");
    }
    file::check(case).unwrap_or_else(|wrong| panic!("{}: {wrong:?}", case.id));
}

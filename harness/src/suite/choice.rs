//! What a run chooses: its settings, its cases, and the known issues that they are held against.

use std::collections::{HashMap, HashSet};

use super::jobs::{Job, id_of, jobs};
use super::settings::Settings;
use crate::case::{Case, Tier, file};
use crate::verdict::known_issues::KnownIssues;

/// How errors name the known issues that are built into a binary.
const BUILT_IN: &str = "known-issues.toml";

pub(super) fn settings() -> Result<Settings, String> {
    Settings::read(|name| std::env::var(name).ok()).map_err(|error| error.to_string())
}

/// The cases that there are: those of the settings' files, or the binary's own. Whoever names a file wants its case, long or not.
pub(super) fn chosen(own: Vec<Case>, settings: &Settings) -> Result<Vec<Case>, String> {
    if settings.case_files.is_empty() {
        return Ok(own);
    }
    let mut cases = file::read_all(&settings.case_files).map_err(|error| crate::error::chain(&error))?;
    for case in &mut cases {
        if matches!(case.tier, Tier::Long(_)) {
            case.tier = Tier::Default;
        }
    }
    Ok(cases)
}

/// The jobs of these names, one on each line, in their order.
pub(super) fn selected(cases: Vec<Case>, settings: &Settings, names: &str) -> Vec<Job> {
    let places: HashMap<&str, usize> = names.lines().enumerate().map(|(place, name)| (name, place)).collect();
    let ids: HashSet<&str> = names.lines().map(id_of).collect();
    let all = jobs(cases, settings, Some(&ids)).into_iter();
    let mut placed: Vec<(usize, Job)> = all.filter_map(|job| Some((*places.get(job.name().as_str())?, job))).collect();
    placed.sort_by_key(|(place, _)| *place);
    placed.into_iter().map(|(_, job)| job).collect()
}

/// The known issues that the settings name, or the crate's own.
pub(super) fn read_known_issues(settings: &Settings, own: &str) -> Result<KnownIssues, String> {
    let (text, name) = match &settings.known_issues {
        None => (own.to_owned(), BUILT_IN.to_owned()),
        Some(path) => {
            let text = std::fs::read_to_string(path);
            (text.map_err(|error| format!("cannot read {}: {error}", path.display()))?, path.display().to_string())
        }
    };
    KnownIssues::parse(&text, &name).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::Suite;

    #[test]
    fn of_many_rounds_those_that_are_named_run_in_the_order_of_their_names() {
        let settings = Settings { repeat: 2000, suite: Suite::Full, ..Settings::new(std::path::PathBuf::new()) };
        let cases = ["a::b", "a::b~c", "d"].map(Case::new).to_vec();
        let names = |text: &str| selected(cases.clone(), &settings, text).iter().map(Job::name).collect::<Vec<_>>();
        assert_eq!(names("d~2\na::b~1999\ncontrol::d~1\n"), ["d~2", "a::b~1999", "control::d~1"]);
        assert_eq!(names("a::b~c~7"), ["a::b~c~7"]);
        assert!(names("a::b\nd~2001").is_empty());
    }

    #[test]
    fn files_take_the_place_of_the_binarys_own_cases_and_a_long_case_runs_where_its_file_is_named() {
        let own = || vec![Case::new("own::case")];
        let mut settings = Settings::new("out".into());
        assert_eq!(chosen(own(), &settings).unwrap(), own());
        let folder = tempfile::tempdir().unwrap();
        let long = Case::new("a::long").long("an OVMF boot is slow");
        let long = long.machine(crate::machine::Machine::pc(crate::machine::Firmware::SeaBios));
        let text =
            file::write(&long.expect(crate::verdict::Expectation::nothing_boots([])), file::Format::Toml).unwrap();
        std::fs::write(folder.path().join("a.toml"), text).unwrap();
        settings.case_files = vec![folder.path().to_owned()];
        let cases = chosen(own(), &settings).unwrap();
        assert_eq!((cases.len(), cases[0].id.as_str(), &cases[0].tier), (1, "a::long", &Tier::Default));
        settings.case_files = vec![folder.path().join("b.toml")];
        assert!(chosen(own(), &settings).unwrap_err().contains("b.toml"));
    }
}

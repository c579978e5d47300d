//! Which of the jobs that there are run. Nothing that was asked for is dropped in silence.

use std::cmp::Reverse;
use std::path::{Path, PathBuf};

use bootwright::case::Suite;
use bootwright::platform::{Architecture, PlatformName};
use bootwright::process::shell_word;
use bootwright::report::Shard;
use bootwright::suite::{LIST_COMMAND, Listed};

use super::out_dir::Past;
use crate::XtaskError;

/// The jobs whose id is one of the filters, or contains one; all of them where there is none. `list` is the command that lists what
/// there is to name.
///
/// # Errors
///
/// [`XtaskError`] names the filters that fit nothing.
pub fn select(
    filters: &[String],
    exact: bool,
    suite: Suite,
    jobs: Vec<Listed>,
    list: &str,
) -> Result<Vec<Listed>, XtaskError> {
    if exact && filters.is_empty() {
        return Err(XtaskError("--exact: no id is given; name the cases to run in full".to_owned()));
    }
    let fits = |filter: &str, job: &Listed| if exact { job.id == filter } else { job.id.contains(filter) };
    let idle = filters.iter().filter(|filter| !jobs.iter().any(|job| fits(filter, job)));
    let idle: Vec<&str> = idle.map(String::as_str).collect();
    if !idle.is_empty() {
        let what = if idle.len() == filters.len() { "nothing selected: " } else { "" };
        let why = nothing_fits(&idle, exact);
        let hint = "ids look like order::seabios::pc::virtio-blk-before-ide";
        return Err(XtaskError(format!("{what}{why} (suite {suite})\n  see: {list}\n  {hint}")));
    }
    let mut jobs = jobs;
    jobs.retain(|job| filters.is_empty() || filters.iter().any(|filter| fits(filter, job)));
    Ok(jobs)
}

/// Refuses a filter that is empty.
///
/// # Errors
///
/// [`XtaskError`] says what it would select.
pub fn none_is_empty(filters: &[String]) -> Result<(), XtaskError> {
    if filters.iter().all(|filter| !filter.trim().is_empty()) {
        return Ok(());
    }
    let hint = "give a part of a case's id, or no argument for the whole suite";
    Err(XtaskError(format!("an empty filter would select everything (is a variable empty?): {hint}")))
}

fn nothing_fits(idle: &[&str], exact: bool) -> String {
    let idle = idle.join("\", nor \"");
    if exact { format!("no case is named \"{idle}\"") } else { format!("no case id contains \"{idle}\"") }
}

/// The error of a run that has nothing to do, although so many cases are selected: its shard has none of them.
pub fn nothing_to_run(filters: &[String], suite: Suite, shard: Option<Shard>, selected: usize) -> XtaskError {
    let Some(shard) = shard.filter(|_| selected > 0) else {
        return XtaskError(format!("nothing selected: no case is in suite {suite}"));
    };
    let of = if filters.is_empty() { String::new() } else { format!(" of \"{}\"", filters.join("\", \"")) };
    let cases = if selected == 1 { "case" } else { "cases" };
    XtaskError(format!("none of the {selected} selected {cases}{of} is in shard {shard}; use fewer shards"))
}

/// The command that lists every case of where these come from: a crate of cases, or files of them.
pub fn list_command(cases: Option<&Path>, case_files: &[PathBuf]) -> String {
    let crates = cases.into_iter().map(|path| ("--cases", path));
    let files = case_files.iter().map(|path| ("--case-file", path.as_path()));
    let word = |(flag, path): (&str, &Path)| format!(" {flag} {}", shell_word(&path.to_string_lossy()));
    crates.chain(files).map(word).fold(LIST_COMMAND.to_owned(), |line, word| line + &word)
}

/// One line where `--suite full` has more cases that these filters fit than the suite that was chosen: a group that is long has
/// a sample in the default suite, which by its number alone looks like all of it.
pub fn more_in_full(filters: &[String], suite: Suite, selected: &[Listed], full: &[Listed]) -> Option<String> {
    let fits = |job: &&Listed| !job.control && filters.iter().any(|filter| job.id.contains(filter));
    let (here, whole) = (selected.iter().filter(fits).count(), full.iter().filter(fits).count());
    (whole > here).then(|| {
        let cases = if here == 1 { "case" } else { "cases" };
        format!("suite {suite} has {here} {cases} of {}; --suite full has {whole}", filters.join(", "))
    })
}

/// Whether every filter begins with the name of a group most of whose cases need another QEMU than that of x86-64, as `aarch64` and
/// `riscv64::order` do: of these the default suite has a sample, or nothing.
pub fn other_architectures_alone(filters: &[String], full: &[Listed]) -> bool {
    let group = |id: &str| id.split("::").next().unwrap_or_default().to_owned();
    filters.iter().all(|filter| {
        let named = group(filter);
        let of_group = full.iter().filter(|job| !job.control && group(&job.id) == named);
        let (others, own): (Vec<_>, Vec<_>) = of_group.partition(|job| job.architecture != Architecture::X86_64);
        others.len() > own.len()
    })
}

/// Each job so many times, one round after the other.
pub fn repeated(jobs: Vec<Listed>, times: u32) -> Vec<Listed> {
    if times == 1 {
        return jobs;
    }
    let round = |job: &Listed, round| Listed { name: format!("{}~{round}", job.id), round: Some(round), ..job.clone() };
    jobs.iter().flat_map(|job| (1..=times).map(move |number| round(job, number))).collect()
}

/// What takes longer than this is begun early, in seconds, so that no core waits at the end for a case that another one runs.
const LONG: f64 = 2.0;

/// The same jobs in the order in which they are begun: those that failed in the last run, then those that took long, the longest first,
/// each twice as long as the next kind. What takes no time, or was never run, keeps its order.
pub fn ordered(mut jobs: Vec<Listed>, past: &Past) -> Vec<Listed> {
    let doublings = |job: &Listed| {
        let seconds = past.seconds.get(&job.id).copied().unwrap_or_default();
        // a handful of kinds, so that neighbours stay together
        (seconds / LONG).max(1.0).log2().floor() as u32
    };
    jobs.sort_by_key(|job| (!past.failed.contains(&job.id), Reverse(doublings(job))));
    jobs
}

/// Platforms that were named twice would run into one folder.
///
/// # Errors
///
/// [`XtaskError`] names the one.
pub fn each_once(platforms: &[PlatformName]) -> Result<(), XtaskError> {
    for (index, name) in platforms.iter().enumerate() {
        if platforms[..index].contains(name) {
            return Err(XtaskError(format!(
                "--platform {name} is given twice; --repeat runs every case more than once"
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jobs() -> Vec<Listed> {
        ["order::a", "order::b", "pxe::a"].map(job).to_vec()
    }

    fn job(id: &str) -> Listed {
        let listed = serde_json::json!({
            "id": id, "name": id, "axes": {}, "suite": "default", "control": false, "round": null, "source": "cases/src/a.rs:1"
        });
        serde_json::from_value(listed).unwrap()
    }

    fn selected(filters: &[&str], exact: bool) -> Result<Vec<String>, String> {
        let filters: Vec<String> = filters.iter().map(|&filter| filter.to_owned()).collect();
        let jobs = select(&filters, exact, Suite::Default, jobs(), "LIST").map_err(|error| error.to_string())?;
        Ok(jobs.into_iter().map(|job| job.id).collect())
    }

    #[test]
    fn words_and_ids_select_what_they_fit() {
        assert_eq!(selected(&[], false).unwrap().len(), 3);
        assert_eq!(selected(&["order"], false).unwrap(), ["order::a", "order::b"]);
        assert_eq!(selected(&["pxe::a", "order::b"], true).unwrap(), ["order::b", "pxe::a"]);
    }

    #[test]
    fn one_filter_that_fits_nothing_is_named_although_others_fit() {
        let error = selected(&["order::a", "order::B", "pxe"], true).unwrap_err();
        assert!(
            error.starts_with("no case is named \"order::B\", nor \"pxe\" (suite default)\n  see: LIST\n"),
            "{error}"
        );
        let error = selected(&["order", "ordre"], false).unwrap_err();
        assert!(error.starts_with("no case id contains \"ordre\" (suite default)"), "{error}");
        let error = selected(&["ordre"], false).unwrap_err();
        assert!(error.starts_with("nothing selected: no case id contains \"ordre\" (suite default)"), "{error}");
    }

    #[test]
    fn a_shard_without_any_of_the_selected_cases_says_what_was_selected() {
        let told = |filters: &[&str], shard: Option<&str>, cases| {
            let filters: Vec<String> = filters.iter().map(|&filter| filter.to_owned()).collect();
            nothing_to_run(&filters, Suite::Smoke, shard.map(|shard| shard.parse().unwrap()), cases).to_string()
        };
        let one = "none of the 1 selected case of \"two-nics\" is in shard 2/2; use fewer shards";
        assert_eq!(told(&["two-nics"], Some("2/2"), 1), one);
        let more = "none of the 2 selected cases of \"a\", \"b\" is in shard 1/9; use fewer shards";
        assert_eq!(told(&["a", "b"], Some("1/9"), 2), more);
        assert!(told(&[], Some("1/9"), 2).starts_with("none of the 2 selected cases is in shard 1/9"));
        for shard in [None, Some("1/9")] {
            assert_eq!(told(&[], shard, 0), "nothing selected: no case is in suite smoke");
        }
    }

    #[test]
    fn the_list_is_that_of_the_cases_that_were_asked_for() {
        assert_eq!(list_command(None, &[]), "cargo xtask test --list --suite full");
        let own = list_command(Some(Path::new("my cases")), &[]);
        assert_eq!(own, "cargo xtask test --list --suite full --cases 'my cases'");
        let files = ["a.toml", "b"].map(PathBuf::from);
        let wanted = "cargo xtask test --list --suite full --case-file a.toml --case-file b";
        assert_eq!(list_command(None, &files), wanted);
    }

    #[test]
    fn an_empty_filter_and_no_id_are_refused() {
        for filters in [["order", ""], ["", " "]] {
            let error = none_is_empty(&filters.map(str::to_owned)).unwrap_err().to_string();
            assert!(error.starts_with("an empty filter would select everything"), "{error}");
        }
        assert!(none_is_empty(&["order".to_owned()]).is_ok() && none_is_empty(&[]).is_ok());
        assert!(selected(&[], true).unwrap_err().starts_with("--exact: no id is given"));
    }

    #[test]
    fn a_suite_that_has_a_sample_says_how_many_the_full_one_has() {
        let of = |id: &str, control| Listed { control, ..job(id) };
        let full = [of("order::a", false), of("order::b", false), of("control::order::a", true), of("pxe::a", false)];
        let told = |filter: &str| more_in_full(&[filter.to_owned()], Suite::Default, &full[..1], &full);
        assert_eq!(told("order").unwrap(), "suite default has 1 case of order; --suite full has 2");
        assert_eq!(told("order::a"), None, "controls are no cases");
    }

    #[test]
    fn an_architecture_that_is_named_is_told_from_other_words() {
        let of = |id: &str, architecture| Listed { architecture, ..job(id) };
        let arm = |id| of(id, Architecture::Aarch64);
        let full = [
            arm("arm::a"),
            arm("arm::pxe::b"),
            of("x86::pxe", Architecture::X86_64),
            arm("x86::b"),
            arm("control::c"),
            arm("both::a"),
            arm("both::b"),
            of("both::guest", Architecture::X86_64),
        ];
        let named = |filters: &[&str]| {
            let filters: Vec<String> = filters.iter().map(|filter| (*filter).to_owned()).collect();
            other_architectures_alone(&filters, &full)
        };
        assert!(named(&["arm"]) && named(&["arm::pxe", "arm"]));
        assert!(!named(&["ar"]), "a part of a group's name");
        assert!(!named(&["pxe"]) && !named(&["arm", "pxe"]), "words that others have, too");
        assert!(!named(&["x86"]), "a group that has as many of both");
        assert!(named(&["both"]), "whose DHCP server has a guest of x86-64 beside it");
        assert!(!named(&["nothing::pxe"]), "nobody's name");
    }

    #[test]
    fn those_that_failed_last_time_come_first_then_long_ones_and_the_rest_keeps_its_order() {
        let order = |failed: &[&str], seconds: &[(&str, f64)]| {
            let failed = failed.iter().map(|&id| id.to_owned()).collect();
            let seconds = seconds.iter().map(|&(id, seconds)| (id.to_owned(), seconds)).collect();
            let jobs = ordered(jobs(), &Past { failed, seconds });
            jobs.into_iter().map(|job| job.id).collect::<Vec<_>>()
        };
        assert_eq!(order(&["pxe::a", "gone"], &[]), ["pxe::a", "order::a", "order::b"]);
        assert_eq!(
            order(&[], &[("order::a", 1.9), ("order::b", 4.0), ("pxe::a", 8.1)]),
            ["pxe::a", "order::b", "order::a"]
        );
        assert_eq!(order(&["order::a"], &[("order::b", 4.0), ("pxe::a", 7.9)]), ["order::a", "order::b", "pxe::a"]);
        assert_eq!(order(&[], &[("order::a", f64::NAN), ("order::b", f64::INFINITY)])[0], "order::b");
    }

    #[test]
    fn a_platform_that_is_named_twice_is_refused() {
        let names = |names: &[&str]| names.iter().map(|name| name.parse().unwrap()).collect::<Vec<PlatformName>>();
        each_once(&names(&["host", "apt", "dir:/a", "dir:/b"])).unwrap();
        let error = each_once(&names(&["apt", "host", "apt"])).unwrap_err().to_string();
        assert!(error.starts_with("--platform apt is given twice"), "{error}");
    }
}

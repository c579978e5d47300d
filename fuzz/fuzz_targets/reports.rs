//! A report that somebody else wrote: no panic in compare, merge and every rendering, and nothing is written outside the
//! folder of the merged report.
//!
//! Input: report.json.
#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use bootwright::report::{self, Report, compare, merge};

static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let memory = PathBuf::from("/dev/shm");
    let base = if memory.is_dir() { memory } else { std::env::temp_dir() };
    let folder = base.join(format!("bootwright-fuzz-{}", std::process::id()));
    std::fs::create_dir_all(folder.join("shard")).expect("a folder for a report");
    folder
});

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let Ok(report) = serde_json::from_slice::<Report>(input) else { return };
    let other: Report = serde_json::from_str(include_str!("../corpus/reports/passed.json")).expect("it is a report");
    let _ = (compare::compare(&report, &other).summary(), compare::compare_by_case(&other, &report).summary());
    let _ = report.exit_code();
    std::fs::write(FOLDER.join("shard/report.json"), input).expect("the folder takes a file");
    let (out, page) = (FOLDER.join("merged"), FOLDER.join("page"));
    let _ = merge::merge(&out, &[FOLDER.join("shard")], true);
    let _ = report::html::store(&report, &page.with_extension("html"), &FOLDER);
    let _ = report::junit::store(&report, &page.with_extension("xml"), "out");
    std::fs::remove_dir_all(&out).ok();
    let mut left: Vec<_> =
        std::fs::read_dir(&*FOLDER).expect("it is there").flatten().map(|entry| entry.file_name()).collect();
    left.retain(|name| !["shard", "page.html", "page.xml"].iter().any(|known| name == *known));
    assert!(left.is_empty(), "{left:?}");
});

//! `cargo xtask report look`: opens the pages of a run in a real browser, uses them, and takes pictures.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bootwright::report::{Report, Verdict};

use super::browser::Browser;
use crate::XtaskError;

/// The pages that a run may have.
const PAGES: [&str; 3] = ["index.html", "qualification.html", "changes.html"];
const WIDE: (u32, u32) = (1280, 900);
const NARROW: (u32, u32) = (390, 844);

/// What was found on one page.
pub struct Look {
    page: PathBuf,
    opened: Duration,
    faults: Vec<String>,
    pictures: Vec<PathBuf>,
}

impl Look {
    /// Whether nothing was wrong.
    pub fn is_clean(&self) -> bool {
        self.faults.is_empty()
    }
}

impl fmt::Display for Look {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "{}: opened in {:.2} s, {} pictures",
            self.page.display(),
            self.opened.as_secs_f64(),
            self.pictures.len()
        )?;
        self.faults.iter().try_for_each(|fault| write!(out, "\n  {fault}"))
    }
}

/// Looks at every page of the run in `dir`; pictures go to `pictures`.
///
/// # Errors
///
/// [`XtaskError`] where there is no browser, no page, or a file cannot be written.
pub fn look(dir: &Path, pictures: &Path) -> Result<Vec<Look>, XtaskError> {
    let dir = dir.canonicalize().map_err(|error| XtaskError(format!("{}: {error}", dir.display())))?;
    let report = Report::load(&dir.join("report.json")).map_err(XtaskError::from)?;
    std::fs::create_dir_all(pictures).map_err(|error| XtaskError(format!("{}: {error}", pictures.display())))?;
    // a profile of Chromium has a socket, whose path must be short
    let scratch = std::env::temp_dir().join(format!("bootwright-browser-{}", std::process::id()));
    crate::interrupt::remove_at_signal(&scratch);
    std::fs::create_dir_all(&scratch).map_err(|error| XtaskError(format!("{}: {error}", scratch.display())))?;
    let looks = Browser::start(&scratch).and_then(|mut browser| {
        let there = PAGES.iter().map(|name| dir.join(name)).filter(|page| page.is_file());
        there.map(|page| at(&mut browser, &page, &report, pictures)).collect::<Result<Vec<_>, _>>()
    });
    std::fs::remove_dir_all(&scratch).ok();
    match looks {
        Ok(looks) if looks.is_empty() => Err(XtaskError(format!("{} has no page", dir.display()))),
        looks => looks,
    }
}

fn at(browser: &mut Browser, page: &Path, report: &Report, pictures: &Path) -> Result<Look, XtaskError> {
    let name = page.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let mut look = Look { page: page.to_owned(), opened: Duration::ZERO, faults: Vec::new(), pictures: Vec::new() };
    browser.faults();
    look.opened = browser.open(page, WIDE)?;
    look.keep(browser, pictures, &format!("{name}-wide"))?;
    look.overflow(browser, "1280 wide")?;
    if name == "index" {
        look.filter(browser, report)?;
        look.keep(browser, pictures, &format!("{name}-filtered"))?;
        browser.run("document.querySelectorAll('details').forEach(d => d.open = true)")?;
        look.overflow(browser, "1280 wide, all unfolded")?;
        if browser.run("!!document.querySelector('figure.timeline')")? == true {
            browser.run("document.querySelector('figure.timeline').scrollIntoView({block: 'center'})")?;
            look.keep(browser, pictures, &format!("{name}-timeline"))?;
        }
    }
    browser.open(page, NARROW)?;
    look.keep(browser, pictures, &format!("{name}-narrow"))?;
    look.overflow(browser, "390 wide")?;
    let dark = serde_json::json!({ "features": [{ "name": "prefers-color-scheme", "value": "dark" }] });
    browser.call("Emulation.setEmulatedMedia", dark)?;
    browser.open(page, WIDE)?;
    look.keep(browser, pictures, &format!("{name}-dark"))?;
    browser.call("Emulation.setEmulatedMedia", serde_json::json!({ "features": [] }))?;
    look.faults.extend(browser.faults());
    Ok(look)
}

impl Look {
    fn keep(&mut self, browser: &mut Browser, pictures: &Path, name: &str) -> Result<(), XtaskError> {
        let file = pictures.join(format!("{name}.png"));
        std::fs::write(&file, browser.picture()?)
            .map_err(|error| XtaskError(format!("{}: {error}", file.display())))?;
        self.pictures.push(file);
        Ok(())
    }

    /// The page must not be wider than its window.
    fn overflow(&mut self, browser: &mut Browser, when: &str) -> Result<(), XtaskError> {
        let wider = browser.run("document.documentElement.scrollWidth - document.documentElement.clientWidth")?;
        if wider.as_i64() != Some(0) {
            self.faults.push(format!("overflow: {wider} pixels too wide ({when})"));
        }
        Ok(())
    }

    /// Uses the filter, and holds what it leaves to what the report has.
    fn filter(&mut self, browser: &mut Browser, report: &Report) -> Result<(), XtaskError> {
        const SHOWN: &str =
            "[...document.querySelectorAll('details.case')].filter(one => one.checkVisibility()).length";
        let mut expect = |browser: &mut Browser, what: &str, set: &str, wanted: usize| -> Result<(), XtaskError> {
            let tell = "document.getElementById('filter').dispatchEvent(new Event('input'))";
            let seen = browser.run(&format!("{set}; {tell}; {SHOWN}"))?;
            if seen.as_u64() != Some(wanted as u64) {
                self.faults.push(format!("filter: {what} leaves {seen} cases, the report has {wanted}"));
            }
            Ok(())
        };
        let all = report.cases.len();
        expect(browser, "nothing", "0", all)?;
        for verdict in Verdict::ALL.into_iter().filter(|&verdict| report.totals.get(verdict) > 0) {
            let others = format!(
                "document.querySelectorAll('[name=verdict]').forEach(box => box.checked = box.value === '{verdict}')"
            );
            expect(browser, verdict.word(), &others, report.totals.get(verdict) as usize)?;
        }
        expect(
            browser,
            "all verdicts",
            "document.querySelectorAll('[name=verdict]').forEach(box => box.checked = true)",
            all,
        )?;
        for (axis, value) in [("firmware", "ovmf"), ("machine", "q35")] {
            let of_value =
                |case: &&bootwright::report::CaseResult| case.axes.get(axis).is_some_and(|known| known == value);
            let wanted = report.cases.iter().filter(of_value).count();
            // an axis with one value has no menu
            let menu = format!("document.querySelector('select[data-axis={axis}]')");
            if wanted > 0 && wanted < all && browser.run(&format!("!!{menu}"))? == true {
                expect(browser, &format!("{axis}={value}"), &format!("{menu}.value = '{value}'"), wanted)?;
                expect(browser, "any", &format!("{menu}.value = ''"), all)?;
            }
        }
        let query = "document.getElementById('query').value =";
        expect(browser, "a word that no case has", &format!("{query} 'no-such-word-anywhere'"), 0)?;
        if browser.run("document.getElementById('nothing').checkVisibility()")? != true {
            self.faults.push("filter: an empty result does not say so".to_owned());
        }
        // one that most reports have, for the picture
        browser.run(&format!(
            "{query} 'seabios -q35'; document.getElementById('filter').dispatchEvent(new Event('input'))"
        ))?;
        Ok(())
    }
}

//! The report's types, field by field as `docs/report.schema.json` has them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{CaseKey, FirmwareKind, OtherQemu, QemuInfo, Reached, Selection, Shard};
use crate::machine::{Accelerator, ClockKind};
use crate::platform::Platform;
use crate::trace::Outcome;

/// Name and version of the format; a reader refuses any other.
pub const SCHEMA: &str = "bootwright.report/1";

/// How a case ended, measured against what was expected of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The trace is what the case expects.
    Passed,
    /// It is not, and the firmware or QEMU is at fault.
    Failed,
    /// It failed in exactly the way that a known issue states.
    ExpectedFailure,
    /// It passed although a known issue says that it fails.
    UnexpectedPass,
    /// The platform or the host lacks something that the case needs; the reason names it.
    Skipped,
    /// The harness or the host is at fault; nothing is known about the firmware.
    Broken,
}

impl Verdict {
    /// Every verdict, the ones that want attention first.
    pub const ALL: [Self; 6] =
        [Self::Failed, Self::UnexpectedPass, Self::Broken, Self::ExpectedFailure, Self::Skipped, Self::Passed];

    /// The word used in every rendering, for example `expected-failure`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::ExpectedFailure => "expected-failure",
            Self::UnexpectedPass => "unexpected-pass",
            Self::Skipped => "skipped",
            Self::Broken => "broken",
        }
    }

    /// Whether the run may still exit 0 with this verdict (a skip may, unless the run is strict).
    pub fn is_as_expected(self) -> bool {
        matches!(self, Self::Passed | Self::ExpectedFailure | Self::Skipped)
    }

    /// Whether the run may still exit 0 with this verdict: a strict one takes no skip.
    pub fn is_fine(self, strict: bool) -> bool {
        self.is_as_expected() && !(strict && self == Self::Skipped)
    }
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.pad(self.word())
    }
}

/// What a machine began with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Start {
    /// A reset.
    Cold,
    /// The proven state of a machine without devices.
    Warm,
}

/// One entry of the ordered list of what the firmware tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// The target as the firmware named it; guest-controlled text.
    pub target: String,
    /// The medium that it stands for, where that is known.
    pub medium: Option<String>,
    /// The device whose entry firmware chose, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<String>,
    /// How it ended.
    pub outcome: Outcome,
    /// One line, for example `not a bootable disk`; `None` where there is nothing to add.
    pub reason: Option<String>,
}

impl Attempt {
    /// An attempt on `target`, without medium and reason.
    pub fn new(target: impl Into<String>, outcome: Outcome) -> Self {
        Self { target: target.into(), medium: None, entry: None, outcome, reason: None }
    }

    /// The same attempt, on the medium `name`.
    #[must_use]
    pub fn medium(mut self, name: impl Into<String>) -> Self {
        self.medium = Some(name.into());
        self
    }

    /// The same attempt, by the entry of a device.
    #[must_use]
    pub fn entry(mut self, device: impl Into<String>) -> Self {
        self.entry = Some(device.into());
        self
    }

    /// The same attempt, with a reason.
    #[must_use]
    pub fn reason(mut self, text: impl Into<String>) -> Self {
        self.reason = Some(text.into());
        self
    }
}

/// What one case came to: the content of its `verdict.json` and its entry in `report.json`.
///
/// The fields down to [`evidence`](Self::evidence) are always there (`null` where nothing is known); those below it are
/// left out where they say nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CaseResult {
    /// Stable id, for example `order::seabios::pc::nvme-before-ahci`.
    pub id: String,
    /// Name of the platform it ran on.
    pub platform: String,
    /// Axis to value, for example `firmware` to `seabios`.
    pub axes: BTreeMap<String, String>,
    /// How it ended.
    pub verdict: Verdict,
    /// One line; always there unless the case passed.
    pub reason: Option<String>,
    /// Id of the known issue behind an `expected-failure` or `unexpected-pass`.
    pub known_issue: Option<String>,
    /// What executed the guest; `None` where no guest ran.
    pub accel: Option<Accelerator>,
    /// Which clock the guest saw; `None` where no guest ran.
    pub clock: Option<ClockKind>,
    /// How the machine came to its firmware's boot manager; `None` where no guest ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<Start>,
    /// What it started from, where that was no reset: the base and the point at which that had been stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    /// Why it started with a reset, where it could have been otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cold_because: Option<String>,
    /// Why it was run a second time, by which it is judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_again: Option<String>,
    /// The run ended before its turn: there is no evidence, which one that was ended in its midst has.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub never_begun: bool,
    /// From start to verdict on the host, seconds.
    pub wall_seconds: f64,
    /// User and system time of its QEMUs, seconds; `None` where none was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processor_seconds: Option<f64>,
    /// How long the guest ran by its own clock, seconds; `None` where no guest ran.
    pub guest_seconds: Option<f64>,
    /// Name of the medium whose payload ran; `None` if none did.
    pub booted: Option<String>,
    /// What the firmware tried, in order.
    pub attempts: Vec<Attempt>,
    /// Evidence folder relative to the run's output directory, with `/`.
    pub evidence: String,
    /// The devices of a machine whose case did not pass, as it was laid out: name and QEMU's `-device`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<String>,
    /// More lines for a failure text, in display order; guest-controlled text is possible.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// What the guest was doing at the end, for example `running, halted in SeaBIOS after "No bootable device."`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guest: Option<String>,
    /// The state that firmware stopped in, or else why the run ended too early: `no-bootable-device`, `loops`, `gave-up`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<String>,
    /// Seed of everything random in the case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Id of the case of which this one is the negative control.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub negative_of: Option<String>,
    /// Which repetition of the case this is, from 1; left out in runs without repetition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub round: Option<u32>,
    /// What the case is about, in one line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    /// Where the case is written, for example `cases/src/resets.rs:65`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// How far a medium that somebody else made came; left out for others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reached: Option<Reached>,
}

impl CaseResult {
    /// A result with a verdict and nothing else known.
    pub fn new(key: &CaseKey, verdict: Verdict) -> Self {
        Self {
            id: key.id.clone(),
            platform: key.platform.clone(),
            axes: key.axes.clone(),
            verdict,
            reason: None,
            known_issue: None,
            accel: None,
            clock: None,
            start: None,
            base: None,
            cold_because: None,
            run_again: None,
            never_begun: false,
            wall_seconds: 0.0,
            processor_seconds: None,
            guest_seconds: None,
            booted: None,
            attempts: Vec::new(),
            evidence: key.evidence(),
            devices: Vec::new(),
            detail: None,
            guest: None,
            end: None,
            seed: None,
            negative_of: None,
            round: key.round,
            about: None,
            source: None,
            reached: None,
        }
    }

    /// The same result in the shape that the schema asks for: reasons on one line (further lines go to `detail`), a
    /// reason wherever the case did not pass, and durations that are numbers.
    #[must_use]
    pub(crate) fn tidied(mut self) -> Self {
        if let Some((first, more)) = self.reason.as_deref().and_then(|reason| reason.split_once(['\n', '\r'])) {
            let below = self.detail.as_deref().map(|detail| format!("\n{detail}")).unwrap_or_default();
            self.detail = Some(format!("{}{below}", more.trim_start_matches('\n')));
            self.reason = Some(first.to_string());
        }
        if self.verdict != Verdict::Passed && self.reason.as_deref().is_none_or(|reason| reason.trim().is_empty()) {
            self.reason = Some(format!("{}, and no reason was given", self.verdict));
        }
        for attempt in &mut self.attempts {
            attempt.reason = attempt.reason.as_deref().map(|reason| reason.replace(['\n', '\r'], " "));
        }
        let lines = [&mut self.about, &mut self.source, &mut self.base, &mut self.cold_because, &mut self.run_again];
        for line in lines {
            *line = line.as_deref().map(|line| line.replace(['\n', '\r'], " "));
        }
        self.wall_seconds = duration(self.wall_seconds);
        self.guest_seconds = self.guest_seconds.map(duration);
        self.processor_seconds = self.processor_seconds.map(duration);
        self
    }

    /// The key under which this result was left.
    pub fn key(&self) -> CaseKey {
        CaseKey {
            id: self.id.clone(),
            platform: self.platform.clone(),
            axes: self.axes.clone(),
            round: self.round,
            several_platforms: self.evidence.starts_with("cases/@"),
        }
    }
}

/// `seconds` where it can be a duration, else 0: JSON has neither NaN nor infinity.
fn duration(seconds: f64) -> f64 {
    if seconds.is_finite() { seconds.max(0.0) } else { 0.0 }
}

/// The machine that ran the cases.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// Operating system, for example `Debian GNU/Linux 12 (bookworm)`.
    pub os: String,
    /// Logical processors.
    pub cpus: u32,
    /// Accelerators that a probe found to work.
    pub accel: Vec<Accelerator>,
}

/// One QEMU and its firmware, as far as a reader needs it to repeat the run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlatformInfo {
    /// The name that selected it.
    pub name: String,
    /// The emulator.
    pub qemu: QemuInfo,
    /// Firmware images and option ROMs.
    pub firmware: Vec<FirmwareInfo>,
    /// Its QEMUs for other architectures, where cases needed them; their firmware is in `firmware` too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other_qemus: Vec<OtherQemu>,
}

impl PlatformInfo {
    /// The same with what a platform of this name has for another architecture.
    #[must_use]
    pub fn and(mut self, other: &Platform) -> PlatformInfo {
        let info = PlatformInfo::from(other);
        let architecture = other.architecture.to_string();
        self.other_qemus.push(OtherQemu { architecture, qemu: info.qemu });
        let new = info.firmware.into_iter().filter(|file| !self.firmware.contains(file)).collect::<Vec<_>>();
        self.firmware.extend(new);
        self
    }
}

/// One firmware file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirmwareInfo {
    /// What it is.
    pub kind: FirmwareKind,
    /// Version, or `unknown`.
    pub version: String,
    /// Absolute path on the host that ran it.
    pub file: String,
    /// SHA-256, lower-case hexadecimal.
    pub sha256: String,
}

impl From<&Platform> for PlatformInfo {
    /// Option ROMs are listed where their name says that they are iPXE (`pxe-*.rom`, `efi-*.rom`).
    fn from(platform: &Platform) -> Self {
        let info = |kind, file: &crate::platform::FirmwareFile| FirmwareInfo {
            kind,
            version: file.version.clone(),
            file: file.path.display().to_string(),
            sha256: file.sha256.clone(),
        };
        let mut firmware: Vec<FirmwareInfo> = Vec::new();
        firmware.extend(platform.seabios.iter().map(|file| info(FirmwareKind::Seabios, file)));
        for ovmf in platform.ovmf.iter().chain(&platform.ovmf_secure_boot) {
            firmware.push(info(FirmwareKind::Ovmf, &ovmf.code));
            firmware.push(info(FirmwareKind::Ovmf, &ovmf.vars));
        }
        for aavmf in [&platform.aavmf, &platform.aavmf_secure_boot].into_iter().flatten() {
            firmware.push(info(FirmwareKind::Aavmf, &aavmf.code));
            firmware.push(info(FirmwareKind::Aavmf, &aavmf.vars));
        }
        if let Some(riscvvirt) = &platform.riscvvirt {
            firmware.push(info(FirmwareKind::RiscVVirt, &riscvvirt.code));
            firmware.push(info(FirmwareKind::RiscVVirt, &riscvvirt.vars));
        }
        if let Some(loongarchvirt) = &platform.loongarchvirt {
            firmware.push(info(FirmwareKind::LoongArchVirt, &loongarchvirt.code));
            firmware.push(info(FirmwareKind::LoongArchVirt, &loongarchvirt.vars));
        }
        let ccw = [&platform.s390_ccw, &platform.s390_netboot].into_iter().flatten();
        firmware.extend(ccw.map(|file| info(FirmwareKind::S390Ccw, file)));
        firmware.extend(platform.slof.as_ref().map(|file| info(FirmwareKind::Slof, file)));
        let is_ipxe = |file: &&crate::platform::FirmwareFile| {
            let name = file.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            (name.starts_with("pxe-") || name.starts_with("efi-")) && name.ends_with(".rom")
        };
        firmware.extend(platform.option_roms.iter().filter(is_ipxe).map(|file| info(FirmwareKind::Ipxe, file)));
        let qemu = QemuInfo {
            version: platform.qemu.version.to_string(),
            path: platform.qemu.path.display().to_string(),
            sha256: platform.qemu.sha256.clone(),
            package: Some(platform.qemu.package.clone()).filter(|text| !text.is_empty()),
        };
        Self { name: platform.name.clone(), qemu, firmware, other_qemus: Vec::new() }
    }
}

/// What a reader wants to know of a known issue that a case refers to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownIssueInfo {
    /// The id that `known_issue` of a case holds.
    pub id: String,
    /// One line.
    pub title: String,
    /// Where it is discussed.
    pub link: String,
    /// When the entry is to be looked at again, `YYYY-MM-DD`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review: Option<String>,
}

/// A case whose repetitions disagree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flake {
    /// Id of the case.
    pub id: String,
    /// Platform it ran on.
    pub platform: String,
    /// How many repetitions came to which verdict.
    pub totals: Totals,
}

/// Number of cases by verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Totals {
    /// [`Verdict::Passed`].
    pub passed: u64,
    /// [`Verdict::Failed`].
    pub failed: u64,
    /// [`Verdict::ExpectedFailure`].
    pub expected_failure: u64,
    /// [`Verdict::UnexpectedPass`].
    pub unexpected_pass: u64,
    /// [`Verdict::Skipped`].
    pub skipped: u64,
    /// [`Verdict::Broken`].
    pub broken: u64,
}

impl Totals {
    /// Counts the verdicts of `cases`.
    pub fn of<'a>(cases: impl IntoIterator<Item = &'a CaseResult>) -> Self {
        let mut totals = Self::default();
        cases.into_iter().for_each(|case| totals.add(case.verdict));
        totals
    }

    /// Counts one more verdict.
    pub fn add(&mut self, verdict: Verdict) {
        *self.slot(verdict) += 1;
    }

    /// The count of one verdict.
    pub fn get(mut self, verdict: Verdict) -> u64 {
        *self.slot(verdict)
    }

    /// The count of all cases.
    pub fn all(self) -> u64 {
        Verdict::ALL.iter().fold(0, |all: u64, &verdict| all.saturating_add(self.get(verdict)))
    }

    fn slot(&mut self, verdict: Verdict) -> &mut u64 {
        match verdict {
            Verdict::Passed => &mut self.passed,
            Verdict::Failed => &mut self.failed,
            Verdict::ExpectedFailure => &mut self.expected_failure,
            Verdict::UnexpectedPass => &mut self.unexpected_pass,
            Verdict::Skipped => &mut self.skipped,
            Verdict::Broken => &mut self.broken,
        }
    }
}

/// The results of one run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: String,
    /// Id of the run.
    pub run: String,
    /// RFC 3339, UTC.
    pub started: String,
    /// From start to end of the run, seconds.
    pub wall_seconds: f64,
    /// How many cases ran at once.
    pub jobs: u32,
    /// The machine that ran them.
    pub host: Host,
    /// The platforms that they ran on.
    pub platforms: Vec<PlatformInfo>,
    /// Results, sorted by platform, id and round.
    pub cases: Vec<CaseResult>,
    /// Number of cases by verdict.
    pub totals: Totals,
    /// The known issues that cases refer to; while the run goes on, every one that they may.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub known_issues: Vec<KnownIssueInfo>,
    /// Cases whose repetitions disagree.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flakes: Vec<Flake>,
    /// The suite that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suite: Option<String>,
    /// The seed that the cases' seeds come from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Which part of the selection this is; absent where it is all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<Shard>,
    /// What was selected before it was cut into shards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selection: Option<Selection>,
    /// What somebody should look at although it changes no verdict.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// A skipped case is one too many: it was asked for so, or a CI server ran it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub strict: bool,
}

impl Report {
    /// The report of a run that starts now, with one job, no case, and nothing else known.
    pub fn new(run: impl Into<String>) -> Self {
        Self {
            schema: SCHEMA.into(),
            run: run.into(),
            started: timestamp(),
            wall_seconds: 0.0,
            jobs: 1,
            host: Host::default(),
            platforms: Vec::new(),
            cases: Vec::new(),
            totals: Totals::default(),
            known_issues: Vec::new(),
            flakes: Vec::new(),
            suite: None,
            seed: None,
            shard: None,
            selection: None,
            warnings: Vec::new(),
            strict: false,
        }
    }

    /// The same report with the cases of one platform alone.
    #[must_use]
    pub fn on_platform(mut self, name: &str) -> Report {
        self.platforms.retain(|platform| platform.name == name);
        self.cases.retain(|case| case.platform == name);
        self.totals = Totals::of(&self.cases);
        self
    }

    /// The same report with the cases' evidence folders named from where a reader stands, `root` being the run's own.
    #[must_use]
    pub fn with_evidence_below(mut self, root: &str) -> Report {
        self.cases.iter_mut().for_each(|case| case.evidence = format!("{root}/{}", case.evidence));
        self
    }

    /// Both reports as one, whose cases ran once more for each time that they ran in `other`: for a comparison with several runs.
    #[must_use]
    pub fn with_rounds_of(mut self, other: Report) -> Report {
        let known: std::collections::BTreeSet<String> =
            self.platforms.iter().map(|platform| platform.name.clone()).collect();
        self.platforms.extend(other.platforms.into_iter().filter(|platform| !known.contains(&platform.name)));
        self.cases.extend(other.cases);
        self.totals = Totals::of(&self.cases);
        self
    }

    /// The exit status of the run that this report is of.
    ///
    /// 0: every verdict as expected. 1: a case failed, passed unexpectedly, disagreed with its own repetition or, in a
    /// strict run, was skipped. 2: a case is broken, or there is none. A failure outranks a broken case: it stays a
    /// fact about the firmware whatever else went wrong.
    pub fn exit_code(&self) -> u8 {
        let totals = &self.totals;
        let skipped_too_many = self.strict && totals.skipped > 0;
        if totals.failed > 0 || totals.unexpected_pass > 0 || !self.flakes.is_empty() || skipped_too_many {
            1
        } else if totals.broken > 0 || totals.all() == 0 {
            2
        } else {
            0
        }
    }
}

/// The current time as RFC 3339 in UTC, whole seconds, for example `2026-01-31T08:00:00Z`.
pub fn timestamp() -> String {
    let now = jiff::Timestamp::now();
    jiff::Timestamp::from_second(now.as_second()).unwrap_or(now).to_string()
}

#[cfg(test)]
#[path = "model_tests.rs"]
mod tests;

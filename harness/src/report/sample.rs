//! A report with something of everything, hostile text included, for the tests of every rendering.

use super::json::assemble;
use super::*;
use crate::machine::{Accelerator, ClockKind};
use crate::trace::Outcome;

/// What a guest might send to upset a reader.
pub(super) const HOSTILE: &str =
    "<script>alert(1)</script> ]]> \x1b[2J\u{202e}gnp\" onmouseover='x' & \u{0} \u{fffe} end";

const DISKS: [&str; 6] = ["virtio-blk", "virtio-scsi", "ide", "ahci", "nvme", "usb-storage"];

/// A report of `count` cases; every verdict occurs from 12 cases on.
pub(super) fn report(count: usize) -> Report {
    let cases = (0..count).map(case).collect();
    let mut run = Report::new("0007");
    run.started = "2026-01-31T08:00:00Z".into();
    run.wall_seconds = 141.25;
    run.jobs = 2;
    run.suite = Some("default".into());
    run.seed = Some(4_711);
    run.host = Host { os: "Debian GNU/Linux 12 (bookworm)".into(), cpus: 2, accel: vec![Accelerator::Tcg] };
    run.platforms = vec![platform()];
    run.known_issues = vec![KnownIssueInfo {
        id: "prelaunch-bootorder".into(),
        title: "fw_cfg bootorder is stale after hotplug in prelaunch".into(),
        link: "https://example.org/issues/1".into(),
        review: Some("2027-01-01".into()),
    }];
    assemble(run, cases)
}

/// The same cases on several platforms; on each but the first another one fails.
pub(super) fn on_platforms(count: usize, names: &[&str]) -> Report {
    let mut whole = report(count);
    let (cases, platforms) = (std::mem::take(&mut whole.cases), std::mem::take(&mut whole.platforms));
    for (place, name) in names.iter().enumerate() {
        whole.platforms.extend(platforms.iter().cloned().map(|known| PlatformInfo { name: (*name).into(), ..known }));
        whole.cases.extend(cases.iter().cloned().map(|mut case| {
            case.platform = (*name).into();
            case.evidence = case.evidence.replacen("cases/", &format!("cases/@{name}/"), 1);
            case
        }));
        if let Some(case) = whole.cases.iter_mut().rev().nth(place).filter(|_| place > 0) {
            (case.verdict, case.reason) = (Verdict::Failed, Some("nothing booted".into()));
        }
    }
    whole.totals = Totals::of(&whole.cases);
    whole
}

fn platform() -> PlatformInfo {
    let file = |kind, version: &str, file: &str, digit: &str| FirmwareInfo {
        kind,
        version: version.into(),
        file: file.into(),
        sha256: digit.repeat(64),
    };
    PlatformInfo {
        name: "host".into(),
        qemu: QemuInfo {
            version: "7.2.22".into(),
            path: "/usr/bin/qemu-system-x86_64".into(),
            sha256: "ab".repeat(32),
            package: Some("Debian 1:7.2+dfsg-7+deb12u18".into()),
        },
        firmware: vec![
            file(FirmwareKind::Seabios, "1.16.2-debian-1.16.2-1", "/usr/share/seabios/bios-256k.bin", "1"),
            file(FirmwareKind::Ovmf, "2022.11-6+deb12u2", "/usr/share/OVMF/OVMF_CODE_4M.fd", "2"),
            file(FirmwareKind::Ipxe, "1.0.0+git-20190125", "/usr/lib/ipxe/qemu/efi-virtio.rom", "3"),
        ],
        other_qemus: Vec::new(),
    }
}

fn case(index: usize) -> CaseResult {
    let firmware = ["seabios", "ovmf"][index % 2];
    let machine = ["pc", "q35"][index / 2 % 2];
    let disk = DISKS[index / 4 % 6];
    let other = DISKS[(index / 4 + 1 + index / 24) % 6];
    let id = format!("boot_order::{firmware}::{machine}::{disk}_then_{other}_{index:03}");
    let mut key = CaseKey::new(id, "host");
    key.axes = [("firmware", firmware), ("machine", machine), ("disk", disk), ("other", other)]
        .map(|(axis, value)| (axis.into(), value.into()))
        .into();
    let verdict = match index % 40 {
        3 if index > 40 => Verdict::Passed,
        3 | 7 => Verdict::Failed,
        5 => Verdict::UnexpectedPass,
        8 => Verdict::Broken,
        9 | 29 => Verdict::ExpectedFailure,
        11 | 31 => Verdict::Skipped,
        _ => Verdict::Passed,
    };
    let mut case = CaseResult::new(&key, verdict);
    case.about = Some("of two bootable drives the one with the lower bootindex boots".into());
    case.source = Some(format!("cases/src/order.rs:{}", 10 + index));
    case.wall_seconds = 0.2 + (index * 7919 % 1000) as f64 / 180.0;
    if verdict == Verdict::Skipped {
        case.reason = Some("platform \"host\" has no OVMF build with Secure Boot".into());
        return case;
    }
    if verdict == Verdict::Broken {
        case.reason = Some("ended without a verdict (killed?)".into());
        return case;
    }
    case.accel = Some(Accelerator::Tcg);
    case.clock = Some(if firmware == "ovmf" { ClockKind::Real } else { ClockKind::Virtual });
    case.guest_seconds = Some(case.wall_seconds * 2.5);
    case.seed = Some(index as u64);
    let wrong =
        Attempt::new("Booting from Hard Disk...", Outcome::Failed).medium("wrong").reason("not a bootable disk");
    let right = "Boot0002 \"UEFI QEMU HARDDISK QM00003 \" PciRoot(0x0)/Pci(0x1F,0x2)/Sata(0x1,0xFFFF,0x0)";
    case.attempts = vec![wrong, Attempt::new(right, Outcome::Booted).medium("right")];
    case.booted = Some("right".into());
    match verdict {
        Verdict::Failed => {
            case.booted = None;
            case.attempts[1] = Attempt::new(HOSTILE, Outcome::TimedOut).reason(HOSTILE);
            case.reason = Some(format!(
                "no boot after 12.0 s of guest time: waited for a payload line from medium \"right\" {}",
                if index % 40 == 7 { HOSTILE } else { "" }
            ));
            case.guest = Some("running, halted in SeaBIOS after \"No bootable device.\"".into());
            case.detail = Some(
                "view                order\nmachine asked for   right, wrong\nfw_cfg bootorder    wrong\n\
                 BootOrder (NVRAM)   -\npayload that ran    -"
                    .into(),
            );
        }
        Verdict::UnexpectedPass => {
            case.known_issue = Some("prelaunch-bootorder".into());
            case.reason = Some("passed, although known issue prelaunch-bootorder covers QEMU 7.2.22".into());
        }
        Verdict::ExpectedFailure => {
            case.known_issue = Some("prelaunch-bootorder".into());
            case.reason = Some("bootorder is stale: \"/pci@i0cf8/scsi@4/disk@0,1\" and not LUN 2".into());
        }
        _ => {}
    }
    case
}

//! `--dhcp F`: the configuration of a boot server, on the real daemon and on our own network.

use std::path::Path;

use bootwright::boot_server::arch::Processor;
use bootwright::boot_server::{self, BootServer};
use bootwright::foreign;
use bootwright::machine::Network;
use bootwright::report::{CaseResult, Report, Verdict};
use serde_json::Value;

use super::Args;
use super::cell::{Cell, Demand};
use super::choice::{BoardChoice, Bus, FirmwareChoice};
use super::matrix::{bare, boards, chosen_buses, demand, firmware, with_nic};
use super::subject::{Served, Subject};
use super::words::medium_name;
use crate::XtaskError;

/// The real daemons, and our own network.
const REAL: &str = "bridge";
const OURS: &str = "lan";

/// What was found in the file, line by line, and the cells of each kind of guest on both networks.
///
/// # Errors
///
/// That the file cannot be used.
pub fn cells(args: &Args, path: &Path) -> Result<(Vec<String>, Vec<Cell>), XtaskError> {
    let subject = Subject::of(args)?;
    let buses = chosen_buses(args, &subject)?;
    let demand = demand(args, &subject);
    let served = match &subject {
        Subject::Served(served) => Some(served),
        Subject::Configuration => None,
        Subject::Medium(..) | Subject::Kernel(..) => {
            return Err(XtaskError(
                "--dhcp goes with --pxe DIR or --http DIR, or alone: a drive asks no boot server".to_owned(),
            ));
        }
    };
    let file = foreign::regular(path, "a dnsmasq file, a libvirt network XML or an ISC dhcpd file")
        .map_err(XtaskError::from)?;
    let bytes = std::fs::read(&file).map_err(|error| XtaskError(format!("{}: {error}", path.display())))?;
    let text = String::from_utf8(bytes).map_err(|_| {
        XtaskError(format!(
            "{}: not UTF-8; wanted a dnsmasq file, a libvirt network XML or an ISC dhcpd file",
            path.display()
        ))
    })?;
    let server = boot_server::read(&text, &path.display().to_string()).map_err(XtaskError::from)?;
    let (plan, without_file) =
        planned(&server, served, !args.firmware.is_empty(), &firmware(args, &Subject::Configuration), path)?;
    let mut cells = Vec::new();
    for (firmware, http) in plan {
        for &bus in &buses {
            for board in boards(args, firmware, bus)? {
                cells.extend(guest(args, &server, served, &demand, (firmware, board, bus, http)));
            }
        }
    }
    let mut found = found(&server, path, served.is_some());
    found.extend(without_file);
    Ok((found, cells))
}

/// Firmware, and whether it asks by HTTP; lines about what is left out.
type Plan = (Vec<(FirmwareChoice, bool)>, Vec<String>);

/// Each firmware with each protocol by which it asks, and a line for each firmware that is left out because no file is for it.
///
/// # Errors
///
/// That a firmware that was asked for by its name has no file.
fn planned(
    server: &BootServer,
    served: Option<&Served>,
    named: bool,
    all: &[FirmwareChoice],
    path: &Path,
) -> Result<Plan, XtaskError> {
    let (mut plan, mut left_out) = (Vec::new(), Vec::new());
    for &firmware in all {
        let protocols = protocols(server, firmware, served);
        let (word, path) = (firmware.word(), path.display());
        if protocols.is_empty() && named {
            return Err(XtaskError(format!(
                "--firmware {word}: {path} names no boot file for it\n  fix: name one, such as dhcp-boot=tag:efi,grubx64.efi (one \
                 whose name ends in .efi, or whose rule is for an architecture of UEFI), or take --firmware {word} away"
            )));
        }
        if protocols.is_empty() {
            left_out.push(format!("  not booted: {word}: {path} names no boot file for it"));
        }
        plan.extend(protocols.into_iter().map(|http| (firmware, http)));
    }
    Ok((plan, left_out))
}

/// By which protocols a firmware asks here: PXE, and HTTP where a URL is given to UEFI. iPXE takes both by PXE.
fn protocols(server: &BootServer, firmware: FirmwareChoice, served: Option<&Served>) -> Vec<bool> {
    if let Some(served) = served {
        return vec![served.http && firmware != FirmwareChoice::Bios];
    }
    if firmware == FirmwareChoice::Bios {
        // it takes whatever it is given, also what is for another firmware
        return if server.files.is_empty() { Vec::new() } else { vec![false] };
    }
    let is_url = |given: &str| given.starts_with("http");
    let efi = || server.files.iter().filter(|file| file.efi);
    let mut all = Vec::new();
    if efi().any(|file| !is_url(&file.given)) {
        all.push(false);
    }
    if server.files.iter().any(|file| file.efi && is_url(&file.given)) {
        all.push(true);
    }
    all
}

fn guest(
    args: &Args,
    server: &BootServer,
    served: Option<&Served>,
    demand: &Demand,
    guest: (FirmwareChoice, BoardChoice, Bus, bool),
) -> Vec<Cell> {
    let (firmware, board, bus, http) = guest;
    let mut networks = vec![(REAL, Network::on_bridge(server.bridge.clone()))];
    networks.extend(server.lan.as_ref().ok().map(|lan| (OURS, Network::new(lan.clone()))));
    let protocol = if http { "http" } else { "pxe" };
    let cell = |(kind, network): (&str, Network)| {
        let network = match served {
            Some(served) => network.folder(&served.folder),
            None => with_programs(network, server),
        };
        let machine = with_nic(bare(args, firmware, board), network, bus, http);
        let control =
            machine.clone().with_network(0, |network| Network { folder: None, served: Vec::new(), ..network });
        let place = format!("{}-{protocol}-{kind}", bus.word());
        let why = format!(
            "{} by {protocol}, {} network",
            firmware.word(),
            if kind == REAL { "the real daemon's" } else { "our own" }
        );
        Cell::new([firmware.word(), board.word(), &place], (true, &why), machine, Some(control), demand)
    };
    networks.into_iter().map(cell).collect()
}

/// Each file that the configuration names is a program of ours, which says its name. One for another processor is not there: a
/// guest that is sent to it must not boot.
fn with_programs(network: Network, server: &BootServer) -> Network {
    let mut named = std::collections::BTreeSet::new();
    let files = server
        .files
        .iter()
        .filter(|file| !file.name.is_empty() && file.processor == Processor::X86 && named.insert(file.name.clone()));
    files.fold(network, |network, file| {
        let medium = medium_name(&file.name);
        match file.efi {
            true => network.efi_program(&file.name, &medium),
            false => network.bios_program(&file.name, &medium),
        }
    })
}

fn found(server: &BootServer, path: &Path, served: bool) -> Vec<String> {
    let mut lines = vec![format!("{}: {}", path.display(), server.kind.words())];
    lines.extend(server.warnings.iter().map(|note| format!("  warning: {note}")));
    lines.extend(server.replaced.iter().map(|note| format!("  replaced: {note}")));
    lines.extend(server.ignored.iter().map(|note| format!("  left out: {note}")));
    if !served {
        let elsewhere = server.files.iter().filter(|file| file.processor != Processor::X86);
        lines.extend(elsewhere.map(|file| {
            let (path, line, given) = (path.display(), file.line, &file.given);
            format!("  not served: {path}:{line}: {given}, which no x86 guest may be sent to")
        }));
    }
    if let Err(note) = &server.lan {
        lines.push(format!("  on the real daemon only: {note}"));
    }
    lines
}

/// Whether the real daemon and our own network came to the same, guest by guest; empty where there is nothing to compare.
pub fn agreement(cells: &[Cell], report: &Report, out: &Path) -> String {
    let mut text = String::new();
    for cell in cells.iter().filter(|cell| cell.bus.ends_with(REAL)) {
        let other = cell.case.id.replace(&format!("-{REAL}"), &format!("-{OURS}"));
        for real in report.cases.iter().filter(|case| case.id == cell.case.id) {
            let ours = report.cases.iter().find(|case| case.id == other && case.platform == real.platform);
            let Some(ours) = ours else { continue };
            // a boot that broke or did not take place compares to nothing
            if [real, ours].iter().any(|case| matches!(case.verdict, Verdict::Broken | Verdict::Skipped)) {
                continue;
            }
            let [a, b] = [real, ours].map(|case| given(case, out));
            let guest = format!("{} {} on {}", cell.firmware, cell.bus.trim_end_matches("-bridge"), real.platform);
            text += &if a == b {
                format!("agree: {guest}: {a}\n")
            } else {
                format!("DIFFER: {guest}\n  the real daemon: {a}\n  our own network: {b}\n")
            };
        }
    }
    text
}

/// Which file a guest was given, which it asked for last, and how far that led.
fn given(case: &CaseResult, out: &Path) -> String {
    let trace = std::fs::read(out.join(&case.evidence).join("trace.json")).ok();
    let trace: Value = trace.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
    let conversation = trace
        .pointer("/trace/network")
        .and_then(Value::as_array)
        .and_then(|all| all.iter().rfind(|one| one.get("ipv6") != Some(&Value::Bool(true))));
    let word = |pointer: &str| conversation.and_then(|one| one.pointer(pointer)).cloned().unwrap_or_default();
    let arch = word("/arch");
    let file = word("/boot_file");
    let asked = word("/asked").as_array().and_then(|all| all.last().cloned()).unwrap_or_default();
    let asked = match (asked.get("protocol").and_then(Value::as_str), asked.get("name").and_then(Value::as_str)) {
        (Some(protocol), Some(name)) => format!("asks for {} by {protocol}", name.trim_start_matches('/')),
        _ => "asks for nothing".to_owned(),
    };
    let stage = case.reached.as_ref().map_or("nothing", |reached| reached.stage.as_str());
    let booted = case.booted.as_ref().map(|medium| format!(" {medium}")).unwrap_or_default();
    format!("architecture {arch} is given {file}, {asked}, comes to {stage}{booted}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(text: &str, named: bool, all: &[FirmwareChoice]) -> Result<Plan, String> {
        let server = boot_server::read(text, "d.conf").expect("a configuration");
        planned(&server, None, named, all, Path::new("d.conf")).map_err(|error| error.to_string())
    }

    const BOTH: [FirmwareChoice; 2] = [FirmwareChoice::Bios, FirmwareChoice::Uefi];
    const RANGE: &str = "dhcp-range=10.0.0.50,10.0.0.150\n";

    #[test]
    fn a_firmware_for_which_no_file_is_named_is_left_out_with_a_line_or_refused_where_it_was_asked_for() {
        let bios = format!("{RANGE}dhcp-boot=pxelinux.0\n");
        let (cells, left_out) = plan(&bios, false, &BOTH).expect("a plan");
        assert_eq!(cells, [(FirmwareChoice::Bios, false)]);
        assert_eq!(left_out, ["  not booted: uefi: d.conf names no boot file for it"]);
        let refused = plan(&bios, true, &[FirmwareChoice::Uefi]).expect_err("no file");
        assert!(refused.starts_with("--firmware uefi: d.conf names no boot file for it"), "{refused}");
        let nothing = plan(RANGE, true, &[FirmwareChoice::Bios]).expect_err("no file at all");
        assert!(nothing.starts_with("--firmware bios: d.conf names no boot file for it"), "{nothing}");
    }

    #[test]
    fn a_file_of_option_67_is_one_for_uefi() {
        let rules = "dhcp-match=set:efi,option:client-arch,7\ndhcp-boot=pxelinux.0\n\
                     dhcp-option-force=tag:efi,option:bootfile-name,\"grubx64.efi\"\n";
        let (cells, left_out) = plan(&format!("{RANGE}{rules}"), true, &BOTH).expect("a plan");
        assert_eq!(cells, [(FirmwareChoice::Bios, false), (FirmwareChoice::Uefi, false)]);
        assert!(left_out.is_empty());
    }
}

//! What is asked of a platform: machines whose outcome depends on its firmware, and how the outcome is read.

use std::path::Path;

use bootwright::case::story::{Milestone, Story};
use bootwright::lan::{BootAnswer, DhcpServer, Dhcpv6Server, Ipv6, LanSpec, Match};
use bootwright::machine::{Accelerator, Board, Clock, Firmware, Machine, Medium, Network, OptionRom};
use bootwright::platform::Platform;
use bootwright::run::Finished;
use bootwright::trace::Outcome;

/// One question.
pub struct Question {
    /// Its name in the output, stable.
    pub name: &'static str,
    /// What is asked, in words.
    pub asks: &'static str,
    /// The machine that answers.
    pub machine: Machine,
    /// What is done with it.
    pub story: Story,
    /// Who executes it.
    pub accelerator: Accelerator,
    /// With the Secure Boot build in place of the plain one.
    pub secure_boot_build: bool,
    /// The medium whose payload ends the run, if it comes to that.
    pub ends_with: &'static str,
    /// What it means that nothing is seen until the deadline; `None` where it means nothing.
    pub silence: Option<&'static str>,
    /// The answer, from what was seen and the evidence folder.
    pub read: fn(&Finished, &Path) -> String,
}

/// Every question that can be asked of this platform.
pub fn of(platform: &Platform) -> Vec<Question> {
    let mut questions = Vec::new();
    if platform.seabios.is_some() {
        questions.extend(seabios());
    }
    if platform.ovmf.is_some() {
        questions.extend(ovmf());
    }
    if platform.ovmf_secure_boot.is_some() {
        questions.extend(secure_boot());
    }
    questions
}

fn question(
    name: &'static str,
    asks: &'static str,
    machine: Machine,
    ends_with: &'static str,
    read: fn(&Finished, &Path) -> String,
) -> Question {
    let accelerator = Accelerator::Tcg;
    let story = Story::new();
    Question { name, asks, machine, story, accelerator, secure_boot_build: false, ends_with, silence: None, read }
}

fn usual_board(firmware: Firmware) -> Board {
    if firmware == Firmware::Ovmf { Board::Q35 } else { Board::Pc }
}

fn disk(firmware: Firmware) -> Machine {
    Machine::new(firmware, usual_board(firmware)).virtio_blk(Medium::bootable("disk")).bootindex(1)
}

/// A NIC first, a disk behind it: `served` or `next` runs.
fn nic(firmware: Firmware, network: Network) -> Machine {
    Machine::new(firmware, usual_board(firmware))
        .network(network)
        .nic("virtio-net-pci", Some(0))
        .bootindex(1)
        .virtio_blk(Medium::bootable("next"))
        .bootindex(2)
}

/// The NIC driven by OVMF itself, without a random source.
fn bare_stack(network: Network) -> Machine {
    nic(Firmware::Ovmf, network).rom_of_each_nic(&OptionRom::Empty)
}

/// The same with one.
fn own_stack(network: Network) -> Machine {
    bare_stack(network).rng()
}

fn boot_file(name: &str) -> LanSpec {
    LanSpec::new().dhcp(DhcpServer::new("main").rule(Match::Any, BootAnswer::file(name)))
}

fn bios_network(boot_file_name: &str) -> Network {
    Network::new(boot_file(boot_file_name)).bios_program("boot.0", "served")
}

fn efi_network() -> Network {
    Network::new(boot_file("boot.efi")).efi_program("boot.efi", "served")
}

fn listed_and_unlisted(firmware: Firmware) -> Machine {
    Machine::new(firmware, usual_board(firmware)).virtio_blk(Medium::blank("listed")).bootindex(1).virtio_scsi(
        0,
        0,
        Medium::bootable("unlisted"),
    )
}

/// A bootable disk at each of these LUNs, the first of them first in the order. From 256 on a LUN is addressed otherwise (SAM-5
/// section 4.7), and OVMF drops an order with a line that it cannot read.
fn luns(firmware: Firmware, luns: &[u16]) -> Machine {
    (1..).zip(luns).fold(Machine::new(firmware, usual_board(firmware)), |machine, (rank, lun)| {
        machine.virtio_scsi(0, *lun, Medium::bootable(&format!("lun-{lun}"))).bootindex(rank)
    })
}

fn seabios() -> Vec<Question> {
    let firmware = Firmware::SeaBios;
    let mut all = vec![
        question("seabios.time", "seconds of host time to a boot sector", disk(firmware), "disk", ran),
        question("seabios.end", "how it stops when nothing boots", Machine::pc(firmware), "none", end),
        question("seabios.debug-output", "whether it logs to port 0x402", disk(firmware), "disk", debug_output),
        question(
            "seabios.menu",
            "whether -boot menu=on offers a menu",
            disk(firmware).boot_menu(Some(100)),
            "disk",
            menu,
        ),
        question(
            "seabios.unlisted",
            "whether an unlisted disk runs",
            listed_and_unlisted(firmware),
            "unlisted",
            unlisted,
        ),
        question("seabios.pxe", "network boot by TFTP", nic(firmware, bios_network("boot.0")), "served", served),
        question(
            "seabios.http",
            "network boot by HTTP",
            nic(firmware, bios_network("http://10.77.0.1/boot.0")),
            "served",
            served,
        ),
    ];
    all.push(question("seabios.lun", ASKS_LUN, luns(firmware, &[256, 255, 8, 7, 1]), "lun-1", highest_lun));
    let kvm = question("seabios.kvm", "whether a payload boots under KVM", disk(firmware), "disk", ran);
    all.push(Question { accelerator: Accelerator::Kvm, silence: Some("no: no sign of life"), ..kvm });
    all
}

fn ovmf() -> Vec<Question> {
    let firmware = Firmware::Ovmf;
    let six = Dhcpv6Server::new("six").boot_url(Some(7), "tftp://[fd77::1]/boot.efi");
    let six = Network::new(LanSpec::new().ipv6(Ipv6::with_dhcp(six))).efi_program("boot.efi", "served");
    let http =
        LanSpec::new().dhcp(DhcpServer::new("main").rule(Match::Any, BootAnswer::http("http://10.77.0.1/boot.efi")));
    let http = own_stack(Network::new(http).efi_program("boot.efi", "served")).without_pxe();
    let without_random = bare_stack(efi_network());
    let mut all = vec![
        question("ovmf.time", "seconds of host time to the first boot option's payload", disk(firmware), "disk", ran),
        question("ovmf.end", "how it stops when nothing boots", Machine::q35(firmware), "none", end),
        question("ovmf.serial", "whether it has a console on the serial port", disk(firmware), "disk", serial),
        question("ovmf.debug-output", "whether it logs to port 0x402", disk(firmware), "disk", debug_output),
        question(
            "ovmf.menu",
            "whether -boot menu=on makes it wait",
            disk(firmware).boot_menu(Some(1000)),
            "disk",
            waits,
        ),
        question("ovmf.unlisted", "whether an unlisted disk runs", listed_and_unlisted(firmware), "unlisted", unlisted),
        question(
            "ovmf.secure-boot",
            "the variable SecureBoot of the plain build",
            disk(firmware),
            "disk",
            secure_boot_state,
        ),
        question("ovmf.pxe", "network boot by its own stack", own_stack(efi_network()), "served", served),
        question("ovmf.pxe-without-rng", "the same without a random source", without_random, "served", served),
        question("ovmf.pxe-ipv6", "the same over IPv6", own_stack(six).without_ipv4_pxe(), "served", served),
        question("ovmf.http", "HTTP boot by its own stack", http, "served", served),
        question(
            "ovmf.rom",
            "who boots over a NIC with QEMU's ROM",
            nic(firmware, efi_network()).rng(),
            "served",
            by_whom,
        ),
    ];
    all.push(question("ovmf.lun", ASKS_LUN, luns(firmware, &[8, 7, 1]), "lun-1", highest_lun));
    all.extend([https(), setup()]);
    let kvm = question("ovmf.kvm", "whether a payload boots under KVM", disk(firmware), "disk", ran);
    all.push(Question { accelerator: Accelerator::Kvm, silence: Some("no: no sign of life"), ..kvm });
    all
}

const ASKS_LUN: &str =
    "the highest LUN that a bootindex on virtio-scsi reaches, of 1, 7, 8 and, under SeaBIOS, 255 and 256";

/// HTTPS with the authority that the firmware was given; TLS is much arithmetic, so time passes slower than in other questions.
fn https() -> Question {
    let url = BootAnswer::http("https://10.77.0.1/boot.efi");
    let lan = LanSpec::new().dhcp(DhcpServer::new("main").rule(Match::Any, url));
    let network = Network::new(lan).efi_program("boot.efi", "served").https(&["10.77.0.1"], true);
    let machine = own_stack(network).without_pxe().with_clock(Clock::Virtual { shift: 5 });
    question("ovmf.https", "HTTPS boot with an authority of its own", machine, "served", served)
}

/// F2 on the serial port in the wait of the boot menu, once both consoles have wiped their screens twice. A reset ends the setup, so that
/// the disk's payload ends the run.
fn setup() -> Question {
    let machine = disk(Firmware::Ovmf).boot_menu(Some(5_000)).with_clock(Clock::Real);
    let story = Story::new()
        .wait(Milestone::Says { text: "\x1b[2J".to_owned(), times: 4 })
        .enter("\x1b[N", "\x1b[44;80H")
        .reset();
    let asked = question("ovmf.setup", "whether F2 opens a setup", machine, "disk", opens_setup);
    Question { story, ..asked }
}

fn secure_boot() -> Vec<Question> {
    let unsigned = question(
        "ovmf-secure-boot.unsigned",
        "whether the Secure Boot build runs an unsigned program",
        disk(Firmware::Ovmf),
        "disk",
        refuses,
    );
    let on_pc = Machine::pc(Firmware::Ovmf).virtio_blk(Medium::bootable("disk")).bootindex(1);
    let without_smm =
        question("ovmf-secure-boot.without-smm", "whether it starts on a board without SMM", on_pc, "disk", starts);
    vec![
        Question { secure_boot_build: true, ..unsigned },
        Question { secure_boot_build: true, silence: Some("no: no sign of life; it needs SMM"), ..without_smm },
    ]
}

fn opens_setup(finished: &Finished, _: &Path) -> String {
    match (finished.trace.menus.is_empty(), finished.trace.booted()) {
        (false, _) => "yes".to_owned(),
        (true, Some(_)) => "no: it went on to boot".to_owned(),
        (true, None) => format!("no: {}", end_of(finished)),
    }
}

fn highest_lun(finished: &Finished, _: &Path) -> String {
    match finished.trace.payloads.last().and_then(|payload| payload.medium.strip_prefix("lun-")) {
        Some(lun) => lun.to_owned(),
        None => format!("none: {}", end_of(finished)),
    }
}

fn ran(finished: &Finished, _: &Path) -> String {
    match finished.trace.booted() {
        Some(_) => "yes".to_owned(),
        None => format!("no: {}", end_of(finished)),
    }
}

fn end(finished: &Finished, _: &Path) -> String {
    end_of(finished)
}

fn end_of(finished: &Finished) -> String {
    finished.trace.terminal.as_ref().map_or_else(|| finished.guest_state.clone(), |end| end.name().to_owned())
}

fn served(finished: &Finished, _: &Path) -> String {
    why_not_served(finished).map_or_else(|| "yes".to_owned(), |why| format!("no: {why}"))
}

/// Why what a server offers did not run; `None` where it did.
fn why_not_served(finished: &Finished) -> Option<String> {
    match finished.trace.booted() {
        Some("served") => None,
        Some(other) => {
            let tried = finished.trace.attempts.iter().find(|attempt| attempt.medium.as_deref() != Some(other));
            Some(match tried {
                Some(tried) if !tried.reason.is_empty() => tried.reason.to_string(),
                Some(_) => "the attempt failed".to_owned(),
                None => "there is no entry for the NIC".to_owned(),
            })
        }
        None => Some(end_of(finished)),
    }
}

fn unlisted(finished: &Finished, _: &Path) -> String {
    match finished.trace.payloads.last() {
        Some(payload) if payload.medium == "unlisted" => {
            let by_option = finished
                .trace
                .attempts
                .iter()
                .any(|attempt| attempt.medium.as_deref() == Some("unlisted") && attempt.target.starts_with("Boot"));
            let is_ovmf = payload.via == "uefi";
            if is_ovmf && !by_option { "runs by platform recovery" } else { "runs" }.to_owned()
        }
        _ => "never runs".to_owned(),
    }
}

fn waits(finished: &Finished, _: &Path) -> String {
    match finished.views.timeout {
        Some(seconds) => format!("yes: the variable Timeout is {seconds} s"),
        None => "there is no variable Timeout".to_owned(),
    }
}

fn menu(finished: &Finished, _: &Path) -> String {
    if finished.trace.menus.is_empty() { "no menu seen" } else { "yes" }.to_owned()
}

fn bytes(evidence: &Path, file: &str) -> u64 {
    evidence.join(file).metadata().map_or(0, |meta| meta.len())
}

fn debug_output(_: &Finished, evidence: &Path) -> String {
    match bytes(evidence, "debugcon.log") {
        0 => "no: not a byte".to_owned(),
        length => format!("yes: {length} bytes"),
    }
}

fn serial(finished: &Finished, evidence: &Path) -> String {
    match (bytes(evidence, "serial.log"), finished.trace.attempts.is_empty()) {
        (0, _) => "no: not a byte".to_owned(),
        (_, true) => "yes, but it does not say what it boots".to_owned(),
        (_, false) => "yes, and it says what it boots".to_owned(),
    }
}

fn secure_boot_state(finished: &Finished, _: &Path) -> String {
    match finished.trace.payloads.last().map(|payload| payload.secure_boot) {
        Some(Some(value)) => format!("{value}"),
        Some(None) => "the variable does not exist".to_owned(),
        None => format!("not known: {}", end_of(finished)),
    }
}

fn by_whom(finished: &Finished, _: &Path) -> String {
    let ipxe = finished.trace.network.iter().any(|one| one.user_class.as_deref() == Some("iPXE"));
    match why_not_served(finished) {
        None if ipxe => "iPXE in the ROM".to_owned(),
        None => "OVMF's own stack; the ROM only drives the NIC".to_owned(),
        Some(why) => format!("no: {why}"),
    }
}

fn refuses(finished: &Finished, _: &Path) -> String {
    match finished.trace.booted() {
        Some(_) => "runs it: not enforcing".to_owned(),
        None => {
            let refused = finished.trace.attempts.iter().find(|attempt| attempt.outcome != Some(Outcome::Booted));
            refused.map_or_else(
                || format!("does not run it: {}", end_of(finished)),
                |attempt| format!("refuses it: {}", attempt.reason),
            )
        }
    }
}

fn starts(finished: &Finished, _: &Path) -> String {
    if finished.trace.shows_life() { "yes: it does not need SMM" } else { "no: no sign of life; it needs SMM" }
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_all_different_and_every_machine_can_be_laid_out() {
        let all: Vec<Question> = seabios().into_iter().chain(ovmf()).chain(secure_boot()).collect();
        let mut names: Vec<&str> = all.iter().map(|question| question.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all.len());
        for question in &all {
            assert!(bootwright::machine::layout::Layout::of(&question.machine).is_ok(), "{}", question.name);
        }
    }
}

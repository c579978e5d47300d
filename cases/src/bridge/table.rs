//! One configuration for the guests of every architecture: the table that an article on network boot for libvirt guests prints, with
//! the numbers that IANA gives, and each guest with a file of its own.
//!
//! s390-ccw and SLOF name their architecture in the request alone: the offer has the file for everybody, the acknowledgment theirs.

use bootwright::case::Case;
use bootwright::machine::{Board, Bridge, Machine, Network};
use bootwright::trace::Protocol;
use bootwright::verdict::behaviour::Behaviour;
use bootwright::verdict::{Cause, Expectation, OnLan, booted, failed_entry, timed_out_entry};
use bootwright_images::EfiMachine;

use super::dnsmasq::{DNSMASQ, machine};
use super::rules::{LIGHTTPD, TFTP_ONLY};
use crate::networks::{ON_ARM, ON_ARM32, ON_IA32, Uefi, ovmf};
use crate::{ppc64, s390x};

const ADDRESS: &str = "192.168.122.1";

/// For whom there is no rule.
const BIOS_FILE: &str = "pxelinux.0";
const IA32_FILE: &str = "arch-i386/grubia32.efi";
const IA32_HTTP_FILE: &str = "arch-i386/http.efi";
const X64_FILE: &str = "arch-x86_64/grubx64.efi";
const X64_HTTP_FILE: &str = "arch-x86_64/http.efi";
const ARM32_FILE: &str = "arch-arm/grubarm.efi";
const ARM32_HTTP_FILE: &str = "arch-arm/http.efi";
const ARM_FILE: &str = "arch-aarch64/grubaa64.efi";
const ARM_HTTP_FILE: &str = "arch-aarch64/http.efi";
const S390X_FILE: &str = "arch-s390x/boot.bin";
const PPC64_FILE: &str = "arch-ppc64/boot.fs";

/// Option 93, protocol and file of each kind of guest but BIOS (IANA, "Processor Architecture Types"); some have no guest here.
const TABLE: [(u16, Protocol, &str); 13] = [
    (6, Protocol::Tftp, IA32_FILE),
    (7, Protocol::Tftp, X64_FILE),
    (9, Protocol::Tftp, X64_FILE),
    (10, Protocol::Tftp, ARM32_FILE),
    (11, Protocol::Tftp, ARM_FILE),
    (12, Protocol::Tftp, PPC64_FILE),
    (15, Protocol::Http, IA32_HTTP_FILE),
    (16, Protocol::Http, X64_HTTP_FILE),
    (18, Protocol::Http, ARM32_HTTP_FILE),
    (19, Protocol::Http, ARM_HTTP_FILE),
    (27, Protocol::Tftp, "arch-riscv64/grubriscv64.efi"),
    (28, Protocol::Http, "arch-riscv64/http.efi"),
    (31, Protocol::Tftp, S390X_FILE),
];

pub fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> =
        [0, 7, 16, 11, 19, 31, 12, 6, 15, 10, 18].map(|arch| served(Server::Dnsmasq, arch)).into();
    cases.extend([11, 31, 12, 6, 10].map(|arch| served(Server::Dhcpd, arch)));
    cases.extend([(Server::Dnsmasq, "0x31"), (Server::Dhcpd, "00:31")].map(|(server, number)| s390x(server, number)));
    cases.extend([(Server::Dnsmasq, "0x12"), (Server::Dhcpd, "00:12")].map(|(server, number)| ppc64(server, number)));
    cases.push(unnamed_ignored());
    cases
}

/// Who has the table.
#[derive(Clone, Copy)]
enum Server {
    Dnsmasq,
    Dhcpd,
}

/// One row, as a configuration has it.
#[derive(Clone)]
struct Rule {
    arch: u16,
    number: String,
    protocol: Protocol,
    file: &'static str,
}

impl Server {
    fn name(self) -> &'static str {
        match self {
            Server::Dnsmasq => "dnsmasq",
            Server::Dhcpd => "dhcpd",
        }
    }

    /// dnsmasq reads decimal digits, dhcpd bytes in hexadecimal.
    fn number(self, arch: u16) -> String {
        let [high, low] = arch.to_be_bytes();
        match self {
            Server::Dnsmasq => arch.to_string(),
            Server::Dhcpd => format!("{high:02x}:{low:02x}"),
        }
    }

    /// The table with the rule for one architecture changed.
    fn table(self, arch: u16, change: impl Fn(&mut Rule)) -> Vec<Rule> {
        let rule = |(arch, protocol, file)| Rule { arch, number: self.number(arch), protocol, file };
        let mut rules = TABLE.map(rule).to_vec();
        rules.iter_mut().filter(|rule| rule.arch == arch).for_each(change);
        rules
    }

    fn network(self, rules: &[Rule]) -> Network {
        let bridge = match self {
            Server::Dnsmasq => Bridge::new().dnsmasq(dnsmasq(rules)),
            Server::Dhcpd => Bridge::new().dnsmasq(TFTP_ONLY).dhcpd(dhcpd(rules)),
        };
        programs(bridge)
    }

    fn right(self) -> Network {
        self.network(&self.table(0, |_| {}))
    }
}

/// A program for each guest.
fn programs(bridge: Bridge) -> Network {
    Network::on_bridge(bridge.lighttpd(LIGHTTPD))
        .bios_program(BIOS_FILE, "for-bios")
        .efi_program(X64_FILE, "for-x64")
        .efi_program(X64_HTTP_FILE, "for-x64-http")
        .efi_program_for(EfiMachine::Ia32, IA32_FILE, "for-ia32")
        .efi_program_for(EfiMachine::Ia32, IA32_HTTP_FILE, "for-ia32-http")
        .efi_program_for(EfiMachine::Arm, ARM32_FILE, "for-arm32")
        .efi_program_for(EfiMachine::Arm, ARM32_HTTP_FILE, "for-arm32-http")
        .efi_program_for(EfiMachine::Aa64, ARM_FILE, "for-aarch64")
        .efi_program_for(EfiMachine::Aa64, ARM_HTTP_FILE, "for-aarch64-http")
        .ipl_program(S390X_FILE, "for-s390x")
        .forth_script(PPC64_FILE, "for-ppc64")
}

fn dnsmasq(rules: &[Rule]) -> String {
    let text = |rule: &Rule| {
        let (tag, file) = (format!("arch-{}", rule.arch), rule.file);
        let boot = match rule.protocol {
            Protocol::Http => format!("http://{ADDRESS}/{file}\ndhcp-option-force=tag:{tag},60,HTTPClient"),
            _ => format!("{file},,{ADDRESS}"),
        };
        format!("dhcp-match=set:{tag},option:client-arch,{}\ndhcp-boot=tag:{tag},{boot}\n", rule.number)
    };
    let rules: String = rules.iter().map(text).collect();
    format!("{DNSMASQ}dhcp-boot={BIOS_FILE}\n{rules}")
}

fn dhcpd(rules: &[Rule]) -> String {
    let text = |Rule { number, protocol, file, .. }: &Rule| {
        let boot = match protocol {
            Protocol::Http => {
                format!("option vendor-class-identifier \"HTTPClient\"; filename \"http://{ADDRESS}/{file}\";")
            }
            _ => format!("next-server {ADDRESS}; filename \"{file}\";"),
        };
        format!("  if (option arch = {number}) {{ {boot} }} else\n")
    };
    let rules: String = rules.iter().map(text).collect();
    format!(
        "\
option arch code 93 = unsigned integer 16;

subnet 192.168.122.0 netmask 255.255.255.0 {{
  range 192.168.122.10 192.168.122.99;
{rules}  {{ next-server {ADDRESS}; filename \"{BIOS_FILE}\"; }}
}}
"
    )
}

/// The guest that asks with this architecture: the group of its cases, the medium that is its own, and its machine.
fn guest(arch: u16, network: Network) -> (&'static str, &'static str, Machine) {
    let x64 = |network| ovmf(Board::Pc, network).without_ipv6();
    let on = |guest: Uefi, network| guest.machine(network).without_ipv6();
    match arch {
        6 => ("ia32::pxe", "for-ia32", on(ON_IA32, network)),
        7 => ("pxe::ovmf::pc", "for-x64", x64(network)),
        10 => ("arm32::pxe", "for-arm32", on(ON_ARM32, network)),
        11 => ("aarch64::pxe", "for-aarch64", on(ON_ARM, network)),
        12 => ("ppc64::network", "for-ppc64", ppc64::networks::nic_then_disk(network)),
        15 => ("ia32::http", "for-ia32-http", on(ON_IA32, network).without_pxe()),
        16 => ("http::ovmf::pc", "for-x64-http", x64(network).without_pxe()),
        18 => ("arm32::http", "for-arm32-http", on(ON_ARM32, network).without_pxe()),
        19 => ("aarch64::http", "for-aarch64-http", on(ON_ARM, network).without_pxe()),
        31 => ("s390x::network", "for-s390x", s390x::networks::nic_then_disk(network)),
        _ => ("pxe::seabios::pc", "for-bios", machine(network)),
    }
}

fn named(group: &str, name: &str) -> Case {
    Case::new(format!("{group}::bridge-{name}")).axis("bridge", name)
}

/// One guest of the whole table. In the control its rule names the file of the same processor's other protocol, or where there is no
/// other its file is not there.
fn served(server: Server, arch: u16) -> Case {
    let row = TABLE.iter().find(|(of, ..)| *of == arch);
    let (protocol, file) = row.map_or((Protocol::Tftp, BIOS_FILE), |(_, protocol, file)| (*protocol, *file));
    let other = match arch {
        6 => Some(IA32_HTTP_FILE),
        7 => Some(X64_HTTP_FILE),
        10 => Some(ARM32_HTTP_FILE),
        11 => Some(ARM_HTTP_FILE),
        15 => Some(IA32_FILE),
        16 => Some(X64_FILE),
        18 => Some(ARM32_FILE),
        19 => Some(ARM_FILE),
        _ => None,
    };
    let wrong = match other {
        Some(other) => server.network(&server.table(arch, |rule| rule.file = other)),
        None => server.right().without_program(file),
    };
    let (group, medium, machine) = guest(arch, server.right());
    named(group, &format!("{}-table-arch-{arch}", server.name()))
        .machine(machine)
        .expect(
            Expectation::boots(medium)
                .without_trying("next")
                .on_lan(OnLan::Arch(arch))
                .on_lan(OnLan::AcknowledgedBy(ADDRESS.into()))
                .on_lan(OnLan::AskedBy(protocol, file.into()))
                .on_lan(OnLan::Fetched(file.into())),
        )
        .control(guest(arch, wrong).2)
}

/// The article's table has decimal digits behind `0x`: what it calls 0x12, 0x16, 0x18, 0x19 and 0x31 is 12, 16, 18, 19 and 31. Whoever
/// writes what it says sends the guest to the file for everybody. The control has IANA's number.
fn misled(server: Server, arch: u16, number: &str, change: impl Fn(Network) -> Network) -> Case {
    let wrong = server.network(&server.table(arch, |rule| number.clone_into(&mut rule.number)));
    let name = match server {
        Server::Dnsmasq => format!("dnsmasq-client-arch-{number}"),
        Server::Dhcpd => format!("dhcpd-{}", number.replace(':', "-")),
    };
    let (group, _, machine) = guest(arch, change(wrong));
    named(group, &name).machine(machine).control(guest(arch, change(server.right())).2)
}

/// s390-ccw enters whatever it has fetched, and a BIOS program keeps it for ever in program interruptions: so the file for everybody is
/// not there.
fn s390x(server: Server, number: &str) -> Case {
    let network = || failed_entry("network").because("file not found: pxelinux.0").over_nic(0);
    let on_lan = |expectation: Expectation| {
        let expectation = expectation.on_lan(OnLan::Arch(31)).on_lan(OnLan::Asked(BIOS_FILE.into()));
        expectation.on_lan(OnLan::NeverAsked(S390X_FILE.into()))
    };
    misled(server, 31, number, |network| network.without_program(BIOS_FILE))
        .expect(on_lan(Expectation::nothing_boots([network()])))
        .expect_where(Behaviour::TriesFurtherDevices, on_lan(Expectation::attempts([network(), booted("next")])))
}

/// SLOF fetches the BIOS program, sees that it can run none such, and goes on.
fn ppc64(server: Server, number: &str) -> Case {
    let network = failed_entry(ppc64::networks::NIC).because("E3403").over_nic(0);
    misled(server, 12, number, |network| network).expect(
        Expectation::attempts([network, booted("next")])
            .on_lan(OnLan::Arch(12))
            .on_lan(OnLan::Fetched(BIOS_FILE.into()))
            .on_lan(OnLan::NeverAsked(PPC64_FILE.into())),
    )
}

/// A dnsmasq that ignores who does not name an architecture has no offer for one that names it in the request.
fn unnamed_ignored() -> Case {
    let rules = dnsmasq(&Server::Dnsmasq.table(0, |_| {}));
    let strict = format!("{rules}dhcp-match=set:named,option:client-arch\ndhcp-ignore=tag:!named\n");
    let (group, _, machine) = guest(12, programs(Bridge::new().dnsmasq(strict)));
    let network = timed_out_entry(ppc64::networks::NIC).because_of(Cause::NoOffer).over_nic(0);
    named(group, "dnsmasq-unnamed-ignored")
        .machine(machine)
        .expect(Expectation::attempts([network, booted("next")]).on_lan(OnLan::NeverAcknowledged))
        .control(guest(12, Server::Dnsmasq.right()).2)
}

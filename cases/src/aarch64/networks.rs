//! Networks on which an aarch64 guest is one of several: what tells it from the others is option 93.

use bootwright::case::Case;
use bootwright::lan::{BootAnswer, DhcpServer, LanSpec, Match};
use bootwright::machine::{Board, Machine, Network};
use bootwright::verdict::behaviour::Behaviour;
use bootwright::verdict::{Cause, Expectation, OnLan, failed_entry, timed_out_entry};
use bootwright_images::EfiMachine;

use crate::http::uefi::next_runs;
use crate::networks::{BIOS_FILE, EFI_FILE, ON_ARM, healthy_for, nic_then_disk, on_x86};
use crate::pxe::uefi::all_fail;

const HTTP_URL: &str = "http://10.77.0.1/boot.efi";

pub fn cases() -> Vec<Case> {
    let mut cases = every_guest();
    cases.extend(isc_rules());
    cases.extend([other_processor(), random_source_by_device()]);
    cases
}

/// The rules of one server for five kinds of guest, those of aarch64 last: by dnsmasq's decimal numbers.
fn table(arm_pxe: &str, arm_http: &str) -> Network {
    let rule = |value: &str| Match::dnsmasq_client_arch(value);
    let server = DhcpServer::new("main")
        .rule(rule("0"), BootAnswer::file(BIOS_FILE))
        .rule(rule("7"), BootAnswer::file("x64.efi"))
        .rule(rule("16"), BootAnswer::http("http://10.77.0.1/x64-http.efi"))
        .rule(rule(arm_pxe), BootAnswer::file("aa64.efi"))
        .rule(rule(arm_http), BootAnswer::http("http://10.77.0.1/aa64-http.efi"));
    let arm = EfiMachine::Aa64;
    Network::new(LanSpec::new().dhcp(server))
        .bios_program(BIOS_FILE, "for-bios")
        .efi_program("x64.efi", "for-x64")
        .efi_program("x64-http.efi", "for-x64-http")
        .efi_program_for(arm, "aa64.efi", "for-aarch64")
        .efi_program_for(arm, "aa64-http.efi", "for-aarch64-http")
}

/// One configuration serves them all, each with its own file. The controls of the aarch64 guests have the number in another base
/// than dnsmasq's decimal one: 17 is 0x11, and 19 is 0x13.
fn every_guest() -> Vec<Case> {
    let right = || table("11", "19");
    let case = |arch: u16, machine: Machine, medium: &str, control: Machine| {
        Case::new(format!("aarch64::pxe::every-guest-arch-{arch}"))
            .axis("arch", arch.to_string())
            .machine(machine)
            .expect(Expectation::boots(medium).on_lan(OnLan::Arch(arch)))
            .control(control)
    };
    let pxe = |network| ON_ARM.machine(network).without_ipv6();
    let http = |network| ON_ARM.machine(network).without_pxe().without_ipv6();
    let bios = |network| nic_then_disk(Board::Pc, "virtio-net-pci", network);
    let x64 = |network| on_x86(Board::Q35).machine(network).without_ipv6();
    vec![
        case(0, bios(right()), "for-bios", bios(right().without_program(BIOS_FILE))),
        case(7, x64(right()), "for-x64", x64(right().without_program("x64.efi"))),
        case(11, pxe(right()), "for-aarch64", pxe(table("17", "19"))),
        case(19, http(right()), "for-aarch64-http", http(table("11", "13"))),
    ]
}

/// ISC's rule is hexadecimal: 00:0b and 00:13. With the decimal digits it is for somebody else.
fn isc_rules() -> Vec<Case> {
    let pxe = |value: &str| {
        let server = DhcpServer::new("main").rule(Match::isc_arch(value), BootAnswer::file(EFI_FILE));
        ON_ARM.machine(ON_ARM.offers(LanSpec::new().dhcp(server), EFI_FILE, "served")).without_ipv6()
    };
    let http = |value: &str| {
        let server = DhcpServer::new("main").rule(Match::isc_arch(value), BootAnswer::http(HTTP_URL));
        ON_ARM.machine(ON_ARM.offers(LanSpec::new().dhcp(server), EFI_FILE, "served")).without_pxe().without_ipv6()
    };
    let served = |arch| Expectation::boots("served").on_lan(OnLan::Arch(arch));
    let case = |name: &str| Case::new(format!("aarch64::pxe::rule-isc-{name}")).axis("rule", name);
    vec![
        case("00-0b").machine(pxe("00:0b")).expect(served(11)).control(pxe("00:11")),
        case("00-13-for-http").machine(http("00:13")).expect(served(19)).control(http("00:19")),
        ON_ARM.switched_off(case("00-19-for-http").machine(http("00:19")).control(http("00:13")), |ipv6| {
            let by_ipv4 = timed_out_entry("HTTPv4").because_of(Cause::OfferNotTaken);
            next_runs(ipv6, &by_ipv4).on_lan(OnLan::NoBootFile)
        }),
    ]
}

/// A server that sends everybody the program for x86-64: AAVMF fetches it, refuses to load it and goes on.
fn other_processor() -> Case {
    let server = || LanSpec::new().dhcp(DhcpServer::new("main").boot_file(EFI_FILE));
    let machine = |network| ON_ARM.machine(network).without_ipv6();
    let (pxe, http) =
        (failed_entry("PXEv4").because("Unsupported"), timed_out_entry("HTTPv4").because_of(Cause::OfferNotTaken));
    let case = Case::new("aarch64::pxe::program-of-another-processor")
        .machine(machine(on_x86(Board::Q35).offers(server(), EFI_FILE, "for-x64")))
        .control(machine(healthy_for(ON_ARM)));
    ON_ARM.switched_off(case, |ipv6| all_fail(ipv6, &pxe, &http).on_lan(OnLan::Fetched(EFI_FILE.into())))
}

/// With a virtio-rng device and no random instruction: newer builds have no option for the NIC, since they connect the device
/// after they have looked for options.
fn random_source_by_device() -> Case {
    let machine = ON_ARM.machine(healthy_for(ON_ARM)).without_ipv6();
    let mut by_device = machine.clone().rng();
    by_device.cpu = None;
    Case::new("aarch64::pxe::random-source-by-device")
        .machine(by_device)
        .expect(Expectation::boots("served").without_trying("next"))
        .expect_where(Behaviour::NetworkNeedsRandomInstruction, Expectation::boots("next").without_trying("served"))
        .control(machine.with_blank("next").with_network(0, |network| network.without_program(EFI_FILE)))
}

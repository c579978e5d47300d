//! Which guest gets which file from one configuration of a real dnsmasq and of a real ISC dhcpd: the rules that an article on
//! network boot for libvirt guests prints, right and wrong.

use bootwright::case::Case;
use bootwright::machine::{Board, Bridge, Machine, Network};
use bootwright::trace::{Outcome, Protocol};
use bootwright::verdict::{Cause, Expectation, Expected, OnLan, booted, failed_entry};

use super::dnsmasq::{DNSMASQ, machine};
use crate::networks::ovmf;

const PXE_FILE: &str = "arch-x86_64/grubx64.efi";
const HTTP_FILE: &str = "arch-x86_64/http.efi";
const ARM_FILE: &str = "arch-aarch64/grubaa64.efi";
const BIOS_FILE: &str = "pxelinux.0";

/// TFTP root and document root are the same folder.
pub(super) const LIGHTTPD: &str = "\
server.document-root = \"/srv/tftp\"
server.bind = \"192.168.122.1\"
server.port = 80
";

/// dnsmasq's part beside another DHCP server.
pub(super) const TFTP_ONLY: &str = "port=0\ninterface=br0\nbind-dynamic\nenable-tftp\ntftp-root=/srv/tftp\n";

pub fn cases() -> Vec<Case> {
    let mut cases = three("dnsmasq", || dnsmasq("7", "16"), || dnsmasq("0", "7"));
    cases.extend(three("dhcpd", || dhcpd("00:07", "00:10"), || dhcpd("00:00", "00:07")));
    cases.extend([wrong_http_code(), arm_rule("b", "for-aarch64"), arm_rule("11", "for-bios")]);
    cases
}

fn network(bridge: Bridge) -> Network {
    Network::on_bridge(bridge.lighttpd(LIGHTTPD))
        .bios_program(BIOS_FILE, "for-bios")
        .efi_program(PXE_FILE, "for-pxe")
        .efi_program(HTTP_FILE, "for-http")
}

/// The article's dnsmasq rules with these architecture codes, and another file for each kind of guest.
fn dnsmasq_rules(pxe: &str, http: &str) -> String {
    format!(
        "{DNSMASQ}\
dhcp-boot=http://192.168.122.1/{BIOS_FILE}
#
dhcp-match=set:efi-x64-pxe,option:client-arch,{pxe}
dhcp-boot=tag:efi-x64-pxe,/{PXE_FILE},,192.168.122.1
#
dhcp-match=set:efi-x64-http,option:client-arch,{http}
dhcp-boot=tag:efi-x64-http,http://192.168.122.1/{HTTP_FILE}
dhcp-option-force=tag:efi-x64-http,60,HTTPClient
"
    )
}

fn dnsmasq(pxe: &str, http: &str) -> Network {
    network(Bridge::new().dnsmasq(dnsmasq_rules(pxe, http)))
}

/// The article's ISC snippet with these architecture codes.
fn dhcpd(pxe: &str, http: &str) -> Network {
    let configuration = format!(
        "\
option arch code 93 = unsigned integer 16;

subnet 192.168.122.0 netmask 255.255.255.0 {{
        range 192.168.122.10 192.168.122.99;

        if (option arch = {http}) {{
                option vendor-class-identifier \"HTTPClient\";
                filename \"http://192.168.122.1/{HTTP_FILE}\";
        }} else if (option arch = {pxe}) {{
                next-server 192.168.122.1;
                filename \"/{PXE_FILE}\";
        }} else {{
                next-server 192.168.122.1;
                filename \"/{BIOS_FILE}\";
        }}
}}
"
    );
    network(Bridge::new().dnsmasq(TFTP_ONLY).dhcpd(configuration))
}

fn by_http(network: Network) -> Machine {
    ovmf(Board::Pc, network).without_pxe().without_ipv6()
}

fn by_pxe(network: Network) -> Machine {
    ovmf(Board::Pc, network).without_ipv6()
}

#[track_caller]
fn named(group: &str, name: &str) -> Case {
    Case::new(format!("{group}::pc::bridge-{name}")).axis("bridge", name)
}

/// One configuration, three kinds of guest, each with a file of its own. The negative control has the rules' codes wrong, and for
/// a BIOS guest, which would run what it is given and hang, no file.
fn three(server: &str, right: impl Fn() -> Network, wrong: impl Fn() -> Network) -> Vec<Case> {
    let boots = |medium: &str, arch, protocol, file: &str| {
        Expectation::boots(medium)
            .without_trying("next")
            .on_lan(OnLan::Arch(arch))
            .on_lan(OnLan::AcknowledgedBy("192.168.122.1".into()))
            .on_lan(OnLan::AskedBy(protocol, file.into()))
            .on_lan(OnLan::Fetched(file.into()))
    };
    let bios_protocol = if server == "dnsmasq" { Protocol::Http } else { Protocol::Tftp };
    let name = |arch: u16| format!("{server}-arch-{arch}");
    vec![
        named("pxe::seabios", &name(0))
            .machine(machine(right()))
            .expect(boots("for-bios", 0, bios_protocol, BIOS_FILE))
            // with wrong codes a BIOS guest would run an EFI program's bytes, which may do anything
            .control(machine(right().without_program(BIOS_FILE))),
        named("pxe::ovmf", &name(7))
            .machine(by_pxe(right()))
            .expect(boots("for-pxe", 7, Protocol::Tftp, PXE_FILE))
            .control(by_pxe(wrong())),
        named("http::ovmf", &name(16))
            .machine(by_http(right()))
            .expect(boots("for-http", 16, Protocol::Http, HTTP_FILE))
            .control(by_http(wrong())),
    ]
}

/// The article's ISC rule `00:16` is decimal 22: an HTTP guest gets the BIOS file without HTTPClient and ignores it.
fn wrong_http_code() -> Case {
    let entry = Expected { outcome: Outcome::TimedOut, ..failed_entry("HTTPv4").because_of(Cause::OfferNotTaken) };
    named("http::ovmf", "dhcpd-00-16")
        .machine(by_http(dhcpd("00:07", "00:16")))
        .expect(
            Expectation::attempts([entry, booted("next")])
                .on_lan(OnLan::Arch(16))
                .on_lan(OnLan::BootFile(format!("/{BIOS_FILE}"))),
        )
        .control(by_http(dhcpd("00:07", "00:10")))
}

/// The article's rule for 64-bit ARM, `client-arch,b`: dnsmasq takes a lone `b` for one zero byte, which a BIOS guest's
/// architecture has too. `11` is what was meant.
fn arm_rule(code: &str, medium: &str) -> Case {
    let arm = |code: &str| {
        let rule = format!("dhcp-match=set:efi-aa64-pxe,option:client-arch,{code}\n");
        let boot = format!("dhcp-boot=tag:efi-aa64-pxe,/{ARM_FILE},,192.168.122.1\n");
        let bridge = Bridge::new().dnsmasq(dnsmasq_rules("7", "16") + &rule + &boot);
        machine(network(bridge).bios_program(ARM_FILE, "for-aarch64"))
    };
    let other = if code == "b" { "11" } else { "b" };
    named("pxe::seabios", &format!("dnsmasq-client-arch-{code}"))
        .machine(arm(code))
        .expect(Expectation::boots(medium).without_trying("next").on_lan(OnLan::Arch(0)))
        .control(arm(other))
}

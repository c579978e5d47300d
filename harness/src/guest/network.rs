//! libvirt's network XML beside a guest: its name, its bridge, and the boot server that [`crate::boot_server`] reads in it.

use std::collections::BTreeSet;

use bootwright_images::{EfiMachine, Target};

use super::xml::{Element, Xml};
use super::{At, GuestError};
use crate::boot_server::arch::{self, Processor};
use crate::boot_server::{self, BootServer, BootServerError};
use crate::lan::wire::dhcpv4::option;
use crate::lan::{BootAnswer, DhcpServer, LanSpec, Match};
use crate::machine::Network;

/// What the program reports itself as that a network of ours has in place of a boot server's, and its file where no rule names one.
const BOOT_SERVER: &str = "boot-server";
const BOOT: &str = "boot.bin";
/// The user class of iPXE.
const IPXE: &str = "iPXE";
/// The option in which iPXE says what it can.
const ENCAPSULATED_BY_IPXE: u8 = 175;

/// Elements of `<network>`.
const KNOWN: [&str; 17] = [
    "name",
    "uuid",
    "metadata",
    "title",
    "description",
    "forward",
    "bridge",
    "mac",
    "mtu",
    "domain",
    "dns",
    "ip",
    "route",
    "bandwidth",
    "vlan",
    "virtualport",
    "portgroup",
];

/// A libvirt network.
#[derive(Clone, Debug, PartialEq)]
pub struct GuestNetwork {
    /// The file that describes it, as it was named.
    pub file: String,
    /// Its name there.
    pub name: String,
    /// Line of its `<bridge>`; 0 where it has none.
    pub bridge_line: u32,
    /// Who answers on it.
    pub answered: Answered,
    /// Addresses, boot files and rules.
    pub server: BootServer,
}

/// Who answers DHCP on a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answered {
    /// The server that is described with it.
    ByItself,
    /// Nobody: it is isolated or routed and has no `<dhcp>`.
    ByNobody {
        /// The line of `<network>`.
        line: u32,
    },
    /// Whoever runs the network of the host that its guests are on; libvirt starts no server there.
    ByOthers {
        /// The line of `<forward>`.
        line: u32,
        /// Its mode.
        mode: String,
    },
}

/// Reads a network.
///
/// # Errors
///
/// [`GuestError`]: no XML, no network, an element that libvirt does not know, or what [`boot_server::read`] refuses.
pub fn read(file: &str, text: &str) -> Result<GuestNetwork, GuestError> {
    let xml = Xml::parse(file, text)?;
    let root = xml.root();
    if root.name() != "network" {
        let what = format!("<{}> is no network", root.name());
        return Err(root.error(what, "give the <network> that virsh net-dumpxml prints"));
    }
    root.knows(&KNOWN)?;
    let mut bridge_line = 0;
    if let Some(bridge) = root.child("bridge") {
        bridge_line = bridge.line();
        bridge.switch("stp")?;
        bridge.number::<u8>("delay")?;
    }
    let (without_hosts, hosts) = blank_hosts(&xml, text);
    let answered = answered(root);
    let mut server = match answered {
        Answered::ByItself => boot_server::read(&without_hosts, file),
        Answered::ByNobody { .. } | Answered::ByOthers { .. } => boot_server::silent_network(text, file),
    }
    .map_err(refused)?;
    if let Answered::ByOthers { line, mode } = &answered {
        let what =
            format!("<forward mode='{mode}'>: the network is the host's, and who answers there is not described");
        server.lan = Err(boot_server::Note { file: file.to_owned(), line: *line as usize, what });
    }
    for line in hosts {
        let what = "<host>: addresses are given out in order here".to_owned();
        server.replaced.push(boot_server::Note { file: file.to_owned(), line: line as usize, what });
    }
    let name = root.child("name").map_or("unnamed", |name| name.text()).to_owned();
    Ok(GuestNetwork { file: file.to_owned(), name, bridge_line, answered, server })
}

/// Who answers on a libvirt network: its own dnsmasq where an IPv4 `<ip>` has a `<dhcp>`
/// (`networkStartDhcpDaemon` in libvirt's `src/network/bridge_driver.c`), and never where guests are on a network of the host.
fn answered(root: Element<'_, '_>) -> Answered {
    const OF_THE_HOST: [&str; 5] = ["bridge", "private", "vepa", "passthrough", "hostdev"];
    let forward = root.child("forward");
    let mode = forward.and_then(|forward| forward.attribute("mode")).unwrap_or_default();
    if OF_THE_HOST.contains(&mode) {
        let line = forward.map_or(root.line(), |forward| forward.line());
        return Answered::ByOthers { line, mode: mode.to_owned() };
    }
    let gives = |ip: Element<'_, '_>| ip.attribute("family") != Some("ipv6") && ip.child("dhcp").is_some();
    // options that libvirt hands on to dnsmasq, which it starts for any <ip>
    let options = root.children().find(|child| child.name().ends_with("options"));
    let ranges =
        |option: Element<'_, '_>| option.attribute("value").is_some_and(|value| value.starts_with("dhcp-range"));
    let by_option = options.is_some_and(|options| options.children().any(ranges));
    match by_option || root.children().any(|child| child.name() == "ip" && gives(child)) {
        true => Answered::ByItself,
        false => Answered::ByNobody { line: root.line() },
    }
}

/// Reads the configuration of a boot server, of whichever kind; as a network it is called as the file is.
///
/// # Errors
///
/// As [`read`] for libvirt's XML, and for a network of it that others answer on; else what [`boot_server::read`] refuses.
pub fn of_server(file: &str, text: &str) -> Result<GuestNetwork, GuestError> {
    if text.trim_start().starts_with('<') {
        let network = read(file, text)?;
        if let Answered::ByOthers { line, mode } = &network.answered {
            let what = format!("<forward mode='{mode}'>: libvirt starts no DHCP server on a network of the host");
            let (file, fix) = (file.to_owned(), "give the configuration of the server that answers there".to_owned());
            return Err(GuestError { what, file, at: At { line: *line, column: 1 }, fix });
        }
        return Ok(network);
    }
    let server = boot_server::read(text, file).map_err(refused)?;
    let name = file.rsplit('/').next().unwrap_or(file).to_owned();
    Ok(GuestNetwork { file: file.to_owned(), name, bridge_line: 0, answered: Answered::ByItself, server })
}

/// The text with space in place of every `<host>` of its DHCP server, and their lines: a fixed address is for a hardware
/// address that no NIC has here, and no lan can give it.
fn blank_hosts(xml: &Xml<'_>, text: &str) -> (String, Vec<u32>) {
    let root = xml.root();
    let dhcp = root.children().filter_map(|ip| ip.child("dhcp")).flat_map(|dhcp| dhcp.children().collect::<Vec<_>>());
    let (mut blank, mut lines) = (text.to_owned(), Vec::new());
    for host in dhcp.filter(|child| child.name() == "host") {
        let range = host.range();
        let space: String = text[range.clone()].bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }).collect();
        blank.replace_range(range, &space);
        lines.push(host.line());
    }
    (blank, lines)
}

/// The error of a boot server's reader as one of ours.
fn refused(error: BootServerError) -> GuestError {
    let at = At { line: error.line.unwrap_or(1) as u32, column: 1 };
    GuestError { what: error.problem, file: error.file, at, fix: error.fix }
}

/// The boot file of an answer for a client of this architecture. UEFI takes option 67 before the file field
/// (`PxeBcParseDhcp4Packet` in edk2's `NetworkPkg/UefiPxeBcDxe/PxeBcDhcp4.c`); most servers have the same in both.
pub fn file_of(answer: BootAnswer, architecture: u16) -> Option<String> {
    match architecture {
        0 => answer.file_field.or(answer.option_67),
        _ => answer.option_67.or(answer.file_field),
    }
}

/// The network on which a guest boots whose own is not known: a server with a boot file for each kind of firmware, whose
/// program is called `boot-server`.
pub(crate) fn assumed(target: Target) -> Network {
    let server = DhcpServer::new("assumed");
    let Target::Efi(machine) = target else {
        return own_program(Network::new(LanSpec::new().dhcp(server.boot_file(BOOT))), target, BOOT, BOOT_SERVER);
    };
    let by_http = [16, 19, 28, 40].map(Match::Arch).to_vec();
    let server = server
        .rule(Match::Arch(0), BootAnswer::file("boot.0"))
        .rule(Match::AnyOf(by_http), BootAnswer::http("http://10.77.0.1/boot.efi"))
        .rule(Match::Any, BootAnswer::file("boot.efi"));
    let network = Network::new(LanSpec::new().dhcp(server));
    network.bios_program("boot.0", BOOT_SERVER).efi_program_for(machine, "boot.efi", BOOT_SERVER)
}

/// Offers a program that a board's own firmware loads over a network: for BIOS, a script for Open Firmware, one for z/Architecture.
fn own_program(network: Network, target: Target, file: &str, medium: &str) -> Network {
    match target {
        Target::Efi(_) => network.bios_program(file, medium),
        Target::S390x => network.ipl_program(file, medium),
        Target::Ppc64 => network.forth_script(file, medium),
    }
}

/// QEMU's user network: an address, and a boot file where one is offered.
pub(crate) fn user(boot_file: Option<&str>, target: Target) -> Network {
    let server = DhcpServer::new("user");
    let Some(file) = boot_file else { return Network::new(LanSpec::new().dhcp(server)) };
    let network = Network::new(LanSpec::new().dhcp(server.boot_file(file)));
    match target {
        Target::Efi(machine) if file.to_ascii_lowercase().ends_with(".efi") => {
            network.efi_program_for(machine, file, BOOT_SERVER)
        }
        target => own_program(network, target, file, BOOT_SERVER),
    }
}

impl GuestNetwork {
    /// The lan that it is for a guest whose programs are of this kind, with programs of our own for its boot files; `None` where the lan
    /// cannot do what it says.
    pub fn lan(&self, target: Target) -> Option<Network> {
        let mut network = Network::new(self.server.lan.clone().ok()?);
        let mut named = BTreeSet::new();
        let files = self.server.files.iter().filter(|file| named.insert(&file.name));
        for (number, file) in files.enumerate() {
            let medium = medium(number, &file.name);
            network = match (file.efi, file.processor) {
                // there is no program of ours for it, and a guest that is sent to it must not boot
                (_, Processor::Other) => network,
                (true, Processor::Aarch64) => network.efi_program_for(EfiMachine::Aa64, &file.name, &medium),
                (true, Processor::X86) => network.efi_program(&file.name, &medium),
                (_, Processor::Riscv64) => network.efi_program_for(EfiMachine::Riscv64, &file.name, &medium),
                (_, Processor::Loongarch64) => network.efi_program_for(EfiMachine::Loongarch64, &file.name, &medium),
                (_, Processor::S390x) => own_program(network, Target::S390x, &file.name, &medium),
                (_, Processor::Ppc64) => own_program(network, Target::Ppc64, &file.name, &medium),
                // whose it is nobody says: it is the guest's
                (false, _) if Processor::named(&file.name).is_none() && !is_bios_program(&file.name) => {
                    own_program(network, target, &file.name, &medium)
                }
                (false, _) => network.bios_program(&file.name, &medium),
            };
        }
        Some(network)
    }

    /// The architectures (option 93) whose answers are worth telling: those of x86 guests, and those that a rule names.
    pub fn architectures(&self) -> BTreeSet<u16> {
        fn named(when: &Match, all: &mut BTreeSet<u16>) {
            match when {
                Match::Arch(arch) => drop(all.insert(*arch)),
                Match::OptionBytes { code: option::CLIENT_ARCH, bytes, .. } => {
                    all.extend(<[u8; 2]>::try_from(bytes.as_slice()).map(u16::from_be_bytes));
                }
                Match::All(parts) | Match::AnyOf(parts) => parts.iter().for_each(|part| named(part, all)),
                Match::Not(part) => named(part, all),
                _ => {}
            }
        }
        let mut all = BTreeSet::from([0, 7, 16]);
        let servers = self.server.lan.iter().flat_map(|lan| &lan.dhcp);
        servers.flat_map(|server| &server.rules).for_each(|rule| named(&rule.when, &mut all));
        all
    }

    /// What a client of an architecture (option 93) is answered by the rules.
    pub fn offered(&self, architecture: u16) -> Option<BootAnswer> {
        self.offered_to(architecture, None)
    }

    /// The same for a program that was loaded before and asks again, which says so in option 77; iPXE in option 175, too.
    pub fn offered_to(&self, architecture: u16, user_class: Option<&str>) -> Option<BootAnswer> {
        let class = if arch::is_http(architecture) { "HTTPClient" } else { "PXEClient" };
        let mut client = arch::discover(class, architecture);
        if let Some(user_class) = user_class {
            client.options.push((option::USER_CLASS, user_class.as_bytes().to_vec()));
            client.options.extend((user_class == IPXE).then(|| (ENCAPSULATED_BY_IPXE, vec![1, 1, 1])));
        }
        let servers = &self.server.lan.as_ref().ok()?.dhcp;
        let mut rules = servers.iter().flat_map(|server| &server.rules);
        rules.find(|rule| rule.when.matches(&client)).map(|rule| rule.answer.clone())
    }

    /// The user classes (option 77) that rules name: programs that were loaded before and ask again.
    pub fn user_classes(&self) -> BTreeSet<String> {
        fn named(when: &Match, all: &mut BTreeSet<String>) {
            match when {
                Match::UserClassContains(text) => drop(all.insert(text.clone())),
                Match::OptionBytes { code: option::USER_CLASS, bytes, .. } => {
                    all.extend(String::from_utf8(bytes.clone()).ok());
                }
                Match::OptionBytes { code: ENCAPSULATED_BY_IPXE, .. } => drop(all.insert(IPXE.to_owned())),
                Match::All(parts) | Match::AnyOf(parts) => parts.iter().for_each(|part| named(part, all)),
                Match::Not(part) => named(part, all),
                _ => {}
            }
        }
        let mut all = BTreeSet::new();
        let servers = self.server.lan.iter().flat_map(|lan| &lan.dhcp);
        servers.flat_map(|server| &server.rules).for_each(|rule| named(&rule.when, &mut all));
        all
    }

    /// How long the bridge forwards nothing after a guest was plugged in, in seconds: listening, then learning (IEEE 802.1D).
    pub(crate) fn silent_seconds(&self) -> u32 {
        if self.server.bridge.stp { 2 * u32::from(self.server.bridge.forward_delay) } else { 0 }
    }
}

/// Whether a file is a BIOS program by its name, as boot servers name them.
pub(super) fn is_bios_program(file: &str) -> bool {
    [".0", ".kpxe", ".kkpxe", ".pxe", ".lkrn", ".bios"].iter().any(|end| file.to_ascii_lowercase().ends_with(end))
}

/// The name under which the program for a boot file reports.
fn medium(number: usize, file: &str) -> String {
    let plain = |letter: char| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '-' };
    let base: String = file.rsplit('/').next().unwrap_or_default().chars().map(plain).take(18).collect();
    format!("net{number}-{}", base.trim_matches('-')).trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::Program;
    use rstest::rstest;

    fn data(name: &str) -> GuestNetwork {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/libvirt").join(name);
        read(name, &std::fs::read_to_string(path).unwrap()).unwrap()
    }

    fn file(network: &GuestNetwork, architecture: u16) -> Option<String> {
        network.offered(architecture).and_then(|answer| file_of(answer, architecture))
    }

    #[rstest]
    #[case::isolated("<bridge name='b'/><ip address='10.9.0.1' netmask='255.255.255.0'/>")]
    #[case::without_addresses("<forward mode='nat'/><bridge name='b'/>")]
    #[case::routed("<forward mode='route'/><ip address='10.9.0.1' prefix='16'/>")]
    #[case::of_ipv6_alone(
        "<ip family='ipv6' address='fd00::1' prefix='64'><dhcp><range start='fd00::2' end='fd00::9'/></dhcp></ip>"
    )]
    fn nobody_answers_on_a_network_without_dhcp(#[case] inside: &str) {
        let network = read("n", &format!("<network><name>n</name>{inside}</network>")).unwrap();
        assert_eq!(network.answered, Answered::ByNobody { line: 1 });
        assert!(network.lan(Target::Efi(EfiMachine::X64)).unwrap().lan.dhcp.is_empty() && file(&network, 0).is_none());
        assert!(super::super::warnings::of_network(&network).is_empty());
    }

    #[test]
    fn a_range_that_libvirt_hands_on_to_dnsmasq_is_refused_and_not_taken_for_silence() {
        let option = "<dnsmasq:option value='dhcp-range=10.9.0.2,10.9.0.9'/>";
        let text = format!(
            "<network xmlns:dnsmasq='http://libvirt.org/schemas/network/dnsmasq/1.0'><name>n</name>\
             <ip address='10.9.0.1' netmask='255.255.255.0'/><dnsmasq:options>{option}</dnsmasq:options></network>"
        );
        let error = read("n", &text).unwrap_err();
        assert!(error.what.contains("gives no addresses"), "{error}");
    }

    #[rstest]
    #[case("bridge")]
    #[case("passthrough")]
    #[case("hostdev")]
    fn a_network_of_the_host_is_as_one_that_is_not_given(#[case] mode: &str) {
        let text = format!("<network><name>n</name>\n<forward mode='{mode}'/></network>");
        let network = read("n", &text).unwrap();
        assert_eq!(network.answered, Answered::ByOthers { line: 2, mode: mode.to_owned() });
        assert!(
            network.lan(Target::Efi(EfiMachine::X64)).is_none()
                && super::super::warnings::of_network(&network).is_empty()
        );
        assert!(of_server("n", &text).unwrap_err().what.contains("starts no DHCP server"));
    }

    #[test]
    fn of_two_protocols_that_of_ipv4_is_read() {
        let ip = "<ip family='ipv6' address='fd00::1' prefix='64'><dhcp/></ip><ip address='10.0.0.1' netmask='255.255.255.0'>\
                  <dhcp><range start='10.0.0.2' end='10.0.0.9'/><bootp file='a.0'/></dhcp></ip>";
        let network = read("n", &format!("<network><name>n</name>{ip}</network>")).unwrap();
        assert_eq!(file(&network, 0).as_deref(), Some("a.0"));
    }

    #[test]
    fn bridge_and_boot_file_are_read() {
        let network = data("n1.xml");
        assert_eq!((network.name.as_str(), network.silent_seconds(), network.bridge_line), ("pxe1", 30, 2));
        assert_eq!([0, 7, 16].map(|arch| file(&network, arch)), [(); 3].map(|()| Some("pxelinux.0".to_owned())));
        let media: Vec<String> =
            network.lan(Target::Efi(EfiMachine::X64)).unwrap().media().map(str::to_owned).collect();
        assert_eq!(media, ["net0-pxelinux-0"]);
    }

    #[rstest]
    #[case::whose_it_is_nobody_says("boot.img", Target::S390x, Program::Ipl)]
    #[case::of_bios("pxelinux.0", Target::S390x, Program::Bios)]
    #[case::of_another("s390x.img", Target::Ppc64, Program::Ipl)]
    #[case::of_riscv("bootriscv64.efi", Target::Efi(EfiMachine::X64), Program::for_efi(EfiMachine::Riscv64))]
    #[case::of_x86("boot.img", Target::Efi(EfiMachine::X64), Program::Bios)]
    fn a_boot_file_is_a_program_for_whom_its_name_says(
        #[case] file: &str,
        #[case] target: Target,
        #[case] wanted: Program,
    ) {
        let ip = format!(
            "<ip address='10.0.0.1' netmask='255.255.255.0'><dhcp><range start='10.0.0.2' end='10.0.0.9'/><bootp file='{file}'/></dhcp></ip>"
        );
        let network = read("n", &format!("<network><name>n</name>{ip}</network>")).unwrap().lan(target).unwrap();
        assert_eq!(network.served.iter().map(|served| served.program).collect::<Vec<_>>(), [wanted]);
    }

    #[test]
    fn an_architecture_that_a_rule_names_is_told_beside_those_of_x86() {
        let rule = "<dnsmasq:option value='dhcp-match=set:arm,option:client-arch,19'/>\
                    <dnsmasq:option value='dhcp-boot=tag:arm,http://192.168.122.1/arm.efi'/>";
        let xml = format!(
            "<network xmlns:dnsmasq='http://libvirt.org/schemas/network/dnsmasq/1.0'><ip address='192.168.122.1' netmask='255.255.255.0'>\
             <dhcp><range start='192.168.122.2' end='192.168.122.9'/></dhcp></ip><dnsmasq:options>{rule}</dnsmasq:options></network>"
        );
        let network = read("a.xml", &xml).unwrap();
        assert_eq!(network.architectures(), [0, 7, 16, 19].into());
        assert_eq!(data("n1.xml").architectures(), [0, 7, 16].into());
    }

    #[test]
    fn each_architecture_has_its_own_answer() {
        let network = data("n2.xml");
        assert_eq!(file(&network, 16).as_deref(), Some("http://192.168.122.1/bootx64.efi"));
        assert_eq!(network.offered(16).unwrap().vendor_class.as_deref(), Some("HTTPClient"));
        assert_eq!(file(&network, 7).as_deref(), Some("http://192.168.122.1/x.efi"));
    }

    #[rstest]
    #[case::no_network("<domain/>", "<domain> is no network")]
    #[case::an_unknown_element("<network><dhcp/></network>", "no <dhcp> in <network>")]
    #[case::a_delay_in_words("<network><bridge delay='long'/></network>", "delay='long'")]
    #[case::a_strange_switch("<network><bridge stp='perhaps'/></network>", "stp='perhaps'")]
    fn a_network_that_makes_no_sense_is_refused(#[case] xml: &str, #[case] wanted: &str) {
        let error = read("a.xml", xml).unwrap_err();
        assert!(error.to_string().contains(wanted), "{error}");
        assert_eq!(error.at.line, 1);
    }
}

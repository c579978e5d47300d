//! edk2 on RISC-V over a network: by an option that stands in the store, or by its own where no device has a bootindex.

use bootwright::case::Case;
use bootwright::lan::{AnswerAfter, BootAnswer, DhcpServer, Fault, LanSpec, Match};
use bootwright::machine::{BootVariables, DeviceName, Machine, Medium, Network, OptionTarget, VariableStore};
use bootwright::trace::Protocol;
use bootwright::verdict::behaviour::Behaviour;
use bootwright::verdict::{Cause, Expectation, Expected, OnLan, booted, failed, failed_entry, tftp, timed_out_entry};
use bootwright_images::EfiMachine;

use crate::networks::{BIOS_FILE, EFI_FILE, ON_RISCV, healthy_for};

const HTTP_URL: &str = "http://10.77.0.1/boot.efi";

/// The option's number, and what it is called.
const NUMBER: u16 = 0x80;
const PXE: &str = "PXEv4";
const HTTP: &str = "HTTPv4";

pub fn cases() -> Vec<Case> {
    let stored = [own_stack(), dead_network(), missing_file(), late_server(), http(), http_not_found()];
    let sources = [no_option_of_its_own(), no_random_source(), random_instruction()];
    let unlisted = [behind_a_disk(), disk_first()];
    let mut cases = stored.to_vec();
    cases.extend(sources);
    cases.extend(unlisted);
    cases.extend(by_architecture());
    cases.extend(isc_rules());
    cases
}

fn case(rest: &str) -> Case {
    Case::new(format!("riscv64::networks::{rest}"))
}

/// A NIC that comes first, by an option in the store, and a bootable disk behind it.
fn machine(network: Network, name: &str, target: OptionTarget) -> Machine {
    let boot = BootVariables::new().option(NUMBER, name, target).order(&[NUMBER]);
    ON_RISCV.machine(network).variable_store(VariableStore::holding(boot))
}

fn by_pxe(network: Network) -> Machine {
    machine(network, PXE, OptionTarget::pxe("nic0"))
}

fn by_http(network: Network) -> Machine {
    machine(network, HTTP, OptionTarget::http("nic0"))
}

fn without_file(machine: &Machine) -> Machine {
    machine.clone().with_network(0, |network| network.without_program(EFI_FILE))
}

/// The option fails for this, and the disk behind it runs.
fn next_runs(entry: Expected) -> Expectation {
    Expectation::attempts([entry, booted("next")])
}

/// The same machine without its option in the store does not ask the network.
fn own_stack() -> Case {
    let machine = by_pxe(healthy_for(ON_RISCV));
    case("pxe-by-a-stored-option").control(ON_RISCV.machine(healthy_for(ON_RISCV))).machine(machine).expect(
        Expectation::boots("served")
            .without_trying("next")
            .on_lan(OnLan::Arch(27))
            .on_lan(OnLan::VendorClass("PXEClient:Arch:00027".into()))
            .on_lan(OnLan::Fetched(EFI_FILE.into())),
    )
}

/// Nobody answers: the option is given up, then the disk runs.
fn dead_network() -> Case {
    let machine = by_pxe(healthy_for(ON_RISCV));
    let dead = machine.clone().with_network(0, |network| network.with_lan(|lan| lan.fault(Fault::dead_network())));
    let entry = timed_out_entry(PXE).because_of(Cause::NoOffer);
    case("pxe-dead-network").machine(dead).control(machine).expect(next_runs(entry))
}

fn missing_file() -> Case {
    let machine = by_pxe(healthy_for(ON_RISCV));
    let entry = failed_entry(PXE).because_of(tftp(EFI_FILE).not_found());
    case("pxe-file-that-is-not-there").machine(without_file(&machine)).control(machine).expect(next_runs(entry))
}

/// A server that answers the last of the four discovers; the control's is late for that one too.
fn late_server() -> Case {
    let after = |discovers| {
        let server = DhcpServer { answer_after: AnswerAfter::Discovers(discovers), ..to_program() };
        by_pxe(ON_RISCV.offers(LanSpec::new().dhcp(server), EFI_FILE, "served"))
    };
    case("pxe-server-misses-3-discovers")
        .machine(after(3))
        .expect(Expectation::boots("served").without_trying("next").on_lan(OnLan::Discovers(4, 4)))
        .control(after(4))
}

fn to_program() -> DhcpServer {
    DhcpServer::new("main").boot_file(EFI_FILE)
}

fn over_http(answer: BootAnswer) -> Network {
    ON_RISCV.offers(LanSpec::new().dhcp(DhcpServer::new("main").rule(Match::Any, answer)), EFI_FILE, "served")
}

/// An option for HTTP, and what comes of it with a build that has no such stack.
fn http() -> Case {
    let machine = by_http(over_http(BootAnswer::http(HTTP_URL)));
    let served = Expectation::boots("served")
        .without_trying("next")
        .on_lan(OnLan::Arch(28))
        .on_lan(OnLan::VendorClass("HTTPClient:Arch:00028".into()))
        .on_lan(OnLan::AskedBy(Protocol::Http, EFI_FILE.into()));
    // without the stack the network changes nothing, so that the control's disk is blank
    case("http-by-a-stored-option")
        .control(without_file(&machine).with_blank("next"))
        .machine(machine)
        .expect(next_runs(failed_entry(HTTP).because("Not Found")))
        .expect_where(Behaviour::BootsOverHttp, served)
}

/// The server has no such file.
fn http_not_found() -> Case {
    let missing = over_http(BootAnswer::http("http://10.77.0.1/missing.efi"));
    let not_found = bootwright::verdict::http("missing.efi").status(404);
    case("http-status-404")
        .machine(by_http(missing))
        .control(by_http(over_http(BootAnswer::http(HTTP_URL))).with_blank("next"))
        .expect(next_runs(failed_entry(HTTP).because("Not Found")))
        .expect_where(Behaviour::BootsOverHttp, next_runs(failed_entry(HTTP).because_of(not_found)))
}

/// Without an option in the store a NIC that comes first has none: who has a bootindex is connected before the network drivers are
/// loaded, and nobody else is (`ConnectDevicesFromQemu` of `OvmfPkg/Library/QemuBootOrderLib`).
fn no_option_of_its_own() -> Case {
    case("nic-has-no-option")
        .machine(ON_RISCV.machine(healthy_for(ON_RISCV)))
        .expect(Expectation::boots("next").without_trying("served"))
        .control_blank("next")
}

fn without_rng(machine: &Machine) -> Machine {
    let mut machine = machine.clone();
    machine.rng = false;
    machine
}

/// Where nothing brings random numbers the network drivers are not loaded (`[Depex]` of `NetworkPkg/Library/DxeNetLib`).
fn no_random_source() -> Case {
    let machine = by_pxe(healthy_for(ON_RISCV));
    let without = without_rng(&machine);
    let entry = failed_entry(PXE).because("Not Found");
    case("no-random-source")
        .machine(without)
        .control(machine)
        .expect(next_runs(entry).on_lan(OnLan::Silent(DeviceName::nic(0))))
}

/// A processor that has an instruction for random numbers (Zkr) is no source for this firmware.
fn random_instruction() -> Case {
    let machine = by_pxe(healthy_for(ON_RISCV));
    let by_processor = without_rng(&machine).cpu("rv64,zkr=true");
    let entry = failed_entry(PXE).because("Not Found");
    case("random-instruction-is-no-source").machine(by_processor).control(machine).expect(next_runs(entry))
}

/// No device has a bootindex, so that all are connected: the NIC has an option, behind the disk's.
fn unlisted(disk: Medium) -> Machine {
    let machine = Machine::new(ON_RISCV.firmware, ON_RISCV.board).virtio_blk(disk);
    machine.network(healthy_for(ON_RISCV)).nic("virtio-net-pci", Some(0)).rng()
}

fn behind_a_disk() -> Case {
    case("without-bootindex-behind-a-blank-disk")
        .machine(unlisted(Medium::blank("first")))
        .control(unlisted(Medium::bootable("first")))
        .expect(Expectation::attempts([failed("first"), booted("served")]).on_lan(OnLan::Arch(27)))
}

fn disk_first() -> Case {
    case("without-bootindex-the-disk-is-first")
        .machine(unlisted(Medium::bootable("first")))
        .control_blank("first")
        .expect(Expectation::boots("first").without_trying("served"))
}

/// The rules of one server for seven kinds of guest, those of riscv64 last: by dnsmasq's decimal numbers.
fn table(pxe: &str, http: &str) -> Network {
    let rule = |value: &str| Match::dnsmasq_client_arch(value);
    let server = DhcpServer::new("main")
        .rule(rule("0"), BootAnswer::file(BIOS_FILE))
        .rule(rule("7"), BootAnswer::file("x64.efi"))
        .rule(rule("16"), BootAnswer::http("http://10.77.0.1/x64.efi"))
        .rule(rule("11"), BootAnswer::file("aa64.efi"))
        .rule(rule("19"), BootAnswer::http("http://10.77.0.1/aa64.efi"))
        .rule(rule(pxe), BootAnswer::file("riscv64.efi"))
        .rule(rule(http), BootAnswer::http("http://10.77.0.1/riscv64-http.efi"));
    Network::new(LanSpec::new().dhcp(server))
        .bios_program(BIOS_FILE, "for-bios")
        .efi_program("x64.efi", "for-x64")
        .efi_program_for(EfiMachine::Aa64, "aa64.efi", "for-aarch64")
        .efi_program_for(EfiMachine::Riscv64, "riscv64.efi", "for-riscv64")
        .efi_program_for(EfiMachine::Riscv64, "riscv64-http.efi", "for-riscv64-http")
}

/// One configuration serves many kinds of guest, each with its own file. The controls have the two numbers the wrong way round.
fn by_architecture() -> Vec<Case> {
    let right = || table("27", "28");
    let case = |arch: u16| case(&format!("every-guest-arch-{arch}")).axis("arch", arch.to_string());
    let http = Expectation::boots("for-riscv64-http").on_lan(OnLan::Arch(28));
    vec![
        case(27)
            .machine(by_pxe(right()))
            .expect(Expectation::boots("for-riscv64").on_lan(OnLan::Arch(27)))
            .control(by_pxe(table("28", "27"))),
        case(28)
            .machine(by_http(right()))
            .expect(next_runs(failed_entry(HTTP).because("Not Found")))
            .expect_where(Behaviour::BootsOverHttp, http)
            .control(by_http(table("28", "27")).with_blank("next")),
    ]
}

/// ISC's rule is hexadecimal: 00:1b. With the decimal digits it is for somebody else.
fn isc_rules() -> Vec<Case> {
    let pxe = |value: &str| {
        let server = DhcpServer::new("main").rule(Match::isc_arch(value), BootAnswer::file(EFI_FILE));
        by_pxe(ON_RISCV.offers(LanSpec::new().dhcp(server), EFI_FILE, "served"))
    };
    let case = |name: &str| case(&format!("rule-isc-{name}")).axis("rule", name);
    let decimal = next_runs(timed_out_entry(PXE)).on_lan(OnLan::NoBootFile);
    vec![
        case("00-1b").machine(pxe("00:1b")).expect(Expectation::boots("served")).control(pxe("00:27")),
        case("00-27").machine(pxe("00:27")).expect(decimal).control(pxe("00:1b")),
    ]
}

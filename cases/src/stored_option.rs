//! Network boot by firmware that has no option for a NIC with a bootindex, edk2 on RISC-V and LoongArch: by an option that stands in the
//! store, or by its own where no device has a bootindex. Ids are `group::networks::story`.

pub mod ipv6;
pub mod tls;

use bootwright::case::Case;
use bootwright::lan::{AnswerAfter, BootAnswer, DhcpServer, Fault, LanSpec, Match};
use bootwright::machine::{BootVariables, DeviceName, Machine, Medium, Network, OptionTarget, VariableStore};
use bootwright::trace::Protocol;
use bootwright::verdict::behaviour::Behaviour;
use bootwright::verdict::{
    Cause, Expectation, Expected, OnLan, booted, failed, failed_entry, http, tftp, timed_out_entry,
};

use crate::networks::{EFI_FILE, Uefi, healthy_for, table, without_file};

const HTTP_URL: &str = "http://10.77.0.1/boot.efi";

/// The option's number, and what it is called.
const NUMBER: u16 = 0x80;
const PXE: &str = "PXEv4";
const HTTP: &str = "HTTPv4";
const PXE_IPV6: &str = "PXEv6";
const HTTP_IPV6: &str = "HTTPv6";

/// A guest on such firmware, and the group that its cases are in.
#[derive(Clone, Copy)]
pub struct Guest {
    /// What it starts with, and its numbers.
    pub uefi: Uefi,
    /// First part of the ids.
    pub group: &'static str,
    /// The two rules of ISC's server for PXE: the number as that counts, and the decimal digits.
    pub isc: [&'static str; 2],
}

fn without_rng(machine: &Machine) -> Machine {
    let mut machine = machine.clone();
    machine.rng = false;
    machine
}

/// The option fails for this, and the disk behind it runs.
fn next_runs(entry: Expected) -> Expectation {
    Expectation::attempts([entry, booted("next")])
}

fn to_program() -> DhcpServer {
    DhcpServer::new("main").boot_file(EFI_FILE)
}

impl Guest {
    /// Every case over IPv4 without TLS.
    pub fn cases(self) -> Vec<Case> {
        let stored = [self.own_stack(), self.dead_network(), self.missing_file(), self.late_server()];
        let over_http = [self.http(), self.http_not_found()];
        let own = [self.no_option_of_its_own(), self.no_random_source(), self.behind_a_disk(), self.disk_first()];
        let rules = self.by_architecture().into_iter().chain(self.isc_rules());
        stored.into_iter().chain(over_http).chain(own).chain(rules).collect()
    }

    #[track_caller]
    fn case(self, rest: &str) -> Case {
        Case::new(format!("{}::networks::{rest}", self.group))
    }

    /// A NIC that comes first, by an option in the store, and a bootable disk behind it.
    fn machine(self, network: Network, name: &str, target: OptionTarget) -> Machine {
        let boot = BootVariables::new().option(NUMBER, name, target).order(&[NUMBER]);
        self.uefi.machine(network).variable_store(VariableStore::holding(boot))
    }

    fn by_pxe(self, network: Network) -> Machine {
        self.machine(network, PXE, OptionTarget::pxe("nic0"))
    }

    fn by_http(self, network: Network) -> Machine {
        self.machine(network, HTTP, OptionTarget::http("nic0"))
    }

    /// One that boots by TFTP.
    pub fn healthy(self) -> Machine {
        self.by_pxe(healthy_for(self.uefi))
    }

    /// The same machine without its option in the store does not ask the network.
    fn own_stack(self) -> Case {
        let arch = self.uefi.pxe;
        self.case("pxe-by-a-stored-option")
            .machine(self.healthy())
            .control(self.uefi.machine(healthy_for(self.uefi)))
            .expect(
                Expectation::boots("served")
                    .without_trying("next")
                    .on_lan(OnLan::Arch(arch))
                    .on_lan(OnLan::VendorClass(format!("PXEClient:Arch:{arch:05}")))
                    .on_lan(OnLan::Fetched(EFI_FILE.into())),
            )
    }

    /// Nobody answers: the option is given up, then the disk runs.
    fn dead_network(self) -> Case {
        let machine = self.healthy();
        let dead = machine.clone().with_network(0, |network| network.with_lan(|lan| lan.fault(Fault::dead_network())));
        let entry = timed_out_entry(PXE).because_of(Cause::NoOffer);
        self.case("pxe-dead-network").machine(dead).control(machine).expect(next_runs(entry))
    }

    fn missing_file(self) -> Case {
        let machine = self.healthy();
        let entry = failed_entry(PXE).because_of(tftp(EFI_FILE).not_found());
        self.case("pxe-file-that-is-not-there")
            .machine(without_file(&machine))
            .control(machine)
            .expect(next_runs(entry))
    }

    /// A server that answers the last of the four discovers; the control's is late for that one too.
    fn late_server(self) -> Case {
        let after = |discovers| {
            let server = DhcpServer { answer_after: AnswerAfter::Discovers(discovers), ..to_program() };
            self.by_pxe(self.uefi.offers(LanSpec::new().dhcp(server), EFI_FILE, "served"))
        };
        self.case("pxe-server-misses-3-discovers")
            .machine(after(3))
            .expect(Expectation::boots("served").without_trying("next").on_lan(OnLan::Discovers(4, 4)))
            .control(after(4))
    }

    fn over_http(self, answer: BootAnswer) -> Network {
        let lan = LanSpec::new().dhcp(DhcpServer::new("main").rule(Match::Any, answer));
        self.uefi.offers(lan, EFI_FILE, "served")
    }

    /// An option for HTTP, and what comes of it with a build that has no such stack.
    fn http(self) -> Case {
        let machine = self.by_http(self.over_http(BootAnswer::http(HTTP_URL)));
        let arch = self.uefi.http;
        let served = Expectation::boots("served")
            .without_trying("next")
            .on_lan(OnLan::Arch(arch))
            .on_lan(OnLan::VendorClass(format!("HTTPClient:Arch:{arch:05}")))
            .on_lan(OnLan::AskedBy(Protocol::Http, EFI_FILE.into()));
        // without the stack the network changes nothing, so that the control's disk is blank
        self.case("http-by-a-stored-option")
            .control(without_file(&machine).with_blank("next"))
            .machine(machine)
            .expect(next_runs(failed_entry(HTTP).because("Not Found")))
            .expect_where(Behaviour::BootsOverHttp, served)
    }

    /// The server has no such file.
    fn http_not_found(self) -> Case {
        let missing = self.over_http(BootAnswer::http("http://10.77.0.1/missing.efi"));
        let not_found = http("missing.efi").status(404);
        self.case("http-status-404")
            .machine(self.by_http(missing))
            .control(self.by_http(self.over_http(BootAnswer::http(HTTP_URL))).with_blank("next"))
            .expect(next_runs(failed_entry(HTTP).because("Not Found")))
            .expect_where(Behaviour::BootsOverHttp, next_runs(failed_entry(HTTP).because_of(not_found)))
    }

    /// Without an option in the store a NIC that comes first has none: who has a bootindex is connected before the network drivers
    /// are loaded, and nobody else is (`ConnectDevicesFromQemu` of `OvmfPkg/Library/QemuBootOrderLib`).
    fn no_option_of_its_own(self) -> Case {
        self.case("nic-has-no-option")
            .machine(self.uefi.machine(healthy_for(self.uefi)))
            .expect(Expectation::boots("next").without_trying("served"))
            .control_blank("next")
    }

    /// Where nothing brings random numbers the network drivers are not loaded (`[Depex]` of `NetworkPkg/Library/DxeNetLib`).
    fn no_random_source(self) -> Case {
        let machine = self.healthy();
        let expectation = self.no_source().on_lan(OnLan::Silent(DeviceName::nic(0)));
        self.case("no-random-source").machine(without_rng(&machine)).control(machine).expect(expectation)
    }

    /// A processor that has an instruction for random numbers is no source for this firmware.
    pub fn random_instruction(self, cpu: &str) -> Case {
        let machine = self.healthy();
        let by_processor = without_rng(&machine).cpu(cpu);
        self.case("random-instruction-is-no-source").machine(by_processor).control(machine).expect(self.no_source())
    }

    fn no_source(self) -> Expectation {
        next_runs(failed_entry(PXE).because("Not Found"))
    }

    /// No device has a bootindex, so that all are connected: the NIC has an option, behind the disk's.
    fn unlisted(self, disk: Medium) -> Machine {
        let machine = Machine::new(self.uefi.firmware, self.uefi.board).virtio_blk(disk);
        machine.network(healthy_for(self.uefi)).nic("virtio-net-pci", Some(0)).rng()
    }

    fn behind_a_disk(self) -> Case {
        self.case("without-bootindex-behind-a-blank-disk")
            .machine(self.unlisted(Medium::blank("first")))
            .control(self.unlisted(Medium::bootable("first")))
            .expect(Expectation::attempts([failed("first"), booted("served")]).on_lan(OnLan::Arch(self.uefi.pxe)))
    }

    fn disk_first(self) -> Case {
        self.case("without-bootindex-the-disk-is-first")
            .machine(self.unlisted(Medium::bootable("first")))
            .control_blank("first")
            .expect(Expectation::boots("first").without_trying("served"))
    }

    /// One configuration serves many kinds of guest, each with its own file. The controls have the two numbers the wrong way round.
    fn by_architecture(self) -> [Case; 2] {
        let Uefi { pxe, http, .. } = self.uefi;
        let case = |arch: u16| self.case(&format!("every-guest-arch-{arch}")).axis("arch", arch.to_string());
        let over_http = Expectation::boots("for-it-http").on_lan(OnLan::Arch(http));
        [
            case(pxe)
                .machine(self.by_pxe(table([pxe, http], self.uefi.processor())))
                .expect(Expectation::boots("for-it").on_lan(OnLan::Arch(pxe)))
                .control(self.by_pxe(table([http, pxe], self.uefi.processor()))),
            case(http)
                .machine(self.by_http(table([pxe, http], self.uefi.processor())))
                .expect(next_runs(failed_entry(HTTP).because("Not Found")))
                .expect_where(Behaviour::BootsOverHttp, over_http)
                .control(self.by_http(table([http, pxe], self.uefi.processor())).with_blank("next")),
        ]
    }

    /// ISC's rule is hexadecimal. With the decimal digits it is for somebody else.
    fn isc_rules(self) -> [Case; 2] {
        let pxe = |value: &str| {
            let server = DhcpServer::new("main").rule(Match::isc_arch(value), BootAnswer::file(EFI_FILE));
            self.by_pxe(self.uefi.offers(LanSpec::new().dhcp(server), EFI_FILE, "served"))
        };
        let case = |rule: &str| {
            let name = rule.replace(':', "-");
            self.case(&format!("rule-isc-{name}")).axis("rule", name)
        };
        let [right, decimal] = self.isc;
        let unanswered = next_runs(timed_out_entry(PXE)).on_lan(OnLan::NoBootFile);
        [
            case(right).machine(pxe(right)).expect(Expectation::boots("served")).control(pxe(decimal)),
            case(decimal).machine(pxe(decimal)).expect(unanswered).control(pxe(right)),
        ]
    }
}

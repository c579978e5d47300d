//! Guests of 32 bits beside those of 64 on one network, and programs for the other width: what tells them apart is option 93, and what
//! keeps a wrong program out is the header of its file.

use bootwright::case::Case;
use bootwright::lan::{AnswerAfter, BootAnswer, DhcpServer, Fault, LanSpec, Match};
use bootwright::machine::{BootVariables, Machine, Medium, Network, OptionTarget, VariableStore};
use bootwright::trace::Protocol;
use bootwright::verdict::behaviour::Behaviour;
use bootwright::verdict::{
    Cause, Expectation, Expected, OnLan, booted, failed, failed_entry, http, tftp, timed_out_entry,
};
use bootwright_images::{BadLoader, EfiMachine};

use crate::networks::{EFI_FILE, Switched, Uefi, healthy_for, table, without_file};

const HTTP_URL: &str = "http://10.77.0.1/boot.efi";

/// Number of an option that stands in the store.
const NUMBER: u16 = 0x80;
const PXE: &str = "PXEv4";
const HTTP: &str = "HTTPv4";

/// A guest of 32 bits, the one of 64 whose processor has the same maker, and the group that its cases are in.
#[derive(Clone, Copy)]
pub struct Guest {
    /// What it starts with, and its numbers.
    pub uefi: Uefi,
    /// The same of 64 bits.
    pub wide: Uefi,
    /// First part of the ids.
    pub group: &'static str,
    /// Rules of ISC's server for PXE and for HTTP: each number as that counts, and one that is for somebody else.
    pub isc: [[&'static str; 2]; 2],
    /// Newer builds have no option of their own for a NIC with a bootindex, so that one stands in the store.
    pub stored: bool,
}

fn to_program() -> DhcpServer {
    DhcpServer::new("main").boot_file(EFI_FILE)
}

/// What is tried where each option of the NIC fails: PXE for this reason, then HTTP for that.
fn by_pxe_then_http(entry: &Expected, over_http: &Expected, ipv6: Switched) -> Vec<Expected> {
    let pxe = std::iter::once(entry.clone()).chain(ipv6.by_ipv6("PXEv6"));
    pxe.chain(by_http_alone(over_http, ipv6)).collect()
}

fn by_http_alone(entry: &Expected, ipv6: Switched) -> Vec<Expected> {
    std::iter::once(entry.clone()).chain(ipv6.by_ipv6("HTTPv6")).collect()
}

/// The first of two disks has a program for the other width: firmware says so and goes on.
fn program_of_other_width(guest: Uefi, id: &str, words: &str) -> Case {
    let machine = |first: Medium| {
        let machine = Machine::new(guest.firmware, guest.board).virtio_blk(first).bootindex(1);
        machine.virtio_blk(Medium::bootable("second")).bootindex(2)
    };
    Case::new(id)
        .axis("loader", BadLoader::OtherWidth.name())
        .machine(machine(Medium::with_bad_loader("first", BadLoader::OtherWidth)))
        .expect(Expectation::attempts([failed("first").because(words), booted("second")]))
        .control(machine(Medium::bootable("first")))
}

impl Guest {
    /// Every case.
    pub fn cases(self) -> Vec<Case> {
        let mut cases = vec![self.refused_from_a_disk(), self.refused_by_pxe(), self.refused_by_http()];
        cases.extend(self.by_architecture());
        cases.extend(self.isc_rules());
        cases
    }

    /// Those that firmware whose NIC has an option of its own has in other groups.
    pub fn by_stored_options(self) -> Vec<Case> {
        let over_pxe = [self.served_by_pxe(), self.missing_file(), self.dead_network(), self.late_server()];
        let over_http = [self.served_by_http(), self.not_found_by_http(), self.no_option_of_its_own()];
        over_pxe.into_iter().chain(over_http).collect()
    }

    /// Those of the guest of 64 bits.
    pub fn of_wide(self) -> [Case; 3] {
        [self.refused_by_wide_from_a_disk(), self.refused_by_wide_by_pxe(), self.wide_by_architecture()]
    }

    fn wide_case(self, rest: &str) -> Case {
        Case::new(format!("width::{}::{rest}", self.wide.id()))
    }

    #[track_caller]
    fn case(self, rest: &str) -> Case {
        Case::new(format!("{}::{rest}", self.group))
    }

    /// A NIC that comes first, and a bootable disk behind it.
    fn machine(self, network: Network, name: &str, target: OptionTarget) -> Machine {
        let machine = self.uefi.machine(network).without_ipv6();
        let boot = BootVariables::new().option(NUMBER, name, target).order(&[NUMBER]);
        if self.stored { machine.variable_store(VariableStore::holding(boot)) } else { machine }
    }

    fn pxe(self, network: Network) -> Machine {
        self.machine(network, PXE, OptionTarget::pxe("nic0"))
    }

    fn http(self, network: Network) -> Machine {
        self.machine(network, HTTP, OptionTarget::http("nic0")).without_pxe()
    }

    fn wide_by_pxe(self, network: Network) -> Machine {
        self.wide.machine(network).without_ipv6()
    }

    /// The case with what is right where this entry and all that the NIC has besides fail, and the disk runs.
    fn falls(self, case: Case, entry: &Expected, all: impl Fn(Switched) -> Vec<Expected>) -> Case {
        let then_next = |tried: Vec<Expected>| Expectation::attempts(tried.into_iter().chain([booted("next")]));
        if !self.stored {
            return self.uefi.switched_off(case, |ipv6| then_next(all(ipv6)));
        }
        let own_too = std::iter::once(entry.clone()).chain(all(Switched::Stays)).collect();
        case.expect(then_next(own_too))
            .expect_where(Behaviour::NetworkNeedsRandomInstruction, then_next(vec![entry.clone()]))
    }

    fn refused_from_a_disk(self) -> Case {
        let words = if self.uefi.processor() == EfiMachine::Ia32 { LOADED_AND_REFUSED } else { REFUSED };
        program_of_other_width(self.uefi, &format!("{}::bad_loader::other-width", self.group), words)
    }

    fn refused_by_wide_from_a_disk(self) -> Case {
        let id = format!("width::{}::bad-loader", self.wide.id());
        let words = if self.wide.processor() == EfiMachine::X64 { LOADED_AND_REFUSED } else { REFUSED };
        program_of_other_width(self.wide, &id, words)
    }

    /// A network whose server sends everybody the program of one width.
    fn same_for_all(answer: BootAnswer, program: EfiMachine) -> Network {
        let server = DhcpServer::new("main").rule(Match::Any, answer);
        Network::new(LanSpec::new().dhcp(server)).efi_program_for(program, EFI_FILE, "of-other-width")
    }

    /// The guest fetches the other width's program, refuses it and goes on.
    fn refused_by_pxe(self) -> Case {
        let network = Guest::same_for_all(BootAnswer::file(EFI_FILE), self.wide.processor());
        let case = self
            .case("pxe::program-of-other-width")
            .machine(self.pxe(network))
            .control(self.pxe(healthy_for(self.uefi)));
        let (entry, http) = (failed_entry(PXE).because("Unsupported"), not_taken());
        on_lan(self.falls(case, &entry, |ipv6| by_pxe_then_http(&entry, &http, ipv6)), &OnLan::Fetched(EFI_FILE.into()))
    }

    fn refused_by_wide_by_pxe(self) -> Case {
        let network = Guest::same_for_all(BootAnswer::file(EFI_FILE), self.uefi.processor());
        let (entry, http) = (failed_entry(PXE).because("Unsupported"), not_taken());
        let case = self
            .wide_case("pxe-program")
            .machine(self.wide_by_pxe(network))
            .control(self.wide_by_pxe(healthy_for(self.wide)));
        self.wide.switched_off(case, |ipv6| {
            let tried = by_pxe_then_http(&entry, &http, ipv6).into_iter().chain([booted("next")]);
            Expectation::attempts(tried).on_lan(OnLan::Fetched(EFI_FILE.into()))
        })
    }

    fn refused_by_http(self) -> Case {
        let network = |program| Guest::same_for_all(BootAnswer::http(HTTP_URL), program);
        let case = self
            .case("http::program-of-other-width")
            .machine(self.http(network(self.wide.processor())))
            .control(self.http(network(self.uefi.processor())));
        let entry = failed_entry(HTTP).because("Unsupported");
        on_lan(self.falls(case, &entry, |ipv6| by_http_alone(&entry, ipv6)), &OnLan::Fetched(EFI_FILE.into()))
    }

    /// One configuration serves both widths, each guest with its own file. The controls have the two numbers the wrong way round.
    fn by_architecture(self) -> [Case; 2] {
        let (own, swapped) = ([self.uefi.pxe, self.uefi.http], [self.uefi.http, self.uefi.pxe]);
        let case = |arch: u16| self.case(&format!("pxe::every-guest-arch-{arch}")).axis("arch", arch.to_string());
        let served = |medium: &str, arch| Expectation::boots(medium).on_lan(OnLan::Arch(arch));
        [
            case(own[0])
                .machine(self.pxe(table(own, self.uefi.processor())))
                .expect(served("for-it", own[0]))
                .control(self.pxe(table(swapped, self.uefi.processor()))),
            case(own[1])
                .machine(self.http(table(own, self.uefi.processor())))
                .expect(served("for-it-http", own[1]))
                .control(self.http(table(swapped, self.uefi.processor()))),
        ]
    }

    /// The guest of 64 bits on the same network. The control lacks its file.
    fn wide_by_architecture(self) -> Case {
        let (arch, own) = (self.wide.pxe, [self.uefi.pxe, self.uefi.http]);
        let (medium, file) = match self.wide.processor() {
            EfiMachine::X64 => ("for-x64", "x64.efi"),
            _ => ("for-aarch64", "aa64.efi"),
        };
        self.wide_case("every-guest")
            .axis("arch", arch.to_string())
            .machine(self.wide_by_pxe(table(own, self.uefi.processor())))
            .expect(Expectation::boots(medium).on_lan(OnLan::Arch(arch)))
            .control(self.wide_by_pxe(table(own, self.uefi.processor()).without_program(file)))
    }

    /// ISC's rule is hexadecimal.
    fn isc_rules(self) -> Vec<Case> {
        let by_pxe = |value: &str| {
            let server = DhcpServer::new("main").rule(Match::isc_arch(value), BootAnswer::file(EFI_FILE));
            self.pxe(self.uefi.offers(LanSpec::new().dhcp(server), EFI_FILE, "served"))
        };
        let by_http = |value: &str| {
            let server = DhcpServer::new("main").rule(Match::isc_arch(value), BootAnswer::http(HTTP_URL));
            self.http(self.uefi.offers(LanSpec::new().dhcp(server), EFI_FILE, "served"))
        };
        let case = |rule: &str, end: &str| {
            let name = format!("{}{end}", rule.replace(':', "-"));
            self.case(&format!("pxe::rule-isc-{name}")).axis("rule", name)
        };
        let served = |arch| Expectation::boots("served").on_lan(OnLan::Arch(arch));
        let [[right, wrong], [right_http, wrong_http]] = self.isc;
        let misled = case(wrong_http, "-for-http").machine(by_http(wrong_http)).control(by_http(right_http));
        vec![
            case(right, "").machine(by_pxe(right)).expect(served(self.uefi.pxe)).control(by_pxe(wrong)),
            case(right_http, "-for-http")
                .machine(by_http(right_http))
                .expect(served(self.uefi.http))
                .control(by_http(wrong_http)),
            on_lan(self.falls(misled, &not_taken(), |ipv6| by_http_alone(&not_taken(), ipv6)), &OnLan::NoBootFile),
        ]
    }

    /// The firmware's own stack.
    fn served_by_pxe(self) -> Case {
        let (machine, arch) = (self.pxe(healthy_for(self.uefi)), self.uefi.pxe);
        self.case("pxe::own-stack").control(without_file(&machine)).machine(machine).expect(
            Expectation::boots("served")
                .without_trying("next")
                .on_lan(OnLan::Arch(arch))
                .on_lan(OnLan::VendorClass(format!("PXEClient:Arch:{arch:05}")))
                .on_lan(OnLan::Fetched(EFI_FILE.into())),
        )
    }

    fn missing_file(self) -> Case {
        let machine = self.pxe(healthy_for(self.uefi));
        let entry = failed_entry(PXE).because_of(tftp(EFI_FILE).not_found());
        let case = self.case("pxe::file-that-is-not-there").machine(without_file(&machine)).control(machine);
        self.falls(case, &entry, |ipv6| by_pxe_then_http(&entry, &not_taken(), ipv6))
    }

    fn dead_network(self) -> Case {
        let machine = self.pxe(healthy_for(self.uefi));
        let dead = machine.clone().with_network(0, |network| network.with_lan(|lan| lan.fault(Fault::dead_network())));
        let unanswered = |option: &str| timed_out_entry(option).because_of(Cause::NoOffer);
        let case = self.case("pxe::dead-network").machine(dead).control(machine);
        self.falls(case, &unanswered(PXE), |ipv6| by_pxe_then_http(&unanswered(PXE), &unanswered(HTTP), ipv6))
    }

    /// A server that answers the last of the four discovers; the control's is late for that one too.
    fn late_server(self) -> Case {
        let after = |discovers| {
            let server = DhcpServer { answer_after: AnswerAfter::Discovers(discovers), ..to_program() };
            self.pxe(self.uefi.offers(LanSpec::new().dhcp(server), EFI_FILE, "served"))
        };
        self.case("pxe::server-misses-3-discovers")
            .machine(after(3))
            .expect(Expectation::boots("served").without_trying("next").on_lan(OnLan::Discovers(4, 4)))
            .control(after(4))
    }

    fn over_http(self, url: &str) -> Machine {
        let lan = LanSpec::new().dhcp(DhcpServer::new("main").rule(Match::Any, BootAnswer::http(url)));
        self.http(self.uefi.offers(lan, EFI_FILE, "served"))
    }

    fn served_by_http(self) -> Case {
        let (machine, arch) = (self.over_http(HTTP_URL), self.uefi.http);
        self.case("http::plain").control(without_file(&machine)).machine(machine).expect(
            Expectation::boots("served")
                .without_trying("next")
                .on_lan(OnLan::Arch(arch))
                .on_lan(OnLan::VendorClass(format!("HTTPClient:Arch:{arch:05}")))
                .on_lan(OnLan::AskedBy(Protocol::Http, EFI_FILE.into())),
        )
    }

    fn not_found_by_http(self) -> Case {
        let entry = failed_entry(HTTP).because_of(http("missing.efi").status(404));
        let case = self
            .case("http::status-404")
            .machine(self.over_http("http://10.77.0.1/missing.efi"))
            .control(self.over_http(HTTP_URL));
        self.falls(case, &entry, |ipv6| by_http_alone(&entry, ipv6))
    }

    /// Without an option in the store: newer builds connect what brings random numbers after they have looked for options, and no
    /// processor of 32 bits has an instruction for them.
    fn no_option_of_its_own(self) -> Case {
        let machine = self.uefi.machine(healthy_for(self.uefi)).without_ipv6();
        self.case("pxe::nic-has-no-option")
            .control(without_file(&machine).with_blank("next"))
            .machine(machine)
            .expect(Expectation::boots("served").without_trying("next"))
            .expect_where(Behaviour::NetworkNeedsRandomInstruction, Expectation::boots("next").without_trying("served"))
    }
}

/// An HTTP client's entry where the server's offers are for PXE clients.
fn not_taken() -> Expected {
    timed_out_entry(HTTP).because_of(Cause::OfferNotTaken)
}

/// The case with a demand on the exchange in everything that it may expect.
fn on_lan(mut case: Case, wanted: &OnLan) -> Case {
    case.expectation.network.push(wanted.clone());
    case.otherwise.iter_mut().for_each(|(_, expectation)| expectation.network.push(wanted.clone()));
    case
}

/// What edk2 says of a program that it does not load at all, and of one for the other width of x86: that is loaded and cannot be started
/// (`EFI_IMAGE_MACHINE_CROSS_TYPE_SUPPORTED` in `MdePkg/Include/Uefi/UefiBaseType.h`, `CoreStartImage` in
/// `MdeModulePkg/Core/Dxe/Image/Image.c`).
const REFUSED: &str = "failed to load (Unsupported)";
const LOADED_AND_REFUSED: &str = "failed to start (Unsupported)";

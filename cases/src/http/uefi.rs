//! UEFI HTTP boot by OVMF's own stack: plain, redirected, over TLS, and what it refuses.

use std::net::Ipv4Addr;

use bootwright::case::Case;
use bootwright::lan::Direction::{FromGuest, ToGuest};
use bootwright::lan::faults::{Action, Fault, FrameMatch};
use bootwright::lan::routes::{Answer, BodyFault, Head, Http, Length, Resource};
use bootwright::lan::wire::summary::Message;
use bootwright::lan::{BootAnswer, DhcpServer, Dhcpv6Server, Ipv6, LanSpec, Match};
use bootwright::machine::{Board, Clock, Machine, Network};
use bootwright::trace::{Outcome, Protocol};
use bootwright::verdict::{Cause, Expectation, Expected, OnLan, Transfer, booted, failed_entry, http, timed_out_entry};

use crate::networks::{EFI_FILE, Switched, Uefi, on_x86, without_file};

const URL: &str = "http://10.77.0.1/boot.efi";

pub fn cases() -> Vec<Case> {
    let (pc, q35) = (on_x86(Board::Pc), on_x86(Board::Q35));
    let mut cases = vec![plain(pc), plain(q35)];
    cases.extend(but_plain(pc));
    cases.push(head_refused(pc));
    cases.push(dns_answer_lost(pc));
    cases.extend(by_url(pc));
    cases.extend(noise(pc));
    cases
}

/// All of them for one guest.
pub fn on(guest: Uefi) -> Vec<Case> {
    std::iter::once(plain(guest)).chain(but_plain(guest)).collect()
}

fn but_plain(guest: Uefi) -> Vec<Case> {
    let mut cases = vec![ipv6(guest), redirect(guest), chunked(guest)];
    cases.extend([without_http_client(guest), not_found(guest), tls(guest), wrong_authority(guest)]);
    cases.extend(breaks(guest));
    cases
}

/// A server by its name, at another port, and one that answers one query alone: whoever asks otherwise gets nothing.
fn by_url(guest: Uefi) -> [Case; 3] {
    let program = || Answer::Resource(Resource::new(Vec::new()).content_type("application/efi"));
    let at = |ports: &[u16]| Http { ports: ports.to_vec(), ..Http::default() }.route("/boot.efi", program());
    let table = [
        ("server-by-name", "http://boot.test/boot.efi", at(&[80]).at_host("boot.test")),
        ("another-port", "http://10.77.0.1:8080/boot.efi", at(&[8080])),
        ("url-with-query", "http://10.77.0.1/boot.efi?mac=52-54", at(&[80]).with_query("mac=52-54")),
    ];
    table.map(|(name, url, http)| {
        let network = network(guest, BootAnswer::http(url));
        let http = http.route("/boot.efi", Answer::Status(404));
        served(guest, name, machine(guest, network.with_lan(|lan| named(lan).http(http))))
    })
}

/// Why what edk2 hangs at is in the full suite only.
const HANGS: &str = "edk2 hangs there (docs/firmware-behaviour.md), which takes a minute to tell";

/// The first answer of the name server is lost: edk2 sends HEAD no more, since the name has cost it its patience.
fn dns_answer_lost(guest: Uefi) -> Case {
    let fault = Fault::new("noise", FrameMatch::udp_port(53).going(ToGuest), Action::Drop).times(1);
    let network = network(guest, BootAnswer::http("http://boot.test/boot.efi"));
    served(guest, "dns-answer-lost", machine(guest, network.with_lan(|lan| named(lan).fault(fault)))).long(HANGS)
}

/// A server that does not answer HEAD, by which edk2 asks for the length first: it fetches the file all the same (`HttpBootGetBootFile` of
/// `NetworkPkg/HttpBootDxe/HttpBootClient.c`).
fn head_refused(guest: Uefi) -> Case {
    let resource = Resource::new(Vec::new()).content_type("application/efi").head(Head::Status(405));
    let network = network(guest, BootAnswer::http(URL))
        .with_lan(|lan| lan.http(Http::default().route("/boot.efi", Answer::Resource(resource))));
    served(guest, "head-refused", machine(guest, network)).long(HANGS)
}

fn named(lan: LanSpec) -> LanSpec {
    lan.name("boot.test", Ipv4Addr::new(10, 77, 0, 1))
}

fn served(guest: Uefi, name: &str, machine: Machine) -> Case {
    let expectation = Expectation::boots("served").without_trying("next");
    case(guest, name).control(without_file(&machine)).machine(machine).expect(expectation)
}

/// Frames that are lost once, come twice, late, damaged or in part: each side says again what the other has not got, and takes nothing
/// twice (RFC 9293 section 3.8.1, edk2's `NetworkPkg/TcpDxe`, `DnsDxe` and `ArpDxe`).
fn noise(guest: Uefi) -> Vec<Case> {
    let segment = |direction, least| FrameMatch { min_payload: least, ..FrameMatch::tcp_port(80).going(direction) };
    let answer = || segment(ToGuest, 1000);
    let once = |when: FrameMatch, action| Fault::new("noise", when, action).times(1);
    let lost = |when: FrameMatch| once(when, Action::Drop);
    let table = [
        ("syn-lost", lost(FrameMatch::message(Message::TcpSyn).going(FromGuest))),
        ("request-lost", lost(segment(FromGuest, 1))),
        ("answer-lost", lost(answer())),
        ("answer-behind-the-next-frame", once(answer(), Action::Behind { frames: 1 })),
        ("answer-damaged", once(answer(), Action::FlipBit { offset: 1000, bit: 5 })),
        ("answer-behind-its-first-half", once(answer(), Action::HalfBefore)),
        ("first-arp-reply-lost", lost(FrameMatch::message(Message::ArpReply))),
        ("every-frame-twice", Fault::new("noise", FrameMatch::to_guest(), Action::Duplicate { copies: 1 })),
    ];
    let case = |(name, fault): (&str, Fault)| {
        let network = network(guest, BootAnswer::http("http://boot.test/boot.efi"));
        let machine = machine(guest, network.with_lan(|lan| named(lan).fault(fault)));
        let case = served(guest, name, machine);
        let expectation = case.expectation.clone().on_lan(OnLan::Struck("noise".into()));
        case.expect(expectation)
    };
    table.into_iter().map(case).collect()
}

/// Servers that break off, go silent or tell a wrong length: OVMF gives up and the disk runs.
fn breaks(guest: Uefi) -> Vec<Case> {
    let sent = |change: &dyn Fn(Resource) -> Resource| {
        let resource = change(Resource::new(Vec::new()).content_type("application/efi"));
        Answer::Resource(resource)
    };
    let file = || http(EFI_FILE);
    let table = [
        ("status-500", Answer::Status(500), file().status(500)),
        ("reset", Answer::Reset, file().unanswered()),
        ("silence", Answer::Silence, file().unanswered()),
        ("reset-in-the-body", sent(&|resource| resource.fault(BodyFault::ResetAfter(600))), file()),
        ("length-too-large", sent(&|resource| resource.length(Length::Claimed(90_000))), file()),
    ];
    let case = |(name, answer, cause): (&str, Answer, Transfer)| {
        let network =
            network(guest, BootAnswer::http(URL)).with_lan(|lan| lan.http(Http::default().route("/boot.efi", answer)));
        falls(guest, name, network, failed_entry("HTTPv4").because_of(cause), OnLan::Asked(EFI_FILE.into()))
    };
    table.into_iter().map(case).chain([stall(guest)]).collect()
}

/// After 600 bytes nothing more comes.
fn stall(guest: Uefi) -> Case {
    let resource = Resource::new(Vec::new()).content_type("application/efi").fault(BodyFault::StallAfter(600));
    let network = network(guest, BootAnswer::http(URL))
        .with_lan(|lan| lan.http(Http::default().route("/boot.efi", Answer::Resource(resource))));
    let entry = Expected { outcome: Outcome::TimedOut, ..failed_entry("HTTPv4").because_of(http(EFI_FILE).stalled()) };
    falls(guest, "stall-in-the-body", network, entry, OnLan::Asked(EFI_FILE.into()))
}

#[track_caller]
fn case(guest: Uefi, rest: &str) -> Case {
    Case::new(format!("http::{}::{rest}", guest.id()))
}

fn network(guest: Uefi, answer: BootAnswer) -> Network {
    let lan = LanSpec::new().dhcp(DhcpServer::new("main").rule(Match::Any, answer));
    guest.offers(lan, EFI_FILE, "served")
}

fn machine(guest: Uefi, network: Network) -> Machine {
    guest.machine(network).without_pxe().without_ipv6()
}

/// Option 93 = 16, a URL with HTTPClient in the reply, GET, the program runs.
fn plain(guest: Uefi) -> Case {
    let machine = machine(guest, network(guest, BootAnswer::http(URL)));
    let expectation = Expectation::boots("served")
        .without_trying("next")
        .on_lan(OnLan::Arch(guest.http))
        .on_lan(OnLan::VendorClass(format!("HTTPClient:Arch:{:05}", guest.http)))
        .on_lan(OnLan::AskedBy(Protocol::Http, EFI_FILE.into()));
    case(guest, "plain").control(without_file(&machine)).machine(machine).expect(expectation)
}

/// The boot file URL comes by DHCPv6.
fn ipv6(guest: Uefi) -> Case {
    let server = Dhcpv6Server::new("six").http_url(guest.http, "http://[fd77::1]/boot.efi");
    let network = guest.offers(LanSpec::new().ipv6(Ipv6::with_dhcp(server)), EFI_FILE, "served");
    let machine = guest.machine(network).without_pxe().fw_cfg("opt/org.tianocore/IPv4Support", "n");
    let expectation = |ipv4: Switched| {
        let by_ipv4 = (ipv4 == Switched::Stays).then(|| timed_out_entry("HTTPv4").because_of(Cause::NoOffer));
        let attempts = by_ipv4.into_iter().chain([booted("served")]);
        Expectation::attempts(attempts).on_lan(OnLan::AcknowledgedBy("six".into()))
    };
    guest.switched_off(case(guest, "ipv6").control(without_file(&machine)).machine(machine), expectation)
}

fn redirect(guest: Uefi) -> Case {
    let old = "http://10.77.0.1/old.efi";
    let answer = Answer::Redirect { status: 302, location: URL.to_owned() };
    let network =
        network(guest, BootAnswer::http(old)).with_lan(|lan| lan.http(Http::default().route("/old.efi", answer)));
    falls(
        guest,
        "redirect-is-not-followed",
        network,
        failed_entry("HTTPv4").because_of(http("old.efi").status(302)),
        OnLan::NeverAsked(EFI_FILE.into()),
    )
}

fn chunked(guest: Uefi) -> Case {
    let resource = Resource::new(Vec::new()).chunked().content_type("application/efi");
    let network = network(guest, BootAnswer::http(URL))
        .with_lan(|lan| lan.http(Http::default().route("/boot.efi", Answer::Resource(resource))));
    let machine = machine(guest, network);
    case(guest, "chunked").control(without_file(&machine)).machine(machine).expect(Expectation::boots("served"))
}

/// A reply whose option 60 is not HTTPClient is not for an HTTP client, whatever else it says.
fn without_http_client(guest: Uefi) -> Case {
    let unmarked = BootAnswer::http(URL).vendor_class(None);
    let entry = Expected { outcome: Outcome::TimedOut, ..failed_entry("HTTPv4").because_of(Cause::OfferNotTaken) };
    falls(guest, "reply-without-http-client", network(guest, unmarked), entry, OnLan::NeverAsked(EFI_FILE.into()))
}

fn not_found(guest: Uefi) -> Case {
    let network = network(guest, BootAnswer::http("http://10.77.0.1/missing.efi"));
    let entry = failed_entry("HTTPv4").because_of(http("missing.efi").status(404));
    falls(guest, "status-404", network, entry, OnLan::Asked("missing.efi".into()))
}

fn falls(guest: Uefi, name: &str, network_: Network, entry: Expected, on_lan: OnLan) -> Case {
    let case = case(guest, name)
        .machine(machine(guest, network_))
        .control(machine(guest, network(guest, BootAnswer::http(URL))));
    guest.switched_off(case, |ipv6| next_runs(ipv6, &entry).on_lan(on_lan.clone()))
}

/// The disk behind the NIC, once all of its options have failed.
pub fn next_runs(ipv6: Switched, entry: &Expected) -> Expectation {
    Expectation::attempts(std::iter::once(entry.clone()).chain(ipv6.by_ipv6("HTTPv6")).chain([booted("next")]))
}

/// The guest's arithmetic takes half a thousand million instructions: at 512 ns each, as other cases have them, OVMF's own
/// patience is over before its handshake is.
fn https(guest: Uefi, trusted: bool) -> Machine {
    let network = network(guest, BootAnswer::http("https://10.77.0.1/boot.efi")).https(&["10.77.0.1"], trusted);
    machine(guest, network).with_clock(Clock::Virtual { shift: 5 })
}

/// HTTPS with the authority that the firmware was given.
fn tls(guest: Uefi) -> Case {
    let expectation = Expectation::boots("served").on_lan(OnLan::AskedBy(Protocol::Https, EFI_FILE.into()));
    case(guest, "https").machine(https(guest, true)).expect(expectation).control(https(guest, false))
}

/// HTTPS with another authority: the firmware refuses the server's certificate.
fn wrong_authority(guest: Uefi) -> Case {
    let entry = Expected { outcome: Outcome::Refused, ..failed_entry("HTTPv4").because_of(Cause::TlsRefused) };
    let case = case(guest, "https-wrong-authority").machine(https(guest, false)).control(https(guest, true));
    guest.switched_off(case, |ipv6| next_runs(ipv6, &entry).on_lan(OnLan::TlsRefused))
}

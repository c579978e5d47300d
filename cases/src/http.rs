//! Network boot by HTTP: a URL as boot file for iPXE, UEFI HTTP boot, and servers that break the rules.

pub mod uefi;

use bootwright::case::Case;
use bootwright::lan::Direction::{FromGuest, ToGuest};
use bootwright::lan::faults::{Action, Fault, FrameMatch};
use bootwright::lan::routes::{Answer, BodyFault, Head, Http, Length, Resource};
use bootwright::lan::wire::summary::Message;
use bootwright::lan::{BootAnswer, LanSpec};
use bootwright::machine::{Board, Network, NicModel};
use bootwright::trace::Protocol;
use bootwright::verdict::{Cause, Expectation, OnLan, http};

use crate::networks::{BIOS_FILE, Story, answering, falls, network, nic_then_disk, serves};

const URL: &str = "http://10.77.0.1/boot.0";

/// All cases of this group.
pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for board in [Board::Pc, Board::Q35] {
        cases.extend(NicModel::one_for_each_rom().into_iter().map(|model| by_model(board, model)));
    }
    let stories = works().into_iter().chain(noise()).chain(scripts()).chain(breaks());
    cases.extend(stories.map(|story| story.case("http", Board::Pc)));
    cases.extend(uefi::cases());
    cases
}

fn by_url(url: &str) -> Network {
    network(answering(BootAnswer::file(url)))
}

/// Every NIC with a ROM fetches a URL that DHCP gives it as boot file.
fn by_model(board: Board, model: NicModel) -> Case {
    let machine = nic_then_disk(board, &model, by_url(URL));
    let control = machine.clone().with_network(0, |network| network.without_program(BIOS_FILE));
    Case::new(format!("http::seabios::{}::model-{model}", board.name()))
        .axis("nic", model.name())
        .axis("by", "http")
        .machine(machine)
        .expect(
            Expectation::boots("served")
                .without_trying("next")
                .on_lan(OnLan::AskedBy(Protocol::Http, BIOS_FILE.into()))
                .on_lan(OnLan::Fetched(BIOS_FILE.into())),
        )
        .control(control)
}

fn routed(path: &str, answer: Answer) -> Network {
    by_url(&format!("http://10.77.0.1{path}")).with_lan(|lan| lan.http(Http::default().route(path, answer)))
}

/// The program with its own route, so that the way in which it is sent can be chosen.
fn sent(change: impl FnOnce(Resource) -> Resource) -> Network {
    routed("/boot.0", Answer::Resource(change(Resource::new(Vec::new()))))
}

fn to(location: &str, status: u16) -> Answer {
    Answer::Redirect { status, location: location.to_owned() }
}

fn works() -> Vec<Story> {
    let http = |ports: &[u16]| Http { ports: ports.to_vec(), ..Http::default() };
    let program = || Answer::Resource(Resource::new(Vec::new()));
    // whoever asks otherwise gets nothing
    let alone = |http: Http| http.route("/boot.0", Answer::Status(404));
    let to_host = |ports, host| alone(http(ports).route("/boot.0", program()).at_host(host));
    let with_query = alone(http(&[80]).route("/boot.0", program()).with_query("mac=52-54-00-12-34-10"));
    vec![
        serves("server-by-name", named().with_lan(|lan| lan.http(to_host(&[80], "boot.test")))),
        serves(
            "another-port",
            by_url("http://10.77.0.1:8080/boot.0").with_lan(|lan| lan.http(to_host(&[8080], "10.77.0.1:8080"))),
        ),
        serves(
            "url-with-query",
            by_url("http://10.77.0.1/boot.0?mac=52-54-00-12-34-10").with_lan(|lan| lan.http(with_query)),
        ),
        serves("redirect-301", routed("/old.0", to(URL, 301))).on_lan(OnLan::Asked("old.0".into())),
        serves("redirect-302", routed("/old.0", to(URL, 302))).on_lan(OnLan::Asked("old.0".into())),
        serves("redirect-307-relative", routed("/old.0", to("/boot.0", 307))).on_lan(OnLan::Asked("old.0".into())),
        serves("chunked", sent(Resource::chunked)),
        serves("length-until-close", sent(|resource| resource.length(Length::UntilClose))),
        serves("head-refused", sent(|resource| resource.head(Head::Status(405)))),
        serves("of-30000-bytes", by_url(URL).of_length(30_000)).on_lan(OnLan::Fetched(BIOS_FILE.into())),
    ]
}

/// A URL with a name that DNS knows.
fn named() -> Network {
    by_url("http://boot.test/boot.0").with_lan(|lan| lan.name("boot.test", std::net::Ipv4Addr::new(10, 77, 0, 1)))
}

/// Frames that are lost once, come twice, late, damaged or in part: each side says again what the other has not got (RFC 9293 section 3.8.1).
///
/// None loses the answer to a SYN: the server says it again by the host's clock, and the guest's has run out by then.
fn noise() -> Vec<Story> {
    let faulty = |network: Network, when: FrameMatch, action| {
        network.with_lan(|lan| lan.fault(Fault::new("noise", when, action).times(1)))
    };
    let segment = |direction, least| FrameMatch { min_payload: least, ..FrameMatch::tcp_port(80).going(direction) };
    let long = || by_url(URL).of_length(30_000);
    let stories = [
        serves("dns-answer-lost", faulty(named(), FrameMatch::udp_port(53).going(ToGuest), Action::Drop)),
        serves("syn-lost", faulty(by_url(URL), FrameMatch::message(Message::TcpSyn).going(FromGuest), Action::Drop)),
        serves("request-lost", faulty(by_url(URL), segment(FromGuest, 1), Action::Drop)),
        serves("answer-lost", faulty(long(), segment(ToGuest, 1000), Action::Drop)),
        serves("answer-behind-the-next-frame", faulty(long(), segment(ToGuest, 1000), Action::Behind { frames: 1 })),
        serves("answer-damaged", faulty(long(), segment(ToGuest, 1000), Action::FlipBit { offset: 1000, bit: 5 })),
        serves("answer-behind-its-first-half", faulty(long(), segment(ToGuest, 1000), Action::HalfBefore)),
        serves(
            "every-frame-twice",
            long().with_lan(|lan| {
                lan.fault(Fault::new("noise", FrameMatch::to_guest(), Action::Duplicate { copies: 1 }))
            }),
        ),
    ];
    stories.map(|story| story.on_lan(OnLan::Struck("noise".into()))).into_iter().collect()
}

/// iPXE scripts as boot file.
fn scripts() -> Vec<Story> {
    let script = |text: &str| {
        let text = format!("#!ipxe\n{text}\n").into_bytes();
        by_url("http://10.77.0.1/boot.ipxe").with_lan(|lan| lan.file("boot.ipxe", text))
    };
    let asked = || OnLan::Asked("boot.ipxe".into());
    let with_second = |network: Network| {
        network.with_lan(|lan: LanSpec| lan.file("second.ipxe", b"#!ipxe\nchain tftp://10.77.0.1/boot.0\n".to_vec()))
    };
    vec![
        serves("script-chains-http", script(&format!("chain {URL}"))).on_lan(asked()),
        serves("script-chains-tftp", script("chain tftp://10.77.0.1/boot.0"))
            .on_lan(asked())
            .on_lan(OnLan::AskedBy(Protocol::Tftp, BIOS_FILE.into())),
        serves("script-chains-script", with_second(script("chain second.ipxe")))
            .on_lan(OnLan::Asked("second.ipxe".into()))
            .on_lan(OnLan::AskedBy(Protocol::Tftp, BIOS_FILE.into())),
        serves("script-tries-again", script(&format!("chain http://10.77.0.1/missing || chain {URL}")))
            .on_lan(OnLan::Asked("missing".into())),
        falls("script-exits", script("exit 1"), http("boot.ipxe").whole()).on_lan(OnLan::NeverAsked(BIOS_FILE.into())),
        falls("script-that-is-none", script("nonsense"), http("boot.ipxe").whole())
            .on_lan(OnLan::NeverAsked(BIOS_FILE.into())),
    ]
}

fn breaks() -> Vec<Story> {
    let status = |status| routed("/boot.0", Answer::Status(status));
    let nowhere = "http://nowhere.test/boot.0";
    vec![
        falls("status-404", status(404), http(BIOS_FILE).status(404)),
        falls("status-403", status(403), http(BIOS_FILE).status(403)),
        falls("status-500", status(500), http(BIOS_FILE).status(500)),
        falls("missing-file", by_url("http://10.77.0.1/missing.0"), http("missing.0").status(404)),
        falls("reset", routed("/boot.0", Answer::Reset), http(BIOS_FILE).unanswered()),
        falls(
            "reset-in-the-body",
            sent(|resource| resource.fault(BodyFault::ResetAfter(600))),
            http(BIOS_FILE).fault(BodyFault::ResetAfter(600)),
        ),
        falls(
            "close-in-the-body",
            sent(|resource| resource.fault(BodyFault::CloseAfter(600))),
            http(BIOS_FILE).fault(BodyFault::CloseAfter(600)),
        ),
        falls("length-too-large", sent(|resource| resource.length(Length::Claimed(9000))), http(BIOS_FILE).whole()),
        falls(
            "no-server",
            by_url(URL).with_lan(|lan| lan.http(Http { ports: vec![], ..Http::default() })),
            Cause::NeverAskedFor(URL.to_owned()),
        ),
        falls("name-that-nobody-knows", by_url(nowhere), Cause::NeverAskedFor(nowhere.to_owned())),
    ]
}

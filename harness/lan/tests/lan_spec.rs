//! A spec written as data reads back as an equal value, and what is no spec is refused with a reason.

#![expect(clippy::unwrap_used, reason = "a test that fails here has failed")]

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use bootwright_lan::faults::{Action, FrameMatch, UdpChecksum, Until};
use bootwright_lan::routes::{Answer, BodyFault, Head, Http, Length, Resource};
use bootwright_lan::tls::Identity;
use bootwright_lan::wire::MacAddr;
use bootwright_lan::wire::summary::Message;
use bootwright_lan::wire::{dhcpv4, dhcpv6, tftp};
use bootwright_lan::{
    AnswerAfter, BootAnswer, Compare, DhcpServer, Dhcpv6Server, Direction, Fault, Ipv6, LanSpec, Malformed, Match,
    Overload, Prefix, RouterAdvertisement, Tftp, TftpFault, TftpFaultKind,
};
use rstest::rstest;

#[track_caller]
fn reads_back(spec: &LanSpec) -> String {
    let json = serde_json::to_string_pretty(spec).unwrap();
    assert_eq!(&serde_json::from_str::<LanSpec>(&json).unwrap(), spec, "{json}");
    json
}

fn every_match() -> Match {
    Match::AnyOf(vec![
        Match::Any,
        Match::Arch(7),
        Match::VendorClassPrefix("PXEClient".into()),
        Match::VendorClassContains("HTTP".into()),
        Match::UserClassContains("iPXE".into()),
        Match::Uuid([9; 16]),
        Match::Mac(MacAddr([0x52, 0x54, 0, 0xab, 0, 1])),
        Match::dnsmasq_client_arch("11"),
        Match::isc_arch("00:16"),
        Match::OptionBytes { code: 60, bytes: b"text".to_vec(), how: Compare::Prefix },
        Match::OptionBytes { code: 60, bytes: vec![0], how: Compare::Contains },
        Match::All(vec![Match::Not(Box::new(Match::Any))]),
    ])
}

fn every_answer() -> BootAnswer {
    BootAnswer {
        next_server: Some(Ipv4Addr::new(10, 77, 0, 9)),
        server_name: Some("server".into()),
        option_66: Some("10.77.0.9".into()),
        option_43: Some(vec![6, 1, 8, 255]),
        raw_server_name: Some(vec![0xff; 64]),
        raw_file_field: Some(b"boot.0".to_vec()),
        overload: Overload::Both,
        options: vec![(208, vec![0xf1, 0, 0x74, 0x7e]), (209, b"menu".to_vec())],
        ..BootAnswer::http("http://10.77.0.1/boot.efi")
    }
}

#[test]
fn an_empty_lan_is_an_empty_object() {
    reads_back(&LanSpec::new());
    assert_eq!(serde_json::from_str::<LanSpec>("{}").unwrap(), LanSpec::new());
}

#[test]
fn every_word_for_dhcp_reads_back() {
    let after = [
        AnswerAfter::Start,
        AnswerAfter::Discovers(2),
        AnswerAfter::ClientSecs(4),
        AnswerAfter::HostTime(Duration::from_millis(20)),
        AnswerAfter::Never,
    ];
    let malformed = [
        Malformed::OptionPastEnd,
        Malformed::MissingEnd,
        Malformed::ShortServerId,
        Malformed::NoMessageType,
        Malformed::BadCookie,
        Malformed::EmptyBootfile,
        Malformed::UnterminatedFile,
        Malformed::WrongXid,
        Malformed::WrongHardwareAddress,
        Malformed::OtherServerAcknowledges,
        Malformed::OtherAddressAcknowledged,
        Malformed::OfferRefuses,
    ];
    let mut spec = LanSpec::new()
        .dhcp(DhcpServer::new("main").rule(every_match(), every_answer()).boot_file("boot.0"))
        .dhcp(DhcpServer::proxy("proxy").rule(Match::Any, BootAnswer::none().vendor_class(Some("PXEClient"))))
        .dhcp(DhcpServer::rogue("rogue"));
    for answer_after in after {
        spec = spec.dhcp(DhcpServer { answer_after, naks: 2, router: None, dns: None, ..DhcpServer::new("late") });
    }
    for malformed in malformed {
        spec = spec.dhcp(DhcpServer { malformed: Some(malformed), ..DhcpServer::new("odd") });
    }
    let json = reads_back(&spec);
    assert!(json.contains(r#""lease": "3600s""#) && json.contains(r#""hex": "060108ff""#), "{json}");
    assert!(json.contains(r#""mac": "52:54:00:ab:00:01""#), "{json}");
}

#[test]
fn every_word_for_ipv6_reads_back() {
    let server = Dhcpv6Server {
        preference: Some(255),
        ignored_solicits: 1,
        no_addresses: true,
        ..Dhcpv6Server::new("six").boot_url(Some(7), "tftp://[fd77::1]/a").http_url(16, "http://[fd77::1]/b")
    };
    reads_back(&LanSpec::new().ipv6(Ipv6::with_dhcp(server)));
    reads_back(&LanSpec { ipv6: None, ..LanSpec::new() });
    let prefix = Some(Prefix { address: Ipv6Addr::LOCALHOST, len: 64, autonomous: true });
    let advert = RouterAdvertisement { managed: true, other: true, lifetime: 9, prefix };
    reads_back(&LanSpec::new().ipv6(Ipv6 { address: None, advert: Some(advert), dhcp: None }));
}

#[test]
fn every_word_for_tftp_and_http_reads_back() {
    let kinds = [
        TftpFaultKind::Silent,
        TftpFaultKind::Refuse { code: 2, message: "no".into() },
        TftpFaultKind::ErrorAtBlock { block: 3, code: 0, message: "disk".into() },
        TftpFaultKind::StallAfter { bytes: 1 },
        TftpFaultKind::ClaimSize { bytes: 2 },
        TftpFaultKind::Truncate { bytes: 3 },
    ];
    let faults = kinds.into_iter().map(|kind| TftpFault { file: Some("boot.0".into()), kind }).collect();
    let mut http = Http::default()
        .tls(Identity { certificate: vec![0x30, 0], key: vec![0x30, 1] })
        .route("/moved", Answer::Redirect { status: 302, location: "/x".into() })
        .route("/gone", Answer::Status(410))
        .route("/silent", Answer::Silence)
        .route("/reset", Answer::Reset);
    for length in [Length::Exact, Length::Chunked, Length::UntilClose, Length::Claimed(9)] {
        http = http.route("/l", Answer::Resource(Resource::new(vec![0, 1, 2]).length(length)));
    }
    for head in [Head::Same, Head::Status(405), Head::Claimed(0), Head::Silence] {
        http = http.route("/h", Answer::Resource(Resource::new(*b"text").head(head).content_type("text/plain")));
    }
    for fault in [BodyFault::StallAfter(1), BodyFault::ResetAfter(2), BodyFault::CloseAfter(3)] {
        http = http.route("/f", Answer::Resource(Resource::new([]).chunked().fault(fault)));
    }
    let tftp = Tftp { faults, wrap_to: 1, options: false, retransmit: Duration::from_millis(1), ..Tftp::default() };
    reads_back(&LanSpec {
        tftp,
        seed: u64::MAX,
        vlan: Some(5),
        ..LanSpec::new().http(http).file("a", *b"\n").name("Boot.Example", Ipv4Addr::LOCALHOST)
    });
}

#[test]
fn every_fault_reads_back() {
    let messages = vec![
        Message::ArpRequest,
        Message::ArpReply,
        Message::Icmp,
        Message::Dhcp(dhcpv4::MessageType::Offer),
        Message::Dhcpv6(dhcpv6::MessageType::InformationRequest),
        Message::Icmpv6(134),
        Message::Dns,
        Message::Tftp(tftp::Opcode::OptionAck),
        Message::TcpSyn,
        Message::Tcp,
    ];
    let matching =
        FrameMatch { messages, nic: Some(1), ethertype: Some(0x0806), min_payload: 9, ..FrameMatch::tcp_port(80) };
    let actions = [
        Action::Drop,
        Action::Lose { per_mille: 300 },
        Action::UdpChecksum(UdpChecksum::Wrong),
        Action::UdpChecksum(UdpChecksum::Partial),
        Action::UdpChecksum(UdpChecksum::Zero),
        Action::Duplicate { copies: 2 },
        Action::Behind { frames: 3 },
        Action::Delay(Duration::from_micros(7)),
        Action::Truncate { len: 60 },
        Action::FlipBit { offset: 20, bit: 7 },
    ];
    let until =
        [Until::Discovers(3), Until::ClientSecs(4), Until::GuestFrames(5), Until::HostTime(Duration::from_secs(6))];
    let mut spec = LanSpec::new().fault(Fault::dead_network());
    for action in actions {
        let when = matching.clone().going(Direction::FromGuest);
        spec = spec.fault(Fault::new("fault", when, action).skip(1).times(2));
    }
    for until in until {
        spec = spec.fault(Fault::forward_delay(until)).fault(Fault::new("f", FrameMatch::to_guest(), Action::Drop));
    }
    reads_back(&spec);
}

#[test]
fn what_a_person_writes_may_leave_out_what_is_usual() {
    let spec = r#"{
        "files": { "boot.0": { "text": "program" } },
        "dhcp": [{ "name": "main", "rules": [{ "when": { "arch": 0 }, "answer": { "option-67": "boot.0" } }] }],
        "tftp": { "max-blksize": 512, "retransmit": "200ms" },
        "http": { "ports": [8080] },
        "faults": [{ "name": "loss", "when": { "direction": "to-guest" }, "action": { "lose": { "per-mille": 10 } } }]
    }"#;
    let answer = BootAnswer { option_67: Some("boot.0".into()), ..BootAnswer::none() };
    let expected = LanSpec {
        tftp: Tftp { max_blksize: 512, retransmit: Duration::from_millis(200), ..Tftp::default() },
        http: Http { ports: vec![8080], ..Http::default() },
        ..LanSpec::new()
    };
    let expected = expected
        .file("boot.0", *b"program")
        .dhcp(DhcpServer::new("main").rule(Match::Arch(0), answer))
        .fault(Fault::new("loss", FrameMatch::to_guest(), Action::Lose { per_mille: 10 }));
    assert_eq!(serde_json::from_str::<LanSpec>(spec).unwrap(), expected);
}

#[rstest]
#[case::unknown_word(r#"{"dhcpp": []}"#, "unknown field `dhcpp`")]
#[case::unknown_word_within(r#"{"dhcp": [{"lese": "3s"}]}"#, "unknown field `lese`")]
#[case::unknown_match(r#"{"dhcp": [{"rules": [{"when": {"archh": 0}, "answer": {}}]}]}"#, "unknown variant `archh`")]
#[case::no_unit(r#"{"dhcp": [{"lease": "3"}]}"#, "wanted a whole number with ns, us, ms or s")]
#[case::odd_hex(r#"{"files": {"a": {"hex": "0"}}}"#, "wanted an even number of hexadecimal digits, seen \"0\"")]
#[case::no_mac(r#"{"dhcp": [{"rules": [{"when": {"mac": "52:54"}, "answer": {}}]}]}"#, "wanted a hardware address")]
#[case::short_uuid(r#"{"dhcp": [{"rules": [{"when": {"uuid": {"hex": "00"}}, "answer": {}}]}]}"#, "1 bytes are not")]
fn what_is_no_spec_is_refused_with_a_reason(#[case] json: &str, #[case] reason: &str) {
    let error = serde_json::from_str::<LanSpec>(json).unwrap_err().to_string();
    assert!(error.contains(reason), "{error}");
}

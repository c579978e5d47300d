//! Who answers a BIOS guest, with what, when, and how well.

use std::net::Ipv4Addr;

use bootwright::case::Case;
use bootwright::lan::wire::MacAddr;
use bootwright::lan::{AnswerAfter, BootAnswer, Compare, DhcpServer, LanSpec, Malformed, Match, Overload};
use bootwright::machine::{Board, Network};
use bootwright::verdict::behaviour::Behaviour;
use bootwright::verdict::{Cause, OnLan, tftp};

use crate::networks::{
    BIOS_FILE, Story, answering, falls, healthy, local_boot_menu, network, server, serves, times_out,
};

pub fn cases() -> Vec<Case> {
    let pc = [rules(), answers(), several_servers(), late(), waits(), unusual_fields()].into_iter().flatten();
    let q35 = malformed();
    let pc = pc.map(|story| story.case("pxe", Board::Pc));
    pc.chain(q35.into_iter().map(|story| story.case("pxe", Board::Q35))).collect()
}

fn wrong_then_right(wrong: Match) -> Network {
    network(DhcpServer::new("main").rule(wrong, BootAnswer::file("elsewhere.0")).boot_file(BIOS_FILE))
}

fn only(when: Match) -> Network {
    network(DhcpServer::new("main").rule(when, BootAnswer::file(BIOS_FILE)))
}

/// Rules over what the client says of itself, as dnsmasq and ISC dhcpd read them.
fn rules() -> Vec<Story> {
    let elsewhere = || OnLan::Asked("elsewhere.0".into());
    let nothing = Cause::NoBootFile;
    let mac = |last| Match::Mac(MacAddr([0x52, 0x54, 0, 0x12, 0x34, last]));
    // SMBIOS holds the first three fields of `-uuid` with their low byte first, and iPXE sends what SMBIOS holds
    let uuid = [0x16, 0x12, 0x07, 0xb0, 0x57, 0x47, 0x5a, 0x4b, 0x80, 0, 0, 0, 0, 0, 0, 1];
    let unlike_uuid = [7; 16];
    let element = |code, bytes: &[u8]| Match::OptionBytes { code, bytes: bytes.to_vec(), how: Compare::Element };
    // a server such as dnsmasq leaves out what a client does not ask for in option 55
    let asks_for = Match::All([1, 3, 43, 60, 66, 67].map(|code| element(55, &[code])).to_vec());
    let prefix = |class: &str| Match::VendorClassPrefix(class.to_owned());
    vec![
        serves("rule-arch-0", only(Match::Arch(0))).on_lan(OnLan::Arch(0)),
        falls("rule-arch-7-only", only(Match::Arch(7)), nothing.clone()).on_lan(OnLan::NoBootFile),
        serves("rule-dnsmasq-11-leaves-bios-alone", wrong_then_right(Match::dnsmasq_client_arch("11")))
            .on_lan(OnLan::NeverAsked("elsewhere.0".into())),
        falls(
            "rule-dnsmasq-b-takes-bios",
            wrong_then_right(Match::dnsmasq_client_arch("b")),
            tftp("elsewhere.0").not_found(),
        )
        .on_lan(elsewhere())
        .control(wrong_then_right(Match::dnsmasq_client_arch("11"))),
        serves("rule-dnsmasq-0", only(Match::dnsmasq_client_arch("0"))),
        serves("rule-isc-00-00", only(Match::isc_arch("00:00"))),
        falls("rule-isc-00-16", only(Match::isc_arch("00:16")), nothing.clone())
            .control(only(Match::isc_arch("00:00"))),
        serves("rule-vendor-class-pxe", only(prefix("PXEClient:Arch:00000"))),
        falls("rule-vendor-class-http", only(prefix("HTTPClient")), nothing.clone()).control(only(prefix("PXEClient"))),
        serves("rule-user-class-ipxe", only(Match::UserClassContains("iPXE".to_owned())))
            .on_lan(OnLan::UserClass("iPXE".into())),
        serves("rule-mac", only(mac(0x10))),
        falls("rule-other-mac", only(mac(0x11)), nothing.clone()).control(only(mac(0x10))),
        serves("rule-uuid", only(Match::Uuid(uuid))).control(only(Match::Uuid(unlike_uuid))),
        serves("rule-asks-for-boot-options", only(asks_for)),
        // no discover has these two, and what an acknowledgement says counts
        serves("rule-request-names-the-server", only(element(54, &[10, 77, 0, 1]))),
        serves("rule-request-names-the-address", only(element(50, &[10, 77, 0, 100]))),
    ]
}

/// What an answer says, and where.
fn answers() -> Vec<Story> {
    let nothing = Cause::NoBootFile;
    let menu = |control| {
        let answer = BootAnswer { option_43: Some(local_boot_menu(control)), ..BootAnswer::file(BIOS_FILE) };
        network(answering(answer.vendor_class(Some("PXEClient"))))
    };
    vec![
        serves(
            "file-field-only",
            network(answering(BootAnswer { file_field: Some(BIOS_FILE.to_owned()), ..BootAnswer::none() })),
        ),
        serves(
            "option-67-only",
            network(answering(BootAnswer { option_67: Some(BIOS_FILE.to_owned()), ..BootAnswer::none() })),
        ),
        // `pxe_menu_boot` in iPXE's `src/usr/autoboot.c`
        falls("menu-of-local-boot", menu(3), Cause::NeverAskedFor(BIOS_FILE.to_owned()))
            .on_lan(OnLan::NeverAsked(BIOS_FILE.into()))
            .control(menu(8)),
        // a path of NFS, which is for the kernel and no disk that iPXE could attach
        serves(
            "root-path-of-nfs",
            network(answering(BootAnswer::file(BIOS_FILE).option(17, b"10.77.0.1:/srv/nfs".to_vec()))),
        ),
        serves("next-server-behind-the-router", behind_router(ROUTER))
            .control(behind_router(Ipv4Addr::new(10, 77, 0, 99))),
        falls("no-boot-file", network(answering(BootAnswer::none())), nothing.clone()).on_lan(OnLan::NoBootFile),
        falls(
            "file-that-is-not-there",
            network(answering(BootAnswer::file("missing.0"))),
            tftp("missing.0").not_found(),
        )
        .on_lan(OnLan::NeverAsked(BIOS_FILE.into())),
        falls("path-traversal", network(answering(BootAnswer::file("../boot.0"))), tftp("../boot.0").not_found()),
    ]
}

/// The boot file in fields that few servers fill so (RFC 2131 sections 2 and 4.1, RFC 2132 section 9.3).
fn unusual_fields() -> Vec<Story> {
    let overloaded = |overload| {
        let answer = BootAnswer { option_67: Some(BIOS_FILE.to_owned()), ..BootAnswer::none() };
        network(answering(BootAnswer { option_66: Some("10.77.0.1".to_owned()), ..answer }.overload(overload)))
    };
    let with_zeros = BootAnswer::none().option(67, [BIOS_FILE.as_bytes(), &[0, 0]].concat());
    // as long as the field, so that no zero ends it
    let long = format!("{:b<128}", "long-");
    let unended = BootAnswer { raw_file_field: Some(long.clone().into_bytes()), ..BootAnswer::none() };
    let unended = || Network::new(LanSpec::new().dhcp(answering(unended.clone())));
    vec![
        serves("overload-file", overloaded(Overload::File)),
        serves("overload-sname", overloaded(Overload::ServerName)),
        serves("overload-both", overloaded(Overload::Both)),
        serves("bootfile-with-zeros-behind-it", network(answering(with_zeros))),
        serves("file-field-without-an-end", unended().bios_program(&long, "served")).control(unended()),
    ]
}

/// Where [`DhcpServer::proxy`] is.
const PROXY: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 2);
/// The router, which is the main server.
const ROUTER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
/// Where [`DhcpServer::rogue`] is.
const ROGUE: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 3);

/// A boot server that is in another network than its clients.
fn behind_router(router: Ipv4Addr) -> Network {
    let server = Ipv4Addr::new(192, 0, 2, 1);
    let rule = BootAnswer::file(BIOS_FILE).next_server(server);
    let dhcp = DhcpServer { router: Some(router), ..DhcpServer::new("main").rule(Match::Any, rule) };
    network(dhcp).with_lan(|lan| lan.serve_behind_router(server))
}

/// More than one server, and servers that change their mind.
fn several_servers() -> Vec<Story> {
    let lan = |servers: Vec<DhcpServer>| {
        let lan = servers.into_iter().fold(LanSpec::new(), LanSpec::dhcp);
        Network::new(lan).bios_program(BIOS_FILE, "served")
    };
    let serving = |servers, address| lan(servers).with_lan(|lan| lan.serve_at(address));
    let bare = || DhcpServer::new("addresses");
    let proxy = || DhcpServer::proxy("proxy").boot_file(BIOS_FILE);
    let to_main = BootAnswer::file(BIOS_FILE).next_server(Ipv4Addr::new(10, 77, 0, 1));
    let rogue = || DhcpServer::rogue("rogue");
    let mut naks_once = server();
    naks_once.naks = 1;
    let mut naks_always = server();
    naks_always.naks = 1000;
    let by_proxy = DhcpServer::proxy("proxy").rule(Match::Any, to_main.clone());
    let names_proxy = Match::OptionBytes { code: 54, bytes: PROXY.octets().to_vec(), how: Compare::Element };
    let by_boot_server = DhcpServer::proxy("proxy").rule(names_proxy, to_main.clone());
    // iPXE waits 2 s for a proxy although it has an address, and asks again meanwhile
    let late_proxy = DhcpServer { answer_after: AnswerAfter::Discovers(1), ..by_proxy.clone() };
    vec![
        serves("proxy-dhcp", lan(vec![bare(), by_proxy.clone()]))
            .on_lan(OnLan::AcknowledgedBy("addresses".into()))
            .control(lan(vec![bare()])),
        times_out("proxy-dhcp-alone", lan(vec![proxy()]), Cause::OffersNotTaken(4))
            .on_lan(OnLan::NeverAsked(BIOS_FILE.into())),
        serves("proxy-dhcp-comes-late", lan(vec![bare(), late_proxy]))
            .on_lan(OnLan::AcknowledgedBy("addresses".into()))
            .control(lan(vec![bare()])),
        serves("next-server-is-another-host", lan(vec![rogue().rule(Match::Any, to_main)]))
            .on_lan(OnLan::AcknowledgedBy("rogue".into()))
            .control(lan(vec![rogue().boot_file(BIOS_FILE)])),
        falls(
            "next-server-that-is-nobody",
            network(answering(BootAnswer::file(BIOS_FILE).next_server(Ipv4Addr::new(10, 77, 0, 99)))),
            Cause::NeverAskedFor(BIOS_FILE.to_owned()),
        ),
        // its offer has no file: what a boot server says on port 4011 has (PXE 2.1 section 2.2)
        serves("proxy-dhcp-answers-on-port-4011", lan(vec![bare(), by_boot_server]))
            .on_lan(OnLan::AcknowledgedBy("proxy".into()))
            .control(lan(vec![bare()])),
        serves("proxy-dhcp-is-the-boot-server", serving(vec![bare(), proxy()], PROXY))
            .on_lan(OnLan::AcknowledgedBy("addresses".into()))
            .control(lan(vec![bare(), proxy()])),
        serves("server-is-its-own-boot-server", serving(vec![rogue().boot_file(BIOS_FILE)], ROGUE))
            .on_lan(OnLan::AcknowledgedBy("rogue".into()))
            .control(lan(vec![rogue().boot_file(BIOS_FILE)])),
        falls(
            "boot-server-that-serves-nothing",
            lan(vec![rogue().boot_file(BIOS_FILE)]),
            tftp(BIOS_FILE).nobody_at(Ipv4Addr::new(10, 77, 0, 3)),
        )
        .on_lan(OnLan::Asked(BIOS_FILE.into()))
        .control(serving(vec![rogue().boot_file(BIOS_FILE)], ROGUE)),
        serves("rogue-server-without-file", lan(vec![rogue(), server()])).on_lan(OnLan::AcknowledgedBy("main".into())),
        falls("rogue-server-alone", lan(vec![rogue()]), Cause::NoBootFile)
            .on_lan(OnLan::AcknowledgedBy("rogue".into())),
        serves("nak-once", network(naks_once)).on_lan(OnLan::Naks(1)),
        times_out("nak-always", network(naks_always), Cause::NotAcknowledged).on_lan(OnLan::Naks(1)),
    ]
}

/// Servers that come late. iPXE sends four discovers, at 0, 1, 3 and 7 s, and gives up at 15 s of guest time.
fn late() -> Vec<Story> {
    let after = |discovers| {
        let mut server = server();
        server.answer_after = AnswerAfter::Discovers(discovers);
        network(server)
    };
    let mut never = server();
    never.answer_after = AnswerAfter::Never;
    vec![
        serves("server-misses-1-discover", after(1)).on_lan(OnLan::Discovers(2, 3)),
        serves("server-misses-2-discovers", after(2)).on_lan(OnLan::Discovers(3, 4)),
        serves("server-misses-3-discovers", after(3)).on_lan(OnLan::Discovers(4, 5)),
        times_out("server-misses-4-discovers", after(4), Cause::NoOfferAfter(4)).control(after(3)),
        times_out("silent-server", network(never), Cause::NoOfferAfter(4)),
        times_out("no-server", Network::new(LanSpec::new()), Cause::NoOfferAfter(4)).control(healthy()),
    ]
}

/// How long iPXE takes, in guest time: its offer of a command line is over in a few seconds, and each wait for somebody who
/// does not answer ends.
fn waits() -> Vec<Story> {
    let mut never = server();
    never.answer_after = AnswerAfter::Never;
    let mut naks_always = server();
    naks_always.naks = 1000;
    let nobody = BootAnswer::file(BIOS_FILE).next_server(Ipv4Addr::new(10, 77, 0, 99));
    vec![
        serves("waits-served", healthy()).lasting(7, 19),
        times_out("waits-silent-server", network(never), Cause::NoOfferAfter(4)).lasting(15, 35),
        times_out("waits-nak-always", network(naks_always), Cause::NotAcknowledged).lasting(15, 45).lasting_where(
            Behaviour::DiscoversAgainAfterNak,
            150,
            260,
        ),
        falls("waits-for-nobody", network(answering(nobody)), Cause::NeverAskedFor(BIOS_FILE.to_owned()))
            .lasting(15, 45),
    ]
}

/// Replies that break the standard: iPXE takes what it can read.
fn malformed() -> Vec<Story> {
    let broken = |malformed| {
        let mut server = server();
        server.malformed = Some(malformed);
        network(server)
    };
    // its IPv6 is configured nevertheless, and has nothing to boot
    let never_asked = || Cause::NeverAskedFor(BIOS_FILE.to_owned());
    // the whole field of 128 bytes
    let unterminated = format!("{BIOS_FILE:x<128}");
    vec![
        serves("malformed-option-past-end", broken(Malformed::OptionPastEnd)),
        serves("malformed-missing-end", broken(Malformed::MissingEnd)),
        times_out("malformed-short-server-id", broken(Malformed::ShortServerId), Cause::NotAcknowledged),
        serves("malformed-no-message-type", broken(Malformed::NoMessageType)),
        serves("malformed-bad-cookie", broken(Malformed::BadCookie)),
        serves("malformed-empty-bootfile", broken(Malformed::EmptyBootfile)),
        falls("malformed-unterminated-file", broken(Malformed::UnterminatedFile), tftp(&unterminated).not_found()),
        times_out("malformed-wrong-xid", broken(Malformed::WrongXid), Cause::OffersNotTaken(4)),
        times_out(
            "malformed-wrong-hardware-address",
            broken(Malformed::WrongHardwareAddress),
            Cause::OffersNotTaken(4),
        ),
        times_out("malformed-offer-refuses", broken(Malformed::OfferRefuses), Cause::OffersNotTaken(4)),
        falls("malformed-other-server-acknowledges", broken(Malformed::OtherServerAcknowledges), never_asked()),
        falls("malformed-other-address-acknowledged", broken(Malformed::OtherAddressAcknowledged), never_asked()),
    ]
}

//! DHCP, TFTP and faults as a client sees them, over the engine and over a real socket pair.

#![expect(clippy::unwrap_used, reason = "a test that fails here has failed")]

mod guest;

use std::io::{Read, Write};
use std::net::Ipv4Addr;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use bootwright_lan::engine::Engine;
use bootwright_lan::faults::{Action, FrameMatch, UdpChecksum, Until};
use bootwright_lan::wire::dhcpv4::{MessageType, Repr, option};
use bootwright_lan::wire::summary::Message;
use bootwright_lan::wire::{ethernet, tftp};
use bootwright_lan::{
    AnswerAfter, BootAnswer, DhcpServer, Direction, Fault, Lan, LanEventKind, LanLog, LanSpec, Malformed, Match, pcapng,
};
use guest::{dhcp_frame, dhcp_message, dhcp_of, udp_frame, udp_of};
use rstest::rstest;

/// Says something and hears every DHCP reply.
fn say(engine: &mut Engine, message: &Repr) -> Vec<Repr> {
    engine.receive(0, &dhcp_frame(message), Instant::now());
    engine.poll(Instant::now());
    std::iter::from_fn(|| engine.take()).filter_map(|(_, frame)| dhcp_of(&frame)).collect()
}

fn engine(spec: &LanSpec) -> (Engine, LanLog) {
    let log = LanLog::new(1 << 20);
    (Engine::new(spec, 1, log.clone()), log)
}

fn kinds(replies: &[Repr]) -> Vec<Option<MessageType>> {
    replies.iter().map(Repr::message_type).collect()
}

fn request(offer: &Repr) -> Repr {
    let mut request = dhcp_message(MessageType::Request, 0, 0);
    request.options.push((option::REQUESTED_ADDRESS, offer.your_ip.octets().to_vec()));
    let server = offer.address_option(option::SERVER_ID).unwrap();
    request.options.push((option::SERVER_ID, server.octets().to_vec()));
    request
}

#[test]
fn every_architecture_gets_its_own_file_and_an_unknown_one_none() {
    let server = DhcpServer::new("main")
        .rule(Match::dnsmasq_client_arch("0"), BootAnswer::file("pxelinux.0"))
        .rule(Match::dnsmasq_client_arch("7"), BootAnswer::file("grubx64.efi"))
        .rule(Match::dnsmasq_client_arch("16"), BootAnswer::http("http://10.77.0.1/grubx64.efi"));
    let (mut engine, _) = engine(&LanSpec::new().dhcp(server));
    for (arch, file, class) in [
        (0, Some("pxelinux.0"), None),
        (7, Some("grubx64.efi"), None),
        (16, Some("http://10.77.0.1/grubx64.efi"), Some("HTTPClient")),
        (11, None, None),
    ] {
        let offers = say(&mut engine, &dhcp_message(MessageType::Discover, arch, 0));
        assert_eq!(offers[0].text_option(option::BOOTFILE).as_deref(), file, "architecture {arch}");
        assert_eq!(offers[0].text_option(option::VENDOR_CLASS).as_deref(), class, "architecture {arch}");
    }
}

#[test]
fn a_client_that_names_its_architecture_in_the_request_alone_gets_its_file_with_the_acknowledgement() {
    let server = DhcpServer::new("main")
        .rule(Match::dnsmasq_client_arch("31"), BootAnswer::file("boot.bin"))
        .rule(Match::Any, BootAnswer::file("any.bin"));
    let (mut engine, log) = engine(&LanSpec::new().dhcp(server));
    let mut discover = dhcp_message(MessageType::Discover, 31, 0);
    discover.options.retain(|(code, _)| *code != option::CLIENT_ARCH);
    let offers = say(&mut engine, &discover);
    assert_eq!(offers[0].text_option(option::BOOTFILE).as_deref(), Some("any.bin"));
    let mut named = request(&offers[0]);
    named.options.retain(|(code, _)| *code != option::CLIENT_ARCH);
    let unnamed = say(&mut engine, &named);
    assert_eq!(unnamed[0].text_option(option::BOOTFILE).as_deref(), Some("any.bin"));
    named.options.push((option::CLIENT_ARCH, 31_u16.to_be_bytes().to_vec()));
    let acknowledged = say(&mut engine, &named);
    assert_eq!(acknowledged[0].text_option(option::BOOTFILE).as_deref(), Some("boot.bin"));
    let archs: Vec<Option<u16>> = log
        .events()
        .into_iter()
        .filter_map(|event| match event.kind {
            LanEventKind::Dhcp(dhcp) => Some(dhcp.arch),
            _ => None,
        })
        .collect();
    assert_eq!(archs, [None, None, None, None, Some(31), Some(31)]);
}

#[test]
fn an_address_is_offered_acknowledged_and_refused_to_who_asks_for_another() {
    let (mut engine, log) = engine(&LanSpec::new().dhcp(DhcpServer::new("main").boot_file("boot.0")));
    let offers = say(&mut engine, &dhcp_message(MessageType::Discover, 0, 0));
    assert_eq!((kinds(&offers), offers[0].your_ip), (vec![Some(MessageType::Offer)], Ipv4Addr::new(10, 77, 0, 100)));
    assert_eq!(kinds(&say(&mut engine, &request(&offers[0]))), [Some(MessageType::Ack)]);
    let mut other = offers[0].clone();
    other.your_ip = Ipv4Addr::new(10, 77, 0, 250);
    assert_eq!(kinds(&say(&mut engine, &request(&other))), [Some(MessageType::Nak)]);
    let seen: Vec<_> = log
        .events()
        .into_iter()
        .filter_map(|event| match event.kind {
            LanEventKind::Dhcp(dhcp) => Some((dhcp.message, dhcp.server.is_some(), dhcp.arch)),
            _ => None,
        })
        .collect();
    use MessageType::*;
    assert_eq!(
        seen,
        [(Discover, false), (Offer, true), (Request, false), (Ack, true), (Request, false), (Nak, true)]
            .map(|(kind, from_server)| (kind, from_server, Some(0)))
    );
}

#[test]
fn naks_come_first_and_as_often_as_asked_for() {
    let server = DhcpServer { naks: 2, ..DhcpServer::new("main") };
    let (mut engine, _) = engine(&LanSpec::new().dhcp(server));
    let offers = say(&mut engine, &dhcp_message(MessageType::Discover, 0, 0));
    let answers: Vec<_> = (0..3).flat_map(|_| kinds(&say(&mut engine, &request(&offers[0])))).collect();
    assert_eq!(answers, [Some(MessageType::Nak), Some(MessageType::Nak), Some(MessageType::Ack)]);
}

#[test]
fn a_late_server_is_late_by_what_the_guest_does() {
    for (after, expected) in [
        (AnswerAfter::Discovers(2), [false, false, true, true]),
        (AnswerAfter::ClientSecs(3), [false, false, true, true]),
        (AnswerAfter::Never, [false; 4]),
        (AnswerAfter::Start, [true; 4]),
    ] {
        let server = DhcpServer { answer_after: after, ..DhcpServer::new("main") };
        let (mut engine, _) = engine(&LanSpec::new().dhcp(server));
        let answered =
            [0, 1, 3, 7].map(|secs| !say(&mut engine, &dhcp_message(MessageType::Discover, 0, secs)).is_empty());
        assert_eq!(answered, expected, "{after:?}");
    }
}

#[test]
fn a_forward_delay_eats_the_first_discovers_and_says_so() {
    let spec = LanSpec::new().dhcp(DhcpServer::new("main")).fault(Fault::forward_delay(Until::Discovers(3)));
    let (mut engine, log) = engine(&spec);
    let answered = [0; 5].map(|_| !say(&mut engine, &dhcp_message(MessageType::Discover, 0, 0)).is_empty());
    assert_eq!(answered, [false, false, false, true, true]);
    let notes: Vec<_> = log.records().into_iter().flat_map(|record| record.notes).collect();
    assert_eq!(notes, ["forward delay: dropped"; 3]);
    // The discovers are known although they were lost: a verdict counts them.
    let discovers = log
        .events()
        .into_iter()
        .filter(|event| matches!(&event.kind, LanEventKind::Dhcp(dhcp) if dhcp.message == MessageType::Discover));
    assert_eq!(discovers.count(), 5);
}

#[test]
fn two_servers_both_answer_and_a_request_goes_to_the_chosen_one() {
    let spec = LanSpec::new().dhcp(DhcpServer::new("main")).dhcp(DhcpServer::rogue("rogue"));
    let (mut engine, _) = engine(&spec);
    let offers = say(&mut engine, &dhcp_message(MessageType::Discover, 0, 0));
    let addresses: Vec<_> = offers.iter().map(|offer| offer.your_ip).collect();
    assert_eq!(addresses, [Ipv4Addr::new(10, 77, 0, 100), Ipv4Addr::new(10, 77, 0, 200)]);
    let acks = say(&mut engine, &request(&offers[1]));
    assert_eq!(acks.iter().map(|ack| ack.your_ip).collect::<Vec<_>>(), [Ipv4Addr::new(10, 77, 0, 200)]);
}

#[test]
fn a_proxy_gives_a_file_without_an_address_and_ignores_who_does_not_boot() {
    let spec = LanSpec::new().dhcp(DhcpServer::new("main")).dhcp(DhcpServer::proxy("proxy").boot_file("boot.0"));
    let (mut engine, _) = engine(&spec);
    let offers = say(&mut engine, &dhcp_message(MessageType::Discover, 0, 0));
    assert_eq!((offers[0].option(option::BOOTFILE), offers[1].your_ip), (None, Ipv4Addr::UNSPECIFIED));
    assert_eq!(offers[1].text_option(option::BOOTFILE).as_deref(), Some("boot.0"));
    assert_eq!(offers[1].text_option(option::VENDOR_CLASS).as_deref(), Some("PXEClient"));
    let mut plain = dhcp_message(MessageType::Discover, 0, 0);
    plain.options.retain(|(code, _)| *code == option::MESSAGE_TYPE);
    assert_eq!(say(&mut engine, &plain).len(), 1);
}

#[test]
fn a_wrong_udp_checksum_is_seen_by_a_client_that_checks() {
    for (kind, heard) in [(UdpChecksum::Wrong, 0), (UdpChecksum::Partial, 0), (UdpChecksum::Zero, 1)] {
        let fault = Fault::new("vhost", FrameMatch::udp_port(68).going(Direction::ToGuest), Action::UdpChecksum(kind));
        let (mut engine, _) = engine(&LanSpec::new().dhcp(DhcpServer::new("main")).fault(fault));
        assert_eq!(say(&mut engine, &dhcp_message(MessageType::Discover, 0, 0)).len(), heard, "{kind:?}");
    }
}

#[test]
fn frames_are_doubled_swapped_cut_and_delayed_as_asked() {
    let offer = || FrameMatch::message(Message::Dhcp(MessageType::Offer));
    let heard = |action, discovers: usize| {
        let spec = LanSpec::new().dhcp(DhcpServer::new("main")).dhcp(DhcpServer::rogue("rogue"));
        let (mut engine, _) = engine(&spec.fault(Fault::new("f", offer(), action).times(1)));
        let replies: Vec<_> =
            (0..discovers).flat_map(|_| say(&mut engine, &dhcp_message(MessageType::Discover, 0, 0))).collect();
        let deadline = engine.deadline(Instant::now());
        (replies.iter().map(|reply| reply.your_ip.octets()[3]).collect::<Vec<_>>(), deadline.is_some())
    };
    assert_eq!(heard(Action::Duplicate { copies: 1 }, 1).0, [100, 100, 200]);
    assert_eq!(heard(Action::Behind { frames: 1 }, 1).0, [200, 100]);
    assert_eq!(heard(Action::Truncate { len: 200 }, 1).0, [200]);
    assert_eq!(heard(Action::FlipBit { offset: 100, bit: 0 }, 1).0, [200]);
    assert_eq!(heard(Action::Delay(Duration::from_secs(9)), 1), (vec![200], true));
    assert_eq!(heard(Action::Drop, 1), (vec![200], false));
}

#[test]
fn malformed_replies_are_malformed_and_no_other_is() {
    use Malformed::*;
    let ways =
        [OptionPastEnd, MissingEnd, ShortServerId, NoMessageType, BadCookie, EmptyBootfile, UnterminatedFile, WrongXid];
    let later = [WrongHardwareAddress, OtherServerAcknowledges, OtherAddressAcknowledged, OfferRefuses];
    for way in ways.into_iter().chain(later) {
        let server = DhcpServer { malformed: Some(way), ..DhcpServer::new("main").boot_file("boot.0") };
        let (mut engine, _) = engine(&LanSpec::new().dhcp(server));
        engine.receive(0, &dhcp_frame(&dhcp_message(MessageType::Discover, 0, 0)), Instant::now());
        let (_, frame) = engine.take().unwrap();
        let (_, payload) = udp_of(&frame).unwrap();
        let parsed = Repr::parse(payload);
        let wrong = match way {
            OptionPastEnd | BadCookie => parsed.is_err(),
            MissingEnd => payload.ends_with(b"boot.0"),
            ShortServerId => parsed.unwrap().option(option::SERVER_ID).unwrap().len() == 2,
            NoMessageType => parsed.unwrap().message_type().is_none(),
            EmptyBootfile => parsed.unwrap().option(option::BOOTFILE).unwrap().is_empty(),
            UnterminatedFile => parsed.unwrap().boot_file.len() == 128,
            WrongXid => parsed.unwrap().xid != 0x1234_5678,
            WrongHardwareAddress => payload[28..34] != dhcp_message(MessageType::Discover, 0, 0).client_mac.0,
            OfferRefuses => parsed.unwrap().message_type() == Some(MessageType::Nak),
            // the offer is as it should be
            OtherServerAcknowledges | OtherAddressAcknowledged => {
                parsed.unwrap().address_option(option::SERVER_ID) == Some(Ipv4Addr::new(10, 77, 0, 1))
            }
        };
        assert!(wrong, "{way:?}");
    }
}

#[test]
fn an_acknowledgement_that_fits_no_offer_names_another_server_or_address() {
    let acknowledged = |malformed| {
        let server = DhcpServer { malformed, ..DhcpServer::new("main").boot_file("boot.0") };
        let (mut engine, _) = engine(&LanSpec::new().dhcp(server));
        let mut heard = |message: &Repr| {
            engine.receive(0, &dhcp_frame(message), Instant::now());
            let (_, frame) = engine.take().unwrap();
            dhcp_of(&frame).unwrap()
        };
        let offer = heard(&dhcp_message(MessageType::Discover, 0, 0));
        let ack = heard(&request(&offer));
        assert_eq!(ack.message_type(), Some(MessageType::Ack));
        (ack.address_option(option::SERVER_ID), ack.your_ip)
    };
    let (server, address) = acknowledged(None);
    let (other, same) = acknowledged(Some(Malformed::OtherServerAcknowledges));
    assert!(other.is_some() && other != server && same == address);
    let (same, other) = acknowledged(Some(Malformed::OtherAddressAcknowledged));
    assert!(same == server && other != address);
}

#[test]
fn a_guest_boots_over_a_socket_pair_and_the_capture_is_clean() {
    let file: Vec<u8> = (0..5000_u32).map(|at| at as u8).collect();
    let spec = LanSpec::new().file("boot.0", file.clone()).dhcp(DhcpServer::new("main").boot_file("boot.0"));
    let (mut guest, port) = UnixStream::pair().unwrap();
    guest.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let lan = Lan::start(spec, vec![port]).unwrap();
    let mut exchange = |frame: &[u8]| {
        guest.write_all(&(frame.len() as u32).to_be_bytes()).unwrap();
        guest.write_all(frame).unwrap();
        let mut length = [0; 4];
        guest.read_exact(&mut length).unwrap();
        let mut reply = vec![0; u32::from_be_bytes(length) as usize];
        guest.read_exact(&mut reply).unwrap();
        reply
    };
    let offer = dhcp_of(&exchange(&dhcp_frame(&dhcp_message(MessageType::Discover, 0, 0)))).unwrap();
    let ack = dhcp_of(&exchange(&dhcp_frame(&request(&offer)))).unwrap();
    assert_eq!(ack.message_type(), Some(MessageType::Ack));
    let server = LanSpec::new().server_mac();
    let mut to = 69;
    let mut message = tftp::Repr::ReadRequest(tftp::Request {
        name: ack.text_option(option::BOOTFILE).unwrap(),
        mode: "octet".into(),
        options: vec![("blksize".into(), "1432".into())],
    });
    let mut got = Vec::new();
    loop {
        let reply = exchange(&udp_frame(server, (ack.your_ip, 2000), (ack.next_server, to), &message.emit()));
        let (ports, payload) = udp_of(&reply).unwrap();
        to = ports.src_port;
        message = match tftp::Repr::parse(payload).unwrap() {
            tftp::Repr::OptionAck { .. } => tftp::Repr::Ack { block: 0 },
            tftp::Repr::Data { block, data } => {
                got.extend_from_slice(&data);
                if data.len() < 1432 {
                    break;
                }
                tftp::Repr::Ack { block }
            }
            other => panic!("{other:?}"),
        };
    }
    assert_eq!(got, file);
    drop(guest);
    let log = lan.join();
    for record in log.records().iter().filter(|record| record.direction == Direction::ToGuest) {
        etherparse_agrees(&record.frame);
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("network.pcapng");
    pcapng::write(&log, 1, &mut std::fs::File::create(&path).unwrap()).unwrap();
    let Some(lines) = tshark(&path, "_ws.malformed || _ws.expert.severity == error") else { return };
    assert_eq!(lines, Vec::<String>::new());
    assert_eq!(tshark(&path, "tftp").unwrap().len(), 10);
}

/// A second opinion on a UDP frame that the lan built: every length and both checksums.
fn etherparse_agrees(frame: &[u8]) {
    let packet = etherparse::PacketHeaders::from_ethernet_slice(frame).unwrap();
    let Some(etherparse::NetHeaders::Ipv4(ip, _)) = packet.net else { panic!("not IPv4: {:?}", packet.net) };
    assert_eq!(ip.header_checksum, ip.calc_header_checksum());
    let Some(etherparse::TransportHeader::Udp(udp)) = packet.transport else { panic!("not UDP") };
    let payload = packet.payload.slice();
    assert_eq!(usize::from(udp.length), 8 + payload.len());
    assert_eq!(udp.checksum, udp.calc_checksum_ipv4(&ip, payload).unwrap());
}

/// Packets of a capture that a filter takes; `None` where tshark is not installed, which CI must not lack.
fn tshark(capture: &std::path::Path, filter: &str) -> Option<Vec<String>> {
    let arguments = ["-o", "ip.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE", "-Y", filter, "-r"];
    match std::process::Command::new("tshark").args(arguments).arg(capture).output() {
        Ok(output) => {
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            Some(String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect())
        }
        Err(error) if std::env::var_os("CI").is_none() => {
            eprintln!("tshark cannot be run ({error}): the capture was not looked at");
            None
        }
        Err(error) => panic!("tshark is needed in CI: {error}"),
    }
}

#[test]
fn a_client_that_names_its_architecture_in_the_request_only_gets_its_file_with_the_acknowledgment() {
    let server = DhcpServer::new("main").rule(Match::Arch(31), BootAnswer::file("s390x"));
    let (mut engine, _) = engine(&LanSpec::new().dhcp(server));
    let mut discover = dhcp_message(MessageType::Discover, 31, 0);
    discover.options.retain(|(code, _)| *code != option::CLIENT_ARCH);
    let offers = say(&mut engine, &discover);
    assert_eq!(offers[0].text_option(option::BOOTFILE), None);
    let mut request = request(&offers[0]);
    request.options.retain(|(code, _)| *code != option::CLIENT_ARCH);
    assert_eq!(say(&mut engine, &request)[0].text_option(option::BOOTFILE), None);
    request.options.push((option::CLIENT_ARCH, vec![0, 31]));
    assert_eq!(say(&mut engine, &request)[0].text_option(option::BOOTFILE).as_deref(), Some("s390x"));
}

#[rstest]
#[case::its_own(Some(5), Some(5), true)]
#[case::another(Some(5), Some(6), false)]
#[case::none_where_there_is_one(Some(5), None, false)]
#[case::one_where_there_is_none(None, Some(5), false)]
#[case::priority(Some(0), Some(0), true)]
#[case::none_on_a_priority_port(Some(0), None, true)]
fn a_vlan_hears_its_own_tag_and_answers_with_it(
    #[case] vlan: Option<u16>,
    #[case] sent: Option<u16>,
    #[case] heard: bool,
) {
    let server = DhcpServer::new("main").boot_file("boot.0");
    let (mut engine, log) = engine(&LanSpec { vlan, ..LanSpec::new().dhcp(server) });
    let frame = dhcp_frame(&dhcp_message(MessageType::Discover, 0, 0));
    let frame = sent.map_or(frame.clone(), |sent| ethernet::with_tag(&frame, sent));
    engine.receive(0, &frame, Instant::now());
    let answer = engine.take().map(|(_, frame)| frame);
    assert_eq!(answer.is_some(), heard);
    let refused = log.events().iter().any(|event| matches!(event.kind, LanEventKind::Refused { .. }));
    assert_eq!(refused, !heard);
    if let (Some(answer), Some(vlan)) = (answer, vlan) {
        let (seen, untagged) = ethernet::without_tag(&answer).unwrap();
        assert_eq!((seen, dhcp_of(&untagged).is_some()), (vlan, true));
    }
}

#[rstest]
#[case::of_the_proxy(DhcpServer::proxy("proxy"))]
#[case::of_the_server(DhcpServer::rogue("rogue"))]
fn a_dhcp_host_is_a_boot_server_where_the_spec_says_so_and_is_asked_in_vain_otherwise(#[case] server: DhcpServer) {
    let address = server.address;
    let bare = LanSpec::new().file("boot.0", vec![7; 100]).dhcp(server.boot_file("boot.0"));
    let name = "boot.0".to_owned();
    let request = tftp::Repr::ReadRequest(tftp::Request { name, mode: "octet".into(), options: Vec::new() });
    for (spec, served) in [(bare.clone().serve_at(address), true), (bare, false)] {
        let (mut engine, log) = engine(&spec);
        let offer = say(&mut engine, &dhcp_message(MessageType::Discover, 0, 0)).remove(0);
        assert_eq!(offer.next_server, address);
        let mac = spec.host_mac(address).unwrap();
        let client = (Ipv4Addr::new(10, 77, 0, 100), 2000);
        engine.receive(0, &udp_frame(mac, client, (address, 69), &request.emit()), Instant::now());
        let answer = engine.take().map(|(_, frame)| ethernet::Packet::new(&frame).unwrap().repr().src);
        assert_eq!(answer, served.then_some(mac));
        let vain = log.events().iter().any(|event| matches!(event.kind, LanEventKind::Unserved { .. }));
        assert_eq!(vain, !served);
    }
}

#[test]
fn a_host_behind_the_router_answers_by_its_way_and_arp_does_not_know_it() {
    let address = Ipv4Addr::new(192, 0, 2, 1);
    let bare = LanSpec::new().file("boot.0", vec![7; 100]);
    let name = "boot.0".to_owned();
    let request = tftp::Repr::ReadRequest(tftp::Request { name, mode: "octet".into(), options: Vec::new() });
    for (spec, served) in [(bare.clone().serve_behind_router(address), true), (bare, false)] {
        assert_eq!(spec.host_mac(address), None, "who asks for it by ARP is not answered");
        let (mut engine, _) = engine(&spec);
        let client = (Ipv4Addr::new(10, 77, 0, 100), 2000);
        let frame = udp_frame(spec.server_mac(), client, (address, 69), &request.emit());
        engine.receive(0, &frame, Instant::now());
        let answer = engine.take().map(|(_, frame)| ethernet::Packet::new(&frame).unwrap().repr().src);
        assert_eq!(answer, served.then(|| spec.server_mac()));
    }
}

#[rstest]
#[case::at_once(1, 2)]
#[case::after_the_offer(0, 1)]
fn a_message_that_was_sent_again_before_the_first_was_read_is_the_networks_lateness(
    #[case] said_again: u32,
    #[case] at_once: usize,
) {
    let (mut guest, port) = UnixStream::pair().unwrap();
    guest.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let frame = dhcp_frame(&dhcp_message(MessageType::Discover, 0, 4));
    let again = dhcp_frame(&dhcp_message(MessageType::Discover, 0, 8));
    let of_stream = |frame: &[u8]| [&(frame.len() as u32).to_be_bytes()[..], frame].concat();
    let both = [of_stream(&frame), of_stream(&again)];
    let spec = LanSpec::new().dhcp(DhcpServer::new("main"));
    // what is in the stream before the lan starts is there all at once
    guest.write_all(&both[..at_once].concat()).unwrap();
    let lan = Lan::start(spec, vec![port]).unwrap();
    let mut length = [0; 4];
    guest.read_exact(&mut length).unwrap();
    guest.read_exact(&mut vec![0; u32::from_be_bytes(length) as usize]).unwrap();
    guest.write_all(&both[at_once..].concat()).unwrap();
    drop(guest);
    let log = lan.join();
    let discovers = |kind: &LanEventKind| matches!(kind, LanEventKind::Dhcp(dhcp) if dhcp.server.is_none());
    assert_eq!(log.events().iter().filter(|event| discovers(&event.kind)).count(), 2);
    assert_eq!(log.lateness().said_again, said_again);
}

//! HTTP and HTTPS as a client sees them: a second TCP stack plays the guest.

#![expect(clippy::unwrap_used, reason = "a test that fails here has failed")]

#[expect(dead_code, reason = "the other test files use the rest")]
mod guest;

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use bootwright_lan::engine::Engine;
use bootwright_lan::routes::{Answer, BodyFault, Head, Http, Length, Resource};
use bootwright_lan::tls::{Authority, KeyKind, Validity};
use bootwright_lan::wire::ethernet::MIN_FRAME_LEN;
use bootwright_lan::{Ipv6, LanEventKind, LanLog, LanSpec};
use guest::MAC;
use rstest::rstest;
use smoltcp::iface::{Config, Interface, SocketSet};
use smoltcp::phy::{Device, RxToken, TxToken};
use smoltcp::phy::{Loopback, Medium};
use smoltcp::socket::tcp;
use smoltcp::time::Instant as SmolInstant;
use smoltcp::wire::{EthernetAddress, HardwareAddress, IpCidr};

/// What a client got until the connection ended or nothing more came.
#[derive(Debug, PartialEq)]
struct Got {
    head: String,
    body: Vec<u8>,
    end: End,
}

#[derive(Debug, PartialEq)]
enum End {
    Closed,
    Reset,
    Open,
}

/// Sends a request and reads until the end, or until nothing has moved for a while.
fn fetch(spec: &LanSpec, server: IpAddr, request: &str) -> (Got, Vec<LanEventKind>) {
    talk(spec, (server, 80), request, None)
}

/// The same over TLS, trusting one authority.
fn fetch_tls(spec: &LanSpec, trusted: &Authority, name: &str, request: &str) -> (Got, Vec<LanEventKind>) {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(trusted.der().to_vec().into()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let client = rustls::ClientConnection::new(Arc::new(config), name.to_owned().try_into().unwrap()).unwrap();
    talk(spec, (SERVER, 443), request, Some(client))
}

fn talk(
    spec: &LanSpec,
    server: (IpAddr, u16),
    request: &str,
    mut tls: Option<rustls::ClientConnection>,
) -> (Got, Vec<LanEventKind>) {
    let log = LanLog::new(64 << 20);
    let mut engine = Engine::new(spec, 1, log.clone());
    let (mut device, mut line) = (Loopback::new(Medium::Ethernet), Loopback::new(Medium::Ethernet));
    let config = Config::new(HardwareAddress::Ethernet(EthernetAddress(MAC.0)));
    let mut both = Cross { incoming: &mut line, outgoing: &mut device };
    let mut interface = Interface::new(config, &mut both, SmolInstant::ZERO);
    let own: IpAddr = match server.0 {
        IpAddr::V4(_) => Ipv4Addr::new(10, 77, 0, 100).into(),
        IpAddr::V6(_) => "fe80::5054:ff:fe12:3456".parse().unwrap(),
    };
    interface.update_ip_addrs(|known| known.push(IpCidr::new(own.into(), 24)).unwrap());
    let buffer = || tcp::SocketBuffer::new(vec![0; 30_000]);
    let mut sockets = SocketSet::new(Vec::new());
    let handle = sockets.add(tcp::Socket::new(buffer(), buffer()));
    sockets.get_mut::<tcp::Socket<'_>>(handle).connect(interface.context(), server, 40_000).unwrap();
    let (mut got, mut idle) = (Vec::new(), 0);
    let mut pending = Vec::new();
    match &mut tls {
        Some(tls) => tls.writer().write_all(request.as_bytes()).unwrap(),
        None => pending.extend_from_slice(request.as_bytes()),
    }
    let mut now = Instant::now();
    let epoch = now;
    let end = loop {
        // Both ends see the same made-up clock: a millisecond per round.
        now += Duration::from_millis(1);
        let clock = SmolInstant::from_millis((now - epoch).as_millis() as i64);
        let mut moved = false;
        while let Some((_, frame)) = engine.take() {
            // the NE2000's ring stands still behind a shorter one, since QEMU 8.1 pads for senders no more
            assert!(frame.len() >= MIN_FRAME_LEN, "{} bytes of a server", frame.len());
            line.transmit(clock).unwrap().consume(frame.len(), |bytes| bytes.copy_from_slice(&frame));
        }
        // The loopback gives back what was sent into it: `line` feeds the client, `device` what the client sends.
        let mut both = Cross { incoming: &mut line, outgoing: &mut device };
        interface.poll(clock, &mut both, &mut sockets);
        while let Some((frame, _)) = device.receive(clock) {
            moved = true;
            frame.consume(|bytes| engine.receive(0, bytes, now));
        }
        engine.poll(now);
        let socket = sockets.get_mut::<tcp::Socket<'_>>(handle);
        while let Some(tls) = tls.as_mut().filter(|tls| tls.wants_write()) {
            tls.write_tls(&mut pending).unwrap();
        }
        if socket.can_send() && !pending.is_empty() {
            let sent = socket.send_slice(&pending).unwrap();
            pending.drain(..sent);
        }
        let mut heard = Vec::new();
        while socket.can_recv() {
            moved = true;
            let taken = |bytes: &mut [u8]| {
                heard.extend_from_slice(bytes);
                (bytes.len(), ())
            };
            socket.recv(taken).unwrap();
        }
        match &mut tls {
            None => got.extend_from_slice(&heard),
            Some(tls) => {
                let (mut rest, mut clear) = (&heard[..], [0; 4096]);
                while !rest.is_empty() && tls.read_tls(&mut rest).is_ok() {
                    // A refusal queues an alert, which goes out with the next round.
                    if tls.process_new_packets().is_err() {
                        break;
                    }
                    while let Ok(count @ 1..) = tls.reader().read(&mut clear) {
                        got.extend_from_slice(&clear[..count]);
                    }
                }
            }
        }
        match socket.state() {
            tcp::State::CloseWait => break End::Closed,
            tcp::State::Closed => break End::Reset,
            _ => {}
        }
        idle = if moved { 0 } else { idle + 1 };
        if idle > 3000 {
            break End::Open;
        }
    };
    let split = got.windows(4).position(|bytes| bytes == b"\r\n\r\n").map_or(got.len(), |at| at + 4);
    let body = got.split_off(split);
    let events = log.events().into_iter().map(|event| event.kind).collect();
    (Got { head: String::from_utf8(got).unwrap(), body, end }, events)
}

/// A device that receives from one queue and sends into another.
struct Cross<'a> {
    incoming: &'a mut Loopback,
    outgoing: &'a mut Loopback,
}

impl Device for Cross<'_> {
    type RxToken<'b>
        = <Loopback as Device>::RxToken<'b>
    where
        Self: 'b;
    type TxToken<'b>
        = <Loopback as Device>::TxToken<'b>
    where
        Self: 'b;

    fn receive(&mut self, now: SmolInstant) -> Option<(Self::RxToken<'_>, Self::TxToken<'_>)> {
        let (received, _) = self.incoming.receive(now)?;
        Some((received, self.outgoing.transmit(now)?))
    }

    fn transmit(&mut self, now: SmolInstant) -> Option<Self::TxToken<'_>> {
        self.outgoing.transmit(now)
    }

    fn capabilities(&self) -> smoltcp::phy::DeviceCapabilities {
        let mut capabilities = self.outgoing.capabilities();
        capabilities.max_transmission_unit = 1514;
        // A loopback leaves checksums out; the lan looks at them.
        capabilities.checksum = smoltcp::phy::ChecksumCapabilities::default();
        capabilities
    }
}

const SERVER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 77, 0, 1));

fn bytes(count: usize) -> Vec<u8> {
    (0..count).map(|at| (at * 31 / 7) as u8).collect()
}

fn request(method: &str, path: &str, more: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nHost: 10.77.0.1\r\n{more}\r\n")
}

fn with(resource: Resource) -> LanSpec {
    LanSpec::new().http(Http::default().route("/f", Answer::Resource(resource)))
}

#[rstest]
#[case(SERVER)]
#[case(IpAddr::V6(Ipv6::LINK_LOCAL))]
fn a_large_file_arrives_whole_and_is_reported_complete(#[case] server: IpAddr) {
    let spec = LanSpec::new().file("f.efi", bytes(700_000));
    let (got, events) = fetch(&spec, server, &request("GET", "/f.efi", ""));
    assert!(got.head.starts_with("HTTP/1.1 200 OK\r\n"), "{}", got.head);
    assert!(got.head.contains("Content-Length: 700000\r\n"), "{}", got.head);
    assert!(got.body == bytes(700_000));
    assert!(events.contains(&LanEventKind::HttpComplete { path: "/f.efi".into(), bytes: 700_000 }));
}

#[test]
fn head_has_the_header_of_get_and_no_body() {
    let (got, _) = fetch(&LanSpec::new().file("f", bytes(999)), SERVER, &request("HEAD", "/f", ""));
    assert!(got.head.contains("Content-Length: 999\r\n"), "{}", got.head);
    assert_eq!(got.body, b"");
}

#[rstest]
#[case("Range: bytes=10-19\r\n", "206", 10..20)]
#[case("Range: bytes=-5\r\n", "206", 995..1000)]
#[case("Range: apples=1-2\r\n", "200", 0..1000)]
fn ranges_are_honoured(#[case] header: &str, #[case] status: &str, #[case] range: std::ops::Range<usize>) {
    let (got, _) = fetch(&LanSpec::new().file("f", bytes(1000)), SERVER, &request("GET", "/f", header));
    assert!(got.head.starts_with(&format!("HTTP/1.1 {status}")), "{}", got.head);
    assert_eq!(got.body, bytes(1000)[range]);
}

#[rstest]
#[case::not_offered("/g", "404")]
#[case::traversal("/../f", "404")]
#[case::encoded("/%2e%2e/f", "404")]
#[case::doubled("//f", "200")]
#[case::doubled_and_not_offered("//g", "404")]
#[case::not_a_path("*", "404")]
#[case::over_long(&"/a".repeat(20_000), "404")]
fn a_name_is_found_as_it_is_offered_and_with_doubled_slashes(#[case] path: &str, #[case] status: &str) {
    let (got, _) = fetch(&LanSpec::new().file("f", bytes(10)), SERVER, &request("GET", path, ""));
    assert!(got.head.starts_with(&format!("HTTP/1.1 {status}")), "{}", got.head);
}

#[test]
fn other_methods_and_nonsense_are_refused() {
    let spec = LanSpec::new().file("f", bytes(10));
    assert!(fetch(&spec, SERVER, &request("DELETE", "/f", "")).0.head.starts_with("HTTP/1.1 405"));
    assert!(fetch(&spec, SERVER, "\0\x01nonsense\r\n\r\n").0.head.starts_with("HTTP/1.1 400"));
}

#[test]
fn redirects_and_statuses_are_sent_as_given() {
    let http = Http::default()
        .route("/old", Answer::Redirect { status: 302, location: "/new".into() })
        .route("/busy", Answer::Status(503));
    let spec = LanSpec::new().http(http);
    let (got, _) = fetch(&spec, SERVER, &request("GET", "/old", ""));
    assert!(got.head.starts_with("HTTP/1.1 302") && got.head.contains("Location: /new\r\n"), "{}", got.head);
    assert!(fetch(&spec, SERVER, &request("GET", "/busy", "")).0.head.starts_with("HTTP/1.1 503"));
}

#[test]
fn a_length_is_told_in_chunks_not_at_all_or_wrongly() {
    let (got, _) = fetch(&with(Resource::new(bytes(100)).chunked()), SERVER, &request("GET", "/f", ""));
    assert!(
        got.head.contains("Transfer-Encoding: chunked\r\n") && !got.head.contains("Content-Length"),
        "{}",
        got.head
    );
    assert!(got.body.ends_with(b"0\r\n\r\n"));

    let resource = Resource::new(bytes(100)).length(Length::UntilClose);
    let (got, _) = fetch(&with(resource), SERVER, &request("GET", "/f", ""));
    assert!(!got.head.contains("Content-Length") && !got.head.contains("chunked"), "{}", got.head);
    assert_eq!((got.body, got.end), (bytes(100), End::Closed));

    let resource = Resource::new(bytes(100)).length(Length::Claimed(5000));
    let (got, _) = fetch(&with(resource), SERVER, &request("GET", "/f", ""));
    assert!(got.head.contains("Content-Length: 5000\r\n"), "{}", got.head);
    assert_eq!((got.body, got.end), (bytes(100), End::Closed));

    let resource = Resource::new(bytes(100)).length(Length::Claimed(40));
    let (got, _) = fetch(&with(resource), SERVER, &request("GET", "/f", ""));
    assert_eq!(got.body, bytes(40));

    let resource = Resource::new(bytes(100)).head(Head::Claimed(7));
    assert!(fetch(&with(resource), SERVER, &request("HEAD", "/f", "")).0.head.contains("Content-Length: 7\r\n"));
    let resource = Resource::new(bytes(100)).head(Head::Status(405));
    assert!(fetch(&with(resource), SERVER, &request("HEAD", "/f", "")).0.head.starts_with("HTTP/1.1 405"));
}

#[rstest]
#[case::stall(BodyFault::StallAfter(50_000), End::Open)]
#[case::reset(BodyFault::ResetAfter(50_000), End::Reset)]
#[case::close(BodyFault::CloseAfter(50_000), End::Closed)]
fn a_body_breaks_off_where_asked(#[case] fault: BodyFault, #[case] end: End) {
    let resource = Resource::new(bytes(200_000)).fault(fault);
    let (got, events) = fetch(&with(resource), SERVER, &request("GET", "/f", ""));
    assert_eq!(got.end, end);
    assert_eq!(got.body.len(), 50_000);
    let struck = LanEventKind::HttpBodyFault { path: "/f".into(), fault, sent: 50_000 };
    assert!(events.contains(&struck), "{events:?}");
    assert!(!events.iter().any(|event| matches!(event, LanEventKind::HttpComplete { .. })));
}

#[test]
fn silence_and_reset_answer_nothing() {
    let http = Http::default().route("/s", Answer::Silence).route("/r", Answer::Reset);
    let spec = LanSpec::new().http(http);
    let (got, events) = fetch(&spec, SERVER, &request("GET", "/s", ""));
    assert_eq!((got.head.as_str(), got.end), ("", End::Open));
    assert!(matches!(events.last(), Some(LanEventKind::HttpRequest { status: None, .. })));
    assert_eq!(fetch(&spec, SERVER, &request("GET", "/r", "")).0.end, End::Reset);
}

#[test]
fn a_port_without_a_server_is_reset() {
    let spec = LanSpec::new().http(Http { ports: vec![], ..Http::default() });
    assert_eq!(fetch(&spec, SERVER, "").0.end, End::Reset);
}

#[rstest]
#[case::rsa_3072(KeyKind::Rsa3072, Validity::Always, true)]
#[case::p256(KeyKind::EcdsaP256, Validity::Always, true)]
#[case::p384(KeyKind::EcdsaP384, Validity::Always, true)]
#[case::ed25519(KeyKind::Ed25519, Validity::Always, true)]
#[case::expired(KeyKind::EcdsaP256, Validity::Expired, false)]
#[case::not_yet(KeyKind::EcdsaP256, Validity::NotYet, false)]
fn every_kind_of_key_serves_and_a_certificate_out_of_its_time_does_not(
    #[case] kind: KeyKind,
    #[case] validity: Validity,
    #[case] served: bool,
) {
    static AUTHORITY: LazyLock<Authority> = LazyLock::new(|| Authority::new("ours").unwrap());
    let identity = AUTHORITY.issue_with(&["boot.test"], kind, validity).unwrap();
    let spec = LanSpec::new().file("f.efi", bytes(3000)).http(Http::default().tls(identity));
    let (got, events) = fetch_tls(&spec, &AUTHORITY, "boot.test", &request("GET", "/f.efi", ""));
    assert_eq!(got.body == bytes(3000), served);
    assert_eq!(events.iter().any(|event| matches!(event, LanEventKind::TlsRefused { .. })), !served, "{events:?}");
}

#[test]
fn https_serves_who_trusts_the_authority_and_reports_who_does_not() {
    let (ours, other) = (Authority::new("ours").unwrap(), Authority::new("other").unwrap());
    let identity = ours.issue(&["boot.test", "10.77.0.1"]).unwrap();
    let spec = LanSpec::new().file("f.efi", bytes(300_000)).http(Http::default().tls(identity));
    for name in ["boot.test", "10.77.0.1"] {
        let (got, events) = fetch_tls(&spec, &ours, name, &request("GET", "/f.efi", ""));
        assert!(got.head.starts_with("HTTP/1.1 200"), "{name}: {}", got.head);
        assert!(got.body == bytes(300_000));
        assert!(events.iter().any(|event| matches!(event, LanEventKind::HttpRequest { secure: true, .. })));
    }
    for (authority, name) in [(&other, "boot.test"), (&ours, "other.test")] {
        let (got, events) = fetch_tls(&spec, authority, name, &request("GET", "/f.efi", ""));
        assert_eq!(got.head, "");
        assert!(events.iter().any(|event| matches!(event, LanEventKind::TlsRefused { .. })), "{events:?}");
    }
}

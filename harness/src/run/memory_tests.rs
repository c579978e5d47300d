//! How much memory the harness takes at most in each hostile case: played in a process of its own, which says its peak.

use std::io::{BufRead, BufReader, Write};
use std::net::Ipv4Addr;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use bootwright_images::Nonce;
use rstest::rstest;

use super::network::{NetworkRecord, Networks};
use super::tests::{case, platform};
use super::{Options, Patience, run};
use crate::evidence::Recorder;
use crate::lan::wire::MacAddr;
use crate::lan::wire::dhcpv4::{self, MessageType};
use crate::lan::wire::{ethernet, ipv4, udp};
use crate::lan::{DhcpServer, LanEvent, LanEventKind, LanSpec};
use crate::machine::{Firmware, Machine, Network};
use crate::process::Command;
use crate::trace::{Names, Reader};
use crate::vm::fake::Behaviour;

/// The most that one machine may cost, KiB.
const MOST_KIB: u64 = 100 << 10;

/// Says which case is to be played; not set in an ordinary test run.
const CASE: &str = "BOOTWRIGHT_HOSTILE_CASE";

/// A discover whose client identifier has so many bytes.
fn discover(client_id: usize) -> Vec<u8> {
    let mac = MacAddr([0x52, 0x54, 0, 0x12, 0x34, 0x56]);
    let unspecified = Ipv4Addr::UNSPECIFIED;
    let message = dhcpv4::Repr {
        reply: false,
        xid: 1,
        secs: 0,
        broadcast: true,
        client_ip: unspecified,
        your_ip: unspecified,
        next_server: unspecified,
        relay_ip: unspecified,
        client_mac: mac,
        server_name: Vec::new(),
        boot_file: Vec::new(),
        options: vec![
            (dhcpv4::option::MESSAGE_TYPE, vec![MessageType::Discover.number()]),
            (dhcpv4::option::VENDOR_CLASS, b"PXEClient:Arch:00000:UNDI:003001".to_vec()),
            (61, vec![7; client_id]),
        ],
    };
    datagram((unspecified, 68), (Ipv4Addr::BROADCAST, 67), &message.emit())
}

/// A TFTP read request of a port of its own for a file whose name has so many bytes (RFC 1350 section 5).
fn read_request(port: u16, name: usize) -> Vec<u8> {
    let request = [&[0, 1][..], &vec![b'a'; name], b"\0octet\0"].concat();
    datagram((Ipv4Addr::new(10, 77, 0, 9), port), (Ipv4Addr::new(10, 77, 0, 1), 69), &request)
}

/// In a frame to everybody.
fn datagram((src, src_port): (Ipv4Addr, u16), (dst, dst_port): (Ipv4Addr, u16), payload: &[u8]) -> Vec<u8> {
    let mac = MacAddr([0x52, 0x54, 0, 0x12, 0x34, 0x56]);
    let datagram = udp::Repr { src_port, dst_port }.emit(src.into(), dst.into(), payload);
    let header = ipv4::Repr { src, dst, protocol: ipv4::UDP, identification: 1, hop_limit: 64 };
    ethernet::Repr { dst: MacAddr::BROADCAST, src: mac, ethertype: ethernet::IPV4 }.emit(&header.emit(&datagram))
}

/// A guest that sends so many frames, recorded and read as a case does it. The lan must have taken part: a frame that nobody takes costs
/// nothing.
fn flood(count: u16, frame: impl Fn(u16) -> Vec<u8>, folder: &Path) {
    let machine = Machine::pc(Firmware::SeaBios)
        .network(Network::new(LanSpec::new().dhcp(DhcpServer::new("main").boot_file("x"))))
        .nic("virtio-net-pci", Some(0));
    let networks = Networks::of(&machine, folder, |_| Nonce([0; 16])).unwrap();
    let recorder = Recorder::new();
    let (running, far) = networks.power_on(&recorder).unwrap();
    let mut nic = UnixStream::from(far.nics.into_iter().next().unwrap());
    let mut answers = nic.try_clone().unwrap();
    std::thread::spawn(move || std::io::copy(&mut answers, &mut std::io::sink()));
    for number in 0..count {
        let frame = frame(number);
        nic.write_all(&[&(frame.len() as u32).to_be_bytes()[..], &frame].concat()).unwrap();
    }
    nic.shutdown(std::net::Shutdown::Write).unwrap();
    let mut record = NetworkRecord::default();
    record.add(running.power_off(true, &recorder));
    let mut reader = Reader::new(Firmware::SeaBios, Names::default());
    {
        let asked = record.events().filter(is_asked).count();
        assert!(asked > 100, "{asked} of {} events", record.events().count());
        reader.network(record.events(), b"");
    }
    record.write(folder).unwrap();
    crate::evidence::file::write_with(&folder.join("timeline.jsonl"), |mut out| recorder.write_timeline(&mut out))
        .unwrap();
}

fn is_asked(event: &LanEvent) -> bool {
    matches!(event.kind, LanEventKind::Dhcp(_) | LanEventKind::TftpError { .. })
}

/// Plays what it is asked to play.
fn play(name: &str) {
    let folder = tempfile::tempdir().unwrap();
    let behaviour = match name {
        "discovers" => return flood(20_000, |_| discover(1_200), folder.path()),
        "jumbo" => return flood(500, |_| discover(60_000), folder.path()),
        "tftp" => return flood(5_000, |number| read_request(1024 + number, 16_600), folder.path()),
        "serial" => Behaviour::FloodsSerial,
        "console" => Behaviour::FloodsDebugConsole,
        "monitor" => Behaviour::FloodsMonitor,
        "stderr" => Behaviour::FloodsStderr,
        _ => Behaviour::BannerOnly,
    };
    let seconds = Duration::from_secs(5);
    let patience =
        Patience { reply: seconds * 4, first_sign: seconds, progress: seconds, refuted: seconds, run: seconds };
    run(&case(Firmware::SeaBios), &platform(behaviour), &Options::new(folder.path(), 1).patience(patience));
}

/// The most resident memory that playing a case took, KiB (`VmHWM`).
fn peak(name: &str) -> u64 {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "run::memory_tests::says_its_peak", "--nocapture"]).env(CASE, name);
    let done = command.read(b"", Duration::from_secs(120)).unwrap();
    let said = BufReader::new(&done.stdout[..]).lines().map_while(Result::ok);
    let peak = said.filter_map(|line| line.split_once("peak KiB: ")?.1.trim().parse().ok()).next();
    peak.unwrap_or_else(|| panic!("{name}: {}\n{}", String::from_utf8_lossy(&done.stdout), done.stderr))
}

/// The `main` of that process: returns at once where nobody asked for a case.
#[test]
fn says_its_peak() {
    let Ok(name) = std::env::var(CASE) else { return };
    play(&name);
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    println!("peak KiB: {}", peak.trim().trim_end_matches(" kB"));
}

#[rstest]
#[case::a_guest_that_prints_a_line_and_stops("quiet")]
#[case::a_guest_that_floods_the_serial_port("serial")]
#[case::a_guest_that_floods_the_debug_console("console")]
#[case::a_qemu_that_floods_its_monitor("monitor")]
#[case::a_qemu_that_floods_its_standard_error("stderr")]
#[case::twenty_thousand_discovers_with_long_options("discovers")]
#[case::five_hundred_jumbo_discovers("jumbo")]
#[case::five_thousand_long_read_requests("tftp")]
fn the_harness_takes_less_than_100_mib_for(#[case] name: &str) {
    let peak = peak(name);
    println!("{name}: {peak} KiB at most");
    assert!(peak < MOST_KIB, "{name}: {peak} KiB");
}

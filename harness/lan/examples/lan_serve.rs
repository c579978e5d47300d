//! Runs a QEMU command on a lan and prints what happens on it; for looking at firmware by hand.
//!
//! `lan_serve [--file NAME=PATH]... [--boot NAME] [--arch N=NAME]... [--http N=URL]... [--v6 N=URL]...
//!  [--cacerts FILE] [--oack-delay MS] [--late DISCOVERS] [--dead] [--capture FILE] [--seconds N] -- qemu-system-x86_64 ARGS...`
//!
//! `--boot` is for everyone, `--arch` for clients of one architecture, `--http` for UEFI HTTP clients of one, `--v6` for
//! DHCPv6. `--cacerts` serves HTTPS and writes the authority there as OVMF takes it by fw_cfg.
//!
//! `@NET@` in the arguments becomes `stream,server=off,addr.type=fd,addr.str=N`, once per NIC:
//! `-netdev @NET@,id=n0 -device virtio-net-pci,netdev=n0`.

use std::error::Error;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};

use bootwright_lan::faults::{Action, FrameMatch, Until};
use bootwright_lan::routes::Http;
use bootwright_lan::tls::Authority;
use bootwright_lan::wire::{summary::Message, tftp::Opcode};
use bootwright_lan::{BootAnswer, DhcpServer, Dhcpv6Server, Fault, Ipv6, Lan, LanEvent, LanSpec, Match, pcapng};

fn main() -> Result<(), Box<dyn Error>> {
    let mut spec = LanSpec::new();
    let mut server = DhcpServer::new("main");
    let mut v6: Option<Dhcpv6Server> = None;
    let mut capture = None;
    let mut limit = Duration::from_secs(60);
    let mut args = std::env::args().skip(1);
    let usage = "see the comment at the top of this file";
    while let Some(flag) = args.next() {
        if flag == "--" {
            break;
        }
        if flag == "--dead" {
            spec = spec.fault(Fault::dead_network());
            continue;
        }
        let value = args.next().ok_or(usage)?;
        match flag.as_str() {
            "--file" => {
                let (name, path) = value.split_once('=').ok_or(usage)?;
                spec = spec.file(name, std::fs::read(path)?);
            }
            "--boot" => server = server.boot_file(value),
            "--arch" | "--http" | "--v6" => {
                let (arch, target) = value.split_once('=').ok_or(usage)?;
                let arch: u16 = arch.parse()?;
                match (flag.as_str(), arch) {
                    ("--arch", _) => server = server.rule(Match::Arch(arch), BootAnswer::file(target)),
                    ("--http", _) => server = server.rule(Match::Arch(arch), BootAnswer::http(target)),
                    (_, 15 | 16 | 19) => v6 = Some(v6.unwrap_or(Dhcpv6Server::new("v6")).http_url(arch, target)),
                    _ => v6 = Some(v6.unwrap_or(Dhcpv6Server::new("v6")).boot_url(Some(arch), target)),
                }
            }
            "--cacerts" => {
                let authority = Authority::new("lan_serve")?;
                std::fs::write(value, authority.edk2_cacerts())?;
                spec = spec.http(Http::default().tls(authority.issue(&["10.77.0.1", "boot.test"])?));
            }
            "--late" => spec = spec.fault(Fault::forward_delay(Until::Discovers(value.parse()?))),
            "--oack-delay" => {
                let option_ack = FrameMatch::message(Message::Tftp(Opcode::OptionAck));
                let delay = Action::Delay(Duration::from_millis(value.parse()?));
                spec = spec.fault(Fault::new("slow option acknowledgment", option_ack, delay));
            }
            "--capture" => capture = Some(value),
            "--seconds" => limit = Duration::from_secs(value.parse()?),
            _ => return Err(usage.into()),
        }
    }
    let mut spec = spec.dhcp(server).name("boot.test", std::net::Ipv4Addr::new(10, 77, 0, 1));
    if let Some(v6) = v6 {
        spec = spec.ipv6(Ipv6::with_dhcp(v6));
    }
    let (mut guest_ends, mut ports) = (Vec::new(), Vec::new());
    let mut command = Command::new(args.next().ok_or(usage)?);
    for arg in args {
        if !arg.contains("@NET@") {
            command.arg(arg);
            continue;
        }
        let (guest, port) = UnixStream::pair()?;
        fcntl(&guest, FcntlArg::F_SETFD(FdFlag::empty()))?;
        let netdev = format!("stream,server=off,addr.type=fd,addr.str={}", guest.as_raw_fd());
        command.arg(arg.replace("@NET@", &netdev));
        guest_ends.push(guest);
        ports.push(port);
    }
    let started = Instant::now();
    let lan = Lan::start(spec, ports)?;
    let mut qemu = command.spawn()?;
    drop(guest_ends);
    let mut shown = 0;
    let status = loop {
        std::thread::sleep(Duration::from_millis(20));
        shown += print(&lan.log().events_from(shown), started);
        if let Some(status) = qemu.try_wait()? {
            break status;
        }
        if started.elapsed() > limit {
            qemu.kill()?;
        }
    };
    let nics = lan.nics();
    let log = lan.stop();
    print(&log.events_from(shown), started);
    println!("{status} after {:.3} s, {} frames", started.elapsed().as_secs_f64(), log.records().len());
    if let Some(path) = capture {
        pcapng::write(&log, nics, &mut std::fs::File::create(path)?)?;
    }
    Ok(())
}

fn print(events: &[LanEvent], started: Instant) -> usize {
    for event in events {
        let at = event.at.saturating_duration_since(started).as_secs_f64();
        println!("{at:9.4} nic {:?} {:?}", event.port, event.kind);
    }
    events.len()
}

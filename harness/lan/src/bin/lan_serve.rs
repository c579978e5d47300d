//! Runs QEMU by hand on a lan and prints what happens there.
//!
//! Every `@NET@` in QEMU's arguments becomes a connection to the lan, so that
//! `-netdev @NET@,id=n0 -device virtio-net-pci,netdev=n0` is one NIC.

use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode};
use std::time::{Duration, Instant};

use bootwright_lan::routes::Http;
use bootwright_lan::tls::Authority;
use bootwright_lan::{BootAnswer, DhcpServer, Dhcpv6Server, Fault, Ipv6, Lan, LanEvent, LanSpec, Match, pcapng};
use clap::Parser;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};

/// Run QEMU by hand on an in-process network and print what happens there.
#[derive(Debug, Parser)]
#[command(name = "lan-serve", after_help = EXAMPLE)]
struct Options {
    /// A whole network as JSON (a `LanSpec`); the other options add to it
    #[arg(long, value_name = "FILE")]
    lan: Option<PathBuf>,
    /// Offer a file by TFTP, and by HTTP at /NAME
    #[arg(long = "file", value_name = "NAME=PATH", value_parser = pair)]
    files: Vec<(String, String)>,
    /// Boot file or URL for every DHCP client
    #[arg(long, value_name = "NAME")]
    boot: Option<String>,
    /// Boot file for DHCP clients of one architecture (option 93, decimal)
    #[arg(long = "arch", value_name = "N=NAME", value_parser = arch)]
    archs: Vec<(u16, String)>,
    /// URL for UEFI HTTP clients of one architecture (16: x64)
    #[arg(long = "http", value_name = "N=URL", value_parser = arch)]
    urls: Vec<(u16, String)>,
    /// URL for DHCPv6 clients of one architecture
    #[arg(long = "v6", value_name = "N=URL", value_parser = arch)]
    v6: Vec<(u16, String)>,
    /// Serve HTTPS and write the authority there, as OVMF takes it by -fw_cfg name=etc/edk2/https/cacerts,file=FILE
    #[arg(long, value_name = "FILE")]
    cacerts: Option<PathBuf>,
    /// Nothing passes in either direction
    #[arg(long)]
    dead: bool,
    /// Write a capture (pcapng) at the end
    #[arg(long, value_name = "FILE")]
    capture: Option<PathBuf>,
    /// End QEMU after this many seconds
    #[arg(long, value_name = "N", default_value_t = 60)]
    seconds: u64,
    /// QEMU and its arguments; every @NET@ becomes a connection to the lan
    #[arg(last = true, required = true, value_name = "QEMU ARGS")]
    qemu: Vec<OsString>,
}

const EXAMPLE: &str = "Example:
  lan-serve --file boot.0=pxelinux.0 --boot boot.0 --capture net.pcapng -- \\
    qemu-system-x86_64 -display none -boot n -netdev @NET@,id=n0 -device virtio-net-pci,netdev=n0";

/// One error with its cause, as it is printed.
#[derive(Debug)]
struct Failure(String);

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("wanted NAME=PATH, with one =")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn arch(text: &str) -> Result<(u16, String), String> {
    let (number, value) = text.split_once('=').ok_or("wanted N=NAME, with one =")?;
    let number = number.parse().map_err(|_| format!("wanted an architecture from 0 to 65535, seen \"{number}\""))?;
    Ok((number, value.to_owned()))
}

fn main() -> ExitCode {
    match run(Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure(text)) => {
            eprintln!("lan-serve: {text}");
            ExitCode::from(2)
        }
    }
}

fn run(options: Options) -> Result<(), Failure> {
    let spec = spec(&options)?;
    let (mut command, ports, ends) = command(&options.qemu)?;
    if ports.is_empty() {
        return Err(Failure("no @NET@ in QEMU's arguments: no NIC is on the lan (see --help)".to_owned()));
    }
    let started = Instant::now();
    let lan = Lan::start(spec, ports).map_err(|error| chain("cannot start the lan", &error))?;
    let program = options.qemu.first().map(|program| program.to_string_lossy().into_owned()).unwrap_or_default();
    let mut qemu = command.spawn().map_err(|error| Failure(format!("cannot run {program}: {error}")))?;
    drop(ends);
    let ended = follow(&lan, &mut qemu, started, Duration::from_secs(options.seconds));
    let nics = lan.nics();
    let log = lan.stop();
    let status = ended?;
    println!("{status} after {:.3} s, {} frames", started.elapsed().as_secs_f64(), log.records().len());
    if let Some(path) = &options.capture {
        let written = fs::File::create(path).and_then(|mut file| pcapng::write(&log, nics, &mut file));
        written.map_err(|error| Failure(format!("cannot write {}: {error}", path.display())))?;
    }
    Ok(())
}

/// Prints events until QEMU has ended, by itself or by the limit.
fn follow(lan: &Lan, qemu: &mut Child, started: Instant, limit: Duration) -> Result<String, Failure> {
    let mut shown = 0;
    let failed = |error: std::io::Error| Failure(format!("cannot wait for QEMU: {error}"));
    loop {
        std::thread::sleep(Duration::from_millis(20));
        let status = qemu.try_wait().map_err(failed)?;
        shown += print(&lan.log().events_from(shown), started);
        if let Some(status) = status {
            return Ok(status.to_string());
        }
        if started.elapsed() > limit {
            qemu.kill().map_err(failed)?;
        }
    }
}

fn print(events: &[LanEvent], started: Instant) -> usize {
    for event in events {
        let at = event.at.saturating_duration_since(started).as_secs_f64();
        let nic = event.port.map_or("-".to_owned(), |port| port.to_string());
        let what = serde_json::to_string(&event.kind).unwrap_or_else(|error| error.to_string());
        println!("{at:9.4} nic {nic} {what}");
    }
    events.len()
}

fn spec(options: &Options) -> Result<LanSpec, Failure> {
    let mut spec = match &options.lan {
        Some(path) => serde_json::from_slice(&read(path)?)
            .map_err(|error| Failure(format!("{} is no lan: {error}", path.display())))?,
        None => LanSpec::new(),
    };
    for (name, path) in &options.files {
        spec = spec.file(name, read(Path::new(path))?);
    }
    let mut server = DhcpServer::new("main");
    for (arch, name) in &options.archs {
        server = server.rule(Match::Arch(*arch), BootAnswer::file(name));
    }
    for (arch, url) in &options.urls {
        server = server.rule(Match::Arch(*arch), BootAnswer::http(url));
    }
    server = options.boot.iter().fold(server, |server, name| server.boot_file(name));
    if !server.rules.is_empty() || spec.dhcp.is_empty() {
        spec = spec.dhcp(server);
    }
    if !options.v6.is_empty() {
        let server = options.v6.iter().fold(Dhcpv6Server::new("v6"), |server, (arch, url)| match arch {
            15 | 16 | 19 => server.http_url(*arch, url),
            _ => server.boot_url(Some(*arch), url),
        });
        spec = spec.ipv6(Ipv6::with_dhcp(server));
    }
    if let Some(path) = &options.cacerts {
        spec.http = with_tls(spec.http, spec.address, path)?;
    }
    Ok(if options.dead { spec.fault(Fault::dead_network()) } else { spec })
}

fn with_tls(http: Http, address: std::net::Ipv4Addr, path: &Path) -> Result<Http, Failure> {
    let failed = |error: bootwright_lan::tls::TlsError| chain("cannot make a certificate", &error);
    let authority = Authority::new("lan-serve").map_err(failed)?;
    let identity = authority.issue(&[&address.to_string(), "boot.test"]).map_err(failed)?;
    fs::write(path, authority.edk2_cacerts())
        .map_err(|error| Failure(format!("cannot write {}: {error}", path.display())))?;
    Ok(http.tls(identity))
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|error| Failure(format!("cannot read {}: {error}", path.display())))
}

/// An error with its causes in one line.
fn chain(what: &str, error: &dyn std::error::Error) -> Failure {
    let causes = std::iter::successors(Some(error), |error| error.source());
    Failure(causes.fold(what.to_owned(), |text, cause| format!("{text}: {cause}")))
}

/// QEMU's command with a connection in place of every `@NET@`, the lan's ends, and the guest's ends, which are to be closed
/// once QEMU has them.
fn command(qemu: &[OsString]) -> Result<(Command, Vec<UnixStream>, Vec<UnixStream>), Failure> {
    let (program, args) = qemu.split_first().ok_or_else(|| Failure("no QEMU was given".to_owned()))?;
    let mut command = Command::new(program);
    let (mut ports, mut ends) = (Vec::new(), Vec::new());
    for arg in args {
        let Some(text) = arg.to_str().filter(|text| text.contains("@NET@")) else {
            command.arg(arg);
            continue;
        };
        let refused = |error: std::io::Error| Failure(format!("cannot make a socket pair: {error}"));
        let (guest, port) = UnixStream::pair().map_err(refused)?;
        fcntl(&guest, FcntlArg::F_SETFD(FdFlag::empty())).map_err(|error| refused(error.into()))?;
        let netdev = format!("stream,server=off,addr.type=fd,addr.str={}", guest.as_raw_fd());
        command.arg(text.replace("@NET@", &netdev));
        ends.push(guest);
        ports.push(port);
    }
    Ok((command, ports, ends))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Options::command().debug_assert();
    }

    #[test]
    fn rules_stand_in_the_order_architecture_url_everyone() {
        let line = ["lan-serve", "--boot", "any", "--http", "16=http://10.77.0.1/a", "--arch", "7=x.efi", "--", "qemu"];
        let spec = spec(&Options::parse_from(line)).unwrap();
        let matches: Vec<_> = spec.dhcp[0].rules.iter().map(|rule| rule.when.clone()).collect();
        assert_eq!(matches, [Match::Arch(7), Match::Arch(16), Match::Any]);
    }

    #[test]
    fn what_is_wrong_is_said_with_what_was_wanted() {
        for (line, reason) in [
            (["--arch", "x=boot.0"], "wanted an architecture from 0 to 65535, seen \"x\""),
            (["--file", "boot.0"], "wanted NAME=PATH"),
        ] {
            let line = ["lan-serve", line[0], line[1], "--", "qemu"];
            let error = Options::try_parse_from(line).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }

    #[test]
    fn a_lan_that_is_none_is_refused_with_its_file_and_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lan.json");
        fs::write(&path, "{\n\"dhcpp\": []}").unwrap();
        let line = ["lan-serve".into(), "--lan".into(), path.as_os_str().to_owned(), "--".into(), "qemu".into()];
        let error = spec(&Options::parse_from::<_, OsString>(line)).unwrap_err().to_string();
        assert!(error.contains("lan.json is no lan: unknown field `dhcpp`") && error.contains("line 2"), "{error}");
    }
}

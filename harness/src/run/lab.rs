//! The bridge lab of one run: its folder with script, configuration and served files, and the command that QEMU is wrapped
//! in.
//!
//! Whatever runs in the lab ends with it: `unshare` dies with the harness, its child with it, and that child is the first
//! process of a process namespace, whose end ends the rest; bridge and tap devices go with the network namespace.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::PipeReader;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::thread::JoinHandle;
use std::time::Duration;

use super::error::RunError;
use crate::error::{chain, panic_message};
use crate::evidence::file;
use crate::lan::wire::MacAddr;
use crate::lan::{LanLog, LanSpec, witness};
use crate::machine::bridge::tap;
use crate::machine::{Bridge, Machine};
use crate::process::Command;

/// Namespaces of the lab; the first process in them is killed when `unshare` ends.
pub(crate) const UNSHARE: [&str; 8] =
    ["unshare", "--user", "--map-root-user", "--net", "--mount", "--pid", "--fork", "--kill-child=KILL"];

/// How long it may take to find out whether a lab can be made.
const PROBE_LIMIT: Duration = Duration::from_secs(60);

/// Where the environment of `lab.sh` has the number of the descriptor that its lines go to.
const LOG_VARIABLE: &str = "BOOTWRIGHT_LAB_LOG";

/// Writes `lab.sh` and `lab/` into an evidence folder.
///
/// # Errors
///
/// The file that could not be written.
pub fn write(folder: &Path, bridge: &Bridge, nics: &[usize], lan: &LanSpec) -> Result<(), RunError> {
    let lab = folder.join("lab");
    let texts = bridge.configuration().into_iter().map(|(name, text)| (PathBuf::from(name), text.as_bytes()));
    let files = lan.files.iter().map(|(name, bytes)| (Path::new("tftp").join(name), &bytes[..]));
    for (name, bytes) in texts.chain(files) {
        put(&lab.join(name), bytes)?;
    }
    let script = folder.join("lab.sh");
    put(&script, bridge.script(nics).as_bytes())?;
    let executable = fs::set_permissions(&script, fs::Permissions::from_mode(0o755));
    executable.map_err(RunError::file("make executable", &script))
}

fn put(path: &Path, bytes: &[u8]) -> Result<(), RunError> {
    let parent = path.parent().unwrap_or(Path::new("."));
    let made = fs::create_dir_all(parent).and_then(|()| file::write(path, bytes));
    made.map_err(RunError::file("write", path))
}

/// QEMU's command, wrapped in the lab of the folder that it is started in.
pub fn wrapped(qemu: &[OsString]) -> Vec<OsString> {
    let wrapper = UNSHARE.into_iter().chain(["--", "sh", "lab.sh"]);
    wrapper.map(OsString::from).chain(qemu.iter().cloned()).collect()
}

/// The lab's near ends: who reads its frames and its lines.
pub struct Readers(Vec<JoinHandle<()>>);

/// The lab's far ends.
pub struct FarEnds {
    /// One pipe for each NIC, in device order.
    pub nics: Vec<OwnedFd>,
    /// What `lab.sh` inherits.
    pub log: OwnedFd,
    /// What it is told.
    pub env: (String, String),
}

/// Begins to read a lab that is about to be powered on.
///
/// # Errors
///
/// The host's where it has no descriptors left.
pub fn readers(nics: &[usize], log: &LanLog) -> std::io::Result<(Readers, FarEnds)> {
    let mut readers = Vec::new();
    let mut far = Vec::new();
    for (port, &device) in nics.iter().enumerate() {
        let (near, end): (PipeReader, _) = std::io::pipe()?;
        readers.push(witness::listen(near, mac(device), port, log.clone())?);
        far.push(OwnedFd::from(end));
    }
    let (near, end) = std::io::pipe()?;
    readers.push(witness::read_lines(near, nics.iter().map(|&nic| tap(nic)).collect(), log.clone())?);
    let end = OwnedFd::from(end);
    let env = (LOG_VARIABLE.to_owned(), end.as_raw_fd().to_string());
    Ok((Readers(readers), FarEnds { nics: far, log: end, env }))
}

impl Readers {
    /// Waits until everything was read; the lab must have ended. Gives what the readers' panics said.
    pub fn finish(self) -> Vec<String> {
        let panics = self.0.into_iter().filter_map(|reader| reader.join().err());
        panics.map(|panic| panic_message(panic.as_ref())).collect()
    }
}

/// The address that [`crate::machine::argv::mac`] gives a NIC.
fn mac(device: usize) -> MacAddr {
    let text = crate::machine::argv::mac(device);
    let mut bytes = [0; 6];
    for (byte, part) in bytes.iter_mut().zip(text.split(':')) {
        *byte = u8::from_str_radix(part, 16).unwrap_or_default();
    }
    MacAddr(bytes)
}

/// What this host lacks for a machine's bridge, in words; `None` where it lacks nothing or there is no bridge.
pub fn missing(machine: &Machine) -> Option<String> {
    let (bridge, _) = machine.bridge()?;
    let absent: Vec<_> = bridge.programs().into_iter().filter(|program| find(program).is_none()).collect();
    if !absent.is_empty() {
        let packages: Vec<_> = absent.iter().map(|program| package(program)).collect();
        let (absent, packages) = (absent.join(", "), packages.join(" "));
        return Some(format!("the bridge lab needs {absent} (Debian: apt-get install {packages})"));
    }
    match probe() {
        Err(reason) => Some(format!("the bridge lab cannot be set up here: {reason}")),
        Ok(can) => can.lacks_ipv6.clone().filter(|_| bridge.needs_ipv6()),
    }
}

/// Debian's package of a program that a lab needs.
pub fn package(program: &str) -> &'static str {
    match program {
        "ip" | "bridge" => "iproute2",
        "nft" => "nftables",
        "dnsmasq" => "dnsmasq-base",
        "dhcpd" => "isc-dhcp-server",
        "lighttpd" => "lighttpd",
        _ => "util-linux",
    }
}

/// A program on PATH or where daemons lie, which a user's PATH often lacks.
fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let sbin = ["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from);
    std::env::split_paths(&path).chain(sbin).map(|dir| dir.join(program)).find(|path| File::open(path).is_ok())
}

/// What a lab of this host can be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Can {
    /// Why it has no IPv6, where it has none.
    pub lacks_ipv6: Option<String>,
}

/// Whether this host lets a user make the lab's namespaces, a bridge and a tap device that a program can open, and whether the
/// bridge gets an IPv6 address; tried once, by doing it.
pub fn probe() -> &'static Result<Can, String> {
    static PROBED: OnceLock<Result<Can, String>> = OnceLock::new();
    PROBED.get_or_init(|| {
        // the address last: without it the rest is a lab all the same
        const TRY: &str = "PATH=$PATH:/usr/sbin:/sbin; set -e; ip link add br0 type bridge stp_state 1
            ip tuntap add tap0 mode tap; ip link set tap0 master br0; mount -t tmpfs lab /srv
            ip address add fd77:122::1/64 dev br0 nodad 2>&1 || true";
        let tried = Command::new(UNSHARE[0])
            .args(&UNSHARE[1..])
            .args(["--", "sh", "-c", TRY])
            .read(b"", PROBE_LIMIT)
            .map_err(|error| chain(&error))?;
        if tried.exit.success() {
            return Ok(Can { lacks_ipv6: lacks_ipv6(&tried.stdout) });
        }
        let said = tried.stderr.trim().replace('\n', " / ");
        if File::options().read(true).write(true).open("/dev/net/tun").is_err() {
            return Err(format!(
                "{said}; /dev/net/tun must be readable and writable for this user (mode 0666 is usual)"
            ));
        }
        Err(said)
    })
}

/// `ip` is silent where it gave the address.
fn lacks_ipv6(said: &[u8]) -> Option<String> {
    let said = String::from_utf8_lossy(said);
    let words = said.trim().replace('\n', " / ");
    (!words.is_empty()).then(|| format!("the host has no IPv6: ip address add: {words}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_without_ipv6_says_so_itself() {
        assert_eq!(lacks_ipv6(b""), None);
        let reason = lacks_ipv6(b"RTNETLINK answers: Permission denied\n").unwrap();
        assert_eq!(reason, "the host has no IPv6: ip address add: RTNETLINK answers: Permission denied");
    }

    use crate::machine::{Firmware, Network};

    #[test]
    fn a_machine_without_a_bridge_lacks_nothing() {
        assert_eq!(missing(&Machine::pc(Firmware::SeaBios)), None);
        let unplugged = Machine::pc(Firmware::SeaBios).network(Network::on_bridge(Bridge::new().dnsmasq("")));
        assert_eq!(missing(&unplugged), None);
    }

    #[test]
    fn the_folder_holds_the_script_the_configuration_and_the_files() {
        let folder = tempfile::tempdir().unwrap();
        let lan = LanSpec::new().file("grub/grub.cfg", b"exit".to_vec());
        write(folder.path(), &Bridge::new().dnsmasq("port=0\n"), &[0], &lan).unwrap();
        assert_eq!(fs::read(folder.path().join("lab/dnsmasq.conf")).unwrap(), b"port=0\n");
        assert_eq!(fs::read(folder.path().join("lab/tftp/grub/grub.cfg")).unwrap(), b"exit");
        assert!(fs::read_to_string(folder.path().join("lab.sh")).unwrap().starts_with("#!/bin/sh\n"));
        assert!(
            write(Path::new("/proc/nonexistent"), &Bridge::new(), &[0], &lan)
                .unwrap_err()
                .to_string()
                .contains("cannot write")
        );
    }

    #[test]
    fn every_program_has_a_package() {
        let all = Bridge::new().dnsmasq("").dhcpd("").lighttpd("").rules("");
        let packages: Vec<_> = all.programs().into_iter().map(package).collect();
        let wanted = ["iproute2", "iproute2", "util-linux", "dnsmasq-base", "isc-dhcp-server", "lighttpd", "nftables"];
        assert_eq!(packages, wanted);
    }
}

//! The bridge lab leaves nothing behind: no process, and so no namespace, bridge or tap device, when its command ends and when
//! the harness is killed.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bootwright::lan::LanSpec;
use bootwright::machine::{Bridge, Firmware, Machine, Network};
use bootwright::process;
use bootwright::run::lab;

/// Set in the copy of this test that plays the harness: where it runs the lab.
const FOLDER: &str = "BOOTWRIGHT_TEST_LAB";

fn bridge() -> Bridge {
    Bridge::new()
        .stp(15)
        .dnsmasq("port=0\ninterface=br0\nbind-dynamic\nenable-tftp\ntftp-root=/srv/tftp\n")
        .dhcpd("subnet 192.168.122.0 netmask 255.255.255.0 { range 192.168.122.10 192.168.122.99; }\n")
        .lighttpd("server.document-root = \"/srv/tftp\"\nserver.bind = \"192.168.122.1\"\n")
        .rules("table inet firewall { chain input { type filter hook input priority 0; policy accept; }; }\n")
}

/// Whether the lab can be set up; its parts may be missing on a developer's machine and must not be in CI.
fn possible() -> bool {
    let machine = Machine::pc(Firmware::SeaBios).network(Network::on_bridge(bridge())).nic("e1000", Some(0));
    let missing = lab::missing(&machine);
    assert!(missing.is_none() || std::env::var_os("CI").is_none(), "{missing:?}");
    missing.is_none()
}

/// Not a test of its own: with the variable set it runs a lab until it is killed.
#[test]
fn play_the_harness() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    run_lab(Path::new(&folder), "sleep 1000").wait().unwrap();
}

/// A lab around a shell that names its network namespace and then does `then`.
fn run_lab(folder: &Path, then: &str) -> Child {
    lab::write(folder, &bridge(), &[0], &LanSpec::new()).expect("the folder can be written");
    let command = ["sh", "-c", &format!("readlink /proc/self/ns/net; {then}")].map(Into::into);
    let command = lab::wrapped(&command);
    let mut unshare = Command::new(&command[0]);
    unshare.args(&command[1..]).current_dir(folder).stdin(Stdio::null());
    process::spawn(unshare, Vec::new()).expect("unshare starts")
}

/// Processes in a network namespace, by the link that `/proc` has for it.
fn inside(namespace: &str) -> Vec<String> {
    let processes = std::fs::read_dir("/proc").expect("there is /proc").flatten();
    let inside = processes.filter(|process| {
        std::fs::read_link(process.path().join("ns/net")).is_ok_and(|link| link.to_string_lossy() == namespace)
    });
    let name = |process: std::fs::DirEntry| std::fs::read_to_string(process.path().join("comm")).unwrap_or_default();
    inside.map(name).map(|name| name.trim().to_owned()).collect()
}

fn harness(folder: &Path) -> (Child, String) {
    let mut harness = Command::new(std::env::current_exe().expect("this test has a file"))
        .args(["--exact", "play_the_harness", "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .spawn()
        .expect("this test starts again");
    let lines = BufReader::new(harness.stdout.take().expect("its output is piped")).lines();
    let namespace = lines.map_while(Result::ok).find(|line| line.starts_with("net:[")).expect("the lab is up");
    (harness, namespace)
}

#[test]
fn nothing_of_a_lab_outlives_a_harness_that_is_killed() {
    if !possible() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (mut harness, namespace) = harness(folder.path());
    let before = inside(&namespace);
    for part in ["dnsmasq", "dhcpd", "lighttpd", "bridge", "nft"] {
        assert!(before.iter().any(|name| name == part), "{part} is not among {before:?}");
    }
    harness.kill().unwrap();
    harness.wait().unwrap();
    let killed = Instant::now();
    while !inside(&namespace).is_empty() {
        assert!(killed.elapsed() < Duration::from_secs(2), "left after 2 s: {:?}", inside(&namespace));
        std::thread::yield_now();
    }
}

#[test]
fn nothing_of_a_lab_outlives_its_command_whose_exit_code_it_gives() {
    if !possible() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut lab = run_lab(folder.path(), "readlink /proc/self/ns/net >namespace; exit 85");
    assert_eq!(lab.wait().unwrap().code(), Some(85));
    let mut namespace = String::new();
    std::fs::File::open(folder.path().join("namespace")).unwrap().read_to_string(&mut namespace).unwrap();
    assert!(namespace.starts_with("net:["));
    assert_eq!(inside(namespace.trim()), Vec::<String>::new());
    assert!(std::fs::read_to_string(folder.path().join("lab/rules-after.nft")).unwrap().contains("chain input"));
}

#[test]
fn a_part_that_does_not_start_ends_the_lab_and_is_named() {
    if !possible() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    lab::write(folder.path(), &bridge().dnsmasq("no-such-option\n"), &[0], &LanSpec::new()).unwrap();
    let command = lab::wrapped(&["true".into()]);
    let output = Command::new(&command[0]).args(&command[1..]).current_dir(folder.path()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(70), "{said}");
    assert!(
        said.contains("dnsmasq did not start; see lab/dnsmasq.log") && said.contains("bad option at line 1"),
        "{said}"
    );
}

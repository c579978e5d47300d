//! tshark reads the capture of a boot.

use std::process::Command;

use bootwright::platform::{self, Platform, PlatformName};
use bootwright::run::{Ended, Options, run};

/// `None` where a program is not installed, which CI must not lack.
fn program(name: &str) -> Option<()> {
    match Command::new(name).arg("--version").output() {
        Ok(_) => Some(()),
        Err(error) if std::env::var_os("CI").is_none() => {
            eprintln!("{name} cannot be run ({error}): no capture was looked at");
            None
        }
        Err(error) => panic!("{name} is needed in CI: {error}"),
    }
}

/// A folder in which the case with this id has run; `None` where QEMU or tshark is missing.
fn ran(id: &str) -> Option<tempfile::TempDir> {
    program("qemu-system-x86_64").and(program("tshark"))?;
    let folder = tempfile::tempdir().unwrap();
    let case = crate::all().into_iter().find(|case| case.id == id).unwrap();
    let platform = Platform::resolve(&PlatformName::Host, &platform::Options::default(), &mut |_| ()).unwrap();
    let options = Options::new(folder.path(), 1);
    assert_eq!(run(&case, &platform, &options).ended, Ended::Passed, "{id}");
    Some(folder)
}

/// How many packets of a capture tshark shows under this filter.
fn packets(folder: &tempfile::TempDir, filter: &str) -> usize {
    let capture = folder.path().join("network.pcapng");
    let seen = Command::new("tshark").args(["-Y", filter, "-r"]).arg(capture).output().unwrap();
    assert!(seen.status.success(), "{}", String::from_utf8_lossy(&seen.stderr));
    String::from_utf8_lossy(&seen.stdout).lines().count()
}

const MALFORMED: &str = "(_ws.malformed || _ws.expert.severity == error)";

#[test]
fn the_capture_of_a_boot_holds_no_malformed_packet() {
    let Some(folder) = ran("pxe::seabios::pc::model-virtio-net-pci") else { return };
    assert_eq!(packets(&folder, MALFORMED), 0);
    assert!(packets(&folder, "dhcp && dhcp.option.dhcp == 5") > 0, "no acknowledgment in the capture");
    assert!(packets(&folder, "tftp.opcode == 3") > 0, "no TFTP block in the capture");
    let Some(folder) = ran("http::seabios::pc::chunked") else { return };
    assert_eq!(packets(&folder, MALFORMED), 0);
    assert!(packets(&folder, "http.response.code == 200") > 0, "no HTTP answer in the capture");
}

#[test]
fn a_packet_that_is_malformed_on_purpose_says_so_in_its_comment() {
    for id in ["pxe::seabios::q35::malformed-option-past-end", "pxe::seabios::pc::first-offer-cut"] {
        let Some(folder) = ran(id) else { return };
        assert!(packets(&folder, MALFORMED) > 0, "{id}: tshark finds nothing wrong");
        assert_eq!(packets(&folder, &format!("{MALFORMED} && !frame.comment")), 0, "{id}");
    }
}

//! tshark reads the capture of a boot.

use std::process::Command;

use bootwright::case::run::{Ended, Options, Patience, run};
use bootwright::machine::Accelerator;
use bootwright::platform::{self, Platform, PlatformName};

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

#[test]
fn the_capture_of_a_boot_holds_no_malformed_packet() {
    let (Some(()), Some(())) = (program("qemu-system-x86_64"), program("tshark")) else { return };
    let folder = tempfile::tempdir().unwrap();
    let case = super::by_model(bootwright::machine::Board::Pc, "virtio-net-pci");
    let platform = Platform::resolve(&PlatformName::Host, &platform::Options::default(), &mut |_| ()).unwrap();
    let options = Options {
        folder: folder.path().to_path_buf(),
        seed: 1,
        accelerator: Accelerator::Tcg,
        clock: None,
        keep: false,
        prelaunch_double: false,
        pause_on_failure: false,
        patience: Patience::default(),
    };
    assert_eq!(run(&case, &platform, &options).ended, Ended::Passed);
    let packets = |filter: &str| {
        let capture = folder.path().join("network.pcapng");
        let seen = Command::new("tshark").args(["-Y", filter, "-r"]).arg(capture).output().unwrap();
        assert!(seen.status.success(), "{}", String::from_utf8_lossy(&seen.stderr));
        String::from_utf8_lossy(&seen.stdout).lines().count()
    };
    assert_eq!(packets("_ws.malformed || _ws.expert.severity == error"), 0);
    assert!(packets("dhcp && dhcp.option.dhcp == 5") > 0, "no acknowledgment in the capture");
    assert!(packets("tftp.opcode == 3") > 0, "no TFTP block in the capture");
}

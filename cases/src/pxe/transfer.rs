//! TFTP as a BIOS guest gets it: sizes and options that must work, and what goes wrong in a transfer.

use bootwright::case::Case;
use bootwright::lan::{Tftp, TftpFault, TftpFaultKind};
use bootwright::machine::{Board, Network};
use bootwright::verdict::{OnLan, tftp as by_tftp};

use crate::networks::{BIOS_FILE, Story, falls, network, server, serves, times_out, with};

pub fn cases() -> Vec<Case> {
    let stories = works().into_iter().chain(breaks());
    stories.map(|story| story.case("pxe", Board::Q35)).collect()
}

fn tftp(change: impl FnOnce(&mut Tftp)) -> Network {
    with(|mut lan| {
        change(&mut lan.tftp);
        lan
    })
}

fn works() -> Vec<Story> {
    let of_length = |length| network(server()).of_length(length);
    let fetched = || OnLan::Fetched(BIOS_FILE.into());
    vec![
        serves("tftp-without-options", tftp(|tftp| tftp.options = false)).on_lan(fetched()),
        serves("tftp-block-size-512", tftp(|tftp| tftp.max_blksize = 512)).on_lan(fetched()),
        serves("tftp-block-size-8", tftp(|tftp| tftp.max_blksize = 8)).on_lan(fetched()),
        serves("tftp-of-2864-bytes-two-whole-blocks", of_length(2864)).on_lan(fetched()),
        serves("tftp-of-2865-bytes", of_length(2865)).on_lan(fetched()),
        serves("tftp-of-30000-bytes", of_length(30_000)).on_lan(fetched()),
        // blocks of the transfer have the port that answered the request (RFC 1350 section 4)
        serves("tftp-strangers-send-blocks", fault(TftpFaultKind::Strangers)).on_lan(fetched()),
    ]
}

fn fault(kind: TftpFaultKind) -> Network {
    tftp(|tftp| tftp.faults.push(TftpFault { file: None, kind }))
}

fn breaks() -> Vec<Story> {
    let refuse = |code, message: &str| fault(TftpFaultKind::Refuse { code, message: message.to_owned() });
    let of_boot_file = || by_tftp(BIOS_FILE);
    let at_block = TftpFaultKind::ErrorAtBlock { block: 2, code: 3, message: "disk full".to_owned() };
    vec![
        falls("tftp-refuses-access", refuse(2, "access violation"), of_boot_file().error(2, "access violation")),
        falls("tftp-refuses-undefined", refuse(0, "go away"), of_boot_file().error(0, "go away")),
        falls("tftp-error-at-block-2", fault(at_block), of_boot_file().error(3, "disk full")),
        times_out("tftp-never-answers", fault(TftpFaultKind::Silent), of_boot_file().stalled_after(0)),
        times_out("tftp-stalls", fault(TftpFaultKind::StallAfter { bytes: 1432 }), of_boot_file().stalled_after(1432)),
        falls("tftp-server-off", tftp(|tftp| tftp.enabled = false), of_boot_file().nobody_at([10, 77, 0, 1])),
    ]
}

//! HTTPS: the packaged builds have TLS, and read the authority that they trust out of fw_cfg `etc/edk2/https/cacerts`
//! (`OvmfPkg/Library/TlsAuthConfigLib`).

use bootwright::case::Case;
use bootwright::lan::BootAnswer;
use bootwright::machine::{Clock, Machine};
use bootwright::trace::{Outcome, Protocol};
use bootwright::verdict::behaviour::Behaviour;
use bootwright::verdict::{Cause, Expectation, Expected, OnLan, failed_entry};

use super::{Guest, HTTP, next_runs};
use crate::networks::EFI_FILE;

/// Every case.
pub fn cases(guest: Guest) -> [Case; 2] {
    [trusted(guest), wrong_authority(guest)]
}

/// By a clock at which the handshake's arithmetic is over before the firmware's patience is.
fn machine(guest: Guest, trusted: bool) -> Machine {
    let network = guest.over_http(BootAnswer::http("https://10.77.0.1/boot.efi")).https(&["10.77.0.1"], trusted);
    guest.by_http(network).with_clock(Clock::Virtual { shift: 5 })
}

/// What comes of it with a build that has no HTTP.
fn refused() -> Expectation {
    next_runs(failed_entry(HTTP).because("Not Found"))
}

fn trusted(guest: Guest) -> Case {
    let served = Expectation::boots("served").on_lan(OnLan::AskedBy(Protocol::Https, EFI_FILE.into()));
    // without the stack the network changes nothing, so that the control's disk is blank
    guest
        .case("https-by-a-stored-option")
        .machine(machine(guest, true))
        .control(machine(guest, false).with_blank("next"))
        .expect(refused())
        .expect_where(Behaviour::BootsOverHttp, served)
}

/// The firmware refuses the certificate of a server that another authority has signed.
fn wrong_authority(guest: Guest) -> Case {
    let entry = Expected { outcome: Outcome::Refused, ..failed_entry(HTTP).because_of(Cause::TlsRefused) };
    guest
        .case("https-wrong-authority")
        .machine(machine(guest, false))
        .control(machine(guest, true).with_blank("next"))
        .expect(refused())
        .expect_where(Behaviour::BootsOverHttp, next_runs(entry).on_lan(OnLan::TlsRefused))
}

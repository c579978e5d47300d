//! Which guest gets which file from one configuration of a real dnsmasq and of a real ISC dhcpd.

use bootwright::case::Case;

pub fn cases() -> Vec<Case> {
    Vec::new()
}

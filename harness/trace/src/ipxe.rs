//! Reads iPXE's own words on the serial port, which SeaBIOS' `sercon` copies there.
//!
//! iPXE begins each start with a line that names it and ends a failure with an address whose last part is its error code
//! (`src/include/errno.h` of iPXE: `http://ipxe.org/4c126035`).

use super::{Attempt, Names, lines};

/// What every start of iPXE prints.
const BANNER: &str = "Open Source Network Boot Firmware";
/// What every error names.
const ADDRESS: &str = "ipxe.org/";

/// How a start names its NIC: `iPXE (PCI 00:03.0) starting execution...ok`.
const NIC: &str = "iPXE (PCI ";

/// One start of iPXE.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Start {
    /// The PCI function of the NIC whose ROM it is.
    pub address: Option<String>,
    /// Its last error code; `None` where it named none.
    pub code: Option<String>,
}

/// Each start of iPXE, in order.
pub fn starts(serial: &[u8]) -> Vec<Start> {
    let mut starts: Vec<Start> = Vec::new();
    let mut address = None;
    for line in serial.split(|&byte| byte == b'\n') {
        let text = lines::plain(line);
        if text.contains(" starting execution") {
            address = text.split_once(NIC).and_then(|(_, rest)| rest.split_once(')')).map(|(at, _)| at.to_owned());
        }
        if text.contains(BANNER) {
            starts.push(Start { address: address.take(), code: None });
        }
        if let (Some(last), Some(code)) = (starts.last_mut(), code(&text)) {
            last.code = Some(code);
        }
    }
    starts
}

/// Names the NIC of each attempt on a ROM by iPXE's own word, which counts more than what follows from the order of ROMs.
/// Where there are not as many starts as attempts nobody knows which is whose.
pub fn name_nics(starts: &[Start], names: &Names, attempts: &mut [Attempt]) {
    let of_rom = |attempt: &&mut Attempt| attempt.target == "ROM";
    if attempts.iter_mut().filter(of_rom).count() != starts.len() {
        return;
    }
    for (attempt, start) in attempts.iter_mut().filter(of_rom).zip(starts) {
        if let Some(nic) = start.address.as_deref().and_then(|address| names.nic_at_address(address)) {
            (attempt.entry, attempt.nic) = (Some(nic.clone()), Some(nic.clone()));
            attempt.could_be.clear();
        }
    }
}

/// Eight hexadecimal digits behind the address. The banner names the address alone.
fn code(line: &str) -> Option<String> {
    let found = line.rsplit(ADDRESS).find_map(|rest| rest.get(..8))?;
    found.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| found.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_start_has_its_own_last_code() {
        let serial = b"iPXE 1.0.0+ -- Open Source Network Boot Firmware -- http://ipxe.org\n\
            DHCP (net0 52:54:00:12:34:10)... No configuration methods succeeded (http://ipxe.org/040ee119)\r\n\
            iPXE 1.0.0+ -- Open Source Network Boot Firmware -- http://ipxe.org\n";
        let codes: Vec<_> = starts(serial).into_iter().map(|start| start.code).collect();
        assert_eq!(codes, [Some("040ee119".to_owned()), None]);
    }

    #[test]
    fn an_address_without_a_code_is_none() {
        assert_eq!(code("more at http://ipxe.org/wiki/x"), None);
        assert!(starts(b"http://ipxe.org/040ee119").is_empty());
    }

    #[test]
    fn a_start_names_its_nic_and_the_rom_that_it_is_configured_by_does_not() {
        let serial = b"Press Ctrl-B to configure iPXE (PCI 00:09.0)...\r\n\
            iPXE (PCI 00:04.0) starting execution...ok\r\niPXE initialising devices...ok\r\n\
            iPXE 1.0.0+ -- Open Source Network Boot Firmware -- http://ipxe.org\n";
        assert_eq!(starts(serial), [Start { address: Some("00:04.0".to_owned()), code: None }]);
    }
}

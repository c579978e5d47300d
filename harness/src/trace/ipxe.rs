//! Reads iPXE's own words on the serial port, which SeaBIOS' `sercon` copies there.
//!
//! iPXE begins each start with a line that names it and ends a failure with an address whose last part is its error code
//! (`src/include/errno.h` of iPXE: `http://ipxe.org/4c126035`).

use super::lines;

/// What every start of iPXE prints.
const BANNER: &str = "Open Source Network Boot Firmware";
/// What every error names.
const ADDRESS: &str = "ipxe.org/";

/// The last error code of each start of iPXE, in order; `None` where it named none.
pub fn error_codes(serial: &[u8]) -> Vec<Option<String>> {
    let mut starts: Vec<Option<String>> = Vec::new();
    for line in serial.split(|&byte| byte == b'\n') {
        let text = lines::plain(line);
        if text.contains(BANNER) {
            starts.push(None);
        }
        if let (Some(last), Some(code)) = (starts.last_mut(), code(&text)) {
            *last = Some(code);
        }
    }
    starts
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
        assert_eq!(error_codes(serial), [Some("040ee119".to_owned()), None]);
    }

    #[test]
    fn an_address_without_a_code_is_none() {
        assert_eq!(code("more at http://ipxe.org/wiki/x"), None);
        assert!(error_codes(b"http://ipxe.org/040ee119").is_empty());
    }
}

//! Puts a configuration's addresses into the lab's network, 192.168.122.0/24: a host of the user's network keeps its last byte,
//! every other server becomes the lab's own.

use std::net::Ipv4Addr;

/// The lab's only server (`machine/lab.sh`).
pub const SERVER: Ipv4Addr = Ipv4Addr::new(192, 168, 122, 1);

/// The user's network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subnet {
    address: Ipv4Addr,
}

impl Subnet {
    /// The /24 that an address is in.
    pub fn of(address: Ipv4Addr) -> Subnet {
        let [a, b, c, _] = address.octets();
        Subnet { address: Ipv4Addr::new(a, b, c, 0) }
    }

    /// Whether an address is in it.
    pub fn holds(self, address: Ipv4Addr) -> bool {
        Subnet::of(address) == self
    }

    /// A client's address in the lab.
    pub fn in_lab(self, address: Ipv4Addr) -> Ipv4Addr {
        let [_, _, _, last] = address.octets();
        if self.holds(address) { Ipv4Addr::new(192, 168, 122, last) } else { SERVER }
    }
}

/// Whether a text is an address.
pub fn address(text: &str) -> Option<Ipv4Addr> {
    text.trim().parse().ok()
}

/// A boot file as the lab gives it, and its name on the lab's server. The host of a URL becomes the lab's server.
pub fn boot_file(given: &str) -> (String, String) {
    for scheme in ["http://", "https://", "tftp://"] {
        let Some(rest) = given.strip_prefix(scheme) else { continue };
        let path = rest.split_once('/').map_or("", |(_, path)| path);
        let scheme = if scheme == "https://" { "http://" } else { scheme };
        return (format!("{scheme}{SERVER}/{path}"), path.split(['?', '#']).next().unwrap_or_default().to_owned());
    }
    (given.to_owned(), given.trim_start_matches('/').to_owned())
}

/// Whether a file is for UEFI, by its name.
pub fn is_efi(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let last = name.rsplit('/').next().unwrap_or_default();
    last.ends_with(".efi") || last.ends_with(".efi.signed") || last.contains("x64") || last.contains("aa64")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_keeps_its_last_byte_and_a_server_elsewhere_becomes_the_labs() {
        let subnet = Subnet::of(Ipv4Addr::new(192, 168, 2, 14));
        assert_eq!(subnet.in_lab(Ipv4Addr::new(192, 168, 2, 99)), Ipv4Addr::new(192, 168, 122, 99));
        assert_eq!(subnet.in_lab(Ipv4Addr::new(10, 0, 0, 5)), SERVER);
    }

    #[test]
    fn a_url_goes_to_the_labs_server_and_a_name_stays() {
        let url = boot_file("http://boot.example.org/a/grubx64.efi");
        assert_eq!(url, ("http://192.168.122.1/a/grubx64.efi".to_owned(), "a/grubx64.efi".to_owned()));
        assert_eq!(boot_file("/pxelinux.0"), ("/pxelinux.0".to_owned(), "pxelinux.0".to_owned()));
        assert!(is_efi("a/grubx64.efi") && !is_efi("pxelinux.0") && !is_efi("netboot.xyz.lkrn"));
    }
}

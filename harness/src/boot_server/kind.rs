//! Which daemon a file is for.

/// What a file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A configuration file of dnsmasq.
    Dnsmasq,
    /// A network of libvirt, which runs dnsmasq.
    LibvirtNetwork,
    /// A configuration file of ISC dhcpd.
    Dhcpd,
}

impl Kind {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Kind::Dnsmasq => "a dnsmasq configuration",
            Kind::LibvirtNetwork => "a libvirt network",
            Kind::Dhcpd => "an ISC dhcpd configuration",
        }
    }
}

/// Which of the three a text is, by its first words; `None` where by none.
pub(crate) fn kind_of(text: &str) -> Option<Kind> {
    if text.trim_start().starts_with('<') {
        return Some(Kind::LibvirtNetwork);
    }
    let lines = || text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let is_dhcpd = |line: &str| {
        let word = line.split_whitespace().next().unwrap_or_default();
        let statement = ["subnet", "option", "shared-network", "class", "group", "host", "if", "ddns-update-style"];
        let value = ["default-lease-time", "max-lease-time", "authoritative", "next-server", "filename", "allow"];
        statement.contains(&word) || value.contains(&word.trim_end_matches(';'))
    };
    if lines().any(is_dhcpd) && lines().any(|line| line.contains(['{', ';'])) {
        return Some(Kind::Dhcpd);
    }
    let is_dnsmasq = |line: &str| {
        let word = line.split('=').next().unwrap_or_default().trim();
        word.starts_with("dhcp-") || word.starts_with("tftp-") || word == "enable-tftp" || word.starts_with("pxe-")
    };
    lines().any(is_dnsmasq).then_some(Kind::Dnsmasq)
}

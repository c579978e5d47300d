//! Which client gets which boot file: matches on what a client says of itself, and the answers.
//!
//! Two constructors read a value the way that dnsmasq and ISC dhcpd read it, so that a rule copied from an article
//! behaves here as it does there, wrong rules included.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use crate::text_form;
use crate::wire::MacAddr;
use crate::wire::dhcpv4::{self, option};

/// Boot information for the clients that match.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct DhcpRule {
    /// Who gets it.
    pub when: Match,
    /// What they get.
    pub answer: BootAnswer,
}

/// A test on a client's message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Match {
    /// Every client.
    Any,
    /// Option 93 lists this architecture (IANA processor architecture types, decimal).
    Arch(u16),
    /// Option 60 starts with this, as ISC's `substring (option vendor-class-identifier, 0, N) = "..."`.
    VendorClassPrefix(String),
    /// Option 60 contains this, as dnsmasq's `dhcp-vendorclass`.
    VendorClassContains(String),
    /// Option 77 contains this, as dnsmasq's `dhcp-userclass`.
    UserClassContains(String),
    /// Option 97 holds this UUID, bytes as sent.
    Uuid(
        #[serde(with = "text_form::bytes")]
        #[schemars(with = "text_form::Bytes")]
        [u8; 16],
    ),
    /// The client's hardware address.
    Mac(MacAddr),
    /// An option's bytes compare to a pattern.
    OptionBytes {
        /// Option code.
        code: u8,
        /// Pattern.
        #[serde(with = "text_form::bytes")]
        #[schemars(with = "text_form::Bytes")]
        bytes: Vec<u8>,
        /// How they compare.
        how: Compare,
    },
    /// All of them.
    All(Vec<Match>),
    /// At least one of them.
    AnyOf(Vec<Match>),
    /// Not this.
    Not(Box<Match>),
}

/// How an option's bytes compare to a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Compare {
    /// They are the pattern.
    Equal,
    /// They start with it.
    Prefix,
    /// It stands in them at a multiple of its own length.
    Element,
    /// It stands somewhere in them.
    Contains,
}

impl Match {
    /// `dhcp-match=set:tag,option:client-arch,VALUE` as dnsmasq reads VALUE (`src/option.c`, `parse_dhcp_opt`, and
    /// `src/dhcp-common.c`, `match_bytes`).
    ///
    /// Decimal digits are a 16-bit number. Two or more bytes with colons are hexadecimal. Digits that end in `b`, `s`
    /// or `i` are a number of one, two or four bytes, so that a lone `b` is **one zero byte**: it does not mean 11, and
    /// it is found in the first byte of every architecture below 256. Anything else is text.
    ///
    /// ```
    /// use bootwright_lan::{Compare, Match};
    ///
    /// assert_eq!(
    ///     Match::dnsmasq_client_arch("11"),
    ///     Match::OptionBytes { code: 93, bytes: vec![0, 11], how: Compare::Element }
    /// );
    /// assert_eq!(
    ///     Match::dnsmasq_client_arch("b"),
    ///     Match::OptionBytes { code: 93, bytes: vec![0], how: Compare::Element }
    /// );
    /// ```
    pub fn dnsmasq_client_arch(value: &str) -> Self {
        let (bytes, how) = dnsmasq_value(value);
        Self::OptionBytes { code: option::CLIENT_ARCH, bytes, how }
    }

    /// `if option arch = VALUE` as ISC dhcpd reads VALUE: bytes in hexadecimal with colons, compared whole.
    ///
    /// `00:16` therefore is architecture 22, and architecture 16 is `00:10`. What is not hexadecimal matches nothing,
    /// as dhcpd would refuse the file.
    ///
    /// ```
    /// use bootwright_lan::{Compare, Match};
    ///
    /// assert_eq!(
    ///     Match::isc_arch("00:16"),
    ///     Match::OptionBytes { code: 93, bytes: vec![0, 22], how: Compare::Equal }
    /// );
    /// ```
    pub fn isc_arch(value: &str) -> Self {
        match value.split(':').map(|byte| u8::from_str_radix(byte, 16)).collect::<Result<Vec<u8>, _>>() {
            Ok(bytes) => Self::OptionBytes { code: option::CLIENT_ARCH, bytes, how: Compare::Equal },
            Err(_) => Self::AnyOf(Vec::new()),
        }
    }

    /// The client's message passes.
    pub fn matches(&self, message: &dhcpv4::Repr) -> bool {
        match self {
            Self::Any => true,
            Self::Arch(arch) => has(message, option::CLIENT_ARCH, &arch.to_be_bytes(), Compare::Element),
            Self::VendorClassPrefix(text) => has(message, option::VENDOR_CLASS, text.as_bytes(), Compare::Prefix),
            Self::VendorClassContains(text) => has(message, option::VENDOR_CLASS, text.as_bytes(), Compare::Contains),
            Self::UserClassContains(text) => has(message, option::USER_CLASS, text.as_bytes(), Compare::Contains),
            Self::Uuid(uuid) => message.client_uuid() == Some(*uuid),
            Self::Mac(mac) => message.client_mac == *mac,
            Self::OptionBytes { code, bytes, how } => has(message, *code, bytes, *how),
            Self::All(all) => all.iter().all(|one| one.matches(message)),
            Self::AnyOf(any) => any.iter().any(|one| one.matches(message)),
            Self::Not(not) => !not.matches(message),
        }
    }
}

fn has(message: &dhcpv4::Repr, code: u8, pattern: &[u8], how: Compare) -> bool {
    let Some(value) = message.option(code) else { return false };
    if pattern.is_empty() {
        return true;
    }
    match how {
        Compare::Equal => value == pattern,
        Compare::Prefix => value.starts_with(pattern),
        Compare::Element => value.chunks(pattern.len()).any(|piece| piece == pattern),
        Compare::Contains => value.windows(pattern.len()).any(|piece| piece == pattern),
    }
}

/// The bytes that dnsmasq makes of a value whose option is two bytes wide, and how it looks for them.
fn dnsmasq_value(value: &str) -> (Vec<u8>, Compare) {
    let digits = value.trim_end_matches(['b', 's', 'i']);
    let suffix = &value[digits.len()..];
    if suffix.len() <= 1 && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') && !value.is_empty() {
        let number = digits.parse::<i64>().unwrap_or(0) as u32;
        let wide = number.to_be_bytes();
        let bytes = match suffix {
            "b" => wide[3..].to_vec(),
            "i" => wide.to_vec(),
            _ => wide[2..].to_vec(),
        };
        return (bytes, Compare::Element);
    }
    if value.contains(':')
        && let Ok(bytes) = value.split(':').map(|byte| u8::from_str_radix(byte, 16)).collect::<Result<Vec<u8>, _>>()
    {
        return (bytes, Compare::Prefix);
    }
    (value.as_bytes().to_vec(), Compare::Contains)
}

/// Boot information in a reply. Every field is written only where it is given.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct BootAnswer {
    /// The siaddr field; the server's own address if not given.
    pub next_server: Option<Ipv4Addr>,
    /// The sname field.
    pub server_name: Option<String>,
    /// The file field; cut at 127 bytes.
    pub file_field: Option<String>,
    /// Option 66.
    pub option_66: Option<String>,
    /// Option 67.
    pub option_67: Option<String>,
    /// Option 60 of the reply.
    pub vendor_class: Option<String>,
    /// Option 43.
    #[serde(with = "text_form::optional_bytes")]
    #[schemars(with = "Option<text_form::Bytes>")]
    pub option_43: Option<Vec<u8>>,
    /// The sname field byte by byte in place of [`BootAnswer::server_name`]; cut at 64 bytes.
    #[serde(with = "text_form::optional_bytes")]
    #[schemars(with = "Option<text_form::Bytes>")]
    pub raw_server_name: Option<Vec<u8>>,
    /// The file field byte by byte in place of [`BootAnswer::file_field`], without an end where 128 bytes are given; cut
    /// there.
    #[serde(with = "text_form::optional_bytes")]
    #[schemars(with = "Option<text_form::Bytes>")]
    pub raw_file_field: Option<Vec<u8>>,
    /// Which fields hold options 66 and 67 in place of what is given for them.
    pub overload: Overload,
    /// More options, written last.
    #[serde(with = "text_form::options")]
    #[schemars(with = "Vec<(u8, text_form::Bytes)>")]
    pub options: Vec<(u8, Vec<u8>)>,
}

/// Fields that hold options (option 52; RFC 2131 section 4.1, RFC 2132 section 9.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Overload {
    /// None.
    #[default]
    None,
    /// The file field holds options 66 and 67.
    File,
    /// The sname field holds options 66 and 67.
    ServerName,
    /// The file field holds option 67, the sname field option 66.
    Both,
}

impl BootAnswer {
    /// Nothing to boot.
    pub fn none() -> Self {
        Self::default()
    }

    /// A bootfile name in the file field and in option 67.
    pub fn file(name: impl Into<String>) -> Self {
        let name = name.into();
        Self { file_field: Some(name.clone()), option_67: Some(name), ..Self::default() }
    }

    /// A URL for a UEFI HTTP client, with the `HTTPClient` vendor class without which it ignores the reply.
    pub fn http(url: impl Into<String>) -> Self {
        Self { vendor_class: Some("HTTPClient".to_owned()), ..Self::file(url) }
    }

    /// With another vendor class in the reply; `None` leaves it out.
    #[must_use]
    pub fn vendor_class(mut self, class: Option<&str>) -> Self {
        self.vendor_class = class.map(str::to_owned);
        self
    }

    /// With an option whose bytes are these, whatever it means: a bootfile name (67) that ends in zeros, say.
    #[must_use]
    pub fn option(mut self, code: u8, bytes: impl Into<Vec<u8>>) -> Self {
        self.options.push((code, bytes.into()));
        self
    }

    /// With options 66 and 67 in fields.
    #[must_use]
    pub fn overload(mut self, overload: Overload) -> Self {
        self.overload = overload;
        self
    }

    /// With another next-server.
    #[must_use]
    pub fn next_server(mut self, address: Ipv4Addr) -> Self {
        self.next_server = Some(address);
        self
    }

    /// Writes this into a reply of the server at `own`.
    pub(crate) fn apply(&self, own: Ipv4Addr, reply: &mut dhcpv4::Repr) {
        reply.next_server = self.next_server.unwrap_or(own);
        reply.server_name = self.server_name.clone().unwrap_or_default().into_bytes();
        reply.boot_file = self.file_field.clone().unwrap_or_default().into_bytes();
        let texts = [
            (option::VENDOR_CLASS, &self.vendor_class),
            (option::TFTP_SERVER_NAME, &self.option_66),
            (option::BOOTFILE, &self.option_67),
        ];
        for (code, text) in texts {
            if let Some(text) = text {
                reply.options.push((code, text.clone().into_bytes()));
            }
        }
        if let Some(bytes) = &self.option_43 {
            reply.options.push((option::VENDOR_SPECIFIC, bytes.clone()));
        }
        reply.options.extend(self.options.iter().cloned());
    }

    /// A reply's bytes, with the fields that the codec would not write so.
    pub(crate) fn emit(&self, reply: &dhcpv4::Repr) -> Vec<u8> {
        let (file, server_name): (&[u8], &[u8]) = match self.overload {
            Overload::None => (&[], &[]),
            Overload::File => (&[option::TFTP_SERVER_NAME, option::BOOTFILE], &[]),
            Overload::ServerName => (&[], &[option::TFTP_SERVER_NAME, option::BOOTFILE]),
            Overload::Both => (&[option::BOOTFILE], &[option::TFTP_SERVER_NAME]),
        };
        let mut bytes = reply.emit_overloaded(file, server_name);
        let raw = [(&self.raw_server_name, dhcpv4::SERVER_NAME), (&self.raw_file_field, dhcpv4::FILE)];
        for (raw, field) in raw {
            if let Some(raw) = raw {
                let field = &mut bytes[field];
                field.fill(0);
                let len = raw.len().min(field.len());
                field[..len].copy_from_slice(&raw[..len]);
            }
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn client(arch: u16) -> dhcpv4::Repr {
        let mut bytes = vec![0; 240];
        bytes[..3].copy_from_slice(&[1, 1, 6]);
        bytes[236..240].copy_from_slice(&[99, 130, 83, 99]);
        let mut message = dhcpv4::Repr::parse(&bytes).unwrap();
        message.options.push((option::CLIENT_ARCH, arch.to_be_bytes().to_vec()));
        message.options.push((option::VENDOR_CLASS, format!("PXEClient:Arch:{arch:05}:UNDI:003001").into_bytes()));
        message
    }

    #[rstest]
    #[case::right_decimal("11", 11, true)]
    #[case::article_letter_is_not_eleven_but_any("b", 11, true)]
    #[case::article_letter_takes_bios_too("b", 0, true)]
    #[case::decimal_sixteen("16", 16, true)]
    #[case::decimal_sixteen_is_not_hex("16", 22, false)]
    #[case::hex_bytes("00:16", 22, true)]
    #[case::hex_bytes_are_not_decimal("00:16", 16, false)]
    #[case::hex_prefix_is_text("0xb", 11, false)]
    #[case::word("7s", 7, true)]
    #[case::other("7", 9, false)]
    fn dnsmasq_reads_a_client_arch_its_own_way(#[case] value: &str, #[case] arch: u16, #[case] expected: bool) {
        assert_eq!(Match::dnsmasq_client_arch(value).matches(&client(arch)), expected);
    }

    #[rstest]
    #[case::the_articles_rule_misses("00:16", 16, false)]
    #[case::and_takes_22("00:16", 22, true)]
    #[case::the_right_rule("00:10", 16, true)]
    #[case::x64_pxe("00:07", 7, true)]
    #[case::not_hexadecimal("00:zz", 0, false)]
    fn isc_reads_bytes_in_hexadecimal(#[case] value: &str, #[case] arch: u16, #[case] expected: bool) {
        assert_eq!(Match::isc_arch(value).matches(&client(arch)), expected);
    }

    fn overloaded(overload: Overload) -> (Vec<u8>, dhcpv4::Repr) {
        let answer =
            BootAnswer { option_66: Some("10.77.0.9".into()), ..BootAnswer::file("boot.0") }.overload(overload);
        let mut reply = client(0);
        answer.apply(Ipv4Addr::new(10, 77, 0, 1), &mut reply);
        let bytes = answer.emit(&reply);
        let read = dhcpv4::Repr::parse(&bytes).unwrap();
        (bytes, read)
    }

    #[rstest]
    #[case::none(Overload::None, None)]
    #[case::file(Overload::File, Some(1))]
    #[case::server_name(Overload::ServerName, Some(2))]
    #[case::both(Overload::Both, Some(3))]
    fn options_in_overloaded_fields_are_read_as_options(#[case] overload: Overload, #[case] value: Option<u8>) {
        let (bytes, read) = overloaded(overload);
        assert_eq!(read.text_option(option::BOOTFILE).as_deref(), Some("boot.0"));
        assert_eq!(read.text_option(option::TFTP_SERVER_NAME).as_deref(), Some("10.77.0.9"));
        let seen = bytes[240..].windows(3).find(|option| option[..2] == [52, 1]).map(|option| option[2]);
        assert_eq!(seen, value);
    }

    #[test]
    fn raw_fields_hold_their_bytes_and_no_more() {
        let answer =
            BootAnswer { raw_file_field: Some(vec![b'x'; 300]), ..BootAnswer::none() }.option(67, *b"boot.0\0");
        let mut reply = client(0);
        answer.apply(Ipv4Addr::new(10, 77, 0, 1), &mut reply);
        let bytes = answer.emit(&reply);
        assert!(bytes[108..236].iter().all(|byte| *byte == b'x'));
        assert_eq!(bytes[236..240], [99, 130, 83, 99]);
        assert_eq!(dhcpv4::Repr::parse(&bytes).unwrap().option(67), Some(&b"boot.0\0"[..]));
    }

    #[test]
    fn matches_combine_and_say_no() {
        let both = Match::All(vec![Match::Arch(7), Match::VendorClassPrefix("PXEClient".into())]);
        assert!(both.matches(&client(7)));
        assert!(!both.matches(&client(9)));
        assert!(!Match::VendorClassPrefix("HTTPClient".into()).matches(&client(7)));
        assert!(Match::Not(Box::new(Match::UserClassContains("iPXE".into()))).matches(&client(7)));
        assert!(!Match::AnyOf(vec![]).matches(&client(7)));
    }
}

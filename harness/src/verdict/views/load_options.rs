//! What a UEFI program is given beside its order: the optional data of the option that it was started by (UEFI 2.10 section 3.1.3).

use super::given::OWN_MAKING;
use crate::evidence::nvram::BootOptions;
use crate::trace::{Names, Payload};

/// Of the program that ran last, where it differs from its option; `None` where nobody can say: firmware keeps a mark of its own in
/// options that it made, and a program of another medium was started by somebody else.
pub(super) fn difference(names: &Names, payload: Option<&Payload>, options: &BootOptions) -> Option<String> {
    let payload = payload?;
    let (number, seen) = (payload.boot_current?, payload.load_options.as_ref()?);
    let option = options.by_number.get(&number).filter(|option| option.optional_data != OWN_MAKING)?;
    let medium = names.medium_at(&option.device_path)?;
    if payload.medium_of_nonce.as_deref() != Some(medium) || *seen == option.optional_data {
        return None;
    }
    let [seen, wanted] = [seen, &option.optional_data].map(|bytes| in_words(bytes));
    Some(format!("Boot{number:04X} gives its program {wanted} as load options, and the program was given {seen}"))
}

fn in_words(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return "nothing".to_owned();
    }
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{} bytes ({digits})", bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::nvram::LoadOption;

    #[test]
    fn what_the_option_gives_must_arrive() {
        let path = "PciRoot(0x0)/Pci(0x3,0x0)";
        let names = Names { uefi: vec![(path.to_owned(), "root".to_owned())], ..Names::default() };
        let told = |optional_data: &[u8], seen: Option<&[u8]>, medium: &str| {
            let option = LoadOption {
                attributes: 1,
                description: "debian".to_owned(),
                device_path: path.to_owned(),
                device_path_bytes: Vec::new(),
                optional_data: optional_data.to_vec(),
            };
            let options = BootOptions { by_number: [(1, option)].into(), ..BootOptions::default() };
            let payload = Payload {
                boot_current: Some(1),
                load_options: seen.map(<[u8]>::to_vec),
                medium_of_nonce: Some(medium.to_owned()),
                ..Payload::default()
            };
            difference(&names, Some(&payload), &options)
        };
        assert_eq!(told(b"ro", Some(b"ro"), "root"), None);
        assert_eq!(told(b"ro", None, "root"), None, "a line of an older program");
        assert_eq!(told(&OWN_MAKING, Some(b""), "root"), None);
        assert_eq!(told(b"ro", Some(b""), "other"), None, "what another medium's program started");
        let lost = "Boot0001 gives its program 2 bytes (726f) as load options, and the program was given nothing";
        assert_eq!(told(b"ro", Some(b""), "root").as_deref(), Some(lost));
        let invented = "Boot0001 gives its program nothing as load options, and the program was given 1 bytes (00)";
        assert_eq!(told(b"", Some(b"\0"), "root").as_deref(), Some(invented));
    }
}

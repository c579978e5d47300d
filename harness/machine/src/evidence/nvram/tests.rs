//! Stores built here, stores from packages, and stores that try to break the decoder.

use super::*;

const AUTHENTICATED_STORE: [u8; 16] =
    [0x78, 0x2c, 0xf3, 0xaa, 0x7b, 0x94, 0x9a, 0x43, 0xa1, 0x80, 0x2e, 0x14, 0x4e, 0xc3, 0x77, 0x92];
const PLAIN_STORE: [u8; 16] =
    [0x16, 0x36, 0xcf, 0xdd, 0x75, 0x32, 0x64, 0x41, 0x98, 0xb6, 0xfe, 0x85, 0x70, 0x7f, 0xfe, 0x7d];
const NV_DATA: [u8; 16] =
    [0x8d, 0x2b, 0xf1, 0xff, 0x96, 0x76, 0x8b, 0x4c, 0xa9, 0x85, 0x27, 0x47, 0x07, 0x5b, 0x4f, 0x50];
const STORE_AT: usize = 72;

fn utf16_bytes(text: &str) -> Vec<u8> {
    text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect()
}

/// A volume of 8 KiB with the given variables: state, name, data.
pub(super) fn volume(format: StoreFormat, variables: &[(u8, &str, &[u8])]) -> Vec<u8> {
    let mut bytes = vec![0xff; 8192];
    bytes[..16].fill(0);
    bytes[16..32].copy_from_slice(&NV_DATA);
    bytes[32..40].copy_from_slice(&8192u64.to_le_bytes());
    bytes[40..44].copy_from_slice(b"_FVH");
    bytes[44..48].copy_from_slice(&0x0004_feffu32.to_le_bytes());
    bytes[48..50].copy_from_slice(&72u16.to_le_bytes());
    bytes[50..56].copy_from_slice(&[0, 0, 0, 0, 0, 2]);
    bytes[56..72].copy_from_slice(&[2, 0, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    let sum = words(&bytes[..72]).into_iter().fold(0u16, u16::wrapping_add);
    bytes[50..52].copy_from_slice(&0u16.wrapping_sub(sum).to_le_bytes());
    let (guid, header_size) = match format {
        StoreFormat::Authenticated => (AUTHENTICATED_STORE, 60),
        StoreFormat::Plain => (PLAIN_STORE, 32),
    };
    bytes[72..88].copy_from_slice(&guid);
    bytes[88..92].copy_from_slice(&4096u32.to_le_bytes());
    bytes[92..100].copy_from_slice(&[0x5a, 0xfe, 0, 0, 0, 0, 0, 0]);
    let mut at = 100usize;
    for (state, name, data) in variables {
        let name = utf16_bytes(name);
        let mut header = vec![0; header_size];
        header[..3].copy_from_slice(&[0xaa, 0x55, *state]);
        header[4..8].copy_from_slice(&7u32.to_le_bytes());
        header[header_size - 24..header_size - 20].copy_from_slice(&(name.len() as u32).to_le_bytes());
        header[header_size - 20..header_size - 16].copy_from_slice(&(data.len() as u32).to_le_bytes());
        header[header_size - 16..].copy_from_slice(&GLOBAL_VARIABLE.0);
        for part in [&header, &name, &data.to_vec()] {
            bytes[at..at + part.len()].copy_from_slice(part);
            at += part.len();
        }
        at = at.next_multiple_of(4);
    }
    bytes
}

fn load_option(description: &str, path: &[u8], optional: &[u8]) -> Vec<u8> {
    let mut bytes = vec![1, 0, 0, 0];
    bytes.extend((path.len() as u16).to_le_bytes());
    bytes.extend(utf16_bytes(description));
    bytes.extend(path);
    bytes.extend(optional);
    bytes
}

const SATA: [u8; 32] = [
    2, 1, 12, 0, 0xd0, 0x41, 0x03, 0x0a, 0, 0, 0, 0, 1, 1, 6, 0, 2, 0x1f, 3, 18, 10, 0, 2, 0, 0xff, 0xff, 0, 0, 0x7f,
    0xff, 4, 0,
];

#[test]
fn boot_order_and_boot_options_are_read_from_either_layout() {
    for format in [StoreFormat::Authenticated, StoreFormat::Plain] {
        let option = load_option("UEFI QEMU HARDDISK QM00005 ", &SATA, b"mark");
        let bytes = volume(
            format,
            &[
                (0x3f, "BootOrder", &[1, 0, 0x0a, 0]),
                (0x3f, "Boot000A", &option),
                (0x3f, "BootNext", &[10, 0]),
                (0x3f, "Timeout", &[2, 1]),
            ],
        );
        let store = decode(&bytes).unwrap();
        assert_eq!(store.timeout(), Some(258));
        assert_eq!(store.format, format);
        assert_eq!(store.boot_order(), Some(vec![1, 10]));
        assert_eq!(store.boot_next(), Some(10));
        assert_eq!(store.boot_option_numbers(), [10]);
        let option = store.boot_option(10).unwrap().unwrap();
        assert_eq!(option.device_path, "PciRoot(0x0)/Pci(0x1F,0x2)/Sata(0x2,0xFFFF,0x0)");
        assert_eq!((option.is_active(), option.optional_data.as_slice()), (true, &b"mark"[..]));
        assert_eq!(store.problems, Vec::<String>::new());
    }
}

#[test]
fn the_json_names_orders_options_and_variables() {
    let option = load_option("disk", &SATA, &[]);
    let bytes = volume(StoreFormat::Authenticated, &[(0x3f, "BootOrder", &[10, 0]), (0x3f, "Boot000A", &option)]);
    let json = serde_json::to_value(decode(&bytes).unwrap()).unwrap();
    assert_eq!(json["boot_order"], serde_json::json!(["000A"]));
    assert_eq!(json["boot_options"][0]["number"], "000A");
    assert_eq!(json["boot_options"][0]["device_path"], "PciRoot(0x0)/Pci(0x1F,0x2)/Sata(0x2,0xFFFF,0x0)");
    assert_eq!(json["variables"][0]["vendor"], "8BE4DF61-93CA-11D2-AA0D-00E098032B8C");
    assert_eq!(json["variables"][0]["attributes"], "NV+BS+RT");
}

#[test]
fn deleted_and_half_written_variables_do_not_count() {
    let bytes = volume(
        StoreFormat::Authenticated,
        &[
            (0x3e, "BootOrder", &[1, 0]),
            (0x3d, "BootOrder", &[2, 0]),
            (0x3f, "BootOrder", &[3, 0]),
            (0x7f, "BootOrder", &[4, 0]),
            (0x3c, "BootNext", &[5, 0]),
            (0x3c, "Timeout", &[5, 0]),
        ],
    );
    let store = decode(&bytes).unwrap();
    assert_eq!((store.boot_order(), store.boot_next(), store.timeout()), (Some(vec![3]), None, None));
}

#[test]
fn a_copy_in_transition_counts_where_it_is_the_only_one() {
    let store = decode(&volume(StoreFormat::Authenticated, &[(0x3e, "BootOrder", &[1, 0])])).unwrap();
    assert_eq!(store.boot_order(), Some(vec![1]));
}

#[test]
fn damage_is_named_and_what_lies_before_it_is_kept() {
    let mut bytes = volume(StoreFormat::Authenticated, &[(0x3f, "BootOrder", &[1, 0]), (0x3f, "BootNext", &[1, 0])]);
    let second = 100 + 60 + 20 + 2 + 2;
    assert_eq!(bytes[second..second + 2], [0xaa, 0x55]);
    bytes[second + 36..second + 40].copy_from_slice(&0xffff_fff0u32.to_le_bytes());
    let store = decode(&bytes).unwrap();
    assert_eq!(store.boot_order(), Some(vec![1]));
    assert!(store.problems[0].contains("has a name of 4294967280"), "{:?}", store.problems);

    bytes[second] = 0;
    assert!(decode(&bytes).unwrap().problems[0].contains("neither a variable nor free space"));

    bytes[50] ^= 1;
    assert!(decode(&bytes).unwrap().problems[0].contains("checksum"));
}

#[rstest::rstest]
#[case::empty(0, "0 bytes")]
#[case::no_signature(40, "_FVH")]
#[case::another_volume(16, "another kind")]
#[case::another_store(STORE_AT, "signature is")]
fn what_is_no_store_is_refused_with_what_was_found(#[case] offset: usize, #[case] wanted: &str) {
    let mut bytes = volume(StoreFormat::Authenticated, &[]);
    match offset {
        0 => bytes.clear(),
        offset => bytes[offset] ^= 0x55,
    }
    let error = decode(&bytes).unwrap_err().to_string();
    assert!(error.contains(wanted), "{error}");
}

#[test]
fn every_truncation_ends_without_a_panic() {
    let option = load_option("disk", &SATA, &[]);
    let bytes = volume(StoreFormat::Authenticated, &[(0x3f, "BootOrder", &[1, 0]), (0x3f, "Boot0001", &option)]);
    for length in 0..512 {
        decode(&bytes[..length]).ok();
        LoadOption::decode(&option[..length.min(option.len())]).ok();
        device_path_text(&SATA[..length.min(SATA.len())]).ok();
    }
    assert!(device_path_text(&SATA[..28]).is_err(), "a path without an end node");
}

#[test]
fn random_damage_ends_without_a_panic_and_within_bounds() {
    let mut random = fastrand::Rng::with_seed(7);
    let option = load_option("disk", &SATA, &[]);
    let sound = volume(StoreFormat::Authenticated, &[(0x3f, "BootOrder", &[1, 0]), (0x3f, "Boot0001", &option)]);
    for _ in 0..20_000 {
        let mut bytes = sound.clone();
        for _ in 0..random.usize(1..12) {
            let place = random.usize(32..400);
            bytes[place] = random.u8(..);
        }
        if let Ok(store) = decode(&bytes) {
            let held: usize = store.variables.iter().map(|variable| variable.data.len()).sum();
            assert!(held <= bytes.len() && store.problems.len() <= 21);
            serde_json::to_string(&store).unwrap();
        }
    }
}

#[test]
fn random_nodes_of_every_type_end_without_a_panic() {
    let mut random = fastrand::Rng::with_seed(8);
    for kind in 0..=7u8 {
        for subtype in 0..=64u8 {
            for length in 4..70u16 {
                let mut path = vec![kind, subtype];
                path.extend(length.to_le_bytes());
                path.extend((4..length).map(|_| random.u8(..)));
                path.extend([0x7f, 0xff, 4, 0]);
                assert!(!device_path_text(&path).unwrap().is_empty() || kind == 4, "{kind} {subtype} {length}");
            }
        }
    }
}

/// A node with its header, and an end node.
fn path(kind: u8, subtype: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![kind, subtype];
    bytes.extend((body.len() as u16 + 4).to_le_bytes());
    bytes.extend(body);
    bytes.extend([0x7f, 0xff, 4, 0]);
    bytes
}

#[rstest::rstest]
#[case::usb(3, 5, &[1, 0], "USB(0x1,0x0)")]
#[case::nvme(3, 23, &[1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 0xab], "NVMe(0x1,AB-07-06-05-04-03-02-01)")]
#[case::uri(3, 24, b"http://10.0.2.2/boot.efi", "Uri(http://10.0.2.2/boot.efi)")]
#[case::no_uri(3, 24, b"", "Uri()")]
#[case::vlan(3, 20, &[10, 0], "Vlan(10)")]
#[case::floppy(2, 1, &[0xd0, 0x41, 4, 6, 1, 0, 0, 0], "Floppy(0x1)")]
#[case::another_acpi(2, 1, &[0xd0, 0x41, 0x10, 0x0a, 0, 0, 0, 0], "Acpi(PNP0A10,0x0)")]
#[case::file(4, 4, &[b'\\', 0, b'a', 0, 0, 0], "\\a")]
#[case::unknown_message(3, 99, &[0xab, 1], "Msg(99,AB01)")]
#[case::short_pci(1, 1, &[2], "HardwarePath(1,02)")]
#[case::bbs(5, 1, &[2, 0, 1, 0, b'x', 0], "BBS(Harddrive,x,0x1)")]
#[case::uart(3, 14, &[0, 0, 0, 0, 0, 0xc2, 1, 0, 0, 0, 0, 0, 8, 1, 1], "Uart(115200,8,N,1)")]
fn a_node_reads_as_edk2_prints_it(#[case] kind: u8, #[case] subtype: u8, #[case] body: &[u8], #[case] text: &str) {
    assert_eq!(device_path_text(&path(kind, subtype, body)).as_deref(), Ok(text));
}

#[test]
fn templates_of_the_host_decode_without_a_complaint() {
    let Ok(folder) = std::fs::read_dir("/usr/share/OVMF") else {
        assert!(std::env::var_os("CI").is_none(), "no /usr/share/OVMF: install the ovmf package");
        eprintln!("no OVMF on this host: templates not tried");
        return;
    };
    let mut tried = 0;
    for file in folder.map(|entry| entry.unwrap().path()) {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        if name.contains("VARS") {
            let store = decode(&std::fs::read(&file).unwrap()).unwrap();
            assert_eq!(store.problems, Vec::<String>::new(), "{name}");
            assert_eq!(
                store.get(GLOBAL_VARIABLE, "PK").is_some(),
                !["OVMF_VARS.fd", "OVMF_VARS_4M.fd", "OVMF32_VARS_4M.fd"].contains(&name.as_str()),
                "{name}"
            );
            tried += 1;
        }
    }
    assert!(tried > 0, "no VARS file in /usr/share/OVMF");
}

/// What OVMF 2022.11 on QEMU 7.2 left in a VARS file, and what its console said when it tried these options.
#[test]
fn options_of_a_real_boot_read_as_the_console_said() {
    let lines: Vec<&str> = include_str!("ovmf-2022.11.txt").lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(lines.len(), 11);
    for line in lines {
        let (hex_text, console) = line.split_once('\t').unwrap();
        let bytes: Vec<u8> =
            (0..hex_text.len()).step_by(2).map(|at| u8::from_str_radix(&hex_text[at..at + 2], 16).unwrap()).collect();
        let option = LoadOption::decode(&bytes).unwrap();
        assert_eq!(format!("\"{}\" from {}", option.description, option.device_path), console);
    }
}

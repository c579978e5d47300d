//! The programs themselves, and that media depend on spec and nonce alone.

mod media;

use bootwright_images::{
    After, BadLoader, Content, EfiMachine, Image, MediumKind, Nonce, Target, build, catalogue, payload,
};
use media::{NONCE, OTHER_NONCE, medium};
use object::pe::{
    IMAGE_DIRECTORY_ENTRY_BASERELOC, IMAGE_DIRECTORY_ENTRY_SECURITY, IMAGE_DLLCHARACTERISTICS_NX_COMPAT,
    IMAGE_FILE_MACHINE_ARM64, IMAGE_FILE_MACHINE_I386, IMAGE_FILE_MACHINE_RISCV64, IMAGE_FILE_MACHINE_THUMB,
    IMAGE_SCN_MEM_EXECUTE, IMAGE_SCN_MEM_WRITE, IMAGE_SUBSYSTEM_EFI_APPLICATION,
};
use object::read::pe::{ImageNtHeaders, ImageOptionalHeader, PeFile32, PeFile64};
use object::{LittleEndian as LE, Object, ObjectSection};
use rstest::rstest;

/// `IMAGE_FILE_MACHINE_LOONGARCH64` (PE format, "Machine Types").
const LOONGARCH64: object::pe::Machine = object::pe::Machine(0x6264);
use std::collections::HashSet;

const AFTERS: [After; 9] = [
    After::Exit,
    After::Hang,
    After::ReturnToFirmware,
    After::ReturnSuccess,
    After::RebootKeyboardController,
    After::RebootPortCf9,
    After::TripleFault,
    After::ResetSystem,
    After::Idle,
];

fn application() -> Vec<u8> {
    payload::efi_application("right", NONCE, After::Exit).expect("a good name")
}

fn application_for(machine: EfiMachine, nonce: Nonce, after: After) -> Vec<u8> {
    payload::efi_application_for(machine, "right", nonce, after).expect("a good name")
}

/// Places where two files of one length differ.
fn differences(left: &[u8], right: &[u8]) -> Vec<usize> {
    assert_eq!(left.len(), right.len());
    (0..left.len()).filter(|at| left[*at] != right[*at]).collect()
}

/// Whether the words of stage 2 give what sector 0 compares with before it runs them.
fn adds_up(program: &[u8]) -> bool {
    let words = program[512..].chunks_exact(2).map(|word| u32::from(u16::from_le_bytes([word[0], word[1]])));
    words.fold(0_u32, |sum, word| sum.wrapping_mul(5).wrapping_add(word)).to_le_bytes() == program[412..416]
}

#[test]
fn the_application_is_a_relocatable_efi_application_without_writable_code() {
    let bytes = application();
    let file = PeFile64::parse(&*bytes).expect("PE32+");
    let header = file.nt_headers().optional_header();
    assert_eq!(header.subsystem(), IMAGE_SUBSYSTEM_EFI_APPLICATION);
    assert_eq!((header.section_alignment(), header.file_alignment()), (4096, 512));
    assert!(header.dll_characteristics().contains(IMAGE_DLLCHARACTERISTICS_NX_COMPAT));
    assert!(file.data_directory(IMAGE_DIRECTORY_ENTRY_BASERELOC).is_some());
    assert!(file.data_directory(IMAGE_DIRECTORY_ENTRY_SECURITY).is_none(), "unsigned");
    assert_eq!(header.check_sum(), 0);

    let mut end = 4096;
    for section in file.section_table().iter() {
        let flags = section.characteristics.get(LE);
        assert!(!(flags.contains(IMAGE_SCN_MEM_EXECUTE) && flags.contains(IMAGE_SCN_MEM_WRITE)));
        let start = section.virtual_address.get(LE);
        assert!(start.is_multiple_of(4096) && start >= end, "sections do not share pages");
        end = start + section.virtual_size.get(LE);
    }
    let entry = u64::from(header.address_of_entry_point());
    let text = file.section_by_name(".text").expect("code");
    assert!((text.address()..text.address() + text.size()).contains(&(entry + header.image_base())));
}

#[test]
fn the_application_for_aarch64_is_one_and_runs_where_the_firmware_likes() {
    let bytes = application_for(EfiMachine::Aa64, NONCE, After::Exit);
    let file = PeFile64::parse(&*bytes).expect("PE32+");
    assert_eq!(file.nt_headers().file_header().machine.get(LE), IMAGE_FILE_MACHINE_ARM64);
    let header = file.nt_headers().optional_header();
    assert_eq!(header.subsystem(), IMAGE_SUBSYSTEM_EFI_APPLICATION);
    assert!(header.section_alignment().is_multiple_of(4096));
    assert!(header.dll_characteristics().contains(IMAGE_DLLCHARACTERISTICS_NX_COMPAT));
    for section in file.section_table().iter() {
        let flags = section.characteristics.get(LE);
        assert!(!(flags.contains(IMAGE_SCN_MEM_EXECUTE) && flags.contains(IMAGE_SCN_MEM_WRITE)));
    }
    let other = application_for(EfiMachine::Aa64, OTHER_NONCE, After::Exit);
    let places = differences(&bytes, &other);
    assert_eq!((places.len(), places[15] - places[0]), (16, 15), "a nonce changes its own bytes");
    let afters = AFTERS.map(|after| application_for(EfiMachine::Aa64, NONCE, after));
    assert_eq!(afters.iter().collect::<HashSet<_>>().len(), AFTERS.len());
}

#[test]
fn the_application_for_riscv64_is_one_or_it_is_said_how_to_get_it() {
    let made = payload::efi_application_for(EfiMachine::Riscv64, "right", NONCE, After::Exit);
    if let Some(lacking) = payload::missing(EfiMachine::Riscv64) {
        let refused = made.expect_err("there is none").to_string();
        return assert!(refused.contains(lacking) && lacking.contains("rustup target add"), "{refused}");
    }
    let bytes = made.expect("a good name");
    let file = PeFile64::parse(&*bytes).expect("PE32+");
    assert_eq!(file.nt_headers().file_header().machine.get(LE), IMAGE_FILE_MACHINE_RISCV64);
    let data = file.section_by_name(".data").expect("data");
    let mut blocks =
        file.data_directories().relocation_blocks(&*bytes, &file.section_table()).expect("readable").expect("some");
    while let Some(block) = blocks.next().expect("well formed") {
        for relocation in block {
            let at = u64::from(relocation.virtual_address);
            assert!((data.address()..data.address() + data.size()).contains(&at), "{at:#x}");
        }
    }
    assert_eq!([EfiMachine::X64, EfiMachine::Aa64].map(payload::missing), [None; 2]);
}

#[test]
fn the_application_for_loongarch64_is_one_and_says_which_endings_it_does_not_have() {
    let made = |name: &str, after| payload::efi_application_for(EfiMachine::Loongarch64, name, NONCE, after);
    let bytes = made("right", After::Exit).expect("a good name");
    let file = PeFile64::parse(&*bytes).expect("PE32+");
    assert_eq!(file.nt_headers().file_header().machine.get(LE), LOONGARCH64);
    assert!(bytes.windows(5).any(|word| word == b"right") && bytes.windows(16).any(|word| word == NONCE.0));
    let returning = [After::ReturnSuccess, After::ReturnToFirmware];
    let writing = [After::WriteBootNext, After::WriteBootOrder, After::WriteOsIndications];
    let others = [After::Exit, After::Hang, After::Idle, After::ResetSystem];
    let endings: Vec<After> = others.into_iter().chain(returning).chain(writing).collect();
    let all: HashSet<Vec<u8>> = endings.iter().map(|after| made("right", *after).expect("an ending of its")).collect();
    assert_eq!(all.len(), endings.len());
    let refused = made("right", After::Install).expect_err("it writes to no disk").to_string();
    assert!(refused.contains("a program for loongarch64 that ends by Install"), "{refused}");
    assert!(made("Right", After::Exit).is_err());
    assert_eq!(payload::missing(EfiMachine::Loongarch64), None);
}

/// Where the target is not installed the kept copy is what is built in, and `build/efi_aa64.rs` holds it against the sources.
#[test]
fn the_kept_application_for_aarch64_is_what_its_sources_give() {
    let kept = include_bytes!("../payload/efi/bootaa64.efi");
    let of = include_str!("../payload/efi/bootaa64.sources").trim();
    let advice = "keep the new one: images/payload/efi/README.md says how";
    assert_eq!(of, payload::EFI_SOURCES, "the kept copy is of other sources; {advice}");
    assert!(
        payload::EFI_AA64 == kept,
        "built from {}, and other bytes than the kept copy: {advice}",
        payload::AA64_FROM
    );
}

#[rstest]
#[case(EfiMachine::Ia32, IMAGE_FILE_MACHINE_I386)]
#[case(EfiMachine::Arm, IMAGE_FILE_MACHINE_THUMB)]
fn an_application_of_32_bits_is_one_and_runs_where_the_firmware_likes(
    #[case] machine: EfiMachine,
    #[case] number: object::pe::Machine,
) {
    if let Some(lacking) = payload::missing(machine) {
        let made = payload::efi_application_for(machine, "right", NONCE, After::Exit);
        let refused = made.expect_err("there is none").to_string();
        return assert!(refused.contains(lacking) && lacking.contains("rustup target add"), "{refused}");
    }
    let bytes = application_for(machine, NONCE, After::Exit);
    let file = PeFile32::parse(&*bytes).expect("PE32");
    assert_eq!(file.nt_headers().file_header().machine.get(LE), number);
    let header = file.nt_headers().optional_header();
    assert_eq!(header.subsystem(), IMAGE_SUBSYSTEM_EFI_APPLICATION);
    assert!(header.section_alignment().is_multiple_of(4096));
    let text = file.section_by_name(".text").expect("code");
    let entry = u64::from(header.address_of_entry_point());
    assert!((text.address()..text.address() + text.size()).contains(&(entry + header.image_base())));
    for section in file.section_table().iter() {
        let flags = section.characteristics.get(LE);
        assert!(!(flags.contains(IMAGE_SCN_MEM_EXECUTE) && flags.contains(IMAGE_SCN_MEM_WRITE)));
    }
    let other = application_for(machine, OTHER_NONCE, After::Exit);
    let places = differences(&bytes, &other);
    assert_eq!((places.len(), places[15] - places[0]), (16, 15), "a nonce changes its own bytes");
    let afters = AFTERS.map(|after| application_for(machine, NONCE, after));
    assert_eq!(afters.iter().collect::<HashSet<_>>().len(), AFTERS.len());
}

#[rstest]
#[case(EfiMachine::X64, Some(EfiMachine::Ia32))]
#[case(EfiMachine::Ia32, Some(EfiMachine::X64))]
#[case(EfiMachine::Aa64, Some(EfiMachine::Arm))]
#[case(EfiMachine::Arm, Some(EfiMachine::Aa64))]
#[case(EfiMachine::Riscv64, None)]
#[case(EfiMachine::Loongarch64, None)]
fn a_loader_of_other_width_is_the_program_of_the_same_makers_other_processor(
    #[case] machine: EfiMachine,
    #[case] other: Option<EfiMachine>,
) {
    let made = payload::bad_loader(BadLoader::OtherWidth, machine, "right", NONCE);
    if let Some(lacking) = other.and_then(payload::missing) {
        return assert!(made.expect_err("there is none").to_string().contains(lacking));
    }
    match other {
        Some(other) => assert!(made.expect("there is one") == application_for(other, NONCE, After::Exit)),
        None => assert!(made.expect_err("there is none").to_string().contains("of another width than")),
    }
}

#[test]
fn an_initramfs_is_for_x86_64_aarch64_or_ppc64() {
    let made = |machine| payload::initramfs_for(machine, "system", NONCE, After::Exit);
    for (machine, elf) in
        [(Target::Efi(EfiMachine::X64), 62), (Target::Efi(EfiMachine::Aa64), 183), (Target::Ppc64, 21)]
    {
        if let Some(lacking) = payload::initramfs_missing(machine) {
            assert!(made(machine).expect_err("there is none").to_string().contains(lacking));
            continue;
        }
        let archive = made(machine).expect("a good name");
        let program = archive.windows(4).position(|bytes| bytes == b"\x7fELF").expect("a program");
        assert_eq!(archive[program + 18], elf, "e_machine of {machine:?}");
        assert!(archive.windows(16).any(|bytes| bytes == NONCE.0), "the nonce of {machine:?}");
    }
    let refused = made(Target::Efi(EfiMachine::Riscv64)).expect_err("there is none").to_string();
    assert!(refused.contains("an initramfs for Efi(Riscv64)"), "{refused}");
}

#[test]
fn every_relocation_of_the_application_lies_in_writable_data() {
    let bytes = application();
    let file = PeFile64::parse(&*bytes).expect("PE32+");
    let data = file.section_by_name(".data").expect("data");
    let mut blocks =
        file.data_directories().relocation_blocks(&*bytes, &file.section_table()).expect("readable").expect("some");
    while let Some(block) = blocks.next().expect("well formed") {
        for relocation in block {
            let at = u64::from(relocation.virtual_address);
            assert!((data.address()..data.address() + data.size()).contains(&at), "{at:#x}");
        }
    }
}

#[test]
fn a_nonce_changes_its_own_sixteen_bytes_of_the_application_and_no_others() {
    let other = payload::efi_application("right", OTHER_NONCE, After::Exit).expect("a good name");
    let places = differences(&application(), &other);
    assert_eq!((places.len(), places[15] - places[0]), (16, 15));
    assert_eq!(other[places[0]..=places[15]], OTHER_NONCE.0);
}

#[test]
fn a_nonce_changes_its_own_bytes_and_the_checksum_of_the_bios_program() {
    let program = |nonce| payload::bios_network_program("right", nonce, After::Exit).expect("a good name");
    let places = differences(&program(NONCE), &program(OTHER_NONCE));
    let expected = (412..416).chain(528..544).collect::<Vec<_>>();
    assert!(places.iter().all(|at| expected.contains(at)), "{places:?}");
    assert!((528..544).all(|at| places.contains(&at)));
}

#[test]
fn every_ending_gives_its_own_programs() {
    let bios = AFTERS.map(|after| payload::bios_network_program("right", NONCE, after).expect("a good name"));
    let uefi = AFTERS.map(|after| payload::efi_application("right", NONCE, after).expect("a good name"));
    assert_eq!((bios.iter().collect::<HashSet<_>>().len(), uefi.iter().collect::<HashSet<_>>().len()), (9, 9));
}

#[rstest]
fn a_network_program_has_the_length_asked_for_and_adds_up(#[values(2048, 2049, 10_000, 32_767, 32_768)] length: usize) {
    let program = payload::bios_network_program_of("right", NONCE, After::Exit, length).expect("in range");
    assert_eq!(program.len(), length);
    assert!(adds_up(&program));
    let words = usize::from(u16::from_le_bytes([program[422], program[423]]));
    assert_eq!(512 + words * 2, length / 2 * 2, "sector 0 knows how much to add up");
}

#[test]
fn one_changed_byte_of_a_network_program_does_not_add_up() {
    let good = payload::bios_network_program_of("right", NONCE, After::Exit, 8192).expect("in range");
    for at in [512, 528, 1000, 4096, 8191] {
        let mut bad = good.clone();
        bad[at] ^= 1;
        assert!(!adds_up(&bad), "byte {at}");
    }
}

#[test]
fn a_lengthened_application_starts_with_the_application() {
    let long = payload::efi_application_of("right", NONCE, After::Exit, 100_001).expect("in range");
    assert_eq!(long.len(), 100_001);
    assert!(long.starts_with(&application()));
}

#[test]
fn the_same_spec_and_nonce_give_the_same_bytes_and_another_nonce_others() {
    for example in catalogue() {
        let image = |nonce| build(&example.spec, nonce).expect(example.name);
        assert_eq!(image(NONCE), image(NONCE), "{}", example.name);
        let carries_none = matches!(example.spec.content, Content::Blank | Content::VendorReboot);
        assert_eq!(image(NONCE) == image(OTHER_NONCE), carries_none, "{}", example.name);
    }
}

#[test]
fn no_path_of_the_building_host_is_in_a_payload() {
    let machines = [EfiMachine::X64, EfiMachine::Aa64, EfiMachine::Ia32, EfiMachine::Arm, EfiMachine::Riscv64];
    let there = machines.into_iter().filter(|machine| payload::missing(*machine).is_none());
    let programs = there.map(|machine| application_for(machine, NONCE, After::Exit));
    for program in programs.chain([payload::bios_network_program("right", NONCE, After::Exit).expect("a good name")]) {
        let text = String::from_utf8_lossy(&program).into_owned();
        assert!(!text.contains(env!("CARGO_MANIFEST_DIR")) && !text.contains("/rustc/"));
    }
}

#[test]
fn extents_ascend_without_overlap_and_inside_the_medium() {
    for example in catalogue() {
        let image: Image = build(&example.spec, NONCE).expect(example.name);
        let mut end = 0;
        for extent in image.extents() {
            assert!(extent.offset >= end, "{} at {:#x}", example.name, extent.offset);
            end = extent.offset + extent.bytes.len() as u64;
        }
        assert!(end <= image.length(), "{}", example.name);
    }
}

#[test]
fn the_catalogue_has_each_name_once_and_names_its_media_by_it() {
    let examples = catalogue();
    let names: HashSet<_> = examples.iter().map(|example| example.name).collect();
    assert_eq!(names.len(), examples.len());
    for example in &examples {
        assert_eq!(example.spec.name, example.name);
        assert!(!example.about.is_empty() && !example.about.contains('\n'));
    }
}

#[test]
fn a_written_file_is_the_image_and_replaces_what_was_there() {
    let image = medium(MediumKind::Disk, Content::bootable());
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("medium.img");
    std::fs::write(&path, vec![0xee; 20_000_000]).expect("room");
    image.write_to(&path).expect("room");
    assert_eq!(std::fs::read(&path).expect("written"), image.to_bytes().expect("small"));
    assert_eq!(std::fs::read_dir(directory.path()).expect("readable").count(), 1, "nothing is left beside it");
}

#[test]
fn a_nonce_prints_as_in_the_payload_line() {
    assert_eq!(Nonce([0x0a; 16]).to_string(), "0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a");
}

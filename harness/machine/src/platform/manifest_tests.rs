//! One test per mistake that a manifest can hold, with the whole text that the user sees.

use rstest::rstest;

use super::super::Surroundings;
use super::super::varstore::test_volume;
use super::*;

/// A vendor's directory: files of every kind that a manifest can name.
fn vendor(manifest: &str) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let put = |name: &str, bytes: &[u8]| std::fs::write(dir.path().join(name), bytes).unwrap();
    put("qemu", b"#!/bin/sh\necho broken >&2\nexit 3\n");
    put("CODE_4M.fd", &test_volume(3_653_632, false));
    put("VARS_4M.fd", &test_volume(540_672, true));
    put("VARS_2M.fd", &test_volume(131_072, true));
    put("bios.bin", &[vec![0; 65_520], b"SeaBIOS at reset".to_vec()].concat());
    put("note.txt", b"no image");
    put("my.rom", &[vec![0x55, 0xaa, 1], vec![0; 509]].concat());
    put("CODE_cut.fd", &test_volume(3_653_632, false)[..3_000_000]);
    std::fs::File::create(dir.path().join("huge.bin")).unwrap().set_len(10 << 30).unwrap();
    std::fs::create_dir(dir.path().join("roms")).unwrap();
    let path = dir.path().join("acme.toml");
    std::fs::write(&path, manifest).unwrap();
    (dir, path)
}

/// The error text with the temporary directory removed.
fn refusal(manifest: &str) -> String {
    let (dir, path) = vendor(manifest);
    let text = check(&path).unwrap_err().to_string();
    text.replace(&format!("{}/", dir.path().display()), "")
}

#[test]
fn a_complete_manifest_is_accepted_and_its_paths_start_at_the_manifest() {
    let (dir, path) = vendor(
        "name = \"acme\"\nqemu = \"qemu\"\ndata = [\"roms\"]\nseabios = \"bios.bin\"\noption_roms = \"roms\"\n\
         ovmf = { code = \"CODE_4M.fd\", vars = \"VARS_4M.fd\", secure_boot = true }\nenv = { KEY = \"value\" }\n",
    );
    let checked = check(&path).unwrap();
    assert_eq!(checked.qemu, Part::Path(dir.path().join("qemu")));
    let (code, vars) = (dir.path().join("CODE_4M.fd"), dir.path().join("VARS_4M.fd"));
    assert_eq!(checked.ovmf, Some(CheckedOvmf::Files(code, vars, true, false)));
    assert_eq!(checked.env, [("KEY".to_owned(), "value".to_owned())]);
}

#[test]
fn name_and_qemu_are_enough() {
    let (_dir, path) = vendor("name = \"acme\"\nqemu = \"qemu\"\n");
    let checked = check(&path).unwrap();
    assert_eq!((checked.seabios, checked.ovmf, checked.data.len()), (None, None, 0));
}

#[rstest]
#[case::unknown_key(
    "name = \"acme\"\nqemu = \"qemu\"\nseabois = \"bios.bin\"\n",
    "unknown field `seabois`, expected one of `name`, `qemu`, `data`, `seabios`, `ovmf`, `option_roms`, `env`, `versions`, `base`\n  \
     in: acme.toml line 3\n  fix: remove the key or correct its spelling"
)]
#[case::missing_key(
    "name = \"acme\"\n",
    "missing field `qemu`\n  in: acme.toml line 1\n  fix: add the key; name and qemu are required, and so are code and vars of ovmf"
)]
#[case::wrong_type(
    "name = \"acme\"\nqemu = 7\n",
    "invalid type: integer `7`, expected path string\n  in: acme.toml line 2\n  fix: give the value the type that is wanted"
)]
#[case::missing_path(
    "name = \"acme\"\n\nqemu = \"bin/qemu\"\n",
    "platform \"acme\": qemu \"bin/qemu\" does not exist (looked for bin/qemu)\n  in: acme.toml line 3\n  \
     fix: correct the path; relative paths start at the manifest's directory"
)]
#[case::directory_for_a_file(
    "name = \"acme\"\nqemu = \"qemu\"\nseabios = \"roms\"\n",
    "platform \"acme\": seabios \"roms\" is not a file\n  in: acme.toml line 3\n  \
     fix: correct the path; relative paths start at the manifest's directory"
)]
#[case::file_for_a_directory(
    "name = \"acme\"\nqemu = \"qemu\"\ndata = [\n  \"roms\",\n  \"bios.bin\",\n]\n",
    "platform \"acme\": data \"bios.bin\" is not a directory\n  in: acme.toml line 5\n  \
     fix: correct the path; relative paths start at the manifest's directory"
)]
#[case::vars_of_the_other_layout(
    "name = \"acme\"\nqemu = \"qemu\"\n\n\n\n[ovmf]\nvars = \"VARS_2M.fd\"\ncode = \"CODE_4M.fd\"\n",
    "platform \"acme\": ovmf.vars \"VARS_2M.fd\" is 131072 bytes but ovmf.code needs the 4 MiB layout (540672)\n  \
     in: acme.toml line 7\n  fix: use the VARS file built with this CODE file"
)]
#[case::code_and_vars_swapped(
    "name = \"acme\"\nqemu = \"qemu\"\novmf = { code = \"VARS_4M.fd\", vars = \"CODE_4M.fd\" }\n",
    "platform \"acme\": ovmf.code \"VARS_4M.fd\" begins with a variable store, so it is an OVMF_VARS file or a combined \
     image, wanted OVMF_CODE\n  in: acme.toml line 3\n  fix: use the CODE file of a split OVMF build (2 or 4 MiB layout)"
)]
#[case::empty_name(
    "name = \" \"\nqemu = \"qemu\"\n",
    "name is empty\n  in: acme.toml line 1\n  fix: give the platform a name"
)]
#[case::no_variable(
    "name = \"acme\"\nqemu = \"qemu\"\n[env]\n\"A=B\" = \"c\"\n",
    "platform \"acme\": env \"A=B\" is no environment variable\n  in: acme.toml line 4\n  fix: use letters, digits and _, and no digit in front"
)]
#[case::shell_text_for_a_variable(
    "name = \"acme\"\nqemu = \"qemu\"\n[env]\n\"A;touch pwned;B\" = \"c\"\n",
    "platform \"acme\": env \"A;touch pwned;B\" is no environment variable\n  in: acme.toml line 4\n  fix: use letters, digits and _, and no digit in front"
)]
#[case::a_sparse_bios(
    "name = \"acme\"\nqemu = \"qemu\"\nseabios = \"huge.bin\"\n",
    "platform \"acme\": seabios \"huge.bin\" is 10737418240 bytes, wanted at most 8388608\n  in: acme.toml line 3\n  fix: give the right file"
)]
#[case::a_text_for_a_bios(
    "name = \"acme\"\nqemu = \"qemu\"\nseabios = \"note.txt\"\n",
    "platform \"acme\": seabios \"note.txt\" is 8 bytes, and QEMU takes multiples of 65536 only\n  in: acme.toml line 3\n  \
     fix: give the bios.bin of a SeaBIOS build"
)]
#[case::a_bios_for_a_rom(
    "name = \"acme\"\nqemu = \"qemu\"\n\n[option_roms]\n\"efi-e1000.rom\" = \"my.rom\"\n\"efi-virtio.rom\" = \"bios.bin\"\n",
    "platform \"acme\": option_roms \"bios.bin\" does not begin with 55 AA, as every option ROM does\n  in: acme.toml line 6\n  \
     fix: give a network boot ROM as iPXE's build makes it (bin/*.rom), and no other file"
)]
#[case::truncated_code(
    "name = \"acme\"\nqemu = \"qemu\"\novmf = { code = \"CODE_cut.fd\", vars = \"VARS_4M.fd\" }\n",
    "platform \"acme\": ovmf.code \"CODE_cut.fd\" is cut off: it is 3000000 bytes and its firmware volume alone has 3653632\n  in: acme.toml line 3\n  fix: use the CODE file of a split OVMF build (2 or 4 MiB layout)"
)]
#[case::ovmf_from_no_platform(
    "name = \"acme\"\nqemu = \"qemu\"\novmf = \"CODE_4M.fd\"\n",
    "ovmf \"CODE_4M.fd\" is no platform: wanted host, apt, debian:SUITE, dir:TREE, or { code = .., vars = .. }\n  in: acme.toml line 3\n  fix: correct the TOML"
)]
#[case::a_rom_by_no_name(
    "name = \"acme\"\nqemu = \"qemu\"\noption_roms = { \"../efi.rom\" = \"bios.bin\" }\n",
    "platform \"acme\": option_roms \"../efi.rom\" is no name of a ROM\n  in: acme.toml line 3\n  fix: use a name that QEMU looks for, such as efi-virtio.rom"
)]
fn each_mistake_is_one_error_with_its_line(#[case] manifest: &str, #[case] text: &str) {
    assert_eq!(refusal(manifest), text);
}

#[rstest]
#[case("name = \"acme\nqemu = \"qemu\"\n", 1)]
#[case("name = \"acme\"\nname = \"again\"\nqemu = \"qemu\"\n", 2)]
#[case("name = \"acme\"\nqemu = \"qemu\"\novmf = 3\n", 3)]
fn text_that_is_no_toml_names_its_line(#[case] manifest: &str, #[case] line: usize) {
    let text = refusal(manifest);
    assert!(text.contains(&format!("in: acme.toml line {line}\n  fix: ")), "{text}");
}

#[test]
fn a_missing_manifest_and_a_directory_are_one_error_each() {
    for path in ["/nonexistent/acme.toml", "/"] {
        let text = check(Path::new(path)).unwrap_err().to_string();
        assert!(text.starts_with("cannot read the platform manifest: "), "{text}");
        assert!(text.contains(&format!("in: {path}")), "{text}");
    }
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    let (_dir, path) = vendor("");
    std::fs::write(&path, [0xff, 0xfe, 0x00]).unwrap();
    assert!(check(&path).unwrap_err().to_string().starts_with("the manifest is no UTF-8 text"));
}

#[test]
fn a_qemu_that_does_not_answer_is_named_with_its_line() {
    use std::os::unix::fs::PermissionsExt;

    let (dir, path) = vendor("name = \"acme\"\nqemu = \"qemu\"\n");
    std::fs::set_permissions(dir.path().join("qemu"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let text = resolved(&path, &Options::default()).unwrap_err().to_string();
    assert!(text.starts_with("platform \"acme\": qemu \""), "{text}");
    assert!(text.contains("wanted a QMP greeting") && text.contains("it said: broken"), "{text}");
    assert!(text.contains("acme.toml line 2\n  fix: give a qemu-system-x86_64 that runs on this host"), "{text}");
}

fn resolved(path: &Path, options: &Options) -> Result<Platform, PlatformError> {
    resolve(&PlatformName::File(path.to_owned()), path, options, Platform::resolve, &mut |_| {})
}

#[test]
fn a_qemu_that_may_not_be_run_says_so() {
    let (_dir, path) = vendor("name = \"acme\"\nqemu = \"qemu\"\n");
    let text = resolved(&path, &Options::default()).unwrap_err().to_string();
    assert!(text.contains("Permission denied"), "{text}");
}

#[test]
fn parts_may_come_from_other_platforms_and_roms_from_files() {
    let (dir, path) = vendor(
        "name = \"mix\"\nqemu = \"debian:sid\"\nseabios = \"host\"\novmf = \"debian:trixie\"\n\
         option_roms = { \"efi-virtio.rom\" = \"my.rom\" }\nversions = { ipxe = \"2.0\" }\n",
    );
    let checked = check(&path).unwrap();
    assert_eq!(checked.qemu, Part::Platform("debian:sid".parse().unwrap()));
    assert_eq!(checked.seabios, Some(Part::Platform(PlatformName::Host)));
    assert_eq!(checked.ovmf, Some(CheckedOvmf::Platform("debian:trixie".parse().unwrap())));
    let rom = [("efi-virtio.rom".to_owned(), dir.path().join("my.rom"))];
    assert_eq!(checked.option_roms, Some(CheckedRoms::Files(rom.into())));
    assert_eq!(checked.versions.ipxe.as_deref(), Some("2.0"));
}

#[test]
fn linked_roms_lie_alone_in_a_directory_of_the_cache() {
    let (dir, _path) = vendor("");
    let host = Surroundings { cache: Some(dir.path().join("cache")), ..Surroundings::of_this_process() };
    let files = BTreeMap::from([("efi-virtio.rom".to_owned(), dir.path().join("bios.bin"))]);
    for _ in 0..2 {
        let links = kept::linked(&files, &host).unwrap();
        assert!(std::fs::read(links.join("efi-virtio.rom")).unwrap().ends_with(b"SeaBIOS at reset"));
        assert_eq!(std::fs::read_dir(links).unwrap().count(), 1);
    }
}

#[test]
fn a_kept_manifest_finds_its_files_from_anywhere() {
    let (dir, path) = vendor("name = \"acme\"\nqemu = \"qemu\"\nseabios = \"bios.bin\"\n");
    let host = Surroundings { config_home: Some(dir.path().join("config")), ..Surroundings::of_this_process() };
    let kept = add("acme-7.2", &path, &host).unwrap();
    assert_eq!(kept_names(&host), ["acme-7.2"]);
    assert_eq!(check(&kept).unwrap().seabios, Some(Part::Path(dir.path().join("bios.bin"))));
    for name in ["host", "../up", "Acme", "debian:sid", ""] {
        let error = add(name, &path, &host).unwrap_err().to_string();
        assert!(error.contains("is no name to keep a platform under"), "{error}");
    }
}

//! One test per mistake that a manifest can hold, with the whole text that the user sees.

use rstest::rstest;

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
    put("bios.bin", b"SeaBIOS");
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
    assert_eq!(checked.qemu, dir.path().join("qemu"));
    assert_eq!(checked.ovmf, Some((dir.path().join("CODE_4M.fd"), dir.path().join("VARS_4M.fd"), true, false)));
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
    "unknown field `seabois`, expected one of `name`, `qemu`, `data`, `seabios`, `ovmf`, `option_roms`, `env`\n  \
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
    "platform \"acme\": env \"A=B\" is no environment variable\n  in: acme.toml line 4\n  fix: use a name without '=' and NUL"
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
    let text = resolve(&path, &Surroundings::of_this_process()).unwrap_err().to_string();
    assert!(text.starts_with("platform \"acme\": qemu \""), "{text}");
    assert!(text.contains("wanted a QMP greeting") && text.contains("it said: broken"), "{text}");
    assert!(text.contains("acme.toml line 2\n  fix: give a qemu-system-x86_64 that runs on this host"), "{text}");
}

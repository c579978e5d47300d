//! What the command line refuses rather than run less, or more, than was asked for.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

fn refused(args: &[&OsStr]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_xtask")).arg("test").args(args).output().expect("xtask runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
    said
}

fn words(text: &str) -> Vec<&OsStr> {
    text.split(' ').map(OsStr::new).collect()
}

#[test]
fn what_cannot_be_meant_is_refused_with_the_flag_that_was_typed() {
    for (line, wanted) in [
        ("--list --platform nonsense", "'nonsense' for '--platform <NAME>'"),
        ("--list --mirror nonsense", "'nonsense' for '--mirror <URL>'"),
        ("--shard 3/2", "'3/2' for '--shard <K/N>': \"3/2\" is no shard: wanted K/N with K from 1 to N"),
        ("--platform apt --platform host --platform apt", "--platform apt is given twice"),
        (
            "--list --exact alone::seabios::pc::virtio-blk alone::seabios::pc::virtio-blck",
            "\"alone::seabios::pc::virtio-blck\"",
        ),
        ("--list alone nonsense", "no case id contains \"nonsense\""),
        ("--list --exact", "--exact: no id is given"),
    ] {
        let said = refused(&words(line));
        assert!(said.contains(wanted), "{line}: {said}");
    }
    let said = refused(&[OsStr::new("--list"), OsStr::new("")]);
    assert!(said.contains("an empty filter would select everything"), "{said}");
}

#[test]
fn a_path_that_is_no_text_is_refused_and_runs_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let odd = dir.path().join(OsStr::from_bytes(b"out-\xff"));
    for flag in ["--out", "--known-issues"] {
        let said = refused(&[OsStr::new("alone::seabios::pc::virtio-blk"), OsStr::new(flag), odd.as_os_str()]);
        assert!(said.contains(flag) && said.contains("not UTF-8"), "{said}");
    }
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    let said = refused(&[OsString::from_vec(b"alone\xff".to_vec()).as_os_str()]);
    assert!(said.contains("invalid UTF-8"), "{said}");
}

#[test]
fn an_export_of_a_case_that_a_crate_does_not_have_gives_the_list_of_that_crate() {
    let dir = tempfile::tempdir().unwrap();
    let script = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    };
    let said = "error: no case is named \"nix\"\n  see: cargo xtask test --list --suite full";
    let boot = script("boot", &format!("echo '{said}' >&2; exit 2"));
    let built = format!(r#"{{"target":{{"name":"boot"}},"executable":"{}"}}"#, boot.display());
    let cargo = script("cargo", &format!("echo '{built}'"));
    std::fs::write(dir.path().join("Cargo.toml"), "").unwrap();
    let mut xtask = Command::new(env!("CARGO_BIN_EXE_xtask"));
    xtask.args(["case", "export", "nix", "--cases", "."]).env("CARGO", cargo).current_dir(dir.path());
    let output = xtask.output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), format!("{said} --cases .\n"));
}

//! Descriptor directories laid out as three distributions do, and every way one descriptor can hide another.

use std::os::unix::fs::symlink;

use rstest::rstest;

use super::*;

const QEMU: QemuVersion = QemuVersion { major: 10, minor: 0, micro: 2 };
const BOTH: &[&str] = &["pc-i440fx-*", "pc-q35-*"];
const Q35: &[&str] = &["pc-q35-*"];

fn descriptor(code: &str, vars: &str, machines: &[&str], features: &[&str]) -> String {
    format_descriptor(code, vars, "raw", machines, features)
}

fn format_descriptor(code: &str, vars: &str, format: &str, machines: &[&str], features: &[&str]) -> String {
    serde_json::json!({
        "description": "a build",
        "interface-types": ["uefi"],
        "mapping": {
            "device": "flash",
            "mode": "split",
            "executable": { "filename": code, "format": format },
            "nvram-template": { "filename": vars, "format": format },
        },
        "targets": [{ "architecture": "x86_64", "machines": machines }],
        "features": features,
        "tags": [],
    })
    .to_string()
}

/// A root with descriptor files, given as (path under the root, text).
fn root(files: &[(&str, String)]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = root.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    root
}

fn read(root: &Path) -> Descriptors {
    Descriptors::read(&directories(root, &[], Some(&root.join("home/.config"))), Architecture::X86_64).unwrap()
}

fn codes(found: &Descriptors) -> Vec<&str> {
    found.usable.iter().map(|entry| entry.code.to_str().unwrap()).collect()
}

#[test]
fn debian_layout_gives_the_plain_and_the_enrolled_build() {
    let smm = ["acpi-s3", "amd-sev", "requires-smm", "secure-boot", "verbose-dynamic"];
    let enrolled = ["acpi-s3", "amd-sev", "enrolled-keys", "requires-smm", "secure-boot", "verbose-dynamic"];
    let dir = "/usr/share/OVMF/";
    let entry = |code: &str, vars: &str, machines: &[&str], features: &[&str]| {
        descriptor(&format!("{dir}{code}"), &format!("{dir}{vars}"), machines, features)
    };
    let root = root(&[
        (
            "usr/share/qemu/firmware/40-edk2-x86_64-secure-enrolled.json",
            entry("OVMF_CODE_4M.ms.fd", "OVMF_VARS_4M.ms.fd", Q35, &enrolled),
        ),
        (
            "usr/share/qemu/firmware/50-edk2-x86_64-secure.json",
            entry("OVMF_CODE_4M.secboot.fd", "OVMF_VARS_4M.fd", Q35, &smm),
        ),
        (
            "usr/share/qemu/firmware/60-edk2-x86_64.json",
            entry("OVMF_CODE_4M.fd", "OVMF_VARS_4M.fd", BOTH, &["acpi-s3", "amd-sev", "verbose-dynamic"]),
        ),
    ]);
    let found = read(root.path());
    assert_eq!(found.plain(QEMU).unwrap().code, Path::new("/usr/share/OVMF/OVMF_CODE_4M.fd"));
    let secure = found.secure_boot(QEMU).unwrap();
    assert_eq!(secure.code, Path::new("/usr/share/OVMF/OVMF_CODE_4M.ms.fd"));
    assert!(secure.has("enrolled-keys") && secure.has("requires-smm"));
}

/// Debian's package of AAVMF; bookworm's one image has no feature, trixie's plain one neither.
#[test]
fn the_builds_for_aarch64_are_those_of_its_descriptors_and_no_others() {
    let entry = |vars: &str, features: &[&str]| {
        let code = format!("/usr/share/AAVMF/{vars}.code");
        descriptor(&code, &format!("/usr/share/AAVMF/{vars}"), &["virt-*"], features).replace("x86_64", "aarch64")
    };
    let enrolled = entry("enrolled", &["enrolled-keys", "secure-boot"]);
    let plain = entry("plain", &["verbose-static"]);
    let files = |middle: (&'static str, String)| {
        root(&[
            ("usr/share/qemu/firmware/40-aarch64-secure-enrolled.json", enrolled.clone()),
            middle,
            ("usr/share/qemu/firmware/70-x86_64.json", descriptor("/x86", "/vars", BOTH, &[])),
        ])
    };
    let found = |root: tempfile::TempDir, architecture| {
        let read = Descriptors::read(&directories(root.path(), &[], None), architecture).unwrap();
        let name = |entry: Option<&Descriptor>| entry.map(|entry| entry.code.display().to_string());
        (name(read.plain(QEMU)), name(read.secure_boot(QEMU)))
    };
    let code = |name: &str| Some(format!("/usr/share/AAVMF/{name}.code"));
    let middle = || ("usr/share/qemu/firmware/60-aarch64.json", plain.clone());
    assert_eq!(found(files(middle()), Architecture::Aarch64), (code("plain"), code("enrolled")));
    assert_eq!(found(files(middle()), Architecture::X86_64).0.as_deref(), Some("/x86"));
    // a build that could enforce serves too where its store has no keys, but goes behind one that cannot
    let blank = || ("usr/share/qemu/firmware/50-aarch64.json", entry("blank", &["secure-boot"]));
    assert_eq!(found(files(blank()), Architecture::Aarch64), (code("blank"), code("enrolled")));
    let both = root(&[blank(), middle()]);
    assert_eq!(found(both, Architecture::Aarch64), (code("plain"), code("blank")));
    let none = ("usr/share/qemu/firmware/50-aarch64.json", enrolled.clone());
    assert_eq!(found(files(none), Architecture::Aarch64), (None, code("enrolled")), "enrolled keys refuse our payload");
}

/// Debian's package of OVMF for IA32: bookworm has one build, which wants SMM; trixie has one without, too.
#[test]
fn the_builds_for_ia32_are_those_of_its_descriptors_and_no_others() {
    let entry = |code: &str, machines: &[&str], features: &[&str]| {
        descriptor(code, "/usr/share/OVMF/OVMF32_VARS_4M.fd", machines, features).replace("x86_64", "i386")
    };
    let secure =
        ("usr/share/qemu/firmware/50-edk2-i386-secure.json", entry("/secboot", Q35, &["requires-smm", "secure-boot"]));
    let plain = ("usr/share/qemu/firmware/60-edk2-i386.json", entry("/plain", BOTH, &[]));
    let found = |files: &[(&str, String)], architecture| {
        let root = root(files);
        let read = Descriptors::read(&directories(root.path(), &[], None), architecture).unwrap();
        let name = |entry: Option<&Descriptor>| entry.map(|entry| entry.code.display().to_string());
        (name(read.plain(QEMU)), name(read.secure_boot(QEMU)))
    };
    let [secboot, without] = ["/secboot", "/plain"].map(|code| Some(code.to_owned()));
    assert_eq!(found(std::slice::from_ref(&secure), Architecture::I386), (None, secboot.clone()));
    assert_eq!(found(&[secure.clone(), plain.clone()], Architecture::I386), (without, secboot));
    assert_eq!(found(&[secure, plain], Architecture::X86_64), (None, None));
}

#[test]
fn fedora_layout_passes_over_qcow2_and_confidential_builds() {
    let dir = "/usr/share/edk2/ovmf/";
    let entry = |format: &str, code: &str, vars: &str, machines: &[&str], features: &[&str]| {
        format_descriptor(&format!("{dir}{code}"), &format!("{dir}{vars}"), format, machines, features)
    };
    let secure = ["acpi-s3", "requires-smm", "secure-boot", "enrolled-keys", "verbose-dynamic"];
    let stateless = serde_json::json!({
        "interface-types": ["uefi"],
        "mapping": { "device": "flash", "mode": "stateless",
                     "executable": { "filename": "/usr/share/edk2/ovmf/OVMF.amdsev.fd", "format": "raw" } },
        "targets": [{ "architecture": "x86_64", "machines": ["pc-q35-*"] }],
        "features": ["amd-sev", "amd-sev-es", "amd-sev-snp"],
        "tags": [],
    });
    let memory = serde_json::json!({
        "interface-types": ["uefi"],
        "mapping": { "device": "memory", "filename": "/usr/share/edk2/ovmf/OVMF.inteltdx.secboot.fd" },
        "targets": [{ "architecture": "x86_64", "machines": ["pc-q35-*"] }],
        "features": ["enrolled-keys", "intel-tdx", "secure-boot"],
        "tags": [],
    });
    let root = root(&[
        (
            "usr/share/qemu/firmware/30-edk2-ovmf-4m-qcow2-x64-sb-enrolled.json",
            entry("qcow2", "OVMF_CODE_4M.secboot.qcow2", "OVMF_VARS_4M.secboot.qcow2", Q35, &secure),
        ),
        (
            "usr/share/qemu/firmware/31-edk2-ovmf-2m-raw-x64-sb-enrolled.json",
            entry("raw", "OVMF_CODE.secboot.fd", "OVMF_VARS.secboot.fd", Q35, &secure),
        ),
        (
            "usr/share/qemu/firmware/50-edk2-ovmf-4m-qcow2-x64-nosb.json",
            entry("qcow2", "OVMF_CODE_4M.qcow2", "OVMF_VARS_4M.qcow2", BOTH, &["acpi-s3"]),
        ),
        (
            "usr/share/qemu/firmware/51-edk2-ovmf-2m-raw-x64-nosb.json",
            entry("raw", "OVMF_CODE.fd", "OVMF_VARS.fd", BOTH, &["acpi-s3", "amd-sev", "amd-sev-es"]),
        ),
        ("usr/share/qemu/firmware/60-edk2-ovmf-x64-amdsev.json", stateless.to_string()),
        ("usr/share/qemu/firmware/60-edk2-ovmf-x64-inteltdx.json", memory.to_string()),
    ]);
    let found = read(root.path());
    assert_eq!(found.plain(QEMU).unwrap().code, Path::new("/usr/share/edk2/ovmf/OVMF_CODE.fd"));
    assert_eq!(found.secure_boot(QEMU).unwrap().code, Path::new("/usr/share/edk2/ovmf/OVMF_CODE.secboot.fd"));
    let reasons: Vec<&str> = found.passed_over.iter().map(|(_, reason)| reason.as_str()).collect();
    assert_eq!(
        reasons,
        [
            "image format is \"qcow2\", wanted \"raw\"",
            "image format is \"qcow2\", wanted \"raw\"",
            "flash mode is \"stateless\", wanted \"split\"",
            "maps its firmware as \"memory\", wanted \"flash\"",
        ]
    );
}

#[test]
fn opensuse_layout_has_secure_boot_without_smm_and_several_key_sets() {
    let dir = "/usr/share/qemu/ovmf-x86_64";
    let entry = |stem: &str, machines: &[&str], features: &[&str]| {
        descriptor(&format!("{dir}{stem}-code.bin"), &format!("{dir}{stem}-vars.bin"), machines, features)
    };
    let root = root(&[
        (
            "usr/share/qemu/firmware/50-ovmf-x86_64-ms-4m.json",
            entry("-ms-4m", BOTH, &["acpi-s3", "amd-sev", "amd-sev-es", "enrolled-keys", "secure-boot"]),
        ),
        (
            "usr/share/qemu/firmware/50-ovmf-x86_64-smm-suse.json",
            entry("-smm-suse", Q35, &["acpi-s3", "enrolled-keys", "requires-smm", "secure-boot"]),
        ),
        ("usr/share/qemu/firmware/60-ovmf-x86_64-4m.json", entry("-4m", BOTH, &["acpi-s3", "amd-sev"])),
        ("usr/share/qemu/firmware/60-ovmf-x86_64.json", entry("", BOTH, &["acpi-s3"])),
    ]);
    let found = read(root.path());
    assert_eq!(found.plain(QEMU).unwrap().code, Path::new("/usr/share/qemu/ovmf-x86_64-4m-code.bin"));
    let secure = found.secure_boot(QEMU).unwrap();
    assert_eq!(secure.code, Path::new("/usr/share/qemu/ovmf-x86_64-ms-4m-code.bin"));
    assert!(!secure.has("requires-smm"));
}

#[test]
fn a_build_for_both_machines_goes_before_one_for_q35_alone() {
    let root = root(&[
        ("usr/share/qemu/firmware/10-q35.json", descriptor("/q35", "/v", Q35, &[])),
        ("usr/share/qemu/firmware/90-both.json", descriptor("/both", "/v", BOTH, &[])),
    ]);
    assert_eq!(read(root.path()).plain(QEMU).unwrap().code, Path::new("/both"));
}

#[test]
fn the_users_directory_overrides_the_administrators_and_that_the_systems() {
    let named = |code: &str| descriptor(code, "/v", BOTH, &[]);
    let root = root(&[
        ("usr/share/qemu/firmware/10-a.json", named("/system/a")),
        ("usr/share/qemu/firmware/20-b.json", named("/system/b")),
        ("usr/share/qemu/firmware/30-c.json", named("/system/c")),
        ("etc/qemu/firmware/20-b.json", named("/etc/b")),
        ("etc/qemu/firmware/30-c.json", named("/etc/c")),
        ("home/.config/qemu/firmware/30-c.json", named("/user/c")),
        ("home/.config/qemu/firmware/05-new.json", named("/user/new")),
        ("home/.config/qemu/firmware/README", "not a descriptor".to_owned()),
    ]);
    assert_eq!(codes(&read(root.path())), ["/user/new", "/system/a", "/etc/b", "/user/c"]);
}

#[test]
fn an_empty_file_and_a_link_to_dev_null_hide_a_descriptor() {
    let named = |code: &str| descriptor(code, "/v", BOTH, &[]);
    let root = root(&[
        ("usr/share/qemu/firmware/10-a.json", named("/a")),
        ("usr/share/qemu/firmware/20-b.json", named("/b")),
        ("usr/share/qemu/firmware/30-c.json", named("/c")),
        ("etc/qemu/firmware/10-a.json", String::new()),
    ]);
    symlink("/dev/null", root.path().join("etc/qemu/firmware/20-b.json")).unwrap();
    let found = read(root.path());
    assert_eq!(codes(&found), ["/c"]);
    assert!(found.passed_over.is_empty(), "a mask is no complaint");
}

#[test]
fn a_directory_beside_a_qemu_of_another_prefix_is_read_too() {
    let root = root(&[
        ("usr/share/qemu/firmware/10-a.json", descriptor("/system", "/v", BOTH, &[])),
        ("usr/local/share/qemu/firmware/10-a.json", descriptor("/local", "/v", BOTH, &[])),
    ]);
    let dirs = directories(root.path(), &[root.path().join("usr/local/share/qemu")], None);
    assert_eq!(codes(&Descriptors::read(&dirs, Architecture::X86_64).unwrap()), ["/local"]);
}

#[test]
fn unknown_features_interfaces_and_fields_are_tolerated() {
    let mut value: serde_json::Value =
        serde_json::from_str(&descriptor("/code", "/v", BOTH, &["acpi-s3", "quantum-safe"])).unwrap();
    value["interface-types"] = serde_json::json!(["holographic", "uefi"]);
    value["novel"] = serde_json::json!({ "a": 1 });
    value["mapping"]["novel"] = serde_json::json!(true);
    let root = root(&[("usr/share/qemu/firmware/1.json", value.to_string())]);
    assert_eq!(read(root.path()).plain(QEMU).unwrap().features, ["acpi-s3", "quantum-safe"]);
}

#[rstest]
#[case("/interface-types", serde_json::json!(["bios"]), "not for UEFI")]
#[case("/targets/0/architecture", serde_json::json!("aarch64"), "not for x86_64")]
#[case("/targets", serde_json::json!(7), "no firmware descriptor")]
#[case("/mapping/device", serde_json::json!("kernel"), "maps its firmware as \"kernel\"")]
#[case("/mapping/mode", serde_json::json!("combined"), "flash mode is \"combined\"")]
#[case("/mapping/nvram-template", serde_json::json!(null), "no nvram-template")]
#[case("/mapping/executable", serde_json::json!({}), "flash mapping: missing field")]
#[case("/mapping/nvram-template/format", serde_json::json!("qcow2"), "image format is \"qcow2\"")]
fn a_descriptor_that_cannot_serve_is_passed_over_with_the_reason(
    #[case] pointer: &str,
    #[case] value: serde_json::Value,
    #[case] reason: &str,
) {
    let mut document: serde_json::Value = serde_json::from_str(&descriptor("/code", "/v", BOTH, &[])).unwrap();
    *document.pointer_mut(pointer).unwrap() = value;
    let root = root(&[("usr/share/qemu/firmware/1.json", document.to_string())]);
    let found = read(root.path());
    assert!(found.usable.is_empty());
    assert!(found.passed_over[0].1.contains(reason), "{:?}", found.passed_over);
}

#[test]
fn text_that_is_no_json_is_passed_over() {
    let root = root(&[("usr/share/qemu/firmware/1.json", "{ half".to_owned())]);
    assert!(read(root.path()).passed_over[0].1.starts_with("no firmware descriptor"));
}

#[test]
fn a_secure_boot_build_is_never_taken_for_the_plain_one() {
    let root =
        root(&[("usr/share/qemu/firmware/1.json", descriptor("/code", "/v", BOTH, &["secure-boot", "requires-smm"]))]);
    assert_eq!(read(root.path()).plain(QEMU), None);
}

#[rstest]
#[case("pc-q35-*", "pc-q35-10.0", true)]
#[case("pc-i440fx-*", "pc-q35-10.0", false)]
#[case("*", "anything", true)]
#[case("pc-?35-10.*", "pc-q35-10.0", true)]
#[case("*-q35-*0", "pc-q35-10.0", true)]
#[case("*-q35-*1", "pc-q35-10.0", false)]
#[case("pc-q35-10.0", "pc-q35-10.0", true)]
#[case("pc-q35-10", "pc-q35-10.0", false)]
#[case("", "x", false)]
#[case("", "", true)]
fn globs_match_as_a_shell_would(#[case] glob: &str, #[case] name: &str, #[case] matches: bool) {
    assert_eq!(glob_matches(glob.as_bytes(), name.as_bytes()), matches);
}

#[test]
fn a_configuration_directory_that_cannot_be_had_is_passed_over() {
    let root = root(&[(
        "usr/share/qemu/firmware/60-plain.json",
        descriptor("/usr/share/OVMF/CODE.fd", "/usr/share/OVMF/VARS.fd", BOTH, &[]),
    )]);
    std::fs::write(root.path().join("file"), "").unwrap();
    symlink("circle", root.path().join("circle")).unwrap();
    let too_long = "x".repeat(300);
    for home in ["/dev/null", "file", "file/deeper", "circle", "absent", &too_long] {
        let dirs = directories(root.path(), &[], Some(&root.path().join(home)));
        let found = Descriptors::read(&dirs, Architecture::X86_64).unwrap();
        assert_eq!(codes(&found), ["/usr/share/OVMF/CODE.fd"], "{home}");
    }
    for errno in [nix::errno::Errno::EACCES, nix::errno::Errno::ESTALE] {
        assert!(is_out_of_reach(&errno.into()), "{errno}");
    }
    assert!(!is_out_of_reach(&nix::errno::Errno::EMFILE.into()));
}

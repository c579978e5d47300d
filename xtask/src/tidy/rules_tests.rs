//! Each rule says yes where it should and no where it must.

use super::super::finding::expected::{NONE, assert_one, found};
use super::*;

#[test]
fn a_module_may_use_what_stands_to_its_left() {
    let text = "use crate::verdict::Verdict;\nuse crate::report::x; // crate::report\n/// [`crate::report`]";
    assert_eq!(found(direction, &[("harness/src/report/mod.rs", text)]), NONE);
}

#[test]
fn a_module_may_not_use_what_stands_to_its_right() {
    let text = "//! x\nuse crate::boot_server::{self};\nuse crate::report::Report;\n";
    let findings = found(direction, &[("harness/src/vm/qmp.rs", text)]);
    assert_one(&findings, "harness/src/vm/qmp.rs:3: `vm` uses `crate::report`");
}

#[test]
fn a_module_to_the_right_is_found_in_braces_too() {
    let text = "use crate::{\n    process::{Command, Exit},\n    machine::Machine,\n};\n";
    let findings = found(direction, &[("harness/machine/src/platform/mod.rs", text)]);
    assert_one(&findings, ":3: `platform` uses `crate::machine`");
}

#[test]
fn a_module_without_a_place_is_found() {
    assert_one(&found(direction, &[("harness/src/extra.rs", "")]), "`extra` has no place");
}

#[test]
fn files_that_are_declared_named_or_included_are_reached() {
    let files = [
        ("a/Cargo.toml", "[[test]]\nname = \"x\"\npath = \"odd/x.rs\"\n"),
        ("a/src/lib.rs", "pub mod b;\n#[cfg(test)]\n#[path = \"d_tests.rs\"]\nmod tests;\n"),
        ("a/src/b/mod.rs", "mod c;\ninclude!(\"../made.rs\");\n"),
        ("a/src/b/c.rs", "pub(crate) mod e;\n"),
        ("a/src/b/c/e.rs", ""),
        ("a/src/made.rs", ""),
        ("a/src/d_tests.rs", ""),
        ("a/odd/x.rs", ""),
        ("a/tests/boot.rs", ""),
        ("a/build.rs", "compile(\"payload/efi.rs\")"),
        ("a/payload/efi.rs", ""),
    ];
    assert_eq!(found(reachable, &files), NONE);
}

#[test]
fn a_build_script_that_the_manifest_names_is_a_root() {
    let script = ("a/build/main.rs", "mod pe;\ncompile(\"payload/efi.rs\")");
    let files = [script, ("a/build/pe.rs", ""), ("a/payload/efi.rs", "")];
    let with = |manifest| [[("a/Cargo.toml", manifest)].as_slice(), files.as_slice()].concat();
    assert_eq!(found(reachable, &with("build = \"build/main.rs\"\n")), NONE);
    assert_eq!(found(reachable, &with("")).len(), 3);
}

#[test]
fn a_file_that_nothing_declares_is_found() {
    let files = [("a/Cargo.toml", ""), ("a/src/lib.rs", "// mod lost;\npub mod b { }\n"), ("a/src/lost.rs", "")];
    assert_one(&found(reachable, &files), "a/src/lost.rs:1: no crate reaches");
}

#[test]
fn a_long_file_is_found() {
    assert_eq!(found(size, &[("a.rs", &"x\n".repeat(800))]), NONE);
    assert_one(&found(size, &[("a.rs", &"x\n".repeat(801))]), "801 lines");
}

#[test]
fn a_name_that_says_nothing_is_found() {
    assert_eq!(found(names, &[("a/src/utilities_of_fat.rs", "mod tests { }\n// mod utils { }")]), NONE);
    assert_one(&found(names, &[("a/src/utils.rs", "")]), "`utils`");
    assert_one(&found(names, &[("a/src/helpers/mod.rs", "")]), "`helpers`");
    assert_one(&found(names, &[("a/src/x.rs", "\npub mod common {\n}")]), "a/src/x.rs:2: module name `common`");
}

#[test]
fn a_crate_without_the_lint_is_found() {
    let workspace = ("Cargo.toml", "[workspace]\n[workspace.lints.rust]\nmissing_docs = \"deny\"\n");
    assert_eq!(found(documented, &[workspace, ("a/Cargo.toml", "[lints]\nworkspace = true\n")]), NONE);
    assert_one(&found(documented, &[workspace, ("a/Cargo.toml", "[package]\n")]), "a/Cargo.toml:1:");
    assert_one(&found(documented, &[("Cargo.toml", "[workspace]\n")]), "does not deny missing_docs");
}

#[test]
fn a_dependency_without_a_reason_is_found() {
    let text = "[workspace.dependencies]\nours = { path = \"ours\" }\na = \"1\" # reads the format\nb = \"1\"\n";
    assert_one(&found(reasons, &[("Cargo.toml", text)]), "Cargo.toml:4: dependency `b` has no reason");
}

#[test]
fn a_long_file_of_the_harness_is_found_sooner() {
    let text = "\n".repeat(601);
    assert_one(
        &found(size, &[("harness/src/x.rs", &text), ("xtask/src/x.rs", &text)]),
        "harness/src/x.rs:601: 601 lines",
    );
    assert_one(&found(size, &[("harness/lan/src/x.rs", &text)]), "wanted at most 600");
}

#[test]
fn a_path_of_one_machine_is_found() {
    assert_eq!(found(no_machine_paths, &[("a.rs", "$HOME/x /usr/share/OVMF ../wo rk/ a/root/b")]), NONE);
    for path in MACHINE_PATHS {
        assert_one(&found(no_machine_paths, &[("a.md", &format!("\nsee `{path}me`"))]), "a.md:2:");
    }
}

#[test]
fn a_package_host_is_found() {
    let findings = found(no_machine_paths, &[("ci/x.sh", &format!("curl https://{}/", MIRRORS[0]))]);
    assert_one(&findings, "is a package host");
}

#[test]
fn a_script_that_goes_on_after_a_failure_is_found() {
    assert_eq!(found(strict_shell, &[("ci/a.sh", "#!/bin/sh\n# why\n\nset -eu\nls\n"), ("x.sh", "ls\n")]), NONE);
    assert_one(&found(strict_shell, &[("ci/a.sh", "#!/bin/sh\nls\nset -eu\n")]), "ci/a.sh:2:");
    assert_one(&found(strict_shell, &[(".ci/run", "#!/bin/sh\nls\n")]), ".ci/run:2:");
}

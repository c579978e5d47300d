//! `dir:` platforms: a QEMU build tree, run in place.
//!
//! The emulator is the tree's own, and so are the BIOS and the option ROMs (`pc-bios` of the sources). UEFI comes from
//! the edk2 images that QEMU's sources carry, by the descriptors of the build; a build without them uses the host's.

use std::path::{Path, PathBuf};

use super::descriptor::{Descriptor, Descriptors, directories};
use super::error::PlatformError;
use super::resolve::{Found, OvmfFiles, assemble, describe, first_file, found, locate};
use super::surroundings::{Surroundings, tidy};
use super::{Architecture, Platform, version};

/// The platform in the build tree (or source tree with `build/` in it) at `given`.
pub(super) fn resolve(
    given: &Path,
    host: &Surroundings,
    architecture: Architecture,
) -> Result<Platform, PlatformError> {
    let program = architecture.qemu();
    let wrong =
        |problem: String, fix: &str| PlatformError::BuildTree { path: given.to_owned(), problem, fix: fix.to_owned() };
    let tree = given
        .canonicalize()
        .map_err(|error| wrong(error.to_string(), "give the directory in which configure was run, as dir:PATH"))?;
    let build = [tree.clone(), tree.join("build")].into_iter().find(|dir| dir.join(program).is_file());
    let Some(build) = build else {
        let problem = format!("it holds neither {program} nor build/{program}");
        let fix = format!("build the target {architecture}-softmmu there: ninja {program}");
        return Err(wrong(problem, &fix));
    };
    let pc_bios: Vec<PathBuf> = [build.join("pc-bios"), build.join("../pc-bios")]
        .iter()
        .map(|dir| tidy(dir))
        .filter(|dir| dir.is_dir())
        .collect();
    let binary = build.join(program);
    let qemu = describe(vec![binary.clone().into()], binary, pc_bios.clone(), Vec::new())?;
    let search_dirs: Vec<PathBuf> = qemu.search_dirs()?.iter().map(|dir| tidy(dir)).collect();

    let mut dirs: Vec<PathBuf> = search_dirs.iter().map(|dir| dir.join("firmware")).collect();
    dirs.extend(pc_bios.iter().map(|dir| dir.join("descriptors")));
    dirs.retain(|dir| dir.starts_with(&tree));
    let own = Descriptors::read(&dirs, architecture)?;
    let hosts = Descriptors::read(&directories(&host.root, &[], host.config_home.as_deref()), architecture)?;
    // a build's descriptors name the prefix that it would be installed to, so the file is looked up by its name
    let in_tree = |entry: &Descriptor| -> Option<OvmfFiles> {
        let file = |path: &Path| first_file(&search_dirs, path.file_name()?.to_str()?);
        Some(OvmfFiles {
            code: file(&entry.code)?,
            vars: file(&entry.vars)?,
            requires_smm: entry.has("requires-smm"),
            enrolled_keys: entry.has("enrolled-keys"),
        })
    };
    let on_host = |entry: &Descriptor| locate(&host.root, entry);
    let trees = found(&own, qemu.version, &search_dirs, &in_tree);
    let others = found(&hosts, qemu.version, &[], &on_host);
    let found = Found {
        ovmf: trees.ovmf.or(others.ovmf),
        ovmf_secure_boot: trees.ovmf_secure_boot.or(others.ovmf_secure_boot),
        aavmf: trees.aavmf.or(others.aavmf),
        aavmf_secure_boot: trees.aavmf_secure_boot.or(others.aavmf_secure_boot),
        riscvvirt: trees.riscvvirt.or(others.riscvvirt),
        loongarchvirt: trees.loongarchvirt.or(others.loongarchvirt),
        s390_ccw: trees.s390_ccw.or(others.s390_ccw),
        slof: trees.slof.or(others.slof),
        s390_netboot: trees.s390_netboot.or(others.s390_netboot),
        ..trees
    };
    assemble(format!("dir:{}", given.display()), architecture, qemu, found, &|files| version::packaged(host, files))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_without_a_build_is_refused_with_what_was_looked_for() {
        let dir = tempfile::tempdir().unwrap();
        let host = Surroundings { root: "/".into(), path: "".into(), config_home: None, cache: None };
        let text = resolve(dir.path(), &host, Architecture::X86_64).unwrap_err().to_string();
        assert!(text.contains("it holds neither qemu-system-x86_64 nor build/qemu-system-x86_64"), "{text}");
        assert!(text.contains("fix: build the target x86_64-softmmu there"), "{text}");
        assert!(
            resolve(Path::new("/nonexistent"), &host, Architecture::Aarch64)
                .unwrap_err()
                .to_string()
                .contains("No such file")
        );
    }
}

//! `dir:` platforms: a QEMU build tree, run in place.
//!
//! The emulator is the tree's own, and so are the BIOS and the option ROMs (`pc-bios` of the sources). UEFI comes from
//! the edk2 images that QEMU's sources carry, by the descriptors of the build; a build without them uses the host's.

use std::path::{Path, PathBuf};

use super::descriptor::{Descriptor, Descriptors, directories};
use super::error::PlatformError;
use super::resolve::{BIOS_IMAGE, Found, OvmfFiles, assemble, describe, first_file, locate, option_roms};
use super::surroundings::{Surroundings, tidy};
use super::{Platform, version};

/// The platform in the build tree (or source tree with `build/` in it) at `given`.
pub(super) fn resolve(given: &Path, host: &Surroundings) -> Result<Platform, PlatformError> {
    let wrong =
        |problem: String, fix: &str| PlatformError::BuildTree { path: given.to_owned(), problem, fix: fix.to_owned() };
    let tree = given
        .canonicalize()
        .map_err(|error| wrong(error.to_string(), "give the directory in which configure was run, as dir:PATH"))?;
    let build = [tree.clone(), tree.join("build")].into_iter().find(|dir| dir.join("qemu-system-x86_64").is_file());
    let Some(build) = build else {
        let problem = "it holds neither qemu-system-x86_64 nor build/qemu-system-x86_64".to_owned();
        return Err(wrong(problem, "build the target x86_64-softmmu there: ninja qemu-system-x86_64"));
    };
    let pc_bios: Vec<PathBuf> = [build.join("pc-bios"), build.join("../pc-bios")]
        .iter()
        .map(|dir| tidy(dir))
        .filter(|dir| dir.is_dir())
        .collect();
    let binary = build.join("qemu-system-x86_64");
    let qemu = describe(vec![binary.clone().into()], binary, pc_bios.clone(), Vec::new())?;
    let search_dirs: Vec<PathBuf> = qemu.search_dirs()?.iter().map(|dir| tidy(dir)).collect();

    let mut dirs: Vec<PathBuf> = search_dirs.iter().map(|dir| dir.join("firmware")).collect();
    dirs.extend(pc_bios.iter().map(|dir| dir.join("descriptors")));
    dirs.retain(|dir| dir.starts_with(&tree));
    let own = Descriptors::read(&dirs)?;
    let hosts = Descriptors::read(&directories(&host.root, &[], host.config_home.as_deref()))?;
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
    let found = Found {
        seabios: first_file(&search_dirs, BIOS_IMAGE),
        ovmf: own.plain(qemu.version).and_then(in_tree).or_else(|| hosts.plain(qemu.version).and_then(on_host)),
        ovmf_secure_boot: own
            .secure_boot(qemu.version)
            .and_then(in_tree)
            .or_else(|| hosts.secure_boot(qemu.version).and_then(on_host)),
        option_roms: option_roms(&search_dirs),
    };
    assemble(format!("dir:{}", given.display()), qemu, found, &|files| version::packaged(host, files))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_without_a_build_is_refused_with_what_was_looked_for() {
        let dir = tempfile::tempdir().unwrap();
        let host = Surroundings { root: "/".into(), path: "".into(), config_home: None, cache: None };
        let text = resolve(dir.path(), &host).unwrap_err().to_string();
        assert!(text.contains("it holds neither qemu-system-x86_64 nor build/qemu-system-x86_64"), "{text}");
        assert!(text.contains("fix: build the target x86_64-softmmu there"), "{text}");
        assert!(resolve(Path::new("/nonexistent"), &host).unwrap_err().to_string().contains("No such file"));
    }
}

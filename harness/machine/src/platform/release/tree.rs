//! An unpacked release: built from package files, recorded, and turned into a platform.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::super::descriptor::{Descriptors, directories};
use super::super::error::PlatformError;
use super::super::resolve::{OvmfFiles, assemble, describe, found, locate, ovmf_of};
use super::super::surroundings::{inside, tidy};
use super::super::{Architecture, Capabilities, Ovmf, Platform, Progress, Qemu, QemuVersion};
use super::apt;
use super::digests;
use super::lock::Archive;
use super::package::Package;
use super::sources::Source;
use crate::process::Command;

/// The file that makes a tree complete; written last.
pub(super) const RECORD: &str = "release.json";

/// Longest that unpacking or listing one package may take.
const PACKAGE_LIMIT: Duration = Duration::from_secs(300);

/// What a tree was made of.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    platform: String,
    suites: Vec<String>,
    packages: BTreeMap<String, String>,
    /// Package version of each firmware file, by its path in the release.
    firmware: BTreeMap<PathBuf, String>,
    /// The package files that it was unpacked from.
    #[serde(default)]
    archives: Vec<Archive>,
}

impl Record {
    fn read(name: &str, tree: &Path) -> Result<Record, PlatformError> {
        let path = tree.join(RECORD);
        let text = std::fs::read(&path).map_err(PlatformError::unreadable(&path))?;
        serde_json::from_slice(&text).map_err(|error| broken(name, &tree.join("root"), &error.to_string()))
    }

    /// The package version of each of these files that is known. Packages list a file under its own name and `locate` has
    /// followed links, so both are compared as real files.
    fn versions(&self, root: &Path, files: &[PathBuf]) -> BTreeMap<PathBuf, String> {
        let real = self.firmware.iter().filter_map(|(path, version)| Some((inside(root, path)?, version)));
        let versions: BTreeMap<PathBuf, &String> = real.collect();
        let version = |file: &PathBuf| {
            let real = inside(root, &Path::new("/").join(file.strip_prefix(root).ok()?))?;
            versions.get(&real).map(|&version| version.clone())
        };
        files.iter().filter_map(|file| Some((file.clone(), version(file)?))).collect()
    }
}

/// The name of the tree that these packages make.
pub(super) fn id_of(packages: &[Package]) -> String {
    apt::digest(packages)
}

/// The suites and package files that a complete tree was made of.
pub(super) fn made_of(name: &str, tree: &Path) -> Result<(Vec<String>, Vec<Archive>), PlatformError> {
    let record = Record::read(name, tree)?;
    Ok((record.suites, record.archives))
}

/// Looks whether the tree still holds what was unpacked.
///
/// # Errors
///
/// [`PlatformError::Changed`] names the first file that is otherwise.
pub(super) fn verify(name: &str, tree: &Path) -> Result<(), PlatformError> {
    let problem = match digests::changed(tree)? {
        Some(None) => return Ok(()),
        Some(Some(changed)) => format!("{} {}", changed.path.display(), changed.how),
        None => format!("{} has no digests of its files", tree.display()),
    };
    Err(PlatformError::Changed { platform: name.to_owned(), problem })
}

/// Unpacks every package into `tree/root`, checks that QEMU, where there is to be one, finds all its libraries there, and writes the
/// record.
pub(super) fn build(
    (platform, emulator): (&str, Option<Architecture>),
    tree: &Path,
    archives: &Path,
    packages: &[Package],
    archived: &[Archive],
    sources: &[Source],
    progress: &mut dyn FnMut(&Progress),
) -> Result<(), PlatformError> {
    let root = tree.join("root");
    std::fs::create_dir_all(&root).map_err(PlatformError::cache("create", &root))?;
    let mut firmware = BTreeMap::new();
    for (done, package) in packages.iter().enumerate() {
        let file = archives.join(&package.file);
        let unpacked = Command::new("dpkg-deb").arg("-x").arg(&file).arg(&root).read(b"", PACKAGE_LIMIT)?;
        if !unpacked.exit.success() {
            return Err(PlatformError::of_tool(
                platform,
                &format!("unpacking {}", package.file),
                &unpacked,
                "check the space left in the cache",
            ));
        }
        if ["ovmf", "seabios", "ipxe", "qemu-system-data", "qemu-efi"]
            .iter()
            .any(|start| package.name.starts_with(start))
        {
            let listed = Command::new("dpkg-deb").arg("--contents").arg(&file).read(b"", PACKAGE_LIMIT)?;
            let text = String::from_utf8_lossy(&listed.stdout).into_owned();
            firmware.extend(text.lines().filter_map(firmware_path).map(|path| (path, package.version.clone())));
        }
        progress(&Progress::Unpack { platform: platform.to_owned(), done: done + 1, total: packages.len() });
    }
    if let Some(architecture) = emulator {
        let start = Start::find(platform, &root, architecture)?;
        check_libraries(platform, &root, &start)?;
        mask_missing_modules(&start)?;
    }
    digests::record(tree)?;
    let record = Record {
        platform: platform.to_owned(),
        suites: sources.iter().map(|source| source.suite.clone()).collect(),
        packages: packages.iter().map(|package| (package.name.clone(), package.version.clone())).collect(),
        firmware,
        archives: archived.to_vec(),
    };
    let path = tree.join(RECORD);
    let text = serde_json::to_string_pretty(&record).map_err(|error| PlatformError::Cache {
        action: "describe",
        path: path.clone(),
        source: error.into(),
    })?;
    std::fs::write(&path, text).map_err(PlatformError::cache("write", &path))
}

/// The platform in a complete tree.
pub(super) fn platform(name: &str, tree: &Path, architecture: Architecture) -> Result<Platform, PlatformError> {
    let root = tree.join("root");
    let record = Record::read(name, tree)?;
    let start = Start::find(name, &root, architecture)?;
    let env = vec![("QEMU_MODULE_DIR".to_owned(), start.modules.display().to_string())];
    let bare = Qemu {
        command: start.command(),
        path: start.qemu.clone(),
        version: QemuVersion { major: 0, minor: 0, micro: 0 },
        package: String::new(),
        sandbox: false,
        capabilities: Capabilities::default(),
        sha256: String::new(),
        data_dirs: Vec::new(),
        env: env.clone(),
    };
    let mut data_dirs: Vec<PathBuf> = Vec::new();
    for dir in bare.search_dirs()?.iter().filter_map(|dir| start.rebase(&root, dir)) {
        if dir.is_dir() && !data_dirs.contains(&dir) {
            data_dirs.push(dir);
        }
    }
    let qemu = describe(start.command(), start.qemu.clone(), data_dirs.clone(), env)?;
    let descriptors = Descriptors::read(&directories(&root, &[], None), architecture)?;
    let found = found(&descriptors, qemu.version, &data_dirs, &|entry| locate(&root, entry));
    let packaged = |files: &[PathBuf]| record.versions(&root, files);
    assemble(name.to_owned(), architecture, qemu, found, &packaged)
}

/// The plain OVMF or AAVMF build in a complete tree, for a QEMU of this version that need not be the tree's own.
pub(super) fn ovmf(
    name: &str,
    tree: &Path,
    (architecture, qemu): (Architecture, QemuVersion),
) -> Result<Option<Ovmf>, PlatformError> {
    let root = tree.join("root");
    let record = Record::read(name, tree)?;
    let descriptors = Descriptors::read(&directories(&root, &[], None), architecture)?;
    let files = descriptors.plain(qemu).and_then(|entry| locate(&root, entry));
    let described = |files: OvmfFiles| {
        let packaged = record.versions(&root, &files.paths().map(PathBuf::clone));
        ovmf_of(files, &packaged)
    };
    files.map(described).transpose()
}

/// How QEMU is started out of a tree.
struct Start {
    loader: PathBuf,
    libraries: Vec<PathBuf>,
    modules: PathBuf,
    qemu: PathBuf,
}

impl Start {
    fn find(name: &str, root: &Path, architecture: Architecture) -> Result<Self, PlatformError> {
        let missing = |what: &str| broken(name, root, &format!("{what} is missing"));
        let file = |path: &str| inside(root, Path::new(path)).filter(|path| path.is_file());
        let program = architecture.qemu();
        let qemu = file(&format!("/usr/bin/{program}")).ok_or_else(|| missing(&format!("usr/bin/{program}")))?;
        let interpreter =
            interpreter(&qemu)?.ok_or_else(|| missing(&format!("the program interpreter of {program}")))?;
        // releases since the merged /usr ship the loader in /usr/lib64 and leave the link /lib64 to another package
        let loader =
            file(&interpreter).or_else(|| file(&format!("/usr{interpreter}"))).ok_or_else(|| missing(&interpreter))?;
        let triplet = loader.parent().and_then(Path::file_name).map(PathBuf::from).unwrap_or_default();
        let mut libraries = Vec::new();
        for base in [Path::new("/usr/lib").join(&triplet), Path::new("/lib").join(&triplet)] {
            if let Some(dir) = inside(root, &base).filter(|dir| dir.is_dir() && !libraries.contains(dir)) {
                libraries.push(dir);
            }
        }
        // some libraries lie one directory deeper and are found by a path built into their user
        let deeper: Vec<PathBuf> = libraries.iter().flat_map(|dir| directories_with_libraries(dir)).collect();
        libraries.extend(deeper);
        let modules = Path::new("/usr/lib").join(&triplet).join("qemu");
        let modules = inside(root, &modules).unwrap_or_else(|| root.join("usr/lib/qemu"));
        Ok(Self { loader, libraries, modules, qemu })
    }

    fn command(&self) -> Vec<std::ffi::OsString> {
        let joined: Vec<&std::ffi::OsStr> = self.libraries.iter().map(|dir| dir.as_os_str()).collect();
        vec![
            self.loader.clone().into(),
            "--inhibit-cache".into(),
            "--library-path".into(),
            joined.join(std::ffi::OsStr::new(":")),
            self.qemu.clone().into(),
        ]
    }

    /// Where a data directory that QEMU printed lies in the tree. QEMU computes them from its own place, which is the
    /// loader's when it is started through it.
    fn rebase(&self, root: &Path, printed: &Path) -> Option<PathBuf> {
        let beside_loader = self.loader.parent().and_then(|dir| printed.strip_prefix(dir.join("..")).ok());
        let in_release = match beside_loader {
            Some(rest) => Path::new("/usr").join(rest),
            None => Path::new("/").join(tidy(printed).strip_prefix(root).unwrap_or(&tidy(printed))),
        };
        inside(root, &in_release)
    }
}

/// Refuses a tree in which QEMU would load a library of the host, or none.
fn check_libraries(name: &str, root: &Path, start: &Start) -> Result<(), PlatformError> {
    let command = start.command();
    let mut list = Command::new(&command[0]);
    list.args(&command[1..command.len() - 1]).arg("--list").arg(&start.qemu);
    let done = list.read(b"", PACKAGE_LIMIT)?;
    if !done.exit.success() {
        return Err(PlatformError::of_tool(
            name,
            "listing the libraries of its QEMU",
            &done,
            "run platform fetch again",
        ));
    }
    let text = String::from_utf8_lossy(&done.stdout).into_owned();
    let strangers = strangers(&text, root);
    if strangers.is_empty() {
        return Ok(());
    }
    Err(broken(name, root, &format!("QEMU would not find these libraries in it: {}", strangers.join(", "))))
}

/// Puts an empty file in the place of every module that QEMU may ask for and that no package here brings.
///
/// QEMU looks for a module in `QEMU_MODULE_DIR` first and then in a directory of the host that is fixed when it is built.
/// A module of the host's own QEMU belongs to another build, and trying to load it ends QEMU with an assertion
/// (`util/module.c`, seen with 10.0.13 and 11.1.3 on a host with 7.2.22). An empty file makes it say "file too short"
/// and go on.
fn mask_missing_modules(start: &Start) -> Result<(), PlatformError> {
    std::fs::create_dir_all(&start.modules).map_err(PlatformError::cache("create", &start.modules))?;
    let image = std::fs::read(&start.qemu).map_err(PlatformError::unreadable(&start.qemu))?;
    for module in module_names(&image) {
        let path = start.modules.join(format!("{module}.so"));
        match std::fs::File::create_new(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                return Err(PlatformError::cache("create", &path)(error));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Strings of the emulator that are named as its modules are, `accel-*`, `audio-*`, `block-*`, `chardev-*`, `hw-*`, `ui-*`.
/// Some are other names; a mask for one of those is never looked at.
fn module_names(image: &[u8]) -> BTreeSet<&str> {
    let kinds = ["accel-", "audio-", "block-", "chardev-", "hw-", "ui-"];
    let is_module = |text: &&str| {
        text.len() < 64
            && kinds.iter().any(|kind| text.len() > kind.len() && text.starts_with(kind))
            && text
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_')
    };
    image.split(|&byte| byte == 0).filter_map(|string| std::str::from_utf8(string).ok()).filter(is_module).collect()
}

/// Libraries in the output of `ld.so --list` (`NAME => PATH (ADDRESS)`) that do not come from `root`.
fn strangers(listed: &str, root: &Path) -> Vec<String> {
    let lines = listed.lines().filter_map(|line| line.trim().split_once(" => "));
    lines
        .filter(|(_, found)| !Path::new(found.split(" (").next().unwrap_or_default()).starts_with(root))
        .map(|(library, _)| library.to_owned())
        .collect()
}

fn broken(name: &str, root: &Path, problem: &str) -> PlatformError {
    PlatformError::Fetch {
        platform: name.to_owned(),
        problem: format!("the release in {} cannot be used: {problem}", root.display()),
        stderr: String::new(),
        fix: format!("remove {} and fetch it again", root.parent().unwrap_or(root).display()),
    }
}

/// Directories right below `dir` that hold shared libraries by their run-time names.
fn directories_with_libraries(dir: &Path) -> Vec<PathBuf> {
    let entries = |dir: &Path| std::fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
    let is_library = |path: &Path| {
        path.file_name()
            .and_then(|name| name.to_str())
            .is_some_and(|name| name.starts_with("lib") && name.contains(".so"))
    };
    let mut found: Vec<PathBuf> =
        entries(dir).filter(|path| path.is_dir() && entries(path).any(|file| is_library(&file))).collect();
    found.sort();
    found
}

/// A firmware file named by one line of `dpkg-deb --contents` (the listing of tar: mode, owner, size, date, time, path).
fn firmware_path(line: &str) -> Option<PathBuf> {
    let path = line.split(" -> ").next()?.split_whitespace().nth(5)?.strip_prefix('.')?;
    [".fd", ".bin", ".rom"].iter().any(|end| path.ends_with(end)).then(|| PathBuf::from(path))
}

/// The program interpreter that an ELF file asks for: the PT_INTERP entry of a 64-bit little-endian file (System V ABI,
/// chapter 5). `None` for anything else.
fn interpreter(path: &Path) -> Result<Option<String>, PlatformError> {
    use std::io::Read;

    let mut head = Vec::new();
    let file = std::fs::File::open(path).map_err(PlatformError::unreadable(path))?;
    // headers and the interpreter's name lie at the start of every linker's output
    file.take(64 << 10).read_to_end(&mut head).map_err(PlatformError::unreadable(path))?;
    Ok(interpreter_of(&head))
}

fn interpreter_of(head: &[u8]) -> Option<String> {
    const PT_INTERP: u32 = 3;
    let u16_at = |at: usize| Some(u16::from_le_bytes(head.get(at..at.checked_add(2)?)?.try_into().ok()?));
    let u32_at = |at: usize| Some(u32::from_le_bytes(head.get(at..at.checked_add(4)?)?.try_into().ok()?));
    let u64_at =
        |at: usize| usize::try_from(u64::from_le_bytes(head.get(at..at.checked_add(8)?)?.try_into().ok()?)).ok();
    if !head.starts_with(b"\x7fELF\x02\x01") {
        return None;
    }
    let (table, entry_bytes, entries) = (u64_at(32)?, usize::from(u16_at(54)?), usize::from(u16_at(56)?));
    for index in 0..entries {
        let entry = table.checked_add(index.checked_mul(entry_bytes)?)?;
        if u32_at(entry)? == PT_INTERP {
            let (offset, length) = (u64_at(entry.checked_add(8)?)?, u64_at(entry.checked_add(32)?)?);
            let name = head.get(offset..offset.checked_add(length)?)?;
            let name = std::str::from_utf8(name).ok()?.trim_end_matches('\0');
            return name.starts_with('/').then(|| name.to_owned());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The smallest ELF head with one PT_INTERP entry.
    fn elf(interpreter: &[u8]) -> Vec<u8> {
        let mut head = vec![0; 64 + 56];
        head[..6].copy_from_slice(b"\x7fELF\x02\x01");
        head[32..40].copy_from_slice(&64u64.to_le_bytes());
        head[54..56].copy_from_slice(&56u16.to_le_bytes());
        head[56..58].copy_from_slice(&1u16.to_le_bytes());
        head[64..68].copy_from_slice(&3u32.to_le_bytes());
        head[72..80].copy_from_slice(&120u64.to_le_bytes());
        head[96..104].copy_from_slice(&(interpreter.len() as u64).to_le_bytes());
        head.extend_from_slice(interpreter);
        head
    }

    #[test]
    fn the_interpreter_is_read_from_the_program_headers() {
        assert_eq!(
            interpreter_of(&elf(b"/lib64/ld-linux-x86-64.so.2\0")).as_deref(),
            Some("/lib64/ld-linux-x86-64.so.2")
        );
    }

    #[test]
    fn no_cut_or_flip_of_an_elf_head_panics() {
        let whole = elf(b"/lib64/ld.so\0");
        for cut in 0..whole.len() {
            let _ = interpreter_of(&whole[..cut]);
            let mut flipped = whole.clone();
            flipped[cut] ^= 0xff;
            let _ = interpreter_of(&flipped);
        }
        assert_eq!(interpreter_of(&whole[..100]), None);
        assert_eq!(interpreter_of(b"#!/bin/sh"), None);
    }

    #[test]
    fn this_test_has_an_interpreter_or_is_static() {
        let own = interpreter(&std::env::current_exe().unwrap()).unwrap();
        assert!(own.is_none_or(|path| Path::new(&path).exists()));
    }

    #[test]
    fn a_library_of_the_host_is_a_stranger() {
        let listed = "\tlinux-vdso.so.1 (0x00007ffd)\n\
                      \tlibz.so.1 => /cache/root/usr/lib/libz.so.1 (0x00007f)\n\
                      \tlibpng16.so.16 => /usr/lib/x86_64-linux-gnu/libpng16.so.16 (0x00007f)\n\
                      \tlibaio.so.1 => not found\n\
                      \t/lib64/ld-linux-x86-64.so.2 => /cache/root/lib64/ld-linux-x86-64.so.2 (0x00007f)\n";
        assert_eq!(strangers(listed, Path::new("/cache/root")), ["libpng16.so.16", "libaio.so.1"]);
    }

    #[test]
    fn modules_are_named_in_the_emulator_by_kind() {
        let image =
            b"\0ui-opengl\0ui-\0hw-display-virtio-gpu-pci-gl\0block-iscsi.so\0../ui-x\0audio-pa\0qemu-x\0\xffui-a\0";
        let names: Vec<&str> = module_names(image).into_iter().collect();
        assert_eq!(names, ["audio-pa", "hw-display-virtio-gpu-pci-gl", "ui-opengl"]);
    }

    #[test]
    fn firmware_files_are_read_from_a_package_listing() {
        let file = "-rw-r--r-- root/root   3653632 2024-11-05 12:00 ./usr/share/OVMF/OVMF_CODE_4M.fd";
        let link =
            "lrwxrwxrwx root/root         0 2024-11-05 12:00 ./usr/share/OVMF/a.ms.fd -> OVMF_CODE_4M.secboot.fd";
        assert_eq!(firmware_path(file), Some("/usr/share/OVMF/OVMF_CODE_4M.fd".into()));
        assert_eq!(firmware_path(link), Some("/usr/share/OVMF/a.ms.fd".into()));
        assert_eq!(firmware_path("drwxr-xr-x root/root 0 2024-11-05 12:00 ./usr/share/"), None);
        assert_eq!(firmware_path(""), None);
    }
}

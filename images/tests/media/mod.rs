//! Media to test and the external tools that give a second opinion on them.

#![allow(dead_code, reason = "each test binary uses its own part of this module")]

use bootwright_images::{After, Boots, Content, FatType, Image, MediumKind, MediumSpec, Nonce, PartitionTable, build};
use std::path::{Path, PathBuf};
use std::process::Command;

pub const NONCE: Nonce = Nonce([0x10, 0x32, 0x54, 0x76, 0x98, 0xba, 0xdc, 0xfe, 1, 2, 3, 4, 5, 6, 7, 8]);
pub const OTHER_NONCE: Nonce = Nonce([0xef; 16]);

pub fn bootable(boots: Boots, table: PartitionTable, fat: FatType) -> Content {
    Content::Bootable { boots, table, fat, after: After::Exit }
}

pub fn medium(kind: MediumKind, content: Content) -> Image {
    build(&MediumSpec::new("right", kind, content), NONCE).expect("the spec is valid")
}

/// The tool, or `None` where it is not installed and this is not CI.
pub fn tool(name: &str) -> Option<Command> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut directories: Vec<PathBuf> = std::env::split_paths(&path).collect();
    directories.extend(["/usr/sbin", "/sbin"].map(PathBuf::from));
    let found = directories.iter().map(|directory| directory.join(name)).find(|file| file.is_file());
    assert!(found.is_some() || std::env::var_os("CI").is_none(), "CI must have {name}: install its package");
    if found.is_none() {
        eprintln!("skipped: {name} is not installed");
    }
    found.map(|file| {
        let mut command = Command::new(file);
        command.env("LC_ALL", "C").env("MTOOLS_SKIP_CHECK", "0");
        command
    })
}

/// Exit status 0 or not, and both streams.
pub fn run(command: &mut Command) -> (bool, String) {
    let output = command.output().expect("the tool was found");
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

/// A directory with `bytes` in one file, gone when dropped.
pub struct OnDisk {
    directory: tempfile::TempDir,
}

impl OnDisk {
    pub fn bytes(bytes: &[u8]) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        std::fs::write(directory.path().join("medium"), bytes).expect("room for a medium");
        Self { directory }
    }

    pub fn image(image: &Image) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        image.write_to(&directory.path().join("medium")).expect("room for a medium");
        Self { directory }
    }

    pub fn path(&self) -> PathBuf {
        self.directory.path().join("medium")
    }

    pub fn beside(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}

/// One FAT volume's bytes from `start` on.
pub fn volume(image: &Image, start: usize, length: usize) -> Vec<u8> {
    image.to_bytes().expect("fits in memory")[start..start + length].to_vec()
}

/// What fsck.fat says about a volume: `None` without the tool.
pub fn fsck(volume: &[u8]) -> Option<(bool, String)> {
    let file = OnDisk::bytes(volume);
    Some(run(tool("fsck.fat")?.arg("-n").arg("-v").arg(file.path())))
}

/// The file at `path` of the FAT volume at byte `offset` of the medium, by mtools: `None` without the tool.
pub fn copy_out(medium: &Path, offset: u64, path: &str, to: &Path) -> Option<Result<Vec<u8>, String>> {
    let mut source = medium.as_os_str().to_owned();
    source.push(format!("@@{offset}"));
    let (ok, text) = run(tool("mcopy")?.arg("-i").arg(source).arg("-n").arg(format!("::{path}")).arg(to));
    Some(if ok { Ok(std::fs::read(to).expect("mcopy wrote it")) } else { Err(text) })
}

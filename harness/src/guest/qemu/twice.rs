//! What QEMU gives to one device only: an id, a drive, the back end of a network.

use std::collections::BTreeMap;

use super::Reader;
use super::options::Parts;
use super::refused::is_open;
use crate::guest::GuestError;

/// The devices that have a drive so far.
struct Users<'a> {
    /// The driver of the first.
    first: &'a str,
    /// One of them writes.
    writes: bool,
    /// All of them let others write.
    share: bool,
}

impl Reader<'_> {
    /// Refuses the second device of two that cannot have the same.
    pub(super) fn each_once(&self) -> Result<(), GuestError> {
        let mut seen: BTreeMap<(&str, &str), &str> = BTreeMap::new();
        let mut users: BTreeMap<&str, Users<'_>> = BTreeMap::new();
        for (parts, word) in self.devices.iter().filter(|(_, word)| !is_open(word)) {
            let given = |key| parts.get(key).filter(|value| !value.is_empty());
            for (key, fix) in
                [("id", "give each device an id of its own, or none"), ("netdev", "write a -netdev for each card")]
            {
                let Some(value) = given(key) else { continue };
                if let Some(first) = seen.insert((key, value), &parts.first) {
                    return Err(self.error(word, in_use(parts, key, value, first), fix));
                }
            }
            let Some(drive) = given("drive") else { continue };
            let (writes, shares) = (self.writes(parts, drive), parts.switch("share-rw") == Some(true));
            match users.get_mut(drive) {
                None => drop(users.insert(drive, Users { first: &parts.first, writes, share: shares })),
                // `blkconf_apply_backend_options` in QEMU's `hw/block/block.c`
                Some(users)
                    if !self.drives.is_drive(drive) && (users.share || !writes) && (shares || !users.writes) =>
                {
                    users.writes |= writes;
                    users.share &= shares;
                }
                Some(users) => {
                    let fix = format!("give it a drive of its own: -drive if=none,id={drive}2,file=...");
                    return Err(self.error(word, in_use(parts, "drive", drive, users.first), fix));
                }
            }
        }
        Ok(())
    }

    /// Whether a device writes to its drive.
    fn writes(&self, parts: &Parts, drive: &str) -> bool {
        !parts.first.ends_with("-cd") && !self.drives.is_read_only(drive)
    }
}

fn in_use(parts: &Parts, key: &str, value: &str, first: &str) -> String {
    format!("{} has {key}={value}, which {first} has already (QEMU refuses that)", parts.first)
}

#[cfg(test)]
mod tests {
    use crate::guest::qemu::{Reading, read_text};

    const DRIVE: &str = "-drive if=none,id=a,file=a";
    const NODE: &str = "-blockdev driver=file,filename=a,node-name=a";
    const READ_ONLY: &str = "-blockdev driver=file,filename=a,node-name=a,read-only=on";

    fn read(line: &str) -> Result<(), String> {
        read_text("line", &format!("kvm -nodefaults {line}"), &Reading::default())
            .map(|_| ())
            .map_err(|error| error.to_string())
    }

    #[rstest::rstest]
    #[case::an_id(
        "",
        "-device e1000,id=x -device virtio-rng-pci,id=x",
        "virtio-rng-pci has id=x, which e1000 has already"
    )]
    #[case::a_drive(DRIVE, "-device virtio-blk-pci,drive=a -device ide-cd,drive=a", "drive=a, which virtio-blk-pci")]
    #[case::that_is_shared(
        DRIVE,
        "-device virtio-blk-pci,drive=a,share-rw=on -device virtio-blk-pci,drive=a,share-rw=on",
        "drive=a, which"
    )]
    #[case::of_cds(DRIVE, "-device ide-cd,drive=a -device ide-cd,drive=a", "drive=a, which")]
    #[case::a_node(NODE, "-device virtio-blk-pci,drive=a -device virtio-blk-pci,drive=a", "drive=a, which")]
    #[case::shared_by_one(
        NODE,
        "-device virtio-blk-pci,drive=a,share-rw=on -device virtio-blk-pci,drive=a",
        "drive=a, which"
    )]
    #[case::that_one_reads(
        NODE,
        "-device ide-cd,drive=a -device virtio-blk-pci,drive=a,share-rw=on",
        "drive=a, which ide-cd"
    )]
    #[case::a_network("-netdev user,id=n", "-device e1000,netdev=n -device e1000,netdev=n", "netdev=n, which e1000")]
    fn what_one_device_has_no_other_has(#[case] drive: &str, #[case] devices: &str, #[case] what: &str) {
        let error = read(&format!("{drive} {devices}")).unwrap_err();
        assert!(error.contains(what) && error.contains("QEMU refuses"), "{error}");
    }

    #[rstest::rstest]
    #[case::shared(NODE, "-device virtio-blk-pci,drive=a,share-rw=on -device virtio-blk-pci,drive=a,share-rw=on")]
    #[case::read_by_both(NODE, "-device ide-cd,drive=a -device ide-cd,drive=a")]
    #[case::read_only(READ_ONLY, "-device virtio-blk-pci,drive=a -device virtio-blk-pci,drive=a")]
    #[case::read_by_one(NODE, "-device ide-cd,drive=a,share-rw=on -device virtio-blk-pci,drive=a")]
    #[case::of_other_kinds("-netdev user,id=x", "-device e1000,id=x,netdev=x")]
    #[case::by_a_variable("", "-device e1000,id=$ID -device e1000,id=$ID")]
    #[case::without_one("", "-device ide-cd -device ide-cd")]
    fn what_qemu_takes_twice_is_taken(#[case] drive: &str, #[case] devices: &str) {
        read(&format!("{drive} {devices}")).unwrap();
    }
}

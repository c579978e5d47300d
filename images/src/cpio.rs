//! The archive that a Linux kernel unpacks as its first file system: cpio, "newc" format
//! (`Documentation/driver-api/early-userspace/buffer-format.rst` of Linux).

/// An archive of one executable file, owned by root and dated 1970.
pub(crate) fn of_one_program(name: &str, program: &[u8]) -> Vec<u8> {
    let mut archive = Vec::with_capacity(program.len() + 512);
    entry(&mut archive, name, 0o100_755, 1, program);
    entry(&mut archive, "TRAILER!!!", 0, 0, &[]);
    archive
}

fn entry(archive: &mut Vec<u8>, name: &str, mode: usize, inode: usize, bytes: &[u8]) {
    // inode, mode, uid, gid, links, mtime, size, device and its device major and minor, length of name, checksum
    let fields = [inode, mode, 0, 0, 1, 0, bytes.len(), 0, 0, 0, 0, name.len() + 1, 0];
    archive.extend_from_slice(b"070701");
    fields.iter().for_each(|field| archive.extend(format!("{field:08X}").bytes()));
    archive.extend_from_slice(name.as_bytes());
    archive.push(0);
    archive.resize(archive.len().next_multiple_of(4), 0);
    archive.extend_from_slice(bytes);
    archive.resize(archive.len().next_multiple_of(4), 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_start_at_multiples_of_four_and_the_trailer_ends_the_archive() {
        let archive = of_one_program("init", &[7; 5]);
        assert_eq!(&archive[..6], b"070701");
        assert_eq!(&archive[110..115], b"init\0");
        assert_eq!(&archive[116..121], [7; 5]);
        assert_eq!(&archive[124..130], b"070701");
        assert_eq!(archive.len() % 4, 0);
        assert!(archive.windows(10).any(|bytes| bytes == b"TRAILER!!!"));
    }
}

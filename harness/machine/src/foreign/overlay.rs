//! An empty qcow2 of a medium's size: what a guest writes goes there, and the medium below it is only read.
//!
//! It names no backing file; whoever starts QEMU says which one is below it.

/// Bytes of a cluster, as a power of two.
const CLUSTER_BITS: u32 = 16;
const CLUSTER: u64 = 1 << CLUSTER_BITS;

/// The file's bytes, for a medium of so many bytes (QEMU, `docs/interop/qcow2.txt`, version 3).
pub fn empty(bytes: u64) -> Vec<u8> {
    let size = bytes.div_ceil(512) * 512;
    // one table of level 2 has a cluster of entries of eight bytes
    let entries = size.div_ceil(CLUSTER * (CLUSTER / 8)).max(1);
    let table_clusters = (entries * 8).div_ceil(CLUSTER);
    let clusters = 3 + table_clusters;
    let mut file = vec![0; (clusters * CLUSTER) as usize];
    let mut put = |at: u64, value: &[u8]| file[at as usize..at as usize + value.len()].copy_from_slice(value);
    put(0, b"QFI\xfb");
    put(4, &3_u32.to_be_bytes());
    put(20, &CLUSTER_BITS.to_be_bytes());
    put(24, &size.to_be_bytes());
    put(36, &(entries as u32).to_be_bytes());
    put(40, &(3 * CLUSTER).to_be_bytes());
    put(48, &CLUSTER.to_be_bytes());
    put(56, &1_u32.to_be_bytes());
    put(96, &4_u32.to_be_bytes());
    put(100, &104_u32.to_be_bytes());
    put(CLUSTER, &(2 * CLUSTER).to_be_bytes());
    for cluster in 0..clusters {
        put(2 * CLUSTER + 2 * cluster, &1_u16.to_be_bytes());
    }
    file
}

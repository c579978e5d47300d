//! NVMe controllers whose disks are namespaces of their own.

/// A controller without a drive of its own, with a rank.
#[derive(Clone, Debug)]
pub(super) struct Controller {
    /// Its id, empty where it has none.
    pub id: String,
    pub rank: i64,
    pub line: u32,
}

//! NVMe controllers whose disks are namespaces of their own.

/// A controller without a drive of its own, with a rank.
#[derive(Clone, Debug)]
pub(super) struct Controller {
    /// Its id, or a name of ours.
    pub id: String,
    pub rank: i64,
    /// Its number among the controllers that namespaces hang off; `None` where none does.
    pub index: Option<u8>,
    pub line: u32,
}

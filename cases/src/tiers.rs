//! Why a case is not in the default suite.

/// Why most of OVMF's cases are in the full suite only.
pub(crate) const SLOW_OVMF: &str = "an OVMF boot takes 3 s, and a twin of the case is in the default suite";

/// Why the cases of OVMF's variable store are.
pub(crate) const SEVERAL_OVMF: &str = "several OVMF boots of 3 s each";

/// A case that has not yet agreed with itself often enough, on a loaded host too, to be relied upon: the truncated line after
/// an unplug depends on memory that QEMU has freed.
pub(crate) const UNSETTLED: &str = "not settled: what follows an unplug depends on memory that QEMU has freed";

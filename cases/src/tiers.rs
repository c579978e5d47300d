//! Why a case is not in the default suite.

use bootwright::case::Case;
use bootwright::machine::DeviceClass;

/// Why most of OVMF's cases are in the full suite only.
pub(crate) const SLOW_OVMF: &str = "an OVMF boot takes 3 s, and a twin of the case is in the default suite";

/// In the default suite of OVMF's cases are those that start warm on every QEMU: an NVMe controller's state is loaded by QEMU 11 and
/// newer only.
pub(crate) fn quick_or_long(case: Case) -> Case {
    let slow = case
        .machine
        .devices
        .iter()
        .any(|device| matches!(device.class, DeviceClass::Nvme | DeviceClass::NvmeNamespace { .. }));
    let uefi = case.machine.firmware.is_uefi();
    case.long_if(uefi && slow, SLOW_OVMF)
}

/// Why the cases of OVMF's variable store are.
pub(crate) const SEVERAL_OVMF: &str = "several OVMF boots of 3 s each";

/// A case that has not yet agreed with itself often enough, on a loaded host too, to be relied upon: the truncated line after
/// an unplug depends on memory that QEMU has freed.
pub(crate) const UNSETTLED: &str = "not settled: what follows an unplug depends on memory that QEMU has freed";

/// Programs read over UHCI and EHCI: of some twenty runs of the first one was told as a hang, and why has not been found.
pub(crate) const POLLED_USB: &str = "not settled: one of some twenty runs was told as a hang";

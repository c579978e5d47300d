//! edk2 on `virt` of LoongArch: a choice of the matrices of the other groups.

use bootwright::case::Case;

use crate::networks::ON_LOONGARCH;
use crate::stored_option::Guest;
use crate::virt::Group;

const GROUP: Group = Group {
    guest: Guest { uefi: ON_LOONGARCH, group: "loongarch64", isc: ["00:27", "00:39"] },
    // that a program halts, which this processor's registers do not tell; and that one which idles was reset, whose control hangs and
    // so ends at a deadline, which refutes nothing
    unseen: &["::halted", "::idling"],
    not_in_bookworm: "Debian 12 packages no edk2 for LoongArch, and a boot takes 10 s",
};

pub fn cases() -> Vec<Case> {
    GROUP.cases(Vec::new())
}

//! What the programs on a medium are made for.

use crate::EfiMachine;

/// What the programs on a medium are made for.
///
/// ```
/// use bootwright_images::{EfiMachine, Target};
///
/// assert_eq!(Target::Efi(EfiMachine::Aa64).efi(), Some(EfiMachine::Aa64));
/// assert_eq!(Target::S390x.efi(), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// BIOS, and UEFI on this processor ([`build`](crate::build)).
    Efi(EfiMachine),
    /// Initial program load on z/Architecture ([`zipl::build`](crate::zipl::build)).
    S390x,
    /// Open Firmware on 64-bit PowerPC ([`prep::build`](crate::prep::build)).
    Ppc64,
}

impl Target {
    /// The processor of the EFI applications; `None` where there are none.
    #[must_use]
    pub fn efi(self) -> Option<EfiMachine> {
        match self {
            Target::Efi(machine) => Some(machine),
            Target::S390x | Target::Ppc64 => None,
        }
    }
}

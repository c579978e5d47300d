//! What a firmware finds on a medium.

/// Whether a firmware has something to boot here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claim {
    /// It has.
    pub boots: bool,
    /// What is there, or what is missing.
    pub why: String,
    /// An EFI program carries a signature.
    pub signed: bool,
    /// BIOS enters the first sector all the same: it has the signature, and no code.
    pub empty: bool,
}

impl Claim {
    pub(super) fn yes(why: impl Into<String>) -> Claim {
        Claim { boots: true, why: why.into(), ..Claim::default() }
    }

    pub(super) fn no(why: impl Into<String>) -> Claim {
        Claim { boots: false, why: why.into(), ..Claim::default() }
    }
}

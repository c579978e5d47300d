//! edk2 on `virt` of RISC-V and LoongArch: what the groups `riscv64` and `loongarch64` have in common.
//!
//! The cases are made by the functions that OVMF's and AAVMF's are made by, so that a firmware is held to the same words everywhere. Their
//! ids begin with the architecture, then have the group's name: `riscv64::order::nvme-before-virtio-blk`.

mod setup;

use bootwright::case::{Case, Tier};

use crate::stored_option::{Guest, ipv6, tls};
use crate::{
    alone, bad_loader, first_entry, installed, installer, isolation, nvram, order, prelaunch, resets, strict, vars,
};

/// One architecture.
pub struct Group {
    /// Its guest, which says what the group is called.
    pub guest: Guest,
    /// Ends of the ids of the cases of other firmware that nothing would show here.
    pub unseen: &'static [&'static str],
    /// Why the cases are in the full suite only: a run whose skips are failures would be red on a host of Debian 12.
    pub not_in_bookworm: &'static str,
}

impl Group {
    /// Every case, and these.
    pub fn cases(&self, own: Vec<Case>) -> Vec<Case> {
        let guest = self.guest;
        let is_seen = |case: &Case| !self.unseen.iter().any(|end| case.id.ends_with(end));
        let shared = self.of_drives().into_iter().chain(self.of_variables()).chain(self.while_it_is_on());
        let shared = shared.map(|case| guest.uefi.in_group(guest.group, case)).filter(is_seen);
        let networks = guest.cases().into_iter().chain(ipv6::cases(guest)).chain(tls::cases(guest));
        shared.chain(networks).chain(own).map(|case| self.in_full_suite(case)).collect()
    }

    fn of_drives(&self) -> Vec<Case> {
        let (firmware, board) = (self.guest.uefi.firmware, self.guest.uefi.board);
        let mut cases = alone::on(firmware, board);
        cases.extend(order::on(firmware, board));
        cases.extend(first_entry::on(firmware, board));
        cases.extend(bad_loader::on(firmware, board));
        cases.extend(strict::on(firmware, board));
        cases
    }

    fn of_variables(&self) -> Vec<Case> {
        let (firmware, board) = (self.guest.uefi.firmware, self.guest.uefi.board);
        let mut cases = vec![isolation::two_at_once(firmware, board)];
        cases.extend(nvram::on(firmware, board));
        cases.extend(installed::on(firmware, board));
        cases.extend(installer::on(firmware, board));
        cases.extend(vars::mended_on(firmware, board));
        cases.extend(setup::on(firmware, board));
        cases
    }

    fn while_it_is_on(&self) -> Vec<Case> {
        let uefi = self.guest.uefi;
        let mut cases = resets::with_network(uefi, self.guest.healthy());
        cases.extend(prelaunch::adapters_on(uefi.firmware, uefi.board));
        cases
    }

    fn in_full_suite(&self, mut case: Case) -> Case {
        case.tier = Tier::Long(self.not_in_bookworm.to_owned());
        case
    }
}

//! What machines are asked alike whose firmware is neither BIOS nor UEFI: s390-ccw on `s390-ccw-virtio` and SLOF on `pseries`.

use bootwright::case::{Case, Tier};
use bootwright::lan::{BootAnswer, DhcpServer, Match};
use bootwright::machine::{DiskClass, Machine, Medium, Network};
use bootwright::verdict::{Expectation, OnLan, booted, failed};
use bootwright_images::After;

use crate::{prelaunch, resets};

/// Why most of their cases are in the full suite only.
const OTHERS_SHOW_IT: &str = "a case of its kind is in the default suite";

/// A kind of machine.
#[derive(Clone, Copy)]
pub struct Guest {
    /// What the ids of its cases begin with.
    pub group: &'static str,
    /// One with nothing in it.
    pub machine: fn() -> Machine,
}

impl Guest {
    /// A case of a part of its group.
    pub fn case(self, part: &str, name: &str) -> Case {
        Case::new(format!("{}::{part}::{name}", self.group))
    }

    /// A case of another group under this one's name.
    fn regrouped(self, mut case: Case) -> Case {
        let machine = &case.machine;
        let place = format!("::{}::{}", machine.firmware.name(), machine.board.name());
        case.id = format!("{}::{}", self.group, case.id.replacen(&place, "", 1));
        case
    }

    pub fn alone(self, class: DiskClass) -> Case {
        self.case("alone", class.name())
            .axis("class", class.name())
            .machine((self.machine)().drive(class, 0, Medium::bootable("only")).bootindex(1))
            .expect(Expectation::boots("only"))
            .control_blank("only")
    }

    /// The drive with the lower bootindex is loaded, although the other one comes first on the command line, or sits in the lower slot.
    pub fn order(self, right: DiskClass, wrong: DiskClass) -> Case {
        let machine = (self.machine)().drive(wrong, 0, Medium::bootable("wrong")).bootindex(2);
        let machine = machine.drive(right, 1, Medium::bootable("right")).bootindex(1);
        self.case("order", &format!("{}-before-{}", right.name(), wrong.name()))
            .axis("right", right.name())
            .axis("wrong", wrong.name())
            .control(machine.clone().swapping_bootindex("right", "wrong"))
            .machine(machine)
            .expect(Expectation::boots("right").without_trying("wrong"))
    }

    pub fn no_drive(self) -> Case {
        self.case("first_entry", "no-drive")
            .axis("first", "none")
            .machine((self.machine)())
            .expect(Expectation::nothing_boots([]))
            .control((self.machine)().virtio_blk(Medium::bootable("there")))
    }

    /// Nothing has a bootindex: each drive is tried, in the order of the command line or of the slots.
    pub fn without_bootindex(self) -> Case {
        let machine = (self.machine)().virtio_blk(Medium::blank("first")).virtio_blk(Medium::bootable("second"));
        self.case("first_entry", "without-bootindex")
            .axis("first", "blank-without-bootindex")
            .control(machine.clone().with_medium(Medium::bootable("first")))
            .machine(machine)
            .expect(Expectation::attempts([failed("first"), booted("second")]))
    }

    /// A program that resets the machine is run again from the same disk.
    pub fn reboots(self, name: &str) -> Case {
        let machine = (self.machine)().virtio_blk(Medium::bootable("second")).bootindex(2);
        self.case("resets", name)
            .axis("after", "reset-system")
            .machine(machine.virtio_blk(Medium::then("first", After::ResetSystem)).bootindex(1))
            .expect(Expectation::laps(3, [booted("first")]).without_trying("second"))
            .control_blank("first")
    }

    /// Disks that come, go and change rank before the first instruction, and while the machine runs, with resets from outside.
    pub fn hotplugged(self, class: DiskClass) -> impl Iterator<Item = Case> {
        let bare = (self.machine)();
        let running = resets::while_running(bare.firmware, bare.board, class);
        self.in_prelaunch(class).chain(running.into_iter().map(move |case| self.regrouped(case)))
    }

    fn in_prelaunch(self, class: DiskClass) -> impl Iterator<Item = Case> {
        let bare = (self.machine)();
        let cases = prelaunch::with_another_bootable(bare.firmware, bare.board, class);
        cases.map(move |case| self.regrouped(case))
    }

    /// Resets from outside at moments drawn from the seed, each within so many bytes of the log.
    pub fn twenty_resets(self, within: u32) -> Case {
        let bare = (self.machine)();
        self.regrouped(resets::twenty(bare.firmware, bare.board, within))
    }

    /// A server that has one file for its architecture and another for everybody: the offer, for which the client has not named itself yet,
    /// names the other, and the acknowledgement is what counts. `with` is a machine on a network with this server; `values` are its number as
    /// dnsmasq takes it, and for the control the same digits in another base.
    pub fn arch_in_request(
        self,
        [file, any]: [&'static str; 2],
        values: [&str; 2],
        arch: u16,
        with: impl Fn(DhcpServer) -> Machine,
    ) -> Case {
        let [machine, control] = values.map(|value| {
            let server = DhcpServer::new("main").rule(Match::dnsmasq_client_arch(value), BootAnswer::file(file));
            with(server.rule(Match::Any, BootAnswer::file(any)))
        });
        let served = Expectation::boots("served").on_lan(OnLan::Arch(arch)).on_lan(OnLan::Fetched(file.into()));
        self.network_case("arch-in-the-request-alone")
            .machine(machine)
            .expect(served.without_trying("next"))
            .control(control)
    }

    pub fn network_case(self, name: &str) -> Case {
        self.case("network", name).axis("network", name)
    }

    /// A NIC before a disk.
    pub fn nic_then_disk(self, model: &str, network: Network) -> Machine {
        let machine = (self.machine)().network(network).nic(model, Some(0)).bootindex(1);
        machine.virtio_blk(Medium::bootable("next")).bootindex(2)
    }
}

/// Those of the default suite are named.
pub fn in_tier(mut case: Case, everyday: &[&str]) -> Case {
    case.tier = match everyday.contains(&case.id.as_str()) {
        true => Tier::Default,
        false => Tier::Long(OTHERS_SHOW_IT.to_owned()),
    };
    case
}

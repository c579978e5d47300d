//! Which machines start with a reset although they could start from a base's state, and why.

use super::options::Options;
use crate::case::story::{Milestone, Step, Story};
use crate::case::{Case, Tier};
use crate::machine::{Accelerator, BootOptions, DeviceClass, Firmware, Machine, Network, Place};
use crate::platform::{Platform, QemuVersion};

/// The first QEMU that can save and load an NVMe controller.
const NVME_MIGRATES: QemuVersion = QemuVersion { major: 11, minor: 0, micro: 0 };

/// Why a case's machine starts cold at its first power-on; `None` where nothing is against a warm start.
pub fn why_cold(case: &Case, machine: &Machine, platform: &Platform, options: &Options) -> Option<String> {
    let reason = case_is_cold(case, options).or_else(|| machine_is_cold(machine, platform))?;
    Some(reason.to_owned())
}

fn case_is_cold<'a>(case: &'a Case, options: &Options) -> Option<&'a str> {
    if options.pause_on_failure {
        return Some("a machine that may be left paused is the real one");
    }
    if case.tier == Tier::Smoke {
        return Some("the smoke suite starts cold");
    }
    if let Some(reason) = &case.cold {
        return Some(reason);
    }
    if case.beside.is_some() {
        return Some("another machine runs beside it");
    }
    (!may_be_told(&case.story)).then_some("its story does more than wait and type before firmware has come to a boot")
}

/// Whether a story waits and types, and does nothing else before firmware has come to a boot, which a base was stopped long before.
/// Resets and power-ons from then on are as cold as any.
fn may_be_told(story: &Story) -> bool {
    let waits = |step: &Step| matches!(step, Step::Wait(_) | Step::Press { .. } | Step::Enter { .. });
    let boots = |step: &Step| matches!(step, Step::Wait(milestone) if is_behind_a_boot(milestone));
    let mut steps = story.steps.iter().skip_while(|&step| waits(step) && !boots(step));
    steps.next().is_none_or(boots) && steps.all(leaves_the_machine_where_it_is)
}

/// Firmware can only have come to it in its boot manager or later.
fn is_behind_a_boot(milestone: &Milestone) -> bool {
    use Milestone::{Ended, NothingBootable, OnLan, Payload};
    matches!(milestone, Payload { .. } | NothingBootable | OnLan { .. } | Ended)
}

/// Not to another QEMU nor to a snapshot, whose states would be those of a machine that had itself loaded one; and not at moments
/// that are counted in what firmware has printed, of which a warm start has some beforehand.
fn leaves_the_machine_where_it_is(step: &Step) -> bool {
    match step {
        Step::Migrate(_) | Step::Snapshot { .. } | Step::Restore { .. } | Step::RandomResets { .. } => false,
        Step::Refused { step, .. } => leaves_the_machine_where_it_is(step),
        _ => true,
    }
}

/// Everything that the guest could have read before the base was stopped, or that QEMU cannot load.
fn machine_is_cold(machine: &Machine, platform: &Platform) -> Option<&'static str> {
    // what OVMF asks fw_cfg for in its boot manager; the probe machines have all three
    let boot = BootOptions { strict: None, menu: None, splash_time: None, ..machine.boot.clone() };
    let served = |network: &Network| network.https.is_some();
    let conditions = [
        (machine.firmware != Firmware::Ovmf, "its firmware is not OVMF"),
        (!machine.board.facts().architecture.is_64_bit(), "its processor has 32 bits"),
        (machine.accelerator != Accelerator::Tcg, "KVM starts cold"),
        (machine.paused, "it is powered on paused"),
        (machine.bridge().is_some(), "it is on a real bridge"),
        (machine.cpu.is_some(), "it has a CPU model of its own"),
        (machine.ram_mib.is_some(), "it has RAM of its own choice"),
        (machine.networks.iter().any(served), "fw_cfg holds its certificates"),
        (machine.kernel.is_some() || machine.system.is_some(), "QEMU hands it a kernel"),
        (boot != BootOptions::default(), "it has boot options besides strict, menu and splash-time"),
        (machine.vga || machine.serial_console || machine.extra_serial_ports > 0, "it has other consoles"),
        (!machine.variable_store.is_default(), "it has a variable store of its own"),
        (machine.tpm.is_some(), "it has a TPM, which firmware tells of its own beginning"),
    ];
    let of_machine = conditions.into_iter().find_map(|(holds, reason)| holds.then_some(reason));
    of_machine.or_else(|| device_is_cold(machine, platform))
}

fn device_is_cold(machine: &Machine, platform: &Platform) -> Option<&'static str> {
    machine.devices.iter().find_map(|device| match (&device.class, device.place) {
        (_, Place::Expander) => Some("it has a device on an expander bus"),
        (DeviceClass::Floppy { .. }, _) => Some("it has a floppy drive"),
        (DeviceClass::Nvme | DeviceClass::NvmeNamespace { .. }, _) if platform.qemu.version < NVME_MIGRATES => {
            Some("this QEMU cannot load the state of an NVMe controller")
        }
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::story::LanMoment;
    use crate::machine::{Access, Board, Medium, VariableStore};
    use crate::platform::sample::platform;

    fn plain() -> Machine {
        Machine::pc(Firmware::Ovmf).virtio_blk(Medium::bootable("only")).bootindex(1).strict(true)
    }

    fn with(change: impl FnOnce(&mut Machine)) -> Machine {
        let mut machine = plain();
        change(&mut machine);
        machine
    }

    fn why(case: &Case, machine: &Machine) -> Option<String> {
        why_cold(case, machine, &platform(10, 0), &Options::new("out", 1))
    }

    #[test]
    fn a_machine_with_its_devices_and_nothing_else_of_its_own_may_start_warm() {
        let case = Case::new("a::b").story(Story::new().wait(Milestone::Lap(1)));
        for board in [Board::Pc, Board::Q35] {
            assert_eq!(why(&case, &with(|machine| machine.board = board)), None);
        }
        assert_eq!(why(&case, &plain().rng()), None);
        assert_eq!(why(&case, &plain().boot_menu(Some(3000))), None);
        // which its base has, too
        assert_eq!(why(&case, &plain().without_ipv6()), None);
    }

    #[test]
    fn whatever_the_guest_could_have_read_before_keeps_a_machine_cold() {
        let case = Case::new("a::b");
        let own_store = VariableStore::with_access(Access::ReadOnly);
        let cold = [
            plain().cpu("max"),
            plain().variable_store(own_store),
            plain().floppy(Medium::bootable("b")),
            plain().nvme(Medium::bootable("b")),
            plain().ram_mib(256),
            plain().paused(),
            plain().vga(),
            plain().extra_serial_ports(1),
            with(|machine| machine.accelerator = Accelerator::Kvm),
            with(|machine| machine.firmware = Firmware::SeaBios),
            with(|machine| machine.boot.once = Some("c".to_owned())),
        ];
        for machine in cold {
            assert!(why(&case, &machine).is_some(), "{machine:?}");
        }
        let mut expander = plain();
        expander.devices[0].place = Place::Expander;
        assert!(why(&case, &expander).is_some());
        let nvme = plain().nvme(Medium::bootable("b"));
        assert_eq!(why_cold(&case, &nvme, &platform(11, 0), &Options::new("out", 1)), None);
    }

    #[test]
    fn what_a_story_does_once_a_program_has_run_is_done_to_a_warm_machine_too() {
        let told = [
            Story::new().wait_for("only").set_bootindex("only", 3).reset(),
            Story::new().wait_for_text("BdsDxe").wait(Milestone::Ended).power_cycle(&[]).wait(Milestone::Ended),
            Story::new().wait_on_lan(LanMoment::Discover).reset(),
        ];
        for story in told {
            assert_eq!(why(&Case::new("a::b").story(story.clone()), &plain()), None, "{story:?}");
        }
    }

    #[test]
    fn a_case_that_asks_for_it_or_does_more_than_wait_starts_cold() {
        let case = Case::new("a::b");
        let cold = [
            case.clone().smoke(),
            case.clone().cold("the cold one of its class"),
            case.clone().story(Story::new().reset()),
            case.clone().story(Story::new().wait_for_text("BdsDxe").reset().wait_for("only")),
            case.clone().story(Story::new().wait(Milestone::Lap(1)).power_cycle(&[])),
            case.clone().story(Story::new().wait_for("only").step(Step::RandomResets { count: 1, within: 9 })),
            case.clone().story(Story::new().wait_for("only").refused(Step::Restore { name: "a".to_owned() }, &[])),
            case.clone().beside(plain(), crate::verdict::Expectation::boots("only")),
        ];
        for case in cold {
            assert!(why(&case, &plain()).is_some(), "{case:?}");
        }
        let paused = Options::new("out", 1).pause_on_failure(true);
        assert!(why_cold(&case, &plain(), &platform(10, 0), &paused).is_some());
    }
}

//! What a platform and this host lack for a case.

use std::path::PathBuf;

use bootwright_images::{BadLoader, Content, EfiMachine, payload};

use super::{flash, lab, loaders, tpm};
use crate::case::Case;
use crate::case::story::{Step, Story};
use crate::machine::argv::{self, Files, Wiring};
use crate::machine::layout::Layout;
use crate::machine::{Firmware, Loader, Machine, Medium};
use crate::platform::{Capabilities, Ovmf, Platform, QemuVersion};

/// What is lacking for a case, in words; `None` where nothing is.
pub fn missing(case: &Case, platform: &Platform) -> Option<String> {
    firmware_missing(case, platform)
        .or_else(|| payload_missing(&case.machine))
        .or_else(|| loaders::missing(&case.machine))
        .or_else(|| lab::missing(&case.machine))
        .or_else(|| tpm::missing(&case.machine))
        .or_else(|| device_missing(case, &platform.qemu.capabilities))
        .or_else(|| commands_missing(&case.story, &platform.qemu.version))
        .or_else(|| unplug_unannounced(case, &platform.qemu.version))
        .or_else(|| network_missing(case, &platform.qemu.version))
        .or_else(|| flash::missing(&case.story, platform))
}

/// What a platform lacks of firmware.
fn firmware_missing(case: &Case, platform: &Platform) -> Option<String> {
    match case.machine.firmware {
        Firmware::SeaBios if platform.seabios.is_none() => Some("the platform has no SeaBIOS".to_owned()),
        Firmware::Ovmf if case.machine.secure_boot => {
            let builds = (&platform.ovmf_secure_boot, &platform.ovmf);
            secure_boot_missing("OVMF", builds, case.machine.variable_store.keys.is_some())
        }
        Firmware::Aavmf if case.machine.secure_boot => {
            let builds = (&platform.aavmf_secure_boot, &platform.aavmf);
            secure_boot_missing("AAVMF", builds, case.machine.variable_store.keys.is_some())
        }
        Firmware::Slof if platform.slof.is_none() => Some("the platform has no SLOF".to_owned()),
        Firmware::S390Ccw if platform.s390_ccw.is_none() => Some("the platform has no s390-ccw.img".to_owned()),
        Firmware::Aavmf if platform.aavmf.is_none() => Some("the platform has no AAVMF".to_owned()),
        Firmware::RiscVVirt if platform.riscvvirt.is_none() => Some("the platform has no edk2 for RISC-V".to_owned()),
        Firmware::LoongArchVirt if platform.loongarchvirt.is_none() => {
            Some("the platform has no edk2 for LoongArch".to_owned())
        }
        Firmware::Ovmf if platform.ovmf.is_none() => Some("the platform has no OVMF".to_owned()),
        _ => None,
    }
}

/// What this build lacks of programs for the machine, of its own processor and of others.
fn payload_missing(machine: &Machine) -> Option<String> {
    let kernel = loaders::wanted(machine).contains(&Loader::Kernel);
    let missing = programs(machine).into_iter().find_map(payload::missing);
    let in_user_space = || payload::initramfs_missing(machine.board.facts().target).filter(|_| kernel);
    missing.or_else(in_user_space).map(str::to_owned)
}

/// The processors of all EFI applications that its media and networks have.
fn programs(machine: &Machine) -> Vec<EfiMachine> {
    let own = machine.board.facts().efi();
    let is_wide = |medium: &Medium| medium.content == Content::BadLoader(BadLoader::OtherWidth);
    let wide = machine.devices.iter().filter_map(|device| device.medium.as_ref()).any(is_wide);
    let served = machine.networks.iter().flat_map(|network| &network.served);
    let served = served.filter_map(|served| served.program.efi());
    own.into_iter().chain(own.filter(|_| wide).and_then(EfiMachine::of_other_width)).chain(served).collect()
}

/// What a platform lacks to refuse what is not signed: the build that enforces it and, for a machine that brings keys, the plain
/// one's template.
fn secure_boot_missing(
    name: &str,
    (secure, plain): (&Option<Ovmf>, &Option<Ovmf>),
    brings_keys: bool,
) -> Option<String> {
    match secure {
        None => Some(format!("the platform has no {name} with Secure Boot")),
        Some(_) if brings_keys => {
            let missing = plain.is_none();
            missing.then(|| format!("the platform has no {name}_VARS without keys"))
        }
        Some(ovmf) if !ovmf.enrolled_keys => {
            Some(format!("the platform's {name} with Secure Boot has no keys enrolled: it would refuse nothing"))
        }
        Some(_) => None,
    }
}

/// What of the machines, with what is plugged in later, is not compiled into this QEMU.
fn device_missing(case: &Case, has: &Capabilities) -> Option<String> {
    let machines = [&case.machine].into_iter().chain(case.beside.as_ref().map(|(machine, _)| machine));
    machines.into_iter().find_map(|machine| {
        // one that cannot be laid out is refused with its own words
        let layout = Layout::of(machine).ok()?;
        let wiring = Wiring::ByHand { debugcon: PathBuf::new(), tpm: Some(PathBuf::new()) };
        let mut argv = argv::argv(machine, &layout, &Files::default(), &wiring);
        for (index, (device, placed)) in machine.devices.iter().zip(&layout.devices).enumerate() {
            argv.extend(
                argv::device_option(device, placed, index)
                    .into_iter()
                    .flat_map(|option| ["-device".to_owned(), option]),
            );
        }
        has.missing(&argv)
    })
}

/// What this QEMU lacks for the steps of a story.
fn commands_missing(story: &Story, qemu: &QemuVersion) -> Option<String> {
    let lacks = story.steps.iter().any(Step::needs_overlays) && qemu.major < 6;
    lacks.then(|| format!("QEMU {qemu} has no snapshot-save; QEMU 6.0 brought it"))
}

/// That this QEMU does not say when a device has gone from a machine that runs, where the story waits for that.
fn unplug_unannounced(case: &Case, qemu: &QemuVersion) -> Option<String> {
    let (board, since) = (case.machine.board, case.machine.board.facts().unplug_announced);
    let in_prelaunch = |step: &&Step| case.machine.paused && !matches!(step, Step::Cont);
    let mut while_running = case.story.steps.iter().skip_while(in_prelaunch);
    let lacks = qemu.major < since && while_running.any(Step::waits_for_unplug);
    let name = board.name();
    lacks.then(|| format!("QEMU {qemu} sends no DEVICE_DELETED while {name} runs; QEMU {since} was seen to"))
}

/// What this QEMU lacks to plug a card into our own network.
fn network_missing(case: &Case, qemu: &QemuVersion) -> Option<String> {
    let machines = [&case.machine].into_iter().chain(case.beside.as_ref().map(|(machine, _)| machine));
    let ours = |lan: usize, machine: &Machine| machine.networks.get(lan).is_none_or(|network| network.bridge.is_none());
    let plugged =
        |machine: &Machine| machine.plugged_nics().any(|(_, nic)| nic.lan.is_some_and(|lan| ours(lan, machine)));
    no_stream(qemu).filter(|_| machines.into_iter().any(plugged))
}

/// That a QEMU has no way to our own network; `None` where it has.
pub fn no_stream(qemu: &QemuVersion) -> Option<String> {
    let lacks = (qemu.major, qemu.minor) < (7, 2);
    lacks.then(|| format!("QEMU {qemu} has no -netdev stream; QEMU 7.2 brought it"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lan::LanSpec;
    use crate::machine::{Board, Bridge, Network, Tpm};
    use crate::verdict::Expectation;

    #[test]
    fn a_qemu_without_stream_lacks_it_for_our_own_network_only() {
        let version = |major, minor| QemuVersion { major, minor, micro: 0 };
        let case = |machine| Case::new("a").machine(machine).expect(Expectation::boots("a"));
        let card = || Machine::pc(Firmware::SeaBios).nic("e1000", Some(0));
        let ours = case(card().network(Network::new(LanSpec::new())));
        let wanted = "QEMU 6.2.0 has no -netdev stream; QEMU 7.2 brought it";
        assert_eq!(network_missing(&ours, &version(6, 2)).as_deref(), Some(wanted));
        assert!(network_missing(&ours, &version(7, 1)).is_some());
        assert_eq!(network_missing(&ours, &version(7, 2)), None);
        assert_eq!(network_missing(&ours, &version(10, 0)), None);
        let real = case(card().network(Network::on_bridge(Bridge::new())));
        let unplugged = case(Machine::pc(Firmware::SeaBios).nic("e1000", None));
        for other in [real, unplugged, case(Machine::pc(Firmware::SeaBios))] {
            assert_eq!(network_missing(&other, &version(6, 2)), None);
        }
        let beside = case(Machine::pc(Firmware::SeaBios)).beside(ours.machine, Expectation::boots("a"));
        assert!(network_missing(&beside, &version(6, 2)).is_some());
    }

    #[test]
    fn a_qemu_without_a_device_or_board_lacks_it_for_machines_that_have_it() {
        let mut has = Capabilities::default();
        let case = |machine| Case::new("a").machine(machine).expect(Expectation::boots("a"));
        let nvme = case(Machine::q35(Firmware::SeaBios).nvme(Medium::bootable("a")));
        assert_eq!(device_missing(&nvme, &has), None, "a QEMU that was not asked lacks nothing that is known");
        has.machines.insert("q35".to_owned());
        has.devices.extend(["isa-debug-exit", "isa-debugcon", "virtio-blk-pci"].map(str::to_owned));
        assert_eq!(device_missing(&nvme, &has).as_deref(), Some("this QEMU has no device nvme"));
        let on_pc = case(Machine::pc(Firmware::SeaBios).virtio_blk(Medium::bootable("a")));
        assert_eq!(device_missing(&on_pc, &has).as_deref(), Some("this QEMU has no machine type pc"));
        let fine = case(Machine::q35(Firmware::SeaBios).virtio_blk(Medium::bootable("a")));
        assert_eq!(device_missing(&fine, &has), None);
        let with_tpm = case(fine.machine.clone().tpm(Tpm::Crb));
        assert_eq!(device_missing(&with_tpm, &has).as_deref(), Some("this QEMU has no device tpm-crb"));
        let beside = fine.beside(on_pc.machine, Expectation::boots("a"));
        assert!(device_missing(&beside, &has).is_some());
        let mut absent = Machine::q35(Firmware::SeaBios).nvme(Medium::bootable("a"));
        absent.devices[0].absent = true;
        assert!(device_missing(&case(absent), &has).is_some(), "it is plugged in later");
    }

    #[test]
    fn a_qemu_that_is_silent_about_unplug_lacks_it_on_that_board_only() {
        let version = |major| QemuVersion { major, minor: 2, micro: 0 };
        let case = |firmware, board, story| {
            Case::new("a").machine(Machine::new(firmware, board)).story(story).expect(Expectation::boots("a"))
        };
        let s390x = |story| case(Firmware::S390Ccw, Board::S390CcwVirtio, story);
        let wanted = "QEMU 10.2.0 sends no DEVICE_DELETED while s390-ccw-virtio runs; QEMU 11 was seen to";
        let unplugs = s390x(Story::new().unplug("a"));
        assert_eq!(unplug_unannounced(&unplugs, &version(10)).as_deref(), Some(wanted));
        assert_eq!(unplug_unannounced(&unplugs, &version(11)), None);
        assert_eq!(unplug_unannounced(&s390x(Story::new().unplug_at_reset("a")), &version(7)), None);
        let mut prelaunch = s390x(Story::new().unplug("a").cont());
        prelaunch.machine = prelaunch.machine.paused();
        assert_eq!(unplug_unannounced(&prelaunch, &version(7)), None);
        prelaunch.story = Story::new().cont().unplug("a");
        assert!(unplug_unannounced(&prelaunch, &version(7)).is_some());
        let pc = case(Firmware::SeaBios, Board::Pc, Story::new().unplug("a"));
        assert_eq!(unplug_unannounced(&pc, &version(7)), None);
    }

    #[test]
    fn a_qemu_without_the_commands_lacks_them_for_these_stories_only() {
        let version = |major| QemuVersion { major, minor: 2, micro: 0 };
        let story = Story::new().snapshot("a");
        assert_eq!(commands_missing(&story, &version(7)), None);
        assert_eq!(
            commands_missing(&story, &version(5)).unwrap(),
            "QEMU 5.2.0 has no snapshot-save; QEMU 6.0 brought it"
        );
        assert_eq!(commands_missing(&Story::new().reset(), &version(5)), None);
    }

    #[test]
    fn a_program_for_another_processor_is_wanted_as_its_own_is() {
        let machine = Machine::q35(Firmware::Ovmf).virtio_blk(Medium::bootable("own"));
        assert_eq!(programs(&machine), [EfiMachine::X64]);
        let wide = machine.clone().virtio_blk(Medium::with_bad_loader("wide", BadLoader::OtherWidth));
        assert_eq!(programs(&wide), [EfiMachine::X64, EfiMachine::Ia32]);
        let network = Network::new(LanSpec::new()).efi_program_for(EfiMachine::Arm, "arm.efi", "for-arm");
        assert_eq!(
            programs(&machine.network(network.bios_program("a.0", "for-bios"))),
            [EfiMachine::X64, EfiMachine::Arm]
        );
    }
}

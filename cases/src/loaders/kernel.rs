//! A distribution's kernel and an initramfs of ours: the nonce is reported from user space.

use bootwright::case::Case;
use bootwright::lan::LanSpec;
use bootwright::machine::{Clock, Grub, Loader, Machine, Network};
use bootwright::trace::Protocol;
use bootwright::verdict::{Expectation, OnLan};

use super::network::{answering_with, group_of, machine, pxelinux};

/// Name of the kernel on the server.
pub(super) const KERNEL: &str = "linux";
/// Name of the initramfs on the server.
pub(super) const INITRAMFS: &str = "initrd.img";

/// A PXELINUX configuration that gives the machine back to the BIOS.
const PXELINUX_EXIT: (&str, &str) = ("pxelinux.cfg/default", "DEFAULT one\nPROMPT 0\nLABEL one\nLOCALBOOT -1\n");
/// An iPXE script that ends with an error.
pub(super) const SCRIPT_EXIT: (&str, &str) = ("boot.ipxe", "#!ipxe\nexit 1\n");

pub(super) fn cases() -> Vec<Case> {
    vec![by_pxelinux(), by_script(Protocol::Tftp), by_script(Protocol::Http), by_grub()]
}

#[track_caller]
fn case(protocol: Protocol, name: &str) -> Case {
    let group = group_of(protocol);
    Case::new(format!("{group}::seabios::pc::kernel-by-{name}")).axis("loader", name).axis("by", protocol.scheme())
}

/// The network with a kernel and the initramfs that reports.
pub(super) fn with_kernel(network: Network) -> Network {
    network.loader(KERNEL, Loader::Kernel).initramfs(INITRAMFS, "user-space")
}

/// A kernel wants memory, and unpacks itself: cheap instructions keep its clock near the host's. They are no cheaper, since iPXE's ROMs
/// of 2025 and newer wait half a second for interrupts of the RTC (`rtc_get_noise`) in code that writes to its own page, which TCG
/// translates anew each time: 40 s of the host's processor at `shift=3`, 5 s at `shift=5`.
pub(super) fn roomy(machine: Machine) -> Machine {
    machine.ram_mib(512).with_clock(Clock::Virtual { shift: 5 })
}

/// In the negative control the loader's configuration, `config`, has it give up.
pub(super) fn finished(case: Case, machine: Machine, protocol: Protocol, (config, text): (&str, &str)) -> Case {
    let gives_up = |lan: LanSpec| lan.file(config, text.as_bytes().to_vec());
    let control = machine.clone().with_network(0, |network| network.with_lan(gives_up));
    case.machine(machine).control(control).expect(
        Expectation::boots("user-space")
            .without_trying("next")
            .on_lan(OnLan::AskedBy(protocol, KERNEL.into()))
            .on_lan(OnLan::AskedBy(protocol, INITRAMFS.into())),
    )
}

fn by_pxelinux() -> Case {
    let network = pxelinux("default", &format!("KERNEL {KERNEL}\nINITRD {INITRAMFS}\nAPPEND quiet panic=1"));
    finished(case(Protocol::Tftp, "pxelinux"), roomy(machine(with_kernel(network))), Protocol::Tftp, PXELINUX_EXIT)
}

/// iPXE's ROM takes a script that names both by TFTP or by HTTP.
fn by_script(protocol: Protocol) -> Case {
    finished(case(protocol, "script"), roomy(machine(with_kernel(scripted(protocol)))), protocol, SCRIPT_EXIT)
}

pub(super) fn scripted(protocol: Protocol) -> Network {
    let base = format!("{}://10.77.0.1", protocol.scheme());
    let script =
        format!("#!ipxe\nkernel {base}/{KERNEL} quiet panic=1 initrd={INITRAMFS}\ninitrd {base}/{INITRAMFS}\nboot\n");
    answering_with("boot.ipxe").with_lan(|lan| lan.file("boot.ipxe", script.into_bytes()))
}

/// GRUB for BIOS, with its configuration where its own prefix says.
fn by_grub() -> Case {
    let network = with_kernel(answering_with("core.0"))
        .with_lan(|lan| lan.file("bios/grub.cfg", grub_config()))
        .loader("core.0", Loader::Grub(Grub::network(false, "(tftp)/bios")));
    let case =
        finished(case(Protocol::Tftp, "grub"), roomy(machine(network)), Protocol::Tftp, ("bios/grub.cfg", "exit\n"));
    let order = ["core.0", "bios/grub.cfg", KERNEL, INITRAMFS].map(str::to_owned).to_vec();
    let expectation = case.expectation.clone().on_lan(OnLan::AskedInOrder(order));
    case.expect(expectation)
}

pub(super) fn grub_config() -> Vec<u8> {
    grub_config_with("quiet panic=1")
}

/// A configuration of GRUB that gives the kernel this command line.
pub(super) fn grub_config_with(command_line: &str) -> Vec<u8> {
    format!("linux (tftp)/{KERNEL} {command_line}\ninitrd (tftp)/{INITRAMFS}\nboot\n").into_bytes()
}

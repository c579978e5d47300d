//! The same under OVMF: its own network stack loads iPXE, GRUB or, by them, a kernel.

use bootwright::case::Case;
use bootwright::lan::{BootAnswer, DhcpServer, LanSpec, Match};
use bootwright::machine::{Board, Clock, Grub, Loader, Machine, Network};
use bootwright::trace::Protocol;
use bootwright::verdict::{Expectation, OnLan};

use super::kernel::{self, INITRAMFS, KERNEL};
use super::network::group_of;
use crate::networks::{EFI_FILE, ON_ARM, ovmf};

pub(super) fn cases() -> Vec<Case> {
    let ipxe = [("snponly", Loader::SnpOnly), ("ipxe-efi", Loader::IpxeEfi)];
    let mut cases: Vec<_> = ipxe.into_iter().map(|(name, loader)| chained(name, loader)).collect();
    cases.extend([grub(), kernel_by_grub(), kernel_by_script(Protocol::Tftp), kernel_by_script(Protocol::Http)]);
    cases
}

#[track_caller]
fn case(group: &str, name: &str) -> Case {
    Case::new(format!("{group}::ovmf::pc::{name}")).axis("loader", name)
}

fn machine(network: Network) -> Machine {
    ovmf(Board::Pc, network).without_ipv6()
}

/// Whoever calls itself iPXE gets `then`, everybody else the loader.
fn two_stages(loader: &str, then: &str) -> Network {
    let server = DhcpServer::new("main")
        .rule(Match::UserClassContains("iPXE".to_owned()), BootAnswer::file(then))
        .rule(Match::Any, BootAnswer::file(loader));
    Network::new(LanSpec::new().dhcp(server))
}

/// iPXE is loaded by the firmware, asks by DHCP again, says who it is, and gets the next program.
fn chained(name: &str, loader: Loader) -> Case {
    let network = two_stages("ipxe.efi", EFI_FILE).efi_program(EFI_FILE, "served").loader("ipxe.efi", loader);
    let order = ["ipxe.efi", EFI_FILE].map(str::to_owned).to_vec();
    case("pxe", &format!("loader-{name}"))
        .control(machine(network.clone().without_program(EFI_FILE)))
        .machine(machine(network))
        .expect(
            Expectation::boots("served")
                .without_trying("next")
                .on_lan(OnLan::UserClass("iPXE".into()))
                .on_lan(OnLan::AskedInOrder(order)),
        )
}

fn with_grub(config: Vec<u8>) -> Network {
    let server = DhcpServer::new("main").boot_file("grubx64.efi");
    Network::new(LanSpec::new().dhcp(server))
        .with_lan(|lan| lan.file("efi/grub.cfg", config))
        .loader("grubx64.efi", Loader::Grub(Grub::network(true, "(tftp)/efi")))
}

/// GRUB chains the next program. Its exit is the negative control.
fn grub() -> Case {
    let chain = format!("chainloader (tftp)/{EFI_FILE}\nboot\n").into_bytes();
    let network = |config: Vec<u8>| with_grub(config).efi_program(EFI_FILE, "served");
    let order = ["grubx64.efi", "efi/grub.cfg", EFI_FILE].map(str::to_owned).to_vec();
    case("pxe", "loader-grub")
        .machine(machine(network(chain)))
        .expect(Expectation::boots("served").without_trying("next").on_lan(OnLan::AskedInOrder(order)))
        .control(machine(network(b"exit\n".to_vec())))
}

fn roomy(network: Network) -> Machine {
    machine(network).ram_mib(768).with_clock(Clock::Virtual { shift: 5 })
}

fn kernel_by_grub() -> Case {
    let network = kernel::with_kernel(with_grub(kernel::grub_config()));
    kernel::finished(case("pxe", "kernel-by-grub"), roomy(network), Protocol::Tftp, ("efi/grub.cfg", "exit\n"))
}

/// iPXE's script names a kernel with an EFI stub, by TFTP or by HTTP.
fn kernel_by_script(protocol: Protocol) -> Case {
    let script = kernel::scripted(protocol).lan.files["boot.ipxe"].clone();
    let network = kernel::with_kernel(two_stages("ipxe.efi", "boot.ipxe"))
        .with_lan(|lan| lan.file("boot.ipxe", script))
        .loader("ipxe.efi", Loader::SnpOnly);
    let case =
        kernel::finished(case(group_of(protocol), "kernel-by-script"), roomy(network), protocol, kernel::SCRIPT_EXIT);
    let expectation = case.expectation.clone().on_lan(OnLan::Asked(KERNEL.into()));
    case.expect(expectation)
}

/// AAVMF's own network stack loads GRUB, and GRUB a kernel.
pub fn kernels_on_arm() -> Vec<Case> {
    let network = with_grub(kernel::grub_config_with("quiet panic=1 console=ttyAMA0"))
        .loader(KERNEL, Loader::Kernel)
        .initramfs_for_aa64(INITRAMFS, "user-space");
    let machine = ON_ARM.machine(network).without_ipv6().ram_mib(768).with_clock(Clock::Virtual { shift: 3 });
    let case =
        Case::new(format!("pxe::{}::kernel-by-grub", ON_ARM.id())).axis("loader", "kernel-by-grub").axis("by", "tftp");
    vec![kernel::finished(case, machine, Protocol::Tftp, ("efi/grub.cfg", "exit\n"))]
}

//! Boot programs that others wrote, from a distribution's packages, between the firmware and the program that reports:
//! PXELINUX, GRUB, iPXE as a chained program, and a distribution's kernel up to user space.

mod kernel;
mod network;
mod uefi;

use bootwright::case::Case;
use bootwright::machine::Loader;
use bootwright::trace::Protocol;
use bootwright::verdict::{Expectation, OnLan, booted, failed_entry, tftp};

use crate::networks::BIOS_FILE;
use network::{answering_with, machine, pxelinux};

pub use uefi::kernels_on_arm;

/// All cases of this group.
pub fn cases() -> Vec<Case> {
    let mut cases: Vec<_> = PLACES.into_iter().map(|(name, place)| pxelinux_by(name, place)).collect();
    cases.extend([pxelinux_gives_up(), undionly(), ipxe_kernel()]);
    cases.extend(kernel::cases());
    cases.extend(uefi::cases());
    cases.into_iter().map(|case| case.long("it needs packages of loaders that others wrote")).collect()
}

#[track_caller]
fn case(name: &str) -> Case {
    Case::new(format!("pxe::seabios::pc::loader-{name}")).axis("loader", name)
}

/// Where PXELINUX looks for its configuration, in this order: by the machine's UUID, by hardware type and address, by the
/// address that DHCP gave in hexadecimal, that with fewer and fewer digits, then `default`.
///
/// It writes the UUID as SMBIOS holds it, the first three fields with their low byte first. One whose seventh byte is then
/// below 0x10 or above 0xef counts as none (`is_valid_uuid` in Syslinux' `core/sysappend.c`): it takes that byte for the
/// version, which stands in the eighth.
const PLACES: [(&str, &str); 5] = [
    ("uuid", "161207b0-5747-5a4b-8000-000000000001"),
    ("mac", "01-52-54-00-12-34-10"),
    ("address", "0A4D0064"),
    ("network", "0A4D00"),
    ("default", "default"),
];

/// The configuration is found where it is offered, after every place before it, and no later one is asked for. A loader's
/// own way back to the BIOS is the negative control.
fn pxelinux_by(name: &str, place: &str) -> Case {
    let position = PLACES.iter().position(|(_, known)| *known == place).unwrap_or_default();
    let file = |place: &str| format!("pxelinux.cfg/{place}");
    let mut order: Vec<String> = PLACES[..=position].iter().map(|(_, place)| file(place)).collect();
    order.insert(0, "pxelinux.0".to_owned());
    order.push(BIOS_FILE.to_owned());
    let later = PLACES[position + 1..].iter().map(|(_, place)| OnLan::NeverAsked(file(place)));
    let expectation = Expectation::boots("served").without_trying("next").on_lan(OnLan::AskedInOrder(order));
    case(&format!("pxelinux-by-{name}"))
        .machine(machine(pxelinux(place, &format!("KERNEL {BIOS_FILE}"))))
        .expect(later.fold(expectation, Expectation::on_lan))
        .control(machine(pxelinux(place, "LOCALBOOT -1")))
}

/// `LOCALBOOT -1` gives the machine back to the BIOS, which goes on to the next device.
fn pxelinux_gives_up() -> Case {
    let entry = failed_entry("ROM").because_of(tftp("pxelinux.cfg/default").whole());
    case("pxelinux-localboot")
        .machine(machine(pxelinux("default", "LOCALBOOT -1")))
        .expect(Expectation::attempts([entry, booted("next")]).on_lan(OnLan::NeverAsked(BIOS_FILE.into())))
        .control(machine(pxelinux("default", &format!("KERNEL {BIOS_FILE}"))))
}

/// iPXE loads iPXE, which drives the NIC through the first one: one script serves both, and tells them apart by their driver.
fn undionly() -> Case {
    let script = "#!ipxe\niseq ${net0/chip} undionly && chain tftp://${next-server}/boot.0 ||\nchain undionly.kpxe\n";
    let network = answering_with("boot.ipxe")
        .with_lan(|lan| lan.file("boot.ipxe", script.as_bytes().to_vec()))
        .loader("undionly.kpxe", Loader::UndiOnly);
    let order = ["boot.ipxe", "undionly.kpxe", "boot.ipxe", BIOS_FILE].map(str::to_owned).to_vec();
    case("undionly")
        .control(machine(network.clone().with_lan(|lan| lan.file("boot.ipxe", b"#!ipxe\nexit 1\n".to_vec()))))
        .machine(machine(network))
        .expect(Expectation::boots("served").without_trying("next").on_lan(OnLan::AskedInOrder(order)))
}

/// PXELINUX loads iPXE in the shape of a kernel, which has a driver of its own and takes its script from its command line.
fn ipxe_kernel() -> Case {
    let then = "KERNEL ipxe.lkrn\nAPPEND dhcp && chain http://10.77.0.1/boot.0";
    let network = pxelinux("default", then).loader("ipxe.lkrn", Loader::IpxeKernel);
    let order = ["pxelinux.0", "pxelinux.cfg/default", "ipxe.lkrn", BIOS_FILE].map(str::to_owned).to_vec();
    case("ipxe-lkrn")
        .machine(machine(network).ram_mib(128))
        .control(machine(pxelinux("default", "LOCALBOOT -1")).ram_mib(128))
        .expect(
            Expectation::boots("served")
                .without_trying("next")
                .on_lan(OnLan::AskedInOrder(order))
                .on_lan(OnLan::AskedBy(Protocol::Http, BIOS_FILE.into())),
        )
}

//! Whole systems: a loader that others wrote starts a distribution's kernel from a medium, and an initramfs of ours reports from user
//! space. Over the network they are in `loaders`.

use bootwright::case::Case;
use bootwright::lan::{BootAnswer, DhcpServer, LanSpec, Match};
use bootwright::machine::{
    Board, Clock, DeviceClass, Firmware, Grub, GrubSource, Loader, Machine, Medium, Network, SystemBootCode,
    SystemFiles,
};
use bootwright::trace::Protocol;
use bootwright::verdict::{Expectation, OnLan};

use crate::networks::ovmf;

/// Name of the kernel: with an extension, as ISO 9660 wants, and none from which ISOLINUX guesses another kind of file.
const KERNEL: &str = "linux.krn";
/// Name of the initramfs.
const INITRAMFS: &str = "initrd.img";
/// What every kernel is told: to say little, to reset when it panics, and where its console is, which a kernel that is locked down
/// has in place of ports.
const COMMAND_LINE: &str = "quiet panic=1 console=ttyS0";
/// Where UEFI firmware looks on a medium.
const REMOVABLE: &str = "EFI/BOOT/BOOTX64.EFI";

/// Where a unified kernel image is that a loader lists or is told of.
const UNIFIED: &str = "EFI/Linux/one.efi";

/// How a system starts: its files, and those with which its loader gives up.
struct Way {
    name: &'static str,
    firmware: Firmware,
    system: SystemFiles,
    gives_up: SystemFiles,
    drive: Drive,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Drive {
    Disk,
    Optical,
}

/// All cases of this group.
pub fn cases() -> Vec<Case> {
    let cases = ways().into_iter().map(|way| case(&way));
    let given = [Machine::pc(Firmware::SeaBios), Machine::pc(Firmware::Ovmf)].map(|bare| given(&bare));
    cases
        .chain([secure()])
        .chain(given)
        .chain(loaded())
        .map(|case| case.long("it needs packages of loaders that others wrote"))
        .collect()
}

fn ways() -> Vec<Way> {
    use Drive::{Disk, Optical};
    use Firmware::{Ovmf, SeaBios};
    let way = |name, firmware, drive, (system, gives_up)| Way { name, firmware, system, gives_up, drive };
    vec![
        way("grub-disk", SeaBios, Disk, grub_bios("(,msdos1)/grub", "grub/grub.cfg")),
        way("grub-cd", SeaBios, Optical, grub_bios("(cd)", "grub.cfg")),
        way("isolinux-cd", SeaBios, Optical, isolinux()),
        way("isolinux-disk", SeaBios, Disk, isolinux()),
        way("grub-disk", Ovmf, Disk, grub_uefi()),
        way("grub-cd", Ovmf, Optical, grub_uefi()),
        way("systemd-boot-disk", Ovmf, Disk, systemd_boot()),
        way("systemd-boot-cd", Ovmf, Optical, systemd_boot()),
        way("unified-kernel-disk", Ovmf, Disk, unified_kernel()),
        way("unified-kernel-cd", Ovmf, Optical, unified_kernel()),
        way("grub-unified-kernel-disk", Ovmf, Disk, chained()),
        way("systemd-boot-unified-kernel-disk", Ovmf, Disk, listed()),
        way("shim-disk", Ovmf, Disk, shim()),
        way("shim-cd", Ovmf, Optical, shim()),
    ]
}

fn case(way: &Way) -> Case {
    let bare = Machine::new(way.firmware, Board::Pc);
    let id = format!("system::{}::pc::{}", way.firmware.name(), way.name);
    finished(Case::new(id).axis("system", way.name), &bare, way)
}

/// shim, GRUB and kernel have the signatures that Secure Boot wants; an unsigned program in place of shim is the negative control.
fn secure() -> Case {
    let (system, _) = shim();
    let unsigned = Loader::Grub(Grub::medium(true, "/EFI/debian", GrubSource::Disk));
    let gives_up = system.clone().without(REMOVABLE).loader(REMOVABLE, unsigned);
    let way = Way { name: "shim-disk", firmware: Firmware::Ovmf, system, gives_up, drive: Drive::Disk };
    let bare = Machine::q35(Firmware::Ovmf).secure_boot();
    let case = finished(Case::new("system::ovmf-secure::q35::shim-disk").axis("system", "shim-disk"), &bare, &way);
    // a kernel that is locked down keeps the lists from the program that would tell them
    let expectation = case.expectation.clone().without_views();
    case.expect(expectation)
}

/// QEMU hands the kernel to the firmware, which starts it before every device. A machine that is given none is the negative
/// control.
fn given(bare: &Machine) -> Case {
    let firmware = bare.firmware.name();
    let disk = || roomy(bare).virtio_blk(Medium::bootable("next")).bootindex(1);
    Case::new(format!("system::{firmware}::pc::given"))
        .axis("system", "given")
        .machine(disk().given_system("system", COMMAND_LINE))
        .control(disk())
        .expect(Expectation::boots("system").without_trying("next"))
}

/// UEFI's own network stack loads a unified kernel image, by TFTP or by HTTP.
fn loaded() -> Vec<Case> {
    let server = || DhcpServer::new("main");
    let pxe = server().boot_file("one.efi");
    let http = server().rule(Match::Any, BootAnswer::http("http://10.77.0.1/one.efi"));
    let both = [("pxe", pxe, Protocol::Tftp), ("http", http, Protocol::Http)];
    let case = |(group, server, protocol): (&str, DhcpServer, Protocol)| {
        let network = Network::new(LanSpec::new().dhcp(server)).unified_kernel("one.efi", "system", COMMAND_LINE);
        let plain = move |network: Network| ovmf(Board::Pc, network).without_ipv6();
        let machine = |network: Network| match protocol {
            Protocol::Http => roomy(&plain(network).without_pxe()),
            _ => roomy(&plain(network)),
        };
        Case::new(format!("{group}::ovmf::pc::unified-kernel"))
            .axis("system", "unified-kernel")
            .control(machine(network.clone().without_program("one.efi")))
            .machine(machine(network))
            .expect(
                Expectation::boots("system").without_trying("next").on_lan(OnLan::AskedBy(protocol, "one.efi".into())),
            )
    };
    both.into_iter().map(case).collect()
}

/// A kernel wants memory, and unpacks itself: cheap instructions keep its clock near the host's.
fn roomy(machine: &Machine) -> Machine {
    machine.clone().ram_mib(768).with_clock(Clock::Virtual { shift: 3 })
}

fn finished(case: Case, bare: &Machine, way: &Way) -> Case {
    let bare = roomy(bare);
    let machine = |files: &SystemFiles| {
        let medium = Medium::system("system", files.clone());
        let machine = match way.drive {
            Drive::Disk => bare.clone().virtio_blk(medium),
            Drive::Optical => bare.clone().cdrom(DeviceClass::VirtioScsi { hba: 0, target: 0, lun: 0 }, medium),
        };
        machine.bootindex(1).virtio_blk(Medium::bootable("next")).bootindex(2)
    };
    case.machine(machine(&way.system))
        .control(machine(&way.gives_up))
        .expect(Expectation::boots("system").without_trying("next"))
}

fn with_kernel(system: SystemFiles) -> SystemFiles {
    system.loader(KERNEL, Loader::Kernel).initramfs(INITRAMFS)
}

fn grub_config() -> String {
    format!("linux /{KERNEL} {COMMAND_LINE}\ninitrd /{INITRAMFS}\nboot\n")
}

/// A system, and the same with a configuration by which its loader gives up.
fn configured(system: SystemFiles, path: &str, text: &str, gives_up: &str) -> (SystemFiles, SystemFiles) {
    let system = with_kernel(system);
    (system.clone().text(path, text), system.text(path, gives_up))
}

fn grub_bios(prefix: &str, config: &str) -> (SystemFiles, SystemFiles) {
    let code = SystemBootCode::Grub(Grub::medium(false, prefix, GrubSource::Disk));
    configured(SystemFiles::new().boot_code(code), config, &grub_config(), "exit\n")
}

/// On an optical medium and, the same image, on a hard disk.
fn isolinux() -> (SystemFiles, SystemFiles) {
    let system = SystemFiles::new()
        .boot_code(SystemBootCode::Isolinux)
        .loader("ldlinux.c32", Loader::SyslinuxModule("ldlinux.c32".to_owned()));
    let label = |then: &str| format!("DEFAULT one\nPROMPT 0\nLABEL one\n{then}\n");
    let then = label(&format!("LINUX {KERNEL}\nINITRD {INITRAMFS}\nAPPEND {COMMAND_LINE}"));
    configured(system, "isolinux.cfg", &then, &label("LOCALBOOT -1"))
}

fn grub_uefi() -> (SystemFiles, SystemFiles) {
    let grub = Loader::Grub(Grub::medium(true, "/EFI/grub", GrubSource::Disk));
    configured(SystemFiles::new().loader(REMOVABLE, grub), "EFI/grub/grub.cfg", &grub_config(), "exit\n")
}

/// Without an entry it has nothing to start, and returns.
fn systemd_boot() -> (SystemFiles, SystemFiles) {
    let system = SystemFiles::new().loader(REMOVABLE, Loader::SystemdBoot).text("loader/loader.conf", "timeout 0\n");
    let entry = format!("title one\nlinux /{KERNEL}\ninitrd /{INITRAMFS}\noptions {COMMAND_LINE}\n");
    let system = with_kernel(system);
    (system.clone().text("loader/entries/one.conf", &entry), system)
}

/// Kernel, command line and initramfs in one program. Without it nothing is there to start.
fn unified_kernel() -> (SystemFiles, SystemFiles) {
    let away = SystemFiles::new().unified_kernel(UNIFIED, COMMAND_LINE);
    (SystemFiles::new().unified_kernel(REMOVABLE, COMMAND_LINE), away)
}

/// GRUB runs a unified kernel image as a program.
fn chained() -> (SystemFiles, SystemFiles) {
    let grub = Loader::Grub(Grub::medium(true, "/EFI/grub", GrubSource::Disk));
    let system = SystemFiles::new().loader(REMOVABLE, grub).unified_kernel(UNIFIED, COMMAND_LINE);
    let config = "EFI/grub/grub.cfg";
    (system.clone().text(config, &format!("chainloader /{UNIFIED}\nboot\n")), system.text(config, "exit\n"))
}

/// systemd-boot lists what is in `EFI/Linux` by itself.
fn listed() -> (SystemFiles, SystemFiles) {
    let system = SystemFiles::new().loader(REMOVABLE, Loader::SystemdBoot).text("loader/loader.conf", "timeout 0\n");
    (system.clone().unified_kernel(UNIFIED, COMMAND_LINE), system.unified_kernel("EFI/one.efi", COMMAND_LINE))
}

/// shim starts the GRUB beside it, which looks for its configuration where the distribution has it.
fn shim() -> (SystemFiles, SystemFiles) {
    let system = SystemFiles::new().loader(REMOVABLE, Loader::Shim).loader("EFI/BOOT/grubx64.efi", Loader::SignedGrub);
    configured(system, "EFI/debian/grub.cfg", &grub_config(), "exit\n")
}

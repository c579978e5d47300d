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

use crate::loaders;
use crate::networks::{ON_ARM, Uefi, on_x86};
use crate::ppc64::pseries;

/// Name of the kernel: with an extension, as ISO 9660 wants, and none from which ISOLINUX guesses another kind of file.
const KERNEL: &str = "linux.krn";
/// Name of the initramfs.
const INITRAMFS: &str = "initrd.img";
/// What every kernel is told: to say little, to reset when it panics, and where its console is, which a kernel that is locked down
/// has in place of ports, and one for aarch64 always.
const COMMAND_LINE: &str = "quiet panic=1 console=ttyS0";
/// The same where the first serial port is a PL011.
const COMMAND_LINE_ARM: &str = "quiet panic=1 console=ttyAMA0";
/// The same where the hypervisor has the console.
const COMMAND_LINE_PSERIES: &str = "quiet panic=1 console=hvc0";

/// Where a unified kernel image is that a loader lists or is told of.
const UNIFIED: &str = "EFI/Linux/one.efi";

/// How a system starts: its files, and those with which its loader gives up.
struct Way {
    name: &'static str,
    /// What it starts with, and the board.
    on: (Firmware, Board),
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
    let x86 = on_x86(Board::Pc);
    let cases = ways().into_iter().chain(uefi_ways(x86)).map(|way| case(&way));
    let given = [Machine::pc(Firmware::SeaBios), Machine::pc(Firmware::Ovmf)].map(|bare| given(&bare));
    long(cases.chain([secure(on_x86(Board::Q35))]).chain(given).chain(loaded(x86)))
}

/// Those of AAVMF.
pub fn on_arm() -> Vec<Case> {
    let cases = uefi_ways(ON_ARM).into_iter().map(|way| case(&way));
    let given = given(&Machine::new(ON_ARM.firmware, ON_ARM.board));
    long(cases.chain([secure(ON_ARM), given]).chain(loaded(ON_ARM)).chain(loaders::kernels_on_arm()))
}

/// Those of SLOF.
pub fn on_pseries() -> Vec<Case> {
    long([given_to(pseries::case("system", "given"), &pseries::machine())].into_iter())
}

fn long(cases: impl Iterator<Item = Case>) -> Vec<Case> {
    cases.map(|case| case.long("it needs packages of loaders that others wrote")).collect()
}

/// What a kernel of this board is told.
fn command_line(board: Board) -> &'static str {
    match board {
        Board::Pseries => COMMAND_LINE_PSERIES,
        _ if board == ON_ARM.board => COMMAND_LINE_ARM,
        _ => COMMAND_LINE,
    }
}

/// Where UEFI firmware of this board looks on a medium.
fn removable(board: Board) -> &'static str {
    if board == ON_ARM.board { "EFI/BOOT/BOOTAA64.EFI" } else { "EFI/BOOT/BOOTX64.EFI" }
}

/// The name by which shim asks for what it starts.
fn second_stage(board: Board) -> &'static str {
    if board == ON_ARM.board { "EFI/BOOT/grubaa64.efi" } else { "EFI/BOOT/grubx64.efi" }
}

fn ways() -> Vec<Way> {
    use Drive::{Disk, Optical};
    let way =
        |name, drive, (system, gives_up)| Way { name, on: (Firmware::SeaBios, Board::Pc), system, gives_up, drive };
    vec![
        way("grub-disk", Disk, grub_bios("(,msdos1)/grub", "grub/grub.cfg")),
        way("grub-cd", Optical, grub_bios("(cd)", "grub.cfg")),
        way("isolinux-cd", Optical, isolinux()),
        way("isolinux-disk", Disk, isolinux()),
    ]
}

fn uefi_ways(guest: Uefi) -> Vec<Way> {
    use Drive::{Disk, Optical};
    let board = guest.board;
    let way = |name, drive, (system, gives_up)| Way { name, on: (guest.firmware, board), system, gives_up, drive };
    vec![
        way("grub-disk", Disk, grub_uefi(board)),
        way("grub-cd", Optical, grub_uefi(board)),
        way("systemd-boot-disk", Disk, systemd_boot(board)),
        way("systemd-boot-cd", Optical, systemd_boot(board)),
        way("unified-kernel-disk", Disk, unified_kernel(board)),
        way("unified-kernel-cd", Optical, unified_kernel(board)),
        way("grub-unified-kernel-disk", Disk, chained(board)),
        way("systemd-boot-unified-kernel-disk", Disk, listed(board)),
        way("shim-disk", Disk, shim(board)),
        way("shim-cd", Optical, shim(board)),
    ]
}

fn case(way: &Way) -> Case {
    let (firmware, board) = way.on;
    let bare = Machine::new(firmware, board);
    let id = format!("system::{}::{}::{}", firmware.name(), board.name(), way.name);
    finished(Case::new(id).axis("system", way.name), &bare, way)
}

/// shim, GRUB and kernel have the signatures that Secure Boot wants; an unsigned program in place of shim is the negative control.
fn secure(guest: Uefi) -> Case {
    let board = guest.board;
    let (system, _) = shim(board);
    let unsigned = Loader::Grub(Grub::medium(true, "/EFI/debian", GrubSource::Disk));
    let gives_up = system.clone().without(removable(board)).loader(removable(board), unsigned);
    let way = Way { name: "shim-disk", on: (guest.firmware, board), system, gives_up, drive: Drive::Disk };
    let bare = Machine::new(guest.firmware, board).secure_boot();
    let id = match guest.firmware {
        Firmware::Ovmf => format!("system::ovmf-secure::{}::shim-disk", board.name()),
        _ => format!("system::{}::shim-disk-secure", guest.id()),
    };
    let case = finished(Case::new(id).axis("system", "shim-disk"), &bare, &way);
    // a kernel that is locked down keeps the lists from the program that would tell them
    let expectation = case.expectation.clone().without_views();
    case.expect(expectation)
}

/// QEMU hands the kernel to the firmware, which starts it before every device. A machine that is given none is the negative
/// control.
fn given_to(case: Case, bare: &Machine) -> Case {
    let disk = || roomy(bare).virtio_blk(Medium::bootable("next")).bootindex(1);
    case.axis("system", "given")
        .machine(disk().given_system("system", command_line(bare.board)))
        .control(disk())
        .expect(Expectation::boots("system").without_trying("next"))
}

fn given(bare: &Machine) -> Case {
    given_to(Case::new(format!("system::{}::{}::given", bare.firmware.name(), bare.board.name())), bare)
}

/// UEFI's own network stack loads a unified kernel image, by TFTP or by HTTP.
fn loaded(guest: Uefi) -> Vec<Case> {
    let server = || DhcpServer::new("main");
    let pxe = server().boot_file("one.efi");
    let http = server().rule(Match::Any, BootAnswer::http("http://10.77.0.1/one.efi"));
    let both = [("pxe", pxe, Protocol::Tftp), ("http", http, Protocol::Http)];
    let case = |(group, server, protocol): (&str, DhcpServer, Protocol)| {
        let network =
            Network::new(LanSpec::new().dhcp(server)).unified_kernel("one.efi", "system", command_line(guest.board));
        let plain = move |network: Network| guest.machine(network).without_ipv6();
        let machine = |network: Network| match protocol {
            Protocol::Http => roomy(&plain(network).without_pxe()),
            _ => roomy(&plain(network)),
        };
        Case::new(format!("{group}::{}::unified-kernel", guest.id()))
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

fn grub_config(board: Board) -> String {
    format!("linux /{KERNEL} {}\ninitrd /{INITRAMFS}\nboot\n", command_line(board))
}

/// A system, and the same with a configuration by which its loader gives up.
fn configured(system: SystemFiles, path: &str, text: &str, gives_up: &str) -> (SystemFiles, SystemFiles) {
    let system = with_kernel(system);
    (system.clone().text(path, text), system.text(path, gives_up))
}

fn grub_bios(prefix: &str, config: &str) -> (SystemFiles, SystemFiles) {
    let code = SystemBootCode::Grub(Grub::medium(false, prefix, GrubSource::Disk));
    configured(SystemFiles::new().boot_code(code), config, &grub_config(Board::Pc), "exit\n")
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

fn grub_uefi(board: Board) -> (SystemFiles, SystemFiles) {
    let grub = Loader::Grub(Grub::medium(true, "/EFI/grub", GrubSource::Disk));
    configured(SystemFiles::new().loader(removable(board), grub), "EFI/grub/grub.cfg", &grub_config(board), "exit\n")
}

/// Without an entry it has nothing to start, and returns.
fn systemd_boot(board: Board) -> (SystemFiles, SystemFiles) {
    let system =
        SystemFiles::new().loader(removable(board), Loader::SystemdBoot).text("loader/loader.conf", "timeout 0\n");
    let entry = format!("title one\nlinux /{KERNEL}\ninitrd /{INITRAMFS}\noptions {}\n", command_line(board));
    let system = with_kernel(system);
    (system.clone().text("loader/entries/one.conf", &entry), system)
}

/// Kernel, command line and initramfs in one program. Without it nothing is there to start.
fn unified_kernel(board: Board) -> (SystemFiles, SystemFiles) {
    let away = SystemFiles::new().unified_kernel(UNIFIED, command_line(board));
    (SystemFiles::new().unified_kernel(removable(board), command_line(board)), away)
}

/// GRUB runs a unified kernel image as a program.
fn chained(board: Board) -> (SystemFiles, SystemFiles) {
    let grub = Loader::Grub(Grub::medium(true, "/EFI/grub", GrubSource::Disk));
    let system = SystemFiles::new().loader(removable(board), grub).unified_kernel(UNIFIED, command_line(board));
    let config = "EFI/grub/grub.cfg";
    (system.clone().text(config, &format!("chainloader /{UNIFIED}\nboot\n")), system.text(config, "exit\n"))
}

/// systemd-boot lists what is in `EFI/Linux` by itself.
fn listed(board: Board) -> (SystemFiles, SystemFiles) {
    let system =
        SystemFiles::new().loader(removable(board), Loader::SystemdBoot).text("loader/loader.conf", "timeout 0\n");
    (
        system.clone().unified_kernel(UNIFIED, command_line(board)),
        system.unified_kernel("EFI/one.efi", command_line(board)),
    )
}

/// shim starts the GRUB beside it, which looks for its configuration where the distribution has it.
fn shim(board: Board) -> (SystemFiles, SystemFiles) {
    let system =
        SystemFiles::new().loader(removable(board), Loader::Shim).loader(second_stage(board), Loader::SignedGrub);
    configured(system, "EFI/debian/grub.cfg", &grub_config(board), "exit\n")
}

//! The words in which network cases are written: one table row per story, each with its negative control.

use bootwright::case::{Case, SourceLine};
use bootwright::lan::{BootAnswer, DhcpServer, LanSpec, Match};
use bootwright::machine::{Board, Firmware, Machine, Medium, Network, NicModel, OptionRom};
use bootwright::trace::Outcome;
use bootwright::verdict::behaviour::Behaviour;
use bootwright::verdict::{Cause, Expectation, Expected, OnLan, booted, failed_entry, timed_out_entry};
use bootwright_images::EfiMachine;

/// A UEFI guest as networks see it.
#[derive(Clone, Copy)]
pub struct Uefi {
    /// What it starts with.
    pub firmware: Firmware,
    /// Its board.
    pub board: Board,
    /// Option 93 of its PXE client.
    pub pxe: u16,
    /// Option 93 of its HTTP client.
    pub http: u16,
}

/// OVMF: architectures 7 and 16.
pub fn on_x86(board: Board) -> Uefi {
    Uefi { firmware: Firmware::Ovmf, board, pxe: 7, http: 16 }
}

/// AAVMF: architectures 11 and 19.
pub const ON_ARM: Uefi = Uefi { firmware: Firmware::Aavmf, board: Board::Virt, pxe: 11, http: 19 };

/// OVMF for IA32: architectures 6 and 15.
pub const ON_IA32: Uefi = Uefi { firmware: Firmware::Ovmf, board: Board::Q35Ia32, pxe: 6, http: 15 };

/// AAVMF for 32-bit Arm: architectures 10 and 18.
pub const ON_ARM32: Uefi = Uefi { firmware: Firmware::Aavmf, board: Board::VirtArm, pxe: 10, http: 18 };

/// edk2 on RISC-V: architectures 27 and 28.
pub const ON_RISCV: Uefi = Uefi { firmware: Firmware::RiscVVirt, board: Board::VirtRiscv64, pxe: 27, http: 28 };

/// edk2 on LoongArch: architectures 39 and 40.
pub const ON_LOONGARCH: Uefi =
    Uefi { firmware: Firmware::LoongArchVirt, board: Board::VirtLoongarch64, pxe: 39, http: 40 };

impl Uefi {
    /// `ovmf::q35`, as ids have it.
    pub fn id(self) -> String {
        format!("{}::{}", self.firmware.name(), self.board.name())
    }

    /// The processor of its programs.
    pub fn processor(self) -> EfiMachine {
        self.board.facts().efi().unwrap_or_default()
    }

    /// A case of another group under this one's name, which stands for firmware and board.
    pub fn in_group(self, group: &str, mut case: Case) -> Case {
        case.id = format!("{group}::{}", case.id.replacen(&format!("::{}", self.id()), "", 1));
        case
    }

    /// A machine with a virtio NIC that the firmware's own stack drives first, and a bootable disk second.
    pub fn machine(self, network: Network) -> Machine {
        self.machine_with_rom(network).rom_of_each_nic(&OptionRom::Empty)
    }

    /// The same machine with iPXE's EFI ROM on the NIC.
    pub fn machine_with_rom(self, network: Network) -> Machine {
        let machine = Machine::new(self.firmware, self.board)
            .network(network)
            .nic("virtio-net-pci", Some(0))
            .bootindex(1)
            .virtio_blk(Medium::bootable("next"))
            .bootindex(2);
        self.with_random_source(machine)
    }

    /// The machine with random numbers of the kind that its firmware's network stack takes.
    pub fn with_random_source(self, machine: Machine) -> Machine {
        // AAVMF has no entry for a NIC before it connects virtio-rng; this CPU has an instruction (FEAT_RNG), with 64 bits alone
        if self.board == Board::Virt { machine.cpu("max") } else { machine.rng() }
    }

    /// The case with what is right where a protocol that was switched off is left out, and where it stays: AAVMF did not read these
    /// switches at first.
    pub fn switched_off(self, case: Case, expectation: impl Fn(Switched) -> Expectation) -> Case {
        let off = expectation(Switched::Off);
        match self.firmware {
            Firmware::Aavmf => {
                case.expect(expectation(Switched::Stays)).expect_where(Behaviour::ReadsProtocolSwitches, off)
            }
            _ => case.expect(off),
        }
    }

    /// A network of this lan that offers a program for it.
    pub fn offers(self, lan: LanSpec, file: &str, medium: &str) -> Network {
        Network::new(lan).efi_program_for(self.board.facts().efi().unwrap_or_default(), file, medium)
    }
}

/// What becomes of a protocol that the machine switches off.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Switched {
    /// No option has it.
    Off,
    /// The options that have it are there, and tried in their turn.
    Stays,
}

impl Switched {
    /// What is tried of IPv6 where nobody answers it.
    pub fn by_ipv6(self, option: &str) -> Option<Expected> {
        (self == Switched::Stays).then(|| timed_out_entry(option).because_of(Cause::NoAdvertisement))
    }
}

/// The boot file of BIOS guests.
pub const BIOS_FILE: &str = "boot.0";
/// The boot file of UEFI guests.
pub const EFI_FILE: &str = "boot.efi";

/// What becomes of the NIC's entry.
#[derive(Clone, Debug)]
pub enum Fate {
    /// The served program runs.
    Served,
    /// It ends so, for this reason, and the disk behind it runs.
    Falls(Outcome, Cause),
}

/// One row: a network, what becomes of a BIOS guest on it, and the network on which that must not happen.
pub struct Story {
    /// Last part of the id.
    pub name: &'static str,
    network: Network,
    control: Network,
    fate: Fate,
    guest_seconds: Option<(u64, u64)>,
    otherwise: Option<(Behaviour, u64, u64)>,
    on_lan: Vec<OnLan>,
    source: SourceLine,
}

/// The served program runs. The negative control is the same network without that program.
#[track_caller]
pub fn serves(name: &'static str, network: Network) -> Story {
    let control = network.clone().without_program(BIOS_FILE);
    Story { control, ..Story::of(name, network, Fate::Served) }
}

/// The NIC's entry fails because of this. The negative control is the healthy network.
#[track_caller]
pub fn falls(name: &'static str, network: Network, cause: impl Into<Cause>) -> Story {
    Story::of(name, network, Fate::Falls(Outcome::Failed, cause.into()))
}

/// Nobody answers the NIC because of this. The negative control is the healthy network.
#[track_caller]
pub fn times_out(name: &'static str, network: Network, cause: impl Into<Cause>) -> Story {
    Story::of(name, network, Fate::Falls(Outcome::TimedOut, cause.into()))
}

impl Story {
    #[track_caller]
    fn of(name: &'static str, network: Network, fate: Fate) -> Story {
        let (control, source) = (healthy(), SourceLine::here());
        Story { name, network, control, fate, guest_seconds: None, otherwise: None, on_lan: Vec::new(), source }
    }

    /// Demands something of the exchange.
    pub fn on_lan(mut self, wanted: OnLan) -> Story {
        self.on_lan.push(wanted);
        self
    }

    /// Demands so many seconds of guest time, from and to.
    pub fn lasting(mut self, least: u64, most: u64) -> Story {
        self.guest_seconds = Some((least, most));
        self
    }

    /// Demands so many seconds in place of those where firmware behaves so.
    pub fn lasting_where(mut self, behaviour: Behaviour, least: u64, most: u64) -> Story {
        self.otherwise = Some((behaviour, least, most));
        self
    }

    /// Another network for the negative control.
    pub fn control(mut self, control: Network) -> Story {
        self.control = control;
        self
    }

    /// The case of this row: a virtio NIC first, a disk behind it.
    pub fn case(self, group: &str, board: Board) -> Case {
        let machine = |network: Network| nic_then_disk(board, "virtio-net-pci", network);
        let mut expectation = match self.fate {
            Fate::Served => Expectation::boots("served").without_trying("next"),
            Fate::Falls(outcome, cause) => {
                let rom = Expected { outcome, ..failed_entry("ROM") }.because_of(cause);
                Expectation::attempts([rom, booted("next")])
            }
        };
        if let Some((least, most)) = self.guest_seconds {
            expectation = expectation.lasting(least, most);
        }
        expectation.network = self.on_lan;
        let otherwise =
            self.otherwise.map(|(behaviour, least, most)| (behaviour, expectation.clone().lasting(least, most)));
        let case = Case::new(format!("{group}::seabios::{}::{}", board.name(), self.name))
            .written_at(self.source)
            .axis("nic", "virtio-net-pci")
            .axis("story", self.name)
            .machine(machine(self.network))
            .expect(expectation)
            .control(machine(self.control));
        match otherwise {
            Some((behaviour, expectation)) => case.expect_where(behaviour, expectation),
            None => case,
        }
    }
}

/// A SeaBIOS machine with a NIC first and a bootable disk second.
pub fn nic_then_disk(board: Board, model: impl Into<NicModel>, network: Network) -> Machine {
    Machine::new(Firmware::SeaBios, board)
        .network(network)
        .nic(model, Some(0))
        .bootindex(1)
        .virtio_blk(Medium::bootable("next"))
        .bootindex(2)
}

/// A DHCP server that sends everybody to the BIOS program by TFTP.
pub fn server() -> DhcpServer {
    DhcpServer::new("main").boot_file(BIOS_FILE)
}

/// A DHCP server that gives everybody this answer.
pub fn answering(answer: BootAnswer) -> DhcpServer {
    DhcpServer::new("main").rule(Match::Any, answer)
}

/// Option 43 with a boot menu whose only item is of type 0, which is the local disk's, and a prompt that waits for nobody (PXE 2.1 section
/// 2.2.3). Discovery control 3 forbids broadcast and multicast; 8 leaves the menu out.
pub fn local_boot_menu(control: u8) -> Vec<u8> {
    [&[6, 1, control, 9, 13, 0, 0, 10], &b"Local boot"[..], &[10, 3, 0], b"go", &[255]].concat()
}

/// A network with this DHCP server that offers the BIOS program.
pub fn network(server: DhcpServer) -> Network {
    Network::new(LanSpec::new().dhcp(server)).bios_program(BIOS_FILE, "served")
}

/// A network on which a BIOS guest boots by TFTP.
pub fn healthy() -> Network {
    network(server())
}

/// A network on which this guest boots by TFTP.
pub fn healthy_for(guest: Uefi) -> Network {
    guest.offers(LanSpec::new().dhcp(DhcpServer::new("main").boot_file(EFI_FILE)), EFI_FILE, "served")
}

/// The healthy network with its lan changed.
pub fn with(change: impl FnOnce(LanSpec) -> LanSpec) -> Network {
    healthy().with_lan(change)
}

/// An OVMF machine with a virtio NIC that OVMF's own stack drives first, and a bootable disk second.
pub fn ovmf(board: Board, network: Network) -> Machine {
    on_x86(board).machine(network)
}

/// The same machine on a network that lacks the UEFI program.
pub fn without_file(machine: &Machine) -> Machine {
    machine.clone().with_network(0, |network| network.without_program(EFI_FILE))
}

/// The rules of one server for seven kinds of guest, the last one with these two numbers and this processor: by dnsmasq's decimal numbers.
pub fn table([pxe, http]: [u16; 2], own: EfiMachine) -> Network {
    let rule = |value: u16| Match::dnsmasq_client_arch(&value.to_string());
    let server = DhcpServer::new("main")
        .rule(rule(0), BootAnswer::file(BIOS_FILE))
        .rule(rule(7), BootAnswer::file("x64.efi"))
        .rule(rule(16), BootAnswer::http("http://10.77.0.1/x64.efi"))
        .rule(rule(11), BootAnswer::file("aa64.efi"))
        .rule(rule(19), BootAnswer::http("http://10.77.0.1/aa64.efi"))
        .rule(rule(pxe), BootAnswer::file("own.efi"))
        .rule(rule(http), BootAnswer::http("http://10.77.0.1/own-http.efi"));
    Network::new(LanSpec::new().dhcp(server))
        .bios_program(BIOS_FILE, "for-bios")
        .efi_program("x64.efi", "for-x64")
        .efi_program_for(EfiMachine::Aa64, "aa64.efi", "for-aarch64")
        .efi_program_for(own, "own.efi", "for-it")
        .efi_program_for(own, "own-http.efi", "for-it-http")
}

//! Which machines boot the subject: firmware, board, bus.

use bootwright::lan::{BootAnswer, DhcpServer, LanSpec, Match};
use bootwright::machine::{Clock, Firmware, Machine, Medium, Network, OptionRom};
use bootwright::trace::Stage;
use bootwright::verdict::Reach;

use super::Args;
use super::cell::{Cell, Demand};
use super::choice::{BoardChoice, Bus, FirmwareChoice};
use super::subject::{Drive, Served, Subject};
use super::words::medium_name;
use crate::XtaskError;

/// The buses that a subject can be on; the first `usual` of them are tried where nobody says which.
fn buses(subject: &Subject) -> (&'static [Bus], usize) {
    match subject {
        Subject::Medium(_, Drive::Cdrom) => (&[Bus::Sata, Bus::Ide, Bus::Scsi], 1),
        Subject::Medium(_, Drive::Disk) => (&[Bus::Virtio, Bus::Sata, Bus::Scsi, Bus::Ide, Bus::Nvme, Bus::Usb], 2),
        Subject::Medium(_, Drive::Usb) => (&[Bus::Usb], 1),
        Subject::Medium(_, Drive::Floppy) => (&[Bus::Floppy], 1),
        Subject::Served(_) | Subject::Configuration => (&[Bus::VirtioNet, Bus::E1000], 1),
        Subject::Kernel(..) => (&[Bus::None], 1),
    }
}

/// What a program of ours prints.
const OWN_PROGRAM: &str = "BOOTWRIGHT/1 nonce=[0-9a-f]+ medium=";

/// What was found, line by line, and every cell.
///
/// # Errors
///
/// That the subject cannot be booted, or that an option asks for what there is not.
pub fn cells(args: &Args) -> Result<(Vec<String>, Vec<Cell>), XtaskError> {
    let subject = Subject::of(args)?;
    let buses = chosen_buses(args, &subject)?;
    let demand = demand(args, &subject);
    let mut cells = Vec::new();
    for firmware in firmware(args, &subject) {
        for &bus in &buses {
            for board in boards(args, firmware, bus)? {
                cells.push(cell(args, &subject, &demand, firmware, board, bus));
            }
        }
    }
    Ok((subject.found(), cells))
}

/// The buses that were chosen, or the usual ones.
///
/// # Errors
///
/// That the subject cannot be on one of them.
pub fn chosen_buses(args: &Args, subject: &Subject) -> Result<Vec<Bus>, XtaskError> {
    let (possible, usual) = buses(subject);
    if args.bus.is_empty() {
        return Ok(possible[..usual].to_vec());
    }
    match args.bus.iter().find(|bus| !possible.contains(bus)) {
        Some(bus) => {
            let words: Vec<&str> = possible.iter().map(|bus| bus.word()).collect();
            let (bus, words) = (bus.word(), words.join(", "));
            Err(XtaskError(format!("--bus {bus}: what is booted here cannot be there; wanted {words}")))
        }
        None => Ok(args.bus.clone()),
    }
}

/// The firmware to try.
pub fn firmware(args: &Args, subject: &Subject) -> Vec<FirmwareChoice> {
    if !args.firmware.is_empty() {
        return args.firmware.clone();
    }
    let mut all = vec![FirmwareChoice::Bios, FirmwareChoice::Uefi];
    if subject.claims().signed {
        all.push(FirmwareChoice::UefiSecure);
    }
    all
}

/// The boards to try.
///
/// # Errors
///
/// That a board that was asked for lacks what the firmware or the bus needs.
pub fn boards(args: &Args, firmware: FirmwareChoice, bus: Bus) -> Result<Vec<BoardChoice>, XtaskError> {
    let secure = firmware == FirmwareChoice::UefiSecure;
    let only = match bus {
        Bus::Ide => Some((BoardChoice::Pc, "--bus ide")),
        Bus::Floppy => Some((BoardChoice::Pc, "a floppy drive")),
        _ if secure => Some((BoardChoice::Q35, "--firmware uefi-secure")),
        _ => None,
    };
    let named = |board: &BoardChoice| args.machine.contains(board);
    match only {
        Some((BoardChoice::Pc, what)) if secure => {
            Err(XtaskError(format!("{what} is on pc and --firmware uefi-secure on q35")))
        }
        Some((board, what)) if !args.machine.is_empty() && !named(&board) => {
            Err(XtaskError(format!("{what} is on {} only; add --machine {}", board.word(), board.word())))
        }
        Some((board, _)) => Ok(vec![board]),
        None if args.machine.is_empty() => Ok(vec![BoardChoice::Q35]),
        None => Ok(args.machine.clone()),
    }
}

/// What the options want of every boot.
pub fn demand(args: &Args, subject: &Subject) -> Demand {
    let stage = match (args.milestone, subject) {
        (Some(milestone), _) => milestone.into(),
        (None, Subject::Kernel(..)) if args.expect.is_empty() => Stage::Kernel,
        // a kernel that is handed over is no medium whose first sector would be entered
        (None, Subject::Kernel(..)) => Stage::Firmware,
        (None, _) if !args.expect.is_empty() => Stage::Started,
        (None, _) => Stage::Loader,
    };
    let patterns = |all: &[super::words::Pattern]| all.iter().map(|pattern| pattern.0.clone()).collect();
    let reach = Reach {
        stage: Some(stage),
        expect: patterns(&args.expect),
        reject: patterns(&args.reject),
        answers: args.send.iter().map(|send| send.0.clone()).collect(),
        without_code: subject.claims().empty,
        go_on: args.milestone.is_none() && args.expect.is_empty(),
        seconds: args.deadline,
    };
    let reach = match subject {
        // its files are programs of ours, and nothing else is a boot
        Subject::Configuration if args.expect.is_empty() => Reach { expect: vec![OWN_PROGRAM.to_owned()], ..reach },
        _ => reach,
    };
    Demand { reach, name: subject.name(args) }
}

/// A machine without anything to boot. Real time, since what others made may wait for a key.
pub fn bare(args: &Args, firmware: FirmwareChoice, board: BoardChoice) -> Machine {
    let kind = if firmware == FirmwareChoice::Bios { Firmware::SeaBios } else { Firmware::Ovmf };
    let machine =
        Machine::new(kind, board.board()).vga().serial_console().rng().ram_mib(args.ram).with_clock(Clock::Real);
    if firmware == FirmwareChoice::UefiSecure { machine.secure_boot() } else { machine }
}

fn cell(
    args: &Args,
    subject: &Subject,
    demand: &Demand,
    firmware: FirmwareChoice,
    board: BoardChoice,
    bus: Bus,
) -> Cell {
    let claims = subject.claims();
    let (claimed, why) = match firmware {
        FirmwareChoice::Bios => claims.bios,
        FirmwareChoice::Uefi | FirmwareChoice::UefiSecure => claims.uefi,
    };
    // firmware that somebody names is wanted to boot it
    let boots = claimed || !args.firmware.is_empty();
    let bare = bare(args, firmware, board);
    let (machine, control) = match subject {
        Subject::Medium(looked, drive) => {
            let name = medium_name(&demand.name);
            let medium = Medium::image_file(&name, &looked.path, looked.format, looked.bytes);
            let optical = *drive == Drive::Cdrom;
            let machine = match bus.class() {
                Some(class) => bare.device(class, Some(medium), optical).bootindex(1),
                None => bare,
            };
            // a blank medium boots nowhere; a program of ours does where nothing is to
            let other = if boots { Medium::blank(&name) } else { Medium::bootable(&name) };
            let control = machine.clone().with_medium(other);
            (machine, Some(control).filter(|_| boots || *drive != Drive::Floppy))
        }
        Subject::Served(served) => {
            let machine = with_nic(bare, network(served), bus, served.http);
            let control = machine.clone().with_network(0, |network| Network { folder: None, ..network });
            (machine, Some(control).filter(|_| boots))
        }
        Subject::Kernel(files, _) => (bare.clone().kernel(files.clone()), Some(bare).filter(|_| boots)),
        Subject::Configuration => (bare, None),
    };
    Cell::new([firmware.word(), board.word(), bus.word()], (boots, &why), machine, control, demand)
}

/// Plugs a card into a network. OVMF brings its own drivers, so the card's ROM is left out; where HTTP is meant it leaves PXE
/// out, so that HTTP comes first.
pub fn with_nic(machine: Machine, network: Network, bus: Bus, http: bool) -> Machine {
    let uefi = machine.firmware == Firmware::Ovmf;
    let machine = machine.network(network).nic(bus.nic().unwrap_or("virtio-net-pci"), Some(0)).bootindex(1);
    if !uefi {
        return machine;
    }
    let machine = machine.rom(OptionRom::Empty).without_ipv6();
    if http { machine.without_pxe() } else { machine }
}

/// Our own network, which gives each firmware its file.
fn network(served: &Served) -> Network {
    let lan = LanSpec::new();
    let url = |name: &str| format!("http://{}/{}", lan.address, name.trim_start_matches('/'));
    let mut server = DhcpServer::new("lan");
    if let Some(name) = &served.bios {
        let answer = if served.http { BootAnswer::file(url(name)) } else { BootAnswer::file(name.clone()) };
        server = server.rule(Match::Arch(0), answer);
    }
    if let Some(name) = &served.uefi {
        let (arch, answer) =
            if served.http { (16, BootAnswer::http(url(name))) } else { (7, BootAnswer::file(name.clone())) };
        server = server.rule(Match::Arch(arch), answer);
    }
    Network::new(LanSpec { dhcp: vec![server], ..lan }).folder(&served.folder)
}

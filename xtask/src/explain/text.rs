//! What `cargo xtask explain` prints.

use bootwright::boot_server::arch;
use bootwright::guest::network::{Answered, GuestNetwork, file_of};
use bootwright::guest::variants::{Variant, reboot_disk};
use bootwright::guest::warnings::Warning;
use bootwright::guest::{Fate, Guest, Origin, Plug, Untried};
use bootwright::platform::Platform;
use bootwright::report::text::printable;

use super::answers::{self, Seen};
use super::boots::Ran;
use super::input::MADE_UP;

/// Prints what was read of a guest.
pub fn guest(guest: &Guest) {
    let firmware = guest.firmware_kind();
    let where_from = if guest.file == MADE_UP { "made up for the network".to_owned() } else { printable(&guest.file) };
    say!("\nguest \"{}\" ({where_from}): {}, {firmware}", printable(&guest.name), printable(&guest.machine_type));
    if guest.file == MADE_UP {
        return;
    }
    for (fate, heading) in [(Fate::Took, "taken"), (Fate::Replaced, "replaced"), (Fate::Ignored, "ignored")] {
        let notes: Vec<String> = guest.notes.of(fate).map(ToString::to_string).collect();
        if !notes.is_empty() {
            say!("  {heading}");
        }
        for note in notes {
            say!("    {}", printable(&note));
        }
    }
    if guest.board.is_none() {
        let classes = guest
            .boot
            .order
            .as_ref()
            .map(|order| format!(", in which -boot order={} comes first by classes", printable(order)));
        say!("  order by the description alone{}", classes.unwrap_or_default());
        for row in rows(guest) {
            let (name, kind) = match row {
                Row::Tried(index) => (&guest.devices[index].name, &guest.devices[index].kind),
                Row::Untried(device) => (&device.name, &device.kind),
            };
            say!("    {:>3} {} {}", rank_of(guest, row), printable(name), printable(kind));
        }
    }
}

/// Prints what a network gives to whom.
pub fn network(network: &GuestNetwork) {
    say!("\nnetwork \"{}\" ({})", printable(&network.name), printable(&network.file));
    let row = |architecture| {
        let answer = network.offered(architecture);
        let file = answer.clone().and_then(|answer| file_of(answer, architecture));
        let class =
            answer.and_then(|answer| answer.vendor_class).map(|class| format!(", as {class}")).unwrap_or_default();
        let file = file.filter(|file| !file.is_empty());
        vec![arch::named(architecture), file.map_or("no boot file".to_owned(), |file| file + &class)]
    };
    match (&network.answered, &network.server.lan) {
        (Answered::ByNobody { line }, _) => {
            say!("  line {line}: it has no <dhcp> for IPv4: nobody answers DHCP there, and a guest finds no boot file");
        }
        (Answered::ByOthers { .. }, Err(note)) => {
            let what = "guests get a boot file for each kind of firmware, as on a network that is not given";
            say!("  line {}: {}: {what}", note.line, printable(&note.what));
        }
        (_, Ok(_)) => {
            let rows: Vec<Vec<String>> = network.architectures().into_iter().map(row).collect();
            table(&["client", "boot file"], &rows);
        }
        (_, Err(note)) => {
            let what = "our own network cannot do that; guests get a boot file for each kind of firmware instead";
            say!("  line {}: {}: {what}", note.line, printable(&note.what));
        }
    }
    for note in network.server.replaced.iter().chain(&network.server.ignored) {
        say!("    line {}: {}", note.line, printable(&note.what));
    }
}

/// Prints the two tables of a guest on a platform.
pub fn answers(guest: &Guest, variants: &[Variant], platform: &Platform, ran: &Ran) {
    let seen: Vec<Seen<'_>> = variants
        .iter()
        .filter_map(|variant| {
            let (result, trace) = ran.of(&variant.case.id, &platform.name)?;
            let mut trace = trace.unwrap_or_default();
            answers::call_by_the_owners_names(guest, variant, &mut trace);
            Some(Seen { variant, result, trace })
        })
        .collect();
    let version = firmware(guest, platform).unwrap_or_else(|| "no firmware".to_owned());
    say!("\n\"{}\" on {}: QEMU {}, {version}\n", printable(&guest.name), platform.name, platform.qemu.version);
    let row = |row: Row<'_>| match row {
        Row::Tried(index) => {
            let tried = answers::tried(guest, index, &seen);
            let fails =
                if tried.starts_with("yes") { answers::when_it_fails(guest, index, &seen) } else { "-".to_owned() };
            let reason = answers::fails_with(guest, index, &seen);
            let name = guest.devices[index].name.clone();
            vec![rank_of(guest, row), name, what_it_is(guest, index), tried, fails, reason]
        }
        Row::Untried(device) => {
            let what = format!("{} (line {})", device.kind, device.line);
            let (none, tried) = ("-".to_owned(), "not tried here".to_owned());
            vec![rank_of(guest, row), device.name.clone(), what, tried, none.clone(), none]
        }
    };
    let rows: Vec<Vec<String>> = rows(guest).into_iter().map(row).collect();
    table(&["rank", "device", "what it is", "tried", "when it fails", "it fails with"], &rows);
    say!();
    let rows: Vec<Vec<String>> =
        seen.iter().map(|seen| vec![seen.variant.words.clone(), answers::attempts(seen), answers::end(seen)]).collect();
    if seen.iter().any(Seen::was_booted) {
        table(&["when", "tried, in this order", "end"], &rows);
    }
    let unbooted = seen.iter().filter(|seen| !seen.was_booted()).count();
    if unbooted > 0 {
        say!("  {unbooted} of {} boots were not had here", seen.len());
    }
    for reason in answers::reasons(&seen) {
        say!("    {}", printable(&reason));
    }
}

/// A device of the table.
#[derive(Clone, Copy)]
enum Row<'a> {
    /// One of the machine's, by its place.
    Tried(usize),
    /// One that the boots here leave out.
    Untried(&'a Untried),
}

/// Every device in the order of the ranks, those without one last.
fn rows(guest: &Guest) -> Vec<Row<'_>> {
    let mut rows: Vec<Row<'_>> = guest.order().into_iter().map(Row::Tried).collect();
    rows.extend(guest.untried.iter().map(Row::Untried));
    let rank = |row: &Row<'_>| match *row {
        Row::Tried(index) => guest.devices[index].device.bootindex.filter(|rank| *rank >= 0),
        Row::Untried(device) => device.rank,
    };
    rows.sort_by_key(|row| (rank(row).is_none(), rank(row)));
    rows
}

fn rank_of(guest: &Guest, row: Row<'_>) -> String {
    let rank = match row {
        Row::Tried(index) => guest.devices[index].device.bootindex,
        Row::Untried(device) => device.rank,
    };
    rank.filter(|rank| *rank >= 0).map_or("-".to_owned(), |rank| rank.to_string())
}

fn what_it_is(guest: &Guest, index: usize) -> String {
    let device = &guest.devices[index];
    let at = match &device.network {
        Some(Plug::Network(name)) => format!(", network {name}"),
        Some(Plug::User(_)) => ", user network".to_owned(),
        Some(Plug::Host(what)) => format!(", {what}"),
        Some(Plug::Nothing) => ", no link".to_owned(),
        None if device.source.is_none() => ", empty".to_owned(),
        None => String::new(),
    };
    let line =
        if device.line == 0 || guest.file == MADE_UP { String::new() } else { format!(" (line {})", device.line) };
    format!("{}{at}{line}", device.kind)
}

/// Prints rows with columns as wide as they need.
fn table(heads: &[&str], rows: &[Vec<String>]) {
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(|cell| printable(cell)).collect()).collect();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain([heads[column].len()]).max().unwrap_or_default()
    };
    let print = |cells: Vec<&str>| {
        let last = cells.len().saturating_sub(1);
        let padded = cells.iter().enumerate().map(|(column, cell)| match column == last {
            true => (*cell).to_owned(),
            false => format!("{cell:<0$}", width(column)),
        });
        say!("  {}", padded.collect::<Vec<_>>().join("  "));
    };
    print(heads.to_vec());
    for row in &rows {
        print(row.iter().map(String::as_str).collect());
    }
}

/// Prints the way around an unselected disk, where there is one.
pub fn way_around(guest: &Guest) {
    let Some(disk) = reboot_disk(guest) else { return };
    say!(
        "\na way around the unselected disk of \"{}\": a disk that resets the guest (tried above)",
        printable(&guest.name)
    );
    let takes = match guest.origin {
        Origin::Libvirt => "virsh attach-device NAME FILE --config takes:",
        Origin::Qemu => "options for the end of the command line:",
    };
    say!("  cargo xtask images vendor-reboot --out DIR makes its image; {takes}");
    for line in disk.lines() {
        say!("    {line}");
    }
}

/// Prints the warnings.
pub fn warnings(warnings: &[Warning]) {
    let mut told: Vec<String> = Vec::new();
    for warning in warnings {
        let line = printable(&warning.to_string());
        if !told.contains(&line) {
            told.push(line);
        }
    }
    say!("\n{}", if told.is_empty() { "no warnings" } else { "warnings" });
    for line in told {
        say!("  {line}");
    }
}

/// Prints where the evidence is.
pub fn closing(ran: &Ran) {
    let folder = ran.folder();
    say!("\nevidence of every boot: {folder}/index.html");
}

/// The firmware that a guest is booted with, by name and version.
fn firmware(guest: &Guest, platform: &Platform) -> Option<String> {
    if guest.is_bios() {
        return platform.seabios.as_ref().map(|file| format!("SeaBIOS {}", file.version));
    }
    let builds = [
        ("OVMF", &platform.ovmf),
        ("AAVMF", &platform.aavmf),
        ("RISCV_VIRT", &platform.riscvvirt),
        ("LoongArchVirt", &platform.loongarchvirt),
    ];
    let files = [("s390-ccw", &platform.s390_ccw), ("SLOF", &platform.slof)];
    let file = || files.iter().find_map(|(name, file)| Some(format!("{name} {}", file.as_ref()?.version)));
    builds.iter().find_map(|(name, build)| Some(format!("{name} {}", build.as_ref()?.code.version))).or_else(file)
}

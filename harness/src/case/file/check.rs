//! Whether a case that was read can run: what its types allow and no machine can be.

use bootwright_images::Nonce;
use bootwright_images::system::SystemFile;

use super::{Key, Misplaced};
use crate::case::story::Step;
use crate::case::{Case, contradiction};
use crate::machine::layout::{Layout, LayoutError};
use crate::machine::{Access, BootOption, FileContent, Machine, OptionTarget};
use crate::trace::Outcome;
use crate::verdict::{Ending, Expectation, Target};

/// Longest id, in bytes.
const LONGEST_ID: usize = 200;

fn at<const N: usize>(place: [Key; N], problem: impl ToString) -> Misplaced {
    Misplaced { place: place.into(), problem: problem.to_string() }
}

/// Holds a case against what it names: its machines can be laid out, their media can be made, every name is one of
/// theirs, and nothing in it contradicts the rest.
///
/// # Errors
///
/// The first thing that is wrong.
pub fn check(case: &Case) -> Result<(), Misplaced> {
    id(&case.id)?;
    machine(&case.machine, &["machine"])?;
    expectation(&case.expectation, &case.machine, &["expectation"])?;
    for (index, (_, other)) in case.otherwise.iter().enumerate() {
        expectation(other, &case.machine, &["otherwise"]).map_err(|mut wrong| {
            wrong.place.insert(1, Key::Index(index));
            wrong.place.insert(2, Key::from("expectation"));
            wrong
        })?;
    }
    devices_of_steps(case).map_err(|(index, problem)| at([Key::from("story"), index.into()], problem))?;
    media_of_drives(case)?;
    for (index, (_, story)) in case.stories.iter().enumerate() {
        let other = Case { story: story.clone(), stories: Vec::new(), ..case.clone() };
        let place = || at([Key::from("stories"), index.into()], String::new()).place;
        let within = |wrong: Misplaced| Misplaced { place: [place(), wrong.place].concat(), ..wrong };
        devices_of_steps(&other).map_err(|(step, problem)| within(at([Key::from("story"), step.into()], problem)))?;
        media_of_drives(&other).map_err(within)?;
    }
    if let Some(control) = &case.control {
        machine(control, &["control", "machine"])?;
        if *control == case.machine {
            let media: Vec<_> = case.machine.devices.iter().filter_map(|device| device.medium_name()).collect();
            let problem = format!(
                "the negative control is the machine itself: wanted one without the cause of what is expected; blank takes \
                 one of \"{}\"",
                media.join("\", \"")
            );
            return Err(at([Key::from("control")], problem));
        }
    }
    if case.machine.tpm.is_some() {
        let stories = std::iter::once(&case.story).chain(case.stories.iter().map(|(_, story)| story));
        for (place, step) in stories.flat_map(|story| story.steps.iter().enumerate()) {
            if matches!(step, Step::Migrate(_)) || step.needs_overlays() {
                let problem = format!(
                    "{step}: wanted a story without it, or a machine without a TPM, whose state stays where it is"
                );
                return Err(at([Key::from("story"), place.into()], problem));
            }
        }
    }
    if let Some((other, expected)) = &case.beside {
        machine(other, &["beside", "machine"])?;
        expectation(expected, other, &["beside", "expectation"])?;
    }
    contradiction::check(case)
}

/// The first step about a device that there is not, and what is wrong with it.
fn devices_of_steps(case: &Case) -> Result<(), (usize, String)> {
    for (index, step) in case.story.steps.iter().enumerate() {
        for device in devices(step) {
            if case.machine.device_named(device).is_none() {
                return Err((
                    index,
                    format!("no device is called \"{device}\"; the machine has {}", names(&case.machine)),
                ));
            }
        }
    }
    Ok(())
}

/// Follows what the steps take out of drives and put into them.
fn media_of_drives(case: &Case) -> Result<(), Misplaced> {
    let mut machine = case.machine.clone();
    for (index, step) in case.story.steps.iter().enumerate() {
        let wrong = |problem: String| Err(at([Key::from("story"), index.into()], problem));
        if matches!(step, Step::PowerCycle { .. } | Step::PowerCycleWith(_)) {
            machine = case.machine.clone();
        }
        let Some(drive) = ejected(step).and_then(|device| machine.device_named(device).zip(Some(device))) else {
            continue;
        };
        let (drive, device) = drive;
        if !machine.devices[drive].optical || machine.devices[drive].medium.is_none() {
            return wrong(format!("\"{device}\" is no medium in an optical drive: wanted one that can be taken out"));
        }
        let Some(medium) = inserted(step) else { continue };
        let lender = machine.device_with_medium(medium).filter(|&lender| {
            machine.devices[lender].absent && machine.devices[lender].optical && !machine.devices[drive].absent
        });
        let Some(lender) = lender else {
            return wrong(format!(
                "\"{medium}\" is in no absent optical drive: wanted one that lies beside the machine"
            ));
        };
        if let Ok([drive, lender]) = machine.devices.get_disjoint_mut([drive, lender]) {
            std::mem::swap(&mut drive.medium, &mut lender.medium);
        }
    }
    Ok(())
}

/// The medium that a step puts into a drive, or demands that QEMU does not.
fn inserted(step: &Step) -> Option<&str> {
    match step {
        Step::Insert { medium, .. } => Some(medium),
        Step::Refused { step, .. } => inserted(step),
        _ => None,
    }
}

/// The drive whose medium a step takes out, or demands that QEMU does not eject.
fn ejected(step: &Step) -> Option<&str> {
    match step {
        Step::Eject { device } | Step::Insert { device, .. } => Some(device),
        Step::Refused { step, .. } => ejected(step),
        _ => None,
    }
}

/// An id is a test's name, a folder's and a word on a command line.
fn id(id: &str) -> Result<(), Misplaced> {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.' | '+');
    let problem = if id.len() > LONGEST_ID {
        format!("an id of {} bytes: wanted at most {LONGEST_ID}", id.len())
    } else if id.split("::").any(|part| part.is_empty() || !part.chars().all(fits)) {
        format!(
            "id {id:?}: wanted words of letters, digits, -, _, . and +, joined by ::, such as \"mine::disk-before-cd\""
        )
    } else if id.starts_with("control::") {
        format!("id {id:?}: control:: begins the ids of negative controls")
    } else {
        return Ok(());
    };
    Err(at([Key::from("id")], problem))
}

/// Lays a machine out and makes what it boots from.
fn machine(machine: &Machine, place: &[&str]) -> Result<(), Misplaced> {
    let within = |more: Vec<Key>, problem: String| {
        let place = place.iter().map(|&name| Key::from(name)).chain(more).collect();
        Misplaced { place, problem }
    };
    let layout = Layout::of(machine).map_err(|error| {
        let device = device_of(&error, machine).map(|device| vec![Key::from("devices"), device.into()]);
        let firmware = matches!(error, LayoutError::NoFirmware { .. }).then(|| vec![Key::from("firmware")]);
        within(device.or(firmware).unwrap_or_default(), error.to_string())
    })?;
    let mut without_esp = Vec::new();
    for (index, (device, placed)) in machine.devices.iter().zip(&layout.devices).enumerate() {
        let (Some(medium), Some(kind)) = (&device.medium, placed.kind) else { continue };
        if let Some(system) = &medium.system {
            let named = |(path, _): &(String, FileContent)| SystemFile { path: path.clone(), bytes: Vec::new() };
            let files: Vec<SystemFile> = system.files.iter().map(named).collect();
            bootwright_images::system::check(&files).map_err(|error| {
                within(vec![Key::from("devices"), index.into(), Key::from("medium")], crate::error::chain(&error))
            })?;
            continue;
        }
        let built = medium.image(kind, placed.sectors, machine.board.facts().target, Nonce([0; 16]));
        let image = built.map_err(|error| {
            within(vec![Key::from("devices"), index.into(), Key::from("medium")], crate::error::chain(&error))
        })?;
        if medium.file.is_none() && image.esp(kind).is_none() {
            without_esp.extend(device.medium_name());
        }
    }
    boot_variables(machine, &without_esp).map_err(|(index, problem)| {
        let at = ["variable-store", "boot", "options"].map(Key::from);
        within(at.into_iter().chain([index.into()]).collect(), problem)
    })?;
    for (index, network) in machine.networks.iter().enumerate() {
        let filled = network.filled(|_| Nonce([0; 16]));
        filled.map_err(|error| within(vec![Key::from("networks"), index.into()], crate::error::chain(&error)))?;
    }
    Ok(())
}

/// Holds the boot options of a store against the machine: the first one that names nothing of it, and why. A medium that the
/// machine does not have is a partition that is elsewhere.
fn boot_variables(machine: &Machine, without_esp: &[&str]) -> Result<(), (usize, String)> {
    let boot = &machine.variable_store.boot;
    if !machine.firmware.is_uefi() && !boot.is_empty() {
        return Err((0, "boot variables, and SeaBIOS has none: wanted UEFI firmware".to_owned()));
    }
    if machine.variable_store.access == Access::Absent && !boot.is_empty() {
        return Err((0, "boot variables, and the machine has no variable store: wanted another access".to_owned()));
    }
    if boot.order.as_ref().is_some_and(Vec::is_empty) {
        return Err((
            0,
            "an empty order: wanted numbers of options, or none, which is the same to firmware".to_owned(),
        ));
    }
    if let Some((index, name)) = boot.names().find(|(_, name)| machine.device_named(name).is_none()) {
        return Err((index, format!("no device is called \"{name}\"; the machine has {}", names(machine))));
    }
    let wrong =
        boot.options.iter().enumerate().find_map(|(index, option)| Some((index, unusable(option, without_esp)?)));
    wrong.map_or(Ok(()), Err)?;
    no_nic(machine).map_or(Ok(()), Err)?;
    let mut numbers = std::collections::BTreeSet::new();
    if let Some(index) = boot.options.iter().position(|option| !numbers.insert(option.number)) {
        return Err((index, format!("a second option with number {}: wanted one of each", boot.options[index].number)));
    }
    let is_hex = |text: &str| text.len().is_multiple_of(2) && text.bytes().all(|digit| digit.is_ascii_hexdigit());
    let wrong = |option: &BootOption| match &option.target {
        OptionTarget::Raw(digits) if !is_hex(digits) => Some(digits.clone()),
        _ => Some(&option.optional_data).filter(|digits| !is_hex(digits)).cloned(),
    };
    let wrong = boot.options.iter().enumerate().find_map(|(index, option)| Some((index, wrong(option)?)));
    wrong.map_or(Ok(()), |(index, digits)| Err((index, format!("{digits:?}: wanted pairs of hexadecimal digits"))))
}

/// The first option that boots over a device which is no NIC.
fn no_nic(machine: &Machine) -> Option<(usize, String)> {
    let over =
        |option: &BootOption| option.target.nic().filter(|name| machine.nic_named(name).is_none()).map(str::to_owned);
    let mut options = machine.variable_store.boot.options.iter().enumerate();
    let (index, name) = options.find_map(|(index, option)| Some((index, over(option)?)))?;
    Some((index, format!("\"{name}\" is no NIC: wanted one to boot over")))
}

/// Why an option can lead to no file, whatever the machine, or cannot be read back from a console.
fn unusable(option: &BootOption, without_esp: &[&str]) -> Option<String> {
    if !option.description.bytes().all(|letter| matches!(letter, b' '..=b'~')) {
        return Some(format!("{:?}: wanted printable ASCII, since firmware prints it", option.description));
    }
    let (OptionTarget::File { medium, path } | OptionTarget::FullPath { medium, path }) = &option.target else {
        return None;
    };
    if without_esp.contains(&medium.as_str()) {
        return Some(format!("medium \"{medium}\" has no EFI system partition: wanted one with a file system"));
    }
    let names: Vec<&str> = path.split('\\').collect();
    let whole = names.len() > 1 && names[0].is_empty() && !names[1..].contains(&"") && !path.contains('/');
    (!whole)
        .then(|| format!(r"{path:?}: wanted a file from the root of its partition, such as \EFI\debian\grubx64.efi"))
}

/// The device that a layout stumbled over.
fn device_of(error: &LayoutError, machine: &Machine) -> Option<usize> {
    error.device(|name| machine.devices.iter().rposition(|device| device.medium_name() == Some(name)))
}

/// Holds an expectation against the machine that it is about.
fn expectation(expected: &Expectation, machine: &Machine, place: &[&str]) -> Result<(), Misplaced> {
    let within = |key: &str, index: usize, problem: String| {
        let place = place.iter().map(|&name| Key::from(name)).chain([Key::from(key), index.into()]).collect();
        Misplaced { place, problem }
    };
    let given = || machine.system.iter().map(|given| given.medium.as_str());
    let served = || machine.networks.iter().flat_map(|network| network.media()).chain(given());
    let is_medium = |name: &str| machine.device_with_medium(name).is_some() || served().any(|medium| medium == name);
    let unknown = |name: &str| {
        let media = machine.devices.iter().filter_map(|device| device.medium_name()).chain(served());
        let media: Vec<_> = media.map(|name| format!("\"{name}\"")).collect();
        let has = if media.is_empty() { "none".to_owned() } else { media.join(", ") };
        format!("no medium is called \"{name}\"; the machine has {has}")
    };
    for (index, attempt) in expected.attempts.iter().enumerate() {
        if let Target::Medium(name) | Target::Recovered(name) = &attempt.target
            && !is_medium(name)
            && machine.device_named(name).is_none()
        {
            return Err(within("attempts", index, unknown(name)));
        }
        if let Some(entry) = attempt.entry.as_ref().filter(|entry| machine.device_named(entry.as_str()).is_none()) {
            let problem = format!("no device is called \"{entry}\"; the machine has {}", names(machine));
            return Err(within("attempts", index, problem));
        }
    }
    let mut never = expected.never.iter().enumerate();
    if let Some((index, name)) = never.find(|(_, name)| !is_medium(name) && machine.device_named(name).is_none()) {
        return Err(within("never", index, unknown(name)));
    }
    let last = expected.attempts.last();
    if expected.ending == Ending::Boots && last.is_none_or(|last| last.outcome != Outcome::Booted) {
        let problem = "ending \"boots\" (the default), but the last attempt does not boot: wanted a last attempt that is \
                       booted or recovered, or another ending, such as \"nothing-bootable\"";
        let place = place.iter().map(|&name| Key::from(name)).collect();
        return Err(Misplaced { place, problem: problem.to_owned() });
    }
    Ok(())
}

/// The names of a machine's devices.
fn names(machine: &Machine) -> String {
    let names: Vec<_> = (0..machine.devices.len()).filter_map(|index| machine.name_of(index)).collect();
    let names: Vec<_> = names.iter().map(|name| format!("\"{name}\"")).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// The devices that a step is about.
pub(in crate::case) fn devices(step: &Step) -> Vec<&str> {
    use crate::case::story::{Destination, Order};
    match step {
        Step::Plug { device, .. }
        | Step::PlugReleased { device }
        | Step::Unplug { device, .. }
        | Step::Released { device }
        | Step::Eject { device }
        | Step::SetBootindex { device, .. }
        | Step::Type { plugs: Some(device), .. } => vec![device],
        Step::Insert { device, medium } => vec![device, medium],
        Step::HostReads(devices) | Step::PowerCycle { without: devices } => {
            devices.iter().map(String::as_str).collect()
        }
        Step::Migrate(Destination { order: Order::Instead(values), .. }) => {
            values.iter().map(|(device, _)| device.as_str()).collect()
        }
        Step::Refused { step, .. } => devices(step),
        _ => Vec::new(),
    }
}

//! Reads the files that describe guests and networks. Nothing is written.

use std::fs;
use std::path::Path;

use bootwright::boot_server::arch::Processor;
use bootwright::guest::network::{self, Answered, GuestNetwork};
use bootwright::guest::qemu::{self, Reading, words};
use bootwright::guest::xml::Xml;
use bootwright::guest::{Guest, Plug, document, hmp, libvirt};

use super::args::{Args, refused};
use super::file::{shown, text};
use super::libvirt as schema;
use crate::XtaskError;

/// The file of a guest that no file describes.
pub const MADE_UP: &str = "made up";

/// Everything that was given.
pub struct Input {
    /// The guests.
    pub guests: Vec<Guest>,
    /// The networks.
    pub networks: Vec<GuestNetwork>,
    /// The XML of each guest that is a libvirt domain.
    domains: Vec<Option<String>>,
}

impl Input {
    /// The libvirt domains with their XML.
    pub fn domains(&self) -> impl Iterator<Item = (&Guest, &str)> {
        self.guests.iter().zip(&self.domains).filter_map(|(guest, xml)| Some((guest, xml.as_deref()?)))
    }
}

/// Reads everything.
///
/// # Errors
///
/// [`XtaskError`] for the first file that cannot be read or taken.
pub fn read(args: &Args) -> Result<Input, XtaskError> {
    let mut input = Input { guests: Vec::new(), networks: Vec::new(), domains: Vec::new() };
    let attached =
        args.attached.iter().map(|path| Ok((shown(path), text(path)?))).collect::<Result<Vec<_>, XtaskError>>()?;
    let attached: Vec<(&str, &str)> = attached.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let typed = args.hmp.as_deref().map(|path| Ok::<_, XtaskError>((shown(path), text(path)?))).transpose()?;
    let (typed_file, commands) = match &typed {
        None => ("", Vec::new()),
        Some((name, text)) => (name.as_str(), hmp::read(name, text).map_err(|error| refused(&error))?),
    };
    for path in &args.files {
        let (name, text) = (shown(path), text(path)?);
        let Some(document) = document::xml(&text) else {
            let opened = |named: &str| beside(path, named);
            let reading = Reading { line: args.line, typed: (typed_file, &commands), opened: &opened };
            let guest = qemu::read_text(&name, &text, &reading).map_err(|error| refused(&error))?;
            input.guests.push(guest);
            input.domains.push(None);
            continue;
        };
        let text = document.text;
        let root = Xml::parse(&name, &text).map_err(|error| refused(&error))?.root().name().to_owned();
        if root == "network" {
            input.networks.push(network::read(&name, &text).map_err(|error| refused(&error))?);
            schema::validate(&name, &text, "network.rng")?;
        } else {
            let mut guest = libvirt::read(&name, &text, &attached).map_err(|error| refused(&error))?;
            if let Some((line, words)) = document.taken {
                guest.notes.took(line, words);
            }
            input.guests.push(guest);
            schema::validate(&name, &text, "domain.rng")?;
            input.domains.push(Some(text));
        }
    }
    if let Some(pid) = args.pid {
        input.guests.push(of_process(pid)?);
        input.domains.push(None);
    }
    if typed.is_some() && input.domains.iter().all(Option::is_some) {
        return Err(XtaskError("--hmp goes with a QEMU command line: no file given is one".to_owned()));
    }
    if args.line.is_some() && input.domains.iter().all(Option::is_some) {
        return Err(XtaskError("--line goes with a QEMU command line: no file given is one".to_owned()));
    }
    if !attached.is_empty() && input.domains.iter().all(Option::is_none) {
        return Err(XtaskError("--attach goes with a libvirt domain: no file given is one".to_owned()));
    }
    names_once(&input)?;
    if let Some(path) = &args.dhcp {
        answered_by(&mut input, network::of_server(&shown(path), &text(path)?).map_err(|error| refused(&error))?);
    }
    if input.guests.is_empty() {
        made_up(&mut input)?;
    }
    Ok(input)
}

/// Plugs every card with a link into this network.
fn answered_by(input: &mut Input, network: GuestNetwork) {
    for guest in &mut input.guests {
        let linked = guest
            .devices
            .iter_mut()
            .filter(|device| device.network.as_ref().is_some_and(|plug| *plug != Plug::Nothing));
        for device in linked {
            device.network = Some(Plug::Network(network.name.clone()));
            guest.notes.replaced(device.line, format!("{}: answered by {} instead", device.name, network.file));
        }
    }
    input.networks.retain(|other| other.name != network.name);
    input.networks.push(network);
}

/// Two guests of one name would have one folder.
fn names_once(input: &Input) -> Result<(), XtaskError> {
    for (index, guest) in input.guests.iter().enumerate() {
        if let Some(twin) = input.guests[..index].iter().find(|other| other.name == guest.name) {
            let (file, other) = (&guest.file, &twin.file);
            return Err(XtaskError(format!(
                "{file} and {other} both describe a guest \"{}\"\n  fix: explain them one after the other, or rename one",
                guest.name
            )));
        }
    }
    Ok(())
}

/// A BIOS client and a UEFI client for networks that have or lack a server of their own and come without a guest, and one of AArch64 where a rule is for it.
fn made_up(input: &mut Input) -> Result<(), XtaskError> {
    let own = |network: &&GuestNetwork| !matches!(network.answered, Answered::ByOthers { .. });
    for network in input.networks.iter().filter(own) {
        let for_arm = network.architectures().iter().any(|arch| Processor::of(*arch) == Processor::Aarch64);
        let arm = for_arm.then_some(("aarch64", " firmware='efi'", "arch='aarch64' machine='virt'"));
        let x86 = [("bios", "", "machine='q35'"), ("uefi", " firmware='efi'", "machine='q35'")];
        for (firmware, attribute, machine) in x86.into_iter().chain(arm) {
            let xml = format!(
                "<domain type='kvm'><name>{firmware}-client-of-{}</name><os{attribute}><type {machine}>hvm</type></os><devices>\
                 <interface type='network'><source network='n'/><model type='virtio'/><boot order='1'/></interface>\
                 <rng model='virtio'><backend model='random'>/dev/urandom</backend></rng></devices></domain>",
                network.name.replace(['<', '&'], "-")
            );
            let mut guest = libvirt::read(MADE_UP, &xml, &[]).map_err(|error| refused(&error))?;
            for device in &mut guest.devices {
                device.network = Some(Plug::Network(network.name.clone()));
            }
            input.guests.push(guest);
            input.domains.push(None);
        }
    }
    Ok(())
}

fn of_process(pid: u32) -> Result<Guest, XtaskError> {
    let path = format!("/proc/{pid}/cmdline");
    let bytes = fs::read(&path).map_err(|error| XtaskError(format!("--pid {pid}: cannot read {path}: {error}")))?;
    if bytes.is_empty() {
        return Err(XtaskError(format!(
            "--pid {pid}: that process has no command line (a thread of the kernel, or one that has ended)"
        )));
    }
    let opened = |named: &str| beside(Path::new(&path), named);
    let reading = Reading { opened: &opened, ..Reading::default() };
    qemu::read(&format!("pid {pid}"), &words::of_process(&bytes), &reading).map_err(|error| refused(&error))
}

/// The text of a file that a command line names: by its path, or by its name beside the text.
fn beside(text_of: &Path, named: &str) -> Option<String> {
    let named = Path::new(named);
    let beside = text_of.parent().zip(named.file_name()).map(|(folder, name)| folder.join(name));
    [Some(named.to_owned()), beside].into_iter().flatten().find_map(|path| text(&path).ok())
}

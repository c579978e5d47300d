//! Two descriptions of one guest, held against each other in what matters to a boot.

use std::collections::{BTreeMap, BTreeSet};

use super::Guest;
use crate::machine::{Device, DeviceClass, Place};

/// What differs, one line each: board, firmware, boot options, and for every device its place, unit, rank and option ROM.
/// Names, files and what firmware does not see are not compared.
pub fn differences(one: &Guest, other: &Guest) -> Vec<String> {
    let mut found = Vec::new();
    let mut compare = |what: &str, one: String, other: String| {
        if one != other {
            found.push(format!("{what}: {one} here, {other} there"));
        }
    };
    compare("board", format!("{:?}", one.board), format!("{:?}", other.board));
    let uefi = |guest: &Guest| guest.firmware.uefi().is_some().to_string();
    compare("UEFI firmware", uefi(one), uefi(other));
    compare("boot options", format!("{:?}", one.boot), format!("{:?}", other.boot));
    compare("text on the serial port", one.serial_console.to_string(), other.serial_console.to_string());
    compare("virtio-rng", one.rng.to_string(), other.rng.to_string());
    let (mine, theirs) = (places(one), places(other));
    for (place, rank) in &mine {
        match theirs.get(place) {
            None => compare(place, rank.clone(), "not there".to_owned()),
            Some(other) => compare(place, rank.clone(), other.clone()),
        }
    }
    for (place, rank) in theirs.iter().filter(|(place, _)| !mine.contains_key(*place)) {
        compare(place, "not there".to_owned(), rank.clone());
    }
    let untried = |guest: &Guest| guest.untried.iter().filter_map(|device| device.rank).collect::<BTreeSet<_>>();
    let (mine, theirs) = (untried(one), untried(other));
    if mine != theirs {
        found.push(format!("ranks of devices that cannot be had here: {mine:?} here, {theirs:?} there"));
    }
    found
}

/// Every device by its place, with its rank and its ROM.
fn places(guest: &Guest) -> BTreeMap<String, String> {
    let place = |device: &Device| {
        let at = match device.place {
            Place::Root => match device.slot {
                Some(slot) => format!(" at {slot:#x}.{:x}", device.function),
                None => String::new(),
            },
            Place::Port { slot, function } => format!(" behind the port at {slot:#x}.{function:x}"),
            other => format!(" at {other:?}"),
        };
        let what = match &device.class {
            DeviceClass::Nic(nic) => nic.model.name().to_owned(),
            class => format!("{class:?}{}", if device.optical { " CD" } else { "" }),
        };
        what + &at
    };
    let rank = |device: &Device| {
        let rank =
            device.bootindex.filter(|rank| *rank >= 0).map_or("no rank".to_owned(), |rank| format!("rank {rank}"));
        let own = device.properties.iter().map(|(name, value)| format!(", {name}={value:?}"));
        let rank = rank + &own.collect::<String>();
        match &device.class {
            DeviceClass::Nic(nic) => format!("{rank}, ROM {:?}", nic.rom),
            _ => rank,
        }
    };
    guest.devices.iter().map(|device| (place(&device.device), rank(&device.device))).collect()
}

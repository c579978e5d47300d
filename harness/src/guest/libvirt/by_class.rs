//! `<boot dev=...>`: the rank of each class, which the first device of the class takes.
//!
//! A device's class is what its element says, whatever firmware takes the device for: a CD drive on USB is reached by `cdrom`
//! also where it is a hard disk to firmware (`qemuProcessPrepareDeviceBootorder` in libvirt's `src/qemu/qemu_process.c`).

use std::collections::BTreeMap;

use super::super::{Notes, Unreached};
use super::os::{Class, MOST_CLASSES, Os};

/// The order by classes.
#[derive(Default)]
pub(super) struct ByClass {
    ranks: BTreeMap<Class, i64>,
    /// The first device of each class that has a rank.
    first: BTreeMap<Class, String>,
    /// The first line of `<boot dev=...>`, where there is one.
    line: Option<u32>,
    /// The other devices of such a class.
    pub unreached: Vec<Unreached>,
}

impl ByClass {
    /// What `<os>` says; the hard disk where nothing is said at all. libvirt reads four, and of a class that is named twice the
    /// last place counts.
    pub fn of(os: &Os, has_orders: bool, notes: &mut Notes) -> ByClass {
        if os.classes.is_empty() && !has_orders {
            return ByClass { ranks: BTreeMap::from([(Class::Disk, 1)]), ..ByClass::default() };
        }
        let mut ranks = BTreeMap::new();
        for ((class, line), rank) in os.classes.iter().zip(1..) {
            if rank > MOST_CLASSES {
                notes.ignored(*line, "<boot dev=...>: libvirt reads the first four");
            } else if let Some(before) = ranks.insert(*class, rank) {
                let words =
                    format!("<boot dev=...> names its class again: place {rank} counts, and not place {before}");
                notes.took(*line, words);
            }
        }
        ByClass { ranks, line: os.classes.first().map(|(_, line)| *line), ..ByClass::default() }
    }

    /// The rank that a device without one of its own gets by its class.
    pub fn rank(&mut self, class: Class, name: &str) -> Option<i64> {
        let rank = *self.ranks.get(&class)?;
        let Some(first) = self.first.get(&class) else {
            self.first.insert(class, name.to_owned());
            return Some(rank);
        };
        if let Some(line) = self.line {
            let (name, first) = (name.to_owned(), first.clone());
            self.unreached.push(Unreached { name, line, class: class.word(), first });
        }
        None
    }
}

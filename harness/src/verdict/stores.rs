//! What must be so of the variable store, held against its file.

use serde::{Deserialize, Serialize};

use crate::evidence::nvram::{GLOBAL_VARIABLE, NvramError, Variable, VariableStore, boot_number};

/// A variable store at one moment, or why it is not known.
pub type Seen = Result<VariableStore, Unknown>;

/// Why a variable store is not known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unknown {
    /// Its file could not be decoded.
    #[error(transparent)]
    Undecodable(#[from] NvramError),
    /// Its file was not there to be read, or not worth it.
    #[error("{0}")]
    NotRead(String),
}

/// The variable store of a machine over its life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stores {
    /// Each time that a story changed something while the machine was off, as the guest had left it.
    pub powered_off: Vec<Seen>,
    /// At the end.
    pub after: Seen,
    /// The file is byte for byte what it was at the last power-on.
    pub untouched: bool,
    /// The firmware has written the whole store once since the last power-on, with the bytes that it had
    /// ([`crate::evidence::nvram::is_written_anew`]).
    pub written_anew: bool,
    /// The file has a volume without a variable store, and nothing of what was behind the volume's header at the last power-on.
    pub erased: bool,
}

/// One thing that must be so of the variable store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum OnStore {
    /// Every variable that was there when the machine was off is there at the end with the same attributes and the same
    /// value, but for what firmware keeps for itself (see [`is_housekeeping`]); of several times that it was off, at each. Of
    /// BootOrder the options that are no programs of the firmware itself are still in the same order.
    Keeps,
    /// At the end there is a variable of this name.
    Holds(String),
    /// At the end there is none.
    Lacks(String),
    /// At the end the variable of this name begins with this text, byte for byte.
    Begins {
        /// Its name.
        name: String,
        /// The text, in UTF-8.
        text: String,
    },
    /// The guest has not written a byte since the last power-on.
    Untouched,
    /// The guest has written since the last power-on.
    Written,
    /// Since the last power-on the firmware has written the whole store once with the bytes that it had, and nothing else: all
    /// that differs is the note of that write in the working block behind the store.
    WrittenAnew,
    /// At the end it is sound: it decodes, and nothing is wrong with it.
    Sound,
    /// At the end its volume is one, but holds no variable store.
    Gone,
    /// The same, and the file holds nothing of what was behind the volume's header at the last power-on: the firmware erased it.
    Erased,
}

impl OnStore {
    /// Holds the stores against this.
    ///
    /// # Errors
    ///
    /// What is otherwise, as one line.
    pub fn check(&self, stores: &Stores) -> Result<(), String> {
        let after = || stores.after.as_ref().map_err(|problem| format!("the variable store cannot be read: {problem}"));
        match self {
            OnStore::Keeps if stores.powered_off.is_empty() => {
                Err("no story has looked at the variable store that was to be kept".to_owned())
            }
            OnStore::Keeps => {
                let mut lost = Vec::new();
                for before in &stores.powered_off {
                    let unreadable =
                        |problem| format!("the variable store could not be read between power-ons: {problem}");
                    lost.extend(changes(before.as_ref().map_err(unreadable)?, after()?));
                }
                lost.dedup();
                if lost.is_empty() {
                    Ok(())
                } else {
                    Err(format!("the variable store did not keep {}", lost.join(", ")))
                }
            }
            OnStore::Holds(name) => match has(after()?, name) {
                true => Ok(()),
                false => Err(format!("the variable store has no {name} at the end")),
            },
            OnStore::Lacks(name) => match has(after()?, name) {
                false => Ok(()),
                true => Err(format!("the variable store has {name} at the end")),
            },
            OnStore::Begins { name, text } => {
                let found = after()?.variables.iter().find(|variable| variable.name == *name);
                let found = found.ok_or_else(|| format!("the variable store has no {name} at the end"))?;
                match found.data.starts_with(text.as_bytes()) {
                    true => Ok(()),
                    false => Err(format!("{name} is {:?} at the end, wanted {text:?}", said(&found.data))),
                }
            }
            OnStore::Untouched if stores.untouched => Ok(()),
            OnStore::Untouched => Err("the guest has written to the variable store".to_owned()),
            OnStore::Written if stores.untouched => Err("the guest has not written to the variable store".to_owned()),
            OnStore::Written => Ok(()),
            OnStore::WrittenAnew if stores.written_anew => Ok(()),
            OnStore::WrittenAnew => Err("the variable store was not written anew, once, as it was".to_owned()),
            OnStore::Sound => match after()?.problems.first() {
                None => Ok(()),
                Some(problem) => Err(format!("the variable store is not sound: {problem}")),
            },
            OnStore::Gone => match &stores.after {
                Err(Unknown::Undecodable(NvramError::NoStore { .. })) => Ok(()),
                Err(problem) => Err(format!("expected a volume without a variable store, but {problem}")),
                Ok(_) => Err("expected a volume without a variable store, but it has one".to_owned()),
            },
            OnStore::Erased => OnStore::Gone.check(stores).and_then(|()| match stores.erased {
                true => Ok(()),
                false => Err("flash that the firmware erased is not erased in its file".to_owned()),
            }),
        }
    }
}

/// What is told of a value that was to be a text.
fn said(data: &[u8]) -> String {
    const TOLD: usize = 60;
    String::from_utf8_lossy(&data[..data.len().min(TOLD)]).into_owned()
}

fn has(store: &VariableStore, name: &str) -> bool {
    store.variables.iter().any(|variable| variable.name == name)
}

/// Whether firmware rewrites a variable of its own accord: the counter of its starts (MTC), what it learnt about memory, the
/// consoles that it found, and boot options and hot keys of programs in its own volume, which every version has others of.
pub fn is_housekeeping(store: &VariableStore, variable: &Variable) -> bool {
    const NAMES: [&str; 5] = ["MTC", "MemoryTypeInformation", "ConIn", "ConOut", "ErrOut"];
    let name = variable.name.as_str();
    let own_option = || boot_number(name).is_some_and(|number| is_own_program(store, number));
    NAMES.contains(&name) || (name.len() == 7 && name.starts_with("Key")) || own_option()
}

/// Whether a boot option names a program in the firmware's own volume: a shell, a setup menu.
fn is_own_program(store: &VariableStore, number: u16) -> bool {
    matches!(store.boot_option(number), Some(Ok(option)) if option.device_path.starts_with("Fv("))
}

/// What became of each variable that is not there any more as it was.
fn changes(before: &VariableStore, after: &VariableStore) -> Vec<String> {
    let order = |of: &VariableStore| {
        let order = of.boot_order().unwrap_or_default();
        order.into_iter().filter(|&number| !is_own_program(before, number)).collect::<Vec<_>>()
    };
    let known = order(before);
    let kept: Vec<u16> = order(after).into_iter().filter(|number| known.contains(number)).collect();
    let change = |old: &Variable| {
        let name = &old.name;
        let is_order = name == "BootOrder" && old.vendor == GLOBAL_VARIABLE;
        match after.get(old.vendor, name) {
            _ if is_housekeeping(before, old) => None,
            None => Some(format!("{name} (gone)")),
            Some(_) if is_order && kept == known => None,
            Some(new) if new.data != old.data => Some(format!("{name} (another value)")),
            Some(new) if new.attributes != old.attributes => Some(format!("{name} (other attributes)")),
            Some(_) => None,
        }
    };
    before.variables.iter().filter_map(change).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::nvram::StoreFormat;

    fn store(variables: &[(&str, &[u8])]) -> VariableStore {
        let variable = |&(name, data): &(&str, &[u8])| Variable {
            name: name.to_owned(),
            vendor: GLOBAL_VARIABLE,
            attributes: 7,
            data: data.to_vec(),
            offset: 100,
        };
        let variables = variables.iter().map(variable).collect();
        VariableStore {
            format: StoreFormat::Authenticated,
            offset: 72,
            size: 4096,
            used: 100,
            variables,
            problems: Vec::new(),
        }
    }

    fn stores(before: VariableStore, after: Seen) -> Stores {
        Stores { powered_off: vec![Ok(before)], after, untouched: false, written_anew: false, erased: false }
    }

    /// A boot option of a program in the firmware's own volume, and one of a PCI device.
    const SHELL: &[u8] = &[
        1, 0, 0, 0, 24, 0, b's', 0, 0, 0, 4, 7, 20, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 0x7f,
        0xff, 4, 0,
    ];
    const DISK: &[u8] = &[1, 0, 0, 0, 10, 0, b'd', 0, 0, 0, 1, 1, 6, 0, 0, 4, 0x7f, 0xff, 4, 0];

    fn no_volume() -> Unknown {
        Unknown::Undecodable(NvramError::NotAVolume { found: "no volume".to_owned() })
    }

    fn kept(before: &VariableStore, after: &VariableStore) -> Result<(), String> {
        OnStore::Keeps.check(&stores(before.clone(), Ok(after.clone())))
    }

    #[test]
    fn a_variable_that_went_or_changed_is_named() {
        let before = store(&[("BootNext", &[1, 0]), ("Lang", b"en"), ("Timeout", &[0]), ("MTC", &[1])]);
        assert_eq!(kept(&before, &before), Ok(()));
        let after = store(&[("BootNext", &[2, 0]), ("Timeout", &[0]), ("New", &[]), ("MTC", &[2])]);
        let lost = kept(&before, &after).unwrap_err();
        assert_eq!(lost, "the variable store did not keep BootNext (another value), Lang (gone)");
        let mut other = before.clone();
        other.variables[2].attributes = 3;
        let lost = kept(&before, &other).unwrap_err();
        assert_eq!(lost, "the variable store did not keep Timeout (other attributes)");
    }

    #[test]
    fn options_of_the_firmwares_own_programs_may_come_and_go_and_others_may_not() {
        let with = |order: &[u8], options: &[(&str, &[u8])]| store(&[&[("BootOrder", order)], options].concat());
        let disks = [("Boot0001", DISK), ("Boot0002", DISK)];
        let before = with(&[0, 0, 2, 0, 1, 0], &[&[("Boot0000", SHELL)], &disks[..]].concat());
        let moved = with(&[2, 0, 9, 0, 1, 0], &[&[("Boot0009", SHELL)], &disks[..]].concat());
        assert_eq!(kept(&before, &moved), Ok(()));
        let swapped = with(&[1, 0, 2, 0, 0, 0], &[&[("Boot0000", SHELL)], &disks[..]].concat());
        assert_eq!(kept(&before, &swapped), Err("the variable store did not keep BootOrder (another value)".into()));
        let fewer = with(&[2, 0], &disks[1..]);
        let lost = "the variable store did not keep BootOrder (another value), Boot0001 (gone)";
        assert_eq!(kept(&before, &fewer), Err(lost.into()));
    }

    #[test]
    fn a_store_that_nobody_can_read_keeps_nothing() {
        let before = store(&[]);
        let unreadable = stores(before.clone(), Err(no_volume()));
        assert!(OnStore::Keeps.check(&unreadable).unwrap_err().contains("no volume"));
        let unseen = Stores {
            powered_off: Vec::new(),
            after: Ok(before.clone()),
            untouched: true,
            written_anew: false,
            erased: false,
        };
        assert!(OnStore::Keeps.check(&unseen).is_err());
        let unreadable = Stores {
            powered_off: vec![Err(no_volume())],
            after: Ok(before),
            untouched: true,
            written_anew: false,
            erased: false,
        };
        assert!(OnStore::Keeps.check(&unreadable).is_err());
    }

    #[test]
    fn each_demand_says_no_to_its_opposite() {
        let sound = stores(store(&[]), Ok(store(&[("BootOrder", &[])])));
        let name = || "BootOrder".to_owned();
        assert_eq!(OnStore::Holds(name()).check(&sound), Ok(()));
        assert!(OnStore::Lacks(name()).check(&sound).is_err());
        assert_eq!(OnStore::Lacks("Boot0000".into()).check(&sound), Ok(()));
        assert!(OnStore::Holds("Boot0000".into()).check(&sound).is_err());
        let level = stores(store(&[]), Ok(store(&[("SbatLevel", b"sbat,1,2025\n")])));
        let begins = |name: &str, text: &str| OnStore::Begins { name: name.to_owned(), text: text.to_owned() };
        assert_eq!(begins("SbatLevel", "sbat,1,2025").check(&level), Ok(()));
        let differs = begins("SbatLevel", "sbat,1,2026").check(&level).unwrap_err();
        assert_eq!(differs, r#"SbatLevel is "sbat,1,2025\n" at the end, wanted "sbat,1,2026""#);
        assert!(begins("SbatPolicy", "").check(&level).is_err());
        assert_eq!(OnStore::Sound.check(&sound), Ok(()));
        assert!(OnStore::Gone.check(&sound).unwrap_err().ends_with("but it has one"));
        assert_eq!(OnStore::Written.check(&sound), Ok(()));
        assert!(OnStore::Untouched.check(&sound).is_err());
        let untouched = Stores { untouched: true, ..sound.clone() };
        assert!(OnStore::Written.check(&untouched).is_err());
        assert_eq!(OnStore::Untouched.check(&untouched), Ok(()));
        assert!(OnStore::WrittenAnew.check(&untouched).is_err() && OnStore::WrittenAnew.check(&sound).is_err());
        let anew = Stores { written_anew: true, ..sound.clone() };
        assert_eq!(OnStore::WrittenAnew.check(&anew), Ok(()));
    }

    #[test]
    fn only_a_volume_without_a_store_has_lost_it_whatever_the_words() {
        let mut damaged = store(&[]);
        damaged.problems.push("zeros at offset 0x64 are neither a variable nor free space".to_owned());
        let damaged = stores(store(&[]), Ok(damaged));
        assert!(OnStore::Gone.check(&damaged).is_err());
        assert!(OnStore::Sound.check(&damaged).unwrap_err().contains("not sound: zeros at"));
        let unreadable = stores(store(&[]), Err(no_volume()));
        assert!(OnStore::Gone.check(&unreadable).is_err());
        let signature = crate::evidence::nvram::Guid([0xff; 16]);
        let gone = NvramError::NoStore { offset: 0x48, signature };
        let unread = stores(store(&[]), Err(Unknown::NotRead(gone.to_string())));
        assert!(OnStore::Gone.check(&unread).is_err());
        let gone = stores(store(&[]), Err(gone.into()));
        assert_eq!(OnStore::Gone.check(&gone), Ok(()));
        let refused = OnStore::Erased.check(&gone).unwrap_err();
        assert_eq!(refused, "flash that the firmware erased is not erased in its file");
        assert_eq!(OnStore::Erased.check(&Stores { erased: true, ..gone }), Ok(()));
        assert!(OnStore::Erased.check(&Stores { erased: true, ..unreadable.clone() }).is_err());
        assert!(OnStore::Sound.check(&unreadable).is_err());
    }
}

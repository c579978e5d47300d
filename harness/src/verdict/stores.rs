//! What must be so of the variable store, held against its file.

use serde::Serialize;

use crate::evidence::nvram::VariableStore;

/// A variable store at one moment, or why its file could not be decoded.
pub type Seen = Result<VariableStore, String>;

/// The variable store of a machine over its life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stores {
    /// Each time that a story changed something while the machine was off, as the guest had left it.
    pub powered_off: Vec<Seen>,
    /// At the end.
    pub after: Seen,
    /// The file is byte for byte what it was at the last power-on.
    pub untouched: bool,
}

/// One thing that must be so of the variable store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnStore {
    /// Every variable that was there when the machine was off is there at the end with the same attributes and the same
    /// value; of several times that it was off, at each.
    Keeps {
        /// Names of variables that may have another value at the end, or be gone.
        but: Vec<String>,
    },
    /// At the end there is a variable of this name.
    Holds(String),
    /// At the end there is none.
    Lacks(String),
    /// The guest has not written a byte since the last power-on.
    Untouched,
    /// The guest has written since the last power-on.
    Written,
    /// At the end it is sound: it decodes, and nothing is wrong with it.
    Sound,
    /// At the end something is wrong with it, in these words.
    Problem(String),
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
            OnStore::Keeps { but } if stores.powered_off.is_empty() => Err(format!(
                "no story has looked at the variable store, which was to keep all but [{}]",
                but.join(", ")
            )),
            OnStore::Keeps { but } => {
                let mut lost = Vec::new();
                for before in &stores.powered_off {
                    let unreadable =
                        |problem| format!("the variable store could not be read when the machine was off: {problem}");
                    let before = before.as_ref().map_err(unreadable)?;
                    lost.extend(changes(before, after()?).into_iter().filter(|(name, _)| !but.contains(name)));
                }
                lost.dedup();
                let lost: Vec<String> = lost.into_iter().map(|(_, what)| what).collect();
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
            OnStore::Untouched if stores.untouched => Ok(()),
            OnStore::Untouched => Err("the guest has written to the variable store".to_owned()),
            OnStore::Written if stores.untouched => Err("the guest has not written to the variable store".to_owned()),
            OnStore::Written => Ok(()),
            OnStore::Sound => match after()?.problems.first() {
                None => Ok(()),
                Some(problem) => Err(format!("the variable store is not sound: {problem}")),
            },
            OnStore::Problem(words) => {
                let problems = match &stores.after {
                    Ok(store) => store.problems.clone(),
                    Err(problem) => vec![problem.clone()],
                };
                if problems.iter().any(|problem| problem.contains(words)) {
                    return Ok(());
                }
                let problems = if problems.is_empty() { "it is sound".to_owned() } else { problems.join("; ") };
                Err(format!("expected a variable store with \"{words}\", but {problems}"))
            }
        }
    }
}

fn has(store: &VariableStore, name: &str) -> bool {
    store.variables.iter().any(|variable| variable.name == name)
}

/// Name, and what became of it, of each variable that is not there any more as it was.
fn changes(before: &VariableStore, after: &VariableStore) -> Vec<(String, String)> {
    let change = |old: &crate::evidence::nvram::Variable| {
        let name = &old.name;
        match after.get(old.vendor, name) {
            None => Some((name.clone(), format!("{name} (gone)"))),
            Some(new) if new.data != old.data => Some((name.clone(), format!("{name} (another value)"))),
            Some(new) if new.attributes != old.attributes => Some((name.clone(), format!("{name} (other attributes)"))),
            Some(_) => None,
        }
    };
    before.variables.iter().filter_map(change).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::nvram::{GLOBAL_VARIABLE, StoreFormat, Variable};

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
        Stores { powered_off: vec![Ok(before)], after, untouched: false }
    }

    const KEEPS: OnStore = OnStore::Keeps { but: Vec::new() };

    #[test]
    fn a_variable_that_went_or_changed_is_named() {
        let before = store(&[("BootOrder", &[1, 0]), ("Lang", b"en"), ("Timeout", &[0])]);
        assert_eq!(KEEPS.check(&stores(before.clone(), Ok(before.clone()))), Ok(()));
        let after = store(&[("BootOrder", &[2, 0]), ("Timeout", &[0]), ("New", &[])]);
        let lost = KEEPS.check(&stores(before.clone(), Ok(after.clone()))).unwrap_err();
        assert_eq!(lost, "the variable store did not keep BootOrder (another value), Lang (gone)");
        let but = |names: &[&str]| OnStore::Keeps { but: names.iter().map(|&name| name.to_owned()).collect() };
        assert_eq!(but(&["BootOrder", "Lang"]).check(&stores(before.clone(), Ok(after.clone()))), Ok(()));
        assert!(but(&["BootOrder"]).check(&stores(before.clone(), Ok(after))).is_err());
        let mut other = before.clone();
        other.variables[2].attributes = 3;
        let lost = KEEPS.check(&stores(before, Ok(other))).unwrap_err();
        assert_eq!(lost, "the variable store did not keep Timeout (other attributes)");
    }

    #[test]
    fn a_store_that_nobody_can_read_keeps_nothing() {
        let before = store(&[]);
        assert!(KEEPS.check(&stores(before.clone(), Err("no volume".into()))).unwrap_err().ends_with("no volume"));
        let unseen = Stores { powered_off: Vec::new(), after: Ok(before.clone()), untouched: true };
        assert!(KEEPS.check(&unseen).is_err());
        let unreadable = Stores { powered_off: vec![Err("no volume".into())], after: Ok(before), untouched: true };
        assert!(KEEPS.check(&unreadable).is_err());
    }

    #[test]
    fn each_demand_says_no_to_its_opposite() {
        let sound = stores(store(&[]), Ok(store(&[("BootOrder", &[])])));
        let name = || "BootOrder".to_owned();
        assert_eq!(OnStore::Holds(name()).check(&sound), Ok(()));
        assert!(OnStore::Lacks(name()).check(&sound).is_err());
        assert_eq!(OnStore::Lacks("Boot0000".into()).check(&sound), Ok(()));
        assert!(OnStore::Holds("Boot0000".into()).check(&sound).is_err());
        assert_eq!(OnStore::Sound.check(&sound), Ok(()));
        assert!(OnStore::Problem("bad".into()).check(&sound).unwrap_err().ends_with("but it is sound"));
        assert_eq!(OnStore::Written.check(&sound), Ok(()));
        assert!(OnStore::Untouched.check(&sound).is_err());
        let untouched = Stores { untouched: true, ..sound };
        assert!(OnStore::Written.check(&untouched).is_err());
        assert_eq!(OnStore::Untouched.check(&untouched), Ok(()));
    }

    #[test]
    fn what_is_wrong_with_a_store_is_compared_word_by_word() {
        let mut damaged = store(&[]);
        damaged.problems.push("zeros at offset 0x64 are neither a variable nor free space".to_owned());
        let damaged = stores(store(&[]), Ok(damaged));
        assert_eq!(OnStore::Problem("neither a variable".into()).check(&damaged), Ok(()));
        assert!(OnStore::Problem("no volume".into()).check(&damaged).is_err());
        assert!(OnStore::Sound.check(&damaged).unwrap_err().contains("not sound: zeros at"));
        let unreadable = stores(store(&[]), Err("no volume".into()));
        assert_eq!(OnStore::Problem("no volume".into()).check(&unreadable), Ok(()));
        assert!(OnStore::Sound.check(&unreadable).is_err());
    }
}

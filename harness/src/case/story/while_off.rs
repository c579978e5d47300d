//! What is done to a machine while it is powered off: another firmware is installed, its variable store is changed.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::machine::{Access, Damage};

/// What is done between two power-ons. The machine keeps its devices, its bootindex values and, unless something here says
/// otherwise, its variable store; a firmware that was installed stays.
#[must_use = "words about what is done give a new one back"]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct WhileOff {
    /// This OVMF_CODE is installed; OVMF_VARS stays the machine's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<Code>,
    /// The variable store is replaced by a fresh copy of the platform's template.
    pub fresh_store: bool,
    /// What happens to the file of the variable store.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub damage: Option<Damage>,
    /// How QEMU gives it to the guest from now on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access: Option<Access>,
    /// The boot menu is not offered any more, and nothing waits for its key.
    pub menu_off: bool,
}

/// An OVMF_CODE.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
pub enum Code {
    /// The platform's own.
    Own,
    /// That of a release in the cache, by the name of its platform: `debian:trixie`, or `apt` for the host's own release.
    Release(String),
}

impl WhileOff {
    /// Nothing.
    pub fn new() -> WhileOff {
        WhileOff::default()
    }

    /// OVMF_CODE of a release is installed, by the name of its platform.
    pub fn code_of(mut self, release: &str) -> WhileOff {
        self.code = Some(Code::Release(release.to_owned()));
        self
    }

    /// The platform's own OVMF_CODE is installed again.
    pub fn own_code(mut self) -> WhileOff {
        self.code = Some(Code::Own);
        self
    }

    /// The variable store is replaced by a fresh one.
    pub fn fresh_store(mut self) -> WhileOff {
        self.fresh_store = true;
        self
    }

    /// The file of the variable store is damaged.
    pub fn damage(mut self, damage: Damage) -> WhileOff {
        self.damage = Some(damage);
        self
    }

    /// QEMU gives the variable store to the guest in another way.
    pub fn access(mut self, access: Access) -> WhileOff {
        self.access = Some(access);
        self
    }

    /// The boot menu is not offered any more, and nothing waits for its key.
    pub fn menu_off(mut self) -> WhileOff {
        self.menu_off = true;
        self
    }
}

impl fmt::Display for WhileOff {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut done: Vec<String> = Vec::new();
        done.extend(self.code.as_ref().map(|code| match code {
            Code::Own => "the platform's OVMF_CODE".to_owned(),
            Code::Release(release) => format!("OVMF_CODE of {release}"),
        }));
        done.extend(self.fresh_store.then(|| "fresh variable store".to_owned()));
        done.extend(self.damage.as_ref().map(|damage| match damage {
            Damage::BadVariable { name } => format!("variable store damaged at {name}"),
            Damage::Full { left } => format!("variable store filled until {left} bytes are left"),
            other => format!("variable store {}", other.name()),
        }));
        done.extend(self.access.map(|access| format!("variable store {}", access.name())));
        done.extend(self.menu_off.then(|| "no boot menu".to_owned()));
        write!(out, "power cycle with {}", if done.is_empty() { "nothing changed".to_owned() } else { done.join(", ") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_names_what_is_done() {
        assert_eq!(WhileOff::new().to_string(), "power cycle with nothing changed");
        let done = WhileOff::new().code_of("debian:sid").fresh_store().access(Access::ReadOnly);
        assert_eq!(
            done.to_string(),
            "power cycle with OVMF_CODE of debian:sid, fresh variable store, variable store read-only"
        );
        let damaged = |damage| WhileOff::new().damage(damage).to_string();
        let name = "BootOrder".to_owned();
        assert_eq!(damaged(Damage::BadVariable { name }), "power cycle with variable store damaged at BootOrder");
        let waiting_no_more = WhileOff::new().fresh_store().menu_off().to_string();
        assert_eq!(waiting_no_more, "power cycle with fresh variable store, no boot menu");
        assert_eq!(damaged(Damage::Garbage), "power cycle with variable store garbage");
    }
}

//! The QEMU that a machine is migrated to.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The QEMU that a machine moves to. By default the state goes through a socket pair, the command line has the order as it
/// stands, and the variable store is the source's own file.
#[must_use = "words about a destination give a new one back"]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Destination {
    /// The state is saved whole, the source ends, and only then is the destination powered on. A private file without a name
    /// (`memfd`) in place of the socket pair.
    pub saved: bool,
    /// The bootindex values of its command line.
    pub order: Order,
    /// It has a fresh copy of the OVMF_VARS template rather than the source's file.
    pub own_nvram: bool,
}

/// The bootindex values of a destination's command line.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
pub enum Order {
    /// As the steps so far have made them, devices that were plugged in included: a management layer that keeps account.
    #[default]
    AsItStands,
    /// As they were when the source was powered on: one that does not.
    AsPoweredOn,
    /// As they stand but for these devices, by name.
    Instead(Vec<(String, i64)>),
}

impl Destination {
    /// The default destination.
    pub fn new() -> Destination {
        Destination::default()
    }

    /// The state is saved and restored rather than sent.
    pub fn saved(mut self) -> Destination {
        self.saved = true;
        self
    }

    /// The command line that the source was powered on with.
    pub fn as_powered_on(mut self) -> Destination {
        self.order = Order::AsPoweredOn;
        self
    }

    /// Other bootindex values on the command line.
    pub fn with_bootindex(mut self, values: &[(&str, i64)]) -> Destination {
        self.order = Order::Instead(values.iter().map(|&(name, value)| (name.to_owned(), value)).collect());
        self
    }

    /// A variable store of its own, which holds nothing yet.
    pub fn own_nvram(mut self) -> Destination {
        self.own_nvram = true;
        self
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(if self.saved { "save the state and restore it" } else { "migrate" })?;
        match &self.order {
            Order::AsItStands => {}
            Order::AsPoweredOn => out.write_str(", command line as powered on")?,
            Order::Instead(values) => {
                for (name, value) in values {
                    write!(out, ", bootindex {value} for \"{name}\"")?;
                }
            }
        }
        if self.own_nvram { out.write_str(", NVRAM file of its own") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_names_its_destination() {
        assert_eq!(Destination::new().to_string(), "migrate");
        let to = Destination::new().saved().with_bootindex(&[("a", 1)]).own_nvram();
        assert_eq!(to.to_string(), "save the state and restore it, bootindex 1 for \"a\", NVRAM file of its own");
    }
}

//! Boot menus that firmware offers.

use serde::{Deserialize, Serialize};

use bootwright_machine::machine::DeviceName;

/// Menus kept; a guest that reboots for ever offers new ones for ever.
pub(super) const MENU_LIMIT: usize = 1000;

/// Entries kept of one menu: more than it has keys for.
pub(super) const ENTRY_LIMIT: usize = 40;

/// A boot menu that the firmware offered; with OVMF, its setup.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Menu {
    /// The lap on which it was offered, from 1.
    pub lap: u32,
    /// The offer, for example `Press ESC for boot menu.`; with OVMF the boot option that is its setup, which was opened.
    pub offer: String,
    /// Its entries in order; empty where nobody opened it.
    pub entries: Vec<MenuEntry>,
}

/// An entry of a boot menu.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MenuEntry {
    /// The key that chooses it (SeaBIOS); OVMF's are chosen by moving a highlight.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<char>,
    /// As the firmware names it.
    pub name: String,
    /// The device it is; `None` where its name is no device's, or several devices'.
    pub device: Option<DeviceName>,
}

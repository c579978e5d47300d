//! Boot menus: how many were offered, and what each listed.

use crate::trace::menu::{Menu, MenuEntry};

/// Compares the menus that were offered with those that must be.
///
/// # Errors
///
/// The first difference, with the whole listing.
pub fn judge(expected: &[Vec<String>], seen: &[Menu]) -> Result<(), String> {
    if expected.len() != seen.len() {
        return Err(format!("the boot menu was offered {} times, expected {}", seen.len(), expected.len()));
    }
    for (number, (wanted, menu)) in expected.iter().zip(seen).enumerate() {
        let listed: Vec<&str> = menu
            .entries
            .iter()
            .map(|entry| entry.device.as_ref().map_or(entry.name.as_str(), |device| device.as_str()))
            .collect();
        if listed != *wanted {
            let (number, listing) = (number + 1, describe(&menu.entries));
            return Err(format!("boot menu {number}: expected [{}], saw [{listing}]", wanted.join(" | ")));
        }
    }
    Ok(())
}

/// A listing in the firmware's words, each entry with the device that it is.
fn describe(entries: &[MenuEntry]) -> String {
    let text = |entry: &MenuEntry| {
        let device = entry.device.as_ref().map(|device| format!(" \"{device}\"")).unwrap_or_default();
        let key = entry.key.map(|key| format!("{key}. ")).unwrap_or_default();
        format!("{key}{}{device}", entry.name)
    };
    entries.iter().map(text).collect::<Vec<_>>().join(" | ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::DeviceName;

    fn menu(entries: &[(&str, Option<&str>)]) -> Menu {
        let entry = |(at, &(name, device)): (usize, &(&str, Option<&str>))| MenuEntry {
            key: Some(char::from(b'1' + at as u8)),
            name: name.to_owned(),
            device: device.map(DeviceName::medium),
        };
        Menu { entries: entries.iter().enumerate().map(entry).collect(), ..Menu::default() }
    }

    fn listing(devices: &[&str]) -> Vec<Vec<String>> {
        vec![devices.iter().map(|&device| device.to_owned()).collect()]
    }

    const SHOWN: [(&str, Option<&str>); 2] = [("Virtio disk", Some("right")), ("Legacy option rom", None)];

    #[test]
    fn a_listing_in_the_expected_order_is_accepted() {
        assert_eq!(judge(&listing(&["right", "Legacy option rom"]), &[menu(&SHOWN)]), Ok(()));
        assert_eq!(judge(&listing(&[]), &[menu(&[])]), Ok(()));
    }

    #[test]
    fn an_entry_that_is_missing_added_or_elsewhere_is_refused_with_the_whole_listing() {
        let saw = "saw [1. Virtio disk \"right\" | 2. Legacy option rom]";
        for wrong in [&["right"][..], &["Legacy option rom", "right"], &["right", "Legacy option rom", "more"], &[]] {
            let error = judge(&listing(wrong), &[menu(&SHOWN)]).unwrap_err();
            assert!(error.starts_with("boot menu 1: expected [") && error.ends_with(saw), "{error}");
        }
    }

    #[test]
    fn a_menu_too_many_or_too_few_is_refused() {
        let error = judge(&[], &[menu(&SHOWN)]).unwrap_err();
        assert_eq!(error, "the boot menu was offered 1 times, expected 0");
        assert!(judge(&listing(&["right"]), &[]).is_err());
    }
}

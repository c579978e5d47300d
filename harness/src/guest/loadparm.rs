//! `loadparm` of z/Architecture, which names an entry of a disk's boot map, and the menu of those entries.

use super::{GuestDevice, Notes, Unapplied};
use crate::machine::{BootOptions, Device, Value};

/// The property of a device that has one of its own.
const PROPERTY: &str = "loadparm";
/// The highest entry that media here can have.
const LAST_ENTRY: u8 = 30;

/// Whether QEMU takes a text: letters, digits, dots and blanks, eight at most (`s390_ipl_fmt_loadparm` in its `hw/s390x/ipl.c`).
pub(super) fn is_valid(text: &str) -> bool {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | ' ');
    text.chars().count() <= 8 && text.chars().all(fits)
}

/// Gives a device one of its own.
pub(super) fn give(device: &mut Device, text: &str) {
    device.properties.push((PROPERTY.to_owned(), Value::Text(text.to_owned())));
}

/// The entry that a device's own or else the machine's names; `None` for that of a disk which says nothing of it.
pub(super) fn entry(device: &Device, boot: &BootOptions) -> Option<u8> {
    number(of(device).or(boot.loadparm.as_deref())?).filter(|entry| *entry > 0)
}

fn of(device: &Device) -> Option<&str> {
    device.properties.iter().find_map(|(name, value)| match value {
        Value::Text(text) if name == PROPERTY => Some(text.as_str()),
        _ => None,
    })
}

fn number(text: &str) -> Option<u8> {
    text.trim().parse().ok().filter(|entry| *entry <= LAST_ENTRY)
}

/// Takes out what waits for a person, or names an entry that no medium here has: the firmware would come to nothing in place of the
/// guest's own disk. It is told with the line of the machine, or of the device.
pub(super) fn settle(
    (boot, line): (&mut BootOptions, u32),
    devices: &mut [GuestDevice],
    notes: &mut Notes,
) -> Vec<Unapplied> {
    let mut left = Vec::new();
    let cannot = |text: &str| match text.trim() {
        "PROMPT" => Some("the firmware waits for a person at its menu".to_owned()),
        text if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) && number(text).is_none() => {
            Some(format!("media here have entries up to {LAST_ENTRY}"))
        }
        _ => None,
    };
    let mut leave = |line, words: String| left.push(Unapplied { line, words });
    if let Some(why) = boot.loadparm.as_deref().and_then(cannot) {
        let text = boot.loadparm.take().unwrap_or_default();
        leave(line, format!("loadparm={text} is left out, since {why}"));
    }
    if boot.menu == Some(true) && boot.splash_time.is_none_or(|time| time == 0) {
        boot.menu = None;
        leave(line, "the boot menu is left out, since the firmware waits for a person at it".to_owned());
    }
    for guest_device in devices {
        let Some(text) = of(&guest_device.device).map(str::to_owned) else { continue };
        match cannot(&text) {
            Some(why) => {
                guest_device.device.properties.retain(|(name, _)| name != PROPERTY);
                leave(guest_device.line, format!("{}: loadparm={text} is left out, since {why}", guest_device.name));
            }
            None => notes.took(guest_device.line, format!("{}: loadparm={text}", guest_device.name)),
        }
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guest::plain::plain_device;
    use crate::machine::DeviceClass;

    #[rstest::rstest]
    #[case("2", true)]
    #[case("PROMPT", true)]
    #[case("a.b 1", true)]
    #[case("", true)]
    #[case("123456789", false)]
    #[case("a-b", false)]
    fn what_qemu_takes_is_known(#[case] text: &str, #[case] wanted: bool) {
        assert_eq!(is_valid(text), wanted);
    }

    #[test]
    fn a_devices_own_counts_before_the_machines() {
        let boot = |text: &str| BootOptions { loadparm: Some(text.to_owned()), ..BootOptions::default() };
        let mut device = plain_device(DeviceClass::VirtioBlk, false, None);
        assert_eq!(entry(&device, &BootOptions::default()), None);
        assert_eq!(entry(&device, &boot(" 3")), Some(3));
        assert_eq!([entry(&device, &boot("0")), entry(&device, &boot("linux"))], [None, None]);
        give(&mut device, "2");
        assert_eq!(entry(&device, &boot("3")), Some(2));
    }
}

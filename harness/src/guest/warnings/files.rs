//! Firmware and its variables, by the files that hold them.

use super::super::{Guest, Origin, Uefi};

/// Variables that are not kept, not there, or not the guest's own.
pub(super) fn variables(guest: &Guest, uefi: &Uefi, warn: &mut impl FnMut(&'static str, u32, String)) {
    let is_template = |path: &str| uefi.template.as_deref() == Some(path) || is_installed(path);
    let own = uefi.variables.as_ref().filter(|(path, _)| !is_template(path));
    if let (Some((variables, line)), Some(word)) = (&uefi.variables, uefi.lost_by) {
        let words = format!(
            "{variables} is given with {word}: what the guest writes of its boot order is not kept{}; leave {word} out",
            if word == "snapshot=on" {
                ""
            } else {
                ", and edk2 since 202308 takes flash that cannot be written for no store at all"
            }
        );
        warn("variables-not-kept", *line, words);
        return;
    }
    if let (Some((variables, line)), None, Origin::Qemu) = (own, &uefi.template, guest.origin) {
        let words = format!(
            "{variables} holds the boot order that this guest's firmware keeps: nothing here says which template it is copied from, \
             and it has to move with the guest's disks"
        );
        warn("variables-of-one-guest", *line, words);
    }
    if let Some((variables, line)) = uefi.variables.as_ref().filter(|(path, _)| is_template(path)) {
        let words = format!(
            "{variables} is the template itself: every guest writes its boot order into it, and it must stay as it was installed; \
             give this guest a copy"
        );
        warn("variables-are-the-template", *line, words);
    }
    if let (None, Origin::Qemu) = (&uefi.variables, guest.origin) {
        let line = uefi.code.as_ref().map_or(uefi.line, |(_, line)| *line);
        warn("no-variables", line, no_variables(guest, uefi));
    }
}

/// What is lost without a file of variables, and how one is given: `-bios` has no place for it.
fn no_variables(guest: &Guest, uefi: &Uefi) -> String {
    let efi = guest.board.and_then(|board| board.facts().efi()).unwrap_or_default();
    let loader = efi.removable_media_path().replace('/', "\\");
    let [code, store] = guest.firmware_files();
    let variables = "-drive if=pflash,unit=1,format=raw,file= with a copy of";
    let add = match uefi.by_bios {
        true => format!(
            "replace -bios, which has no place for them, by -drive if=pflash,unit=0,format=raw,readonly=on,file= with {code} and \
             {variables} {store}"
        ),
        false => format!("add {variables} {store}"),
    };
    format!(
        "there is no file of UEFI variables: what the guest writes of its boot order is gone once it is off, and an installed system is \
         then found by \\{loader} alone; {add}"
    )
}

/// Whether a path is one of a package's files, which are not there to be written.
fn is_installed(path: &str) -> bool {
    ["/usr/share/", "/usr/lib/", "/nix/store/", "/opt/homebrew/share/", "/opt/homebrew/Cellar/"]
        .iter()
        .any(|folder| path.starts_with(folder))
}

/// Firmware files that a platform does not have, or that other releases do not have.
pub(super) fn missing(
    guest: &Guest,
    platform: &str,
    has: impl Fn(&str) -> bool,
    warn: &mut impl FnMut(&'static str, u32, String),
) {
    let Some(uefi) = guest.firmware.uefi() else { return };
    let code = uefi.code.as_ref().map(|(path, line)| (path.as_str(), *line));
    let store = uefi.variables.as_ref().filter(|_| guest.origin == Origin::Qemu && uefi.template.is_none());
    let store = store.map(|(path, line)| (path.as_str(), *line));
    let template =
        uefi.template.as_deref().map(|path| (path, uefi.variables.as_ref().map_or(uefi.line, |(_, line)| *line)));
    // libvirt looks for firmware, QEMU takes a path
    let instead = match guest.origin {
        Origin::Libvirt => "<os firmware='efi'> finds it",
        Origin::Qemu => "give QEMU the path that it has there",
    };
    for (path, line) in code.into_iter().chain(template).chain(store).filter(|(path, _)| !has(path)) {
        let words = match store {
            Some((store, _)) if store == path => {
                format!("{path} is not there on {platform}, and nothing makes it: QEMU does not start without it")
            }
            _ => format!("{path} is not there on {platform}: a path of firmware is its distribution's; {instead}"),
        };
        warn("missing-firmware", line, words);
    }
    let is_of_a_package = |path: &str| guest.origin == Origin::Libvirt || path.starts_with('/');
    if let Some((path, line)) = code.filter(|(path, _)| is_of_a_package(path) && has(path)) {
        let words =
            format!("{path} is a path of one distribution's release: elsewhere the guest does not start; {instead}");
        warn("fixed-firmware-path", line, words);
    }
}

//! QEMU's options by name: those without a value, those whose values firmware does not see, and the programs that take them.

/// Options without a value, old ones too.
const FLAGS: [&str; 52] = [
    "S",
    "nodefaults",
    "no-user-config",
    "no-shutdown",
    "no-reboot",
    "no-hpet",
    "no-acpi",
    "nographic",
    "enable-kvm",
    "daemonize",
    "snapshot",
    "usb",
    "s",
    "only-migratable",
    "mem-prealloc",
    "no-fd-bootchk",
    "win2k-hack",
    "full-screen",
    "no-quit",
    "curses",
    "preconfig",
    "no-kvm",
    "enable-dpdk",
    "nodefconfig",
    "localtime",
    "std-vga",
    "sdl",
    "no-frame",
    "alt-grab",
    "ctrl-grab",
    "portrait",
    "rtc-td-hack",
    "tdf",
    "old-param",
    "semihosting",
    "singlestep",
    "one-insn-per-tb",
    "enable-fips",
    "enable-sync-profile",
    "async-teardown",
    "xen-attach",
    "xen-create",
    "xen-domid-restrict",
    "no-kvm-irqchip",
    "no-kvm-pit",
    "no-kvm-pit-reinjection",
    "no-kqemu",
    "kernel-kqemu",
    "audio-help",
    "version",
    "show-cursor",
    "mem-lock",
];
/// Options whose values firmware does not see.
const UNSEEN: [&str; 67] = [
    "accel",
    "smp",
    "m",
    "mem-path",
    "uuid",
    "chardev",
    "mon",
    "qmp",
    "qmp-pretty",
    "monitor",
    "serial",
    "parallel",
    "rtc",
    "object",
    "overcommit",
    "sandbox",
    "msg",
    "display",
    "vnc",
    "spice",
    "k",
    "audio",
    "audiodev",
    "pidfile",
    "realtime",
    "numa",
    "smbios",
    "add-fd",
    "watchdog",
    "watchdog-action",
    "action",
    "trace",
    "D",
    "d",
    "dfilter",
    "tpmdev",
    "fsdev",
    "iscsi",
    "runas",
    "run-with",
    "user",
    "chroot",
    "L",
    "icount",
    "seed",
    "acpitable",
    "compat",
    "debugcon",
    "dump-vmstate",
    "echr",
    "gdb",
    "plugin",
    "rotate",
    "usbdevice",
    "soundhw",
    "balloon",
    "clock",
    "tb-size",
    "time",
    "bt",
    "g",
    "prom-env",
    "xen-domid",
    "cpu-throttle",
    "mem-id",
    "semihosting-config",
    "tune-kvm",
];
/// Options whose values are read.
const READ: [&str; 35] = [
    "name",
    "machine",
    "M",
    "cpu",
    "bios",
    "boot",
    "drive",
    "blockdev",
    "netdev",
    "device",
    "nic",
    "net",
    "hda",
    "hdb",
    "hdc",
    "hdd",
    "cdrom",
    "fda",
    "fdb",
    "kernel",
    "initrd",
    "append",
    "dtb",
    "readconfig",
    "fw_cfg",
    "global",
    "set",
    "pflash",
    "option-rom",
    "sd",
    "mtdblock",
    "vga",
    "virtfs",
    "incoming",
    "loadvm",
];

/// The option that a word is, without its signs.
pub(super) fn option(word: &str) -> Option<&str> {
    let option = word.strip_prefix('-')?;
    Some(option.strip_prefix('-').unwrap_or(option))
}

/// Whether an option has no value.
pub(super) fn is_flag(option: &str) -> bool {
    option.is_empty() || FLAGS.contains(&option)
}

/// Whether an option's value is of no interest to firmware.
pub(super) fn is_unseen(option: &str) -> bool {
    UNSEEN.contains(&option)
}

/// Whether a word is one of QEMU's options.
pub(super) fn is_option(word: &str) -> bool {
    option(word).is_some_and(|option| {
        !option.is_empty() && (FLAGS.contains(&option) || UNSEEN.contains(&option) || READ.contains(&option))
    })
}

/// Whether a word is an image by its name.
pub(super) fn is_image(word: &str) -> bool {
    const ENDS: [&str; 14] = [
        ".img", ".qcow2", ".qcow", ".qed", ".raw", ".iso", ".vmdk", ".vdi", ".vhd", ".vhdx", ".bin", ".dsk", ".ima",
        ".cow",
    ];
    let name = word.to_ascii_lowercase();
    !name.contains('=') && (name.starts_with("/dev/") || ENDS.iter().any(|end| name.ends_with(end)))
}

/// What stands behind the last `/` or `\` of a path.
pub(super) fn base_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or_default()
}

/// The architecture of the QEMU that a word names, by the names that QEMU and distributions give the program.
pub(super) fn program(word: &str) -> Option<String> {
    let name = base_name(word).trim_start_matches('.').to_ascii_lowercase();
    let name = name.trim_end_matches(".exe").trim_end_matches(".bin");
    if let Some(rest) = name.strip_prefix("qemu-system-") {
        // behind the architecture stands what a packager added: `-spice`, `.real`, or `w` for a window on Windows
        let letters = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let (architecture, packager) = rest.split_at(rest.find(|c: char| !letters(c)).unwrap_or(rest.len()));
        let added = |c: char| letters(c) || c == '-' || c == '.' || c == '+';
        if architecture.is_empty() || !packager.chars().all(added) || packager.ends_with('.') {
            return None;
        }
        let architecture =
            architecture.strip_suffix("_64w").map_or(architecture.to_owned(), |bare| format!("{bare}_64"));
        return Some(architecture);
    }
    // a script's variable with the program in it
    if let Some(variable) = name.strip_prefix('$') {
        let variable = variable.trim_start_matches('{').trim_end_matches('}');
        let of_scripts =
            ["qemu", "kvm", "qemu_bin", "qemu_cmd", "qemu_binary", "qemu_system", "qemu_path", "qemu_exe", "qemu_kvm"];
        return of_scripts.contains(&variable).then(|| "x86_64".to_owned());
    }
    let of_the_host = ["qemu", "kvm", "qemu-kvm", "kvm-spice", "qemu-kvm-spice", "qemu-spice"];
    of_the_host.contains(&name).then(|| "x86_64".to_owned())
}

/// Whether words have a QEMU among them, and one of its options behind it.
pub(super) fn is_command<'a>(words: impl Iterator<Item = &'a str>) -> bool {
    let mut behind = words.skip_while(|word| program(word).is_none()).skip(1);
    behind.any(is_option)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("/usr/bin/qemu-system-x86_64", Some("x86_64"))]
    #[case("qemu-system-i386", Some("i386"))]
    #[case("qemu-system-x86_64.exe", Some("x86_64"))]
    #[case("C:\\Program Files\\qemu\\qemu-system-x86_64w.exe", Some("x86_64"))]
    #[case("qemu-system-x86_64-spice", Some("x86_64"))]
    #[case(".qemu-system-aarch64-wrapped", Some("aarch64"))]
    #[case("/usr/bin/kvm-spice", Some("x86_64"))]
    #[case("/usr/libexec/qemu-kvm", Some("x86_64"))]
    #[case("qemu-system-x86_64:", None)]
    #[case("qemu-system-", None)]
    #[case("kvm64", None)]
    #[case("$QEMU", Some("x86_64"))]
    #[case("${QEMU_BIN}", Some("x86_64"))]
    #[case("${QEMU_ARGS[@]}", None)]
    #[case("-kvm", None)]
    #[case("qemu-img", None)]
    fn programs_are_told_by_their_names(#[case] word: &str, #[case] architecture: Option<&str>) {
        assert_eq!(program(word).as_deref(), architecture);
    }
}

//! What was compiled into a QEMU.

use std::collections::BTreeSet;

use serde::Serialize;

/// What the names of virtio devices end in.
const TRANSPORTS: [&str; 3] = ["-pci", "-ccw", "-device"];

/// What a QEMU build can do, as it says itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Capabilities {
    /// Machine types and their aliases, for example `pc-q35-7.2`, `q35`.
    pub machines: BTreeSet<String>,
    /// Device models that can be given to `-device`, for example `virtio-blk-pci`.
    pub devices: BTreeSet<String>,
    /// Accelerators that were compiled in, for example `tcg`, `kvm`. No proof that the host lets them work.
    pub accelerators: BTreeSet<String>,
}

impl Capabilities {
    /// The first device model or machine type of a command line that this build lacks, in words. One that said nothing of itself
    /// lacks nothing that is known.
    pub fn missing(&self, argv: &[String]) -> Option<String> {
        // QEMU has a virtio device of each transport by its name without it (`qdev_alias_table` in qdev-monitor.c)
        let behind =
            |has: &BTreeSet<String>, name: &str| TRANSPORTS.iter().any(|end| has.contains(&format!("{name}{end}")));
        let lacks = |has: &BTreeSet<String>, name: &str| !has.is_empty() && !has.contains(name) && !behind(has, name);
        argv.iter().zip(argv.iter().skip(1)).find_map(|(option, value)| {
            let name = value.split(',').next().unwrap_or_default();
            match option.as_str() {
                "-device" if lacks(&self.devices, name) => Some(format!("this QEMU has no device {name}")),
                "-machine" if lacks(&self.machines, name) => Some(format!("this QEMU has no machine type {name}")),
                _ => None,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_build_lacks_of_a_command_line_is_named() {
        let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let line = words("-device nvme,drive=a -machine pc,accel=tcg -drive nvme");
        let mut has = Capabilities::default();
        assert_eq!(has.missing(&line), None, "it said nothing of itself");
        has.machines.insert("q35".to_owned());
        assert_eq!(has.missing(&line).as_deref(), Some("this QEMU has no machine type pc"));
        has.devices.insert("ide-hd".to_owned());
        assert_eq!(has.missing(&line).as_deref(), Some("this QEMU has no device nvme"));
        assert_eq!(has.missing(&words("-machine q35 -device ide-hd,bus=a")), None);
        has.devices.insert("virtio-net-pci".to_owned());
        assert_eq!(has.missing(&words("-device virtio-net,netdev=n")), None, "an alias");
    }
}

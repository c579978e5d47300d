//! A guest's file of Proxmox, as `qm config` prints it, read as the command line that `qm showcmd` makes of it.
//!
//! Ranks as in `device_bootorder`, buses as in `print_drivedevice_full` (`PVE/QemuServer.pm` of its qemu-server), slots as in
//! `PVE/QemuServer/PCI.pm`. Devices of which firmware sees nothing are left out.

use std::collections::{BTreeMap, BTreeSet};

use super::line::CommandLine;
use super::shell::Word;
use super::words::split;
use crate::guest::{At, GuestError};

/// Keys of such a file, without the numbers behind some.
const KEYS: [&str; 36] = [
    "agent",
    "args",
    "audio",
    "balloon",
    "bios",
    "boot",
    "bootdisk",
    "cores",
    "cpu",
    "description",
    "efidisk",
    "hostpci",
    "hotplug",
    "ide",
    "kvm",
    "lock",
    "machine",
    "memory",
    "meta",
    "name",
    "net",
    "numa",
    "onboot",
    "ostype",
    "rng",
    "sata",
    "scsi",
    "scsihw",
    "serial",
    "smbios",
    "sockets",
    "tablet",
    "usb",
    "vga",
    "virtio",
    "vmgenid",
];
/// Kinds of drives in the order in which Proxmox goes through them, with how many of each there can be.
const DRIVES: [(&str, u8); 4] = [("ide", 4), ("scsi", 31), ("virtio", 16), ("sata", 6)];
/// How many network cards there can be.
const MOST_NICS: u8 = 32;
/// The rank of the first device in `boot: order=`.
const FIRST_RANK: i64 = 100;
/// The file of q35's bridges, ports and USB controllers.
const Q35: &str = "/usr/share/qemu-server/pve-q35-4.0.cfg";

/// The command line of a guest's file; `None` for another text.
pub(super) fn command(file: &str, text: &str) -> Option<Result<CommandLine, GuestError>> {
    let (entries, first) = entries(text)?;
    Some(Guest::of(file, entries, first).command())
}

type Entries<'a> = BTreeMap<&'a str, (&'a str, u32)>;

/// The keys with their values and lines, and the first line; `None` where the text is no such file. A prompt and the command may
/// stand before it; what snapshots say follows behind `[name]`.
fn entries(text: &str) -> Option<(Entries<'_>, u32)> {
    let is_key = |key: &str| KEYS.contains(&key.trim_end_matches(|letter: char| letter.is_ascii_digit()));
    let mut entries = Entries::new();
    let (mut known, mut all, mut first) = (0, 0, None);
    for (line, number) in text.lines().map(str::trim).zip(1..) {
        if line.starts_with('[') {
            break;
        }
        let is_typed = line.contains("qm config ") || line.contains("cat /etc/pve/");
        if line.is_empty() || line.starts_with('#') || line.starts_with("```") || is_typed {
            continue;
        }
        let (key, value) = line.split_once(':')?;
        let is_word =
            |key: &str| !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !is_word(key) || !(value.is_empty() || value.starts_with(' ')) {
            return None;
        }
        known += usize::from(is_key(key));
        all += 1;
        first.get_or_insert(number);
        entries.insert(key, (value.trim(), number));
    }
    // YAML looks alike
    (known > 1 && known * 2 > all).then_some((entries, first?))
}

/// A value's parts: what stands first without a key, and the others.
fn parts(value: &str) -> (&str, BTreeMap<&str, &str>) {
    let mut first = "";
    let mut keyed = BTreeMap::new();
    for (index, part) in value.split(',').enumerate() {
        match part.split_once('=') {
            Some((key, value)) => drop(keyed.insert(key, value)),
            None if index == 0 => first = part,
            None => {}
        }
    }
    (first, keyed)
}

/// PCI bus and slot of a device (`get_pci_addr_map`).
fn slot(kind: &str, number: u8) -> Option<(u8, u8)> {
    Some(match (kind, number) {
        ("scsihw", 0..=1) => (0, 5 + number),
        ("ahci", 0) => (0, 7),
        ("virtio", 0..=5) => (0, 10 + number),
        ("virtio", 6..=15) => (2, number - 5),
        ("hostpci", 0..=1) => (0, 16 + number),
        ("hostpci", 2..=3) => (0, 25 + number),
        ("net", 0..=5) => (0, 18 + number),
        ("net", 6..=31) => (1, number - 5),
        ("rng", 0) => (1, 29),
        ("virtioscsi", 0..=30) => (3, number + 1),
        _ => return None,
    })
}

struct Guest<'a> {
    file: &'a str,
    entries: Entries<'a>,
    first: u32,
    is_q35: bool,
    ranks: BTreeMap<String, i64>,
    words: Vec<Word>,
    devices: Vec<Word>,
    /// Bridges that devices are behind, and adapters that stand on the line.
    bridges: BTreeSet<u8>,
    adapters: BTreeSet<String>,
}

impl<'a> Guest<'a> {
    fn of(file: &'a str, entries: Entries<'a>, first: u32) -> Guest<'a> {
        let machine = entries.get("machine").map_or("pc", |(value, _)| *value);
        let mut guest = Guest {
            file,
            is_q35: machine.contains("q35"),
            ranks: BTreeMap::new(),
            entries,
            first,
            words: Vec::new(),
            devices: Vec::new(),
            bridges: BTreeSet::new(),
            adapters: BTreeSet::new(),
        };
        guest.ranks = guest.ranks();
        guest
    }

    fn value(&self, key: &str) -> Option<&'a str> {
        self.entries.get(key).map(|(value, _)| *value)
    }

    fn word(&self, text: impl Into<String>, line: u32) -> Word {
        Word { text: text.into(), at: At { line, column: 1 } }
    }

    fn option(&mut self, name: &str, value: impl Into<String>, line: u32) {
        let words = [self.word(name, line), self.word(value, line)];
        self.words.extend(words);
    }

    fn device(&mut self, value: String, line: u32) {
        let words = [self.word("-device", line), self.word(value, line)];
        self.devices.extend(words);
    }

    /// `,bus=pci.N,addr=N` of a device, whose bridge is noted.
    fn place(&mut self, kind: &str, number: u8) -> String {
        let Some((bus, slot)) = slot(kind, number) else { return String::new() };
        if bus > 0 && !self.is_q35 {
            self.bridges.insert(bus);
        }
        format!(",bus=pci.{bus},addr={slot:#x}")
    }

    fn rank(&self, key: &str) -> String {
        self.ranks.get(key).map_or(String::new(), |rank| format!(",bootindex={rank}"))
    }

    fn is_cdrom(&self, key: &str) -> bool {
        self.value(key).is_some_and(|value| parts(value).1.get("media") == Some(&"cdrom"))
    }

    fn is_cloud_init(&self, key: &str) -> bool {
        self.value(key).is_some_and(|value| value.contains("cloudinit"))
    }

    /// The drives that there are, in Proxmox' order.
    fn drives(&self) -> Vec<(&'static str, u8, String)> {
        let all = DRIVES.iter().flat_map(|&(kind, count)| (0..count).map(move |number| (kind, number)));
        let named = all.map(|(kind, number)| (kind, number, format!("{kind}{number}")));
        named.filter(|(_, _, key)| self.entries.contains_key(key.as_str())).collect()
    }

    fn nics(&self) -> Vec<(u8, String)> {
        let all = (0..MOST_NICS).map(|number| (number, format!("net{number}")));
        all.filter(|(_, key)| self.entries.contains_key(key.as_str())).collect()
    }

    /// The names in `boot: order=`, where there is one.
    fn order(&self) -> Option<Vec<&'a str>> {
        let order = *parts(self.value("boot")?).1.get("order")?;
        Some(order.split([';', ' ']).filter(|name| !name.is_empty()).collect())
    }

    /// The ranks of devices by `boot:`, of whichever form.
    fn ranks(&self) -> BTreeMap<String, i64> {
        if let Some(order) = self.order() {
            return order.into_iter().map(str::to_owned).zip(FIRST_RANK..).collect();
        }
        // `cdn`: the disk that bootdisk names, CDs, cards, each class a hundred behind the one before
        let (first, keyed) = self.value("boot").map(parts).unwrap_or_default();
        let legacy = keyed.get("legacy").copied().unwrap_or(first);
        let classes = if legacy.is_empty() { "cdn" } else { legacy };
        let mut next: BTreeMap<char, i64> =
            classes.chars().zip(1..).map(|(class, place)| (class, place * 100)).collect();
        let mut ranks = BTreeMap::new();
        let mut take = |class: char, key: &str, has_it: bool| {
            if let Some(rank) = next.get_mut(&class) {
                if has_it {
                    ranks.insert(key.to_owned(), *rank);
                }
                *rank += 1;
            }
        };
        for (_, _, key) in self.drives() {
            if self.is_cdrom(&key) && !self.is_cloud_init(&key) {
                take('d', &key, true);
            } else {
                take('c', &key, self.value("bootdisk") == Some(key.as_str()));
            }
        }
        for (_, key) in self.nics() {
            take('n', &key, true);
        }
        ranks
    }

    fn command(mut self) -> Result<CommandLine, GuestError> {
        if let Some((arch, line)) = self.entries.get("arch").filter(|(arch, _)| *arch != "x86_64") {
            return Err(GuestError {
                what: format!("a guest's file of Proxmox for {arch} is not read here"),
                file: self.file.to_owned(),
                at: At { line: *line, column: 1 },
                fix: "give what qm showcmd ID --pretty prints, with the ID that the file is named after".to_owned(),
            });
        }
        self.board();
        for (kind, number, key) in self.drives() {
            self.drive(kind, number, &key);
        }
        for (number, key) in self.nics() {
            self.nic(number, &key);
        }
        self.others();
        for bus in std::mem::take(&mut self.bridges) {
            let slot = [0, 0x1e, 0x1f, 0x5][usize::from(bus)];
            let value = format!("pci-bridge,id=pci.{bus},chassis_nr={bus},bus=pci.0,addr={slot:#x}");
            self.option("-device", value, self.first);
        }
        self.words.append(&mut self.devices);
        if let Some((args, line)) = self.entries.get("args").copied() {
            let own = split(self.file, args)?;
            self.words.extend(own.into_iter().map(|word| Word { at: At { line, column: 1 }, ..word }));
        }
        let words = "a guest's file of Proxmox: read as the command line that qm showcmd ID --pretty prints".to_owned();
        let line = self.entries.get("boot").map_or(self.first, |(_, line)| *line);
        let strangers = self.order().into_iter().flatten().filter(|name| !self.entries.contains_key(name));
        let strangers = strangers.map(|name| (name.to_owned(), line)).collect();
        let taken = Some((self.first, words));
        Ok(CommandLine { taken, strangers, ..CommandLine::of_words(&self.words) })
    }

    /// Program, name, firmware and board.
    fn board(&mut self) {
        let first = self.first;
        self.words.push(self.word("/usr/bin/kvm", first));
        if let Some((name, line)) = self.entries.get("name").copied() {
            self.option("-name", name, line);
        }
        self.words.push(self.word("-nodefaults", first));
        self.option("-boot", "menu=on,strict=on,reboot-timeout=1000", first);
        let (cpu, line) = self.entries.get("cpu").copied().unwrap_or(("kvm64", first));
        let (model, keyed) = parts(cpu);
        let model = keyed.get("cputype").copied().unwrap_or(model);
        self.option("-cpu", if ["host", "max"].contains(&model) { model } else { "qemu64" }, line);
        if let Some((_, line)) = self.entries.get("bios").copied().filter(|(bios, _)| *bios == "ovmf") {
            self.firmware(line);
        }
        let (machine, line) = self.entries.get("machine").copied().unwrap_or(("pc", first));
        let (plain, keyed) = parts(machine);
        let machine = keyed.get("type").copied().unwrap_or(plain);
        self.option("-machine", format!("type={machine}"), line);
        if self.is_q35 {
            self.option("-readconfig", Q35, line);
        }
    }

    /// OVMF, and its variables where the guest has a disk for them.
    fn firmware(&mut self, line: u32) {
        let disk = self.entries.get("efidisk0").copied();
        let (volume, keyed) = disk.map(|(value, _)| parts(value)).unwrap_or_default();
        // keys are what makes a difference to boots; the build that knows them runs without any, too
        let code = match (keyed.get("efitype"), keyed.get("pre-enrolled-keys")) {
            (Some(&"4m"), Some(&"1")) => "OVMF_CODE_4M.secboot.fd",
            (Some(&"4m"), _) => "OVMF_CODE_4M.fd",
            _ => "OVMF_CODE.fd",
        };
        let code = format!("if=pflash,unit=0,format=raw,readonly=on,file=/usr/share/pve-edk2-firmware//{code}");
        self.option("-drive", code, line);
        if let Some((_, line)) = disk {
            let volume = keyed.get("file").copied().unwrap_or(volume);
            self.option("-drive", format!("if=pflash,unit=1,format=raw,id=drive-efidisk0,file={volume}"), line);
        }
    }

    fn drive(&mut self, kind: &str, number: u8, key: &str) {
        let Some((value, line)) = self.entries.get(key).copied() else { return };
        let (volume, keyed) = parts(value);
        let volume = keyed.get("file").copied().unwrap_or(volume);
        let is_cdrom = self.is_cdrom(key) || self.is_cloud_init(key);
        let media = if is_cdrom { ",media=cdrom" } else { "" };
        self.option("-drive", format!("file={volume},if=none,id=drive-{key}{media}"), line);
        let (word, rank) = (if is_cdrom { "cd" } else { "hd" }, self.rank(key));
        let behind = match kind {
            "virtio" => format!("virtio-blk-pci{}", self.place("virtio", number)),
            "ide" if self.is_q35 => format!("ide-{word},bus=ide.{},unit=0", number / 2 + 2 * (number % 2)),
            "ide" => format!("ide-{word},bus=ide.{},unit={}", number / 2, number % 2),
            "sata" => {
                self.adapter("ahci", "ahci,multifunction=on", 0, line);
                format!("ide-{word},bus=ahci0.{number}")
            }
            _ => self.scsi(word, number, line),
        };
        self.device(format!("{behind},drive=drive-{key},id={key}{rank}"), line);
    }

    /// A disk on the adapter that `scsihw` names.
    fn scsi(&mut self, word: &str, number: u8, line: u32) -> String {
        match self.value("scsihw").unwrap_or("lsi") {
            "virtio-scsi-single" => {
                self.adapter("virtioscsi", "virtio-scsi-pci", number, line);
                format!("scsi-{word},bus=virtioscsi{number}.0,channel=0,scsi-id=0,lun={number}")
            }
            "virtio-scsi-pci" => {
                self.adapter("scsihw", "virtio-scsi-pci", 0, line);
                format!("scsi-{word},bus=scsihw0.0,channel=0,scsi-id=0,lun={number}")
            }
            other => {
                self.adapter("scsihw", other, number / 7, line);
                format!("scsi-{word},bus=scsihw{}.0,scsi-id={}", number / 7, number % 7)
            }
        }
    }

    /// Puts an adapter on the line, once.
    fn adapter(&mut self, kind: &str, driver: &str, number: u8, line: u32) {
        let id = format!("{kind}{number}");
        if self.adapters.insert(id.clone()) {
            let place = self.place(kind, number);
            self.device(format!("{driver},id={id}{place}"), line);
        }
    }

    fn nic(&mut self, number: u8, key: &str) {
        let Some((value, line)) = self.entries.get(key).copied() else { return };
        let (_, keyed) = parts(value);
        // `virtio=MAC`, or spelled out
        let short = value.split(',').next().and_then(|part| part.split_once('=')).map(|(model, _)| model);
        let model = keyed.get("model").copied().or(short).unwrap_or("e1000");
        let driver = if model == "virtio" { "virtio-net-pci" } else { model };
        let is_down = keyed.get("link_down") == Some(&"1");
        let netdev = if is_down { String::new() } else { format!(",netdev={key}") };
        if !is_down {
            let leads_to = if keyed.contains_key("bridge") { "tap" } else { "user" };
            self.option("-netdev", format!("type={leads_to},id={key}"), line);
        }
        let (place, rank) = (self.place("net", number), self.rank(key));
        self.device(format!("{driver}{netdev}{place},id={key}{rank}"), line);
    }

    /// A source of random numbers, and devices of the host.
    fn others(&mut self) {
        if let Some((_, line)) = self.entries.get("rng0").copied() {
            let place = self.place("rng", 0);
            self.device(format!("virtio-rng-pci{place}"), line);
        }
        for (kind, driver) in [("hostpci", "vfio-pci"), ("usb", "usb-host")] {
            for number in 0..16 {
                let key = format!("{kind}{number}");
                let Some((_, line)) = self.entries.get(key.as_str()).copied() else { continue };
                let rank = self.rank(&key);
                self.device(format!("{driver},id={key}{rank}"), line);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> CommandLine {
        command("a", text).unwrap().unwrap()
    }

    fn texts(text: &str) -> String {
        line(text).words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn an_order_gives_ranks_from_100_and_names_that_there_are_not_are_told() {
        let text = "bios: ovmf\nboot: order=scsi0;ide2;net0\nnet0: virtio=BC:24:11:30:8A:77,bridge=vmbr0\nscsi0: local:1,size=32G\n\
                    scsihw: virtio-scsi-single\n";
        let made = texts(text);
        for wanted in [
            "-device virtio-scsi-pci,id=virtioscsi0,bus=pci.3,addr=0x1",
            "-device scsi-hd,bus=virtioscsi0.0,channel=0,scsi-id=0,lun=0,drive=drive-scsi0,id=scsi0,bootindex=100",
            "-device virtio-net-pci,netdev=net0,bus=pci.0,addr=0x12,id=net0,bootindex=102",
            "-device pci-bridge,id=pci.3,chassis_nr=3,bus=pci.0,addr=0x5",
            "file=/usr/share/pve-edk2-firmware//OVMF_CODE.fd",
        ] {
            assert!(made.contains(wanted), "{wanted} is not in {made}");
        }
        assert_eq!(line(text).strangers, [("ide2".to_owned(), 2)]);
    }

    #[test]
    fn an_older_file_ranks_by_classes_and_the_disk_that_bootdisk_names() {
        let text = "bootdisk: virtio0\nide2: local:iso/a.iso,media=cdrom\nvirtio0: local:1\nvirtio1: local:2\nnet0: e1000=AA,bridge=b\n";
        let made = texts(text);
        assert!(made.contains("ide-cd,bus=ide.1,unit=0,drive=drive-ide2,id=ide2,bootindex=200"), "{made}");
        assert!(made.contains("addr=0xa,drive=drive-virtio0,id=virtio0,bootindex=100"), "{made}");
        assert!(made.contains("addr=0xb,drive=drive-virtio1,id=virtio1 "), "{made}");
        assert!(made.contains("e1000,netdev=net0,bus=pci.0,addr=0x12,id=net0,bootindex=300"), "{made}");
        let network_first = texts(&format!("boot: ndc\n{text}"));
        assert!(network_first.contains("id=net0,bootindex=100"), "{network_first}");
    }

    #[test]
    fn a_drive_is_where_proxmox_puts_it() {
        let text = "machine: q35\nide0: a:1\nide3: none,media=cdrom\nsata1: a:2\nscsi8: a:3\nefidisk0: a:4,efitype=4m,pre-enrolled-keys=1\n\
                    bios: ovmf\nargs: -device nvme,drive=x\n";
        let made = texts(text);
        for wanted in [
            "ide-hd,bus=ide.0,unit=0,drive=drive-ide0",
            "ide-cd,bus=ide.3,unit=0,drive=drive-ide3",
            "ahci,multifunction=on,id=ahci0,bus=pci.0,addr=0x7 -device ide-hd,bus=ahci0.1",
            "lsi,id=scsihw1,bus=pci.0,addr=0x6 -device scsi-hd,bus=scsihw1.0,scsi-id=1",
            "OVMF_CODE_4M.secboot.fd",
            "if=pflash,unit=1,format=raw,id=drive-efidisk0,file=a:4",
            "-readconfig /usr/share/qemu-server/pve-q35-4.0.cfg",
        ] {
            assert!(made.contains(wanted), "{wanted} is not in {made}");
        }
        assert!(made.ends_with("-device nvme,drive=x"), "{made}");
    }

    #[test]
    fn a_prompt_before_it_a_comment_and_snapshots_behind_it_are_left_out() {
        let text = "root@pve:~# qm config 107\n#web\nmemory: 1\nvirtio0: a:1\n[before]\nvirtio1: a:2\nsnaptime: 1\n";
        assert!(!texts(text).contains("virtio1"));
        assert_eq!(line(text).words[0].at.line, 3);
    }

    #[rstest::rstest]
    #[case::a_sentence("2026-01-01: starting up libvirt, qemu version: 8.2.2\n")]
    #[case::one_key("name: a\n")]
    #[case::yaml("apiVersion: v1\nmetadata:\n  name: a\nspec: b\nmemory: 4\n")]
    #[case::a_command("kvm -hda a")]
    fn another_text_is_none(#[case] text: &str) {
        assert!(command("a", text).is_none());
    }

    #[test]
    fn another_processor_is_refused_with_what_to_give() {
        let error = command("a", "arch: aarch64\nmemory: 1\nname: b\n").unwrap().unwrap_err();
        assert!(error.fix.contains("qm showcmd"), "{error}");
    }
}

//! The views of the boot order, side by side: what the machine asked for, fw_cfg as the guest read it, BootOrder as the guest
//! read it and as the NVRAM file has it, BootCurrent, the payload that ran. Where two of them exist they must agree.

mod boot_options;
mod bootpath;
mod emulated;
mod given;
mod handed_over;
mod holes;
mod lines;
mod load_options;
mod mapped;
mod measured;
mod secure_boot;
mod subchannel;

use std::collections::BTreeMap;

use serde::Serialize;

use crate::evidence::measured::Register;
use crate::evidence::nvram::BootOptions;
use crate::machine::layout::Layout;
use crate::machine::paths;
use crate::machine::{Access, Firmware, Machine};
use crate::trace::{Names, Outcome, Payload, Start, Trace, option_number};
pub use given::BootStore;
pub use handed_over::Mistold;
pub use lines::{FwCfgList, Lines, Stale};
use measured::Fault;

/// The views of one run; `None` where the firmware does not have one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Views {
    /// Media or device paths in the order that the machine's bootindex values ask for, in QEMU's words; `None` for a
    /// board without fw_cfg.
    pub asked: Option<Lines>,
    /// fw_cfg `bootorder` as the guest read it.
    pub fw_cfg: Option<Lines>,
    /// The devices that have a bootindex, in its order, by their names.
    pub asked_devices: Option<Lines>,
    /// BootOrder as the guest read it: the device of each option, or its description in quotes; several options of one
    /// device in a row are one. What each option stands for is read in the NVRAM file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guest_boot_order: Option<Lines>,
    /// BootOrder in the NVRAM file after the run, in the same words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nvram_boot_order: Option<Lines>,
    /// The last lap ended with a payload, so that BootOrder in the file is the one that it read.
    #[serde(skip)]
    pub same_lap: bool,
    /// The medium that BootCurrent names, by the device path of its Boot#### variable.
    pub boot_current: Option<String>,
    /// The medium whose payload ran.
    pub ran: Option<String>,
    /// Lines of fw_cfg `bios-geometry` that the machine's logical geometries ask for, sorted.
    pub asked_geometry: Option<Lines>,
    /// fw_cfg `bios-geometry` as the guest read it, its lines sorted: firmware looks them up by name.
    pub bios_geometry: Option<Lines>,
    /// Lines of the devices that have a bootindex, in the order in which a boot menu listed them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub menu: Option<Lines>,
    /// Whole seconds that OVMF must offer its front page, where the machine asks for the boot menu.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asked_timeout: Option<u16>,
    /// The UEFI variable Timeout, seconds, from the NVRAM file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<u16>,
    /// A view that must exist and does not, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing: Option<String>,
    /// Devices that have an option in BootOrder, as the guest or the file has it, or a `Boot####` left over, although the order
    /// that was asked for leaves them out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unpruned: Vec<String>,
    /// What firmware made of the boot variables that were in the store at power-on, where that is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub given: Option<String>,
    /// What the TPM was told of the boot, where that is not what happened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub measured: Option<String>,
    /// What the program that ran read of Secure Boot, where that is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secure_boot: Option<String>,
    /// What the program that ran was given as load options, where that is not what its boot option gives.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load_options: Option<String>,
    /// What a BIOS told the program that ran of its own drive, where that is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mistold: Option<Mistold>,
    /// The first of what the firmware says went wrong within it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warned: Option<String>,
    /// fw_cfg `bootorder` as the host read it through the monitor, where no payload could.
    pub host: Option<Lines>,
    /// What the log of the firmware must have lost, by what store and payload tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hole: Option<String>,
    /// What it must have lost if firmware is silent and does not end.
    #[serde(skip)]
    pub silent: Option<String>,
}

impl Views {
    /// Collects the views. `options` are those of the NVRAM file after the run.
    pub fn of(machine: &Machine, layout: &Layout, names: &Names, trace: &Trace, options: &BootOptions) -> Views {
        let payload: Option<&Payload> = trace.payloads.last();
        let current = payload.and_then(|payload| payload.boot_current);
        let current = current.and_then(|number| options.by_number.get(&number));
        let empty = boot_options::empty_drives(machine, layout);
        let in_words = |order: &Vec<u16>| boot_options::in_words(names, &empty, options, order);
        let has_options = !options.by_number.is_empty();
        let fw_cfg = machine.board.facts().fw_cfg;
        Views {
            asked: fw_cfg.then(|| Lines::of_file(paths::bootorder_file(machine, layout).as_bytes())),
            asked_devices: Some(boot_options::asked(machine).into_iter().collect()),
            fw_cfg: payload.and_then(|payload| payload.bootorder.as_deref()).map(Lines::of_file),
            guest_boot_order: payload
                .and_then(|payload| payload.boot_order.as_ref())
                .filter(|_| has_options)
                .map(in_words),
            nvram_boot_order: options.order.as_ref().map(in_words),
            same_lap: trace.booted().is_some() && trace.attempts.last().is_some_and(|last| last.lap == trace.laps),
            boot_current: current.map(|option| medium_of(names, &option.device_path, payload)),
            ran: payload.and_then(|payload| payload.medium_of_nonce.clone()),
            asked_geometry: Some(paths::bios_geometry_lines(machine, layout).into_iter().collect::<Lines>().sorted()),
            bios_geometry: payload.and_then(|payload| payload.bios_geometry.as_deref()).map(sorted),
            menu: menu(machine, layout, trace),
            asked_timeout: front_page_timeout(machine),
            timeout: None,
            missing: withheld(payload)
                .or_else(|| subchannel::difference(machine, layout, payload))
                .or_else(|| bootpath::difference(machine, layout, payload))
                .or_else(|| missing(machine, payload, options))
                .or_else(|| no_current(trace)),
            unpruned: unpruned(machine, names, trace, options),
            given: None,
            measured: None,
            secure_boot: secure_boot::difference(machine, payload),
            load_options: load_options::difference(names, payload, options),
            mistold: handed_over::mistold(machine, layout, trace),
            warned: trace.warnings.first().cloned(),
            host: None,
            hole: holes::hole(machine, layout, names, trace, options),
            silent: holes::silent(machine, names, trace, options),
        }
    }

    /// Adds what became of the boot variables that were in the store at power-on.
    pub(crate) fn with_given(
        self,
        machine: &Machine,
        names: &Names,
        trace: &Trace,
        before: &BootStore,
        after: &BootStore,
    ) -> Views {
        Views { given: given::difference(machine, names, trace, before, after), ..self }
    }

    /// Adds what the TPM was told; `programs` has the digest of each medium's program.
    pub(crate) fn with_measured(
        mut self,
        machine: &Machine,
        names: &Names,
        trace: &Trace,
        programs: &BTreeMap<String, Register>,
    ) -> Views {
        match measured::check(machine, names, trace, programs) {
            Ok(()) => {}
            Err(Fault::Hole(what)) => self.hole = self.hole.or(Some(what)),
            Err(Fault::Differs(what)) => self.measured = Some(what),
        }
        self
    }

    /// Adds the variable Timeout as the guest left it.
    pub(crate) fn with_timeout(self, timeout: Option<u16>) -> Views {
        Views { timeout, ..self }
    }

    /// Adds what the host read in fw_cfg, for a machine whose guest could not tell.
    pub(crate) fn with_host(mut self, bootorder: Option<&[u8]>, bios_geometry: Option<&[u8]>) -> Views {
        self.host = bootorder.map(Lines::of_file);
        self.bios_geometry = self.bios_geometry.or(bios_geometry.map(sorted));
        self
    }

    /// The lists in fw_cfg that do not hold what the machine asks for, as far as somebody could read them.
    pub fn stale(&self) -> Vec<Stale> {
        let seen = self.fw_cfg.as_ref().or(self.host.as_ref());
        let lists = [
            (FwCfgList::Bootorder, &self.asked, seen),
            (FwCfgList::BiosGeometry, &self.asked_geometry, self.bios_geometry.as_ref()),
        ];
        let differs = |(list, asked, seen): (_, &Option<Lines>, Option<&Lines>)| {
            let (asked, seen) = (asked.clone()?, seen?.clone());
            (asked != seen).then_some(Stale { list, seen, asked })
        };
        lists.into_iter().filter_map(differs).collect()
    }

    /// Compares what can be compared. Where firmware never came to a payload, BootOrder in the NVRAM file still holds.
    ///
    /// # Errors
    ///
    /// All views side by side, when two of them differ; what the program was told wrongly, when they do not.
    pub fn check(&self) -> Result<(), String> {
        let options_agree = self.boot_order_agrees();
        let menu_agrees = self.menu.as_ref().is_none_or(|menu| {
            let asked = self.asked.as_ref();
            asked.is_some_and(|asked| asked.devices() == menu.devices())
        });
        let geometry_agrees = self.bios_geometry.is_none() || self.asked_geometry == self.bios_geometry;
        let timeout_agrees = self.asked_timeout.is_none() || self.asked_timeout == self.timeout;
        let reported_agrees = self.ran.as_ref().is_none_or(|ran| {
            let current_agrees = self.boot_current.as_ref().is_none_or(|current| current == ran);
            self.asked == self.fw_cfg && geometry_agrees && current_agrees && menu_agrees && timeout_agrees
        });
        if let Some(missing) = &self.missing {
            return Err(format!("a view of the boot order is missing: {missing}"));
        }
        if !self.unpruned.is_empty() {
            let kept = self.unpruned.iter().collect::<Lines>();
            let asked = self.asked_devices.clone().unwrap_or_default();
            return Err(format!("the order that was asked for is [{asked}], and there are still options of [{kept}]"));
        }
        if let Some(differs) =
            [&self.given, &self.secure_boot, &self.measured, &self.load_options].into_iter().flatten().next()
        {
            return Err(differs.clone());
        }
        if options_agree && reported_agrees {
            return self.says_no_wrong();
        }
        let text = |view: &Option<Lines>| view.as_ref().map_or_else(|| "none".to_owned(), Lines::to_string);
        let name = |view: &Option<String>| view.clone().unwrap_or_else(|| "none".to_owned());
        let mut side_by_side = format!(
            "the views of the boot order differ: asked for [{}], fw_cfg bootorder [{}], BootCurrent [{}], ran [{}]",
            text(&self.asked),
            text(&self.fw_cfg),
            name(&self.boot_current),
            name(&self.ran),
        );
        if !options_agree {
            let (asked, guest, file) =
                (text(&self.asked_devices), text(&self.guest_boot_order), text(&self.nvram_boot_order));
            side_by_side += &format!(
                "; BootOrder should begin with [{asked}], is [{guest}] in the guest and [{file}] in the NVRAM file"
            );
        }
        if !menu_agrees {
            side_by_side += &format!("; boot menu [{}]", text(&self.menu));
        }
        if !timeout_agrees {
            let seconds = |view: Option<u16>| view.map_or_else(|| "none".to_owned(), |seconds| format!("{seconds} s"));
            let (asked, seen) = (seconds(self.asked_timeout), seconds(self.timeout));
            side_by_side += &format!("; asked for timeout [{asked}], variable Timeout [{seen}]");
        }
        if !geometry_agrees {
            let (asked, seen) = (text(&self.asked_geometry), text(&self.bios_geometry));
            side_by_side += &format!("; asked for geometry [{asked}], fw_cfg bios-geometry [{seen}]");
        }
        Err(side_by_side)
    }

    /// What the program was told is right, and the firmware says of nothing within it that it went wrong.
    fn says_no_wrong(&self) -> Result<(), String> {
        if let Some(mistold) = &self.mistold {
            return Err(mistold.to_string());
        }
        let warned =
            |warning: &String| Err(format!("the firmware says that something went wrong within it: {warning}"));
        self.warned.as_ref().map_or(Ok(()), warned)
    }

    /// BootOrder begins with the devices that have a bootindex, in its order, as far as firmware made an option for them; the
    /// file holds what the guest read.
    fn boot_order_agrees(&self) -> bool {
        let begins = |order: &Option<Lines>| match (order, &self.asked_devices) {
            (Some(order), Some(asked)) => order.begins_with(asked),
            _ => true,
        };
        let same = match (&self.guest_boot_order, &self.nvram_boot_order) {
            (Some(guest), Some(file)) if self.same_lap => guest == file,
            _ => true,
        };
        same && begins(&self.guest_boot_order) && begins(&self.nvram_boot_order)
    }
}

/// A guest that reported a BootOrder has written it into a store that keeps what is written.
fn missing(machine: &Machine, payload: Option<&Payload>, options: &BootOptions) -> Option<String> {
    let kept = machine.firmware.is_uefi() && machine.variable_store.access == Access::ReadWrite;
    let order = payload.filter(|_| kept)?.boot_order.as_ref().filter(|order| !order.is_empty())?;
    let lacks = if options.order.is_none() {
        "no BootOrder"
    } else if options.by_number.is_empty() {
        "no Boot####"
    } else {
        return None;
    };
    Some(format!("the guest read a BootOrder of {} options, and the NVRAM file has {lacks}", order.len()))
}

/// A program of this run that could not read fw_cfg says nothing of its lists, which is not that they are not there.
fn withheld(payload: Option<&Payload>) -> Option<String> {
    let medium = payload.filter(|payload| payload.withheld)?.medium_of_nonce.as_ref()?;
    Some(format!("the kernel is locked down, and keeps fw_cfg from the program of \"{medium}\""))
}

/// The boot manager sets BootCurrent before it starts an option (`EfiBootManagerBoot` of edk2's UefiBootManagerLib, UEFI 2.10 section
/// 3.3), so that a program that it announced finds one. Without it the boot manager's sentences are missing too
/// (`PlatformBmPrintScLib`), as with a store that is full; but then there is no BootOrder either.
fn no_current(trace: &Trace) -> Option<String> {
    let payload = trace.payloads.last().filter(|payload| payload.via == "uefi" && payload.boot_current.is_none())?;
    let last = trace.last_of_lap().filter(|last| last.outcome == Some(Outcome::Booted))?;
    let medium = &payload.medium;
    let order = payload.boot_order.as_ref().map_or(0, Vec::len);
    if last.start == Start::NoOption && order > 0 {
        let found = format!("found a BootOrder of {order} options and no BootCurrent");
        return Some(format!("the program of \"{medium}\" {found}"));
    }
    let number = option_number(&last.target).filter(|_| last.start == Start::Announced)?;
    Some(format!("the boot manager started Boot{number:04X}, and the program of \"{medium}\" found no BootCurrent"))
}

/// As soon as one line of fw_cfg `bootorder` matches an option, OVMF drops the options of all other PCI devices, from BootOrder
/// and the variables themselves (`SetBootOrderFromQemu` and `PruneBootVariables` in `OvmfPkg/Library/QemuBootOrderLib`).
/// Setup and the shell make them again.
fn unpruned(machine: &Machine, names: &Names, trace: &Trace, options: &BootOptions) -> Vec<String> {
    let asked = boot_options::asked(machine);
    let payload = trace.payloads.last();
    let ended_there = trace.booted().is_some() && trace.last_of_lap().is_some_and(|last| last.start != Start::Recovery);
    let refreshed = trace.menus.iter().any(|menu| menu.lap == trace.laps.max(1));
    let Some(order) = payload.and_then(|payload| payload.boot_order.as_ref()).filter(|_| ended_there && !refreshed)
    else {
        return Vec::new();
    };
    let device = |number: &u16| {
        // an option that is not active is nobody's to take away
        let option = options.by_number.get(number).filter(|option| option.is_active())?;
        let index = names.device_at(&option.device_path)?;
        Some(index.to_string())
    };
    let matched = order.iter().filter_map(device).any(|device| asked.contains(&device));
    if !matched {
        return Vec::new();
    }
    let all = order.iter().chain(options.order.iter().flatten()).chain(options.by_number.keys());
    let mut kept: Vec<String> = all.filter_map(device).filter(|device| !asked.contains(device)).collect();
    kept.sort();
    kept.dedup();
    kept
}

/// The medium that a boot option stands for: the one at its path, or for a NIC the one that ran, if it is served there.
fn medium_of(names: &Names, path: &str, payload: Option<&Payload>) -> String {
    let ran = payload.and_then(|payload| payload.medium_of_nonce.as_ref());
    let over_nic = names.nic_at(path).and_then(|nic| nic.served.iter().find(|served| Some(*served) == ran));
    names.medium_at(path).or(over_nic.map(String::as_str)).unwrap_or(path).to_owned()
}

/// What the menu that was opened last says of the order that was asked for.
fn menu(machine: &Machine, layout: &Layout, trace: &Trace) -> Option<Lines> {
    let menu = trace.menus.iter().rev().find(|menu| !menu.entries.is_empty())?;
    let ranked = |&index: &usize| machine.devices[index].bootindex.is_some_and(|rank| rank >= 0);
    let devices = menu.entries.iter().filter_map(|entry| machine.device_named(entry.device.as_ref()?));
    let lines = devices.filter(ranked).filter_map(|index| paths::bootorder_line(machine, layout, index));
    let mut lines: Vec<String> = lines.collect();
    lines.dedup(); // OVMF has several options of one NIC
    Some(lines.into_iter().collect())
}

/// How long OVMF offers its front page where QEMU asks for the boot menu: fw_cfg `etc/boot-menu-wait` is in milliseconds and
/// rounded up, and where it is absent the wait is 3 s (`GetFrontPageTimeoutFromQemu` in `OvmfPkg/Library/QemuBootOrderLib`).
fn front_page_timeout(machine: &Machine) -> Option<u16> {
    let asked = machine.firmware.is_uefi() && machine.boot.menu == Some(true);
    // the firmware's own wait, or 3 s where that is none (`GetFrontPageTimeoutFromQemu` in edk2's `OvmfPkg/Library/QemuBootOrderLib`)
    let otherwise = if machine.firmware == Firmware::Aavmf { 5 } else { 3 };
    let seconds = machine.boot.splash_time.map_or(otherwise, |milliseconds| milliseconds.div_ceil(1000));
    asked.then(|| u16::try_from(seconds).ok())?
}

/// Firmware looks geometries up by name: their order says nothing.
fn sorted(file: &[u8]) -> Lines {
    Lines::of_file(file).sorted()
}

#[cfg(test)]
mod stale {
    use super::*;
    use crate::machine::Board;

    fn lines(text: &str) -> Lines {
        Lines::of_file(text.replace(" | ", "\n").as_bytes())
    }

    fn views(asked: &str, fw_cfg: Option<&str>) -> Views {
        Views { asked: Some(lines(asked)), fw_cfg: fw_cfg.map(lines), ..Views::default() }
    }

    fn stale(views: &Views) -> Option<String> {
        let said: Vec<String> = views.stale().iter().map(Stale::to_string).collect();
        (!said.is_empty()).then(|| said.join("; "))
    }

    #[test]
    fn a_menu_in_another_order_than_the_one_asked_for_is_printed_beside_it() {
        let views =
            Views { ran: Some("x".into()), menu: Some(lines("a | b")), ..views("a | b | HALT", Some("a | b | HALT")) };
        assert_eq!(views.check(), Ok(()));
        let swapped = Views { menu: Some(lines("b | a")), ..views };
        assert!(swapped.check().unwrap_err().ends_with("; boot menu [b | a]"));
    }

    #[test]
    fn a_variable_that_holds_another_timeout_than_the_one_asked_for_is_printed_beside_it() {
        let agree = |views: &Views| views.clone().with_timeout(Some(3)).check();
        let views = Views { ran: Some("x".into()), asked_timeout: Some(3), ..views("a", Some("a")) };
        assert_eq!(agree(&views), Ok(()));
        let differs = views.clone().with_timeout(Some(2)).check().unwrap_err();
        assert!(differs.ends_with("; asked for timeout [3 s], variable Timeout [2 s]"), "{differs}");
        assert!(views.check().unwrap_err().ends_with("variable Timeout [none]"));
    }

    #[test]
    fn a_timeout_is_asked_for_in_whole_seconds_rounded_up() {
        let asked = |machine: Machine| front_page_timeout(&machine);
        let menu = |splash_time| asked(Machine::q35(Firmware::Ovmf).boot_menu(splash_time));
        let waits = [None, Some(0), Some(1), Some(1000), Some(1001), Some(65_535)];
        assert_eq!(waits.map(menu), [3, 0, 1, 1, 2, 66].map(Some));
        let on_arm = |splash_time| asked(Machine::new(Firmware::Aavmf, Board::Virt).boot_menu(splash_time));
        assert_eq!([on_arm(None), on_arm(Some(1001))], [Some(5), Some(2)], "AAVMF has a wait of its own");
        let others = [Machine::q35(Firmware::Ovmf), Machine::q35(Firmware::SeaBios).boot_menu(None)];
        assert_eq!(others.map(asked), [None, None]);
    }

    #[test]
    fn a_list_that_lacks_a_device_is_printed_beside_what_was_asked_for() {
        let stale = stale(&views("a | b", Some("a")));
        assert_eq!(stale.as_deref(), Some("fw_cfg bootorder is stale: [a], the machine asks for [a | b]"));
    }

    #[test]
    fn what_the_host_reads_counts_where_no_payload_could() {
        assert_eq!(stale(&views("a", None)), None);
        let read = views("a", None).with_host(Some(b""), Some(b""));
        assert_eq!(stale(&read).as_deref(), Some("fw_cfg bootorder is stale: [], the machine asks for [a]"));
        assert_eq!(stale(&views("a", None).with_host(Some(b"a\0"), None)), None);
    }

    #[test]
    fn geometry_that_differs_is_stale_in_any_order_but_the_same() {
        let views =
            Views { asked_geometry: Some(lines("a 1 2 3 | b 4 5 6")), ran: Some("x".into()), ..Views::default() };
        let same = views.clone().with_host(None, Some(b"b 4 5 6\na 1 2 3\0"));
        assert_eq!((stale(&same), same.check()), (None, Ok(())));
        let differs = views.with_host(None, Some(b"b 4 5 6\0"));
        let text = "fw_cfg bios-geometry is stale: [b 4 5 6], the machine asks for [a 1 2 3 | b 4 5 6]";
        assert_eq!(stale(&differs).as_deref(), Some(text));
        assert!(differs.check().is_err());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::Attempt;

    #[test]
    fn what_a_kernel_withholds_is_missing_from_a_program_of_the_run() {
        let payload = |withheld, medium_of_nonce: Option<&str>| Payload {
            withheld,
            medium_of_nonce: medium_of_nonce.map(str::to_owned),
            ..Payload::default()
        };
        let words = "the kernel is locked down, and keeps fw_cfg from the program of \"disk\"";
        assert_eq!(withheld(Some(&payload(true, Some("disk")))).as_deref(), Some(words));
        for fine in [payload(false, Some("disk")), payload(true, None)] {
            assert_eq!(withheld(Some(&fine)), None, "{fine:?}");
        }
    }

    #[test]
    fn a_program_that_the_boot_manager_announced_finds_a_boot_current() {
        let payload = |via: &str, boot_current| Payload {
            via: via.to_owned(),
            boot_current,
            medium: "disk".to_owned(),
            ..Payload::default()
        };
        let trace = |target: &str, start, payload| {
            let booted = Attempt { outcome: Some(Outcome::Booted), start, ..Attempt::on(target) };
            Trace { attempts: vec![booted], payloads: vec![payload], laps: 1, ..Trace::default() }
        };
        let announced = "Boot0001 \"UEFI Misc Device\"";
        let none = trace(announced, Start::Announced, payload("uefi", None));
        let words = "the boot manager started Boot0001, and the program of \"disk\" found no BootCurrent";
        assert_eq!(no_current(&none).as_deref(), Some(words));
        let ordered = Payload { boot_order: Some(vec![1, 0]), ..payload("uefi", None) };
        let silent = no_current(&trace("no boot option", Start::NoOption, ordered));
        assert_eq!(
            silent.as_deref(),
            Some("the program of \"disk\" found a BootOrder of 2 options and no BootCurrent")
        );
        for fine in [
            trace(announced, Start::Announced, payload("uefi", Some(1))),
            trace("full store", Start::NoOption, payload("uefi", None)),
            trace(announced, Start::Recovery, payload("uefi", None)),
            trace(announced, Start::Announced, payload("linux", None)),
            trace("Hard Disk", Start::Announced, payload("bios", None)),
        ] {
            assert_eq!(no_current(&fine), None, "{fine:?}");
        }
    }
}

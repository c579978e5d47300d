//! The networks of one run: programs with this run's nonces, a socket pair per NIC, events into the timeline, the capture.
//!
//! It never decides what an exchange means: that is `trace`'s work.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use bootwright_images::{Nonce, Target};

use super::error::RunError;
use super::lab;
use super::system::Maker;
use crate::evidence::{NetworkEvent, Observed, Recorder, file};
use crate::foreign;
use crate::lan::tls::Authority;
use crate::lan::{Lan, LanEvent, LanEventKind, LanLog, LanSpec, Lateness, pcapng};
use crate::machine::{DeviceName, Machine};
use crate::vm::VmError;

/// The networks of a machine, ready before power-on.
#[derive(Default)]
pub struct Networks {
    lans: Vec<LanSpec>,
    /// Device index of each NIC, by lan and port.
    nics: Vec<Vec<usize>>,
    /// Name of each NIC, by lan and port.
    names: Vec<Vec<DeviceName>>,
    /// Which of the lans is a lab of real parts.
    lab: Option<usize>,
    /// Nonce of each served medium, by name.
    pub nonces: BTreeMap<String, String>,
    /// fw_cfg entries that the firmware needs for this network, name and file.
    pub fw_cfg: Vec<(String, PathBuf)>,
}

impl Networks {
    /// Fills a machine's networks. Files for fw_cfg go into `folder`.
    ///
    /// # Errors
    ///
    /// What could not be made.
    pub fn of(machine: &Machine, folder: &Path, nonce: impl Fn(&str) -> Nonce) -> Result<Networks, RunError> {
        let mut networks = Networks::default();
        let target = machine.board.facts().target;
        for (index, network) in machine.networks.iter().enumerate() {
            let filled = network.filled(&nonce);
            let mut lan = filled.map_err(|error| RunError::because(format!("network {index}"), error))?;
            for medium in network.media() {
                networks.nonces.insert(medium.to_owned(), nonce(medium).to_string());
            }
            lan = with_folder(lan, network.folder.as_deref())?;
            lan = with_loaders(lan, (network, target), index, folder, &nonce)?;
            if let Some(https) = &network.https {
                let path = folder.join(format!("cacerts-{index}.siglist"));
                let names: Vec<&str> = https.names.iter().map(String::as_str).collect();
                lan.http = with_tls(lan.http, &names, https.trusted, &path)?;
                networks.fw_cfg.push(("etc/edk2/https/cacerts".to_owned(), path));
            }
            let plugged = machine.plugged_nics().filter(|(_, nic)| nic.lan == Some(index));
            let nics: Vec<_> = plugged.map(|(device, _)| device).collect();
            if let (Some(bridge), [_, ..]) = (&network.bridge, &nics[..]) {
                if let Some(other) = networks.lab.replace(index) {
                    let what = format!("networks {other} and {index} are both real bridges: a machine can have one");
                    return Err(RunError::new(what));
                }
                lab::write(folder, bridge, &nics, &lan)?;
            }
            networks.names.push(nics.iter().filter_map(|&device| machine.name_of(device)).collect());
            networks.nics.push(nics);
            networks.lans.push(lan);
        }
        Ok(networks)
    }

    /// Powers the lans on and makes ready for a lab.
    ///
    /// # Errors
    ///
    /// [`VmError::Prepare`] with what the host refused.
    pub fn power_on(&self, recorder: &Recorder) -> Result<(RunningNetworks, FarEnds), VmError> {
        let prepare = |source| VmError::Prepare { what: "the network".to_owned(), source };
        let mut running = RunningNetworks::default();
        let mut ends: BTreeMap<usize, OwnedFd> = BTreeMap::new();
        let mut far = FarEnds::default();
        for (index, (spec, nics)) in self.lans.iter().zip(&self.nics).enumerate() {
            let log = LanLog::new(spec.record_budget);
            let (timeline, names) = (recorder.clone(), self.names.get(index).cloned().unwrap_or_default());
            log.observe(move |event| {
                timeline.note(Observed::Network(on_nic(event, &names)));
                if let LanEventKind::Panicked { message } = &event.kind {
                    timeline.fail(&format!("network {index} panicked: {message}"));
                }
            });
            if self.lab == Some(index) {
                let (readers, lab) = lab::readers(nics, &log).map_err(prepare)?;
                ends.extend(nics.iter().copied().zip(lab.nics));
                far.lab = Some((lab.log, lab.env));
                running.lab = Some(readers);
                running.networks.push((Network::Lab(log), nics.clone()));
                continue;
            }
            let mut ports = Vec::new();
            for &device in nics {
                let (end, port) = UnixStream::pair().map_err(prepare)?;
                ends.insert(device, end.into());
                ports.push(port);
            }
            let lan =
                Lan::start_into(spec.clone(), ports, log).map_err(|error| prepare(std::io::Error::other(error)))?;
            running.networks.push((Network::Lan(lan), nics.clone()));
        }
        far.nics = ends.into_values().collect();
        Ok((running, far))
    }
}

/// The lan with the files of a folder; one that the lan offers already stays.
fn with_folder(mut lan: LanSpec, folder: Option<&Path>) -> Result<LanSpec, RunError> {
    let Some(folder) = folder else { return Ok(lan) };
    let files = foreign::folder::files(folder).map_err(|error| RunError::because("the folder to serve", error))?;
    for (name, path) in files {
        if !lan.files.contains_key(&name) {
            let bytes = std::fs::read(&path).map_err(RunError::file("read", &path))?;
            lan = lan.file(name, bytes);
        }
    }
    Ok(lan)
}

/// Adds the programs of others that a network serves, and says in the evidence which they are.
fn with_loaders(
    mut lan: LanSpec,
    (network, target): (&crate::machine::Network, Target),
    index: usize,
    folder: &Path,
    nonce: impl Fn(&str) -> Nonce,
) -> Result<LanSpec, RunError> {
    let mut maker = Maker::new(folder, target);
    for (file, loader) in &network.loaders {
        lan = lan.file(file.clone(), maker.loader(file, loader)?);
    }
    for system in &network.systems {
        let of = (system.medium.as_str(), nonce(&system.medium));
        lan = lan.file(system.file.clone(), maker.content(&system.file, &system.content, of)?);
    }
    maker.write(&format!("loaders-{index}.json"))?;
    Ok(lan)
}

fn with_tls(
    http: crate::lan::routes::Http,
    names: &[&str],
    trusted: bool,
    path: &Path,
) -> Result<crate::lan::routes::Http, RunError> {
    let cannot = |error: crate::lan::tls::TlsError| RunError::because("cannot make a certificate", error);
    let authority = Authority::new("bootwright run").map_err(cannot)?;
    let identity = authority.issue(names).map_err(cannot)?;
    let given =
        if trusted { authority.edk2_cacerts() } else { Authority::new("another").map_err(cannot)?.edk2_cacerts() };
    file::write(path, &given).map_err(RunError::file("write", path))?;
    Ok(http.tls(identity))
}

/// What QEMU inherits of the networks.
#[derive(Default)]
pub struct FarEnds {
    /// One for each NIC that has a network, in device order.
    pub nics: Vec<OwnedFd>,
    /// A lab's: the descriptor for its lines and the variable that names it.
    pub lab: Option<(OwnedFd, (String, String))>,
}

/// A network that is on.
enum Network {
    Lan(Lan),
    Lab(LanLog),
}

/// The networks of a run, on.
#[derive(Default)]
pub struct RunningNetworks {
    networks: Vec<(Network, Vec<usize>)>,
    lab: Option<lab::Readers>,
}

/// The lans of a run, off, with everything that happened on them: of each power-on its own.
#[derive(Default)]
pub struct NetworkRecord {
    power_ons: Vec<Vec<(LanLog, Vec<usize>)>>,
}

impl RunningNetworks {
    /// Whether one of them is a lab, which ends with QEMU's wrapper only.
    pub fn has_lab(&self) -> bool {
        self.lab.is_some()
    }

    /// Powers the networks off, once everything that the guest had sent is received. `ended` says that QEMU and its
    /// wrapper are gone; what a lab does after this is not seen otherwise.
    pub fn power_off(self, ended: bool, recorder: &Recorder) -> NetworkRecord {
        for message in self.lab.filter(|_| ended).map(lab::Readers::finish).unwrap_or_default() {
            recorder.fail(&format!("a reader of the lab panicked: {message}"));
        }
        let log = |network| match network {
            Network::Lan(lan) => lan.stop(),
            Network::Lab(log) => log,
        };
        let logs = self.networks.into_iter().map(|(network, nics)| (log(network), nics)).collect();
        NetworkRecord { power_ons: vec![logs] }
    }
}

impl NetworkRecord {
    /// Adds what happened after a later power-on.
    pub fn add(&mut self, later: NetworkRecord) {
        self.power_ons.extend(later.power_ons);
    }

    /// How late its lans answered: the one that was latest.
    pub fn lateness(&self) -> Lateness {
        self.power_ons.iter().flatten().map(|(log, _)| log.lateness()).max().unwrap_or_default()
    }

    /// Every event, power-on by power-on and each lan's in order, with the device index of its NIC as port.
    pub fn events(&self) -> impl Iterator<Item = LanEvent> {
        self.power_ons.iter().flatten().flat_map(|(log, nics)| {
            log.each_event().map(move |mut event| {
                event.port = event.port.and_then(|port| nics.get(port).copied());
                event
            })
        })
    }

    /// Writes `network.pcapng`; a second lan has `network-1.pcapng` and so on. What was captured after a second power-on is
    /// in `network-power-on-2.pcapng`.
    ///
    /// # Errors
    ///
    /// The file that could not be written.
    pub fn write(&self, folder: &Path) -> Result<(), RunError> {
        for (before, logs) in self.power_ons.iter().enumerate() {
            let behind = if before == 0 { String::new() } else { format!("-power-on-{}", before + 1) };
            for (index, (log, nics)) in logs.iter().enumerate() {
                let number = if index == 0 { String::new() } else { format!("-{index}") };
                let path = folder.join(format!("network{number}{behind}.pcapng"));
                let written = file::write_with(&path, |mut out| pcapng::write(log, nics.len(), &mut out));
                written.map_err(RunError::file("write", &path))?;
            }
        }
        Ok(())
    }
}

/// An event as the timeline has it.
fn on_nic(event: &LanEvent, nics: &[DeviceName]) -> NetworkEvent {
    let nic = event.port.and_then(|port| nics.get(port)).map(ToString::to_string);
    NetworkEvent { event: event.kind.clone(), nic }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::{Firmware, Medium, Network};
    use std::io::Write;

    #[test]
    fn each_nic_has_its_own_end_in_device_order_and_the_name_that_a_story_gives_it() {
        let machine = Machine::pc(Firmware::SeaBios)
            .network(Network::new(LanSpec::new()))
            .network(Network::new(LanSpec::new()))
            .virtio_blk(Medium::bootable("disk"))
            .nic("e1000", Some(1))
            .nic("e1000", None)
            .nic("e1000", Some(0));
        let folder = tempfile::tempdir().unwrap();
        let networks = Networks::of(&machine, folder.path(), |_| Nonce([0; 16])).unwrap();
        let recorder = Recorder::new();
        let (running, far) = networks.power_on(&recorder).unwrap();
        let mut ends: Vec<UnixStream> = far.nics.into_iter().map(UnixStream::from).collect();
        ends[0].write_all(&[&60_u32.to_be_bytes()[..], &[0xff; 60]].concat()).unwrap();
        let record = running.power_off(true, &recorder);
        assert_eq!((record.events().next().unwrap().port, machine.device_named("nic0")), (Some(1), Some(1)));
        assert!(recorder.timeline_jsonl().contains("\"nic\":\"nic0\""));
        record.write(folder.path()).unwrap();
        assert!(folder.path().join("network-1.pcapng").exists());
    }

    #[test]
    fn what_was_seen_of_earlier_power_ons_is_kept() {
        let machine = Machine::pc(Firmware::SeaBios)
            .network(Network::new(LanSpec::new()))
            .nic("e1000", None)
            .nic("e1000", Some(0));
        let folder = tempfile::tempdir().unwrap();
        let networks = Networks::of(&machine, folder.path(), |_| Nonce([0; 16])).unwrap();
        let recorder = Recorder::new();
        let mut record = NetworkRecord::default();
        for length in [60_u32, 61] {
            let (running, far) = networks.power_on(&recorder).unwrap();
            let mut end = UnixStream::from(far.nics.into_iter().next().unwrap());
            end.write_all(&[&length.to_be_bytes()[..], &vec![0xff; length as usize]].concat()).unwrap();
            drop(end);
            record.add(running.power_off(true, &recorder));
        }
        let events: Vec<LanEvent> = record.events().collect();
        assert!(events.len() >= 2, "{events:?}");
        record.write(folder.path()).unwrap();
        for name in ["network.pcapng", "network-power-on-2.pcapng"] {
            assert!(folder.path().join(name).exists(), "{name}");
        }
    }
}

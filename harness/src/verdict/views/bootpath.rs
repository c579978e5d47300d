//! The path that Open Firmware says a program was loaded from, against the one of the device that has it.

use crate::machine::layout::Layout;
use crate::machine::{Machine, paths};
use crate::trace::Payload;

/// What is wrong with what the program that ran was told of its device, in words; `None` where nothing is.
pub fn difference(machine: &Machine, layout: &Layout, payload: Option<&Payload>) -> Option<String> {
    let payload = payload.filter(|payload| payload.via == "openfirmware")?;
    let medium = payload.medium_of_nonce.as_deref()?;
    let drive = machine.device_with_medium(medium);
    let serves =
        |lan: usize| machine.networks.get(lan).is_some_and(|network| network.media().any(|name| name == medium));
    let nics = machine.plugged_nics().filter(|(_, nic)| nic.lan.is_some_and(serves)).map(|(index, _)| index);
    let own: Vec<String> =
        drive.into_iter().chain(nics).filter_map(|index| paths::slof_path(machine, layout, index)).collect();
    let told = payload.bootpath.as_deref().unwrap_or("nothing");
    // arguments of the device stand behind a colon
    let device = told.split_once(':').map_or(told, |(device, _)| device);
    (!own.iter().any(|own| own == device)).then(|| {
        format!(
            "the program of \"{medium}\" was told that it comes from {told}, and its device is {}",
            own.join(" or ")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lan::LanSpec;
    use crate::machine::{Board, Firmware, Medium, Network};

    #[test]
    fn the_path_that_a_program_was_told_is_its_devices() {
        let machine = Machine::new(Firmware::Slof, Board::Pseries)
            .virtio_blk(Medium::bootable("a"))
            .virtio_scsi(0, 2, Medium::bootable("b"))
            .nic("virtio-net-pci", Some(0))
            .network(Network::new(LanSpec::new()).forth_script("boot.fs", "served"));
        let layout = Layout::of(&machine).unwrap();
        let told = |medium: &str, path: Option<&str>| {
            let (via, medium_of_nonce) = ("openfirmware".to_owned(), Some(medium.to_owned()));
            let payload = Payload { via, medium_of_nonce, bootpath: path.map(str::to_owned), ..Payload::default() };
            difference(&machine, &layout, Some(&payload))
        };
        let root = "/pci@800000020000000";
        let path = |index| paths::slof_path(&machine, &layout, index).unwrap();
        assert_eq!(path(0), format!("{root}/scsi@3"));
        assert_eq!(path(1), format!("{root}/scsi@4/disk@100000200000000"));
        assert_eq!(path(2), format!("{root}/ethernet@5"));
        assert_eq!(told("a", Some(&path(0))), None);
        assert_eq!(told("b", Some(&format!("{}:1", path(1)))), None);
        assert_eq!(told("served", Some(&path(2))), None);
        let words =
            format!("the program of \"a\" was told that it comes from {}, and its device is {}", path(1), path(0));
        assert_eq!(told("a", Some(&path(1))), Some(words));
        assert!(told("served", None).is_some());
        assert_eq!(difference(&machine, &layout, Some(&Payload::default())), None, "a program of another machine");
    }
}

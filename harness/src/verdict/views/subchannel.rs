//! The subchannel that firmware says a program was loaded from (z/Architecture), against the one of the device that has it.

use crate::machine::layout::Layout;
use crate::machine::{Machine, Place};
use crate::trace::Payload;

/// What is wrong with what the program that ran was told of its device, in words; `None` where nothing is.
pub fn difference(machine: &Machine, layout: &Layout, payload: Option<&Payload>) -> Option<String> {
    let payload = payload.filter(|payload| payload.via == "ipl")?;
    let medium = payload.medium_of_nonce.as_deref()?;
    let told = payload.subchannel?;
    let drive = machine.device_with_medium(medium);
    let serves =
        |lan: usize| machine.networks.get(lan).is_some_and(|network| network.media().any(|name| name == medium));
    let nics = machine.plugged_nics().filter(|(_, nic)| nic.lan.is_some_and(serves)).map(|(index, _)| index);
    // firmware leaves there what it found last, which is nothing of a function of PCI
    if drive.is_some_and(|index| machine.devices[index].place == Place::Zpci) {
        return None;
    }
    let own: Vec<u32> = drive
        .into_iter()
        .chain(nics)
        .filter_map(|index| Some(layout.devices.get(index)?.channel?.identification()))
        .collect();
    let text = || own.iter().map(|own| format!("{own:08x}")).collect::<Vec<_>>().join(" or ");
    (!own.contains(&told)).then(|| {
        format!(
            "the program of \"{medium}\" was told that it comes from subchannel {told:08x}, and its device has {}",
            text()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lan::LanSpec;
    use crate::machine::{Board, Firmware, Medium, Network};

    #[test]
    fn the_subchannel_that_a_program_was_told_is_its_devices() {
        let machine = Machine::new(Firmware::S390Ccw, Board::S390CcwVirtio)
            .virtio_blk(Medium::bootable("a"))
            .virtio_scsi(0, 1, Medium::bootable("b"))
            .nic("virtio-net-ccw", Some(0))
            .network(Network::new(LanSpec::new()).ipl_program("boot.bin", "served"));
        let layout = Layout::of(&machine).unwrap();
        let told = |medium: &str, subchannel| {
            let (via, medium_of_nonce) = ("ipl".to_owned(), Some(medium.to_owned()));
            let payload = Payload { via, medium_of_nonce, subchannel: Some(subchannel), ..Payload::default() };
            difference(&machine, &layout, Some(&payload))
        };
        assert_eq!([told("b", 0x10000), told("a", 0x10001), told("served", 0x10002)], [None, None, None]);
        let words = "the program of \"a\" was told that it comes from subchannel 00010000, and its device has 00010001";
        assert_eq!(told("a", 0x10000).as_deref(), Some(words));
        assert!(told("served", 0x10001).is_some());
        assert_eq!(difference(&machine, &layout, Some(&Payload::default())), None, "a program of another machine");
    }
}

//! Places on the hypervisor's own bus of a `pseries`: each device has a number, its `reg`, which is the unit address of its node under
//! `/vdevice` too.
//!
//! QEMU gives its console 0x71000000 and its NVRAM 0x71000001, and makes an interrupt of the last four bits of such a number
//! (`spapr_vio_reg_to_irq` in its `hw/ppc/spapr_vio.c`), so that sixteen of them differ in it.

use crate::machine::{DeviceClass, Machine, NicModel, ScsiAdapter, Value};

/// The number of the first device.
const FIRST: u32 = 0x7100_0003;

/// An adapter on this bus that devices share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VioAdapter {
    /// QEMU's id.
    pub id: String,
    /// QEMU's device name.
    pub driver: &'static str,
    /// Properties besides id and reg.
    pub properties: Vec<(String, Value)>,
    /// Its number.
    pub at: u32,
}

/// Adds the adapter with this driver and number where it is new, and what a device wants of it; its id.
pub(super) fn share(
    adapters: &mut Vec<VioAdapter>,
    (driver, hba): (&'static str, impl std::fmt::Display),
    at: u32,
    properties: &[(String, Value)],
) -> String {
    let id = format!("{driver}-{hba}");
    if adapters.iter().all(|known| known.id != id) {
        adapters.push(VioAdapter { id: id.clone(), driver, properties: Vec::new(), at });
    }
    for adapter in adapters.iter_mut().filter(|known| known.id == id) {
        let new = properties.iter().filter(|one| !adapter.properties.contains(one));
        let new: Vec<_> = new.cloned().collect();
        adapter.properties.extend(new);
    }
    id
}

/// The number of the device, or of its adapter: in device order, each adapter with its first device.
pub(super) fn reg(machine: &Machine, index: usize) -> u32 {
    let owner = |index: usize| match &machine.devices[index].class {
        DeviceClass::Scsi { adapter: ScsiAdapter::SpaprVscsi, hba, .. } => Some((Some(*hba), 0)),
        DeviceClass::Nic(nic) if nic.model == NicModel::SpaprVlan => Some((None, index)),
        _ => None,
    };
    let mut owners = Vec::new();
    for owner in (0..machine.devices.len()).filter_map(owner) {
        if !owners.contains(&owner) {
            owners.push(owner);
        }
    }
    let position = owner(index).and_then(|own| owners.iter().position(|known| *known == own)).unwrap_or_default();
    FIRST.saturating_add(u32::try_from(position).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use crate::machine::layout::Layout;
    use crate::machine::{Board, Firmware, Machine, Medium, ScsiAdapter, paths};

    #[test]
    fn each_adapter_and_card_has_a_number_that_its_path_has_too() {
        let machine = Machine::new(Firmware::Slof, Board::Pseries)
            .nic("spapr-vlan", None)
            .virtio_blk(Medium::bootable("disk"))
            .scsi(ScsiAdapter::SpaprVscsi, 3, 2, Medium::bootable("lun"))
            .adapter_property("x", 1_u8)
            .nic("spapr-vlan", None)
            .scsi(ScsiAdapter::SpaprVscsi, 4, 0, Medium::bootable("next"));
        let layout = Layout::of(&machine).unwrap();
        let path = |index| paths::slof_path(&machine, &layout, index).unwrap();
        assert_eq!(path(0), "/vdevice/l-lan@71000003");
        assert_eq!(path(1), "/pci@800000020000000/scsi@3");
        assert_eq!(path(2), "/vdevice/v-scsi@71000004/disk@8302000000000000");
        assert_eq!(path(3), "/vdevice/l-lan@71000005");
        assert_eq!(path(4), "/vdevice/v-scsi@71000004/disk@8400000000000000");
        assert_eq!((layout.vio_adapters.len(), layout.vio_adapters[0].properties.len()), (1, 1));
    }

    #[test]
    fn a_board_without_the_bus_refuses_both() {
        let refused = |machine: Machine| Layout::of(&machine).unwrap_err().to_string();
        let pc = || Machine::pc(Firmware::SeaBios);
        let wanted = "device 0: the bus of a pseries' hypervisor does not exist on pc";
        assert_eq!(refused(pc().nic("spapr-vlan", None)), wanted);
        assert_eq!(refused(pc().scsi(ScsiAdapter::SpaprVscsi, 0, 0, Medium::bootable("a"))), wanted);
    }
}

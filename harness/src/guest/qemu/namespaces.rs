//! The rank of an NVMe controller whose disks are namespaces of their own.

use super::Reader;
use super::controller::Controller;
use crate::guest::{GuestDevice, Untried};
use crate::machine::DeviceClass;

impl Reader<'_> {
    /// QEMU's line for the controller's rank names a namespace 1 (`nvme_instance_init` in its `hw/nvme/ctrl.c`), whether there is one
    /// or not. SeaBIOS reads the controller's part of it and boots the lowest namespace, as with a rank of that one's own. OVMF boots
    /// namespace 1, which no rank of its own does: the machines here have no such line.
    pub(super) fn rank_namespaces(&mut self, devices: &mut Vec<GuestDevice>) {
        for controller in std::mem::take(&mut self.controllers) {
            let nsid_of = |device: &GuestDevice| match device.device.class {
                DeviceClass::NvmeNamespace { controller: index, nsid } if controller.index == Some(index) => Some(nsid),
                _ => None,
            };
            let of_it = || devices.iter().enumerate().filter_map(|(at, device)| Some((nsid_of(device)?, at)));
            let found = match self.uefi.is_some() {
                true => of_it().find(|(nsid, _)| *nsid == 1),
                false => of_it().min(),
            };
            let found = found.map(|(_, at)| at).filter(|&at| devices[at].device.bootindex.is_none());
            match found {
                Some(at) if self.uefi.is_some() => {
                    let namespace = devices.remove(at);
                    self.leave_out(&controller, namespace.name, "NVMe disk, namespace 1 of a controller with a rank");
                }
                Some(at) => {
                    let device = &mut devices[at];
                    device.device.bootindex = Some(controller.rank);
                    let words = format!(
                        "bootindex {} of {}: that of {}, its lowest namespace",
                        controller.rank, controller.id, device.name
                    );
                    self.notes.replaced(controller.line, words);
                }
                None => {
                    let kind = match controller.index {
                        Some(_) => "nvme, a rank of the controller beside namespaces of their own",
                        None => "nvme, a controller without a namespace",
                    };
                    self.leave_out(&controller, controller.id.clone(), kind);
                }
            }
        }
    }

    /// Keeps the row of what a controller's rank is for.
    fn leave_out(&mut self, controller: &Controller, name: String, kind: &str) {
        let words =
            format!("bootindex {} of {}: that of {name}, {kind}: cannot be had here", controller.rank, controller.id);
        self.notes.ignored(controller.line, words);
        let (line, rank) = (controller.line, Some(controller.rank));
        self.untried.push(Untried { name, line, kind: kind.to_owned(), rank });
    }
}

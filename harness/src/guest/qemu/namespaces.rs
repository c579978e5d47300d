//! The rank of an NVMe controller whose disks are namespaces of their own.

use super::Reader;
use crate::guest::{GuestDevice, Untried};
use crate::machine::DeviceClass;

impl Reader<'_> {
    /// QEMU's line for the controller's rank names a namespace 1 (`nvme_instance_init` in its `hw/nvme/ctrl.c`), whether there is one
    /// or not. SeaBIOS reads the controller's part of it and boots the lowest namespace, as with a rank of that one's own.
    pub(super) fn rank_namespaces(&mut self, devices: &mut [GuestDevice]) {
        for controller in std::mem::take(&mut self.controllers) {
            let of_it = |device: &GuestDevice| match device.device.class {
                DeviceClass::NvmeNamespace { controller: index, nsid } => {
                    (controller.index == Some(index)).then_some(nsid)
                }
                _ => None,
            };
            let lowest = devices.iter_mut().filter(|device| of_it(device).is_some()).min_by_key(|device| of_it(device));
            match lowest {
                Some(device) if self.uefi.is_none() && device.device.bootindex.is_none() => {
                    device.device.bootindex = Some(controller.rank);
                    let words = format!(
                        "bootindex {} of {}: that of {}, its lowest namespace",
                        controller.rank, controller.id, device.name
                    );
                    self.notes.replaced(controller.line, words);
                }
                _ => self.untried.push(Untried {
                    name: controller.id,
                    line: controller.line,
                    kind: match controller.index {
                        Some(_) => "nvme, a rank of the controller beside namespaces of their own",
                        None => "nvme, a controller without a namespace",
                    }
                    .to_owned(),
                    rank: Some(controller.rank),
                }),
            }
        }
    }
}

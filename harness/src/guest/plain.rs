//! A device with nothing said of its place.

use crate::machine::{Device, DeviceClass, Place};

/// A device of a class with a rank, at no place in particular.
pub(super) fn plain_device(class: DeviceClass, optical: bool, bootindex: Option<i64>) -> Device {
    Device {
        class,
        medium: None,
        optical,
        place: Place::Root,
        slot: None,
        function: 0,
        multifunction: false,
        bootindex,
        logical_geometry: None,
        block_size: None,
        properties: Vec::new(),
        adapter_properties: Vec::new(),
        absent: false,
    }
}

//! The disk that a KVM vendor's article puts between a NIC and the disk that must not boot: it reboots the machine.
//!
//! Two instructions and a signature. It prints nothing and carries no nonce, since it is the article's, byte for byte.

use crate::Image;

/// Length in bytes, from the last offset of the article's listing.
const LENGTH: u64 = 524_288;

/// `mov al, 0xfe; out 0x64, al`: pulses the reset line through the keyboard controller.
const CODE: [u8; 4] = [0xb0, 0xfe, 0xe6, 0x64];

pub(crate) fn build() -> Image {
    let mut image = Image::zero(LENGTH);
    image.put(0, CODE);
    image.put(510, [0x55, 0xaa]);
    image
}

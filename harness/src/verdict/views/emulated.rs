//! What int 13h says of a drive that a boot catalogue has it emulate, against that catalogue (El Torito 1.0 section 6: the
//! specification packet of AX=4B01h).

use std::fmt;

use bootwright_images::Emulation;
use serde::Serialize;

use crate::trace::Payload;

/// What a program was told of the drive that a boot catalogue has the BIOS emulate, where the catalogue has it otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct MistoldEmulation {
    /// The emulation's name.
    pub emulation: &'static str,
    /// What is told of it, such as `media type`.
    pub what: &'static str,
    /// As the program read it.
    pub seen: String,
    /// As the boot catalogue has it.
    pub wanted: String,
}

impl fmt::Display for MistoldEmulation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let MistoldEmulation { emulation, what, seen, wanted } = self;
        write!(out, "of the emulated {emulation} int 13h tells the program the {what} {seen}, and it is {wanted}")
    }
}

/// Length of a specification packet, which is its first byte.
const PACKET_BYTES: usize = 19;

/// The first thing that the program was told otherwise than the boot catalogue has it.
pub(super) fn difference(emulation: Emulation, payload: &Payload) -> Option<MistoldEmulation> {
    let mistold = |what, seen: String, wanted: String| {
        (seen != wanted).then(|| MistoldEmulation { emulation: emulation.name(), what, seen, wanted })
    };
    let Some(packet) = payload.el_torito.as_ref().filter(|packet| packet.len() == PACKET_BYTES) else {
        return mistold("specification packet", "none".to_owned(), format!("of {PACKET_BYTES} bytes"));
    };
    let byte = |value: u8| format!("0x{value:02x}");
    let triple = |(cylinders, heads, sectors)| format!("{cylinders}/{heads}/{sectors}");
    // the type is in the lower half of its byte, the block is little-endian
    let block = u32::from_le_bytes([packet[4], packet[5], packet[6], packet[7]]);
    mistold("packet length", packet[0].to_string(), PACKET_BYTES.to_string())
        .or_else(|| mistold("media type", byte(packet[1] & 0x0f), byte(emulation.media_type())))
        .or_else(|| mistold("drive number", byte(packet[2]), byte(emulation.drive())))
        .or_else(|| mistold("image's first block", block.to_string(), Emulation::BLOCK.to_string()))
        .or_else(|| {
            let seen = payload.geometry.map_or("none".to_owned(), triple);
            mistold("geometry", seen, triple(told_geometry(emulation)))
        })
        .or_else(|| {
            let wanted = byte(emulation.drive_type()?);
            mistold("floppy drive type", payload.drive_type.map_or("none".to_owned(), byte), wanted)
        })
}

/// What int 13h AH=08h tells: of a hard disk SeaBIOS keeps the last cylinder (`disk_1308` in its `src/disk.c`).
fn told_geometry(emulation: Emulation) -> (u32, u32, u32) {
    let (cylinders, heads, sectors) = emulation.geometry();
    (if emulation == Emulation::HardDisk { cylinders - 1 } else { cylinders }, heads, sectors)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a BIOS tells that emulates as it should.
    fn payload(emulation: Emulation) -> Payload {
        let mut packet = vec![0; PACKET_BYTES];
        (packet[0], packet[1], packet[2], packet[4]) = (19, emulation.media_type(), emulation.drive(), 23);
        Payload {
            el_torito: Some(packet),
            geometry: Some(told_geometry(emulation)),
            drive_type: Some(emulation.drive_type().unwrap_or_default()),
            ..Payload::default()
        }
    }

    fn told(emulation: Emulation, change: impl Fn(&mut Payload)) -> Option<String> {
        let mut payload = payload(emulation);
        change(&mut payload);
        difference(emulation, &payload).map(|mistold| mistold.to_string())
    }

    #[test]
    fn what_is_told_as_the_catalogue_has_it_is_right() {
        for emulation in Emulation::ALL {
            assert_eq!(told(emulation, |_| {}), None, "{emulation:?}");
        }
    }

    #[test]
    fn each_thing_that_is_told_otherwise_is_found() {
        type Change = fn(&mut Payload);
        let byte = |at: usize, value: u8| {
            move |payload: &mut Payload| payload.el_torito.as_mut().expect("a packet")[at] = value
        };
        let of = "of the emulated floppy-1.44 int 13h tells the program the";
        for emulation in [Emulation::Floppy144] {
            assert_eq!(told(emulation, byte(0, 0xff)), Some(format!("{of} packet length 255, and it is 19")));
            assert_eq!(told(emulation, byte(1, 3)), Some(format!("{of} media type 0x03, and it is 0x02")));
            assert_eq!(told(emulation, byte(2, 0x80)), Some(format!("{of} drive number 0x80, and it is 0x00")));
            assert_eq!(told(emulation, byte(4, 24)), Some(format!("{of} image's first block 24, and it is 23")));
            let changes: [(Change, &str); 4] = [
                (|payload| payload.el_torito = None, "specification packet none, and it is of 19 bytes"),
                (|payload| payload.geometry = Some((80, 2, 15)), "geometry 80/2/15, and it is 80/2/18"),
                (|payload| payload.geometry = None, "geometry none, and it is 80/2/18"),
                (|payload| payload.drive_type = Some(6), "floppy drive type 0x06, and it is 0x04"),
            ];
            for (change, says) in changes {
                assert_eq!(told(emulation, change), Some(format!("{of} {says}")));
            }
        }
    }

    #[test]
    fn a_hard_disk_has_no_type_of_a_floppy_drive_and_keeps_its_last_cylinder() {
        assert_eq!(told(Emulation::HardDisk, |payload| payload.drive_type = Some(4)), None);
        let whole = told(Emulation::HardDisk, |payload| payload.geometry = Some((300, 5, 17)));
        assert!(whole.is_some_and(|whole| whole.ends_with("geometry 300/5/17, and it is 299/5/17")));
    }
}

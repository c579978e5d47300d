//! Ethernet II frames (IEEE 802.3 clause 3, without the frame check sequence, which QEMU leaves out).

use super::{MacAddr, WireError, array, at_least, be16};

/// Bytes of the header.
pub const HEADER_LEN: usize = 14;
/// Shortest frame that hardware puts on a wire, without the frame check sequence.
pub const MIN_FRAME_LEN: usize = 60;
/// EtherType of IPv4.
pub const IPV4: u16 = 0x0800;
/// EtherType of ARP.
pub const ARP: u16 = 0x0806;
/// EtherType of IPv6.
pub const IPV6: u16 = 0x86dd;

/// EtherType of an IEEE 802.1Q tag (clause 9.6): two bytes of control information, then the real EtherType.
pub const VLAN: u16 = 0x8100;
/// Bytes of a tag.
pub const TAG_LEN: usize = 4;

/// The VLAN identifier of a frame's tag, and the frame without the tag; `None` if it bears none.
pub fn without_tag(frame: &[u8]) -> Option<(u16, Vec<u8>)> {
    let tagged = frame.len() >= HEADER_LEN + TAG_LEN && be16(frame, 12) == VLAN;
    tagged.then(|| (be16(frame, 14) & 0xfff, [&frame[..12], &frame[16..]].concat()))
}

/// The frame with a tag of priority 0; a frame without a header stays as it is.
pub fn with_tag(frame: &[u8], vlan: u16) -> Vec<u8> {
    match frame.split_at_checked(12) {
        Some((addresses, rest)) => [addresses, &VLAN.to_be_bytes(), &(vlan & 0xfff).to_be_bytes(), rest].concat(),
        None => frame.to_vec(),
    }
}

/// A frame that is long enough to hold a header.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a>(&'a [u8]);

impl<'a> Packet<'a> {
    /// A view of `bytes`.
    ///
    /// # Errors
    /// [`WireError::Truncated`] if there is no whole header.
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        at_least("Ethernet", bytes, HEADER_LEN).map(Packet)
    }

    /// What follows the header, padding included.
    pub fn payload(&self) -> &'a [u8] {
        self.0.get(HEADER_LEN..).unwrap_or_default()
    }

    /// The header's values.
    pub fn repr(&self) -> Repr {
        Repr { dst: MacAddr(array(self.0, 0)), src: MacAddr(array(self.0, 6)), ethertype: be16(self.0, 12) }
    }
}

/// An Ethernet II header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repr {
    /// Receiver.
    pub dst: MacAddr,
    /// Sender.
    pub src: MacAddr,
    /// Protocol of the payload.
    pub ethertype: u16,
}

impl Repr {
    /// A frame with this header, padded with zeros to the shortest length that hardware sends.
    pub fn emit(&self, payload: &[u8]) -> Vec<u8> {
        let mut frame = Vec::with_capacity((HEADER_LEN + payload.len()).max(MIN_FRAME_LEN));
        frame.extend_from_slice(&self.dst.0);
        frame.extend_from_slice(&self.src.0);
        frame.extend_from_slice(&self.ethertype.to_be_bytes());
        frame.extend_from_slice(payload);
        if frame.len() < MIN_FRAME_LEN {
            frame.resize(MIN_FRAME_LEN, 0);
        }
        frame
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_comes_off_as_it_was_put_on() {
        let frame: Vec<u8> = (0..60).collect();
        let tagged = with_tag(&frame, 0x1005);
        assert_eq!((tagged.len(), &tagged[12..16]), (64, &[0x81, 0, 0, 5][..]));
        assert_eq!(without_tag(&tagged), Some((5, frame.clone())));
        assert_eq!(without_tag(&frame), None);
        assert_eq!(without_tag(&tagged[..17]), None);
        assert_eq!(with_tag(&[1; 5], 5), [1; 5]);
    }

    #[test]
    fn a_short_payload_is_padded_and_the_header_reads_back() {
        let header = Repr { dst: MacAddr([1, 2, 3, 4, 5, 6]), src: MacAddr([7, 8, 9, 10, 11, 12]), ethertype: IPV4 };
        let frame = header.emit(b"hi");
        assert_eq!(frame.len(), MIN_FRAME_LEN);
        let packet = Packet::new(&frame).unwrap();
        assert_eq!(packet.repr(), header);
        assert_eq!(&packet.payload()[..2], b"hi");
    }

    #[test]
    fn thirteen_bytes_are_no_frame() {
        assert!(matches!(Packet::new(&[0; 13]), Err(WireError::Truncated { wanted: 14, seen: 13, .. })));
    }
}

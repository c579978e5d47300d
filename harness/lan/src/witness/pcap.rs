//! The classic pcap format (libpcap's savefile), as QEMU's `net/dump.c` writes it: in the host's byte order.

use std::io::{self, Read};

const MAGIC: u32 = 0xa1b2_c3d4;
/// Longest frame that is read, bytes; QEMU's own limit.
const MAX_FRAME: u32 = 65536;

/// Frames of a stream.
#[derive(Debug)]
pub struct Reader<R>(R);

impl<R: Read> Reader<R> {
    /// Reads the header.
    ///
    /// # Errors
    ///
    /// Those of `stream`, and another first word than a capture has.
    pub fn new(mut stream: R) -> io::Result<Reader<R>> {
        let mut header = [0; 24];
        stream.read_exact(&mut header)?;
        if word(&header, 0) != MAGIC {
            return Err(io::Error::other("the stream does not begin with a pcap header"));
        }
        Ok(Reader(stream))
    }

    /// The next frame; `None` at the end of the stream.
    ///
    /// # Errors
    ///
    /// Those of the stream, its end inside a frame, and a frame that is too long.
    pub fn next_frame(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut header = [0; 16];
        let mut have = 0;
        while have < header.len() {
            match self.0.read(&mut header[have..])? {
                0 if have == 0 => return Ok(None),
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => have += count,
            }
        }
        let length = word(&header, 8);
        if length > MAX_FRAME {
            return Err(io::Error::other(format!("a frame of {length} bytes is longer than {MAX_FRAME}")));
        }
        let mut frame = vec![0; length as usize];
        self.0.read_exact(&mut frame)?;
        Ok(Some(frame))
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn capture(lengths: &[(u32, usize)]) -> Vec<u8> {
        let mut bytes = MAGIC.to_ne_bytes().to_vec();
        bytes.resize(24, 0);
        for &(claimed, sent) in lengths {
            bytes.extend_from_slice(&[0; 8]);
            bytes.extend_from_slice(&claimed.to_ne_bytes());
            bytes.extend_from_slice(&claimed.to_ne_bytes());
            bytes.resize(bytes.len() + sent, 7);
        }
        bytes
    }

    #[test]
    fn frames_come_one_by_one_until_the_end() {
        let bytes = capture(&[(60, 60), (3, 3)]);
        let mut reader = Reader::new(&bytes[..]).unwrap();
        assert_eq!(reader.next_frame().unwrap().unwrap().len(), 60);
        assert_eq!(reader.next_frame().unwrap().unwrap(), [7; 3]);
        assert_eq!(reader.next_frame().unwrap(), None);
    }

    #[test]
    fn what_is_no_capture_or_is_cut_is_refused() {
        assert!(Reader::new(&[0; 24][..]).is_err());
        assert!(Reader::new(&capture(&[])[..10]).is_err());
        for broken in [capture(&[(60, 10)]), capture(&[(70_000, 0)])] {
            assert!(Reader::new(&broken[..]).unwrap().next_frame().is_err());
        }
    }
}

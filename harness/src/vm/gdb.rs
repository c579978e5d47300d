//! A client of QEMU's gdb stub, for one purpose: to let a guest run until it is about to execute a certain instruction.
//!
//! The stub speaks GDB's remote serial protocol (GDB manual, appendix E) on a private socket: packets `$DATA#CHECKSUM`, each
//! acknowledged by `+`. The crates that there are implement the stub's side of it.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// Longest packet that is read, bytes; QEMU announces 4096.
const LONGEST_PACKET: usize = 1 << 16;

/// Where RIP stands in the answer to `g`: behind sixteen registers of eight bytes, in hexadecimal digits (QEMU's
/// `gdb-xml/i386-64bit.xml`).
const RIP: std::ops::Range<usize> = 16 * 8 * 2..17 * 8 * 2;

/// Why the guest did not stop where it should.
#[derive(Debug, thiserror::Error)]
pub enum GdbError {
    /// The socket's error; a stub that says nothing ends in a timeout of the socket.
    #[error("the gdb stub did not answer {asked}")]
    Socket {
        /// What it was asked.
        asked: String,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// An answer that was not expected.
    #[error("the gdb stub answered {answer:?} to {asked}")]
    Answer {
        /// What it was asked.
        asked: String,
        /// What it said.
        answer: String,
    },
}

/// A connection to the stub of a guest that is stopped.
pub struct Gdb {
    stream: UnixStream,
}

impl Gdb {
    /// Takes the near end of the stub's socket.
    pub fn new(stream: UnixStream) -> Gdb {
        Gdb { stream }
    }

    /// Lets the guest run until it is about to execute the instruction at `address`, for at most `patience`. It is stopped
    /// there afterwards, without a breakpoint.
    ///
    /// # Errors
    ///
    /// [`GdbError`]; where the guest is then is not known.
    pub fn run_to(&mut self, address: u64, patience: Duration) -> Result<(), GdbError> {
        let socket = |source| GdbError::Socket { asked: "for a deadline".to_owned(), source };
        self.stream.set_read_timeout(Some(patience)).map_err(socket)?;
        self.demand(&format!("Z1,{address:x},1"), |answer| answer == "OK")?;
        // T05: stopped by SIGTRAP, as a breakpoint does it
        self.demand("c", |answer| answer.starts_with("T05"))?;
        let rip = address.to_le_bytes().iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        self.demand("g", |answer| answer.get(RIP) == Some(rip.as_str()))?;
        self.demand(&format!("z1,{address:x},1"), |answer| answer == "OK")
    }

    /// Lets the guest run on; it is not waited for.
    #[cfg(test)]
    pub(crate) fn run_on(&mut self) -> io::Result<()> {
        self.stream.write_all(b"$c#63")
    }

    /// Stops a guest that runs, wherever it is.
    #[cfg(test)]
    pub(crate) fn interrupt(&mut self, patience: Duration) -> io::Result<()> {
        self.stream.set_read_timeout(Some(patience))?;
        self.stream.write_all(&[3])?;
        // the answer to the `c` before it
        while self.byte()? != b'#' {}
        Ok(())
    }

    fn demand(&mut self, asked: &str, wanted: impl Fn(&str) -> bool) -> Result<(), GdbError> {
        let answer = self.ask(asked).map_err(|source| GdbError::Socket { asked: asked.to_owned(), source })?;
        if wanted(&answer) { Ok(()) } else { Err(GdbError::Answer { asked: asked.to_owned(), answer }) }
    }

    fn ask(&mut self, packet: &str) -> io::Result<String> {
        let sum = packet.bytes().fold(0_u8, u8::wrapping_add);
        self.stream.write_all(format!("${packet}#{sum:02x}").as_bytes())?;
        let mut answer = Vec::new();
        // acknowledgements and whatever else stands before the packet
        while self.byte()? != b'$' {}
        loop {
            match self.byte()? {
                b'#' => break,
                byte if answer.len() < LONGEST_PACKET => answer.push(byte),
                _ => return Err(io::Error::new(io::ErrorKind::InvalidData, "a packet without end")),
            }
        }
        let digits = [self.byte()?, self.byte()?];
        let sum = answer.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
        if digits != format!("{sum:02x}").as_bytes() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a packet with a wrong checksum"));
        }
        self.stream.write_all(b"+")?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }

    fn byte(&mut self) -> io::Result<u8> {
        let mut byte = [0];
        self.stream.read_exact(&mut byte)?;
        Ok(byte[0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A stub that gives these answers one after another, whatever it is asked.
    fn stub(answers: Vec<Vec<u8>>) -> Gdb {
        let (near, mut far) = UnixStream::pair().unwrap();
        std::thread::spawn(move || {
            for answer in answers {
                let mut asked = [0; 64];
                // the packet, or the acknowledgement and the packet
                while !asked.contains(&b'#') {
                    if far.read(&mut asked).is_ok_and(|count| count == 0) {
                        return;
                    }
                }
                far.write_all(&answer).unwrap();
            }
            std::thread::sleep(Duration::from_secs(1));
        });
        Gdb::new(near)
    }

    const SHORT: Duration = Duration::from_millis(300);

    /// All registers with this RIP, as a packet.
    fn registers(rip: &str) -> Vec<u8> {
        let answer = "0".repeat(RIP.start) + rip + "00000000";
        let sum = answer.bytes().fold(0_u8, u8::wrapping_add);
        format!("+${answer}#{sum:02x}").into_bytes()
    }

    const OK: &[u8] = b"+$OK#9a";
    const STOPPED: &[u8] = b"+$T05thread:01;#07";

    #[test]
    fn a_guest_that_stops_at_the_address_is_there() {
        let answers = vec![OK.to_vec(), STOPPED.to_vec(), registers("7856341200000000"), OK.to_vec()];
        stub(answers).run_to(0x1234_5678, SHORT).unwrap();
    }

    #[test]
    fn a_guest_that_stops_elsewhere_or_does_not_stop_is_not() {
        let elsewhere = vec![OK.to_vec(), STOPPED.to_vec(), registers("0000000000000000")];
        let error = stub(elsewhere).run_to(0x1234_5678, SHORT).unwrap_err();
        assert!(matches!(error, GdbError::Answer { .. }), "{error}");
        let exited = vec![OK.to_vec(), b"+$W00#b7".to_vec()];
        assert!(matches!(stub(exited).run_to(1, SHORT), Err(GdbError::Answer { .. })));
        assert!(matches!(stub(vec![OK.to_vec()]).run_to(1, SHORT), Err(GdbError::Socket { .. })));
    }

    #[test]
    fn a_wrong_checksum_is_noticed() {
        let error = stub(vec![b"+$OK#00".to_vec()]).run_to(1, SHORT).unwrap_err();
        assert!(matches!(error, GdbError::Socket { .. }), "{error}");
    }
}

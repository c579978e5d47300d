//! What a program read of its machine's TPM, out of the lines that it prints before its own (format: `bootwright_images`).

use serde::{Deserialize, Serialize};

use super::digits::{hex, sum_of};

/// How each of these lines begins.
const MAGIC: &str = "BOOTWRIGHT-TCG/1 ";

/// What stands for something that there is not.
const NONE: &str = "-";

/// What a TPM and the firmware told a program of the boot so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measured {
    /// The TPM's answer to `TPM2_PCR_Read`; `None` where firmware did not pass the command on.
    #[serde(with = "super::readable::hex")]
    pub registers: Option<Vec<u8>>,
    /// The firmware's event log; `None` where it gives none.
    #[serde(with = "super::readable::hex")]
    pub log: Option<Vec<u8>>,
}

/// Puts the lines of one program together.
#[derive(Clone, Default)]
pub(super) struct Collector {
    begun: Option<Begun>,
}

#[derive(Clone)]
struct Begun {
    nonce: String,
    /// Length of the log, bytes.
    length: usize,
    measured: Measured,
}

/// What a line is to a [`Collector`].
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// None of its.
    Foreign,
    /// It was taken.
    Taken,
    /// It was one, and is not whole or out of its turn.
    Damaged,
}

impl Collector {
    /// Takes a line.
    pub fn line(&mut self, line: &str) -> Line {
        if !line.contains(MAGIC) {
            return Line::Foreign;
        }
        self.take(line).map_or(Line::Damaged, |()| Line::Taken)
    }

    fn take(&mut self, line: &str) -> Option<()> {
        let whole = line.split_once(MAGIC)?.1.trim_end().strip_suffix(" end")?;
        let (fields, sum) = whole.rsplit_once(" sum=")?;
        if sum_of(line, MAGIC).as_deref() != Some(sum) {
            return None;
        }
        let fields: Vec<(&str, &str)> = fields.split(' ').map(|field| field.split_once('=')).collect::<Option<_>>()?;
        match fields[..] {
            [("nonce", nonce), ("registers", registers), ("log-bytes", length)] => {
                let value = |text: &str| match text {
                    NONE => Some(None),
                    digits => hex(digits).map(Some),
                };
                let length = match value(length)? {
                    Some(bytes) => Some(number(bytes)?),
                    None => None,
                };
                let measured = Measured { registers: value(registers)?, log: length.map(|_| Vec::new()) };
                self.begun = Some(Begun { nonce: nonce.to_owned(), length: length.unwrap_or_default(), measured });
            }
            [("nonce", nonce), ("at", at), ("data", data)] => {
                let begun = self.begun.as_mut().filter(|begun| begun.nonce == nonce)?;
                let log = begun.measured.log.as_mut()?;
                let (at, data) = (number(hex(at)?)?, hex(data)?);
                if at != log.len() || at + data.len() > begun.length {
                    return None;
                }
                log.extend(data);
            }
            _ => return None,
        }
        Some(())
    }

    /// What the program with this nonce has printed, now that its own line is there; `Err` where some of it is missing.
    pub fn finish(&mut self, nonce: &str) -> Result<Option<Measured>, ()> {
        match self.begun.take() {
            None => Ok(None),
            Some(begun) => {
                let length = begun.measured.log.as_ref().map_or(0, Vec::len);
                if begun.nonce == nonce && length == begun.length { Ok(Some(begun.measured)) } else { Err(()) }
            }
        }
    }
}

/// Four bytes, the highest first.
fn number(bytes: Vec<u8>) -> Option<usize> {
    usize::try_from(u32::from_be_bytes(bytes.try_into().ok()?)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONCE: &str = "0123456789abcdef0123456789abcdef";

    fn line(fields: &str) -> String {
        let line = format!("{MAGIC}nonce={NONCE} {fields} sum=");
        let sum = sum_of(&line, MAGIC).unwrap();
        format!("{line}{sum} end")
    }

    fn read(lines: &[String]) -> Result<Option<Measured>, ()> {
        let mut collector = Collector::default();
        for line in lines {
            if collector.line(line) != Line::Taken {
                return Err(());
            }
        }
        collector.finish(NONCE)
    }

    #[test]
    fn a_log_is_put_together_line_by_line() {
        let lines =
            [line("registers=8001 log-bytes=00000003"), line("at=00000000 data=0a0b"), line("at=00000002 data=0c")];
        let measured = Measured { registers: Some(vec![0x80, 1]), log: Some(vec![10, 11, 12]) };
        assert_eq!(read(&lines), Ok(Some(measured)));
        for missing in 0..lines.len() {
            let mut left = lines.to_vec();
            left.remove(missing);
            assert_eq!(read(&left), Err(()), "without line {missing}");
        }
    }

    #[test]
    fn what_firmware_does_not_give_is_none() {
        let measured = Measured { registers: None, log: None };
        assert_eq!(read(&[line("registers=- log-bytes=-")]), Ok(Some(measured)));
        assert_eq!(read(&[]), Ok(None));
    }

    #[test]
    fn a_line_with_a_piece_cut_out_is_damaged_or_foreign() {
        let whole = line("registers=8001 log-bytes=00000003");
        for begin in 0..whole.len() {
            let cut = format!("{}{}", &whole[..begin], &whole[begin + 1..]);
            assert_ne!(Collector::default().line(&cut), Line::Taken, "{cut}");
        }
    }

    #[test]
    fn the_log_of_another_program_is_not_taken_for_this_one() {
        let mut collector = Collector::default();
        assert_eq!(collector.line(&line("registers=- log-bytes=-")), Line::Taken);
        assert_eq!(collector.finish("ffffffffffffffffffffffffffffffff"), Err(()));
        assert_eq!(collector.line("BdsDxe: loading Boot0001"), Line::Foreign);
    }
}

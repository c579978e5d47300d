//! A TPM's answer to `TPM2_PCR_Read` (Trusted Platform Module Library part 3, section 22.4).

use super::{REGISTERS, Register, SHA256};

/// The registers that are asked for: 0 to 7 of the bank of SHA-256 (`TPMS_PCR_SELECTION`).
const SELECTION: [u8; 6] = [0, 0x0b, 3, 0xff, 0, 0];

/// Why an answer does not have the registers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AnswerError {
    /// It ends in the middle.
    #[error("the TPM's answer of {length} bytes is not whole")]
    Short {
        /// Length of the answer, bytes.
        length: usize,
    },
    /// The TPM refused.
    #[error("the TPM refused to read its registers: response code {code:#x}")]
    Refused {
        /// `TPM_RC`.
        code: u32,
    },
    /// Registers are missing: the bank of SHA-256 is not active.
    #[error("the TPM gave {given} of {REGISTERS} registers of the bank of SHA-256 (TPM_ALG_ID {SHA256:#06x})")]
    Fewer {
        /// How many.
        given: usize,
    },
}

/// Registers 0 to 7 out of the answer.
///
/// # Errors
///
/// [`AnswerError`].
pub fn registers(answer: &[u8]) -> Result<[Register; REGISTERS], AnswerError> {
    let short = AnswerError::Short { length: answer.len() };
    // tag and length, response code, how often registers have changed, how many selections
    let (head, rest) = answer.split_first_chunk::<10>().ok_or(short.clone())?;
    let code = u32::from_be_bytes([head[6], head[7], head[8], head[9]]);
    if code != 0 {
        return Err(AnswerError::Refused { code });
    }
    let (_, rest) = rest.split_first_chunk::<8>().ok_or(short.clone())?;
    let (selection, rest) = rest.split_first_chunk::<6>().ok_or(short.clone())?;
    if *selection != SELECTION {
        let given = selection[3].count_ones() as usize;
        return Err(AnswerError::Fewer { given: given.min(REGISTERS - 1) });
    }
    let (count, rest) = rest.split_first_chunk::<4>().ok_or(short.clone())?;
    let given = u32::from_be_bytes(*count) as usize;
    let digests = rest.chunks_exact(2 + 32).filter(|digest| digest[..2] == [0, 32]);
    let digests: Vec<Register> = digests.filter_map(|digest| digest[2..].try_into().ok()).collect();
    digests.try_into().map_err(|found: Vec<Register>| match given == REGISTERS {
        true => short,
        false => AnswerError::Fewer { given: found.len().min(given) },
    })
}

//! Statuses of UEFI as edk2 prints them behind an option that it did not boot.

use super::Outcome;

/// The texts of `EFI_STATUS` errors (`%r` in `MdePkg/Library/BasePrintLib`): a sentence that ends in one is whole.
const STATUSES: [&str; 31] = [
    "Load Error",
    "Invalid Parameter",
    "Unsupported",
    "Bad Buffer Size",
    "Buffer Too Small",
    "Not Ready",
    "Device Error",
    "Write Protected",
    "Out of Resources",
    "Volume Corrupt",
    "Volume Full",
    "No Media",
    "Media changed",
    "Not Found",
    "Access Denied",
    "No Response",
    "No mapping",
    "Time out",
    "Not started",
    "Already started",
    "Aborted",
    "ICMP Error",
    "TFTP Error",
    "Protocol Error",
    "Incompatible Version",
    "Security Violation",
    "CRC Error",
    "End of Media",
    "End of File",
    "Invalid Language",
    "Compromised Data",
];

/// What edk2 says from 2026.02 on behind the status of a program that was not let through (`PlatformBmPrintScLib`).
const BY_SECURE_BOOT: &str = " -- rejected probably by Secure Boot";

/// Whether this is all that `%r` prints of an error: its text, or the last 32 bits of one that has none.
pub fn is_status(text: &str) -> bool {
    let is_digit = |letter: u8| matches!(letter, b'0'..=b'9' | b'A'..=b'F');
    let text = text.strip_suffix(BY_SECURE_BOOT).unwrap_or(text);
    STATUSES.contains(&text) || (text.len() == 8 && text.bytes().all(is_digit))
}

/// What the status of an option that was not booted comes to, beside what the option's own code said last.
pub fn outcome(status: &str, own_words: Option<&str>) -> Outcome {
    let cancelled = own_words.is_some_and(|own| own.contains("Remote boot cancelled"));
    let refused = ["Access Denied", "Security Violation", "Aborted"];
    let timed_out = status.contains("Time out") || status.contains("No Response");
    match cancelled || refused.contains(&status.strip_suffix(BY_SECURE_BOOT).unwrap_or(status)) {
        true => Outcome::Refused,
        false if timed_out => Outcome::TimedOut,
        false => Outcome::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_a_refusal_a_timeout_or_a_failure() {
        for refused in ["Access Denied", "Aborted", "Access Denied -- rejected probably by Secure Boot"] {
            assert_eq!(outcome(refused, None), Outcome::Refused, "{refused}");
        }
        assert_eq!(outcome("Time out", None), Outcome::TimedOut);
        assert_eq!(outcome("Not Found", None), Outcome::Failed);
        assert_eq!(outcome("Not Found", Some("PXE-E21: Remote boot cancelled.")), Outcome::Refused);
        assert_eq!(outcome("Not Found", Some("PXE-E99")), Outcome::Failed);
    }

    #[test]
    fn a_status_is_a_known_text_or_the_digits_of_one_that_has_none() {
        for status in ["Not Found", "8000001F", "Access Denied -- rejected probably by Secure Boot"] {
            assert!(is_status(status), "{status}");
        }
        for other in ["", "Not", "Not Foundling", "8000001f", "8000001"] {
            assert!(!is_status(other), "{other}");
        }
    }
}

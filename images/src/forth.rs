//! The program for Open Firmware: a Forth script, which prints its line on the console and then does what [`After`] says.
//!
//! SLOF evaluates what it has loaded where that begins with `\ ` (`(go-and-catch)` in its `slof/fs/boot.fs`, after the Open Firmware
//! Recommended Practice "Forth Source Support"), whatever it was loaded from. So there is nothing to compile. Two fields are filled in by
//! the guest: `bootpath` of `/chosen`, and the sum.

use crate::{After, ImageError, Nonce, spec};

/// What a script is known by.
pub(crate) const BEGINS: &str = "\\ ";

/// The script. It is text of ASCII with line feeds, each definition on one line.
///
/// # Errors
///
/// [`ImageError::Name`]; [`ImageError::Impossible`] for an ending that the firmware does not have.
pub(crate) fn script(name: &str, nonce: Nonce, after: After) -> Result<Vec<u8>, ImageError> {
    spec::check_name(name)?;
    let ending = match after {
        After::Exit => "power-off",
        After::ResetSystem => "reset-all",
        After::Hang => ": bw-stay begin again ; bw-stay",
        // the firmware goes on with the next device of its list
        After::ReturnToFirmware => "",
        other => {
            return Err(ImageError::impossible(
                format!("a script for Open Firmware that ends by {other:?}"),
                "it is the way of a PC or of UEFI",
                "use After::Exit, ResetSystem, ReturnToFirmware or Hang",
            ));
        }
    };
    let lines = [
        format!("{BEGINS}prints a line and ends the machine"),
        "0 value bw-sum".to_owned(),
        ": bw-type ( addr len -- ) 2dup type bounds ?do i c@ bw-sum + to bw-sum loop ;".to_owned(),
        // the value of a property ends in NUL
        ": bw-path ( -- addr len ) s\" bootpath\" get-chosen if 1- else s\" -\" then ;".to_owned(),
        ": bw-digits ( n -- ) base @ >r hex ffff and 0 <# # # # # #> type r> base ! ;".to_owned(),
        "cr".to_owned(),
        format!("s\" BOOTWRIGHT/1 nonce={nonce} medium={name} \" bw-type"),
        "s\" via=openfirmware arch=ppc64 bootpath=\" bw-type bw-path bw-type".to_owned(),
        "bw-sum s\"  sum=\" type bw-digits s\"  end\" type cr".to_owned(),
        ending.to_owned(),
    ];
    Ok((lines.join("\n") + "\n").into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(after: After) -> String {
        String::from_utf8(script("right", Nonce([0xab; 16]), after).unwrap()).unwrap()
    }

    #[test]
    fn a_script_is_known_by_its_first_bytes_and_says_who_it_is() {
        let script = text(After::Exit);
        assert!(script.starts_with("\\ ") && script.is_ascii());
        assert!(script.contains(&format!("nonce={} medium=right ", "ab".repeat(16))));
        assert!(script.ends_with("\npower-off\n"));
        assert!(text(After::ResetSystem).ends_with("\nreset-all\n"));
        assert!(script.lines().all(|line| line.len() < 200), "a line of a script has room in an input buffer");
    }

    #[test]
    fn an_ending_of_another_machine_and_a_name_that_is_none_are_refused() {
        let error = script("right", Nonce([0; 16]), After::TripleFault).unwrap_err().to_string();
        assert!(error.contains("Open Firmware") && error.contains("use After::Exit"), "{error}");
        assert!(matches!(script("a b", Nonce([0; 16]), After::Exit), Err(ImageError::Name { .. })));
    }
}

//! What goes to standard output and standard error. Nothing else in this crate prints, `tidy` and clippy see to that: `println!`
//! panics where the reader went away or a disk is full.

use std::io::{self, Write};

use crate::XtaskError;

/// Prints what was asked for to standard output, all of it; a reader that went away is no failure.
///
/// # Errors
///
/// [`XtaskError`] where it cannot be written otherwise.
pub fn print(text: &str) -> Result<(), XtaskError> {
    print_to(&mut io::stdout().lock(), text)
}

fn print_to(out: &mut dyn Write, text: &str) -> Result<(), XtaskError> {
    // what stays in the buffer is written when nobody asks for its fate
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(XtaskError(format!(
            "cannot write to standard output: {error}\n  fix: send it to a file or pipe that takes it"
        ))),
        _ => Ok(()),
    }
}

/// Tells on standard output how a run goes, whose report is elsewhere: what cannot be written is dropped.
pub fn tell(text: &str) {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).ok();
}

/// Notes a line on standard error; what cannot be written is dropped.
pub fn note(line: &str) {
    // at once, so that nothing of another thread comes between
    io::stderr().lock().write_all(format!("{line}\n").as_bytes()).ok();
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Refusing(i32);

    impl Write for Refusing {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(io::Error::from_raw_os_error(self.0))
        }
    }

    #[test]
    fn a_reader_that_went_away_is_no_failure_and_a_full_disk_is_one() {
        assert!(print_to(&mut Refusing(nix::libc::EPIPE), "text").is_ok());
        let error = print_to(&mut Refusing(nix::libc::ENOSPC), "text").unwrap_err().to_string();
        assert!(error.starts_with("cannot write to standard output: No space left on device"), "{error}");
    }
}

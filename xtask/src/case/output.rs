//! What goes to standard output.

use crate::XtaskError;

/// Prints to standard output; a reader that went away is no failure.
pub fn print(text: &str) -> Result<(), XtaskError> {
    use std::io::Write;
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(XtaskError::from(error)),
        _ => Ok(()),
    }
}

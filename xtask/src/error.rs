//! What a subcommand could not do.

use bootwright::platform::PlatformError;

/// What a subcommand could not do: what, where, what was wanted, what to do. The exit status is 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct XtaskError(pub String);

impl From<PlatformError> for XtaskError {
    fn from(error: PlatformError) -> XtaskError {
        XtaskError::from(error)
    }
}

impl XtaskError {
    /// From anything that explains itself, with all its causes: `cannot write report.json: No space left on device (os
    /// error 28)`.
    pub fn from(error: impl Into<Box<dyn std::error::Error>>) -> XtaskError {
        XtaskError(bootwright::error::chain(error.into().as_ref()))
    }
}

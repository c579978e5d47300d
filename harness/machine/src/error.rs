//! How an error is told on one line.

/// An error and all its causes, each after a colon. What stands below the first line of an error, where to look and what to
/// do, follows its cause.
///
/// ```
/// let cause = std::io::Error::from_raw_os_error(28);
/// let error = bootwright_machine::process::CommandError::NotStarted { program: "true".to_owned(), source: cause };
/// assert_eq!(bootwright_machine::error::chain(&error), "cannot run true: No space left on device (os error 28)");
/// ```
pub fn chain(error: &dyn std::error::Error) -> String {
    let told = error.to_string();
    let (statement, below) = told.split_once('\n').map_or((told.as_str(), None), |(head, below)| (head, Some(below)));
    let cause = error.source().map(|cause| format!(": {}", chain(cause))).unwrap_or_default();
    let below = below.map(|below| format!("\n{below}")).unwrap_or_default();
    format!("{statement}{cause}{below}")
}

/// What a panic said, as `catch_unwind` and `join` give it.
pub fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "no message".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot write the report")]
    struct Outer(#[source] std::io::Error);

    #[derive(Debug, thiserror::Error)]
    #[error("cannot unpack it\n  in: the cache\n  fix: make room")]
    struct WithFix(#[source] Outer);

    #[test]
    fn what_to_do_follows_the_cause() {
        let text = chain(&WithFix(Outer(std::io::Error::from_raw_os_error(28))));
        let wanted = "cannot unpack it: cannot write the report: No space left on device (os error 28)";
        assert_eq!(text, format!("{wanted}\n  in: the cache\n  fix: make room"));
    }

    #[test]
    fn every_cause_is_told_and_the_number_of_the_hosts_error() {
        let text = chain(&Outer(std::io::Error::from_raw_os_error(28)));
        assert_eq!(text, "cannot write the report: No space left on device (os error 28)");
    }
}

//! The one thing in a saved state that is changed: the run state in which the machine goes on.
//!
//! A machine that a debugger stopped is in run state `debug`, into which QEMU refuses to load a machine. The state says it in
//! a section of its own (`migration/global_state.c`): length and name `globalstate`, instance and version, the length of the
//! text with its NUL as 32 bits big-endian, and the text in 100 bytes.

use memchr::memmem;

const SECTION: &[u8] = b"\x0bglobalstate";

/// Bytes of instance and version number behind the section's name.
const NUMBERS: usize = 8;

/// Bytes that the text has.
const TEXT: usize = 100;

/// What the machine is to do once it is loaded.
const RUNNING: &[u8] = b"running\0";

/// Makes the machine in this state run as soon as it is loaded.
///
/// # Errors
///
/// What is not as it should be; nothing is changed then.
pub fn make_running(state: &mut [u8]) -> Result<(), &'static str> {
    let found: Vec<usize> = memmem::find_iter(state, SECTION).take(2).collect();
    let at = match found[..] {
        [at] => at,
        [] => return Err("the state has no section \"globalstate\""),
        _ => return Err("the state has the section \"globalstate\" twice"),
    };
    let length = at + SECTION.len() + NUMBERS;
    let rest = state.get_mut(length..length + 4 + TEXT).ok_or("the section \"globalstate\" is cut short")?;
    if ![b"debug\0".as_slice(), b"paused\0"].iter().any(|stopped| rest[4..].starts_with(stopped)) {
        return Err("the machine of the state was not stopped by a debugger");
    }
    rest[..4].copy_from_slice(&(RUNNING.len() as u32).to_be_bytes());
    rest[4..].fill(0);
    rest[4..4 + RUNNING.len()].copy_from_slice(RUNNING);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(run_state: &[u8]) -> Vec<u8> {
        let mut text = [0; TEXT];
        text[..run_state.len()].copy_from_slice(run_state);
        [b"QEVM".as_slice(), SECTION, &[0; NUMBERS], &6_u32.to_be_bytes(), &text, b"tail"].concat()
    }

    #[test]
    fn a_machine_that_a_debugger_stopped_runs_on() {
        let mut changed = state(b"debug");
        make_running(&mut changed).unwrap();
        let mut wanted = state(b"running");
        let length = 4 + SECTION.len() + NUMBERS;
        wanted[length..length + 4].copy_from_slice(&8_u32.to_be_bytes());
        assert_eq!(changed, wanted);
    }

    #[test]
    fn what_is_not_such_a_state_is_left_alone() {
        let twice = [state(b"debug"), state(b"debug")].concat();
        let cut = state(b"debug")[..40].to_vec();
        for (mut bytes, wanted) in [
            (state(b"prelaunch"), "debugger"),
            (twice, "twice"),
            (cut, "cut short"),
            (b"QEVM".to_vec(), "has no section"),
        ] {
            let before = bytes.clone();
            let error = make_running(&mut bytes).unwrap_err();
            assert!(error.contains(wanted), "{error}");
            assert_eq!(bytes, before);
        }
    }
}

//! What networks and iPXE itself tell of attempts over a NIC, held against the attempts in the log: a witness that saw more
//! than the log has shows that the log lacks something.

use super::Trace;
use super::exchange::Conversation;
use bootwright_machine::machine::DeviceName;

/// What SeaBIOS calls an attempt on an option ROM.
const ROM: &str = "ROM";

/// Holds them against each other. `roms` is how often an option ROM of iPXE has said on the serial port that it starts.
pub fn check(trace: &mut Trace, seabios: bool, roms: usize) {
    let attempts = trace.attempts.iter().filter(|attempt| attempt.target == ROM).count();
    if seabios && roms > attempts && !trace.is_cut() {
        trace.hole(format!("iPXE has started {roms} times, and the log has {attempts} attempts on a ROM"));
    }
    // what OVMF's network stack does is announced only when it is over
    let ended = seabios || trace.booted().is_some() || trace.terminal.is_some();
    let may_be = |nic: &Option<DeviceName>, target: &str, one: &Conversation| match nic {
        Some(nic) => *nic == one.nic,
        None => target == ROM,
    };
    let tried = |one: &Conversation| trace.attempts.iter().any(|attempt| may_be(&attempt.nic, &attempt.target, one));
    let unowned = trace.network.iter().find(|one| ended && one.arch.is_some() && !tried(one));
    if let Some(nic) = unowned.map(|one| one.nic.clone()) {
        // iPXE's own account says that no attempt is missing
        if seabios && roms > 0 && roms == attempts && trace.holes.is_empty() {
            let starts = format!("{nic} asked for a boot server, and each start of iPXE was for another NIC");
            trace.contradictions.push(starts);
        } else {
            trace.hole(format!("{nic} asked for a boot server, and the log has no attempt over it"));
        }
    }
    let fetched = |one: &Conversation| one.asked.iter().any(|asked| asked.complete);
    let handed = trace.attempts.iter().filter(|attempt| attempt.handed_over && seabios).filter_map(|a| a.nic.clone());
    let without = handed.into_iter().find(|nic| !trace.network.iter().any(|one| one.nic == *nic && fetched(one)));
    if let Some(nic) = without {
        trace.hole(format!("a disk ran by the entry of {nic}, over which nothing was fetched that could have run it"));
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Attempt, Outcome};
    use super::*;
    use crate::Protocol;
    use crate::exchange::Asked;
    use bootwright_machine::machine::DeviceName;

    fn trace(target: &str, nic: Option<usize>, handed_over: bool) -> Trace {
        let mut trace = Trace::default();
        trace.begin(target.to_owned(), Some("disk".to_owned()));
        let last: &mut Attempt = trace.attempts.last_mut().unwrap();
        (last.outcome, last.handed_over, last.nic) = (Some(Outcome::Booted), handed_over, nic.map(DeviceName::nic));
        trace
    }

    fn asking(nic: usize, complete: bool) -> Conversation {
        let asked = vec![Asked { complete, ..Asked::of(Protocol::Tftp, "boot") }];
        Conversation { arch: Some(0), asked, ..Conversation::of(DeviceName::nic(nic)) }
    }

    fn holes(mut trace: Trace, network: Vec<Conversation>, roms: usize) -> usize {
        trace.network = network;
        check(&mut trace, true, roms);
        trace.holes.len()
    }

    #[test]
    fn what_the_log_owns_is_whole() {
        assert_eq!(holes(trace(ROM, Some(0), false), vec![asking(0, false)], 1), 0);
        assert_eq!(holes(trace(ROM, Some(0), true), vec![asking(0, true)], 1), 0);
        assert_eq!(holes(trace("Hard Disk", None, false), vec![Conversation::of(DeviceName::nic(0))], 0), 0);
    }

    #[test]
    fn a_witness_that_saw_more_than_the_log_has_shows_a_hole() {
        assert_eq!(holes(trace(ROM, Some(0), false), vec![asking(0, true)], 2), 1, "a start of iPXE");
        assert_eq!(holes(trace("Hard Disk", None, false), vec![asking(0, true)], 0), 1, "a conversation");
        assert_eq!(holes(trace(ROM, Some(0), true), vec![asking(0, false)], 1), 1, "nothing was fetched");
    }

    #[test]
    fn a_nic_that_asks_while_every_start_is_there_and_for_another_one_is_a_finding() {
        let seen = |roms| {
            let mut trace = trace(ROM, Some(0), false);
            trace.network = vec![asking(1, false)];
            check(&mut trace, true, roms);
            (trace.holes.len(), trace.contradictions)
        };
        let said = "nic1 asked for a boot server, and each start of iPXE was for another NIC";
        assert_eq!(seen(1), (0, vec![said.to_owned()]));
        assert_eq!(seen(0), (1, vec![]), "nobody says that no attempt is missing");
        assert_eq!(seen(2).0, 2, "an attempt is missing");
    }
}

//! What the exit status of each subcommand says, for its help.

/// Of `test`.
pub const TEST: &str = "Exit status:
  0  every verdict as expected
  1  a case failed, passed unexpectedly or differed between rounds, or was skipped in a strict run
  2  usage, a broken host or case, or nothing selected";

/// Of `boot`.
pub const BOOT: &str = "Exit status:
  0  every boot as expected
  1  one is not, or was skipped in a strict run
  2  usage, a file that is no medium, a broken host, or interrupted";

/// Of `explain`.
pub const EXPLAIN: &str = "Exit status:
  0  every boot came to an end
  1  one hung, crashed or was given another processor's program, or there are warnings and --deny-warnings
  2  usage, a description that cannot be read, or a boot that the platform cannot have";

/// Of `doctor`.
pub const DOCTOR: &str = "Exit status:
  0  boots are possible here
  2  they are not";

/// Of `qualify`.
pub const QUALIFY: &str = "Exit status:
  0  nothing stands against it
  1  something does
  2  usage, nothing ran, or all that stands against it is broken";

/// Of `compare`.
pub const COMPARE: &str = "Exit status:
  0  nothing got worse
  1  new failures or, with --slower, slower boots
  2  usage, or no case in common";

/// Of `bench`.
pub const BENCH: &str = "Exit status:
  0  measured
  1  with the part warm, boots that differ
  2  usage, or a case that did not end as it should";

/// Of `replay`.
pub const REPLAY: &str = "Exit status:
  0  however the boot went
  2  usage, or QEMU ran no machine";

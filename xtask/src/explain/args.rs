//! Options of `cargo xtask explain`, and what its parts share.

use std::path::PathBuf;

use bootwright::guest::variants::Variant;
use bootwright::guest::{Guest, GuestError};
use bootwright::machine::Clock;
use bootwright::platform::{Architecture, PlatformName};
use bootwright::suite::AcceleratorChoice;

use crate::XtaskError;
use crate::test::{mirror, platform_name};

/// Options of `cargo xtask explain`.
#[derive(clap::Args)]
pub struct Args {
    /// libvirt domains and networks as virsh dumpxml and net-dumpxml print them, QEMU command lines as text; - is standard input
    #[arg(value_name = "FILE", required_unless_present_any = ["pid", "dhcp"])]
    pub files: Vec<PathBuf>,
    /// Of a text with several command lines of QEMU, the one on this line [default: the last]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub line: Option<u32>,
    /// A QEMU that runs, read only, from /proc
    #[arg(long, value_name = "PID")]
    pub pid: Option<u32>,
    /// One device more for the domain, as virsh attach-device takes it; repeatable
    #[arg(long = "attach", value_name = "FILE")]
    pub attached: Vec<PathBuf>,
    /// What is typed at the QEMU monitor before the guest runs: drive_add, device_add, system_reset, cont
    #[arg(long, value_name = "FILE")]
    pub hmp: Option<PathBuf>,
    /// A boot server's configuration (dnsmasq, libvirt network XML, ISC dhcpd) that answers every network card, as far as our own
    /// network knows its rules; alone: what it gives to a client of each architecture
    #[arg(long, value_name = "F")]
    pub dhcp: Option<PathBuf>,
    /// Also ask what happens when the guest is started paused and its disks are plugged in before it runs
    #[arg(long, conflicts_with = "hmp")]
    pub paused: bool,
    /// The command line that libvirt made of the domain, to be compared [default: what virsh makes of it, where there is a
    /// virsh]
    #[arg(long, value_name = "FILE")]
    pub argv: Option<PathBuf>,
    /// Do not boot anything: say what the description says, and the warnings
    #[arg(long)]
    pub no_boot: bool,
    /// A warning fails the run
    #[arg(long)]
    pub deny_warnings: bool,
    /// Where QEMU and firmware come from, repeatable: host, apt, debian:SUITE, file:MANIFEST, dir:BUILD [default: host,
    /// or apt if the host has no QEMU]
    #[arg(long = "platform", value_name = "NAME", value_parser = platform_name)]
    pub platforms: Vec<PlatformName>,
    /// Mirror for apt and debian:SUITE [default: the one that the host's apt is configured with]
    #[arg(long, value_name = "URL", value_parser = mirror)]
    pub mirror: Option<String>,
    /// How many machines run at once [default: the number of cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=256))]
    pub jobs: Option<u32>,
    /// Who executes the guest: tcg, kvm or auto
    #[arg(long, default_value = "tcg")]
    pub accel: AcceleratorChoice,
    /// How guest time passes: virtual or real [default: virtual where firmware waits, real where it only computes]
    #[arg(long)]
    pub clock: Option<Clock>,
    /// Seed of everything random [default: a new one for each run]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Keep the media too
    #[arg(long)]
    pub keep: bool,
    /// Where results go [default: target/bootwright/RUN, RUN counting up]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

/// A guest and what is asked of it.
pub struct Asked {
    /// The guest.
    pub guest: Guest,
    /// The questions.
    pub variants: Vec<Variant>,
}

impl Asked {
    /// Whose machines the guest is one of; only guests with a board are asked.
    pub fn architecture(&self) -> Architecture {
        self.guest.board.map_or(Architecture::default(), |board| board.facts().architecture)
    }
}

/// The error of a description that cannot be taken.
pub fn refused(error: &GuestError) -> XtaskError {
    XtaskError(error.to_string())
}

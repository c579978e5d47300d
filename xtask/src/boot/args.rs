//! What can be said on the command line.

use std::path::PathBuf;

use bootwright::platform::PlatformName;
use bootwright::suite::AcceleratorChoice;

use super::choice::{BoardChoice, Bus, FirmwareChoice};
use super::words::{Milestone, Pattern, Send};
use crate::test;

/// Options of `cargo xtask boot`.
#[derive(clap::Args)]
pub struct Args {
    /// The medium: an ISO image, a disk (raw or qcow2) or a floppy; which of them it is, is found by looking into it
    #[arg(value_name = "MEDIUM", group = "what")]
    pub medium: Option<PathBuf>,
    /// A disk image, raw or qcow2; it is never written
    #[arg(long, value_name = "F", group = "what")]
    pub disk: Option<PathBuf>,
    /// An ISO image in an optical drive
    #[arg(long, value_name = "F", group = "what")]
    pub cdrom: Option<PathBuf>,
    /// A disk or ISO image on a USB stick
    #[arg(long, value_name = "F", group = "what")]
    pub usb: Option<PathBuf>,
    /// A floppy image
    #[arg(long, value_name = "F", group = "what")]
    pub floppy: Option<PathBuf>,
    /// A folder that a network offers by TFTP to PXE clients
    #[arg(long, value_name = "DIR", group = "what")]
    pub pxe: Option<PathBuf>,
    /// A folder that a network offers by HTTP, or the file in it that is to be booted
    #[arg(long, value_name = "DIR|FILE", group = "what")]
    pub http: Option<PathBuf>,
    /// A Linux kernel that QEMU hands to the firmware
    #[arg(long, value_name = "F", group = "what")]
    pub kernel: Option<PathBuf>,
    /// With --kernel: its initial RAM disk
    #[arg(long, value_name = "F", requires = "kernel")]
    pub initrd: Option<PathBuf>,
    /// With --kernel: its command line; console=ttyS0 is what makes a kernel readable
    #[arg(long, value_name = "S", requires = "kernel")]
    pub append: Option<String>,
    /// With --pxe or --http: the file to boot, for the firmware that it is made for; repeatable [default: well-known names]
    #[arg(long, value_name = "NAME")]
    pub file: Vec<String>,
    /// A boot server's configuration (dnsmasq, libvirt network XML, ISC dhcpd): run on the real daemon, and on our own network
    /// as far as it knows the rules; without --pxe or --http each boot file is a program of ours
    #[arg(long, value_name = "F")]
    pub dhcp: Option<PathBuf>,
    /// Which firmware, in a list with commas; one that is named must boot [default: bios,uefi, and uefi-secure for a signed
    /// loader; one for which there is nothing on the medium must say so]
    #[arg(long, value_delimiter = ',')]
    pub firmware: Vec<FirmwareChoice>,
    /// On which buses, in a list with commas [default: sata for a CD, virtio and sata for a disk, virtio-net for a network]
    #[arg(long, value_delimiter = ',')]
    pub bus: Vec<Bus>,
    /// On which boards, in a list with commas [default: q35; pc where only that has the bus]
    #[arg(long, value_delimiter = ',')]
    pub machine: Vec<BoardChoice>,
    /// Where QEMU and firmware come from, repeatable: host, apt, debian:SUITE, file:MANIFEST, dir:BUILD [default: host, or apt
    /// if the host has no QEMU]
    #[arg(long = "platform", value_name = "NAME", value_parser = test::platform_name)]
    pub platforms: Vec<PlatformName>,
    /// Mirror for apt and debian:SUITE [default: the one that the host's apt is configured with]
    #[arg(long, value_name = "URL", value_parser = test::mirror)]
    pub mirror: Option<String>,
    /// How far it must come [default: loader; kernel with --kernel; started with --expect]
    #[arg(long)]
    pub milestone: Option<Milestone>,
    /// What the guest must print, on the serial port or the VGA text screen; repeatable
    #[arg(long, value_name = "REGEX", allow_hyphen_values = true)]
    pub expect: Vec<Pattern>,
    /// What it must not print; repeatable
    #[arg(long, value_name = "REGEX", allow_hyphen_values = true)]
    pub reject: Vec<Pattern>,
    /// Type this on the serial port once a boot loader was recognised, or REGEX=>TEXT once REGEX was printed; \n \t \e \xNN are
    /// keys; repeatable, in this order
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub send: Vec<Send>,
    /// RAM, MiB
    #[arg(long, value_name = "MIB", default_value_t = 1024, value_parser = clap::value_parser!(u32).range(16..=65_536))]
    pub ram: u32,
    /// Longest time for one boot, seconds of the host
    #[arg(long, value_name = "S", default_value_t = 180, value_parser = clap::value_parser!(u32).range(5..=86_400))]
    pub deadline: u32,
    /// Who executes the guest: tcg, kvm, auto
    #[arg(long, default_value = "tcg")]
    pub accel: AcceleratorChoice,
    /// How many machines run at once [default: the number of cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=256))]
    pub jobs: Option<u32>,
    /// Boot the negative controls too: the same machines without what they boot, for which nothing of this may hold
    #[arg(long)]
    pub control: bool,
    /// Say what was found and what would be booted, and boot nothing
    #[arg(long)]
    pub list: bool,
    /// A skipped boot fails the run; always so where the environment has CI
    #[arg(long)]
    pub strict: bool,
    /// Where results go [default: target/bootwright/RUN, RUN counting up]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

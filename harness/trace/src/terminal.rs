//! The states in which firmware stops by itself.

use serde::{Deserialize, Serialize};

use bootwright_machine::wording;

/// The state in which firmware stopped by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Terminal {
    /// SeaBIOS printed `No bootable device.` and halted.
    NoBootableDevice,
    /// edk2 printed `No bootable option or device was found.` and waits for a key.
    NoBootableOption,
    /// edk2 started its internal shell: nothing else was left.
    UefiShell,
    /// edk2 opened its setup, or its boot manager menu, without having been asked to by a key of the harness: a program has
    /// returned success, or nothing was left.
    Setup,
    /// edk2 ran into a processor exception, printed the registers and stays in a loop.
    CpuException,
    /// s390-ccw stopped the processor in a disabled wait: nothing was left, or it gave up.
    DisabledWait,
    /// SLOF came to its prompt: nothing was left.
    OpenFirmwarePrompt,
    /// shim refused what it was to start, has said so in a box and waits for a key.
    ShimWaits,
    /// shim refused itself, has said so, and powers the machine off some seconds later.
    ShimPowersOff,
}

impl Terminal {
    /// The name used in known issues and reports.
    pub fn name(&self) -> &'static str {
        match self {
            Terminal::NoBootableDevice => "no-bootable-device",
            Terminal::NoBootableOption => "no-bootable-option",
            Terminal::UefiShell => "uefi-shell",
            Terminal::Setup => "setup",
            Terminal::CpuException => "cpu-exception",
            Terminal::DisabledWait => "disabled-wait",
            Terminal::OpenFirmwarePrompt => "open-firmware-prompt",
            Terminal::ShimWaits => "shim-waits",
            Terminal::ShimPowersOff => "shim-powers-off",
        }
    }

    /// In words.
    pub fn words(&self) -> &'static str {
        wording::reworded!();
        match self {
            Terminal::NoBootableDevice => "SeaBIOS stopped at \"No bootable device.\"",
            Terminal::NoBootableOption => "edk2 stopped at \"No bootable option or device was found.\"",
            Terminal::UefiShell => "edk2 started the UEFI shell",
            Terminal::Setup => "edk2 opened its setup",
            Terminal::CpuException => "edk2 crashed with a processor exception",
            Terminal::OpenFirmwarePrompt => "SLOF came to its prompt",
            Terminal::ShimWaits => "shim refused what it was to start and waits for a key",
            Terminal::ShimPowersOff => "shim refused itself and powers the machine off",
            Terminal::DisabledWait => "s390-ccw stopped the processor in a disabled wait",
        }
    }
}

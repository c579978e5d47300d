//! The networks that a machine's NICs are plugged into, as part of the machine's data.
//!
//! A [`Network`] is a [`LanSpec`] whose programs are only named: the bytes of a served program carry the nonce of one run,
//! so they are filled in when the machine is powered on. It starts nothing.
//!
//! ```
//! use bootwright_lan::{DhcpServer, LanSpec};
//! use bootwright_machine::machine::{Firmware, Machine, Network};
//!
//! let lan = LanSpec::new().dhcp(DhcpServer::new("main").boot_file("boot.0"));
//! let machine = Machine::pc(Firmware::SeaBios)
//!     .network(Network::new(lan).bios_program("boot.0", "served"))
//!     .nic("virtio-net-pci", Some(0))
//!     .bootindex(1);
//! assert_eq!(machine.networks[0].media().collect::<Vec<_>>(), ["served"]);
//! ```

use std::path::PathBuf;

use bootwright_images::{After, EfiMachine, ImageError, Nonce, Signer, Target, authenticode, payload};
use serde::{Deserialize, Serialize};

use super::{Bridge, FileContent, Loader};
use bootwright_lan::LanSpec;
use bootwright_lan::routes::Answer;

/// Which firmware a served program is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
pub enum Program {
    /// A network boot program at 0000:7c00.
    Bios,
    /// A PE32+ application for x86-64.
    Efi,
    /// A PE32+ application for aarch64.
    EfiAa64,
    /// An EFI application for 64-bit RISC-V.
    EfiRiscv64,
    /// An EFI application for 64-bit LoongArch.
    EfiLoongarch64,
    /// A PE32 application for IA32.
    EfiIa32,
    /// A PE32 application for 32-bit Arm.
    EfiArm,
    /// An initramfs for a Linux kernel on x86-64.
    Initramfs,
    /// An initramfs for a Linux kernel on aarch64.
    InitramfsAa64,
    /// A program for z/Architecture, with its PSW at address 0.
    Ipl,
    /// A Forth script for Open Firmware.
    Forth,
}

impl Program {
    /// The processor that it is for, if it is an EFI application.
    pub fn efi(self) -> Option<EfiMachine> {
        match self {
            Program::Efi => Some(EfiMachine::X64),
            Program::EfiAa64 => Some(EfiMachine::Aa64),
            Program::EfiRiscv64 => Some(EfiMachine::Riscv64),
            Program::EfiLoongarch64 => Some(EfiMachine::Loongarch64),
            Program::EfiIa32 => Some(EfiMachine::Ia32),
            Program::EfiArm => Some(EfiMachine::Arm),
            Program::Bios | Program::Initramfs | Program::InitramfsAa64 | Program::Ipl | Program::Forth => None,
        }
    }

    /// The EFI application for a processor.
    pub fn for_efi(machine: EfiMachine) -> Program {
        match machine {
            EfiMachine::X64 => Program::Efi,
            EfiMachine::Aa64 => Program::EfiAa64,
            EfiMachine::Riscv64 => Program::EfiRiscv64,
            EfiMachine::Loongarch64 => Program::EfiLoongarch64,
            EfiMachine::Ia32 => Program::EfiIa32,
            EfiMachine::Arm => Program::EfiArm,
        }
    }
}

/// A program that a lan offers under a file name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Served {
    /// Name on the server: by TFTP as it is, by HTTP behind a slash.
    pub file: String,
    /// The medium that it names itself.
    pub medium: String,
    /// For which firmware.
    pub program: Program,
    /// What it does once its line is printed.
    #[serde(default)]
    pub after: After,
    /// Length in bytes; `None` leaves it as short as it is. An initramfs is always that.
    #[serde(default)]
    pub length: Option<usize>,
    /// Whose key signs it, a program for UEFI; `None`: nobody's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_by: Option<Signer>,
}

impl Served {
    /// The program's bytes with a nonce in them.
    ///
    /// # Errors
    ///
    /// [`ImageError`] for a name or length that the program cannot have.
    pub fn bytes(&self, nonce: Nonce) -> Result<Vec<u8>, ImageError> {
        let program = self.unsigned(nonce)?;
        self.signed_by.map_or(Ok(program.clone()), |signer| authenticode::signed(&program, signer))
    }

    fn unsigned(&self, nonce: Nonce) -> Result<Vec<u8>, ImageError> {
        match (self.program, self.length) {
            (Program::Bios, None) => payload::bios_network_program(&self.medium, nonce, self.after),
            (Program::Bios, Some(length)) => payload::bios_network_program_of(&self.medium, nonce, self.after, length),
            (Program::Initramfs, _) => payload::initramfs(&self.medium, nonce, self.after),
            (Program::InitramfsAa64, _) => {
                payload::initramfs_for(Target::Efi(EfiMachine::Aa64), &self.medium, nonce, self.after)
            }
            (Program::Forth, length) => {
                payload::forth_script_of(&self.medium, nonce, self.after, length.unwrap_or_default())
            }
            (Program::Ipl, None) => payload::ipl_network_program(&self.medium, nonce, self.after),
            (Program::Ipl, Some(length)) => {
                let mut program = payload::ipl_network_program(&self.medium, nonce, self.after)?;
                program.resize(program.len().max(length), 0);
                Ok(program)
            }
            (program, length) => {
                // what is no program for UEFI is above
                let machine = program.efi().unwrap_or_default();
                match length {
                    None => payload::efi_application_for(machine, &self.medium, nonce, self.after),
                    Some(length) => payload::efi_application_of_for(machine, &self.medium, nonce, self.after, length),
                }
            }
        }
    }
}

/// A file of a system that a lan offers under a file name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ServedSystem {
    /// Name on the server.
    pub file: String,
    /// The medium that its initramfs names itself.
    pub medium: String,
    /// What it is.
    pub content: FileContent,
}

/// HTTPS on a lan, with an authority made for the run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Https {
    /// Names and addresses in the server's certificate.
    pub names: Vec<String>,
    /// The guest's firmware is given the authority that signed it; otherwise another one.
    pub trusted: bool,
}

/// A network and the programs that it offers.
#[must_use = "words about a network give a new one back"]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Network {
    /// Everything but the programs. A route of it whose resource has no bytes takes those of the program whose file name
    /// is the route's path without its slash.
    #[serde(default)]
    pub lan: LanSpec,
    /// The programs.
    #[serde(default)]
    pub served: Vec<Served>,
    /// Kernels with an initramfs that reports from user space, made when the machine is powered on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub systems: Vec<ServedSystem>,
    /// Programs that others wrote, by the file name under which they are offered.
    #[serde(default)]
    pub loaders: Vec<(String, Loader)>,
    /// A folder of the host whose files are offered by their names in it; read when the machine is powered on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<PathBuf>,
    /// HTTPS, if there is any.
    #[serde(default)]
    pub https: Option<Https>,
    /// Real parts in place of the lan: of [`Network::lan`] only the files are used then.
    #[serde(default)]
    pub bridge: Option<Bridge>,
}

impl Network {
    /// A network that offers no program yet.
    pub fn new(lan: LanSpec) -> Network {
        Network {
            lan,
            served: Vec::new(),
            systems: Vec::new(),
            loaders: Vec::new(),
            folder: None,
            https: None,
            bridge: None,
        }
    }

    /// A network of real parts, on which programs and files lie in `/srv/tftp`.
    pub fn on_bridge(bridge: Bridge) -> Network {
        Network { bridge: Some(bridge), ..Network::new(LanSpec::new()) }
    }

    /// Offers a program for BIOS that reports itself as `medium` and ends the machine.
    pub fn bios_program(self, file: &str, medium: &str) -> Network {
        self.program(file, medium, Program::Bios)
    }

    /// Offers a program for UEFI that reports itself as `medium` and ends the machine.
    pub fn efi_program(self, file: &str, medium: &str) -> Network {
        self.program(file, medium, Program::Efi)
    }

    /// Offers a program for UEFI on this processor, likewise.
    pub fn efi_program_for(self, machine: EfiMachine, file: &str, medium: &str) -> Network {
        self.program(file, medium, Program::for_efi(machine))
    }

    /// Offers a script for Open Firmware, likewise.
    pub fn forth_script(self, file: &str, medium: &str) -> Network {
        self.program(file, medium, Program::Forth)
    }

    /// Offers a program for z/Architecture, likewise.
    pub fn ipl_program(self, file: &str, medium: &str) -> Network {
        self.program(file, medium, Program::Ipl)
    }

    /// Offers an initramfs whose init reports itself as `medium` from user space and ends the machine.
    pub fn initramfs(self, file: &str, medium: &str) -> Network {
        self.program(file, medium, Program::Initramfs)
    }

    /// The same for an aarch64 kernel.
    pub fn initramfs_for_aa64(self, file: &str, medium: &str) -> Network {
        self.program(file, medium, Program::InitramfsAa64)
    }

    /// Offers a unified kernel image whose initramfs reports as `medium` from user space and ends the machine.
    pub fn unified_kernel(mut self, file: &str, medium: &str, command_line: &str) -> Network {
        let content = FileContent::UnifiedKernel { command_line: command_line.to_owned() };
        self.systems.push(ServedSystem { file: file.to_owned(), medium: medium.to_owned(), content });
        self
    }

    /// Offers a program that others wrote.
    pub fn loader(mut self, file: &str, loader: Loader) -> Network {
        self.loaders.push((file.to_owned(), loader));
        self
    }

    /// Offers the files of a folder.
    pub fn folder(mut self, folder: impl Into<PathBuf>) -> Network {
        self.folder = Some(folder.into());
        self
    }

    fn program(mut self, file: &str, medium: &str, program: Program) -> Network {
        let (file, medium) = (file.to_owned(), medium.to_owned());
        self.served.push(Served { file, medium, program, after: After::Exit, length: None, signed_by: None });
        self
    }

    /// Makes the program that was offered last `bytes` long.
    pub fn of_length(mut self, bytes: usize) -> Network {
        if let Some(served) = self.served.last_mut() {
            served.length = Some(bytes);
        }
        self
    }

    /// Signs the program that was offered last.
    pub fn signed_by(mut self, signer: Signer) -> Network {
        if let Some(served) = self.served.last_mut() {
            served.signed_by = Some(signer);
        }
        self
    }

    /// Makes the program that was offered last do this once its line is printed.
    pub fn then(mut self, after: After) -> Network {
        if let Some(served) = self.served.last_mut() {
            served.after = after;
        }
        self
    }

    /// Serves HTTPS with a certificate for these names; see [`Https::trusted`].
    pub fn https(mut self, names: &[&str], trusted: bool) -> Network {
        self.https = Some(Https { names: names.iter().map(|name| (*name).to_owned()).collect(), trusted });
        self
    }

    /// The same network without a program: whoever asks for it is told that it is not there.
    pub fn without_program(mut self, file: &str) -> Network {
        self.served.retain(|served| served.file != file);
        self.systems.retain(|system| system.file != file);
        self
    }

    /// The same network with its lan changed.
    pub fn with_lan(mut self, change: impl FnOnce(LanSpec) -> LanSpec) -> Network {
        self.lan = change(self.lan);
        self
    }

    /// Names of the media that can be had here.
    pub fn media(&self) -> impl Iterator<Item = &str> {
        let systems = self.systems.iter().filter(|system| system.content.has_initramfs());
        let served = self.served.iter().map(|served| served.medium.as_str());
        served.chain(systems.map(|system| system.medium.as_str()))
    }

    /// The lan with its programs in place, each with the nonce that `nonce` gives for its medium.
    ///
    /// # Errors
    ///
    /// [`ImageError`] of a program that cannot be made.
    pub fn filled(&self, nonce: impl Fn(&str) -> Nonce) -> Result<LanSpec, ImageError> {
        let mut lan = self.lan.clone();
        for served in &self.served {
            lan = lan.file(served.file.clone(), served.bytes(nonce(&served.medium))?);
        }
        for route in &mut lan.http.routes {
            let offered = route.path.strip_prefix('/').and_then(|name| lan.files.get(name));
            if let (Answer::Resource(resource), Some(bytes)) = (&mut route.answer, offered)
                && resource.bytes.is_empty()
            {
                resource.bytes = bytes.clone();
            }
        }
        Ok(lan)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bootwright_lan::routes::{Http, Resource};

    fn network() -> Network {
        let routes = Http::default().route("/slow.0", Answer::Resource(Resource::new(Vec::new())));
        Network::new(LanSpec::new().http(routes)).bios_program("boot.0", "served").bios_program("slow.0", "slow")
    }

    #[test]
    fn a_route_without_bytes_takes_the_program_of_its_name() {
        let lan = network().filled(|_| Nonce([7; 16])).unwrap();
        let Answer::Resource(resource) = &lan.http.routes[0].answer else { panic!("{:?}", lan.http.routes[0]) };
        assert_eq!(resource.bytes, lan.files["slow.0"]);
        assert_ne!(lan.files["slow.0"], lan.files["boot.0"]);
    }

    #[test]
    fn another_nonce_makes_another_program() {
        let one = network().filled(|_| Nonce([1; 16])).unwrap();
        let two = network().filled(|_| Nonce([2; 16])).unwrap();
        assert_ne!(one.files["boot.0"], two.files["boot.0"]);
    }

    #[test]
    fn a_program_that_was_taken_away_is_not_offered() {
        let lan = network().without_program("boot.0").filled(|_| Nonce([1; 16])).unwrap();
        assert!(lan.offered("boot.0").is_none() && lan.offered("slow.0").is_some());
    }

    #[test]
    fn a_unified_kernel_is_a_medium_of_its_network_until_it_is_taken_away() {
        let network = network().unified_kernel("one.efi", "system", "quiet");
        assert_eq!(network.media().collect::<Vec<_>>(), ["served", "slow", "system"]);
        assert_eq!(network.without_program("one.efi").media().collect::<Vec<_>>(), ["served", "slow"]);
    }

    #[test]
    fn a_served_medium_has_a_name_that_fits_or_is_refused() {
        let long = Network::new(LanSpec::new()).bios_program("boot.0", &"x".repeat(100));
        assert!(long.filled(|_| Nonce([1; 16])).is_err());
    }
}

//! A platform whose files nobody opens, for tests.

use super::{FirmwareFile, Ovmf, Platform, Qemu, QemuVersion};

/// A platform called `host` with this QEMU and no firmware.
pub fn platform(major: u32, minor: u32) -> Platform {
    Platform {
        name: "host".to_owned(),
        architecture: super::Architecture::X86_64,
        qemu: Qemu {
            command: vec!["/bin/false".into()],
            path: "/bin/sh".into(),
            version: QemuVersion { major, minor, micro: 0 },
            package: String::new(),
            sandbox: true,
            capabilities: super::Capabilities::default(),
            sha256: String::new(),
            data_dirs: Vec::new(),
            env: Vec::new(),
        },
        seabios: None,
        ovmf: None,
        ovmf_secure_boot: None,
        aavmf: None,
        aavmf_secure_boot: None,
        riscvvirt: None,
        loongarchvirt: None,
        s390_ccw: None,
        s390_netboot: None,
        slof: None,
        option_roms: Vec::new(),
    }
}

/// A firmware file, by version and digest.
pub fn file(path: &str, version: &str, sha256: &str) -> FirmwareFile {
    FirmwareFile { path: path.into(), version: version.to_owned(), sha256: sha256.to_owned() }
}

/// OVMF without Secure Boot in these two files.
pub fn ovmf(code: FirmwareFile, vars: FirmwareFile) -> Ovmf {
    Ovmf { code, vars, requires_smm: false, enrolled_keys: false }
}

//! What is no command line of QEMU and describes a guest all the same: commands and files of programs that make guests.

use super::known;
use super::shell::{Rules, Simple, Word, commands};
use crate::guest::{At, GuestError};

/// Programs that make or start guests and are not QEMU, and what gives QEMU's own line or libvirt's XML.
const PROGRAMS: [(&str, &str); 4] = [
    (
        "virt-install",
        "add --print-xml --dry-run and give what it prints; of an installation it prints two domains, --print-xml 1 and --print-xml 2",
    ),
    ("virt-clone", "add --print-xml and give what it prints"),
    ("virsh", "give what virsh dumpxml NAME prints"),
    ("qm", "give what qm config ID or qm showcmd ID --pretty prints"),
];
/// Words of other programs' files: what has them, and what to give instead.
const FILES: [(&str, &str, &str); 6] = [
    (
        "apiVersion: kubevirt.io",
        "a manifest of KubeVirt",
        "give the XML: kubectl exec POD -c compute -- virsh dumpxml NAMESPACE_NAME, with the guest's virt-launcher pod",
    ),
    (
        "OS-EXT-SRV-ATTR",
        "nova's description of a server",
        "give what virsh dumpxml prints of its instance_name on the compute host",
    ),
    (
        "Vagrant.configure",
        "a Vagrantfile",
        "give what virsh dumpxml NAME prints once vagrant up has defined the domain",
    ),
    (
        "resource \"libvirt_domain\"",
        "a file of Terraform",
        "give what virsh dumpxml NAME prints of the domain that it makes",
    ),
    (
        "source \"qemu\"",
        "a template of Packer",
        "run packer with PACKER_LOG=1 and give its log, which has QEMU's command line",
    ),
    (
        "\"type\": \"qemu\"",
        "a template of Packer",
        "run packer with PACKER_LOG=1 and give its log, which has QEMU's command line",
    ),
];

/// The program of another's that a command starts, and what to do instead.
pub(super) fn other(words: &[Word]) -> Option<(&Word, &'static str)> {
    // behind `sudo` at most: further on such a word is a name
    let first = words.iter().filter(|word| word.text != "sudo").take(1);
    let anywhere = words.iter().filter(|word| known::base_name(&word.text) == "virt-install");
    let named = |word: &&Word| PROGRAMS.iter().any(|(name, _)| *name == known::base_name(&word.text));
    let word = first.chain(anywhere).find(named)?;
    let (_, fix) = PROGRAMS.iter().find(|(name, _)| *name == known::base_name(&word.text))?;
    Some((word, *fix))
}

/// Refuses a text in which there is no command line of QEMU and what another program reads.
///
/// # Errors
///
/// [`GuestError`] with what to give instead.
pub(super) fn refuse_others(file: &str, text: &str) -> Result<(), GuestError> {
    let refuse = |what: String, at: At, fix: &str| GuestError {
        what: format!("this is {what}, and no command line of QEMU"),
        file: file.to_owned(),
        at,
        fix: fix.to_owned(),
    };
    for (words, what, fix) in FILES {
        let found = text.lines().zip(1..).find(|(line, _)| line.contains(words));
        if let Some((_, line)) = found {
            return Err(refuse(what.to_owned(), At { line, column: 1 }, fix));
        }
    }
    let simples: Vec<Simple> = commands(file, text, Rules { comments: true, strict: false });
    match simples.iter().find_map(|simple| other(&simple.words)) {
        None => Ok(()),
        Some((word, fix)) => Err(refuse(format!("a command of {}", known::base_name(&word.text)), word.at, fix)),
    }
}

//! What UEFI Secure Boot lets through: the build of OVMF that enforces it, with keys of the project in its store at power-on.
//!
//! Whatever is refused, firmware says `Access Denied` and goes on with the next option; it never says which signature was missing
//! or forbidden. Each program that runs reads SecureBoot, which is held against the keys.

use bootwright::case::Case;
use bootwright::images::Signer;
use bootwright::lan::{BootAnswer, DhcpServer, LanSpec, Match};
use bootwright::machine::{
    Board, DiskClass, Firmware, Machine, Medium, Network, OptionRom, SecureBootKeys, Signature, VariableStore,
};
use bootwright::verdict::{Cause, Expectation, Expected, OnLan, booted, refused, refused_entry, timed_out_entry};

use crate::classes;
use crate::networks::EFI_FILE;

/// Why most of them are in the full suite.
const SLOW: &str = "an OVMF with SMM takes more than one without";

/// All cases of this group.
pub fn cases() -> Vec<Case> {
    let drives = || classes::disks(Board::Q35).into_iter().chain(classes::opticals(Board::Q35));
    let mut cases: Vec<Case> = drives().map(signed_runs).collect();
    cases.extend(drives().map(unsigned_is_refused));
    cases.extend(drives().map(other_key_is_refused));
    cases.extend(drives().map(digest_is_allowed));
    cases.extend(drives().map(digest_is_forbidden));
    cases.extend(databases());
    cases.extend(states());
    cases.extend(orders());
    cases.extend(ends());
    cases.extend([by_pxe(true), by_pxe(false), by_http(true), by_http(false)]);
    cases
}

#[track_caller]
fn case(name: &str) -> Case {
    Case::new(format!("secure_boot::ovmf::q35::{name}")).axis("secure-boot", name.split("::").next().unwrap_or(name))
}

/// A machine whose store has these keys, without a drive.
fn machine(keys: SecureBootKeys) -> Machine {
    Machine::new(Firmware::Ovmf, Board::Q35).secure_boot().variable_store(VariableStore::with_keys(keys))
}

/// One whose platform key, KEK and db are the project's own certificate.
fn own() -> Machine {
    machine(SecureBootKeys::of(Signer::Own))
}

fn signed(name: &str, signer: Signer) -> Medium {
    Medium::bootable(name).signed_by(signer)
}

/// A drive of this class with this medium first, and behind it a virtio disk that may run.
fn before_signed(machine: Machine, class: DiskClass, first: Medium) -> Machine {
    let machine = machine.drive(class, 0, first).bootindex(1);
    machine.virtio_blk(signed("second", Signer::Own)).bootindex(2)
}

/// The first is refused, and the second runs.
fn second_runs() -> Expectation {
    Expectation::attempts([refused("first"), booted("second")])
}

/// A program that db knows runs. In the negative control it is not signed.
fn signed_runs(class: DiskClass) -> Case {
    let alone = |medium: Medium| own().drive(class, 0, medium).bootindex(1);
    case(&format!("signed::{}", class.name()))
        .axis("class", class.name())
        .machine(alone(signed("first", Signer::Own)))
        .expect(Expectation::boots("first"))
        .control(alone(Medium::bootable("first")))
        .long_if(class != DiskClass::VirtioBlk && class != DiskClass::AhciCd, SLOW)
}

/// A program without a signature is refused. In the negative control it has one.
fn unsigned_is_refused(class: DiskClass) -> Case {
    case(&format!("unsigned::{}", class.name()))
        .axis("class", class.name())
        .machine(before_signed(own(), class, Medium::bootable("first")))
        .expect(second_runs())
        .control(before_signed(own(), class, signed("first", Signer::Own)))
        .long_if(class != DiskClass::Ahci && class != DiskClass::ScsiCd, SLOW)
}

/// A program that a key signed of which nobody knows is refused. In the negative control db has that key.
fn other_key_is_refused(class: DiskClass) -> Case {
    let both = SecureBootKeys::of(Signer::Own).allowing(Signature::Certificate(Signer::Other));
    let first = || signed("first", Signer::Other);
    case(&format!("other-key::{}", class.name()))
        .axis("class", class.name())
        .machine(before_signed(own(), class, first()))
        .expect(second_runs())
        .control(before_signed(machine(both), class, first()))
        .long_if(class != DiskClass::Nvme, SLOW)
}

/// A program without a signature runs whose digest is in db. In the negative control db has another program's.
fn digest_is_allowed(class: DiskClass) -> Case {
    let allowing = |medium: &str| SecureBootKeys::of(Signer::Own).allowing(Signature::Program(medium.to_owned()));
    let on = |medium| before_signed(machine(allowing(medium)), class, Medium::bootable("first"));
    case(&format!("db-digest::{}", class.name()))
        .axis("class", class.name())
        .machine(on("first"))
        .expect(Expectation::boots("first").without_trying("second"))
        .control(on("second"))
        .long_if(class != DiskClass::VirtioScsi, SLOW)
}

/// A program that db knows by its signature is refused by its digest in dbx. In the negative control dbx has none.
fn digest_is_forbidden(class: DiskClass) -> Case {
    let on = |keys| before_signed(machine(keys), class, signed("first", Signer::Own));
    case(&format!("dbx-digest::{}", class.name()))
        .axis("class", class.name())
        .machine(on(SecureBootKeys::of(Signer::Own).forbidding(Signature::Program("first".to_owned()))))
        .expect(second_runs())
        .control(on(SecureBootKeys::of(Signer::Own)))
        .long_if(class != DiskClass::AhciCd, SLOW)
}

/// db and dbx by certificate and by digest: dbx goes before db, whichever it is.
fn databases() -> Vec<Case> {
    let own_keys = || SecureBootKeys::of(Signer::Own);
    let (other, first) = (Signature::Certificate(Signer::Other), Signature::Program("first".to_owned()));
    let both = || own_keys().allowing(other.clone());
    let on = |keys: SecureBootKeys, medium: Medium| before_signed(machine(keys), DiskClass::VirtioScsi, medium);
    let by_other = || signed("first", Signer::Other);
    let first_runs = || Expectation::boots("first").without_trying("second");
    let rows: Vec<(&str, Machine, Expectation, Machine)> = vec![
        ("dbx-certificate", on(both().forbidding(other.clone()), by_other()), second_runs(), on(both(), by_other())),
        (
            "dbx-digest-of-unsigned",
            on(own_keys().allowing(first.clone()).forbidding(first.clone()), Medium::bootable("first")),
            second_runs(),
            on(own_keys().allowing(first.clone()), Medium::bootable("first")),
        ),
        (
            "db-digest-of-other-key",
            on(own_keys().allowing(first.clone()), by_other()),
            first_runs(),
            on(own_keys(), by_other()),
        ),
        ("two-certificates", on(both(), by_other()), first_runs(), on(own_keys(), by_other())),
        (
            "dbx-certificate-that-signed-nothing",
            on(own_keys().forbidding(other.clone()), signed("first", Signer::Own)),
            first_runs(),
            on(own_keys().forbidding(other.clone()), by_other()),
        ),
        (
            "dbx-digest-of-another-program",
            on(own_keys().forbidding(Signature::Program("second".to_owned())), signed("first", Signer::Own)),
            first_runs(),
            on(own_keys().forbidding(first), signed("first", Signer::Own)),
        ),
    ];
    let one = |(name, machine, expectation, control): (&str, Machine, Expectation, Machine)| {
        case(name).machine(machine).expect(expectation).control(control).long_if(name != "dbx-certificate", SLOW)
    };
    rows.into_iter().map(one).collect()
}

/// Keys that are not in force let everything through: setup mode, and enforcement that was switched off. The keys of the
/// platform's own template know nothing of ours.
fn states() -> Vec<Case> {
    let unsigned = |machine: Machine| before_signed(machine, DiskClass::VirtioBlk, Medium::bootable("first"));
    let runs = || Expectation::boots("first").without_trying("second");
    let of_vendors = Machine::new(Firmware::Ovmf, Board::Q35).secure_boot();
    let alone = |machine: Machine| machine.virtio_blk(signed("first", Signer::Own)).bootindex(1);
    vec![
        case("setup-mode")
            .machine(unsigned(machine(SecureBootKeys::setup_mode())))
            .expect(runs())
            .control(unsigned(own())),
        case("disabled")
            .machine(unsigned(machine(SecureBootKeys::of(Signer::Own).disabled())))
            .expect(runs())
            .control(unsigned(own())),
        case("keys-of-vendors")
            .machine(alone(of_vendors))
            .expect(Expectation::nothing_boots([refused("first")]))
            .control(alone(own())),
        case("key-of-another-owner")
            .machine(alone(machine(SecureBootKeys::of(Signer::Other))))
            .expect(Expectation::nothing_boots([refused("first")]))
            .control(alone(own())),
    ]
    .into_iter()
    .map(|case| case.long(SLOW))
    .collect()
}

/// The boot order is what it is without Secure Boot: of two signed disks the lower bootindex runs.
fn orders() -> Vec<Case> {
    let classes = classes::disks(Board::Q35);
    let pairs = classes.iter().zip(classes.iter().cycle().skip(1));
    let both = |(one, other): (&DiskClass, &DiskClass)| [(*one, *other), (*other, *one)];
    pairs.flat_map(both).map(|(right, wrong)| ordered(right, wrong)).collect()
}

fn ordered(right: DiskClass, wrong: DiskClass) -> Case {
    let machine = |right_at, wrong_at| {
        let machine = own().drive(wrong, 0, signed("wrong", Signer::Own)).bootindex(wrong_at);
        machine.drive(right, 1, signed("right", Signer::Own)).bootindex(right_at)
    };
    case(&format!("order::{}-before-{}", right.name(), wrong.name()))
        .machine(machine(1, 2))
        .expect(Expectation::boots("right").without_trying("wrong"))
        .control(machine(2, 1))
        .long(SLOW)
}

/// Where everything is refused there is no shell, which is not signed either, and nobody waits.
fn ends() -> Vec<Case> {
    let three = |last: Medium| {
        let machine = own().virtio_blk(Medium::bootable("first")).bootindex(1);
        let machine = machine.drive(DiskClass::AhciCd, 2, signed("second", Signer::Other)).bootindex(2);
        machine.drive(DiskClass::Nvme, 3, last).bootindex(3)
    };
    let alone = |medium: Medium| own().virtio_blk(medium).bootindex(1);
    vec![
        case("three-in-turn")
            .machine(three(signed("third", Signer::Own)))
            .expect(Expectation::attempts([refused("first"), refused("second"), booted("third")]))
            .control(three(Medium::bootable("third"))),
        case("all-refused")
            .machine(three(Medium::bootable("third")))
            .expect(Expectation::nothing_boots([refused("first"), refused("second"), refused("third")]))
            .control(three(signed("third", Signer::Own)))
            .long(SLOW),
        case("only-one-refused")
            .machine(alone(Medium::bootable("first")))
            .expect(Expectation::nothing_boots([refused("first")]))
            .control(alone(signed("first", Signer::Own)))
            .long(SLOW),
    ]
}

/// A NIC first, whose program is signed or not, and a disk that may run.
fn over_network(lan: LanSpec, signer: Option<Signer>) -> Machine {
    let network = Network::new(lan).efi_program(EFI_FILE, "served");
    let network = signer.into_iter().fold(network, Network::signed_by);
    own()
        .network(network)
        .nic("virtio-net-pci", Some(0))
        .bootindex(1)
        .virtio_blk(signed("next", Signer::Own))
        .bootindex(2)
        .rng()
        .without_ipv6()
        .rom_of_each_nic(&OptionRom::Empty)
}

/// A file by TFTP is fetched as a whole before it is refused.
fn by_pxe(has_signature: bool) -> Case {
    let server = || LanSpec::new().dhcp(DhcpServer::new("main").boot_file(EFI_FILE));
    let of = |has_signature: bool| over_network(server(), has_signature.then_some(Signer::Own));
    let http = timed_out_entry("HTTPv4").because_of(Cause::OfferNotTaken);
    network_case("pxe", has_signature, of, [refused_entry("PXEv4"), http, booted("next")].to_vec())
}

/// The same by HTTP.
fn by_http(has_signature: bool) -> Case {
    let url = format!("http://10.77.0.1/{EFI_FILE}");
    let answer = BootAnswer::http(&url);
    let server = DhcpServer::new("main").rule(Match::Any, answer);
    let of = |has_signature: bool| {
        over_network(LanSpec::new().dhcp(server.clone()), has_signature.then_some(Signer::Own)).without_pxe()
    };
    network_case("http", has_signature, of, [refused_entry("HTTPv4"), booted("next")].to_vec())
}

fn network_case(how: &str, has_signature: bool, machine: impl Fn(bool) -> Machine, attempts: Vec<Expected>) -> Case {
    let expectation = match has_signature {
        true => Expectation::boots("served").without_trying("next"),
        false => Expectation::attempts(attempts),
    };
    case(&format!("{how}::{}", if has_signature { "signed" } else { "unsigned" }))
        .machine(machine(has_signature))
        .expect(expectation.on_lan(OnLan::Fetched(EFI_FILE.into())))
        .control(machine(!has_signature))
        .long_if(how == "http" || has_signature, SLOW)
}

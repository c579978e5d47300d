//! What UEFI Secure Boot lets through: the builds of OVMF and AAVMF that enforce it, with keys of the project in their stores at
//! power-on.
//!
//! Whatever is refused, firmware says `Access Denied` and goes on with the next option; it never says which signature was missing
//! or forbidden. Each program that runs reads SecureBoot, which is held against the keys.

pub mod enrol;
pub mod shim;

use bootwright::case::Case;
use bootwright::images::Signer;
use bootwright::lan::{BootAnswer, DhcpServer, LanSpec, Match};
use bootwright::machine::{
    Board, DiskClass, Machine, Medium, Network, OptionRom, SecureBootKeys, Signature, VariableStore,
};
use bootwright::verdict::{Cause, Expectation, OnLan, booted, refused, refused_entry, timed_out_entry};

use crate::classes;
use crate::http::uefi::next_runs;
use crate::networks::{EFI_FILE, Switched, Uefi, on_x86};
use crate::pxe::uefi::all_fail;

/// Why most of them are in the full suite.
const SLOW: &str = "an OVMF with SMM takes more than one without";

/// All cases of this group.
pub fn cases() -> Vec<Case> {
    on(on_x86(Board::Q35))
}

/// The cases of one guest.
pub fn on(guest: Uefi) -> Vec<Case> {
    let drives = || classes::disks(guest.board).into_iter().chain(classes::opticals(guest.board));
    let mut cases: Vec<Case> = drives().map(|class| signed_runs(guest, class)).collect();
    cases.extend(drives().map(|class| unsigned_is_refused(guest, class)));
    cases.extend(drives().map(|class| other_key_is_refused(guest, class)));
    cases.extend(drives().map(|class| digest_is_allowed(guest, class)));
    cases.extend(drives().map(|class| digest_is_forbidden(guest, class)));
    cases.extend(databases(guest));
    cases.extend(states(guest));
    cases.extend(orders(guest));
    cases.extend(ends(guest));
    cases.extend(
        [true, false]
            .into_iter()
            .flat_map(|has_signature| [by_pxe(guest, has_signature), by_http(guest, has_signature)]),
    );
    cases
}

#[track_caller]
fn case(guest: Uefi, name: &str) -> Case {
    let id = format!("secure_boot::{}::{name}", guest.id());
    Case::new(id).axis("secure-boot", name.split("::").next().unwrap_or(name))
}

/// A machine whose store has these keys, without a drive.
fn machine(guest: Uefi, keys: SecureBootKeys) -> Machine {
    bare(guest).variable_store(VariableStore::with_keys(keys))
}

/// One with the keys of its platform's template.
fn bare(guest: Uefi) -> Machine {
    Machine::new(guest.firmware, guest.board).secure_boot()
}

/// One whose platform key, KEK and db are the project's own certificate.
fn own(guest: Uefi) -> Machine {
    machine(guest, SecureBootKeys::of(Signer::Own))
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
fn signed_runs(guest: Uefi, class: DiskClass) -> Case {
    let alone = |medium: Medium| own(guest).drive(class, 0, medium).bootindex(1);
    case(guest, &format!("signed::{}", class.name()))
        .axis("class", class.name())
        .machine(alone(signed("first", Signer::Own)))
        .expect(Expectation::boots("first"))
        .control(alone(Medium::bootable("first")))
        .long_if(class != DiskClass::VirtioBlk && class != DiskClass::AhciCd, SLOW)
}

/// A program without a signature is refused. In the negative control it has one.
fn unsigned_is_refused(guest: Uefi, class: DiskClass) -> Case {
    case(guest, &format!("unsigned::{}", class.name()))
        .axis("class", class.name())
        .machine(before_signed(own(guest), class, Medium::bootable("first")))
        .expect(second_runs())
        .control(before_signed(own(guest), class, signed("first", Signer::Own)))
        .long_if(class != DiskClass::Ahci && class != DiskClass::ScsiCd, SLOW)
}

/// A program that a key signed of which nobody knows is refused. In the negative control db has that key.
fn other_key_is_refused(guest: Uefi, class: DiskClass) -> Case {
    let both = SecureBootKeys::of(Signer::Own).allowing(Signature::Certificate(Signer::Other));
    let first = || signed("first", Signer::Other);
    case(guest, &format!("other-key::{}", class.name()))
        .axis("class", class.name())
        .machine(before_signed(own(guest), class, first()))
        .expect(second_runs())
        .control(before_signed(machine(guest, both), class, first()))
        .long_if(class != DiskClass::Nvme, SLOW)
}

/// A program without a signature runs whose digest is in db. In the negative control db has another program's.
fn digest_is_allowed(guest: Uefi, class: DiskClass) -> Case {
    let allowing = |medium: &str| SecureBootKeys::of(Signer::Own).allowing(Signature::Program(medium.to_owned()));
    let on = |medium| before_signed(machine(guest, allowing(medium)), class, Medium::bootable("first"));
    case(guest, &format!("db-digest::{}", class.name()))
        .axis("class", class.name())
        .machine(on("first"))
        .expect(Expectation::boots("first").without_trying("second"))
        .control(on("second"))
        .long_if(class != DiskClass::VirtioScsi, SLOW)
}

/// A program that db knows by its signature is refused by its digest in dbx. In the negative control dbx has none.
fn digest_is_forbidden(guest: Uefi, class: DiskClass) -> Case {
    let on = |keys| before_signed(machine(guest, keys), class, signed("first", Signer::Own));
    case(guest, &format!("dbx-digest::{}", class.name()))
        .axis("class", class.name())
        .machine(on(SecureBootKeys::of(Signer::Own).forbidding(Signature::Program("first".to_owned()))))
        .expect(second_runs())
        .control(on(SecureBootKeys::of(Signer::Own)))
        .long_if(class != DiskClass::AhciCd, SLOW)
}

/// db and dbx by certificate and by digest: dbx goes before db, whichever it is.
fn databases(guest: Uefi) -> Vec<Case> {
    let own_keys = || SecureBootKeys::of(Signer::Own);
    let (other, first) = (Signature::Certificate(Signer::Other), Signature::Program("first".to_owned()));
    let both = || own_keys().allowing(other.clone());
    let on = |keys: SecureBootKeys, medium: Medium| before_signed(machine(guest, keys), DiskClass::VirtioScsi, medium);
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
        case(guest, name).machine(machine).expect(expectation).control(control).long_if(name != "dbx-certificate", SLOW)
    };
    rows.into_iter().map(one).collect()
}

/// Keys that are not in force let everything through: setup mode, and enforcement that was switched off. The keys of the
/// platform's own template know nothing of ours.
fn states(guest: Uefi) -> Vec<Case> {
    let unsigned = |machine: Machine| before_signed(machine, DiskClass::VirtioBlk, Medium::bootable("first"));
    let runs = || Expectation::boots("first").without_trying("second");
    let of_vendors = bare(guest);
    let alone = |machine: Machine| machine.virtio_blk(signed("first", Signer::Own)).bootindex(1);
    vec![
        case(guest, "setup-mode")
            .machine(unsigned(machine(guest, SecureBootKeys::setup_mode())))
            .expect(runs())
            .control(unsigned(own(guest))),
        case(guest, "disabled")
            .machine(unsigned(machine(guest, SecureBootKeys::of(Signer::Own).disabled())))
            .expect(runs())
            .control(unsigned(own(guest))),
        case(guest, "keys-of-vendors")
            .machine(alone(of_vendors))
            .expect(Expectation::nothing_boots([refused("first")]))
            .control(alone(own(guest))),
        case(guest, "key-of-another-owner")
            .machine(alone(machine(guest, SecureBootKeys::of(Signer::Other))))
            .expect(Expectation::nothing_boots([refused("first")]))
            .control(alone(own(guest))),
    ]
    .into_iter()
    .map(|case| case.long(SLOW))
    .collect()
}

/// The boot order is what it is without Secure Boot: of two signed disks the lower bootindex runs.
fn orders(guest: Uefi) -> Vec<Case> {
    let classes = classes::disks(guest.board);
    let pairs = classes.iter().zip(classes.iter().cycle().skip(1));
    let both = |(one, other): (&DiskClass, &DiskClass)| [(*one, *other), (*other, *one)];
    pairs.flat_map(both).map(|(right, wrong)| ordered(guest, right, wrong)).collect()
}

fn ordered(guest: Uefi, right: DiskClass, wrong: DiskClass) -> Case {
    let machine = |right_at, wrong_at| {
        let machine = own(guest).drive(wrong, 0, signed("wrong", Signer::Own)).bootindex(wrong_at);
        machine.drive(right, 1, signed("right", Signer::Own)).bootindex(right_at)
    };
    case(guest, &format!("order::{}-before-{}", right.name(), wrong.name()))
        .machine(machine(1, 2))
        .expect(Expectation::boots("right").without_trying("wrong"))
        .control(machine(2, 1))
        .long(SLOW)
}

/// Where everything is refused there is no shell, which is not signed either, and nobody waits.
fn ends(guest: Uefi) -> Vec<Case> {
    let three = |last: Medium| {
        let machine = own(guest).virtio_blk(Medium::bootable("first")).bootindex(1);
        let machine =
            machine.drive(classes::native_optical(guest.board), 2, signed("second", Signer::Other)).bootindex(2);
        machine.drive(DiskClass::Nvme, 3, last).bootindex(3)
    };
    let alone = |medium: Medium| own(guest).virtio_blk(medium).bootindex(1);
    vec![
        case(guest, "three-in-turn")
            .machine(three(signed("third", Signer::Own)))
            .expect(Expectation::attempts([refused("first"), refused("second"), booted("third")]))
            .control(three(Medium::bootable("third"))),
        case(guest, "all-refused")
            .machine(three(Medium::bootable("third")))
            .expect(Expectation::nothing_boots([refused("first"), refused("second"), refused("third")]))
            .control(three(signed("third", Signer::Own)))
            .long(SLOW),
        case(guest, "only-one-refused")
            .machine(alone(Medium::bootable("first")))
            .expect(Expectation::nothing_boots([refused("first")]))
            .control(alone(signed("first", Signer::Own)))
            .long(SLOW),
    ]
}

/// A NIC first, whose program is signed or not, and a disk that may run.
fn over_network(guest: Uefi, lan: LanSpec, signer: Option<Signer>) -> Machine {
    let network = guest.offers(lan, EFI_FILE, "served");
    let network = signer.into_iter().fold(network, Network::signed_by);
    let machine = own(guest)
        .network(network)
        .nic("virtio-net-pci", Some(0))
        .bootindex(1)
        .virtio_blk(signed("next", Signer::Own))
        .bootindex(2)
        .without_ipv6()
        .rom_of_each_nic(&OptionRom::Empty);
    guest.with_random_source(machine)
}

/// A file by TFTP is fetched as a whole before it is refused.
fn by_pxe(guest: Uefi, has_signature: bool) -> Case {
    let server = || LanSpec::new().dhcp(DhcpServer::new("main").boot_file(EFI_FILE));
    let of = |has_signature: bool| over_network(guest, server(), has_signature.then_some(Signer::Own));
    let http = timed_out_entry("HTTPv4").because_of(Cause::OfferNotTaken);
    network_case(guest, "pxe", has_signature, of, |ipv6| all_fail(ipv6, &refused_entry("PXEv4"), &http))
}

/// The same by HTTP.
fn by_http(guest: Uefi, has_signature: bool) -> Case {
    let url = format!("http://10.77.0.1/{EFI_FILE}");
    let answer = BootAnswer::http(&url);
    let server = DhcpServer::new("main").rule(Match::Any, answer);
    let of = |has_signature: bool| {
        over_network(guest, LanSpec::new().dhcp(server.clone()), has_signature.then_some(Signer::Own)).without_pxe()
    };
    network_case(guest, "http", has_signature, of, |ipv6| next_runs(ipv6, &refused_entry("HTTPv4")))
}

fn network_case(
    guest: Uefi,
    how: &str,
    has_signature: bool,
    machine: impl Fn(bool) -> Machine,
    refused: impl Fn(Switched) -> Expectation,
) -> Case {
    let fetched = |expectation: Expectation| expectation.on_lan(OnLan::Fetched(EFI_FILE.into()));
    let case = case(guest, &format!("{how}::{}", if has_signature { "signed" } else { "unsigned" }))
        .machine(machine(has_signature))
        .control(machine(!has_signature))
        .long_if(how == "http" || has_signature, SLOW);
    match has_signature {
        true => case.expect(fetched(Expectation::boots("served").without_trying("next"))),
        false => guest.switched_off(case, |ipv6| fetched(refused(ipv6))),
    }
}

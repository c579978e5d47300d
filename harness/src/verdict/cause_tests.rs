//! Each demand holds of what it names and of nothing else.

use std::net::Ipv4Addr;

use rstest::rstest;

use super::*;
use crate::lan::Struck;
use crate::machine::DeviceName;
use crate::trace::bridge_port::BridgePort;
use crate::trace::lan_finding::Service;

const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);

/// Every finding that a demand may be about, one of each.
pub(in crate::verdict) fn findings() -> Vec<Finding> {
    let transfer = |protocol, name: &str, end| LanFinding::Transfer { protocol, name: name.to_owned(), end, times: 1 };
    let error = |error| transfer(Protocol::Tftp, "e", TransferEnd::Error(error));
    let tftp_error = |code, from_guest| TransferError::Tftp { code, message: "no".into(), from_guest };
    let rule = FaultOrigin::Firewall { chain: "inet x output".into(), rule: "oifname br0 drop".into() };
    let nobody = Nobody::Serves { service: Service::Tcp(80), at: ADDRESS.into() };
    let on_lan = [
        LanFinding::NothingSent,
        LanFinding::NoOffer { ipv6: false, discovers: 4 },
        LanFinding::OfferNotTaken { ipv6: false, discovers: 4, offers: 4 },
        LanFinding::NotAcknowledged { ipv6: false, requests: 6, naks: 0 },
        LanFinding::NoBootFile { ipv6: false },
        LanFinding::NeverAskedFor("boot.0".into()),
        LanFinding::TlsRefused("eof".into()),
        transfer(Protocol::Http, "/whole", TransferEnd::Whole { bytes: 9 }),
        transfer(Protocol::Https, "/secure", TransferEnd::Whole { bytes: 9 }),
        transfer(Protocol::Http, "/status", TransferEnd::Status(404)),
        transfer(Protocol::Http, "/none", TransferEnd::Unanswered("GET".into())),
        transfer(Protocol::Tftp, "stalls", TransferEnd::Stalled { bytes: 600 }),
        transfer(Protocol::Http, "/body", TransferEnd::Error(TransferError::Body(BodyFault::ResetAfter(600)))),
        error(tftp_error(2, false)),
        transfer(Protocol::Tftp, "missing", TransferEnd::Error(tftp_error(1, false))),
        error(tftp_error(3, true)),
        transfer(Protocol::Tftp, "nobody", TransferEnd::Error(TransferError::Nobody(nobody.clone()))),
        LanFinding::Nobody(nobody),
        LanFinding::PortBlocked(BridgePort {
            discovers: vec!["listening".into(), "learning".into()],
            ..BridgePort::default()
        }),
        LanFinding::Fault(Struck { fault: rule, note: "dropped".into() }),
        LanFinding::NoOffer { ipv6: true, discovers: 3 },
        LanFinding::OfferNotTaken { ipv6: true, discovers: 3, offers: 3 },
        LanFinding::NotAcknowledged { ipv6: true, requests: 1, naks: 0 },
        LanFinding::NoBootFile { ipv6: true },
    ];
    let returned = Finding::Returned { to: Caller::Bios, reported: true };
    let again = Finding::Returned { to: Caller::BiosAgain, reported: true };
    let nic = DeviceName::nic(0);
    let on_lan = on_lan.into_iter().map(|seen| Finding::OnLan { nic: nic.clone(), seen });
    on_lan.chain([returned, again, Finding::Printed("returned no DHCP offer".into()), Finding::NoReason]).collect()
}

fn dropped(chain: &str, rule: &str) -> Cause {
    Cause::DroppedBy { chain: chain.to_owned(), rule: rule.to_owned() }
}

/// Every demand, each of which holds of one of the findings.
pub(in crate::verdict) fn demands() -> Vec<Cause> {
    vec![
        Cause::Returned,
        Cause::NothingSent,
        Cause::NoOffer,
        Cause::NoOfferAfter(4),
        Cause::NoAdvertisement,
        Cause::OfferNotTaken,
        Cause::OffersNotTaken(4),
        Cause::NotAcknowledged,
        Cause::NoBootFile,
        Cause::NeverAskedFor("boot.0".into()),
        Cause::TlsRefused,
        Cause::Nobody(Nobody::Serves { service: Service::Tcp(80), at: ADDRESS.into() }),
        Cause::PortWas("listening".into()),
        dropped("inet x output", "oifname"),
        http("whole").into(),
        http("whole").whole().into(),
        https("secure").whole().into(),
        http("status").status(404).into(),
        http("none").unanswered().into(),
        tftp("stalls").stalled().into(),
        tftp("stalls").stalled_after(600).into(),
        http("body").fault(BodyFault::ResetAfter(600)).into(),
        tftp("e").error(2, "no").into(),
        tftp("missing").not_found().into(),
        tftp("nobody").nobody_at(ADDRESS).into(),
    ]
}

#[test]
fn a_demand_holds_of_one_finding_alone() {
    let findings = findings();
    for cause in demands() {
        let of = |finding: &&Finding| cause.holds(&Reason::from((*finding).clone()));
        let held: Vec<&Finding> = findings.iter().filter(of).collect();
        assert_eq!(held.len(), 1, "{cause}: {held:?}");
        let text = serde_json::to_string(&cause).unwrap();
        assert_eq!(serde_json::from_str::<Cause>(&text).unwrap(), cause);
    }
}

#[rstest]
#[case(Cause::NoOfferAfter(3))]
#[case(Cause::OffersNotTaken(3))]
#[case(Cause::NeverAskedFor("other".into()))]
#[case(Cause::Nobody(Nobody::Serves { service: Service::Tftp, at: ADDRESS.into() }))]
#[case(Cause::Nobody(Nobody::HasAddress(ADDRESS)))]
#[case(Cause::PortWas("learning".into()))]
#[case(dropped("inet x input", "oifname"))]
#[case(dropped("inet x output", "iifname"))]
#[case(tftp("whole").into())]
#[case(http("other").into())]
#[case(http("status").status(403).into())]
#[case(http("status").whole().into())]
#[case(tftp("stalls").stalled_after(599).into())]
#[case(http("body").fault(BodyFault::CloseAfter(600)).into())]
#[case(tftp("e").error(2, "yes").into())]
#[case::from_the_guest(tftp("e").error(3, "no").into())]
#[case(tftp("nobody").nobody_at(Ipv4Addr::new(10, 77, 0, 2)).into())]
#[case(tftp("e").not_found().into())]
fn a_demand_for_something_else_holds_of_none(#[case] cause: Cause) {
    assert!(!findings().into_iter().any(|finding| cause.holds(&Reason::from(finding))), "{cause}");
}

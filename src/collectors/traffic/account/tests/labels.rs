//! Countries with own labels.

use super::*;
use crate::collectors::section::SectionContent as _;

/// A flow that eth0 receives.
const KEY: FlowKey = FlowKey {
    interface: InterfaceId(1),
    direction: Direction::Received,
    ip_version: IpVersion::V4,
    class: 0,
    remote: [0; 16],
};

/// Also of labels that no earlier country of the interface had room for.
#[test]
fn every_country_has_a_place_of_its_own() {
    let mut labels = CountryLabels::default();
    let letters = || ('A'..='Z').rev();
    let codes = letters().flat_map(|a| letters().map(move |b| (a, b)));
    let codes = codes.map(|(a, b)| format!("{a}{b}"));
    let own = (0..CountryLabels::MOST_OWN).map(|n| format!("own {n}"));
    let mut all: Vec<String> = codes.chain(own).collect();
    all.extend(["UNKNOWN".into(), "PRIVATE".into()]);
    // From the largest number to the smallest and back.
    let mut countries: Vec<_> =
        all.iter().map(|label| labels.intern(label).unwrap()).collect();
    countries.sort_unstable();
    let mut account = named(&[(1, "eth0")]);
    account.label_countries(&labels.clone().into());
    for country in countries.iter().rev().chain(&countries) {
        let bytes = country.index() as u64;
        account.credit(
            &KEY,
            volume(1, bytes),
            &Origin { country: *country, ..Origin::default() },
        );
    }
    let snapshot = account.snapshot();
    let shown = &interface(&snapshot, "eth0").countries;
    assert_eq!(shown.len(), Country::FIXED + CountryLabels::MOST_OWN);
    for (of_country, country) in shown.iter().zip(&countries) {
        let volume = of_country.volume.total(Direction::Received);
        assert_eq!(of_country.country, *country);
        assert_eq!(volume.bytes, 2 * country.index() as u64);
    }
    assert_eq!(*snapshot.labels, labels);
}

/// In another process the same labels have other numbers.
#[test]
fn own_labels_go_on_under_other_numbers() {
    let mut account = named(&[(1, "eth0")]);
    account.label_countries(&labels().into());
    receive(&mut account, 1, "vpn", volume(1, 10));
    receive(&mut account, 1, "PRIVATE", volume(1, 30));
    let saved = account.snapshot().encode();

    let mut labels = CountryLabels::default();
    for label in ["of another slice", "a second one"] {
        labels.intern(label).unwrap();
    }
    let mut saved = Snapshot::decode(&saved, &mut labels).unwrap();
    saved.labels = labels.clone().into();
    let mut account = Accounted::resume(saved);
    account.name_interface(InterfaceId(1), &"eth0".into());
    let vpn = labels.intern("vpn").unwrap();
    assert_ne!(vpn, country("vpn"));
    account.credit(
        &KEY,
        volume(1, 100),
        &Origin { country: vpn, ..Origin::default() },
    );
    let snapshot = account.snapshot();
    let shown = interface(&snapshot, "eth0").countries.iter().map(|one| {
        let bytes = one.volume.total(Direction::Received).bytes;
        (snapshot.labels.get(one.country), bytes)
    });
    assert!(shown.eq([("PRIVATE", 30), ("vpn", 110)]));
}

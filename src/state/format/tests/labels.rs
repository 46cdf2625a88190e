//! Countries with own labels.

use super::*;
use crate::accounting::Breakdown;
use crate::collectors::traffic::{CountryTraffic, InterfaceTraffic};
use crate::geoip::Country;

/// Two interfaces with own labels, which `labels` knows.
fn with_labels(labels: CountryLabels, of: &[(&str, &[&str])]) -> State {
    let mut labels = labels;
    let mut interface = |(name, countries): &(&str, &[&str])| {
        let mut country = |(number, label): (u64, &&str)| {
            let country = labels.intern(label).unwrap();
            let volume = Volume { packets: number, bytes: number * 100 };
            let volume = Breakdown::of(|_, _| volume);
            CountryTraffic { volume, ..CountryTraffic::new(country) }
        };
        let countries = (1..).zip(*countries).map(&mut country);
        let mut countries: Vec<_> = countries.collect();
        countries.sort_by_key(|one| one.country);
        Arc::new(InterfaceTraffic::new(
            (*name).into(),
            countries,
            Default::default(),
            Default::default(),
        ))
    };
    let interfaces = of.iter().map(&mut interface).collect();
    let labels = Arc::new(labels);
    let traffic = Snapshot { interfaces, labels, ..Snapshot::default() };
    State { traffic: Arc::new(traffic), ..State::default() }
}

/// Returns the credits of every label of an interface.
fn by_label(state: &State) -> Vec<(String, String, u64)> {
    let labels = &state.traffic.labels;
    let interfaces = state.traffic.interfaces.iter();
    let mut all: Vec<_> = interfaces
        .flat_map(|one| one.countries.iter().map(move |of| (one, of)))
        .map(|(one, CountryTraffic { country, volume, .. })| {
            let bytes = volume.total(Direction::Sent).bytes;
            (one.name.to_string(), labels.get(*country).to_owned(), bytes)
        })
        .collect();
    all.sort();
    all
}

/// The numbers of labels are of one process only.
#[test]
fn own_labels_are_saved_as_texts() {
    let mut other = CountryLabels::default();
    for label in ["vpn", "gone", "office"] {
        other.intern(label).unwrap();
    }
    let of: &[(&str, &[&str])] = &[
        ("eth0", &["office", "DE", "PRIVATE", "UNKNOWN"]),
        ("eth1", &["hq", "vpn", "office"]),
    ];
    let state = with_labels(other, of);
    let decoded = decode(&encode(&state)).unwrap();
    assert_eq!(decoded.damage, []);
    assert_eq!(by_label(&decoded.state), by_label(&state));
    let labels = &decoded.state.traffic.labels;
    let office = labels.clone().as_ref().clone().intern("office").unwrap();
    assert_eq!(office.index(), Country::FIXED);
    // As in this process only those are known that have traffic.
    let again = decode(&encode(&decoded.state)).unwrap();
    assert_eq!(again, decoded);
}

/// An older release would find it malformed. It keeps a newer one.
#[test]
fn traffic_has_a_newer_version_only_with_labels_that_need_it() {
    let version = |labels: &[&str]| {
        let of = [("eth0", labels)];
        let state = with_labels(CountryLabels::default(), &of);
        assert_eq!(decode(&encode(&state)).unwrap().state, state);
        state.traffic.version()
    };
    assert_eq!(version(&[]), 1);
    assert_eq!(version(&["UNKNOWN", "AA", "ZZ"]), 1);
    assert_eq!(version(&["PRIVATE"]), 2);
    assert_eq!(version(&["DE", "office"]), 2);
    let of: &[(&str, &[&str])] = &[("eth0", &["office"])];
    let shown = with_labels(CountryLabels::default(), of);
    let mut traffic = Snapshot::clone(&shown.traffic);
    traffic.remembered = std::mem::take(&mut traffic.interfaces).into();
    assert_eq!(traffic.version(), 2);
}

#[test]
fn a_country_that_is_there_twice_is_malformed() {
    let of: &[(&str, &[&str])] = &[("eth0", &["office", "vpn"])];
    let state = with_labels(CountryLabels::default(), of);
    let body = state.traffic.encode();
    let at = body.windows(3).position(|bytes| bytes == b"vpn").unwrap();
    for label in ["\u{1}pn", "   "] {
        let mut changed = body.clone();
        changed[at..at + 3].copy_from_slice(label.as_bytes());
        let section = traffic_section(2, &changed);
        let mut labels = CountryLabels::default();
        let read = content::<Snapshot>(&section, &mut labels);
        assert_eq!(read.is_ok(), label == "   ", "{label:?}");
        // A section that is refused leaves no labels.
        assert_eq!(labels != CountryLabels::default(), read.is_ok());
    }
    let of: &[(&str, &[&str])] = &[("eth0", &["vpm", "vpn"])];
    let state = with_labels(CountryLabels::default(), of);
    let mut body = state.traffic.encode();
    let at = body.windows(3).position(|bytes| bytes == b"vpn").unwrap();
    body[at + 2] = b'm';
    let section = traffic_section(2, &body);
    let read = content::<Snapshot>(&section, &mut CountryLabels::default());
    assert_eq!(read, Err(Fault::Malformed));
}

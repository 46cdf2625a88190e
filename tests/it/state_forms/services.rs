//! The section of services, in every version that there was.
//!
//! A file is never changed. `UPDATE_STATE_FILES=1` writes the one of the newest
//! version if it is missing.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use geoip_exporter::accounting::{Account as _, Timestamp};
use geoip_exporter::collectors::section::SectionContent as _;
use geoip_exporter::collectors::services::{
    Counters, ServiceTraffic, ServicesAccount, Snapshot,
};
use geoip_exporter::geoip::{Country, CountryLabels};

/// A service with a country and an own label, and one without a country.
fn snapshot() -> Snapshot {
    let mut labels = CountryLabels::default();
    let own = labels.intern("HQ Übersee").unwrap();
    let germany = Country::from_code("DE").unwrap();
    let at = |millis| Some(Timestamp::from_millis(millis));
    let counters = |first: u64| Counters {
        bytes: [first, first + 1],
        attempts: [first + 2, first + 3],
        bytes_created: [at(first + 4), None],
        attempts_created: [None, at(first + 5)],
    };
    let service = |name: &str, countries, other| {
        Arc::new(ServiceTraffic { name: name.into(), countries, other })
    };
    let countries = vec![(germany, counters(100)), (own, counters(200))];
    Snapshot {
        services: vec![
            service("dns", Vec::new(), counters(300)),
            service("web", countries, Counters::default()),
        ],
        labels: Arc::new(labels),
    }
}

#[test]
fn a_section_of_services_of_any_version_is_read() {
    let expected = snapshot();
    for version in 1..=Snapshot::NEWEST {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join(format!("tests/data/state/services-{version}.section"));
        if std::env::var_os("UPDATE_STATE_FILES").is_some()
            && version == Snapshot::NEWEST
            && !path.exists()
        {
            fs::write(&path, expected.encode()).unwrap();
        }
        let bytes = fs::read(&path).unwrap();
        let mut labels = CountryLabels::default();
        let read = Snapshot::decode(&bytes, &mut labels).unwrap();
        assert_eq!(read.services, expected.services, "version {version}");
        assert_eq!(labels, *expected.labels);
        if version == Snapshot::NEWEST {
            assert!(expected.encode() == bytes, "it is of an old form");
        }
    }
}

/// A damaged section is refused, or its parts agree: an account can continue
/// from it.
#[test]
fn a_damaged_section_of_services_is_refused_or_makes_sense() {
    let good = snapshot().encode();
    for place in 0..good.len() {
        for bit in 0..8 {
            let mut bytes = good.clone();
            bytes[place] ^= 1 << bit;
            let read = Snapshot::decode(&bytes, &mut CountryLabels::default());
            if let Some(read) = read {
                let mut account = ServicesAccount::resume(read.clone());
                assert_eq!(account.snapshot().services, read.services);
            }
        }
    }
    for length in 0..good.len() {
        let mut labels = CountryLabels::default();
        assert_eq!(Snapshot::decode(&good[..length], &mut labels), None);
    }
}

//! The section of services.

use std::sync::Arc;

use geoip_exporter::accounting::{Account as _, Timestamp};
use geoip_exporter::collectors::services::{
    Counters, ServiceTraffic, ServicesAccount, Snapshot,
};
use geoip_exporter::geoip::{Country, CountryLabels};

use super::section::{damage, read_every_version};

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
    read_every_version(&expected, |read, labels| {
        assert_eq!(read.services, expected.services);
        assert_eq!(labels, *expected.labels);
    });
}

/// A damaged section is refused, or its parts agree: an account can continue
/// from it.
#[test]
fn a_damaged_section_of_services_is_refused_or_makes_sense() {
    damage(&snapshot(), |read| {
        let mut account = ServicesAccount::resume(read.clone());
        assert_eq!(account.snapshot().services, read.services);
    });
}

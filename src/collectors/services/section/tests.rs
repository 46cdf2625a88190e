use super::*;
use crate::accounting::Timestamp;
use crate::geoip::Country;

fn snapshot() -> Snapshot {
    let mut labels = CountryLabels::default();
    let own = labels.intern("HQ Berlin").unwrap();
    let counters = Counters {
        bytes: [1, 2],
        attempts: [3, 4],
        bytes_created: [Some(Timestamp::from_millis(5)), None],
        attempts_created: [None, Some(Timestamp::from_millis(6))],
    };
    let service = |name: &str, countries| {
        let other = Counters { bytes: [7, 8], ..Counters::default() };
        Arc::new(ServiceTraffic { name: name.into(), countries, other })
    };
    let germany = Country::from_code("DE").unwrap();
    Snapshot {
        services: vec![
            service("dns", vec![]),
            service("web", vec![(germany, counters), (own, counters)]),
        ],
        labels: Arc::new(labels),
    }
}

#[test]
fn a_saved_snapshot_is_read_as_it_was() {
    let saved = snapshot();
    let mut labels = CountryLabels::default();
    let read = Snapshot::decode(&saved.encode(), &mut labels).unwrap();
    assert_eq!(read.services, saved.services);
    assert_eq!(labels, *saved.labels);
}

#[test]
fn a_section_that_nothing_could_have_counted_is_refused() {
    for change in [
        |it: &mut Snapshot| it.services.reverse(),
        |it: &mut Snapshot| {
            let service = Arc::make_mut(&mut it.services[0]);
            service.other.bytes[0] = LARGEST_COUNTER + 1;
        },
        |it: &mut Snapshot| {
            let service = Arc::make_mut(&mut it.services[1]);
            service.countries[0].1.attempts[1] = LARGEST_COUNTER + 1;
        },
        |it: &mut Snapshot| {
            let service = Arc::make_mut(&mut it.services[1]);
            service.countries[1] = service.countries[0];
        },
    ] {
        let mut saved = snapshot();
        change(&mut saved);
        let mut labels = CountryLabels::default();
        assert!(Snapshot::decode(&saved.encode(), &mut labels).is_none());
        assert_eq!(labels, CountryLabels::default());
    }
    assert!(
        Snapshot::decode(b"nonsense", &mut CountryLabels::default()).is_none()
    );
}

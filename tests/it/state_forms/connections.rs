//! The section of connections.

use std::sync::Arc;
use std::time::Duration;

use geoip_exporter::accounting::{
    ConnectionDirection, ConnectionGrowth, ConnectionKey, PollEnd, Timestamp,
};
use geoip_exporter::collectors::connections::{ConnectionsAccount, Snapshot};
use geoip_exporter::config::Config;
use geoip_exporter::geoip::CountryLabels;

use super::section::{damage, read_every_version};

/// Countries with round-trip times of their own and without, an own label, a key
/// without an address, and no open connection.
fn snapshot() -> Snapshot {
    let start = Timestamp::from_millis(1_700_000_000_000);
    let mut account =
        ConnectionsAccount::resume(Snapshot::default()).starting(start);
    let (connections, connections_countries) = (true, 2);
    account.configure(&Config {
        connections,
        connections_countries,
        ..Config::default()
    });
    let mut labels = CountryLabels::default();
    for visit in 1..=4_u64 {
        let names = ["UNKNOWN", "DE", "US", "HQ Übersee"];
        for (number, name) in
            (1..).zip(names.map(Some).into_iter().chain([None]))
        {
            let country = name.map(|name| labels.intern(name).unwrap());
            for direction in ConnectionDirection::ALL {
                let remote = name.map(|_| "2001:db8::1".parse().unwrap());
                let key = ConnectionKey { remote, local_port: 0, direction };
                let mut growth = ConnectionGrowth {
                    opened: number + visit,
                    closed: number + visit,
                    bytes_acked: number << 33,
                    bytes_received: visit << 34,
                    segments_sent: 1_000 * number,
                    segments_retransmitted: number,
                    ..ConnectionGrowth::default()
                };
                if direction == ConnectionDirection::Outbound {
                    growth.failed = 7;
                }
                // Another one grows most at every visit.
                let is_large = number % 4 == visit % 4;
                let observations = if is_large { 1 << (2 * visit) } else { 1 };
                growth.round_trips.buckets = [observations; 10];
                growth.round_trips.sum = observations * 123_456;
                account.credit(country, &key, &growth);
            }
        }
        account.add_untracked(visit);
        account.end_visit(PollEnd {
            at: Timestamp::from_millis(1_700_000_000_000 + visit * 1_000),
            uptime: Duration::from_secs(visit),
            absent_retention: None,
        });
    }
    account.label_countries(&Arc::new(labels));
    // The open ones are not saved.
    ConnectionsAccount::resume(account.snapshot()).snapshot()
}

#[test]
fn a_section_of_connections_of_any_version_is_read() {
    let expected = snapshot();
    assert!(expected.round_trips.iter().any(|one| !one.is_shown));
    read_every_version(&expected, |mut read, labels| {
        read.labels = Arc::new(labels);
        assert_eq!(read, expected);
    });
}

/// A damaged section is refused, or its parts agree: an account can continue
/// from it.
#[test]
fn a_damaged_section_of_connections_is_refused_or_makes_sense() {
    damage(&snapshot(), |read| {
        assert!(read.round_trips.is_consistent());
        let mut account = ConnectionsAccount::resume(read.clone());
        let shown = account.snapshot();
        assert_eq!(shown.countries, read.countries);
        assert_eq!(shown.other, read.other);
        assert_eq!(shown.round_trips.whole(), read.round_trips.whole());
    });
}

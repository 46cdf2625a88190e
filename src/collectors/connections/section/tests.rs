use super::*;
use crate::accounting::PollEnd;
use crate::collectors::bounded::Bounded;
use crate::collectors::connections::{Changes, Open, Traffic, limits};

fn counters(first: u64) -> Counters {
    let at = |millis| Some(Timestamp::from_millis(millis));
    let changes = |first| Changes {
        opened: first,
        failed: first + 1,
        closed: first + 2,
        created: at(first + 3),
    };
    Counters {
        changes: [changes(first), changes(first + 10)],
        traffic: Traffic {
            segments_sent: first + 20,
            segments_retransmitted: first + 21,
            bytes_acked: first + 22,
            bytes_received: first + 23,
            created: None,
        },
    }
}

fn snapshot() -> Snapshot {
    let mut labels = CountryLabels::default();
    let own = labels.intern("HQ Berlin").unwrap();
    let germany = Country::from_code("DE").unwrap();
    let mut family = Bounded::new(limits(1));
    for (second, country) in [(1, own), (2, germany), (3, germany)] {
        let mut amounts = [second; COUNTERS];
        amounts[COUNTERS - 1] = 7_000_000;
        family.credit_all(country, &amounts);
        family.credit_other(&[1; COUNTERS]);
        family.end_poll(PollEnd {
            at: Timestamp::from_millis(1_000 * second),
            uptime: std::time::Duration::from_secs(second),
            absent_retention: None,
        });
    }
    Snapshot {
        countries: vec![
            (germany, of_closed(counters(100))),
            (own, of_closed(counters(200))),
        ],
        other: of_closed(counters(300)),
        round_trips: family.snapshot(),
        untracked: 5,
        created: Some(Timestamp::from_millis(6)),
        labels: Arc::new(labels),
        method: None,
        visited: None,
    }
}

#[test]
fn a_saved_snapshot_is_read_as_it_was_without_open_connections() {
    let expected = snapshot();
    let mut saved = expected.clone();
    saved.countries[1].1.open.push(Open {
        direction: crate::accounting::ConnectionDirection::Inbound,
        service: None,
        number: 3,
    });
    // Another process has other own labels.
    let mut labels = CountryLabels::default();
    labels.intern("office").unwrap();
    let mut read = Snapshot::decode(&saved.encode(), &mut labels).unwrap();
    read.labels = Arc::new(labels);
    assert_eq!(read.encode(), expected.encode());
    let own = read.countries[1].0;
    assert_eq!(read.labels.get(own), "HQ Berlin");
    assert!(read.countries.iter().all(|(_, one)| one.open.is_empty()));
    let first = *read.round_trips.iter().next().unwrap();
    assert_eq!(first.key, own);
    assert!(!first.is_shown);
}

#[test]
fn a_section_that_nothing_could_have_counted_is_refused() {
    let too_large = LARGEST_COUNTER + 1;
    let changes: [fn(&mut Snapshot, u64); 8] = [
        |it, large| it.untracked = large,
        |it, large| it.other.counters.changes[1].failed = large,
        |it, large| it.countries[0].1.counters.changes[0].closed = large,
        |it, large| it.countries[1].1.counters.traffic.bytes_acked = large,
        |it, _| it.countries[1] = it.countries[0].clone(),
        |it, _| it.round_trips.other[0] += 1,
        |it, large| {
            it.round_trips.other[3] += large;
            it.round_trips.not_kept[3] += large;
        },
        |it, _| {
            let mut part = it.round_trips.parts[0].to_vec();
            part[1].key = part[0].key;
            it.round_trips.parts[0] = part.into();
        },
    ];
    for (number, change) in changes.iter().enumerate() {
        let mut saved = snapshot();
        change(&mut saved, too_large);
        let mut labels = CountryLabels::default();
        let read = Snapshot::decode(&saved.encode(), &mut labels);
        assert!(read.is_none(), "{number}");
        assert_eq!(labels, CountryLabels::default());
    }
    let nonsense = Snapshot::decode(b"nonsense", &mut CountryLabels::default());
    assert!(nonsense.is_none());
}

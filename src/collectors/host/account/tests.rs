use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::accounting::{
    AtEdges, Direction, Edges, InterfaceTotal, IpVersion, TotalsTracker,
};
use crate::collectors::section::SectionContent as _;

fn at(second: u64) -> Timestamp {
    Timestamp::from_millis(second * 1_000)
}

fn end(second: u64) -> PollEnd {
    PollEnd {
        at: at(second),
        uptime: Duration::from_secs(second),
        absent_retention: None,
    }
}

fn config(host: bool) -> Config {
    Config { host, ..Config::default() }
}

fn key(interface: u32, direction: Direction, ip_version: IpVersion) -> FlowKey {
    let interface = InterfaceId(interface);
    FlowKey { interface, direction, ip_version, class: 0, remote: [0; 16] }
}

fn receive(account: &mut HostAccount, bytes: u64) {
    let key = key(1, Direction::Received, IpVersion::V4);
    let volume = Volume { packets: 1, bytes };
    account.credit(&key, volume, &Origin::default());
}

#[test]
fn counters_began_at_the_start_or_when_they_were_turned_on() {
    let new = || HostAccount::resume(Snapshot::default()).starting(at(100));
    let mut account = new();
    account.configure(&config(true));
    assert!(account.is_on());
    assert!(account.end_poll(end(102)));
    assert_eq!(account.snapshot().created, Some(at(100)));
    assert!(!account.end_poll(end(104)));
    receive(&mut account, 10);
    assert!(account.end_poll(end(106)));
    let first = account.snapshot().countries[0].created;
    assert_eq!(first.get(Direction::Received, IpVersion::V4), Some(at(104)));

    let mut account = new();
    account.configure(&config(false));
    assert!(!account.is_on());
    account.configure(&config(true));
    // The last poll was before.
    assert!(account.end_poll(end(150)));
    receive(&mut account, 10);
    account.end_poll(end(152));
    let snapshot = account.snapshot();
    assert_eq!(snapshot.created, Some(at(150)));
    let first = snapshot.countries[0].created;
    assert_eq!(first.get(Direction::Received, IpVersion::V4), Some(at(150)));
    // Its history stays while it is off.
    account.configure(&config(false));
    account.configure(&config(true));
    account.end_poll(end(160));
    receive(&mut account, 5);
    let snapshot = account.snapshot();
    assert_eq!(snapshot.created, Some(at(150)));
    assert_eq!(snapshot.bytes(Direction::Received), 15);
}

/// One poll's growth of a flow, and what the total has beyond that.
type Growth = (u32, bool, bool, u16, u64, u64, u64);

proptest! {
    /// The sum over the machine is the sum over its edges, to the byte and
    /// packet, and a saved account goes on from where it was.
    #[test]
    fn countries_and_the_rest_are_the_totals_of_the_edges(
        polls in proptest::collection::vec(
            proptest::collection::vec(
                (0..4_u32, any::<bool>(), any::<bool>(), 0..3_u16,
                 0..1_000_u64, 0..50_u64, 0..50_u64),
                0..12,
            ),
            1..12,
        ),
        edges in proptest::collection::btree_set((0..4_u32).prop_map(InterfaceId), 0..4),
        restart in 0..12_usize,
    ) {
        let is_edge = |id: u32| edges.contains(&InterfaceId(id));
        let wanted: Arc<Edges> = Arc::new(edges.iter().copied().collect());
        let mut labels = CountryLabels::default();
        let countries: Vec<_> = ["DE", "office", "UNKNOWN"]
            .map(|label| labels.intern(label).unwrap())
            .into();
        let labels = Arc::new(labels);
        let mut totals: std::collections::BTreeMap<_, Volume> = Default::default();
        let mut tracker = TotalsTracker::default();
        let new = |saved: Snapshot| {
            let mut account = AtEdges::new(HostAccount::resume(saved));
            account.configure(&config(true));
            account.label_countries(&labels);
            account.set_edges(&wanted);
            account
        };
        let mut account = new(Snapshot::default());
        let mut expected = [Volume::default(); 2];
        for (number, poll) in polls.into_iter().enumerate() {
            for (id, sent, v6, country, bytes, lost, other) in poll {
                let growth: Growth = (id, sent, v6, country, bytes, lost, other);
                let direction = if growth.1 { Direction::Sent } else { Direction::Received };
                let version = if growth.2 { IpVersion::V6 } else { IpVersion::V4 };
                let volume = |bytes: u64| Volume { packets: u64::from(bytes > 0), bytes };
                let key = key(id, direction, version);
                let origin = Origin {
                    country: countries[usize::from(country)],
                    ..Origin::default()
                };
                tracker.credit(&key, volume(bytes));
                account.credit(&key, volume(bytes), &origin);
                let ip = totals.entry((id, direction.index(), Some(version.index()))).or_default();
                *ip += volume(bytes);
                *ip += volume(lost);
                *totals.entry((id, direction.index(), None)).or_default() += volume(other);
                if is_edge(id) {
                    for part in [bytes, lost, other] {
                        expected[direction.index()] += volume(part);
                    }
                }
            }
            let mut observed = Vec::new();
            for (&(id, side, version), &volume) in &totals {
                let family = match version {
                    Some(0) => Family::Ip(IpVersion::V4),
                    Some(_) => Family::Ip(IpVersion::V6),
                    None => Family::NonIp,
                };
                let direction = [Direction::Received, Direction::Sent][side];
                let interface = InterfaceId(id);
                observed.push(InterfaceTotal { interface, direction, family, volume });
            }
            let mut rests = Vec::new();
            tracker.observe(&observed, &mut rests);
            account.credit_rests(&rests);
            account.end_poll(end(number as u64));
            let shown = account.snapshot();
            for direction in [Direction::Received, Direction::Sent] {
                prop_assert_eq!(
                    shown.bytes(direction),
                    expected[direction.index()].bytes
                );
            }
            if number == restart {
                let mut read = CountryLabels::default();
                let saved = Snapshot::decode(&shown.encode(), &mut read).unwrap();
                prop_assert_eq!(saved.countries.len(), shown.countries.len());
                account = new(shown);
            }
        }
    }
}

#[test]
fn a_section_is_read_as_it_was_written() {
    let mut labels = CountryLabels::default();
    let country = labels.intern("office \"1\"").unwrap();
    let mut account = HostAccount::resume(Snapshot::default());
    account.label_countries(&Arc::new(labels.clone()));
    account.configure(&config(true));
    let volume = Volume { packets: 2, bytes: 300 };
    let key = key(1, Direction::Sent, IpVersion::V6);
    account.credit(&key, volume, &Origin { country, ..Origin::default() });
    account.credit_rests(&[Rest {
        interface: InterfaceId(1),
        direction: Direction::Received,
        family: Family::NonIp,
        volume,
        unattributed: Volume::default(),
    }]);
    account.end_poll(end(7));
    let saved = account.snapshot();
    let mut read = labels.clone();
    let mut again = Snapshot::decode(&saved.encode(), &mut read).unwrap();
    again.labels = Arc::clone(&saved.labels);
    assert_eq!(again, saved);
    assert_eq!(Snapshot::decode(b"nothing", &mut read), None);
}

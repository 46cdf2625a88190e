//! Any order of credits, polls and restarts.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::*;
use super::{account, address, by_country, config, end, of, parts, v4, volume};
use crate::accounting::{Direction, IpVersion};
use crate::collectors::section::SectionContent as _;

#[derive(Clone, Debug)]
enum Step {
    Credit(u32, bool, u64, u8),
    Unattributed(u64),
    Poll,
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => (0_u32..40, any::<bool>(), 1_u64..100_000, 0_u8..3)
            .prop_map(|(a, b, c, d)| Step::Credit(a, b, c, d)),
        1 => (1_u64..500).prop_map(Step::Unattributed),
        3 => Just(Step::Poll),
        1 => Just(Step::Restart),
    ];
    prop::collection::vec(step, 1..120)
}

proptest! {
    /// Hosts, forgotten ones and unattributed are the whole at every snapshot;
    /// each country has what was counted for it; and so are the series. Both
    /// over restarts.
    #[test]
    fn no_byte_is_lost(steps in steps()) {
        let mut account = account(3, 5_000);
        let codes = ["DE", "US", "JP"];
        let (mut whole, mut second) = (0, 0);
        let mut countries: BTreeMap<Country, u64> = BTreeMap::new();
        let mut hosts: BTreeMap<u32, [u64; 2]> = BTreeMap::new();
        let mut of_series = 0;
        for step in steps {
            match step {
                Step::Credit(number, is_sent, bytes, code) => {
                    let direction =
                        if is_sent { Direction::Sent } else { Direction::Received };
                    let origin = of(codes[usize::from(code)], 1);
                    account.credit(&v4(number, direction), volume(bytes), &origin);
                    whole += bytes;
                    of_series += bytes;
                    *countries.entry(origin.country).or_default() += bytes;
                    hosts.entry(number).or_default()[direction.index()] += bytes;
                }
                Step::Unattributed(bytes) => {
                    account.credit_rests(&[Rest {
                        interface: InterfaceId(0),
                        direction: Direction::Sent,
                        family: Family::Ip(IpVersion::V6),
                        volume: volume(bytes),
                        unattributed: volume(bytes),
                    }]);
                    whole += bytes;
                }
                Step::Poll => {
                    second += 2;
                    account.end_poll(end(second));
                }
                Step::Restart => {
                    second += 2;
                    account.end_poll(end(second));
                    let body = account.snapshot().encode();
                    let mut labels = CountryLabels::default();
                    let saved = Snapshot::decode(&body, &mut labels).unwrap();
                    account = HostsAccount::resume(
                        RangeNames::default(), Some(saved));
                    account.configure(&config(3, 5_000));
                }
            }
        }
        account.end_poll(end(second + 2));
        let snapshot = account.snapshot();
        prop_assert_eq!(parts(&snapshot).all_bytes(), whole);
        prop_assert_eq!(by_country(&snapshot), countries);
        let seen: BTreeMap<_, _> = snapshot.hosts()
            .map(|host| (host.remote.address, host.counters.bytes)).collect();
        let expected: BTreeMap<_, _> = hosts.into_iter()
            .map(|(number, bytes)| (address(number), bytes)).collect();
        prop_assert_eq!(seen, expected);
        let [received, sent] = snapshot.series.whole();
        prop_assert_eq!(received + sent, of_series);
        prop_assert!(snapshot.series.is_consistent());
    }
}

/// Where a byte is in a snapshot.
fn places(snapshot: &mut Snapshot) -> Vec<&mut u64> {
    let mut places = Vec::new();
    for part in &mut snapshot.parts {
        let hosts = Arc::get_mut(part).expect("nobody shares it");
        places.extend(hosts.iter_mut().flat_map(|it| &mut it.counters.bytes));
    }
    for own in snapshot.countries.values_mut() {
        let all = [&mut own.forgotten, &mut own.left, &mut own.joined];
        places.extend(all.into_iter().flat_map(|it| &mut it.bytes));
    }
    places
}

/// The sums by country of these tests notice one byte too many or too few, of a
/// host, of forgotten ones, and of those that moved.
#[test]
fn one_byte_is_noticed() {
    let mut account = account(3, 5_000);
    for (number, code) in [(1, "DE"), (2, "US"), (1, "JP"), (3, "DE")] {
        for direction in [Direction::Sent, Direction::Received] {
            let host = v4(number, direction);
            account.credit(&host, volume(1_000), &of(code, 1));
        }
    }
    account.end_poll(end(2));
    let body = account.snapshot().encode();
    let again = || {
        let mut labels = CountryLabels::default();
        let mut one = Snapshot::decode(&body, &mut labels).unwrap();
        let de = Country::from_code("DE").unwrap();
        let forgotten = &mut one.countries.entry(de).or_default().forgotten;
        forgotten.bytes = [70, 7];
        one
    };
    let right = by_country(&again());
    assert_eq!(right.values().sum::<u64>(), 8_000 + 77);
    let count = places(&mut again()).len();
    assert!(count >= 12, "{count}");
    for place in 0..count {
        for by in [1, -1] {
            let mut wrong = again();
            let byte = places(&mut wrong).into_iter().nth(place).unwrap();
            *byte = byte.wrapping_add_signed(by);
            let is_negative = *byte == u64::MAX;
            assert!(is_negative || by_country(&wrong) != right, "{place} {by}");
        }
    }
}

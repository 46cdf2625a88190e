//! The section of ranges.

use std::time::Duration;

use geoip_exporter::accounting::{
    Account as _, Direction, Family, FlowKey, InterfaceId, IpVersion, Origin,
    PollEnd, Range, Rest, Timestamp, Volume,
};
use geoip_exporter::collectors::ranges::{RangesAccount, Snapshot};
use geoip_exporter::ranges::RangeNames;

use super::section::{damage, read_every_version};

/// Named and unnamed ranges, an interface that is gone, one that is remembered,
/// and bytes without a range.
fn snapshot() -> Snapshot {
    let names = RangeNames::default();
    let ranges = ["Übersee", "zoom"].map(|name| names.intern(name).unwrap());
    let start = Timestamp::from_millis(1_700_000_000_000);
    let mut account = RangesAccount::new(names).starting(start);
    for (seconds, number) in [(1, 0), (2, 1), (101, 2)] {
        let interface = InterfaceId(number);
        account.name_interface(interface, &format!("eth{number}").into());
        for range in ranges.into_iter().chain([Range::default()]) {
            for direction in [Direction::Received, Direction::Sent] {
                let ip_version = IpVersion::V4;
                let (class, remote) = (0, [0; 16]);
                let key =
                    FlowKey { interface, direction, ip_version, class, remote };
                let bytes = u64::from(range.0 + 1) << 33;
                let origin = Origin { range, ..Origin::default() };
                account.credit(&key, Volume { packets: 3, bytes }, &origin);
            }
        }
        account.credit_rests(&[Rest {
            interface,
            direction: Direction::Sent,
            family: Family::Ip(IpVersion::V6),
            volume: Volume { packets: 2, bytes: 3_000 },
            unattributed: Volume { packets: 1, bytes: 77 },
        }]);
        if number < 2 {
            account.forget_interface(interface);
        }
        account.end_poll(PollEnd {
            at: Timestamp::from_millis(1_700_000_000_000 + seconds * 1_000),
            uptime: Duration::from_secs(seconds),
            absent_retention: Some(Duration::from_secs(99)),
        });
    }
    account.snapshot()
}

#[test]
fn a_section_of_ranges_of_any_version_is_read() {
    let expected = snapshot();
    assert_eq!((expected.interfaces.len(), expected.remembered.len()), (2, 1));
    read_every_version(&expected, |read, _| assert_eq!(read, expected));
}

/// A damaged section is refused, or its parts agree: an account can continue
/// from it.
#[test]
fn a_damaged_section_of_ranges_is_refused_or_makes_sense() {
    damage(&snapshot(), |read| {
        let names = RangeNames::default();
        let mut account = RangesAccount::resume(names, read.clone());
        assert_eq!(account.snapshot(), read);
    });
}

//! The section of networks.

use std::time::Duration;

use geoip_exporter::accounting::{
    Account as _, Direction, Family, FlowKey, InterfaceId, IpVersion, Origin,
    PollEnd, Rest, Timestamp, Volume,
};
use geoip_exporter::collectors::networks::{NetworksAccount, Snapshot};
use geoip_exporter::config::Config;
use geoip_exporter::geoip::Network;

use super::section::{damage, read_every_version};

/// Shown, hidden and returned networks, and bytes without one.
fn snapshot() -> Snapshot {
    let start = Timestamp::from_millis(1_700_000_000_000);
    let mut account = NetworksAccount::resume(None).starting(start);
    let (networks, networks_top) = (true, 3);
    account.configure(&Config { networks, networks_top, ..Config::default() });
    for poll in 1..=6_u64 {
        for number in [0, 1, 64_500, 65_551, 400_000, u32::MAX] {
            for direction in [Direction::Received, Direction::Sent] {
                let key = FlowKey {
                    interface: InterfaceId(0),
                    direction,
                    ip_version: IpVersion::V6,
                    class: 0,
                    remote: [0; 16],
                };
                // Another one grows most in every poll.
                let bytes = match u64::from(number) % 6 == poll % 6 {
                    true => 1 << (30 + 2 * poll),
                    false => u64::from(number % 1_000) + poll,
                };
                let network = Network(number);
                let origin = Origin { network, ..Origin::default() };
                account.credit(&key, Volume { packets: 1, bytes }, &origin);
            }
        }
        account.credit_rests(&[Rest {
            interface: InterfaceId(0),
            direction: Direction::Sent,
            family: Family::Ip(IpVersion::V4),
            volume: Volume { packets: 2, bytes: 3_000 },
            unattributed: Volume { packets: 1, bytes: 77 },
        }]);
        account.end_poll(PollEnd {
            at: Timestamp::from_millis(1_700_000_000_000 + poll * 1_000),
            uptime: Duration::from_secs(poll),
            absent_retention: None,
        });
    }
    account.snapshot()
}

#[test]
fn a_section_of_networks_of_any_version_is_read() {
    let expected = snapshot();
    read_every_version(&expected, |read, _| assert_eq!(read, expected));
}

/// A damaged section is refused, or its parts agree: an account can continue
/// from it.
#[test]
fn a_damaged_section_is_refused_or_makes_sense() {
    damage(&snapshot(), |read| {
        assert!(read.networks.is_consistent());
        let mut account = NetworksAccount::resume(Some(read.clone()));
        assert_eq!(account.snapshot().whole(), read.whole());
    });
}

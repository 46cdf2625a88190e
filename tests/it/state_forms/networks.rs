//! The section of networks, in every version that there was.
//!
//! A file is never changed. `UPDATE_STATE_FILES=1` writes the one of the newest
//! version if it is missing.

use std::fs;
use std::path::Path;
use std::time::Duration;

use geoip_exporter::accounting::{
    Account as _, Direction, Family, FlowKey, InterfaceId, IpVersion, Origin,
    PollEnd, Rest, Timestamp, Volume,
};
use geoip_exporter::collectors::networks::{NetworksAccount, Snapshot};
use geoip_exporter::collectors::section::SectionContent as _;
use geoip_exporter::config::Config;
use geoip_exporter::geoip::{CountryLabels, Network};

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
    for version in 1..=Snapshot::NEWEST {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join(format!("tests/data/state/networks-{version}.section"));
        let expected = snapshot();
        if std::env::var_os("UPDATE_STATE_FILES").is_some()
            && version == Snapshot::NEWEST
            && !path.exists()
        {
            fs::write(&path, expected.encode()).unwrap();
        }
        let bytes = fs::read(&path).unwrap();
        let read = Snapshot::decode(&bytes, &mut CountryLabels::default());
        assert_eq!(read, Some(expected.clone()), "version {version}");
        if version == Snapshot::NEWEST {
            assert!(expected.encode() == bytes, "it is of an old form");
        }
    }
}

/// A damaged section is refused, or its parts agree: an account can continue
/// from it.
#[test]
fn a_damaged_section_is_refused_or_makes_sense() {
    let good = snapshot().encode();
    for place in 0..good.len() {
        for bit in 0..8 {
            let mut bytes = good.clone();
            bytes[place] ^= 1 << bit;
            let read = Snapshot::decode(&bytes, &mut CountryLabels::default());
            if let Some(read) = read {
                assert!(read.networks.is_consistent());
                let mut account = NetworksAccount::resume(Some(read.clone()));
                assert_eq!(account.snapshot().whole(), read.whole());
            }
        }
    }
    for length in 0..good.len() {
        let mut labels = CountryLabels::default();
        assert_eq!(Snapshot::decode(&good[..length], &mut labels), None);
    }
}

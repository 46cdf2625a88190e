//! The section of the quota.

use geoip_exporter::accounting::{Account as _, Timestamp};
use geoip_exporter::collectors::quota::{QuotaAccount, Snapshot};

use super::section::{damage, read_every_version};

fn snapshot() -> Snapshot {
    let at = |millis| Some(Timestamp::from_millis(millis));
    Snapshot {
        days: vec![(20_261_128, [1_000, 1]), (20_261_129, [2_000, 2])],
        since: at(1_795_824_000_000),
        at: at(1_795_953_600_000),
    }
}

#[test]
fn a_section_of_the_quota_of_any_version_is_read() {
    let expected = snapshot();
    read_every_version(&expected, |read, _| assert_eq!(read, expected));
}

#[test]
fn a_damaged_section_of_the_quota_is_refused_or_makes_sense() {
    damage(&snapshot(), |read| {
        let mut account = QuotaAccount::resume(read.clone());
        assert_eq!(account.snapshot(), read);
    });
}

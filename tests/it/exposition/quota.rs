//! The page of a quota.

use geoip_exporter::collectors::quota::{QuotaCollector, Snapshot};
use geoip_exporter::config::{Config, QuotaDirection};
use geoip_exporter::metrics::Registry;
use geoip_exporter::metrics::encode::Format;
use geoip_exporter::metrics::published::Publisher;

use super::{at, page};

fn collector(quota: Option<u64>) -> QuotaCollector {
    let config = Config {
        quota,
        quota_direction: QuotaDirection::Larger,
        quota_reset_day: 15,
        ..Config::default()
    };
    // The first days belong to the month before.
    let snapshot = Snapshot {
        days: vec![(20_231_110, [1 << 30, 1 << 40]), (20_231_114, [400, 5])],
        since: Some(at(1_600_000_000)),
        at: Some(at(1_700_000_002)),
    };
    let config = Publisher::new(config).reader();
    QuotaCollector { snapshot: Publisher::new(snapshot).reader(), config }
}

/// Returns the collector of a quota of 20 TiB.
pub(super) fn on() -> QuotaCollector {
    collector(Some(20 << 40))
}

#[test]
fn a_quota_is_shown_only_if_one_is_set() {
    let mut registry = Registry::new();
    registry.register(collector(None));
    assert_eq!(page(&registry, Format::Text), "");
}

//! The line of a report about the quota.

#![forbid(unsafe_code)]

use super::units;
use crate::api;
use crate::calendar::Zone;
use crate::collectors::quota::{Snapshot, Usage, usage};
use crate::commands::client::Client;
use crate::config::{Config, QuotaDirection};
use crate::files;
use crate::geoip::CountryLabels;
use crate::state;

/// The largest state that is read.
const LARGEST: u64 = 1 << 30;

/// Returns the use of the quota from the saved counters; none without a quota.
pub(super) fn of_file(config: &Config) -> Option<Usage> {
    config.quota?;
    usage(&saved(config)?, config)
}

fn saved(config: &Config) -> Option<Snapshot> {
    let path = config.state_directory.as_ref()?.join(state::NAME);
    let content = files::read(&path, LARGEST).ok()?;
    let mut sections = state::decode(&content.bytes).ok()?.unknown;
    let labels = &mut CountryLabels::default();
    state::take(&mut sections, labels).ok()?
}

/// Returns the use of the quota from the running exporter; none without a quota.
pub(super) fn of_exporter(client: &mut Client) -> Option<Usage> {
    let page = client.get_again::<api::Usage>("/api/v1/usage").ok()?;
    let quota = page.quota;
    #[expect(clippy::cast_possible_truncation, reason = "whole seconds")]
    let [begin, reset, counted_since] =
        [quota.since, quota.reset, quota.counted_since].map(|at| at as i64);
    Some(Usage {
        limit: quota.limit_bytes,
        direction: match quota.direction {
            api::QuotaDirection::Sent => QuotaDirection::Sent,
            api::QuotaDirection::Received => QuotaDirection::Received,
            api::QuotaDirection::Both => QuotaDirection::Both,
            api::QuotaDirection::Larger => QuotaDirection::Larger,
        },
        used: quota.used_bytes,
        bytes: [quota.bytes_received, quota.bytes_sent],
        forecast: quota.forecast_bytes,
        begin,
        reset,
        counted_since,
    })
}

/// Returns the line of a quota.
pub(super) fn line(usage: &Usage, zone: &Zone) -> String {
    let day = |at: i64| zone.clock(at).chars().take(10).collect::<String>();
    let of = match usage.direction.name() {
        "both" => "received and sent",
        "larger" => "the larger of received and sent",
        direction => direction,
    };
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    let percent = usage.used as f64 * 100.0 / usage.limit.max(1) as f64;
    let mut text = format!(
        "quota: {} of {} used since {} ({percent:.1} %, {of})",
        units::bytes(usage.used),
        units::bytes(usage.limit),
        day(usage.begin.max(usage.counted_since)),
    );
    if let Some(forecast) = usage.forecast {
        let above = match forecast > usage.limit {
            true => ", above the quota",
            false => "",
        };
        text += &format!("; forecast: {}{above}", units::bytes(forecast));
    }
    text + &format!("; reset: {}\n", day(usage.reset))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_has_the_use_and_the_forecast() {
        let usage = Usage {
            limit: 20 << 40,
            direction: QuotaDirection::Sent,
            used: 5 << 40,
            bytes: [0, 5 << 40],
            forecast: Some(25 << 40),
            begin: 1_793_491_200,
            reset: 1_796_083_200,
            counted_since: 1_793_491_200,
        };
        assert_eq!(
            line(&usage, &Zone::default()),
            "quota: 5.00 TiB of 20.00 TiB used since 2026-11-01 (25.0 %, sent); \
             forecast: 25.00 TiB, above the quota; reset: 2026-12-01\n"
        );
        let early = Usage { forecast: None, ..usage };
        assert!(!line(&early, &Zone::default()).contains("forecast"));
    }
}

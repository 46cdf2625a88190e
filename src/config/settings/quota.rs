//! Settings of the quota.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::ops::RangeInclusive;

use crate::config::setting::{Effect, Kind, Setting};
use crate::config::{byte_size, quota, values};

/// More than the largest contracts have.
const QUOTA: RangeInclusive<u64> = 1..=1 << 60;

pub(super) const QUOTAS: &[Setting] = &[
    Setting {
        key: "quota",
        kind: Kind::Text,
        value_name: "SIZE",
        summary: "Bytes that the machine may use in a month",
        details: "The exporter then counts the whole machine, each packet \
            once, as geoip_host_* does (see counted_once), and shows the use \
            of this month and the time of its reset as geoip_quota_*. It \
            counts from the moment on at which the quota is first set. The \
            use survives restarts only with state_directory; the history is \
            not needed for it. Nothing is limited. Empty: no quota.",
        expected: "a size from 1B to 1024PiB, with a unit, or empty",
        example: "\"20TiB\"",
        effect: Effect::Live,
        read: |config, value| {
            config.quota = match value.as_str() {
                Some("") => None,
                _ => Some(byte_size::byte_size(value, QUOTA)?),
            };
            Ok(())
        },
        write: |config| match config.quota {
            Some(bytes) => byte_size::byte_size_text(bytes).into(),
            None => "".into(),
        },
        copy: |config, old| config.quota = old.quota,
    },
    Setting {
        key: "quota_direction",
        kind: Kind::Text,
        value_name: "DIRECTION",
        summary: "Traffic that counts for the quota",
        details: "both adds received and sent bytes up. larger takes the \
            larger of the two sums.",
        expected: "one of sent, received, both and larger",
        example: "\"sent\"",
        effect: Effect::Live,
        read: |config, value| {
            config.quota_direction = quota::direction(value)?;
            Ok(())
        },
        write: |config| config.quota_direction.name().into(),
        copy: |config, old| config.quota_direction = old.quota_direction,
    },
    Setting {
        key: "quota_reset_day",
        kind: Kind::Number,
        value_name: "DAY",
        summary: "Day at which the month of the quota begins",
        details: "It begins at midnight in history_timezone. In a month that \
            has no such day, it begins at the last day.",
        expected: "a whole number from 1 to 31",
        example: "1",
        effect: Effect::Live,
        read: |config, value| {
            config.quota_reset_day = values::number(value, 1..=31)?;
            Ok(())
        },
        write: |config| i64::from(config.quota_reset_day).into(),
        copy: |config, old| config.quota_reset_day = old.quota_reset_day,
    },
];

//! `/api/v1/unknown`: see [`api::Unknown`].
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use super::{Query, Refusal, View, envelope};
use crate::api;
use crate::collectors::moments::Moment;
use crate::config::Config;

/// The prefixes with the most bytes of `UNKNOWN`.
pub struct UnknownView;

impl View for UnknownView {
    type Answer = api::Unknown;

    fn is_off(&self, config: &Config) -> Option<&'static str> {
        (!config.unknown_prefixes).then_some("unknown_prefixes = true")
    }

    fn answer(
        &self,
        moment: &Moment,
        _: &Config,
        _: &Query,
    ) -> Result<api::Unknown, Refusal> {
        let snapshot = &moment.counts.unknown;
        let prefixes = snapshot.prefixes.iter().map(|one| api::UnknownPrefix {
            prefix: one.prefix.clone(),
            bytes_received: one.bytes_received,
            bytes_sent: one.bytes_sent,
            bytes_missed_at_most: one.bytes_missed_at_most,
        });
        Ok(api::Unknown {
            envelope: envelope(moment),
            since: snapshot.since,
            bytes: snapshot.bytes,
            prefixes: prefixes.collect(),
        })
    }
}

//! `/api/v1/connections`: see [`api::Connections`].
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::pace::Pace;
use super::{OTHER, Query, Refusal, View, envelope};
use crate::accounting::{ConnectionDirection, Timestamp};
use crate::api;
use crate::collectors::connections::{
    Changes, CountryConnections, Observed, Snapshot,
};
use crate::collectors::moments::Moment;
use crate::config::Config;
use crate::geoip::{Country, CountryNames};
use crate::metrics::published::Published;

/// TCP connections by country.
pub struct ConnectionsView {
    /// The newest connections that may be shown. Their visits have an interval
    /// of their own.
    pub snapshot: Published<Snapshot>,
    /// The names of the countries in the database in use.
    pub names: Published<CountryNames>,
}

/// A country, or none for the connections that belong to none.
type Place = Option<Country>;

impl View for ConnectionsView {
    type Answer = api::Connections;

    const PARAMETERS: &'static [&'static str] = &["country"];

    fn version(&self) -> u64 {
        self.snapshot.version() + self.names.version()
    }

    fn is_off(&self, config: &Config) -> Option<&'static str> {
        (!config.connections).then_some("connections = true")
    }

    fn answer(
        &self,
        moment: &Moment,
        _: &Config,
        query: &Query,
    ) -> Result<api::Connections, Refusal> {
        let now = &*self.snapshot.get();
        let nothing = Snapshot::default();
        let earlier = moment.earlier_counts();
        let earlier = earlier.map_or(&nothing, |it| &*it.connections);
        let span = span(now, earlier);
        let visits = Visits {
            pace: Pace::over(span),
            now,
            names: &self.names.get(),
            observed: [now.observed(), earlier.observed()],
        };
        let before = by_country(earlier);
        let mut connections: Vec<_> = by_country(now)
            .into_iter()
            .map(|(place, one)| visits.row(place, one, before.get(&place)))
            .filter(|row| {
                query.get("country").is_none_or(|it| it == row.country)
            })
            .collect();
        connections.sort_by_key(|row| {
            let opened = row.inbound.opened.saturating_add(row.outbound.opened);
            Reverse((row.open, opened))
        });
        Ok(api::Connections {
            envelope: envelope(moment),
            visited: now.visited.map(Timestamp::seconds),
            visits_over_seconds: span,
            connections,
            untracked: now.untracked,
        })
    }
}

/// Returns the seconds between the visits of two snapshots.
fn span(now: &Snapshot, earlier: &Snapshot) -> Option<f64> {
    let span = now.visited?.seconds() - earlier.visited?.seconds();
    // The time of day may have been set back.
    (span > 0.0).then_some(span)
}

fn by_country(snapshot: &Snapshot) -> BTreeMap<Place, &CountryConnections> {
    let countries = snapshot.countries.iter();
    let countries = countries.map(|(country, one)| (Some(*country), one));
    countries.chain([(None, &snapshot.other)]).collect()
}

/// The visits that are shown.
struct Visits<'a> {
    pace: Pace,
    now: &'a Snapshot,
    names: &'a CountryNames,
    /// The round-trip times, now and earlier.
    observed: [BTreeMap<Place, Observed>; 2],
}

impl Visits<'_> {
    fn row(
        &self,
        place: Place,
        one: &CountryConnections,
        before: Option<&&CountryConnections>,
    ) -> api::CountryConnections {
        let before = before.map(|it| it.counters).unwrap_or_default();
        let changes = |direction: ConnectionDirection| {
            let of = direction.index();
            self.changes(&one.counters.changes[of], &before.changes[of])
        };
        let (now, earlier) = (&one.counters.traffic, &before.traffic);
        let open_by_service = open(one);
        api::CountryConnections {
            country: place.map_or(OTHER, |it| self.now.labels.get(it)).into(),
            name: place.and_then(|it| self.names.name(it)).map(Into::into),
            open: open_by_service.iter().map(|it| it.open).sum(),
            open_by_service,
            inbound: changes(ConnectionDirection::Inbound),
            outbound: changes(ConnectionDirection::Outbound),
            segments_sent: now.segments_sent,
            segments_retransmitted: now.segments_retransmitted,
            bytes_acked: now.bytes_acked,
            bytes_received: now.bytes_received,
            segments_sent_per_second: self
                .pace
                .rate(now.segments_sent, earlier.segments_sent),
            segments_retransmitted_per_second: self.pace.rate(
                now.segments_retransmitted,
                earlier.segments_retransmitted,
            ),
            bytes_acked_per_second: self
                .pace
                .rate(now.bytes_acked, earlier.bytes_acked),
            bytes_received_per_second: self
                .pace
                .rate(now.bytes_received, earlier.bytes_received),
            round_trips: self.round_trips(place),
        }
    }

    fn changes(
        &self,
        now: &Changes,
        before: &Changes,
    ) -> api::ConnectionChanges {
        let rate =
            |of: fn(&Changes) -> u64| self.pace.rate(of(now), of(before));
        api::ConnectionChanges {
            opened: now.opened,
            failed: now.failed,
            closed: now.closed,
            opened_per_second: rate(|it| it.opened),
            failed_per_second: rate(|it| it.failed),
            closed_per_second: rate(|it| it.closed),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a mean is not exact")]
    fn round_trips(&self, place: Place) -> api::RoundTrips {
        let of = |observed: &BTreeMap<Place, Observed>| {
            observed.get(&place).copied().unwrap_or_default()
        };
        let [now, before] = [of(&self.observed[0]), of(&self.observed[1])];
        let recent = now.count.saturating_sub(before.count);
        let sum = now.micros.saturating_sub(before.micros);
        let mean = sum as f64 / 1e6 / recent as f64;
        let is_recent = self.pace.has_rates() && recent > 0;
        api::RoundTrips {
            observations: now.count,
            sum_seconds: now.micros as f64 / 1e6,
            recent_mean_seconds: is_recent.then_some(mean),
        }
    }
}

/// Returns the open connections by direction and service.
fn open(one: &CountryConnections) -> Vec<api::OpenConnections> {
    let open = one.open.iter().map(|open| api::OpenConnections {
        direction: open.direction.label().into(),
        service: open.service.as_deref().unwrap_or(OTHER).into(),
        open: u64::try_from(open.number).unwrap_or(0),
    });
    open.collect()
}

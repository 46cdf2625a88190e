//! `/api/v1/hosts`: see [`api::Hosts`].
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

mod before;
mod filter;
mod order;

use std::cmp::Reverse;

use before::Before;
use filter::Filter;
use order::{Order, key};

use super::pace::{Pace, Sides};
use super::{Query, Refusal, View, envelope, rows};
use crate::accounting::Volume;
use crate::api;
use crate::collectors::hosts::{Counters, Finder, Host, Places, Snapshot};
use crate::collectors::moments::Moment;
use crate::config::Config;
use crate::geoip::{Network, NetworkNames};
use crate::metrics::published::Published;

/// The traffic of each remote host, shown as series or not.
pub struct HostsView {
    /// The names of the database in use.
    pub names: Published<NetworkNames>,
    /// The cities.
    pub places: Places,
}

/// A host that matches, and its counters in the earlier moment.
struct Row<'a> {
    host: &'a Host,
    before: Counters,
}

impl View for HostsView {
    type Answer = api::Hosts;

    const PARAMETERS: &'static [&'static str] = &[
        "city", "country", "limit", "network", "offset", "range", "service",
        "sort",
    ];

    fn version(&self) -> u64 {
        self.names.version() + self.places.version()
    }

    fn is_off(&self, config: &Config) -> Option<&'static str> {
        (!config.remote_hosts).then_some("remote_hosts = true")
    }

    fn answer(
        &self,
        moment: &Moment,
        _: &Config,
        query: &Query,
    ) -> Result<api::Hosts, Refusal> {
        let snapshot = &*moment.counts.hosts;
        let nothing = Snapshot::default();
        let earlier = moment.earlier_counts();
        let earlier = earlier.map_or(&nothing, |counts| &*counts.hosts);
        let order = query.one_of("sort", &Order::ALL)?.unwrap_or_default();
        let (filter, places) = (Filter::of(query, snapshot)?, query.rows()?);
        let mut finder = self.places.finder();
        let before = Before::new(&earlier.parts);
        let mut matching: Vec<Row<'_>> = Vec::new();
        for (part, hosts) in snapshot.parts.iter().enumerate() {
            for (index, host) in hosts.iter().enumerate() {
                if filter.matches(host, &mut finder) {
                    let before = before.counters(host, part, index);
                    matching.push(Row { host, before });
                }
            }
        }
        let pace = Pace::of(moment);
        let mut rest = sum(&matching);
        let count = matching.len() as u64;
        let (offset, listed) =
            rows::select(&mut matching, places, |row| key(order, row));
        for row in listed {
            subtract(&mut rest.0, &row.host.counters);
            subtract(&mut rest.1, &row.before);
        }
        let names = self.names.get();
        let mut show = |row: &Row<'_>| {
            let volume = volume(pace, &row.host.counters, &row.before);
            show(snapshot, row.host, volume, &names, &mut finder)
        };
        let of = |counters: fn(&Snapshot) -> Counters| {
            volume(pace, &counters(snapshot), &counters(earlier))
        };
        Ok(api::Hosts {
            envelope: envelope(moment),
            hosts: listed.iter().map(&mut show).collect(),
            matching: count,
            kept: snapshot.len() as u64,
            offset,
            not_listed: volume(pace, &rest.0, &rest.1),
            forgotten: forgotten(pace, snapshot, earlier),
            moved: moved(snapshot),
            unattributed: of(|it| it.unattributed),
            whole: of(Snapshot::whole),
        })
    }
}

/// Returns the counters of all rows, now and earlier.
fn sum(rows: &[Row<'_>]) -> (Counters, Counters) {
    let mut sums = (Counters::default(), Counters::default());
    for row in rows {
        sums.0.add(&row.host.counters);
        sums.1.add(&row.before);
    }
    sums
}

fn subtract(from: &mut Counters, part: &Counters) {
    for side in 0..2 {
        from.bytes[side] = from.bytes[side].saturating_sub(part.bytes[side]);
        from.packets[side] =
            from.packets[side].saturating_sub(part.packets[side]);
    }
}

fn volume(pace: Pace, now: &Counters, earlier: &Counters) -> api::Volume {
    let sides = |of: &Counters| -> Sides {
        let side = |side: usize| Volume {
            packets: of.packets[side],
            bytes: of.bytes[side],
        };
        [side(0), side(1)]
    };
    pace.volume(sides(now), sides(earlier))
}

fn show(
    snapshot: &Snapshot,
    host: &Host,
    volume: api::Volume,
    names: &NetworkNames,
    finder: &mut Finder<'_>,
) -> api::Host {
    let place = finder.place(host.remote.address);
    let network = match host.network {
        Network::UNKNOWN => None,
        Network(asn) => Some(api::NetworkName {
            asn,
            name: names.get(host.network).map(Into::into),
        }),
    };
    let text = |number| snapshot.text(number).map(Into::into);
    api::Host {
        address: host.remote.to_string(),
        country: snapshot.labels.get(host.country).into(),
        subdivision: place.subdivision.clone(),
        city: place.city.clone(),
        network,
        range: text(host.range),
        service: text(host.service),
        volume,
        first_seen: host.first_seen.into(),
        last_seen: host.last_seen.into(),
    }
}

/// Returns the traffic of forgotten hosts, the largest country first.
fn forgotten(
    pace: Pace,
    snapshot: &Snapshot,
    earlier: &Snapshot,
) -> Vec<api::Forgotten> {
    let all = snapshot.countries.iter();
    let all = all.filter(|(_, own)| own.forgotten != Counters::default());
    let all = all.map(|(country, own)| {
        let before = earlier.countries.get(country);
        let before = before.map(|own| own.forgotten).unwrap_or_default();
        api::Forgotten {
            country: snapshot.labels.get(*country).into(),
            volume: volume(pace, &own.forgotten, &before),
        }
    });
    let mut all: Vec<_> = all.collect();
    all.sort_by(|a, b| {
        let key = |one: &api::Forgotten| Reverse(one.volume.total_bytes());
        key(a).cmp(&key(b)).then_with(|| a.country.cmp(&b.country))
    });
    all
}

/// Returns the traffic that hosts took with them to another country.
fn moved(snapshot: &Snapshot) -> Vec<api::Moved> {
    let totals = |of: &Counters| api::Totals {
        bytes_received: of.bytes[0],
        bytes_sent: of.bytes[1],
        packets_received: Some(of.packets[0]),
        packets_sent: Some(of.packets[1]),
    };
    let all = snapshot.countries.iter();
    let all = all.map(|(country, own)| api::Moved {
        country: snapshot.labels.get(*country).into(),
        left: totals(&own.left),
        joined: totals(&own.joined),
    });
    let nothing = totals(&Counters::default());
    let mut all: Vec<_> = all
        .filter(|one| one.left != nothing || one.joined != nothing)
        .collect();
    all.sort_by(|a, b| a.country.cmp(&b.country));
    all
}

#[cfg(test)]
mod tests;

//! Answers of an exporter, for the tests of the view.

use std::collections::HashMap;

use super::hosts;
use super::page::{self, Question};
use super::state::{Event, News, State};
use super::table::{Scope, Tab, Table};
use crate::api::{
    Bytes, Counted, Countries, Country, Envelope, Host, Hosts, LastReload,
    NetworkName, Quota, Slices, Summary, Volume,
};

/// The time of the first poll.
const BEGIN: f64 = 1_764_385_200.0;

pub(super) fn envelope(poll: u32) -> Envelope {
    Envelope {
        snapshot: poll.to_string(),
        at: BEGIN + f64::from(poll) * 10.0,
        started: BEGIN - 266_400.0,
        rates_over_seconds: Some(10.0),
    }
}

pub(super) fn volume(received: u64, sent: u64, rates: (f64, f64)) -> Volume {
    Volume {
        bytes: Bytes {
            bytes_received: received,
            bytes_sent: sent,
            bytes_received_per_second: Some(rates.0),
            bytes_sent_per_second: Some(rates.1),
        },
        ..Volume::default()
    }
}

/// Returns a machine whose traffic rises and falls.
pub(super) fn summary(poll: u32) -> Summary {
    let wave = f64::from(poll % 12);
    Summary {
        envelope: envelope(poll),
        hostname: Some("web-1.example".into()),
        uptime_seconds: 266_400.0 + f64::from(poll) * 10.0,
        poll_interval_seconds: 10.0,
        is_ready: true,
        interfaces: 2,
        last_reload: LastReload { is_successful: true, succeeded_at: BEGIN },
        counted: Counted::Host,
        whole: volume(
            1_234_567_890_123,
            345_678_901_234,
            (1.0e6 + wave * 1.2e6, 3.0e6 - wave * 0.2e6),
        ),
        countries: 9,
        quota: Some(Quota {
            limit_bytes: 20 << 40,
            used_bytes: 12_700_000_000_000,
            forecast_bytes: Some(19_000_000_000_000),
            since: BEGIN - 28.0 * 86_400.0,
            reset: BEGIN + 2.5 * 86_400.0,
            ..Quota::default()
        }),
        slices: Slices { host: true, remote_hosts: true, ..Slices::default() },
        ..Summary::default()
    }
}

const COUNTRIES: [(&str, &str, u32, u32); 9] = [
    ("US", "United States", 900, 150),
    ("DE", "Germany", 420, 610),
    ("BR", "Brasilien", 222, 18),
    ("JP", "日本", 120, 130),
    ("CI", "Côte d’Ivoire", 51, 4),
    ("GB", "United Kingdom of Great Britain and Northern Ireland", 40, 3),
    ("LAN", "", 22, 9),
    ("UNKNOWN", "", 3, 3),
    ("AU", "Australia", 0, 0),
];

pub(super) fn countries(poll: u32) -> Table {
    let rows = COUNTRIES.iter().map(|(country, name, received, sent)| {
        let rates = (f64::from(*received) * 1e3, f64::from(*sent) * 1e3);
        let total = |part: u32| u64::from(part) * 1_234_567_891;
        Country {
            country: (*country).into(),
            name: (!name.is_empty()).then(|| (*name).into()),
            volume: volume(total(*received) + 7, total(*sent), rates),
        }
    });
    let page = Countries {
        envelope: envelope(poll),
        counted: Counted::Host,
        countries: rows.collect(),
        unattributed: volume(123_456, 0, (0.0, 0.0)),
        non_ip: volume(9_999_999, 8_888_888, (42.0, 42.0)),
        ..Countries::default()
    };
    page::countries(page, true)
}

/// Returns `count` hosts of four networks.
pub(super) fn hosts_page(poll: u32, count: u32) -> Hosts {
    let host = |at: u32| {
        let address = match at % 3 {
            0 => format!("2001:db8:{at:x}:1::7"),
            _ => format!("198.51.{}.{}", at / 250 % 250, at % 250 + 1),
        };
        let names = ["Example Transit GmbH", "東京ネット株式会社", ""];
        let name = names[(at % 3) as usize];
        let network = NetworkName {
            asn: 64_500 + at % 4,
            name: (!name.is_empty()).then(|| name.into()),
        };
        let size = f64::from(count - at);
        let total = u64::from(count - at) * 1_000_003;
        Host {
            address,
            country: "DE".into(),
            subdivision: Some("Bayern".into()),
            city: Some("München".into()),
            network: (at % 7 != 6).then_some(network),
            service: at.is_multiple_of(2).then(|| "https".into()),
            range: None,
            volume: volume(total, total / 9, (size * 900.0, size * 100.0)),
            first_seen: BEGIN - 90_061.0 - f64::from(at),
            last_seen: BEGIN + f64::from(poll) * 10.0,
        }
    };
    Hosts {
        envelope: envelope(poll),
        hosts: (0..count).map(host).collect(),
        matching: 12_345,
        kept: 12_345,
        not_listed: volume(77_777_777, 66_666, (1.0, 1.0)),
        ..Hosts::default()
    }
}

/// Gives the state the answers of some polls to its own question.
pub(super) fn answer(state: &mut State, polls: std::ops::Range<u32>) {
    for poll in polls {
        let question = state.question();
        let table = match question.tab {
            Tab::Hosts | Tab::Networks => {
                hosts::hosts(hosts_page(poll, 40), &question)
            }
            _ => countries(poll),
        };
        let news =
            News { question, summary: Some(summary(poll)), table: Some(table) };
        let now = f64::from(poll) * 10.0;
        state.handle(Event::Answer(Box::new(news)), now);
    }
}

/// Returns a state with the countries of 30 polls.
pub(super) fn state() -> State {
    let mut state = State::default();
    answer(&mut state, 0..30);
    state
}

/// Returns a state with the hosts of one network, two steps down.
pub(super) fn hosts_of_a_network() -> State {
    let mut state = state();
    let scope = Scope {
        country: Some("DE".into()),
        network: Some("64501".into()),
        ..Scope::default()
    };
    for (tab, title) in [(Tab::Countries, ""), (Tab::Networks, "Germany")] {
        state.steps.push(super::state::Step {
            tab,
            title: title.into(),
            ..Default::default()
        });
    }
    (state.tab, state.scope) = (Tab::Hosts, scope);
    state.title = "東京ネット株式会社".into();
    state.table = Table::default();
    answer(&mut state, 30..60);
    let program = ("198.51.0.2".parse().unwrap(), "nginx".into());
    state.handle(Event::Programs(HashMap::from([program])), 600.0);
    state
}

pub(super) fn question(tab: Tab) -> Question {
    Question { tab, limit: 300, ..Question::default() }
}

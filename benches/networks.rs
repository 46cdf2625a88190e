//! The cost of counting by network, and the error of prefixes.

use std::hint::black_box;
use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use geoip_exporter::accounting::{
    Account as _, Direction, FlowKey, InterfaceId, IpVersion, Origin, PollEnd,
    Timestamp, Volume,
};
use geoip_exporter::collectors::networks::NetworksAccount;
use geoip_exporter::collectors::section::SectionContent as _;
use geoip_exporter::config::Config;
use geoip_exporter::geoip::{
    Database, Network, NetworkDatabase, NetworkLocator,
};

use crate::Effort;
use crate::database::Random;
use crate::polls;
use crate::report::{Row, Samples, Target, median};
use crate::sys::{allocated, thread_time};

/// The networks of an account that is full.
const FULL: u32 = 100_000;

/// Returns the rows of the table. `file` is a database of networks.
pub(crate) fn rows(
    effort: Effort,
    file: &[u8],
    countries: &Arc<Database>,
) -> Vec<Row> {
    eprintln!("networks: database");
    let path = Path::new("x");
    let open = || NetworkDatabase::from_bytes(path, file.to_vec()).unwrap();
    let times: Vec<_> = (0..effort.of(7, 2))
        .map(|_| {
            let start = thread_time();
            black_box(open());
            (thread_time() - start).as_secs_f64() * 1e3
        })
        .collect();
    let before = allocated();
    let networks = Arc::new(open());
    let size = allocated().saturating_sub(before) / 1_000;
    let names = networks.names().len();
    let mut rows = vec![
        Row::new(
            format!("checking a database of {names} networks"),
            "ms",
            median(&times).expect("some"),
        ),
        Row::new("memory of that database", "kB", size as f64),
    ];
    rows.extend(lookups(effort, &networks));
    for keys in [10_000, 100_000] {
        rows.push(poll(
            effort,
            effort.of(keys, keys / 10),
            countries,
            &networks,
        ));
    }
    rows.extend(account(effort));
    rows
}

fn lookups(effort: Effort, networks: &Arc<NetworkDatabase>) -> Vec<Row> {
    type Draw = fn(&mut Random) -> IpAddr;
    let draws: [(&str, Draw); 2] =
        [("IPv4", Random::ipv4), ("IPv6", Random::ipv6)];
    let size = NonZeroUsize::new(65_536).unwrap();
    let of = |(name, draw): (&str, Draw)| {
        eprintln!("networks: lookups, {name}");
        let mut random = Random::new(2);
        let count = effort.of(1_000_000, 20_000);
        let addresses: Vec<_> = (0..count).map(|_| draw(&mut random)).collect();
        let mut locator = NetworkLocator::new(Some(Arc::clone(networks)), size);
        let times: Vec<_> = (0..effort.of(9, 2))
            .map(|_| {
                let start = thread_time();
                for &address in &addresses {
                    black_box(locator.network_of(address));
                }
                let time = thread_time() - start;
                time.as_secs_f64() * 1e9 / addresses.len() as f64
            })
            .collect();
        let time = median(&times).expect("some");
        Row::new(format!("network of a new key, {name}"), "ns", time)
    };
    draws.map(of).into()
}

/// Returns the row of a poll with networks, beside the same without.
fn poll(
    effort: Effort,
    keys: u32,
    countries: &Arc<Database>,
    networks: &Arc<NetworkDatabase>,
) -> Row {
    let rounds = effort.of(21, 3);
    let measure = |networks: Option<&Arc<NetworkDatabase>>| {
        eprintln!("networks: polls, {keys} keys");
        let samples: Samples =
            polls::measure_networks(keys, rounds, countries, networks);
        samples.median(polls::CHANGED)
    };
    let without = measure(None);
    let with = measure(Some(networks));
    let what = "without networks";
    Row::new(
        format!("poll with networks, {keys} keys, all changed"),
        "ms",
        with,
    )
    .target(Target::Of { what, value: without, limit: None })
}

/// Returns the memory and the times of an account that is full.
fn account(effort: Effort) -> Vec<Row> {
    eprintln!("networks: a full account");
    let networks = effort.of(FULL, FULL / 10);
    let before = allocated();
    let mut account = NetworksAccount::resume(None);
    account.configure(&Config { networks: true, ..Config::default() });
    let credit = |account: &mut NetworksAccount, number: u32| {
        let key = FlowKey {
            interface: InterfaceId(0),
            direction: Direction::Sent,
            ip_version: IpVersion::V4,
            class: 0,
            remote: [0; 16],
        };
        let network = Network(number);
        let origin = Origin { network, ..Origin::default() };
        account.credit(&key, Volume { packets: 1, bytes: 1_000 }, &origin);
    };
    let end = |second: u64| PollEnd {
        at: Timestamp::from_millis(second * 1_000),
        uptime: Duration::from_secs(second),
        absent_retention: None,
    };
    for number in 1..=networks {
        credit(&mut account, number);
    }
    account.end_poll(end(1));
    let mut shown = account.snapshot();
    let memory = allocated().saturating_sub(before);
    let per_network = memory as f64 / f64::from(networks);
    let (mut credits, mut ends) = (Vec::new(), Vec::new());
    for second in 2..effort.of(23, 5) {
        let start = thread_time();
        for number in 1..=networks {
            credit(&mut account, number);
        }
        let credited = thread_time();
        account.end_poll(end(second));
        shown = account.snapshot();
        credits
            .push((credited - start).as_secs_f64() * 1e9 / f64::from(networks));
        ends.push((thread_time() - credited).as_secs_f64() * 1e3);
    }
    let section = shown.encode().len() as f64 / f64::from(networks);
    let most = |times: &[f64]| median(times).expect("some");
    vec![
        Row::new("memory of a kept network", "B", per_network),
        Row::new("a kept network in the state", "B", section),
        Row::new("crediting a flow to its network", "ns", most(&credits)),
        Row::new(
            format!("snapshot, {networks} networks, all changed"),
            "ms",
            most(&ends),
        ),
    ]
}

//! The cost of finding the country of a new key.

use std::hint::black_box;
use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use geoip_exporter::geoip::{Database, Locator};
use maxminddb::Reader;

use crate::Effort;
use crate::database::Random;
use crate::report::{Row, Samples, Target, median};
use crate::sys::thread_time;

/// The default of the setting of that name.
const GEOIP_CACHE_SIZE: usize = 65_536;

/// The variants of a round.
const WALK: usize = 0;
const COUNTRY: usize = 1;

/// Returns the cost of opening a database, which is a part of the start.
fn opening(effort: Effort, file: &[u8]) -> Row {
    let times: Vec<_> = (0..effort.of(15, 3))
        .map(|_| {
            let file = file.to_vec();
            let start = thread_time();
            let database = Database::from_bytes(Path::new("x"), file);
            black_box(database.unwrap_or_else(|e| panic!("{e}")));
            (thread_time() - start).as_secs_f64() * 1e3
        })
        .collect();
    let time = median(&times).expect("at least one");
    Row::new("checking a database that was read", "ms", time)
}

/// Returns the rows of the table; `file` is what `database` was made of.
pub(crate) fn rows(
    effort: Effort,
    file: &[u8],
    database: &Arc<Database>,
) -> Vec<Row> {
    type Draw = fn(&mut Random) -> IpAddr;
    // Nearly none of the last has a record that a walk could end at.
    let draws: [(&str, Draw, bool); 3] = [
        ("IPv4", Random::ipv4, true),
        ("IPv6", Random::ipv6, true),
        ("IPv6 nobody has", Random::any_ipv6, false),
    ];
    let mut rows = vec![opening(effort, file)];
    for (name, draw, has_target) in draws {
        eprintln!("country of an address: {name}");
        let mut random = Random::new(2);
        let count = effort.of(1_000_000, 20_000);
        let addresses: Vec<_> = (0..count).map(|_| draw(&mut random)).collect();
        let samples = samples(effort, file, database, &addresses);
        let walk = samples.median(WALK);
        let what = format!("country of a new key, {name}");
        let mut row = Row::new(what, "ns", samples.median(COUNTRY));
        let limit = has_target.then_some(1.2);
        row.targets.push(Target::Of {
            what: "a bare walk",
            value: walk,
            limit,
        });
        rows.push(row);
    }
    rows
}

fn samples(
    effort: Effort,
    file: &[u8],
    database: &Arc<Database>,
    addresses: &[IpAddr],
) -> Samples {
    let reader = Reader::from_source(file.to_vec()).expect("a database");
    let size = NonZeroUsize::new(GEOIP_CACHE_SIZE).unwrap();
    let mut locator = Locator::new(Some(Arc::clone(database)), size);
    let mut samples = Samples::default();
    for _ in 0..effort.of(15, 3) {
        let walk = time_each(addresses, |address| {
            let found = reader.lookup(address).ok();
            black_box(found.and_then(|found| found.offset()));
        });
        let country = time_each(addresses, |address| {
            black_box(locator.country_of(address));
        });
        samples.push(vec![walk, country]);
    }
    samples
}

/// Returns the CPU time that each address takes, in ns.
fn time_each(addresses: &[IpAddr], mut work: impl FnMut(IpAddr)) -> f64 {
    let start = thread_time();
    for &address in addresses {
        work(address);
    }
    let time = thread_time() - start;
    time.as_secs_f64() * 1e9 / addresses.len() as f64
}

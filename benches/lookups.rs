//! What the country of a new key costs.

use std::hint::black_box;
use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;

use geoip_exporter::geoip::{Database, LocateCountry as _, Locator};
use maxminddb::Reader;

use crate::Effort;
use crate::database::Random;
use crate::report::{Row, Samples, Target};
use crate::sys::thread_time;

/// The default of the setting of that name.
const GEOIP_CACHE_SIZE: usize = 65_536;

/// The variants of a round.
const WALK: usize = 0;
const COUNTRY: usize = 1;

/// Returns the rows of the table; `file` is what `database` was made of.
pub(crate) fn rows(
    effort: Effort,
    file: &[u8],
    database: &Arc<Database>,
) -> Vec<Row> {
    type Draw = fn(&mut Random) -> IpAddr;
    let draws: [(&str, Draw); 3] = [
        ("IPv4", Random::ipv4),
        ("IPv6, where registries give out", Random::ipv6),
        ("IPv6, anywhere", Random::any_ipv6),
    ];
    let mut rows = Vec::new();
    for (name, draw) in draws {
        eprintln!("country of an address: {name}");
        let mut random = Random::new(2);
        let count = effort.of(1_000_000, 20_000);
        let addresses: Vec<_> = (0..count).map(|_| draw(&mut random)).collect();
        let samples = samples(effort, file, database, &addresses);
        let target = Target::Of {
            what: "a bare walk",
            value: samples.median(WALK),
            limit: 1.2,
        };
        let what = format!("country of a new key, {name}");
        let ours = samples.median(COUNTRY);
        rows.push(Row::new(what, "ns", ours).target(target));
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

//! The size of a year of a busy host.

use std::fs;

use super::*;
use crate::collectors::ranges::{self, InterfaceRanges, PairTraffic};
use crate::collectors::services::{self, ServiceTraffic};

/// The largest growth a day, and what does not grow: 20 MiB in a year.
const A_DAY: u64 = 50 << 10;
const AT_ONCE: u64 = 2 << 20;

const DAY: i64 = 86_400;

/// Networks in the counters, and in one part of their snapshot.
const NETWORKS: u32 = 10_240;
const PART: usize = 256;

/// Returns the counters of a host with 20 interfaces, 200 countries at the
/// largest of them and fewer at each other, 10,240 networks of which 512 have
/// traffic on a day, 400 pairs of ranges, and 100 services.
fn after(day: u64, parts: &mut [Arc<[Member<Network, 2>]>]) -> Counters {
    const NAMES: [&str; 20] = [
        "eth0", "eth1", "wg0", "br0", "vlan1", "vlan2", "vlan3", "vlan4",
        "vlan5", "vlan6", "vlan7", "vlan8", "vlan9", "tun0", "tun1", "tun2",
        "veth0", "veth1", "veth2", "veth3",
    ];
    let bytes = |n: u64| (day + 1) * 1_000_003 * (1 + n * n % 1_009);
    let at = |(number, name): (u64, &'static str)| {
        let countries = 0..200 / (number + 1);
        countries.map(move |n| ((name, format!("C{n}")), bytes(n + number)))
    };
    let traffic = (0..).zip(NAMES).flat_map(at).collect();
    let traffic = counters(&traffic, 1).traffic;

    let first = usize::try_from(day).unwrap() * 2;
    for part in [first, first + 1] {
        let part = &mut parts[part % (NETWORKS as usize / PART)];
        let grown = part.iter().map(|one| Member {
            value: one.value.map(|old| old + bytes(u64::from(one.key.0))),
            ..*one
        });
        *part = grown.collect();
    }
    let networks = networks::Snapshot {
        networks: Members { parts: parts.to_vec(), ..Members::default() },
        created: Some(Timestamp::from_millis(1)),
        ..networks::Snapshot::default()
    };
    let pair = |n: u64| PairTraffic {
        source: format!("range {}", n / 20).into(),
        destination: format!("range {}", n % 20).into(),
        volume: Breakdown::of(|_, _| volume(bytes(n))),
        created: Default::default(),
    };
    let ranges = InterfaceRanges {
        name: "eth0".into(),
        pairs: (0..400).map(pair).collect(),
        unattributed: Breakdown::of(|_, _| volume(9)),
        created: Some(Timestamp::from_millis(1)),
        is_absent: false,
    };
    let service = |n: u64| {
        let name = format!("service {n:03}").into();
        let other = services::Counters {
            bytes: [bytes(n), bytes(n + 1)],
            ..services::Counters::default()
        };
        Arc::new(ServiceTraffic { name, countries: Vec::new(), other })
    };
    Counters {
        traffic,
        networks: Arc::new(networks),
        ranges: Arc::new(ranges::Snapshot {
            interfaces: vec![Arc::new(ranges)],
            remembered: Arc::default(),
        }),
        services: Arc::new(services::Snapshot {
            services: (0..100).map(service).collect(),
            ..services::Snapshot::default()
        }),
    }
}

/// Returns the days of the test: `HISTORY_DAYS=365` for a whole year.
fn days() -> u16 {
    let days = std::env::var("HISTORY_DAYS").ok();
    days.map_or(12, |days| days.parse().expect("a number of days"))
}

/// Each write is in another hour of another day. After a year, the hours that
/// are kept are as many, and each as full, as if every hour had a write.
#[test]
#[expect(clippy::print_stderr, reason = "the documents tell the size")]
fn a_year_of_a_busy_host_is_no_larger_than_the_documents_say() {
    let (_folder, path, mut file) = begun();
    let all: Vec<_> =
        (0..NETWORKS).map(|n| Member::new(Network(64_000 + n))).collect();
    let mut parts: Vec<Arc<[_]>> = all.chunks(PART).map(Arc::from).collect();
    for day in 0..days() {
        let counters = after(u64::from(day), &mut parts);
        let now = NOON + i64::from(day) * DAY;
        write(&mut file, &counters, now).unwrap();
    }
    let whole = sum(&path, "mark");
    for table in ["day", "month"] {
        assert_eq!(sum(&path, table), whole, "{table}");
    }
    let size = fs::metadata(&path).unwrap().len();
    eprintln!("{} days take {} KiB", days(), size / 1024);
    assert!(size <= u64::from(days()) * A_DAY + AT_ONCE, "{size} bytes");
    let rows = number(&path, "SELECT count(*) FROM day");
    assert!(rows > i64::from(days()) * 500, "{rows} rows: not a busy host");
}

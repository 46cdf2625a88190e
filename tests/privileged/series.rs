//! The number of series on a real page, beside the table in docs/metrics.md.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::harness::countries::database;
use crate::harness::daemon::{Daemon, Setup};
use crate::harness::exposition::Scrape;
use crate::harness::fixtures::data;
use crate::harness::lab::{Lab, WAN};
use crate::page::talk;
use crate::ranges::ranges;
use crate::services::services;

/// The countries of the traffic; the sender has none.
const COUNTRIES: u64 = 40;

const REMOTE_HOSTS: u32 = 5;
const NETWORKS: u32 = 10;

/// A part of the exporter: the beginnings of its families' names, and the
/// largest number of its series.
struct Part {
    name: String,
    families: Vec<String>,
    bound: String,
}

/// Returns the rows of the table.
fn table() -> Vec<Part> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/metrics.md");
    let text = fs::read_to_string(path).unwrap();
    let (_, rest) = text.split_once("<!-- series:begin -->").unwrap();
    let (table, _) = rest.split_once("<!-- series:end -->").unwrap();
    let rows = table.trim().lines().skip(2);
    let part = |row: &str| {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        let families = cells[3].split_whitespace();
        let families =
            families.map(|name| name.trim_matches(['`', '*']).to_owned());
        Part {
            name: cells[1].into(),
            families: families.collect(),
            bound: cells[4].into(),
        }
    };
    rows.map(part).collect()
}

/// Computes a bound such as `8 × C + 6`.
fn evaluate(bound: &str, letters: &BTreeMap<&str, u64>) -> u64 {
    let factor = |word: &str| match letters.get(word.trim()) {
        Some(number) => *number,
        None => word.trim().parse().unwrap(),
    };
    let product = |term: &str| term.split('×').map(factor).product::<u64>();
    bound.split('+').map(product).sum()
}

fn start(lab: &Lab) -> Daemon {
    let setup = Setup::new(&lab.machine);
    let file = setup.path("countries.mmdb");
    fs::write(&file, database()).unwrap();
    let state = setup.path("state");
    setup
        .set("interfaces", WAN)
        .set("host", true)
        .set("counted_once", WAN)
        .set("country_info", true)
        .set("quota", "20TB")
        .set("connections", true)
        .set("networks", true)
        .set("networks_top", NETWORKS)
        .set("asn_db", data("asn.mmdb").to_str().unwrap())
        .set("remote_hosts", true)
        .set("remote_hosts_metrics", true)
        .set("remote_hosts_top", REMOTE_HOSTS)
        .set("remote_hosts_threshold", "1B")
        .set("service", services(&[("web", &["40000-40001/udp"])]))
        .set("range", ranges(&[("far", &["198.18.0.0/15"])]))
        .set("state_directory", state.to_str().unwrap())
        .set("geoip_db", file.to_str().unwrap())
        .start()
}

/// Returns the number of series of each part.
fn count(scrape: &Scrape, table: &[Part]) -> Vec<u64> {
    let mut counts = vec![0; table.len()];
    for (name, _, _) in scrape.samples() {
        let has = |part: &Part| {
            part.families.iter().any(|family| name.starts_with(family))
        };
        let parts: Vec<_> =
            (0..table.len()).filter(|&at| has(&table[at])).collect();
        assert_eq!(parts.len(), 1, "parts of {name}");
        counts[parts[0]] += 1;
    }
    counts
}

#[test]
fn no_part_has_more_series_than_the_documents_say() {
    let lab = Lab::new();
    let daemon = start(&lab);
    talk(&lab, &daemon);
    daemon.await_polls();
    let scrape = daemon.scrape();
    let table = table();
    let letters = BTreeMap::from([
        ("C", COUNTRIES),
        ("I", 1),
        ("N", u64::from(NETWORKS) + 2),
        ("H", u64::from(REMOTE_HOSTS) + 1),
        ("P", scrape.sum("geoip_range_pairs", &[])),
        ("S", 2),
        ("R", 65),
    ]);
    let counts = count(&scrape, &table);
    for (part, count) in table.iter().zip(counts) {
        let bound = evaluate(&part.bound, &letters);
        let name = &part.name;
        assert!(count > 0, "{name} is on the page");
        assert!(count <= bound, "{name}: {count} series, at most {bound}");
        // The traffic is of every country, direction and version of IP.
        let is_full = ["countries by interface", "the whole machine"];
        if is_full.contains(&name.as_str()) {
            assert_eq!(count, bound, "{name}");
        }
    }
    // The exporter counts them as everybody does.
    let mut of_families: BTreeMap<&str, u64> = BTreeMap::new();
    for (name, labels, _) in scrape.samples() {
        if !labels.is_empty() {
            *of_families.entry(family(name)).or_default() += 1;
        }
    }
    for (family, count) in of_families {
        let shown = scrape.sum("geoip_series", &[("family", family)]);
        assert_eq!(shown, count, "{family}");
    }
}

/// Returns the family of a sample.
fn family(name: &str) -> &str {
    let suffixes = ["_bucket", "_sum", "_count"];
    let mut bases = suffixes.iter().filter_map(|it| name.strip_suffix(it));
    bases.next().unwrap_or(name)
}

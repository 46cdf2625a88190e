//! The page of connections, as Prometheus reads it.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use tempfile::TempDir;

use crate::harness::exposition::Scrape;
use crate::harness::netns::Netns;
use crate::harness::process::output_of;
use crate::harness::prometheus::{Prometheus, promtool_check};

/// Pages with every family, which `tests/it/exposition.rs` compares with the
/// code.
const TEXT: &str = include_str!("../../golden/metrics.txt");
const OPEN_METRICS: &str = include_str!("../../golden/metrics.openmetrics.txt");

const STEP: u64 = 30;

/// Returns the page before anything was counted.
fn at_zero() -> String {
    let lines = TEXT.lines().map(|line| match line.rsplit_once(' ') {
        Some((series, _)) if line.starts_with("geoip_tcp_") => {
            format!("{series} 0\n")
        }
        _ => format!("{line}\n"),
    });
    lines.collect()
}

/// Returns the queries of the document, in order.
fn queries() -> Vec<String> {
    let document = include_str!("../../../docs/connections.md");
    let blocks = document.split("```promql\n").skip(1);
    let blocks = blocks.map(|rest| rest.split("```").next().unwrap());
    let queries = blocks.flat_map(|block| block.split("\n\n"));
    queries.map(|query| query.trim().to_owned()).collect()
}

#[test]
fn promtool_finds_no_fault_with_a_page_of_every_family() {
    let namespace = Netns::new();
    assert_eq!(promtool_check(&namespace, TEXT), "");
    // `check metrics` reads the older format alone.
    let directory = TempDir::new().unwrap();
    let page = directory.path().join("page");
    let lines = OPEN_METRICS.lines().map(|line| match line.starts_with('#') {
        true => format!("{line}\n"),
        false => format!("{line} 1700000100\n"),
    });
    fs::write(&page, lines.collect::<String>()).unwrap();
    let mut command = namespace.command("promtool");
    command.args(["tsdb", "create-blocks-from", "openmetrics"]);
    output_of(command.arg(&page).arg(directory.path().join("data")));
}

#[test]
fn the_queries_of_the_document_give_the_numbers_of_the_page() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let last = now.as_secs() - STEP;
    let history = [(2, at_zero()), (1, TEXT.into()), (0, TEXT.into())]
        .map(|(steps, page)| (last - steps * STEP, Scrape::parse(&page)));
    let prometheus = Prometheus::with_history(&Netns::new(), &history);
    let expected = [
        ("DE", 8.0 / 18.0),
        ("DE", 42.0 / 840.0),
        ("DE", 0.015 + 0.01 * 22.5 / 42.0),
        ("DE", 8.34 / 45.0),
        ("DE", 90.0),
        ("DE", 62.0),
        ("US", 42.0),
    ];
    let queries = queries();
    assert_eq!(queries.len(), expected.len(), "{queries:?}");
    for (query, (country, number)) in queries.iter().zip(expected) {
        let answer = prometheus.evaluate_over(query, last..=last);
        let series = answer
            .iter()
            .find(|series| series["metric"]["country"] == country)
            .unwrap_or_else(|| panic!("{query}: {answer:?}"));
        let text = series["values"][0][1].as_str().unwrap();
        let found: f64 = text.parse().unwrap();
        let difference = (found - number).abs();
        assert!(difference < 1e-6 * number, "{query}: {found}, not {number}");
    }
    // The last one is for a map.
    let on_map = prometheus.evaluate_over(&queries[6], last..=last);
    assert_eq!(on_map.len(), 2, "{on_map:?}");
}

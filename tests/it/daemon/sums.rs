//! The sums on each page, while polls go on.

use std::thread;

use tempfile::TempDir;

use super::fake::FakeHost;
use super::running::{Running, Scrape, database, with_database};

/// Returns the received bytes of a breakdown.
fn received(scrape: &Scrape, of: &str) -> f64 {
    let parts = ["bytes", "unattributed_bytes", "non_ip_bytes"];
    let sum = |part| scrape.sum(&format!("geoip_{of}{part}_received_total"));
    parts.map(sum).iter().sum()
}

/// Scrapes under traffic, and compares the breakdowns of each page.
fn compare_pages(lines: &str) {
    const PAGES: usize = 1_000;
    let card = FakeHost::new(&[(2, "eth0")]);
    card.kernel().devices.get_mut(&2).unwrap().1.is_on_bus = true;
    let config = with_database(&format!(
        "host = true\nnetworks = true\nasn_db = {:?}\n{lines}\
         [[range]]\nname = \"here\"\ncidrs = [\"192.0.2.0/24\"]\n",
        database("asn.mmdb")
    ));
    let config = config.replace("10ms", "1ms");
    let daemon = Running::start(card, &config);
    daemon.host.wait_until("counted", |kernel| kernel.is_counted(2));
    thread::scope(|scope| {
        let pages = scope.spawn(|| {
            let mut seen = Vec::new();
            for _ in 0..PAGES {
                let page = daemon.scrape();
                let sums = ["", "host_", "as_", "range_"]
                    .map(|breakdown| received(&page, breakdown));
                assert!(sums.iter().all(|sum| *sum == sums[0]), "{sums:?}");
                seen.push(sums[0]);
            }
            assert!(seen.is_sorted());
            assert!(seen[0] < seen[PAGES - 1]);
        });
        while !pages.is_finished() {
            daemon.host.receive(2, "192.0.2.7", 1_000);
            thread::yield_now();
        }
    });
    daemon.stop();
}

#[test]
fn every_page_has_the_sums_of_one_poll() {
    compare_pages("");
}

#[test]
fn every_page_of_saved_counters_has_the_sums_of_one_poll() {
    let state = TempDir::new().unwrap();
    let state = state.path();
    compare_pages(&format!(
        "state_directory = {state:?}\npin_directory = \"\"\n"
    ));
}

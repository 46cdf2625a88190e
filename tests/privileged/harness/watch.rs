//! Looking at an exporter all the while something goes on.

use std::net::SocketAddr;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::exposition::{Scrape, whole};
use super::http;
use super::netns::Netns;

/// Scrapes from any thread.
#[derive(Clone, Debug)]
pub(crate) struct Scraper {
    namespace: Netns,
    address: SocketAddr,
}

impl Scraper {
    pub(crate) fn new(namespace: &Netns, address: SocketAddr) -> Self {
        Self { namespace: namespace.clone(), address }
    }

    pub(crate) fn scrape(&self) -> Scrape {
        let response = http::get(&self.namespace, self.address, "/metrics")
            .expect("cannot scrape");
        assert_eq!(response.status, 200, "{}", response.body);
        Scrape::parse(&response.body)
    }
}

/// Returns every byte the exporter has accounted for on an interface, one way:
/// those of countries, those that lost theirs, and those that are not IP.
pub(crate) fn accounted(
    scrape: &Scrape,
    interface: &str,
    direction: &str,
) -> u64 {
    ["bytes", "unattributed_bytes", "non_ip_bytes"]
        .iter()
        .map(|kind| {
            let name = format!("geoip_{kind}_{direction}_total");
            scrape.sum(&name, &[("interface", interface)])
        })
        .sum()
}

/// Returns the bytes that lost their country, everywhere.
pub(crate) fn unattributed(scrape: &Scrape) -> u64 {
    scrape.sum("geoip_unattributed_bytes_received_total", &[])
        + scrape.sum("geoip_unattributed_bytes_sent_total", &[])
}

/// Panics where a counter of the earlier scrape fell or is missing in the
/// later.
pub(crate) fn assert_monotonic(earlier: &Scrape, later: &Scrape) {
    for (name, labels, value) in earlier.samples() {
        if earlier.type_of(name) != Some("counter") {
            continue;
        }
        let labels: Vec<(&str, &str)> =
            labels.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let now = later.value(name, &labels);
        assert!(
            now.is_some_and(|now| now >= value),
            "{name}{labels:?} was {value} and is {now:?}"
        );
        // CPU seconds alone are no whole number.
        if !name.starts_with("process_") {
            whole(value);
        }
    }
}

/// Scrapes all the while `work` runs, checks that no counter falls, shows each
/// scrape to `check`, and returns what `work` did and the number of scrapes.
pub(crate) fn watch<T>(
    scraper: &Scraper,
    check: impl Fn(&Scrape) + Sync,
    work: impl FnOnce() -> T,
) -> (T, u64) {
    during(
        |stop| {
            let mut last = scraper.scrape();
            let mut count = 1;
            while !stop.load(Ordering::Relaxed) {
                let next = scraper.scrape();
                assert_monotonic(&last, &next);
                check(&next);
                last = next;
                count += 1;
            }
            count
        },
        work,
    )
}

/// Does `work` while something else goes on in the background, which is told
/// to stop when the work is done, and returns what both did.
pub(crate) fn during<T, B: Send>(
    background: impl FnOnce(&AtomicBool) -> B + Send,
    work: impl FnOnce() -> T,
) -> (T, B) {
    // Also when `work` panics, or the scope would wait for ever.
    struct Stop<'a>(&'a AtomicBool);
    impl Drop for Stop<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let running = scope.spawn(|| background(&stop));
        let stop = Stop(&stop);
        let result = work();
        drop(stop);
        (result, running.join().unwrap_or_else(|panic| resume_unwind(panic)))
    })
}

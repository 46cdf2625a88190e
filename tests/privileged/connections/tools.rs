//! The tools of these tests, tried against the kernel's own counters.

use std::fs;
use std::time::Instant;

use crate::harness::connections::{Asking, CountryLab};
use crate::harness::netns::Netns;
use crate::harness::wait::await_equal;

/// Returns a counter of TCP of a namespace.
fn tcp_counter(namespace: &Netns, name: &str) -> u64 {
    let path = "/proc/thread-self/net/snmp";
    let text = namespace.run(|| fs::read_to_string(path)).unwrap();
    let mut lines = text.lines().filter(|line| line.starts_with("Tcp:"));
    let [names, values] = [(); 2].map(|()| lines.next().unwrap().split(' '));
    let mut pairs = names.zip(values);
    let (_, value) = pairs.find(|(found, _)| *found == name).unwrap();
    value.parse().unwrap()
}

#[test]
fn the_dialers_book_what_the_kernel_counts() {
    let lab = CountryLab::new();
    let started = Instant::now();
    let count: u64 = std::env::var("CONNECTIONS")
        .map_or(20_000, |text| text.parse().unwrap());
    let tallies = lab.make_short(count, 1);
    eprintln!("{:?} for {:?}", started.elapsed(), tallies.sum());
    let machine = &lab.lab.machine;
    let sum = |asking: Asking| {
        let of = tallies.0.iter().filter(|(k, _)| k.1 == asking.label());
        of.fold((0, 0), |(opened, failed), (_, tally)| {
            (opened + tally.opened, failed + tally.failed)
        })
    };
    let (inbound, _) = sum(Asking::World);
    let (outbound, failed) = sum(Asking::Machine);
    assert_eq!(tcp_counter(machine, "PassiveOpens"), inbound);
    assert_eq!(tcp_counter(machine, "ActiveOpens"), outbound + failed);
    await_equal("open connections", &0, || tcp_counter(machine, "CurrEstab"));
    assert_eq!(tallies.sum().open(), 0);
}

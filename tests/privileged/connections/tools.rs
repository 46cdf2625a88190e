//! The tools of these tests, tried against the kernel's own counters.

use std::fs;
use std::time::{Duration, Instant};

use crate::harness::connections::{Asking, CountryLab, Family};
use crate::harness::netns::Netns;
use crate::harness::relay::Terms;
use crate::harness::tcp_sys::tcp_info;
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
    for lab in [CountryLab::new(), CountryLab::on_all_cpus()] {
        check_books(&lab);
    }
}

fn check_books(lab: &CountryLab) {
    let started = Instant::now();
    let tallies = lab.make_short(10_000, 1);
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

#[test]
fn a_relay_takes_its_time_and_loses_its_part() {
    let lossy = Terms { lost_of_thousand: 50, ..Terms::of_milliseconds(2) };
    let terms = [20, 80, 200].map(Terms::of_milliseconds);
    let lab = CountryLab::over_relays(&[&terms[..], &[lossy]].concat());
    for asking in [Asking::Machine, Asking::World] {
        lab.dial(asking, 0, |dialer| {
            for (country, terms) in terms.iter().enumerate() {
                for family in Family::ALL {
                    let connection = dialer.open(country, 1, family);
                    connection.exchange(100, 100);
                    connection.exchange(100, 100);
                    let rtt = tcp_info(&connection.machine).unwrap().rtt;
                    let rtt = Duration::from_micros(rtt.into());
                    eprintln!("{rtt:?} {terms:?} {asking:?} {family:?}");
                    assert!(rtt >= terms.round_trip, "{rtt:?}");
                }
            }
            let connection = dialer.open(terms.len(), 1, Family::V4);
            connection.exchange(300_000, 300_000);
            let info = tcp_info(&connection.machine).unwrap();
            eprintln!("{info:?}, lost {}", lab.relays[3].lost());
            assert!(info.segments_retransmitted > 0);
            assert!(info.bytes_received >= 300_000);
        });
    }
}

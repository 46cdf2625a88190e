//! The growth of cost with the size of a machine and its traffic.

use std::num::NonZeroU32;
use std::thread;

use geoip_exporter::kernel::{
    Attach as _, Interface, LinkLayer, ReadCounts as _, Relations, Sweep,
};

use crate::Effort;
use crate::harness::driver::{Driver, Workload};
use crate::harness::netns::Netns;
use crate::harness::sys::{interface_index, pin_to_cpu};
use crate::packets;
use crate::processes::make_interfaces;
use crate::report::{Growth, median};
use crate::sys::thread_time;
use crate::{ours, scrapes};

/// Returns the lines of the second table, but those that other parts measured.
pub(crate) fn growths(effort: Effort) -> Vec<Growth> {
    eprintln!("growth: packets by keys");
    let by_keys = packets::by_keys(effort);
    eprintln!("growth: packets by CPUs");
    let hot = by_cpus(effort, Workload::received(1));
    let spread = by_cpus(effort, Workload::received(60_000));
    eprintln!("growth: polls by interfaces");
    let interfaces = by_interfaces(effort);
    eprintln!("growth: scrapes");
    [
        ("packet, ns, by keys", by_keys),
        ("packet of one key, ns with the driver, by CPUs that count", hot),
        ("packet of 60,000 keys, ns with the driver, by CPUs", spread),
        ("reading all but the flows, µs, by interfaces", interfaces),
        (
            "scrape with 250 countries, ms, by interfaces",
            scrapes::by_interfaces(effort),
        ),
        (
            "scrape with 16 interfaces, ms, by countries",
            scrapes::by_countries(effort),
        ),
    ]
    .map(|(what, steps)| Growth { what: what.to_owned(), steps })
    .to_vec()
}

/// Returns the CPU time of a packet in ns if one CPU counts, and if all do at
/// the same time.
fn by_cpus(effort: Effort, workload: Workload) -> Vec<(String, f64)> {
    let namespace = Netns::new();
    let mut loaded = ours::load(100_000);
    let driver = namespace.run(|| {
        let program = ours::attach(&mut loaded.attacher, workload.direction);
        Driver::new(&program, workload)
    });
    let packets = effort.of(2_000_000, 50_000);
    let on = |cpu: usize| {
        namespace.run(|| {
            pin_to_cpu(cpu).expect("cannot choose a CPU");
            driver.run(workload.prefixes * 4);
            let start = thread_time();
            driver.run(packets);
            (thread_time() - start).as_secs_f64() * 1e9 / f64::from(packets)
        })
    };
    let all = thread::available_parallelism().map_or(1, usize::from);
    let mut counts = vec![1];
    while counts.last().is_some_and(|&count| count * 2 <= all) {
        counts.push(counts[counts.len() - 1] * 2);
    }
    counts
        .into_iter()
        .map(|count| {
            let costs: Vec<f64> = thread::scope(|scope| {
                let on = &on;
                let workers: Vec<_> = (0..count)
                    .map(|cpu| scope.spawn(move || on(cpu)))
                    .collect();
                workers.into_iter().map(|w| w.join().unwrap()).collect()
            });
            (count.to_string(), median(&costs).expect("some"))
        })
        .collect()
}

/// Returns the CPU time of reading the maps without traffic, in µs.
fn by_interfaces(effort: Effort) -> Vec<(String, f64)> {
    effort
        .of([2, 16, 256], [2, 4, 8])
        .map(|count| {
            let namespace = Netns::new();
            let names = make_interfaces(&namespace, count);
            let time = namespace.run(|| {
                let mut loaded = ours::load(100_000);
                for name in &names {
                    let interface = Interface {
                        ifindex: interface_index(name).expect("it is there"),
                        name: name.as_str().into(),
                        link_layer: LinkLayer::Ethernet,
                        is_up: true,
                        is_running: true,
                        is_loopback: false,
                        is_on_bus: false,
                        relations: Relations::default(),
                    };
                    loaded.attacher.attach(&interface).expect("cannot attach");
                }
                let mut sweep = Sweep::default();
                let batch = NonZeroU32::new(10_000).unwrap();
                let times: Vec<_> = (0..effort.of(21, 3))
                    .map(|_| {
                        let start = thread_time();
                        loaded
                            .reader
                            .read(batch, &mut sweep)
                            .expect("cannot read");
                        (thread_time() - start).as_secs_f64() * 1e6
                    })
                    .collect();
                median(&times).expect("some")
            });
            (count.to_string(), time)
        })
        .to_vec()
}

//! TCP connections on stock kernels: those with PREEMPT_RT cannot run the
//! programs; on the others no event is missed while interrupts receive packets
//! on every CPU.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;

use geoip_exporter::accounting::{
    ConnectionDirection, ConnectionGrowth, ConnectionKey,
};
use geoip_exporter::config::ConnectionsScope;
use geoip_exporter::kernel::{
    ConnectionsMethod, OpenConnections as _, TcpConnections,
};

use crate::harness::connections::{CountryLab, Tally};
use crate::harness::lab::{Lab, PEER, WAN};
use crate::harness::wait::await_equal;

#[test]
fn lists_stand_in_for_programs_and_say_why() {
    let lab = Lab::new();
    let (own, remote) =
        (Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(198, 51, 100, 7));
    lab.machine.ip(&format!("address add {own} peer {remote} dev {WAN}"));
    lab.world.ip(&format!("address add {remote} peer {own} dev {PEER}"));
    let there = lab.world.run(|| TcpListener::bind((remote, 443))).unwrap();
    lab.machine.run(|| {
        let open = TcpConnections.open(ConnectionsScope::Namespace);
        let mut watch = open.unwrap();
        let ConnectionsMethod::SockDiag { reason } = watch.method() else {
            panic!("{:?}", watch.method());
        };
        assert!(reason.contains("PREEMPT_RT"), "{reason}");
        let client = TcpStream::connect((remote, 443)).unwrap();
        let mut open = 0;
        watch.visit(&mut |_, growth| open += growth.open).unwrap();
        assert_eq!(open, 1);
        drop((client, there));
    });
}

/// Returns the number of connections that `CONNECTIONS` says.
fn count() -> u64 {
    let count = std::env::var("CONNECTIONS").ok();
    count.map_or(10_000, |text| {
        text.parse().expect("CONNECTIONS is a whole number")
    })
}

#[test]
fn programs_miss_no_event_with_packets_steered_to_all_cpus() {
    let cpus = thread::available_parallelism().unwrap().get().min(32);
    assert!(cpus > 1, "one CPU interrupts itself only");
    let lab = CountryLab::with_steering(cpus);
    lab.lab.machine.run(|| {
        let open = TcpConnections.open(ConnectionsScope::Namespace);
        let mut watch = open.unwrap();
        assert_eq!(*watch.method(), ConnectionsMethod::Programs);
        let mut seen = [Tally::default(); 2];
        // Visits and events at the same time.
        let expected = thread::scope(|scope| {
            let load = scope.spawn(|| lab.make_short(count(), 1));
            while !load.is_finished() {
                watch.visit(&mut credit_to(&mut seen)).unwrap();
            }
            load.join().unwrap()
        });
        let expected = ConnectionDirection::ALL.map(|direction| {
            let mut sum = Tally::default();
            for ((_, asked), tally) in &expected.0 {
                if *asked == direction.label() {
                    sum += *tally;
                }
            }
            sum
        });
        // The last ones are about to end.
        await_equal("all changes", &expected, || {
            watch.take(&mut credit_to(&mut seen)).unwrap();
            seen
        });
        eprintln!("{expected:?}: difference 0");
    });
}

/// Adds growth to the sums by direction.
fn credit_to(
    sums: &mut [Tally; 2],
) -> impl FnMut(&ConnectionKey, &ConnectionGrowth) {
    |key, growth| {
        sums[key.direction.index()] += Tally {
            opened: growth.opened,
            failed: growth.failed,
            closed: growth.closed,
        };
    }
}

//! What the exporter and the kernel's own counters say about one interface,
//! side by side.

use super::conversation::Host;
use super::daemon::{Daemon, Setup};
use super::exposition::Scrape;
use super::link::{Statistics, Volume, statistics};
use super::netns::Netns;
use super::send::Sniffed;
use super::wait::{PATIENCE, await_until};

/// An interface and the exporter that counts it.
#[derive(Clone, Copy)]
pub(crate) struct Counted<'a> {
    pub(crate) namespace: &'a Netns,
    pub(crate) interface: &'a str,
    pub(crate) daemon: &'a Daemon,
}

impl<'a> Counted<'a> {
    /// Names the interface of a host.
    pub(crate) fn of(host: &Host<'a>, daemon: &'a Daemon) -> Self {
        let Host { namespace, interface, .. } = *host;
        Self { namespace, interface, daemon }
    }
}

/// The figures of an interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Account {
    /// By the exporter: over all countries, plus unattributed, plus non-IP.
    /// Its packets are those with a country.
    pub(crate) received: Volume,
    pub(crate) sent: Volume,
    /// The non-IP bytes among them.
    pub(crate) non_ip_received: u64,
    pub(crate) non_ip_sent: u64,
    /// By the kernel.
    pub(crate) device: Statistics,
}

impl Account {
    fn read(scrape: &Scrape, interface: &str, device: Statistics) -> Self {
        let labels = [("interface", interface)];
        let sum = |what: &str, direction| {
            scrape.sum(&format!("geoip_{what}_{direction}_total"), &labels)
        };
        let volume = |direction| {
            let unattributed = sum("unattributed_bytes", direction);
            assert_eq!(unattributed, 0, "unattributed on {interface}");
            Volume {
                packets: sum("packets", direction),
                bytes: sum("bytes", direction) + sum("non_ip_bytes", direction),
            }
        };
        Self {
            received: volume("received"),
            sent: volume("sent"),
            non_ip_received: sum("non_ip_bytes", "received"),
            non_ip_sent: sum("non_ip_bytes", "sent"),
            device,
        }
    }

    /// Returns what was added to an earlier account.
    pub(crate) fn since(&self, earlier: &Self) -> Self {
        Self {
            received: self.received - earlier.received,
            sent: self.sent - earlier.sent,
            non_ip_received: self.non_ip_received - earlier.non_ip_received,
            non_ip_sent: self.non_ip_sent - earlier.non_ip_sent,
            device: Statistics {
                received: self.device.received - earlier.device.received,
                sent: self.device.sent - earlier.device.sent,
                dropped: self.device.dropped - earlier.device.dropped,
            },
        }
    }

    /// Prints the figures as two rows of a table: ours, the device's, and
    /// what a packet socket saw.
    pub(crate) fn show(&self, what: &str, sniffed: Sniffed) {
        for (direction, ours, device, seen) in [
            ("in", self.received, self.device.received, sniffed.received),
            ("out", self.sent, self.device.sent, sniffed.sent),
        ] {
            eprintln!(
                "| {what} | {direction} | {} | {} | {} | {} | {} | {} |",
                ours.packets,
                ours.bytes,
                device.packets,
                device.bytes,
                seen.packets,
                seen.bytes,
            );
        }
    }
}

/// Starts an exporter for the interface of a host, which nothing passed yet.
pub(crate) fn count(host: &Host<'_>) -> Daemon {
    count_all(host.namespace, &[host.interface])
}

/// Starts an exporter for interfaces that nothing passed yet, and waits until
/// it counts them.
pub(crate) fn count_all(namespace: &Netns, interfaces: &[&str]) -> Daemon {
    let daemon = Setup::new(namespace)
        .set("interfaces", interfaces.join(","))
        .set("poll_interval", "10ms")
        .start();
    for interface in interfaces {
        let nothing = Volume::default();
        let expected =
            Statistics { received: nothing, sent: nothing, dropped: 0 };
        let found = statistics(namespace, interface);
        assert_eq!(found, expected, "{interface} was used before");
        daemon.await_sum(
            "geoip_interface_status",
            &[("interface", interface)],
            0,
        );
    }
    daemon
}

/// Waits for a time in which nothing passed any of the interfaces and the
/// exporters polled, and returns the figures of that time. So something that
/// the kernel sends by itself, once in a while, does no harm.
pub(crate) fn settle<const N: usize>(ends: [Counted<'_>; N]) -> [Account; N] {
    let devices = || ends.map(|end| statistics(end.namespace, end.interface));
    await_until(PATIENCE, "a quiet moment", || {
        let before = devices();
        for end in ends {
            end.daemon.await_polls();
        }
        let scrapes = ends.map(|end| end.daemon.scrape());
        let after = devices();
        if before != after {
            return Err(format!("{before:?}\nand then {after:?}"));
        }
        let mut pairs = scrapes.iter().zip(after);
        Ok(ends.map(|end| {
            let (scrape, device) = pairs.next().expect("one for each end");
            Account::read(scrape, end.interface, device)
        }))
    })
}

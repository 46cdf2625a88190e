//! Traffic that is booked while it is sent, and the exporter's books to
//! compare with.

use std::collections::BTreeMap;

use super::daemon::Daemon;
use super::exposition::{Labels, Scrape, whole};
use super::fixtures::{REMOTES, Remote};
use super::lab::{Lab, PEER, WAN, frames_of, received_from, sent_to};
use super::link::Volume;
use super::netns::Netns;
use super::send::Sender;

/// What one sample of traffic is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Subject {
    pub(crate) interface: String,
    /// `received` or `sent`, as in the metrics' names.
    pub(crate) direction: &'static str,
    pub(crate) country: String,
    /// `4` or `6`.
    pub(crate) ip_version: String,
}

/// Packets and bytes by subject.
pub(crate) type Books = BTreeMap<Subject, Volume>;

/// Returns everything the exporter says it attributed to countries.
pub(crate) fn books(scrape: &Scrape) -> Books {
    let mut books = Books::new();
    for direction in ["received", "sent"] {
        let subject = |labels: &Labels| Subject {
            interface: labels["interface"].clone(),
            direction,
            country: labels["country"].clone(),
            ip_version: labels["ip_version"].clone(),
        };
        let bytes = format!("geoip_bytes_{direction}_total");
        for (labels, value) in scrape.matching(&bytes, &[]) {
            books.entry(subject(labels)).or_default().bytes = whole(value);
        }
        let packets = format!("geoip_packets_{direction}_total");
        for (labels, value) in scrape.matching(&packets, &[]) {
            books.entry(subject(labels)).or_default().packets = whole(value);
        }
    }
    books
}

/// Waits until the exporter shows exactly these books, lets it poll on, and
/// panics unless it then still does.
pub(crate) fn await_books(daemon: &Daemon, expected: &Books) {
    daemon.await_scrape("all traffic is counted", |scrape| {
        let seen = books(scrape);
        if seen == *expected {
            Ok(())
        } else {
            Err(format!("{seen:#?}\ninstead of {expected:#?}"))
        }
    });
    daemon.await_polls();
    assert_books(&daemon.scrape(), expected);
}

/// Panics unless a scrape shows exactly these books, and nothing that lost
/// its country.
pub(crate) fn assert_books(scrape: &Scrape, expected: &Books) {
    assert_eq!(books(scrape), *expected, "other books");
    for direction in ["received", "sent"] {
        let name = format!("geoip_unattributed_bytes_{direction}_total");
        assert_eq!(scrape.sum(&name, &[]), 0, "{name}");
    }
}

/// Sends through both ends of a link and books what it sent.
pub(crate) struct Traffic {
    interface: String,
    inbound: Sender,
    outbound: Sender,
    country_of: fn(Remote, &str) -> &'static str,
    booked: Books,
}

impl Traffic {
    /// Opens a lab's link.
    pub(crate) fn new(lab: &Lab) -> Self {
        Self::between(&lab.machine, WAN, &lab.world, PEER)
    }

    /// Opens any link of a machine with the world.
    pub(crate) fn between(
        machine: &Netns,
        interface: &str,
        world: &Netns,
        peer: &str,
    ) -> Self {
        Self {
            interface: interface.to_owned(),
            inbound: Sender::open(world, peer),
            outbound: Sender::open(machine, interface),
            country_of: |remote, _| remote.country,
            booked: Books::new(),
        }
    }

    /// Opens the link again, after it was made anew. The books go on.
    pub(crate) fn reconnect(&mut self, lab: &Lab) {
        self.reopen(Traffic::new(lab));
    }

    /// Goes on through another link, under that one's name.
    pub(crate) fn reopen(&mut self, other: Traffic) {
        let Traffic { interface, inbound, outbound, booked, .. } = other;
        assert!(booked.is_empty(), "would forget what it sent");
        (self.interface, self.inbound, self.outbound) =
            (interface, inbound, outbound);
    }

    /// Returns the name that it books under.
    pub(crate) fn name(&self) -> &str {
        &self.interface
    }

    /// Books what comes next under another name of the interface.
    pub(crate) fn rename(&mut self, interface: &str) {
        interface.clone_into(&mut self.interface);
    }

    /// Books what comes next under other countries, by remote and IP version.
    pub(crate) fn relocate(
        &mut self,
        country_of: fn(Remote, &str) -> &'static str,
    ) {
        self.country_of = country_of;
    }

    /// Lets the machine receive from a remote, some packets of each kind.
    pub(crate) fn receive(&mut self, remote: Remote, times: u64) {
        self.pass(remote, "received", times);
    }

    /// Lets the machine send to a remote, some packets of each kind.
    pub(crate) fn send(&mut self, remote: Remote, times: u64) {
        self.pass(remote, "sent", times);
    }

    /// Exchanges packets with all remotes, a different number with each and
    /// in each direction.
    pub(crate) fn exchange(&mut self) {
        for (remote, times) in REMOTES.into_iter().zip(1..) {
            self.receive(remote, times);
            self.send(remote, 2 * times + 1);
        }
    }

    fn pass(&mut self, remote: Remote, direction: &'static str, times: u64) {
        let (packets, sender) = match direction {
            "received" => (received_from(remote), &self.inbound),
            _ => (sent_to(remote), &self.outbound),
        };
        for ip_version in ["4", "6"] {
            let frames = frames_of(&packets, ip_version);
            for _ in 0..times {
                sender.send(&frames);
            }
            let subject = Subject {
                interface: self.interface.clone(),
                direction,
                country: (self.country_of)(remote, ip_version).to_owned(),
                ip_version: ip_version.to_owned(),
            };
            let volume = self.booked.entry(subject).or_default();
            *volume = *volume + Volume::of(&frames).times(times);
        }
    }

    /// Returns what was booked so far.
    pub(crate) fn booked(&self) -> &Books {
        &self.booked
    }

    /// Returns the sum in one direction.
    pub(crate) fn total(&self, direction: &str) -> Volume {
        self.booked
            .iter()
            .filter(|(subject, _)| subject.direction == direction)
            .fold(Volume::default(), |sum, (_, volume)| sum + *volume)
    }

    /// Waits until the exporter shows all that was booked, lets it poll on,
    /// and panics unless it then shows that and nothing else.
    pub(crate) fn await_booked(&self, daemon: &Daemon) {
        await_books(daemon, &self.booked);
    }
}

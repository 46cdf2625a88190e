//! Traffic that is booked while it is sent, and the exporter's books to
//! compare with.

use std::collections::BTreeMap;

use super::daemon::Daemon;
use super::exposition::{Labels, Scrape, whole};
use super::fixtures::{REMOTES, Remote};
use super::lab::{Lab, WAN, frames_of, received_from, sent_to};
use super::link::Volume;
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

/// Sends through both ends of a lab's link and books what it sent.
pub(crate) struct Traffic {
    inbound: Sender,
    outbound: Sender,
    country_of: fn(Remote, &str) -> &'static str,
    booked: Books,
}

impl Traffic {
    /// Opens a lab's link.
    pub(crate) fn new(lab: &Lab) -> Self {
        Self {
            inbound: lab.inbound(),
            outbound: lab.outbound(),
            country_of: |remote, _| remote.country,
            booked: Books::new(),
        }
    }

    /// Opens the link again, after it was made anew. The books go on.
    pub(crate) fn reconnect(&mut self, lab: &Lab) {
        self.inbound = lab.inbound();
        self.outbound = lab.outbound();
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
                interface: WAN.to_owned(),
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
        daemon.await_scrape("all traffic is counted", |scrape| {
            let seen = books(scrape);
            if seen == self.booked {
                Ok(())
            } else {
                Err(format!("{seen:#?}\ninstead of {:#?}", self.booked))
            }
        });
        daemon.await_polls();
        let scrape = daemon.scrape();
        assert_eq!(books(&scrape), self.booked, "counted on without traffic");
        for name in [
            "geoip_unattributed_bytes_received_total",
            "geoip_unattributed_bytes_sent_total",
        ] {
            assert_eq!(scrape.sum(name, &[]), 0, "{name}");
        }
    }
}

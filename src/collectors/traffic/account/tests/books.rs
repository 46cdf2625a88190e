//! Every byte is in the books once: a property, with a plain oracle.

use proptest::prelude::*;

use std::collections::HashMap;

use super::*;

/// One thing that happens between two polls, or a poll.
#[derive(Clone, Debug)]
enum Step {
    /// Packets the poller will find.
    Found {
        id: u32,
        side: (usize, usize),
        code: usize,
        bytes: u64,
    },
    /// Packets whose flow is evicted before the next poll.
    Lost {
        id: u32,
        side: (usize, usize),
        bytes: u64,
    },
    NonIp {
        id: u32,
        direction: usize,
        bytes: u64,
    },
    /// A poll; `late` is true if packets that come between the reading of the
    /// totals and that of the flows belong to the first step of this poll.
    Poll {
        late: Option<(u32, u64)>,
    },
    Rename {
        id: u32,
        name: usize,
    },
    /// A last poll of one interface, which then goes and comes back.
    Recreate {
        id: u32,
        name: usize,
    },
}

const NAMES: [&str; 3] = ["eth0", "eth1", "wan"];
const LABELS: [&str; 6] = ["DE", "US", "UNKNOWN", "ZW", "PRIVATE", "vpn"];

fn step() -> impl Strategy<Value = Step> {
    let side = (0..2usize, 0..2usize);
    prop_oneof![
        6 => (0..3u32, side.clone(), 0..6usize, 1..2000u64).prop_map(
            |(id, side, code, bytes)| Step::Found { id, side, code, bytes }
        ),
        2 => (0..3u32, side, 1..2000u64)
            .prop_map(|(id, side, bytes)| Step::Lost { id, side, bytes }),
        1 => (0..3u32, 0..2usize, 1..2000u64).prop_map(
            |(id, direction, bytes)| Step::NonIp { id, direction, bytes }
        ),
        3 => proptest::option::of((0..3u32, 1..2000u64))
            .prop_map(|late| Step::Poll { late }),
        1 => (0..3u32, 0..3usize)
            .prop_map(|(id, name)| Step::Rename { id, name }),
        1 => (0..3u32, 0..3usize)
            .prop_map(|(id, name)| Step::Recreate { id, name }),
    ]
}

/// The truth about the traffic, kept as plainly as can be.
#[derive(Default)]
struct Host {
    /// Cumulative totals as the kernel keeps them.
    totals: Vec<InterfaceTotal>,
    /// Flow growth the poller has not read yet.
    pending: Vec<(FlowKey, Volume, Origin)>,
    names: HashMap<u32, usize>,
    /// Bytes by name and country that were read.
    found: HashMap<(usize, usize), u64>,
    wire: Volume,
    lost: Volume,
    non_ip: Volume,
}

impl Host {
    fn total(&mut self, id: u32, direction: usize, family: Family, v: Volume) {
        self.wire += v;
        let (interface, direction) = (InterfaceId(id), DIRECTIONS[direction]);
        let known = self.totals.iter_mut().find(|total| {
            total.interface == interface
                && total.direction == direction
                && total.family == family
        });
        match known {
            Some(total) => total.volume += v,
            None => self.totals.push(InterfaceTotal {
                interface,
                direction,
                family,
                volume: v,
            }),
        }
    }

    fn found(&mut self, id: u32, side: (usize, usize), code: usize, v: Volume) {
        let ip_version = VERSIONS[side.1];
        self.total(id, side.0, Family::Ip(ip_version), v);
        let key = FlowKey {
            interface: InterfaceId(id),
            direction: DIRECTIONS[side.0],
            ip_version,
            class: 0,
            remote: [0; 16],
        };
        let origin =
            Origin { country: country(LABELS[code]), ..Origin::default() };
        self.pending.push((key, v, origin));
        *self.found.entry((self.names[&id], code)).or_default() += v.bytes;
    }

    /// Totals first, then flows, then the books in the order of the contract.
    fn poll(&mut self, account: &mut Accounted, late: Option<(u32, u64)>) {
        let totals = self.totals.clone();
        if let Some((id, bytes)) = late {
            self.found(id, (0, 0), 0, volume(1, bytes));
        }
        for (key, volume, origin) in self.pending.drain(..) {
            account.credit(&key, volume, &origin);
        }
        account.observe_totals(&totals);
    }
}

/// Returns all bytes and packets of a snapshot, by their kind.
fn sums(snapshot: &Snapshot) -> (Volume, Volume, Volume) {
    let (mut countries, mut unattributed, mut non_ip) = <_>::default();
    for interface in &snapshot.interfaces {
        for direction in DIRECTIONS {
            for traffic in &interface.countries {
                countries += traffic.volume.total(direction);
            }
            unattributed += interface.unattributed.total(direction);
            non_ip += interface.non_ip(direction);
        }
    }
    (countries, unattributed, non_ip)
}

/// Returns every series with its value, so that two can be compared.
fn series(snapshot: &Snapshot) -> HashMap<(String, String), Vec<Volume>> {
    let all = |breakdown: &Breakdown| -> Vec<Volume> {
        DIRECTIONS
            .iter()
            .flat_map(|d| VERSIONS.iter().map(|v| breakdown.get(*d, *v)))
            .collect()
    };
    let mut series = HashMap::new();
    for interface in &snapshot.interfaces {
        let key = |of: &str| (interface.name.to_string(), of.to_owned());
        for traffic in &interface.countries {
            let country = traffic.country.to_string();
            series.insert(key(&country), all(&traffic.volume));
        }
        series.insert(key("unattributed"), all(&interface.unattributed));
        let non_ip = DIRECTIONS.map(|d| interface.non_ip(d)).to_vec();
        series.insert(key("non-IP"), non_ip);
    }
    series
}

proptest! {
    #[test]
    fn every_byte_is_in_the_books_once(
        steps in proptest::collection::vec(step(), 0..120)
    ) {
        let mut host = Host::default();
        let mut account = Accounted::default();
        for id in 0..3 {
            host.names.insert(id, id as usize);
            account.name_interface(
                InterfaceId(id),
                &NAMES[id as usize].into(),
            );
        }
        let mut earlier = account.snapshot();
        for step in steps {
            match step {
                Step::Found { id, side, code, bytes } => {
                    host.found(id, side, code, volume(1, bytes));
                }
                Step::Lost { id, side, bytes } => {
                    let family = Family::Ip(VERSIONS[side.1]);
                    host.total(id, side.0, family, volume(1, bytes));
                    host.lost += volume(1, bytes);
                }
                Step::NonIp { id, direction, bytes } => {
                    let v = volume(1, bytes);
                    host.total(id, direction, Family::NonIp, v);
                    host.non_ip += v;
                }
                Step::Poll { late } => host.poll(&mut account, late),
                Step::Rename { id, name } => {
                    // Growth counts for the name at the time of the poll, so
                    // the oracle polls first.
                    host.poll(&mut account, None);
                    host.names.insert(id, name);
                    account
                        .name_interface(InterfaceId(id), &NAMES[name].into());
                }
                Step::Recreate { id, name } => {
                    host.poll(&mut account, None);
                    account.forget_interface(InterfaceId(id));
                    host.totals.retain(|t| t.interface != InterfaceId(id));
                    host.names.insert(id, name);
                    account
                        .name_interface(InterfaceId(id), &NAMES[name].into());
                }
            }
            let now = account.snapshot();
            let (countries, unattributed, non_ip) = sums(&now);
            // Nothing is invented, at any time.
            prop_assert!(unattributed.bytes <= host.lost.bytes);
            prop_assert!(unattributed.packets <= host.lost.packets);
            let booked = countries.bytes + unattributed.bytes + non_ip.bytes;
            prop_assert!(booked <= host.wire.bytes);
            // No series falls, and only series of zero disappear.
            let series_now = series(&now);
            for (key, values) in series(&earlier) {
                let gone = vec![Volume::default(); values.len()];
                let values_now = series_now.get(&key).unwrap_or(&gone);
                for (then, now) in values.iter().zip(values_now) {
                    prop_assert!(then.bytes <= now.bytes);
                    prop_assert!(then.packets <= now.packets);
                }
            }
            prop_assert!(earlier.packets <= now.packets);
            earlier = now;
        }
        // Once the wire is quiet, the books agree with it to the byte.
        host.poll(&mut account, None);
        let now = account.snapshot();
        let (countries, unattributed, non_ip) = sums(&now);
        prop_assert_eq!(unattributed, host.lost);
        prop_assert_eq!(non_ip, host.non_ip);
        let mut all = countries;
        all += unattributed;
        all += non_ip;
        prop_assert_eq!(all, host.wire);
        prop_assert_eq!(now.packets, host.wire.packets);
        for ((name, code), bytes) in host.found {
            let found = interface(&now, NAMES[name])
                .countries
                .iter()
                .find(|t| t.country == country(LABELS[code]))
                .map(|t| DIRECTIONS.map(|d| t.volume.total(d).bytes));
            prop_assert_eq!(found.map(|[r, s]| r + s), Some(bytes));
        }
    }
}

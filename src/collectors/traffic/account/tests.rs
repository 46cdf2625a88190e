use proptest::prelude::*;

use super::*;
use crate::accounting::{Direction, FlowKey, IpVersion};
use crate::collectors::traffic::InterfaceTraffic;
use crate::geoip::Country;

mod absent;
mod created;

const DIRECTIONS: [Direction; 2] = [Direction::Received, Direction::Sent];
const VERSIONS: [IpVersion; 2] = [IpVersion::V4, IpVersion::V6];

fn volume(packets: u64, bytes: u64) -> Volume {
    Volume { packets, bytes }
}

fn country(code: &str) -> Country {
    Country::from_code(code).unwrap_or_default()
}

fn credit(
    account: &mut TrafficAccount,
    id: u32,
    direction: Direction,
    ip_version: IpVersion,
    code: &str,
    volume: Volume,
) {
    let interface = InterfaceId(id);
    let remote = [0; 16];
    let key = FlowKey { interface, direction, ip_version, remote };
    let origin = Origin { country: country(code) };
    account.credit(&key, volume, origin);
}

fn receive(account: &mut TrafficAccount, id: u32, code: &str, volume: Volume) {
    credit(account, id, Direction::Received, IpVersion::V4, code, volume);
}

fn total(id: u32, family: Family, volume: Volume) -> InterfaceTotal {
    InterfaceTotal {
        interface: InterfaceId(id),
        direction: Direction::Received,
        family,
        volume,
    }
}

const V4: Family = Family::Ip(IpVersion::V4);

fn interface<'a>(snapshot: &'a Snapshot, name: &str) -> &'a InterfaceTraffic {
    snapshot.interfaces.iter().find(|i| &*i.name == name).unwrap()
}

fn received(snapshot: &Snapshot, name: &str, code: &str) -> Option<Volume> {
    interface(snapshot, name)
        .countries
        .iter()
        .find(|traffic| traffic.country == country(code))
        .map(|t| t.volume.get(Direction::Received, IpVersion::V4))
}

fn unattributed(snapshot: &Snapshot, name: &str) -> Volume {
    interface(snapshot, name)
        .unattributed
        .get(Direction::Received, IpVersion::V4)
}

fn named(names: &[(u32, &str)]) -> TrafficAccount {
    let mut account = TrafficAccount::new();
    for (id, name) in names {
        account.name_interface(InterfaceId(*id), &(*name).into());
    }
    account
}

#[test]
fn an_attached_interface_shows_zeros_before_its_first_packet() {
    let snapshot = named(&[(1, "eth0")]).snapshot();
    let eth0 = interface(&snapshot, "eth0");
    assert_eq!(eth0.countries, []);
    assert_eq!(eth0.unattributed, Breakdown::default());
    assert_eq!(eth0.non_ip(Direction::Sent), Volume::default());
}

fn names(account: &mut TrafficAccount) -> Vec<String> {
    let snapshot = account.snapshot();
    snapshot.interfaces.iter().map(|i| i.name.to_string()).collect()
}

/// On a host with containers, interfaces with names of their own come and go
/// for ever.
#[test]
fn an_interface_that_carried_nothing_leaves_nothing() {
    let mut account = named(&[(1, "a"), (2, "b"), (3, "c"), (4, "b")]);
    account.forget_interface(InterfaceId(1));
    assert_eq!(names(&mut account), ["b", "c"]);
    // Another interface still has the name.
    account.forget_interface(InterfaceId(2));
    assert_eq!(names(&mut account), ["b", "c"]);
    receive(&mut account, 3, "DE", volume(1, 100));
    receive(&mut account, 4, "FR", volume(2, 200));
    for id in [3, 4] {
        account.forget_interface(InterfaceId(id));
    }
    let snapshot = account.snapshot();
    assert_eq!(received(&snapshot, "b", "FR"), Some(volume(2, 200)));
    assert_eq!(received(&snapshot, "c", "DE"), Some(volume(1, 100)));
}

#[test]
fn a_name_that_was_only_passed_through_leaves_nothing() {
    let mut account = named(&[(1, "veth0"), (2, "lan0")]);
    account.name_interface(InterfaceId(1), &"eth0".into());
    account.name_interface(InterfaceId(1), &"eth0".into());
    assert_eq!(names(&mut account), ["eth0", "lan0"]);
    receive(&mut account, 1, "DE", volume(1, 100));
    account.name_interface(InterfaceId(1), &"wan0".into());
    receive(&mut account, 1, "DE", volume(2, 200));
    let snapshot = account.snapshot();
    assert_eq!(received(&snapshot, "eth0", "DE"), Some(volume(1, 100)));
    assert_eq!(received(&snapshot, "wan0", "DE"), Some(volume(2, 200)));
}

#[test]
fn countries_and_interfaces_come_in_order_whatever_came_first() {
    let mut account = named(&[(7, "wan"), (1, "eth0")]);
    for code in ["ZA", "??", "DE", "AD", "FR", "DE"] {
        receive(&mut account, 7, code, volume(1, 100));
    }
    let snapshot = account.snapshot();
    let names: Vec<_> = snapshot.interfaces.iter().map(|i| &*i.name).collect();
    assert_eq!(names, ["eth0", "wan"]);
    let codes: Vec<_> = interface(&snapshot, "wan")
        .countries
        .iter()
        .map(|traffic| traffic.country.to_string())
        .collect();
    assert_eq!(codes, ["UNKNOWN", "AD", "DE", "FR", "ZA"]);
    assert_eq!(received(&snapshot, "wan", "DE"), Some(volume(2, 200)));
    assert_eq!(received(&snapshot, "wan", "ZA"), Some(volume(1, 100)));
}

#[test]
fn every_country_has_a_place_of_its_own() {
    let mut account = named(&[(1, "eth0")]);
    let letters = || ('A'..='Z').rev();
    for (a, b) in letters().flat_map(|a| letters().map(move |b| (a, b))) {
        let bytes = u64::from(a) * 1000 + u64::from(b);
        receive(&mut account, 1, &format!("{a}{b}"), volume(1, bytes));
    }
    receive(&mut account, 1, "", volume(1, 5));
    let snapshot = account.snapshot();
    assert_eq!(interface(&snapshot, "eth0").countries.len(), Country::COUNT);
    let qx = u64::from('Q') * 1000 + u64::from('X');
    assert_eq!(received(&snapshot, "eth0", "QX"), Some(volume(1, qx)));
    assert_eq!(received(&snapshot, "eth0", ""), Some(volume(1, 5)));
}

#[test]
fn what_no_flow_tells_of_is_unattributed() {
    let mut account = named(&[(1, "eth0")]);
    receive(&mut account, 1, "DE", volume(3, 300));
    account.observe_totals(&[total(1, V4, volume(10, 1000))]);
    let snapshot = account.snapshot();
    assert_eq!(unattributed(&snapshot, "eth0"), volume(7, 700));
    assert_eq!(snapshot.packets, 10);
}

/// Flows are read after the totals, so they may know of packets the totals do
/// not: no reason to wrap around, nor to take back what was lost before.
#[test]
fn credit_ahead_of_the_totals_is_never_negative() {
    let mut account = named(&[(1, "eth0")]);
    account.observe_totals(&[total(1, V4, volume(2, 200))]);
    receive(&mut account, 1, "DE", volume(9, 900));
    account.observe_totals(&[total(1, V4, volume(8, 800))]);
    assert_eq!(unattributed(&account.snapshot(), "eth0"), volume(2, 200));
    account.observe_totals(&[total(1, V4, volume(11, 1100))]);
    assert_eq!(unattributed(&account.snapshot(), "eth0"), volume(2, 200));
}

#[test]
fn non_ip_grows_with_its_totals() {
    let mut account = named(&[(1, "eth0")]);
    account.observe_totals(&[total(1, Family::NonIp, volume(1, 60))]);
    account.observe_totals(&[total(1, Family::NonIp, volume(3, 180))]);
    let snapshot = account.snapshot();
    let eth0 = interface(&snapshot, "eth0");
    assert_eq!(eth0.non_ip(Direction::Received), volume(3, 180));
    assert_eq!(eth0.non_ip(Direction::Sent), Volume::default());
    assert_eq!(snapshot.packets, 3);
}

#[test]
fn a_renamed_interface_leaves_its_past_under_the_old_name() {
    let mut account = named(&[(1, "eth0")]);
    receive(&mut account, 1, "DE", volume(1, 100));
    account.observe_totals(&[total(1, V4, volume(2, 150))]);
    account.name_interface(InterfaceId(1), &"wan".into());
    receive(&mut account, 1, "DE", volume(1, 30));
    account.observe_totals(&[total(1, V4, volume(4, 200))]);
    let snapshot = account.snapshot();
    assert_eq!(received(&snapshot, "eth0", "DE"), Some(volume(1, 100)));
    assert_eq!(unattributed(&snapshot, "eth0"), volume(1, 50));
    assert_eq!(received(&snapshot, "wan", "DE"), Some(volume(1, 30)));
    assert_eq!(unattributed(&snapshot, "wan"), volume(1, 20));
}

#[test]
fn a_recreated_interface_continues_the_series_of_its_name() {
    let mut account = named(&[(1, "eth0")]);
    receive(&mut account, 1, "DE", volume(1, 100));
    account.observe_totals(&[total(1, V4, volume(5, 500))]);
    account.forget_interface(InterfaceId(1));
    assert!(account.attachments.is_empty());
    account.name_interface(InterfaceId(2), &"eth0".into());
    receive(&mut account, 2, "DE", volume(1, 10));
    account.observe_totals(&[total(2, V4, volume(2, 25))]);
    let snapshot = account.snapshot();
    assert_eq!(received(&snapshot, "eth0", "DE"), Some(volume(2, 110)));
    assert_eq!(unattributed(&snapshot, "eth0"), volume(5, 415));
    assert_eq!(snapshot.packets, 7);
}

#[test]
fn a_number_given_out_again_starts_from_zero_under_its_new_name() {
    let mut account = named(&[(1, "eth0")]);
    account.observe_totals(&[total(1, V4, volume(5, 500))]);
    account.forget_interface(InterfaceId(1));
    account.name_interface(InterfaceId(1), &"tun0".into());
    account.observe_totals(&[total(1, V4, volume(3, 30))]);
    let snapshot = account.snapshot();
    assert_eq!(unattributed(&snapshot, "eth0"), volume(5, 500));
    assert_eq!(unattributed(&snapshot, "tun0"), volume(3, 30));
}

#[test]
fn traffic_of_an_interface_nobody_named_is_not_lost() {
    let mut account = TrafficAccount::new();
    receive(&mut account, 9, "DE", volume(1, 100));
    account.observe_totals(&[total(8, V4, volume(1, 50))]);
    let snapshot = account.snapshot();
    assert_eq!(received(&snapshot, UNNAMED, "DE"), Some(volume(1, 100)));
    assert_eq!(unattributed(&snapshot, UNNAMED), volume(1, 50));
}

#[test]
fn forgotten_interfaces_leave_no_bookkeeping() {
    let mut account = TrafficAccount::new();
    for id in 0..1000 {
        account.name_interface(InterfaceId(id), &"veth0".into());
        receive(&mut account, id, "DE", volume(1, 100));
        account.forget_interface(InterfaceId(id));
    }
    assert!(account.attachments.is_empty());
    assert_eq!(account.books.len(), 1);
    assert_eq!(
        received(&account.snapshot(), "veth0", "DE"),
        Some(volume(1000, 100_000))
    );
}

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
    /// A poll; `late` says whether what comes between the reading of the
    /// totals and that of the flows belongs to the first step of this poll.
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
const CODES: [&str; 4] = ["DE", "US", "", "ZW"];

fn step() -> impl Strategy<Value = Step> {
    let side = (0..2usize, 0..2usize);
    prop_oneof![
        6 => (0..3u32, side.clone(), 0..4usize, 1..2000u64).prop_map(
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
            remote: [0; 16],
        };
        let origin = Origin { country: country(CODES[code]) };
        self.pending.push((key, v, origin));
        *self.found.entry((self.names[&id], code)).or_default() += v.bytes;
    }

    /// Totals first, then flows, then the books in the order of the contract.
    fn poll(&mut self, account: &mut TrafficAccount, late: Option<(u32, u64)>) {
        let totals = self.totals.clone();
        if let Some((id, bytes)) = late {
            self.found(id, (0, 0), 0, volume(1, bytes));
        }
        for (key, volume, origin) in self.pending.drain(..) {
            account.credit(&key, volume, origin);
        }
        account.observe_totals(&totals);
    }
}

/// Returns all bytes and packets of a snapshot, by what they were.
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
            series.insert(key(traffic.country.as_str()), all(&traffic.volume));
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
        let mut account = TrafficAccount::new();
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
            // Nothing falls, and only what is zero disappears.
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
                .find(|t| t.country == country(CODES[code]))
                .map(|t| DIRECTIONS.map(|d| t.volume.total(d).bytes));
            prop_assert_eq!(found.map(|[r, s]| r + s), Some(bytes));
        }
    }
}

/// In the same maps: totals are read on, and what an earlier process credited
/// and had no time to save is nobody's.
#[test]
fn an_account_goes_on_with_the_attachments_of_a_snapshot() {
    let mut account = named(&[(1, "eth0"), (2, "eth1")]);
    receive(&mut account, 1, "US", volume(1, 5));
    account.observe_totals(&[
        total(1, V4, volume(3, 30)),
        total(1, Family::NonIp, volume(1, 60)),
        total(2, V4, volume(0, 0)),
    ]);
    let saved = account.snapshot();
    let mut account = TrafficAccount::resume(saved.clone());
    assert_eq!(account.snapshot(), saved);

    // Meanwhile 100 bytes of one flow and 7 of another passed. Those of the
    // other one were credited by a process that was killed.
    account.name_interface(InterfaceId(1), &"eth0".into());
    receive(&mut account, 1, "DE", volume(1, 100));
    receive(&mut account, 2, "AT", volume(1, 9));
    account.observe_totals(&[
        total(1, V4, volume(5, 137)),
        total(1, Family::NonIp, volume(2, 100)),
        total(2, V4, volume(1, 9)),
    ]);
    let after = account.snapshot();
    assert_eq!(received(&after, "eth0", "US"), Some(volume(1, 5)));
    assert_eq!(received(&after, "eth0", "DE"), Some(volume(1, 100)));
    assert_eq!(received(&after, "eth1", "AT"), Some(volume(1, 9)));
    assert_eq!(unattributed(&after, "eth0"), volume(3, 32));
    let non_ip = interface(&after, "eth0").non_ip(Direction::Received);
    assert_eq!(non_ip, volume(2, 100));
    assert_eq!(after.packets, saved.packets + 4);
}

#[test]
fn an_account_goes_on_from_a_snapshot() {
    let mut account = named(&[(1, "eth0"), (2, "eth1")]);
    for (code, bytes) in [("US", 5), ("DE", 7), ("", 9)] {
        receive(&mut account, 1, code, volume(1, bytes));
    }
    account.observe_totals(&[
        total(1, V4, volume(5, 30)),
        total(1, Family::NonIp, volume(1, 60)),
    ]);
    let before = account.snapshot();
    let forgotten = Snapshot { attachments: Vec::new(), ..before.clone() };

    let mut account = TrafficAccount::resume(forgotten);
    let after = account.snapshot();
    assert_eq!(after.packets, before.packets);
    // Nothing was counted on the other one.
    assert_eq!(*after.interfaces[0], *interface(&before, "eth0"));
    assert_eq!(after.interfaces.len(), 1);

    // Another number, and the kernel counts from zero.
    account.name_interface(InterfaceId(0), &"eth0".into());
    receive(&mut account, 0, "DE", volume(1, 100));
    receive(&mut account, 0, "AT", volume(1, 200));
    account.observe_totals(&[
        total(0, V4, volume(3, 310)),
        total(0, Family::NonIp, volume(1, 1_000)),
    ]);
    let after = account.snapshot();
    for (code, bytes) in [("US", 5), ("DE", 107), ("AT", 200), ("", 9)] {
        let found = received(&after, "eth0", code).unwrap();
        assert_eq!(found.bytes, bytes, "{code}");
    }
    assert_eq!(unattributed(&after, "eth0"), volume(3, 19));
    let non_ip = interface(&after, "eth0").non_ip(Direction::Received);
    assert_eq!(non_ip, volume(2, 1_060));
    assert_eq!(after.packets, before.packets + 4);
    let countries = &interface(&after, "eth0").countries;
    assert!(countries.is_sorted_by_key(|traffic| traffic.country));
}

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::accounting::{InterfaceTotal, IpVersion, TotalsTracker};
use crate::collectors::books::OfInterface as _;
use crate::collectors::section::SectionContent as _;

const ETH: InterfaceId = InterfaceId(3);

/// An account and the tracker that tells it of the totals, as in the poller.
struct Accounted {
    account: RangesAccount,
    tracker: TotalsTracker,
    names: RangeNames,
    uptime: u64,
}

fn key(direction: Direction, ip_version: IpVersion) -> FlowKey {
    let remote = [0; 16];
    FlowKey { interface: ETH, direction, ip_version, class: 0, remote }
}

fn volume(packets: u64, bytes: u64) -> Volume {
    Volume { packets, bytes }
}

impl Accounted {
    fn new() -> Self {
        let names = RangeNames::default();
        Self::of(RangesAccount::new(names.clone()), names)
    }

    fn of(account: RangesAccount, names: RangeNames) -> Self {
        let mut this = Self {
            account: account.starting(Timestamp::from_millis(1_000)),
            tracker: TotalsTracker::default(),
            names,
            uptime: 0,
        };
        this.name(ETH, "eth0");
        this
    }

    fn name(&mut self, interface: InterfaceId, name: &str) {
        self.account.name_interface(interface, &name.into());
        self.tracker.name_interface(interface, &name.into());
    }

    fn credit(&mut self, key: &FlowKey, growth: Volume, name: &str) {
        let range = match name {
            "other" => Range::default(),
            name => self.names.intern(name).unwrap(),
        };
        let origin = Origin { range, ..Origin::default() };
        self.tracker.credit(key, growth);
        self.account.credit(key, growth, &origin);
    }

    fn observe(&mut self, key: &FlowKey, volume: Volume) {
        let total = InterfaceTotal {
            interface: key.interface,
            direction: key.direction,
            family: Family::Ip(key.ip_version),
            volume,
        };
        let mut rests = Vec::new();
        self.tracker.observe(&[total], &mut rests);
        self.account.credit_rests(&rests);
    }

    fn poll(&mut self, seconds: u64) -> Snapshot {
        self.uptime += seconds;
        self.account.end_poll(PollEnd {
            at: Timestamp::from_millis(1_000 + self.uptime * 1_000),
            uptime: Duration::from_secs(self.uptime),
            absent_retention: Some(Duration::from_secs(60)),
        });
        self.account.snapshot()
    }
}

/// The bytes of each pair of one interface.
fn bytes(snapshot: &Snapshot, direction: Direction) -> Vec<String> {
    let interface = &snapshot.interfaces[0];
    let pairs = interface.pairs.iter().map(|pair| {
        let bytes = pair.volume.total(direction).bytes;
        format!("{} -> {}: {bytes}", pair.source, pair.destination)
    });
    pairs.collect()
}

#[test]
fn the_remote_range_is_the_source_of_received_and_the_destination_of_sent() {
    let mut one = Accounted::new();
    let received = key(Direction::Received, IpVersion::V4);
    let sent = key(Direction::Sent, IpVersion::V4);
    one.credit(&received, volume(1, 100), "zoom");
    one.credit(&sent, volume(2, 50), "zoom");
    one.credit(&sent, volume(1, 7), "other");
    let snapshot = one.poll(1);
    assert_eq!(
        bytes(&snapshot, Direction::Received),
        ["zoom -> other: 100", "other -> zoom: 0", "other -> other: 0"]
    );
    assert_eq!(
        bytes(&snapshot, Direction::Sent),
        ["zoom -> other: 0", "other -> zoom: 50", "other -> other: 7"]
    );
}

#[test]
fn a_renamed_range_begins_at_zero_and_one_that_returns_continues() {
    let mut one = Accounted::new();
    let sent = key(Direction::Sent, IpVersion::V6);
    one.credit(&sent, volume(1, 10), "old");
    one.credit(&sent, volume(1, 20), "new");
    one.credit(&sent, volume(1, 40), "old");
    let snapshot = one.poll(1);
    assert_eq!(
        bytes(&snapshot, Direction::Sent),
        ["other -> old: 50", "other -> new: 20"]
    );
    let created = snapshot.interfaces[0].pairs[1].created;
    let created = created.get(Direction::Sent, IpVersion::V6);
    assert_eq!(created, Some(Timestamp::from_millis(1_000)));
}

#[test]
fn a_saved_account_continues_with_other_numbers() {
    let mut one = Accounted::new();
    let sent = key(Direction::Sent, IpVersion::V4);
    one.credit(&sent, volume(1, 10), "a");
    one.credit(&sent, volume(1, 20), "b");
    one.name(InterfaceId(4), "gone");
    let gone = FlowKey { interface: InterfaceId(4), ..sent };
    one.credit(&gone, volume(1, 5), "a");
    one.account.forget_interface(InterfaceId(4));
    one.poll(1);
    // It loses its series, and is remembered.
    let snapshot = one.poll(100);
    assert_eq!((snapshot.interfaces.len(), snapshot.remembered.len()), (1, 1));

    let body = snapshot.encode();
    let saved = Snapshot::decode(&body, &mut CountryLabels::default());
    assert_eq!(saved.as_ref(), Some(&snapshot));
    let names = RangeNames::default();
    let account = RangesAccount::resume(names.clone(), saved.unwrap());
    let mut two = Accounted::of(account, names);
    two.credit(&sent, volume(1, 1), "b");
    two.credit(&sent, volume(1, 2), "a");
    two.name(InterfaceId(4), "gone");
    two.credit(&gone, volume(1, 1), "a");
    let snapshot = two.poll(1);
    assert_eq!(
        bytes(&snapshot, Direction::Sent),
        ["other -> a: 12", "other -> b: 21"]
    );
    let gone = &snapshot.interfaces[1];
    assert_eq!(gone.pairs[0].volume.total(Direction::Sent).bytes, 6);
    assert!(
        Snapshot::decode(&body[1..], &mut CountryLabels::default()).is_none()
    );
}

#[test]
fn pairs_beyond_the_bound_are_counted_without_names() {
    let mut one = Accounted::new();
    let sent = key(Direction::Sent, IpVersion::V4);
    let most = MOST_PAIRS + 10;
    for number in 0..most {
        one.credit(&sent, volume(1, 1), &format!("range {number}"));
    }
    one.credit(&sent, volume(1, 1), "range 0");
    let pairs = &one.poll(1).interfaces[0].pairs;
    // One more: the pair of nobody.
    assert_eq!(pairs.len(), MOST_PAIRS + 1);
    let nobody = pairs.last().unwrap();
    assert_eq!((&*nobody.source, &*nobody.destination), ("other", "other"));
    let of = |at: usize| pairs[at].volume.total(Direction::Sent).bytes;
    assert_eq!((of(0), of(1), of(MOST_PAIRS)), (2, 1, 10));
}

#[test]
fn remembered_interfaces_are_bounded_by_their_pairs() {
    let mut one = Accounted::new();
    let sent = key(Direction::Sent, IpVersion::V4);
    for number in 0..30_u32 {
        let interface = InterfaceId(100);
        one.name(interface, &format!("veth{number}"));
        let flow = FlowKey { interface, ..sent };
        for pair in 0..5_000 {
            let bytes = u64::from(number) + 1;
            one.credit(&flow, volume(1, bytes), &format!("range {pair}"));
        }
        one.account.forget_interface(interface);
        one.poll(1);
        one.poll(100);
    }
    let remembered = one.poll(1).remembered;
    // Those with the most bytes: twenty times 5,000 pairs.
    assert_eq!(remembered.len(), 20);
    assert!(remembered.iter().all(|it| it.bytes() >= 11 * 5_000));
}

/// One step of traffic and its reading.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// A packet on the wire, whose flow is read or lost.
    Packet(Direction, IpVersion, u64, usize, bool),
    Poll,
}

fn step() -> impl Strategy<Value = Step> {
    let direction =
        prop_oneof![Just(Direction::Received), Just(Direction::Sent)];
    let version = prop_oneof![Just(IpVersion::V4), Just(IpVersion::V6)];
    let packet = (direction, version, 1..2_000_u64, 0..4_usize, any::<bool>());
    prop_oneof![
        8 => packet.prop_map(|(a, b, c, d, e)| Step::Packet(a, b, c, d, e)),
        1 => Just(Step::Poll),
    ]
}

proptest! {
    /// A byte more or less on either side fails it.
    #[test]
    fn the_pairs_and_the_rest_are_all_bytes(
        steps in prop::collection::vec(step(), 1..200)
    ) {
        const NAMES: [&str; 4] = ["other", "a", "b", "c"];
        let mut one = Accounted::new();
        let mut wire: BTreeMap<(u8, u8), Volume> = BTreeMap::new();
        let mut read: Vec<(FlowKey, Volume, &str)> = Vec::new();
        for step in steps.into_iter().chain([Step::Poll]) {
            match step {
                Step::Packet(direction, version, bytes, name, is_read) => {
                    let key = key(direction, version);
                    let place = (direction.number(), version.number());
                    *wire.entry(place).or_default() += volume(1, bytes);
                    if is_read {
                        read.push((key, volume(1, bytes), NAMES[name]));
                    }
                }
                Step::Poll => {
                    // The totals are read first, and the rests credited last.
                    for (key, growth, name) in read.drain(..) {
                        one.credit(&key, growth, name);
                    }
                    for ((direction, version), total) in &wire {
                        let direction = Direction::from_number(*direction);
                        let version = IpVersion::from_number(*version);
                        let key = key(direction.unwrap(), version.unwrap());
                        one.observe(&key, *total);
                    }
                    one.poll(1);
                }
            }
        }
        let snapshot = one.poll(1);
        let interface = snapshot.interfaces.first();
        for ((direction, version), total) in &wire {
            let direction = Direction::from_number(*direction).unwrap();
            let version = IpVersion::from_number(*version).unwrap();
            let interface = interface.unwrap();
            let pairs = interface.pairs.iter();
            let pairs = pairs.map(|pair| pair.volume.get(direction, version));
            let rest = interface.unattributed.get(direction, version);
            let sum = pairs.chain([rest]).map(|one| one.bytes).sum::<u64>();
            prop_assert_eq!(sum, total.bytes);
        }
    }
}

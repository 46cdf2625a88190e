use std::ops::{Deref, DerefMut};

use super::*;
use crate::accounting::{
    AttachmentMarks, Breakdown, Direction, FlowKey, InterfaceTotal, IpVersion,
    TotalsTracker, UNNAMED,
};
use crate::collectors::traffic::InterfaceTraffic;
use crate::geoip::{Country, CountryLabels};

mod absent;
mod books;
mod created;
mod labels;
mod resumed;
mod unchanged;

const DIRECTIONS: [Direction; 2] = [Direction::Received, Direction::Sent];
const VERSIONS: [IpVersion; 2] = [IpVersion::V4, IpVersion::V6];

/// An account, and the tracker that tells it of the totals, as in the poller.
#[derive(Default)]
struct Accounted {
    account: TrafficAccount,
    totals: TotalsTracker,
}

impl Accounted {
    fn resume(snapshot: Snapshot) -> Self {
        Self { account: TrafficAccount::resume(snapshot), ..Self::default() }
    }

    fn starting(self, at: Timestamp) -> Self {
        Self { account: self.account.starting(at), ..self }
    }

    fn name_interface(&mut self, interface: InterfaceId, name: &Arc<str>) {
        self.totals.name_interface(interface, name);
        self.account.name_interface(interface, name);
    }

    fn credit(&mut self, key: &FlowKey, volume: Volume, origin: &Origin) {
        self.totals.credit(key, volume);
        self.account.credit(key, volume, origin);
    }

    fn observe_totals(&mut self, totals: &[InterfaceTotal]) {
        let mut rests = Vec::new();
        self.totals.observe(totals, &mut rests);
        self.account.credit_rests(&rests);
    }

    fn forget_interface(&mut self, interface: InterfaceId) {
        self.totals.forget_interface(interface);
        self.account.forget_interface(interface);
    }

    fn marks(&self) -> Vec<AttachmentMarks> {
        self.totals.marks()
    }
}

impl Deref for Accounted {
    type Target = TrafficAccount;

    fn deref(&self) -> &TrafficAccount {
        &self.account
    }
}

impl DerefMut for Accounted {
    fn deref_mut(&mut self) -> &mut TrafficAccount {
        &mut self.account
    }
}

fn volume(packets: u64, bytes: u64) -> Volume {
    Volume { packets, bytes }
}

/// Returns labels of which two are own ones.
fn labels() -> CountryLabels {
    let mut labels = CountryLabels::default();
    for label in ["office", "vpn"] {
        labels.intern(label).unwrap();
    }
    labels
}

fn country(label: &str) -> Country {
    labels().intern(label).unwrap_or_default()
}

fn credit(
    account: &mut Accounted,
    id: u32,
    direction: Direction,
    ip_version: IpVersion,
    code: &str,
    volume: Volume,
) {
    let interface = InterfaceId(id);
    let remote = [0; 16];
    let key = FlowKey { interface, direction, ip_version, class: 0, remote };
    let origin = Origin { country: country(code), ..Origin::default() };
    account.credit(&key, volume, &origin);
}

fn receive(account: &mut Accounted, id: u32, code: &str, volume: Volume) {
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

fn named(names: &[(u32, &str)]) -> Accounted {
    let mut account = Accounted::default();
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

fn names(account: &mut Accounted) -> Vec<String> {
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
    for code in ["ZA", "vpn", "", "PRIVATE", "DE", "AD", "FR", "DE"] {
        receive(&mut account, 7, code, volume(1, 100));
    }
    let snapshot = account.snapshot();
    let names: Vec<_> = snapshot.interfaces.iter().map(|i| &*i.name).collect();
    assert_eq!(names, ["eth0", "wan"]);
    let codes: Vec<_> = interface(&snapshot, "wan")
        .countries
        .iter()
        .map(|traffic| labels().get(traffic.country).to_owned())
        .collect();
    let sorted = ["UNKNOWN", "AD", "DE", "FR", "ZA", "PRIVATE", "vpn"];
    assert_eq!(codes, sorted);
    assert_eq!(received(&snapshot, "wan", "DE"), Some(volume(2, 200)));
    assert_eq!(received(&snapshot, "wan", "ZA"), Some(volume(1, 100)));
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
/// not: no reason to wrap around, nor to take back earlier losses.
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
    assert!(account.books.has_no_numbers());
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
    let mut account = Accounted::default();
    receive(&mut account, 9, "DE", volume(1, 100));
    account.observe_totals(&[total(8, V4, volume(1, 50))]);
    let snapshot = account.snapshot();
    assert_eq!(received(&snapshot, UNNAMED, "DE"), Some(volume(1, 100)));
    assert_eq!(unattributed(&snapshot, UNNAMED), volume(1, 50));
}

#[test]
fn forgotten_interfaces_leave_no_bookkeeping() {
    let mut account = Accounted::default();
    for id in 0..1000 {
        account.name_interface(InterfaceId(id), &"veth0".into());
        receive(&mut account, id, "DE", volume(1, 100));
        account.forget_interface(InterfaceId(id));
    }
    assert!(account.books.has_no_numbers());
    assert_eq!(account.books.count(), 1);
    assert_eq!(
        received(&account.snapshot(), "veth0", "DE"),
        Some(volume(1000, 100_000))
    );
}

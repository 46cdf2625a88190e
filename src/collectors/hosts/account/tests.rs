mod sums;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use super::*;
use crate::accounting::{AtEdges, Class, Direction, IpVersion, Range};
use crate::geoip::Network;

fn key(ip_version: IpVersion, remote: [u8; 16]) -> FlowKey {
    FlowKey {
        interface: InterfaceId(0),
        direction: Direction::Received,
        ip_version,
        class: 0,
        remote,
    }
}

fn v4(number: u32, direction: Direction) -> FlowKey {
    let mut remote = [0; 16];
    remote[..4].copy_from_slice(&number.to_be_bytes());
    FlowKey { direction, ..key(IpVersion::V4, remote) }
}

fn address(number: u32) -> IpAddr {
    Ipv4Addr::from_bits(number).into()
}

fn volume(bytes: u64) -> Volume {
    Volume { packets: 1, bytes }
}

fn end(second: u64) -> PollEnd {
    PollEnd {
        at: Timestamp::from_millis((1_700_000_000 + second) * 1_000),
        uptime: Duration::from_secs(second),
        absent_retention: None,
    }
}

fn config(top: u32, threshold: u64) -> Config {
    Config {
        remote_hosts: true,
        remote_hosts_metrics: true,
        remote_hosts_top: top,
        remote_hosts_threshold: threshold,
        ipv4_prefix_length: 32,
        ipv6_prefix_length: 128,
        ..Config::default()
    }
}

fn account(top: u32, threshold: u64) -> HostsAccount {
    let mut account =
        HostsAccount::resume(RangeNames::default(), None).starting(end(0).at);
    account.configure(&config(top, threshold));
    account
}

fn of(country: &str, network: u32) -> Origin {
    Origin {
        country: Country::from_code(country).unwrap(),
        network: Network(network),
        ..Origin::default()
    }
}

/// Returns the sum of the parts: it has to be the whole.
fn parts(snapshot: &Snapshot) -> Counters {
    let mut sum = Counters::default();
    for host in snapshot.hosts() {
        sum.add(&host.counters);
    }
    for country in snapshot.countries.values() {
        sum.add(&country.forgotten);
    }
    sum.add(&snapshot.unattributed);
    sum
}

/// Returns the bytes of each country by the parts of the account.
fn by_country(snapshot: &Snapshot) -> BTreeMap<Country, u64> {
    let mut sums: BTreeMap<Country, u64> = BTreeMap::new();
    for host in snapshot.hosts() {
        *sums.entry(host.country).or_default() += host.counters.all_bytes();
    }
    for (country, own) in &snapshot.countries {
        let sum = sums.entry(*country).or_default();
        *sum += own.forgotten.all_bytes() + own.left.all_bytes();
        *sum -= own.joined.all_bytes();
    }
    sums.retain(|_, sum| *sum > 0);
    sums
}

#[test]
fn a_host_has_its_bytes_packets_origin_and_times() {
    let names = RangeNames::default();
    let office = names.intern("office").unwrap();
    let mut account = HostsAccount::resume(names, None).starting(end(0).at);
    account.configure(&config(5, 0));
    let meanings = vec![
        Class::default(),
        Class { service: 1, ..Class::default() },
        Class { service: 2, ..Class::default() },
    ];
    let services = vec!["ssh".into(), "web".into()];
    account.set_classes(&Arc::new(Classes::new(meanings, vec![], services)));
    let origin = Origin { range: office, ..of("DE", 64_500) };
    for (class, direction, packets, bytes) in [
        (1, Direction::Received, 2, 100),
        (2, Direction::Received, 9, 70),
        (2, Direction::Sent, 4, 3_000),
    ] {
        let key = FlowKey { class, ..v4(0xc000_0201, direction) };
        account.credit(&key, Volume { packets, bytes }, &origin);
    }
    assert!(account.end_poll(end(2)));
    account.snapshot();
    assert!(!account.end_poll(end(4)), "nothing has changed");
    account.credit(&v4(0xc000_0201, Direction::Sent), volume(1), &origin);
    account.end_poll(end(6));
    let snapshot = account.snapshot();
    let host = *snapshot.hosts().next().unwrap();
    assert_eq!(host.remote.to_string(), "192.0.2.1");
    assert_eq!(host.counters.bytes, [170, 3_001]);
    assert_eq!(host.counters.packets, [11, 5]);
    assert_eq!(host.country, origin.country);
    assert_eq!(host.network, Network(64_500));
    assert_eq!(snapshot.text(host.range), Some("office"));
    assert_eq!(snapshot.text(host.service), Some("web"));
    assert_eq!(
        (host.first_seen, host.last_seen),
        (1_700_000_002, 1_700_000_006)
    );
    assert_eq!(snapshot.created, Some(end(0).at));
}

#[test]
fn addresses_of_every_kind_are_written_as_people_know_them() {
    let nat64 = [0, 0x64, 0xff, 0x9b, 192, 0, 2, 7, 0, 0, 0, 0, 0, 0, 0, 0];
    let v6 = "2001:db8::1".parse::<std::net::Ipv6Addr>().unwrap().octets();
    for (key, lengths, expected) in [
        (v4(0xc000_0200, Direction::Sent), [32, 128], "192.0.2.0"),
        (v4(0xc000_0200, Direction::Sent), [24, 48], "192.0.2.0/24"),
        (key(IpVersion::V6, v6), [32, 128], "2001:db8::1"),
        (key(IpVersion::V6, v6), [32, 127], "2001:db8::1/127"),
        (key(IpVersion::V6, nat64), [32, 128], "64:ff9b::c000:207"),
        (key(IpVersion::V6, nat64), [24, 48], "64:ff9b::c000:207/120"),
    ] {
        assert_eq!(Remote::of(&key, lengths).to_string(), expected);
    }
}

/// More hosts than are kept: the small ones are forgotten, and no byte is lost.
#[test]
fn small_hosts_are_forgotten_and_their_bytes_are_summed_by_country() {
    let mut account = account(1, 0);
    let (germany, japan) = (of("DE", 1), of("JP", 2));
    let many = u32::try_from(MOST_KEPT).unwrap();
    for number in 0..10 {
        account.credit(&v4(number, Direction::Sent), volume(90_000), &germany);
    }
    account.end_poll(end(2));
    let mut credited = 10 * 90_000;
    // A scan of twice as many addresses as there is room for.
    for number in 0..2 * many {
        let origin = if number % 2 == 0 { &germany } else { &japan };
        let key = v4(1_000_000 + number, Direction::Received);
        account.credit(&key, volume(60), origin);
        credited += 60;
        if number % 50_000 == 0 {
            account.end_poll(end(4 + u64::from(number)));
        }
    }
    account.end_poll(end(500_000));
    let snapshot = account.snapshot();
    assert!(snapshot.len() <= MOST_KEPT);
    assert!(snapshot.len() > MOST_KEPT * 9 / 10);
    let remotes: BTreeSet<_> = snapshot.hosts().map(|it| it.remote).collect();
    assert_eq!(remotes.len(), snapshot.len());
    for number in 0..10 {
        let remote = Remote { address: address(number), length: 32 };
        assert!(remotes.contains(&remote), "{remote} is large");
    }
    assert_eq!(parts(&snapshot).all_bytes(), credited);
    assert_eq!(snapshot.whole(), parts(&snapshot));
    let expected = u64::from(many) * 60;
    assert_eq!(
        by_country(&snapshot),
        [(germany.country, expected + 900_000), (japan.country, expected)]
            .into()
    );
    // Every host is found at its place.
    for host in snapshot.hosts().step_by(1_000).copied().collect::<Vec<_>>() {
        let place = account.rows.find(&host.remote).unwrap();
        assert_eq!(account.rows.see(place).remote, host.remote);
    }
}

#[test]
fn a_host_that_was_large_long_ago_makes_room_for_a_smaller_one_of_today() {
    let mut account = account(1, 0);
    let origin = of("DE", 1);
    let many = u32::try_from(MOST_KEPT).unwrap();
    account.credit(&v4(1, Direction::Sent), volume(1_000_000), &origin);
    account.end_poll(end(2));
    for number in 0..many {
        let key = v4(1_000_000 + number, Direction::Sent);
        account.credit(&key, volume(2_000), &origin);
        if number == 1_000 {
            // Ten days later a million weighs less than 1,000.
            account.end_poll(end(10 * 24 * 3_600 + 4));
        }
    }
    account.end_poll(end(10 * 24 * 3_600 + 6));
    let remote = Remote { address: address(1), length: 32 };
    assert_eq!(account.rows.find(&remote), None);
    let snapshot = account.snapshot();
    assert_eq!(
        parts(&snapshot).all_bytes(),
        1_000_000 + u64::from(many) * 2_000
    );
}

/// The traffic of a host moves with it to another country, and each country has
/// what was counted for it at its time.
#[test]
fn a_host_in_another_country_leaves_the_countries_exact() {
    let mut account = account(1, 0);
    let key = v4(1, Direction::Sent);
    account.credit(&key, volume(100), &of("DE", 1));
    account.credit(&v4(2, Direction::Sent), volume(7), &of("DE", 1));
    account.end_poll(end(2));
    account.credit(&key, volume(20), &of("US", 2));
    account.end_poll(end(4));
    account.credit(&key, volume(3), &of("JP", 3));
    account.end_poll(end(6));
    let snapshot = account.snapshot();
    let countries = ["DE", "US", "JP"].map(|it| of(it, 0).country);
    assert_eq!(
        by_country(&snapshot),
        countries.into_iter().zip([107, 20, 3]).collect()
    );
    let host = snapshot.hosts().find(|it| it.remote.address == address(1));
    let host = host.unwrap();
    assert_eq!((host.country, host.counters.bytes), (countries[2], [0, 123]));
}

/// The bound that the documents promise: 200,000 hosts, each larger than those
/// before, poll after poll for a day.
#[test]
fn two_hundred_thousand_hosts_in_a_day_make_few_series() {
    let mut account = account(100, 1 << 20);
    let origin = of("DE", 1);
    let mut seen = BTreeSet::new();
    let mut whole = 0;
    const STEP: u64 = 60;
    let polls = 24 * 3_600 / STEP;
    let each = u32::try_from(200_000 / polls + 1).unwrap();
    let mut number = 0;
    for poll in 0..polls {
        for _ in 0..each {
            number += 1;
            // Some stay below the threshold.
            let bytes = match number % 3 {
                0 => 1_000,
                _ => (1 << 20) + u64::from(number) * u64::from(number),
            };
            account.credit(
                &v4(number, Direction::Sent),
                volume(bytes),
                &origin,
            );
            whole += bytes;
        }
        account.end_poll(end(poll * STEP));
        let snapshot = account.snapshot();
        let shown = snapshot.series.shown();
        assert!(shown.len() <= 100);
        seen.extend(shown.iter().map(|member| member.key));
        let [received, sent] = snapshot.series.whole();
        assert_eq!((received, sent), (0, whole));
    }
    assert!(number >= 200_000);
    assert!(seen.len() <= 100 + 24 * 60, "{} series", seen.len());
    assert!(seen.len() > 1_000, "the test reaches the bound");
}

#[test]
fn only_hosts_above_the_threshold_have_series_and_none_without_the_setting() {
    let mut account = account(10, 1_000);
    let origin = of("DE", 1);
    let credit = |account: &mut HostsAccount, number, bytes| {
        account.credit(&v4(number, Direction::Sent), volume(bytes), &origin);
    };
    credit(&mut account, 1, 999);
    credit(&mut account, 2, 1_000);
    account.end_poll(end(2));
    let shown = |account: &mut HostsAccount| -> Vec<(String, u64)> {
        let series = account.snapshot().series;
        let shown = series.shown().into_iter();
        shown.map(|one| (one.key.to_string(), one.value[1])).collect()
    };
    assert_eq!(shown(&mut account), [("0.0.0.2".into(), 0)]);
    credit(&mut account, 1, 1);
    credit(&mut account, 2, 5);
    account.end_poll(end(4));
    credit(&mut account, 1, 3);
    account.configure(&config(10, 1 << 30));
    credit(&mut account, 2, 5);
    account.end_poll(end(6));
    assert_eq!(
        shown(&mut account),
        [("0.0.0.1".into(), 3), ("0.0.0.2".into(), 10)]
    );
    let off = Config { remote_hosts_metrics: false, ..config(10, 1_000) };
    account.configure(&off);
    account.end_poll(end(8));
    assert_eq!(shown(&mut account), []);
    let whole = account.snapshot().series.whole();
    assert_eq!(whole, [0, 2_013]);
}

#[test]
fn only_edges_count_and_rests_of_ip_are_unattributed() {
    let mut account = AtEdges::new(account(1, 0));
    let edges = [InterfaceId(1)].into_iter().collect();
    account.set_edges(&Arc::new(edges));
    for interface in [0, 1] {
        let interface = InterfaceId(interface);
        let key = FlowKey { interface, ..v4(1, Direction::Sent) };
        account.credit(&key, volume(10), &of("DE", 1));
        for family in [Family::NonIp, Family::Ip(IpVersion::V4)] {
            account.credit_rests(&[Rest {
                interface,
                direction: Direction::Received,
                family,
                volume: volume(9),
                unattributed: volume(5),
            }]);
        }
    }
    account.end_poll(end(2));
    assert_eq!(account.snapshot().whole().bytes, [5, 10]);
}

#[test]
fn a_range_without_a_number_has_no_name() {
    let mut texts = Texts::default();
    assert_eq!(texts.range(Range::default()), 0);
    assert_eq!(texts.service(7), 0);
}

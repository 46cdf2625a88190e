use super::*;
use crate::accounting::{
    Account as _, Direction, FlowKey, InterfaceId, IpVersion, Origin, PollEnd,
    Volume,
};
use crate::collectors::hosts::HostsAccount;
use crate::config::Config;
use crate::ranges::RangeNames;

/// Returns a snapshot of so many hosts, number 1 being the smallest.
fn snapshot(hosts: u32) -> Snapshot {
    let mut labels = CountryLabels::default();
    let office = labels.intern("my office").unwrap();
    let mut account = HostsAccount::resume(RangeNames::default(), None);
    account.configure(&Config {
        remote_hosts: true,
        remote_hosts_metrics: true,
        remote_hosts_top: 3,
        remote_hosts_threshold: 0,
        ipv4_prefix_length: 32,
        ipv6_prefix_length: 128,
        ..Config::default()
    });
    account.label_countries(&Arc::new(labels));
    for poll in 1..=2 {
        for number in 1..=hosts {
            let mut remote = [0; 16];
            remote[..4].copy_from_slice(&(number << 4).to_be_bytes());
            let ip_version = match number % 2 {
                0 => IpVersion::V4,
                _ => IpVersion::V6,
            };
            remote[15] = u8::from(ip_version == IpVersion::V6);
            let key = FlowKey {
                interface: InterfaceId(0),
                direction: Direction::Sent,
                ip_version,
                class: 0,
                remote,
            };
            let country = match number % 3 {
                0 => office,
                _ => Country::from_code("DE").unwrap(),
            };
            let network = Network(number);
            let origin = Origin { country, network, ..Origin::default() };
            let volume = Volume { packets: 1, bytes: number.into() };
            account.credit(&key, volume, &origin);
        }
        account.end_poll(PollEnd {
            at: Timestamp::from_millis(1_700_000_000_000 + poll * 1_000),
            uptime: std::time::Duration::from_secs(poll),
            absent_retention: None,
        });
    }
    account.snapshot()
}

fn decode(body: &[u8]) -> Option<(Snapshot, CountryLabels)> {
    let mut labels = CountryLabels::default();
    Snapshot::decode(body, &mut labels).map(|it| (it, labels))
}

#[test]
fn a_snapshot_comes_back() {
    let before = snapshot(900);
    let (after, labels) = decode(&before.encode()).unwrap();
    let sorted = |snapshot: &Snapshot| {
        let mut hosts: Vec<_> = snapshot.hosts().copied().collect();
        hosts.sort_unstable_by_key(|host| host.remote);
        hosts
    };
    assert_eq!(sorted(&after), sorted(&before));
    assert_eq!(after.countries, before.countries);
    assert_eq!(after.series.shown(), before.series.shown());
    assert_eq!(labels, *before.labels);
}

#[test]
fn the_largest_hosts_are_saved_and_the_others_are_forgotten() {
    let more = 500;
    let hosts = u32::try_from(MOST_SAVED).unwrap() + more;
    let before = snapshot(hosts);
    let body = before.encode();
    // Some 60 bytes a host, as the documents say.
    assert!(body.len() < MOST_SAVED * 70, "{}", body.len());
    let (after, _) = decode(&body).unwrap();
    assert_eq!(after.len(), MOST_SAVED);
    assert_eq!(after.whole(), before.whole());
    let least = after.hosts().map(|host| host.counters.all_bytes()).min();
    assert_eq!(least, Some(u64::from(more + 1) * 2));
    let small: u64 = (1..=u64::from(more)).map(|bytes| bytes * 2).sum();
    assert_eq!(after.forgotten().all_bytes(), small);
    assert_eq!(after.series.shown(), before.series.shown());
    assert_eq!(after.series.whole(), before.series.whole());
}

#[test]
fn a_section_that_makes_no_sense_is_refused() {
    let good = snapshot(10);
    let refused = |change: &dyn Fn(&mut Snapshot)| {
        let mut bad = good.clone();
        change(&mut bad);
        decode(&bad.encode()).is_none()
    };
    let change_host = |bad: &mut Snapshot, change: &dyn Fn(&mut [Host])| {
        let mut hosts = bad.parts[0].to_vec();
        change(&mut hosts);
        bad.parts[0] = hosts.into();
    };
    assert!(!refused(&|_| {}));
    assert!(refused(&|bad| {
        change_host(bad, &|hosts| hosts[1].remote = hosts[2].remote);
    }));
    assert!(refused(&|bad| change_host(bad, &|hosts| hosts[1].range = 1)));
    assert!(refused(&|bad| change_host(bad, &|hosts| {
        hosts[1].counters.bytes[0] = u64::MAX;
    })));
    assert!(refused(&|bad| change_host(bad, &|hosts| {
        hosts.iter_mut().for_each(|host| host.remote.length = 129);
    })));
    assert!(refused(&|bad| bad.series.other[0] += 1));
    assert_eq!(decode(b"nonsense"), None);
}

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::accounting::{
    Account as _, Class, Classes, Direction, FlowKey, InterfaceId, IpVersion,
    Origin, PollEnd, Range, Timestamp,
};
use crate::collectors::hosts::{HostsAccount, MOST_KEPT};
use crate::collectors::moments::{Counts, Earlier};
use crate::geoip::{CityDatabase, Country};
use crate::metrics::published::Publisher;
use crate::ranges::RangeNames;

fn config() -> Config {
    Config {
        remote_hosts: true,
        ipv4_prefix_length: 32,
        ipv6_prefix_length: 128,
        ..Config::default()
    }
}

/// An account with a range and a service, and the number of its last poll.
struct World {
    account: HostsAccount,
    office: Range,
    poll: u64,
}

impl World {
    fn new() -> Self {
        let names = RangeNames::default();
        let office = names.intern("office").unwrap();
        let mut account = HostsAccount::resume(names, None);
        account.configure(&config());
        let web = Class { service: 1, ..Class::default() };
        let classes = vec![Class::default(), web];
        let classes = Classes::new(classes, vec![], vec!["web".into()]);
        account.set_classes(&Arc::new(classes));
        Self { account, office, poll: 0 }
    }

    fn credit(&mut self, address: u32, direction: Direction, bytes: u64) {
        let mut remote = [0; 16];
        remote[..4].copy_from_slice(&address.to_be_bytes());
        let key = FlowKey {
            interface: InterfaceId(0),
            direction,
            ip_version: IpVersion::V4,
            class: u16::from(address.is_multiple_of(2)),
            remote,
        };
        let code = if address.is_multiple_of(3) { "DE" } else { "US" };
        let origin = Origin {
            country: Country::from_code(code).unwrap(),
            network: crate::geoip::Network(address % 4 * 100),
            range: if address.is_multiple_of(5) {
                self.office
            } else {
                Range::default()
            },
        };
        self.account.credit(&key, Volume { packets: 2, bytes }, &origin);
    }

    fn poll(&mut self) -> Counts {
        self.poll += 10;
        self.account.end_poll(PollEnd {
            at: Timestamp::from_millis((1_000 + self.poll) * 1_000),
            uptime: Duration::from_secs(self.poll),
            absent_retention: None,
        });
        let hosts = Arc::new(self.account.snapshot());
        Counts { hosts, ..Counts::default() }
    }
}

fn moment(counts: Counts, earlier: Option<Counts>) -> Moment {
    let uptime = Duration::from_secs(10);
    let earlier = earlier.map(|counts| Earlier { uptime, counts });
    Moment {
        uptime: Duration::from_secs(20),
        earlier: earlier.map(Arc::new),
        ..Moment::first(Timestamp::from_millis(1), counts)
    }
}

fn ask(moment: &Moment, query: &str) -> Result<api::Hosts, Refusal> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = path.join("tests/data/city.mmdb");
    let cities = Arc::new(CityDatabase::open(&path).unwrap());
    let config = Publisher::new(config()).reader();
    let source = move || (Some(Arc::clone(&cities)), 1);
    let view = HostsView {
        names: Publisher::new(NetworkNames::default()).reader(),
        places: Places::new(Box::new(source), config.clone()),
    };
    let query = Query::parse(query, HostsView::PARAMETERS)?;
    let answer = view.answer(moment, &config.get(), &query)?;
    let json = serde_json::to_string(&answer).unwrap();
    assert_eq!(serde_json::from_str::<api::Hosts>(&json).unwrap(), answer);
    Ok(answer)
}

fn addresses(answer: &api::Hosts) -> Vec<u32> {
    let hosts = answer.hosts.iter();
    let parsed = hosts.map(|it| it.address.parse::<Ipv4Addr>().unwrap());
    parsed.map(|it| it.to_bits()).collect()
}

const COLOGNE: u32 = 0xc000_0201;
const MUNICH: u32 = 0xc000_0281;

#[test]
fn a_host_is_shown_with_everything_that_is_known_of_it() {
    let mut world = World::new();
    world.credit(COLOGNE, Direction::Received, 100);
    let earlier = world.poll();
    world.credit(COLOGNE, Direction::Received, 500);
    world.credit(COLOGNE, Direction::Sent, 70);
    let answer = ask(&moment(world.poll(), Some(earlier)), "").unwrap();
    let volume = api::Volume {
        bytes: api::Bytes {
            bytes_received: 600,
            bytes_sent: 70,
            bytes_received_per_second: Some(50.0),
            bytes_sent_per_second: Some(7.0),
        },
        packets: api::Packets {
            packets_received: 4,
            packets_sent: 2,
            packets_received_per_second: Some(0.2),
            packets_sent_per_second: Some(0.2),
        },
    };
    let host = api::Host {
        address: "192.0.2.1".into(),
        country: "DE".into(),
        subdivision: Some("North Rhine-Westphalia".into()),
        city: Some("Cologne".into()),
        network: Some(api::NetworkName { asn: 100, name: None }),
        range: Some("office".into()),
        service: None,
        volume,
        first_seen: 1_010.0,
        last_seen: 1_020.0,
    };
    assert_eq!(answer.hosts, [host]);
    assert_eq!((answer.kept, answer.matching), (1, 1));
    assert_eq!(
        (answer.whole, answer.envelope.rates_over_seconds),
        (volume, Some(10.0))
    );
}

#[test]
fn filters_and_orders_choose_the_rows() {
    let mut world = World::new();
    for (number, address) in
        [COLOGNE, MUNICH, 30, 40, 7].into_iter().enumerate()
    {
        world.credit(address, Direction::Received, 10 + number as u64);
        world.credit(address, Direction::Sent, 100 - number as u64);
    }
    let earlier = world.poll();
    world.credit(40, Direction::Sent, 5);
    world.credit(8, Direction::Sent, 1);
    let moment = moment(world.poll(), Some(earlier));
    let rows = |query: &str| addresses(&ask(&moment, query).unwrap());
    assert_eq!(rows("sort=address"), [7, 8, 30, 40, COLOGNE, MUNICH]);
    assert_eq!(rows("city=Munich"), [MUNICH]);
    assert!(rows("city=cologne").is_empty());
    assert_eq!(rows("country=DE&sort=received"), [30, COLOGNE]);
    assert_eq!(rows("service=web&sort=sent"), [40, 30, 8]);
    assert_eq!(rows("range=office&sort=address"), [30, 40, COLOGNE]);
    assert!(rows("range=nothing").is_empty());
    assert_eq!(rows("network=AS100&sort=address"), [COLOGNE, MUNICH]);
    assert_eq!(rows("network=UNKNOWN&sort=address"), [8, 40]);
    assert_eq!(rows("sort=bytes_per_second&limit=2"), [40, 8]);
    assert_eq!(rows("sort=received_per_second&limit=1"), [7]);
    assert_eq!(rows("sort=sent_per_second&limit=1&offset=1"), [8]);
    assert_eq!(rows("sort=first_seen&limit=1"), [8]);
    assert_eq!(rows("sort=last_seen&limit=2"), [8, 40]);
    assert_eq!(rows("sort=packets&limit=1"), [40]);
    let part =
        ask(&moment, "country=US&sort=address&limit=1&offset=1").unwrap();
    assert_eq!(addresses(&part), [8]);
    assert_eq!((part.matching, part.offset, part.kept), (4, 1, 6));
    let (listed, rest) = (part.hosts[0].volume, part.not_listed);
    assert_eq!(listed.total_bytes() + rest.total_bytes(), 1 + 115 + 110 + 110);
    assert_eq!(part.whole.total_bytes(), 5 * 110 + 6);
}

#[test]
fn a_wrong_parameter_is_refused() {
    let moment = moment(World::new().poll(), None);
    for (query, reason) in [
        ("network=x", "network: \"x\" is not the number of an autonomous"),
        ("sort=size", "sort: \"size\" is not one of bytes, received, sent,"),
        (
            "color=red",
            "\"color\" is not a parameter of this page; allowed: city",
        ),
        ("limit=0", "limit: \"0\" is not a number from 1"),
    ] {
        match ask(&moment, query) {
            Err(Refusal::Wrong(line)) => {
                assert!(line.starts_with(reason), "{line}");
            }
            other => panic!("{query}: {other:?}"),
        }
    }
    assert_eq!(ask(&moment, "").unwrap().hosts, []);
}

/// More hosts than are kept: rates of hosts that have moved to other places are
/// right, and all parts are the whole.
#[test]
fn rates_are_right_while_hosts_are_forgotten() {
    let mut world = World::new();
    let many = u32::try_from(MOST_KEPT).unwrap();
    for address in 0..many {
        world.credit(address, Direction::Sent, 60 + u64::from(address % 7));
    }
    let earlier = world.poll();
    for address in many - 1_000..many + 10 {
        world.credit(address, Direction::Sent, 1_000);
    }
    let moment = moment(world.poll(), Some(earlier));
    let answer = ask(&moment, "sort=sent_per_second&limit=1010").unwrap();
    for host in &answer.hosts {
        let address: IpAddr = host.address.parse().unwrap();
        let rate = host.volume.bytes.bytes_sent_per_second;
        assert_eq!(rate, Some(100.0), "{address}");
    }
    let listed = answer.hosts.iter().map(|it| it.volume.total_bytes());
    let forgotten = answer.forgotten.iter();
    let forgotten: u64 = forgotten.map(|it| it.volume.total_bytes()).sum();
    assert!(forgotten > 0);
    let whole =
        listed.sum::<u64>() + answer.not_listed.total_bytes() + forgotten;
    assert_eq!(answer.whole.total_bytes(), whole);
    let countries: BTreeMap<_, _> = answer
        .forgotten
        .iter()
        .map(|it| (&*it.country, it.volume.total_bytes()))
        .collect();
    assert_eq!(countries.len(), 2);
}

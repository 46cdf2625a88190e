use proptest::prelude::*;

use super::*;
use crate::accounting::{Class, Direction, IpVersion};
use crate::collectors::section::SectionContent as _;
use crate::config::Service;

fn config(names: &[&str]) -> Config {
    let service = |name: &&str| Service {
        name: Arc::from(*name),
        ports: Vec::new(),
        location: crate::ranges::Location::default(),
    };
    Config { service: names.iter().map(service).collect(), ..Config::default() }
}

/// Class 2n - 1 is the nth service, and class 2n an attempt at it.
fn classes(names: &[&str]) -> Arc<Classes> {
    let mut meanings = vec![Class::default()];
    for service in (1..).take(names.len()) {
        for is_attempt in [false, true] {
            meanings.push(Class { service, is_attempt, ..Class::default() });
        }
    }
    let services = names.iter().map(|name| Arc::from(*name)).collect();
    Arc::new(Classes { meanings, services, ranges: Vec::new() })
}

fn key(class: u16, direction: Direction, ip_version: IpVersion) -> FlowKey {
    let interface = InterfaceId(0);
    FlowKey { interface, direction, ip_version, class, remote: [0; 16] }
}

fn account(names: &[&str]) -> ServicesAccount {
    let mut account = ServicesAccount::resume(Snapshot::default())
        .starting(Timestamp::from_millis(1));
    account.configure(&config(names));
    account.set_classes(&classes(names));
    account
}

fn country(code: &str) -> Country {
    Country::from_code(code).unwrap()
}

fn credit(
    account: &mut ServicesAccount,
    key: &FlowKey,
    packets: u64,
    code: &str,
) {
    let volume = Volume { packets, bytes: packets * 60 };
    let origin = Origin { country: country(code), ..Origin::default() };
    account.credit(key, volume, &origin);
}

fn of(snapshot: &Snapshot, name: &str, code: &str) -> Counters {
    let service = snapshot.services.iter().find(|it| &*it.name == name);
    let countries = &service.unwrap().countries;
    let own = countries.iter().find(|(own, _)| *own == country(code));
    own.map(|(_, counters)| *counters).unwrap_or_default()
}

use Direction::{Received, Sent};
use IpVersion::{V4, V6};

#[test]
fn bytes_are_of_both_directions_and_attempts_are_packets() {
    let mut account = account(&["web", "dns"]);
    credit(&mut account, &key(1, Received, V4), 10, "DE");
    credit(&mut account, &key(1, Sent, V6), 20, "DE");
    credit(&mut account, &key(2, Received, V4), 3, "DE");
    credit(&mut account, &key(2, Received, V6), 4, "DE");
    credit(&mut account, &key(3, Sent, V4), 5, "US");
    // Packets of no service, and of a class that nobody knows.
    credit(&mut account, &key(0, Sent, V4), 100, "DE");
    credit(&mut account, &key(9, Sent, V4), 100, "DE");
    let shown = account.snapshot();
    let web = of(&shown, "web", "DE");
    assert_eq!(web.bytes, [17 * 60, 20 * 60]);
    assert_eq!(web.attempts, [3, 4]);
    assert_eq!(of(&shown, "dns", "US").bytes, [0, 300]);
    assert_eq!(of(&shown, "dns", "DE"), Counters::default());
}

#[test]
fn packets_without_a_remote_are_of_no_country_and_of_their_service() {
    let mut account = account(&["web"]);
    let volume = Volume { packets: 7, bytes: 420 };
    account.credit_without_remote(&key(2, Received, V4), volume);
    let shown = account.snapshot();
    assert_eq!(shown.services[0].countries, []);
    assert_eq!(shown.services[0].other.attempts, [7, 0]);
    assert_eq!(shown.services[0].other.bytes, [420, 0]);
}

#[test]
fn a_service_that_comes_back_goes_on_from_its_value() {
    let mut account = account(&["web", "dns"]);
    credit(&mut account, &key(1, Received, V4), 1, "DE");
    account.configure(&config(&["dns"]));
    assert!(account.is_on());
    account.set_classes(&classes(&["dns"]));
    credit(&mut account, &key(1, Received, V4), 2, "DE");
    account.configure(&config(&[]));
    assert!(!account.is_on());
    account.configure(&config(&["web", "dns"]));
    account.set_classes(&classes(&["web", "dns"]));
    credit(&mut account, &key(1, Received, V4), 4, "DE");
    let shown = account.snapshot();
    assert_eq!(of(&shown, "web", "DE").bytes, [300, 0]);
    assert_eq!(of(&shown, "dns", "DE").bytes, [120, 0]);
}

#[test]
fn services_that_are_gone_are_remembered_up_to_a_number() {
    let names: Vec<_> =
        (0..MOST_REMEMBERED + 10).map(|it| it.to_string()).collect();
    let names: Vec<_> = names.iter().map(|it| &**it).collect();
    let mut account = account(&names);
    for (class, packets) in (1..).step_by(2).zip(1..=names.len() as u64) {
        credit(&mut account, &key(class, Sent, V4), packets, "DE");
    }
    account.configure(&config(&names[..1]));
    let shown = account.snapshot();
    assert_eq!(shown.services.len(), MOST_REMEMBERED + 1);
    // The smallest of those that are gone are forgotten.
    let has = |name: &str| shown.services.iter().any(|it| &*it.name == name);
    assert!(has("0") && !has("1") && !has("9") && has("10") && has("200"));
    assert_eq!(of(&shown, "200", "DE").bytes, [0, 201 * 60]);
}

#[test]
fn an_unchanged_account_is_not_copied() {
    let mut account = account(&["web", "dns"]);
    credit(&mut account, &key(1, Received, V4), 1, "DE");
    let first = account.snapshot();
    let end = PollEnd {
        at: Timestamp::from_millis(2),
        uptime: std::time::Duration::ZERO,
        absent_retention: None,
    };
    assert!(!account.end_poll(end));
    credit(&mut account, &key(3, Received, V4), 1, "DE");
    assert!(account.end_poll(end));
    let second = account.snapshot();
    // In the order of the names: dns, web.
    assert!(!Arc::ptr_eq(&first.services[0], &second.services[0]));
    assert!(Arc::ptr_eq(&first.services[1], &second.services[1]));
}

proptest! {
    /// Nothing is lost or counted twice over saves, restarts and
    /// configurations.
    #[test]
    fn an_account_counts_on_over_restarts(
        credits in proptest::collection::vec(
            (0_u16..6, any::<bool>(), any::<bool>(), 1_u64..1000, 0..3_usize, any::<bool>()),
            0..60,
        ),
    ) {
        let names = ["a", "b"];
        let mut account = account(&names);
        let mut expected: BTreeMap<(usize, usize), Counters> = BTreeMap::new();
        for (class, is_sent, is_ipv6, packets, place, restarts) in credits {
            let code = ["DE", "US", "JP"][place];
            let direction = if is_sent { Sent } else { Received };
            let ip_version = if is_ipv6 { V6 } else { V4 };
            credit(&mut account, &key(class, direction, ip_version), packets, code);
            if (1..=4).contains(&class) {
                let service = usize::from(class - 1) / 2;
                let own = expected.entry((service, place)).or_default();
                own.bytes[direction.index()] += packets * 60;
                if class % 2 == 0 {
                    own.attempts[ip_version.index()] += packets;
                }
            }
            if restarts {
                let body = account.snapshot().encode();
                let mut labels = CountryLabels::default();
                let read = Snapshot::decode(&body, &mut labels).unwrap();
                account = ServicesAccount::resume(read);
                account.configure(&config(&names));
                account.set_classes(&classes(&names));
            }
        }
        let shown = account.snapshot();
        for ((service, place), counters) in expected {
            let found = of(&shown, names[service], ["DE", "US", "JP"][place]);
            prop_assert_eq!(found.bytes, counters.bytes);
            prop_assert_eq!(found.attempts, counters.attempts);
        }
    }
}

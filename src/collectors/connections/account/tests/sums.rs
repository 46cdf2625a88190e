//! The parts are the whole, over restarts and changes of everything.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::collectors::connections::ConnectionsCollector;
use crate::collectors::section::SectionContent as _;
use crate::metrics::Registry;
use crate::metrics::encode::Format;
use crate::metrics::published::Publisher;

/// The labels of countries; the last ones are own labels.
const COUNTRIES: [&str; 6] =
    ["UNKNOWN", "DE", "JP", "US", "HQ Berlin", "HQ Wien"];

const SERVICES: [&[(&str, u16, u16)]; 4] = [
    &[],
    &[("web", 80, 81)],
    &[("web", 80, 80), ("ssh", 81, 81)],
    &[("ssh", 80, 80), ("web", 82, 82)],
];

#[derive(Clone, Debug)]
enum Step {
    /// The country, if the kernel had room for the address, the port, whether
    /// it is outbound, and the growth.
    Credit(Option<usize>, u16, bool, Box<ConnectionGrowth>),
    Visit,
    Forget,
    Services(usize),
    /// Own labels that only now get numbers.
    Labels(usize),
    Countries(u32),
    Restart,
}

fn growth() -> impl Strategy<Value = Box<ConnectionGrowth>> {
    let counter = || prop_oneof![3 => Just(0_u64), 2 => 1_u64..1_000];
    let counters = prop::array::uniform7(counter());
    let buckets = prop::array::uniform10(counter());
    (counters, -20_i64..30, buckets, 0_u64..10_000_000).prop_map(
        |(it, open, buckets, sum)| {
            Box::new(ConnectionGrowth {
                opened: it[0],
                failed: it[1],
                closed: it[2],
                open,
                carried: 0,
                bytes_acked: it[3],
                bytes_received: it[4],
                segments_sent: it[5],
                segments_retransmitted: it[6],
                round_trips: RoundTrips { buckets, sum },
            })
        },
    )
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let country = prop::option::weighted(0.9, 0..COUNTRIES.len());
    let step = prop_oneof![
        12 => (country, 79_u16..84, any::<bool>(), growth())
            .prop_map(|(a, b, c, d)| Step::Credit(a, b, c, d)),
        4 => Just(Step::Visit),
        1 => Just(Step::Forget),
        1 => (0..SERVICES.len()).prop_map(Step::Services),
        1 => (4..COUNTRIES.len()).prop_map(Step::Labels),
        1 => (1_u32..5).prop_map(Step::Countries),
        1 => Just(Step::Restart),
    ];
    prop::collection::vec(step, 1..80)
}

/// All that was credited, by label: without bounds and short cuts.
#[derive(Default)]
struct Naive {
    growth: BTreeMap<String, [ConnectionGrowth; 2]>,
    open: BTreeMap<(String, ConnectionDirection, String), i64>,
}

/// Returns the counters alone.
fn counters(growth: &[ConnectionGrowth; 2]) -> Counters {
    let mut counters = Counters::default();
    for (own, growth) in counters.changes.iter_mut().zip(growth) {
        own.opened = growth.opened;
        own.failed = growth.failed;
        own.closed = growth.closed;
    }
    for growth in growth {
        let traffic = &mut counters.traffic;
        traffic.segments_sent += growth.segments_sent;
        traffic.segments_retransmitted += growth.segments_retransmitted;
        traffic.bytes_acked += growth.bytes_acked;
        traffic.bytes_received += growth.bytes_received;
    }
    counters
}

fn without_times(mut counters: Counters) -> Counters {
    for changes in &mut counters.changes {
        changes.created = None;
    }
    counters.traffic.created = None;
    counters
}

impl Naive {
    fn credit(
        &mut self,
        label: &str,
        service: &str,
        direction: ConnectionDirection,
        growth: &ConnectionGrowth,
    ) {
        let own = self.growth.entry(label.into()).or_default();
        own[direction.index()] += growth;
        if growth.open != 0 || growth.opened > 0 || growth.closed > 0 {
            let place = (label.into(), direction, service.into());
            *self.open.entry(place).or_default() += growth.open;
        }
    }

    fn round_trips(&self, label: &str) -> RoundTrips {
        let mut sum = RoundTrips::default();
        for growth in self.growth.get(label).into_iter().flatten() {
            sum += &growth.round_trips;
        }
        sum
    }

    fn change_services(&mut self, names: &[(&str, u16, u16)]) {
        for ((label, direction, service), number) in
            std::mem::take(&mut self.open)
        {
            let stays = names.iter().any(|(name, ..)| *name == service);
            let service = if stays { service } else { "other".into() };
            *self.open.entry((label, direction, service)).or_default() +=
                number;
        }
    }

    /// Returns the difference to a snapshot.
    fn difference(&self, shown: &Snapshot) -> Option<String> {
        let label = |country: Country| shown.labels.get(country).to_owned();
        let countries = shown.countries.iter();
        let mut all: Vec<_> =
            countries.map(|(of, own)| (label(*of), own)).collect();
        all.push(("other".into(), &shown.other));
        let mut open = BTreeMap::new();
        for (name, own) in &all {
            let expected = self.growth.get(name).map(counters);
            let found = without_times(own.counters);
            if found != expected.unwrap_or_default() {
                return Some(format!("{name}: {found:?}"));
            }
            for one in &own.open {
                let service = one.service.as_deref().unwrap_or("other");
                let place = (name.clone(), one.direction, service.into());
                open.insert(place, one.number);
            }
        }
        if open != self.open {
            return Some(format!("{open:?} instead of {:?}", self.open));
        }
        if self.growth.keys().any(|it| all.iter().all(|(own, _)| own != it)) {
            return Some("a country is missing".into());
        }
        let members = &shown.round_trips;
        for member in members.iter() {
            let expected = sums(&self.round_trips(&label(member.key)));
            let both = member.value.iter().zip(member.in_other);
            if !both.map(|(a, b)| a + b).eq(expected) {
                return Some(format!("{member:?}"));
            }
        }
        let nobodys = sums(&self.round_trips("other"));
        let is_whole = members.not_kept == nobodys && members.is_consistent();
        (!is_whole).then(|| format!("{members:?}"))
    }
}

/// Returns the samples of the page.
fn page(shown: Snapshot, config: &Config) -> BTreeMap<String, f64> {
    let (shown, config) = (Publisher::new(shown), config.clone());
    let config = Publisher::new(config).reader();
    let mut registry = Registry::new();
    registry.register(ConnectionsCollector::new(shown.reader(), config));
    let mut text = Vec::new();
    registry.write(Format::Text, &mut text).unwrap();
    let text = String::from_utf8(text).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let samples = lines.map(|line| line.rsplit_once(' ').unwrap());
    samples.map(|(of, value)| (of.to_owned(), value.parse().unwrap())).collect()
}

/// Returns the fault of a page after another one, which has been seen.
fn fault(
    page: &BTreeMap<String, f64>,
    seen: &mut BTreeMap<String, f64>,
) -> Option<String> {
    for (sample, &value) in page {
        if value < 0.0 {
            return Some(format!("{sample} is {value}"));
        }
        if sample.starts_with("geoip_tcp_connections{") {
            continue;
        }
        let before = seen.insert(sample.clone(), value).unwrap_or(0.0);
        if value < before {
            return Some(format!("{sample} was {before} and is {value}"));
        }
    }
    None
}

fn restart(shown: &Snapshot, config: &Config) -> ConnectionsAccount {
    // Own labels get other numbers.
    let mut labels = CountryLabels::default();
    labels.intern("new").unwrap();
    let mut read = Snapshot::decode(&shown.encode(), &mut labels).unwrap();
    read.labels = Arc::new(labels);
    let mut account =
        ConnectionsAccount::resume(read).starting(Timestamp::from_millis(9));
    account.configure(config);
    account
}

proptest! {
    /// The sums by country and `other` are all that was credited, whatever
    /// happens in between; no counter of the page falls.
    #[test]
    fn countries_and_other_are_all_that_was_credited(steps in steps()) {
        let mut config = config(SERVICES[1]);
        let mut account = account(&config);
        let mut naive = Naive::default();
        let (mut services, mut second) = (1, 0);
        let mut seen = BTreeMap::new();
        for step in steps {
            match step {
                Step::Credit(country, port, is_outbound, growth) => {
                    let direction =
                        if is_outbound { Outbound } else { Inbound };
                    let mut key = key(1, port, direction);
                    let mut labels = (*account.labels).clone();
                    let label = country.map(|it| COUNTRIES[it]);
                    let country = label.map(|it| labels.intern(it).unwrap());
                    account.label_countries(&Arc::new(labels));
                    if country.is_none() {
                        (key.remote, key.local_port) = (None, 0);
                    }
                    account.credit(country, &key, &growth);
                    let port = key.local_port;
                    let service = SERVICES[services].iter()
                        .find(|(_, first, last)| (*first..=*last).contains(&port))
                        .filter(|_| !is_outbound)
                        .map_or("other", |(name, ..)| *name);
                    naive.credit(label.unwrap_or("other"), service, direction, &growth);
                }
                Step::Visit => {
                    second += 10;
                    account.end_visit(end(second));
                    let page = page(account.snapshot(), &config);
                    prop_assert_eq!(fault(&page, &mut seen), None);
                }
                Step::Forget => {
                    account.forget_open();
                    naive.open.values_mut().for_each(|number| *number = 0);
                }
                Step::Services(number) => {
                    services = number;
                    config.service = super::config(SERVICES[number]).service;
                    account.configure(&config);
                    naive.change_services(SERVICES[number]);
                }
                Step::Labels(number) => {
                    let mut labels = (*account.labels).clone();
                    labels.intern(COUNTRIES[number]).unwrap();
                    account.label_countries(&Arc::new(labels));
                }
                Step::Countries(number) => {
                    config.connections_countries = number;
                    account.configure(&config);
                }
                Step::Restart => {
                    account = restart(&account.snapshot(), &config);
                    naive.open.clear();
                }
            }
            let shown = account.snapshot();
            prop_assert_eq!(naive.difference(&shown), None);
        }
    }

    /// One more or less anywhere, and the sums differ.
    #[test]
    fn one_is_noticed(growth in growth(), counter in 0_usize..9) {
        let mut account = account(&config(&[]));
        let mut naive = Naive::default();
        let key = key(1, 80, Inbound);
        account.credit(country("DE"), &key, &growth);
        let mut wrong = *growth;
        match counter {
            0 => wrong.opened += 1,
            1 => wrong.failed += 1,
            2 => wrong.closed += 1,
            3 => wrong.open += 1,
            4 => wrong.bytes_acked += 1,
            5 => wrong.bytes_received += 1,
            6 => wrong.segments_sent += 1,
            7 => wrong.segments_retransmitted += 1,
            _ => wrong.round_trips.sum += 1,
        }
        naive.credit("DE", "other", Inbound, &wrong);
        // A growth of none makes no member that could differ.
        prop_assume!(growth.round_trips != RoundTrips::default());
        prop_assert!(naive.difference(&account.snapshot()).is_some());
    }
}

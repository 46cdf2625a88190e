//! The numbers of open connections, beside a kernel side in memory.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const COUNTRIES: [&str; 3] = ["DE", "JP", "US"];

const SERVICES: [&[(&str, u16, u16)]; 3] =
    [&[], &[("web", 80, 80)], &[("a", 80, 80), ("web", 81, 81)]];

#[derive(Clone, Debug)]
enum Step {
    /// The address, the port, and whether it is outbound.
    Open(u8, u16, bool),
    /// Any of the open ones.
    Close(prop::sample::Index),
    Take,
    /// Another database: each address belongs to another country.
    Database(u8),
    Services(usize),
    /// The connections are turned off and on.
    Again,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => (0_u8..6, 79_u16..83, any::<bool>())
            .prop_map(|(a, b, c)| Step::Open(a, b, c)),
        6 => any::<prop::sample::Index>().prop_map(Step::Close),
        4 => Just(Step::Take),
        1 => (0_u8..3).prop_map(Step::Database),
        1 => (0..SERVICES.len()).prop_map(Step::Services),
        1 => Just(Step::Again),
    ];
    prop::collection::vec(step, 1..120)
}

/// The open connections, and the growth that nobody took yet.
#[derive(Default)]
struct Kernel {
    open: Vec<ConnectionKey>,
    growth: BTreeMap<ConnectionKey, ConnectionGrowth>,
    /// True for those that are in the number of the current generation.
    are_counted: Vec<bool>,
}

impl Kernel {
    fn open(&mut self, key: ConnectionKey) {
        *self.growth.entry(key).or_default() += &opened(1);
        self.open.push(key);
        self.are_counted.push(true);
    }

    fn close(&mut self, number: usize) {
        let key = self.open.swap_remove(number);
        let mut growth = closed(1);
        if !self.are_counted.swap_remove(number) {
            growth.open = 0;
        }
        *self.growth.entry(key).or_default() += &growth;
    }

    fn visit(&mut self) {
        for (key, is_counted) in self.open.iter().zip(&mut self.are_counted) {
            if !std::mem::replace(is_counted, true) {
                self.growth.entry(*key).or_default().open += 1;
            }
        }
    }

    fn take(&mut self) -> BTreeMap<ConnectionKey, ConnectionGrowth> {
        std::mem::take(&mut self.growth)
    }
}

/// Everything around the account: the program that takes growth.
struct Worker {
    kernel: Kernel,
    account: ConnectionsAccount,
    database: u8,
}

impl Worker {
    fn country(&self, key: &ConnectionKey) -> &'static str {
        let Some(IpAddr::V4(address)) = key.remote else { panic!("{key:?}") };
        let last = address.octets()[3];
        COUNTRIES[usize::from(last + self.database) % COUNTRIES.len()]
    }

    fn take(&mut self) {
        for (key, growth) in self.kernel.take() {
            let label = self.country(&key);
            self.account.credit(country(label), &key, &growth);
        }
    }

    fn recount(&mut self) {
        self.take();
        self.kernel.are_counted.fill(false);
        self.account.forget_open();
        self.kernel.visit();
        self.take();
    }
}

proptest! {
    /// The page has the number of open connections at each visit, although a
    /// close may belong to another country or service than the open.
    #[test]
    fn the_numbers_of_open_connections_are_right_after_a_recount(
        steps in steps(),
    ) {
        let mut worker = Worker {
            kernel: Kernel::default(),
            account: account(&config(&[])),
            database: 0,
        };
        let (mut services, mut all) = (0, [0, 0]);
        for step in steps {
            match step {
                Step::Open(address, port, is_outbound) => {
                    let direction =
                        if is_outbound { Outbound } else { Inbound };
                    worker.kernel.open(key(address, port, direction));
                    all[0] += 1;
                    continue;
                }
                Step::Close(place) => {
                    let number = worker.kernel.open.len();
                    if number > 0 {
                        worker.kernel.close(place.index(number));
                        all[1] += 1;
                    }
                    continue;
                }
                Step::Take => {
                    worker.kernel.visit();
                    worker.take();
                }
                Step::Database(number) => {
                    worker.database = number;
                    worker.recount();
                }
                Step::Services(number) => {
                    services = number;
                    let config = config(SERVICES[number]);
                    worker.account.configure(&config);
                    worker.recount();
                }
                Step::Again => {
                    worker.take();
                    worker.account.forget_open();
                    worker.kernel.are_counted.fill(false);
                    worker.kernel.visit();
                    worker.take();
                }
            }
            let mut expected = BTreeMap::new();
            for key in &worker.kernel.open {
                let port = key.local_port;
                let mut services = SERVICES[services].iter();
                let service = services
                    .find(|(_, first, last)| (*first..=*last).contains(&port))
                    .map_or("other", |(name, ..)| *name);
                let place = (worker.country(key), key.direction, service);
                *expected.entry(place).or_insert(0) += 1;
            }
            let shown = worker.account.snapshot();
            let mut found = BTreeMap::new();
            for (of, own) in &shown.countries {
                let label = of.fixed_label().unwrap();
                for one in own.open.iter().filter(|one| one.number != 0) {
                    let service = one.service.as_deref().unwrap_or("other");
                    let service = *["a", "web", "other"].iter()
                        .find(|own| **own == service)
                        .unwrap();
                    found.insert((label, one.direction, service), one.number);
                }
            }
            prop_assert_eq!(found, expected);
            let changes = shown.countries.iter()
                .flat_map(|(_, own)| own.counters.changes);
            let sums = changes.fold([0, 0], |[opened, closed], it| {
                [opened + it.opened, closed + it.closed]
            });
            prop_assert_eq!(sums, all);
        }
    }
}

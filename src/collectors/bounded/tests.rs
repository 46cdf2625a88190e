use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const LIMITS: Limits =
    Limits { shown: 2, kept: 100, new_an_hour: 3, ranked_by: 1 };

fn at(second: u64) -> PollEnd {
    PollEnd {
        at: Timestamp::from_millis((1_700_000_000 + second) * 1_000),
        uptime: Duration::from_secs(second),
        absent_retention: None,
    }
}

/// Returns the values of the shown members by key.
fn values<const N: usize>(members: &Members<u32, N>) -> BTreeMap<u32, Sums<N>> {
    members.shown().iter().map(|one| (one.key, one.value)).collect()
}

/// Returns the fault of a snapshot, if the parts are not the whole.
fn fault(members: &Members<u32, 1>, credited: u64) -> Option<String> {
    let shown: u64 = values(members).values().map(|[value]| value).sum();
    let hidden = members.iter().filter(|member| !member.is_shown);
    let hidden: u64 = hidden.map(|member| member.value[0]).sum();
    let sum = shown + members.other[0] + hidden;
    let is_whole = sum == credited && members.whole() == [credited];
    let is_good = is_whole && members.is_consistent();
    (!is_good).then(|| format!("{sum} for {credited}: {members:?}"))
}

#[test]
fn a_member_starts_at_zero_and_its_earlier_bytes_stay_in_other() {
    let mut family = Bounded::<u32, 1>::new(LIMITS);
    family.credit(7, 0, 100);
    assert!(family.end_poll(at(1)));
    let members = family.snapshot();
    assert_eq!(values(&members), [(7, [0])].into());
    assert_eq!((members.other, members.whole()), ([100], [100]));
    assert_eq!(members.shown()[0].created, Some(at(1).at));

    family.credit(7, 0, 30);
    family.end_poll(at(2));
    let members = family.snapshot();
    assert_eq!(values(&members), [(7, [30])].into());
    assert_eq!((members.other, members.whole()), ([100], [130]));
}

#[test]
fn a_hidden_member_that_returns_continues_from_its_value() {
    let limits = Limits { shown: 1, ..LIMITS };
    let mut family = Bounded::<u32, 1>::new(limits);
    let mut step = |key, amount, second| {
        family.credit(key, 0, amount);
        family.end_poll(at(second));
        let members = family.snapshot();
        (values(&members), members.other[0])
    };
    assert_eq!(step(7, 100, 1), ([(7, [0])].into(), 100));
    assert_eq!(step(7, 10, 2), ([(7, [10])].into(), 100));
    // 8 is larger by an eighth, and takes the place.
    assert_eq!(step(8, 123, 3), ([(7, [10])].into(), 223));
    assert_eq!(step(8, 1, 4), ([(8, [0])].into(), 224));
    // 7 is hidden: these are counted in other, and never shown as its own.
    assert_eq!(step(7, 20, 5), ([(8, [0])].into(), 244));
    assert_eq!(step(7, 20, 6), ([(7, [10])].into(), 264));
    assert_eq!(step(7, 5, 7), ([(7, [15])].into(), 264));
}

#[test]
fn at_most_so_many_members_take_a_place_within_an_hour() {
    let mut family = Bounded::<u32, 1>::new(LIMITS);
    let mut amount = 1;
    let mut seen = std::collections::BTreeSet::new();
    // Each is twice as large as all before, as in a scan that gets heavier.
    for second in 0..50 {
        amount += amount / 2 + 1;
        family.credit(1_000 + u32::try_from(second).unwrap(), 0, amount);
        family.end_poll(at(second * 60));
        seen.extend(values(&family.snapshot()).into_keys());
    }
    assert_eq!(seen.len(), LIMITS.shown + LIMITS.new_an_hour);
    // An hour after the first of them, one more may.
    family.end_poll(at(3_600 + 60));
    seen.extend(values(&family.snapshot()).into_keys());
    assert_eq!(seen.len(), LIMITS.shown + LIMITS.new_an_hour);
    family.end_poll(at(3_600 + 2 * 60));
    seen.extend(values(&family.snapshot()).into_keys());
    assert_eq!(seen.len(), LIMITS.shown + LIMITS.new_an_hour + 1);
}

#[test]
fn members_beyond_the_bound_are_counted_in_other() {
    let limits = Limits { kept: 2, ranked_by: 2, ..LIMITS };
    let mut family = Bounded::<u32, 2>::new(limits);
    for key in [1, 2, 3, 3, 1] {
        family.credit(key, 1, 10);
    }
    family.end_poll(at(1));
    let members = family.snapshot();
    assert_eq!((members.len(), members.not_kept), (2, [0, 20]));
    assert_eq!((members.other, members.whole()), ([0, 50], [0, 50]));
    assert!(members.is_consistent());
}

#[test]
fn only_the_first_counters_decide_and_amounts_of_no_member_stay_in_other() {
    let limits = Limits { shown: 1, ..LIMITS };
    let mut family = Bounded::<u32, 2>::new(limits);
    family.credit_all(7, &[10, 1]);
    family.credit_all(8, &[9, 1_000_000]);
    family.credit_other(&[3, 4]);
    family.end_poll(at(1));
    let members = family.snapshot();
    assert_eq!(values(&members), [(7, [0, 0])].into());
    // 8 is larger by an eighth only in a counter that does not decide.
    family.credit_all(8, &[2, 1_000_000]);
    family.credit_other(&[100, 100]);
    family.end_poll(at(2));
    let members = family.snapshot();
    assert_eq!(values(&members), [(7, [0, 0])].into());
    assert_eq!(members.other, [124, 2_000_105]);
    assert_eq!(members.not_kept, [103, 104]);
    assert!(members.is_consistent());
    family.credit_all(8, &[1, 0]);
    family.end_poll(at(3));
    assert_eq!(values(&family.snapshot()), [(8, [0, 0])].into());
}

#[test]
fn fewer_or_more_places_take_effect_at_the_next_poll() {
    let mut family = Bounded::<u32, 1>::new(LIMITS);
    for key in 1..=5 {
        family.credit(key, 0, u64::from(key) * 100);
    }
    family.end_poll(at(1));
    assert!(values(&family.snapshot()).into_keys().eq([4, 5]));
    family.show_at_most(4);
    family.end_poll(at(2));
    assert!(values(&family.snapshot()).into_keys().eq([2, 3, 4, 5]));
    family.show_at_most(1);
    assert!(family.end_poll(at(3)));
    assert!(values(&family.snapshot()).into_keys().eq([5]));
    family.snapshot();
    assert!(!family.end_poll(at(4)));
}

#[test]
fn an_untouched_part_is_shared_by_snapshots() {
    let kept = 10 * u32::try_from(TOGETHER).unwrap();
    let mut family = Bounded::<u32, 1>::new(Limits { kept, ..LIMITS });
    for key in 0..kept {
        family.credit(key, 0, 10);
    }
    family.end_poll(at(1));
    let before = family.snapshot();
    family.credit(kept - 1, 0, 1);
    family.end_poll(at(2));
    let after = family.snapshot();
    let pairs = before.parts.iter().zip(&after.parts);
    let shared = pairs.filter(|(a, b)| Arc::ptr_eq(a, b)).count();
    assert_eq!(shared, 9);
}

/// The same rules without the short cuts.
#[derive(Clone, Default)]
struct Naive {
    members: BTreeMap<u32, (u64, u64, bool)>,
    order: Vec<u32>,
    other: u64,
    taken: Vec<u64>,
}

impl Naive {
    fn total(&self, key: u32) -> u64 {
        let (value, in_other, _) = self.members[&key];
        value + in_other
    }

    fn credit(&mut self, key: u32, amount: u64, kept: usize) {
        if !self.members.contains_key(&key) {
            if self.members.len() == kept {
                self.other += amount;
                return;
            }
            self.members.insert(key, (0, 0, false));
            self.order.push(key);
        }
        let (value, in_other, is_shown) = self.members.get_mut(&key).unwrap();
        if *is_shown {
            *value += amount;
        } else {
            *in_other += amount;
            self.other += amount;
        }
    }

    /// Returns the extreme members that are shown or not: those that came later
    /// are larger.
    fn ranked(&self, is_shown: bool) -> Vec<u32> {
        let those = self.order.iter().enumerate();
        let those = those.filter(|(_, key)| self.members[key].2 == is_shown);
        let mut those: Vec<_> =
            those.map(|(place, key)| (self.total(*key), place, *key)).collect();
        those.sort_unstable();
        those.into_iter().map(|(.., key)| key).collect()
    }

    fn end_poll(&mut self, second: u64, shown: usize, new_an_hour: usize) {
        while self.ranked(true).len() > shown {
            let smallest = self.ranked(true)[0];
            self.members.get_mut(&smallest).unwrap().2 = false;
        }
        loop {
            let Some(&largest) = self.ranked(false).last() else { return };
            if self.total(largest) == 0 {
                return;
            }
            let all = self.ranked(true);
            if all.len() == shown {
                let smallest = all[0];
                let total = self.total(smallest);
                let within = |taken: &&u64| second - **taken < 3_600;
                if self.total(largest) <= total + total / 8
                    || self.taken.iter().filter(within).count() >= new_an_hour
                {
                    return;
                }
                self.taken.push(second);
                self.members.get_mut(&smallest).unwrap().2 = false;
            }
            self.members.get_mut(&largest).unwrap().2 = true;
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Credit(u32, u64),
    Poll(u64),
    Places(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => (0_u32..30, prop_oneof![1_u64..50, 1_u64..100_000])
            .prop_map(|(key, amount)| Step::Credit(key, amount)),
        4 => (0_u64..1_500).prop_map(Step::Poll),
        1 => (1_usize..8).prop_map(Step::Places),
    ];
    prop::collection::vec(step, 1..200)
}

proptest! {
    /// Shown, other and hidden are the whole at every snapshot, to the byte;
    /// `other` never falls, no series falls, each begins at zero, and the shown
    /// members are those that the plain rules show.
    #[test]
    fn a_family_shows_what_the_plain_rules_show(
        steps in steps(),
        kept in 5_u32..40,
        new_an_hour in 0_usize..6,
    ) {
        let limits = Limits { shown: 3, kept, new_an_hour, ranked_by: 1 };
        let mut family = Bounded::<u32, 1>::new(limits);
        let mut naive = Naive::default();
        let (mut places, mut second, mut credited) = (3, 0, 0);
        let mut seen: BTreeMap<u32, u64> = BTreeMap::new();
        let mut other = 0;
        for step in steps {
            match step {
                Step::Credit(key, amount) => {
                    family.credit(key, 0, amount);
                    naive.credit(key, amount, kept as usize);
                    credited += amount;
                    continue;
                }
                Step::Places(number) => {
                    family.show_at_most(number);
                    places = number;
                    continue;
                }
                Step::Poll(pause) => second += pause,
            }
            family.end_poll(at(second));
            naive.end_poll(second, places, new_an_hour);
            let members = family.snapshot();
            prop_assert_eq!(fault(&members, credited), None);
            let shown = values(&members);
            let expected: BTreeMap<u32, Sums<1>> = naive.members.iter()
                .filter(|(_, (.., is_shown))| *is_shown)
                .map(|(key, (value, ..))| (*key, [*value]))
                .collect();
            prop_assert_eq!(&shown, &expected);
            prop_assert_eq!(members.other[0], naive.other);
            prop_assert!(members.other[0] >= other);
            other = members.other[0];
            for (key, [value]) in shown {
                match seen.insert(key, value) {
                    Some(before) => prop_assert!(value >= before),
                    None => prop_assert_eq!(value, 0),
                }
            }
            // A process that continues shows the same.
            let resumed =
                Bounded::resume(Limits { shown: places, ..limits }, &members)
                    .snapshot();
            prop_assert_eq!(values(&resumed), values(&members));
            prop_assert_eq!(fault(&resumed, credited), None);
        }
    }

    /// One byte more or less anywhere, and the parts are not the whole.
    #[test]
    fn one_byte_is_noticed(place in 0_usize..6, counter in 0_usize..2) {
        let mut family = Bounded::<u32, 1>::new(LIMITS);
        for key in 0..6 {
            family.credit(key, 0, 100 + u64::from(key));
            family.end_poll(at(1));
            family.credit(key, 0, 50);
        }
        family.end_poll(at(2));
        let good = family.snapshot();
        prop_assert_eq!(fault(&good, 915), None);
        let mut bad = good.clone();
        let mut part = bad.parts[0].to_vec();
        match counter {
            0 => part[place].value[0] += 1,
            _ => part[place].in_other[0] += 1,
        }
        bad.parts[0] = part.into();
        prop_assert!(fault(&bad, 915).is_some());
        let mut bad = good;
        bad.other[0] -= 1;
        prop_assert!(fault(&bad, 915).is_some());
    }
}

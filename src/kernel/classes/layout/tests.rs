use proptest::prelude::*;

use super::*;
use crate::accounting::{ClassPrefix, IpVersion, ServicePlan};

fn plan(locals: &[u8], narrows: &[u8], services: &[u8]) -> ClassPlan {
    let prefix =
        ClassPrefix { ip_version: IpVersion::V4, address: [0; 16], length: 32 };
    let named = |kind: &str, of: &[u8]| -> Vec<Arc<str>> {
        of.iter().map(|it| format!("{kind}{it}").into()).collect()
    };
    let ranges = |kind: &str, of: &[u8]| {
        named(kind, of).into_iter().map(|name| (prefix, name)).collect()
    };
    let service = |name| ServicePlan { name, ports: Vec::new() };
    ClassPlan {
        locals: ranges("l", locals),
        narrows: ranges("n", narrows),
        services: named("s", services).into_iter().map(service).collect(),
    }
}

type Meaning = (Option<Arc<str>>, Option<Arc<str>>, Option<Arc<str>>, bool);

fn meaning(classes: &Classes, number: u16) -> Meaning {
    let Class { local, narrow, service, is_attempt } = classes.get(number);
    let name = |names: &[Arc<str>], at: u16| {
        usize::from(at).checked_sub(1).map(|at| names[at].clone())
    };
    let narrow = name(&classes.ranges, narrow);
    let service = name(&classes.services, service);
    (name(&classes.ranges, local), narrow, service, is_attempt)
}

/// Returns every class that packets can get, with its meaning by the numbers
/// that the program adds up.
fn given(numbers: &Numbers) -> BTreeMap<u16, Meaning> {
    fn named(of: &BTreeMap<Arc<str>, u16>) -> Vec<(Option<Arc<str>>, u16)> {
        of.iter().map(|(name, it)| (Some(name.clone()), *it)).collect()
    }
    let mut locals = named(&numbers.locals);
    locals.push((None, numbers.first));
    let mut narrows = named(&numbers.narrows);
    narrows.push((None, 0));
    let mut services = vec![(None, 0, false)];
    for (name, number) in named(&numbers.services) {
        services.push((name.clone(), number, false));
        services.push((name, number + 1, true));
    }
    let mut given = BTreeMap::new();
    for (local, a) in &locals {
        for (narrow, b) in &narrows {
            for (service, c, is_attempt) in &services {
                let meaning = (
                    local.clone(),
                    narrow.clone(),
                    service.clone(),
                    *is_attempt,
                );
                let before = given.insert(a + b + c, meaning);
                assert_eq!(before, None, "two combinations have one number");
            }
        }
    }
    given
}

#[test]
fn each_combination_has_a_number_of_its_own_with_its_meaning() {
    let mut allotment = Allotment::default();
    allotment.take_in(&plan(&[1, 2], &[3], &[4, 5, 6])).unwrap();
    let given = given(&allotment.numbers());
    assert_eq!(given.len(), 3 * 2 * 7);
    let classes = allotment.classes();
    for (number, expected) in given {
        assert!(number > 0);
        assert_eq!(meaning(&classes, number), expected);
        assert!(!allotment.is_dead(number));
    }
    assert_eq!(meaning(&classes, 0), Meaning::default());
    assert_eq!(meaning(&classes, u16::MAX), Meaning::default());
}

#[test]
fn a_full_configuration_waits_for_numbers_and_gets_them() {
    let many: Vec<u8> = (0..200).collect();
    let (full, other) = (
        plan(&many[..180], &[], &many[..80]),
        plan(&many[20..], &[], &many[1..81]),
    );
    let mut allotment = Allotment::default();
    allotment.take_in(&full).unwrap();
    allotment.take_in(&other).unwrap();
    assert!(allotment.has_dead());
    let before = allotment.clone();
    let third = full.clone();
    assert_eq!(allotment.take_in(&third), Err(Full));
    assert_eq!(allotment, before);
    allotment.free();
    assert!(!allotment.has_dead());
    allotment.take_in(&third).unwrap();
    assert!(allotment.is_sound());
}

#[test]
fn numbers_of_unknown_meaning_are_none_of_a_plan_before_they_are_freed() {
    let mut allotment = Allotment::unknown();
    assert!(allotment.is_sound());
    assert_eq!(allotment.take_in(&plan(&[1], &[], &[])), Err(Full));
}

#[derive(Clone, Debug)]
enum Step {
    Plan(Vec<u8>, Vec<u8>, Vec<u8>),
    Free,
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let names =
        |most: usize| proptest::collection::btree_set(0_u8..12, 0..most);
    let plan = (names(9), names(4), names(9)).prop_map(|(a, b, c)| {
        let list = |it: BTreeSet<u8>| it.into_iter().collect();
        Step::Plan(list(a), list(b), list(c))
    });
    let step =
        prop_oneof![4 => plan, 2 => Just(Step::Free), 1 => Just(Step::Restart)];
    proptest::collection::vec(step, 1..40)
}

proptest! {
    /// The flows of the model carry every class that packets ever got.
    #[test]
    fn a_number_keeps_its_meaning_as_long_as_flows_carry_it(steps in steps()) {
        let mut allotment = Allotment::default();
        let mut flows: BTreeMap<u16, Meaning> = BTreeMap::new();
        let mut last = plan(&[], &[], &[]);
        for step in steps {
            match step {
                Step::Plan(a, b, c) => {
                    let next = plan(&a, &b, &c);
                    if allotment.take_in(&next).is_ok() {
                        last = next;
                    }
                }
                Step::Free => {
                    flows.retain(|class, _| !allotment.is_dead(*class));
                    allotment.free();
                    prop_assert!(!allotment.has_dead());
                }
                Step::Restart => {
                    let saved = rmp_serde::to_vec(&allotment).unwrap();
                    allotment = rmp_serde::from_slice(&saved).unwrap();
                    allotment.take_in(&last).unwrap();
                }
            }
            prop_assert!(allotment.is_sound());
            if allotment == Allotment::default() {
                continue;
            }
            let classes = allotment.classes();
            for (number, expected) in given(&allotment.numbers()) {
                prop_assert!(!allotment.is_dead(number));
                let before = flows.insert(number, expected.clone());
                prop_assert!(before.is_none_or(|it| it == expected));
            }
            for (number, expected) in &flows {
                prop_assert_eq!(&meaning(&classes, *number), expected);
                prop_assert!(!allotment.is_dead(*number) || allotment.has_dead());
            }
        }
    }
}

use proptest::prelude::*;

use super::*;

fn bytes(received: u64) -> Amounts {
    Amounts { bytes: [received, 1], packets: [1, 0] }
}

fn sum<'a>(rows: impl IntoIterator<Item = &'a Amounts>) -> Amounts {
    rows.into_iter().fold(Amounts::default(), |mut sum, one| {
        sum.add(one);
        sum
    })
}

#[test]
fn the_largest_stay_and_the_others_are_one() {
    let rows = [
        ((1, 0), bytes(5)),
        ((2, 0), bytes(50)),
        ((3, 0), bytes(20)),
        ((OTHER, 0), bytes(7)),
    ];
    let kept = trimmed(Subject::Network, &rows, 2).unwrap();
    let keys: Vec<_> = kept.keys().copied().collect();
    assert_eq!(keys, [(OTHER, NONE), (2, 0), (3, 0)]);
    assert_eq!(kept[&(OTHER, NONE)].bytes, [12, 2]);
    assert_eq!(trimmed(Subject::Network, &rows, 3), None);
}

#[test]
fn countries_beyond_the_limit_stay_with_their_interface() {
    let rows = [((1, 10), bytes(9)), ((1, 11), bytes(2)), ((2, 10), bytes(3))];
    let kept = trimmed(Subject::Country, &rows, 1).unwrap_or_default();
    assert_eq!(kept.len(), 0, "no row fewer: {kept:?}");
    let rows = [&rows[..], &[((1, 12), bytes(1))]].concat();
    let kept = trimmed(Subject::Country, &rows, 1).unwrap();
    assert_eq!(kept[&(1, 10)].bytes, [9, 1]);
    assert_eq!(kept[&(1, OTHER)].bytes, [3, 2]);
    assert_eq!(kept[&(2, OTHER)].bytes, [3, 1]);
}

#[test]
fn small_interfaces_are_one_and_keep_their_countries() {
    let many = |interface: i64| {
        let size = u64::try_from(interface).unwrap();
        [((interface, 10), bytes(size)), ((interface, 11), bytes(size))]
    };
    let rows: Vec<_> = (1..=40).flat_map(many).collect();
    let kept = trimmed(Subject::Country, &rows, 1000).unwrap();
    assert_eq!(kept.len(), 2 * MOST_INTERFACES + 2);
    assert_eq!(kept[&(OTHER, 10)].bytes, [(1..=8).sum(), 8]);
}

proptest! {
    #[test]
    fn nothing_is_lost_and_no_second_trim_is_needed(
        rows in prop::collection::btree_map(
            (-1_i64..60, -2_i64..20), 0_u64..100, 0..200
        ),
        most in 0_usize..50, number in 0_usize..4,
    ) {
        let subject = Subject::ALL[number];
        let rows: Vec<_> =
            rows.into_iter().map(|(key, size)| (key, bytes(size))).collect();
        let before = sum(rows.iter().map(|(_, amounts)| amounts));
        if let Some(kept) = trimmed(subject, &rows, most) {
            prop_assert_eq!(sum(kept.values()), before);
            let kept: Vec<_> = kept.into_iter().collect();
            prop_assert!(kept.len() <= most + MOST_INTERFACES + 1);
            prop_assert_eq!(trimmed(subject, &kept, most), None);
        }
    }
}

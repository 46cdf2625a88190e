//! Any order of traffic, writes, restarts and clocks.

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Count(u8, u64),
    Write,
    Reopen,
    LoseState,
    Jump(i64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        5 => (0_u8..6, 1_u64..1 << 30).prop_map(|(n, b)| Step::Count(n, b)),
        5 => Just(Step::Write),
        1 => Just(Step::Reopen),
        1 => Just(Step::LoseState),
        2 => (-90_000_i64..90_000).prop_map(Step::Jump),
        // A clock that is wrong by years.
        1 => (-900_000_000_i64..900_000_000).prop_map(Step::Jump),
    ];
    prop::collection::vec(step, 0..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn every_table_has_each_byte_once(steps in steps()) {
        let (_folder, path, mut file) = begun();
        let (mut traffic, mut created) = (Traffic::new(), 1);
        let (mut now, mut gone) = (NOON, 0);
        for step in steps {
            match step {
                Step::Count(n, bytes) => {
                    let interface = ["eth0", "wg0"][usize::from(n % 2)];
                    let key = (interface, format!("C{}", n / 2));
                    *traffic.entry(key).or_default() += bytes;
                }
                Step::Write => {
                    write(&mut file, &counters(&traffic, created), now).unwrap();
                    now += 60;
                }
                Step::Reopen => {
                    drop(file);
                    file = File::open(&path, &Counters::default(), now).unwrap();
                }
                Step::LoseState => {
                    gone = sum(&path, "month");
                    traffic.clear();
                    created += 1;
                    drop(file);
                    file = File::open(&path, &Counters::default(), now).unwrap();
                    write(&mut file, &Counters::default(), now).unwrap();
                }
                Step::Jump(seconds) => now += seconds,
            }
        }
        write(&mut file, &counters(&traffic, created), now).unwrap();
        let (written, whole) = (sum(&path, "mark"), sum(&path, "month"));
        prop_assert_eq!(whole, gone + written);
        prop_assert_eq!(sum(&path, "day"), whole);
        prop_assert_eq!(sum(&path, "hour"), whole);
    }
}

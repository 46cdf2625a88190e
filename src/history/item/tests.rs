use proptest::prelude::*;

use super::*;

fn mark(received: u64, created: Option<u64>) -> Mark {
    let created = created.map(Timestamp::from_millis);
    let amounts = Amounts { bytes: [received, 0], packets: [received, 0] };
    Mark { amounts, created: [created, None] }
}

#[test]
fn a_counter_that_began_anew_has_grown_by_its_value() {
    for (before, now, grown) in [
        ((5, Some(1)), (9, Some(1)), 4),
        // It passed the old value meanwhile.
        ((5, Some(1)), (9, Some(2)), 9),
        ((5, Some(1)), (3, Some(2)), 3),
        // A restored state file.
        ((5, Some(1)), (3, Some(1)), 0),
        // No times are known.
        ((5, None), (3, None), 3),
        ((5, None), (9, Some(2)), 4),
        ((0, None), (9, Some(2)), 9),
    ] {
        let (before, now) = (mark(before.0, before.1), mark(now.0, now.1));
        let found = growth(&before, &now);
        assert_eq!(found.bytes, [grown, 0], "{before:?} {now:?}");
        assert_eq!(found.packets, [grown, 0]);
    }
}

/// An event of an exporter's life, for a naive model.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// Traffic.
    Count(u64),
    /// The counters are saved, and the history may write.
    Save,
    /// The history writes what is saved.
    Write,
    /// The exporter is killed: what is not saved is lost.
    Kill,
    /// The exporter is killed, and its state is lost.
    LoseState,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        5 => (1_u64..1000).prop_map(Step::Count),
        4 => Just(Step::Save),
        4 => Just(Step::Write),
        2 => Just(Step::Kill),
        1 => Just(Step::LoseState),
    ];
    prop::collection::vec(step, 0..60)
}

proptest! {
    /// The model adds up what was saved, and what a later save found: the
    /// history must have the same at each write.
    #[test]
    fn the_history_is_the_sum_of_all_that_was_saved(steps in steps()) {
        let mut created = 1;
        let (mut counter, mut saved) = (mark(0, Some(1)), mark(0, Some(1)));
        let (mut of_file, mut history) = (mark(0, Some(1)), 0);
        // Saved by states that are gone, and written before they went.
        let mut gone = 0;
        for step in steps {
            match step {
                Step::Count(bytes) => {
                    counter.amounts.bytes[0] += bytes;
                    counter.amounts.packets[0] += bytes;
                }
                Step::Save => saved = counter,
                Step::Write => {
                    history += growth(&of_file, &saved).bytes[0];
                    of_file = saved;
                    prop_assert_eq!(history, gone + saved.amounts.bytes[0]);
                }
                Step::Kill => counter = saved,
                Step::LoseState => {
                    gone = history;
                    created += 1;
                    counter = mark(0, Some(created));
                    saved = counter;
                }
            }
        }
    }
}

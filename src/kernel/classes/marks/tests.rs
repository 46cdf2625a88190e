use std::sync::Arc;

use super::*;
use crate::accounting::{ClassPlan, ServicePlan};

fn words() -> Vec<AtomicU64> {
    let words = ClassMarks::<Vec<AtomicU64>>::WORDS;
    (0..words).map(|_| AtomicU64::new(0)).collect()
}

fn allotment(services: usize) -> Allotment {
    let service = |at: usize| ServicePlan {
        name: Arc::from(format!("service-{at:010}")),
        ports: Vec::new(),
    };
    let services = (0..services).map(service).collect();
    let mut allotment = Allotment::default();
    let plan = ClassPlan { services, ..ClassPlan::default() };
    allotment.take_in(&plan).unwrap();
    allotment
}

#[test]
fn the_next_process_reads_the_meanings_that_were_written_last() {
    let marks = ClassMarks::new(words());
    assert_eq!(marks.read(), Allotment::default());
    for services in [3, 1, 7, 2] {
        let written = allotment(services);
        marks.write(&written);
        assert_eq!(marks.read().classes(), written.classes());
    }
}

#[test]
fn a_write_that_is_cut_short_leaves_the_one_before() {
    let marks = ClassMarks::new(words());
    let first = allotment(3);
    marks.write(&first);
    let valid = marks.0[0].load(Ordering::Relaxed);
    marks.write(&allotment(9));
    // All of the second but for its last step.
    marks.0[0].store(valid, Ordering::Relaxed);
    assert_eq!(marks.read().classes(), first.classes());
}

#[test]
fn notes_that_make_no_sense_or_have_no_room_give_numbers_no_meaning() {
    let marks = ClassMarks::new(words());
    marks.write(&allotment(3));
    for word in &marks.0[2..4] {
        word.store(u64::MAX, Ordering::Relaxed);
    }
    assert_eq!(marks.read(), Allotment::unknown());
    for valid in [3, u64::MAX] {
        marks.0[0].store(valid, Ordering::Relaxed);
        assert_eq!(marks.read(), Allotment::unknown());
    }
    let marks = ClassMarks::new(words());
    marks.write(&allotment(16_000));
    assert_eq!(marks.read(), Allotment::unknown());
}

//! Totals and statistics in memory that programs write at the same time: one
//! element for each CPU, summed up here.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};

use super::abi::{
    FAMILIES, INTERFACES, STATISTICS_WORDS, TOTAL_WORDS, TrafficTotal,
};
use crate::accounting::{InterfaceId, KernelCounter, KernelCounters};

/// Elements of the map of totals that each CPU has.
pub(super) const TOTALS_PER_CPU: u32 = INTERFACES * 2;

/// Reads a word before all that is read after it: totals are read before
/// flows.
fn read(word: &AtomicU64) -> u64 {
    word.load(Ordering::Acquire)
}

/// The exact totals of all CPUs.
#[derive(Debug)]
pub(super) struct Totals<M>(pub(super) M);

impl<M: Deref<Target = [AtomicU64]>> Totals<M> {
    /// Returns the total of an interface in a direction, by its number in C, on
    /// each CPU.
    pub(super) fn by_cpu(
        &self,
        interface: InterfaceId,
        direction: usize,
    ) -> impl Iterator<Item = TrafficTotal> {
        let (all, _) = self.0.as_chunks::<TOTAL_WORDS>();
        let first = interface.0 as usize * 2 + direction;
        let totals = all.iter().skip(first).step_by(TOTALS_PER_CPU as usize);
        totals.map(|words| {
            let mut total = TrafficTotal::default();
            let (packets, bytes) = words.split_at(FAMILIES);
            for family in 0..FAMILIES {
                total.packets[family] = read(&packets[family]);
                total.bytes[family] = read(&bytes[family]);
            }
            total
        })
    }

    /// Returns the sum of the totals of all CPUs.
    pub(super) fn of(
        &self,
        interface: InterfaceId,
        direction: usize,
    ) -> TrafficTotal {
        let by_cpu = self.by_cpu(interface, direction);
        by_cpu.fold(TrafficTotal::default(), |mut sum, total| {
            sum += total;
            sum
        })
    }
}

/// Returns the sums of the counters of all CPUs.
pub(super) fn counters_in(words: &[AtomicU64]) -> KernelCounters {
    let mut sum = KernelCounters::default();
    let (all, _) = words.as_chunks::<STATISTICS_WORDS>();
    for one in all {
        for (counter, word) in KernelCounter::ALL.into_iter().zip(one) {
            sum[counter] += read(word);
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_total_is_the_sum_of_its_elements_on_all_cpus() {
        let words = TOTALS_PER_CPU as usize * TOTAL_WORDS * 3;
        let words: Vec<_> = (0..words as u64).map(AtomicU64::new).collect();
        let total = Totals(words.as_slice()).of(InterfaceId(7), 1);
        let expected = |word: u64| -> u64 {
            let element = |cpu: u64| cpu * u64::from(TOTALS_PER_CPU) + 15;
            (0..3).map(|cpu| element(cpu) * TOTAL_WORDS as u64 + word).sum()
        };
        assert_eq!(total.packets, [0, 1, 2].map(expected));
        assert_eq!(total.bytes, [3, 4, 5].map(expected));
    }

    #[test]
    fn a_counter_is_the_sum_of_its_words_on_all_cpus() {
        let words = STATISTICS_WORDS as u64 * 2;
        let words: Vec<_> = (0..words).map(AtomicU64::new).collect();
        let sums = counters_in(&words);
        for (number, counter) in (0..).zip(KernelCounter::ALL) {
            let expected = 2 * number + STATISTICS_WORDS as u64;
            assert_eq!(sums[counter], expected, "{counter:?}");
        }
    }
}

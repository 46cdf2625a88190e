//! Reads the flow map: in batches, or by key if it holds few flows and no new
//! ones.

use std::io;
use std::num::NonZeroU32;
use std::os::fd::BorrowedFd;

use super::abi::{TrafficKey, TrafficValue};
use super::sys::{self, Batch, Cursor};
use crate::accounting::{FlowKey, Reading, Volume};

/// The buffers of a batch, kept from poll to poll.
#[derive(Debug)]
pub(super) struct FlowReader {
    /// The possible CPUs, each of which has a value of its own.
    cpus: usize,
    keys: Vec<TrafficKey>,
    values: Vec<TrafficValue>,
    /// The flows of the last sweep, if they were few.
    known: Vec<TrafficKey>,
    /// The number of flows created before that sweep, if they were few.
    new_keys: Option<u64>,
}

/// The most flows that are read one by one: a sweep looks into every bucket of
/// the map, even if it is empty.
const FEW: usize = 256;

/// The maps that have flows.
#[derive(Clone, Copy, Debug)]
pub(super) struct FlowMaps<'a> {
    pub(super) flows: BorrowedFd<'a>,
    /// The totals of classes, if there are any.
    pub(super) class_totals: Option<BorrowedFd<'a>>,
}

impl FlowReader {
    pub(super) fn new(cpus: usize) -> Self {
        Self {
            cpus,
            keys: Vec::new(),
            values: Vec::new(),
            known: Vec::new(),
            new_keys: None,
        }
    }

    /// Reads every flow that is there from beginning to end of the call, and
    /// perhaps some that are not; the totals of classes first. `new_keys` is the number of flows created
    /// before.
    ///
    /// # Errors
    /// If the kernel refuses a call; `readings` is then incomplete.
    pub(super) fn read(
        &mut self,
        maps: FlowMaps<'_>,
        batch_size: NonZeroU32,
        new_keys: u64,
        readings: &mut Vec<Reading>,
    ) -> io::Result<()> {
        readings.clear();
        // The kernel evicts only to make room: without a new flow, all known
        // flows are still there.
        if self.new_keys == Some(new_keys) {
            return self.read_known(maps, readings);
        }
        if let Some(class_totals) = maps.class_totals {
            self.sweep(class_totals, batch_size, readings)?;
        }
        self.sweep(maps.flows, batch_size, readings)?;
        self.new_keys = (readings.len() <= FEW).then_some(new_keys);
        self.known.clear();
        if self.new_keys.is_some() {
            let keys = readings.iter().map(|one| TrafficKey::from(&one.key));
            self.known.extend(keys);
        }
        Ok(())
    }

    fn read_known(
        &mut self,
        maps: FlowMaps<'_>,
        readings: &mut Vec<Reading>,
    ) -> io::Result<()> {
        let values = &mut self.values[..self.cpus];
        for key in &self.known {
            let map = match maps.class_totals {
                Some(totals) if key.is_without_remote() => totals,
                _ => maps.flows,
            };
            // A flow that user space removed is not there.
            if sys::lookup_flow(map, key, values, self.cpus)? {
                let decoded = key.decode();
                readings.extend(decoded.map(|key| sum_of(values).reading(key)));
            }
        }
        Ok(())
    }

    fn sweep(
        &mut self,
        map: BorrowedFd<'_>,
        batch_size: NonZeroU32,
        readings: &mut Vec<Reading>,
    ) -> io::Result<()> {
        self.resize(batch_size.get() as usize)?;
        let mut from = None;
        loop {
            let mut to = Cursor::default();
            let batch = sys::lookup_batch(
                map,
                from,
                &mut to,
                &mut self.keys,
                &mut self.values,
                self.cpus,
            )?;
            match batch {
                Batch::More(count) => {
                    self.decode(count, readings);
                    from = Some(to);
                }
                Batch::Last(count) => {
                    self.decode(count, readings);
                    return Ok(());
                }
                // A bucket that holds more than this exists only while the map
                // has more flows, so the doubling ends.
                Batch::TooSmall => self.resize(self.keys.len() * 2)?,
            }
        }
    }

    /// Makes room for a batch, or fails if there is none: a poll that fails is
    /// better than a process that is killed.
    fn resize(&mut self, batch_size: usize) -> io::Result<()> {
        let values = batch_size * self.cpus;
        let more_keys = batch_size.saturating_sub(self.keys.len());
        let more_values = values.saturating_sub(self.values.len());
        self.keys.try_reserve(more_keys)?;
        self.values.try_reserve(more_values)?;
        self.keys.resize(batch_size, TrafficKey::default());
        self.values.resize(values, TrafficValue::default());
        Ok(())
    }

    fn decode(&self, count: usize, readings: &mut Vec<Reading>) {
        let values = self.values.chunks_exact(self.cpus);
        let flows = self.keys.iter().zip(values).take(count);
        readings.extend(flows.filter_map(|(key, values)| {
            debug_assert!(key.decode().is_some(), "{key:?} has no meaning");
            Some(sum_of(values).reading(key.decode()?))
        }));
    }
}

/// The sum of the values of all CPUs.
#[derive(Debug, Default, PartialEq, Eq)]
struct Sum {
    volume: Volume,
    last_seen: Option<u32>,
    generation: u32,
}

fn sum_of(values: &[TrafficValue]) -> Sum {
    let mut sum = Sum::default();
    for value in values {
        sum.volume += Volume { packets: value.packets, bytes: value.bytes };
        sum.generation = sum.generation.max(value.generation);
        if value.packets > 0 {
            let seen = value.last_seen;
            sum.last_seen = Some(match sum.last_seen {
                // The clock wraps around: of two times, the later is a small
                // step ahead of the other.
                Some(other) if is_later(other, seen) => other,
                _ => seen,
            });
        }
    }
    sum
}

impl Sum {
    fn reading(self, key: FlowKey) -> Reading {
        Reading {
            key,
            volume: self.volume,
            generation: self.generation,
            last_seen: self.last_seen.unwrap_or_default(),
        }
    }
}

fn is_later(a: u32, b: u32) -> bool {
    a.wrapping_sub(b) < u32::MAX / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(packets: u64, last_seen: u32, generation: u32) -> TrafficValue {
        TrafficValue { packets, bytes: packets * 100, last_seen, generation }
    }

    #[test]
    fn the_values_of_all_cpus_are_summed() {
        let sum = sum_of(&[value(1, 10, 0), value(2, 20, 0x101)]);
        assert_eq!(sum.volume, Volume { packets: 3, bytes: 300 });
        assert_eq!(sum.last_seen, Some(20));
        assert_eq!(sum.generation, 0x101);
    }

    #[test]
    fn a_cpu_that_never_saw_the_flow_says_nothing_about_when() {
        let sum = sum_of(&[value(0, 0, 0), value(1, u32::MAX - 5, 1)]);
        assert_eq!(sum.last_seen, Some(u32::MAX - 5));
    }

    #[test]
    fn the_later_time_is_found_across_the_wrap_of_the_clock() {
        let sum = sum_of(&[value(1, u32::MAX, 1), value(1, 3, 0)]);
        assert_eq!(sum.last_seen, Some(3));
        let sum = sum_of(&[value(1, 3, 1), value(1, u32::MAX, 0)]);
        assert_eq!(sum.last_seen, Some(3));
    }
}

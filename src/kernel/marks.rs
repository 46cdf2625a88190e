//! What user space has to know of the maps where they outlive it: how they were
//! made, what is attached, and what was read of the flow table. It is in a map
//! of its own beside them, so that it is there when they are.
//!
//! In words of 64 bits: the epoch, the shape, the seeds; from
//! [`ATTACHMENTS_AT`] on what is attached, by interface number; from
//! [`VOLUMES_AT`] on packets and bytes of every slot of the flow table.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};

use super::InterfaceName;
use super::LinkLayer;
use super::abi::{ABI_VERSION, FAMILIES, INTERFACES, TrafficTotal};
use super::probe::ProbeSettings;
use super::sizes::Sizes;
use crate::accounting::{InterfaceId, Volume};

const EPOCH_AT: usize = 0;
const SHAPE_AT: usize = 1;
const SEEDS_AT: usize = SHAPE_AT + SHAPE.len();
const ATTACHMENTS_AT: usize = 16;
/// The serial number, ifindex and link layer, the name, the baseline.
const ATTACHMENT_WORDS: usize = 2 + NAME_WORDS + BASELINE_WORDS;
const NAME_WORDS: usize = 2;
const BASELINE_WORDS: usize = 2 * 2 * FAMILIES;
const VOLUMES_AT: usize =
    ATTACHMENTS_AT + INTERFACES as usize * ATTACHMENT_WORDS;

/// What the maps are made for, in words that have these names.
const SHAPE: [&str; 6] = [
    "version of the maps",
    "possible CPUs",
    "map_max_entries",
    "flow table",
    "ipv4_prefix_length",
    "ipv6_prefix_length",
];

const _: () = assert!(SEEDS_AT + 3 <= ATTACHMENTS_AT);

/// What maps are made for: with the same shape they are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape([u64; SHAPE.len()]);

impl Shape {
    pub(super) fn of(
        settings: &ProbeSettings,
        sizes: Sizes,
        cpus: usize,
    ) -> Self {
        Self([
            ABI_VERSION.into(),
            cpus as u64,
            settings.map_max_entries.get().into(),
            sizes.table_sets.into(),
            settings.ipv4_prefix_length.into(),
            settings.ipv6_prefix_length.into(),
        ])
    }

    /// Returns what is different from `other`, first of all, if anything is.
    pub(super) fn difference(&self, other: &Self) -> Option<String> {
        let pairs = self.0.iter().zip(&other.0);
        let (name, (own, others)) =
            SHAPE.iter().zip(pairs).find(|(_, (own, other))| own != other)?;
        Some(format!("{name}: they have {own}, and {others} is needed"))
    }
}

/// One attachment, as the next process will find it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    /// No other attachment has it, also not of the same number.
    pub(super) serial: u64,
    pub(super) ifindex: u32,
    pub(super) link_layer: LinkLayer,
    /// The name that it had when it was attached.
    pub(super) name: InterfaceName,
    /// What the totals showed when the number was taken.
    pub(super) baseline: [TrafficTotal; 2],
}

/// The words, in memory of any kind.
#[derive(Debug)]
pub(super) struct Marks<M>(M);

impl<M: Deref<Target = [AtomicU64]>> Marks<M> {
    /// Returns how many words a table of so many slots needs.
    pub(super) fn words(slots: u64) -> u64 {
        VOLUMES_AT as u64 + 2 * slots
    }

    /// Takes words that are zero, or that were marks before.
    pub(super) fn new(words: M) -> Self {
        Self(words)
    }

    fn get(&self, at: usize) -> u64 {
        self.0.get(at).map_or(0, |word| word.load(Ordering::Relaxed))
    }

    fn set(&self, at: usize, value: u64) {
        if let Some(word) = self.0.get(at) {
            word.store(value, Ordering::Relaxed);
        }
    }

    /// Says how the maps were made. The epoch is the last to be written: where
    /// it is zero, they were not finished.
    pub(super) fn begin(&self, epoch: u64, shape: Shape, seeds: [u64; 3]) {
        for (at, word) in shape.0.into_iter().chain(seeds).enumerate() {
            self.set(SHAPE_AT + at, word);
        }
        if let Some(word) = self.0.get(EPOCH_AT) {
            word.store(epoch, Ordering::Release);
        }
    }

    /// Returns which maps these are: no others have this number.
    pub(super) fn epoch(&self) -> u64 {
        self.get(EPOCH_AT)
    }

    pub(super) fn shape(&self) -> Shape {
        Shape(std::array::from_fn(|at| self.get(SHAPE_AT + at)))
    }

    pub(super) fn seeds(&self) -> [u64; 3] {
        std::array::from_fn(|at| self.get(SEEDS_AT + at))
    }

    /// Writes down that a number is in use. The serial number is the last to
    /// be written.
    pub(super) fn record(&self, id: InterfaceId, record: &Record) {
        let first = place_of(id);
        let layer = match record.link_layer {
            LinkLayer::Ethernet => 0,
            LinkLayer::None => 1 << 32,
        };
        self.set(first + 1, u64::from(record.ifindex) | layer);
        let mut name = [0; NAME_WORDS * 8];
        for (to, from) in name.iter_mut().zip(record.name.as_bytes()) {
            *to = *from;
        }
        let (words, _) = name.as_chunks();
        for (at, &word) in words.iter().enumerate() {
            self.set(first + 2 + at, u64::from_le_bytes(word));
        }
        let baseline = record.baseline.iter();
        let baseline = baseline.flat_map(|t| t.packets.iter().chain(&t.bytes));
        for (at, &word) in baseline.enumerate() {
            self.set(first + 2 + NAME_WORDS + at, word);
        }
        self.set(first, record.serial);
    }

    /// Writes down that a number is free.
    pub(super) fn erase(&self, id: InterfaceId) {
        self.set(place_of(id), 0);
    }

    /// Returns what has a number, or `None` where nothing has.
    pub(super) fn recorded(&self, id: InterfaceId) -> Option<Record> {
        let first = place_of(id);
        let serial = self.get(first);
        if serial == 0 {
            return None;
        }
        let device = self.get(first + 1);
        let name: Vec<u8> = (0..NAME_WORDS)
            .flat_map(|at| self.get(first + 2 + at).to_le_bytes())
            .collect();
        let mut baseline = [TrafficTotal::default(); 2];
        let words = baseline
            .iter_mut()
            .flat_map(|t| t.packets.iter_mut().chain(&mut t.bytes));
        for (at, word) in words.enumerate() {
            *word = self.get(first + 2 + NAME_WORDS + at);
        }
        Some(Record {
            serial,
            #[expect(
                clippy::cast_possible_truncation,
                reason = "the low half"
            )]
            ifindex: device as u32,
            link_layer: match device >> 32 {
                0 => LinkLayer::Ethernet,
                _ => LinkLayer::None,
            },
            name: InterfaceName::new(&name),
            baseline,
        })
    }

    /// Returns what has which number.
    pub(super) fn records(
        &self,
    ) -> impl Iterator<Item = (InterfaceId, Record)> + '_ {
        let numbers = (0..INTERFACES).map(InterfaceId);
        numbers.filter_map(|id| Some((id, self.recorded(id)?)))
    }

    /// Returns what was read of a slot last, in any process.
    pub(super) fn remembered(&self, slot: usize) -> Volume {
        let first = VOLUMES_AT + 2 * slot;
        Volume { packets: self.get(first), bytes: self.get(first + 1) }
    }

    /// Writes down what was read of a slot.
    pub(super) fn remember(&self, slot: usize, volume: Volume) {
        let first = VOLUMES_AT + 2 * slot;
        self.set(first, volume.packets);
        self.set(first + 1, volume.bytes);
    }
}

fn place_of(id: InterfaceId) -> usize {
    ATTACHMENTS_AT + id.0 as usize * ATTACHMENT_WORDS
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    fn marks(slots: u64) -> Marks<Vec<AtomicU64>> {
        let words = Marks::<Vec<AtomicU64>>::words(slots);
        Marks::new((0..words).map(|_| AtomicU64::new(0)).collect())
    }

    fn shape(ipv4_prefix_length: u8, cpus: usize) -> Shape {
        let settings = ProbeSettings {
            map_max_entries: NonZeroU32::new(10_000).unwrap(),
            ipv4_prefix_length,
            ipv6_prefix_length: 48,
        };
        Shape::of(&settings, Sizes::of(&settings, cpus, true), cpus)
    }

    #[test]
    fn what_was_written_down_is_read_by_the_next_process() {
        let marks = marks(8);
        assert_eq!((marks.epoch(), marks.records().count()), (0, 0));
        marks.begin(7, shape(24, 2), [1, 3, 5]);
        assert_eq!((marks.epoch(), marks.seeds()), (7, [1, 3, 5]));
        assert_eq!(marks.shape(), shape(24, 2));

        let total = |first: u64| TrafficTotal {
            packets: [first, first + 1, first + 2],
            bytes: [first + 3, first + 4, first + 5],
        };
        let record = |serial, name: &str, link_layer| Record {
            serial,
            ifindex: u32::MAX,
            link_layer,
            name: name.into(),
            baseline: [total(10), total(20)],
        };
        let first = record(1, "fifteen-letters", LinkLayer::None);
        let last = record(2, "e", LinkLayer::Ethernet);
        let ids = [InterfaceId(0), InterfaceId(INTERFACES - 1)];
        marks.record(ids[0], &first);
        marks.record(ids[1], &last);
        let found: Vec<_> = marks.records().collect();
        assert_eq!(found, [(ids[0], first), (ids[1], last.clone())]);
        marks.erase(ids[0]);
        assert_eq!(marks.records().collect::<Vec<_>>(), [(ids[1], last)]);
    }

    #[test]
    fn the_volumes_of_slots_are_beside_each_other_and_beside_nothing_else() {
        let marks = marks(8);
        let volume =
            |slot: u64| Volume { packets: slot + 1, bytes: slot * 100 + 1 };
        for slot in 0..8 {
            assert_eq!(marks.remembered(slot), Volume::default());
            marks.remember(slot, volume(slot as u64));
        }
        for slot in 0..8 {
            assert_eq!(marks.remembered(slot), volume(slot as u64));
        }
        assert_eq!((marks.epoch(), marks.records().count()), (0, 0));
        // A slot that there is no room for is no reason to fail.
        marks.remember(8, volume(8));
        assert_eq!(marks.remembered(8), Volume::default());
    }

    #[test]
    fn a_difference_in_shape_is_named() {
        let text = |own: Shape, needed| own.difference(&needed);
        assert_eq!(text(shape(24, 2), shape(24, 2)), None);
        assert_eq!(
            text(shape(24, 2), shape(32, 2)).as_deref(),
            Some("ipv4_prefix_length: they have 24, and 32 is needed")
        );
        assert_eq!(
            text(shape(24, 2), shape(24, 4)).as_deref(),
            Some("possible CPUs: they have 2, and 4 is needed")
        );
    }
}

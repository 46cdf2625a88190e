//! The ledger of the pinned maps: their epoch, the conditions of each feature's
//! counts, and the attachments. It is in a map of its own, `marks`, pinned
//! beside them, so that it exists as long as they do.
//!
//! In words of 64 bits: the epoch, the version of the whole ledger, the seeds;
//! from [`FEATURES_AT`] on the words of each feature; from [`ATTACHMENTS_AT`]
//! on the attachments, by interface number.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};

use super::abi::{FAMILIES, INTERFACES, TrafficTotal};
use super::interfaces::LinkLayer;
use super::name::InterfaceName;
use crate::accounting::InterfaceId;

const EPOCH_AT: usize = 0;
/// The place never changes, so that every release finds the version here.
const VERSION_AT: usize = 1;
const SEEDS_AT: usize = 2;
const FEATURES_AT: usize = 8;
/// Room for the words of a feature.
pub(super) const WORDS_OF_FEATURE: usize = 8;
const ATTACHMENTS_AT: usize = 64;
/// The serial number, ifindex and link layer, the name, the baseline.
const ATTACHMENT_WORDS: usize = 2 + NAME_WORDS + BASELINE_WORDS;
const NAME_WORDS: usize = 2;
const BASELINE_WORDS: usize = 2 * 2 * FAMILIES;

const _: () = assert!(SEEDS_AT + 3 <= FEATURES_AT);
/// The number of features that the ledger has room for.
pub(super) const FEATURES: usize =
    (ATTACHMENTS_AT - FEATURES_AT) / WORDS_OF_FEATURE;

/// A number that decides the meaning of counts, with its name in messages.
pub(super) type Word = (&'static str, u64);

/// One attachment, as the next process will find it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    /// A number that no other attachment has, not even one of the same number.
    pub(super) serial: u64,
    pub(super) ifindex: u32,
    pub(super) link_layer: LinkLayer,
    /// The name that it had when it was attached.
    pub(super) name: InterfaceName,
    /// The totals at the moment the number was taken.
    pub(super) baseline: [TrafficTotal; 2],
}

/// The words, in memory of any kind.
#[derive(Debug)]
pub(super) struct Ledger<M>(M);

impl<M: Deref<Target = [AtomicU64]>> Ledger<M> {
    /// The number of words of the ledger.
    pub(super) const WORDS: u64 =
        (ATTACHMENTS_AT + INTERFACES as usize * ATTACHMENT_WORDS) as u64;

    /// Takes words that are zero, or that were a ledger before.
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

    /// Begins the ledger of new maps. The epoch comes last, by [`Self::open`].
    pub(super) fn begin(&self, version: u32, seeds: [u64; 3]) {
        self.set(VERSION_AT, version.into());
        for (at, seed) in seeds.into_iter().enumerate() {
            self.set(SEEDS_AT + at, seed);
        }
    }

    /// Marks all maps as made and described. They are not while the epoch is
    /// zero.
    pub(super) fn open(&self, epoch: u64) {
        if let Some(word) = self.0.get(EPOCH_AT) {
            word.store(epoch, Ordering::Release);
        }
    }

    /// Writes down the words of the feature with this number.
    pub(super) fn describe(&self, feature: usize, words: &[Word]) {
        for (at, (_, word)) in words.iter().enumerate() {
            self.set(FEATURES_AT + feature * WORDS_OF_FEATURE + at, *word);
        }
    }

    /// Returns whether the words of a feature were ever written down: the first
    /// is its version, which is not zero.
    pub(super) fn is_described(&self, feature: usize) -> bool {
        self.get(FEATURES_AT + feature * WORDS_OF_FEATURE) != 0
    }

    /// Returns the first difference between the recorded words of a feature and
    /// the needed ones.
    pub(super) fn difference(
        &self,
        feature: usize,
        needed: &[Word],
    ) -> Option<String> {
        let first = FEATURES_AT + feature * WORDS_OF_FEATURE;
        let found = (first..).map(|at| self.get(at));
        let (found, (name, needed)) =
            found.zip(needed).find(|(found, (_, needed))| found != needed)?;
        Some(differs(name, found, *needed))
    }

    /// As [`Self::difference`], for the version, which every release writes at
    /// the same place.
    pub(super) fn version_difference(&self, needed: u32) -> Option<String> {
        let found = self.get(VERSION_AT);
        let needed = u64::from(needed);
        (found != needed).then(|| differs("version of the maps", found, needed))
    }

    /// Returns the number of these maps, which no other maps have.
    pub(super) fn epoch(&self) -> u64 {
        self.get(EPOCH_AT)
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

    /// Returns the attachment with this number, or `None` if there is none.
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

    /// Returns all attachments with their numbers.
    pub(super) fn records(
        &self,
    ) -> impl Iterator<Item = (InterfaceId, Record)> + '_ {
        let numbers = (0..INTERFACES).map(InterfaceId);
        numbers.filter_map(|id| Some((id, self.recorded(id)?)))
    }
}

fn differs(name: &str, found: u64, needed: u64) -> String {
    format!("{name}: they have {found}, and {needed} is needed")
}

fn place_of(id: InterfaceId) -> usize {
    ATTACHMENTS_AT + id.0 as usize * ATTACHMENT_WORDS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger() -> Ledger<Vec<AtomicU64>> {
        let words = Ledger::<Vec<AtomicU64>>::WORDS;
        Ledger::new((0..words).map(|_| AtomicU64::new(0)).collect())
    }

    #[test]
    fn the_next_process_reads_what_this_one_wrote() {
        let ledger = ledger();
        assert_eq!((ledger.epoch(), ledger.records().count()), (0, 0));
        ledger.begin(2, [1, 3, 5]);
        ledger.open(7);
        assert_eq!((ledger.epoch(), ledger.seeds()), (7, [1, 3, 5]));

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
        ledger.record(ids[0], &first);
        ledger.record(ids[1], &last);
        let found: Vec<_> = ledger.records().collect();
        assert_eq!(found, [(ids[0], first), (ids[1], last.clone())]);
        ledger.erase(ids[0]);
        assert_eq!(ledger.records().collect::<Vec<_>>(), [(ids[1], last)]);
    }

    #[test]
    fn a_difference_is_named_and_is_of_one_feature() {
        let ledger = ledger();
        ledger.begin(2, [1, 3, 5]);
        let words = |length| [("version", 2), ("prefix_length", length)];
        let last = FEATURES - 1;
        ledger.describe(0, &words(24));
        ledger.describe(last, &words(32));
        assert_eq!(ledger.difference(0, &words(24)), None);
        assert_eq!(ledger.difference(last, &words(32)), None);
        assert_eq!(
            ledger.difference(last, &words(24)).as_deref(),
            Some("prefix_length: they have 32, and 24 is needed")
        );
        assert_eq!(
            ledger.version_difference(3).as_deref(),
            Some("version of the maps: they have 2, and 3 is needed")
        );
        assert_eq!(ledger.version_difference(2), None);
        assert_eq!(ledger.records().count(), 0);
    }
}

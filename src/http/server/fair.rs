//! A queue that serves its owners in turn, however many items one of them has.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// Items by owner. The first item of an owner is taken, then the first item of the
/// next owner.
#[derive(Debug)]
pub(super) struct FairQueue<K, T> {
    /// None of them is empty.
    lanes: HashMap<K, VecDeque<T>>,
    /// The owners, in the order of their turns.
    turns: VecDeque<K>,
    length: usize,
}

impl<K, T> Default for FairQueue<K, T> {
    fn default() -> Self {
        let (lanes, turns) = (HashMap::new(), VecDeque::new());
        Self { lanes, turns, length: 0 }
    }
}

impl<K: Copy + Eq + Hash, T> FairQueue<K, T> {
    pub(super) fn len(&self) -> usize {
        self.length
    }

    pub(super) fn is_empty(&self) -> bool {
        self.length == 0
    }

    pub(super) fn push(&mut self, owner: K, item: T) {
        let lane = self.lanes.entry(owner).or_default();
        if lane.is_empty() {
            self.turns.push_back(owner);
        }
        lane.push_back(item);
        self.length += 1;
    }

    /// Takes the first item of the owner whose turn it is.
    pub(super) fn pop(&mut self) -> Option<T> {
        let owner = self.turns.pop_front()?;
        let lane = self.lanes.get_mut(&owner)?;
        let item = lane.pop_front()?;
        self.length -= 1;
        match lane.is_empty() {
            true => drop(self.lanes.remove(&owner)),
            false => self.turns.push_back(owner),
        }
        Some(item)
    }

    /// Takes the last item of the owner with the most items.
    pub(super) fn pop_excess(&mut self) -> Option<T> {
        let longest = self.lanes.iter().max_by_key(|(_, lane)| lane.len());
        let owner = *longest?.0;
        let lane = self.lanes.get_mut(&owner)?;
        let item = lane.pop_back()?;
        self.length -= 1;
        if lane.is_empty() {
            self.lanes.remove(&owner);
            self.turns.retain(|other| *other != owner);
        }
        Some(item)
    }

    /// Keeps only the items for which `is_kept` holds.
    pub(super) fn retain(&mut self, is_kept: impl Fn(&T) -> bool) {
        self.lanes.retain(|_, lane| {
            lane.retain(&is_kept);
            !lane.is_empty()
        });
        self.turns.retain(|owner| self.lanes.contains_key(owner));
        self.length = self.lanes.values().map(VecDeque::len).sum();
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn drained(mut queue: FairQueue<u8, u32>) -> Vec<u32> {
        std::iter::from_fn(|| queue.pop()).collect()
    }

    fn filled(items: &[(u8, u32)]) -> FairQueue<u8, u32> {
        let mut queue = FairQueue::default();
        items.iter().for_each(|&(owner, item)| queue.push(owner, item));
        queue
    }

    #[test]
    fn an_owner_waits_for_one_item_of_every_other() {
        let mut queue = FairQueue::default();
        (0..100).for_each(|item| queue.push(0, item));
        queue.push(1, 1000);
        queue.push(1, 1001);
        queue.push(2, 2000);
        let first: Vec<_> = (0..5).map_while(|_| queue.pop()).collect();
        assert_eq!(first, [0, 1000, 2000, 1, 1001]);
        assert_eq!(queue.len(), 98);
    }

    #[test]
    fn the_last_item_of_the_owner_with_most_is_the_excess() {
        let mut queue = filled(&[(0, 1), (1, 2), (0, 3), (2, 4)]);
        assert_eq!(queue.pop_excess(), Some(3));
        assert_eq!(drained(queue), [1, 2, 4]);
        assert_eq!(filled(&[(0, 1)]).pop_excess(), Some(1));
        assert_eq!(filled(&[]).pop_excess(), None);
    }

    proptest! {
        /// No item is lost, and the items of an owner keep their order.
        #[test]
        fn every_item_is_taken_once_and_in_its_owners_order(
            owners in proptest::collection::vec(0..5_u8, 0..60),
            divisor in 1..4_u32,
        ) {
            let items: Vec<_> = owners.iter().copied().zip(0..).collect();
            let mut queue = filled(&items);
            queue.retain(|item| item % divisor == 0);
            let kept = items.iter().filter(|(_, item)| item % divisor == 0);
            let expected: Vec<_> = kept.collect();
            prop_assert_eq!(queue.len(), expected.len());
            prop_assert_eq!(queue.is_empty(), expected.is_empty());
            let taken = drained(queue);
            prop_assert_eq!(taken.len(), expected.len());
            for owner in 0..5 {
                let own = |item: &u32| owners[*item as usize] == owner;
                let taken: Vec<_> =
                    taken.iter().copied().filter(|item| own(item)).collect();
                prop_assert!(taken.is_sorted());
            }
        }
    }
}

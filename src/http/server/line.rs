//! A queue of work for threads.

use std::collections::VecDeque;
use std::fmt;
use std::hash::Hash;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::fair::FairQueue;

/// The length from which on unwanted work is searched for and removed.
const MOST_UNWANTED: usize = 2048;

/// Work for a client.
pub(super) trait Work {
    /// Returns whether the client is still connected.
    fn is_wanted(&self) -> bool;

    /// Returns whether the client sends nothing more, and so may be gone.
    fn is_doubtful(&self) -> bool;
}

struct Waiting<K, T> {
    queue: FairQueue<K, T>,
    /// Work for clients that may be gone, done after all other work.
    doubtful: VecDeque<T>,
    has_ended: bool,
}

/// Work that waits, by owner.
pub(super) struct Line<K, T> {
    waiting: Mutex<Waiting<K, T>>,
    changed: Condvar,
    most: usize,
}

impl<K, T> fmt::Debug for Line<K, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line").field("most", &self.most).finish_non_exhaustive()
    }
}

impl<K: Copy + Eq + Hash, T: Work> Line<K, T> {
    /// Returns a line for this much work.
    pub(super) fn new(most: usize) -> Self {
        let waiting = Waiting {
            queue: FairQueue::default(),
            doubtful: VecDeque::new(),
            has_ended: false,
        };
        let (waiting, changed) = (Mutex::new(waiting), Condvar::new());
        Self { waiting, changed, most }
    }

    /// Adds work. If there is too much, returns the newest work of the owner with
    /// the most.
    pub(super) fn push(&self, owner: K, work: T) -> Option<T> {
        let mut waiting = self.lock();
        if waiting.has_ended {
            return None;
        }
        waiting.queue.push(owner, work);
        let length = waiting.queue.len() + waiting.doubtful.len();
        if length > self.most.min(MOST_UNWANTED) {
            waiting.queue.retain(T::is_wanted);
            waiting.doubtful.retain(T::is_wanted);
        }
        let is_excess = waiting.queue.len() > self.most;
        let excess = is_excess.then(|| waiting.queue.pop_excess()).flatten();
        drop(waiting);
        self.changed.notify_one();
        excess
    }

    /// Waits for work that is still wanted. None at the end.
    pub(super) fn take(&self) -> Option<T> {
        let mut waiting = self.lock();
        loop {
            if waiting.has_ended {
                return None;
            }
            match waiting.queue.pop() {
                Some(work) if !work.is_wanted() => {}
                Some(work) if work.is_doubtful() => {
                    waiting.doubtful.push_back(work);
                }
                Some(work) => return Some(work),
                None => match waiting.doubtful.pop_front() {
                    Some(work) if work.is_wanted() => return Some(work),
                    Some(_) => {}
                    None => {
                        waiting = self
                            .changed
                            .wait(waiting)
                            .unwrap_or_else(PoisonError::into_inner);
                    }
                },
            }
        }
    }

    /// Ends the threads that take work, each after its current work.
    pub(super) fn end(&self) {
        let mut waiting = self.lock();
        waiting.has_ended = true;
        waiting.queue.clear();
        waiting.doubtful.clear();
        drop(waiting);
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Waiting<K, T>> {
        // Nothing in this file panics with the lock held.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq)]
    struct Piece(u32, &'static str);

    impl Work for Piece {
        fn is_wanted(&self) -> bool {
            self.1 != "unwanted"
        }

        fn is_doubtful(&self) -> bool {
            self.1 == "doubtful"
        }
    }

    fn line(most: usize, work: &[(u8, u32, &'static str)]) -> Line<u8, Piece> {
        let line = Line::new(most);
        for &(owner, number, how) in work {
            assert_eq!(line.push(owner, Piece(number, how)), None);
        }
        line
    }

    #[test]
    fn unwanted_work_is_not_done_and_doubtful_work_last() {
        let line = line(
            9,
            &[
                (0, 0, "doubtful"),
                (0, 1, "unwanted"),
                (1, 2, ""),
                (0, 3, ""),
                (2, 4, "doubtful"),
            ],
        );
        let taken: Vec<_> =
            (0..4).filter_map(|_| line.take().map(|it| it.0)).collect();
        assert_eq!(taken, [2, 3, 0, 4]);
        line.end();
        assert_eq!(line.take(), None);
    }

    #[test]
    fn a_full_line_has_room_for_the_owner_with_least() {
        let line = line(3, &[(0, 0, ""), (0, 1, "unwanted"), (0, 2, "")]);
        assert_eq!(line.push(0, Piece(3, "")), None);
        assert_eq!(line.push(1, Piece(4, "")), Some(Piece(3, "")));
        assert_eq!(line.push(0, Piece(5, "")), Some(Piece(5, "")));
        assert_eq!(line.take(), Some(Piece(0, "")));
        assert_eq!(line.take(), Some(Piece(4, "")));
    }
}

//! The numbers of range names.
//!
//! This file locks a list for the time of one search. It does no I/O and no
//! logging.

#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Range;

/// The names of all ranges since the start. A clone shares the list.
///
/// A name keeps its number for as long as the process runs, so that counters
/// of one table of ranges go on with the next. A reload and a changed file may
/// be read at the same time: both take their numbers here.
#[derive(Clone, Debug, Default)]
pub struct RangeNames(Arc<Mutex<Names>>);

#[derive(Debug, Default)]
struct Names {
    names: Vec<Arc<str>>,
    numbers: HashMap<Arc<str>, Range>,
}

impl RangeNames {
    /// The largest number of names that one process knows.
    pub const MOST: usize = u16::MAX as usize;

    /// Returns the number of a name, and takes in a name that is new; `None`
    /// if there are [`RangeNames::MOST`] names already.
    #[must_use]
    pub fn intern(&self, name: &str) -> Option<Range> {
        let mut names = self.lock();
        if let Some(range) = names.numbers.get(name) {
            return Some(*range);
        }
        // Zero is the number of none.
        let number = u16::try_from(names.names.len() + 1).ok()?;
        let (range, name) = (Range(number), Arc::<str>::from(name));
        names.names.push(Arc::clone(&name));
        names.numbers.insert(name, range);
        Some(range)
    }

    /// Returns the name of a range: `other` if it has none.
    #[must_use]
    pub fn get(&self, range: Range) -> Arc<str> {
        let at = usize::from(range.0).checked_sub(1);
        let names = self.lock();
        let name = at.and_then(|at| names.names.get(at));
        name.map_or_else(|| "other".into(), Arc::clone)
    }

    fn lock(&self) -> MutexGuard<'_, Names> {
        // Nothing in this file panics with the lock held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_number_and_their_number_is_bounded() {
        let names = RangeNames::default();
        let office = names.intern("office").unwrap();
        assert_eq!(names.clone().intern("office"), Some(office));
        assert_eq!(&*names.get(office), "office");
        assert_eq!(&*names.get(Range::default()), "other");
        for number in 1..RangeNames::MOST {
            assert!(names.intern(&number.to_string()).is_some());
        }
        assert_eq!(names.intern("one more"), None);
        assert_eq!(names.intern("office"), Some(office));
    }
}

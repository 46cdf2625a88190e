//! The books of connections: how many, by country and direction.

use std::collections::BTreeMap;
use std::ops::AddAssign;

/// The side that asks for a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Asking {
    World,
    Machine,
}

impl Asking {
    /// Returns the value of the label `direction`.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::World => "inbound",
            Self::Machine => "outbound",
        }
    }
}

/// The numbers of connections of one country and direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) opened: u64,
    pub(crate) failed: u64,
    pub(crate) closed: u64,
}

impl Tally {
    /// Returns the number of connections that are open.
    pub(crate) fn open(self) -> u64 {
        self.opened - self.closed
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.opened += other.opened;
        self.failed += other.failed;
        self.closed += other.closed;
    }
}

/// The numbers of connections by country and direction. None is all zeros.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tallies(pub(crate) BTreeMap<(String, &'static str), Tally>);

impl Tallies {
    /// Books connections of a country.
    pub(crate) fn add(&mut self, country: &str, asking: Asking, more: Tally) {
        if more != Tally::default() {
            let key = (country.to_owned(), asking.label());
            *self.0.entry(key).or_default() += more;
        }
    }

    /// Returns the sum of all.
    pub(crate) fn sum(&self) -> Tally {
        self.0.values().fold(Tally::default(), |mut sum, &one| {
            sum += one;
            sum
        })
    }
}

impl AddAssign for Tallies {
    fn add_assign(&mut self, other: Self) {
        for (key, more) in other.0 {
            *self.0.entry(key).or_default() += more;
        }
    }
}

//! Looks for ends of connections that no program saw.
//!
//! Some kernels run no tracing program in some processes, nor in their
//! interrupts. If the end of a connection is missed there, it stays open in the
//! account, while visits no longer see it.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

/// Visits in a row with the same surplus, after which it is taken for missed
/// ends. A busy machine opens and closes connections during each visit, so that
/// its surplus varies.
const SUSPICIOUS: u32 = 3;

/// Visits after a recount until the missing connections are given up: the first
/// one may have missed a socket that was about to end.
const PATIENT: u32 = 2;

/// The step after a visit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// There is nothing to do.
    Nothing,
    /// The open connections are to be counted anew.
    Recount,
    /// The connections that no visit saw since the recount have ended.
    Settle,
}

/// Compares the numbers of open connections.
#[derive(Debug, Default)]
pub(super) struct Audit {
    surplus: i64,
    /// The visits in a row with this surplus.
    visits: u32,
    /// The visits until the last recount is settled, if it is to be.
    unsettled: Option<u32>,
}

impl Audit {
    /// Takes note that the open connections are counted anew. `is_owed` tells
    /// whether the account remembers their numbers until it is settled.
    pub(super) fn recount(&mut self, is_owed: bool) {
        *self = Self::default();
        self.unsettled = is_owed.then_some(PATIENT);
    }

    /// Judges after a visit: `counted` connections are open in the account, and
    /// the visit saw `visited`.
    pub(super) fn end_visit(&mut self, counted: i64, visited: u64) -> Step {
        if let Some(left) = self.unsettled {
            self.unsettled = (left > 1).then(|| left - 1);
            return match self.unsettled {
                Some(_) => Step::Nothing,
                None => Step::Settle,
            };
        }
        let surplus = counted - visited.cast_signed();
        let is_same = surplus == self.surplus;
        self.surplus = surplus;
        self.visits = if is_same { self.visits + 1 } else { 1 };
        match surplus > 0 && self.visits >= SUSPICIOUS {
            true => Step::Recount,
            false => Step::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_surplus_that_stays_is_counted_anew_and_settled() {
        let mut audit = Audit::default();
        for (counted, expected) in [
            (100, Step::Nothing),
            (100, Step::Nothing),
            (102, Step::Nothing),
            (103, Step::Nothing),
            (103, Step::Nothing),
            (103, Step::Recount),
        ] {
            assert_eq!(audit.end_visit(counted, 100), expected, "{counted}");
        }
        audit.recount(true);
        assert_eq!(audit.end_visit(100, 100), Step::Nothing);
        assert_eq!(audit.end_visit(100, 100), Step::Settle);
        for _ in 0..5 {
            assert_eq!(audit.end_visit(100, 100), Step::Nothing);
        }
    }

    #[test]
    fn fewer_counted_than_seen_and_a_recount_for_another_meaning_are_no_matter()
    {
        let mut audit = Audit::default();
        audit.recount(false);
        for _ in 0..5 {
            assert_eq!(audit.end_visit(99, 100), Step::Nothing);
        }
    }
}

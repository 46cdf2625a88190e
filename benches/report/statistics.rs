//! Medians.
//!
//! Pure: no I/O, clock, threads or logging.

/// Returns the middle one, or the mean of the two in the middle; `None` of
/// nothing.
pub(crate) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 {
        Some(sorted[middle])
    } else {
        let (low, high) = (sorted.get(middle.checked_sub(1)?)?, sorted[middle]);
        Some(f64::midpoint(*low, high))
    }
}

/// Rounds of several variants, each measured once in every round.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Samples {
    rounds: Vec<Vec<f64>>,
}

impl Samples {
    /// Adds a round: one number for each variant, always in the same order.
    pub(crate) fn push(&mut self, round: Vec<f64>) {
        assert!(
            self.rounds.first().is_none_or(|r| r.len() == round.len()),
            "a round of other variants"
        );
        self.rounds.push(round);
    }

    /// Returns the median of a variant.
    pub(crate) fn median(&self, variant: usize) -> f64 {
        let values: Vec<_> = self.rounds.iter().map(|r| r[variant]).collect();
        median(&values).expect("at least one round")
    }

    /// Returns the median extra cost of a variant over another in the same
    /// round.
    pub(crate) fn median_above(&self, variant: usize, base: usize) -> f64 {
        let values: Vec<_> =
            self.rounds.iter().map(|r| r[variant] - r[base]).collect();
        median(&values).expect("at least one round")
    }
}

//! Helpers to build metric families.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use prometheus::proto::{
    Counter, Gauge, LabelPair, Metric, MetricFamily, MetricType,
};

/// The name of a family, what it means and the names of its labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Description<const LABELS: usize = 0> {
    /// Its name, `_total` and unit included.
    pub name: &'static str,
    /// One sentence for the `# HELP` line.
    pub help: &'static str,
    /// The names of its labels, in the order they are written.
    pub labels: [&'static str; LABELS],
}

impl<const LABELS: usize> Description<LABELS> {
    /// Starts an empty family of counters.
    #[must_use]
    pub fn counter(&self) -> FamilyBuilder<'_, LABELS> {
        FamilyBuilder::new(self, MetricType::COUNTER)
    }

    /// Starts an empty family of gauges.
    #[must_use]
    pub fn gauge(&self) -> FamilyBuilder<'_, LABELS> {
        FamilyBuilder::new(self, MetricType::GAUGE)
    }
}

impl Description<0> {
    /// Returns the family of one counter without labels.
    #[must_use]
    pub fn counter_of(&self, value: f64) -> MetricFamily {
        let mut family = self.counter();
        family.push([], value);
        family.build()
    }

    /// Returns the family of one gauge without labels.
    #[must_use]
    pub fn gauge_of(&self, value: f64) -> MetricFamily {
        let mut family = self.gauge();
        family.push([], value);
        family.build()
    }
}

/// A family being filled.
#[derive(Debug)]
pub struct FamilyBuilder<'a, const LABELS: usize> {
    description: &'a Description<LABELS>,
    field_type: MetricType,
    metrics: Vec<Metric>,
}

impl<'a, const LABELS: usize> FamilyBuilder<'a, LABELS> {
    fn new(
        description: &'a Description<LABELS>,
        field_type: MetricType,
    ) -> Self {
        Self { description, field_type, metrics: Vec::new() }
    }

    /// Adds one sample; label values in the order of the description.
    pub fn push(&mut self, labels: [&str; LABELS], value: f64) {
        let pairs = self
            .description
            .labels
            .iter()
            .zip(labels)
            .map(|(name, value)| {
                let mut pair = LabelPair::default();
                pair.set_name((*name).to_owned());
                pair.set_value(value.to_owned());
                pair
            })
            .collect();
        let mut metric = Metric::from_label(pairs);
        if self.field_type == MetricType::COUNTER {
            let mut counter = Counter::default();
            counter.set_value(value);
            metric.set_counter(counter);
        } else {
            let mut gauge = Gauge::default();
            gauge.set_value(value);
            metric.set_gauge(gauge);
        }
        self.metrics.push(metric);
    }

    /// Returns the family, which the encoder leaves out when it is empty.
    #[must_use]
    pub fn build(self) -> MetricFamily {
        let mut family = MetricFamily::default();
        family.set_name(self.description.name.to_owned());
        family.set_help(self.description.help.to_owned());
        family.set_field_type(self.field_type);
        family.set_metric(self.metrics);
        family
    }
}

/// Returns a count as a sample value.
///
/// Prometheus keeps 64-bit floats: above 2^53, nine thousand terabytes, a
/// value is rounded to a few bytes.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "see above")]
pub fn sample(count: u64) -> f64 {
    count as f64
}

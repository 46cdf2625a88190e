//! Helpers to build metric families.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use prometheus::proto::{
    Bucket, Counter, Gauge, LabelPair, Metric, MetricFamily, MetricType,
};

use crate::accounting::Timestamp;

/// A family with the times at which its counters began.
#[derive(Clone, Debug, Default)]
pub struct Family {
    /// Its metrics.
    pub metrics: MetricFamily,
    /// The time at which each of them was zero, in the same order, if known. The
    /// list may be shorter: the times of the others are unknown.
    pub created: Vec<Option<Timestamp>>,
}

impl From<MetricFamily> for Family {
    fn from(metrics: MetricFamily) -> Self {
        Self { metrics, created: Vec::new() }
    }
}

/// The name of a family, its help text and the names of its labels.
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

    /// Starts an empty family of histograms.
    #[must_use]
    pub fn histogram(&self) -> FamilyBuilder<'_, LABELS> {
        FamilyBuilder::new(self, MetricType::HISTOGRAM)
    }
}

impl Description<0> {
    /// Returns the family of one counter without labels, and the time at which
    /// it was zero.
    #[must_use]
    pub fn counter_of(&self, value: f64, created: Option<Timestamp>) -> Family {
        let mut family = self.counter();
        family.push_created([], value, created);
        family.build()
    }

    /// Returns the family of one gauge without labels.
    #[must_use]
    pub fn gauge_of(&self, value: f64) -> Family {
        let mut family = self.gauge();
        family.push([], value);
        family.build()
    }
}

/// The values of a histogram.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Histogram<'a> {
    /// The upper bounds of the buckets but the last one, which has none.
    pub bounds: &'a [f64],
    /// The number of observations in each bucket, not cumulative: one more than
    /// there are bounds.
    pub buckets: &'a [u64],
    /// The sum of the observed values, none of which is negative.
    pub sum: f64,
}

/// A family being filled.
#[derive(Debug)]
pub struct FamilyBuilder<'a, const LABELS: usize> {
    description: &'a Description<LABELS>,
    field_type: MetricType,
    metrics: Vec<Metric>,
    created: Vec<Option<Timestamp>>,
}

impl<'a, const LABELS: usize> FamilyBuilder<'a, LABELS> {
    fn new(
        description: &'a Description<LABELS>,
        field_type: MetricType,
    ) -> Self {
        Self {
            description,
            field_type,
            metrics: Vec::new(),
            created: Vec::new(),
        }
    }

    /// Adds one sample; label values in the order of the description.
    pub fn push(&mut self, labels: [&str; LABELS], value: f64) {
        let mut metric = self.metric(labels);
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

    /// Adds a histogram and the time at which it had no observations.
    pub fn push_histogram(
        &mut self,
        labels: [&str; LABELS],
        histogram: &Histogram<'_>,
        created: Option<Timestamp>,
    ) {
        let mut count = 0;
        let mut buckets = Vec::with_capacity(histogram.bounds.len());
        let mut bounds = histogram.bounds.iter();
        for observations in histogram.buckets {
            count += observations;
            // The encoder writes the last bucket, of all observations.
            if let Some(bound) = bounds.next() {
                let mut bucket = Bucket::default();
                bucket.set_upper_bound(*bound);
                bucket.set_cumulative_count(count);
                buckets.push(bucket);
            }
        }
        let mut values = prometheus::proto::Histogram::default();
        values.set_bucket(buckets);
        values.set_sample_count(count);
        values.set_sample_sum(histogram.sum);
        let mut metric = self.metric(labels);
        metric.set_histogram(values);
        self.created.resize(self.metrics.len(), None);
        self.created.push(created);
        self.metrics.push(metric);
    }

    fn metric(&self, labels: [&str; LABELS]) -> Metric {
        let names = self.description.labels.iter();
        let pairs = names.zip(labels).map(|(name, value)| {
            let mut pair = LabelPair::default();
            pair.set_name((*name).to_owned());
            pair.set_value(value.to_owned());
            pair
        });
        Metric::from_label(pairs.collect())
    }

    /// Adds one sample of a counter and the time at which it was zero.
    pub fn push_created(
        &mut self,
        labels: [&str; LABELS],
        value: f64,
        created: Option<Timestamp>,
    ) {
        self.created.resize(self.metrics.len(), None);
        self.created.push(created);
        self.push(labels, value);
    }

    /// Returns the family, which the encoder leaves out when it is empty.
    #[must_use]
    pub fn build(self) -> Family {
        let mut metrics = MetricFamily::default();
        metrics.set_name(self.description.name.to_owned());
        metrics.set_help(self.description.help.to_owned());
        metrics.set_field_type(self.field_type);
        metrics.set_metric(self.metrics);
        Family { metrics, created: self.created }
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

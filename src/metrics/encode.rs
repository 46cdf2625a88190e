//! The text of metric families, in the two formats Prometheus reads.
//!
//! The prometheus crate's own encoder knows the older format only and writes
//! an infinite value as `inf`. This one writes both, straight into the page or
//! its compressor.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::io::{self, Write};

use prometheus::proto::{
    Histogram, LabelPair, Metric, MetricFamily, MetricType, Summary,
};

use super::family::Family;
use crate::accounting::Timestamp;

/// The format of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Prometheus text, version 0.0.4.
    Text,
    /// OpenMetrics text, version 1.0.0.
    OpenMetrics,
}

impl Format {
    /// Returns the `Content-Type` of a page in this format.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => {
                "application/openmetrics-text; version=1.0.0; charset=utf-8"
            }
        }
    }
}

/// Writes one page, family by family.
pub struct Encoder<W> {
    format: Format,
    to: W,
    /// Re-used from line to line.
    line: Vec<u8>,
    /// The family that was written last.
    current: String,
    /// The number of series of each family with labels, without `_created`.
    series: Vec<(String, u64)>,
}

/// A label a sample has beside those of its metric: `le` or `quantile`.
type Bound = Option<(&'static str, f64)>;

impl<W: Write> Encoder<W> {
    /// Returns an encoder of a page to be written here.
    pub fn new(format: Format, to: W) -> Self {
        let (line, current, series) = Default::default();
        Self { format, to, line, current, series }
    }

    /// Returns the number of series of each family with labels so far. The
    /// times of `_created` are not among them: the older format has none.
    pub fn series(&self) -> &[(String, u64)] {
        &self.series
    }

    /// Writes a family, or nothing if it has no samples. A family with the name
    /// of the last one continues it.
    ///
    /// # Errors
    ///
    /// If the page cannot be written.
    pub fn family(&mut self, family: &Family) -> io::Result<()> {
        let Family { metrics: family, created } = family;
        if family.get_metric().is_empty() {
            return Ok(());
        }
        let (base, kind, suffix) = self.title(family);
        if self.current != family.name() {
            self.head(base, kind, family.help())?;
            self.current.clear();
            self.current.push_str(family.name());
        }
        self.count(family);
        let unknown = std::iter::repeat(&None);
        let created = created.iter().chain(unknown);
        for (metric, created) in family.get_metric().iter().zip(created) {
            match family.get_field_type() {
                MetricType::COUNTER => {
                    let value = metric.get_counter().get_value();
                    self.sample(base, suffix, metric, None, value)?;
                    self.created(base, metric, *created)?;
                }
                MetricType::GAUGE => {
                    let value = metric.get_gauge().get_value();
                    self.sample(base, suffix, metric, None, value)?;
                }
                MetricType::HISTOGRAM => {
                    self.histogram(base, metric)?;
                    self.created(base, metric, *created)?;
                }
                MetricType::SUMMARY => self.summary(base, metric)?,
                // The crate offers no way to make one.
                MetricType::UNTYPED => {}
            }
        }
        Ok(())
    }

    fn count(&mut self, family: &MetricFamily) {
        let metrics = family.get_metric();
        let series: u64 = metrics.iter().map(series).sum();
        match self.series.last_mut() {
            Some((name, count)) if name == family.name() => *count += series,
            _ if metrics.iter().all(|it| it.get_label().is_empty()) => {}
            _ => self.series.push((family.name().to_owned(), series)),
        }
    }

    /// Writes the time at which a counter or a histogram was zero. The older format has no
    /// place for it.
    fn created(
        &mut self,
        base: &str,
        metric: &Metric,
        created: Option<Timestamp>,
    ) -> io::Result<()> {
        match created {
            Some(at) if self.format == Format::OpenMetrics => {
                self.sample(base, "_created", metric, None, at.seconds())
            }
            _ => Ok(()),
        }
    }

    fn head(&mut self, base: &str, kind: &str, help: &str) -> io::Result<()> {
        self.to.write_all(b"# HELP ")?;
        self.to.write_all(base.as_bytes())?;
        self.to.write_all(b" ")?;
        self.line.clear();
        escape(&mut self.line, help, self.format == Format::OpenMetrics);
        self.to.write_all(&self.line)?;
        writeln!(self.to, "\n# TYPE {base} {kind}")
    }

    /// Ends the page.
    ///
    /// # Errors
    ///
    /// If the page cannot be written.
    pub fn finish(mut self) -> io::Result<()> {
        if self.format == Format::OpenMetrics {
            self.to.write_all(b"# EOF\n")?;
        }
        Ok(())
    }

    /// Returns the name and type to announce, and the suffix of the samples'
    /// names. In OpenMetrics `_total` and `_info` belong to the samples.
    fn title<'f>(
        &self,
        family: &'f MetricFamily,
    ) -> (&'f str, &'static str, &'static str) {
        let name = family.name();
        let open = self.format == Format::OpenMetrics;
        match family.get_field_type() {
            MetricType::COUNTER if open => {
                let base = name.strip_suffix("_total").unwrap_or(name);
                (base, "counter", "_total")
            }
            MetricType::COUNTER => (name, "counter", ""),
            MetricType::GAUGE => match name.strip_suffix("_info") {
                Some(base) if open => (base, "info", "_info"),
                _ => (name, "gauge", ""),
            },
            MetricType::HISTOGRAM => (name, "histogram", ""),
            MetricType::SUMMARY => (name, "summary", ""),
            MetricType::UNTYPED if open => (name, "unknown", ""),
            MetricType::UNTYPED => (name, "untyped", ""),
        }
    }

    fn histogram(&mut self, base: &str, metric: &Metric) -> io::Result<()> {
        let histogram: &Histogram = metric.get_histogram();
        let count = super::family::sample(histogram.get_sample_count());
        for bucket in histogram.get_bucket() {
            if bucket.upper_bound().is_finite() {
                let bound = Some(("le", bucket.upper_bound()));
                let below = super::family::sample(bucket.cumulative_count());
                self.sample(base, "_bucket", metric, bound, below)?;
            }
        }
        let all = Some(("le", f64::INFINITY));
        self.sample(base, "_bucket", metric, all, count)?;
        let sum = histogram.get_sample_sum();
        self.sample(base, "_sum", metric, None, sum)?;
        self.sample(base, "_count", metric, None, count)
    }

    fn summary(&mut self, base: &str, metric: &Metric) -> io::Result<()> {
        let summary: &Summary = metric.get_summary();
        for quantile in summary.get_quantile() {
            let bound = Some(("quantile", quantile.quantile()));
            self.sample(base, "", metric, bound, quantile.value())?;
        }
        self.sample(base, "_sum", metric, None, summary.sample_sum())?;
        let count = super::family::sample(summary.sample_count());
        self.sample(base, "_count", metric, None, count)
    }

    fn sample(
        &mut self,
        base: &str,
        suffix: &str,
        metric: &Metric,
        bound: Bound,
        value: f64,
    ) -> io::Result<()> {
        let line = &mut self.line;
        line.clear();
        line.extend_from_slice(base.as_bytes());
        line.extend_from_slice(suffix.as_bytes());
        self::labels(line, metric.get_label(), bound, self.format)?;
        line.push(b' ');
        number(line, value)?;
        line.push(b'\n');
        self.to.write_all(line)
    }
}

/// Returns the number of series of a metric.
fn series(metric: &Metric) -> u64 {
    // A histogram has a bucket of all observations, a sum and a count.
    let buckets = metric.get_histogram().get_bucket().len();
    let quantiles = metric.get_summary().get_quantile().len();
    match (buckets, quantiles) {
        (0, 0) => 1,
        (0, quantiles) => quantiles as u64 + 2,
        (buckets, _) => buckets as u64 + 3,
    }
}

fn labels(
    line: &mut Vec<u8>,
    labels: &[LabelPair],
    bound: Bound,
    format: Format,
) -> io::Result<()> {
    if labels.is_empty() && bound.is_none() {
        return Ok(());
    }
    let mut separator = b'{';
    for label in labels {
        line.push(separator);
        line.extend_from_slice(label.name().as_bytes());
        line.extend_from_slice(b"=\"");
        escape(line, label.value(), true);
        line.push(b'"');
        separator = b',';
    }
    if let Some((name, value)) = bound {
        line.push(separator);
        line.extend_from_slice(name.as_bytes());
        line.extend_from_slice(b"=\"");
        number(line, value)?;
        // OpenMetrics compares bounds as text and wants 1.0, not 1.
        if format == Format::OpenMetrics
            && value.is_finite()
            && value.fract() == 0.0
        {
            line.extend_from_slice(b".0");
        }
        line.push(b'"');
    }
    line.push(b'}');
    Ok(())
}

/// Appends text with backslashes, line feeds and, inside quotes, quotes
/// escaped.
fn escape(line: &mut Vec<u8>, text: &str, quotes: bool) {
    for byte in text.bytes() {
        match byte {
            b'\\' => line.extend_from_slice(b"\\\\"),
            b'\n' => line.extend_from_slice(b"\\n"),
            b'"' if quotes => line.extend_from_slice(b"\\\""),
            _ => line.push(byte),
        }
    }
}

fn number(line: &mut Vec<u8>, value: f64) -> io::Result<()> {
    /// Up to here every whole number has a float of its own.
    const WHOLE: f64 = 9_007_199_254_740_992.0;

    if value.is_nan() {
        line.extend_from_slice(b"NaN");
        Ok(())
    } else if value.is_infinite() {
        let infinity: &[u8] = if value > 0.0 { b"+Inf" } else { b"-Inf" };
        line.extend_from_slice(infinity);
        Ok(())
    } else if value.fract() == 0.0 && value.abs() < WHOLE {
        // Most values are counts, and whole numbers are written five times as
        // fast.
        #[expect(clippy::cast_possible_truncation, reason = "whole and small")]
        let whole = value as i64;
        write!(line, "{whole}")
    } else {
        write!(line, "{value}")
    }
}

#[cfg(test)]
mod tests;

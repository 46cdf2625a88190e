//! Reading Prometheus's text format. Each suite takes this file in as a module.

use std::collections::BTreeMap;

/// The labels of one sample, by name.
pub(crate) type Labels = BTreeMap<String, String>;

/// Everything one scrape showed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scrape {
    /// The page as it came.
    pub(crate) text: String,
    pub(crate) samples: BTreeMap<(String, Labels), f64>,
    types: BTreeMap<String, String>,
}

impl Scrape {
    /// Reads a page, and panics at the first line that is not in the format
    /// and at a sample that is there twice.
    pub(crate) fn parse(text: &str) -> Self {
        let mut scrape = Self { text: text.to_owned(), ..Self::default() };
        for line in text.lines().filter(|line| !line.is_empty()) {
            if let Some(comment) = line.strip_prefix("# TYPE ") {
                let (name, kind) =
                    comment.split_once(' ').expect("a name and a type");
                scrape.types.insert(name.to_owned(), kind.to_owned());
            } else if !line.starts_with('#') {
                let (name, labels, value) = parse_sample(line)
                    .unwrap_or_else(|| panic!("not a sample: {line:?}"));
                let before = scrape.samples.insert((name, labels), value);
                assert!(before.is_none(), "a sample twice: {line:?}");
            }
        }
        scrape
    }

    /// Returns the type of a metric family.
    pub(crate) fn type_of(&self, name: &str) -> Option<&str> {
        self.types.get(name).map(String::as_str)
    }

    /// Returns the samples of one name that have at least these labels.
    pub(crate) fn matching<'a>(
        &'a self,
        name: &'a str,
        labels: &'a [(&'a str, &'a str)],
    ) -> impl Iterator<Item = (&'a Labels, f64)> {
        self.samples
            .iter()
            .filter(move |((n, has), _)| {
                n == name
                    && labels.iter().all(|(label, value)| {
                        has.get(*label).is_some_and(|v| v == value)
                    })
            })
            .map(|((_, labels), value)| (labels, *value))
    }

    /// Returns the one sample with at least these labels, or `None`; panics
    /// where there are several.
    pub(crate) fn value(
        &self,
        name: &str,
        labels: &[(&str, &str)],
    ) -> Option<f64> {
        let mut matching = self.matching(name, labels);
        let first = matching.next();
        assert!(matching.next().is_none(), "several {name}{labels:?}");
        first.map(|(_, value)| value)
    }

    /// Returns the sum of the samples with at least these labels, which must
    /// all be whole numbers that a float holds exactly.
    pub(crate) fn sum(&self, name: &str, labels: &[(&str, &str)]) -> u64 {
        self.matching(name, labels).map(|(_, value)| whole(value)).sum()
    }

    /// Returns the values a label takes in one metric family.
    pub(crate) fn values_of<'a>(
        &'a self,
        name: &'a str,
        label: &str,
    ) -> Vec<&'a str> {
        let mut values: Vec<&str> = self
            .matching(name, &[])
            .filter_map(|(labels, _)| labels.get(label).map(String::as_str))
            .collect();
        values.sort_unstable();
        values.dedup();
        values
    }

    /// Returns every sample.
    pub(crate) fn samples(&self) -> impl Iterator<Item = (&str, &Labels, f64)> {
        self.samples
            .iter()
            .map(|((name, labels), value)| (name.as_str(), labels, *value))
    }
}

/// Returns a counter's value as the whole number it stands for.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked just before"
)]
pub(crate) fn whole(value: f64) -> u64 {
    let largest_exact = 9_007_199_254_740_992.0;
    assert!(
        value >= 0.0 && value.fract() == 0.0 && value < largest_exact,
        "{value} is not a count"
    );
    value as u64
}

/// Reads `name{label="value",…} number`.
fn parse_sample(line: &str) -> Option<(String, Labels, f64)> {
    let name_length = line.find(['{', ' '])?;
    let (name, mut rest) = line.split_at(name_length);
    let mut labels = Labels::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        while !rest.starts_with('}') {
            let (label, after) = rest.split_once("=\"")?;
            let (value, after) = parse_quoted(after)?;
            labels.insert(label.to_owned(), value);
            rest = after.strip_prefix(',').unwrap_or(after);
        }
        rest = &rest[1..];
    }
    // A time stamp may follow; none of ours has one.
    Some((name.to_owned(), labels, rest.trim().parse().ok()?))
}

/// Reads up to the closing quote and returns what follows it.
fn parse_quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => match characters.next()?.1 {
                'n' => value.push('\n'),
                other => value.push(other),
            },
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_found_by_any_part_of_their_labels() {
        let scrape = Scrape::parse(
            "# HELP a_total Things.\n# TYPE a_total counter\n\
             a_total{x=\"1\",y=\"p\\\"q\\\\\"} 3\na_total{x=\"2\",y=\"\"} 4\n\
             up 1\nage +Inf\n",
        );
        assert_eq!(scrape.sum("a_total", &[]), 7);
        assert_eq!(scrape.value("a_total", &[("y", "p\"q\\")]), Some(3.0));
        assert_eq!(scrape.value("a_total", &[("x", "3")]), None);
        assert_eq!(scrape.values_of("a_total", "x"), ["1", "2"]);
        assert_eq!(scrape.value("up", &[]), Some(1.0));
        assert_eq!(scrape.value("age", &[]), Some(f64::INFINITY));
        assert_eq!(scrape.type_of("a_total"), Some("counter"));
        assert_eq!(scrape.samples().count(), 4);
    }
}

//! Turns snapshots into metric families, and those into a page. No metric
//! is named here.

pub mod encode;
pub mod family;
pub mod negotiate;
pub mod published;

use std::io;

use encode::Format;
use family::{Description, Family, sample};
use published::Together;

/// Takes one metric family after the other, so that only one of them is in
/// memory at a time; a large one in parts, for the same reason.
pub type Emit<'a> = &'a mut dyn FnMut(&Family);

/// Emits the families of a subject as they are in snapshots taken before, in
/// the same order every time.
pub type Families<'a> = Box<dyn FnOnce(Emit<'_>) + 'a>;

/// A subject that is exported.
pub trait Collect: Send + Sync {
    /// Returns a number that grows whenever there is something else to
    /// collect. Until then, earlier results can be used again.
    fn version(&self) -> u64;

    /// Takes the snapshots of this subject as they are now, and returns the
    /// function that emits its families. Publishers wait for this call, so it
    /// should only take snapshots.
    fn collect(&self) -> Families<'_>;
}

/// Everything that is exported, in the order it was registered.
#[derive(Default)]
pub struct Registry {
    collectors: Vec<Box<dyn Collect>>,
    /// Keeps snapshots from changing while those of a scrape are taken.
    together: Together,
    /// The family of the numbers of series, by family.
    series: Option<Description<1>>,
}

impl Registry {
    /// Returns a registry without collectors.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// As [`Registry::new`], of collectors whose snapshots are published
    /// together: none of them changes while those of a scrape are taken.
    #[must_use]
    pub fn of(together: Together) -> Self {
        Self { together, ..Self::default() }
    }

    /// Adds a collector, whose families no other may have.
    pub fn register(&mut self, collector: impl Collect + 'static) {
        self.register_boxed(Box::new(collector));
    }

    /// As [`Registry::register`], for a collector of any type.
    pub fn register_boxed(&mut self, collector: Box<dyn Collect>) {
        self.collectors.push(collector);
    }

    /// Ends each page with the number of series of every family with labels.
    pub fn count_series(&mut self, of_families: Description<1>) {
        self.series = Some(of_families);
    }

    /// Returns a number that grows whenever there is something else to write.
    #[must_use]
    pub fn version(&self) -> u64 {
        let versions = self.collectors.iter().map(|c| c.version());
        versions.fold(0, u64::wrapping_add)
    }

    /// Writes one scrape.
    ///
    /// # Errors
    ///
    /// If `to` cannot be written to.
    pub fn write(&self, format: Format, to: impl io::Write) -> io::Result<()> {
        let mut encoder = encode::Encoder::new(format, to);
        let mut written = Ok(());
        let subjects: Vec<_> = self
            .together
            .look(|| self.collectors.iter().map(|one| one.collect()).collect());
        for families in subjects {
            families(&mut |family| {
                if written.is_ok() {
                    written = encoder.family(family);
                }
            });
        }
        written?;
        if let Some(description) = &self.series {
            encoder.family(&numbers(description, encoder.series()))?;
        }
        encoder.finish()
    }
}

/// Returns the family of the numbers of series, its own included.
fn numbers(description: &Description<1>, series: &[(String, u64)]) -> Family {
    let mut family = description.gauge();
    let own = (description.name, series.len() as u64 + 1);
    let others = series.iter().map(|(name, count)| (name.as_str(), *count));
    for (name, count) in others.chain([own]) {
        family.push([name], sample(count));
    }
    family.build()
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::published::{Published, Publisher};
    use super::*;

    /// Shows a number under a name.
    struct Number(&'static Description, Published<u64>);

    impl Collect for Number {
        fn version(&self) -> u64 {
            self.1.version()
        }

        fn collect(&self) -> Families<'_> {
            let number = self.1.get();
            Box::new(move |emit| emit(&self.0.gauge_of(sample(*number))))
        }
    }

    /// Returns the samples of a page.
    fn samples(registry: &Registry) -> Vec<u64> {
        let mut text = Vec::new();
        registry.write(Format::Text, &mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let values = lines.map(|line| line.rsplit_once(' ').unwrap().1);
        values.map(|value| value.parse().unwrap()).collect()
    }

    #[test]
    fn a_page_has_the_snapshots_of_one_moment() {
        static FIRST: Description =
            Description { name: "first", help: "One.", labels: [] };
        static LAST: Description =
            Description { name: "last", help: "Another.", labels: [] };
        const PAGES: usize = 20_000;

        let together = Together::default();
        let mut publishers = [Publisher::new(0), Publisher::new(0)];
        let mut registry = Registry::of(together.clone());
        for (of, publisher) in [&FIRST, &LAST].into_iter().zip(&publishers) {
            registry.register(Number(of, publisher.reader()));
        }
        thread::scope(|scope| {
            let pages = scope.spawn(|| {
                let pages = (0..PAGES).map(|_| samples(&registry));
                let is_whole = |page: &Vec<u64>| page[0] == page[1];
                let moments: Vec<_> = pages
                    .inspect(|page| assert!(is_whole(page), "{page:?}"))
                    .map(|page| page[0])
                    .collect();
                assert!(moments.is_sorted());
                assert_ne!(moments[0], moments[PAGES - 1]);
            });
            let mut number = 0;
            while !pages.is_finished() {
                number += 1;
                together.change(|| {
                    publishers.iter_mut().for_each(|it| it.publish(number));
                });
            }
        });
    }
}

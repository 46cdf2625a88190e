//! Turns snapshots into metric families, and those into a page. No metric
//! is named here.

pub mod encode;
pub mod family;
pub mod negotiate;
pub mod published;

use std::io;

use encode::Format;
use family::{Description, Family, sample};

/// Takes one metric family after the other, so that only one of them is in
/// memory at a time; a large one in parts, for the same reason.
pub type Emit<'a> = &'a mut dyn FnMut(&Family);

/// A subject that is exported.
pub trait Collect: Send + Sync {
    /// Returns a number that grows whenever there is something else to
    /// collect. Until then, earlier results can be used again.
    fn version(&self) -> u64;

    /// Emits the families of this subject as they are now, in the same order
    /// every time.
    fn collect(&self, emit: Emit<'_>);
}

/// Everything that is exported, in the order it was registered.
#[derive(Default)]
pub struct Registry {
    collectors: Vec<Box<dyn Collect>>,
    /// The family of the numbers of series, by family.
    series: Option<Description<1>>,
}

impl Registry {
    /// Returns a registry without collectors.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
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
        for collector in &self.collectors {
            collector.collect(&mut |family| {
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

//! Builds the table of all ranges, or names every fault.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use super::format::{self, Entries, Naming};
use super::place::{Form, Place, Source};
use super::table::{self, Draft, MOST_NAMES, MOST_PREFIXES, RangeTable};
use super::{Definition, RangeNames, SourceFile, name_fault};

/// The faults of all ranges together, at least one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("; "))]
pub struct Faults(pub Vec<String>);

/// A table while it is built.
#[derive(Default)]
pub struct Builder {
    drafts: Vec<Draft>,
    names: Vec<Arc<str>>,
    numbers: HashMap<Arc<str>, u32>,
    countries: Vec<Arc<str>>,
    sources: Vec<Source>,
    faults: Vec<String>,
}

impl Builder {
    /// Adds the ranges of the configuration.
    pub fn add_definitions(&mut self, definitions: &[Definition]) {
        for definition in definitions {
            let name = self.name(&definition.name);
            let country = definition.country.as_ref();
            let country = country.map(|label| self.country(label));
            for listed in &definition.cidrs {
                let file = listed.location.file.clone();
                let file = file.unwrap_or_else(|| Path::new("range").into());
                let line = listed.location.line.unwrap_or_default();
                let place = Place {
                    source: self.source(&file, Form::Line),
                    outer: u32::try_from(line).unwrap_or(u32::MAX),
                    inner: 0,
                };
                self.drafts.push(Draft {
                    prefix: listed.prefix,
                    name,
                    country,
                    asn: definition.asn.unwrap_or_default(),
                    is_local: definition.local,
                    place,
                });
            }
        }
    }

    /// Adds the ranges of a file with this text.
    pub fn add_file(&mut self, file: &SourceFile, text: &str) {
        let path = file.path.display();
        let naming =
            Naming { name: file.name.as_deref(), field: file.field.as_deref() };
        let Entries { entries, faults, form, .. } =
            match format::read(text, file.format, naming) {
                Ok(entries) => entries,
                Err(fault) => {
                    return self.faults.push(format!("{path}: {fault}"));
                }
            };
        let separator = if form == Form::Line { ":" } else { ": " };
        let faults = faults.iter().map(|it| format!("{path}{separator}{it}"));
        self.faults.extend(faults);
        let is_local = file.local.unwrap_or(form == Form::Ranges);
        let source = self.source(&Arc::from(file.path.as_path()), form);
        for entry in entries {
            let known = self.numbers.get(&*entry.name).copied();
            let name = known.unwrap_or_else(|| {
                if let Some(fault) = name_fault(&entry.name) {
                    self.faults.push(format!("{path}: a name {fault}"));
                }
                self.name(&entry.name)
            });
            let place =
                Place { source, outer: entry.outer, inner: entry.inner };
            self.drafts.push(Draft {
                prefix: entry.prefix,
                name,
                country: None,
                asn: 0,
                is_local,
                place,
            });
        }
    }

    /// Adds the fault of a file that was not read.
    pub fn add_fault(&mut self, fault: String) {
        self.faults.push(fault);
    }

    /// Returns the table.
    ///
    /// # Errors
    /// Every fault of every source. Then no name gets a number.
    pub fn build(mut self, names: &RangeNames) -> Result<RangeTable, Faults> {
        let two_names = table::sort(&mut self.drafts);
        for two in two_names.iter().take(20) {
            let [(first, one), (second, other)] = two.names;
            let [one, other] =
                [one, other].map(|it| it.show(&self.sources, two.prefix));
            let [first, second] =
                [first, second].map(|name| &*self.names[name as usize]);
            self.faults.push(format!(
                "{other}: \"{}\" is {second:?} here, and {first:?} at {one}: \
                 a prefix has one name",
                two.prefix
            ));
        }
        if let Some(more) = two_names.len().checked_sub(21) {
            let more = more + 1;
            self.faults.push(format!("{more} more prefixes have two names"));
        }
        if self.drafts.len() > MOST_PREFIXES {
            let found = self.drafts.len();
            self.faults.push(format!(
                "there are {found} prefixes in all ranges, allowed are \
                 {MOST_PREFIXES}"
            ));
        }
        if self.names.len() > MOST_NAMES {
            let found = self.names.len();
            self.faults.push(format!(
                "there are {found} names of ranges, allowed are {MOST_NAMES}: \
                 choose another field, or one name for a file"
            ));
        }
        if !self.faults.is_empty() {
            return Err(Faults(self.faults));
        }
        let ranges = self.names.iter().map(|name| names.intern(name));
        let Some(ranges) = ranges.collect::<Option<Vec<_>>>() else {
            let fault = format!(
                "there were more than {} names of ranges since the start: \
                 restart the exporter",
                RangeNames::MOST
            );
            return Err(Faults(vec![fault]));
        };
        let (names, countries) = (names.clone(), self.countries);
        let (drafts, sources) = (&self.drafts, self.sources);
        Ok(RangeTable::new(drafts, &ranges, names, countries, sources))
    }

    fn name(&mut self, name: &str) -> u32 {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let number = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        let name: Arc<str> = name.into();
        self.names.push(Arc::clone(&name));
        self.numbers.insert(name, number);
        number
    }

    fn country(&mut self, label: &Arc<str>) -> u16 {
        let known = self.countries.iter().position(|one| one == label);
        let at = known.unwrap_or_else(|| {
            self.countries.push(Arc::clone(label));
            self.countries.len() - 1
        });
        u16::try_from(at).unwrap_or(u16::MAX)
    }

    fn source(&mut self, file: &Arc<Path>, form: Form) -> u16 {
        let same = |one: &Source| one.form == form && one.file == *file;
        let at = self.sources.iter().position(same).unwrap_or_else(|| {
            self.sources.push(Source { file: Arc::clone(file), form });
            self.sources.len() - 1
        });
        u16::try_from(at).unwrap_or(u16::MAX)
    }
}

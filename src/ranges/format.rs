//! The formats of files of ranges.
//!
//! A provider lists a prefix under several names: a service, and a name that
//! stands for all of them. The name with the fewest prefixes is the one that
//! says most.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

mod json;

use std::borrow::Cow;
use std::collections::HashMap;

use super::place::Form;
use super::{FileFormat, Prefix};

/// The faults of a file that are reported one by one.
const MOST_FAULTS: usize = 20;

/// A prefix of a file.
#[derive(Debug)]
pub(super) struct Entry<'a> {
    pub(super) prefix: Prefix,
    pub(super) name: Cow<'a, str>,
    pub(super) outer: u32,
    pub(super) inner: u32,
}

/// The prefixes of a file while it is read, and its faults.
#[derive(Debug)]
pub(super) struct Entries<'a> {
    pub(super) entries: Vec<Entry<'a>>,
    /// The faults, each with its line or index.
    pub(super) faults: Vec<String>,
    pub(super) form: Form,
    left_out: usize,
}

/// The names that a file gives its ranges.
#[derive(Clone, Copy, Debug)]
pub(super) struct Naming<'a> {
    /// The name of all ranges, or what stands before the field.
    pub(super) name: Option<&'a str>,
    /// The field that has the name.
    pub(super) field: Option<&'a str>,
}

impl<'a> Entries<'a> {
    fn new(form: Form) -> Self {
        let (entries, faults) = (Vec::new(), Vec::new());
        Self { entries, faults, form, left_out: 0 }
    }

    fn fault(&mut self, place: &str, text: &str) {
        if self.faults.len() < MOST_FAULTS {
            self.faults.push(format!("{place}: {text}"));
        } else {
            self.left_out += 1;
        }
    }

    /// Returns the place in words, such as `[0].ipv4[1]`.
    fn place(&self, outer: u32, inner: u32, is_ipv4: bool) -> String {
        let index = self.form.index(outer, inner, is_ipv4);
        index.unwrap_or_else(|| outer.to_string())
    }

    #[expect(clippy::ptr_arg, reason = "a clone of a borrowed text is cheap")]
    fn add(
        &mut self,
        text: &str,
        name: &Cow<'a, str>,
        (outer, inner): (u32, u32),
        is_ipv4: bool,
    ) {
        match Prefix::read(text) {
            Ok(prefix) if prefix.address().is_ipv4() != is_ipv4 => {
                let family = if is_ipv4 { "IPv4" } else { "IPv6" };
                let place = self.place(outer, inner, is_ipv4);
                self.fault(&place, &format!("{text:?} is no {family} prefix"));
            }
            Ok(prefix) => {
                let name = name.clone();
                self.entries.push(Entry { prefix, name, outer, inner });
            }
            Err(fault) => {
                let place = self.place(outer, inner, is_ipv4);
                self.fault(&place, &format!("{} {fault}", shown(text)));
            }
        }
    }

    fn end(mut self) -> Self {
        if self.left_out > 0 {
            self.faults.push(format!("{} more faults", self.left_out));
        }
        self
    }

    /// Keeps one name of each prefix: the one with the fewest prefixes.
    fn keep_one_name(&mut self) {
        let mut sizes: HashMap<&str, usize> = HashMap::new();
        for entry in &self.entries {
            *sizes.entry(&entry.name).or_default() += 1;
        }
        let mut order: Vec<u32> = (0..).take(self.entries.len()).collect();
        let key = |at: &u32| {
            let entry = &self.entries[*at as usize];
            (entry.prefix, sizes[&*entry.name], &*entry.name)
        };
        order.sort_by(|one, other| key(one).cmp(&key(other)));
        order.dedup_by_key(|at| self.entries[*at as usize].prefix);
        order.sort_unstable();
        let mut kept = order.into_iter().peekable();
        let mut number = 0;
        self.entries.retain(|_| {
            number += 1;
            kept.next_if_eq(&(number - 1)).is_some()
        });
    }
}

/// Reads a file's text.
///
/// # Errors
/// The fault of a text that cannot be read in this format at all.
pub(super) fn read<'a>(
    text: &'a str,
    format: Option<FileFormat>,
    naming: Naming<'a>,
) -> Result<Entries<'a>, String> {
    let format = match format {
        Some(format) => format,
        None => json::recognise(text)?,
    };
    match format {
        FileFormat::List => list(text, naming),
        FileFormat::Ranges => json::ranges(text, naming),
        FileFormat::Aws => json::aws(text, naming),
        FileFormat::Google => json::google(text, naming),
        FileFormat::Azure => json::azure(text, naming),
        FileFormat::Oracle => json::oracle(text, naming),
    }
    .map(Entries::end)
}

/// Reads a prefix a line. Comments begin with #, ; or //.
fn list<'a>(text: &'a str, naming: Naming<'a>) -> Result<Entries<'a>, String> {
    if naming.field.is_some() {
        return Err("a list has no fields: leave out field".into());
    }
    let Some(name) = naming.name else {
        return Err(
            "a list needs a name: write { path = \"...\", format = \"list\", \
             name = \"blocked\" }"
                .into(),
        );
    };
    let name = Cow::Borrowed(name);
    let mut entries = Entries::new(Form::Line);
    for (line, number) in text.lines().zip(1..) {
        let line = line.trim_start_matches('\u{feff}');
        let end = line.find(['#', ';']).into_iter();
        let end = end.chain(line.find("//")).min().unwrap_or(line.len());
        let prefix = line[..end].trim();
        if !prefix.is_empty() {
            let is_ipv4 = !prefix.contains(':');
            entries.add(prefix, &name, (number, 0), is_ipv4);
        }
    }
    Ok(entries)
}

/// Quotes a text, and shortens it.
fn shown(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{:?}...", &text[..end]),
        None => format!("{text:?}"),
    }
}

#[cfg(test)]
mod tests;

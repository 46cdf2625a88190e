//! The elements of lists of tables, and their fields.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::path::Path;

use figment::value::{Dict, Value};

use super::Config;
use super::nearest::nearest;
use super::places::{self, Places};
use super::values::{Fault, found};
use crate::ranges::Location;

/// Reads the elements of all files, and puts them in their field. Returns all
/// faults.
pub type ReadElements = fn(&mut Config, &[Element<'_>]) -> Vec<Wrong>;

/// One element of a list, usually a table.
pub struct Element<'a> {
    pub(super) value: &'a Value,
    /// The path of the element, such as `range[1]`.
    path: String,
    origin: Option<(&'a Path, &'a Places)>,
}

/// The fault of an element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// The number of the element.
    pub(super) element: usize,
    /// The place in the element, such as `.cidrs[1]`.
    pub(super) inside: String,
    /// The value that was found, and the allowed values.
    pub(super) text: String,
}

impl<'a> Element<'a> {
    /// Returns the element of this number in a list of a file.
    pub(super) fn of_file(
        value: &'a Value,
        key: &str,
        index: usize,
        file: &'a Path,
        places: &'a Places,
    ) -> Self {
        let path = format!("{key}[{index}]");
        Self { value, path, origin: Some((file, places)) }
    }

    /// Returns the path of a part, such as `range[1].name`.
    pub(super) fn path_of(&self, inside: &str) -> String {
        format!("{}{inside}", self.path)
    }

    /// Returns the place of a part, or of the element around it.
    pub(super) fn location(&self, inside: &str) -> Location {
        let Some((file, places)) = self.origin else {
            return Location::default();
        };
        let line = places.line(&self.path_of(inside));
        Location { file: Some(file.into()), line }
    }
}

/// Reads a list that no layer has: a default, a value that is only tried.
pub(super) fn read_alone(
    config: &mut Config,
    value: &Value,
    read: ReadElements,
) -> Result<(), Fault> {
    let items = value.as_array().ok_or(Fault::NotExpected)?;
    let element = |value| Element { value, path: String::new(), origin: None };
    let elements: Vec<_> = items.iter().map(element).collect();
    let wrong = read(config, &elements);
    let faults: Vec<_> = wrong
        .into_iter()
        .map(|one| (format!("[{}]{}", one.element, one.inside), one.text))
        .collect();
    match faults.is_empty() {
        true => Ok(()),
        false => Err(Fault::Inside(faults)),
    }
}

/// The bytes of a text whose items are shown as a list.
const LONGEST_TEXT: usize = 100;

/// The fields of a table while they are read.
pub(super) struct Fields<'a, 'b> {
    number: usize,
    table: &'a Dict,
    wrong: &'b mut Vec<Wrong>,
}

impl<'a, 'b> Fields<'a, 'b> {
    /// Returns the fields of an element that is a table. Every key that is not
    /// `known` is a fault.
    pub(super) fn of(
        number: usize,
        table: &'a Dict,
        known: &[&str],
        wrong: &'b mut Vec<Wrong>,
    ) -> Self {
        let mut fields = Self::known(number, table, wrong);
        for key in table.keys().filter(|key| !known.contains(&key.as_str())) {
            let text = match nearest(key, known.iter().copied()) {
                Some(near) => format!("unknown key, did you mean {near}?"),
                None => format!("unknown key, allowed: {}", known.join(", ")),
            };
            fields.fault(&format!(".{}", places::quote_key(key)), text);
        }
        fields
    }

    /// Returns the fields of a table whose keys are known.
    pub(super) fn known(
        number: usize,
        table: &'a Dict,
        wrong: &'b mut Vec<Wrong>,
    ) -> Self {
        Self { number, table, wrong }
    }

    /// Notes a fault at a place in the table, such as `.cidrs[1]`.
    pub(super) fn fault(&mut self, inside: &str, text: impl Into<String>) {
        self.wrong.push(Wrong {
            element: self.number,
            inside: inside.into(),
            text: text.into(),
        });
    }

    /// Returns a field that may be missing.
    pub(super) fn get(&self, key: &str) -> Option<&'a Value> {
        self.table.get(key)
    }

    /// Returns a field that must be there.
    pub(super) fn required(
        &mut self,
        key: &str,
        example: &str,
    ) -> Option<&'a Value> {
        let value = self.table.get(key);
        if value.is_none() {
            let text = format!("{key} is missing: write {key} = {example}");
            self.fault("", text);
        }
        value
    }

    /// Returns the text of a field; `None`, with a fault, if it is no text.
    pub(super) fn text(
        &mut self,
        key: &str,
        value: &'a Value,
        example: &str,
    ) -> Option<&'a str> {
        let text = value.as_str();
        if text.is_none() {
            let text = format!(
                "{} is not text in quotes, such as {example}",
                found(value)
            );
            self.fault(&format!(".{key}"), text);
        }
        text
    }

    /// Returns the items of a list, or a text alone, each with its place.
    pub(super) fn list(
        &mut self,
        key: &str,
        value: &'a Value,
        example: &str,
    ) -> Vec<(String, &'a Value)> {
        match value {
            Value::Array(_, items) if items.is_empty() => {
                let text = format!("is empty: write {key} = {example}");
                self.fault(&format!(".{key}"), text);
                Vec::new()
            }
            Value::Array(_, items) => items
                .iter()
                .enumerate()
                .map(|(index, item)| (format!(".{key}[{index}]"), item))
                .collect(),
            Value::String(_, text) => match in_one_text(text) {
                Some(items) => {
                    let list = match text.len() {
                        ..=LONGEST_TEXT => format!("{items:?}"),
                        _ => example.into(),
                    };
                    let text = format!(
                        "{} is one text and not a list: write {key} = {list}",
                        found(value)
                    );
                    self.fault(&format!(".{key}"), text);
                    Vec::new()
                }
                None => vec![(format!(".{key}"), value)],
            },
            other => {
                let text = format!(
                    "{} is not a list, such as {example}",
                    found(other)
                );
                self.fault(&format!(".{key}"), text);
                Vec::new()
            }
        }
    }
}

/// Returns the items of a list that is written as one text with commas.
fn in_one_text(text: &str) -> Option<Vec<&str>> {
    let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
    let items: Vec<_> = items.collect();
    (text.contains(',') && !items.is_empty()).then_some(items)
}

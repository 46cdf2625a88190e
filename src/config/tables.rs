//! Lists of tables, such as `[[range]]`: every file adds its tables to those
//! of the files before. A later file that replaced them would lose the ranges
//! of all other files in `/etc/geoip-exporter.d`.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::path::Path;

use figment::value::Value;

use super::Config;
use super::elements::{Element, Wrong};
use super::error::{Problem, Source};
use super::layer::{Layer, LayerKind};
use super::setting::{Kind, Setting};
use super::values::{Fault, is_date};
use crate::ranges::Location;

/// The elements of all lists: their places, by the key of the setting.
pub(super) type Elements = BTreeMap<&'static str, Vec<Location>>;

/// Reads a setting's lists of all layers into the configuration. Returns each
/// problem with the number of its layer, and the places of the elements.
pub(super) fn read(
    config: &mut Config,
    setting: &Setting,
    layers: &[Layer],
) -> (Vec<(usize, Problem)>, Vec<Location>) {
    let Kind::Tables(read) = setting.kind else {
        return (Vec::new(), Vec::new());
    };
    let mut problems = Vec::new();
    let (mut elements, mut owners) = (Vec::new(), Vec::new());
    for (number, layer) in layers.iter().enumerate() {
        let LayerKind::File(file) = &layer.kind else { continue };
        let Some(value) = layer.values.get(setting.key) else { continue };
        let Some(items) = value.as_array() else {
            let text = not_a_list(setting, value);
            let problem = problem(layer, file, setting.key.into(), text);
            problems.push((number, problem));
            continue;
        };
        for (index, value) in items.iter().enumerate() {
            let (key, places) = (setting.key, &layer.places);
            let element = Element::of_file(value, key, index, file, places);
            elements.push(element);
            owners.push((number, layer, file));
        }
    }
    for Wrong { element, inside, text } in read(config, &elements) {
        let (number, layer, file) = owners[element];
        let key = elements[element].path_of(&inside);
        problems.push((number, problem(layer, file, key, text)));
    }
    let places = elements.iter().map(|element| element.location(""));
    (problems, places.collect())
}

/// Explains a value that is no list. Most often it is a table under one pair of
/// brackets, where two are needed.
fn not_a_list(setting: &Setting, value: &Value) -> String {
    let written = setting.written();
    match value {
        Value::Dict(_, table)
            if !is_date(table) && written.starts_with("[[") =>
        {
            format!(
                "a single table is not a list of tables: write {written} above \
                 it"
            )
        }
        _ => {
            let faults = setting.explain(value, None, Fault::NotExpected);
            faults.into_iter().map(|(_, text)| text).collect()
        }
    }
}

fn problem(layer: &Layer, file: &Path, key: String, text: String) -> Problem {
    let line = layer.places.line(&key);
    let problem = Problem::new(Source::File(file.into()), text);
    Problem { line, key: Some(key), ..problem }
}

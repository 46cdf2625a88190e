//! Merges the layers and checks every value. The result is a configuration or
//! its problems.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::path::PathBuf;

use figment::value::{Dict, Value};
use figment::{Figment, Provider};

use super::error::{Error, Problem, Source};
use super::layer::{Layer, LayerKind, unknown};
use super::nearest::nearest;
use super::seen::Seen;
use super::setting::{Kind, Setting};
use super::tables::{self, Elements};
use super::values::Fault;
use super::{Config, places, values};

/// A configuration and its sources.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// Every setting's key and the source of its value, in the order of the
    /// documents.
    pub sources: Vec<(&'static str, Source)>,
    /// The lines of the settings that come from a file.
    pub lines: BTreeMap<&'static str, usize>,
    /// The places of the elements of lists to which each file adds.
    pub elements: Elements,
    /// The files that were read, lowest first.
    pub files: Vec<PathBuf>,
    /// Files of the directory that were left out, and why.
    pub left_out: Vec<(PathBuf, &'static str)>,
    /// The states of the files before they were read.
    pub seen: Seen,
    /// Harmless problems: wrong values that a higher layer overrides.
    pub warnings: Vec<Problem>,
}

impl Loaded {
    /// Returns whether a layer sets a setting.
    #[must_use]
    pub fn is_set(&self, key: &str) -> bool {
        self.source(key) != Source::Default
    }

    /// Returns a problem of a setting's value.
    #[must_use]
    pub fn problem(&self, key: &str, text: impl Into<String>) -> Problem {
        let source = self.source(key);
        let is_named = matches!(source, Source::File(_) | Source::Default);
        Problem {
            line: self.lines.get(key).copied(),
            key: is_named.then(|| key.to_owned()),
            ..Problem::new(source, text)
        }
    }

    fn source(&self, key: &str) -> Source {
        let mut sources = self.sources.iter();
        let found = sources.find(|(other, _)| *other == key);
        found.map_or(Source::Default, |(_, source)| source.clone())
    }
}

/// Merges `layers`, lowest first, over the defaults.
///
/// An unknown key is a problem in every layer. A wrong value is a problem if it
/// would take effect, and a warning if a higher layer overrides it. So a flag
/// can correct a wrong value of a file, and every fault is reported. The lists
/// of all layers are added up.
///
/// # Errors
///
/// Returns every problem, together with those in `problems`.
pub(super) fn resolve(
    settings: &[&'static Setting],
    layers: &[Layer],
    mut problems: Vec<Problem>,
) -> Result<Loaded, Error> {
    let merged = layers
        .iter()
        .fold(Figment::new(), |merged, layer| merged.merge(layer.clone()));
    let mut config = Config::default();
    let mut warnings = Vec::new();
    let (lists, elements, of_lists) = read_lists(settings, layers);
    for (number, layer) in layers.iter().enumerate() {
        let mut given = Vec::new();
        let (first, first_warning) = (problems.len(), warnings.len());
        walk(settings, layer, &layer.values, "", &mut given, &mut problems);
        let of_layer = of_lists.iter().filter(|(of, _)| *of == number);
        problems.extend(of_layer.map(|(_, problem)| problem.clone()));
        given.retain(|(setting, _)| !matches!(setting.kind, Kind::Tables(_)));
        for (setting, value) in given {
            // A copy, because an overridden value is only tried.
            let mut tried = config.clone();
            let result = (setting.read)(&mut tried, value);
            let by = winner(&merged, layers, setting);
            let overridden = by.filter(|by| by.kind != layer.kind);
            match (result, overridden) {
                (Ok(()), None) => config = tried,
                (Ok(()), Some(_)) => {}
                (Err(fault), None) => {
                    for (inside, text) in explain(layer, setting, value, fault)
                    {
                        problems.push(problem(layer, setting, &inside, text));
                    }
                }
                (Err(fault), Some(by)) => {
                    let by = by.source(setting);
                    for (inside, text) in explain(layer, setting, value, fault)
                    {
                        let text = format!("{text} (overridden by {by})");
                        warnings.push(problem(layer, setting, &inside, text));
                    }
                }
            }
        }
        // In the order of the file.
        problems[first..].sort_by_key(|one: &Problem| one.line);
        warnings[first_warning..].sort_by_key(|one: &Problem| one.line);
    }
    if !problems.is_empty() {
        return Err(Error::new(problems));
    }
    for setting in settings {
        if elements.contains_key(setting.key) {
            (setting.copy)(&mut config, &lists);
        }
    }
    let sources = settings
        .iter()
        .map(|setting| {
            let source = winner(&merged, layers, setting)
                .map_or(Source::Default, |layer| layer.source(setting));
            (setting.key, source)
        })
        .collect();
    let line = |setting: &&'static Setting| {
        let layer = winner(&merged, layers, setting)?;
        Some((setting.key, layer.places.line(setting.key)?))
    };
    let lines = settings.iter().filter_map(line).collect();
    let files = layers.iter().filter_map(|layer| match &layer.kind {
        LayerKind::File(path) => Some(path.clone()),
        LayerKind::Environment | LayerKind::Flags => None,
    });
    Ok(Loaded {
        config,
        sources,
        lines,
        elements,
        files: files.collect(),
        left_out: Vec::new(),
        seen: Seen::default(),
        warnings,
    })
}

/// Reads the lists to which each layer adds. Returns a configuration that has
/// them, the places of their elements, and each problem with the number of its
/// layer.
fn read_lists(
    settings: &[&'static Setting],
    layers: &[Layer],
) -> (Config, Elements, Vec<(usize, Problem)>) {
    let mut lists = Config::default();
    let (mut elements, mut problems) = (Elements::new(), Vec::new());
    for setting in settings {
        let (wrong, places) = tables::read(&mut lists, setting, layers);
        problems.extend(wrong);
        if !places.is_empty() {
            elements.insert(setting.key, places);
        }
    }
    (lists, elements, problems)
}

/// Returns the layer that the merged value of `setting` comes from.
fn winner<'a>(
    merged: &Figment,
    layers: &'a [Layer],
    setting: &Setting,
) -> Option<&'a Layer> {
    let winner = merged.find_metadata(setting.key)?;
    layers.iter().rev().find(|layer| {
        let layer = layer.metadata();
        winner.name == layer.name && winner.source == layer.source
    })
}

/// Finds the settings in a layer's tables. Every other key is a problem.
fn walk<'a>(
    settings: &[&'static Setting],
    layer: &Layer,
    table: &'a Dict,
    path: &str,
    given: &mut Vec<(&'static Setting, &'a Value)>,
    problems: &mut Vec<Problem>,
) {
    for (name, value) in table {
        let key = places::join(path, name);
        if let Some(setting) = settings.iter().find(|s| s.key == key) {
            given.push((setting, value));
            continue;
        }
        let inner = format!("{key}.");
        let is_table = settings.iter().any(|s| s.key.starts_with(&inner));
        let text = match value {
            Value::Dict(_, table) if is_table => {
                walk(settings, layer, table, &key, given, problems);
                continue;
            }
            value if is_table => {
                format!(
                    "{} is not a table, such as [{key}]",
                    values::found(value)
                )
            }
            Value::Dict(..) | Value::Array(..) if is_a_table(value) => {
                no_such_table(settings, &key)
            }
            _ => unknown(nearest(&key, settings.iter().map(|s| s.key))),
        };
        // Only a file can have a key that is not a setting.
        if let LayerKind::File(path) = &layer.kind {
            let line = layer.places.line(&key);
            let problem = Problem::new(Source::File(path.clone()), text);
            problems.push(Problem { line, key: Some(key), ..problem });
        }
    }
}

fn problem(
    layer: &Layer,
    setting: &Setting,
    inside: &str,
    text: String,
) -> Problem {
    let source = layer.source(setting);
    let in_file = matches!(source, Source::File(_));
    let key = in_file.then(|| format!("{}{inside}", setting.key));
    let line = key.as_deref().and_then(|key| layer.places.line(key));
    Problem { line, key, ..Problem::new(source, text) }
}

fn explain(
    layer: &Layer,
    setting: &Setting,
    value: &Value,
    fault: Fault,
) -> Vec<(String, String)> {
    setting.explain(value, layer.places.written(setting.key), fault)
}

/// Returns whether a value was written as `[name]` or `[[name]]`.
fn is_a_table(value: &Value) -> bool {
    match value {
        Value::Dict(_, table) => !values::is_date(table),
        Value::Array(_, items) => {
            !items.is_empty()
                && items.iter().all(|item| item.as_dict().is_some())
        }
        _ => false,
    }
}

fn no_such_table(settings: &[&'static Setting], key: &str) -> String {
    let tables = settings.iter().filter_map(|setting| {
        setting.key.rsplit_once('.').map(|(table, _)| table)
    });
    match nearest(key, tables) {
        Some(near) => {
            format!("there is no table of that name, did you mean [{near}]?")
        }
        None => format!(
            "there is no table of that name: settings are written at the \
             top, without [{key}]"
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::setting::{Effect, Kind};
    use crate::config::values::Fault;

    /// A setting as a feature with a table of its own would define it.
    const INTERVAL: Setting = Setting {
        key: "connections.interval",
        kind: Kind::Number,
        value_name: "NUMBER",
        summary: "",
        details: "",
        expected: "a whole number from 1 to 9",
        example: "5",
        effect: Effect::Live,
        read: |config, value| {
            config.flow_batch_size = values::nonzero(value, 1..=9)?;
            Ok(())
        },
        write: |config| i64::from(config.flow_batch_size.get()).into(),
        copy: |_, _| {},
    };

    /// A list of tables that checks its own inside.
    const RANGES: Setting = Setting {
        key: "ip_range",
        kind: Kind::Table,
        read: |_, value| {
            let tables = value.as_array().ok_or(Fault::NotExpected)?;
            let faults = (0..tables.len())
                .map(|index| (format!("[{index}].name"), "missing".into()))
                .collect();
            Err(Fault::Inside(faults))
        },
        ..INTERVAL
    };

    const SETTINGS: &[&Setting] = &[&INTERVAL, &RANGES];

    fn resolved(text: &str, variables: &[(&str, &str)]) -> String {
        let file = Layer::toml(Path::new("x"), text).unwrap();
        let variables: Vec<_> =
            variables.iter().map(|(k, v)| (k.into(), v.into())).collect();
        let (environment, problems) =
            Layer::environment(SETTINGS, &variables, "");
        match resolve(SETTINGS, &[file, environment], problems) {
            Ok(loaded) => format!(
                "{} from {}",
                loaded.config.flow_batch_size, loaded.sources[0].1
            ),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_table_s_settings_have_layers_and_messages_like_all_others() {
        let file = "[connections]\ninterval = 3";
        assert_eq!(resolved(file, &[]), "3 from x");
        let variable = "GEOIP_EXPORTER_CONNECTIONS__INTERVAL";
        assert_eq!(
            resolved(file, &[(variable, "4")]),
            format!("4 from {variable}")
        );
        for (text, expected) in [
            (
                "connections.interval = 10",
                "x:1: connections.interval: 10 is not a whole number from 1 to \
                 9, such as 5",
            ),
            (
                "connections = 3",
                "x:1: connections: 3 is not a table, such as [connections]",
            ),
            (
                "[connections]\nintervall = 3",
                "x:2: connections.intervall: unknown setting, did you mean \
                 connections.interval?",
            ),
            (
                "[connection]\ninterval = 3",
                "x:1: connection: there is no table of that name, did you \
                 mean [connections]?",
            ),
            (
                "[[ip_range]]\n[[ip_range]]",
                "x:1: ip_range[0].name: missing\nx:2: ip_range[1].name: missing",
            ),
        ] {
            assert_eq!(resolved(text, &[]), expected);
        }
        assert_eq!(
            resolved("", &[("GEOIP_EXPORTER_IP_RANGE", "x")]),
            "GEOIP_EXPORTER_IP_RANGE: this setting stands in configuration \
             files only: write ip_range there"
        );
    }
}

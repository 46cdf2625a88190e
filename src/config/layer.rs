//! One layer of the configuration: a file, the environment or the flags.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use figment::value::{Dict, Map, Value};
use figment::{Metadata, Profile, Provider};

use super::error::{Problem, Source};
use super::number;
use super::setting::{Kind, Setting, nearest};
use super::settings;
use super::values::quoted;

/// What every environment variable begins with.
pub(super) const PREFIX: &str = "GEOIP_EXPORTER_";

/// What the command line sets.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// The file that replaces the default one.
    pub config_file: Option<PathBuf>,
    /// Settings and their text.
    pub values: Vec<(&'static Setting, String)>,
}

/// Who a layer's values come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// A TOML file.
    File(PathBuf),
    /// Environment variables.
    Environment,
    /// Flags.
    Flags,
}

/// One layer's values, not yet checked.
#[derive(Clone, Debug)]
pub(super) struct Layer {
    pub(super) origin: Origin,
    pub(super) values: Dict,
}

impl Layer {
    /// Reads a TOML file's text.
    pub(super) fn toml(path: &Path, text: &str) -> Result<Self, Problem> {
        let origin = Origin::File(path.into());
        match toml::from_str(text) {
            Ok(values) => Ok(Self { origin, values }),
            Err(error) => {
                let position =
                    error.span().map(|span| position(text, span.start));
                let message = position
                    .and_then(|(line, _)| text.lines().nth(line - 1))
                    .and_then(|line| {
                        too_large(line).or_else(|| missing_quotes(line))
                    })
                    .unwrap_or_else(|| {
                        error.message().trim().replace('\n', ", ")
                    });
                let source = Source::File(path.into());
                let problem = Problem::new(source, message);
                Err(Problem { position, ..problem })
            }
        }
    }

    /// Takes the settings among environment variables; those with our prefix
    /// that are no setting are problems.
    pub(super) fn environment(
        settings: &[&'static Setting],
        variables: &[(OsString, OsString)],
        ignored: &str,
    ) -> (Self, Vec<Problem>) {
        let mut layer =
            Self { origin: Origin::Environment, values: Dict::new() };
        let mut problems = Vec::new();
        let names: Vec<String> = settings
            .iter()
            .filter(|setting| setting.has_flag())
            .map(|setting| setting.variable())
            .collect();
        for (name, value) in variables {
            let name = name.to_string_lossy();
            if !name.starts_with(PREFIX) || name == ignored {
                continue;
            }
            let source = Source::Variable(name.clone().into_owned());
            let setting = settings.iter().find(|setting| {
                setting.has_flag() && setting.variable() == name
            });
            match (setting, value.to_str()) {
                (Some(setting), Some(text)) => layer.set(setting, text),
                (Some(_), None) => problems
                    .push(Problem::new(source, "the value is not UTF-8 text")),
                (None, _) if is_service_link(&name, value) => {}
                (None, _) => {
                    let candidates = names.iter().map(String::as_str);
                    let candidates = candidates
                        .chain([ignored])
                        .map(|name| name.trim_start_matches(PREFIX));
                    let near = nearest(&name[PREFIX.len()..], candidates)
                        .map(|near| format!("{PREFIX}{near}"));
                    let text = unknown(near.as_deref());
                    problems.push(Problem::new(source, text));
                }
            }
        }
        (layer, problems)
    }

    /// Takes the settings of the command line.
    pub(super) fn flags(flags: &Flags) -> Self {
        let mut layer = Self { origin: Origin::Flags, values: Dict::new() };
        for (setting, text) in &flags.values {
            layer.set(setting, text);
        }
        layer
    }

    /// Returns the name under which this layer sets `key`.
    pub(super) fn source(&self, setting: &Setting) -> Source {
        match &self.origin {
            Origin::File(path) => Source::File(path.clone()),
            Origin::Environment => Source::Variable(setting.variable()),
            Origin::Flags => Source::Flag(format!("--{}", setting.flag())),
        }
    }

    fn set(&mut self, setting: &Setting, text: &str) {
        let value = match setting.kind {
            Kind::Text | Kind::Table => Value::from(text),
            // What is no number stays text, and is refused by name later.
            Kind::Number => number::integer(text)
                .map_or_else(|| Value::from(text), Value::from),
            Kind::Switch => match text {
                "true" => Value::from(true),
                "false" => Value::from(false),
                _ => Value::from(text),
            },
        };
        let path: Vec<&str> = setting.key.split('.').collect();
        insert(&mut self.values, &path, value);
    }
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        match &self.origin {
            Origin::File(path) => {
                Metadata::from("file", figment::Source::File(path.clone()))
            }
            Origin::Environment => Metadata::named("environment"),
            Origin::Flags => Metadata::named("flags"),
        }
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Default.collect(self.values.clone()))
    }
}

/// Says that a name is none of ours, and which one may be meant.
pub(super) fn unknown(nearest: Option<&str>) -> String {
    match nearest {
        Some(name) => format!("unknown setting, did you mean {name}?"),
        None => "unknown setting, geoip-exporter --help lists them all".into(),
    }
}

/// Returns whether Kubernetes made this variable for a service that happens
/// to be named geoip-exporter: it must not keep the exporter from starting.
fn is_service_link(name: &str, value: &OsString) -> bool {
    let rest = &name[PREFIX.len()..];
    let port = rest.strip_prefix("PORT_").unwrap_or_default();
    rest == "SERVICE_HOST"
        || rest == "SERVICE_PORT"
        || rest.starts_with("SERVICE_PORT_")
        || port.starts_with(|char: char| char.is_ascii_digit())
        || (rest == "PORT" && value.to_string_lossy().contains("://"))
}

fn insert(dict: &mut Dict, path: &[&str], value: Value) {
    match path {
        [] => {}
        [key] => {
            dict.insert((*key).into(), value);
        }
        [table, rest @ ..] => {
            let entry = dict
                .entry((*table).into())
                .or_insert_with(|| Value::from(Dict::new()));
            if let Value::Dict(_, inner) = entry {
                insert(inner, rest, value);
            }
        }
    }
}

/// Says what is allowed instead of a number that has more than the 64 bits
/// of a number in TOML, if that is what is wrong with a line.
fn too_large(line: &str) -> Option<String> {
    let (key, value) = key_and_value(line)?;
    let digits = value.trim_start_matches(['+', '-']).replace('_', "");
    let number =
        !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !number || value.replace('_', "").parse::<i64>().is_ok() {
        return None;
    }
    let shown = quoted(value).replace('"', "");
    Some(match settings::find(key) {
        Some(Setting { expected, example, .. }) => {
            format!("{key}: {shown} is not {expected}, such as {example}")
        }
        None => format!("{shown} is too large a number"),
    })
}

/// Splits `key = value # comment`.
fn key_and_value(line: &str) -> Option<(&str, &str)> {
    let line = line.split('#').next().unwrap_or(line);
    let (key, value) = line.split_once('=')?;
    Some((key.trim(), value.trim()))
}

/// Says that `key = value` lacks quotes, if that is what is wrong with a line:
/// the parser's own words would be about newlines.
fn missing_quotes(line: &str) -> Option<String> {
    let (key, value) = key_and_value(line)?;
    let plain = |c: char| c.is_alphanumeric() || "/.:-_%, ".contains(c);
    let with_quotes = format!("{key} = \"{value}\"");
    let helps = !value.is_empty()
        && value.chars().all(plain)
        && toml::from_str::<Dict>(line).is_err()
        && toml::from_str::<Dict>(&with_quotes).is_ok();
    helps.then(|| format!("text needs quotes: {with_quotes}"))
}

/// Returns line and column of a byte, both from 1.
fn position(text: &str, byte: usize) -> (usize, usize) {
    let before = text.get(..byte).unwrap_or(text);
    let line = before.rsplit('\n').next().unwrap_or_default();
    (before.matches('\n').count() + 1, line.chars().count() + 1)
}

//! One layer of the configuration: a file, the environment or the flags.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use figment::value::{Dict, Map, Value};
use figment::{Metadata, Profile, Provider};

use super::Config;
use super::error::{Problem, Source};
use super::number;
use super::places::Places;
use super::setting::{Kind, Setting, nearest};
use super::syntax;
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
    /// Where they are in a file, and how they are written.
    pub(super) places: Places,
}

impl Layer {
    /// Reads a TOML file's text.
    pub(super) fn toml(path: &Path, text: &str) -> Result<Self, Problem> {
        let origin = Origin::File(path.into());
        match toml::from_str(text) {
            Ok(values) => {
                let places = Places::of(text);
                Ok(Self { origin, values, places })
            }
            Err(error) => {
                let (position, message) = syntax::explain(text, &error);
                let (line, column) = position.unzip();
                let source = Source::File(path.into());
                let problem = Problem::new(source, message);
                Err(Problem { line, column, ..problem })
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
        let mut layer = Self::empty(Origin::Environment);
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
                (Some(setting), Some("")) => layer.set_empty(setting),
                (Some(setting), Some(text)) => match remains(text) {
                    None => layer.set(setting, text),
                    Some(fault) => problems.push(Problem::new(source, fault)),
                },
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

    /// Takes the settings of the command line; those that a shell or a file
    /// left quotes in are problems.
    pub(super) fn flags(flags: &Flags) -> (Self, Vec<Problem>) {
        let mut layer = Self::empty(Origin::Flags);
        let mut problems = Vec::new();
        for (setting, text) in &flags.values {
            match remains(text) {
                None => layer.set(setting, text),
                Some(fault) => {
                    problems.push(Problem::new(layer.source(setting), fault));
                }
            }
        }
        (layer, problems)
    }

    fn empty(origin: Origin) -> Self {
        Self { origin, values: Dict::new(), places: Places::default() }
    }

    /// Takes an empty variable: where nothing is no value of its own, such as
    /// of a path, the variable counts as not set. So Compose and Kubernetes
    /// leave one that is made from another that is not set.
    fn set_empty(&mut self, setting: &Setting) {
        let mut config = Config::default();
        let read = (setting.read)(&mut config, &Value::from(""));
        if read.is_ok() && (setting.write)(&config).as_str() == Some("") {
            self.set(setting, "");
        }
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
        if value.as_str().is_none() {
            self.places.note(setting.key, text);
        }
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

/// Says what a file of variables left in a value: it has its own rules, and
/// takes off neither quotes nor the line ends of Windows.
pub(super) fn remains(text: &str) -> Option<String> {
    let shown = quoted(text);
    if let Some(plain) = text.strip_suffix('\r') {
        let plain = quoted(plain);
        return Some(format!(
            "{shown} ends in a carriage return (CR): write {plain}, and save \
             the file it comes from with the line ends LF"
        ));
    }
    for quote in ['"', '\''] {
        let inner = text.strip_prefix(quote);
        let inner = inner.and_then(|inner| inner.strip_suffix(quote));
        if let Some(inner) = inner.filter(|inner| !inner.contains(quote)) {
            return Some(format!(
                "{text} has quotes that nothing takes off: write {inner}"
            ));
        }
    }
    None
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

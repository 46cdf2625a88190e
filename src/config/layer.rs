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
use super::nearest::nearest;
use super::number;
use super::places::Places;
use super::setting::{Kind, PREFIX, Setting};
use super::syntax;
use super::values::quoted;

/// The settings of the command line.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// The file that replaces the default one.
    pub config_file: Option<PathBuf>,
    /// Settings and their text.
    pub values: Vec<(&'static Setting, String)>,
}

/// The kind of a layer: the source of its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum LayerKind {
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
    pub(super) kind: LayerKind,
    pub(super) values: Dict,
    /// The lines of the values in a file, and their text there.
    pub(super) places: Places,
}

impl Layer {
    /// Reads a TOML file's text.
    pub(super) fn toml(path: &Path, text: &str) -> Result<Self, Problem> {
        let kind = LayerKind::File(path.into());
        match toml::from_str(text) {
            Ok(values) => {
                let places = Places::of(text);
                Ok(Self { kind, values, places })
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

    /// Takes the settings among environment variables. A variable with our
    /// prefix that is not a setting is a problem.
    pub(super) fn environment(
        settings: &[&'static Setting],
        variables: &[(OsString, OsString)],
        ignored: &str,
    ) -> (Self, Vec<Problem>) {
        let mut layer = Self::empty(LayerKind::Environment);
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
                    let text = files_only(settings, &name)
                        .unwrap_or_else(|| unknown(near.as_deref()));
                    problems.push(Problem::new(source, text));
                }
            }
        }
        (layer, problems)
    }

    /// Takes the settings of the command line. A value in quotes that no shell
    /// removed is a problem.
    pub(super) fn flags(flags: &Flags) -> (Self, Vec<Problem>) {
        let mut layer = Self::empty(LayerKind::Flags);
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

    fn empty(kind: LayerKind) -> Self {
        Self { kind, values: Dict::new(), places: Places::default() }
    }

    /// Takes an empty variable. If empty is not a value of the setting, the
    /// variable counts as not set: Compose and Kubernetes make an empty
    /// variable from one that is not set.
    fn set_empty(&mut self, setting: &Setting) {
        let mut config = Config::default();
        let read = (setting.read)(&mut config, &Value::from(""));
        if read.is_ok() && (setting.write)(&config).as_str() == Some("") {
            self.set(setting, "");
        }
    }

    /// Returns the name under which this layer sets `setting`.
    pub(super) fn source(&self, setting: &Setting) -> Source {
        match &self.kind {
            LayerKind::File(path) => Source::File(path.clone()),
            LayerKind::Environment => Source::Variable(setting.variable()),
            LayerKind::Flags => Source::Flag(format!("--{}", setting.flag())),
        }
    }

    fn set(&mut self, setting: &Setting, text: &str) {
        let value = match setting.kind {
            Kind::Text | Kind::Table | Kind::Tables(_) => Value::from(text),
            // Other text stays text, and is refused by name later.
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
        match &self.kind {
            LayerKind::File(path) => {
                Metadata::from("file", figment::Source::File(path.clone()))
            }
            LayerKind::Environment => Metadata::named("environment"),
            LayerKind::Flags => Metadata::named("flags"),
        }
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Default.collect(self.values.clone()))
    }
}

/// Returns the text for the variable of a setting that files alone can have.
fn files_only(settings: &[&'static Setting], name: &str) -> Option<String> {
    let setting = settings.iter().find(|it| it.variable() == name)?;
    Some(setting.files_only())
}

/// Returns the text for an unknown name, with the setting it may mean.
pub(super) fn unknown(nearest: Option<&str>) -> String {
    match nearest {
        Some(name) => format!("unknown setting, did you mean {name}?"),
        None => "unknown setting, geoip-exporter --help lists them all".into(),
    }
}

/// Returns the fault of a value with quotes or with the line end of Windows. A
/// file of variables may have other rules than a shell, and keep both.
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
                "{text} has quotes, which are kept in the value: write {inner}"
            ));
        }
    }
    None
}

/// Returns whether Kubernetes made this variable for a service with the name
/// geoip-exporter. Such a variable must not prevent the start.
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

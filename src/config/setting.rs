//! The definition of a setting, from which its flag, its environment variable,
//! its TOML key and its documents are made.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use figment::value::Value;

use super::Config;
use super::elements::ReadElements;
use super::values::Fault;

/// The prefix of every environment variable.
pub(super) const PREFIX: &str = "GEOIP_EXPORTER_";

/// The time at which a changed setting takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// At a reload.
    Live,
    /// At the next start; a reload keeps the old value.
    Restart,
}

/// The type of a value in TOML. The text of a flag or an environment variable
/// is turned into this type.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// It stays text.
    Text,
    /// Digits become a number.
    Number,
    /// `true` and `false` become a boolean; the flag alone means `true`.
    Switch,
    /// A table: TOML only, no flag and no variable.
    Table,
    /// A list, usually of tables, to which every file adds: TOML only.
    Tables(ReadElements),
}

impl PartialEq for Kind {
    /// Compares the types alone: two functions cannot be compared.
    fn eq(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }
}

impl Eq for Kind {}

/// One setting: its names, its description and its allowed values.
#[derive(Debug)]
pub struct Setting {
    /// The TOML key; a dot separates a table from its key.
    pub key: &'static str,
    /// The type of the value.
    pub kind: Kind,
    /// The placeholder of the value in `--help`.
    pub value_name: &'static str,
    /// The purpose, in a line without a full stop.
    pub summary: &'static str,
    /// Further facts for users, in whole sentences.
    pub details: &'static str,
    /// The allowed values: the end of "X is not ...".
    pub expected: &'static str,
    /// An allowed value, as TOML.
    pub example: &'static str,
    /// The time at which a change takes effect.
    pub effect: Effect,
    /// Puts a value in its field, or returns the fault of the value.
    pub read: fn(&mut Config, &Value) -> Result<(), Fault>,
    /// Returns the field's value in a form that `read` accepts.
    pub write: fn(&Config) -> toml::Value,
    /// Copies the field from another configuration.
    pub copy: fn(&mut Config, &Config),
}

impl Setting {
    /// Returns the name of its flag, without the leading `--`.
    pub fn flag(&self) -> String {
        self.key.replace(['_', '.'], "-")
    }

    /// Returns the name of its environment variable.
    pub fn variable(&self) -> String {
        let key = self.key.replace('.', "__").to_ascii_uppercase();
        format!("{}{key}", PREFIX)
    }

    /// Returns whether a flag and an environment variable can set it.
    pub fn has_flag(&self) -> bool {
        !matches!(self.kind, Kind::Table | Kind::Tables(_))
    }

    /// Returns the key as it stands in a file: `[[range]]` or `range_files`.
    pub(super) fn written(&self) -> String {
        match self.kind {
            Kind::Tables(_) if !self.example.starts_with("[\"") => {
                format!("[[{}]]", self.key)
            }
            _ => self.key.to_owned(),
        }
    }

    /// Returns the text for a flag or variable of a setting that has none.
    pub fn files_only(&self) -> String {
        let written = self.written();
        format!(
            "this setting stands in configuration files only: write {written} \
             there"
        )
    }

    /// Returns the default as TOML.
    pub fn default_value(&self) -> toml::Value {
        (self.write)(&Config::default())
    }

    /// Explains a fault of `value`, which a file may have `written` in another
    /// form. Returns for each fault the place inside the value (empty for the
    /// value itself) and the text.
    pub(super) fn explain(
        &self,
        value: &Value,
        written: Option<&str>,
        fault: Fault,
    ) -> Vec<(String, String)> {
        match fault {
            Fault::NotExpected => {
                let found = written.map_or_else(
                    || super::values::found(value),
                    super::values::number_as_written,
                );
                let Self { expected, example, .. } = self;
                let text =
                    format!("{found} is not {expected}, such as {example}");
                vec![(String::new(), text)]
            }
            Fault::Because(text) => vec![(String::new(), text)],
            Fault::Inside(faults) => faults,
        }
    }
}

//! The definition of a setting, from which its flag, its environment variable,
//! its TOML key and its documents are made.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use figment::value::Value;

use super::Config;
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It stays text.
    Text,
    /// Digits become a number.
    Number,
    /// `true` and `false` become a boolean; the flag alone means `true`.
    Switch,
    /// A table or a list of tables: TOML only, no flag and no variable.
    Table,
}

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
        self.kind != Kind::Table
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

/// Returns the candidate that `name` most likely means, if one is near enough.
pub fn nearest<'a>(
    name: &str,
    candidates: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    const NEAR_ENOUGH: f64 = 0.75;
    let plain = |text: &str| {
        text.trim_start_matches('-').replace('-', "_").to_ascii_lowercase()
    };
    let name = plain(name);
    candidates
        .map(|candidate| {
            let other = plain(candidate);
            // "interval" is far from "poll_interval" by its letters.
            let part = name.len() > 2 && other.contains(&name);
            let score = strsim::jaro_winkler(&name, &other);
            (candidate, if part { score.max(0.9) } else { score })
        })
        .filter(|(_, score)| *score >= NEAR_ENOUGH)
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .map(|(candidate, _)| candidate)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_misspelt_name_finds_the_right_one() {
        let keys = ["poll_interval", "listen_address", "map_max_entries"];
        let near = |name| nearest(name, keys.into_iter());
        assert_eq!(near("pol_interval"), Some("poll_interval"));
        assert_eq!(near("poll-interval"), Some("poll_interval"));
        assert_eq!(near("interval"), Some("poll_interval"));
        assert_eq!(near("listen_adress"), Some("listen_address"));
        assert_eq!(near("MAX_ENTRIES"), Some("map_max_entries"));
        assert_eq!(near("colour"), None);
    }
}

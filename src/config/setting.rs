//! What a setting is: one definition from which its flag, its environment
//! variable, its TOML key and its documents are made.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use figment::value::Value;

use super::Config;
use super::values::Fault;

/// When a changed setting takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// At a reload.
    Live,
    /// At the next start; a reload leaves it as it was.
    Restart,
}

/// How a value that was given as text, by a flag or an environment variable,
/// becomes the value a TOML file would hold.
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

/// One setting: its names, what it decides and which values it takes.
#[derive(Debug)]
pub struct Setting {
    /// The TOML key; a dot separates a table from its key.
    pub key: &'static str,
    /// How text becomes a value.
    pub kind: Kind,
    /// What stands for the value in `--help`.
    pub value_name: &'static str,
    /// What it decides, in a line without a full stop.
    pub summary: &'static str,
    /// What else a user should know, in whole sentences.
    pub details: &'static str,
    /// Which values are allowed: the end of "X is not ...".
    pub expected: &'static str,
    /// A good value, as TOML.
    pub example: &'static str,
    /// When a change takes effect.
    pub effect: Effect,
    /// Puts a value in its field, or says what is wrong with it.
    pub read: fn(&mut Config, &Value) -> Result<(), Fault>,
    /// Returns the field's value, which `read` takes back.
    pub write: fn(&Config) -> toml::Value,
    /// Copies the field from another configuration.
    pub keep: fn(&mut Config, &Config),
}

impl Setting {
    /// Returns the name of its flag, without the leading `--`.
    pub fn flag(&self) -> String {
        self.key.replace(['_', '.'], "-")
    }

    /// Returns the name of its environment variable.
    pub fn variable(&self) -> String {
        let key = self.key.replace('.', "__").to_ascii_uppercase();
        format!("{}{key}", super::layer::PREFIX)
    }

    /// Returns whether a flag and an environment variable can set it.
    pub fn has_flag(&self) -> bool {
        self.kind != Kind::Table
    }

    /// Returns the default as TOML.
    pub fn default_value(&self) -> toml::Value {
        (self.write)(&Config::default())
    }

    /// Says what is wrong with `value`, which a file may have written
    /// otherwise: for each fault the place inside the value (empty for the
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

/// Returns the candidate that `name` is most likely meant to be, if one is
/// near enough to be worth naming.
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

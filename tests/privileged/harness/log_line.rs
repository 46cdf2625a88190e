//! What the exporter logs.

use serde_json::Value;

/// One line of the exporter's log.
#[derive(Clone, Debug)]
pub(crate) struct LogLine {
    fields: Value,
}

impl LogLine {
    /// Reads a line; what is not JSON was not logged.
    pub(super) fn parse(line: &str) -> Option<Self> {
        serde_json::from_str(line).ok().map(|fields| Self { fields })
    }

    /// Returns one of its values as text: `msg`, `level` or a key of its own.
    pub(crate) fn get(&self, key: &str) -> Option<String> {
        match &self.fields[key] {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        }
    }

    /// Returns the whole line.
    pub(crate) fn text(&self) -> String {
        self.fields.to_string()
    }

    /// Returns the message.
    pub(crate) fn message(&self) -> String {
        self.get("msg").unwrap_or_default()
    }
}

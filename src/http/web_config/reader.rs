//! Reads maps, lists and texts, and gathers their faults.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use super::Fault;
use super::yaml::{Node, Value};
use crate::config::nearest;

/// All that was wrong so far.
#[derive(Default)]
pub(super) struct Reader {
    pub(super) faults: Vec<Fault>,
}

impl Reader {
    pub(super) fn fault(
        &mut self,
        line: usize,
        key: &str,
        text: impl Into<String>,
    ) {
        let (key, text) = (key.to_owned(), text.into());
        self.faults.push(Fault { line, key, text });
    }

    /// Returns the entries of a map whose keys are known. `not_done` are keys
    /// of the format that cannot be honoured.
    pub(super) fn entries<'a>(
        &mut self,
        node: &'a Node,
        parent: &str,
        known: &[&'static str],
        not_done: &[&str],
    ) -> Vec<(&'static str, &'a Node)> {
        let entries = match &node.value {
            Value::Map(entries) => entries,
            Value::Null => return Vec::new(),
            _ => {
                self.fault(node.line, parent, "is not a map of keys");
                return Vec::new();
            }
        };
        let mut found = Vec::new();
        for entry in entries {
            let key = &*entry.key;
            if let Some(known) = known.iter().find(|&&known| known == key) {
                found.push((*known, &entry.node));
                continue;
            }
            let text = if not_done.contains(&key) {
                "is not supported; leave it out".to_owned()
            } else {
                match nearest(key, known.iter().copied()) {
                    Some(near) => format!("unknown key, did you mean {near}?"),
                    None => {
                        format!("unknown key, not one of {}", known.join(", "))
                    }
                }
            };
            self.fault(entry.line, &join(parent, key), text);
        }
        found
    }

    pub(super) fn text<'a>(
        &mut self,
        node: &'a Node,
        key: &str,
    ) -> Option<&'a str> {
        match &node.value {
            Value::Scalar { text, .. } => Some(text),
            Value::Null => None,
            _ => {
                self.fault(node.line, key, "is not text");
                None
            }
        }
    }

    pub(super) fn switch(&mut self, node: &Node, key: &str) -> Option<bool> {
        let Value::Scalar { text, is_quoted } = &node.value else {
            self.fault(node.line, key, "is not true or false");
            return None;
        };
        let meant = match &*text.to_ascii_lowercase() {
            "true" | "yes" | "on" => Some(true),
            "false" | "no" | "off" => Some(false),
            _ => None,
        };
        let why = match meant {
            Some(_) if !is_quoted => return meant,
            Some(meant) => {
                format!("{text:?} is text: write {meant}, without quotes")
            }
            None => format!("{text:?} is not true or false"),
        };
        self.fault(node.line, key, why);
        None
    }

    pub(super) fn list(
        &mut self,
        node: &Node,
        key: &str,
    ) -> Vec<(usize, String)> {
        let Value::List(items) = &node.value else {
            if node.value != Value::Null {
                self.fault(node.line, key, "is not a list");
            }
            return Vec::new();
        };
        let items = items.iter().filter_map(|item| {
            Some((item.line, self.text(item, key)?.to_owned()))
        });
        items.collect()
    }
}

/// Returns the name of a key in a map.
pub(super) fn join(parent: &str, key: &str) -> String {
    match parent {
        "" => key.to_owned(),
        parent => format!("{parent}.{key}"),
    }
}

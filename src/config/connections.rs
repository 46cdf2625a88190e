//! The values of the settings of connections.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::sync::Arc;

use figment::value::Value;

use super::nearest;
use super::values::{Fault, quoted, texts};
use crate::ranges::{Prefix, PrefixFault, name_fault};

/// The network namespaces whose connections are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionsScope {
    /// The namespace of the exporter.
    Namespace,
    /// All namespaces, those of containers included.
    Host,
}

impl ConnectionsScope {
    const ALL: [Self; 2] = [Self::Namespace, Self::Host];

    /// Returns its name in the configuration.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Namespace => "namespace",
            Self::Host => "host",
        }
    }
}

/// The remote addresses whose connections are not counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IgnoredConnections {
    /// Prefixes.
    pub prefixes: Vec<Prefix>,
    /// Names of ranges.
    pub ranges: Vec<Arc<str>>,
}

impl IgnoredConnections {
    /// Returns a sentence for each name that no range has.
    #[must_use]
    pub fn unknown(&self, known: &[Arc<str>]) -> Vec<String> {
        let names = || known.iter().map(|name| &**name);
        let unknown = self.ranges.iter().filter(|name| !known.contains(name));
        let sentence = |name: &Arc<str>| {
            let meant = nearest(name, names())
                .map(|near| format!(", did you mean {near:?}?"));
            let meant = meant.unwrap_or_default();
            format!("there is no range with the name {name:?}{meant}")
        };
        unknown.map(sentence).collect()
    }
}

/// Reads a scope.
pub(super) fn scope(value: &Value) -> Result<ConnectionsScope, Fault> {
    let text = super::values::text(value)?.trim();
    let mut scopes = ConnectionsScope::ALL.into_iter();
    scopes
        .find(|scope| scope.name().eq_ignore_ascii_case(text))
        .ok_or(Fault::NotExpected)
}

/// Reads a comma list of prefixes, addresses and names of ranges.
pub(super) fn ignored(value: &Value) -> Result<IgnoredConnections, Fault> {
    let mut ignored = IgnoredConnections::default();
    let lists = texts(value)?.into_iter().map(str::trim);
    for list in lists.filter(|list| !list.is_empty()) {
        for word in list.split(',').map(str::trim) {
            let because = |reason: &str| {
                Fault::Because(format!("{} {reason}", quoted(word)))
            };
            if word.is_empty() {
                return Err(Fault::Because(format!(
                    "{} has an empty entry: write one comma between two \
                     entries",
                    quoted(list)
                )));
            }
            match Prefix::read(word) {
                Ok(prefix) => ignored.prefixes.push(prefix),
                // A text that is neither is taken as a name.
                Err(PrefixFault::Form) if !is_like_a_prefix(word) => {
                    if let Some(fault) = name_fault(word) {
                        return Err(Fault::Because(fault));
                    }
                    ignored.ranges.push(word.into());
                }
                Err(fault) => return Err(because(&fault.to_string())),
            }
        }
    }
    Ok(ignored)
}

/// Returns whether a word is more likely a prefix with a mistake than the name
/// of a range.
fn is_like_a_prefix(word: &str) -> bool {
    let are_of_addresses =
        word.chars().all(|it| it.is_ascii_hexdigit() || ".:[]*".contains(it));
    word.contains('/')
        || are_of_addresses
            && (word.contains([':', '['])
                || word.contains('.')
                    && word.starts_with(|it: char| it.is_ascii_digit()))
}

/// Returns the value that [`ignored()`] reads back.
pub(super) fn ignored_value(ignored: &IgnoredConnections) -> toml::Value {
    let prefixes = ignored.prefixes.iter().map(ToString::to_string);
    let ranges = ignored.ranges.iter().map(ToString::to_string);
    let words = prefixes.chain(ranges).map(toml::Value::from);
    words.collect::<Vec<_>>().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_a_prefix_or_the_name_of_a_range() {
        let value = Value::from("198.51.100.0/24, office,2001:db8::1");
        let read = ignored(&value).unwrap();
        let prefixes: Vec<_> =
            read.prefixes.iter().map(ToString::to_string).collect();
        assert_eq!(prefixes, ["198.51.100.0/24", "2001:db8::1/128"]);
        assert_eq!(read.ranges, ["office".into()]);
        assert_eq!(ignored(&Value::from(" ")).unwrap(), Default::default());
        // These are names, though they have characters of addresses.
        let names = ["de.be", "cafe", "7", "dc 2: 1.2.3", "v1.2.3"];
        let read = ignored(&Value::from(names.to_vec())).unwrap();
        assert_eq!(read.ranges, names.map(Into::into));
        for (text, part) in [
            ("198.51.100.1/24", "has bits set past its length"),
            ("198.51.100.0/33", "is not from 0 to 32"),
            ("x/24", "is no prefix"),
            ("1.2.3", "\"1.2.3\" is no prefix"),
            ("office, [::1]", "\"[::1]\" is no prefix"),
            ("2001:db8:", "is no prefix"),
            ("192.0.2.*", "is no prefix"),
            ("a,,b", "\"a,,b\" has an empty entry"),
            ("a,", "has an empty entry"),
            (" , ", "has an empty entry"),
            ("::ffff:192.0.2.0/120", "in the form of IPv6"),
            ("other", "stands for traffic without a name"),
        ] {
            let Err(Fault::Because(reason)) = ignored(&Value::from(text))
            else {
                panic!("{text}");
            };
            assert!(reason.contains(part), "{text}: {reason}");
        }
    }

    #[test]
    fn a_name_that_no_range_has_is_told_with_the_nearest() {
        let read = ignored(&Value::from("offise, vpn, 192.0.2.1")).unwrap();
        assert_eq!(
            read.unknown(&["office".into(), "vpn".into()]),
            ["there is no range with the name \"offise\", did you mean \
              \"office\"?"]
        );
        assert_eq!(read.unknown(&[]).len(), 2);
    }

    #[test]
    fn a_scope_is_one_of_two_words() {
        let read = |text: &str| scope(&Value::from(text));
        assert_eq!(read(" Host"), Ok(ConnectionsScope::Host));
        assert_eq!(read("namespace"), Ok(ConnectionsScope::Namespace));
        assert_eq!(read("all"), Err(Fault::NotExpected));
    }
}

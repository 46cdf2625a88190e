//! The choice of interfaces: names, patterns and exclusions.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

mod candidate;
mod pattern;

use std::fmt;

use figment::value::Value;

use super::values::{Fault, found, quoted, texts};
pub use candidate::Candidate;
use pattern::{Pattern, Wrong};

/// Signs of a TOML array, which names hardly have.
const TOML_SIGNS: [char; 4] = ['[', ']', '"', '\''];

/// The words that are not names.
const ANY: &str = "any";
const UPLINKS: &str = "uplinks";
const CONTAINERS: &str = "containers";

/// Texts that people write, and the word that each of them means.
const MEANT: [(&str, &str); 8] = [
    ("any", ANY),
    ("all", ANY),
    ("every", ANY),
    ("everything", ANY),
    ("uplinks", UPLINKS),
    ("uplink", UPLINKS),
    ("containers", CONTAINERS),
    ("container", CONTAINERS),
];

/// A choice of interfaces. An interface is counted if one rule includes it and
/// none excludes it; the order does not matter. If all rules exclude, every
/// other interface is included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interfaces(Vec<Rule>);

/// A rule about interfaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    excludes: bool,
    selector: Selector,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Selector {
    /// Every interface but loopback, up or down, also those that appear later.
    Any,
    /// The interfaces that connect the machine to the outside.
    Uplinks,
    /// The interfaces that lead to containers of a machine with cards.
    Containers,
    /// The interfaces whose names match this pattern.
    Names(Pattern),
}

/// The default: one node has hundreds of containers, and the packets that they
/// exchange with the outside pass the card too.
impl Default for Interfaces {
    fn default() -> Self {
        let containers =
            Rule { excludes: true, selector: Selector::Containers };
        Self(Self::any().0.into_iter().chain([containers]).collect())
    }
}

impl Interfaces {
    /// Returns the rule that includes every interface but loopback.
    #[must_use]
    pub fn any() -> Self {
        Self(vec![Rule { excludes: false, selector: Selector::Any }])
    }

    /// Reads a comma list, as in a flag.
    ///
    /// # Errors
    /// Returns the faults of the list, a sentence each.
    pub fn read(list: &str) -> Result<Self, String> {
        rules(&[list]).map(|rules| match rules.is_empty() {
            true => Self::default(),
            false => Self(rules),
        })
    }

    /// Returns the rules, as they were written.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.0
    }

    /// Returns whether an interface is counted.
    #[must_use]
    pub fn choose(&self, candidate: Candidate<'_>) -> bool {
        let matching = |excludes| {
            let rules = self.0.iter();
            let mut rules = rules.filter(move |rule| rule.excludes == excludes);
            rules.any(|rule| rule.matches(candidate))
        };
        let is_included = match self.0.iter().all(|rule| rule.excludes) {
            true => !candidate.is_loopback,
            false => matching(false),
        };
        is_included && !matching(true)
    }

    /// Returns the interfaces that are included by their full name. The
    /// exporter waits for those that do not exist.
    pub fn names(&self) -> impl Iterator<Item = Vec<u8>> {
        let included = self.0.iter().filter(|rule| !rule.excludes);
        included.filter_map(Rule::name)
    }

    /// Returns the largest possible number of interfaces, if all of them are
    /// included by their full name.
    #[must_use]
    pub fn fixed(&self) -> Option<usize> {
        let included = self.0.iter().filter(|rule| !rule.excludes);
        let names: Option<Vec<_>> = included.map(Rule::name).collect();
        names.map(|names| names.len()).filter(|&count| count > 0)
    }

    /// Returns whether a rule selects uplinks.
    #[must_use]
    pub fn have_uplinks(&self) -> bool {
        self.0.iter().any(Rule::selects_uplinks)
    }
}

impl Rule {
    /// Returns whether it excludes the interfaces that it matches.
    #[must_use]
    pub fn excludes(&self) -> bool {
        self.excludes
    }

    /// Returns whether it selects uplinks.
    #[must_use]
    pub fn selects_uplinks(&self) -> bool {
        self.selector == Selector::Uplinks
    }

    /// Returns the name that it matches, if it matches only one.
    #[must_use]
    pub fn name(&self) -> Option<Vec<u8>> {
        match &self.selector {
            Selector::Names(pattern) => pattern.name(),
            Selector::Any | Selector::Uplinks | Selector::Containers => None,
        }
    }

    /// Returns whether it matches this interface. Only its full name includes
    /// the loopback device.
    #[must_use]
    pub fn matches(&self, candidate: Candidate<'_>) -> bool {
        let Candidate { name, is_loopback, is_uplink, is_of_container } =
            candidate;
        match &self.selector {
            Selector::Any => !is_loopback,
            Selector::Uplinks => is_uplink,
            Selector::Containers => is_of_container,
            Selector::Names(pattern) => {
                let is_open =
                    !is_loopback || self.excludes || pattern.name().is_some();
                is_open && pattern.matches(name)
            }
        }
    }
}

impl fmt::Display for Rule {
    /// Writes a text that reads back as the same rule.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.excludes {
            f.write_str("!")?;
        }
        match &self.selector {
            Selector::Any => f.write_str(ANY),
            Selector::Uplinks => f.write_str(UPLINKS),
            Selector::Containers => f.write_str(CONTAINERS),
            Selector::Names(pattern) => pattern.fmt(f),
        }
    }
}

/// Reads text with commas, or a list of such texts.
pub(super) fn interfaces(value: &Value) -> Result<Interfaces, Fault> {
    let parts = texts(value)?;
    let rules = rules(&parts).map_err(Fault::Because)?;
    match (rules.is_empty(), value) {
        // Such as a variable that is set to an empty value.
        (true, Value::String(..)) => Ok(Interfaces::default()),
        (true, _) => Err(Fault::Because(format!(
            "{} names no interface: name one, such as \"eth0\", or \"any\"",
            found(value)
        ))),
        (false, _) => Ok(Interfaces(rules)),
    }
}

/// Returns the value that [`interfaces()`] reads back.
pub(super) fn value(interfaces: &Interfaces) -> toml::Value {
    match interfaces == &Interfaces::any() {
        true => ANY.into(),
        false => {
            let rules = interfaces.0.iter().map(ToString::to_string);
            rules.collect::<Vec<_>>().into()
        }
    }
}

/// Reads the rules of all parts, each a comma list, or returns the faults.
fn rules(parts: &[&str]) -> Result<Vec<Rule>, String> {
    if let Some(part) = parts.iter().find(|part| has_toml_signs(part)) {
        return Err(format!(
            "{} has quotes or brackets: write {}",
            quoted(part),
            quoted(&without_toml_signs(part))
        ));
    }
    let mut rules: Vec<Rule> = Vec::new();
    let mut faults = Vec::new();
    let words = parts.iter().flat_map(|part| split(part)).map(str::trim);
    for word in words.filter(|word| !word.is_empty()) {
        match rule(word) {
            Ok(rule) if rules.contains(&rule) => {}
            Ok(rule) => rules.push(rule),
            Err(fault) => faults.push(fault),
        }
    }
    faults.extend(rules.iter().filter_map(|rule| contradiction(rule, &rules)));
    match faults.is_empty() {
        true => Ok(rules),
        false => Err(faults.join("; ")),
    }
}

/// Returns the bytes without a backslash before them, with their places.
fn unescaped(text: &str) -> impl Iterator<Item = (usize, u8)> {
    let mut is_escaped = false;
    text.bytes().enumerate().filter(move |(_, byte)| {
        let was_escaped = std::mem::take(&mut is_escaped);
        is_escaped = *byte == b'\\' && !was_escaped;
        !was_escaped && !is_escaped
    })
}

fn split(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut begin = 0;
    for (at, _) in unescaped(text).filter(|(_, byte)| *byte == b',') {
        words.push(&text[begin..at]);
        begin = at + 1;
    }
    words.push(&text[begin..]);
    words
}

fn has_toml_signs(text: &str) -> bool {
    unescaped(text).any(|(_, byte)| TOML_SIGNS.contains(&char::from(byte)))
}

/// Returns the list that text such as `["eth0", "wg0"]` means.
fn without_toml_signs(text: &str) -> String {
    let plain = text.replace(TOML_SIGNS, "");
    match rules(&[&plain]) {
        Ok(rules) if !rules.is_empty() => {
            let rules = rules.iter().map(ToString::to_string);
            rules.collect::<Vec<_>>().join(",")
        }
        _ => "eth0,wg0".into(),
    }
}

/// Reads one rule, or returns its fault.
fn rule(text: &str) -> Result<Rule, String> {
    let (excludes, word) = match text.strip_prefix('!') {
        Some(word) => (true, word.trim_start()),
        None => (false, text),
    };
    let selector = match word {
        ANY => Selector::Any,
        UPLINKS => Selector::Uplinks,
        CONTAINERS => Selector::Containers,
        "" => return Err("\"!\" needs a name or pattern behind it".into()),
        word => match meant(word) {
            Some(meant) => return Err(no_name(word, meant)),
            None => Selector::Names(
                Pattern::read(word).map_err(|wrong| explain(word, &wrong))?,
            ),
        },
    };
    Ok(Rule { excludes, selector })
}

/// Returns the word that a text means, if it is one, or nearly one.
fn meant(text: &str) -> Option<&'static str> {
    let mut known = MEANT.iter();
    known
        .find(|(word, _)| text.eq_ignore_ascii_case(word))
        .map(|(_, meant)| *meant)
}

/// Returns whether a text is, or looks like, a word that is not a name.
fn is_word(text: &str) -> bool {
    meant(text).is_some()
}

fn no_name(word: &str, meant: &str) -> String {
    let name = Pattern::exactly(word.as_bytes());
    format!(
        "\"{word}\" is not accepted as a name: write \"{meant}\", or '{name}' \
         for an interface of that name"
    )
}

/// Explains the fault of a name or pattern, and proposes another text.
fn explain(word: &str, wrong: &Wrong) -> String {
    let shown = quoted(word);
    let no_name =
        format!("{shown} is not an interface name, such as \"eth0\":");
    match wrong {
        Wrong::Sign('@') => {
            let name = word.split('@').next().unwrap_or(word);
            format!(
                "{shown} is not a name: ip(8) appends \"@\" and another \
                 interface to it; write {}",
                quoted(name)
            )
        }
        Wrong::Sign(sign @ (';' | '|' | '&')) => format!(
            "{no_name} names are separated by commas; write {}, or '\\{sign}' \
             if it is part of a name",
            quoted(&word.replace([';', '|', '&'], ","))
        ),
        Wrong::Sign(sign) => format!(
            "{no_name} \"{sign}\" has no meaning; write '\\{sign}' if it is \
             part of a name"
        ),
        Wrong::Backslash => format!(
            "{no_name} a backslash stands before a sign, as in '\\*', or \
             before x and two digits, as in '\\xff'"
        ),
        Wrong::Blank => format!("{no_name} it has white space"),
        Wrong::Impossible("has a slash or colon") => match alias(word) {
            Some(device) => format!(
                "{shown} is an alias of the interface {device}: write {}, \
                 which counts both",
                quoted(device)
            ),
            None => format!("{no_name} it has a slash or colon"),
        },
        Wrong::Impossible(why) => format!("{no_name} it {why}"),
    }
}

/// Returns the interface of an alias such as `eth0:1`.
fn alias(word: &str) -> Option<&str> {
    let (device, _) = word.split_once(':')?;
    let is_name = !device.is_empty() && Pattern::read(device).is_ok();
    is_name.then_some(device)
}

/// Returns a text if a rule includes nothing or excludes everything.
fn contradiction(rule: &Rule, rules: &[Rule]) -> Option<String> {
    let is_all = |rule: &Rule| match &rule.selector {
        Selector::Any => true,
        Selector::Names(pattern) => pattern == &Pattern::everything(),
        Selector::Uplinks | Selector::Containers => false,
    };
    if rule.excludes {
        return is_all(rule)
            .then(|| format!("\"{rule}\" excludes every interface"));
    }
    let name = rule.name();
    let mut exclusions =
        rules.iter().filter(|other| other.excludes && !is_all(other));
    let by = exclusions.find(|other| {
        other.selector == rule.selector
            || match (&other.selector, &name) {
                (Selector::Names(pattern), Some(name)) => pattern.matches(name),
                _ => false,
            }
    })?;
    Some(format!("\"{by}\" excludes every interface that \"{rule}\" includes"))
}

#[cfg(test)]
mod tests;

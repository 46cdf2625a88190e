//! Networks: autonomous systems by their numbers, and their names.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::fmt;

use foldhash::fast::FixedState;

use crate::deceptive::is_deceptive;

/// The number of an autonomous system, 0 for none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Network(pub u32);

impl Network {
    /// The network of addresses that belong to none that is known.
    pub const UNKNOWN: Self = Self(0);

    /// Returns the number in a text such as `AS64500` or `64500`.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        let digits = match text.get(..2) {
            Some(start) if start.eq_ignore_ascii_case("AS") => &text[2..],
            _ => text,
        };
        let are_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
        let number = digits.parse().ok().filter(|_| are_digits);
        number.filter(|number| *number != 0).map(Self)
    }
}

impl fmt::Display for Network {
    /// Writes the value of an `asn` label.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::UNKNOWN => f.write_str("UNKNOWN"),
            Self(number) => write!(f, "{number}"),
        }
    }
}

/// The bytes of the longest name that is kept.
pub(super) const LONGEST_NAME: usize = 128;

/// The number of networks whose names are kept: ten times as many as have a
/// number.
const MOST_NAMES: usize = 1 << 20;

/// The names of networks in a database, in one text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetworkNames {
    text: String,
    /// The numbers in order, each with the place and the length of its name.
    places: Box<[(u32, u32, u8)]>,
}

impl NetworkNames {
    /// Returns the name of a network, if the database has one.
    #[must_use]
    pub fn get(&self, network: Network) -> Option<&str> {
        let by_number = |place: &(u32, u32, u8)| place.0.cmp(&network.0);
        let found = self.places.binary_search_by(by_number).ok()?;
        let (_, start, length) = self.places[found];
        let start = start as usize;
        self.text.get(start..start + usize::from(length))
    }

    /// Returns the number of networks with a name.
    #[must_use]
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Returns whether no network has a name.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }
}

/// Names that are being gathered. The first name of a network is kept.
#[derive(Debug, Default)]
pub struct NamesBuilder {
    text: String,
    places: HashMap<u32, (u32, u8), FixedState>,
}

impl NamesBuilder {
    /// Takes in the name of a network.
    pub(super) fn add(&mut self, network: Network, name: &str) {
        if self.places.len() >= MOST_NAMES
            || self.places.contains_key(&network.0)
        {
            return;
        }
        let name = clean(name);
        let start = u32::try_from(self.text.len());
        if let (Ok(start), Ok(length @ 1..)) = (start, u8::try_from(name.len()))
        {
            self.text.push_str(&name);
            self.places.insert(network.0, (start, length));
        }
    }

    pub(super) fn finish(mut self) -> NetworkNames {
        self.text.shrink_to_fit();
        let places = self.places.into_iter();
        let mut places: Vec<_> = places
            .map(|(number, (start, length))| (number, start, length))
            .collect();
        places.sort_unstable();
        NetworkNames { text: self.text, places: places.into() }
    }
}

/// Returns a name for a label: blanks in place of control characters and of
/// marks that turn the direction of writing, one blank between words, and at
/// most [`LONGEST_NAME`] bytes.
pub(super) fn clean(name: &str) -> String {
    clean_with(name, |_| false)
}

/// The same, with the characters that `stays` names between others.
pub(super) fn clean_with(name: &str, stays: fn(char) -> bool) -> String {
    let is_blank = |char: char| {
        char.is_whitespace()
            || (is_deceptive(char)
                || matches!(char, '\u{200b}'..='\u{200d}' | '\u{feff}'))
                && !stays(char)
    };
    let mut cleaned = String::new();
    let words = name.split(is_blank).map(|word| word.trim_matches(stays));
    for word in words.filter(|word| !word.is_empty()) {
        if !cleaned.is_empty() {
            cleaned.push(' ');
        }
        cleaned.push_str(word);
        if cleaned.len() > LONGEST_NAME {
            let end = cleaned.floor_char_boundary(LONGEST_NAME);
            cleaned.truncate(end);
            cleaned.truncate(cleaned.trim_end().len());
            break;
        }
    }
    cleaned
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_number_is_read_with_and_without_letters() {
        for (text, number) in [
            ("AS64500", Some(64_500)),
            ("as64500", Some(64_500)),
            ("64500", Some(64_500)),
            ("AS4294967295", Some(u32::MAX)),
            ("AS4294967296", None),
            ("AS0", None),
            ("AS", None),
            ("", None),
            ("AS+1", None),
            ("AS 1", None),
            ("ASN1", None),
            ("é1", None),
            ("Example", None),
        ] {
            assert_eq!(
                Network::from_text(text).map(|it| it.0),
                number,
                "{text}"
            );
        }
        assert_eq!(Network(64_500).to_string(), "64500");
        assert_eq!(Network::UNKNOWN.to_string(), "UNKNOWN");
    }

    #[test]
    fn a_name_is_cleaned_for_a_label() {
        let long = "ä".repeat(100);
        let longest = "ä".repeat(LONGEST_NAME / 2);
        for (name, expected) in [
            ("Example", "Example"),
            (
                "  Example \t\r\n  Networks\u{0}\u{7f}Inc. ",
                "Example Networks Inc.",
            ),
            ("a\u{202e}b\u{200b}c", "a b c"),
            ("\"quoted\" \\ {}", "\"quoted\" \\ {}"),
            ("\n", ""),
            (&long, &longest),
        ] {
            assert_eq!(clean(name), expected);
        }
    }

    #[test]
    fn the_first_name_of_a_network_is_kept() {
        let mut names = NamesBuilder::default();
        names.add(Network(2), "");
        names.add(Network(2), "two");
        names.add(Network(1), "one");
        names.add(Network(2), "another");
        let names = names.finish();
        assert_eq!(names.get(Network(1)), Some("one"));
        assert_eq!(names.get(Network(2)), Some("two"));
        assert_eq!(names.get(Network(3)), None);
        assert_eq!(names.len(), 2);
    }

    proptest! {
        #[test]
        fn any_name_becomes_a_short_line(name in any::<String>()) {
            let cleaned = clean(&name);
            prop_assert!(cleaned.len() <= LONGEST_NAME);
            prop_assert!(!cleaned.contains(char::is_control));
            prop_assert_eq!(cleaned.trim(), &*cleaned);
        }
    }
}

//! Countries as small numbers, and the labels of those that have no code.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU16;
use std::sync::Arc;

/// The value of a `country` label: `UNKNOWN`, which comes first, an ISO 3166-1
/// alpha-2 code, `PRIVATE`, or a label of the user's own.
///
/// It is a number, as the poller needs it for every flow. A flow's note has a
/// number that is never zero in two bytes, and none in the same two bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Country(NonZeroU16);

/// `AA`, `AB` and so on to `ZZ`, in one text.
const CODES: &str = match std::str::from_utf8(&CODE_LETTERS) {
    Ok(codes) => codes,
    Err(_) => panic!("letters are text"),
};

const CODE_COUNT: u16 = 26 * 26;

const CODE_LETTERS: [u8; CODE_COUNT as usize * 2] = {
    let mut letters = [0; CODE_COUNT as usize * 2];
    let mut at = 0;
    while at < letters.len() {
        let code = at / 2;
        let letter = if at % 2 == 0 { code / 26 } else { code % 26 };
        letters[at] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"[letter];
        at += 1;
    }
    letters
};

impl Country {
    /// The country of unmatched and unlocatable addresses.
    pub const UNKNOWN: Self = Self::at(0);

    /// The country of private addresses, if they have a label.
    pub const PRIVATE: Self = Self::at(1 + CODE_COUNT);

    /// Countries whose label never changes. The numbers of own labels follow.
    pub const FIXED: usize = Self::PRIVATE.index() + 1;

    const fn at(index: u16) -> Self {
        Self(NonZeroU16::MIN.saturating_add(index))
    }

    /// Returns a number that no other country has. The numbers begin at zero
    /// and have no gaps.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0.get() as usize - 1
    }

    /// Returns the country with this code, in either case, or `None` where
    /// the text is not two ASCII letters.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        let letter = |byte: u8| u16::from(byte.to_ascii_uppercase() - b'A');
        match *code.as_bytes() {
            [a, b] if a.is_ascii_alphabetic() && b.is_ascii_alphabetic() => {
                Some(Self::at(1 + letter(a) * 26 + letter(b)))
            }
            _ => None,
        }
    }

    /// Returns the label, unless it is an own one.
    #[must_use]
    pub fn fixed_label(self) -> Option<&'static str> {
        match self {
            Self::UNKNOWN => Some("UNKNOWN"),
            Self::PRIVATE => Some("PRIVATE"),
            code => {
                let place = (code.index() - 1) * 2;
                CODES.get(place..place + 2)
            }
        }
    }

    /// Returns whether the label is neither a code nor `UNKNOWN`.
    #[must_use]
    pub fn is_named(self) -> bool {
        self >= Self::PRIVATE
    }

    /// Returns the country that always has this label.
    fn from_fixed_label(label: &str) -> Option<Self> {
        match label {
            "UNKNOWN" => Some(Self::UNKNOWN),
            "PRIVATE" => Some(Self::PRIVATE),
            // A code in small letters is another label.
            code => Self::from_code(code)
                .filter(|country| country.fixed_label() == Some(label)),
        }
    }
}

impl Default for Country {
    fn default() -> Self {
        Self::UNKNOWN
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.fixed_label() {
            Some(label) => f.write_str(label),
            None => write!(f, "own label {}", self.index() - Self::FIXED),
        }
    }
}

/// The labels of all countries: an interner of those that users made.
///
/// A number keeps its label for as long as the process runs. Another process
/// may give the label another number, so texts are saved and not numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CountryLabels {
    own: Vec<Arc<str>>,
    countries: BTreeMap<Arc<str>, Country>,
}

/// The reason why a text is not a `country` label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LabelFault {
    /// Prometheus takes an empty label for none.
    #[error("it is empty")]
    Empty,
    /// It has more than [`CountryLabels::LONGEST`] bytes.
    #[error("it has more than {} bytes", CountryLabels::LONGEST)]
    Long,
    /// A line break, for example.
    #[error("it has a control character")]
    Control,
    /// There are [`CountryLabels::MOST_OWN`] own labels already.
    #[error("there are {} own labels already", CountryLabels::MOST_OWN)]
    Full,
}

impl CountryLabels {
    /// The largest number of own labels that one process knows.
    pub const MOST_OWN: usize = 4_096;

    /// The bytes of the longest own label.
    pub const LONGEST: usize = 128;

    /// Returns the country with a label, and takes in a label that is new.
    ///
    /// # Errors
    /// If the text is no label, or if there are too many.
    pub fn intern(&mut self, label: &str) -> Result<Country, LabelFault> {
        let fixed = Country::from_fixed_label(label);
        let known = fixed.or_else(|| self.countries.get(label).copied());
        if let Some(country) = known {
            return Ok(country);
        }
        let faults = [
            (label.is_empty(), LabelFault::Empty),
            (label.len() > Self::LONGEST, LabelFault::Long),
            (label.contains(char::is_control), LabelFault::Control),
            (self.own.len() >= Self::MOST_OWN, LabelFault::Full),
        ];
        if let Some((_, fault)) = faults.into_iter().find(|(is_it, _)| *is_it) {
            return Err(fault);
        }
        let index = u16::try_from(Country::FIXED + self.own.len());
        let country = Country::at(index.map_err(|_| LabelFault::Full)?);
        let label: Arc<str> = label.into();
        self.own.push(Arc::clone(&label));
        self.countries.insert(label, country);
        Ok(country)
    }

    /// Returns the label of a country that these labels know.
    #[must_use]
    pub fn get(&self, country: Country) -> &str {
        let own = || self.own.get(country.index() - Country::FIXED);
        country.fixed_label().or_else(|| own().map(|label| &**label)).unwrap_or(
            // Countries come from the labels that are published with them.
            "UNKNOWN",
        )
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_country_has_a_number_of_its_own() {
        let mut labels = CountryLabels::default();
        let letters = || (b'A'..=b'Z').map(char::from);
        let codes = letters().flat_map(|a| letters().map(move |b| (a, b)));
        let codes = codes.map(|(a, b)| format!("{a}{b}"));
        let own = (0..CountryLabels::MOST_OWN).map(|number| {
            // Some look like codes, and are none.
            let hosts = ["de", "private", "HQ 1", "Überall", "\""];
            hosts
                .get(number)
                .map_or(format!("host {number}"), |it| (*it).into())
        });
        let all: Vec<String> = ["UNKNOWN".to_owned()]
            .into_iter()
            .chain(codes)
            .chain(["PRIVATE".to_owned()])
            .chain(own)
            .collect();
        let countries: Vec<_> =
            all.iter().map(|label| labels.intern(label).unwrap()).collect();
        let numbers = countries.iter().map(|country| country.index());
        assert!(numbers.eq(0..Country::FIXED + CountryLabels::MOST_OWN));
        assert!(countries.is_sorted_by(|a, b| a < b));
        for (country, label) in countries.iter().zip(&all) {
            assert_eq!(labels.get(*country), label);
            assert_eq!(labels.intern(label), Ok(*country));
        }
        assert_eq!(labels.intern("one more"), Err(LabelFault::Full));
        assert_eq!(labels.intern("DE").ok(), Country::from_code("de"));
        assert_eq!(countries[0], Country::default());
        let distinct: BTreeSet<_> = countries.into_iter().collect();
        assert_eq!(distinct.len(), all.len());
    }

    #[test]
    fn a_text_that_is_no_label_is_refused() {
        let mut labels = CountryLabels::default();
        let long = "a".repeat(CountryLabels::LONGEST + 1);
        for (text, fault) in [
            ("", LabelFault::Empty),
            (&*long, LabelFault::Long),
            ("a\nb", LabelFault::Control),
        ] {
            assert_eq!(labels.intern(text), Err(fault));
        }
        assert_eq!(labels, CountryLabels::default());
    }

    #[test]
    fn a_note_of_a_country_takes_two_bytes() {
        assert_eq!(size_of::<Option<Country>>(), 2);
    }
}

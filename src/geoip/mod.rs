//! From an address to the country it is registered in.
//!
//! `database` reads a file, `tree` proves that walking it ends, `record` knows
//! the layouts, `format` other files than databases, `cache` remembers answers,
//! and `locator` puts them together for the poller.
//!
//! This file is pure: no I/O, clock, threads or logging.

mod cache;
mod database;
mod format;
mod locator;
mod record;
mod tree;

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

pub use database::{Database, Error, MAX_DATABASE_BYTES};
pub use locator::Locator;

/// Answers where an address is.
///
/// City and network databases answer through traits of their own, so that one
/// missing file takes nothing away from the others.
pub trait LocateCountry: Send {
    /// Returns the country of `address`, `UNKNOWN` where nobody knows.
    fn country_of(&mut self, address: IpAddr) -> Country;
}

/// An ISO 3166-1 alpha-2 country code, or `UNKNOWN`, which comes first.
///
/// Kept as a number, as the poller asks for it with every flow; in a saved
/// state it is its label.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
)]
#[serde(try_from = "String", into = "&'static str")]
pub struct Country(u16);

/// `AA`, `AB` and so on to `ZZ`, in one text.
const CODES: &str = match std::str::from_utf8(&CODE_LETTERS) {
    Ok(codes) => codes,
    Err(_) => panic!("letters are text"),
};

const CODE_LETTERS: [u8; 26 * 26 * 2] = {
    let mut letters = [0; 26 * 26 * 2];
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
    /// The country of private, unmatched and unlocatable addresses.
    pub const UNKNOWN: Self = Self(0);

    /// Two letters, or none.
    pub const COUNT: usize = 26 * 26 + 1;

    /// Returns a number below `COUNT` that no other country has.
    #[must_use]
    pub fn index(self) -> usize {
        self.0.into()
    }

    /// Returns the country with this code, in either case, or `None` where
    /// the text is not two ASCII letters.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        let letter = |byte: u8| u16::from(byte.to_ascii_uppercase() - b'A');
        match *code.as_bytes() {
            [a, b] if a.is_ascii_alphabetic() && b.is_ascii_alphabetic() => {
                Some(Self(1 + letter(a) * 26 + letter(b)))
            }
            _ => None,
        }
    }

    /// Returns the value of the `country` label.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self.index().checked_sub(1) {
            Some(code) => &CODES[code * 2..code * 2 + 2],
            None => "UNKNOWN",
        }
    }
}

impl From<Country> for &'static str {
    fn from(country: Country) -> Self {
        country.as_str()
    }
}

impl TryFrom<String> for Country {
    type Error = &'static str;

    /// Takes a label as [`Country::as_str`] returns it, and no other.
    fn try_from(label: String) -> Result<Self, &'static str> {
        let country = Self::from_code(&label).unwrap_or_default();
        let is_it = country.as_str() == label;
        is_it.then_some(country).ok_or("no country")
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_country_has_a_number_of_its_own() {
        let letters = || (b'A'..=b'Z').map(char::from);
        let codes = letters().flat_map(|a| letters().map(move |b| (a, b)));
        let mut countries: Vec<_> = codes
            .filter_map(|(a, b)| Country::from_code(&format!("{a}{b}")))
            .collect();
        countries.push(Country::UNKNOWN);
        assert_eq!(countries.len(), Country::COUNT);
        for (code, country) in (b'A'..=b'Z')
            .flat_map(|a| (b'A'..=b'Z').map(move |b| [a, b]))
            .zip(&countries)
        {
            assert_eq!(country.as_str().as_bytes(), code);
            assert!(Country::UNKNOWN < *country);
        }
        let numbers = countries.iter().map(|country| country.index());
        let numbers: BTreeSet<_> = numbers.collect();
        assert!(numbers.into_iter().eq(0..Country::COUNT));
    }
}

//! The parameters of a request.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::fmt::Display;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::ops::Range;
use std::str::FromStr;

use super::Refusal;
use crate::accounting::IpVersion;
use crate::api::{DEFAULT_LIMIT, LARGEST_LIMIT};

/// The parameters of a request, each one once, in the order of their names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Reads a query string, which is not decoded yet.
    ///
    /// # Errors
    /// If a parameter is not among `allowed`, or is given twice.
    pub fn parse(text: &str, allowed: &[&str]) -> Result<Self, Refusal> {
        let mut parameters = Vec::new();
        for part in text.split('&').filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let (name, value) = (decoded(name), decoded(value));
            if !allowed.contains(&&*name) {
                return Err(Refusal::Wrong(unknown(&name, allowed)));
            }
            if parameters.iter().any(|(other, _)| *other == name) {
                let reason = format!("{name}: is given twice, once is allowed");
                return Err(Refusal::Wrong(reason));
            }
            parameters.push((name, value));
        }
        parameters.sort_unstable();
        Ok(Self(parameters))
    }

    /// Returns a number that other parameters do not have; zero without any.
    pub(super) fn number(&self) -> u64 {
        if self.0.is_empty() {
            return 0;
        }
        let mut hasher = DefaultHasher::new();
        self.0.hash(&mut hasher);
        hasher.finish()
    }

    /// Returns the value of a parameter.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let mut parameters = self.0.iter();
        let found = parameters.find(|(other, _)| other == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Returns the value of a parameter that is one of a few.
    ///
    /// # Errors
    /// If it is none of them.
    pub fn one_of<T: Copy>(
        &self,
        name: &str,
        values: &[(&str, T)],
    ) -> Result<Option<T>, Refusal> {
        let Some(given) = self.get(name) else { return Ok(None) };
        let found = values.iter().find(|(value, _)| *value == given);
        let Some((_, value)) = found else {
            let names: Vec<_> = values.iter().map(|(name, _)| *name).collect();
            let allowed = names.join(", ");
            return Err(wrong(name, given, &format!("one of {allowed}")));
        };
        Ok(Some(*value))
    }

    /// Returns the value of a parameter that is a number.
    ///
    /// # Errors
    /// If it is none, or not between `least` and `most`.
    pub fn number_of<T: FromStr + PartialOrd + Display>(
        &self,
        name: &str,
        least: T,
        most: T,
    ) -> Result<Option<T>, Refusal> {
        let Some(given) = self.get(name) else { return Ok(None) };
        match given.parse::<T>() {
            Ok(value) if value >= least && value <= most => Ok(Some(value)),
            _ => {
                let allowed = format!("a number from {least} to {most}");
                Err(wrong(name, given, &allowed))
            }
        }
    }

    /// Returns the IP version of `ip_version`.
    ///
    /// # Errors
    /// If it is neither 4 nor 6.
    pub fn ip_version(&self) -> Result<Option<IpVersion>, Refusal> {
        let versions = [("4", IpVersion::V4), ("6", IpVersion::V6)];
        self.one_of("ip_version", &versions)
    }

    /// Returns the places of the rows that `limit` and `offset` ask for.
    ///
    /// # Errors
    /// If one of them is wrong.
    pub fn rows(&self) -> Result<Range<usize>, Refusal> {
        let limit = self.number_of("limit", 1, LARGEST_LIMIT)?;
        let offset = self.number_of("offset", 0, u32::MAX)?.unwrap_or(0);
        let offset = offset as usize;
        Ok(offset..offset.saturating_add(limit.unwrap_or(DEFAULT_LIMIT)))
    }
}

/// Returns the refusal of a value.
fn wrong(name: &str, given: &str, allowed: &str) -> Refusal {
    Refusal::Wrong(format!("{name}: {given:?} is not {allowed}"))
}

fn unknown(name: &str, allowed: &[&str]) -> String {
    match allowed {
        [] => format!("{name:?}: this page takes no parameters"),
        _ => format!(
            "{name:?} is not a parameter of this page; allowed: {}",
            allowed.join(", ")
        ),
    }
}

/// Decodes a part of a query string as browsers encode it. Escapes that are
/// wrong stay as they are.
fn decoded(text: &str) -> String {
    let digit =
        |byte: Option<&u8>| byte.and_then(|it| (*it as char).to_digit(16));
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        let pair = (digit(bytes.get(at)), digit(bytes.get(at + 1)));
        decoded.push(match (byte, pair) {
            (b'+', _) => b' ',
            (b'%', (Some(high), Some(low))) => {
                at += 2;
                u8::try_from(high * 16 + low).unwrap_or_default()
            }
            _ => byte,
        });
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALLOWED: &[&str] = &["interface", "ip_version", "limit", "offset"];

    fn parse(text: &str) -> Query {
        Query::parse(text, ALLOWED).unwrap()
    }

    fn line<T: std::fmt::Debug>(refused: Result<T, Refusal>) -> String {
        match refused.unwrap_err() {
            Refusal::Wrong(line) => line,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn parameters_are_decoded_and_their_order_does_not_matter() {
        let query = parse("ip_version=6&interface=a%2Fb+c%zz&&");
        assert_eq!(query.get("interface"), Some("a/b c%zz"));
        assert_eq!(query.ip_version(), Ok(Some(IpVersion::V6)));
        assert_eq!(query.get("limit"), None);
        let other = parse("interface=a%2fb%20c%zz&ip_version=6");
        assert_eq!(query.number(), other.number());
        assert_ne!(query.number(), parse("ip_version=6").number());
        assert_eq!(parse("").number(), 0);
        assert_eq!(parse("interface=%C3%A4%").get("interface"), Some("ä%"));
    }

    #[test]
    fn rows_are_a_part_of_all() {
        assert_eq!(parse("").rows(), Ok(0..1_000));
        assert_eq!(parse("limit=5&offset=7").rows(), Ok(7..12));
    }

    #[test]
    fn a_wrong_parameter_is_refused_in_one_line() {
        for (text, expected) in [
            (
                "x=1",
                "\"x\" is not a parameter of this page; allowed: \
                     interface, ip_version, limit, offset",
            ),
            ("limit=1&limit=2", "limit: is given twice, once is allowed"),
        ] {
            assert_eq!(line(Query::parse(text, ALLOWED)), expected);
        }
        let none = Query::parse("a%0Ab=1", &[]);
        assert_eq!(line(none), "\"a\\nb\": this page takes no parameters");
        assert_eq!(
            line(parse("ip_version=5").ip_version()),
            "ip_version: \"5\" is not one of 4, 6"
        );
        for text in ["limit=0", "limit=10001", "limit=x", "limit=", "limit"] {
            let refused = line(parse(text).rows());
            assert!(
                refused.ends_with("is not a number from 1 to 10000"),
                "{refused}"
            );
        }
    }
}

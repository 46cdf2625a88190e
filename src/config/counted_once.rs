//! The choice of the interfaces at which the whole machine is counted.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use figment::value::Value;

use super::Interfaces;
use super::interfaces::{self, interfaces};
use super::values::{Fault, texts};

/// The word for the choice by topology.
const AUTO: &str = "auto";

/// The interfaces at which the whole machine is counted: each packet that
/// enters or leaves it passes one of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CountedOnce {
    /// Those that lead outside, by their bus, their routes and their relations.
    Auto,
    /// Those of them that are counted at all.
    Listed(Interfaces),
}

impl CountedOnce {
    /// Returns whether the choice may depend on default routes.
    #[must_use]
    pub fn looks_at_routes(&self) -> bool {
        match self {
            Self::Auto => true,
            Self::Listed(list) => list.have_uplinks(),
        }
    }
}

/// Reads `auto` or a list as that of `interfaces`.
pub(super) fn counted_once(value: &Value) -> Result<CountedOnce, Fault> {
    let parts = texts(value)?;
    let words = parts.iter().flat_map(|part| part.split(','));
    let words: Vec<&str> =
        words.map(str::trim).filter(|word| !word.is_empty()).collect();
    let is_auto = |word: &&str| word.eq_ignore_ascii_case(AUTO);
    match (words.iter().any(is_auto), words.len(), value) {
        (true, 1, _) | (false, 0, Value::String(..)) => Ok(CountedOnce::Auto),
        (true, ..) => Err(Fault::Because(format!(
            "\"{AUTO}\" stands alone: write \"{AUTO}\", or a list without it; an \
             interface of that name is '\\x61uto'"
        ))),
        (false, ..) => Ok(CountedOnce::Listed(interfaces(value)?)),
    }
}

/// Returns the value that [`counted_once()`] reads back.
pub(super) fn value(counted_once: &CountedOnce) -> toml::Value {
    match counted_once {
        CountedOnce::Auto => AUTO.into(),
        CountedOnce::Listed(list) => interfaces::value(list),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<CountedOnce, Fault> {
        counted_once(&Value::from(text))
    }

    #[test]
    fn it_is_auto_or_a_list() {
        for auto in ["auto", " Auto ", ""] {
            assert_eq!(read(auto), Ok(CountedOnce::Auto), "{auto:?}");
        }
        let list = CountedOnce::Listed(Interfaces::read("eth0,wg*").unwrap());
        assert_eq!(read("eth0, wg*"), Ok(list.clone()));
        let array = Value::from(vec!["eth0", "wg*"]);
        assert_eq!(counted_once(&array), Ok(list.clone()));
        assert_eq!(
            counted_once(&Value::from(vec!["auto"])),
            Ok(CountedOnce::Auto)
        );
        assert_eq!(value(&CountedOnce::Auto), "auto".into());
        assert_eq!(
            value(&list),
            toml::Value::from(vec!["eth0".to_owned(), "wg*".to_owned()])
        );
    }

    #[test]
    fn auto_is_no_part_of_a_list() {
        let fault = read("auto,eth0").unwrap_err();
        let Fault::Because(text) = fault else { panic!("{fault:?}") };
        assert!(text.contains("\"auto\" stands alone"), "{text}");
        assert!(matches!(read("eth0,a b"), Err(Fault::Because(_))));
        assert_eq!(counted_once(&Value::from(3)), Err(Fault::NotExpected));
    }

    #[test]
    fn an_interface_that_is_called_auto_can_be_named() {
        let Ok(CountedOnce::Listed(list)) = read("\\x61uto") else {
            panic!("no list")
        };
        let names: Vec<_> = list.names().collect();
        assert_eq!(names, [b"auto".to_vec()]);
    }
}

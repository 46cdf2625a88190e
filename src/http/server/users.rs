//! Names and passwords: those of the web configuration, and those of a client.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

/// Names and the bcrypt hashes of their passwords.
pub(in crate::http) struct Users {
    hashes: BTreeMap<String, String>,
    /// Chooses the hash for a name that nobody has.
    choice: RandomState,
}

impl fmt::Debug for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Hashes belong in no log.
        f.debug_set().entries(self.hashes.keys()).finish()
    }
}

impl Users {
    pub(in crate::http) fn new(hashes: BTreeMap<String, String>) -> Self {
        Self { hashes, choice: RandomState::new() }
    }

    /// Returns the hash to compare with, and whether a match is a login. A name
    /// that nobody has gets the hash of some user: so its check takes as long,
    /// and the time does not tell which names exist.
    pub(super) fn hash_of(&self, name: &str) -> Option<(&str, bool)> {
        if let Some(hash) = self.hashes.get(name) {
            return Some((hash, true));
        }
        let count = u64::try_from(self.hashes.len()).ok()?;
        let index = self.choice.hash_one(name).checked_rem(count)?;
        let hash = self.hashes.values().nth(usize::try_from(index).ok()?)?;
        Some((hash, false))
    }

    /// Returns whether name and password are right. Takes some 50 ms.
    pub(super) fn check(&self, credentials: &Credentials) -> bool {
        let Some((hash, is_known)) = self.hash_of(&credentials.name) else {
            return false;
        };
        // bcrypt compares in constant time. The hashes were validated when the
        // configuration was read.
        let is_equal =
            bcrypt::verify(&credentials.password, hash).unwrap_or(false);
        is_known && is_equal
    }
}

/// The name and the password that a client sends.
pub(super) struct Credentials {
    pub(super) name: String,
    pub(super) password: Vec<u8>,
}

impl Credentials {
    /// Reads the value of `Authorization`.
    pub(super) fn parse(value: &str) -> Option<Self> {
        let (scheme, code) = value.trim().split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let text = BASE64_STANDARD.decode(code.trim()).ok()?;
        let colon = text.iter().position(|&byte| byte == b':')?;
        let (name, rest) = text.split_at(colon);
        let name = String::from_utf8(name.into()).ok()?;
        Some(Self { name, password: rest.get(1..)?.into() })
    }
}

//! Texts of others, as a terminal may have them.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use crate::deceptive::is_deceptive;

/// Returns a text without its deceptive characters.
pub(super) fn plain(text: &str) -> String {
    text.chars().filter(|char| !is_deceptive(*char)).collect()
}

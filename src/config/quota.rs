//! The direction of a quota.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use figment::value::Value;

use super::values::{Fault, text};

/// The traffic that counts for a quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuotaDirection {
    /// Sent bytes.
    Sent,
    /// Received bytes.
    Received,
    /// The sum of both.
    Both,
    /// The larger of the two.
    Larger,
}

impl QuotaDirection {
    const ALL: [Self; 4] =
        [Self::Sent, Self::Received, Self::Both, Self::Larger];

    /// Returns its name in the configuration.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Received => "received",
            Self::Both => "both",
            Self::Larger => "larger",
        }
    }

    /// Returns the part that counts of bytes received and sent.
    #[must_use]
    pub fn of(self, [received, sent]: [u64; 2]) -> u64 {
        match self {
            Self::Sent => sent,
            Self::Received => received,
            Self::Both => received.saturating_add(sent),
            Self::Larger => received.max(sent),
        }
    }
}

/// Reads a direction.
pub(super) fn direction(value: &Value) -> Result<QuotaDirection, Fault> {
    let name = text(value)?;
    let mut all = QuotaDirection::ALL.into_iter();
    all.find(|one| one.name() == name).ok_or(Fault::NotExpected)
}

//! `/api/v1/countries`: the traffic with each country.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use serde::{Deserialize, Serialize};

use super::{Counted, Envelope, Volume};

/// The answer: `whole` is the sum of all rows, `unattributed` and `non_ip`.
///
/// Parameters: `interface=NAME` for one interface, `ip_version=4` or `6`.
/// Without `interface`, the answer shows the machine counted once if `host` is
/// on, and otherwise all interfaces together.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Countries {
    /// The beginning of every answer.
    #[serde(flatten)]
    pub envelope: Envelope,
    /// The traffic that the answer adds up.
    pub counted: Counted,
    /// The interface that was asked for, if any.
    pub interface: Option<String>,
    /// The IP version that was asked for, if any.
    pub ip_version: Option<u8>,
    /// The countries with traffic.
    pub countries: Vec<Country>,
    /// Traffic whose flow left the kernel's map before a poll could find the
    /// country.
    pub unattributed: Volume,
    /// Packets that are not IP or whose header is unreadable; zero if the answer
    /// is of one IP version.
    pub non_ip: Volume,
    /// All traffic.
    pub whole: Volume,
}

/// The traffic with one country.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Country {
    /// The label of the metrics, such as `DE`, `UNKNOWN` or `LAN`.
    pub country: String,
    /// The name; null if there is none.
    pub name: Option<String>,
    /// The traffic.
    #[serde(flatten)]
    pub volume: Volume,
}

//! `/api/v1/hosts`: the traffic with each remote host, counted once on the
//! machine.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use serde::{Deserialize, Serialize};

use super::{Envelope, NetworkName, Totals, Volume};

/// The answer: `whole` is the sum of all hosts that are kept, `forgotten` and
/// `unattributed`.
///
/// Parameters: `country=LABEL`, `network=ASN`, `city=NAME`, `service=NAME` and
/// `range=NAME` for hosts that match all of them; `sort` for another order:
/// `bytes` (the default), `received`, `sent`, `bytes_per_second`,
/// `received_per_second`, `sent_per_second`, `packets`, `first_seen`,
/// `last_seen` or `address`; `limit` and `offset` for a part of the rows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Hosts {
    /// The beginning of every answer.
    #[serde(flatten)]
    pub envelope: Envelope,
    /// The hosts.
    pub hosts: Vec<Host>,
    /// The number of hosts that match, also of those that are not listed.
    pub matching: u64,
    /// The number of all hosts that are kept.
    pub kept: u64,
    /// The place of the first row among those that match.
    pub offset: u64,
    /// The traffic of matching hosts before and behind the listed rows.
    pub not_listed: Volume,
    /// The traffic of hosts that are not kept any more, by country.
    pub forgotten: Vec<Forgotten>,
    /// The traffic that was counted in one country, and that hosts took with
    /// them when a database or a range gave them another one. The hosts of a
    /// country, its forgotten ones and `left`, less `joined`, are the traffic
    /// of the country in `countries`.
    pub moved: Vec<Moved>,
    /// Traffic whose flow left the kernel's map before a poll could find the
    /// host.
    pub unattributed: Volume,
    /// All IP traffic.
    pub whole: Volume,
}

/// A remote host.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Host {
    /// Its address.
    pub address: String,
    /// The label of its country.
    pub country: String,
    /// The name of its subdivision; null if it is unknown.
    pub subdivision: Option<String>,
    /// The name of its city; null if it is unknown.
    pub city: Option<String>,
    /// Its network; null if it is unknown.
    pub network: Option<NetworkName>,
    /// The named range that it is in; null if there is none.
    pub range: Option<String>,
    /// The service of this machine that it used most; null if there is none.
    pub service: Option<String>,
    /// The traffic.
    #[serde(flatten)]
    pub volume: Volume,
    /// The end of the first poll that found traffic, in seconds since 1970.
    pub first_seen: f64,
    /// The end of the last poll that found traffic, in seconds since 1970.
    pub last_seen: f64,
}

/// The traffic of the hosts of one country that are not kept any more.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Forgotten {
    /// The label of the country.
    pub country: String,
    /// The traffic.
    #[serde(flatten)]
    pub volume: Volume,
}

/// The traffic that hosts took with them to another country.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Moved {
    /// The label of a country.
    pub country: String,
    /// The traffic that was counted here for hosts that left it.
    pub left: Totals,
    /// The traffic of hosts that are here, and that was counted elsewhere.
    pub joined: Totals,
}

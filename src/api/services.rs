//! `/api/v1/services`: the traffic of the services of this machine, by country.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use serde::{Deserialize, Serialize};

use super::{Bytes, Envelope};

/// The answer.
///
/// Parameters: `service=NAME` and `country=LABEL` for a part of the rows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Services {
    /// The beginning of every answer.
    #[serde(flatten)]
    pub envelope: Envelope,
    /// The names of all services of the configuration, with traffic or not.
    pub configured: Vec<String>,
    /// The services and countries with traffic.
    pub services: Vec<Service>,
}

/// The traffic of a service with a country.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Service {
    /// The name of the service.
    pub service: String,
    /// The label of the country; `other` for flows that found no room in the
    /// kernel's maps.
    pub country: String,
    /// The bytes.
    #[serde(flatten)]
    pub bytes: Bytes,
    /// Received TCP packets that ask for a connection, over IPv4.
    pub attempts_ipv4: u64,
    /// The same over IPv6.
    pub attempts_ipv6: u64,
    /// Both, per second.
    pub attempts_per_second: Option<f64>,
}

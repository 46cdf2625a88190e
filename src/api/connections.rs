//! `/api/v1/connections`: TCP connections by country.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use serde::{Deserialize, Serialize};

use super::Envelope;

/// The answer. Its counters are those of the last visit of the connections,
/// which has an interval of its own. Rows are in the order of open connections,
/// then of opened ones.
///
/// Parameter: `country=LABEL` for one country.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Connections {
    /// The beginning of every answer.
    #[serde(flatten)]
    pub envelope: Envelope,
    /// The end of the last visit, in seconds since 1970; null before the first.
    pub visited: Option<f64>,
    /// The seconds between the visits that the rates are taken from; null while
    /// there is no rate.
    pub visits_over_seconds: Option<f64>,
    /// The countries.
    pub connections: Vec<CountryConnections>,
    /// Connections that are counted as opened, and nowhere else.
    pub untracked: u64,
}

/// The connections with a country.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CountryConnections {
    /// The label of the country; `other` for connections for whose addresses the
    /// kernel had no room.
    pub country: String,
    /// The name of the country; null if there is none.
    pub name: Option<String>,
    /// Open connections.
    pub open: u64,
    /// The open connections by direction and service.
    pub open_by_service: Vec<OpenConnections>,
    /// Connections that remote hosts asked for.
    pub inbound: ConnectionChanges,
    /// Connections that this machine asked for.
    pub outbound: ConnectionChanges,
    /// Segments sent, retransmitted ones included.
    pub segments_sent: u64,
    /// Segments sent again.
    pub segments_retransmitted: u64,
    /// Bytes of applications that the country acknowledged.
    pub bytes_acked: u64,
    /// Bytes of applications received.
    pub bytes_received: u64,
    /// Segments sent per second.
    pub segments_sent_per_second: Option<f64>,
    /// Segments sent again per second.
    pub segments_retransmitted_per_second: Option<f64>,
    /// Bytes acknowledged per second.
    pub bytes_acked_per_second: Option<f64>,
    /// Bytes of applications received per second.
    pub bytes_received_per_second: Option<f64>,
    /// The round-trip times.
    pub round_trips: RoundTrips,
}

/// Open connections in one direction and of one service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenConnections {
    /// `inbound` or `outbound`.
    pub direction: String,
    /// The service whose port they have; `other` for any other port.
    pub service: String,
    /// Their number.
    pub open: u64,
}

/// The changes of connections in one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ConnectionChanges {
    /// Connections that were established.
    pub opened: u64,
    /// Attempts that ended without a connection. Counted for outbound ones only.
    pub failed: u64,
    /// Established connections that ended.
    pub closed: u64,
    /// Connections that were established, per second.
    pub opened_per_second: Option<f64>,
    /// Attempts that ended without a connection, per second.
    pub failed_per_second: Option<f64>,
    /// Established connections that ended, per second.
    pub closed_per_second: Option<f64>,
}

/// Smoothed round-trip times of open connections, once a visit for each
/// connection that made progress.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RoundTrips {
    /// The number of observations.
    pub observations: u64,
    /// Their sum, in seconds.
    pub sum_seconds: f64,
    /// The mean of the observations that the rates are taken from, in seconds;
    /// null if there was none.
    pub recent_mean_seconds: Option<f64>,
}

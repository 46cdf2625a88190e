//! The wire types of the interface for programs, `/api/v1/`: one file a page.
//!
//! The web server fills them from snapshots, and the commands that ask a running
//! exporter read the same types. So the two cannot disagree on a name.
//!
//! # Rules
//!
//! - Every answer is an object that begins with an [`Envelope`].
//! - Totals are whole numbers of bytes or packets since the counters began. They
//!   equal the metrics of the same poll. A name that ends in `_per_second` is a
//!   rate over [`Envelope::rates_over_seconds`], and null while there is none.
//! - Times are seconds since the beginning of 1970, durations are seconds.
//! - Rows are in the order of their bytes, the largest first, and rows with as
//!   many bytes in the order of their names.
//! - Names stay. Later versions may add names, so readers skip those that they do
//!   not know.
//! - Errors are one line of plain text: 400 for a parameter that is wrong, 404
//!   for a page whose subject is off. The line names the setting that turns it
//!   on.
//!
//! Pure: no I/O, clock, threads or logging.

mod connections;
mod countries;
mod envelope;
mod events;
mod history;
mod hosts;
mod interfaces;
mod networks;
mod ranges;
mod services;
mod summary;
mod unknown;
mod usage;
mod volume;

pub use connections::{
    ConnectionChanges, Connections, CountryConnections, OpenConnections,
    RoundTrips,
};
pub use countries::{Countries, Country};
pub use envelope::{Counted, Envelope};
pub use events::{Event, EventKind, Events};
pub use history::{History, HistoryBy, HistoryRow, Resolution};
pub use hosts::{Forgotten, Host, Hosts, Moved};
pub use interfaces::{Interface, InterfaceStatus, Interfaces};
pub use networks::{Network, NetworkName, Networks};
pub use ranges::{RangePair, Ranges};
pub use services::{Service, Services};
pub use summary::{Database, LastReload, Slices, Summary};
pub use unknown::{Unknown, UnknownPrefix};
pub use usage::{Quota, QuotaDirection, Usage};
pub use volume::{Bytes, Packets, Totals, Volume};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The beginning of the paths of all pages.
pub const PREFIX: &str = "/api/v1/";

/// The rows in an answer of a page that takes `limit`, unless the request says
/// otherwise.
pub const DEFAULT_LIMIT: usize = 1_000;

/// The largest `limit`.
pub const LARGEST_LIMIT: usize = 10_000;

/// The largest time of a parameter, in seconds since 1970: a clock that is far
/// ahead.
pub const LARGEST_TIME: i64 = 1 << 33;

/// The answer of a page.
pub trait Answer: Serialize + DeserializeOwned {
    /// The path of the page, without query string.
    const PATH: &'static str;

    /// Returns the beginning of the answer.
    fn envelope(&self) -> &Envelope;
}

/// Implements [`Answer`] for the types of pages.
macro_rules! answers {
    ($($page:ty: $path:literal),+ $(,)?) => {
        $(impl Answer for $page {
            const PATH: &'static str = concat!("/api/v1/", $path);

            fn envelope(&self) -> &Envelope {
                &self.envelope
            }
        })+

        /// The paths of all pages.
        pub const PATHS: &[&str] = &[$(<$page as Answer>::PATH),+];
    };
}

answers! {
    Summary: "summary",
    Countries: "countries",
    Interfaces: "interfaces",
    Networks: "networks",
    Ranges: "ranges",
    Services: "services",
    Connections: "connections",
    Hosts: "hosts",
    History: "history",
    Usage: "usage",
    Unknown: "unknown",
    Events: "events",
}
